//! Credentials somebody took out of a file by hand: the rules judge the form of the real ones, not of the blank.

use crate::message::Headers;

/// What stands for credentials that are not in the file: a token of nobody in particular.
pub(super) const BLANK: &str = "XBL3.0 x=-;redacted";

/// Puts credentials of the right form in place of a blank.
pub(super) fn unmasked(mut headers: Headers) -> Headers {
    if headers.text("authorization").is_some_and(is_blank) {
        headers.set("authorization", BLANK);
    }
    headers
}

/// True for `[REDACTED]`, `***` and the like, with or without the scheme before it.
fn is_blank(value: &str) -> bool {
    let value = value.trim().to_ascii_lowercase();
    let rest = value.strip_prefix("xbl3.0").unwrap_or(&value).trim_start();
    let rest = rest.strip_prefix("x=").unwrap_or(rest);
    let letters: String = rest.chars().filter(|char| char.is_alphanumeric()).collect();
    let is_other = rest.contains(';') || OTHERS.iter().any(|scheme| value.starts_with(scheme));
    let is_said = WORDS.iter().any(|word| letters.starts_with(word) || letters.ends_with(word));
    let is_crossed_out = letters.chars().all(|char| char == 'x') && rest.chars().count() >= 3;
    value.is_empty() || !is_other && (is_said || is_crossed_out)
}

/// Schemes that are none of Xbox Live's, whatever became of what stood behind them.
const OTHERS: [&str; 3] = ["bearer", "basic", "digest"];
const WORDS: [&str; 8] = ["redacted", "removed", "hidden", "masked", "sanitized", "omitted", "filtered", "secret"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_told_from_tokens() {
        for blank in [
            "",
            "[Authorization redacted]",
            "redacted-0f3a",
            "REDACTED",
            "<redacted>",
            "[REDACTED]",
            "***",
            "XBL3.0 x=***",
            "XBL3.0 [removed]",
            "xxxxx",
            "…...",
        ] {
            assert!(is_blank(blank), "{blank}");
        }
        for token in ["XBL3.0 x=;", "XBL3.0 x=1;redacted", "XBL3.0 x=-;t", "Bearer redacted", "eyJabc", "XBL3.0 x="] {
            assert!(!is_blank(token), "{token}");
        }
    }
}
