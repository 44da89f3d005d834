//! A cassette's answers: when they come, and what is told of them.

use tokio::time::{Instant, sleep_until};

use super::Engine;
use crate::exchange::{Answer, Call, Outcome};
use crate::message::Response;
use crate::replay::{Miss, Played, Player};

impl Engine {
    /// A cassette's answer. A call that comes before what it must come after waits for that.
    pub(super) async fn play(&self, player: &Player, call: &Call, kept: &Call) -> (Response, Played) {
        let until = Instant::now() + player.hold();
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if let Some(played) = player.attempt(call, kept) {
                self.moved.notify_waiters();
                return played;
            }
            tokio::select! {
                () = moved => {}
                () = sleep_until(until) => return player.answer(call, kept),
                () = self.hurried.cancelled() => return player.answer(call, kept),
            }
        }
    }
}

/// Logs a miss. The lines to paste are there for programs that read the log; people find them at the end.
pub(super) fn tell(miss: &Miss) {
    let (op, paste, command) = (miss.op.as_str(), miss.advice.paste.join("\n"), miss.advice.command.as_deref());
    let paste = Some(paste).filter(|paste| !paste.is_empty());
    tracing::warn!(target: "tapdeck::miss", op, paste, command, "{miss}");
}

/// A cassette's answer. A miss quotes the call only as it is kept.
pub(super) fn replayed((mut response, played): (Response, Played)) -> Answer {
    response.headers.set(OUTCOME, played.word());
    match &played {
        Played::Miss(miss) => {
            tell(miss);
            Answer { outcome: Outcome::Refused, response }
        }
        _ => Answer::answered(response),
    }
}

pub(super) const OUTCOME: &str = "tapdeck-outcome";
