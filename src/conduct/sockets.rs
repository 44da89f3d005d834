//! Real-time sockets over time: subscriptions, replies, events, and the ConnectionIds they give.

use super::Heard;
use super::memory::Memory;
use super::sighting::{Asked, text};
use crate::contract::{Findings, LARGEST_MESSAGE, Place, quoted};
use crate::json::{Doc, Node};
use crate::mpsd::name::is_guid;
use crate::mpsd::rta::{EVENT, Frame, SUBSCRIBE, UNSUBSCRIBE, is_mpsd, trimmed};
use crate::socket::{Opcode, Sender};

/// What was said on every socket.
#[derive(Debug)]
pub(super) struct Sockets {
    open: Memory<u64, Socket>,
    /// The ConnectionIds that were given.
    given: Memory<String, Given>,
    /// The ConnectionId a lane was given last, and where.
    last: Memory<String, (u64, String)>,
}

#[derive(Debug)]
struct Given {
    lane: String,
    /// Where its socket was closed, or given another.
    until: Option<u64>,
}

#[derive(Debug)]
struct Socket {
    /// The ConnectionId it was given last.
    connection: Option<String>,
    /// What the client asked, by type and sequence.
    asked: Memory<(u64, u64), Question>,
    /// Subscriptions there are or were.
    subscriptions: Memory<u64, ()>,
    /// The last change a subscription was tapped for: by its id, the member's own, and branch.
    taps: Memory<(u64, String, String), u64>,
    /// Something was said that cannot be read.
    has_secrets: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Question {
    /// How often it was asked and not answered yet.
    open: u64,
    /// It was the subscription to MPSD.
    to_mpsd: bool,
}

impl Default for Sockets {
    fn default() -> Self {
        Self { open: Memory::new(SOCKETS_AT_MOST), given: Memory::new(IDS_AT_MOST), last: Memory::new(IDS_AT_MOST) }
    }
}

impl Sockets {
    /// Takes note of a socket to the real-time service.
    pub(super) fn opened(&mut self, socket: u64) {
        self.open.insert(socket, Socket::new());
    }

    /// True for a socket that was seen to be opened.
    pub(super) fn is_known(&self, socket: u64) -> bool {
        self.open.get(&socket).is_some()
    }

    /// Judges a message by what came before it.
    pub(super) fn message(&mut self, heard: &Heard<'_>, findings: &mut Findings) {
        if heard.message.opcode == Opcode::Close {
            return self.ended(heard.socket, heard.at);
        }
        if !matches!(heard.message.opcode, Opcode::Text | Opcode::Binary) || !self.is_known(heard.socket) {
            return;
        }
        let is_legible = heard.message.reserved == 0 && heard.message.payload.len() <= LARGEST_MESSAGE;
        let doc = is_legible.then(|| Doc::parse(trimmed(&heard.message.payload)).ok()).flatten();
        let socket = self.open.entry(heard.socket, Socket::new);
        let Some(frame) = doc.as_ref().and_then(Frame::of) else {
            socket.has_secrets |= heard.message.opcode == Opcode::Binary || !is_legible;
            return;
        };
        match (frame.kind(), heard.from) {
            (Some(SUBSCRIBE | UNSUBSCRIBE), Sender::Client) => socket.ask(&frame),
            (Some(SUBSCRIBE | UNSUBSCRIBE), Sender::Service) => {
                if let Some(id) = socket.answer(&frame, findings) {
                    self.give(heard, id.to_ascii_lowercase());
                }
            }
            (Some(EVENT), Sender::Service) => socket.event(&frame, findings),
            _ => {}
        }
    }

    /// A socket is closed or broken. What is still under way on it is not compared to what was said before.
    pub(super) fn ended(&mut self, socket: u64, at: u64) {
        self.part(socket, at);
        if let Some(socket) = self.open.get_mut(&socket) {
            *socket = Socket { connection: socket.connection.take(), has_secrets: true, ..Socket::new() };
        }
    }

    /// A socket has got a ConnectionId.
    fn give(&mut self, heard: &Heard<'_>, id: String) {
        self.part(heard.socket, heard.at);
        self.open.entry(heard.socket, Socket::new).connection = Some(id.clone());
        self.given.insert(id.clone(), Given { lane: heard.lane.to_owned(), until: None });
        self.last.insert(heard.lane.to_owned(), (heard.at, id));
    }

    /// A socket has its ConnectionId no more.
    fn part(&mut self, socket: u64, at: u64) {
        let id = self.open.get(&socket).and_then(|socket| socket.connection.as_ref());
        let given = id.and_then(|id| self.given.get_mut(id));
        if let Some(given) = given.filter(|given| given.until.is_none()) {
            given.until = Some(at);
        }
    }

    /// A connection that was never given, or that has been followed by another. A lane may have several at a time, and
    /// one of another lane is none of our business: clients that act for several users share theirs.
    pub(super) fn written(&self, lane: &str, position: u64, asked: &Asked, findings: &mut Findings) {
        let Some((pointer, id)) = asked.connection.as_ref().filter(|(_, id)| is_guid(id) && id != NIL) else {
            return;
        };
        let last = self.last.get(lane).filter(|(at, last)| *at < position && !last.eq_ignore_ascii_case(id));
        let Some((_, last)) = last else {
            return;
        };
        let message = match self.given.get(&id.to_ascii_lowercase()) {
            Some(given) if given.lane == lane && given.until.is_some_and(|until| until < position) => {
                format!("the ConnectionId is {} by now", quoted(last))
            }
            None if !self.given.has_forgotten() => format!("no socket was given {}", quoted(id)),
            _ => return,
        };
        findings.add("connection-stale", Place::Body(pointer.clone()), message);
    }
}

impl Socket {
    fn new() -> Self {
        Self {
            connection: None,
            asked: Memory::new(ASKED_AT_MOST),
            subscriptions: Memory::new(SUBSCRIPTIONS_AT_MOST),
            taps: Memory::new(TAPPED_AT_MOST),
            has_secrets: false,
        }
    }

    fn ask(&mut self, frame: &Frame<'_>) {
        let Some((kind, sequence)) = frame.kind().zip(frame.number(1)) else {
            return;
        };
        let to_mpsd = kind == SUBSCRIBE && frame.text(2).is_some_and(|uri| is_mpsd(&uri));
        let question = self.asked.entry((kind, sequence), Question::default);
        question.open += 1;
        question.to_mpsd = to_mpsd;
    }

    /// The ConnectionId a reply gives, if it does.
    fn answer(&mut self, frame: &Frame<'_>, findings: &mut Findings) -> Option<String> {
        let (kind, sequence) = frame.kind().zip(frame.number(1))?;
        let id = frame.item(4).and_then(|data| text(data.get("ConnectionId"))).filter(|id| is_guid(id));
        let subscribed = kind == SUBSCRIBE && frame.number(2) == Some(0);
        if let Some(subscription) = frame.number(3).filter(|_| subscribed) {
            self.subscriptions.insert(subscription, ());
        }
        let question = self.asked.get(&(kind, sequence)).copied().filter(|question| question.open > 0);
        match question {
            Some(question) => {
                self.asked.insert((kind, sequence), Question { open: question.open - 1, ..question });
                if subscribed && question.to_mpsd && id.is_none() {
                    let message = "the data has no ConnectionId that is a GUID";
                    findings.add("rta-connection-id-missing", Place::Message(String::new()), message);
                }
            }
            // A new ConnectionId may come unasked.
            None if id.is_none() && !self.has_secrets && !self.asked.has_forgotten() => {
                let message = format!("nothing with sequence {sequence} waits for an answer");
                findings.add("rta-response-unmatched", Place::Message("/1".to_owned()), message);
            }
            None => {}
        }
        id.filter(|_| subscribed)
    }

    fn event(&mut self, frame: &Frame<'_>, findings: &mut Findings) {
        let Some(id) = frame.number(1) else {
            return;
        };
        // An event may overtake the reply that says which subscription it is of.
        let waits = self.asked.values().any(|question| question.open > 0);
        let may_be = waits || self.has_secrets || self.subscriptions.has_forgotten();
        if self.subscriptions.get(&id).is_none() && !may_be {
            let message = format!("no subscription has id {id}");
            findings.add("rta-event-unknown-sub", Place::Message("/1".to_owned()), message);
        }
        for (index, tap) in frame.taps().take(TAPS_AT_MOST).enumerate() {
            self.tapped(id, index, tap, findings);
        }
    }

    fn tapped(&mut self, id: u64, index: usize, tap: Node<'_>, findings: &mut Findings) {
        let change = tap.get("changeNumber").and_then(|change| change.number()?.parse::<u64>().ok());
        let Some((branch, change)) = text(tap.get("branch")).zip(change) else {
            return;
        };
        let subscription = text(tap.get("subscription")).unwrap_or_default();
        let key = (id, subscription.to_ascii_lowercase(), branch.to_ascii_lowercase());
        match self.taps.get(&key).copied() {
            Some(last) if change <= last => {
                let place = Place::Message(format!("/2/shoulderTaps/{index}/changeNumber"));
                let message = format!("change {change} comes after change {last}");
                findings.add("rta-tap-change-not-increasing", place, message);
            }
            _ => self.taps.insert(key, change),
        }
    }
}

/// Most sockets remembered; the one that has been silent longest goes first, and is not judged from then on.
const SOCKETS_AT_MOST: usize = 2_000;
/// Most ConnectionIds and lanes remembered.
const IDS_AT_MOST: usize = 10_000;
/// Most questions of one socket remembered.
const ASKED_AT_MOST: usize = 100;
/// Most subscriptions of one socket remembered.
const SUBSCRIPTIONS_AT_MOST: usize = 200;
/// Most tapped members of one socket remembered.
const TAPPED_AT_MOST: usize = 100;
/// Most taps of one event looked at.
const TAPS_AT_MOST: usize = 100;
const NIL: &str = "00000000-0000-0000-0000-000000000000";
