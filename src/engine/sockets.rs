//! Sockets: opened like any call, then each message is recorded before it is passed on.
//!
//! Behind a socket is the service, whose bytes are relayed by whoever holds the connections; or a source of our own,
//! which hears whole messages and says what goes out. Both are kept by the same [`Scribe`].

mod local;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use http::Extensions;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::recorder::frame::Spot;
use super::replaying::{replayed, tell};
use super::watch::{About, OpenSocket};
use super::{Case, Caused, Engine, Source};
use crate::exchange::{Answer, Call, Outcome};
use crate::message::{Headers, Response};
use crate::mpsd::host::is_sign_in;
use crate::redact::Redacted;
use crate::socket::handshake::accept;
use crate::socket::{Lengthy, Lost, Message, SMALL, Sender, SocketId};
use crate::upstream::upgrade::{Far, Upgrade};

pub use local::Local;

/// An answer to an upgrade, and the socket when it is 101.
pub struct Opened {
    /// The answer.
    pub answer: Answer,
    /// How the service spelt its header names, for hyper.
    pub spelling: Extensions,
    /// What was opened.
    pub socket: Option<(Scribe, Behind)>,
}

/// What is behind a socket.
pub enum Behind {
    /// The service.
    Service(Far),
    /// A source of our own.
    Deck(Local),
}

/// A message could not be recorded, so it must not be passed on.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a message could not be recorded")]
pub struct Unrecorded;

/// Writes down what is said on one socket.
pub struct Scribe {
    engine: Arc<Engine>,
    lane: String,
    /// Where the opening was asked, when it is recorded.
    asked: Option<u64>,
    /// Where the opening was asked, as it is judged.
    socket: u64,
    opening: Arc<About>,
    _open: OpenSocket,
}

/// Who waits for messages of a source of our own, and the clock that makes some fall due.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    waiting: Mutex<BTreeMap<SocketId, Arc<Notify>>>,
    /// Something may fall due earlier than before.
    stirred: Arc<Notify>,
    timer: OnceLock<DropGuard>,
}

impl Engine {
    /// Answers a call that asks for a WebSocket. `None`: as for [`Self::answer`].
    ///
    /// `spelling` is how the client spelt its header names.
    pub async fn open(self: &Arc<Self>, call: Call, spelling: Extensions) -> Option<Opened> {
        let call = self.attributed(call);
        let place = self.place(&call)?;
        let kept = self.redactor.call(&call);
        let found = self.contract.check_call(&kept.message);
        let (answer, spelling, behind) = match self.rejection(&found) {
            Some(rejection) => (rejection, Extensions::new(), None),
            None => self.behind(&place.lane, &call, &kept.message, spelling).await,
        };
        let (lane, opening) = (place.lane.clone(), Arc::new(About::call(&kept.message)));
        // Of sign-in, nothing is kept but that it happened.
        let begun = place.begun.filter(|_| !is_sign_in(call.request.host()));
        let (asked, socket) = (begun.map(|begun| begun.asked), place.asked);
        self.keep(place, &call, kept, found, &answer).await?;
        let scribe = |behind| {
            let (engine, open) = (Arc::clone(self), self.watch.opened(&lane));
            (Scribe { engine, lane, asked, socket, opening, _open: open }, behind)
        };
        Some(Opened { answer: self.as_recorded(answer), spelling, socket: behind.map(scribe) })
    }

    async fn behind(
        self: &Arc<Self>,
        client: &str,
        call: &Call,
        kept: &Call,
        spelling: Extensions,
    ) -> (Answer, Extensions, Option<Behind>) {
        if let Source::Upstream(upstream) = &self.source {
            let Upgrade { answer, spelling, far } = upstream.upgrade(call, spelling).await;
            return (answer, spelling, far.map(Behind::Service));
        }
        let (answer, socket) = match accept(&call.request) {
            Ok(accepted) => self.opened_here(client, call, kept, &accepted),
            Err(problem) => (Answer::answered(*problem), None),
        };
        (answer, Extensions::new(), socket.map(|socket| Behind::Deck(Local::new(self, socket))))
    }

    fn opened_here(
        self: &Arc<Self>,
        client: &str,
        call: &Call,
        kept: &Call,
        accepted: &Headers,
    ) -> (Answer, Option<SocketId>) {
        match &self.source {
            Source::Emulator(emulator) => match emulator.open(call) {
                Ok(socket) => {
                    self.sockets.keep_time(self);
                    (Answer::answered(Response::new(101, accepted.clone(), "")), Some(socket))
                }
                Err(refusal) => (Answer::answered(refusal), None),
            },
            Source::Replay(player) => {
                let (response, played, socket) = player.open(call, kept);
                self.outcomes.answered(player, client, kept, &played);
                let mut answer = replayed((response, played));
                answer_key(&mut answer.response.headers, accepted, socket);
                self.moved.notify_waiters();
                self.sockets.keep_time(self);
                (answer, socket)
            }
            Source::Upstream(_) => {
                let response = Response::problem(501, "socket-elsewhere", "the service opens it");
                (Answer { outcome: Outcome::Refused, response }, None)
            }
        }
    }

    /// Lets out what an answer on record has caused.
    pub(super) fn let_out(&self, caused: Caused) {
        match (&self.source, caused) {
            (Source::Emulator(emulator), Caused::Messages(ticket)) => self.stir(emulator.release(ticket)),
            (Source::Replay(player), _) => self.stir(player.released()),
            _ => {}
        }
    }

    /// What a client said; `shown` is that as it may be kept.
    fn hear(&self, socket: SocketId, message: &Message, shown: &Message) {
        match &self.source {
            Source::Emulator(emulator) => self.stir(emulator.hear(socket, message)),
            Source::Replay(player) => {
                self.stir(player.hear(socket, message, shown));
                // What a client says may tell who it is, and so what was done already.
                self.moved.notify_waiters();
                for miss in player.missed() {
                    self.outcomes.unheard(&miss);
                    tell(&miss);
                }
            }
            Source::Upstream(_) => {}
        }
    }

    fn next(&self, socket: SocketId) -> Option<Message> {
        match &self.source {
            Source::Emulator(emulator) => emulator.next(socket),
            Source::Replay(player) => player.next(socket),
            Source::Upstream(_) => None,
        }
    }

    /// True when nothing is left to send and the socket is to end as a connection that broke.
    fn is_broken(&self, socket: SocketId) -> bool {
        matches!(&self.source, Source::Replay(player) if player.is_broken(socket))
    }

    fn lose(&self, socket: SocketId, how: Lost) {
        match &self.source {
            Source::Emulator(emulator) => self.stir(emulator.lose(socket, how)),
            Source::Replay(player) => self.stir(player.lose(socket, how)),
            Source::Upstream(_) => {}
        }
    }

    /// Nothing has happened for a while: what waited for a client to do something again waits no longer.
    fn relent(&self) {
        if let Source::Replay(player) = &self.source {
            self.sockets.wake(player.relent());
        }
    }

    /// Does what has fallen due, and says how long the next such thing takes, if nothing happens.
    fn tick(&self) -> Option<Duration> {
        let emulator = match &self.source {
            Source::Emulator(emulator) => emulator,
            Source::Replay(player) => return player.awaits_a_read().then_some(A_MOMENT),
            Source::Upstream(_) => return None,
        };
        if emulator.until_due() == Some(Duration::ZERO) {
            self.sockets.wake(emulator.tick());
        }
        emulator.until_due()
    }

    /// Wakes sockets that have something to send; the next thing to fall due may be another.
    fn stir(&self, sockets: Vec<SocketId>) {
        self.sockets.wake(sockets);
        self.sockets.stirred.notify_one();
    }

    /// Wakes sockets that have something to send.
    pub fn wake(&self, sockets: Vec<SocketId>) {
        self.stir(sockets);
    }
}

impl Sockets {
    fn enter(&self, socket: SocketId) -> Arc<Notify> {
        Arc::clone(self.waiting().entry(socket).or_default())
    }

    fn leave(&self, socket: SocketId) {
        self.waiting().remove(&socket);
    }

    fn wake(&self, sockets: Vec<SocketId>) {
        let waiting = self.waiting();
        sockets.iter().filter_map(|socket| waiting.get(socket)).for_each(|woken| woken.notify_one());
    }

    /// Starts the task that does what falls due, once. It ends with the engine.
    fn keep_time(&self, engine: &Arc<Engine>) {
        self.timer.get_or_init(|| {
            let (stop, stirred) = (CancellationToken::new(), Arc::clone(&self.stirred));
            tokio::spawn(stop.clone().run_until_cancelled_owned(on_time(Arc::downgrade(engine), stirred)));
            stop.drop_guard()
        });
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, BTreeMap<SocketId, Arc<Notify>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a recorded 101 the answer to a live key and to what is offered now.
fn answer_key(headers: &mut Headers, accepted: &Headers, socket: Option<SocketId>) {
    if socket.is_some() {
        headers.retain(|header| !header.name.starts_with("sec-websocket-"));
        accepted.iter().for_each(|header| headers.push(&header.name, header.value.clone()));
    }
}

async fn on_time(engine: Weak<Engine>, stirred: Arc<Notify>) {
    loop {
        let Some(wait) = engine.upgrade().map(|engine| engine.tick()) else { return };
        let is_quiet = match wait {
            Some(wait) => tokio::time::timeout(wait.max(SHORTEST_WAIT), stirred.notified()).await.is_err(),
            None => {
                stirred.notified().await;
                false
            }
        };
        if let Some(engine) = engine.upgrade().filter(|_| is_quiet) {
            engine.relent();
        }
    }
}

impl Scribe {
    /// Writes down a message. What may be kept of it, once it is written.
    ///
    /// # Errors
    /// It could not be written.
    pub async fn message(&self, from: Sender, message: &Message) -> Result<Redacted<Message>, Unrecorded> {
        let (lane, length) = (&self.lane, message.payload.len());
        tracing::debug!(target: TARGET, lane, from = from.as_str(), length, "{}", message.opcode.name());
        let spot = self.spot(from)?;
        let (engine, looked_at) = (Arc::clone(&self.engine), message.clone());
        let look = move || {
            let kept = engine.redactor.message(&looked_at);
            let what = engine.recorder.as_ref().map(|recorder| recorder.what(&engine.redactor, &kept));
            (kept, what)
        };
        // Looking through megabytes would hold up everyone else's messages.
        let looked = if length > SMALL { tokio::task::spawn_blocking(look).await } else { Ok(look()) };
        let (kept, what) = looked.map_err(|_| Unrecorded)?;
        if let Some(((recorder, spot), what)) = spot.zip(what) {
            let written = recorder.message(spot, &kept, what).await;
            self.engine.unless_failed(written).ok_or(Unrecorded)?;
        }
        let (opening, socket, at) = (Arc::clone(&self.opening), self.socket, self.engine.docket.position());
        let (lane, message) = (lane.clone(), kept.message.clone());
        self.engine.docket.put(Case::Message { lane, opening, socket, at, from, message }).await;
        Ok(kept)
    }

    /// Writes down that a message too long to be kept went by.
    ///
    /// # Errors
    /// It could not be written.
    pub async fn lengthy(&self, from: Sender, lengthy: &Lengthy) -> Result<(), Unrecorded> {
        let (lane, length) = (&self.lane, lengthy.length);
        tracing::warn!(target: TARGET, lane, from = from.as_str(), length, "a message is too long to be kept");
        if let Some((recorder, spot)) = self.spot(from)? {
            let written = recorder.lengthy(spot, lengthy).await;
            self.engine.unless_failed(written).ok_or(Unrecorded)?;
        }
        Ok(())
    }

    /// Writes down that a side ended without a close message.
    ///
    /// # Errors
    /// It could not be written.
    pub async fn broken(&self, from: Sender) -> Result<(), Unrecorded> {
        tracing::debug!(target: TARGET, lane = self.lane, from = from.as_str(), "broken");
        if let Some((recorder, spot)) = self.spot(from)? {
            let written = recorder.broken(spot).await;
            self.engine.unless_failed(written).ok_or(Unrecorded)?;
        }
        let (socket, at) = (self.socket, self.engine.docket.position());
        self.engine.docket.put(Case::Broken { socket, at }).await;
        Ok(())
    }

    /// Cancelled when nothing can be recorded any more, or another engine answers now: every socket ends then.
    pub fn ended(&self) -> &CancellationToken {
        &self.engine.retired
    }

    /// The recorder, and the place of what has been read just now; an error when nothing more is accepted.
    fn spot(&self, from: Sender) -> Result<Option<(&super::Recorder, Spot<'_>)>, Unrecorded> {
        if self.engine.failed.is_cancelled() {
            return Err(Unrecorded);
        }
        let spot =
            |recorder: &super::Recorder, socket| Spot { lane: &self.lane, socket, from, begun: recorder.begin() };
        Ok(self.engine.recorder.as_ref().zip(self.asked).map(|(recorder, asked)| (recorder, spot(recorder, asked))))
    }
}

const TARGET: &str = "tapdeck::frame";
/// How long a message waits for a client to read what it read before.
const A_MOMENT: Duration = Duration::from_millis(500);
/// Something that stays due, whatever is done, must not keep a processor busy.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
