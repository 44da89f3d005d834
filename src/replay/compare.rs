//! Is this live call that recorded one? Meaning is compared, not text; what differs is said by place.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::bind::{Bindings, match_text};
use super::miss::Difference;
use super::tape::{Recorded, Take, Tape, plain_tag};
use crate::exchange::Call;
use crate::json::{Doc, Kind, Node, join_pointer, same_number};
use crate::message::{Body, Request};
use crate::mpsd::{Op, ParamName, target};
use crate::slot::{Class, Judge, Role};

/// Which parts of a call must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// All but `If-Match` and `If-None-Match`.
    WithoutPreconditions,
}

/// A call as it came, and as it may be told: the same call redacted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) call: &'a Call,
    pub(super) shown: &'a Call,
}

/// Compares a live call to a take and binds what its slots meet. Empty means they agree.
pub(super) fn compare(
    tape: &Tape,
    take: &Take,
    asked: Asked<'_>,
    extent: Extent,
    bindings: &mut Bindings,
) -> Vec<Difference> {
    let recorded = &take.recorded.request;
    let mut comparison = Comparison { tape, asked, bindings, differences: Vec::new() };
    comparison.path(take);
    comparison.query(recorded);
    comparison.headers(recorded);
    if extent == Extent::Whole {
        comparison.preconditions(recorded);
    }
    comparison.body(&take.recorded);
    comparison.trailers(recorded);
    comparison.differences
}

struct Comparison<'a> {
    tape: &'a Tape,
    asked: Asked<'a>,
    bindings: &'a mut Bindings,
    differences: Vec<Difference>,
}

impl Comparison<'_> {
    fn path(&mut self, take: &Take) {
        let Asked { call, shown } = self.asked;
        let (Some(recorded), Some(live)) = (take.resolution.operation(), call.resolution.operation()) else {
            let agree = self.segments(&take.recorded.request.target, &call.request.target);
            return self.note(agree, "path", take.recorded.request.path(), shown.request.path());
        };
        for (name, piece) in recorded.params() {
            let live = live.param(name);
            let agree = match name {
                ParamName::Scid | ParamName::Template | ParamName::Hopper => piece.text.eq_ignore_ascii_case(live),
                _ => self.text(&piece.text, live, Role::of_param(name)),
            };
            let shown = shown.resolution.operation().map_or(UNTOLD, |operation| operation.param(name));
            self.note(agree, &format!("path {name:?}").to_lowercase(), &piece.text, shown);
        }
    }

    fn segments(&mut self, recorded: &str, live: &str) -> bool {
        let (recorded, live) = (target::segments(recorded), target::segments(live));
        let pairs = || recorded.iter().zip(&live);
        recorded.len() == live.len() && pairs().all(|(left, right)| self.text(&left.text, &right.text, Role::Plain))
    }

    /// Parameters compare by name, in any order; `include` is a set.
    fn query(&mut self, recorded: &Request) {
        let Asked { call, shown } = self.asked;
        let (recorded, live) = (parameters(recorded, recorded), parameters(&call.request, &shown.request));
        let same_names =
            recorded.len() == live.len() && recorded.iter().zip(&live).all(|(one, two)| one.name == two.name);
        if !same_names {
            let names = |list: &[Parameter]| list.iter().map(|one| one.shown.0.as_str()).collect::<Vec<_>>().join("&");
            return self.note(false, "query", &names(&recorded), &names(&live));
        }
        for (recorded, live) in recorded.iter().zip(&live) {
            let agree = match (&recorded.text, &live.text) {
                (Some(recorded_text), Some(text)) => self.text(recorded_text, text, Role::of_query(&recorded.name)),
                (recorded, live) => recorded == live,
            };
            let told = |text: &Option<String>| text.clone().unwrap_or_else(|| "absent".to_owned());
            self.note(agree, &format!("query {}", recorded.name), &told(&recorded.text), &told(&live.shown.1));
        }
    }

    fn headers(&mut self, recorded: &Request) {
        let Asked { call, shown } = self.asked;
        let (left, right) = (authorization(recorded), authorization(&call.request));
        self.note(left == right, "header authorization", left, right);
        for name in COMPARED {
            let (recorded, live) = (lines(recorded, name), lines(&call.request, name));
            let agree = recorded.len() == live.len()
                && recorded.iter().zip(&live).all(|(one, two)| self.text(one.trim(), two.trim(), Role::Plain));
            self.note(
                agree,
                &format!("header {name}"),
                &or_absent(&recorded),
                &or_absent(&lines(&shown.request, name)),
            );
        }
    }

    /// Preconditions are meaning: none, any, or a version, however its tag is spelt.
    fn preconditions(&mut self, recorded: &Request) {
        let Asked { call, shown } = self.asked;
        for name in ["if-match", "if-none-match"] {
            let (recorded, live) = (lines(recorded, name), lines(&call.request, name));
            let agree = recorded.len() == live.len()
                && recorded.iter().zip(&live).all(|(one, two)| self.same_version(one.trim(), two.trim()));
            self.note(
                agree,
                &format!("header {name}"),
                &or_absent(&recorded),
                &or_absent(&lines(&shown.request, name)),
            );
        }
    }

    fn trailers(&mut self, recorded: &Request) {
        let of = |request: &Request| {
            let lines = request.trailers.iter().map(|header| (header.name.clone(), header.value.clone()));
            lines.collect::<Vec<_>>()
        };
        let Asked { call, shown } = self.asked;
        let agree = of(recorded).len() == of(&call.request).len()
            && of(recorded).iter().zip(of(&call.request)).all(|(one, two)| {
                one.0 == two.0 && self.text(&legible(&one.1), &legible(&two.1), Role::of_header(&one.0))
            });
        self.note(agree, "trailers", &format!("{:?}", of(recorded)), &format!("{:?}", of(&shown.request)));
    }

    fn same_version(&self, recorded: &str, live: &str) -> bool {
        if recorded == "*" || live == "*" {
            return recorded == live;
        }
        let (recorded, live) = (plain_tag(recorded), plain_tag(live));
        let versions = (self.tape.version(recorded), self.tape.version(live));
        recorded == live || matches!(versions, (Some(recorded), Some(live)) if recorded == live)
    }

    /// A body that is no text to us is the same when its bytes are.
    fn body(&mut self, recorded: &Recorded) {
        let Asked { call, shown } = self.asked;
        let (kept, live) = (&recorded.request.body, &call.request.body);
        if let Some(withheld) = &recorded.request_withheld {
            let known = format!("a body that was not kept ({})", withheld.reason);
            return self.note(withheld.is(live.wire()), "body", &known, &length(live));
        }
        let (Some(left), Some(right)) = (kept.decoded(), live.decoded()) else {
            return self.note(kept.wire() == live.wire(), "body", &length(kept), &length(live));
        };
        if left == right {
            return;
        }
        let shown = shown.request.body.decoded().map(AsRef::as_ref).unwrap_or_default();
        match (Doc::parse(left), Doc::parse(right), Doc::parse(shown)) {
            (Ok(recorded), Ok(live), Ok(shown)) if recorded.facts().depth.max(live.facts().depth) <= DEEPEST => {
                self.json(recorded.root(), live.root(), &shown);
            }
            _ => {
                let agree = match (std::str::from_utf8(left), std::str::from_utf8(right)) {
                    (Ok(left), Ok(right)) => self.text(left, right, Role::Plain),
                    _ => false,
                };
                self.note(agree, "body", &String::from_utf8_lossy(left), &String::from_utf8_lossy(shown));
            }
        }
    }

    fn json(&mut self, recorded: Node<'_>, live: Node<'_>, shown: &Doc<'_>) {
        let mut pending = vec![(recorded, live, String::new(), Role::Plain)];
        while let Some((recorded, live, pointer, role)) = pending.pop() {
            if self.differences.len() >= MOST_DIFFERENCES {
                return;
            }
            match (recorded.kind(), live.kind()) {
                (Kind::Object, Kind::Object) => {
                    let is_reference = recorded.get("templateName").is_some();
                    let pairs = self.members(recorded, live, &pointer, shown);
                    pending.extend(pairs.into_iter().rev().map(|(name, left, right)| {
                        let role = member_role(is_reference, &name, role);
                        (left, right, join_pointer(&pointer, &name), role)
                    }));
                }
                (Kind::Array, Kind::Array) => {
                    let (left, right): (Vec<_>, Vec<_>) = (recorded.items().collect(), live.items().collect());
                    if left.len() != right.len() {
                        self.note_nodes(false, &pointer, recorded, live.twin(shown));
                        continue;
                    }
                    let items = left.into_iter().zip(right).enumerate().rev();
                    pending.extend(items.map(|(at, (left, right))| (left, right, format!("{pointer}/{at}"), role)));
                }
                _ => {
                    let agree = self.leaf(recorded, live, role, &pointer);
                    self.note_nodes(agree, &pointer, recorded, live.twin(shown));
                }
            }
        }
    }

    /// Pairs members by name, where a recorded name may hold slots; notes what has no partner.
    fn members<'a>(
        &mut self,
        recorded: Node<'a>,
        live: Node<'a>,
        pointer: &str,
        shown: &Doc<'_>,
    ) -> Vec<(String, Node<'a>, Node<'a>)> {
        let mut free = Free::new();
        for (key, value) in live.members() {
            free.entry(key.str().unwrap_or_default()).or_default().push_back((key, value));
        }
        let mut pairs = Vec::new();
        let mut lonely = Vec::new();
        for (key, value) in recorded.members() {
            let name = key.str().unwrap_or_default();
            match take_one(&mut free, &name) {
                Some(live) => pairs.push((name.into_owned(), value, live)),
                None => lonely.push((name.into_owned(), value)),
            }
        }
        for (name, value) in lonely {
            let has_slots = !self.tape.values().judge(&name, Role::Key).is_empty();
            let mut names = free.keys().filter(|_| has_slots).take(MOST_NAMES);
            let partner = names.find(|live| self.text(&name, live, Role::Key)).cloned();
            match partner.and_then(|partner| take_one(&mut free, &partner)) {
                Some(live) => pairs.push((name, value, live)),
                None => self.note(false, &body_place(&join_pointer(pointer, &name)), &excerpt(value), "absent"),
            }
        }
        for (key, value) in free.into_values().flatten() {
            let name = key.twin(shown).and_then(Node::str).unwrap_or(Cow::Borrowed(UNTOLD));
            self.note(false, &body_place(&join_pointer(pointer, &name)), "absent", &told(value.twin(shown)));
        }
        pairs
    }

    fn leaf(&mut self, recorded: Node<'_>, live: Node<'_>, role: Role, pointer: &str) -> bool {
        match (recorded.kind(), live.kind()) {
            (Kind::String, Kind::String) => {
                self.text(&recorded.str().unwrap_or_default(), &live.str().unwrap_or_default(), role)
            }
            (Kind::Number, Kind::Number) => {
                let (recorded, live) = (recorded.number().unwrap_or_default(), live.number().unwrap_or_default());
                let op = self.asked.call.resolution.operation().map(|operation| operation.op);
                same_number(recorded, live) || is_measured(op, pointer) || self.text(recorded, live, role)
            }
            (recorded_kind, live_kind) => recorded_kind == live_kind && recorded.raw() == live.raw(),
        }
    }

    fn text(&mut self, recorded: &str, live: &str, role: Role) -> bool {
        let slots = self.tape.values().judge(recorded, role);
        match_text(recorded, &slots, live, self.bindings)
    }

    fn note_nodes(&mut self, agree: bool, pointer: &str, recorded: Node<'_>, shown: Option<Node<'_>>) {
        if !agree {
            self.note(false, &body_place(pointer), &excerpt(recorded), &told(shown));
        }
    }

    /// Only what may be told of the live call goes into a difference.
    fn note(&mut self, agree: bool, place: &str, recorded: &str, shown: &str) {
        if !agree && self.differences.len() < MOST_DIFFERENCES {
            let mut recorded = cut(recorded);
            if self.bindings.stands_for_another(recorded.trim_matches('"')) {
                recorded += " (bound already, to another live value)";
            }
            let difference = Difference { place: place.to_owned(), recorded, live: cut(shown) };
            self.differences.push(difference);
        }
    }
}

/// Live members that have no partner yet, by name: keys and values.
type Free<'a> = BTreeMap<Cow<'a, str>, VecDeque<(Node<'a>, Node<'a>)>>;

fn take_one<'a>(free: &mut Free<'a>, name: &str) -> Option<Node<'a>> {
    let values = free.get_mut(name)?;
    let value = values.pop_front().map(|(_, value)| value);
    if values.is_empty() {
        free.remove(name);
    }
    value
}

fn member_role(is_reference: bool, name: &str, role: Role) -> Role {
    match role {
        Role::Typed(Class::Secret) => role,
        _ if is_reference && name == "name" => Role::Typed(Class::Session),
        _ => Role::of_key(name),
    }
}

/// What a call says of who sends it. Tokens differ in every run; whether there is one does not.
fn authorization(request: &Request) -> &'static str {
    let Some(value) = request.headers.all("authorization").next() else {
        return "absent";
    };
    match value.split(|byte| *byte == b' ').next() {
        _ if value.is_empty() => "absent",
        Some(scheme) if scheme.eq_ignore_ascii_case(b"XBL3.0") => "an X-token",
        _ => "something else than an X-token",
    }
}

/// A value as text: bytes that are none are escaped, so that different values stay different.
fn legible(value: &Bytes) -> String {
    std::str::from_utf8(value).map_or_else(|_| value.escape_ascii().to_string(), str::to_owned)
}

fn lines(request: &Request, name: &str) -> Vec<String> {
    request.headers.all(name).map(legible).collect()
}

/// One query parameter, and how it may be told.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Parameter {
    name: String,
    /// `None` without a `=`.
    text: Option<String>,
    shown: (String, Option<String>),
}

fn parameters(request: &Request, shown: &Request) -> Vec<Parameter> {
    let mut list: Vec<_> = pieces(request)
        .zip(pieces(shown))
        .map(|((name, text), shown)| {
            let text = if name == "include" { text.map(|text| sorted_words(&text)) } else { text };
            Parameter { name, text, shown }
        })
        .collect();
    list.sort();
    list
}

fn pieces(request: &Request) -> impl Iterator<Item = (String, Option<String>)> {
    let pieces = target::parameters(&request.target).into_iter();
    pieces.map(|(name, value)| (name.text, value.map(|value| value.text)))
}

fn sorted_words(list: &str) -> String {
    let mut words: Vec<String> = list.split(',').map(|word| word.trim().to_lowercase()).collect();
    words.sort();
    words.join(",")
}

/// Measured network quality differs in every run (mpsd-behaviour 6).
fn is_measured(op: Option<Op>, pointer: &str) -> bool {
    let mut names = pointer.split('/').skip(1);
    let is_member = op == Some(Op::MemberMePut) || (names.next() == Some("members") && names.next().is_some());
    let bag = [names.next(), names.next()];
    is_member
        && bag == [Some("properties"), Some("system")]
        && matches!(names.next(), Some("measurements" | "serverMeasurements"))
}

/// All that may be told of a body nobody can read.
fn length(body: &Body) -> String {
    match body.decoded() {
        Some(plain) if plain.is_empty() => "absent".to_owned(),
        Some(_) => "another body".to_owned(),
        None => format!("{} bytes in a content coding that is not understood", body.wire().len()),
    }
}

fn body_place(pointer: &str) -> String {
    format!("body {}", if pointer.is_empty() { "/" } else { pointer })
}

fn excerpt(node: Node<'_>) -> String {
    cut(&String::from_utf8_lossy(node.raw()))
}

fn told(node: Option<Node<'_>>) -> String {
    node.map_or_else(|| UNTOLD.to_owned(), excerpt)
}

fn or_absent(lines: &[String]) -> String {
    if lines.is_empty() { "absent".to_owned() } else { lines.join(", ") }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_EXCERPT) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Headers that change what a request means. All others may differ from run to run.
const COMPARED: [&str; 4] =
    ["x-xbl-contract-version", "x-xbl-onbehalfof-users", "x-xbl-onbehalfof-title", "x-xbl-deny-scope"];
/// Stands for what cannot be told.
const UNTOLD: &str = "…";
const MOST_DIFFERENCES: usize = 20;
/// Deeper documents are compared as text.
const DEEPEST: usize = 500;
/// How many live names a recorded name with slots is tried on.
const MOST_NAMES: usize = 1000;
const LONGEST_EXCERPT: usize = 200;
