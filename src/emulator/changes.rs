//! What changed in a session, in the words subscriptions use (mpsd-behaviour §4.4).

use std::collections::BTreeMap;

use super::document::document;
use super::policy::Policies;
use super::session::{Member, Presence, Session};
use crate::json::Doc;
use crate::mpsd::bag::{Custom, text_of};
use crate::mpsd::version::Contract;

/// A session before and after one change; `None` where there was none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Changes<'a> {
    pub(super) before: Option<&'a Session>,
    pub(super) after: Option<&'a Session>,
    pub(super) policies: &'a Policies,
}

/// What a member is to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Active,
    Ready,
    Reserved,
    Inactive,
}

impl Changes<'_> {
    /// True when it is one of that change type. A type nobody documents never is.
    pub(super) fn are_of(&self, change_type: &str) -> bool {
        match change_type.to_ascii_lowercase().as_str() {
            "everything" => true,
            "host" => self.differ(|session| session.properties.system.raw("host")),
            "initialization" => self.differ(|session| shown(session, &STAGE)),
            "matchmakingstatus" => {
                self.differ(|session| shown(session, &MATCH_STATUS))
                    || self.differ(|session| shown(session, &MATCH_TARGET))
            }
            "memberslist" => self.differ(|session| Some(members(session, |_| ()))),
            "membersstatus" => self.members_status(),
            "joinability" => self.joinability(),
            "customproperty" => self.custom_property(),
            "memberscustomproperty" => self.differ_in_stayers(|member| &member.properties.custom),
            _ => false,
        }
    }

    fn members_status(&self) -> bool {
        let is_gone = |index: &u32| self.after.is_none_or(|session| !session.members.contains_key(index));
        let was_member = self.before.iter().flat_map(|session| session.members.keys());
        let removed = was_member.into_iter().any(is_gone);
        (self.policies.status_tap_on_removal && removed) || self.differ_in_stayers(status)
    }

    fn joinability(&self) -> bool {
        let system = |name: &'static str| self.differ(move |session| session.properties.system.raw(name));
        let is_full = |session: &Session| (session.members.len() >= session.capacity()).then_some(());
        ["closed", "locked", "joinRestriction"].into_iter().any(system)
            || (self.policies.joinability_tap_on_read && system("readRestriction"))
            || (self.policies.joinability_tap_on_full && self.differ(is_full))
    }

    fn custom_property(&self) -> bool {
        let empty = Custom::default();
        let custom = |session: Option<&Session>| {
            session.map_or_else(|| empty.clone(), |session| session.properties.custom.clone())
        };
        custom(self.before) != custom(self.after)
    }

    fn differ<'s, T: PartialEq>(&'s self, view: impl Fn(&'s Session) -> Option<T>) -> bool {
        self.before.and_then(&view) != self.after.and_then(&view)
    }

    fn differ_in_stayers<'s, T: PartialEq>(&'s self, view: impl Fn(&'s Member) -> T + Copy) -> bool {
        let (Some(before), Some(after)) = (self.before, self.after) else {
            return false;
        };
        let old = members(before, view);
        members(after, view).into_iter().any(|(index, new)| old.get(&index).is_some_and(|old| *old != new))
    }
}

fn members<'s, T>(session: &'s Session, view: impl Fn(&'s Member) -> T) -> BTreeMap<u32, T> {
    session.members.iter().map(|(index, member)| (*index, view(member))).collect()
}

fn status(member: &Member) -> Status {
    if member.is_active() {
        Status::Active
    } else if member.properties.system.flag("ready") {
        Status::Ready
    } else if member.state == Presence::Reserved {
        Status::Reserved
    } else {
        Status::Inactive
    }
}

/// A part of the document, as members read it.
fn shown(session: &Session, path: &[&str]) -> Option<String> {
    let text = document(session, "", Contract::V107);
    let doc = Doc::parse(&text).ok()?;
    path.iter().try_fold(doc.root(), |node, name| node.get(name)).map(text_of)
}

const STAGE: [&str; 2] = ["initializing", "stage"];

const MATCH_STATUS: [&str; 5] = ["servers", "matchmaking", "properties", "system", "status"];

const MATCH_TARGET: [&str; 5] = ["servers", "matchmaking", "properties", "system", "targetSessionRef"];
