//! Options that several commands share, and what they turn into.

mod emulator;
mod hosts;
mod lan;
mod service;
mod ways;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use super::Failure;
use crate::config::Project;
use crate::contract::{Contract, Severity};
use crate::engine::Enforce;

pub(super) use emulator::{EMULATOR, EmulatorOptions};
pub(super) use hosts::HostOptions;
pub(super) use lan::{as_clients_see, as_we_call};
pub(super) use service::{Reached, Service};
pub(super) use ways::{ListenArg, Ways};

/// The name of a file to be written: none that recordings have.
pub(super) fn writable(text: &str) -> Result<PathBuf, String> {
    let is_recording = [".cassette.json", ".cassette.jsonl", ".har"].iter().any(|ending| text.ends_with(ending));
    if is_recording { Err("that is a recording's name: it would be written over".into()) } else { Ok(text.into()) }
}

/// The contract on the project's own terms.
pub(super) fn contract(project: &Project) -> Result<Arc<Contract>, Failure> {
    let terms = project.terms().map_err(|error| {
        Failure::usage(error.to_string()).hint("a title's schemas are JSON Schemas in files beside tapdeck.toml")
    })?;
    Ok(Arc::new(Contract::with(terms)))
}

/// Whether requests that break a rule are answered right here.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Contract")]
pub(super) struct EnforceOption {
    /// Answer requests that break a rule of severity error as MPSD would, with 400 or 406
    #[arg(long, env = "TAPDECK_ENFORCE")]
    enforce: bool,
}

impl From<EnforceOption> for Enforce {
    fn from(option: EnforceOption) -> Self {
        if option.enforce { Self::Reject } else { Self::Report }
    }
}

/// The least severity that makes a run a failure.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum FailOnArg {
    Error,
    Warning,
    Info,
    Never,
}

impl FailOnArg {
    /// As severity; without one, no finding is a failure.
    pub(super) fn severity(self) -> Option<Severity> {
        match self {
            Self::Error => Some(Severity::Error),
            Self::Warning => Some(Severity::Warning),
            Self::Info => Some(Severity::Info),
            Self::Never => None,
        }
    }
}

/// A cassette's two files: the journal while recording, the sealed file after.
#[derive(Clone, Debug)]
pub(super) struct CassettePath(PathBuf);

impl CassettePath {
    /// The sealed file.
    pub(super) fn sealed(&self) -> &Path {
        &self.0
    }

    /// The journal.
    pub(super) fn journal(&self) -> PathBuf {
        self.0.with_extension("jsonl")
    }

    /// The cassette a journal belongs to.
    pub(super) fn of_journal(path: &Path) -> Self {
        Self(path.with_extension("json"))
    }
}

impl FromStr for CassettePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.ends_with(".cassette.json") {
            return Ok(Self(PathBuf::from(text)));
        }
        Err("a cassette's name ends in `.cassette.json`".into())
    }
}
