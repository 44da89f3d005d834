//! Reports as JSON: one array, one object per fault.

use serde_json::{Value, json};

use super::Located;

/// The merged findings as one array, a line each.
pub(super) fn render(merged: &[Located]) -> String {
    if merged.is_empty() {
        return "[]\n".to_owned();
    }
    let objects: Vec<String> = merged.iter().map(|located| format!("  {}", object(located))).collect();
    format!("[\n{}\n]\n", objects.join(",\n"))
}

fn object(located: &Located) -> Value {
    let rule = located.finding.rule;
    json!({
        "rule": rule.id,
        "severity": rule.severity.as_str(),
        "side": rule.side.as_str(),
        "place": located.finding.place.to_string(),
        "pointer": located.finding.place.pointer(),
        "file": located.file,
        "exchange": located.exchange,
        "line": located.line,
        "lane": located.lane,
        "op": located.op,
        "method": located.method,
        "target": located.target,
        "message": located.finding.message,
        "requires": rule.requires,
        "fix": rule.fix,
        "citation": rule.citation,
        "count": located.count,
    })
}
