//! An MPSD of our own: sessions, members, handles and preconditions, in memory and deterministic.
//!
//! It is an upstream where there is no Xbox Live, and the thing the rest of tapdeck is tested against. An answer
//! depends on the seed, the clock and the requests before it, on nothing else: every value a server makes up is drawn
//! by entity and number, and every map is ordered. What the documents leave open is decided in `policy`, by name.
//!
//! A write is read into an `intent`, applied to a draft by `merge`, and stored only when nothing refused it. All that is
//! stored goes over the `desk`, which lets follow what follows: handles that end, members that are tapped.

mod access;
mod binding;
mod birth;
mod canned;
mod caps;
mod cast;
mod changes;
mod desk;
mod document;
mod form;
mod handle;
mod handling;
mod intent;
mod matchmaking;
mod merge;
mod object;
mod order;
mod people;
mod policy;
mod precondition;
mod query;
mod read;
mod refusal;
mod reply;
mod rta;
mod search;
mod service;
mod session;
mod stage;
mod state;
mod store;
mod taps;
mod template;
mod throttle;
mod timer;
mod write;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::dice::Dice;
use crate::exchange::{Call, Outcome, user_hash};
use crate::message::Response;
use crate::mpsd::name::{SessionRef, is_guid};
use crate::mpsd::version::Contract;
use crate::mpsd::{Op, Operation, ParamName, Resolution, Service};
use crate::socket::{Lost, Message, SocketId};
use access::Way;
use desk::Desk;
use intent::Element;
use people::Caller;
use refusal::Refusal;
use store::Store;
use template::{Hold, Template};

pub use canned::Canned;
pub use caps::STATE_BYTES;
pub use cast::{Cast, Player, Ties, TokenKind};
pub use policy::{Listed, Policies};
pub use rta::Ticket;
pub use state::StateError;
pub use template::{TemplateError, Templates};

/// The embedded service.
#[derive(Debug)]
pub struct Emulator {
    settings: Settings,
    dice: Dice,
    /// What its clock showed when it was made.
    start: Timestamp,
    store: Mutex<Store>,
}

/// What an emulator is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Decides every value the emulator makes up.
    pub seed: u64,
    /// Decides every timestamp.
    pub clock: Clock,
    /// The choices the documents leave open.
    pub policies: Policies,
    /// What sessions start from.
    pub templates: Templates,
    /// What the services next door answer.
    pub canned: Canned,
    /// Who is who.
    pub cast: Cast,
}

impl Settings {
    /// Everything as it is unless set.
    pub fn new(seed: u64, clock: Clock) -> Self {
        let (policies, templates) = (Policies::default(), Templates::default());
        Self { seed, clock, policies, templates, canned: Canned::default(), cast: Cast::default() }
    }

    /// The first of its choices that cannot be meant, and why.
    pub fn fault(&self) -> Option<String> {
        let Policies { default_template, match_template, .. } = &self.policies;
        let names_none = |name: &str| !name.is_empty() && !self.templates.has(name);
        if names_none(default_template) {
            return Some("default-template names no session template".to_owned());
        }
        match self.template(match_template) {
            None => Some("match-template names no session template".to_owned()),
            Some(_) => self.policies.fault(),
        }
    }

    fn template(&self, name: &str) -> Option<(&Template, Hold)> {
        self.templates.named(name, &self.policies)
    }
}

/// An answer, and what it caused: pushed frames wait until the answer is on its way.
#[derive(Debug)]
pub struct Reply {
    /// Whose word it is: the service's, or ours where nothing is known of the service.
    pub outcome: Outcome,
    /// The answer.
    pub response: Response,
    /// For [`Emulator::release`], once the answer is on record.
    pub ticket: Ticket,
}

impl Emulator {
    /// An empty service.
    pub fn new(settings: Settings) -> Self {
        let store = Store::new(&settings);
        let (dice, start) = (Dice::new(settings.seed), settings.clock.now());
        Self { dice, start, settings, store: Mutex::new(store) }
    }

    /// Answers one call.
    pub fn answer(&self, call: &Call) -> Reply {
        let mut store = self.store();
        let ticket = store.rta.next_ticket();
        let user = call.request.headers.text("authorization").and_then(user_hash);
        // Whoever shows no token is told apart by address: strangers must not shift each other's values.
        let user = user.map_or_else(|| call.client.to_string(), str::to_owned);
        let correlation = self.dice.guid(&format!("answer:{user}"), store.count_call(&user));
        let mut desk = self.desk(&mut store, ticket);
        desk.tick();
        let now = desk.now;
        let (outcome, response) = match desk.serve(call) {
            Ok(response) => (Outcome::Answered, response),
            Err(refusal) => (refusal.outcome(), refusal.response()),
        };
        let mut response = reply::stamped(response, now);
        response.headers.push("x-xblcorrelationid", correlation);
        Reply { outcome, response, ticket }
    }

    /// Lets out what an answer caused, now that the answer is on record: to be called once for every answer. The sockets
    /// that have something to send.
    pub fn release(&self, ticket: Ticket) -> Vec<SocketId> {
        self.store().rta.release(ticket)
    }

    /// Opens a real-time connection for a WebSocket upgrade, or gives the answer that refuses it.
    #[expect(clippy::result_large_err, reason = "a refusal is an answer like any other")]
    pub fn open(&self, call: &Call) -> Result<SocketId, Response> {
        let mut store = self.store();
        let mut desk = self.desk(&mut store, Ticket::AT_ONCE);
        let now = desk.now;
        desk.open_socket(call).map_err(|refusal| reply::stamped(refusal.response(), now))
    }

    /// Takes a message of a connection's client. The sockets that have something to send.
    pub fn hear(&self, socket: SocketId, message: &Message) -> Vec<SocketId> {
        self.turn(|desk| desk.hear(socket, message))
    }

    /// The next message for a connection's client, if one may go out now.
    pub fn next(&self, socket: SocketId) -> Option<Message> {
        self.store().rta.next(socket)
    }

    /// Takes note that a connection has ended. The sockets that have something to send.
    pub fn lose(&self, socket: SocketId, how: Lost) -> Vec<SocketId> {
        self.turn(|desk| desk.lose(socket, how))
    }

    /// Asks every connection's client to fetch everything again. The sockets that have something to send.
    pub fn resync(&self) -> Vec<SocketId> {
        self.turn(|desk| desk.resync())
    }

    /// Moves a virtual clock and does what falls due on the way, each at its moment. The wall stays where it is: only
    /// what is due by now is done. The sockets that have something to send.
    pub fn advance(&self, by: Duration) -> Vec<SocketId> {
        let mut store = self.store();
        let clock = &self.settings.clock;
        let end = clock.later(by);
        while let Some(due) = store.due().filter(|due| *due <= end) {
            clock.set(due.max(clock.now()));
            self.desk(&mut store, Ticket::AT_ONCE).tick();
        }
        clock.set(end);
        store.rta.take_ready()
    }

    /// Does what has fallen due. The sockets that have something to send.
    pub fn tick(&self) -> Vec<SocketId> {
        self.turn(|_| ())
    }

    /// The clock everything here goes by.
    pub fn clock(&self) -> &Clock {
        &self.settings.clock
    }

    /// When something falls due next.
    pub fn due(&self) -> Option<Timestamp> {
        self.store().due()
    }

    /// How long until something falls due by itself. A clock that is moved by hand never gets there.
    pub fn until_due(&self) -> Option<Duration> {
        let due = self.due().filter(|_| matches!(self.settings.clock, Clock::Wall))?;
        Some(Duration::try_from(due.duration_since(self.settings.clock.now())).unwrap_or_default())
    }

    /// Does what is due, then something no answer causes. The sockets that have something to send.
    fn turn(&self, act: impl FnOnce(&mut Desk<'_>)) -> Vec<SocketId> {
        let mut store = self.store();
        let mut desk = self.desk(&mut store, Ticket::AT_ONCE);
        desk.tick();
        act(&mut desk);
        store.rta.take_ready()
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn desk<'a>(&'a self, store: &'a mut Store, ticket: Ticket) -> Desk<'a> {
        Desk { store, settings: &self.settings, dice: self.dice, now: self.settings.clock.now(), ticket }
    }
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
        let is_next_door = matches!(call.service, Service::Neighbour | Service::MultiplayerActivity);
        // Some of those services are asked before anybody has signed in.
        if is_next_door && call.request.headers.text("authorization").is_none() {
            return self.settings.canned.answer(&call.request, None);
        }
        let caller = self.store.people.caller(call, self.dice, &self.settings.policies)?;
        if is_next_door {
            return self.settings.canned.answer(&call.request, Some(&caller));
        }
        self.admit(call, &caller)?;
        let operation = match &call.resolution {
            Resolution::Known(operation) => operation,
            Resolution::WrongMethod(verbs) => return Err(Refusal::WrongMethod(verbs.clone())),
            Resolution::Unknown | Resolution::NextDoor => return Err(Refusal::NotFound("No resource has this path.")),
        };
        if operation.op.route().service == Service::Rta {
            return self.serve_rta(operation, caller);
        }
        if !operation.op.is_read() && !caller.may_play() {
            return Err(Refusal::Forbidden("The caller lacks the privilege to play with others."));
        }
        if call.service == Service::SmartMatch {
            return self.serve_match(call, operation, &caller);
        }
        let contract = call.request.headers.text("x-xbl-contract-version").and_then(Contract::named);
        let unknown =
            Refusal::Chosen(self.settings.policies.contract_status, "X-Xbl-Contract-Version must be 104, 105 or 107.");
        let contract = contract.ok_or(unknown)?;
        match operation.op {
            Op::HandleCreate => self.create_handle(call, caller),
            Op::HandleGet if !self.settings.policies.handle_shows_session => self.show_handle(operation),
            Op::HandleDelete => self.delete_handle(operation, &caller),
            Op::HandlesQuery => self.query_handles(call, &caller),
            Op::SessionsQuery | Op::TemplateSessionsQuery | Op::Batch | Op::TemplateBatch => {
                self.query_sessions(call, operation, &caller, contract)
            }
            Op::TemplatesList => self.list_templates(operation),
            Op::TemplateGet => self.show_template(operation, contract),
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
            Op::HandleGet | Op::HandleSessionGet | Op::HandleSessionPut => self.dereference(operation, &caller)?,
            _ => Target { reference: named_session(operation)?, way: Way::Plain, location: None },
        };
        let response = match operation.op {
            Op::SessionGet
            | Op::HandleGet
            | Op::HandleSessionGet
            | Op::PropertiesGet
            | Op::MemberMeGet
            | Op::MemberGet
            | Op::ServerGet => self.get(call, &caller, &target, contract, addressed(operation)?),
            _ => self.put(call, caller, &target, contract, addressed(operation)?),
        };
        let mut response = response?;
        if let Some(location) = target.location {
            response.headers.push("content-location", location);
        }
        Ok(response)
    }
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

/// The element a path names.
fn addressed(operation: &Operation) -> Result<Element<'_>, Refusal> {
    Ok(match operation.op {
        Op::PropertiesGet | Op::PropertiesPut => Element::Properties,
        Op::MemberMeGet | Op::MemberMePut | Op::MemberMeDelete => Element::Me,
        Op::MemberGet | Op::MemberDelete => {
            let index = operation.param(ParamName::Index).parse().ok();
            Element::Member(index.ok_or(Refusal::NotFound("No member can have this path."))?)
        }
        Op::ServerGet | Op::ServerPut | Op::ServerDelete => Element::Server(operation.param(ParamName::Server)),
        _ => Element::Session,
    })
}

/// True when the three parts could name a session: a GUID and two names.
fn check_reference(reference: &SessionRef) -> bool {
    is_guid(&reference.scid) && is_name(&reference.template) && is_name(&reference.name)
}

/// True when a text could name a session or a template.
fn is_name(name: &str) -> bool {
    (1..=caps::NAME).contains(&name.chars().count())
        && !name.chars().any(|char| char.is_control() || matches!(char, '~' | '/' | '\\'))
}

#[cfg(test)]
mod tests;
