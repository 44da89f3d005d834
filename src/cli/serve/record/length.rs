//! How long a recording gets, and when its journal goes on in another part.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use crate::engine::Engine;
use crate::engine::journal::Bounds;

/// How long a recording gets.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Recording")]
pub(super) struct Length {
    /// End the recording once its journals have this size, like `500MB` or `2GiB`: as after Ctrl-C, calls under way are
    /// answered, then it is sealed
    #[arg(long, env = "TAPDECK_MAX_SIZE", value_name = "SIZE", value_parser = size)]
    max_size: Option<Size>,
    /// End the recording after this time, like `12h` or `1h30m`, in the same way
    #[arg(long, env = "TAPDECK_MAX_TIME", value_name = "DURATION", value_parser = duration)]
    max_time: Option<Duration>,
    /// Go on in another journal once one has this size; together they are sealed to one cassette
    #[arg(long, env = "TAPDECK_PART_SIZE", value_name = "SIZE", default_value = "256MiB", value_parser = part_size)]
    part_size: Size,
}

/// Bytes, as somebody writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size(u64);

impl Length {
    /// What the journal is told of it.
    pub(super) fn bounds(self) -> Bounds {
        Bounds { part: self.part_size.0, most: self.max_size.map(|size| size.0) }
    }

    /// Waits until the recording is as long as it may get, and says so.
    pub(super) async fn reached(self, engine: Arc<Engine>) -> String {
        let grown = async {
            match engine.recorder() {
                Some(recorder) => recorder.spent().cancelled().await,
                None => std::future::pending().await,
            }
        };
        let passed = async {
            match self.max_time {
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = grown => "the recording has the size of --max-size".to_owned(),
            () = passed => "the recording has taken the time of --max-time".to_owned(),
        }
    }
}

/// A number with a unit of bytes, or none.
fn size(text: &str) -> Result<Size, String> {
    let wrong = || "write a number and a unit: B, kB, MB, GB, KiB, MiB or GiB".to_owned();
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).filter(|size| *size > 0).map(Size).ok_or_else(wrong)
}

fn part_size(text: &str) -> Result<Size, String> {
    let size = size(text)?;
    if (SMALLEST_PART..=LARGEST_PART).contains(&size.0) {
        Ok(size)
    } else {
        Err("a part has 4 KiB to 1 GiB".to_owned())
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = |_| "write a time like 90s, 45m, 12h or 1h30m".to_owned();
    let time: SignedDuration = text.trim().parse().map_err(|error: jiff::Error| wrong(error.to_string()))?;
    let time = Duration::try_from(time).map_err(|error| wrong(error.to_string()))?;
    if time.is_zero() { Err("the time must be longer than nothing".to_owned()) } else { Ok(time) }
}

const SMALLEST_PART: u64 = 4 << 10;
/// Journals up to this size are read into memory where that is asked for.
const LARGEST_PART: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_units() {
        for (text, bytes) in [("500MB", 500_000_000), ("2GiB", 2 << 30), ("1 kib", 1024), ("77", 77), ("3b", 3)] {
            assert_eq!(size(text), Ok(Size(bytes)), "{text}");
        }
        for wrong in ["", "MB", "0", "1.5GB", "5 parsecs", "-1", "99999999999GiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert!(part_size("1kB").is_err() && part_size("2GiB").is_err() && part_size("4KiB").is_ok());
        for (text, seconds) in [("90s", 90), ("45m", 2700), ("12h", 43_200), ("1h30m", 5400), ("1h 30m", 5400)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "12", "0s", "-5m", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
