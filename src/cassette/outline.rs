//! The outline of a recording: of each record the little that its order and its cues depend on.
//!
//! A long recording is larger than memory, its outline is not: it is made of one record after the other, and what was
//! said is read again from the file when it is its turn.

mod names;
mod talk;

use std::collections::HashMap;

use super::cue::Histories;
use super::frame::{Cue, FrameRecord};
use super::record::HttpRecord;
use super::{Cassette, Record};
use crate::socket::Sender;

pub(super) use names::Names;
pub(super) use talk::{Talk, Tap};

/// What order and cues depend on.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Every lane, by number.
    pub(super) lanes: Names,
    /// One for each record.
    pub(super) facts: Vec<Fact>,
    /// The messages, as far as they are told apart.
    pub(super) frames: Vec<FrameFact>,
    pub(super) histories: Histories,
}

/// What is known of a record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fact {
    Http {
        lane: u32,
        asked: u64,
        answered: u64,
    },
    /// Its place among the messages.
    Frame(usize),
    Mark {
        at: u64,
    },
}

/// What is known of a message on a socket.
#[derive(Clone, Debug)]
pub(super) struct FrameFact {
    /// The record it is.
    pub(super) index: usize,
    pub(super) lane: u32,
    pub(super) socket: u64,
    pub(super) from: Sender,
    pub(super) at: u64,
    /// The cue it was recorded with.
    pub(super) cue: Option<Cue>,
    pub(super) talk: Talk,
}

impl Outline {
    /// The outline of a recording in memory.
    pub(super) fn of(cassette: &Cassette) -> Self {
        let mut outline = Self::default();
        cassette.entries.iter().for_each(|entry| outline.add(&entry.record));
        outline.finish();
        outline
    }

    /// Takes a record's facts.
    pub(super) fn add(&mut self, record: &Record) {
        let fact = match record {
            Record::Http(http) => self.exchange(http),
            Record::Frame(frame) => self.message(frame),
            Record::Mark(mark) => Fact::Mark { at: mark.at_position },
        };
        self.facts.push(fact);
    }

    /// To be told when every record was added.
    pub(super) fn finish(&mut self) {
        self.histories.finish();
        self.give_sockets_one_lane();
    }

    /// The exchanges: their record, lane, and positions.
    pub(super) fn exchanges(&self) -> impl Iterator<Item = (usize, u32, u64, u64)> {
        self.facts.iter().enumerate().filter_map(|(index, fact)| match fact {
            Fact::Http { lane, asked, answered } => Some((index, *lane, *asked, *answered)),
            Fact::Frame(_) | Fact::Mark { .. } => None,
        })
    }

    /// The number of a record's lane.
    pub(super) fn lane_of(&self, index: usize) -> Option<u32> {
        match self.facts.get(index)? {
            Fact::Http { lane, .. } => Some(*lane),
            Fact::Frame(frame) => Some(self.frames.get(*frame)?.lane),
            Fact::Mark { .. } => None,
        }
    }

    fn exchange(&mut self, http: &HttpRecord) -> Fact {
        self.histories.tell(http);
        Fact::Http { lane: self.lanes.number(&http.lane), asked: http.asked, answered: http.answered }
    }

    fn message(&mut self, frame: &FrameRecord) -> Fact {
        let talk = Talk::of(frame, self.histories.names());
        let FrameRecord { ref lane, socket, from, at, cue, .. } = *frame;
        let (index, lane) = (self.facts.len(), self.lanes.number(lane));
        self.frames.push(FrameFact { index, lane, socket, from, at, cue, talk });
        Fact::Frame(self.frames.len() - 1)
    }

    /// Each message is in its socket's lane: that of the opening, or else of the first message.
    fn give_sockets_one_lane(&mut self) {
        let mut by_time: Vec<&FrameFact> = self.frames.iter().collect();
        by_time.sort_by_key(|frame| frame.at);
        let mut lanes: HashMap<u64, u32> = HashMap::new();
        for frame in by_time {
            lanes.entry(frame.socket).or_insert(frame.lane);
        }
        for (_, opener, asked, _) in self.exchanges() {
            lanes.entry(asked).and_modify(|lane| *lane = opener);
        }
        for frame in &mut self.frames {
            frame.lane = lanes.get(&frame.socket).copied().unwrap_or(frame.lane);
        }
    }
}
