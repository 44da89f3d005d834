//! Which diagnoses the log has by now: one that goes away for good and comes again is told again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::diagnosis::{Diagnosis, Kind};

/// What was told of whom, and when it was last so.
#[derive(Debug, Default)]
pub(super) struct Told(BTreeMap<(Kind, String), Instant>);

impl Told {
    /// Takes down that something is so now; true when that is news.
    pub(super) fn is_news(&mut self, diagnosis: &Diagnosis, now: Instant) -> bool {
        let key = (diagnosis.kind, diagnosis.who.clone());
        if self.0.len() >= MOST && !self.0.contains_key(&key) {
            return false;
        }
        self.0.insert(key, now).is_none()
    }

    /// Forgets what is no longer so.
    pub(super) fn forget(&mut self, now: Instant) {
        self.0.retain(|_, last| now.saturating_duration_since(*last) < OVER);
    }
}

/// What is away for a shorter time than this comes and goes: it was told.
const OVER: Duration = Duration::from_secs(120);
/// Told apart at one time; beyond them nothing is news.
const MOST: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_is_news_and_what_comes_and_goes_is_not() {
        let (mut told, began) = (Told::default(), Instant::now());
        let mut is_news = |who: &str, second: u64| {
            let now = began + Duration::from_secs(second);
            told.forget(now);
            told.is_news(&Diagnosis { kind: Kind::Quiet, who: who.into(), text: String::new() }, now)
        };
        assert!(is_news("guest", 0));
        assert!((1..=200).all(|second| !is_news("guest", second)), "it lasts");
        assert!(!is_news("guest", 319), "it was away for a moment");
        assert!(is_news("host", 320));
        assert!(is_news("guest", 319 + 120), "it was over");
        assert!(!is_news("guest", 319 + 121));
    }

    #[test]
    fn a_crowd_is_not_kept_for_ever() {
        let (mut told, began) = (Told::default(), Instant::now());
        let found = |number: usize| Diagnosis { kind: Kind::Silent, who: number.to_string(), text: String::new() };
        let news = (0..MOST + 5).filter(|number| told.is_news(&found(*number), began)).count();
        assert_eq!(news, MOST);
        let later = began + OVER;
        told.forget(later);
        assert!(told.is_news(&found(MOST + 1), later));
    }
}
