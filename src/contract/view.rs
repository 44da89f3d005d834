//! A JSON body as the checks see it: always the scan, and the value when it is small and flat enough.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::json::{Doc, JsonError, Kind, Node, join_pointer};
use crate::message::Body;

/// A body that is JSON.
#[derive(Debug)]
pub(super) struct View<'a> {
    /// The text with its spans.
    pub(super) doc: Doc<'a>,
    /// The value; `None` when only the scanner may judge the body.
    pub(super) value: Option<Value>,
}

impl<'a> View<'a> {
    /// Reads JSON text.
    pub(super) fn read(text: &'a [u8]) -> Result<Self, JsonError> {
        let doc = Doc::parse(text)?;
        let facts = doc.facts();
        // Deep values would overflow the stack of recursive code; serde_json knows no lone surrogates.
        let small = text.len() <= LARGEST && facts.depth <= DEEPEST;
        let value = small.then(|| serde_json::from_slice(text).ok()).flatten();
        Ok(Self { doc, value })
    }

    /// Reads a body; `None` when it is empty, opaque or no JSON.
    pub(super) fn of(body: &'a Body) -> Option<Self> {
        let text = body.decoded().filter(|text| !text.is_empty())?;
        Self::read(text).ok()
    }

    /// Keys an object carries a second time, outside anything called `custom`, as pointers; none in deep bodies.
    pub(super) fn duplicate_keys(&self) -> Vec<String> {
        if self.doc.facts().depth > DEEPEST {
            return Vec::new();
        }
        let mut trail = Trail { steps: vec![Step { node: self.doc.root(), key: None, index: 0, parent: 0 }] };
        let mut found = Vec::new();
        let mut at = 0;
        while at < trail.steps.len() && found.len() < DUPLICATES_AT_MOST {
            let node = trail.steps[at].node;
            let mut seen = BTreeSet::new();
            for (key, value) in node.members() {
                let name = key.str().unwrap_or_default();
                if name != "custom" {
                    trail.enter(value, Some(key), 0, at);
                }
                if !seen.insert(name.clone()) {
                    found.push(join_pointer(&trail.pointer(at), &name));
                }
            }
            for (index, item) in node.items().enumerate() {
                trail.enter(item, None, index, at);
            }
            at += 1;
        }
        found.truncate(DUPLICATES_AT_MOST);
        found
    }
}

/// Containers still to be looked into, each with the way to it: pointers are spelt out only where they are needed,
/// for a body of many containers below one long name would need the name many times.
struct Trail<'d> {
    steps: Vec<Step<'d>>,
}

struct Step<'d> {
    node: Node<'d>,
    /// The key it stands under; in an array, `index` counts.
    key: Option<Node<'d>>,
    index: usize,
    parent: usize,
}

impl<'d> Trail<'d> {
    fn enter(&mut self, node: Node<'d>, key: Option<Node<'d>>, index: usize, parent: usize) {
        if matches!(node.kind(), Kind::Object | Kind::Array) {
            self.steps.push(Step { node, key, index, parent });
        }
    }

    fn pointer(&self, mut at: usize) -> String {
        let mut names = Vec::new();
        while at != 0 {
            let step = &self.steps[at];
            let key = step.key.and_then(Node::str);
            names.push(key.map_or_else(|| step.index.to_string(), Cow::into_owned));
            at = step.parent;
        }
        names.iter().rev().fold(String::new(), |pointer, name| join_pointer(&pointer, name))
    }
}

/// Bodies past this many bytes are judged by the scanner alone.
const LARGEST: usize = 1 << 20;

/// Bodies nested deeper are judged by the scanner alone.
const DEEPEST: usize = 100;

/// Most repeated keys named.
const DUPLICATES_AT_MOST: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_count_outside_custom_only() {
        let text = br#"{"a":[{"x":1,"x":2}],"custom":{"y":1,"y":2},"a":{}}"#;
        assert_eq!(View::read(text).unwrap().duplicate_keys(), ["/a", "/a/0/x"]);
    }

    #[test]
    fn what_is_too_large_or_deep_has_no_value() {
        let deep = "[".repeat(200_000) + &"]".repeat(200_000);
        let view = View::read(deep.as_bytes()).unwrap();
        assert!(view.value.is_none() && view.duplicate_keys().is_empty());
        let long = format!("\"{}\"", "x".repeat(2 << 20));
        assert!(View::read(long.as_bytes()).unwrap().value.is_none());
    }
}
