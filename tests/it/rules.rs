//! `docs/contract-rules.md`: what became of every condition the contract started from, and which rules were added.
//!
//! `TAPDECK_BLESS=1 cargo test --test it rules` writes the table of added rules anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tapdeck::contract::{rule, rules};

/// How many conditions the list has.
const CONDITIONS: usize = 247;

/// The rows of a table of the page: those below a heading, without the table's own head.
fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, below) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = below.split("\n## ").next().unwrap();
    let lines = section.lines().filter(|line| line.starts_with("| ")).skip(2);
    lines.map(|line| line[1..line.len() - 1].split(" |").map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/contract-rules.md")
}

fn page() -> String {
    std::fs::read_to_string(path()).unwrap().replace("\r\n", "\n")
}

#[test]
fn every_condition_of_the_list_came_to_something() {
    let conditions = rows(&page(), "The list");
    let named: BTreeSet<&str> = conditions.iter().map(|row| row[0].as_str()).collect();
    assert_eq!((conditions.len(), named.len()), (CONDITIONS, CONDITIONS), "each is there once");
    for row in &conditions {
        let [condition, verdict, id, note] = row.as_slice() else { panic!("{row:?}") };
        match verdict.as_str() {
            "implemented" => assert!(id == condition && rule(id).is_some(), "{row:?}"),
            "merged" => assert!(id != condition && rule(id).is_some() && !note.is_empty(), "{row:?}"),
            "rejected" => assert!(id.is_empty() && rule(condition).is_none() && !note.is_empty(), "{row:?}"),
            _ => panic!("{row:?}"),
        }
    }
}

/// A duty that is no rule names the tests that hold it, each before the file it is in.
#[test]
fn duties_of_our_own_are_held_by_tests_that_exist() {
    let mut named = 0;
    for row in rows(&page(), "The list") {
        let words: Vec<&str> = row[3].split('`').skip(1).step_by(2).collect();
        for (at, file) in words.iter().enumerate().filter(|(_, word)| word.starts_with("tests/")) {
            let code = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
            let tests = words[..at].iter().rev().take_while(|word| !word.starts_with("tests/"));
            for test in tests {
                assert!(code.contains(&format!("fn {test}(")), "{test} is not in {file}");
                named += 1;
            }
        }
    }
    assert!(named >= 5, "{named}");
}

#[test]
fn every_rule_comes_from_the_list_or_was_added() {
    let page = page();
    let listed: BTreeSet<String> = rows(&page, "The list").into_iter().map(|row| row[2].clone()).collect();
    let mut added: Vec<_> = rules().iter().filter(|rule| !listed.contains(rule.id)).collect();
    added.sort_by_key(|rule| rule.id);
    let table: String = added
        .iter()
        .map(|rule| format!("| {} | {} | {} | {} |\n", rule.id, rule.severity, rule.side, rule.title))
        .collect();
    let (head, _) = page.split_once(FIRST_ADDED).unwrap();
    let expected = format!("{head}{FIRST_ADDED}{table}");
    if std::env::var_os("TAPDECK_BLESS").is_some() {
        std::fs::write(path(), &expected).unwrap();
    }
    assert!(self::page() == expected, "rules were added or changed: see the module's doc");
}

const FIRST_ADDED: &str = "\n## Added rules\n\n| rule | severity | side | what is wrong |\n| --- | --- | --- | --- |\n";
