//! Journals as they lie in a folder: in parts, without one of them, or damaged.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tapdeck::cassette::{Cassette, LineBody, Record};
use tempfile::TempDir;

use crate::support::binary::run;
use crate::support::text;

const NAMES: [&str; 3] = ["day.cassette.jsonl", "day.2.cassette.jsonl", "day.3.cassette.jsonl"];

/// Everything that breaks the contract, as a recording in three parts.
fn parts() -> (TempDir, [PathBuf; 3]) {
    let home = TempDir::new().unwrap();
    let whole = Cassette::read(Path::new("cassettes/violations.cassette.json")).unwrap();
    let records: Vec<&Record> = whole.entries.iter().map(|entry| &entry.record).collect();
    let paths = NAMES.map(|name| home.path().join(name));
    for (number, (path, records)) in (1..).zip(paths.iter().zip(records.chunks(records.len().div_ceil(3)))) {
        let mut lines = Vec::new();
        LineBody::head(whole.recorded, number).write(None, &mut lines);
        whole.lanes.iter().for_each(|lane| LineBody::lane(lane).write(None, &mut lines));
        for record in records {
            match record {
                Record::Http(http) => LineBody::http(http).write(Some(http.answered), &mut lines),
                Record::Frame(frame) => LineBody::frame(frame).write(None, &mut lines),
                Record::Mark(mark) => LineBody::mark(mark).write(None, &mut lines),
            }
        }
        fs::write(path, lines).unwrap();
    }
    (home, paths)
}

/// The line of a file, as an editor finds it.
fn line(file: &str, number: usize) -> String {
    fs::read_to_string(file).unwrap().lines().nth(number - 1).unwrap().to_owned()
}

#[test]
fn a_finding_names_the_part_and_the_line_it_is_in() {
    let (home, [first, second, third]) = parts();
    let check = |format: &str| run(home.path(), &["check", "--format", format, text(&first)]).stdout;
    let found: Vec<Value> = serde_json::from_str(&check("json")).unwrap();
    let sarif: Value = serde_json::from_str(&check("sarif")).unwrap();
    let [plain, github, junit] = ["text", "github", "junit"].map(check);
    for (index, finding) in found.iter().enumerate() {
        let (file, number) = (finding["file"].as_str().unwrap(), finding["line"].as_u64().unwrap());
        let line = line(file, usize::try_from(number).unwrap());
        for word in ["op", "method", "target"].map(|key| finding[key].as_str().unwrap()) {
            assert!(line.contains(&format!(":\"{word}\"")), "{finding}\n{line}");
        }
        let place = format!("{file}:{number}: ");
        assert!(plain.contains(&place) && junit.contains(&place), "{plain}{junit}");
        assert!(github.contains(&format!("file={file},line={number},")), "{github}");
        let physical = &sarif["runs"][0]["results"][index]["locations"][0]["physicalLocation"];
        assert!(physical["artifactLocation"]["uri"].as_str().unwrap().ends_with(file), "{physical}");
        assert_eq!(physical["region"]["startLine"], number);
    }
    for part in [&first, &second, &third] {
        assert!(found.iter().any(|finding| finding["file"] == text(part)), "{}", part.display());
    }
    assert_eq!(junit.matches("<testsuite ").count(), 1, "it is one recording: {junit}");
}

#[test]
fn a_record_is_shown_with_the_part_and_the_line_it_is_in() {
    let (home, [first, second, _]) = parts();
    let whole = Cassette::read(&first).unwrap();
    let mut shown = 0;
    for (number, entry) in (1..).zip(&whole.entries) {
        let told = run(home.path(), &["cassette", "show", text(&first), &number.to_string()]).stdout;
        let Some(http) = entry.record.http() else { continue };
        let (place, _) = told.strip_prefix(&format!("record {number} (")).unwrap().split_once(')').unwrap();
        let (file, at) = place.split_once(", line ").unwrap();
        let line = line(text(&home.path().join(file)), at.parse().unwrap());
        assert!(line.contains(&format!("\"asked\":{},", http.asked)), "{told}{line}");
        shown += 1;
    }
    assert_eq!(shown, whole.exchanges().count());
    let alone = run(home.path(), &["cassette", "show", text(&second), "1"]).stdout;
    assert!(alone.starts_with("record 1 (line 3): "), "a part by itself is a file like any other: {alone}");
}

#[test]
fn a_folder_is_checked_without_the_first_part_of_a_recording_and_says_so() {
    let (home, [first, ..]) = parts();
    let check = |path: &Path| run(home.path(), &["check", "--format", "json", text(path)]);
    let whole: Vec<Value> = serde_json::from_str(&check(home.path()).stdout).unwrap();
    let (own, rest): (Vec<_>, Vec<_>) = whole.into_iter().partition(|finding| finding["file"] == text(&first));
    assert!(!own.is_empty() && !rest.is_empty());
    fs::remove_file(&first).unwrap();
    for path in [home.path(), &first] {
        let left = check(path);
        let missing = "day.2.cassette.jsonl, line 1: here part 1 of the recording is missing";
        assert!(left.code == Some(0) && left.talk.contains(missing), "{}", left.talk);
        let found: Vec<Value> = serde_json::from_str(&left.stdout).unwrap();
        let places = |found: &[Value]| -> Vec<_> {
            found.iter().map(|finding| ["file", "line", "rule"].map(|key| finding[key].to_string())).collect()
        };
        assert_eq!(places(&found), places(&rest));
    }
}

/// A letter of each line of a file from this one on is changed.
fn damage(path: &Path, first: usize) -> Vec<u8> {
    let lines = fs::read_to_string(path).unwrap();
    let lines = lines.lines().enumerate().map(|(number, line)| match number + 1 < first {
        true => format!("{line}\n"),
        false => format!("{}!}}\n", &line[..line.len() - 2]),
    });
    let damaged = lines.collect::<String>().into_bytes();
    fs::write(path, &damaged).unwrap();
    damaged
}

#[test]
fn a_journal_that_is_damaged_in_each_line_stays_as_it_is() {
    for (first, told) in
        [(1, "holds no whole line"), (2, "0 exchanges, 0 lanes, damaged"), (3, "0 exchanges, 1 lane, damaged")]
    {
        let (home, paths) = parts();
        let damaged = paths.each_ref().map(|path| damage(path, first));
        for path in [&paths[0], &paths[1]] {
            let saved = run(home.path(), &["cassette", "fsck", text(path)]);
            assert!(saved.code == Some(4) && saved.stdout.contains(told), "{}{}", saved.stdout, saved.talk);
        }
        assert_eq!(paths.map(|path| fs::read(path).unwrap()), damaged);
        assert!(!home.path().join("day.cassette.json").exists());
    }
}

#[test]
fn what_was_not_whole_is_told_before_it_is_sealed_again() {
    let (home, [first, second, _]) = parts();
    let lines = fs::read_to_string(&first).unwrap();
    fs::write(&first, lines.replacen("\"asked\":3,", "\"asked\":4,", 1)).unwrap();
    fs::remove_file(&second).unwrap();
    let out = home.path().join("small.cassette.json");
    let trim = |file: &Path| run(home.path(), &["cassette", "trim", text(file), "-o", text(&out), "--overwrite"]);
    let trimmed = trim(&first);
    assert_eq!(trimmed.code, Some(0), "{}", trimmed.talk);
    for told in [
        "day.cassette.jsonl, line 4: left out: its CRC does not match its bytes",
        "day.3.cassette.jsonl, line 1: here part 2 of the recording is missing",
    ] {
        assert!(trimmed.talk.contains(&format!("note: {}: {told}", first.display())), "{}", trimmed.talk);
    }
    let whole = fs::read_to_string(&out).unwrap();
    let edited = home.path().join("edited.cassette.json");
    fs::write(&edited, whole.replacen("\"op\": \"session.put\"", "\"op\": \"session.get\"", 1)).unwrap();
    let trimmed = trim(&edited);
    assert!(trimmed.talk.contains("edited since it was sealed"), "{}", trimmed.talk);
    fs::write(&edited, whole.replacen("\"kind\": \"http\"", "\"kind\": \"hologram\"", 1)).unwrap();
    let refused = trim(&edited);
    assert!(refused.code == Some(4) && refused.talk.contains("edited.cassette.json: "), "{}", refused.talk);
}
