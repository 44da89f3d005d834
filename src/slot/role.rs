//! What a text is by where it stands: the key in front of it, the parameter it fills, the header it is in.

use super::Class;
use crate::mpsd::ParamName;

/// The role a text plays in its message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Nothing is known of it.
    #[default]
    Plain,
    /// Its place says what it is.
    Typed(Class),
    /// It is the title's own: inside a `custom` bag.
    Custom,
    /// It is a JSON key.
    Key,
    /// It is an object whose keys are such values.
    KeyedBy(Class),
    /// A version number: digits and dots that are no IP address.
    Version,
    /// A session as shoulder taps name it, `scid~template~name`: its name is judged by itself.
    SessionKey,
}

impl Role {
    /// The role of the value behind a JSON key, in the documents and in titles' custom bags alike.
    ///
    /// Sources: mpsd-wire 3-5 for MPSD's own fields; mpsd-behaviour 7 for what titles put into `custom`.
    pub fn of_key(key: &str) -> Self {
        let key = key.to_ascii_lowercase();
        match key.as_str() {
            "initiators" | "sessionowners" | "broadcastviewerxuids" => Self::Typed(Class::Xuid),
            "hostname" | "displayname" | "gtg" => Self::Typed(Class::Gamertag),
            "securedeviceaddress" => Self::Typed(Class::Address),
            "uhs" => Self::Typed(Class::UserHash),
            "devicetoken" | "hostcandidates" => Self::Typed(Class::DeviceToken),
            "measurements" => Self::KeyedBy(Class::DeviceToken),
            "email" | "emailaddress" => Self::Typed(Class::Email),
            "sessionname" => Self::Typed(Class::Session),
            _ if key.ends_with("xuid") || key.ends_with("xuids") => Self::Typed(Class::Xuid),
            _ if key.ends_with("gamertag") || key.ends_with("gamertagsuffix") => Self::Typed(Class::Gamertag),
            _ if names_a_secret(&key) => Self::Typed(Class::Secret),
            _ if key.contains("version") || key.contains("build") => Self::Version,
            _ => Self::Plain,
        }
    }

    /// The role of a path parameter.
    pub fn of_param(name: ParamName) -> Self {
        match name {
            ParamName::Session => Self::Typed(Class::Session),
            _ => Self::Plain,
        }
    }

    /// The role of a query parameter's value.
    pub fn of_query(name: &str) -> Self {
        Self::of_key(name)
    }

    /// The role of a header's value (lower-case name).
    pub fn of_header(name: &str) -> Self {
        match name {
            "signature" | "cookie" | "set-cookie" => Self::Typed(Class::Secret),
            "user-agent" | "server" => Self::Version,
            "sec-websocket-key" | "sec-websocket-accept" | "sec-websocket-protocol" => Self::Plain,
            _ if names_a_secret(name) => Self::Typed(Class::Secret),
            // `x-gamertag`, `x-owner-email`: the last word is what a JSON key would be.
            _ => Self::of_key(name.rsplit('-').next().unwrap_or(name)),
        }
    }
}

/// True for names of credentials, in headers, queries and JSON keys (lower-case).
fn names_a_secret(name: &str) -> bool {
    const WHOLE: [&str; 4] = ["nonce", "rpsticket", "signature", "cookie"];
    const ENDINGS: [&str; 6] = ["token", "secret", "password", "authorization", "apikey", "api-key"];
    // A token that only says where a list goes on.
    let is_place = name.ends_with("continuationtoken");
    WHOLE.contains(&name) || (!is_place && ENDINGS.iter().any(|ending| name.ends_with(ending)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_name_and_other_tokens_stay() {
        for name in ["token", "refreshToken", "client_secret", "IdToken", "rpsTicket", "x-api-key", "userPassword"] {
            assert_eq!(Role::of_key(name), Role::Typed(Class::Secret), "{name}");
        }
        assert_eq!(Role::of_key("deviceToken"), Role::Typed(Class::DeviceToken));
        assert_eq!(Role::of_key("continuationToken"), Role::Plain);
        assert_eq!(Role::of_header("x-gamertag"), Role::Typed(Class::Gamertag));
        assert_eq!(Role::of_header("x-xbl-contract-version"), Role::Version);
        assert_eq!(Role::of_header("x-session-token"), Role::Typed(Class::Secret));
    }
}
