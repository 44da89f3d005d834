//! Everybody who plays: the live clients, what is bound, and their sockets.

use std::collections::{BTreeMap, BTreeSet};

use super::bind::Bindings;
use super::compare::{Asked, Extent, compare};
use super::cursor::{Cursor, Patience, Stop};
use super::edges::{Around, Released};
use super::lane::LiveLane;
use super::miss::{Before, Miss, Reason};
use super::socket::{Sockets, Stage, Word};
use super::tape::{Recorded, Tape, UPGRADED};
use super::{Options, Played, Tally};
use crate::exchange::LaneKey;
use crate::message::Response;
use crate::slot::Class;
use crate::socket::{Message, SocketId};

#[derive(Debug, Default)]
pub(super) struct State {
    bindings: Bindings,
    /// What was bound before anybody had come.
    introduced: Bindings,
    lanes: Vec<LiveLane>,
    /// The clients by their keys.
    keys: BTreeMap<LaneKey, usize>,
    /// The clients that are known to be a lane, by that lane; and those that are not.
    settled: BTreeMap<usize, usize>,
    unsettled: BTreeSet<usize>,
    /// Lanes that only clients of their name can be.
    promised: BTreeSet<usize>,
    /// The first lane a client was found to be.
    first: Option<usize>,
    /// What those have played that are settled.
    released: Released,
    pub(super) sockets: Sockets,
    pub(super) tally: Tally,
    missed: Vec<Miss>,
}

impl State {
    /// Says which lane a client is that was not heard of yet.
    pub(super) fn assign(&mut self, key: LaneKey, lane: usize) {
        if !self.keys.contains_key(&key) {
            self.add(LiveLane::assigned(lane), key);
        }
    }

    /// Keeps a lane for clients of its name.
    pub(super) fn promise(&mut self, lane: usize) {
        self.promised.insert(lane);
    }

    /// Binds a value before anybody has come; false when either stands for something else already.
    pub(super) fn introduce(&mut self, class: Class, recorded: &str, live: &str) -> bool {
        let is_free = self.introduced.bind(class, recorded, live);
        self.bindings.clone_from(&self.introduced);
        is_free
    }

    /// The start, with all that was said before anybody had come.
    pub(super) fn rewound(&self) -> Self {
        let (introduced, promised) = (self.introduced.clone(), self.promised.clone());
        Self { bindings: introduced.clone(), introduced, promised, ..Self::default() }
    }

    /// The recorded lanes that clients play, and how far; a client that may still be several is the first of them.
    pub(super) fn players(&self) -> BTreeMap<usize, &Cursor> {
        let mut players = BTreeMap::new();
        let settled = self.settled.values();
        for at in settled.chain(&self.unsettled) {
            if let Some((lane, cursor)) = self.lanes[*at].stands_for(&players) {
                players.insert(lane, cursor);
            }
        }
        players
    }

    /// The values bound for everybody.
    pub(super) fn bindings(&self) -> &Bindings {
        &self.bindings
    }

    /// The first misses.
    pub(super) fn missed(&self) -> &[Miss] {
        &self.missed
    }

    fn note(&mut self, miss: &Miss) {
        self.tally.misses += 1;
        if self.missed.len() < MISSES_KEPT {
            self.missed.push(miss.clone());
        }
    }

    fn add(&mut self, lane: LiveLane, key: LaneKey) -> usize {
        let at = self.lanes.len();
        self.lanes.push(lane);
        self.keys.insert(key, at);
        self.unsettled.insert(at);
        at
    }

    /// Answers a call. Nobody waits for what must come before it.
    pub(super) fn answer(
        &mut self,
        tape: &Tape,
        options: &Options,
        key: LaneKey,
        asked: Asked<'_>,
    ) -> (Response, Played) {
        match self.turn(tape, options, key, asked, Patience::Over) {
            Ok((response, played, _)) => (response, played),
            Err(early) => self.refuse(tape, options, *early),
        }
    }

    fn refuse(&mut self, tape: &Tape, options: &Options, miss: Miss) -> (Response, Played) {
        let miss = miss.advised(tape);
        self.note(&miss);
        (miss.response(options.miss_status), Played::Miss(miss))
    }

    /// Answers a call; gives also which live client asked. When it is too early, the miss it may become: nothing has
    /// changed then.
    pub(super) fn turn(
        &mut self,
        tape: &Tape,
        options: &Options,
        key: LaneKey,
        asked: Asked<'_>,
        patience: Patience,
    ) -> Result<(Response, Played, usize), Box<Miss>> {
        let at = match self.keys.get(&key) {
            Some(at) => *at,
            None => self.add(LiveLane::of(&key, tape.lanes(), &options.live, &self.promised), key),
        };
        let who = (self.lanes.len() == 1, patience);
        let is_live = |lane| options.live.includes(lane, self.first, tape.lanes());
        let around = Around { tape, released: &self.released, is_live: &is_live, told: self.sockets.told() };
        let turn = self.lanes[at].play(tape, options, asked, &self.bindings, (&self.settled, &around), who);
        let (response, played) = match turn {
            Ok(turn) => {
                self.learn(turn.bindings);
                (turn.response, turn.played)
            }
            Err(Stop::Early(miss, _)) => return Err(miss),
            Err(Stop::Miss(miss)) => {
                let miss = self.attributed(tape, asked, at, *miss);
                self.refuse(tape, options, miss)
            }
        };
        match &played {
            Played::Hit(_) => self.tally.hits += 1,
            Played::Bound(_) => self.tally.bound += 1,
            Played::Repeat(_) => self.tally.repeats += 1,
            Played::Miss(_) => {}
        }
        self.settle(tape, at);
        self.pump(tape, options, at, Told::Everybody);
        Ok((response, played, at))
    }

    /// A miss of a call that another player makes, with that call: the client may have been taken for the wrong one.
    fn attributed(&self, tape: &Tape, asked: Asked<'_>, at: usize, mut miss: Miss) -> Miss {
        if !matches!(miss.reason, Reason::NoSuchCall | Reason::Different) {
            return miss;
        }
        let others = (0..tape.lanes().len()).filter(|lane| !self.lanes[at].may_be(*lane));
        let mut alike = others.filter_map(|lane| tape.alike(lane, asked.call)).flat_map(|shelf| tape.shelf(shelf));
        let is_it = |take: &&usize| {
            let take = &tape.takes()[**take];
            take.is_for(asked.call) && compare(tape, take, asked, Extent::Whole, &mut self.bindings.clone()).is_empty()
        };
        miss.advice.other = alike.by_ref().take(MOST_TRIED).find(is_it).map(|at| {
            let Recorded { line, lane, request, .. } = &tape.takes()[*at].recorded;
            let call = format!("{} {}", request.method, request.target);
            Box::new(Before { exchange: at + 1, line: *line, lane: lane.clone(), call })
        });
        miss
    }

    pub(super) fn open(
        &mut self,
        tape: &Tape,
        options: &Options,
        key: LaneKey,
        asked: Asked<'_>,
    ) -> (Response, Played, Option<SocketId>) {
        let (response, played, at) = match self.turn(tape, options, key, asked, Patience::Over) {
            Ok((response, played, at)) if response.status == UPGRADED => (response, played, at),
            Ok((response, played, _)) => return (response, played, None),
            Err(early) => {
                let (response, played) = self.refuse(tape, options, *early);
                return (response, played, None);
            }
        };
        let socket = self.sockets.open(at);
        self.lanes[at].opened(tape, socket);
        self.pump(tape, options, at, Told::Itself);
        (response, played, Some(socket))
    }

    pub(super) fn hear(
        &mut self,
        tape: &Tape,
        options: &Options,
        socket: SocketId,
        message: &Message,
        shown: &Message,
    ) -> Vec<SocketId> {
        let (Some(at), Some(word)) = (self.sockets.client(socket), Word::of(message)) else {
            return Vec::new();
        };
        let others = self.unsettled.iter().filter(|other| **other != at);
        let spoken: Vec<usize> = others.filter_map(|other| self.lanes[*other].voice()).collect();
        let lane = &mut self.lanes[at];
        lane.leave_out(&self.settled);
        match lane.hear(tape, (socket, message, &word), &self.bindings, &spoken) {
            Some(heard) => {
                self.learn(heard.bindings);
                if let Some(reply) = heard.reply {
                    self.sockets.say(socket, reply);
                }
            }
            None => self.miss(tape, socket, &word, shown),
        }
        self.settle(tape, at);
        self.pump(tape, options, at, Told::Itself);
        self.sockets.news()
    }

    pub(super) fn lose(&mut self, tape: &Tape, options: &Options, socket: SocketId) -> Vec<SocketId> {
        if let Some(at) = self.sockets.client(socket) {
            self.sockets.lose(socket, tape.reel());
            self.lanes[at].lost(socket);
            self.pump(tape, options, at, Told::Itself);
        }
        self.sockets.news()
    }

    /// What no lane ever said is refused as the service refuses it, and told.
    fn miss(&mut self, tape: &Tape, socket: SocketId, word: &Word, shown: &Message) {
        let (op, _, refusal) = word.refused();
        let (_, call, _) = Word::of(shown).unwrap_or(Word::Other).refused();
        let miss = Miss::told(Reason::NoSuchCall, op, call).advised(tape);
        self.note(&miss);
        self.sockets.misses.push(miss);
        if let Some(refusal) = refusal {
            self.sockets.say(socket, refusal);
        }
    }

    /// Notes that a client is known to be a lane, and what that leaves for the others.
    fn settle(&mut self, tape: &Tape, at: usize) {
        for take in self.lanes[at].news() {
            self.released.add(tape.edges(), tape.takes(), take);
        }
        let Some(lane) = self.lanes[at].settled().filter(|_| self.unsettled.remove(&at)) else {
            return;
        };
        self.first = self.first.or(Some(lane));
        self.settled.entry(lane).or_insert(at);
        let others: Vec<usize> = self.unsettled.iter().copied().collect();
        for other in others {
            self.lanes[other].leave_out(&self.settled);
            self.settle(tape, other);
        }
    }

    /// Lets out what waits for a client that does not do again what it did before: see [`Sockets::relent`].
    pub(super) fn relent(&mut self, tape: &Tape, options: &Options) -> Vec<SocketId> {
        self.sockets.relent();
        let lanes: Vec<usize> = self.settled.values().copied().collect();
        for at in lanes {
            self.pump(tape, options, at, Told::Itself);
        }
        self.sockets.news()
    }

    /// Releases what may go out by now, after a client has done something.
    fn pump(&mut self, tape: &Tape, options: &Options, at: usize, told: Told) {
        let reel = tape.reel();
        let Some(lane) = self.lanes[at].settled().filter(|_| !reel.is_empty()) else {
            return;
        };
        let mut lanes = BTreeSet::from([lane]);
        if told == Told::Everybody {
            lanes.extend(reel.audience(lane));
        }
        let client_of = |lane: usize| self.lanes[*self.settled.get(&lane)?].client();
        let stage =
            Stage { tape, reel, live: &options.live, first: self.first, lanes: tape.lanes(), client_of: &client_of };
        for lane in lanes {
            let Some(at) = self.settled.get(&lane) else { continue };
            let (Some(client), Some(bindings)) = (self.lanes[*at].client(), self.lanes[*at].bindings(&self.bindings))
            else {
                continue;
            };
            self.sockets.pump(&stage, &client, &bindings);
        }
        self.bindings.show(&self.sockets.shown());
        self.bindings.settle();
    }

    /// Takes what everybody's bindings become.
    fn learn(&mut self, bindings: Option<Bindings>) {
        if let Some(bindings) = bindings {
            self.bindings = bindings;
            self.bindings.settle();
        }
    }
}

/// Whom what a client did may concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Itself,
    Everybody,
}

/// How many misses are kept whole.
const MISSES_KEPT: usize = 100;

/// How many calls of other players a miss is held against.
const MOST_TRIED: usize = 100;
