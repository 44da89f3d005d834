//! The replay sessions of one process: each by itself, and all of them within a bound.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Fault;
use super::metrics::Totals;
use super::session::{Means, Session};
use super::tapes::{Loaded, Prepare, Tapes};
use crate::cassette::Seal;
use crate::engine::{Engine, Receipt};
use crate::intercept::Door;
use crate::replay::{self, Live};

/// What sessions are made with, and how they play unless they say otherwise.
pub struct Setup {
    /// What every session is made with.
    pub means: Means,
    /// Where cassettes are looked for.
    pub folder: PathBuf,
    /// How a cassette is made ready.
    pub prepare: Arc<Prepare>,
    /// How it is played.
    pub options: replay::Options,
    /// Who comes live: `one`, `all`, or names.
    pub live: String,
    /// Refuse a cassette that was edited since it was sealed.
    pub require_seal: bool,
}

/// Every session there is.
pub struct Sessions {
    setup: Setup,
    door: Arc<Door>,
    tapes: Tapes,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: BTreeMap<u64, Arc<Entry>>,
    /// How many were opened, and so the number of the last one.
    opened: u64,
    /// What those came to that are no more.
    ended: Totals,
}

/// A session with what it is called.
pub(super) struct Entry {
    id: String,
    name: Option<String>,
    seed: Option<u64>,
    cassette: String,
    live: String,
    pub(super) session: Session,
}

/// What a session is asked to be.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    cassette: String,
    name: Option<String>,
    live: Option<String>,
    /// A label like the name: a replay draws nothing.
    seed: Option<u64>,
    repeat: Option<usize>,
    hold: Option<f64>,
    miss_status: Option<u16>,
    clients: Option<BTreeSet<IpAddr>>,
}

/// A session as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    state: &'static str,
    cassette: String,
    exchanges: usize,
    lanes: Vec<String>,
    live: String,
    /// The proxy of its clients; absent when they come in by the deck's own port.
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<String>,
    /// The addresses it answers, when not everybody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    clients: Option<BTreeSet<IpAddr>>,
    ca: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<Receipt>,
}

impl Sessions {
    /// No sessions yet. Clients that are told apart by their address come in by `door`.
    pub fn new(setup: Setup, door: Arc<Door>) -> Self {
        let tapes = Tapes::new(setup.folder.clone(), Arc::clone(&setup.prepare));
        Self { setup, door, tapes, state: Mutex::default() }
    }

    /// Adds what the deck itself plays, as the session `main`.
    #[must_use]
    pub fn with_main(self, cassette: String, engine: Arc<Engine>) -> Self {
        let session = Session::of_deck(Arc::clone(&self.door), engine);
        let live = self.setup.live.clone();
        let main = Entry { id: MAIN.to_owned(), name: None, seed: None, cassette, live, session };
        self.state().open.insert(0, Arc::new(main));
        self
    }

    /// The engine of the deck's own replay, by now: a reset gives it another.
    pub fn main(&self) -> Option<Arc<Engine>> {
        self.state().open.get(&0).map(|entry| entry.session.engine())
    }

    /// Opens a session.
    pub(super) async fn start(&self, wanted: Wanted) -> Result<Arc<Entry>, Fault> {
        self.check(&wanted)?;
        let loaded = self.tapes.load(&wanted.cassette).await?;
        if self.setup.require_seal && loaded.facts.seal != Seal::Sealed {
            let detail = format!("{} is {}; `tapdeck cassette fmt` seals it", wanted.cassette, loaded.facts.seal);
            return Err(Fault::new(422, "not-sealed", detail));
        }
        let live = wanted.live.clone().unwrap_or_else(|| self.setup.live.clone());
        let options = self.options(&wanted, &live, &loaded)?;
        let Wanted { cassette, name, seed, clients, .. } = wanted;
        let addresses: Option<BTreeSet<IpAddr>> =
            clients.map(|clients| clients.iter().map(IpAddr::to_canonical).collect());
        let entry = |id, session| Arc::new(Entry { id, name, seed, cassette, live, session });
        match addresses {
            None => {
                let session = Session::on_port(&self.setup.means, loaded, options).await?;
                let mut state = self.state();
                let number = state.number()?;
                Ok(state.enter(number, entry(format!("s{number}"), session)))
            }
            Some(addresses) => {
                let mut state = self.state();
                state.free(&addresses)?;
                let number = state.number()?;
                let door = Arc::clone(&self.door);
                let session = Session::for_clients(&self.setup.means, loaded, options, door, addresses)?;
                Ok(state.enter(number, entry(format!("s{number}"), session)))
            }
        }
    }

    /// The session of an id.
    pub(super) fn find(&self, id: &str) -> Result<Arc<Entry>, Fault> {
        let found = number_of(id).and_then(|number| self.state().open.get(&number).cloned());
        found.ok_or_else(|| {
            let detail = format!("no session is called {:?}; `GET /v1/sessions` lists them", short(id));
            Fault::new(404, "no-session", detail)
        })
    }

    /// Every session, in the order they were opened.
    fn all(&self) -> Vec<Arc<Entry>> {
        self.state().open.values().cloned().collect()
    }

    /// Every session as it is listed: without what it came to, which can be long.
    pub(super) fn list(&self) -> Vec<Shown> {
        let short = |entry: &Arc<Entry>| entry.shown(&self.setup.means, "playing", None);
        self.all().iter().map(short).collect()
    }

    /// Ends a session and gives it as it was last.
    pub(super) async fn end(&self, id: &str) -> Result<Shown, Fault> {
        let entry = self.find(id)?;
        if entry.session.is_deck() {
            let detail = "`main` is what the deck itself plays: it ends with the deck".to_owned();
            return Err(Fault::new(409, "main-session", detail));
        }
        entry.session.close().await;
        let totals = entry.session.totals();
        let mut state = self.state();
        if number_of(id).and_then(|number| state.open.remove(&number)).is_some() {
            state.ended.add(&totals);
        }
        drop(state);
        Ok(entry.shown(&self.setup.means, "ended", entry.session.engine().receipt()))
    }

    /// Ends every session but the deck's own.
    pub async fn end_all(&self) {
        let entries = self.all();
        entries.iter().for_each(|entry| entry.session.drain());
        for entry in &entries {
            entry.session.close().await;
        }
    }

    /// A session as it is by now.
    pub(super) async fn show(&self, entry: &Entry) -> Shown {
        let receipt = entry.session.receipt().await;
        entry.shown(&self.setup.means, "playing", receipt)
    }

    /// What all sessions came to, those that are no more included.
    pub(super) fn totals(&self) -> Totals {
        let (mut totals, open) = {
            let state = self.state();
            (state.ended.clone(), state.open.values().cloned().collect::<Vec<_>>())
        };
        open.iter().for_each(|entry| totals.add(&entry.session.totals()));
        totals
    }

    /// How many sessions are open.
    pub(super) fn open(&self) -> usize {
        self.state().open.len()
    }

    /// How many were opened beside the deck's own.
    pub(super) fn opened(&self) -> u64 {
        self.state().opened
    }

    /// Refuses what can be refused before anything is read.
    fn check(&self, wanted: &Wanted) -> Result<(), Fault> {
        let bad = |detail: &str| Err(Fault::new(400, "bad-session", detail.to_owned()));
        if wanted.name.as_ref().is_some_and(|name| name.chars().count() > 100 || name.contains(char::is_control)) {
            return bad("`name` is at most 100 characters, and no control characters");
        }
        if wanted.hold.is_some_and(|hold| !(0.0..=86_400.0).contains(&hold)) {
            return bad("`hold` is seconds from 0 to 86400");
        }
        if wanted.miss_status.is_some_and(|status| !(400..600).contains(&status)) {
            return bad("`miss_status` is a status from 400 to 599");
        }
        if wanted.clients.as_ref().is_some_and(|clients| clients.is_empty() || clients.len() > MOST_CLIENTS) {
            return bad("`clients` is 1 to 64 addresses; leave it out for a port of the session's own");
        }
        let state = self.state();
        if let Some(clients) = &wanted.clients {
            state.free(&clients.iter().map(IpAddr::to_canonical).collect())?;
        }
        state.number().map(drop)
    }

    fn options(&self, wanted: &Wanted, live: &str, loaded: &Loaded) -> Result<replay::Options, Fault> {
        let lanes = loaded.tape.lanes();
        let live = Live::named(live, lanes).map_err(|unknown| {
            let (unknown, known) = (short(&unknown).to_owned(), lanes.join(", "));
            let detail = format!("{unknown:?} is no player of this cassette: they are {known}; or give `one` or `all`");
            Fault::new(400, "no-such-player", detail)
        })?;
        let mut options = replay::Options { live, ..self.setup.options.clone() };
        options.repeat = wanted.repeat.unwrap_or(options.repeat);
        options.miss_status = wanted.miss_status.unwrap_or(options.miss_status);
        options.hold = wanted.hold.map_or(options.hold, Duration::from_secs_f64);
        Ok(options)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The number of the next session, if there may be one more.
    fn number(&self) -> Result<u64, Fault> {
        if self.open.len() < MOST_SESSIONS {
            return Ok(self.opened + 1);
        }
        let detail = format!("{MOST_SESSIONS} sessions are open, and no more may be: `DELETE` some");
        Err(Fault::new(409, "too-many-sessions", detail))
    }

    /// Refuses addresses that another session answers already.
    fn free(&self, addresses: &BTreeSet<IpAddr>) -> Result<(), Fault> {
        for entry in self.open.values() {
            let mut taken = entry.session.clients().into_iter().flatten();
            if let Some(address) = taken.find(|address| addresses.contains(address)) {
                let detail = format!("{address} belongs to session {}: `DELETE` that first", entry.id);
                return Err(Fault::new(409, "client-taken", detail));
            }
        }
        Ok(())
    }

    fn enter(&mut self, number: u64, entry: Arc<Entry>) -> Arc<Entry> {
        self.opened = number;
        self.open.insert(number, Arc::clone(&entry));
        entry
    }
}

impl Entry {
    /// What it is called in addresses.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    fn shown(&self, means: &Means, state: &'static str, receipt: Option<Receipt>) -> Shown {
        let engine = self.session.engine();
        let tape = engine.player().map(|player| player.tape());
        Shown {
            id: self.id.clone(),
            name: self.name.clone(),
            seed: self.seed,
            state,
            cassette: self.cassette.clone(),
            exchanges: tape.map(|tape| tape.exchanges()).unwrap_or_default(),
            lanes: tape.map(|tape| tape.lanes().to_vec()).unwrap_or_default(),
            live: self.live.clone(),
            proxy: self.session.address().map(|address| format!("http://{address}")),
            clients: self.session.clients().cloned(),
            ca: means.authority.path().to_owned(),
            receipt,
        }
    }
}

fn number_of(id: &str) -> Option<u64> {
    if id == MAIN {
        return Some(0);
    }
    let number = id.strip_prefix('s')?.parse().ok()?;
    (id == format!("s{number}")).then_some(number)
}

/// The start of a text somebody sent.
fn short(text: &str) -> &str {
    text.char_indices().nth(60).map_or(text, |(end, _)| &text[..end])
}

/// The deck's own replay.
const MAIN: &str = "main";
/// Sessions open at once.
const MOST_SESSIONS: usize = 256;
const MOST_CLIENTS: usize = 64;
