//! The forms an answer takes: JSON, text, nothing, and the headers that go with each (mpsd-wire §1.4).

use jiff::Timestamp;

use crate::clock::http_date;
use crate::message::{Headers, Response};

/// A JSON answer without its caching rule.
pub(super) fn json(status: u16, body: Vec<u8>) -> Response {
    Response::new(status, [("content-type", "application/json")].into_iter().collect(), body)
}

/// A reason in words.
pub(super) fn text(status: u16, reason: &str) -> Response {
    let headers = [("content-type", "text/plain"), ("cache-control", NEVER_CACHED)].into_iter().collect();
    Response::new(status, headers, reason.to_owned())
}

/// No body.
pub(super) fn empty(status: u16) -> Response {
    Response::new(status, Headers::new(), "")
}

/// Adds the rule of handles, queries and 412.
pub(super) fn uncached(mut response: Response) -> Response {
    response.headers.set("cache-control", NEVER_CACHED);
    response
}

/// Adds the rule and the entity tag of session documents.
pub(super) fn tagged(mut response: Response, etag: &str) -> Response {
    response.headers.push("etag", format!("\"{etag}\""));
    response.headers.push("cache-control", "max-age=0, must-revalidate");
    response
}

/// Adds what every answer of the service carries.
pub(super) fn stamped(mut response: Response, now: Timestamp) -> Response {
    response.headers.push("date", http_date(now));
    response.headers.push("x-content-type-options", "nosniff");
    response
}

const NEVER_CACHED: &str = "no-cache, no-store";
