//! Baselines: what was found once and accepted, so that only what is new fails.
//!
//! A baseline knows a finding by its [`Identity`]: not by file, line, lane or count, so that another recording of the
//! same game, longer or with its players in another order, shows nothing new. A graver finding than the one that was
//! accepted is new.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Deserialize;
use serde_json::json;
use thiserror::Error;

use super::identity::Identity;
use super::{Located, Report, Standing};
use crate::contract::Severity;
use crate::json::{Doc, Kind, Node};

/// Findings that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// The gravest that was accepted of each, and the line it is on.
    known: BTreeMap<Identity, (Severity, usize)>,
}

/// A text that is no baseline.
#[derive(Debug, Error)]
#[error("{reason}")]
pub struct BaselineError {
    /// The line of the file.
    pub line: usize,
    reason: String,
}

/// A finding as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    rule: String,
    severity: String,
    op: String,
    place: String,
    target: String,
}

impl Baseline {
    /// Everything a report lists.
    pub fn of(report: &Report) -> Self {
        let mut baseline = Self::default();
        for located in &report.findings {
            baseline.add(Identity::of(located), located.finding.severity, 0);
        }
        baseline
    }

    /// Reads a baseline.
    ///
    /// # Errors
    /// The text is none, or holds what is no finding.
    pub fn parse(text: &[u8]) -> Result<Self, BaselineError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let doc = Doc::parse(text).map_err(|error| {
            let line = 1 + breaks(&text[..error.offset.min(text.len())]);
            BaselineError { line, reason: format!("not JSON: expected {}", error.expected) }
        })?;
        let root = doc.root();
        let is_ours = root.get("baseline").and_then(Node::number) == Some(VERSION);
        let known = root.get("known").filter(|node| is_ours && node.kind() == Kind::Array).ok_or_else(|| {
            let reason = format!("not a baseline: it has no `\"baseline\": {VERSION}` with a list `known`");
            BaselineError { line: 1, reason }
        })?;
        let (mut baseline, mut line, mut at) = (Self::default(), 1, 0);
        for item in known.items() {
            let start = item.span().start;
            line += breaks(&text[at..start]);
            at = start;
            let (identity, severity) = entry(item.raw()).map_err(|reason| BaselineError { line, reason })?;
            baseline.add(identity, severity, line);
        }
        Ok(baseline)
    }

    /// The text of the file: sorted, a line per finding.
    pub fn text(&self) -> String {
        let mut out = format!("{{\n  \"baseline\": {VERSION},\n  \"known\": [");
        for (number, (identity, (severity, _))) in self.known.iter().enumerate() {
            let Identity { rule, op, place, target } = identity;
            let severity = severity.as_str();
            let entry = json!({"rule": rule, "severity": severity, "op": op, "place": place, "target": target});
            let _ = write!(out, "{}\n    {entry}", if number == 0 { "" } else { "," });
        }
        out.push_str(if self.known.is_empty() { "]\n}\n" } else { "\n  ]\n}\n" });
        out
    }

    /// How many findings it knows.
    pub fn count(&self) -> usize {
        self.known.len()
    }

    pub(super) fn search(&self) -> Search<'_> {
        Search { baseline: self, found: BTreeSet::new() }
    }

    fn add(&mut self, identity: Identity, severity: Severity, line: usize) {
        let known = self.known.entry(identity).or_insert((severity, line));
        known.0 = known.0.min(severity);
    }
}

/// One report compared to a baseline.
pub(super) struct Search<'b> {
    baseline: &'b Baseline,
    found: BTreeSet<usize>,
}

impl Search<'_> {
    pub(super) fn standing(&mut self, located: &Located) -> Standing {
        match self.baseline.known.get(&Identity::of(located)) {
            Some((severity, line)) => {
                self.found.insert(*line);
                if located.finding.severity >= *severity { Standing::Known } else { Standing::New }
            }
            None => Standing::New,
        }
    }

    /// The lines nothing was found for.
    pub(super) fn unfound(self) -> Vec<usize> {
        let lines: BTreeSet<usize> = self.baseline.known.values().map(|(_, line)| *line).collect();
        lines.difference(&self.found).copied().collect()
    }
}

fn entry(text: &[u8]) -> Result<(Identity, Severity), String> {
    let entry: Entry = serde_json::from_slice(text).map_err(|error| reason(&error))?;
    let Entry { rule, severity, op, place, target } = entry;
    let named = [Severity::Error, Severity::Warning, Severity::Info].into_iter().find(|one| one.as_str() == severity);
    let severity = named.ok_or_else(|| format!("{severity:?} is no severity"))?;
    Ok((Identity { rule, op, place, target }, severity))
}

fn breaks(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == b'\n').count()
}

/// What serde says, without its own position: that counts from the entry's start.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

const VERSION: &str = "1";

#[cfg(test)]
mod tests {
    use super::super::tests::{located, report};
    use super::*;
    use crate::contract::Place;

    #[test]
    fn what_is_written_is_known_and_reads_back() {
        let mut report = report();
        let baseline = Baseline::of(&report);
        let text = baseline.text();
        assert_eq!((text.lines().count(), baseline.count()), (9, 4), "{text}");
        let again = Baseline::parse(text.as_bytes()).unwrap();
        assert_eq!(again.text(), text);
        assert_eq!(report.compare(&again), Vec::<usize>::new());
        assert!(report.findings.iter().all(|located| located.standing == Some(Standing::Known)));
        report.fail_on = Some(Severity::Info);
        assert!(!report.is_failure());
        assert_eq!((report.tally().errors, report.tally().known), (0, 5));
    }

    #[test]
    fn more_of_the_same_is_known_and_what_is_graver_is_new() {
        let of = |pointer: &str| located(1, "turn-index-range", Place::Body(pointer.to_owned()));
        let mut accepted = Report::default();
        accepted.add(of("/properties/system/turn/1"));
        accepted.findings[0].finding.severity = Severity::Warning;
        accepted.add(of("/gone"));
        let baseline = Baseline::parse(Baseline::of(&accepted).text().as_bytes()).unwrap();
        for (severity, standing) in
            [(Severity::Info, Standing::Known), (Severity::Warning, Standing::Known), (Severity::Error, Standing::New)]
        {
            let mut report = Report { fail_on: Some(Severity::Error), ..Report::default() };
            let mut repeated = of("/properties/system/turn/25");
            (repeated.count, repeated.finding.severity) = (12, severity);
            report.add(repeated);
            assert_eq!(report.compare(&baseline), [4], "/gone was not found");
            assert_eq!(report.findings[0].standing, Some(standing));
            assert_eq!(report.is_failure(), standing == Standing::New);
        }
    }

    #[test]
    fn a_titles_keywords_are_told_apart() {
        let by = |keyword: &str| {
            let mut located = located(1, "title-custom", Place::Body("/properties/custom/level".to_owned()));
            located.finding.schema = Some(format!("lobby.json#/properties/level/{keyword}"));
            located
        };
        let mut accepted = Report::default();
        accepted.add(by("minimum"));
        let baseline = Baseline::parse(Baseline::of(&accepted).text().as_bytes()).unwrap();
        let mut report = Report::default();
        [by("minimum"), by("multipleOf")].into_iter().for_each(|located| report.add(located));
        assert_eq!(report.compare(&baseline), Vec::<usize>::new());
        let standings: Vec<_> = report.findings.iter().map(|located| located.standing).collect();
        assert_eq!(standings, [Some(Standing::Known), Some(Standing::New)]);
    }

    #[test]
    fn what_is_no_baseline_is_said_with_its_line() {
        let entry = r#"{"rule":"a","severity":"error","op":"b","place":"c","target":"d"}"#;
        let of = |entry: &str| format!("{{\n\"baseline\": 1,\n\"known\": [\n{entry}\n]}}");
        assert!(Baseline::parse(of(entry).as_bytes()).is_ok());
        let cases = [
            (String::new(), 1, "not JSON: expected a value"),
            ("{\n\"baseline\": 1\n,]".to_owned(), 3, "not JSON: expected a quoted name"),
            ("[]".to_owned(), 1, "not a baseline"),
            ("{\"baseline\": 2, \"known\": []}".to_owned(), 1, "not a baseline"),
            ("{\"baseline\": 1, \"known\": {}}".to_owned(), 1, "not a baseline"),
            (of("7"), 4, "invalid type"),
            (of(&entry.replace("\"rule\"", "\"rules\"")), 4, "unknown field `rules`"),
            (of(&entry.replace("error", "grave")), 4, "\"grave\" is no severity"),
            (of(&format!("{entry},\n{{}}")), 5, "missing field `rule`"),
        ];
        for (text, line, told) in cases {
            let error = Baseline::parse(text.as_bytes()).unwrap_err();
            let said = error.to_string();
            assert!(error.line == line && said.contains(told), "{}: {said}", error.line);
        }
    }
}
