//! The choices the documents leave open, each a named value: a mismatch with the real service is a change here.
//!
//! Sources and alternatives: mpsd-behaviour §1-2 (marked DECIDE there) and §9.

use std::time::Duration;

use crate::mpsd::version::Names;

/// The one template name nothing is registered under, so that a title can see a 404.
pub(super) const MISSING_TEMPLATE: &str = "unknown";

/// Any other unlisted template is this one, and there the creator may override what it sets: a title starts at once.
pub(super) const DEFAULT_TEMPLATE: &str = "lobby";

/// The title every active member plays; tokens are opaque here, so their title claim is not known.
pub(super) const TITLE_ID: &str = "1234567890";

/// The `gameTypes` of a handle: no platform registration is known.
pub(super) const GAME_TYPES: &str = "{}";

/// How long an invite handle lives; the documents name an expiration but no length.
pub(super) const INVITE_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// `followed` restrictions pass: everybody follows everybody, and nobody is blocked.
pub(super) const EVERYBODY_FOLLOWS: bool = true;

/// Somebody outside an open session whose join restriction passes may write to it, without becoming a member.
pub(super) const NONMEMBER_WRITE: bool = true;

/// With `hasOwners`, an owner may remove a member by index, as a server may.
pub(super) const OWNER_KICK: bool = true;

/// The `inactiveRemovalTimeout` of a session whose creator and template left it open, by the creator's contract.
pub(super) const fn inactive_default(names: Names) -> u64 {
    match names {
        Names::Old => 7_200_000,
        Names::New => 0,
    }
}

/// `reservedRemovalTimeout` when left open.
pub(super) const RESERVED_DEFAULT: u64 = 30_000;

/// `readyRemovalTimeout` when left open.
pub(super) const READY_DEFAULT: u64 = 180_000;

/// `sessionEmptyTimeout` when left open.
pub(super) const EMPTY_DEFAULT: u64 = 0;

/// Members of a session that is not large.
pub(super) const MEMBERS_LIMIT: u64 = 100;

/// Members of a large session; one page says 1 000.
pub(super) const LARGE_MEMBERS_LIMIT: u64 = 10_000;

/// A request body longer than this is refused with 400; no number is published.
pub(super) const BODY_LIMIT: usize = 1 << 20;

/// A session document heavier than this is refused with 400; no number is published.
pub(super) const DOCUMENT_LIMIT: usize = 1 << 20;

/// The same for a large session, whose members one answer never shows together.
pub(super) const LARGE_DOCUMENT_LIMIT: usize = 64 << 20;

/// An invite's `context`, percent-encoded.
pub(super) const CONTEXT_LIMIT: usize = 256;

/// Session names and template names.
pub(super) const NAME_LIMIT: usize = 100;

/// Session names, handles and players remembered, each; beyond that new ones get 503.
pub(super) const STORE_LIMIT: usize = 100_000;

/// Bytes of all session documents together; beyond that a growing write gets 503.
pub(super) const STORE_BYTES: usize = 1 << 30;

/// `Retry-After` of those 503s, in seconds.
pub(super) const FULL_RETRY_AFTER: &str = "60";
