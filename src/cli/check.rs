//! `tapdeck check`: recordings against the contract, by the judge of live traffic.

mod destination;
mod input;
mod output;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Code, Failure};
use crate::contract::Contract;
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

pub(super) fn run(options: &Options) -> Result<Code, Failure> {
    let desk = options.output.open()?;
    let contract = Arc::new(Contract::new());
    let mut report = Report::default();
    for file in &options.files {
        input::judge(file, &contract, &mut report)?;
    }
    desk.emit(report)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::runtime(format!("cannot write {}: {error}", path.display())).hint("check the path")
}

pub(super) const EXAMPLES: &str = "\
Examples:
  tapdeck check lobby.cassette.json
  tapdeck check --format json --fail-on warning cassettes/*.cassette.json
  tapdeck check --format sarif -o tapdeck.sarif cassettes/*.cassette.json    for code review
  tapdeck check --write-baseline known.json lobby.cassette.json              accept what there is,
  tapdeck check --baseline known.json lobby.cassette.json                    then fail on new findings only

Exit code 1 when a new finding is at or above --fail-on. `tapdeck rules ID` explains a rule.";
