//! Reports as JSON: one array, one object per fault. The fields are described in `docs/reports.md`.

use serde_json::{Value, json};

use super::identity::Identity;
use super::{Located, Report, Standing};

/// The findings as one array, a line each.
pub(super) fn render(report: &Report) -> String {
    if report.findings.is_empty() {
        return "[]\n".to_owned();
    }
    let objects: Vec<String> = report.findings.iter().map(|located| format!("  {}", object(located))).collect();
    format!("[\n{}\n]\n", objects.join(",\n"))
}

fn object(located: &Located) -> Value {
    let rule = located.finding.rule;
    json!({
        "rule": rule.id,
        "severity": located.finding.severity.as_str(),
        "side": rule.side.as_str(),
        "place": located.finding.place.to_string(),
        "pointer": located.finding.place.pointer(),
        "file": located.place(),
        "line": located.line,
        "exchange": located.exchange,
        "messageOrdinal": located.message,
        "lane": located.lane,
        "op": located.op,
        "method": located.method,
        "target": located.target,
        "message": located.finding.message,
        "requires": rule.requires,
        "fix": rule.fix,
        "citation": rule.citation,
        "schema": located.finding.schema,
        "rejected": located.finding.rejected,
        "known": located.standing.map(|standing| standing == Standing::Known),
        "count": located.count,
        "fingerprint": Identity::of(located).fingerprint(),
    })
}
