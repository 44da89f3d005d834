//! One match ticket: its request, its state, and how both look from outside.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::emulator::caps;
use crate::emulator::form::{only, reference, scan, text};
use crate::emulator::handle::reference_object;
use crate::emulator::object::Object;
use crate::emulator::refusal::Refusal;
use crate::emulator::session::{Presence, Server, Session};
use crate::json::{Kind, Node};
use crate::mpsd::bag::{Custom, text_of};
use crate::mpsd::name::SessionRef;
use crate::mpsd::system::Misfit;

/// One ticket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Ticket {
    /// Its GUID, lower-case.
    pub(super) id: String,
    /// The xuid of who made it.
    pub(super) owner: String,
    /// Where it waits.
    pub(super) hopper: Hopper,
    /// What it asks.
    pub(super) request: Request,
    /// When it gives up.
    pub(super) expires: Timestamp,
    /// How far it has come.
    pub(super) status: Status,
    /// Who is to be matched, as last looked.
    pub(super) players: Vec<Player>,
    /// The session it led to.
    pub(super) target: Option<SessionRef>,
}

/// A queue of tickets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Hopper {
    /// The service configuration.
    pub(super) scid: String,
    /// The name within it.
    pub(super) name: String,
}

/// What a ticket asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// How long to search, in seconds.
    pub(super) give_up: u32,
    /// Whether the players' own session becomes the match.
    pub(super) preserve: Preserve,
    /// The session the players are in.
    pub(super) session: SessionRef,
    /// `ticketAttributes` as sent.
    pub(super) attributes: String,
}

/// What `preserveSession` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Preserve {
    /// Others are matched into the ticket session.
    Always,
    /// All go to a new session.
    Never,
}

/// How far a ticket has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Status {
    /// It waits.
    Searching,
    /// It led to a session.
    Found,
    /// Nobody came in time.
    Expired,
    /// It was taken back.
    Canceled,
}

/// Somebody to be matched.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Player {
    /// Who it is.
    pub(super) xuid: String,
    /// `matchAttrs` of the member's custom properties.
    pub(super) attributes: String,
}

impl Hopper {
    /// The form equal hoppers share.
    pub(super) fn key(&self) -> String {
        format!("{}~{}", self.scid, self.name).to_lowercase()
    }
}

impl Request {
    /// Reads a body. The names of documents that no client sends must at least be right.
    pub(super) fn read(body: &[u8], hopper: &Hopper) -> Result<Self, Refusal> {
        if body.len() > caps::HANDLE {
            return Err(Refusal::invalid("The request body is too long for a ticket."));
        }
        let doc = scan(body)?;
        let root = doc.root();
        only(root, "", &FIELDS)?;
        let stated = [("serviceConfig", &hopper.scid), ("hopperName", &hopper.name)];
        for (field, own) in stated {
            if text(root, field)?.is_some_and(|stated| stated.to_lowercase() != own.to_lowercase()) {
                return Err(Misfit::new("", field, "is not that of the path").into());
            }
        }
        let give_up = root.get("giveUpDuration").and_then(Node::number).and_then(|number| number.parse().ok());
        let give_up = give_up.filter(|seconds| i32::try_from(*seconds).is_ok());
        let session = reference(root, "ticketSessionRef")?;
        if !session.scid.eq_ignore_ascii_case(&hopper.scid) {
            return Err(Misfit::new("ticketSessionRef", "scid", "is not that of the path").into());
        }
        Ok(Self {
            give_up: give_up.ok_or_else(|| Misfit::new("", "giveUpDuration", "is not a number of seconds"))?,
            preserve: preserve(root)?,
            session,
            attributes: attributes(root)?,
        })
    }
}

fn preserve(root: Node<'_>) -> Result<Preserve, Refusal> {
    match root.get("preserveSession").and_then(Node::str).unwrap_or_default().to_ascii_lowercase().as_str() {
        "always" => Ok(Preserve::Always),
        "never" => Ok(Preserve::Never),
        _ => Err(Misfit::new("", "preserveSession", "is neither always nor never").into()),
    }
}

fn attributes(root: Node<'_>) -> Result<String, Refusal> {
    match root.get("ticketAttributes").filter(|node| node.kind() != Kind::Null) {
        None => Ok("{}".to_owned()),
        Some(node) if node.kind() == Kind::Object => Ok(text_of(node)),
        Some(_) => Err(Misfit::new("", "ticketAttributes", "is not an object").into()),
    }
}

impl Ticket {
    /// The ticket as its owner reads it.
    pub(super) fn json(&self, wait: u64) -> Vec<u8> {
        let mut out = Object::new();
        out.text("ticketStatus", self.status.word());
        out.number("waitTime", wait);
        out.text("preserveSession", self.request.preserve.word());
        out.object("ticketSessionRef", reference_object(&self.request.session));
        if let Some(target) = &self.target {
            out.object("targetSessionRef", reference_object(target));
        }
        out.raw("ticketAttributes", &self.request.attributes);
        let players: Vec<_> = self.players.iter().map(Player::json).collect();
        out.raw("players", [b"[".as_slice(), &players.join(&b','), b"]"].concat());
        out.end()
    }

    /// What the ticket session says about it, under `servers.matchmaking`.
    pub(super) fn server(&self, wait: u64) -> Server {
        let mut system = Object::new();
        system.text("status", self.status.word());
        system.text("statusDetails", "");
        system.number("typicalWait", wait);
        if let Some(target) = &self.target {
            system.object("targetSessionRef", reference_object(target));
        }
        let mut custom = Object::new();
        custom.text("ticketScid", &self.hopper.scid);
        custom.text("ticketHopperName", &self.hopper.name);
        custom.text("ticketId", &self.id);
        let mut server = Server::default();
        server.properties.system = system.into_fields();
        server.properties.custom = Custom::Object(custom.into_fields());
        server
    }
}

impl Player {
    /// Everybody who has come to a session, in member order.
    pub(super) fn all_of(session: &Session) -> Vec<Self> {
        let accepted = session.members.values().filter(|member| member.state != Presence::Reserved);
        let player = |custom: &Custom| match custom {
            Custom::Object(fields) => fields.raw("matchAttrs").unwrap_or("{}").to_owned(),
            Custom::Other(_) => "{}".to_owned(),
        };
        accepted
            .map(|member| Self { xuid: member.xuid.clone(), attributes: player(&member.properties.custom) })
            .collect()
    }

    /// The `custom` constants the player is matched with.
    pub(super) fn result(&self, ticket: &Ticket) -> Custom {
        let mut result = Object::new();
        result.raw("playerAttrs", &self.attributes);
        result.raw("ticketAttrs", &ticket.request.attributes);
        let mut custom = Object::new();
        custom.object("matchmakingResult", result);
        Custom::Object(custom.into_fields())
    }

    fn json(&self) -> Vec<u8> {
        let mut out = Object::new();
        out.text("xuid", &self.xuid);
        out.raw("playerAttrs", &self.attributes);
        out.end()
    }
}

impl Preserve {
    fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Searching => "searching",
            Self::Found => "found",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
        }
    }
}

const FIELDS: [&str; 6] =
    ["serviceConfig", "hopperName", "giveUpDuration", "preserveSession", "ticketSessionRef", "ticketAttributes"];
