//! Rules of `POST /handles` that its schemas do not say.

use serde_json::Value;

use super::finding::{Findings, Place};
use super::schema::HandleType;
use super::target::session_name;

/// Runs the rules across a handle's fields.
pub(super) fn check(body: &Value, findings: &mut Findings) {
    let name = body.pointer("/sessionRef/name").and_then(Value::as_str).unwrap_or_default();
    if !name.is_empty() && !findings.has("session-name-bad-char") && !findings.has("session-name-too-long") {
        session_name(name, &Place::body("/sessionRef/name"), findings);
    }
    let same = body.get("originSessionRef").is_some_and(|origin| same_session(origin, body.get("sessionRef")));
    if HandleType::of(body) == HandleType::Transfer && same {
        findings.add("transfer-same-session", Place::body("/originSessionRef"), "it is the session of sessionRef");
    }
}

fn same_session(left: &Value, right: Option<&Value>) -> bool {
    let part = |reference: &Value, name: &str| Some(reference.get(name)?.as_str()?.to_lowercase());
    ["scid", "templateName", "name"].into_iter().all(|name| {
        let left = part(left, name);
        left.is_some() && left == right.and_then(|right| part(right, name))
    })
}
