//! The deck while it runs, for whoever stands before it: a status line, marks by a key, and what is wrong with a client.
//!
//! All of it is done by one thread that looks at what others count. It waits for nobody's call, and no call waits for it;
//! what it shows is written by another, which alone waits for the terminal.

mod diagnosis;
pub(super) mod foot;
mod out;
mod page;
mod prompt;
mod status;
mod table;
mod told;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::say;
use crate::engine::{Engine, Tallied};
use crate::intercept::{Door, Event, Guest};
use crate::platform::{Key, Keys};
use crate::replay::Player;
use crate::report::plain;
use diagnosis::{Diagnosis, Patience, Scene, diagnose};
use prompt::{Prompt, Wish, help};
use status::{View, clock};
use told::Told;

/// Shows a deck for as long as it lives.
#[derive(Debug)]
pub(super) struct Screen {
    /// Ends the thread when it goes.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Screen {
    /// Begins to show a deck that clients find at an address; needs a runtime.
    pub(super) fn open(door: &Arc<Door>, engine: &Arc<Engine>, proxy: SocketAddr) -> Self {
        let (end, ended) = channel();
        let watcher = Watcher {
            door: Arc::clone(door),
            engine: Arc::clone(engine),
            proxy: proxy.to_string(),
            runtime: Handle::current(),
            began: Instant::now(),
            patience: Patience::default(),
            told: Told::default(),
            notice: None,
        };
        let keys = foot::can_draw().then(Keys::open);
        let thread = std::thread::spawn(move || match keys {
            Some(keys) => watcher.draw(&ended, keys),
            None => watcher.log(&ended),
        });
        Self { end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.end = None;
        // It ends within a tick. If it panicked, that was told, and the terminal is as it was.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Says what was found: who broke which rule how often. Nothing when nothing was.
pub(super) fn say_found(engine: &Engine) {
    let table = table::table(&engine.watch().seen(), foot::columns());
    if !table.is_empty() {
        say(&table);
    }
}

/// Who looks at a deck.
struct Watcher {
    door: Arc<Door>,
    /// What answers where the door has nothing of its own.
    engine: Arc<Engine>,
    proxy: String,
    runtime: Handle,
    began: Instant,
    patience: Patience,
    told: Told,
    /// What we did last, and when.
    notice: Option<(String, Instant)>,
}

impl Watcher {
    /// Draws the line and hears keys, until the end.
    fn draw(mut self, ended: &Receiver<()>, mut keys: Keys) {
        let (mut prompt, is_coloured) = (Prompt::default(), foot::is_coloured());
        while ended.try_recv() == Err(TryRecvError::Empty) {
            for key in keys.next(TICK, foot::leave) {
                self.press(&mut prompt, key);
            }
            let view = self.look(&prompt, keys.are_heard());
            match keys.are_in_front() {
                true => foot::show(view.line(foot::size(), is_coloured)),
                false => foot::clear(),
            }
        }
        foot::clear();
    }

    /// Tells in the log what others read from the line, until the end.
    fn log(mut self, ended: &Receiver<()>) {
        let (mut last, mut then) = (Tallied::default(), self.began);
        while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            self.diagnosed();
            if then.elapsed() >= HEARTBEAT {
                then = Instant::now();
                last = self.beat(last);
            }
        }
    }

    /// A line about how things go, if they went on since the last one.
    fn beat(&self, last: Tallied) -> Tallied {
        let engine = self.engine();
        let tallied = engine.watch().tallied();
        if tallied != last {
            let Tallied { calls, open, errors, warnings, .. } = tallied;
            let (clients, elapsed) = (engine.watch().lanes(), clock(self.began.elapsed()));
            tracing::info!(target: "tapdeck::heartbeat", calls, clients, sockets = open, errors, warnings, "running for {elapsed}");
        }
        tallied
    }

    fn press(&mut self, prompt: &mut Prompt, key: Key) {
        let engine = self.engine();
        // A replay has them among its outcomes, and in what it saves of its clients.
        let keeps_marks = engine.recorder().is_some() || engine.player().is_some();
        match prompt.press(key, keeps_marks) {
            Some(Wish::Help) => say(help(keeps_marks)),
            Some(Wish::Mark(note)) => self.mark(&note),
            Some(Wish::Unkept) => self.notice = Some((UNKEPT.to_owned(), Instant::now())),
            None => {}
        }
    }

    fn mark(&mut self, note: &str) {
        let (engine, at) = (self.engine(), clock(self.began.elapsed()));
        let name = format!("mark {}", engine.watch().tallied().marks + 1);
        let note = if note.is_empty() { &name } else { note };
        let set = match self.runtime.block_on(engine.mark(note)) {
            Ok(()) if *note == name => format!("{name} set at {at}"),
            Ok(()) => format!("{name} set at {at}: {note}"),
            Err(error) => format!("{name} is not kept: {error}"),
        };
        self.notice = Some((set, Instant::now()));
    }

    /// What answers by now.
    fn engine(&self) -> Arc<Engine> {
        self.door.engine().unwrap_or_else(|| Arc::clone(&self.engine))
    }

    /// What the line tells.
    fn look(&mut self, prompt: &Prompt, has_keys: bool) -> View {
        let troubles = self.diagnosed().into_iter().map(|diagnosis| diagnosis.text).collect();
        let (engine, now) = (self.engine(), Instant::now());
        let (callers, others) = engine.watch().callers(MOST_CALLERS);
        let tallied = engine.watch().tallied();
        let called = engine.watch().latest().map(|latest| (latest.what, latest.at));
        let arrived = self.door.arrivals().all().into_iter().filter_map(arrival).max_by_key(|(_, at)| *at);
        let last = [called, arrived, self.notice.clone()].into_iter().flatten().max_by_key(|(_, at)| *at);
        View {
            elapsed: self.began.elapsed(),
            callers,
            others,
            tallied,
            score: engine.player().map(Player::score),
            event: last.map(|(what, at)| (what, now.saturating_duration_since(at))),
            troubles,
            note: prompt.typed().map(|typed| (tallied.marks + 1, plain(typed))),
            has_keys,
        }
    }

    /// What is wrong by now; what is new of it goes to the log, too: the line may be too short for it.
    fn diagnosed(&mut self) -> Vec<Diagnosis> {
        let engine = self.engine();
        let (guests, (callers, _)) = (self.door.arrivals().all(), engine.watch().callers(MOST_CALLERS));
        let outage = engine.watch().outage();
        let scene = Scene {
            now: Instant::now(),
            began: self.began,
            proxy: &self.proxy,
            authority: self.door.authority().path(),
            guests: &guests,
            callers: &callers,
            outage: outage.as_ref(),
        };
        let found = diagnose(&scene, &self.patience);
        self.told.forget(scene.now);
        for diagnosis in found.iter().filter(|found| !found.kind.is_logged()) {
            if self.told.is_news(diagnosis, scene.now) {
                let Diagnosis { kind, text, .. } = diagnosis;
                tracing::warn!(target: "tapdeck::diagnosis", diagnosis = kind.as_str(), "{text}");
            }
        }
        found
    }
}

/// What a client did last, unless it is a call: that is told with its answer.
fn arrival((address, guest): (IpAddr, Guest)) -> Option<(String, Instant)> {
    let is_call = matches!(guest.last, Event::Called { .. });
    (!is_call).then(|| (format!("{address} {}", guest.last), guest.at))
}

/// What a key that would set a mark says where that would be lost.
const UNKEPT: &str = "no mark: nothing is kept here";
/// The line is drawn at most once in this time.
const TICK: Duration = Duration::from_millis(200);
/// A log has a line about how things go at most once in this time.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// Clients looked at, the latest of them.
const MOST_CALLERS: usize = 100;
