//! The canonical order: causality first, then lanes.
//!
//! Two runs of the same script may interleave lanes differently. What must stay is that an answer complete before a
//! call was read may have caused it. Everything else is ordered by lane, so that one player's calls read as a story.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::{Cassette, Record};

/// Everything a canonical file renumbers but aliases.
#[derive(Debug)]
pub(super) struct Order {
    /// Indexes into the entries, in canonical order.
    pub(super) sequence: Vec<usize>,
    /// Canonical lane names by the recorded ones.
    pub(super) lanes: BTreeMap<String, String>,
    /// How many lanes made calls.
    pub(super) lane_count: usize,
    positions: Vec<Event>,
}

/// A position and what happened there; at equal positions, a call comes before an answer, and both before a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    position: u64,
    what: What,
    index: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Asked,
    Answered,
    Mark,
}

impl Order {
    /// Orders a cassette's entries.
    pub(super) fn of(cassette: &Cassette) -> Self {
        let mut positions: Vec<Event> = cassette
            .exchanges_indexed()
            .flat_map(|(index, http)| {
                [(http.asked, What::Asked), (http.answered, What::Answered)].map(|(position, what)| Event {
                    position,
                    what,
                    index,
                })
            })
            .collect();
        positions.sort_unstable();
        let lanes = lane_numbers(cassette, &positions);
        let sequence = topological(&spans(cassette, &lanes));
        let lane_count = lanes.len();
        let lanes = lanes.into_iter().map(|(name, number)| (name, format!("player{number}"))).collect();
        Self { sequence, lanes, lane_count, positions }
    }

    /// An exchange's positions, renumbered densely from 1.
    pub(super) fn dense(&self, asked: u64, answered: u64, index: usize) -> (u64, u64) {
        let rank = |position, what| {
            let event = Event { position, what, index };
            rank_of(self.positions.partition_point(|other| *other <= event))
        };
        (rank(asked, What::Asked), rank(answered, What::Answered))
    }

    /// A mark's position, renumbered.
    pub(super) fn dense_mark(&self, at: u64) -> u64 {
        rank_of(self.positions.partition_point(|event| event.position <= at))
    }
}

fn rank_of(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Lanes numbered from 1 by their first call.
fn lane_numbers(cassette: &Cassette, positions: &[Event]) -> BTreeMap<String, usize> {
    let mut lanes = BTreeMap::new();
    for event in positions.iter().filter(|event| event.what == What::Asked) {
        if let Some(http) = cassette.entries[event.index].record.http() {
            let next = lanes.len() + 1;
            lanes.entry(http.lane.clone()).or_insert(next);
        }
    }
    lanes
}

/// When an entry began and ended, and whose it is.
struct Span {
    lane: usize,
    began: (u64, What),
    ended: (u64, What),
}

fn spans(cassette: &Cassette, lanes: &BTreeMap<String, usize>) -> Vec<Span> {
    let span = |record: &Record| match record {
        Record::Http(http) => Span {
            lane: lanes.get(&http.lane).copied().unwrap_or_default(),
            began: (http.asked, What::Asked),
            ended: (http.answered, What::Answered),
        },
        Record::Frame(frame) => Span {
            lane: lanes.get(&frame.lane).copied().unwrap_or_default(),
            began: (frame.at, What::Mark),
            ended: (frame.at, What::Mark),
        },
        Record::Mark(mark) => {
            Span { lane: 0, began: (mark.at_position, What::Mark), ended: (mark.at_position, What::Mark) }
        }
    };
    cassette.entries.iter().map(|entry| span(&entry.record)).collect()
}

/// A before B if A ended before B began; among those that may come next, the lowest lane, then the earliest.
fn topological(spans: &[Span]) -> Vec<usize> {
    let mut waiting: Vec<usize> = (0..spans.len()).collect();
    waiting.sort_by_key(|index| (spans[*index].began, *index));
    let mut ends: Vec<usize> = (0..spans.len()).collect();
    ends.sort_by_key(|index| (spans[*index].ended, *index));
    let mut done = vec![false; spans.len()];
    let mut sequence = Vec::with_capacity(spans.len());
    let mut ready = BinaryHeap::new();
    let (mut next, mut first_end) = (0, 0);
    while sequence.len() < spans.len() {
        while done[ends[first_end]] {
            first_end += 1;
        }
        // An entry may come when nothing that is still to come ended before it began.
        let horizon = spans[ends[first_end]].ended;
        while next < waiting.len() && spans[waiting[next]].began <= horizon {
            let index = waiting[next];
            ready.push(Reverse((spans[index].lane, spans[index].began, index)));
            next += 1;
        }
        let Some(Reverse((_, _, index))) = ready.pop() else {
            break;
        };
        done[index] = true;
        sequence.push(index);
    }
    sequence
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(lane: usize, asked: u64, answered: u64) -> Span {
        Span { lane, began: (asked, What::Asked), ended: (answered, What::Answered) }
    }

    #[test]
    fn concurrent_calls_are_told_lane_by_lane_and_causes_come_first() {
        // Lane 2 asks first but overlaps everything lane 1 does until position 6.
        let spans = [span(2, 1, 6), span(1, 2, 3), span(1, 4, 5), span(1, 7, 8), span(2, 9, 10)];
        assert_eq!(topological(&spans), [1, 2, 0, 3, 4]);
    }

    #[test]
    fn a_mark_stays_between_what_was_over_and_what_had_not_begun() {
        let mark = Span { lane: 0, began: (2, What::Mark), ended: (2, What::Mark) };
        assert_eq!(topological(&[mark, span(1, 1, 2), span(1, 3, 4)]), [1, 0, 2]);
    }

    proptest! {
        #[test]
        fn no_effect_comes_before_its_cause(raw in proptest::collection::vec((1..4_usize, 1..60_u64, 1..20_u64), 0..40)) {
            let spans: Vec<Span> = raw.iter().map(|(lane, asked, took)| span(*lane, *asked, asked + took)).collect();
            let sequence = topological(&spans);
            prop_assert_eq!(sequence.len(), spans.len());
            for (place, later) in sequence.iter().enumerate() {
                for earlier in &sequence[..place] {
                    prop_assert!(spans[*later].ended >= spans[*earlier].began);
                }
            }
        }
    }
}
