//! When a message of the service goes out: by its cue, never by the clock.
//!
//! What a live client caused goes out when it has. What another recorded player caused goes out as soon as its own
//! lane has come that far: the cassette has played the others' part.

use std::collections::{BTreeMap, BTreeSet};

use super::Live;
use super::ear::Ear;
use super::open::Sockets;
use super::reel::{Frame, Part, Queue, Reel};
use crate::cassette::Cue;
use crate::replay::bind::Bindings;
use crate::replay::cursor::Cursor;
use crate::replay::tape::Tape;
use crate::socket::Opcode;

/// One live client that is known to be a lane.
#[derive(Clone, Copy)]
pub(in crate::replay) struct Client<'a> {
    pub(in crate::replay) lane: usize,
    pub(in crate::replay) cursor: &'a Cursor,
    pub(in crate::replay) ear: &'a Ear,
}

/// How far the recorded sockets were played.
#[derive(Debug, Default)]
pub(in crate::replay) struct Progress {
    released: BTreeSet<usize>,
    /// The next of each queue, by lane and queue.
    heads: BTreeMap<(usize, usize), usize>,
    /// How many of each lane's first events were all released.
    events: BTreeMap<usize, usize>,
    /// How many of each lane's first writes were all made.
    writes: BTreeMap<usize, usize>,
    /// Lanes that a message waits for, because their client does not know yet what it knew when it came.
    waiting: BTreeSet<usize>,
    /// Lanes that are not waited for any more.
    hasty: BTreeSet<usize>,
    /// How many of a socket's first messages were seen to be over, by the end that waits for them.
    over: BTreeMap<usize, usize>,
}

/// All that decides what may go out.
pub(in crate::replay) struct Stage<'a> {
    pub(in crate::replay) tape: &'a Tape,
    pub(in crate::replay) reel: &'a Reel,
    pub(in crate::replay) live: &'a Live,
    /// The first lane a client was found to be.
    pub(in crate::replay) first: Option<usize>,
    /// The lanes' names.
    pub(in crate::replay) lanes: &'a [String],
    /// The client that is a lane, if there is one.
    pub(in crate::replay) client_of: &'a dyn Fn(usize) -> Option<Client<'a>>,
}

impl Sockets {
    /// Releases and sends all that may go out to a client by now.
    pub(in crate::replay) fn pump(&mut self, stage: &Stage<'_>, client: &Client<'_>, bindings: &Bindings) {
        while self.release_some(stage, client) {}
        self.flush(stage.reel, client.lane, client.ear, bindings);
    }

    /// Waits no longer for clients to know what they knew: those that have kept a message waiting leave reads out.
    pub(in crate::replay) fn relent(&mut self) {
        let waiting = std::mem::take(&mut self.progress.waiting);
        self.progress.hasty.extend(waiting);
    }

    /// True while a message waits for its client to know what it knew.
    pub(in crate::replay) fn is_waiting(&self) -> bool {
        !self.progress.waiting.is_empty()
    }

    /// Goes through a lane's queues once; true when something was released.
    fn release_some(&mut self, stage: &Stage<'_>, client: &Client<'_>) -> bool {
        let Some(lane) = stage.reel.of_lane(client.lane) else { return false };
        let mut any = false;
        self.progress.waiting.remove(&client.lane);
        self.progress.count(stage, client);
        for (queue, Queue { frames, .. }) in lane.queues.iter().enumerate() {
            let mut head = self.progress.heads.get(&(client.lane, queue)).copied().unwrap_or_default();
            let began = head;
            while let Some(frame) =
                frames.get(head).copied().filter(|frame| self.progress.is_due(stage, client, *frame))
            {
                self.progress.released.insert(frame);
                self.tell(&stage.reel.frames[frame]);
                self.release(client.lane, queue, frame);
                self.progress.count(stage, client);
                head += 1;
            }
            if head > began {
                self.progress.heads.insert((client.lane, queue), head);
                any = true;
            }
        }
        any
    }
}

impl Progress {
    /// Counts what a lane has behind it without a gap.
    fn count(&mut self, stage: &Stage<'_>, client: &Client<'_>) {
        let Some(lane) = stage.reel.of_lane(client.lane) else { return };
        let events = self.events.entry(client.lane).or_default();
        while lane.events.get(*events).is_some_and(|event| self.released.contains(event)) {
            *events += 1;
        }
        let writes = self.writes.entry(client.lane).or_default();
        while lane.writes.get(*writes).is_some_and(|(_, take)| client.cursor.has_played(*take)) {
            *writes += 1;
        }
    }

    fn is_due(&mut self, stage: &Stage<'_>, client: &Client<'_>, index: usize) -> bool {
        let frame = &stage.reel.frames[index];
        if frame.ends_socket() && !self.is_all_over(stage.reel, client, index) {
            return false;
        }
        let is_due = match frame.recorded.cue {
            Some(Cue::CausedBy(at)) => match stage.reel.calls.get(&at).copied() {
                Some(take) => self.is_caused(stage, client, frame, take),
                None => self.has_come_to(client, frame),
            },
            Some(Cue::Answers(at) | Cue::Follows(at)) => self.is_done(stage.reel, client, frame, at),
            None => true,
        };
        if is_due && !self.hasty.contains(&client.lane) && !is_expected(stage, client, frame) {
            self.waiting.insert(client.lane);
            return false;
        }
        is_due
    }

    /// A tap never precedes its cause among live lanes; a read that was left out for a later call is no reason to wait.
    fn is_caused(&self, stage: &Stage<'_>, client: &Client<'_>, frame: &Frame, take: usize) -> bool {
        let lane = stage.reel.call_lane(take);
        if let Some(causing) = (stage.client_of)(lane)
            && (causing.cursor.has_played(take)
                || (stage.reel.is_read(take) && causing.cursor.furthest() > stage.reel.asked(take)))
        {
            return true;
        }
        let is_live = lane == client.lane || stage.is_live(lane);
        !is_live && (self.has_come_to(client, frame) || client.cursor.furthest() > frame.recorded.at)
    }

    /// True when every event and every write of its lane before a message is past.
    fn has_come_to(&self, client: &Client<'_>, frame: &Frame) -> bool {
        let past = |counts: &BTreeMap<usize, usize>| counts.get(&client.lane).copied().unwrap_or_default();
        past(&self.events) >= frame.nth && past(&self.writes) >= frame.writes
    }

    /// True when a lane has done what it did at a position, or has made a call that comes after the message.
    fn is_done(&self, reel: &Reel, client: &Client<'_>, frame: &Frame, at: u64) -> bool {
        let is_said = reel.said.get(&at).is_some_and(|said| client.ear.heard.contains(said));
        let is_called = reel.calls.get(&at).is_some_and(|take| client.cursor.has_played(*take));
        let is_nowhere = !reel.said.contains_key(&at) && !reel.calls.contains_key(&at);
        is_said
            || is_called
            || client.cursor.furthest() > frame.recorded.at
            || (is_nowhere && self.has_come_to(client, frame))
    }

    /// True when nothing is left to say on a socket before its end.
    fn is_all_over(&mut self, reel: &Reel, client: &Client<'_>, end: usize) -> bool {
        let messages = reel.sockets.get(&reel.frames[end].recorded.socket).map(Vec::as_slice).unwrap_or_default();
        let over = self.over.entry(end).or_default();
        while let Some(at) = messages.get(*over).copied().filter(|at| *at != end) {
            let is_over = match reel.frames[at].part {
                Part::Subscribe(_) | Part::Unsubscribe(_) | Part::Said => client.ear.heard.contains(&at),
                Part::Waits(_) => self.released.contains(&at),
                Part::Reply | Part::Passing => true,
            };
            if !is_over {
                return false;
            }
            *over += 1;
        }
        true
    }
}

/// True when a client knows what it knew of a session when a tap came: what it was shown then, or later. Else it
/// could not tell a tap that is news from one that is not, and would leave reads out.
fn is_expected(stage: &Stage<'_>, client: &Client<'_>, frame: &Frame) -> bool {
    let knows = |(document, answered): &(usize, u64)| client.cursor.knows(stage.tape, *document, *answered);
    frame.known.iter().all(knows) || client.cursor.furthest() > frame.recorded.at
}

impl Stage<'_> {
    fn is_live(&self, lane: usize) -> bool {
        self.live.includes(lane, self.first, self.lanes)
    }
}

impl Frame {
    /// True for what ends a connection or keeps it alive: it is for its own socket or for none.
    pub(super) fn is_passing(&self) -> bool {
        self.recorded.message.as_ref().is_none_or(|message| message.opcode.is_control())
    }

    fn ends_socket(&self) -> bool {
        self.recorded.message.as_ref().is_none_or(|message| message.opcode == Opcode::Close)
    }
}
