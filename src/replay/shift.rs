//! Time moved: a recording as if it had been made at another time.
//!
//! Every timestamp the service wrote moves by the same span, in bodies, headers and messages alike, so that the spans
//! between them stay. What a client wrote first is its own: it stays, and so do the service's echoes of it. A client's
//! echo of what the service wrote moves with it, and so it still matches.

use std::collections::BTreeSet;
use std::ops::Range;

use jiff::{SignedDuration, Timestamp};

use crate::cassette::{Cassette, Record, rewrite, rewrite_request, rewrite_response};
use crate::clock::{is_timestamp, moved, seconds};
use crate::slot::{Class, Role, Slot};
use crate::socket::Sender;

/// A recording whose first time is `start`, to the second; `None` when it tells no time.
pub fn shifted(cassette: &Cassette, start: Timestamp) -> Option<Cassette> {
    let mut shifted = cassette.clone();
    let told = Told::by_service(&mut shifted);
    let by = SignedDuration::from_secs(start.as_second().checked_sub(told.first?)?);
    for entry in &mut shifted.entries {
        rewrite(&mut entry.record, &timestamps, &mut |slot| {
            told.times.contains(&slot.text).then(|| moved(&slot.text, by)).flatten()
        });
    }
    Some(shifted)
}

/// The timestamps the service wrote before any client did.
#[derive(Debug, Default)]
struct Told {
    times: BTreeSet<String>,
    clients: BTreeSet<String>,
    /// When the first answer that tells a time was made.
    first: Option<i64>,
}

impl Told {
    fn by_service(cassette: &mut Cassette) -> Self {
        let mut told = Self::default();
        for entry in &mut cassette.entries {
            match &mut entry.record {
                Record::Http(http) => {
                    let asked = collected(|note| rewrite_request(&mut http.request, &timestamps, note));
                    told.client(asked);
                    let answered = collected(|note| rewrite_response(&mut http.response, &timestamps, note));
                    let date = http.response.headers.text("date").and_then(seconds);
                    told.service(answered, date);
                }
                Record::Frame(frame) => {
                    let from = frame.from;
                    let said = collected(|note| rewrite(&mut entry.record, &timestamps, note));
                    match from {
                        Sender::Client => told.client(said),
                        Sender::Service => told.service(said, None),
                    }
                }
                Record::Mark(_) => {}
            }
        }
        told
    }

    fn client(&mut self, times: Vec<String>) {
        self.clients.extend(times.into_iter().filter(|time| !self.times.contains(time)));
    }

    /// `date` is when it was said; else that is the first of the times it tells.
    fn service(&mut self, times: Vec<String>, date: Option<i64>) {
        let fresh: Vec<String> = times.into_iter().filter(|time| !self.clients.contains(time)).collect();
        let is_real = |time: &&String| moved(time, SignedDuration::ZERO).is_some();
        let earliest = || fresh.iter().filter(is_real).filter_map(|time| seconds(time)).min();
        self.first = self.first.or(date).or_else(earliest);
        self.times.extend(fresh);
    }
}

/// The texts of the slots that a walk comes by; it changes nothing.
fn collected(walk: impl FnOnce(&mut dyn FnMut(&Slot) -> Option<String>)) -> Vec<String> {
    let mut texts = Vec::new();
    walk(&mut |slot| {
        texts.push(slot.text.clone());
        None
    });
    texts
}

/// Judges a text that is a timestamp as one slot; it is of no class, and any will do.
fn timestamps(text: &str, _: Role) -> Vec<(Range<usize>, Class)> {
    if is_timestamp(text) { vec![(0..text.len(), Class::Guid)] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cassette::sample::scene::{Scene, call, session, tap};

    const DAY: i64 = 86_400;

    fn start(of: &str) -> Timestamp {
        of.parse().unwrap()
    }

    /// Every text of a recording, in order.
    fn texts(cassette: &Cassette) -> String {
        let text = |record: &Record| match record {
            Record::Http(http) => {
                let (request, response) = (http.request(), http.response());
                let dates: Vec<_> =
                    response.headers.iter().map(|header| header.value.escape_ascii().to_string()).collect();
                format!("{} {:?} {:?} {dates:?}\n", request.target, request.body.decoded(), response.body.decoded())
            }
            Record::Frame(frame) => format!("{:?}\n", frame.what.message()),
            Record::Mark(mark) => mark.text.clone(),
        };
        cassette.entries.iter().map(|entry| text(&entry.record)).collect()
    }

    fn story() -> Cassette {
        let mut scene = Scene::default();
        let put = call("1", "PUT", &session("s"), r#"{"properties":{"custom":{"mine":"2020-05-05T05:05:05Z"}}}"#);
        let answer = r#"{"startTime":"2026-01-02T03:04:05.1234567Z","never":"0001-01-01T00:00:00Z","mine":"2020-05-05T05:05:05Z","inside":"{\"at\":\"2026-01-02T03:04:06Z\"}"}"#;
        scene.call("a", &put, 201, answer);
        let echo = call("1", "GET", &(session("s") + "?since=2026-01-02T03:04:05.1234567Z"), "");
        scene.call("a", &echo, 200, r#"{"nextTimer":"2026-01-02T04:04:05Z"}"#);
        let socket = scene.open("a");
        scene.told(socket, &tap(0, "s", 1, "x"));
        let mut cassette = scene.cassette();
        let Some(Record::Http(http)) = cassette.entries.get_mut(0).map(|entry| &mut entry.record) else { panic!() };
        http.response.headers.push("date", "Fri, 02 Jan 2026 03:04:05 GMT");
        http.response.headers.push("content-length", answer.len().to_string());
        cassette
    }

    #[test]
    fn all_that_the_service_wrote_moves_together_and_what_clients_wrote_stays() {
        let cassette = story();
        let before = texts(&cassette);
        let moved = texts(&shifted(&cassette, start("2026-01-03T03:04:05.9Z")).unwrap());
        let expected = before
            .replace("2026-01-02T03:", "2026-01-03T03:")
            .replace("2026-01-02T04:", "2026-01-03T04:")
            .replace("Fri, 02 Jan", "Sat, 03 Jan");
        assert_eq!(moved, expected);
        assert!(
            moved.contains("since=2026-01-03T03:04") && moved.contains("0001-01-01") && moved.contains("2020-05-05")
        );
    }

    #[test]
    fn the_same_start_gives_the_same_bytes_and_the_way_back_is_the_recording() {
        let cassette = story();
        let first = seconds("2026-01-02T03:04:05Z").unwrap();
        let at = |shift: i64| Timestamp::from_second(first + shift).unwrap();
        let there = shifted(&cassette, at(3 * DAY)).unwrap();
        assert_eq!(texts(&there), texts(&shifted(&cassette, at(3 * DAY)).unwrap()));
        assert_ne!(texts(&there), texts(&cassette));
        assert_eq!(texts(&shifted(&there, at(0)).unwrap()), texts(&cassette));
    }

    #[test]
    fn a_recording_without_dates_starts_at_the_first_time_it_tells() {
        let mut scene = Scene::default();
        scene.call("a", &call("1", "GET", &session("s"), ""), 404, "");
        assert!(shifted(&scene.clone().cassette(), start("2026-01-03T00:00:00Z")).is_none());
        let answer = r#"{"next":"2026-01-02T01:00:00Z","start":"2026-01-02T00:00:00Z","none":"0001-01-01T00:00:00Z"}"#;
        scene.call("a", &call("1", "GET", &session("s"), ""), 200, answer);
        let moved = texts(&shifted(&scene.cassette(), start("2027-01-02T00:00:00Z")).unwrap());
        assert!(moved.contains("2027-01-02T01:00:00Z") && moved.contains("2027-01-02T00:00:00Z"), "{moved}");
    }
}
