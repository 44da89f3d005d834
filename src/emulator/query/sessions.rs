//! Session and batch queries: which sessions somebody is in, or which carry a keyword (mpsd-behaviour §3).

use std::collections::{BTreeMap, BTreeSet};

use super::parameters::Parameters;
use super::results;
use crate::clock::mpsd_timestamp;
use crate::emulator::form::{only, scan, xuids};
use crate::emulator::handle::reference_object;
use crate::emulator::object::Object;
use crate::emulator::people::Caller;
use crate::emulator::read::NO_TEMPLATE;
use crate::emulator::refusal::Refusal;
use crate::emulator::session::{Member, Presence, Session};
use crate::emulator::write::bytes;
use crate::emulator::{Desk, is_name};
use crate::exchange::Call;
use crate::message::Response;
use crate::mpsd::name::is_guid;
use crate::mpsd::system::Misfit;
use crate::mpsd::version::Contract;
use crate::mpsd::{Op, Operation, ParamName};

impl Desk<'_> {
    /// Answers a query of sessions, at either level and of one player or many.
    pub(in crate::emulator) fn query_sessions(
        &mut self,
        call: &Call,
        operation: &Operation,
        caller: &Caller,
        contract: Contract,
    ) -> Result<Response, Refusal> {
        let prefix = self.prefix(operation)?;
        let batch = match operation.op {
            Op::Batch | Op::TemplateBatch => Some(players(bytes(call)?)?),
            _ => None,
        };
        let query = Parameters::read(call, batch, contract, &self.settings.policies)?;
        query.allow(caller)?;
        let sessions = self.candidates(&prefix, &query);
        let mut rows = match &query.xuids {
            Some(xuids) => rows_of(xuids, &sessions, &query),
            None => {
                let shown = sessions.iter().filter(|session| query.admits(session));
                shown.take(query.take).map(|session| row(session, None)).collect()
            }
        };
        rows.truncate(query.take);
        Ok(results(&rows))
    }

    /// How the keys of all sessions in question begin.
    fn prefix(&self, operation: &Operation) -> Result<String, Refusal> {
        let (scid, template) = (operation.param(ParamName::Scid), operation.param(ParamName::Template));
        if !is_guid(scid) {
            return Err(Refusal::NotFound("No service configuration has this id."));
        }
        if operation.piece(ParamName::Template).is_none() {
            return Ok(format!("{scid}~").to_lowercase());
        }
        match is_name(template) && self.settings.template(template).is_some() {
            true => Ok(format!("{scid}~{template}~").to_lowercase()),
            false => Err(Refusal::NotFound(NO_TEMPLATE)),
        }
    }

    /// The sessions the query may show, oldest first. Time takes members and sessions away but never adds any, so what
    /// does not come into question as last stored need not be brought up to date.
    fn candidates(&mut self, prefix: &str, query: &Parameters) -> Vec<Session> {
        let wanted: Option<BTreeSet<&str>> =
            query.xuids.as_ref().map(|xuids| xuids.iter().map(String::as_str).collect());
        let may_show = |session: &Session| {
            wanted
                .as_ref()
                .is_none_or(|xuids| session.members.values().any(|member| xuids.contains(member.xuid.as_str())))
                && query.has_keyword(session)
        };
        let keys = self.store.keys(prefix, may_show);
        let mut sessions: Vec<Session> = keys.iter().filter_map(|key| self.session(key)).collect();
        sessions.sort_by_cached_key(|session| (session.started, session.reference.key()));
        sessions
    }
}

impl Parameters {
    fn has_keyword(&self, session: &Session) -> bool {
        let carries = |keyword: &String| {
            session.properties.system.texts("keywords").iter().any(|known| known.to_lowercase() == *keyword)
        };
        self.keyword.as_ref().is_none_or(carries)
    }

    /// True when the session itself fits, whoever is in it.
    fn admits(&self, session: &Session) -> bool {
        let shown = session.shown_visibility();
        let version = session.constants.system.number("version").unwrap_or_default();
        self.has_keyword(session)
            && (self.private || shown != "private")
            && self.visibility.as_ref().is_none_or(|wanted| *wanted == shown)
            && self.version.is_none_or(|most| version <= most)
    }

    fn admits_member(&self, member: &Member) -> bool {
        match Status::of(member) {
            Status::Active => true,
            Status::Reserved => self.reservations,
            Status::Inactive => self.inactive,
        }
    }
}

/// How a player is in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Active,
    Reserved,
    Inactive,
}

impl Status {
    fn of(member: &Member) -> Self {
        match member.state {
            _ if member.is_active() => Self::Active,
            Presence::Reserved => Self::Reserved,
            Presence::Accepted(_) => Self::Inactive,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Reserved => "reserved",
            Self::Inactive => "inactive",
        }
    }
}

/// Rows by player in the order asked, each player's sessions in theirs.
fn rows_of(xuids: &[String], sessions: &[Session], query: &Parameters) -> Vec<Vec<u8>> {
    let mut found: BTreeMap<&str, Vec<Vec<u8>>> = xuids.iter().map(|xuid| (xuid.as_str(), Vec::new())).collect();
    for session in sessions.iter().filter(|session| query.admits(session)) {
        for (index, member) in session.members.iter().filter(|(_, member)| query.admits_member(member)) {
            if let Some(rows) = found.get_mut(member.xuid.as_str()).filter(|rows| rows.len() < query.take) {
                rows.push(row(session, Some((*index, member))));
            }
        }
    }
    xuids.iter().filter_map(|xuid| found.remove(xuid.as_str())).flatten().collect()
}

fn row(session: &Session, member: Option<(u32, &Member)>) -> Vec<u8> {
    let properties = &session.properties.system;
    let mut out = Object::new();
    if let Some((_, member)) = member {
        out.text("xuid", &member.xuid);
    }
    out.text("startTime", &mpsd_timestamp(session.started));
    out.object("sessionRef", reference_object(&session.reference));
    let accepted = session.members.values().filter(|member| member.state != Presence::Reserved);
    out.number("accepted", accepted.count() as u64);
    if let Some((_, member)) = member {
        out.text("status", Status::of(member).word());
    }
    let visibility = session.shown_visibility();
    out.text("visibility", &visibility);
    let restriction = properties.text("joinRestriction").filter(|restriction| restriction != "none");
    if let Some(restriction) = restriction.filter(|_| matches!(visibility.as_str(), "open" | "full")) {
        out.text("joinRestriction", &restriction);
    }
    if member.is_some_and(|(index, _)| properties.numbers("turn").contains(&index)) {
        out.raw("myTurn", "true");
    }
    if let Some(keywords) = properties.raw("keywords") {
        out.raw("keywords", keywords);
    }
    out.end()
}

/// The players a batch names.
fn players(body: &[u8]) -> Result<Vec<String>, Refusal> {
    let doc = scan(body)?;
    only(doc.root(), "", &["xuids"])?;
    let named = doc.root().get("xuids").ok_or_else(|| Misfit::new("", "xuids", "is missing"))?;
    let named = xuids(named, "xuids")?;
    match named.is_empty() {
        true => Err(Misfit::new("", "xuids", "is empty").into()),
        false => Ok(named),
    }
}
