//! The positions that count, renumbered densely from 1, and the lanes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Moment, What};
use crate::cassette::outline::{Fact, FrameFact, Outline};
use crate::exchange::LaneName;
use crate::socket::Sender;

/// Every position that counts, and what it becomes.
#[derive(Debug)]
pub(super) struct Ranks {
    /// In the order of the recording.
    events: Vec<Event>,
    /// When each socket was opened: its call and the answer to that, renumbered.
    sockets: HashMap<u64, (u64, u64)>,
    /// The lanes as the outline numbers them, in their order: those with given names by name, the others by their first
    /// call; lanes that only have messages come behind.
    lanes: Vec<u32>,
    /// The place of each in that order, from 1.
    places: HashMap<u32, usize>,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    moment: Moment,
    index: usize,
    rank: u64,
}

impl Ranks {
    pub(super) fn of(outline: &Outline) -> Self {
        let sockets: BTreeSet<u64> = outline.frames.iter().map(|frame| frame.socket).collect();
        let opened = outline.exchanges().filter(|(_, _, asked, _)| sockets.contains(asked));
        let openings: BTreeMap<u64, (u64, usize)> =
            opened.map(|(index, _, asked, answered)| (asked, (answered, index))).collect();
        let mut orphans = BTreeMap::new();
        for frame in outline.frames.iter().filter(|frame| !openings.contains_key(&frame.socket)) {
            orphans.entry(frame.socket).or_insert(frame.index);
        }
        let mut events = events(outline, &orphans);
        let lanes = lanes_in_order(outline, &events);
        let places: HashMap<u32, usize> = lanes.iter().copied().zip(1..).collect();
        let place = |index: usize| outline.lane_of(index).and_then(|lane| places.get(&lane)).copied();
        rank(&mut events, &marks(outline), |index| place(index).unwrap_or_default());
        let mut ranks = Self { events, sockets: HashMap::new(), lanes, places };
        let opened = |socket: u64| match (openings.get(&socket), orphans.get(&socket)) {
            (Some((answered, index)), _) => ranks.of_call(socket, *answered, *index),
            (None, index) => {
                let index = index.copied().unwrap_or_default();
                let rank = |what| ranks.of_event((socket, what), index);
                (rank(What::LostAsked), rank(What::LostAnswered))
            }
        };
        ranks.sockets = sockets.into_iter().map(|socket| (socket, opened(socket))).collect();
        ranks
    }

    /// The lanes, as the outline numbers them, in order.
    pub(super) fn lanes(&self) -> &[u32] {
        &self.lanes
    }

    /// The place of a lane in that order.
    pub(super) fn lane(&self, lane: u32) -> usize {
        self.places.get(&lane).copied().unwrap_or_default()
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
fn events(outline: &Outline, orphans: &BTreeMap<u64, usize>) -> Vec<Event> {
    let calls = outline
        .exchanges()
        .flat_map(|(index, _, asked, answered)| [((asked, What::Asked), index), ((answered, What::Answered), index)]);
    let said = outline.frames.iter().filter(|frame| frame.from == Sender::Client);
    let said = said.map(|frame| ((frame.at, What::Heard), frame.index));
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

/// The positions of marks, in order.
fn marks(outline: &Outline) -> Vec<u64> {
    let at = |fact: &Fact| match fact {
        Fact::Mark { at } => Some(*at),
        Fact::Http { .. } | Fact::Frame(_) => None,
    };
    let mut marks: Vec<u64> = outline.facts.iter().filter_map(at).collect();
    marks.sort_unstable();
    marks
}

fn lanes_in_order(outline: &Outline, events: &[Event]) -> Vec<u32> {
    let called = events.iter().filter(|event| event.moment.1 == What::Asked);
    let called = called.filter_map(|event| outline.lane_of(event.index));
    let mut said: Vec<&FrameFact> = outline.frames.iter().collect();
    said.sort_by_key(|frame| (frame.socket, frame.at));
    let mut seen = BTreeSet::new();
    let all = called.chain(said.iter().map(|frame| frame.lane)).filter(|lane| seen.insert(*lane));
    let is_given = |lane: &u32| LaneName::is_given(outline.lanes.name(*lane));
    let (mut given, generated): (Vec<u32>, Vec<u32>) = all.partition(is_given);
    given.sort_by_key(|lane| outline.lanes.name(*lane));
    given.extend(generated);
    given
}
