//! Where a scenario is played: the emulator itself, or the deck in front of it or of a recording.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tapdeck::clock::{Clock, virtual_start};
use tapdeck::dice::Dice;
use tapdeck::emulator::{Emulator, Settings};
use tapdeck::exchange::{Call, Protocol};
use tapdeck::message::{Body, Headers, Request, Response};
use tapdeck::mpsd::Service;
use tapdeck::socket::{Lost, Message, SocketId};

/// One player's client.
#[derive(Clone, Debug)]
pub(super) struct Player {
    pub(super) xuid: String,
    pub(super) token: String,
    pub(super) device: IpAddr,
}

impl Player {
    /// Player A, B, C or D of a run. Each is on a device of its own.
    pub(super) fn of(name: &str, run: &str) -> Self {
        let number = 1 + u64::from(name.as_bytes()[0] - b'A');
        let fresh = 2_814_000_000_000_000 + Dice::new(9).number(&format!("{run}:{name}"), 0) % 1_000_000_000_000;
        let xuid = if run == "first" { 9_000_000_000_000_000 + number } else { fresh };
        let hash = if run == "first" { name.to_lowercase() } else { (fresh % 1_000_000).to_string() };
        Self {
            xuid: xuid.to_string(),
            token: format!("XBL3.0 x={hash};{run}-token-of-{name}"),
            device: IpAddr::from([192, 0, 2, u8::try_from(number).unwrap()]),
        }
    }
}

/// A call to make.
pub(super) struct Ask {
    pub(super) player: Player,
    /// The host's first label.
    pub(super) host: String,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

/// What answers.
pub(super) enum World {
    Emulator(Direct),
}

/// The emulator, called without a deck.
pub(super) struct Direct {
    emulator: Emulator,
    sockets: BTreeMap<String, SocketId>,
}

impl World {
    pub(super) fn emulator() -> Self {
        let emulator = Emulator::new(Settings::new(7, Clock::manual(virtual_start())));
        Self::Emulator(Direct { emulator, sockets: BTreeMap::new() })
    }

    pub(super) fn run(&self) -> &str {
        match self {
            Self::Emulator(_) => "first",
        }
    }

    pub(super) async fn call(&mut self, ask: &Ask) -> Response {
        match self {
            Self::Emulator(direct) => direct.call(ask),
        }
    }

    pub(super) async fn open(
        &mut self,
        socket: &str,
        player: &Player,
        host: &str,
        protocol: Option<&str>,
        headers: Headers,
    ) -> u16 {
        match self {
            Self::Emulator(direct) => direct.open(socket, player, host, protocol, headers),
        }
    }

    pub(super) async fn say(&mut self, socket: &str, text: &str) {
        match self {
            Self::Emulator(direct) => {
                direct.emulator.hear(direct.sockets[socket], &Message::text(text));
            }
        }
    }

    /// The next message, waited for.
    pub(super) async fn hear(&mut self, socket: &str) -> Option<String> {
        match self {
            Self::Emulator(direct) => direct.next(socket),
        }
    }

    /// A message that was sent already and not heard.
    pub(super) async fn unheard(&mut self, socket: &str) -> Option<String> {
        match self {
            Self::Emulator(direct) => direct.next(socket),
        }
    }

    pub(super) async fn hang_up(&mut self, socket: &str, properly: bool) {
        match self {
            Self::Emulator(direct) => {
                let how = if properly { Lost::Closed } else { Lost::Broken };
                direct.emulator.lose(direct.sockets.remove(socket).unwrap(), how);
            }
        }
    }

    pub(super) fn advance(&mut self, milliseconds: u64) {
        match self {
            Self::Emulator(direct) => {
                direct.emulator.advance(Duration::from_millis(milliseconds));
            }
        }
    }
}

impl Direct {
    fn call(&self, ask: &Ask) -> Response {
        let reply =
            self.emulator.answer(&call(&ask.player, &ask.host, &ask.method, &ask.target, &ask.headers, &ask.body));
        self.emulator.release(reply.ticket);
        reply.response
    }

    fn open(&mut self, socket: &str, player: &Player, host: &str, protocol: Option<&str>, headers: Headers) -> u16 {
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

    fn next(&self, socket: &str) -> Option<String> {
        let message = self.emulator.next(self.sockets[socket])?;
        Some(message.as_text().map_or_else(|| format!("{:?}", message.opcode), str::to_owned))
    }
}

fn call(player: &Player, host: &str, method: &str, target: &str, headers: &Headers, body: &[u8]) -> Call {
    let host = format!("{host}.xboxlive.com");
    let mut headers = headers.clone();
    if headers.text("authorization").is_none() {
        headers.push("authorization", player.token.clone());
    }
    let request = Request {
        method: method.to_owned(),
        authority: host.clone(),
        target: target.to_owned(),
        headers,
        body: Body::plain(body.to_vec()),
        ..Request::default()
    };
    Call::new(player.device, Protocol::H1, Service::of_host(&host).unwrap(), request)
}
