//! Rules across the fields of a session document the service answers.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::constants::{self, has, lacks};
use super::context;
use super::finding::{Findings, Place};
use super::headers::version;
use crate::exchange::Call;
use crate::json::join_pointer;

/// Runs the rules across a document's fields.
pub(super) fn check(call: &Call, document: &Value, findings: &mut Findings) {
    contract(call, document, findings);
    let system = document.pointer("/constants/system").filter(|system| system.is_object());
    if let Some(system) = system {
        let place = |field: &str| Place::AnswerBody(join_pointer("/constants/system", field));
        rendering(document, system, findings);
        constants::conflicts(system, &place, findings);
        constants::omissions(system, &place, findings);
        context::broadcaster(call, system, &place("capabilities"), findings);
        properties(document, system, findings);
    }
    counts(document, findings);
    if let Some(members) = document.get("members").and_then(Value::as_object) {
        for (key, member) in members {
            self::member(key, member, findings);
        }
        duplicates(members, findings);
        if system.is_some_and(|system| has(system, "large")) {
            large_members(members, findings);
        }
        if system.is_some_and(|system| lacks(system, "large")) {
            listed(document, members, findings);
            chain(document, members, findings);
        }
    }
    limits(document, findings);
    roles(document, findings);
}

fn contract(call: &Call, document: &Value, findings: &mut Findings) {
    let asked = version(&call.request.headers).filter(|version| matches!(version, 104 | 105 | 107));
    let rendered = document.get("contractVersion").and_then(Value::as_u64);
    let (Some(asked), Some(rendered)) = (asked.map(u64::from), rendered) else {
        return;
    };
    if asked.max(105) != rendered.max(105) {
        let message = format!("version {rendered} answers a request of version {asked}");
        findings.add("response-contract-mismatch", Place::answer_body("/contractVersion"), message);
    }
}

fn rendering(document: &Value, system: &Value, findings: &mut Findings) {
    let named = |names: &[&'static str]| names.iter().copied().find(|name| system.get(name).is_some());
    let old = named(&["timeouts", "managedInitialization"]);
    let new = named(&[
        "reservedRemovalTimeout",
        "inactiveRemovalTimeout",
        "readyRemovalTimeout",
        "sessionEmptyTimeout",
        "memberInitialization",
    ]);
    let place = |name: &str| Place::AnswerBody(join_pointer("/constants/system", name));
    let is_107 = document.get("contractVersion").and_then(Value::as_u64).map(|version| version >= 107);
    match (old, new, is_107) {
        (Some(old), Some(new), _) => {
            findings.add("response-mixed-schema", place(old), format!("{old} stands beside {new}"));
        }
        (Some(name), None, Some(true)) | (None, Some(name), Some(false)) => {
            let message = format!("{name} belongs to the other contract");
            findings.add("response-schema-version-mismatch", place(name), message);
        }
        _ => {}
    }
}

fn properties(document: &Value, system: &Value, findings: &mut Findings) {
    let Some(properties) = document.pointer("/properties/system") else {
        return;
    };
    let join = properties.get("joinRestriction").and_then(Value::as_str);
    if has(system, "large") && join.is_some_and(|join| !join.eq_ignore_ascii_case("none")) {
        let place = Place::answer_body("/properties/system/joinRestriction");
        findings.add("response-joinrestriction-large", place, "the session is large");
    }
    let owners = properties.get("owners").and_then(Value::as_array);
    if owners.is_some_and(|owners| !owners.is_empty()) && lacks(system, "hasOwners") {
        let place = Place::answer_body("/properties/system/owners");
        findings.add("owners-without-capability", place, "the session has no hasOwners");
    }
}

fn member(key: &str, member: &Value, findings: &mut Findings) {
    let at = |path: &str| Place::AnswerBody(format!("{}{path}", join_pointer("/members", key)));
    let index = member.pointer("/constants/system/index").and_then(Value::as_u64);
    if let Some(index) = index.filter(|index| key != "me" && index.to_string() != key) {
        let message = format!("member {key} says its index is {index}");
        findings.add("response-member-index-mismatch", at("/constants/system/index"), message);
    }
    let is_true = |pointer: &str| member.pointer(pointer).and_then(Value::as_bool) == Some(true);
    if is_true("/properties/system/active") && member.get("activeTitleId").is_none() {
        findings.add("response-active-without-title", at(""), "active without activeTitleId");
    }
    if is_true("/reserved") && member.get("gamertag").is_some() {
        findings.add("response-reserved-with-gamertag", at("/gamertag"), "the member is reserved");
    }
}

fn duplicates(members: &Map<String, Value>, findings: &mut Findings) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (key, member) in members {
        let Some(xuid) = member.pointer("/constants/system/xuid").and_then(Value::as_str) else {
            continue;
        };
        if let Some(first) = seen.insert(xuid, key).filter(|_| key != "me") {
            let place = Place::AnswerBody(format!("{}/constants/system/xuid", join_pointer("/members", key)));
            findings.add("response-member-xuid-duplicate", place, format!("member {first} has the same xuid"));
        }
    }
}

fn large_members(members: &Map<String, Value>, findings: &mut Findings) {
    for key in members.keys().filter(|key| *key != "me") {
        let place = Place::AnswerBody(join_pointer("/members", key));
        findings.add("response-large-members", place, "the session is large");
    }
}

fn info(document: &Value, name: &str) -> Option<u64> {
    document.get("membersInfo")?.get(name)?.as_u64()
}

fn counts(document: &Value, findings: &mut Findings) {
    let (count, accepted, active) = (info(document, "count"), info(document, "accepted"), info(document, "active"));
    let mut wrong = |message: String| {
        findings.add("response-members-info-counts", Place::answer_body("/membersInfo"), message);
    };
    if let Some((accepted, count)) = accepted.zip(count).filter(|(accepted, count)| accepted > count) {
        wrong(format!("accepted {accepted} is above count {count}"));
    } else if let Some((active, accepted)) = active.zip(accepted).filter(|(active, accepted)| active > accepted) {
        wrong(format!("active {active} is above accepted {accepted}"));
    }
}

/// A session that is not large lists every member it counts.
fn listed(document: &Value, members: &Map<String, Value>, findings: &mut Findings) {
    if let Some(count) = info(document, "count").filter(|count| *count != members.len() as u64) {
        let message = format!("count {count} with {} members", members.len());
        findings.add("response-members-info-counts", Place::answer_body("/membersInfo"), message);
    }
}

/// Members are a linked list: clients walk it from `membersInfo.first` and fail where it breaks.
fn chain(document: &Value, members: &Map<String, Value>, findings: &mut Findings) {
    let (Some(first), Some(end)) = (info(document, "first"), info(document, "next")) else {
        return;
    };
    if members.is_empty() {
        return;
    }
    let mut at = first;
    for _ in 0..=members.len() {
        if at == end {
            return;
        }
        let next = members.get(&at.to_string()).and_then(|member| member.get("next")).and_then(Value::as_u64);
        let Some(next) = next else {
            break;
        };
        at = next;
    }
    let message = format!("from {first}, the chain does not reach {end}");
    findings.add("response-member-chain-broken", Place::answer_body("/membersInfo"), message);
}

fn limits(document: &Value, findings: &mut Findings) {
    let max = document.pointer("/constants/system/maxMembersCount").and_then(Value::as_u64);
    if let Some((count, max)) = info(document, "count").zip(max).filter(|(count, max)| count > max) {
        let message = format!("{count} members of at most {max}");
        findings.add("response-over-max", Place::answer_body("/membersInfo/count"), message);
    }
}

fn roles(document: &Value, findings: &mut Findings) {
    for (kind, value) in document.get("roleTypes").and_then(Value::as_object).into_iter().flatten() {
        for (role, value) in value.get("roles").and_then(Value::as_object).into_iter().flatten() {
            let number = |name: &str| value.get(name).and_then(Value::as_u64);
            let listed = value.get("memberXuids").and_then(Value::as_array).map(|xuids| xuids.len() as u64);
            let count = number("count").max(listed);
            if let Some((count, max)) = count.zip(number("max")).filter(|(count, max)| count > max) {
                let pointer = join_pointer(&join_pointer(&join_pointer("/roleTypes", kind), "roles"), role);
                findings.add("role-over-max", Place::AnswerBody(pointer), format!("{count} members of at most {max}"));
            }
        }
    }
}
