//! A JSON object under construction: the one writer of the emulator's answers, compact and in call order.

use crate::json::{Doc, escape_into};
use crate::mpsd::bag::{Bag, Custom, Fields};

/// An object being written.
#[derive(Debug)]
pub(super) struct Object {
    out: Vec<u8>,
}

impl Object {
    /// An object without members yet.
    pub(super) fn new() -> Self {
        Self { out: vec![b'{'] }
    }

    /// Adds a member whose value is JSON already.
    pub(super) fn raw(&mut self, name: &str, json: impl AsRef<[u8]>) {
        self.key(name);
        self.out.extend_from_slice(json.as_ref());
    }

    /// Adds a string.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        self.out.push(b'"');
        escape_into(&mut self.out, value);
        self.out.push(b'"');
    }

    /// Adds a number.
    pub(super) fn number(&mut self, name: &str, value: impl Into<u64>) {
        self.raw(name, value.into().to_string());
    }

    /// Adds an object of fields.
    pub(super) fn fields(&mut self, name: &str, fields: &Fields) {
        self.key(name);
        fields.write(&mut self.out);
    }

    /// Adds a property bag, both halves.
    pub(super) fn bag(&mut self, name: &str, bag: &Bag) {
        let mut inner = Self::new();
        inner.fields("system", &bag.system);
        inner.custom("custom", &bag.custom);
        self.object(name, inner);
    }

    /// Adds a title's own JSON.
    pub(super) fn custom(&mut self, name: &str, custom: &Custom) {
        self.key(name);
        custom.write(&mut self.out);
    }

    /// Adds an object written before.
    pub(super) fn object(&mut self, name: &str, object: Self) {
        self.raw(name, object.end());
    }

    /// The finished object as fields.
    pub(super) fn into_fields(self) -> Fields {
        Doc::parse(&self.end()).map(|doc| Fields::of(doc.root())).unwrap_or_default()
    }

    /// The finished text.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.out.push(b'}');
        self.out
    }

    fn key(&mut self, name: &str) {
        if self.out.len() > 1 {
            self.out.push(b',');
        }
        self.out.push(b'"');
        escape_into(&mut self.out, name);
        self.out.extend_from_slice(b"\":");
    }
}
