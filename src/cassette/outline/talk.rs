//! What a message on a socket has to do with others: what it asks or answers, and which changes it tells of.

use bytes::Bytes;

use super::Names;
use crate::cassette::FrameRecord;
use crate::json::{Doc, Node};
use crate::mpsd::rta::{EVENT, Frame, SUBSCRIBE, UNSUBSCRIBE, trimmed};
use crate::socket::Opcode;

/// What a message has to do with others.
#[derive(Clone, Debug)]
pub(in crate::cassette) enum Talk {
    /// The end of one side.
    End,
    Ping(Bytes),
    Pong(Bytes),
    /// A subscription's message or its reply, by type and seq.
    Question(u64, u64),
    Event {
        taps: Box<[Tap]>,
        /// The id of the handle it tells of, lower-case, by number.
        handle: Option<u32>,
    },
    /// Nothing that could be told.
    Other,
}

/// A change of a session: the session and its life by number, and the version.
#[derive(Clone, Copy, Debug)]
pub(in crate::cassette) struct Tap {
    pub(in crate::cassette) session: u32,
    pub(in crate::cassette) version: Option<(u32, u64)>,
}

impl Talk {
    /// What a message says, with names by number.
    pub(in crate::cassette) fn of(frame: &FrameRecord, names: &mut Names) -> Self {
        let payload = || frame.what.body.as_ref().map(|body| body.content().bytes()).unwrap_or_default();
        match frame.what.opcode {
            None | Some(Opcode::Close) => Self::End,
            Some(Opcode::Ping) => Self::Ping(payload()),
            Some(Opcode::Pong) => Self::Pong(payload()),
            Some(_) => Self::said(&payload(), names).unwrap_or(Self::Other),
        }
    }

    /// True for what keeps a connection alive or ends it.
    pub(in crate::cassette) fn is_control(&self) -> bool {
        matches!(self, Self::End | Self::Ping(_) | Self::Pong(_))
    }

    fn said(payload: &[u8], names: &mut Names) -> Option<Self> {
        let doc = Doc::parse(trimmed(payload)).ok()?;
        let frame = Frame::of(&doc)?;
        match frame.kind()? {
            kind @ (SUBSCRIBE | UNSUBSCRIBE) => Some(Self::Question(kind, frame.number(1)?)),
            EVENT => {
                let taps = frame.taps().filter_map(|tap| Tap::of(tap, names)).collect();
                let id = frame.item(2).and_then(|event| event.get("id")?.str());
                Some(Self::Event { taps, handle: id.map(|id| names.number(&id.to_lowercase())) })
            }
            _ => None,
        }
    }
}

impl Tap {
    fn of(tap: Node<'_>, names: &mut Names) -> Option<Self> {
        let session = names.number(&tap.get("resource")?.str()?.to_lowercase());
        let number = tap.get("changeNumber").and_then(Node::number).and_then(|number| number.parse().ok());
        let branch = tap.get("branch").and_then(Node::str);
        Some(Self { session, version: branch.zip(number).map(|(branch, number)| (names.number(&branch), number)) })
    }
}
