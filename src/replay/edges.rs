//! What must come before what, between lanes: a call waits for what another live player did before it.
//!
//! An edge leads from a write to a call that tells of the same thing: the write was answered before the call was read,
//! or the version it made is one the call's answer shows or has replaced. Calls about different things, and reads, hold
//! up nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::tape::{Take, Tape, Version};
use crate::cassette::session::session_of;
use crate::json::Doc;
use crate::mpsd::{Op, ParamName};

/// What a call may change or tell of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    /// A session document: `scid~template~name`, lower-case.
    Session(String),
    /// Which sessions there are.
    Sessions,
    /// One handle, by id.
    Handle(String),
    /// Which handles there are.
    Handles,
    /// Who looks for a match in a hopper.
    Hopper(String),
}

/// Every edge of a tape, by what it is about.
#[derive(Debug, Default)]
pub(super) struct Edges {
    /// What each take tells of, and what it changes.
    tells: Vec<Vec<usize>>,
    changes: Vec<Vec<usize>>,
    /// Who changes a subject: by lane, in the order of their answers.
    writers: Vec<BTreeMap<usize, Vec<usize>>>,
}

impl Edges {
    pub(super) fn of(takes: &[Take]) -> Self {
        let mut edges = Self::default();
        let mut numbers: BTreeMap<Subject, usize> = BTreeMap::new();
        let mut number = |subject: Subject| {
            let next = numbers.len();
            *numbers.entry(subject).or_insert(next)
        };
        for take in takes {
            let (tells, changes) = subjects(take);
            edges.tells.push(tells.into_iter().map(&mut number).collect());
            edges.changes.push(changes.into_iter().map(&mut number).collect());
        }
        edges.writers = (0..numbers.len()).map(|_| BTreeMap::new()).collect();
        for (at, take) in takes.iter().enumerate() {
            for subject in &edges.changes[at] {
                edges.writers[*subject].entry(take.lane).or_default().push(at);
            }
        }
        for list in edges.writers.iter_mut().flat_map(BTreeMap::values_mut) {
            list.sort_by_key(|at| takes[*at].recorded.answered);
        }
        edges
    }
}

impl Edges {
    /// The writes that come before a take: the last one of each lane, in the order of the tape.
    pub(super) fn before(&self, takes: &[Take], at: usize) -> BTreeSet<usize> {
        let take = &takes[at];
        let lanes = self.tells[at].iter().flat_map(|subject| self.writers[*subject].values());
        let is_before = |write: &usize| *write != at && comes_before(&takes[*write], take);
        lanes.filter_map(|writers| writers.iter().rev().copied().find(is_before)).collect()
    }
}

/// What a take tells of, and what it changes.
fn subjects(take: &Take) -> (Vec<Subject>, Vec<Subject>) {
    let Some(operation) = take.resolution.operation().filter(|_| take.tells_state()) else {
        return (Vec::new(), Vec::new());
    };
    let posted = take.recorded.request.body.decoded().map(AsRef::as_ref).unwrap_or_default();
    let session = || session_of(&take.resolution, posted, &take.recorded.response.headers).map(Subject::Session);
    let handle = || Some(operation.param(ParamName::Handle).to_lowercase()).filter(|id| !id.is_empty());
    let hopper = || Subject::Hopper(operation.param(ParamName::Hopper).to_lowercase());
    let is_write = take.changes_state();
    match operation.op {
        Op::HandleCreate => {
            let made = is_write.then(|| handle_made(take)).flatten().map(Subject::Handle);
            (session().into_iter().collect(), made.into_iter().chain(is_write.then_some(Subject::Handles)).collect())
        }
        Op::HandleGet | Op::HandleDelete => {
            let handle: Vec<Subject> = handle().map(Subject::Handle).into_iter().collect();
            let changed =
                if is_write { handle.iter().cloned().chain([Subject::Handles]).collect() } else { Vec::new() };
            (handle, changed)
        }
        Op::HandlesQuery => (vec![Subject::Handles], Vec::new()),
        Op::SessionsQuery | Op::TemplateSessionsQuery | Op::Batch | Op::TemplateBatch => {
            (vec![Subject::Sessions], Vec::new())
        }
        Op::TicketCreate | Op::TicketDelete => (Vec::new(), if is_write { vec![hopper()] } else { Vec::new() }),
        Op::TicketGet => (vec![hopper()], Vec::new()),
        _ => {
            let session: Vec<Subject> = session().into_iter().collect();
            let changed =
                if is_write { session.iter().cloned().chain([Subject::Sessions]).collect() } else { Vec::new() };
            (session.into_iter().chain(handle().map(Subject::Handle)).collect(), changed)
        }
    }
}

fn handle_made(take: &Take) -> Option<String> {
    let doc = Doc::parse(take.recorded.response.body.decoded()?).ok()?;
    Some(doc.root().get("id")?.str()?.to_lowercase())
}

/// What clients that are certain to be some lane have played.
#[derive(Debug, Default)]
pub(super) struct Released {
    takes: BTreeSet<usize>,
    /// How many writers of a subject in a lane were all played, from the first.
    begun: BTreeMap<(usize, usize), usize>,
    /// The newest state of each session that an answer showed, by the take that did.
    newest: BTreeMap<String, usize>,
}

impl Released {
    /// A take was played.
    pub(super) fn add(&mut self, edges: &Edges, takes: &[Take], at: usize) {
        if !self.takes.insert(at) {
            return;
        }
        let take = &takes[at];
        for subject in edges.changes[at].iter().copied() {
            let writers = edges.writers[subject].get(&take.lane).map(Vec::as_slice).unwrap_or_default();
            let begun = self.begun.entry((subject, take.lane)).or_default();
            while writers.get(*begun).is_some_and(|at| self.takes.contains(at)) {
                *begun += 1;
            }
        }
        if let Some(session) = take.session.as_ref().filter(|_| take.shows_version()) {
            let newest = self.newest.entry(session.clone()).or_insert(at);
            if is_newer(take, &takes[*newest]) {
                *newest = at;
            }
        }
    }

    fn missing(&self, edges: &Edges, takes: &[Take], at: usize, is_live: impl Fn(usize) -> bool) -> Option<usize> {
        let take = &takes[at];
        let lanes = edges.tells[at].iter().flat_map(|subject| {
            let writers = edges.writers[*subject].iter();
            writers.map(move |(lane, writers)| (*subject, *lane, writers))
        });
        lanes.filter(|(_, lane, _)| *lane != take.lane && is_live(*lane)).find_map(|(subject, lane, writers)| {
            let begun = self.begun.get(&(subject, lane)).copied().unwrap_or_default();
            let open = writers[begun..].iter().copied();
            let mut open = open.take_while(|before| takes[*before].recorded.asked < take.recorded.answered);
            open.find(|before| !self.takes.contains(before) && comes_before(&takes[*before], take))
        })
    }
}

/// A version that a client was told of, and when the player it plays was.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) version: Version,
    pub(super) at: u64,
}

/// What others have done by now, as far as an answer may depend on it.
pub(super) struct Around<'a> {
    pub(super) tape: &'a Tape,
    pub(super) released: &'a Released,
    /// Which lanes clients play themselves.
    pub(super) is_live: &'a dyn Fn(usize) -> bool,
    /// The newest version of each session that a lane was told of on a socket.
    pub(super) told: &'a BTreeMap<(usize, String), Told>,
}

impl Around<'_> {
    /// A write of another live lane that comes before a take and was not made yet.
    pub(super) fn missing(&self, at: usize) -> Option<usize> {
        self.released.missing(self.tape.edges(), self.tape.takes(), at, self.is_live)
    }

    /// The newest state of a session that anybody was shown, by the take that did.
    pub(super) fn newest(&self, session: &str) -> Option<usize> {
        self.released.newest.get(session).copied()
    }

    /// The newest version of a session that a lane was told of.
    pub(super) fn told(&self, lane: usize, session: &str) -> Option<&Told> {
        self.told.get(&(lane, session.to_owned()))
    }
}

/// True when a write came before a call about the same thing: in time, or by the version it made.
fn comes_before(write: &Take, call: &Take) -> bool {
    if write.precedes(call) {
        return true;
    }
    match (&write.version, &call.version) {
        (Some((branch, made)), Some((same, shown))) if branch == same && write.session == call.session => {
            if call.changes_state() { made < shown } else { made <= shown }
        }
        _ => false,
    }
}

/// True when what one take shows is a later state than what another does.
pub(super) fn is_newer(take: &Take, than: &Take) -> bool {
    match (&take.version, &than.version) {
        (Some((branch, change)), Some((same, other))) if branch == same => change > other,
        _ => take.recorded.answered > than.recorded.answered,
    }
}

/// True when a state is older than a version of the same branch.
pub(super) fn is_older(shown: Option<&Version>, than: &Version) -> bool {
    shown.is_some_and(|(branch, change)| *branch == than.0 && *change < than.1)
}
