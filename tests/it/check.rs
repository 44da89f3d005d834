//! What `check` and `rules` say: every form of a report, where it goes, what is known, and what fails.
//!
//! `TAPDECK_BLESS=1 cargo test --test it check` writes `docs/rules.md` anew.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::binary::{self, Ended};
use crate::support::text;

const VIOLATIONS: &str = "cassettes/violations.cassette.json";

/// Findings as `--format json` lists them.
fn findings(home: &TempDir, args: &[&str]) -> Vec<Value> {
    let ended = check(home, &[&["--format", "json"], args].concat());
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}{}", ended.stdout, ended.talk))
}

fn check(home: &TempDir, args: &[&str]) -> Ended {
    binary::run(home.path(), &[&["check"], args].concat())
}

fn line_of(finding: &Value) -> usize {
    usize::try_from(finding["line"].as_u64().unwrap()).unwrap()
}

#[test]
fn a_finding_is_on_the_line_of_its_value_in_every_form() {
    let home = TempDir::new().unwrap();
    let file = fs::read_to_string(VIOLATIONS).unwrap();
    let found = findings(&home, &[VIOLATIONS]);
    for (rule, shown) in [
        ("contract-version-missing", r#""headers": ["#),
        ("contract-version-too-low", r#"["x-xbl-contract-version", "1"]"#),
        ("put-readonly-top-level", r#""changeNumber": 5"#),
        ("active-and-ready", r#""system": {"#),
        ("handle-id-not-guid", r#""target": "/handles/1234/session","#),
        ("json-malformed", r#""text": ["{\"properties\":{},}"]"#),
    ] {
        let finding = found.iter().find(|finding| finding["rule"] == rule).unwrap();
        let line = file.lines().nth(line_of(finding) - 1).unwrap().trim();
        assert_eq!(line, shown, "{finding}");
    }
    let [plain, sarif, github] =
        ["text", "sarif", "github"].map(|format| check(&home, &["--format", format, VIOLATIONS]).stdout);
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    let mut annotations = github.lines();
    for (index, finding) in found.iter().enumerate() {
        let line = line_of(finding);
        let rule = finding["rule"].as_str().unwrap();
        assert!(plain.contains(&format!("{VIOLATIONS}:{line}: info {rule} player1 ")), "{plain}");
        let place = &sarif["runs"][0]["results"][index]["locations"][0]["physicalLocation"];
        assert_eq!(
            (&place["region"]["startLine"], &place["artifactLocation"]["uri"]),
            (&line.into(), &VIOLATIONS.into())
        );
        let annotation = annotations.next().unwrap();
        assert!(
            annotation.starts_with(&format!("::notice file={VIOLATIONS},line={line},title={rule}::")),
            "{annotation}"
        );
    }
}

#[test]
fn a_report_goes_to_a_file_whole_or_not_at_all() {
    let home = TempDir::new().unwrap();
    let report = home.path().join("report.xml");
    let before = fs::read_dir(home.path()).unwrap().count();
    let args = ["--format", "junit", "-o", text(&report)];
    let ended = check(&home, &[&args, &[VIOLATIONS][..]].concat());
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{}", ended.talk);
    assert_eq!(ended.talk.lines().count(), 1, "{}", ended.talk);
    assert!(ended.talk.contains("report.xml: 12 expected rejections in 12 exchanges"), "{}", ended.talk);
    let written = fs::read_to_string(&report).unwrap();
    assert!(written.starts_with("<?xml") && written.contains("active-and-ready"), "{written}");

    let ended = check(&home, &[&args, &["no-such.cassette.json"][..]].concat());
    assert_eq!(ended.code, Some(4));
    assert_eq!(fs::read_to_string(&report).unwrap(), written, "a failed check took the last report away");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), before + 1, "something unfinished is left");

    let ended = check(&home, &["-o", "/no/such/report", "no-such.cassette.json"]);
    assert!(ended.code == Some(3) && ended.talk.contains("error: cannot write /no/such/report: "), "{}", ended.talk);
    let ended = check(&home, &["-o", text(home.path()), VIOLATIONS]);
    assert!(ended.code == Some(3) && ended.talk.contains("error: cannot write "), "{}", ended.talk);
    assert_eq!(check(&home, &["-o", "-", VIOLATIONS]).stdout, check(&home, &[VIOLATIONS]).stdout);
}

#[test]
fn a_file_that_cannot_be_read_is_in_the_report_of_the_others() {
    let home = TempDir::new().unwrap();
    let ended = check(&home, &["--format", "junit", "no-such.har", VIOLATIONS]);
    assert_eq!(ended.code, Some(4));
    assert!(
        ended.stdout.contains("errors=\"1\">") && ended.stdout.contains("cannot read no-such.har"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("name=\"active-and-ready\""), "{}", ended.stdout);
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_a_device_a_device() {
    let home = TempDir::new().unwrap();
    let (report, link) = (home.path().join("report.json"), home.path().join("link.json"));
    fs::write(&report, "old").unwrap();
    std::os::unix::fs::symlink("report.json", &link).unwrap();
    for output in [text(&link), "/dev/null"] {
        assert_eq!(check(&home, &["--format", "json", "-o", output, VIOLATIONS]).code, Some(0));
    }
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&report).unwrap().starts_with('['));
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn what_is_known_fails_nothing_and_what_is_new_does() {
    let home = TempDir::new().unwrap();
    let known = home.path().join("known.json");
    let fails = ["--fail-on", "info", VIOLATIONS];
    assert_eq!(check(&home, &fails).code, Some(1));
    let written = check(&home, &[&["--write-baseline", text(&known)], &fails[..]].concat());
    assert!(written.code == Some(0) && written.talk.contains("known from now on"), "{}", written.talk);
    let with = |more: &[&str]| check(&home, &[&["--baseline", text(&known)], more].concat());

    let ended = with(&fails);
    assert_eq!((ended.code, ended.talk.as_str()), (Some(0), ""), "{}", ended.stdout);
    assert!(ended.stdout.contains(" · known") && ended.stdout.contains(" known\n"), "{}", ended.stdout);
    let listed: Vec<Value> = serde_json::from_str(&with(&["--format", "json", VIOLATIONS]).stdout).unwrap();
    assert!(listed.iter().all(|finding| finding["known"] == true));

    // The lines are sorted: without the second finding's, that one is new, and only that.
    let text_of = fs::read_to_string(&known).unwrap();
    let lines: Vec<&str> = text_of.lines().collect();
    assert!(lines[3..lines.len() - 2].is_sorted(), "{text_of}");
    let rule = serde_json::from_str::<Value>(lines[4].trim_end_matches(',')).unwrap()["rule"].clone();
    let fewer: Vec<&str> = lines.iter().enumerate().filter(|(at, _)| *at != 4).map(|(_, line)| *line).collect();
    fs::write(&known, fewer.join("\n")).unwrap();
    let ended = with(&[&["--format", "json"], &fails[..]].concat());
    assert_eq!(ended.code, Some(1));
    let listed: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap();
    let new: Vec<&Value> = listed.iter().filter(|finding| finding["known"] == false).collect();
    assert!(!new.is_empty() && new.iter().all(|finding| finding["rule"] == rule), "{new:?}");

    let ended = with(&["cassettes/lobby-race.cassette.json"]);
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.talk.starts_with("note: ") && ended.talk.contains("not found any more (line 4, 5, "),
        "{}",
        ended.talk
    );
}

#[test]
fn no_recording_is_overwritten_by_what_is_said_of_it() {
    let home = TempDir::new().unwrap();
    let at = |name: &str| home.path().join(name);
    let violations = fs::read_to_string(VIOLATIONS).unwrap();
    // One is known as a recording by its name, the last by being read.
    let others = ["other.cassette.json", "left.cassette.jsonl", "game.har", "read.json"].map(at);
    others.iter().for_each(|path| fs::write(path, &violations).unwrap());
    for flag in ["-o", "--write-baseline"] {
        for path in &others {
            let ended = check(&home, &[flag, text(path), text(&others[3])]);
            assert!(ended.code == Some(2) && ended.talk.contains("is a recording: it is not overwritten"), "{ended:?}");
            assert!(ended.talk.contains("\nhint: "), "{}", ended.talk);
            assert_eq!(fs::read_to_string(path).unwrap(), violations, "{flag} {}", path.display());
        }
    }
    let known = at("known.json");
    let both = check(&home, &["-o", text(&known), "--write-baseline", text(&known), VIOLATIONS]);
    assert!(both.code == Some(2) && both.talk.contains("known.json cannot be both report and baseline"), "{both:?}");
    assert!(!known.exists());
    fs::write(&known, "last week's").unwrap();
    assert_eq!(check(&home, &["--write-baseline", text(&known), VIOLATIONS]).code, Some(0));
    assert!(fs::read_to_string(&known).unwrap().starts_with('{'), "a baseline is written anew");
}

#[test]
fn a_bad_baseline_is_code_4_with_its_line() {
    let home = TempDir::new().unwrap();
    let known = home.path().join("known.json");
    let ended = check(&home, &["--baseline", text(&known), VIOLATIONS]);
    assert!(ended.code == Some(4) && ended.talk.contains("hint: `--write-baseline "), "{}", ended.talk);
    fs::write(&known, "{\"baseline\": 1, \"known\": [\n{\"rule\": 7}]}").unwrap();
    let ended = check(&home, &["--baseline", text(&known), VIOLATIONS]);
    assert!(ended.code == Some(4) && ended.talk.contains("known.json:2: "), "{}", ended.talk);
    assert_eq!(ended.stdout, "");
}

#[test]
fn severities_say_what_is_shown_and_what_fails() {
    let home = TempDir::new().unwrap();
    let code = |args: &[&str]| check(&home, &[args, &[VIOLATIONS]].concat()).code;
    assert_eq!(code(&["--fail-on", "info"]), Some(1));
    assert_eq!(code(&["--fail-on", "warning"]), Some(0));
    assert_eq!(code(&["--fail-on", "never"]), Some(0));
    let shown = check(&home, &["--min-severity", "error", VIOLATIONS]);
    assert!(shown.code == Some(0) && shown.stdout.starts_with("no findings in 12 exchanges, "), "{}", shown.stdout);
    assert!(shown.stdout.trim_end().ends_with(" not shown"), "{}", shown.stdout);
    let hides = check(&home, &["--min-severity", "error", "--fail-on", "warning", VIOLATIONS]);
    assert!(hides.code == Some(2) && hides.talk.contains("\nhint: "), "{}", hides.talk);
}

#[test]
fn rules_are_found_by_id_and_by_word() {
    let home = TempDir::new().unwrap();
    let rules = |args: &[&str]| binary::run(home.path(), &[&["rules"], args].concat());
    let about = rules(&["timeout", "client"]).stdout;
    assert!(about.lines().count() > 1 && about.lines().all(|line| line.contains("client")), "{about}");
    let listed: Vec<Value> = serde_json::from_str(&rules(&["--format", "json", "service"]).stdout).unwrap();
    assert!(listed.iter().any(|rule| rule["rule"] == "response-etag-missing"));
    let one: Vec<Value> = serde_json::from_str(&rules(&["--format", "json", "Active-and-Ready"]).stdout).unwrap();
    assert_eq!((one.len(), &one[0]["rule"]), (1, &"active-and-ready".into()));
    let misspelt = rules(&["active-and-redy"]);
    assert_eq!(misspelt.code, Some(2));
    assert!(misspelt.talk.contains("hint: did you mean active-and-ready?"), "{}", misspelt.talk);
}

#[test]
fn the_rule_page_is_up_to_date() {
    let home = TempDir::new().unwrap();
    let page = binary::run(home.path(), &["rules", "--format", "markdown"]).stdout;
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md");
    if std::env::var_os("TAPDECK_BLESS").is_some() {
        fs::write(&committed, &page).unwrap();
    }
    let written = fs::read_to_string(&committed).unwrap_or_default().replace("\r\n", "\n");
    assert!(written == page, "docs/rules.md is stale: run `TAPDECK_BLESS=1 cargo test --test it check`");
}
