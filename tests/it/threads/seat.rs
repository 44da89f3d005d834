//! A client: its own connections, its own token, its own real-time socket.

use std::collections::VecDeque;

use serde_json::{Value, json};
use tapdeck::client::{Client, Io, Way};
use tapdeck::dice::Dice;
use tapdeck::exchange::Protocol;
use tapdeck::message::Response;
use tapdeck::socket::{Message, Opcode};

use crate::support::socket::{RTA, end, masked_frame, open, receive_frame, send};
use crate::support::{HANG, Proxy};

/// A client of the session directory.
pub(super) struct Seat {
    pub(super) number: usize,
    http: Client,
}

/// What an answer says of a session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) branch: String,
    pub(super) change: u64,
    pub(super) etag: String,
}

/// An event that says a session has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tap {
    /// The session's name in small letters.
    pub(super) session: String,
    pub(super) branch: String,
    pub(super) change: u64,
}

impl Seat {
    pub(super) async fn take(proxy: &Proxy, number: usize) -> Self {
        let protocol = if number.is_multiple_of(2) { Protocol::H2 } else { Protocol::H1 };
        Self { number, http: proxy.client(protocol).await }
    }

    pub(super) async fn get(&mut self, session: &str) -> Response {
        self.send("GET", session, None, "").await
    }

    pub(super) async fn put(&mut self, session: &str, condition: Option<(&str, &str)>, body: &Value) -> Response {
        self.send("PUT", session, condition, &body.to_string()).await
    }

    async fn send(&mut self, method: &str, session: &str, condition: Option<(&str, &str)>, body: &str) -> Response {
        let token = token(self.number);
        let mut headers = vec![
            ("authorization", token.as_str()),
            ("x-xbl-contract-version", "107"),
            ("content-type", "application/json"),
        ];
        headers.extend(condition);
        let target = format!("{SESSIONS}/{session}");
        let answer = self.http.send(method, &target, &headers, body.as_bytes());
        tokio::time::timeout(HANG, answer).await.expect("no answer comes").unwrap()
    }
}

/// A client's end of its socket.
pub(super) struct Ear {
    pub(super) number: usize,
    io: Box<dyn Io>,
    asked: u64,
    early: VecDeque<Tap>,
}

impl Ear {
    pub(super) async fn open(proxy: &Proxy, number: usize) -> Self {
        let mut io = proxy.reach(RTA, &Way::Connect(proxy.root.clone())).await;
        let lines = format!("Authorization: {}\r\nSec-WebSocket-Protocol: rta.xboxlive.com.V2\r\n", token(number));
        open(&mut io, "/connect", &lines).await;
        Self { number, io, asked: 0, early: VecDeque::new() }
    }

    /// Subscribes to the changes of sessions; gives the ConnectionId.
    pub(super) async fn subscribe(&mut self) -> String {
        let reply = self.ask(1, &format!("[1,1,\"{CONNECTIONS}\"]")).await;
        reply[4]["ConnectionId"].as_str().unwrap().to_owned()
    }

    /// Asks for the end of a subscription there is not: all that was sent before the answer has then come.
    pub(super) async fn ask_nothing(&mut self) {
        self.asked += 1;
        let seq = 1_000 + self.asked;
        self.ask(2, &format!("[2,{seq},4000000000]")).await;
    }

    async fn ask(&mut self, kind: u64, question: &str) -> Value {
        send(&mut self.io, &masked_frame(&Message::text(question))).await;
        loop {
            let event = self.next().await;
            if event[0] == kind {
                return event;
            }
            self.early.push_back(tap(&event));
        }
    }

    /// The next tap.
    pub(super) async fn hear(&mut self) -> Tap {
        match self.early.pop_front() {
            Some(tap) => tap,
            None => tap(&self.next().await),
        }
    }

    /// What came and was not heard.
    pub(super) fn unheard(&self) -> usize {
        self.early.len()
    }

    async fn next(&mut self) -> Value {
        let message = receive_frame(&mut self.io).await;
        assert_eq!(message.opcode, Opcode::Text, "seat {}", self.number);
        serde_json::from_str(message.as_text().unwrap()).unwrap()
    }

    /// Closes in order.
    pub(super) async fn close(mut self) {
        let close = Message::close(1000);
        send(&mut self.io, &masked_frame(&close)).await;
        assert_eq!(receive_frame(&mut self.io).await, close, "seat {}: something was not heard", self.number);
        assert_eq!(end(&mut self.io).await, Ok(()));
    }
}

fn tap(event: &Value) -> Tap {
    let taps = event[2]["shoulderTaps"].as_array().unwrap();
    let [tap] = taps.as_slice() else { panic!("{event}") };
    let session = tap["resource"].as_str().unwrap().rsplit('~').next().unwrap().to_owned();
    let branch = tap["branch"].as_str().unwrap().to_owned();
    Tap { session, branch, change: tap["changeNumber"].as_u64().unwrap() }
}

/// The version an answer shows.
pub(super) fn version(answer: &Response) -> Version {
    let body: Value = serde_json::from_slice(answer.body.decoded().unwrap()).unwrap();
    let etag = answer.headers.text("etag").unwrap().to_owned();
    Version {
        branch: body["branch"].as_str().unwrap().to_owned(),
        change: body["changeNumber"].as_u64().unwrap(),
        etag,
    }
}

/// A player comes, and wants to know everything.
pub(super) fn joining(number: usize, connection: &str) -> Value {
    let open = json!({ "system": { "joinRestriction": "none", "readRestriction": "none" } });
    let system = json!({
        "active": true, "connection": connection, "secureDeviceAddress": format!("AAAAAAAAAA{number}="),
        "subscription": { "id": Dice::new(4).guid("subscription", number as u64), "changeTypes": ["everything"] },
    });
    let constants = json!({ "system": { "xuid": xuid(number), "initialize": false } });
    json!({ "properties": open, "members": { "me": { "constants": constants, "properties": { "system": system } } } })
}

/// A value of the game's.
pub(super) fn custom(name: &str, value: u64) -> Value {
    json!({ "properties": { "custom": { name: value } } })
}

/// A player goes.
pub(super) fn leaving() -> Value {
    json!({ "members": { "me": null } })
}

fn xuid(number: usize) -> String {
    (2_814_000_000_000_001 + number as u64).to_string()
}

fn token(number: usize) -> String {
    format!("XBL3.0 x={};token-of-{number}", 70 + number)
}

const SESSIONS: &str = "/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/lobby/sessions";

const CONNECTIONS: &str = "https://sessiondirectory.xboxlive.com/connections/";
