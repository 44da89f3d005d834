//! Keys of a Unix terminal: it is told to hand over each as it is pressed, and to show none.
//!
//! Ctrl-C and Ctrl-Z stay the signals they are. While we are in the background the terminal is somebody else's: its
//! modes are left alone, and nothing is read.

use std::io::{self, IsTerminal, Stdin};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, getpgrp};
use rustix::termios::{InputModes, LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

use super::jobs::Jobs;
use crate::platform::Key;

/// What is typed at the terminal.
#[derive(Debug)]
pub(in crate::platform) struct Keys {
    /// The terminal, if standard input is one.
    stdin: Option<Stdin>,
    /// Its modes as they were before ours.
    before: Option<Termios>,
    jobs: Option<Arc<Jobs>>,
    typing: Typing,
}

impl Keys {
    /// The keys of standard input, if that is a terminal; needs a runtime.
    pub(in crate::platform) fn open() -> Self {
        let stdin = Some(io::stdin()).filter(IsTerminal::is_terminal);
        Self { stdin, before: None, jobs: Jobs::heard().ok(), typing: Typing::default() }
    }

    /// True when keys are heard.
    pub(in crate::platform) fn are_heard(&self) -> bool {
        self.before.is_some()
    }

    /// True when the terminal is not lent to another job of its shell.
    pub(in crate::platform) fn are_in_front(&self) -> bool {
        tcgetpgrp(io::stderr()).map_or(true, is_us)
    }

    /// The keys pressed within a time; it is over sooner if there are any. Before Ctrl-Z stops us, `leave` is done.
    pub(in crate::platform) fn next(&mut self, wait: Duration, leave: impl FnOnce()) -> Vec<Key> {
        if let Some(jobs) = self.jobs.clone() {
            jobs.heed(self, leave);
        }
        let Some(stdin) = self.take() else {
            thread::sleep(wait);
            return Vec::new();
        };
        if !is_typed_at(stdin, wait) {
            return self.typing.over();
        }
        let mut typed = [0; TYPED_AT_ONCE];
        let count = rustix::io::read(stdin, &mut typed).unwrap_or(0);
        if count == 0 {
            // The terminal is gone, and says so at once however often it is asked.
            thread::sleep(wait);
        }
        self.typing.keys_of(&typed[..count])
    }

    /// Sets the modes again, which somebody may have changed while we stood still.
    pub(super) fn resume(&self) {
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
    pub(super) fn give_back(&mut self) {
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

/// What was typed. A paste is read piece by piece, and a piece may end in the middle of a key.
#[derive(Debug, Default)]
struct Typing {
    /// The beginning of a key.
    rest: Vec<u8>,
}

impl Typing {
    /// The keys that are whole with the next piece.
    fn keys_of(&mut self, piece: &[u8]) -> Vec<Key> {
        let is_cut = piece.len() == TYPED_AT_ONCE;
        let mut typed = std::mem::take(&mut self.rest);
        typed.extend_from_slice(piece);
        self.rest = typed.split_off(typed.len() - begun(&typed, is_cut));
        keys_of(&typed)
    }

    /// The keys there are when nothing more comes.
    fn over(&mut self) -> Vec<Key> {
        keys_of(&std::mem::take(&mut self.rest))
    }
}

/// How many bytes at the end are the beginning of a key. An escape alone is a key, unless its piece was cut.
fn begun(typed: &[u8], is_cut: bool) -> usize {
    let sequence = typed.iter().rposition(|byte| *byte == ESCAPE).map(|at| &typed[at..]).filter(|keys| match keys {
        [_] => is_cut,
        [_, b'[' | b'O', rest @ ..] => rest.len() < LONGEST_SEQUENCE && !rest.iter().any(|byte| is_last(*byte)),
        _ => false,
    });
    let is_begun = |length: &usize| {
        let letter = &typed[typed.len().saturating_sub(*length)..];
        std::str::from_utf8(letter).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    sequence.map(<[u8]>::len).or_else(|| (1..4).find(is_begun)).unwrap_or(0)
}

/// True for the byte that ends an escape's sequence.
fn is_last(byte: u8) -> bool {
    matches!(byte, b'@'..=b'~')
}

/// What a terminal sends, key by key. Of keys that are no letter, most begin with an escape and tell nothing here.
fn keys_of(typed: &[u8]) -> Vec<Key> {
    let text = String::from_utf8_lossy(typed);
    let (mut keys, mut letters) = (Vec::new(), text.chars().peekable());
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' if letters.next_if(|next| matches!(next, '[' | 'O')).is_some() => {
                letters.by_ref().find(|next| u8::try_from(*next).is_ok_and(is_last));
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
const ESCAPE: u8 = 0x1b;
/// No key's is as long.
const LONGEST_SEQUENCE: usize = 32;

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

    #[test]
    fn a_key_may_come_in_two_pieces() {
        let text = "née \u{1b}[1;5C€ 🎮\u{1b}OP.";
        for at in 0..=text.len() {
            let (mut typing, (one, two)) = (Typing::default(), text.as_bytes().split_at(at));
            let keys = [typing.keys_of(one), typing.keys_of(two), typing.over()].concat();
            let is_alone = one.ends_with(b"\x1b");
            assert_eq!(keys.contains(&Key::Escape), is_alone, "cut after {at}");
            assert!(is_alone || keys == keys_of(text.as_bytes()), "cut after {at}: {keys:?}");
        }
    }

    #[test]
    fn an_escape_is_waited_with_only_where_a_paste_was_cut() {
        let mut typing = Typing::default();
        assert_eq!(typing.keys_of(b"\x1b"), [Key::Escape]);
        let full = [vec![b'a'; TYPED_AT_ONCE - 1], vec![ESCAPE]].concat();
        assert_eq!(typing.keys_of(&full).len(), TYPED_AT_ONCE - 1);
        assert_eq!(typing.keys_of(b"[Ab"), [Key::Letter('b')]);
        assert!(!typing.keys_of(&full).contains(&Key::Escape));
        assert_eq!(typing.over(), [Key::Escape]);
        let _ = typing.keys_of(&[b"\x1b[".as_slice(), &[b'1'; 2 * LONGEST_SEQUENCE]].concat());
        assert_eq!(typing.rest, b"", "there is an end to it");
    }
}
