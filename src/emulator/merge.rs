//! A write applied to a draft of the session: members first, then properties and roles, then what follows from both.
//!
//! Nothing here is stored; the first refusal leaves the stored session as it was (mpsd-behaviour §1.5-1.7).

mod measured;
mod member;
mod roles;
pub(super) mod settle;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::access::Visitor;
use super::caps;
use super::intent::{Intent, Me, Newcomer};
use super::policy::{MergeDepth, Policies};
use super::refusal::Refusal;
use super::session::{Member, Server, Session};
use super::stage::{self, Phase};
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
        self.foreign()?;
        if self.stage == Stage::Stored {
            same_constants(&draft.constants, &self.intent.constants)?;
        }
        self.servers(draft)?;
        self.role_types(draft)?;
        let was_member = draft.index_of(self.visitor.xuid).is_some();
        self.remove(draft)?;
        self.me(draft)?;
        let is_outside = !was_member && draft.index_of(self.visitor.xuid).is_none();
        if self.stage == Stage::Stored && is_outside {
            self.outside(draft)?;
        }
        self.reserve(draft)?;
        let verdict = self.verdict(draft)?;
        self.properties(draft)?;
        settle::settle(draft, self.stage);
        stage::enroll(draft, self.stage)?;
        stage::progress(draft, self.now, verdict);
        self.check_roles(draft)
    }

    /// What only a server or service may ask for.
    fn foreign(&self) -> Result<(), Refusal> {
        let is_server = self.visitor.is_server();
        if self.intent.names_users {
            return Err(Refusal::Forbidden("Only a service acting for users may name them."));
        }
        if is_server && !matches!(self.intent.me, Me::Unnamed) {
            return Err(Refusal::Forbidden("A server is no member."));
        }
        match is_server || !self.intent.names_servers {
            true => Ok(()),
            false => Err(Refusal::Forbidden("Only a server principal may write servers.")),
        }
    }

    /// What somebody who is no member may do.
    fn outside(&self, draft: &mut Session) -> Result<(), Refusal> {
        let changes = self.intent.properties != Delta::default() || !self.intent.role_types.is_empty();
        let reserves = !self.intent.reserve.is_empty();
        let leaves = matches!(self.intent.me, Me::Leave) && !changes && !reserves;
        if self.visitor.is_server() || leaves {
            return Ok(());
        }
        if self.policies.implicit_join && matches!(self.intent.me, Me::Unnamed) {
            return self.come(draft, &Newcomer::default());
        }
        match reserves {
            true => Err(self.visitor.refusal(draft)),
            false => self.visitor.may_write(draft),
        }
    }

    fn servers(&self, draft: &mut Session) -> Result<(), Refusal> {
        for (name, asked) in &self.intent.servers {
            let Some(asked) = asked else {
                draft.servers.remove(name);
                continue;
            };
            match draft.servers.get_mut(name) {
                Some(server) => {
                    same_constants(&server.constants, &asked.constants)?;
                    self.merge(&mut server.properties, &asked.properties);
                }
                None => {
                    let mut server = Server::default();
                    self.merge(&mut server.constants, &asked.constants);
                    self.merge(&mut server.properties, &asked.properties);
                    draft.servers.insert(name.clone(), server);
                }
            }
        }
        match draft.servers.len() <= caps::SERVERS {
            true => Ok(()),
            false => Err(Refusal::invalid("The session has too many servers.")),
        }
    }

    /// What the write says of an initialization that waits to be judged; the field is consumed by it.
    fn verdict(&self, draft: &Session) -> Result<Option<bool>, Refusal> {
        let verdict = match self.intent.properties.system.raw("initializationSucceeded") {
            Some("true") => true,
            Some("false") => false,
            _ => return Ok(None),
        };
        match draft.episode.as_ref().is_some_and(|episode| episode.phase == Phase::Evaluating) {
            true => Ok(Some(verdict)),
            false => Err(Refusal::conflict("The session is not evaluating its initialization.")),
        }
    }

    fn remove(&self, draft: &mut Session) -> Result<(), Refusal> {
        if self.intent.remove.is_empty() {
            return Ok(());
        }
        if draft.can("large") {
            return Err(Refusal::conflict("Members of a large session cannot be removed by others."));
        }
        let is_owner = self.policies.owner_kick && draft.can("hasOwners") && draft.is_owner(self.visitor.xuid);
        if !(is_owner || self.visitor.is_server()) {
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
                draft.part(index);
                Ok(())
            }
            (Me::Here(newcomer), Some(index)) => self.update(draft, index, newcomer),
            (Me::Here(newcomer), None) => self.come(draft, newcomer),
        }
    }

    fn come(&self, draft: &mut Session, newcomer: &Newcomer) -> Result<(), Refusal> {
        self.join(draft)?;
        let index = draft.add(Member::reserved(self.visitor.xuid.to_owned(), self.title, self.now));
        self.update(draft, index, newcomer)
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
        self.room_for_one(draft)
    }

    fn room_for_one(&self, draft: &Session) -> Result<(), Refusal> {
        match draft.members.len() < draft.capacity() {
            true => Ok(()),
            false => Err(Refusal::Chosen(self.policies.full_status, "The session is full.")),
        }
    }

    fn reserve(&self, draft: &mut Session) -> Result<(), Refusal> {
        if !self.intent.reserve.is_empty() && draft.can("large") {
            return Err(Refusal::conflict("A large session takes no reservations."));
        }
        for newcomer in &self.intent.reserve {
            let xuid = newcomer.xuid.clone().unwrap_or_default();
            if draft.index_of(&xuid).is_some() {
                match self.policies.reserve_again_status {
                    200 => continue,
                    status => return Err(Refusal::Chosen(status, "A player to reserve a place for has one.")),
                }
            }
            self.room_for_one(draft)?;
            let mut member = Member::reserved(xuid, self.title, self.now);
            self.merge(&mut member.constants, &newcomer.constants);
            let index = draft.add(member);
            self.take_roles(draft, index, &newcomer.roles)?;
        }
        Ok(())
    }

    fn properties(&self, draft: &mut Session) -> Result<(), Refusal> {
        let delta = &self.intent.properties;
        self.owned(draft, &delta.system)?;
        settle::allowed(draft, &delta.system)?;
        let mut delta = delta.clone();
        delta.system.remove("initializationSucceeded");
        self.merge(&mut draft.properties, &delta);
        settle::restrictions(draft, &delta.system)
    }

    /// Merges a part of the request into what is stored.
    fn merge(&self, bag: &mut Bag, delta: &Delta) {
        match self.policies.custom_merge {
            MergeDepth::Shallow => bag.merge(delta),
            MergeDepth::Deep => bag.merge_deep(delta),
        }
    }

    /// With `hasOwners`, others change only the system properties its policies list.
    fn owned(&self, draft: &Session, changes: &Fields) -> Result<(), Refusal> {
        if self.stage == Stage::New || self.rules(draft) {
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

    /// True when the caller may do what owners may, or the session has none.
    fn rules(&self, draft: &Session) -> bool {
        !draft.can("hasOwners") || draft.is_owner(self.visitor.xuid) || self.visitor.is_server()
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
