//! The deck as a socket's far end: it keeps the protocol, a source of our own has the say.

use std::time::Duration;

use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};

use super::intake::Intake;
use super::{GOING_AWAY, Io, part};
use crate::engine::{Local, Scribe, Unrecorded};
use crate::intercept::session::Session;
use crate::socket::{Assembled, Lost, Message, Opcode, Sender};

/// Serves a client until either side has ended, or we are to stop.
pub(super) async fn serve(session: &Session, scribe: &Scribe, local: Local, client: Io) -> Result<(), Unrecorded> {
    let (reader, writer) = tokio::io::split(client);
    let intake = Intake::new(session.door.clone(), reader);
    let mut talk = Talk { scribe, local, intake, writer, patience: session.door.limits.idle };
    let end = tokio::select! {
        biased;
        () = session.work.drain.cancelled() => {
            // Half a frame may be on its way; then the client sees a broken connection instead.
            let _ = talk.write(&Message::close(GOING_AWAY)).await;
            End::Closed
        }
        end = talk.run(session.door.limits.closing) => end?,
    };
    match end {
        End::Closed => {
            talk.local.lose(Lost::Closed);
            part(talk.intake.reader(), &mut talk.writer, session.door.limits.closing).await;
        }
        End::Broken => {
            // What that causes comes behind it.
            scribe.broken(Sender::Client).await?;
            talk.local.lose(Lost::Broken);
        }
        End::CutOff => talk.local.lose(Lost::Broken),
    }
    Ok(())
}

/// How a talk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With a close message of either side.
    Closed,
    /// Without one, by the client.
    Broken,
    /// Without one, by the source.
    CutOff,
}

struct Talk<'a> {
    scribe: &'a Scribe,
    local: Local,
    intake: Intake<ReadHalf<Io>>,
    writer: WriteHalf<Io>,
    /// How long a client may take to take a message.
    patience: Duration,
}

impl Talk<'_> {
    async fn run(&mut self, closing: Duration) -> Result<End, Unrecorded> {
        loop {
            while let Some(message) = self.local.next() {
                match self.say(&message).await? {
                    Said::Lost => return Ok(End::Broken),
                    Said::Told if message.opcode == Opcode::Close => return self.hear_close(closing).await,
                    Said::Told => {}
                }
            }
            if self.local.is_broken() {
                return Ok(End::CutOff);
            }
            tokio::select! {
                biased;
                () = self.local.woken() => {}
                read = self.intake.read() => {
                    if !read.is_ok_and(|count| count > 0) {
                        return Ok(End::Broken);
                    }
                    if let Some(end) = self.listen().await? {
                        return Ok(end);
                    }
                }
            }
        }
    }

    /// Takes in what was read; how the talk ended, when it did.
    async fn listen(&mut self) -> Result<Option<End>, Unrecorded> {
        loop {
            let Ok(step) = self.intake.step().await else {
                return self.object(PROTOCOL_ERROR).await.map(Some);
            };
            let Some(step) = step else { return Ok(None) };
            for message in &step.complete {
                if let Some(end) = self.take(message).await? {
                    return Ok(Some(end));
                }
            }
            self.intake.passed(&step.complete);
        }
    }

    async fn take(&mut self, message: &Assembled) -> Result<Option<End>, Unrecorded> {
        let message = match message {
            Assembled::Whole(message) => message,
            Assembled::Lengthy(lengthy) => {
                self.scribe.lengthy(Sender::Client, lengthy).await?;
                return self.object(TOO_BIG).await.map(Some);
            }
        };
        let shown = self.scribe.message(Sender::Client, message).await?;
        let is_odd = message.reserved != 0 || (message.opcode.is_control() && message.payload.len() > LONGEST_CONTROL);
        match message.opcode {
            Opcode::Other(_) => self.object(PROTOCOL_ERROR).await.map(Some),
            _ if is_odd || !message.may_stand() => self.object(PROTOCOL_ERROR).await.map(Some),
            Opcode::Text if message.as_text().is_none() => self.object(NOT_UTF8).await.map(Some),
            Opcode::Text | Opcode::Binary => {
                self.local.hear(message, &shown);
                Ok(None)
            }
            Opcode::Ping => {
                let pong = Message::new(Opcode::Pong, message.payload.clone());
                Ok((self.say(&pong).await? == Said::Lost).then_some(End::Broken))
            }
            Opcode::Pong => Ok(None),
            Opcode::Close => {
                let code = message.payload.slice(..message.payload.len().min(2));
                self.say(&Message::new(Opcode::Close, code)).await?;
                Ok(Some(End::Closed))
            }
        }
    }

    /// Ends a talk whose client does not keep to the protocol.
    async fn object(&mut self, code: u16) -> Result<End, Unrecorded> {
        self.say(&Message::close(code)).await?;
        Ok(End::Closed)
    }

    /// Waits a while for the client's own close message.
    async fn hear_close(&mut self, closing: Duration) -> Result<End, Unrecorded> {
        let (intake, scribe) = (&mut self.intake, self.scribe);
        let hearing = async {
            while intake.read().await.is_ok_and(|count| count > 0) {
                while let Ok(Some(step)) = intake.step().await {
                    for message in &step.complete {
                        let Assembled::Whole(message) = message else { continue };
                        scribe.message(Sender::Client, message).await?;
                        if message.opcode == Opcode::Close {
                            return Ok(());
                        }
                    }
                    intake.passed(&step.complete);
                }
            }
            Ok(())
        };
        match tokio::time::timeout(closing, hearing).await {
            Ok(Err(unrecorded)) => Err(unrecorded),
            _ => Ok(End::Closed),
        }
    }

    /// Records a message and sends it.
    async fn say(&mut self, message: &Message) -> Result<Said, Unrecorded> {
        self.scribe.message(Sender::Service, message).await?;
        Ok(if self.write(message).await.is_ok() { Said::Told } else { Said::Lost })
    }

    async fn write(&mut self, message: &Message) -> std::io::Result<()> {
        let (writer, frame) = (&mut self.writer, message.framed());
        let writing = async {
            writer.write_all(&frame).await?;
            writer.flush().await
        };
        tokio::time::timeout(self.patience, writing).await?
    }
}

/// Whether a message reached the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Told,
    Lost,
}

/// RFC 6455 §7.4.1.
const PROTOCOL_ERROR: u16 = 1002;
const NOT_UTF8: u16 = 1007;
const TOO_BIG: u16 = 1009;
/// RFC 6455 §5.5.
const LONGEST_CONTROL: usize = 125;
