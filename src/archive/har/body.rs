//! Bodies of an entry: whole, empty, or withheld.
//!
//! Recorders leave bodies out, cut them off, or decode them, and few say so. A body counts as empty only where the
//! entry says that it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::entry::{number, object, text};
use crate::json::{Doc, Kind, Node};
use crate::message::{Body, Coding, Headers};
use crate::mpsd::target::percent_encode;

/// The request's body.
pub(super) fn sent(request: Node<'_>, method: &str, headers: &Headers) -> Body {
    let data = object(request, "postData");
    let size = number(request, "bodySize").unwrap_or(-1.0);
    let is_announced = length(headers).is_some_and(|length| length > 0) || headers.text("transfer-encoding").is_some();
    let is_empty = match method {
        "GET" | "HEAD" | "DELETE" | "OPTIONS" => size <= 0.0 && !is_announced,
        _ => size == 0.0 && !is_announced || length(headers) == Some(0),
    };
    match data.map_or(Text::Absent, |data| read(data, headers, size)) {
        Text::Absent => data.and_then(form).map_or_else(|| absent(is_empty), Body::plain),
        // Some recorders write an empty text for a body they left out, and a comment that they did.
        Text::Whole(body) if body.is_empty() => absent(is_empty && data.is_none_or(|data| !is_commented(data))),
        Text::Whole(body) => body,
        Text::Withheld => Body::unknown(),
    }
}

/// The answer's body. 204 has none; neither have 304 and the answer to a HEAD, whatever a cache has put there.
pub(super) fn answered(response: Node<'_>, method: &str, status: u16, headers: &Headers) -> Body {
    let is_bodiless = matches!(status, 100..200 | 304) || method == "HEAD";
    let content = object(response, "content");
    let sizes = [number(response, "bodySize"), content.and_then(|content| number(content, "size"))];
    let is_empty = status == 204 || sizes == [Some(0.0); 2] || length(headers) == Some(0);
    let size = sizes[1].unwrap_or(-1.0);
    if is_bodiless {
        return Body::default();
    }
    match content.map_or(Text::Absent, |content| read(content, headers, size)) {
        Text::Whole(body) if body.is_empty() => {
            absent(is_empty || size <= 0.0 && content.is_some_and(|content| !is_commented(content)))
        }
        Text::Whole(body) => body,
        Text::Absent => absent(is_empty),
        Text::Withheld if status == 204 => Body::default(),
        Text::Withheld => Body::unknown(),
    }
}

/// What `text` says of a body.
enum Text {
    Absent,
    Whole(Body),
    /// It is there and tells nothing, or not everything.
    Withheld,
}

fn read(data: Node<'_>, headers: &Headers, size: f64) -> Text {
    let Some(node) = data.get("text") else {
        return Text::Absent;
    };
    let Some(said) = node.str() else {
        return Text::Withheld;
    };
    let is_base64 = text(data, "encoding").is_some_and(|encoding| encoding.eq_ignore_ascii_case("base64"));
    if is_base64 {
        return BASE64.decode(said.trim()).map_or(Text::Withheld, |bytes| Text::Whole(decoded(bytes, headers)));
    }
    // Sizes are of what travelled or of what was decoded, as the recorder likes: JSON that is whole is whole.
    let is_short = size > said.len() as f64 || is_commented(data);
    if is_short && !said.is_empty() && Doc::parse(said.as_bytes()).is_err() {
        return Text::Withheld;
    }
    Text::Whole(Body::plain(said.into_owned()))
}

/// Text comes decoded even where the headers name a coding; bytes may still be as they travelled.
fn decoded(bytes: Vec<u8>, headers: &Headers) -> Body {
    match Coding::of(headers) {
        Coding::Identity => Body::plain(bytes),
        _ if std::str::from_utf8(&bytes).is_ok() => Body::plain(bytes),
        _ => Body::received(bytes.into(), headers, LARGEST),
    }
}

/// The body of a form, whose recorder keeps its fields only.
fn form(data: Node<'_>) -> Option<String> {
    let kind = text(data, "mimeType").unwrap_or_default().to_ascii_lowercase();
    let fields = data.get("params").filter(|fields| fields.kind() == Kind::Array);
    let fields = fields.filter(|_| kind.starts_with("application/x-www-form-urlencoded"))?;
    let field = |field: Node<'_>| {
        let part = |name| percent_encode(&text(field, name).unwrap_or_default());
        format!("{}={}", part("name"), part("value"))
    };
    Some(fields.items().map(field).collect::<Vec<_>>().join("&")).filter(|form| !form.is_empty())
}

fn absent(is_empty: bool) -> Body {
    if is_empty { Body::default() } else { Body::unknown() }
}

fn is_commented(data: Node<'_>) -> bool {
    text(data, "comment").is_some_and(|comment| !comment.is_empty())
}

fn length(headers: &Headers) -> Option<u64> {
    headers.text("content-length")?.trim().parse().ok()
}

/// A body that inflates further is nothing the contract speaks of.
const LARGEST: usize = 2 << 20;
