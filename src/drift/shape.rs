//! Values that are new in every recording, and the word that stands for each kind of them.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::cassette::Cassette;
use crate::clock::is_timestamp;
use crate::json::Doc;
use crate::mpsd::name::is_guid;
use crate::mpsd::target::segments;
use crate::redact::REDACTED;
use crate::slot::alias::AliasClass;
use crate::slot::{self, Class, Judge, Role, Slot, settle, splice};

/// Knows such values when it sees them: the recording's own aliases, and what has the shape.
#[derive(Debug)]
pub(super) struct Shapes {
    aliases: Option<AhoCorasick>,
    classes: Vec<Class>,
}

impl Shapes {
    pub(super) fn of(cassette: &Cassette) -> Self {
        let known = cassette.aliases.iter().filter_map(|(name, texts)| Some((AliasClass::named(name)?.class(), texts)));
        let (texts, classes): (Vec<_>, Vec<_>) = known
            .flat_map(|(class, texts)| texts.iter().filter(|text| !text.is_empty()).map(move |text| (text, class)))
            .unzip();
        let aliases =
            AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).ascii_case_insensitive(true).build(texts);
        Self { aliases: aliases.ok().filter(|aliases| aliases.patterns_len() > 0), classes }
    }

    /// A JSON document with a word in place of each such value.
    pub(super) fn json(&self, text: &[u8], doc: &Doc<'_>) -> Vec<u8> {
        splice(text, &slot::in_json(doc, self), |slot| {
            // What stands there without quotes is a number.
            Some(if slot.layers.is_empty() { "0".to_owned() } else { word(slot) })
        })
    }

    /// A header's value, likewise.
    pub(super) fn header(&self, name: &str, value: &str) -> String {
        spliced(value, &slot::in_header(name, value, self))
    }

    /// Any other text, likewise.
    pub(super) fn text(&self, text: &str) -> String {
        spliced(text, &slot::in_text(text, self))
    }

    /// The path of a request that no contract knows, numbers left out, too.
    pub(super) fn path(&self, path: &str) -> String {
        let pieces = segments(path).into_iter().map(|piece| {
            let is_number = !piece.text.is_empty() && piece.text.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { ANY.to_owned() } else { self.text(&piece.text) }
        });
        pieces.fold(String::new(), |path, piece| path + "/" + &piece)
    }

    fn known(&self, text: &str) -> Vec<(Range<usize>, Class)> {
        let Some(aliases) = &self.aliases else {
            return Vec::new();
        };
        let joins = |char: Option<char>| char.is_some_and(char::is_alphanumeric);
        let stands_alone = |span: &Range<usize>| {
            !joins(text[..span.start].chars().next_back()) && !joins(text[span.end..].chars().next())
        };
        let found = aliases.find_iter(text).filter(|found| stands_alone(&found.range()));
        found.map(|found| (found.range(), self.classes[found.pattern().as_usize()])).collect()
    }
}

impl Judge for Shapes {
    fn judge(&self, text: &str, role: Role) -> Vec<(Range<usize>, Class)> {
        match role {
            _ if text.is_empty() => Vec::new(),
            Role::Typed(class @ (Class::Session | Class::Secret)) => vec![(0..text.len(), class)],
            _ if is_timestamp(text) => vec![(0..text.len(), Class::Guid)],
            _ => settle(self.known(text).into_iter().chain(guids(text)).collect()),
        }
    }
}

/// The GUIDs in a text.
fn guids(text: &str) -> Vec<(Range<usize>, Class)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(dash) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'-')) {
        let start = (at + dash).checked_sub(FIRST_DASH);
        let span = start.map(|start| start..start + GUID).filter(|span| text.get(span.clone()).is_some_and(is_guid));
        at += dash + 1;
        if let Some(span) = span {
            at = span.end;
            found.push((span, Class::Guid));
        }
    }
    found
}

fn spliced(text: &str, slots: &[Slot]) -> String {
    String::from_utf8_lossy(&splice(text.as_bytes(), slots, |slot| Some(word(slot)))).into_owned()
}

/// The word for a value.
fn word(slot: &Slot) -> String {
    let name = match slot.class {
        _ if slot.text == REDACTED => return REDACTED.to_owned(),
        Class::Guid if is_timestamp(&slot.text) => "time",
        Class::Guid => "guid",
        Class::Secret => "secret",
        Class::UserHash => "user hash",
        Class::Xuid => "xuid",
        Class::Gamertag => "gamertag",
        Class::Address => "address",
        Class::DeviceToken => "device token",
        Class::Ip => "address of the network",
        Class::Email => "e-mail",
        Class::Session => "session name",
    };
    format!("<{name}>")
}

/// True for a word that stands for a value.
pub(super) fn is_word(text: &str) -> bool {
    text.starts_with('<') && text.ends_with('>')
}

/// What stands for keys that are new in every recording, and for the numbers of a list.
pub(super) const ANY: &str = "*";
/// How long a GUID is, and where its first dash stands.
const GUID: usize = 36;
const FIRST_DASH: usize = 8;
