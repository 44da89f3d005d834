//! Operations as the requests clients make of them.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::operation::{HandleKind, Part, Standing, USERS};
use crate::exchange::{Call, Protocol};
use crate::message::{Body, Headers, Request};
use crate::mpsd::Service;
use crate::mpsd::version::Contract;

/// One of two worlds that have nothing in common but the emulator: a service configuration and who uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group(pub(super) usize);

/// A request before it is a call.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) method: &'static str,
    pub(super) target: String,
    pub(super) headers: Headers,
    pub(super) body: String,
}

/// What the sender of a body has been told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'k> {
    /// The device tokens of the members, by index.
    pub(super) tokens: &'k [Option<String>],
    /// The sender's own connection.
    pub(super) connection: Option<&'k str>,
}

impl Group {
    pub(super) fn scid(self) -> String {
        format!("00000000-0000-0000-0000-0000000c0d{:02}", self.0)
    }

    pub(super) fn xuid(self, user: usize) -> String {
        format!("90000000000{:02}{user:03}", self.0)
    }

    /// A session's path as one client spells it.
    pub(super) fn path(self, session: usize) -> String {
        let (template, name) = SESSIONS[session];
        format!("/serviceconfigs/{}/sessionTemplates/{template}/sessions/{name}", self.scid())
    }

    pub(super) fn reference(self, session: usize) -> Value {
        let (template, name) = SESSIONS[session];
        json!({"scid": self.scid(), "templateName": template, "name": name})
    }

    /// A session's name as taps write it.
    pub(super) fn key(self, session: usize) -> String {
        let (template, name) = SESSIONS[session];
        format!("{}~{template}~{name}", self.scid()).to_lowercase()
    }

    /// True when two indices name one session.
    pub(super) fn is_same(self, left: usize, right: usize) -> bool {
        self.key(left) == self.key(right)
    }

    /// True when a reference names the session.
    pub(super) fn is_named(self, session: usize, reference: &Value) -> bool {
        self.reference(session).to_string().eq_ignore_ascii_case(&reference.to_string())
    }

    /// The call a user makes of a draft. Neighbours share a device.
    pub(super) fn call(self, user: usize, draft: Draft, service: Service) -> Call {
        let mut headers = draft.headers;
        if headers.text("authorization").is_none() {
            headers.push("authorization", format!("XBL3.0 x={}{user};zqtoken", self.0));
        }
        let request = Request {
            method: draft.method.into(),
            target: draft.target,
            headers,
            body: Body::plain(draft.body),
            ..Request::default()
        };
        let device = u8::try_from(self.0 * 100 + user / 2).unwrap();
        Call::new(IpAddr::from([192, 0, 2, device]), Protocol::H1, service, request)
    }

    /// A write's body.
    pub(super) fn body(self, user: usize, parts: &[Part], known: &Known<'_>) -> Value {
        let mut body = json!({});
        let mut reserved = 0;
        for part in parts {
            if let Part::Reserve(other) = part {
                let place = at(&mut body, &["members", &format!("reserve_{reserved}")]);
                let other = if *other == user { (user + 1) % USERS } else { *other };
                *place = json!({"constants": {"system": {"xuid": self.xuid(other)}}});
                reserved += 1;
            } else {
                self.add(&mut body, user, part, known);
            }
        }
        body
    }

    /// What a part says of the sender's own member; the others speak of the session.
    fn add(self, body: &mut Value, user: usize, part: &Part, known: &Known<'_>) {
        let mut put = |path: &[&str], value: Value| *at(at(body, &["members", "me"]), path) = value;
        let mine = |name: &'static str| ["properties", "system", name];
        match part {
            Part::Join(standing) => {
                put(&["constants", "system", "xuid"], json!(self.xuid(user)));
                if *standing != Standing::Unsaid {
                    put(&mine("active"), json!(*standing == Standing::Active));
                    put(&mine("ready"), json!(*standing == Standing::Ready));
                }
                if let Some(connection) = known.connection.filter(|_| *standing == Standing::Active) {
                    put(&mine("connection"), json!(connection));
                }
            }
            Part::Initialize => put(&["constants", "system", "initialize"], json!(true)),
            Part::Subscribe { is_all } => {
                let types = if *is_all { ["everything"] } else { ["membersList"] };
                if let Some(connection) = known.connection {
                    put(&mine("active"), json!(true));
                    put(&mine("ready"), json!(false));
                    put(&mine("connection"), json!(connection));
                    put(&mine("subscription"), json!({"id": format!("zqSub{user}"), "changeTypes": types}));
                }
            }
            Part::Leave => put(&[], Value::Null),
            Part::MemberCustom { key, value } => put(&["properties", "custom", &format!("k{key}")], custom(*value)),
            Part::Address => put(&mine("secureDeviceAddress"), json!(format!("AAAAAAAA{:032}", user))),
            Part::Group => {
                put(&mine("groups"), json!(["zqgroup"]));
                put(&mine("encounters"), json!(["zqencounter"]));
            }
            Part::Role(which) => {
                let role = [json!("healer"), json!("tank"), Value::Null][*which].clone();
                put(&["roles", "class"], role);
            }
            _ => add_to_session(body, part, known),
        }
    }
}

/// What a part says of the session and of other members.
fn add_to_session(body: &mut Value, part: &Part, known: &Known<'_>) {
    let mut put = |path: &[&str], value: Value| *at(body, path) = value;
    match part {
        Part::Custom { key, value } => put(&["properties", "custom", &format!("k{key}")], custom(*value)),
        Part::Restrict { read, word } => {
            let name = if *read { "readRestriction" } else { "joinRestriction" };
            put(&["properties", "system", name], json!(["none", "followed", "local"][*word]));
        }
        Part::Close(flag) => put(&["properties", "system", "closed"], json!(flag)),
        Part::Lock(flag) => put(&["properties", "system", "locked"], json!(flag)),
        Part::Turn(index) => put(&["properties", "system", "turn"], json!([index])),
        Part::Owner(index) => put(&["properties", "system", "owners"], json!([index])),
        Part::Host(index) => {
            let token = known.tokens.get(*index as usize).cloned().flatten();
            put(&["properties", "system", "host"], json!(token.unwrap_or_else(|| "zqnobody".to_owned())));
        }
        Part::Keyword(which) => put(&["properties", "system", "keywords"], json!([format!("zqword{which}")])),
        Part::RoleMax(max) => put(&["roleTypes", "class", "roles", "healer", "max"], json!(max)),
        Part::Kick(index) => put(&["members", &index.to_string()], Value::Null),
        Part::Constant(which) => {
            let constants =
                [("version", 1), ("version", 2), ("maxMembersCount", 8), ("maxMembersCount", 3), CLASH, EMPTY];
            let (name, value) = constants[*which];
            put(&["constants", "system", name], json!(value));
        }
        Part::Malformed(_) => {}
        _ => panic!("nothing is said of a session by {part:?}"),
    }
}

impl Draft {
    pub(super) fn new(method: &'static str, target: String, contract: Contract) -> Self {
        let mut headers = Headers::new();
        headers.push("x-xbl-contract-version", contract.number().to_string());
        headers.push("content-type", "application/json; charset=utf-8");
        Self { method, target, headers, body: String::new() }
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.set(name, value.to_owned());
        self
    }

    pub(super) fn body(mut self, body: impl ToString) -> Self {
        self.body = body.to_string();
        self
    }
}

/// The body that asks for a handle.
pub(super) fn order(group: Group, kind: HandleKind, session: usize, other: usize) -> Value {
    let mut body = json!({"version": 1, "sessionRef": group.reference(session)});
    let (name, more) = match kind {
        HandleKind::Activity => ("activity", None),
        HandleKind::Invite => ("invite", Some(("invitedXuid", json!(group.xuid(other % USERS))))),
        HandleKind::Transfer => ("transfer", Some(("originSessionRef", group.reference(other)))),
        HandleKind::Search => ("search", Some(("searchAttributes", json!({"tags": ["zqtag"]})))),
    };
    body["type"] = json!(name);
    if let Some((field, value)) = more {
        body[field] = value;
    }
    body
}

/// The place of a value in a body; what stands in the way gives way.
fn at<'a>(body: &'a mut Value, path: &[&str]) -> &'a mut Value {
    path.iter().fold(body, |place, name| {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place.as_object_mut().unwrap().entry((*name).to_owned()).or_insert(Value::Null)
    })
}

fn custom(which: usize) -> Value {
    [json!("zqtext"), json!(17), json!({"deep": ["zqdeep", null, 1.5]}), Value::Null, json!([])][which].clone()
}

/// Bodies that are refused whatever the session; the last ones are near enough to be taken for writes.
pub(super) const MALFORMED: [&str; 12] = [
    "[",
    "[]",
    "{\"zqname\":{}}",
    "{\"members\":{\"me\":{},\"me\":{}}}",
    "{\"system\":{\"bogus\":\"zqvalue\"}}",
    "{\"properties\":{\"system\":{\"closed\":\"zqvalue\"}}}",
    "{\"properties\":{\"system\":{\"turn\":[\"zqvalue\"]}}}",
    "{\"properties\":{\"system\":{\"joinRestriction\":\"zqvalue\"}}}",
    "{\"members\":{\"reserve_1\":{\"constants\":{\"system\":{\"xuid\":\"9000000000000077\"}}}}}",
    "{\"members\":{\"05\":null}}",
    "{\"members\":{\"me\":{\"properties\":{\"system\":{\"active\":true,\"ready\":true}}}}}",
    "{\"servers\":{\"zqserver\":{}}}",
];

/// Sessions by template and name; the last is the first in another spelling.
const SESSIONS: [(&str, &str); super::operation::SESSIONS] = [
    ("lobby", "zqLobby1"),
    ("lobby", "zqLobby2"),
    ("game", "zqGame1"),
    ("game", "zqGame2"),
    ("slow", "zqSlow"),
    ("priv", "zqPriv"),
    ("big", "zqBig"),
    ("roles", "zqRoles"),
    ("target", "zqTarget"),
    ("Unlisted", "zqFree"),
    ("LOBBY", "zqlobby1"),
];

const CLASH: (&str, u64) = ("maxMembersCount", 1_000_000);

const EMPTY: (&str, u64) = ("sessionEmptyTimeout", 30_000);
