//! What a replay tells of itself through the real binary: its misses, its receipt, and how an exchange is matched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use tapdeck::cassette::Cassette;
use tapdeck::client::{Client, Way};
use tapdeck::exchange::{Outcome, Protocol};
use tapdeck::message::Response;
use tempfile::TempDir;

use crate::support::binary::{self, Deck, Ended};

const SESSIONS: &str = "/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/lobby/sessions";
const XUID: &str = "2814646326226712";

/// A directory with a recording of one player, made by the binary.
struct Place(TempDir);

impl Place {
    async fn recorded() -> Self {
        let place = Self(TempDir::new().unwrap());
        let deck = place.deck(&["record", "--upstream", "emulator", "lobby.cassette.json"]);
        let mut game = Game::of(&deck, "60f9d3f3-9d7a-4b76-8b43-2f6cf8c6a001").await;
        game.write("harbour").await;
        game.read().await;
        game.write("castle").await;
        drop(game);
        let ended = deck.stopped();
        assert!(ended.code == Some(0) && ended.talk.contains("this recording replays"), "{}", ended.talk);
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = binary::tapdeck(&self.at("home"));
        command.current_dir(self.0.path()).args(args);
        command
    }

    fn deck(&self, args: &[&str]) -> Deck {
        let mut command = self.command(args);
        command.args(["--listen", "127.0.0.1:0"]);
        Deck::of(command)
    }

    fn run(&self, args: &[&str]) -> Ended {
        let Output { status, stdout, stderr } = self.command(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: status.code(), stdout: text(stdout), talk: text(stderr) }
    }

    /// A replay of the recording, played by a game with a session of its own, and its receipt.
    async fn replay(&self, flags: &[&str], maps: &[&str]) -> (Vec<Response>, Ended, Value) {
        let args = ["replay", "lobby.cassette.json", "--receipt", "receipt.json"];
        let deck = self.deck(&[&args[..], flags].concat());
        let mut game = Game::of(&deck, "70f9d3f3-9d7a-4b76-8b43-2f6cf8c6a002").await;
        let mut answers = Vec::new();
        for map in maps {
            answers.push(if *map == "?" { game.read().await } else { game.write(map).await });
        }
        drop(game);
        let ended = deck.stopped();
        let receipt = serde_json::from_slice(&fs::read(self.at("receipt.json")).unwrap()).unwrap();
        (answers, ended, receipt)
    }
}

struct Game {
    client: Client,
    target: String,
}

impl Game {
    async fn of(deck: &Deck, session: &str) -> Self {
        let authority = deck.address.to_string();
        let client = Client::connect(deck.address, &authority, Way::Reverse, Protocol::H1).await.unwrap();
        Self { client, target: format!("{SESSIONS}/{session}") }
    }

    async fn write(&mut self, map: &str) -> Response {
        let me = format!(r#"{{"constants":{{"system":{{"xuid":"{XUID}","initialize":true}}}}}}"#);
        let body = format!(r#"{{"members":{{"me":{me}}},"properties":{{"custom":{{"map":"{map}"}}}}}}"#);
        self.send("PUT", body.as_bytes()).await
    }

    async fn read(&mut self) -> Response {
        self.send("GET", b"").await
    }

    async fn send(&mut self, method: &str, body: &[u8]) -> Response {
        let token = "XBL3.0 x=1234;token";
        let headers =
            [("authorization", token), ("x-xbl-contract-version", "107"), ("content-type", "application/json")];
        let headers = if body.is_empty() { &headers[..2] } else { &headers };
        self.client.send(method, &self.target, headers, body).await.unwrap()
    }
}

fn outcomes(answers: &[Response]) -> Vec<Option<&str>> {
    answers.iter().map(|answer| answer.headers.text("tapdeck-outcome")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_says_what_was_played() {
    let place = Place::recorded().await;
    let (answers, ended, receipt) = place.replay(&["--require-all-used"], &["harbour", "?", "?", "castle"]).await;
    assert_eq!(outcomes(&answers), ["bound", "hit", "repeat", "bound"].map(Some));
    assert_eq!(ended.code, Some(0), "{}", ended.talk);
    assert!(ended.talk.contains("\n3 hit (2 bound), 1 repeat, 0 miss, 0 unplayed, upstream 0;"), "{}", ended.talk);
    assert_eq!(receipt["cassette"], "lobby.cassette.json");
    assert_eq!(receipt["exchanges"], json!({"hit": 3, "bound": 2, "repeat": 1, "miss": 0, "unplayed": 0}));
    let lane = json!({"name": "player1", "live": true, "exchanges": 3, "played": 3, "repeats": 1});
    assert_eq!(receipt["lanes"], json!([lane]));
    assert_eq!((&receipt["misses"], &receipt["unplayed"]), (&json!([]), &json!([])));
    assert_eq!((&receipt["tunnels"], &receipt["upstream_connections"]), (&json!(0), &json!(0)));
    let of_class = |class: &str| {
        let all = receipt["bindings"].as_array().unwrap().iter();
        all.filter(|bound| bound["class"] == class).map(|bound| bound["live"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of_class("name"), [json!("70f9d3f3-9d7a-4b76-8b43-2f6cf8c6a002")]);
    assert_eq!(of_class("xuid"), [json!("redacted")]);
    let written = fs::read_to_string(place.at("receipt.json")).unwrap();
    place.replay(&[], &["harbour", "?", "?", "castle"]).await;
    assert_eq!(fs::read_to_string(place.at("receipt.json")).unwrap(), written, "the same play, the same receipt");
    let keys: Vec<&String> = receipt.as_object().unwrap().keys().collect();
    let documented = include_str!("../../docs/receipt.md");
    assert!(keys.iter().all(|key| documented.contains(&format!("| `{key}` |"))), "{keys:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_miss_gives_lines_that_make_it_a_hit_when_pasted() {
    let place = Place::recorded().await;
    let (answers, ended, receipt) = place.replay(&["--require-all-used"], &["harbour", "?", "forest", "castle"]).await;
    assert_eq!(outcomes(&answers), ["bound", "hit", "miss", "bound"].map(Some), "a miss uses up nothing");
    assert_eq!((answers[2].status, ended.code), (501, Some(1)));
    assert_eq!((&receipt["exchanges"]["miss"], &receipt["exchanges"]["unplayed"]), (&json!(1), &json!(0)));
    let difference = &receipt["misses"][0]["nearest"][0]["differences"][0];
    let expected = json!({"place": "body /properties/custom/map", "recorded": "\"castle\"", "live": "\"forest\""});
    assert_eq!(
        (difference, &receipt["misses"][0]["command"]),
        (&expected, &json!("tapdeck record --overwrite lobby.cassette.json"))
    );
    let problem: Value = serde_json::from_slice(answers[2].body.decoded().unwrap()).unwrap();
    assert_eq!(problem["paste"], receipt["misses"][0]["paste"]);

    let lines: Vec<&str> = ended.talk.lines().skip_while(|line| !line.contains("paste into tapdeck.toml:")).collect();
    let pasted: String = lines[1..4].iter().map(|line| format!("{}\n", line.trim())).collect();
    assert!(pasted.starts_with("[[volatile]]\n"), "{}", ended.talk);
    fs::write(place.at("tapdeck.toml"), &pasted).unwrap();
    let (answers, ended, _) = place.replay(&["--require-all-used"], &["forest", "?", "forest"]).await;
    assert_eq!(
        (outcomes(&answers), ended.code),
        (["bound", "hit", "bound"].map(Some).to_vec(), Some(0)),
        "{}",
        ended.talk
    );
    let shown = place.run(&["config", "show", "replay"]).stdout;
    assert!(shown.contains("[volatile]\n/properties/custom/map  session.put  tapdeck.toml:1"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_out_counts_when_that_is_asked_for() {
    let place = Place::recorded().await;
    let (_, ended, receipt) = place.replay(&[], &["harbour"]).await;
    assert_eq!((ended.code, &receipt["exchanges"]["unplayed"]), (Some(0), &json!(2)));
    let left = |at: usize| (receipt["unplayed"][at]["exchange"].clone(), receipt["unplayed"][at]["op"].clone());
    assert_eq!([left(0), left(1)], [(json!(2), json!("session.get")), (json!(3), json!("session.put"))]);
    let (_, ended, _) = place.replay(&["--require-all-used"], &["harbour"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.talk.contains("exchange 2 of player1, lobby.cassette.json:"), "{}", ended.talk);
    let (_, ended, _) = place.replay(&["--require-all-used"], &["forest"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(!ended.talk.contains("was not asked for"), "a miss tells enough: {}", ended.talk);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_only_what_was_recorded_when_that_is_asked_for() {
    let place = Place::recorded().await;
    let (answers, ended, receipt) = place.replay(&["--no-outcome-header"], &["harbour", "?", "?", "forest"]).await;
    assert_eq!((outcomes(&answers), ended.code), (vec![None; 4], Some(1)));
    assert_eq!(receipt["exchanges"]["repeat"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_really_sent_is_kept() {
    let place = Place::recorded().await;
    let save = ["--save-live", "live.cassette.jsonl"];
    let (_, ended, _) = place.replay(&save, &["harbour", "forest"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.talk);
    let live = Cassette::read(&place.at("live.cassette.jsonl")).unwrap();
    let kept: Vec<_> = live.exchanges().map(|record| (record.outcome, record.response().status)).collect();
    assert_eq!(kept, [(Outcome::Answered, 201), (Outcome::Refused, 501)], "one call, one miss");
    let miss = live.exchanges().nth(1).unwrap().response();
    assert_eq!(miss.headers.text("tapdeck-outcome"), Some("miss"));
    let text = fs::read_to_string(place.at("live.cassette.jsonl")).unwrap();
    assert!(text.contains("forest") && !text.contains(XUID), "{text}");
    let shown = place.run(&["cassette", "show", "live.cassette.jsonl"]);
    assert!(shown.code == Some(0) && shown.stdout.contains("refused"), "{}", shown.stdout);
    assert!(matches!(place.run(&["check", "live.cassette.jsonl"]).code, Some(0 | 1)));

    let again = place.run(&["replay", "lobby.cassette.json", "--listen", "127.0.0.1:0", save[0], save[1]]);
    assert_eq!(again.code, Some(2), "{}", again.talk);
    assert!(again.talk.contains("live.cassette.jsonl") && again.talk.contains("hint: "), "{}", again.talk);
    assert_eq!(fs::read_to_string(place.at("live.cassette.jsonl")).unwrap(), text);
    let named = place.run(&["replay", "lobby.cassette.json", "--save-live", "live.json"]);
    assert!(named.code == Some(2) && named.talk.contains(".cassette.jsonl"), "{}", named.talk);
}

#[test]
fn a_field_that_cannot_be_is_named_with_its_place() {
    let place = Place(TempDir::new().unwrap());
    for (file, told) in [
        ("[[volatile]]\nop = \"session.putt\"\npointer = \"/a\"\n", "2:6: volatile.op: there is no operation"),
        ("[[volatile]]\npointer = \"a\"\n", "2:11: volatile.pointer: write a JSON pointer"),
        ("[[volatile]]\nheader = \"user-agent\"\n", "2:10: volatile.header: no other header is compared"),
        ("[[volatile]]\nop = \"session.put\"\n", "1:1: volatile: it names no place"),
        ("[[volatile]]\npointer = \"/a\"\nquery = \"b\"\n", "3:1: volatile: a second place"),
        ("[[volatile]]\nclass = \"guid\"\n", "2:1: volatile: there is no key `class`"),
        ("[[bound]]\npointer = \"/a\"\n", "1:1: bound: it has no class"),
        ("[[bound]]\npointer = \"/a\"\nclass = \"gid\"\n", "3:9: bound.class: it is one of name, guid"),
        ("[[bound]]\nheader = \"x-xbl-deny-scope\"\n", "2:1: bound: there is no key `header`"),
        ("[bound]\npointer = \"/a\"\n", "bound: write tables, each [[bound]]"),
        ("volatile = [1]\n", "1:13: volatile: write tables, each [[volatile]]"),
    ] {
        fs::write(place.at("tapdeck.toml"), file).unwrap();
        let ended = place.run(&["rules"]);
        assert_eq!(ended.code, Some(2), "{file}: {}", ended.talk);
        assert!(ended.talk.starts_with("error: tapdeck.toml:") && ended.talk.contains(told), "{file}: {}", ended.talk);
    }
}

#[test]
fn each_part_of_an_exchange_is_explained() {
    let place = Place(TempDir::new().unwrap());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fields = "[[volatile]]\nop = \"session.put\"\npointer = \"/properties/custom/map\"\n";
    fs::write(place.at("tapdeck.toml"), fields).unwrap();
    for (name, exchange) in [("lobby-race", 1), ("lobby-race", 3), ("lobby-race", 8), ("taps", 4), ("violations", 5)] {
        let cassette = root.join(format!("cassettes/{name}.cassette.json"));
        let ended = place.run(&["cassette", "explain", cassette.to_str().unwrap(), &exchange.to_string()]);
        assert_eq!(ended.code, Some(0), "{}", ended.talk);
        let golden = root.join(format!("tests/golden/explain-{name}-{exchange}.txt"));
        if std::env::var_os("TAPDECK_BLESS").is_some() {
            fs::write(&golden, &ended.stdout).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default().replace("\r\n", "\n");
        let hint = "`TAPDECK_BLESS=1 cargo test --test it explain` writes it anew";
        assert!(ended.stdout == expected, "{} is stale; {hint}:\n{}", golden.display(), ended.stdout);
    }
    let cassette = root.join("cassettes/taps.cassette.json");
    let none = place.run(&["cassette", "explain", cassette.to_str().unwrap(), "99"]);
    assert!(none.code == Some(2) && none.talk.contains("it has the exchanges 1 to "), "{}", none.talk);
}
