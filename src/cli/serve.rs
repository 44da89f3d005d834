//! `record`, `replay`, `watch` and `emulate`: the same deck with different sources.

pub(super) mod emulate;
pub(super) mod play;
pub(super) mod record;
pub(super) mod replay;
mod sealing;
pub(super) mod watch;

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::options::Ways;
use super::session::{self, Ended, Signals};
use super::{Failure, ca, say};
use crate::cassette::CassetteError;
use crate::engine::Engine;
use crate::intercept::{self, Door, Limits, Reverse};
use crate::upstream::{Dialler, Route};
pub(super) use sealing::seal_journal;

/// A listener with its certificate authority, before anything answers.
struct Deck {
    listener: TcpListener,
    address: std::net::SocketAddr,
    authority: Arc<intercept::Authority>,
    others: intercept::Others,
    limits: Limits,
    signals: Signals,
}

impl Deck {
    async fn open(ways: &Ways) -> Result<Self, Failure> {
        ways.check()?;
        let signals = Signals::new()?;
        let authority = Arc::new(ca::open(&ways.home)?);
        let (listener, address) = session::listen(ways.listen, "--listen").await?;
        Ok(Self { listener, address, authority, others: ways.others(), limits: Limits::default(), signals })
    }

    /// How hosts that are none of ours are reached when there is no upstream.
    fn dialler(&self) -> Dialler {
        Dialler::new(Route { own: vec![self.address], ..Route::default() }, self.limits.connect)
    }

    async fn run(
        self,
        engine: &Arc<Engine>,
        reverse: Option<Reverse>,
        neighbours: BTreeSet<String>,
        dialler: Dialler,
    ) -> Ended {
        let authority_at = self.authority.path().display().to_string();
        let door = Door::new(intercept::Options {
            engine: Some(Arc::clone(engine)),
            authority: self.authority,
            reverse,
            neighbours,
            others: self.others,
            dialler,
            limits: self.limits,
        });
        say(&format!("listening on http://{} (clients trust {authority_at}); Ctrl-C ends it", self.address));
        session::run(self.listener, door, engine, self.signals).await
    }
}

fn many(count: usize, name: &str) -> String {
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

fn many_do(count: usize, name: &str) -> String {
    format!("{} {}", many(count, name), if count == 1 { "does" } else { "do" })
}

fn found(engine: &Engine) -> String {
    let tallied = engine.watch().tallied();
    format!(
        "{} from {}: {}, {}, {}",
        many(tallied.calls, "call"),
        many(engine.watch().lanes(), "client"),
        many(tallied.errors, "error"),
        many(tallied.warnings, "warning"),
        many(tallied.infos, "note")
    )
}

/// A cassette that cannot be read.
pub(super) fn unreadable(error: &CassetteError) -> Failure {
    Failure::input(error.to_string()).hint(error.hint())
}
