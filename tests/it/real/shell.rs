//! The real bash and the real man: completions complete, and the manual has no fault that groff warns of.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::support::binary;
use crate::support::text;

/// What bash offers for a line, by the script that the binary prints.
fn offered(home: &TempDir, words: &[&str]) -> Vec<String> {
    let script = home.path().join("tapdeck.bash");
    fs::write(&script, binary::run(home.path(), &["completions", "bash"]).stdout).unwrap();
    let line = format!(
        "source {}; COMP_WORDS=({}); COMP_CWORD={}; _tapdeck tapdeck {:?} {:?}; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        text(&script),
        words.iter().map(|word| format!("{word:?} ")).collect::<String>(),
        words.len() - 1,
        words[words.len() - 1],
        words[words.len() - 2],
    );
    let ended = Command::new("bash").args(["--norc", "-u", "-c", &line]).output().unwrap();
    assert!(ended.status.success() && ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_and_flags() {
    let home = TempDir::new().unwrap();
    assert_eq!(offered(&home, &["tapdeck", "reco"]), ["record"]);
    assert_eq!(offered(&home, &["tapdeck", "cassette", "sh"]), ["show"]);
    assert_eq!(offered(&home, &["tapdeck", "check", "--write"]), ["--write-baseline"]);
    assert_eq!(offered(&home, &["tapdeck", "--log-format", "j"]), ["json"]);
}

#[test]
fn the_manual_renders_without_warnings() {
    let home = TempDir::new().unwrap();
    let pages = home.path().join("man1");
    assert_eq!(binary::run(home.path(), &["man", text(&pages)]).code, Some(0));
    for page in fs::read_dir(&pages).unwrap() {
        let page = page.unwrap().path();
        let ended = Command::new("groff").args(["-man", "-ww", "-Kutf8", "-Tutf8", "-P-cbou"]).arg(&page).output();
        let ended = ended.unwrap_or_else(|error| panic!("this test needs `groff`: {error}"));
        let warnings = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success() && warnings.is_empty(), "{}: {warnings}", page.display());
        assert!(String::from_utf8(ended.stdout).unwrap().contains("SYNOPSIS"), "{}", page.display());
    }
}
