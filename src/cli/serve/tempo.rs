//! The time of a replay: when the recorded times are, how long answers take, and how old a recording may be.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::cassette::Cassette;
use crate::cli::{Failure, say};
use crate::clock::Clock;
use crate::replay::{Pace, shifted};

/// What time has to do with playing a cassette.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Playing")]
pub(in crate::cli) struct Tempo {
    /// When the recorded times are: `recorded`, as they stand; `shift`, as if it had been recorded now;
    /// `shift=2026-01-02T03:04:05Z`, as if then
    #[arg(long, env = "TAPDECK_TIME", default_value = "recorded", value_name = "TIME", value_parser = times)]
    time: Times,
    /// How long answers take: `none`, `recorded` as the service took, or that many times as long, like `x0.5`
    #[arg(long, env = "TAPDECK_LATENCY", default_value = "none", value_name = "PACE", value_parser = pace)]
    latency: Pace,
    /// How old a recording may be, in days, like `90d`
    #[arg(long, env = "TAPDECK_MAX_AGE", value_name = "DAYS", value_parser = age)]
    max_age: Option<Duration>,
    /// What to do about an older one
    #[arg(long, env = "TAPDECK_EXPIRY", default_value = "warn", value_name = "WHAT")]
    expiry: Expiry,
}

/// When the recorded times are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Times {
    Recorded,
    Now,
    From(Timestamp),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Expiry {
    /// Say so
    Warn,
    /// Play nothing, exit with 1
    Error,
}

impl Tempo {
    /// Says when a recording is older than it may be, or refuses it.
    pub(super) fn judge(&self, cassette: &Cassette, file: &Path) -> Result<(), Failure> {
        let Some(stale) = self.stale(cassette, Clock::Wall.now()) else { return Ok(()) };
        let stale = format!("{} {stale}", file.display());
        let hint = format!(
            "`tapdeck record --overwrite {}` records it anew; `tapdeck drift` tells what changed since",
            file.display()
        );
        match self.expiry {
            Expiry::Warn => say(&format!("warning: {stale}; {hint}")),
            Expiry::Error => return Err(Failure::finding(stale).hint(hint)),
        }
        Ok(())
    }

    /// A cassette with its times where they are to be.
    pub(in crate::cli) fn timed<'c>(&self, cassette: &'c Cassette) -> Cow<'c, Cassette> {
        let moved = match self.time {
            Times::Recorded => None,
            Times::Now => shifted(cassette, Clock::Wall.now()),
            Times::From(start) => shifted(cassette, start),
        };
        moved.map_or(Cow::Borrowed(cassette), Cow::Owned)
    }

    /// How long answers take.
    pub(super) fn pace(&self) -> Pace {
        self.latency
    }

    /// Why a recording is too old, if it is.
    fn stale(&self, cassette: &Cassette, now: Timestamp) -> Option<String> {
        let most = self.max_age?;
        let Some(recorded) = cassette.recorded else {
            return Some("does not say when it was recorded".to_owned());
        };
        let age = now.duration_since(recorded).unsigned_abs();
        let days = age.as_secs() / DAY;
        (now > recorded && age > most)
            .then(|| format!("was recorded {days} days ago, more than --max-age {}d", most.as_secs() / DAY))
    }
}

fn times(text: &str) -> Result<Times, String> {
    match text.split_once('=') {
        None if text == "recorded" => Ok(Times::Recorded),
        None if text == "shift" => Ok(Times::Now),
        Some(("shift", start)) => start
            .parse()
            .map(Times::From)
            .map_err(|_| format!("{start:?} is no time: write it like shift=2026-01-02T03:04:05Z")),
        _ => Err("write recorded, shift, or shift=2026-01-02T03:04:05Z".to_owned()),
    }
}

fn pace(text: &str) -> Result<Pace, String> {
    let scaled = || text.strip_prefix('x').and_then(|scale| Pace::scaled(scale.parse().ok()?));
    match text {
        "none" => Ok(Pace::default()),
        "recorded" => Ok(Pace::RECORDED),
        _ => scaled().ok_or_else(|| "write none, recorded, or a scale from x0 to x1000, like x0.5".to_owned()),
    }
}

fn age(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').unwrap_or(text);
    let days: u64 = days.parse().map_err(|_| "write days, like 90d".to_owned())?;
    if (1..=MOST_DAYS).contains(&days) {
        Ok(Duration::from_secs(days * DAY))
    } else {
        Err(format!("write days, from 1d to {MOST_DAYS}d"))
    }
}

/// A day in seconds.
const DAY: u64 = 86_400;
const MOST_DAYS: u64 = 36_500;

#[cfg(test)]
mod tests {
    use super::*;

    fn tempo(max_age: &str) -> Tempo {
        Tempo { time: Times::Recorded, latency: Pace::default(), max_age: age(max_age).ok(), expiry: Expiry::Warn }
    }

    #[test]
    fn a_recording_is_stale_once_it_is_older_than_it_may_be() {
        let now: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
        let stale = |max_age: &str, recorded: Option<&str>| {
            let recorded = recorded.map(|recorded| recorded.parse().unwrap());
            let mut cassette = Cassette::of([]);
            cassette.recorded = recorded;
            tempo(max_age).stale(&cassette, now)
        };
        assert_eq!(stale("30d", Some("2026-05-02T00:00:00Z")), None);
        assert_eq!(
            stale("30d", Some("2026-05-01T23:59:59Z")).unwrap(),
            "was recorded 30 days ago, more than --max-age 30d"
        );
        assert_eq!(stale("30", Some("2027-05-01T00:00:00Z")), None, "a clock that was wrong");
        assert_eq!(stale("30d", None).unwrap(), "does not say when it was recorded");
        assert_eq!(stale("", None), None);
    }

    #[test]
    fn words_of_time_are_read() {
        assert_eq!((times("recorded"), times("shift")), (Ok(Times::Recorded), Ok(Times::Now)));
        assert_eq!(times("shift=1970-01-01T00:00:00Z"), Ok(Times::From(Timestamp::UNIX_EPOCH)));
        assert!(["", "now", "shift=", "shift=yesterday", "recorded=1"].into_iter().all(|text| times(text).is_err()));
        assert_eq!(
            (pace("none"), pace("recorded"), pace("x1")),
            (Ok(Pace::default()), Ok(Pace::RECORDED), Ok(Pace::RECORDED))
        );
        assert!(["", "x", "x-1", "xNaN", "x1001", "2"].into_iter().all(|text| pace(text).is_err()));
        assert!(["", "d", "0d", "-1d", "1h", "36501d"].into_iter().all(|text| age(text).is_err()));
    }
}
