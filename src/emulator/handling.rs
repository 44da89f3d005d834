//! Making, showing, following and deleting handles.

use super::access::{NO_ACCESS, Visitor, Way};
use super::handle::{Handle, Kind};
use super::people::Caller;
use super::refusal::Refusal;
use super::session::Session;
use super::write::bytes;
use super::{Desk, Target, caps, check_reference, reply};
use crate::clock::after;
use crate::exchange::Call;
use crate::json::{self, Doc, Node};
use crate::message::Response;
use crate::mpsd::bag::text_of;
use crate::mpsd::name::{SessionRef, is_guid};
use crate::mpsd::system::{Misfit, read_xuid};
use crate::mpsd::target::percent_encode;
use crate::mpsd::{Operation, ParamName};

/// A handle as its maker asks for it.
#[derive(Debug)]
struct Order {
    scid: String,
    template: String,
    /// `None`: the service makes the name up.
    name: Option<String>,
    kind: OrderKind,
}

#[derive(Debug)]
enum OrderKind {
    Activity,
    Invite { invited: String, attributes: String },
    Transfer { origin: SessionRef },
    Search,
}

impl Desk<'_> {
    /// Makes a handle.
    pub(super) fn create_handle(&mut self, call: &Call, caller: Caller) -> Result<Response, Refusal> {
        let order = Order::read(bytes(call)?)?;
        if matches!(order.kind, OrderKind::Search) {
            return Ok(Response::problem(501, "emulator-operation", "the emulator does not serve search handles"));
        }
        self.store.people.settle(&caller)?;
        let made_up = order.name.is_none();
        let target = self.target_of(&order, &caller)?;
        if self.settings.template(&target.template).is_none() {
            return Err(Refusal::NotFound(super::read::NO_TEMPLATE));
        }
        let session = self.session(&target.key());
        if !made_up {
            self.may_make(&order.kind, session.as_ref(), &caller)?;
        }
        let handle = self.handle(order.kind, target, session.as_ref(), &caller)?;
        if let Some(session) = session.filter(|_| !matches!(handle.kind, Kind::Invite { .. })) {
            let key = handle.target.key();
            self.keep(&key, Session { change: session.change + 1, ..session })?;
        }
        let mut response = reply::uncached(reply::json(201, handle.json()));
        response.headers.push("location", handle.path());
        response.headers.push("content-location", handle.path());
        self.invited(&handle, &caller.gamertag);
        self.store.handles.add(handle);
        Ok(response)
    }

    /// The handle itself.
    pub(super) fn show_handle(&self, operation: &Operation) -> Result<Response, Refusal> {
        Ok(reply::uncached(reply::json(200, self.find(operation)?.json())))
    }

    /// Drops a handle; only its maker may.
    pub(super) fn delete_handle(&mut self, operation: &Operation, caller: &Caller) -> Result<Response, Refusal> {
        let handle = self.find(operation)?;
        if handle.owner != caller.xuid {
            return Err(Refusal::Forbidden("The handle belongs to another user."));
        }
        self.store.handles.remove(&handle.id);
        Ok(reply::uncached(reply::empty(self.settings.policies.handle_deleted_status)))
    }

    /// The session a handle stands for, and what the handle lets the caller do there.
    pub(super) fn dereference(&mut self, operation: &Operation, caller: &Caller) -> Result<Target, Refusal> {
        let handle = self.find(operation)?;
        let way = match &handle.kind {
            Kind::Activity => Way::Plain,
            Kind::Invite { .. } => Way::Invite,
            Kind::Transfer { origin } => {
                let origin = self.session(&origin.key());
                if origin.is_none_or(|session| session.index_of(&caller.xuid).is_none()) {
                    return Err(Refusal::Forbidden(NO_ACCESS));
                }
                Way::Transfer
            }
        };
        Ok(Target { location: Some(handle.target.path()), reference: handle.target, way })
    }

    fn find(&self, operation: &Operation) -> Result<Handle, Refusal> {
        let id = operation.param(ParamName::Handle);
        if !is_guid(id) || id.bytes().all(|byte| matches!(byte, b'0' | b'-')) {
            return Err(Refusal::invalid("The path holds no valid handle id."));
        }
        self.store.handles.find(id, self.now).cloned().ok_or(Refusal::NotFound("There is no such handle."))
    }

    fn target_of(&mut self, order: &Order, caller: &Caller) -> Result<SessionRef, Refusal> {
        let name = match &order.name {
            Some(name) => name.clone(),
            None => {
                let entity = format!("name:{}:{}~{}", caller.xuid, order.scid, order.template).to_lowercase();
                let n = self.store.handles.next(&entity).ok_or(Refusal::Full)?;
                self.dice.guid(&entity, n)
            }
        };
        let target = SessionRef { scid: order.scid.clone(), template: order.template.clone(), name };
        match check_reference(&target) {
            true => Ok(target),
            false => Err(Refusal::invalid("The sessionRef cannot name a session.")),
        }
    }

    fn may_make(&self, kind: &OrderKind, session: Option<&Session>, caller: &Caller) -> Result<(), Refusal> {
        let member = session.and_then(|session| session.member(&caller.xuid));
        let is_allowed = match (kind, session) {
            (OrderKind::Activity, _) => member.is_some_and(|member| member.is_active()),
            (OrderKind::Invite { .. }, Some(session)) => member.is_some() && may_invite(session, caller),
            (OrderKind::Transfer { .. }, Some(session)) => {
                Visitor::new(caller, Way::Plain, session, &self.store.people, &self.settings.policies).may_read(session)
            }
            (OrderKind::Transfer { .. }, None) => false,
            (OrderKind::Invite { .. } | OrderKind::Search, _) => true,
        };
        is_allowed.then_some(()).ok_or(Refusal::Forbidden("The caller may not make this handle for the session."))
    }

    fn handle(
        &mut self,
        kind: OrderKind,
        target: SessionRef,
        session: Option<&Session>,
        caller: &Caller,
    ) -> Result<Handle, Refusal> {
        let kind = match kind {
            OrderKind::Invite { invited, attributes } => {
                let expires = after(self.now, self.settings.policies.invite_lifetime);
                Kind::Invite { invited, attributes, expires }
            }
            OrderKind::Transfer { origin } => Kind::Transfer { origin },
            OrderKind::Activity | OrderKind::Search => Kind::Activity,
        };
        let entity = format!("handle:{}:{}:{}", kind.name(), caller.xuid, target.key());
        let n = self.store.handles.next(&entity).ok_or(Refusal::Full)?;
        Ok(Handle {
            id: self.dice.guid(&entity, n),
            owner: caller.xuid.clone(),
            title: caller.title,
            target,
            created: self.now,
            invite_protocol: session.and_then(|session| session.constants.system.text("inviteProtocol")),
            kind,
        })
    }
}

impl Order {
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        let doc = Doc::parse(body).map_err(|error| Refusal::Invalid(format!("The request body is {error}.")))?;
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
            "transfer" => OrderKind::Transfer { origin: origin(root)? },
            "search" => OrderKind::Search,
            _ => return Err(Misfit::new("", "type", "is not one of its documented words").into()),
        };
        match name.is_none() && !matches!(kind, OrderKind::Activity) {
            true => Err(Misfit::new("sessionRef", "name", "is missing").into()),
            false => Ok(Self { scid, template, name, kind }),
        }
    }
}

fn may_invite(session: &Session, caller: &Caller) -> bool {
    let policies = session.constants.system.inner("ownershipPolicies");
    !session.can("hasOwners") || session.is_owner(&caller.xuid) || policies.flag("allowNonOwnerInviteHandles")
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
        if attributes.get(name).is_some_and(|value| value.kind() != json::Kind::String) {
            return Err(Misfit::new("inviteAttributes", name, "is not a string").into());
        }
    }
    let context = attributes.get("context").and_then(Node::str).unwrap_or_default();
    if percent_encode(&context).len() > caps::CONTEXT {
        return Err(Misfit::new("inviteAttributes", "context", "is too long").into());
    }
    Ok(OrderKind::Invite { invited, attributes: text_of(attributes) })
}

fn origin(root: Node<'_>) -> Result<SessionRef, Refusal> {
    let (scid, template, name) = reference_parts(root, "originSessionRef")?;
    let name = name.ok_or_else(|| Misfit::new("originSessionRef", "name", "is missing"))?;
    Ok(SessionRef { scid, template, name })
}

/// The parts of a session reference; the name may be missing.
fn reference_parts(root: Node<'_>, field: &str) -> Result<(String, String, Option<String>), Refusal> {
    let reference = root.get(field).ok_or_else(|| Misfit::new("", field, "is missing"))?;
    only(reference, field, &["scid", "templateName", "name"])?;
    let part = |name: &str| reference.get(name).and_then(Node::str).map(|text| text.into_owned());
    let scid = part("scid").filter(|scid| is_guid(scid));
    let scid = scid.ok_or_else(|| Misfit::new(field, "scid", "is not a GUID"))?;
    let template = part("templateName").ok_or_else(|| Misfit::new(field, "templateName", "is not a string"))?;
    if reference.get("name").is_some_and(|name| name.kind() != json::Kind::String) {
        return Err(Misfit::new(field, "name", "is not a string").into());
    }
    Ok((scid, template, part("name")))
}

/// Refuses anything but an object of these members, each at most once.
fn only(node: Node<'_>, place: &str, names: &[&str]) -> Result<(), Refusal> {
    if node.kind() != json::Kind::Object {
        return Err(Misfit::new("", if place.is_empty() { "at the root" } else { place }, "is not an object").into());
    }
    let mut seen = Vec::new();
    for (key, _) in node.members() {
        let name = key.str().unwrap_or_default();
        if !names.contains(&name.as_ref()) {
            return Err(Misfit::new(place, &name, "is not known").into());
        }
        if seen.contains(&name) {
            return Err(Misfit::new(place, &name, "is named twice").into());
        }
        seen.push(name);
    }
    Ok(())
}

/// What a handle request may hold; a made-up `id` stands in a documented sample and is ignored.
const ORDER_FIELDS: [&str; 8] =
    ["type", "version", "id", "sessionRef", "invitedXuid", "inviteAttributes", "originSessionRef", "searchAttributes"];
