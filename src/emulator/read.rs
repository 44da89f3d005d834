//! Reading a session or one of its elements.

use super::access::{NO_ACCESS, Visitor};
use super::document::{self, document};
use super::intent::Element;
use super::people::Caller;
use super::refusal::Refusal;
use super::session::Session;
use super::{Desk, Target, precondition, reply, timer};
use crate::clock::http_date;
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
        element: Element<'_>,
    ) -> Result<Response, Refusal> {
        if self.settings.template(&target.reference.template).is_none() {
            return Err(Refusal::NotFound(NO_TEMPLATE));
        }
        let Some(session) = self.session(&target.reference.key()) else {
            return match self.settings.policies.absent_status {
                _ if element != Element::Session => Err(Refusal::NotFound(NO_SESSION)),
                204 => Ok(reply::uncached(reply::empty(204))),
                status => Err(Refusal::Chosen(status, NO_SESSION)),
            };
        };
        if !Visitor::new(caller, target.way, &session, &self.store.people, &self.settings.policies).may_read(&session) {
            return Err(Refusal::Forbidden(NO_ACCESS));
        }
        if precondition::is_unchanged(&call.request.headers, &etag(&session, self.dice)) {
            return Ok(self.stamped(reply::empty(304), &session));
        }
        let body = match element {
            Element::Session => document(&session, &caller.xuid, contract, &self.settings.policies),
            _ => match document::element(&session, element, &caller.xuid, contract) {
                Some(body) => body,
                None => return Ok(reply::uncached(reply::empty(204))),
            },
        };
        Ok(self.stamped(reply::json(200, body), &session))
    }

    /// Adds what tells one state of a session from the next, and when that comes by itself.
    pub(super) fn stamped(&self, response: Response, session: &Session) -> Response {
        let mut response = reply::tagged(response, &etag(session, self.dice));
        if let Some(at) = timer::next(session) {
            response.headers.push("expires", http_date(at));
        }
        response
    }
}

/// The entity tag of a session's state: one per branch and change.
pub(super) fn etag(session: &Session, dice: Dice) -> String {
    dice.hex32(&format!("etag:{}", session.branch), session.change)
}

/// The reason for a 404 on a session.
pub(super) const NO_SESSION: &str = "The requested session was not found.";

/// The reason for a 404 on a template.
pub(super) const NO_TEMPLATE: &str = "The service configuration has no such session template.";
