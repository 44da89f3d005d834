//! One turn with the store: every session is read and stored through here, so that what follows from a change follows.

use jiff::Timestamp;

use super::Settings;
use super::refusal::Refusal;
use super::rta::{Due, Ticket};
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
        let before = self.store.put(key, session.clone(), &self.settings.policies)?;
        self.follow(key, before.as_ref(), Some(&session));
        Ok(())
    }

    /// Ends a session.
    pub(super) fn end(&mut self, key: &str) {
        if let Some(before) = self.store.end(key, &self.settings.policies) {
            self.follow(key, Some(&before), None);
        }
    }

    /// Does what has fallen due, in the order it did.
    pub(super) fn tick(&mut self) {
        self.expire_tickets();
        while let Some(due) = self.store.rta.take_due(self.now) {
            match due {
                Due::Lifetime(socket) => self.end_connection(socket, self.settings.policies.lifetime_close_code),
                Due::Grace(id) => self.disconnect(&id),
                Due::Lapse(key, xuid) => self.lapse(&key, &xuid),
                Due::Tap(socket, member) => self.send_waiting_tap(socket, member),
            }
        }
    }

    fn follow(&mut self, key: &str, before: Option<&Session>, after: Option<&Session>) {
        self.store.bindings.follow(key, before, after);
        if let Some(session) = after {
            self.watch_unbound(key, before, session);
        }
        self.tap_members(key, before, after);
    }
}
