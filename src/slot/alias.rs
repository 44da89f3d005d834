//! Aliases: the values that stand in a cassette in place of people's own.
//!
//! An alias keeps the shape of what it stands for, so that clients and rules read it as they would the real value.

use std::net::{IpAddr, Ipv4Addr};

use super::Class;
use crate::mpsd::name::is_xuid;

/// A kind of alias; each has a number space and a form of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AliasClass {
    /// Xbox user ids.
    Xuid,
    /// User hashes of `XBL3.0` tokens.
    UserHash,
    /// Gamertags.
    Gamertag,
    /// Secure device addresses in base64.
    Address,
    /// Secure device addresses that are not base64; their aliases are not, either.
    BadAddress,
    /// Device tokens.
    DeviceToken,
    /// IPv4 addresses.
    Ipv4,
    /// IPv6 addresses.
    Ipv6,
    /// E-mail addresses.
    Email,
}

/// Every class, in the order cassettes list them.
pub const CLASSES: [AliasClass; 9] = [
    AliasClass::Address,
    AliasClass::BadAddress,
    AliasClass::DeviceToken,
    AliasClass::Email,
    AliasClass::Gamertag,
    AliasClass::Ipv4,
    AliasClass::Ipv6,
    AliasClass::UserHash,
    AliasClass::Xuid,
];

impl AliasClass {
    /// The name cassettes use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Xuid => "xuid",
            Self::UserHash => "userhash",
            Self::Gamertag => "gamertag",
            Self::Address => "address",
            Self::BadAddress => "bad-address",
            Self::DeviceToken => "device-token",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Email => "email",
        }
    }

    /// The class of that name.
    pub fn named(name: &str) -> Option<Self> {
        CLASSES.into_iter().find(|class| class.name() == name)
    }

    /// True when `A` and `a` are the same digit of a value of this class.
    pub fn folds_case(self) -> bool {
        matches!(self, Self::DeviceToken | Self::Ipv6)
    }

    /// An alias for a value as it is spelt: hex digits in capitals stay in capitals.
    pub fn spelt_like(self, value: &str, alias: String) -> String {
        let is_capital =
            value.bytes().any(|byte| byte.is_ascii_uppercase()) && !value.bytes().any(|byte| byte.is_ascii_lowercase());
        if self.folds_case() && is_capital { alias.to_ascii_uppercase() } else { alias }
    }

    /// The class of slots its aliases fill.
    pub fn class(self) -> Class {
        match self {
            Self::Xuid => Class::Xuid,
            Self::UserHash => Class::UserHash,
            Self::Gamertag => Class::Gamertag,
            Self::Address | Self::BadAddress => Class::Address,
            Self::DeviceToken => Class::DeviceToken,
            Self::Ipv4 | Self::Ipv6 => Class::Ip,
            Self::Email => Class::Email,
        }
    }

    /// The alias class a real value calls for; `None` when nothing is to be hidden in it.
    pub fn of_value(class: Class, value: &str) -> Option<Self> {
        match class {
            Class::Xuid => is_xuid(value).then_some(Self::Xuid),
            Class::UserHash => (!value.is_empty()).then_some(Self::UserHash),
            Class::Gamertag => (!value.is_empty()).then_some(Self::Gamertag),
            Class::Address if value.is_empty() => None,
            Class::Address if is_base64(value) => Some(Self::Address),
            Class::Address => Some(Self::BadAddress),
            Class::DeviceToken => (!value.is_empty()).then_some(Self::DeviceToken),
            Class::Ip => value.parse().ok().map(|ip: IpAddr| if ip.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }),
            Class::Email => Some(Self::Email),
            Class::Secret | Class::Session | Class::Guid => None,
        }
    }
}

/// The `n`-th alias of a class, counted from 1. Sealed cassettes number by first appearance.
pub fn canonical(class: AliasClass, n: u64) -> String {
    match class {
        AliasClass::Xuid => 9_000_000_000_000_000_u64.saturating_add(n).to_string(),
        AliasClass::UserHash => 7_000_000_000_000_000_u64.saturating_add(n).to_string(),
        AliasClass::Gamertag => format!("Player{}", 9000_u64.saturating_add(n)),
        AliasClass::Address => format!("AAAAAAAA{n:032}"),
        AliasClass::BadAddress => format!("AAAAAAAA{n:031}*"),
        AliasClass::DeviceToken => format!("d{n:031x}"),
        AliasClass::Ipv4 => ipv4(n).to_string(),
        AliasClass::Ipv6 => format!("2001:db8::{:x}:{:x}", (n >> 16) & 0xffff, n & 0xffff),
        AliasClass::Email => format!("user{n}@example.invalid"),
    }
}

/// How many aliases of a class are told apart; keyed numbers stay below it.
pub fn space(class: AliasClass) -> u64 {
    match class {
        AliasClass::Xuid | AliasClass::UserHash => 7_000_000_000_000,
        AliasClass::Gamertag => 90_000_000,
        AliasClass::Ipv4 => DOCUMENTATION_IPS + 0x0fff_ffff,
        AliasClass::Ipv6 => 0xffff_ffff,
        AliasClass::Address | AliasClass::BadAddress | AliasClass::DeviceToken | AliasClass::Email => u64::MAX >> 16,
    }
}

/// The three documentation networks (RFC 5737), then the reserved block 240.0.0.0/4.
fn ipv4(n: u64) -> Ipv4Addr {
    let index = n.saturating_sub(1);
    let low = u8::try_from(index % 254 + 1).unwrap_or(0);
    match index / 254 {
        0 => Ipv4Addr::new(192, 0, 2, low),
        1 => Ipv4Addr::new(198, 51, 100, low),
        2 => Ipv4Addr::new(203, 0, 113, low),
        _ => Ipv4Addr::from(0xf000_0000_u32 | u32::try_from((n - DOCUMENTATION_IPS) & 0x0fff_ffff).unwrap_or(0)),
    }
}

/// True for base64 in the standard alphabet; clients end it with or without `=`.
pub fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len() - body.len() <= 2
        && body.len() % 4 != 1
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}

/// Addresses in the three documentation networks.
const DOCUMENTATION_IPS: u64 = 3 * 254;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_calls_for_the_class_it_is_of() {
        for class in CLASSES {
            for n in [1, 2, 254, 255, 763, 40_000] {
                let alias = canonical(class, n);
                assert_eq!(AliasClass::of_value(class.class(), &alias), Some(class), "{alias}");
                assert_ne!(alias, canonical(class, n + 1));
            }
            assert_eq!(AliasClass::named(class.name()), Some(class));
        }
        assert!(CLASSES.is_sorted_by_key(|class| class.name()));
        assert_eq!(canonical(AliasClass::Address, 1), "AAAAAAAA00000000000000000000000000000001");
        assert_eq!(canonical(AliasClass::Ipv4, 1), "192.0.2.1");
    }
}
