//! Session documents.

use serde_json::Value;
use tapdeck::clock::http_date;
use tapdeck::message::Response;
use tapdeck::mpsd::Op;

use super::{check_guid, check_role_types, check_time, check_xuid};
use crate::scenarios::world::Ask;

/// Checks an answer that shows a session.
pub(super) fn check(ask: &Ask, op: Op, response: &Response, document: &Value, place: &str) {
    let header = |name: &str| response.headers.text(name).unwrap_or_default();
    assert!(!header("etag").is_empty(), "{place}: no ETag");
    let is_by_handle = matches!(op, Op::HandleSessionGet | Op::HandleSessionPut);
    if is_by_handle && response.status < 300 {
        let location = header("content-location");
        let parts: Vec<&str> = location.split('/').collect();
        let is_path = matches!(parts[..], ["", "serviceconfigs", _, "sessionTemplates", _, "sessions", _]);
        assert!(is_path, "{place}: go-xsapi joins by Content-Location: {location}");
    }
    let asked = ask.headers.text("x-xbl-contract-version").unwrap_or_default();
    assert_eq!(document["contractVersion"].to_string(), asked, "{place}: the caller's contract decides the names");
    check_session(document, place);
    check_timer(document, header("expires"), place);
}

/// XSAPI fails the whole document, or loops for ever, where one of these does not hold.
fn check_session(document: &Value, place: &str) {
    for pointer in ["/constants/system", "/properties/system", "/members", "/servers"] {
        assert!(document.pointer(pointer).is_some_and(Value::is_object), "{place}: {pointer}");
    }
    for pointer in ["/constants/custom", "/properties/custom"] {
        assert!(document.pointer(pointer).is_some(), "{place}: {pointer}");
    }
    check_guid(&document["branch"], place);
    check_guid(&document["correlationId"], place);
    check_time(&document["startTime"], place);
    assert!(document["changeNumber"].is_u64(), "{place}");
    let is_large = document.pointer("/constants/system/capabilities/large") == Some(&Value::Bool(true));
    assert!(is_large || document["properties"]["system"]["turn"].is_array(), "{place}: no turn");
    if let Some(types) = document.get("roleTypes") {
        check_role_types(types, place);
    }
    check_initializing(document, place);
    if is_large {
        check_large(document, place);
    } else {
        check_members(document, place);
    }
}

fn check_initializing(document: &Value, place: &str) {
    if let Some(initializing) = document.get("initializing") {
        assert!(initializing["stage"].is_string() && initializing["episode"].is_u64(), "{place}: {initializing}");
        check_time(&initializing["stageStartTime"], place);
    }
    for token in document.get("hostCandidates").into_iter().flat_map(|tokens| tokens.as_array().unwrap()) {
        assert!(token.is_string(), "{place}: hostCandidates");
    }
}

fn info(document: &Value, name: &str, place: &str) -> u64 {
    document["membersInfo"][name].as_u64().unwrap_or_else(|| panic!("{place}: membersInfo.{name}"))
}

/// Of a large session a client sees itself or nobody.
fn check_large(document: &Value, place: &str) {
    let members = document["members"].as_object().unwrap();
    assert!(members.keys().all(|name| name == "me"), "{place}: {:?}", members.keys());
    let (first, next) = (info(document, "first", place), info(document, "next", place));
    assert!(info(document, "count", place) <= next, "{place}");
    assert!(first == next || members.contains_key("me"), "{place}: the list has no end");
    members.values().for_each(|member| check_member(member, place));
}

/// The walk from `first` over `next` must meet all members and end.
fn check_members(document: &Value, place: &str) {
    let (mut at, end) = (info(document, "first", place), info(document, "next", place));
    let count = info(document, "count", place);
    let mut accepted = 0;
    let mut met = 0;
    while at != end {
        let member = &document["members"][at.to_string()];
        let place = format!("{place}: member {at}");
        check_member(member, &place);
        assert_eq!(member["constants"]["system"]["index"], at, "{place}");
        accepted += u64::from(member["reserved"] != true);
        met += 1;
        assert!(met <= count, "{place}: the list has no end");
        at = member["next"].as_u64().unwrap();
    }
    assert_eq!(met, count, "{place}: members are left out of the list");
    assert_eq!(document["members"].as_object().unwrap().len() as u64, met, "{place}");
    assert_eq!(accepted, info(document, "accepted", place), "{place}: accepted");
    assert!(info(document, "active", place) <= accepted, "{place}: active");
}

fn check_member(member: &Value, place: &str) {
    for bag in ["constants", "properties"] {
        assert!(member[bag]["system"].is_object() && member[bag].get("custom").is_some(), "{place}: {bag}");
    }
    check_xuid(&member["constants"]["system"]["xuid"], place);
    check_time(&member["joinTime"], place);
    assert!(member["next"].is_u64(), "{place}: next");
    assert_eq!(member["gamertag"].is_string(), member["reserved"] != true, "{place}: gamertag");
    let system = &member["properties"]["system"];
    assert!(!(system["active"] == true && system["ready"] == true), "{place}: active and ready");
    if system["active"] == true {
        let title = member["activeTitleId"].as_str();
        assert!(title.is_some_and(|title| title.parse::<u32>().is_ok()), "{place}: activeTitleId");
    }
    let has_address = system["secureDeviceAddress"].as_str().is_some_and(|address| !address.is_empty());
    assert!(!has_address || member["deviceToken"].is_string(), "{place}: deviceToken");
}

/// `nextTimer` and `Expires` are one instant.
fn check_timer(document: &Value, expires: &str, place: &str) {
    match document.get("nextTimer") {
        None => assert_eq!(expires, "", "{place}: Expires without nextTimer"),
        Some(timer) => {
            check_time(timer, place);
            let instant = timer.as_str().unwrap().parse().unwrap();
            assert_eq!(http_date(instant), expires, "{place}: nextTimer {timer}");
        }
    }
}
