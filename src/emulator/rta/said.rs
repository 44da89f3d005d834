//! What a client says: JSON arrays, with whatever padding real ones put behind them (mpsd-wire §7).

use crate::json::{Doc, Node};
use crate::socket::{Message, Opcode};

/// One message of a client, read. `seq` stays the text it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// `[1, seq, "resource"]`; the resource may be no string.
    Subscribe {
        /// Names the answer.
        seq: String,
        /// What to subscribe to.
        resource: Option<String>,
    },
    /// `[2, seq, subId]`; the id may be no number.
    Unsubscribe {
        /// Names the answer.
        seq: String,
        /// Which subscription.
        id: Option<u64>,
    },
    /// Well-formed, and nothing we know.
    Unknown,
    /// Not what a client says.
    Malformed,
}

impl Said {
    /// Reads a message.
    pub(super) fn read(message: &Message) -> Self {
        match message.opcode {
            Opcode::Text | Opcode::Binary if message.payload.len() <= LONGEST => Self::parse(&message.payload),
            Opcode::Text | Opcode::Binary => Self::Malformed,
            _ => Self::Unknown,
        }
    }

    fn parse(payload: &[u8]) -> Self {
        let end = payload.iter().rposition(|byte| !matches!(byte, 0 | b' ' | b'\t' | b'\r' | b'\n'));
        let Ok(doc) = Doc::parse(&payload[..end.map_or(0, |end| end + 1)]) else {
            return Self::Malformed;
        };
        let items: Vec<Node<'_>> = doc.root().items().take(3).collect();
        let Some(kind) = items.first().and_then(|kind| kind.number()).filter(|kind| is_whole(kind)) else {
            return Self::Malformed;
        };
        let seq = items.get(1).and_then(|seq| seq.number()).filter(|seq| is_whole(seq)).map(str::to_owned);
        match (kind, seq) {
            ("1", Some(seq)) => {
                Self::Subscribe { seq, resource: items.get(2).and_then(|uri| Some(uri.str()?.into_owned())) }
            }
            ("2", Some(seq)) => Self::Unsubscribe { seq, id: items.get(2).and_then(|id| id.number()?.parse().ok()) },
            ("1" | "2", None) => Self::Malformed,
            _ => Self::Unknown,
        }
    }
}

fn is_whole(number: &str) -> bool {
    number.len() <= 20 && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// A client's longest message, in bytes.
const LONGEST: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Said {
        Said::read(&Message::text(text))
    }

    #[test]
    fn messages_may_be_padded_and_spaced() {
        let said = Said::Subscribe { seq: "0".into(), resource: Some("https://a/b".into()) };
        for text in
            [r#"[1,0,"https://a/b"]"#, "[1, 0, \"https://a/b\"]\0\0\0", " [ 1 , 0 , \"https:\\/\\/a/b\" , {} ]\r\n\0 "]
        {
            assert_eq!(read(text), said, "{text}");
        }
        assert_eq!(Said::read(&Message::new(Opcode::Binary, "[1,0,\"https://a/b\"]")), said);
        assert_eq!(
            read("[2,18446744073709551616,7]"),
            Said::Unsubscribe { seq: "18446744073709551616".into(), id: Some(7) }
        );
        assert_eq!(read("[2,3,\"x\"]"), Said::Unsubscribe { seq: "3".into(), id: None });
        assert_eq!(read("[1,3]"), Said::Subscribe { seq: "3".into(), resource: None });
    }

    #[test]
    fn anything_else_is_unknown_or_malformed() {
        for text in ["[4]", "[9,1,2]", "[3,0,{}]"] {
            assert_eq!(read(text), Said::Unknown, "{text}");
        }
        for text in
            ["", "\0", "{}", "[]", "[1]", "[1,-1,\"x\"]", "[1,1.5,\"x\"]", "[1,\"1\",\"x\"]", "[\"1\",1]", "[1,1,"]
        {
            assert_eq!(read(text), Said::Malformed, "{text}");
        }
        assert_eq!(Said::read(&Message::new(Opcode::Ping, "")), Said::Unknown);
        assert_eq!(read(&" ".repeat(LONGEST + 1)), Said::Malformed);
    }

    proptest! {
        #[test]
        fn garbage_is_read(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            Said::read(&Message::new(Opcode::Text, bytes));
        }
    }
}
