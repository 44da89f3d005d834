//! Rules across the fields of one session request, as far as the request alone can show them.

use serde_json::Value;

use super::finding::{Findings, Place, quoted};
use super::headers::{Principal, USERS, matches_one_state, principal};
use super::parts::{Part, Parts};
use super::{constants, context};
use crate::exchange::Call;

/// Runs the cross-field rules.
pub(super) fn check(call: &Call, parts: &Parts<'_>, findings: &mut Findings) {
    reservations(parts, findings);
    principals(call, parts, findings);
    restrictions(parts, findings);
    let host = parts.properties.as_ref().and_then(|properties| properties.part("host"));
    if let Some(host) = host.filter(|_| !matches_one_state(&call.request.headers)) {
        findings.add("host-unsynchronised", host.place(), "the host changes without an ETag in If-Match");
    }
    roles(parts, findings);
    match &parts.constants {
        Some(system) => asked_constants(call, parts, system, findings),
        None => owner_managed(parts, findings),
    }
}

/// Constants a request writes. Whoever names capabilities for a new session names all: a template that has any takes no
/// more. Without them, a template may have what is missing.
fn asked_constants(call: &Call, parts: &Parts<'_>, system: &Part<'_>, findings: &mut Findings) {
    let place = |field: &str| Place::Body(crate::json::join_pointer(&system.pointer, field));
    constants::conflicts(system.value, &place, findings);
    context::check(call, parts, system.value, findings);
    let updates = call.request.headers.text("if-match").is_some();
    match system.value.get("capabilities") {
        Some(Value::Object(_)) if !updates => {
            constants::omissions(system.value, &place, findings);
            context::check_whole(call, parts, system.value, findings);
            context::broadcaster(call, system.value, &place("capabilities"), findings);
            connection(parts, system, findings);
        }
        None | Some(Value::Null) => {
            let mut hints = Findings::default();
            constants::omissions(system.value, &place, &mut hints);
            findings.extend_softly(hints);
            owner_managed(parts, findings);
        }
        _ => {}
    }
}

fn connection(parts: &Parts<'_>, constants: &Part<'_>, findings: &mut Findings) {
    let written = parts.me.as_ref().and_then(|me| me.at(&["properties", "system"]));
    let active = written.as_ref().and_then(|system| system.part("active"));
    let is_bare = written.as_ref().is_some_and(|system| system.part("connection").is_none());
    if constants::has(constants.value, "connectionRequiredForActiveMembers")
        && is_bare
        && let Some(active) = active.filter(|active| active.value.as_bool() == Some(true))
    {
        findings.add("active-without-connection", active.place(), "the session requires a connection");
    }
}

/// Only the template can give owners to a session whose request names no capabilities.
fn owner_managed(parts: &Parts<'_>, findings: &mut Findings) {
    for kind in context::owner_managed(parts) {
        findings.hint("role-owner-managed-without-owners", kind.place(), "unless the session has hasOwners");
    }
}

fn reservations(parts: &Parts<'_>, findings: &mut Findings) {
    let reserved = parts.numbered("reserve_");
    let Some((_, first)) = reserved.first() else {
        return;
    };
    let mut numbers: Vec<u64> = reserved.iter().map(|(number, _)| *number).collect();
    numbers.sort_unstable();
    if numbers.iter().zip(0..).any(|(number, expected)| *number != expected) {
        findings.add("reserve-not-from-zero", first.place(), "the reservations are not numbered 0, 1, 2, …");
    }
    if parts.members.as_ref().is_some_and(|members| members.value.get("me").is_some()) {
        findings.add("reserve-mixed-with-me", first.place(), "the request writes `me` as well");
    }
}

fn principals(call: &Call, parts: &Parts<'_>, findings: &mut Findings) {
    match principal(&call.request.headers) {
        Principal::User => {
            for member in context::removed(parts) {
                let message = "a user's token removes a member: an owner's may";
                findings.hint("member-index-delete-user-principal", member.place(), message);
            }
            if let Some(servers) = &parts.servers {
                findings.add("servers-user-principal", servers.place(), "a user's token writes servers");
            }
        }
        Principal::Service(users) => {
            let me = parts.members.iter().flat_map(Part::members).find(|(key, _)| *key == "me").map(|(_, me)| me);
            if let Some(me) = me.as_ref().or(parts.me.as_ref()).filter(|_| users.len() > 1) {
                let message = format!("{} users are named in {USERS}", users.len());
                findings.add("s2s-me-with-users-header", me.place(), message);
            }
        }
    }
    named_members(call, parts, findings);
}

/// `me_{xuid}` members stand for users the request must name.
fn named_members(call: &Call, parts: &Parts<'_>, findings: &mut Findings) {
    let users = match principal(&call.request.headers) {
        Principal::Service(users) => users,
        Principal::User => Vec::new(),
    };
    for (xuid, member) in parts.members.iter().flat_map(Part::members).filter_map(of_one_user) {
        if !users.iter().any(|user| user == xuid) {
            let message = format!("{} is not among the users the request acts for", quoted(xuid));
            findings.add("s2s-me-xuid-not-listed", member.place(), message);
        }
    }
}

fn of_one_user<'v>((key, member): (&'v str, Part<'v>)) -> Option<(&'v str, Part<'v>)> {
    let xuid = key.strip_prefix("me_")?;
    let is_xuid = !xuid.is_empty() && xuid.bytes().all(|byte| byte.is_ascii_digit());
    is_xuid.then_some((xuid, member))
}

fn restrictions(parts: &Parts<'_>, findings: &mut Findings) {
    let Some(properties) = &parts.properties else {
        return;
    };
    let join = properties.part("joinRestriction");
    let read = properties.part("readRestriction");
    let open = |part: &Option<Part<'_>>| part.as_ref().and_then(|part| openness(part.value));
    match (open(&join), open(&read)) {
        (Some(join), Some(open)) if open < join => {
            let place = Place::Body(format!("{}/readRestriction", properties.pointer));
            findings.add("read-narrower-than-join", place, "those who may join may not read");
        }
        (Some(open), None) if open > 0 && read.is_none() => {
            let place = Place::Body(format!("{}/joinRestriction", properties.pointer));
            findings.add("join-set-without-read", place, "readRestriction is not written with it");
        }
        _ => {}
    }
    let is = |name: &str, state: bool| properties.value.get(name).and_then(Value::as_bool) == Some(state);
    if is("locked", true) && is("closed", false) {
        let place = Place::Body(format!("{}/locked", properties.pointer));
        findings.add("locked-without-closed", place, "the same request opens the session");
    }
}

/// How many a restriction lets in: local fewest, none most.
pub(super) fn openness(restriction: &Value) -> Option<u8> {
    match restriction.as_str()?.to_ascii_lowercase().as_str() {
        "local" => Some(0),
        "followed" => Some(1),
        "none" => Some(2),
        _ => None,
    }
}

fn roles(parts: &Parts<'_>, findings: &mut Findings) {
    let types = parts.role_types.iter().flat_map(Part::members);
    let roles = types.filter_map(|(_, kind)| kind.part("roles"));
    for (_, role) in roles.flat_map(|roles| roles.members().collect::<Vec<_>>()) {
        let number = |name: &str| role.value.get(name).and_then(Value::as_i64);
        if let Some((max, target)) = number("max").zip(number("target")).filter(|(max, target)| target > max) {
            findings.add("role-max-invalid", role.place(), format!("target {target} is above max {max}"));
        }
    }
}
