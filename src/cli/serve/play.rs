//! Playing a cassette: what `replay`, `run` and the control port's sessions have in common.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::tempo::Tempo;
use super::unreadable;
use crate::cassette::{Cassette, Seal};
use crate::cli::{Code, Failure, say};
use crate::config::Project;
use crate::engine::{Engine, Receipt, Recorder};
use crate::mpsd;
use crate::replay::{self, Live, Player, Tape};

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
    #[arg(long, env = "TAPDECK_RECEIPT", value_name = "FILE")]
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
        let options = replay::Options {
            repeat: self.repeat,
            miss_status: self.miss_status,
            live: self.live(tape.lanes())?,
            hold: Duration::from_secs_f64(self.hold),
            pace: self.tempo.pace(),
            outcome_header: !self.no_outcome_header,
        };
        Ok(Player::new(tape, options))
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

    /// Ends what is kept of a replay, gives its receipt, and tells what went wrong. The engine must have settled.
    pub(in crate::cli) async fn finish(&self, engine: &Engine) -> Result<Option<Receipt>, Failure> {
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
        if let Some(troubles) = receipt.as_ref().map(|receipt| self.troubles(receipt)).filter(|told| !told.is_empty()) {
            say(troubles.trim_end());
        }
        Ok(receipt)
    }

    /// What went wrong, over several lines; empty when nothing did.
    pub(in crate::cli) fn troubles(&self, receipt: &Receipt) -> String {
        let misses = receipt.exchanges.miss;
        let mut told: Vec<String> = receipt.misses.iter().take(MOST_TOLD).map(|miss| miss.report()).collect();
        if misses > told.len() {
            let all = if self.receipt.is_some() { "the receipt has them" } else { "--receipt FILE writes them down" };
            told.push(format!("and {} more: {all}\n", misses - told.len()));
        }
        if misses == 0 && self.lacks(receipt) {
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

/// The hosts of a recording that no contract knows: they were looked into then, so they are now. Sign-in never is: a
/// cassette may come from anyone.
pub(in crate::cli) fn neighbours_in(cassette: &Cassette) -> BTreeSet<String> {
    let hosts = cassette.exchanges().map(|record| record.request().host().to_lowercase());
    let is_sign_in = |host: &str| host.ends_with(".auth.xboxlive.com");
    hosts.filter(|host| mpsd::Service::behind(host) == mpsd::Service::Neighbour && !is_sign_in(host)).collect()
}

/// How many misses, or exchanges left out, are told at the end.
const MOST_TOLD: usize = 5;

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_hold_is_seconds_within_a_day() {
        assert_eq!(seconds("0.5"), Ok(0.5));
        for wrong in ["", "-1", "soon", "NaN", "86401", "inf"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
