//! The whole state as one JSON text: dumped, loaded again, or thrown away.
//!
//! A dump holds everything an answer depends on but the settings: sessions, handles, players, connections with what
//! waits to go out on them, and the clock. Values are drawn by the seed, so a dump belongs to its seed.
//!
//! A connection of a dump whose socket is not open here stays as it is until its lifetime is over: nobody reads what
//! it is sent, and its members are as active as they were.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::store::Store;
use super::{Emulator, caps};
use crate::clock::Clock;
use crate::socket::SocketId;

/// Why a text is no state to load.
#[derive(Debug, Error)]
pub enum StateError {
    /// Longer than any state is.
    #[error("the state is too long")]
    TooLong,
    /// Not JSON, or not of this form.
    #[error("the state cannot be read: {0}")]
    Form(#[from] serde_json::Error),
    /// Of another version of tapdeck.
    #[error("the state has version {0}, not {VERSION}")]
    Version(u64),
    /// Drawn with another seed.
    #[error("the state belongs to seed {0}")]
    Seed(u64),
    /// At odds with itself.
    #[error("the state cannot be: {0}")]
    Impossible(&'static str),
}

#[derive(Debug, Serialize)]
struct Dump<'a> {
    version: u64,
    seed: u64,
    clock: Timestamp,
    store: &'a Store,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Load {
    version: u64,
    seed: u64,
    clock: Timestamp,
    store: Store,
}

impl Emulator {
    /// Everything there is, as indented JSON; the same state gives the same text.
    pub fn dump(&self) -> String {
        let store = self.store();
        let (seed, clock) = (self.settings.seed, self.settings.clock.now());
        let dump = Dump { version: VERSION, seed, clock, store: &store };
        serde_json::to_string_pretty(&dump).unwrap_or_default()
    }

    /// Puts a dumped state in the place of everything there is; a virtual clock is set to the dump's. The sockets that
    /// have something to send: those the state does not know get a close frame.
    ///
    /// # Errors
    /// What is wrong with the text. Nothing has changed then.
    pub fn load(&self, text: &str) -> Result<Vec<SocketId>, StateError> {
        if text.len() > caps::STATE_BYTES {
            return Err(StateError::TooLong);
        }
        let Load { version, seed, clock, mut store } = serde_json::from_str(text)?;
        if version != VERSION {
            return Err(StateError::Version(version));
        }
        if seed != self.settings.seed {
            return Err(StateError::Seed(seed));
        }
        if Clock::manual(clock).now() != clock {
            return Err(StateError::Impossible("no clock shows its instant"));
        }
        store.revive().map_err(StateError::Impossible)?;
        Ok(self.replace(store, clock))
    }

    /// Forgets everything and sets a virtual clock back to where it stood at first. The sockets that have something to
    /// send: each gets a close frame.
    pub fn reset(&self) -> Vec<SocketId> {
        self.replace(Store::default(), self.start)
    }

    fn replace(&self, mut loaded: Store, clock: Timestamp) -> Vec<SocketId> {
        let mut store = self.store();
        self.settings.clock.set(clock);
        loaded.people.cast = store.people.cast.clone();
        loaded.rta.succeed(&mut store.rta, self.settings.clock.now(), &self.settings.policies);
        *store = loaded;
        store.rta.take_ready()
    }
}

/// The form of a dump; another one is not read.
const VERSION: u64 = 1;
