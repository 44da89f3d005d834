//! All tickets, and which of them still wait.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ticket::{Status, Ticket};
use crate::emulator::caps;

/// All tickets by id.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::emulator) struct Tickets {
    by_id: BTreeMap<String, Ticket>,
    /// Ids of those that wait, by hopper, oldest first.
    waiting: BTreeMap<String, Vec<String>>,
    /// The one that waits for each ticket session.
    by_session: BTreeMap<String, String>,
    /// When each of them gives up.
    deadlines: BTreeSet<(Timestamp, String)>,
    /// How many tickets each player has had in each hopper; numbers the draws.
    made: BTreeMap<String, u64>,
}

impl Tickets {
    /// When the next ticket gives up.
    pub(in crate::emulator) fn due(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Refuses what a dump cannot have said.
    pub(in crate::emulator) fn check(&self) -> Result<(), &'static str> {
        let waits = |(at, id): &(Timestamp, String)| {
            let ticket = self.by_id.get(id).filter(|ticket| ticket.id == *id && ticket.expires == *at);
            ticket.is_some_and(|ticket| ticket.status == Status::Searching)
        };
        let is_counted = self.made.values().all(|made| *made < caps::COUNT);
        match self.deadlines.iter().all(waits) && is_counted {
            true => Ok(()),
            false => Err("the match tickets do not fit together"),
        }
    }

    /// A ticket whose time is over.
    pub(super) fn overdue(&self, now: Timestamp) -> Option<String> {
        self.deadlines.first().filter(|(at, _)| *at <= now).map(|(_, id)| id.clone())
    }

    /// The ticket of that id.
    pub(super) fn find(&self, id: &str) -> Option<&Ticket> {
        self.by_id.get(&id.to_lowercase())
    }

    /// True when a ticket waits for the players of that session.
    pub(super) fn waits_for(&self, session: &str) -> bool {
        self.by_session.contains_key(session)
    }

    /// The tickets that wait in a hopper, oldest first.
    pub(super) fn waiting(&self, hopper: &str) -> Vec<Ticket> {
        let ids = self.waiting.get(hopper).into_iter().flatten();
        ids.filter_map(|id| self.by_id.get(id)).cloned().collect()
    }

    /// How many tickets of one player in one hopper came before the next, or `None` when there are too many.
    pub(in crate::emulator) fn next(&mut self, entity: &str) -> Option<u64> {
        if self.by_id.len() >= caps::STORE {
            self.by_id.retain(|_, ticket| ticket.status == Status::Searching);
        }
        let is_new = !self.made.contains_key(entity);
        if (is_new && self.made.len() >= caps::STORE) || self.by_id.len() >= caps::STORE {
            return None;
        }
        let made = self.made.entry(entity.to_owned()).or_default();
        *made += 1;
        Some(*made - 1)
    }

    /// Adds a ticket that waits.
    pub(super) fn add(&mut self, ticket: Ticket) {
        self.waiting.entry(ticket.hopper.key()).or_default().push(ticket.id.clone());
        self.by_session.insert(ticket.request.session.key(), ticket.id.clone());
        self.deadlines.insert((ticket.expires, ticket.id.clone()));
        self.by_id.insert(ticket.id.clone(), ticket);
    }

    /// Replaces what is known of a ticket that waits on.
    pub(super) fn update(&mut self, ticket: Ticket) {
        self.by_id.insert(ticket.id.clone(), ticket);
    }

    /// Ends a ticket's wait; `None` when it is over already.
    pub(super) fn close(&mut self, id: &str, status: Status) -> Option<Ticket> {
        let ticket = self.by_id.get_mut(id).filter(|ticket| ticket.status == Status::Searching)?;
        ticket.status = status;
        let hopper = ticket.hopper.key();
        self.deadlines.remove(&(ticket.expires, ticket.id.clone()));
        self.by_session.remove(&ticket.request.session.key());
        if let Some(ids) = self.waiting.get_mut(&hopper) {
            ids.retain(|waiting| waiting != id);
            if ids.is_empty() {
                self.waiting.remove(&hopper);
            }
        }
        Some(ticket.clone())
    }
}
