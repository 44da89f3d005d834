//! The first reading: what the records depend on, and where they stand.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::{Checksum, Ledger, MAX_SEALED, Place, Polish, Shelf};
use crate::cassette::line::{self, MAX_LINE};
use crate::cassette::load::{self, JournalReader};
use crate::cassette::outline::Outline;
use crate::cassette::record::{Head, Lane, Time, Timing};
use crate::cassette::seal::text;
use crate::cassette::{CassetteError, HttpRecord, LineFault, Note, Notice, Record, Seal, Starts};
use crate::exchange::Outcome;
use crate::json::{Doc, Node};
use crate::mpsd::Service;

/// A recording while it is read for the first time.
#[derive(Debug, Default)]
pub(super) struct Index {
    head: Option<Head>,
    lanes: Vec<String>,
    recorded: Option<Timestamp>,
    notes: Vec<Note>,
    starts: Starts,
    is_sealed: bool,
    is_edited: bool,
    unserved: usize,
    hollow: usize,
    parts: Vec<PathBuf>,
    aliases: BTreeMap<String, Vec<String>>,
    outline: Outline,
    files: Vec<File>,
    places: Vec<Place>,
    times: Vec<Option<Timing>>,
}

impl Index {
    pub(super) fn of_journal(
        path: &Path,
        parts: &[(u32, PathBuf)],
        polish: &Polish<'_>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, CassetteError> {
        let unread = |source| CassetteError::Io { path: path.to_owned(), source };
        let (mut index, mut reader) = (Self::default(), JournalReader::default());
        let mut polished = Spill::beside(path);
        let is_one = matches!(parts, [(1, _)]);
        for (part, file) in parts {
            if !is_one {
                reader.part(*part, file);
            }
            let number = u32::try_from(index.files.len()).unwrap_or(u32::MAX);
            let mut lines = Lines::of(File::open(file).map_err(unread)?).map_err(unread)?;
            while lines.next(MAX_LINE).map_err(unread)? {
                progress(lines.length);
                let length = usize::try_from(lines.length).unwrap_or(usize::MAX);
                let Some(record) = reader.line(file, &lines.line, length)? else { continue };
                let length = u32::try_from(lines.line.len()).unwrap_or(u32::MAX);
                let place = Place { file: number, length, offset: lines.offset, line: reader.number() };
                match polish(&record) {
                    Some(record) => {
                        let (offset, length) = polished.keep(&text(&record)).map_err(unread)?;
                        index.keep(&record, Place { file: POLISHED, length, offset, ..place });
                    }
                    None => index.keep(&record, place),
                }
            }
            index.files.push(File::open(file).map_err(unread)?);
            index.parts.push(file.clone());
        }
        if reader.whole == 0 {
            return Err(CassetteError::NoLine { path: path.to_owned() });
        }
        let last = u32::try_from(index.files.len()).unwrap_or(u32::MAX);
        index.places.iter_mut().filter(|place| place.file == POLISHED).for_each(|place| place.file = last);
        index.files.extend(polished.file);
        index.lanes = reader.lanes.all().map(str::to_owned).collect();
        (index.head, index.recorded) = (Some(reader.head), reader.recorded);
        (index.aliases, index.notes, index.starts) = (reader.aliases, reader.notes, reader.starts);
        Ok(index)
    }

    /// A sealed file, as far as it is laid out as when it was sealed.
    pub(super) fn of_sealed(path: &Path, progress: &mut dyn FnMut(u64)) -> Result<Self, CassetteError> {
        let unread = |source| CassetteError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(unread)?;
        let mut index = Self { is_sealed: true, parts: vec![path.to_owned()], ..Self::default() };
        let mut reading = SealedReading { path, lines: Lines::of(file).map_err(unread)?, progress };
        let before = reading.until(|line| line == b"  \"records\": [")?;
        let mut sum = index.begin(path, &[&before, b"  \"records\": []\n}".as_slice()].concat())?;
        while let Some((text, place)) = reading.record()? {
            sum.add(&text);
            let broken = |fault: LineFault| CassetteError::Record {
                path: path.to_owned(),
                line: place.line,
                reason: fault.to_string(),
            };
            load::check_length(&text).map_err(broken)?;
            let kind = line::kind(&text).map_err(broken)?;
            match load::record(&kind, &text).map_err(broken)? {
                Some(record) => index.keep(&record, place),
                None => index.notes.push(Note::at(place.line, load::unknown(&kind))),
            }
        }
        let after = reading.until(|_| false)?;
        index.end(path, &[b"{", after.as_slice()].concat(), sum)?;
        index.files.push(File::open(path).map_err(unread)?);
        Ok(index)
    }

    pub(super) fn ledger(mut self, path: &Path) -> Ledger {
        self.outline.finish();
        self.note_sockets();
        let seal = match (self.is_sealed, self.is_edited) {
            (false, _) => Seal::Unsealed,
            (true, false) => Seal::Sealed,
            (true, true) => Seal::Edited,
        };
        Ledger {
            head: self.head.unwrap_or_else(Head::current),
            lanes: self.lanes,
            recorded: self.recorded,
            notes: self.notes,
            seal,
            unserved: self.unserved,
            hollow: self.hollow,
            file: path.to_owned(),
            parts: self.parts,
            starts: self.starts,
            aliases: self.aliases,
            outline: self.outline,
            shelf: Shelf { files: self.files, places: self.places, times: self.times, buffer: Vec::new() },
        }
    }

    fn keep(&mut self, record: &Record, place: Place) {
        let is_hollow = |http: &HttpRecord| http.service() == Service::Neighbour && http.withheld().is_some();
        self.hollow += usize::from(record.http().is_some_and(is_hollow));
        self.unserved += usize::from(record.http().is_some_and(|http| http.outcome != Outcome::Answered));
        self.outline.add(record);
        self.places.push(place);
    }

    /// Takes what stands before the records.
    fn begin(&mut self, path: &Path, text: &[u8]) -> Result<Checksum, CassetteError> {
        let doc =
            Doc::parse(text).map_err(|source| CassetteError::NotJson { path: path.to_owned(), line: 1, source })?;
        let head: Head = part(path, doc.root(), "head", "`head`")?;
        load::check_format(path, &head)?;
        self.head = Some(head);
        self.aliases = part(path, doc.root(), "aliases", "`aliases`")?;
        let lanes: Vec<Lane> = part(path, doc.root(), "lanes", "`lanes`")?;
        self.lanes = lanes.into_iter().map(|lane| lane.name).collect();
        let raw = |key| doc.root().get(key).map_or(b"".as_slice(), Node::raw);
        Ok(Checksum::of([raw("head"), raw("aliases"), raw("lanes")]))
    }

    /// Takes what stands behind the records.
    fn end(&mut self, path: &Path, text: &[u8], sum: Checksum) -> Result<(), CassetteError> {
        let doc = Doc::parse(text).map_err(|_| CassetteError::Layout { path: path.to_owned() })?;
        let seal = doc.root().get("seal").and_then(Node::str);
        self.is_edited = seal.is_none_or(|seal| seal != sum.text());
        let times = doc.root().get("timing").and_then(|node| serde_json::from_slice::<Vec<Time>>(node.raw()).ok());
        let mut times = times.unwrap_or_default().into_iter().peekable();
        if let Some(Time::Began(recorded)) = times.next_if(|time| matches!(time, Time::Began(_))) {
            self.recorded = Some(recorded);
        }
        self.times = times
            .map(|time| match time {
                Time::Took(time) => time.map(|(at, took)| Timing { at, took }),
                Time::Began(_) => None,
            })
            .collect();
        if self.times.len() != self.places.len() {
            self.times.clear();
            self.notes.push(Note::at(1, Notice::Timing));
        }
        Ok(())
    }

    /// Notes each socket that has messages and no opening.
    fn note_sockets(&mut self) {
        let mut known: HashSet<u64> = self.outline.exchanges().map(|(_, _, asked, _)| asked).collect();
        for frame in self.outline.frames.iter().filter(|frame| known.insert(frame.socket)) {
            let line = self.places.get(frame.index).map_or(0, |place| place.line);
            self.notes.push(self.starts.note(line, Notice::NoOpening(frame.socket)));
        }
    }
}

fn part<T: DeserializeOwned>(
    path: &Path,
    root: Node<'_>,
    key: &str,
    missing: &'static str,
) -> Result<T, CassetteError> {
    let node = root.get(key).ok_or_else(|| CassetteError::Missing { path: path.to_owned(), missing })?;
    line::parse(node.raw()).map_err(|fault| CassetteError::Record {
        path: path.to_owned(),
        line: 1,
        reason: fault.to_string(),
    })
}

/// A sealed file, line by line.
struct SealedReading<'r> {
    path: &'r Path,
    lines: Lines,
    progress: &'r mut dyn FnMut(u64),
}

impl SealedReading<'_> {
    /// The text up to a line, which is left out, or to the end.
    fn until(&mut self, is_end: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>, CassetteError> {
        let mut text = Vec::new();
        while self.next()? && !is_end(self.lines.text()) {
            text.extend_from_slice(&self.lines.line);
            self.check_size(&text)?;
        }
        Ok(text)
    }

    /// The next record and where it stands.
    fn record(&mut self) -> Result<Option<(Vec<u8>, Place)>, CassetteError> {
        self.next()?;
        let (offset, line) = (self.lines.offset, self.lines.count);
        match self.lines.text() {
            b"    {" => {}
            b"  ]," | b"  ]" => return Ok(None),
            _ => return Err(self.layout()),
        }
        let mut text = Vec::new();
        loop {
            text.extend_from_slice(&self.lines.line);
            self.check_size(&text)?;
            if matches!(self.lines.text(), b"    }" | b"    },") {
                break;
            }
            if !self.next()? {
                return Err(self.layout());
            }
        }
        text.truncate(text.iter().rposition(|byte| *byte == b'}').map_or(0, |at| at + 1));
        let length = u32::try_from(text.len()).map_err(|_| self.layout())?;
        Ok(Some((text, Place { file: 0, length, offset, line })))
    }

    fn next(&mut self) -> Result<bool, CassetteError> {
        let more = self.lines.next(2 * MAX_LINE);
        let more = more.map_err(|source| CassetteError::Io { path: self.path.to_owned(), source })?;
        (self.progress)(self.lines.length);
        Ok(more)
    }

    fn check_size(&self, text: &[u8]) -> Result<(), CassetteError> {
        let is_too_large = u64::try_from(text.len()).is_ok_and(|length| length > MAX_SEALED);
        if is_too_large { Err(self.layout()) } else { Ok(()) }
    }

    fn layout(&self) -> CassetteError {
        CassetteError::Layout { path: self.path.to_owned() }
    }
}

/// The lines of a file, and where they stand.
struct Lines {
    source: BufReader<File>,
    /// The line with its end; when it is too long, its beginning.
    line: Vec<u8>,
    /// Where it starts.
    offset: u64,
    /// Its whole length.
    length: u64,
    /// Its number, from 1.
    count: usize,
}

impl Lines {
    fn of(file: File) -> io::Result<Self> {
        let mut source = BufReader::with_capacity(1 << 18, file);
        let has_mark = source.fill_buf()?.starts_with(BOM);
        let length = if has_mark { BOM.len() } else { 0 };
        source.consume(length);
        let length = u64::try_from(length).unwrap_or_default();
        Ok(Self { source, line: Vec::new(), offset: 0, length, count: 0 })
    }

    /// Goes to the next line, of which so many bytes are kept; false when there is none.
    fn next(&mut self, most: usize) -> io::Result<bool> {
        self.offset += self.length;
        self.line.clear();
        self.line.shrink_to(KEPT);
        let most = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(2);
        let read = self.source.by_ref().take(most).read_until(b'\n', &mut self.line)?;
        self.length = u64::try_from(read).unwrap_or(u64::MAX);
        if self.length == most && !self.line.ends_with(b"\n") {
            self.skip()?;
        }
        self.count += 1;
        Ok(read > 0)
    }

    /// Passes over the rest of a line that is too long.
    fn skip(&mut self) -> io::Result<()> {
        loop {
            let rest = self.source.fill_buf()?;
            let end = rest.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let passed = end.unwrap_or(rest.len());
            self.source.consume(passed);
            self.length += u64::try_from(passed).unwrap_or_default();
            if end.is_some() {
                self.line.pop();
                self.line.push(b'\n');
            }
            if end.is_some() || passed == 0 {
                return Ok(());
            }
        }
    }

    /// The line without its end.
    fn text(&self) -> &[u8] {
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        line.strip_suffix(b"\r").unwrap_or(line)
    }
}

/// Records that were replaced, in a file of their own that nobody else sees.
struct Spill {
    folder: PathBuf,
    file: Option<File>,
    length: u64,
}

impl Spill {
    fn beside(path: &Path) -> Self {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        Self { folder: folder.to_owned(), file: None, length: 0 }
    }

    fn keep(&mut self, text: &[u8]) -> io::Result<(u64, u32)> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(&self.folder)?),
        };
        file.write_all(text)?;
        let (offset, length) = (self.length, u32::try_from(text.len()).unwrap_or(u32::MAX));
        self.length += u64::from(length);
        Ok((offset, length))
    }
}

/// The file of the spilt records, until it has its number.
const POLISHED: u32 = u32::MAX;
const BOM: &[u8] = b"\xef\xbb\xbf";
/// Capacity a line keeps after a long one.
const KEPT: usize = 1 << 20;
