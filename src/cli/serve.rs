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

use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::options::Ways;
use super::{Failure, ca, session};
use crate::cassette::CassetteError;
use crate::engine::Engine;
use crate::intercept::{self, Limits};
use crate::upstream::{Dialler, Route};
pub(super) use sealing::seal_journal;

/// A listener with its certificate authority, before anything answers.
struct Deck {
    listener: TcpListener,
    address: std::net::SocketAddr,
    authority: Arc<intercept::Authority>,
    others: intercept::Others,
    limits: Limits,
    ready_file: Option<PathBuf>,
}

impl Deck {
    async fn open(ways: &Ways) -> Result<Self, Failure> {
        ways.check()?;
        let authority = Arc::new(ca::open(&ways.home)?);
        let (listener, address) = session::listen(ways.listen, "--listen").await?;
        let (others, ready_file) = (ways.others(), ways.ready_file.clone());
        ready_file.as_deref().into_iter().for_each(ready::forget);
        Ok(Self { listener, address, authority, others, limits: Limits::default(), ready_file })
    }

    /// How hosts that are none of ours are reached when there is no upstream.
    fn dialler(&self) -> Dialler {
        Dialler::new(Route { own: vec![self.address], ..Route::default() }, self.limits.connect)
    }
}

fn many(count: usize, name: &str) -> String {
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

fn many_do(count: usize, name: &str) -> String {
    format!("{} {}", many(count, name), if count == 1 { "does" } else { "do" })
}

pub(super) fn found(engine: &Engine) -> String {
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
