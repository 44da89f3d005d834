//! Scenarios from the outside: calls in, answers out, step by step (mpsd-behaviour §8).

mod choices;
mod handles;
mod initialization;
mod matchmaking;
mod model;
mod neighbours;
mod owners;
mod people;
mod policies;
mod queries;
mod refusals;
mod rta;
mod search;
mod servers;
mod sessions;
mod sockets;
mod stability;
mod state;
mod taps;
mod templates;
mod throttle;
mod timers;

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;

use super::people::Principal;
use super::{Emulator, Policies, Reply, Settings, Templates, reply};
use crate::clock::{Clock, virtual_start};
use crate::exchange::{Call, Protocol};
use crate::message::{Body, Headers, Request, Response};
use crate::mpsd::Service;
use crate::mpsd::version::Contract;

/// An emulator and its clock.
struct World {
    emulator: Emulator,
    clock: Clock,
}

/// A request under construction.
struct Ask {
    method: &'static str,
    target: String,
    headers: Headers,
    body: Vec<u8>,
    user: char,
    service: Service,
}

/// An answer with its views.
struct Got {
    response: Response,
}

impl World {
    fn new() -> Self {
        Self::seeded(7)
    }

    fn seeded(seed: u64) -> Self {
        Self::set(seed, |_| ())
    }

    /// A world with choices of its own.
    fn with(seed: u64, choose: impl FnOnce(&mut Policies)) -> Self {
        Self::set(seed, |settings| choose(&mut settings.policies))
    }

    /// A world with templates of its own.
    fn of(seed: u64, templates: Templates, choose: impl FnOnce(&mut Policies)) -> Self {
        Self::set(seed, |settings| {
            settings.templates = templates;
            choose(&mut settings.policies);
        })
    }

    /// A world with some settings of its own.
    fn set(seed: u64, change: impl FnOnce(&mut Settings)) -> Self {
        let clock = Clock::manual(virtual_start());
        let mut settings = Settings::new(seed, clock.clone());
        change(&mut settings);
        Self { emulator: Emulator::new(settings), clock }
    }

    fn call(&self, ask: &Ask) -> Got {
        let reply = self.reply(ask, ask.service);
        self.emulator.release(reply.ticket);
        Got { response: reply.response }
    }

    /// An answer that is not on record yet.
    fn reply(&self, ask: &Ask, service: Service) -> Reply {
        self.emulator.answer(&Self::request(ask, service))
    }

    /// The same by a server of the title instead of a player.
    fn serve(&self, ask: &Ask) -> Got {
        let call = Self::request(ask, ask.service);
        let mut store = self.emulator.store();
        let mut desk = self.emulator.desk(&mut store, super::Ticket::AT_ONCE);
        let mut caller = desk.store.people.caller(&call, desk.dice, &desk.settings.policies).unwrap();
        caller.principal = Principal::Server;
        let operation = call.resolution.operation().unwrap();
        let response = desk.serve_session(&call, operation, caller, Contract::V107);
        Got { response: reply::stamped(response.unwrap_or_else(|refusal| refusal.response()), desk.now) }
    }

    /// Has a service change a session.
    fn change(&self, target: &str, edit: impl FnOnce(&mut super::session::Session)) {
        let parts: Vec<&str> = target.split('/').collect();
        let key = format!("{}~{}~{}", parts[2], parts[4], parts[6]).to_lowercase();
        let mut store = self.emulator.store();
        assert!(self.emulator.desk(&mut store, super::Ticket::AT_ONCE).change(&key, edit).unwrap());
    }

    fn request(ask: &Ask, service: Service) -> Call {
        let device = IpAddr::from([192, 0, 2, u8::try_from(u32::from(ask.user)).unwrap()]);
        let request = Request {
            method: ask.method.into(),
            target: ask.target.clone(),
            headers: ask.headers.clone(),
            body: Body::plain(ask.body.clone()),
            ..Request::default()
        };
        Call::new(device, Protocol::H1, service, request)
    }

    fn advance(&self, millis: u64) {
        self.emulator.advance(Duration::from_millis(millis));
    }
}

impl Ask {
    fn new(method: &'static str, target: &str, user: char) -> Self {
        let headers = [("x-xbl-contract-version", "107"), ("content-type", "application/json; charset=utf-8")];
        let mut headers: Headers = headers.into_iter().collect();
        headers.push("authorization", format!("XBL3.0 x={user};opaque"));
        Self { method, target: target.into(), headers, body: Vec::new(), user, service: Service::Mpsd }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.set(name, value.to_owned());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    fn body(mut self, body: &str) -> Self {
        self.body = body.as_bytes().to_vec();
        self
    }
}

impl Got {
    fn status(&self) -> u16 {
        self.response.status
    }

    fn header(&self, name: &str) -> &str {
        self.response.headers.text(name).unwrap_or_default()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(self.response.body.wire()).unwrap()
    }

    fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json", "{}", self.text());
        serde_json::from_slice(self.response.body.wire()).unwrap()
    }

    fn at(&self, pointer: &str) -> Value {
        self.json().pointer(pointer).cloned().unwrap_or(Value::Null)
    }

    /// Checks the status, showing the answer when it is another.
    fn is(self, status: u16) -> Self {
        assert_eq!(self.status(), status, "{}", self.text());
        self
    }

    /// Checks that it is a refusal in words.
    fn says(self, status: u16) -> Self {
        let got = self.is(status);
        assert_eq!(got.header("content-type"), "text/plain");
        assert!(!got.text().is_empty());
        got
    }

    /// Checks that there is no body.
    fn bare(self, status: u16) -> Self {
        let got = self.is(status);
        assert!(got.response.body.is_empty() && got.header("content-type").is_empty());
        got
    }
}

fn get(target: &str, user: char) -> Ask {
    Ask::new("GET", target, user)
}

fn put(target: &str, user: char, body: &str) -> Ask {
    Ask::new("PUT", target, user).body(body)
}

fn delete(target: &str, user: char) -> Ask {
    Ask::new("DELETE", target, user)
}

fn post(user: char, body: &str) -> Ask {
    Ask::new("POST", "/handles", user).body(body)
}

/// `{"members":{"me":…}}` of an active player.
fn joining(user: char) -> String {
    format!(
        r#"{{"members":{{"me":{{"constants":{{"system":{{"xuid":"{}"}}}},"properties":{{"system":{{"active":true,"connection":"5b5f0a52-0000-4000-8000-0000000000c{user}"}}}}}}}}}}"#,
        xuid(user)
    )
}

fn xuid(user: char) -> String {
    format!("900000000000000{}", u32::from(user) - u32::from('a') + 1)
}

fn session(template: &str, name: &str) -> String {
    format!("/serviceconfigs/{SCID}/sessionTemplates/{template}/sessions/{name}")
}

fn session_ref(template: &str, name: &str) -> String {
    format!(r#"{{"scid":"{SCID}","templateName":"{template}","name":"{name}"}}"#)
}

/// A lobby `L1` created the way the first scenario does it.
fn lobby(world: &World) -> Got {
    world.call(&put(&session("lobby", "L1"), 'a', CREATE_LOBBY).header("if-none-match", "*")).is(201)
}

const SCID: &str = "00000000-0000-0000-0000-0000000c0de1";

const LEAVE: &str = r#"{"members":{"me":null}}"#;

const CREATE_LOBBY: &str = r#"{"constants":{"system":{"version":1,"inviteProtocol":"game"},"custom":{"mode":"coop"}},
 "properties":{"system":{"joinRestriction":"none"},"custom":{"map":"harbour"}},
 "members":{"me":{"constants":{"system":{"xuid":"9000000000000001"}},
   "properties":{"system":{"active":true,"connection":"5b5f0a52-0000-4000-8000-0000000000ca",
     "secureDeviceAddress":"AAAAAAAA00000000000000000000000000000001",
     "subscription":{"id":"5b5f0a52-0000-4000-8000-000000000001","changeTypes":["everything"]}},"custom":{"ready":false}}}}}"#;
