//! Where a scenario is played: the emulator itself, or the deck in front of it or of a recording.

mod deck;
mod direct;

use std::path::{Path, PathBuf};

use tapdeck::emulator::Settings;
use tapdeck::message::{Headers, Response};
use tapdeck::replay::Live;
use tapdeck::socket::{Message, Opcode};

use tempfile::TempDir;

use super::cast::{FIRST, Player};
use deck::Deck;
use direct::Direct;
pub(super) use direct::call;

/// A call to make.
pub(super) struct Ask {
    pub(super) player: Player,
    /// The host's first label.
    pub(super) host: String,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

/// What answers.
pub(super) enum World {
    Emulator(Box<Direct>),
    Deck(Box<Deck>),
}

impl World {
    pub(super) fn emulator(settings: Settings) -> Self {
        Self::Emulator(Box::new(Direct::new(settings)))
    }

    /// The deck in front of an emulator, recording.
    pub(super) async fn recording(run: &str, settings: Settings) -> Self {
        Self::Deck(Box::new(Deck::recording(run, settings).await))
    }

    /// The deck with a recording behind it, told who is whose stand-in.
    pub(super) async fn replaying(
        run: &str,
        cassette: &Path,
        live: Live,
        assigned: &[&str],
        lacks_clock: bool,
    ) -> Self {
        Self::Deck(Box::new(Deck::replaying(run, cassette, live, assigned, lacks_clock).await))
    }

    /// Demands that everything recorded was played.
    pub(super) fn played_out(&self) {
        match self {
            Self::Emulator(_) => panic!("nothing was recorded"),
            Self::Deck(deck) => deck.played_out(),
        }
    }

    /// Everything that was recorded, sealed, in a directory that lives as long as this.
    pub(super) async fn sealed(self) -> (TempDir, PathBuf) {
        match self {
            Self::Emulator(_) => panic!("nothing was recorded"),
            Self::Deck(deck) => deck.sealed().await,
        }
    }

    pub(super) fn run(&self) -> &str {
        match self {
            Self::Emulator(_) => FIRST,
            Self::Deck(deck) => &deck.run,
        }
    }

    pub(super) async fn call(&mut self, ask: &Ask) -> Response {
        match self {
            Self::Emulator(direct) => direct.call(ask),
            Self::Deck(deck) => deck.call(ask).await,
        }
    }

    pub(super) async fn open(
        &mut self,
        socket: &str,
        player: &Player,
        host: &str,
        protocol: Option<&str>,
        headers: Headers,
    ) -> u16 {
        match self {
            Self::Emulator(direct) => direct.open(socket, player, host, protocol, headers),
            Self::Deck(deck) => deck.open(socket, player, host, protocol).await,
        }
    }

    pub(super) async fn say(&mut self, socket: &str, text: &str) {
        match self {
            Self::Emulator(direct) => direct.say(socket, text),
            Self::Deck(deck) => deck.say(socket, text).await,
        }
    }

    /// The next message, waited for.
    pub(super) async fn hear(&mut self, socket: &str) -> Option<String> {
        match self {
            Self::Emulator(direct) => direct.next(socket),
            Self::Deck(deck) => Some(deck.hear(socket).await),
        }
    }

    /// A message that should not have come yet.
    pub(super) async fn untimely(&mut self, socket: &str) -> Option<String> {
        match self {
            Self::Emulator(direct) => direct.next(socket),
            Self::Deck(deck) => deck.untimely(socket).await,
        }
    }

    /// A message that was sent already and not heard.
    pub(super) async fn unheard(&mut self, socket: &str) -> Option<String> {
        match self {
            Self::Emulator(direct) => direct.next(socket),
            Self::Deck(deck) => deck.unheard(socket).await,
        }
    }

    /// The sockets that are open.
    pub(super) fn sockets(&self) -> Vec<String> {
        match self {
            Self::Emulator(direct) => direct.sockets.keys().cloned().collect(),
            Self::Deck(deck) => deck.sockets.keys().cloned().collect(),
        }
    }

    pub(super) async fn hang_up(&mut self, socket: &str, properly: bool) {
        match self {
            Self::Emulator(direct) => direct.hang_up(socket, properly),
            Self::Deck(deck) => deck.hang_up(socket, properly).await,
        }
    }

    pub(super) fn advance(&mut self, milliseconds: u64) {
        match self {
            Self::Emulator(direct) => direct.advance(milliseconds),
            Self::Deck(deck) => deck.advance(milliseconds),
        }
    }

    /// The service asks everybody to look again.
    pub(super) fn resync(&mut self) {
        match self {
            Self::Emulator(direct) => drop(direct.emulator.resync()),
            Self::Deck(deck) => deck.resync(),
        }
    }
}

/// What a message says; the end says `{"close": code}`.
fn text_of(message: &Message) -> String {
    match (message.opcode, &message.payload[..]) {
        (Opcode::Close, [high, low, ..]) => format!(r#"{{"close":{}}}"#, u16::from_be_bytes([*high, *low])),
        (Opcode::Close, _) => r#"{"close":null}"#.to_owned(),
        (_, payload) => String::from_utf8_lossy(payload).into_owned(),
    }
}
