//! What the client of a lane knew of a session when a message came, and what the message told it.

use std::collections::BTreeMap;

use crate::json::{Doc, Node};
use crate::mpsd::rta::{Frame as Rta, trimmed};
use crate::replay::tape::{Take, Version};

/// The versions of sessions that shoulder taps tell of.
pub(super) fn versions_in(payload: &[u8]) -> Vec<(String, Version)> {
    let Ok(doc) = Doc::parse(trimmed(payload)) else {
        return Vec::new();
    };
    let version = |tap: Node<'_>| {
        let text = |name| Some(tap.get(name)?.str()?.into_owned());
        let change = tap.get("changeNumber")?.number()?.parse().ok()?;
        Some((text("resource")?.to_lowercase(), (text("branch")?, change)))
    };
    Rta::of(&doc).map(|event| event.taps().filter_map(version).collect()).unwrap_or_default()
}

/// What each lane knew of each session, and since when.
#[derive(Debug)]
pub(super) struct Knowledge(BTreeMap<(usize, String), Vec<Known>>);

/// A state of a session that was shown.
#[derive(Debug)]
struct Known {
    document: usize,
    answered: u64,
    /// When this version was first shown.
    since: u64,
}

impl Knowledge {
    pub(super) fn of(takes: &[Take]) -> Self {
        let mut shown: Vec<&Take> = takes.iter().filter(|take| take.version.is_some()).collect();
        shown.sort_by_key(|take| take.recorded.answered);
        let mut knowledge: BTreeMap<(usize, String), Vec<Known>> = BTreeMap::new();
        let mut firsts = BTreeMap::new();
        for take in shown {
            let (Some(session), Some(document)) = (&take.session, take.document) else { continue };
            let answered = take.recorded.answered;
            let since = *firsts.entry((take.lane, session, &take.version)).or_insert(answered);
            let known = knowledge.entry((take.lane, session.clone())).or_default();
            known.push(Known { document, answered, since });
        }
        Self(knowledge)
    }

    /// What a lane knew of some sessions at a position: the shelf of each, and since when it knew that.
    pub(super) fn at(&self, lane: usize, at: u64, tells: &[(String, Version)]) -> Vec<(usize, u64)> {
        let of = |session: &String| {
            let known = self.0.get(&(lane, session.clone()))?;
            let last = known[..known.partition_point(|known| known.answered <= at)].last()?;
            Some((last.document, last.since))
        };
        tells.iter().filter_map(|(session, _)| of(session)).collect()
    }
}
