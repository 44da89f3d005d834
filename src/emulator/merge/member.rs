//! A member's own part of a write: acceptance, flags, subscriptions, roles.

use super::{Merge, differing, measured, same_constants};
use crate::emulator::intent::Newcomer;
use crate::emulator::refusal::Refusal;
use crate::emulator::session::{Member, Presence, Session, device_token};
use crate::mpsd::bag::Fields;

impl Merge<'_> {
    /// Writes the caller's own entry; a reservation becomes a membership by it.
    pub(super) fn update(&self, draft: &mut Session, index: u32, asked: &Newcomer) -> Result<(), Refusal> {
        self.allowed(draft, index, &asked.properties.system)?;
        let Some(member) = draft.members.get_mut(&index) else {
            return Ok(());
        };
        member.title = self.title;
        match member.state {
            Presence::Accepted(_) => same_constants(&member.constants, &asked.constants)?,
            Presence::Reserved => {
                self.add_constants(member, asked)?;
                member.state = Presence::Accepted(self.gamertag.to_owned());
                member.joined = self.now;
            }
        }
        self.write_properties(member, asked)?;
        self.take_roles(draft, index, &asked.roles)
    }

    /// What the session's capabilities and members forbid.
    fn allowed(&self, draft: &Session, index: u32, asked: &Fields) -> Result<(), Refusal> {
        let is_set = |name: &str| asked.raw(name).is_some_and(|value| value != "null" && value != r#""""#);
        if is_set("secureDeviceAddress") && !draft.can("connectivity") {
            return Err(Refusal::conflict("A secureDeviceAddress needs the capability connectivity."));
        }
        if NOT_ON_LARGE.iter().any(|name| draft.can("large") && is_set(name)) {
            return Err(Refusal::Chosen(self.policies.large_field_status, "A large session does not take the field."));
        }
        let is_ahead = |name: &&str| asked.numbers(name).iter().any(|member| *member >= draft.next);
        if let Some(name) = ["initializationGroup", "group"].iter().find(|name| is_ahead(name)) {
            return Err(Refusal::Invalid(format!("The field {name} names an index nobody has had.")));
        }
        let own = match asked.text("secureDeviceAddress") {
            Some(address) => Some(device_token(&address)),
            None => draft.members.get(&index).and_then(Member::device_token),
        };
        measured::allowed(draft, asked, own.as_deref())
    }

    /// A reservation's constants stay; the player may add to them.
    fn add_constants(&self, member: &mut Member, asked: &Newcomer) -> Result<(), Refusal> {
        let mut added = asked.constants.clone();
        added.system.retain(|name, _| member.constants.system.raw(name).is_none());
        let mut repeated = asked.constants.system.clone();
        repeated.retain(|name, _| member.constants.system.raw(name).is_some());
        match differing(&member.constants.system, &repeated) {
            Some(name) => Err(Refusal::Conflict(format!("The constant {name} differs from the reservation's."))),
            None => {
                self.merge(&mut member.constants, &added);
                Ok(())
            }
        }
    }

    fn write_properties(&self, member: &mut Member, asked: &Newcomer) -> Result<(), Refusal> {
        let mut delta = asked.properties.clone();
        // Encounters are consumed at once; an old-style subscription map merges entry by entry.
        delta.system.remove("encounters");
        if delta.system.raw("subscriptions").is_some_and(|value| value != "null") {
            let mut subscriptions = member.properties.system.inner("subscriptions");
            subscriptions.merge(&delta.system.inner("subscriptions"));
            delta.system.set("subscriptions", subscriptions.to_json());
        }
        self.merge(&mut member.properties, &delta);
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
}

const NOT_ON_LARGE: [&str; 5] =
    ["subscription", "subscriptions", "initializationGroup", "group", "secureDeviceAddress"];
