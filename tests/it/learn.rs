//! `tapdeck cassette learn`: what it prints, pasted, lets one take of a script answer another.

use std::fs;
use std::path::{Path, PathBuf};

use tapdeck::client::{Client, Way};
use tapdeck::exchange::Protocol;
use tempfile::TempDir;

use crate::support::binary::{self, Deck, Ended};
use crate::support::text;

/// One performance of the script: who plays, where, and what the game measured.
struct Take {
    xuid: &'static str,
    session: &'static str,
    pings: [u32; 2],
    build: &'static str,
}

const FIRST: Take = Take {
    xuid: "2814639011617876",
    session: "60f9d3f3-9d7a-4b76-8b43-2f6cf8c6a001",
    pings: [12, 7],
    build: r#""1.0""#,
};
const SECOND: Take = Take {
    xuid: "2814639022222222",
    session: "0b5d2c1a-7c6e-4c55-9d11-3f0a8f5c0002",
    pings: [31, 9],
    build: r#""1.0""#,
};

impl Take {
    /// Makes a lobby, says more about oneself, and looks; the statuses.
    async fn play(&self, deck: &Deck) -> Vec<u16> {
        let token = format!("XBL3.0 x={};eyJhbGciOiJub25lIn0.eyJ4IjoxfQ.c2ln", self.xuid);
        let headers = [("authorization", token.as_str()), ("x-xbl-contract-version", "107")];
        let scid = "00000000-0000-0000-0000-0000000c0de1";
        let path = format!("/serviceconfigs/{scid}/sessionTemplates/lobby/sessions/{}", self.session);
        let (xuid, build) = (self.xuid, self.build);
        let joins = |ping: u32| {
            format!(
                r#"{{"members":{{"me":{{"constants":{{"system":{{"xuid":"{xuid}","initialize":true}}}},"properties":{{"system":{{"active":true}},"custom":{{"ping":{ping},"build":{build}}}}}}}}}}}"#
            )
        };
        let mut client =
            Client::connect(deck.address, &deck.address.to_string(), Way::Reverse, Protocol::H1).await.unwrap();
        let mut statuses = Vec::new();
        for (method, body) in [("PUT", joins(self.pings[0])), ("PUT", joins(self.pings[1])), ("GET", String::new())] {
            statuses.push(client.send(method, &path, &headers, body.as_bytes()).await.unwrap().status);
        }
        statuses
    }

    async fn record(&self, home: &TempDir, name: &str) -> PathBuf {
        let cassette = home.path().join(format!("{name}.cassette.json"));
        let deck = Deck::start(home.path(), &["record", "--upstream", "emulator", text(&cassette)]);
        assert_eq!(self.play(&deck).await, [201, 200, 200]);
        let ended = deck.stopped();
        assert_eq!(ended.code, Some(0), "{}", ended.talk);
        cassette
    }
}

fn learn(home: &TempDir, first: &Path, second: &Path) -> Ended {
    binary::run(home.path(), &["cassette", "learn", text(first), text(second)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_learned_and_pasted_lets_the_first_take_answer_the_second() {
    let home = TempDir::new().unwrap();
    let (first, second) = (FIRST.record(&home, "first").await, SECOND.record(&home, "second").await);
    let replay = |options: &[&str]| Deck::start(home.path(), &[options, &["replay", text(&first)]].concat());

    let deck = replay(&[]);
    assert!(SECOND.play(&deck).await.contains(&501), "nothing differs");
    assert_eq!(deck.stopped().code, Some(1));

    let learned = learn(&home, &first, &second);
    assert_eq!(learned.code, Some(0), "{}", learned.talk);
    assert!(
        learned.stdout.contains(" has 12, ")
            && learned.stdout.ends_with(
                ", 2 times\n[[volatile]]\nop = \"session.put\"\npointer = \"/members/me/properties/custom/ping\"\n"
            ),
        "{}",
        learned.stdout
    );
    assert!(learned.talk.contains("1 table to paste into tapdeck.toml"), "{}", learned.talk);

    let settings = home.path().join("pasted.toml");
    fs::write(&settings, &learned.stdout).unwrap();
    let deck = replay(&["--config", text(&settings)]);
    assert_eq!(SECOND.play(&deck).await, [201, 200, 200]);
    let ended = deck.stopped();
    assert!(ended.code == Some(0) && ended.talk.contains("0 miss"), "{}", ended.talk);

    let again =
        binary::run(home.path(), &["--config", text(&settings), "cassette", "learn", text(&first), text(&second)]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), ""), "{}", again.talk);
    assert!(again.talk.contains("the two takes agree"), "{}", again.talk);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_volatile_is_told_and_fails() {
    let home = TempDir::new().unwrap();
    let first = FIRST.record(&home, "first").await;
    let second = Take { build: r#"{"major":1}"#, ..SECOND }.record(&home, "second").await;
    let learned = learn(&home, &first, &second);
    assert_eq!(learned.code, Some(1), "{}", learned.talk);
    assert!(learned.stdout.contains("/custom/ping") && !learned.stdout.contains("build"), "{}", learned.stdout);
    let told: Vec<_> = learned.talk.lines().filter(|line| line.contains("/custom/build: \"1.0\" there")).collect();
    assert_eq!(told.len(), 2, "{}", learned.talk);
    assert!(
        told[0].starts_with(&format!("{}:", second.display()))
            && told[0].contains(&format!("beside {}:", first.display()))
    );
}
