//! Headers whose form is known: credentials keep their shape, user lists keep their syntax, debug headers go.

use std::ops::Range;

use super::REDACTED;
use crate::slot::{Class, Slot};

/// An `Authorization` value taken apart.
pub(super) struct Credentials<'a> {
    scheme: &'a str,
    /// The user hash of an `XBL3.0` token when it names a user (`-` and `*` do not).
    pub(super) user_hash: Option<&'a str>,
    /// The text that may stand nowhere: the end of the value.
    secret: &'a str,
    prefix: &'a str,
}

impl Credentials<'_> {
    /// Where the secret stands in the value.
    pub(super) fn slot(&self, value: &str) -> Slot {
        let span = value.len() - self.secret.len()..value.len();
        Slot { span, class: Class::Secret, text: self.secret.to_owned(), layers: Vec::new() }
    }

    /// The same value with its secrets gone and its shape kept: what was missing is still missing, so that every
    /// rule judges the redacted header as it would the real one.
    pub(super) fn redacted(&self, user_hash: Option<&str>) -> String {
        let secret = if self.secret.is_empty() { "" } else { REDACTED };
        match (self.prefix, user_hash) {
            ("", _) if self.scheme.is_empty() => secret.to_owned(),
            ("", _) => format!("{} {secret}", self.scheme),
            (prefix, Some(hash)) => format!("{} x={hash};{secret}", &prefix[..self.scheme.len()]),
            (prefix, None) => format!("{prefix}{secret}"),
        }
    }
}

/// Takes `Authorization` apart; `None` for every other header.
pub(super) fn credentials<'a>(name: &str, value: &'a str) -> Option<Credentials<'a>> {
    if name != "authorization" {
        return None;
    }
    let Some((scheme, rest)) = value.split_once(' ') else {
        return Some(Credentials { scheme: "", user_hash: None, secret: value, prefix: "" });
    };
    let Some(hash) = crate::exchange::user_hash(value) else {
        return Some(Credentials { scheme, user_hash: None, secret: rest, prefix: "" });
    };
    let token_at = value.find(';').map_or(value.len(), |at| at + 1);
    let names_a_user = !matches!(hash, "" | "-" | "*");
    Some(Credentials {
        scheme,
        user_hash: names_a_user.then_some(hash),
        secret: &value[token_at..],
        prefix: &value[..token_at],
    })
}

/// Headers that are not kept at all: free text the service itself says not to depend on.
pub(super) fn is_removed(name: &str) -> bool {
    matches!(name, "x-xbl-debug" | "proxy-authorization")
}

/// True for secrets that no other request carries.
pub(super) fn is_of_one_request(name: &str) -> bool {
    matches!(name, "signature" | "nonce" | "sec-websocket-key")
}

/// True for the header that lists acting users (`xuid[;priv=…],…`).
pub(super) fn lists_users(name: &str) -> bool {
    name == "x-xbl-onbehalfof-users"
}

/// The xuids of such a list. Nobody's is so short that member keys would not show whose it is.
pub(super) fn users(value: &str) -> Vec<Slot> {
    let mut at = 0;
    let entry = |part: &str| {
        let start = at + (part.len() - part.trim_start().len());
        at += part.len() + 1;
        let digits = part.trim_start().bytes().take_while(u8::is_ascii_digit).count();
        start..start + digits
    };
    let spans: Vec<Range<usize>> = value.split(',').map(entry).collect();
    spans
        .into_iter()
        .filter(|span| span.len() >= SHORTEST_XUID)
        .map(|span| Slot { text: value[span.clone()].to_owned(), span, class: Class::Xuid, layers: Vec::new() })
        .collect()
}

const SHORTEST_XUID: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_keep_their_shape() {
        for (value, expected) in [
            ("XBL3.0 x=123;eyJabc", "XBL3.0 x=9;redacted"),
            ("XBL3.0 x=-;eyJabc", "XBL3.0 x=-;redacted"),
            ("XBL3.0 x=;", "XBL3.0 x=;"),
            ("XBL3.0 x=123;", "XBL3.0 x=9;"),
            ("Bearer abc", "Bearer redacted"),
            ("abc", "redacted"),
            ("", ""),
        ] {
            let parts = credentials("authorization", value).unwrap();
            let hash = parts.user_hash.map(|_| "9");
            assert_eq!(parts.redacted(hash), expected, "{value}");
        }
    }

    #[test]
    fn acting_users_are_found_one_by_one() {
        let spans: Vec<_> =
            users("741837829132;priv=multiplayer, 5, 2814646326226712").into_iter().map(|slot| slot.span).collect();
        assert_eq!(spans, [0..12, 34..50]);
    }
}
