//! Making, showing, following and deleting handles.

use super::access::{NO_ACCESS, Visitor, Way};
use super::handle::{Handle, Kind};
use super::order::{Order, OrderKind};
use super::people::Caller;
use super::query::Includes;
use super::refusal::Refusal;
use super::session::{Presence, Session};
use super::write::bytes;
use super::{Desk, Target, check_reference, reply};
use crate::clock::after;
use crate::exchange::Call;
use crate::message::Response;
use crate::mpsd::name::{SessionRef, is_guid};
use crate::mpsd::{Operation, ParamName};

impl Desk<'_> {
    /// Makes a handle.
    pub(super) fn create_handle(&mut self, call: &Call, caller: Caller) -> Result<Response, Refusal> {
        let order = Order::read(bytes(call)?)?;
        let includes = Includes::of(call, &self.settings.policies)?;
        self.store.people.settle(&caller)?;
        let made_up = order.name.is_none();
        let target = self.target_of(&order, &caller)?;
        if self.settings.template(&target.template).is_none() {
            return Err(Refusal::NotFound(super::read::NO_TEMPLATE));
        }
        let mut session = self.session(&target.key());
        if !made_up {
            self.may_make(&order.kind, session.as_ref(), &caller)?;
        }
        let handle = self.handle(order.kind, target, session.as_ref(), &caller)?;
        if let Some(session) = session.as_mut().filter(|_| !matches!(handle.kind, Kind::Invite { .. })) {
            session.change += 1;
            if matches!(handle.kind, Kind::Search { .. }) {
                session.search_handle = Some(handle.id.clone());
            }
            self.keep(&handle.target.key(), session.clone())?;
        }
        let shown = includes.item(&handle, session.as_ref());
        let mut response = reply::uncached(reply::json(self.settings.policies.handle_created_status, shown));
        response.headers.push("location", handle.path());
        response.headers.push("content-location", handle.path());
        self.invited(&handle, &caller.gamertag);
        self.store.handles.add(handle);
        Ok(response)
    }

    /// The handle itself.
    pub(super) fn show_handle(&self, operation: &Operation) -> Result<Response, Refusal> {
        Ok(reply::uncached(reply::json(200, self.find(operation)?.object().end())))
    }

    /// Drops a handle; only its maker may, in the title it was made in.
    pub(super) fn delete_handle(&mut self, operation: &Operation, caller: &Caller) -> Result<Response, Refusal> {
        let handle = self.find(operation)?;
        if handle.owner != caller.xuid || handle.title != caller.title {
            let status = self.settings.policies.foreign_handle_status;
            return Err(Refusal::Chosen(status, "The handle belongs to another user or title."));
        }
        if matches!(handle.kind, Kind::Search { .. }) {
            self.change(&handle.target.key(), |session| session.search_handle = None)?;
        }
        self.store.handles.remove(&handle.id);
        Ok(reply::uncached(reply::empty(self.settings.policies.handle_deleted_status)))
    }

    /// The session a handle stands for, and what the handle lets the caller do there.
    pub(super) fn dereference(&mut self, operation: &Operation, caller: &Caller) -> Result<Target, Refusal> {
        let handle = self.find(operation)?;
        let way = match &handle.kind {
            Kind::Activity => Way::Plain,
            Kind::Invite { .. } | Kind::Search { .. } => Way::Invite,
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
                let n = self.store.handles.next(&entity, self.now).ok_or(Refusal::Full)?;
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
            (OrderKind::Activity, _) => {
                let status = self.settings.policies.activity_refused_status;
                let is_active = member.is_some_and(|member| member.is_active());
                is_active.then_some(true).ok_or(Refusal::Chosen(status, "The caller is not active in the session."))?
            }
            (OrderKind::Invite { .. }, Some(session)) => member.is_some() && may_invite(session, caller),
            (OrderKind::Transfer { .. }, Some(session)) => {
                Visitor::new(caller, Way::Plain, session, &self.store.people, &self.settings.policies).may_read(session)
            }
            (OrderKind::Search { .. }, Some(session)) => {
                let is_accepted = member.is_some_and(|member| member.state != Presence::Reserved);
                is_accepted && self.may_advertise(session, caller)?
            }
            (OrderKind::Transfer { .. } | OrderKind::Search { .. }, None) => false,
            (OrderKind::Invite { .. }, None) => true,
        };
        is_allowed.then_some(()).ok_or(Refusal::Forbidden("The caller may not make this handle for the session."))
    }

    /// True when a member may have the session found by anybody; the session itself must allow that.
    fn may_advertise(&self, session: &Session, caller: &Caller) -> Result<bool, Refusal> {
        let policies = &self.settings.policies;
        if !session.can("searchable") {
            return Err(Refusal::Chosen(policies.not_searchable_status, "The session is not searchable."));
        }
        if session.search_handle.is_some() && !policies.search_handle_replaces {
            return Err(Refusal::conflict("The session has a search handle already."));
        }
        let needs_owner = policies.search_handle_needs_owner && session.can("hasOwners");
        Ok(!needs_owner || session.is_owner(&caller.xuid))
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
            OrderKind::Search { attributes } => Kind::Search { attributes },
            OrderKind::Activity => Kind::Activity,
        };
        let entity = format!("handle:{}:{}:{}", kind.name(), caller.xuid, target.key());
        let n = self.store.handles.next(&entity, self.now).ok_or(Refusal::Full)?;
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

fn may_invite(session: &Session, caller: &Caller) -> bool {
    let policies = session.constants.system.inner("ownershipPolicies");
    !session.can("hasOwners") || session.is_owner(&caller.xuid) || policies.flag("allowNonOwnerInviteHandles")
}
