//! Findings as they happen: logged once each, then counted.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::contract::{Finding, Severity};
use crate::exchange::{Answer, Call, LaneKey, Outcome};
use crate::redact::Redacted;
use crate::socket::Sender;

/// What was found so far, and by which names clients are called.
#[derive(Debug, Default)]
pub struct Watch {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    lanes: BTreeMap<LaneKey, String>,
    seen: BTreeMap<(String, &'static str, String, String), usize>,
    tallied: Tallied,
}

/// How much was seen and found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallied {
    /// Calls checked.
    pub calls: usize,
    /// Findings of severity error.
    pub errors: usize,
    /// Findings of severity warning.
    pub warnings: usize,
    /// Findings of severity info.
    pub infos: usize,
    /// Calls tapdeck answered in place of the service.
    pub unserved: usize,
    /// Sockets opened.
    pub sockets: usize,
}

impl Watch {
    /// The name of a client's lane, given in the order clients are first seen.
    pub(super) fn lane(&self, key: LaneKey) -> String {
        let mut state = self.state();
        state.tallied.calls += 1;
        let next = state.lanes.len() + 1;
        state.lanes.entry(key).or_insert_with(|| format!("lane-{next}")).clone()
    }

    /// Logs findings of one exchange: the first of a kind, and then each tenfold of it.
    pub(super) fn report(&self, lane: &str, call: &Call, findings: &[Finding]) {
        let (method, target) = (&call.request.method, &call.request.target);
        self.report_about(&About { lane, op: call.resolution.name(), method, target }, findings);
    }

    /// Logs findings of one message in the same way.
    pub(super) fn report_message(&self, lane: &str, from: Sender, findings: &[Finding]) {
        self.report_about(&About { lane, op: "rta.message", method: from.as_str(), target: "" }, findings);
    }

    fn report_about(&self, about: &About<'_>, findings: &[Finding]) {
        for finding in findings {
            let count = self.count(about, finding);
            if is_power_of_ten(count) {
                log(about, finding, count);
            }
        }
    }

    /// Tells what keeps an exchange from being the service's own word, or from being replayed.
    pub(super) fn tell(&self, lane: &str, call: &Redacted<Call>, answer: &Redacted<Answer>) {
        let (op, request) = (call.message.resolution.name(), &call.message.request);
        let (status, outcome) = (answer.message.response.status, answer.message.outcome);
        if outcome != Outcome::Answered && answer.message.response.headers.text("tapdeck-outcome").is_none() {
            self.state().tallied.unserved += 1;
            let outcome = outcome.as_str();
            tracing::warn!(
                target: TELLING, lane, op, status, outcome, "{} {}: the service gave no answer, tapdeck did",
                request.method, request.target
            );
        }
        for (reason, bytes) in call.withheld.iter().chain(&answer.withheld) {
            let bytes = bytes.len();
            tracing::warn!(
                target: TELLING, lane, op, bytes, "{} {}: a body cannot be kept: {reason}", request.method, request.target
            );
        }
    }

    /// Counts a socket.
    pub(super) fn opened(&self) {
        self.state().tallied.sockets += 1;
    }

    /// The sums so far.
    pub fn tallied(&self) -> Tallied {
        self.state().tallied
    }

    /// How many clients were seen.
    pub fn lanes(&self) -> usize {
        self.state().lanes.len()
    }

    fn count(&self, about: &About<'_>, finding: &Finding) -> usize {
        let mut state = self.state();
        match finding.severity {
            Severity::Error => state.tallied.errors += 1,
            Severity::Warning => state.tallied.warnings += 1,
            Severity::Info => state.tallied.infos += 1,
        }
        let key = (about.lane.to_owned(), finding.rule.id, about.op.to_owned(), finding.place.to_string());
        if state.seen.len() >= MOST_KINDS && !state.seen.contains_key(&key) {
            return 1;
        }
        let count = state.seen.entry(key).or_default();
        *count += 1;
        *count
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a finding is about.
struct About<'a> {
    lane: &'a str,
    op: &'static str,
    method: &'a str,
    target: &'a str,
}

fn log(about: &About<'_>, finding: &Finding, count: usize) {
    let About { lane, op, method, target } = about;
    let (rule, place) = (finding.rule.id, finding.place.to_string());
    let (side, citation, message) = (finding.rule.side.as_str(), finding.rule.citation, &finding.message);
    let rejected = finding.rejected;
    match finding.severity {
        Severity::Error => {
            tracing::error!(target: TARGET, rule, severity = "error", side, lane, op, place, method, path = target, citation, rejected, count, "{message}");
        }
        Severity::Warning => {
            tracing::warn!(target: TARGET, rule, severity = "warning", side, lane, op, place, method, path = target, citation, rejected, count, "{message}");
        }
        Severity::Info => {
            tracing::info!(target: TARGET, rule, severity = "info", side, lane, op, place, method, path = target, citation, rejected, count, "{message}");
        }
    }
}

fn is_power_of_ten(count: usize) -> bool {
    let mut power = 1;
    while power < count {
        power *= 10;
    }
    power == count
}

const TARGET: &str = "tapdeck::finding";
const TELLING: &str = "tapdeck::exchange";
/// Kinds told apart; beyond them every finding is logged.
const MOST_KINDS: usize = 10_000;
