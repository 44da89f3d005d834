//! Findings: one broken rule at one place, collected without bound on effort, reported within a bound.

use std::fmt;

use serde_json::Value;

use super::catalogue;
use super::rule::{Rule, Severity};
use super::terms::Terms;
use crate::json::Doc;

/// One violation of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule that is broken.
    pub rule: &'static Rule,
    /// How much it weighs here: the rule's own weight, unless the project or the service's answer says otherwise.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// What stands there.
    pub message: String,
    /// The status by which the service itself rejected the request.
    pub rejected: Option<u16>,
    /// The title's own schema that says so: its file and the JSON pointer of the keyword.
    pub schema: Option<String>,
}

impl Finding {
    /// A finding of the rule's own weight.
    pub fn new(rule: &'static Rule, place: Place, message: impl Into<String>) -> Self {
        let (severity, message) = (rule.severity, message.into());
        Self { rule, severity, place, message, rejected: None, schema: None }
    }
}

/// Where in an exchange a finding is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The request's verb or target.
    Target,
    /// A request header, by lower-case name.
    Header(String),
    /// The request body; a JSON pointer.
    Body(String),
    /// The answer's status.
    Status,
    /// An answer header, by lower-case name.
    AnswerHeader(String),
    /// The answer body; a JSON pointer.
    AnswerBody(String),
    /// A message on a socket; a JSON pointer.
    Message(String),
}

impl Place {
    pub(super) fn header(name: &str) -> Self {
        Self::Header(name.to_owned())
    }

    pub(super) fn body(pointer: &str) -> Self {
        Self::Body(pointer.to_owned())
    }

    pub(super) fn answer_header(name: &str) -> Self {
        Self::AnswerHeader(name.to_owned())
    }

    pub(super) fn answer_body(pointer: &str) -> Self {
        Self::AnswerBody(pointer.to_owned())
    }

    pub(super) fn message(pointer: &str) -> Self {
        Self::Message(pointer.to_owned())
    }

    /// The JSON pointer of a place in a body.
    pub fn pointer(&self) -> Option<&str> {
        match self {
            Self::Body(pointer) | Self::AnswerBody(pointer) | Self::Message(pointer) => Some(pointer),
            _ => None,
        }
    }

    /// The same place; a pointer through absurdly long names is cut short.
    fn bounded(mut self) -> Self {
        if let Self::Body(pointer) | Self::AnswerBody(pointer) | Self::Message(pointer) = &mut self
            && pointer.len() > LONGEST_POINTER
        {
            let end = (0..=LONGEST_POINTER).rev().find(|end| pointer.is_char_boundary(*end)).unwrap_or_default();
            pointer.truncate(end);
            pointer.push('…');
            pointer.shrink_to_fit();
        }
        self
    }

    /// Places in the order a reader of the exchange meets them.
    fn rank(&self, request: Option<&Doc<'_>>, answer: Option<&Doc<'_>>) -> (u8, usize) {
        match self {
            Self::Target => (0, 0),
            Self::Header(_) => (1, 0),
            Self::Body(pointer) => (2, offset(request, pointer)),
            Self::Status => (3, 0),
            Self::AnswerHeader(_) => (4, 0),
            Self::AnswerBody(pointer) => (5, offset(answer, pointer)),
            Self::Message(pointer) => (6, offset(request, pointer)),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target => f.write_str("target"),
            Self::Header(name) => write!(f, "header {name}"),
            Self::Body(pointer) if pointer.is_empty() => f.write_str("body"),
            Self::Body(pointer) => write!(f, "body {pointer}"),
            Self::Status => f.write_str("status"),
            Self::AnswerHeader(name) => write!(f, "answer header {name}"),
            Self::AnswerBody(pointer) if pointer.is_empty() => f.write_str("answer body"),
            Self::AnswerBody(pointer) => write!(f, "answer body {pointer}"),
            Self::Message(pointer) if pointer.is_empty() => f.write_str("message"),
            Self::Message(pointer) => write!(f, "message {pointer}"),
        }
    }
}

/// Findings as checks make them.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    pub(crate) fn add(&mut self, id: &str, place: Place, message: impl Into<String>) {
        let known = catalogue::rule(id);
        debug_assert!(known.is_some(), "no rule is called {id}");
        if let Some(rule) = known.filter(|_| self.0.len() < COLLECTED_AT_MOST) {
            self.0.push(Finding::new(rule, place.bounded(), message));
        }
    }

    /// Adds what would break a rule unless something unseen speaks for it: worth a line, no more.
    pub(super) fn hint(&mut self, id: &str, place: Place, message: impl Into<String>) {
        let before = self.0.len();
        self.add(id, place, message);
        self.soften(before);
    }

    /// Takes findings of another check, all as hints.
    pub(super) fn extend_softly(&mut self, other: Self) {
        let before = self.0.len();
        self.extend(other);
        self.soften(before);
    }

    fn soften(&mut self, from: usize) {
        self.0.iter_mut().skip(from).for_each(|finding| finding.severity = Severity::Info);
    }

    /// A finding of a title's own schema, which says so at `schema`.
    pub(super) fn add_by(&mut self, id: &str, place: Place, message: String, schema: String) {
        let before = self.0.len();
        self.add(id, place, message);
        if let Some(finding) = self.0.get_mut(before) {
            finding.schema = Some(schema);
        }
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.0.iter().any(|finding| finding.rule.id == id)
    }

    /// Drops what other findings say already, and no more softly.
    pub(super) fn without(mut self, other: &Self) -> Self {
        self.0.retain(|finding| {
            let says = |one: &Finding| one.rule == finding.rule && one.place == finding.place;
            !other.0.iter().any(|one| says(one) && one.severity <= finding.severity)
        });
        self
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&Finding) -> bool) {
        self.0.retain(keep);
    }

    /// The findings in document order, one per rule and place, as heavy as the terms say, bounded.
    pub(crate) fn finish(self, terms: &Terms, request: Option<&Doc<'_>>, answer: Option<&Doc<'_>>) -> Vec<Finding> {
        let mut found = self.0;
        terms.apply(&mut found);
        found.sort_by_cached_key(|finding| {
            (finding.place.rank(request, answer), finding.rule.id, finding.place.clone(), finding.message.clone())
        });
        found.dedup_by(|later, first| {
            (later.rule, &later.place, &later.schema) == (first.rule, &first.place, &first.schema)
        });
        found.truncate(REPORTED_AT_MOST);
        found
    }
}

/// Where the value a pointer names starts; the text's end when it names none.
fn offset(doc: Option<&Doc<'_>>, pointer: &str) -> usize {
    let Some(doc) = doc else {
        return 0;
    };
    let mut node = doc.root();
    for step in pointer.split('/').skip(1) {
        match node.step(step) {
            Some(next) => node = next,
            None => return usize::MAX,
        }
    }
    node.span().start
}

/// A value as a message shows it: short, on one line.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

/// Text as a message shows it: quoted, short, on one line.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARACTERS).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_CHARACTERS).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// Longest pointer kept, in bytes.
const LONGEST_POINTER: usize = 1000;

const SHOWN_CHARACTERS: usize = 60;

/// Most findings reported for one exchange and direction.
pub const REPORTED_AT_MOST: usize = 100;

/// Most findings collected before they are put in order.
const COLLECTED_AT_MOST: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_order_then_rule_and_no_repeats() {
        let doc = Doc::parse(br#"{"b":{"x":1},"a":[1,2]}"#).unwrap();
        let mut findings = Findings::default();
        findings.add("json-malformed", Place::body("/a/1"), "");
        findings.add("json-not-object", Place::body("/b/x"), "");
        findings.add("json-malformed", Place::body("/b/x"), "one");
        findings.add("json-malformed", Place::body("/b/x"), "two");
        findings.add("path-unknown", Place::Target, "");
        let order: Vec<String> = findings
            .finish(&Terms::default(), Some(&doc), None)
            .iter()
            .map(|found| format!("{} {}", found.place, found.rule.id))
            .collect();
        let expected = [
            "target path-unknown",
            "body /b/x json-malformed",
            "body /b/x json-not-object",
            "body /a/1 json-malformed",
        ];
        assert_eq!(order, expected);
    }

    #[test]
    fn values_are_shown_short_and_on_one_line() {
        assert_eq!(quoted("a\nb"), "`a\\nb`");
        assert!(quoted(&"x".repeat(500)).len() < 80);
    }
}
