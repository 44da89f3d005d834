//! The sockets that live clients have open, and what waits to go out on them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::ear::{Ear, numbered};
use super::reel::{About, Frame, Part, Reel};
use super::release::Progress;
use crate::replay::bind::Bindings;
use crate::replay::edges::Told;
use crate::replay::miss::Miss;
use crate::slot::Slot;
use crate::socket::{Message, Opcode, SocketId};

/// Every open socket, and how far the recorded ones were played.
#[derive(Debug, Default)]
pub(in crate::replay) struct Sockets {
    last: u64,
    open: BTreeMap<SocketId, Line>,
    /// Sockets that have something to send which nobody was told of.
    news: BTreeSet<SocketId>,
    /// What was released, by lane and queue, and has no socket to go out on.
    waiting: BTreeMap<(usize, usize), VecDeque<usize>>,
    /// The newest version of each session that a lane was told of.
    told: BTreeMap<(usize, String), Told>,
    pub(super) progress: Progress,
    pub(in crate::replay) misses: Vec<Miss>,
    sent: usize,
    /// What was sent in slots, as it was recorded.
    shown: Vec<Slot>,
}

/// One open socket.
#[derive(Debug)]
struct Line {
    /// Which live client's it is.
    client: usize,
    out: VecDeque<Outgoing>,
    /// The end the cassette has of it was reached.
    end: Option<End>,
}

/// Something to send, and the recorded message it is, unless it is an answer.
#[derive(Debug)]
struct Outgoing {
    message: Message,
    frame: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    Broken,
}

impl Sockets {
    /// Opens a socket for a live client.
    pub(in crate::replay) fn open(&mut self, client: usize) -> SocketId {
        self.last += 1;
        let socket = SocketId(self.last);
        self.open.insert(socket, Line { client, out: VecDeque::new(), end: None });
        socket
    }

    /// The live client whose socket it is.
    pub(in crate::replay) fn client(&self, socket: SocketId) -> Option<usize> {
        self.open.get(&socket).map(|line| line.client)
    }

    /// The newest version of each session that a lane was told of.
    pub(in crate::replay) fn told(&self) -> &BTreeMap<(usize, String), Told> {
        &self.told
    }

    /// Says something at once.
    pub(in crate::replay) fn say(&mut self, socket: SocketId, message: Message) {
        self.push(socket, Outgoing { message, frame: None });
    }

    /// The next thing to send.
    pub(in crate::replay) fn next(&mut self, socket: SocketId) -> Option<Message> {
        let outgoing = self.open.get_mut(&socket)?.out.pop_front()?;
        self.sent += usize::from(!outgoing.message.opcode.is_control());
        Some(outgoing.message)
    }

    /// True when the recorded connection broke here, and everything before that was sent.
    pub(in crate::replay) fn is_broken(&self, socket: SocketId) -> bool {
        self.open.get(&socket).is_some_and(|line| line.end == Some(End::Broken) && line.out.is_empty())
    }

    /// Sockets that have something to send since this was last asked.
    pub(in crate::replay) fn news(&mut self) -> Vec<SocketId> {
        std::mem::take(&mut self.news).into_iter().collect()
    }

    /// How many messages were sent.
    pub(in crate::replay) fn sent(&self) -> usize {
        self.sent
    }

    /// What was sent in slots since this was last asked, as it was recorded.
    pub(in crate::replay) fn shown(&mut self) -> Vec<Slot> {
        std::mem::take(&mut self.shown)
    }

    /// A socket ends. What it was not sent yet waits for the next one.
    pub(in crate::replay) fn lose(&mut self, socket: SocketId, reel: &Reel) {
        let Some(line) = self.open.remove(&socket) else { return };
        self.news.remove(&socket);
        for frame in line.out.into_iter().rev().filter_map(|outgoing| outgoing.frame) {
            if let (lane, Part::Waits(queue)) = (reel.frames[frame].lane, reel.frames[frame].part)
                && !reel.frames[frame].is_passing()
            {
                self.waiting.entry((lane, queue)).or_default().push_front(frame);
            }
        }
    }

    /// Takes note that a client is told of versions.
    pub(super) fn tell(&mut self, frame: &Frame) {
        for (session, version) in &frame.tells {
            let news = Told { version: version.clone(), at: frame.recorded.at };
            let told = self.told.entry((frame.lane, session.clone())).or_insert_with(|| news.clone());
            if told.version.0 != version.0 || told.version.1 < version.1 {
                *told = news;
            }
        }
    }

    /// Takes what was released to go out.
    pub(super) fn release(&mut self, lane: usize, queue: usize, frame: usize) {
        self.waiting.entry((lane, queue)).or_default().push_back(frame);
    }

    /// Sends what a lane has waiting, as far as there are sockets for it.
    pub(super) fn flush(&mut self, reel: &Reel, lane: usize, ear: &Ear, bindings: &Bindings) {
        let queues: Vec<usize> =
            self.waiting.range((lane, 0)..=(lane, usize::MAX)).map(|((_, queue), _)| *queue).collect();
        for queue in queues {
            let Some(mut frames) = self.waiting.remove(&(lane, queue)) else { continue };
            while let Some(frame) = frames.front().copied() {
                match self.target(reel, frame, ear) {
                    Target::Socket(socket, sub) => self.deliver(reel, socket, frame, sub, bindings),
                    Target::Nobody => {}
                    Target::Later => break,
                }
                frames.pop_front();
            }
            if !frames.is_empty() {
                self.waiting.insert((lane, queue), frames);
            }
        }
    }

    /// Where a message of the service goes: to the socket that stands for its own, or to the newest that will do.
    fn target(&self, reel: &Reel, frame: usize, ear: &Ear) -> Target {
        let recorded = &reel.frames[frame];
        let Part::Waits(queue) = recorded.part else { return Target::Nobody };
        let is_open = |socket: &SocketId| self.open.get(socket).is_some_and(|line| line.end.is_none());
        let stands = |socket: &SocketId| ear.stands_for.get(socket) == Some(&recorded.recorded.socket);
        match reel.lanes[recorded.lane].queues[queue].about {
            About::Topic(topic) => {
                let with = ear.subscribed.iter().filter(|(socket, _)| is_open(socket));
                let with = with.filter_map(|(socket, topics)| Some((*socket, *topics.get(&topic)?)));
                let found = with.max_by_key(|(socket, _)| (stands(socket), *socket));
                found.map_or(Target::Later, |(socket, sub)| Target::Socket(socket, Some(sub)))
            }
            About::Socket(_) => {
                let own = ear.opened_sockets().filter(is_open);
                let found = own.max_by_key(|socket| (stands(socket), *socket));
                match found {
                    Some(socket) if stands(&socket) || !recorded.is_passing() => Target::Socket(socket, None),
                    _ if recorded.is_passing() => Target::Nobody,
                    _ => Target::Later,
                }
            }
        }
    }

    fn deliver(&mut self, reel: &Reel, socket: SocketId, frame: usize, sub: Option<u64>, bindings: &Bindings) {
        let recorded = &reel.frames[frame];
        let Some(message) = recorded.recorded.message.as_ref().filter(|_| recorded.recorded.replayable) else {
            if recorded.recorded.message.is_none() {
                self.end(socket, End::Broken);
            }
            return;
        };
        let rendered = numbered(message, &recorded.slots, &[(1, sub.map(|sub| sub.to_string()))], |slot| {
            let is_lowered = recorded.lowered.iter().any(|span| span.contains(&slot.span.start));
            bindings.render(slot).map(|text| if is_lowered { text.to_lowercase() } else { text })
        });
        self.shown.extend(recorded.slots.iter().cloned());
        let is_close = rendered.opcode == Opcode::Close;
        self.push(socket, Outgoing { message: rendered, frame: Some(frame) });
        if is_close {
            self.end(socket, End::Closed);
        }
    }

    fn end(&mut self, socket: SocketId, end: End) {
        if let Some(line) = self.open.get_mut(&socket) {
            line.end = Some(end);
            self.news.insert(socket);
        }
    }

    fn push(&mut self, socket: SocketId, outgoing: Outgoing) {
        if let Some(line) = self.open.get_mut(&socket) {
            line.out.push_back(outgoing);
            self.news.insert(socket);
        }
    }
}

/// Where a message goes.
enum Target {
    /// There, as an event of that subscription.
    Socket(SocketId, Option<u64>),
    /// Nowhere: what it was meant for is gone.
    Nobody,
    /// Nowhere yet.
    Later,
}
