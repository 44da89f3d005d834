//! Who a recorded player is, by what its own calls and their answers say of themselves; and who plays it now.

use std::collections::BTreeSet;
use std::str::FromStr;

use thiserror::Error;

use super::tape::{Take, Tape};
use crate::json::{Doc, Node};
use crate::message::Body;
use crate::mpsd::Op;
use crate::mpsd::name::is_xuid;
use crate::slot::Class;

/// Who plays a recorded player, told before it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The lane's name.
    pub player: String,
    /// Its xuid now.
    pub xuid: String,
    /// Its gamertag now.
    pub gamertag: Option<String>,
    /// Its device token now.
    pub device: Option<String>,
}

/// Why nobody can be introduced as a player.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Unknown {
    #[error("{player} is no player of this cassette; its players are {players}")]
    Player { player: String, players: String },
    #[error("the cassette does not tell {player}'s {what}: no call of that player, and no answer to one, says it")]
    Untold { player: String, what: &'static str },
    #[error("{player} has more than one {what} in the cassette: {values}; were two players recorded as one?")]
    Several { player: String, what: &'static str, values: String },
    #[error("{player}'s {what} is another player's already")]
    Taken { player: String, what: &'static str },
}

/// A recorded value of a player and the live one, with what it is.
pub(super) type Trait = (&'static str, Class, String, String);

impl FromStr for Identity {
    type Err = String;

    /// `guest=2814000000000001`, then `,gamertag=…` and `,device=…` if they matter.
    fn from_str(text: &str) -> Result<Self, String> {
        let (player, values) = text.split_once('=').ok_or("write NAME=XUID, like guest=2814000000000001")?;
        let mut values = values.split(',');
        let xuid = values.next().filter(|xuid| is_xuid(xuid)).ok_or("an xuid is a decimal number")?.to_owned();
        let mut identity = Self { player: player.to_owned(), xuid, gamertag: None, device: None };
        for pair in values {
            let (key, value) = pair.split_once('=').ok_or("write gamertag=… and device=… behind the xuid")?;
            if value.is_empty() || value.chars().count() > LONGEST || value.chars().any(char::is_control) {
                return Err(format!("a {key} has 1 to {LONGEST} characters"));
            }
            match key {
                "gamertag" => identity.gamertag = Some(value.to_owned()),
                "device" => identity.device = Some(value.to_owned()),
                _ => return Err("behind the xuid there may be gamertag=… and device=…".to_owned()),
            }
        }
        Ok(identity)
    }
}

impl Identity {
    /// What is to be bound for it.
    pub(super) fn traits(&self, tape: &Tape) -> Result<Vec<Trait>, Unknown> {
        let player = || self.player.clone();
        let players = || tape.lanes().join(", ");
        let lane = tape.lanes().iter().position(|lane| *lane == self.player);
        let lane = lane.ok_or_else(|| Unknown::Player { player: player(), players: players() })?;
        let only = |what: &'static str, found: BTreeSet<String>| match found.len() {
            0 => Err(Unknown::Untold { player: player(), what }),
            1 => Ok(found.into_iter().collect::<String>()),
            _ => {
                let values = found.into_iter().collect::<Vec<_>>().join(", ");
                Err(Unknown::Several { player: player(), what, values })
            }
        };
        let xuid = only("xuid", xuids(tape, lane))?;
        let mut traits = vec![("xuid", Class::Xuid, xuid.clone(), self.xuid.clone())];
        for (what, class, key, live) in [
            ("gamertag", Class::Gamertag, "gamertag", &self.gamertag),
            ("device token", Class::DeviceToken, "deviceToken", &self.device),
        ] {
            if let Some(live) = live {
                traits.push((what, class, only(what, shown(tape, &xuid, key))?, live.clone()));
            }
        }
        Ok(traits)
    }
}

/// What a player's calls say its xuid is; or else whose member has what only the player itself writes.
fn xuids(tape: &Tape, lane: usize) -> BTreeSet<String> {
    let own = || tape.takes().iter().filter(|take| take.lane == lane);
    let said: BTreeSet<String> = own().flat_map(said).collect();
    if said.is_empty() { own().flat_map(recognised).collect() } else { said }
}

/// The xuids a call and its answer call the caller's own (mpsd-wire 4.4, 4.7, 5.1).
fn said(take: &Take) -> Vec<String> {
    let (asked, answered) = docs(take);
    let (asked, answered) = (asked.as_ref().map(Doc::root), answered.as_ref().map(Doc::root));
    let xuids = match take.op() {
        Some(Op::SessionPut | Op::HandleSessionPut | Op::SessionGet | Op::HandleSessionGet) => {
            [asked.and_then(me).and_then(xuid), answered.and_then(me).and_then(xuid)]
        }
        Some(Op::MemberMePut) => [asked.and_then(xuid), answered.and_then(me).and_then(xuid)],
        Some(Op::MemberMeGet) => [None, answered.and_then(xuid)],
        Some(Op::HandleCreate) => {
            ["ownerXuid", "senderXuid"].map(|name| answered.and_then(|handle| handle.get(name)).and_then(text))
        }
        _ => [None, None],
    };
    xuids.into_iter().flatten().collect()
}

/// The xuid of the member that has the connection or the subscription which the caller has just written as its own.
fn recognised(take: &Take) -> Option<String> {
    let (asked, answered) = docs(take);
    let asked = asked.as_ref()?.root();
    let own = if take.op() == Some(Op::MemberMePut) { asked } else { me(asked)? };
    let marks = |member: Node<'_>| {
        let system = member.get("properties").and_then(|properties| properties.get("system"))?;
        let subscription = system.get("subscription").and_then(|subscription| subscription.get("id"));
        Some([system.get("connection"), subscription].map(|mark| mark.and_then(text).map(|mark| mark.to_lowercase())))
    };
    let written = marks(own)?;
    let is_own = |member: &Node<'_>| {
        let shown = marks(*member).unwrap_or_default();
        written.iter().zip(&shown).any(|(written, shown)| written.is_some() && written == shown)
    };
    members(answered.as_ref()?.root()).find(is_own).and_then(xuid)
}

/// What sessions show of the member with an xuid.
fn shown(tape: &Tape, own: &str, key: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for take in tape.takes().iter().filter(|take| take.op().is_some_and(Op::answers_session)) {
        let Some(answered) = docs(take).1 else { continue };
        let own = members(answered.root()).filter(|member| xuid(*member).as_deref() == Some(own));
        found.extend(own.filter_map(|member| text(member.get(key)?)).filter(|value| !value.is_empty()));
    }
    found
}

fn docs(take: &Take) -> (Option<Doc<'_>>, Option<Doc<'_>>) {
    (doc(&take.recorded.request.body), doc(&take.recorded.response.body))
}

fn doc(body: &Body) -> Option<Doc<'_>> {
    Doc::parse(body.decoded()?).ok()
}

fn members<'d>(session: Node<'d>) -> impl Iterator<Item = Node<'d>> {
    session.get("members").into_iter().flat_map(|members| members.members()).map(|(_, member)| member)
}

fn me<'d>(session: Node<'d>) -> Option<Node<'d>> {
    session.get("members")?.get("me")
}

fn xuid(member: Node<'_>) -> Option<String> {
    member.get("constants")?.get("system")?.get("xuid").and_then(text)
}

fn text(node: Node<'_>) -> Option<String> {
    node.str().map(|text| text.into_owned()).or_else(|| node.number().map(str::to_owned))
}

const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_written_in_one_line() {
        let read = |text: &str| text.parse::<Identity>();
        let guest = read("guest=2814000000000001,gamertag=Major Nelson,device=d1").unwrap();
        assert_eq!((guest.player.as_str(), guest.xuid.as_str()), ("guest", "2814000000000001"));
        assert_eq!((guest.gamertag.as_deref(), guest.device.as_deref()), (Some("Major Nelson"), Some("d1")));
        assert_eq!(read("player1=1").unwrap().gamertag, None);
        for wrong in
            ["guest", "guest=", "guest=x", "guest=1,", "guest=1,gamertag=", "guest=1,age=3", "guest=1,gamertag=a\nb"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
