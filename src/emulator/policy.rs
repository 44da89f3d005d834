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
    /// Members of a large session; one page says 1000.
    large_members: u64 = 10_000, "behaviour 1.15, 9";
    /// How nested values of `custom` merge: "shallow" or "deep".
    custom_merge: MergeDepth = MergeDepth::Shallow, "behaviour 1.5";
    /// A session document heavier than this many bytes is refused with 400.
    document_bytes: u64 = 1 << 20, "behaviour 1.15: no number is published";
    /// The same for a large session, whose members no answer shows together.
    large_document_bytes: u64 = 64 << 20, "behaviour 1.15: no number is published";
    /// The status for joining a full session.
    full_status: u16 = 409, "behaviour 1.10";
    /// What an element's write or delete answers when the element is gone by it while the session stays.
    element_gone_status: u16 = 204, "behaviour 1.2";

    // Members and access.

    /// Somebody outside an open session whose join restriction passes may write to it, without becoming a member.
    nonmember_write: bool = true, "behaviour 1.6";
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
    /// A search filter sees tags and strings in lower case even without `tolower`; its own texts stand as written.
    filter_lowers: bool = true, "behaviour 2.4: both are treated as lower case";

    // Real-time activity.

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

    // People.

    /// The title of a token that states none.
    title_id: u64 = 1_234_567_890, "none";
    /// Everybody follows everybody, unless a social graph is given.
    everybody_follows: bool = true, "behaviour 2.3";
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
}
