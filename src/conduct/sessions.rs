//! Sessions over time: what was seen of each, and what the next exchange breaks of it.
//!
//! What one client is told about a session never goes back; that is judged client by client, because answers to two
//! clients may pass each other on their way. What is true whoever asks (constants, tags) is judged across all of them.

use bytes::Bytes;

use super::memory::Memory;
use super::sighting::{Asked, Sighting, document, text};
use super::{Exchange, rejection};
use crate::contract::{Findings, Place, quoted};
use crate::exchange::Outcome;
use crate::json::{Doc, Kind, Node, join_pointer};
use crate::mpsd::bag::same_value;
use crate::mpsd::name::SessionRef;
use crate::mpsd::{Op, ParamName};

/// What was seen of every session.
#[derive(Debug)]
pub(super) struct Sessions {
    /// The sessions behind handles, by the handle's id.
    handles: Memory<String, String>,
    /// What stays as long as a session lives.
    branches: Memory<Life, Branch>,
    /// How far a session had come, as one lane was told.
    heights: Memory<(Life, String), Heights>,
    /// How far it had come, as anybody was told.
    overall: Memory<Life, Heights>,
    /// The state a tag stands for, by session and tag.
    tags: Memory<(String, String), (String, u64)>,
    /// What a lane was told last, by session and lane.
    told: Memory<(String, String), Told>,
    /// Who a lane says to be.
    users: Memory<String, u64>,
    /// The document a lane was shown last, by session and lane, and where it was.
    documents: Memory<(String, String), (u64, Bytes)>,
}

/// A session, and one life of it.
type Life = (String, String);

#[derive(Debug, Default)]
struct Branch {
    correlation: Option<String>,
    /// Constants by the contract they are written in.
    constants: Vec<(u64, String)>,
}

#[derive(Debug)]
struct Told {
    answered: u64,
    branch: String,
    change: u64,
    stage: Option<String>,
    members: Vec<u64>,
}

/// The highest change numbers seen so far, each with the position of the answer that showed it first.
#[derive(Debug, Default)]
struct Heights(Vec<(u64, u64)>);

impl Heights {
    /// The highest one answered before a position.
    fn before(&self, asked: u64) -> Option<u64> {
        self.0.iter().rev().find(|(answered, _)| *answered < asked).map(|(_, change)| *change)
    }

    fn add(&mut self, answered: u64, change: u64) {
        if self.0.last().is_some_and(|(_, highest)| *highest >= change) {
            return;
        }
        if self.0.len() >= HEIGHTS_AT_MOST {
            self.0.remove(0);
        }
        self.0.push((answered, change));
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            handles: Memory::new(NAMES_AT_MOST),
            branches: Memory::new(BRANCHES_AT_MOST),
            heights: Memory::new(NAMES_AT_MOST),
            overall: Memory::new(NAMES_AT_MOST),
            tags: Memory::new(TAGS_AT_MOST),
            told: Memory::new(NAMES_AT_MOST),
            users: Memory::new(NAMES_AT_MOST),
            documents: Memory::new(DOCUMENTS_AT_MOST),
        }
    }
}

impl Sessions {
    /// Judges an exchange by what came before it, and keeps what it says for those after it.
    pub(super) fn exchange(&mut self, exchange: &Exchange<'_>, asked: &Asked, findings: &mut Findings) {
        let Some(session) = self.session(exchange) else {
            return;
        };
        let response = &exchange.answer.response;
        let sighting = Sighting::of(exchange.call, response).filter(|_| exchange.answer.outcome == Outcome::Answered);
        self.member(exchange, asked, &session, findings);
        self.initialized(exchange, asked, &session, sighting.as_ref(), findings);
        if let Some(sighting) = sighting {
            let life = (session, sighting.branch.clone());
            if asked.creates && matches!(response.status, 200 | 201) {
                self.created(exchange, &life, findings);
            }
            if let Some(tag) = asked.tag.as_ref().filter(|_| response.status == 200) {
                self.updated(exchange, tag, &life, sighting.change, findings);
            }
            self.order(exchange, &life, sighting.change, findings);
            self.tag(&life, &sighting, findings);
            self.lasting(&life, &sighting, findings);
            self.keep(exchange, life, sighting);
        }
    }

    /// The session by which a request that the service rejected can be understood: the one it was rejected with, or
    /// the one its client was shown last.
    pub(super) fn explaining(&mut self, exchange: &Exchange<'_>) -> Option<Bytes> {
        rejection(exchange.answer)?;
        let response = &exchange.answer.response;
        if Sighting::of(exchange.call, response).is_some() {
            return response.body.decoded().cloned();
        }
        let session = self.session(exchange)?;
        let (answered, document) = self.documents.get(&(session, exchange.lane.to_owned()))?;
        (*answered < exchange.asked).then(|| document.clone())
    }

    /// The session as its client was shown it before a write that was answered by the same life of it.
    pub(super) fn before(&mut self, exchange: &Exchange<'_>) -> Option<Bytes> {
        let sighting = Sighting::of(exchange.call, &exchange.answer.response)?;
        let session = self.session(exchange)?;
        let is_same = self.told_before(exchange, &session).is_some_and(|told| told.branch == sighting.branch);
        let (_, document) = self.documents.get(&(session, exchange.lane.to_owned())).filter(|_| is_same)?;
        Some(document.clone())
    }

    /// The session an exchange is about, whatever it is called by.
    fn session(&mut self, exchange: &Exchange<'_>) -> Option<String> {
        let (operation, response) = (exchange.call.resolution.operation()?, &exchange.answer.response);
        let param = |name| operation.param(name).to_owned();
        let named = match operation.op {
            Op::HandleSessionGet | Op::HandleSessionPut => {
                let handle = param(ParamName::Handle).to_lowercase();
                let location = response.headers.text("content-location").and_then(located);
                if let Some(session) = location.filter(|_| handle.len() <= LONGEST_NAME) {
                    self.handles.insert(handle.clone(), session);
                }
                self.handles.get(&handle).cloned()
            }
            Op::HandleCreate if matches!(response.status, 200 | 201) => {
                if let Some((handle, session)) = created_handle(exchange) {
                    self.handles.insert(handle, session);
                }
                None
            }
            _ if operation.param(ParamName::Session).is_empty() => None,
            _ => {
                let (scid, template) = (param(ParamName::Scid), param(ParamName::Template));
                Some(SessionRef { scid, template, name: param(ParamName::Session) }.key())
            }
        };
        named.filter(|session| session.len() <= LONGEST_NAME)
    }

    /// A member's constants count when it joins.
    fn member(&mut self, exchange: &Exchange<'_>, asked: &Asked, session: &str, findings: &mut Findings) {
        if let Some(xuid) = asked.xuid {
            self.users.insert(exchange.lane.to_owned(), xuid);
        }
        let user = self.users.get(exchange.lane);
        let told = self.told_before(exchange, session);
        let is_in = told.zip(user).is_some_and(|(told, user)| told.members.contains(user));
        if let Some(pointer) = asked.constants.as_ref().filter(|_| is_in) {
            let message = "the member was in the session before";
            findings.add("member-constants-after-join", Place::Body(pointer.clone()), message);
        }
    }

    /// Success is told while it is being evaluated. It counts when nothing has happened since the client looked, or
    /// when the service refuses it.
    fn initialized(
        &self,
        exchange: &Exchange<'_>,
        asked: &Asked,
        session: &str,
        sighting: Option<&Sighting>,
        findings: &mut Findings,
    ) {
        let Some((pointer, told)) = asked.succeeded.as_ref().zip(self.told_before(exchange, session)) else {
            return;
        };
        let is_next = |now: &Sighting| now.branch == told.branch && now.change <= told.change + 1;
        let counts = rejection(exchange.answer).is_some() || sighting.is_some_and(is_next);
        if counts && told.stage.as_deref() != Some("evaluating") {
            let stage = told.stage.as_deref().map_or_else(|| "no stage".to_owned(), quoted);
            let message = format!("the session was at {stage}");
            findings.add("initialization-succeeded-wrong-stage", Place::Body(pointer.clone()), message);
        }
    }

    fn told_before(&self, exchange: &Exchange<'_>, session: &str) -> Option<&Told> {
        let told = self.told.get(&(session.to_owned(), exchange.lane.to_owned()))?;
        (told.answered < exchange.asked).then_some(told)
    }

    fn created(&self, exchange: &Exchange<'_>, life: &Life, findings: &mut Findings) {
        if let Some(change) = self.overall.get(life).and_then(|heights| heights.before(exchange.asked)) {
            let message = format!("the session was there at change {change}");
            findings.add("create-conflict-accepted", Place::Status, message);
        }
    }

    /// An update that names an older state, and comes out above a state that was known before it was asked for.
    fn updated(&self, exchange: &Exchange<'_>, tag: &str, life: &Life, now: u64, findings: &mut Findings) {
        let named = self.tags.get(&(life.0.clone(), tag.to_owned())).filter(|(branch, _)| *branch == life.1);
        let known = self.overall.get(life).and_then(|heights| heights.before(exchange.asked));
        if let Some(((_, named), known)) = named.zip(known).filter(|((_, named), known)| named < known && *known < now)
        {
            let message = format!("If-Match names change {named}, the session was at {known}");
            findings.add("etag-stale-accepted", Place::Status, message);
        }
    }

    fn order(&self, exchange: &Exchange<'_>, life: &Life, now: u64, findings: &mut Findings) {
        let told = self.heights.get(&(life.clone(), exchange.lane.to_owned()));
        let before = told.and_then(|heights| heights.before(exchange.asked));
        if let Some(before) = before.filter(|before| now < *before) {
            let message = format!("change {now} comes after change {before}");
            findings.add("change-number-decreased", Place::AnswerBody("/changeNumber".to_owned()), message);
        }
    }

    fn tag(&mut self, life: &Life, sighting: &Sighting, findings: &mut Findings) {
        let Some(tag) = &sighting.tag else {
            return;
        };
        let key = (life.0.clone(), tag.clone());
        let known = self.tags.get(&key).filter(|(branch, _)| *branch == life.1).map(|(_, change)| *change);
        if let Some(known) = known.filter(|known| *known != sighting.change) {
            let message = format!("change {} has the ETag of change {known}", sighting.change);
            findings.add("change-without-new-etag", Place::AnswerHeader("etag".to_owned()), message);
        }
        self.tags.insert(key, (life.1.clone(), sighting.change));
    }

    /// What stays as long as a session lives.
    fn lasting(&mut self, life: &Life, sighting: &Sighting, findings: &mut Findings) {
        let branch = self.branches.entry(life.clone(), Branch::default);
        if let Some(now) = &sighting.correlation {
            let before = branch.correlation.get_or_insert_with(|| now.clone());
            if !before.eq_ignore_ascii_case(now) {
                let message = format!("it was {}", quoted(before));
                findings.add("correlation-changed", Place::AnswerBody("/correlationId".to_owned()), message);
            }
        }
        let Some((contract, now)) = &sighting.constants else {
            return;
        };
        match branch.constants.iter().find(|(known, _)| known == contract) {
            Some((_, before)) => {
                if let Some((pointer, was)) = difference(before, now) {
                    let message = format!("it was {was} before");
                    findings.add("constants-changed-in-branch", Place::AnswerBody(pointer), message);
                }
            }
            None if branch.constants.len() < CONTRACTS_AT_MOST => branch.constants.push((*contract, now.clone())),
            None => {}
        }
    }

    fn keep(&mut self, exchange: &Exchange<'_>, life: Life, sighting: Sighting) {
        let (lane, answered) = (exchange.lane.to_owned(), exchange.answered);
        let Sighting { branch, change, stage, members, .. } = sighting;
        self.heights.entry((life.clone(), lane.clone()), Heights::default).add(answered, change);
        self.overall.entry(life.clone(), Heights::default).add(answered, change);
        let document = exchange.answer.response.body.decoded().filter(|text| text.len() <= LARGEST_DOCUMENT);
        if let Some(document) = document {
            self.documents.insert((life.0.clone(), lane.clone()), (answered, document.clone()));
        }
        self.told.insert((life.0, lane), Told { answered, branch, change, stage, members });
    }
}

/// The session a path names.
fn located(location: &str) -> Option<String> {
    let path = location.split_once("://").map_or(location, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
    let resolution = crate::mpsd::resolve(crate::mpsd::Service::Mpsd, "GET", path);
    let operation = resolution.operation().filter(|operation| operation.op == Op::SessionGet)?;
    let [scid, template, name] =
        [ParamName::Scid, ParamName::Template, ParamName::Session].map(|name| operation.param(name).to_owned());
    Some(SessionRef { scid, template, name }.key())
}

/// A handle's id, and the session behind it.
fn created_handle(exchange: &Exchange<'_>) -> Option<(String, String)> {
    let doc = document(&exchange.answer.response.body)?;
    let handle = text(doc.root().get("id"))?.to_lowercase();
    let reference = doc.root().get("sessionRef")?;
    let [scid, template, name] = ["scid", "templateName", "name"].map(|name| text(reference.get(name)));
    Some((handle, SessionRef { scid: scid?, template: template?, name: name? }.key()))
}

/// Where constants differ first, and what stood there before.
fn difference(before: &str, now: &str) -> Option<(String, String)> {
    if same_value(before, now) {
        return None;
    }
    let (before, now) = (Doc::parse(before.as_bytes()).ok()?, Doc::parse(now.as_bytes()).ok()?);
    let (mut before, mut now) = (before.root(), now.root());
    let mut pointer = "/constants".to_owned();
    while let Some((name, left, right)) = differing(before, now) {
        pointer = join_pointer(&pointer, &name);
        let Some((left, right)) = left.zip(right) else {
            return Some((pointer, left.map_or_else(|| "absent".to_owned(), shown)));
        };
        (before, now) = (left, right);
    }
    Some((pointer, shown(before)))
}

/// The first member two objects differ in.
fn differing<'d>(before: Node<'d>, now: Node<'d>) -> Option<(String, Option<Node<'d>>, Option<Node<'d>>)> {
    if (before.kind(), now.kind()) != (Kind::Object, Kind::Object) {
        return None;
    }
    let names = before.members().chain(now.members()).filter_map(|(key, _)| key.str());
    let mut pairs = names.map(|name| (before.get(&name), now.get(&name), name.into_owned()));
    let is_same = |left: Option<Node<'_>>, right: Option<Node<'_>>| {
        let texts = [left, right].map(|node| node.and_then(|node| std::str::from_utf8(node.raw()).ok()));
        matches!(texts, [Some(left), Some(right)] if same_value(left, right))
    };
    pairs.find(|(left, right, _)| !is_same(*left, *right)).map(|(left, right, name)| (name, left, right))
}

fn shown(node: Node<'_>) -> String {
    match node.kind() {
        Kind::Object => "an object".to_owned(),
        Kind::Array => "an array".to_owned(),
        _ => quoted(&String::from_utf8_lossy(node.raw())),
    }
}

/// Most handles, lanes of sessions, and lives of sessions remembered; those written longest ago go first. A day has
/// thousands of sessions, a moment has few.
const NAMES_AT_MOST: usize = 2_000;
/// Most documents remembered, and the largest.
const DOCUMENTS_AT_MOST: usize = 256;
const LARGEST_DOCUMENT: usize = 128 << 10;
/// Most lives whose constants are remembered.
const BRANCHES_AT_MOST: usize = 500;
/// Most tags remembered.
const TAGS_AT_MOST: usize = 5_000;
/// Most heights of one life remembered: only what overlaps so many others goes unjudged.
const HEIGHTS_AT_MOST: usize = 16;
/// Contracts a document can be written in: 104, 105, 107, and whatever comes.
const CONTRACTS_AT_MOST: usize = 4;
/// Longer names are nobody's.
const LONGEST_NAME: usize = 400;
