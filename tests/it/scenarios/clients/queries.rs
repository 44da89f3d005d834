//! Handles, and the results of every kind of query.

use serde_json::Value;
use tapdeck::mpsd::target::parameters;

use super::{check_guid, check_reference, check_role_types, check_time, check_xuid, check_xuids, results};
use crate::scenarios::world::Ask;

/// A handle as made, shown or found.
pub(super) fn check_handle(handle: &Value, place: &str) {
    check_guid(&handle["id"], place);
    assert!(handle["version"].is_u64(), "{place}: {handle}");
    check_reference(&handle["sessionRef"], place);
    match handle["type"].as_str() {
        Some("activity") => {
            check_xuid(&handle["ownerXuid"], place);
            check_title(&handle["titleId"], place);
            check_time(&handle["createTime"], place);
        }
        Some("invite") => {
            check_xuid(&handle["senderXuid"], place);
            check_xuid(&handle["invitedXuid"], place);
            check_time(&handle["expiration"], place);
        }
        Some("transfer") => check_reference(&handle["originSessionRef"], place),
        Some("search") => check_search(handle, place),
        other => panic!("{place}: a handle of type {other:?}"),
    }
}

fn check_title(title: &Value, place: &str) {
    assert!(title.as_str().is_some_and(|title| title.parse::<u32>().is_ok()), "{place}: titleId {title}");
}

fn check_search(handle: &Value, place: &str) {
    check_time(&handle["createTime"], place);
    let attributes = &handle["searchAttributes"];
    assert!(attributes.is_object(), "{place}: searchAttributes");
    assert!(attributes.get("tags").is_none_or(Value::is_array), "{place}: tags");
    for name in ["strings", "numbers"] {
        assert!(attributes.get(name).is_none_or(Value::is_object), "{place}: {name}");
    }
}

/// What `POST /handles/query` finds.
pub(super) fn check_handles(ask: &Ask, document: &Value, place: &str) {
    let included = included(&ask.target);
    let is_included = |name: &str| included.iter().any(|included| included.eq_ignore_ascii_case(name));
    for handle in results(document, place) {
        check_handle(handle, place);
        if is_included("relatedInfo") {
            check_related(&handle["relatedInfo"], handle["type"] == "search", place);
        }
        if is_included("roleInfo") && handle["type"] == "search" {
            check_role_types(&handle["roleInfo"]["roleTypes"], place);
        }
        if is_included("customProperties") {
            assert!(handle.get("customProperties").is_some(), "{place}: XSAPI reads customProperties unasked");
        }
    }
}

fn included(target: &str) -> Vec<String> {
    let values = parameters(target).into_iter().filter(|(name, _)| name.text.eq_ignore_ascii_case("include"));
    let names = values.filter_map(|(_, value)| value).map(|value| value.text);
    names.flat_map(|names| names.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>()).collect()
}

fn check_related(info: &Value, is_search: bool, place: &str) {
    for name in ["membersCount", "maxMembersCount"] {
        assert!(info[name].is_u64(), "{place}: relatedInfo.{name}");
    }
    assert!(info["visibility"].is_string() && info["joinRestriction"].is_string(), "{place}: {info}");
    assert!(info["closed"].is_boolean(), "{place}: {info}");
    if is_search {
        check_xuids(&info["sessionOwners"], place);
    }
}

/// What session and batch queries find.
pub(super) fn check_rows(document: &Value, place: &str) {
    for row in results(document, place) {
        check_time(&row["startTime"], place);
        check_reference(&row["sessionRef"], place);
        assert!(row["accepted"].is_u64(), "{place}: {row}");
        let one_of = |name: &str, words: &[&str]| row[name].as_str().is_some_and(|word| words.contains(&word));
        assert!(one_of("visibility", &["open", "private", "visible", "full"]), "{place}: {row}");
        assert!(row.get("joinRestriction").is_none() || one_of("joinRestriction", &["local", "followed"]), "{place}");
        assert_eq!(row.get("xuid").is_some(), row.get("status").is_some(), "{place}: {row}");
        if let Some(xuid) = row.get("xuid") {
            check_xuid(xuid, place);
            assert!(one_of("status", &["active", "reserved", "inactive"]), "{place}: {row}");
        }
        assert!(row.get("myTurn").is_none_or(Value::is_boolean), "{place}: {row}");
        assert!(row.get("keywords").is_none_or(Value::is_array), "{place}: {row}");
    }
}
