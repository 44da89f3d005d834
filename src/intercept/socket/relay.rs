//! Both directions of a socket at once, every byte as it came; a message's last frame goes on when it is recorded.

use std::io;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

use super::intake::{Intake, opcode};
use super::{GOING_AWAY, Io, part};
use crate::engine::{Scribe, Unrecorded};
use crate::intercept::Door;
use crate::intercept::session::Session;
use crate::intercept::stream::Stream;
use crate::socket::{Assembled, Header, Message, Opcode, Sender};
use crate::upstream::Cut;
use crate::upstream::upgrade::Far;

/// Relays between a client and the service until both have ended, or we are to stop.
pub(super) async fn serve(session: &Session, scribe: &Scribe, far: Far, client: Io) -> Result<(), Unrecorded> {
    let (client_reads, client_writes) = tokio::io::split(client);
    let (service_reads, service_writes) = tokio::io::split(Stream::unread(far.io));
    let door = &session.door;
    let mut up = Pump::new(door, Sender::Client, client_reads, service_writes, far.cut);
    let mut down = Pump::new(door, Sender::Service, service_reads, client_writes, session.cut.clone());
    tokio::select! {
        biased;
        () = session.work.drain.cancelled() => {
            let deadline = door.limits.closing;
            up.leave(key_of_nothing()).await;
            down.leave(None).await;
            tokio::join!(
                part(up.intake.reader(), &mut down.writer, deadline),
                part(down.intake.reader(), &mut up.writer, deadline)
            );
            Ok(())
        }
        end = up.run(scribe) => finish(door, scribe, end, &mut up, &mut down).await,
        end = down.run(scribe) => finish(door, scribe, end, &mut down, &mut up).await,
    }
}

/// How a direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Its sender ended it in order.
    Eof,
    /// Its sender reset the connection.
    Reset,
    /// Its sender broke off some other way.
    Torn,
    /// Its receiver takes nothing more.
    Unwritable,
    /// It cannot be recorded any more.
    Unrecorded,
}

/// Ends the other side as the first one ended; what is still on its way the other way has a while to arrive.
async fn finish(door: &Door, scribe: &Scribe, end: End, ended: &mut Pump, other: &mut Pump) -> Result<(), Unrecorded> {
    match end {
        End::Unrecorded => Err(Unrecorded),
        End::Unwritable => {
            let last_words = tokio::time::timeout(door.limits.closing, other.run(scribe)).await;
            match last_words {
                Ok(End::Unrecorded) => Err(Unrecorded),
                Ok(end @ (End::Eof | End::Torn)) => other.pass_on(scribe, end).await,
                _ => other.pass_on(scribe, End::Reset).await,
            }
        }
        End::Eof => {
            ended.pass_on(scribe, end).await?;
            match tokio::time::timeout(door.limits.closing, other.run(scribe)).await {
                Ok(End::Unrecorded) => return Err(Unrecorded),
                Ok(End::Reset) => other.cut.arm(),
                _ => drop(other.writer.shutdown().await),
            }
            Ok(())
        }
        End::Reset | End::Torn => ended.pass_on(scribe, end).await,
    }
}

/// One direction.
struct Pump {
    from: Sender,
    intake: Intake<ReadHalf<Io>>,
    writer: WriteHalf<Io>,
    /// Ends the receiver's connection with a reset.
    cut: Cut,
    /// What was read but not passed on.
    held: BytesMut,
    has_closed: bool,
}

impl Pump {
    fn new(door: &Arc<Door>, from: Sender, reader: ReadHalf<Io>, writer: WriteHalf<Io>, cut: Cut) -> Self {
        let intake = Intake::new(Arc::clone(door), reader);
        Self { from, intake, writer, cut, held: BytesMut::new(), has_closed: false }
    }

    async fn run(&mut self, scribe: &Scribe) -> End {
        loop {
            match self.intake.read().await {
                Ok(0) => return End::Eof,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return End::Reset,
                Err(_) => return End::Torn,
            }
            if let Err(end) = self.pass(scribe).await {
                return end;
            }
        }
    }

    /// Records and passes on what was read.
    async fn pass(&mut self, scribe: &Scribe) -> Result<(), End> {
        while let Some(step) = self.intake.step().await.map_err(|_| End::Torn)? {
            self.held.extend_from_slice(&step.bytes);
            for message in &step.complete {
                self.record(scribe, message).await.map_err(|Unrecorded| End::Unrecorded)?;
            }
            if !step.holds || !step.complete.is_empty() {
                write(&mut self.writer, &mut self.held).await.map_err(|_| End::Unwritable)?;
                self.held = BytesMut::new();
            }
            self.intake.passed(&step.complete);
        }
        Ok(())
    }

    async fn record(&mut self, scribe: &Scribe, message: &Assembled) -> Result<(), Unrecorded> {
        self.has_closed |= opcode(message) == Opcode::Close;
        match message {
            Assembled::Whole(message) => scribe.message(self.from, message).await.map(drop),
            Assembled::Lengthy(lengthy) => scribe.lengthy(self.from, lengthy).await,
        }
    }

    /// Ends the receiver's side as the sender's ended.
    async fn pass_on(&mut self, scribe: &Scribe, end: End) -> Result<(), Unrecorded> {
        if !self.has_closed {
            scribe.broken(self.from).await?;
        }
        match end {
            End::Eof => drop(self.writer.shutdown().await),
            End::Reset => self.cut.arm(),
            // Without a word of TLS, as it came.
            End::Torn | End::Unwritable | End::Unrecorded => {}
        }
        Ok(())
    }

    /// Tells the receiver that the deck goes away, unless it is in the middle of a frame.
    async fn leave(&mut self, key: Option<[u8; 4]>) {
        if self.has_closed || !self.held.is_empty() || !self.intake.is_between_frames() {
            return;
        }
        let close = Message::close(GOING_AWAY);
        let (opcode, length) = (close.opcode.bits(), close.payload.len() as u64);
        let mut frame = Vec::new();
        Header { fin: true, reserved: 0, opcode, mask: key, length }.write(&mut frame);
        frame.extend_from_slice(&close.payload);
        // Who does not listen is cut off all the same.
        let _ = write(&mut self.writer, &mut frame.as_slice()).await;
    }
}

/// A client's frames are masked; this key leaves them as they are.
fn key_of_nothing() -> Option<[u8; 4]> {
    Some([0; 4])
}

async fn write(writer: &mut (impl AsyncWrite + Unpin), held: &mut impl Buf) -> io::Result<()> {
    writer.write_all_buf(held).await?;
    writer.flush().await
}
