//! Two JSON bodies compared: members by name in any order, numbers by value, texts up to their slots.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use super::{Comparison, LONGEST_EXCERPT, MOST_DIFFERENCES, UNTOLD, cut};
use crate::json::{Doc, Kind, Node, join_pointer, same_number};
use crate::mpsd::Op;
use crate::replay::bind::match_text;
use crate::replay::fields::{Meaning, Trail};
use crate::slot::{Class, Judge, Role};

/// Two values that stand in the same place.
pub(super) struct Pair<'a> {
    pub(super) recorded: Node<'a>,
    pub(super) live: Node<'a>,
    pub(super) role: Role,
    pub(super) place: usize,
}

impl Comparison<'_> {
    pub(super) fn json<'a>(&mut self, recorded: Node<'a>, live: Node<'a>, shown: &Doc<'_>) {
        let op = self.asked.call.op();
        let fields = self.tape.fields();
        let mut places = Places::of(op, fields.trail(op));
        let mut pending = vec![Pair { recorded, live, role: Role::Plain, place: 0 }];
        while let Some(pair) = pending.pop() {
            if self.differences.len() >= MOST_DIFFERENCES {
                return;
            }
            if places.meaning(pair.place) == Some(Meaning::Volatile) {
                continue;
            }
            match (pair.recorded.kind(), pair.live.kind()) {
                (Kind::Object, Kind::Object) => {
                    let members = self.members(&pair, &mut places, shown);
                    pending.extend(members.into_iter().rev());
                }
                (Kind::Array, Kind::Array) => match items(&pair, &mut places) {
                    Some(items) => pending.extend(items.into_iter().rev()),
                    None => self.differ(&pair, &places, shown),
                },
                _ if self.leaf(&pair, &places) => {}
                _ => self.differ(&pair, &places, shown),
            }
        }
    }

    /// Pairs members by name, where a recorded name may hold slots; notes what has no partner.
    fn members<'a>(&mut self, parent: &Pair<'a>, places: &mut Places<'a>, shown: &Doc<'_>) -> Vec<Pair<'a>> {
        let is_reference = parent.recorded.get("templateName").is_some();
        let mut free = Free::new();
        for (key, value) in parent.live.members() {
            free.entry(key.str().unwrap_or_default()).or_default().push_back((key, value));
        }
        let mut pairs = Vec::new();
        let mut pair = |name: Cow<'a, str>, recorded, live| {
            let role = member_role(is_reference, &name, parent.role);
            pairs.push(Pair { recorded, live, role, place: places.below(parent.place, Step::Member(name)) });
        };
        let mut lonely = Vec::new();
        for (key, value) in parent.recorded.members() {
            let name = key.str().unwrap_or_default();
            match take_one(&mut free, &name) {
                Some(live) => pair(name, value, live),
                None => lonely.push((name, value)),
            }
        }
        let mut missed = Vec::new();
        for (name, value) in lonely {
            match self.partner(&mut free, &name) {
                Some(live) => pair(name, value, live),
                None => missed.push((name, value)),
            }
        }
        let pointer = |name: &str| join_pointer(&places.pointer(parent.place), name);
        let counts = |name: &str| !places.is_volatile_below(parent.place, name);
        for (name, value) in missed.into_iter().filter(|(name, _)| counts(name)).take(MOST_DIFFERENCES) {
            self.note(false, &body_place(&pointer(&name)), &excerpt(value), "absent");
        }
        let added = free.into_iter().filter(|(name, _)| counts(name)).flat_map(|(_, added)| added);
        for (key, value) in added.take(MOST_DIFFERENCES) {
            let name = key.twin(shown).and_then(Node::str).unwrap_or(Cow::Borrowed(UNTOLD));
            self.note(false, &body_place(&pointer(&name)), "absent", &told(value.twin(shown)));
        }
        pairs
    }

    /// A live member under a name that a recorded name with slots stands for.
    fn partner<'a>(&mut self, free: &mut Free<'a>, name: &str) -> Option<Node<'a>> {
        if self.tape.values().judge(name, Role::Key).is_empty() {
            return None;
        }
        let partner = free.keys().take(MOST_NAMES).find(|live| self.text(name, live, Role::Key)).cloned()?;
        take_one(free, &partner)
    }

    fn leaf(&mut self, pair: &Pair<'_>, places: &Places<'_>) -> bool {
        let Pair { recorded, live, role, place } = *pair;
        match (recorded.kind(), live.kind()) {
            (Kind::String, Kind::String) => {
                let (recorded, live) = (recorded.str().unwrap_or_default(), live.str().unwrap_or_default());
                match places.meaning(place) {
                    Some(Meaning::Bound(class)) => {
                        match_text(&recorded, &[(0..recorded.len(), class)], &live, self.bindings)
                    }
                    _ => self.text(&recorded, &live, role),
                }
            }
            (Kind::Number, Kind::Number) => {
                let (recorded, live) = (recorded.number().unwrap_or_default(), live.number().unwrap_or_default());
                same_number(recorded, live) || places.is_measured(place) || self.text(recorded, live, role)
            }
            (recorded_kind, live_kind) => recorded_kind == live_kind && recorded.raw() == live.raw(),
        }
    }

    fn differ(&mut self, pair: &Pair<'_>, places: &Places<'_>, shown: &Doc<'_>) {
        let place = body_place(&places.pointer(pair.place));
        self.note(false, &place, &excerpt(pair.recorded), &told(pair.live.twin(shown)));
    }
}

/// The items of two arrays of one length.
fn items<'a>(parent: &Pair<'a>, places: &mut Places<'a>) -> Option<Vec<Pair<'a>>> {
    let (left, right): (Vec<_>, Vec<_>) = (parent.recorded.items().collect(), parent.live.items().collect());
    let pairs = left.iter().zip(&right).enumerate().map(|(at, (recorded, live))| {
        let place = places.below(parent.place, Step::Item(at));
        Pair { recorded: *recorded, live: *live, role: parent.role, place }
    });
    (left.len() == right.len()).then(|| pairs.collect())
}

/// Where values stand, each by its step from its parent: a pointer is spelt out only where something differs.
pub(super) struct Places<'a>(Vec<Place<'a>>);

struct Place<'a> {
    parent: usize,
    step: Step<'a>,
    zone: Zone,
    trail: Trail<'a>,
}

pub(super) enum Step<'a> {
    Root,
    Member(Cow<'a, str>),
    Item(usize),
}

impl<'a> Places<'a> {
    pub(super) fn of(op: Option<Op>, trail: Trail<'a>) -> Self {
        Self(vec![Place { parent: 0, step: Step::Root, zone: Zone::of(op), trail }])
    }

    pub(super) fn below(&mut self, parent: usize, step: Step<'a>) -> usize {
        let Place { zone, trail, .. } = &self.0[parent];
        let (zone, trail) = match &step {
            Step::Member(name) => (zone.member(name), trail.below(name)),
            Step::Root => (zone.item(), trail.clone()),
            Step::Item(at) => (zone.item(), trail.below(&at.to_string())),
        };
        self.0.push(Place { parent, step, zone, trail });
        self.0.len() - 1
    }

    /// What the title says of a place.
    pub(super) fn meaning(&self, place: usize) -> Option<Meaning> {
        self.0[place].trail.here
    }

    fn is_volatile_below(&self, parent: usize, name: &str) -> bool {
        self.0[parent].trail.below(name).here == Some(Meaning::Volatile)
    }

    pub(super) fn is_measured(&self, place: usize) -> bool {
        self.0[place].zone == Zone::Measured
    }

    pub(super) fn pointer(&self, place: usize) -> String {
        let mut steps = Vec::new();
        let mut at = place;
        while at != 0 {
            steps.push(&self.0[at].step);
            at = self.0[at].parent;
        }
        let mut pointer = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Root => {}
                Step::Member(name) => pointer.push_str(&join_pointer("", name)),
                Step::Item(index) => pointer.push_str(&format!("/{index}")),
            }
        }
        pointer
    }
}

/// The way to what a client measured: `/members/*/properties/system/measurements/…` of a session document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zone {
    Session,
    Members,
    Member,
    Properties,
    System,
    Measurements,
    /// Measured network quality differs in every run (mpsd-behaviour 6).
    Measured,
    Elsewhere,
}

impl Zone {
    /// What a request body is.
    fn of(op: Option<Op>) -> Self {
        match op {
            Some(Op::SessionPut | Op::HandleSessionPut) => Self::Session,
            Some(Op::MemberMePut) => Self::Member,
            _ => Self::Elsewhere,
        }
    }

    fn member(self, name: &str) -> Self {
        match (self, name) {
            (Self::Session, "members") => Self::Members,
            (Self::Members, _) => Self::Member,
            (Self::Member, "properties") => Self::Properties,
            (Self::Properties, "system") => Self::System,
            (Self::System, "measurements" | "serverMeasurements") => Self::Measurements,
            (Self::Measurements | Self::Measured, _) => Self::Measured,
            _ => Self::Elsewhere,
        }
    }

    fn item(self) -> Self {
        match self {
            Self::Measured => Self::Measured,
            _ => Self::Elsewhere,
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

pub(super) fn member_role(is_reference: bool, name: &str, role: Role) -> Role {
    match role {
        Role::Typed(Class::Secret) => role,
        _ if is_reference && name == "name" => Role::Typed(Class::Session),
        _ => Role::of_key(name),
    }
}

pub(super) fn body_place(pointer: &str) -> String {
    format!("body {}", if pointer.is_empty() { "/" } else { pointer })
}

pub(super) fn excerpt(node: Node<'_>) -> String {
    let raw = node.raw();
    cut(&String::from_utf8_lossy(&raw[..raw.len().min(4 * (LONGEST_EXCERPT + 1))]))
}

fn told(node: Option<Node<'_>>) -> String {
    node.map_or_else(|| UNTOLD.to_owned(), excerpt)
}

/// How many live names a recorded name with slots is tried on.
const MOST_NAMES: usize = 1000;
