//! What was done to which store, kept beside the authority, so that it can be undone whatever happens to that one.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::deed::Deed;
use crate::cli::Failure;
use crate::platform;

/// Deeds that are to be undone.
pub(super) struct Ledger {
    path: PathBuf,
    deeds: Vec<Deed>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    version: u32,
    installed: Vec<Deed>,
}

impl Ledger {
    /// Reads the one of a home.
    pub(super) fn read(home: &Path) -> Result<Self, Failure> {
        let path = home.join("installed.json");
        let unreadable = |error: String| {
            Failure::input(format!("cannot read {}: {error}", path.display()))
                .hint("it says what `tapdeck ca install` did; docs/trust.md tells how to undo that by hand")
        };
        let deeds = match fs::read(&path) {
            Ok(text) => {
                let page: Page = serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
                if page.version != VERSION {
                    return Err(unreadable(format!("it is of version {}, this is for {VERSION}", page.version)));
                }
                if let Some(position) = page.installed.iter().position(|deed| !deed.is_ours()) {
                    return Err(unreadable(format!("entry {} is nothing that `ca install` does", position + 1)));
                }
                page.installed
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        Ok(Self { path, deeds })
    }

    pub(super) fn deeds(&self) -> &[Deed] {
        &self.deeds
    }

    pub(super) fn holds(&self, deed: &Deed) -> bool {
        self.deeds.contains(deed)
    }

    pub(super) fn add(&mut self, deed: &Deed) -> Result<(), Failure> {
        if !self.holds(deed) {
            self.deeds.push(deed.clone());
        }
        self.write()
    }

    pub(super) fn remove(&mut self, deed: &Deed) -> Result<(), Failure> {
        self.deeds.retain(|known| known != deed);
        self.write()
    }

    fn write(&self) -> Result<(), Failure> {
        let page = Page { version: VERSION, installed: self.deeds.clone() };
        let written = if self.deeds.is_empty() { gone(&self.path) } else { replace(&self.path, &page) };
        written.map_err(|error| Failure::runtime(format!("cannot write {}: {error}", self.path.display())))
    }
}

fn gone(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn replace(path: &Path, page: &Page) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    // Root writes it with sudo, and the user reads it.
    let mut file = platform::readable_draft(folder)?;
    serde_json::to_writer_pretty(&mut file, page)?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    platform::persist(file, path)
}

const VERSION: u32 = 1;
