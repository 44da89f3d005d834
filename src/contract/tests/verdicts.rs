//! The verdict table: one row per field of the documents and way to get it wrong, with what must be found.
//!
//! `verdicts/*.tsv` has six columns: a good exchange (`bases/*.txt`; `create` stands for `create-105` and `create-107`),
//! a place in it, the mutation, the values to try, the rules broken (`allowed`: none), and why.
//!
//! | mutation | what is done at the place |
//! | --- | --- |
//! | `drop` | what stands there is taken away |
//! | `type`, `enum`, `range` | it is replaced by each of the values: of a wrong type, of no known word, out of range |
//! | `place` | the value is put there, where it does not belong |
//! | `sibling` | a name no document knows is put there |
//! | `conflict` | the values are merged in (RFC 7396): each alone is right, together they are not |
//!
//! A place is the request's `body` or the `answer` with a JSON pointer, a `header`, an `answer header`, the `status`,
//! a `query` parameter or the `path`. In bodies, values are JSON texts one after the other; elsewhere one plain text.

use std::collections::BTreeSet;

use super::example::{Example, filled, merge};
use super::*;
use crate::json::join_pointer;
use crate::message::{Body, Request};

/// One row of the table.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Where the row stands, for those who have to look at it.
    pub(super) line: String,
    base: &'static str,
    place: &'static str,
    mutation: &'static str,
    value: &'static str,
    expected: Vec<&'static str>,
}

/// Every row.
pub(super) fn rows() -> Vec<Row> {
    TABLES
        .iter()
        .flat_map(|(name, table)| table.lines().enumerate().skip(1).map(|(at, line)| row(name, at, line)))
        .collect()
}

fn row(table: &str, at: usize, text: &'static str) -> Row {
    let line = format!("{table}:{}: {text}", at + 1);
    let columns: Vec<&str> = text.split('\t').collect();
    let [base, place, mutation, value, expected, why] = columns[..] else { panic!("six columns: {line}") };
    assert!(MUTATIONS.contains(&mutation) && !why.is_empty(), "{line}");
    let mut expected: Vec<&str> = expected.split(' ').filter(|rule| *rule != "allowed").collect();
    assert!(expected.iter().all(|id| rule(id).is_some()), "{line}");
    expected.sort_unstable();
    Row { line, base, place, mutation, value, expected }
}

impl Row {
    /// The exchanges the row makes.
    pub(super) fn examples(&self) -> Vec<Example> {
        let bases = bases_of(self.base);
        assert!(!bases.is_empty(), "no such base: {}", self.line);
        bases.into_iter().flat_map(|base| self.mutants(base)).collect()
    }

    fn mutants(&self, base: &str) -> Vec<Example> {
        let (part, at) = self.place.split_once(' ').unwrap_or((self.place, ""));
        let (part, at) = match at.strip_prefix("header ") {
            Some(name) => ("answer header", name),
            None => (part, at),
        };
        let mut example = Example::read(base);
        let given = (self.mutation != "drop").then_some(self.value);
        match part {
            "body" => return self.bodies(base, at, |example| &mut example.call.request.body),
            "answer" => return self.bodies(base, at, |example| &mut example.answer.as_mut().unwrap().response.body),
            "header" => edit(&mut example.call.request.headers, at, given),
            "answer header" => edit(&mut example.answer.as_mut().unwrap().response.headers, at, given),
            "status" => example.answer.as_mut().unwrap().response.status = self.value.parse().unwrap(),
            "query" => example.call = retargeted(&example.call, &queried(&example.call.request.target, at, given)),
            "path" => example.call = retargeted(&example.call, self.value),
            _ => panic!("no such place: {}", self.line),
        }
        vec![example]
    }

    fn bodies(&self, base: &str, pointer: &str, body: fn(&mut Example) -> &mut Body) -> Vec<Example> {
        let mutant = |value: Option<Value>| {
            let mut example = Example::read(base);
            let mut document: Value = serde_json::from_slice(body(&mut example).wire()).unwrap();
            self.mutate(&mut document, pointer, value);
            *body(&mut example) = Body::plain(document.to_string());
            example
        };
        if self.mutation == "drop" {
            return vec![mutant(None)];
        }
        let values = serde_json::Deserializer::from_str(self.value).into_iter::<Value>();
        let values: Vec<Value> =
            values.map(|value| value.unwrap_or_else(|error| panic!("{error}: {}", self.line))).collect();
        assert!(!values.is_empty(), "{}", self.line);
        values.into_iter().map(|value| mutant(Some(value))).collect()
    }

    fn mutate(&self, document: &mut Value, pointer: &str, value: Option<Value>) {
        if self.mutation == "conflict" {
            let target = document.pointer_mut(pointer).unwrap_or_else(|| panic!("nothing there: {}", self.line));
            return merge(target, value.unwrap());
        }
        let (parent, name) = pointer.rsplit_once('/').unwrap_or_else(|| panic!("no pointer: {}", self.line));
        let name = name.replace("~1", "/").replace("~0", "~");
        let known = document.pointer(pointer).is_some();
        let is_new = matches!(self.mutation, "place" | "sibling");
        assert!(known != is_new, "is it there? {}", self.line);
        match (document.pointer_mut(parent), value) {
            (Some(Value::Object(members)), Some(value)) => drop(members.insert(name, value)),
            (Some(Value::Object(members)), None) => drop(members.shift_remove(&name)),
            (Some(Value::Array(items)), Some(value)) => items[name.parse::<usize>().unwrap()] = value,
            (Some(Value::Array(items)), None) => drop(items.remove(name.parse().unwrap())),
            _ => panic!("nothing there: {}", self.line),
        }
    }
}

fn edit(headers: &mut Headers, name: &str, value: Option<&'static str>) {
    match value {
        Some(value) => headers.set(name, value),
        None => headers.remove(name),
    }
}

fn queried(target: &str, name: &str, value: Option<&str>) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let others = query.split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(name));
    let pairs: Vec<String> = others.map(str::to_owned).chain(value.map(|value| format!("{name}={value}"))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// The same call to another target; a path is written with the names of `ROUTES` in braces.
fn retargeted(call: &Call, target: &str) -> Call {
    let target = filled(target);
    Call::new(call.client, call.protocol, call.service, Request { target, ..call.request.clone() })
}

fn bases_of(name: &str) -> Vec<&'static str> {
    let is_of = |known: &str| known.strip_prefix(name).is_some_and(|rest| matches!(rest, "" | "-105" | "-107"));
    BASES.iter().filter(|(known, _)| is_of(known)).map(|(_, text)| *text).collect()
}

/// Rule ids of both directions, sorted, each once.
fn ids(example: &Example) -> Vec<&'static str> {
    let mut ids: Vec<&str> = judged(example).iter().map(|finding| finding.rule.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[test]
fn every_base_breaks_nothing() {
    for (name, text) in BASES {
        let found = findings(text);
        assert!(found.is_empty(), "{name}: {found:#?}");
    }
}

#[test]
fn every_row_of_the_verdict_table_holds() {
    let mut wrong = Vec::new();
    for row in rows() {
        for example in row.examples() {
            let ids = ids(&example);
            if ids != row.expected {
                wrong.push(format!("{}\n    found {ids:?}", row.line));
            }
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{} rows do not hold:\n{}", wrong.len(), wrong.join("\n"));
}

/// What stands in a base is documented, so it is dropped and given a wrong type somewhere, and has a sibling unknown.
#[test]
fn every_field_of_every_base_has_its_rows() {
    let rows = rows();
    let has = |mutation: &str, base: &str, place: &str| {
        let base = base.trim_end_matches("-105").trim_end_matches("-107");
        let is_of = |known: &str| known.trim_end_matches("-105").trim_end_matches("-107") == base;
        rows.iter().any(|row| row.mutation == mutation && row.place == place && is_of(row.base))
    };
    let mut missing = BTreeSet::new();
    for (base, text) in BASES {
        for (place, value, is_item) in places(text) {
            if !has("type", base, &place) {
                missing.insert(format!("{base}\t{place}\ttype"));
            }
            if !is_item && !has("drop", base, &place) {
                missing.insert(format!("{base}\t{place}\tdrop"));
            }
            let sibling = join_pointer(&place, "zebra");
            if value.is_object() && !has("sibling", base, &sibling) {
                missing.insert(format!("{base}\t{sibling}\tsibling"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.into_iter().collect::<Vec<_>>().join("\n"));
}

/// Every value in a base's bodies with its place, outside of custom objects; true for the items of arrays.
fn places(text: &str) -> Vec<(String, Value, bool)> {
    let example = Example::read(text);
    let body = |body: &Body| serde_json::from_slice::<Value>(body.wire()).unwrap_or_default();
    let mut todo = vec![("body ".to_owned(), body(&example.call.request.body), false)];
    todo.extend(example.answer.map(|answer| ("answer ".to_owned(), body(&answer.response.body), false)));
    let mut all = Vec::new();
    while let Some((place, value, is_item)) = todo.pop() {
        match &value {
            Value::Object(members) => {
                let documented = members.iter().filter(|(name, _)| *name != "custom");
                todo.extend(documented.map(|(name, value)| (join_pointer(&place, name), value.clone(), false)));
            }
            Value::Array(items) => {
                todo.extend(items.iter().enumerate().map(|(at, value)| (format!("{place}/{at}"), value.clone(), true)));
            }
            _ => {}
        }
        if !place.ends_with(' ') {
            all.push((place, value, is_item));
        }
    }
    all
}

const MUTATIONS: [&str; 7] = ["drop", "type", "enum", "range", "place", "sibling", "conflict"];

/// Good exchanges that show every documented field.
pub(super) const BASES: [(&str, &str); 21] = [
    ("create-105", include_str!("bases/create-105.txt")),
    ("create-107", include_str!("bases/create-107.txt")),
    ("update-105", include_str!("bases/update-105.txt")),
    ("update-107", include_str!("bases/update-107.txt")),
    ("large-105", include_str!("bases/large-105.txt")),
    ("large-107", include_str!("bases/large-107.txt")),
    ("update-large-107", include_str!("bases/update-large-107.txt")),
    ("service-107", include_str!("bases/service-107.txt")),
    ("properties-107", include_str!("bases/properties-107.txt")),
    ("me-107", include_str!("bases/me-107.txt")),
    ("server-107", include_str!("bases/server-107.txt")),
    ("shared-107", include_str!("bases/shared-107.txt")),
    ("lost-107", include_str!("bases/lost-107.txt")),
    ("read-105", include_str!("bases/read-105.txt")),
    ("read-107", include_str!("bases/read-107.txt")),
    ("read-large-107", include_str!("bases/read-large-107.txt")),
    ("limited-107", include_str!("bases/limited-107.txt")),
    ("activity-107", include_str!("bases/activity-107.txt")),
    ("invite-107", include_str!("bases/invite-107.txt")),
    ("search-107", include_str!("bases/search-107.txt")),
    ("transfer-107", include_str!("bases/transfer-107.txt")),
];

const TABLES: [(&str, &str); 4] = [
    ("session.tsv", include_str!("verdicts/session.tsv")),
    ("handle.tsv", include_str!("verdicts/handle.tsv")),
    ("answer.tsv", include_str!("verdicts/answer.tsv")),
    ("message.tsv", include_str!("verdicts/message.tsv")),
];
