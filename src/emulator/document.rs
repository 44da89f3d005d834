//! The session document as a caller sees it: its contract's names, its view of a large session (mpsd-wire §4).

use std::collections::BTreeMap;

use super::object::Object;
use super::session::{Member, Presence, Session};
use crate::clock::mpsd_timestamp;
use crate::json::Doc;
use crate::mpsd::bag::{Bag, Fields, quoted};
use crate::mpsd::system::constants_in;
use crate::mpsd::version::{Contract, Names};

/// Writes the document for one reader.
pub(super) fn document(session: &Session, reader: &str, contract: Contract) -> Vec<u8> {
    let mut out = Object::new();
    out.object("membersInfo", members_info(session, reader));
    let system = constants_in(&session.constants.system, contract.names());
    out.bag("constants", &Bag { system, custom: session.constants.custom.clone() });
    out.bag("properties", &shown_properties(session, contract.names()));
    if !session.role_types.is_empty() {
        out.object("roleTypes", role_types(session));
    }
    out.object("servers", servers(session));
    out.object("members", members(session, reader));
    if let Some(handle) = &session.search_handle {
        out.text("searchHandle", handle);
    }
    out.text("correlationId", &session.correlation);
    out.number("contractVersion", contract.number());
    out.text("branch", &session.branch);
    out.number("changeNumber", session.change);
    out.text("startTime", &mpsd_timestamp(session.started));
    out.end()
}

fn members_info(session: &Session, reader: &str) -> Object {
    let members = || session.members.values();
    // A reader outside a large session gets an empty list, which must also read as one.
    let first = match session.can("large") && session.index_of(reader).is_none() {
        true => session.next,
        false => session.members.keys().next().copied().unwrap_or(session.next),
    };
    let mut info = Object::new();
    info.number("first", first);
    info.number("next", session.next);
    info.number("count", members().count() as u64);
    info.number("accepted", members().filter(|member| member.state != Presence::Reserved).count() as u64);
    info.number("active", members().filter(|member| member.is_active()).count() as u64);
    info
}

fn shown_properties(session: &Session, names: Names) -> Bag {
    let mut shown = session.properties.clone();
    if names == Names::Old && shown.system.raw("matchmaking").is_none() {
        shown.system.set("matchmaking", "{}");
    }
    shown
}

fn servers(session: &Session) -> Object {
    let mut out = Object::new();
    for (name, server) in &session.servers {
        let mut inner = Object::new();
        inner.bag("constants", &server.constants);
        inner.bag("properties", &server.properties);
        out.object(name, inner);
    }
    out
}

fn members(session: &Session, reader: &str) -> Object {
    let mut out = Object::new();
    let is_large = session.can("large");
    let initializes = session.constants.system.raw("memberInitialization").is_some();
    let turn = session.properties.system.numbers("turn");
    let nexts = session.members.keys().skip(1).copied().chain([session.next]);
    for ((index, member), next) in session.members.iter().zip(nexts) {
        if is_large && member.xuid != reader {
            continue;
        }
        let name = if is_large { "me".to_owned() } else { index.to_string() };
        out.object(&name, member_object(*index, next, member, &turn, initializes));
    }
    out
}

fn member_object(index: u32, next: u32, member: &Member, turn: &[u32], initializes: bool) -> Object {
    let mut out = Object::new();
    out.number("next", next);
    out.text("joinTime", &mpsd_timestamp(member.joined));
    let mut constants = member.constants.clone();
    constants.system = member_constants(index, member, initializes);
    out.bag("constants", &constants);
    out.bag("properties", &member.properties);
    if !member.roles.is_empty() {
        out.fields("roles", &member.roles);
    }
    match &member.state {
        Presence::Reserved => out.raw("reserved", "true"),
        Presence::Accepted(gamertag) => out.text("gamertag", gamertag),
    }
    if let Some(token) = member.device_token() {
        out.text("deviceToken", &token);
    }
    if turn.contains(&index) {
        out.raw("turn", "true");
    }
    if member.is_active() {
        out.text("activeTitleId", &member.title.to_string());
    }
    out
}

fn member_constants(index: u32, member: &Member, initializes: bool) -> Fields {
    let stated = member.constants.system.iter().filter(|(name, _)| initializes || *name != "initialize");
    let own = [("xuid", quoted(&member.xuid)), ("index", index.to_string())];
    own.into_iter().chain(stated.map(|(name, value)| (name, value.to_owned()))).collect()
}

/// Role types with what the members make of them: `count` and `memberXuids` of each role.
pub(super) fn role_types(session: &Session) -> Object {
    let holders = holders(session);
    let mut out = Object::new();
    for (type_name, text) in session.role_types.iter() {
        let Ok(doc) = Doc::parse(text.as_bytes()) else { continue };
        let role_type = Fields::of(doc.root());
        let mut roles = Object::new();
        for (role_name, settings) in role_type.inner("roles").iter() {
            let xuids = holders.get(&(type_name.to_owned(), role_name.to_owned())).cloned().unwrap_or_default();
            roles.raw(role_name, role(settings, &xuids));
        }
        let mut shown = role_type.clone();
        shown.set("roles", String::from_utf8_lossy(&roles.end()).into_owned());
        out.fields(type_name, &shown);
    }
    out
}

fn role(settings: &str, xuids: &[String]) -> String {
    let mut shown = Doc::parse(settings.as_bytes()).map(|doc| Fields::of(doc.root())).unwrap_or_default();
    shown.set("count", xuids.len().to_string());
    let list: Vec<String> = xuids.iter().map(|xuid| quoted(xuid)).collect();
    shown.set("memberXuids", format!("[{}]", list.join(",")));
    shown.to_json()
}

/// Who holds each (role type, role), by member index.
pub(super) fn holders(session: &Session) -> BTreeMap<(String, String), Vec<String>> {
    let mut holders: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for member in session.members.values() {
        for (type_name, _) in member.roles.iter() {
            let role = member.roles.text(type_name).unwrap_or_default();
            holders.entry((type_name.to_owned(), role)).or_default().push(member.xuid.clone());
        }
    }
    holders
}
