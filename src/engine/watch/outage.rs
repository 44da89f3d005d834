//! Calls that the service left unanswered: why, how often, and whether it has answered since.

use std::collections::BTreeMap;

/// What was left unanswered so far.
#[derive(Debug, Default)]
pub(super) struct Outages {
    /// How often each reason was met.
    met: BTreeMap<String, usize>,
    now: Option<Outage>,
}

/// Why the last calls were left unanswered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The problem's code, as the client has it.
    pub code: String,
    /// What went wrong, in one line.
    pub why: String,
    /// How many calls, one after the other.
    pub calls: usize,
}

impl Outages {
    /// Takes down a call that the service left unanswered, and says how often the reason was met by now.
    pub(super) fn met(&mut self, why: &str) -> usize {
        if self.met.len() >= MOST_REASONS && !self.met.contains_key(why) {
            return 1;
        }
        let count = self.met.entry(why.to_owned()).or_default();
        *count += 1;
        *count
    }

    /// Takes down that the service is out of reach.
    pub(super) fn begun(&mut self, code: String, why: String) {
        let calls = self.now.as_ref().map_or(0, |outage| outage.calls) + 1;
        self.now = Some(Outage { code, why, calls });
    }

    /// Takes down that the service answered.
    pub(super) fn over(&mut self) {
        self.now = None;
    }

    /// The outage that goes on.
    pub(super) fn now(&self) -> Option<&Outage> {
        self.now.as_ref()
    }
}

/// Reasons told apart; beyond them each is told.
const MOST_REASONS: usize = 1000;
