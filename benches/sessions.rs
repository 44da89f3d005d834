//! Sixty-four replay sessions in one process, each with a live client of its own that has fresh names for everything.
//!
//! Prints how long they took and what a session costs in memory, beside the size of the cassette. It ends with 1 when a
//! call was missed, when a client saw anything of another's, or when a session costs more than it may.
//! `cargo bench --bench sessions [-- COUNT]`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that fails is a panic, and it prints its figures"
)]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use tapdeck::client::{Client, Way};
use tapdeck::exchange::Protocol;
use tokio::task::JoinSet;

/// Calls of one client.
const CALLS: usize = 200;
/// What a session may cost: its port, its engine, its client's connection; and its place in a cassette, which is less
/// than the cassette: they all play one.
const MOST_OVERHEAD: u64 = 512 * 1024;
const HOST: &str = "sessiondirectory.xboxlive.com";
/// Who made the recording.
const RECORDED: usize = 0;

fn main() -> ExitCode {
    let count = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(64);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if runtime.block_on(run(count)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(count: usize) -> bool {
    let home = tempfile::TempDir::new().unwrap();
    let size = record(home.path()).await;
    println!("a cassette of {} exchanges, {} KB", 2 * CALLS + 1, size / 1024);

    let deck = Deck::start(home.path(), &["replay"]);
    let root = std::fs::read_to_string(home.path().join("ca/cert.pem")).unwrap();
    // The first one loads the cassette and brings code into memory.
    let first = performance(deck.control, root.clone(), 1).await;
    let before = deck.resident();
    let began = Instant::now();
    let mut performances = JoinSet::new();
    for player in 2..=count {
        performances.spawn(performance(deck.control, root.clone(), player));
    }
    let mut faults = performances.join_all().await.concat();
    faults.extend(first);
    let took = began.elapsed().as_secs_f64();
    let calls = (count - 1) * (2 * CALLS + 1);
    println!("{count} sessions: {calls} calls in {took:.1} s, {:.0} a second", calls as f64 / took);

    let each = deck.resident().saturating_sub(before) / (count as u64 - 1).max(1);
    let most = MOST_OVERHEAD + size / 2;
    println!("a session costs {} KB of at most {} KB", each / 1024, most / 1024);
    println!("{} faults", faults.len());
    faults.iter().take(10).for_each(|fault| println!("  {fault}"));
    deck.end() == Some(0) && faults.is_empty() && each <= most
}

/// Records one player against the emulator; the size of the sealed cassette.
async fn record(home: &Path) -> u64 {
    let deck = Deck::start(home, &["record", "--upstream", "emulator", NAME]);
    let root = std::fs::read_to_string(home.join("ca/cert.pem")).unwrap();
    let faults = play(deck.proxy, &root, RECORDED).await;
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(deck.end(), Some(0), "it is sealed and replays");
    std::fs::metadata(home.join(NAME)).unwrap().len()
}

/// A session of one player's own, played to its end; what was wrong.
async fn performance(control: SocketAddr, root: String, player: usize) -> Vec<String> {
    let session = ask(control, "POST", "/v1/sessions", &json!({"cassette": NAME}).to_string()).await;
    let proxy = session["proxy"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
    let mut faults = play(proxy, &root, player).await;
    let path = format!("/v1/sessions/{}", session["id"].as_str().unwrap());
    let exchanges = ask(control, "GET", &path, "").await["receipt"]["exchanges"].clone();
    if exchanges["hit"] != json!(2 * CALLS + 1) || exchanges["miss"] != 0 || exchanges["unplayed"] != 0 {
        faults.push(format!("player {player}: {exchanges}"));
    }
    faults
}

/// Makes a lobby, then changes and reads it again and again; whatever is not this player's own is a fault.
async fn play(proxy: SocketAddr, root: &str, player: usize) -> Vec<String> {
    let mut client = Client::connect(proxy, HOST, Way::Connect(root.to_owned()), Protocol::H2).await.unwrap();
    let target = format!("/serviceconfigs/{SCID}/sessionTemplates/lobby/sessions/{}", session(player));
    let token = format!("XBL3.0 x={};bench", 1_000_000 + player);
    let headers =
        [("authorization", token.as_str()), ("x-xbl-contract-version", "107"), ("content-type", "application/json")];
    let join = json!({"members": {"me": {
        "constants": {"system": {"xuid": xuid(player)}},
        "properties": {"system": {"active": true, "connection": connection(player)}},
    }}});
    let mut calls = vec![("PUT", join.to_string())];
    for round in 0..CALLS {
        calls.push(("PUT", json!({"properties": {"custom": {"round": round}}}).to_string()));
        calls.push(("GET", String::new()));
    }
    let mut faults = Vec::new();
    for (method, body) in calls {
        let answer = client.send(method, &target, &headers, body.as_bytes()).await.unwrap();
        let text = String::from_utf8_lossy(answer.body.decoded().unwrap()).into_owned();
        let is_own = text.contains(&xuid(player)) && text.contains(&connection(player));
        if !matches!(answer.status, 200 | 201) || !is_own || shows_others(&text, player) {
            faults.push(format!("player {player}: {method} {}: {}", answer.status, &text[..text.len().min(300)]));
        }
    }
    faults
}

/// True when a text shows a player that is not this one.
fn shows_others(text: &str, player: usize) -> bool {
    let own = text.replace(&xuid(player), "").replace(&connection(player), "");
    own.contains("28146463") || own.contains("5b5f0a52-0000-4000-8000-")
}

fn session(player: usize) -> String {
    format!("0b5d2c1a-7c6e-4c55-9d11-{player:012}")
}

fn xuid(player: usize) -> String {
    format!("28146463{player:08}")
}

fn connection(player: usize) -> String {
    format!("5b5f0a52-0000-4000-8000-{player:012}")
}

async fn ask(control: SocketAddr, method: &str, target: &str, body: &str) -> Value {
    let mut client = Client::connect(control, &control.to_string(), Way::Reverse, Protocol::H1).await.unwrap();
    let answer = client.send(method, target, &[], body.as_bytes()).await.unwrap();
    let told: Value = serde_json::from_slice(answer.body.wire()).unwrap();
    assert!(matches!(answer.status, 200 | 201), "{told}");
    told
}

/// A deck as a process of its own.
struct Deck {
    child: Child,
    control: SocketAddr,
    proxy: SocketAddr,
}

impl Deck {
    fn start(home: &Path, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tapdeck"))
            .args(["--log-level", "error"])
            .args(args)
            .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .env("TAPDECK_HOME", home)
            .current_dir(home)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut address = |before: &str| {
            let line = lines.find_map(|line| Some(line.split_once(before)?.1.to_owned())).unwrap();
            line.split(' ').next().unwrap().parse().unwrap()
        };
        let (control, proxy) = (address("control port on http://"), address("listening on http://"));
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, control, proxy }
    }

    /// Bytes of memory it has.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Ends it; its exit code.
    fn end(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Deck {
    fn drop(&mut self) {
        // It is over already, unless something failed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SCID: &str = "00000000-0000-0000-0000-0000000c0de1";
const NAME: &str = "bench.cassette.json";
