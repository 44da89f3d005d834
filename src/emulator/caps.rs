//! Sizes nobody publishes and no title comes near: what keeps one client from taking all the memory.

/// A request body longer than this is refused with 400.
pub(super) const BODY: usize = 1 << 20;

/// A handle or ticket request longer than this is refused with 400: each is kept as long as it lives.
pub(super) const HANDLE: usize = 16 << 10;

/// Tags of a search handle, and its strings and numbers, each.
pub(super) const ATTRIBUTES: usize = 100;

/// Results of a query (mpsd-behaviour §1.15).
pub(super) const RESULTS: usize = 100;

/// A search filter, in bytes.
pub(super) const FILTER: usize = 4096;

/// Comparisons in a search filter.
pub(super) const FILTER_TERMS: usize = 64;

/// Parentheses around a term of a search filter.
pub(super) const FILTER_DEPTH: usize = 8;

/// A matchmaking hopper's name, in characters (mpsd-wire §8).
pub(super) const HOPPER: usize = 140;

/// An invite's `context`, percent-encoded (mpsd-behaviour §1.15).
pub(super) const CONTEXT: usize = 256;

/// Role types of a session, roles of a type, and roles of a member; the SDKs stop at one type.
pub(super) const ROLES: usize = 100;

/// Session names and template names, in characters (mpsd-behaviour §1.1).
pub(super) const NAME: usize = 100;

/// Servers of a session, and characters of a server's name.
pub(super) const SERVERS: usize = 100;

/// Former members a session remembers.
pub(super) const LEAVERS: usize = 1_000;

/// Session templates of a file.
pub(super) const TEMPLATES: usize = 10_000;

/// Members of a session that is not large (mpsd-behaviour §1.15).
pub(super) const MEMBERS: u64 = 100;

/// Members of a large session that leaves the number open.
pub(super) const LARGE_MEMBERS: u64 = 10_000;

/// Session names, handles and players remembered, each; beyond that new ones get 503.
pub(super) const STORE: usize = 100_000;

/// Bytes of all session documents together; beyond that a growing write gets 503.
pub(super) const STORE_BYTES: usize = 1 << 30;

/// `Retry-After` of those 503s, in seconds.
pub(super) const FULL_RETRY_AFTER: &str = "60";

/// Frames that may wait for one client; one that does not read them is let go.
pub(super) const QUEUE: usize = 1_000;

/// The same in bytes.
pub(super) const QUEUE_BYTES: usize = 4 << 20;

/// Real-time connections, and nonces not used yet; beyond that new ones get 503.
pub(super) const SOCKETS: usize = 10_000;

/// Bytes of a dump that may be loaded.
pub const STATE_BYTES: usize = 1 << 30;

/// No counter of a dump may be beyond this: each still has to grow.
pub(super) const COUNT: u64 = 1 << 53;
