//! Values that give themselves away by their shape, wherever they stand.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::OnceLock;

use regex::Regex;

use super::{Class, Role};

/// Spans that look like a token, an xuid, an IP address or an e-mail address; sorted, without overlap.
pub fn find(text: &str, role: Role) -> Vec<(Range<usize>, Class)> {
    let Some(shapes) = shapes().filter(|_| may_hold(text)) else {
        return Vec::new();
    };
    shapes
        .captures_iter(text)
        .filter_map(|found| {
            let (class, span) = GROUPS.iter().find_map(|(group, class)| Some((*class, found.name(group)?.range())))?;
            is_real(text, &span, class, role).then_some((span, class))
        })
        .collect()
}

/// False for a text that has nothing any of the shapes needs: most texts, and it is found out faster.
fn may_hold(text: &str) -> bool {
    let mut digits = 0;
    let has_mark = text.bytes().any(|byte| {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        matches!(byte, b'@' | b'.' | b':') || digits == SHORTEST_XUID
    });
    has_mark || text.contains("eyJ") || text.contains("earer ")
}

/// True for the 16 digits real xuids have (mpsd-behaviour 7).
pub fn is_real_xuid(text: &str) -> bool {
    text.len() == 16
        && (text.starts_with("25") || text.starts_with("28"))
        && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_real(text: &str, span: &Range<usize>, class: Class, role: Role) -> bool {
    let value = &text[span.clone()];
    match class {
        Class::Xuid => is_real_xuid(value) && stands_alone(text, span),
        Class::Ip => role != Role::Version && stands_alone(text, span) && is_foreign_ip(value),
        _ => true,
    }
}

/// True when no letter, digit or dot-digit touches the span.
fn stands_alone(text: &str, span: &Range<usize>) -> bool {
    let before = text[..span.start].chars().next_back();
    let after = text[span.end..].chars().next();
    let joins = |neighbour: Option<char>| neighbour.is_some_and(char::is_alphanumeric);
    let digit_behind_dot = after == Some('.') && text[span.end + 1..].starts_with(|next: char| next.is_ascii_digit());
    !joins(before) && !joins(after) && before != Some('.') && !digit_behind_dot
}

/// An address that tells something about a person: not loopback, not unspecified, not broadcast.
fn is_foreign_ip(value: &str) -> bool {
    if let Ok(ip) = value.parse::<Ipv4Addr>() {
        return !(ip.is_loopback() || ip.is_unspecified() || ip.is_broadcast());
    }
    value.parse::<Ipv6Addr>().is_ok_and(|ip| !(ip.is_loopback() || ip.is_unspecified()))
}

fn shapes() -> Option<&'static Regex> {
    static SHAPES: OnceLock<Option<Regex>> = OnceLock::new();
    SHAPES.get_or_init(|| Regex::new(PATTERN).ok()).as_ref()
}

const SHORTEST_XUID: usize = 16;

const GROUPS: [(&str, Class); 4] =
    [("token", Class::Secret), ("email", Class::Email), ("xuid", Class::Xuid), ("ip", Class::Ip)];

const PATTERN: &str = concat!(
    r#"(?P<token>(?:XBL3\.0|xbl3\.0) +x=[^;\s"',&]*;[^\s"',&]+"#,
    r"|\b[Bb]earer +[A-Za-z0-9._~+/=-]{8,}",
    r"|\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)*)",
    r"|(?P<email>[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)",
    r"|(?P<ip>[0-9]{1,3}(?:\.[0-9]{1,3}){3}|(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{0,4}))",
    r"|(?P<xuid>[0-9]{16,20})",
);

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&str, Class)> {
        find(text, Role::Plain).into_iter().map(|(span, class)| (&text[span], class)).collect()
    }

    #[test]
    fn the_pattern_compiles_and_finds_each_shape() {
        assert_eq!(found("pending~2814646326226712"), [("2814646326226712", Class::Xuid)]);
        assert_eq!(found("users/xuid(2533274790395904)/x"), [("2533274790395904", Class::Xuid)]);
        assert_eq!(found("a XBL3.0 x=123;eyJhbGci.x b"), [("XBL3.0 x=123;eyJhbGci.x", Class::Secret)]);
        assert_eq!(found("t=eyJhbGciOiJ9.eyJ4.sig"), [("eyJhbGciOiJ9.eyJ4.sig", Class::Secret)]);
        assert_eq!(found("at 203.0.113.9:3074"), [("203.0.113.9", Class::Ip)]);
        assert_eq!(found("[2001:db8:0:1::7]:3074"), [("2001:db8:0:1::7", Class::Ip)]);
        assert_eq!(found("mail bob.x@example.com now"), [("bob.x@example.com", Class::Email)]);
    }

    proptest::proptest! {
        #[test]
        fn what_is_passed_over_has_no_shape(text in "(eyJ|[Bb]earer |XBL3\\.0 x=|[a-f0-9]{1,9}|[:@.; -]|28146){0,12}") {
            let has_shape = shapes().unwrap().is_match(&text);
            proptest::prop_assert!(may_hold(&text) || !has_shape, "{text}");
        }
    }

    #[test]
    fn look_alikes_stay() {
        for text in [
            "2016-09-20T20:50:00.5180901Z",
            "17a13f76-1ba5-44a5-92c9-5c22196ddbc4",
            "12814646326226712",
            "ab2814646326226712cd",
            "9007199254740993",
            "127.0.0.1:8888",
            "1.2.3.4.5",
            "AAAAAAAA00000000000000000000000000000001",
            "03:04:05",
            "::",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
        assert_eq!(find("1.21.50.7", Role::Version), []);
    }
}
