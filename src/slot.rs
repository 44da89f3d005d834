//! Slots: byte spans of a message that hold an alias (redaction) or a bound value (replay).
//!
//! Both ask the same question, "where in this message does such a value stand?", in the target, in a header, in a
//! JSON value, in a JSON key, and inside a string that is itself JSON. The walk that answers it lives here, once;
//! what counts as such a value is the caller's [`Judge`]. Slots are spliced by offset, so that every byte outside
//! them stays as it was.

pub mod alias;
mod role;
pub mod shape;
mod walk;

use std::ops::Range;

pub use role::Role;
pub use walk::{in_chunks, in_form, in_header, in_json, in_loose_json, in_payload, in_target, in_text};

/// What kind of value a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A token, signature, cookie or nonce: replaced by a constant, accepted whatever it is, never bound.
    Secret,
    /// The user hash of an `XBL3.0` token.
    UserHash,
    /// An Xbox user id.
    Xuid,
    /// A gamertag, in any of its spellings.
    Gamertag,
    /// A secure device address.
    Address,
    /// A device token: the service's digest of a secure device address.
    DeviceToken,
    /// An IP address.
    Ip,
    /// An e-mail address.
    Email,
    /// A session name.
    Session,
    /// A GUID the client made.
    Guid,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 10] = [
        Self::Secret,
        Self::UserHash,
        Self::Xuid,
        Self::Gamertag,
        Self::Address,
        Self::DeviceToken,
        Self::Ip,
        Self::Email,
        Self::Session,
        Self::Guid,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::UserHash => "userhash",
            Self::Xuid => "xuid",
            Self::Gamertag => "gamertag",
            Self::Address => "address",
            Self::DeviceToken => "device-token",
            Self::Ip => "ip",
            Self::Email => "email",
            Self::Session => "name",
            Self::Guid => "guid",
        }
    }
}

/// One span that holds such a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Where it stands in the part it was found in.
    pub span: Range<usize>,
    /// What kind of value it is.
    pub class: Class,
    /// The value as it reads there, all escapes undone.
    pub text: String,
    /// How a value must be escaped to stand there, innermost first.
    pub layers: Vec<Layer>,
}

/// One escaping a text is wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Between the quotes of a JSON string.
    Json,
    /// A JSON string, quotes and all, in place of another kind of value.
    Quoted,
    /// In a request target.
    Percent,
}

/// Says which spans of one text are values to replace: sorted, without overlap.
pub trait Judge {
    /// Looks at one text and the role it plays.
    fn judge(&self, text: &str, role: Role) -> Vec<(Range<usize>, Class)>;
}

impl<F: Fn(&str, Role) -> Vec<(Range<usize>, Class)>> Judge for F {
    fn judge(&self, text: &str, role: Role) -> Vec<(Range<usize>, Class)> {
        self(text, role)
    }
}

/// Writes a value into each slot; `None` leaves the slot as it is. Slots are sorted and do not overlap.
pub fn splice(bytes: &[u8], slots: &[Slot], mut value: impl FnMut(&Slot) -> Option<String>) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for slot in slots {
        let Some(text) = value(slot) else { continue };
        out.extend_from_slice(&bytes[at..slot.span.start]);
        out.extend_from_slice(&escaped(text, &slot.layers));
        at = slot.span.end;
    }
    out.extend_from_slice(&bytes[at..]);
    out
}

fn escaped(text: String, layers: &[Layer]) -> Vec<u8> {
    layers.iter().fold(text.into_bytes(), |bytes, layer| {
        let text = String::from_utf8_lossy(&bytes);
        match layer {
            Layer::Json => {
                let mut out = Vec::with_capacity(bytes.len());
                crate::json::escape_into(&mut out, &text);
                out
            }
            Layer::Quoted => {
                let mut out = vec![b'"'];
                crate::json::escape_into(&mut out, &text);
                out.push(b'"');
                out
            }
            Layer::Percent => crate::mpsd::target::percent_encode(&text).into_bytes(),
        }
    })
}

/// Sorts spans and drops each that overlaps an earlier or longer one.
pub fn settle(mut spans: Vec<(Range<usize>, Class)>) -> Vec<(Range<usize>, Class)> {
    spans.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
    let mut end = 0;
    spans.retain(|(span, _)| {
        let keep = span.start >= end && !span.is_empty();
        if keep {
            end = span.end;
        }
        keep
    });
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Doc;

    fn find(word: &'static str) -> impl Judge {
        move |text: &str, _: Role| {
            text.match_indices(word).map(|(at, found)| (at..at + found.len(), Class::Guid)).collect::<Vec<_>>()
        }
    }

    fn replace(json: &str, word: &'static str, by: &str) -> String {
        let doc = Doc::parse(json.as_bytes()).unwrap();
        let slots = in_json(&doc, &find(word));
        String::from_utf8(splice(json.as_bytes(), &slots, |_| Some(by.to_owned()))).unwrap()
    }

    #[test]
    fn only_the_slot_changes() {
        let json = r#"{ "k": [1.50, "a\u00e9 bob"], "bob":{"k":"x"}, "k":18446744073709551615 }"#;
        assert_eq!(
            replace(json, "bob", "q\"t"),
            r#"{ "k": [1.50, "a\u00e9 q\"t"], "q\"t":{"k":"x"}, "k":18446744073709551615 }"#
        );
    }

    #[test]
    fn json_inside_a_string_is_walked_and_escaped_twice() {
        assert_eq!(replace(r#"{"a":"{\"who\":\"bob\"}"}"#, "bob", "a\"b"), r#"{"a":"{\"who\":\"a\\\"b\"}"}"#);
    }

    #[test]
    fn a_url_in_a_text_is_read_without_its_escapes() {
        let json = r#"{"a":"see https://x/?n=b%6Fb&m=100%25 bob %ff","b":"%25"}"#;
        assert_eq!(replace(json, "bob", "ü"), r#"{"a":"see https://x/?n=%C3%BC&m=100%25 ü %ff","b":"%25"}"#);
    }

    #[test]
    fn escapes_in_a_target_are_undone_and_redone() {
        let target = "/a/x%20bob/c?n=b%6Fb";
        let slots = in_target(target, None, &find("bob"));
        let spliced = splice(target.as_bytes(), &slots, |_| Some("ü".into()));
        assert_eq!(String::from_utf8(spliced).unwrap(), "/a/x%20%C3%BC/c?n=%C3%BC");
    }
}
