//! The proxy's password, and how somebody who must send it does: .NET and Java send it only once they are asked.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// How somebody missed the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Miss {
    /// It was asked, and does not send any.
    Nothing,
    /// It sends another.
    Wrong,
    /// It comes by a way that has no place for one.
    NoPlace,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "it does not send the proxy password",
            Self::Wrong => "it sends a wrong proxy password",
            Self::NoPlace => "it comes by TLS straight in, which has no place for the proxy password",
        })
    }
}

/// What became of asking one client for the password.
#[derive(Clone, Debug, Default)]
pub struct Password {
    asks: u64,
    asked: Option<Instant>,
    missed: Option<Miss>,
    misses: BTreeMap<Miss, u64>,
}

impl Password {
    /// When it was asked, if it has not come with the password since.
    pub fn asked(&self) -> Option<Instant> {
        self.asked
    }

    /// How it missed the password, if it has not come with it since.
    pub fn missed(&self) -> Option<Miss> {
        self.missed
    }

    /// True for somebody who was asked long ago. Programs open several connections at once, and each is asked.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.asked.is_some_and(|asked| now.saturating_duration_since(asked) >= PATIENCE)
    }

    /// It is asked for the password: how often by now.
    pub(super) fn ask(&mut self, now: Instant) -> u64 {
        self.asked.get_or_insert(now);
        self.asks += 1;
        self.asks
    }

    /// It missed the password: how often in this way by now.
    pub(super) fn miss(&mut self, miss: Miss) -> u64 {
        self.missed = Some(miss);
        let times = self.misses.entry(miss).or_default();
        *times += 1;
        *times
    }

    /// It came with the password.
    pub(super) fn shown(&mut self) {
        (self.asked, self.missed) = (None, None);
    }
}

/// How long a program may take from being asked to sending the password, with all its connections.
const PATIENCE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_may_answer_for_a_while() {
        let began = Instant::now();
        let at = |second| began + Duration::from_secs(second);
        let mut password = Password::default();
        assert!(!password.is_overdue(at(0)));
        for second in [0, 1, 2] {
            password.ask(at(second));
            assert!(!password.is_overdue(at(second)), "{second}");
        }
        assert!(password.is_overdue(at(3)));
        password.shown();
        assert!(!password.is_overdue(at(60)) && password.asked().is_none());
        password.ask(at(60));
        assert!(!password.is_overdue(at(61)) && password.is_overdue(at(63)));
    }

    #[test]
    fn ways_of_missing_it_are_counted_apart() {
        let mut password = Password::default();
        assert_eq!(
            [Miss::Wrong, Miss::Wrong, Miss::NoPlace, Miss::Wrong].map(|miss| password.miss(miss)),
            [1, 2, 1, 3]
        );
        assert_eq!(password.missed(), Some(Miss::Wrong));
        password.shown();
        assert_eq!((password.missed(), password.miss(Miss::Wrong)), (None, 4));
    }
}
