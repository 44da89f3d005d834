//! Rules of what the documents leave to the title: it says in `tapdeck.toml` what its custom data are.

use crate::contract::rule::Rule;
use crate::contract::rule::Severity::{Error, Warning};
use crate::contract::rule::Side::Client;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "title-custom",
        severity: Error,
        side: Client,
        title: "The request writes custom data the title's own schema forbids",
        requires: "Custom data are as the JSON Schemas say that [[title]] of tapdeck.toml names",
        fix: "Write what the schema allows, or change the schema; the finding names its file and keyword",
        citation: "the title's own schema; MPSD leaves custom data to it (mpsd-wire 6)",
        bad: "@title session-properties {\"properties\": {\"level\": {\"minimum\": 1}}, \"required\": [\"level\"]}\n\
              session.put\n\n{\"properties\": {\"custom\": {\"level\": 0}}}",
        good: "@title session-properties {\"properties\": {\"level\": {\"minimum\": 1}}, \"required\": [\"level\"]}\n\
               session.put\n\n{\"properties\": {\"custom\": {\"map\": \"harbour\"}}}",
    },
    Rule {
        id: "title-custom-stored",
        severity: Warning,
        side: Client,
        title: "The session holds custom data the title's own schema forbids",
        requires: "Once written, custom data are as the JSON Schemas say that [[title]] of tapdeck.toml names",
        fix: "Find the write that left it so (the title's duty, not the service's), or change the schema",
        citation: "the title's own schema; MPSD leaves custom data to it (mpsd-wire 6)",
        bad: "@title session-properties {\"required\": [\"level\"]}\n\
              session.get\n---\n200\n\n@session {\"properties\": {\"custom\": {\"map\": \"harbour\"}}}",
        good: "@title session-properties {\"required\": [\"level\"]}\n\
               session.get\n---\n200\n\n@session {\"properties\": {\"custom\": {\"level\": 1}}}",
    },
];
