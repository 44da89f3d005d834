//! `tapdeck drift` as people run it: what it says, in which form, and what it ends with.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::binary::{self, Ended};
use crate::support::text;

/// One of the recordings that come with us.
fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cassettes").join(name)
}

/// The same recording after something was changed in it.
fn edited(home: &TempDir, name: &str, from: &str, to: &str) -> PathBuf {
    let before = fs::read_to_string(shipped(name)).unwrap();
    let path = home.path().join(format!("edited-{name}"));
    assert!(before.contains(from), "{name} has no {from}");
    fs::write(&path, before.replace(from, to)).unwrap();
    path
}

fn drift(home: &TempDir, args: &[&str]) -> Ended {
    binary::run(home.path(), &[&["drift"], args].concat())
}

#[test]
fn a_recording_does_not_drift_from_itself() {
    let home = TempDir::new().unwrap();
    for name in ["invite.cassette.json", "lobby-race.cassette.json", "taps.cassette.json", "violations.cassette.json"] {
        let path = shipped(name);
        let same = drift(&home, &["--fail-on", "value", text(&path), text(&path)]);
        assert_eq!((same.code, same.talk.as_str()), (Some(0), ""), "{}", same.stdout);
        assert!(same.stdout.starts_with("0 breaking, 0 notable, 0 value in "), "{}", same.stdout);
    }
}

#[test]
fn the_exit_code_follows_the_tier() {
    let home = TempDir::new().unwrap();
    let name = "lobby-race.cassette.json";
    let old = shipped(name);
    let gone = edited(&home, name, "\"changeNumber\":", "\"changeCount\":");
    for (fail_on, new, code) in [("breaking", &gone, 1), ("never", &gone, 0), ("value", &old, 0)] {
        let ended = drift(&home, &["--fail-on", fail_on, text(&old), text(new)]);
        assert_eq!(ended.code, Some(code), "{fail_on}: {}", ended.stdout);
    }
    let told = drift(&home, &[text(&old), text(&gone)]);
    assert_eq!(told.code, Some(1), "{}", told.stdout);
    let line = told.stdout.lines().find(|line| line.contains("/changeNumber is gone")).unwrap();
    assert!(line.starts_with("  breaking response /") && line.contains(&format!("{}:", old.display())), "{line}");
    assert!(told.stdout.lines().any(|line| line.contains("  notable response /changeCount is new")), "{}", told.stdout);

    let added = drift(&home, &[text(&gone), text(&old)]);
    assert_eq!(added.code, Some(1), "what is called otherwise is gone, whichever way it is read: {}", added.stdout);
}

#[test]
fn the_json_form_holds_the_same_changes() {
    let home = TempDir::new().unwrap();
    let name = "invite.cassette.json";
    let old = shipped(name);
    let new = edited(&home, name, "\"outcome\": \"answered\"", "\"outcome\": \"reset\"");
    let listed = drift(&home, &["--format", "json", text(&old), text(&new)]);
    assert_eq!((listed.code, listed.talk.as_str()), (Some(1), ""), "{}", listed.stdout);
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    let changes = listed["changes"].as_array().unwrap();
    assert_eq!(listed["tally"]["breaking"], changes.len());
    assert!(changes.iter().all(|change| change["place"] == "status" && change["new"] == "reset"), "{listed}");
    let at = &changes[0]["old_at"];
    let lines = fs::read_to_string(&old).unwrap();
    let line = usize::try_from(at["line"].as_u64().unwrap()).unwrap();
    assert_eq!(lines.lines().nth(line - 1), Some("    {"), "no record starts there");
    let record = binary::run(home.path(), &["cassette", "show", text(&old), &at["record"].to_string()]);
    assert!(record.stdout.contains(&format!("(line {line})")), "{}", record.stdout);
}

#[test]
fn what_is_no_recording_is_said_to_be_none() {
    let home = TempDir::new().unwrap();
    let (good, bad) = (shipped("invite.cassette.json"), home.path().join("bad.cassette.json"));
    fs::write(&bad, "hello").unwrap();
    for files in [[&good, &bad], [&bad, &good]] {
        let ended = drift(&home, &[text(files[0]), text(files[1])]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(4), ""), "{}", ended.talk);
        assert!(ended.talk.contains("bad.cassette.json") && ended.talk.contains("hint: "), "{}", ended.talk);
    }
}
