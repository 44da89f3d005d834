//! The form of the catalogue's examples, and how they become exchanges.
//!
//! ```text
//! @title session-properties {"type": "object"}   first, if at all: the title's own schemas, a line each
//! session.put?nocommit=true        an operation by name, or a verb and a target
//! X-Xbl-Contract-Version: 105      a header in place of the good one every example starts with
//! +X-Xbl-Contract-Version: 107     one more header line
//! -Authorization                   no such header
//!
//! {"members": {"me": {}}}          the body; `$ref` stands for a reference to the example's session
//! ---
//! 200                              optional: the answer, with headers and a body of its own
//!
//! @session {"changeNumber": 4}     a good document (`@session`, `@large`, `@handle`), merge-patched (RFC 7396);
//!                                  `@handles 3` are so many handles, as a query answers them
//! ===
//! > [1, 1, "https://…"]             optional: what comes next, another exchange or messages on a socket: what the
//! < [1, 1, 0, 0, null]             client says, what the service says. Messages are said on the socket opened
//!                                  last; before the first is opened, on one that was there
//! ```

use jsonschema::{Retrieve, Uri};
use serde_json::Value;

use super::Contract;
use super::terms::Terms;
use super::title::{Bag, Title, TitleSchema};
use crate::exchange::{Answer, Call, Protocol};
use crate::message::{Body, Headers, Request, Response};
use crate::mpsd::{ROUTES, Service};
use crate::socket::{Message, Sender};

/// An exchange of an example, ready to be judged.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) call: Call,
    pub(crate) answer: Option<Answer>,
    /// The contract with the title's own schemas, if it names any.
    pub(crate) contract: Option<Contract>,
}

/// One thing of an example after the other.
#[derive(Debug)]
pub(crate) enum Step {
    Exchange(Box<Example>),
    Message(Sender, Message),
}

/// Reads an example of any length. A text in no such form is a mistake in the catalogue: it panics.
pub(crate) fn steps(text: &str) -> Vec<Step> {
    let part = |part: &str| match part.starts_with(['>', '<']) {
        true => part.lines().map(message).collect(),
        false => vec![Step::Exchange(Box::new(Example::read(part)))],
    };
    text.split("\n===\n").flat_map(part).collect()
}

fn message(line: &str) -> Step {
    let (from, text) = line.split_at(2);
    let from = if from == "> " { Sender::Client } else { Sender::Service };
    Step::Message(from, Message::text(text))
}

impl Example {
    /// Reads one exchange.
    pub(crate) fn read(text: &str) -> Self {
        let (contract, text) = contract(text);
        let (request, answer) = text.split_once("\n---\n").map_or((text, None), |(left, right)| (left, Some(right)));
        let call = call(request);
        let answer = answer.map(|answer| Answer::answered(response(&call, answer)));
        Self { call, answer, contract }
    }
}

fn contract(mut text: &str) -> (Option<Contract>, &str) {
    let mut title = Title::new(None, Vec::new());
    let whole = text;
    while let Some((line, rest)) = text.strip_prefix("@title ").and_then(|text| text.split_once('\n')) {
        let (bag, schema) = line.split_once(' ').unwrap();
        let schema = serde_json::from_str(schema).unwrap();
        title.keep(Bag::of_key(bag).unwrap(), TitleSchema::compile("title.json", &schema, Nothing).unwrap());
        text = rest;
    }
    let mut terms = Terms::default();
    terms.hold(title);
    ((text != whole).then(|| Contract::with(terms)), text)
}

/// An example's schemas stand alone.
struct Nothing;

impl Retrieve for Nothing {
    fn retrieve(&self, _: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err("an example's schema stands alone".into())
    }
}

fn call(text: &str) -> Call {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (known, method, target) = request_line(lines.next().unwrap());
    let host = lines.clone().find_map(|line| line.strip_prefix("Host: "));
    let service = host.and_then(Service::of_host).unwrap_or(known);
    let (authority, usual) = head_of(service);
    let mut headers: Headers = usual.iter().copied().collect();
    let body = body.replace("$ref", REFERENCE);
    if !body.is_empty() {
        headers.push("content-type", "application/json; charset=utf-8");
    }
    edit(&mut headers, lines);
    // `\xff` in a body is that byte.
    let bytes: Vec<u8> = match body.split_once("\\xff") {
        Some((before, after)) => [before.as_bytes(), b"\xff", after.as_bytes()].concat(),
        None => body.into_bytes(),
    };
    let authority = host.unwrap_or(authority).to_owned();
    let request = Request { method, target, authority, headers, body: Body::plain(bytes), ..Request::default() };
    Call::new([127, 0, 0, 1].into(), Protocol::H1, service, request)
}

/// The host of a service, and the headers its requests start with.
fn head_of(service: Service) -> (&'static str, &'static [(&'static str, &'static str)]) {
    match service {
        Service::Rta => ("rta.xboxlive.com", &[TOKEN, ("sec-websocket-protocol", "rta.xboxlive.com.V2")]),
        Service::SmartMatch => ("smartmatch.xboxlive.com", &[("x-xbl-contract-version", "103"), TOKEN]),
        _ => ("sessiondirectory.xboxlive.com", &[("x-xbl-contract-version", "107"), TOKEN]),
    }
}

fn request_line(line: &str) -> (Service, String, String) {
    if let Some((method, target)) = line.split_once(' ') {
        return (Service::Mpsd, method.to_owned(), target.to_owned());
    }
    let (name, query) = line.split_once('?').map_or((line, String::new()), |(name, query)| (name, format!("?{query}")));
    let route = ROUTES.iter().find(|route| route.name == name).unwrap_or_else(|| panic!("no operation {name}"));
    (route.service, route.method.to_owned(), filled(route.path) + &query)
}

/// A path with the example's names in place of those in braces.
pub(super) fn filled(path: &str) -> String {
    PARAMETERS.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

fn edit<'t>(headers: &mut Headers, lines: impl Iterator<Item = &'t str>) {
    for line in lines {
        if let Some(name) = line.strip_prefix('-') {
            headers.remove(&name.to_ascii_lowercase());
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header: {line}"));
        match name.strip_prefix('+') {
            Some(name) => headers.push(name, value.trim().to_owned()),
            None => headers.set(&name.to_ascii_lowercase(), value.trim().to_owned()),
        }
    }
}

fn response(call: &Call, text: &str) -> Response {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let status: u16 = lines.next().unwrap().parse().unwrap();
    let body = document(body.trim_end());
    let op = call.resolution.operation().unwrap().op;
    let mut headers = Headers::new();
    if !body.is_empty() {
        headers.push("content-type", "application/json");
    }
    if op.answers_session() && matches!(status, 200 | 201 | 412) && !body.is_empty() {
        headers.push("etag", "\"415f6d4dd34d78c5090c0e916bfaedc3\"");
    }
    match (op.name(), status) {
        ("handle.create", 201) => headers.push("location", format!("/handles/{}", PARAMETERS[3].1)),
        ("handle.session.get" | "handle.session.put", 200 | 201) => headers.push("content-location", SESSION_PATH),
        _ => {}
    }
    edit(&mut headers, lines);
    Response::new(status, headers, body)
}

fn document(text: &str) -> String {
    let Some((name, patch)) = text.strip_prefix('@').map(|text| text.split_once(' ').unwrap_or((text, "{}"))) else {
        return text.replace("$ref", REFERENCE);
    };
    let base = match name {
        "handles" => {
            let handles = vec![HANDLE.replace("$ref", REFERENCE); patch.parse().unwrap()];
            return format!("{{\"results\": [{}]}}", handles.join(","));
        }
        "session" => SESSION.to_owned(),
        "large" => SESSION.replace("\"connectivity\": true,", "\"large\": true,").replace("\"0\": {", "\"me\": {"),
        "handle" => HANDLE.replace("$ref", REFERENCE),
        _ => panic!("no document {name}"),
    };
    let mut document: Value = serde_json::from_str(&base).unwrap();
    merge(&mut document, serde_json::from_str(patch).unwrap());
    document.to_string()
}

/// Merges a patch (RFC 7396).
pub(super) fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let members = target.as_object_mut().unwrap();
    for (name, value) in patch {
        if value.is_null() {
            members.shift_remove(&name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), value);
        }
    }
}

const TOKEN: (&str, &str) = ("authorization", "XBL3.0 x=7000000000000001;redacted");

const PARAMETERS: [(&str, &str); 8] = [
    ("{scid}", "097d0100-e05c-4d37-8420-46f1169056cf"),
    ("{template}", "LobbySession"),
    ("{session}", "9F9D4697-0311-449D-8CA3-70BAA1667066"),
    ("{handle}", "ef187fbe-3ed8-4c32-a9d6-2964ec47358d"),
    ("{index}", "4"),
    ("{server}", "matchmaking"),
    ("{hopper}", "Ranked"),
    ("{ticket}", "3ab3d0b8-2a85-4b1a-9a62-ff7a4ce0e4a9"),
];

const SESSION_PATH: &str = "/serviceconfigs/097d0100-e05c-4d37-8420-46f1169056cf/sessionTemplates/LobbySession\
                            /sessions/9F9D4697-0311-449D-8CA3-70BAA1667066";

const REFERENCE: &str = r#"{"scid": "097d0100-e05c-4d37-8420-46f1169056cf", "templateName": "LobbySession",
    "name": "9F9D4697-0311-449D-8CA3-70BAA1667066"}"#;

const SESSION: &str = r#"{
  "contractVersion": 107,
  "branch": "17a13f76-1ba5-44a5-92c9-5c22196ddbc4",
  "changeNumber": 3,
  "correlationId": "8d050174-412b-4d51-a29b-d55a34edfdb7",
  "startTime": "2026-11-01T10:00:00.5180901Z",
  "constants": {
    "system": {
      "version": 1,
      "maxMembersCount": 8,
      "visibility": "open",
      "capabilities": {"connectivity": true, "connectionRequiredForActiveMembers": true},
      "sessionEmptyTimeout": 0
    },
    "custom": {}
  },
  "properties": {"system": {"turn": []}, "custom": {}},
  "members": {
    "0": {
      "next": 1,
      "joinTime": "2026-11-01T10:00:00Z",
      "gamertag": "player one",
      "deviceToken": "0f795505a7f6cd8e76d89dc49c4ce278",
      "activeTitleId": "896928775",
      "constants": {"system": {"xuid": "7000000000000001", "index": 0}, "custom": {}},
      "properties": {
        "system": {"active": true, "connection": "85b40569-7cb3-45c6-b167-48536a6e2174"},
        "custom": {}
      }
    }
  },
  "membersInfo": {"first": 0, "next": 1, "count": 1, "accepted": 1, "active": 1},
  "servers": {}
}"#;

const HANDLE: &str = r#"{
  "id": "ef187fbe-3ed8-4c32-a9d6-2964ec47358d",
  "type": "activity",
  "version": 1,
  "sessionRef": $ref,
  "titleId": "896928775",
  "ownerXuid": "7000000000000001",
  "createTime": "2026-11-01T10:00:01.2Z"
}"#;
