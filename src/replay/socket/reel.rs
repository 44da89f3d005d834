//! A cassette's sockets made ready for playing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::knowledge::{Knowledge, versions_in};
use super::{RecordedFrame, Word};
use crate::cassette::Cue;
use crate::json::{Doc, Node};
use crate::mpsd::rta::{EVENT, Frame as Rta, trimmed};
use crate::replay::bind::{Bindings, match_text};
use crate::replay::bindable::Bindable;
use crate::replay::tape::{Take, Version};
use crate::slot::{self, Class, Judge, Role, Slot};
use crate::socket::Sender;

/// What a cassette's sockets say.
#[derive(Debug, Default)]
pub(in crate::replay) struct Reel {
    pub(super) frames: Vec<Frame>,
    pub(super) lanes: Vec<LaneReel>,
    /// Calls by the positions of their two ends.
    pub(super) calls: BTreeMap<u64, usize>,
    /// What counts of each call.
    facts: Vec<Facts>,
    /// The lanes that a lane's calls cause messages to.
    audiences: BTreeMap<usize, BTreeSet<usize>>,
    /// Clients' messages by position.
    pub(super) said: BTreeMap<u64, usize>,
    /// Replies by the message they answer.
    pub(super) replies: BTreeMap<usize, usize>,
    /// The messages of each socket.
    pub(super) sockets: BTreeMap<u64, Vec<usize>>,
}

/// What counts of a call.
#[derive(Clone, Copy, Debug)]
struct Facts {
    lane: usize,
    asked: u64,
    is_read: bool,
}

/// One message.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) lane: usize,
    pub(super) recorded: RecordedFrame,
    pub(super) part: Part,
    pub(super) slots: Vec<Slot>,
    /// What the service writes in lower case, whatever case it was sent in.
    pub(super) lowered: Vec<Range<usize>>,
    /// How many of its lane's events come before it.
    pub(super) nth: usize,
    /// How many of its lane's writes were answered before it.
    pub(super) writes: usize,
    /// The versions of sessions that it tells of.
    pub(super) tells: Vec<(String, Version)>,
    /// What its lane knew of those sessions when it came: the shelf, and when a state was first shown.
    pub(super) known: Vec<(usize, u64)>,
}

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The client's: subscribes to a topic, or ends that, or says anything else.
    Subscribe(usize),
    Unsubscribe(usize),
    Said,
    /// The service's reply.
    Reply,
    /// The service's, waiting in a queue until its cue.
    Waits(usize),
    /// What keeps a connection alive or ends it, and is not played.
    Passing,
}

/// One lane's sockets.
#[derive(Debug, Default)]
pub(super) struct LaneReel {
    pub(super) topics: Vec<Topic>,
    names: BTreeMap<String, usize>,
    pub(super) said: Vec<usize>,
    /// What the service sends, in order, by what it is about: a topic, or a socket.
    pub(super) queues: Vec<Queue>,
    /// Events in order.
    pub(super) events: Vec<usize>,
    /// The lane's writes, by when they were answered: the position, and the take.
    pub(super) writes: Vec<(u64, usize)>,
}

/// A resource that a lane subscribes to.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) uri: String,
    pub(super) slots: Vec<(Range<usize>, Class)>,
    pub(super) subscribes: Vec<usize>,
    pub(super) unsubscribes: Vec<usize>,
}

/// What goes out in recorded order.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) about: About,
    pub(super) frames: Vec<usize>,
}

/// What a queue is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    /// Events of a topic.
    Topic(usize),
    /// All else a socket sends by itself.
    Socket(u64),
}

impl Reel {
    /// Prepares recorded messages. `lanes` are the tape's.
    pub(in crate::replay) fn new(
        recorded: Vec<RecordedFrame>,
        takes: &[Take],
        lanes: &[String],
        values: &Bindable,
    ) -> Self {
        let mut reel = Self { lanes: lanes.iter().map(|_| LaneReel::default()).collect(), ..Self::default() };
        if recorded.is_empty() {
            return reel;
        }
        reel.index_calls(takes);
        let numbers: BTreeMap<&str, usize> = lanes.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        let recorded = recorded.into_iter().filter_map(|recorded| {
            let lane = *numbers.get(recorded.lane.as_str())?;
            let tells = if recorded.from == Sender::Service { versions_in(recorded.payload()) } else { Vec::new() };
            Some((lane, recorded, tells))
        });
        let recorded: Vec<_> = recorded.collect();
        let mixed = recorded.iter().filter(|(.., tells)| tells.len() > 1).map(|(lane, ..)| *lane).collect();
        let mut making = Making { values, knowledge: Knowledge::of(takes), queues: BTreeMap::new(), mixed };
        let mut sockets: BTreeMap<u64, Subscribed> = BTreeMap::new();
        for (lane, recorded, tells) in recorded {
            let subscribed = sockets.entry(recorded.socket).or_default();
            reel.add(lane, recorded, tells, subscribed, &mut making);
        }
        reel
    }

    /// True when the cassette has no messages.
    pub(in crate::replay) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// A lane's sockets.
    pub(super) fn of_lane(&self, lane: usize) -> Option<&LaneReel> {
        self.lanes.get(lane)
    }

    /// The lanes that a lane's calls cause messages to.
    pub(in crate::replay) fn audience(&self, lane: usize) -> impl Iterator<Item = usize> {
        self.audiences.get(&lane).into_iter().flatten().copied()
    }

    /// The lines of the messages that a call causes.
    pub(in crate::replay) fn released_by(&self, take: usize) -> Vec<usize> {
        let is_caused = |frame: &&Frame| match frame.recorded.cue {
            Some(Cue::CausedBy(at)) => self.calls.get(&at) == Some(&take),
            _ => false,
        };
        self.frames.iter().filter(is_caused).map(|frame| frame.recorded.line).collect()
    }

    /// The lane a call is of.
    pub(super) fn call_lane(&self, take: usize) -> usize {
        self.facts[take].lane
    }

    /// When a call was asked.
    pub(super) fn asked(&self, take: usize) -> u64 {
        self.facts[take].asked
    }

    /// True for a call that changes nothing.
    pub(super) fn is_read(&self, take: usize) -> bool {
        self.facts[take].is_read
    }

    fn index_calls(&mut self, takes: &[Take]) {
        for (at, take) in takes.iter().enumerate() {
            self.facts.push(Facts { lane: take.lane, asked: take.recorded.asked, is_read: !take.changes_state() });
            for position in [take.recorded.asked, take.recorded.answered] {
                self.calls.insert(position, at);
            }
            if take.changes_state()
                && let Some(lane) = self.lanes.get_mut(take.lane)
            {
                lane.writes.push((take.recorded.answered, at));
            }
        }
        for lane in &mut self.lanes {
            lane.writes.sort_unstable();
        }
    }

    fn add(
        &mut self,
        lane: usize,
        recorded: RecordedFrame,
        tells: Vec<(String, Version)>,
        subscribed: &mut Subscribed,
        making: &mut Making<'_>,
    ) {
        let values = making.values;
        let index = self.frames.len();
        self.sockets.entry(recorded.socket).or_default().push(index);
        let reel = &mut self.lanes[lane];
        let part = match recorded.from {
            Sender::Client => {
                self.said.insert(recorded.at, index);
                reel.client_part(index, &recorded, subscribed, values)
            }
            Sender::Service => match self.reply(&recorded, subscribed) {
                Some(question) => {
                    self.replies.entry(question).or_insert(index);
                    Part::Reply
                }
                None if matches!(recorded.cue, Some(Cue::Answers(_))) => Part::Passing,
                None => {
                    let about = subscribed.about(&recorded);
                    let reel = &mut self.lanes[lane];
                    let session = tells.first().filter(|_| !making.mixed.contains(&lane));
                    let session = session.map(|(session, _)| session.clone());
                    let queue = *making.queues.entry((lane, about, session)).or_insert_with(|| {
                        reel.queues.push(Queue { about, frames: Vec::new() });
                        reel.queues.len() - 1
                    });
                    reel.queues[queue].frames.push(index);
                    Part::Waits(queue)
                }
            },
        };
        if let Some(Cue::CausedBy(at)) = recorded.cue
            && let Some(take) = self.calls.get(&at)
        {
            self.audiences.entry(self.facts[*take].lane).or_default().insert(lane);
        }
        let reel = &mut self.lanes[lane];
        let (nth, at) = (reel.events.len(), recorded.at);
        if matches!(part, Part::Waits(_)) && is_data(&recorded) {
            reel.events.push(index);
        }
        let slots =
            if recorded.from == Sender::Service { slot::in_payload(recorded.payload(), values) } else { Vec::new() };
        let lowered = lowered(recorded.payload());
        let writes = self.writes_before(lane, at);
        let known = making.knowledge.at(lane, at, &tells);
        self.frames.push(Frame { lane, recorded, part, slots, lowered, nth, writes, tells, known });
    }

    /// The client's message that a message of the service answers.
    fn reply(&self, recorded: &RecordedFrame, subscribed: &mut Subscribed) -> Option<usize> {
        let Some(Cue::Answers(at)) = recorded.cue.filter(|_| is_data(recorded)) else {
            return None;
        };
        let question = *self.said.get(&at)?;
        let part = self.frames.get(question)?.part;
        if let (Part::Subscribe(topic), Some(sub)) = (part, sub_id(recorded.payload())) {
            subscribed.0.insert(sub, topic);
        }
        matches!(part, Part::Subscribe(_) | Part::Unsubscribe(_)).then_some(question)
    }

    /// How many of a lane's writes were answered by a position.
    fn writes_before(&self, lane: usize, at: u64) -> usize {
        self.lanes[lane].writes.partition_point(|(answered, _)| *answered <= at)
    }
}

impl LaneReel {
    fn client_part(
        &mut self,
        index: usize,
        recorded: &RecordedFrame,
        subscribed: &Subscribed,
        values: &Bindable,
    ) -> Part {
        let word = recorded.message.as_ref().filter(|_| recorded.replayable).and_then(Word::of);
        match word {
            Some(Word::Subscribe { uri, .. }) => {
                let topic = self.topic(uri, values);
                self.topics[topic].subscribes.push(index);
                Part::Subscribe(topic)
            }
            Some(Word::Unsubscribe { sub, .. }) => {
                let unknown = || format!("subscription {sub}");
                let topic = subscribed.0.get(&sub).copied().unwrap_or_else(|| self.topic(unknown(), values));
                self.topics[topic].unsubscribes.push(index);
                Part::Unsubscribe(topic)
            }
            Some(Word::Other) => {
                self.said.push(index);
                Part::Said
            }
            None => Part::Passing,
        }
    }

    /// The topic a client subscribes to: by its own name, or by one whose slots accept what stands there.
    pub(super) fn subscribed_to(&self, uri: &str, bindings: &mut Bindings) -> Option<&Topic> {
        let named = self.names.get(uri).and_then(|topic| self.topics.get(*topic));
        if let Some(topic) = named.filter(|topic| !topic.subscribes.is_empty()) {
            return Some(topic);
        }
        let begins =
            |topic: &&Topic| topic.slots.first().is_some_and(|(slot, _)| uri.starts_with(&topic.uri[..slot.start]));
        let open = self.topics.iter().filter(|topic| !topic.subscribes.is_empty()).filter(begins);
        for topic in open {
            let mut trial = bindings.clone();
            if match_text(&topic.uri, &topic.slots, uri, &mut trial) {
                *bindings = trial;
                return Some(topic);
            }
        }
        None
    }

    fn topic(&mut self, uri: String, values: &Bindable) -> usize {
        if let Some(topic) = self.names.get(&uri) {
            return *topic;
        }
        let slots = values.judge(&uri, Role::Plain);
        self.names.insert(uri.clone(), self.topics.len());
        self.topics.push(Topic { uri, slots, subscribes: Vec::new(), unsubscribes: Vec::new() });
        self.topics.len() - 1
    }
}

/// The topics of one recorded socket, by the numbers its subscriptions were given.
#[derive(Debug, Default)]
struct Subscribed(BTreeMap<u64, usize>);

impl Subscribed {
    fn about(&self, recorded: &RecordedFrame) -> About {
        let topic = || {
            let doc = Doc::parse(trimmed(recorded.payload())).ok()?;
            let event = Rta::of(&doc).filter(|event| event.kind() == Some(EVENT))?;
            self.0.get(&event.number(1)?).copied()
        };
        topic().filter(|_| is_data(recorded)).map_or(About::Socket(recorded.socket), About::Topic)
    }
}

fn is_data(recorded: &RecordedFrame) -> bool {
    recorded.message.as_ref().is_some_and(|message| !message.opcode.is_control())
}

/// The number a reply gives to a subscription.
pub(super) fn sub_id(payload: &[u8]) -> Option<u64> {
    let doc = Doc::parse(trimmed(payload)).ok()?;
    let reply = Rta::of(&doc)?;
    reply.number(3).filter(|_| reply.number(2) == Some(0))
}

/// What is needed while a reel is made.
struct Making<'a> {
    values: &'a Bindable,
    knowledge: Knowledge,
    /// The queues, by lane, by what they are about, and by the session their taps tell of.
    queues: BTreeMap<(usize, About, Option<String>), usize>,
    /// Lanes some of whose messages tell of several sessions: those keep the order of all.
    mixed: BTreeSet<usize>,
}

/// Shoulder taps name sessions and subscriptions in lower case.
fn lowered(payload: &[u8]) -> Vec<Range<usize>> {
    let Ok(doc) = Doc::parse(trimmed(payload)) else {
        return Vec::new();
    };
    let taps: Vec<Node<'_>> = Rta::of(&doc).map(|event| event.taps().collect()).unwrap_or_default();
    let names = taps.iter().flat_map(|tap| ["resource", "subscription"].map(|name| tap.get(name)));
    names.flatten().map(Node::span).collect()
}
