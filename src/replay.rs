//! Replay: answers from a cassette, never from the network.
//!
//! An answer depends only on what the client asked and on what came before it: what its own lane has played so far, and
//! what other live players did, which a call waits for. It never depends on timing, unless that wait ends in vain. A live
//! client is matched to a recorded lane by what it asks; each lane keeps its own place. Values a client makes (session names, ids) and values it is (xuid, gamertag) are bound on
//! first sight and spliced into every later answer. What does not match is a loud miss that says what differs.
//!
//! On sockets, a reply comes with the message it answers, and an event comes when its cue is played: the call that
//! caused it, by a live client or, for players who are not there, by the cassette.

mod account;
mod advice;
mod bind;
mod bindable;
mod compare;
mod cursor;
mod edges;
mod explain;
mod fields;
mod identity;
mod lane;
mod learn;
mod miss;
mod pace;
mod shift;
mod socket;
mod stage;
mod tape;
#[cfg(test)]
mod tests;
mod verify;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use account::{Account, Bound, LaneAccount, Unplayed};
pub use compare::COMPARED_HEADERS;
pub use explain::{Again, Explanation, How, OwnValue, Part};
pub use fields::{Field, Fields, Spot};
pub use identity::{Identity, Unknown};
pub use learn::{Learned, Lesson, Rest, learn};
pub use miss::{Advice, Before, Difference, Miss, Near, Reason};
pub use pace::Pace;
pub use shift::shifted;
pub use socket::{Live, RecordedFrame};
pub use tape::{Recorded, Tape};
pub use verify::{Unfaithful, difference, verify};

use crate::exchange::{Call, LaneKey, LaneName};
use crate::message::Response;
use crate::socket::{Lost, Message, SocketId};
use compare::Asked;
use cursor::Patience;
use stage::State;

/// Plays one cassette to any number of clients.
#[derive(Debug)]
pub struct Player {
    tape: Arc<Tape>,
    options: Options,
    state: Mutex<State>,
}

/// How strictly a cassette is played.
#[derive(Clone, Debug)]
pub struct Options {
    /// How often a read past its last recorded answer may repeat it before that is a miss.
    pub repeat: usize,
    /// The status of a miss. 501 is one no known client retries.
    pub miss_status: u16,
    /// Which lanes live clients play.
    pub live: Live,
    /// How long a call waits for what another live lane did before it. Whoever plays keeps the time.
    pub hold: Duration,
    /// How long answers take; messages on sockets, and what opens one, take no time. Whoever plays keeps the time.
    pub pace: Pace,
    /// Whether answers say in `tapdeck-outcome` how they came about.
    pub outcome_header: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            repeat: 100,
            miss_status: 501,
            live: Live::One,
            hold: Duration::from_secs(5),
            pace: Pace::default(),
            outcome_header: true,
        }
    }
}

/// How a call was answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Played {
    /// The recorded answer, byte for byte.
    Hit(usize),
    /// The recorded answer with live values in its slots.
    Bound(usize),
    /// An answer already given, once more.
    Repeat(usize),
    /// Nothing recorded fits.
    Miss(Miss),
}

impl Played {
    /// The word in `tapdeck-outcome`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Hit(_) => "hit",
            Self::Bound(_) => "bound",
            Self::Repeat(_) => "repeat",
            Self::Miss(_) => "miss",
        }
    }
}

/// What was played so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Recorded answers given unchanged.
    pub hits: usize,
    /// Recorded answers given with live values in their slots.
    pub bound: usize,
    /// Answers given again.
    pub repeats: usize,
    /// Calls nothing recorded fits.
    pub misses: usize,
    /// Recorded exchanges of live lanes that no client asked for.
    pub unplayed: usize,
    /// Messages sent on sockets.
    pub messages: usize,
}

impl Player {
    /// A player at the start of its tape, which it may share with others.
    pub fn new(tape: impl Into<Arc<Tape>>, options: Options) -> Self {
        Self { tape: tape.into(), options, state: Mutex::default() }
    }

    /// Another player of the same tape on the same terms, at its start.
    #[must_use]
    pub fn rewound(&self) -> Self {
        let state = Mutex::new(self.state().rewound());
        Self { tape: Arc::clone(&self.tape), options: self.options.clone(), state }
    }

    /// Answers a call, and says how. `shown` is the same call redacted: all that a miss may tell of it.
    ///
    /// It may release messages on sockets: see [`Self::released`].
    pub fn answer(&self, call: &Call, shown: &Call) -> (Response, Played) {
        self.answer_as(LaneKey::of(call), call, shown)
    }

    /// The same, or `None` while another live player has still to do what comes before: try again when any call was
    /// answered, and give up by [`Self::answer`] after [`Options::hold`].
    pub fn attempt(&self, call: &Call, shown: &Call) -> Option<(Response, Played)> {
        self.attempt_as(LaneKey::of(call), Asked::new(call, shown))
    }

    /// Answers a call of a client that is known otherwise than by the call.
    pub fn answer_as(&self, key: LaneKey, call: &Call, shown: &Call) -> (Response, Played) {
        self.state().answer(&self.tape, &self.options, key, Asked::new(call, shown))
    }

    fn attempt_as(&self, key: LaneKey, asked: Asked<'_>) -> Option<(Response, Played)> {
        let turn = self.state().turn(&self.tape, &self.options, key, asked, Patience::Waits);
        turn.ok().map(|(response, played, _)| (response, played))
    }

    /// How long a call that is too early may wait.
    pub fn hold(&self) -> Duration {
        self.options.hold
    }

    /// Answers a call that asks to open a socket, which 101 does. What answers its key is the caller's to add.
    pub fn open(&self, call: &Call, shown: &Call) -> (Response, Played, Option<SocketId>) {
        self.open_as(LaneKey::of(call), call, shown)
    }

    /// Answers a call that asks to open a socket for a client that is known otherwise than by the call: by its nonce.
    pub fn open_as(&self, key: LaneKey, call: &Call, shown: &Call) -> (Response, Played, Option<SocketId>) {
        self.state().open(&self.tape, &self.options, key, Asked::new(call, shown))
    }

    /// Takes a whole message of a client; gives the sockets that have something to send. `shown` is the same message
    /// redacted.
    pub fn hear(&self, socket: SocketId, message: &Message, shown: &Message) -> Vec<SocketId> {
        self.state().hear(&self.tape, &self.options, socket, message, shown)
    }

    /// The next message for a client.
    pub fn next(&self, socket: SocketId) -> Option<Message> {
        self.state().sockets.next(socket)
    }

    /// True when nothing is left to send on a socket and its recorded connection broke here.
    pub fn is_broken(&self, socket: SocketId) -> bool {
        self.state().sockets.is_broken(socket)
    }

    /// A socket has ended; gives the sockets that have something to send.
    pub fn lose(&self, socket: SocketId, _how: Lost) -> Vec<SocketId> {
        self.state().lose(&self.tape, &self.options, socket)
    }

    /// The sockets that have something to send since this or the like was last asked.
    pub fn released(&self) -> Vec<SocketId> {
        self.state().sockets.news()
    }

    /// True while something waits for a client to read what it read before.
    pub fn awaits_a_read(&self) -> bool {
        self.state().sockets.is_waiting()
    }

    /// Lets out what waits only for a client to read what it read before: it will not. For whoever keeps the time, when
    /// nothing has happened for a moment.
    pub fn relent(&self) -> Vec<SocketId> {
        self.state().relent(&self.tape, &self.options)
    }

    /// Messages of clients that nothing recorded fits, since this was last asked.
    pub fn missed(&self) -> Vec<Miss> {
        std::mem::take(&mut self.state().sockets.misses)
    }

    /// Says which recorded lane a live client is, so that it need not be found out.
    pub fn assign(&self, key: LaneKey, lane: usize) {
        self.state().assign(key, lane);
    }

    /// Keeps the lane of that name, if there is one, for clients of its name.
    pub fn promise(&self, player: &LaneName) {
        if let Some(lane) = self.tape.lanes().iter().position(|lane| lane == player.as_str()) {
            self.state().promise(lane);
        }
    }

    /// Says who a recorded player is now, before it has come: everybody's answers show it from the start.
    ///
    /// # Errors
    /// There is no such player, or the cassette does not tell who it was.
    pub fn introduce(&self, identity: &Identity) -> Result<(), Unknown> {
        let traits = identity.traits(&self.tape)?;
        let mut state = self.state();
        match traits.into_iter().find(|(_, class, recorded, live)| !state.introduce(*class, recorded, live)) {
            None => Ok(()),
            Some((what, ..)) => Err(Unknown::Taken { player: identity.player.clone(), what }),
        }
    }

    /// What was played so far.
    pub fn tally(&self) -> Tally {
        self.account().tally
    }

    /// How many calls it answered by now, and how many it could not: no more than a look at two numbers.
    pub fn score(&self) -> (usize, usize) {
        let tally = self.state().tally;
        (tally.hits + tally.bound + tally.repeats, tally.misses)
    }

    /// What was played so far, and everything to be told of it.
    pub fn account(&self) -> Account {
        self.state().account(&self.tape, &self.options)
    }

    /// True when each answer is to say how it came about.
    pub fn tells_outcome(&self) -> bool {
        self.options.outcome_header
    }

    /// The tape it plays.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
