//! `POST /handles/query`: what players are doing, and which sessions want to be found.

use super::body::{Players, Query, Search};
use super::{Includes, results};
use crate::emulator::access::{Visitor, Way};
use crate::emulator::handle::Handle;
use crate::emulator::people::Caller;
use crate::emulator::refusal::Refusal;
use crate::emulator::search::Subject;
use crate::emulator::session::Session;
use crate::emulator::write::bytes;
use crate::emulator::{Desk, caps};
use crate::exchange::Call;
use crate::message::Response;

impl Desk<'_> {
    /// Answers a handle query.
    pub(in crate::emulator) fn query_handles(&mut self, call: &Call, caller: &Caller) -> Result<Response, Refusal> {
        let includes = Includes::of(call, &self.settings.policies)?;
        let found = match Query::read(bytes(call)?, &self.settings.policies)? {
            Query::Activity { scid, owners } => self.activities(scid.as_deref(), owners, caller),
            Query::Search(search) => self.search(&search, caller),
        };
        let rows: Vec<_> = found.iter().map(|(handle, session)| includes.item(handle, Some(session))).collect();
        Ok(results(&rows))
    }

    /// Activities in the order of their owners. One whose session does not exist shows nothing to join.
    fn activities(&mut self, scid: Option<&str>, owners: Players, caller: &Caller) -> Vec<(Handle, Session)> {
        let named = |xuids: Vec<String>| -> Vec<Handle> {
            xuids.iter().filter_map(|xuid| self.store.handles.activity_of(xuid)).cloned().collect()
        };
        let handles = match owners {
            Players::Named(xuids) => named(xuids),
            Players::List { moniker, xuid } => match self.follows(&moniker, &xuid) {
                Some(xuids) => named(xuids),
                None => self.store.handles.activities().filter(|handle| handle.owner != xuid).cloned().collect(),
            },
        };
        let is_asked = |handle: &Handle| scid.is_none_or(|scid| handle.target.scid.eq_ignore_ascii_case(scid));
        let mut found = Vec::new();
        for handle in handles.into_iter().filter(is_asked) {
            let Some(session) = self.session(&handle.target.key()) else { continue };
            // Reading the session may have ended the activity.
            let stands = self.store.handles.find(&handle.id, self.now).is_some();
            let is_shown = handle.owner == caller.xuid
                || !self.settings.policies.query_hides_unreadable
                || self.may_read(caller, Way::Plain, &session);
            if stands && is_shown {
                found.push((handle, session));
            }
            if found.len() == caps::RESULTS {
                break;
            }
        }
        found
    }

    /// Sessions that want to be found. A search handle leads past restrictions, so only private sessions hide.
    fn search(&mut self, search: &Search, caller: &Caller) -> Vec<(Handle, Session)> {
        let prefix = match (&search.scid, &search.template) {
            (Some(scid), Some(template)) => format!("{scid}~{template}~"),
            (Some(scid), None) => format!("{scid}~"),
            (None, _) => String::new(),
        };
        let is_template = |handle: &&Handle| {
            let name = handle.target.template.to_lowercase();
            search.template.as_ref().is_none_or(|template| template.to_lowercase() == name)
        };
        let handles: Vec<Handle> =
            self.store.handles.searches(&prefix.to_lowercase()).filter(is_template).cloned().collect();
        let members = match &search.members {
            Some(Players::Named(xuids)) => Some(xuids.clone()),
            Some(Players::List { moniker, xuid }) => self.follows(moniker, xuid),
            None => None,
        };
        let mut found = Vec::new();
        for handle in handles {
            let Some(session) = self.session(&handle.target.key()) else { continue };
            let is_among =
                members.as_ref().is_none_or(|xuids| xuids.iter().any(|xuid| session.index_of(xuid).is_some()));
            if is_among && self.may_read(caller, Way::Invite, &session) {
                found.push((handle, session));
            }
        }
        let mut subjects: Vec<_> =
            found.iter().map(|(handle, session)| (Subject::new(handle, session), handle, session)).collect();
        subjects.retain(|(subject, ..)| search.filter.as_ref().is_none_or(|filter| filter.accepts(subject)));
        subjects.sort_by(|(left, ..), (right, ..)| search.order.compare(left, right));
        let first = subjects.into_iter().take(caps::RESULTS);
        first.map(|(_, handle, session)| (handle.clone(), session.clone())).collect()
    }

    fn may_read(&self, caller: &Caller, way: Way, session: &Session) -> bool {
        Visitor::new(caller, way, session, &self.store.people, &self.settings.policies).may_read(session)
    }

    fn follows(&self, moniker: &str, xuid: &str) -> Option<Vec<String>> {
        self.store.people.follows(moniker, xuid, &self.settings.policies)
    }
}
