mod sockets;

use proptest::prelude::*;

use super::*;
use crate::cassette::sample::{self, NAMES, Names};
use crate::cassette::{Seal, StoredBody, WireBytes};
use crate::message::{Body, Coding, Headers};

fn read(bytes: &[u8]) -> Cassette {
    Cassette::parse(Path::new("x"), bytes).unwrap()
}

fn sealed(names: &Names) -> String {
    String::from_utf8(seal(&read(&sample::journal(names).concat())).unwrap()).unwrap()
}

fn without_timing(text: &str) -> String {
    let (before, rest) = text.split_once("\n  \"timing\": [").unwrap();
    before.to_owned() + rest.split_once("\n  ]").unwrap().1
}

#[test]
fn names_and_times_leave_no_trace() {
    let other = Names {
        lanes: ["10.0.0.31", "lane-12"],
        xuids: ["9000000000000041", "9000000000000002"],
        tag: "Player9001",
        at: 55_000,
    };
    let (one, two) = (sealed(&NAMES), sealed(&other));
    assert_ne!(one, two);
    assert_eq!(without_timing(&one), without_timing(&two));
}

#[test]
fn the_sealed_text_is_the_one_we_promised() {
    let text = sealed(&NAMES);
    assert!(
        text.starts_with("{\n  \"$schema\": \"urn:tapdeck:cassette:1\",\n  \"head\": {\n    \"format\": \"1.0\",\n")
    );
    let starts = text.lines().skip_while(|line| *line != "  \"records\": [").skip(1);
    assert_eq!(starts.take_while(|line| *line != "  ],").filter(|line| *line == "    {").count(), 4);
    assert!(text.contains(
        "  \"timing\": [\n    [101, 1],\n    [104, 1],\n    [103, 1],\n    null\n  ],\n  \"seal\": \"sha256:"
    ));
    assert!(text.ends_with("\"\n}\n"));
    let cassette = read(text.as_bytes());
    let story: Vec<_> = cassette.exchanges().map(|http| (http.lane.as_str(), http.asked, http.answered)).collect();
    assert_eq!(story, [("player1", 1, 2), ("player1", 3, 6), ("player2", 4, 5)]);
    assert_eq!(cassette.aliases["xuid"], ["9000000000000001", "9000000000000002"]);
    assert_eq!(cassette.aliases["gamertag"], ["Player9001"]);
}

#[test]
fn given_lane_names_stay_and_come_by_name() {
    for (lanes, sealed_as, first) in [
        (["host", "guest"], ["guest", "host"], "host"),
        (["lane-7", "guest"], ["guest", "player1"], "player1"),
        (["player2", "zoe"], ["zoe", "player1"], "player1"),
        (["no name", "player1"], ["player1", "player2"], "player1"),
    ] {
        let text = sealed(&Names { lanes, ..NAMES });
        let cassette = read(text.as_bytes());
        assert_eq!(cassette.lanes, sealed_as);
        assert_eq!(cassette.exchanges().next().map(|http| http.lane.as_str()), Some(first));
        assert_eq!(String::from_utf8(seal(&cassette).unwrap()).unwrap(), text);
    }
}

#[test]
fn sealing_a_sealed_cassette_changes_nothing() {
    let text = sealed(&NAMES);
    let again = seal(&read(text.as_bytes())).unwrap();
    assert_eq!(String::from_utf8(again).unwrap(), text);
}

#[test]
fn gaps_in_positions_close_and_causality_stays() {
    let mut cassette = read(&sample::journal(&NAMES).concat());
    for entry in &mut cassette.entries {
        match &mut entry.record {
            Record::Http(http) => (http.asked, http.answered) = (http.asked * 10, http.answered * 10),
            Record::Frame(frame) => (frame.socket, frame.at) = (frame.socket * 10, frame.at * 10),
            Record::Mark(mark) => mark.at_position *= 10,
        }
    }
    let text = String::from_utf8(seal(&cassette).unwrap()).unwrap();
    assert_eq!(text, sealed(&NAMES));
}

#[test]
fn an_alias_of_another_length_moves_the_content_length_along() {
    let mut cassette = sample::cassette();
    cassette.aliases.insert("gamertag".into(), vec!["Player9005".into()]);
    cassette.entries.truncate(1);
    let Record::Http(http) = &mut cassette.entries[0].record else { panic!("an exchange comes first") };
    let body = Body::encoded("Player9005 Player123456", Coding::Gzip);
    let length = body.wire().len().to_string();
    http.response.headers = [("content-encoding", "gzip"), ("content-length", &length)].into_iter().collect();
    http.response.body = StoredBody::of(&body, WireBytes::Keep);
    cassette.aliases.insert("gamertag".into(), vec!["Player123456".into()]);

    let again = read(&seal(&cassette).unwrap());
    let response = again.exchanges().next().unwrap().response();
    assert_eq!(response.body.decoded().unwrap().as_ref(), b"Player9005 Player9001");
    assert_eq!(response.headers.text("content-length"), Some(response.body.wire().len().to_string().as_str()));
}

/// A recording of one answer, sealed; its body again, and the xuids of the table.
fn sealed_body(aliases: &[&str], body: &str) -> (String, Vec<String>) {
    let mut cassette = sample::cassette();
    cassette.aliases = [("xuid".to_owned(), aliases.iter().map(|alias| (*alias).to_owned()).collect())].into();
    cassette.entries.truncate(1);
    let Record::Http(http) = &mut cassette.entries[0].record else { panic!("an exchange comes first") };
    http.request.headers = Headers::new();
    http.response.body = StoredBody::of(&Body::plain(body.to_owned()), WireBytes::Keep);
    let text = seal(&cassette).unwrap();
    let again = read(&text);
    assert_eq!(seal(&again).unwrap(), text);
    let plain = again.exchanges().next().unwrap().response().body.wire().to_vec();
    (String::from_utf8(plain).unwrap(), again.aliases.get("xuid").cloned().unwrap_or_default())
}

#[test]
fn numbers_that_are_no_aliases_keep_their_digits() {
    let cases = [
        (
            r#"{"xuid":"9000000000000123","ratio":0.9000000000000001,"score":9000000000000001}"#,
            r#"{"xuid":"9000000000000002","ratio":0.9000000000000001,"score":9000000000000001}"#,
        ),
        (
            r#"{"a":9000000000000123,"b":-9000000000000123,"c":9000000000000123.5,"d":9000000000000123e1}"#,
            r#"{"a":9000000000000001,"b":-9000000000000123,"c":9000000000000123.5,"d":9000000000000123e1}"#,
        ),
        (
            r#"{ "9000000000000123": "{\"x\":9000000000000123,\"y\":0.9000000000000123}" }"#,
            r#"{ "9000000000000001": "{\"x\":9000000000000001,\"y\":0.9000000000000123}" }"#,
        ),
    ];
    for (body, expected) in cases {
        let (body, table) = sealed_body(&["9000000000000123"], body);
        assert_eq!(body, expected);
        assert_eq!(table.len(), 1, "{expected}");
        assert!(expected.contains(&table[0]), "{table:?}");
    }
}

#[test]
fn wire_bytes_that_would_contradict_a_renumbered_body_go() {
    let headers: Headers = [("content-encoding", "gzip")].into_iter().collect();
    let mut wire = Coding::Gzip.encode(&"Player9005".into()).to_vec();
    wire[9] = 7; // the operating system that compressed it
    let mut cassette = sample::cassette();
    cassette.aliases.insert("gamertag".into(), vec!["Player9005".into()]);
    cassette.entries.truncate(1);
    let Record::Http(http) = &mut cassette.entries[0].record else { panic!("an exchange comes first") };
    http.response.body = StoredBody::of(&Body::received(wire.into(), &headers, 100), WireBytes::Keep);
    http.response.headers = headers;

    let again = read(&seal(&cassette).unwrap());
    let body = again.exchanges().next().unwrap().response().body;
    assert_eq!(body, Body::encoded("Player9001", Coding::Gzip));
}

#[test]
fn bodies_hold_what_was_recorded_through_journal_and_seal() {
    let bodies: [&[u8]; 9] = [
        br#"{"a":1.50,"b":18446744073709551615,"a":1e400}"#,
        br#"{"s":"\u0041\/\ud83d\ude00"}"#,
        br#"["\ud800"]"#,
        b"{\"a\":1}\n",
        b"{ \"a\" : 1 }",
        b"null",
        b"line\r\nline",
        b"\xff\xfe\x00",
        b"\x7f",
    ];
    let mut cassette = sample::cassette();
    let Record::Http(template) = cassette.entries[0].record.clone() else { panic!("an exchange comes first") };
    let records = bodies.iter().zip(1..).map(|(body, n)| {
        let mut http = template.clone();
        (http.asked, http.answered) = (n * 2 - 1, n * 2);
        http.response.body = StoredBody::of(&Body::plain(body.to_vec()), WireBytes::Keep);
        Record::Http(http)
    });
    cassette = Cassette::of(records);
    let again = read(&seal(&cassette).unwrap());
    assert_eq!(again.seal, Seal::Sealed);
    let wires: Vec<_> = again.exchanges().map(|http| http.response().body.wire().to_vec()).collect();
    assert_eq!(wires, bodies);
}

#[test]
fn a_file_is_replaced_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.cassette.json");
    write_sealed(&path, b"old").unwrap();
    write_sealed(&path, b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    assert!(write_sealed(&directory.path().join("no/a.cassette.json"), b"").is_err());
}

/// What a made-up call says: its lane, when it was asked, how long it took, and what it speaks of.
fn exchange((lane, asked, took, words): (usize, u64, u64, Vec<usize>)) -> Record {
    let Record::Http(mut http) = sample::cassette().entries[0].record.clone() else {
        panic!("an exchange comes first")
    };
    http.lane = ["b", "a", "player1"][lane].into();
    (http.asked, http.answered) = (asked, asked + took);
    let text: Vec<&str> = words.into_iter().map(|word| WORDS[word]).collect();
    http.response.body = StoredBody::of(&Body::plain(text.join(" ")), WireBytes::Keep);
    Record::Http(http)
}

/// Aliases, texts that are nobody's alias, and texts that sealing gives out.
const WORDS: [&str; 10] = [
    "9000000000000002",
    "9000000000000001",
    "9000000000000005",
    "9000000000000003",
    "Player9002",
    "Player9001",
    "d0000000000000000000000000000002",
    "D0000000000000000000000000000001",
    "192.0.2.1",
    "plain",
];

proptest! {
    #[test]
    fn sealing_twice_is_sealing_once(
        calls in proptest::collection::vec((0..3_usize, 1..30_u64, 1..9_u64, proptest::collection::vec(0..10_usize, 0..5)), 0..12),
        known in 0..6_usize,
    ) {
        let mut cassette = Cassette::of(calls.into_iter().map(exchange));
        cassette.aliases.insert("xuid".into(), WORDS[..known.min(4)].iter().map(|word| (*word).to_owned()).collect());
        cassette.aliases.insert("gamertag".into(), WORDS[4..4 + known / 3].iter().map(|word| (*word).to_owned()).collect());
        cassette.aliases.insert("device-token".into(), vec![WORDS[6].to_owned()]);
        let once = seal(&cassette).unwrap();
        let reread = read(&once);
        prop_assert_eq!(reread.seal, Seal::Sealed);
        prop_assert_eq!(String::from_utf8(seal(&reread).unwrap()), String::from_utf8(once));
    }
}
