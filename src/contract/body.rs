//! Rules of request bodies as such: there or not, strict JSON, an object, every name once.

use super::finding::{Findings, Place};
use super::view::View;
use crate::exchange::Call;
use crate::json::Kind;
use crate::mpsd::Op;

/// Checks the body and reads it; `None` when there is nothing more to judge.
pub(super) fn read<'a>(call: &'a Call, findings: &mut Findings) -> Option<View<'a>> {
    presence(call, findings);
    let op = call.resolution.operation()?.op;
    let text = call.request.body.decoded().filter(|text| !text.is_empty())?;
    if !matches!(op.route().method, "PUT" | "POST") {
        return None;
    }
    let view = match View::read(text) {
        Ok(view) => view,
        Err(error) if error.expected == "UTF-8" => {
            findings.add("json-not-utf8", Place::body(""), format!("byte {} is no UTF-8", error.offset));
            return None;
        }
        Err(error) => {
            findings.add("json-malformed", Place::body(""), error.to_string());
            return None;
        }
    };
    for pointer in view.duplicate_keys() {
        findings.add("json-duplicate-key", Place::Body(pointer), "the object has this name twice");
    }
    let kind = view.doc.root().kind();
    if kind == Kind::Null && matches!(op, Op::MemberMePut | Op::ServerPut) {
        return None;
    }
    if kind != Kind::Object {
        findings.add("json-not-object", Place::body(""), "the outermost value is no object");
        return None;
    }
    Some(view)
}

fn presence(call: &Call, findings: &mut Findings) {
    let empty = call.request.body.is_empty();
    let op = call.resolution.operation().map(|operation| operation.op);
    match call.request.method.as_str() {
        "GET" | "HEAD" if !empty => findings.add("body-on-get", Place::body(""), "a read carries a body"),
        "DELETE" if !empty => findings.add("body-on-delete", Place::body(""), "a removal carries a body"),
        "PUT" if empty && op.is_some() => findings.add("body-empty-on-put", Place::body(""), "the body is empty"),
        "POST" if empty && op.is_some_and(needs_body) => {
            findings.add("body-missing", Place::body(""), "the body is empty");
        }
        _ => {}
    }
}

fn needs_body(op: Op) -> bool {
    matches!(op, Op::HandleCreate | Op::HandlesQuery | Op::Batch | Op::TemplateBatch | Op::TicketCreate)
}
