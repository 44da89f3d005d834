//! What waits to go out on one connection: frames in the order the store changed, some of them held back.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Ticket;
use crate::emulator::caps;
use crate::socket::Message;

/// Something to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::emulator) enum Frame {
    /// A text message.
    Text(String),
    /// The end, with its code.
    Close(u16),
}

impl Frame {
    /// The frame as it travels.
    pub(in crate::emulator) fn message(self) -> Message {
        match self {
            Self::Text(text) => Message::text(text),
            Self::Close(code) => Message::close(code),
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Close(_) => 2,
        }
    }
}

/// One connection's queue. Which answers hold frames back is not part of a dump: those answers are long given.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::emulator) struct Outbox {
    waiting: VecDeque<Waiting>,
    #[serde(skip)]
    weight: usize,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Waiting {
    frame: Frame,
    #[serde(skip)]
    ticket: Ticket,
}

impl Outbox {
    /// Adds a frame at the end; `false` when there are too many.
    pub(super) fn push(&mut self, frame: Frame, ticket: Ticket) -> bool {
        self.weight += frame.weight();
        self.waiting.push_back(Waiting { frame, ticket });
        self.waiting.len() <= caps::QUEUE && self.weight <= caps::QUEUE_BYTES
    }

    /// Takes the first frame, unless it is held back.
    pub(super) fn pop(&mut self) -> Option<Frame> {
        let frame = self.is_ready().then(|| self.waiting.pop_front()).flatten()?.frame;
        self.weight = self.weight.saturating_sub(frame.weight());
        Some(frame)
    }

    /// True when the first frame may go out.
    pub(super) fn is_ready(&self) -> bool {
        self.waiting.front().is_some_and(|first| first.ticket == Ticket::AT_ONCE)
    }

    /// Holds nothing back any more for the sake of one answer.
    pub(super) fn free(&mut self, ticket: Ticket) {
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.ticket == ticket) {
            waiting.ticket = Ticket::AT_ONCE;
        }
    }

    /// Weighs a queue that came out of a dump.
    pub(super) fn weigh(&mut self) {
        self.weight = self.waiting.iter().map(|waiting| waiting.frame.weight()).sum();
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
