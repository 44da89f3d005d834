//! How a body is kept: readable where its bytes allow that, exact always.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::dice::hex;
use crate::json::{self, Doc};
use crate::message::{Body, Coding, Headers};

/// A body in a record. An empty body has none.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub struct StoredBody {
    content: Content,
    coding: Coding,
    wire: Option<Bytes>,
}

/// The decoded bytes, in the most readable form that gives them back exactly.
#[derive(Clone, Debug)]
pub enum Content {
    /// Compact JSON.
    Json(Box<RawValue>),
    /// Text without control characters other than tabs and line ends.
    Text(String),
    /// Anything else.
    Bytes(Bytes),
    /// Not kept; what is known of it.
    Withheld(Withheld),
}

/// A body that was not kept: it cannot be replayed, but it can be recognised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// Why it was not kept.
    pub reason: String,
    /// How many bytes travelled.
    pub length: u64,
    /// SHA-256 of the bytes that travelled, lower-case hex.
    pub sha256: String,
}

impl Withheld {
    /// True for the bytes that were withheld. Where none were seen, nothing is recognised.
    pub fn is(&self, wire: &[u8]) -> bool {
        let length = u64::try_from(wire.len()).unwrap_or(u64::MAX);
        self.length > 0 && self.length == length && self.sha256 == hex(&Sha256::digest(wire))
    }

    /// True for that very body, be it here or counted while it went by.
    pub fn is_of(&self, body: &Body) -> bool {
        match body.as_gone() {
            Some(gone) => self.length > 0 && self.length == gone.length && self.sha256 == gone.sha256,
            None => self.is(body.wire()),
        }
    }
}

/// Whether the exact wire bytes may be kept beside the decoded ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireBytes {
    /// Keep them when the decoded bytes do not encode to them.
    Keep,
    /// The decoded bytes were changed: the wire bytes hold what was taken out.
    Drop,
}

impl StoredBody {
    /// The form a body is kept in; `None` when nothing travelled. A body we cannot decode is withheld.
    pub fn of(body: &Body, wire: WireBytes) -> Option<Self> {
        if body.is_empty() {
            return None;
        }
        let Some(plain) = body.decoded() else {
            return Some(Self::withheld("its content coding cannot be undone", body.wire()));
        };
        let keep = wire == WireBytes::Keep && body.coding().encode(plain) != *body.wire();
        let wire = keep.then(|| body.wire().clone());
        Some(Self { content: Content::of(plain), coding: body.coding(), wire })
    }

    /// A body that is not kept, for a reason people can read.
    pub fn withheld(reason: &str, wire: &[u8]) -> Self {
        let length = u64::try_from(wire.len()).unwrap_or(u64::MAX);
        Self::known(Withheld { reason: reason.to_owned(), length, sha256: hex(&Sha256::digest(wire)) })
    }

    /// A body of which nothing but this is known.
    pub fn known(withheld: Withheld) -> Self {
        Self { content: Content::Withheld(withheld), coding: Coding::Identity, wire: None }
    }

    /// The body again: the recorded wire bytes, or the decoded bytes with the coding re-applied.
    ///
    /// A withheld body comes back unknown; ask [`Self::content`] first.
    pub fn body(&self) -> Body {
        let plain = self.content.bytes();
        match &self.wire {
            _ if self.as_withheld().is_some() => Body::unknown(),
            Some(wire) => Body::known(wire.clone(), plain, self.coding),
            None => Body::encoded(plain, self.coding),
        }
    }

    /// What is kept.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// What is known of it, when it was not kept.
    pub fn as_withheld(&self) -> Option<&Withheld> {
        match &self.content {
            Content::Withheld(withheld) => Some(withheld),
            _ => None,
        }
    }

    /// Without base64: bytes become the text they are read as, and wire bytes say nothing the decoded ones do not.
    /// `None` when there is no base64 in it.
    pub(super) fn legible(&self) -> Option<Self> {
        let content = match &self.content {
            Content::Bytes(bytes) => Content::Text(String::from_utf8_lossy(bytes).into_owned()),
            _ if self.wire.is_none() => return None,
            content => content.clone(),
        };
        Some(Self { content, coding: self.coding, wire: None })
    }

    /// Replaces the decoded bytes; recorded wire bytes would contradict them and go.
    pub(super) fn rewrite(&mut self, content: Content) {
        self.content = content;
        self.wire = None;
    }
}

impl Content {
    /// The most readable form of some bytes.
    pub fn of(plain: &Bytes) -> Self {
        let Ok(text) = std::str::from_utf8(plain) else {
            return Self::Bytes(plain.clone());
        };
        if let Some(raw) = compact_json(text) {
            return Self::Json(raw);
        }
        if text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t')) {
            return Self::Bytes(plain.clone());
        }
        Self::Text(text.to_owned())
    }

    /// The bytes; none when withheld.
    pub fn bytes(&self) -> Bytes {
        match self {
            Self::Json(raw) => Bytes::copy_from_slice(raw.get().as_bytes()),
            Self::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
            Self::Bytes(bytes) => bytes.clone(),
            Self::Withheld(_) => Bytes::new(),
        }
    }
}

/// The body of a message whose record has none, or the recorded one.
pub(super) fn restore(stored: Option<&StoredBody>, headers: &Headers) -> Body {
    stored.map_or_else(|| Body::received(Bytes::new(), headers, 0), StoredBody::body)
}

/// The value, if taking it apart and putting it together again compactly gives the same bytes.
fn compact_json(text: &str) -> Option<Box<RawValue>> {
    let facts = Doc::parse(text.as_bytes()).ok()?.facts();
    let reproducible = !facts.spaced && !facts.lone_surrogate && facts.depth <= MAX_DEPTH;
    reproducible.then(|| RawValue::from_string(text.to_owned()).ok()).flatten()
}

/// The keys of a stored body as they stand in the file.
#[derive(Clone, Serialize, Deserialize)]
struct Fields {
    #[serde(default, deserialize_with = "raw", skip_serializing_if = "Option::is_none")]
    json: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    b64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    withheld: Option<Withheld>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coding: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wire: Option<String>,
}

/// Keeps a JSON `null` apart from an absent key.
fn raw<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

impl TryFrom<Fields> for StoredBody {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        let coding = fields.coding.map_or(Ok(Coding::Identity), |name| coding_named(&name))?;
        let wire = fields.wire.map(|text| decode(&text)).transpose()?;
        let content = match (fields.json, fields.text, fields.b64, fields.withheld) {
            (Some(raw), None, None, None) => Content::Json(compacted(raw)?),
            (None, Some(lines), None, None) => Content::Text(lines.concat()),
            (None, None, Some(text), None) => Content::Bytes(decode(&text)?),
            (None, None, None, Some(withheld)) => Content::Withheld(withheld),
            _ => return Err("not a stored body: it has one of `json`, `text`, `b64` and `withheld`"),
        };
        Ok(Self { content, coding, wire })
    }
}

impl From<StoredBody> for Fields {
    fn from(body: StoredBody) -> Self {
        let mut fields = Self {
            json: None,
            text: None,
            b64: None,
            withheld: None,
            coding: coding_name(body.coding).map(str::to_owned),
            wire: body.wire.map(|wire| BASE64.encode(wire)),
        };
        match body.content {
            Content::Json(raw) => fields.json = Some(raw),
            Content::Text(text) => fields.text = Some(text.split_inclusive('\n').map(str::to_owned).collect()),
            Content::Bytes(bytes) => fields.b64 = Some(BASE64.encode(bytes)),
            Content::Withheld(withheld) => fields.withheld = Some(withheld),
        }
        fields
    }
}

fn compacted(raw: Box<RawValue>) -> Result<Box<RawValue>, &'static str> {
    if !raw.get().contains([' ', '\n', '\r', '\t']) {
        return Ok(raw);
    }
    let text = String::from_utf8(json::compact(raw.get().as_bytes())).map_err(|_| "not UTF-8")?;
    RawValue::from_string(text).map_err(|_| "not JSON")
}

/// Base64 in a file, undone.
pub(super) fn decode(text: &str) -> Result<Bytes, &'static str> {
    BASE64.decode(text).map(Bytes::from).map_err(|_| "not base64")
}

/// Bytes as base64 text.
pub(super) fn encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

fn coding_name(coding: Coding) -> Option<&'static str> {
    match coding {
        Coding::Identity | Coding::Unknown => None,
        Coding::Gzip => Some("gzip"),
        Coding::Deflate => Some("deflate"),
        Coding::Brotli => Some("br"),
    }
}

fn coding_named(name: &str) -> Result<Coding, &'static str> {
    [Coding::Gzip, Coding::Deflate, Coding::Brotli]
        .into_iter()
        .find(|coding| coding_name(*coding) == Some(name))
        .ok_or("not a known content coding")
}

/// JSON nested deeper is kept as text: indenting it would be unreadable, and recursive readers would choke.
const MAX_DEPTH: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::pretty;

    /// Through the journal's form and through the sealed file's.
    fn reread(body: &StoredBody) -> [StoredBody; 2] {
        let line = serde_json::to_vec(body).unwrap();
        let sealed = pretty(&line, 3);
        [serde_json::from_slice(&line).unwrap(), serde_json::from_slice(&sealed).unwrap()]
    }

    fn key_of(plain: &str) -> String {
        let stored = StoredBody::of(&Body::plain(plain.to_owned()), WireBytes::Keep).unwrap();
        for again in reread(&stored) {
            assert_eq!(again.body().wire(), plain.as_bytes());
        }
        let text = serde_json::to_string(&stored).unwrap();
        text.split('"').nth(1).unwrap().to_owned()
    }

    #[test]
    fn the_most_readable_form_that_is_exact() {
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let cases = [
            (r#"{"a":1.50,"b":18446744073709551615,"a":null,"c":"\u00e9\/"}"#, "json"),
            ("null", "json"),
            ("0", "json"),
            (r#"{"a": 1}"#, "text"),
            ("{\"a\":1}\n", "text"),
            (r#""\ud800""#, "text"),
            ("one\r\ntwo\n\nlast", "text"),
            ("tab\tand \u{1F600}", "text"),
            ("nul\0", "b64"),
            ("\u{feff}{}", "text"),
        ];
        for (plain, key) in cases {
            assert_eq!(key_of(plain), key, "{plain:?}");
        }
        assert_eq!((key_of(&deep(64)), key_of(&deep(65))), ("json".into(), "text".into()));
    }

    #[test]
    fn foreign_compression_keeps_its_wire_bytes_unless_told_not_to() {
        let headers: Headers = [("content-encoding", "gzip")].into_iter().collect();
        let plain = Bytes::from_static(b"{\"a\":1}");
        let ours = Coding::Gzip.encode(&plain);
        let mut theirs = ours.to_vec();
        theirs[9] = 7; // the operating system that compressed it
        let stored = |wire: Vec<u8>, keep| StoredBody::of(&Body::received(wire.into(), &headers, 100), keep).unwrap();

        let kept = stored(theirs.clone(), WireBytes::Keep);
        assert_eq!(kept.body().wire(), &theirs);
        assert!(reread(&kept).iter().all(|again| again.body() == kept.body()));
        let dropped = stored(theirs, WireBytes::Drop);
        assert_eq!((dropped.body().wire(), dropped.body().decoded()), (&ours, Some(&plain)));
        assert!(stored(ours.to_vec(), WireBytes::Keep).wire.is_none());
    }

    #[test]
    fn a_body_that_does_not_decode_is_withheld() {
        let headers: Headers = [("content-encoding", "zstd")].into_iter().collect();
        let body = Body::received(Bytes::from_static(b"abc"), &headers, 100);
        let stored = StoredBody::of(&body, WireBytes::Keep).unwrap();
        let text = serde_json::to_string(&stored).unwrap();
        assert!(text.contains("\"length\":3,\"sha256\":\"ba7816bf"), "{text}");
        assert!(!text.contains("b64"), "{text}");
        assert!(stored.body().decoded().is_none() && !stored.body().is_empty());
    }

    #[test]
    fn two_forms_at_once_are_refused() {
        for text in [r#"{"json":1,"text":["1"]}"#, "{}", r#"{"b64":"%"}"#, r#"{"text":["a"],"coding":"zip"}"#] {
            assert!(serde_json::from_str::<StoredBody>(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 1..200), coding in 0..4_usize) {
            let coding = [Coding::Identity, Coding::Gzip, Coding::Deflate, Coding::Brotli][coding];
            let body = Body::encoded(bytes, coding);
            let stored = StoredBody::of(&body, WireBytes::Keep).unwrap();
            for again in reread(&stored) {
                prop_assert_eq!(again.body(), body.clone());
            }
        }

        #[test]
        fn any_jsonish_text_comes_back(text in r#"[\[\]{}:, "\\0-9.eE+\-a-fu ntrl\n\r]{1,40}"#) {
            let body = Body::plain(text);
            let stored = StoredBody::of(&body, WireBytes::Keep).unwrap();
            for again in reread(&stored) {
                prop_assert_eq!(again.body(), body.clone());
            }
        }
    }
}
