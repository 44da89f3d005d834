use super::*;
use crate::cassette::sample::{self, NAMES};

fn on_disk(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.cassette");
    std::fs::write(&path, bytes).unwrap();
    (directory, path)
}

fn sealed_text() -> String {
    let cassette = Cassette::parse(Path::new("x"), &sample::journal(&NAMES).concat()).unwrap();
    String::from_utf8(seal(&cassette).unwrap()).unwrap()
}

fn formatted(text: &str) -> Formatted {
    let (_directory, path) = on_disk(text.as_bytes());
    fmt(&path).unwrap()
}

#[test]
fn formatting_says_what_it_changes_and_settles_at_once() {
    let text = sealed_text();
    assert!(formatted(&text).changes.is_empty());
    assert_eq!(formatted(&text.replace("\n  ", "\n ")).changes, ["layout only"]);
    let edited = text.replace("\"player2\"", "\"player9\"").replace("404", "410");
    let once = formatted(&edited);
    assert_eq!(once.changes, ["the seal did not match", "`lanes` renamed", "record 3: moved or rewritten"]);
    let once = String::from_utf8(once.bytes).unwrap();
    let twice = formatted(&once);
    assert!(twice.changes.is_empty() && twice.bytes == once.as_bytes());
}

#[test]
fn a_journal_is_not_formatted() {
    let (_directory, path) = on_disk(&sample::journal(&NAMES).concat());
    assert!(matches!(fmt(&path), Err(MaintainError::Journal { .. })));
}

#[test]
fn verdicts() {
    let verdict = |bytes: &[u8]| {
        let (_directory, path) = on_disk(bytes);
        let verdict = fsck(&path).unwrap();
        (verdict.to_string(), verdict.is_whole())
    };
    let mut lines = sample::journal(&NAMES);
    assert_eq!(verdict(&lines.concat()), ("journal: 3 exchanges, 2 lanes, whole".into(), true));
    lines[6][30] ^= 1;
    let mut bytes = lines.concat();
    bytes.truncate(bytes.len() - 5);
    let (text, whole) = verdict(&bytes);
    assert!(!whole && text.starts_with("journal: 1 exchange, 2 lanes, last line torn after "), "{text}");
    assert!(text.contains(" bytes, damaged\n"), "{text}");
    assert!(text.ends_with("line 7: left out: its CRC does not match its bytes"), "{text}");

    let text = sealed_text();
    assert_eq!(verdict(text.as_bytes()), ("sealed file: 3 exchanges, 2 lanes, sealed".into(), true));
    assert!(verdict(text.replace("404", "410").as_bytes()).0.contains("edited since it was sealed"));
    assert!(verdict(b"{]").0.starts_with("broken: "));
}
