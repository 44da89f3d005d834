//! What a call or a message shows, place by place.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::shape::{ANY, Shapes, is_word};
use crate::cassette::{FrameRecord, HttpRecord};
use crate::json::{Doc, Kind, Node, join_pointer};
use crate::message::{Body, Headers};
use crate::mpsd::rta::trimmed;
use crate::mpsd::{ParamName, Resolution, target};

/// What stands in each place.
pub(super) type Leaves = BTreeMap<String, Leaf>;

/// What stands in one place: several values where it is a place of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) kinds: BTreeSet<&'static str>,
    /// Values as they compare. Of objects and lists there are none.
    pub(super) values: BTreeSet<String>,
}

impl Leaf {
    fn one(kind: &'static str, value: String) -> Self {
        Self { kinds: BTreeSet::from([kind]), values: BTreeSet::from([bounded(value)]) }
    }

    /// Its types, in words.
    pub(super) fn types(&self) -> String {
        self.kinds.iter().copied().collect::<Vec<_>>().join(" or ")
    }

    /// What stands there: its first value, or its type.
    pub(super) fn shown(&self) -> String {
        self.values.first().cloned().unwrap_or_else(|| self.types())
    }

    /// The first value that another leaf does not have.
    pub(super) fn without(&self, other: &Self) -> String {
        self.values.difference(&other.values).next().cloned().unwrap_or_else(|| self.shown())
    }

    /// Values that are words as documents have them: `private`, `pending`.
    pub(super) fn words(&self) -> impl Iterator<Item = String> {
        let texts = self.values.iter().filter_map(|value| value.strip_prefix('"')?.strip_suffix('"'));
        texts.filter(|text| is_plain_word(text)).map(str::to_owned)
    }
}

/// What calls must share to be taken for the same call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) status: u64,
    pub(super) places: u64,
}

impl Signature {
    pub(super) fn of(leaves: &Leaves) -> Self {
        let digest = |text: &dyn Fn(&mut DefaultHasher)| {
            let mut hasher = DefaultHasher::new();
            text(&mut hasher);
            hasher.finish()
        };
        Self {
            status: digest(&|hasher| leaves.get(STATUS).map(Leaf::shown).hash(hasher)),
            places: digest(&|hasher| leaves.iter().for_each(|(place, leaf)| (place, &leaf.kinds).hash(hasher))),
        }
    }
}

/// What an exchange shows.
pub(super) fn of_exchange(record: &HttpRecord, resolution: &Resolution, shapes: &Shapes) -> Leaves {
    let mut leaves = Leaves::new();
    let (request, response) = (record.request(), record.response());
    let status = if record.is_served() { response.status.to_string() } else { record.outcome.as_str().to_owned() };
    leaves.insert(STATUS.to_owned(), Leaf::one("status", status));
    for name in [ParamName::Scid, ParamName::Template, ParamName::Hopper] {
        if let Some(text) =
            resolution.operation().map(|operation| operation.param(name)).filter(|text| !text.is_empty())
        {
            let place = format!("{REQUEST} path {}", format!("{name:?}").to_lowercase());
            leaves.insert(place, Leaf::one(TEXT, quoted(&text.to_lowercase())));
        }
    }
    for (name, value) in target::parameters(&request.target) {
        let value = value.map(|value| shapes.header(&name.text, &value.text)).unwrap_or_default();
        let place = format!("{REQUEST} query {}", shapes.text(&name.text));
        leaves.insert(place, Leaf::one(TEXT, quoted(&value)));
    }
    of_message(REQUEST, (&request.headers, &request.body), shapes, &mut leaves);
    of_message(RESPONSE, (&response.headers, &response.body), shapes, &mut leaves);
    leaves
}

/// What a message on a socket shows.
pub(super) fn of_frame(frame: &FrameRecord, shapes: &Shapes) -> Leaves {
    let mut leaves = Leaves::from([(STATUS.to_owned(), Leaf::one("opcode", frame.what.name()))]);
    if let Some(code) = frame.what.code {
        leaves.insert(MESSAGE.to_owned() + " code", Leaf::one(NUMBER, code.to_string()));
    }
    if let Some(body) = &frame.what.body {
        in_body(MESSAGE, &body.body(), shapes, &mut leaves);
    }
    leaves
}

/// True inside a bag that is the title's own.
pub(super) fn is_custom(place: &str) -> bool {
    place.split('/').any(|step| step == "custom")
}

fn of_message(side: &str, (headers, body): (&Headers, &Body), shapes: &Shapes, leaves: &mut Leaves) {
    for header in headers.iter().filter(|header| is_meant(&header.name)) {
        let value = String::from_utf8_lossy(&header.value);
        let value = match header.name.as_str() {
            "etag" | "if-match" | "if-none-match" if value.trim() != "*" => "<entity tag>".to_owned(),
            name => quoted(&shapes.header(name, value.trim())),
        };
        let leaf = leaves.entry(format!("{side} header {}", header.name)).or_default();
        leaf.kinds.insert(TEXT);
        leaf.values.insert(bounded(value));
    }
    in_body(side, body, shapes, leaves);
}

fn in_body(side: &str, body: &Body, shapes: &Shapes, leaves: &mut Leaves) {
    let Some(plain) = body.decoded() else {
        leaves.insert(format!("{side} /"), Leaf::one("a body that was not kept", String::new()));
        return;
    };
    if plain.is_empty() {
        return;
    }
    let plain = trimmed(plain);
    if let Ok(doc) = Doc::parse(plain) {
        let shaped = shapes.json(plain, &doc);
        if let Ok(doc) = Doc::parse(&shaped) {
            return in_json(side, doc.root(), leaves);
        }
    }
    let leaf = match std::str::from_utf8(plain) {
        Ok(text) => Leaf::one("a text that is no JSON", quoted(&shapes.text(text))),
        Err(_) => Leaf::one("bytes", format!("{} bytes", plain.len())),
    };
    leaves.insert(format!("{side} /"), leaf);
}

fn in_json(side: &str, root: Node<'_>, leaves: &mut Leaves) {
    let mut pending = vec![(root, String::new(), Counter::No)];
    while let Some((node, pointer, counter)) = pending.pop() {
        let place = format!("{side} {}", if pointer.is_empty() { "/" } else { &pointer });
        let leaf = leaves.entry(place).or_default();
        leaf.kinds.insert(kind(node));
        match node.kind() {
            Kind::Object => pending.extend(node.members().map(|(key, value)| {
                let key = key.str().unwrap_or_default();
                let counter = if COUNTERS.contains(&key.as_ref()) { Counter::Yes } else { Counter::No };
                (value, join_pointer(&pointer, folded(&key)), counter)
            })),
            Kind::Array => pending.extend(node.items().map(|item| (item, join_pointer(&pointer, ANY), counter))),
            Kind::Number if counter == Counter::Yes => drop(leaf.values.insert("<count>".to_owned())),
            Kind::String => drop(leaf.values.insert(bounded(quoted(&node.str().unwrap_or_default())))),
            _ => drop(leaf.values.insert(bounded(String::from_utf8_lossy(node.raw()).into_owned()))),
        }
    }
}

/// Whether a number counts what has happened, and so differs in every recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counter {
    Yes,
    No,
}

fn folded(key: &str) -> &str {
    let is_number = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    if is_number || is_word(key) { ANY } else { key }
}

fn kind(node: Node<'_>) -> &'static str {
    match node.kind() {
        Kind::Object => "an object",
        Kind::Array => "a list",
        Kind::String => TEXT,
        Kind::Number => NUMBER,
        Kind::Bool => "true or false",
        Kind::Null => "null",
    }
}

fn quoted(text: &str) -> String {
    if is_word(text) { text.to_owned() } else { format!("\"{}\"", text.escape_debug()) }
}

/// A long value compares by its beginning and a digest of it all.
fn bounded(value: String) -> String {
    let Some((cut, _)) = value.char_indices().nth(LONGEST_VALUE) else {
        return value;
    };
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    format!("{}… ({:08x})", &value[..cut], hasher.finish() & 0xffff_ffff)
}

fn is_plain_word(text: &str) -> bool {
    text.len() <= LONGEST_WORD
        && text.starts_with(|char: char| char.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

/// Headers that mean something to whoever reads the message; the rest is a matter of transport, or tells of a person.
fn is_meant(name: &str) -> bool {
    const MEANT: [&str; 9] = [
        "allow",
        "content-location",
        "content-type",
        "etag",
        "if-match",
        "if-none-match",
        "location",
        "retry-after",
        "www-authenticate",
    ];
    MEANT.contains(&name) || name.starts_with("x-xbl-")
}

/// The place of an answer's status, and of a message's kind.
pub(super) const STATUS: &str = "status";
/// What every place of an answer starts with.
pub(super) const RESPONSE: &str = "response";
const REQUEST: &str = "request";
const MESSAGE: &str = "message";
const TEXT: &str = "a text";
const NUMBER: &str = "a number";
/// Numbers that count on with every write.
const COUNTERS: [&str; 1] = ["changeNumber"];
const LONGEST_VALUE: usize = 80;
const LONGEST_WORD: usize = 40;
