//! Rules of what the service answers: headers, bodies that must or must not be there, handles.

use serde_json::Value;

use super::document;
use super::finding::{Findings, Place, quoted};
use super::headers::{is_json, is_quoted, matches_one_state};
use super::matchmaking;
use super::schema::{Schemas, Shape};
use super::target::has_parameter;
use super::view::View;
use crate::exchange::Call;
use crate::message::Response;
use crate::mpsd::Op;

/// Runs every rule of the answer as such. `view` is its body, read.
pub(super) fn check(
    schemas: &Schemas,
    call: &Call,
    response: &Response,
    view: Option<&View<'_>>,
    findings: &mut Findings,
) {
    let Some(op) = call.resolution.operation().map(|operation| operation.op) else {
        return;
    };
    status(call, op, response, findings);
    headers(call, response, findings);
    if op.answers_session() {
        entity_tag(call, op, response, view, findings);
    }
    let is_session = matches!(op, Op::SessionGet | Op::SessionPut) && matches!(response.status, 200 | 201);
    if is_session && view.is_none() && call.request.method != "HEAD" && response.body.decoded().is_some() {
        findings.add("response-session-missing", Place::answer_body(""), "the answer is no JSON");
    }
    let value = view.and_then(|view| view.value.as_ref());
    if let Some(value) = value.filter(|_| carries_session(op, response, view)) {
        schemas.check(Shape::SessionDocument, value, Place::answer_body, findings);
        document::check(call, value, findings);
    }
    match (op, response.status) {
        (Op::HandleCreate, 200 | 201) => handle(schemas, response, value, findings),
        (Op::HandleSessionGet | Op::HandleSessionPut, 200 | 201) => session_location(response, findings),
        (Op::TicketCreate | Op::TicketGet | Op::HopperStats, 200 | 201) => {
            matchmaking::check_answer(schemas, op, value, findings);
        }
        _ => {}
    }
    if let (429, Some(value)) = (response.status, value) {
        schemas.check(Shape::Limit, value, Place::answer_body, findings);
    }
}

/// True when an answer's body is a session document, or should be.
pub(super) fn carries_session(op: Op, response: &Response, view: Option<&View<'_>>) -> bool {
    let whole = matches!(op, Op::SessionGet | Op::SessionPut | Op::HandleSessionGet | Op::HandleSessionPut);
    // What a write to an element answers is not documented: session or element.
    let looks = view.is_some_and(|view| view.doc.root().get("membersInfo").is_some());
    op.answers_session() && matches!(response.status, 200 | 201 | 412) && view.is_some() && (whole || looks)
}

fn status(call: &Call, op: Op, response: &Response, findings: &mut Findings) {
    let says = |name: &str| call.request.headers.text(name).is_some();
    let is_asked = match response.status {
        304 => says("if-none-match"),
        412 => says("if-match") || says("if-none-match"),
        _ => true,
    };
    if !is_asked {
        let message = format!("{} to a request without a precondition", response.status);
        findings.add("response-status-unasked", Place::Status, message);
    } else if response.status < 500 && !op.route().answers().any(|answer| answer.status == response.status) {
        let message = format!("{} is no answer the documents name for {}", response.status, op.name());
        findings.add("response-status-undocumented", Place::Status, message);
    }
}

fn headers(call: &Call, response: &Response, findings: &mut Findings) {
    let has_body = !response.body.is_empty() && call.request.method != "HEAD";
    match response.status {
        200 | 201 if has_body => {
            let named = response.headers.text("content-type").unwrap_or_default();
            if !is_json(named) {
                let message = format!("the body is called {}", quoted(named));
                findings.add("response-content-type", Place::answer_header("content-type"), message);
            }
        }
        204 | 304 if has_body => findings.add("response-204-body", Place::answer_body(""), "there is a body"),
        429 | 503 if response.headers.text("retry-after").is_none_or(|value| value.trim().is_empty()) => {
            let message = format!("{} without Retry-After", response.status);
            findings.add("response-503-no-retry-after", Place::answer_header("retry-after"), message);
        }
        _ => {}
    }
    if let Some(tag) = response.headers.text("etag").filter(|tag| !is_quoted(tag)) {
        findings.add("response-etag-unquoted", Place::answer_header("etag"), format!("{} has no quotes", quoted(tag)));
    }
}

fn entity_tag(call: &Call, op: Op, response: &Response, view: Option<&View<'_>>, findings: &mut Findings) {
    let missing = response.headers.text("etag").is_none();
    if response.status == 412 && matches_one_state(&call.request.headers) {
        if missing || response.body.is_empty() {
            findings.add("response-412-without-etag", Place::Status, "412 without the session and its ETag");
        }
    } else if missing && carries_session(op, response, view) && !has_parameter(call, "nocommit") {
        findings.add("response-etag-missing", Place::answer_header("etag"), "the session has no ETag");
    }
}

/// An activity handle's answer may be empty: the documents say so, the service says otherwise.
fn handle(schemas: &Schemas, response: &Response, value: Option<&Value>, findings: &mut Findings) {
    if let Some(value) = value {
        schemas.check(Shape::HandleDocument, value, Place::answer_body, findings);
    }
    // An answer without a body, as the documents have it for activities, need not say where it is either (D02).
    if response.status != 201 || response.body.is_empty() {
        return;
    }
    let id = value.and_then(|value| value.get("id")).and_then(Value::as_str);
    let is_right = |location: &str| {
        let named = path_of(location).strip_prefix("/handles/");
        named.is_some_and(|named| id.is_none_or(|id| named.eq_ignore_ascii_case(id)))
    };
    for (header, is_needed) in [("location", true), ("content-location", false)] {
        if !response.headers.text(header).map_or(!is_needed, is_right) {
            let is_there = response.headers.text(header).is_some();
            let message = if is_there { "it is not `/handles/` and the handle's id" } else { "it is missing" };
            findings.add("handle-response-location", Place::answer_header(header), message);
        }
    }
}

fn session_location(response: &Response, findings: &mut Findings) {
    let path = response.headers.text("content-location").map(path_of).unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    let is_right = match parts.as_slice() {
        ["", a, scid, b, template, c, name] => {
            a.eq_ignore_ascii_case("serviceconfigs")
                && b.eq_ignore_ascii_case("sessiontemplates")
                && c.eq_ignore_ascii_case("sessions")
                && ![scid, template, name].into_iter().any(|part| part.is_empty())
        }
        _ => false,
    };
    if !is_right {
        let message = "it names no session";
        findings.add("handle-session-location", Place::answer_header("content-location"), message);
    }
}

/// The path of a location, absolute or not.
fn path_of(location: &str) -> &str {
    let Some((_, rest)) = location.split_once("://") else {
        return location;
    };
    rest.find('/').map_or("", |at| &rest[at..])
}
