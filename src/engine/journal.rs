//! The one owner of the journal file: it gives out positions, writes batches, and only then says so.
//!
//! Connections hand in finished lines and wait for their `answered` position. The owner runs on a thread of its own,
//! because a disk may stall; its queue is bounded, so that a slow disk slows the game instead of losing a record.
//! After the first failed write the file is cut back to its last whole line and nothing more is accepted: what was
//! acknowledged is in the file, and nothing else is.
//!
//! A journal that has grown long goes on in a part of its own, which stands alone: it names again what is in it. A part
//! that cannot be begun is no reason to end a recording: the one before goes on until it can.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::cassette::line::{LineBody, MAX_LINE, Takes};
use crate::cassette::{in_the_way, part_path};
use crate::clock::Clock;

/// A handle on a journal. Clones share one file.
#[derive(Clone, Debug)]
pub struct Journal {
    orders: mpsc::Sender<Order>,
    spent: CancellationToken,
}

/// How long a journal may get.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes after which another part is begun.
    pub part: u64,
    /// Bytes in all after which it says that it is spent; it goes on all the same.
    pub most: Option<u64>,
}

impl Default for Bounds {
    /// No part is longer than what every reader takes in whole.
    fn default() -> Self {
        Self { part: 256 << 20, most: None }
    }
}

/// Why a line is not in the journal.
#[derive(Clone, Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum JournalError {
    #[error("{path} exists: an earlier recording left it behind")]
    Exists { path: PathBuf },
    #[error("cannot create {path}: {source}")]
    Create { path: PathBuf, source: Arc<io::Error> },
    #[error("cannot start the journal's thread: {source}")]
    Start { source: Arc<io::Error> },
    #[error("the disk of {path} is full: free some space and record again; what was acknowledged is in the file")]
    Full { path: PathBuf },
    #[error("cannot write {path}: {source}; what was acknowledged is in the file")]
    Write { path: PathBuf, source: Arc<io::Error> },
    #[error("a record of {bytes} bytes is more than a journal line can hold")]
    TooLarge { bytes: usize },
    #[error("the journal is closed")]
    Closed,
}

impl Journal {
    /// Creates the file with its head line, and starts its owner. `position` gives out `asked` as well.
    ///
    /// # Errors
    /// The file exists, or cannot be created or written.
    pub fn create(path: &Path, position: Arc<AtomicU64>, bounds: Bounds) -> Result<Self, JournalError> {
        let unmade = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => JournalError::Exists { path: path.to_owned() },
            _ => JournalError::Create { path: path.to_owned(), source: Arc::new(source) },
        };
        if let Some(path) = in_the_way(path).map_err(unmade)? {
            return Err(JournalError::Exists { path });
        }
        Self::start(path, new_file(path).map_err(unmade)?, position, bounds)
    }

    /// Cancelled once the journal is as long as it may get.
    pub fn spent(&self) -> &CancellationToken {
        &self.spent
    }

    /// Writes some lines as one unit, all or none, and waits until they are written.
    ///
    /// The answer is the position of the unit's last exchange; without one, the last position given out so far. A line
    /// that names what the part names already is left out.
    /// A caller that stops waiting does not take its unit back.
    ///
    /// # Errors
    /// The unit is too large, or the journal has failed or is closed.
    pub async fn append(&self, unit: Vec<LineBody>) -> Result<u64, JournalError> {
        let bytes = unit.iter().map(LineBody::max_len).sum();
        if bytes > MAX_LINE {
            return Err(JournalError::TooLarge { bytes });
        }
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::Append { unit, reply }).await.map_err(|_| JournalError::Closed)?;
        answer.await.unwrap_or(Err(JournalError::Closed))
    }

    /// Writes what was handed in before, brings it to the disk, and ends the owner.
    ///
    /// # Errors
    /// The journal has failed: this is the error every append since then was given.
    pub async fn close(&self) -> Result<(), JournalError> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::Close { reply }).await.map_err(|_| JournalError::Closed)?;
        answer.await.unwrap_or(Err(JournalError::Closed))
    }

    fn start(
        path: &Path,
        storage: impl Storage,
        position: Arc<AtomicU64>,
        bounds: Bounds,
    ) -> Result<Self, JournalError> {
        let mut tape = Tape::new(path, storage, position, bounds);
        let spent = tape.spent.clone();
        tape.write(&tape.head())?;
        tape.sync()?;
        let (orders, queue) = mpsc::channel(QUEUE);
        let started = |source: io::Error| JournalError::Start { source: Arc::new(source) };
        let runtime = runtime::Builder::new_current_thread().enable_time().build().map_err(started)?;
        let owner = thread::Builder::new().name("journal".to_owned());
        owner.spawn(move || runtime.block_on(own(tape, queue))).map_err(started)?;
        Ok(Self { orders, spent })
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

enum Order {
    Append { unit: Vec<LineBody>, reply: oneshot::Sender<Result<u64, JournalError>> },
    Close { reply: oneshot::Sender<Result<(), JournalError>> },
}

/// What a journal is written to.
trait Storage: Write + Send + Sized + 'static {
    fn sync(&mut self) -> io::Result<()>;
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// What the next part is written to.
    fn next(&self, path: &Path) -> io::Result<Self>;
}

impl Storage for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.sync_data()
    }

    fn next(&self, path: &Path) -> io::Result<Self> {
        new_file(path)
    }
}

/// Takes orders until it is told to close, or nobody is left to give any.
async fn own(mut tape: Tape<impl Storage>, mut queue: mpsc::Receiver<Order>) {
    let mut orders = Vec::with_capacity(BATCH);
    let mut sync_at = None;
    loop {
        let received = match sync_at {
            Some(at) => timeout_at(at, queue.recv_many(&mut orders, BATCH)).await.ok(),
            None => Some(queue.recv_many(&mut orders, BATCH).await),
        };
        let close = tape.carry_out(&mut orders);
        let ends = received == Some(0) || !close.is_empty();
        if ends || sync_at.is_some_and(|at| at <= Instant::now()) {
            // A failure stays in the tape and is told to whoever comes next.
            let _ = tape.sync();
        }
        if ends {
            queue.close();
            close.into_iter().for_each(|reply| drop(reply.send(tape.state())));
            return;
        }
        sync_at = tape.dirty.then(|| sync_at.unwrap_or_else(|| Instant::now() + SYNC_EVERY));
    }
}

/// The file and how far it can be trusted.
struct Tape<S> {
    /// Its first part.
    first: PathBuf,
    path: PathBuf,
    part: u32,
    began: Option<Timestamp>,
    storage: S,
    position: Arc<AtomicU64>,
    bounds: Bounds,
    /// Bytes that are whole lines.
    length: u64,
    /// Bytes of the parts before this one.
    before: u64,
    /// The length at which another part is to be begun.
    turn_at: u64,
    /// What this part names, as its lines do.
    named: BTreeSet<Vec<u8>>,
    spent: CancellationToken,
    dirty: bool,
    failure: Option<JournalError>,
    buffer: Vec<u8>,
}

impl<S: Storage> Tape<S> {
    fn new(path: &Path, storage: S, position: Arc<AtomicU64>, bounds: Bounds) -> Self {
        Self {
            first: path.to_owned(),
            path: path.to_owned(),
            part: 1,
            // To the second: who looks at ages does not count in less.
            began: Timestamp::from_second(Clock::Wall.now().as_second()).ok(),
            storage,
            position,
            bounds,
            length: 0,
            before: 0,
            turn_at: bounds.part,
            named: BTreeSet::new(),
            spent: CancellationToken::new(),
            dirty: false,
            failure: None,
            buffer: Vec::new(),
        }
    }

    fn head(&self) -> Vec<u8> {
        let mut head = Vec::new();
        LineBody::head(self.began, self.part).write(None, &mut head);
        head
    }

    /// Writes every unit of a batch at once and answers them; gives back who wants the journal closed.
    fn carry_out(&mut self, orders: &mut Vec<Order>) -> Vec<oneshot::Sender<Result<(), JournalError>>> {
        if self.length >= self.turn_at && self.failure.is_none() {
            self.turn();
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let mut waiting = Vec::with_capacity(orders.len());
        let mut close = Vec::new();
        for order in orders.drain(..) {
            match order {
                Order::Append { unit, reply } => waiting.push((self.compose(&unit, &mut buffer), reply)),
                Order::Close { reply } => close.push(reply),
            }
        }
        let written = self.write(&buffer);
        for (answered, reply) in waiting {
            // A caller that went away has its record all the same.
            let _ = reply.send(written.clone().map(|()| answered));
        }
        buffer.shrink_to(BUFFER_KEPT);
        self.buffer = buffer;
        if self.bounds.most.is_some_and(|most| self.before + self.length >= most) {
            self.spent.cancel();
        }
        close
    }

    /// Begins another part, or puts it off. What was written so far is on the disk before anything is written there.
    fn turn(&mut self) {
        self.turn_at = self.length + self.bounds.part;
        if self.sync().is_err() {
            return;
        }
        self.part += 1;
        let path = part_path(&self.first, self.part);
        let begun = self.storage.next(&path).and_then(|mut storage| {
            let head = self.head();
            let written = storage.write_all(&head).and_then(|()| storage.sync());
            // What is left of it names nothing, and would be in the way the next time.
            written.inspect_err(|_| drop(fs::remove_file(&path)))?;
            Ok((storage, u64::try_from(head.len()).unwrap_or(u64::MAX)))
        });
        match begun {
            Ok((storage, length)) => {
                self.before += self.length;
                (self.storage, self.path, self.length, self.turn_at) = (storage, path, length, self.bounds.part);
                self.named.clear();
            }
            Err(error) => {
                self.part -= 1;
                tracing::warn!(%error, "{} cannot be begun: {} goes on", path.display(), self.path.display());
            }
        }
    }

    fn compose(&mut self, unit: &[LineBody], buffer: &mut Vec<u8>) -> u64 {
        let mut last = self.position.load(Ordering::SeqCst);
        for line in unit {
            if line.takes() == Takes::Once && !self.named.insert(line.json().to_vec()) {
                continue;
            }
            let answered = (line.takes() == Takes::Position).then(|| self.position.fetch_add(1, Ordering::SeqCst) + 1);
            last = answered.unwrap_or(last);
            line.write(answered, buffer);
        }
        last
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        self.state()?;
        if bytes.is_empty() {
            return Ok(());
        }
        if let Err(source) = self.storage.write_all(bytes) {
            // If this fails too, the torn tail is what every reader expects of a crash.
            let _ = self.storage.cut(self.length);
            return Err(self.fail(source));
        }
        self.length += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.dirty = true;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        self.state()?;
        if !self.dirty {
            return Ok(());
        }
        self.dirty = false;
        self.storage.sync().map_err(|source| self.fail(source))
    }

    fn state(&self) -> Result<(), JournalError> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    fn fail(&mut self, source: io::Error) -> JournalError {
        let path = self.path.clone();
        let failure = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => JournalError::Full { path },
            _ => JournalError::Write { path, source: Arc::new(source) },
        };
        self.dirty = false;
        self.failure = Some(failure.clone());
        failure
    }
}

/// Units that may wait; the next caller waits with its own.
const QUEUE: usize = 256;
/// Units written in one go.
const BATCH: usize = 64;
/// Capacity the buffer keeps after a large batch.
const BUFFER_KEPT: usize = 1 << 20;
/// How long an acknowledged line may wait for the disk.
const SYNC_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
