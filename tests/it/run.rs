//! Decks that tell where they are, and `tapdeck run`, through the real binary.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tapdeck::client::{Client, Way};
use tapdeck::exchange::Protocol;
use tempfile::TempDir;

use crate::support::binary::{self, Deck, Ended};
use crate::support::{HANG, text};

const INVITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/invite.cassette.json");
const SESSION: &str = "/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/lobby/sessions/\
                       60f9d3f3-9d7a-4b76-8b43-2f6cf8c6a001";
const LOBBY: &[u8] = br#"{"members":{"me":{"constants":{"system":{"xuid":"2814639011617876"}}}}}"#;
const HEADERS: [(&str, &str); 3] =
    [("authorization", "XBL3.0 x=1234;token"), ("x-xbl-contract-version", "107"), ("content-type", "application/json")];

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

/// `tapdeck run` around a command that reads our pipe, so that it ends when we want.
struct Running {
    child: Child,
    ready: PathBuf,
}

/// `tapdeck run` with a folder of its own for temporary files.
fn tapdeck_run(home: &Path, args: &[&str]) -> Command {
    let mut command = binary::tapdeck(home);
    let temporary = home.join("temporary");
    std::fs::create_dir_all(&temporary).unwrap();
    command.env("TMPDIR", temporary).arg("run").args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end, with nothing to read.
fn run(home: &Path, args: &[&str]) -> Ended {
    ended(tapdeck_run(home, args).stdin(Stdio::null()).spawn().unwrap(), home)
}

fn ended(child: Child, home: &Path) -> Ended {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    assert_eq!(std::fs::read_dir(home.join("temporary")).unwrap().count(), 0, "something was left behind");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: status.code(), stdout: text(stdout), talk: text(stderr) }
}

impl Running {
    fn start(home: &Path, args: &[&str], command: &[&str]) -> Self {
        let ready = home.join("ready.json");
        let args = [&["--ready-file", text(&ready)], args, &["--"], command].concat();
        // In a group of its own, so that no terminal of ours says what it hears.
        let child = tapdeck_run(home, &args).process_group(0).spawn().unwrap();
        Self { child, ready }
    }

    /// Where it listens, once it does.
    fn address(&self) -> SocketAddr {
        let end = Instant::now() + HANG;
        while !self.ready.exists() {
            assert!(Instant::now() < end, "it never says that it is ready");
            std::thread::sleep(Duration::from_millis(10));
        }
        let ready: Value = serde_json::from_slice(&std::fs::read(&self.ready).unwrap()).unwrap();
        ready["proxy"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// A call to it.
    async fn call(&self, method: &str, target: &str, body: &[u8]) -> u16 {
        let address = self.address();
        let mut client = Client::connect(address, &address.to_string(), Way::Reverse, Protocol::H1).await.unwrap();
        let headers = if body.is_empty() { &HEADERS[..2] } else { &HEADERS };
        client.send(method, target, headers, body).await.unwrap().status
    }

    /// Waits for a line of the command's.
    fn hear(&mut self) -> String {
        let (mut line, mut byte) = (Vec::new(), [0]);
        let out = self.child.stdout.as_mut().unwrap();
        while out.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap()
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.child.id())).status();
        assert!(sent.unwrap().success());
    }

    /// Lets the command end by giving it nothing more to read.
    fn ended(self, home: &Path) -> Ended {
        ended(self.child, home)
    }
}

#[test]
fn the_exit_code_is_the_commands_as_a_shell_gives_it() {
    let home = TempDir::new().unwrap();
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)] {
        let ended = run(home.path(), &["--replay", INVITE, "--", "sh", "-c", script]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{script}: {}", ended.talk);
        let closing = "0 hit (0 bound), 0 repeat, 0 miss, ";
        assert!(ended.talk.starts_with(closing) && ended.talk.contains(" s; no call came"), "{script}: {}", ended.talk);
        assert_eq!(ended.talk.lines().count(), 1, "{}", ended.talk);
    }
}

#[test]
fn a_command_that_cannot_be_run_is_said_and_leaves_nothing() {
    let home = TempDir::new().unwrap();
    let (plain, cassette) = (home.path().join("plain"), home.path().join("a.cassette.json"));
    std::fs::write(&plain, "no program").unwrap();
    for program in ["/no/such/program", text(&plain)] {
        let ways: [&[&str]; 2] = [&["--replay", INVITE], &["--record", text(&cassette), "--upstream", "emulator"]];
        for way in ways {
            let ended = run(home.path(), &[way, &["--", program]].concat());
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{}", ended.talk);
            assert!(ended.talk.starts_with(&format!("error: cannot run {program:?}: ")), "{}", ended.talk);
            assert!(ended.talk.contains("\nhint: ") && ended.talk.lines().count() == 2, "{}", ended.talk);
        }
    }
    let live = home.path().join("live.cassette.jsonl");
    assert_eq!(run(home.path(), &["--replay", INVITE, "--save-live", text(&live), "--", "/no/such"]).code, Some(2));
    assert!(!cassette.exists() && !cassette.with_extension("jsonl").exists() && !live.exists());
    for args in [&["--", "true"][..], &["--replay", INVITE], &["--replay", INVITE, "--junit", "-", "--", "true"]] {
        assert_eq!(run(home.path(), args).code, Some(2), "{args:?}");
    }
}

#[test]
fn a_deck_on_every_address_is_called_at_loopback() {
    let home = TempDir::new().unwrap();
    let ready = home.path().join("ready.json");
    let open = ["--listen", "0.0.0.0:0,player2=0.0.0.0:0", "--allow", "127.0.0.0/8", "--ready-file", text(&ready)];
    let control = ["--admin", "0.0.0.0:0", "--admin-token", "a-token-that-is-long-enough"];
    let command = ["--replay", INVITE, "--", "sh", "-c", "env; cat \"$0\"", text(&ready)];
    let ended = run(home.path(), &[&open[..], &control, &command].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.talk);
    for at in ["HTTPS_PROXY=http://", "TAPDECK_CONTROL=http://", r#""proxy":"http://"#, r#""control":"http://"#] {
        assert!(ended.stdout.contains(&format!("{at}127.0.0.1:")), "{at}: {}", ended.stdout);
    }
    assert!(!ended.stdout.contains("//0.0.0.0"), "{}", ended.stdout);
}

#[test]
fn its_input_and_output_are_left_alone() {
    let home = TempDir::new().unwrap();
    let mut running = Running::start(home.path(), &["--replay", INVITE], &["sh", "-c", "cat; printf 'no\\r' >&2"]);
    let said = b"\x00\xff two\nlines, no end";
    running.child.stdin.take().unwrap().write_all(said).unwrap();
    let Output { status, stdout, stderr } = running.child.wait_with_output().unwrap();
    assert_eq!((status.code(), stdout.as_slice()), (Some(0), &said[..]));
    assert!(stderr.starts_with(b"no\r"), "{}", String::from_utf8_lossy(&stderr));
}

#[test]
fn signals_reach_the_command_which_decides() {
    let home = TempDir::new().unwrap();
    for (name, code) in [("TERM", 5), ("INT", 6)] {
        let script = format!("trap 'echo {name}; exit {code}' {name}; echo up; while :; do sleep 0.1; done");
        let mut running = Running::start(home.path(), &["--replay", INVITE], &["bash", "-c", &script]);
        assert_eq!(running.hear(), "up");
        running.signal(name);
        let ended = running.ended(home.path());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), format!("{name}\n").as_str()), "{}", ended.talk);
    }
}

#[tokio::test]
async fn a_miss_fails_what_passes_and_no_more() {
    let home = TempDir::new().unwrap();
    let page = home.path().join("run.xml");
    let mut pages = Vec::new();
    for (command, code) in [("cat", 1), ("cat", 1), ("cat; exit 9", 9)] {
        let args = ["--replay", INVITE, "--junit", text(&page)];
        let running = Running::start(home.path(), &args, &["sh", "-c", command]);
        assert_eq!(running.call("GET", SESSION, b"").await, 501);
        let ended = running.ended(home.path());
        assert_eq!(ended.code, Some(code), "{}", ended.talk);
        assert!(ended.talk.contains("0 repeat, 1 miss, "), "{}", ended.talk);
        pages.push(std::fs::read_to_string(&page).unwrap());
    }
    for part in [r#"tests="3" skipped="0" failures="2""#, r#""miss 1: session.get""#, r#""keeps-the-contract""#] {
        assert!(pages[0].contains(part), "{part}: {}", pages[0]);
    }
    assert!(!pages[0].contains("x=1234"), "{}", pages[0]);
    assert_eq!(pages[0], pages[1], "equal runs give equal pages");
    assert!(
        pages[2].contains("the command ended with exit code 9") && !pages[0].contains("the command"),
        "{}",
        pages[2]
    );
}

#[tokio::test]
async fn a_call_that_still_waits_at_the_end_is_let_go_and_counted() {
    let home = TempDir::new().unwrap();
    let args = ["--replay", INVITE, "--live", "all", "--hold", "3600"];
    let running = Running::start(home.path(), &args, &["cat"]);
    let address = running.address();
    let early = tokio::spawn(async move {
        let mut client = Client::connect(address, &address.to_string(), Way::Reverse, Protocol::H1).await.unwrap();
        let target = "/handles/e0c33644-97ff-4b1e-b7ae-0d4613d0068e/session";
        client.send("GET", target, &HEADERS[..2], b"").await.unwrap().status
    });
    let ready: Value = serde_json::from_slice(&std::fs::read(&running.ready).unwrap()).unwrap();
    let control: SocketAddr = ready["control"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
    loop {
        let mut client = Client::connect(control, &control.to_string(), Way::Reverse, Protocol::H1).await.unwrap();
        let metrics = client.send("GET", "/metrics", &[], b"").await.unwrap();
        let metrics = String::from_utf8(metrics.body.decoded().unwrap().to_vec()).unwrap();
        if metrics.lines().any(|line| line.starts_with("tapdeck_calls_total") && line.ends_with(" 1")) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let path = home.path().to_owned();
    let ended = tokio::task::spawn_blocking(move || running.ended(&path)).await.unwrap();
    assert_eq!((ended.code, early.await.unwrap()), (Some(1), 501), "{}", ended.talk);
    assert!(ended.talk.contains("only after a write that was not made yet"), "{}", ended.talk);
    assert!(ended.talk.contains("0 hit (0 bound), 0 repeat, 1 miss, "), "{}", ended.talk);
}

#[tokio::test]
async fn a_page_for_ci_names_what_broke_which_rule() {
    let home = TempDir::new().unwrap();
    let (cassette, page) = (home.path().join("a.cassette.json"), home.path().join("run.xml"));
    let args = ["--record", text(&cassette), "--upstream", "emulator", "--fail-on", "info", "--junit", text(&page)];
    let running = Running::start(home.path(), &args, &["cat"]);
    assert_eq!(running.call("PUT", &SESSION.replace("60f9d3f3-", "not-a-guid-"), LOBBY).await, 201);
    assert_eq!(running.ended(home.path()).code, Some(1));
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(page.contains(r#"name="record""#) && page.contains(r#"name="session-name-not-guid at "#), "{page}");
    assert!(page.contains("to fix it: "), "{page}");

    let nowhere = home.path().join("no/such/run.xml");
    let refused = run(home.path(), &["--replay", INVITE, "--junit", text(&nowhere), "--", "echo", "it ran"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(3), ""), "{}", refused.talk);
}

#[tokio::test]
async fn a_recording_is_made_around_a_command_and_played_to_the_next() {
    let home = TempDir::new().unwrap();
    let cassette = home.path().join("a.cassette.json");
    let running = Running::start(
        home.path(),
        &["--record", text(&cassette), "--upstream", "emulator"],
        &["sh", "-c", "cat; env"],
    );
    assert_eq!(running.call("PUT", SESSION, LOBBY).await, 201);
    let ended = running.ended(home.path());
    assert_eq!(ended.code, Some(0), "{}", ended.talk);
    assert!(ended.talk.contains("1 exchange in 1 lane; this recording replays"), "{}", ended.talk);
    assert!(ended.stdout.contains("\nTAPDECK_CONTROL=http://127.0.0.1:"), "{}", ended.stdout);

    let running = Running::start(home.path(), &["--replay", text(&cassette)], &["cat"]);
    let other = SESSION.replace("60f9d3f3", "0badcafe");
    assert_eq!(running.call("PUT", &other, LOBBY).await, 201);
    let ended = running.ended(home.path());
    assert_eq!(ended.code, Some(0), "{}", ended.talk);
    assert!(ended.talk.starts_with("1 hit (1 bound), 0 repeat, 0 miss, 0 unplayed, upstream 0, "), "{}", ended.talk);
    assert!(ended.talk.ends_with(" s\n") && ended.talk.lines().count() == 1, "{}", ended.talk);
}

#[tokio::test]
async fn a_finding_fails_a_run_from_its_weight_on() {
    let home = TempDir::new().unwrap();
    let project = home.path().join("tapdeck.toml");
    for (weight, fail_on, code) in [
        ("error", "error", 1),
        ("warning", "error", 0),
        ("warning", "warning", 1),
        ("info", "info", 1),
        ("error", "never", 0),
    ] {
        std::fs::write(&project, format!("[rules]\nsession-name-not-guid = \"{weight}\"\n")).unwrap();
        let cassette = home.path().join("a.cassette.json");
        let args = ["--config", text(&project), "--fail-on", fail_on, "--record", text(&cassette), "--overwrite"];
        let running = Running::start(home.path(), &[&args[..], &["--upstream", "emulator"]].concat(), &["cat"]);
        assert_eq!(running.call("PUT", &SESSION.replace("60f9d3f3-", "not-a-guid-"), LOBBY).await, 201);
        let ended = running.ended(home.path());
        assert_eq!(ended.code, Some(code), "{weight} {fail_on}: {}", ended.talk);
    }
}
