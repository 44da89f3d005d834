//! Sealing: one canonical text for everything a recording means.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use aho_corasick::BuildError;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::load::version;
use super::order::Order;
use super::outline::{Fact, Outline};
use super::record::{Head, Lane, Time, Timing, json};
use super::renumber::Renumbering;
use super::{Cassette, Entry, FORMAT, Notice, Record};
use crate::dice::hex;
use crate::json;
use crate::platform;

/// A cassette that cannot be sealed here.
#[derive(Debug, Error)]
pub enum SealError {
    /// Sealing would drop what this build does not understand.
    #[error("format {0} holds more than this tapdeck understands; seal it with the tapdeck that recorded it")]
    Newer(String),
    /// There are too many aliases to look for at once.
    #[error("the aliases cannot be renumbered")]
    Aliases(#[from] BuildError),
    /// The file could not be read again, or the sealed one not written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The records of a recording, wherever they are.
pub(super) trait Records {
    /// A record by its place in the recording.
    fn record(&mut self, index: usize) -> Result<Record, SealError>;
}

impl Records for &Cassette {
    fn record(&mut self, index: usize) -> Result<Record, SealError> {
        let gone = || io::Error::from(io::ErrorKind::UnexpectedEof);
        Ok(self.entries.get(index).ok_or_else(gone)?.record.clone())
    }
}

/// The canonical text of a cassette: the same for every recording that differs in timing, generated lane names and aliases only.
///
/// # Errors
/// The cassette holds what this build does not understand.
pub fn seal(cassette: &Cassette) -> Result<Vec<u8>, SealError> {
    check_understood(&cassette.head, &cassette.notes)?;
    let (outline, mut records, mut text) = (Outline::of(cassette), cassette, Vec::new());
    let mut canon = Canon::of(&outline, &cassette.aliases, &mut records, &mut |_| {})?;
    canon.write(&cassette.head, cassette.recorded, &mut text, &mut |_| {})?;
    Ok(text)
}

/// A cassette as its sealed file will hold it, each record with the line it stands on now.
///
/// # Errors
/// The cassette holds what this build does not understand.
pub fn canonical(cassette: &Cassette) -> Result<Cassette, SealError> {
    check_understood(&cassette.head, &cassette.notes)?;
    let (outline, mut records) = (Outline::of(cassette), cassette);
    let mut canon = Canon::of(&outline, &cassette.aliases, &mut records, &mut |_| {})?;
    let mut entries = Vec::with_capacity(cassette.entries.len());
    for (nth, index) in canon.order.sequence.clone().into_iter().enumerate() {
        entries.push(Entry { line: cassette.entries[index].line, record: canon.record(nth)? });
    }
    let lanes = canon.order.lanes.clone();
    Ok(Cassette {
        head: Head { format: FORMAT.to_owned(), ..cassette.head.clone() },
        aliases: canon.renumbering.table,
        named: lanes.iter().cloned().collect(),
        lanes,
        entries,
        recorded: cassette.recorded,
        seal: cassette.seal,
        notes: cassette.notes.clone(),
        file: cassette.file.clone(),
        starts: cassette.starts.clone(),
    })
}

/// What is dropped on reading would be gone for good.
pub(super) fn check_understood(head: &Head, notes: &[super::Note]) -> Result<(), SealError> {
    let skipped = notes.iter().any(|note| matches!(note.what, Notice::UnknownKind(_)));
    if skipped || version(&head.format) > version(FORMAT) {
        return Err(SealError::Newer(head.format.clone()));
    }
    Ok(())
}

/// A recording in canonical form, record by record.
pub(super) struct Canon<'r, R> {
    outline: &'r Outline,
    pub(super) records: &'r mut R,
    pub(super) order: Order,
    pub(super) renumbering: Renumbering,
}

impl<'r, R: Records> Canon<'r, R> {
    /// Orders the records and renumbers what is in them. `progress` is told of each record that is looked at.
    pub(super) fn of(
        outline: &'r Outline,
        aliases: &std::collections::BTreeMap<String, Vec<String>>,
        records: &'r mut R,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Self, SealError> {
        let order = Order::of(outline);
        let renumbering = Renumbering::of(aliases, &mut |see: &mut dyn FnMut(&mut Record)| {
            for (nth, index) in order.sequence.iter().enumerate() {
                see(&mut records.record(*index)?);
                progress(nth);
            }
            Ok::<(), SealError>(())
        })?;
        Ok(Self { outline, records, order, renumbering })
    }

    /// A record by its place in canonical order, as it stands in the sealed file. Its times stay with it.
    pub(super) fn record(&mut self, nth: usize) -> Result<Record, SealError> {
        let gone = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let index = *self.order.sequence.get(nth).ok_or_else(gone)?;
        let mut record = self.records.record(index)?;
        let lane = self.outline.lane_of(index).map(|lane| self.order.lane(lane).to_owned());
        match (&mut record, &self.outline.facts[index]) {
            (Record::Http(http), Fact::Http { asked, answered, .. }) => {
                (http.asked, http.answered) = self.order.dense(*asked, *answered, index);
                http.lane = lane.unwrap_or_default();
            }
            (Record::Frame(frame), _) => {
                if let Some(placed) = self.order.frame(index) {
                    (frame.socket, frame.at, frame.cue) = (placed.socket, placed.at, placed.cue);
                }
                frame.lane = lane.unwrap_or_default();
            }
            (Record::Mark(mark), _) => mark.at_position = self.order.dense_mark(mark.at_position),
            (Record::Http(_), _) => {}
        }
        self.renumbering.apply(&mut record);
        Ok(record)
    }

    /// Writes the sealed file's text. `progress` is told of each record that is written.
    pub(super) fn write(
        &mut self,
        head: &Head,
        recorded: Option<Timestamp>,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(usize),
    ) -> Result<(), SealError> {
        let head = json(&Head { format: FORMAT.to_owned(), ..head.clone() });
        let aliases = json(&self.renumbering.table);
        let lanes = json(&self.order.lanes.iter().map(|name| Lane { name: name.clone() }).collect::<Vec<_>>());
        let mut sum = Checksum::of([&head, &aliases, &lanes]);
        write!(out, "{{\n  \"$schema\": \"{SCHEMA}\"")?;
        for (key, value) in [("head", &head), ("aliases", &aliases), ("lanes", &lanes)] {
            write!(out, ",\n  \"{key}\": ")?;
            out.write_all(&json::pretty(value, 1))?;
        }
        write!(out, ",\n  \"records\": [")?;
        let mut times: Vec<Time> = recorded.map(Time::Began).into_iter().collect();
        let count = self.order.sequence.len();
        for nth in 0..count {
            let mut record = self.record(nth)?;
            times.push(Time::Took(take_time(&mut record)));
            let text = text(&record);
            sum.add(&text);
            out.write_all(if nth == 0 { b"\n    " } else { b",\n    " })?;
            out.write_all(&json::pretty(&text, 2))?;
            progress(nth);
        }
        out.write_all(if count == 0 { b"],\n  \"timing\": " } else { b"\n  ],\n  \"timing\": " })?;
        out.write_all(&json::pretty(&json(&times), 1))?;
        writeln!(out, ",\n  \"seal\": \"{}\"\n}}", sum.text())?;
        Ok(())
    }
}

/// Replaces a file by a sealed one, whole or not at all.
///
/// # Errors
/// The directory or the disk refuses.
pub fn write_sealed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_checked(path, |file| file.write_all(bytes), |_| Ok(()))
}

/// Replaces a file by what is written, once `check` has looked at it.
pub(super) fn write_checked<T, E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
    check: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?.to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = write_whole(&temporary, write).and_then(|()| check(&temporary));
    let checked = match written.and_then(|checked| Ok(platform::replace(&temporary, path).map(|()| checked)?)) {
        Ok(checked) => checked,
        Err(error) => {
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
    };
    // The rename is durable once the directory is; where a directory cannot be opened, the system sees to it.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if let Ok(directory) = File::open(directory) {
        let _ = directory.sync_all();
    }
    Ok(checked)
}

fn write_whole<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
) -> Result<(), E> {
    let _ = fs::remove_file(path);
    let mut file = BufWriter::with_capacity(1 << 20, File::create_new(path)?);
    write(&mut file)?;
    file.flush()?;
    Ok(file.get_ref().sync_all()?)
}

/// The seal: a hash over the hashes of the parts, white space left out.
pub(super) struct Checksum(Sha256);

impl Checksum {
    /// Over the head, the aliases and the lanes; the records are to be added.
    pub(super) fn of(head_aliases_lanes: [&[u8]; 3]) -> Self {
        let mut sum = Self(Sha256::new());
        head_aliases_lanes.into_iter().for_each(|part| sum.add(part));
        sum
    }

    /// Adds a part, laid out in whichever way.
    pub(super) fn add(&mut self, part: &[u8]) {
        self.0.update(Sha256::digest(json::compact(part)));
    }

    /// As it stands in the file.
    pub(super) fn text(self) -> String {
        format!("sha256:{}", hex(&self.0.finalize()))
    }
}

fn take_time(record: &mut Record) -> Option<(u64, u64)> {
    match record {
        Record::Http(http) => http.timing.take().map(|Timing { at, took }| (at, took)),
        Record::Frame(frame) => frame.timing.take().map(|Timing { at, took }| (at, took)),
        Record::Mark(_) => None,
    }
}

/// A record as it stands in a file, on one line.
pub(super) fn text(record: &Record) -> Vec<u8> {
    match record {
        Record::Http(http) => json(http),
        Record::Frame(frame) => json(frame),
        Record::Mark(mark) => json(mark),
    }
}

const SCHEMA: &str = "urn:tapdeck:cassette:1";

#[cfg(test)]
mod tests;
