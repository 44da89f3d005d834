//! The canonical order: causality first, then lanes.
//!
//! Lanes that were given names keep them and come by name, so that nothing depends on who called first; the others are
//! numbered by their first call.
//!
//! Two runs of the same script may interleave lanes differently. What must stay is that an answer complete before a
//! call was read may have caused it. Everything else is ordered by lane, so that one player's calls read as a story:
//! calls with nothing in between have no order of their own, nor have answers, nor what clients say.
//!
//! Calls, their answers and clients' messages have a position each. When a message of the service came depends on
//! threads and networks, so it has none of its own: it stands behind what released it and what its own client had
//! done by then.

mod ranks;
mod sequence;

use std::collections::{BTreeMap, HashMap};

use super::cue;
use super::frame::Cue;
use super::outline::{Fact, FrameFact, Outline};
use crate::exchange::LaneName;
use crate::socket::Sender;
use ranks::Ranks;
use sequence::{Span, topological};

/// Everything a canonical file renumbers but aliases.
#[derive(Debug)]
pub(super) struct Order {
    /// Indexes into the entries, in canonical order.
    pub(super) sequence: Vec<usize>,
    /// The lanes' canonical names, in order.
    pub(super) lanes: Vec<String>,
    ranks: Ranks,
    frames: HashMap<usize, Placed>,
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
    pub(super) fn of(outline: &Outline) -> Self {
        let ranks = Ranks::of(outline);
        let frames = place_frames(outline, &ranks);
        let spans: Vec<Span> =
            outline.facts.iter().enumerate().map(|(index, fact)| span(index, fact, outline, &ranks, &frames)).collect();
        let sequence = topological(&spans);
        let recorded: Vec<&str> = ranks.lanes().iter().map(|lane| outline.lanes.name(*lane)).collect();
        let lanes = lane_names(&recorded);
        Self { sequence, lanes, ranks, frames }
    }

    /// The canonical name of a lane.
    pub(super) fn lane(&self, lane: u32) -> &str {
        let place = self.ranks.lane(lane).checked_sub(1);
        place.and_then(|place| self.lanes.get(place)).map_or("", String::as_str)
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

/// Canonical names of lanes, in their order.
fn lane_names(lanes: &[&str]) -> Vec<String> {
    let mut players = 0;
    let mut name = |lane: &str| {
        if LaneName::is_given(lane) {
            return lane.to_owned();
        }
        players += 1;
        format!("player{players}")
    };
    lanes.iter().map(|lane| name(lane)).collect()
}

/// What the client of each lane did: recorded and canonical positions.
fn deeds(outline: &Outline, ranks: &Ranks) -> HashMap<u32, Vec<(u64, u64)>> {
    let mut deeds: HashMap<u32, Vec<(u64, u64)>> = HashMap::new();
    for (index, lane, asked, answered) in outline.exchanges() {
        let dense = ranks.of_call(asked, answered, index);
        deeds.entry(lane).or_default().extend([(asked, dense.0), (answered, dense.1)]);
    }
    for frame in outline.frames.iter().filter(|frame| frame.from == Sender::Client) {
        let at = ranks.of_event((frame.at, What::Heard), frame.index);
        deeds.entry(frame.lane).or_default().push((frame.at, at));
    }
    deeds.values_mut().for_each(|positions| positions.sort_unstable());
    deeds
}

/// A message of a socket while its place is looked for.
struct Placing<'a> {
    frame: &'a FrameFact,
    cue: Option<Cue>,
    at: u64,
}

fn place_frames(outline: &Outline, ranks: &Ranks) -> HashMap<usize, Placed> {
    if outline.frames.is_empty() {
        return HashMap::new();
    }
    let cues = cue::find(outline);
    let deeds = deeds(outline, ranks);
    let mut sockets: BTreeMap<u64, Vec<Placing<'_>>> = BTreeMap::new();
    for frame in &outline.frames {
        let cue = cues.get(&frame.index).map(|cue| cue.moved(ranks.of_position(cue.position())));
        let at = match frame.from {
            Sender::Client => ranks.of_event((frame.at, What::Heard), frame.index),
            Sender::Service => {
                // A cause may be answered only after its effect was read.
                let done = deeds.get(&frame.lane).map(Vec::as_slice).unwrap_or_default();
                let done = done[..done.partition_point(|(at, _)| *at <= frame.at)].last().map_or(0, |(_, at)| *at);
                done.max(cue.map_or(0, Cue::position))
            }
        };
        sockets.entry(frame.socket).or_default().push(Placing { frame, cue, at });
    }
    let mut placed = HashMap::with_capacity(outline.frames.len());
    for (socket, frames) in &mut sockets {
        let opened = ranks.of_socket(*socket);
        in_canonical_order(frames, opened.1);
        place_socket(frames, opened, &mut placed);
    }
    placed
}

/// Puts a socket's messages in order: each side's own order stays, and none comes before its cue.
fn in_canonical_order(frames: &mut [Placing<'_>], answered: u64) {
    frames.sort_by_key(|placing| (placing.frame.at, placing.frame.index));
    let mut last = answered;
    for placing in frames.iter_mut().filter(|placing| placing.frame.from == Sender::Service) {
        last = last.max(placing.at);
        placing.at = last;
    }
    frames.sort_by_key(|placing| {
        (placing.at, placing.frame.from == Sender::Service, placing.frame.at, placing.frame.index)
    });
}

fn place_socket(frames: &[Placing<'_>], (socket, answered): (u64, u64), placed: &mut HashMap<usize, Placed>) {
    let mut began = (answered, What::Answered);
    for (nth, Placing { frame, cue, at }) in frames.iter().enumerate() {
        began = began.max(match frame.from {
            Sender::Client => (*at, What::Heard),
            Sender::Service => (cue.map_or(0, Cue::position), What::Said),
        });
        placed.insert(frame.index, Placed { socket, at: *at, cue: *cue, began, nth });
    }
}

fn span(index: usize, fact: &Fact, outline: &Outline, ranks: &Ranks, frames: &HashMap<usize, Placed>) -> Span {
    match *fact {
        Fact::Http { lane, asked, answered } => {
            let (asked, answered) = ranks.of_call(asked, answered, index);
            Span {
                lane: ranks.lane(lane),
                began: (asked, What::Asked),
                ended: (answered, What::Answered),
                within: (0, 0),
            }
        }
        Fact::Frame(frame) => {
            let frame = outline.frames.get(frame);
            let is_clients = frame.is_some_and(|frame| frame.from == Sender::Client);
            let what = if is_clients { What::Heard } else { What::Said };
            let placed = frames.get(&index);
            let (socket, at, nth) = placed.map_or((0, 0, 0), |placed| (placed.socket, placed.at, placed.nth));
            let ended = (at, what);
            let began = placed.map_or(ended, |placed| placed.began.min(ended));
            Span { lane: frame.map_or(0, |frame| ranks.lane(frame.lane)), began, ended, within: (socket, nth) }
        }
        Fact::Mark { at } => {
            let at = (ranks.up_to(at), What::Mark);
            Span { lane: 0, began: at, ended: at, within: (0, 0) }
        }
    }
}
