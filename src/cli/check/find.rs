//! Which files `check` reads: those that are named, and those that stand in a directory that is.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use crate::cassette::first_part;
use crate::cli::options::CassettePath;
use crate::cli::{Failure, say};

/// The files a name stands for, sorted by name, and what kept others from being found.
///
/// Below a directory, recordings are known by their names; hidden directories and links to directories are passed
/// over, so that nothing is read twice or for ever.
pub(super) fn files(named: &Path) -> Result<(Vec<PathBuf>, Vec<Failure>), Failure> {
    if !named.is_dir() {
        return Ok((vec![named.to_owned()], Vec::new()));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    let mut folders = vec![named.to_owned()];
    while let Some(folder) = folders.pop() {
        match listed(&folder) {
            Ok(entries) => sort(&entries, &mut found, &mut folders),
            Err(error) => failures.push(unlisted(&folder, &error)),
        }
    }
    found.sort();
    let found = without_journals(found);
    if found.is_empty() && failures.is_empty() {
        let failure = Failure::input(format!("{} holds nothing to check", named.display()));
        return Err(failure.hint("in a directory, `check` reads *.cassette.json, *.cassette.jsonl and *.har"));
    }
    Ok((found, failures))
}

fn listed(folder: &Path) -> io::Result<Vec<DirEntry>> {
    fs::read_dir(folder)?.collect()
}

fn sort(entries: &[DirEntry], found: &mut Vec<PathBuf>, folders: &mut Vec<PathBuf>) {
    for entry in entries {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        match entry.path() {
            path if is_folder && !is_hidden => folders.push(path),
            path if !is_folder && is_recording(&path) && is_readable(&path) => found.push(path),
            _ => {}
        }
    }
}

fn is_recording(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    [".cassette.json", ".cassette.jsonl", ".har"].iter().any(|end| name.ends_with(end))
}

/// Links to directories, pipes and devices are no recordings. A link to nothing is told of when it is opened.
fn is_readable(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |about| about.is_file())
}

/// A journal whose sealed file stands beside it says the same once more. The parts of a journal are one recording, which
/// goes by the name of the first, be that there or not.
fn without_journals(found: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = found.into_iter().map(|path| first_part(&path).unwrap_or(path)).collect();
    found.sort();
    found.dedup();
    let is_sealed = |path: &Path| {
        let is_journal = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("jsonl"));
        is_journal && found.binary_search(&CassettePath::of_journal(path).sealed().to_owned()).is_ok()
    };
    let (sealed, kept): (Vec<_>, Vec<_>) = found.iter().cloned().partition(|path| is_sealed(path));
    for journal in sealed {
        say(&format!("note: {}: left out, its sealed file stands beside it", journal.display()));
    }
    kept
}

fn unlisted(folder: &Path, error: &io::Error) -> Failure {
    Failure::input(format!("cannot read {}: {error}", folder.display())).hint("check its permissions")
}
