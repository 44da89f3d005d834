//! The choices the documents leave open, each by name: a mismatch with the real service is a setting, not a change here.
//!
//! One table makes the settings, their defaults and what `tapdeck emulate --policies` prints. Sources are sections of
//! the behaviour notes; "none" means that no source says anything.

use serde::{Deserialize, Serialize};

/// One policy as it stands, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name in `tapdeck.toml`.
    pub name: String,
    /// Its value, as TOML writes it.
    pub value: String,
    /// Its value unless set.
    pub default: String,
    /// What it decides.
    pub explanation: String,
    /// Where the question stands, or what speaks for the choice.
    pub source: &'static str,
}

macro_rules! policies {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, $source:literal;)*) => {
        /// Every choice the documents leave open.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
        pub struct Policies {
            $($(#[doc = $doc])+ pub $name: $type,)*
        }

        impl Default for Policies {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Policies {
            /// The first one whose value cannot be meant, and why.
            pub fn fault(&self) -> Option<String> {
                let is_status = |text: &str| text.parse().is_ok_and(|status| (200..600).contains(&status));
                let is_close_code = |text: &str| text.parse().is_ok_and(may_close);
                self.listed().into_iter().find_map(|policy| {
                    let (name, value) = (&policy.name, policy.value.as_str());
                    if name.ends_with("-status") && !is_status(value) {
                        return Some(format!("{name} is no status from 200 to 599"));
                    }
                    let is_wrong = name.ends_with("-close-code") && !is_close_code(value);
                    is_wrong.then(|| format!("{name} is no code a WebSocket may be closed with"))
                })
            }

            /// All of them, in the table's order.
            pub fn listed(&self) -> Vec<Listed> {
                let usual = Self::default();
                vec![$(Listed {
                    name: stringify!($name).replace('_', "-"),
                    value: shown(&self.$name),
                    default: shown(&usual.$name),
                    explanation: concat!($($doc),+).trim().to_owned(),
                    source: $source,
                },)*]
            }
        }
    };
}

/// How a nested value of `custom` merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MergeDepth {
    /// Each field named is replaced as a whole.
    Shallow,
    /// Objects merge into objects, all the way down.
    Deep,
}

/// What running out of its time makes of a member that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadyExpiry {
    /// It becomes inactive; the inactive timer comes next.
    Inactive,
    /// It is removed.
    Removed,
}

/// Where a default comes from that contract 107 has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DefaultsBy {
    /// The contract version of the request that creates the session.
    Creator,
    /// The contract version the template is written in.
    Template,
}

/// What a write of a session's element answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ElementAnswer {
    /// The whole session.
    Session,
    /// The element.
    Element,
}

/// What a subscription to something subscribed already gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepeatedSubscribe {
    /// The subscription there is.
    Same,
    /// One of its own.
    Another,
}

/// What a message gets that is not what clients say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MalformedMessage {
    /// Nothing.
    Ignore,
    /// The end of the connection, code 1007.
    Close,
}

/// What a member without a connection of its own gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unbound {
    /// It is as good as any other.
    Accept,
    /// It becomes inactive after `break-grace`.
    Lapse,
    /// The write is refused with 400.
    Refuse,
}

policies! {
    // Sessions and templates.

    /// The one template name nothing is registered under, so that a title can see a 404.
    missing_template: String = "unknown".to_owned(), "none";
    /// What any other unlisted template name starts from; there the creator may override what it sets. Empty: 404.
    default_template: String = "lobby".to_owned(), "none";
    /// `inactiveRemovalTimeout` when left open under contract 107, in ms.
    inactive_default: u64 = 0, "behaviour 1.4, 9";
    /// The same under contracts 104 and 105, in ms.
    inactive_default_old: u64 = 7_200_000, "behaviour 1.4, 9";
    /// Whose contract version decides the defaults that 107 has changed: "creator" or "template".
    defaults_by: DefaultsBy = DefaultsBy::Creator, "behaviour 1.4: the version is said to matter, not whose";
    /// A session template's document tells its name and contract version beside its constants and role types.
    template_names_itself: bool = false, "wire 2.8: the envelope is not known";
    /// Members of a large session; one page says 1000.
    large_members: u64 = 10_000, "behaviour 1.15, 9";
    /// How nested values of `custom` merge: "shallow" or "deep".
    custom_merge: MergeDepth = MergeDepth::Shallow, "behaviour 1.5";
    /// A session document heavier than this many bytes is refused with 400.
    document_bytes: u64 = 1 << 20, "behaviour 1.15: no number is published";
    /// The same for a large session, whose members no answer shows together.
    large_document_bytes: u64 = 64 << 20, "behaviour 1.15: no number is published";
    /// A write that changes nothing leaves the change number and the entity tag alone.
    no_change_keeps_etag: bool = true, "behaviour 1.2";
    /// With `nocommit=true` the answer has the change number and entity tag the write would give the session.
    nocommit_counts: bool = true, "behaviour 1.2";
    /// What a read of a session answers that does not exist; older pages say 404.
    absent_status: u16 = 204, "behaviour 1.3, 9";
    /// What `If-Match` answers when there is no session.
    absent_match_status: u16 = 412, "behaviour 1.2";
    /// `If-None-Match: *` on a session that exists is answered with that session, as a stale `If-Match` is.
    unmet_shows_session: bool = false, "behaviour 1.2, 9";
    /// `If-Match` and `If-None-Match` together are refused with 400; otherwise `If-Match` decides.
    both_conditions_refused: bool = true, "wire 2.2: no source allows both";
    /// What a missing or unknown contract version answers; a general page says 406.
    contract_status: u16 = 400, "behaviour 1.1";
    /// What a write to an element answers, and a read of one: "session" or "element".
    element_answer: ElementAnswer = ElementAnswer::Session, "wire 2.3: not known";
    /// The status for joining a full session.
    full_status: u16 = 409, "behaviour 1.10";
    /// What an element's write or delete answers when the element is gone by it while the session stays.
    element_gone_status: u16 = 204, "behaviour 1.2";

    // Members and access.

    /// Somebody outside an open session whose join restriction passes may write to it, without becoming a member.
    nonmember_write: bool = true, "behaviour 1.6";
    /// A write to a session by somebody outside it joins the writer.
    implicit_join: bool = false, "behaviour 1.6";
    /// Keys `reserve_N` must count from 0 without gaps.
    reserve_in_sequence: bool = true, "behaviour 1.6";
    /// What reserving a place for a player answers who has one: 200 changes nothing.
    reserve_again_status: u16 = 200, "behaviour 1.6";
    /// A field that a large session does not take, such as `subscription`.
    large_field_status: u16 = 409, "behaviour 8, S16";
    /// A reader outside a large session gets `membersInfo` as of an empty list, so that clients can walk it.
    large_outsider_sees_none: bool = true, "behaviour 1.12";
    /// What running out of its time makes of a member that is ready: "inactive" or "removed".
    ready_expiry: ReadyExpiry = ReadyExpiry::Inactive, "behaviour 9: the pages differ";
    /// An inactive member is not removed just before its own write that makes it active or ready.
    writer_is_spared: bool = true, "behaviour 1.8, 1.9: no page says";
    /// Who may read a closed session is refused with it; otherwise with the reason in words.
    closed_shows_session: bool = true, "behaviour 1.10";
    /// A locked session takes a former member back whatever its visibility and restriction.
    leaver_passes_restrictions: bool = true, "behaviour 1.5: leavers may return";
    /// What taking a role answers that as many have as may.
    role_full_status: u16 = 409, "behaviour 1.13";
    /// With `hasOwners`, an owner may remove a member by index, as a server may.
    owner_kick: bool = true, "behaviour 1.13";

    // Handles and queries.

    /// How long an invite handle lives, in ms of the emulator's clock.
    invite_lifetime: u64 = 24 * 60 * 60 * 1000, "behaviour 2.1: an expiration exists, its length is not published";
    /// An invite handle stays when its session ends, until it expires: a handle may stand for no session.
    invite_outlives_session: bool = true, "behaviour 2";
    /// What making a handle answers; clients also take 200.
    handle_created_status: u16 = 201, "behaviour 2.1";
    /// The status for an activity in a session its maker is not active in.
    activity_refused_status: u16 = 403, "behaviour 2.1";
    /// Reading a handle shows its session, as a page says, and not the handle.
    handle_shows_session: bool = false, "behaviour 2.2; wire 5.2";
    /// The status for deleting somebody else's handle.
    foreign_handle_status: u16 = 403, "behaviour 2.2";
    /// What deleting a handle answers; clients also know 200.
    handle_deleted_status: u16 = 204, "behaviour 2.2";
    /// The status for a search handle to a session that is not searchable: 409 or 403.
    not_searchable_status: u16 = 409, "behaviour 8, S8";
    /// A second search handle replaces the session's first; otherwise it is refused with 409.
    search_handle_replaces: bool = true, "behaviour 2.1";
    /// With `hasOwners`, only an owner may make the session's search handle.
    search_handle_needs_owner: bool = false, "behaviour 2.1: nothing says so";
    /// An `include` that is not known is refused with 400 and not passed over.
    unknown_include_refused: bool = false, "behaviour 2.3";
    /// The status for a query of sessions with neither a keyword nor an xuid.
    open_query_status: u16 = 400, "behaviour 3";
    /// An activity query leaves out sessions the caller may not read, unless the activity is its own.
    query_hides_unreadable: bool = true, "behaviour 2.3";
    /// How many `or` a search filter may hold.
    filter_ors: u64 = 1, "behaviour 2.4";
    /// The `or` of a search filter may stand in parentheses.
    filter_nested_or: bool = true, "discrepancies D33: the documents say no, a client does it";
    /// In a search filter, `ne` holds for an attribute that is not there.
    filter_absent_differs: bool = true, "behaviour 2.4";
    /// A search filter sees tags and strings in lower case even without `tolower`; its own texts stand as written.
    filter_lowers: bool = true, "behaviour 2.4: both are treated as lower case";

    // Real-time activity.

    /// Hosts whose resources may be subscribed to, without ever an event but invites; any other is unknown.
    rta_services: Vec<String> = RTA_SERVICES.map(str::to_owned).to_vec(), "behaviour 4.2";
    /// Subscriptions of one connection; the next one gets code 2.
    rta_subscriptions: u64 = 2_500, "behaviour 5";
    /// Subscriptions of one connection in 15 s; the next one gets code 1001. 0: as many as it likes.
    rta_burst: u64 = 0, "none";
    /// What subscribing again to the same resource gives: "same" or "another" id.
    repeated_subscribe: RepeatedSubscribe = RepeatedSubscribe::Same, "none";
    /// The code for ending a subscription that does not exist.
    unknown_unsubscribe_code: u16 = 5, "behaviour 4.2: a mock of the SDK says so";
    /// What a message gets that cannot be read: "ignore" or "close".
    malformed_message: MalformedMessage = MalformedMessage::Ignore, "none";
    /// How long a connection lives, in ms. 0: for ever.
    connection_lifetime: u64 = 2 * 60 * 60 * 1000, "behaviour 4.1";
    /// The code a connection is closed with when its time is over.
    lifetime_close_code: u16 = 1001, "none";
    /// How long a nonce may be used, in ms.
    nonce_lifetime: u64 = 60_000, "none";
    /// A member that names a connection there is not: "accept", "lapse" or "refuse".
    unknown_connection: Unbound = Unbound::Accept, "behaviour 4.3";
    /// A member that is active without a connection where the session requires one: the same words.
    unconnected_member: Unbound = Unbound::Lapse, "behaviour 4.3";
    /// Sessions of one connection; a write that adds one more is refused with 409.
    connection_sessions: u64 = 10, "behaviour 4.3; no status is published";
    /// How long members of a connection that was closed stay active, in ms.
    close_grace: u64 = 0, "behaviour 4.5";
    /// The same for a connection that broke.
    break_grace: u64 = 30_000, "behaviour 4.5";
    /// The same for a connection the service ended.
    ended_grace: u64 = 30_000, "none";
    /// Taps and disconnects are for sessions with `connectionRequiredForActiveMembers` only.
    connection_capability: bool = true, "behaviour 4.3";
    /// Taps of one member are at least this many ms apart, the newest wins. The service was seen at 3000. 0: each change.
    tap_min_interval_ms: u64 = 0, "behaviour 4.4";
    /// Only active members are tapped.
    tap_active_only: bool = true, "behaviour 4.3";
    /// A member that is gone with a write is tapped for that write.
    tap_leavers: bool = false, "none";
    /// The last members of a session are tapped, without a changeNumber, when it ends.
    tap_session_end: bool = true, "wire 7: seen, not understood";
    /// A tap shows the subscription id in lower case.
    tap_lowercase_id: bool = true, "wire 7; behaviour 4.4 shows it as sent";
    /// `membersStatus` fires when a member is gone, too.
    status_tap_on_removal: bool = true, "behaviour 4.4";
    /// `joinability` fires when the session becomes full or stops being it.
    joinability_tap_on_full: bool = true, "behaviour 4.4";
    /// `joinability` fires when the readRestriction changes.
    joinability_tap_on_read: bool = true, "behaviour 4.4";

    // Matchmaking.

    /// The one hopper name nothing is configured under, so that a title can see a 404.
    missing_hopper: String = "unknown".to_owned(), "none";
    /// What creating a ticket answers: 201 or 200.
    ticket_created_status: u16 = 201, "behaviour 8, S14";
    /// The status for a second ticket while the session's first is searching.
    ticket_again_status: u16 = 409, "none";
    /// How many tickets make a match.
    match_tickets: usize = 2, "behaviour 8, S14";
    /// Tickets match only when their `ticketAttributes` are the same value.
    match_same_attributes: bool = false, "none: a hopper's rules are configuration";
    /// The template a match's session is made from.
    match_template: String = "target".to_owned(), "behaviour 8, S14";
    /// The `waitTime` and `typicalWait` a hopper estimates, in seconds.
    match_wait: u64 = 15, "behaviour 8, S14";

    // Rate limits.

    /// The documented rate limits hold, on the emulator's clock.
    throttle: bool = false, "behaviour 5";
    /// A call that makes or searches search handles counts against the session limits too.
    search_counts_twice: bool = false, "behaviour 5: the limits are listed side by side";

    // People.

    /// The title of a token that states none.
    title_id: u64 = 1_234_567_890, "none";
    /// Everybody follows everybody, unless a social graph is given.
    everybody_follows: bool = true, "behaviour 2.3";
}

const RTA_SERVICES: [&str; 6] = [
    "notify.xboxlive.com",
    "privacy.xboxlive.com",
    "social.xboxlive.com",
    "userpresence.xboxlive.com",
    "userstats.xboxlive.com",
    "peoplehub.xboxlive.com",
];

/// True for a code that may travel in a close message (RFC 6455 §7.4).
fn may_close(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

fn shown<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_is_listed_and_can_be_set_by_its_name() {
        for listed in Policies::default().listed() {
            assert!(!listed.explanation.is_empty() && !listed.source.is_empty(), "{}", listed.name);
            let set = format!("{{\"{}\":{}}}", listed.name, listed.default);
            assert_eq!(serde_json::from_str::<Policies>(&set).unwrap(), Policies::default(), "{set}");
        }
        assert!(serde_json::from_str::<Policies>(r#"{"no-such-policy":1}"#).is_err());
    }

    #[test]
    fn a_number_that_cannot_travel_is_named() {
        let fault = |text: &str| serde_json::from_str::<Policies>(text).unwrap().fault();
        assert_eq!(Policies::default().fault(), None);
        for text in [r#"{"full-status":404}"#, r#"{"lifetime-close-code":4001}"#] {
            assert_eq!(fault(text), None, "{text}");
        }
        for name in ["full-status", "lifetime-close-code"] {
            for value in [0, 7, 101, 1005, 1006, 1015, 65_535] {
                let fault = fault(&format!("{{\"{name}\":{value}}}"));
                assert!(fault.is_some_and(|fault| fault.starts_with(name)), "{name} {value}");
            }
        }
    }
}
