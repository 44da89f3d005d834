//! Replays for Rust tests: a cassette played in this process, for a client under test.
//!
//! Give the client [`Replay::proxy`] as its HTTP proxy, have it trust [`Replay::ca_pem`], and ask afterwards how it
//! went. A replay needs no runtime around it and ends when it is dropped.
//!
//! ```
//! use tapdeck::client::{Client, Way};
//! use tapdeck::exchange::Protocol;
//! use tapdeck::testing::Replay;
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let replay = Replay::start("cassettes/invite.cassette.json")?;
//!
//! // The client under test. This one is tapdeck's own; its player and its session are not those of the recording.
//! let trusting = Way::Connect(replay.ca_pem().to_owned());
//! let mut game =
//!     Client::connect(replay.address(), "sessiondirectory.xboxlive.com", trusting, Protocol::H2).await?;
//! let headers = [
//!     ("authorization", "XBL3.0 x=42;token"),
//!     ("x-xbl-contract-version", "107"),
//!     ("content-type", "application/json; charset=utf-8"),
//!     ("if-none-match", "*"),
//! ];
//! let body = br#"{"members": {"me": {
//!     "constants": {"system": {"xuid": "2814646326226712"}},
//!     "properties": {"system": {"active": true, "connection": "1b4e28ba-2fa1-41d2-883f-0016d3cca427"}}}}}"#;
//! let session = "/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/game/sessions/my-game";
//! let created = game.send("PUT", session, &headers, body).await?;
//!
//! assert_eq!(created.status, 201);
//! assert!(String::from_utf8_lossy(created.body.wire()).contains("2814646326226712"));
//! assert_eq!(replay.receipt().exchanges.bound, 1);
//! replay.assert_all_hit();
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;

use tempfile::TempDir;
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

use crate::admin::{Fault, Loaded, Means, Session};
use crate::cassette::{Cassette, CassetteError};
use crate::contract::Contract;
use crate::engine::{Enforce, Entry, Left, Receipt};
use crate::intercept::{Authority, AuthorityError, Neighbours, Others};
use crate::redact::Redactor;
use crate::replay::{Miss, Options, Tape};
use crate::upstream::{Dialler, Limits, Route};

/// A cassette that is played until this is dropped.
///
/// Each has a port, a place in its cassette, bindings and findings of its own: tests may run side by side.
pub struct Replay {
    cassette: PathBuf,
    authority: Arc<Authority>,
    session: Arc<Session>,
    address: SocketAddr,
    handle: Handle,
    stop: CancellationToken,
    thread: Option<thread::JoinHandle<()>>,
    _home: TempDir,
}

/// Why a replay could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The cassette cannot be read.
    #[error("{0}; {hint}", hint = .0.hint())]
    Cassette(#[from] CassetteError),
    /// There is no certificate authority.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// There is no port.
    #[error(transparent)]
    Session(#[from] Fault),
    /// There is no folder, no thread or no runtime for it.
    #[error("starting a replay: {0}")]
    Io(#[from] io::Error),
}

impl Replay {
    /// Plays a cassette from its start, on a free port of this machine.
    ///
    /// # Errors
    /// The cassette cannot be read, or the system gives no port, folder or thread.
    pub fn start(cassette: impl AsRef<Path>) -> Result<Self, StartError> {
        Self::start_with(cassette, Options::default())
    }

    /// The same on other terms.
    ///
    /// ```
    /// use tapdeck::replay::{Live, Options};
    /// use tapdeck::testing::Replay;
    ///
    /// // Both recorded players come themselves, and a lobby that is polled for ever is no success.
    /// let options = Options { live: Live::All, repeat: 10, ..Options::default() };
    /// let replay = Replay::start_with("cassettes/lobby-race.cassette.json", options)?;
    /// # assert!(replay.unplayed().len() > 0);
    /// # Ok::<_, tapdeck::testing::StartError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub fn start_with(cassette: impl AsRef<Path>, options: Options) -> Result<Self, StartError> {
        let cassette = cassette.as_ref().to_owned();
        let recording = Cassette::read(&cassette)?;
        let loaded = Loaded::of(&recording, Tape::of(&recording));
        let home = TempDir::new()?;
        let authority = Arc::new(Authority::load_or_create(home.path())?);
        let means = Means {
            authority: Arc::clone(&authority),
            redactor: Arc::new(Redactor::new(1)),
            contract: Arc::new(Contract::default()),
            enforce: Enforce::Report,
            neighbours: Neighbours::default(),
            others: Others::Refuse,
            dialler: Dialler::new(Route::default(), Limits::default().connect),
        };
        let stop = CancellationToken::new();
        let (started, starting) = mpsc::channel();
        let stopped = stop.clone();
        // A thread of its own, since a test may have a runtime already, and none can be started within another.
        let work = move || play(means, loaded, options, stopped, &started);
        let thread = thread::Builder::new().name("tapdeck-replay".to_owned()).spawn(work)?;
        let broken = |_| io::Error::other("its thread broke off");
        let Playing { session, address, handle } = starting.recv().map_err(broken)??;
        Ok(Self { cassette, authority, session, address, handle, stop, thread: Some(thread), _home: home })
    }

    /// The URL that the client under test has as its HTTP proxy.
    pub fn proxy(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address of that proxy. A client may also call it as if it were the service itself.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate that the client under test must trust, as PEM.
    pub fn ca_pem(&self) -> &str {
        self.authority.cert_pem()
    }

    /// The same in a file, for clients that want a path.
    pub fn ca_file(&self) -> &Path {
        self.authority.path()
    }

    /// What the replay came to so far.
    pub fn receipt(&self) -> Receipt {
        let session = Arc::clone(&self.session);
        self.wait(async move { session.receipt().await }).flatten().unwrap_or_default()
    }

    /// How each call was answered: the last thousand, in order.
    pub fn outcomes(&self) -> Vec<Entry> {
        self.session.engine().outcomes().last()
    }

    /// What was missed, and why: the first hundred, in order.
    pub fn misses(&self) -> Vec<Miss> {
        self.receipt().misses
    }

    /// The recorded exchanges of live players that nobody asked for.
    pub fn unplayed(&self) -> Vec<Left> {
        self.receipt().unplayed
    }

    /// Goes back to the cassette's start, at the same port.
    pub fn reset(&self) {
        let session = Arc::clone(&self.session);
        // Only what is being recorded cannot start over, and nothing is here.
        let _ = self.wait(async move { session.reset().await });
    }

    /// Asserts that the cassette had an answer to every call.
    ///
    /// # Panics
    /// Some call was missed: the message says which, and what differs from the recording.
    #[track_caller]
    pub fn assert_all_hit(&self) {
        let misses = self.misses();
        let told: Vec<String> = misses.iter().map(ToString::to_string).collect();
        assert!(misses.is_empty(), "{} missed calls:\n  {}", self.cassette.display(), told.join("\n  "));
    }

    /// Asserts that the cassette had an answer to every call, and that nothing recorded is left over.
    ///
    /// # Panics
    /// Some call was missed, or some exchange was not asked for: the message says which.
    #[track_caller]
    pub fn assert_all_played(&self) {
        self.assert_all_hit();
        let unplayed = self.unplayed();
        let told: Vec<String> = unplayed
            .iter()
            .map(|left| format!("exchange {} of {} (line {}): {}", left.exchange, left.lane, left.line, left.op))
            .collect();
        assert!(unplayed.is_empty(), "{} is not all played:\n  {}", self.cassette.display(), told.join("\n  "));
    }

    /// Does work on the replay's own runtime; `None` when that has broken down.
    fn wait<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let (done, doing) = mpsc::channel();
        self.handle.spawn(async move { drop(done.send(work.await)) });
        doing.recv().ok()
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // Had it panicked, it would have said so itself.
            let _ = thread.join();
        }
    }
}

/// What the thread of a replay tells once it plays.
struct Playing {
    session: Arc<Session>,
    address: SocketAddr,
    handle: Handle,
}

/// Plays until it is told to stop.
fn play(
    means: Means,
    loaded: Loaded,
    options: Options,
    stop: CancellationToken,
    started: &mpsc::Sender<Result<Playing, StartError>>,
) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(started.send(Err(error.into()))),
    };
    let playing = runtime.block_on(async {
        let session = Session::on_port(&means, loaded, options).await?;
        let address = session.address().ok_or_else(|| io::Error::other("no port"))?;
        Ok(Playing { session: Arc::new(session), address, handle: Handle::current() })
    });
    let is_playing = playing.is_ok();
    // Nobody waits for it any more when it cannot be told.
    if started.send(playing).is_ok() && is_playing {
        runtime.block_on(stop.cancelled());
    }
}
