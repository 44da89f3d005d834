//! Findings for readers: what was broken where, in text for people and in JSON for machines; and the rules themselves.
//!
//! Renders only: what a finding says is decided in `contract`. Nothing here depends on time or on hash order.

mod json;
mod rules;
mod text;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

pub use rules::{rule_page, rules_list};

use crate::cassette::{Cassette, FrameRecord, HttpRecord, Record};
use crate::conduct::{Exchange, Heard, Judge};
use crate::contract::{Finding, Place, Severity};
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
    /// The exchange's ordinal; for a message, that of the opening of its socket (0: the opening is not there).
    pub exchange: usize,
    /// The message's ordinal on its socket, if it is about one.
    pub message: Option<usize>,
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

/// Everything a report is made of. Repeats of one fault are merged as they are added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many exchanges were judged.
    pub exchanges: usize,
    /// How many messages were judged.
    pub messages: usize,
    /// What was found, each fault once, in the order it was first found.
    pub findings: Vec<Located>,
    /// Findings beyond the most that are kept apart.
    pub untold: usize,
    first: BTreeMap<Fault, usize>,
}

/// What makes two findings one fault: same file, lane, operation, rule, place and weight.
type Fault = (Option<String>, String, String, &'static str, Place, Severity);

impl Report {
    /// Judges everything a cassette holds and adds what is found.
    pub fn cassette(&mut self, judge: &mut Judge, cassette: &Cassette, file: &str) {
        let mut sockets: BTreeMap<u64, Opening> = BTreeMap::new();
        let mut ordinal = 0;
        for entry in &cassette.entries {
            match &entry.record {
                Record::Http(record) => {
                    ordinal += 1;
                    let opening = self.exchange_of(judge, record, file, (ordinal, entry.line));
                    sockets.insert(record.asked, opening);
                }
                Record::Frame(record) => {
                    let opening = sockets.entry(record.socket).or_default();
                    opening.messages += 1;
                    self.message_of(judge, record, file, opening, entry.line);
                }
                Record::Mark(_) => {}
            }
        }
    }

    fn exchange_of(&mut self, judge: &mut Judge, record: &HttpRecord, file: &str, at: (usize, usize)) -> Opening {
        let request = record.request();
        let service = Service::behind(request.host());
        let call = Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), record.protocol, service, request);
        let answer = Answer { outcome: record.outcome, response: record.response() };
        let (lane, asked, answered) = (record.lane.as_str(), record.asked, record.answered);
        let exchange = Exchange { lane, asked, answered, call: &call, answer: &answer };
        self.exchange(judge, &exchange, Some(file), at);
        let (method, target) = (call.request.method, call.request.target);
        Opening { ordinal: at.0, op: call.resolution.name(), method, target, messages: 0 }
    }

    fn message_of(&mut self, judge: &mut Judge, record: &FrameRecord, file: &str, opening: &Opening, line: usize) {
        let Some(message) = record.what.message() else { return };
        let FrameRecord { lane, socket, from, at, .. } = record;
        let heard = Heard { lane, socket: *socket, at: *at, from: *from, message: &message };
        self.message(judge, &heard, Some(file), opening, line);
    }

    /// Judges an exchange and adds what is found; `at` is its ordinal and its line, 0 for none.
    pub fn exchange(
        &mut self,
        judge: &mut Judge,
        exchange: &Exchange<'_>,
        file: Option<&str>,
        (ordinal, line): (usize, usize),
    ) {
        let Exchange { lane, call, .. } = exchange;
        self.exchanges += 1;
        for finding in judge.exchange(exchange) {
            self.add(Located {
                file: file.map(str::to_owned),
                exchange: ordinal,
                message: None,
                lane: (*lane).to_owned(),
                op: call.resolution.name().to_owned(),
                method: call.request.method.clone(),
                target: call.request.target.clone(),
                line: (line > 0).then_some(line),
                finding,
                count: 1,
            });
        }
    }

    /// Judges a message and adds what is found; `opening` tells how its socket was opened.
    pub fn message(
        &mut self,
        judge: &mut Judge,
        heard: &Heard<'_>,
        file: Option<&str>,
        opening: &Opening,
        line: usize,
    ) {
        self.messages += 1;
        for finding in judge.message(heard) {
            self.add(Located {
                file: file.map(str::to_owned),
                exchange: opening.ordinal,
                message: Some(opening.messages),
                lane: heard.lane.to_owned(),
                op: opening.op.to_owned(),
                method: opening.method.clone(),
                target: opening.target.clone(),
                line: (line > 0).then_some(line),
                finding,
                count: 1,
            });
        }
    }

    /// Adds a finding, or counts it with its like.
    pub fn add(&mut self, located: Located) {
        let Located { file, lane, op, finding, .. } = &located;
        let Finding { rule, place, severity, .. } = finding;
        let fault = (file.clone(), lane.clone(), op.clone(), rule.id, place.clone(), *severity);
        match self.first.get(&fault) {
            Some(at) => self.findings[*at].count += located.count,
            None if self.findings.len() >= KEPT_AT_MOST => self.untold += located.count,
            None => {
                self.first.insert(fault, self.findings.len());
                self.findings.push(located);
            }
        }
    }

    /// The report in a form.
    pub fn render(&self, format: Format, colour: Colour) -> String {
        match format {
            Format::Text => text::render(self, colour),
            Format::Json => json::render(self),
        }
    }

    /// How many findings have this severity, repeats counted.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|located| located.finding.severity == severity).map(|one| one.count).sum()
    }
}

/// How a socket was opened, and how many messages of it were seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The ordinal of the exchange.
    pub ordinal: usize,
    /// The operation's name.
    pub op: &'static str,
    /// The request's verb.
    pub method: String,
    /// The request's path and query.
    pub target: String,
    /// Messages so far.
    pub messages: usize,
}

impl Default for Opening {
    fn default() -> Self {
        Self { ordinal: 0, op: "unknown", method: String::new(), target: String::new(), messages: 0 }
    }
}

/// Most faults kept apart: what comes after them is counted.
const KEPT_AT_MOST: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::rule;

    fn located(exchange: usize, id: &str, place: Place) -> Located {
        let finding = Finding::new(rule(id).unwrap(), place, "version 1 is below 104");
        Located {
            file: Some("a.cassette.jsonl".to_owned()),
            exchange,
            message: None,
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
        let findings = [
            located(1, "contract-version-too-low", header()),
            located(2, "contract-version-too-low", header()),
            located(2, "members-key-invalid", body("/members/Me")),
            located(3, "xuid-not-string", body("/members/reserve_0")),
            located(4, "body-on-delete", body("")),
        ];
        let mut report = Report { exchanges: 14, ..Report::default() };
        findings.into_iter().for_each(|located| report.add(located));
        report
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
        let mut report = Report::default();
        [of("/a"), of("/b"), of("/a"), other, of("/a")].into_iter().for_each(|located| report.add(located));
        assert_eq!(report.findings.iter().map(|one| one.count).collect::<Vec<_>>(), [3, 1, 1]);
        assert_eq!(report.findings[0].exchange, 1);
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
