//! Replay: answers from a cassette, never from the network.
//!
//! An answer depends only on what the client asked and on what its own lane has played so far, never on timing.
//! A live client is matched to a recorded lane by what it asks; each lane keeps its own place, so clients may
//! interleave as they like. Values a client makes (session names, ids) and values it is (xuid, gamertag) are bound on
//! first sight and spliced into every later answer. What does not match is a loud miss that says what differs.

mod bind;
mod bindable;
mod compare;
mod cursor;
mod lane;
mod miss;
mod tape;
#[cfg(test)]
mod tests;
mod verify;

use std::sync::{Mutex, PoisonError};

pub use miss::{Difference, Miss, Near, Reason};
pub use tape::{Recorded, Tape};
pub use verify::{Unfaithful, difference, verify};

use crate::exchange::{Call, LaneKey};
use crate::message::Response;
use compare::Asked;
use lane::LiveLane;

/// Plays one cassette to any number of clients.
#[derive(Debug)]
pub struct Player {
    tape: Tape,
    options: Options,
    state: Mutex<State>,
}

/// How strictly a cassette is played.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How often a read past its last recorded answer may repeat it before that is a miss.
    pub repeat: usize,
    /// The status of a miss. 501 is one no known client retries.
    pub miss_status: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self { repeat: 100, miss_status: 501 }
    }
}

/// How a call was answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Played {
    /// The recorded answer, byte for byte.
    Hit(usize),
    /// The recorded answer with live values in its slots.
    Bound(usize),
    /// An answer already given, once more.
    Repeat(usize),
    /// Nothing recorded fits.
    Miss(Miss),
}

impl Played {
    /// The word in `tapdeck-outcome`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Hit(_) => "hit",
            Self::Bound(_) => "bound",
            Self::Repeat(_) => "repeat",
            Self::Miss(_) => "miss",
        }
    }
}

/// What was played so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Recorded answers given unchanged.
    pub hits: usize,
    /// Recorded answers given with live values in their slots.
    pub bound: usize,
    /// Answers given again.
    pub repeats: usize,
    /// Calls nothing recorded fits.
    pub misses: usize,
    /// Recorded exchanges no client asked for.
    pub unplayed: usize,
}

#[derive(Debug, Default)]
struct State {
    bindings: bind::Bindings,
    lanes: Vec<LiveLane>,
    tally: Tally,
}

impl Player {
    /// A player at the start of its tape.
    pub fn new(tape: Tape, options: Options) -> Self {
        Self { tape, options, state: Mutex::default() }
    }

    /// Answers a call, and says how. `shown` is the same call redacted: all that a miss may tell of it.
    pub fn answer(&self, call: &Call, shown: &Call) -> (Response, Played) {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        let (response, played) = state.answer(&self.tape, self.options, Asked { call, shown });
        match &played {
            Played::Hit(_) => state.tally.hits += 1,
            Played::Bound(_) => state.tally.bound += 1,
            Played::Repeat(_) => state.tally.repeats += 1,
            Played::Miss(_) => state.tally.misses += 1,
        }
        (response, played)
    }

    /// Says which recorded lane a live client is, so that it need not be found out.
    pub fn assign(&self, key: LaneKey, lane: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.lanes.iter().all(|live| live.key != key) {
            state.lanes.push(LiveLane::assigned(key, lane));
        }
    }

    /// What was played so far.
    pub fn tally(&self) -> Tally {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let played: usize = state.lanes.iter().map(LiveLane::played).sum();
        Tally { unplayed: self.tape.takes().len().saturating_sub(played), ..state.tally }
    }

    /// The tape it plays.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }
}

impl State {
    fn answer(&mut self, tape: &Tape, options: Options, asked: Asked<'_>) -> (Response, Played) {
        let key = LaneKey::of(asked.call);
        let at = match self.lanes.iter().position(|lane| lane.key == key) {
            Some(at) => at,
            None => {
                self.lanes.push(LiveLane::new(key, tape.lanes()));
                self.lanes.len() - 1
            }
        };
        let taken: Vec<usize> = self.lanes.iter().filter_map(LiveLane::settled).collect();
        let is_only = self.lanes.len() == 1;
        let lane = &mut self.lanes[at];
        match lane.play(tape, options, asked, &self.bindings, &taken, is_only) {
            Ok(turn) => {
                if let Some(bindings) = turn.bindings {
                    self.bindings = bindings;
                }
                (turn.response, turn.played)
            }
            Err(miss) => (miss.response(options.miss_status), Played::Miss(miss)),
        }
    }
}
