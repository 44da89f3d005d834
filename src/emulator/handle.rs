//! Handles: ids that stand for a session, and what each type lets its holder do (mpsd-behaviour §2).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::caps;
use super::object::Object;
use super::policy::Policies;
use super::session::Session;
use crate::clock::mpsd_timestamp;
use crate::mpsd::name::SessionRef;

/// One handle.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Handle {
    /// Its GUID, lower-case.
    pub(super) id: String,
    /// The xuid of who made it.
    pub(super) owner: String,
    /// The title it was made in.
    pub(super) title: u64,
    /// The session it stands for, whether or not that exists.
    pub(super) target: SessionRef,
    /// When it was made.
    pub(super) created: Timestamp,
    /// The session's `inviteProtocol` at that time.
    pub(super) invite_protocol: Option<String>,
    /// What it is for.
    pub(super) kind: Kind,
}

/// What a handle is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Kind {
    /// Shows what its owner is playing.
    Activity,
    /// Lets a player in.
    Invite {
        /// Who is invited.
        invited: String,
        /// `inviteAttributes` as sent.
        attributes: String,
        /// Until when.
        expires: Timestamp,
    },
    /// Lets the members of one session into another.
    Transfer {
        /// The session whose members may use it.
        origin: SessionRef,
    },
    /// Lets anybody find the session, and in.
    Search {
        /// `searchAttributes` as sent, the three documented halves always there.
        attributes: String,
    },
}

impl Kind {
    /// The `type` on the wire.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Invite { .. } => "invite",
            Self::Transfer { .. } => "transfer",
            Self::Search { .. } => "search",
        }
    }
}

impl Handle {
    /// The handle as an object, open for more.
    pub(super) fn object(&self) -> Object {
        let mut out = Object::new();
        out.text("id", &self.id);
        out.text("type", self.kind.name());
        out.number("version", 1_u64);
        out.object("sessionRef", reference_object(&self.target));
        match &self.kind {
            Kind::Activity => {
                out.text("titleId", &self.title.to_string());
                out.text("ownerXuid", &self.owner);
            }
            Kind::Invite { invited, attributes, expires } => {
                out.text("invitedXuid", invited);
                out.text("senderXuid", &self.owner);
                out.raw("inviteAttributes", attributes);
                out.text("expiration", &mpsd_timestamp(*expires));
            }
            Kind::Transfer { origin } => out.object("originSessionRef", reference_object(origin)),
            Kind::Search { attributes } => {
                out.text("titleId", &self.title.to_string());
                out.text("ownerXuid", &self.owner);
                out.raw("searchAttributes", attributes);
            }
        }
        if matches!(self.kind, Kind::Activity | Kind::Invite { .. }) {
            if let Some(protocol) = &self.invite_protocol {
                out.text("inviteProtocol", protocol);
            }
            out.raw("gameTypes", GAME_TYPES);
        }
        out.text("createTime", &mpsd_timestamp(self.created));
        out
    }

    /// The handle's own path.
    pub(super) fn path(&self) -> String {
        format!("/handles/{}", self.id)
    }

    fn is_live(&self, now: Timestamp) -> bool {
        match &self.kind {
            Kind::Invite { expires, .. } => now < *expires,
            _ => true,
        }
    }
}

/// A session reference as an object.
pub(super) fn reference_object(reference: &SessionRef) -> Object {
    let mut out = Object::new();
    out.text("scid", &reference.scid);
    out.text("templateName", &reference.template);
    out.text("name", &reference.name);
    out
}

/// All handles, found by id and by session.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Handles {
    by_id: BTreeMap<String, Handle>,
    by_session: BTreeMap<String, BTreeSet<String>>,
    /// The one activity of each player.
    activities: BTreeMap<String, String>,
    /// The one search handle of each session.
    searches: BTreeMap<String, String>,
    /// How many handles of one kind a player has made for one session; numbers the draws.
    made: BTreeMap<String, u64>,
}

impl Handles {
    /// The live handle of that id.
    pub(super) fn find(&self, id: &str, now: Timestamp) -> Option<&Handle> {
        self.by_id.get(&id.to_lowercase()).filter(|handle| handle.is_live(now))
    }

    /// The activity of a player.
    pub(super) fn activity_of(&self, xuid: &str) -> Option<&Handle> {
        self.by_id.get(self.activities.get(xuid)?)
    }

    /// Every activity, by player.
    pub(super) fn activities(&self) -> impl Iterator<Item = &Handle> {
        self.activities.values().filter_map(|id| self.by_id.get(id))
    }

    /// The search handles of sessions whose key begins like this.
    pub(super) fn searches(&self, prefix: &str) -> impl Iterator<Item = &Handle> {
        let keys = self.searches.range(prefix.to_owned()..).take_while(move |(key, _)| key.starts_with(prefix));
        keys.filter_map(|(_, id)| self.by_id.get(id))
    }

    /// How many handles of one kind by one player for one session came before the next, or `None` when too many did.
    pub(super) fn next(&mut self, entity: &str, now: Timestamp) -> Option<u64> {
        if self.by_id.len() >= caps::STORE {
            self.drop_expired(now);
        }
        let is_new = !self.made.contains_key(entity);
        if (is_new && self.made.len() >= caps::STORE) || self.by_id.len() >= caps::STORE {
            return None;
        }
        let made = self.made.entry(entity.to_owned()).or_default();
        *made += 1;
        Some(*made - 1)
    }

    /// Adds a handle; a new activity replaces the player's last, a new search handle the session's.
    pub(super) fn add(&mut self, handle: Handle) {
        let last = match handle.kind {
            Kind::Activity => self.activities.insert(handle.owner.clone(), handle.id.clone()),
            Kind::Search { .. } => self.searches.insert(handle.target.key(), handle.id.clone()),
            Kind::Invite { .. } | Kind::Transfer { .. } => None,
        };
        if let Some(last) = last {
            self.remove(&last);
        }
        self.by_session.entry(handle.target.key()).or_default().insert(handle.id.clone());
        self.by_id.insert(handle.id.clone(), handle);
    }

    /// Drops a handle.
    pub(super) fn remove(&mut self, id: &str) {
        let Some(handle) = self.by_id.remove(id) else {
            return;
        };
        let key = handle.target.key();
        if let Some(ids) = self.by_session.get_mut(&key) {
            ids.remove(id);
            if ids.is_empty() {
                self.by_session.remove(&key);
            }
        }
        if self.activities.get(&handle.owner).is_some_and(|activity| activity == id) {
            self.activities.remove(&handle.owner);
        }
        if self.searches.get(&key).is_some_and(|search| search == id) {
            self.searches.remove(&key);
        }
    }

    /// Refuses what a dump cannot have said.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let is_named = self.by_id.iter().all(|(id, handle)| *id == handle.id);
        let is_counted = self.made.values().all(|made| *made < caps::COUNT);
        if is_named && is_counted { Ok(()) } else { Err("the handles do not fit together") }
    }

    /// Drops what a change of the session leaves without ground: activities of players no longer active in it, and
    /// handles into a session that has ended.
    pub(super) fn sweep(&mut self, key: &str, session: Option<&Session>, policies: &Policies) {
        let ids: Vec<String> = self.by_session.get(key).into_iter().flatten().cloned().collect();
        for id in ids {
            let stands = self.by_id.get(&id).is_some_and(|handle| match handle.kind {
                Kind::Activity => {
                    session.and_then(|session| session.member(&handle.owner)).is_some_and(|member| member.is_active())
                }
                Kind::Transfer { .. } | Kind::Search { .. } => session.is_some(),
                Kind::Invite { .. } => policies.invite_outlives_session || session.is_some(),
            });
            if !stands {
                self.remove(&id);
            }
        }
    }

    fn drop_expired(&mut self, now: Timestamp) {
        let is_expired = |handle: &&Handle| !handle.is_live(now);
        let expired: Vec<String> = self.by_id.values().filter(is_expired).map(|handle| handle.id.clone()).collect();
        expired.iter().for_each(|id| self.remove(id));
    }
}

/// The `gameTypes` of a handle: no platform registration is known.
const GAME_TYPES: &str = "{}";
