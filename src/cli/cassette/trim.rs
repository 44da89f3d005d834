//! `tapdeck cassette trim`.

use std::path::{Path, PathBuf};

use crate::cassette::{self, Cassette, Choice, TrimError, seal};
use crate::cli::bar::Bar;
use crate::cli::options::CassettePath;
use crate::cli::{Code, Failure, say, serve};
use crate::replay;

/// What to cut out of what.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    /// A cassette or journal, of any size
    file: PathBuf,
    /// The cassette to make; its name ends in `.cassette.json`
    #[arg(short, long, value_name = "CASSETTE")]
    output: CassettePath,
    /// Keep this player (repeatable); without it, all of them
    #[arg(long = "lane", value_name = "NAME")]
    lanes: Vec<String>,
    /// Keep what is about this session (repeatable), by its name or as `scid~template~name`
    #[arg(long = "session", value_name = "NAME")]
    sessions: Vec<String>,
    /// Keep what was asked after this mark, by its note or its number
    #[arg(long, value_name = "NOTE|N")]
    from_mark: Option<String>,
    /// Keep what was asked before this mark
    #[arg(long, value_name = "NOTE|N")]
    to_mark: Option<String>,
    /// Replace the cassette if it exists
    #[arg(long)]
    overwrite: bool,
}

pub(super) fn run(options: &Options) -> Result<Code, Failure> {
    let sealed = options.output.sealed();
    if sealed.exists() && !options.overwrite {
        let hint = "give --overwrite to replace it, or another name";
        return Err(Failure::usage(format!("{} exists", sealed.display())).hint(hint));
    }
    let choice = Choice {
        lanes: options.lanes.clone(),
        sessions: options.sessions.clone(),
        from: options.from_mark.clone(),
        to: options.to_mark.clone(),
    };
    // A file is read several times over, by bytes and by records.
    let bar = Bar::of_unknown(format!("reading {}", options.file.display()));
    let trimmed = cassette::trim(&options.file, &choice, &mut || bar.add(1));
    drop(bar);
    let trimmed = trimmed.map_err(|error| untrimmed(&options.file, error))?;
    let unsealed = |error: &dyn std::fmt::Display| {
        Failure::runtime(format!("cannot seal {}: {error}", sealed.display())).hint("nothing was written")
    };
    let bytes = seal::seal(&trimmed.cassette).map_err(|error| unsealed(&error))?;
    let cassette = Cassette::parse(sealed, &bytes).map_err(|error| unsealed(&error))?;
    seal::write_sealed(sealed, &bytes).map_err(|error| unsealed(&error))?;
    trimmed.notes.iter().for_each(|note| say(&format!("note: {note}")));
    Ok(tell(sealed, &cassette))
}

/// Says what was made, and whether it replays.
fn tell(sealed: &Path, cassette: &Cassette) -> Code {
    let unfaithful = replay::verify(cassette);
    let replays = match unfaithful.len() {
        0 => "this recording replays".to_owned(),
        1 => "1 exchange does not replay".to_owned(),
        count => format!("{count} exchanges do not replay"),
    };
    let lanes = cassette.lanes.join(", ");
    say(&format!("sealed {}: {}; {replays}; players: {lanes}", sealed.display(), cassette.contents()));
    for problem in unfaithful.iter().take(MOST_SHOWN) {
        say(&format!("  exchange {} (line {}) does not replay: {}", problem.exchange, problem.line, problem.what));
    }
    if unfaithful.is_empty() { Code::Clean } else { Code::Findings }
}

fn untrimmed(file: &Path, error: TrimError) -> Failure {
    let file = file.display();
    match error {
        TrimError::Cassette(error) => serve::unreadable(&error),
        TrimError::Seal(error) => {
            Failure::input(format!("{file}: {error}")).hint("`tapdeck cassette fsck` examines it")
        }
        error => Failure::usage(format!("{file}: {error}")).hint("`tapdeck cassette show` lists what is in it"),
    }
}

const MOST_SHOWN: usize = 10;

pub(super) const EXAMPLES: &str = "\
Examples:
  tapdeck cassette trim day.cassette.json -o round2.cassette.json --from-mark 'round two' --to-mark 'round three'
  tapdeck cassette trim day.cassette.json -o lobby.cassette.json --session lobby-7 --lane host --lane guest

A socket that is open in between keeps its opening and its subscriptions, a handle that is used the call that made it.
Generated player names are numbered anew.";
