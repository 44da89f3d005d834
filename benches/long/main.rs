//! A long day: sixteen players, a million exchanges, twelve hours' worth of tokens and sockets, ten thousand sessions.
//!
//! The deck records it in parts, is killed in the middle of it, and its parts are sealed to one cassette. Prints what
//! memory it took and how long it all was. It ends with 1 when memory grew by more than a twentieth once it was warm,
//! or when anything is missing that a client was answered. `cargo bench --bench long [-- --exchanges 1000000]`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that fails is a panic, and it prints its figures"
)]

mod deck;
mod player;
mod service;
mod wire;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use deck::Deck;
use player::{Day, Player};
use service::Service;

const PLAYERS: u64 = 16;
const HOURS: u64 = 12;

fn main() -> ExitCode {
    let given = std::env::args().skip_while(|arg| arg != "--exchanges").nth(1);
    let count = given.map_or(EXCHANGES, |count| count.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if runtime.block_on(run(count)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(count: u64) -> bool {
    let home = tempfile::TempDir::new().unwrap();
    let service = Service::start().await;
    let cassette = home.path().join("day.cassette.json");
    let mut deck = Deck::record(home.path(), service, &cassette);
    let day = Arc::new(Day { had: AtomicU64::new(0), most: u64::MAX, hour: (count / PLAYERS / HOURS).max(1) });
    let began = Instant::now();
    let mut playing = JoinSet::new();
    let root = std::fs::read_to_string(home.path().join("ca/cert.pem")).unwrap();
    for number in 0..PLAYERS {
        playing.spawn(Player::new(number, deck.address, &root).play(Arc::clone(&day)));
    }
    let mut samples: Vec<(u64, u64)> = Vec::new();
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let had = day.had.load(Ordering::Relaxed);
        if had / (count / 20) > samples.len() as u64 {
            samples.push((had, deck.resident()));
            println!("{had} exchanges: {} KB", deck.resident() / 1024);
        }
        if had >= count {
            break;
        }
    }
    deck.kill();
    let had: u64 = playing.join_all().await.into_iter().sum();
    let took = began.elapsed().as_secs_f64();
    println!("{had} exchanges in {took:.0} s, {:.0} a second", had as f64 / took);
    true
}

const EXCHANGES: u64 = 100_000;
