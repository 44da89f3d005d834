//! The four calls of SmartMatch.

use super::ticket::{Hopper, Player, Request, Status, Ticket};
use crate::clock::after;
use crate::emulator::object::Object;
use crate::emulator::people::{Caller, Principal};
use crate::emulator::refusal::Refusal;
use crate::emulator::session::Presence;
use crate::emulator::write::bytes;
use crate::emulator::{Desk, caps, reply};
use crate::exchange::Call;
use crate::message::Response;
use crate::mpsd::name::is_guid;
use crate::mpsd::{Op, Operation, ParamName};

impl Desk<'_> {
    /// Answers a call to SmartMatch.
    pub(in crate::emulator) fn serve_match(
        &mut self,
        call: &Call,
        operation: &Operation,
        caller: &Caller,
    ) -> Result<Response, Refusal> {
        if call.request.headers.text("x-xbl-contract-version").map(str::trim) != Some(CONTRACT) {
            return Err(Refusal::invalid("X-Xbl-Contract-Version must be 103."));
        }
        let hopper = self.hopper(operation)?;
        match operation.op {
            Op::TicketCreate => self.create_ticket(call, hopper, caller),
            Op::TicketGet => {
                let ticket = self.ticket(operation, &hopper, caller)?;
                self.refreshed(ticket);
                let ticket = self.ticket(operation, &hopper, caller)?;
                Ok(reply::uncached(reply::json(200, ticket.json(self.settings.policies.match_wait))))
            }
            Op::TicketDelete => {
                let ticket = self.ticket(operation, &hopper, caller)?;
                self.close_ticket(&ticket.id, Status::Canceled);
                Ok(reply::uncached(reply::empty(204)))
            }
            _ => Ok(self.stats(&hopper)),
        }
    }

    fn create_ticket(&mut self, call: &Call, hopper: Hopper, caller: &Caller) -> Result<Response, Refusal> {
        let request = Request::read(bytes(call)?, &hopper)?;
        let key = request.session.key();
        let session = self.session(&key).ok_or(Refusal::NotFound("There is no such ticket session."))?;
        let is_in = session.member(&caller.xuid).is_some_and(|member| member.state != Presence::Reserved);
        if !is_in && caller.principal != Principal::Server {
            return Err(Refusal::Forbidden("The caller is not in the ticket session."));
        }
        if self.store.tickets.waits_for(&key) {
            let status = self.settings.policies.ticket_again_status;
            return Err(Refusal::Chosen(status, "A ticket for the session is searching already."));
        }
        let entity = format!("ticket:{}:{}", caller.xuid, hopper.key());
        let n = self.store.tickets.next(&entity).ok_or(Refusal::Full)?;
        let ticket = Ticket {
            id: self.dice.guid(&entity, n),
            owner: caller.xuid.clone(),
            hopper,
            expires: after(self.now, u64::from(request.give_up) * 1_000),
            players: Player::all_of(&session),
            request,
            status: Status::Searching,
            target: None,
        };
        self.report(&ticket)?;
        self.store.tickets.add(ticket.clone());
        self.pair(&ticket);
        let mut out = Object::new();
        out.text("ticketId", &ticket.id);
        out.number("waitTime", self.settings.policies.match_wait);
        Ok(reply::uncached(reply::json(self.settings.policies.ticket_created_status, out.end())))
    }

    /// A ticket of the hopper, for those it is about.
    fn ticket(&self, operation: &Operation, hopper: &Hopper, caller: &Caller) -> Result<Ticket, Refusal> {
        let ticket = self.store.tickets.find(operation.param(ParamName::Ticket));
        let ticket = ticket.filter(|ticket| ticket.hopper.key() == hopper.key());
        let ticket = ticket.ok_or(Refusal::NotFound("There is no such ticket."))?;
        let is_own = caller.principal == Principal::Server
            || ticket.owner == caller.xuid
            || ticket.players.iter().any(|player| player.xuid == caller.xuid);
        is_own.then(|| ticket.clone()).ok_or(Refusal::Forbidden("The ticket belongs to other users."))
    }

    fn hopper(&self, operation: &Operation) -> Result<Hopper, Refusal> {
        let hopper = Hopper {
            scid: operation.param(ParamName::Scid).to_owned(),
            name: operation.param(ParamName::Hopper).to_owned(),
        };
        let is_name = (1..=caps::HOPPER).contains(&hopper.name.chars().count());
        let is_missing = hopper.name.to_lowercase() == self.settings.policies.missing_hopper.to_lowercase();
        match is_guid(&hopper.scid) && is_name && !is_missing {
            true => Ok(hopper),
            false => Err(Refusal::NotFound("There is no such hopper.")),
        }
    }

    fn stats(&self, hopper: &Hopper) -> Response {
        let waiting = self.store.tickets.waiting(&hopper.key());
        let population: usize = waiting.iter().map(|ticket| ticket.players.len()).sum();
        let mut out = Object::new();
        // The documents call it one thing, the client reads the other.
        out.text("hopperName", &hopper.name);
        out.text("name", &hopper.name);
        out.number("waitTime", self.settings.policies.match_wait);
        out.number("population", population as u64);
        reply::uncached(reply::json(200, out.end()))
    }

    /// Has the ticket session say how the ticket stands.
    pub(super) fn report(&mut self, ticket: &Ticket) -> Result<bool, Refusal> {
        let server = ticket.server(self.settings.policies.match_wait);
        self.change(&ticket.request.session.key(), |session| {
            session.servers.insert("matchmaking".to_owned(), server);
        })
    }
}

/// The only contract version SmartMatch documents.
const CONTRACT: &str = "103";
