//! The table of operations: every route MPSD, RTA and SmartMatch document, one row each.
//!
//! Keywords and hosts compare case-insensitively after percent-decoding (mpsd-wire §1.2).

use super::target::{self, Piece};

/// A service tapdeck knows the contract of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The Multiplayer Session Directory.
    Mpsd,
    /// Real-time activity: the WebSocket that carries shoulder taps.
    Rta,
    /// SmartMatch matchmaking, under either of its host names.
    SmartMatch,
    /// Multiplayer activity; intercepted, without a contract of its own yet.
    MultiplayerActivity,
    /// A service next door: intercepted because somebody named it, without a contract.
    Neighbour,
}

impl Service {
    /// The service behind a host name (no port), or `None` for a host we have no contract of.
    pub fn of_host(host: &str) -> Option<Self> {
        match host.to_ascii_lowercase().as_str() {
            "sessiondirectory.xboxlive.com" => Some(Self::Mpsd),
            "rta.xboxlive.com" => Some(Self::Rta),
            "smartmatch.xboxlive.com" | "momatch.xboxlive.com" => Some(Self::SmartMatch),
            "multiplayeractivity.xboxlive.com" => Some(Self::MultiplayerActivity),
            _ => None,
        }
    }

    /// The service behind the host of a recorded call: a host of Xbox Live without a contract is a neighbour, any
    /// other stood in for the session directory.
    pub fn behind(host: &str) -> Self {
        let is_live = host.to_ascii_lowercase().ends_with(".xboxlive.com");
        Self::of_host(host).unwrap_or(if is_live { Self::Neighbour } else { Self::Mpsd })
    }
}

/// What a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is one row of ROUTES, which says it all")]
pub enum Op {
    SessionGet,
    SessionPut,
    PropertiesGet,
    PropertiesPut,
    MemberMeGet,
    MemberMePut,
    MemberMeDelete,
    MemberGet,
    MemberDelete,
    ServerGet,
    ServerPut,
    ServerDelete,
    SessionsQuery,
    TemplateSessionsQuery,
    Batch,
    TemplateBatch,
    TemplatesList,
    TemplateGet,
    HandleCreate,
    HandlesQuery,
    HandleGet,
    HandleDelete,
    HandleSessionGet,
    HandleSessionPut,
    RtaConnect,
    RtaNonce,
    TicketCreate,
    TicketGet,
    TicketDelete,
    HopperStats,
}

impl Op {
    /// The operation's name in records, findings and reports.
    pub fn name(self) -> &'static str {
        self.route().name
    }

    /// The operation's row.
    pub fn route(self) -> &'static Route {
        // Every variant has a row (a test says so); the first row is never reached for want of one.
        ROUTES.iter().find(|route| route.op == self).unwrap_or(&ROUTES[0])
    }

    /// True for operations that change nothing: they may be repeated and skipped.
    pub fn is_read(self) -> bool {
        self.route().method == "GET" || matches!(self, Self::HandlesQuery | Self::Batch | Self::TemplateBatch)
    }

    /// True when a 200 or 201 answer carries a session document.
    pub fn answers_session(self) -> bool {
        matches!(
            self,
            Self::SessionGet
                | Self::SessionPut
                | Self::PropertiesPut
                | Self::MemberMePut
                | Self::MemberMeDelete
                | Self::MemberDelete
                | Self::ServerPut
                | Self::ServerDelete
                | Self::HandleSessionGet
                | Self::HandleSessionPut
        )
    }
}

/// One row: how an operation looks on the wire.
#[derive(Debug)]
pub struct Route {
    /// The operation.
    pub op: Op,
    /// Its name in records, findings and reports.
    pub name: &'static str,
    /// The service it belongs to.
    pub service: Service,
    /// Its verb.
    pub method: &'static str,
    /// Its path: keywords, and `{parameter}` segments.
    pub path: &'static str,
    /// Query parameters the documents name.
    pub query: &'static [&'static str],
    /// Where it is documented.
    pub citation: &'static str,
}

/// A path parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names of the path templates")]
pub enum ParamName {
    Scid,
    Template,
    Session,
    Handle,
    Index,
    Server,
    Hopper,
    Ticket,
}

/// A request resolved to its operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What it is.
    pub op: Op,
    params: Vec<(ParamName, Piece)>,
}

impl Operation {
    /// A path parameter's decoded text; empty when the route has none of that name.
    pub fn param(&self, name: ParamName) -> &str {
        self.piece(name).map_or("", |piece| piece.text.as_str())
    }

    /// A path parameter with its place in the target.
    pub fn piece(&self, name: ParamName) -> Option<&Piece> {
        self.params.iter().find(|(param, _)| *param == name).map(|(_, piece)| piece)
    }

    /// The path parameters in order.
    pub fn params(&self) -> impl Iterator<Item = (ParamName, &Piece)> {
        self.params.iter().map(|(name, piece)| (*name, piece))
    }
}

/// What a method and target come to on a contract host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// A documented operation.
    Known(Operation),
    /// A documented path, with a verb it does not have; the verbs it has.
    WrongMethod(Vec<&'static str>),
    /// No documented path.
    Unknown,
}

impl Resolution {
    /// The operation, if it is one.
    pub fn operation(&self) -> Option<&Operation> {
        match self {
            Self::Known(operation) => Some(operation),
            _ => None,
        }
    }

    /// The operation's name, or `unknown`.
    pub fn name(&self) -> &'static str {
        self.operation().map_or("unknown", |operation| operation.op.name())
    }
}

/// Finds the row for a request. A `HEAD` resolves as its `GET`.
pub fn resolve(service: Service, method: &str, target: &str) -> Resolution {
    let segments = target::segments(target);
    let rows = || ROUTES.iter().filter(|route| route.service == service);
    let literal_first = |route: &&Route| route.path.matches('{').count();
    let mut fits: Vec<&Route> = rows().filter(|route| fits(route.path, &segments)).collect();
    fits.sort_by_key(literal_first);
    let Some(best) = fits.first() else {
        return Resolution::Unknown;
    };
    // `/handles/query` also fits `/handles/{handle}`: only the most literal path counts.
    let path = best.path;
    let verb = if method == "HEAD" { "GET" } else { method };
    match rows().find(|route| route.path == path && route.method == verb) {
        Some(route) => Resolution::Known(Operation { op: route.op, params: params(route.path, segments) }),
        None => Resolution::WrongMethod(rows().filter(|route| route.path == path).map(|route| route.method).collect()),
    }
}

fn fits(path: &str, segments: &[Piece]) -> bool {
    let mut pattern = path.split('/').skip(1);
    let fits_each = segments.iter().all(|segment| match pattern.next() {
        Some(parameter) if parameter.starts_with('{') => true,
        Some(keyword) => keyword.eq_ignore_ascii_case(&segment.text),
        None => false,
    });
    fits_each && pattern.next().is_none()
}

fn params(path: &str, segments: Vec<Piece>) -> Vec<(ParamName, Piece)> {
    let names = path.split('/').skip(1).map(param_name);
    names.zip(segments).filter_map(|(name, piece)| Some((name?, piece))).collect()
}

fn param_name(segment: &str) -> Option<ParamName> {
    match segment {
        "{scid}" => Some(ParamName::Scid),
        "{template}" => Some(ParamName::Template),
        "{session}" => Some(ParamName::Session),
        "{handle}" => Some(ParamName::Handle),
        "{index}" => Some(ParamName::Index),
        "{server}" => Some(ParamName::Server),
        "{hopper}" => Some(ParamName::Hopper),
        "{ticket}" => Some(ParamName::Ticket),
        _ => None,
    }
}

const fn row(
    op: Op,
    name: &'static str,
    service: Service,
    method: &'static str,
    path: &'static str,
    query: &'static [&'static str],
    citation: &'static str,
) -> Route {
    Route { op, name, service, method, path, query, citation }
}

const SESSION: &str = "/serviceconfigs/{scid}/sessiontemplates/{template}/sessions/{session}";
const PROPERTIES: &str = "/serviceconfigs/{scid}/sessiontemplates/{template}/sessions/{session}/properties";
const MEMBER_ME: &str = "/serviceconfigs/{scid}/sessiontemplates/{template}/sessions/{session}/members/me";
const MEMBER: &str = "/serviceconfigs/{scid}/sessiontemplates/{template}/sessions/{session}/members/{index}";
const SERVER: &str = "/serviceconfigs/{scid}/sessiontemplates/{template}/sessions/{session}/servers/{server}";
const FILTERS: &[&str] = &["keyword", "xuid", "reservations", "inactive", "private", "visibility", "version", "take"];
const TICKET: &str = "/serviceconfigs/{scid}/hoppers/{hopper}/tickets/{ticket}";

/// Every documented operation. Sources: `mpsd-wire.md` sections 2, 5, 7 and 8.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    row(Op::SessionGet, "session.get", Service::Mpsd, "GET", SESSION, &[], "MPSD REST: GET session; mpsd-wire 2.1"),
    row(Op::SessionPut, "session.put", Service::Mpsd, "PUT", SESSION, &["nocommit"], "MPSD REST: PUT session; mpsd-wire 2.2"),
    row(Op::PropertiesGet, "session.properties.get", Service::Mpsd, "GET", PROPERTIES, &[], "MPSD status codes: session elements; mpsd-wire 1.5"),
    row(Op::PropertiesPut, "session.properties.put", Service::Mpsd, "PUT", PROPERTIES, &["nocommit"], "MPSD REST: PUT session; mpsd-wire 2.3"),
    row(Op::MemberMeGet, "session.me.get", Service::Mpsd, "GET", MEMBER_ME, &[], "MPSD status codes: session elements; mpsd-wire 1.5"),
    row(Op::MemberMePut, "session.me.put", Service::Mpsd, "PUT", MEMBER_ME, &["nocommit"], "MPSD REST: session elements; mpsd-wire 2.3"),
    row(Op::MemberMeDelete, "session.me.delete", Service::Mpsd, "DELETE", MEMBER_ME, &[], "MPSD REST: DELETE members/me; mpsd-wire 2.4"),
    row(Op::MemberGet, "session.member.get", Service::Mpsd, "GET", MEMBER, &[], "MPSD status codes: session elements; mpsd-wire 1.5"),
    row(Op::MemberDelete, "session.member.delete", Service::Mpsd, "DELETE", MEMBER, &[], "MPSD REST: DELETE members/{index}; mpsd-wire 2.5"),
    row(Op::ServerGet, "session.server.get", Service::Mpsd, "GET", SERVER, &[], "MPSD status codes: session elements; mpsd-wire 1.5"),
    row(Op::ServerPut, "session.server.put", Service::Mpsd, "PUT", SERVER, &["nocommit"], "MPSD REST: session elements; mpsd-wire 2.3"),
    row(Op::ServerDelete, "session.server.delete", Service::Mpsd, "DELETE", SERVER, &[], "MPSD REST: DELETE servers/{server-name}; mpsd-wire 2.6"),
    row(Op::SessionsQuery, "sessions.query", Service::Mpsd, "GET", "/serviceconfigs/{scid}/sessions", FILTERS, "MPSD REST: GET sessions; mpsd-wire 2.7"),
    row(Op::TemplateSessionsQuery, "template.sessions.query", Service::Mpsd, "GET", "/serviceconfigs/{scid}/sessiontemplates/{template}/sessions", FILTERS, "MPSD REST: GET template sessions; mpsd-wire 2.7"),
    row(Op::Batch, "sessions.batch", Service::Mpsd, "POST", "/serviceconfigs/{scid}/batch", FILTERS, "MPSD REST: POST batch; mpsd-wire 2.7"),
    row(Op::TemplateBatch, "template.sessions.batch", Service::Mpsd, "POST", "/serviceconfigs/{scid}/sessiontemplates/{template}/batch", FILTERS, "MPSD REST: POST template batch; mpsd-wire 2.7"),
    row(Op::TemplatesList, "templates.list", Service::Mpsd, "GET", "/serviceconfigs/{scid}/sessiontemplates", &[], "MPSD REST: GET sessiontemplates; mpsd-wire 2.8"),
    row(Op::TemplateGet, "template.get", Service::Mpsd, "GET", "/serviceconfigs/{scid}/sessiontemplates/{template}", &[], "MPSD REST: GET sessiontemplate; mpsd-wire 2.8"),
    row(Op::HandleCreate, "handle.create", Service::Mpsd, "POST", "/handles", &["include"], "MPSD REST: POST handles; mpsd-wire 5.1"),
    row(Op::HandlesQuery, "handles.query", Service::Mpsd, "POST", "/handles/query", &["include", "xuid", "take"], "MPSD REST: POST handles/query; mpsd-wire 5.4"),
    row(Op::HandleGet, "handle.get", Service::Mpsd, "GET", "/handles/{handle}", &["include"], "MPSD REST: GET handles/{handleId}; mpsd-wire 5.2"),
    row(Op::HandleDelete, "handle.delete", Service::Mpsd, "DELETE", "/handles/{handle}", &[], "MPSD REST: DELETE handles/{handleId}; mpsd-wire 5.2"),
    row(Op::HandleSessionGet, "handle.session.get", Service::Mpsd, "GET", "/handles/{handle}/session", &[], "MPSD REST: GET handles/{handleId}/session; mpsd-wire 5.3"),
    row(Op::HandleSessionPut, "handle.session.put", Service::Mpsd, "PUT", "/handles/{handle}/session", &["nocommit"], "MPSD REST: PUT handles/{handleId}/session; mpsd-wire 5.3"),
    row(Op::RtaConnect, "rta.connect", Service::Rta, "GET", "/connect", &["nonce"], "RTA; mpsd-wire 7"),
    row(Op::RtaNonce, "rta.nonce", Service::Rta, "GET", "/nonce", &[], "RTA; mpsd-behaviour 4.1"),
    row(Op::TicketCreate, "ticket.create", Service::SmartMatch, "POST", "/serviceconfigs/{scid}/hoppers/{hopper}", &[], "SmartMatch REST: POST hopper; mpsd-wire 8"),
    row(Op::TicketGet, "ticket.get", Service::SmartMatch, "GET", TICKET, &[], "SmartMatch: ticket status; mpsd-wire 8"),
    row(Op::TicketDelete, "ticket.delete", Service::SmartMatch, "DELETE", TICKET, &[], "SmartMatch REST: DELETE ticket; mpsd-wire 8"),
    row(Op::HopperStats, "hopper.stats", Service::SmartMatch, "GET", "/serviceconfigs/{scid}/hoppers/{hopper}/stats", &[], "SmartMatch REST: GET stats; mpsd-wire 8"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_resolves_to_itself_and_to_no_other() {
        for route in ROUTES {
            let example = route.path.replace(['{', '}'], "");
            let resolution = resolve(route.service, route.method, &example.to_uppercase());
            assert_eq!(resolution.operation().map(|operation| operation.op), Some(route.op), "{}", route.name);
            assert_eq!(route.op.name(), route.name);
        }
        let names: std::collections::HashSet<_> = ROUTES.iter().map(|route| route.name).collect();
        assert_eq!(names.len(), ROUTES.len());
    }

    #[test]
    fn parameters_are_decoded_and_keep_their_place() {
        let target = "/serviceconfigs/abc/sessionTemplates/global%28lfg%29/sessions/A?nocommit=true";
        let resolution = resolve(Service::Mpsd, "PUT", target);
        let operation = resolution.operation().unwrap();
        assert_eq!(operation.param(ParamName::Template), "global(lfg)");
        assert_eq!(&target[operation.piece(ParamName::Session).unwrap().span.clone()], "A");
    }

    #[test]
    fn wrong_verbs_and_unknown_paths_are_told_apart() {
        assert_eq!(resolve(Service::Mpsd, "GET", "/handles/query"), Resolution::WrongMethod(vec!["POST"]));
        assert_eq!(resolve(Service::Mpsd, "GET", "/handles/a/b"), Resolution::Unknown);
        assert_eq!(resolve(Service::Mpsd, "HEAD", "/handles/a").name(), "handle.get");
    }
}
