//! Reads one direction of a socket: little memory while nothing comes, and none from beyond the common budget.

use std::io;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::OwnedSemaphorePermit;

use crate::intercept::Door;
use crate::socket::{Assembled, Assembly, Opcode};

/// One direction, read.
pub(super) struct Intake<R> {
    door: Arc<Door>,
    reader: R,
    chunk: BytesMut,
    assembly: Assembly,
    /// Held while a large message is read, recorded and passed on.
    room: Option<OwnedSemaphorePermit>,
}

/// Some bytes, and the messages complete with them.
pub(super) struct Step {
    pub(super) bytes: Bytes,
    pub(super) complete: Vec<Assembled>,
    /// The bytes may not go on before those behind them.
    pub(super) holds: bool,
}

impl<R: AsyncRead + Unpin> Intake<R> {
    pub(super) fn new(door: Arc<Door>, reader: R) -> Self {
        let assembly = Assembly::new(door.limits.message.min(door.limits.buffered));
        Self { door, reader, chunk: BytesMut::new(), assembly, room: None }
    }

    /// Reads some bytes; 0 at the end. Nothing is lost when this is not waited for.
    pub(super) async fn read(&mut self) -> io::Result<usize> {
        self.chunk = BytesMut::with_capacity(if self.is_between_frames() { IDLE } else { BUSY });
        let reading = self.reader.read_buf(&mut self.chunk);
        match &self.room {
            // Others wait for the room of a large message; nobody waits for silence.
            Some(_) => tokio::time::timeout(self.door.limits.request_body, reading).await?,
            None => reading.await,
        }
    }

    /// The next of the bytes that were read; `None` when there are no more.
    ///
    /// # Errors
    /// They are no frames.
    pub(super) async fn step(&mut self) -> io::Result<Option<Step>> {
        if self.chunk.is_empty() {
            return Ok(None);
        }
        let taken = self.assembly.take(&self.chunk).map_err(io::Error::other)?;
        let bytes = self.chunk.split_to(taken.bytes).freeze();
        let wants = self.assembly.wants();
        if wants > 0 && self.room.is_none() {
            self.room = self.door.buffer(u32::try_from(wants).unwrap_or(u32::MAX)).await;
        }
        Ok(Some(Step { bytes, complete: taken.complete, holds: self.assembly.holds() }))
    }

    /// Gives back the room of messages that are gone.
    pub(super) fn passed(&mut self, complete: &[Assembled]) {
        if complete.iter().any(|message| !opcode(message).is_control()) {
            self.room = None;
        }
    }

    /// True when nothing was read of a frame that is not complete.
    pub(super) fn is_between_frames(&self) -> bool {
        !self.chunk.has_remaining() && self.assembly.is_between_frames()
    }

    pub(super) fn reader(&mut self) -> &mut R {
        &mut self.reader
    }
}

/// What a message is.
pub(super) fn opcode(message: &Assembled) -> Opcode {
    match message {
        Assembled::Whole(message) => message.opcode,
        Assembled::Lengthy(lengthy) => lengthy.opcode,
    }
}

const IDLE: usize = 2 * 1024;
/// What one TLS record holds.
const BUSY: usize = 16 * 1024;
