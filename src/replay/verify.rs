//! Does a recording replay? Everything in it is played to itself, each lane as its own client.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::compare::Asked;
use super::cursor::Patience;
use super::tape::UPGRADED;
use super::{Live, Options, Played, Player, Recorded, RecordedFrame, Tape};
use crate::cassette::Cassette;
use crate::exchange::{Call, LaneKey, Protocol};
use crate::message::{Body, Response, strip_hop_by_hop};
use crate::socket::{Lost, Message, Opcode, Sender, SocketId};

/// An exchange, or a message on the socket it opened, that does not replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfaithful {
    /// The exchange's number in the cassette, from 1; 0 for a message of a socket whose opening is lost.
    pub exchange: usize,
    /// The line of the cassette file it starts at.
    pub line: usize,
    /// What happened instead.
    pub what: String,
}

/// Plays a cassette to itself and returns what did not come back equal.
pub fn verify(cassette: &Cassette) -> Vec<Unfaithful> {
    let options = Options { live: Live::All, ..Options::default() };
    let player = Player::new(Tape::of(cassette), options);
    let mut rehearsal = Rehearsal { player, sockets: BTreeMap::new(), waiting: Vec::new(), unfaithful: Vec::new() };
    let mut frames = RecordedFrame::all(cassette).into_iter().peekable();
    for (at, recorded) in Recorded::all(cassette).into_iter().enumerate() {
        while let Some(frame) = frames.next_if(|frame| frame.at < recorded.asked) {
            rehearsal.next(Deed::Message(frame));
        }
        rehearsal.next(Deed::Exchange(at + 1, Box::new(recorded)));
    }
    frames.for_each(|frame| rehearsal.next(Deed::Message(frame)));
    rehearsal.catch_up(Patience::Over);
    rehearsal.unfaithful.sort_by_key(|unfaithful| unfaithful.line);
    rehearsal.unfaithful
}

struct Rehearsal {
    player: Player,
    /// By the position of their opening.
    sockets: BTreeMap<u64, Rehearsed>,
    /// What stands before something that a call made at the same time has done before it.
    waiting: Vec<Deed>,
    unfaithful: Vec<Unfaithful>,
}

/// What a recording has next.
enum Deed {
    /// A call, by the number of its exchange.
    Exchange(usize, Box<Recorded>),
    /// A message on a socket.
    Message(RecordedFrame),
}

impl Deed {
    /// True when it comes after another deed of the same client, which is still to be done.
    fn follows(&self, other: &Self) -> bool {
        let Self::Exchange(_, before) = other else { return false };
        match self {
            Self::Exchange(_, call) => call.lane == before.lane && before.answered < call.asked,
            Self::Message(frame) => {
                frame.from == Sender::Client && frame.lane == before.lane && before.answered <= frame.at
            }
        }
    }
}

/// A socket, the number of its opening, and what came and was not asked for yet.
struct Rehearsed {
    socket: SocketId,
    exchange: usize,
    came: Vec<Message>,
    /// The client has gone: nothing can reach it any more.
    is_over: bool,
}

impl Rehearsal {
    fn next(&mut self, deed: Deed) {
        self.waiting.push(deed);
        self.catch_up(Patience::Waits);
    }

    /// Does what waits, as far as it is not too early.
    fn catch_up(&mut self, patience: Patience) {
        for deed in std::mem::take(&mut self.waiting) {
            let is_done = !self.waiting.iter().any(|other| deed.follows(other))
                && match &deed {
                    Deed::Exchange(number, recorded) => self.exchange(*number, recorded, patience),
                    Deed::Message(frame) => self.message(frame, patience),
                };
            if !is_done {
                self.waiting.push(deed);
            }
        }
    }

    /// Plays a call; false when it is too early and may wait.
    fn exchange(&mut self, exchange: usize, recorded: &Recorded, patience: Patience) -> bool {
        let lanes = self.player.tape().lanes();
        let lane = lanes.iter().position(|lane| *lane == recorded.lane).unwrap_or(0);
        let call = call(recorded, lane);
        // A socket opened with a nonce tells of nobody: the recording says whose it is.
        let key = LaneKey::Address(call.client);
        self.player.assign(key.clone(), lane);
        let (response, played) = if recorded.response.status == UPGRADED {
            let (response, played, socket) = self.player.open_as(key, &call, &call);
            let opened = socket.map(|socket| Rehearsed { socket, exchange, came: Vec::new(), is_over: false });
            self.sockets.extend(opened.map(|opened| (recorded.asked, opened)));
            (response, played)
        } else if patience == Patience::Over {
            self.player.answer_as(key, &call, &call)
        } else {
            let asked = Asked { known: Some(exchange - 1), ..Asked::new(&call, &call) };
            let Some(answered) = self.player.attempt_as(key, asked) else { return false };
            answered
        };
        let what = match played {
            // Nobody expects back what only passed by.
            Played::Miss(_) if recorded.only_passed_by() => None,
            Played::Miss(miss) => Some(miss.to_string()),
            _ => difference(&recorded.response, &response).map(|part| format!("its {part} comes back different")),
        };
        let line = recorded.line;
        self.unfaithful.extend(what.map(|what| Unfaithful { exchange, line, what }));
        true
    }

    /// Takes a message; false when it is one of the service's that may still come.
    fn message(&mut self, frame: &RecordedFrame, patience: Patience) -> bool {
        let opened = self.sockets.get(&frame.socket).map(|opened| opened.socket);
        let what = match (opened, frame.from) {
            (None, _) if patience == Patience::Waits => return false,
            (None, _) => Some("a message on a socket whose opening was not recorded".to_owned()),
            _ if !frame.replayable => Some("a message that could not be kept".to_owned()),
            (Some(socket), Sender::Client) => self.said(socket, frame),
            (Some(_), Sender::Service) if self.came(frame) => None,
            (Some(_), Sender::Service) if patience == Patience::Waits => return false,
            (Some(_), Sender::Service) => Some("a message on its socket does not come, or comes different".to_owned()),
        };
        let exchange = self.sockets.get(&frame.socket).map_or(0, |opened| opened.exchange);
        self.unfaithful.extend(what.map(|what| Unfaithful { exchange, line: frame.line, what }));
        true
    }

    fn said(&mut self, socket: SocketId, frame: &RecordedFrame) -> Option<String> {
        let how = match &frame.message {
            Some(message) if message.opcode != Opcode::Close => {
                self.player.hear(socket, message, message);
                None
            }
            Some(_) => Some(Lost::Closed),
            None => Some(Lost::Broken),
        };
        if let (Some(how), Some(opened)) = (how, self.sockets.get_mut(&frame.socket)) {
            self.player.lose(socket, how);
            opened.is_over = true;
        }
        let miss = self.player.missed().pop()?;
        Some(format!("a message on its socket: {miss}"))
    }

    /// True when a message of the service has come. What keeps a connection alive or ends it need not come.
    fn came(&mut self, frame: &RecordedFrame) -> bool {
        let message = frame.message.as_ref().filter(|message| !message.opcode.is_control());
        let opened = self.sockets.get_mut(&frame.socket).filter(|opened| !opened.is_over);
        let (Some(message), Some(opened)) = (message, opened) else { return true };
        while let Some(message) = self.player.next(opened.socket) {
            opened.came.push(message);
        }
        let at = opened.came.iter().position(|came| came == message);
        at.map(|at| opened.came.remove(at)).is_some()
    }
}

/// The first part in which two answers are not equal (design: headers by name and order of repeats, and bodies,
/// leaving out hop-by-hop headers and our own).
pub fn difference(left: &Response, right: &Response) -> Option<&'static str> {
    if left.status != right.status {
        return Some("status");
    }
    if header_lines(left) != header_lines(right) {
        return Some("headers");
    }
    let bytes = |body: &Body| (body.decoded().cloned(), body.coding());
    (bytes(&left.body) != bytes(&right.body) || left.body.wire() != right.body.wire()).then_some("body")
}

/// What opens a socket answers one client's key, and never comes back.
fn header_lines(response: &Response) -> Vec<(String, Vec<u8>)> {
    let mut headers = response.headers.clone();
    strip_hop_by_hop(&mut headers);
    let is_upgrade = response.status == UPGRADED;
    let is_ours = |name: &str| name.starts_with("tapdeck-") || (is_upgrade && name.starts_with("sec-websocket-"));
    headers.retain(|header| !is_ours(&header.name));
    let mut lines: Vec<_> = headers.iter().map(|header| (header.name.clone(), header.value.to_vec())).collect();
    lines.sort_by(|left, right| left.0.cmp(&right.0));
    lines
}

/// Every lane calls from an address of its own, so that no two are taken for one.
fn call(recorded: &Recorded, lane: usize) -> Call {
    let number = u32::try_from(lane).unwrap_or(u32::MAX);
    let client = IpAddr::V4(Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) | (number & 0x00ff_ffff)));
    Call::new(client, Protocol::H1, recorded.service, recorded.request.clone())
}
