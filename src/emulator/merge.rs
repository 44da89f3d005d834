//! A write applied to a draft of the session: members first, then properties and roles, then what follows from both.
//!
//! Nothing here is stored; the first refusal leaves the stored session as it was (mpsd-behaviour §1.5-1.7).

mod member;
mod settle;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::access::Visitor;
use super::document::holders;
use super::intent::{Intent, Me};
use super::policy::Policies;
use super::refusal::Refusal;
use super::session::{Member, Presence, Session};
use crate::json::Doc;
use crate::mpsd::bag::{Bag, Custom, Delta, Fields, same_value};

/// One write on its way into a session.
#[derive(Debug)]
pub(super) struct Merge<'a> {
    /// What is asked.
    pub(super) intent: &'a Intent,
    /// Who asks.
    pub(super) visitor: Visitor<'a>,
    /// The choices that stand.
    pub(super) policies: &'a Policies,
    /// The title the caller is in.
    pub(super) title: u64,
    /// The gamertag the caller joins under.
    pub(super) gamertag: &'a str,
    /// When.
    pub(super) now: Timestamp,
    /// Whether the session is being created by it.
    pub(super) stage: Stage,
}

/// What the draft was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing: the write creates it.
    New,
    /// A stored session.
    Stored,
}

impl Merge<'_> {
    /// Changes the draft as asked, or says why not.
    pub(super) fn apply(&self, draft: &mut Session) -> Result<(), Refusal> {
        if let Some(reason) = self.intent.foreign {
            return Err(Refusal::Forbidden(reason));
        }
        if self.stage == Stage::Stored {
            same_constants(&draft.constants, &self.intent.constants)?;
        }
        self.role_types(draft)?;
        let was_member = draft.index_of(self.visitor.xuid).is_some();
        self.remove(draft)?;
        self.me(draft)?;
        let is_outside = !was_member && draft.index_of(self.visitor.xuid).is_none();
        if self.stage == Stage::Stored && is_outside {
            self.outside(draft)?;
        }
        self.reserve(draft)?;
        self.properties(draft)?;
        settle::settle(draft, self.stage);
        check_roles(draft)
    }

    /// What somebody who is no member may do.
    fn outside(&self, draft: &Session) -> Result<(), Refusal> {
        if !self.intent.reserve.is_empty() {
            return Err(self.visitor.refusal(draft));
        }
        if self.intent.properties != Delta::default() || !self.intent.role_types.is_empty() {
            return self.visitor.may_write(draft);
        }
        Ok(())
    }

    fn remove(&self, draft: &mut Session) -> Result<(), Refusal> {
        if self.intent.remove.is_empty() {
            return Ok(());
        }
        if draft.can("large") {
            return Err(Refusal::conflict("Members of a large session cannot be removed by others."));
        }
        if !(self.policies.owner_kick && draft.can("hasOwners") && draft.is_owner(self.visitor.xuid)) {
            return Err(Refusal::Forbidden("Existing members may be named by a server principal only."));
        }
        for index in &self.intent.remove {
            draft.members.remove(index);
        }
        Ok(())
    }

    fn me(&self, draft: &mut Session) -> Result<(), Refusal> {
        match (&self.intent.me, draft.index_of(self.visitor.xuid)) {
            (Me::Unnamed, _) | (Me::Leave, None) => Ok(()),
            (Me::Leave, Some(index)) => {
                draft.members.remove(&index);
                Ok(())
            }
            (Me::Here(newcomer), Some(index)) => self.update(draft, index, newcomer),
            (Me::Here(newcomer), None) => {
                self.join(draft)?;
                let index = draft.add(Member {
                    xuid: self.visitor.xuid.to_owned(),
                    title: self.title,
                    state: Presence::Reserved,
                    joined: self.now,
                    constants: Bag::default(),
                    properties: Bag::default(),
                    roles: Fields::default(),
                });
                self.update(draft, index, newcomer)
            }
        }
    }

    fn join(&self, draft: &Session) -> Result<(), Refusal> {
        match self.stage {
            Stage::Stored => self.visitor.may_join(draft)?,
            Stage::New => {
                let initiators = draft.constants.system.texts("initiators");
                if !initiators.is_empty() && !initiators.iter().any(|xuid| xuid == self.visitor.xuid) {
                    return Err(Refusal::Forbidden("The creator is not among the session's initiators."));
                }
            }
        }
        room_for_one(draft)
    }

    fn reserve(&self, draft: &mut Session) -> Result<(), Refusal> {
        if !self.intent.reserve.is_empty() && draft.can("large") {
            return Err(Refusal::conflict("A large session takes no reservations."));
        }
        for newcomer in &self.intent.reserve {
            let xuid = newcomer.xuid.clone().unwrap_or_default();
            if draft.index_of(&xuid).is_some() {
                continue;
            }
            room_for_one(draft)?;
            let mut constants = Bag::default();
            constants.merge(&newcomer.constants);
            let index = draft.add(Member {
                xuid,
                title: self.title,
                state: Presence::Reserved,
                joined: self.now,
                constants,
                properties: Bag::default(),
                roles: Fields::default(),
            });
            member::take_roles(draft, index, &newcomer.roles)?;
        }
        Ok(())
    }

    fn properties(&self, draft: &mut Session) -> Result<(), Refusal> {
        let delta = &self.intent.properties;
        self.owned(draft, &delta.system)?;
        settle::allowed(draft, &delta.system)?;
        draft.properties.merge(delta);
        settle::restrictions(draft, &delta.system)
    }

    /// With `hasOwners`, others change only the system properties its policies list.
    fn owned(&self, draft: &Session, changes: &Fields) -> Result<(), Refusal> {
        if self.stage == Stage::New || !draft.can("hasOwners") || draft.is_owner(self.visitor.xuid) {
            return Ok(());
        }
        let free = draft.constants.system.inner("ownershipPolicies").texts("nonOwnerModifiableSystemProperties");
        let stands = |name: &str, value: &str| match draft.properties.system.raw(name) {
            Some(stored) => same_value(stored, value),
            None => value == "null",
        };
        match changes.iter().all(|(name, value)| stands(name, value) || free.iter().any(|free| free == name)) {
            true => Ok(()),
            false => Err(self.visitor.refusal(draft)),
        }
    }

    fn role_types(&self, draft: &mut Session) -> Result<(), Refusal> {
        for (name, asked) in self.intent.role_types.iter() {
            match draft.role_types.raw(name) {
                Some(stored) if same_value(stored, asked) => {}
                Some(stored) => {
                    let changed = changed_roles(stored, asked)?;
                    draft.role_types.set(name, changed);
                }
                None if self.stage == Stage::New => draft.role_types.set(name, asked),
                None => return Err(Refusal::conflict("Role types are fixed when the session is created.")),
            }
        }
        Ok(())
    }
}

/// The stored role type with what `asked` may change in it.
fn changed_roles(stored: &str, asked: &str) -> Result<String, Refusal> {
    let fields = |text: &str| Doc::parse(text.as_bytes()).map(|doc| Fields::of(doc.root())).unwrap_or_default();
    let (mut role_type, asked) = (fields(stored), fields(asked));
    let mutable = role_type.texts("mutableRoleSettings");
    let mut roles = role_type.inner("roles");
    for (role, settings) in asked.inner("roles").iter() {
        let Some(mut known) = roles.raw(role).map(fields) else {
            return Err(Refusal::conflict("A role cannot be added to a role type."));
        };
        for (setting, value) in fields(settings).iter() {
            let stands = known.raw(setting).is_some_and(|stored| same_value(stored, value));
            if !stands && !mutable.iter().any(|name| name == setting) {
                return Err(Refusal::Conflict(format!("The role setting {setting} cannot be changed.")));
            }
            known.set(setting, value);
        }
        roles.set(role, known.to_json());
    }
    role_type.set("roles", roles.to_json());
    Ok(role_type.to_json())
}

/// No role has more holders than its `max`.
fn check_roles(draft: &Session) -> Result<(), Refusal> {
    for ((type_name, role), xuids) in holders(draft) {
        let settings = draft.role_types.inner(&type_name).inner("roles").inner(&role);
        if settings.number("max").is_some_and(|max| xuids.len() as u64 > max) {
            return Err(Refusal::Conflict(format!("The role {role} of {type_name} is full.")));
        }
    }
    Ok(())
}

fn room_for_one(draft: &Session) -> Result<(), Refusal> {
    match draft.members.len() < draft.capacity() {
        true => Ok(()),
        false => Err(Refusal::conflict("The session is full.")),
    }
}

/// Constants may be sent again, not changed.
fn same_constants(stored: &Bag, sent: &Delta) -> Result<(), Refusal> {
    if let Some(name) = differing(&stored.system, &sent.system) {
        return Err(Refusal::Conflict(format!("The constant {name} differs from the session's.")));
    }
    let same_custom = match (&stored.custom, &sent.custom) {
        (_, None) => true,
        (Custom::Object(stored), Some(Custom::Object(sent))) => differing(stored, sent).is_none(),
        (Custom::Object(stored), Some(Custom::Other(sent))) => stored.is_empty() && sent == "null",
        (Custom::Other(stored), Some(Custom::Other(sent))) => same_value(stored, sent),
        (Custom::Other(_), Some(Custom::Object(_))) => false,
    };
    match same_custom {
        true => Ok(()),
        false => Err(Refusal::conflict("The custom constants differ from the session's.")),
    }
}

/// The first field sent that is not what is stored; `null` stands for absent.
fn differing<'a>(stored: &Fields, sent: &'a Fields) -> Option<&'a str> {
    let (stored, sent) = (by_name(stored), by_name(sent));
    let stands = |name: &str, values: &[&str]| match stored.get(name) {
        Some(stored) => stored.len() == values.len() && stored.iter().zip(values).all(|(a, b)| same_value(a, b)),
        None => values.last() == Some(&"null"),
    };
    sent.into_iter().find(|(name, values)| !stands(name, values)).map(|(name, _)| name)
}

/// Every value of each name: a title's own JSON may repeat names.
fn by_name(fields: &Fields) -> BTreeMap<&str, Vec<&str>> {
    let mut named: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in fields.iter() {
        named.entry(name).or_default().push(value);
    }
    named
}
