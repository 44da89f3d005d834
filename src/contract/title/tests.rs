use serde_json::json;

use super::*;
use crate::contract::example::Example;
use crate::contract::{Contract, Finding, Terms};

/// Files that may be referred to, by name.
struct Files(&'static [(&'static str, &'static str)]);

impl Retrieve for Files {
    fn retrieve(&self, uri: &jsonschema::Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let name = uri.as_str().strip_prefix(TitleSchema::BASE).ok_or("not beside it")?;
        let name = percent_decode(name);
        let file = self.0.iter().find(|(known, _)| *known == name).ok_or("no such file")?;
        Ok(serde_json::from_str(file.1)?)
    }
}

fn schema(text: &Value) -> TitleSchema {
    TitleSchema::compile("schemas/lobby.json", text, Files(&[])).unwrap()
}

/// Keywords that fail for a write and for a whole value.
fn failed(schema: &TitleSchema, value: &Value) -> [Vec<String>; 2] {
    [Extent::Part, Extent::Whole].map(|extent| {
        let faults = schema.faults(value, extent).into_iter();
        faults.map(|fault| fault.schema.split_once('#').unwrap().1.to_owned()).collect()
    })
}

#[test]
fn a_write_is_not_asked_for_what_may_be_there_already() {
    let lobby = schema(&json!({
        "type": "object",
        "required": ["map"],
        "minProperties": 2,
        "dependentRequired": {"level": ["map"]},
        "properties": {
            "map": {"type": "string"},
            "level": {"type": "integer", "minimum": 1},
            "host": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
            "teams": {"type": "array", "items": {"required": ["name"]}},
        },
        "additionalProperties": false,
        "anyOf": [{"required": ["map"]}, {"required": ["host"]}],
        "not": {"type": "object", "required": ["host"], "maxProperties": 1},
    }));
    let none = Vec::<String>::new();
    let whole = ["/anyOf", "/dependentRequired/level", "/minProperties", "/required"];
    let [part, mut all] = failed(&lobby, &json!({"level": 3}));
    all.sort();
    assert_eq!(part, none);
    assert_eq!(all.len(), whole.len(), "{all:?}");
    assert_eq!(failed(&lobby, &json!({"host": {}}))[0], none);
    assert_eq!(failed(&lobby, &json!({"level": 0}))[0], ["/properties/level/minimum"]);
    assert_eq!(failed(&lobby, &json!({"levle": 1}))[0], ["/additionalProperties"]);
    assert_eq!(failed(&lobby, &json!({"host": {"name": 1}}))[0], ["/properties/host/properties/name/type"]);
    assert_eq!(failed(&lobby, &json!({"teams": [{}]}))[0], ["/properties/teams/items/required"], "lists are whole");
    assert_eq!(failed(&lobby, &json!([]))[0], ["/type"]);
}

#[test]
fn null_deletes() {
    let lobby = schema(&json!({"properties": {"map": {"type": "string"}, "list": {"items": {"type": "string"}}}}));
    assert_eq!(failed(&lobby, &json!({"map": null})), [vec![], vec!["/properties/map/type".to_owned()]]);
    assert_eq!(failed(&lobby, &json!({"list": [null]}))[0], ["/properties/list/items/type"]);
}

#[test]
fn a_condition_the_write_may_not_show_is_not_held_against_it() {
    let lobby = schema(&json!({
        "if": {"properties": {"mode": {"const": "ranked"}}},
        "then": {"properties": {"level": {"minimum": 10}}},
        "properties": {"then": {"type": "integer"}},
    }));
    let [part, whole] = failed(&lobby, &json!({"level": 3}));
    assert_eq!((part.len(), whole.len()), (0, 1));
    assert_eq!(failed(&lobby, &json!({"then": "x"}))[0], ["/properties/then/type"], "a name, not a condition");
}

#[test]
fn the_keyword_is_named_in_the_file_it_stands_in() {
    let files = Files(&[("common.json", r#"{"$defs": {"level": {"maximum": 9}}}"#), ("a b.json", r#"{"maximum": 9}"#)]);
    let text = json!({"properties": {"a": {"$ref": "common.json#/$defs/level"}, "b": {"$ref": "a%20b.json"},
        "c": {"$ref": "#/$defs/c"}}, "$defs": {"c": {"type": "null"}}});
    let schema = TitleSchema::compile("schemas/lobby.json", &text, files).unwrap();
    let faults = schema.faults(&json!({"a": 10, "b": 10, "c": 10}), Extent::Whole);
    let keywords: Vec<_> = faults.iter().map(|fault| (fault.pointer.as_str(), fault.schema.as_str())).collect();
    let expected = [
        ("/a", "schemas/common.json#/$defs/level/maximum"),
        ("/b", "schemas/a b.json#/maximum"),
        ("/c", "schemas/lobby.json#/$defs/c/type"),
    ];
    assert_eq!(keywords, expected);
    assert_eq!(faults[0].message, "10 is greater than the maximum of 9");
}

#[test]
fn a_schema_that_is_none_is_named_by_its_place() {
    let fault = |text: Value| TitleSchema::compile("lobby.json", &text, Files(&[])).unwrap_err();
    assert_eq!(fault(json!({"properties": {"a": {"type": "integr"}}})).pointer, "/properties/a/type");
    let absent = fault(json!({"properties": {"a": {"$ref": "b.json"}}}));
    assert!(absent.reason.contains("b.json") && !absent.reason.contains("title:"), "{}", absent.reason);
    assert!(fault(json!({"$ref": "https://example.com/x.json"})).reason.contains("example.com"));
    let old = json!({"$schema": "http://json-schema.org/draft-07/schema#", "dependencies": {"a": ["b"]}});
    let old = TitleSchema::compile("lobby.json", &old, Files(&[])).unwrap();
    assert_eq!(failed(&old, &json!({"a": 1}))[1].len(), 1, "as its own draft says");
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    let tree = schema(&json!({"type": "object", "additionalProperties": {"$ref": "#"}}));
    assert_eq!(failed(&tree, &json!({"a": {"b": {"c": 1}}}))[1].len(), 1);
}

#[test]
fn a_fault_is_told_of_each_name_and_of_each_keyword() {
    let lobby = schema(&json!({
        "required": ["map", "mode"],
        "properties": {"map": {}, "mode": {}, "level": {"minimum": 1, "multipleOf": 2}},
        "additionalProperties": false,
    }));
    let faults = lobby.faults(&json!({"level": -1, "levle": 1, "mpa": 2}), Extent::Whole);
    let mut told: Vec<String> =
        faults.iter().map(|Fault { pointer, schema, message }| format!("{pointer} {schema}: {message}")).collect();
    told.sort();
    let expected = [
        "/level schemas/lobby.json#/properties/level/minimum: -1 is less than the minimum of 1",
        "/level schemas/lobby.json#/properties/level/multipleOf: -1 is not a multiple of 2",
        "/levle schemas/lobby.json#/additionalProperties: `levle` is unexpected",
        "/map schemas/lobby.json#/required: `map` is missing",
        "/mode schemas/lobby.json#/required: `mode` is missing",
        "/mpa schemas/lobby.json#/additionalProperties: `mpa` is unexpected",
    ];
    assert_eq!(told, expected);
}

/// Findings of a request and its answer under one title.
fn findings(title: Title, text: &str) -> Vec<Finding> {
    let mut terms = Terms::default();
    terms.hold(title);
    let contract = Contract::with(terms);
    let Example { call, answer, .. } = Example::read(text);
    let mut found = contract.check_call(&call);
    found.extend(answer.iter().flat_map(|answer| contract.check_answer(&call, answer)));
    found.retain(|finding| finding.rule.id.starts_with("title-"));
    found
}

fn strings(bag: Bag, scid: Option<&str>, templates: &[&str]) -> Title {
    let templates = templates.iter().map(|name| (*name).to_owned()).collect();
    let mut title = Title::new(scid.map(str::to_owned), templates);
    title.keep(bag, schema(&json!({"additionalProperties": {"type": "string"}})));
    title
}

fn places(title: Title, text: &str) -> Vec<String> {
    findings(title, text).iter().map(|finding| format!("{} {}", finding.rule.id, finding.place)).collect()
}

#[test]
fn custom_data_are_found_wherever_they_are_written() {
    let body = "{\"constants\": {\"custom\": {\"a\": 1}}, \"properties\": {\"custom\": {\"a\": 1}}, \
                \"members\": {\"me\": {\"constants\": {\"custom\": {\"a\": 1}}, \"properties\": {\"custom\": {\"a\": 1}}}}, \
                \"servers\": {\"x\": {\"constants\": {\"custom\": {\"a\": 1}}, \"properties\": {\"custom\": {\"a\": 1}}}}}";
    for (bag, pointer) in [
        (Bag::SessionConstants, "/constants/custom/a"),
        (Bag::SessionProperties, "/properties/custom/a"),
        (Bag::MemberConstants, "/members/me/constants/custom/a"),
        (Bag::MemberProperties, "/members/me/properties/custom/a"),
        (Bag::ServerConstants, "/servers/x/constants/custom/a"),
        (Bag::ServerProperties, "/servers/x/properties/custom/a"),
    ] {
        let title = strings(bag, None, &[]);
        assert_eq!(places(title, &format!("session.put\n\n{body}")), [format!("title-custom body {pointer}")]);
    }
    let bag = "{\"custom\": {\"a\": 1}}";
    let elements = [
        ("session.properties.put", Bag::SessionProperties, bag.to_owned(), "/custom/a"),
        ("session.me.put", Bag::MemberProperties, format!("{{\"properties\": {bag}}}"), "/properties/custom/a"),
        ("session.server.put", Bag::ServerConstants, format!("{{\"constants\": {bag}}}"), "/constants/custom/a"),
    ];
    for (op, bag, body, pointer) in elements {
        assert_eq!(
            places(strings(bag, None, &[]), &format!("{op}\n\n{body}")),
            [format!("title-custom body {pointer}")]
        );
    }
}

#[test]
fn two_keywords_of_one_value_are_two_findings() {
    let mut title = Title::new(None, Vec::new());
    let level = json!({"properties": {"level": {"minimum": 1, "multipleOf": 2}}});
    title.keep(Bag::SessionProperties, schema(&level));
    let found = findings(title, "session.put\n\n{\"properties\": {\"custom\": {\"level\": -1}}}");
    assert!(found.iter().all(|finding| finding.place == Place::body("/properties/custom/level")));
    let mut keywords: Vec<&str> = found.iter().filter_map(|finding| finding.schema.as_deref()).collect();
    keywords.sort_unstable();
    let of_level = ["minimum", "multipleOf"].map(|keyword| format!("schemas/lobby.json#/properties/level/{keyword}"));
    assert_eq!(keywords, of_level);
}

#[test]
fn search_attributes_are_written_whole() {
    let mut title = Title::new(None, Vec::new());
    title.keep(Bag::SearchAttributes, schema(&json!({"required": ["tags"]})));
    let handle = "handle.create\n\n{\"type\": \"search\", \"version\": 1, \"sessionRef\": $ref, \
                  \"searchAttributes\": {\"numbers\": {\"level\": 1}}}";
    assert_eq!(places(title, handle), ["title-custom body /searchAttributes/tags"]);
}

#[test]
fn a_title_speaks_of_its_own_sessions() {
    let text = "session.put\n\n{\"properties\": {\"custom\": {\"a\": 1}}}";
    let count = |scid, templates: &[&str]| places(strings(Bag::SessionProperties, scid, templates), text).len();
    assert_eq!(count(Some("097D0100-E05C-4D37-8420-46F1169056CF"), &["game", "lobbysession"]), 1);
    assert_eq!(count(Some("00000000-e05c-4d37-8420-46f1169056cf"), &[]), 0);
    assert_eq!(count(None, &["game"]), 0);
}

#[test]
fn a_write_by_handle_is_judged_once_it_shows_where_it_went() {
    let text = "handle.session.put\n\n{\"properties\": {\"custom\": {\"a\": 1}}}\n---\n200\n\n@session";
    for templates in [&["LobbySession"][..], &[]] {
        let found = places(strings(Bag::SessionProperties, None, templates), text);
        assert_eq!(found, ["title-custom body /properties/custom/a"], "{templates:?}");
    }
    assert!(places(strings(Bag::SessionProperties, None, &["game"]), text).is_empty());
}

#[test]
fn what_a_session_holds_is_judged_whole() {
    let required = |bag| {
        let mut title = Title::new(None, Vec::new());
        title.keep(bag, schema(&json!({"required": ["a"]})));
        title
    };
    let session = "session.get\n---\n200\n\n@session";
    assert_eq!(
        places(required(Bag::SessionProperties), session),
        ["title-custom-stored answer body /properties/custom/a"]
    );
    let stored = places(required(Bag::MemberProperties), session);
    assert_eq!(stored, ["title-custom-stored answer body /members/0/properties/custom/a"]);
    let reserved = format!("{session} {{\"members\": {{\"0\": {{\"reserved\": true}}}}}}");
    assert!(places(required(Bag::MemberProperties), &reserved).is_empty(), "who is expected has written nothing yet");
    let query = "handles.query\n\n{\"type\": \"activity\", \"scid\": \"097d0100-e05c-4d37-8420-46f1169056cf\", \
                 \"owners\": {\"xuids\": [\"1\"]}}\n---\n200\n\n{\"results\": [{\"sessionRef\": $ref, \"customProperties\": {}}]}";
    let query = query
        .replace("$ref}", "{\"scid\": \"a\", \"templateName\": \"b\"}}")
        .replace("\"sessionRef\": $ref", "\"sessionRef\": {\"scid\": \"a\", \"templateName\": \"b\"}");
    let found = places(required(Bag::SessionProperties), &query);
    assert_eq!(found, ["title-custom-stored answer body /results/0/customProperties/a"]);
}

#[test]
fn what_a_write_is_told_its_answer_is_not_told_again() {
    let text = "session.put\n\n{\"properties\": {\"custom\": {\"a\": 1}}}\n---\n200\n\n\
                @session {\"properties\": {\"custom\": {\"a\": 1, \"b\": 2}}}";
    let found = findings(strings(Bag::SessionProperties, None, &[]), text);
    let places: Vec<_> = found.iter().map(|finding| finding.place.to_string()).collect();
    assert_eq!(places, ["body /properties/custom/a", "answer body /properties/custom/b"]);
    assert!(found[0].schema.as_deref() == Some("schemas/lobby.json#/additionalProperties/type"));
}
