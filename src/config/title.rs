//! `[[title]]`: which JSON Schemas a title's custom data keep to, and the files they are in.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use jsonschema::{Retrieve, Uri};
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::page::{At, Page, meant};
use super::project::in_order;
use super::{ConfigError, text_of};
use crate::contract::{Bag, Title, TitleSchema};
use crate::mpsd::name::is_guid;
use crate::mpsd::target::percent_decode;

/// One `[[title]]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TitleTable {
    /// The service configuration it is about; none for every one.
    pub scid: Option<String>,
    /// The templates it is about; none for every one.
    pub templates: Vec<String>,
    /// Its schemas.
    pub schemas: Vec<SchemaFile>,
    /// The file it stands in.
    pub file: PathBuf,
}

/// A schema a title names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaFile {
    /// What it is about.
    pub bag: Bag,
    /// The schema's file as the title names it, relative to `tapdeck.toml`.
    pub name: String,
    /// Where it is named.
    pub at: At,
}

impl TitleTable {
    pub(super) fn read(page: &Page<'_>, span: Range<usize>, table: DeTable<'_>) -> Result<Self, ConfigError> {
        let mut title = Self { scid: None, templates: Vec::new(), schemas: Vec::new(), file: page.path.to_owned() };
        for (key, value) in in_order(table) {
            let name = key.get_ref().as_ref();
            let text = || text(page, name, &value);
            match (name, Bag::of_key(name)) {
                ("scid", _) if !is_guid(&text()?) => {
                    return Err(page.fault(value.span(), "title.scid: it is no GUID; leave it out to mean every one"));
                }
                ("scid", _) => title.scid = Some(text()?),
                ("template", _) => title.templates = texts(page, name, &value)?,
                (_, Some(bag)) => title.schemas.push(SchemaFile { bag, name: text()?, at: page.at(value.span()) }),
                (_, None) => {
                    let known = Bag::ALL.map(Bag::key);
                    let meant = meant(name, ["scid", "template"].into_iter().chain(known));
                    return Err(page.fault(key.span(), format!("title: there is no key `{name}`{meant}")));
                }
            }
        }
        if title.schemas.is_empty() {
            let known = Bag::ALL.map(Bag::key).join(", ");
            return Err(page.fault(span, format!("title: it names no schema; one of {known} does")));
        }
        Ok(title)
    }

    /// The title with its schemas, read and compiled.
    pub(super) fn compiled(&self, folder: &Path) -> Result<Title, ConfigError> {
        let mut title = Title::new(self.scid.clone(), self.templates.clone());
        for schema in &self.schemas {
            title.keep(schema.bag, self.schema(schema, folder)?);
        }
        Ok(title)
    }

    fn schema(&self, schema: &SchemaFile, folder: &Path) -> Result<TitleSchema, ConfigError> {
        let path = folder.join(&schema.name);
        let named = |reason: String| {
            let reason = format!("title.{}: {reason}", schema.bag.key());
            ConfigError::At { path: self.file.clone(), at: schema.at, reason }
        };
        let text = text_of(&path).map_err(|error| named(error.to_string()))?;
        let value: Value =
            serde_json::from_str(&text).map_err(|error| named(format!("{}: no JSON: {error}", path.display())))?;
        let beside = Beside::of(&path).map_err(|error| named(format!("cannot read {}: {error}", path.display())))?;
        TitleSchema::compile(&schema.name, &value, beside)
            .map_err(|fault| named(format!("{}#{}: {}", path.display(), fault.pointer, fault.reason)))
    }
}

fn text(page: &Page<'_>, name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, ConfigError> {
    let text = value.get_ref().as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| page.fault(value.span(), format!("title.{name}: write a text")))
}

fn texts(page: &Page<'_>, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, ConfigError> {
    match value.get_ref().as_array() {
        None => text(page, name, value).map(|text| vec![text]),
        Some(items) if items.is_empty() => {
            Err(page.fault(value.span(), format!("title.{name}: the list is empty; leave it out for every one")))
        }
        Some(items) => items.iter().map(|item| text(page, name, item)).collect(),
    }
}

/// The files beside a schema: all it may refer to. Nothing is ever fetched.
struct Beside {
    folder: PathBuf,
    read: AtomicUsize,
}

impl Beside {
    fn of(schema: &Path) -> std::io::Result<Self> {
        let folder = schema.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        Ok(Self { folder: folder.canonicalize()?, read: AtomicUsize::new(0) })
    }
}

impl Retrieve for Beside {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let name = uri.as_str().strip_prefix(TitleSchema::BASE);
        let name = name.ok_or("only files beside the schema can be referred to, by their name")?;
        let path = self.folder.join(percent_decode(name).as_ref()).canonicalize()?;
        if !path.starts_with(&self.folder) {
            return Err("it lies outside the schema's folder".into());
        }
        if self.read.fetch_add(1, Ordering::Relaxed) >= FILES_AT_MOST {
            return Err(format!("more than {FILES_AT_MOST} files").into());
        }
        Ok(serde_json::from_str(&text_of(&path)?)?)
    }
}

const FILES_AT_MOST: usize = 100;
