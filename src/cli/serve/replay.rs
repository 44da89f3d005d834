//! `tapdeck replay`.

use std::sync::Arc;

use super::play::PlayOptions;
use super::{Deck, found, many};
use crate::cli::options::{EnforceOption, Ways, contract};
use crate::cli::{Code, Failure, say};
use crate::config::Project;
use crate::engine::{Engine, Source};
use crate::intercept::{Reverse, neighbours_in};
use crate::redact::Redactor;

/// `tapdeck replay`
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    /// The cassette to play
    cassette: std::path::PathBuf,
    #[command(flatten)]
    play: PlayOptions,
    #[command(flatten)]
    enforce: EnforceOption,
    #[command(flatten)]
    ways: Ways,
}

pub(in crate::cli) async fn run(options: Options, project: &Project, redactor: Arc<Redactor>) -> Result<Code, Failure> {
    let cassette = options.play.read(&options.cassette)?;
    let contract = contract(project)?;
    let deck = Deck::open(&options.ways).await?;
    let player = options.play.player(&cassette, project)?;
    say(&format!(
        "replaying {} in {} from {}",
        many(cassette.exchanges().count(), "exchange"),
        many(player.tape().lanes().len(), "lane"),
        options.cassette.display()
    ));
    let engine = Engine::new(Source::Replay(player), redactor, contract, None, options.enforce.into());
    let (dialler, neighbours) = (deck.dialler(), neighbours_in(&cassette));
    deck.run(&engine, Some(Reverse::default()), neighbours, dialler).await;
    let Some(receipt) = engine.receipt() else { return Ok(Code::Clean) };
    say(&format!("{receipt}; {}", found(&engine)));
    Ok(options.play.verdict(&receipt))
}

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  tapdeck replay lobby.cassette.json
  tapdeck replay --listen 127.0.0.1:0 --require-seal lobby.cassette.json

Every answer says how it came about in `tapdeck-outcome`: hit, bound, repeat or miss.
Exit code 1 when anything was missed.";
