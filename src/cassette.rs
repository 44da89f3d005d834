//! Cassettes: recordings, on disk and in memory.
//!
//! Two containers hold the same records.
//!
//! **The journal**, `NAME.cassette.jsonl`, is what is written while recording: one JSON object a line, append-only.
//! Every line is `{"crc":"<8 hex digits>",…}`, and the CRC-32 covers each byte between the comma after it and the
//! line's end. The first line is the head; then come `lane`, `alias`, `http`, `frame` and `mark` lines. An `http`
//! line also carries `answered`, its place in the order of answers. A crash tears the last line at worst. A long
//! recording goes on in `NAME.2.cassette.jsonl` and so forth: each part is a journal by itself, whose head says which
//! part it is and whose `lane` and `alias` lines name what is in it; positions go on from part to part.
//!
//! **The sealed file**, `NAME.cassette.json`, is what is reviewed and committed: one JSON document with `$schema`,
//! `head`, `aliases`, `lanes`, `records`, `timing` and `seal`. It is canonical: records in an order that depends on
//! causality and lanes alone, positions, lanes and aliases renumbered, two-space indent, LF. The `records` array
//! starts at a line `  "records": [`, and each record at a line `    {`. Wall-clock facts stand in `timing` only: when the
//! recording began, then for each record the milliseconds until it was read, and how many it took.
//!
//! A socket's opening is an `http` record that was answered 101. Each message on it is a `frame` record that names the
//! socket by the position at which the opening was asked. In a sealed file each of the service's messages has a `cue`:
//! the message it answers, the call that caused it, or what its own client had done by then. Positions count calls,
//! answers and clients' messages; a message of the service stands behind the last of them it can have come after, so
//! that it makes no difference which of several sockets was read first.
//!
//! Readers accept every format 1.x, ignore keys they do not know, and skip records of a kind they do not know.

pub mod body;
pub mod frame;
pub mod line;
pub mod record;
pub mod seal;
pub(crate) mod session;

mod cue;
mod ledger;
mod load;
mod maintain;
mod order;
mod outline;
mod parts;
mod passage;
mod renumber;
mod rewrite;
mod show;
mod trim;

#[cfg(test)]
pub(crate) mod sample;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;

pub use body::{StoredBody, WireBytes, Withheld};
pub use frame::{Cue, FrameRecord, What};
pub use ledger::{Canonical, Ledger, Polish};
pub use line::{LineBody, LineFault};
pub(crate) use load::is_journal;
pub use load::{CassetteError, Starts};
pub use maintain::{Formatted, MaintainError, Verdict, fmt, fsck};
use outline::Outline;
pub use parts::{first_part, in_the_way, part_path, parts};
pub use passage::{Passage, Passages};
pub use record::{Circumstances, Head, HttpRecord, Mark, Timing};
pub(crate) use rewrite::{rewrite, rewrite_request, rewrite_response};
pub use show::{View, show};
pub use trim::{Choice, TrimError, Trimmed, trim};

/// A recording in memory, from either container.
#[derive(Clone, Debug)]
pub struct Cassette {
    /// What the recording says about itself.
    pub head: Head,
    /// Aliases by class, in order of first appearance.
    pub aliases: BTreeMap<String, Vec<String>>,
    /// Lane names, in order of first appearance.
    pub lanes: Vec<String>,
    /// Exchanges and marks, in the order of the file.
    pub entries: Vec<Entry>,
    /// When the recording began, by the wall clock; `None` when nobody wrote that down.
    pub recorded: Option<Timestamp>,
    /// How far the file can be trusted.
    pub seal: Seal,
    /// What was noticed on reading.
    pub notes: Vec<Note>,
    /// The file it was read from; empty for a recording that came from none.
    pub file: PathBuf,
    /// Which of its files a line stands in, when it is in parts.
    pub starts: Starts,
    /// The lanes again: a hostile file may name millions.
    named: HashSet<String>,
}

/// A record and where it stands.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The line it starts on, from 1, counted through all files of a recording in parts: [`Starts`] tells the line in one
    /// of them. 0 for a record that came from no file.
    pub line: usize,
    /// The record.
    pub record: Record,
}

/// What a cassette is a sequence of.
#[derive(Clone, Debug)]
pub enum Record {
    /// An exchange. One whose answer is 101 opens a socket.
    Http(Box<HttpRecord>),
    /// A message on a socket, or the end of one.
    Frame(Box<FrameRecord>),
    /// A human note.
    Mark(Mark),
}

/// How far a cassette can be trusted to be what was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// A sealed file as it was sealed.
    Sealed,
    /// A sealed file that was changed since.
    Edited,
    /// A journal.
    Unsealed,
}

/// Something noticed on reading that is no error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The file of a recording in parts, by its name; empty when there is but one.
    pub file: String,
    /// The line of the file it is about.
    pub line: usize,
    /// What it is.
    pub what: Notice,
}

/// What a [`Note`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The last line of the recording was not written to its end.
    Torn {
        /// How many bytes of it there are.
        bytes: usize,
    },
    /// A line was left out.
    Lost(LineFault),
    /// A record of a kind this build does not know was left out.
    UnknownKind(String),
    /// The `timing` array does not fit the records; it was left out.
    Timing,
    /// Messages on a socket whose opening is not there: they cannot be replayed.
    NoOpening(u64),
    /// A part of a long recording is not there.
    NoPart(u32),
}

impl Cassette {
    /// A recording that came from no file.
    pub fn of(records: impl IntoIterator<Item = Record>) -> Self {
        let mut cassette = Self {
            head: Head::current(),
            aliases: BTreeMap::new(),
            lanes: Vec::new(),
            entries: Vec::new(),
            recorded: None,
            seal: Seal::Unsealed,
            notes: Vec::new(),
            file: PathBuf::new(),
            starts: Starts::default(),
            named: HashSet::new(),
        };
        for record in records {
            cassette.push(0, record);
        }
        cassette
    }

    /// The exchanges, in the order of the file.
    pub fn exchanges(&self) -> impl Iterator<Item = &HttpRecord> {
        self.entries.iter().filter_map(|entry| entry.record.http())
    }

    /// How many messages there are, and on how many sockets.
    pub fn messages(&self) -> (usize, usize) {
        let frames = || self.entries.iter().filter_map(|entry| entry.record.frame());
        let sockets: BTreeSet<u64> = frames().map(|frame| frame.socket).collect();
        (frames().count(), sockets.len())
    }

    /// What there is of everything, in words.
    pub fn contents(&self) -> String {
        contents(self.exchanges().count(), self.lanes.len(), self.messages())
    }

    /// What releases each of the service's messages on replay, by the entry that holds it.
    pub(crate) fn cues(&self) -> HashMap<usize, Cue> {
        cue::find(&Outline::of(self))
    }

    /// How many lines or records could not be read.
    pub fn lost(&self) -> usize {
        self.notes.iter().filter(|note| note.what.is_loss() || matches!(note.what, Notice::Torn { .. })).count()
    }

    fn push(&mut self, line: usize, record: Record) {
        record.lane().into_iter().for_each(|lane| self.name_lane(lane));
        self.entries.push(Entry { line, record });
    }

    fn name_lane(&mut self, name: &str) {
        if !self.named.contains(name) {
            self.named.insert(name.to_owned());
            self.lanes.push(name.to_owned());
        }
    }
}

impl Record {
    /// The exchange, if it is one.
    pub fn http(&self) -> Option<&HttpRecord> {
        match self {
            Self::Http(http) => Some(http),
            Self::Frame(_) | Self::Mark(_) => None,
        }
    }

    /// The lane it is in, if it is in any.
    pub fn lane(&self) -> Option<&str> {
        match self {
            Self::Http(http) => Some(&http.lane),
            Self::Frame(frame) => Some(&frame.lane),
            Self::Mark(_) => None,
        }
    }

    /// Gives it its wall-clock facts, or takes them away.
    fn set_timing(&mut self, timing: Option<Timing>) {
        match self {
            Self::Http(http) => http.timing = timing,
            Self::Frame(frame) => frame.timing = timing,
            Self::Mark(_) => {}
        }
    }

    /// The message on a socket, if it is one.
    pub fn frame(&self) -> Option<&FrameRecord> {
        match self {
            Self::Frame(frame) => Some(frame),
            Self::Http(_) | Self::Mark(_) => None,
        }
    }
}

impl Note {
    /// A note on the only file there is.
    fn at(line: usize, what: Notice) -> Self {
        Self { file: String::new(), line, what }
    }
}

impl Notice {
    /// True when something is missing that was recorded. A torn last line was answered to nobody.
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::NoPart(_))
    }
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sealed => "sealed",
            Self::Edited => "edited since it was sealed",
            Self::Unsealed => "not sealed",
        })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line;
        if !self.file.is_empty() {
            write!(f, "{}, ", self.file)?;
        }
        match &self.what {
            Notice::Torn { bytes } => write!(f, "line {line}: torn after {bytes} bytes, left out"),
            Notice::Lost(fault) => write!(f, "line {line}: left out: {fault}"),
            Notice::UnknownKind(kind) => write!(f, "line {line}: a record of kind {kind:?}, unknown here, left out"),
            Notice::NoOpening(socket) => {
                write!(
                    f,
                    "line {line}: a message on socket {socket}, whose opening is not recorded: it does not replay"
                )
            }
            Notice::NoPart(part) => write!(f, "line {line}: here part {part} of the recording is missing"),
            Notice::Timing => write!(f, "line {line}: `timing` does not fit the records, ignored"),
        }
    }
}

fn contents(exchanges: usize, lanes: usize, (messages, sockets): (usize, usize)) -> String {
    let mut text = format!("{}, {}", many(exchanges, "exchange"), many(lanes, "lane"));
    if messages > 0 {
        text += &format!(", {} on {}", many(messages, "message"), many(sockets, "socket"));
    }
    text
}

/// A number and what there is of it: `1 line`, `2 lines`.
pub(crate) fn many(count: usize, name: &str) -> String {
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

/// `major.minor` of the format this build writes.
pub const FORMAT: &str = "1.0";
