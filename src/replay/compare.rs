//! Is this live call that recorded one? Meaning is compared, not text; what differs is said by place.

mod document;
mod leaves;

use bytes::Bytes;

pub(super) use leaves::{LeafHow, leaves};

use super::advice::one_line;
use super::bind::{Bindings, match_text};
use super::miss::Difference;
use super::tape::{Recorded, Take, Tape, plain_tag};
use crate::exchange::Call;
use crate::json::Doc;
use crate::message::{Body, Request};
use crate::mpsd::{ParamName, target};
use crate::slot::{self, Role};

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
    /// The take it is known to be.
    pub(super) known: Option<usize>,
}

impl<'a> Asked<'a> {
    /// A call of which no more is known.
    pub(super) fn new(call: &'a Call, shown: &'a Call) -> Self {
        Self { call, shown, known: None }
    }
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
        let Asked { call, shown, .. } = self.asked;
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
        let Asked { call, shown, .. } = self.asked;
        let (fields, op) = (self.tape.fields(), call.op());
        let counts = |one: &Parameter| !fields.is_volatile_query(op, &one.name.to_lowercase());
        let counted = |request, shown| parameters(request, shown).into_iter().filter(counts).collect::<Vec<_>>();
        let (recorded, live) = (counted(recorded, recorded), counted(&call.request, &shown.request));
        let same_names =
            recorded.len() == live.len() && recorded.iter().zip(&live).all(|(one, two)| one.name == two.name);
        if !same_names {
            let names = |list: &[Parameter]| list.iter().map(|one| one.shown.0.as_str()).collect::<Vec<_>>().join("&");
            let told = |list: &[Parameter]| if list.is_empty() { "absent".to_owned() } else { names(list) };
            return self.note(false, "query", &told(&recorded), &told(&live));
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
        let Asked { call, shown, .. } = self.asked;
        let (left, right) = (authorization(recorded), authorization(&call.request));
        self.note(left == right, "header authorization", left, right);
        let (fields, op) = (self.tape.fields(), call.op());
        for name in COMPARED_HEADERS.into_iter().filter(|name| !fields.is_volatile_header(op, name)) {
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
        let Asked { call, shown, .. } = self.asked;
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
        let Asked { call, shown, .. } = self.asked;
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
        let Asked { call, shown, .. } = self.asked;
        let (kept, live) = (&recorded.request.body, &call.request.body);
        if let Some(withheld) = &recorded.request_withheld {
            let known = format!("a body that was not kept ({})", withheld.reason);
            return self.note(withheld.is_of(live), "body", &known, &length(live));
        }
        if let Some(gone) = live.as_gone() {
            return self.note(gone.is(kept.wire()), "body", &length(kept), &length(live));
        }
        let (Some(left), Some(right)) = (kept.decoded(), live.decoded()) else {
            return self.note(kept.wire() == live.wire(), "body", &length(kept), &length(live));
        };
        let shown = shown.request.body.decoded().map(AsRef::as_ref).unwrap_or_default();
        match (Doc::parse(left), Doc::parse(right), Doc::parse(shown)) {
            (Ok(recorded), Ok(live), Ok(shown)) => self.json(recorded.root(), live.root(), &shown),
            _ => {
                let agree = match (std::str::from_utf8(left), std::str::from_utf8(right)) {
                    (Ok(left), Ok(right)) => self.text(left, right, Role::Plain),
                    _ => left == right,
                };
                self.note(agree, "body", &String::from_utf8_lossy(left), &String::from_utf8_lossy(shown));
            }
        }
    }

    fn text(&mut self, recorded: &str, live: &str, role: Role) -> bool {
        let slots = slot::in_one(recorded, role, self.tape.values());
        match_text(recorded, &slots, live, self.bindings)
    }

    /// Only what may be told of the live call goes into a difference.
    fn note(&mut self, agree: bool, place: &str, recorded: &str, shown: &str) {
        if !agree && self.differences.len() < MOST_DIFFERENCES {
            let recorded = cut(recorded);
            let conflict = self.bindings.stands_for_another(recorded.trim_matches('"'));
            self.differences.push(Difference { place: place.to_owned(), recorded, live: cut(shown), conflict });
        }
    }
}

/// What a call says of who sends it. Tokens differ in every run; whether there is one does not.
pub(super) fn authorization(request: &Request) -> &'static str {
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

pub(super) fn lines(request: &Request, name: &str) -> Vec<String> {
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

/// All that may be told of a body nobody can read.
fn length(body: &Body) -> String {
    if let Some(gone) = body.as_gone() {
        return format!("another body, of {} bytes: too long or too slow to be read whole", gone.length);
    }
    match body.decoded() {
        Some(plain) if plain.is_empty() => "absent".to_owned(),
        Some(_) => "another body".to_owned(),
        None => format!("{} bytes in a content coding that is not understood", body.wire().len()),
    }
}

fn or_absent(lines: &[String]) -> String {
    if lines.is_empty() { "absent".to_owned() } else { lines.join(", ") }
}

pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_EXCERPT) {
        Some((at, _)) => format!("{}…", one_line(&text[..at])),
        None => one_line(text),
    }
}

/// Headers that change what a request means. All others may differ from run to run.
pub const COMPARED_HEADERS: [&str; 4] =
    ["x-xbl-contract-version", "x-xbl-onbehalfof-users", "x-xbl-onbehalfof-title", "x-xbl-deny-scope"];
/// Stands for what cannot be told.
const UNTOLD: &str = "…";
const MOST_DIFFERENCES: usize = 20;
const LONGEST_EXCERPT: usize = 200;
