//! What the request bodies of handles, queries and tickets have in common.

use std::collections::BTreeSet;

use super::refusal::Refusal;
use crate::json::{Doc, Kind, Node};
use crate::mpsd::name::{SessionRef, is_guid};
use crate::mpsd::system::{Misfit, read_xuid};

/// Scans a request body.
pub(super) fn scan(body: &[u8]) -> Result<Doc<'_>, Refusal> {
    Doc::parse(body).map_err(|error| Refusal::Invalid(format!("The request body is {error}.")))
}

/// The parts of a session reference; the name may be missing.
pub(super) fn reference_parts(root: Node<'_>, field: &str) -> Result<(String, String, Option<String>), Refusal> {
    let reference = root.get(field).ok_or_else(|| Misfit::new("", field, "is missing"))?;
    only(reference, field, &["scid", "templateName", "name"])?;
    let part = |name: &str| reference.get(name).and_then(Node::str).map(|text| text.into_owned());
    let scid = part("scid").filter(|scid| is_guid(scid));
    let scid = scid.ok_or_else(|| Misfit::new(field, "scid", "is not a GUID"))?;
    let template = part("templateName").ok_or_else(|| Misfit::new(field, "templateName", "is not a string"))?;
    if reference.get("name").is_some_and(|name| name.kind() != Kind::String) {
        return Err(Misfit::new(field, "name", "is not a string").into());
    }
    Ok((scid, template, part("name")))
}

/// Refuses anything but an object of these members, each at most once.
pub(super) fn only(node: Node<'_>, place: &str, names: &[&str]) -> Result<(), Refusal> {
    if node.kind() != Kind::Object {
        return Err(Misfit::new("", if place.is_empty() { "at the root" } else { place }, "is not an object").into());
    }
    let mut seen = Vec::new();
    for (key, _) in node.members() {
        let name = key.str().unwrap_or_default();
        if !names.contains(&name.as_ref()) {
            return Err(Misfit::new(place, &name, "is not known").into());
        }
        if seen.contains(&name) {
            return Err(Misfit::new(place, &name, "is named twice").into());
        }
        seen.push(name);
    }
    Ok(())
}

/// A whole session reference.
pub(super) fn reference(root: Node<'_>, field: &str) -> Result<SessionRef, Refusal> {
    let (scid, template, name) = reference_parts(root, field)?;
    let name = name.ok_or_else(|| Misfit::new(field, "name", "is missing"))?;
    Ok(SessionRef { scid, template, name })
}

/// An array of xuids, each once, in order.
pub(super) fn xuids(node: Node<'_>, field: &'static str) -> Result<Vec<String>, Refusal> {
    let misfit = || Misfit::new("", field, "is not an array of xuids");
    if node.kind() != Kind::Array {
        return Err(misfit().into());
    }
    let mut seen = BTreeSet::new();
    let mut xuids = Vec::new();
    for item in node.items() {
        let xuid = read_xuid(item).ok_or_else(misfit)?;
        if seen.insert(xuid.clone()) {
            xuids.push(xuid);
        }
    }
    Ok(xuids)
}

/// An optional string member, which may be `null`.
pub(super) fn text(root: Node<'_>, field: &'static str) -> Result<Option<String>, Refusal> {
    match root.get(field).filter(|node| node.kind() != Kind::Null) {
        None => Ok(None),
        Some(node) => match node.str() {
            Some(text) => Ok(Some(text.into_owned())),
            None => Err(Misfit::new("", field, "is not a string").into()),
        },
    }
}
