//! The session document as a caller sees it: its contract's names, its view of a large session (mpsd-wire §4).

use std::collections::BTreeMap;
use std::ops::Bound;

use super::intent::Element;
use super::object::Object;
use super::policy::Policies;
use super::session::{Member, Presence, Server, Session};
use super::stage::Qos;
use super::timer;
use crate::clock::mpsd_timestamp;
use crate::json::Doc;
use crate::mpsd::bag::{Bag, Fields, quoted};
use crate::mpsd::system::constants_in;
use crate::mpsd::version::{Contract, Names};

/// Writes the document for one reader.
pub(super) fn document(session: &Session, reader: &str, contract: Contract, policies: &Policies) -> Vec<u8> {
    let mut out = Object::new();
    out.object("membersInfo", members_info(session, reader, policies));
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
    if let Some(at) = timer::next(session) {
        out.text("nextTimer", &mpsd_timestamp(at));
    }
    if let Some(episode) = &session.episode {
        let mut initializing = Object::new();
        initializing.text("stage", episode.phase.name());
        initializing.text("stageStartTime", &mpsd_timestamp(episode.since));
        initializing.number("episode", episode.number);
        out.object("initializing", initializing);
    }
    if !session.host_candidates.is_empty() {
        let tokens: Vec<String> = session.host_candidates.iter().map(|token| quoted(token)).collect();
        out.raw("hostCandidates", format!("[{}]", tokens.join(",")));
    }
    out.end()
}

/// Writes one element by itself; `None` when the session has none such.
pub(super) fn element(session: &Session, element: Element<'_>, reader: &str, contract: Contract) -> Option<Vec<u8>> {
    let member = |index: u32| Some(member_at(session, index)?.end());
    match element {
        Element::Session => Some(Vec::new()),
        Element::Properties => Some(bag(&shown_properties(session, contract.names())).end()),
        Element::Me => member(session.index_of(reader)?),
        Element::Member(index) => member(index),
        Element::Server(name) => Some(server(session.servers.get(name)?).end()),
    }
}

fn bag(bag: &Bag) -> Object {
    let mut out = Object::new();
    out.fields("system", &bag.system);
    out.custom("custom", &bag.custom);
    out
}

fn members_info(session: &Session, reader: &str, policies: &Policies) -> Object {
    let members = || session.members.values();
    // A reader outside a large session gets an empty list, which must also read as one.
    let is_outside = session.can("large") && session.index_of(reader).is_none();
    let first = match is_outside && policies.large_outsider_sees_none {
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
        out.object(name, self::server(server));
    }
    out
}

fn server(server: &Server) -> Object {
    let mut out = Object::new();
    out.bag("constants", &server.constants);
    out.bag("properties", &server.properties);
    out
}

fn members(session: &Session, reader: &str) -> Object {
    let mut out = Object::new();
    if session.can("large") {
        if let Some(me) = session.index_of(reader).and_then(|index| member_at(session, index)) {
            out.object("me", me);
        }
        return out;
    }
    let view = MemberView::of(session);
    let nexts = session.members.keys().skip(1).copied().chain([session.next]);
    for ((index, member), next) in session.members.iter().zip(nexts) {
        out.object(&index.to_string(), view.object(*index, next, member));
    }
    out
}

/// One member of the list.
fn member_at(session: &Session, index: u32) -> Option<Object> {
    let member = session.members.get(&index)?;
    let after = (Bound::Excluded(index), Bound::Unbounded);
    let next = session.members.range(after).next().map_or(session.next, |(next, _)| *next);
    Some(MemberView::of(session).object(index, next, member))
}

/// What showing a member takes from the session.
struct MemberView {
    turn: Vec<u32>,
    initializes: bool,
}

impl MemberView {
    fn of(session: &Session) -> Self {
        Self {
            turn: session.properties.system.numbers("turn"),
            initializes: session.constants.system.raw("memberInitialization").is_some(),
        }
    }

    fn object(&self, index: u32, next: u32, member: &Member) -> Object {
        let mut out = Object::new();
        out.number("next", next);
        out.text("joinTime", &mpsd_timestamp(member.joined));
        let mut constants = member.constants.clone();
        constants.system = member_constants(index, member, self.initializes);
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
        if self.turn.contains(&index) {
            out.raw("turn", "true");
        }
        if member.is_active() {
            out.text("activeTitleId", &member.title.to_string());
        }
        match member.qos {
            Qos::In(episode) => out.number("initializationEpisode", episode),
            Qos::Failed(cause) => out.text("initializationFailure", cause.name()),
            Qos::Apart | Qos::Passed => {}
        }
        out
    }
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
