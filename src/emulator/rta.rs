//! Real-time activity: connections, their subscriptions, and the frames that wait to go out on them.
//!
//! Frames queue per connection in the order the store changed. What an HTTP answer caused is held back by that
//! answer's [`Ticket`] until the answer is on record, and nothing behind it on the same connection goes first.

mod door;
mod hearing;
mod outbox;
mod said;
mod succession;
mod topic;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::people::Caller;
use super::refusal::Refusal;
use super::{Desk, caps};
use crate::socket::{Message, SocketId};
pub(super) use outbox::Frame;
use outbox::Outbox;
pub(super) use topic::Topic;

/// Stands for one answer: what that answer caused goes out when the ticket is handed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

impl Ticket {
    /// Of what is caused by no answer: nothing holds it back.
    pub(super) const AT_ONCE: Self = Self(0);
}

/// Every real-time connection, and what falls due on its own.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rta {
    connections: BTreeMap<SocketId, Connection>,
    /// How many ConnectionIds and nonces each user hash has been given; numbers the draws.
    drawn: BTreeMap<String, u64>,
    nonces: BTreeMap<String, Nonce>,
    agenda: BTreeSet<(Timestamp, Due)>,
    /// Which connection a ConnectionId stands for.
    #[serde(skip)]
    live: BTreeMap<String, SocketId>,
    #[serde(skip)]
    process: Process,
}

/// What belongs to this process and its sockets, and outlives a load.
#[derive(Debug, Default)]
struct Process {
    tickets: u64,
    opened: u64,
    /// Sockets that are open.
    here: BTreeSet<SocketId>,
    /// Sockets of a state that was replaced: each still gets its close frame.
    dismissed: BTreeSet<SocketId>,
    /// Sockets with something to send nobody has been told of.
    ready: BTreeSet<SocketId>,
    /// Whom an answer that is not on record yet holds back.
    held: BTreeMap<Ticket, BTreeSet<SocketId>>,
}

/// One connection.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Connection {
    caller: Caller,
    /// When the service ends it.
    until: Option<Timestamp>,
    /// Ended by the service; what is queued still goes out.
    ended: bool,
    /// The ConnectionId, while it is subscribed to MPSD.
    id: Option<String>,
    subscriptions: BTreeMap<u64, Subscription>,
    next: u64,
    /// Since when subscriptions are counted, and how many there were.
    burst: Option<(Timestamp, u64)>,
    pace: BTreeMap<String, Pace>,
    outbox: Outbox,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscription {
    uri: String,
    topic: Topic,
}

/// The taps of one member on one connection, when they are spread out: the newest one waits.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pace {
    free: Timestamp,
    waiting: Option<Waiting>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Waiting {
    event: String,
    #[serde(skip)]
    ticket: Ticket,
}

/// Lets its bearer in once, in place of a token.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nonce {
    caller: Caller,
    until: Timestamp,
}

/// Something that falls due by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Due {
    /// The end of a connection's lifetime.
    Lifetime(SocketId),
    /// The end of the time a lost ConnectionId's members have to come back.
    Grace(String),
    /// The end of the time a member (session key, xuid) may be active without a connection.
    Lapse(String, String),
    /// The moment the next tap of a member may go out.
    Tap(SocketId, String),
}

impl Rta {
    pub(super) fn next_ticket(&mut self) -> Ticket {
        self.process.tickets += 1;
        Ticket(self.process.tickets)
    }

    /// Lets out what a ticket held back. The sockets that have something to send.
    pub(super) fn release(&mut self, ticket: Ticket) -> Vec<SocketId> {
        for socket in self.process.held.remove(&ticket).unwrap_or_default() {
            let Some(connection) = self.connections.get_mut(&socket) else { continue };
            let was_ready = connection.outbox.is_ready();
            connection.outbox.free(ticket);
            for waiting in connection.pace.values_mut().filter_map(|pace| pace.waiting.as_mut()) {
                if waiting.ticket == ticket {
                    waiting.ticket = Ticket::AT_ONCE;
                }
            }
            if !was_ready {
                self.announce(socket);
            }
        }
        self.take_ready()
    }

    /// The next message for a socket, unless it is held back.
    pub(super) fn next(&mut self, socket: SocketId) -> Option<Message> {
        if self.process.dismissed.remove(&socket) {
            return Some(Message::close(RESTART));
        }
        self.connections.get_mut(&socket)?.outbox.pop().map(Frame::message)
    }

    /// The sockets with something to send nobody has been told of.
    pub(super) fn take_ready(&mut self) -> Vec<SocketId> {
        std::mem::take(&mut self.process.ready).into_iter().collect()
    }

    /// When something falls due next.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.agenda.first().map(|(at, _)| *at)
    }

    /// The first thing that is due.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<Due> {
        self.due().filter(|due| *due <= now)?;
        self.agenda.pop_first().map(|(_, due)| due)
    }

    /// Puts something on the agenda.
    pub(super) fn schedule(&mut self, at: Timestamp, due: Due) {
        self.agenda.insert((at, due));
    }

    /// Puts something on the agenda in place of the same at another time.
    pub(super) fn reschedule(&mut self, at: Timestamp, due: Due) {
        self.agenda.retain(|(_, other)| *other != due);
        self.schedule(at, due);
    }

    /// The open connection a ConnectionId stands for.
    pub(super) fn live(&self, id: &str) -> Option<SocketId> {
        self.live.get(&id.to_lowercase()).copied()
    }

    /// A connection that has not ended.
    fn open(&self, socket: SocketId) -> Option<&Connection> {
        self.connections.get(&socket).filter(|connection| !connection.ended)
    }

    fn open_mut(&mut self, socket: SocketId) -> Option<&mut Connection> {
        self.connections.get_mut(&socket).filter(|connection| !connection.ended)
    }

    /// Notes that a socket may have something to send.
    fn announce(&mut self, socket: SocketId) {
        let is_ready = self.connections.get(&socket).is_some_and(|connection| connection.outbox.is_ready());
        if is_ready && self.process.here.contains(&socket) {
            self.process.ready.insert(socket);
        }
    }

    /// Notes that a ticket holds back something of a socket.
    fn hold(&mut self, ticket: Ticket, socket: SocketId) {
        if ticket != Ticket::AT_ONCE {
            self.process.held.entry(ticket).or_default().insert(socket);
        }
    }

    /// The next number for draws of one user hash.
    fn draw(&mut self, entity: &str) -> Result<u64, Refusal> {
        if self.drawn.len() >= caps::STORE && !self.drawn.contains_key(entity) {
            return Err(Refusal::Full);
        }
        let drawn = self.drawn.entry(entity.to_owned()).or_default();
        *drawn += 1;
        Ok(*drawn - 1)
    }

    /// Takes a ConnectionId out of service.
    fn unbind(&mut self, socket: SocketId) -> Option<String> {
        let id = self.connections.get_mut(&socket)?.id.take()?;
        self.live.remove(&id);
        Some(id)
    }

    /// Takes everything a connection has planned off the agenda.
    fn forget_plans(&mut self, socket: SocketId) {
        let Some(connection) = self.connections.get_mut(&socket) else { return };
        if let Some(until) = connection.until {
            self.agenda.remove(&(until, Due::Lifetime(socket)));
        }
        for (member, pace) in std::mem::take(&mut connection.pace) {
            self.agenda.remove(&(pace.free, Due::Tap(socket, member)));
        }
    }
}

impl Desk<'_> {
    /// Queues a frame of this turn.
    pub(super) fn send(&mut self, socket: SocketId, frame: Frame) {
        self.send_for(socket, frame, self.ticket);
    }

    /// Queues a frame that another turn's answer may hold back.
    fn send_for(&mut self, socket: SocketId, frame: Frame, ticket: Ticket) {
        let Some(connection) = self.store.rta.open_mut(socket) else { return };
        if !connection.outbox.push(frame, ticket) {
            connection.outbox.clear();
            self.end_connection(socket, TRY_AGAIN_LATER);
            return;
        }
        self.store.rta.hold(ticket, socket);
        self.store.rta.announce(socket);
    }

    /// Sends an event to every subscription of a connection to one topic.
    pub(super) fn send_event(&mut self, socket: SocketId, topic: &Topic, event: &str, ticket: Ticket) {
        let Some(connection) = self.store.rta.open(socket) else { return };
        let ids: Vec<u64> = connection
            .subscriptions
            .iter()
            .filter_map(|(id, subscription)| (subscription.topic == *topic).then_some(*id))
            .collect();
        for id in ids {
            self.send_for(socket, Frame::Text(format!("[3,{id},{event}]")), ticket);
        }
    }

    /// Sends a tap, or keeps it until the last one is long enough ago; a newer one then takes its place.
    pub(super) fn send_tap(&mut self, socket: SocketId, member: String, event: String) {
        let interval = self.settings.policies.tap_min_interval_ms;
        let (now, ticket) = (self.now, self.ticket);
        if interval == 0 {
            return self.send_event(socket, &Topic::Connections, &event, ticket);
        }
        let Some(connection) = self.store.rta.open_mut(socket) else { return };
        match connection.pace.get_mut(&member).filter(|pace| now < pace.free) {
            Some(pace) => {
                pace.waiting = Some(Waiting { event, ticket });
                self.store.rta.hold(ticket, socket);
            }
            None => self.send_paced(socket, member, &event, ticket),
        }
    }

    /// Sends the tap that has waited for its moment.
    pub(super) fn send_waiting_tap(&mut self, socket: SocketId, member: String) {
        let Some(connection) = self.store.rta.open_mut(socket) else { return };
        let Some(Waiting { event, ticket }) = connection.pace.remove(&member).and_then(|pace| pace.waiting) else {
            return;
        };
        let ticket = if ticket == Ticket::AT_ONCE { self.ticket } else { ticket };
        self.send_paced(socket, member, &event, ticket);
    }

    fn send_paced(&mut self, socket: SocketId, member: String, event: &str, ticket: Ticket) {
        let free = crate::clock::after(self.now, self.settings.policies.tap_min_interval_ms);
        if let Some(connection) = self.store.rta.open_mut(socket) {
            connection.pace.insert(member.clone(), Pace { free, waiting: None });
            self.store.rta.schedule(free, Due::Tap(socket, member));
        }
        self.send_event(socket, &Topic::Connections, event, ticket);
    }

    /// Asks every client to fetch everything again.
    pub(super) fn resync(&mut self) {
        let sockets: Vec<SocketId> = self.store.rta.connections.keys().copied().collect();
        for socket in sockets {
            self.send(socket, Frame::Text("[4]".to_owned()));
        }
    }

    /// The open connections that listen for a player's invites.
    pub(super) fn listeners(&self, topic: &Topic) -> Vec<SocketId> {
        let listens = |connection: &Connection| {
            !connection.ended && connection.subscriptions.values().any(|subscription| subscription.topic == *topic)
        };
        self.store.rta.connections.iter().filter(|(_, connection)| listens(connection)).map(|(id, _)| *id).collect()
    }
}

/// RFC 6455: the service restarts.
const RESTART: u16 = 1012;

/// RFC 6455: the service cannot keep up with this client.
const TRY_AGAIN_LATER: u16 = 1013;
