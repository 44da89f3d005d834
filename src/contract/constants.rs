//! Rules across `constants.system`: capabilities that exclude or need each other, and limits that follow from them.

use serde_json::Value;

use super::finding::{Findings, Place};

/// Rules broken by what is there, whatever else a template may add.
pub(super) fn conflicts(system: &Value, place: &dyn Fn(&str) -> Place, findings: &mut Findings) {
    let capabilities = || place("capabilities");
    if has(system, "large") {
        for other in NOT_LARGE.into_iter().filter(|other| has(system, other)) {
            findings.add("large-with-connectivity", capabilities(), format!("a large session with {other}"));
        }
        for other in NOT_ON_LARGE.into_iter().filter(|other| is_set(system, other)) {
            findings.add("member-init-on-large", place(other), format!("a large session with {other}"));
        }
    }
    if has(system, "team") && has(system, "gameplay") {
        findings.add("team-with-gameplay", capabilities(), "both are true");
    }
    let max = system.get("maxMembersCount").and_then(Value::as_i64);
    if let Some(max) = max.filter(|max| (1001..=10_000).contains(max)) {
        findings.add("max-members-disputed", place("maxMembersCount"), format!("up to {max} members"));
    }
    let duration = |name: &str| system.get("arbitration")?.get(name)?.as_i64();
    let durations = duration("arbitrationTimeout").zip(duration("forfeitTimeout"));
    if let Some((all, forfeit)) = durations.filter(|(all, forfeit)| (0..*forfeit).contains(all)) {
        let message = format!("{all} ms for arbitration, {forfeit} ms to forfeit");
        findings.add("arbitration-timeout-too-short", place("arbitration"), message);
    }
    for stage in ["memberInitialization", "managedInitialization"] {
        let needed = system.get(stage).and_then(|stage| stage.get("membersNeededToStart")).and_then(Value::as_i64);
        if let Some((needed, max)) = needed.zip(max).filter(|(needed, max)| *max > 0 && needed > max) {
            findings.add("members-needed-range", place(stage), format!("{needed} members of at most {max} are needed"));
        }
    }
}

/// Rules broken by what is missing: a whole document shows that, template merged in, and a request that names the
/// capabilities of the session it makes.
pub(super) fn omissions(system: &Value, place: &dyn Fn(&str) -> Place, findings: &mut Findings) {
    let capabilities = || place("capabilities");
    if has(system, "broadcast") && lacks(system, "large") {
        findings.add("large-required-for-broadcast", capabilities(), "broadcast without large");
    }
    if has(system, "arbitration") && lacks(system, "gameplay") {
        findings.add("arbitration-without-gameplay", capabilities(), "arbitration without gameplay");
    }
    if has(system, "searchable") && has(system, "userAuthorizationStyle") && lacks(system, "hasOwners") {
        findings.add("searchable-without-owners", capabilities(), "searchable without hasOwners");
    }
    if is_set(system, "ownershipPolicies") && lacks(system, "hasOwners") {
        findings.add("ownership-policies-without-owners", place("ownershipPolicies"), "hasOwners is not true");
    }
    let needs_connectivity = ["metrics", "peerToPeerRequirements", "peerToHostRequirements"];
    if lacks(system, "connectivity") {
        for field in needs_connectivity.into_iter().filter(|field| is_set(system, field)) {
            findings.add("metrics-without-connectivity", place(field), "connectivity is not true");
        }
    }
    let max = system.get("maxMembersCount").and_then(Value::as_i64).unwrap_or_default();
    if (101..=10_000).contains(&max) && lacks(system, "large") {
        let message = format!("{max} members in a session that is not large");
        findings.add("max-members-range", place("maxMembersCount"), message);
    }
}

/// True when a capability is on.
pub(super) fn has(system: &Value, capability: &str) -> bool {
    system.get("capabilities").and_then(|all| all.get(capability)).and_then(Value::as_bool) == Some(true)
}

/// True when a capability is off. One of another type than it should have is neither.
pub(super) fn lacks(system: &Value, capability: &str) -> bool {
    match system.get("capabilities") {
        None | Some(Value::Null) => true,
        Some(Value::Object(all)) => matches!(all.get(capability), None | Some(Value::Null | Value::Bool(false))),
        Some(_) => false,
    }
}

/// True when a field holds something: not null, and no object that only says no.
fn is_set(system: &Value, field: &str) -> bool {
    match system.get(field) {
        None | Some(Value::Null) => false,
        Some(Value::Object(members)) => {
            members.values().any(|value| !matches!(value, Value::Null | Value::Bool(false)))
        }
        Some(_) => true,
    }
}

/// Capabilities a large session may not have.
const NOT_LARGE: [&str; 5] =
    ["connectivity", "userAuthorizationStyle", "autoPopulateServerCandidates", "team", "arbitration"];

/// Constants a large session may not have.
const NOT_ON_LARGE: [&str; 3] = ["memberInitialization", "managedInitialization", "measurementServerAddresses"];
