//! One lane's place in the tape.

mod lookup;

use std::collections::{BTreeMap, BTreeSet};

use super::Played;
use super::edges::is_newer;
use super::tape::Tape;
pub(super) use lookup::{Lookup, Patience, Step, Stop};

/// What a lane has played.
#[derive(Clone, Debug, Default)]
pub(super) struct Cursor {
    played: BTreeSet<usize>,
    /// Reads passed over for a later one: their client was told of a newer version by then.
    passed: BTreeSet<usize>,
    /// The takes in the order they were played.
    order: Vec<usize>,
    /// The same, of each document.
    of_document: BTreeMap<usize, Vec<usize>>,
    /// How many takes at the front of a shelf were all played.
    begun: BTreeMap<usize, usize>,
    /// When the last of the writes played on a document was asked.
    last_write: BTreeMap<usize, u64>,
    /// The newest state of each document that was shown, by the take that did.
    shown: BTreeMap<usize, usize>,
    /// When the last call of those played was asked.
    furthest: u64,
    /// Repeats of a take since it was played.
    repeats: BTreeMap<usize, usize>,
}

impl Cursor {
    /// How many takes were played.
    pub(super) fn played(&self) -> usize {
        self.played.len()
    }

    /// The takes in the order they were played.
    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    /// True when a document's state at a position, or a later one, was shown.
    pub(super) fn knows(&self, tape: &Tape, document: usize, answered: u64) -> bool {
        self.shown.get(&document).is_some_and(|at| tape.takes()[*at].recorded.answered >= answered)
    }

    /// True when a take was played.
    pub(super) fn has_played(&self, at: usize) -> bool {
        self.played.contains(&at)
    }

    /// How many answers were given again.
    pub(super) fn repeated(&self) -> usize {
        self.repeats.values().sum()
    }

    /// When the last call of those played was asked.
    pub(super) fn furthest(&self) -> u64 {
        self.furthest
    }

    /// Takes note of an answer given.
    pub(super) fn advance(&mut self, tape: &Tape, step: &Step) {
        self.passed.extend(&step.passed);
        match &step.played {
            Played::Hit(exchange) | Played::Bound(exchange) => self.play(tape, exchange - 1),
            Played::Repeat(exchange) => *self.repeats.entry(exchange - 1).or_default() += 1,
            Played::Miss(_) => {}
        }
    }

    fn play(&mut self, tape: &Tape, at: usize) {
        let take = &tape.takes()[at];
        self.played.insert(at);
        self.order.push(at);
        self.furthest = self.furthest.max(take.recorded.asked);
        if let Some(document) = take.document {
            self.of_document.entry(document).or_default().push(at);
            if take.changes_state() {
                let last = self.last_write.entry(document).or_default();
                *last = take.recorded.asked.max(*last);
            }
            if take.shows_version() {
                let shown = self.shown.entry(document).or_insert(at);
                if is_newer(take, &tape.takes()[*shown]) {
                    *shown = at;
                }
            }
        }
        for shelf in take.document.into_iter().chain([take.alike]) {
            let begun = self.begun.get(&shelf).copied().unwrap_or_default();
            let past = tape.shelf(shelf)[begun..].iter().take_while(|at| self.is_past(**at)).count();
            self.begun.insert(shelf, begun + past);
        }
    }

    /// True when a take was played or passed over.
    pub(super) fn is_past(&self, at: usize) -> bool {
        self.played.contains(&at) || self.passed.contains(&at)
    }

    /// What is not played yet on a shelf.
    fn unplayed<'a>(&'a self, tape: &'a Tape, shelf: usize) -> impl Iterator<Item = usize> + 'a {
        let begun = self.begun.get(&shelf).copied().unwrap_or_default();
        tape.shelf(shelf)[begun..].iter().copied().filter(|at| !self.is_past(*at))
    }
}
