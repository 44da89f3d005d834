//! Queries: what handles and sessions there are, for somebody (mpsd-behaviour §2.3, §2.4, §3).

mod body;
mod handles;
mod item;
mod parameters;
mod sessions;

use super::reply;
use crate::message::Response;

pub(super) use item::Includes;

/// A query's answer.
fn results(rows: &[Vec<u8>]) -> Response {
    let mut body = br#"{"results":["#.to_vec();
    body.extend(rows.join(&b','));
    body.extend(b"]}");
    reply::uncached(reply::json(200, body))
}
