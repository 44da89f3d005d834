//! What a replay did, call by call and within a bound: for a harness that asks while it runs.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::exchange::Call;
use crate::replay::{Miss, Played, Player};

/// The last outcomes of a replay.
#[derive(Debug, Default)]
pub struct Outcomes {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    total: u64,
    entries: VecDeque<Entry>,
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

impl Outcomes {
    /// Takes down how a call was answered.
    pub(super) fn answered(&self, player: &Player, client: &str, call: &Call, played: &Played) {
        let exchange = match played {
            Played::Hit(exchange) | Played::Bound(exchange) | Played::Repeat(exchange) => Some(*exchange),
            Played::Miss(_) => None,
        };
        self.enter(What::Call {
            client: client.to_owned(),
            op: call.resolution.name(),
            call: short(&format!("{} {}", call.request.method, call.request.target)),
            outcome: played.word(),
            exchange,
            lane: exchange.and_then(|exchange| player.tape().lane_of(exchange)).map(str::to_owned),
        });
    }

    /// Takes down that a client's message was missed.
    pub(super) fn unheard(&self, miss: &Miss) {
        let what = What::Message { op: miss.op.clone(), call: short(&miss.call), outcome: "miss" };
        self.enter(what);
    }

    /// Takes down a note.
    pub(super) fn marked(&self, note: &str) {
        self.enter(What::Mark { note: note.to_owned() });
    }

    /// How much happened.
    pub fn total(&self) -> u64 {
        self.state().total
    }

    /// The last of it, in order.
    pub fn last(&self) -> Vec<Entry> {
        self.state().entries.iter().cloned().collect()
    }

    fn enter(&self, what: What) {
        let mut state = self.state();
        state.total += 1;
        let n = state.total;
        if state.entries.len() == MOST_ENTRIES {
            state.entries.pop_front();
        }
        state.entries.push_back(Entry { n, what });
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
const SHOWN_CHARACTERS: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_last_outcomes() {
        let outcomes = Outcomes::default();
        for round in 1..=MOST_ENTRIES + 5 {
            outcomes.marked(&format!("round {round}"));
        }
        let last = outcomes.last();
        assert_eq!((outcomes.total(), last.len(), last[0].n), (1005, MOST_ENTRIES, 6));
        assert_eq!(last[999].what, What::Mark { note: "round 1005".into() });
        assert_eq!(short(&"é".repeat(500)), "é".repeat(SHOWN_CHARACTERS) + "…");
    }
}
