//! `[[volatile]]` and `[[bound]]`: what a title's own fields mean when a cassette is played.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::page::{At, Page, meant};
use super::project::in_order;
use crate::mpsd::{Op, ROUTES};
use crate::replay::{COMPARED_HEADERS, Field, Spot};
use crate::slot::Class;

/// One `[[volatile]]` or `[[bound]]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldTable {
    /// The field.
    pub field: Field,
    /// What its values are, when each client has its own; none for a field that may differ.
    pub class: Option<Class>,
    /// Where the table starts.
    pub at: At,
}

/// What a field's table is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Volatile,
    Bound,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Volatile => "volatile",
            Self::Bound => "bound",
        }
    }

    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Volatile => &["op", "pointer", "query", "header"],
            Self::Bound => &["op", "pointer", "class"],
        }
    }
}

impl FieldTable {
    /// The name of the table.
    pub fn name(&self) -> &'static str {
        let purpose = if self.class.is_some() { Purpose::Bound } else { Purpose::Volatile };
        purpose.name()
    }

    pub(super) fn read(
        page: &Page<'_>,
        purpose: Purpose,
        span: Range<usize>,
        table: DeTable<'_>,
    ) -> Result<Self, ConfigError> {
        let name = purpose.name();
        let at = page.at(span.clone());
        let (mut op, mut spot, mut class) = (None, None, None);
        for (key, value) in in_order(table) {
            let word = key.get_ref().as_ref();
            if !purpose.keys().contains(&word) {
                let meant = meant(word, purpose.keys().iter().copied());
                return Err(page.fault(key.span(), format!("{name}: there is no key `{word}`{meant}")));
            }
            let text = text(page, name, word, &value)?;
            let fault = |reason: String| page.fault(value.span(), format!("{name}.{word}: {reason}"));
            match word {
                "op" => op = Some(operation(text).map_err(fault)?),
                "class" => class = Some(bound_class(text).map_err(fault)?),
                _ if spot.is_some() => {
                    return Err(page.fault(key.span(), format!("{name}: a second place; write a table for each")));
                }
                _ => spot = Some(place(word, text).map_err(fault)?),
            }
        }
        let needed = purpose.keys().iter().filter(|key| **key != "op" && **key != "class").copied().collect::<Vec<_>>();
        let spot = spot.ok_or_else(|| {
            page.fault(span.clone(), format!("{name}: it names no place; {} does", needed.join(", or ")))
        })?;
        if purpose == Purpose::Bound && class.is_none() {
            return Err(page.fault(span, format!("bound: it has no class; one of {}", class_names())));
        }
        Ok(Self { field: Field { op, spot }, class, at })
    }
}

fn text<'v>(page: &Page<'_>, table: &str, key: &str, value: &'v Spanned<DeValue<'_>>) -> Result<&'v str, ConfigError> {
    let text = value.get_ref().as_str().filter(|text| !text.is_empty());
    text.ok_or_else(|| page.fault(value.span(), format!("{table}.{key}: write a text")))
}

fn operation(name: &str) -> Result<Op, String> {
    let found = ROUTES.iter().find(|route| route.name == name).map(|route| route.op);
    let known = || ROUTES.iter().map(|route| route.name);
    found.ok_or_else(|| format!("there is no operation `{name}`{}; leave it out for every call", meant(name, known())))
}

fn place(key: &str, text: &str) -> Result<Spot, String> {
    match key {
        "query" => Ok(Spot::Query(text.to_lowercase())),
        "header" => {
            let name = text.to_lowercase();
            let is_compared = COMPARED_HEADERS.contains(&name.as_str());
            let others = || format!("no other header is compared than {}", COMPARED_HEADERS.join(", "));
            if is_compared { Ok(Spot::Header(name)) } else { Err(others()) }
        }
        _ => Spot::pointer(text).ok_or_else(|| "write a JSON pointer: `/` before each step, `*` for any".to_owned()),
    }
}

fn bound_class(name: &str) -> Result<Class, String> {
    let found = BOUND_CLASSES.into_iter().find(|class| class.name() == name);
    found.ok_or_else(|| format!("it is one of {}", class_names()))
}

fn class_names() -> String {
    BOUND_CLASSES.map(Class::name).join(", ")
}

/// What a title's field may hold that is each client's own.
pub const BOUND_CLASSES: [Class; 8] = [
    Class::Session,
    Class::Guid,
    Class::Xuid,
    Class::Gamertag,
    Class::Address,
    Class::DeviceToken,
    Class::Ip,
    Class::Email,
];
