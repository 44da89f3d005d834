//! What the one judge says of a scenario's recording: of the emulator nothing but notes, of the clients only what the
//! scenario is about.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tapdeck::cassette::Cassette;
use tapdeck::conduct::Judge;
use tapdeck::contract::{Severity, Side};
use tapdeck::report::{Located, Report};

/// Checks that nothing worse than a note is found, but for the rules the clients break on purpose, and those all.
pub(super) fn check(cassette: &Path, provoked: &[String], title: &str) {
    let mut report = Report::default();
    report.cassette(&mut Judge::new(Arc::default()), &Cassette::read(cassette).unwrap(), "cassette");
    let grave = |located: &&Located| located.finding.severity < Severity::Info;
    let is_provoked = |located: &&Located| {
        located.finding.rule.side == Side::Client && provoked.iter().any(|rule| rule == located.finding.rule.id)
    };
    let (expected, wrong): (Vec<&Located>, Vec<&Located>) = report.findings.iter().filter(grave).partition(is_provoked);
    let lines: BTreeSet<String> = wrong
        .iter()
        .map(|found| {
            format!("{}: {} {}: {}", found.finding.rule.id, found.op, found.finding.place, found.finding.message)
        })
        .collect();
    assert!(lines.is_empty(), "{title}: {lines:#?}");
    let found: BTreeSet<&str> = expected.iter().map(|located| located.finding.rule.id).collect();
    assert_eq!(found.len(), provoked.len(), "{title}: only {found:?} of {provoked:?} are found");
}
