//! How far a long read has come, on a terminal.

use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A source that shows what was read of it, once that takes long. The bar goes with the source.
pub(super) struct Watched<R> {
    source: R,
    bar: ProgressBar,
    began: Instant,
}

impl<R> Watched<R> {
    /// Watches a file of so many bytes.
    pub(super) fn new(source: R, file: &Path, length: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(LINE) {
            bar.set_style(style);
        }
        bar.set_message(file.file_name().unwrap_or_default().to_string_lossy().escape_debug().to_string());
        Self { source, bar, began: Instant::now() }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        if self.bar.is_hidden() && self.began.elapsed() > SHOWN_AFTER {
            // Nothing is drawn where nobody sees it: this target knows a terminal.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.inc(u64::try_from(read).unwrap_or_default());
        Ok(read)
    }
}

impl<R> Drop for Watched<R> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

const LINE: &str = "{msg} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
const SHOWN_AFTER: Duration = Duration::from_secs(1);
