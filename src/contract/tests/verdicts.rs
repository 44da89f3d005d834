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
//! A place is the request's `body`, the `answer` or a `message` with a JSON pointer, a `header`, an `answer header`,
//! the `status`, a `query` parameter or the `path`. In bodies, values are JSON texts one after the other; elsewhere one plain text.

use std::collections::BTreeSet;

use super::example::{Step, filled, merge, steps};
use super::*;
use crate::json::join_pointer;
use crate::message::{Body, Request};
use crate::socket::Message;

/// One row of the table.
#[derive(Clone, Debug)]
pub(in crate::contract) struct Row {
    /// Where the row stands, for those who have to look at it.
    pub(super) line: String,
    base: &'static str,
    place: &'static str,
    mutation: &'static str,
    values: &'static str,
    expected: Vec<&'static str>,
}

/// Every row.
pub(in crate::contract) fn rows() -> Vec<Row> {
    let lines = |table: &'static str| table.lines().enumerate().skip(1);
    TABLES.iter().flat_map(|(name, table)| lines(table).map(move |(at, line)| row(name, at, line))).collect()
}

fn row(table: &str, at: usize, text: &'static str) -> Row {
    let line = format!("{table}:{}: {text}", at + 1);
    let columns: Vec<&str> = text.split('\t').collect();
    let [base, place, mutation, values, expected, why] = columns[..] else { panic!("six columns: {line}") };
    assert!(MUTATIONS.contains(&mutation) && !why.is_empty(), "{line}");
    let mut expected: Vec<&str> = expected.split(' ').filter(|rule| *rule != "allowed").collect();
    assert!(expected.iter().all(|id| rule(id).is_some()), "{line}");
    expected.sort_unstable();
    Row { line, base, place, mutation, values, expected }
}

impl Row {
    /// What the row makes of its bases.
    pub(in crate::contract) fn cases(&self) -> Vec<Step> {
        let bases = bases_of(self.base);
        assert!(!bases.is_empty(), "no such base: {}", self.line);
        bases.into_iter().flat_map(|base| self.mutants(base)).collect()
    }

    fn mutants(&self, base: &str) -> Vec<Step> {
        let (part, at) = self.place.split_once(' ').unwrap_or((self.place, ""));
        if matches!(part, "body" | "message") || (part == "answer" && !at.starts_with("header ")) {
            return self.documents(base, part, at);
        }
        let given = (self.mutation != "drop").then_some(self.values);
        let mut step = step(base);
        let Step::Exchange(example) = &mut step else { panic!("no exchange: {}", self.line) };
        match (part, at.strip_prefix("header ")) {
            ("answer", Some(name)) => edit(&mut example.answer.as_mut().unwrap().response.headers, name, given),
            ("header", _) => edit(&mut example.call.request.headers, at, given),
            ("status", _) => example.answer.as_mut().unwrap().response.status = self.values.parse().unwrap(),
            ("query", _) => example.call = retargeted(&example.call, &queried(&example.call.request.target, at, given)),
            ("path", _) => example.call = retargeted(&example.call, self.values),
            _ => panic!("no such place: {}", self.line),
        }
        vec![step]
    }

    fn documents(&self, base: &str, part: &str, pointer: &str) -> Vec<Step> {
        let mutant = |value: Option<Value>| {
            let mut step = step(base);
            let mut document = document(&step, part).unwrap_or_else(|| panic!("no such place: {}", self.line));
            self.mutate(&mut document, pointer, value);
            put(&mut step, part, &document);
            step
        };
        if self.mutation == "drop" {
            return vec![mutant(None)];
        }
        let values = serde_json::Deserializer::from_str(self.values).into_iter();
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
        let Some((parent, name)) = pointer.rsplit_once('/') else {
            *document = value.unwrap();
            return;
        };
        let name = name.replace("~1", "/").replace("~0", "~");
        let is_new = matches!(self.mutation, "place" | "sibling");
        assert!(document.pointer(pointer).is_some() != is_new, "is it there? {}", self.line);
        match (document.pointer_mut(parent), value) {
            (Some(Value::Object(members)), Some(value)) => drop(members.insert(name, value)),
            (Some(Value::Object(members)), None) => drop(members.shift_remove(&name)),
            (Some(Value::Array(items)), Some(value)) if is_new => items.push(value),
            (Some(Value::Array(items)), Some(value)) => items[name.parse::<usize>().unwrap()] = value,
            (Some(Value::Array(items)), None) => drop(items.remove(name.parse().unwrap())),
            _ => panic!("nothing there: {}", self.line),
        }
    }
}

/// The one thing a base is.
pub(in crate::contract) fn step(base: &str) -> Step {
    let mut steps = steps(base.trim_end());
    assert_eq!(steps.len(), 1, "{base}");
    steps.remove(0)
}

/// A JSON document of a step: its `body`, its `answer` or the `message` it is.
pub(in crate::contract) fn document(step: &Step, part: &str) -> Option<Value> {
    let bytes = match (step, part) {
        (Step::Exchange(example), "body") => example.call.request.body.wire(),
        (Step::Exchange(example), "answer") => example.answer.as_ref()?.response.body.wire(),
        (Step::Message(_, message), "message") => return serde_json::from_slice(&message.payload).ok(),
        _ => return None,
    };
    serde_json::from_slice(bytes).ok()
}

fn put(step: &mut Step, part: &str, document: &Value) {
    let text = document.to_string();
    match (step, part) {
        (Step::Exchange(example), "body") => example.call.request.body = Body::plain(text),
        (Step::Exchange(example), _) => example.answer.as_mut().unwrap().response.body = Body::plain(text),
        (Step::Message(_, message), _) => *message = Message::text(text),
    }
}

/// What a step breaks, in both directions.
pub(in crate::contract) fn judged_step(step: &Step) -> Vec<Finding> {
    match step {
        Step::Exchange(example) => judged(example),
        Step::Message(from, message) => CONTRACT.check_message(*from, message),
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

/// Rule ids, sorted, each once.
fn ids(step: &Step) -> Vec<&'static str> {
    let ids: BTreeSet<&str> = judged_step(step).iter().map(|finding| finding.rule.id).collect();
    ids.into_iter().collect()
}

#[test]
fn every_base_breaks_nothing() {
    for (name, text) in BASES {
        let found = judged_step(&step(text));
        assert!(found.is_empty(), "{name}: {found:#?}");
    }
}

#[test]
fn every_row_of_the_verdict_table_holds() {
    let mut wrong = Vec::new();
    for row in rows() {
        for case in row.cases() {
            let ids = ids(&case);
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
    let step = step(text);
    let parts = ["body", "answer", "message"];
    let mut todo: Vec<(String, Value, bool)> =
        parts.iter().filter_map(|part| Some((format!("{part} "), document(&step, part)?, false))).collect();
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

/// Good exchanges and messages that show every documented field.
pub(in crate::contract) const BASES: [(&str, &str); 37] = [
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
    ("handle-107", include_str!("bases/handle-107.txt")),
    ("players-107", include_str!("bases/players-107.txt")),
    ("batch-107", include_str!("bases/batch-107.txt")),
    ("activities-107", include_str!("bases/activities-107.txt")),
    ("listed-107", include_str!("bases/listed-107.txt")),
    ("searches-107", include_str!("bases/searches-107.txt")),
    ("templates-107", include_str!("bases/templates-107.txt")),
    ("template-107", include_str!("bases/template-107.txt")),
    ("ticket-107", include_str!("bases/ticket-107.txt")),
    ("ticket-read-107", include_str!("bases/ticket-read-107.txt")),
    ("hopper-107", include_str!("bases/hopper-107.txt")),
    ("subscribe", include_str!("bases/subscribe.txt")),
    ("unsubscribe", include_str!("bases/unsubscribe.txt")),
    ("subscribed", include_str!("bases/subscribed.txt")),
    ("unsubscribed", include_str!("bases/unsubscribed.txt")),
    ("tapped", include_str!("bases/tapped.txt")),
];

const TABLES: [(&str, &str); 7] = [
    ("session.tsv", include_str!("verdicts/session.tsv")),
    ("handle.tsv", include_str!("verdicts/handle.tsv")),
    ("answer.tsv", include_str!("verdicts/answer.tsv")),
    ("message.tsv", include_str!("verdicts/message.tsv")),
    ("queries.tsv", include_str!("verdicts/queries.tsv")),
    ("matchmaking.tsv", include_str!("verdicts/matchmaking.tsv")),
    ("sockets.tsv", include_str!("verdicts/sockets.tsv")),
];
