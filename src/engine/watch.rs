//! Findings as they happen: logged once each, then counted. And who is calling, for whoever looks at it.

mod open;
mod outage;
mod pace;
mod subject;
mod telling;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;

use super::elsewhere::{Elsewhere, Passage};
use crate::contract::{Finding, Place, Severity};
use crate::exchange::{Answer, Call, LaneKey, Outcome};
use crate::mpsd::Service;
use crate::redact::{Redacted, Unkept};

use open::Open;
pub(super) use open::OpenSocket;
pub use outage::Outage;
use outage::Outages;
use pace::Pace;
pub use pace::{LIMITS, Limit};
pub(super) use telling::About;

/// What was found so far, and by which names clients are called.
#[derive(Debug)]
pub struct Watch {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    lanes: BTreeMap<LaneKey, Lane>,
    /// How many of them have no name of their own.
    nameless: usize,
    seen: BTreeMap<Fault, Repeated>,
    tallied: Tallied,
    elsewhere: Elsewhere,
    outages: Outages,
    latest: Option<Latest>,
    open: Open,
}

/// A client as it is counted.
#[derive(Debug)]
struct Lane {
    name: String,
    calls: u64,
    last: Instant,
    pace: Pace,
}

/// A client, and how busy it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its lane's name.
    pub lane: String,
    /// Its calls so far.
    pub calls: u64,
    /// When the last one came.
    pub last: Instant,
    /// Its calls to MPSD within the window of each of [`LIMITS`].
    pub rates: [u32; 2],
    /// Its sockets that are open now.
    pub sockets: usize,
}

/// The call that was answered last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// Who called what, and the answer's status.
    pub what: String,
    /// When.
    pub at: Instant,
}

/// What makes two findings one fault, as in reports: same lane, operation, rule, place and weight.
type Fault = (String, &'static str, &'static str, Place, Severity);

/// How often a fault was found, and what it said at first.
#[derive(Debug)]
struct Repeated {
    message: String,
    count: usize,
}

/// A fault as often as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The client, by the name it has here.
    pub lane: String,
    /// The operation's name.
    pub op: &'static str,
    /// The rule that is broken.
    pub rule: &'static str,
    /// How much that weighs.
    pub severity: &'static str,
    /// Where.
    pub place: String,
    /// What stood there when it was first found.
    pub message: String,
    /// How often.
    pub count: usize,
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
    /// Those of them that are open now.
    pub open: usize,
    /// Connections and plain-text calls of hosts that are none of ours, passed on unread.
    pub tunnels: usize,
    /// Those that were refused.
    pub refused: usize,
    /// Marks set.
    pub marks: usize,
}

impl Default for Watch {
    fn default() -> Self {
        Self { began: Instant::now(), state: Mutex::default() }
    }
}

impl Watch {
    /// The name of a client's lane: its own, or a number in the order clients are first seen. Counts its call.
    pub(super) fn lane(&self, key: LaneKey, service: Service) -> String {
        let now = Instant::now();
        let second = self.second(now);
        let mut state = self.state();
        let lane = state.lane(key, now);
        (lane.calls, lane.last) = (lane.calls + 1, now);
        if service == Service::Mpsd {
            lane.pace.count(second);
        }
        let name = lane.name.clone();
        state.tallied.calls += 1;
        name
    }

    /// The clients that called last, the latest first; at most so many, and how many there are besides.
    pub fn callers(&self, most: usize) -> (Vec<Caller>, usize) {
        let second = self.second(Instant::now());
        let state = self.state();
        let mut lanes: Vec<&Lane> = state.lanes.values().collect();
        lanes.sort_by_key(|lane| Reverse(lane.last));
        let caller = |lane: &&Lane| Caller {
            lane: lane.name.clone(),
            calls: lane.calls,
            last: lane.last,
            rates: lane.pace.at(second),
            sockets: state.open.of(&lane.name),
        };
        (lanes.iter().take(most).map(caller).collect(), lanes.len().saturating_sub(most))
    }

    /// The call that was answered last.
    pub fn latest(&self) -> Option<Latest> {
        self.state().latest.clone()
    }

    /// Takes down that a call was answered.
    pub(super) fn answered(&self, lane: &str, call: &Call, status: u16) {
        let what = format!("{lane} {} {} {status}", call.request.method, subject::of(call));
        self.state().latest = Some(Latest { what, at: Instant::now() });
    }

    /// Counts a mark; which one it is, from 1.
    pub(super) fn marked(&self) -> usize {
        let mut state = self.state();
        state.tallied.marks += 1;
        state.tallied.marks
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_secs()
    }

    /// Logs findings of one exchange: the first of a kind, and then each tenfold of it.
    pub(super) fn report(&self, lane: &str, call: &Call, findings: &[Finding]) {
        if !findings.is_empty() {
            self.report_about(lane, &About::call(call), findings);
        }
    }

    /// Logs findings of a call, or of a message on the socket it opened, in the same way.
    pub(super) fn report_about(&self, lane: &str, about: &About, findings: &[Finding]) {
        for finding in findings {
            let count = self.count(lane, about, finding);
            if is_power_of_ten(count) {
                telling::log(lane, about, finding, count);
            }
        }
    }

    /// Tells what keeps an exchange from being the service's own word, or from being replayed.
    pub(super) fn tell(&self, lane: &str, call: &Redacted<Call>, answer: &Redacted<Answer>) {
        let (op, request) = (call.message.resolution.name(), &call.message.request);
        let (status, outcome) = (answer.message.response.status, answer.message.outcome);
        let is_service = call.message.service != Service::Neighbour;
        if outcome == Outcome::Answered && is_service {
            self.state().outages.over();
        }
        if outcome != Outcome::Answered && answer.message.response.headers.text("tapdeck-outcome").is_none() {
            let (code, why) =
                answer.message.response.told().unwrap_or_else(|| (String::new(), outcome.as_str().into()));
            let count = self.unserved(is_service, code, &why);
            if is_power_of_ten(count) {
                let outcome = outcome.as_str();
                tracing::warn!(
                    target: TELLING, lane, op, status, outcome, count,
                    "{} {}: the service gave no answer, tapdeck did: {why}", request.method, request.target
                );
            }
        }
        self.tell_unkept(lane, call, answer);
    }

    /// Counts a call that tapdeck answered in place of the service; how often it was for this reason.
    fn unserved(&self, is_service: bool, code: String, why: &str) -> usize {
        let mut state = self.state();
        state.tallied.unserved += 1;
        if is_service && code.starts_with(UPSTREAM) {
            state.outages.begun(code, why.to_owned());
        }
        state.outages.met(why)
    }

    /// Why the service does not answer, as long as it does not.
    pub fn outage(&self) -> Option<Outage> {
        self.state().outages.now().cloned()
    }

    /// Tells which bodies are not kept.
    pub(super) fn tell_unkept(&self, lane: &str, call: &Redacted<Call>, answer: &Redacted<Answer>) {
        let (op, request) = (call.message.resolution.name(), &call.message.request);
        for Unkept { reason, length: bytes, .. } in call.withheld.iter().chain(&answer.withheld) {
            tracing::warn!(
                target: TELLING, lane, op, bytes, "{} {}: a body cannot be kept: {reason}", request.method, request.target
            );
        }
    }

    /// Counts what became of a host that is not looked into.
    pub(super) fn passed(&self, host: &str, passage: Passage) {
        let mut state = self.state();
        match passage {
            Passage::Tunnelled => state.tallied.tunnels += 1,
            Passage::Refused => state.tallied.refused += 1,
        }
        state.elsewhere.count(host, passage);
    }

    /// The hosts that are not looked into.
    pub fn elsewhere(&self) -> Elsewhere {
        self.state().elsewhere.clone()
    }

    /// The findings by kind, whoever they are about: rule, weight, operation, place, and how often.
    pub(super) fn faults(&self) -> Vec<(&'static str, Severity, &'static str, String, usize)> {
        let mut kinds = BTreeMap::new();
        for ((_, op, rule, place, severity), repeated) in &self.state().seen {
            *kinds.entry((*rule, *severity, *op, place.to_string())).or_default() += repeated.count;
        }
        let listed = |((rule, severity, op, place), count)| (rule, severity, op, place, count);
        kinds.into_iter().map(listed).collect()
    }

    /// The sums so far.
    pub fn tallied(&self) -> Tallied {
        self.state().tallied
    }

    /// The faults found so far, by client, operation, rule and place.
    pub fn seen(&self) -> Vec<Seen> {
        let state = self.state();
        let seen = state.seen.iter().map(|((lane, op, rule, place, severity), repeated)| Seen {
            lane: lane.clone(),
            op,
            rule,
            severity: severity.as_str(),
            place: place.to_string(),
            message: repeated.message.clone(),
            count: repeated.count,
        });
        seen.collect()
    }

    /// How many clients were seen.
    pub fn lanes(&self) -> usize {
        self.state().lanes.len()
    }

    fn count(&self, lane: &str, about: &About, finding: &Finding) -> usize {
        let mut state = self.state();
        match finding.severity {
            Severity::Error => state.tallied.errors += 1,
            Severity::Warning => state.tallied.warnings += 1,
            Severity::Info => state.tallied.infos += 1,
        }
        let key = (lane.to_owned(), about.op, finding.rule.id, finding.place.clone(), finding.severity);
        if state.seen.len() >= MOST_KINDS && !state.seen.contains_key(&key) {
            return 1;
        }
        let repeated = state.seen.entry(key).or_insert_with(|| Repeated { message: finding.message.clone(), count: 0 });
        repeated.count += 1;
        repeated.count
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn lane(&mut self, key: LaneKey, now: Instant) -> &mut Lane {
        let nameless = &mut self.nameless;
        self.lanes.entry(key).or_insert_with_key(|key| {
            let name = match key {
                LaneKey::Named(name) => name.to_string(),
                _ => {
                    *nameless += 1;
                    format!("lane-{nameless}")
                }
            };
            Lane { name, calls: 0, last: now, pace: Pace::default() }
        })
    }
}

fn is_power_of_ten(count: usize) -> bool {
    let mut power = 1;
    while power < count {
        power *= 10;
    }
    power == count
}

const TELLING: &str = "tapdeck::exchange";
/// What the codes of problems begin with that the service's side has.
const UPSTREAM: &str = "upstream-";
/// Kinds told apart; beyond them every finding is logged.
const MOST_KINDS: usize = 10_000;
