//! Timestamps as they stand in messages: MPSD's and HTTP's, recognised by their shape and moved without losing it.

use jiff::SignedDuration;
use jiff::civil::DateTime;

/// True for a text that is a timestamp and nothing else: `2026-01-02T03:04:05.0000000Z`, or an HTTP date.
pub fn is_timestamp(text: &str) -> bool {
    Stamp::of(text).is_some()
}

/// The instant a timestamp tells, in seconds since the Unix epoch; `None` for what is no timestamp.
pub fn seconds(text: &str) -> Option<i64> {
    let (stamp, offset) = match Stamp::of(text)? {
        Stamp::Iso { at, rest } => (at, offset(rest)?),
        Stamp::Http { at } => (at, 0),
    };
    Some(stamp.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second() - offset)
}

/// A timestamp moved by whole seconds, its fraction, its zone and its form kept.
///
/// `None` for what is no timestamp, and for one that stands for no real time: the first or last instant a calendar has.
pub fn moved(text: &str, by: SignedDuration) -> Option<String> {
    let move_it = |at: DateTime| {
        let moved = at.checked_add(SignedDuration::from_secs(by.as_secs())).ok()?;
        (is_real(at) && is_real(moved)).then_some(moved)
    };
    match Stamp::of(text)? {
        Stamp::Iso { at, rest } => Some(move_it(at)?.strftime("%Y-%m-%dT%H:%M:%S").to_string() + rest),
        Stamp::Http { at } => Some(move_it(at)?.strftime(HTTP_DATE).to_string()),
    }
}

/// A timestamp taken apart.
enum Stamp<'t> {
    /// With what follows the seconds: a fraction and a zone.
    Iso {
        at: DateTime,
        rest: &'t str,
    },
    Http {
        at: DateTime,
    },
}

impl<'t> Stamp<'t> {
    fn of(text: &'t str) -> Option<Self> {
        if text.len() > LONGEST || !text.is_ascii() {
            return None;
        }
        if text.ends_with(" GMT") {
            let at = DateTime::strptime(HTTP_DATE, text).ok()?;
            return Some(Self::Http { at });
        }
        let (head, rest) = text.split_at_checked(SECONDS_END)?;
        let is_shape = head.bytes().zip(SHAPE.bytes()).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        });
        offset(rest).filter(|_| is_shape)?;
        Some(Self::Iso { at: head.parse().ok()?, rest })
    }
}

/// The seconds a zone is ahead of UTC, behind a fraction; `None` when it is no zone.
fn offset(rest: &str) -> Option<i64> {
    let zone = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|char: char| char.is_ascii_digit());
            (zone.len() < fraction.len()).then_some(zone)?
        }
    };
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
    let number = |text: &str, most: i64| -> Option<i64> {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| is_number && *number <= most)
    };
    Some(sign * (number(hours, 23)? * 3600 + number(minutes, 59)? * 60))
}

/// False for years that programs write when there is no time to tell.
fn is_real(at: DateTime) -> bool {
    (1971..9000).contains(&at.year())
}

const SHAPE: &str = "0000-00-00T00:00:00";
const SECONDS_END: usize = SHAPE.len();
const HTTP_DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";
/// No timestamp is longer.
const LONGEST: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_moves_and_keeps_its_form() {
        let day = SignedDuration::from_hours(24);
        for (text, later) in [
            ("2026-01-02T03:04:05.0000000Z", "2026-01-03T03:04:05.0000000Z"),
            ("2026-12-31T23:04:05Z", "2027-01-01T23:04:05Z"),
            ("2024-02-28T03:04:05.1+01:00", "2024-02-29T03:04:05.1+01:00"),
            ("Fri, 02 Jan 2026 03:04:05 GMT", "Sat, 03 Jan 2026 03:04:05 GMT"),
        ] {
            assert_eq!(moved(text, day).as_deref(), Some(later));
            assert_eq!(moved(later, -day).as_deref(), Some(text));
            assert_eq!(seconds(later).unwrap() - seconds(text).unwrap(), 86_400);
        }
        assert_eq!(seconds("2026-01-02T03:04:05+02:00"), seconds("Fri, 02 Jan 2026 01:04:05 GMT"));
    }

    #[test]
    fn what_is_no_time_stays() {
        for text in [
            "",
            "2026-01-02",
            "2026-01-02T03:04:05",
            "2026-13-02T03:04:05Z",
            "2026-01-02T03:04:05.Z",
            "at 2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05+1:00",
            "２026-01-02T03:04:05Z",
            "no GMT",
            "17a13f76-1ba5-44a5-92c9-5c22196ddbc4",
        ] {
            assert!(!is_timestamp(text), "{text}");
            assert_eq!(moved(text, SignedDuration::from_secs(1)), None);
        }
        for text in ["0001-01-01T00:00:00", "9999-12-31T23:59:59.9999999"].map(|text| text.to_owned() + "Z") {
            assert!(is_timestamp(&text) && moved(&text, SignedDuration::from_secs(1)).is_none(), "{text}");
        }
    }
}
