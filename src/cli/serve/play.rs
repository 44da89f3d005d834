//! Playing a cassette: what `replay`, `run` and the control port's sessions have in common.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::stage::Means;
use super::{Deck, unreadable};
use crate::admin::{self, Setup};
use crate::cassette::{Cassette, Seal};
use crate::cli::{Code, Failure, say};
use crate::config::Project;
use crate::contract::Contract;
use crate::engine::Receipt;
use crate::replay::{self, Identity, Live, Player, Tape};

/// How a cassette is played.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Playing")]
pub(in crate::cli) struct PlayOptions {
    /// How often a read past its last recorded answer may repeat it
    #[arg(long, env = "TAPDECK_REPEAT", default_value_t = 100, value_name = "N")]
    repeat: usize,
    /// The recorded players that come themselves: `one`, `all`, or names between commas; for the others the cassette
    /// does what they did
    #[arg(long, env = "TAPDECK_LIVE", default_value = "one", value_name = "PLAYERS")]
    live: String,
    /// How long a call waits for what another live player did before it, in seconds
    #[arg(long, env = "TAPDECK_HOLD", default_value_t = 5.0, value_name = "SECONDS", value_parser = seconds)]
    hold: f64,
    /// Who a recorded player is now (repeatable): `guest=2814000000000001`, and if they matter its names,
    /// `guest=2814000000000001,gamertag=Anna,device=DEVICETOKEN`. Answers to others show it before it has come, too
    #[arg(long = "player", env = "TAPDECK_PLAYER", value_name = "NAME=XUID[,…]", value_delimiter = ';')]
    identities: Vec<Identity>,
    /// The status of a miss
    #[arg(long, env = "TAPDECK_MISS_STATUS", default_value_t = 501, value_parser = clap::value_parser!(u16).range(400..600))]
    miss_status: u16,
    /// Refuse a cassette that was edited since it was sealed
    #[arg(long, env = "TAPDECK_REQUIRE_SEAL")]
    require_seal: bool,
}

impl PlayOptions {
    /// Reads a cassette, and says what state it is in.
    pub(in crate::cli) fn read(&self, file: &Path) -> Result<Cassette, Failure> {
        let cassette = Cassette::read(file).map_err(|error| unreadable(&error))?;
        for note in &cassette.notes {
            say(&format!("note: {note}"));
        }
        match cassette.seal {
            Seal::Sealed => Ok(cassette),
            _ if self.require_seal => {
                let hint = "`tapdeck cassette fmt` seals an edited cassette, `tapdeck cassette fsck` a journal";
                Err(Failure::input(format!("{} is {}", file.display(), cassette.seal)).hint(hint))
            }
            seal => {
                say(&format!("warning: {} is {seal}", file.display()));
                Ok(cassette)
            }
        }
    }

    /// A player of a cassette, on a project's terms.
    pub(in crate::cli) fn player(&self, cassette: &Cassette, project: &Project) -> Result<Player, Failure> {
        let tape = Tape::of_title(cassette, project.title_fields());
        let options = self.options(self.live(tape.lanes())?);
        let player = Player::new(tape, options);
        for identity in &self.identities {
            player.introduce(identity).map_err(|unknown| {
                Failure::usage(format!("--player: {unknown}"))
                    .hint("without --player, an xuid is known once its client sends it")
            })?;
        }
        Ok(player)
    }

    /// What replay sessions of a deck are made with.
    pub(super) fn sessions(&self, deck: &Deck, means: &Means<'_>, contract: &Arc<Contract>) -> Setup {
        let session = admin::Means {
            authority: Arc::clone(&deck.authority),
            redactor: Arc::clone(&means.redactor),
            contract: Arc::clone(contract),
            enforce: means.enforce.into(),
            others: deck.others,
        };
        // Where we stand has no name when it was removed; then nothing is found in it either.
        let folder = std::env::current_dir().unwrap_or_default();
        let (options, live) = (self.options(Live::One), self.live.clone());
        let prepare = Arc::new(Tape::of);
        Setup { means: session, folder, prepare, options, live, require_seal: self.require_seal }
    }

    fn options(&self, live: Live) -> replay::Options {
        let (repeat, miss_status) = (self.repeat, self.miss_status);
        replay::Options { repeat, miss_status, live, hold: Duration::from_secs_f64(self.hold) }
    }

    /// The exit code of a replay.
    pub(in crate::cli) fn verdict(&self, receipt: &Receipt) -> Code {
        if receipt.exchanges.miss > 0 { Code::Findings } else { Code::Clean }
    }

    /// The lanes that clients play, by the names of those there are.
    fn live(&self, lanes: &[String]) -> Result<Live, Failure> {
        Live::named(&self.live, lanes).map_err(|unknown| no_player(&unknown, lanes))
    }
}

/// A name that no lane has.
pub(super) fn no_player(name: &str, lanes: &[String]) -> Failure {
    Failure::usage(format!("{name} is no player of this cassette")).hint(format!("they are {}", lanes.join(", ")))
}

/// A span of time in seconds, at most a day.
fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "write seconds, like 5 or 0.5")?;
    if (0.0..=86_400.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("at most a day, and not less than nothing".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_seconds_within_a_day() {
        assert_eq!(seconds("0.5"), Ok(0.5));
        for wrong in ["", "-1", "soon", "NaN", "86401", "inf"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
