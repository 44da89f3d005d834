//! A session request against the session's own constants: the request's when it creates the session, the answered
//! document's when there is one.

use serde_json::Value;

use super::constants::{has, lacks};
use super::finding::{Findings, Place, quoted};
use super::headers::{Principal, USERS, principal};
use super::parts::{Part, Parts};
use crate::exchange::Call;
use crate::mpsd::ParamName;
use crate::mpsd::name::is_xuid;

/// Rules that follow from what the constants say.
pub(super) fn check(call: &Call, parts: &Parts<'_>, constants: &Value, findings: &mut Findings) {
    if has(constants, "large") {
        large(call, parts, findings);
    }
    let reserved = parts.numbered("reserve_");
    let max = constants.get("maxMembersCount").and_then(Value::as_u64);
    if let Some(max) = max.filter(|max| reserved.len() as u64 > *max) {
        let message = format!("{} reservations of at most {max} members", reserved.len());
        findings.add("reserve-many-over-max", reserved[0].1.place(), message);
    }
    let Some(properties) = &parts.properties else {
        return;
    };
    let is_private = text(constants, "visibility").is_some_and(|text| text.eq_ignore_ascii_case("private"));
    let keywords = properties.part("keywords");
    if let Some(keywords) = keywords.filter(|keywords| is_private && has_items(keywords.value)) {
        findings.add("keywords-on-private", keywords.place(), "the session's visibility is private");
    }
    if let Some(join) = properties.part("joinRestriction") {
        let is_none = join.value.as_str().map(|text| text.eq_ignore_ascii_case("none"));
        if has(constants, "userAuthorizationStyle") && is_none == Some(true) {
            findings.add("user-auth-style-none", join.place(), "the session has userAuthorizationStyle");
        }
        if has(constants, "large") && is_none == Some(false) {
            findings.add("large-join-restriction", join.place(), "the session is large");
        }
    }
}

/// Rules that follow from what the constants do not say: only a whole document can show that.
pub(super) fn check_whole(call: &Call, parts: &Parts<'_>, constants: &Value, findings: &mut Findings) {
    if lacks(constants, "connectivity") {
        for system in parts.member_systems() {
            let address = system.part("secureDeviceAddress").filter(|address| address.value.as_str() != Some(""));
            if let Some(address) = address {
                let message = "the session has no connectivity";
                findings.add("secure-device-address-without-connectivity", address.place(), message);
            }
        }
    }
    if !lacks(constants, "hasOwners") {
        return;
    }
    let owners = parts.properties.as_ref().and_then(|properties| properties.part("owners"));
    if let Some(owners) = owners.filter(|owners| has_items(owners.value)) {
        findings.add("owners-without-capability", owners.place(), "the session has no hasOwners");
    }
    if principal(&call.request.headers) == Principal::User {
        for member in removed(parts) {
            let message = "a user's token removes a member, and the session has no owners";
            findings.add("member-index-delete-user-principal", member.place(), message);
        }
    }
    for kind in owner_managed(parts) {
        findings.add("role-owner-managed-without-owners", kind.place(), "the session has no hasOwners");
    }
}

/// The members a request removes by index.
pub(super) fn removed<'v>(parts: &Parts<'v>) -> Vec<Part<'v>> {
    let members = parts.numbered("").into_iter().map(|(_, member)| member);
    members.filter(|member| member.value.is_null()).collect()
}

/// The role types a request gives to the owners.
pub(super) fn owner_managed<'v>(parts: &Parts<'v>) -> Vec<Part<'v>> {
    let kinds = parts.role_types.iter().flat_map(Part::members).map(|(_, kind)| kind);
    kinds.filter(|kind| kind.value.get("ownerManaged").and_then(Value::as_bool) == Some(true)).collect()
}

/// A broadcast session is called by its broadcaster.
pub(super) fn broadcaster(call: &Call, constants: &Value, place: &Place, findings: &mut Findings) {
    let name = call.resolution.operation().and_then(|operation| operation.piece(ParamName::Session));
    if let Some(name) = name.filter(|name| has(constants, "broadcast") && !is_xuid(&name.text)) {
        let message = format!("the session is called {}, no xuid", quoted(&name.text));
        findings.add("large-required-for-broadcast", place.clone(), message);
    }
}

fn large(call: &Call, parts: &Parts<'_>, findings: &mut Findings) {
    for (_, member) in parts.numbered("reserve_").into_iter().chain(parts.numbered("")) {
        findings.add("member-index-on-large", member.place(), "the session is large");
    }
    for system in parts.member_systems() {
        for field in ["subscription", "subscriptions", "initializationGroup"] {
            if let Some(part) = system.part(field) {
                findings.add("large-subscription", part.place(), "the session is large");
            }
        }
    }
    for field in ["turn", "host"] {
        let part = parts.properties.as_ref().and_then(|properties| properties.part(field));
        if let Some(part) = part.filter(|part| !part.value.is_array() || has_items(part.value)) {
            findings.add("large-subscription", part.place(), "the session is large");
        }
    }
    if let Principal::Service(users) = principal(&call.request.headers)
        && users.len() > 1
    {
        let message = format!("{} users act on a large session", users.len());
        findings.add("s2s-large-multi-user", Place::header(USERS), message);
    }
}

fn text<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    object.get(name).and_then(Value::as_str)
}

fn has_items(value: &Value) -> bool {
    value.as_array().is_some_and(|items| !items.is_empty())
}
