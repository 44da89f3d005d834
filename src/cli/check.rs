//! `tapdeck check`: cassettes and journals against the contract, with the engine that checks live traffic.

use std::path::{Path, PathBuf};

use super::{Code, Failure, print, say, serve, wants_colour};
use crate::cassette::Cassette;
use crate::contract::{Contract, Severity};
use crate::report::{self, Colour, Format, Located};

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
    let mut findings = Vec::new();
    let mut exchanges = 0;
    for file in &options.files {
        let cassette = Cassette::read(file).map_err(|error| serve::unreadable(&error))?;
        for note in &cassette.notes {
            say(&format!("note: {}: {note}", file.display()));
        }
        exchanges += cassette.exchanges().count();
        findings.extend(report::check(&contract, &cassette, &name(file)));
    }
    let format = match options.format {
        FormatArg::Text if wants_colour() => Format::Text(Colour::Always),
        FormatArg::Text => Format::Text(Colour::Never),
        FormatArg::Json => Format::Json,
    };
    print(&report::render(&findings, exchanges, format))?;
    let floor = Severity::from(options.fail_on);
    let fails = |located: &Located| located.finding.rule.severity <= floor;
    Ok(if findings.iter().any(fails) { Code::Findings } else { Code::Clean })
}

fn name(file: &Path) -> String {
    file.display().to_string()
}

pub(super) const EXAMPLES: &str = "\
Examples:
  tapdeck check lobby.cassette.json
  tapdeck check --format json --fail-on warning cassettes/*.cassette.json

Exit code 1 when a finding is at or above --fail-on. `tapdeck rules ID` explains a rule.";
