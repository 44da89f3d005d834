//! Standard error, written by whoever speaks, or by a thread of its own that a terminal may hold up as long as it likes.

use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::foot::columns;
use super::page::Page;

/// A page, and who writes it.
#[derive(Debug)]
pub(super) struct Out {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    page: Page,
    /// Whether a thread of its own writes it.
    has_writer: bool,
    /// Whether that is at it right now.
    is_writing: bool,
    /// How often it has written something.
    written: u64,
}

impl State {
    fn is_behind(&self) -> bool {
        self.has_writer && (self.is_writing || self.page.is_changed())
    }
}

impl Out {
    /// An empty page, written by whoever changes it.
    pub(super) const fn new() -> Self {
        let state = State { page: Page::new(), has_writer: false, is_writing: false, written: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Changes the page. Once a thread writes it, nobody waits here for more than a moment.
    pub(super) fn put(&self, change: impl FnOnce(&mut Page)) {
        let mut state = self.state();
        change(&mut state.page);
        if state.has_writer {
            self.changed.notify_all();
            return;
        }
        while let Some(text) = state.page.next(columns()) {
            write(&mut io::stderr(), &text);
        }
    }

    /// From now on a thread writes the page. Where there can be none, it stays as it was.
    pub(super) fn write_apart(&'static self, mut to: impl Write + Send + 'static) {
        let begun = thread::Builder::new().name("terminal".into()).spawn(move || self.keep_writing(&mut to));
        self.state().has_writer = begun.is_ok();
    }

    /// Waits until all is written, as long as any of it is.
    pub(super) fn flush(&self) {
        let mut state = self.state();
        while state.is_behind() {
            let written = state.written;
            let is_stuck = |state: &mut State| state.is_behind() && state.written == written;
            let waited = self.changed.wait_timeout_while(state, STUCK, is_stuck);
            let (woken, time) = waited.unwrap_or_else(PoisonError::into_inner);
            if time.timed_out() {
                return;
            }
            state = woken;
        }
    }

    /// Writes whatever comes; it ends with the process.
    fn keep_writing(&self, to: &mut impl Write) {
        let mut state = self.state();
        loop {
            let Some(text) = state.page.next(columns()) else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.is_writing = true;
            drop(state);
            write(to, &text);
            state = self.state();
            (state.is_writing, state.written) = (false, state.written + 1);
            self.changed.notify_all();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes all of it at once. There is nobody to tell that it failed.
fn write(to: &mut impl Write, text: &str) {
    let _ = to.write_all(text.as_bytes());
}

/// A terminal that takes nothing for so long is not waited for.
const STUCK: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A terminal that takes a text only when it is told to.
    struct Frozen {
        thawed: Receiver<()>,
        taken: Sender<String>,
    }

    impl Write for Frozen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.thawed.recv();
            let _ = self.taken.send(String::from_utf8(bytes.to_vec()).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_terminal_that_takes_nothing_holds_up_nobody() {
        let ((thaw, thawed), (taken, took)) = (channel(), channel());
        let out: &'static Out = Box::leak(Box::new(Out::new()));
        out.write_apart(Frozen { thawed, taken });
        for line in 0..5000 {
            out.put(|page| page.log(&format!("{line} {}", "x".repeat(1000))));
            out.put(|page| page.stand(format!("foot {line}")));
        }
        out.put(|page| page.stand(String::new()));
        out.put(|page| page.say("sealed"));
        out.flush();
        assert!(took.try_recv().is_err(), "it is waited for, but not for long");

        drop(thaw);
        out.flush();
        let text: String = took.try_iter().collect();
        assert!(text.starts_with("0 x"), "{}", &text[..100]);
        let last: Vec<&str> = text.lines().rev().take(3).collect();
        assert!(last[0].contains(" log lines are left out here"), "{last:?}");
        assert!(last[1] == "sealed" && last[2].ends_with('x'), "{last:?}");
    }
}
