//! What follows from a merge: fields that must point at members, defaults that depend on capabilities, ownership.

use super::Stage;
use crate::emulator::refusal::Refusal;
use crate::emulator::session::{Presence, Session};
use crate::mpsd::bag::{Fields, quoted};

/// Checks a change of `properties.system` against the session before it is merged.
pub(super) fn allowed(draft: &Session, changes: &Fields) -> Result<(), Refusal> {
    let is_set = |name: &str| changes.raw(name).is_some_and(|value| value != "null");
    for name in ["turn", "owners"] {
        if changes.numbers(name).iter().any(|index| !draft.members.contains_key(index)) {
            return Err(Refusal::Invalid(format!("The field {name} names an index that is no member.")));
        }
    }
    if changes.raw("owners").is_some() && changes.numbers("owners").is_empty() {
        return Err(Refusal::invalid("The field owners must name a member."));
    }
    if is_set("owners") && !draft.can("hasOwners") {
        return Err(Refusal::conflict("Owners need the capability hasOwners."));
    }
    if is_set("keywords") && draft.constants.system.text("visibility").as_deref() == Some("private") {
        return Err(Refusal::conflict("A private session has no keywords."));
    }
    let is_restricted = changes.text("joinRestriction").is_some_and(|restriction| restriction != "none");
    if draft.can("large") && (is_set("turn") || is_set("host") || is_restricted) {
        return Err(Refusal::conflict("A large session has no turn, host or join restriction."));
    }
    Ok(())
}

/// Checks the restrictions after a merge and fills the one that follows from the other.
pub(super) fn restrictions(draft: &mut Session, changes: &Fields) -> Result<(), Refusal> {
    let is_set = |name: &str| draft.properties.system.flag(name);
    if is_set("locked") && !is_set("closed") {
        return Err(Refusal::invalid("A locked session must be closed."));
    }
    let is_personal = draft.can("userAuthorizationStyle");
    let asks_none = |name: &str| changes.text(name).as_deref() == Some("none");
    if is_personal && (asks_none("joinRestriction") || asks_none("readRestriction")) {
        return Err(Refusal::conflict("With userAuthorizationStyle a restriction cannot be none."));
    }
    let default = if is_personal { "local" } else { "none" };
    let current = |name: &str| draft.properties.system.text(name).unwrap_or_else(|| default.to_owned());
    let (join, read) = (current("joinRestriction"), current("readRestriction"));
    let follows = strictness(&read) > strictness(&join);
    if follows && changes.raw("readRestriction").is_some_and(|value| value != "null") {
        return Err(Refusal::invalid("The readRestriction must be at least as permissive as the joinRestriction."));
    }
    if is_personal {
        draft.properties.system.set("joinRestriction", quoted(&join));
    }
    if is_personal || follows {
        let read = if follows { &join } else { &read };
        draft.properties.system.set("readRestriction", quoted(read));
    }
    Ok(())
}

/// Brings everything that depends on the member list in line with it.
pub(in crate::emulator) fn settle(draft: &mut Session, stage: Stage) {
    keep_host(draft);
    if !draft.can("large") {
        let turn = present(draft, "turn");
        draft.properties.system.set("turn", list(&turn));
    }
    if draft.can("hasOwners") {
        pass_ownership(draft, stage);
    }
}

/// A host that is no member's device is dropped.
fn keep_host(draft: &mut Session) {
    let Some(host) = draft.properties.system.text("host") else {
        return;
    };
    let is_host = |token: String| token.eq_ignore_ascii_case(&host);
    if !draft.members.values().any(|member| member.device_token().is_some_and(is_host)) {
        draft.properties.system.remove("host");
        return;
    }
    draft.host_candidates.clear();
}

/// The creator owns a new session; when the last owner has gone, the oldest member does, or everybody goes.
fn pass_ownership(draft: &mut Session, stage: Stage) {
    let mut owners = present(draft, "owners");
    let migration = draft.constants.system.inner("ownershipPolicies").text("migration");
    let accepted = draft.members.iter().filter(|(_, member)| member.state != Presence::Reserved);
    let oldest = accepted.min_by_key(|(index, member)| (member.joined, **index)).map(|(index, _)| *index);
    if owners.is_empty() && (stage == Stage::New || migration.as_deref() == Some("oldest")) {
        owners.extend(oldest);
    } else if owners.is_empty() && draft.properties.system.raw("owners").is_some() {
        draft.members.clear();
    }
    match owners.is_empty() {
        true => draft.properties.system.remove("owners"),
        false => draft.properties.system.set("owners", list(&owners)),
    }
}

/// The indices of a field that still are members.
fn present(draft: &Session, name: &str) -> Vec<u32> {
    let indices = draft.properties.system.numbers(name);
    indices.into_iter().filter(|index| draft.members.contains_key(index)).collect()
}

fn list(indices: &[u32]) -> String {
    let texts: Vec<String> = indices.iter().map(u32::to_string).collect();
    format!("[{}]", texts.join(","))
}

fn strictness(restriction: &str) -> u8 {
    match restriction {
        "local" => 2,
        "followed" => 1,
        _ => 0,
    }
}
