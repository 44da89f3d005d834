//! Four clients at the recording deck, on one worker thread and on eight: in turn they leave the same cassette, byte for
//! byte; all at once they leave one that replays, and none of them sees anything it should not.

mod seat;
mod storm;
mod turns;

use std::path::{Path, PathBuf};

use tapdeck::cassette::Cassette;
use tapdeck::replay;
use tempfile::TempDir;

use crate::support::{Proxy, Setup, sealed};

/// How many clients there are.
const SEATS: usize = 4;

#[test]
fn turns_leave_the_same_cassette_on_one_thread_and_on_eight() {
    let first = turns(1);
    assert!(first.contains("\"caused-by\"") && !first.contains("\"timing\""), "{first}");
    for threads in [1, 1, 8, 8, 8] {
        let other = turns(threads);
        assert!(other == first, "on {threads} threads: {}", first_difference(&first, &other));
    }
}

#[test]
fn all_at_once_nobody_sees_anything_odd_on_one_thread_and_on_eight() {
    for (threads, seed) in [(1, 1), (8, 2), (8, 3)] {
        let home = TempDir::new().unwrap();
        let cassette = played(home.path(), threads, move |proxy| storm::play(proxy, seed));
        assert_eq!(replay::verify(&Cassette::read(&cassette).unwrap()), [], "on {threads} threads, seed {seed}");
    }
}

/// What is sealed of a performance in turns, but for when it happened.
fn turns(threads: usize) -> String {
    let home = TempDir::new().unwrap();
    let cassette = played(home.path(), threads, turns::play);
    assert_eq!(replay::verify(&Cassette::read(&cassette).unwrap()), []);
    let text = std::fs::read_to_string(cassette).unwrap();
    let (before, rest) = text.split_once("\n  \"timing\": [").unwrap();
    before.to_owned() + rest.split_once("\n  ]").unwrap().1
}

/// Records a performance on so many worker threads, and seals it. Deck and clients all run on these.
fn played<F>(home: &Path, threads: usize, play: impl FnOnce(Proxy) -> F) -> PathBuf
where
    F: Future<Output = Proxy> + Send + 'static,
{
    let journal = home.join("take.cassette.jsonl");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap();
    let proxy = runtime.block_on(Setup::emulating().recording(&journal).start());
    let performance = runtime.spawn(play(proxy));
    runtime.block_on(async move { performance.await.unwrap().close().await });
    sealed(&journal)
}

fn first_difference(left: &str, right: &str) -> String {
    let lines = left.lines().zip(right.lines()).enumerate();
    let differing = lines.filter(|(_, (left, right))| left != right).take(12);
    differing.map(|(number, (left, right))| format!("\n{number}: {left}\n{number}: {right}")).collect()
}
