//! Time as a value: the wall, or a clock that only moves when told to.
//!
//! Nothing below the async half asks the operating system for the time; it is handed a [`Clock`].

mod stamp;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
pub use stamp::{is_timestamp, moved, seconds};

/// A source of timestamps. Clones share one time line.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The operating system's clock.
    Wall,
    /// A virtual clock: nanoseconds since the Unix epoch, moved by [`Clock::advance`] only.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A virtual clock that stands at `start`.
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(nanoseconds(start))))
    }

    /// True for one that moves only when told to.
    pub fn is_manual(&self) -> bool {
        matches!(self, Self::Manual(_))
    }

    /// The instant it shows now.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Wall => Timestamp::now(),
            Self::Manual(nanos) => instant(nanos.load(Ordering::Acquire)),
        }
    }

    /// Moves a virtual clock forward; the wall is not ours to move.
    pub fn advance(&self, by: Duration) {
        self.set(self.later(by));
    }

    /// The instant it would show after moving that far: for the wall, what it shows now.
    pub fn later(&self, by: Duration) -> Timestamp {
        match self {
            Self::Wall => self.now(),
            // Never beyond its range: whoever waits for that instant would wait for ever.
            Self::Manual(_) => instant(nanoseconds(self.now().saturating_add(by).unwrap_or(Timestamp::MAX))),
        }
    }

    /// Sets a virtual clock, as far as its range goes; the wall is not ours to set.
    pub fn set(&self, to: Timestamp) {
        if let Self::Manual(nanos) = self {
            nanos.store(nanoseconds(to), Ordering::Release);
        }
    }
}

/// `2026-01-02T03:04:05.0000000Z`: the seven fraction digits MPSD writes (mpsd-wire §1.6).
pub fn mpsd_timestamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.").to_string() + &format!("{:07}Z", fraction(at))
}

/// An HTTP `Date` value (RFC 9110 §5.6.7).
pub fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The moment every virtual clock starts at unless told otherwise.
pub fn virtual_start() -> Timestamp {
    Timestamp::from_second(1_767_323_045).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The instant that many milliseconds later.
pub fn after(at: Timestamp, milliseconds: u64) -> Timestamp {
    let span = SignedDuration::from_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX));
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

fn instant(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or(Timestamp::MAX)
}

fn nanoseconds(at: Timestamp) -> i64 {
    let nanos = at.as_nanosecond();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

fn fraction(at: Timestamp) -> i32 {
    at.subsec_nanosecond() / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_advanced() {
        let clock = Clock::manual(virtual_start());
        assert_eq!(mpsd_timestamp(clock.now()), "2026-01-02T03:04:05.0000000Z");
        clock.advance(Duration::from_micros(1_500_000));
        assert_eq!(mpsd_timestamp(clock.now()), "2026-01-02T03:04:06.5000000Z");
        assert_eq!(http_date(clock.now()), "Fri, 02 Jan 2026 03:04:06 GMT");
        clock.advance(Duration::MAX);
        let end = clock.now();
        assert_eq!(clock.later(Duration::from_secs(1)), end);
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now(), end);
    }
}
