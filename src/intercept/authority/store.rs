//! Where an authority is kept: a folder with two files that appear together, the key the owner's alone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::AuthorityError;
use super::making::Existing;
use crate::platform;

/// The files of an authority, as PEM.
pub(super) struct Files {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Files {
    pub(super) fn read(dir: &Path) -> Result<Self, AuthorityError> {
        Ok(Self { certificate: read(&certificate(dir))?, key: read(&folder(dir).join(KEY))? })
    }
}

/// The folder of the authority under `dir`.
pub(super) fn folder(dir: &Path) -> PathBuf {
    dir.join(FOLDER)
}

/// Where its certificate lies.
pub(super) fn certificate(dir: &Path) -> PathBuf {
    folder(dir).join(CERTIFICATE)
}

/// An error when there is one that stays.
pub(super) fn vacant(dir: &Path, existing: Existing) -> Result<(), AuthorityError> {
    let home = folder(dir);
    if existing == Existing::Stays && home.exists() { Err(AuthorityError::Exists(home)) } else { Ok(()) }
}

/// Puts an authority in its place, and says where the one that was there is now.
pub(super) fn place(dir: &Path, files: &Files, existing: Existing) -> Result<Option<PathBuf>, AuthorityError> {
    let home = folder(dir);
    fs::create_dir_all(dir).map_err(|source| file_error(dir, source))?;
    let draft = tempfile::Builder::new().prefix(".ca-").tempdir_in(dir).map_err(|source| file_error(dir, source))?;
    let (private, public) = (draft.path().join(KEY), draft.path().join(CERTIFICATE));
    platform::write_private(&private, &files.key).map_err(|source| file_error(&private, source))?;
    platform::write_new(&public, &files.certificate).map_err(|source| file_error(&public, source))?;
    let before = (existing == Existing::Aside && home.exists()).then(|| aside(dir));
    settle(draft.path(), &home, before.as_deref())?;
    Ok(before)
}

/// Puts a draft in its place, and what is there aside first, if it has a place for it. Where the one fails, the other is
/// undone.
fn settle(draft: &Path, home: &Path, before: Option<&Path>) -> Result<(), AuthorityError> {
    if let Some(before) = before {
        platform::replace(home, before).map_err(|source| file_error(home, source))?;
    }
    // Renaming a folder onto one that is not empty fails, so the first process wins and the pair is never torn.
    let Err(source) = platform::replace(draft, home) else { return Ok(()) };
    if home.exists() {
        return Err(AuthorityError::Exists(home.to_owned()));
    }
    match before.map(|before| (before, platform::replace(before, home))) {
        Some((before, Err(source))) => Err(AuthorityError::Astray(before.to_owned(), source)),
        _ => Err(file_error(home, source)),
    }
}

/// A place for the old one.
fn aside(dir: &Path) -> PathBuf {
    let mut places = (1_u32..).map(|number| dir.join(format!("{FOLDER}-replaced-{number}")));
    places.find(|place| !place.exists()).unwrap_or_else(|| dir.join("ca-replaced"))
}

fn read(path: &Path) -> Result<String, AuthorityError> {
    fs::read_to_string(path).map_err(|source| file_error(path, source))
}

fn file_error(path: &Path, source: io::Error) -> AuthorityError {
    AuthorityError::File { path: path.to_owned(), source }
}

const FOLDER: &str = "ca";
const KEY: &str = "key.pem";
const CERTIFICATE: &str = "cert.pem";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_that_cannot_be_replaced_stays() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files { certificate: "certificate".to_owned(), key: "key".to_owned() };
        place(dir.path(), &files, Existing::Stays).unwrap();
        let (home, before) = (folder(dir.path()), aside(dir.path()));
        let error = settle(&dir.path().join("nothing"), &home, Some(&before)).unwrap_err();
        assert!(matches!(error, AuthorityError::File { .. }), "{error}");
        assert_eq!(Files::read(dir.path()).unwrap().key, "key");
        assert!(!before.exists());
    }
}
