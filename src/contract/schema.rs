//! The body schemas: compiled on first use, and a failed keyword turned into the finding its `x-rule` names.
//!
//! The files under `schemas/` hold definitions only. One operation's schema is the definitions of a few files merged,
//! with a reference to the one it starts at, so that both contracts share all they have in common.

use std::sync::OnceLock;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value, json};

use super::finding::{Findings, Place, shown};
use super::format::FORMATS;
use crate::json::join_pointer;
use crate::mpsd::Op;

/// How a contract version writes a session: the two forms that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rendering {
    /// Contracts 104 and 105.
    V105,
    /// Contract 107.
    V107,
}

/// What a body should look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// MultiplayerSessionRequest.
    Session(Rendering),
    /// The bare bag of `…/properties`.
    Properties(Rendering),
    /// One member, as `…/members/me` takes it.
    Member(Rendering),
    /// One server, as `…/servers/{name}` takes it.
    Server(Rendering),
    /// `POST /handles` of a type.
    Handle(HandleType),
    /// A batch query of sessions.
    Batch,
    /// `POST /handles/query` of a type.
    HandleQuery(QueryType),
    /// A MultiplayerSession the service answers.
    SessionDocument,
    /// A handle the service answers.
    HandleDocument,
    /// `[1, seq, uri]`.
    RtaSubscribe,
    /// `[2, seq, subId]`.
    RtaUnsubscribe,
    /// The answer to either.
    RtaReply,
    /// `[3, subId, data]`.
    RtaEvent,
    /// What a match ticket asks.
    TicketRequest,
    /// The answer to a match ticket.
    TicketAnswer,
    /// How a match ticket stands.
    TicketStatus,
    /// How full a hopper is.
    HopperStats,
    /// What session and batch queries answer.
    SessionResults,
    /// What a query of handles answers, by its type.
    HandleResults(QueryType),
    /// The list of session templates.
    TemplateNames,
    /// One session template.
    TemplateDocument,
    /// What 429 says of the limit.
    Limit,
}

/// The types of handle `POST /handles` makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HandleType {
    /// The session a user is playing in.
    Activity,
    /// An invitation of another user.
    Invite,
    /// A session offered in a search.
    Search,
    /// The way from one session to the next.
    Transfer,
    /// No type we know.
    Other,
}

impl HandleType {
    /// The type a body names.
    pub(super) fn of(body: &Value) -> Self {
        let name = body.get("type").and_then(Value::as_str).unwrap_or_default();
        let known = [
            ("activity", Self::Activity),
            ("invite", Self::Invite),
            ("search", Self::Search),
            ("transfer", Self::Transfer),
        ];
        known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or(Self::Other, |(_, kind)| *kind)
    }
}

/// The types of handle `POST /handles/query` looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueryType {
    /// What users are playing.
    Activity,
    /// Sessions to join.
    Search,
    /// No type we know.
    Other,
}

impl QueryType {
    /// The type a body names.
    pub(super) fn of(body: Option<&Value>) -> Self {
        match body.and_then(|body| body.get("type")).and_then(Value::as_str) {
            Some(name) if name.eq_ignore_ascii_case("activity") => Self::Activity,
            Some(name) if name.eq_ignore_ascii_case("search") => Self::Search,
            _ => Self::Other,
        }
    }
}

impl Shape {
    /// The shape of an operation's session-like request body.
    pub(super) fn of_request(op: Op, rendering: Rendering) -> Option<Self> {
        match op {
            Op::SessionPut | Op::HandleSessionPut => Some(Self::Session(rendering)),
            Op::PropertiesPut => Some(Self::Properties(rendering)),
            Op::MemberMePut => Some(Self::Member(rendering)),
            Op::ServerPut => Some(Self::Server(rendering)),
            _ => None,
        }
    }

    /// The rendering it is written in, where the two differ.
    pub(super) fn rendering(self) -> Option<Rendering> {
        match self {
            Self::Session(rendering)
            | Self::Properties(rendering)
            | Self::Member(rendering)
            | Self::Server(rendering) => Some(rendering),
            _ => None,
        }
    }
}

/// A shape's schema in parts.
#[derive(Debug)]
pub(super) struct Definitions {
    /// The shape.
    pub(super) shape: Shape,
    /// The definition it starts at.
    pub(super) root: &'static str,
    /// Every definition it may refer to.
    pub(super) all: Map<String, Value>,
}

/// The schema of every shape.
#[expect(clippy::expect_used, reason = "the schemas are part of the program; a test compiles every one")]
pub(super) fn definitions() -> impl Iterator<Item = Definitions> {
    SHAPES.iter().map(|source| {
        let all = source.definitions().expect("the schema files are JSON");
        Definitions { shape: source.shape, root: source.root, all }
    })
}

/// Every schema, compiled when first needed.
#[derive(Debug)]
pub(super) struct Schemas([OnceLock<Schema>; SHAPES.len()]);

impl Default for Schemas {
    fn default() -> Self {
        Self([const { OnceLock::new() }; SHAPES.len()])
    }
}

impl Schemas {
    /// Checks a value and adds a finding per failed keyword.
    pub(super) fn check(&self, shape: Shape, value: &Value, place: fn(&str) -> Place, findings: &mut Findings) {
        let Some(at) = SHAPES.iter().position(|source| source.shape == shape) else {
            return;
        };
        let schema = self.0[at].get_or_init(|| Schema::compile(&SHAPES[at]));
        for error in schema.validator.iter_errors(value).take(ERRORS_AT_MOST) {
            schema.report(&error, place, findings);
        }
    }
}

#[derive(Debug)]
struct Schema {
    text: Value,
    validator: Validator,
}

impl Schema {
    #[expect(clippy::expect_used, reason = "the schemas are part of the program; a test compiles every one")]
    fn compile(source: &Source) -> Self {
        Self::of(source.merged().expect("the schema files are JSON"))
    }

    #[expect(clippy::expect_used, reason = "the schemas are part of the program; a test compiles every one")]
    fn of(text: Value) -> Self {
        let options = jsonschema::draft202012::options().should_validate_formats(true);
        let options = FORMATS.iter().fold(options, |options, format| options.with_format(format.name, format.holds));
        let validator = options.build(&text).expect("the schemas are valid");
        Self { text, validator }
    }

    fn report(&self, error: &ValidationError<'_>, place: fn(&str) -> Place, findings: &mut Findings) {
        let keyword = error.kind().keyword();
        let Some(rule) = self.rule(error.schema_path().as_str(), keyword) else {
            return;
        };
        let pointer = error.instance_path().as_str();
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                for name in unexpected.iter().take(ERRORS_AT_MOST) {
                    let message = format!("{} is no member the documents know here", super::finding::quoted(name));
                    findings.add(rule, place(&join_pointer(pointer, name)), message);
                }
            }
            ValidationErrorKind::Required { property } => {
                findings.add(rule, place(pointer), format!("{} is missing", shown(property)));
            }
            ValidationErrorKind::Not { schema } if schema.as_object().is_some_and(Map::is_empty) => {
                let name = pointer.rsplit_once('/').map_or(pointer, |(_, name)| name);
                findings.add(rule, place(pointer), format!("{} may not stand here", super::finding::quoted(name)));
            }
            kind => findings.add(rule, place(pointer), describe(kind, error.instance(), rule)),
        }
    }

    /// The rule a failed keyword breaks: `x-rule` of the subschema the keyword stands in.
    fn rule(&self, schema_path: &str, keyword: &str) -> Option<&str> {
        let parent = schema_path.rsplit_once('/').map_or("", |(parent, _)| parent);
        self.text.pointer(parent)?.get("x-rule")?.get(keyword)?.as_str()
    }
}

fn describe(kind: &ValidationErrorKind, value: &Value, rule: &str) -> String {
    let shown = shown(value);
    match kind {
        // An object as such is never forbidden: it is its members that do not go together.
        ValidationErrorKind::Not { .. } if value.is_object() => {
            super::catalogue::rule(rule).map_or_else(|| "contradicts itself".to_owned(), |rule| rule.title.to_owned())
        }
        ValidationErrorKind::Type { .. } => format!("{shown} has the wrong JSON type"),
        ValidationErrorKind::Minimum { limit } => format!("{shown} is below {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("{shown} is above {limit}"),
        ValidationErrorKind::MinLength { .. } | ValidationErrorKind::MinItems { limit: 1 } => "is empty".to_owned(),
        ValidationErrorKind::MinItems { limit } => format!("there are fewer than {limit}"),
        ValidationErrorKind::MaxItems { limit } => format!("there are more than {limit}"),
        ValidationErrorKind::MaxLength { limit } => format!("{shown} is longer than {limit} characters"),
        ValidationErrorKind::Constant { expected_value } => format!("{shown} is not {expected_value}"),
        ValidationErrorKind::Not { .. } => format!("{shown} may not stand here"),
        _ => format!("{shown} is not allowed here"),
    }
}

/// Where a shape's schema starts, and the files its definitions are in.
struct Source {
    shape: Shape,
    root: &'static str,
    files: &'static [&'static str],
}

impl Source {
    fn definitions(&self) -> serde_json::Result<Map<String, Value>> {
        let mut definitions = Map::new();
        for file in self.files {
            let mut document: Value = serde_json::from_str(file)?;
            if let Some(Value::Object(more)) = document.get_mut("$defs").map(Value::take) {
                definitions.extend(more);
            }
        }
        Ok(definitions)
    }

    fn merged(&self) -> serde_json::Result<Value> {
        Ok(json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$ref": format!("#/$defs/{}", self.root),
            "$defs": self.definitions()?,
        }))
    }
}

const fn source(shape: Shape, root: &'static str, files: &'static [&'static str]) -> Source {
    Source { shape, root, files }
}

const COMMON: &str = include_str!("schemas/common.json");
const REQUEST: &str = include_str!("schemas/session-request.json");
const REQUEST_105: &[&str] = &[COMMON, REQUEST, include_str!("schemas/session-request-105.json")];
const REQUEST_107: &[&str] = &[COMMON, REQUEST, include_str!("schemas/session-request-107.json")];
const HANDLE: &[&str] = &[COMMON, include_str!("schemas/handle-request.json")];
const QUERY: &[&str] = &[COMMON, include_str!("schemas/query-request.json")];
const ANSWER: &[&str] = &[COMMON, include_str!("schemas/answer.json")];
const RTA: &[&str] = &[COMMON, include_str!("schemas/answer.json"), include_str!("schemas/rta.json")];
const SMARTMATCH: &[&str] = &[include_str!("schemas/smartmatch.json")];
const RESULTS: &[&str] = &[COMMON, include_str!("schemas/answer.json"), include_str!("schemas/query-answer.json")];
const LIMIT: &[&str] = &[include_str!("schemas/limit.json")];

const SHAPES: [Source; 34] = [
    source(Shape::Session(Rendering::V105), "sessionRequest", REQUEST_105),
    source(Shape::Session(Rendering::V107), "sessionRequest", REQUEST_107),
    source(Shape::Properties(Rendering::V105), "propertiesElement", REQUEST_105),
    source(Shape::Properties(Rendering::V107), "propertiesElement", REQUEST_107),
    source(Shape::Member(Rendering::V105), "member", REQUEST_105),
    source(Shape::Member(Rendering::V107), "member", REQUEST_107),
    source(Shape::Server(Rendering::V105), "server", REQUEST_105),
    source(Shape::Server(Rendering::V107), "server", REQUEST_107),
    source(Shape::Handle(HandleType::Activity), "handleActivity", HANDLE),
    source(Shape::Handle(HandleType::Invite), "handleInvite", HANDLE),
    source(Shape::Handle(HandleType::Search), "handleSearch", HANDLE),
    source(Shape::Handle(HandleType::Transfer), "handleTransfer", HANDLE),
    source(Shape::Handle(HandleType::Other), "handleOther", HANDLE),
    source(Shape::Batch, "batchRequest", QUERY),
    source(Shape::HandleQuery(QueryType::Activity), "handleQueryActivity", QUERY),
    source(Shape::HandleQuery(QueryType::Search), "handleQuerySearch", QUERY),
    source(Shape::HandleQuery(QueryType::Other), "handleQueryOther", QUERY),
    source(Shape::SessionDocument, "sessionDocument", ANSWER),
    source(Shape::HandleDocument, "handleDocument", ANSWER),
    source(Shape::RtaSubscribe, "rtaSubscribe", RTA),
    source(Shape::RtaUnsubscribe, "rtaUnsubscribe", RTA),
    source(Shape::RtaReply, "rtaReply", RTA),
    source(Shape::RtaEvent, "rtaEvent", RTA),
    source(Shape::TicketRequest, "ticketRequest", SMARTMATCH),
    source(Shape::TicketAnswer, "ticketAnswer", SMARTMATCH),
    source(Shape::TicketStatus, "ticketStatus", SMARTMATCH),
    source(Shape::HopperStats, "hopperStats", SMARTMATCH),
    source(Shape::SessionResults, "sessionResults", RESULTS),
    source(Shape::HandleResults(QueryType::Activity), "activityResults", RESULTS),
    source(Shape::HandleResults(QueryType::Search), "searchResults", RESULTS),
    source(Shape::HandleResults(QueryType::Other), "activityResults", RESULTS),
    source(Shape::TemplateNames, "templateNames", RESULTS),
    source(Shape::TemplateDocument, "templateDocument", RESULTS),
    source(Shape::Limit, "rateLimit", LIMIT),
];

/// Most errors taken from one body.
const ERRORS_AT_MOST: usize = 200;

#[cfg(test)]
mod tests {
    mod flips;

    use super::*;

    /// Subschemas with their pointers, without what stands under `not`: that fails as one.
    fn subschemas<'s>(pointer: String, schema: &'s Value, all: &mut Vec<(String, &'s Map<String, Value>)>) {
        let Some(members) = schema.as_object() else {
            return;
        };
        all.push((pointer.clone(), members));
        for (keyword, value) in members {
            let at = join_pointer(&pointer, keyword);
            match keyword.as_str() {
                "properties" | "patternProperties" | "$defs" => {
                    for (name, schema) in value.as_object().unwrap() {
                        subschemas(join_pointer(&at, name), schema, all);
                    }
                }
                "items" | "additionalProperties" => subschemas(at, value, all),
                "allOf" | "prefixItems" => {
                    for (index, schema) in value.as_array().unwrap().iter().enumerate() {
                        subschemas(format!("{at}/{index}"), schema, all);
                    }
                }
                _ => {}
            }
        }
    }

    const ASSERTIONS: [&str; 11] = [
        "type",
        "const",
        "pattern",
        "format",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "required",
    ];

    #[test]
    fn every_keyword_that_can_fail_names_a_rule_that_exists() {
        for source in &SHAPES {
            let text = source.merged().unwrap();
            let mut all = Vec::new();
            subschemas(String::new(), &text, &mut all);
            assert!(all.len() > 5);
            for (pointer, schema) in all {
                let rules = schema.get("x-rule").and_then(Value::as_object);
                let fails = |keyword: &&String| {
                    let name = keyword.as_str();
                    ASSERTIONS.contains(&name) || name == "not" || schema[name] == Value::Bool(false)
                };
                for keyword in schema.keys().filter(fails) {
                    let rule = rules.and_then(|rules| rules.get(keyword)?.as_str());
                    assert!(
                        rule.is_some_and(|rule| super::super::rule(rule).is_some()),
                        "{pointer}: {keyword}: {rule:?}"
                    );
                }
                let unused = rules.into_iter().flatten().find(|(keyword, _)| !schema.contains_key(*keyword));
                assert_eq!(unused, None, "{pointer}");
                assert!(!["anyOf", "oneOf", "if"].iter().any(|keyword| schema.contains_key(*keyword)), "{pointer}");
            }
        }
    }

    #[test]
    fn every_schema_is_valid_and_compiles() {
        for source in &SHAPES {
            let text = source.merged().unwrap();
            assert!(jsonschema::meta::is_valid(&text), "{}", source.root);
            assert!(text["$defs"].get(source.root).is_some());
            Schema::compile(source);
        }
    }

    #[test]
    fn no_keyword_is_left_that_the_walk_does_not_know() {
        let known = [
            "$ref",
            "$schema",
            "$defs",
            "x-rule",
            "not",
            "allOf",
            "properties",
            "patternProperties",
            "items",
            "prefixItems",
            "additionalProperties",
        ];
        for source in &SHAPES {
            let text = source.merged().unwrap();
            let mut all = Vec::new();
            subschemas(String::new(), &text, &mut all);
            for (pointer, schema) in all {
                let odd =
                    schema.keys().find(|name| !known.contains(&name.as_str()) && !ASSERTIONS.contains(&name.as_str()));
                assert_eq!(odd, None, "{pointer}");
            }
        }
    }
}
