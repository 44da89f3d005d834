//! Rules of what queries, templates and handles are answered with.

use std::collections::BTreeMap;

use serde_json::Value;

use super::finding::{Findings, Place};
use super::query::{asks_for_private, is_batch, is_session_query};
use super::schema::{QueryType, Schemas, Shape};
use super::view::View;
use crate::exchange::Call;
use crate::message::Response;
use crate::mpsd::Op;

/// An operation's call and answer, bodies read.
pub(super) struct Exchange<'x> {
    pub(super) call: &'x Call,
    pub(super) op: Op,
    pub(super) asked: Option<&'x View<'x>>,
    pub(super) response: &'x Response,
    pub(super) view: Option<&'x View<'x>>,
}

/// Runs the rules of everything read that is no session.
pub(super) fn check(schemas: &Schemas, exchange: &Exchange<'_>, findings: &mut Findings) {
    let Exchange { call, op, asked, response, view } = *exchange;
    if response.status == 403 && is_session_query(op) && asks_for_private(call) {
        let message = "private sessions and reservations are for their own player and for services";
        findings.add("query-403-rights", Place::Status, message);
    }
    if response.status != 200 || call.request.method == "HEAD" {
        return;
    }
    let asked = asked.and_then(|view| view.value.as_ref());
    let shape = match op {
        _ if is_session_query(op) => Shape::SessionResults,
        Op::HandlesQuery => Shape::HandleResults(QueryType::of(asked)),
        Op::TemplatesList => Shape::TemplateNames,
        Op::TemplateGet => Shape::TemplateDocument,
        Op::HandleGet => Shape::HandleDocument,
        _ => return,
    };
    let Some(view) = view else {
        if response.body.decoded().is_some() {
            findings.add(without_json(shape), Place::answer_body(""), "the answer is no JSON");
        }
        return;
    };
    let Some(value) = view.value.as_ref() else {
        return;
    };
    if op == Op::HandleGet && !is_handle(value) {
        if value.get("membersInfo").is_none() {
            findings.add("handle-get-shape", Place::answer_body(""), "the answer is neither a handle nor a session");
        }
        return;
    }
    schemas.check(shape, value, Place::answer_body, findings);
    if let Some(asked) = asked.filter(|_| is_batch(op)) {
        order(asked, value, findings);
    }
}

/// The rule an answer without JSON breaks.
fn without_json(shape: Shape) -> &'static str {
    match shape {
        Shape::HandleDocument => "handle-get-shape",
        Shape::TemplateDocument => "templates-answer-shape",
        _ => "query-results-missing",
    }
}

fn is_handle(value: &Value) -> bool {
    ["id", "type", "sessionRef"].into_iter().all(|name| value.get(name).is_some())
}

/// A batch's results stand in the order its players were named in.
fn order(asked: &Value, value: &Value, findings: &mut Findings) {
    let players = asked.get("xuids").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut ranks: BTreeMap<&str, usize> = BTreeMap::new();
    for (rank, xuid) in players.enumerate() {
        ranks.entry(xuid).or_insert(rank);
    }
    let results = value.get("results").and_then(Value::as_array).into_iter().flatten();
    let mut last = 0;
    for (index, result) in results.enumerate() {
        let Some(rank) = result.get("xuid").and_then(Value::as_str).and_then(|xuid| ranks.get(xuid)) else {
            continue;
        };
        if *rank < last {
            let place = Place::AnswerBody(format!("/results/{index}/xuid"));
            findings.add("query-result-xuid-order", place, "an earlier result is of a player named later");
            return;
        }
        last = *rank;
    }
}
