//! A recording's whole life on disk: written, cut off, looked over, sealed, edited, sealed again.

use std::fs;
use std::path::Path;
#[cfg(unix)]
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tapdeck::cassette::seal::{seal, write_sealed};
use tapdeck::cassette::{
    Cassette, Circumstances, HttpRecord, LineBody, Mark, Record, Seal, Timing, Verdict, View, WireBytes, fmt, fsck,
    show,
};
use tapdeck::engine::journal::{Bounds, Journal};
use tapdeck::exchange::{Answer, Protocol};
use tapdeck::message::{Body, Coding, Headers, Request, Response};
use tapdeck::slot::alias::{AliasClass, canonical};

#[cfg(unix)]
use crate::support::binary::{Ended, ended};
#[cfg(unix)]
use crate::support::text;

/// The calls of the script: which player makes it, and the bytes that come back.
fn script() -> Vec<(usize, Response)> {
    let gzip: Headers = [("content-encoding", "gzip"), ("x-odd", "caf\u{e9}")].into_iter().collect();
    let mut packed = Response::new(200, gzip, "");
    packed.body =
        Body::encoded(format!("{{\"xuid\":\"{}\",\"ratio\":1.50}}", canonical(AliasClass::Xuid, 2)), Coding::Gzip);
    let mut odd = Response::new(404, Headers::new(), Bytes::from_static(b"\xff\x00"));
    odd.headers.push("x-bytes", Bytes::from_static(b"\xe9"));
    vec![
        (1, packed),
        (0, Response::new(200, Headers::new(), "{\"max\":18446744073709551615,\"a\":1,\"a\":2}")),
        (1, odd),
        (0, Response::new(204, Headers::new(), "")),
        (0, Response::new(412, Headers::new(), "two\nlines\n")),
    ]
}

fn record(lane: usize, asked: u64, response: &Response) -> HttpRecord {
    let about = Circumstances {
        lane: format!("lane-{lane}"),
        op: "session.get".into(),
        asked,
        protocol: Protocol::H2,
        timing: Some(Timing { at: asked * 10, took: 4 }),
        request_wire: WireBytes::Keep,
        response_wire: WireBytes::Keep,
    };
    let request = Request {
        method: "GET".into(),
        authority: "sessiondirectory.xboxlive.com".into(),
        target: format!("/serviceconfigs/0/sessiontemplates/lobby/sessions/s{asked}"),
        ..Request::default()
    };
    HttpRecord::new(about, &request, &Answer::answered(response.clone()))
}

async fn record_script(path: &Path) {
    let position = Arc::new(AtomicU64::new(0));
    let journal = Journal::create(path, position.clone(), Bounds::default()).unwrap();
    journal.append(vec![LineBody::alias(AliasClass::Xuid, &canonical(AliasClass::Xuid, 2))]).await.unwrap();
    for (lane, response) in script() {
        let asked = position.fetch_add(1, Ordering::SeqCst) + 1;
        let unit = vec![LineBody::lane(&format!("lane-{lane}")), LineBody::http(&record(lane, asked, &response))];
        journal.append(unit).await.unwrap();
    }
    let mark = Mark { at_position: position.load(Ordering::SeqCst), text: "the end".into() };
    journal.append(vec![LineBody::mark(&mark)]).await.unwrap();
    journal.close().await.unwrap();
}

#[tokio::test]
async fn what_was_recorded_comes_back_from_the_sealed_file() {
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("a.cassette.jsonl");
    let sealed = directory.path().join("a.cassette.json");
    record_script(&journal).await;
    assert!(fsck(&journal).unwrap().is_whole());

    write_sealed(&sealed, &seal(&Cassette::read(&journal).unwrap()).unwrap()).unwrap();
    let cassette = Cassette::read(&sealed).unwrap();
    assert_eq!((cassette.seal, cassette.lanes.clone()), (Seal::Sealed, vec!["player1".into(), "player2".into()]));
    let renumbered = |(_, response): (usize, Response)| match response.headers.text("content-encoding") {
        Some(_) => Body::encoded("{\"xuid\":\"9000000000000001\",\"ratio\":1.50}", Coding::Gzip),
        None => response.body,
    };
    let bodies: Vec<Body> = cassette.exchanges().map(|http| http.response().body).collect();
    assert_eq!(bodies, script().into_iter().map(renumbered).collect::<Vec<_>>());
    let headers: Vec<Headers> = cassette.exchanges().map(|http| http.response().headers).collect();
    assert_eq!(headers, script().into_iter().map(|(_, response)| response.headers).collect::<Vec<_>>());
    assert!(matches!(&cassette.entries[5].record, Record::Mark(mark) if mark.at_position == 10));
    assert!(show(&cassette, View::Table).contains("session.get lobby/s9"));
}

#[tokio::test]
async fn a_recording_that_was_cut_off_is_saved_as_far_as_it_went() {
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("a.cassette.jsonl");
    record_script(&journal).await;
    let bytes = fs::read(&journal).unwrap();
    let end = bytes.len() - bytes.split_inclusive(|byte| *byte == b'\n').next_back().unwrap().len();
    fs::write(&journal, &bytes[..end - 20]).unwrap();

    let verdict = fsck(&journal).unwrap();
    assert!(matches!(verdict, Verdict::Journal { exchanges: 4, torn, .. } if torn > 0), "{verdict}");
    let saved = seal(&Cassette::read(&journal).unwrap()).unwrap();
    assert_eq!(Cassette::parse(&journal, &saved).unwrap().exchanges().count(), 4);
}

#[cfg(unix)]
#[tokio::test]
async fn what_comes_through_a_pipe_is_read_once() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let (journal, sealed, cut) = (at("a.cassette.jsonl"), at("a.cassette.json"), at("cut.cassette.json"));
    record_script(&journal).await;
    write_sealed(&sealed, &seal(&Cassette::read(&journal).unwrap()).unwrap()).unwrap();
    let [told, whole] = [&journal, &sealed].map(|file| format!("/dev/stdin: {}\n", fsck(file).unwrap()));
    let looked = piped(home.path(), &journal, &["cassette", "fsck", "/dev/stdin"]);
    assert_eq!((looked.code, &looked.stdout), (Some(0), &told), "{}", looked.talk);
    assert!(looked.talk.contains("not sealed: it came through a pipe"), "{}", looked.talk);
    let looked = piped(home.path(), &sealed, &["cassette", "fsck", "/dev/stdin"]);
    assert_eq!((looked.code, looked.stdout, looked.talk), (Some(0), whole, String::new()));
    for file in [&journal, &sealed] {
        let trimmed = piped(home.path(), file, &["cassette", "trim", "/dev/stdin", "-o", text(&cut)]);
        assert!(trimmed.talk.contains("cut.cassette.json: 5 exchanges"), "{}", trimmed.talk);
        assert_eq!(fs::read(&cut).unwrap(), fs::read(&sealed).unwrap(), "nothing is cut");
        fs::remove_file(&cut).unwrap();
    }
}

/// Runs the binary with a file's bytes in its pipe.
#[cfg(unix)]
fn piped(home: &Path, file: &Path, args: &[&str]) -> Ended {
    let mut command = Command::new("sh");
    command.args(["-c", "cat \"$0\" | \"$@\"", text(file), env!("CARGO_BIN_EXE_tapdeck")]).args(args);
    ended(command.env("TAPDECK_HOME", home))
}

#[tokio::test]
async fn an_edit_is_noticed_and_sealed_again() {
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("a.cassette.jsonl");
    let sealed = directory.path().join("a.cassette.json");
    record_script(&journal).await;
    let text = String::from_utf8(seal(&Cassette::read(&journal).unwrap()).unwrap()).unwrap();
    fs::write(&sealed, text.replace("\"status\": 412", "\"status\": 409").replace('\n', "\r\n")).unwrap();

    assert_eq!(Cassette::read(&sealed).unwrap().seal, Seal::Edited);
    let formatted = fmt(&sealed).unwrap();
    assert_eq!(formatted.changes, ["the seal did not match"]);
    write_sealed(&sealed, &formatted.bytes).unwrap();
    assert!(fsck(&sealed).unwrap().is_whole());
    assert!(fmt(&sealed).unwrap().changes.is_empty());
}
