//! Reports as GitHub's workflow commands: an annotation per fault on the lines of a pull request, a summary in the log.

use std::fmt::Write;

use super::{Located, Report, Standing, Unread, plain, text};
use crate::contract::Severity;
use crate::platform;

/// A command per finding and per file that could not be read, and the summary.
pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    for located in &report.findings {
        let _ = writeln!(out, "::{} {}::{}", command(located), properties(located), data(&message(located)));
    }
    for Unread { file, reason } in &report.unread {
        let _ = writeln!(out, "::error file={},title=unreadable::{}", property(&slashed(file)), data(&plain(reason)));
    }
    let _ = writeln!(out, "{}", report.tally());
    out
}

/// What is known is no news: GitHub shows few annotations, and the new ones must be among them.
fn command(located: &Located) -> &'static str {
    match (located.standing, located.finding.severity) {
        (Some(Standing::Known), _) | (_, Severity::Info) => "notice",
        (_, Severity::Warning) => "warning",
        (_, Severity::Error) => "error",
    }
}

fn properties(located: &Located) -> String {
    let file = located.place().map(|file| format!("file={},", property(&slashed(file))));
    let line = located.line.map(|line| format!("line={line},"));
    format!("{}{}title={}", file.unwrap_or_default(), line.unwrap_or_default(), property(located.finding.rule.id))
}

fn message(located: &Located) -> String {
    let rule = located.finding.rule;
    format!("{}\nDocuments require: {}\nTo fix it: {}", text::described(located), rule.requires, rule.fix)
}

/// A path as GitHub spells paths.
fn slashed(file: &str) -> String {
    plain(&platform::slashed(file))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
