//! Where custom data stands: in what a request writes, and in what an answer shows.

use serde_json::Value;

use super::{Bag, Extent, Found, Kind};
use crate::exchange::Call;
use crate::json::join_pointer;
use crate::message::Response;
use crate::mpsd::{Op, ParamName, target};

/// Custom data a request writes. Only a handle is made as a whole; all else merges.
pub(super) fn written<'v>(call: &Call, op: Op, body: &'v Value, kind: Option<Kind>) -> Vec<(Found<'v>, Extent)> {
    let kind = of_path(call).or(kind);
    let mut walk = Walk { kind, found: Vec::new() };
    match op {
        Op::SessionPut | Op::HandleSessionPut => walk.session("", body),
        Op::PropertiesPut => walk.custom(Bag::SessionProperties, "", body),
        Op::MemberMePut => walk.bags([Bag::MemberConstants, Bag::MemberProperties], "", body),
        Op::ServerPut => walk.bags([Bag::ServerConstants, Bag::ServerProperties], "", body),
        Op::HandleCreate => walk.handle("", body),
        _ => {}
    }
    let extent = if op == Op::HandleCreate { Extent::Whole } else { Extent::Part };
    walk.found.into_iter().map(|found| (found, extent)).collect()
}

/// Custom data an answer shows, all of it whole.
pub(super) fn answered<'v>(call: &Call, op: Op, response: &Response, body: &'v Value) -> Vec<(Found<'v>, Extent)> {
    if !matches!(response.status, 200 | 201 | 412) {
        return Vec::new();
    }
    let mut walk = Walk { kind: of_path(call).or_else(|| of_location(response)), found: Vec::new() };
    match op {
        Op::HandlesQuery => {
            for (index, handle) in body.get("results").and_then(Value::as_array).into_iter().flatten().enumerate() {
                walk.handle(&format!("/results/{index}"), handle);
            }
        }
        Op::HandleCreate => walk.handle("", body),
        // What reading a handle shows is not settled: the handle or its session.
        Op::HandleGet if body.get("sessionRef").is_some() => walk.handle("", body),
        Op::SessionGet | Op::HandleGet => walk.session("", body),
        // What a write to an element answers is not settled, either.
        op if op.answers_session() && body.get("membersInfo").is_some() => walk.session("", body),
        _ => {}
    }
    walk.found.into_iter().map(|found| (found, Extent::Whole)).collect()
}

/// The kind of the session a request's target names.
fn of_path(call: &Call) -> Option<Kind> {
    let operation = call.resolution.operation()?;
    let text = |name| operation.piece(name).map(|piece| piece.text.clone());
    Some(Kind { scid: text(ParamName::Scid)?, template: text(ParamName::Template)? })
}

/// The kind of the session an answer says it is about.
pub(super) fn of_location(response: &Response) -> Option<Kind> {
    let location = response.headers.text("content-location")?;
    let path = location.split_once("://").map_or(location, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
    let segments = target::segments(path);
    let after = |keyword: &str| {
        let at = segments.iter().position(|segment| segment.text.eq_ignore_ascii_case(keyword))?;
        segments.get(at + 1).map(|segment| segment.text.clone())
    };
    Some(Kind { scid: after("serviceconfigs")?, template: after("sessiontemplates")? })
}

struct Walk<'v> {
    kind: Option<Kind>,
    found: Vec<Found<'v>>,
}

impl<'v> Walk<'v> {
    fn session(&mut self, at: &str, session: &'v Value) {
        self.bags([Bag::SessionConstants, Bag::SessionProperties], at, session);
        for (pointer, member) in members(at, "members", session) {
            let reserved = member.get("reserved").and_then(Value::as_bool) == Some(true);
            // Somebody who is only expected has written nothing yet.
            let properties = if reserved { None } else { Some(Bag::MemberProperties) };
            self.bags([Some(Bag::MemberConstants), properties], &pointer, member);
        }
        for (pointer, server) in members(at, "servers", session) {
            self.bags([Bag::ServerConstants, Bag::ServerProperties], &pointer, server);
        }
    }

    /// The two bags of a session, a member or a server.
    fn bags(&mut self, [constants, properties]: [impl Into<Option<Bag>>; 2], at: &str, owner: &'v Value) {
        for (bag, name) in [(constants.into(), "constants"), (properties.into(), "properties")] {
            if let Some((bag, value)) = bag.zip(owner.get(name)) {
                self.custom(bag, &join_pointer(at, name), value);
            }
        }
    }

    fn custom(&mut self, bag: Bag, at: &str, owner: &'v Value) {
        self.add(bag, join_pointer(at, "custom"), owner.get("custom"));
    }

    fn handle(&mut self, at: &str, handle: &'v Value) {
        let reference = handle.get("sessionRef");
        let text = |name: &str| Some(reference?.get(name)?.as_str()?.to_owned());
        self.kind = text("scid").zip(text("templateName")).map(|(scid, template)| Kind { scid, template });
        for (bag, name) in [(Bag::SearchAttributes, "searchAttributes"), (Bag::SessionProperties, "customProperties")] {
            self.add(bag, join_pointer(at, name), handle.get(name));
        }
    }

    fn add(&mut self, bag: Bag, pointer: String, value: Option<&'v Value>) {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            self.found.push(Found { bag, kind: self.kind.clone(), pointer, value });
        }
    }
}

fn members<'v>(at: &str, name: &str, owner: &'v Value) -> Vec<(String, &'v Value)> {
    let at = join_pointer(at, name);
    let members = owner.get(name).and_then(Value::as_object).into_iter().flatten();
    members.map(|(key, value)| (join_pointer(&at, key), value)).collect()
}
