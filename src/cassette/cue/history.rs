//! What became of each session: the versions that answers show, and the writes that show none.

use std::collections::BTreeMap;

use crate::cassette::session::{is_dry_run, session_of, version_of};
use crate::cassette::{Cassette, HttpRecord, StoredBody};
use crate::exchange::Outcome;
use crate::json::{Doc, Node};
use crate::mpsd::{Op, resolve};

/// Every session of a recording, by `scid~template~name`.
#[derive(Debug, Default)]
pub(super) struct Histories {
    sessions: BTreeMap<String, History>,
    /// Where each handle was made.
    handles: BTreeMap<String, Call>,
    /// Where tickets were made and dropped: matchmaking changes sessions that such a call does not name.
    tickets: Vec<Call>,
}

/// When a call was read, and when its answer was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    answered: u64,
    asked: u64,
}

/// One session.
#[derive(Debug, Default)]
struct History {
    shown: BTreeMap<(String, u64), Shown>,
    /// Writes whose answers show no version, by when they were answered.
    silent: Vec<Call>,
    /// Every write, by when it was asked.
    writes: Vec<Call>,
}

/// The answers that show one version, by when they were complete.
#[derive(Debug, Default)]
struct Shown {
    by_writes: Vec<Call>,
    by_reads: Vec<Call>,
}

impl Histories {
    pub(super) fn of(cassette: &Cassette) -> Self {
        let mut histories = Self::default();
        for http in cassette.exchanges().filter(|http| is_answered(http)) {
            histories.tell(http);
        }
        histories.tickets.sort_unstable_by_key(|call| (call.asked, call.answered));
        for history in histories.sessions.values_mut() {
            history.silent.sort_unstable();
            history.writes.sort_unstable_by_key(|call| (call.asked, call.answered));
            for shown in history.shown.values_mut() {
                shown.by_writes.sort_unstable();
                shown.by_reads.sort_unstable();
            }
        }
        histories
    }

    fn tell(&mut self, http: &HttpRecord) {
        let resolution = resolve(http.service(), &http.request.method, &http.request.target);
        let Some(op) = resolution.operation().map(|operation| operation.op) else {
            return;
        };
        if is_dry_run(&http.request.target) || (op.is_read() && !op.answers_session()) {
            return;
        }
        let call = Call { asked: http.asked, answered: http.answered };
        let content = |body: &Option<StoredBody>| body.as_ref().map(|body| body.content().bytes()).unwrap_or_default();
        let (posted, answered) = (content(&http.request.body), content(&http.response.body));
        if op == Op::HandleCreate
            && let Some(id) = handle_id(&answered)
        {
            self.handles.insert(id, call);
        }
        if matches!(op, Op::TicketCreate | Op::TicketDelete) {
            self.tickets.push(call);
        }
        let Some(session) = session_of(&resolution, &posted, &http.response.headers) else {
            return;
        };
        let history = self.sessions.entry(session).or_default();
        let version = op.answers_session().then(|| version_of(&answered)).flatten();
        if !op.is_read() {
            history.writes.push(call);
        }
        match version {
            Some(version) if op.is_read() => history.shown.entry(version).or_default().by_reads.push(call),
            Some(version) => history.shown.entry(version).or_default().by_writes.push(call),
            None if !op.is_read() => history.silent.push(call),
            None => {}
        }
    }

    /// Where the call was answered that caused a tap which was read at that position.
    pub(super) fn cause_of_tap(&self, tap: Node<'_>, at: u64) -> Option<u64> {
        let history = self.sessions.get(&tap.get("resource")?.str()?.to_lowercase())?;
        let text = |name| tap.get(name).and_then(Node::str);
        let number = tap.get("changeNumber").and_then(Node::number).and_then(|number| number.parse().ok());
        let of_version = text("branch").zip(number).and_then(|(branch, number)| {
            let matched = || self.ticket_since(history.known_before(&branch, number).1, at);
            let written = history.written(&branch, number, at).or_else(matched);
            written.or_else(|| history.first_read(&branch, number, at))
        });
        of_version.or_else(|| history.latest_write(at)).map(|call| call.answered)
    }

    /// The last call about a ticket between two positions.
    fn ticket_since(&self, since: u64, at: u64) -> Option<Call> {
        let before = &self.tickets[..self.tickets.partition_point(|call| call.asked < at)];
        before.last().filter(|call| call.asked > since).copied()
    }

    /// Where the call was answered that made a handle, if that was asked before a position.
    pub(super) fn handle_made(&self, id: &str, at: u64) -> Option<u64> {
        self.handles.get(&id.to_lowercase()).filter(|call| call.asked < at).map(|call| call.answered)
    }
}

impl History {
    /// The write that made a version: the first that shows it, else one that shows none, counted from the version
    /// before.
    fn written(&self, branch: &str, number: u64, at: u64) -> Option<Call> {
        let shown = self.shown.get(&(branch.to_owned(), number));
        shown.and_then(|shown| first(&shown.by_writes, at)).or_else(|| self.silent_maker(branch, number, at))
    }

    /// The first read that shows a version, which time alone may have made.
    fn first_read(&self, branch: &str, number: u64, at: u64) -> Option<Call> {
        first(&self.shown.get(&(branch.to_owned(), number))?.by_reads, at)
    }

    /// The last version before one that an answer shows, and when one first did.
    fn known_before(&self, branch: &str, number: u64) -> (u64, u64) {
        let earlier = self.shown.range((branch.to_owned(), 0)..(branch.to_owned(), number)).next_back();
        earlier.map_or((0, 0), |((_, known), shown)| (*known, shown.first()))
    }

    fn silent_maker(&self, branch: &str, number: u64, at: u64) -> Option<Call> {
        let (known, since) = self.known_before(branch, number);
        let silent = &self.silent[self.silent.partition_point(|call| call.answered <= since)..];
        let nth = usize::try_from(number.saturating_sub(known + 1)).ok()?;
        silent.get(nth).filter(|call| call.asked < at).copied()
    }

    fn latest_write(&self, at: u64) -> Option<Call> {
        self.writes[..self.writes.partition_point(|call| call.asked < at)].last().copied()
    }
}

impl Shown {
    fn first(&self) -> u64 {
        let firsts = [self.by_writes.first(), self.by_reads.first()];
        firsts.into_iter().flatten().map(|call| call.answered).min().unwrap_or(0)
    }
}

/// The first of some calls that was asked before a position.
fn first(calls: &[Call], at: u64) -> Option<Call> {
    calls.iter().take(MOST_TRIED).find(|call| call.asked < at).copied()
}

/// The service's own word, and a good one.
fn is_answered(http: &HttpRecord) -> bool {
    matches!(http.outcome, Outcome::Answered | Outcome::ClientGone) && matches!(http.response.status, 200..300)
}

fn handle_id(answered: &[u8]) -> Option<String> {
    let doc = Doc::parse(answered).ok()?;
    doc.root().get("id")?.str().map(|id| id.to_lowercase())
}

/// A made-up recording may show one version any number of times.
const MOST_TRIED: usize = 100;
