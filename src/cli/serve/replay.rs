//! `tapdeck replay`.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Deck, found, many, unreadable};
use crate::cassette::{Cassette, Seal};
use crate::cli::options::{EnforceOption, Ways, contract};
use crate::cli::{Code, Failure, say};
use crate::config::Project;
use crate::engine::{Engine, Source};
use crate::intercept::Reverse;
use crate::mpsd;
use crate::redact::Redactor;
use crate::replay::{self, Live, Player, Tape};

/// `tapdeck replay`
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    /// The cassette to play
    cassette: std::path::PathBuf,
    /// How often a read past its last recorded answer may repeat it
    #[arg(long, env = "TAPDECK_REPEAT", default_value_t = 100, value_name = "N")]
    repeat: usize,
    /// The recorded players that come themselves: `one`, `all`, or names between commas; for the others the cassette
    /// does what they did
    #[arg(long, env = "TAPDECK_LIVE", default_value = "one", value_name = "PLAYERS")]
    live: String,
    /// The status of a miss
    #[arg(long, env = "TAPDECK_MISS_STATUS", default_value_t = 501, value_parser = clap::value_parser!(u16).range(400..600))]
    miss_status: u16,
    /// Refuse a cassette that was edited since it was sealed
    #[arg(long, env = "TAPDECK_REQUIRE_SEAL")]
    require_seal: bool,
    #[command(flatten)]
    enforce: EnforceOption,
    #[command(flatten)]
    ways: Ways,
}

pub(in crate::cli) async fn run(options: Options, project: &Project, redactor: Arc<Redactor>) -> Result<Code, Failure> {
    let cassette = Cassette::read(&options.cassette).map_err(|error| unreadable(&error))?;
    trust(&cassette, &options)?;
    let contract = contract(project)?;
    let deck = Deck::open(&options.ways).await?;
    let tape = Tape::of(&cassette);
    let lanes = tape.lanes().len();
    let live = options.live(tape.lanes())?;
    let play = replay::Options { repeat: options.repeat, miss_status: options.miss_status, live };
    let player = Player::new(tape, play);
    say(&format!(
        "replaying {} in {} from {}",
        many(cassette.exchanges().count(), "exchange"),
        many(lanes, "lane"),
        options.cassette.display()
    ));
    let engine = Engine::new(Source::Replay(player), redactor, contract, None, options.enforce.into());
    let (dialler, neighbours) = (deck.dialler(), neighbours_in(&cassette));
    deck.run(&engine, Some(Reverse::default()), neighbours, dialler).await;
    let tally = engine.player().map(Player::tally).unwrap_or_default();
    say(&format!(
        "{} hit ({} bound), {} repeat, {} miss, {} unplayed, upstream 0; {}",
        tally.hits + tally.bound,
        tally.bound,
        tally.repeats,
        tally.misses,
        tally.unplayed,
        found(&engine)
    ));
    Ok(if tally.misses > 0 { Code::Findings } else { Code::Clean })
}

/// The hosts of a recording that no contract knows: they were looked into then, so they are now. Sign-in never is: a
/// cassette may come from anyone.
fn neighbours_in(cassette: &Cassette) -> BTreeSet<String> {
    let hosts = cassette.exchanges().map(|record| record.request().host().to_lowercase());
    let is_sign_in = |host: &str| host.ends_with(".auth.xboxlive.com");
    hosts.filter(|host| mpsd::Service::behind(host) == mpsd::Service::Neighbour && !is_sign_in(host)).collect()
}

impl Options {
    /// The lanes that clients play, by the names of those there are.
    fn live(&self, lanes: &[String]) -> Result<Live, Failure> {
        let named: BTreeSet<String> = match self.live.as_str() {
            "one" => return Ok(Live::One),
            "all" => return Ok(Live::All),
            names => names.split(',').map(str::to_owned).collect(),
        };
        match named.iter().find(|name| !lanes.contains(name)) {
            None => Ok(Live::Only(named)),
            Some(unknown) => Err(Failure::usage(format!("{unknown} is no player of this cassette"))
                .hint(format!("they are {}; or give `one` or `all`", lanes.join(", ")))),
        }
    }
}

/// Says what state a cassette is in before it is played.
fn trust(cassette: &Cassette, options: &Options) -> Result<(), Failure> {
    for note in &cassette.notes {
        say(&format!("note: {note}"));
    }
    match cassette.seal {
        Seal::Sealed => Ok(()),
        _ if options.require_seal => {
            let hint = "`tapdeck cassette fmt` seals an edited cassette, `tapdeck cassette fsck` a journal";
            Err(Failure::input(format!("{} is {}", options.cassette.display(), cassette.seal)).hint(hint))
        }
        seal => {
            say(&format!("warning: {} is {seal}", options.cassette.display()));
            Ok(())
        }
    }
}

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  tapdeck replay lobby.cassette.json
  tapdeck replay --listen 127.0.0.1:0 --require-seal lobby.cassette.json

Every answer says how it came about in `tapdeck-outcome`: hit, bound, repeat or miss.
Exit code 1 when anything was missed.";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_cassette_cannot_ask_for_sign_in_to_be_looked_into() {
        let text = String::from_utf8(include_bytes!("../../../cassettes/invite.cassette.json").to_vec()).unwrap();
        let hosts = |host: &str| {
            let text = text.replace("sessiondirectory.xboxlive.com", host);
            neighbours_in(&Cassette::parse(Path::new("a.cassette.json"), text.as_bytes()).unwrap())
        };
        assert_eq!(hosts("social.xboxlive.com"), BTreeSet::from(["social.xboxlive.com".to_owned()]));
        assert!(hosts("user.auth.xboxlive.com").is_empty() && hosts("sessiondirectory.xboxlive.com").is_empty());
    }
}
