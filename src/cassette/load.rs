//! Reads either container. The file may be torn, edited, converted by a version control system, or hostile.

mod journal;

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use thiserror::Error;

use super::frame::FrameRecord;
use super::line::{self, LineFault, MAX_LINE, PREFIX};
use super::parts::parts;
use super::record::{Head, HttpRecord, Lane, Time, Timing};
use super::{Cassette, FORMAT, Note, Notice, Record, Seal, seal};
use crate::json::{Doc, JsonError, Kind, Node, compact};
pub(super) use journal::JournalReader;
pub use journal::Starts;

/// A file that is no cassette we can read. Each says what to do about it.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum CassetteError {
    #[error("cannot read {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} is larger than {} MiB, the most of a {what} that is read into memory", max >> 20)]
    TooLarge { path: PathBuf, what: &'static str, max: u64 },
    #[error("{path} holds more than {MAX_VALUES} JSON values, the most a sealed file may have")]
    TooManyValues { path: PathBuf },
    #[error("{path} is empty: nothing was recorded to it")]
    Empty { path: PathBuf },
    #[error("{path}:{line}: {source}")]
    NotJson { path: PathBuf, line: usize, source: JsonError },
    #[error("{path}:{line}: a merge left conflict markers")]
    Conflict { path: PathBuf, line: usize },
    #[error("{path}: format {format} is newer than this tapdeck reads (1.x)")]
    Newer { path: PathBuf, format: String },
    #[error("{path}:{line}: {reason}")]
    Record { path: PathBuf, line: usize, reason: String },
    #[error("{path} is not a cassette: it has no {missing}")]
    Missing { path: PathBuf, missing: &'static str },
    #[error("{path} holds no whole line")]
    NoLine { path: PathBuf },
    #[error(
        "{path} is larger than {} MiB and not laid out as it was sealed, so that it cannot be read record by record",
        MAX_SEALED >> 20
    )]
    Layout { path: PathBuf },
}

impl CassetteError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => "check the path",
            Self::TooLarge { .. } | Self::TooManyValues { .. } => {
                "`tapdeck cassette trim` cuts a smaller one out of it; `check` and `cassette fsck` read it as it is"
            }
            Self::Layout { .. } => "restore the file, or undo the edit",
            Self::Empty { .. } | Self::NoLine { .. } => {
                "record again; a recording that was cut off has a journal beside it"
            }
            Self::NotJson { .. } => "restore the file, or undo the edit",
            Self::Conflict { .. } => "resolve them, then run `tapdeck cassette fmt`",
            Self::Newer { .. } => "update tapdeck to read it",
            Self::Record { .. } => "undo the edit, or remove the record and run `tapdeck cassette fmt`",
            Self::Missing { .. } => "a cassette is what `tapdeck record` writes",
        }
    }
}

impl Cassette {
    /// Reads a journal or a sealed file, whichever it is. The first part of a long journal stands for all of them; their
    /// lines are counted as if they were one file.
    ///
    /// # Errors
    /// The file cannot be read, is no cassette, or is a sealed file with a broken record. Lost journal lines are notes.
    pub fn read(path: &Path) -> Result<Self, CassetteError> {
        let unread = |source| CassetteError::Io { path: path.to_owned(), source };
        match parts(path).map_err(unread)?.as_slice() {
            [] | [(1, _)] => Self::parse(path, &bytes_of(path)?),
            parts => Self::parse_parts(path, parts),
        }
    }

    fn parse_parts(path: &Path, parts: &[(u32, PathBuf)]) -> Result<Self, CassetteError> {
        let (mut reader, mut cassette, mut read) = (JournalReader::default(), Self::of([]), 0);
        for (part, file) in parts {
            let bytes = bytes_of(file)?;
            read += bytes.len();
            check_size(path, read, "journal", MAX_JOURNAL)?;
            reader.part(*part, file);
            reader.text(file, without_bom(&bytes), &mut cassette.entries)?;
        }
        cassette.take(path, reader)
    }

    /// What a reader has read besides records.
    fn take(mut self, path: &Path, reader: JournalReader) -> Result<Self, CassetteError> {
        if reader.whole == 0 {
            return Err(CassetteError::NoLine { path: path.to_owned() });
        }
        let JournalReader { head, recorded, aliases, lanes, notes, starts, .. } = reader;
        lanes.all().for_each(|lane| self.name_lane(lane));
        let mut cassette = Self { head, recorded, aliases, notes, starts, file: path.to_owned(), ..self };
        cassette.note_sockets();
        Ok(cassette)
    }

    /// The bytes of a file that is open already, for [`Self::parse`]; `path` is for messages only.
    ///
    /// # Errors
    /// The file cannot be read, or is larger than any cassette.
    pub fn bytes_from(path: &Path, source: impl Read) -> Result<Vec<u8>, CassetteError> {
        all_of(path, source)
    }

    /// Reads the bytes of a journal or a sealed file; `path` is for messages only.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, CassetteError> {
        let bytes = without_bom(bytes);
        if bytes.trim_ascii().is_empty() {
            return Err(CassetteError::Empty { path: path.to_owned() });
        }
        if is_journal(bytes) {
            let (mut reader, mut cassette) = (JournalReader::default(), Self::of([]));
            reader.text(path, bytes, &mut cassette.entries)?;
            return cassette.take(path, reader);
        }
        let mut cassette = sealed(path, bytes)?;
        cassette.note_sockets();
        cassette.file = path.to_owned();
        Ok(cassette)
    }

    /// Notes each socket that has messages and no opening.
    fn note_sockets(&mut self) {
        let mut known: HashSet<u64> = self.exchanges().map(|http| http.asked).collect();
        let frames = self.entries.iter().filter_map(|entry| Some((entry.line, entry.record.frame()?.socket)));
        let lost = frames.filter(|(_, socket)| known.insert(*socket));
        let notes: Vec<Note> = lost.map(|(line, socket)| self.starts.note(line, Notice::NoOpening(socket))).collect();
        self.notes.extend(notes);
    }
}

pub(super) fn bytes_of(path: &Path) -> Result<Vec<u8>, CassetteError> {
    let file = File::open(path).map_err(|source| CassetteError::Io { path: path.to_owned(), source })?;
    all_of(path, file)
}

fn all_of(path: &Path, source: impl Read) -> Result<Vec<u8>, CassetteError> {
    let mut bytes = Vec::new();
    let read = source.take(MAX_JOURNAL + 1).read_to_end(&mut bytes);
    read.map_err(|source| CassetteError::Io { path: path.to_owned(), source })?;
    check_size(path, bytes.len(), "journal", MAX_JOURNAL)?;
    Ok(bytes)
}

fn check_size(path: &Path, bytes: usize, what: &'static str, max: u64) -> Result<(), CassetteError> {
    if u64::try_from(bytes).unwrap_or(u64::MAX) > max {
        return Err(CassetteError::TooLarge { path: path.to_owned(), what, max });
    }
    Ok(())
}

pub(super) fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// A journal's first bytes are those of a line, whole or torn; its first line may be damaged, the second then is not.
pub(crate) fn is_journal(bytes: &[u8]) -> bool {
    let is_line = |line: &[u8]| line.starts_with(PREFIX);
    is_line(bytes) || PREFIX.starts_with(bytes) || bytes.split(|byte| *byte == b'\n').nth(1).is_some_and(is_line)
}

/// A record of either container; `None` for a kind this build does not know.
pub(super) fn record(kind: &str, text: &[u8]) -> Result<Option<Record>, LineFault> {
    match kind {
        "http" => {
            let http: HttpRecord = line::parse(text)?;
            if http.asked == 0 || http.answered <= http.asked {
                return Err(LineFault::Shape("`answered` must be greater than `asked`, and `asked` than 0".into()));
            }
            if !(100..1000).contains(&http.response.status) {
                return Err(LineFault::Shape("`status` must have three digits".into()));
            }
            Ok(Some(Record::Http(Box::new(http))))
        }
        "frame" => {
            let frame: FrameRecord = line::parse(text)?;
            if frame.socket == 0 || frame.at <= frame.socket {
                return Err(LineFault::Shape("`at` must be greater than `socket`, and `socket` than 0".into()));
            }
            frame.what.check().map_err(|fault| LineFault::Shape(fault.into()))?;
            Ok(Some(Record::Frame(Box::new(frame))))
        }
        "mark" => Ok(Some(Record::Mark(line::parse(text)?))),
        _ => Ok(None),
    }
}

/// A record counts without its layout: indented, a journal's line may be any number of times as long.
pub(super) fn check_length(text: &[u8]) -> Result<(), LineFault> {
    if text.len() <= MAX_LINE {
        return Ok(());
    }
    let length = compact(text).len();
    if length <= MAX_LINE { Ok(()) } else { Err(LineFault::TooLong(length)) }
}

pub(super) fn unknown(kind: &str) -> Notice {
    Notice::UnknownKind(kind.chars().take(32).collect())
}

fn sealed(path: &Path, bytes: &[u8]) -> Result<Cassette, CassetteError> {
    check_size(path, bytes.len(), "sealed file", MAX_SEALED)?;
    // Before each value and each name stands one of these, so that there are no more of them than this.
    if bytes.iter().filter(|byte| b"[{,:".contains(byte)).count() > MAX_VALUES {
        return Err(CassetteError::TooManyValues { path: path.to_owned() });
    }
    let doc = Doc::parse(bytes).map_err(|source| not_json(path, bytes, source))?;
    let file = SealedReader { path, bytes, root: doc.root() };
    let head: Head = file.part("head", "`head`")?;
    check_format(path, &head)?;
    let mut cassette = Cassette { head, ..Cassette::of([]) };
    cassette.aliases = file.part("aliases", "`aliases`")?;
    let lanes: Vec<Lane> = file.part("lanes", "`lanes`")?;
    lanes.iter().for_each(|lane| cassette.name_lane(&lane.name));
    file.records(&mut cassette)?;
    file.timing(&mut cassette);
    let recorded = file.root.get("seal").and_then(Node::str);
    let intact = recorded.is_some_and(|recorded| recorded == file.checksum());
    cassette.seal = if intact { Seal::Sealed } else { Seal::Edited };
    Ok(cassette)
}

struct SealedReader<'d> {
    path: &'d Path,
    bytes: &'d [u8],
    root: Node<'d>,
}

impl SealedReader<'_> {
    fn part<T: DeserializeOwned>(&self, key: &str, missing: &'static str) -> Result<T, CassetteError> {
        let node = self.root.get(key).ok_or_else(|| CassetteError::Missing { path: self.path.to_owned(), missing })?;
        line::parse(node.raw()).map_err(|fault| self.broken(line_of(self.bytes, node.span().start), &fault))
    }

    fn records(&self, cassette: &mut Cassette) -> Result<(), CassetteError> {
        let path = || self.path.to_owned();
        let records = self.root.get("records").filter(|node| node.kind() == Kind::Array);
        let records = records.ok_or_else(|| CassetteError::Missing { path: path(), missing: "`records`" })?;
        let (mut number, mut at) = (1, 0);
        for node in records.items() {
            let start = node.span().start;
            number += count_lines(&self.bytes[at..start]);
            at = start;
            let text = node.raw();
            check_length(text).map_err(|fault| self.broken(number, &fault))?;
            let kind = line::kind(text).map_err(|fault| self.broken(number, &fault))?;
            match record(&kind, text).map_err(|fault| self.broken(number, &fault))? {
                Some(record) => cassette.push(number, record),
                None => cassette.notes.push(Note::at(number, unknown(&kind))),
            }
        }
        Ok(())
    }

    /// Hands the timing array out to the records; times are no part of the recording's meaning, so none is no error.
    fn timing(&self, cassette: &mut Cassette) {
        let Some(node) = self.root.get("timing") else {
            return;
        };
        let mut times = serde_json::from_slice::<Vec<Time>>(node.raw()).unwrap_or_default();
        if let Some(Time::Began(recorded)) = times.first() {
            cassette.recorded = Some(*recorded);
            times.remove(0);
        }
        let skipped = cassette.notes.iter().any(|note| matches!(note.what, Notice::UnknownKind(_)));
        if times.len() != cassette.entries.len() || skipped {
            let line = line_of(self.bytes, node.span().start);
            cassette.notes.push(Note::at(line, Notice::Timing));
            return;
        }
        for (entry, time) in cassette.entries.iter_mut().zip(times) {
            let time = match time {
                Time::Took(time) => time.map(|(at, took)| Timing { at, took }),
                Time::Began(_) => None,
            };
            entry.record.set_timing(time);
        }
    }

    fn checksum(&self) -> String {
        let raw = |key| self.root.get(key).map_or(b"".as_slice(), Node::raw);
        let mut sum = seal::Checksum::of([raw("head"), raw("aliases"), raw("lanes")]);
        let records = self.root.get("records").into_iter().flat_map(Node::items);
        records.for_each(|record| sum.add(record.raw()));
        sum.text()
    }

    fn broken(&self, line: usize, fault: &LineFault) -> CassetteError {
        CassetteError::Record { path: self.path.to_owned(), line, reason: fault.to_string() }
    }
}

fn not_json(path: &Path, bytes: &[u8], source: JsonError) -> CassetteError {
    let path = path.to_owned();
    let line = line_of(bytes, source.offset);
    let text = bytes.split(|byte| *byte == b'\n').nth(line - 1).unwrap_or_default();
    if [b"<<<<<<<", b"=======", b">>>>>>>"].iter().any(|marker| text.starts_with(*marker)) {
        return CassetteError::Conflict { path, line };
    }
    CassetteError::NotJson { path, line, source }
}

/// Accepts every 1.x.
pub(super) fn check_format(path: &Path, head: &Head) -> Result<(), CassetteError> {
    let path = || path.to_owned();
    let (major, _) = version(&head.format)
        .ok_or_else(|| CassetteError::Missing { path: path(), missing: "format of the form `1.0` in its head" })?;
    if version(FORMAT).is_some_and(|(ours, _)| ours < major) {
        return Err(CassetteError::Newer { path: path(), format: head.format.chars().take(32).collect() });
    }
    Ok(())
}

/// `major.minor` as numbers.
pub(super) fn version(format: &str) -> Option<(u64, u64)> {
    let (major, minor) = format.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn line_of(bytes: &[u8], offset: usize) -> usize {
    1 + count_lines(&bytes[..offset.min(bytes.len())])
}

fn count_lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Larger journals are not read into memory. They are read line by line.
const MAX_JOURNAL: u64 = 1 << 30;
/// Larger sealed files are not read into memory, where they are one document.
pub(super) const MAX_SEALED: u64 = 256 << 20;
/// Sealed files of more values are refused as well: each takes memory, however few bytes it is.
const MAX_VALUES: usize = 32 << 20;

#[cfg(test)]
mod tests;
