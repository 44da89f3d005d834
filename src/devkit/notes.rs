//! What was done to a kit from here: enough to undo it, and to recognise the kit again.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Address, Fingerprint, ProxyAt};
use crate::platform;

/// The notes about one kit, a file of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notes {
    address: String,
    /// The portal's certificate, once it was confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Fingerprint>,
    /// The proxy that was set from here, until it is taken away again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<Enabled>,
}

/// A proxy that was set, or asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enabled {
    /// When.
    pub at: Timestamp,
    /// The proxy.
    pub proxy: ProxyAt,
    /// The authority whose certificate went along.
    pub authority: Fingerprint,
    /// Whether the kit had a proxy before, as far as its portal told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub had_proxy: Option<bool>,
    /// True once the portal has accepted it.
    pub accepted: bool,
}

/// Why notes cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NotesError {
    /// The file could not be read or written.
    #[error("cannot use `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file holds something else.
    #[error("`{}` holds no notes about {address}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The kit.
        address: String,
    },
}

impl Notes {
    /// No notes.
    pub fn none(address: &Address) -> Self {
        Self { address: address.to_string(), certificate: None, enabled: None }
    }

    /// Reads the notes about a kit; there are none at first.
    ///
    /// # Errors
    /// The file cannot be read, or is about something else.
    pub fn read(home: &Path, address: &Address) -> Result<Self, NotesError> {
        let path = file(home, address);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::none(address)),
            Err(source) => return Err(NotesError::File { path, source }),
        };
        match serde_json::from_slice::<Self>(&text) {
            Ok(notes) if notes.address == address.to_string() => Ok(notes),
            _ => Err(NotesError::Unusable { path, address: address.to_string() }),
        }
    }

    /// Writes them, whole or not at all, for the user alone.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, home: &Path, address: &Address) -> Result<(), NotesError> {
        let path = file(home, address);
        let written = || -> io::Result<()> {
            let folder = path.parent().unwrap_or(home);
            fs::create_dir_all(folder)?;
            let mut draft = tempfile::NamedTempFile::new_in(folder)?;
            draft.write_all(&serde_json::to_vec_pretty(self)?)?;
            draft.write_all(b"\n")?;
            draft.as_file().sync_all()?;
            platform::persist(draft, &path)
        };
        written().map_err(|source| NotesError::File { path: path.clone(), source })
    }
}

/// Names that differ may share a file's name, so the file says whose it is.
fn file(home: &Path, address: &Address) -> PathBuf {
    let safe = |char: char| if char.is_ascii_alphanumeric() || matches!(char, '.' | '-') { char } else { '_' };
    let host: String = address.host().chars().map(safe).collect();
    home.join("devkits").join(format!("{host}-{}.json", address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(address: &Address) -> Notes {
        let enabled = Enabled {
            at: "2026-11-21T20:00:00Z".parse().unwrap(),
            proxy: "10.0.0.2:8888".parse().unwrap(),
            authority: Fingerprint::of(b"authority"),
            had_proxy: Some(false),
            accepted: true,
        };
        Notes { certificate: Some(Fingerprint::of(b"kit")), enabled: Some(enabled), ..Notes::none(address) }
    }

    #[test]
    fn what_was_written_is_read_and_is_the_owners_alone() {
        let home = tempfile::tempdir().unwrap();
        for address in ["[::1]:11443", "10.0.0.5", "kit.studio.example:4"] {
            let address: Address = address.parse().unwrap();
            assert_eq!(Notes::read(home.path(), &address).unwrap(), Notes::none(&address));
            sample(&address).write(home.path(), &address).unwrap();
            assert_eq!(Notes::read(home.path(), &address).unwrap(), sample(&address));
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let mode = fs::metadata(file(home.path(), &address)).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600);
            }
        }
    }

    #[test]
    fn what_is_no_note_is_named_and_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let address: Address = "10.0.0.5".parse().unwrap();
        let path = file(home.path(), &address);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let other = serde_json::to_string(&sample(&"10.0.0.6".parse().unwrap())).unwrap();
        for text in ["", "{}", r#"{"address": 1}"#, &other] {
            fs::write(&path, text).unwrap();
            let error = Notes::read(home.path(), &address).unwrap_err();
            assert!(error.to_string().contains("10.0.0.5-11443.json"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
