//! The emulator, called without a deck.

use std::collections::BTreeMap;
use std::time::Duration;

use tapdeck::emulator::{Emulator, Settings};
use tapdeck::exchange::{Call, Protocol};
use tapdeck::message::{Body, Headers, Request, Response};
use tapdeck::mpsd::Service;
use tapdeck::socket::{Lost, Message, SocketId};

use super::{Ask, text_of};
use crate::scenarios::cast::Player;

pub(in crate::scenarios) struct Direct {
    pub(super) emulator: Emulator,
    pub(super) sockets: BTreeMap<String, SocketId>,
}

impl Direct {
    pub(super) fn new(settings: Settings) -> Self {
        Self { emulator: Emulator::new(settings), sockets: BTreeMap::new() }
    }

    pub(super) fn call(&self, ask: &Ask) -> Response {
        let reply =
            self.emulator.answer(&call(&ask.player, &ask.host, &ask.method, &ask.target, &ask.headers, &ask.body));
        self.emulator.release(reply.ticket);
        reply.response
    }

    pub(super) fn open(
        &mut self,
        socket: &str,
        player: &Player,
        host: &str,
        protocol: Option<&str>,
        headers: Headers,
    ) -> u16 {
        let mut headers = headers;
        headers.push("upgrade", "websocket");
        if let Some(protocol) = protocol {
            headers.push("sec-websocket-protocol", protocol.to_owned());
        }
        match self.emulator.open(&call(player, host, "GET", "/connect", &headers, b"")) {
            Ok(id) => {
                self.sockets.insert(socket.to_owned(), id);
                101
            }
            Err(response) => response.status,
        }
    }

    pub(super) fn say(&self, socket: &str, text: &str) {
        self.emulator.hear(self.sockets[socket], &Message::text(text));
    }

    pub(super) fn next(&self, socket: &str) -> Option<String> {
        self.emulator.next(self.sockets[socket]).map(|message| text_of(&message))
    }

    pub(super) fn hang_up(&mut self, socket: &str, properly: bool) {
        let how = if properly { Lost::Closed } else { Lost::Broken };
        self.emulator.lose(self.sockets.remove(socket).unwrap(), how);
    }

    pub(super) fn advance(&self, milliseconds: u64) {
        self.emulator.advance(Duration::from_millis(milliseconds));
    }
}

/// A call as the emulator takes it.
pub(in crate::scenarios) fn call(
    player: &Player,
    host: &str,
    method: &str,
    target: &str,
    headers: &Headers,
    body: &[u8],
) -> Call {
    let host = format!("{host}.xboxlive.com");
    let mut headers = headers.clone();
    if headers.text("authorization").is_none() {
        headers.push("authorization", player.token());
    }
    let request = Request {
        method: method.to_owned(),
        authority: host.clone(),
        target: target.to_owned(),
        headers,
        body: Body::plain(body.to_vec()),
        ..Request::default()
    };
    Call::new(player.address, Protocol::H1, Service::of_host(&host).unwrap(), request)
}
