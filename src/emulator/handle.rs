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
}

impl Kind {
    /// The `type` on the wire.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Invite { .. } => "invite",
            Self::Transfer { .. } => "transfer",
        }
    }
}

impl Handle {
    /// The handle's JSON.
    pub(super) fn json(&self) -> Vec<u8> {
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
        }
        if !matches!(self.kind, Kind::Transfer { .. }) {
            if let Some(protocol) = &self.invite_protocol {
                out.text("inviteProtocol", protocol);
            }
            out.raw("gameTypes", GAME_TYPES);
        }
        out.text("createTime", &mpsd_timestamp(self.created));
        out.end()
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

fn reference_object(reference: &SessionRef) -> Object {
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
    /// How many handles of one kind a player has made for one session; numbers the draws.
    made: BTreeMap<String, u64>,
}

impl Handles {
    /// The live handle of that id.
    pub(super) fn find(&self, id: &str, now: Timestamp) -> Option<&Handle> {
        self.by_id.get(&id.to_lowercase()).filter(|handle| handle.is_live(now))
    }

    /// How many handles of one kind by one player for one session came before the next, or `None` when too many did.
    pub(super) fn next(&mut self, entity: &str) -> Option<u64> {
        if self.made.len() >= caps::STORE || self.by_id.len() >= caps::STORE {
            return None;
        }
        let made = self.made.entry(entity.to_owned()).or_default();
        *made += 1;
        Some(*made - 1)
    }

    /// Adds a handle; a new activity replaces the player's last.
    pub(super) fn add(&mut self, handle: Handle) {
        if matches!(handle.kind, Kind::Activity)
            && let Some(last) = self.activities.insert(handle.owner.clone(), handle.id.clone())
        {
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
                Kind::Transfer { .. } => session.is_some(),
                Kind::Invite { .. } => policies.invite_outlives_session || session.is_some(),
            });
            if !stands {
                self.remove(&id);
            }
        }
    }
}

/// The `gameTypes` of a handle: no platform registration is known.
const GAME_TYPES: &str = "{}";
