//! Members and the connections they are bound to: what a write may name, and what follows when a connection is lost
//! (mpsd-behaviour §4.3, §4.5).

use std::collections::{BTreeMap, BTreeSet};

use super::Desk;
use super::policy::Unbound;
use super::refusal::Refusal;
use super::rta::Due;
use super::session::{Member, Session};
use crate::clock::after;

/// Which sessions hold members of each ConnectionId.
#[derive(Debug, Default)]
pub(super) struct Bindings(BTreeMap<String, BTreeSet<String>>);

impl Bindings {
    /// Follows a change of one session.
    pub(super) fn follow(&mut self, key: &str, before: Option<&Session>, after: Option<&Session>) {
        let (old, new) = (ids(before), ids(after));
        for id in old.difference(&new) {
            if let Some(keys) = self.0.get_mut(id) {
                keys.remove(key);
                if keys.is_empty() {
                    self.0.remove(id);
                }
            }
        }
        for id in new.difference(&old) {
            self.0.entry(id.clone()).or_default().insert(key.to_owned());
        }
    }

    fn sessions(&self, id: &str) -> impl Iterator<Item = &String> {
        self.0.get(id).into_iter().flatten()
    }
}

impl Desk<'_> {
    /// Checks the connection a writer would be bound to.
    pub(super) fn check_connection(
        &self,
        before: Option<&Session>,
        draft: &Session,
        xuid: &str,
    ) -> Result<(), Refusal> {
        let Some(member) = draft.member(xuid) else { return Ok(()) };
        let policies = &self.settings.policies;
        let id = connection_of(member);
        let is_new = before.and_then(|session| session.member(xuid)).and_then(connection_of) != id;
        match id {
            Some(id) if is_new && self.store.rta.live(&id).is_none() => match policies.unknown_connection {
                Unbound::Refuse => Err(Refusal::invalid("The field connection names no connection there is.")),
                Unbound::Accept | Unbound::Lapse => Ok(()),
            },
            Some(id) if is_new => {
                let key = draft.reference.key();
                let others = self.store.bindings.sessions(&id).filter(|other| **other != key).count();
                match (others as u64) < policies.connection_sessions {
                    true => Ok(()),
                    false => Err(Refusal::conflict("The connection is bound to as many sessions as it may be.")),
                }
            }
            None if policies.unconnected_member == Unbound::Refuse => {
                let is_wrong = member.is_active() && self.needs_connection(draft);
                let refusal = || Refusal::invalid("An active member of this session needs a connection.");
                if is_wrong { Err(refusal()) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// Gives members that became active without a connection their time, where the policies set one.
    pub(super) fn watch_unbound(&mut self, key: &str, before: Option<&Session>, session: &Session) {
        if !self.needs_connection(session) {
            return;
        }
        let is_known = |index: &u32, member: &Member| {
            let old = before.and_then(|session| session.members.get(index));
            old.is_some_and(|old| old.is_active() && raw_connection(old) == raw_connection(member))
        };
        let lapses = |(index, member): (&u32, &Member)| {
            let is_new = member.is_active() && !is_known(index, member);
            (is_new && self.lapses(member)).then(|| member.xuid.clone())
        };
        let xuids: Vec<String> = session.members.iter().filter_map(lapses).collect();
        let at = after(self.now, self.settings.policies.break_grace);
        for xuid in xuids {
            self.store.rta.reschedule(at, Due::Lapse(key.to_owned(), xuid));
        }
    }

    /// Makes a member inactive that still has no connection.
    pub(super) fn lapse(&mut self, key: &str, xuid: &str) {
        let member = self.store.stored(key).and_then(|session| session.member(xuid));
        if member.is_some_and(|member| self.lapses(member)) {
            self.deactivate(key, |member| member.xuid == xuid);
        }
    }

    /// Makes the members of a lost connection inactive.
    pub(super) fn disconnect(&mut self, id: &str) {
        let keys: Vec<String> = self.store.bindings.sessions(id).cloned().collect();
        for key in keys {
            self.deactivate(&key, |member| connection_of(member).as_deref() == Some(id));
        }
    }

    /// True when the session is one for connected members.
    pub(super) fn needs_connection(&self, session: &Session) -> bool {
        !self.settings.policies.connection_capability || session.can("connectionRequiredForActiveMembers")
    }

    fn deactivate(&mut self, key: &str, is_lost: impl Fn(&Member) -> bool) {
        let is_lost = |member: &Member| member.is_active() && is_lost(member);
        let concerns = |session: &Session| self.needs_connection(session) && session.members.values().any(is_lost);
        if !self.store.stored(key).is_some_and(concerns) {
            return;
        }
        let changed = self.change(key, |session| {
            session.members.values_mut().filter(|member| is_lost(member)).for_each(Member::deactivate);
        });
        // The session only gets smaller: there is always room for it.
        changed.ok();
    }

    fn lapses(&self, member: &Member) -> bool {
        let policies = &self.settings.policies;
        match connection_of(member) {
            None => policies.unconnected_member == Unbound::Lapse,
            Some(id) => policies.unknown_connection == Unbound::Lapse && self.store.rta.live(&id).is_none(),
        }
    }
}

/// The ConnectionId a member names, in lower case. The zero GUID of some clients is none.
pub(super) fn connection_of(member: &Member) -> Option<String> {
    let id = member.properties.system.text("connection")?.to_lowercase();
    id.bytes().any(|byte| !matches!(byte, b'0' | b'-')).then_some(id)
}

fn ids(session: Option<&Session>) -> BTreeSet<String> {
    session.into_iter().flat_map(|session| session.members.values()).filter_map(connection_of).collect()
}

fn raw_connection(member: &Member) -> Option<&str> {
    member.properties.system.raw("connection")
}
