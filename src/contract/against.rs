//! A session request against the document it was answered with: members, indices and tokens the request names.

use serde_json::{Map, Value};

use super::constants::has;
use super::finding::{Findings, shown};
use super::parts::{Part, Parts};
use super::{context, session};
use crate::exchange::Call;

/// Checks a request against the session it was answered with. `written` tells what that session holds of it.
pub(super) fn check(call: &Call, parts: &Parts<'_>, document: &Value, written: Written, findings: &mut Findings) {
    let Some(constants) = document.pointer("/constants/system").filter(|system| system.is_object()) else {
        return;
    };
    let mut known_before = Findings::default();
    session::check(call, parts, &mut known_before);
    let mut more = Findings::default();
    context::check(call, parts, constants, &mut more);
    context::check_whole(call, parts, constants, &mut more);
    if written != Written::No {
        asked_constants(parts, constants, written, &mut more);
        indices(parts, document, &mut more);
        tokens(parts, document, &mut more);
        connection(parts, document, &mut more);
        locked(parts, document, &mut more);
        restrictions(parts, document, &mut more);
    }
    findings.extend(more.without(&known_before));
}

/// Checks the constants a request asks for against a session as it was before, in the same life.
pub(super) fn check_constants(parts: &Parts<'_>, document: &Value, findings: &mut Findings) {
    if let Some(constants) = document.pointer("/constants/system").filter(|system| system.is_object()) {
        asked_constants(parts, constants, Written::Updated, findings);
    }
}

/// What an answered session holds of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// 201: nothing else.
    Created,
    /// 200: the request and what was there.
    Updated,
    /// 412: the session as it was.
    No,
}

/// Constants are fixed: by the template before the session is made, by the session afterwards.
fn asked_constants(parts: &Parts<'_>, constants: &Value, written: Written, findings: &mut Findings) {
    let rule = if written == Written::Created { "constants-vs-template" } else { "constants-change" };
    for (name, asked) in parts.constants.iter().flat_map(Part::members) {
        // The template's format version is rendered by contract, whatever was asked.
        if differs(asked.value, constants.get(name)) && name != "version" {
            findings.add(rule, asked.place(), format!("{} was asked, the session has another", shown(asked.value)));
        }
    }
}

/// True for constants that cannot be the same. What the session does not show may be there unsaid, but not what is on.
fn differs(asked: &Value, fixed: Option<&Value>) -> bool {
    match (asked, fixed) {
        (Value::String(asked), Some(Value::String(fixed))) => asked.to_lowercase() != fixed.to_lowercase(),
        (Value::Number(asked), Some(Value::Number(fixed))) => asked.as_f64() != fixed.as_f64(),
        (Value::Bool(asked), Some(Value::Bool(fixed))) => asked != fixed,
        (Value::Bool(asked), None) => *asked,
        (Value::Object(asked), Some(fixed @ Value::Object(_))) => {
            // What `autoEvaluate` is unless it is said depends on the contract, which turns its sense round.
            let decided = asked.iter().filter(|(name, _)| *name != "autoEvaluate" || fixed.get(name).is_some());
            decided.into_iter().any(|(name, asked)| differs(asked, fixed.get(name)))
        }
        _ => false,
    }
}

fn indices(parts: &Parts<'_>, document: &Value, findings: &mut Findings) {
    let members = listed_members(document);
    let turn = parts.properties.as_ref().and_then(|properties| properties.part("turn"));
    for index in turn.iter().flat_map(items) {
        let key = index.value.to_string();
        if index.value.is_u64() && members.is_some_and(|members| !members.contains_key(&key)) {
            findings.add("turn-index-range", index.place(), format!("no member has index {key}"));
        }
    }
    let next = document.pointer("/membersInfo/next").and_then(Value::as_u64);
    let groups = parts.member_systems().into_iter().filter_map(|system| system.part("initializationGroup"));
    for index in groups.flat_map(|group| items(&group)) {
        if let Some((index_value, next)) = index.value.as_u64().zip(next).filter(|(index, next)| index >= next) {
            let message = format!("{index_value} is not below {next}");
            findings.add("initialization-group-range", index.place(), message);
        }
    }
}

fn tokens(parts: &Parts<'_>, document: &Value, findings: &mut Findings) {
    let members = listed_members(document);
    let host = parts.properties.as_ref().and_then(|properties| properties.part("host"));
    if let Some((host, token)) = host.as_ref().and_then(|host| Some((host, host.value.as_str()?))) {
        let is_token = |member: &Value| token_of(member).is_some_and(|known| known.eq_ignore_ascii_case(token));
        if members.is_some_and(|members| !members.values().any(is_token)) {
            findings.add("host-not-member-token", host.place(), "no member of the session has this device token");
        }
    }
    let own = own_member(parts, document).and_then(token_of);
    let measured = parts.me.iter().filter_map(|me| me.at(&["properties", "system", "measurements"]));
    for (key, measurement) in measured.flat_map(|all| all.members().collect::<Vec<_>>()) {
        if own.is_some_and(|own| !own.is_empty() && own.eq_ignore_ascii_case(key)) {
            findings.add("measurements-own-token", measurement.place(), "this is the member's own device token");
        }
    }
}

fn connection(parts: &Parts<'_>, document: &Value, findings: &mut Findings) {
    let required =
        document.pointer("/constants/system").is_some_and(|system| has(system, "connectionRequiredForActiveMembers"));
    let system = parts.me.as_ref().and_then(|me| me.at(&["properties", "system"]));
    let Some(active) = system.as_ref().filter(|_| required).and_then(|system| system.part("active")) else {
        return;
    };
    let stored = own_member(parts, document).and_then(|member| member.pointer("/properties/system"));
    let is_bare = |stored: &Value| stored.as_object().is_some_and(|stored| !stored.contains_key("connection"));
    if active.value.as_bool() == Some(true) && stored.is_some_and(is_bare) {
        findings.add("active-without-connection", active.place(), "the member has no connection");
    }
}

fn locked(parts: &Parts<'_>, document: &Value, findings: &mut Findings) {
    let stored = document.pointer("/properties/system").and_then(Value::as_object);
    let is_open = stored.is_some_and(|stored| stored.get("closed").and_then(Value::as_bool) != Some(true));
    let locked = parts.properties.as_ref().and_then(|properties| properties.part("locked"));
    if let Some(locked) = locked.filter(|locked| locked.value.as_bool() == Some(true) && is_open) {
        findings.add("locked-without-closed", locked.place(), "the session is not closed");
    }
}

/// A request that writes one of the two restrictions is to leave the other no narrower.
fn restrictions(parts: &Parts<'_>, document: &Value, findings: &mut Findings) {
    let Some((properties, stored)) = parts.properties.as_ref().zip(document.pointer("/properties/system")) else {
        return;
    };
    let [join, read] = ["joinRestriction", "readRestriction"].map(|name| stored.get(name).and_then(session::openness));
    let Some(written) = properties.part("readRestriction").or_else(|| properties.part("joinRestriction")) else {
        return;
    };
    if read.zip(join).is_some_and(|(read, join)| read < join) {
        findings.add("read-narrower-than-join", written.place(), "those who may join the session may not read it");
    }
}

/// Everybody in the session; `None` when the document does not list them, as a large one.
fn listed_members(document: &Value) -> Option<&Map<String, Value>> {
    let is_large = document.pointer("/constants/system").is_some_and(|system| has(system, "large"));
    document.get("members")?.as_object().filter(|_| !is_large)
}

/// The caller's member in the document: the one of its xuid, or the only one there is.
fn own_member<'d>(parts: &Parts<'_>, document: &'d Value) -> Option<&'d Value> {
    let members = document.get("members")?.as_object()?;
    let me = parts.me.as_ref()?;
    let xuid_of = |member: &Value| member.pointer("/constants/system/xuid").cloned();
    match xuid_of(me.value) {
        Some(xuid) => members.values().find(|member| xuid_of(member).as_ref() == Some(&xuid)),
        None => members.values().next().filter(|_| members.len() == 1),
    }
}

fn token_of(member: &Value) -> Option<&str> {
    member.get("deviceToken").and_then(Value::as_str)
}

fn items<'v>(array: &Part<'v>) -> Vec<Part<'v>> {
    let items = array.value.as_array().into_iter().flatten().enumerate();
    items.map(|(index, value)| Part { pointer: format!("{}/{index}", array.pointer), value }).collect()
}
