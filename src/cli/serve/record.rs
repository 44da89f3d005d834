//! `tapdeck record`.

mod length;

use std::path::Path;
use std::sync::Arc;

use super::stage::{Means, Stage};
use super::{Deck, found, seal_journal};
use crate::cassette::{CassetteError, Ledger, Record, first_part, parts};
use crate::cli::control::Control;
use crate::cli::options::{CassettePath, EnforceOption, Service, Ways, contract};
use crate::cli::session::Ended;
use crate::cli::{Code, Failure, say};
use crate::config::Project;
use crate::engine::journal::{Bounds, JournalError};
use crate::engine::{Engine, Recorder, Source};
use crate::platform;
use crate::redact::Redactor;
use length::Length;

/// `tapdeck record`
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    /// The cassette to make; its name ends in `.cassette.json`
    cassette: CassettePath,
    #[command(flatten)]
    recording: RecordOptions,
    #[command(flatten)]
    length: Length,
    #[command(flatten)]
    control: Control,
    #[command(flatten)]
    enforce: EnforceOption,
    #[command(flatten)]
    ways: Ways,
}

/// What is recorded, and over what.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Recording")]
pub(in crate::cli) struct RecordOptions {
    /// Replace the cassette if it exists
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    service: Service,
}

pub(in crate::cli) async fn run(options: Options, project: &Project, redactor: Arc<Redactor>) -> Result<Code, Failure> {
    let Options { cassette, recording, length, control, enforce, ways } = options;
    let means = Means { ways: &ways, enforce, project, redactor };
    let stage = recording.stage(&cassette, length.bounds(), control, means).await?;
    let over = length.reached(Arc::clone(&stage.engine));
    let ran = stage.run_until_over(over).await?;
    finish(&ran.engine, &cassette, ran.ended).await
}

impl RecordOptions {
    /// A deck that records to a cassette.
    pub(in crate::cli) async fn stage(
        &self,
        cassette: &CassettePath,
        bounds: Bounds,
        control: Control,
        means: Means<'_>,
    ) -> Result<Stage, Failure> {
        let Means { ways, enforce, project, redactor } = means;
        let sealed = cassette.sealed();
        if sealed.exists() && !self.overwrite {
            let hint = "give --overwrite to replace it, or another name";
            return Err(Failure::usage(format!("{} exists", sealed.display())).hint(hint));
        }
        let contract = contract(project)?;
        let deck = Deck::open(ways).await?;
        let reached = self.service.reach(project, &ways.hosts, deck.dialler.clone(), deck.limits)?;
        let neighbours = deck.neighbours(&reached.neighbours)?;
        let control = match &reached.source {
            Source::Emulator(_) => control.open(ways).await?,
            _ => control.open_if_free(ways).await?,
        };
        remove_if_empty(&cassette.journal());
        let recorder = Recorder::bounded(&cassette.journal(), bounds).map_err(|error| unopened(&error))?;
        let title = format!("recording {} to {}", reached.name, cassette.journal().display());
        let engine = Engine::new(reached.source, redactor, contract, Some(recorder), enforce.into());
        let (reverse, dialler) = (reached.reverse, reached.dialler);
        Ok(Stage { deck, title, engine, reverse, neighbours, dialler, control, sessions: None })
    }
}

/// Ends the journal, seals it, and tells how the recording went.
pub(in crate::cli) async fn finish(engine: &Engine, cassette: &CassettePath, ended: Ended) -> Result<Code, Failure> {
    let journal = cassette.journal();
    let Some(recorder) = engine.recorder() else {
        return Ok(Code::Clean);
    };
    let closed = recorder.close().await;
    if let Some(error) = engine.failure().or_else(|| closed.as_ref().err()) {
        let hint = format!("`tapdeck cassette fsck {}` seals what is in it", journal.display());
        return Err(Failure::runtime(error.to_string()).hint(hint));
    }
    if ended == Ended::Aborted {
        say(&format!("cut off; the journal stays: `tapdeck cassette fsck {}` seals it", journal.display()));
        return Ok(Code::Runtime);
    }
    let polish = |record: &Record| recorder.polished(engine.redactor(), record);
    let Some(verdict) = seal_journal(&journal, cassette.sealed(), &polish)? else {
        let elsewhere = engine.watch().elsewhere().to_string();
        let why = match elsewhere.is_empty() {
            true => "; is the client's proxy set, and does it trust the certificate?",
            false => elsewhere.as_str(),
        };
        say(&format!("no call arrived, so nothing was sealed{why}"));
        return Ok(Code::Clean);
    };
    say(&format!("{}; secrets: {}; {}", verdict.summary, recorder.secrets(), found(engine)));
    for problem in verdict.unfaithful.iter().take(MOST_SHOWN) {
        say(&format!("  exchange {} (line {}) does not replay: {}", problem.exchange, problem.line, problem.what));
    }
    let code = if verdict.unfaithful.is_empty() { Code::Clean } else { Code::Findings };
    Ok(if recorder.secrets() > 0 { Code::Secret } else { code })
}

/// A journal left behind with no exchange in it is in nobody's way.
pub(in crate::cli) fn remove_if_empty(journal: &Path) {
    let is_short = std::fs::metadata(journal).is_ok_and(|about| about.len() < MOST_OF_AN_EMPTY_ONE);
    if !is_short || parts(journal).is_ok_and(|parts| parts.len() > 1) {
        return;
    }
    let is_empty = match Ledger::open(journal, &mut |_| {}) {
        Ok(ledger) => ledger.exchanges() == 0 && ledger.notes.is_empty(),
        Err(error) => matches!(error, CassetteError::Empty { .. }),
    };
    if is_empty {
        // If it cannot be removed, starting the new one says why.
        let _ = platform::remove(journal);
    }
}

/// A journal that cannot be started.
fn unopened(error: &JournalError) -> Failure {
    let hint = match error {
        JournalError::Exists { path } => {
            let whole = first_part(path).unwrap_or_else(|| path.clone());
            format!("`tapdeck cassette fsck {}` seals what is in it", whole.display())
        }
        _ => "choose another place".to_owned(),
    };
    Failure::runtime(error.to_string()).hint(hint)
}

const MOST_SHOWN: usize = 10;
/// What is longer holds more than a head.
const MOST_OF_AN_EMPTY_ONE: u64 = 1 << 16;

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  tapdeck record lobby.cassette.json
      record whatever clients with the proxy 127.0.0.1:8888 say to MPSD
  tapdeck record --upstream emulator lobby.cassette.json
      record against the embedded emulator, with no Xbox Live
  tapdeck record --upstream https://mpsd.test:8443 --upstream-ca roots.pem lobby.cassette.json
      stand in front of one service: clients call http://127.0.0.1:8888
  tapdeck record --max-time 12h --max-size 20GB playtest.cassette.json
      record until Ctrl-C, but no longer than a day at the studio
  tapdeck record --listen 127.0.0.1:8888 --listen guest=127.0.0.1:8891 lobby.cassette.json
      call the player `guest` who comes by the second address; or has the proxy http://guest@127.0.0.1:8888
  tapdeck record --listen 0.0.0.0:8888 --allow 10.0.0.0/24 --name 10.0.0.31=host --name 10.0.0.32=guest day1.cassette.json
      a playtest: consoles of the LAN set this machine as proxy, port 8888, and find at http://ADDRESS:8888/ how, and
      the certificate; `--listen 0.0.0.0:443 --resolve sessiondirectory.xboxlive.com=ADDRESS` takes in those, too, whose
      hosts file or DNS says that this machine is the service

On a terminal, the last line tells who calls, what was found, and what is wrong with a client. The
key `m` sets a mark there: a moment of the recording, with a note that you type; the space bar sets
one without, and `?` tells the keys. `tapdeck cassette show` has the marks, and
`tapdeck cassette trim --from-mark NOTE --to-mark NOTE` keeps what lies between two.

The first Ctrl-C drains and seals, the second aborts and keeps the journal. A long recording goes on in
further journals, NAME.2.cassette.jsonl and so forth; in the end all of them are sealed to one cassette.";
