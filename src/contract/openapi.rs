//! The whole contract as one OpenAPI 3.1 document, made from what the checks are made from: routes, schemas, rules.
//!
//! Equal tables give equal bytes. Only the document uses `anyOf`, where a body has one of several shapes; what OpenAPI
//! cannot say is in the descriptions and, rule by rule, under `x-rules`.

mod bodies;
mod operations;
mod parameters;
mod pattern;
mod schemas;

use serde_json::{Map, Value, json};

use schemas::Components;

use super::catalogue::rules;
use crate::mpsd::{ROUTES, Service};

/// The document.
pub fn openapi() -> Value {
    let components = Components::new();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Xbox Live Multiplayer Session Directory (MPSD)",
            "version": "107",
            "summary": "Sessions, handles and queries, and the matchmaking and real-time activity around them",
            "description": ABOUT,
            "license": { "name": "MIT or Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": servers(Service::Mpsd),
        "security": [{ parameters::TOKEN: [] }],
        "tags": tags(),
        "paths": operations::paths(&components),
        "components": {
            "schemas": components.schemas(),
            "responses": operations::refusals(&components),
            "parameters": parameters::components(),
            "headers": parameters::answer_headers(),
            "examples": bodies::all_examples(),
            "securitySchemes": parameters::security(),
        },
        "x-rules": rules_by_id(),
    })
}

fn servers(service: Service) -> Value {
    service.hosts().iter().map(|host| json!({ "url": format!("https://{host}") })).collect()
}

/// The groups of operations, in the order of the table.
fn tags() -> Value {
    let mut groups: Vec<&str> = ROUTES.iter().map(|route| route.group).collect();
    groups.dedup();
    groups.iter().map(|group| json!({ "name": group })).collect()
}

/// What the `x-rule` of a schema keyword refers to, and the rules no schema can say.
fn rules_by_id() -> Value {
    let mut all = Map::new();
    for rule in rules() {
        let facts = json!({
            "severity": rule.severity.as_str(),
            "side": rule.side.as_str(),
            "title": rule.title,
            "requires": rule.requires,
            "fix": rule.fix,
            "citation": rule.citation,
        });
        all.insert(rule.id.to_owned(), facts);
    }
    all.into()
}

const ABOUT: &str = "\
The session directory as its documents and its shipping clients describe it, put together by tapdeck \
(`tapdeck contract --openapi`). It is not a publication of the service's makers.

- Path keywords, GUIDs, the names of templates and sessions, and the words of enumerations compare case-insensitively.
- A body is JSON in UTF-8, without comments. A session is written by merging: absent members stay, and null removes.
- Contracts 104 and 105 write a session's timeouts and its initialization in another way than 107: see \
`SessionRequest105` and `SessionRequest107`. The answer comes in the version the request names.
- A known path with another verb is answered 405, with a line of plain text like most refusals.
- Every answer carries `Date` and `X-XblCorrelationId`; `X-Xbl-Debug` is for people and changes at will.
- User ids and title ids are decimal strings. Timestamps are UTC with up to seven decimal places.

The schemas say what is documented. Clients do more than that, and the service takes some of it: `x-rule` beside a \
schema's keywords names the rule that a failure of each keyword breaks, and `x-rules` at the end of the document says how \
much each rule weighs and what it requires, with those that no schema can express.";

#[cfg(test)]
mod tests;
