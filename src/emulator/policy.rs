//! The choices the documents leave open, each a named value: a mismatch with the real service is a change here.
//!
//! Sources and alternatives: mpsd-behaviour §1-2 (marked DECIDE there) and §9. Some choices are a rule, not a value:
//!
//! * **no-change**: a write that changes nothing keeps change number and entity tag (`write`).
//! * **first-sight**: what a body shows to be wrong is 400, what only the session shows is 409 (`intent`, `merge`).
//! * **full**: joining a full session is 409; closed, locked or restricted is 403 (`merge`, `access`).
//! * **unmet**: a 412 carries the session only when an entity tag differs (`precondition`).
//! * **both-conditions**: `If-Match` together with `If-None-Match` on a write is 400 (`precondition`).
//! * **whole-session**: an element's write answers with the whole session (`write`).
//! * **handle-body**: `GET /handles/{id}` answers with the handle (`handling`).
//! * **bearer-invite**: whoever holds an invite's id may use it; xuids are not verifiable here (`handling`).
//! * **transfer-way**: a transfer handle passes visibility and restriction, never `closed` (`access`).
//! * **nameless-activity**: an activity without a session name gets one, and no membership check (`handling`).
//! * **device**: an IP address stands for a device, so that players on one machine are `local` (`access`).
//! * **stated-xuid**: the first xuid a user states is believed, a different later one ignored (`people`).
//! * **custom-merge**: `custom` merges one level deep, as `system` does (`mpsd::bag`).
//! * **content-type**: not looked at; that is the contract check's business.

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

/// What an element's write or delete answers when the element is gone by it while the session stays.
pub(super) const ELEMENT_GONE: u16 = 204;

/// What deleting a handle answers; clients also know 200.
pub(super) const HANDLE_DELETED: u16 = 204;

/// An invite handle stays when its session ends, until it expires: a handle may stand for no session.
pub(super) const INVITE_OUTLIVES_SESSION: bool = true;

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

/// Role types of a session, roles of a type, and roles of a member; the SDKs stop at one type.
pub(super) const ROLE_LIMIT: usize = 100;

/// Session names and template names, in characters.
pub(super) const NAME_LIMIT: usize = 100;

/// Session names, handles and players remembered, each; beyond that new ones get 503.
pub(super) const STORE_LIMIT: usize = 100_000;

/// Bytes of all session documents together; beyond that a growing write gets 503.
pub(super) const STORE_BYTES: usize = 1 << 30;

/// `Retry-After` of those 503s, in seconds.
pub(super) const FULL_RETRY_AFTER: &str = "60";
