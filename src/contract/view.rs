//! A JSON body as the checks see it: always the scan, and the value when it is small and flat enough.

use serde_json::Value;

use crate::json::{Doc, JsonError, Kind, Node};
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

    /// Keys an object carries a second time, outside anything called `custom`, with the object's pointer.
    pub(super) fn duplicate_keys(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut open: Vec<(Node<'_>, String)> = vec![(self.doc.root(), String::new())];
        while let Some((node, pointer)) = open.pop() {
            let mut seen = std::collections::BTreeSet::new();
            for (key, value) in node.members() {
                let name = key.str().unwrap_or_default().into_owned();
                if name != "custom" && is_container(value) && pointer.len() < LONGEST_POINTER {
                    open.push((value, crate::json::join_pointer(&pointer, &name)));
                }
                if !seen.insert(name.clone()) {
                    found.push((pointer.clone(), name));
                }
            }
            for (index, item) in node.items().enumerate().filter(|(_, item)| is_container(*item)) {
                if pointer.len() < LONGEST_POINTER {
                    open.push((item, format!("{pointer}/{index}")));
                }
            }
        }
        found
    }
}

fn is_container(node: Node<'_>) -> bool {
    matches!(node.kind(), Kind::Object | Kind::Array)
}

/// Bodies past this many bytes are judged by the scanner alone.
const LARGEST: usize = 1 << 20;

/// Bodies nested deeper are judged by the scanner alone.
const DEEPEST: usize = 100;

/// Pointers are followed no further: a document a million levels deep has no business there.
const LONGEST_POINTER: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_count_outside_custom_only() {
        let text = br#"{"a":[{"x":1,"x":2}],"custom":{"y":1,"y":2},"a":{}}"#;
        let found = View::read(text).unwrap().duplicate_keys();
        assert_eq!(found, [(String::new(), "a".to_owned()), ("/a/0".to_owned(), "x".to_owned())]);
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
