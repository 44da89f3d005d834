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
    /// What deleting a handle answers; clients also know 200.
    handle_deleted_status: u16 = 204, "behaviour 2.2";

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
