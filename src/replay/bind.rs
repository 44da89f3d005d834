//! Bindings: recorded values that a live client has its own of.

use std::collections::BTreeMap;
use std::ops::Range;

use super::account::Bound;
use crate::message::{Body, Headers, Response};
use crate::mpsd::name::{is_guid, is_xuid};
use crate::slot::{Class, Slot, splice};

/// Recorded values and the live ones that stand for them, one to one.
#[derive(Clone, Debug, Default)]
pub(super) struct Bindings {
    live: BTreeMap<(Family, String), Binding>,
    recorded: BTreeMap<(Family, String), String>,
}

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
        if class == Class::Secret {
            return true;
        }
        if !has_shape(class, live) {
            return false;
        }
        let family = Family::of(class);
        let (recorded_key, live_key) = (family.key(recorded), family.key(live));
        if let Some(binding) = self.live.get(&recorded_key) {
            return family.key(&binding.live) == live_key;
        }
        if self.recorded.contains_key(&live_key) {
            return false;
        }
        self.recorded.insert(live_key, recorded_key.1.clone());
        self.live.insert(recorded_key, Binding { recorded: recorded.to_owned(), live: live.to_owned() });
        true
    }

    /// Every binding, by class and recorded value.
    pub(super) fn listed(&self) -> Vec<Bound> {
        let bound = |((family, _), binding): (&(Family, String), &Binding)| {
            let Binding { recorded, live } = binding.clone();
            Bound { class: family.class(), recorded, live }
        };
        self.live.iter().map(bound).collect()
    }

    /// True when nothing is bound.
    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// True when a recorded value has a live one already.
    pub(super) fn stands_for_another(&self, recorded: &str) -> bool {
        let folded = recorded.to_lowercase();
        self.live.keys().any(|(_, known)| *known == folded || known == recorded)
    }

    /// These bindings and others together; `None` when they contradict each other.
    pub(super) fn with(&self, others: &Self) -> Option<Self> {
        let mut both = self.clone();
        let agree = others
            .live
            .iter()
            .all(|((family, _), binding)| both.bind(family.class(), &binding.recorded, &binding.live));
        agree.then_some(both)
    }

    /// What is bound here and not in `base`.
    pub(super) fn beyond(&self, base: &Self) -> Self {
        let is_new = |key: &(Family, String)| !base.live.contains_key(key);
        let live = self.live.iter().filter(|(key, _)| is_new(key)).map(|(key, value)| (key.clone(), value.clone()));
        let recorded = self.recorded.iter().filter(|(key, value)| is_new(&(key.0, (*value).clone())));
        let recorded = recorded.map(|(key, value)| (key.clone(), value.clone()));
        Self { live: live.collect(), recorded: recorded.collect() }
    }

    /// The live text for one occurrence of a recorded value, in the occurrence's letter case; `None` when unbound.
    pub(super) fn render(&self, slot: &Slot) -> Option<String> {
        let binding = self.live.get(&Family::of(slot.class).key(&slot.text))?;
        Some(match slot.text.as_str() {
            text if text == binding.recorded => binding.live.clone(),
            text if text == text.to_lowercase() => binding.live.to_lowercase(),
            text if text == text.to_uppercase() => binding.live.to_uppercase(),
            _ => binding.live.clone(),
        })
    }

    /// A recorded answer with live values in its slots. Without any, the recorded bytes, wire form and all.
    pub(super) fn render_response(&self, response: &Response, slots: &AnswerSlots) -> (Response, bool) {
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

/// Matches a live text against a recorded one whose slots are known, and binds what the slots meet.
pub(super) fn match_text(recorded: &str, slots: &[(Range<usize>, Class)], live: &str, bindings: &mut Bindings) -> bool {
    if recorded == live {
        return true;
    }
    let mut rest = live;
    let mut at = 0;
    for (index, (span, class)) in slots.iter().enumerate() {
        let Some(after) = rest.strip_prefix(&recorded[at..span.start]) else {
            return false;
        };
        let next = slots.get(index + 1).map_or(recorded.len(), |(next, _)| next.start);
        let literal = &recorded[span.end..next];
        let length = match literal {
            "" => after.len(),
            literal => match after.find(literal) {
                Some(length) => length,
                None => return false,
            },
        };
        if !accepts(&recorded[span.clone()], *class, &after[..length], bindings) {
            return false;
        }
        rest = &after[length..];
        at = span.end;
    }
    rest == &recorded[at..]
}

/// A slot accepts the recorded text itself, which an earlier answer may have shown the client, or a live value.
fn accepts(recorded: &str, class: Class, live: &str, bindings: &mut Bindings) -> bool {
    recorded == live || bindings.bind(class, recorded, live)
}

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
    fn each_occurrence_keeps_its_letter_case() {
        let mut bindings = Bindings::default();
        assert!(bindings.bind(Class::Session, "Lobby-A", "Fresh-B"));
        assert_eq!(bindings.render(&slot(Class::Session, "Lobby-A")).unwrap(), "Fresh-B");
        assert_eq!(bindings.render(&slot(Class::Session, "lobby-a")).unwrap(), "fresh-b");
        assert_eq!(bindings.render(&slot(Class::Session, "LOBBY-A")).unwrap(), "FRESH-B");
        assert_eq!(bindings.render(&slot(Class::Session, "other")), None);
    }

    #[test]
    fn slots_inside_a_text_bind_what_they_meet() {
        let mut bindings = Bindings::default();
        let recorded = "pending~9000000000000001~x";
        let slots = [(8..24, Class::Xuid)];
        assert!(match_text(recorded, &slots, "pending~2814000000000001~x", &mut bindings));
        assert!(!match_text(recorded, &slots, "pending~2814000000000002~x", &mut bindings));
        assert!(!match_text(recorded, &slots, "done~2814000000000001~x", &mut bindings));
        assert!(!match_text(recorded, &slots, "pending~2814000000000001~y", &mut bindings));
        assert!(match_text(recorded, &slots, recorded, &mut bindings));
    }
}
