//! A password or a token: kept as its digest, shown to nobody.

use std::str::FromStr;

use sha2::{Digest, Sha256};

/// What somebody must know to be let in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// The secret with this text.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// True when that is it. How long the answer takes does not tell how much of it is right.
    pub fn is(&self, given: &[u8]) -> bool {
        let given: [u8; 32] = Sha256::digest(given).into();
        self.0.iter().zip(given).fold(0, |differing, (ours, theirs)| differing | (ours ^ theirs)) == 0
    }
}

impl FromStr for Secret {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() { Err("it is empty, so everybody knows it") } else { Ok(Self::of(text)) }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_text_is_it_and_nobody_sees_it() {
        let secret: Secret = "open sesame".parse().unwrap();
        assert!(secret.is(b"open sesame"));
        for other in [&b""[..], b"open sesam", b"open sesame ", b"Open sesame"] {
            assert!(!secret.is(other), "{other:?}");
        }
        assert_eq!(format!("{secret:?}"), "Secret");
        assert!("".parse::<Secret>().is_err());
    }
}
