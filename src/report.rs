//! Findings for readers: what was broken where, in the forms people, programs and CI read; and the rules themselves.
//!
//! Renders only: what a finding says is decided in `contract`. Nothing here depends on time or on hash order, and no
//! text of a recording leaves its line, its field or its element.

mod baseline;
mod github;
mod identity;
mod json;
mod judging;
mod junit;
mod rules;
mod sarif;
mod tally;
mod text;

use std::collections::BTreeMap;

use thiserror::Error;

pub use baseline::{Baseline, BaselineError};
pub use judging::{Opening, Reading, Source};
pub use rules::{rule_page, rules_json, rules_list, rules_markdown};
pub use tally::Tally;

use crate::contract::{Finding, Place, Severity};

/// The form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON array.
    Json,
    /// A SARIF 2.1.0 log, for code review.
    Sarif,
    /// JUnit XML, for CI.
    Junit,
    /// GitHub's workflow commands.
    Github,
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

/// A report that cannot be put in its form.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RenderError {
    #[error("the report cannot be written as SARIF")]
    Sarif(#[from] serde_json::Error),
    #[error("the report cannot be written as JUnit XML")]
    Junit(#[from] quick_junit::SerializeError),
}

/// A finding with the exchange it was found in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The recording the exchange came from, if it came from a file.
    pub file: Option<String>,
    /// The file it stands in, if the recording is in parts.
    pub part: Option<String>,
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
    /// The line in the file, if it came from one: that of the value, or of the record's start.
    pub line: Option<usize>,
    /// What was found.
    pub finding: Finding,
    /// How often.
    pub count: usize,
    /// Whether it was known, if it was compared to what is.
    pub standing: Option<Standing>,
}

/// What a baseline says of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its like is in the baseline, and weighs as much there.
    Known,
    /// It is not.
    New,
}

/// Everything a report is made of. Repeats of one fault are merged as they are added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many exchanges were judged.
    pub exchanges: usize,
    /// How many messages were judged.
    pub messages: usize,
    /// The files they came from, in order.
    pub files: Vec<Checked>,
    /// The files that could not be read to their end.
    pub unread: Vec<Unread>,
    /// What was found, each fault once, in the order it was first found.
    pub findings: Vec<Located>,
    /// How many findings there are beyond the most that are kept apart.
    pub untold: BTreeMap<Severity, usize>,
    /// How many findings were left out because they weigh too little.
    pub hidden: usize,
    /// The least weight of a new finding that makes the report a failure; without one, nothing does.
    pub fail_on: Option<Severity>,
    first: BTreeMap<Fault, usize>,
}

/// What was judged of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Its name.
    pub file: String,
    /// Exchanges.
    pub exchanges: usize,
    /// Messages.
    pub messages: usize,
}

/// A file that could not be read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Its name.
    pub file: String,
    /// Why, and where in it.
    pub reason: String,
}

/// What makes two findings one fault: same file, lane, operation, rule, place, title's keyword and weight.
type Fault = (Option<String>, String, String, &'static str, Place, Option<String>, Severity);

impl Report {
    /// Adds a finding, or counts it with its like.
    pub fn add(&mut self, located: Located) {
        let Located { file, lane, op, finding, .. } = &located;
        let Finding { rule, place, schema, severity, .. } = finding;
        let fault = (file.clone(), lane.clone(), op.clone(), rule.id, place.clone(), schema.clone(), *severity);
        match self.first.get(&fault) {
            Some(at) => self.findings[*at].count += located.count,
            None if self.findings.len() >= KEPT_AT_MOST => *self.untold.entry(*severity).or_default() += located.count,
            None => {
                self.first.insert(fault, self.findings.len());
                self.findings.push(located);
            }
        }
    }

    /// Leaves out what weighs less than this.
    pub fn hide_below(&mut self, least: Severity) {
        let all = std::mem::take(&mut self.findings);
        let (shown, hidden): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.finding.severity <= least);
        self.hidden += hidden.iter().map(|one| one.count).sum::<usize>();
        self.findings = shown;
        self.first.clear();
    }

    /// Marks what a baseline knows and what it does not, and says which lines of the baseline nothing was found for.
    pub fn compare(&mut self, baseline: &Baseline) -> Vec<usize> {
        let mut found = baseline.search();
        for located in &mut self.findings {
            located.standing = Some(found.standing(located));
        }
        found.unfound()
    }

    /// True for a finding that makes the report a failure.
    pub fn fails(&self, located: &Located) -> bool {
        located.standing != Some(Standing::Known) && self.fail_on.is_some_and(|least| located.finding.severity <= least)
    }

    /// True when a finding makes the report a failure, be it one that is only counted.
    pub fn is_failure(&self) -> bool {
        let is_grave = |severity: &Severity| self.fail_on.is_some_and(|least| *severity <= least);
        self.findings.iter().any(|located| self.fails(located)) || self.untold.keys().any(is_grave)
    }

    /// The report in a form.
    ///
    /// # Errors
    /// The form cannot hold it.
    pub fn render(&self, format: Format, colour: Colour) -> Result<String, RenderError> {
        match format {
            Format::Text => Ok(self.text(colour)),
            Format::Json => Ok(json::render(self)),
            Format::Sarif => Ok(sarif::render(self)?),
            Format::Junit => Ok(junit::render(self)?),
            Format::Github => Ok(github::render(self)),
        }
    }

    /// The report as lines for people.
    pub fn text(&self, colour: Colour) -> String {
        text::render(self, colour)
    }
}

impl Located {
    /// The file that its line is in.
    fn place(&self) -> Option<&str> {
        self.part.as_deref().or(self.file.as_deref())
    }

    /// What stands to be said beside the message: that the service rejected it, that it is known, how often it came.
    fn remarks(&self) -> Vec<String> {
        let rejected = self.finding.rejected.map(|status| format!("expected rejection ({status})"));
        let known = (self.standing == Some(Standing::Known)).then(|| "known".to_owned());
        let often = (self.count > 1).then(|| format!("{} times", self.count));
        let schema = self.finding.schema.as_ref().map(|schema| format!("says {}", plain(schema)));
        schema.into_iter().chain(rejected).chain(known).chain(often).collect()
    }

    /// The message with its remarks, on one line.
    fn told(&self) -> String {
        let mut parts = vec![plain(&self.finding.message)];
        parts.extend(self.remarks());
        parts.join(" · ")
    }
}

/// Text that cannot leave its line, steer a terminal, turn its direction, or break XML.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_tame(letter) { out.push(letter) } else { out.extend(letter.escape_default()) }
    }
    out
}

fn is_tame(letter: char) -> bool {
    !letter.is_control()
        && !matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
}

/// Most faults kept apart: what comes after them is counted.
const KEPT_AT_MOST: usize = 10_000;

#[cfg(test)]
mod tests;
