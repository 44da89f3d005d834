//! A socket's far end when a source of our own is behind it.

use std::sync::Arc;

use tokio::sync::Notify;

use super::Engine;
use crate::redact::Redacted;
use crate::socket::{Lost, Message, SocketId};

/// The source's end of one socket. The source loses it when this is dropped, at the latest.
pub struct Local {
    engine: Arc<Engine>,
    socket: SocketId,
    woken: Arc<Notify>,
    is_lost: bool,
}

impl Local {
    pub(super) fn new(engine: &Arc<Engine>, socket: SocketId) -> Self {
        let woken = engine.sockets.enter(socket);
        Self { engine: Arc::clone(engine), socket, woken, is_lost: false }
    }

    /// Tells the source what its client said, once that is on record.
    pub fn hear(&self, message: &Message, shown: &Redacted<Message>) {
        self.engine.hear(self.socket, message, &shown.message);
    }

    /// The next message for the client, if one may go out now.
    pub fn next(&self) -> Option<Message> {
        self.engine.next(self.socket)
    }

    /// True when nothing is left to send, and the connection is to break.
    pub fn is_broken(&self) -> bool {
        self.engine.is_broken(self.socket)
    }

    /// Waits until there may be a next message.
    pub async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Tells the source that its client is gone. Only the first word counts.
    pub fn lose(&mut self, how: Lost) {
        if !std::mem::replace(&mut self.is_lost, true) {
            self.engine.sockets.leave(self.socket);
            self.engine.lose(self.socket, how);
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.lose(Lost::Broken);
    }
}
