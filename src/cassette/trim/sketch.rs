//! What of a recording decides whether a record stays.

use std::collections::BTreeMap;

use super::TrimError;
use crate::cassette::outline::{Names, Talk};
use crate::cassette::session::session_of;
use crate::cassette::{FrameRecord, HttpRecord, Record, StoredBody};
use crate::contract::quoted;
use crate::json::Doc;
use crate::mpsd::{Op, ParamName, resolve};
use crate::socket::Sender;

/// The records of a recording in short.
#[derive(Debug, Default)]
pub(super) struct Sketch {
    pub(super) entries: Vec<Sketched>,
    /// By the position of their opening.
    pub(super) sockets: BTreeMap<u64, Socket>,
    /// The record that made each handle, by its id in small letters.
    pub(super) handles: BTreeMap<String, usize>,
    marks: Vec<(u64, String)>,
    lanes: Names,
    /// Sessions as `scid~template~name`, lives of sessions, handles: whatever messages name.
    names: Names,
}

/// One record in short.
#[derive(Debug)]
pub(super) enum Sketched {
    Exchange(Call),
    Message(Said),
    Mark { at: u64 },
}

/// An exchange in short.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) lane: String,
    pub(super) asked: u64,
    pub(super) answered: u64,
    /// The session it is about.
    pub(super) session: Option<String>,
    /// The handle it names.
    pub(super) uses: Option<String>,
    op: Option<Op>,
}

/// A message in short.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) lane: String,
    pub(super) at: u64,
    /// The sessions it tells of.
    pub(super) sessions: Vec<String>,
    /// It is the client's: only those have a position of their own.
    is_clients: bool,
    /// It subscribes or unsubscribes, or is the reply to that.
    pub(super) is_subscription: bool,
}

/// A socket in short.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) lane: String,
    pub(super) opened: u64,
    /// Where it was first closed, or never.
    pub(super) closed: u64,
    /// The exchange that opened it, when that is there.
    pub(super) opening: Option<usize>,
    pub(super) messages: Vec<usize>,
}

/// A mark that was found.
#[derive(Debug)]
pub(super) struct Marked {
    pub(super) at: u64,
    pub(super) number: usize,
    note: String,
    /// The numbers of further marks of the note it was found by.
    pub(super) twins: Vec<usize>,
}

impl Marked {
    /// What it is called in messages.
    pub(super) fn name(&self) -> String {
        format!("mark {} {}", self.number, self.note)
    }

    /// How to name the others of its note.
    pub(super) fn others(&self) -> String {
        match self.twins.as_slice() {
            [] => String::new(),
            twins => format!("; by their numbers, there are {}, too", listed(twins.iter().map(usize::to_string))),
        }
    }
}

impl Sketch {
    /// Adds the next record.
    pub(super) fn add(&mut self, record: &Record) {
        let index = self.entries.len();
        if let Some(lane) = record.lane() {
            self.lanes.number(lane);
        }
        let sketched = match record {
            Record::Http(http) => Sketched::Exchange(self.call(index, http)),
            Record::Frame(frame) => Sketched::Message(self.said(index, frame)),
            Record::Mark(mark) => {
                self.marks.push((mark.at_position, mark.text.clone()));
                Sketched::Mark { at: mark.at_position }
            }
        };
        self.entries.push(sketched);
    }

    /// To be told when every record was added: a socket's opening may come behind its messages.
    pub(super) fn finish(&mut self) {
        for (index, entry) in self.entries.iter().enumerate() {
            if let Sketched::Exchange(call) = entry
                && let Some(socket) = self.sockets.get_mut(&call.asked)
            {
                socket.opening = Some(index);
                socket.lane.clone_from(&call.lane);
            }
        }
    }

    pub(super) fn exchange(&self, index: usize) -> Option<&Call> {
        match self.entries.get(index)? {
            Sketched::Exchange(call) => Some(call),
            Sketched::Message(_) | Sketched::Mark { .. } => None,
        }
    }

    pub(super) fn message(&self, index: usize) -> Option<&Said> {
        match self.entries.get(index)? {
            Sketched::Message(said) => Some(said),
            Sketched::Exchange(_) | Sketched::Mark { .. } => None,
        }
    }

    pub(super) fn lane_of(&self, index: usize) -> Option<&str> {
        self.exchange(index).map(|call| &*call.lane).or_else(|| self.message(index).map(|said| &*said.lane))
    }

    /// The positions that cues name a record by.
    pub(super) fn positions(&self, index: usize) -> Vec<u64> {
        match self.entries.get(index) {
            Some(Sketched::Exchange(call)) => vec![call.asked, call.answered],
            Some(Sketched::Message(said)) if said.is_clients => vec![said.at],
            Some(Sketched::Message(_) | Sketched::Mark { .. }) | None => Vec::new(),
        }
    }

    /// The call by which a lane got the nonce it may have opened a socket with.
    pub(super) fn nonce_before(&self, opening: usize) -> Option<usize> {
        let lane = &self.exchange(opening)?.lane;
        (0..opening)
            .rev()
            .find(|index| self.exchange(*index).is_some_and(|call| call.op == Some(Op::RtaNonce) && call.lane == *lane))
    }

    /// A lane that there is.
    pub(super) fn lane(&self, name: &str) -> Result<String, TrimError> {
        match self.lanes.all().find(|lane| *lane == name) {
            Some(lane) => Ok(lane.to_owned()),
            None => Err(TrimError::Lane { name: quoted(name), known: listed(self.lanes.all().map(quoted)) }),
        }
    }

    /// The sessions of a name.
    pub(super) fn sessions(&self, name: &str) -> Result<Vec<String>, TrimError> {
        let folded = name.to_lowercase();
        let mut all: Vec<&String> = self
            .entries
            .iter()
            .filter_map(|entry| match entry {
                Sketched::Exchange(call) => call.session.as_ref(),
                Sketched::Message(_) | Sketched::Mark { .. } => None,
            })
            .collect();
        all.sort_unstable();
        all.dedup();
        let is_it = |session: &&String| **session == folded || short(session) == folded;
        let found: Vec<String> = all.iter().copied().filter(is_it).cloned().collect();
        if found.is_empty() {
            let known = listed(all.into_iter().map(|session| quoted(short(session))));
            return Err(TrimError::Session { name: quoted(name), known });
        }
        Ok(found)
    }

    /// A mark: the first of its note, else by its number.
    pub(super) fn mark(&self, name: &str) -> Result<Marked, TrimError> {
        let mut noted = self.marks.iter().enumerate().filter(|(_, (_, note))| note == name).map(|(index, _)| index + 1);
        let by_number = || name.parse::<usize>().ok().filter(|number| (1..=self.marks.len()).contains(number));
        let number = noted.next().or_else(by_number).ok_or_else(|| {
            let marks =
                self.marks.iter().enumerate().map(|(index, (_, note))| format!("{} {}", index + 1, quoted(note)));
            TrimError::Mark { name: quoted(name), known: listed(marks) }
        })?;
        let (at, note) = &self.marks[number - 1];
        Ok(Marked { at: *at, number, note: quoted(note), twins: noted.collect() })
    }

    fn call(&mut self, index: usize, http: &HttpRecord) -> Call {
        let resolution = resolve(http.service(), &http.request.method, &http.request.target);
        let content = |body: &Option<StoredBody>| body.as_ref().map(|body| body.content().bytes()).unwrap_or_default();
        let handle = resolution.operation().map(|operation| operation.param(ParamName::Handle).to_lowercase());
        let uses = handle.filter(|handle| !handle.is_empty());
        let op = resolution.operation().map(|operation| operation.op);
        let made = || uses.as_ref().and_then(|handle| self.exchange(*self.handles.get(handle)?)?.session.clone());
        let session = session_of(&resolution, &content(&http.request.body), &http.response.headers).or_else(made);
        if op == Some(Op::HandleCreate)
            && let Some(id) = id_in(&content(&http.response.body))
        {
            self.handles.insert(id, index);
        }
        Call { lane: http.lane.clone(), asked: http.asked, answered: http.answered, session, uses, op }
    }

    fn said(&mut self, index: usize, frame: &FrameRecord) -> Said {
        let talk = Talk::of(frame, &mut self.names);
        let sessions = match &talk {
            Talk::Event { taps, .. } => taps.iter().map(|tap| self.names.name(tap.session).to_owned()).collect(),
            _ => Vec::new(),
        };
        let socket = self.sockets.entry(frame.socket).or_insert_with(|| Socket {
            lane: frame.lane.clone(),
            opened: frame.socket,
            closed: u64::MAX,
            opening: None,
            messages: Vec::new(),
        });
        if matches!(talk, Talk::End) {
            socket.closed = socket.closed.min(frame.at);
        }
        socket.messages.push(index);
        let is_subscription = matches!(talk, Talk::Question(..));
        let is_clients = frame.from == Sender::Client;
        Said { lane: frame.lane.clone(), at: frame.at, sessions, is_clients, is_subscription }
    }
}

fn id_in(answered: &[u8]) -> Option<String> {
    let doc = Doc::parse(answered).ok()?;
    doc.root().get("id")?.str().map(|id| id.to_lowercase())
}

/// A session's name alone.
fn short(session: &str) -> &str {
    session.rsplit('~').next().unwrap_or(session)
}

/// The first of some names, and how many more there are.
fn listed(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    let more = names.len().saturating_sub(MOST_LISTED);
    let shown = names[..names.len() - more].join(", ");
    match (names.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (false, 0) => shown,
        (false, more) => format!("{shown} and {more} more"),
    }
}

const MOST_LISTED: usize = 12;
