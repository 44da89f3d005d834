//! Entries as events in time, shown to the judge in order.
//!
//! A recorder's clock says when a call was asked and when it was answered. Events wait in a window of bounded size and
//! leave it earliest first; only then do they get their positions, as live traffic does when it happens. Events of the
//! same instant prove nothing about each other: what was asked comes first.

use std::collections::BTreeMap;

use super::authorization;
use super::entry::{Entry, Said};
use crate::conduct::{Exchange, Heard, Judge};
use crate::exchange::{Answer, Call, LaneKey, Nonces};
use crate::message::{Headers, Request, Response};
use crate::redact::Redactor;
use crate::report::{Opening, Report};
use crate::socket::{Message, Sender};

/// The window, and what the judge was shown of it.
pub(super) struct Timeline<'a> {
    file: &'a str,
    judge: &'a mut Judge,
    report: &'a mut Report,
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

/// A call and its answer, as they were recorded.
struct Pair {
    number: u64,
    ordinal: usize,
    line: usize,
    lane: String,
    /// The recorder knew when it was asked.
    is_begun: bool,
    /// The recorder knew when it was answered.
    is_ended: bool,
    /// How many messages follow on its socket.
    messages: usize,
    call: Call,
    answer: Answer,
}

/// A message on a socket.
struct Told {
    /// The opening's number.
    opening: u64,
    from: Sender,
    message: Message,
}

/// A socket that has messages to come.
struct Socket {
    lane: String,
    line: usize,
    position: u64,
    opening: Opening,
    left: usize,
}

/// What happens as events leave the window.
struct Stage {
    redactor: Redactor,
    position: u64,
    asked: BTreeMap<u64, u64>,
    sockets: BTreeMap<u64, Socket>,
    /// The recorder leaves credentials out unless told otherwise.
    omits_credentials: bool,
    is_authorized: bool,
    unauthorized: usize,
}

impl<'a> Timeline<'a> {
    pub(super) fn new(file: &'a str, judge: &'a mut Judge, report: &'a mut Report) -> Self {
        Self {
            file,
            judge,
            report,
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
                sockets: BTreeMap::new(),
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

    /// Takes an entry in; what no longer fits into the window is judged.
    pub(super) fn take(&mut self, entry: Entry, ordinal: usize, line: usize) {
        let Entry { started, took, call, answer, said, is_authorized, .. } = entry;
        self.stage.is_authorized |= is_authorized;
        self.taken += 1;
        let number = self.taken;
        let call = self.nonces.attributed(call);
        self.nonces.remember(&call, &answer);
        let lane = self.lane(&call);
        // Without a time of its own it is judged after what stands before it in the file.
        let asked = started.unwrap_or(self.latest);
        self.latest = asked;
        // A socket's opening is answered at once: its time is that of the whole socket.
        let took = if answer.response.status == 101 { Some(0) } else { took };
        let answered = asked.saturating_add(took.unwrap_or_default());
        let (is_begun, is_ended) = (started.is_some(), started.and(took).is_some());
        let messages = said.len();
        self.waiting += weight(&call, &answer);
        let pair = Pair { number, ordinal, line, lane, is_begun, is_ended, messages, call, answer };
        self.events.insert((asked, Turn::Asked, number), Event::Asked(number));
        self.events.insert((answered, Turn::Answered, number), Event::Answered(Box::new(pair)));
        self.hear(said, number, answered);
        while self.waiting > WINDOW && self.release() {}
    }

    /// Judges what still waits, and tells how many calls were not asked for credentials.
    pub(super) fn finish(mut self) -> usize {
        while self.release() {}
        self.stage.unauthorized
    }

    /// Messages keep their order, whatever their times say.
    fn hear(&mut self, said: Vec<Said>, opening: u64, opened: i64) {
        let mut latest = opened;
        for Said { at, from, message } in said {
            latest = latest.max(at.unwrap_or(latest));
            self.taken += 1;
            self.waiting += message.payload.len() + EACH;
            let told = Told { opening, from, message };
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

    /// Lets the earliest event out; false when there is none.
    fn release(&mut self) -> bool {
        let Some((_, event)) = self.events.pop_first() else {
            return false;
        };
        self.stage.position += 1;
        match event {
            Event::Asked(number) => drop(self.stage.asked.insert(number, self.stage.position)),
            Event::Answered(pair) => {
                self.waiting -= weight(&pair.call, &pair.answer);
                self.exchange(*pair);
            }
            Event::Heard(told) => {
                self.waiting -= told.message.payload.len() + EACH;
                self.message(&told);
            }
        }
        true
    }

    fn exchange(&mut self, pair: Pair) {
        let stage = &mut self.stage;
        let position = stage.asked.remove(&pair.number).unwrap_or_default();
        // What has no time precedes nothing, and nothing precedes it; but a socket is known by its position.
        let asked = if pair.is_begun || pair.messages > 0 { position } else { 0 };
        let answered = if pair.is_ended { stage.position } else { u64::MAX };
        let (call, answer) = stage.redacted(pair.call, &pair.answer);
        let exchange = Exchange { lane: &pair.lane, asked, answered, call: &call, answer: &answer };
        self.report.exchange(self.judge, &exchange, Some(self.file), (pair.ordinal, pair.line));
        if pair.messages > 0 {
            let Request { method, target, .. } = call.request;
            let op = call.resolution.name();
            let opening = Opening { ordinal: pair.ordinal, op, method, target, messages: 0 };
            let socket = Socket { lane: pair.lane, line: pair.line, position: asked, opening, left: pair.messages };
            stage.sockets.insert(pair.number, socket);
        }
    }

    fn message(&mut self, told: &Told) {
        let stage = &mut self.stage;
        let Some(socket) = stage.sockets.get_mut(&told.opening) else { return };
        socket.opening.messages += 1;
        socket.left -= 1;
        let message = &stage.redactor.message(&told.message).message;
        let Socket { lane, line, position, .. } = &*socket;
        let heard = Heard { lane, socket: *position, at: stage.position, from: told.from, message };
        self.report.message(self.judge, &heard, Some(self.file), &socket.opening, *line);
        if socket.left == 0 {
            stage.sockets.remove(&told.opening);
        }
    }
}

impl Stage {
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

/// Most bytes that wait for what may have come before them.
const WINDOW: usize = 24 << 20;
/// What a value takes besides its bytes, about.
const EACH: usize = 128;
/// Aliases must be the same each time, so that reports can be compared.
const KEY: u64 = 1;
/// Most values told apart at once.
const MOST_ALIASES: usize = 4096;
/// Most players told apart.
const MOST_LANES: usize = 4096;
