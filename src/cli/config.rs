//! `tapdeck config`: what is set and where it comes from, and what can be set.

mod schema;
mod show;

use std::ffi::OsString;

use super::{Code, Failure, print};
use crate::config::Project;

/// What to tell.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print every setting with its value and where that comes from: flag, environment, file or default
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowOptions),
    /// Print the JSON Schema of `tapdeck.toml`, for editors
    #[command(
        after_help = "Example:\n  tapdeck config schema > tapdeck.schema.json   and `#:schema ./tapdeck.schema.json` on top of tapdeck.toml"
    )]
    Schema,
}

#[derive(Debug, clap::Args)]
pub(super) struct ShowOptions {
    /// How to print it
    #[arg(long, default_value = "text")]
    format: Format,
    /// A command, with flags as it would be given them; without one, every command is shown
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// Lines for people
    Text,
    /// One JSON object
    Json,
}

pub(super) fn run(command: &Command, project: &Project) -> Result<Code, Failure> {
    match command {
        Command::Show(options) => show::show(options, project)?,
        Command::Schema => print(&schema::text())?,
    }
    Ok(Code::Clean)
}

const SHOW_EXAMPLES: &str = "\
Examples:
  tapdeck config show                                 every command
  tapdeck config show record --listen 127.0.0.1:0     one of them, with these flags
  tapdeck config show --format json replay            for scripts";
