//! Names and shapes: session references, xuids, GUIDs, and how MPSD compares them (mpsd-wire §1.2).

use std::fmt;
use std::ops::Range;

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

/// Where GUIDs stand in a text.
pub fn guids(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(dash) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'-')) {
        let start = (at + dash).checked_sub(FIRST_DASH).filter(|start| *start >= at);
        let span = start.map(|start| start..start + GUID);
        at += dash + 1;
        if let Some(span) = span.filter(|span| text.get(span.clone()).is_some_and(is_guid)) {
            at = span.end;
            found.push(span);
        }
    }
    found
}

/// True for a decimal 64-bit number other than 0, the only form of an xuid on the wire.
pub fn is_xuid(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<u64>().is_ok_and(|xuid| xuid != 0)
}

/// How long a GUID is, and how far in its first dash stands.
const GUID: usize = 36;
const FIRST_DASH: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_are_found_in_a_text() {
        let guid = "097D0100-e05c-4d37-8420-46f1169056cf";
        let found = |text: &str| guids(text).into_iter().map(|span| text[span].to_owned()).collect::<Vec<_>>();
        assert_eq!(found(&format!("a-{guid}~-{guid}")), [guid, guid]);
        assert_eq!(found(&format!("{guid}{guid}")), [guid, guid]);
        assert_eq!(found("-é7d0100-e05c-4d37-8420-46f1169056cf-"), [""; 0]);
        assert!(guids("").is_empty() && guids("--------").is_empty());
    }

    #[test]
    fn shapes() {
        assert!(is_guid("097D0100-e05c-4d37-8420-46f1169056cf"));
        assert!(!is_guid("{97d0100-e05c-4d37-8420-46f1169056cf"));
        assert!(is_xuid("18446744073709551615"));
        assert!(!is_xuid("18446744073709551616") && !is_xuid("0") && !is_xuid("+1") && !is_xuid(""));
    }
}
