//! `record`, `replay`, `watch` and `emulate`: the same deck with different sources.

pub(super) mod emulate;
pub(super) mod play;
mod ready;
pub(super) mod record;
pub(super) mod replay;
mod sealing;
pub(super) mod stage;
mod tempo;
pub(super) mod watch;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::options::{ListenArg, Ways, as_clients_see};
use super::{Failure, ca, session};
use crate::cassette::{CassetteError, many};
use crate::engine::Engine;
use crate::intercept::{self, Beyond, Limits, Listener, Neighbours};
use crate::upstream::Dialler;
pub(super) use sealing::seal_journal;

/// Listeners with their certificate authority, before anything answers.
struct Deck {
    listeners: Vec<(Listener, SocketAddr)>,
    /// The first of them.
    address: SocketAddr,
    authority: Arc<intercept::Authority>,
    access: intercept::Access,
    /// Hosts that were named to be looked into.
    named: Neighbours,
    others: intercept::Others,
    /// How hosts that are none of ours are reached.
    dialler: Dialler,
    limits: Limits,
    ready_file: Option<PathBuf>,
}

impl Deck {
    /// A deck whose clients may be given any name but tapdeck's own.
    async fn open(ways: &Ways) -> Result<Self, Failure> {
        ways.name_anew()?;
        Self::listening(ways).await
    }

    /// A deck whose clients can be these players only.
    async fn open_for(players: &[String], ways: &Ways) -> Result<Self, Failure> {
        match ways.given().find(|name| !players.iter().any(|player| player == name.as_str())) {
            None => Self::listening(ways).await,
            Some(unknown) => Err(play::no_player(unknown.as_str(), players)),
        }
    }

    async fn listening(ways: &Ways) -> Result<Self, Failure> {
        ways.check()?;
        let clients = Arc::new(ways.clients()?);
        let authority = Arc::new(ca::open(&ways.home)?);
        let mut listeners = Vec::new();
        for ListenArg { address, name } in &ways.listen {
            let (socket, address) = session::listen(*address, "--listen").await?;
            listeners.push((Listener { socket, name: name.clone(), clients: Arc::clone(&clients) }, address));
        }
        let Some(address) = listeners.first().map(|(_, address)| *address) else {
            return Err(Failure::usage("there is no address to listen on").hint("give --listen ADDR"));
        };
        let (named, others, ready_file) = (ways.hosts.neighbours(), ways.hosts.others(), ways.ready_file.clone());
        let (access, limits) = (ways.access(), Limits::default());
        let own = listeners.iter().map(|(_, address)| *address).collect();
        let dialler = Dialler::new(ways.hosts.route(own), limits.connect);
        ready_file.as_deref().into_iter().for_each(ready::forget);
        Ok(Self { listeners, address, authority, access, named, others, dialler, limits, ready_file })
    }

    /// The hosts it answers for beside the contract's own: these, and those that were named.
    fn neighbours(&self, others: &Neighbours) -> Result<Neighbours, Failure> {
        let neighbours = self.named.and(others);
        let unvouched = |beyond: Beyond| Failure::usage(beyond.to_string()).hint(beyond.advice());
        neighbours.within(&self.authority).map(|()| neighbours).map_err(unvouched)
    }

    /// Where clients find a listener.
    fn found_at(&self, listening: SocketAddr) -> Vec<SocketAddr> {
        as_clients_see(listening, &self.access.networks)
    }

    /// Where clients of other machines find our page.
    fn page(&self) -> Option<SocketAddr> {
        let outward = |at: &SocketAddr| !at.ip().is_loopback() && !at.ip().is_unspecified();
        let found: Vec<SocketAddr> =
            self.addresses().into_iter().flat_map(|at| self.found_at(at)).filter(outward).collect();
        // There it need not be told from TLS.
        found.iter().find(|at| at.port() != 443).or_else(|| found.first()).copied()
    }

    /// Where clients come in.
    fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|(_, address)| *address).collect()
    }
}

fn many_do(count: usize, name: &str) -> String {
    format!("{} {}", many(count, name), if count == 1 { "does" } else { "do" })
}

pub(super) fn found(engine: &Engine) -> String {
    let tallied = engine.watch().tallied();
    format!(
        "{} from {}: {}, {}, {}{}",
        many(tallied.calls, "call"),
        many(engine.watch().lanes(), "client"),
        many(tallied.errors, "error"),
        many(tallied.warnings, "warning"),
        many(tallied.infos, "note"),
        engine.watch().elsewhere()
    )
}

/// A cassette that cannot be read.
pub(super) fn unreadable(error: &CassetteError) -> Failure {
    Failure::input(error.to_string()).hint(error.hint())
}
