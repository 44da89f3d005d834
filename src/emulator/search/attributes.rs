//! `searchAttributes`: tags, strings and numbers a session can be found by.

use std::collections::BTreeSet;

use crate::emulator::caps;
use crate::emulator::form::only;
use crate::emulator::refusal::Refusal;
use crate::json::{Doc, Kind, Node};
use crate::mpsd::bag::Fields;
use crate::mpsd::system::Misfit;

/// The attributes of a request as text, checked; the three halves clients read are always there.
pub(in crate::emulator) fn attributes(node: Option<Node<'_>>) -> Result<String, Refusal> {
    let mut fields = Fields::default();
    if let Some(node) = node.filter(|node| node.kind() != Kind::Null) {
        only(node, PLACE, &["tags", "strings", "numbers", "achievementIds", "locale"])?;
        for (key, value) in node.members().filter(|(_, value)| value.kind() != Kind::Null) {
            check(&key.str().unwrap_or_default(), value)?;
        }
        fields = Fields::of(node);
        fields.retain(|_, value| value != "null");
    }
    for (name, empty) in [("tags", "[]"), ("strings", "{}"), ("numbers", "{}")] {
        if fields.raw(name).is_none() {
            fields.set(name, empty);
        }
    }
    Ok(fields.to_json())
}

fn check(name: &str, value: Node<'_>) -> Result<(), Misfit> {
    match name {
        "tags" => each(value, name, "is not an array of tags", is_tag),
        "achievementIds" => each(value, name, "is not an array of strings", |item| item.kind() == Kind::String),
        "strings" => named(value, name, "is not an object of strings", |item| item.kind() == Kind::String),
        "numbers" => named(value, name, "is not an object of numbers", |item| number(item).is_some()),
        _ if value.kind() == Kind::String => Ok(()),
        _ => Err(Misfit::new(PLACE, name, "is not a string")),
    }
}

fn each(node: Node<'_>, name: &str, fault: &'static str, fits: impl Fn(Node<'_>) -> bool) -> Result<(), Misfit> {
    if node.kind() != Kind::Array || !node.items().all(fits) {
        return Err(Misfit::new(PLACE, name, fault));
    }
    few(node.items().count(), name)
}

fn named(node: Node<'_>, name: &str, fault: &'static str, fits: impl Fn(Node<'_>) -> bool) -> Result<(), Misfit> {
    if node.kind() != Kind::Object || !node.members().all(|(_, value)| fits(value)) {
        return Err(Misfit::new(PLACE, name, fault));
    }
    let mut seen = BTreeSet::new();
    for (key, _) in node.members() {
        let key = key.str().unwrap_or_default();
        if !is_name(&key) {
            return Err(Misfit::new(
                PLACE,
                name,
                "names an attribute that does not start with a letter, or is too long",
            ));
        }
        if !seen.insert(key.to_lowercase()) {
            return Err(Misfit::new(PLACE, name, "names an attribute twice"));
        }
    }
    few(seen.len(), name)
}

fn few(count: usize, name: &str) -> Result<(), Misfit> {
    match count <= caps::ATTRIBUTES {
        true => Ok(()),
        false => Err(Misfit::new(PLACE, name, "has too many entries")),
    }
}

fn is_tag(node: Node<'_>) -> bool {
    node.str().is_some_and(|tag| is_name(&tag))
}

/// True for a letter and whatever else but spaces, under 100 characters.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && !name.contains(char::is_whitespace)
        && name.chars().count() < 100
}

fn number(node: Node<'_>) -> Option<f64> {
    node.number()?.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A handle's attributes, taken apart to be looked at.
#[derive(Debug)]
pub(super) struct Attributes {
    /// Words somebody may look for.
    pub(super) tags: Vec<String>,
    /// Achievements the session is for.
    pub(super) achievements: Vec<String>,
    /// The language it is held in.
    pub(super) locale: Option<String>,
    strings: Vec<(String, String)>,
    numbers: Vec<(String, f64)>,
}

impl Attributes {
    /// Reads what [`attributes`] made.
    pub(super) fn of(text: &str) -> Self {
        let fields = Doc::parse(text.as_bytes()).map(|doc| Fields::of(doc.root())).unwrap_or_default();
        let (strings, numbers) = (fields.inner("strings"), fields.inner("numbers"));
        Self {
            tags: fields.texts("tags"),
            achievements: fields.texts("achievementIds"),
            locale: fields.text("locale"),
            strings: strings.iter().filter_map(|(name, _)| Some((name.to_owned(), strings.text(name)?))).collect(),
            numbers: numbers.iter().filter_map(|(name, text)| Some((name.to_owned(), text.parse().ok()?))).collect(),
        }
    }

    /// The string of that name, in any case.
    pub(super) fn string(&self, name: &str) -> Option<&str> {
        let found = self.strings.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The number of that name, in any case.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.numbers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}

const PLACE: &str = "searchAttributes";
