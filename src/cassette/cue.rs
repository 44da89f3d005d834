//! Cues: what released each of the service's messages, read off the recording.
//!
//! A reply answers a message of the client. A shoulder tap is caused by the call that made the version it names. Of
//! all else only this is known: it came after what its own client had done by then.

mod history;

use std::collections::{BTreeMap, HashMap};

use super::frame::Cue;
use super::outline::{FrameFact, Outline, Talk};
use crate::socket::Sender;
pub(super) use history::Histories;

/// The cue of each of the service's messages, by the entry that holds it. A cue that was recorded stays.
pub(super) fn find(outline: &Outline) -> HashMap<usize, Cue> {
    let mut sockets: BTreeMap<u64, Vec<&FrameFact>> = BTreeMap::new();
    for frame in &outline.frames {
        sockets.entry(frame.socket).or_default().push(frame);
    }
    if sockets.is_empty() {
        return HashMap::new();
    }
    let deeds = Deeds::of(outline);
    let mut cues = HashMap::with_capacity(outline.frames.len());
    for frames in sockets.values_mut() {
        frames.sort_by_key(|frame| (frame.at, frame.index));
        let mut open = Open::default();
        for frame in frames {
            let answers = open.answered_by(frame);
            if frame.from == Sender::Client {
                continue;
            }
            let caused = || cause(frame, &outline.histories).map(Cue::CausedBy);
            let found = frame.cue.or_else(|| answers.map(Cue::Answers)).or_else(caused);
            let before = || Cue::Follows(deeds.before(frame).unwrap_or(frame.socket));
            cues.insert(frame.index, found.unwrap_or_else(before));
        }
    }
    cues
}

/// Where the call that caused an event was answered: the latest one of several taps, or the invitation itself.
fn cause(frame: &FrameFact, histories: &Histories) -> Option<u64> {
    let Talk::Event { taps, handle } = &frame.talk else { return None };
    let of_tap = taps.iter().filter_map(|tap| histories.cause_of_tap(tap, frame.at)).max();
    of_tap.or_else(|| histories.handle_made((*handle)?, frame.at))
}

/// What a client has said on a socket that waits for its answer.
#[derive(Debug, Default)]
struct Open<'a> {
    /// By type and seq, the latest last.
    asked: BTreeMap<(u64, u64), Vec<u64>>,
    pings: BTreeMap<&'a [u8], Vec<u64>>,
    closed: Option<u64>,
}

impl<'a> Open<'a> {
    /// Takes note of the client's message, or finds the one that a message of the service answers.
    fn answered_by(&mut self, frame: &'a FrameFact) -> Option<u64> {
        match (frame.from, &frame.talk) {
            (Sender::Client, Talk::End) => self.closed = self.closed.or(Some(frame.at)),
            (Sender::Service, Talk::End) => return self.closed.take(),
            (Sender::Client, Talk::Ping(body)) => self.pings.entry(body).or_default().push(frame.at),
            (Sender::Service, Talk::Pong(body)) => return self.pings.get_mut(&**body)?.pop(),
            (from, Talk::Question(kind, seq)) => {
                let asked = self.asked.entry((*kind, *seq)).or_default();
                match from {
                    Sender::Client => asked.push(frame.at),
                    Sender::Service => return asked.pop(),
                }
            }
            _ => {}
        }
        None
    }
}

/// What the client of each lane did, and when: positions in order.
#[derive(Debug)]
struct Deeds(HashMap<u32, Vec<u64>>);

impl Deeds {
    /// Calls, their answers, and messages. What keeps a connection alive is none of it.
    fn of(outline: &Outline) -> Self {
        let mut deeds: HashMap<u32, Vec<u64>> = HashMap::new();
        for (_, lane, asked, answered) in outline.exchanges() {
            deeds.entry(lane).or_default().extend([asked, answered]);
        }
        for frame in outline.frames.iter().filter(|frame| frame.from == Sender::Client && !frame.talk.is_control()) {
            deeds.entry(frame.lane).or_default().push(frame.at);
        }
        deeds.values_mut().for_each(|positions| positions.sort_unstable());
        Self(deeds)
    }

    /// The last thing the client of a message's lane had done when it came.
    fn before(&self, frame: &FrameFact) -> Option<u64> {
        let positions = self.0.get(&frame.lane)?;
        positions[..positions.partition_point(|position| *position <= frame.at)].last().copied()
    }
}

#[cfg(test)]
mod tests;
