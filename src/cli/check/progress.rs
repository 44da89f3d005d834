//! A source that shows what was read of it, once that takes long.

use std::io::{self, Read};
use std::path::Path;

use crate::cli::bar::Bar;

/// A source under a bar.
pub(super) struct Watched<R> {
    source: R,
    bar: Bar,
}

impl<R> Watched<R> {
    /// Watches a file of so many bytes.
    pub(super) fn new(source: R, file: &Path, length: u64) -> Self {
        Self { source, bar: bar(file, length) }
    }
}

/// A bar for the reading of a file of so many bytes.
pub(super) fn bar(file: &Path, length: u64) -> Bar {
    Bar::of_bytes(file.file_name().unwrap_or_default().to_string_lossy().escape_debug().to_string(), length)
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.bar.add(u64::try_from(read).unwrap_or_default());
        Ok(read)
    }
}
