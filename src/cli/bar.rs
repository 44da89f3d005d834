//! How far long work has come, on a terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that shows once the work takes long, and goes with its owner.
pub(super) struct Bar {
    bar: ProgressBar,
    began: Instant,
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
        if self.bar.is_hidden() && self.began.elapsed() > SHOWN_AFTER {
            // Nothing is drawn where nobody sees it: this target knows a terminal.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.inc(done);
    }

    fn new(message: String, length: Option<u64>, line: &str) -> Self {
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(line) {
            bar.set_style(style);
        }
        bar.set_message(message);
        Self { bar, began: Instant::now() }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

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
