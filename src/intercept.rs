//! Between sockets and the engine: every listener looks at the first bytes and does the right thing.
//!
//! A connection is plain HTTP (forward or reverse proxy), TLS straight in, or `CONNECT` with either inside. What
//! comes out is a [`Call`](crate::exchange::Call) on an intercepted host, or bytes that pass through unread.

pub mod access;
mod answering;
pub mod arrivals;
pub mod authority;
mod calls;
mod fault;
mod greeting;
pub mod hosts;
mod http;
mod landing;
mod names;
mod reply;
mod secret;
mod session;
mod socket;
mod stream;
mod tls;
mod tunnel;
mod upgrade;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once, RwLock};
use std::time::Duration;

use ::http::Uri;
use hyper::body::Body;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::Engine;
use crate::message::Scheme;
use crate::upstream::{Dialler, Line, Relay};

pub use crate::upstream::limits;
pub use access::{Access, Network};
pub use arrivals::{Arrivals, Event, Guest, Miss};
pub use authority::{Authority, AuthorityError};
pub use fault::TlsFault;
pub use hosts::{Beyond, Hosts, Neighbours, Others, Pattern};
pub use limits::Limits;
pub use names::Listener;
pub use secret::Secret;

use access::Admission;
use answering::{Answering, Table};
use session::{Caller, Session, Work};

/// What a door needs.
pub struct Options {
    /// What answers intercepted requests, but for clients that have one of their own ([`Door::seat`]).
    pub engine: Option<Arc<Engine>>,
    /// Who vouches for intercepted hosts.
    pub authority: Arc<Authority>,
    /// Who may come in.
    pub access: Access,
    /// What the deck does, in words.
    pub about: String,
    /// Where all its listeners are.
    pub listeners: Vec<SocketAddr>,
    /// Where requests to our own address go, if anywhere.
    pub reverse: Option<Reverse>,
    /// Hosts that are intercepted beside the contract's own.
    pub neighbours: Neighbours,
    /// What happens to hosts that are not intercepted.
    pub others: Others,
    /// How those are reached.
    pub dialler: Dialler,
    /// Deadlines and caps.
    pub limits: Limits,
}

/// The service that requests to our own address are meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reverse {
    scheme: Scheme,
    host: String,
    port: u16,
}

impl Reverse {
    /// The service at a base URL; `None` when the URL has no `http` or `https` scheme or no host.
    pub fn of(base: &Uri) -> Option<Self> {
        let scheme = scheme_of(base)?;
        let (host, port) = hosts::split(base.authority()?.as_str(), scheme)?;
        Some(Self { scheme, host, port })
    }
}

impl std::fmt::Display for Reverse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let authority = hosts::canonical(&format!("{}:{}", self.host, self.port), self.scheme);
        write!(f, "{}://{}", self.scheme.as_str(), authority.as_deref().unwrap_or(&self.host))
    }
}

impl Default for Reverse {
    /// The session directory under its own name.
    fn default() -> Self {
        Self { scheme: Scheme::Https, host: "sessiondirectory.xboxlive.com".to_owned(), port: 443 }
    }
}

/// Everything the listeners of one process share.
pub struct Door {
    table: RwLock<Table>,
    authority: Arc<Authority>,
    access: Access,
    about: String,
    listeners: Vec<SocketAddr>,
    reverse: Option<Reverse>,
    dialler: Dialler,
    relay: Relay,
    limits: Limits,
    seats: Arc<Semaphore>,
    /// Says once that clients have to wait for a seat.
    crowded: Once,
    /// Says once why some calls are not recorded.
    certified: Once,
    buffers: Arc<Semaphore>,
    accepted: AtomicU64,
    arrivals: Arrivals,
}

impl Door {
    /// A door, open to as many listeners as there are.
    pub fn new(options: Options) -> Arc<Self> {
        let Options { engine, authority, access, about, listeners, reverse, neighbours, .. } = options;
        let Options { others, dialler, limits, .. } = options;
        let hosts =
            Hosts::new(reverse.as_ref().map(|reverse| (reverse.host.as_str(), reverse.port)), neighbours, others);
        let table = RwLock::new(Table::new(Answering { engine, hosts: Arc::new(hosts) }));
        let relay = Relay::new(dialler.clone(), limits);
        let seats = Arc::new(Semaphore::new(limits.connections));
        let buffers = Arc::new(Semaphore::new(limits.buffered));
        let accepted = AtomicU64::new(0);
        let crowded = Once::new();
        Arc::new(Self {
            table,
            authority,
            access,
            about,
            listeners,
            reverse,
            dialler,
            relay,
            limits,
            seats,
            crowded,
            certified: Once::new(),
            buffers,
            accepted,
            arrivals: Arrivals::default(),
        })
    }

    /// How many connections came in so far.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Who came so far, and how far they got.
    pub fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// Who vouches for intercepted hosts.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Where a client that came to `here` finds a listener on this port, if there is one: at its own address, if it can.
    fn beside(&self, here: SocketAddr, is_meant: impl Fn(u16) -> bool) -> Option<SocketAddr> {
        let there = |own: &&SocketAddr| own.ip().to_canonical() == here.ip() || own.ip().is_unspecified();
        let mut meant = self.listeners.iter().filter(|own| is_meant(own.port()));
        if let Some(own) = meant.clone().find(there) {
            return Some(SocketAddr::new(here.ip(), own.port()));
        }
        meant.find(|own| !own.ip().is_loopback()).copied()
    }

    /// Waits until a body may be read: there is room for all of it, so that no two bodies wait for each other.
    async fn room(&self, body: &impl Body) -> Option<OwnedSemaphorePermit> {
        let most = self.limits.body.min(self.limits.buffered);
        let length = body.size_hint().upper().and_then(|length| usize::try_from(length).ok());
        let bytes = u32::try_from(length.map_or(most, |length| length.min(most))).unwrap_or(u32::MAX);
        self.buffer(bytes).await
    }

    /// Waits until there is room for so many bytes.
    async fn buffer(&self, bytes: u32) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed, so there always is a permit.
        Arc::clone(&self.buffers).acquire_many_owned(bytes).await.ok()
    }
}

/// How listeners are told to stop.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Accept nothing more and let running exchanges end, within the drain deadline.
    pub drain: CancellationToken,
    /// Drop everything now.
    pub abort: CancellationToken,
}

/// Serves a listener until it is told to stop, and returns when its last connection has ended.
pub async fn serve(listener: impl Into<Listener>, door: Arc<Door>, shutdown: Shutdown) {
    let listener = listener.into();
    let (tracker, abort) = (TaskTracker::new(), shutdown.abort.child_token());
    let work = Work { tracker: tracker.clone(), drain: shutdown.drain.clone(), abort: abort.clone() };
    loop {
        let (stream, peer, seat) = tokio::select! {
            biased;
            () = shutdown.drain.cancelled() => break,
            () = abort.cancelled() => break,
            accepted = accept(&listener.socket, &door) => accepted,
        };
        // A client that is gone already has no address of ours; that of the listener does as well.
        let Ok(here) = stream.local_addr().or_else(|_| listener.socket.local_addr()) else { continue };
        let here = SocketAddr::new(here.ip().to_canonical(), here.port());
        let admission = door.access.admission(peer.ip(), here.ip());
        if admission == Admission::Never {
            door.turn_away(peer.ip().to_canonical());
            continue;
        }
        let id = door.accepted.fetch_add(1, Ordering::Relaxed) + 1;
        let line = Line::accepted(stream);
        let caller = Caller { id, peer, here, admission, seat, cut: line.cut() };
        let session = Session::new(Arc::clone(&door), work.clone(), caller).named(listener.name(peer.ip()));
        session.note(Event::Connected);
        session.clone().spawn(session.speak(line));
    }
    drop(listener);
    tracker.close();
    tokio::select! {
        () = tracker.wait() => return,
        () = abort.cancelled() => {}
        () = tokio::time::sleep(door.limits.drain) => tracing::warn!("connections cut off at the drain deadline"),
    }
    abort.cancel();
    tracker.wait().await;
}

async fn accept(listener: &TcpListener, door: &Door) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let mut pause = ACCEPT_PAUSE;
    loop {
        if door.seats.available_permits() == 0 {
            let connections = door.limits.connections;
            door.crowded.call_once(|| tracing::warn!(connections, "no more connections at once; further ones wait"));
        }
        // The semaphore is never closed, so the error is never seen; waiting is then right all the same.
        let Ok(seat) = Arc::clone(&door.seats).acquire_owned().await else {
            std::future::pending::<()>().await;
            continue;
        };
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, seat),
            Err(error) => tracing::warn!(%error, "accepting a connection failed"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(ACCEPT_PAUSE_MAX);
    }
}

fn scheme_of(uri: &Uri) -> Option<Scheme> {
    match uri.scheme_str()? {
        "http" => Some(Scheme::Http),
        "https" => Some(Scheme::Https),
        _ => None,
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(5);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);
