//! What a finding is, whichever recording it was found in.
//!
//! It does not depend on lines, ordinals, lanes, files or how often it came: another recording of the same game shows
//! the same findings, however its players took turns. Names that were drawn for a recording are blinded: a piece of a
//! target with a digit in it is `*`, and digits in a pointer are `#`.

use sha2::{Digest, Sha256};

use super::{Located, plain};
use crate::dice::hex;

/// The rule, and what it was broken by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    /// The rule's id.
    pub(super) rule: String,
    /// The operation's name.
    pub(super) op: String,
    /// The place, its digits blinded; and the title's own keyword, if it was that.
    pub(super) place: String,
    /// Verb, path and names of query parameters, names that were drawn blinded.
    pub(super) target: String,
}

impl Identity {
    pub(super) fn of(located: &Located) -> Self {
        let place = digits_blinded(&plain(&located.finding.place.to_string()));
        Self {
            rule: located.finding.rule.id.to_owned(),
            op: located.op.clone(),
            place: located
                .finding
                .schema
                .as_ref()
                .map_or_else(|| place.clone(), |schema| format!("{place} by {}", plain(schema))),
            target: format!("{} {}", plain(&located.method), plain(&shape(&located.target))),
        }
    }

    /// A short digest for programs that compare reports.
    pub(super) fn fingerprint(&self) -> String {
        let Self { rule, op, place, target } = self;
        let text = [rule, op, place, target].map(String::as_str).join("\n");
        hex(&Sha256::digest(text)[..16])
    }
}

fn shape(target: &str) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pieces: Vec<String> = path.split('/').map(name_blinded).collect();
    let names: Vec<String> =
        query.split('&').filter(|pair| !pair.is_empty()).map(|pair| name_blinded(name_of(pair))).collect();
    let mark = if names.is_empty() { "" } else { "?" };
    format!("{}{mark}{}", pieces.join("/"), names.join("&"))
}

fn name_of(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(name, _)| name)
}

/// A literal name in lower case, as MPSD compares names; `*` for one that was drawn.
fn name_blinded(piece: &str) -> String {
    if piece.bytes().any(|byte| byte.is_ascii_digit()) { "*".to_owned() } else { piece.to_ascii_lowercase() }
}

fn digits_blinded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_ascii_digit() {
            true if out.ends_with('#') => {}
            true => out.push('#'),
            false => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::located;
    use super::*;
    use crate::contract::Place;

    #[test]
    fn drawn_names_make_no_difference() {
        let cases = [
            (
                "/serviceconfigs/097D0100-e05c/sessionTemplates/Lobby/sessions/9F9D",
                "/serviceconfigs/*/sessiontemplates/lobby/sessions/*",
            ),
            ("/handles/query?include=relatedInfo,customProperties", "/handles/query?include"),
            ("/a?nocommit=true&&x&y2=1", "/a?nocommit&x&*"),
            ("/sessions/50%20cent?", "/sessions/*"),
            ("", ""),
        ];
        for (target, expected) in cases {
            assert_eq!(shape(target), expected, "{target}");
        }
        assert_eq!(digits_blinded("body /members/reserve_12/a1b2"), "body /members/reserve_#/a#b#");
    }

    #[test]
    fn lane_line_ordinal_and_count_are_no_part_of_it() {
        let of = |pointer: &str| located(7, "turn-index-range", Place::Body(pointer.to_owned()));
        let mut other = of("/properties/system/turn/10");
        (other.lane, other.line, other.exchange, other.count) = ("host".to_owned(), None, 1, 9);
        other.file = Some("other.har".to_owned());
        let one = Identity::of(&of("/properties/system/turn/2"));
        assert_eq!(one, Identity::of(&other));
        assert_eq!(one.fingerprint(), Identity::of(&other).fingerprint());
        assert_ne!(one, Identity::of(&of("/properties/system/other")));
        assert_eq!(one.fingerprint().len(), 32);
    }
}
