//! WebSocket messages, and the frames they travel in (RFC 6455).
//!
//! A frame's header is read and written here, whatever is in it: reserved opcodes and bits are no error, because a
//! relay that judged them would change what it relays.

mod assembly;
pub mod handshake;
mod header;

use bytes::Bytes;

pub use assembly::{Assembled, Assembly, Lengthy, SMALL, Taken};
pub use header::{Header, HeaderError, mask};

/// One socket of a source that answers by itself, counted from 1 as they open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct SocketId(pub u64);

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sender {
    /// The client.
    Client,
    /// The service.
    Service,
}

impl Sender {
    /// The name records use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Service => "service",
        }
    }
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
    /// The end: an optional code and reason.
    Close,
    /// Are you there?
    Ping,
    /// I am.
    Pong,
    /// One RFC 6455 does not define (3-7, 11-15), or a continuation of nothing (0).
    Other(u8),
}

impl Opcode {
    /// The four bits on the wire.
    pub fn bits(self) -> u8 {
        match self {
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
            Self::Other(bits) => bits & 0x0f,
        }
    }

    /// What four bits mean.
    pub fn of(bits: u8) -> Self {
        match bits & 0x0f {
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            bits => Self::Other(bits),
        }
    }

    /// The name records use.
    pub fn name(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Binary => "binary".to_owned(),
            Self::Close => "close".to_owned(),
            Self::Ping => "ping".to_owned(),
            Self::Pong => "pong".to_owned(),
            Self::Other(bits) => format!("opcode-{bits}"),
        }
    }

    /// The opcode of that name.
    pub fn named(name: &str) -> Option<Self> {
        (0..16).map(Self::of).find(|opcode| opcode.name() == name)
    }

    /// True for frames that stand between the fragments of a message.
    pub fn is_control(self) -> bool {
        self.bits() >= 8
    }
}

/// A whole message, unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub opcode: Opcode,
    /// The three reserved bits of its first frame.
    pub reserved: u8,
    /// What it says.
    pub payload: Bytes,
    /// The payload lengths of its frames, when they are several.
    pub fragments: Vec<usize>,
}

impl Message {
    /// A message in one frame.
    pub fn new(opcode: Opcode, payload: impl Into<Bytes>) -> Self {
        Self { opcode, reserved: 0, payload: payload.into(), fragments: Vec::new() }
    }

    /// A text message.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Opcode::Text, text.into())
    }

    /// The end, for a reason RFC 6455 §7.4 numbers.
    pub fn close(code: u16) -> Self {
        Self::new(Opcode::Close, code.to_be_bytes().to_vec())
    }

    /// The frame this message is, from a service: unmasked, in one piece.
    pub fn framed(&self) -> Vec<u8> {
        let length = self.payload.len() as u64;
        let head = Header { fin: true, reserved: self.reserved, opcode: self.opcode.bits(), mask: None, length };
        let mut out = Vec::with_capacity(self.payload.len() + 10);
        head.write(&mut out);
        out.extend_from_slice(&self.payload);
        out
    }

    /// False for a close message whose code nobody may send, or that has half of one.
    pub fn may_stand(&self) -> bool {
        match (self.opcode, self.payload.as_ref()) {
            (Opcode::Close, [high, low, ..]) => may_close(u16::from_be_bytes([*high, *low])),
            (Opcode::Close, [_]) => false,
            _ => true,
        }
    }

    /// The text, when it is one.
    pub fn as_text(&self) -> Option<&str> {
        (self.opcode == Opcode::Text).then(|| std::str::from_utf8(&self.payload).ok()).flatten()
    }
}

/// True for a code that may travel in a close message (RFC 6455 §7.4).
pub fn may_close(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// With close frames.
    Closed,
    /// Without: the connection broke.
    Broken,
}

/// The lengths of a message's frames when its payload has another length: the last ones grow or shrink.
pub fn refitted(fragments: &[usize], length: usize) -> Vec<usize> {
    let mut left = length;
    let mut fitted: Vec<usize> = fragments
        .iter()
        .map(|fragment| {
            let fits = left.min(*fragment);
            left -= fits;
            fits
        })
        .collect();
    if let Some(last) = fitted.last_mut() {
        *last += left;
    }
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_refitted_to_another_payload() {
        assert_eq!(refitted(&[1, 0, 2], 3), [1, 0, 2]);
        assert_eq!(refitted(&[1, 0, 2], 9), [1, 0, 8]);
        assert_eq!(refitted(&[5, 2], 4), [4, 0]);
        assert!(refitted(&[], 4).is_empty());
    }
}
