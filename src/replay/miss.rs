//! Misses as data: why nothing fits, what comes nearest, and how it differs.

use serde::Serialize;

use super::advice::one_line;
use crate::exchange::Call;
use crate::message::{PROBLEM, Request, Response};

/// Why nothing recorded fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No lane this client can be has such an operation.
    NoSuchCall,
    /// Calls of that operation are recorded, but none is like this one.
    Different,
    /// It is recorded, but after a write that nobody has made yet.
    TooEarly,
    /// It is recorded, but before a write this client has made.
    TooLate,
    /// Everything recorded of it was played, and it may not be repeated.
    Exhausted,
    /// A read was repeated too often.
    RepeatedTooOften,
    /// Several lanes fit and answer differently.
    LaneAmbiguous,
    /// The client was given a name that no lane has.
    NoSuchPlayer,
    /// Every lane the client could be is somebody else.
    PlayerTaken,
    /// It is recorded, but its body could not be kept.
    NotReplayable,
}

impl Reason {
    /// One sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NoSuchCall => "the cassette has no such call left for this client",
            Self::Different => "the cassette has calls of this operation, but none like this one",
            Self::TooEarly => "the cassette has this call only after a write that was not made yet",
            Self::TooLate => "the cassette has this call only before a write this client has made",
            Self::Exhausted => "every recorded answer to this write was already given",
            Self::RepeatedTooOften => "this read was repeated more often than allowed since the last recorded answer",
            Self::LaneAmbiguous => "several recorded players fit this client, and their answers differ",
            Self::NoSuchPlayer => "the cassette has no player of the name this client was given",
            Self::PlayerTaken => "every recorded player this client could be is somebody else already",
            Self::NotReplayable => "the recording could not keep the body of this answer",
        }
    }
}

/// A call nothing recorded fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Miss {
    /// Why.
    pub reason: Reason,
    /// The call, as `METHOD target`.
    pub call: String,
    /// The operation's name.
    pub op: String,
    /// Recorded calls that come nearest, nearest first.
    pub nearest: Vec<Near>,
    /// Why the recording could not keep the answer's body, when that is what is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unkept: Option<String>,
    /// The players there are, when that is what is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub players: Vec<String>,
    /// The recorded call that must come first, when it is too early for this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Box<Before>>,
    /// What can be done about it.
    #[serde(flatten)]
    pub advice: Box<Advice>,
}

/// Where a miss is to be looked into, and what can be done about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// The cassette's file; empty when it came from none.
    pub cassette: String,
    /// Tables for `tapdeck.toml` that let every difference from the nearest call be, when that may make sense.
    pub paste: Vec<String>,
    /// The command that records anew, when that helps.
    pub command: Option<String>,
    /// The very call, of a player that the client is not taken for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<Box<Before>>,
}

/// A recorded call that comes before another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Before {
    /// Its number in the cassette, from 1.
    pub exchange: usize,
    /// The line of the cassette file it starts at.
    pub line: usize,
    /// Its lane.
    pub lane: String,
    /// The call, as `METHOD target`.
    pub call: String,
}

/// A recorded call that comes near.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Near {
    /// Its number in the cassette, from 1.
    pub exchange: usize,
    /// The line of the cassette file it starts at.
    pub line: usize,
    /// Its lane.
    pub lane: String,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// One difference between a recorded call and a live one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where: `path session`, `header if-match`, `body /members/me`.
    pub place: String,
    /// What the cassette has there.
    pub recorded: String,
    /// What the client sent there.
    pub live: String,
    /// True when the recorded value stands for another live one already: places that must agree do not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub conflict: bool,
}

impl Near {
    /// How near it is, in words.
    pub(super) fn closeness(&self) -> &'static str {
        if self.differences.is_empty() { "it is" } else { "nearest is" }
    }

    /// How far it is: what is there on one side only, or is a whole object, counts more than a changed value.
    pub(super) fn distance(&self) -> usize {
        let is_part = |text: &str| text == "absent" || text.starts_with(['{', '[']);
        let weight = |difference: &Difference| {
            if is_part(&difference.recorded) || is_part(&difference.live) { WHOLE_PART } else { 1 }
        };
        self.differences.iter().map(weight).sum()
    }
}

impl Difference {
    /// What is to be said behind the recorded value.
    pub(super) fn remark(&self) -> &'static str {
        if self.conflict { " (bound already, to another live value)" } else { "" }
    }
}

impl Miss {
    /// A miss of which no more is known. `shown` is the call as it may be told.
    pub(super) fn plain(reason: Reason, shown: &Call) -> Self {
        let Request { method, target, .. } = &shown.request;
        Self::told(reason, shown.resolution.name(), format!("{method} {target}"))
    }

    /// A miss of something in these words.
    pub(super) fn told(reason: Reason, op: &str, call: String) -> Self {
        Self {
            reason,
            call,
            op: op.to_owned(),
            nearest: Vec::new(),
            unkept: None,
            players: Vec::new(),
            after: None,
            advice: Box::default(),
        }
    }

    /// The problem a client gets (RFC 9457).
    pub fn response(&self, status: u16) -> Response {
        let mut body = serde_json::json!({
            "type": "urn:tapdeck:problem:miss",
            "title": "not in the cassette",
            "status": status,
            "detail": self.to_string(),
            "reason": self.reason,
            "op": self.op,
            "nearest": self.nearest,
            "after": self.after,
            "cassette": self.advice.cassette,
            "paste": self.advice.paste,
            "command": self.advice.command,
            "other": self.advice.other,
        });
        if !self.players.is_empty() {
            body["players"] = serde_json::json!(self.players);
        }
        if let Some(unkept) = &self.unkept {
            body["unkept"] = serde_json::json!(unkept);
        }
        let headers = [("content-type", PROBLEM)].into_iter().collect();
        Response::new(status, headers, body.to_string())
    }
}

impl std::fmt::Display for Miss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}): {}", one_line(&self.call), self.op, self.reason.sentence())?;
        if let Some(unkept) = &self.unkept {
            write!(f, " ({})", one_line(unkept))?;
        }
        if !self.players.is_empty() {
            let players: Vec<String> = self.players.iter().map(|player| one_line(player)).collect();
            write!(f, "; its players are {}", players.join(", "))?;
        }
        if let Some(Before { exchange, line, lane, call }) = self.after.as_deref() {
            let (lane, place, call) = (one_line(lane), self.place(*line), one_line(call));
            write!(f, "; it comes after exchange {exchange} of {lane} ({place}, {call})")?;
        }
        if let Some(Before { exchange, line, lane, .. }) = self.advice.other.as_deref() {
            write!(f, "; it is exchange {exchange} of {}, {}", one_line(lane), self.place(*line))?;
        }
        let Some(near) = self.nearest.first() else {
            return Ok(());
        };
        let (exchange, lane, place) = (near.exchange, one_line(&near.lane), self.place(near.line));
        write!(f, "; {} exchange {exchange} of {lane} ({place})", near.closeness())?;
        for difference in &near.differences {
            let Difference { place, recorded, live, .. } = difference;
            write!(f, "; {}: recorded {recorded}{}, live {live}", one_line(place), difference.remark())?;
        }
        Ok(())
    }
}

/// What a missing or added part weighs against a changed value.
const WHOLE_PART: usize = 4;
