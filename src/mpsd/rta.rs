//! Real-time activity messages: JSON arrays that say by their first number what they are (mpsd-wire §7).

use std::borrow::Cow;

use crate::json::{Doc, Kind, Node};

/// `[1, seq, …]`: subscribe, and the reply to it.
pub const SUBSCRIBE: u64 = 1;
/// `[2, seq, …]`: unsubscribe, and the reply to it.
pub const UNSUBSCRIBE: u64 = 2;
/// `[3, subId, data]`: an event of a subscription.
pub const EVENT: u64 = 3;

/// `[4, …]`: everything is to be fetched again.
pub const RESYNC: u64 = 4;

/// One message, item by item.
#[derive(Debug)]
pub struct Frame<'d> {
    items: Vec<Node<'d>>,
}

impl<'d> Frame<'d> {
    /// The message a document is, when it is one.
    pub fn of(doc: &'d Doc<'d>) -> Option<Self> {
        let items: Vec<_> = doc.root().items().take(MOST_ITEMS).collect();
        items.first()?.number()?;
        Some(Self { items })
    }

    /// What it is: the first item.
    pub fn kind(&self) -> Option<u64> {
        self.number(0)
    }

    /// An item that is an unsigned whole number.
    pub fn number(&self, at: usize) -> Option<u64> {
        self.item(at)?.number()?.parse().ok()
    }

    /// An item that is a whole number, whatever its sign.
    pub fn whole(&self, at: usize) -> Option<i64> {
        self.item(at)?.number()?.parse().ok()
    }

    /// An item that is a text.
    pub fn text(&self, at: usize) -> Option<Cow<'d, str>> {
        self.item(at)?.str()
    }

    /// An item.
    pub fn item(&self, at: usize) -> Option<Node<'d>> {
        self.items.get(at).copied()
    }

    /// The shoulder taps of an event.
    pub fn taps(&self) -> impl Iterator<Item = Node<'d>> {
        let data = self.item(2).filter(|_| self.kind() == Some(EVENT));
        let taps = data.filter(|data| data.kind() == Kind::Object).and_then(|data| data.get("shoulderTaps"));
        taps.into_iter().flat_map(Node::items)
    }
}

/// True for a resource of the session directory.
pub fn is_mpsd(uri: &str) -> bool {
    let host = uri.split_once("://").map_or("", |(_, rest)| rest.split(['/', ':', '?']).next().unwrap_or_default());
    host.eq_ignore_ascii_case(MPSD)
}

/// A payload without the NULs and the white space that some clients send behind it.
pub fn trimmed(payload: &[u8]) -> &[u8] {
    let is_padding = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let end = payload.iter().rposition(|byte| !is_padding(byte)).map_or(0, |last| last + 1);
    &payload[..end]
}

const MPSD: &str = "sessiondirectory.xboxlive.com";

/// No message has more items that mean anything.
const MOST_ITEMS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_no_part_of_a_message() {
        for text in ["[1, 0, \"a\"]", "[1, 0, \"a\"]\0\0\0", "[1,0,\"a\"] \r\n"] {
            let doc = Doc::parse(trimmed(text.as_bytes())).unwrap();
            let frame = Frame::of(&doc).unwrap();
            assert_eq!(
                (frame.kind(), frame.number(1), frame.text(2).unwrap().as_ref()),
                (Some(SUBSCRIBE), Some(0), "a")
            );
        }
        assert_eq!(trimmed(b"\0 \n"), b"");
    }

    #[test]
    fn other_documents_are_no_messages() {
        for text in ["{}", "[]", "[\"1\",2]", "1"] {
            assert!(Frame::of(&Doc::parse(text.as_bytes()).unwrap()).is_none(), "{text}");
        }
    }

    #[test]
    fn taps_are_found_in_events_only() {
        let count = |text: &str| Frame::of(&Doc::parse(text.as_bytes()).unwrap()).unwrap().taps().count();
        assert_eq!(count(r#"[3,0,{"ncid":"a","shoulderTaps":[{},{}]}]"#), 2);
        assert_eq!(count(r#"[1,0,{"shoulderTaps":[{}]}]"#) + count("[3,0,null]") + count("[3]"), 0);
    }
}
