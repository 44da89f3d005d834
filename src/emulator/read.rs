//! Reading a session.

use super::access::{NO_ACCESS, Visitor};
use super::document::document;
use super::people::Caller;
use super::refusal::Refusal;
use super::session::Session;
use super::{Desk, Target, precondition, reply};
use crate::dice::Dice;
use crate::exchange::Call;
use crate::message::Response;
use crate::mpsd::version::Contract;

impl Desk<'_> {
    /// The session, 304 when the caller has it already, 204 when there is none.
    pub(super) fn get(
        &mut self,
        call: &Call,
        caller: &Caller,
        target: &Target,
        contract: Contract,
    ) -> Result<Response, Refusal> {
        if self.settings.template(&target.reference.template).is_none() {
            return Err(Refusal::NotFound(NO_TEMPLATE));
        }
        let dice = self.dice;
        let Some(session) = self.session(&target.reference.key()) else {
            return Ok(reply::uncached(reply::empty(204)));
        };
        if !Visitor::new(caller, target.way, &session, &self.store.people, &self.settings.policies).may_read(&session) {
            return Err(Refusal::Forbidden(NO_ACCESS));
        }
        let etag = etag(&session, dice);
        if precondition::is_unchanged(&call.request.headers, &etag) {
            return Ok(reply::tagged(reply::empty(304), &etag));
        }
        Ok(reply::tagged(reply::json(200, document(&session, &caller.xuid, contract)), &etag))
    }
}

/// The entity tag of a session's state: one per branch and change.
pub(super) fn etag(session: &Session, dice: Dice) -> String {
    dice.hex32(&format!("etag:{}", session.branch), session.change)
}

/// The reason for a 404 on a template.
pub(super) const NO_TEMPLATE: &str = "The service configuration has no such session template.";
