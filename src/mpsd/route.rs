//! The table of operations: every route MPSD, RTA and SmartMatch document, one row each.
//!
//! Keywords and hosts compare case-insensitively after percent-decoding (mpsd-wire §1.2).

mod query;
mod reply;
mod table;

pub use query::{Kind, Parameter};
pub use reply::{Carries, Reply};
pub use table::ROUTES;

use super::host;
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
    /// A service next door: intercepted because somebody named its host, without a contract.
    Neighbour,
}

impl Service {
    /// The service behind a host name (no port), or `None` for a host we have no contract of.
    pub fn of_host(host: &str) -> Option<Self> {
        let answers = |service: &Self| service.hosts().iter().any(|known| known.eq_ignore_ascii_case(host));
        [Self::Mpsd, Self::Rta, Self::SmartMatch, Self::MultiplayerActivity].into_iter().find(answers)
    }

    /// Its host names; the one clients use is the first.
    pub fn hosts(self) -> &'static [&'static str] {
        match self {
            Self::Mpsd => &["sessiondirectory.xboxlive.com"],
            Self::Rta => &["rta.xboxlive.com"],
            Self::SmartMatch => &["smartmatch.xboxlive.com", "momatch.xboxlive.com"],
            Self::MultiplayerActivity => &["multiplayeractivity.xboxlive.com"],
            Self::Neighbour => &[],
        }
    }

    /// The service behind the host of a recorded call, where the record does not say: a host of Xbox Live without a
    /// contract is a neighbour, any other stood in for the session directory.
    pub fn behind(host: &str) -> Self {
        let is_live = host::is_within(host, "xboxlive.com") && !host::asks_for_certificate(host);
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
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The operation.
    pub op: Op,
    /// Its name in records, findings and reports.
    pub name: &'static str,
    /// What it is listed under.
    pub group: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// What else there is to know; often nothing.
    pub about: &'static str,
    /// The service it belongs to.
    pub service: Service,
    /// Its verb.
    pub method: &'static str,
    /// Its path: keywords, and `{parameter}` segments.
    pub path: &'static str,
    /// The contract versions it is documented for; none where the service has none.
    pub contracts: &'static [u32],
    /// Who may call it.
    pub principals: &'static [Principal],
    /// Query parameters the documents name.
    pub query: &'static [Parameter],
    /// Preconditions it honours.
    pub preconditions: &'static [Precondition],
    /// What it answers when it goes well.
    pub replies: &'static [Reply],
    /// What it answers when it does not.
    pub refusals: &'static [Reply],
    /// Where it is documented.
    pub citation: &'static str,
}

impl Route {
    /// True when a request has a body.
    pub fn has_body(&self) -> bool {
        matches!(self.method, "PUT" | "POST")
    }

    /// Every answer the documents name, by status.
    pub fn answers(&self) -> impl Iterator<Item = &'static Reply> + use<> {
        self.replies.iter().chain(self.refusals)
    }
}

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A user, by the user's own token.
    User,
    /// A title's server or service, by a token of its own.
    Server,
    /// A service in the name of users that `X-Xbl-OnBehalfOf-Users` lists.
    OnBehalf,
}

/// A precondition an operation honours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// `If-Match`: only when the session exists (`*`), or is still as it was read (an entity tag).
    IfMatch,
    /// `If-None-Match: *`: only when there is no session yet.
    CreateOnly,
    /// `If-None-Match` with an entity tag: 304 when nothing has changed.
    Unchanged,
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
    /// A call of a neighbour, of whom no path is documented.
    NextDoor,
}

impl Resolution {
    /// The operation, if it is one.
    pub fn operation(&self) -> Option<&Operation> {
        match self {
            Self::Known(operation) => Some(operation),
            _ => None,
        }
    }

    /// The operation's name, or else `unknown`, or `neighbour`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Known(operation) => operation.op.name(),
            Self::NextDoor => NEXT_DOOR,
            Self::WrongMethod(_) | Self::Unknown => "unknown",
        }
    }
}

/// Finds the row for a request. A `HEAD` resolves as its `GET`.
pub fn resolve(service: Service, method: &str, target: &str) -> Resolution {
    if service == Service::Neighbour {
        return Resolution::NextDoor;
    }
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

/// What a call of a neighbour is called in records.
pub const NEXT_DOOR: &str = "neighbour";

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
    fn every_row_says_everything_and_ends_well_or_badly() {
        for route in ROUTES {
            let texts = [route.name, route.group, route.summary, route.path, route.citation];
            assert!(texts.iter().all(|text| !text.is_empty()), "{}", route.name);
            assert!(!route.summary.ends_with('.') && !route.principals.is_empty(), "{}", route.name);
            assert!(route.about.is_empty() || route.about.ends_with('.'), "{}", route.name);
            assert!(route.replies.iter().all(|reply| reply.status < 400), "{}", route.name);
            assert!(route.refusals.iter().all(|reply| reply.status >= 400), "{}", route.name);
            let statuses: Vec<u16> = route.answers().map(|reply| reply.status).collect();
            assert!(statuses.is_sorted_by(|one, next| one < next), "{}: {statuses:?}", route.name);
            assert!(statuses[0] < 300 && statuses.contains(&401), "{}", route.name);
            let writes = route.preconditions.contains(&Precondition::IfMatch);
            assert_eq!(statuses.contains(&412), writes, "{}", route.name);
        }
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
