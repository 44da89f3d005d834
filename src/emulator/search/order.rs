//! `orderBy`: one fact, up or down. What lacks it comes last; ties stand in order of posting.

use std::cmp::Ordering;

use super::path::{NumberPath, Path, TextPath};
use super::subject::Subject;
use crate::emulator::refusal::Refusal;

/// The order of search results.
#[derive(Debug)]
pub(in crate::emulator) struct Order {
    key: Key,
    direction: Direction,
}

#[derive(Debug)]
enum Key {
    /// When the handle was made.
    Posted,
    /// A fact a filter could name.
    Path(Path),
    /// A number attribute of that name, or else a string attribute.
    Attribute(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Ascending,
    Descending,
}

/// A fact's value; variants never meet but where one handle has a number and another a string of one name.
#[derive(Debug)]
enum Value {
    Number(f64),
    Text(String),
    Time(jiff::Timestamp),
}

impl Order {
    /// Reads an `orderBy`; without one the oldest come first.
    pub(in crate::emulator) fn read(text: Option<&str>) -> Result<Self, Refusal> {
        let words: Vec<&str> = text.unwrap_or_default().split_whitespace().collect();
        let direction = match words.get(1).map(|word| word.to_ascii_lowercase()).as_deref() {
            None | Some("asc") => Direction::Ascending,
            Some("desc") => Direction::Descending,
            Some(_) => return Err(Refusal::invalid("The orderBy has a second word that is neither asc nor desc.")),
        };
        if words.len() > 2 {
            return Err(Refusal::invalid("The orderBy has more than two words."));
        }
        let key = match words.first().map(|word| word.to_ascii_lowercase()).as_deref() {
            None | Some("timestamp" | "createtime") => Key::Posted,
            Some(lower) => match Path::read(words[0]) {
                Some(path) => Key::Path(path),
                None if lower.contains('/') => return Err(Refusal::invalid("The orderBy names no known attribute.")),
                None => Key::Attribute(words[0].to_owned()),
            },
        };
        Ok(Self { key, direction })
    }

    /// How two stand in this order.
    pub(in crate::emulator) fn compare(&self, left: &Subject<'_>, right: &Subject<'_>) -> Ordering {
        let by_value = match (self.value(left), self.value(right)) {
            (Some(left), Some(right)) if self.direction == Direction::Descending => right.compare(&left),
            (Some(left), Some(right)) => left.compare(&right),
            (left, right) => left.is_none().cmp(&right.is_none()),
        };
        by_value.then_with(|| left.posted().cmp(&right.posted())).then_with(|| left.id().cmp(right.id()))
    }

    fn value(&self, subject: &Subject<'_>) -> Option<Value> {
        match &self.key {
            Key::Posted => Some(Value::Time(subject.posted())),
            Key::Path(Path::Text(path)) => subject.text(path).map(|text| Value::Text(text.to_lowercase())),
            Key::Path(Path::Number(path)) => subject.number(path).map(Value::Number),
            Key::Path(Path::Time(path)) => subject.time(*path).map(Value::Time),
            Key::Attribute(name) => {
                let number = subject.number(&NumberPath::Attribute(name.clone())).map(Value::Number);
                let text = || subject.text(&TextPath::Attribute(name.clone()));
                number.or_else(|| text().map(|text| Value::Text(text.to_lowercase())))
            }
        }
    }
}

impl Value {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => left.total_cmp(right),
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            (Self::Time(left), Self::Time(right)) => left.cmp(right),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Text(_) => 1,
            Self::Time(_) => 2,
        }
    }
}
