//! The receipt of a replay: what was played, what was not, and how it went, for people and programs.
//!
//! Everything in it stands in a fixed order, and nothing of it depends on when or how fast a call came.

use serde::Serialize;

use super::Engine;
use super::elsewhere::Foreign;
use crate::contract::Severity;
use crate::redact::{REDACTED, Redactor};
use crate::replay::{Account, Bound, LaneAccount, Miss, Player, Unplayed};

/// What a replay came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The cassette's file.
    pub cassette: String,
    /// Calls by how they were answered.
    pub exchanges: Exchanges,
    /// Messages sent on sockets.
    pub messages: usize,
    /// The cassette's lanes, in its order.
    pub lanes: Vec<Lane>,
    /// The first hundred misses, in the order they came.
    pub misses: Vec<Miss>,
    /// The exchanges of live lanes that nobody asked for, in the cassette's order.
    pub unplayed: Vec<Left>,
    /// The recorded values that live ones stand for, by class.
    pub bindings: Vec<Binding>,
    /// Findings by severity.
    pub findings: Found,
    /// The findings, each kind once.
    pub faults: Vec<Fault>,
    /// Connections and plain-text calls of hosts that are none of ours, passed on unread.
    pub tunnels: usize,
    /// Those that were refused.
    pub refused: usize,
    /// Both by host, in the order of their names.
    pub elsewhere: Vec<Foreign>,
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
    /// Recorded exchanges of live lanes that nobody asked for.
    pub unplayed: usize,
}

/// One lane of the cassette.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// Whether a client played it, or was to. What the others did, the cassette did for them.
    pub live: bool,
    /// How many exchanges it has.
    pub exchanges: usize,
    /// How many of them were played by a client.
    pub played: usize,
    /// How many of its answers were given again.
    pub repeats: usize,
}

/// A recorded exchange nobody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Its number in the cassette, from 1.
    pub exchange: usize,
    /// The line of the cassette's file it starts at.
    pub line: usize,
    /// Its lane.
    pub lane: String,
    /// The operation's name.
    pub op: String,
}

/// A recorded value that a live one stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Binding {
    /// What kind of value it is.
    pub class: &'static str,
    /// The value in the cassette.
    pub recorded: String,
    /// The client's own; `redacted` where it tells of a person.
    pub live: String,
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

/// A kind of finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// The rule's id.
    pub rule: &'static str,
    /// Its severity here.
    pub severity: &'static str,
    /// The operation's name.
    pub op: &'static str,
    /// Where in the message.
    pub place: String,
    /// How often.
    pub count: usize,
}

impl Engine {
    /// The findings so far, each kind once.
    pub fn faults(&self) -> Vec<Fault> {
        self.watch().faults().into_iter().map(Fault::of).collect()
    }

    /// The receipt so far, when a cassette answers.
    pub fn receipt(&self) -> Option<Receipt> {
        let Account { tally, lanes, unplayed, bindings, misses } = self.player().map(Player::account)?;
        let found = self.watch().tallied();
        Some(Receipt {
            cassette: self.player().map(|player| player.tape().file().to_owned()).unwrap_or_default(),
            exchanges: Exchanges {
                hit: tally.hits + tally.bound,
                bound: tally.bound,
                repeat: tally.repeats,
                miss: tally.misses,
                unplayed: tally.unplayed,
            },
            messages: tally.messages,
            lanes: lanes.into_iter().map(Lane::of).collect(),
            misses,
            unplayed: unplayed.into_iter().map(Left::of).collect(),
            bindings: bindings.into_iter().map(|bound| Binding::of(self.redactor(), bound)).collect(),
            findings: Found { error: found.errors, warning: found.warnings, info: found.infos },
            faults: self.faults(),
            tunnels: found.tunnels,
            refused: found.refused,
            elsewhere: self.watch().elsewhere().hosts(),
            upstream_connections: 0,
        })
    }
}

impl Lane {
    fn of(account: LaneAccount) -> Self {
        let LaneAccount { name, live, exchanges, played, repeats } = account;
        Self { name, live, exchanges, played, repeats }
    }
}

impl Left {
    fn of(unplayed: Unplayed) -> Self {
        let Unplayed { exchange, line, lane, op } = unplayed;
        Self { exchange, line, lane, op: op.to_owned() }
    }
}

impl Binding {
    /// A person's own value is not told, not even by an alias: those differ from run to run.
    fn of(redactor: &Redactor, Bound { class, recorded, live }: Bound) -> Self {
        let is_somebodys = redactor.alias(class, &live).is_some() || redactor.text(&live) != live;
        let live = if is_somebodys { REDACTED.to_owned() } else { live };
        Self { class: class.name(), recorded, live }
    }
}

impl Fault {
    fn of((rule, severity, op, place, count): (&'static str, Severity, &'static str, String, usize)) -> Self {
        Self { rule, severity: severity.as_str(), op, place, count }
    }
}

impl std::fmt::Display for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Exchanges { hit, bound, repeat, miss, unplayed } = self.exchanges;
        let upstream = self.upstream_connections;
        write!(f, "{hit} hit ({bound} bound), {repeat} repeat, {miss} miss, {unplayed} unplayed, upstream {upstream}")
    }
}
