//! Temporary: the engine's boundary, until the real one arrives.

pub mod journal;

use std::sync::Arc;

use crate::exchange::{Answer, Call};
use crate::upstream::Upstream;

/// What answers.
pub enum Source {
    /// The service.
    Upstream(Upstream),
}

/// Answers calls.
pub struct Engine {
    source: Source,
}

impl Engine {
    /// An engine over one source.
    pub fn new(source: Source) -> Self {
        Self { source }
    }

    /// Answers one call; `None` closes its connection unanswered.
    pub async fn answer(self: &Arc<Self>, call: Call) -> Option<Answer> {
        match &self.source {
            Source::Upstream(upstream) => Some(upstream.send(&call.request, call.protocol).await),
        }
    }
}
