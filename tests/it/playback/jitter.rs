//! The same clients a hundred times, with other ids, over h1 and h2, never twice at the same pace.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tapdeck::dice::Dice;
use tapdeck::exchange::Protocol;
use tapdeck::message::Response;
use tapdeck::replay::{Tally, difference};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::{Act, Cast, Seat, all_live, assert_equal, drawn, record, shuffled};
use crate::support::Setup;

const RUNS: u64 = 100;
/// How many of them at the same time.
const AT_ONCE: usize = 20;
const PLAYERS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_runs_of_fresh_clients_at_any_pace_miss_nothing() {
    let directory = TempDir::new().unwrap();
    let acts: Arc<Vec<Vec<Act>>> = Arc::new((0..PLAYERS).map(|player| drawn(player, 10)).collect());
    let first = Arc::new(Cast::new(1, PLAYERS));
    let (cassette, recorded) = record(directory.path(), &first, &acts, &shuffled(&acts, 1)).await;
    let (cassette, recorded): (Arc<Path>, _) = (cassette.into(), Arc::new(recorded));
    let mut playing = JoinSet::new();
    for run in 0..RUNS {
        if playing.len() == AT_ONCE {
            playing.join_next().await.unwrap().unwrap();
        }
        let (acts, first, cassette, recorded) =
            (Arc::clone(&acts), Arc::clone(&first), Arc::clone(&cassette), Arc::clone(&recorded));
        playing.spawn(async move {
            let fresh = Arc::new(Cast::new(run + 2, PLAYERS));
            let played = perform(&cassette, &fresh, &acts, run).await;
            for (number, answers) in played.iter().enumerate() {
                for answer in answers {
                    let text = String::from_utf8_lossy(answer.body.decoded().unwrap()).into_owned();
                    assert_eq!(
                        first.without_own(&text),
                        text,
                        "player {number} of run {run} is shown a recorded value"
                    );
                }
            }
            assert_equal((&first, (*recorded).clone()), (&fresh, played));
        });
    }
    while let Some(ended) = playing.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_clients_at_another_pace_get_the_same_bytes() {
    let directory = TempDir::new().unwrap();
    let acts: Arc<Vec<Vec<Act>>> = Arc::new((0..PLAYERS).map(|player| drawn(player, 10)).collect());
    let (cassette, _) = record(directory.path(), &Cast::new(1, PLAYERS), &acts, &shuffled(&acts, 1)).await;
    let fresh = Arc::new(Cast::new(2, PLAYERS));
    let (one, other) = (perform(&cassette, &fresh, &acts, 7).await, perform(&cassette, &fresh, &acts, 8).await);
    for (one, other) in one.iter().flatten().zip(other.iter().flatten()) {
        assert_eq!(difference(one, other), None, "{one:#?} {other:#?}");
    }
}

/// Everybody plays at a pace of the run's own, in whatever protocol; first all arrive.
async fn perform(cassette: &Path, cast: &Arc<Cast>, acts: &Arc<Vec<Vec<Act>>>, run: u64) -> Vec<Vec<Response>> {
    let proxy = Setup::replaying(cassette, all_live()).start().await;
    let dice = Dice::new(run);
    let mut seats = Vec::new();
    for number in 0..PLAYERS {
        let is_h2 = dice.number("protocol", u64::try_from(number).unwrap()).is_multiple_of(2);
        let mut seat = Seat::speaking(&proxy, if is_h2 { Protocol::H2 } else { Protocol::H1 }).await;
        seats.push((vec![seat.act(cast, number, acts[number][0]).await], seat));
    }
    let mut playing = Vec::new();
    for (number, (mut answers, mut seat)) in seats.into_iter().enumerate() {
        let (cast, acts) = (Arc::clone(cast), Arc::clone(acts));
        playing.push(tokio::spawn(async move {
            for (n, act) in (1_u64..).zip(&acts[number][1..]) {
                let jitter = dice.number(&format!("pace{number}"), n) % 501;
                tokio::time::sleep(Duration::from_millis(jitter)).await;
                answers.push(seat.act(&cast, number, *act).await);
            }
            answers
        }));
    }
    let mut played = Vec::new();
    for playing in playing {
        played.push(playing.await.unwrap());
    }
    let Tally { hits, bound, repeats, misses, unplayed, .. } = proxy.tally();
    assert_eq!((hits + bound, repeats, misses, unplayed), (30, 0, 0, 0), "run {run}");
    proxy.close().await;
    played
}
