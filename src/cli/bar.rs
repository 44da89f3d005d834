//! How far long work has come, on a terminal.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use console::truncate_str;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::screen::foot;

/// A bar that shows once the work takes long, and goes with its owner.
pub(super) struct Bar {
    bar: ProgressBar,
    began: Instant,
    /// Whether there is a terminal to draw it on.
    is_seen: bool,
}

impl Bar {
    /// Of so many bytes.
    pub(super) fn of_bytes(message: String, length: u64) -> Self {
        Self::new(message, Some(length), "{msg} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left")
    }

    /// Of so many steps.
    pub(super) fn of_steps(message: String, length: u64) -> Self {
        Self::new(message, Some(length), "{msg} [{bar:30}] {percent} %, {eta} left")
    }

    /// Of nobody knows how much: it tells that it goes on, and since when.
    pub(super) fn of_unknown(message: String) -> Self {
        Self::new(message, None, "{spinner} {msg}, {elapsed}")
    }

    /// Some more was done.
    pub(super) fn add(&self, done: u64) {
        if self.is_seen && self.bar.is_hidden() && self.began.elapsed() > SHOWN_AFTER {
            self.bar.set_draw_target(ProgressDrawTarget::term_like_with_hz(Box::new(Foot::default()), TIMES_A_SECOND));
        }
        self.bar.inc(done);
    }

    fn new(message: String, length: Option<u64>, line: &str) -> Self {
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(line) {
            bar.set_style(style);
        }
        bar.set_message(message);
        Self { bar, began: Instant::now(), is_seen: foot::can_draw() }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The foot of the terminal, as far as a bar of one line needs it: whoever draws it waits for no terminal.
#[derive(Debug, Default)]
struct Foot(Mutex<String>);

impl Foot {
    fn text(&self) -> MutexGuard<'_, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TermLike for Foot {
    fn width(&self) -> u16 {
        u16::try_from(foot::columns()).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.text().push_str(text.trim_start_matches('\r'));
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.text().clear();
        Ok(())
    }

    /// The whole line has been written.
    fn flush(&self) -> io::Result<()> {
        let text = std::mem::take(&mut *self.text());
        foot::show(truncate_str(text.trim_end(), foot::columns() - 1, "…").into_owned());
        Ok(())
    }
}

const TIMES_A_SECOND: u8 = 20;
const SHOWN_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_of_unknown_length_is_never_nearly_done() {
        let bar = Bar::of_unknown("reading".to_owned());
        bar.add(1);
        assert_eq!((bar.bar.length(), bar.bar.position()), (None, 1));
    }
}
