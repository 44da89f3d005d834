//! What operations answer: statuses, what they mean, and what comes with them.

/// A status an operation may answer with.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// What it says.
    pub meaning: &'static str,
    /// What its body may be; none where there is no body.
    pub carries: &'static [Carries],
    /// The headers that come with it, beside those of every answer.
    pub headers: &'static [&'static str],
}

/// What the body of an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// A line of plain text for people.
    Message,
    /// The whole session, in the rendering the request asked for.
    Session,
    /// A session's properties, member or server by itself.
    Element,
    /// A handle.
    Handle,
    /// What a query of sessions found.
    Sessions,
    /// What a query of handles found.
    Handles,
    /// The names of a configuration's templates.
    TemplateNames,
    /// A template.
    Template,
    /// Which limit was overrun, and by how much.
    Limit,
    /// A match ticket's id.
    NewTicket,
    /// A match ticket.
    Ticket,
    /// What a hopper is doing.
    HopperStats,
    /// A nonce.
    Nonce,
}

const fn reply(
    status: u16,
    meaning: &'static str,
    carries: &'static [Carries],
    headers: &'static [&'static str],
) -> Reply {
    Reply { status, meaning, carries, headers }
}

const SESSION: &[&str] = &["ETag", "Expires", "Cache-Control"];
const SESSION_BY_HANDLE: &[&str] = &["ETag", "Expires", "Cache-Control", "Content-Location"];
const LISTED: &[&str] = &["Cache-Control"];
const WAIT: &[&str] = &["Retry-After"];

const UPDATED: &str = "The session as it is now";
const CREATED: &str = "The request created the session; this is it";
const READ: &str = "The session";
const NONE: &str = "There is no such session";
const LEFT: &str = "The request left no session: nobody is in it";
const CHANGED: &str = "The session, or the element, as it is now";
const FOUND: &str = "What was found; nothing found is an empty list";
const GONE: &str = "What the request names is gone: it was there before the request";
const ACCEPTED: Reply = reply(202, "Accepted, and not completed yet", &[], &[]);
const UNCHANGED: Reply = reply(304, "The session is still what If-None-Match says", &[], &[]);
const INVALID: Reply = reply(400, "The request is wrong at first sight", &[Carries::Message], &[]);
const UNKNOWN_CALLER: Reply = reply(401, "The token is missing or has run out", &[Carries::Message], &[]);
const FORBIDDEN: Reply = reply(403, "The caller may not do this", &[Carries::Message], &[]);
const NO_WRITE: Reply = reply(
    403,
    "The caller may not do this; the body is the session when the caller may read it",
    &[Carries::Message, Carries::Session],
    &[],
);
const NOT_FOUND: Reply = reply(
    404,
    "There is no such configuration, template, handle, hopper or ticket, or no session for the element",
    &[Carries::Message],
    &[],
);
const OTHER_VERSION: Reply = reply(406, "The contract version is not supported", &[Carries::Message], &[]);
const CONFLICT: Reply = reply(409, "The request is at odds with the session as it is", &[Carries::Message], &[]);
const PRECONDITION: Reply = reply(
    412,
    "The precondition does not hold. A named entity tag is answered with the session as it is now",
    &[Carries::Session],
    SESSION,
);
const TOO_MANY: Reply = reply(429, "Too many requests of this user and title", &[Carries::Limit], WAIT);
const OVERLOADED: Reply = reply(503, "The service has too much to do", &[Carries::Message], WAIT);

/// `GET` of a session.
pub(super) const SESSION_READ: &[Reply] =
    &[reply(200, READ, &[Carries::Session], SESSION), reply(204, NONE, &[], &[]), UNCHANGED];

/// `GET` of a session by a handle.
pub(super) const HANDLE_SESSION_READ: &[Reply] =
    &[reply(200, READ, &[Carries::Session], SESSION_BY_HANDLE), reply(204, NONE, &[], &[]), UNCHANGED];

/// `PUT` of a session.
pub(super) const SESSION_WRITE: &[Reply] = &[
    reply(200, UPDATED, &[Carries::Session], SESSION),
    reply(201, CREATED, &[Carries::Session], SESSION),
    ACCEPTED,
    reply(204, LEFT, &[], &[]),
];

/// `PUT` of a session by a handle.
pub(super) const HANDLE_SESSION_WRITE: &[Reply] = &[
    reply(200, UPDATED, &[Carries::Session], SESSION_BY_HANDLE),
    reply(201, CREATED, &[Carries::Session], SESSION_BY_HANDLE),
    ACCEPTED,
    reply(204, LEFT, &[], &[]),
];

/// `GET` of a session element.
pub(super) const ELEMENT_READ: &[Reply] = &[
    reply(200, "The element", &[Carries::Element, Carries::Session], &["ETag", "Cache-Control"]),
    reply(204, "There is no such element", &[], &[]),
    UNCHANGED,
];

/// `PUT` of a session element.
pub(super) const ELEMENT_WRITE: &[Reply] = &[
    reply(200, CHANGED, &[Carries::Session, Carries::Element], SESSION),
    reply(201, "The request created the element", &[Carries::Session, Carries::Element], SESSION),
    ACCEPTED,
    reply(204, GONE, &[], &[]),
];

/// `DELETE` of a session element.
pub(super) const ELEMENT_REMOVAL: &[Reply] =
    &[reply(200, CHANGED, &[Carries::Session, Carries::Element], SESSION), ACCEPTED, reply(204, GONE, &[], &[])];

/// A query of sessions.
pub(super) const SESSIONS_FOUND: &[Reply] = &[reply(200, FOUND, &[Carries::Sessions], LISTED)];

/// A query of handles.
pub(super) const HANDLES_FOUND: &[Reply] = &[reply(200, FOUND, &[Carries::Handles], LISTED)];

/// The templates of a configuration.
pub(super) const TEMPLATES_FOUND: &[Reply] = &[reply(200, "Their names", &[Carries::TemplateNames], LISTED)];

/// One template.
pub(super) const TEMPLATE_READ: &[Reply] = &[reply(200, "The template", &[Carries::Template], LISTED)];

/// `POST` of a handle.
pub(super) const HANDLE_CREATED: &[Reply] = &[
    reply(200, "The handle was there already", &[Carries::Handle], LISTED),
    reply(201, "The handle", &[Carries::Handle], &["Location", "Content-Location", "Cache-Control"]),
];

/// `GET` of a handle. One page calls its body a session.
pub(super) const HANDLE_READ: &[Reply] = &[reply(200, "The handle", &[Carries::Handle, Carries::Session], LISTED)];

/// `DELETE` of a handle or a ticket.
pub(super) const REMOVED: &[Reply] = &[reply(200, "It is gone", &[], &[]), reply(204, "It is gone", &[], &[])];

/// The upgrade to a socket.
pub(super) const UPGRADED: &[Reply] =
    &[reply(101, "The connection is a WebSocket from here on", &[], &["Sec-WebSocket-Protocol"])];

/// A nonce for the upgrade.
pub(super) const NONCE: &[Reply] = &[reply(200, "The nonce", &[Carries::Nonce], &[])];

/// `POST` of a match ticket.
pub(super) const TICKET_CREATED: &[Reply] = &[
    reply(200, "The ticket's id", &[Carries::NewTicket], &[]),
    reply(201, "The ticket's id", &[Carries::NewTicket], &[]),
];

/// `GET` of a match ticket.
pub(super) const TICKET_READ: &[Reply] = &[reply(200, "The ticket", &[Carries::Ticket], &[])];

/// `GET` of a hopper's statistics.
pub(super) const HOPPER_READ: &[Reply] = &[reply(200, "What the hopper is doing", &[Carries::HopperStats], &[])];

/// Why a read may be refused.
pub(super) const READ_REFUSALS: &[Reply] =
    &[INVALID, UNKNOWN_CALLER, FORBIDDEN, NOT_FOUND, OTHER_VERSION, TOO_MANY, OVERLOADED];

/// Why a write of a session may be refused.
pub(super) const WRITE_REFUSALS: &[Reply] =
    &[INVALID, UNKNOWN_CALLER, NO_WRITE, NOT_FOUND, OTHER_VERSION, CONFLICT, PRECONDITION, TOO_MANY, OVERLOADED];

/// Why something new may be refused that is no session.
pub(super) const CREATION_REFUSALS: &[Reply] =
    &[INVALID, UNKNOWN_CALLER, FORBIDDEN, NOT_FOUND, OTHER_VERSION, CONFLICT, TOO_MANY, OVERLOADED];
