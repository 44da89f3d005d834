//! Reports as text: one line per fault, what the documents require behind it, a summary at the end.

use std::fmt::Write;

use super::{Colour, Located, Report};
use crate::contract::Severity;

/// Lines of the merged findings, and the summary.
pub(super) fn render(report: &Report, colour: Colour) -> String {
    let mut out = String::new();
    for located in &report.findings {
        line(&mut out, located, colour);
    }
    summary(&mut out, report);
    out
}

fn line(out: &mut String, located: &Located, colour: Colour) {
    let rule = located.finding.rule;
    if let Some((file, line)) = located.file.as_deref().zip(located.line) {
        let _ = write!(out, "{}:{line}: ", plain(file));
    }
    let _ = write!(
        out,
        "{} {} {} {} {} {}: {} · documents require: {}",
        painted(located.finding.severity, colour),
        rule.id,
        plain(&located.lane),
        plain(&located.method),
        plain(&located.op),
        plain(&located.finding.place.to_string()),
        plain(&located.finding.message),
        rule.requires,
    );
    if located.count > 1 {
        let _ = write!(out, " · {} times", located.count);
    }
    out.push('\n');
}

fn summary(out: &mut String, report: &Report) {
    let names = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Info, "note")];
    let counts: Vec<String> = names
        .into_iter()
        .map(|(severity, name)| (report.count(severity), name))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| many(count, name))
        .collect();
    let found = if counts.is_empty() { "no findings".to_owned() } else { counts.join(", ") };
    let _ = writeln!(out, "{found} in {}", many(report.exchanges, "exchange"));
}

fn many(count: usize, name: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {name}{ending}")
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

/// Text that cannot leave its line or steer a terminal.
fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|letter| if letter.is_control() { letter.escape_default().collect() } else { vec![letter] })
        .collect()
}
