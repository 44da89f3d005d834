//! A member's own part of a write: acceptance, flags, subscriptions, roles.

use super::{Merge, differing, same_constants};
use crate::emulator::intent::Newcomer;
use crate::emulator::refusal::Refusal;
use crate::emulator::session::{Member, Presence, Session};
use crate::json::Doc;
use crate::mpsd::bag::Fields;

impl Merge<'_> {
    /// Writes the caller's own entry; a reservation becomes a membership by it.
    pub(super) fn update(&self, draft: &mut Session, index: u32, asked: &Newcomer) -> Result<(), Refusal> {
        allowed(draft, &asked.properties.system)?;
        let Some(member) = draft.members.get_mut(&index) else {
            return Ok(());
        };
        member.title = self.title;
        match member.state {
            Presence::Accepted(_) => same_constants(&member.constants, &asked.constants)?,
            Presence::Reserved => {
                add_constants(member, asked)?;
                member.state = Presence::Accepted(self.gamertag.to_owned());
                member.joined = self.now;
            }
        }
        write_properties(member, asked)?;
        take_roles(draft, index, &asked.roles)
    }
}

/// What the session's capabilities forbid.
fn allowed(draft: &Session, asked: &Fields) -> Result<(), Refusal> {
    let is_set = |name: &str| asked.raw(name).is_some_and(|value| value != "null" && value != r#""""#);
    if is_set("secureDeviceAddress") && !draft.can("connectivity") {
        return Err(Refusal::conflict("A secureDeviceAddress needs the capability connectivity."));
    }
    match NOT_ON_LARGE.iter().find(|name| draft.can("large") && is_set(name)) {
        Some(name) => Err(Refusal::Conflict(format!("A large session takes no {name}."))),
        None => Ok(()),
    }
}

/// A reservation's constants stay; the player may add to them.
fn add_constants(member: &mut Member, asked: &Newcomer) -> Result<(), Refusal> {
    let mut added = asked.constants.clone();
    added.system.retain(|name, _| member.constants.system.raw(name).is_none());
    let mut repeated = asked.constants.system.clone();
    repeated.retain(|name, _| member.constants.system.raw(name).is_some());
    match differing(&member.constants.system, &repeated) {
        Some(name) => Err(Refusal::Conflict(format!("The constant {name} differs from the reservation's."))),
        None => {
            member.constants.merge(&added);
            Ok(())
        }
    }
}

fn write_properties(member: &mut Member, asked: &Newcomer) -> Result<(), Refusal> {
    let mut delta = asked.properties.clone();
    // Encounters are consumed at once; an old-style subscription map merges entry by entry.
    delta.system.remove("encounters");
    if delta.system.raw("subscriptions").is_some_and(|value| value != "null") {
        let mut subscriptions = member.properties.system.inner("subscriptions");
        subscriptions.merge(&delta.system.inner("subscriptions"));
        delta.system.set("subscriptions", subscriptions.to_json());
    }
    member.properties.merge(&delta);
    let is_nothing = |name: &str, value: &str| match name {
        "groups" => value == "[]",
        "secureDeviceAddress" => value == r#""""#,
        _ => false,
    };
    member.properties.system.retain(|name, value| !is_nothing(name, value));
    match member.is_active() && member.properties.system.flag("ready") {
        true => Err(Refusal::invalid("A member cannot be active and ready at once.")),
        false => Ok(()),
    }
}

/// Gives a member the roles asked for; `null` takes one away.
pub(super) fn take_roles(draft: &mut Session, index: u32, asked: &Fields) -> Result<(), Refusal> {
    for (type_name, text) in asked.iter() {
        let roles = draft.role_types.inner(type_name).inner("roles");
        let role = Doc::parse(text.as_bytes()).ok().and_then(|doc| doc.root().str().map(|role| role.into_owned()));
        if role.is_some_and(|role| roles.raw(&role).is_none()) {
            return Err(Refusal::invalid("The session has no such role."));
        }
    }
    if let Some(member) = draft.members.get_mut(&index) {
        member.roles.merge(asked);
    }
    Ok(())
}

const NOT_ON_LARGE: [&str; 5] =
    ["subscription", "subscriptions", "initializationGroup", "group", "secureDeviceAddress"];
