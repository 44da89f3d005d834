//! What changed in a session, in the words subscriptions use (mpsd-behaviour §4.4).

use std::collections::BTreeMap;

use super::policy::Policies;
use super::session::{Member, Session};
use crate::mpsd::bag::Custom;

/// A session before and after one change; `None` where there was none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Changes<'a> {
    pub(super) before: Option<&'a Session>,
    pub(super) after: Option<&'a Session>,
    pub(super) policies: &'a Policies,
}

impl Changes<'_> {
    /// True when it is one of that change type. A type nobody documents never is.
    pub(super) fn are_of(&self, change_type: &str) -> bool {
        match change_type.to_ascii_lowercase().as_str() {
            "everything" => true,
            "host" => self.differ(|session| session.properties.system.raw("host")),
            "initialization" => self.differ(|session| session.episode.as_ref().map(|episode| episode.phase)),
            "matchmakingstatus" => {
                let differs = |name: &'static str| self.differ(move |session| matched(session, name));
                differs("status") || differs("targetSessionRef")
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
        (self.policies.status_tap_on_removal && removed) || self.differ_in_stayers(Member::standing)
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

/// What matchmaking keeps in a session.
fn matched<'s>(session: &'s Session, name: &str) -> Option<&'s str> {
    session.servers.get(MATCHMAKING)?.properties.system.raw(name)
}

const MATCHMAKING: &str = "matchmaking";
