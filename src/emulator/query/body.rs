//! The body of `POST /handles/query`, read into types.

use crate::emulator::form::{only, scan, text, xuids};
use crate::emulator::policy::Policies;
use crate::emulator::refusal::Refusal;
use crate::emulator::search::{Filter, Order};
use crate::json::{Kind, Node};
use crate::mpsd::name::is_guid;
use crate::mpsd::system::{Misfit, read_xuid};

/// What a query looks for.
#[derive(Debug)]
pub(super) enum Query {
    /// What players are doing.
    Activity {
        /// Only in this service configuration.
        scid: Option<String>,
        /// Whose activities.
        owners: Players,
    },
    /// Sessions to join.
    Search(Box<Search>),
}

/// A search, read.
#[derive(Debug)]
pub(super) struct Search {
    /// Only in this service configuration.
    pub(super) scid: Option<String>,
    /// Only of this template.
    pub(super) template: Option<String>,
    /// What must hold.
    pub(super) filter: Option<Filter>,
    /// What comes first.
    pub(super) order: Order,
    /// Only sessions one of these is in.
    pub(super) members: Option<Players>,
}

/// A group of players.
#[derive(Debug)]
pub(super) enum Players {
    /// By name.
    Named(Vec<String>),
    /// Those on one of a player's lists.
    List {
        /// The list.
        moniker: String,
        /// Whose list.
        xuid: String,
    },
}

impl Query {
    /// Reads a body.
    pub(super) fn read(body: &[u8], policies: &Policies) -> Result<Self, Refusal> {
        let doc = scan(body)?;
        let root = doc.root();
        only(root, "", &FIELDS)?;
        let scid = text(root, "scid")?;
        if scid.as_ref().is_some_and(|scid| !is_guid(scid)) {
            return Err(Misfit::new("", "scid", "is not a GUID").into());
        }
        match root.get("type").and_then(Node::str).unwrap_or_default().to_ascii_lowercase().as_str() {
            "activity" => {
                let owners = players(root, "owners")?;
                let owners = owners.ok_or_else(|| Misfit::new("", "owners", "is missing"))?;
                Ok(Self::Activity { scid, owners })
            }
            "search" => {
                let filter = text(root, "filter")?.filter(|filter| !filter.trim().is_empty());
                Ok(Self::Search(Box::new(Search {
                    scid,
                    template: text(root, "templateName")?,
                    filter: filter.map(|filter| Filter::parse(&filter, policies)).transpose()?,
                    order: Order::read(text(root, "orderBy")?.as_deref())?,
                    members: players(root, "sessionMembers")?,
                })))
            }
            _ => Err(Misfit::new("", "type", "is neither activity nor search").into()),
        }
    }
}

/// Players by exactly one of two ways.
fn players(root: Node<'_>, field: &'static str) -> Result<Option<Players>, Refusal> {
    let Some(node) = root.get(field).filter(|node| node.kind() != Kind::Null) else {
        return Ok(None);
    };
    only(node, field, &["xuids", "people"])?;
    match (node.get("xuids"), node.get("people")) {
        (Some(named), None) => Ok(Some(Players::Named(xuids(named, field)?))),
        (None, Some(people)) => {
            only(people, field, &["moniker", "monikerXuid"])?;
            let moniker = people.get("moniker").and_then(Node::str).unwrap_or_default().to_ascii_lowercase();
            if !MONIKERS.contains(&moniker.as_str()) {
                return Err(Misfit::new(field, "people.moniker", "is not one of its documented words").into());
            }
            let xuid = people.get("monikerXuid").and_then(read_xuid);
            let xuid = xuid.ok_or_else(|| Misfit::new(field, "people.monikerXuid", "is not an xuid"))?;
            Ok(Some(Players::List { moniker, xuid }))
        }
        _ => Err(Misfit::new("", field, "must hold either xuids or people").into()),
    }
}

/// What documents and clients put into a query; those without a meaning here are let pass.
const FIELDS: [&str; 13] = [
    "type",
    "version",
    "scid",
    "owners",
    "templateName",
    "global",
    "filter",
    "orderBy",
    "sessionMembers",
    "sessionOwners",
    "followed",
    "includeScheduled",
    "communicatePermissionRequired",
];

const MONIKERS: [&str; 3] = ["people", "favorites", "friends"];
