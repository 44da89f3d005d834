//! A view of JSON text: values with their byte spans, never a copy and never re-serialised.
//!
//! One iterative scanner (any depth, RFC 8259 to the letter) makes a flat list of tokens. Redaction, binding,
//! duplicate-key and number checks and report positions all stand on those spans. Number text, escapes, key order
//! and repeats stay as they were sent, because the bytes do.

mod scan;
mod text;

use std::borrow::Cow;
use std::ops::Range;

pub use scan::JsonError;
use scan::{Token, TokenKind};
pub use text::{Unescaped, compact, escape_into, pretty};

/// A scanned document.
#[derive(Debug)]
pub struct Doc<'a> {
    text: &'a [u8],
    tokens: Vec<Token>,
    facts: Facts,
}

/// What the scan noticed on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// White space stands between, before or after tokens.
    pub spaced: bool,
    /// The deepest nesting of containers.
    pub depth: usize,
    /// A string holds an escaped surrogate without its partner.
    pub lone_surrogate: bool,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// A number; its text is kept.
    Number,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
}

/// One value inside a [`Doc`].
#[derive(Clone, Copy, Debug)]
pub struct Node<'d> {
    doc: &'d Doc<'d>,
    index: usize,
}

impl<'a> Doc<'a> {
    /// Scans one JSON value with nothing but white space around it.
    ///
    /// # Errors
    /// The offset of the first byte that is not JSON, and what was expected there.
    pub fn parse(text: &'a [u8]) -> Result<Self, JsonError> {
        let (tokens, facts) = scan::scan(text)?;
        Ok(Self { text, tokens, facts })
    }

    /// The outermost value.
    pub fn root(&'a self) -> Node<'a> {
        Node { doc: self, index: 0 }
    }

    /// What the scan noticed.
    pub fn facts(&self) -> Facts {
        self.facts
    }
}

impl<'d> Node<'d> {
    /// What the value is. A key is a string.
    pub fn kind(self) -> Kind {
        match self.token().kind {
            TokenKind::Object => Kind::Object,
            TokenKind::Array => Kind::Array,
            TokenKind::String | TokenKind::Key => Kind::String,
            TokenKind::Number => Kind::Number,
            TokenKind::Bool => Kind::Bool,
            TokenKind::Null => Kind::Null,
        }
    }

    /// Where the value stands in the text, quotes and brackets included.
    pub fn span(self) -> Range<usize> {
        self.token().start..self.token().end
    }

    /// The value's own text.
    pub fn raw(self) -> &'d [u8] {
        &self.doc.text[self.span()]
    }

    /// The value in the same place of a document that differs from this one in strings and numbers only.
    pub fn twin<'e>(self, other: &'e Doc<'e>) -> Option<Node<'e>> {
        (self.doc.tokens.len() == other.tokens.len()).then_some(Node { doc: other, index: self.index })
    }

    /// Members of an object, in order, repeats kept; empty for anything else.
    pub fn members(self) -> impl Iterator<Item = (Self, Self)> {
        let children = if self.kind() == Kind::Object { self.children() } else { Children::none(self.doc) };
        Pairs { children }
    }

    /// Items of an array, in order; empty for anything else.
    pub fn items(self) -> impl Iterator<Item = Self> {
        if self.kind() == Kind::Array { self.children() } else { Children::none(self.doc) }
    }

    /// The first member of that name.
    pub fn get(self, name: &str) -> Option<Self> {
        self.members().find(|(key, _)| key.str().is_some_and(|text| text == name)).map(|(_, value)| value)
    }

    /// The member or item that one step of a JSON pointer (RFC 6901) names.
    pub fn step(self, step: &str) -> Option<Self> {
        self.get(&step.replace("~1", "/").replace("~0", "~")).or_else(|| self.items().nth(step.parse().ok()?))
    }

    /// The string's value, escapes undone; `None` for anything but a string.
    pub fn str(self) -> Option<Cow<'d, str>> {
        (self.kind() == Kind::String).then(|| {
            let span = self.span();
            text::value(&self.doc.text[span.start + 1..span.end - 1])
        })
    }

    /// The string's value with the way back to the raw offsets; `None` for anything but a string.
    pub fn unescaped(self) -> Option<Unescaped<'d>> {
        (self.kind() == Kind::String).then(|| {
            let span = self.span();
            Unescaped::new(&self.doc.text[span.start + 1..span.end - 1], span.start + 1)
        })
    }

    /// The number's own text; `None` for anything but a number.
    pub fn number(self) -> Option<&'d str> {
        (self.kind() == Kind::Number).then(|| std::str::from_utf8(self.raw()).unwrap_or_default())
    }

    /// The Boolean's value; `None` for anything but a Boolean.
    pub fn bool(self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.raw() == b"true")
    }

    fn children(self) -> Children<'d> {
        Children { doc: self.doc, next: self.index + 1, end: self.token().next }
    }

    fn token(self) -> &'d Token {
        &self.doc.tokens[self.index]
    }
}

/// Direct children of a container, keys and values alike.
struct Children<'d> {
    doc: &'d Doc<'d>,
    next: usize,
    end: usize,
}

impl<'d> Children<'d> {
    fn none(doc: &'d Doc<'d>) -> Self {
        Self { doc, next: 0, end: 0 }
    }
}

impl<'d> Iterator for Children<'d> {
    type Item = Node<'d>;

    fn next(&mut self) -> Option<Node<'d>> {
        (self.next < self.end).then(|| {
            let node = Node { doc: self.doc, index: self.next };
            self.next = node.token().next;
            node
        })
    }
}

struct Pairs<'d> {
    children: Children<'d>,
}

impl<'d> Iterator for Pairs<'d> {
    type Item = (Node<'d>, Node<'d>);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.children.next()?, self.children.next()?))
    }
}

/// Appends `name` to a JSON pointer (RFC 6901).
pub fn join_pointer(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// True when two numbers are the same number, however they are spelt (`1`, `1.0`, `10e-1`).
///
/// Integers compare exactly at any size; the rest as doubles.
pub fn same_number(left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    if let (Ok(left), Ok(right)) = (left.parse::<i128>(), right.parse::<i128>()) {
        return left == right;
    }
    match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(left), Ok(right)) => left == right && left.abs() < 9_007_199_254_740_992.0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_cover_the_text_they_stand_for() {
        let text = br#" {"a": [1.50, "x\u00e9"], "big":18446744073709551615, "a":null} "#;
        let doc = Doc::parse(text).unwrap();
        let root = doc.root();
        assert_eq!(root.get("big").unwrap().number(), Some("18446744073709551615"));
        let first = root.get("a").unwrap();
        let items: Vec<_> = first.items().map(Node::raw).collect();
        assert_eq!(items, [b"1.50".as_slice(), br#""x\u00e9""#]);
        assert_eq!(first.items().nth(1).unwrap().str().unwrap(), "xé");
        assert!(doc.facts().spaced);
    }

    #[test]
    fn numbers_compare_by_value() {
        assert!(same_number("1", "1.0"));
        assert!(same_number("1.50", "1.5"));
        assert!(!same_number("9007199254740993", "9007199254740992"));
        assert!(!same_number("9007199254740993.0", "9007199254740992"));
    }
}
