//! How often a client calls MPSD, in the windows its documented limits are counted in.

use std::collections::VecDeque;

/// A documented limit of calls of one user, per window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Calls allowed in the window.
    pub calls: u32,
    /// The window, in seconds.
    pub seconds: u64,
}

/// The limits of every MPSD call together (Fine-grained rate limiting): a burst, and what may go on.
pub const LIMITS: [Limit; 2] = [Limit { calls: 30, seconds: 15 }, Limit { calls: 300, seconds: 300 }];

/// The calls of one client by second, for as long as the longest window.
///
/// Where the service begins its windows is not documented. Ours end now, wherever they begin: who stays below the limit
/// in each of them is never turned away.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace(VecDeque<(u64, u32)>);

impl Pace {
    /// Counts a call, so many seconds after the start.
    pub(super) fn count(&mut self, second: u64) {
        while self.0.front().is_some_and(|(first, _)| first + LIMITS[1].seconds <= second) {
            self.0.pop_front();
        }
        match self.0.back_mut() {
            Some((last, calls)) if *last >= second => *calls = calls.saturating_add(1),
            _ => self.0.push_back((second, 1)),
        }
    }

    /// The calls in each limit's window that ends with this second.
    pub(super) fn at(&self, second: u64) -> [u32; 2] {
        LIMITS.map(|limit| {
            let counted = self.0.iter().rev().take_while(|(then, _)| then + limit.seconds > second);
            counted.fold(0, |sum: u32, (_, calls)| sum.saturating_add(*calls))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_now() {
        let mut pace = Pace::default();
        for second in [0, 0, 10, 14, 20] {
            pace.count(second);
        }
        assert_eq!((pace.at(14), pace.at(15), pace.at(20)), ([5, 5], [3, 5], [3, 5]));
        assert_eq!((pace.at(34), pace.at(35), pace.at(319), pace.at(320)), ([1, 5], [0, 5], [0, 1], [0, 0]));
    }

    #[test]
    fn a_busy_client_takes_no_more_room_than_a_window() {
        let mut pace = Pace::default();
        for call in 0..10_000 {
            pace.count(call / 2);
        }
        assert_eq!((pace.0.len(), pace.at(4999)), (300, [30, 600]));
    }
}
