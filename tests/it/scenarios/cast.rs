//! Who plays: the players of a run, and how the emulator knows them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use tapdeck::dice::Dice;
use tapdeck::emulator::{self, Cast, TokenKind};

/// One player's client.
#[derive(Clone, Debug)]
pub(super) struct Player {
    pub(super) name: String,
    pub(super) xuid: String,
    pub(super) hash: String,
    pub(super) address: IpAddr,
    run: String,
}

impl Player {
    /// A player of a run. Each is on a device of its own.
    pub(super) fn of(name: &str, run: &str) -> Self {
        let number = 1 + name.as_bytes()[0] - b'A';
        let fresh = 2_814_000_000_000_000 + Dice::new(9).number(&format!("{run}:{name}"), 0) % 1_000_000_000_000;
        let is_first = run == FIRST;
        Self {
            name: name.to_owned(),
            xuid: if is_first { (9_000_000_000_000_000 + u64::from(number)).to_string() } else { fresh.to_string() },
            hash: if is_first { name.to_lowercase() } else { (fresh % 1_000_000_007).to_string() },
            address: IpAddr::from([192, 0, 2, number]),
            run: run.to_owned(),
        }
    }

    /// What it shows to the services.
    pub(super) fn token(&self) -> String {
        format!("XBL3.0 x={};{}-token-of-{}", self.hash, self.run, self.name)
    }
}

/// Whom a player follows, by name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ties {
    follows: Vec<String>,
}

/// The players of a run as the emulator knows them.
pub(super) fn cast(run: &str, graph: Option<&BTreeMap<String, Ties>>) -> Cast {
    let user = |name: &&str| {
        let player = Player::of(name, run);
        let known = emulator::Player {
            xuid: Some(player.xuid),
            device: Some(format!("device-of-{name}")),
            kind: Some(if *name == "Z" { TokenKind::Server } else { TokenKind::User }),
            ..emulator::Player::default()
        };
        (player.hash, known)
    };
    let xuid = |name: &String| Player::of(name, run).xuid;
    let ties = |(name, ties): (&String, &Ties)| {
        let follows = ties.follows.iter().map(xuid).collect();
        (xuid(name), emulator::Ties { follows, ..emulator::Ties::default() })
    };
    Cast { users: PLAYERS.iter().map(user).collect(), graph: graph.map(|graph| graph.iter().map(ties).collect()) }
}

/// The players there are. Z is a server of the title.
pub(super) const PLAYERS: [&str; 5] = ["A", "B", "C", "D", "Z"];

/// The run in which everything is called as the documents call it.
pub(super) const FIRST: &str = "first";
