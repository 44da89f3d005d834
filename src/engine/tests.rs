use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use bytes::Bytes;

use super::*;
use crate::cassette::Cassette;
use crate::cassette::Record;
use crate::clock::{Clock, virtual_start};
use crate::emulator::Settings;
use crate::exchange::Protocol;
use crate::message::Headers;
use crate::mpsd::Service;
use crate::replay::{self, Tape};

fn recording(journal: &Path) -> Arc<Engine> {
    let source = Source::Emulator(Emulator::new(Settings::new(1, Clock::manual(virtual_start()))));
    let recorder = Recorder::create(journal).unwrap();
    Engine::new(source, Arc::new(Redactor::new(1)), Arc::default(), Some(recorder), Enforce::Report)
}

fn put(session: &str, body: impl Into<Bytes>) -> Call {
    let scid = "097d0100-e05c-4d37-8420-46f1169056cf";
    let request = Request {
        method: "PUT".into(),
        authority: "sessiondirectory.xboxlive.com".into(),
        target: format!("/serviceconfigs/{scid}/sessionTemplates/lobby/sessions/{session}"),
        headers: [("x-xbl-contract-version", "107")].into_iter().collect(),
        body: Body::plain(body),
        ..Request::default()
    };
    Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Protocol::H1, Service::Mpsd, request)
}

async fn recorded(engine: &Engine, journal: &Path) -> Cassette {
    engine.recorder().unwrap().close().await.unwrap();
    Cassette::read(journal).unwrap()
}

#[tokio::test]
async fn an_exchange_too_large_for_a_record_is_kept_without_its_bodies() {
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("a.cassette.jsonl");
    let engine = recording(&journal);
    // Line by line, each of these bytes takes five in the file.
    let answer = engine.answer(put("large", "\n".repeat(14 << 20))).await.unwrap();
    assert!(engine.answer(put("small", "{}")).await.is_some());
    assert!(engine.failure().is_none());

    let cassette = recorded(&engine, &journal).await;
    let kept: Vec<_> = cassette.exchanges().collect();
    assert_eq!((kept.len(), cassette.lost()), (2, 0));
    assert_eq!(kept[0].response.status, answer.response.status);
    assert_eq!(kept[0].withheld().unwrap().reason, TOO_LARGE);
    assert!(kept[0].request.target.ends_with("/large") && kept[1].withheld().is_none());
}

#[tokio::test]
async fn a_call_refused_at_the_door_is_recorded_and_never_replayed() {
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("a.cassette.jsonl");
    let engine = recording(&journal);
    let problem = Response::problem(413, "request-body-too-long", "too long");
    let answer = engine.refuse(put("a", ""), Some("it was too long"), problem.clone()).await.unwrap();
    assert_eq!((answer.outcome, answer.response), (Outcome::Refused, problem));

    let cassette = recorded(&engine, &journal).await;
    let Record::Http(http) = &cassette.entries[0].record else { panic!("an exchange") };
    assert_eq!((http.op.as_str(), http.response.status, http.outcome), ("session.put", 413, Outcome::Refused));
    assert_eq!(http.withheld().unwrap().reason, "it was too long");
    let player = Player::new(Tape::of(&cassette), replay::Options::default());
    let (_, played) = player.answer(&put("a", ""), &put("a", ""));
    assert!(matches!(played, replay::Played::Miss(_)), "{played:?}");
    let (_, played) = player.answer(&put("a", "{}"), &put("a", "{}"));
    assert!(matches!(played, replay::Played::Miss(_)), "{played:?}");
}

#[tokio::test]
async fn a_call_refused_without_a_body_is_recorded_whole() {
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("a.cassette.jsonl");
    let engine = recording(&journal);
    engine.refuse(put("a", ""), None, Response::new(501, Headers::new(), "later")).await.unwrap();
    let cassette = recorded(&engine, &journal).await;
    assert!(cassette.exchanges().all(|http| http.withheld().is_none()));
    assert_eq!(replay::verify(&cassette), []);
}

#[tokio::test]
async fn marks_are_counted_whether_there_is_a_log_or_not() {
    let directory = tempfile::tempdir().unwrap();
    let engine = recording(&directory.path().join("a.cassette.jsonl"));
    for _ in 0..2 {
        engine.mark("here").await.unwrap();
    }
    assert_eq!(engine.watch().tallied().marks, 2);
}
