//! Recordings with sockets, told step by step: each comes after all before it.

use std::collections::BTreeMap;

use crate::cassette::{Cassette, Circumstances, FrameRecord, HttpRecord, Record, What, WireBytes};
use crate::exchange::{Answer, Protocol};
use crate::message::{Body, Headers, Request, Response};
use crate::mpsd::{Service, resolve};
use crate::socket::{Message, Sender};

/// A recording under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scene {
    pub(crate) records: Vec<Record>,
    pub(crate) position: u64,
    lanes: BTreeMap<u64, String>,
}

pub(crate) const BRANCH: &str = "b0000000-0000-4000-8000-000000000001";
const SCID: &str = "00000000-0000-0000-0000-0000000c0de1";
pub(crate) const CONNECTIONS: &str = "https://sessiondirectory.xboxlive.com/connections/";

/// The path of a session.
pub(crate) fn session(name: &str) -> String {
    format!("/serviceconfigs/{SCID}/sessionTemplates/lobby/sessions/{name}")
}

/// A call of one user.
pub(crate) fn call(who: &str, method: &str, target: &str, body: &str) -> Request {
    let host = if target.starts_with("/connect") { "rta.xboxlive.com" } else { "sessiondirectory.xboxlive.com" };
    let token = format!("XBL3.0 x={who};t");
    Request {
        method: method.into(),
        authority: host.into(),
        target: target.into(),
        headers: [("authorization", token.as_str()), ("x-xbl-contract-version", "107")].into_iter().collect(),
        body: Body::plain(body.to_owned()),
        ..Request::default()
    }
}

/// An event that says a session of that name has reached a version.
pub(crate) fn tap(sub: u64, name: &str, number: u64, subscription: &str) -> String {
    let resource = format!("{SCID}~lobby~{}", name.to_lowercase());
    format!(
        r#"[3,{sub},{{"ncid":"c0000000-0000-4000-8000-0000000000{number:02}","shoulderTaps":[{{"timestamp":"2026-01-02T03:04:05.1234567Z","subscription":"{subscription}","resourceType":"mpsd/session","resource":"{resource}","branch":"{BRANCH}","changeNumber":{number}}}]}}]"#
    )
}

impl Scene {
    /// The next position.
    pub(crate) fn next(&mut self) -> u64 {
        self.position += 1;
        self.position
    }

    /// A call and its answer; gives the position of the answer.
    pub(crate) fn call(&mut self, lane: &str, request: &Request, status: u16, answer: &str) -> u64 {
        let (asked, answered) = (self.next(), self.next());
        self.call_at((asked, answered), lane, request, status, answer)
    }

    /// A call at positions of its own.
    pub(crate) fn call_at(
        &mut self,
        (asked, answered): (u64, u64),
        lane: &str,
        request: &Request,
        status: u16,
        answer: &str,
    ) -> u64 {
        let service = Service::of_host(request.host()).unwrap();
        let about = Circumstances {
            lane: lane.into(),
            op: resolve(service, &request.method, &request.target).name().into(),
            asked,
            protocol: Protocol::H1,
            timing: None,
            request_wire: WireBytes::Keep,
            response_wire: WireBytes::Keep,
        };
        let response = Response::new(status, Headers::new(), answer.to_owned());
        let mut record = HttpRecord::new(about, request, &Answer::answered(response));
        record.answered = answered;
        self.records.push(Record::Http(Box::new(record)));
        answered
    }

    /// A write or a read that shows a version.
    pub(crate) fn shows(&mut self, lane: &str, request: &Request, number: u64) -> u64 {
        self.call(lane, request, 200, &version(number))
    }

    /// A socket opens; gives its position.
    pub(crate) fn open(&mut self, lane: &str) -> u64 {
        let asked = self.position + 1;
        self.call(lane, &call(lane, "GET", "/connect", ""), 101, "");
        self.lanes.insert(asked, lane.to_owned());
        asked
    }

    /// A message of either side; gives its position.
    pub(crate) fn message(&mut self, socket: u64, from: Sender, message: &Message) -> u64 {
        let at = self.next();
        self.frame(socket, from, at, What::of(message))
    }

    pub(crate) fn frame(&mut self, socket: u64, from: Sender, at: u64, what: What) -> u64 {
        let lane = self.lanes.get(&socket).cloned().unwrap_or_else(|| "nobody".into());
        self.records.push(Record::Frame(Box::new(FrameRecord {
            lane,
            socket,
            from,
            at,
            cue: None,
            what,
            timing: None,
        })));
        at
    }

    /// The client says a text.
    pub(crate) fn says(&mut self, socket: u64, text: &str) -> u64 {
        self.message(socket, Sender::Client, &Message::text(text))
    }

    /// The service says a text.
    pub(crate) fn told(&mut self, socket: u64, text: &str) -> u64 {
        self.message(socket, Sender::Service, &Message::text(text))
    }

    /// A client subscribes to its sessions' changes and learns its connection id.
    pub(crate) fn subscribes(&mut self, socket: u64, seq: u64, connection: &str) {
        self.says(socket, &format!(r#"[1,{seq},"{CONNECTIONS}"]"#));
        self.told(socket, &format!(r#"[1,{seq},0,0,{{ "ConnectionId":"{connection}" }}]"#));
    }

    /// The recording.
    pub(crate) fn cassette(self) -> Cassette {
        Cassette::of(self.records)
    }
}

/// A session document of a version.
pub(crate) fn version(number: u64) -> String {
    format!(r#"{{"branch":"{BRANCH}","changeNumber":{number}}}"#)
}
