//! Timers: what time makes of members, seen when somebody looks (mpsd-behaviour §1.9).
//!
//! Nothing expires by itself. Just before a session is read or written, whatever has fallen due by then happens, at
//! most one step for each member; the rest waits for the next look.

use jiff::Timestamp;

use super::Desk;
use super::merge::{Stage, settle};
use super::policy::{Policies, ReadyExpiry};
use super::refusal::Refusal;
use super::session::{Member, Session, Standing};
use super::stage;
use crate::clock::after;

/// The member whose own write is about to be served; an inactive timer does not take it away just before.
pub(super) type Spared<'a> = Option<&'a str>;

impl Desk<'_> {
    /// The session as it is now, its timers applied.
    pub(super) fn aged(&mut self, key: &str, spared: Spared<'_>) -> Option<Session> {
        let session = self.store.session(key, self.now, &self.settings.policies)?.clone();
        if next(&session).is_none_or(|at| at > self.now) {
            return Some(session);
        }
        let mut aged = session.clone();
        age(&mut aged, self.now, &self.settings.policies, spared);
        if aged == session {
            return Some(session);
        }
        // A store without room for the outcome leaves the session as it was; it ages at the next look.
        self.store_outcome(key, Some(&session), aged).unwrap_or(Some(session))
    }

    /// Changes a session for a service of the emulator's own. False when there is no such session.
    pub(super) fn change(&mut self, key: &str, edit: impl FnOnce(&mut Session)) -> Result<bool, Refusal> {
        let Some(before) = self.aged(key, None) else {
            return Ok(false);
        };
        let mut draft = before.clone();
        edit(&mut draft);
        settle::settle(&mut draft, Stage::Stored);
        stage::enroll(&mut draft, Stage::Stored)?;
        stage::progress(&mut draft, self.now, None);
        if draft != before {
            self.store_outcome(key, Some(&before), draft)?;
        }
        Ok(true)
    }

    /// Stores what an edit has made of a session, which may be its end. The session as it is then.
    pub(super) fn store_outcome(
        &mut self,
        key: &str,
        before: Option<&Session>,
        draft: Session,
    ) -> Result<Option<Session>, Refusal> {
        let outcome = outcome(before, draft, self.now, &self.settings.policies);
        match &outcome {
            Some(session) if before != Some(session) => self.keep(key, session.clone())?,
            Some(_) => {}
            None => self.end(key),
        }
        Ok(outcome)
    }
}

/// What an edit makes of a session: `None` when that ends it, one change further when it differs.
pub(super) fn outcome(
    before: Option<&Session>,
    mut draft: Session,
    now: Timestamp,
    policies: &Policies,
) -> Option<Session> {
    for (index, member) in &mut draft.members {
        let stood = before.and_then(|session| session.members.get(index)).map(Member::standing);
        if stood != Some(member.standing()) {
            member.since = now;
        }
    }
    let is_empty = draft.members.is_empty();
    if is_empty && draft.constants.system.number("sessionEmptyTimeout") == Some(0) {
        return None;
    }
    draft.empty_since = is_empty.then(|| draft.empty_since.unwrap_or(now));
    if before != Some(&draft) || !policies.no_change_keeps_etag {
        draft.change += 1;
    }
    Some(draft)
}

/// When the session changes next if nobody writes to it: `nextTimer`.
pub(super) fn next(session: &Session) -> Option<Timestamp> {
    let timeouts = Timeouts::of(session);
    let members = session.members.values().filter_map(|member| timeouts.due(member));
    let empty = session.empty_since.zip(session.constants.system.number("sessionEmptyTimeout"));
    let end = empty.map(|(since, timeout)| after(since, timeout));
    members.chain(stage::deadline(session)).chain(end).min()
}

fn age(session: &mut Session, now: Timestamp, policies: &Policies, spared: Spared<'_>) {
    let timeouts = Timeouts::of(session);
    let is_due = |member: &Member| timeouts.due(member).is_some_and(|at| at <= now);
    let due: Vec<(u32, Standing)> = session
        .members
        .iter()
        .filter(|(_, member)| is_due(member))
        .map(|(index, member)| (*index, member.standing()))
        .filter(|(index, standing)| {
            let is_spared = session.members.get(index).is_some_and(|member| spared == Some(member.xuid.as_str()));
            *standing != Standing::Inactive || !is_spared
        })
        .collect();
    for (index, standing) in due {
        match (standing, session.members.get_mut(&index)) {
            (Standing::Ready, Some(member)) if policies.ready_expiry == ReadyExpiry::Inactive => member.deactivate(),
            _ => session.part(index),
        }
    }
    stage::expire(session, now);
    settle::settle(session, Stage::Stored);
    stage::progress(session, now, None);
}

/// The timeouts of members in ms; `None` is for ever.
struct Timeouts {
    reserved: Option<u64>,
    ready: Option<u64>,
    inactive: Option<u64>,
}

impl Timeouts {
    fn of(session: &Session) -> Self {
        let timeout = |name: &str| session.constants.system.number(name);
        Self {
            reserved: timeout("reservedRemovalTimeout"),
            ready: timeout("readyRemovalTimeout"),
            inactive: timeout("inactiveRemovalTimeout"),
        }
    }

    /// When a member's time runs out. Initialization has timers of its own for the places it waits for.
    fn due(&self, member: &Member) -> Option<Timestamp> {
        let timeout = match member.standing() {
            Standing::Active => None,
            Standing::Inactive => self.inactive,
            _ if member.qos.episode().is_some() => None,
            Standing::Ready => self.ready,
            Standing::Reserved => self.reserved,
        };
        timeout.map(|timeout| after(member.since, timeout))
    }
}
