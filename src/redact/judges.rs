//! What finds the spans that become aliases: by place, by shape, and by what is known.

use std::ops::Range;

use super::Redactor;
use super::pass::Look;
use super::table::Known;
use crate::slot::alias::AliasClass;
use crate::slot::{Class, Judge, Role, settle, shape};

/// Finds what a place says it holds.
struct TypedJudge;

impl Judge for TypedJudge {
    fn judge(&self, text: &str, role: Role) -> Vec<(Range<usize>, Class)> {
        match role {
            Role::Typed(Class::Secret) if !text.is_empty() => vec![(0..text.len(), Class::Secret)],
            Role::Typed(class) if AliasClass::of_value(class, text).is_some() => vec![(0..text.len(), class)],
            _ => Vec::new(),
        }
    }
}

/// Finds what place or shape give away at first sight.
pub(super) struct FirstJudge;

impl Judge for FirstJudge {
    fn judge(&self, text: &str, role: Role) -> Vec<(Range<usize>, Class)> {
        let typed = TypedJudge.judge(text, role);
        if !typed.is_empty() {
            return typed;
        }
        // A token in a text is found by its shape each time; what stands around it is not to be learnt.
        shape::find(text, role).into_iter().filter(|(_, class)| *class != Class::Secret).collect()
    }
}

/// Finds by place, by shape, and by what is known.
pub(super) struct FullJudge<'a> {
    pub(super) known: Known,
    pub(super) redactor: &'a Redactor,
    pub(super) look: Look,
}

impl Judge for FullJudge<'_> {
    fn judge(&self, text: &str, role: Role) -> Vec<(Range<usize>, Class)> {
        let typed = if self.look == Look::First { TypedJudge.judge(text, role) } else { Vec::new() };
        if !typed.is_empty() {
            return typed;
        }
        // Any name counts where a title is free to put one, even one that is a word of the contract elsewhere.
        if role == Role::Custom && self.redactor.lock().is_gamertag(text) {
            return vec![(0..text.len(), Class::Gamertag)];
        }
        let mut spans = self.known.find(text);
        match self.look {
            Look::First => spans.extend(shape::find(text, role)),
            Look::Again => spans.retain(|(span, class)| !self.redactor.lock().is_alias(*class, &text[span.clone()])),
        }
        settle(spans)
    }
}

/// Finds by shape and by what is known; places do not count.
pub(super) struct ScanJudge {
    pub(super) known: Known,
}

impl Judge for ScanJudge {
    fn judge(&self, text: &str, role: Role) -> Vec<(Range<usize>, Class)> {
        let mut spans = shape::find(text, role);
        spans.extend(self.known.find(text));
        settle(spans)
    }
}
