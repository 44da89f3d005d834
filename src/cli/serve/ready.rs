//! Telling a harness that started us where we are, once we are there.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::{Failure, print};
use crate::platform;

/// Where a deck can be reached: what is written as one line of JSON.
#[derive(Debug, Serialize)]
pub(super) struct Ready<'a> {
    /// The URL clients have as their proxy.
    pub(super) proxy: &'a str,
    /// The URLs of listeners that are one player's, by that player's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) players: BTreeMap<String, String>,
    /// The URL of the control port, if there is one.
    pub(super) control: Option<&'a str>,
    /// The certificate clients must trust.
    pub(super) ca: &'a Path,
    /// The process to send a signal to.
    pub(super) pid: u32,
}

/// A file that is there exactly as long as the deck is.
#[derive(Debug)]
pub(in crate::cli) struct ReadyFile(Option<PathBuf>);

impl Ready<'_> {
    /// Writes it, whole or not at all; `-` is standard output.
    pub(super) fn write(&self, file: &Path) -> Result<ReadyFile, Failure> {
        let line = serde_json::to_string(self).map_err(|error| unwritten(file, &error))? + "\n";
        if file == Path::new("-") {
            print(&line)?;
            return Ok(ReadyFile(None));
        }
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let mut draft = tempfile::NamedTempFile::new_in(folder).map_err(|error| unwritten(file, &error))?;
        draft.write_all(line.as_bytes()).map_err(|error| unwritten(file, &error))?;
        platform::persist(draft, file).map_err(|error| unwritten(file, &error))?;
        Ok(ReadyFile(Some(file.to_owned())))
    }
}

/// Removes what an earlier deck that was killed has left behind: nobody is there yet.
pub(super) fn forget(file: &Path) {
    let _ = platform::remove(file);
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            forget(file);
        }
    }
}

fn unwritten(file: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::runtime(format!("cannot write {}: {error}", file.display())).hint("check --ready-file")
}
