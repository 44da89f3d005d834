//! Who may read, write and join: visibility, restrictions, closed and full (mpsd-behaviour §1.10).

use super::people::{Caller, People, Principal};
use super::policy::Policies;
use super::refusal::Refusal;
use super::session::Session;

/// How a caller came to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By its name, or an activity handle: the session's own rules decide.
    Plain,
    /// By an invite or search handle: into an open session whatever its restriction.
    Invite,
    /// By a transfer handle, as a member of its origin: the same, and past visibility.
    Transfer,
}

/// A caller in front of one session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visitor<'a> {
    /// Who it is.
    pub(super) xuid: &'a str,
    /// How it came.
    pub(super) way: Way,
    /// How near it is to the members.
    pub(super) nearness: Nearness,
    principal: Principal,
    /// Whether an owner keeps it out.
    is_blocked: bool,
    policies: &'a Policies,
}

/// The strictest restriction a visitor passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Nearness {
    /// None but `none`.
    Stranger,
    /// `followed`.
    Followed,
    /// `local`.
    Local,
}

impl<'a> Visitor<'a> {
    /// Places a caller: an active member on the same device makes it local.
    pub(super) fn new(
        caller: &'a Caller,
        way: Way,
        session: &Session,
        people: &People,
        policies: &'a Policies,
    ) -> Self {
        let is_beside = |xuid: &str| people.device(xuid) == Some(&caller.device);
        let nearness = if session.members.values().any(|member| member.is_active() && is_beside(&member.xuid)) {
            Nearness::Local
        } else if people.is_followed_in(session, &caller.xuid, policies) {
            Nearness::Followed
        } else {
            Nearness::Stranger
        };
        let is_blocked = people.is_blocked_in(session, &caller.xuid);
        Self { xuid: &caller.xuid, way, nearness, principal: caller.principal, is_blocked, policies }
    }

    /// A service of the emulator's own.
    pub(super) fn service(policies: &'a Policies) -> Self {
        let (way, nearness, principal) = (Way::Plain, Nearness::Local, Principal::Server);
        Self { xuid: "", way, nearness, principal, is_blocked: false, policies }
    }

    /// True for a server or service, which needs no membership.
    pub(super) fn is_server(&self) -> bool {
        self.principal == Principal::Server
    }

    /// True when the session may be shown.
    pub(super) fn may_read(&self, session: &Session) -> bool {
        if self.is_server() || session.index_of(self.xuid).is_some() || self.way == Way::Transfer {
            return true;
        }
        if self.may_return(session) {
            return true;
        }
        match visibility(session) {
            Visibility::Private => false,
            Visibility::Visible => self.passes(session, "readRestriction"),
            Visibility::Open => self.way == Way::Invite || self.passes(session, "readRestriction"),
        }
    }

    /// Allows a write by somebody who is not a member and does not become one.
    pub(super) fn may_write(&self, session: &Session) -> Result<(), Refusal> {
        if self.policies.nonmember_write { self.may_join(session) } else { Err(self.refusal(session)) }
    }

    /// Allows a newcomer in.
    pub(super) fn may_join(&self, session: &Session) -> Result<(), Refusal> {
        if self.may_return(session) {
            return Ok(());
        }
        let is_let_in = match self.way {
            Way::Plain => visibility(session) == Visibility::Open && self.passes(session, "joinRestriction"),
            Way::Invite => visibility(session) == Visibility::Open,
            Way::Transfer => true,
        };
        if !is_let_in || self.is_blocked {
            return Err(self.refusal(session));
        }
        match session.properties.system.flag("closed") && !self.is_leaver(session) {
            true if self.policies.closed_shows_session => Err(self.refusal(session)),
            true => Err(Refusal::Forbidden("The session is closed.")),
            false => Ok(()),
        }
    }

    /// 403 in the form the visitor may see.
    pub(super) fn refusal(&self, session: &Session) -> Refusal {
        if self.may_read(session) { Refusal::ReadOnly } else { Refusal::Forbidden(NO_ACCESS) }
    }

    /// True for a former member whom a locked session lets back in past its restrictions.
    fn may_return(&self, session: &Session) -> bool {
        self.policies.leaver_passes_restrictions && !self.is_blocked && self.is_leaver(session)
    }

    /// True for a former member of a locked session.
    fn is_leaver(&self, session: &Session) -> bool {
        session.properties.system.flag("locked") && session.left.iter().any(|xuid| xuid == self.xuid)
    }

    fn passes(&self, session: &Session, restriction: &str) -> bool {
        let needed = match session.properties.system.text(restriction).as_deref() {
            Some("local") => Nearness::Local,
            Some("followed") => Nearness::Followed,
            _ => Nearness::Stranger,
        };
        self.nearness >= needed
    }
}

/// The reason for a 403 without the session.
pub(super) const NO_ACCESS: &str = "The requested session cannot be accessed.";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visibility {
    Private,
    Visible,
    Open,
}

fn visibility(session: &Session) -> Visibility {
    match session.constants.system.text("visibility").as_deref() {
        Some("private") => Visibility::Private,
        Some("visible") => Visibility::Visible,
        _ => Visibility::Open,
    }
}
