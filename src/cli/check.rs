//! `tapdeck check`: recordings against the contract, by the judge of live traffic.

mod input;
mod output;

use std::path::PathBuf;

use super::options::contract;
use super::{Code, Failure};
use crate::config::Project;
use crate::report::Report;

/// What to check, and how to say it.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Cassettes or journals
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    output: output::Output,
}

pub(super) fn run(options: &Options, project: &Project) -> Result<Code, Failure> {
    let contract = contract(project)?;
    let mut report = Report::default();
    for file in &options.files {
        input::judge(file, &contract, &mut report)?;
    }
    options.output.emit(&report)
}

pub(super) const EXAMPLES: &str = "\
Examples:
  tapdeck check lobby.cassette.json
  tapdeck check --format json --fail-on warning cassettes/*.cassette.json

Exit code 1 when a finding is at or above --fail-on. `tapdeck rules ID` explains a rule.";
