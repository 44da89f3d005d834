//! One replay session: a cassette played from its start, on a port of its own or for some clients of the deck's.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Fault;
use super::metrics::Totals;
use super::tapes::Loaded;
use crate::contract::Contract;
use crate::engine::{Enforce, Engine, Receipt, Source};
use crate::intercept::{self, Access, Authority, Beyond, Door, Limits, Neighbours, Others, Reverse, Shutdown};
use crate::redact::Redactor;
use crate::replay::{self, Player};
use crate::upstream::Dialler;

/// What every session of a process is made with.
#[derive(Clone)]
pub struct Means {
    /// Who vouches for intercepted hosts.
    pub authority: Arc<Authority>,
    /// Draws the aliases; what it knows stays with it.
    pub redactor: Arc<Redactor>,
    /// What calls are checked against.
    pub contract: Arc<Contract>,
    /// What happens to calls that break it.
    pub enforce: Enforce,
    /// Hosts that are intercepted beside the contract's and a cassette's own.
    pub neighbours: Neighbours,
    /// What happens to hosts that are not intercepted.
    pub others: Others,
    /// How they are reached; it keeps away from the ports of sessions, too.
    pub dialler: Dialler,
}

/// A cassette that is being played.
pub struct Session {
    place: Place,
    engine: Mutex<Arc<Engine>>,
    /// What engines before a reset came to.
    before: Mutex<Totals>,
}

/// Whose calls it answers.
enum Place {
    /// Everybody's at the deck's own port.
    Deck(Arc<Door>),
    /// Everybody's at a port of its own.
    Port {
        door: Arc<Door>,
        address: SocketAddr,
        dialler: Dialler,
        shutdown: Shutdown,
        serving: Mutex<Option<JoinHandle<()>>>,
    },
    /// Those of some addresses, at the deck's own port.
    Clients { door: Arc<Door>, addresses: BTreeSet<IpAddr>, neighbours: Neighbours },
}

impl Session {
    /// What the deck itself plays.
    pub(super) fn of_deck(door: Arc<Door>, engine: Arc<Engine>) -> Self {
        Self::new(Place::Deck(door), engine)
    }

    /// Plays a cassette on a free port of this machine.
    ///
    /// # Errors
    /// There is no port, or no certificate for a host of the cassette's.
    pub async fn on_port(means: &Means, loaded: Loaded, options: replay::Options) -> Result<Self, Fault> {
        let neighbours = neighbours(means, &loaded)?;
        let unbound = |error: std::io::Error| Fault::new(503, "no-port", format!("cannot listen: {error}; try again"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(unbound)?;
        let address = listener.local_addr().map_err(unbound)?;
        let engine = engine(means, &loaded, options);
        let dialler = means.dialler.clone();
        dialler.avoid(address);
        let door = Door::new(intercept::Options {
            engine: Some(Arc::clone(&engine)),
            authority: Arc::clone(&means.authority),
            access: Access::default(),
            about: "replaying, for a session of the control port".to_owned(),
            listeners: vec![address],
            reverse: Some(Reverse::default()),
            neighbours,
            others: means.others,
            dialler: dialler.clone(),
            limits: limits(),
        });
        let shutdown = Shutdown::default();
        let serving = tokio::spawn(intercept::serve(listener, Arc::clone(&door), shutdown.clone()));
        Ok(Self::new(Place::Port { door, address, dialler, shutdown, serving: Mutex::new(Some(serving)) }, engine))
    }

    /// Plays a cassette for clients of some addresses, who come in by the deck's door.
    ///
    /// # Errors
    /// There is no certificate for a host of the cassette's.
    pub(super) fn for_clients(
        means: &Means,
        loaded: Loaded,
        options: replay::Options,
        door: Arc<Door>,
        addresses: BTreeSet<IpAddr>,
    ) -> Result<Self, Fault> {
        let neighbours = neighbours(means, &loaded)?;
        let engine = engine(means, &loaded, options);
        Ok(Self::new(Place::Clients { door, addresses, neighbours }, engine))
    }

    fn new(place: Place, engine: Arc<Engine>) -> Self {
        let session = Self { place, engine: Mutex::new(Arc::clone(&engine)), before: Mutex::default() };
        session.let_answer(engine);
        session
    }

    /// The engine that answers by now.
    pub fn engine(&self) -> Arc<Engine> {
        Arc::clone(&self.current())
    }

    /// Where its clients come in, when it has a port of its own.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.place {
            Place::Port { address, .. } => Some(*address),
            _ => None,
        }
    }

    /// The addresses whose calls it answers, when not everybody's.
    pub(super) fn clients(&self) -> Option<&BTreeSet<IpAddr>> {
        match &self.place {
            Place::Clients { addresses, .. } => Some(addresses),
            _ => None,
        }
    }

    /// True for what the deck itself plays.
    pub(super) fn is_deck(&self) -> bool {
        matches!(self.place, Place::Deck(_))
    }

    /// Goes back to the cassette's start: what was played, bound and found is forgotten, and open sockets end.
    ///
    /// # Errors
    /// What is played is being recorded.
    pub async fn reset(&self) -> Result<(), Fault> {
        let old = self.engine();
        old.caught_up().await;
        let fresh = old.rewound().ok_or_else(|| {
            let detail = "`--save-live` keeps one take, so this replay does not start over: open a session beside it";
            Fault::new(409, "one-take", detail.to_owned())
        })?;
        *self.current() = Arc::clone(&fresh);
        self.before.lock().unwrap_or_else(PoisonError::into_inner).add(&Totals::of(&old));
        self.let_answer(fresh);
        old.retire();
        old.settle().await;
        Ok(())
    }

    /// The receipt so far, once everything answered has been judged.
    pub async fn receipt(&self) -> Option<Receipt> {
        let engine = self.engine();
        engine.caught_up().await;
        engine.receipt()
    }

    /// Accepts nothing more at its own port, and lets what runs there come to its end.
    pub(super) fn drain(&self) {
        if let Place::Port { shutdown, .. } = &self.place {
            shutdown.drain.cancel();
            self.engine().hurry();
        }
    }

    /// Lets what runs come to its end, accepts nothing more, and closes its port.
    pub async fn close(&self) {
        let engine = self.engine();
        match &self.place {
            Place::Deck(_) => return,
            Place::Port { serving, .. } => {
                self.drain();
                let serving = serving.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(serving) = serving {
                    // It returns when its last connection has ended; a panic in it has been told of already.
                    let _ = serving.await;
                }
            }
            Place::Clients { door, addresses, .. } => {
                addresses.iter().for_each(|address| door.unseat(*address));
                engine.retire();
            }
        }
        engine.settle().await;
    }

    /// What it came to, resets included.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = self.before.lock().unwrap_or_else(PoisonError::into_inner).clone();
        totals.add(&Totals::of(&self.engine()));
        totals
    }

    fn let_answer(&self, engine: Arc<Engine>) {
        match &self.place {
            Place::Deck(door) | Place::Port { door, .. } => door.set_engine(engine),
            Place::Clients { door, addresses, neighbours } => {
                addresses.iter().for_each(|address| door.seat(*address, Arc::clone(&engine), neighbours.clone()));
            }
        }
    }

    fn current(&self) -> MutexGuard<'_, Arc<Engine>> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Session {
    /// Nobody waits any more: what still runs is cut off.
    fn drop(&mut self) {
        if let Place::Port { shutdown, dialler, address, .. } = &self.place {
            shutdown.abort.cancel();
            dialler.release(*address);
        }
    }
}

/// The hosts that are looked into for a session.
fn neighbours(means: &Means, loaded: &Loaded) -> Result<Neighbours, Fault> {
    let neighbours = loaded.facts.neighbours.and(&means.neighbours);
    let unvouched = |beyond: Beyond| Fault::new(422, "no-certificate", format!("{beyond}; {}", beyond.advice()));
    neighbours.within(&means.authority).map(|()| neighbours).map_err(unvouched)
}

fn engine(means: &Means, loaded: &Loaded, options: replay::Options) -> Arc<Engine> {
    let player = Player::new(Arc::clone(&loaded.tape), options);
    // What one session learns of its players must not show in another.
    let redactor = Arc::new(means.redactor.fresh());
    Engine::new(Source::Replay(player), redactor, Arc::clone(&means.contract), None, means.enforce)
}

/// One session has a few clients, and there may be many sessions.
fn limits() -> Limits {
    Limits { connections: 256, buffered: 64 * 1024 * 1024, ..Limits::default() }
}
