//! The command line: what was typed becomes parts, the parts run, and what happened becomes an exit code.

mod bar;
mod ca;
mod cassette;
mod check;
mod completions;
mod config;
mod contract;
mod control;
mod demo;
mod destination;
mod devkit;
mod drift;
mod failure;
mod init;
mod layers;
mod learn;
mod log;
mod options;
mod rules;
mod run;
mod screen;
mod serve;
mod session;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use tracing::level_filters::LevelFilter;

use crate::config::Project;
use crate::platform;
use crate::redact::Redactor;
use crate::report::Colour;
pub use failure::{Code, Failure};
use layers::Unparsed;

/// A tape deck for MPSD, the Xbox Live Multiplayer Session Directory.
///
/// tapdeck sits between a game and the service. It checks every request against the documented contract, and it
/// either forwards and records to a cassette or replays one deterministically, with no network.
#[derive(Debug, Parser)]
#[command(name = "tapdeck", version, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    log: log::LogOptions,
    /// The project's settings [default: tapdeck.toml where we stand, if there is one]
    #[arg(long, global = true, env = "TAPDECK_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole story: record two players, seal, replay two fresh ones, check
    #[command(after_help = "Example:\n  tapdeck demo --keep ./story     keep the cassette and the CA of the demo")]
    Demo(demo::Options),
    /// Forward calls to the service and record them to a cassette
    #[command(after_help = serve::record::EXAMPLES)]
    Record(serve::record::Options),
    /// Answer calls from a cassette, without the service
    #[command(after_help = serve::replay::EXAMPLES)]
    Replay(serve::replay::Options),
    /// Run a command with a deck around it: the verb for CI
    #[command(after_help = run::EXAMPLES)]
    Run(Box<run::Options>),
    /// Forward calls and check them against the contract, recording nothing
    #[command(after_help = serve::watch::EXAMPLES)]
    Watch(serve::watch::Options),
    /// Answer calls from the embedded MPSD emulator
    #[command(after_help = serve::emulate::EXAMPLES)]
    Emulate(serve::emulate::Options),
    /// Check cassettes, journals and HAR files against the contract
    #[command(after_help = check::EXAMPLES)]
    Check(check::Options),
    /// Look into a cassette, reformat it, or examine it for damage
    #[command(subcommand, after_help = "Example:\n  tapdeck cassette show lobby.cassette.json")]
    Cassette(cassette::Command),
    /// Tell what changed between two recordings of the same story
    #[command(after_help = drift::EXAMPLES)]
    Drift(drift::Options),
    /// List the contract's rules, or explain one
    #[command(after_help = rules::EXAMPLES)]
    Rules(rules::Options),
    /// List the contract's operations, or print all of it as an OpenAPI document
    #[command(after_help = contract::EXAMPLES)]
    Contract(contract::Options),
    /// The certificate authority that intercepted clients must trust
    #[command(subcommand, after_help = "Example:\n  tapdeck ca export -o ca.pem")]
    Ca(ca::Command),
    /// Make an Xbox development kit use a deck as its proxy, and undo it
    #[command(subcommand, after_help = "Example:\n  tapdeck devkit enable 10.0.0.5 --user dev --restart")]
    Devkit(devkit::Command),
    /// Set a project up: tapdeck.toml, attributes of cassettes, a workflow for CI
    #[command(after_help = init::EXAMPLES)]
    Init(init::Options),
    /// Tell what is set, where it comes from, and what can be set
    #[command(subcommand, after_help = "Example:\n  tapdeck config show record")]
    Config(config::Command),
    /// Print a shell's completions of this command line
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::Options),
    /// Write the manual: a page for each command, for `man`
    #[command(after_help = completions::MAN_EXAMPLES)]
    Man(completions::ManOptions),
}

/// Parses the command line, runs it, and says how it went.
pub fn main() -> ExitCode {
    let code = parsed_and_run();
    screen::foot::flush();
    code
}

fn parsed_and_run() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let ran = match layers::parse(&args) {
        Ok((cli, project)) => run(cli, &project),
        Err(Unparsed::Line(error)) => return unparsed(&error),
        Err(Unparsed::Beneath(failure)) => Err(failure),
    };
    match ran {
        Ok(code) => code,
        Err(failure) => {
            say(&failure.to_string());
            failure.code.into()
        }
    }
}

/// Help and version are data; anything else is a failure like all others, with a hint.
fn unparsed(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return if error.use_stderr() { Code::Usage.into() } else { ExitCode::SUCCESS };
    }
    let text = error.render().to_string().replace("\n  tip: ", "\nhint: ");
    let hint = if text.contains("\nhint: ") { "" } else { "hint: `--help` shows what can be given, with examples\n" };
    say(text.replace("For more information, try '--help'.\n", hint).trim_end());
    Code::Usage.into()
}

fn run(cli: Cli, project: &Project) -> Result<ExitCode, Failure> {
    let redactor = Arc::new(Redactor::new(cli.command.key()?));
    let usual = if matches!(cli.command, Command::Demo(_)) { LevelFilter::OFF } else { LevelFilter::INFO };
    log::start(&cli.log, usual, Arc::clone(&redactor))?;
    let code = match cli.command {
        // The code may be the command's, which is none of ours.
        Command::Run(options) => return session::block_on(run::run(*options, project, redactor)),
        Command::Demo(options) => session::block_on(demo::run(options)),
        Command::Record(options) => session::block_on(serve::record::run(options, project, redactor)),
        Command::Replay(options) => session::block_on(serve::replay::run(options, project, redactor)),
        Command::Watch(options) => session::block_on(serve::watch::run(options, project, redactor)),
        Command::Emulate(options) => session::block_on(serve::emulate::run(options, project, redactor)),
        Command::Check(options) => check::run(&options, project),
        Command::Cassette(command) => cassette::run(&command, project),
        Command::Drift(options) => drift::run(&options),
        Command::Rules(options) => rules::run(&options),
        Command::Contract(options) => contract::run(&options),
        Command::Ca(command) => ca::run(&command),
        Command::Devkit(command) => devkit::run(&command),
        Command::Init(options) => init::run(&options),
        Command::Config(command) => config::run(&command, project),
        Command::Completions(options) => completions::run(&options),
        Command::Man(options) => completions::manual(&options),
    }?;
    Ok(code.into())
}

impl Command {
    /// The key of aliases. What is kept has one nobody can guess; a replay that keeps nothing says the same every time.
    fn key(&self) -> Result<u64, Failure> {
        match self {
            Self::Replay(options) if options.keeps_nothing() => Ok(REPLAY_KEY),
            Self::Run(options) if options.keeps_nothing() => Ok(REPLAY_KEY),
            _ => random_key(),
        }
    }
}

/// Any number would do.
const REPLAY_KEY: u64 = 107;

/// A key nobody can guess: aliases must not be traceable to the few xuids there are.
fn random_key() -> Result<u64, Failure> {
    let mut key = [0; 8];
    getrandom::fill(&mut key)
        .map_err(|error| Failure::runtime(format!("no random numbers from the system: {error}")))?;
    Ok(u64::from_le_bytes(key))
}

/// Where the authority lives: `--home`, `TAPDECK_HOME`, or the user's own place for such data.
#[derive(Debug, clap::Args)]
struct Home {
    /// Where the certificate authority is kept [default: the user's data directory]
    #[arg(long, env = "TAPDECK_HOME", value_name = "DIR")]
    home: Option<PathBuf>,
}

impl Home {
    fn dir(&self) -> Result<PathBuf, Failure> {
        self.home.clone().or_else(|| platform::data_folder().map(|data| data.join("tapdeck"))).ok_or_else(|| {
            Failure::usage("no home directory to keep the certificate authority in")
                .hint("set TAPDECK_HOME or give --home DIR")
        })
    }
}

/// Writes data to standard output. A reader that has gone away is no failure.
fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    // What was said before it comes before it, also where both go to one terminal.
    screen::foot::flush();
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::runtime(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Talks to the person at the terminal.
fn say(line: &str) {
    screen::foot::line(line);
}

/// Colour where it would be seen as colour.
fn colour() -> Colour {
    let is_seen = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() && platform::shows_colour();
    if is_seen { Colour::Always } else { Colour::Never }
}

const EXAMPLES: &str = "\
Examples:
  tapdeck demo                                        see it all work, in seconds
  tapdeck record --upstream emulator lobby.cassette.json
                                                      record what clients of 127.0.0.1:8888 do
  tapdeck replay lobby.cassette.json                  answer the same clients again, offline
  tapdeck run --replay lobby.cassette.json -- ./game-tests
                                                      the same around a command, for CI
  tapdeck check lobby.cassette.json                   judge the recording against the contract
  tapdeck init                                        set a project up: tapdeck.toml, and a workflow for CI

Exit codes: 0 clean; 1 findings or misses; 2 usage; 3 runtime failure; 4 unreadable input; 5 secret found";
