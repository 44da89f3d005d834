//! The name somebody gives to a player's lane, in place of what would be found out.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A lane's given name. It is kept in recordings as it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LaneName(Arc<str>);

impl LaneName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for a name that tapdeck gives to lanes without one: `lane-2` while recording, `player2` in a cassette.
    pub fn is_generated(&self) -> bool {
        let number = self.0.strip_prefix("lane-").or_else(|| self.0.strip_prefix("player"));
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// True for a lane's name in a cassette that somebody gave: what is no name, or was generated, may be replaced.
    pub fn is_given(name: &str) -> bool {
        name.parse().is_ok_and(|name: Self| !name.is_generated())
    }
}

impl FromStr for LaneName {
    type Err = String;

    /// A name starts with a letter, so that no xuid is one.
    fn from_str(text: &str) -> Result<Self, String> {
        let is_named = text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if is_named && text.len() <= LONGEST {
            Ok(Self(text.into()))
        } else {
            Err(format!("a player's name is a letter, then letters, digits, - and _, at most {LONGEST} in all"))
        }
    }
}

impl fmt::Display for LaneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const LONGEST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        for name in ["host", "Guest-2", "a_b", "player", "lane-", "player1x", &"n".repeat(LONGEST)] {
            assert!(LaneName::is_given(name), "{name}");
        }
        for generated in ["player1", "player20", "lane-3"] {
            assert!(generated.parse::<LaneName>().unwrap().is_generated(), "{generated}");
            assert!(!LaneName::is_given(generated), "{generated}");
        }
        let long = "n".repeat(LONGEST + 1);
        for wrong in ["", "2814000000000001", "a b", "a=b", "ä", "-a", "a\n", "DOMAIN\\user", &long] {
            assert!(wrong.parse::<LaneName>().is_err() && !LaneName::is_given(wrong), "{wrong}");
        }
    }
}
