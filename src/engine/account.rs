//! What a replay did, call by call and within a bound: for a harness that asks while it runs.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::exchange::Call;
use crate::replay::{Miss, Played, Player};

/// The last outcomes and the first misses of a replay.
#[derive(Debug, Default)]
pub struct Account {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    total: u64,
    entries: VecDeque<Entry>,
    missed: u64,
    misses: Vec<Missed>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its number, from 1.
    pub n: u64,
    /// What it was.
    #[serde(flatten)]
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum What {
    /// A call was answered.
    Call {
        /// The live client, as findings name it.
        client: String,
        /// The operation's name.
        op: &'static str,
        /// The call, as `METHOD target`, redacted and cut short.
        call: String,
        /// The word in `tapdeck-outcome`.
        outcome: &'static str,
        /// The recorded exchange that answered it, from 1.
        #[serde(skip_serializing_if = "Option::is_none")]
        exchange: Option<usize>,
        /// The recorded player whose exchange that is.
        #[serde(skip_serializing_if = "Option::is_none")]
        lane: Option<String>,
    },
    /// A client's message that nothing recorded fits.
    Message {
        /// The operation's name.
        op: String,
        /// The message, redacted and cut short.
        call: String,
        /// Always `miss`.
        outcome: &'static str,
    },
    /// Somebody's note.
    Mark {
        /// What it says.
        note: String,
    },
}

/// A miss, and its number among the outcomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missed {
    /// Its number among the outcomes.
    pub n: u64,
    /// What was missed, and why.
    #[serde(flatten)]
    pub miss: Miss,
}

/// Some of what happened, and how much there was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed<T> {
    /// How many there were in all.
    pub total: u64,
    /// Those that are kept, in order.
    pub listed: Vec<T>,
}

impl Account {
    /// Takes down how a call was answered.
    pub(super) fn answered(&self, player: &Player, client: &str, call: &Call, played: &Played) {
        let exchange = match played {
            Played::Hit(exchange) | Played::Bound(exchange) | Played::Repeat(exchange) => Some(*exchange),
            Played::Miss(_) => None,
        };
        let n = self.enter(What::Call {
            client: client.to_owned(),
            op: call.resolution.name(),
            call: short(&format!("{} {}", call.request.method, call.request.target)),
            outcome: played.word(),
            exchange,
            lane: exchange.and_then(|exchange| player.tape().lane_of(exchange)).map(str::to_owned),
        });
        if let Played::Miss(miss) = played {
            self.missed(n, miss);
        }
    }

    /// Takes down that a client's message was missed.
    pub(super) fn unheard(&self, miss: &Miss) {
        let what = What::Message { op: miss.op.clone(), call: short(&miss.call), outcome: "miss" };
        let n = self.enter(what);
        self.missed(n, miss);
    }

    /// Takes down a note.
    pub(super) fn marked(&self, note: &str) -> u64 {
        self.enter(What::Mark { note: note.to_owned() })
    }

    /// The last of what happened.
    pub fn outcomes(&self) -> Listed<Entry> {
        let state = self.state();
        Listed { total: state.total, listed: state.entries.iter().cloned().collect() }
    }

    /// The first misses: what comes after one is often its echo.
    pub fn misses(&self) -> Listed<Missed> {
        let state = self.state();
        Listed { total: state.missed, listed: state.misses.clone() }
    }

    fn enter(&self, what: What) -> u64 {
        let mut state = self.state();
        state.total += 1;
        let n = state.total;
        if state.entries.len() == MOST_ENTRIES {
            state.entries.pop_front();
        }
        state.entries.push_back(Entry { n, what });
        n
    }

    fn missed(&self, n: u64, miss: &Miss) {
        let mut state = self.state();
        state.missed += 1;
        if state.misses.len() < MOST_MISSES {
            state.misses.push(Missed { n, miss: miss.clone() });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Outcomes kept, the last ones.
pub const MOST_ENTRIES: usize = 1000;
/// Misses kept, the first ones.
pub const MOST_MISSES: usize = 100;
const SHOWN_CHARACTERS: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_last_outcomes_and_the_first_misses() {
        let account = Account::default();
        let miss = |call: usize| Miss {
            reason: crate::replay::Reason::NoSuchCall,
            call: format!("GET /{call}{}", "x".repeat(500)),
            op: "session.get".into(),
            nearest: Vec::new(),
            players: Vec::new(),
            cassette: String::new(),
            paste: Vec::new(),
            command: None,
        };
        for call in 1..=MOST_ENTRIES + 5 {
            account.unheard(&miss(call));
        }
        account.marked("now");
        let outcomes = account.outcomes();
        assert_eq!((outcomes.total, outcomes.listed.len()), (1006, MOST_ENTRIES));
        assert_eq!((outcomes.listed[0].n, &outcomes.listed[999].what), (7, &What::Mark { note: "now".into() }));
        let misses = account.misses();
        assert_eq!((misses.total, misses.listed.len(), misses.listed[0].n), (1005, MOST_MISSES, 1));
        let What::Message { call, .. } = &outcomes.listed[0].what else { panic!("{outcomes:?}") };
        assert!(call.ends_with('…') && call.chars().count() == SHOWN_CHARACTERS + 1);
    }
}
