//! Sockets in tests: what a client says, and what it has heard.

use serde_json::json;

use super::*;
use crate::socket::{Message, Opcode, SocketId};

impl World {
    pub(super) fn open(&self, user: char) -> SocketId {
        self.emulator.open(&Self::request(&get("/connect", user), Service::Rta)).unwrap()
    }

    pub(super) fn say(&self, socket: SocketId, text: &str) -> Vec<SocketId> {
        self.emulator.hear(socket, &Message::text(text))
    }

    /// Everything that may go out now.
    pub(super) fn heard(&self, socket: SocketId) -> Vec<String> {
        let text = |message: Message| match message.opcode {
            Opcode::Text => message.as_text().unwrap().to_owned(),
            _ => format!("close {}", u16::from_be_bytes([message.payload[0], message.payload[1]])),
        };
        std::iter::from_fn(|| self.emulator.next(socket)).map(text).collect()
    }

    /// Taps that may go out now: (subscription, change number).
    pub(super) fn taps(&self, socket: SocketId) -> Vec<(String, Value)> {
        self.heard(socket).iter().map(|text| tap(text)).collect()
    }

    /// A connection subscribed to MPSD, and its ConnectionId.
    pub(super) fn connect(&self, user: char) -> (SocketId, String) {
        let socket = self.open(user);
        let id = self.connection_id(socket);
        (socket, id)
    }

    pub(super) fn connection_id(&self, socket: SocketId) -> String {
        assert_eq!(self.say(socket, &subscribe(1, MPSD)), [socket]);
        let heard = self.heard(socket);
        let reply: Value = serde_json::from_str(&heard[0]).unwrap();
        assert_eq!((&reply[0], &reply[2]), (&json!(1), &json!(0)));
        reply[4]["ConnectionId"].as_str().unwrap().to_owned()
    }

    /// Joins, active and subscribed.
    pub(super) fn join(&self, template: &str, user: char, id: &str, types: &str) -> Got {
        self.call(&put(&session(template, "L1"), user, &bound(user, id, types)))
    }
}

pub(super) fn tap(text: &str) -> (String, Value) {
    let event: Value = serde_json::from_str(text).unwrap();
    let taps = event[2]["shoulderTaps"].as_array().unwrap_or_else(|| panic!("{text}"));
    assert_eq!((&event[0], taps.len()), (&json!(3), 1));
    assert_eq!(taps[0]["resourceType"], "mpsd/session");
    assert_eq!(taps[0]["resource"].as_str().unwrap().split('~').count(), 3);
    assert!(event[2]["ncid"].is_string());
    (taps[0]["subscription"].as_str().unwrap().to_owned(), taps[0]["changeNumber"].clone())
}

pub(super) fn subscribe(seq: u32, uri: &str) -> String {
    format!(r#"[1,{seq},"{uri}"]"#)
}

pub(super) fn bound(user: char, id: &str, types: &str) -> String {
    format!(
        r#"{{"members":{{"me":{{"constants":{{"system":{{"xuid":"{}"}}}},"properties":{{"system":{{"active":true,"connection":"{id}","subscription":{{"id":"Sub-{user}","changeTypes":{types}}}}}}}}}}}}}"#,
        xuid(user)
    )
}

pub(super) fn custom(n: u32) -> String {
    format!(r#"{{"properties":{{"custom":{{"n":{n}}}}}}}"#)
}

pub(super) const MPSD: &str = "https://sessiondirectory.xboxlive.com/connections/";

pub(super) const ALL: &str = r#"["everything"]"#;
