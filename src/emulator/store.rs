//! What the emulator remembers, and the only place it changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::binding::Bindings;
use super::handle::Handles;
use super::matchmaking::Tickets;
use super::people::People;
use super::policy::Policies;
use super::refusal::Refusal;
use super::rta::Rta;
use super::session::Session;
use super::throttle::Throttle;
use super::{Settings, caps, check_reference};
use crate::clock::after;
use crate::mpsd::name::is_xuid;

/// Sessions, handles, players and their connections.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Store {
    sessions: BTreeMap<String, Session>,
    /// How many lives each session name has had.
    lives: BTreeMap<String, u64>,
    /// What all sessions weigh together.
    #[serde(skip)]
    weight: usize,
    pub(super) handles: Handles,
    pub(super) people: People,
    pub(super) tickets: Tickets,
    pub(super) rta: Rta,
    pub(super) throttle: Throttle,
    /// How often each user has called; numbers the answers.
    calls: BTreeMap<String, u64>,
    #[serde(skip)]
    pub(super) bindings: Bindings,
}

impl Store {
    /// Nothing but what the settings say.
    pub(super) fn new(settings: &Settings) -> Self {
        let mut store = Self::default();
        store.people.cast = Arc::new(settings.cast.clone());
        store
    }

    /// When something falls due next.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.rta.due().into_iter().chain(self.tickets.due()).min()
    }

    /// The session as it is now; one whose empty time has run out ends here.
    pub(super) fn session(&mut self, key: &str, now: Timestamp, policies: &Policies) -> Option<&Session> {
        if self.sessions.get(key).is_some_and(|session| has_run_out(session, now)) {
            self.end(key, policies);
        }
        self.sessions.get(key)
    }

    /// The keys that begin like this, of sessions that pass as last stored.
    pub(super) fn keys(&self, prefix: &str, passes: impl Fn(&Session) -> bool) -> Vec<String> {
        let sessions = self.sessions.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        sessions.filter(|(_, session)| passes(session)).map(|(key, _)| key.clone()).collect()
    }

    /// The session as last stored.
    pub(super) fn stored(&self, key: &str) -> Option<&Session> {
        self.sessions.get(key)
    }

    /// How many lives a name has had.
    pub(super) fn lives(&self, key: &str) -> u64 {
        self.lives.get(key).copied().unwrap_or(0)
    }

    /// How many calls of a user came before this one.
    pub(super) fn count_call(&mut self, user: &str) -> u64 {
        if self.calls.len() >= caps::STORE && !self.calls.contains_key(user) {
            return 0;
        }
        let calls = self.calls.entry(user.to_owned()).or_default();
        *calls += 1;
        *calls - 1
    }

    /// Stores a session's new state and gives the one before.
    pub(super) fn put(&mut self, key: &str, session: Session, policies: &Policies) -> Result<Option<Session>, Refusal> {
        let before = self.sessions.get(key).map(Session::weight);
        let weight = self.weight - before.unwrap_or(0) + session.weight();
        let is_growing = before.is_none_or(|before| session.weight() > before);
        if is_growing && weight > caps::STORE_BYTES {
            return Err(Refusal::Full);
        }
        if before.is_none() {
            self.count_life(key)?;
        }
        self.weight = weight;
        self.handles.sweep(key, Some(&session), policies);
        Ok(self.sessions.insert(key.to_owned(), session))
    }

    /// Ends a session and gives its last state.
    pub(super) fn end(&mut self, key: &str, policies: &Policies) -> Option<Session> {
        let session = self.sessions.remove(key)?;
        self.weight -= session.weight();
        self.handles.sweep(key, None, policies);
        Some(session)
    }

    /// Makes a store that came out of a dump fit for use, or says what is wrong with it.
    pub(super) fn revive(&mut self) -> Result<(), &'static str> {
        for (key, session) in &self.sessions {
            check_session(key, session)?;
            self.bindings.follow(key, None, Some(session));
        }
        let is_counted = |lives: &u64| (1..caps::COUNT).contains(lives);
        if !self.lives.values().all(is_counted) || !self.sessions.keys().all(|key| self.lives.contains_key(key)) {
            return Err("lives do not fit the sessions");
        }
        if !self.calls.values().all(|calls| *calls < caps::COUNT) {
            return Err("a user has called impossibly often");
        }
        self.weight = self.sessions.values().map(Session::weight).sum();
        self.handles.check()?;
        self.people.check()?;
        self.tickets.check()?;
        self.throttle.check()?;
        self.rta.revive()
    }

    fn count_life(&mut self, key: &str) -> Result<(), Refusal> {
        if self.lives.len() >= caps::STORE && !self.lives.contains_key(key) {
            return Err(Refusal::Full);
        }
        *self.lives.entry(key.to_owned()).or_default() += 1;
        Ok(())
    }
}

fn has_run_out(session: &Session, now: Timestamp) -> bool {
    let timeout = session.constants.system.number("sessionEmptyTimeout");
    let end = session.empty_since.zip(timeout).map(|(since, timeout)| after(since, timeout));
    end.is_some_and(|end| now >= end)
}

/// What every stored session holds by itself and a dump has to show.
fn check_session(key: &str, session: &Session) -> Result<(), &'static str> {
    if session.reference.key() != key || !check_reference(&session.reference) {
        return Err("a session stands under another name than its own");
    }
    if !(1..caps::COUNT).contains(&session.change) {
        return Err("a session has an impossible change number");
    }
    let is_last = |index: &u32| *index < session.next;
    if session.next > LAST_INDEX || session.episodes > LAST_INDEX || !session.members.keys().all(is_last) {
        return Err("a session has an impossible index");
    }
    let mut xuids: Vec<&str> = session.members.values().map(|member| member.xuid.as_str()).collect();
    xuids.sort_unstable();
    match xuids.iter().all(|xuid| is_xuid(xuid)) && xuids.windows(2).all(|pair| pair[0] != pair[1]) {
        true => Ok(()),
        false => Err("a session has an impossible member"),
    }
}

/// A dump's indices leave room to grow.
const LAST_INDEX: u32 = 1 << 30;
