//! Sizes nobody publishes and no title comes near: what keeps one client from taking all the memory.

/// A request body longer than this is refused with 400.
pub(super) const BODY: usize = 1 << 20;

/// An invite's `context`, percent-encoded (mpsd-behaviour §1.15).
pub(super) const CONTEXT: usize = 256;

/// Role types of a session, roles of a type, and roles of a member; the SDKs stop at one type.
pub(super) const ROLES: usize = 100;

/// Session names and template names, in characters (mpsd-behaviour §1.1).
pub(super) const NAME: usize = 100;

/// Members of a session that is not large (mpsd-behaviour §1.15).
pub(super) const MEMBERS: u64 = 100;

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
pub(super) const STATE_BYTES: usize = 1 << 30;

/// No counter of a dump may be beyond this: each still has to grow.
pub(super) const COUNT: u64 = 1 << 53;
