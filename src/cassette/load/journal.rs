//! Reads a journal line by line, whole in memory or not. A damaged line is left out and told of.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use jiff::Timestamp;

use super::{CassetteError, check_format, record, unknown};
use crate::cassette::line::{self, LineFault};
use crate::cassette::outline::Names;
use crate::cassette::record::{Alias, Began, Head, Lane};
use crate::cassette::{Entry, Note, Notice, Record};

/// What the lines of a journal say besides its records.
pub(in crate::cassette) struct JournalReader {
    pub(in crate::cassette) head: Head,
    pub(in crate::cassette) recorded: Option<Timestamp>,
    /// Aliases by class, in order of first appearance.
    pub(in crate::cassette) aliases: BTreeMap<String, Vec<String>>,
    /// Lane names, in order of first appearance.
    pub(in crate::cassette) lanes: Names,
    pub(in crate::cassette) notes: Vec<Note>,
    /// Lines that are whole.
    pub(in crate::cassette) whole: usize,
    /// Where each file begins.
    pub(in crate::cassette) starts: Starts,
    seen: HashSet<(String, String)>,
    lines: usize,
    part: u32,
}

/// The files of a recording in parts: how many lines stand before each, and its name.
#[derive(Clone, Debug, Default)]
pub struct Starts(Vec<(usize, String)>);

impl Starts {
    /// Where a line stands that is counted through all files: the name of its file, when there are several, and its
    /// number there.
    pub fn find(&self, line: usize) -> (Option<&str>, usize) {
        let start = self.0.iter().rev().find(|(before, _)| *before < line);
        start.map_or((None, line), |(before, file)| (Some(file), line - before))
    }

    /// A note on a line, which is counted through all files.
    pub(in crate::cassette) fn note(&self, line: usize, what: Notice) -> Note {
        let (file, line) = self.find(line);
        Note { file: file.unwrap_or_default().to_owned(), line, what }
    }
}

impl Default for JournalReader {
    fn default() -> Self {
        Self {
            head: Head::current(),
            recorded: None,
            aliases: BTreeMap::new(),
            lanes: Names::default(),
            notes: Vec::new(),
            whole: 0,
            starts: Starts::default(),
            seen: HashSet::new(),
            lines: 0,
            part: 0,
        }
    }
}

impl JournalReader {
    /// The lines of a part come next.
    pub(in crate::cassette) fn part(&mut self, part: u32, file: &Path) {
        // Nothing is written to a part before all is on the disk that was written to the one before.
        if let Some(Note { what, .. }) = self.notes.last_mut()
            && let Notice::Torn { bytes } = *what
        {
            *what = Notice::Lost(LineFault::Cut(bytes));
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.starts.0.push((self.lines, name));
        for missing in (self.part + 1..part).take(MOST_MISSING) {
            self.note(self.lines + 1, Notice::NoPart(missing));
        }
        self.part = part;
    }

    fn note(&mut self, line: usize, what: Notice) {
        self.notes.push(self.starts.note(line, what));
    }

    /// Takes the records of a text.
    pub(super) fn text(&mut self, path: &Path, bytes: &[u8], entries: &mut Vec<Entry>) -> Result<(), CassetteError> {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let record = self.line(path, line, line.len())?;
            entries.extend(record.map(|record| Entry { line: self.lines, record }));
        }
        Ok(())
    }

    /// The number of the line that was read last, from 1.
    pub(in crate::cassette) fn number(&self) -> usize {
        self.lines
    }

    /// The record of the next line, if it is one. `length` is that of the whole line, if that is not all here.
    pub(in crate::cassette) fn line(
        &mut self,
        path: &Path,
        line: &[u8],
        length: usize,
    ) -> Result<Option<Record>, CassetteError> {
        self.lines += 1;
        let (text, ended) = line.strip_suffix(b"\n").map_or((line, false), |text| (text, true));
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.is_empty() {
            return Ok(None);
        }
        let is_whole = if length > line.len() { Err(LineFault::TooLong(length)) } else { line::check(text) };
        let read = match is_whole.and_then(|()| self.read(text)) {
            Ok(read) => {
                self.whole += 1;
                read
            }
            Err(fault) => {
                let what = if ended { Notice::Lost(fault) } else { Notice::Torn { bytes: length } };
                self.note(self.lines, what);
                None
            }
        };
        check_format(path, &self.head)?;
        Ok(read)
    }

    fn read(&mut self, text: &[u8]) -> Result<Option<Record>, LineFault> {
        let kind = line::kind(text)?;
        match kind.as_ref() {
            "head" => {
                self.head = line::parse::<Head>(text)?;
                self.recorded = line::parse::<Began>(text)?.recorded;
            }
            "lane" => {
                let _ = self.lanes.number(&line::parse::<Lane>(text)?.name);
            }
            "alias" => {
                let alias: Alias = line::parse(text)?;
                if self.seen.insert((alias.class.clone(), alias.text.clone())) {
                    self.aliases.entry(alias.class).or_default().push(alias.text);
                }
            }
            kind => match record(kind, text)? {
                Some(record) => {
                    let _ = record.lane().map(|lane| self.lanes.number(lane));
                    return Ok(Some(record));
                }
                None => self.note(self.lines, unknown(kind)),
            },
        }
        Ok(None)
    }
}

/// Most missing parts that are told of.
const MOST_MISSING: usize = 100;
