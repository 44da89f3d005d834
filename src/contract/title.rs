//! A title's own contract: JSON Schemas of its custom data, which the documents leave to it.
//!
//! A write is a merge: what it leaves out may be there already, and null deletes. So a write is not asked for what is
//! missing, nor for anything that depends on it; a list is replaced as a whole and asked for everything. What an answer
//! holds is all there is, and is asked for everything.

mod bags;
mod partial;

use std::collections::BTreeMap;
use std::fmt;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Retrieve, ValidationError, Validator};
use serde_json::Value;

use super::finding::{Findings, Place, quoted, shown};
use crate::exchange::Call;
use crate::json::join_pointer;
use crate::message::Response;
use crate::mpsd::Op;
use crate::mpsd::target::{percent_decode, percent_encode};

/// What a title says of its custom data.
#[derive(Debug)]
pub struct Title {
    scid: Option<String>,
    templates: Vec<String>,
    schemas: BTreeMap<Bag, TitleSchema>,
}

/// Custom data a title may have a schema for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bag {
    /// `constants.custom` of a session.
    SessionConstants,
    /// `properties.custom` of a session.
    SessionProperties,
    /// `constants.custom` of a member.
    MemberConstants,
    /// `properties.custom` of a member.
    MemberProperties,
    /// `constants.custom` of a server.
    ServerConstants,
    /// `properties.custom` of a server.
    ServerProperties,
    /// `searchAttributes` of a search handle.
    SearchAttributes,
}

impl Bag {
    /// Every one, in the order of a session.
    pub const ALL: [Self; 7] = [
        Self::SessionConstants,
        Self::SessionProperties,
        Self::MemberConstants,
        Self::MemberProperties,
        Self::ServerConstants,
        Self::ServerProperties,
        Self::SearchAttributes,
    ];

    /// The key a project names its schema by.
    pub fn key(self) -> &'static str {
        match self {
            Self::SessionConstants => "session-constants",
            Self::SessionProperties => "session-properties",
            Self::MemberConstants => "member-constants",
            Self::MemberProperties => "member-properties",
            Self::ServerConstants => "server-constants",
            Self::ServerProperties => "server-properties",
            Self::SearchAttributes => "search-attributes",
        }
    }

    /// What it is, as a title's developer knows it.
    pub fn what(self) -> &'static str {
        match self {
            Self::SessionConstants => "`constants.custom` of a session",
            Self::SessionProperties => "`properties.custom` of a session, and `customProperties` of a handle",
            Self::MemberConstants => "`constants.custom` of a member",
            Self::MemberProperties => "`properties.custom` of a member",
            Self::ServerConstants => "`constants.custom` of a server",
            Self::ServerProperties => "`properties.custom` of a server",
            Self::SearchAttributes => "`searchAttributes` of a search handle",
        }
    }

    /// The one of that key.
    pub fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bag| bag.key() == key)
    }
}

impl Title {
    /// A title's say about the sessions of one service configuration and some templates; none named: of every one.
    pub fn new(scid: Option<String>, templates: Vec<String>) -> Self {
        Self { scid, templates, schemas: BTreeMap::new() }
    }

    /// Adds a schema.
    pub fn keep(&mut self, bag: Bag, schema: TitleSchema) {
        self.schemas.insert(bag, schema);
    }

    /// True when it speaks of a session. One whose template is not known may be any.
    fn is_about(&self, kind: Option<&Kind>) -> bool {
        let same = |left: &str, right: &str| left.to_lowercase() == right.to_lowercase();
        match kind {
            None => self.scid.is_none() && self.templates.is_empty(),
            Some(kind) => {
                self.scid.as_ref().is_none_or(|scid| same(scid, &kind.scid))
                    && (self.templates.is_empty() || self.templates.iter().any(|name| same(name, &kind.template)))
            }
        }
    }
}

/// What kind of session something belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kind {
    scid: String,
    template: String,
}

/// Custom data found in a body.
#[derive(Clone, Debug)]
struct Found<'v> {
    bag: Bag,
    /// The session's kind, as far as the body says or the request shows.
    kind: Option<Kind>,
    /// Its pointer in the body.
    pointer: String,
    value: &'v Value,
}

/// Whether a value is all there is, or merges into something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// Null deletes, and what is missing may be there already.
    Part,
    /// There is nothing else.
    Whole,
}

/// Holds what a request writes to the title's own schemas.
pub(super) fn check_call(titles: &[Title], call: &Call, op: Op, body: &Value, findings: &mut Findings) {
    if titles.is_empty() {
        return;
    }
    for breach in breaches(titles, &bags::written(call, op, body, None)) {
        breach.report(WRITTEN, Place::body, findings);
    }
}

/// The same for what an answer shows; and for a write by handle, now that its answer shows where it went.
pub(super) fn check_answer(
    titles: &[Title],
    (call, op): (&Call, Op),
    response: &Response,
    (asked, shown): (Option<&Value>, Option<&Value>),
    findings: &mut Findings,
) {
    if titles.is_empty() {
        return;
    }
    let written = |kind| asked.map_or_else(Vec::new, |asked| breaches(titles, &bags::written(call, op, asked, kind)));
    let (known, written) = (written(None), written(bags::of_location(response)));
    let mut stored = shown.map_or_else(Vec::new, |shown| breaches(titles, &bags::answered(call, op, response, shown)));
    stored.retain(|breach| !written.iter().any(|said| said.is_like(breach)));
    for breach in written.into_iter().filter(|breach| !known.contains(breach)) {
        breach.report(WRITTEN, Place::body, findings);
    }
    for breach in stored {
        breach.report(STORED, Place::answer_body, findings);
    }
}

/// Custom data that break a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Breach {
    bag: Bag,
    /// The bag's pointer in the body.
    at: String,
    fault: Fault,
}

impl Breach {
    /// True when a write and its answer break the same, each in its own way to say where.
    fn is_like(&self, other: &Self) -> bool {
        (self.bag, &self.fault) == (other.bag, &other.fault)
    }

    fn report(self, rule: &str, place: fn(&str) -> Place, findings: &mut Findings) {
        let Fault { pointer, schema, message } = self.fault;
        findings.add_by(rule, place(&format!("{}{pointer}", self.at)), message, schema);
    }
}

fn breaches(titles: &[Title], found: &[(Found<'_>, Extent)]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (Found { bag, kind, pointer, value }, extent) in found {
        let about = titles.iter().filter(|title| title.is_about(kind.as_ref()));
        for schema in about.filter_map(|title| title.schemas.get(bag)) {
            let faults = schema.faults(value, *extent).into_iter();
            breaches.extend(faults.map(|fault| Breach { bag: *bag, at: pointer.clone(), fault }));
        }
    }
    breaches
}

const WRITTEN: &str = "title-custom";
const STORED: &str = "title-custom-stored";

/// A title's schema, compiled.
pub struct TitleSchema {
    file: String,
    validator: Validator,
}

/// Why a schema cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaFault {
    /// Where in it; a JSON pointer.
    pub pointer: String,
    /// What is wrong.
    pub reason: String,
}

/// What a value breaks of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    /// Where in the value.
    pointer: String,
    /// The keyword: the schema's file and a pointer.
    schema: String,
    message: String,
}

impl TitleSchema {
    /// What the URIs of a schema and of the files beside it begin with.
    pub const BASE: &str = "title:///";

    /// Compiles a schema; `file` is its name in findings, `beside` reads the files it refers to.
    ///
    /// # Errors
    /// It is no JSON Schema, or refers to something there is not.
    pub fn compile(file: &str, schema: &Value, beside: impl Retrieve + 'static) -> Result<Self, SchemaFault> {
        let name = split(file).1;
        let options = jsonschema::options()
            .with_base_uri(format!("{}{}", Self::BASE, percent_encode(name)))
            .with_retriever(beside)
            .should_ignore_unknown_formats(true);
        let validator = options.build(schema).map_err(|error| SchemaFault {
            pointer: error.instance_path().as_str().to_owned(),
            reason: one_line(&error.to_string().replace(Self::BASE, "")),
        })?;
        Ok(Self { file: file.to_owned(), validator })
    }

    fn faults(&self, value: &Value, extent: Extent) -> Vec<Fault> {
        if extent == Extent::Whole {
            let errors = self.validator.iter_errors(value).take(FAULTS_AT_MOST);
            return errors.flat_map(|error| self.faults_of(&error)).collect();
        }
        let value = partial::without_nulls(value);
        let errors = self.validator.iter_errors(&value);
        let decided = errors.filter(|error| !partial::may_be_met(&value, error));
        decided.take(FAULTS_AT_MOST).flat_map(|error| self.faults_of(&error)).collect()
    }

    /// What an error says: a fault for each name that may not be there, or must be.
    fn faults_of(&self, error: &ValidationError<'_>) -> Vec<Fault> {
        let (at, schema) = (error.instance_path().as_str(), self.keyword(error));
        let fault =
            |pointer: String, message: &str| Fault { pointer, schema: schema.clone(), message: one_line(message) };
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                let named = |name: &String| fault(join_pointer(at, name), &format!("{} is unexpected", quoted(name)));
                unexpected.iter().take(FAULTS_AT_MOST).map(named).collect()
            }
            ValidationErrorKind::Required { property } => {
                let pointer = property.as_str().map_or_else(|| at.to_owned(), |name| join_pointer(at, name));
                vec![fault(pointer, &format!("{} is missing", shown(property)))]
            }
            _ => vec![fault(at.to_owned(), &error.masked_with(shown(error.instance())).to_string())],
        }
    }

    /// The keyword that failed, by its file's name and pointer.
    fn keyword(&self, error: &ValidationError<'_>) -> String {
        let location = error.absolute_keyword_location().and_then(|uri| uri.as_str().strip_prefix(Self::BASE));
        match location.and_then(|location| location.split_once('#')) {
            Some((name, pointer)) => {
                format!("{}{}#{}", split(&self.file).0, percent_decode(name), percent_decode(pointer))
            }
            None => format!("{}#{}", self.file, error.schema_path().as_str()),
        }
    }
}

impl fmt::Debug for TitleSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TitleSchema").field(&self.file).finish()
    }
}

/// A file's folder, up to and with the last separator, and its name.
fn split(file: &str) -> (&str, &str) {
    file.split_at(file.rfind(['/', '\\']).map_or(0, |at| at + 1))
}

fn one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .take(LONGEST_MESSAGE)
        .flat_map(|letter| if letter.is_control() { letter.escape_default().collect() } else { vec![letter] })
        .collect();
    if text.chars().nth(LONGEST_MESSAGE).is_some() {
        line.push('…');
    }
    line
}

const LONGEST_MESSAGE: usize = 400;
/// Most faults taken from one value.
const FAULTS_AT_MOST: usize = 100;

#[cfg(test)]
mod tests;
