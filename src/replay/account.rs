//! The account of a replay: what was played of which lane, what is bound, what was missed.

use std::collections::{BTreeMap, BTreeSet};

use super::cursor::Cursor;
use super::miss::Miss;
use super::socket::Live;
use super::stage::State;
use super::tape::Tape;
use super::{Options, Tally};
use crate::slot::Class;

/// What a replay came to so far.
#[derive(Clone, Debug)]
pub struct Account {
    /// The sums.
    pub tally: Tally,
    /// The cassette's lanes, in its order.
    pub lanes: Vec<LaneAccount>,
    /// The recorded exchanges of live lanes that nobody asked for, in the cassette's order.
    pub unplayed: Vec<Unplayed>,
    /// The recorded values that live ones stand for, by class.
    pub bindings: Vec<Bound>,
    /// The first misses, whole.
    pub misses: Vec<Miss>,
}

/// One recorded lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneAccount {
    /// Its name.
    pub name: String,
    /// True when a client played it, or was to.
    pub live: bool,
    /// How many exchanges it has.
    pub exchanges: usize,
    /// How many of them were played.
    pub played: usize,
    /// How many answers were given again.
    pub repeats: usize,
}

/// A recorded exchange nobody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplayed {
    /// Its number in the cassette, from 1.
    pub exchange: usize,
    /// The line of the cassette file it starts at.
    pub line: usize,
    /// Its lane.
    pub lane: String,
    /// The operation's name.
    pub op: &'static str,
}

/// A recorded value, and the live one that stands for it. The live one may be somebody's: it must not be told as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// What kind of value it is.
    pub class: Class,
    /// The value in the cassette.
    pub recorded: String,
    /// The client's.
    pub live: String,
}

impl State {
    /// What a replay came to so far.
    pub(super) fn account(&self, tape: &Tape, options: &Options) -> Account {
        let players = self.players();
        let live = live_lanes(tape, &options.live, &players);
        let mut lanes: Vec<LaneAccount> = tape.lanes().iter().map(|name| LaneAccount::new(name)).collect();
        let mut unplayed = Vec::new();
        for (at, take) in tape.takes().iter().enumerate() {
            let lane = &mut lanes[take.lane];
            lane.exchanges += 1;
            let player = players.get(&take.lane);
            lane.played += usize::from(player.is_some_and(|cursor| cursor.has_played(at)));
            if live.contains(&take.lane) && !player.is_some_and(|cursor| cursor.is_past(at)) {
                unplayed.push(Unplayed {
                    exchange: at + 1,
                    line: take.recorded.line,
                    lane: take.recorded.lane.clone(),
                    op: take.resolution.name(),
                });
            }
        }
        for (at, lane) in lanes.iter_mut().enumerate() {
            lane.live = live.contains(&at);
            lane.repeats = players.get(&at).map_or(0, |cursor| cursor.repeated());
        }
        let tally = Tally { unplayed: unplayed.len(), messages: self.sockets.sent(), ..self.tally };
        Account { tally, lanes, unplayed, bindings: self.bindings().listed(), misses: self.missed().to_vec() }
    }
}

impl LaneAccount {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), live: false, exchanges: 0, played: 0, repeats: 0 }
    }
}

/// The lanes that were, or were to be, played by clients: nobody having come, that may be any.
fn live_lanes(tape: &Tape, live: &Live, players: &BTreeMap<usize, &Cursor>) -> BTreeSet<usize> {
    let mut lanes: BTreeSet<usize> = players.keys().copied().collect();
    let all = 0..tape.lanes().len();
    match live {
        Live::Only(names) => lanes.extend(all.filter(|lane| names.contains(&tape.lanes()[*lane]))),
        Live::One if !lanes.is_empty() => {}
        Live::One | Live::All => lanes.extend(all),
    }
    lanes
}
