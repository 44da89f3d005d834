//! Names and shapes: session references, xuids, GUIDs, and how MPSD compares them (mpsd-wire §1.2).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::target::percent_encode;

/// (scid, template, session name): what names a session. Compared case-insensitively, first spelling kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRef {
    /// Service configuration id, a GUID.
    pub scid: String,
    /// Session template name.
    pub template: String,
    /// Session name.
    pub name: String,
}

impl SessionRef {
    /// The form equal references share: `scid~template~name`, lower-case, as shoulder taps write it.
    pub fn key(&self) -> String {
        self.to_string().to_lowercase()
    }

    /// The session's path, as `Content-Location` carries it.
    pub fn path(&self) -> String {
        let [scid, template, name] = [&self.scid, &self.template, &self.name].map(|part| percent_encode(part));
        format!("/serviceconfigs/{scid}/sessionTemplates/{template}/sessions/{name}")
    }
}

impl fmt::Display for SessionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}~{}", self.scid, self.template, self.name)
    }
}

/// True for 8-4-4-4-12 hex digits without braces.
pub fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// True for a decimal 64-bit number other than 0, the only form of an xuid on the wire.
pub fn is_xuid(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<u64>().is_ok_and(|xuid| xuid != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        assert!(is_guid("097D0100-e05c-4d37-8420-46f1169056cf"));
        assert!(!is_guid("{97d0100-e05c-4d37-8420-46f1169056cf"));
        assert!(is_xuid("18446744073709551615"));
        assert!(!is_xuid("18446744073709551616") && !is_xuid("0") && !is_xuid("+1") && !is_xuid(""));
    }
}
