//! HTTP messages as the deck keeps them: bytes as received, names as received, nothing re-serialised.

pub mod coding;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::dice::hex;

pub use coding::Coding;

/// One header line. The name is lower-case, as HTTP/2 sends it and HTTP/1.1 compares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Lower-case field name.
    pub name: String,
    /// Value bytes without surrounding white space.
    pub value: Bytes,
}

/// Header lines in order, repeats kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<Header>);

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line at the end; the name is folded to lower case.
    pub fn push(&mut self, name: &str, value: impl Into<Bytes>) {
        self.0.push(Header { name: name.to_ascii_lowercase(), value: value.into() });
    }

    /// Replaces every line of that name by one.
    pub fn set(&mut self, name: &str, value: impl Into<Bytes>) {
        self.remove(name);
        self.push(name, value);
    }

    /// Drops every line of that name (lower-case).
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|header| header.name != name);
    }

    /// Keeps the lines a predicate accepts.
    pub fn retain(&mut self, keep: impl FnMut(&Header) -> bool) {
        self.0.retain(keep);
    }

    /// The first value of a lower-case name, as text. A value that is not UTF-8 counts as absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        let first = self.0.iter().find(|header| header.name == name)?;
        std::str::from_utf8(&first.value).ok()
    }

    /// Every value of a lower-case name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Bytes> {
        self.0.iter().filter(move |header| header.name == name).map(|header| &header.value)
    }

    /// The lines, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.0.iter()
    }

    /// The lines, in order, to change in place.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, Header> {
        self.0.iter_mut()
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(lines: I) -> Self {
        let mut headers = Self::new();
        for (name, value) in lines {
            headers.push(name, value.to_owned());
        }
        headers
    }
}

/// A message body: the bytes as received, and the same without their content coding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    wire: Bytes,
    plain: Option<Bytes>,
    coding: Coding,
    gone: Option<Box<Gone>>,
}

/// What is known of a body that went by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// How many bytes travelled.
    pub length: u64,
    /// SHA-256 of the bytes that travelled, lower-case hex.
    pub sha256: String,
}

impl Gone {
    /// True for the bytes that went by.
    pub fn is(&self, wire: &[u8]) -> bool {
        let length = u64::try_from(wire.len()).unwrap_or(u64::MAX);
        self.length == length && self.sha256 == hex(&Sha256::digest(wire))
    }
}

impl Default for Body {
    /// No bytes.
    fn default() -> Self {
        Self::plain(Bytes::new())
    }
}

impl Body {
    /// Reads a received body; `headers` name the content coding.
    ///
    /// A coding that is unknown, does not decode, or inflates past `cap` bytes leaves the body opaque.
    pub fn received(wire: Bytes, headers: &Headers, cap: usize) -> Self {
        let coding = Coding::of(headers);
        let plain = coding.decode(&wire, cap);
        Self { wire, plain, coding, gone: None }
    }

    /// A body without content coding.
    pub fn plain(bytes: impl Into<Bytes>) -> Self {
        let wire = bytes.into();
        Self { plain: Some(wire.clone()), wire, coding: Coding::Identity, gone: None }
    }

    /// A body made from its decoded bytes: the coding is applied again, deterministically.
    pub fn encoded(plain: impl Into<Bytes>, coding: Coding) -> Self {
        let plain = plain.into();
        Self { wire: coding.encode(&plain), plain: Some(plain), coding, gone: None }
    }

    /// A body whose wire form and decoded form are both known.
    pub fn known(wire: Bytes, plain: Bytes, coding: Coding) -> Self {
        Self { wire, plain: Some(plain), coding, gone: None }
    }

    /// A body that travelled and was not kept: there is something, nobody can say what.
    pub fn unknown() -> Self {
        Self { wire: Bytes::new(), plain: None, coding: Coding::Identity, gone: None }
    }

    /// A body that went by and was only counted.
    pub fn gone(gone: Gone) -> Self {
        Self { gone: Some(Box::new(gone)), ..Self::unknown() }
    }

    /// What is known of it, when it was only counted.
    pub fn as_gone(&self) -> Option<&Gone> {
        self.gone.as_deref()
    }

    /// The bytes as they travel.
    pub fn wire(&self) -> &Bytes {
        &self.wire
    }

    /// The decoded bytes, or `None` when the body is opaque to us.
    pub fn decoded(&self) -> Option<&Bytes> {
        self.plain.as_ref()
    }

    /// The content coding its headers named.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// True when no byte travels.
    pub fn is_empty(&self) -> bool {
        self.wire.is_empty() && self.plain.is_some()
    }
}

/// `http` or `https`: how the client meant to reach the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Plain text.
    Http,
    /// Over TLS.
    #[default]
    Https,
}

impl Scheme {
    /// The scheme's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A request, read whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The verb as sent.
    pub method: String,
    /// How the client meant to reach the service.
    pub scheme: Scheme,
    /// Host and, unless it is the scheme's own, port; lower-case.
    pub authority: String,
    /// Path and query exactly as sent.
    pub target: String,
    /// End-to-end headers.
    pub headers: Headers,
    /// Body bytes.
    pub body: Body,
    /// Trailer fields, if any came.
    pub trailers: Headers,
}

impl Request {
    /// The target up to the query.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The query without its `?`; empty when there is none.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The authority without a port.
    pub fn host(&self) -> &str {
        host_of(&self.authority)
    }
}

/// An authority's host, without its port.
pub fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// A response, read whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// End-to-end headers.
    pub headers: Headers,
    /// Body bytes.
    pub body: Body,
    /// Trailer fields, if any came.
    pub trailers: Headers,
}

impl Response {
    /// A response with a plain body.
    pub fn new(status: u16, headers: Headers, body: impl Into<Bytes>) -> Self {
        Self { status, headers, body: Body::plain(body), trailers: Headers::new() }
    }

    /// An answer of tapdeck's own, never the service's: an RFC 9457 problem with a stable `code`.
    pub fn problem(status: u16, code: &str, detail: &str) -> Self {
        let body = serde_json::json!({
            "type": format!("urn:tapdeck:problem:{code}"),
            "title": code,
            "status": status,
            "detail": detail,
        });
        let headers = [("content-type", PROBLEM)].into_iter().collect();
        Self::new(status, headers, body.to_string())
    }

    /// The code and the detail of a problem.
    pub fn told(&self) -> Option<(String, String)> {
        let body: serde_json::Value = serde_json::from_slice(self.body.wire()).ok()?;
        Some((body.get("title")?.as_str()?.to_owned(), body.get("detail")?.as_str()?.to_owned()))
    }
}

/// The content type of tapdeck's own answers.
pub const PROBLEM: &str = "application/problem+json";

/// Headers that belong to one hop (RFC 9110 §7.6.1): never forwarded, never recorded, never compared.
///
/// Names listed in a `Connection` header are hop-by-hop as well; see [`strip_hop_by_hop`].
pub const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Drops hop-by-hop headers and those a `Connection` header names.
pub fn strip_hop_by_hop(headers: &mut Headers) {
    let named: Vec<String> = headers
        .all("connection")
        .filter_map(|value| std::str::from_utf8(value).ok())
        .flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase()))
        .collect();
    headers.retain(|header| !HOP_BY_HOP.contains(&header.name.as_str()) && !named.contains(&header.name));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hop_by_hop_headers_and_the_named_ones_go() {
        let mut headers: Headers =
            [("connection", "close, X-Hop"), ("x-hop", "1"), ("te", "trailers"), ("etag", "\"a\"")]
                .into_iter()
                .collect();
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers.iter().map(|header| header.name.as_str()).collect::<Vec<_>>(), ["etag"]);
    }

    #[test]
    fn host_leaves_the_port_out() {
        let request = Request { authority: "localhost:8443".into(), target: "/a?b=1".into(), ..Request::default() };
        assert_eq!((request.host(), request.path(), request.query()), ("localhost", "/a", "b=1"));
    }
}
