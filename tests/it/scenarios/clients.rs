//! What the shipping clients need in order to parse an answer, asserted on every one (mpsd-behaviour §10, and what it
//! marks as seen in a client elsewhere). XSAPI walks the member list by hand, go-xsapi insists on headers.

use serde_json::Value;
use tapdeck::clock::http_date;
use tapdeck::message::Response;
use tapdeck::mpsd::{Op, Service, resolve};

use super::world::Ask;

/// Checks one answer.
pub(crate) fn check(ask: &Ask, response: &Response, place: &str) {
    let header = |name: &str| response.headers.text(name).unwrap_or_default();
    let body = response.body.decoded().unwrap();
    assert!(!header("date").is_empty(), "{place}: XSAPI takes the time from Date");
    let service = Service::of_host(&format!("{}.xboxlive.com", ask.host)).unwrap();
    let operation = resolve(service, &ask.method, &ask.target).operation().map(|operation| operation.op);
    match response.status {
        204 | 304 | 401 => assert!(body.is_empty(), "{place}: {} has no body", response.status),
        status if !body.is_empty() => {
            let is_json = header("content-type").starts_with("application/json");
            let is_text = header("content-type").starts_with("text/plain");
            let says_json = matches!(status, 200 | 201 | 412 | 429);
            assert!(if says_json { is_json } else { is_json || is_text }, "{place}: {}", header("content-type"));
            if is_json {
                let document: Value = serde_json::from_slice(body).unwrap();
                check_document(ask, operation, response, &document, place);
            }
        }
        status => assert!(matches!(status, 200 | 412 | 503), "{place}: {status} says why"),
    }
    if response.status == 429 {
        assert!(header("retry-after").parse::<u64>().is_ok(), "{place}: 429 says when");
    }
}

fn check_document(ask: &Ask, operation: Option<Op>, response: &Response, document: &Value, place: &str) {
    let header = |name: &str| response.headers.text(name).unwrap_or_default();
    if response.status == 429 {
        for name in ["currentRequests", "maxRequests", "periodInSeconds"] {
            assert!(document[name].is_u64(), "{place}: {name}");
        }
        return;
    }
    match operation {
        Some(Op::HandleCreate) => check_handle(document, place),
        Some(Op::HandlesQuery) => check_query(ask, document, place),
        Some(op) if op.answers_session() => {
            assert!(!header("etag").is_empty(), "{place}: no ETag");
            let is_by_handle = matches!(op, Op::HandleSessionGet | Op::HandleSessionPut);
            if is_by_handle && response.status < 300 {
                let location = header("content-location");
                assert!(
                    location.starts_with("/serviceconfigs/") && location.split('/').count() == 7,
                    "{place}: {location}"
                );
            }
            check_session(document, place);
            check_timer(document, header("expires"), place);
        }
        _ => {}
    }
}

/// XSAPI fails the whole document, or loops for ever, where one of these does not hold.
pub(crate) fn check_session(document: &Value, place: &str) {
    for pointer in ["/constants/system", "/properties/system", "/members", "/servers"] {
        assert!(document.pointer(pointer).is_some_and(Value::is_object), "{place}: {pointer}");
    }
    for pointer in ["/constants/custom", "/properties/custom"] {
        assert!(document.pointer(pointer).is_some(), "{place}: {pointer}");
    }
    for name in ["branch", "startTime", "correlationId"] {
        assert!(document[name].is_string(), "{place}: {name}");
    }
    assert!(document["changeNumber"].is_u64() && document["contractVersion"].is_u64(), "{place}");
    let info =
        |name: &str| document["membersInfo"][name].as_u64().unwrap_or_else(|| panic!("{place}: membersInfo.{name}"));
    if document.pointer("/constants/system/capabilities/large") == Some(&Value::Bool(true)) {
        let only_me = document["members"].as_object().unwrap().keys().all(|name| name == "me");
        assert!(only_me && info("count") <= info("next"), "{place}");
        assert!(info("first") == info("next") || document["members"]["me"].is_object(), "{place}: the list has no end");
        return;
    }
    let (mut at, end) = (info("first"), info("next"));
    let mut met = 0;
    while at != end {
        let member = &document["members"][at.to_string()];
        check_member(member, at, place);
        met += 1;
        assert!(met <= info("count"), "{place}: the list has no end");
        at = member["next"].as_u64().unwrap();
    }
    assert_eq!(met, info("count"), "{place}: members are left out of the list");
    assert_eq!(document["members"].as_object().unwrap().len() as u64, met, "{place}");
}

fn check_member(member: &Value, index: u64, place: &str) {
    for bag in ["constants", "properties"] {
        assert!(
            member[bag]["system"].is_object() && member[bag].get("custom").is_some(),
            "{place}: member {index}: {bag}"
        );
    }
    assert_eq!(member["constants"]["system"]["index"], index, "{place}");
    assert!(member["constants"]["system"]["xuid"].is_string(), "{place}: member {index}: xuid");
    assert!(member["next"].is_u64() && member["joinTime"].is_string(), "{place}: member {index}");
    let is_reserved = member["reserved"] == true;
    assert_eq!(member["gamertag"].is_string(), !is_reserved, "{place}: member {index}: gamertag");
}

/// `nextTimer` and `Expires` are one instant.
fn check_timer(document: &Value, expires: &str, place: &str) {
    let timer = document["nextTimer"].as_str().unwrap_or_default();
    match timer {
        "" => assert_eq!(expires, "", "{place}: Expires without nextTimer"),
        timer => assert_eq!(http_date(timer.parse().unwrap()), expires, "{place}: nextTimer {timer}"),
    }
}

fn check_handle(handle: &Value, place: &str) {
    assert!(handle["id"].as_str().is_some_and(tapdeck::mpsd::name::is_guid), "{place}: a handle's id is a GUID");
    assert!(handle["type"].is_string() && handle["version"].is_u64(), "{place}: {handle}");
    for name in ["scid", "templateName", "name"] {
        assert!(handle["sessionRef"][name].is_string(), "{place}: sessionRef.{name}");
    }
}

fn check_query(ask: &Ask, document: &Value, place: &str) {
    for handle in document["results"].as_array().unwrap_or_else(|| panic!("{place}: no results")) {
        check_handle(handle, place);
        if ask.target.to_lowercase().contains("relatedinfo") {
            for name in ["membersCount", "maxMembersCount"] {
                assert!(handle["relatedInfo"][name].is_u64(), "{place}: relatedInfo.{name}");
            }
        }
        if ask.target.to_lowercase().contains("customproperties") {
            assert!(handle.get("customProperties").is_some(), "{place}: XSAPI reads customProperties unasked");
        }
    }
}

/// Checks one message of the real-time service.
pub(crate) fn check_message(message: &Value, place: &str) {
    let Some(message) = message.as_array() else { return };
    match message[0].as_u64() {
        Some(1) => assert!(message.len() >= 3 && message[1].is_u64() && message[2].is_u64(), "{place}: {message:?}"),
        Some(2) => assert!(message.len() >= 3, "{place}: {message:?}"),
        Some(3) => check_event(&message[2], place),
        Some(4) => {}
        other => panic!("{place}: no message of the service starts with {other:?}"),
    }
}

fn check_event(event: &Value, place: &str) {
    let Some(taps) = event["shoulderTaps"].as_array() else { return };
    assert!(event["ncid"].as_str().is_some_and(tapdeck::mpsd::name::is_guid), "{place}: {event}");
    for tap in taps {
        let resource = tap["resource"].as_str().unwrap();
        assert_eq!(resource.split('~').count(), 3, "{place}: {resource}");
        assert_eq!(resource.to_lowercase(), resource, "{place}");
        assert_eq!(tap["resourceType"], "mpsd/session", "{place}");
        for name in ["subscription", "branch", "timestamp"] {
            assert!(tap[name].is_string(), "{place}: {name}");
        }
    }
}
