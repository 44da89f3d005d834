//! Entries as events in time, redacted and put in order for the judge.
//!
//! A recorder's clock says when a call was asked and when it was answered. Events wait in a window of bounded size and
//! leave it earliest first; only then do they get their positions, as live traffic does when it happens. Events of the
//! same instant prove nothing about each other: what was asked comes first.

use std::collections::BTreeMap;

use super::authorization;
use super::entry::{Entry, Said};
use crate::exchange::{Answer, Call, LaneKey, Nonces};
use crate::message::{Headers, Request, Response};
use crate::redact::Redactor;
use crate::socket::{Message, Sender};

/// The window.
pub(super) struct Timeline {
    events: BTreeMap<(i64, Turn, u64), Event>,
    /// How many bytes wait.
    waiting: usize,
    taken: u64,
    latest: i64,
    lanes: BTreeMap<LaneKey, String>,
    nonces: Nonces,
    stage: Stage,
}

/// The order of events at one instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Asked,
    Answered,
    Heard,
}

enum Event {
    /// A call had been read; the number names it.
    Asked(u64),
    Answered(Box<Pair>),
    Heard(Box<Told>),
}

/// What leaves the window, as it may be judged and reported.
pub(super) enum Shown {
    /// An exchange.
    Pair(Box<Pair>),
    /// A message.
    Told(Box<Told>),
}

/// A call and its answer.
pub(super) struct Pair {
    /// What tells it from the others of its file.
    pub(super) number: u64,
    pub(super) ordinal: usize,
    pub(super) line: usize,
    pub(super) lane: String,
    /// Position at which the call was asked, given as it leaves the window if the recorder knew when.
    pub(super) asked: u64,
    /// Position at which the call was answered, likewise.
    pub(super) answered: u64,
    /// How many messages follow on its socket.
    pub(super) messages: usize,
    pub(super) call: Call,
    pub(super) answer: Answer,
}

/// A message on a socket.
pub(super) struct Told {
    /// The opening's number.
    pub(super) opening: u64,
    /// Its position.
    pub(super) at: u64,
    pub(super) from: Sender,
    pub(super) message: Message,
}

/// What happens as events leave the window.
struct Stage {
    redactor: Redactor,
    position: u64,
    asked: BTreeMap<u64, u64>,
    /// The recorder leaves credentials out unless told otherwise.
    omits_credentials: bool,
    is_authorized: bool,
    unauthorized: usize,
}

impl Timeline {
    pub(super) fn new() -> Self {
        Self {
            events: BTreeMap::new(),
            waiting: 0,
            taken: 0,
            latest: i64::MIN,
            lanes: BTreeMap::new(),
            nonces: Nonces::default(),
            stage: Stage {
                redactor: Redactor::new(KEY),
                position: 0,
                asked: BTreeMap::new(),
                omits_credentials: false,
                is_authorized: false,
                unauthorized: 0,
            },
        }
    }

    /// Learns who recorded the file. Browsers built on Chromium leave credentials out of what they export.
    pub(super) fn created_by(&mut self, name: &str) {
        self.stage.omits_credentials = name == "WebInspector";
    }

    /// How many calls were not asked for credentials.
    pub(super) fn unauthorized(&self) -> usize {
        self.stage.unauthorized
    }

    /// True when something must leave before more is taken in.
    pub(super) fn is_full(&self) -> bool {
        self.waiting > WINDOW
    }

    /// Takes an entry in.
    pub(super) fn take(&mut self, entry: Entry, ordinal: usize, line: usize) {
        let Entry { started, took, call, answer, said, is_authorized, .. } = entry;
        self.stage.is_authorized |= is_authorized;
        self.taken += 1;
        let number = self.taken;
        let call = self.nonces.attributed(call);
        self.nonces.remember(&call, &answer);
        let lane = self.lane(&call);
        // Without a time of its own it is judged after what stands before it in the file.
        let begun = started.unwrap_or(self.latest);
        self.latest = begun;
        // A socket's opening is answered at once: its time is that of the whole socket.
        let is_opening = answer.response.status == 101;
        let took = if is_opening { Some(0) } else { took };
        let ended = begun.saturating_add(took.unwrap_or_default());
        // What has no time precedes nothing, and nothing precedes it; but a socket is known by its position.
        let asked = if started.is_some() || is_opening { PLACED } else { 0 };
        let answered = if started.and(took).is_some() { PLACED } else { u64::MAX };
        self.waiting += weight(&call, &answer);
        let pair = Pair { number, ordinal, line, lane, asked, answered, messages: said.len(), call, answer };
        self.events.insert((begun, Turn::Asked, number), Event::Asked(number));
        self.events.insert((ended, Turn::Answered, number), Event::Answered(Box::new(pair)));
        self.hear(said, number, ended);
    }

    /// Messages keep their order, whatever their times say.
    fn hear(&mut self, said: Vec<Said>, opening: u64, opened: i64) {
        let mut latest = opened;
        for Said { at, from, message } in said {
            latest = latest.max(at.unwrap_or(latest));
            self.taken += 1;
            self.waiting += message.payload.len() + EACH;
            let told = Told { opening, at: PLACED, from, message };
            self.events.insert((latest, Turn::Heard, self.taken), Event::Heard(Box::new(told)));
        }
    }

    /// A lane's name, by the order in which players turn up; a hostile file may name millions.
    fn lane(&mut self, call: &Call) -> String {
        let key = LaneKey::of(call);
        let count = self.lanes.len();
        match self.lanes.get(&key) {
            Some(name) => name.clone(),
            None if count == MOST_LANES => "others".to_owned(),
            None => {
                let name = format!("player{}", count + 1);
                self.lanes.insert(key, name.clone());
                name
            }
        }
    }

    /// Lets the earliest exchange or message out, with the bytes it took; `None` when none is left.
    pub(super) fn release(&mut self) -> Option<(Shown, usize)> {
        loop {
            let (_, event) = self.events.pop_first()?;
            self.stage.position += 1;
            let (shown, weight) = match event {
                Event::Asked(number) => {
                    self.stage.asked.insert(number, self.stage.position);
                    continue;
                }
                Event::Answered(pair) => {
                    let weight = weight(&pair.call, &pair.answer);
                    (self.stage.exchange(*pair), weight)
                }
                Event::Heard(told) => {
                    let weight = told.message.payload.len() + EACH;
                    (self.stage.message(*told), weight)
                }
            };
            self.waiting -= weight;
            return Some((shown, weight));
        }
    }
}

impl Stage {
    fn exchange(&mut self, pair: Pair) -> Shown {
        let position = self.asked.remove(&pair.number).unwrap_or_default();
        let asked = if pair.asked == PLACED { position } else { pair.asked };
        let answered = if pair.answered == PLACED { self.position } else { pair.answered };
        let (call, answer) = self.redacted(pair.call, &pair.answer);
        Shown::Pair(Box::new(Pair { asked, answered, call, answer, ..pair }))
    }

    fn message(&self, told: Told) -> Shown {
        let message = self.redactor.message(&told.message).message;
        Shown::Told(Box::new(Told { at: self.position, message, ..told }))
    }

    /// An exchange as it may be judged and reported. Its answer is looked through first: what it teaches may stand in
    /// the request.
    fn redacted(&mut self, mut call: Call, answer: &Answer) -> (Call, Answer) {
        if self.omits_credentials && !self.is_authorized {
            call.request.headers.push("authorization", authorization::BLANK);
            self.unauthorized += 1;
        }
        if self.redactor.aliases() > MOST_ALIASES {
            // Aliases are drawn from the values: most stay what they were.
            self.redactor = Redactor::new(KEY);
        }
        let answer = self.redactor.answer(&call, answer).message;
        (self.redactor.call(&call).message, answer)
    }
}

/// How much memory an exchange takes while it waits, about.
fn weight(call: &Call, answer: &Answer) -> usize {
    let Request { target, headers, body, .. } = &call.request;
    let Response { headers: answered, body: answer_body, .. } = &answer.response;
    let lines = |headers: &Headers| -> usize {
        headers.iter().map(|header| header.name.len() + header.value.len() + EACH).sum()
    };
    4 * target.len() + lines(headers) + lines(answered) + body.wire().len() + answer_body.wire().len() + 8 * EACH
}

/// A position that is given when the event leaves the window.
const PLACED: u64 = 1;
/// Most bytes that wait for what may have come before them.
const WINDOW: usize = 24 << 20;
/// What a value takes besides its bytes, about.
const EACH: usize = 128;
/// Aliases must be the same each time, so that reports can be compared.
const KEY: u64 = 1;
/// Most values told apart at once: the search for them is built anew for each that is new.
const MOST_ALIASES: usize = 1024;
/// Most players told apart.
const MOST_LANES: usize = 4096;
