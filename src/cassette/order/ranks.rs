//! The positions that count, renumbered densely from 1, and the lanes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Moment, What};
use crate::cassette::frame::FrameRecord;
use crate::cassette::{Cassette, Record};
use crate::exchange::LaneName;
use crate::socket::Sender;

/// Every position that counts, and what it becomes.
#[derive(Debug)]
pub(super) struct Ranks {
    /// In the order of the recording.
    events: Vec<Event>,
    /// When each socket was opened: its call and the answer to that, renumbered.
    sockets: BTreeMap<u64, (u64, u64)>,
    /// The lanes' numbers, from 1: those with given names by name, the others by their first call; lanes that only have
    /// messages come behind.
    lanes: BTreeMap<String, usize>,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    moment: Moment,
    index: usize,
    rank: u64,
}

impl Ranks {
    pub(super) fn of(cassette: &Cassette) -> Self {
        let openings: BTreeMap<u64, (u64, usize)> =
            cassette.exchanges_indexed().map(|(index, http)| (http.asked, (http.answered, index))).collect();
        let mut orphans = BTreeMap::new();
        for (index, frame) in frames(cassette).filter(|(_, frame)| !openings.contains_key(&frame.socket)) {
            orphans.entry(frame.socket).or_insert(index);
        }
        let mut events = events(cassette, &orphans);
        let lanes = lane_numbers(cassette, &events);
        let lane = |index: usize| lanes.get(lane_of(&cassette.entries[index].record)).copied().unwrap_or_default();
        rank(&mut events, &marks(cassette), lane);
        let mut ranks = Self { events, sockets: BTreeMap::new(), lanes };
        let opened = |socket: u64| match (openings.get(&socket), orphans.get(&socket)) {
            (Some((answered, index)), _) => ranks.of_call(socket, *answered, *index),
            (None, index) => {
                let index = index.copied().unwrap_or_default();
                let rank = |what| ranks.of_event((socket, what), index);
                (rank(What::LostAsked), rank(What::LostAnswered))
            }
        };
        ranks.sockets = frames(cassette).map(|(_, frame)| (frame.socket, opened(frame.socket))).collect();
        ranks
    }

    /// The recorded names of the lanes, in order.
    pub(super) fn lanes(&self) -> Vec<&str> {
        let mut lanes: Vec<(usize, &str)> = self.lanes.iter().map(|(name, number)| (*number, name.as_str())).collect();
        lanes.sort_unstable();
        lanes.into_iter().map(|(_, name)| name).collect()
    }

    pub(super) fn lane(&self, name: &str) -> usize {
        self.lanes.get(name).copied().unwrap_or_default()
    }

    /// When a socket was opened.
    pub(super) fn of_socket(&self, socket: u64) -> (u64, u64) {
        self.sockets.get(&socket).copied().unwrap_or_default()
    }

    pub(super) fn of_call(&self, asked: u64, answered: u64, index: usize) -> (u64, u64) {
        (self.of_event((asked, What::Asked), index), self.of_event((answered, What::Answered), index))
    }

    pub(super) fn of_event(&self, moment: Moment, index: usize) -> u64 {
        let before = self.events.partition_point(|event| (event.moment, event.index) <= (moment, index));
        self.last_of(before).map_or(0, |event| event.rank)
    }

    /// The place of what happened at a position, or of how much had happened by then.
    pub(super) fn of_position(&self, position: u64) -> u64 {
        match self.last_of(self.before(position)) {
            Some(event) if event.moment.0 == position => event.rank,
            _ => self.up_to(position),
        }
    }

    /// How much had happened by a position.
    pub(super) fn up_to(&self, position: u64) -> u64 {
        count(self.before(position))
    }

    fn before(&self, position: u64) -> usize {
        self.events.partition_point(|event| event.moment.0 <= position)
    }

    fn last_of(&self, count: usize) -> Option<&Event> {
        self.events[..count].last()
    }
}

fn count(events: usize) -> u64 {
    u64::try_from(events).unwrap_or(u64::MAX)
}

/// Calls, their answers and clients' messages. A socket whose opening is lost keeps a place for it.
fn events(cassette: &Cassette, orphans: &BTreeMap<u64, usize>) -> Vec<Event> {
    let calls = cassette
        .exchanges_indexed()
        .flat_map(|(index, http)| [((http.asked, What::Asked), index), ((http.answered, What::Answered), index)]);
    let said = frames(cassette).filter(|(_, frame)| frame.from == Sender::Client);
    let said = said.map(|(index, frame)| ((frame.at, What::Heard), index));
    let lost = orphans
        .iter()
        .flat_map(|(socket, index)| [What::LostAsked, What::LostAnswered].map(|what| ((*socket, what), *index)));
    let events = calls.chain(said).chain(lost).map(|(moment, index)| Event { moment, index, rank: 0 });
    let mut events: Vec<Event> = events.collect();
    events.sort_by_key(|event| (event.moment, event.index));
    events
}

/// Numbers events, lane by lane within a stretch: none of those can have caused another.
fn rank(events: &mut [Event], marks: &[u64], lane: impl Fn(usize) -> usize) {
    let marks_before = |event: &Event| marks.partition_point(|mark| *mark < event.moment.0);
    let is_one_stretch = |left: &Event, right: &Event| {
        let (what, next) = (left.moment.1, right.moment.1);
        what == next && is_even(what) && marks_before(left) == marks_before(right)
    };
    let mut before = 0;
    for events in events.chunk_by_mut(is_one_stretch) {
        let mut order: Vec<usize> = (0..events.len()).collect();
        order.sort_by_key(|at| (lane(events[*at].index), *at));
        for at in order {
            before += 1;
            events[at].rank = before;
        }
    }
}

/// What has no order of its own beside its like. Where an opening is lost, nothing is known of who asked.
fn is_even(what: What) -> bool {
    matches!(what, What::Asked | What::Answered | What::Heard)
}

fn frames(cassette: &Cassette) -> impl Iterator<Item = (usize, &FrameRecord)> {
    cassette.entries.iter().enumerate().filter_map(|(index, entry)| Some((index, entry.record.frame()?)))
}

/// The positions of marks, in order.
fn marks(cassette: &Cassette) -> Vec<u64> {
    let at = |record: &Record| match record {
        Record::Mark(mark) => Some(mark.at_position),
        Record::Http(_) | Record::Frame(_) => None,
    };
    let mut marks: Vec<u64> = cassette.entries.iter().filter_map(|entry| at(&entry.record)).collect();
    marks.sort_unstable();
    marks
}

fn lane_of(record: &Record) -> &str {
    match record {
        Record::Http(http) => &http.lane,
        Record::Frame(frame) => &frame.lane,
        Record::Mark(_) => "",
    }
}

fn lane_numbers(cassette: &Cassette, events: &[Event]) -> BTreeMap<String, usize> {
    let called = events.iter().filter(|event| event.moment.1 == What::Asked);
    let called = called.map(|event| lane_of(&cassette.entries[event.index].record));
    let mut said: Vec<&FrameRecord> = frames(cassette).map(|(_, frame)| frame).collect();
    said.sort_by_key(|frame| (frame.socket, frame.at));
    let mut seen = BTreeSet::new();
    let all: Vec<&str> =
        called.chain(said.iter().map(|frame| frame.lane.as_str())).filter(|lane| seen.insert(*lane)).collect();
    let given = seen.iter().copied().filter(|lane| LaneName::is_given(lane));
    let generated = all.into_iter().filter(|lane| !LaneName::is_given(lane));
    given.chain(generated).zip(1..).map(|(lane, number)| (lane.to_owned(), number)).collect()
}
