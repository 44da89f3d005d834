//! `tapdeck replay`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::play::{PlayOptions, neighbours_in};
use super::stage::{Means, Stage};
use super::{Deck, found, many};
use crate::cli::options::{EnforceOption, Ways, contract};
use crate::cli::{Code, Failure, say};
use crate::config::Project;
use crate::engine::{Engine, Source};
use crate::intercept::Reverse;
use crate::redact::Redactor;

/// `tapdeck replay`
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    /// The cassette to play
    cassette: PathBuf,
    #[command(flatten)]
    play: PlayOptions,
    #[command(flatten)]
    enforce: EnforceOption,
    #[command(flatten)]
    ways: Ways,
}

pub(in crate::cli) async fn run(options: Options, project: &Project, redactor: Arc<Redactor>) -> Result<Code, Failure> {
    let Options { cassette, play, enforce, ways } = options;
    let stage = stage(&cassette, &play, Means { ways: &ways, enforce, project, redactor }).await?;
    let engine = Arc::clone(&stage.engine);
    stage.run().await?;
    let Some(receipt) = play.finish(&engine).await? else { return Ok(Code::Clean) };
    say(&format!("{receipt}; {}", found(&engine)));
    Ok(play.verdict(&receipt))
}

/// A deck that plays a cassette.
pub(in crate::cli) async fn stage(file: &Path, play: &PlayOptions, means: Means<'_>) -> Result<Stage, Failure> {
    let Means { ways, enforce, project, redactor } = means;
    let cassette = play.read(file)?;
    let contract = contract(project)?;
    let deck = Deck::open(ways).await?;
    let player = play.player(&cassette, project)?;
    let (exchanges, lanes) = (cassette.exchanges().count(), player.tape().lanes().len());
    let (exchanges, lanes) = (many(exchanges, "exchange"), many(lanes, "lane"));
    let title = format!("replaying {exchanges} in {lanes} from {}", file.display());
    let recorder = play.recorder()?;
    let engine = Engine::new(Source::Replay(player), redactor, contract, recorder, enforce.into());
    let (reverse, neighbours, dialler) = (Some(Reverse::default()), neighbours_in(&cassette), deck.dialler());
    Ok(Stage { deck, title, engine, reverse, neighbours, dialler, control: None })
}

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  tapdeck replay lobby.cassette.json
  tapdeck replay --listen 127.0.0.1:0 --require-seal lobby.cassette.json
  tapdeck replay --receipt receipt.json --save-live live.cassette.jsonl lobby.cassette.json
      for CI: what was played and missed, and what the game really sent, as files to keep

Every answer says how it came about in `tapdeck-outcome`: hit, bound, repeat or miss.
Exit code 1 when anything was missed, or, with --require-all-used, left out.";
