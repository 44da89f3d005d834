//! `tapdeck replay`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::play::PlayOptions;
use super::stage::{Means, Plan, Stage};
use super::{Deck, found};
use crate::cassette::{Cassette, many};
use crate::cli::control::Control;
use crate::cli::options::{EnforceOption, Ways, contract};
use crate::cli::{Code, Failure, say};
use crate::config::Project;
use crate::engine::{Engine, Source};
use crate::intercept::{Neighbours, Reverse};
use crate::redact::Redactor;
use crate::replay::{self, Player, Tape};

/// `tapdeck replay`
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    /// The cassette to play; without one, harnesses open sessions on the control port
    cassette: Option<PathBuf>,
    #[command(flatten)]
    play: PlayOptions,
    #[command(flatten)]
    control: Control,
    #[command(flatten)]
    enforce: EnforceOption,
    #[command(flatten)]
    ways: Ways,
}

impl Options {
    /// True when nothing that clients send is kept.
    pub(in crate::cli) fn keeps_nothing(&self) -> bool {
        self.play.keeps_nothing()
    }
}

pub(in crate::cli) async fn run(options: Options, project: &Project, redactor: Arc<Redactor>) -> Result<Code, Failure> {
    let Options { cassette, play, control, enforce, ways } = options;
    let means = Means { ways: &ways, enforce, project, redactor };
    let Some(cassette) = cassette else {
        idle_stage(&play, control, means).await?.run().await?;
        return Ok(Code::Clean);
    };
    let mut stage = stage(&cassette, &play, means).await?;
    stage.control = control.open_if_free(&ways).await?;
    let engine = stage.run().await?.engine;
    let Some(receipt) = play.finish(&engine, true).await? else { return Ok(Code::Clean) };
    say(&format!("{receipt}; {}", found(&engine)));
    Ok(play.verdict(&receipt))
}

/// A deck that plays a cassette.
pub(in crate::cli) async fn stage(file: &Path, play: &PlayOptions, means: Means<'_>) -> Result<Stage, Failure> {
    let cassette = play.read(file)?;
    let contract = contract(means.project)?;
    let player = play.player(&cassette, means.project)?;
    let deck = Deck::open_for(player.tape().lanes(), means.ways).await?;
    means.ways.given().for_each(|name| player.promise(name));
    let neighbours = deck.neighbours(&Neighbours::of(&cassette))?;
    let (exchanges, lanes) = (cassette.exchanges().count(), player.tape().lanes().len());
    let (exchanges, lanes) = (many(exchanges, "exchange"), many(lanes, "lane"));
    let title = format!("replaying {exchanges} in {lanes} from {}", file.display());
    let setup = play.sessions(&deck, &means, &contract);
    let sessions = Some(Plan { setup, main: Some(file.display().to_string()) });
    let recorder = play.recorder()?;
    let engine = Engine::new(Source::Replay(player), means.redactor, contract, recorder, means.enforce.into());
    let (reverse, dialler) = (Some(Reverse::default()), deck.dialler.clone());
    Ok(Stage { deck, title, engine, reverse, neighbours, dialler, control: None, sessions })
}

/// A deck that plays nothing by itself.
async fn idle_stage(play: &PlayOptions, control: Control, means: Means<'_>) -> Result<Stage, Failure> {
    play.need_nothing_of_one()?;
    let contract = contract(means.project)?;
    let Some(port) = control.open(means.ways).await? else {
        let hint = "name the cassette, or leave `--admin off` out";
        return Err(Failure::usage("without a cassette and without a control port nothing is played").hint(hint));
    };
    let deck = Deck::listening(means.ways).await?;
    let setup = play.sessions(&deck, &means, &contract);
    let title = format!("serving replay sessions of the cassettes in {}", setup.folder.display());
    // Nobody's calls reach it.
    let player = Player::new(Tape::of(&Cassette::of([])), replay::Options::default());
    let engine = Engine::new(Source::Replay(player), means.redactor, contract, None, means.enforce.into());
    let (reverse, dialler) = (Some(Reverse::default()), deck.dialler.clone());
    let sessions = Some(Plan { setup, main: None });
    let (neighbours, control) = (deck.neighbours(&Neighbours::default())?, Some(port));
    Ok(Stage { deck, title, engine, reverse, neighbours, dialler, control, sessions })
}

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  tapdeck replay lobby.cassette.json
  tapdeck replay --listen 127.0.0.1:0 --require-seal lobby.cassette.json
  tapdeck replay --listen host=127.0.0.1:8888 --listen guest=127.0.0.1:8891 --live all lobby.cassette.json
      each client is the recorded player of its listener's name; or it comes as http://guest@127.0.0.1:8888
  tapdeck replay
      open sessions by `curl -d '{\"cassette\":\"lobby.cassette.json\"}' http://127.0.0.1:8889/v1/sessions`
  tapdeck replay --receipt receipt.json --save-live live.cassette.jsonl lobby.cassette.json
      for CI: what was played and missed, and what the game really sent, as files to keep

Every answer says how it came about in `tapdeck-outcome`: hit, bound, repeat or miss.
Exit code 1 when anything was missed, or, with --require-all-used, left out.";
