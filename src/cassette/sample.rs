//! A small recording for tests, in memory and as a journal, with names of your choice.

pub(crate) mod scene;

use super::line::LineBody;
use super::record::{Circumstances, HttpRecord, Mark, Timing};
use super::{Cassette, Record, WireBytes};
use crate::exchange::{Answer, Protocol};
use crate::message::{Headers, Request, Response};
use crate::slot::alias::AliasClass;

/// The names that sealing takes out of a recording.
pub(super) struct Names {
    pub(super) lanes: [&'static str; 2],
    pub(super) xuids: [&'static str; 2],
    pub(super) tag: &'static str,
    pub(super) at: u64,
}

pub(super) const NAMES: Names =
    Names { lanes: ["lane-7", "lane-3"], xuids: ["9000000000000002", "9000000000000001"], tag: "Player9005", at: 100 };

/// Two lanes: a write, a read of it, a mark, a read that fails.
pub(super) fn records(names: &Names) -> Vec<Record> {
    let document = format!("{{\"xuid\":\"{}\",\"n\":1.50}}", names.xuids[0]);
    let other = format!("no {}\n", names.tag);
    let ids = (names.xuids[0], names.xuids[1]);
    vec![
        http(names, 0, (1, 2), ("PUT", "Room", ids.0), (201, &document)),
        http(names, 1, (3, 5), ("GET", "Room", ids.1), (200, &document)),
        Record::Mark(Mark { at_position: 5, text: "the host left".into() }),
        http(names, 0, (4, 6), ("GET", "Other", ids.0), (404, &other)),
    ]
}

pub(super) fn cassette() -> Cassette {
    let mut cassette = Cassette::of(records(&NAMES));
    cassette.aliases.insert("xuid".into(), NAMES.xuids.map(str::to_owned).to_vec());
    cassette
}

/// The lines of a journal, each with its line end.
pub(super) fn journal(names: &Names) -> Vec<Vec<u8>> {
    let mut bodies = vec![(LineBody::head(None, 1), None)];
    bodies.extend(names.lanes.map(|lane| (LineBody::lane(lane), None)));
    bodies.extend(names.xuids.map(|xuid| (LineBody::alias(AliasClass::Xuid, xuid), None)));
    bodies.push((LineBody::alias(AliasClass::Gamertag, names.tag), None));
    for record in records(names) {
        match record {
            Record::Http(http) => bodies.push((LineBody::http(&http), Some(http.answered))),
            Record::Frame(frame) => bodies.push((LineBody::frame(&frame), None)),
            Record::Mark(mark) => bodies.push((LineBody::mark(&mark), None)),
        }
    }
    let line = |(body, answered): &(LineBody, Option<u64>)| {
        let mut line = Vec::new();
        body.write(*answered, &mut line);
        line
    };
    bodies.iter().map(line).collect()
}

fn http(
    names: &Names,
    lane: usize,
    (asked, answered): (u64, u64),
    (method, session, xuid): (&str, &str, &str),
    (status, body): (u16, &str),
) -> Record {
    let target = format!("/serviceconfigs/0/sessiontemplates/lobby/sessions/{session}");
    let mut request = Request { method: method.into(), target, ..Request::default() };
    request.authority = "sessiondirectory.xboxlive.com".into();
    request.headers.push("x-for", format!("xuid({xuid})"));
    let mut headers: Headers = [("content-length", body.len().to_string().as_str())].into_iter().collect();
    if status < 300 {
        headers.push("etag", "\"1\"");
    }
    let about = Circumstances {
        lane: names.lanes[lane].into(),
        op: if method == "PUT" { "session.put" } else { "session.get" }.into(),
        asked,
        protocol: Protocol::H1,
        timing: Some(Timing { at: names.at + asked, took: 1 }),
        request_wire: WireBytes::Keep,
        response_wire: WireBytes::Keep,
    };
    let answer = Answer::answered(Response::new(status, headers, body.to_owned()));
    let mut record = HttpRecord::new(about, &request, &answer);
    record.answered = answered;
    Record::Http(Box::new(record))
}
