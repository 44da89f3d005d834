//! `tapdeck watch`.

use std::sync::Arc;

use super::stage::Stage;
use super::{Deck, found};
use crate::cli::control::Control;
use crate::cli::options::{EnforceOption, Service, Ways, contract};
use crate::cli::{Code, Failure, say};
use crate::config::Project;
use crate::engine::Engine;
use crate::redact::Redactor;

/// `tapdeck watch`
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    #[command(flatten)]
    service: Service,
    #[command(flatten)]
    control: Control,
    #[command(flatten)]
    enforce: EnforceOption,
    #[command(flatten)]
    ways: Ways,
}

pub(in crate::cli) async fn run(options: Options, project: &Project, redactor: Arc<Redactor>) -> Result<Code, Failure> {
    let contract = contract(project)?;
    let deck = Deck::open(&options.ways).await?;
    let reached = options.service.reach(project, &options.ways.hosts, deck.dialler.clone(), deck.limits)?;
    let neighbours = deck.neighbours(&reached.neighbours)?;
    let control = options.control.open_if_free(&options.ways).await?;
    let title = format!("watching calls to {}", reached.name);
    let engine = Engine::new(reached.source, redactor, contract, None, options.enforce.into());
    let (reverse, dialler) = (reached.reverse, reached.dialler);
    let stage =
        Stage { deck, title, engine: Arc::clone(&engine), reverse, neighbours, dialler, control, sessions: None };
    stage.run().await?;
    say(&found(&engine));
    Ok(Code::Clean)
}

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  tapdeck watch                                        check calls on their way to the hosts they name
  tapdeck watch --enforce --log-format json            answer violations here; findings as JSON lines

On a terminal, the last line tells who calls, what was found, and what is wrong with a client; the
key `?` tells the keys. Nothing is kept, so no marks are set: `tapdeck record` does that";
