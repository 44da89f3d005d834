//! The walk: every text of a target, a header or a JSON document, with the role it plays.

use super::{Class, Judge, Layer, Role, Slot};
use crate::json::{Doc, Kind, Node, Unescaped};
use crate::mpsd::{Operation, target};

/// Slots of a request target. `operation` types the path parameters.
pub fn in_target(text: &str, operation: Option<&Operation>, judge: &dyn Judge) -> Vec<Slot> {
    let mut slots = Vec::new();
    for segment in target::segments(text) {
        let param = operation.and_then(|operation| operation.params().find(|(_, piece)| piece.span == segment.span));
        let role = param.map_or(Role::Plain, |(name, _)| Role::of_param(name));
        let value = Unescaped::percent(&text[segment.span.clone()], segment.span.start);
        slots.extend(in_value(&value, role, Some(Layer::Percent), judge));
    }
    for (name, value) in target::parameters(text) {
        let key = Unescaped::percent(&text[name.span.clone()], name.span.start);
        slots.extend(in_value(&key, Role::Key, Some(Layer::Percent), judge));
        let Some(value) = value else { continue };
        let role = Role::of_query(&name.text);
        let value = Unescaped::percent(&text[value.span.clone()], value.span.start);
        slots.extend(in_value(&value, role, Some(Layer::Percent), judge));
    }
    slots
}

/// Slots of a header value. Locations are targets; the rest is plain text.
pub fn in_header(name: &str, value: &str, judge: &dyn Judge) -> Vec<Slot> {
    match name {
        "location" | "content-location" | "referer" => in_location(value, judge),
        _ => in_value(&Unescaped::verbatim(value, 0), Role::of_header(name), None, judge),
    }
}

/// Slots of a body or frame that is not JSON.
pub fn in_text(text: &str, judge: &dyn Judge) -> Vec<Slot> {
    in_value(&Unescaped::verbatim(text, 0), Role::Plain, None, judge)
}

/// Slots of one value, escapes undone: a JSON string or key, a parameter, a header. The walk finds the same in it
/// where it stands.
pub fn in_one(text: &str, role: Role, judge: &dyn Judge) -> Vec<Slot> {
    in_plain(text, role, judge, if role == Role::Key { 0 } else { EMBEDDED_DEPTH })
}

/// Slots of a form body (`application/x-www-form-urlencoded`): a query without its `?`.
pub fn in_form(text: &str, judge: &dyn Judge) -> Vec<Slot> {
    let mut slots = in_target(&format!("?{text}"), None, judge);
    for slot in &mut slots {
        slot.span = slot.span.start - 1..slot.span.end - 1;
    }
    slots
}

/// Slots of a JSON document, in text order.
pub fn in_json(doc: &Doc<'_>, judge: &dyn Judge) -> Vec<Slot> {
    in_document(doc, Role::Plain, judge, EMBEDDED_DEPTH)
}

/// Slots of a payload: of the JSON document it is, padding behind it left out, or of the pieces that are text.
pub fn in_payload(payload: &[u8], judge: &dyn Judge) -> Vec<Slot> {
    match Doc::parse(crate::mpsd::rta::trimmed(payload)) {
        Ok(doc) => in_json(&doc, judge),
        Err(_) => in_chunks(payload, judge),
    }
}

/// Slots of the pieces of some bytes that are text.
pub fn in_chunks(bytes: &[u8], judge: &dyn Judge) -> Vec<Slot> {
    let mut slots = Vec::new();
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        slots.extend(shifted(in_text(chunk.valid(), judge), at));
        at += chunk.valid().len() + chunk.invalid().len();
    }
    slots
}

/// Slots of text that is no JSON document, though it may mean to be one: what stands in double quotes is read with
/// the key in front of it, the rest as plain text.
pub fn in_loose_json(text: &str, judge: &dyn Judge) -> Vec<Slot> {
    let mut slots = Vec::new();
    let mut role = Role::Plain;
    let mut at = 0;
    while let Some(open) = text[at..].find('"').map(|quote| at + quote) {
        let end = closing_quote(text, open);
        slots.extend(in_value(&Unescaped::verbatim(&text[at..open], at), Role::Plain, None, judge));
        let is_key = text[end..].trim_start().starts_with(':');
        slots.extend(in_quoted(text, open..end, if is_key { Role::Key } else { role }, judge));
        if is_key {
            role = Role::of_key(text[open..end].trim_matches('"'));
        }
        at = end;
    }
    slots.extend(in_value(&Unescaped::verbatim(&text[at..], at), Role::Plain, None, judge));
    slots
}

/// Where a quoted text ends: behind its closing quote, or at the end of everything.
fn closing_quote(text: &str, open: usize) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(open + 1) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

fn in_quoted(text: &str, span: std::ops::Range<usize>, role: Role, judge: &dyn Judge) -> Vec<Slot> {
    let Ok(doc) = Doc::parse(text[span.clone()].as_bytes()) else {
        // No string of JSON's: what stands between the quotes is taken as it is.
        let inner = text[span.clone()].trim_matches('"');
        return in_value(&Unescaped::verbatim(inner, span.start + 1), role, None, judge);
    };
    shifted(in_string(doc.root(), role, judge, EMBEDDED_DEPTH), span.start)
}

fn in_location(value: &str, judge: &dyn Judge) -> Vec<Slot> {
    let path_at = match value.find("://") {
        Some(scheme) => value[scheme + 3..].find('/').map_or(value.len(), |slash| scheme + 3 + slash),
        None => 0,
    };
    let fragment_at = value.find('#').filter(|at| *at >= path_at).unwrap_or(value.len());
    let path = &value[path_at..fragment_at];
    let resolution = crate::mpsd::resolve(crate::mpsd::Service::Mpsd, "GET", path);
    let mut slots = in_text(&value[..path_at], judge);
    slots.extend(shifted(in_target(path, resolution.operation(), judge), path_at));
    if let Some(fragment) = value.get(fragment_at + 1..) {
        slots.extend(shifted(in_form(fragment, judge), fragment_at + 1));
    }
    slots
}

fn shifted(mut slots: Vec<Slot>, by: usize) -> Vec<Slot> {
    for slot in &mut slots {
        slot.span = slot.span.start + by..slot.span.end + by;
    }
    slots
}

fn in_document(doc: &Doc<'_>, role: Role, judge: &dyn Judge, embedded: usize) -> Vec<Slot> {
    let mut slots = Vec::new();
    let mut pending = vec![(doc.root(), role)];
    while let Some((node, role)) = pending.pop() {
        match node.kind() {
            Kind::Object => {
                let kind = Kin::of(node);
                pending.extend(node.members().map(|(key, value)| (value, value_role(key, role, kind))));
                slots.extend(node.members().flat_map(|(key, _)| in_string(key, key_role(role), judge, 0)));
            }
            Kind::Array => pending.extend(node.items().map(|item| (item, role))),
            Kind::String => slots.extend(in_string(node, role, judge, embedded)),
            Kind::Number => slots.extend(in_number(node, role, judge)),
            Kind::Bool | Kind::Null => {}
        }
    }
    slots.sort_by_key(|slot| slot.span.start);
    slots
}

/// What an object is by what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kin {
    /// A session reference.
    Reference,
    /// A shoulder tap.
    Tap,
    Other,
}

impl Kin {
    fn of(node: Node<'_>) -> Self {
        match (node.get("templateName").is_some(), node.get("resourceType").is_some()) {
            (true, _) => Self::Reference,
            (_, true) => Self::Tap,
            _ => Self::Other,
        }
    }
}

/// `name` beside `templateName` is a session's name, and `resource` beside `resourceType` holds one; a secret stays
/// one all the way down, and so does a custom bag.
fn value_role(key: Node<'_>, parent: Role, kin: Kin) -> Role {
    let key = key.str().unwrap_or_default();
    match (parent, Role::of_key(&key)) {
        (Role::Typed(Class::Secret), _) => parent,
        _ if kin == Kin::Reference && key == "name" => Role::Typed(Class::Session),
        _ if kin == Kin::Tap && key == "resource" => Role::SessionKey,
        (Role::Custom, Role::Plain) => Role::Custom,
        (_, Role::Plain) if key.eq_ignore_ascii_case("custom") => Role::Custom,
        (_, role) => role,
    }
}

fn key_role(parent: Role) -> Role {
    match parent {
        Role::KeyedBy(class) => Role::Typed(class),
        _ => Role::Key,
    }
}

fn in_string(node: Node<'_>, role: Role, judge: &dyn Judge, embedded: usize) -> Vec<Slot> {
    let Some(value) = node.unescaped() else {
        return Vec::new();
    };
    let mut slots = in_plain(value.text(), role, judge, embedded);
    for slot in &mut slots {
        slot.span = value.raw_span(slot.span.clone());
        slot.layers.push(Layer::Json);
    }
    slots
}

/// Slots of a text without escapes: of the JSON document it is, as far as such are followed, or of the text as it is.
fn in_plain(text: &str, role: Role, judge: &dyn Judge, embedded: usize) -> Vec<Slot> {
    if embedded > 0
        && text.starts_with(['{', '['])
        && let Ok(inner) = Doc::parse(text.as_bytes())
    {
        return in_document(&inner, role, judge, embedded - 1);
    }
    in_value(&Unescaped::verbatim(text, 0), role, None, judge)
}

/// Some titles and documents write an xuid as a JSON number (mpsd-discrepancies D26). A secret that is a number
/// becomes a string.
fn in_number(node: Node<'_>, role: Role, judge: &dyn Judge) -> Vec<Slot> {
    let text = node.number().unwrap_or_default();
    let mut slots = in_value(&Unescaped::verbatim(text, node.span().start), role, None, judge);
    slots.retain(|slot| matches!(slot.class, Class::Xuid | Class::Secret) && slot.span == node.span());
    for slot in slots.iter_mut().filter(|slot| slot.class == Class::Secret) {
        slot.layers.push(Layer::Quoted);
    }
    slots
}

fn in_value(value: &Unescaped<'_>, role: Role, layer: Option<Layer>, judge: &dyn Judge) -> Vec<Slot> {
    let mut slots = in_reading(&Unescaped::verbatim(value.text(), 0), role, None, judge);
    if matches!(role, Role::Plain | Role::Custom) && layer != Some(Layer::Percent) && value.text().contains('%') {
        slots.extend(in_url(value.text(), judge));
        slots.sort_by_key(|slot| (slot.span.start, std::cmp::Reverse(slot.span.end)));
        let mut end = 0;
        slots.retain(|slot| {
            let is_free = slot.span.start >= end;
            end = end.max(slot.span.end);
            is_free
        });
    }
    for slot in &mut slots {
        slot.span = value.raw_span(slot.span.clone());
        slot.layers.extend(layer);
    }
    slots
}

/// Free text may quote a URL, and with it values in percent-escapes, or right behind one.
fn in_url(text: &str, judge: &dyn Judge) -> Vec<Slot> {
    in_reading(&Unescaped::percent(text, 0), Role::Plain, Some(Layer::Percent), judge)
}

fn in_reading(reading: &Unescaped<'_>, role: Role, layer: Option<Layer>, judge: &dyn Judge) -> Vec<Slot> {
    let spans = match role {
        Role::SessionKey => in_session_key(reading.text(), judge),
        role => judge.judge(reading.text(), role),
    };
    let slot = |(span, class): (std::ops::Range<usize>, Class)| Slot {
        text: reading.text()[span.clone()].to_owned(),
        span: reading.raw_span(span),
        class,
        layers: layer.into_iter().collect(),
    };
    spans.into_iter().map(slot).collect()
}

/// What stands in `scid~template~name`.
fn in_session_key(text: &str, judge: &dyn Judge) -> Vec<(std::ops::Range<usize>, Class)> {
    let Some(at) = text.match_indices('~').nth(1).map(|(tilde, _)| tilde + 1) else {
        return judge.judge(text, Role::Plain);
    };
    let mut spans = judge.judge(&text[..at], Role::Plain);
    let name = judge.judge(&text[at..], Role::Typed(Class::Session)).into_iter();
    spans.extend(name.map(|(span, class)| (at + span.start..at + span.end, class)));
    spans
}

/// How deep JSON inside strings inside JSON is followed.
const EMBEDDED_DEPTH: usize = 3;
