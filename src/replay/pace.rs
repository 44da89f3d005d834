//! How long answers take: not at all, or as long as the service took, scaled.

use std::time::Duration;

use super::{Played, Player};

/// How long answers take, against what the service took when it was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace(f64);

impl Pace {
    /// As long as they took then.
    pub const RECORDED: Self = Self(1.0);

    /// That many times as long; `None` for what is no scale.
    pub fn scaled(scale: f64) -> Option<Self> {
        (0.0..=MOST_SCALE).contains(&scale).then_some(Self(scale))
    }

    fn of(self, took: Duration) -> Duration {
        took.min(LONGEST).mul_f64(self.0).min(LONGEST)
    }
}

impl Player {
    /// How long after a call was read its answer is due. Whoever plays keeps the time.
    pub fn due(&self, played: &Played) -> Duration {
        let take = match played {
            Played::Hit(exchange) | Played::Bound(exchange) | Played::Repeat(exchange) => exchange.checked_sub(1),
            Played::Miss(_) => None,
        };
        let took = take.and_then(|at| self.tape.takes().get(at)).map(|take| take.recorded.took);
        self.options.pace.of(took.unwrap_or_default())
    }
}

/// No answer takes longer, whatever a recording says.
const LONGEST: Duration = Duration::from_secs(60);
const MOST_SCALE: f64 = 1000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_bounded() {
        let second = Duration::from_secs(1);
        assert_eq!(Pace::default().of(second), Duration::ZERO);
        assert_eq!(Pace::RECORDED.of(second), second);
        assert_eq!(Pace::scaled(0.5).unwrap().of(second), second / 2);
        assert_eq!(Pace::scaled(1000.0).unwrap().of(Duration::MAX), LONGEST);
        assert!([-1.0, f64::NAN, f64::INFINITY, 1001.0].into_iter().all(|scale| Pace::scaled(scale).is_none()));
    }
}
