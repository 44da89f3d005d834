//! Request targets taken apart: path segments and query parameters with their byte spans.

use std::borrow::Cow;
use std::ops::Range;

/// A piece of a target: where it stands, and its text with percent-escapes undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Byte span in the target.
    pub span: Range<usize>,
    /// Decoded text.
    pub text: String,
}

/// Path segments after the leading `/`. A trailing slash gives a last empty segment.
pub fn segments(target: &str) -> Vec<Piece> {
    let path = target.split('?').next().unwrap_or_default();
    split(path, 0, '/').skip(1).collect()
}

/// Query parameters in order: name and, when there is a `=`, value.
pub fn parameters(target: &str) -> Vec<(Piece, Option<Piece>)> {
    let Some(start) = target.find('?').map(|at| at + 1) else {
        return Vec::new();
    };
    raw_pieces(&target[start..], start, '&')
        .filter(|span| !span.is_empty())
        .map(|span| match target[span.clone()].find('=') {
            Some(at) => {
                let equals = span.start + at;
                (piece(target, span.start..equals), Some(piece(target, equals + 1..span.end)))
            }
            None => (piece(target, span), None),
        })
        .collect()
}

/// Undoes percent-escapes; bytes that are no UTF-8 become U+FFFD, malformed escapes stay.
pub fn percent_decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten().and_then(hex_byte);
        out.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Escapes what may not stand in a path segment or query value.
pub fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'(' | b')' | b'@' | b':' | b'!' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let value = digit(digits[0])? * 16 + digit(digits[1])?;
    u8::try_from(value).ok()
}

fn split(text: &str, base: usize, separator: char) -> impl Iterator<Item = Piece> {
    raw_pieces(text, base, separator)
        .map(move |span| Piece { text: percent_decode(&text[span.start - base..span.end - base]).into_owned(), span })
}

fn piece(target: &str, span: Range<usize>) -> Piece {
    Piece { text: percent_decode(&target[span.clone()]).into_owned(), span }
}

fn raw_pieces(text: &str, base: usize, separator: char) -> impl Iterator<Item = Range<usize>> {
    let mut start = base;
    text.split(separator).map(move |part| {
        let span = start..start + part.len();
        start = span.end + 1;
        span
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_text() {
        let target = "/handles/a%20b/session?xuid=1%32&flag&include=";
        let names: Vec<_> =
            segments(target).into_iter().map(|piece| (target[piece.span].to_owned(), piece.text)).collect();
        assert_eq!(names[1], ("a%20b".into(), "a b".into()));
        let query = parameters(target);
        assert_eq!(query[0].1.as_ref().unwrap().text, "12");
        assert_eq!(&target[query[0].1.as_ref().unwrap().span.clone()], "1%32");
        assert_eq!((query[1].0.text.as_str(), &query[1].1), ("flag", &None));
        assert_eq!(query[2].1.as_ref().unwrap().text, "");
    }

    #[test]
    fn decoding_keeps_what_is_no_escape() {
        assert_eq!(percent_decode("100%25%zz%"), "100%%zz%");
        assert_eq!(percent_encode("a b/ü"), "a%20b%2F%C3%BC");
    }
}
