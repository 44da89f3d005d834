//! A cassette made ready for playing: what each take asks, what its answer shows, and where its slots are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::bind::AnswerSlots;
use super::bindable::Bindable;
use super::edges::Edges;
use super::fields::{Field, Fields};
use super::socket::{RecordedFrame, Reel};
use crate::cassette::session::{is_dry_run, session_of, version_of};
use crate::cassette::{Cassette, StoredBody, Withheld};
use crate::exchange::{Call, Outcome};
use crate::json::Doc;
use crate::message::{Request, Response};
use crate::mpsd::{Op, Resolution, Service, resolve};
use crate::slot::{self, Slot};

/// One recorded exchange as the cassette holds it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its lane's name.
    pub lane: String,
    /// The line of the cassette file it starts at.
    pub line: usize,
    /// Position at which its call was read.
    pub asked: u64,
    /// Position at which its answer was complete.
    pub answered: u64,
    /// How long its answer took; nothing when that is not known.
    pub took: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// The service that was called.
    pub service: Service,
    /// What was asked.
    pub request: Request,
    /// What was answered.
    pub response: Response,
    /// What is known of the request's body when the cassette could not keep it.
    pub request_withheld: Option<Withheld>,
    /// What is known of the answer's body when the cassette could not keep it: then it cannot be replayed.
    pub response_withheld: Option<Withheld>,
}

impl Recorded {
    /// True for a neighbour's exchange whose bodies went by without being kept.
    pub fn only_passed_by(&self) -> bool {
        self.service == Service::Neighbour && (self.request_withheld.is_some() || self.response_withheld.is_some())
    }

    /// The exchanges of a cassette, in its order.
    pub fn all(cassette: &Cassette) -> Vec<Self> {
        let exchanges = cassette.entries.iter().filter_map(|entry| Some((entry.line, entry.record.http()?)));
        exchanges
            .map(|(line, record)| Self {
                lane: record.lane.clone(),
                line,
                asked: record.asked,
                answered: record.answered,
                took: Duration::from_millis(record.timing.map_or(0, |timing| timing.took)),
                outcome: record.outcome,
                service: record.service(),
                request: record.request(),
                response: record.response(),
                request_withheld: record.request.body.as_ref().and_then(StoredBody::as_withheld).cloned(),
                response_withheld: record.response.body.as_ref().and_then(StoredBody::as_withheld).cloned(),
            })
            .collect()
    }
}

/// Every take of a cassette, in its order, and what can be bound in them.
#[derive(Debug)]
pub struct Tape {
    takes: Vec<Take>,
    lanes: Vec<String>,
    shelves: Shelves,
    values: Bindable,
    versions: BTreeMap<String, Version>,
    reel: Reel,
    edges: Edges,
    /// The cassette's file, as it is called in messages.
    pub(super) file: String,
    fields: Fields,
}

/// One recorded exchange, ready to play.
#[derive(Debug)]
pub(super) struct Take {
    pub(super) recorded: Recorded,
    pub(super) lane: usize,
    pub(super) resolution: Resolution,
    /// The shelf of its lane's takes that are such a call.
    pub(super) alike: usize,
    /// The shelf of its lane's takes that change the session document it reads or writes, when it does.
    pub(super) document: Option<usize>,
    /// That document: `scid~template~name`, lower-case.
    pub(super) session: Option<String>,
    /// The version of it that the answer shows.
    pub(super) version: Option<Version>,
    /// False when that is the part of a large session which its caller sees.
    pub(super) is_for_everybody: bool,
    pub(super) slots: AnswerSlots,
}

/// One state of one session document.
pub(super) type Version = (String, u64);

impl Take {
    /// True when it is of the service that was called; of a neighbour's, when it is of that very host.
    pub(super) fn is_for(&self, call: &Call) -> bool {
        let Recorded { service, request, .. } = &self.recorded;
        let is_there = || request.host().eq_ignore_ascii_case(call.request.host());
        *service == call.service && (*service != Service::Neighbour || is_there())
    }

    pub(super) fn op(&self) -> Option<Op> {
        self.resolution.operation().map(|operation| operation.op)
    }

    pub(super) fn is_read(&self) -> bool {
        match self.op() {
            Some(op) => op.is_read(),
            None => matches!(self.recorded.request.method.as_str(), "GET" | "HEAD"),
        }
    }

    /// True when it changed the service's state: reads and refused writes do not.
    pub(super) fn changes_state(&self) -> bool {
        !self.is_read() && !self.is_dry_run() && matches!(self.recorded.response.status, 200..300)
    }

    fn is_dry_run(&self) -> bool {
        is_dry_run(&self.recorded.request.target)
    }

    /// True when its answer tells of the service's state. What is wrong with a call by itself (400, 406, …) is wrong
    /// at any time.
    pub(super) fn tells_state(&self) -> bool {
        !matches!(self.recorded.response.status, 400 | 401 | 405 | 406 | 413 | 415 | 429 | 500..)
    }

    /// True when its answer shows a version of a session document: whole, or 204 for none at all. A later read may be
    /// given it again.
    pub(super) fn shows_version(&self) -> bool {
        let has_body = !self.recorded.response.body.is_empty();
        !self.is_dry_run()
            && self.op().is_some_and(Op::answers_session)
            && match self.recorded.response.status {
                200 | 201 | 412 => has_body,
                status => status == 204,
            }
    }

    /// True for a write whose answer would be the same if it came twice in a row: it is idempotent, and not on
    /// condition of a version that it replaced itself.
    pub(super) fn may_come_twice(&self) -> bool {
        let request = &self.recorded.request;
        let is_any = |name| request.headers.text(name).is_none_or(|value| value.trim() == "*");
        let is_lasting = is_any("if-match") && request.headers.text("if-none-match").is_none();
        let is_idempotent = matches!(request.method.as_str(), "PUT" | "DELETE");
        is_idempotent && (is_lasting || !self.tells_state() || !self.changes_state())
    }

    /// True when every call of `self` was answered before `other` was asked.
    pub(super) fn precedes(&self, other: &Self) -> bool {
        self.recorded.answered < other.recorded.asked
    }
}

impl Tape {
    /// Prepares recorded exchanges and messages, in cassette order. `aliases` are the cassette's, by class name.
    pub fn new(aliases: &BTreeMap<String, Vec<String>>, recorded: Vec<Recorded>, frames: Vec<RecordedFrame>) -> Self {
        Self::titled(aliases, recorded, frames, Fields::default())
    }

    pub(super) fn titled(
        aliases: &BTreeMap<String, Vec<String>>,
        recorded: Vec<Recorded>,
        frames: Vec<RecordedFrame>,
        fields: Fields,
    ) -> Self {
        let values = Bindable::new(aliases, &recorded, &frames);
        let mut lanes: Vec<String> = Vec::new();
        let mut shelves = Shelves::default();
        let takes: Vec<Take> =
            recorded.into_iter().map(|recorded| take(recorded, &mut lanes, &mut shelves, &values, &fields)).collect();
        let versions = takes.iter().filter_map(tagged_version).collect();
        shelves.fill(&takes);
        let reel = Reel::new(frames, &takes, &lanes, &values);
        let edges = Edges::of(&takes);
        Self { takes, lanes, shelves, values, versions, reel, edges, file: String::new(), fields }
    }

    /// Prepares a cassette.
    pub fn of(cassette: &Cassette) -> Self {
        Self::of_title(cassette, Fields::default())
    }

    /// Prepares a cassette of a title that has fields of its own.
    pub fn of_title(cassette: &Cassette, fields: Fields) -> Self {
        let (recorded, frames) = (Recorded::all(cassette), RecordedFrame::all(cassette));
        let tape = Self::titled(&cassette.aliases, recorded, frames, fields);
        Self { file: cassette.file.display().to_string(), ..tape }
    }

    /// The cassette's file, as it is called in messages; empty when it came from none.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Takes note that a field may differ.
    pub(super) fn let_differ(&mut self, field: Field) {
        self.fields.volatile.push(field);
    }

    pub(super) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The lanes' names, in order.
    pub fn lanes(&self) -> &[String] {
        &self.lanes
    }

    /// The name of the lane whose exchange it is, counted from 1.
    pub fn lane_of(&self, exchange: usize) -> Option<&str> {
        self.takes.get(exchange.checked_sub(1)?).map(|take| take.recorded.lane.as_str())
    }

    pub(super) fn takes(&self) -> &[Take] {
        &self.takes
    }

    /// The shelf of a lane's takes that are such a call as this, if there is any.
    pub(super) fn alike(&self, lane: usize, call: &Call) -> Option<usize> {
        self.shelves.labels.get(&Label::alike(lane, &call.request.method, &call.resolution)).copied()
    }

    /// The takes on a shelf: those alike in the cassette's order, those of a document by when they were answered.
    pub(super) fn shelf(&self, shelf: usize) -> &[usize] {
        self.shelves.takes.get(shelf).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn values(&self) -> &Bindable {
        &self.values
    }

    /// What the cassette's sockets say.
    pub(super) fn reel(&self) -> &Reel {
        &self.reel
    }

    /// What must come before what.
    pub(super) fn edges(&self) -> &Edges {
        &self.edges
    }

    /// The version an entity tag stands for, if the cassette ever showed it.
    pub(super) fn version(&self, tag: &str) -> Option<&Version> {
        self.versions.get(tag)
    }
}

/// Takes put together, so that the next one is found without going through the whole tape.
#[derive(Debug, Default)]
struct Shelves {
    labels: BTreeMap<Label, usize>,
    takes: Vec<Vec<usize>>,
}

/// What the takes on a shelf have in common.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    /// A lane, a verb and an operation.
    Alike(usize, String, &'static str),
    /// A lane and the session document it changes: `scid~template~name`, lower-case.
    Document(usize, String),
}

impl Label {
    fn alike(lane: usize, method: &str, resolution: &Resolution) -> Self {
        Self::Alike(lane, method.to_owned(), resolution.operation().map_or("", |operation| operation.op.name()))
    }
}

impl Shelves {
    fn labelled(&mut self, label: Label) -> usize {
        *self.labels.entry(label).or_insert_with(|| {
            self.takes.push(Vec::new());
            self.takes.len() - 1
        })
    }

    fn fill(&mut self, takes: &[Take]) {
        for (at, take) in takes.iter().enumerate() {
            self.takes[take.alike].push(at);
            if let Some(document) = take.document.filter(|_| take.changes_state()) {
                self.takes[document].push(at);
            }
        }
        for document in takes.iter().filter_map(|take| take.document).collect::<BTreeSet<_>>() {
            self.takes[document].sort_by_key(|at| takes[*at].recorded.answered);
        }
    }
}

fn take(
    mut recorded: Recorded,
    lanes: &mut Vec<String>,
    shelves: &mut Shelves,
    values: &Bindable,
    fields: &Fields,
) -> Take {
    let lane = lanes.iter().position(|lane| *lane == recorded.lane).unwrap_or_else(|| {
        lanes.push(recorded.lane.clone());
        lanes.len() - 1
    });
    let resolution = resolve(recorded.service, &recorded.request.method, &recorded.request.target);
    if recorded.response.status == UPGRADED {
        // They answer the key and the offer of one client, and whoever opens the socket for another says them anew.
        recorded.response.headers.retain(|header| !header.name.starts_with("sec-websocket-"));
    }
    let slots = answer_slots(&recorded.response, values, fields);
    let alike = shelves.labelled(Label::alike(lane, &recorded.request.method, &resolution));
    let posted = recorded.request.body.decoded().map(|body| body.as_ref()).unwrap_or_default();
    let session = session_of(&resolution, posted, &recorded.response.headers);
    let document = session.clone().map(|name| shelves.labelled(Label::Document(lane, name)));
    let mut take =
        Take { lane, resolution, alike, document, session, version: None, is_for_everybody: true, slots, recorded };
    if let Some(body) = take.recorded.response.body.decoded().filter(|_| take.shows_version()) {
        take.version = version_of(body);
        take.is_for_everybody = !shows_only_me(body);
    }
    take
}

/// True for a large session: its document shows the caller's own member and no others (mpsd-behaviour §1.12).
fn shows_only_me(body: &[u8]) -> bool {
    let doc = Doc::parse(body).ok();
    doc.is_some_and(|doc| doc.root().get("members").is_some_and(|members| members.get("me").is_some()))
}

fn answer_slots(response: &Response, values: &Bindable, fields: &Fields) -> AnswerSlots {
    let plain = response.body.decoded().map(|plain| plain.as_ref()).unwrap_or_default();
    let body = match (Doc::parse(plain), std::str::from_utf8(plain)) {
        (Ok(doc), _) => joined(fields.slots(&doc), slot::in_json(&doc, values)),
        (_, Ok(text)) => slot::in_text(text, values),
        _ => Vec::new(),
    };
    AnswerSlots::new(&response.headers, |name, value| slot::in_header(name, value, values), body)
}

/// A title's own slots, and the others beside them.
fn joined(own: Vec<Slot>, others: Vec<Slot>) -> Vec<Slot> {
    if own.is_empty() {
        return others;
    }
    let mut all: Vec<(bool, Slot)> = own.into_iter().map(|slot| (false, slot)).collect();
    all.extend(others.into_iter().map(|slot| (true, slot)));
    all.sort_by_key(|(is_other, slot)| (slot.span.start, *is_other));
    // A title's own takes up its whole text.
    let mut end = 0;
    all.retain(|(_, slot)| {
        let is_free = slot.span.start >= end;
        end = end.max(slot.span.end);
        is_free
    });
    all.into_iter().map(|(_, slot)| slot).collect()
}

fn tagged_version(take: &Take) -> Option<(String, Version)> {
    let tag = take.recorded.response.headers.text("etag")?;
    Some((plain_tag(tag).to_owned(), take.version.clone()?))
}

/// The status of an answer that opens a socket.
pub(super) const UPGRADED: u16 = 101;

/// An entity tag without its quotes and weakness.
pub(super) fn plain_tag(tag: &str) -> &str {
    tag.trim().trim_start_matches("W/").trim_matches('"')
}
