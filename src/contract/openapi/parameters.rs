//! Parameters and headers: what a request may carry beside its body, and an answer beside its own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::pattern::any_case;
use crate::mpsd::route::{Kind, Parameter, Precondition, Principal};
use crate::mpsd::{ROUTES, Route, Service};

/// The name of the security scheme.
pub(super) const TOKEN: &str = "XToken";

/// The security scheme every operation needs.
pub(super) fn security() -> Value {
    json!({
        TOKEN: {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "An X-token: `XBL3.0 x=<user hash>;<token>`. The hash of a service's token is `-`.",
        }
    })
}

/// References to the parameters of an operation that are not in its path.
pub(super) fn of(route: &Route) -> Vec<Value> {
    let mut names = Vec::new();
    names.extend(contract_version(route.service));
    names.push("Signature");
    names.extend(route.preconditions.iter().map(|precondition| match precondition {
        Precondition::IfMatch => "IfMatch",
        Precondition::CreateOnly => "CreateOnly",
        Precondition::Unchanged => "Unchanged",
    }));
    if route.principals.contains(&Principal::OnBehalf) {
        names.extend(["OnBehalfOfTitle", "OnBehalfOfUsers", "DenyScope"]);
    }
    names.extend(route.query.iter().map(|parameter| parameter.name));
    names.into_iter().map(reference).collect()
}

/// References to the parameters in a path.
pub(super) fn in_path(path: &str) -> Vec<Value> {
    path.split(['{', '}']).skip(1).step_by(2).map(reference).collect()
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{name}") })
}

/// Every parameter, by the name references use.
pub(super) fn components() -> BTreeMap<&'static str, Value> {
    let mut all: BTreeMap<&str, Value> = PATH.iter().map(|(name, schema)| (*name, segment(name, schema))).collect();
    all.extend(HEADERS.iter().map(|(name, header, about, schema)| (*name, request_header(header, about, schema))));
    for route in ROUTES {
        all.extend(contract_version(route.service).map(|name| (name, version(route.contracts))));
        all.extend(route.query.iter().map(|parameter| (parameter.name, query(parameter))));
    }
    all
}

fn contract_version(service: Service) -> Option<&'static str> {
    match service {
        Service::Mpsd => Some("ContractVersion"),
        Service::SmartMatch => Some("MatchmakingContractVersion"),
        _ => None,
    }
}

fn version(contracts: &[u32]) -> Value {
    json!({
        "name": "X-Xbl-Contract-Version",
        "in": "header",
        "required": true,
        "description": "Which version of the contract the request is written in, and the answer is to be written in.",
        "schema": { "type": "integer", "enum": contracts },
    })
}

fn segment(name: &str, (about, schema): &(&str, &str)) -> Value {
    json!({ "name": name, "in": "path", "required": true, "description": about, "schema": read(schema) })
}

fn request_header(header: &str, about: &str, schema: &str) -> Value {
    json!({ "name": header, "in": "header", "description": about, "schema": read(schema) })
}

fn query(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "in": "query",
        "description": format!("{}.", parameter.summary),
        "schema": values(parameter.kind),
        "x-citation": parameter.citation,
    })
}

fn values(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Xuid => json!({ "type": "string", "format": "xuid", "pattern": "^[0-9]{1,20}$" }),
        Kind::True => json!({ "type": "string", "pattern": any_case("^true$"), "examples": ["true"] }),
        Kind::Number { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Word(words) => {
            json!({ "type": "string", "pattern": any_case(&format!("^(?:{})$", words.join("|"))), "examples": words })
        }
        Kind::Words(words) => {
            let word = words.join("|");
            let list = any_case(&format!("^(?:{word})(?:,(?:{word}))*$"));
            json!({ "type": "string", "pattern": list, "examples": [words.join(",")] })
        }
    }
}

/// The headers of answers, by name.
pub(super) fn answer_headers() -> BTreeMap<&'static str, Value> {
    let header = |(name, about, schema): &(&'static str, &str, &str)| {
        (*name, json!({ "description": about, "schema": read(schema) }))
    };
    ANSWER_HEADERS.iter().map(header).collect()
}

/// The schemas below are JSON: a test reads the document they end up in.
fn read(schema: &str) -> Value {
    serde_json::from_str(schema).unwrap_or_default()
}

type Segment = (&'static str, (&'static str, &'static str));

const PATH: [Segment; 8] = [
    ("scid", ("The service configuration's id.", r#"{"type": "string", "format": "uuid"}"#)),
    ("template", ("The session template's name.", r#"{"type": "string", "minLength": 1, "maxLength": 100}"#)),
    (
        "session",
        (
            "The session's name: most often a GUID.",
            r#"{"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[^~/?#\\s\\x00-\\x1f\\x7f]*$"}"#,
        ),
    ),
    ("handle", ("The handle's id.", r#"{"type": "string", "format": "uuid"}"#)),
    ("index", ("The member's index in the session: its key in `members`.", r#"{"type": "integer", "minimum": 0}"#)),
    ("server", ("The server's name: its key in `servers`.", r#"{"type": "string", "minLength": 1}"#)),
    ("hopper", ("The hopper's name.", r#"{"type": "string", "minLength": 1, "maxLength": 140}"#)),
    ("ticket", ("The match ticket's id.", r#"{"type": "string", "format": "uuid"}"#)),
];

const HEADERS: [(&str, &str, &str, &str); 7] = [
    (
        "Signature",
        "Signature",
        "Signs verb, path, query, `Authorization` and body. Consoles and the platform's own library send it; whether it \
         is needed is the title's policy.",
        r#"{"type": "string", "contentEncoding": "base64"}"#,
    ),
    (
        "IfMatch",
        "If-Match",
        "`*`: only if it exists. An entity tag: only if nobody has changed it since.",
        r#"{"type": "string", "pattern": "^(?:\\*|(?:W/)?\"[^\"]*\")$", "examples": ["*", "\"415f6d4dd34d78c5090c0e916bfaedc3\""]}"#,
    ),
    (
        "CreateOnly",
        "If-None-Match",
        "`*`: only if there is no session of this name yet.",
        r#"{"type": "string", "const": "*"}"#,
    ),
    (
        "Unchanged",
        "If-None-Match",
        "The entity tag of the last read: 304 if nothing has changed. Clients send it empty before the first read.",
        r#"{"type": "string"}"#,
    ),
    (
        "OnBehalfOfTitle",
        "X-Xbl-OnBehalfOf-Title",
        "The title a service acts for. Services must send it.",
        r#"{"type": "string", "pattern": "^[0-9]{1,10}$"}"#,
    ),
    (
        "OnBehalfOfUsers",
        "X-Xbl-OnBehalfOf-Users",
        "The users a service acts for, each with the privilege it vouches for.",
        r#"{"type": "string", "pattern": "^[0-9]+(?:;priv=multiplayer)?(?:, *[0-9]+(?:;priv=multiplayer)?)*$", "examples": ["7000000000000001;priv=multiplayer"]}"#,
    ),
    (
        "DenyScope",
        "X-Xbl-Deny-Scope",
        "Gives up the service's own rights, so that only the users' are left.",
        r#"{"type": "string", "const": "Multiplayer.Manage"}"#,
    ),
];

const ANSWER_HEADERS: [(&str, &str, &str); 7] = [
    (
        "ETag",
        "The entity tag of the session as it is in the answer. It changes with every change of the session.",
        r#"{"type": "string", "examples": ["\"415f6d4dd34d78c5090c0e916bfaedc3\""]}"#,
    ),
    ("Expires", "When the next timeout is due; only while one is pending.", r#"{"type": "string"}"#),
    ("Cache-Control", "Sessions must be validated again; nothing else may be kept.", r#"{"type": "string"}"#),
    ("Content-Location", "The path of what the body is.", r#"{"type": "string", "format": "uri-reference"}"#),
    ("Location", "The path of the new handle.", r#"{"type": "string", "format": "uri-reference"}"#),
    ("Retry-After", "How many seconds to wait before the next try.", r#"{"type": "integer", "minimum": 0}"#),
    ("Sec-WebSocket-Protocol", "The subprotocol the client offered, if it did.", r#"{"type": "string"}"#),
];
