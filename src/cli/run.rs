//! `tapdeck run`: a command with a deck around it, and one exit code for both.

mod child;
mod jks;
mod junit;
pub(super) mod surroundings;
pub(super) mod trust;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use super::control::Control;
use super::destination::Destination;
use super::options::{CassettePath, EnforceOption, FailOnArg, Ways, writable};
use super::serve::found;
use super::serve::play::PlayOptions;
use super::serve::record::{self, RecordOptions};
use super::serve::replay;
use super::serve::stage::{Means, Stage};
use super::session::Ended;
use super::{Code, Failure, say};
use crate::config::Project;
use crate::contract::Severity;
use crate::engine::journal::Bounds;
use crate::engine::{Engine, Receipt};
use crate::redact::Redactor;
use child::Child;
use junit::Outcome;
use surroundings::{Surroundings, named_roots};
use trust::Trust;

/// `tapdeck run`
#[derive(Debug, clap::Args)]
#[command(mut_arg("listen", |listen| listen.default_value("127.0.0.1:0")))]
#[command(mut_arg("admin", |admin| admin.default_value("127.0.0.1:0")))]
pub(super) struct Options {
    #[command(flatten)]
    tape: TapeArgs,
    /// The command and its arguments, after `--`
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    /// The least severity of a finding that makes the exit code 1
    #[arg(long, default_value = "error", value_name = "SEVERITY")]
    fail_on: FailOnArg,
    /// Write the run to this file as JUnit XML: a case for the whole, one per miss and per finding that fails
    #[arg(long, value_name = "FILE", value_parser = writable)]
    junit: Option<PathBuf>,
    #[command(flatten)]
    play: PlayOptions,
    #[command(flatten)]
    recording: RecordOptions,
    #[command(flatten)]
    control: Control,
    #[command(flatten)]
    enforce: EnforceOption,
    #[command(flatten)]
    ways: Ways,
}

/// What the deck does.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct TapeArgs {
    /// Answer the command's calls from this cassette, without the service
    #[arg(long, value_name = "CASSETTE")]
    replay: Option<PathBuf>,
    /// Record the command's calls to this cassette; its name ends in `.cassette.json`
    #[arg(long, value_name = "CASSETTE")]
    record: Option<CassettePath>,
}

pub(super) async fn run(options: Options, project: &Project, redactor: Arc<Redactor>) -> Result<ExitCode, Failure> {
    let to_stdout = [&options.ways.ready_file, &options.junit].into_iter().flatten().any(|file| file == Path::new("-"));
    if to_stdout {
        return Err(Failure::usage("standard output is the command's").hint("name a file in place of `-`"));
    }
    let began = Instant::now();
    let page = options.junit.as_deref().map(Destination::open).transpose()?;
    let stage = options.stage(project, redactor).await?;
    let engine = Arc::clone(&stage.engine);
    let (code, ended, engine) = match options.around(stage).await {
        Ok(ran) => ran,
        Err(failure) => {
            options.discard(&engine).await;
            return Err(failure);
        }
    };
    let ran = match &options.tape.record {
        Some(cassette) => recorded(&engine, cassette, ended).await,
        None => options.replayed(&engine, began, code).await,
    };
    let verdict = ran.and_then(|ran| options.verdict(&engine, &ran, code, page));
    if code == 0 {
        return verdict.map(ExitCode::from);
    }
    if let Err(failure) = verdict {
        say(&failure.to_string());
    }
    Ok(ExitCode::from(code))
}

/// How our part of a run went.
struct Ran {
    cassette: PathBuf,
    code: Code,
    /// How it went, in one line.
    summary: String,
    /// What went wrong, over several lines.
    trouble: String,
    receipt: Option<Receipt>,
}

/// Seals what was recorded.
async fn recorded(engine: &Engine, cassette: &CassettePath, ended: Ended) -> Result<Ran, Failure> {
    let code = record::finish(engine, cassette, ended).await?;
    let (cassette, trouble) = (cassette.sealed().to_owned(), "see what tapdeck said at its end\n".to_owned());
    Ok(Ran { cassette, code, summary: found(engine), trouble, receipt: None })
}

impl Options {
    /// True when nothing that the command sends is kept.
    pub(super) fn keeps_nothing(&self) -> bool {
        self.tape.replay.is_some() && self.play.keeps_nothing()
    }

    async fn stage(&self, project: &Project, redactor: Arc<Redactor>) -> Result<Stage, Failure> {
        let means = Means { ways: &self.ways, enforce: self.enforce, project, redactor };
        match (&self.tape.replay, &self.tape.record) {
            (Some(cassette), _) => {
                let mut stage = replay::stage(cassette, &self.play, means).await?;
                stage.control = self.control.open_if_free(&self.ways).await?;
                Ok(stage)
            }
            (None, Some(cassette)) => self.recording.stage(cassette, Bounds::default(), self.control, means).await,
            (None, None) => Err(Failure::usage("there is no cassette").hint("give --replay or --record")),
        }
    }

    /// Runs the command while the deck answers it; gives its exit code, how the deck ended, and what answered last.
    async fn around(&self, stage: Stage) -> Result<(u8, Ended, Arc<Engine>), Failure> {
        let of = |name: &str| std::env::var_os(name);
        let trust = Trust::new(stage.authority(), &named_roots(of))?;
        let surroundings = Surroundings {
            proxy: stage.address(),
            control: stage.control(),
            trust: &trust,
            neighbours: stage.neighbours(),
        };
        let _ready = stage.tell()?;
        let mut child = Child::start(&self.command, surroundings.variables(of))?;
        let ran = stage.run_until(&mut child, |_, _| ()).await;
        // Where the deck ended first, nobody answers the command any more.
        Ok((child.terminate().await?, ran.ended, ran.engine))
    }

    /// Leaves no recording of a command that never ran.
    async fn discard(&self, engine: &Engine) {
        let Some(recorder) = engine.recorder() else { return };
        let _ = recorder.close().await;
        let journal = self.tape.record.as_ref().map(CassettePath::journal);
        if let Some(journal) = journal.or_else(|| self.play.save_live.clone()) {
            record::remove_if_empty(&journal);
        }
    }

    /// Says how the replay went, in one line after what went wrong. A command that failed has left calls out for that.
    async fn replayed(&self, engine: &Engine, began: Instant, command: u8) -> Result<Ran, Failure> {
        let receipt = self.play.finish(engine, command == 0).await?;
        let receipt =
            receipt.ok_or_else(|| Failure::runtime("nothing was replayed").hint("give --replay a cassette"))?;
        let mut closing = format!("{receipt}, {:.1} s", began.elapsed().as_secs_f64());
        if engine.watch().tallied().calls == 0 {
            closing.push_str("; no call came: docs/run.md says which programs heed the environment");
        }
        if self.is_grave(engine) {
            closing.push_str(&format!("; {}", found(engine)));
        } else {
            closing.push_str(&engine.watch().elsewhere().to_string());
        }
        say(&closing);
        let (cassette, code) = (self.tape.replay.clone().unwrap_or_default(), self.play.verdict(&receipt));
        let trouble = self.play.troubles(&receipt, command == 0);
        Ok(Ran { cassette, code, summary: receipt.to_string(), trouble, receipt: Some(receipt) })
    }

    /// Our own part of the exit code; and the page for CI.
    fn verdict(&self, engine: &Engine, ran: &Ran, command: u8, page: Option<Destination>) -> Result<Code, Failure> {
        if let Some(page) = page {
            let mut trouble = if ran.code == Code::Clean { String::new() } else { ran.trouble.clone() };
            if command != 0 {
                trouble.push_str(&format!("the command ended with exit code {command}\n"));
            }
            let outcome = Outcome {
                cassette: &ran.cassette.display().to_string(),
                what: if ran.receipt.is_some() { "replay" } else { "record" },
                trouble: Some(trouble.as_str()).filter(|trouble| !trouble.is_empty()),
                summary: &ran.summary,
                receipt: ran.receipt.as_ref(),
                faults: &engine.faults(),
                fail_on: self.fail_on.severity(),
            };
            let text = outcome.render().map_err(|error| Failure::runtime(format!("no JUnit XML: {error}")))?;
            page.write(text.as_bytes())?;
        }
        Ok(if ran.code == Code::Clean && self.is_grave(engine) { Code::Findings } else { ran.code })
    }

    /// True when something was found that makes the run a failure.
    fn is_grave(&self, engine: &Engine) -> bool {
        let tallied = engine.watch().tallied();
        let found =
            [(Severity::Error, tallied.errors), (Severity::Warning, tallied.warnings), (Severity::Info, tallied.infos)];
        let least = self.fail_on.severity();
        found.into_iter().any(|(severity, count)| count > 0 && least.is_some_and(|least| severity <= least))
    }
}

pub(super) const EXAMPLES: &str = "\
Examples:
  tapdeck run --replay lobby.cassette.json -- ./game-tests --fast
  tapdeck run --replay lobby.cassette.json --fail-on never -- python3 -m pytest tests
  tapdeck run --record lobby.cassette.json --upstream emulator -- ./game-tests

The command finds the deck in HTTPS_PROXY and the like, and whom to trust in SSL_CERT_FILE and the
like; for programs that heed neither, TAPDECK_PROXY and TAPDECK_CONTROL are our URLs, TAPDECK_CA is our
certificate. `docs/run.md` lists it by program. What it reads and writes is left alone; what tapdeck
says goes to standard error.

The exit code is the command's unless that is 0 (128 + n when signal n ended it), then ours: 1 when a
call was missed, or something was found at or above --fail-on. 2: the command cannot be run.";
