//! Making a change that a kit may not live to confirm.

use std::time::Duration;

use super::restart::until_it_answers;
use super::visit::Visit;
use crate::cli::{Failure, say};
use crate::devkit::Request;

/// Makes a change after which the kit is to have a proxy, or none. A kit that breaks off in the middle is asked what became
/// of it, and if that does not show, asked for it once more: it means the same however often it comes.
pub(super) async fn make(
    visit: &mut Visit,
    request: &Request,
    (before, wanted): (Option<bool>, bool),
    wait: Duration,
) -> Result<(), Undone> {
    match visit.portal.send(request).await {
        Ok(_) => return Ok(()),
        Err(error) if error.is_unclear() => {
            say(&format!("{}: {error}; looking whether it took effect", visit.address));
        }
        Err(error) => return Err(Undone::Refused(visit.failure(&error))),
    }
    let now = until_it_answers(visit, wait).await.map_err(Undone::Unclear)?;
    if now == Some(wanted) && before != now {
        say(&format!("{}: it did", visit.address));
        return Ok(());
    }
    say(&format!("{}: that does not show; asking once more", visit.address));
    // Whatever it says now, it may have done it the first time.
    visit.portal.send(request).await.map(drop).map_err(|error| Undone::Unclear(visit.failure(&error)))
}

/// Why a change was not made, or perhaps was.
pub(super) enum Undone {
    /// The kit refused, or never heard of it.
    Refused(Failure),
    /// The kit may have done it.
    Unclear(Failure),
}

impl Undone {
    /// What is told.
    pub(super) fn failure(self) -> Failure {
        match self {
            Self::Refused(failure) | Self::Unclear(failure) => failure,
        }
    }
}
