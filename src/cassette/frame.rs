//! The record of one WebSocket message: who sent it, in which frames, and what releases it on replay.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::body::{Content, StoredBody, WireBytes};
use super::record::{Timing, words};
use crate::message::Body;
use crate::socket::{Message, Opcode, Sender, refitted};

/// One message of a socket, or the socket's end without one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Fields", into = "Fields")]
pub struct FrameRecord {
    /// The lane whose socket it is.
    pub lane: String,
    /// The socket: the position at which its opening was asked.
    pub socket: u64,
    /// Who sent it.
    pub from: Sender,
    /// Position at which it had been read.
    pub at: u64,
    /// What releases it on replay; found out when the recording is sealed. A client's message has none.
    pub cue: Option<Cue>,
    /// What it is.
    pub what: What,
    /// Wall-clock facts: in the line of a journal, in an array of their own in a sealed file.
    pub timing: Option<Timing>,
}

/// What a frame record holds.
#[derive(Clone, Debug)]
pub struct What {
    /// Its opcode, or that the connection broke.
    pub opcode: Option<Opcode>,
    /// The reserved bits of its first frame.
    pub reserved: u8,
    /// The payload lengths of its frames, when they are several.
    pub fragments: Vec<usize>,
    /// A close message's code; its reason is the body.
    pub code: Option<u16>,
    /// The payload, if there is any.
    pub body: Option<StoredBody>,
}

/// The keys of a frame record as they stand in the file. (Flattened, a body could not be kept as raw JSON.)
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "frame")]
struct Fields {
    lane: String,
    socket: u64,
    #[serde(with = "words::sender")]
    from: Sender,
    at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cue: Option<Cue>,
    #[serde(with = "words::opcode")]
    opcode: Option<Opcode>,
    #[serde(default, skip_serializing_if = "is_zero")]
    reserved: u8,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fragments: Vec<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<StoredBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timing: Option<Timing>,
}

impl From<Fields> for FrameRecord {
    fn from(fields: Fields) -> Self {
        let Fields { lane, socket, from, at, cue, opcode, reserved, fragments, code, body, timing } = fields;
        Self { lane, socket, from, at, cue, what: What { opcode, reserved, fragments, code, body }, timing }
    }
}

impl From<FrameRecord> for Fields {
    fn from(record: FrameRecord) -> Self {
        let FrameRecord { lane, socket, from, at, cue, what, timing } = record;
        let What { opcode, reserved, fragments, code, body } = what;
        Self { lane, socket, from, at, cue, opcode, reserved, fragments, code, body, timing }
    }
}

/// The event that releases a service's message: its position is that event's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cue {
    /// It answers the client message read at that position.
    Answers(u64),
    /// The call answered at that position caused it.
    CausedBy(u64),
    /// Nothing is known but that it came after that position.
    Follows(u64),
}

impl Cue {
    /// The position of the event.
    pub fn position(self) -> u64 {
        match self {
            Self::Answers(at) | Self::CausedBy(at) | Self::Follows(at) => at,
        }
    }

    /// The same kind of cue at another position.
    pub fn moved(self, at: u64) -> Self {
        match self {
            Self::Answers(_) => Self::Answers(at),
            Self::CausedBy(_) => Self::CausedBy(at),
            Self::Follows(_) => Self::Follows(at),
        }
    }
}

impl What {
    /// A message as it is kept.
    pub fn of(message: &Message) -> Self {
        let (code, payload) = match (message.opcode, message.payload.as_ref()) {
            (Opcode::Close, [high, low, reason @ ..]) => {
                (Some(u16::from_be_bytes([*high, *low])), message.payload.slice_ref(reason))
            }
            _ => (None, message.payload.clone()),
        };
        Self {
            opcode: Some(message.opcode),
            reserved: message.reserved,
            fragments: message.fragments.clone(),
            code,
            body: StoredBody::of(&Body::plain(payload), WireBytes::Keep),
        }
    }

    /// A connection that broke.
    pub fn broken() -> Self {
        Self { opcode: None, reserved: 0, fragments: Vec::new(), code: None, body: None }
    }

    /// What is wrong with one that no recording holds.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.reserved > 7 {
            return Err("`reserved` is three bits");
        }
        if self.code.is_some() && self.opcode != Some(Opcode::Close) {
            return Err("only a close message has a `code`");
        }
        let payload = match self.body.as_ref().map(StoredBody::content) {
            Some(Content::Withheld(_)) => return Ok(()),
            Some(content) => content.bytes().len(),
            None => 0,
        };
        let sum = self.fragments.iter().try_fold(0_usize, |sum, fragment| sum.checked_add(*fragment));
        let expected = payload + if self.code.is_some() { 2 } else { 0 };
        if !self.fragments.is_empty() && sum != Some(expected) {
            return Err("`fragments` must add up to the payload");
        }
        Ok(())
    }

    /// Puts another payload in place of the recorded one.
    pub(super) fn rewrite(&mut self, content: Content) {
        let code = if self.code.is_some() { 2 } else { 0 };
        self.fragments = refitted(&self.fragments, code + content.bytes().len());
        if let Some(body) = &mut self.body {
            body.rewrite(content);
        }
    }

    /// What it is, in a word.
    pub fn name(&self) -> String {
        self.opcode.map_or_else(|| BROKEN.to_owned(), Opcode::name)
    }

    /// The message again; `None` for a connection that broke.
    pub fn message(&self) -> Option<Message> {
        let body = self.body.as_ref().map(StoredBody::body).unwrap_or_default();
        let reason = body.wire();
        let payload = match self.code {
            Some(code) => Bytes::from([&code.to_be_bytes(), reason.as_ref()].concat()),
            None => reason.clone(),
        };
        Some(Message { opcode: self.opcode?, reserved: self.reserved, payload, fragments: self.fragments.clone() })
    }
}

/// The word for a connection that broke, beside the names of opcodes.
pub(super) const BROKEN: &str = "broken";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(bits: &u8) -> bool {
    *bits == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cassette::record::json;

    fn record(message: &Message) -> FrameRecord {
        FrameRecord {
            lane: "lane-1".into(),
            socket: 3,
            from: Sender::Service,
            at: 9,
            cue: Some(Cue::CausedBy(7)),
            what: What::of(message),
            timing: None,
        }
    }

    #[test]
    fn every_message_comes_back_as_it_was() {
        let mut fragmented = Message::new(Opcode::Binary, vec![0, 255, 7]);
        fragmented.fragments = vec![1, 0, 2];
        fragmented.reserved = 4;
        let close = |payload: &'static [u8]| Message::new(Opcode::Close, payload);
        for message in [
            Message::text(r#"[1,1,0,0,{ "ConnectionId":"a" }]"#),
            Message::text("[1, 0]\0\0\0"),
            Message::text(r#"[1,0,0,1,{"a":1.50}]"#),
            Message::text(""),
            fragmented,
            close(b""),
            close(b"\x03"),
            close(b"\x03\xe8bye"),
            Message::new(Opcode::Ping, "are you there"),
            Message::new(Opcode::Other(11), vec![1]),
        ] {
            let line = json(&record(&message));
            let again: FrameRecord = serde_json::from_slice(&line).unwrap();
            assert_eq!(again.what.message(), Some(message));
            assert_eq!(json(&again), line);
        }
    }

    #[test]
    fn keys_stand_in_a_fixed_order() {
        let text = String::from_utf8(json(&record(&Message::new(Opcode::Close, "\u{3}\u{e9}"))));
        assert!(text.unwrap().starts_with(
            r#"{"kind":"frame","lane":"lane-1","socket":3,"from":"service","at":9,"cue":{"caused-by":7},"opcode":"close""#
        ));
        let lost = json(&FrameRecord { what: What::broken(), cue: None, ..record(&Message::text("")) });
        assert_eq!(
            String::from_utf8(lost).unwrap(),
            r#"{"kind":"frame","lane":"lane-1","socket":3,"from":"service","at":9,"opcode":"broken"}"#
        );
    }
}
