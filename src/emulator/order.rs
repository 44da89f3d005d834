//! A handle as its maker asks for it: the body of `POST /handles`, read into types (mpsd-behaviour §2.1).

use super::caps;
use super::form::{only, reference, reference_parts, scan};
use super::refusal::Refusal;
use super::search;
use crate::json::{Kind, Node};
use crate::mpsd::bag::text_of;
use crate::mpsd::name::SessionRef;
use crate::mpsd::system::{Misfit, read_xuid};
use crate::mpsd::target::percent_encode;

/// A handle as its maker asks for it.
#[derive(Debug)]
pub(super) struct Order {
    /// The service configuration.
    pub(super) scid: String,
    /// The template.
    pub(super) template: String,
    /// `None`: the service makes the name up.
    pub(super) name: Option<String>,
    /// What it is for.
    pub(super) kind: OrderKind,
}

/// What is asked of it.
#[derive(Debug)]
pub(super) enum OrderKind {
    Activity,
    Invite { invited: String, attributes: String },
    Transfer { origin: SessionRef },
    Search { attributes: String },
}

impl Order {
    /// Reads a body.
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        if body.len() > caps::HANDLE {
            return Err(Refusal::invalid("The request body is too long for a handle."));
        }
        let doc = scan(body)?;
        let root = doc.root();
        only(root, "", &ORDER_FIELDS)?;
        if root.get("version").is_some_and(|version| version.number() != Some("1")) {
            return Err(Misfit::new("", "version", "is not 1").into());
        }
        let (scid, template, name) = reference_parts(root, "sessionRef")?;
        let order_type = root.get("type").and_then(Node::str).unwrap_or_default().to_ascii_lowercase();
        let kind = match order_type.as_str() {
            "activity" => OrderKind::Activity,
            "invite" => invite(root)?,
            "transfer" => OrderKind::Transfer { origin: reference(root, "originSessionRef")? },
            "search" => OrderKind::Search { attributes: search::attributes(root.get("searchAttributes"))? },
            _ => return Err(Misfit::new("", "type", "is not one of its documented words").into()),
        };
        match name.is_none() && !matches!(kind, OrderKind::Activity) {
            true => Err(Misfit::new("sessionRef", "name", "is missing").into()),
            false => Ok(Self { scid, template, name, kind }),
        }
    }
}

fn invite(root: Node<'_>) -> Result<OrderKind, Refusal> {
    let invited = root.get("invitedXuid").and_then(read_xuid);
    let invited = invited.ok_or_else(|| Misfit::new("", "invitedXuid", "is not an xuid"))?;
    let Some(attributes) = root.get("inviteAttributes") else {
        return Ok(OrderKind::Invite { invited, attributes: "{}".to_owned() });
    };
    only(attributes, "inviteAttributes", &["titleId", "context", "contextString", "senderString"])?;
    let title = attributes.get("titleId");
    let is_title = |node: Node<'_>| {
        let text = node.str().or_else(|| node.number().map(Into::into));
        text.is_some_and(|text| text.parse::<u32>().is_ok())
    };
    if title.is_some_and(|title| !is_title(title)) {
        return Err(Misfit::new("inviteAttributes", "titleId", "is not a title id").into());
    }
    for name in ["context", "contextString", "senderString"] {
        if attributes.get(name).is_some_and(|value| value.kind() != Kind::String) {
            return Err(Misfit::new("inviteAttributes", name, "is not a string").into());
        }
    }
    let context = attributes.get("context").and_then(Node::str).unwrap_or_default();
    if percent_encode(&context).len() > caps::CONTEXT {
        return Err(Misfit::new("inviteAttributes", "context", "is too long").into());
    }
    Ok(OrderKind::Invite { invited, attributes: text_of(attributes) })
}

/// What a handle request may hold; a made-up `id` stands in a documented sample and is ignored.
const ORDER_FIELDS: [&str; 8] =
    ["type", "version", "id", "sessionRef", "invitedXuid", "inviteAttributes", "originSessionRef", "searchAttributes"];
