//! The documented scenarios as data: `tests/scenarios/*.json`, played against the emulator, recorded through the deck,
//! and replayed from that recording by clients whose ids are all fresh.
//!
//! A file is a list of steps, in order:
//!
//! | step | what happens |
//! | --- | --- |
//! | `{"as": "A", "do": "PUT /path", "headers": {…}, "body": …, "status": 200, "see": …, "head": {…}}` | player A calls; the answer must have that status and show at least `see`, and these headers |
//! | the same with `"times": 30, "pause": 100` | that often, with the clock moved by so many ms in between; `${n}` counts |
//! | `{"as": "A", "open": "a", "protocol": …, "status": 101}` | A opens a WebSocket |
//! | `{"as": "A", "listen": "a"}` | the same as XSAPI does it, and A subscribes to its connection: from now on there is `${A.connection}` |
//! | `{"on": "a", "say": …, "hear": …}` | a message is sent; the next to arrive must show at least `hear` |
//! | `{"on": "a", "hear": …}` | the next message must show at least that |
//! | `{"on": "a", "tap": "lobby/L1", "change": 2}` | the next message must be an event with this one tap, of just `now` (`at`), for `${A.sub}` (`for`): a socket is named after its player |
//! | `{"quiet": ["a", "b"]}` | nothing has been sent that was not heard; in the end this holds for every socket |
//! | `{"on": "a", "hang-up": "closed"}` | the client goes, with a close message or (`broken`) without |
//! | `{"resync": true}` | the service asks everybody to look again |
//! | `{"advance": 30001}` | the emulator's clock moves, in ms |
//!
//! In a body that is seen, `"$name"` stands for a value: the first time it takes any, from then on it must be that one;
//! `"$!name"` is any other, `"$any"` any at all, `"$absent"` none and `"$empty"` an empty list or object. In texts,
//! `${name}` is a value known by then; `${name|lower}` and `${now+30000}` (a timestamp of the clock) are made from one.
//! Objects may hold more than is named, arrays not. `let` names JSON to be put in place of `"$name"`.
//!
//! Players A to D have `${A.xuid}`, `${A.sub}` (a subscription's id) and `"$A.in"`: what an active member writes who
//! listens and wants to know everything. Z is a server. What else clients make up is declared in `sessions`, `guids` and
//! `addresses`; what the emulator is set up with, in `policies`, `templates` and `graph`. `look-alikes` are players who
//! do the same with different outcomes: a replay has to be told who is whose stand-in. `breaks` are the rules of the
//! contract that clients break on purpose and get away with; what the service answers breaks none.

mod cast;
mod clients;
mod order;
mod script;
mod values;
mod verdict;
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::mutation;
use cast::{FIRST, PLAYERS, Player};
use script::Script;
use tapdeck::cassette::Cassette;
use tapdeck::conduct::Judge;
use tapdeck::contract::{Rule, Severity, Side};
use tapdeck::drift::Drift;
use tapdeck::report::Report;
use world::World;

#[tokio::test]
async fn every_scenario_holds_on_the_emulator() {
    played_by_all(|script| async move { script.play(&mut World::emulator(script.settings(FIRST))).await }).await;
}

#[tokio::test]
async fn every_scenario_is_recorded_and_plays_again_with_fresh_ids() {
    played_by_all(|script| async move {
        let mut stage = World::recording("taped", script.settings("taped")).await;
        script.play(&mut stage).await;
        let (_home, cassette) = stage.sealed().await;
        assert_eq!(alarms(&cassette), Vec::<String>::new());
        verdict::check(&cassette, &script.breaks, &script.title);
        let text = std::fs::read_to_string(&cassette).unwrap();
        for player in PLAYERS.map(|name| Player::of(name, "taped")) {
            assert!(!text.contains(&player.xuid) && !text.contains(&player.token()), "{}: {text}", player.name);
        }
        mutation::check(&Cassette::read(&cassette).unwrap());
        let mut stage = World::replaying("live", &cassette, &script.assigned(), script.takes_time()).await;
        script.play(&mut stage).await;
        stage.played_out();
    })
    .await;
}

/// What differs from take to take is no drift: every id, name, tag and time is another one.
#[tokio::test]
async fn every_scenario_recorded_again_shows_no_drift() {
    played_by_all(|script| async move {
        let mut takes = Vec::new();
        for take in ["taped", "again"] {
            let mut stage = World::recording(take, script.settings(take)).await;
            script.play(&mut stage).await;
            let (_home, cassette) = stage.sealed().await;
            takes.push(Cassette::read(&cassette).unwrap());
        }
        let drift = Drift::between(&takes[0], &takes[1]);
        assert!(drift.changes.is_empty() && drift.tally.compared > 0, "{}", drift.text("taped", "again"));
    })
    .await;
}

/// Plays every scenario, and fails with all that failed.
async fn played_by_all<F: Future<Output = ()> + Send + 'static>(play: impl Fn(Script) -> F) {
    let mut failed = Vec::new();
    for path in files() {
        if tokio::spawn(play(Script::read(&path))).await.is_err() {
            failed.push(path.file_name().unwrap().to_owned());
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

/// What is wrong with the emulator's answers and messages, and with the order of things: nothing, whatever clients do.
fn alarms(cassette: &Path) -> Vec<String> {
    let mut report = Report::default();
    report.cassette(&mut Judge::new(Arc::default()), &Cassette::read(cassette).unwrap(), "a");
    let is_alarm = |rule: &Rule| rule.side == Side::Service || rule.id == "connection-stale";
    let alarms = report.findings.iter().map(|located| &located.finding);
    let alarms = alarms.filter(|finding| is_alarm(finding.rule) && finding.severity != Severity::Info);
    alarms.map(|finding| format!("{}: {}: {}", finding.rule.id, finding.place, finding.message)).collect()
}

/// The scenario files, in order.
fn files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = std::fs::read_dir(directory).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(!files.is_empty());
    files
}
