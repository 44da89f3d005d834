//! An MPSD of our own: sessions, members, handles and preconditions, in memory and deterministic.
//!
//! It is an upstream where there is no Xbox Live, and the thing the rest of tapdeck is tested against. An answer
//! depends on the seed, the clock and the requests before it, on nothing else: every value a server makes up is drawn
//! by entity and number, and every map is ordered. What the documents leave open is decided in `policy`, by name.
//!
//! A write is read into an `intent`, applied to a draft by `merge`, and stored only when nothing refused it.

mod access;
mod birth;
mod document;
mod handle;
mod handling;
mod intent;
mod merge;
mod object;
mod people;
mod policy;
mod precondition;
mod read;
mod refusal;
mod reply;
mod session;
mod store;
mod template;
mod write;

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::clock::Clock;
use crate::dice::Dice;
use crate::exchange::Call;
use crate::message::Response;
use crate::mpsd::name::{SessionRef, is_guid};
use crate::mpsd::version::Contract;
use crate::mpsd::{Op, Operation, ParamName, Resolution, Service};
use access::Way;
use intent::Element;
use people::Caller;
use refusal::Refusal;
use store::Store;

/// The embedded service.
#[derive(Debug)]
pub struct Emulator {
    dice: Dice,
    clock: Clock,
    store: Mutex<Store>,
}

impl Emulator {
    /// An empty service. The seed decides every value it makes up, the clock every timestamp.
    pub fn new(seed: u64, clock: Clock) -> Self {
        Self { dice: Dice::new(seed), clock, store: Mutex::default() }
    }

    /// Answers one call. An operation it does not serve gets a problem of tapdeck's own, status 501.
    pub fn answer(&self, call: &Call) -> Response {
        if let Some(problem) = unserved(call) {
            return problem;
        }
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let mut desk = Desk { store: &mut store, dice: self.dice, now };
        let response = desk.serve(call).unwrap_or_else(|refusal| refusal.response());
        reply::stamped(response, now)
    }
}

/// One call's turn with the store.
#[derive(Debug)]
struct Desk<'a> {
    store: &'a mut Store,
    dice: Dice,
    now: Timestamp,
}

/// A session as a call addresses it.
#[derive(Debug)]
struct Target {
    reference: SessionRef,
    way: Way,
    /// What `Content-Location` says, when a handle led here.
    location: Option<String>,
}

impl Desk<'_> {
    fn serve(&mut self, call: &Call) -> Result<Response, Refusal> {
        let caller = self.store.people.caller(call, self.dice)?;
        let operation = match &call.resolution {
            Resolution::Known(operation) => operation,
            Resolution::WrongMethod(verbs) => return Err(Refusal::WrongMethod(verbs.clone())),
            Resolution::Unknown => return Err(Refusal::NotFound("No resource has this path.")),
        };
        let contract = call.request.headers.text("x-xbl-contract-version").and_then(Contract::named);
        let contract = contract.ok_or_else(|| Refusal::invalid("X-Xbl-Contract-Version must be 104, 105 or 107."))?;
        match operation.op {
            Op::HandleCreate => self.create_handle(call, caller),
            Op::HandleGet => self.show_handle(operation),
            Op::HandleDelete => self.delete_handle(operation, &caller),
            _ => self.serve_session(call, operation, caller, contract),
        }
    }

    fn serve_session(
        &mut self,
        call: &Call,
        operation: &Operation,
        caller: Caller,
        contract: Contract,
    ) -> Result<Response, Refusal> {
        let target = match operation.op {
            Op::HandleSessionGet | Op::HandleSessionPut => self.dereference(operation, &caller)?,
            _ => Target { reference: named_session(operation)?, way: Way::Plain, location: None },
        };
        let response = match operation.op {
            Op::SessionGet | Op::HandleSessionGet => self.get(call, &caller, &target, contract),
            Op::PropertiesPut => self.put(call, caller, &target, contract, Element::Properties),
            Op::MemberMePut | Op::MemberMeDelete => self.put(call, caller, &target, contract, Element::Me),
            _ => self.put(call, caller, &target, contract, Element::Session),
        };
        let mut response = response?;
        if let Some(location) = target.location {
            response.headers.push("content-location", location);
        }
        Ok(response)
    }
}

/// The answer to an operation that is not ours to imitate (yet).
fn unserved(call: &Call) -> Option<Response> {
    let is_served = |operation: &Operation| SERVED.contains(&operation.op);
    if call.service == Service::Mpsd && call.resolution.operation().is_none_or(is_served) {
        return None;
    }
    let detail = format!("the emulator does not serve {}", call.resolution.name());
    Some(Response::problem(501, "emulator-operation", &detail))
}

/// The session a path names.
fn named_session(operation: &Operation) -> Result<SessionRef, Refusal> {
    let reference = SessionRef {
        scid: operation.param(ParamName::Scid).to_owned(),
        template: operation.param(ParamName::Template).to_owned(),
        name: operation.param(ParamName::Session).to_owned(),
    };
    check_reference(&reference).then_some(reference).ok_or(Refusal::NotFound("No session can have this path."))
}

/// True when the three parts could name a session: a GUID and two names.
fn check_reference(reference: &SessionRef) -> bool {
    let is_name = |name: &str| {
        (1..=policy::NAME_LIMIT).contains(&name.chars().count())
            && !name.chars().any(|char| char.is_control() || matches!(char, '~' | '/' | '\\'))
    };
    is_guid(&reference.scid) && is_name(&reference.template) && is_name(&reference.name)
}

/// The operations the emulator serves.
const SERVED: [Op; 10] = [
    Op::SessionGet,
    Op::SessionPut,
    Op::PropertiesPut,
    Op::MemberMePut,
    Op::MemberMeDelete,
    Op::HandleCreate,
    Op::HandleGet,
    Op::HandleDelete,
    Op::HandleSessionGet,
    Op::HandleSessionPut,
];

#[cfg(test)]
mod tests;
