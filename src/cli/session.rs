//! A deck while it runs: listen, say so, wait for a signal, drain, and stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::{Code, Failure, say};
use crate::engine::Engine;
use crate::intercept::{self, Door, Shutdown};

/// Runs one future on a runtime of its own.
pub(super) fn block_on(work: impl Future<Output = Result<Code, Failure>>) -> Result<Code, Failure> {
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
    /// The first signal: everything that ran has ended.
    Drained,
    /// The second signal: what ran was cut off.
    Aborted,
    /// The journal could not be written any more.
    Failed,
}

/// Serves until a signal, or until the engine cannot go on.
pub(super) async fn run(listener: TcpListener, door: Arc<Door>, engine: &Engine, mut signals: Signals) -> Ended {
    let shutdown = Shutdown::default();
    let served = intercept::serve(listener, door, shutdown.clone());
    tokio::pin!(served);
    let mut ended = Ended::Drained;
    loop {
        tokio::select! {
            () = &mut served => break,
            () = engine.failed().cancelled(), if ended != Ended::Failed => {
                ended = Ended::Failed;
                say("stopping: the recording cannot go on, so nothing more is accepted");
                shutdown.drain.cancel();
            }
            () = signals.next() => {
                if shutdown.drain.is_cancelled() {
                    ended = if ended == Ended::Failed { ended } else { Ended::Aborted };
                    shutdown.abort.cancel();
                } else {
                    say("stopping: waiting for calls to end (press Ctrl-C again to cut them off)");
                    shutdown.drain.cancel();
                }
            }
        }
    }
    engine.settle().await;
    ended
}

/// SIGINT and SIGTERM; Ctrl-C and console close on Windows. They are heard from when this is made.
pub(super) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
    #[cfg(windows)]
    terminate: tokio::signal::windows::CtrlClose,
}

impl Signals {
    /// Must be made before a deck says that it listens: a signal that came earlier would kill it.
    pub(super) fn new() -> Result<Self, Failure> {
        Self::listen().map_err(|error| Failure::runtime(format!("no signals: {error}")))
    }

    #[cfg(unix)]
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(windows)]
    fn listen() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_c, ctrl_close};
        Ok(Self { interrupt: ctrl_c()?, terminate: ctrl_close()? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
