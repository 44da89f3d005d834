//! A deck while it runs: listen, say so, wait for a signal, drain, and stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{Failure, say};
use crate::engine::Engine;
use crate::intercept::{self, Door, Listener, Shutdown};
use crate::platform::{self, Heard};

/// Runs one future on a runtime of its own.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::runtime(format!("the runtime cannot start: {error}")))?;
    runtime.block_on(work)
}

/// Opens the listening socket, so that a busy port fails before anything else is touched.
pub(super) async fn listen(address: SocketAddr, flag: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let busy = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("another program listens there; `{flag} 127.0.0.1:0` picks a free port")
            }
            io::ErrorKind::PermissionDenied => "ports below 1024 need privileges; others do not".to_owned(),
            _ => "check the address".to_owned(),
        };
        Failure::runtime(format!("cannot listen on {address}: {error}")).hint(hint)
    };
    let listener = TcpListener::bind(address).await.map_err(busy)?;
    let bound = listener.local_addr().map_err(busy)?;
    Ok((listener, bound))
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Asked to stop once: everything that ran has ended.
    Drained,
    /// Asked twice: what ran was cut off.
    Aborted,
    /// The journal could not be written any more.
    Failed,
}

/// What asks a session to stop: once to let what runs come to its end, again to cut it off.
pub(super) trait Stop {
    /// Waits until it asks, once more each time.
    async fn asked(&mut self);
}

/// Serves until it is asked to stop, or until the engine cannot go on.
pub(super) async fn run(
    listeners: Vec<(Listener, SocketAddr)>,
    door: Arc<Door>,
    engine: &Engine,
    stop: &mut impl Stop,
) -> Ended {
    let shutdown = Shutdown::default();
    let serving =
        listeners.into_iter().map(|(listener, _)| intercept::serve(listener, Arc::clone(&door), shutdown.clone()));
    let served = serving.collect::<JoinSet<()>>().join_all();
    tokio::pin!(served);
    let mut ended = Ended::Drained;
    loop {
        tokio::select! {
            _ = &mut served => break,
            () = engine.failed().cancelled(), if ended != Ended::Failed => {
                ended = Ended::Failed;
                say("stopping: the recording cannot go on, so nothing more is accepted");
                shutdown.drain.cancel();
            }
            () = stop.asked() => {
                if shutdown.drain.is_cancelled() {
                    ended = if ended == Ended::Failed { ended } else { Ended::Aborted };
                    shutdown.abort.cancel();
                } else {
                    shutdown.drain.cancel();
                    door.engine().as_deref().unwrap_or(engine).hurry();
                }
            }
        }
    }
    engine.settle().await;
    ended
}

/// What asks this process to stop. It is heard from when this is made.
pub(super) struct Signals {
    signals: platform::Signals,
    is_stopping: bool,
}

impl Signals {
    /// Must be made before a deck says that it listens: a signal that came earlier would kill it.
    pub(super) fn new() -> Result<Self, Failure> {
        let signals = platform::Signals::new();
        let signals = signals.map_err(|error| Failure::runtime(format!("no signals: {error}")))?;
        Ok(Self { signals, is_stopping: false })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Heard {
        self.signals.next().await
    }
}

impl Stop for Signals {
    async fn asked(&mut self) {
        self.next().await;
        if !std::mem::replace(&mut self.is_stopping, true) {
            say("stopping: waiting for calls to end (press Ctrl-C again to cut them off)");
        }
    }
}

/// Signals, and one thing more that asks to stop once it is over.
pub(super) struct Until<F> {
    signals: Signals,
    over: Option<Pin<Box<F>>>,
}

impl<F: Future<Output = String>> Until<F> {
    /// `over` says why.
    pub(super) fn new(signals: Signals, over: F) -> Self {
        Self { signals, over: Some(Box::pin(over)) }
    }
}

impl<F: Future<Output = String>> Stop for Until<F> {
    async fn asked(&mut self) {
        let Some(over) = self.over.as_mut().filter(|_| !self.signals.is_stopping) else {
            return self.signals.asked().await;
        };
        tokio::select! {
            () = self.signals.asked() => {}
            why = over => {
                self.over = None;
                self.signals.is_stopping = true;
                say(&format!("stopping: {why}; waiting for calls to end (press Ctrl-C to cut them off)"));
            }
        }
    }
}
