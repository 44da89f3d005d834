use serde_json::Value;

use super::*;
use crate::contract::rule;

pub(super) fn located(exchange: usize, id: &str, place: Place) -> Located {
    let finding = Finding::new(rule(id).unwrap(), place, "version 1 is below 104");
    Located {
        file: Some("a.cassette.jsonl".to_owned()),
        part: None,
        exchange,
        message: None,
        lane: "player2".to_owned(),
        op: "session.put".to_owned(),
        method: "PUT".to_owned(),
        target: "/serviceconfigs/x".to_owned(),
        line: (exchange > 1).then_some(exchange * 10),
        finding,
        count: 1,
        standing: None,
    }
}

pub(super) fn report() -> Report {
    let header = || Place::Header("x-xbl-contract-version".to_owned());
    let body = |pointer: &str| Place::Body(pointer.to_owned());
    let mut rejected = located(5, "active-and-ready", body(""));
    (rejected.finding.rejected, rejected.finding.severity) = (Some(400), Severity::Info);
    let findings = [
        located(1, "contract-version-too-low", header()),
        located(2, "contract-version-too-low", header()),
        located(2, "members-key-invalid", body("/members/Me")),
        located(4, "body-on-delete", body("")),
        rejected,
    ];
    let checked = |file: &str| Checked { file: file.to_owned(), exchanges: 7, messages: 0 };
    let files = vec![checked("a.cassette.jsonl"), checked("clean.har")];
    let mut report = Report { exchanges: 14, files, fail_on: Some(Severity::Error), ..Report::default() };
    findings.into_iter().for_each(|located| report.add(located));
    report
}

fn rendered(report: &Report, format: Format) -> String {
    report.render(format, Colour::Never).unwrap()
}

const FORMATS: [Format; 5] = [Format::Text, Format::Json, Format::Sarif, Format::Junit, Format::Github];

#[test]
fn text_explains_each_rule_once_and_sums_up() {
    let text = rendered(&report(), Format::Text);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..3],
        [
            "a.cassette.jsonl: error contract-version-too-low player2 PUT session.put header x-xbl-contract-version: \
             version 1 is below 104 · 2 times",
            "    documents require: MPSD wants contract version 104 or later",
            "    to fix it: Send 107, or 105 for the older form of sessions",
        ]
    );
    assert!(lines[3].starts_with("a.cassette.jsonl:20: error members-key-invalid player2 PUT session.put body "));
    assert!(lines[9].ends_with("body: version 1 is below 104 · expected rejection (400)"), "{text}");
    assert_eq!(lines[12..], ["3 errors, 1 note, 1 expected rejection in 14 exchanges"]);
}

#[test]
fn a_clean_report_says_so() {
    let checked = Checked { file: "a.har".to_owned(), exchanges: 1, messages: 2 };
    let clean = Report { exchanges: 1, files: vec![checked], ..Report::default() };
    assert_eq!(clean.text(Colour::Always), "no findings in 1 exchange\n");
    assert_eq!(rendered(&clean, Format::Json), "[]\n");
    assert_eq!(rendered(&clean, Format::Github), "no findings in 1 exchange\n");
    let sarif: Value = serde_json::from_str(&rendered(&clean, Format::Sarif)).unwrap();
    assert_eq!(sarif["runs"][0]["results"], Value::Array(Vec::new()));
    let junit = rendered(&clean, Format::Junit);
    assert!(junit.contains("<testcase name=\"keeps-the-contract\" classname=\"a.har\"/>"), "{junit}");
    assert!(junit.contains("1 exchange and 2 messages"), "{junit}");
}

#[test]
fn colour_only_when_asked() {
    assert!(!report().text(Colour::Never).contains('\u{1b}'));
    let coloured = report().text(Colour::Always);
    assert!(coloured.starts_with("a.cassette.jsonl: \u{1b}[31merror\u{1b}[0m "), "{coloured}");
}

#[test]
fn json_is_one_array_of_findings() {
    let array: Value = serde_json::from_str(&rendered(&report(), Format::Json)).unwrap();
    assert_eq!(array.as_array().unwrap().len(), 4);
    let first = &array[0];
    assert_eq!((&first["rule"], &first["count"]), (&"contract-version-too-low".into(), &2.into()));
    assert_eq!((&first["severity"], &first["side"]), (&"error".into(), &"client".into()));
    assert_eq!((&first["pointer"], &first["known"]), (&Value::Null, &Value::Null));
    assert_eq!(array[1]["pointer"], "/members/Me");
    assert_eq!((&array[1]["exchange"], &array[1]["line"]), (&2.into(), &20.into()));
    assert!(first["citation"].is_string() && first["message"].is_string() && first["fingerprint"].is_string());
    let documented = include_str!("../../docs/reports.md");
    for (name, _) in first.as_object().unwrap() {
        assert!(documented.contains(&format!("| `{name}` |")), "docs/reports.md does not describe {name}");
    }
}

#[test]
fn sarif_points_at_the_line_and_at_the_place() {
    let mut report = report();
    report.compare(&Baseline::of(&Report { findings: report.findings[..1].to_vec(), ..Report::default() }));
    let log: Value = serde_json::from_str(&rendered(&report, Format::Sarif)).unwrap();
    let (run, results) = (&log["runs"][0], &log["runs"][0]["results"]);
    let place = &results[1]["locations"][0];
    assert_eq!(place["physicalLocation"]["artifactLocation"]["uri"], "a.cassette.jsonl");
    assert_eq!(place["physicalLocation"]["artifactLocation"]["uriBaseId"], "%SRCROOT%");
    assert_eq!(place["physicalLocation"]["region"]["startLine"], 20);
    assert_eq!(place["logicalLocations"][0]["fullyQualifiedName"], "player2/session.put: body /members/Me");
    assert_eq!((&results[0]["occurrenceCount"], &results[0]["baselineState"]), (&2.into(), &"unchanged".into()));
    assert_eq!((&results[1]["level"], &results[1]["baselineState"]), (&"error".into(), &"new".into()));
    assert_eq!((&results[3]["level"], &results[3]["properties"]["rejected"]), (&"note".into(), &400.into()));
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for result in results.as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    assert!(rules[0]["help"]["markdown"].as_str().unwrap().contains("**To fix it:**"));
}

#[test]
fn sarif_spells_paths_as_uris() {
    for (file, uri, base) in [
        ("./a b/c%.json", "a%20b/c%25.json", Some("%SRCROOT%")),
        ("../é#?.har", "../%C3%A9%23%3F.har", Some("%SRCROOT%")),
        ("/tmp/x.har", "file:///tmp/x.har", None),
        ("c:x", "c%3Ax", Some("%SRCROOT%")),
    ] {
        let mut report = report();
        report.findings[0].file = Some(file.to_owned());
        let log: Value = serde_json::from_str(&rendered(&report, Format::Sarif)).unwrap();
        let artifact = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
        assert_eq!((artifact["uri"].as_str(), artifact["uriBaseId"].as_str()), (Some(uri), base), "{file}");
    }
}

#[test]
fn junit_fails_what_fails_the_check() {
    let mut report = report();
    let junit = rendered(&report, Format::Junit);
    assert!(junit.contains("name=\"tapdeck check\" tests=\"5\" skipped=\"0\" failures=\"2\" errors=\"0\""), "{junit}");
    assert!(junit.contains("<failure message=\"version 1 is below 104 · 2 times\" type=\"error\">"), "{junit}");
    assert!(junit.ends_with("</testsuites>\n"), "{junit}");
    report.compare(&Baseline::of(&report.clone()));
    let junit = rendered(&report, Format::Junit);
    assert!(junit.contains("skipped=\"4\" failures=\"0\""), "{junit}");
}

#[test]
fn github_gets_a_command_per_finding() {
    let mut report = report();
    report.findings[1].file = Some("a:b,c%.json".to_owned());
    let text = rendered(&report, Format::Github);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("::error file=a.cassette.jsonl,title=contract-version-too-low::contract-version-too"));
    assert!(lines[0].contains("%0ADocuments require: MPSD wants"), "{text}");
    assert!(lines[1].starts_with("::error file=a%3Ab%2Cc%25.json,line=20,title=members-key-invalid::"), "{text}");
    assert!(lines[3].starts_with("::notice ") && lines[3].contains("expected rejection (400)"), "{text}");
    assert_eq!(lines.len(), 5);
}

#[test]
fn what_could_not_be_read_is_an_error_where_ci_looks() {
    let unread = Unread { file: "torn.har".to_owned(), reason: "torn.har:3:7: it ends too early".to_owned() };
    let mut report = Report { unread: vec![unread], ..report() };
    report.file("torn.har");
    let junit = rendered(&report, Format::Junit);
    assert!(junit.contains("<testcase name=\"is-readable\" classname=\"torn.har\">"), "{junit}");
    assert!(junit.contains("<error message=\"torn.har:3:7: it ends too early\"/>"), "{junit}");
    assert_eq!(junit.matches("keeps-the-contract").count(), 1, "only clean.har does: {junit}");
    let log: Value = serde_json::from_str(&rendered(&report, Format::Sarif)).unwrap();
    let invocation = &log["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(invocation["toolExecutionNotifications"][0]["message"]["text"], "torn.har:3:7: it ends too early");
    let github = rendered(&report, Format::Github);
    assert!(github.contains("\n::error file=torn.har,title=unreadable::torn.har:3:7: it ends"), "{github}");
}

#[test]
fn only_repeats_merge() {
    let of = |pointer: &str| located(1, "turn-index-range", Place::Body(pointer.to_owned()));
    let mut other = of("/a");
    other.lane = "host".to_owned();
    let mut report = Report::default();
    [of("/a"), of("/b"), of("/a"), other, of("/a")].into_iter().for_each(|located| report.add(located));
    assert_eq!(report.findings.iter().map(|one| one.count).collect::<Vec<_>>(), [3, 1, 1]);
    assert_eq!(report.findings[0].exchange, 1);
}

#[test]
fn what_is_too_much_to_list_is_counted_and_still_fails() {
    let of = |number: usize| located(1, "turn-index-range", Place::Body(format!("/{number}")));
    let mut report = Report { fail_on: Some(Severity::Error), ..Report::default() };
    for number in 0..KEPT_AT_MOST + 3 {
        let mut located = of(number);
        located.finding.severity = if number < KEPT_AT_MOST { Severity::Info } else { Severity::Error };
        report.add(located);
    }
    assert_eq!((report.findings.len(), report.tally().errors, report.tally().untold), (KEPT_AT_MOST, 3, 3));
    assert!(report.is_failure());
}

#[test]
fn what_weighs_too_little_is_left_out_and_counted() {
    let mut report = report();
    report.hide_below(Severity::Warning);
    assert_eq!((report.findings.len(), report.hidden), (2, 2));
    assert_eq!(report.tally().to_string(), "3 errors in 14 exchanges, 2 not shown");
    report.fail_on = None;
    assert!(!report.is_failure());
}

/// Text that a recording or a file name may hold, against every form at once.
const HOSTILE: &str = "a\r\nb\u{1b}[31m\0\u{7f}\u{85}\u{202e}\u{2028}\u{ffff}]]>\"'<&>%0A::error::%\t[x](y)\u{1F600}";

#[test]
fn hostile_text_breaks_no_form() {
    let clean = FORMATS.map(|format| rendered(&report(), format).lines().count());
    let mut report = report();
    let unread = Unread { file: HOSTILE.to_owned(), reason: HOSTILE.to_owned() };
    report.unread.push(unread);
    for checked in &mut report.files {
        checked.file = HOSTILE.to_owned();
    }
    for located in &mut report.findings {
        located.file = Some(HOSTILE.to_owned());
        for text in [&mut located.lane, &mut located.op, &mut located.method, &mut located.target] {
            *text = HOSTILE.to_owned();
        }
        located.finding.message = HOSTILE.to_owned();
        located.finding.place = Place::Body(HOSTILE.to_owned());
        located.finding.schema = Some(HOSTILE.to_owned());
    }
    for (format, lines) in FORMATS.into_iter().zip(clean) {
        let text = rendered(&report, format);
        let raw = text.chars().find(|letter| *letter != '\n' && !is_tame(*letter));
        // JSON may hold anything above U+001F as it is: a program reads it.
        let is_json = matches!(format, Format::Json | Format::Sarif);
        assert!(raw.is_none_or(|raw| is_json && raw > '\u{1f}'), "{format:?} holds {raw:?}");
        if matches!(format, Format::Text | Format::Json | Format::Github) {
            let unread = usize::from(format == Format::Github);
            assert_eq!(text.lines().count(), lines + unread, "{format:?}: {text}");
        }
        assert!(format != Format::Junit || !text.contains("]]>"), "{text}");
    }
    let array: Value = serde_json::from_str(&rendered(&report, Format::Json)).unwrap();
    assert_eq!((&array[0]["message"], &array[0]["file"]), (&HOSTILE.into(), &HOSTILE.into()));
    let github = rendered(&report, Format::Github);
    assert!(github.lines().take(5).all(|line| line.starts_with("::error ") || line.starts_with("::notice ")));
}
