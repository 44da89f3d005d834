//! A topological order of spans.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Moment;

/// When an entry began and ended, and whose it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) lane: usize,
    pub(super) began: Moment,
    pub(super) ended: Moment,
    /// Its socket, and its place among the messages there.
    pub(super) within: (u64, usize),
}

/// A before B if A ended before B began; among those that may come next, the lowest lane, then the earliest.
pub(super) fn topological(spans: &[Span]) -> Vec<usize> {
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
            ready.push(Reverse((spans[index].lane, spans[index].began, spans[index].within, index)));
            next += 1;
        }
        let Some(Reverse((.., index))) = ready.pop() else {
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
    use crate::cassette::order::What;

    fn span(lane: usize, asked: u64, answered: u64) -> Span {
        Span { lane, began: (asked, What::Asked), ended: (answered, What::Answered), within: (0, 0) }
    }

    #[test]
    fn concurrent_calls_are_told_lane_by_lane_and_causes_come_first() {
        // Lane 2 asks first but overlaps everything lane 1 does until position 6.
        let spans = [span(2, 1, 6), span(1, 2, 3), span(1, 4, 5), span(1, 7, 8), span(2, 9, 10)];
        assert_eq!(topological(&spans), [1, 2, 0, 3, 4]);
    }

    #[test]
    fn a_mark_stays_between_what_was_over_and_what_had_not_begun() {
        let mark = Span { lane: 0, began: (2, What::Mark), ended: (2, What::Mark), within: (0, 0) };
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
