//! How much was looked at and how much was found, in numbers and in one line.

use std::fmt;

use super::{Report, Standing};
use crate::cassette::many;
use crate::contract::Severity;

/// A report in numbers, repeats counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Exchanges that were judged.
    pub exchanges: usize,
    /// Messages that were judged.
    pub messages: usize,
    /// New errors.
    pub errors: usize,
    /// New warnings.
    pub warnings: usize,
    /// New notes.
    pub notes: usize,
    /// Findings in requests that the service itself rejected.
    pub expected: usize,
    /// Findings a baseline knows.
    pub known: usize,
    /// Findings that are counted above but not listed: there are too many.
    pub untold: usize,
    /// Findings that weigh too little to be shown.
    pub hidden: usize,
}

impl Report {
    /// The report in numbers.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally {
            exchanges: self.exchanges,
            messages: self.messages,
            untold: self.untold.values().sum(),
            hidden: self.hidden,
            ..Tally::default()
        };
        for (severity, count) in &self.untold {
            *tally.of(*severity) += count;
        }
        for located in &self.findings {
            let field = match (located.standing, located.finding.rejected) {
                (Some(Standing::Known), _) => &mut tally.known,
                (_, Some(_)) => &mut tally.expected,
                (_, None) => tally.of(located.finding.severity),
            };
            *field += located.count;
        }
        tally
    }
}

impl Tally {
    fn of(&mut self, severity: Severity) -> &mut usize {
        match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
            Severity::Info => &mut self.notes,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |counts: &[(usize, &str)]| {
            let counts = counts.iter().filter(|(count, _)| *count > 0);
            counts.map(|(count, name)| many(*count, name)).collect::<Vec<_>>().join(", ")
        };
        let found = listed(&[(self.errors, "error"), (self.warnings, "warning"), (self.notes, "note")]);
        let expected = listed(&[(self.expected, "expected rejection")]);
        match (found.as_str(), expected.as_str()) {
            ("", "") => f.write_str("no findings")?,
            (one, "") | ("", one) => f.write_str(one)?,
            (found, expected) => write!(f, "{found}, {expected}")?,
        }
        write!(f, " in {}", many(self.exchanges, "exchange"))?;
        if self.messages > 0 {
            write!(f, " and {}", many(self.messages, "message"))?;
        }
        for (count, name) in [(self.known, "known"), (self.untold, "not listed"), (self.hidden, "not shown")] {
            if count > 0 {
                write!(f, ", {count} {name}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_there_is_and_nothing_else() {
        let full = Tally {
            exchanges: 14,
            messages: 1,
            errors: 3,
            warnings: 1,
            notes: 0,
            expected: 2,
            known: 4,
            untold: 1,
            hidden: 5,
        };
        let line = "3 errors, 1 warning, 2 expected rejections in 14 exchanges and 1 message, 4 known, 1 not listed, 5 not shown";
        assert_eq!(full.to_string(), line);
        assert_eq!(Tally { exchanges: 1, ..Tally::default() }.to_string(), "no findings in 1 exchange");
    }
}
