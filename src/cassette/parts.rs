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
    let (first, part) = by_name(journal)?;
    let is_part = match began(journal) {
        Some(_) => {
            let head = began(&first);
            head.as_ref().is_none_or(|head| head.part <= 1) && is_part(journal, part, head.as_ref())
        }
        // The name is all there is, and the others tell whether they know it.
        None => parts(&first).is_ok_and(|parts| parts.iter().any(|(other, _)| *other == part)),
    };
    is_part.then_some(first)
}

/// The journal that a file is a later part of by its name, and which.
fn by_name(journal: &Path) -> Option<(PathBuf, u32)> {
    let (stem, number) = journal.file_name()?.to_str()?.strip_suffix(ENDING)?.rsplit_once('.')?;
    let (first, part) = (journal.with_file_name(format!("{stem}{ENDING}")), number.parse().ok()?);
    (part > 1 && part_path(&first, part) == journal).then_some((first, part))
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
    if !is_journal {
        return Ok(parts);
    }
    let head = began(journal);
    if head.is_some_and(|head| head.part > 1) {
        return Ok(parts);
    }
    parts.extend(numbered(journal)?.into_iter().filter(|(part, path)| is_part(path, *part, head.as_ref())));
    Ok(parts)
}

/// What is left of a recording whose first part is gone.
fn left(journal: &Path) -> io::Result<Vec<(u32, PathBuf)>> {
    let mut parts = numbered(journal)?;
    let said = |part: u32, path: &Path| began(path).filter(|began| began.part == part);
    let Some(head) = parts.iter().find_map(|(part, path)| said(*part, path)) else { return Ok(Vec::new()) };
    parts.retain(|(part, path)| is_part(path, *part, Some(&head)));
    Ok(parts)
}

/// True for the numbered part of a recording: all began at the same time. The name has to do where `head`, which is
/// another part's, is damaged, or where the part's own is or was never written to its end.
fn is_part(path: &Path, part: u32, head: Option<&Began>) -> bool {
    match began(path) {
        Some(later) => later.part == part && head.is_none_or(|head| head.recorded == later.recorded),
        None => start(path).is_some_and(|start| is_journal(without_bom(&start))),
    }
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
        fs::write(at("day.12.cassette.jsonl"), "a note of somebody's\n").unwrap();
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

    #[test]
    fn a_part_whose_head_is_damaged_is_one_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let first = folder.path().join("day.cassette.jsonl");
        let all = [1, 2, 3].map(|part| (part, part_path(&first, part)));
        for damaged in 1..=3 {
            for (part, path) in &all {
                head(path, 7, *part);
            }
            let path = part_path(&first, damaged);
            let mut text = fs::read(&path).unwrap();
            text[20] ^= 1;
            fs::write(&path, text).unwrap();
            assert_eq!(parts(&first).unwrap(), all, "{damaged}");
            for (_, later) in &all[1..] {
                assert_eq!(first_part(later).as_ref(), Some(&first), "{damaged}");
            }
        }
        fs::remove_file(&first).unwrap();
        assert_eq!(parts(&first).unwrap(), all[1..]);
        assert_eq!(first_part(&all[2].1), Some(first));
        fs::remove_file(&all[1].1).unwrap();
        assert_eq!(first_part(&all[2].1), None, "there is no other to tell");
    }
}
