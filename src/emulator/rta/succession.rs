//! One state of the connections taking the place of another, under sockets that stay open.

use jiff::Timestamp;

use super::{Connection, Due, Rta};
use crate::clock::after;
use crate::emulator::caps;
use crate::emulator::policy::Policies;
use crate::socket::SocketId;

impl Rta {
    /// Makes what came out of a dump fit for use, or says what is wrong with it.
    pub(in crate::emulator) fn revive(&mut self) -> Result<(), &'static str> {
        let is_possible = |connection: &Connection| {
            let is_past = |id: &u64| *id < connection.next;
            connection.next < caps::COUNT && connection.subscriptions.keys().all(is_past)
        };
        let is_counted = |drawn: &u64| *drawn < caps::COUNT;
        let last = self.connections.keys().next_back().map_or(0, |socket| socket.0);
        if !self.connections.values().all(is_possible) || !self.drawn.values().all(is_counted) || last >= caps::COUNT {
            return Err("the connections do not fit together");
        }
        for (socket, connection) in &mut self.connections {
            connection.outbox.weigh();
            if let Some(id) = &connection.id
                && self.live.insert(id.clone(), *socket).is_some()
            {
                return Err("two connections have one ConnectionId");
            }
        }
        self.process.opened = last;
        Ok(())
    }

    /// Takes over the sockets of the state before. A socket this state does not know is closed; one it knows as
    /// somebody else's, too, and the connection it had in this state counts as broken.
    pub(in crate::emulator) fn succeed(&mut self, before: &mut Self, now: Timestamp, policies: &Policies) {
        let loaded = std::mem::replace(&mut self.process, std::mem::take(&mut before.process));
        self.process.opened = self.process.opened.max(loaded.opened);
        self.process.held.clear();
        self.process.ready.clear();
        for socket in std::mem::take(&mut self.process.here) {
            if !before.is_ours(socket, self) {
                self.dismiss(socket, after(now, policies.break_grace));
            } else {
                self.process.here.insert(socket);
                self.announce(socket);
            }
        }
        self.process.ready.extend(self.process.dismissed.iter().copied());
    }

    fn is_ours(&self, socket: SocketId, other: &Self) -> bool {
        let fact = |rta: &Self| rta.connections.get(&socket).map(|one| (one.caller.hash.clone(), one.until));
        fact(self).is_some() && fact(self) == fact(other)
    }

    fn dismiss(&mut self, socket: SocketId, grace: Timestamp) {
        self.forget_plans(socket);
        if let Some(id) = self.unbind(socket) {
            self.schedule(grace, Due::Grace(id));
        }
        self.connections.remove(&socket);
        self.process.dismissed.insert(socket);
    }
}
