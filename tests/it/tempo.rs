//! The time of a replay: moved times, answers that take as long as they took, and recordings that are too old.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tapdeck::client::{Client, Way};
use tapdeck::exchange::Protocol;
use tapdeck::message::Response;
use tempfile::TempDir;

use crate::support::binary::{self, Deck};
use crate::support::text;

const SESSION: &str = "/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/lobby/sessions/\
                       60f9d3f3-9d7a-4b76-8b43-2f6cf8c6a001";
const LOBBY: &[u8] = br#"{"members":{"me":{"constants":{"system":{"xuid":"2814639011617876","initialize":true}},"properties":{"system":{"active":true}}}}}"#;
const AUTHORIZATION: (&str, &str) = ("authorization", "XBL3.0 x=8157204361927364;eyJhbGciOiJub25lIn0.eyJ4IjoxfQ.c2ln");
const VERSION: (&str, &str) = ("x-xbl-contract-version", "107");

/// What a player is answered who makes a lobby and looks at it.
async fn play(deck: &Deck) -> [Response; 2] {
    let mut client =
        Client::connect(deck.address, &deck.address.to_string(), Way::Reverse, Protocol::H1).await.unwrap();
    let made = client.send("PUT", SESSION, &[AUTHORIZATION, VERSION], LOBBY).await.unwrap();
    [made, client.send("GET", SESSION, &[AUTHORIZATION, VERSION], b"").await.unwrap()]
}

async fn recording(home: &TempDir) -> PathBuf {
    let cassette = home.path().join("lobby.cassette.json");
    let deck = Deck::start(home.path(), &["record", "--upstream", "emulator", text(&cassette)]);
    play(&deck).await;
    let ended = deck.stopped();
    assert!(ended.code == Some(0) && ended.talk.contains("this recording replays"), "{}", ended.talk);
    cassette
}

/// What a replay with these options answers, and what it says.
async fn replayed(home: &TempDir, options: &[&str], cassette: &Path) -> ([Response; 2], String) {
    let deck = Deck::start(home.path(), &[&["replay"], options, &[text(cassette)]].concat());
    let answers = play(&deck).await;
    let ended = deck.stopped();
    assert_eq!(ended.code, Some(0), "{}", ended.talk);
    assert!(ended.talk.contains("2 hit"), "{}", ended.talk);
    (answers, ended.talk)
}

/// The text of a cassette's `timing`, from its bracket to its bracket.
fn timing(sealed: &str) -> &str {
    let at = sealed.find("\"timing\": [").unwrap() + "\"timing\": ".len();
    let end = at + sealed[at..].find("\n  ]").unwrap() + "\n  ]".len();
    &sealed[at..end]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moved_times_are_the_same_for_every_replay_and_keep_their_spans() {
    let home = TempDir::new().unwrap();
    let cassette = recording(&home).await;
    let (verbatim, _) = replayed(&home, &[], &cassette).await;
    let shift = ["--time", "shift=2031-02-03T04:05:06Z"];
    let (moved, _) = replayed(&home, &shift, &cassette).await;
    assert_eq!(replayed(&home, &shift, &cassette).await.0, moved, "the same inputs gave other bytes");
    for (verbatim, moved) in verbatim.iter().zip(&moved) {
        assert_eq!(moved.headers.text("date"), Some("Mon, 03 Feb 2031 04:05:06 GMT"));
        let body = |response: &Response| String::from_utf8(response.body.decoded().unwrap().to_vec()).unwrap();
        let (verbatim, moved) = (body(verbatim), body(moved));
        assert!(verbatim.contains("\"2026-01-02T03:04:05.") && moved.contains("\"2031-02-03T04:05:06."), "{moved}");
        assert_eq!(verbatim.replace("2026-01-02T03:04:05.", "2031-02-03T04:05:06."), moved);
    }
    let (now, _) = replayed(&home, &["--time", "shift"], &cassette).await;
    assert!(now.iter().zip(&verbatim).all(|(now, then)| now.headers.text("date") != then.headers.text("date")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_takes_as_long_as_it_took() {
    let home = TempDir::new().unwrap();
    let cassette = recording(&home).await;
    let sealed = fs::read_to_string(&cassette).unwrap();
    fs::write(&cassette, sealed.replace(timing(&sealed), "[\n    [0, 300],\n    [1, 200]\n  ]")).unwrap();
    for (pace, least) in [("recorded", 500), ("x0.5", 250), ("x2", 1000)] {
        let began = Instant::now();
        let (_, talk) = replayed(&home, &["--latency", pace, "--require-seal"], &cassette).await;
        assert!(began.elapsed() >= Duration::from_millis(least), "{pace}: {talk}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_that_is_too_old_is_told_or_refused() {
    let home = TempDir::new().unwrap();
    let cassette = recording(&home).await;
    let (_, talk) = replayed(&home, &["--max-age", "1d", "--expiry", "error"], &cassette).await;
    assert!(!talk.contains("warning: "), "{talk}");
    let shown = binary::run(home.path(), &["cassette", "show", text(&cassette)]).stdout;
    assert!(shown.contains(", recorded 20"), "{shown}");

    let sealed = fs::read_to_string(&cassette).unwrap();
    let date = timing(&sealed).split('"').nth(1).unwrap();
    fs::write(&cassette, sealed.replace(date, "2020-01-01T00:00:00Z")).unwrap();
    let (_, talk) = replayed(&home, &["--max-age", "30d", "--require-seal"], &cassette).await;
    let told = talk.lines().find(|line| line.starts_with("warning: ")).unwrap();
    assert!(
        told.contains("days ago, more than --max-age 30d") && told.contains("tapdeck record --overwrite"),
        "{told}"
    );

    let refused = |home: &TempDir| {
        let args = ["replay", "--listen", "127.0.0.1:0", "--expiry", "error", "--max-age", "30d", text(&cassette)];
        let ended = binary::run(home.path(), &args);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{}", ended.talk);
        ended.talk
    };
    assert!(refused(&home).contains("hint: `tapdeck record --overwrite"));
    fs::write(&cassette, sealed.replace(&format!("\"{date}\",\n    "), "")).unwrap();
    assert!(refused(&home).contains("does not say when it was recorded"));
}
