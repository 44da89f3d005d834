//! How each value of a recorded body is compared.

use std::ops::Range;

use super::document::{Pair, Places, Step, body_place, excerpt, member_role};
use crate::json::{Doc, Kind, Node};
use crate::mpsd::Op;
use crate::replay::fields::Meaning;
use crate::replay::tape::Tape;
use crate::slot::{Class, Judge, Role};

/// One value of a body, or a key in which a client has something of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::replay) struct Leaf {
    /// `body /pointer`.
    pub(in crate::replay) place: String,
    /// The value as it is written, cut short.
    pub(in crate::replay) value: String,
    /// The value as text, escapes undone.
    pub(in crate::replay) text: String,
    pub(in crate::replay) how: LeafHow,
}

/// How a leaf is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::replay) enum LeafHow {
    /// By meaning, up to these spans of its text.
    Slots(Vec<(Range<usize>, Class)>),
    /// A number, whatever it is: measured.
    Measured,
    /// Not at all: the title says so.
    Volatile,
}

/// The leaves of a recorded body, in its order.
pub(in crate::replay) fn leaves(tape: &Tape, op: Option<Op>, doc: &Doc<'_>) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    let mut places = Places::of(op, tape.fields().trail(op));
    let root = doc.root();
    let mut pending = vec![Pair { recorded: root, live: root, role: Role::Plain, place: 0 }];
    while let Some(Pair { recorded: node, role, place, .. }) = pending.pop() {
        if places.meaning(place) == Some(Meaning::Volatile) {
            leaves.push(leaf(&places, place, node, LeafHow::Volatile));
            continue;
        }
        let below = match node.kind() {
            Kind::Object => members(tape, node, role, place, &mut places, &mut leaves),
            Kind::Array => items(node, role, place, &mut places),
            _ => {
                leaves.push(leaf(&places, place, node, how(tape, &places, node, role, place)));
                continue;
            }
        };
        if below.is_empty() {
            leaves.push(leaf(&places, place, node, LeafHow::Slots(Vec::new())));
        }
        pending.extend(below.into_iter().rev());
    }
    leaves
}

fn members<'a>(
    tape: &Tape,
    node: Node<'a>,
    role: Role,
    parent: usize,
    places: &mut Places<'a>,
    leaves: &mut Vec<Leaf>,
) -> Vec<Pair<'a>> {
    let is_reference = node.get("templateName").is_some();
    let mut below = Vec::new();
    for (key, value) in node.members() {
        let name = key.str().unwrap_or_default();
        let role = member_role(is_reference, &name, role);
        let slots = tape.values().judge(&name, Role::Key);
        let (text, place) = (name.to_string(), places.below(parent, Step::Member(name)));
        if !slots.is_empty() {
            let place = format!("key of {}", body_place(&places.pointer(place)));
            leaves.push(Leaf { place, value: excerpt(key), text, how: LeafHow::Slots(slots) });
        }
        below.push(Pair { recorded: value, live: value, role, place });
    }
    below
}

fn items<'a>(node: Node<'a>, role: Role, parent: usize, places: &mut Places<'a>) -> Vec<Pair<'a>> {
    let pair = |(at, item)| Pair { recorded: item, live: item, role, place: places.below(parent, Step::Item(at)) };
    node.items().enumerate().map(pair).collect()
}

fn how(tape: &Tape, places: &Places<'_>, node: Node<'_>, role: Role, place: usize) -> LeafHow {
    let text = text_of(node);
    match (node.kind(), places.meaning(place)) {
        (Kind::String, Some(Meaning::Bound(class))) => LeafHow::Slots(vec![(0..text.len(), class)]),
        (Kind::Number, _) if places.is_measured(place) => LeafHow::Measured,
        (Kind::String | Kind::Number, _) => LeafHow::Slots(tape.values().judge(&text, role)),
        _ => LeafHow::Slots(Vec::new()),
    }
}

fn leaf(places: &Places<'_>, place: usize, node: Node<'_>, how: LeafHow) -> Leaf {
    Leaf { place: body_place(&places.pointer(place)), value: excerpt(node), text: text_of(node), how }
}

fn text_of(node: Node<'_>) -> String {
    let text = node.str().map(|text| text.into_owned());
    text.unwrap_or_else(|| String::from_utf8_lossy(node.raw()).into_owned())
}
