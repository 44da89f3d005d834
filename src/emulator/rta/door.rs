//! How connections begin and end: tokens and nonces, lifetimes, losses.

use std::collections::BTreeMap;

use super::{Connection, Due, Frame, Nonce};
use crate::clock::after;
use crate::emulator::object::Object;
use crate::emulator::people::Caller;
use crate::emulator::refusal::Refusal;
use crate::emulator::{Desk, caps, reply};
use crate::exchange::Call;
use crate::message::Response;
use crate::mpsd::target::parameters;
use crate::mpsd::{Op, Operation};
use crate::socket::{Lost, SocketId};

impl Desk<'_> {
    /// Answers a plain HTTP request to the real-time service.
    pub(in crate::emulator) fn serve_rta(
        &mut self,
        operation: &Operation,
        caller: Caller,
    ) -> Result<Response, Refusal> {
        match operation.op {
            Op::RtaNonce => self.issue_nonce(caller),
            _ => Err(Refusal::invalid("This resource is a WebSocket: the request must ask for an upgrade.")),
        }
    }

    /// Opens a connection for a request to upgrade.
    pub(in crate::emulator) fn open_socket(&mut self, call: &Call) -> Result<SocketId, Refusal> {
        if call.resolution.operation().is_none_or(|operation| operation.op != Op::RtaConnect) {
            return Err(Refusal::NotFound("No WebSocket has this path."));
        }
        let policies = &self.settings.policies;
        let caller = match self.spend_nonce(call) {
            Some(caller) => caller,
            None => self.store.people.caller(call, self.dice, policies)?,
        };
        if self.store.rta.connections.len() >= caps::SOCKETS {
            return Err(Refusal::Full);
        }
        let until = (policies.connection_lifetime > 0).then(|| after(self.now, policies.connection_lifetime));
        let rta = &mut self.store.rta;
        rta.process.opened += 1;
        let socket = SocketId(rta.process.opened);
        rta.process.here.insert(socket);
        rta.connections.insert(socket, Connection::new(caller, until));
        if let Some(until) = until {
            rta.schedule(until, Due::Lifetime(socket));
        }
        Ok(socket)
    }

    /// Takes note that a socket is gone.
    pub(in crate::emulator) fn lose(&mut self, socket: SocketId, how: Lost) {
        let policies = &self.settings.policies;
        let grace = match how {
            Lost::Closed => policies.close_grace,
            Lost::Broken => policies.break_grace,
        };
        let process = &mut self.store.rta.process;
        process.here.remove(&socket);
        process.dismissed.remove(&socket);
        process.ready.remove(&socket);
        self.store.rta.forget_plans(socket);
        let id = self.store.rta.unbind(socket);
        self.store.rta.connections.remove(&socket);
        if let Some(id) = id {
            self.lose_id(id, grace);
        }
    }

    /// Ends a connection from the service's side. Its members get time to come back on another.
    pub(in crate::emulator) fn end_connection(&mut self, socket: SocketId, code: u16) {
        let Some(connection) = self.store.rta.open_mut(socket) else { return };
        connection.outbox.push(Frame::Close(code), self.ticket);
        connection.ended = true;
        self.store.rta.hold(self.ticket, socket);
        self.store.rta.announce(socket);
        self.store.rta.forget_plans(socket);
        if let Some(id) = self.store.rta.unbind(socket) {
            self.store.rta.schedule(after(self.now, self.settings.policies.ended_grace), Due::Grace(id));
        }
    }

    /// Takes note that a ConnectionId stands for nothing any more.
    pub(super) fn lose_id(&mut self, id: String, grace: u64) {
        match grace {
            0 => self.disconnect(&id),
            _ => self.store.rta.schedule(after(self.now, grace), Due::Grace(id)),
        }
    }

    fn issue_nonce(&mut self, caller: Caller) -> Result<Response, Refusal> {
        let (now, rta) = (self.now, &mut self.store.rta);
        rta.nonces.retain(|_, nonce| now < nonce.until);
        if rta.nonces.len() >= caps::SOCKETS {
            return Err(Refusal::Full);
        }
        let entity = format!("nonce:{}", caller.hash);
        let text = self.dice.hex32(&entity, rta.draw(&entity)?);
        let until = after(now, self.settings.policies.nonce_lifetime);
        rta.nonces.insert(text.clone(), Nonce { caller, until });
        let mut out = Object::new();
        out.text("nonce", &text);
        Ok(reply::uncached(reply::json(200, out.end())))
    }

    fn spend_nonce(&mut self, call: &Call) -> Option<Caller> {
        let mut sent = parameters(&call.request.target).into_iter();
        let (_, text) = sent.find(|(name, _)| name.text.eq_ignore_ascii_case("nonce"))?;
        let nonce = self.store.rta.nonces.remove(&text?.text)?;
        (self.now < nonce.until).then_some(nonce.caller)
    }
}

impl Connection {
    fn new(caller: Caller, until: Option<jiff::Timestamp>) -> Self {
        Self {
            caller,
            until,
            ended: false,
            id: None,
            subscriptions: BTreeMap::new(),
            next: 0,
            burst: None,
            pace: BTreeMap::new(),
            outbox: super::Outbox::default(),
        }
    }
}
