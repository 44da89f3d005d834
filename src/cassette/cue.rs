//! Cues: what released each of the service's messages, read off the recording.
//!
//! A reply answers a message of the client. A shoulder tap is caused by the call that made the version it names. Of
//! all else only this is known: it came after what its own client had done by then.

mod history;

use std::collections::BTreeMap;

use super::frame::{Cue, FrameRecord};
use super::{Cassette, Record};
use crate::json::Doc;
use crate::mpsd::rta::{EVENT, Frame, SUBSCRIBE, UNSUBSCRIBE, trimmed};
use crate::socket::{Opcode, Sender};
use history::Histories;

/// The cue of each of the service's messages, by the entry that holds it. A cue that was recorded stays.
pub(super) fn find(cassette: &Cassette) -> BTreeMap<usize, Cue> {
    let mut sockets: BTreeMap<u64, Vec<(usize, &FrameRecord)>> = BTreeMap::new();
    for (index, entry) in cassette.entries.iter().enumerate() {
        if let Some(frame) = entry.record.frame() {
            sockets.entry(frame.socket).or_default().push((index, frame));
        }
    }
    if sockets.is_empty() {
        return BTreeMap::new();
    }
    let (histories, deeds) = (Histories::of(cassette), Deeds::of(cassette));
    let mut cues = BTreeMap::new();
    for frames in sockets.values_mut() {
        frames.sort_by_key(|(index, frame)| (frame.at, *index));
        let mut talk = Talk::default();
        for (index, frame) in frames {
            let answers = talk.answered_by(frame);
            if frame.from == Sender::Client {
                continue;
            }
            let caused = || cause(frame, &histories).map(Cue::CausedBy);
            let found = frame.cue.or_else(|| answers.map(Cue::Answers)).or_else(caused);
            let before = || Cue::Follows(deeds.before(frame).unwrap_or(frame.socket));
            cues.insert(*index, found.unwrap_or_else(before));
        }
    }
    cues
}

/// Where the call that caused an event was answered: the latest one of several taps, or the invitation itself.
fn cause(frame: &FrameRecord, histories: &Histories) -> Option<u64> {
    let payload = payload(frame);
    let doc = Doc::parse(trimmed(&payload)).ok()?;
    let event = Frame::of(&doc).filter(|event| event.kind() == Some(EVENT))?;
    let of_tap = event.taps().filter_map(|tap| histories.cause_of_tap(tap, frame.at)).max();
    of_tap.or_else(|| histories.handle_made(event.item(2)?.get("id")?.str()?.as_ref(), frame.at))
}

fn payload(frame: &FrameRecord) -> bytes::Bytes {
    frame.what.body.as_ref().map(|body| body.content().bytes()).unwrap_or_default()
}

/// What a client has said on a socket that waits for its answer.
#[derive(Debug, Default)]
struct Talk {
    /// By type and seq, the latest last.
    asked: BTreeMap<(u64, u64), Vec<u64>>,
    pings: BTreeMap<bytes::Bytes, Vec<u64>>,
    closed: Option<u64>,
}

impl Talk {
    /// Takes note of the client's message, or finds the one that a message of the service answers.
    fn answered_by(&mut self, frame: &FrameRecord) -> Option<u64> {
        let body = payload(frame);
        match (frame.from, frame.what.opcode) {
            (Sender::Client, None | Some(Opcode::Close)) => self.closed = self.closed.or(Some(frame.at)),
            (Sender::Service, None | Some(Opcode::Close)) => return self.closed.take(),
            (Sender::Client, Some(Opcode::Ping)) => self.pings.entry(body).or_default().push(frame.at),
            (Sender::Service, Some(Opcode::Pong)) => return self.pings.get_mut(&body)?.pop(),
            (from, Some(_)) => {
                let asked = self.asked.entry(question(&body)?).or_default();
                match from {
                    Sender::Client => asked.push(frame.at),
                    Sender::Service => return asked.pop(),
                }
            }
        }
        None
    }
}

/// Type and seq of a subscription's message or of its reply.
fn question(payload: &[u8]) -> Option<(u64, u64)> {
    let doc = Doc::parse(trimmed(payload)).ok()?;
    let frame = Frame::of(&doc)?;
    let kind = frame.kind().filter(|kind| [SUBSCRIBE, UNSUBSCRIBE].contains(kind))?;
    Some((kind, frame.number(1)?))
}

/// What the client of each lane did, and when: positions in order.
#[derive(Debug)]
struct Deeds<'a>(BTreeMap<&'a str, Vec<u64>>);

impl<'a> Deeds<'a> {
    /// Calls, their answers, and messages. What keeps a connection alive is none of it.
    fn of(cassette: &'a Cassette) -> Self {
        let mut deeds: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for entry in &cassette.entries {
            match &entry.record {
                Record::Http(http) => deeds.entry(&http.lane).or_default().extend([http.asked, http.answered]),
                Record::Frame(frame) if frame.from == Sender::Client && !is_control(frame) => {
                    deeds.entry(&frame.lane).or_default().push(frame.at);
                }
                Record::Frame(_) | Record::Mark(_) => {}
            }
        }
        deeds.values_mut().for_each(|positions| positions.sort_unstable());
        Self(deeds)
    }

    /// The last thing the client of a message's lane had done when it came.
    fn before(&self, frame: &FrameRecord) -> Option<u64> {
        let positions = self.0.get(frame.lane.as_str())?;
        positions[..positions.partition_point(|position| *position <= frame.at)].last().copied()
    }
}

fn is_control(frame: &FrameRecord) -> bool {
    frame.what.opcode.is_none_or(Opcode::is_control)
}

#[cfg(test)]
mod tests;
