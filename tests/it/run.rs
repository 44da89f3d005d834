//! Decks that tell where they are, and `tapdeck run`, through the real binary.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::binary::Deck;
use crate::support::text;

const INVITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/invite.cassette.json");

/// Each command that serves.
fn serving(home: &Path) -> [Vec<String>; 4] {
    let cassette = home.join("ready.cassette.json");
    let commands: [&[&str]; 4] =
        [&["emulate"], &["record", "--upstream", "emulator", text(&cassette)], &["replay", INVITE], &["watch"]];
    commands.map(|command| command.iter().map(|&word| word.to_owned()).collect())
}

/// The line a deck tells where it is in.
fn told(line: &str, deck: &Deck, home: &Path) -> Value {
    let ready: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert!(line.ends_with('\n') && line.lines().count() == 1, "{line}");
    assert_eq!(ready["proxy"], format!("http://{}", deck.address));
    assert_eq!(ready["ca"], text(&home.join("ca/cert.pem")));
    ready
}

#[test]
fn each_deck_writes_where_it_is_once_it_listens_and_takes_it_back() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("ready.json");
    for command in serving(home.path()) {
        // What a killed one left behind misleads nobody.
        std::fs::write(&file, "{}").unwrap();
        let args: Vec<&str> = command.iter().map(String::as_str).chain(["--ready-file", text(&file)]).collect();
        let deck = Deck::start(home.path(), &args);
        let ready = told(&std::fs::read_to_string(&file).unwrap(), &deck, home.path());
        assert_eq!(ready["pid"], deck.id(), "{command:?}");
        if command[0] == "emulate" {
            assert_eq!(ready["control"], format!("http://{}", deck.control()));
        }
        assert_eq!(deck.stopped().code, Some(0), "{command:?}");
        assert!(!file.exists(), "{command:?}");
    }
}

#[test]
fn the_ready_line_can_be_read_from_standard_output() {
    let home = TempDir::new().unwrap();
    let deck = Deck::start(home.path(), &["replay", INVITE, "--ready-file", "-"]);
    let address = deck.address;
    let ended = deck.stopped();
    let ready: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(ready["proxy"], format!("http://{address}"));
}
