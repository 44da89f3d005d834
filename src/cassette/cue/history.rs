//! What became of each session: the versions that answers show, and the writes that show none.

use std::collections::{BTreeMap, HashMap};

use crate::cassette::outline::{Names, Tap};
use crate::cassette::session::{is_dry_run, session_of, version_of};
use crate::cassette::{HttpRecord, StoredBody};
use crate::json::Doc;
use crate::mpsd::{Op, resolve};

/// Every session of a recording.
#[derive(Debug, Default)]
pub(in crate::cassette) struct Histories {
    /// Sessions as `scid~template~name`, lives of sessions, handles.
    names: Names,
    /// By the session's number.
    sessions: HashMap<u32, History>,
    /// Where each handle was made, by its number.
    handles: HashMap<u32, Call>,
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
    /// By life and change.
    shown: BTreeMap<(u32, u64), Shown>,
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
    /// The names by number, for whoever asks.
    pub(in crate::cassette) fn names(&mut self) -> &mut Names {
        &mut self.names
    }

    /// To be told when every exchange was.
    pub(in crate::cassette) fn finish(&mut self) {
        self.tickets.sort_unstable_by_key(|call| (call.asked, call.answered));
        for history in self.sessions.values_mut() {
            history.silent.sort_unstable();
            history.writes.sort_unstable_by_key(|call| (call.asked, call.answered));
            for shown in history.shown.values_mut() {
                shown.by_writes.sort_unstable();
                shown.by_reads.sort_unstable();
            }
        }
    }

    /// Takes an exchange's part in it.
    pub(in crate::cassette) fn tell(&mut self, http: &HttpRecord) {
        if !is_answered(http) {
            return;
        }
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
            self.handles.insert(self.names.number(&id), call);
        }
        if matches!(op, Op::TicketCreate | Op::TicketDelete) {
            self.tickets.push(call);
        }
        let Some(session) = session_of(&resolution, &posted, &http.response.headers) else {
            return;
        };
        let version = op.answers_session().then(|| version_of(&answered)).flatten();
        let version = version.map(|(branch, change)| (self.names.number(&branch), change));
        let history = self.sessions.entry(self.names.number(&session)).or_default();
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
    pub(super) fn cause_of_tap(&self, tap: &Tap, at: u64) -> Option<u64> {
        let history = self.sessions.get(&tap.session)?;
        let of_version = tap.version.and_then(|version| {
            let matched = || self.ticket_since(history.known_before(version).1, at);
            let written = history.written(version, at).or_else(matched);
            written.or_else(|| history.first_read(version, at))
        });
        of_version.or_else(|| history.latest_write(at)).map(|call| call.answered)
    }

    /// The last call about a ticket between two positions.
    fn ticket_since(&self, since: u64, at: u64) -> Option<Call> {
        let before = &self.tickets[..self.tickets.partition_point(|call| call.asked < at)];
        before.last().filter(|call| call.asked > since).copied()
    }

    /// Where the call was answered that made a handle, if that was asked before a position.
    pub(super) fn handle_made(&self, handle: u32, at: u64) -> Option<u64> {
        self.handles.get(&handle).filter(|call| call.asked < at).map(|call| call.answered)
    }
}

impl History {
    /// The write that made a version: the first that shows it, else one that shows none, counted from the version
    /// before.
    fn written(&self, version: (u32, u64), at: u64) -> Option<Call> {
        let shown = self.shown.get(&version);
        shown.and_then(|shown| first(&shown.by_writes, at)).or_else(|| self.silent_maker(version, at))
    }

    /// The first read that shows a version, which time alone may have made.
    fn first_read(&self, version: (u32, u64), at: u64) -> Option<Call> {
        first(&self.shown.get(&version)?.by_reads, at)
    }

    /// The last version before one that an answer shows, and when one first did.
    fn known_before(&self, version: (u32, u64)) -> (u64, u64) {
        let earlier = self.shown.range((version.0, 0)..version).next_back();
        earlier.map_or((0, 0), |((_, known), shown)| (*known, shown.first()))
    }

    fn silent_maker(&self, version: (u32, u64), at: u64) -> Option<Call> {
        let (known, since) = self.known_before(version);
        let silent = &self.silent[self.silent.partition_point(|call| call.answered <= since)..];
        let nth = usize::try_from(version.1.saturating_sub(known + 1)).ok()?;
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
    http.is_served() && matches!(http.response.status, 200..300)
}

fn handle_id(answered: &[u8]) -> Option<String> {
    let doc = Doc::parse(answered).ok()?;
    doc.root().get("id")?.str().map(|id| id.to_lowercase())
}

/// A made-up recording may show one version any number of times.
const MOST_TRIED: usize = 100;
