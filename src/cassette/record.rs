//! The records of a cassette, as they stand in a journal line and in a sealed file.
//!
//! The structs are written in the order of their keys in the file. Unknown keys are ignored on reading, so that a
//! newer 1.x file still loads.

pub(super) mod words;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::FORMAT;
use super::body::{self, Content, StoredBody, WireBytes, Withheld};
use crate::exchange::{Answer, Outcome, Protocol};
use crate::message::{Body, Headers, PROBLEM, Request, Response, Scheme, host_of};
use crate::mpsd::Service;
use crate::mpsd::route::NEXT_DOOR;

/// One exchange.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "http")]
pub struct HttpRecord {
    /// The lane that made the call.
    pub lane: String,
    /// The operation's name.
    pub op: String,
    /// Position at which the call had been read.
    pub asked: u64,
    /// Position at which the answer was complete; 0 until the journal has given it out.
    #[serde(default, skip_serializing_if = "is_unset")]
    pub answered: u64,
    /// How the exchange ended.
    #[serde(with = "words::outcome")]
    pub outcome: Outcome,
    /// The HTTP version the client spoke.
    #[serde(with = "words::protocol")]
    pub protocol: Protocol,
    /// The call.
    pub request: RecordedRequest,
    /// The answer.
    pub response: RecordedResponse,
    /// Wall-clock facts: in the line of a journal, in an array of their own in a sealed file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<Timing>,
}

/// The request of a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordedRequest {
    /// The verb as sent.
    pub method: String,
    /// How the client meant to reach the service.
    #[serde(with = "words::scheme")]
    pub scheme: Scheme,
    /// Host and port.
    pub authority: String,
    /// Path and query.
    pub target: String,
    /// End-to-end headers.
    #[serde(default, with = "words::headers")]
    pub headers: Headers,
    /// The body, if any travelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<StoredBody>,
    /// Trailer fields.
    #[serde(default, with = "words::headers", skip_serializing_if = "Headers::is_empty")]
    pub trailers: Headers,
}

impl RecordedRequest {
    /// The host it was sent to, without its port.
    pub fn host(&self) -> &str {
        host_of(&self.authority)
    }
}

/// The response of a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordedResponse {
    /// Status code.
    pub status: u16,
    /// End-to-end headers.
    #[serde(default, with = "words::headers")]
    pub headers: Headers,
    /// The body, if any travelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<StoredBody>,
    /// Trailer fields.
    #[serde(default, with = "words::headers", skip_serializing_if = "Headers::is_empty")]
    pub trailers: Headers,
}

/// Wall-clock facts of one exchange, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// When the call had been read, since the recording began.
    pub at: u64,
    /// How long the answer took.
    pub took: u64,
}

/// What a record says beside the messages themselves.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// The lane that made the call.
    pub lane: String,
    /// The operation's name.
    pub op: String,
    /// Position at which the call had been read.
    pub asked: u64,
    /// The HTTP version the client spoke.
    pub protocol: Protocol,
    /// Wall-clock facts.
    pub timing: Option<Timing>,
    /// Whether the request's exact wire bytes may be kept.
    pub request_wire: WireBytes,
    /// Whether the response's exact wire bytes may be kept.
    pub response_wire: WireBytes,
}

impl HttpRecord {
    /// The record of one exchange; the journal gives it its `answered` position.
    pub fn new(about: Circumstances, request: &Request, answer: &Answer) -> Self {
        let response = &answer.response;
        Self {
            lane: about.lane,
            op: about.op,
            asked: about.asked,
            answered: 0,
            outcome: answer.outcome,
            protocol: about.protocol,
            request: RecordedRequest {
                method: request.method.clone(),
                scheme: request.scheme,
                authority: request.authority.clone(),
                target: request.target.clone(),
                headers: request.headers.clone(),
                body: StoredBody::of(&request.body, about.request_wire),
                trailers: request.trailers.clone(),
            },
            response: RecordedResponse {
                status: response.status,
                headers: response.headers.clone(),
                body: StoredBody::of(&response.body, about.response_wire),
                trailers: response.trailers.clone(),
            },
            timing: about.timing,
        }
    }

    /// The request as it was recorded.
    pub fn request(&self) -> Request {
        let stored = &self.request;
        Request {
            method: stored.method.clone(),
            scheme: stored.scheme,
            authority: stored.authority.clone(),
            target: stored.target.clone(),
            headers: stored.headers.clone(),
            body: body::restore(stored.body.as_ref(), &stored.headers),
            trailers: stored.trailers.clone(),
        }
    }

    /// The service that was called. Its host tells, or else the record itself does.
    pub fn service(&self) -> Service {
        let host = self.request.host();
        match Service::of_host(host) {
            None if self.op == NEXT_DOOR => Service::Neighbour,
            _ => Service::behind(host),
        }
    }

    /// True when the answer is the service's own word, though the client left it or it broke off while it was passed on.
    pub fn is_served(&self) -> bool {
        let RecordedResponse { headers, body, .. } = &self.response;
        // Where tapdeck answers for a service that broke off, its own body is on record, or its kind.
        let has_passed = || {
            let is_withheld = body.as_ref().is_some_and(|body| body.as_withheld().is_some());
            is_withheld && !headers.is_empty() && headers.text("content-type") != Some(PROBLEM)
        };
        match self.outcome {
            Outcome::Answered | Outcome::ClientGone => true,
            Outcome::Reset => has_passed(),
            Outcome::Refused | Outcome::Timeout => false,
        }
    }

    /// The response as it was recorded. A withheld body is unknown here: see [`Self::withheld`].
    pub fn response(&self) -> Response {
        let stored = &self.response;
        Response {
            status: stored.status,
            headers: stored.headers.clone(),
            body: body::restore(stored.body.as_ref(), &stored.headers),
            trailers: stored.trailers.clone(),
        }
    }

    /// Puts other messages in place of the recorded ones. A body that was not kept stays so.
    pub fn rewrite(&mut self, request: &Request, request_wire: WireBytes, answer: &Answer, answer_wire: WireBytes) {
        let body = |stored: Option<StoredBody>, body: &Body, wire| match stored {
            Some(stored) if matches!(stored.content(), Content::Withheld(_)) => Some(stored),
            _ => StoredBody::of(body, wire),
        };
        let (asked, answered) = (&mut self.request, &mut self.response);
        asked.target.clone_from(&request.target);
        asked.headers.clone_from(&request.headers);
        asked.trailers.clone_from(&request.trailers);
        asked.body = body(asked.body.take(), &request.body, request_wire);
        answered.headers.clone_from(&answer.response.headers);
        answered.trailers.clone_from(&answer.response.trailers);
        answered.body = body(answered.body.take(), &answer.response.body, answer_wire);
    }

    /// The record to look for secrets in: base64 hides what it holds, and by chance spells what it does not.
    /// `None` when the record itself will do.
    pub fn legible(&self) -> Option<Self> {
        let (asked, answered) = (self.request.body.as_ref(), self.response.body.as_ref());
        let bodies = (asked.and_then(StoredBody::legible), answered.and_then(StoredBody::legible));
        if bodies.0.is_none() && bodies.1.is_none() {
            return None;
        }
        let mut record = self.clone();
        record.request.body = bodies.0.or(record.request.body);
        record.response.body = bodies.1.or(record.response.body);
        Some(record)
    }

    /// What is known of a body that was not kept, the answer's first.
    pub fn withheld(&self) -> Option<&Withheld> {
        let bodies = [&self.response.body, &self.request.body];
        bodies.into_iter().flatten().find_map(StoredBody::as_withheld)
    }
}

/// One of the wall-clock facts of a sealed file: the first may be when the recording began, then comes one for each
/// record.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Time {
    Began(Timestamp),
    Took(Option<(u64, u64)>),
}

/// When a recording began, and which part of it this is: in the head line of a journal.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Began {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) recorded: Option<Timestamp>,
    #[serde(default = "first_part", skip_serializing_if = "is_first_part")]
    pub(super) part: u32,
}

/// What a recording says about itself: the first line of a journal, and the head of a sealed file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// `major.minor` of the format.
    pub format: String,
    /// What recorded it.
    pub tool: String,
}

impl Head {
    /// The head of what this build writes.
    pub fn current() -> Self {
        Self { format: FORMAT.to_owned(), tool: concat!("tapdeck ", env!("CARGO_PKG_VERSION")).to_owned() }
    }
}

/// One player's client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The lane's name.
    pub name: String,
}

/// An alias, used from this line on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// The class's name.
    pub class: String,
    /// The alias.
    pub text: String,
}

/// A human note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "mark")]
pub struct Mark {
    /// The last position given out when the note was made.
    pub at_position: u64,
    /// The note.
    pub text: String,
}

/// One of our own types as JSON.
#[expect(clippy::expect_used, reason = "structs of strings, numbers and checked JSON always serialise")]
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("our own types serialise")
}

fn first_part() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_first_part(part: &u32) -> bool {
    *part == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_unset(position: &u64) -> bool {
    *position == 0
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::message::{Body, Coding};

    pub(super) fn about() -> Circumstances {
        Circumstances {
            lane: "lane-1".into(),
            op: "session.put".into(),
            asked: 7,
            protocol: Protocol::H2,
            timing: Some(Timing { at: 12, took: 3 }),
            request_wire: WireBytes::Keep,
            response_wire: WireBytes::Keep,
        }
    }

    #[test]
    fn messages_come_back_byte_for_byte() {
        let mut headers: Headers =
            [("Content-Encoding", "gzip"), ("Set-Cookie", "a"), ("set-cookie", "b")].into_iter().collect();
        headers.push("x-raw", Bytes::from_static(b"caf\xe9"));
        let request = Request {
            method: "PUT".into(),
            scheme: Scheme::Http,
            authority: "localhost:8080".into(),
            target: "/a%20b?c=1&c".into(),
            headers: headers.clone(),
            body: Body::encoded("{\"a\":1.50}", Coding::Gzip),
            trailers: [("x-sum", "1")].into_iter().collect(),
        };
        let mut response = Response::new(204, headers, "");
        response.body = Body::received(Bytes::new(), &response.headers, 0);
        let answer = Answer { outcome: Outcome::ClientGone, response: response.clone() };

        let line = json(&HttpRecord::new(about(), &request, &answer));
        let again: HttpRecord = serde_json::from_slice(&line).unwrap();
        assert_eq!(again.request(), request);
        assert_eq!(again.response(), response);
        assert_eq!((again.outcome, again.protocol, again.timing), (Outcome::ClientGone, Protocol::H2, about().timing));
        assert_eq!(json(&again), line);
    }

    #[test]
    fn whose_word_an_answer_is() {
        let request = Request { method: "GET".into(), target: "/".into(), ..Request::default() };
        let served = |outcome, response: &Response| {
            HttpRecord::new(about(), &request, &Answer { outcome, response: response.clone() }).is_served()
        };
        let (own, headers) = (Response::problem(502, "upstream-broke-off", ""), Headers::from_iter([("date", "x")]));
        let passed = Response { body: Body::unknown(), ..Response::new(200, headers, "") };
        assert!(served(Outcome::Answered, &own) && served(Outcome::ClientGone, &passed));
        assert!(served(Outcome::Reset, &passed), "it broke off while it was passed on");
        let unkept = Response { body: Body::unknown(), ..own.clone() };
        for (outcome, response) in
            [(Outcome::Reset, &own), (Outcome::Reset, &unkept), (Outcome::Refused, &own), (Outcome::Timeout, &own)]
        {
            assert!(!served(outcome, response), "{outcome:?}");
        }
    }

    #[test]
    fn keys_stand_in_a_fixed_order() {
        let answer = Answer::answered(Response::new(200, Headers::new(), "x"));
        let request = Request { method: "GET".into(), target: "/".into(), ..Request::default() };
        let text = String::from_utf8(json(&HttpRecord::new(about(), &request, &answer))).unwrap();
        assert_eq!(
            text,
            r#"{"kind":"http","lane":"lane-1","op":"session.put","asked":7,"outcome":"answered","protocol":"h2","request":{"method":"GET","scheme":"https","authority":"","target":"/","headers":[]},"response":{"status":200,"headers":[],"body":{"text":["x"]}},"timing":{"at":12,"took":3}}"#
        );
    }
}
