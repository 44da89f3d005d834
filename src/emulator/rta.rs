//! Real-time activity: connections, their subscriptions, and the taps that go out on them (mpsd-behaviour §4).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Desk;
use super::refusal::Refusal;
use crate::exchange::Call;
use crate::socket::{Lost, Message, SocketId};

/// Stands for one answer: what that answer caused goes out when the ticket is handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ticket(u64);

impl Ticket {
    /// Of what is caused by no answer: nothing holds it back.
    pub(super) const AT_ONCE: Self = Self(0);
}

/// Every real-time connection, and what waits to go out on it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Rta {
    tickets: u64,
}

impl Rta {
    pub(super) fn next_ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    pub(super) fn release(&mut self, _ticket: Ticket) -> Vec<SocketId> {
        Vec::new()
    }

    pub(super) fn next(&mut self, _socket: SocketId) -> Option<Message> {
        None
    }

    pub(super) fn due(&self) -> Option<Timestamp> {
        None
    }
}

impl Desk<'_> {
    pub(super) fn open_socket(&mut self, _call: &Call) -> Result<SocketId, Refusal> {
        Err(Refusal::NotFound("not yet"))
    }

    pub(super) fn hear(&mut self, _socket: SocketId, _message: &Message) -> Vec<SocketId> {
        Vec::new()
    }

    pub(super) fn lose(&mut self, _socket: SocketId, _how: Lost) -> Vec<SocketId> {
        Vec::new()
    }

    pub(super) fn tick(&mut self) -> Vec<SocketId> {
        Vec::new()
    }
}
