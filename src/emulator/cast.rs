//! The players a user of the emulator sets up: who a user hash is, and who follows whom.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::mpsd::name::is_xuid;
use crate::mpsd::target::percent_decode;

/// Everybody known beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cast {
    /// Players by user hash.
    pub users: BTreeMap<String, Player>,
    /// The social graph by xuid; without one the policy `everybody-follows` decides.
    pub graph: Option<BTreeMap<String, Ties>>,
}

/// What is known about the bearer of a token. What is not stated is made up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Player {
    /// The xuid.
    pub xuid: Option<String>,
    /// The gamertag.
    pub gamertag: Option<String>,
    /// The device id.
    pub device: Option<String>,
    /// The title id.
    pub title: Option<u64>,
    /// The privileges; all of them when not stated.
    pub privileges: Option<Vec<u32>>,
    /// What the token is good for.
    pub kind: Option<TokenKind>,
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenKind {
    /// Stands for a player.
    User,
    /// Stands for a server or service of the title.
    Server,
    /// For nothing: every call with it gets 401.
    Expired,
}

/// A player's own lists of xuids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ties {
    /// Whom the player follows.
    pub follows: Vec<String>,
    /// Whom of them it marked.
    pub favorites: Vec<String>,
    /// Whom it keeps out of sessions it owns.
    pub blocked: Vec<String>,
}

impl Cast {
    /// The first thing wrong with it, by field.
    pub fn fault(&self) -> Option<String> {
        let users = self.users.iter().filter(|(_, player)| player.xuid.as_ref().is_some_and(|xuid| !is_xuid(xuid)));
        let mut faults = users.map(|(hash, _)| format!("users.{hash}.xuid is not an xuid"));
        faults.next().or_else(|| self.graph.iter().flatten().find_map(|(xuid, ties)| ties.fault(xuid)))
    }
}

impl Ties {
    fn fault(&self, xuid: &str) -> Option<String> {
        if !is_xuid(xuid) {
            return Some(format!("graph.{xuid} is not an xuid"));
        }
        [("follows", &self.follows), ("favorites", &self.favorites), ("blocked", &self.blocked)]
            .into_iter()
            .find(|(_, list)| !list.iter().all(|xuid| is_xuid(xuid)))
            .map(|(name, _)| format!("graph.{xuid}.{name} holds something that is not an xuid"))
    }
}

impl Player {
    /// Reads URL-encoded pairs: `xuid=…&gtg=…&did=…&tid=…&prv=254,255&kind=user`, each at most once.
    ///
    /// # Errors
    /// What is wrong, by key.
    pub fn read(pairs: &str) -> Result<Self, String> {
        let mut player = Self::default();
        for pair in pairs.split('&') {
            let (key, value) = pair.split_once('=').ok_or("a pair has no =")?;
            player.set(key, &percent_decode(value))?;
        }
        Ok(player)
    }

    /// What it states, and where it states nothing what another does.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            xuid: self.xuid.or(other.xuid),
            gamertag: self.gamertag.or(other.gamertag),
            device: self.device.or(other.device),
            title: self.title.or(other.title),
            privileges: self.privileges.or(other.privileges),
            kind: self.kind.or(other.kind),
        }
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let wrong = || format!("{key} is not what it should be");
        let is_text = (1..=MAX_TEXT).contains(&value.chars().count()) && !value.chars().any(char::is_control);
        let text = || is_text.then(|| value.to_owned()).ok_or_else(wrong);
        let is_new = match key {
            "xuid" if !is_xuid(value) => return Err(wrong()),
            "xuid" => self.xuid.replace(value.to_owned()).is_none(),
            "gtg" => self.gamertag.replace(text()?).is_none(),
            "did" => self.device.replace(text()?).is_none(),
            "tid" => self.title.replace(value.parse().map_err(|_| wrong())?).is_none(),
            "prv" => self.privileges.replace(numbers(value).ok_or_else(wrong)?).is_none(),
            "kind" => self.kind.replace(kind(value).ok_or_else(wrong)?).is_none(),
            _ => return Err("a key is none of xuid, gtg, did, tid, prv, kind".to_owned()),
        };
        is_new.then_some(()).ok_or_else(|| format!("{key} stands twice"))
    }
}

/// Numbers between commas or spaces; none at all is an empty list.
fn numbers(text: &str) -> Option<Vec<u32>> {
    text.split([',', ' ']).filter(|number| !number.is_empty()).map(|number| number.parse().ok()).collect()
}

fn kind(text: &str) -> Option<TokenKind> {
    match text {
        "user" => Some(TokenKind::User),
        "server" => Some(TokenKind::Server),
        "expired" => Some(TokenKind::Expired),
        _ => None,
    }
}

/// Longest gamertag and device id, in characters.
const MAX_TEXT: usize = 100;
