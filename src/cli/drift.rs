//! `tapdeck drift`: what changed between two recordings of the same story.

use std::path::{Path, PathBuf};

use super::{Code, Failure, print, say, serve};
use crate::cassette::{Cassette, Seal, seal};
use crate::drift::{Drift, Tier};

/// What to compare, and how to say it.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The older recording
    old: PathBuf,
    /// The newer recording
    new: PathBuf,
    /// The least change that makes the exit code 1
    #[arg(long, default_value = "breaking", value_name = "TIER")]
    fail_on: FailOnArg,
    /// How to print it
    #[arg(long, default_value = "text")]
    format: FormatArg,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FailOnArg {
    /// Something is gone, is of another type, or fails now
    Breaking,
    /// Something is new, or has another status or word
    Notable,
    /// A value differs
    Value,
    /// Nothing
    Never,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FormatArg {
    /// Lines for people
    Text,
    /// One object: a tally, and a list of changes
    Json,
}

pub(super) fn run(options: &Options) -> Result<Code, Failure> {
    let drift = Drift::between(&read(&options.old)?, &read(&options.new)?);
    print(&match options.format {
        FormatArg::Text => drift.text(&options.old.to_string_lossy(), &options.new.to_string_lossy()),
        FormatArg::Json => json(&drift)?,
    })?;
    let fails = options.fail_on.tier().is_some_and(|least| drift.reaches(least));
    Ok(if fails { Code::Findings } else { Code::Clean })
}

/// A recording as it is sealed: a journal's order is a matter of timing.
pub(super) fn read(file: &Path) -> Result<Cassette, Failure> {
    let cassette = Cassette::read(file).map_err(|error| serve::unreadable(&error))?;
    for note in &cassette.notes {
        say(&format!("note: {}: {note}", file.display()));
    }
    match cassette.seal {
        Seal::Sealed | Seal::Edited => Ok(cassette),
        Seal::Unsealed => seal::canonical(&cassette).map_err(|error| {
            Failure::input(format!("{}: {error}", file.display())).hint("`tapdeck cassette fsck` examines a journal")
        }),
    }
}

fn json(drift: &Drift) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(drift).map_err(|error| Failure::runtime(error.to_string()))?;
    Ok(text + "\n")
}

impl FailOnArg {
    fn tier(self) -> Option<Tier> {
        match self {
            Self::Breaking => Some(Tier::Breaking),
            Self::Notable => Some(Tier::Notable),
            Self::Value => Some(Tier::Value),
            Self::Never => None,
        }
    }
}

pub(super) const EXAMPLES: &str = "\
Examples:
  tapdeck drift lobby.cassette.json lobby-new.cassette.json
  tapdeck drift --fail-on notable --format json old.cassette.json new.cassette.json

Ids, names, entity tags and times are new in every recording: they compare by what they are, not by value.
Exit codes: 0 nothing as grave as --fail-on; 1 drift; 2 usage; 4 a file cannot be read.";
