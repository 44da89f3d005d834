//! How a recorded exchange is matched when its cassette is played: part by part, before anything is.

mod text;

use std::collections::{BTreeMap, BTreeSet};

use super::COMPARED_HEADERS;
use super::compare::{LeafHow, authorization, cut, leaves, lines};
use super::tape::{Recorded, Take, Tape, plain_tag};
use crate::json::Doc;
use crate::mpsd::{ParamName, target};
use crate::slot::{self, Class, Role, Slot};

/// How an exchange is matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Its number in the cassette, from 1.
    pub exchange: usize,
    /// The line of the cassette's file it starts at.
    pub line: usize,
    /// Its lane.
    pub lane: String,
    /// The operation's name.
    pub op: &'static str,
    /// The call, as `METHOD target`.
    pub call: String,
    /// The status of its answer.
    pub status: u16,
    /// What a live call is compared by.
    pub parts: Vec<Part>,
    /// Values of clients in its answer, for which live ones are put in.
    pub answered: Vec<OwnValue>,
    /// The writes that must come before it, with their lanes: the last of each lane.
    pub after: Vec<(usize, String)>,
    /// Lines of the messages on sockets that it releases.
    pub releases: Vec<usize>,
    /// When its answer is given again.
    pub again: Again,
}

/// One part of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where, in the words of a miss.
    pub place: String,
    /// The value in the cassette.
    pub value: String,
    /// How it is compared.
    pub how: How,
}

/// How a part is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// It must be the same.
    Exact,
    /// It must be the same but for the letter case.
    AnyCase,
    /// These values in it are each client's own; the rest must be the same.
    Bound(Vec<OwnValue>),
    /// A secret: anything does.
    Secret,
    /// It must be of the same version of the session: its branch and change number, when the cassette shows it.
    Version(Option<(String, u64)>),
    /// It may differ.
    Volatile,
}

/// A value of a client's own, and the other exchanges it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnValue {
    /// What kind of value it is.
    pub class: Class,
    /// The value in the cassette.
    pub value: String,
    /// The other calls that show it.
    pub calls: Vec<usize>,
    /// The other answers that do.
    pub answers: Vec<usize>,
}

/// When an answer is given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// A read's: as often as allowed, always the newest version.
    Read,
    /// That of a write which may come twice: until the next write.
    Twin,
    /// Never.
    Never,
}

impl Tape {
    /// How many exchanges there are.
    pub fn exchanges(&self) -> usize {
        self.takes().len()
    }

    /// How an exchange, numbered from 1, is matched; `None` when there is none of that number.
    pub fn explain(&self, exchange: usize) -> Option<Explanation> {
        let at = exchange.checked_sub(1)?;
        let take = self.takes().get(at)?;
        let places = Standing::of(self);
        let Recorded { line, lane, request, response, .. } = &take.recorded;
        let own = |class, value: &str| places.own(at, class, value);
        let mut answered: Vec<OwnValue> = answer_values(take).map(|(class, value)| own(class, &value)).collect();
        answered.sort_by(|one, two| (one.class, &one.value).cmp(&(two.class, &two.value)));
        answered.dedup();
        let before = self.edges().before(self.takes(), at).into_iter();
        Some(Explanation {
            exchange,
            line: *line,
            lane: lane.clone(),
            op: take.resolution.name(),
            call: format!("{} {}", request.method, request.target),
            status: response.status,
            parts: Parts { tape: self, at, take, standing: &places, parts: Vec::new() }.all(),
            answered,
            after: before.map(|at| (at + 1, self.takes()[at].recorded.lane.clone())).collect(),
            releases: self.reel().released_by(at),
            again: match () {
                () if take.is_read() => Again::Read,
                () if take.may_come_twice() => Again::Twin,
                () => Again::Never,
            },
        })
    }
}

/// The parts of one call as they are found.
struct Parts<'a> {
    tape: &'a Tape,
    at: usize,
    take: &'a Take,
    standing: &'a Standing,
    parts: Vec<Part>,
}

impl Parts<'_> {
    fn all(mut self) -> Vec<Part> {
        self.path();
        self.query();
        self.headers();
        self.body();
        self.parts
    }

    fn push(&mut self, place: impl Into<String>, value: &str, how: How) {
        self.parts.push(Part { place: place.into(), value: cut(value), how });
    }

    fn text(&mut self, place: impl Into<String>, text: &str, role: Role) {
        let slots = slot::in_one(text, role, self.tape.values());
        let how = self.how(text, &slots);
        self.push(place, text, how);
    }

    fn how(&self, text: &str, slots: &[Slot]) -> How {
        match slots {
            [] => How::Exact,
            [only] if only.class == Class::Secret && only.span == (0..text.len()) => How::Secret,
            slots => How::Bound(slots.iter().map(|slot| self.standing.own(self.at, slot.class, &slot.text)).collect()),
        }
    }

    fn path(&mut self) {
        let Some(operation) = self.take.resolution.operation() else {
            let path = self.take.recorded.request.path();
            let segments = target::segments(path).into_iter();
            let slots = segments.flat_map(|segment| slot::in_one(&segment.text, Role::Plain, self.tape.values()));
            let how = self.how(path, &slots.collect::<Vec<_>>());
            self.push("path", path, how);
            return;
        };
        for (name, piece) in operation.params() {
            let place = format!("path {name:?}").to_lowercase();
            match name {
                ParamName::Scid | ParamName::Template | ParamName::Hopper => {
                    self.push(place, &piece.text, How::AnyCase);
                }
                _ => self.text(place, &piece.text, Role::of_param(name)),
            }
        }
    }

    fn query(&mut self) {
        let (fields, op) = (self.tape.fields(), self.take.op());
        for (name, value) in target::parameters(&self.take.recorded.request.target) {
            let (place, value) = (format!("query {}", name.text), value.map(|value| value.text).unwrap_or_default());
            if fields.is_volatile_query(op, &name.text.to_lowercase()) {
                self.push(place, &value, How::Volatile);
            } else {
                self.text(place, &value, Role::of_query(&name.text));
            }
        }
    }

    fn headers(&mut self) {
        let (fields, op, request) = (self.tape.fields(), self.take.op(), &self.take.recorded.request);
        self.push("header authorization", authorization(request), How::Exact);
        for name in COMPARED_HEADERS {
            for value in lines(request, name) {
                if fields.is_volatile_header(op, name) {
                    self.push(format!("header {name}"), &value, How::Volatile);
                } else {
                    self.text(format!("header {name}"), &value, Role::Plain);
                }
            }
        }
        for name in ["if-match", "if-none-match"] {
            for value in lines(request, name) {
                let version = self.tape.version(plain_tag(&value)).cloned();
                let how = if value.trim() == "*" { How::Exact } else { How::Version(version) };
                self.push(format!("header {name}"), &value, how);
            }
        }
        for trailer in request.trailers.iter() {
            let value = String::from_utf8_lossy(&trailer.value).into_owned();
            self.text("trailers", &value, Role::of_header(&trailer.name));
        }
    }

    fn body(&mut self) {
        let Recorded { request, request_withheld, .. } = &self.take.recorded;
        if let Some(withheld) = request_withheld {
            return self.push("body", &format!("not kept: {}", withheld.reason), How::Exact);
        }
        let Some(plain) = request.body.decoded().filter(|plain| !plain.is_empty()) else { return };
        match (Doc::parse(plain), std::str::from_utf8(plain)) {
            (Ok(doc), _) => {
                for leaf in leaves(self.tape, self.take.op(), &doc) {
                    let how = match leaf.how {
                        LeafHow::Slots(slots) => self.how(&leaf.text, &slots),
                        LeafHow::Measured | LeafHow::Volatile => How::Volatile,
                    };
                    self.push(leaf.place, &leaf.value, how);
                }
            }
            (_, Ok(text)) => self.text("body", text, Role::Plain),
            _ => self.push("body", &format!("{} bytes", plain.len()), How::Exact),
        }
    }
}

/// Where clients' own values stand in a whole cassette: by class and value in lower case, the calls and the answers.
struct Standing(BTreeMap<(Class, String), (BTreeSet<usize>, BTreeSet<usize>)>);

impl Standing {
    fn of(tape: &Tape) -> Self {
        let mut standing = Self(BTreeMap::new());
        for (at, take) in tape.takes().iter().enumerate() {
            for (class, value) in call_values(tape, take) {
                standing.at(class, &value).0.insert(at + 1);
            }
            for (class, value) in answer_values(take) {
                standing.at(class, &value).1.insert(at + 1);
            }
        }
        standing
    }

    fn at(&mut self, class: Class, value: &str) -> &mut (BTreeSet<usize>, BTreeSet<usize>) {
        self.0.entry((class_of(class), value.to_lowercase())).or_default()
    }

    fn own(&self, at: usize, class: Class, value: &str) -> OwnValue {
        let empty = (BTreeSet::new(), BTreeSet::new());
        let (calls, answers) = self.0.get(&(class_of(class), value.to_lowercase())).unwrap_or(&empty);
        let others = |all: &BTreeSet<usize>| all.iter().copied().filter(|other| *other != at + 1).collect();
        OwnValue { class, value: value.to_owned(), calls: others(calls), answers: others(answers) }
    }
}

/// A session may be named by a GUID that is used elsewhere, too.
fn class_of(class: Class) -> Class {
    if class == Class::Guid { Class::Session } else { class }
}

fn call_values(tape: &Tape, take: &Take) -> Vec<(Class, String)> {
    let request = &take.recorded.request;
    let mut slots = slot::in_target(&request.target, take.resolution.operation(), tape.values());
    if let Some(doc) = request.body.decoded().and_then(|plain| Doc::parse(plain).ok()) {
        slots.extend(slot::in_json(&doc, tape.values()));
        slots.extend(tape.fields().slots(&doc));
    }
    slots.into_iter().map(|slot| (slot.class, slot.text)).collect()
}

fn answer_values(take: &Take) -> impl Iterator<Item = (Class, String)> {
    take.slots.all().filter(|slot| slot.class != Class::Secret).map(|slot| (slot.class, slot.text.clone()))
}
