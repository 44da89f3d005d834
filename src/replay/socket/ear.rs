//! What one lane's client has said so far, and which recorded message the next thing it says is.

use std::collections::{BTreeMap, BTreeSet};

use super::Word;
use super::reel::{Part, Reel, sub_id};
use crate::json::Doc;
use crate::mpsd::rta::{Frame as Rta, trimmed};
use crate::replay::bind::{Bindings, match_text};
use crate::replay::bindable::{Bindable, connection_id};
use crate::slot::{self, Class, Slot};
use crate::socket::{Message, SocketId, refitted};

/// What a client has said, as one lane's.
#[derive(Debug, Default)]
pub(in crate::replay) struct Ear {
    pub(super) heard: BTreeSet<usize>,
    /// How many messages at the front of a list were all heard, by the list's first.
    begun: BTreeMap<usize, usize>,
    /// The live sockets.
    open: BTreeSet<SocketId>,
    /// The recorded socket that each live one stands for, if there is one.
    pub(super) stands_for: BTreeMap<SocketId, u64>,
    /// The numbers of live subscriptions by socket and topic.
    pub(super) subscribed: BTreeMap<SocketId, BTreeMap<usize, u64>>,
}

/// A message recognised.
#[derive(Debug)]
pub(in crate::replay) struct Hearing {
    /// The recorded message.
    frame: usize,
    /// What is said to it.
    pub(in crate::replay) reply: Option<Message>,
    /// What that changes.
    change: Change,
    pub(in crate::replay) bindings: Bindings,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Subscribed { topic: usize, sub: u64 },
    Unsubscribed { topic: usize },
    Nothing,
}

impl Ear {
    /// Finds the recorded message that this is: one that was not heard yet, or else one that was.
    pub(in crate::replay) fn hear(
        &self,
        (reel, lane, values): (&Reel, usize, &Bindable),
        socket: SocketId,
        (message, word): (&Message, &Word),
        bindings: &Bindings,
    ) -> Option<Hearing> {
        let lane = reel.of_lane(lane)?;
        let mut bindings = bindings.clone();
        let (frame, seq) = match word {
            Word::Subscribe { seq, uri } => {
                let topic = lane.subscribed_to(uri, &mut bindings)?;
                (self.next(reel, socket, &topic.subscribes)?, seq)
            }
            Word::Unsubscribe { seq, sub } => {
                let live = self.subscribed.get(&socket).into_iter().flatten().find(|(_, live)| *live == sub);
                let unknown = format!("subscription {sub}");
                let topic = match live {
                    Some((topic, _)) => lane.topics.get(*topic),
                    None => lane.topics.iter().find(|topic| topic.uri == unknown),
                }?;
                (self.next(reel, socket, &topic.unsubscribes)?, seq)
            }
            Word::Other => {
                let frame = self
                    .unheard(&lane.said)
                    .find(|at| same(&reel.frames[*at].recorded.message, message, values, &mut bindings))?;
                return Some(Hearing { frame, reply: None, change: Change::Nothing, bindings });
            }
        };
        Some(self.answered(reel, socket, frame, seq, bindings))
    }

    /// Takes note of a message heard.
    pub(in crate::replay) fn note(&mut self, reel: &Reel, socket: SocketId, hearing: &Hearing) {
        self.heard.insert(hearing.frame);
        match hearing.change {
            Change::Subscribed { topic, sub } => {
                self.subscribed.entry(socket).or_default().insert(topic, sub);
            }
            Change::Unsubscribed { topic } => {
                self.subscribed.entry(socket).or_default().remove(&topic);
            }
            Change::Nothing => {}
        }
        let frame = &reel.frames[hearing.frame];
        let Some(list) = reel.of_lane(frame.lane).and_then(|lane| lane.list(frame.part)) else { return };
        let begun = self.begun.entry(list[0]).or_default();
        while list.get(*begun).is_some_and(|at| self.heard.contains(at)) {
            *begun += 1;
        }
    }

    /// A socket opens; as which recorded one, if as any.
    pub(in crate::replay) fn opened(&mut self, socket: SocketId, stands_for: Option<u64>) {
        self.open.insert(socket);
        self.stands_for.extend(stands_for.map(|recorded| (socket, recorded)));
    }

    /// A socket ends.
    pub(in crate::replay) fn lost(&mut self, socket: SocketId) {
        self.open.remove(&socket);
        self.stands_for.remove(&socket);
        self.subscribed.remove(&socket);
    }

    /// The live sockets.
    pub(super) fn opened_sockets(&self) -> impl Iterator<Item = SocketId> {
        self.open.iter().copied()
    }

    /// What was not heard yet of a list.
    fn unheard<'a>(&'a self, list: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
        let begun = list.first().and_then(|first| self.begun.get(first)).copied().unwrap_or_default();
        list[begun..].iter().copied().filter(|at| !self.heard.contains(at))
    }

    /// The next of a list: on the recorded socket that this one stands for, or else on any; else the last one again.
    fn next(&self, reel: &Reel, socket: SocketId, list: &[usize]) -> Option<usize> {
        let own = self.stands_for.get(&socket);
        let is_own = |at: &usize| Some(&reel.frames[*at].recorded.socket) == own;
        let fresh = self.unheard(list).take(MOST_TRIED).find(is_own).or_else(|| self.unheard(list).next());
        fresh.or_else(|| list.iter().rev().copied().find(is_own)).or_else(|| list.last().copied())
    }

    /// The recorded reply, to the live question. A subscription keeps its number unless that is taken on its socket.
    fn answered(&self, reel: &Reel, socket: SocketId, frame: usize, seq: &str, mut bindings: Bindings) -> Hearing {
        let recorded = reel.replies.get(&frame).map(|reply| &reel.frames[*reply]);
        let given = self.subscribed.get(&socket);
        let sub = recorded.and_then(|reply| sub_id(reply.recorded.payload()));
        let (change, sub) = match (reel.frames[frame].part, sub) {
            (Part::Subscribe(topic), Some(sub)) => {
                let own = given.and_then(|given| given.get(&topic)).copied();
                let sub = own.unwrap_or_else(|| free(given, sub));
                (Change::Subscribed { topic, sub }, Some(sub))
            }
            (Part::Unsubscribe(topic), _) => (Change::Unsubscribed { topic }, None),
            _ => (Change::Nothing, None),
        };
        let reply = recorded.filter(|reply| reply.recorded.replayable).and_then(|reply| {
            let message = reply.recorded.message.as_ref()?;
            bindings.show(&reply.slots);
            Some(numbered(
                message,
                &reply.slots,
                &[(1, Some(seq.to_owned())), (3, sub.map(|sub| sub.to_string()))],
                |slot| bindings.render(slot),
            ))
        });
        Hearing { frame, reply, change, bindings }
    }
}

impl Hearing {
    /// Holds the client to the connection it was told it has: it is the service's to name it.
    pub(in crate::replay) fn hold_to_connection(&mut self, reel: &Reel) {
        let recorded = reel.replies.get(&self.frame).and_then(|at| connection_id(reel.frames[*at].recorded.payload()));
        let told = self.reply.as_ref().and_then(|reply| connection_id(&reply.payload));
        if let (Some(recorded), Some(told)) = (recorded, told) {
            self.bindings.bind(Class::Guid, &recorded, &told);
        }
    }
}

impl super::reel::LaneReel {
    /// The list a client's message is in.
    fn list(&self, part: Part) -> Option<&[usize]> {
        match part {
            Part::Subscribe(topic) => self.topics.get(topic).map(|topic| topic.subscribes.as_slice()),
            Part::Unsubscribe(topic) => self.topics.get(topic).map(|topic| topic.unsubscribes.as_slice()),
            Part::Said => Some(&self.said),
            Part::Reply | Part::Waits(_) | Part::Passing => None,
        }
    }
}

/// True when what is said for one lane can stand for what another would say: their own values are bound.
pub(in crate::replay) fn agrees(hearing: &mut Hearing, said: Option<&Message>, values: &Bindable) -> bool {
    let (Some(own), Some(said)) = (&hearing.reply, said) else {
        return hearing.reply.is_none() && said.is_none();
    };
    let sub = sub_id(&said.payload);
    let aligned = numbered(own, &[], &[(3, sub.map(|sub| sub.to_string()))], |_| None);
    if let (Change::Subscribed { sub: number, .. }, Some(sub)) = (&mut hearing.change, sub) {
        *number = sub;
    }
    same(&Some(aligned), said, values, &mut hearing.bindings)
}

/// A message with other numbers at some of its items, and with values in its slots.
pub(super) fn numbered(
    message: &Message,
    slots: &[Slot],
    numbers: &[(usize, Option<String>)],
    mut value: impl FnMut(&Slot) -> Option<String>,
) -> Message {
    let doc = Doc::parse(trimmed(&message.payload)).ok();
    let frame = doc.as_ref().and_then(Rta::of);
    let item = |(at, number): &(usize, Option<String>)| {
        let node = frame.as_ref()?.item(*at).filter(|node| node.number().is_some())?;
        // What a slot holds of a number is its text, whatever its class.
        Some(Slot { span: node.span(), class: Class::Guid, text: number.clone()?, layers: Vec::new() })
    };
    let items: Vec<Slot> = numbers.iter().filter_map(item).collect();
    let is_item = |slot: &Slot| items.iter().any(|item| item.span == slot.span);
    let mut all: Vec<Slot> = slots.iter().filter(|slot| !is_item(slot)).chain(&items).cloned().collect();
    all.sort_by_key(|slot| slot.span.start);
    let payload =
        slot::splice(&message.payload, &all, |slot| if is_item(slot) { Some(slot.text.clone()) } else { value(slot) });
    Message { fragments: refitted(&message.fragments, payload.len()), payload: payload.into(), ..message.clone() }
}

/// True for the same message up to its slots.
fn same(recorded: &Option<Message>, live: &Message, values: &Bindable, bindings: &mut Bindings) -> bool {
    let Some(recorded) = recorded.as_ref().filter(|recorded| recorded.opcode == live.opcode) else {
        return false;
    };
    let (Ok(left), Ok(right)) = (std::str::from_utf8(&recorded.payload), std::str::from_utf8(&live.payload)) else {
        return recorded.payload == live.payload;
    };
    match_text(left, &slot::in_payload(&recorded.payload, values), right, bindings)
}

/// A number no other subscription of the socket has.
fn free(given: Option<&BTreeMap<usize, u64>>, wished: u64) -> u64 {
    let taken: BTreeSet<u64> = given.into_iter().flatten().map(|(_, sub)| *sub).collect();
    if !taken.contains(&wished) {
        return wished;
    }
    (0..).find(|sub| !taken.contains(sub)).unwrap_or(wished)
}

/// How many messages are looked through for one of the same socket.
const MOST_TRIED: usize = 100;
