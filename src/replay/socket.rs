//! Sockets on replay: what a cassette's sockets say, and to whom.
//!
//! A subscription's message is known by its resource, in any order and on any socket of its lane. An event belongs to
//! a lane and a resource, not to a socket: it goes where its lane has subscribed by then, or waits until it does.

mod ear;
mod knowledge;
mod open;
mod reel;
mod release;

use std::collections::BTreeSet;

use crate::cassette::{Cassette, Cue, StoredBody};
use crate::json::Doc;
use crate::mpsd::rta::{Frame, SUBSCRIBE, UNSUBSCRIBE, trimmed};
use crate::socket::{Message, Opcode, Sender};

pub(super) use ear::{Ear, Hearing, agrees};
pub(super) use open::Sockets;
pub(super) use reel::Reel;
pub(super) use release::{Client, Stage};

/// Which recorded lanes are played by live clients. What the others did, the cassette has done for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Live {
    /// The one the first client is found to be.
    #[default]
    One,
    /// All of them: no tap goes out before a client has caused it.
    All,
    /// Those of these names.
    Only(BTreeSet<String>),
}

impl Live {
    /// True when a client may play a lane of that name.
    pub(super) fn may_include(&self, name: &str) -> bool {
        match self {
            Self::One | Self::All => true,
            Self::Only(names) => names.contains(name),
        }
    }

    /// What `one`, `all`, or names between commas mean for a cassette of these lanes.
    ///
    /// # Errors
    /// The first name that is no lane's.
    pub fn named(text: &str, lanes: &[String]) -> Result<Self, String> {
        let names: BTreeSet<String> = match text {
            "one" => return Ok(Self::One),
            "all" => return Ok(Self::All),
            names => names.split(',').map(str::to_owned).collect(),
        };
        match names.iter().find(|name| !lanes.contains(name)) {
            Some(unknown) => Err(unknown.clone()),
            None => Ok(Self::Only(names)),
        }
    }

    /// True when a client plays a lane. `first` is the first one that was found to be played.
    pub(super) fn includes(&self, lane: usize, first: Option<usize>, lanes: &[String]) -> bool {
        match self {
            Self::One => first == Some(lane),
            Self::All => true,
            Self::Only(names) => lanes.get(lane).is_some_and(|name| names.contains(name)),
        }
    }
}

/// One message as the cassette holds it.
#[derive(Clone, Debug)]
pub struct RecordedFrame {
    /// How many exchanges stand before it.
    pub after: usize,
    /// The line of the cassette file it starts at.
    pub line: usize,
    /// Its lane's name.
    pub lane: String,
    /// Its socket: the position at which the opening was asked.
    pub socket: u64,
    /// Who sent it.
    pub from: Sender,
    /// Its position.
    pub at: u64,
    /// What releases it.
    pub cue: Option<Cue>,
    /// The message; `None` for a connection that broke.
    pub message: Option<Message>,
    /// False when the cassette could not keep it.
    pub replayable: bool,
}

impl RecordedFrame {
    /// The messages of a cassette, in its order.
    pub fn all(cassette: &Cassette) -> Vec<Self> {
        let cues = cassette.cues();
        let mut after = 0;
        let mut frames = Vec::new();
        for (index, entry) in cassette.entries.iter().enumerate() {
            if entry.record.http().is_some() {
                after += 1;
            }
            let Some(frame) = entry.record.frame() else { continue };
            let cue = cues.get(&index).copied();
            frames.push(Self {
                after,
                line: entry.line,
                lane: frame.lane.clone(),
                socket: frame.socket,
                from: frame.from,
                at: frame.at.max(cue.map_or(0, Cue::position)),
                cue,
                message: frame.what.message(),
                replayable: frame.what.body.as_ref().and_then(StoredBody::as_withheld).is_none(),
            });
        }
        // A journal may hold the two directions of a socket in another order than they were read in.
        frames.sort_by_key(|frame| (frame.at, frame.from == Sender::Service));
        frames
    }

    pub(super) fn payload(&self) -> &[u8] {
        self.message.as_ref().map(|message| message.payload.as_ref()).unwrap_or_default()
    }
}

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Subscribes to a resource.
    Subscribe { seq: String, uri: String },
    /// Ends the subscription of that number.
    Unsubscribe { seq: String, sub: u64 },
    /// Anything else.
    Other,
}

impl Word {
    /// Reads a client's message; `None` for one that only keeps or ends the connection.
    pub(super) fn of(message: &Message) -> Option<Self> {
        if message.opcode.is_control() {
            return None;
        }
        Some(Self::in_text(message).unwrap_or(Self::Other))
    }

    fn in_text(message: &Message) -> Option<Self> {
        let doc = Doc::parse(trimmed(&message.payload)).ok().filter(|_| message.opcode == Opcode::Text)?;
        let frame = Frame::of(&doc)?;
        let seq = frame.item(1)?.number()?.to_owned();
        match frame.kind()? {
            SUBSCRIBE => Some(Self::Subscribe { seq, uri: frame.text(2)?.into_owned() }),
            UNSUBSCRIBE => Some(Self::Unsubscribe { seq, sub: frame.number(2)? }),
            _ => None,
        }
    }

    /// The words of a miss, and the service's refusal: there is no such resource.
    pub(super) fn refused(&self) -> (&'static str, String, Option<Message>) {
        match self {
            Self::Subscribe { seq, uri } => {
                ("rta.subscribe", format!("subscribe {uri}"), Some(Message::text(format!("[{SUBSCRIBE},{seq},1]"))))
            }
            Self::Unsubscribe { seq, sub } => {
                let text = format!("[{UNSUBSCRIBE},{seq},1]");
                ("rta.unsubscribe", format!("unsubscribe {sub}"), Some(Message::text(text)))
            }
            Self::Other => ("socket.message", "a message on a socket".to_owned(), None),
        }
    }
}

#[cfg(test)]
mod tests;
