//! SmartMatch, as small as it can be: tickets of one hopper that fit together become a session (mpsd-behaviour §3, S14).

mod calls;
mod pairing;
mod ticket;
mod tickets;

use super::Desk;
use ticket::Status;

pub(super) use tickets::Tickets;

impl Desk<'_> {
    /// Gives up the tickets whose time has come.
    pub(super) fn expire_tickets(&mut self) {
        while let Some(id) = self.store.tickets.overdue(self.now) {
            self.close_ticket(&id, Status::Expired);
        }
    }

    /// Ends a search, and has the ticket session say so. Where the session can hold no more it keeps its last word.
    fn close_ticket(&mut self, id: &str, status: Status) {
        if let Some(ticket) = self.store.tickets.close(id, status) {
            let _ = self.report(&ticket);
        }
    }
}
