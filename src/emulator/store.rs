//! What the emulator remembers, and the only place it changes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::caps;
use super::handle::Handles;
use super::matchmaking::Tickets;
use super::people::People;
use super::policy::Policies;
use super::refusal::Refusal;
use super::rta::Rta;
use super::session::Session;
use crate::clock::after;

/// Sessions, handles and players.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Store {
    sessions: BTreeMap<String, Session>,
    /// How many lives each session name has had.
    lives: BTreeMap<String, u64>,
    /// What all sessions weigh together.
    weight: usize,
    pub(super) handles: Handles,
    pub(super) people: People,
    pub(super) tickets: Tickets,
    pub(super) rta: Rta,
}

impl Store {
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

    /// How many lives a name has had.
    pub(super) fn lives(&self, key: &str) -> u64 {
        self.lives.get(key).copied().unwrap_or(0)
    }

    /// Stores a session's new state.
    pub(super) fn put(&mut self, key: &str, session: Session, policies: &Policies) -> Result<(), Refusal> {
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
        self.sessions.insert(key.to_owned(), session);
        Ok(())
    }

    /// Ends a session.
    pub(super) fn end(&mut self, key: &str, policies: &Policies) {
        if let Some(session) = self.sessions.remove(key) {
            self.weight -= session.weight();
            self.handles.sweep(key, None, policies);
        }
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
