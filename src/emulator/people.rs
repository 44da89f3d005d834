//! Who is calling: user hashes and the xuids behind them.
//!
//! Any `XBL3.0 x=<user hash>;<token>` is let in. A token of the form `xuid=2814…&gtg=Name&did=Device&tid=123&prv=254,255
//! &kind=user` (URL-encoded pairs, in any order, all of them optional) says who it stands for: xuid, gamertag, device,
//! title, privileges, and `user`, `server` or `expired`. One that begins like that and is wrong further on gets 401 and
//! the reason in `WWW-Authenticate`. What a token leaves open the [`Cast`] may say of its user hash.
//!
//! Every other token is opaque. The xuid of its user hash is the first one a request of that user states about itself
//! (`members.me.constants.system.xuid`, or an `xuid(…)` in a subscription to the user's own invites or friends); a
//! user who must be named before that gets one drawn from the hash. Once settled it stays, and another xuid stated
//! later is not believed.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::caps;
use super::cast::{Cast, Player, Ties, TokenKind};
use super::policy::Policies;
use super::refusal::Refusal;
use super::session::{Presence, Session};
use crate::dice::Dice;
use crate::exchange::{Call, user_hash};
use crate::mpsd::name::is_xuid;

/// The caller of one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Caller {
    /// The user hash.
    pub(super) hash: String,
    /// The xuid, settled or drawn.
    pub(super) xuid: String,
    /// The device: the address the request came from, unless the token names one.
    pub(super) device: String,
    /// The gamertag it joins under.
    pub(super) gamertag: String,
    /// The title it is in.
    pub(super) title: u64,
    /// What kind of caller it is.
    pub(super) principal: Principal,
    /// What its token or the cast says.
    stated: Player,
}

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Principal {
    /// A player.
    User,
    /// A server or service of the title.
    Server,
}

/// Everybody met so far.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct People {
    xuids: BTreeMap<String, String>,
    devices: BTreeMap<String, String>,
    /// Everybody known beforehand: a setting, no part of the state.
    #[serde(skip)]
    pub(super) cast: Arc<Cast>,
}

impl Caller {
    /// True unless the privileges are stated and multiplayer is not among them.
    pub(super) fn may_play(&self) -> bool {
        self.principal == Principal::Server
            || self.stated.privileges.as_ref().is_none_or(|privileges| privileges.contains(&MULTIPLAYER))
    }
}

impl People {
    /// The caller behind a request's token.
    pub(super) fn caller(&self, call: &Call, dice: Dice, policies: &Policies) -> Result<Caller, Refusal> {
        let authorization = call.request.headers.text("authorization").unwrap_or_default();
        let hash = user_hash(authorization).filter(|hash| !hash.is_empty()).ok_or(Refusal::Unauthenticated)?;
        let token = authorization.split_once(';').map_or("", |(_, token)| token);
        if token.is_empty() {
            return Err(Refusal::Unauthenticated);
        }
        let known = self.cast.users.get(hash).cloned().unwrap_or_default();
        let stated = claims(token).map_err(Refusal::BadToken)?.or(known);
        let principal = match stated.kind {
            None | Some(TokenKind::User) => Principal::User,
            Some(TokenKind::Server) => Principal::Server,
            Some(TokenKind::Expired) => return Err(Refusal::Unauthenticated),
        };
        let caller = Caller {
            hash: hash.to_owned(),
            xuid: drawn_xuid(hash, dice),
            device: stated.device.clone().unwrap_or_else(|| call.client.to_string()),
            gamertag: String::new(),
            title: stated.title.unwrap_or(policies.title_id),
            principal,
            stated,
        };
        Ok(self.recognised(caller, dice))
    }

    /// The caller under the xuid that has been settled meanwhile.
    pub(super) fn recognised(&self, mut caller: Caller, dice: Dice) -> Caller {
        let settled = caller.stated.xuid.as_ref().or_else(|| self.xuids.get(&caller.hash));
        if let Some(xuid) = settled {
            caller.xuid.clone_from(xuid);
        }
        caller.gamertag = caller.stated.gamertag.clone().unwrap_or_else(|| gamertag(&caller.xuid, dice));
        caller
    }

    /// Believes what a caller states about itself, unless it is settled already.
    pub(super) fn learn(&mut self, caller: &mut Caller, stated: Option<String>, dice: Dice) -> Result<(), Refusal> {
        let is_settled = caller.stated.xuid.is_some() || self.xuids.contains_key(&caller.hash);
        let Some(xuid) = stated.filter(|_| !is_settled) else {
            return Ok(());
        };
        caller.xuid = xuid;
        self.settle(caller)?;
        *caller = self.recognised(caller.clone(), dice);
        Ok(())
    }

    /// Fixes the caller's xuid, because something is about to carry it, and notes the device.
    pub(super) fn settle(&mut self, caller: &Caller) -> Result<(), Refusal> {
        let is_full = self.xuids.len().max(self.devices.len()) >= caps::STORE;
        if is_full && !(self.xuids.contains_key(&caller.hash) && self.devices.contains_key(&caller.xuid)) {
            return Err(Refusal::Full);
        }
        self.xuids.insert(caller.hash.clone(), caller.xuid.clone());
        self.devices.insert(caller.xuid.clone(), caller.device.clone());
        Ok(())
    }

    /// The device a player was last seen on.
    pub(super) fn device(&self, xuid: &str) -> Option<&String> {
        self.devices.get(xuid)
    }

    /// The players a moniker of one player stands for; `None`: everybody there is.
    pub(super) fn follows(&self, moniker: &str, xuid: &str, policies: &Policies) -> Option<Vec<String>> {
        if self.cast.graph.is_none() && policies.everybody_follows {
            return None;
        }
        let ties = self.ties(xuid);
        let is_mutual =
            |other: &&String| self.ties(other).is_some_and(|ties| ties.follows.iter().any(|own| own == xuid));
        let list = match moniker.to_ascii_lowercase().as_str() {
            "people" => ties.map(|ties| ties.follows.clone()),
            "favorites" => ties.map(|ties| ties.favorites.clone()),
            "friends" => ties.map(|ties| ties.follows.iter().filter(is_mutual).cloned().collect()),
            _ => None,
        };
        Some(list.unwrap_or_default())
    }

    /// True when a member who has come follows the player.
    pub(super) fn is_followed_in(&self, session: &Session, xuid: &str, policies: &Policies) -> bool {
        let follows = |member: &str| {
            self.follows("people", member, policies).is_none_or(|list| list.iter().any(|other| other == xuid))
        };
        session.members.values().any(|member| member.state != Presence::Reserved && follows(&member.xuid))
    }

    /// True when an owner of the session keeps the player out.
    pub(super) fn is_blocked_in(&self, session: &Session, xuid: &str) -> bool {
        let blocks =
            |member: &str| self.ties(member).is_some_and(|ties| ties.blocked.iter().any(|other| other == xuid));
        let owners = session.properties.system.numbers("owners");
        owners.iter().filter_map(|index| session.members.get(index)).any(|owner| blocks(&owner.xuid))
    }

    /// Refuses what a dump cannot have said.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        match self.xuids.values().chain(self.devices.keys()).all(|xuid| is_xuid(xuid)) {
            true => Ok(()),
            false => Err("a player has an impossible xuid"),
        }
    }

    fn ties(&self, xuid: &str) -> Option<&Ties> {
        self.cast.graph.as_ref()?.get(xuid)
    }
}

/// A made-up gamertag, at most 15 characters.
pub(super) fn gamertag(xuid: &str, dice: Dice) -> String {
    format!("Player{:09}", dice.number(&format!("gamertag:{xuid}"), 0) % 1_000_000_000)
}

/// 16 digits in the range real xuids come from.
fn drawn_xuid(hash: &str, dice: Dice) -> String {
    format!("2814{:012}", dice.number(&format!("xuid:{hash}"), 0) % 1_000_000_000_000)
}

/// What a token says about its bearer: nothing, unless it begins as the documented form does.
fn claims(token: &str) -> Result<Player, String> {
    match CLAIMS.iter().any(|claim| token.starts_with(claim)) {
        true => Player::read(token),
        false => Ok(Player::default()),
    }
}

const CLAIMS: [&str; 6] = ["xuid=", "gtg=", "did=", "tid=", "prv=", "kind="];

/// The privilege to play with others.
const MULTIPLAYER: u32 = 254;
