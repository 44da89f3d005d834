//! Who is calling: user hashes and the xuids behind them.
//!
//! A token is opaque here. The xuid of a user hash is the first one a request of that user states about itself
//! (`members.me.constants.system.xuid`); a user who must be named before that gets one drawn from the hash. Once
//! settled it stays, and another xuid stated later is not believed.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::policy;
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
    /// The address the request came from; it stands for the device.
    pub(super) device: IpAddr,
}

/// Everybody met so far.
#[derive(Debug, Default)]
pub(super) struct People {
    xuids: BTreeMap<String, String>,
    devices: BTreeMap<String, IpAddr>,
}

impl People {
    /// The caller behind a request's token.
    pub(super) fn caller(&self, call: &Call, dice: Dice) -> Result<Caller, Refusal> {
        let authorization = call.request.headers.text("authorization");
        let hash = authorization.and_then(user_hash).ok_or(Refusal::Unauthenticated)?;
        let xuid = self.xuids.get(hash).cloned().unwrap_or_else(|| drawn_xuid(hash, dice));
        Ok(Caller { hash: hash.to_owned(), xuid, device: call.client })
    }

    /// Believes what a caller states about itself, unless it is settled already.
    pub(super) fn learn(&mut self, caller: &mut Caller, stated: Option<String>) -> Result<(), Refusal> {
        let Some(xuid) = stated.filter(|_| !self.xuids.contains_key(&caller.hash)) else {
            return Ok(());
        };
        caller.xuid = xuid;
        self.settle(caller)
    }

    /// Fixes the caller's xuid, because something is about to carry it, and notes the device.
    pub(super) fn settle(&mut self, caller: &Caller) -> Result<(), Refusal> {
        if self.xuids.len() >= policy::STORE_LIMIT && !self.xuids.contains_key(&caller.hash) {
            return Err(Refusal::Full);
        }
        self.xuids.insert(caller.hash.clone(), caller.xuid.clone());
        self.devices.insert(caller.xuid.clone(), caller.device);
        Ok(())
    }

    /// The device a player was last seen on.
    pub(super) fn device(&self, xuid: &str) -> Option<IpAddr> {
        self.devices.get(xuid).copied()
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
