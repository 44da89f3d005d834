//! Playing a cassette: what `replay`, `run` and the control port's sessions have in common.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::stage::Means;
use super::tempo::Tempo;
use super::{Deck, unreadable};
use crate::admin::{self, Prepare, Setup};
use crate::cassette::{Cassette, Seal};
use crate::cli::options::writable;
use crate::cli::{Code, Failure, say};
use crate::config::Project;
use crate::contract::Contract;
use crate::engine::{Engine, Receipt, Recorder};
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
    #[command(flatten)]
    tempo: Tempo,
    /// Leave `tapdeck-outcome` out of answers: they are then what was recorded, and nothing else
    #[arg(long, env = "TAPDECK_NO_OUTCOME_HEADER")]
    no_outcome_header: bool,
    /// Fail when a live player left recorded calls out
    #[arg(long, env = "TAPDECK_REQUIRE_ALL_USED")]
    require_all_used: bool,
    /// Write what was played, missed and left out to this file, as JSON
    #[arg(long, env = "TAPDECK_RECEIPT", value_name = "FILE", value_parser = writable)]
    receipt: Option<PathBuf>,
    /// Keep what clients really sent, and the answers they got, in this journal (`.cassette.jsonl`)
    #[arg(long, env = "TAPDECK_SAVE_LIVE", value_name = "FILE", value_parser = journal)]
    pub(in crate::cli) save_live: Option<PathBuf>,
}

impl PlayOptions {
    /// Reads a cassette, and says what state it is in.
    pub(in crate::cli) fn read(&self, file: &Path) -> Result<Cassette, Failure> {
        let cassette = Cassette::read(file).map_err(|error| unreadable(&error))?;
        for note in &cassette.notes {
            say(&format!("note: {note}"));
        }
        self.tempo.judge(&cassette, file)?;
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
        let tape = Tape::of_title(&self.tempo.timed(cassette), project.title_fields());
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
            neighbours: deck.named.clone(),
            others: deck.others,
            dialler: deck.dialler.clone(),
        };
        // Where we stand has no name when it was removed; then nothing is found in it either.
        let folder = std::env::current_dir().unwrap_or_default();
        let (options, live) = (self.options(Live::One), self.live.clone());
        let (tempo, fields) = (self.tempo.clone(), means.project.title_fields());
        let prepare: Arc<Prepare> = Arc::new(move |cassette| {
            tempo.judge(cassette, &cassette.file).map_err(|failure| failure.to_string().replace('\n', "; "))?;
            Ok(Tape::of_title(&tempo.timed(cassette), fields.clone()))
        });
        Setup { means: session, folder, prepare, options, live, require_seal: self.require_seal }
    }

    fn options(&self, live: Live) -> replay::Options {
        replay::Options {
            repeat: self.repeat,
            miss_status: self.miss_status,
            live,
            hold: Duration::from_secs_f64(self.hold),
            pace: self.tempo.pace(),
            outcome_header: !self.no_outcome_header,
        }
    }

    /// Refuses what is about one replay, where there are only sessions.
    pub(super) fn need_nothing_of_one(&self) -> Result<(), Failure> {
        let given = [
            ("--receipt", self.receipt.is_some()),
            ("--save-live", self.save_live.is_some()),
            ("--require-all-used", self.require_all_used),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            None => Ok(()),
            Some((flag, _)) => Err(Failure::usage(format!("{flag} is about the replay of one cassette"))
                .hint("name the cassette; a session's receipt is at /v1/sessions/ID of the control port")),
        }
    }

    /// True when nothing that a client sends is kept.
    pub(in crate::cli) fn keeps_nothing(&self) -> bool {
        self.save_live.is_none()
    }

    /// The journal of what clients send, if that is to be kept.
    pub(in crate::cli) fn recorder(&self) -> Result<Option<Recorder>, Failure> {
        let create = |path: &PathBuf| {
            Recorder::create(path).map_err(|error| {
                let hint = "a journal is never written over: delete it, or give another name";
                Failure::usage(format!("--save-live: {error}")).hint(hint)
            })
        };
        self.save_live.as_ref().map(create).transpose()
    }

    /// Ends what is kept of a replay, gives its receipt, and tells what went wrong: what was left out only if the rest
    /// went well (`is_well`). The engine must have settled.
    pub(in crate::cli) async fn finish(&self, engine: &Engine, is_well: bool) -> Result<Option<Receipt>, Failure> {
        if let Some(recorder) = engine.recorder() {
            let closed = recorder.close().await;
            if let Some(error) = engine.failure().or_else(|| closed.as_ref().err()) {
                return Err(Failure::runtime(format!("--save-live: {error}")).hint("what was played is not all kept"));
            }
        }
        let receipt = engine.receipt();
        if let (Some(file), Some(receipt)) = (&self.receipt, &receipt) {
            let written = serde_json::to_string_pretty(receipt).map_err(std::io::Error::from);
            let written = written.and_then(|text| std::fs::write(file, text + "\n"));
            written
                .map_err(|error| Failure::runtime(format!("--receipt: cannot write {}: {error}", file.display())))?;
        }
        let troubles = receipt.as_ref().map(|receipt| self.troubles(receipt, is_well));
        if let Some(troubles) = troubles.filter(|told| !told.is_empty()) {
            say(troubles.trim_end());
        }
        Ok(receipt)
    }

    /// What went wrong, over several lines; empty when nothing did.
    pub(in crate::cli) fn troubles(&self, receipt: &Receipt, is_well: bool) -> String {
        let misses = receipt.exchanges.miss;
        let mut told: Vec<String> = receipt.misses.iter().take(MOST_TOLD).map(|miss| miss.report()).collect();
        if misses > told.len() {
            let all = if self.receipt.is_some() { "the receipt has them" } else { "--receipt FILE writes them down" };
            told.push(format!("and {} more: {all}\n", misses - told.len()));
        }
        if is_well && misses == 0 && self.lacks(receipt) {
            for left in receipt.unplayed.iter().take(MOST_TOLD) {
                let place = format!("{}:{}", receipt.cassette, left.line);
                told.push(format!(
                    "exchange {} of {}, {place}: {} was not asked for\n",
                    left.exchange, left.lane, left.op
                ));
            }
        }
        told.concat()
    }

    /// The exit code of a replay.
    pub(in crate::cli) fn verdict(&self, receipt: &Receipt) -> Code {
        if receipt.exchanges.miss > 0 || self.lacks(receipt) { Code::Findings } else { Code::Clean }
    }

    /// True when calls were left out that must not be.
    fn lacks(&self, receipt: &Receipt) -> bool {
        self.require_all_used && receipt.exchanges.unplayed > 0
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

/// The name of a journal, whose ending says what it is.
fn journal(text: &str) -> Result<PathBuf, String> {
    if text.ends_with(".cassette.jsonl") { Ok(text.into()) } else { Err("its name must end in .cassette.jsonl".into()) }
}

/// How many misses, or exchanges left out, are told at the end.
const MOST_TOLD: usize = 5;

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
