//! `tapdeck check`: recordings against the contract, by the judge of live traffic.

mod find;
mod input;
mod output;
mod progress;

use std::path::PathBuf;
use std::sync::Arc;

use super::{Code, Failure};
use crate::contract::Contract;
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

pub(super) fn run(options: &Options) -> Result<Code, Failure> {
    let contract = Arc::new(Contract::new());
    let mut report = Report::default();
    let is_whole = input::judge_all(options.files.iter().map(PathBuf::as_path), &contract, &mut report);
    // Where nothing at all could be judged, there is nothing to report.
    if !is_whole && report.exchanges + report.messages == 0 {
        return Ok(Code::Input);
    }
    let code = options.output.emit(&report)?;
    Ok(if is_whole { code } else { Code::Input })
}

pub(super) const EXAMPLES: &str = "\
Examples:
  tapdeck check lobby.cassette.json
  tapdeck check --format json --fail-on warning cassettes/ captured.har

Exit code 1 when a finding is at or above --fail-on, 4 when something could not be read. `tapdeck rules ID` explains a rule.";
