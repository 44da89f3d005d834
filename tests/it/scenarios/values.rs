//! The values a scenario's texts stand for, and what counts as seeing what was expected.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tapdeck::clock::{http_date, mpsd_timestamp};

/// The values known so far.
pub(super) struct Values {
    pub(super) known: BTreeMap<String, Value>,
    /// JSON with values of its own in it.
    pub(super) fragments: BTreeMap<String, Value>,
    pub(super) now: Timestamp,
    pub(super) place: String,
    /// The other players are as they were recorded: what is seen of them is not known, only what has to be remembered.
    pub(super) is_alone: bool,
}

impl Values {
    /// A text with its values in place.
    pub(super) fn text(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, behind) = after.split_once('}').unwrap_or_else(|| panic!("{}: {text}", self.place));
            out.push_str(before);
            out.push_str(&self.value(name));
            rest = behind;
        }
        out + rest
    }

    fn value(&self, name: &str) -> String {
        if let Some(name) = name.strip_suffix("|lower") {
            return self.value(name).to_lowercase();
        }
        if let Some(offset) = name.strip_prefix("now") {
            return mpsd_timestamp(self.moved(offset));
        }
        if let Some(offset) = name.strip_prefix("http-now") {
            return http_date(self.moved(offset));
        }
        let value = self.known.get(name).unwrap_or_else(|| panic!("{}: `{name}` is not known yet", self.place));
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    fn moved(&self, offset: &str) -> Timestamp {
        let milliseconds: i64 = if offset.is_empty() { 0 } else { offset.parse().unwrap() };
        self.now + SignedDuration::from_millis(milliseconds)
    }

    /// JSON with values in its texts, keys included. `"$name"` alone is the value as it was seen, or the fragment.
    pub(super) fn filled(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match (named(text), self.fragment(text)) {
                (_, Some(fragment)) => self.filled(fragment),
                (Some(name), None) => self.known.get(name).unwrap_or_else(|| panic!("{}: {name}", self.place)).clone(),
                (None, None) => Value::String(self.text(text)),
            },
            Value::Array(items) => items.iter().map(|item| self.filled(item)).collect(),
            Value::Object(fields) => {
                Value::Object(fields.iter().map(|(key, value)| (self.text(key), self.filled(value))).collect())
            }
            other => other.clone(),
        }
    }

    /// Demands that `found` shows at least what is expected.
    pub(super) fn check(&mut self, expected: &Value, found: Option<&Value>, place: &str) {
        match (expected, found) {
            (expected, found) if self.is_alone => self.remember(expected, found),
            (Value::String(word), found) => self.check_word(word, found, place),
            (Value::Object(fields), Some(Value::Object(shown))) => {
                for (key, expected) in fields {
                    let key = self.text(key);
                    self.check(expected, shown.get(&key), &format!("{place}/{key}"));
                }
            }
            (Value::Array(items), Some(Value::Array(shown))) => {
                assert_eq!(items.len(), shown.len(), "{place}: {shown:?}");
                for (at, (expected, found)) in items.iter().zip(shown).enumerate() {
                    self.check(expected, Some(found), &format!("{place}/{at}"));
                }
            }
            (expected, found) => assert_eq!(Some(expected), found, "{place}"),
        }
    }

    /// Takes note of every value that has a name.
    fn remember(&mut self, expected: &Value, found: Option<&Value>) {
        match (expected, found) {
            (Value::String(word), Some(found)) => {
                let fragment = self.fragment(word).cloned();
                let name = named(word).filter(|name| !matches!(*name, "absent" | "empty" | "any"));
                match (fragment, name) {
                    (Some(fragment), _) => self.remember(&fragment, Some(found)),
                    (None, Some(name)) if !name.starts_with('!') => {
                        self.known.insert(name.to_owned(), found.clone());
                    }
                    _ => {}
                }
            }
            (Value::Object(fields), Some(found)) => {
                for (key, expected) in fields {
                    let key = self.text(key);
                    self.remember(expected, found.get(&key));
                }
            }
            (Value::Array(items), Some(found)) => {
                for (at, expected) in items.iter().enumerate() {
                    self.remember(expected, found.get(at));
                }
            }
            _ => {}
        }
    }

    fn check_word(&mut self, word: &str, found: Option<&Value>, place: &str) {
        if let Some(fragment) = self.fragment(word).cloned() {
            return self.check(&fragment, found, place);
        }
        match (word, named(word)) {
            ("$absent", _) => assert_eq!(found.filter(|found| !found.is_null()), None, "{place}"),
            ("$empty", _) => assert!(is_empty(found), "{place} is not empty: {found:?}"),
            ("$any", _) => assert!(found.is_some(), "{place} is missing"),
            (_, Some(name)) => {
                let found = found.unwrap_or_else(|| panic!("{place} is missing"));
                match name.strip_prefix('!') {
                    Some(other) => assert_ne!(self.known.get(other), Some(found), "{place}: {word}"),
                    None => {
                        let known = self.known.entry(name.to_owned()).or_insert_with(|| found.clone());
                        assert_eq!(known, found, "{place}: {word}");
                    }
                }
            }
            (text, None) => {
                assert_eq!(Some(self.text(text).as_str()), found.and_then(Value::as_str), "{place}: {found:?}");
            }
        }
    }

    fn fragment(&self, word: &str) -> Option<&Value> {
        named(word).and_then(|name| self.fragments.get(name))
    }
}

/// The name in `"$name"`.
fn named(word: &str) -> Option<&str> {
    word.strip_prefix('$').filter(|name| !name.starts_with('{'))
}

fn is_empty(found: Option<&Value>) -> bool {
    match found {
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        _ => false,
    }
}
