//! One turn with the store: every session is read and stored through here, so that what follows from a change follows.

use jiff::Timestamp;

use super::Settings;
use super::refusal::Refusal;
use super::rta::Ticket;
use super::session::Session;
use super::store::Store;
use crate::dice::Dice;

/// One call's turn with the store.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    pub(super) store: &'a mut Store,
    pub(super) settings: &'a Settings,
    pub(super) dice: Dice,
    pub(super) now: Timestamp,
    /// What holds back whatever this turn causes.
    pub(super) ticket: Ticket,
}

impl Desk<'_> {
    /// The session as it is now.
    pub(super) fn session(&mut self, key: &str) -> Option<Session> {
        self.aged(key, None)
    }

    /// Stores a session's new state, whose `change` is already that of the new state.
    pub(super) fn keep(&mut self, key: &str, session: Session) -> Result<(), Refusal> {
        self.store.put(key, session, &self.settings.policies)
    }

    /// Ends a session.
    pub(super) fn end(&mut self, key: &str) {
        self.store.end(key, &self.settings.policies);
    }
}
