//! HAR 1.2 as browsers and proxies write it, judged while it is read.
//!
//! Entries are cut out of the stream one by one; what is not traffic of a service with a contract is passed over.
//! Each kept entry is a few events in time, and the judge is shown them in the order of time, from a window of bounded
//! size: within that window it makes no difference in which order a recorder wrote its entries.

mod authorization;
mod bench;
mod body;
mod cut;
mod entry;
mod timeline;
mod url;

use std::io::{self, Read};
use std::sync::mpsc::{SyncSender, sync_channel};

use thiserror::Error;

use crate::conduct::Judge;
use crate::json::{Kind, Node};
use crate::report::Report;
use bench::Bench;
use cut::{Cutter, parsed};
use timeline::{Shown, Timeline};

pub use cut::Position;

/// A file that could not be read to its end. What came before was judged.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum HarError {
    #[error("cannot be read on: {0}")]
    Io(#[source] io::Error),
    #[error("not JSON: expected {expected}")]
    NotJson { at: Position, expected: &'static str },
    #[error("a merge left conflict markers")]
    Conflict { line: usize },
    #[error("cut off: the file ends before this does")]
    Ended { starts: Position },
    #[error("nested deeper than any recorder nests")]
    TooDeep { at: Position },
    #[error("a value larger than 16 MiB, the most one entry may have")]
    TooLarge { at: Position },
    #[error("a value of more than 500000 parts, the most one entry may have")]
    TooMany { at: Position },
    #[error("it is not a cassette, nor a HAR file: it has no {missing}")]
    NotHar { missing: &'static str },
    #[error("none of its {entries} entries can be read: {reason}")]
    NoEntry { entries: usize, reason: &'static str },
}

impl HarError {
    /// Where it is, when it is somewhere.
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::NotJson { at, .. } | Self::TooDeep { at } | Self::TooLarge { at } | Self::TooMany { at } => Some(*at),
            Self::Ended { starts } => Some(*starts),
            Self::Conflict { line } => Some(Position { line: *line, column: 1 }),
            Self::Io(_) | Self::NotHar { .. } | Self::NoEntry { .. } => None,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io(_) => "check the disk and the file's permissions",
            Self::NotJson { .. } | Self::Ended { .. } => "export it again; what comes before this place was judged",
            Self::Conflict { .. } => "take one side of the merge, or export the file again",
            Self::TooDeep { .. } | Self::TooLarge { .. } | Self::TooMany { .. } => {
                "export only the calls to *.xboxlive.com"
            }
            Self::NotHar { .. } => "a HAR file is what browsers and proxies export: {\"log\": {\"entries\": […]}}",
            Self::NoEntry { .. } => "export it as HAR 1.2",
        }
    }
}

/// What was read, and what of it was not judged.
#[derive(Debug, Default)]
pub struct Judged {
    /// Entries of any kind.
    pub entries: usize,
    /// Calls to services that have a contract.
    pub calls: usize,
    /// Calls to other hosts.
    pub elsewhere: usize,
    /// Preflights, tunnels, and answers from a cache.
    pub unsent: usize,
    /// Bodies the recorder left out or cut off: not judged.
    pub withheld: usize,
    /// Calls whose time cannot be read: they prove nothing about the order of things.
    pub timeless: usize,
    /// Calls without credentials in a file whose recorder leaves them out: not asked for any.
    pub unauthorized: usize,
    /// Entries that cannot be read.
    pub broken: usize,
    /// The line of the first of those, and what is wrong with it.
    pub first_broken: Option<(usize, &'static str)>,
    /// Why the rest could not be read.
    pub error: Option<HarError>,
}

/// Judges a HAR file and adds what is found under the file's name. Reading goes on while what was read is judged.
pub fn judge(source: impl Read + Send, file: &str, judge: &mut Judge, report: &mut Report) -> Judged {
    let mut bench = Bench::new(file, judge, report);
    let (sender, batches) = sync_channel(1);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| Reader::new(source, sender).judged());
        batches.into_iter().flatten().for_each(|shown| bench.show(shown));
        reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

struct Reader<R> {
    cutter: Cutter<R>,
    scratch: Vec<u8>,
    timeline: Timeline,
    batch: Vec<Shown>,
    /// How many bytes the batch takes.
    weight: usize,
    sender: SyncSender<Vec<Shown>>,
    has_entries: bool,
    judged: Judged,
}

impl<R: Read> Reader<R> {
    fn new(source: R, sender: SyncSender<Vec<Shown>>) -> Self {
        Self {
            cutter: Cutter::new(source),
            scratch: Vec::new(),
            timeline: Timeline::new(),
            batch: Vec::new(),
            weight: 0,
            sender,
            has_entries: false,
            judged: Judged::default(),
        }
    }

    fn judged(mut self) -> Judged {
        self.judged.error = self.file().err();
        while self.release() {}
        self.send();
        Judged { unauthorized: self.timeline.unauthorized(), ..self.judged }
    }

    /// Lets the earliest of what waits be judged; false when nothing waits.
    fn release(&mut self) -> bool {
        let Some((shown, weight)) = self.timeline.release() else {
            return false;
        };
        self.batch.push(shown);
        self.weight += weight;
        if self.weight > BATCH {
            self.send();
        }
        true
    }

    fn send(&mut self) {
        self.weight = 0;
        // Whoever judges takes everything; only a panic stops it, and that ends the reading, too.
        let _ = self.sender.send(std::mem::take(&mut self.batch));
    }

    fn file(&mut self) -> Result<(), HarError> {
        self.cutter.mark()?;
        if !self.cutter.open(b'{')? {
            // Something else is no HAR file, whether it is JSON or not.
            self.value(|_, _| ())?;
            return Err(HarError::NotHar { missing: "`log`" });
        }
        let (mut is_first, mut has_log) = (true, false);
        while let Some(name) = self.cutter.member(is_first, &mut self.scratch)? {
            is_first = false;
            match name.as_str() {
                "log" if self.cutter.open(b'{')? => {
                    has_log = true;
                    self.log()?;
                }
                _ => self.value(|_, _| ())?,
            }
        }
        self.cutter.end()?;
        let first = self.judged.first_broken.filter(|_| self.judged.broken == self.judged.entries);
        match first {
            Some((_, reason)) => Err(HarError::NoEntry { entries: self.judged.entries, reason }),
            None if self.has_entries => Ok(()),
            None => Err(HarError::NotHar { missing: if has_log { "`log.entries`" } else { "`log`" } }),
        }
    }

    fn log(&mut self) -> Result<(), HarError> {
        let mut is_first = true;
        while let Some(name) = self.cutter.member(is_first, &mut self.scratch)? {
            is_first = false;
            match name.as_str() {
                "entries" if self.cutter.open(b'[')? => {
                    self.has_entries = true;
                    self.entries()?;
                }
                "creator" => self.value(|reader, creator| reader.timeline.created_by(&name_of(creator)))?,
                _ => self.value(|_, _| ())?,
            }
        }
        Ok(())
    }

    fn entries(&mut self) -> Result<(), HarError> {
        let mut is_first = true;
        while self.cutter.item(is_first)? {
            is_first = false;
            self.judged.entries += 1;
            let line = self.cutter.value(&mut self.scratch)?;
            let doc = parsed(&self.scratch, line)?;
            let read = entry::read(&doc);
            drop(doc);
            self.entry(read, line.line);
        }
        Ok(())
    }

    fn entry(&mut self, read: Result<entry::Read, &'static str>, line: usize) {
        let judged = &mut self.judged;
        match read {
            Ok(entry::Read::Elsewhere) => judged.elsewhere += 1,
            Ok(entry::Read::Unsent) => judged.unsent += 1,
            Ok(entry::Read::Entry(entry)) => {
                judged.calls += 1;
                judged.withheld += entry.withheld;
                judged.timeless += usize::from(entry.started.is_none());
                self.timeline.take(*entry, judged.entries, line);
                while self.timeline.is_full() && self.release() {}
            }
            Err(reason) => {
                judged.broken += 1;
                judged.first_broken.get_or_insert((line, reason));
            }
        }
    }

    fn value(&mut self, look: impl FnOnce(&mut Self, Node<'_>)) -> Result<(), HarError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let start = self.cutter.value(&mut scratch)?;
        look(self, parsed(&scratch, start)?.root());
        self.scratch = scratch;
        Ok(())
    }
}

fn name_of(creator: Node<'_>) -> String {
    let name = creator.get("name").filter(|name| name.kind() == Kind::String);
    name.and_then(Node::str).unwrap_or_default().into_owned()
}

/// How many bytes are read before they are handed over to be judged.
const BATCH: usize = 1 << 20;
