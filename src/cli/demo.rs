//! `tapdeck demo`: the whole story over real sockets and real TLS, in seconds, with nothing but this binary.
//!
//! Two scripted players meet in a lobby of the emulator while the deck records. The recording is sealed and played to
//! two fresh players, with other ids and in another order; every answer must come back the same but for those ids.

mod cast;
mod script;
mod stage;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::serve::seal_journal;
use super::{Code, Failure, colour, print};
use crate::cassette::Cassette;
use crate::clock::{Clock, virtual_start};
use crate::conduct::Judge;
use crate::emulator::{Emulator, Settings};
use crate::engine::{Enforce, Engine, Recorder, Source};
use crate::intercept::Authority;
use crate::redact::Redactor;
use crate::replay::{self, Player, Tape};
use crate::report::Report;
use cast::Cast;
use script::{PLAYED, RECORDED, Scene};
use stage::Stage;

/// Where the demo leaves its files.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Keep the cassette and the certificate authority in this directory
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

pub(super) async fn run(options: Options) -> Result<Code, Failure> {
    let temporary = tempfile::tempdir().map_err(|error| cannot(&"make a temporary directory", &error))?;
    let dir = options.keep.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&dir).map_err(|error| cannot(&format!("make {}", dir.display()), &error))?;
    let (journal, sealed) = (dir.join("demo.cassette.jsonl"), dir.join("demo.cassette.json"));
    if sealed.exists() || journal.exists() {
        return Err(Failure::usage(format!("{} already holds a demo", dir.display())).hint("give another directory"));
    }
    let authority = Authority::load_or_create(&dir.join("ca")).map_err(super::ca::failure)?;
    let authority = Arc::new(authority);

    print("1. Two players meet in a lobby; tapdeck sits in between and records.\n\n")?;
    let recorded = record(&authority, &journal).await?;
    print(&timeline(&recorded))?;
    let seal = seal_journal(&journal, &sealed, &|_| None)?.ok_or_else(|| Failure::runtime("nothing was recorded"))?;
    print(&format!("\n2. The recording is sealed: tokens removed, people renamed.\n\n   {}\n", seal.summary))?;

    print("\n3. Two fresh players replay it: new names, new ids, another order, no service.\n\n")?;
    let cassette = Cassette::read(&sealed).map_err(|error| Failure::input(error.to_string()))?;
    let (played, tally) = play(&authority, &cassette).await?;
    let differences = differences(&recorded, &played);
    print(&verdict(&differences, tally))?;

    print("\n4. The contract has something to say about two of those calls.\n\n")?;
    let mut report = Report::default();
    report.cassette(&mut Judge::new(Arc::default()), &cassette, "demo.cassette.json");
    print(&report.text(colour()))?;
    print(&next(options.keep.as_deref()))?;
    let is_right = seal.unfaithful.is_empty()
        && differences.is_empty()
        && tally.misses == 0
        && report.findings.iter().map(|located| located.count).sum::<usize>() == 2;
    Ok(if is_right { Code::Clean } else { Code::Findings })
}

async fn record(authority: &Arc<Authority>, journal: &Path) -> Result<Vec<Scene>, Failure> {
    let recorder = Recorder::create(journal).map_err(|error| Failure::runtime(error.to_string()))?;
    let emulator = Emulator::new(Settings::new(1, Clock::manual(virtual_start())));
    let engine = engine(Source::Emulator(emulator), Some(recorder));
    let stage = Stage::open(Arc::clone(&engine), Arc::clone(authority)).await?;
    let scenes = script::perform(&stage, Cast::new(1), &RECORDED).await?;
    stage.close(&engine).await;
    if let Some(recorder) = engine.recorder() {
        recorder.close().await.map_err(|error| Failure::runtime(error.to_string()))?;
    }
    Ok(scenes)
}

async fn play(authority: &Arc<Authority>, cassette: &Cassette) -> Result<(Vec<Scene>, replay::Tally), Failure> {
    let player = Player::new(Tape::of(cassette), replay::Options::default());
    let engine = engine(Source::Replay(player), None);
    let stage = Stage::open(Arc::clone(&engine), Arc::clone(authority)).await?;
    let scenes = script::perform(&stage, Cast::new(2), &PLAYED).await?;
    stage.close(&engine).await;
    Ok((scenes, engine.player().map(Player::tally).unwrap_or_default()))
}

fn engine(source: Source, recorder: Option<Recorder>) -> Arc<Engine> {
    Engine::new(source, Arc::new(Redactor::new(1)), Arc::default(), recorder, Enforce::Report)
}

fn timeline(scenes: &[Scene]) -> String {
    let line = |scene: &Scene| {
        format!("   {:5}  {:31}  {:4} {:31} {}\n", scene.who, scene.title, scene.method, scene.what, scene.status)
    };
    scenes.iter().map(line).collect()
}

/// Scenes of the second performance that differ from the first by more than the players' own ids.
fn differences(recorded: &[Scene], played: &[Scene]) -> Vec<String> {
    let differs = |scene: &&Scene| {
        let twin = recorded.iter().find(|twin| twin.title == scene.title);
        twin.is_none_or(|twin| twin.outcome() != scene.outcome())
    };
    played.iter().filter(differs).map(|scene| format!("{}: {} {}", scene.who, scene.title, scene.status)).collect()
}

fn verdict(differences: &[String], tally: replay::Tally) -> String {
    let counts = format!(
        "   {} hit ({} bound), {} repeat, {} miss, {} unplayed, upstream 0\n",
        tally.hits + tally.bound,
        tally.bound,
        tally.repeats,
        tally.misses,
        tally.unplayed
    );
    match differences {
        [] => format!("{counts}   every answer came back equal, with the fresh players' own ids in place\n"),
        list => format!("{counts}   these answers came back different:\n     {}\n", list.join("\n     ")),
    }
}

fn next(keep: Option<&Path>) -> String {
    let (cassette, first) = match keep {
        Some(dir) => (dir.join("demo.cassette.json").display().to_string(), ""),
        None => (
            "story/demo.cassette.json".to_owned(),
            "   tapdeck demo --keep story                     keep these files, then:\n",
        ),
    };
    format!(
        "\nTry next:\n{first}   tapdeck cassette show {cassette}\n   tapdeck rules contract-version-missing\n   tapdeck replay {cassette}\n"
    )
}

fn cannot(what: &dyn std::fmt::Display, error: &std::io::Error) -> Failure {
    Failure::runtime(format!("cannot {what}: {error}"))
}
