//! A long day: sixteen players, twelve hours' worth of tokens and sockets, and a session for every twenty exchanges.
//!
//! A deck records it in parts and is killed while everybody plays; its parts are sealed to one cassette. Another deck
//! records on until it reaches its `--max-size`, and a round is trimmed out of that. Prints what memory and time it all
//! took. It ends with 1 when memory grew by more than a twentieth once it was warm, or when anything is missing that a
//! client was answered. `cargo bench --bench long [-- --exchanges 1000000]`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that fails is a panic, and it prints its figures"
)]

mod deck;
mod kept;
mod player;
mod service;
mod wire;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use deck::{Deck, measured};
use kept::{assert_kept, file_names};
use player::{Day, Player};
use service::Service;

fn main() -> ExitCode {
    let given = std::env::args().skip_while(|arg| arg != "--exchanges").nth(1);
    let count = given.map_or(EXCHANGES, |count| count.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if runtime.block_on(run(count)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(count: u64) -> bool {
    let home = tempfile::TempDir::new().unwrap();
    let service = Service::start().await;
    let is_flat = killed(home.path(), service, count).await;
    limited(home.path(), service).await;
    is_flat
}

/// A long recording that is killed while everybody plays; whether its memory was flat.
async fn killed(home: &Path, service: SocketAddr, count: u64) -> bool {
    let part = (count * 1600 / PARTS).max(64 << 10).to_string();
    let mut deck = Deck::record(home, service, &["--part-size", &part, "day.cassette.json"]);
    let day = Arc::new(Day { had: AtomicU64::new(0), hour: (count / PLAYERS / HOURS).max(1) });
    let began = Instant::now();
    let playing = everybody(&deck, home, &day);
    let mut samples = Vec::new();
    while day.had.load(Ordering::Relaxed) < count {
        tokio::time::sleep(Duration::from_millis(100)).await;
        samples.push((day.had.load(Ordering::Relaxed), deck.resident()));
    }
    deck.kill();
    let had = counts(playing).await;
    let (all, took) = (had.iter().sum::<u64>(), began.elapsed().as_secs_f64());
    println!("{all} exchanges in {took:.0} s, {:.0} a second, then a kill", all as f64 / took);
    println!("parts: {}", file_names(home, ".cassette.jsonl").join(", "));

    let (fsck, took, peak) = measured(home, &["cassette", "fsck", "day.cassette.jsonl"]);
    println!("sealed in {took:.0} s and {} MB of memory: {}", peak >> 20, fsck.trim_end().replace('\n', "\n  "));
    assert_kept(&home.join("day.cassette.json"), &had);
    assert_eq!(file_names(home, ".cassette.jsonl"), Vec::<String>::new());
    println!("each of {all} acknowledged exchanges is in the cassette");
    let (_, took, peak) = measured(home, &["check", "--fail-on", "never", "day.cassette.json"]);
    println!("checked in {took:.0} s and {} MB of memory", peak >> 20);
    is_flat(&samples, count)
}

/// A recording that ends by itself, and what is trimmed out of it.
async fn limited(home: &Path, service: SocketAddr) {
    let limits = ["--part-size", "1MB", "--max-size", "10MB", "evening.cassette.json"];
    let deck = Deck::record(home, service, &limits);
    let day = Arc::new(Day { had: AtomicU64::new(0), hour: 1000 });
    let playing = everybody(&deck, home, &day);
    let had = counts(playing).await;
    assert_eq!(deck.ended(), Some(0), "it is sealed and replays");
    assert_kept(&home.join("evening.cassette.json"), &had);
    println!("{} exchanges until --max-size, all kept", had.iter().sum::<u64>());
    let session = player::session(3, 1);
    let trim = ["cassette", "trim", "evening.cassette.json", "-o", "round.cassette.json", "--session", &session];
    println!("trimmed: {}", measured(home, &trim).0.trim_end());
}

/// How many answers each player had, in the end.
async fn counts(playing: JoinSet<(u64, u64)>) -> Vec<u64> {
    let mut had = playing.join_all().await;
    had.sort_unstable();
    had.into_iter().map(|(_, count)| count).collect()
}

fn everybody(deck: &Deck, home: &Path, day: &Arc<Day>) -> JoinSet<(u64, u64)> {
    let root = std::fs::read_to_string(home.join("ca/cert.pem")).unwrap();
    let mut playing = JoinSet::new();
    for number in 0..PLAYERS {
        playing.spawn(Player::new(number, deck.address, &root).play(Arc::clone(day)));
    }
    playing
}

/// Compares the most memory of any tenth after the warm-up to that of the first one.
fn is_flat(samples: &[(u64, u64)], count: u64) -> bool {
    let most = |tenth: u64| {
        let within = |had: &u64| (tenth * count / 10..(tenth + 1) * count / 10).contains(had);
        samples.iter().filter(|(had, _)| within(had)).map(|(_, bytes)| *bytes).max().unwrap_or(0)
    };
    let tenths: Vec<u64> = (0..10).map(most).collect();
    let shown: Vec<String> = tenths.iter().map(|bytes| format!("{:.1}", *bytes as f64 / 1048576.0)).collect();
    println!("most memory in each tenth of it, in MiB: {}", shown.join(" "));
    let warm = tenths[WARM_UP];
    let end = tenths[WARM_UP..].iter().copied().max().unwrap_or(0);
    let grown = (end as f64 / warm as f64 - 1.0) * 100.0;
    println!("grown by {grown:.1} % after the first {WARM_UP} tenths, of at most {MOST_GROWTH} %");
    grown <= MOST_GROWTH
}

const PLAYERS: u64 = 16;
const HOURS: u64 = 12;
/// Parts of the long recording, or about as many.
const PARTS: u64 = 6;
/// Tenths of the day until every table has as much as it may hold.
const WARM_UP: usize = 3;
/// In percent.
const MOST_GROWTH: f64 = 5.0;
const EXCHANGES: u64 = 200_000;
