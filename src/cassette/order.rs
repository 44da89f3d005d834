//! The canonical order: causality first, then lanes.
//!
//! Two runs of the same script may interleave lanes differently. What must stay is that an answer complete before a
//! call was read may have caused it. Everything else is ordered by lane, so that one player's calls read as a story.
//!
//! Calls, their answers and clients' messages have a position each. When a message of the service came depends on
//! threads and networks, so it has none of its own: it stands behind what released it and what its own client had
//! done by then.

mod sequence;

use std::collections::BTreeMap;

use super::frame::{Cue, FrameRecord};
use super::{Cassette, Entry, Record, cue};
use crate::socket::Sender;
use sequence::{Span, topological};

/// Everything a canonical file renumbers but aliases.
#[derive(Debug)]
pub(super) struct Order {
    /// Indexes into the entries, in canonical order.
    pub(super) sequence: Vec<usize>,
    /// Canonical lane names by the recorded ones.
    pub(super) lanes: BTreeMap<String, String>,
    /// How many lanes there are.
    pub(super) lane_count: usize,
    ranks: Ranks,
    frames: BTreeMap<usize, Placed>,
}

/// A message on a socket: its canonical place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    /// Its socket.
    pub(super) socket: u64,
    /// Its position.
    pub(super) at: u64,
    /// Its cue.
    pub(super) cue: Option<Cue>,
    began: Moment,
    nth: usize,
}

/// A position and what happened there. At equal positions a lost opening comes first, then a call, then an answer, then
/// what a client said, then what the service said, then a mark.
type Moment = (u64, What);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    LostAsked,
    LostAnswered,
    Asked,
    Answered,
    Heard,
    Said,
    Mark,
}

impl Order {
    /// Orders a cassette's entries.
    pub(super) fn of(cassette: &Cassette) -> Self {
        let ranks = Ranks::of(cassette);
        let lanes = lane_numbers(cassette, &ranks);
        let frames = place_frames(cassette, &ranks);
        let spans: Vec<Span> = cassette
            .entries
            .iter()
            .enumerate()
            .map(|(index, entry)| span(index, entry, &lanes, &ranks, &frames))
            .collect();
        let sequence = topological(&spans);
        let lane_count = lanes.len();
        let lanes = lanes.into_iter().map(|(name, number)| (name.to_owned(), format!("player{number}"))).collect();
        Self { sequence, lanes, lane_count, ranks, frames }
    }

    /// An exchange's positions, renumbered densely from 1.
    pub(super) fn dense(&self, asked: u64, answered: u64, index: usize) -> (u64, u64) {
        self.ranks.of_call(asked, answered, index)
    }

    /// A mark's position, renumbered.
    pub(super) fn dense_mark(&self, at: u64) -> u64 {
        self.ranks.up_to(at)
    }

    /// The place of the message that an entry is.
    pub(super) fn frame(&self, index: usize) -> Option<&Placed> {
        self.frames.get(&index)
    }
}

/// The positions that count, in order: one is renumbered to how many there are up to it.
#[derive(Debug)]
struct Ranks {
    events: Vec<(Moment, usize)>,
    /// When each socket was opened: its call and the answer to that, renumbered.
    sockets: BTreeMap<u64, (u64, u64)>,
}

impl Ranks {
    fn of(cassette: &Cassette) -> Self {
        let calls = cassette.exchanges_indexed();
        let mut events: Vec<(Moment, usize)> = calls
            .flat_map(|(index, http)| [((http.asked, What::Asked), index), ((http.answered, What::Answered), index)])
            .collect();
        let openings: BTreeMap<u64, (u64, usize)> =
            cassette.exchanges_indexed().map(|(index, http)| (http.asked, (http.answered, index))).collect();
        let frames =
            cassette.entries.iter().enumerate().filter_map(|(index, entry)| Some((index, entry.record.frame()?)));
        let mut orphans = BTreeMap::new();
        let mut sockets = BTreeMap::new();
        for (index, frame) in frames {
            if frame.from == Sender::Client {
                events.push(((frame.at, What::Heard), index));
            }
            if !openings.contains_key(&frame.socket) {
                orphans.entry(frame.socket).or_insert(index);
            }
            sockets.insert(frame.socket, (0, 0));
        }
        // A socket whose opening is lost keeps a place for it.
        let places = orphans
            .iter()
            .flat_map(|(socket, index)| [What::LostAsked, What::LostAnswered].map(|what| ((*socket, what), *index)));
        events.extend(places);
        events.sort_unstable();
        let mut ranks = Self { events, sockets: BTreeMap::new() };
        for (socket, opened) in &mut sockets {
            *opened = match (openings.get(socket), orphans.get(socket)) {
                (Some((answered, index)), _) => ranks.of_call(*socket, *answered, *index),
                (None, index) => {
                    let index = index.copied().unwrap_or_default();
                    let rank = |what| ranks.of_event((*socket, what), index);
                    (rank(What::LostAsked), rank(What::LostAnswered))
                }
            };
        }
        ranks.sockets = sockets;
        ranks
    }

    fn of_call(&self, asked: u64, answered: u64, index: usize) -> (u64, u64) {
        (self.of_event((asked, What::Asked), index), self.of_event((answered, What::Answered), index))
    }

    fn of_event(&self, moment: Moment, index: usize) -> u64 {
        count(self.events.partition_point(|event| *event <= (moment, index)))
    }

    fn up_to(&self, position: u64) -> u64 {
        count(self.events.partition_point(|((at, _), _)| *at <= position))
    }
}

fn count(events: usize) -> u64 {
    u64::try_from(events).unwrap_or(u64::MAX)
}

/// Lanes numbered from 1 by their first call; lanes that only have messages come behind.
fn lane_numbers<'a>(cassette: &'a Cassette, ranks: &Ranks) -> BTreeMap<&'a str, usize> {
    let mut lanes = BTreeMap::new();
    let called = ranks.events.iter().filter(|((_, what), _)| *what == What::Asked);
    let called = called.filter_map(|(_, index)| Some(cassette.entries[*index].record.http()?.lane.as_str()));
    let mut frames: Vec<&FrameRecord> = cassette.entries.iter().filter_map(|entry| entry.record.frame()).collect();
    frames.sort_by_key(|frame| (frame.socket, frame.at));
    for lane in called.chain(frames.iter().map(|frame| frame.lane.as_str())) {
        let next = lanes.len() + 1;
        lanes.entry(lane).or_insert(next);
    }
    lanes
}

/// What the client of each lane did, by canonical position.
fn deeds<'a>(cassette: &'a Cassette, ranks: &Ranks) -> BTreeMap<&'a str, Vec<u64>> {
    let mut deeds: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (index, entry) in cassette.entries.iter().enumerate() {
        match &entry.record {
            Record::Http(http) => {
                let (asked, answered) = ranks.of_call(http.asked, http.answered, index);
                deeds.entry(&http.lane).or_default().extend([asked, answered]);
            }
            Record::Frame(frame) if frame.from == Sender::Client => {
                deeds.entry(&frame.lane).or_default().push(ranks.of_event((frame.at, What::Heard), index));
            }
            Record::Frame(_) | Record::Mark(_) => {}
        }
    }
    deeds.values_mut().for_each(|positions| positions.sort_unstable());
    deeds
}

/// A message of a socket while its place is looked for.
struct Placing<'a> {
    index: usize,
    frame: &'a FrameRecord,
    cue: Option<Cue>,
    /// The recorded position, or that of the cue: a cause may be answered only after its effect was read.
    effective: u64,
}

fn place_frames(cassette: &Cassette, ranks: &Ranks) -> BTreeMap<usize, Placed> {
    let cues = cue::find(cassette);
    let deeds = deeds(cassette, ranks);
    let mut sockets: BTreeMap<u64, Vec<Placing<'_>>> = BTreeMap::new();
    for (index, entry) in cassette.entries.iter().enumerate() {
        if let Some(frame) = entry.record.frame() {
            let cue = cues.get(&index).copied();
            sockets.entry(frame.socket).or_default().push(Placing { index, frame, cue, effective: frame.at });
        }
    }
    let mut placed = BTreeMap::new();
    for frames in sockets.values_mut() {
        in_canonical_order(frames);
        let opened = ranks.sockets.get(&frames[0].frame.socket).copied().unwrap_or_default();
        place_socket(frames, opened, ranks, &deeds, &mut placed);
    }
    placed
}

/// Puts a socket's messages in order: each side's own order stays, and none comes before its cue.
fn in_canonical_order(frames: &mut [Placing<'_>]) {
    frames.sort_by_key(|placing| (placing.frame.at, placing.index));
    let mut last = 0;
    for placing in frames.iter_mut().filter(|placing| placing.frame.from == Sender::Service) {
        last = placing.cue.map_or(0, Cue::position).max(placing.frame.at).max(last);
        placing.effective = last;
    }
    frames.sort_by_key(|placing| {
        (placing.effective, placing.frame.from == Sender::Service, placing.frame.at, placing.index)
    });
}

fn place_socket(
    frames: &[Placing<'_>],
    (socket, answered): (u64, u64),
    ranks: &Ranks,
    deeds: &BTreeMap<&str, Vec<u64>>,
    placed: &mut BTreeMap<usize, Placed>,
) {
    let mut began = (answered, What::Answered);
    let mut last = answered;
    for (nth, Placing { index, frame, cue, effective }) in frames.iter().enumerate() {
        let cue = cue.map(|cue| cue.moved(ranks.up_to(cue.position())));
        let at = match frame.from {
            Sender::Client => {
                let at = ranks.of_event((frame.at, What::Heard), *index);
                began = began.max((at, What::Heard));
                at
            }
            Sender::Service => {
                let done = deeds.get(frame.lane.as_str()).map(Vec::as_slice).unwrap_or_default();
                let done = done[..done.partition_point(|at| *at <= ranks.up_to(*effective))].last().copied();
                let cue = cue.map_or(0, Cue::position);
                began = began.max((cue, What::Said));
                last.max(cue).max(done.unwrap_or(0))
            }
        };
        last = last.max(at);
        placed.insert(*index, Placed { socket, at, cue, began, nth });
    }
}

fn span(
    index: usize,
    entry: &Entry,
    lanes: &BTreeMap<&str, usize>,
    ranks: &Ranks,
    frames: &BTreeMap<usize, Placed>,
) -> Span {
    let lane = |name: &str| lanes.get(name).copied().unwrap_or_default();
    match &entry.record {
        Record::Http(http) => {
            let (asked, answered) = ranks.of_call(http.asked, http.answered, index);
            Span {
                lane: lane(&http.lane),
                began: (asked, What::Asked),
                ended: (answered, What::Answered),
                within: (0, 0),
            }
        }
        Record::Frame(frame) => {
            let what = if frame.from == Sender::Client { What::Heard } else { What::Said };
            let placed = frames.get(&index);
            let (socket, at, nth) = placed.map_or((0, 0, 0), |placed| (placed.socket, placed.at, placed.nth));
            let ended = (at, what);
            let began = placed.map_or(ended, |placed| placed.began.min(ended));
            Span { lane: lane(&frame.lane), began, ended, within: (socket, nth) }
        }
        Record::Mark(mark) => {
            let at = (ranks.up_to(mark.at_position), What::Mark);
            Span { lane: 0, began: at, ended: at, within: (0, 0) }
        }
    }
}
