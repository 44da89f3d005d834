//! One message being redacted: what stands where in it, and what it becomes.

use super::judges::{FirstJudge, FullJudge};
use super::{REDACTED, Redacted, Redactor, Unkept, header};
use crate::json::Doc;
use crate::message::{Body, Coding, Headers};
use crate::mpsd::Operation;
use crate::slot::alias::AliasClass;
use crate::slot::{self, Class, Judge, Slot};

/// What a pass looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Everything: the message is as it was sent.
    First,
    /// Only what is known by now: the rest are aliases already.
    Again,
}

/// One message being redacted: all of it is looked through for what is to be known, then all of it is replaced.
pub(super) struct Pass<'a> {
    redactor: &'a Redactor,
    /// What types the parts of a target.
    operation: Option<&'a Operation>,
    look: Look,
    aliases: Vec<(AliasClass, String)>,
    pub(super) body_changed: bool,
    withheld: Option<Unkept>,
}

impl<'a> Pass<'a> {
    /// For a message as it was sent.
    pub(super) fn new(redactor: &'a Redactor, operation: Option<&'a Operation>) -> Self {
        Self { redactor, operation, look: Look::First, aliases: Vec::new(), body_changed: false, withheld: None }
    }

    /// For a message that was kept before.
    pub(super) fn again(redactor: &'a Redactor, operation: Option<&'a Operation>) -> Self {
        Self { look: Look::Again, ..Self::new(redactor, operation) }
    }

    pub(super) fn done<T>(mut self, message: T) -> Redacted<T> {
        self.aliases.sort();
        self.aliases.dedup();
        Redacted { message, aliases: self.aliases, body_changed: self.body_changed, withheld: self.withheld }
    }

    /// Teaches the table what a message's headers and body hold.
    pub(super) fn learn_message(&self, headers: &Headers, trailers: &Headers, content: &Content<'_>) {
        for header in headers.iter().chain(trailers.iter()) {
            match std::str::from_utf8(&header.value) {
                Ok(value) if header::is_of_one_request(&header.name) => self.redactor.lock().learn_fleeting(value),
                Ok(value) => self.learn(in_header(&header.name, value, &FirstJudge)),
                Err(_) => {}
            }
        }
        self.learn(content.slots(&FirstJudge));
    }

    pub(super) fn learn(&self, slots: Vec<Slot>) {
        let mut table = self.redactor.lock();
        slots.iter().for_each(|slot| table.learn(slot.class, &slot.text));
    }

    pub(super) fn plain(&mut self, text: &str) -> String {
        self.replace(text, |judge| slot::in_text(text, judge))
    }

    pub(super) fn target(&mut self, target: &str) -> String {
        let slots = self.in_target(target, &self.judge());
        self.spliced_text(target, &slots)
    }

    pub(super) fn in_target(&self, target: &str, judge: &dyn Judge) -> Vec<Slot> {
        slot::in_target(target, self.operation, judge)
    }

    pub(super) fn headers(&mut self, headers: &Headers) -> Headers {
        let mut kept = Headers::new();
        for header in headers.iter().filter(|header| !header::is_removed(&header.name)) {
            match std::str::from_utf8(&header.value) {
                Ok(value) => kept.push(&header.name, self.header(&header.name, value)),
                Err(_) => kept.push(&header.name, REDACTED),
            }
        }
        kept
    }

    fn header(&mut self, name: &str, value: &str) -> String {
        if self.look == Look::First
            && let Some(parts) = header::credentials(name, value)
        {
            let hash = parts.user_hash.and_then(|hash| self.value(Class::UserHash, hash));
            return parts.redacted(hash.as_deref());
        }
        match self.look {
            Look::First => self.replace(value, |judge| in_header(name, value, judge)),
            Look::Again => self.replace(value, |judge| slot::in_text(value, judge)),
        }
    }

    pub(super) fn body(&mut self, body: &Body, content: &Content<'_>) -> Body {
        let Some(plain) = body.decoded() else {
            self.withheld = Some(Unkept::of("content coding not understood", body.wire()));
            return Body::unknown();
        };
        let slots = content.slots(&self.judge());
        let spliced = self.spliced(plain, &slots);
        // A compressed body has room for text that decoding does not show.
        let is_hiding = body.coding() != Coding::Identity && !self.redactor.is_clean(body.wire());
        if spliced == plain.as_ref() && !is_hiding {
            return body.clone();
        }
        self.body_changed = true;
        Body::encoded(spliced, body.coding())
    }

    fn replace(&mut self, text: &str, find: impl Fn(&dyn Judge) -> Vec<Slot>) -> String {
        let slots = find(&self.judge());
        self.spliced_text(text, &slots)
    }

    fn spliced_text(&mut self, text: &str, slots: &[Slot]) -> String {
        String::from_utf8(self.spliced(text.as_bytes(), slots)).unwrap_or_else(|_| REDACTED.to_owned())
    }

    pub(super) fn spliced(&mut self, bytes: &[u8], slots: &[Slot]) -> Vec<u8> {
        slot::splice(bytes, slots, |slot| self.value(slot.class, &slot.text))
    }

    pub(super) fn judge(&self) -> FullJudge<'a> {
        FullJudge { known: self.redactor.lock().known(), redactor: self.redactor, look: self.look }
    }

    fn value(&mut self, class: Class, text: &str) -> Option<String> {
        if class == Class::Secret {
            return Some(REDACTED.to_owned());
        }
        let (alias_class, alias) = self.redactor.lock().alias(class, text)?;
        self.aliases.push((alias_class, alias.clone()));
        Some(alias_class.spelt_like(text, alias))
    }
}

/// Slots of a header value. Credentials hold one secret; lists of users hold xuids.
fn in_header(name: &str, value: &str, judge: &dyn Judge) -> Vec<Slot> {
    match header::credentials(name, value) {
        Some(parts) => vec![parts.slot(value)],
        None if header::lists_users(name) => header::users(value),
        None => slot::in_header(name, value, judge),
    }
}

/// A body as it can be walked.
pub(super) enum Content<'a> {
    Json(Doc<'a>),
    Form(&'a str),
    Text(&'a str),
    /// Nothing to look into: bytes, or a content coding that is not understood.
    Opaque,
}

impl<'a> Content<'a> {
    pub(super) fn of(body: &'a Body, headers: &Headers) -> Self {
        let plain = body.decoded().map(AsRef::as_ref).unwrap_or_default();
        let media_type = headers.text("content-type").unwrap_or_default().to_ascii_lowercase();
        match (Doc::parse(plain), std::str::from_utf8(plain)) {
            (Ok(doc), _) => Self::Json(doc),
            (_, Ok(text)) if media_type.starts_with("application/x-www-form-urlencoded") => Self::Form(text),
            (_, Ok(text)) => Self::Text(text),
            _ => Self::Opaque,
        }
    }

    pub(super) fn slots(&self, judge: &dyn Judge) -> Vec<Slot> {
        match self {
            Self::Json(doc) => slot::in_json(doc, judge),
            Self::Form(text) => slot::in_form(text, judge),
            Self::Text(text) => slot::in_loose_json(text, judge),
            Self::Opaque => Vec::new(),
        }
    }
}
