//! Reports as text: a line per fault, what its rule requires below the first of a kind, a summary at the end.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{Colour, Located, Report, plain};
use crate::contract::Severity;

/// Lines of the merged findings, and the summary.
pub(super) fn render(report: &Report, colour: Colour) -> String {
    let mut out = String::new();
    let mut explained = BTreeSet::new();
    for located in &report.findings {
        line(&mut out, located, colour);
        let rule = located.finding.rule;
        if explained.insert(rule.id) {
            let _ = writeln!(out, "    documents require: {}\n    to fix it: {}", rule.requires, rule.fix);
        }
    }
    let _ = writeln!(out, "{}", report.tally());
    out
}

fn line(out: &mut String, located: &Located, colour: Colour) {
    out.push_str(&position(located));
    let severity = painted(located.finding.severity, colour);
    let _ = writeln!(out, "{severity} {}", described(located));
}

/// `file:line: `, or nothing for what came from no file.
pub(super) fn position(located: &Located) -> String {
    match (located.place(), located.line) {
        (Some(file), Some(line)) => format!("{}:{line}: ", plain(file)),
        (Some(file), None) => format!("{}: ", plain(file)),
        (None, _) => String::new(),
    }
}

/// A finding after its weight, on one line.
pub(super) fn described(located: &Located) -> String {
    format!(
        "{} {} {} {} {}: {}",
        located.finding.rule.id,
        plain(&located.lane),
        plain(&located.method),
        plain(&located.op),
        plain(&located.finding.place.to_string()),
        located.told(),
    )
}

fn painted(severity: Severity, colour: Colour) -> String {
    let code = match severity {
        Severity::Error => 31,
        Severity::Warning => 33,
        Severity::Info => 36,
    };
    match colour {
        Colour::Never => severity.to_string(),
        Colour::Always => format!("\u{1b}[{code}m{severity}\u{1b}[0m"),
    }
}
