//! Reports as JUnit XML: a suite per file, in it a case per rule that is broken.
//!
//! A case fails when one of its findings makes the check fail. It is skipped when all of them are known, and passes
//! with its findings as output when they weigh too little. A file without findings has one case, which passes.
//! A file that could not be read to its end has a suite with an error.

use quick_junit::{NonSuccessKind, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::{Checked, Located, Report, Standing, Unread, plain, text};
use crate::cassette::many;

/// The XML document.
pub(super) fn render(report: &Report) -> Result<String, SerializeError> {
    let mut document = quick_junit::Report::new("tapdeck check");
    for checked in &report.files {
        document.add_test_suite(suite(report, checked));
    }
    for Unread { file, reason } in &report.unread {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(plain(reason));
        let mut case = TestCase::new(READ, status);
        case.set_classname(plain(file));
        let mut suite = TestSuite::new(plain(file));
        suite.add_test_case(case);
        document.add_test_suite(suite);
    }
    document.to_string()
}

fn suite(report: &Report, checked: &Checked) -> TestSuite {
    let mut rules: Vec<(&str, Vec<&Located>)> = Vec::new();
    for located in report.findings.iter().filter(|located| located.file.as_ref() == Some(&checked.file)) {
        let id = located.finding.rule.id;
        match rules.iter_mut().find(|(known, _)| *known == id) {
            Some((_, of_rule)) => of_rule.push(located),
            None => rules.push((id, vec![located])),
        }
    }
    let file = plain(&checked.file);
    let mut suite = TestSuite::new(&file);
    let (exchanges, messages) = (many(checked.exchanges, "exchange"), many(checked.messages, "message"));
    suite.set_system_out(format!("{exchanges} and {messages}"));
    let mut cases: Vec<TestCase> = rules.iter().map(|(_, of_rule)| case(report, of_rule)).collect();
    if cases.is_empty() && report.unread.iter().all(|unread| unread.file != checked.file) {
        cases.push(TestCase::new(CLEAN, TestCaseStatus::success()));
    }
    for case in &mut cases {
        case.set_classname(&file);
    }
    suite.add_test_cases(cases);
    suite
}

/// The findings of one rule in one file.
fn case(report: &Report, findings: &[&Located]) -> TestCase {
    let name = findings.first().map_or(CLEAN, |located| located.finding.rule.id);
    if let Some(first) = findings.iter().find(|located| report.fails(located)) {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type(first.finding.severity.as_str()).set_message(first.told()).set_description(listed(findings));
        return TestCase::new(name, status);
    }
    if findings.iter().all(|located| located.standing == Some(Standing::Known)) {
        let mut status = TestCaseStatus::skipped();
        status.set_message("known: it is in the baseline").set_description(listed(findings));
        return TestCase::new(name, status);
    }
    let mut case = TestCase::new(name, TestCaseStatus::success());
    case.set_system_out(listed(findings));
    case
}

/// A line per finding, and what its rule requires.
fn listed(findings: &[&Located]) -> String {
    let line = |located: &&Located| {
        format!("{}{} {}\n", text::position(located), located.finding.severity, text::described(located))
    };
    let mut lines: String = findings.iter().map(line).collect();
    if let Some(first) = findings.first() {
        let rule = first.finding.rule;
        lines += &format!("documents require: {}\nto fix it: {}\nsource: {}\n", rule.requires, rule.fix, rule.citation);
    }
    lines
}

/// The case of a file without findings.
const CLEAN: &str = "keeps-the-contract";

/// The case of a file that could not be read.
const READ: &str = "is-readable";
