//! The receipt of a replay: what was played, what was not, and how it went, for people and programs.

use serde::Serialize;

use super::Engine;
use crate::replay::Player;

/// What a replay came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Calls by how they were answered.
    pub exchanges: Exchanges,
    /// Messages sent on sockets.
    pub messages: usize,
    /// Findings by severity.
    pub findings: Found,
    /// Connections made to answer a call from elsewhere than the cassette. There are none: that source has no
    /// connector.
    pub upstream_connections: usize,
}

/// Calls by how they were answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Exchanges {
    /// From the cassette, unchanged or with live values in it.
    pub hit: usize,
    /// Those of the hits with live values in them.
    pub bound: usize,
    /// From the cassette once more.
    pub repeat: usize,
    /// Not at all: nothing recorded fits.
    pub miss: usize,
    /// Recorded exchanges nobody asked for.
    pub unplayed: usize,
}

/// Findings by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Contract errors.
    pub error: usize,
    /// Warnings.
    pub warning: usize,
    /// Notes.
    pub info: usize,
}

impl Engine {
    /// The receipt so far, when a cassette answers.
    pub fn receipt(&self) -> Option<Receipt> {
        let tally = self.player().map(Player::tally)?;
        let found = self.watch().tallied();
        Some(Receipt {
            exchanges: Exchanges {
                hit: tally.hits + tally.bound,
                bound: tally.bound,
                repeat: tally.repeats,
                miss: tally.misses,
                unplayed: tally.unplayed,
            },
            messages: tally.messages,
            findings: Found { error: found.errors, warning: found.warnings, info: found.infos },
            upstream_connections: 0,
        })
    }
}

impl std::fmt::Display for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Exchanges { hit, bound, repeat, miss, unplayed } = self.exchanges;
        let upstream = self.upstream_connections;
        write!(f, "{hit} hit ({bound} bound), {repeat} repeat, {miss} miss, {unplayed} unplayed, upstream {upstream}")
    }
}
