//! Rate limits: how often a player may call in one title, counted in fixed windows (mpsd-behaviour §5).
//!
//! Windows start at the first call of a player in a title and follow each other without a gap. A refused call counts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::object::Object;
use super::people::Caller;
use super::refusal::Refusal;
use super::{Desk, caps, reply};
use crate::exchange::{Call, user_hash};
use crate::json::Doc;
use crate::message::Response;
use crate::mpsd::{Op, Service};

/// The windows of everybody who has called.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Throttle(BTreeMap<String, Windows>);

/// One player's calls of one kind in one title.
#[derive(Debug, Serialize, Deserialize)]
struct Windows {
    /// When the first window began.
    start: Timestamp,
    burst: Window,
    sustain: Window,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Window {
    /// Counts from 0.
    number: u64,
    calls: u64,
}

/// A limit that is exceeded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overrun {
    calls: u64,
    limit: u64,
    period: u64,
    /// Seconds until the next window.
    retry_after: u64,
}

impl Overrun {
    /// The answer that says so.
    pub(super) fn response(&self) -> Response {
        let mut body = Object::new();
        body.number("version", 1_u64);
        body.number("currentRequests", self.calls);
        body.number("maxRequests", self.limit);
        body.number("periodInSeconds", self.period);
        body.text("limitType", "Rate");
        let mut response = reply::uncached(reply::json(429, body.end()));
        response.headers.push("retry-after", self.retry_after.to_string());
        response
    }
}

/// What is limited together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sessions,
    SearchRead,
    SearchWrite,
    Matchmaking,
}

impl Kind {
    fn of(call: &Call, op: Option<Op>) -> Self {
        match (call.service, op) {
            (Service::SmartMatch, _) => Self::Matchmaking,
            (_, Some(Op::HandlesQuery)) if is_search(call) => Self::SearchRead,
            (_, Some(Op::HandleCreate)) if is_search(call) => Self::SearchWrite,
            _ => Self::Sessions,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::SearchRead => "search-read",
            Self::SearchWrite => "search-write",
            Self::Matchmaking => "matchmaking",
        }
    }

    /// Calls in a burst window and in a sustain window.
    fn limits(self) -> (u64, u64) {
        match self {
            Self::Sessions => (30, 300),
            Self::SearchRead | Self::SearchWrite => (1, 20),
            Self::Matchmaking => (10, 100),
        }
    }
}

impl Desk<'_> {
    /// Counts a call, and refuses it when there have been too many.
    pub(super) fn admit(&mut self, call: &Call, caller: &Caller) -> Result<(), Refusal> {
        // Real-time activity is another service: its nonces are nothing MPSD counts.
        if !self.settings.policies.throttle || call.service == Service::Rta {
            return Ok(());
        }
        let authorization = call.request.headers.text("authorization");
        let user = authorization.and_then(user_hash).unwrap_or(&caller.xuid);
        let kind = Kind::of(call, call.resolution.operation().map(|operation| operation.op));
        let is_search = matches!(kind, Kind::SearchRead | Kind::SearchWrite);
        if is_search && self.settings.policies.search_counts_twice {
            self.store.throttle.count(user, caller.title, Kind::Sessions, self.now)?;
        }
        self.store.throttle.count(user, caller.title, kind, self.now)
    }
}

impl Throttle {
    /// Refuses what a dump cannot have said.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let is_possible = |windows: &Windows| windows.burst.calls.max(windows.sustain.calls) < caps::COUNT;
        match self.0.values().all(is_possible) {
            true => Ok(()),
            false => Err("a player has called impossibly often"),
        }
    }

    fn count(&mut self, user: &str, title: u64, kind: Kind, now: Timestamp) -> Result<(), Refusal> {
        let key = format!("{user}~{title}~{}", kind.name());
        if self.0.len() >= caps::STORE && !self.0.contains_key(&key) {
            return Err(Refusal::Full);
        }
        let fresh = || Windows { start: now, burst: Window::default(), sustain: Window::default() };
        let windows = self.0.entry(key).or_insert_with(fresh);
        let elapsed = u64::try_from(now.duration_since(windows.start).as_millis()).unwrap_or(0);
        let (burst, sustain) = kind.limits();
        let over_burst = windows.burst.count(elapsed, BURST, burst);
        let over_sustain = windows.sustain.count(elapsed, SUSTAIN, sustain);
        match over_sustain.or(over_burst) {
            Some(overrun) => Err(Refusal::Throttled(overrun)),
            None => Ok(()),
        }
    }
}

impl Window {
    /// Counts a call that many milliseconds after the first.
    fn count(&mut self, elapsed: u64, period: u64, limit: u64) -> Option<Overrun> {
        let length = period * 1_000;
        let number = elapsed / length;
        if number != self.number {
            *self = Self { number, calls: 0 };
        }
        self.calls += 1;
        let rest = length - elapsed % length;
        (self.calls > limit).then(|| Overrun { calls: self.calls, limit, period, retry_after: rest.div_ceil(1_000) })
    }
}

fn is_search(call: &Call) -> bool {
    let bytes = call.request.body.decoded().filter(|bytes| bytes.len() <= caps::BODY);
    let doc = bytes.and_then(|bytes| Doc::parse(bytes).ok());
    let is_search = |doc: Doc<'_>| {
        doc.root().get("type").and_then(|name| name.str()).is_some_and(|name| name.eq_ignore_ascii_case("search"))
    };
    doc.is_some_and(is_search)
}

/// Seconds of a burst window.
const BURST: u64 = 15;

/// Seconds of a sustain window.
const SUSTAIN: u64 = 300;
