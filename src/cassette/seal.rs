//! Sealing: one canonical text for everything a recording means.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use aho_corasick::BuildError;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::load::version;
use super::order::Order;
use super::record::{Head, Lane, Time, Timing, json};
use super::renumber::renumber;
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
}

/// The canonical text of a cassette: the same for every recording that differs in timing, generated lane names and aliases only.
///
/// # Errors
/// The cassette holds what this build does not understand.
pub fn seal(cassette: &Cassette) -> Result<Vec<u8>, SealError> {
    let mut canonical = canonical(cassette)?;
    let began = canonical.recorded.map(Time::Began);
    let took = canonical.entries.iter_mut().map(|entry| Time::Took(take_time(&mut entry.record)));
    let times: Vec<Time> = began.into_iter().chain(took).collect();
    let lanes: Vec<Lane> = canonical.lanes.iter().cloned().map(|name| Lane { name }).collect();
    let parts = Parts {
        head: json(&canonical.head),
        aliases: json(&canonical.aliases),
        lanes: json(&lanes),
        records: canonical.entries.iter().map(|entry| text(&entry.record)).collect(),
        timing: json(&times),
    };
    Ok(parts.document())
}

/// A cassette as its sealed file will hold it, each record with the line it stands on now.
///
/// # Errors
/// The cassette holds what this build does not understand.
pub fn canonical(cassette: &Cassette) -> Result<Cassette, SealError> {
    let skipped = cassette.notes.iter().any(|note| matches!(note.what, Notice::UnknownKind(_)));
    if skipped || version(&cassette.head.format) > version(FORMAT) {
        return Err(SealError::Newer(cassette.head.format.clone()));
    }
    let cassette = &owned(cassette);
    let order = Order::of(cassette);
    let mut records: Vec<Record> = order.sequence.iter().map(|index| renamed(cassette, &order, *index)).collect();
    let aliases = renumber(&mut records, &cassette.aliases)?;
    let lines = order.sequence.iter().map(|index| cassette.entries[*index].line);
    let lanes = order.lanes.clone();
    Ok(Cassette {
        head: Head { format: FORMAT.to_owned(), ..cassette.head.clone() },
        aliases,
        named: lanes.iter().cloned().collect(),
        lanes,
        entries: lines.zip(records).map(|(line, record)| Entry { line, record }).collect(),
        recorded: cassette.recorded,
        seal: cassette.seal,
        notes: cassette.notes.clone(),
        file: cassette.file.clone(),
    })
}

/// The cassette with each message in its socket's lane: that of the opening, or else of the first message.
fn owned(cassette: &Cassette) -> Cow<'_, Cassette> {
    let mut lanes: HashMap<u64, &str> = HashMap::new();
    let frames = || cassette.entries.iter().filter_map(|entry| entry.record.frame());
    let mut by_time: Vec<_> = frames().collect();
    by_time.sort_by_key(|frame| frame.at);
    for frame in by_time {
        lanes.entry(frame.socket).or_insert(&frame.lane);
    }
    if lanes.is_empty() {
        return Cow::Borrowed(cassette);
    }
    for http in cassette.exchanges() {
        lanes.entry(http.asked).and_modify(|lane| *lane = &http.lane);
    }
    if frames().all(|frame| lanes.get(&frame.socket).is_none_or(|lane| *lane == frame.lane)) {
        return Cow::Borrowed(cassette);
    }
    let mut owned = cassette.clone();
    for entry in &mut owned.entries {
        if let Record::Frame(frame) = &mut entry.record
            && let Some(lane) = lanes.get(&frame.socket)
        {
            frame.lane = (*lane).to_owned();
        }
    }
    Cow::Owned(owned)
}

/// Replaces a file by a sealed one, whole or not at all.
///
/// # Errors
/// The directory or the disk refuses.
pub fn write_sealed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = write_whole(&temporary, bytes).and_then(|()| platform::replace(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
        return written;
    }
    // The rename is durable once the directory is; where a directory cannot be opened, the system sees to it.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if let Ok(directory) = File::open(directory) {
        let _ = directory.sync_all();
    }
    Ok(())
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The seal: a hash over the hashes of the parts, white space left out.
pub(super) fn checksum<'a>(head_aliases_lanes: [&'a [u8]; 3], records: impl Iterator<Item = &'a [u8]>) -> String {
    let mut whole = Sha256::new();
    for part in head_aliases_lanes.into_iter().chain(records) {
        whole.update(Sha256::digest(json::compact(part)));
    }
    format!("sha256:{}", hex(&whole.finalize()))
}

/// A record under its canonical lane name and positions.
fn renamed(cassette: &Cassette, order: &Order, index: usize) -> Record {
    match &cassette.entries[index].record {
        Record::Http(http) => {
            let mut http = http.clone();
            (http.asked, http.answered) = order.dense(http.asked, http.answered, index);
            http.lane = order.lane(&http.lane).to_owned();
            Record::Http(http)
        }
        Record::Frame(frame) => {
            let mut frame = frame.clone();
            if let Some(placed) = order.frame(index) {
                (frame.socket, frame.at, frame.cue) = (placed.socket, placed.at, placed.cue);
            }
            frame.lane = order.lane(&frame.lane).to_owned();
            Record::Frame(frame)
        }
        Record::Mark(mark) => {
            let mut mark = mark.clone();
            mark.at_position = order.dense_mark(mark.at_position);
            Record::Mark(mark)
        }
    }
}

fn take_time(record: &mut Record) -> Option<(u64, u64)> {
    match record {
        Record::Http(http) => http.timing.take().map(|Timing { at, took }| (at, took)),
        Record::Frame(frame) => frame.timing.take().map(|Timing { at, took }| (at, took)),
        Record::Mark(_) => None,
    }
}

fn text(record: &Record) -> Vec<u8> {
    match record {
        Record::Http(http) => json(http),
        Record::Frame(frame) => json(frame),
        Record::Mark(mark) => json(mark),
    }
}

/// The values of a sealed file, each as compact JSON.
struct Parts {
    head: Vec<u8>,
    aliases: Vec<u8>,
    lanes: Vec<u8>,
    records: Vec<Vec<u8>>,
    timing: Vec<u8>,
}

impl Parts {
    fn document(&self) -> Vec<u8> {
        let seal = checksum([&self.head, &self.aliases, &self.lanes], self.records.iter().map(Vec::as_slice));
        let mut text = format!("{{\"$schema\":\"{SCHEMA}\"").into_bytes();
        let records = [b"[", self.records.join(&b","[..]).as_slice(), b"]"].concat();
        let seal = format!("\"{seal}\"").into_bytes();
        for (key, value) in [
            ("head", &self.head),
            ("aliases", &self.aliases),
            ("lanes", &self.lanes),
            ("records", &records),
            ("timing", &self.timing),
            ("seal", &seal),
        ] {
            text.extend_from_slice(format!(",\"{key}\":").as_bytes());
            text.extend_from_slice(value);
        }
        text.push(b'}');
        let mut document = json::pretty(&text, 0);
        document.push(b'\n');
        document
    }
}

const SCHEMA: &str = "urn:tapdeck:cassette:1";

#[cfg(test)]
mod tests;
