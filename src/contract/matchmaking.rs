//! Rules of SmartMatch: heads, tickets, and what is answered.

use serde_json::Value;

use super::finding::{Findings, Place, quoted};
use super::schema::{Schemas, Shape};
use super::{headers, target};
use crate::exchange::Call;
use crate::mpsd::name::is_guid;
use crate::mpsd::{Op, ParamName};

/// Checks the request line and the headers of a call to SmartMatch.
pub(super) fn check_head(call: &Call, findings: &mut Findings) {
    let request = &call.request;
    headers::authorization(&request.headers, findings);
    headers::content_type(request, findings);
    version(call, findings);
    if request.host().eq_ignore_ascii_case(DOCUMENTED_HOST) {
        findings.add("match-wrong-host", Place::Target, format!("the request goes to {DOCUMENTED_HOST}"));
    }
    let Some(operation) = call.resolution.operation() else {
        return;
    };
    target::names(operation, findings);
    if operation.param(ParamName::Hopper).chars().count() > LONGEST_HOPPER {
        let message = format!("the hopper's name is longer than {LONGEST_HOPPER} characters");
        findings.add("match-hopper-name-too-long", Place::Target, message);
    }
    let ticket = operation.piece(ParamName::Ticket).filter(|ticket| !is_guid(&ticket.text));
    if let Some(ticket) = ticket {
        findings.add("match-ticket-id-not-guid", Place::Target, format!("{} is no GUID", quoted(&ticket.text)));
    }
}

fn version(call: &Call, findings: &mut Findings) {
    let named = call.request.headers.text(headers::VERSION).unwrap_or_default().trim();
    let message = match named.parse::<u32>() {
        Ok(103..) => return,
        Ok(low) => format!("version {low} is below 103"),
        Err(_) if named.is_empty() => "the request names no contract version".to_owned(),
        Err(_) => format!("{} is no version", quoted(named)),
    };
    findings.add("match-contract-version", Place::header(headers::VERSION), message);
}

/// Checks what the schema of a ticket does not say: the documents' `sessionName` stands for a name.
pub(super) fn check_ticket(body: &Value, findings: &mut Findings) {
    let session = body.get("ticketSessionRef").and_then(Value::as_object);
    if session.is_some_and(|session| !session.contains_key("name") && !session.contains_key("sessionName")) {
        let message = "`name` is missing";
        findings.add("match-ticket-session-missing", Place::body("/ticketSessionRef/name"), message);
    }
}

/// Checks an answer that should have a body.
pub(super) fn check_answer(schemas: &Schemas, op: Op, value: Option<&Value>, findings: &mut Findings) {
    let shape = match op {
        Op::TicketCreate => Shape::TicketAnswer,
        Op::TicketGet => Shape::TicketStatus,
        _ => Shape::HopperStats,
    };
    let Some(value) = value else {
        return;
    };
    schemas.check(shape, value, Place::answer_body, findings);
    let is = |name: &str, word: &str| {
        value.get(name).and_then(Value::as_str).is_some_and(|text| text.eq_ignore_ascii_case(word))
    };
    if op == Op::TicketGet
        && is("ticketStatus", "found")
        && !value.get("targetSessionRef").is_some_and(Value::is_object)
    {
        let message = "the ticket is found and leads nowhere";
        findings.add("match-found-without-target", Place::answer_body(""), message);
    }
}

const DOCUMENTED_HOST: &str = "momatch.xboxlive.com";
const LONGEST_HOPPER: usize = 140;
