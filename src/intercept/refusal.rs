//! What is not passed on, and why. It is told the first time, the tenth, the hundredth: clients try again.

use super::arrivals::{Event, is_told};
use super::hosts;
use super::session::Session;
use crate::engine::Passage;
use crate::message::Response;

/// Why a host is not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// It is one of our own ports.
    Ourselves,
    /// Its port is none that is reached.
    Port,
    /// It is none of ours, and such are refused.
    Others,
}

impl Cause {
    fn of(session: &Session, host: &str, port: u16) -> Self {
        if session.door.dialler.is_own(host, port, session.here.ip()) {
            return Self::Ourselves;
        }
        if hosts::is_web(port) { Self::Others } else { Self::Port }
    }

    fn told(self) -> &'static str {
        match self {
            Self::Ourselves => "it is tapdeck itself; call it without a proxy",
            Self::Port => "only ports 443 and 80 are reached",
            Self::Others => "other hosts are refused here, by `--others refuse` or `--offline`",
        }
    }
}

impl Session {
    /// Counts what is not passed on, and gives the answer for it.
    pub(super) fn refused(&self, host: &str, port: u16) -> Response {
        let cause = Cause::of(self, host, port);
        let name: String = host.chars().take(LONGEST_NAME).collect();
        let why = format!("`{name}:{port}` is not passed on: {}", cause.told());
        let (connection, peer) = (self.id, self.peer);
        match (self.due(&why), cause) {
            (None, _) => tracing::debug!(connection, %peer, "refused: {why}"),
            (Some(times), Cause::Others) => tracing::info!(connection, %peer, times, "refused: {why}"),
            (Some(times), _) => tracing::warn!(connection, %peer, times, "refused: {why}"),
        }
        self.counted(host, Passage::Refused);
        Response::problem(403, "host-refused", &why)
    }

    /// Takes down and tells why its client gets no further.
    pub(super) fn refuse(&self, why: &str) {
        let (connection, peer) = (self.id, self.peer);
        match self.due(why) {
            Some(times) => tracing::warn!(connection, %peer, times, "refused: {why}"),
            None => tracing::debug!(connection, %peer, "refused: {why}"),
        }
    }

    /// Takes down a refusal; how often there was such a one, where that is to be told.
    fn due(&self, why: &str) -> Option<u64> {
        self.note(Event::Refused { why: why.to_owned() }).filter(|times| is_told(*times))
    }
}

/// The longest name there is (RFC 1035 2.3.4).
const LONGEST_NAME: usize = 253;
