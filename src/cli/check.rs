//! `tapdeck check`: recordings against the contract, by the judge of live traffic.

mod find;
mod input;
mod output;
mod progress;

use std::path::PathBuf;

use super::options::contract;
use super::{Code, Failure};
use crate::config::Project;
use crate::report::Report;

/// What to check, and how to say it.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Cassettes, journals, HAR files, or directories of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    output: output::Output,
}

pub(super) fn run(options: &Options, project: &Project) -> Result<Code, Failure> {
    let contract = contract(project)?;
    let desk = options.output.open(&options.files)?;
    let mut report = Report::default();
    input::judge_all(options.files.iter().map(PathBuf::as_path), &contract, &mut report);
    let is_whole = report.unread.is_empty();
    // Where nothing at all could be judged, there is nothing to report.
    if !is_whole && report.exchanges + report.messages == 0 {
        return Ok(Code::Input);
    }
    let code = desk.emit(report)?;
    Ok(if is_whole { code } else { Code::Input })
}

pub(super) const EXAMPLES: &str = "\
Examples:
  tapdeck check lobby.cassette.json
  tapdeck check --format json --fail-on warning cassettes/ captured.har
  tapdeck check --format sarif -o tapdeck.sarif cassettes/*.cassette.json    for code review
  tapdeck check --write-baseline known.json lobby.cassette.json              accept what there is,
  tapdeck check --baseline known.json lobby.cassette.json                    then fail on new findings only

Exit code 1 when a new finding is at or above --fail-on, 4 when something could not be read. `tapdeck rules ID` explains a rule.";
