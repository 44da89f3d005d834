//! What the shipping clients need in order to parse an answer, asserted on every one (mpsd-behaviour §10, and what it
//! marks as seen in a client elsewhere). XSAPI walks the member list by hand, go-xsapi insists on headers.

mod matching;
mod messages;
mod queries;
mod session;

use serde_json::Value;
use tapdeck::message::Response;
use tapdeck::mpsd::name::is_guid;
use tapdeck::mpsd::{Op, Service, resolve};

use super::world::Ask;
pub(super) use messages::check_message;

/// Checks one answer.
pub(super) fn check(ask: &Ask, response: &Response, place: &str) {
    let header = |name: &str| response.headers.text(name).unwrap_or_default();
    let body = response.body.decoded().unwrap();
    assert!(!header("date").is_empty(), "{place}: XSAPI takes the time from Date");
    match response.status {
        204 | 304 | 401 => assert!(body.is_empty(), "{place}: {} has no body", response.status),
        412 | 503 if body.is_empty() => {}
        200 | 201 | 412 | 429 => assert!(is_json(response), "{place}: {}", header("content-type")),
        403 if is_json(response) => {}
        _ => {
            assert!(header("content-type").starts_with("text/plain"), "{place}: {}", header("content-type"));
            assert!(!body.is_empty(), "{place}: {} says why", response.status);
        }
    }
    if matches!(response.status, 429 | 503) {
        assert!(header("retry-after").parse::<u64>().is_ok(), "{place}: {} says when", response.status);
    }
    if is_json(response) {
        check_document(ask, response, &serde_json::from_slice(body).unwrap(), place);
    }
}

fn is_json(response: &Response) -> bool {
    response.headers.text("content-type").is_some_and(|kind| kind.starts_with("application/json"))
}

fn check_document(ask: &Ask, response: &Response, document: &Value, place: &str) {
    let service = Service::of_host(&format!("{}.xboxlive.com", ask.host)).unwrap();
    let operation = resolve(service, &ask.method, &ask.target).operation().map(|operation| operation.op);
    match operation {
        _ if response.status == 429 => check_overrun(document, place),
        Some(op) if op.answers_session() => session::check(ask, op, response, document, place),
        Some(Op::HandleCreate) => {
            queries::check_handle(document, place);
            assert!(matches!(response.status, 200 | 201), "{place}: clients know 200 and 201");
        }
        Some(Op::HandleGet) => queries::check_handle(document, place),
        Some(Op::HandlesQuery) => queries::check_handles(ask, document, place),
        Some(Op::SessionsQuery | Op::TemplateSessionsQuery | Op::Batch | Op::TemplateBatch) => {
            assert!(response.headers.text("etag").is_none(), "{place}: a list has no tag");
            queries::check_rows(document, place);
        }
        Some(Op::TemplatesList) => {
            assert!(results(document, place).iter().all(Value::is_string), "{place}: {document}");
        }
        Some(Op::RtaNonce) => assert!(document["nonce"].is_string(), "{place}: {document}"),
        Some(op) => matching::check(op, document, place),
        None => {}
    }
}

fn check_overrun(document: &Value, place: &str) {
    for name in ["version", "currentRequests", "maxRequests", "periodInSeconds"] {
        assert!(document[name].is_u64(), "{place}: {name}");
    }
    let kind = document["limitType"].as_str().unwrap_or_default().to_lowercase();
    assert!(matches!(kind.as_str(), "rate" | "concurrency"), "{place}: {document}");
}

/// The list every query answers with; clients take at most 100.
fn results<'a>(document: &'a Value, place: &str) -> &'a [Value] {
    let results = document["results"].as_array().unwrap_or_else(|| panic!("{place}: no results"));
    assert!(results.len() <= 100, "{place}: {} results", results.len());
    results
}

fn check_reference(reference: &Value, place: &str) {
    for name in ["scid", "templateName", "name"] {
        assert!(reference[name].is_string(), "{place}: sessionRef.{name}");
    }
}

/// ISO 8601 in UTC with seven digits.
fn check_time(time: &Value, place: &str) {
    let text = time.as_str().unwrap_or_else(|| panic!("{place}: {time} is no time"));
    let digits = text.strip_suffix('Z').and_then(|text| text.split_once('.')).map(|(_, digits)| digits);
    assert!(digits.is_some_and(|digits| digits.len() == 7) && text.contains('T'), "{place}: {text}");
    assert!(text.parse::<jiff::Timestamp>().is_ok(), "{place}: {text}");
}

fn check_guid(guid: &Value, place: &str) {
    assert!(guid.as_str().is_some_and(is_guid), "{place}: {guid} is no GUID");
}

fn check_xuid(xuid: &Value, place: &str) {
    let is_decimal = xuid.as_str().is_some_and(|xuid| xuid.parse::<u64>().is_ok());
    assert!(is_decimal, "{place}: {xuid} is no xuid as text");
}

fn check_xuids(xuids: &Value, place: &str) {
    let xuids = xuids.as_array().unwrap_or_else(|| panic!("{place}: {xuids} is no list"));
    xuids.iter().for_each(|xuid| check_xuid(xuid, place));
}

/// Role types as sessions and search results show them.
fn check_role_types(types: &Value, place: &str) {
    for (name, role_type) in types.as_object().unwrap_or_else(|| panic!("{place}: {types}")) {
        for (role, shown) in role_type["roles"].as_object().unwrap_or_else(|| panic!("{place}: {name}: no roles")) {
            let place = format!("{place}: role {name}/{role}");
            assert!(shown["count"].is_u64(), "{place}: {shown}");
            check_xuids(&shown["memberXuids"], &place);
            for setting in ["max", "target"] {
                assert!(shown.get(setting).is_none_or(Value::is_u64), "{place}: {shown}");
            }
        }
    }
}
