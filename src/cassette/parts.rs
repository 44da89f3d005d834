//! The parts of a long recording: `NAME.cassette.jsonl`, then `NAME.2.cassette.jsonl`, `NAME.3.cassette.jsonl`, …
//!
//! Each is a journal of its own. The first stands for them all.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::line;
use super::load::{is_journal, without_bom};
use super::record::Began;

/// Where a part of a journal lies; the first is the journal itself.
pub fn part_path(journal: &Path, part: u32) -> PathBuf {
    if part <= 1 {
        return journal.to_owned();
    }
    let name = journal.file_name().unwrap_or_default().to_string_lossy();
    let numbered = match name.strip_suffix(ENDING) {
        Some(name) => format!("{name}.{part}{ENDING}"),
        None => format!("{name}.{part}"),
    };
    journal.with_file_name(numbered)
}

/// Where the first part of the recording lies, or lay, that a file is a later part of.
pub fn first_part(journal: &Path) -> Option<PathBuf> {
    let part = began(journal)?.part;
    let name = journal.file_name()?.to_str()?;
    let first = name.strip_suffix(ENDING)?.strip_suffix(&format!(".{part}"))?;
    let first = journal.with_file_name(format!("{first}{ENDING}"));
    (part > 1 && is_part(journal, &first, part)).then_some(first)
}

/// Something that lies where a part of a journal would.
///
/// # Errors
/// The folder cannot be read.
pub fn in_the_way(journal: &Path) -> io::Result<Option<PathBuf>> {
    if journal.exists() {
        return Ok(Some(journal.to_owned()));
    }
    Ok(numbered(journal)?.into_iter().next().map(|(_, path)| path))
}

/// The parts there are, the first of them first, by their numbers. The journal itself may be gone.
///
/// # Errors
/// The folder cannot be read.
pub fn parts(journal: &Path) -> io::Result<Vec<(u32, PathBuf)>> {
    if !journal.exists() {
        let left = left(journal)?;
        return Ok(if left.is_empty() { vec![(1, journal.to_owned())] } else { left });
    }
    let mut parts = vec![(1, journal.to_owned())];
    // A pipe can be read once only.
    let is_file = fs::metadata(journal).is_ok_and(|about| about.is_file());
    let is_journal = is_file && start(journal).is_some_and(|start| is_journal(without_bom(&start)));
    if !is_journal || began(journal).is_some_and(|began| began.part > 1) {
        return Ok(parts);
    }
    parts.extend(numbered(journal)?.into_iter().filter(|(part, path)| is_part(path, journal, *part)));
    Ok(parts)
}

/// What is left of a recording whose first part is gone.
fn left(journal: &Path) -> io::Result<Vec<(u32, PathBuf)>> {
    let mut parts = numbered(journal)?;
    let said = |part: u32, path: &Path| began(path).filter(|began| began.part == part);
    let Some(first) = parts.iter().find_map(|(part, path)| said(*part, path)) else { return Ok(Vec::new()) };
    parts.retain(|(part, path)| match said(*part, path) {
        Some(later) => later.recorded == first.recorded,
        None => is_unbegun(path),
    });
    Ok(parts)
}

/// True for the numbered part of a recording: both began at the same time.
fn is_part(path: &Path, first: &Path, part: u32) -> bool {
    let is_later = |began: &Began| began.part == part;
    match (began(first), began(path).filter(is_later)) {
        (Some(first), Some(later)) => first.part <= 1 && first.recorded == later.recorded,
        (_, None) => is_unbegun(path),
        // The first head is damaged: the name has to do.
        (None, Some(_)) => true,
    }
}

/// True for what is left of a head that was being written when everything ended.
fn is_unbegun(path: &Path) -> bool {
    let is_torn = |head: &[u8]| head.starts_with(line::PREFIX) && !head.contains(&b'\n');
    start(path).is_some_and(|head| line::PREFIX.starts_with(&head) || is_torn(&head))
}

/// The files that have a part's name, by their numbers.
fn numbered(journal: &Path) -> io::Result<Vec<(u32, PathBuf)>> {
    let folder = journal.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let name = journal.file_name().unwrap_or_default().to_string_lossy();
    let (stem, ending) = name.strip_suffix(ENDING).map_or((&*name, ""), |stem| (stem, ENDING));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let other = entry?.file_name();
        let rest = other.to_str().and_then(|other| other.strip_prefix(stem)?.strip_prefix('.'));
        let part = rest.and_then(|rest| rest.strip_suffix(ending)?.parse::<u32>().ok());
        if let Some(part) = part.filter(|part| part_path(journal, *part).file_name() == Some(&*other)) {
            found.push((part, journal.with_file_name(&other)));
        }
    }
    found.retain(|(part, _)| *part > 1);
    found.sort();
    Ok(found)
}

/// What the first line of a journal says of its beginning.
fn began(journal: &Path) -> Option<Began> {
    let start = start(journal)?;
    let start = without_bom(&start);
    let (head, _) = start.split_at(start.iter().position(|byte| *byte == b'\n')?);
    let head = head.strip_suffix(b"\r").unwrap_or(head);
    line::check(head).ok()?;
    (line::kind(head).ok()? == "head").then(|| line::parse(head).ok())?
}

fn start(journal: &Path) -> Option<Vec<u8>> {
    let mut start = Vec::new();
    File::open(journal).ok()?.take(LONGEST_HEAD).read_to_end(&mut start).ok()?;
    Some(start)
}

const ENDING: &str = ".cassette.jsonl";
const LONGEST_HEAD: u64 = 1 << 16;

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::cassette::LineBody;

    fn head(path: &Path, second: i64, part: u32) {
        let mut text = Vec::new();
        LineBody::head(Timestamp::from_second(second).ok(), part).write(None, &mut text);
        fs::write(path, text).unwrap();
    }

    #[test]
    fn parts_are_found_by_name_and_by_what_they_say() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let first = at("day.cassette.jsonl");
        assert_eq!(in_the_way(&first).unwrap(), None);
        for (name, second, part) in [
            ("day.cassette.jsonl", 7, 1),
            ("day.2.cassette.jsonl", 7, 2),
            ("day.10.cassette.jsonl", 7, 10),
            // Others: of another time, of its own, of another name, and one whose number is another's.
            ("day.4.cassette.jsonl", 8, 4),
            ("day.5.cassette.jsonl", 7, 1),
            ("days.2.cassette.jsonl", 7, 2),
            ("day.02.cassette.jsonl", 7, 2),
            ("day.6.cassette.jsonl", 7, 7),
        ] {
            head(&at(name), second, part);
        }
        fs::write(at("day.11.cassette.jsonl"), "").unwrap();
        let names: Vec<u32> = parts(&first).unwrap().into_iter().map(|(part, _)| part).collect();
        assert_eq!(names, [1, 2, 10, 11]);
        assert_eq!(parts(&at("day.2.cassette.jsonl")).unwrap().len(), 1, "a later part stands for itself");
        assert_eq!(first_part(&at("day.2.cassette.jsonl")), Some(first.clone()));
        assert_eq!(first_part(&at("day.4.cassette.jsonl")), None);
        assert_eq!(first_part(&first), None);
        assert_eq!(part_path(&first, 2), at("day.2.cassette.jsonl"));
        fs::remove_file(&first).unwrap();
        assert_eq!(in_the_way(&first).unwrap(), Some(at("day.2.cassette.jsonl")));
        let left: Vec<u32> = parts(&first).unwrap().into_iter().map(|(part, _)| part).collect();
        assert_eq!(left, [2, 10, 11], "the first one is gone");
        assert_eq!(first_part(&at("day.2.cassette.jsonl")), Some(first));
        let nothing = at("night.cassette.jsonl");
        assert_eq!(parts(&nothing).unwrap(), [(1, nothing)]);
    }
}
