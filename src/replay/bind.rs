//! Bindings: recorded values that a live client has its own of.
//!
//! A client may send a recorded value back when an answer has shown it that: nobody had one of their own by then. A
//! recorded value that was shown to nobody is its sender's own, and stands for itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::account::Bound;
use crate::message::{Body, Headers, Response};
use crate::mpsd::name::{is_guid, is_xuid};
use crate::slot::{Class, Slot, splice, unescaped};

/// Recorded values and the live ones that stand for them, one to one.
///
/// Every trial has its own: what was settled before is shared by all of them, and only what came since is copied.
#[derive(Clone, Debug, Default)]
pub(super) struct Bindings {
    settled: Arc<Layer>,
    fresh: Layer,
}

/// Some of the bindings.
#[derive(Clone, Debug, Default)]
struct Layer {
    live: BTreeMap<Key, Binding>,
    recorded: BTreeMap<Key, String>,
    /// Recorded values that clients were shown as they are.
    shown: BTreeSet<Key>,
}

/// A value as equal ones share it.
type Key = (Family, String);

#[derive(Clone, Debug)]
struct Binding {
    recorded: String,
    live: String,
}

/// Values of one family never stand for values of another. A session name may be a GUID used elsewhere, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Name,
    Of(Class),
}

impl Family {
    fn of(class: Class) -> Self {
        match class {
            Class::Session | Class::Guid => Self::Name,
            other => Self::Of(other),
        }
    }

    /// A class of the family.
    fn class(self) -> Class {
        match self {
            Self::Name => Class::Session,
            Self::Of(class) => class,
        }
    }

    /// What equal values of the family share: all but base64 are the same in any letter case.
    fn key(self, value: &str) -> (Self, String) {
        let is_exact = self == Self::Of(Class::Address);
        (self, if is_exact { value.to_owned() } else { value.to_lowercase() })
    }
}

impl Bindings {
    /// Binds a recorded value to a live one; false when either already stands for something else.
    pub(super) fn bind(&mut self, class: Class, recorded: &str, live: &str) -> bool {
        let family = Family::of(class);
        let (recorded_key, live_key) = (family.key(recorded), family.key(live));
        if recorded_key != live_key && !has_shape(class, live) {
            return false;
        }
        if let Some(binding) = self.live(&recorded_key) {
            return family.key(&binding.live) == live_key;
        }
        if self.layers().any(|layer| layer.recorded.contains_key(&live_key)) {
            return false;
        }
        self.fresh.recorded.insert(live_key, recorded_key.1.clone());
        self.fresh.live.insert(recorded_key, Binding { recorded: recorded.to_owned(), live: live.to_owned() });
        true
    }

    /// Takes a value that a client sends where a recorded one stands: its own, or the recorded one it was shown.
    pub(super) fn accept(&mut self, class: Class, recorded: &str, live: &str) -> bool {
        let family = Family::of(class);
        let key = family.key(recorded);
        let is_echo = key == family.key(live) && self.is_shown(&key);
        class == Class::Secret || is_echo || self.bind(class, recorded, live)
    }

    /// Notes what clients are shown in these slots: what is not bound, as it was recorded.
    pub(super) fn show<'s>(&mut self, slots: impl IntoIterator<Item = &'s Slot>) {
        for slot in slots {
            let key = Family::of(slot.class).key(&slot.text);
            if self.live(&key).is_none() && !self.is_shown(&key) {
                self.fresh.shown.insert(key);
            }
        }
    }

    /// Makes all of it what is settled. That is copied only while somebody else still has it.
    pub(super) fn settle(&mut self) {
        let Layer { live, recorded, shown } = std::mem::take(&mut self.fresh);
        if live.is_empty() && shown.is_empty() {
            return;
        }
        let settled = Arc::make_mut(&mut self.settled);
        settled.live.extend(live);
        settled.recorded.extend(recorded);
        settled.shown.extend(shown);
    }

    fn layers(&self) -> impl Iterator<Item = &Layer> {
        [&self.fresh, &*self.settled].into_iter()
    }

    fn live(&self, key: &Key) -> Option<&Binding> {
        self.layers().find_map(|layer| layer.live.get(key))
    }

    fn is_shown(&self, key: &Key) -> bool {
        self.layers().any(|layer| layer.shown.contains(key))
    }

    /// Every binding, by class and recorded value.
    pub(super) fn listed(&self) -> Vec<Bound> {
        let bound = |((family, _), binding): (&Key, &Binding)| {
            let Binding { recorded, live } = binding.clone();
            Bound { class: family.class(), recorded, live }
        };
        let sorted: BTreeMap<&Key, &Binding> = self.layers().flat_map(|layer| &layer.live).collect();
        sorted.into_iter().map(bound).collect()
    }

    /// True when nothing is bound.
    pub(super) fn is_empty(&self) -> bool {
        self.layers().all(|layer| layer.live.is_empty())
    }

    /// True when a recorded value has a live one already.
    pub(super) fn stands_for_another(&self, recorded: &str) -> bool {
        let folded = recorded.to_lowercase();
        self.layers().flat_map(|layer| layer.live.keys()).any(|(_, known)| *known == folded || known == recorded)
    }

    /// These bindings and others together; `None` when they contradict each other.
    pub(super) fn with(&self, others: &Self) -> Option<Self> {
        let mut both = self.clone();
        let agree = others
            .layers()
            .flat_map(|layer| &layer.live)
            .all(|((family, _), binding)| both.bind(family.class(), &binding.recorded, &binding.live));
        for key in others.layers().flat_map(|layer| &layer.shown) {
            if !both.is_shown(key) {
                both.fresh.shown.insert(key.clone());
            }
        }
        agree.then_some(both)
    }

    /// What is bound here and not in `base`.
    pub(super) fn beyond(&self, base: &Self) -> Self {
        let mut fresh = Layer::default();
        let is_shared = Arc::ptr_eq(&self.settled, &base.settled);
        for layer in self.layers().take(if is_shared { 1 } else { 2 }) {
            let live = layer.live.iter().filter(|(key, _)| base.live(key).is_none());
            fresh.live.extend(live.map(|(key, value)| (key.clone(), value.clone())));
            let recorded = layer.recorded.iter().filter(|(key, value)| base.live(&(key.0, (*value).clone())).is_none());
            fresh.recorded.extend(recorded.map(|(key, value)| (key.clone(), value.clone())));
            fresh.shown.extend(layer.shown.iter().filter(|key| !base.is_shown(key)).cloned());
        }
        Self { fresh, ..Self::default() }
    }

    /// The live text for one occurrence of a recorded value, in the occurrence's letter case; `None` when it stays as
    /// it is.
    pub(super) fn render(&self, slot: &Slot) -> Option<String> {
        let binding = self.live(&Family::of(slot.class).key(&slot.text))?;
        if binding.live == binding.recorded {
            return None;
        }
        Some(match slot.text.as_str() {
            text if text == binding.recorded => binding.live.clone(),
            text if text == text.to_lowercase() => binding.live.to_lowercase(),
            text if text == text.to_uppercase() => binding.live.to_uppercase(),
            _ => binding.live.clone(),
        })
    }

    /// A recorded answer with live values in its slots. Without any, the recorded bytes, wire form and all.
    pub(super) fn render_response(&mut self, response: &Response, slots: &AnswerSlots) -> (Response, bool) {
        self.show(slots.headers.iter().flat_map(|(_, slots)| slots).chain(&slots.body));
        let mut rendered = response.clone();
        let mut bound = false;
        for (at, slots) in &slots.headers {
            if let Some(header) = rendered.headers.iter_mut().nth(*at) {
                let value = splice(&header.value, slots, |slot| self.render(slot));
                bound |= value != header.value.as_ref();
                header.value = value.into();
            }
        }
        if let Some(plain) = response.body.decoded().filter(|_| !slots.body.is_empty()) {
            let body = splice(plain, &slots.body, |slot| self.render(slot));
            if body != plain.as_ref() {
                bound = true;
                rendered.body = Body::encoded(body, response.body.coding());
            }
        }
        (rendered, bound)
    }
}

/// Where values that may be bound stand in one recorded answer.
#[derive(Debug, Default)]
pub(super) struct AnswerSlots {
    headers: Vec<(usize, Vec<Slot>)>,
    body: Vec<Slot>,
}

impl AnswerSlots {
    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Slot> {
        self.headers.iter().flat_map(|(_, slots)| slots).chain(&self.body)
    }

    pub(super) fn new(headers: &Headers, mut in_header: impl FnMut(&str, &str) -> Vec<Slot>, body: Vec<Slot>) -> Self {
        let found = headers.iter().enumerate().filter_map(|(at, header)| {
            let slots = in_header(&header.name, std::str::from_utf8(&header.value).ok()?);
            (!slots.is_empty()).then_some((at, slots))
        });
        Self { headers: found.collect(), body }
    }
}

/// Matches a live text against a recorded one whose slots are known; binds what all of them meet, or nothing.
pub(super) fn match_text(recorded: &str, slots: &[Slot], live: &str, bindings: &mut Bindings) -> bool {
    let Some(pieces) = pieces(recorded, slots, live) else { return false };
    let mut trial = bindings.clone();
    let agree = slots.iter().zip(pieces).all(|(slot, piece)| {
        unescaped(piece, &slot.layers).is_some_and(|value| trial.accept(slot.class, &slot.text, &value))
    });
    if agree && !slots.is_empty() {
        *bindings = trial;
    }
    agree
}

/// What stands in the slots' places of a live text.
fn pieces<'l>(recorded: &str, slots: &[Slot], live: &'l str) -> Option<Vec<&'l str>> {
    let first = slots.first().map_or(recorded.len(), |slot| slot.span.start);
    let mut rest = live.strip_prefix(&recorded[..first])?;
    let mut pieces = Vec::with_capacity(slots.len());
    for (index, slot) in slots.iter().enumerate() {
        let next = slots.get(index + 1).map(|next| next.span.start);
        let literal = &recorded[slot.span.end..next.unwrap_or(recorded.len())];
        let length = match next {
            Some(_) => length(slot.class, rest, literal)?,
            None => rest.strip_suffix(literal)?.len(),
        };
        pieces.push(rest.get(..length)?);
        rest = rest[length..].strip_prefix(literal)?;
    }
    rest.is_empty().then_some(pieces)
}

/// How long a value is that another follows behind a literal. Some classes know by themselves: the literal may stand
/// in the value as well.
fn length(class: Class, rest: &str, literal: &str) -> Option<usize> {
    match class {
        Class::Guid => Some(GUID),
        Class::Xuid => Some(rest.bytes().take_while(u8::is_ascii_digit).count()),
        _ if literal.is_empty() => Some(rest.len()),
        _ => rest.find(literal),
    }
}

const GUID: usize = 36;

fn has_shape(class: Class, live: &str) -> bool {
    match class {
        Class::Xuid => is_xuid(live),
        Class::Guid => is_guid(live),
        Class::Ip => live.parse::<std::net::IpAddr>().is_ok(),
        Class::Email => live.contains('@'),
        Class::Secret | Class::UserHash | Class::Gamertag | Class::Address | Class::DeviceToken | Class::Session => {
            !live.is_empty()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(class: Class, text: &str) -> Slot {
        Slot { span: 0..text.len(), class, text: text.into(), layers: Vec::new() }
    }

    #[test]
    fn binding_is_one_to_one() {
        let mut bindings = Bindings::default();
        assert!(bindings.bind(Class::Xuid, "9000000000000001", "2814000000000001"));
        assert!(bindings.bind(Class::Xuid, "9000000000000001", "2814000000000001"));
        assert!(!bindings.bind(Class::Xuid, "9000000000000001", "2814000000000002"));
        assert!(!bindings.bind(Class::Xuid, "9000000000000002", "2814000000000001"));
        assert!(!bindings.bind(Class::Xuid, "9000000000000003", "not a number"));
    }

    #[test]
    fn what_is_settled_is_shared_and_still_one_to_one() {
        let mut bindings = Bindings::default();
        assert!(bindings.bind(Class::Xuid, "9000000000000002", "2814000000000002"));
        bindings.show(&[slot(Class::Xuid, "9000000000000003")]);
        bindings.settle();
        let mut trial = bindings.clone();
        assert!(trial.bind(Class::Xuid, "9000000000000001", "2814000000000001"));
        assert!(!trial.bind(Class::Xuid, "9000000000000002", "2814000000000003"));
        assert!(!trial.bind(Class::Xuid, "9000000000000004", "2814000000000002"));
        assert!(trial.accept(Class::Xuid, "9000000000000003", "9000000000000003"));
        assert!(Arc::ptr_eq(&trial.settled, &bindings.settled));
        let listed = |bindings: &Bindings| bindings.listed().into_iter().map(|bound| bound.live).collect::<Vec<_>>();
        assert_eq!(listed(&trial), ["2814000000000001", "2814000000000002"]);
        assert_eq!(listed(&trial.beyond(&bindings)), ["2814000000000001"]);
        assert_eq!(listed(&bindings.with(&trial.beyond(&bindings)).unwrap()), listed(&trial));
        assert_eq!(listed(&bindings), ["2814000000000002"]);
    }

    #[test]
    fn each_occurrence_keeps_its_letter_case() {
        let mut bindings = Bindings::default();
        assert!(bindings.bind(Class::Session, "Lobby-A", "Fresh-B"));
        assert_eq!(bindings.render(&slot(Class::Session, "Lobby-A")).unwrap(), "Fresh-B");
        assert_eq!(bindings.render(&slot(Class::Session, "lobby-a")).unwrap(), "fresh-b");
        assert_eq!(bindings.render(&slot(Class::Session, "LOBBY-A")).unwrap(), "FRESH-B");
        assert_eq!(bindings.render(&slot(Class::Session, "other")), None);
    }

    fn slots(recorded: &str, values: &[(&str, Class)]) -> Vec<Slot> {
        let at = |(text, class): &(&str, Class)| {
            let start = recorded.find(text).unwrap();
            Slot { span: start..start + text.len(), class: *class, text: (*text).into(), layers: Vec::new() }
        };
        values.iter().map(at).collect()
    }

    #[test]
    fn slots_inside_a_text_bind_what_they_meet() {
        let mut bindings = Bindings::default();
        let recorded = "pending~9000000000000001~x";
        let slots = slots(recorded, &[("9000000000000001", Class::Xuid)]);
        assert!(match_text(recorded, &slots, "pending~2814000000000001~x", &mut bindings));
        for wrong in ["pending~2814000000000002~x", "done~2814000000000001~x", "pending~2814000000000001~y", recorded] {
            assert!(!match_text(recorded, &slots, wrong, &mut bindings), "{wrong}");
        }
    }

    #[test]
    fn what_is_between_slots_may_stand_in_a_value_as_well() {
        let (one, two) = ("17a13f76-1ba5-44a5-92c9-5c22196ddbc4", "27a13f76-1ba5-44a5-92c9-5c22196ddbc4");
        let recorded = format!("{one}-{two}-Lobby-end");
        let slots = slots(&recorded, &[(one, Class::Guid), (two, Class::Guid), ("Lobby", Class::Session)]);
        let live = "37a13f76-1ba5-44a5-92c9-5c22196ddbc4-47a13f76-1ba5-44a5-92c9-5c22196ddbc4-my-end-of-end";
        assert!(match_text(&recorded, &slots, live, &mut Bindings::default()));
        assert!(!match_text(&recorded, &slots, "ü-", &mut Bindings::default()));
        assert!(!match_text(&recorded, &slots, &live.replace("-my", "~my"), &mut Bindings::default()));
    }

    #[test]
    fn a_text_that_does_not_match_binds_nothing() {
        let mut bindings = Bindings::default();
        let recorded = "9000000000000001~9000000000000002";
        let slots = slots(recorded, &[("9000000000000001", Class::Xuid), ("9000000000000002", Class::Xuid)]);
        assert!(!match_text(recorded, &slots, "2814000000000001~2814000000000001", &mut bindings));
        assert!(bindings.is_empty());
        assert!(match_text(recorded, &slots, "2814000000000002~2814000000000001", &mut bindings));
    }

    #[test]
    fn a_recorded_value_is_taken_from_whom_it_was_shown_and_else_is_its_senders_own() {
        const RECORDED: [&str; 2] = ["9000000000000001", "9000000000000002"];
        let shown = |n: usize| slot(Class::Xuid, RECORDED[n]);
        let mut bindings = Bindings::default();
        bindings.show(&[shown(1)]);
        assert!(bindings.accept(Class::Xuid, RECORDED[1], RECORDED[1]));
        assert!(bindings.is_empty());
        assert!(bindings.accept(Class::Xuid, RECORDED[1], "2814000000000002"));
        assert_eq!(bindings.render(&shown(1)).unwrap(), "2814000000000002");
        assert!(bindings.accept(Class::Xuid, RECORDED[1], RECORDED[1]), "remembered from before");

        let mut swapped = Bindings::default();
        assert!(swapped.accept(Class::Xuid, RECORDED[0], RECORDED[1]));
        assert!(!swapped.accept(Class::Xuid, RECORDED[1], RECORDED[1]), "that is the other player by now");
        assert!(swapped.accept(Class::Xuid, RECORDED[1], RECORDED[0]));
        assert!(!swapped.accept(Class::Xuid, RECORDED[0], RECORDED[0]));

        let mut own = Bindings::default();
        assert!(own.accept(Class::Xuid, RECORDED[0], RECORDED[0]));
        assert!(!own.accept(Class::Xuid, RECORDED[0], "2814000000000001"));
        assert_eq!(own.render(&shown(0)), None, "it stands there in letters of its own");
    }
}
