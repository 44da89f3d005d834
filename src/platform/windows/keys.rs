//! Keys of a Windows console: they come one by one whatever its mode is, so that it need not be changed.

use std::io::IsTerminal;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use console::Term;

use crate::platform::Key;

/// What is typed at the console.
#[derive(Debug)]
pub(in crate::platform) struct Keys(Option<Receiver<Key>>);

impl Keys {
    /// The keys of standard input, if that is a console.
    pub(in crate::platform) fn open() -> Self {
        if !std::io::stdin().is_terminal() {
            return Self(None);
        }
        let (sender, keys) = sync_channel(TYPED_AHEAD);
        // It ends with the process, or with the first key that nobody wants.
        thread::spawn(move || {
            let term = Term::stderr();
            while let Ok(key) = term.read_key() {
                if key_of(&key).is_some_and(|key| sender.send(key).is_err()) {
                    return;
                }
            }
        });
        Self(Some(keys))
    }

    /// True when keys are heard.
    pub(in crate::platform) fn are_heard(&self) -> bool {
        self.0.is_some()
    }

    /// Nobody else uses the console.
    pub(in crate::platform) fn are_in_front(&self) -> bool {
        true
    }

    /// The keys pressed within a time; it is over sooner if there are any.
    pub(in crate::platform) fn next(&mut self, wait: Duration, _leave: impl FnOnce()) -> Vec<Key> {
        match self.0.as_ref().map(|keys| keys.recv_timeout(wait)) {
            Some(Ok(key)) => vec![key],
            Some(Err(RecvTimeoutError::Timeout)) => Vec::new(),
            Some(Err(RecvTimeoutError::Disconnected)) | None => {
                self.0 = None;
                thread::sleep(wait);
                Vec::new()
            }
        }
    }
}

/// A key of the console, if it is one that we ask for.
pub(super) fn key_of(key: &console::Key) -> Option<Key> {
    match key {
        console::Key::Char('\u{15}') => Some(Key::Erase),
        console::Key::Char(letter) if !letter.is_control() => Some(Key::Letter(*letter)),
        console::Key::Enter => Some(Key::Enter),
        console::Key::Escape => Some(Key::Escape),
        console::Key::Backspace => Some(Key::Backspace),
        _ => None,
    }
}

const TYPED_AHEAD: usize = 64;
