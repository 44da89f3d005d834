//! Where a report goes. A file is begun before the long run, so that a bad path fails at once, and appears when it is
//! whole.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{Failure, colour, print_bytes};
use crate::platform;
use crate::report::Colour;

/// A place to write a report to.
#[derive(Debug)]
pub(super) enum Destination {
    /// Standard output.
    Stdout,
    /// A file that is replaced.
    File { name: PathBuf, path: PathBuf, unfinished: NamedTempFile<File> },
    /// What is there and no file, such as a pipe: it is written to, never replaced.
    Device { name: PathBuf, file: File },
}

impl Destination {
    /// Begins it; `-` is standard output.
    pub(super) fn open(name: &Path) -> Result<Self, Failure> {
        if name == Path::new("-") {
            return Ok(Self::Stdout);
        }
        let failed = |error: std::io::Error| unwritable(name, &error);
        // A link stays a link.
        let path = fs::canonicalize(name).unwrap_or_else(|_| name.to_owned());
        let name = name.to_owned();
        if fs::metadata(&path).is_ok_and(|there| !there.is_file()) {
            let file = OpenOptions::new().write(true).open(&path).map_err(failed)?;
            return Ok(Self::Device { name, file });
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let unfinished = tempfile::Builder::new()
            .prefix(".tapdeck-")
            .suffix(".tmp")
            .make_in(folder, |path| File::create_new(path))
            .map_err(failed)?;
        Ok(Self::File { name, path, unfinished })
    }

    /// Colour where it would be seen as colour.
    pub(super) fn colour(&self) -> Colour {
        match self {
            Self::Stdout => colour(),
            Self::File { .. } | Self::Device { .. } => Colour::Never,
        }
    }

    /// Writes the report; gives the name of where it went, if it went elsewhere than to standard output.
    pub(super) fn write(self, report: &[u8]) -> Result<Option<PathBuf>, Failure> {
        let name = match self {
            Self::Stdout => {
                print_bytes(report)?;
                return Ok(None);
            }
            Self::Device { name, mut file } => {
                file.write_all(report).map_err(|error| unwritable(&name, &error))?;
                name
            }
            Self::File { name, path, mut unfinished } => {
                let written = unfinished.write_all(report);
                let written = written.and_then(|()| platform::persist(unfinished, &path));
                written.map_err(|error| unwritable(&name, &error))?;
                name
            }
        };
        Ok(Some(name))
    }
}

pub(super) fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let hint = if platform::is_read_only(path) { "it is read-only: make it writable first" } else { "check the path" };
    Failure::runtime(format!("cannot write {}: {error}", path.display())).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_read_only_is_told_to_be() {
        let file = NamedTempFile::new().unwrap();
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let hint = |path: &Path| unwritable(path, &denied).to_string().split_once("hint: ").unwrap().1.to_owned();
        assert_eq!(hint(file.path()), "check the path");
        let mut permissions = file.as_file().metadata().unwrap().permissions();
        permissions.set_readonly(true);
        file.as_file().set_permissions(permissions).unwrap();
        assert_eq!(hint(file.path()), "it is read-only: make it writable first");
        assert_eq!(hint(Path::new("/nowhere/at/all")), "check the path");
    }
}
