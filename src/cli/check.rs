//! `tapdeck check`: cassettes and journals against the contract, with the engine that checks live traffic.

use std::path::PathBuf;

use super::{Code, Failure, colour, print, say, serve};
use crate::cassette::Cassette;
use crate::contract::{Contract, Severity};
use crate::exchange::Outcome;
use crate::report::{Format, Located, Report};

/// What to check, and how to say it.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Cassettes or journals
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to report
    #[arg(long, default_value = "text")]
    format: FormatArg,
    /// The least severity that makes the exit code 1
    #[arg(long, default_value = "error", value_name = "SEVERITY")]
    fail_on: SeverityArg,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FormatArg {
    /// Lines for people
    Text,
    /// One array of findings
    Json,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum SeverityArg {
    Error,
    Warning,
    Info,
}

impl From<SeverityArg> for Severity {
    fn from(severity: SeverityArg) -> Self {
        match severity {
            SeverityArg::Error => Self::Error,
            SeverityArg::Warning => Self::Warning,
            SeverityArg::Info => Self::Info,
        }
    }
}

pub(super) fn run(options: &Options) -> Result<Code, Failure> {
    let contract = Contract::new();
    let mut report = Report::default();
    for file in &options.files {
        let cassette = Cassette::read(file).map_err(|error| serve::unreadable(&error))?;
        for note in &cassette.notes {
            say(&format!("note: {}: {note}", file.display()));
        }
        let unserved = cassette.exchanges().filter(|record| record.outcome != Outcome::Answered).count();
        if unserved > 0 {
            say(&format!(
                "note: {}: {unserved} answered by tapdeck, not the service: only the calls are judged",
                file.display()
            ));
        }
        report.add(&contract, &cassette, &file.display().to_string());
    }
    let format = match options.format {
        FormatArg::Text => Format::Text,
        FormatArg::Json => Format::Json,
    };
    print(&report.render(format, colour()))?;
    let floor = Severity::from(options.fail_on);
    let fails = |located: &Located| located.finding.rule.severity <= floor;
    Ok(if report.findings.iter().any(fails) { Code::Findings } else { Code::Clean })
}

pub(super) const EXAMPLES: &str = "\
Examples:
  tapdeck check lobby.cassette.json
  tapdeck check --format json --fail-on warning cassettes/*.cassette.json

Exit code 1 when a finding is at or above --fail-on. `tapdeck rules ID` explains a rule.";
