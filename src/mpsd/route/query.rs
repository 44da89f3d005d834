//! The query parameters operations take.

/// A query parameter the documents name.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name, as it stands on the wire.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// What it does.
    pub summary: &'static str,
    /// Where it is documented.
    pub citation: &'static str,
}

/// What values a parameter takes. Words compare case-insensitively.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A decimal, unsigned 64-bit user id.
    Xuid,
    /// `true`; the other value is said by leaving the parameter out.
    True,
    /// A whole number.
    Number {
        /// The smallest.
        least: u32,
        /// The largest.
        most: u32,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// Some of these words, with commas between them.
    Words(&'static [&'static str]),
}

const fn parameter(name: &'static str, kind: Kind, summary: &'static str, citation: &'static str) -> Parameter {
    Parameter { name, kind, summary, citation }
}

const KEYWORD: Parameter =
    parameter("keyword", Kind::Text, "Only sessions that carry this keyword", "MPSD REST: GET sessions; mpsd-wire 2.7");
const XUID: Parameter = parameter(
    "xuid",
    Kind::Xuid,
    "Only sessions of this user; by default those the user is active in",
    "MPSD REST: GET sessions; discrepancies D04",
);
const RESERVATIONS: Parameter = parameter(
    "reservations",
    Kind::True,
    "Also sessions that keep a place for the user; needs xuid, and the right to look at that user's sessions",
    "MPSD REST: GET sessions; discrepancies D05",
);
const INACTIVE: Parameter = parameter(
    "inactive",
    Kind::True,
    "Also sessions the user is inactive in; needs xuid",
    "MPSD REST: GET sessions; discrepancies D05",
);
const PRIVATE: Parameter = parameter(
    "private",
    Kind::True,
    "Also private sessions; needs the right to look at the users' sessions",
    "MPSD REST: GET sessions; discrepancies D05",
);
const VISIBILITY: Parameter = parameter(
    "visibility",
    Kind::Word(&["open", "private", "visible", "full"]),
    "Only sessions of this visibility; the documents promise only open, and private beside private=true",
    "MPSD REST: GET sessions; discrepancies D06",
);
const VERSION: Parameter = parameter(
    "version",
    Kind::Number { least: 0, most: 7 },
    "Only sessions up to this major version, which is at most the contract version modulo 100",
    "MPSD REST: GET sessions; mpsd-wire 2.7",
);
const TAKE: Parameter = parameter(
    "take",
    Kind::Number { least: 0, most: 100 },
    "At most so many results",
    "MPSD REST: GET sessions; mpsd-wire 2.7",
);

/// The filters of a query of sessions. One of `keyword` and `xuid` must be there.
pub(super) const FILTERS: &[Parameter] = &[KEYWORD, XUID, RESERVATIONS, INACTIVE, PRIVATE, VISIBILITY, VERSION, TAKE];

/// The filters of a batch: its users are named in the body.
pub(super) const BATCH_FILTERS: &[Parameter] = &[KEYWORD, RESERVATIONS, INACTIVE, PRIVATE, VISIBILITY, VERSION, TAKE];

/// What writes of a session take.
pub(super) const WRITE: &[Parameter] = &[parameter(
    "nocommit",
    Kind::True,
    "Answer what the session would become, and keep it as it is",
    "MPSD overview: nocommit; mpsd-wire 2.2",
)];

/// What operations that answer handles take.
pub(super) const INCLUDE: &[Parameter] = &[parameter(
    "include",
    Kind::Words(&["relatedInfo", "roleInfo", "customProperties", "activityInfo"]),
    "What to add to each handle",
    "MPSD REST: POST handles/query?include; discrepancies C16",
)];

/// What opens a socket for whoever cannot set a header.
pub(super) const NONCE: &[Parameter] = &[parameter(
    "nonce",
    Kind::Text,
    "Stands for the authorization, where a client cannot send the header",
    "RTA; mpsd-behaviour 4.1",
)];
