//! Alias classes and the one spelling each numbered alias has.
//!
//! An alias stands for a person, a device or a place. Its text has the shape of what it replaces, so that every
//! parser between here and the game still accepts it, and lies in a range no real value uses. This file knows nothing
//! of records, so that whoever makes aliases and whoever renumbers them share it.

/// What kind of value an alias stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AliasClass {
    /// A 64-bit user id, in decimal.
    Xuid,
    /// The user hash of an `XBL3.0` authorization.
    UserHash,
    /// A player's name.
    Gamertag,
    /// A secure device address.
    Address,
    /// A secure device address that is no base64.
    BadAddress,
    /// 32 hex digits that name a device.
    DeviceToken,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// An e-mail address.
    Email,
}

impl AliasClass {
    /// The name records use.
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
        self == Self::DeviceToken
    }
}

/// The `n`-th alias of a class, counted from 1: its only spelling in a sealed cassette.
pub fn canonical(class: AliasClass, n: u64) -> String {
    match class {
        AliasClass::Xuid => numbered(9_000_000_000_000_000, n),
        AliasClass::UserHash => numbered(7_000_000_000_000_000, n),
        AliasClass::Gamertag => format!("Player{}", numbered(9_000, n)),
        AliasClass::Address => format!("AAAAAAAA{n:032}"),
        AliasClass::BadAddress => format!("AAAAAAAA{n:032}*"),
        AliasClass::DeviceToken => format!("d{n:031}"),
        AliasClass::Ipv4 => ipv4(n),
        AliasClass::Ipv6 => ipv6(n),
        AliasClass::Email => format!("user{n}@example.invalid"),
    }
}

fn numbered(base: u64, n: u64) -> String {
    base.saturating_add(n).to_string()
}

/// The three documentation networks (RFC 5737), then the benchmarking one (RFC 2544).
fn ipv4(n: u64) -> String {
    let index = n.saturating_sub(1);
    let host = index % 254 + 1;
    match index / 254 {
        0 => format!("192.0.2.{host}"),
        1 => format!("198.51.100.{host}"),
        2 => format!("203.0.113.{host}"),
        more => {
            let subnet = more - 3;
            format!("198.{}.{}.{host}", 18 + (subnet / 256) % 2, subnet % 256)
        }
    }
}

/// The documentation prefix (RFC 3849).
fn ipv6(n: u64) -> String {
    match n >> 16 {
        0 => format!("2001:db8::{n:x}"),
        high => format!("2001:db8::{:x}:{:x}", high & 0xffff, n & 0xffff),
    }
}

/// Every class, in the order sealed files list them.
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_first_alias_of_every_class() {
        let first: Vec<_> = CLASSES.into_iter().map(|class| (class.name(), canonical(class, 1))).collect();
        let expected = [
            ("address", "AAAAAAAA00000000000000000000000000000001"),
            ("bad-address", "AAAAAAAA00000000000000000000000000000001*"),
            ("device-token", "d0000000000000000000000000000001"),
            ("email", "user1@example.invalid"),
            ("gamertag", "Player9001"),
            ("ipv4", "192.0.2.1"),
            ("ipv6", "2001:db8::1"),
            ("userhash", "7000000000000001"),
            ("xuid", "9000000000000001"),
        ];
        assert_eq!(first, expected.map(|(name, text)| (name, text.to_owned())));
        assert!(CLASSES.is_sorted_by_key(|class| class.name()));
        assert!(CLASSES.iter().all(|class| AliasClass::named(class.name()) == Some(*class)));
    }

    #[test]
    fn no_two_numbers_share_a_spelling() {
        for class in CLASSES {
            let texts: HashSet<_> = (1..=2_000).map(|n| canonical(class, n)).collect();
            assert_eq!(texts.len(), 2_000, "{}", class.name());
        }
        assert_eq!(canonical(AliasClass::Ipv4, 255), "198.51.100.1");
        assert_eq!(canonical(AliasClass::Ipv6, 0x1_0002), "2001:db8::1:2");
    }
}
