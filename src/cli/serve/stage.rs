//! A deck with everything it plays: what is left is to let clients in.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::Deck;
use super::ready::{Ready, ReadyFile};
use crate::admin::{Sessions, Setup};
use crate::cli::control::Port;
use crate::cli::options::{EnforceOption, Ways, as_we_call};
use crate::cli::screen::{self, Screen, foot};
use crate::cli::session::{self, Ended, Signals, Stop, Until};
use crate::cli::{Failure, say};
use crate::config::Project;
use crate::engine::Engine;
use crate::intercept::{Authority, Door, Listener, Neighbours, Options, Reverse};
use crate::redact::Redactor;
use crate::upstream::Dialler;

/// What every deck is made with.
pub(in crate::cli) struct Means<'a> {
    pub(in crate::cli) ways: &'a Ways,
    pub(in crate::cli) enforce: EnforceOption,
    pub(in crate::cli) project: &'a Project,
    pub(in crate::cli) redactor: Arc<Redactor>,
}

/// A deck that can begin.
pub(in crate::cli) struct Stage {
    pub(super) deck: Deck,
    /// What it does, in words.
    pub(super) title: String,
    /// What answers.
    pub(in crate::cli) engine: Arc<Engine>,
    pub(super) reverse: Option<Reverse>,
    /// Hosts it answers for beside the contract's own.
    pub(super) neighbours: Neighbours,
    pub(super) dialler: Dialler,
    pub(in crate::cli) control: Option<Port>,
    pub(super) sessions: Option<Plan>,
}

/// Replay sessions that a deck offers.
pub(in crate::cli) struct Plan {
    pub(super) setup: Setup,
    /// The cassette the deck itself plays; without one it only serves sessions.
    pub(super) main: Option<String>,
}

/// What came of it.
pub(in crate::cli) struct Ran {
    pub(in crate::cli) ended: Ended,
    /// What answered in the end: a reset gives a replay a new one.
    pub(in crate::cli) engine: Arc<Engine>,
}

impl Stage {
    /// Where clients of this machine come in.
    pub(in crate::cli) fn address(&self) -> SocketAddr {
        as_we_call(self.deck.address)
    }

    /// Where it is controlled from this machine.
    pub(in crate::cli) fn control(&self) -> Option<SocketAddr> {
        self.control.as_ref().map(|port| as_we_call(port.address()))
    }

    /// Who vouches for the hosts it answers for.
    pub(in crate::cli) fn authority(&self) -> &Authority {
        &self.deck.authority
    }

    /// The hosts it answers for beside the contract's own.
    pub(in crate::cli) fn neighbours(&self) -> &Neighbours {
        &self.neighbours
    }

    /// Serves until a signal.
    pub(in crate::cli) async fn run(self) -> Result<Ran, Failure> {
        self.run_until_over(std::future::pending()).await
    }

    /// Serves until a signal, or until something is over that says why.
    pub(in crate::cli) async fn run_until_over(self, over: impl Future<Output = String>) -> Result<Ran, Failure> {
        let mut stop = Until::new(Signals::new()?, over);
        let _ready = self.tell()?;
        if let Some(control) = self.control() {
            say(&format!("control port on http://{control}"));
        }
        say(&self.title);
        let trusted = self.authority().path().display();
        for (listener, address) in &self.deck.listeners {
            let player = listener.name.as_ref().map_or_else(String::new, |name| format!(" for {name}"));
            let found: Vec<String> = self.deck.found_at(*address).iter().map(|at| format!("http://{at}")).collect();
            let found = found.join(" and ");
            say(&format!("listening on {found}{player} (clients trust {trusted}); Ctrl-C ends it"));
        }
        if let Some(page) = self.deck.page() {
            say(&format!("clients open http://{page}/ for the certificate and how to come in"));
        }
        let proxy = self.deck.found_at(self.deck.address).first().copied().unwrap_or_else(|| self.address());
        let ran = self.run_until(&mut stop, |door, engine| Screen::open(door, engine, proxy)).await;
        screen::say_found(&ran.engine);
        Ok(ran)
    }

    /// Tells whoever waits for it that it is there.
    pub(in crate::cli) fn tell(&self) -> Result<Option<ReadyFile>, Failure> {
        let Some(file) = &self.deck.ready_file else { return Ok(None) };
        let url = |address: SocketAddr| format!("http://{address}");
        let control = self.control().map(url);
        let (proxy, ca, pid) = (url(self.address()), absolute(self.authority().path()), std::process::id());
        let named =
            |(listener, address): &(Listener, SocketAddr)| Some((listener.name.clone()?, url(as_we_call(*address))));
        let players = self.deck.listeners.iter().filter_map(named).map(|(name, url)| (name.to_string(), url)).collect();
        Ready { proxy: &proxy, players, control: control.as_deref(), ca: &ca, pid }.write(file).map(Some)
    }

    /// Serves until it is asked to stop; what `show` makes of the deck lives as long as that.
    pub(in crate::cli) async fn run_until<S>(
        self,
        stop: &mut impl Stop,
        show: impl FnOnce(&Arc<Door>, &Arc<Engine>) -> S,
    ) -> Ran {
        foot::write_apart();
        let Self { deck, title, engine, reverse, neighbours, dialler, control, sessions } = self;
        if let Some(control) = &control {
            dialler.avoid(control.address());
        }
        let listeners = deck.addresses();
        let is_idle = sessions.as_ref().is_some_and(|plan| plan.main.is_none());
        let door = Door::new(Options {
            engine: (!is_idle).then(|| Arc::clone(&engine)),
            authority: deck.authority,
            access: deck.access,
            about: title,
            listeners,
            reverse,
            neighbours,
            others: deck.others,
            dialler,
            limits: deck.limits,
        });
        let sessions = sessions.map(|plan| plan.sessions(&door, &engine));
        let control = control.map(|port| port.serve(Arc::clone(&door), sessions));
        let shown = show(&door, &engine);
        let ended = session::run(deck.listeners, Arc::clone(&door), &engine, stop).await;
        drop(shown);
        if let Some(control) = control {
            control.close(ended).await;
        }
        let engine = door.engine().unwrap_or(engine);
        engine.settle().await;
        Ran { ended, engine }
    }
}

impl Plan {
    fn sessions(self, door: &Arc<Door>, engine: &Arc<Engine>) -> Sessions {
        let sessions = Sessions::new(self.setup, Arc::clone(door));
        match self.main {
            Some(cassette) => sessions.with_main(cassette, Arc::clone(engine)),
            None => sessions,
        }
    }
}

/// A path that means the same wherever its reader stands.
fn absolute(path: &Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
