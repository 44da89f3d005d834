//! Who is calling: user hashes and the xuids behind them.
//!
//! A token is opaque here. The xuid of a user hash is the first one a request of that user states about itself
//! (`members.me.constants.system.xuid`); a user who must be named before that gets one drawn from the hash. Once
//! settled it stays, and another xuid stated later is not believed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::caps;
use super::policy::Policies;
use super::refusal::Refusal;
use crate::dice::Dice;
use crate::exchange::{Call, user_hash};

/// The caller of one request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The user hash.
    hash: String,
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
}

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Principal {
    /// A player.
    User,
    /// A server or service of the title.
    Server,
}

/// Everybody met so far.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct People {
    xuids: BTreeMap<String, String>,
    devices: BTreeMap<String, String>,
}

impl People {
    /// The caller behind a request's token.
    pub(super) fn caller(&self, call: &Call, dice: Dice, policies: &Policies) -> Result<Caller, Refusal> {
        let authorization = call.request.headers.text("authorization");
        let hash = authorization.and_then(user_hash).ok_or(Refusal::Unauthenticated)?;
        let xuid = self.xuids.get(hash).cloned().unwrap_or_else(|| drawn_xuid(hash, dice));
        Ok(Caller {
            hash: hash.to_owned(),
            gamertag: gamertag(&xuid, dice),
            xuid,
            device: call.client.to_string(),
            title: policies.title_id,
            principal: Principal::User,
        })
    }

    /// Believes what a caller states about itself, unless it is settled already.
    pub(super) fn learn(&mut self, caller: &mut Caller, stated: Option<String>, dice: Dice) -> Result<(), Refusal> {
        let Some(xuid) = stated.filter(|_| !self.xuids.contains_key(&caller.hash)) else {
            return Ok(());
        };
        caller.gamertag = gamertag(&xuid, dice);
        caller.xuid = xuid;
        self.settle(caller)
    }

    /// Fixes the caller's xuid, because something is about to carry it, and notes the device.
    pub(super) fn settle(&mut self, caller: &Caller) -> Result<(), Refusal> {
        if self.xuids.len() >= caps::STORE && !self.xuids.contains_key(&caller.hash) {
            return Err(Refusal::Full);
        }
        self.xuids.insert(caller.hash.clone(), caller.xuid.clone());
        self.devices.insert(caller.xuid.clone(), caller.device.clone());
        Ok(())
    }

    /// Whom one of a player's lists holds; `None` for everybody known.
    pub(super) fn follows(&self, _moniker: &str, _xuid: &str, policies: &Policies) -> Option<Vec<String>> {
        if policies.everybody_follows { None } else { Some(Vec::new()) }
    }

    /// The device a player was last seen on.
    pub(super) fn device(&self, xuid: &str) -> Option<&String> {
        self.devices.get(xuid)
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
