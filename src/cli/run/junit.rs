//! A run as JUnit XML: one suite, in it a case for the whole, one per miss, and one per kind of finding that fails.
//!
//! Nothing in it depends on when a call came, so that equal runs give equal files.

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use crate::contract::{self, Severity};
use crate::engine::{Fault, Receipt};
use crate::report::plain;

/// What a run came to.
pub(super) struct Outcome<'a> {
    /// The cassette.
    pub(super) cassette: &'a str,
    /// What was done with it: the name of the case for the whole.
    pub(super) what: &'a str,
    /// Why the whole failed, if it did.
    pub(super) trouble: Option<&'a str>,
    /// How it went, in one line.
    pub(super) summary: &'a str,
    /// The receipt, when a cassette was played.
    pub(super) receipt: Option<&'a Receipt>,
    /// What was found.
    pub(super) faults: &'a [Fault],
    /// The least weight that fails.
    pub(super) fail_on: Option<Severity>,
}

impl Outcome<'_> {
    /// The XML document.
    pub(super) fn render(&self) -> Result<String, SerializeError> {
        let mut suite = TestSuite::new(plain(self.cassette));
        suite.add_test_case(self.whole());
        for (index, miss) in self.receipt.iter().flat_map(|receipt| &receipt.misses).enumerate() {
            // A case's history is kept by its name, in which no run's own ids may be.
            let name = format!("miss {}: {}", index + 1, miss.op);
            suite.add_test_case(failed(&name, &miss.op, miss.reason.sentence(), &miss.report()));
        }
        let grave: Vec<&Fault> = self.faults.iter().filter(|fault| self.is_grave(fault)).collect();
        for fault in &grave {
            let name = format!("{} at {}", fault.rule, fault.place);
            suite.add_test_case(failed(&name, fault.op, &message(fault), &explained(fault)));
        }
        if grave.is_empty() {
            let mut clean = TestCase::new(CLEAN, TestCaseStatus::success());
            clean.set_classname("contract");
            suite.add_test_case(clean);
        }
        let mut document = Report::new("tapdeck run");
        document.add_test_suite(suite);
        document.to_string()
    }

    fn whole(&self) -> TestCase {
        let Some(trouble) = self.trouble else {
            let mut case = TestCase::new(self.what, TestCaseStatus::success());
            case.set_classname(self.what);
            case.set_system_out(lines(self.summary));
            return case;
        };
        failed(self.what, self.what, self.summary, trouble)
    }

    fn is_grave(&self, fault: &Fault) -> bool {
        let severity = [Severity::Error, Severity::Warning, Severity::Info];
        let severity = severity.into_iter().find(|severity| severity.as_str() == fault.severity);
        severity.is_some_and(|severity| self.fail_on.is_some_and(|least| severity <= least))
    }
}

fn failed(name: &str, class: &str, message: &str, description: &str) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(plain(message)).set_description(lines(description));
    let mut case = TestCase::new(plain(name), status);
    case.set_classname(plain(class));
    case
}

fn message(fault: &Fault) -> String {
    let title = contract::rule(fault.rule).map_or(fault.rule, |rule| rule.title);
    let times = if fault.count > 1 { format!(", {} times", fault.count) } else { String::new() };
    format!("{}: {title}{times}", fault.severity)
}

fn explained(fault: &Fault) -> String {
    contract::rule(fault.rule).map_or_else(String::new, |rule| {
        format!("documents require: {}\nto fix it: {}\nsource: {}\n", rule.requires, rule.fix, rule.citation)
    })
}

/// Text of several lines, each of them plain.
fn lines(text: &str) -> String {
    text.lines().map(|line| plain(line) + "\n").collect()
}

/// The case of a run without findings that fail.
const CLEAN: &str = "keeps-the-contract";

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(severity: &'static str) -> Fault {
        Fault { rule: "body-on-get", severity, op: "session.get", place: "body".into(), count: 2 }
    }

    fn rendered(fail_on: Option<Severity>, trouble: Option<&str>) -> String {
        let faults = [fault("error"), fault("warning")];
        let outcome = Outcome {
            cassette: "a.cassette.json",
            what: "replay",
            trouble,
            summary: "1 hit",
            receipt: None,
            faults: &faults,
            fail_on,
        };
        outcome.render().unwrap()
    }

    #[test]
    fn findings_fail_from_their_weight_on() {
        for (fail_on, failures) in [(None, 0), (Some(Severity::Error), 1), (Some(Severity::Info), 2)] {
            let text = rendered(fail_on, None);
            assert!(text.contains(&format!("failures=\"{failures}\"")), "{text}");
            assert_eq!(text.contains(CLEAN), failures == 0, "{text}");
            assert!(text.contains("<system-out>1 hit"), "{text}");
        }
        assert!(rendered(Some(Severity::Error), None).contains("A GET carries a body, 2 times"));
    }

    #[test]
    fn the_whole_fails_with_what_went_wrong() {
        let text = rendered(None, Some("line one\nline \u{1b}[31mtwo"));
        assert!(text.contains("message=\"1 hit\"") && text.contains("line one\nline \\u{1b}[31mtwo"), "{text}");
    }
}
