//! The command line as people and scripts meet it: clear failures, exit codes, signals, and what goes to which stream.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tapdeck::client::{Client, Way};
use tapdeck::exchange::Protocol;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::support::binary::{self, Deck, Ended};
use crate::support::{HOST, Reaction, Service, json, text};

const SESSION: &str = "/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/lobby/sessions/\
                       60f9d3f3-9d7a-4b76-8b43-2f6cf8c6a001";
const LOBBY: &[u8] = br#"{"members":{"me":{"constants":{"system":{"xuid":"2814639011617876","initialize":true}},"properties":{"system":{"active":true}}}}}"#;
const AUTHORIZATION: (&str, &str) = ("authorization", "XBL3.0 x=8157204361927364;eyJhbGciOiJub25lIn0.eyJ4IjoxfQ.c2ln");
const VERSION: (&str, &str) = ("x-xbl-contract-version", "107");

/// A cassette the demo made.
fn demo(home: &TempDir) -> PathBuf {
    let kept = home.path().join("story");
    let ended = binary::run(home.path(), &["demo", "--keep", text(&kept)]);
    assert_eq!(ended.code, Some(0), "{}", ended.talk);
    kept.join("demo.cassette.json")
}

/// One clear failure: an `error:` line, a `hint:` line, the documented code, and no data.
fn fails(home: &Path, args: &[&str], code: i32, told: &str) {
    let Ended { code: ended, stdout, talk } = binary::run(home, args);
    assert_eq!((ended, stdout.as_str()), (Some(code), ""), "{args:?}: {talk}");
    let count = |start: &str| talk.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!((count("error: "), count("hint: ")), (1, 1), "{args:?}: {talk}");
    let error = talk.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(error.contains(told), "{args:?}: {talk}");
}

#[tokio::test]
async fn what_cannot_be_is_said_in_one_line_with_a_hint() {
    let home = TempDir::new().unwrap();
    let at = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let (fresh, busy) = (at("a.cassette.json"), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let busy = busy.local_addr().unwrap().to_string();
    let record = |more: &[&'static str]| [&["record", "--listen", "127.0.0.1:0"], more].concat();
    let cases: [(Vec<&str>, i32, &str); 18] = [
        (vec!["replay", "--bogus"], 2, "--bogus"),
        (vec!["replai"], 2, "replai"),
        (vec!["cassette", "show"], 2, "required"),
        (vec!["replay", "--admin", "off"], 2, "nothing is played"),
        (vec!["rules", "nonsense"], 2, "nonsense"),
        (vec!["emulate", "--listen", "nowhere"], 2, "nowhere"),
        (vec!["emulate", "--listen", "0.0.0.0:0"], 2, "other machines reach"),
        (vec!["emulate", "--listen", "[::]:0"], 2, "other machines reach"),
        (vec!["emulate", "--allow", "lan"], 2, "192.168.1.0/24"),
        (vec!["emulate", "--admin", "0.0.0.0:0"], 2, "other machines reach"),
        (vec!["emulate", "--log-level", "loud"], 2, "loud"),
        (vec!["record", "a.json"], 2, ".cassette.json"),
        ([record(&["--upstream", "nonsense"]), vec![&fresh]].concat(), 2, "http://"),
        ([record(&["--upstream", "ftp://x"]), vec![&fresh]].concat(), 2, "http://"),
        ([record(&["--upstream", "https://x/y"]), vec![&fresh]].concat(), 2, "no path"),
        ([record(&["--upstream-ca", "/no/such.pem"]), vec![&fresh]].concat(), 2, "/no/such.pem"),
        (record(&["--upstream", "emulator", "/no/such/a.cassette.json"]), 3, "/no/such/a.cassette.jsonl"),
        (vec!["record", "--upstream", "emulator", "--listen", &busy, &fresh], 3, &busy),
    ];
    for (args, code, told) in cases {
        fails(home.path(), &args, code, told);
    }
    let hint = |args: &[&str]| binary::run(home.path(), args).talk;
    let told = hint(&["emulate", "--listen", "192.168.7.20:0"]);
    assert!(told.contains("`--allow 192.168.7.0/24`") && told.contains("--proxy-password"), "{told}");
    let told = hint(&["emulate", "--admin", "0.0.0.0:0"]);
    assert!(told.contains("TAPDECK_ADMIN_TOKEN"), "{told}");
    assert!(!Path::new(&fresh).exists() && !Path::new(&at("a.cassette.jsonl")).exists(), "a failure left a file");
}

#[test]
fn a_cassette_that_cannot_be_read_is_code_4_and_stays_as_it_is() {
    let home = TempDir::new().unwrap();
    let good = demo(&home);
    let sealed = fs::read_to_string(&good).unwrap();
    let broken = [
        ("missing", None, "cannot read"),
        ("words", Some("hello".to_owned()), "not JSON"),
        ("empty", Some(String::new()), "is empty"),
        ("other", Some("{}".to_owned()), "is not a cassette"),
        ("torn", Some(sealed[..sealed.len() / 2].to_owned()), "not JSON"),
        ("newer", Some(sealed.replace(r#""format": "1.0""#, r#""format": "2.0""#)), "format 2.0 is newer"),
    ];
    for (name, content, told) in broken {
        let path = home.path().join(format!("{name}.cassette.json"));
        if let Some(content) = &content {
            fs::write(&path, content).unwrap();
        }
        for args in
            [&["replay", "--listen", "127.0.0.1:0"][..], &["check"], &["cassette", "show"], &["cassette", "fmt"]]
        {
            fails(home.path(), &[args, &[text(&path)]].concat(), 4, told);
        }
        assert_eq!(fs::read_to_string(&path).ok(), content, "{name} was changed");
    }
    let edited = home.path().join("edited.cassette.json");
    fs::write(&edited, sealed.replace("harbour", "harbors")).unwrap();
    fails(home.path(), &["replay", "--listen", "127.0.0.1:0", "--require-seal", text(&edited)], 4, "edited");
    let played = Deck::start(home.path(), &["replay", text(&edited)]).stopped();
    assert!(played.code == Some(0) && played.talk.contains("warning: "), "{}", played.talk);
    let checked = binary::run(home.path(), &["cassette", "fmt", "--check", text(&edited)]);
    let told = "edited.cassette.json: not canonical: the seal did not match\n";
    assert!(checked.code == Some(1) && checked.talk.ends_with(told), "{}", checked.talk);
    assert_eq!(binary::run(home.path(), &["cassette", "fmt", text(&edited)]).code, Some(0));
    let played = Deck::start(home.path(), &["replay", "--require-seal", text(&edited)]).stopped();
    assert!(played.code == Some(0) && !played.talk.contains("warning: "), "{}", played.talk);
}

#[test]
fn nothing_recorded_is_overwritten_unasked() {
    let home = TempDir::new().unwrap();
    let good = demo(&home);
    let sealed = fs::read(&good).unwrap();
    let record = ["record", "--listen", "127.0.0.1:0", "--upstream", "emulator"];
    fails(home.path(), &[&record[..], &[text(&good)]].concat(), 2, "demo.cassette.json exists");
    // A recording into which nothing came does not replace what was there, either.
    let empty = Deck::start(home.path(), &["record", "--upstream", "emulator", "--overwrite", text(&good)]).stopped();
    assert!(empty.code == Some(0) && empty.talk.contains("no call arrived"), "{}", empty.talk);
    assert_eq!(fs::read(&good).unwrap(), sealed);

    let left = home.path().join("left.cassette.jsonl");
    fs::write(&left, "what a crash left").unwrap();
    let next = home.path().join("left.cassette.json");
    fails(home.path(), &[&record[..], &[text(&next)]].concat(), 3, "left.cassette.jsonl exists");
    fails(home.path(), &[&record[..], &["--overwrite", text(&next)]].concat(), 3, "left.cassette.jsonl exists");
    assert_eq!(fs::read_to_string(&left).unwrap(), "what a crash left");
}

/// A deck recording a service that holds its second call until the gate opens.
struct Held {
    home: TempDir,
    deck: Deck,
    gate: Arc<Notify>,
    cassette: PathBuf,
    _service: Service,
    waiting: tokio::task::JoinHandle<Option<u16>>,
}

async fn held() -> Held {
    let home = TempDir::new().unwrap();
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    let service = Service::start(move |seen| match seen.method.as_str() {
        "PUT" => Reaction::Hold(Arc::clone(&opened), json(201, "{}")),
        _ => Reaction::Answer(json(200, "{}")),
    })
    .await;
    let cassette = home.path().join("held.cassette.json");
    let resolve = format!("{HOST}={}", service.address);
    let args = ["record", text(&cassette), "--resolve", &resolve, "--upstream-ca", text(&service.root)];
    let deck = Deck::start(home.path(), &args);
    let root = fs::read_to_string(home.path().join("ca/cert.pem")).unwrap();
    let mut client = Client::connect(deck.address, HOST, Way::Connect(root), Protocol::H2).await.unwrap();
    assert_eq!(client.send("GET", SESSION, &[AUTHORIZATION, VERSION], b"").await.unwrap().status, 200);
    let waiting = tokio::spawn(async move {
        client.send("PUT", SESSION, &[AUTHORIZATION, VERSION], LOBBY).await.ok().map(|answer| answer.status)
    });
    service.wait_seen(2).await;
    Held { home, deck, gate, cassette, _service: service, waiting }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_signal_lets_calls_end_and_seals() {
    for signal in ["INT", "TERM"] {
        let mut held = held().await;
        held.deck.signal(signal);
        held.deck.hear("stopping: waiting for calls to end");
        assert!(!held.waiting.is_finished() && !held.cassette.exists());
        held.gate.notify_one();
        assert_eq!(held.waiting.await.unwrap(), Some(201));
        let ended = held.deck.ended();
        assert!(ended.code == Some(0) && ended.talk.contains("2 exchanges in 1 lane;"), "{}", ended.talk);
        assert!(held.cassette.exists() && !held.cassette.with_extension("jsonl").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_signal_cuts_off_and_keeps_the_journal() {
    let mut held = held().await;
    held.deck.signal("INT");
    held.deck.hear("stopping: waiting for calls to end");
    held.deck.signal("INT");
    let ended = held.deck.ended();
    assert!(ended.code == Some(3) && ended.talk.contains("cut off; the journal stays"), "{}", ended.talk);
    assert_eq!(held.waiting.await.unwrap(), None);
    let journal = held.cassette.with_extension("jsonl");
    assert!(!held.cassette.exists() && journal.exists());
    let saved = binary::run(held.home.path(), &["cassette", "fsck", text(&journal)]);
    assert!(saved.code == Some(0) && saved.talk.contains(": 1 exchange in 1 lane"), "{}{}", saved.stdout, saved.talk);
    assert!(held.cassette.exists() && !journal.exists());
}

#[test]
fn every_command_shows_an_example() {
    let home = TempDir::new().unwrap();
    let commands = "|demo|record|replay|run|watch|emulate|check|drift|rules|contract|devkit|devkit status|devkit enable|\
                    devkit disable|cassette|cassette show|cassette explain|cassette learn|cassette fmt|cassette fsck|\
                    cassette trim|ca|ca create|ca import|ca show|ca path|ca export|ca install|ca uninstall|ca doctor|\
                    init|config|config show|config schema|completions|man";
    for command in commands.split('|') {
        let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let Ended { code, stdout, talk } = binary::run(home.path(), &args);
        assert_eq!((code, talk.as_str()), (Some(0), ""), "{command}");
        assert!(
            stdout.contains("Example") && stdout.contains("\n  tapdeck ") || command == "ca path",
            "{command}: {stdout}"
        );
        assert!(stdout.contains("tapdeck ca path") || command != "ca path", "{stdout}");
    }
    let help = binary::run(home.path(), &["--help"]).stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for line in listed {
        let name = line.split_whitespace().next().unwrap();
        assert!(name == "help" || commands.split('|').any(|known| known == name), "{name} has no place in this test");
    }
}

#[test]
fn the_demo_tells_its_story_as_data() {
    let home = TempDir::new().unwrap();
    let Ended { code, stdout, talk } = binary::run(home.path(), &["demo"]);
    assert_eq!((code, talk.as_str()), (Some(0), ""), "{stdout}");
    for told in ["contract-version-missing", "active-and-ready", "this recording replays", "0 miss, 0 unplayed"] {
        assert!(stdout.contains(told), "{told}: {stdout}");
    }
}

#[test]
fn rules_are_listed_and_explained() {
    let home = TempDir::new().unwrap();
    let list = binary::run(home.path(), &["rules"]);
    assert_eq!((list.code, list.talk.as_str()), (Some(0), ""));
    for rule in tapdeck::contract::rules() {
        assert!(list.stdout.lines().any(|line| line.contains(rule.id)), "{} is not listed", rule.id);
    }
    let page = binary::run(home.path(), &["rules", "contract-version-missing"]);
    let rule = tapdeck::contract::rule("contract-version-missing").unwrap();
    assert_eq!(page.code, Some(0), "{}", page.talk);
    assert!(page.stdout.contains(rule.id) && page.stdout.contains(rule.citation), "{}", page.stdout);
}

#[test]
fn a_check_finds_what_was_done_and_says_where() {
    let home = TempDir::new().unwrap();
    let good = demo(&home);
    let checked = binary::run(home.path(), &["check", text(&good)]);
    assert_eq!((checked.code, checked.talk.as_str()), (Some(0), ""), "the service rejected both: {}", checked.stdout);
    let checked = binary::run(home.path(), &["check", "--fail-on", "info", text(&good)]);
    assert_eq!((checked.code, checked.talk.as_str()), (Some(1), ""), "{}", checked.stdout);
    let found: Vec<_> = checked.stdout.lines().filter(|line| line.contains(": info ")).collect();
    assert!(found.len() == 2 && found[0].contains("contract-version-missing"), "{}", checked.stdout);
    assert!(found[1].contains("active-and-ready") && found[1].contains("/members/me/properties/system"), "{found:?}");

    let listed = binary::run(home.path(), &["check", "--format", "json", text(&good)]);
    let listed: Vec<serde_json::Value> = serde_json::from_str(&listed.stdout).unwrap();
    let rules: Vec<_> = listed.iter().map(|finding| finding["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["contract-version-missing", "active-and-ready"]);
    let lines = fs::read_to_string(&good).unwrap();
    let line = usize::try_from(listed[0]["line"].as_u64().unwrap()).unwrap();
    assert_eq!(lines.lines().nth(line - 1), Some("        \"headers\": ["), "there is no such header");
}

/// A client that comes to the deck's own address.
async fn reverse(deck: &Deck) -> Client {
    Client::connect(deck.address, &deck.address.to_string(), Way::Reverse, Protocol::H1).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enforcing_answers_what_breaks_a_rule() {
    let home = TempDir::new().unwrap();
    let service = Service::answering(json(200, "{}")).await;
    let resolve = format!("{HOST}={}", service.address);
    let upstream = format!("https://{HOST}");
    let args = ["watch", "--upstream", &upstream, "--resolve", &resolve, "--upstream-ca", text(&service.root)];
    let muddled = br#"{"members":{"me":{"properties":{"system":{"active":true,"ready":true}}}}}"#;
    for (enforce, statuses) in [(&["--enforce"][..], [406, 400, 200]), (&[], [200, 200, 200])] {
        let before = service.seen().len();
        let deck = Deck::start(home.path(), &[&args[..], enforce].concat());
        let mut client = reverse(&deck).await;
        let sent = [
            client.send("GET", SESSION, &[AUTHORIZATION, ("x-xbl-contract-version", "99")], b"").await.unwrap(),
            client.send("PUT", SESSION, &[AUTHORIZATION, VERSION], muddled).await.unwrap(),
            client.send("GET", SESSION, &[AUTHORIZATION, VERSION], b"").await.unwrap(),
        ];
        assert_eq!(sent.map(|answer| answer.status), statuses, "{enforce:?}");
        let reached = statuses.iter().filter(|status| **status == 200).count();
        assert_eq!(service.seen().len() - before, reached, "{enforce:?}");
        drop(client);
        let ended = deck.stopped();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "findings of a watch are no failure");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_reports_findings_as_json_lines() {
    let home = TempDir::new().unwrap();
    let deck = Deck::start(home.path(), &["watch", "--upstream", "emulator", "--log-format", "json"]);
    let mut client = reverse(&deck).await;
    client.send("GET", SESSION, &[AUTHORIZATION], b"").await.unwrap();
    drop(client);
    let ended = deck.stopped();
    let lines = ended.talk.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let finding = lines.into_iter().find(|line| line["rule"] == "contract-version-missing");
    let finding = finding.unwrap_or_else(|| panic!("{}", ended.talk));
    assert_eq!((&finding["severity"], &finding["op"]), (&"info".into(), &"session.get".into()));
    assert_eq!(finding["rejected"], 400, "the service said so itself");
    assert_eq!(finding["place"], "header x-xbl-contract-version");
    assert_eq!(finding["citation"], tapdeck::contract::rule("contract-version-missing").unwrap().citation);
    assert!(ended.talk.contains("1 call from 1 client: 0 errors,"), "{}", ended.talk);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = TempDir::new().unwrap();
    let good = demo(&home);
    let commands: [&[&str]; 5] = [
        &["rules"],
        &["cassette", "show", text(&good)],
        &["cassette", "show", text(&good), "1"],
        &["ca", "export", "--format", "der"],
        &["ca", "export"],
    ];
    for args in commands {
        let mut command = binary::tapdeck(home.path());
        let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut talk = String::new();
        child.stderr.take().unwrap().read_to_string(&mut talk).unwrap();
        assert_eq!((child.wait().unwrap().code(), talk.as_str()), (Some(0), ""), "{args:?}");
    }
}
