//! Findings for readers: what was broken where, in text for people and in JSON for machines; and the rules themselves.
//!
//! Renders only: what a finding says is decided in `contract`. Nothing here depends on time or on hash order.

mod json;
mod rules;
mod text;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

pub use rules::{rule_page, rules_list};

use crate::cassette::Cassette;
use crate::contract::{Contract, Finding, Place, Severity};
use crate::exchange::{Answer, Call};
use crate::mpsd::Service;

/// The form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON array.
    Json,
}

/// Whether text is coloured. Meaning is never carried by colour alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    #[default]
    Never,
    /// ANSI colours.
    Always,
}

/// A finding with the exchange it was found in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The file the exchange came from, if it came from one.
    pub file: Option<String>,
    /// The exchange's ordinal.
    pub exchange: usize,
    /// The player's lane.
    pub lane: String,
    /// The operation's name.
    pub op: String,
    /// The request's verb.
    pub method: String,
    /// The request's path and query.
    pub target: String,
    /// The line in the file the exchange came from, if it came from one.
    pub line: Option<usize>,
    /// What was found.
    pub finding: Finding,
    /// How often.
    pub count: usize,
}

/// Everything a report is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many exchanges were judged.
    pub exchanges: usize,
    /// What was found, in the order it was found.
    pub findings: Vec<Located>,
}

impl Report {
    /// Judges every exchange of a cassette and adds what is found.
    pub fn add(&mut self, contract: &Contract, cassette: &Cassette, file: &str) {
        let exchanges = cassette.entries.iter().filter_map(|entry| Some((entry.line, entry.record.http()?)));
        for (at, (line, record)) in exchanges.enumerate() {
            let request = record.request();
            let service = Service::behind(request.host());
            let call = Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), record.protocol, service, request);
            let answer = Answer { outcome: record.outcome, response: record.response() };
            let findings = contract.check_call(&call).into_iter().chain(contract.check_answer(&call, &answer));
            self.findings.extend(findings.map(|finding| Located {
                file: Some(file.to_owned()),
                exchange: at + 1,
                lane: record.lane.clone(),
                op: call.resolution.name().to_owned(),
                method: call.request.method.clone(),
                target: call.request.target.clone(),
                line: (line > 0).then_some(line),
                finding,
                count: 1,
            }));
            self.exchanges += 1;
        }
    }

    /// The report in a form. Repeats of one rule by one lane, operation and place are merged with a count.
    pub fn render(&self, format: Format, colour: Colour) -> String {
        let merged = merge(&self.findings);
        match format {
            Format::Text => text::render(self, &merged, colour),
            Format::Json => json::render(&merged),
        }
    }

    /// How many findings have this severity, repeats counted.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|located| located.finding.rule.severity == severity).map(|one| one.count).sum()
    }
}

/// Merges repeats into their first: same file, rule, lane, operation and place.
pub fn merge(findings: &[Located]) -> Vec<Located> {
    let mut merged: Vec<Located> = Vec::new();
    let mut first: BTreeMap<(Option<&str>, &str, &str, &str, &Place), usize> = BTreeMap::new();
    for located in findings {
        let rule = located.finding.rule.id;
        let key = (located.file.as_deref(), rule, located.lane.as_str(), located.op.as_str(), &located.finding.place);
        match first.get(&key) {
            Some(at) => merged[*at].count += located.count,
            None => {
                first.insert(key, merged.len());
                merged.push(located.clone());
            }
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::rule;

    fn located(exchange: usize, id: &str, place: Place) -> Located {
        let finding = Finding { rule: rule(id).unwrap(), place, message: "version 1 is below 104".to_owned() };
        Located {
            file: Some("a.cassette.jsonl".to_owned()),
            exchange,
            lane: "player2".to_owned(),
            op: "session.put".to_owned(),
            method: "PUT".to_owned(),
            target: "/serviceconfigs/x".to_owned(),
            line: (exchange > 1).then_some(exchange * 10),
            finding,
            count: 1,
        }
    }

    fn report() -> Report {
        let header = || Place::Header("x-xbl-contract-version".to_owned());
        let body = |pointer: &str| Place::Body(pointer.to_owned());
        let findings = vec![
            located(1, "contract-version-too-low", header()),
            located(2, "contract-version-too-low", header()),
            located(2, "members-key-invalid", body("/members/Me")),
            located(3, "xuid-not-string", body("/members/reserve_0")),
            located(4, "body-on-delete", body("")),
        ];
        Report { exchanges: 14, findings }
    }

    #[test]
    fn text_has_a_line_per_fault_and_a_summary() {
        let text = report().render(Format::Text, Colour::Never);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "error contract-version-too-low player2 PUT session.put header x-xbl-contract-version: \
             version 1 is below 104 · documents require: MPSD wants contract version 104 or later · 2 times"
        );
        assert!(lines[1].starts_with("a.cassette.jsonl:20: error members-key-invalid player2 PUT session.put body "));
        assert_eq!(lines[4], "3 errors, 1 warning, 1 note in 14 exchanges");
        assert_eq!(lines.len(), 5);
    }

    #[test]
    fn a_clean_report_says_so() {
        let clean = Report { exchanges: 1, ..Report::default() };
        assert_eq!(clean.render(Format::Text, Colour::Always), "no findings in 1 exchange\n");
        assert_eq!(clean.render(Format::Json, Colour::Never), "[]\n");
    }

    #[test]
    fn colour_only_when_asked() {
        assert!(!report().render(Format::Text, Colour::Never).contains('\u{1b}'));
        let coloured = report().render(Format::Text, Colour::Always);
        assert!(coloured.starts_with("\u{1b}[31merror\u{1b}[0m "), "{coloured}");
    }

    #[test]
    fn json_is_one_array_of_findings() {
        let text = report().render(Format::Json, Colour::Always);
        let array: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(array.as_array().unwrap().len(), 4);
        let first = &array[0];
        assert_eq!((&first["rule"], &first["count"]), (&"contract-version-too-low".into(), &2.into()));
        assert_eq!((&first["severity"], &first["side"]), (&"error".into(), &"client".into()));
        assert_eq!(first["pointer"], serde_json::Value::Null);
        assert_eq!(array[1]["pointer"], "/members/Me");
        assert_eq!((&array[1]["exchange"], &array[1]["line"]), (&2.into(), &20.into()));
        assert!(first["citation"].is_string() && first["message"].is_string());
    }

    #[test]
    fn only_repeats_merge() {
        let of = |pointer: &str| located(1, "turn-index-range", Place::Body(pointer.to_owned()));
        let mut other = of("/a");
        other.lane = "host".to_owned();
        let merged = merge(&[of("/a"), of("/b"), of("/a"), other, of("/a")]);
        assert_eq!(merged.iter().map(|one| one.count).collect::<Vec<_>>(), [3, 1, 1]);
        assert_eq!(merged[0].exchange, 1);
    }

    #[test]
    fn a_line_stays_one_line() {
        let mut report = report();
        report.findings.truncate(1);
        report.findings[0].lane = "a\nb\u{1b}[31m".to_owned();
        let text = report.render(Format::Text, Colour::Never);
        assert!(text.lines().count() == 2 && !text.contains('\u{1b}'), "{text}");
    }
}
