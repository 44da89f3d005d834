//! `tapdeck run`: a command with a deck around it, and one exit code for both.

mod child;
mod jks;
mod surroundings;
mod trust;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use super::control::Control;
use super::options::{CassettePath, EnforceOption, FailOnArg, Ways};
use super::serve::found;
use super::serve::play::PlayOptions;
use super::serve::record::{self, RecordOptions};
use super::serve::replay;
use super::serve::stage::{Means, Stage};
use super::session::Ended;
use super::{Code, Failure, say};
use crate::config::Project;
use crate::contract::Severity;
use crate::engine::Engine;
use crate::redact::Redactor;
use child::Child;
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
    if options.ways.ready_file.as_deref() == Some(Path::new("-")) {
        return Err(Failure::usage("standard output is the command's").hint("give --ready-file a file's name"));
    }
    let began = Instant::now();
    let stage = options.stage(project, redactor).await?;
    let engine = Arc::clone(&stage.engine);
    let (code, ended) = match options.around(stage).await {
        Ok(ran) => ran,
        Err(failure) => {
            options.discard(&engine).await;
            return Err(failure);
        }
    };
    let verdict = options.verdict(&engine, ended, began).await;
    if code == 0 {
        return verdict.map(ExitCode::from);
    }
    if let Err(failure) = verdict {
        say(&failure.to_string());
    }
    Ok(ExitCode::from(code))
}

impl Options {
    async fn stage(&self, project: &Project, redactor: Arc<Redactor>) -> Result<Stage, Failure> {
        let means = Means { ways: &self.ways, enforce: self.enforce, project, redactor };
        match (&self.tape.replay, &self.tape.record) {
            (Some(cassette), _) => replay::stage(cassette, &self.play, means).await,
            (None, Some(cassette)) => self.recording.stage(cassette, self.control, means).await,
            (None, None) => Err(Failure::usage("there is no cassette").hint("give --replay or --record")),
        }
    }

    /// Runs the command while the deck answers it; gives its exit code, and how the deck ended.
    async fn around(&self, stage: Stage) -> Result<(u8, Ended), Failure> {
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
        let ended = stage.run_until(&mut child).await.ended;
        // Where the deck ended first, nobody answers the command any more.
        Ok((child.terminate().await?, ended))
    }

    /// Leaves no recording of a command that never ran.
    async fn discard(&self, engine: &Engine) {
        if let (Some(cassette), Some(recorder)) = (&self.tape.record, engine.recorder()) {
            let _ = recorder.close().await;
            record::remove_if_empty(&cassette.journal());
        }
    }

    /// Our own part of the exit code, and the closing line.
    async fn verdict(&self, engine: &Engine, ended: Ended, began: Instant) -> Result<Code, Failure> {
        let (is_grave, mut code) = (self.is_grave(engine), Code::Clean);
        if let Some(cassette) = &self.tape.record {
            code = record::finish(engine, cassette, ended).await?;
        } else if let Some(receipt) = self.play.finish(engine).await? {
            code = self.play.verdict(&receipt);
            let mut closing = format!("{receipt}, {:.1} s", began.elapsed().as_secs_f64());
            if engine.watch().tallied().calls == 0 {
                closing.push_str("; no call came: docs/run.md says which programs heed the environment");
            }
            if is_grave {
                closing.push_str(&format!("; {}", found(engine)));
            }
            say(&closing);
        }
        Ok(if is_grave && code == Code::Clean { Code::Findings } else { code })
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
