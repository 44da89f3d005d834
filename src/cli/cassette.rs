//! `tapdeck cassette`: look into cassettes and look after them.

mod trim;

use std::path::PathBuf;

use super::options::CassettePath;
use super::{Code, Failure, learn, print, say, serve};
use crate::cassette::{self, Cassette, MaintainError, Verdict, View, seal};
use crate::config::Project;
use crate::replay::Tape;

/// What to do with a cassette.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print its exchanges, a line each, or one of them in full
    #[command(
        after_help = "Examples:\n  tapdeck cassette show lobby.cassette.json\n  tapdeck cassette show lobby.cassette.json 3"
    )]
    Show {
        /// A cassette or journal
        file: PathBuf,
        /// The number of one record
        number: Option<usize>,
    },
    /// Say how an exchange is matched when the cassette is played, part by part
    #[command(
        after_help = "Examples:\n  tapdeck cassette explain lobby.cassette.json 3\n\nA miss names exchanges by the same numbers. Fields that tapdeck.toml calls volatile or bound are told as such."
    )]
    Explain {
        /// A cassette or journal
        file: PathBuf,
        /// The number of an exchange, counted without messages and marks
        exchange: usize,
    },
    /// Print the fields that two takes of one script disagree on, to paste into tapdeck.toml
    #[command(
        after_help = "Examples:\n  tapdeck cassette learn take1.cassette.json take2.cassette.json >> tapdeck.toml\n\nWhat no [[volatile]] table covers is told on standard error, and the exit code is 1."
    )]
    Learn {
        /// The take that is to be played
        first: PathBuf,
        /// Another take of the same script
        second: PathBuf,
    },
    /// Put edited cassettes into canonical form and seal them again
    #[command(
        after_help = "Examples:\n  tapdeck cassette fmt lobby.cassette.json\n  tapdeck cassette fmt --check cassettes/*.cassette.json"
    )]
    Fmt {
        /// Sealed cassettes
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Change nothing; exit with 1 when something would change
        #[arg(long)]
        check: bool,
    },
    /// Cut a smaller cassette out of a recording: some players, some sessions, or what stands between two marks
    #[command(after_help = trim::EXAMPLES)]
    Trim(trim::Options),
    /// Examine a cassette for damage; seal what is whole in a journal that was left behind
    #[command(
        after_help = "Examples:\n  tapdeck cassette fsck lobby.cassette.json      is the seal intact?\n  tapdeck cassette fsck lobby.cassette.jsonl     recover a recording that was killed"
    )]
    Fsck {
        /// A cassette or journal
        file: PathBuf,
    },
}

pub(super) fn run(command: &Command, project: &Project) -> Result<Code, Failure> {
    match command {
        Command::Show { file, number } => {
            let cassette = Cassette::read(file).map_err(|error| serve::unreadable(&error))?;
            let records = cassette.entries.len();
            if let Some(number) = number.filter(|number| !(1..=records).contains(number)) {
                let hint = format!("it has the records 1 to {records}");
                return Err(Failure::usage(format!("{} has no record {number}", file.display())).hint(hint));
            }
            print(&cassette::show(&cassette, number.map_or(View::Table, View::Record)))?;
            Ok(Code::Clean)
        }
        Command::Explain { file, exchange } => explain(file, *exchange, project),
        Command::Learn { first, second } => learn::run(first, second, project),
        Command::Fmt { files, check } => format_all(files, *check),
        Command::Trim(options) => trim::run(options),
        Command::Fsck { file } => examine(file),
    }
}

fn explain(file: &std::path::Path, exchange: usize, project: &Project) -> Result<Code, Failure> {
    let cassette = Cassette::read(file).map_err(|error| serve::unreadable(&error))?;
    let tape = Tape::of_title(&cassette, project.title_fields());
    match tape.explain(exchange) {
        Some(explanation) => print(&explanation.to_string())?,
        None => {
            let hint = format!("it has the exchanges 1 to {}", tape.exchanges());
            return Err(Failure::usage(format!("{} has no exchange {exchange}", file.display())).hint(hint));
        }
    }
    Ok(Code::Clean)
}

fn format_all(files: &[PathBuf], check_only: bool) -> Result<Code, Failure> {
    let mut code = Code::Clean;
    for file in files {
        let formatted = cassette::fmt(file).map_err(|error| match &error {
            MaintainError::Cassette(source) => serve::unreadable(source),
            _ => Failure::input(error.to_string()).hint("`tapdeck cassette fsck` examines a cassette or a journal"),
        })?;
        for change in &formatted.changes {
            let not_yet = if check_only { "not canonical: " } else { "" };
            say(&format!("{}: {not_yet}{change}", file.display()));
        }
        if formatted.changes.is_empty() {
            continue;
        }
        if check_only {
            code = Code::Findings;
            continue;
        }
        let written = seal::write_sealed(file, &formatted.bytes);
        written.map_err(|error| Failure::runtime(format!("cannot write {}: {error}", file.display())))?;
    }
    Ok(code)
}

fn examine(file: &std::path::Path) -> Result<Code, Failure> {
    let verdict = cassette::fsck(file).map_err(|error| serve::unreadable(&error))?;
    print(&format!("{}: {verdict}\n", file.display()))?;
    let Verdict::Journal { exchanges, left_out, .. } = &verdict else {
        return Ok(if verdict.is_whole() { Code::Clean } else { Code::Input });
    };
    let sealed = CassettePath::of_journal(file);
    if let Some(first) = cassette::first_part(file) {
        let all = if first.exists() { "all of them" } else { "what is left, for that is gone" };
        say(&format!("a part of {}: `tapdeck cassette fsck {0}` seals {all}", first.display()));
    } else if *exchanges == 0 {
        say("nothing in it to seal");
    } else if file.exists() && !file.is_file() {
        say("not sealed: it came through a pipe; save it as a file and run `tapdeck cassette fsck` on that");
    } else if sealed.sealed().exists() {
        let hint = "move it away to seal the journal, or delete the journal";
        return Err(Failure::usage(format!("not sealed: {} exists", sealed.sealed().display())).hint(hint));
    } else if let Some(result) = serve::seal_journal(file, sealed.sealed(), &|_| None)? {
        say(&result.summary);
    }
    Ok(if left_out.is_empty() { Code::Clean } else { Code::Input })
}
