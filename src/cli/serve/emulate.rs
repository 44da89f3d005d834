//! `tapdeck emulate`.

use std::sync::Arc;

use super::stage::Stage;
use super::{Deck, found};
use crate::cli::control::Control;
use crate::cli::options::{EmulatorOptions, EnforceOption, Reached, Ways, contract};
use crate::cli::{Code, Failure, print, say};
use crate::config::Project;
use crate::emulator::Policies;
use crate::engine::Engine;
use crate::redact::Redactor;

/// `tapdeck emulate`
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    /// Print every choice the documents leave open, as a `tapdeck.toml` sets it, and end
    #[arg(long)]
    policies: bool,
    #[command(flatten)]
    emulator: EmulatorOptions,
    #[command(flatten)]
    control: Control,
    #[command(flatten)]
    enforce: EnforceOption,
    #[command(flatten)]
    ways: Ways,
}

pub(in crate::cli) async fn run(options: Options, project: &Project, redactor: Arc<Redactor>) -> Result<Code, Failure> {
    let settings = options.emulator.settings(project)?;
    if options.policies {
        print(&policies(&settings.policies))?;
        return Ok(Code::Clean);
    }
    let contract = contract(project)?;
    let deck = Deck::open(&options.ways).await?;
    let control = options.control.open(&options.ways).await?;
    let reached = Reached::emulating(settings, deck.dialler.clone());
    let neighbours = deck.neighbours(&reached.neighbours)?;
    let title = "emulating MPSD and RTA".into();
    let engine = Engine::new(reached.source, redactor, contract, None, options.enforce.into());
    let (reverse, dialler) = (reached.reverse, reached.dialler);
    Stage { deck, title, engine: Arc::clone(&engine), reverse, neighbours, dialler, control, sessions: None }
        .run()
        .await?;
    say(&found(&engine));
    Ok(Code::Clean)
}

/// Every policy as a file would set it.
fn policies(policies: &Policies) -> String {
    let mut out = String::from("[emulator.policies]\n");
    for policy in policies.listed() {
        out.push_str(&format!("\n# {} ({})\n", policy.explanation, policy.source));
        if policy.value != policy.default {
            out.push_str(&format!("# unless set: {}\n", policy.default));
        }
        out.push_str(&format!("{} = {}\n", policy.name, policy.value));
    }
    out
}

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  tapdeck emulate --clock wall                      a service to develop against: timers run
  tapdeck emulate --seed 7 --user '1234:xuid=2814000000000001&gtg=Host&did=console'
      the clock stands until `curl -d '{\"by\":\"30s\"}' http://127.0.0.1:8889/v1/clock:advance`
  tapdeck emulate --policies > tapdeck.toml         every choice the documents leave open, to change

A token is `XBL3.0 x=HASH;…`. Who that is comes from --user, from --people, from the token itself when it is of the
form `XBL3.0 x=HASH;xuid=…&gtg=…&did=…&tid=…&prv=…&kind=user|server|expired`, or from the first request that says so.";
