//! Completions and the manual: what shells and `man` are given holds every command there is.

use std::fs;

use tempfile::TempDir;

use crate::support::binary;
use crate::support::text;

#[test]
fn every_shell_is_told_of_every_command() {
    let home = TempDir::new().unwrap();
    let help = binary::run(home.path(), &["--help"]).stdout;
    let listed = help.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands: Vec<&str> = listed.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    assert!(commands.contains(&"record") && commands.contains(&"completions") && commands.contains(&"man"));
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = binary::run(home.path(), &["completions", shell]);
        assert_eq!((ended.code, ended.talk.as_str()), (Some(0), ""));
        for command in commands.iter().filter(|command| !command.is_empty()) {
            assert!(ended.stdout.contains(command), "{shell} is not told of {command}");
        }
    }
    let other = binary::run(home.path(), &["completions", "csh"]);
    assert!(other.code == Some(2) && other.talk.contains("csh"), "{}", other.talk);
}

#[test]
fn a_shell_that_starts_in_a_broken_project_still_completes() {
    let home = TempDir::new().unwrap();
    fs::write(home.path().join("tapdeck.toml"), "no = [").unwrap();
    let mut command = binary::tapdeck(home.path());
    let ended = command.current_dir(home.path()).args(["completions", "bash"]).output().unwrap();
    assert!(ended.status.success() && ended.stderr.is_empty());
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let home = TempDir::new().unwrap();
    let pages = home.path().join("share/man1");
    assert_eq!(binary::run(home.path(), &["man", text(&pages)]).code, Some(0));
    for name in ["tapdeck", "tapdeck-record", "tapdeck-cassette-show", "tapdeck-ca-export"] {
        let page = fs::read_to_string(pages.join(format!("{name}.1"))).unwrap();
        assert!(page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"), "{name}: {page}");
    }
    let root = fs::read_to_string(pages.join("tapdeck.1")).unwrap();
    assert!(
        root.contains("tapdeck\\-record(1)") && root.contains(".SH EXAMPLES\n.nf\nExamples:\n  tapdeck demo "),
        "{root}"
    );
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    let ended = binary::run(home.path(), &["man", text(&file)]);
    assert!(ended.code == Some(3) && ended.talk.contains("hint: "), "{}", ended.talk);
}
