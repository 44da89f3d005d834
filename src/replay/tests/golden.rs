//! What a miss tells, word for word: `tests/golden/miss-*.txt`, one for each reason, so that sides never flip.
//!
//! `TAPDECK_BLESS=1 cargo test --lib replay::tests::golden` writes them anew.

use std::path::Path;

use super::*;

/// The one miss of some calls, of which the others are played.
fn missed(player: &Player, calls: impl IntoIterator<Item = Request>) -> Miss {
    let misses = calls.into_iter().filter_map(|request| match play(player, request).1 {
        Played::Miss(miss) => Some(miss),
        _ => None,
    });
    let mut misses: Vec<Miss> = misses.collect();
    assert_eq!(misses.len(), 1, "{misses:#?}");
    misses.remove(0)
}

impl Script {
    /// Its player, with a file and lines to speak of.
    fn filed(mut self, live: Live) -> Player {
        for (at, recorded) in self.recorded.iter_mut().enumerate() {
            recorded.line = 20 + 30 * at;
        }
        let mut tape = Tape::new(&self.aliases, self.recorded, Vec::new());
        tape.file = "cassettes/lobby's.cassette.json".into();
        Player::new(tape, Options { repeat: 1, live, ..Options::default() })
    }
}

fn tell(name: &str, miss: &Miss) {
    let problem = miss.response(501);
    let problem: serde_json::Value = serde_json::from_slice(problem.body.decoded().unwrap()).unwrap();
    let told = format!("{miss}\n\n{}\n{problem:#}\n", miss.report());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/miss-{name}.txt"));
    if std::env::var_os("TAPDECK_BLESS").is_some() {
        std::fs::write(&file, &told).unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap_or_default().replace("\r\n", "\n");
    assert!(told == golden, "{} is stale; `TAPDECK_BLESS=1 cargo test --lib golden` writes:\n{told}", file.display());
}

/// The miss of some calls, which must be for that reason, as it is told.
fn told(reason: Reason, player: &Player, calls: impl IntoIterator<Item = Request>) {
    let miss = missed(player, calls);
    assert_eq!(miss.reason, reason);
    let name = serde_json::to_value(reason).unwrap();
    tell(name.as_str().unwrap(), &miss);
}

fn map(name: &str) -> String {
    format!(r#"{{"properties":{{"custom":{{"map":"{name}"}}}}}}"#)
}

fn hosted() -> Script {
    Script::default().then("host", put("1", &map("harbour")), 201, Some(("e1", 1)), "0")
}

#[test]
fn a_call_there_is_none_of() {
    told(Reason::NoSuchCall, &hosted().filed(Live::One), [request("9", "POST", "/handles", &[], "{}")]);
}

#[test]
fn a_call_with_another_value() {
    told(Reason::Different, &hosted().filed(Live::One), [put("9", &map("castle"))]);
}

#[test]
fn a_call_whose_two_values_do_not_agree() {
    let aliases = [("xuid".to_owned(), vec!["9000000000000001".to_owned()])].into();
    let by = |xuid: &str, other: &str| format!(r#"{{"properties":{{"custom":{{"by":"{xuid}","for":"{other}"}}}}}}"#);
    let script = Script { aliases, recorded: Vec::new() };
    let script = script.then("host", put("1", &by("9000000000000001", "9000000000000001")), 201, None, "{}");
    let miss = missed(&script.filed(Live::One), [put("9", &by("2814000000000001", "2814000000000002"))]);
    tell("conflict", &miss);
}

#[test]
fn a_call_before_what_it_comes_after() {
    let script = hosted().then("guest", put("2", r#"{"members":{"me":{}}}"#), 200, Some(("e2", 2)), "0");
    told(Reason::TooEarly, &script.filed(Live::All), [put("8", r#"{"members":{"me":{}}}"#)]);
}

#[test]
fn a_call_after_what_replaced_it() {
    let script = Script::default().then("host", put("1", r#"{"a":1}"#), 404, None, "none");
    let script = script.then("host", put("1", r#"{"b":1}"#), 201, Some(("e1", 1)), "0");
    told(Reason::TooLate, &script.filed(Live::One), [put("9", r#"{"b":1}"#), put("9", r#"{"a":1}"#)]);
}

#[test]
fn a_write_that_was_all_played() {
    let post = |who| request(who, "POST", "/handles", &[], "{}");
    let script = Script::default().then("host", post("1"), 201, None, "{}");
    told(Reason::Exhausted, &script.filed(Live::One), [post("9"), post("9")]);
}

#[test]
fn a_read_once_too_often() {
    let script = Script::default().then("host", get("1"), 200, Some(("e1", 1)), "0");
    told(Reason::RepeatedTooOften, &script.filed(Live::One), [get("9"), get("9"), get("9")]);
}

#[test]
fn a_client_that_may_be_several() {
    let script = hosted().then("left", get("2"), 200, Some(("e1", 1)), "0");
    let script = script.then("right", get("3"), 200, Some(("e2", 2)), "0");
    told(Reason::LaneAmbiguous, &script.filed(Live::One), [put("9", &map("harbour")), get("8")]);
}

#[test]
fn an_answer_that_was_not_kept() {
    let mut script = hosted();
    let stored = StoredBody::withheld("it is too long", b"0");
    script.recorded[0].response_withheld = stored.as_withheld().cloned();
    told(Reason::NotReplayable, &script.filed(Live::One), [put("9", &map("harbour"))]);
}

#[test]
fn a_call_of_another_player() {
    let post = |who| request(who, "POST", "/handles", &[], "{}");
    let script = hosted().then("guest", post("2"), 201, None, "{}");
    let miss = missed(&script.filed(Live::One), [put("9", &map("harbour")), post("9")]);
    assert_eq!(miss.reason, Reason::NoSuchCall);
    tell("other-player", &miss);
}
