//! Shoulder taps: every subscribed member of a changed session hears of it, the writer too (mpsd-behaviour §4.4).

use std::collections::BTreeMap;

use super::Desk;
use super::binding::connection_of;
use super::changes::Changes;
use super::handle::{Handle, Kind};
use super::object::Object;
use super::rta::Topic;
use super::session::{Member, Session};
use crate::clock::mpsd_timestamp;
use crate::socket::SocketId;

/// One tap on its way.
#[derive(Debug)]
struct Tap {
    socket: SocketId,
    index: u32,
    subscription: String,
}

impl Desk<'_> {
    /// Taps the members a change concerns, in the order of their indices.
    pub(super) fn tap_members(&mut self, key: &str, before: Option<&Session>, after: Option<&Session>) {
        let policies = &self.settings.policies;
        let Some(session) = after.or(before).filter(|_| after.is_some() || policies.tap_session_end) else {
            return;
        };
        if session.can("large") || !self.needs_connection(session) {
            return;
        }
        let mut members: BTreeMap<u32, &Member> =
            session.members.iter().map(|(index, member)| (*index, member)).collect();
        for (index, member) in before.filter(|_| policies.tap_leavers).into_iter().flat_map(|before| &before.members) {
            members.entry(*index).or_insert(member);
        }
        let changes = Changes { before, after, policies };
        let taps: Vec<Tap> = members.iter().filter_map(|(index, member)| self.tap(*index, member, changes)).collect();
        for tap in taps {
            let event = self.event(key, session, after.is_some(), &tap);
            self.send_tap(tap.socket, format!("{key}#{}", tap.index), event);
        }
    }

    /// Tells a player of an invite.
    pub(super) fn invited(&mut self, handle: &Handle, sender: &str) {
        let Kind::Invite { invited, .. } = &handle.kind else { return };
        let topic = Topic::Invites(invited.clone());
        let mut info = Object::new();
        for name in ["senderGamertag", "senderModernGamertag", "senderUniqueModernGamertag"] {
            info.text(name, sender);
        }
        info.text("senderModernGamertagSuffix", "");
        info.text("senderImageUrl", "");
        let mut event = handle.object();
        event.object("inviteInfo", info);
        let event = String::from_utf8_lossy(&event.end()).into_owned();
        for socket in self.listeners(&topic) {
            self.send_event(socket, &topic, &event, self.ticket);
        }
    }

    /// The tap a member gets, if it gets one.
    fn tap(&self, index: u32, member: &Member, changes: Changes<'_>) -> Option<Tap> {
        let policies = &self.settings.policies;
        if policies.tap_active_only && !member.is_active() {
            return None;
        }
        let socket = self.store.rta.live(&connection_of(member)?)?;
        let asked = member.properties.system.inner("subscription");
        let id = asked.text("id").filter(|id| !id.is_empty())?;
        let concerns = asked.texts("changeTypes").iter().any(|change_type| changes.are_of(change_type));
        let subscription = if policies.tap_lowercase_id { id.to_lowercase() } else { id };
        concerns.then_some(Tap { socket, index, subscription })
    }

    /// The event that carries a tap. At a session's end there is no number any more.
    fn event(&self, key: &str, session: &Session, lives: bool, tap: &Tap) -> String {
        let change = if lives { session.change } else { session.change + 1 };
        let mut shoulder = Object::new();
        shoulder.text("timestamp", &mpsd_timestamp(self.now));
        shoulder.text("subscription", &tap.subscription);
        shoulder.text("resourceType", "mpsd/session");
        shoulder.text("resource", key);
        shoulder.text("branch", &session.branch);
        if lives {
            shoulder.number("changeNumber", change);
        }
        let mut event = Object::new();
        event.text("ncid", &self.dice.guid(&format!("ncid:{}:{}", session.branch, tap.index), change));
        event.raw("shoulderTaps", format!("[{}]", String::from_utf8_lossy(&shoulder.end())));
        String::from_utf8_lossy(&event.end()).into_owned()
    }
}
