//! Keys of a Unix terminal: it is told to hand over each as it is pressed, and to show none.
//!
//! Ctrl-C and Ctrl-Z stay the signals they are. While we are in the background the terminal is somebody else's: its
//! modes are left alone, and nothing is read.

use std::io::{self, IsTerminal, Stdin};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, getpgrp};
use rustix::termios::{InputModes, LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

use crate::cli::screen::prompt::Key;

/// What is typed at the terminal.
#[derive(Debug)]
pub(in crate::cli::screen) struct Keys {
    /// The terminal, if standard input is one.
    stdin: Option<Stdin>,
    /// Its modes as they were before ours.
    before: Option<Termios>,
}

impl Keys {
    /// The keys of standard input, if that is a terminal.
    pub(in crate::cli::screen) fn open() -> Self {
        Self { stdin: Some(io::stdin()).filter(IsTerminal::is_terminal), before: None }
    }

    /// True when keys are heard.
    pub(in crate::cli::screen) fn are_heard(&self) -> bool {
        self.before.is_some()
    }

    /// True when we may draw: the terminal is not lent to another job of its shell.
    pub(in crate::cli::screen) fn is_ours(&self) -> bool {
        tcgetpgrp(io::stderr()).map_or(true, is_us)
    }

    /// The keys pressed within a time; it is over sooner if there are any.
    pub(in crate::cli::screen) fn next(&mut self, wait: Duration) -> Vec<Key> {
        let Some(stdin) = self.take() else {
            thread::sleep(wait);
            return Vec::new();
        };
        if !is_typed_at(stdin, wait) {
            return Vec::new();
        }
        let mut typed = [0; TYPED_AT_ONCE];
        let count = rustix::io::read(stdin, &mut typed).unwrap_or(0);
        if count == 0 {
            // The terminal is gone, and says so at once however often it is asked.
            thread::sleep(wait);
        }
        keys_of(&typed[..count])
    }

    /// Sets the modes again, which somebody may have changed while we stood still.
    pub(in crate::cli::screen) fn resume(&self) {
        if let (Some(stdin), Some(before)) = (self.foreground(), &self.before) {
            let _ = tcsetattr(stdin, OptionalActions::Now, &ours(before));
        }
    }

    /// The terminal, in our modes; `None` while it is not ours to read.
    fn take(&mut self) -> Option<&Stdin> {
        if self.before.is_none() {
            let stdin = self.foreground()?;
            let before = tcgetattr(stdin).ok()?;
            tcsetattr(stdin, OptionalActions::Now, &ours(&before)).ok()?;
            self.before = Some(before);
        }
        self.foreground()
    }

    /// The terminal, unless another job has it.
    fn foreground(&self) -> Option<&Stdin> {
        self.stdin.as_ref().filter(|stdin| tcgetpgrp(stdin).is_ok_and(is_us))
    }

    /// Sets the modes the terminal had; the next key wanted sets ours.
    pub(in crate::cli::screen) fn give_back(&mut self) {
        if let (Some(stdin), Some(before)) = (self.foreground(), &self.before) {
            let _ = tcsetattr(stdin, OptionalActions::Now, before);
        }
        self.before = None;
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Keys come one by one and unseen, and Ctrl-S holds up nothing.
fn ours(before: &Termios) -> Termios {
    let mut modes = before.clone();
    modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
    modes.input_modes -= InputModes::IXON;
    modes
}

fn is_us(group: Pid) -> bool {
    group == getpgrp()
}

/// Waits for a key.
fn is_typed_at(stdin: &Stdin, wait: Duration) -> bool {
    let wait = Timespec::try_from(wait).ok();
    poll(&mut [PollFd::new(stdin, PollFlags::IN)], wait.as_ref()).is_ok_and(|ready| ready > 0)
}

/// What a terminal sends, key by key. Of keys that are no letter, most begin with an escape and tell nothing here.
fn keys_of(typed: &[u8]) -> Vec<Key> {
    let text = String::from_utf8_lossy(typed);
    let (mut keys, mut letters) = (Vec::new(), text.chars().peekable());
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' if letters.next_if(|next| matches!(next, '[' | 'O')).is_some() => {
                // Such a sequence ends with the first character of these.
                letters.by_ref().find(|next| matches!(next, '@'..='~'));
            }
            '\u{1b}' => keys.push(Key::Escape),
            '\r' | '\n' => keys.push(Key::Enter),
            '\u{8}' | '\u{7f}' => keys.push(Key::Backspace),
            '\u{15}' => keys.push(Key::Erase),
            letter if letter.is_control() => {}
            letter => keys.push(Key::Letter(letter)),
        }
    }
    keys
}

const TYPED_AT_ONCE: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart() {
        let letters = |text: &str| text.chars().map(Key::Letter).collect::<Vec<_>>();
        assert_eq!(keys_of("m ö?".as_bytes()), letters("m ö?"));
        assert_eq!(keys_of(b"\x1b"), [Key::Escape]);
        assert_eq!(keys_of(b"\x1b[A\x1b[1;5C\x1bOPx"), letters("x"), "arrows and function keys");
        assert_eq!(
            keys_of(b"\r\n\x7f\x08\x15\x04\x00"),
            [Key::Enter, Key::Enter, Key::Backspace, Key::Backspace, Key::Erase]
        );
        assert_eq!(keys_of(b"a\xff"), letters("a\u{fffd}"));
    }
}
