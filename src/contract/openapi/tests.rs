//! The document against itself, the rules' examples, and what the contract itself says.

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::Validator;

use super::*;
use crate::contract::example::{Example, Step, steps};
use crate::contract::finding::{Findings, Place};
use crate::contract::format::FORMATS;
use crate::contract::schema::{HandleType, QueryType, Rendering, Schemas, Shape};
use crate::contract::{Contract, Terms, headers};
use crate::exchange::Call;
use crate::mpsd::Op;

/// Every object of the document with its pointer, but for examples: they are data.
fn objects<'d>(pointer: String, value: &'d Value, all: &mut Vec<(String, &'d Map<String, Value>)>) {
    match value {
        Value::Object(members) => {
            all.push((pointer.clone(), members));
            let data = |name: &str| name == "value" && pointer.starts_with("/components/examples/");
            for (name, value) in members.iter().filter(|(name, _)| !data(name)) {
                objects(crate::json::join_pointer(&pointer, name), value, all);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| objects(format!("{pointer}/{at}"), value, all));
        }
        _ => {}
    }
}

fn targets(value: &Value) -> BTreeSet<String> {
    let mut all = Vec::new();
    objects(String::new(), value, &mut all);
    all.iter().filter_map(|(_, members)| members.get("$ref")?.as_str()).map(str::to_owned).collect()
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let document = openapi();
    let mut open: Vec<String> = targets(&document["paths"]).into_iter().collect();
    let mut reached = BTreeSet::new();
    while let Some(target) = open.pop() {
        let found = document.pointer(target.trim_start_matches('#'));
        let found = found.unwrap_or_else(|| panic!("{target} leads nowhere"));
        if reached.insert(target) {
            open.extend(targets(found));
        }
    }
    for (kind, components) in document["components"].as_object().unwrap() {
        for name in components.as_object().unwrap().keys().filter(|_| kind != "securitySchemes") {
            assert!(reached.contains(&format!("#/components/{kind}/{name}")), "nothing uses the {kind} {name}");
        }
    }
}

#[test]
fn every_schema_is_valid_and_needs_no_engine_of_ours() {
    let document = openapi();
    let mut all = Vec::new();
    objects(String::new(), &document, &mut all);
    for (pointer, members) in all {
        if let Some(schema) = members.get("schema") {
            assert!(jsonschema::meta::is_valid(schema), "{pointer}");
        }
        let pattern = members.get("pattern").and_then(Value::as_str).unwrap_or_default();
        assert!(!pattern.contains("(?i"), "{pointer}: {pattern}");
        for rule in members.get("x-rule").and_then(Value::as_object).into_iter().flatten() {
            let (keyword, rule) = (rule.0, rule.1.as_str().unwrap());
            assert!(members.contains_key(keyword), "{pointer}: {keyword} is not there");
            assert!(!document["x-rules"][rule].is_null(), "{pointer}: {rule}");
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(jsonschema::meta::is_valid(schema), "{name}");
    }
}

#[test]
fn definitions_of_one_name_are_the_same_wherever_they_are_used() {
    let components = Components::new();
    let all = components.schemas();
    for source in &components.sources {
        let mut open = vec![source.root.to_owned()];
        let mut seen = BTreeSet::new();
        while let Some(name) = open.pop().filter(|name| seen.insert(name.clone())) {
            let published = components.published(&name, &source.all[&name], source.shape);
            schemas::references(&source.all[&name], &mut open);
            let known = all.get(&components.name(&name, source.shape));
            assert!(known == Some(&published) || !bodies::is_documented(source.shape), "{name} of {:?}", source.shape);
        }
    }
}

#[test]
fn every_field_has_words_and_every_word_a_field() {
    let document = openapi();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let is_forbidden = |field: &Value| {
        let target = field["$ref"].as_str().and_then(|target| document.pointer(target.trim_start_matches('#')));
        field == &Value::Bool(false)
            || [Some(field), target].into_iter().flatten().any(|schema| schema["not"] == json!({}))
    };
    for (name, schema) in schemas {
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            assert!(
                schema["description"].is_string() || is_forbidden(schema),
                "words.json has no words for {name}/{field}"
            );
        }
    }
    let used: BTreeSet<&str> =
        schemas.values().flat_map(described).filter_map(|schema| schema["description"].as_str()).collect();
    for (definition, fields) in schemas::words() {
        for (field, text) in fields {
            assert!(used.contains(text.as_str().unwrap()), "{definition}/{field} is nowhere");
        }
    }
}

/// A definition and its fields.
fn described(schema: &Value) -> impl Iterator<Item = &Value> {
    std::iter::once(schema).chain(schema["properties"].as_object().into_iter().flatten().map(|(_, field)| field))
}

#[test]
fn every_operation_is_there_and_answers_well_or_badly() {
    let document = openapi();
    let mut names = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values().filter(|value| value.get("operationId").is_some()) {
            names.push(operation["operationId"].as_str().unwrap());
            let statuses: Vec<&str> = operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
            assert!(statuses.iter().any(|status| status.starts_with('2') || *status == "101"), "{path}");
            assert!(statuses.iter().any(|status| status.starts_with('4')), "{path}");
        }
    }
    let mut rows: Vec<&str> = ROUTES.iter().map(|route| route.name).collect();
    names.sort_unstable();
    rows.sort_unstable();
    assert_eq!(names, rows);
}

#[test]
fn equal_tables_give_equal_bytes() {
    assert_eq!(openapi().to_string(), openapi().to_string());
}

#[test]
fn examples_are_what_the_schemas_ask_for_and_break_no_rule() {
    let document = openapi();
    let contract = Contract::new();
    let mut examples = 0;
    for (pointer, schema) in content_schemas(&document) {
        let validator = validator(&document, &schema);
        let named = document.pointer(&pointer).and_then(|content| content.get("examples")).and_then(Value::as_object);
        for target in named.into_iter().flatten().map(|(_, example)| example["$ref"].as_str().unwrap()) {
            let value = &document.pointer(target.trim_start_matches('#')).unwrap()["value"];
            assert!(validator.is_valid(value), "{pointer}: {target}");
            examples += 1;
        }
    }
    assert!(examples > 20);
    for (name, example) in document["components"]["examples"].as_object().unwrap() {
        let body = name.rsplit_once('.').unwrap().0;
        if ROUTES.iter().any(|route| route.name == body) {
            let version = if name.ends_with("-105") { "\nX-Xbl-Contract-Version: 105" } else { "" };
            let server = if body == "session.server.put" { "\nAuthorization: XBL3.0 x=-;redacted" } else { "" };
            let text = format!("{body}{server}{version}\n\n{}", example["value"]);
            assert_eq!(contract.check_call(&Example::read(&text).call), [], "{name}");
        }
    }
    for (op, body) in [
        ("session.get\n---\n200", "Session.lobby"),
        ("handle.get\n---\n200", "Handle.activity"),
        ("sessions.query?xuid=7000000000000001\n---\n200", "Sessions.one"),
        ("handles.query\n\n{\"type\": \"activity\", \"owners\": {\"xuids\": [\"7\"]}}\n---\n200", "Handles.activity"),
        ("templates.list\n---\n200", "TemplateNames.two"),
        ("template.get\n---\n200", "Template.lobby"),
        ("ticket.create\n---\n200", "NewTicket.ticket"),
        ("hopper.stats\n---\n200", "HopperStats.quick"),
        ("session.get\n---\n429\nRetry-After: 5", "Limit.rate"),
    ] {
        let text = format!("{op}\n\n{}", document["components"]["examples"][body]["value"]);
        let example = Example::read(&text);
        assert_eq!(contract.check_answer(&example.call, &example.answer.unwrap()), [], "{body}");
    }
}

/// The document's schemas accept and reject what ours do, for everything the catalogue shows.
#[test]
fn the_document_judges_the_catalogues_bodies_as_we_do() {
    let (document, ours, components) = (openapi(), Schemas::default(), Components::new());
    let rejects = |shape: Shape, value: &Value| {
        let mut findings = Findings::default();
        ours.check(shape, value, Place::body, &mut findings);
        !findings.finish(&Terms::default(), None, None).is_empty()
    };
    let mut theirs = BTreeMap::new();
    let mut judged = (0, 0);
    for rule in rules() {
        for text in [rule.bad, rule.good] {
            for (shape, value) in steps(text).iter().flat_map(bodies_of) {
                let compiled = || validator(&document, &components.reference(shape));
                let validator = theirs.entry(format!("{shape:?}")).or_insert_with(compiled);
                let rejected = rejects(shape, &value);
                assert_eq!(!validator.is_valid(&value), rejected, "{}: {shape:?}: {value}", rule.id);
                if rejected { judged.1 += 1 } else { judged.0 += 1 }
            }
        }
    }
    assert!(judged.0 > 100 && judged.1 > 50, "{judged:?}");
}

/// The bodies of an example that have a documented schema.
fn bodies_of(step: &Step) -> Vec<(Shape, Value)> {
    let Step::Exchange(example) = step else {
        return Vec::new();
    };
    let read = |body: &crate::message::Body| serde_json::from_slice::<Value>(body.wire()).ok();
    let asked = read(&example.call.request.body);
    let answered = example.answer.as_ref().map(|answer| &answer.response);
    let Some(op) = example.call.resolution.operation().map(|operation| operation.op) else {
        return Vec::new();
    };
    let answer =
        answered.and_then(|response| Some((answer_shape(op, response.status, asked.as_ref())?, read(&response.body)?)));
    let request = asked.and_then(|value| Some((request_shape(&example.call, op, &value)?, value)));
    request.into_iter().chain(answer).filter(|(shape, _)| bodies::is_documented(*shape)).collect()
}

fn request_shape(call: &Call, op: Op, value: &Value) -> Option<Shape> {
    match op {
        Op::HandleCreate => Some(Shape::Handle(HandleType::of(value))),
        Op::HandlesQuery => Some(Shape::HandleQuery(QueryType::of(Some(value)))),
        Op::Batch | Op::TemplateBatch => Some(Shape::Batch),
        Op::TicketCreate => Some(Shape::TicketRequest),
        _ => Shape::of_request(op, headers::rendering(&call.request.headers).unwrap_or(Rendering::V107)),
    }
}

fn answer_shape(op: Op, status: u16, asked: Option<&Value>) -> Option<Shape> {
    match (status, op) {
        (429, _) => Some(Shape::Limit),
        (200 | 201, _) if op.answers_session() => Some(Shape::SessionDocument),
        (200 | 201, Op::HandleCreate | Op::HandleGet) => Some(Shape::HandleDocument),
        (200, Op::SessionsQuery | Op::TemplateSessionsQuery | Op::Batch | Op::TemplateBatch) => {
            Some(Shape::SessionResults)
        }
        (200, Op::HandlesQuery) => Some(Shape::HandleResults(QueryType::of(asked))),
        (200, Op::TemplatesList) => Some(Shape::TemplateNames),
        (200, Op::TemplateGet) => Some(Shape::TemplateDocument),
        (200 | 201, Op::TicketCreate) => Some(Shape::TicketAnswer),
        (200, Op::TicketGet) => Some(Shape::TicketStatus),
        (200, Op::HopperStats) => Some(Shape::HopperStats),
        _ => None,
    }
}

/// Pointers of the document's contents, with their schemas.
fn content_schemas(document: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    objects(String::new(), document, &mut all);
    let contents = all.into_iter().filter(|(pointer, _)| pointer.ends_with("/content/application~1json"));
    contents.filter_map(|(pointer, members)| Some((pointer, members.get("schema")?.clone()))).collect()
}

fn validator(document: &Value, schema: &Value) -> Validator {
    let mut whole = schema.clone();
    whole["components"] = json!({ "schemas": document["components"]["schemas"] });
    // The one format no keyword can say.
    let length = FORMATS.iter().find(|format| format.name == "invite-context").unwrap();
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    options.with_format(length.name, length.holds).build(&whole).unwrap()
}
