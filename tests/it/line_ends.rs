//! Files as a checkout on Windows leaves them and its editors save them: CRLF, with a byte order mark. They mean the
//! same as they did.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tapdeck::client::{Client, Way};
use tapdeck::exchange::Protocol;
use tempfile::TempDir;

use crate::support::binary::{Deck, Ended, tapdeck};
use crate::support::text;

const SESSION: &str = "/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/duel/sessions/one";
const HEADERS: [(&str, &str); 3] =
    [("authorization", "XBL3.0 x=1234;token"), ("x-xbl-contract-version", "107"), ("content-type", "application/json")];
const LOBBY: &[u8] = br#"{"properties":{"custom":{"map":"harbour"}},"members":{"me":{"constants":{"system":{"xuid":"2814639011617876","initialize":true}},"properties":{"system":{"active":true}}}}}"#;

/// Files in two directories: as they are, and as Windows has them.
struct Both(TempDir);

impl Both {
    fn with(files: &[(&str, String)]) -> Self {
        let both = Self(TempDir::new().unwrap());
        for (name, text) in files {
            assert!(text.contains('\n') && !text.contains('\r'), "{name}");
            let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
            for (folder, text) in [("unix", text), ("windows", &windows)] {
                fs::create_dir_all(both.at(folder)).unwrap();
                fs::write(both.at(folder).join(name), text).unwrap();
            }
        }
        both
    }

    fn at(&self, folder: &str) -> PathBuf {
        self.0.path().join(folder)
    }

    /// Runs the binary in each, and gives how it ended if that is the same.
    fn run(&self, args: &[&str]) -> Ended {
        let [unix, windows] = ["unix", "windows"].map(|folder| {
            let mut command = tapdeck(self.0.path());
            let ended = command.current_dir(self.at(folder)).args(args).output().unwrap();
            let text = |bytes| String::from_utf8(bytes).unwrap();
            Ended { code: ended.status.code(), stdout: text(ended.stdout), talk: text(ended.stderr) }
        });
        assert_eq!((unix.code, &unix.stdout), (windows.code, &windows.stdout), "{args:?}:\n{}", windows.talk);
        assert_eq!(unix.talk, windows.talk, "{args:?}");
        windows
    }
}

fn committed(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// A journal that a killed deck left behind.
async fn journal() -> String {
    let home = TempDir::new().unwrap();
    let file = home.path().join("left.cassette.json");
    let mut deck = Deck::start(home.path(), &["record", "--upstream", "emulator", text(&file)]);
    let address = deck.address.to_string();
    let mut client = Client::connect(deck.address, &address, Way::Reverse, Protocol::H1).await.unwrap();
    assert_eq!(client.send("PUT", SESSION, &HEADERS, LOBBY).await.unwrap().status, 201);
    assert_eq!(client.send("GET", SESSION, &HEADERS, b"").await.unwrap().status, 200);
    deck.kill();
    drop(deck);
    fs::read_to_string(home.path().join("left.cassette.jsonl")).unwrap()
}

#[tokio::test]
async fn recordings_are_judged_and_played_alike() {
    let both = Both::with(&[
        ("a.cassette.json", committed("cassettes/violations.cassette.json")),
        ("left.cassette.jsonl", journal().await),
        ("chrome.har", committed("tests/it/har/chrome.har").replace("\"value\": \"107\"", "\"value\": \"1\"")),
    ]);
    for file in ["a.cassette.json", "left.cassette.jsonl", "chrome.har"] {
        let found = both.run(&["check", "--format", "json", file]).stdout;
        let found: Vec<Value> = serde_json::from_str(&found).unwrap();
        assert!(!found.is_empty(), "{file}");
    }
    for file in ["a.cassette.json", "left.cassette.jsonl"] {
        assert!(!both.run(&["cassette", "show", file]).stdout.is_empty(), "{file}");
    }
    let windows = both.at("windows");
    let played = Deck::start(&windows, &["replay", "--require-seal", text(&windows.join("a.cassette.json"))]).stopped();
    assert!(played.code == Some(0) && !played.talk.contains("warning: "), "{}", played.talk);
    let fixed = both.run(&["cassette", "fsck", "left.cassette.jsonl"]);
    assert_eq!(fixed.code, Some(0), "{}", fixed.talk);
    let sealed = |folder: &str| fs::read(both.at(folder).join("left.cassette.json")).unwrap();
    assert_eq!(sealed("unix"), sealed("windows"), "what is written is the same everywhere");
}

#[test]
fn a_baseline_knows_what_it_knew() {
    let home = TempDir::new().unwrap();
    let cassette = committed("cassettes/violations.cassette.json").replace("\"status\": 400", "\"status\": 200");
    fs::write(home.path().join("a.cassette.json"), &cassette).unwrap();
    let mut command = tapdeck(home.path());
    command.current_dir(home.path()).args(["check", "a.cassette.json", "--write-baseline", "known.json"]);
    assert_eq!(command.output().unwrap().status.code(), Some(0));
    let known = fs::read_to_string(home.path().join("known.json")).unwrap();
    let both = Both::with(&[("a.cassette.json", cassette), ("known.json", known)]);
    let checked = both.run(&["check", "--baseline", "known.json", "a.cassette.json"]);
    assert!(checked.code == Some(0) && checked.stdout.contains("known"), "{}{}", checked.stdout, checked.talk);
    assert_eq!(both.run(&["check", "a.cassette.json"]).code, Some(1), "they are faults without it");
}

const SETTINGS: &str = "# settings\nothers = \"refuse\"\n[record]\nseed = 7\n[emulator]\ntemplates = \"templates.json\"\n\
                        people = \"people.toml\"\nneighbours = \"neighbours.toml\"\n[rules]\nbody-on-get = \"off\"\n\
                        [[title]]\ntemplate = \"duel\"\nsession-properties = \"schema.json\"\n";

#[tokio::test]
async fn settings_mean_the_same() {
    let both = Both::with(&[
        ("tapdeck.toml", SETTINGS.to_owned()),
        ("templates.json", "{\"duel\": {\"constants\":\n {\"system\": {\"maxMembersCount\": 2}}}}\n".to_owned()),
        ("people.toml", committed("docs/people.toml")),
        ("neighbours.toml", committed("docs/neighbours.toml")),
        ("schema.json", "{\n \"properties\": {\"map\": {\"$ref\": \"types.json#/$defs/map\"}}}\n".to_owned()),
        ("types.json", "{\n \"$defs\": {\"map\": {\"type\": \"integer\"}}}\n".to_owned()),
        ("a.cassette.json", committed("cassettes/violations.cassette.json")),
    ]);
    let shown = both.run(&["config", "show", "--format", "json"]);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["commands"]["record"]["seed"]["origin"], "tapdeck.toml:4");
    both.run(&["check", "--format", "json", "a.cassette.json"]);
    for folder in ["unix", "windows"] {
        let mut command = tapdeck(both.0.path());
        command.current_dir(both.at(folder)).args(["emulate", "--listen", "127.0.0.1:0"]);
        let deck = Deck::of(command);
        let address = deck.address.to_string();
        let mut client = Client::connect(deck.address, &address, Way::Reverse, Protocol::H1).await.unwrap();
        let made = client.send("PUT", SESSION, &HEADERS, LOBBY).await.unwrap();
        let made: Value = serde_json::from_slice(made.body.wire()).unwrap();
        assert_eq!(made["constants"]["system"]["maxMembersCount"], 2, "{folder}: {made}");
        let ended = deck.stopped();
        assert!(ended.talk.contains("title-custom"), "{folder}: {}", ended.talk);
    }
}
