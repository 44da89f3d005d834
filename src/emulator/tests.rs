//! Scenarios from the outside: calls in, answers out, step by step (mpsd-behaviour §8).

mod handles;
mod matchmaking;
mod queries;
mod refusals;
mod search;
mod sessions;
mod stability;

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;

use super::{Emulator, Policies, Settings};
use crate::clock::{Clock, virtual_start};
use crate::exchange::{Call, Protocol};
use crate::message::{Body, Headers, Request, Response};
use crate::mpsd::Service;

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
        Self::with(seed, |_| {})
    }

    /// A world with choices of its own.
    fn with(seed: u64, choose: impl FnOnce(&mut Policies)) -> Self {
        let clock = Clock::manual(virtual_start());
        let mut settings = Settings::new(seed, clock.clone());
        choose(&mut settings.policies);
        Self { emulator: Emulator::new(settings), clock }
    }

    fn call(&self, ask: &Ask) -> Got {
        let device = IpAddr::from([192, 0, 2, u8::try_from(u32::from(ask.user)).unwrap()]);
        let request = Request {
            method: ask.method.into(),
            target: ask.target.clone(),
            headers: ask.headers.clone(),
            body: Body::plain(ask.body.clone()),
            ..Request::default()
        };
        let call = Call::new(device, Protocol::H1, ask.service, request);
        Got { response: self.emulator.answer(&call).response }
    }

    fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
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
