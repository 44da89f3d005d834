//! `tapdeck::testing` as another crate's tests use it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use tapdeck::engine::What;
use tapdeck::replay::{Live, Options};
use tapdeck::testing::Replay;

use crate::support::raw;

fn cassette(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cassettes").join(name)
}

/// A call nobody recorded, to the service as the proxy plays it.
const STRAY: &[u8] = b"GET /stray HTTP/1.1\r\nHost: sessiondirectory.xboxlive.com\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_miss_fails_the_test_and_says_which_call() {
    let everybody = Options { live: Live::All, ..Options::default() };
    let replay = Replay::start_with(cassette("invite.cassette.json"), everybody).unwrap();
    replay.assert_all_hit();
    assert!(raw(replay.address(), STRAY).await.contains("tapdeck-outcome: miss"));
    let failure = catch_unwind(AssertUnwindSafe(|| replay.assert_all_hit())).unwrap_err();
    let message = failure.downcast_ref::<String>().unwrap();
    assert!(message.contains("invite.cassette.json") && message.contains("GET /stray"), "{message}");
    assert!(matches!(&replay.outcomes()[0].what, What::Call { outcome: "miss", .. }));

    let before = replay.proxy();
    replay.reset();
    replay.assert_all_hit();
    assert_eq!((replay.proxy(), replay.receipt().exchanges.miss), (before, 0));
    let failure = catch_unwind(AssertUnwindSafe(|| replay.assert_all_played())).unwrap_err();
    let message = failure.downcast_ref::<String>().unwrap();
    assert!(message.contains("exchange 1 of player1 (line ") && message.contains("session.put"), "{message}");
}

#[tokio::test]
async fn replays_stand_side_by_side_and_end_when_they_are_dropped() {
    let replays = [(); 4].map(|()| Replay::start(cassette("invite.cassette.json")).unwrap());
    raw(replays[0].address(), STRAY).await;
    let misses: Vec<usize> = replays.iter().map(|replay| replay.misses().len()).collect();
    assert_eq!(misses, [1, 0, 0, 0]);
    assert_eq!(std::fs::read_to_string(replays[0].ca_file()).unwrap(), replays[0].ca_pem());
    let addresses = replays.each_ref().map(Replay::address);
    drop(replays);
    for address in addresses {
        assert!(tokio::net::TcpStream::connect(address).await.is_err(), "{address} is closed");
    }
}

#[test]
fn what_cannot_start_says_why() {
    let error = Replay::start("none.cassette.json").err().unwrap().to_string();
    assert!(error.contains("none.cassette.json") && error.contains("check the path"), "{error}");
}
