//! What counts as a change, how grave it is, and what is none.

use super::*;
use crate::cassette::sample::scene::{Scene, call, session, tap};
use crate::message::Request;

const DOCUMENT: &str = r#"{"branch":"b0000000-0000-4000-8000-000000000001","changeNumber":7,"startTime":"2026-01-02T03:04:05.0000000Z","members":{"0":{"gamertag":"Player9001","constants":{"system":{"xuid":"9000000000000001"}},"next":1,"joinTime":"2026-01-02T03:04:05Z","properties":{"custom":{"class":"mage"}},"visibility":"open"}}}"#;

fn put(body: &str) -> Request {
    call("1", "PUT", &session("s"), body)
}

/// A recording of one write that was answered that way.
fn answered(status: u16, answer: &str) -> Cassette {
    let mut scene = Scene::default();
    scene.call("player1", &put(r#"{"properties":{}}"#), status, answer);
    aliased(scene, ["Player9001", "9000000000000001"])
}

fn aliased(scene: Scene, [gamertag, xuid]: [&str; 2]) -> Cassette {
    let mut cassette = scene.cassette();
    cassette.aliases.insert("gamertag".into(), vec![gamertag.into()]);
    cassette.aliases.insert("xuid".into(), vec![xuid.into()]);
    cassette
}

/// What changed, each as one line without where it was seen.
fn lines(old: &Cassette, new: &Cassette) -> Vec<String> {
    let drift = Drift::between(old, new);
    drift.changes.iter().map(|change| format!("{} {} {change}", change.op, change.tier)).collect()
}

#[test]
fn what_is_new_in_every_recording_is_no_drift() {
    let again = DOCUMENT
        .replace("b0000000-0000-4000-8000-000000000001", "0B5D2C1A-7C6E-4C55-9D11-3F0A8F5C0002")
        .replace("\"changeNumber\":7", "\"changeNumber\":19")
        .replace("2026-01-02T03:04:05", "2027-11-12T13:14:15")
        .replace("\"0\":{", "\"4\":{")
        .replace("Player9001", "Player9044")
        .replace("9000000000000001", "9000000000000077");
    let mut scene = Scene::default();
    scene.call("player4", &call("9", "PUT", &session("other"), r#"{"properties":{}}"#), 200, &again);
    let again = aliased(scene, ["Player9044", "9000000000000077"]);
    let drift = Drift::between(&answered(200, DOCUMENT), &again);
    assert_eq!((drift.changes.as_slice(), drift.tally.compared), ([].as_slice(), 1), "{}", drift.text("a", "b"));
}

#[test]
fn every_tier_has_its_changes() {
    let place = "session.put";
    for (from, to, line) in [
        (r#""gamertag":"Player9001","#, "", "breaking response /members/*/gamertag is gone, it was <gamertag>"),
        (r#""next":1"#, r#""next":"1""#, "breaking response /members/*/next was a number, is a text"),
        (r#""changeNumber":7,"#, "", "breaking response /changeNumber is gone, it was <count>"),
        (DOCUMENT, "", "breaking response / is gone, it was an object"),
        (r#""next":1"#, r#""next":1,"level":{"a":1}"#, "notable response /members/*/level is new: an object"),
        (
            r#""open""#,
            r#""private""#,
            r#"notable response /members/*/visibility has the new word "private", it was "open""#,
        ),
        (r#""next":1"#, r#""next":2"#, "value response /members/*/next was 1, is 2"),
        (r#""mage""#, r#""rogue""#, r#"value response /members/*/properties/custom/class was "mage", is "rogue""#),
    ] {
        let new = answered(200, &DOCUMENT.replace(from, to));
        assert_eq!(lines(&answered(200, DOCUMENT), &new), [format!("{place} {line}")]);
    }
    let (old, created) = (answered(200, DOCUMENT), answered(201, DOCUMENT));
    assert_eq!(lines(&old, &created), ["session.put notable status was 200, is 201"]);
    assert_eq!(lines(&old, &answered(403, "no")), ["session.put breaking status was 200, is 403"]);
    let drift = Drift::between(&old, &created);
    assert!(drift.reaches(Tier::Value) && drift.reaches(Tier::Notable) && !drift.reaches(Tier::Breaking));
}

#[test]
fn requests_are_compared_as_answers_are() {
    let asked = |target: &str, tag: &str, body: &str| {
        let mut request = call("1", "PUT", target, body);
        request.headers.push("if-match", tag.to_owned());
        let mut scene = Scene::default();
        scene.call("player1", &request, 204, "");
        scene.cassette()
    };
    let old = asked(&(session("s") + "?nocommit=true"), "\"a\"", r#"{"properties":{"custom":{"a":1}}}"#);
    assert!(
        lines(&old, &asked(&(session("t") + "?nocommit=true"), "\"b\"", r#"{"properties":{"custom":{"a":1}}}"#))
            .is_empty()
    );
    let new = asked(&session("s"), "*", r#"{"properties":{"custom":{"b":1}}}"#);
    assert_eq!(
        lines(&old, &new),
        [
            "session.put breaking request /properties/custom/a is gone, it was 1",
            "session.put notable request /properties/custom/b is new: 1",
            r#"session.put value request header if-match was <entity tag>, is "*""#,
            r#"session.put breaking request query nocommit is gone, it was "true""#,
        ]
    );
}

#[test]
fn calls_are_paired_by_what_they_are_when_one_is_missing() {
    let read = || call("1", "GET", &session("s"), "");
    let story = |reads: &[&str]| {
        let mut scene = Scene::default();
        for answer in reads {
            scene.call("player1", &read(), 200, answer);
        }
        scene.cassette()
    };
    let old = story(&[r#"{"a":1}"#, r#"{"b":1}"#, r#"{"c":1}"#]);
    assert_eq!(
        lines(&old, &story(&[r#"{"b":1}"#, r#"{"c":1}"#])),
        ["session.get value calls of player1 were 3, are 2"]
    );
    assert_eq!(
        lines(&old, &story(&[r#"{"a":1}"#, r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":1}"#])),
        ["session.get value calls of player1 were 3, are 4", "session.get value response /b was 1, is 2"]
    );
}

#[test]
fn an_operation_that_is_gone_breaks_and_a_new_one_does_not() {
    let mut scene = Scene::default();
    scene.call("player1", &put("{}"), 204, "");
    let old = scene.clone().cassette();
    scene.call("player1", &call("1", "GET", &session("s"), ""), 404, "");
    let new = scene.cassette();
    assert_eq!(lines(&old, &new), ["session.get notable operation is new"]);
    assert_eq!(lines(&new, &old), ["session.get breaking operation is gone"]);
}

#[test]
fn players_are_told_apart_by_what_they_do() {
    let story = |names: [&str; 2], first: usize| {
        let mut scene = Scene::default();
        let mut play = |who: usize| match who {
            0 => {
                scene.call(names[0], &put("{}"), 201, r#"{"host":true}"#);
                scene.call(names[0], &call("1", "DELETE", "/handles/h", ""), 204, "");
            }
            _ => drop(scene.call(names[1], &put("{}"), 200, r#"{"guest":true}"#)),
        };
        play(first);
        play(1 - first);
        scene.cassette()
    };
    let old = story(["player1", "player2"], 0);
    assert_eq!(lines(&old, &story(["player2", "player1"], 1)), [""; 0]);
    // Names that somebody gave are kept to, whatever the players do.
    let named = story(["host", "guest"], 0);
    assert_eq!(lines(&named, &story(["host", "guest"], 1)), [""; 0]);
    assert!(!lines(&named, &story(["guest", "host"], 0)).is_empty());
}

#[test]
fn messages_on_sockets_are_compared_too() {
    let story = |tap: String| {
        let mut scene = Scene::default();
        let socket = scene.open("player1");
        scene.subscribes(socket, 1, "c0000000-0000-4000-8000-000000000001");
        scene.told(socket, &tap);
        scene.cassette()
    };
    let old = story(tap(0, "s", 1, "d0000000-0000-4000-8000-000000000001"));
    assert_eq!(lines(&old, &story(tap(0, "t", 2, "d0000000-0000-4000-8000-000000000002"))), [""; 0]);
    let new = tap(0, "s", 1, "d0000000-0000-4000-8000-000000000001").replace("\"branch\"", "\"limb\"");
    assert_eq!(
        lines(&old, &story(new)),
        [
            "rta.event breaking message /*/shoulderTaps/*/branch is gone, it was <guid>",
            "rta.event notable message /*/shoulderTaps/*/limb is new: <guid>"
        ]
    );
}

#[test]
fn the_text_names_file_line_and_record_and_counts_repeats() {
    let story = |answer: &str| {
        let mut scene = Scene::default();
        scene.call("player1", &put("{}"), 200, answer);
        scene.call("player1", &put("{}"), 200, answer);
        scene.cassette()
    };
    let drift = Drift::between(&story(r#"{"a":1}"#), &story(r#"{"a":true}"#));
    assert_eq!(
        drift.text("old.cassette.json", "new\n.cassette.json"),
        "session.put\n  breaking response /a was a number, is true or false, 2 times (old.cassette.json:0 record 1 of \
         player1, new\\n.cassette.json:0 record 1 of player1)\n\
         1 breaking, 0 notable, 0 value in 2 calls and messages compared\n"
    );
    let told = serde_json::to_value(&drift).unwrap();
    assert_eq!((&told["changes"][0]["tier"], &told["tally"]["breaking"]), (&"breaking".into(), &1.into()));
}
