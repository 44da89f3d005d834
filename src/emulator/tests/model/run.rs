//! Plays operations and looks at every answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::document::Document;
use super::facts::Facts;
use super::operation::{Condition, HANDLES, HandleKind, Operation, Place, SESSIONS, USERS, Write};
use super::request::{Draft, Group, MALFORMED};
use super::taps::{Sockets, Taps};
use crate::clock::{Clock, http_date};
use crate::contract::{self, Finding, Severity, Side};
use crate::emulator::Emulator;
use crate::exchange::{Answer, Call};
use crate::message::Response;
use crate::mpsd::Service;
use crate::mpsd::version::Contract;
use crate::socket::{Lost, Message, SocketId};

/// What reached the emulator, to be done again.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Call(Box<Call>),
    Wait(Duration),
    Open(usize, Box<Call>),
    Lose(usize, Lost),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    Answer(Box<Response>),
    Message(usize, Message),
}

/// A run: the emulator, what was done to it, and what is known about it.
pub(super) struct Run<'a> {
    emulator: &'a Emulator,
    clock: Clock,
    group: Group,
    pub(super) tape: Vec<Event>,
    pub(super) said: Vec<Said>,
    sockets: Sockets,
    taps: Taps,
    facts: BTreeMap<String, Facts>,
    handles: Vec<Handle>,
    /// How each session was found last when nothing was due, and when.
    resting: BTreeMap<String, (Timestamp, Found)>,
}

/// A handle somebody made.
#[derive(Clone, Debug)]
struct Handle {
    id: String,
    kind: HandleKind,
    owner: usize,
    session: usize,
    is_gone: bool,
}

/// A session as somebody found it who may look.
#[derive(Clone, Debug, PartialEq)]
enum Found {
    Nothing,
    /// There is one, and none of the users may read it.
    Hidden,
    Shown {
        etag: String,
        text: Vec<u8>,
    },
}

/// A session as it stands when nothing is due, and what that means for one user.
struct Scene {
    found: Found,
    document: Option<Document>,
}

impl<'a> Run<'a> {
    /// Everybody is known by their xuid before anything else.
    pub(super) fn new(emulator: &'a Emulator, clock: Clock, group: Group) -> Self {
        let (facts, resting, tape, said, handles) =
            (BTreeMap::new(), BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
        let (sockets, taps) = (Sockets::default(), Taps::default());
        let mut run = Self { emulator, clock, group, tape, said, sockets, taps, facts, handles, resting };
        for user in 0..USERS {
            let body = json!({"members": {"me": {"constants": {"system": {"xuid": group.xuid(user)}}}}});
            let target = format!("/serviceconfigs/{}/sessionTemplates/lobby/sessions/zqHome{user}", group.scid());
            let home = run.call(user, Draft::new("PUT", target, Contract::V107).body(body));
            assert_eq!(home.status, 201);
            run.connect(user);
        }
        run
    }

    pub(super) fn play(&mut self, operation: &Operation) {
        match operation {
            Operation::Write(write) => self.write(write),
            Operation::Read { user, place, contract, condition } => self.read(*user, *place, *contract, *condition),
            Operation::Make { user, kind, session, other } => self.make(*user, *kind, *session, *other),
            Operation::Show { user, handle } => self.show(*user, *handle),
            Operation::Drop { user, handle } => self.drop_handle(*user, *handle),
            Operation::Query { user, which, whose } => self.query(*user, *which, *whose),
            Operation::Connect(user) => self.connect(*user),
            Operation::Disconnect { user, is_closed } => self.disconnect(*user, *is_closed),
            Operation::Nonsense { user, which } => self.nonsense(*user, *which),
            Operation::Wait(which) => self.wait(Duration::from_millis(WAITS[*which])),
        }
    }

    fn wait(&mut self, span: Duration) {
        self.tape.push(Event::Wait(span));
        let named = self.emulator.advance(span);
        self.listen(&named);
    }

    fn connect(&mut self, user: usize) {
        if self.sockets.has(user) {
            return;
        }
        let draft = Draft::new("GET", "/connect".to_owned(), Contract::V107);
        let call = self.group.call(user, draft, Service::Rta);
        self.tape.push(Event::Open(user, Box::new(call.clone())));
        let named = self.sockets.open(self.emulator, user, &call);
        self.listen(&named);
    }

    fn disconnect(&mut self, user: usize, is_closed: bool) {
        let how = if is_closed { Lost::Closed } else { Lost::Broken };
        self.tape.push(Event::Lose(user, how));
        let named = self.sockets.lose(self.emulator, user, how);
        self.taps.hang_up(user);
        self.listen(&named);
    }

    /// Takes everything that may go out now.
    fn listen(&mut self, named: &[SocketId]) {
        for (user, message) in self.sockets.drain(self.emulator, named) {
            self.taps.hear(user, &message);
            self.said.push(Said::Message(user, message));
        }
    }

    /// Sends a request and checks what must hold in any answer.
    fn call(&mut self, user: usize, draft: Draft) -> Response {
        let call = self.group.call(user, draft, Service::Mpsd);
        self.tape.push(Event::Call(Box::new(call.clone())));
        let reply = self.emulator.answer(&call);
        self.sockets.check_silent(self.emulator);
        self.said.push(Said::Answer(Box::new(reply.response.clone())));
        let named = self.emulator.release(reply.ticket);
        self.listen(&named);
        check_answer(&call, &reply.response);
        let now = http_date(self.clock.now());
        assert_eq!(reply.response.headers.text("date"), Some(now.as_str()), "{call:?}");
        reply.response
    }

    fn facts(&mut self, session: usize) -> &mut Facts {
        let key = self.group.key(session);
        self.facts.entry(key).or_default()
    }

    /// Takes in an answer that shows a session as it is stored.
    fn learn(&mut self, session: usize, user: usize, response: &Response) -> Document {
        let text = response.body.wire();
        let document = Document::checked(text);
        let etag = etag(response);
        let timer = document.text("nextTimer");
        let expires = response.headers.text("expires").unwrap_or_default();
        let timer = if timer.is_empty() { String::new() } else { http_date(timer.parse().unwrap()) };
        assert_eq!(expires, timer, "Expires is nextTimer");
        self.facts(session).learn(&document, &etag, user, text);
        let xuids: Vec<String> = (0..USERS).map(|user| self.group.xuid(user)).collect();
        self.taps.learn(&self.group.key(session), &document, &xuids);
        document
    }

    /// Looks at a session as often as time still changes it.
    fn look(&mut self, session: usize) -> Scene {
        let key = self.group.key(session);
        let now = self.clock.now();
        let mut before = self.resting.get(&key).filter(|(at, _)| *at == now).map(|(_, found)| found.clone());
        for _ in 0..8 {
            let after = self.glance(session);
            if before.as_ref() == Some(&after) {
                let document = match &after {
                    Found::Shown { text, .. } => Some(Document::checked(text)),
                    _ => None,
                };
                self.resting.insert(key, (now, after.clone()));
                return Scene { found: after, document };
            }
            before = Some(after);
        }
        panic!("{key} never comes to rest");
    }

    /// Reads a session as the first user who may.
    fn glance(&mut self, session: usize) -> Found {
        let group = self.group;
        let insiders = self.facts(session).members().to_vec();
        let mut users: Vec<usize> = (0..USERS).collect();
        users.sort_by_key(|user| !insiders.contains(&group.xuid(*user)));
        for user in users {
            let response = self.call(user, Draft::new("GET", group.path(session), Contract::V107));
            match response.status {
                200 => {
                    self.learn(session, user, &response);
                    return Found::Shown { etag: etag(&response), text: response.body.wire().to_vec() };
                }
                204 => {
                    self.facts(session).over();
                    self.taps.over(&self.group.key(session));
                    return Found::Nothing;
                }
                status => {
                    let is_member = insiders.contains(&group.xuid(user)) && status != 403;
                    assert!(status == 403 && !is_member, "a look at {}: {status}", group.path(session));
                }
            }
        }
        Found::Hidden
    }

    /// The session a place leads to, and its path.
    fn target(&self, place: Place) -> Option<(usize, String)> {
        let path = |session: usize| self.group.path(session);
        Some(match place {
            Place::Session(session) => (session, path(session)),
            Place::Properties(session) => (session, format!("{}/properties", path(session))),
            Place::Me(session) | Place::MeGone(session) => (session, format!("{}/members/me", path(session))),
            Place::MemberGone(session, index) => (session, format!("{}/members/{index}", path(session))),
            Place::Handle(which) => {
                let handle = self.recent(which)?;
                (handle.session, format!("/handles/{}/session", handle.id))
            }
        })
    }

    fn recent(&self, which: usize) -> Option<&Handle> {
        self.handles.iter().rev().take(HANDLES).nth(which)
    }

    fn conditioned(&mut self, draft: Draft, session: usize, condition: Condition, is_read: bool) -> Draft {
        let facts = self.facts(session);
        let quoted = |tag: &str| format!("\"{tag}\"");
        let current = quoted(facts.tag().unwrap_or("zqtag"));
        let stale = quoted(facts.stale_tag().unwrap_or("zqtag"));
        let tags = if is_read { "if-none-match" } else { "if-match" };
        match condition {
            Condition::None => draft,
            Condition::Exists => draft.header("if-match", "*"),
            Condition::Absent => draft.header("if-none-match", "*"),
            Condition::Current => draft.header(tags, &current),
            Condition::Stale => draft.header(tags, &stale),
            Condition::Differs => draft.header("if-none-match", &current),
            Condition::Both => draft.header("if-match", &current).header("if-none-match", "*"),
        }
    }
}

mod handles;
mod reads;
mod writes;

fn etag(response: &Response) -> String {
    let etag = response.headers.text("etag").unwrap_or_else(|| panic!("a session without ETag: {response:?}"));
    etag.strip_prefix('"').and_then(|etag| etag.strip_suffix('"')).unwrap().to_owned()
}

fn is_json(response: &Response) -> bool {
    response.headers.text("content-type") == Some("application/json")
}

/// A documented status in its documented form, and nothing the contract blames the service for; a refusal says why in
/// words of its own.
fn check_answer(call: &Call, response: &Response) {
    let place = || format!("{call:?} was answered {response:?}");
    let found = CONTRACT.check_answer(call, &Answer::answered(response.clone()));
    let is_blamed = |finding: &Finding| finding.rule.side == Side::Service && finding.severity < Severity::Info;
    assert!(!found.iter().any(is_blamed), "{found:#?}: {}", place());
    let body = response.body.wire();
    let content_type = response.headers.text("content-type").unwrap_or_default();
    assert!(STATUSES.contains(&response.status), "{}", place());
    match response.status {
        200 | 201 => assert!(is_json(response), "{}", place()),
        204 | 304 | 401 => assert!(body.is_empty() && content_type.is_empty(), "{}", place()),
        400 | 404 | 405 | 409 => assert!(content_type == "text/plain" && !body.is_empty(), "{}", place()),
        403 => assert!(matches!(content_type, "text/plain" | "application/json") && !body.is_empty(), "{}", place()),
        _ => assert!(is_json(response) != body.is_empty(), "{}", place()),
    }
    if content_type == "text/plain" {
        let reason = std::str::from_utf8(body).unwrap().replace("zqname", "").replace("zqserver", "");
        assert!(!reason.contains("zq") && !reason.contains("9000000"), "a refusal repeats the caller: {}", place());
    }
}

/// The documented contract, compiled once.
static CONTRACT: LazyLock<contract::Contract> = LazyLock::new(contract::Contract::new);

const STATUSES: [u16; 11] = [200, 201, 204, 304, 400, 401, 403, 404, 405, 409, 412];

const WAITS: [u64; 7] = [1, 999, 9_999, 30_000, 60_001, 180_000, 90_000_000];
