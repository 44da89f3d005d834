//! A recording on the disk, read record by record: a long one is larger than memory.
//!
//! Both containers are read once for what their records depend on and where they stand; a record itself is read again
//! when it is its turn. A sealed file is read so when it is too large to be read as one document, and only as it was
//! laid out when it was sealed.

mod index;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::load::{MAX_SEALED, is_journal};
use super::outline::Outline;
use super::parts::parts;
use super::record::{Head, Timing};
use super::seal::{Canon, Checksum, Records, SealError, check_understood, write_checked};
use super::{Cassette, CassetteError, Entry, Note, Record, Seal, Starts, contents, line, load};
use index::Index;

/// A recording on the disk.
#[derive(Debug)]
pub struct Ledger {
    /// What the recording says about itself.
    pub head: Head,
    /// Lane names, in order of first appearance.
    pub lanes: Vec<String>,
    /// When the recording began, by the wall clock.
    pub recorded: Option<Timestamp>,
    /// What was noticed on reading.
    pub notes: Vec<Note>,
    /// How far the file can be trusted.
    pub seal: Seal,
    /// Exchanges that tapdeck answered in place of the service.
    pub unserved: usize,
    /// Exchanges with hosts of no contract that are kept without their bodies.
    pub hollow: usize,
    /// The file, or the first part of it.
    pub file: PathBuf,
    /// The parts of a journal; the file itself of a sealed one.
    pub parts: Vec<PathBuf>,
    /// Which of them a line stands in.
    pub starts: Starts,
    aliases: std::collections::BTreeMap<String, Vec<String>>,
    outline: Outline,
    shelf: Shelf,
}

/// Where the records are.
#[derive(Debug)]
struct Shelf {
    files: Vec<File>,
    places: Vec<Place>,
    /// The times of a sealed file's records, which stand apart from them.
    times: Vec<Option<Timing>>,
    buffer: Vec<u8>,
}

/// Where a record stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    file: u32,
    length: u32,
    offset: u64,
    line: usize,
}

/// A recording in the order and with the names it is sealed with.
pub struct Canonical<'l> {
    head: &'l Head,
    recorded: Option<Timestamp>,
    canon: Canon<'l, Shelf>,
}

/// What a record becomes before it is kept; `None` when it stays as it is.
pub type Polish<'p> = dyn Fn(&Record) -> Option<Record> + 'p;

impl Ledger {
    /// Opens a recording; the first part of a long journal stands for all of them. `progress` is told how many bytes
    /// were read since it was told last.
    ///
    /// # Errors
    /// As for [`Cassette::read`], but for its size.
    pub fn open(path: &Path, progress: &mut dyn FnMut(u64)) -> Result<Self, CassetteError> {
        Self::polished(path, &|_| None, progress)
    }

    /// The same with records of a journal replaced.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn polished(path: &Path, polish: &Polish<'_>, progress: &mut dyn FnMut(u64)) -> Result<Self, CassetteError> {
        let unread = |source| CassetteError::Io { path: path.to_owned(), source };
        let (start, _) = start(path)?;
        if start.trim_ascii().is_empty() {
            return Err(CassetteError::Empty { path: path.to_owned() });
        }
        let index = if is_journal(load::without_bom(&start)) {
            Index::of_journal(path, &parts(path).map_err(unread)?, polish, progress)?
        } else {
            Index::of_sealed(path, progress)?
        };
        Ok(index.ledger(path))
    }

    /// True for a journal, which may be of any length, and for a sealed file that is too large to be read into memory.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn is_needed(path: &Path) -> Result<bool, CassetteError> {
        let (start, length) = start(path)?;
        Ok(length > MAX_SEALED || is_journal(load::without_bom(&start)))
    }

    /// How many exchanges there are.
    pub fn exchanges(&self) -> usize {
        self.outline.exchanges().count()
    }

    /// How many records there are.
    pub fn records(&self) -> usize {
        self.outline.facts.len()
    }

    /// How many messages there are, and on how many sockets.
    pub fn messages(&self) -> (usize, usize) {
        let frames = &self.outline.frames;
        let sockets: std::collections::BTreeSet<u64> = frames.iter().map(|frame| frame.socket).collect();
        (frames.len(), sockets.len())
    }

    /// What there is of everything, in words.
    pub fn contents(&self) -> String {
        contents(self.exchanges(), self.lanes.len(), self.messages())
    }

    /// The recording as it is sealed: a sealed file as it is, a journal in canonical order. `progress` is told of each
    /// record that is looked at.
    ///
    /// # Errors
    /// The recording holds what this build does not understand, or cannot be read again.
    pub fn canonical(&mut self, progress: &mut dyn FnMut(usize)) -> Result<Canonical<'_>, SealError> {
        check_understood(&self.head, &self.notes)?;
        let canon = Canon::of(&self.outline, &self.aliases, &mut self.shelf, progress)?;
        Ok(Canonical { head: &self.head, recorded: self.recorded, canon })
    }

    /// A record as it stands in the file, with its line.
    ///
    /// # Errors
    /// The file cannot be read again.
    pub fn entry(&mut self, index: usize) -> Result<Entry, SealError> {
        let line = self.shelf.places.get(index).map_or(0, |place| place.line);
        Ok(Entry { line, record: self.shelf.record(index)? })
    }

    /// Seals it to a file, whole or not at all. `check` looks at what was written before it takes that name.
    ///
    /// # Errors
    /// The recording holds what this build does not understand, the disk refuses, or the check failed.
    pub fn seal_to<T, E: From<SealError> + From<io::Error>>(
        &mut self,
        path: &Path,
        progress: &mut dyn FnMut(usize),
        check: impl FnOnce(&Path) -> Result<T, E>,
    ) -> Result<T, E> {
        let Canonical { head, recorded, mut canon } = self.canonical(progress)?;
        write_checked(path, |file| Ok(canon.write(head, recorded, file, progress)?), check)
    }
}

impl Canonical<'_> {
    /// How many records there are.
    pub fn records(&self) -> usize {
        self.canon.order.sequence.len()
    }

    /// A record by its place, with the line it stands on in the file.
    ///
    /// # Errors
    /// The file cannot be read again.
    pub fn entry(&mut self, nth: usize) -> Result<Entry, SealError> {
        let index = self.canon.order.sequence.get(nth).copied().unwrap_or(usize::MAX);
        let line = self.canon.records.places.get(index).map_or(0, |place| place.line);
        Ok(Entry { line, record: self.canon.record(nth)? })
    }

    /// The recording without its records.
    pub(super) fn blank(&self) -> Cassette {
        Cassette {
            head: self.head.clone(),
            recorded: self.recorded,
            aliases: self.canon.renumbering.table.clone(),
            ..Cassette::of([])
        }
    }
}

impl Records for Shelf {
    fn record(&mut self, index: usize) -> Result<Record, SealError> {
        let changed = || SealError::Io(io::Error::new(io::ErrorKind::InvalidData, "the file was changed meanwhile"));
        let Place { file, length, offset, .. } = *self.places.get(index).ok_or_else(changed)?;
        let file = usize::try_from(file).ok().and_then(|file| self.files.get_mut(file)).ok_or_else(changed)?;
        self.buffer.resize(usize::try_from(length).unwrap_or_default(), 0);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut self.buffer)?;
        let kind = line::kind(&self.buffer).map_err(|_| changed())?;
        let mut record = load::record(&kind, &self.buffer).map_err(|_| changed())?.ok_or_else(changed)?;
        if let Some(time) = self.times.get(index) {
            record.set_timing(*time);
        }
        Ok(record)
    }
}

/// The first bytes of a file, or of what is left of a journal in parts, and how long it is.
fn start(path: &Path) -> Result<(Vec<u8>, u64), CassetteError> {
    let unread = |source| CassetteError::Io { path: path.to_owned(), source };
    let parts = parts(path).map_err(unread)?;
    let file = File::open(parts.first().map_or(path, |(_, first)| first)).map_err(unread)?;
    let length = file.metadata().map_err(unread)?.len();
    let mut start = Vec::new();
    file.take(HEAD).read_to_end(&mut start).map_err(unread)?;
    Ok((start, length))
}

/// Enough to tell what a file is.
const HEAD: u64 = 1 << 16;

#[cfg(test)]
mod tests;
