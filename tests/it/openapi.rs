//! The published document: never stale, and true of what is recorded.
//!
//! `TAPDECK_BLESS=1 cargo test --test it openapi` writes `docs/openapi.json` anew.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tapdeck::cassette::{Cassette, HttpRecord};
use tapdeck::contract::openapi;
use tapdeck::message::Body;
use tapdeck::mpsd::ROUTES;

use crate::support::binary;

#[test]
fn the_committed_document_is_what_the_command_prints() {
    let home = tempfile::tempdir().unwrap();
    let printed = binary::run(home.path(), &["contract", "--openapi"]);
    assert_eq!((printed.code, printed.talk.as_str()), (Some(0), ""));
    let committed = root().join("docs/openapi.json");
    if std::env::var_os("TAPDECK_BLESS").is_some() {
        std::fs::write(&committed, &printed.stdout).unwrap();
    }
    let expected = std::fs::read_to_string(&committed).unwrap().replace("\r\n", "\n");
    assert!(printed.stdout == expected, "docs/openapi.json is stale: see the module's doc");
}

#[test]
fn operations_are_listed_by_their_names() {
    let home = tempfile::tempdir().unwrap();
    let listed = binary::run(home.path(), &["contract"]);
    assert_eq!((listed.code, listed.talk.as_str()), (Some(0), ""));
    for route in ROUTES {
        let words = [route.name, route.method, route.path];
        let is_row = |line: &str| line.split_whitespace().eq(words);
        assert!(listed.stdout.lines().any(is_row), "{} is not listed", route.name);
    }
    assert!(listed.stdout.lines().all(|line| line.len() <= 160));
}

#[test]
fn the_emulators_exchanges_are_what_the_document_says() {
    let document = openapi();
    let (mut asked, mut answered) = (0, 0);
    for entry in std::fs::read_dir(root().join("cassettes")).unwrap() {
        let cassette = Cassette::read(&entry.unwrap().path()).unwrap();
        for record in cassette.exchanges() {
            let Some(operation) = operation(&document, &record.op) else { continue };
            let (status, response) = (record.response.status, record.response());
            if status == 405 || status == 101 {
                continue;
            }
            let reply = resolved(&document, &operation["responses"][status.to_string()]);
            assert!(reply.is_object(), "{} answers {status}", record.op);
            let request = record.request();
            if status < 400 && !request.body.is_empty() {
                accepts(&document, &operation["requestBody"], &request.body, record);
                asked += 1;
            }
            if response.headers.text("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
                accepts(&document, reply, &response.body, record);
                answered += 1;
            }
        }
    }
    assert!(asked > 10 && answered > 10, "{asked}, {answered}");
}

fn accepts(document: &Value, at: &Value, body: &Body, record: &HttpRecord) {
    let mut schema = at["content"]["application/json"]["schema"].clone();
    assert!(schema.is_object(), "{} has no schema", record.op);
    schema["components"] = json!({ "schemas": document["components"]["schemas"] });
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap();
    let value: Value = serde_json::from_slice(body.decoded().unwrap()).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{} at {}: {errors:?}: {value:#}", record.op, record.asked);
}

fn operation<'d>(document: &'d Value, name: &str) -> Option<&'d Value> {
    let items = document["paths"].as_object().unwrap().values();
    items.flat_map(|item| item.as_object().unwrap().values()).find(|operation| operation["operationId"] == name)
}

fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let target = value["$ref"].as_str().and_then(|target| document.pointer(target.trim_start_matches('#')));
    target.unwrap_or(value)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
