//! The file as a whole: tables of flag values by command, and the tables that are no command's.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, ValueDeserializer};

use super::fields::{FieldTable, Purpose};
use super::page::{At, Page, meant};
use super::title::TitleTable;
use super::{ConfigError, NAME, text_of};
use crate::contract::{self, Rule, Terms, Weight};
use crate::emulator::Policies;
use crate::replay::Fields;

/// What a project has set. Paths in it are relative to the file.
#[derive(Debug, Default)]
pub struct Project {
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// Values of flags: the file's own level first, then its tables, in the file's order.
    pub tables: Vec<Table>,
    /// The choices the documents leave open.
    pub policies: Policies,
    /// Which of them the file makes.
    pub policy_lines: Vec<PolicyLine>,
    /// What rules weigh here.
    pub rules: Vec<RuleLine>,
    /// What titles promise of their custom data.
    pub titles: Vec<TitleTable>,
    /// What titles say of fields of their own.
    pub fields: Vec<FieldTable>,
}

/// Values of flags for one command, or for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The command's words; none for every command.
    pub path: Vec<String>,
    /// Where it starts.
    pub at: At,
    /// Its values.
    pub settings: Vec<Setting>,
}

/// A value of a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The flag's long name.
    pub key: String,
    /// The value.
    pub given: Given,
    /// Where it stands.
    pub at: At,
}

/// A value as the file gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// Yes or no.
    Flag(bool),
    /// One value.
    One(String),
    /// Any number of them.
    Many(Vec<String>),
}

/// A policy the file sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyLine {
    /// Its name.
    pub name: String,
    /// Where it is set.
    pub at: At,
}

/// What a rule weighs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleLine {
    /// The rule.
    pub rule: &'static Rule,
    /// Its weight.
    pub weight: Weight,
    /// Where it is set.
    pub at: At,
}

impl Project {
    /// Reads the file named, or `tapdeck.toml` where we stand, or nothing.
    ///
    /// # Errors
    /// The file cannot be read, or holds what no such file may.
    pub fn find(named: Option<&Path>) -> Result<Self, ConfigError> {
        match named {
            Some(path) => Self::read(path),
            None if Path::new(NAME).exists() => Self::read(Path::new(NAME)),
            None => Ok(Self::default()),
        }
    }

    /// The folder paths in the file are relative to.
    pub fn folder(&self) -> &Path {
        self.file.as_deref().and_then(Path::parent).unwrap_or_else(|| Path::new(""))
    }

    /// The terms traffic is judged by here. Reads the schemas of titles.
    ///
    /// # Errors
    /// A schema cannot be read, or is none.
    pub fn terms(&self) -> Result<Terms, ConfigError> {
        let mut terms = Terms::default();
        for line in &self.rules {
            terms.weigh(line.rule, line.weight);
        }
        for title in &self.titles {
            terms.hold(title.compiled(self.folder())?);
        }
        Ok(terms)
    }

    /// What titles say of their own fields, for the player of a cassette.
    pub fn title_fields(&self) -> Fields {
        let mut fields = Fields::default();
        for FieldTable { field, class, .. } in &self.fields {
            match class {
                Some(class) => fields.bound.push((field.clone(), *class)),
                None => fields.volatile.push(field.clone()),
            }
        }
        fields
    }

    fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = text_of(path)?;
        let page = Page { path, text: &text };
        let root = DeTable::parse(&text).map_err(|error| {
            let (span, message) = (error.span().unwrap_or_default(), error.message().replace('\n', "; "));
            page.fault(span, message)
        })?;
        let mut project = Self { file: Some(path.to_owned()), ..Self::default() };
        project.level(&page, Vec::new(), 0..0, root.into_inner())?;
        Ok(project)
    }

    /// One level of the file: values of flags stay here, tables are levels of their own.
    fn level(
        &mut self,
        page: &Page<'_>,
        path: Vec<String>,
        span: Range<usize>,
        table: DeTable<'_>,
    ) -> Result<(), ConfigError> {
        let mine = self.tables.len();
        self.tables.push(Table { path: path.clone(), at: page.at(span), settings: Vec::new() });
        for (key, value) in in_order(table) {
            let (name, at) = (key.get_ref().as_ref(), page.at(key.span()));
            let words: Vec<&str> = path.iter().map(String::as_str).chain([name]).collect();
            let span = value.span();
            match (words.as_slice(), value.into_inner()) {
                (["rules"], DeValue::Table(table)) => self.rules = rules(page, table)?,
                (["title"], DeValue::Array(tables)) => self.titles = titles(page, tables)?,
                (["emulator", "policies"], DeValue::Table(table)) => self.policies(page, span, table)?,
                (["volatile"], DeValue::Array(tables)) => self.fields(page, Purpose::Volatile, tables)?,
                (["bound"], DeValue::Array(tables)) => self.fields(page, Purpose::Bound, tables)?,
                (["title" | "volatile" | "bound"], _) => {
                    return Err(page.fault(key.span(), format!("{name}: write tables, each [[{name}]]")));
                }
                (["rules"] | ["emulator", "policies"], _) => {
                    return Err(page.fault(key.span(), format!("{}: write a table", words.join("."))));
                }
                (words, DeValue::Table(table)) => {
                    let path = words.iter().map(|word| (*word).to_owned()).collect();
                    self.level(page, path, key.span(), table)?;
                }
                (words, value) => {
                    let given =
                        given(value).map_err(|reason| page.fault(span, format!("{}: {reason}", words.join("."))))?;
                    self.tables[mine].settings.push(Setting { key: name.to_owned(), given, at });
                }
            }
        }
        Ok(())
    }

    fn fields(&mut self, page: &Page<'_>, purpose: Purpose, tables: DeArray<'_>) -> Result<(), ConfigError> {
        for value in tables {
            let span = value.span();
            match value.into_inner() {
                DeValue::Table(table) => self.fields.push(FieldTable::read(page, purpose, span, table)?),
                _ => return Err(page.fault(span, "write tables, each under its name in double brackets")),
            }
        }
        Ok(())
    }

    fn policies(&mut self, page: &Page<'_>, span: Range<usize>, table: DeTable<'_>) -> Result<(), ConfigError> {
        let known = Policies::default().listed();
        let mut spans = Vec::new();
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if !known.iter().any(|policy| policy.name == name) {
                let meant = meant(name, known.iter().map(|policy| policy.name.as_str()));
                return Err(page.fault(key.span(), format!("emulator.policies: there is no policy `{name}`{meant}")));
            }
            self.policy_lines.push(PolicyLine { name: name.to_owned(), at: page.at(key.span()) });
            spans.push((name.to_owned(), key.span()));
        }
        let value = Spanned::new(span.clone(), DeValue::Table(table));
        self.policies = Policies::deserialize(ValueDeserializer::from(value)).map_err(|error| {
            let at = error.span().unwrap_or_else(|| span.clone());
            page.fault(at, format!("emulator.policies: {}", error.message()))
        })?;
        match self.policies.fault() {
            None => Ok(()),
            Some(fault) => {
                let named = spans.into_iter().find(|(name, _)| fault.split(' ').next() == Some(name));
                Err(page.fault(named.map_or(span, |(_, span)| span), format!("emulator.policies: {fault}")))
            }
        }
    }
}

/// A table's members as they stand in the file.
pub(super) fn in_order<'i>(table: DeTable<'i>) -> Vec<(Spanned<std::borrow::Cow<'i, str>>, Spanned<DeValue<'i>>)> {
    let mut members: Vec<_> = table.into_iter().collect();
    members.sort_by_key(|(key, _)| key.span().start);
    members
}

fn given(value: DeValue<'_>) -> Result<Given, String> {
    match value {
        DeValue::Boolean(flag) => Ok(Given::Flag(flag)),
        DeValue::Array(items) => {
            items.into_iter().map(|item| one(item.into_inner())).collect::<Result<_, _>>().map(Given::Many)
        }
        value => one(value).map(Given::One),
    }
}

fn one(value: DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.into_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.to_string()),
        DeValue::Float(number) => Ok(number.to_string()),
        _ => Err("no flag has such a value: write a text, a number, true or false, or a list of texts".into()),
    }
}

fn rules(page: &Page<'_>, table: DeTable<'_>) -> Result<Vec<RuleLine>, ConfigError> {
    let line = |(key, value): (Spanned<std::borrow::Cow<'_, str>>, Spanned<DeValue<'_>>)| {
        let name = key.get_ref().as_ref();
        let rule = contract::rule(name).ok_or_else(|| {
            let meant = meant(name, contract::rules().iter().map(|rule| rule.id));
            page.fault(key.span(), format!("rules: there is no rule `{name}`{meant}"))
        })?;
        let weight = value.get_ref().as_str().and_then(Weight::of).ok_or_else(|| {
            page.fault(value.span(), format!("rules.{name}: write \"off\", \"info\", \"warning\" or \"error\""))
        })?;
        Ok(RuleLine { rule, weight, at: page.at(key.span()) })
    };
    in_order(table).into_iter().map(line).collect()
}

fn titles(page: &Page<'_>, tables: DeArray<'_>) -> Result<Vec<TitleTable>, ConfigError> {
    let title = |value: Spanned<DeValue<'_>>| {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => TitleTable::read(page, span, table),
            _ => Err(page.fault(span, "title: write tables, each [[title]]")),
        }
    };
    tables.into_iter().map(title).collect()
}
