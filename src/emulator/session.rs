//! A stored session: its document as facts, and the views everything else reads it through.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::caps;
use super::stage::{Episode, Qos};
use crate::mpsd::bag::{Bag, Fields};
use crate::mpsd::name::SessionRef;

/// One session. Two are equal when no caller could tell them apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Session {
    /// Its name, as first spelt.
    pub(super) reference: SessionRef,
    /// Scope of the change numbers; new when the session starts anew.
    pub(super) branch: String,
    /// The same for all lives of one name.
    pub(super) correlation: String,
    /// Rises by one with every change; 0 until it is first stored.
    pub(super) change: u64,
    /// When this life began.
    pub(super) started: Timestamp,
    /// Since when it has had no members.
    pub(super) empty_since: Option<Timestamp>,
    /// Fixed at creation; 107 names.
    pub(super) constants: Bag,
    /// Shared properties.
    pub(super) properties: Bag,
    /// What servers and services keep in the session, by name.
    pub(super) servers: BTreeMap<String, Server>,
    /// `roleTypes` without counts.
    pub(super) role_types: Fields,
    /// Members by index.
    pub(super) members: BTreeMap<u32, Member>,
    /// The index the next newcomer gets; indices are never used twice.
    pub(super) next: u32,
    /// The search handle that leads here.
    pub(super) search_handle: Option<String>,
    /// Players who were members and went of themselves, the last ones last: a locked session lets them back in.
    pub(super) left: Vec<String>,
    /// Unset timeouts of member initialization mean what they mean under contract 104 and 105.
    pub(super) old_defaults: bool,
    /// The member initialization that is under way, or that failed for good.
    pub(super) episode: Option<Episode>,
    /// How many episodes have begun.
    pub(super) episodes: u32,
    /// Device tokens of possible hosts, the best first.
    pub(super) host_candidates: Vec<String>,
}

/// What one server or service keeps in a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Server {
    /// Fixed when added.
    pub(super) constants: Bag,
    /// The server's own properties.
    pub(super) properties: Bag,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Member {
    /// Who it is.
    pub(super) xuid: String,
    /// The title the player is in.
    pub(super) title: u64,
    /// Whether the player has come yet.
    pub(super) state: Presence,
    /// When it was reserved, then when it joined.
    pub(super) joined: Timestamp,
    /// Since when it has stood as it stands.
    pub(super) since: Timestamp,
    /// What member initialization has made of it.
    pub(super) qos: Qos,
    /// Fixed when added.
    pub(super) constants: Bag,
    /// The member's own properties.
    pub(super) properties: Bag,
    /// Role by role type.
    pub(super) roles: Fields,
}

/// Whether a member is there by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Presence {
    /// A place kept by somebody else.
    Reserved,
    /// The player's own doing; known by this gamertag.
    Accepted(String),
}

/// What a member counts as (mpsd-behaviour §1.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Playing.
    Active,
    /// On the way to playing.
    Ready,
    /// Not come yet.
    Reserved,
    /// Neither.
    Inactive,
}

impl Member {
    /// A place kept for a player.
    pub(super) fn reserved(xuid: String, title: u64, now: Timestamp) -> Self {
        Self {
            xuid,
            title,
            state: Presence::Reserved,
            joined: now,
            since: now,
            qos: Qos::Apart,
            constants: Bag::default(),
            properties: Bag::default(),
            roles: Fields::default(),
        }
    }

    /// What it counts as.
    pub(super) fn standing(&self) -> Standing {
        if self.is_active() {
            Standing::Active
        } else if self.properties.system.flag("ready") {
            Standing::Ready
        } else if self.state == Presence::Reserved {
            Standing::Reserved
        } else {
            Standing::Inactive
        }
    }

    /// Takes back what it said of being there.
    pub(super) fn deactivate(&mut self) {
        self.properties.system.remove("active");
        self.properties.system.remove("ready");
    }

    /// True when the player says so.
    pub(super) fn is_active(&self) -> bool {
        self.properties.system.flag("active")
    }

    /// The token others know its device by.
    pub(super) fn device_token(&self) -> Option<String> {
        let address = self.properties.system.text("secureDeviceAddress").filter(|address| !address.is_empty())?;
        Some(device_token(&address))
    }
}

impl Session {
    /// The index of a player.
    pub(super) fn index_of(&self, xuid: &str) -> Option<u32> {
        self.members.iter().find(|(_, member)| member.xuid == xuid).map(|(index, _)| *index)
    }

    /// A player's membership.
    pub(super) fn member(&self, xuid: &str) -> Option<&Member> {
        self.members.values().find(|member| member.xuid == xuid)
    }

    /// True when a capability is set.
    pub(super) fn can(&self, capability: &str) -> bool {
        self.constants.system.inner("capabilities").flag(capability)
    }

    /// How many members it takes.
    pub(super) fn capacity(&self) -> usize {
        let unset = if self.can("large") { caps::LARGE_MEMBERS } else { caps::MEMBERS };
        let count = self.constants.system.number("maxMembersCount").unwrap_or(unset);
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// True when the player may do what owners may.
    pub(super) fn is_owner(&self, xuid: &str) -> bool {
        let owners = self.properties.system.numbers("owners");
        self.index_of(xuid).is_some_and(|index| owners.contains(&index))
    }

    /// The xuids of its owners.
    pub(super) fn owner_xuids(&self) -> Vec<String> {
        let owners = self.properties.system.numbers("owners");
        owners.iter().filter_map(|index| self.members.get(index)).map(|member| member.xuid.clone()).collect()
    }

    /// Its visibility as queries show it: an open session without room is `full`.
    pub(super) fn shown_visibility(&self) -> String {
        let visibility = self.constants.system.text("visibility").unwrap_or_else(|| "open".to_owned());
        match visibility == "open" && self.members.len() >= self.capacity() {
            true => "full".to_owned(),
            false => visibility,
        }
    }

    /// Adds a member at the end of the list.
    pub(super) fn add(&mut self, member: Member) -> u32 {
        let index = self.next;
        self.members.insert(index, member);
        self.next += 1;
        index
    }

    /// Lets a member go that may come back.
    pub(super) fn part(&mut self, index: u32) {
        let Some(member) = self.members.remove(&index).filter(|member| member.state != Presence::Reserved) else {
            return;
        };
        self.left.retain(|xuid| *xuid != member.xuid);
        self.left.push(member.xuid);
        if self.left.len() > caps::LEAVERS {
            self.left.remove(0);
        }
    }

    /// How many bytes its document takes, roughly.
    pub(super) fn weight(&self) -> usize {
        let member = |member: &Member| {
            member.constants.weight() + member.properties.weight() + member.roles.weight() + MEMBER_WEIGHT
        };
        let members: usize = self.members.values().map(member).sum();
        let servers: usize = self.servers.iter().map(|(name, server)| name.len() + server.weight()).sum();
        let lists: usize = self.left.iter().chain(&self.host_candidates).map(String::len).sum();
        let own = self.constants.weight() + self.properties.weight() + self.role_types.weight();
        own + members + servers + lists + SESSION_WEIGHT
    }
}

impl Server {
    fn weight(&self) -> usize {
        self.constants.weight() + self.properties.weight()
    }
}

/// The token that stands for a device's address.
pub(super) fn device_token(address: &str) -> String {
    use sha2::{Digest, Sha256};
    crate::dice::hex(&Sha256::digest(address.as_bytes())[..16])
}

/// What a member's metadata adds to its bags.
const MEMBER_WEIGHT: usize = 200;

/// What a session's metadata adds to its bags.
const SESSION_WEIGHT: usize = 500;
