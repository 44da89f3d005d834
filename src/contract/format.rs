//! String formats the schemas name: shapes a pattern says badly.

use crate::mpsd::name;
use crate::slot::alias::is_base64;

/// A format of strings.
#[derive(Debug)]
pub(super) struct Format {
    /// Its name in the schemas.
    pub(super) name: &'static str,
    /// True for strings that have it.
    pub(super) holds: fn(&str) -> bool,
}

/// Every format.
pub(super) const FORMATS: [Format; 5] = [
    Format { name: "xuid", holds: name::is_xuid },
    Format { name: "guid", holds: name::is_guid },
    Format { name: "base64", holds: is_base64 },
    Format { name: "title-id", holds: is_title_id },
    Format { name: "invite-context", holds: fits_invite },
];

fn is_title_id(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u32>().is_ok()
}

/// True for a context of at most 256 characters once it is URI-encoded.
fn fits_invite(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~!'()*".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { 1 } else { 3 }).sum::<usize>() <= 256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_hold_for_what_they_name() {
        assert!(is_base64("") && is_base64("ryY=") && is_base64("ryY") && !is_base64("zzz*"));
        assert!(is_title_id("896928775") && !is_title_id("abc") && !is_title_id("4294967296"));
        assert!(fits_invite(&"a".repeat(256)) && !fits_invite(&"ü".repeat(43)));
    }
}
