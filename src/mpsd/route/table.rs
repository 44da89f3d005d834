//! The table itself: every operation, one row each.
//!
//! Sources: `mpsd-wire.md` sections 2, 5, 7 and 8. A row states what sets it apart; the rest is its group's.

use super::Precondition::{CreateOnly, IfMatch, Unchanged};
use super::Principal::{OnBehalf, Server, User};
use super::reply::*;
use super::{Op, Precondition, Route, Service, query};

const SESSION: &str = "/serviceconfigs/{scid}/sessiontemplates/{template}/sessions/{session}";
const PROPERTIES: &str = "/serviceconfigs/{scid}/sessiontemplates/{template}/sessions/{session}/properties";
const MEMBER_ME: &str = "/serviceconfigs/{scid}/sessiontemplates/{template}/sessions/{session}/members/me";
const MEMBER: &str = "/serviceconfigs/{scid}/sessiontemplates/{template}/sessions/{session}/members/{index}";
const SERVER: &str = "/serviceconfigs/{scid}/sessiontemplates/{template}/sessions/{session}/servers/{server}";
const TICKET: &str = "/serviceconfigs/{scid}/hoppers/{hopper}/tickets/{ticket}";

const SESSIONS: Route = Route {
    op: Op::SessionGet,
    name: "",
    group: "Sessions",
    summary: "",
    about: "",
    service: Service::Mpsd,
    method: "GET",
    path: "",
    contracts: &[104, 105, 107],
    principals: &[User, Server, OnBehalf],
    query: &[],
    preconditions: &[],
    replies: &[],
    refusals: READ_REFUSALS,
    citation: "",
};
const ELEMENTS: Route = Route { group: "Session elements", ..SESSIONS };
const QUERIES: Route = Route { group: "Queries", ..SESSIONS };
const TEMPLATES: Route = Route { group: "Templates", ..SESSIONS };
const HANDLES: Route = Route { group: "Handles", ..SESSIONS };
const ACTIVITY: Route =
    Route { group: "Real-time activity", service: Service::Rta, contracts: &[], principals: &[User], ..SESSIONS };
const MATCHMAKING: Route = Route {
    group: "Matchmaking",
    service: Service::SmartMatch,
    contracts: &[103],
    principals: &[User, Server],
    ..SESSIONS
};
const WRITES: &[Precondition] = &[IfMatch, CreateOnly];

/// Every documented operation.
pub const ROUTES: &[Route] = &[
    Route {
        op: Op::SessionGet,
        name: "session.get",
        summary: "Read a session",
        about: "A session that does not exist is 204, not 404. The read itself may let timeouts pass, and so change the session.",
        path: SESSION,
        preconditions: &[Unchanged],
        replies: SESSION_READ,
        citation: "MPSD REST: GET session; mpsd-wire 2.1",
        ..SESSIONS
    },
    Route {
        op: Op::SessionPut,
        name: "session.put",
        summary: "Create, join, update or leave a session",
        about: "The body is merged into the session; a missing session is created. `members.me` joins or updates the caller, null leaves.",
        method: "PUT",
        path: SESSION,
        query: query::WRITE,
        preconditions: WRITES,
        replies: SESSION_WRITE,
        refusals: WRITE_REFUSALS,
        citation: "MPSD REST: PUT session; mpsd-wire 2.2",
        ..SESSIONS
    },
    Route {
        op: Op::PropertiesGet,
        name: "session.properties.get",
        summary: "Read a session's properties",
        about: "Which body comes back is not documented: the element or the session.",
        path: PROPERTIES,
        preconditions: &[Unchanged],
        replies: ELEMENT_READ,
        citation: "MPSD status codes: session elements; mpsd-wire 1.5",
        ..ELEMENTS
    },
    Route {
        op: Op::PropertiesPut,
        name: "session.properties.put",
        summary: "Update a session's properties",
        about: "The body is the bare bag, without `properties` around it. A missing session is 404, it is not created.",
        method: "PUT",
        path: PROPERTIES,
        query: query::WRITE,
        preconditions: WRITES,
        replies: ELEMENT_WRITE,
        refusals: WRITE_REFUSALS,
        citation: "MPSD REST: PUT session; mpsd-wire 2.3",
        ..ELEMENTS
    },
    Route {
        op: Op::MemberMeGet,
        name: "session.me.get",
        summary: "Read the caller's own member",
        about: "Which body comes back is not documented: the element or the session.",
        path: MEMBER_ME,
        principals: &[User, OnBehalf],
        preconditions: &[Unchanged],
        replies: ELEMENT_READ,
        citation: "MPSD status codes: session elements; mpsd-wire 1.5",
        ..ELEMENTS
    },
    Route {
        op: Op::MemberMePut,
        name: "session.me.put",
        summary: "Join a session, or update the caller's own member",
        about: "The body is the bare member, without `members` and `me` around it.",
        method: "PUT",
        path: MEMBER_ME,
        principals: &[User, OnBehalf],
        query: query::WRITE,
        preconditions: WRITES,
        replies: ELEMENT_WRITE,
        refusals: WRITE_REFUSALS,
        citation: "MPSD REST: session elements; mpsd-wire 2.3",
        ..ELEMENTS
    },
    Route {
        op: Op::MemberMeDelete,
        name: "session.me.delete",
        summary: "Leave a session",
        about: "The same as a PUT of `members.me: null`. When the last member leaves, the answer is 204.",
        method: "DELETE",
        path: MEMBER_ME,
        principals: &[User, OnBehalf],
        preconditions: &[IfMatch],
        replies: ELEMENT_REMOVAL,
        refusals: WRITE_REFUSALS,
        citation: "MPSD REST: DELETE members/me; mpsd-wire 2.4",
        ..ELEMENTS
    },
    Route {
        op: Op::MemberGet,
        name: "session.member.get",
        summary: "Read a member",
        about: "Which body comes back is not documented: the element or the session.",
        path: MEMBER,
        preconditions: &[Unchanged],
        replies: ELEMENT_READ,
        citation: "MPSD status codes: session elements; mpsd-wire 1.5",
        ..ELEMENTS
    },
    Route {
        op: Op::MemberDelete,
        name: "session.member.delete",
        summary: "Remove a member",
        about: "For servers; for users only where they own the session. A large session refuses it.",
        method: "DELETE",
        path: MEMBER,
        preconditions: &[IfMatch],
        replies: ELEMENT_REMOVAL,
        refusals: WRITE_REFUSALS,
        citation: "MPSD REST: DELETE members/{index}; mpsd-wire 2.5",
        ..ELEMENTS
    },
    Route {
        op: Op::ServerGet,
        name: "session.server.get",
        summary: "Read what a server keeps in a session",
        about: "Which body comes back is not documented: the element or the session.",
        path: SERVER,
        preconditions: &[Unchanged],
        replies: ELEMENT_READ,
        citation: "MPSD status codes: session elements; mpsd-wire 1.5",
        ..ELEMENTS
    },
    Route {
        op: Op::ServerPut,
        name: "session.server.put",
        summary: "Write what a server keeps in a session",
        about: "The body is the bare server, without `servers` and its name around it.",
        method: "PUT",
        path: SERVER,
        principals: &[Server],
        query: query::WRITE,
        preconditions: WRITES,
        replies: ELEMENT_WRITE,
        refusals: WRITE_REFUSALS,
        citation: "MPSD REST: session elements; mpsd-wire 2.3",
        ..ELEMENTS
    },
    Route {
        op: Op::ServerDelete,
        name: "session.server.delete",
        summary: "Remove what a server keeps in a session",
        method: "DELETE",
        path: SERVER,
        principals: &[Server],
        preconditions: &[IfMatch],
        replies: ELEMENT_REMOVAL,
        refusals: WRITE_REFUSALS,
        citation: "MPSD REST: DELETE servers/{server-name}; mpsd-wire 2.6",
        ..ELEMENTS
    },
    Route {
        op: Op::SessionsQuery,
        name: "sessions.query",
        summary: "Find sessions of a service configuration",
        about: "One of `keyword` and `xuid` must be there.",
        path: "/serviceconfigs/{scid}/sessions",
        query: query::FILTERS,
        replies: SESSIONS_FOUND,
        citation: "MPSD REST: GET sessions; mpsd-wire 2.7",
        ..QUERIES
    },
    Route {
        op: Op::TemplateSessionsQuery,
        name: "template.sessions.query",
        summary: "Find sessions of a template",
        about: "One of `keyword` and `xuid` must be there.",
        path: "/serviceconfigs/{scid}/sessiontemplates/{template}/sessions",
        query: query::FILTERS,
        replies: SESSIONS_FOUND,
        citation: "MPSD REST: GET template sessions; mpsd-wire 2.7",
        ..QUERIES
    },
    Route {
        op: Op::Batch,
        name: "sessions.batch",
        summary: "Find sessions of several users in a service configuration",
        about: "Sessions come user by user, in the order of the request; one session may come more than once.",
        method: "POST",
        path: "/serviceconfigs/{scid}/batch",
        query: query::BATCH_FILTERS,
        replies: SESSIONS_FOUND,
        citation: "MPSD REST: POST batch; mpsd-wire 2.7",
        ..QUERIES
    },
    Route {
        op: Op::TemplateBatch,
        name: "template.sessions.batch",
        summary: "Find sessions of several users of a template",
        about: "Sessions come user by user, in the order of the request; one session may come more than once.",
        method: "POST",
        path: "/serviceconfigs/{scid}/sessiontemplates/{template}/batch",
        query: query::BATCH_FILTERS,
        replies: SESSIONS_FOUND,
        citation: "MPSD REST: POST template batch; mpsd-wire 2.7",
        ..QUERIES
    },
    Route {
        op: Op::TemplatesList,
        name: "templates.list",
        summary: "List the session templates of a service configuration",
        path: "/serviceconfigs/{scid}/sessiontemplates",
        replies: TEMPLATES_FOUND,
        citation: "MPSD REST: GET sessiontemplates; mpsd-wire 2.8",
        ..TEMPLATES
    },
    Route {
        op: Op::TemplateGet,
        name: "template.get",
        summary: "Read a session template",
        path: "/serviceconfigs/{scid}/sessiontemplates/{template}",
        replies: TEMPLATE_READ,
        citation: "MPSD REST: GET sessiontemplate; mpsd-wire 2.8",
        ..TEMPLATES
    },
    Route {
        op: Op::HandleCreate,
        name: "handle.create",
        summary: "Create a handle: set an activity, invite, offer a session in searches, or pass on to the next",
        about: "A new activity takes the place of the user's former one. Creating a handle may change the session's change number and ETag.",
        method: "POST",
        path: "/handles",
        principals: &[User, OnBehalf],
        query: query::INCLUDE,
        replies: HANDLE_CREATED,
        refusals: CREATION_REFUSALS,
        citation: "MPSD REST: POST handles; mpsd-wire 5.1",
        ..HANDLES
    },
    Route {
        op: Op::HandlesQuery,
        name: "handles.query",
        summary: "Find activity or search handles",
        about: "Activities are found by their users, search handles by a filter.",
        method: "POST",
        path: "/handles/query",
        query: query::INCLUDE,
        replies: HANDLES_FOUND,
        citation: "MPSD REST: POST handles/query; mpsd-wire 5.4",
        ..HANDLES
    },
    Route {
        op: Op::HandleGet,
        name: "handle.get",
        summary: "Read a handle",
        path: "/handles/{handle}",
        replies: HANDLE_READ,
        citation: "MPSD REST: GET handles/{handleId}; mpsd-wire 5.2",
        ..HANDLES
    },
    Route {
        op: Op::HandleDelete,
        name: "handle.delete",
        summary: "Delete a handle",
        about: "Only its owner may, in the title it was made in.",
        method: "DELETE",
        path: "/handles/{handle}",
        replies: REMOVED,
        citation: "MPSD REST: DELETE handles/{handleId}; mpsd-wire 5.2",
        ..HANDLES
    },
    Route {
        op: Op::HandleSessionGet,
        name: "handle.session.get",
        summary: "Read the session behind a handle",
        about: "As by the session's own path; `Content-Location` says which that is.",
        path: "/handles/{handle}/session",
        preconditions: &[Unchanged],
        replies: HANDLE_SESSION_READ,
        citation: "MPSD REST: GET handles/{handleId}/session; mpsd-wire 5.3",
        ..HANDLES
    },
    Route {
        op: Op::HandleSessionPut,
        name: "handle.session.put",
        summary: "Join or update the session behind a handle",
        about: "As by the session's own path; `Content-Location` says which that is. What a handle allows depends on its type.",
        method: "PUT",
        path: "/handles/{handle}/session",
        query: query::WRITE,
        preconditions: WRITES,
        replies: HANDLE_SESSION_WRITE,
        refusals: WRITE_REFUSALS,
        citation: "MPSD REST: PUT handles/{handleId}/session; mpsd-wire 5.3",
        ..HANDLES
    },
    Route {
        op: Op::RtaConnect,
        name: "rta.connect",
        summary: "Open the socket that tells of changes",
        about: "Offer the subprotocol rta.xboxlive.com.V2. Every message is one JSON array.",
        path: "/connect",
        query: query::NONCE,
        replies: UPGRADED,
        citation: "RTA; mpsd-wire 7",
        ..ACTIVITY
    },
    Route {
        op: Op::RtaNonce,
        name: "rta.nonce",
        summary: "Get a nonce to open the socket with",
        path: "/nonce",
        replies: NONCE,
        citation: "RTA; mpsd-behaviour 4.1",
        ..ACTIVITY
    },
    Route {
        op: Op::TicketCreate,
        name: "ticket.create",
        summary: "Look for other players",
        method: "POST",
        path: "/serviceconfigs/{scid}/hoppers/{hopper}",
        replies: TICKET_CREATED,
        refusals: CREATION_REFUSALS,
        citation: "SmartMatch REST: POST hopper; mpsd-wire 8",
        ..MATCHMAKING
    },
    Route {
        op: Op::TicketGet,
        name: "ticket.get",
        summary: "Ask how a search goes",
        path: TICKET,
        replies: TICKET_READ,
        citation: "SmartMatch: ticket status; mpsd-wire 8",
        ..MATCHMAKING
    },
    Route {
        op: Op::TicketDelete,
        name: "ticket.delete",
        summary: "Stop looking for other players",
        method: "DELETE",
        path: TICKET,
        replies: REMOVED,
        citation: "SmartMatch REST: DELETE ticket; mpsd-wire 8",
        ..MATCHMAKING
    },
    Route {
        op: Op::HopperStats,
        name: "hopper.stats",
        summary: "Ask how long a search takes",
        path: "/serviceconfigs/{scid}/hoppers/{hopper}/stats",
        replies: HOPPER_READ,
        citation: "SmartMatch REST: GET stats; mpsd-wire 8",
        ..MATCHMAKING
    },
];
