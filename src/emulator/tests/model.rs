//! The emulator against what its clients can know: thousands of calls in any order, and what must hold after each.

mod document;
mod facts;
mod operation;
mod request;
mod run;
mod taps;

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

use super::{Emulator, Settings};
use crate::clock::{Clock, virtual_start};
use operation::{Operation, operation};
use request::Group;
use run::{Event, Run, Said};
use taps::Sockets;

/// Operations one to a line, as a failing run prints them.
struct Script(Vec<Operation>);

impl std::fmt::Debug for Script {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|operation| write!(out, "\n{operation:?}"))
    }
}

fn script(length: usize) -> impl Strategy<Value = Script> {
    prop::collection::vec(operation(), 1..2 * length).prop_map(Script)
}

fn emulator() -> (Emulator, Clock) {
    let clock = Clock::manual(virtual_start());
    (Emulator::new(Settings::new(7, clock.clone())), clock)
}

fn play(operations: &[Operation]) -> (Vec<Event>, Vec<Said>) {
    let (emulator, clock) = emulator();
    let mut run = Run::new(&emulator, clock, Group(0));
    operations.iter().for_each(|operation| run.play(operation));
    (run.tape, run.said)
}

/// Does it all again to an emulator of its own.
fn replay(tape: &[Event]) -> Vec<Said> {
    let (emulator, _) = emulator();
    let (mut sockets, mut said) = (Sockets::default(), Vec::new());
    for event in tape {
        let named = match event {
            Event::Call(call) => {
                let reply = emulator.answer(call);
                said.push(Said::Answer(Box::new(reply.response)));
                emulator.release(reply.ticket)
            }
            Event::Wait(span) => emulator.advance(*span),
            Event::Open(user, call) => sockets.open(&emulator, *user, call),
            Event::Lose(user, how) => sockets.lose(&emulator, *user, *how),
        };
        let heard = sockets.drain(&emulator, &named);
        said.extend(heard.into_iter().map(|(user, message)| Said::Message(user, message)));
    }
    said
}

/// What each of two groups gets to see, side by side or one after the other.
fn side_by_side(operations: &[Operation], at_once: bool) -> [Vec<Said>; 2] {
    let (emulator, clock) = emulator();
    let play = |group: usize| {
        let mut run = Run::new(&emulator, clock.clone(), Group(group));
        operations.iter().filter(|operation| !is_shared(operation)).for_each(|operation| run.play(operation));
        run.said
    };
    match at_once {
        true => std::thread::scope(|scope| {
            let threads = [0, 1].map(|group| scope.spawn(move || play(group)));
            threads.map(|thread| thread.join().unwrap())
        }),
        false => [0, 1].map(play),
    }
}

/// The clock is everybody's, and a call without a token nobody's.
fn is_shared(operation: &Operation) -> bool {
    matches!(operation, Operation::Wait(_) | Operation::Nonsense { which: 4, .. })
}

fn seeded(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, max_shrink_iters: 1024, rng_seed: RngSeed::Fixed(SEED), ..ProptestConfig::default() }
}

#[test]
fn what_clients_know_stays_true() {
    let played = Cell::new(0);
    let holds = TestRunner::new(seeded(96)).run(&script(LENGTH), |script| {
        played.set(played.get() + script.0.len());
        let (tape, said) = play(&script.0);
        prop_assert!(replay(&tape) == said, "the same calls got other answers");
        Ok(())
    });
    holds.unwrap_or_else(|error| panic!("{error}"));
    assert!(played.get() >= 10_000, "only {} operations", played.get());
}

proptest! {
    #![proptest_config(seeded(4))]

    #[test]
    fn what_others_do_elsewhere_changes_no_answer(script in script(LENGTH)) {
        let (alone, beside) = (side_by_side(&script.0, false), side_by_side(&script.0, true));
        for (alone, beside) in alone.iter().flatten().zip(beside.iter().flatten()) {
            prop_assert_eq!(alone, beside);
        }
        prop_assert!(alone == beside, "more answers than before");
    }
}

/// Another seed plays other scripts.
const SEED: u64 = 107;

/// Operations of a run, on average: together well over 10,000 in 96 runs.
const LENGTH: usize = 135;
