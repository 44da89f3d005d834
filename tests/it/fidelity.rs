//! Bytes: what the upstream sent is what the client gets, live and from the cassette.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, GzBuilder};
use tapdeck::cassette::Cassette;
use tapdeck::client::Client;
use tapdeck::exchange::Protocol;
use tapdeck::message::{Body, Coding, Headers, Response};
use tapdeck::replay;
use tempfile::TempDir;

use crate::support::{Reaction, Service, Setup, sealed};

/// One answer of the service, and how it must come back.
struct Case {
    name: &'static str,
    response: Response,
    comes_back: ComesBack,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ComesBack {
    /// Byte for byte as it travelled.
    Wire,
    /// Byte for byte once its content coding is undone: there is a slot in it.
    Decoded,
    /// Not at all: it cannot be read, so it must not be kept.
    Withheld,
}

impl Case {
    fn of(name: &'static str, body: impl Into<Bytes>) -> Self {
        let headers = [("content-type", "application/json; charset=utf-8")].into_iter().collect();
        Self { name, response: Response::new(200, headers, body), comes_back: ComesBack::Wire }
    }

    fn coded(name: &'static str, coding: &str, plain: &str, wire: Bytes) -> Self {
        let mut case = Self::of(name, "");
        case.response.headers.push("content-encoding", coding.to_owned());
        let coding = Coding::of(&case.response.headers);
        case.response.body = Body::known(wire, Bytes::copy_from_slice(plain.as_bytes()), coding);
        case
    }

    fn target(&self) -> String {
        format!("{LOBBY}/{}", self.name)
    }
}

/// JSON that a careless proxy changes: each text is the value of a member `odd`.
const ODDITIES: [(&str, &str); 10] = [
    ("beyond-double", "9007199254740993"),
    ("u64-max", "18446744073709551615"),
    ("thirty-digits", "123456789012345678901234567890"),
    ("trailing-zero", "[1.50,1.0,-0,-0.0,1E+2,1e400]"),
    ("duplicate-keys", r#"{"a":1,"a":2,"\u0061":3}"#),
    ("escapes", r#""\u00e9\u00E9 \/ \ud83d\ude00 \u0000 \b\f\n\r\t \"""#),
    ("lone-surrogate", r#""\ud83d and \ude00""#),
    ("pretty", "{\n    \"a\" :  [ 1 ,\t2 ]\r\n  }"),
    ("nested", r#"{"inner":"{\"odd\":[1.50,18446744073709551615]}"}"#),
    ("plain-utf8", "\"é 漢字 \u{1f600} \u{7f}\""),
];

fn odd(name: &str) -> &'static str {
    ODDITIES.iter().find(|(odd, _)| *odd == name).unwrap().1
}

fn gzip(plain: &str, level: u32) -> Bytes {
    let builder = GzBuilder::new().mtime(1_700_000_000).filename("a.json").comment("not ours");
    let mut encoder = builder.write(Vec::new(), Compression::new(level));
    encoder.write_all(plain.as_bytes()).unwrap();
    encoder.finish().unwrap().into()
}

/// Answers without a slot.
fn bare() -> Vec<Case> {
    let mut cases: Vec<Case> =
        ODDITIES.iter().map(|(name, text)| Case::of(name, format!("{{\"odd\":{text}}}"))).collect();
    let long = format!("{{\"odd\":[{}]}}", vec!["1.50"; 2000].join(","));
    let twice = [gzip("{\"odd\":", 9), gzip("1.50}", 1)].concat();
    cases.extend([
        Case::of("trailing-newlines", "{\"odd\":1.50}\n\n"),
        Case::of("byte-order-mark", "\u{feff}{\"odd\":1.50}"),
        Case::of("text", "The session was not found.\r\n\tReally.\n"),
        Case::of("broken-json", "{\"odd\":1.50"),
        // Their base64 spells the beginning of a token, "eyJ", which is no secret.
        Case::of("looks-like-a-token", "{\"odd\":\"\u{7f}\"}"),
        Case::of("binary-like-a-token", Bytes::from_static(b"{\"odd\xff\xff\xff\xff\xff\xff\xff")),
        Case::of("binary", Bytes::from((0..=255).collect::<Vec<u8>>())),
        Case::of("empty", ""),
        Case::coded("our-gzip", "gzip", &long, Coding::Gzip.encode(&Bytes::from(long.clone()))),
        Case::coded("other-gzip", "gzip", &long, gzip(&long, 9)),
        Case::coded("stored-gzip", "gzip", &long, gzip(&long, 0)),
        Case::coded("two-member-gzip", "gzip", "{\"odd\":1.50}", twice.into()),
        Case::coded("brotli", "br", &long, Coding::Brotli.encode(&Bytes::from(long.clone()))),
        Case::coded("deflate", "deflate", &long, Coding::Deflate.encode(&Bytes::from(long.clone()))),
    ]);
    cases.extend(statuses());
    cases.push(Case { comes_back: ComesBack::Withheld, ..Case::coded("zstd", "zstd", "", Bytes::from_static(b"?")) });
    let broken = Case::coded("broken-gzip", "gzip", "", Bytes::from_static(b"\x1f\x8b no"));
    cases.push(Case { comes_back: ComesBack::Withheld, ..broken });
    cases
}

/// Answers whose point is their head.
fn statuses() -> Vec<Case> {
    let repeated = [("x-odd", "1"), ("vary", "a"), ("x-odd", "2"), ("x-odd", "1"), ("x-empty", ""), ("vary", "b, c")];
    let mut cases = Vec::new();
    for (name, status, body) in [("no-content", 204, ""), ("lost-race", 412, "{\"odd\":1.50}"), ("gone", 404, "")] {
        let headers = repeated.into_iter().chain([("etag", "W/\"odd\"")]).collect();
        cases.push(Case { name, response: Response::new(status, headers, body), comes_back: ComesBack::Wire });
    }
    cases
}

/// The same oddities beside a player's xuid and gamertag.
fn slotted() -> Vec<Case> {
    let me = format!(r#""xuid":"{XUID}","gamertag":"{GAMERTAG}","{XUID}":{{"owner":{XUID}}}"#);
    let mut cases: Vec<Case> =
        ODDITIES.iter().map(|(name, text)| Case::of(name, format!("{{{me},\"odd\":{text},{me}}}\n"))).collect();
    let plain = format!("{{{me},\"odd\":{}}}", odd("escapes"));
    cases.extend([
        Case::of("text", format!("The player {XUID} was not found.\r\n")),
        Case::coded("our-gzip", "gzip", &plain, Coding::Gzip.encode(&Bytes::from(plain.clone()))),
        Case::coded("other-gzip", "gzip", &plain, gzip(&plain, 1)),
        Case::coded("brotli", "br", &plain, Coding::Brotli.encode(&Bytes::from(plain.clone()))),
    ]);
    cases.iter_mut().for_each(|case| case.comes_back = ComesBack::Decoded);
    cases
}

/// Who plays.
#[derive(Clone, Copy)]
struct Who {
    xuid: &'static str,
    gamertag: &'static str,
}

/// The body a client sends: as odd as the answers, and it shows who the player is.
fn sent(case: &Case, Who { xuid, gamertag }: Who) -> String {
    let odd = ODDITIES.iter().find(|(name, _)| *name == case.name).map_or("1.50", |(_, text)| *text);
    format!("{{ \"who\":{{\"xuid\":\"{xuid}\",\"gamertag\":\"{gamertag}\"}},\r\n\"odd\": {odd} }}\n")
}

/// Sends every case's request, and gives its answers.
async fn play(client: &mut Client, cases: &[Case], who: Who) -> Vec<Response> {
    let mut answers = Vec::new();
    for case in cases {
        let headers: Headers = [
            ("authorization", "XBL3.0 x=77;token-of-nobody"),
            ("x-xbl-contract-version", "107"),
            ("content-type", "application/json"),
            ("x-own", "1"),
            ("x-own", "2"),
        ]
        .into_iter()
        .collect();
        let target = case.target();
        let body = sent(case, who);
        let answer = client.send_with_trailers("PUT", &target, headers, body.as_bytes(), &Headers::new()).await;
        answers.push(answer.unwrap());
    }
    answers
}

/// Header lines that must be equal: hyper writes the length, and replay its own outcome.
fn lines(response: &Response) -> Vec<(String, Bytes)> {
    let own = |name: &str| name == "content-length" || name.starts_with("tapdeck-");
    let kept = response.headers.iter().filter(|header| !own(&header.name));
    let mut lines: Vec<_> = kept.map(|header| (header.name.clone(), header.value.clone())).collect();
    lines.sort_by(|left, right| left.0.cmp(&right.0));
    lines
}

async fn record(cases: &[Case], protocol: Protocol, directory: &TempDir) -> std::path::PathBuf {
    let script: Vec<(String, Response)> = cases.iter().map(|case| (case.target(), case.response.clone())).collect();
    let service = Service::start(move |seen| {
        let (_, response) = script.iter().find(|(target, _)| *target == seen.target).unwrap();
        Reaction::Answer(response.clone())
    })
    .await;
    let journal = directory.path().join("odd.cassette.jsonl");
    let proxy = Setup::before(&service).recording(&journal).start().await;
    let answers = play(&mut proxy.client(protocol).await, cases, RECORDED).await;
    for ((case, answer), seen) in cases.iter().zip(&answers).zip(service.seen()) {
        let name = case.name;
        assert_eq!(answer.status, case.response.status, "{name}");
        assert_eq!(answer.body.wire(), case.response.body.wire(), "{name} live");
        assert_eq!(lines(answer), lines(&case.response), "{name} live");
        assert_eq!(
            (seen.protocol, seen.body),
            (protocol, Bytes::from(sent(case, RECORDED))),
            "{name} as the service got it"
        );
        assert_eq!(seen.headers.all("x-own").collect::<Vec<_>>(), ["1", "2"], "{name}");
    }
    proxy.close().await;
    sealed(&journal)
}

/// Recorded bytes with somebody else's values in the places of the recorded player's.
fn with(plain: &Bytes, who: Who) -> Bytes {
    match std::str::from_utf8(plain) {
        Ok(text) => text.replace(XUID, who.xuid).replace(GAMERTAG, who.gamertag).into(),
        Err(_) => plain.clone(),
    }
}

fn assert_replayed(case: &Case, answer: &Response, who: Who) {
    let name = case.name;
    if case.comes_back == ComesBack::Withheld {
        let told = String::from_utf8_lossy(answer.body.wire());
        assert!(answer.status == 501 && told.contains("not-replayable"), "{name}: {told}");
        return;
    }
    assert_eq!((answer.status, lines(answer)), (case.response.status, lines(&case.response)), "{name}");
    assert_eq!(answer.body.decoded().unwrap(), &with(case.response.body.decoded().unwrap(), who), "{name}");
    if case.comes_back == ComesBack::Wire {
        assert_eq!(answer.body.wire(), case.response.body.wire(), "{name}");
    }
}

async fn round_trip(cases: Vec<Case>, protocol: Protocol) {
    let directory = TempDir::new().unwrap();
    let cassette = record(&cases, protocol, &directory).await;
    let text = std::fs::read_to_string(&cassette).unwrap();
    assert!(!text.contains(XUID) && !text.contains(GAMERTAG), "people are renamed");
    let unfaithful: Vec<usize> =
        replay::verify(&Cassette::read(&cassette).unwrap()).into_iter().map(|found| found.exchange).collect();
    let withheld: Vec<usize> = (1..)
        .zip(&cases)
        .filter_map(|(number, case)| (case.comes_back == ComesBack::Withheld).then_some(number))
        .collect();
    assert_eq!(unfaithful, withheld, "what was kept replays, and what was not does not");

    for who in [RECORDED, ANOTHER] {
        let proxy = Setup::replaying(&cassette, replay::Options::default()).start().await;
        let answers = play(&mut proxy.client(protocol).await, &cases, who).await;
        cases.iter().zip(&answers).for_each(|(case, answer)| assert_replayed(case, answer, who));
        let tally = proxy.tally();
        assert_eq!((tally.hits + tally.bound, tally.misses), (cases.len() - withheld.len(), withheld.len()));
        proxy.close().await;
    }
}

#[tokio::test]
async fn odd_answers_come_back_byte_for_byte_over_h1() {
    round_trip(bare(), Protocol::H1).await;
}

#[tokio::test]
async fn odd_answers_come_back_byte_for_byte_over_h2() {
    round_trip(bare(), Protocol::H2).await;
}

#[tokio::test]
async fn odd_answers_with_people_in_them_come_back_equal_over_h1() {
    round_trip(slotted(), Protocol::H1).await;
}

#[tokio::test]
async fn odd_answers_with_people_in_them_come_back_equal_over_h2() {
    round_trip(slotted(), Protocol::H2).await;
}

#[tokio::test]
async fn a_binary_answer_with_a_person_in_it_is_delivered_but_not_kept() {
    let wire = [b"\xff\xfe ".as_slice(), XUID.as_bytes(), b" \xff"].concat();
    let case = Case::of("binary", wire.clone());
    let service = Service::answering(case.response.clone()).await;
    let directory = TempDir::new().unwrap();
    let journal = directory.path().join("odd.cassette.jsonl");
    let proxy = Setup::before(&service).recording(&journal).start().await;
    let answers = play(&mut proxy.client(Protocol::H1).await, &[case], RECORDED).await;
    assert_eq!(answers[0].body.wire(), &wire);
    assert_eq!(proxy.engine.recorder().unwrap().secrets(), 1);
    proxy.close().await;
    let kept = Cassette::read(&journal).unwrap();
    let http = kept.exchanges().next().unwrap();
    assert!(http.withheld().is_some() && http.response().body.decoded().is_none());
}

const LOBBY: &str = "/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/lobby/sessions";
const XUID: &str = "2814646326226712";
const GAMERTAG: &str = "Odd Major Nelson";
const RECORDED: Who = Who { xuid: XUID, gamertag: GAMERTAG };
const ANOTHER: Who = Who { xuid: "2533274790395904", gamertag: "Éva 2 \u{1f600}" };
