//! Text of strings, and the two layouts of a document: compact and pretty, both token by token.

use std::borrow::Cow;
use std::ops::Range;

/// A string's value together with the way back to the raw bytes it came from.
#[derive(Debug)]
pub struct Unescaped<'a> {
    text: Cow<'a, str>,
    /// Absolute offset of the first raw byte inside the quotes.
    base: usize,
    /// With escapes: for each byte of `text`, the raw offset it starts at, and one more for the end.
    raw: Vec<usize>,
}

impl<'a> Unescaped<'a> {
    pub(super) fn new(inner: &'a [u8], base: usize) -> Self {
        if !inner.contains(&b'\\') {
            return Self { text: plain(inner), base, raw: Vec::new() };
        }
        let (text, raw) = unescape(inner);
        Self { text: Cow::Owned(text), base, raw }
    }

    /// Text that stands in its document as it is.
    pub fn verbatim(text: &'a str, base: usize) -> Self {
        Self { text: Cow::Borrowed(text), base, raw: Vec::new() }
    }

    /// A percent-encoded piece of a request target, escapes undone.
    pub fn percent(text: &'a str, base: usize) -> Self {
        if !text.contains('%') {
            return Self::verbatim(text, base);
        }
        let (text, raw) = percent_decode(text.as_bytes());
        Self { text: Cow::Owned(text), base, raw }
    }

    /// The value.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where a span of the value stands in the document's text.
    pub fn raw_span(&self, span: Range<usize>) -> Range<usize> {
        match self.raw.as_slice() {
            [] => self.base + span.start..self.base + span.end,
            raw => self.base + raw[span.start]..self.base + raw[span.end],
        }
    }
}

/// A string's value alone: large texts have no use for the way back.
pub(super) fn value(inner: &[u8]) -> Cow<'_, str> {
    let source = plain(inner);
    let Some(mut escape) = source.find('\\') else {
        return source;
    };
    let (mut text, mut at) = (String::with_capacity(source.len()), 0);
    loop {
        text.push_str(&source[at..escape]);
        let (value, length) = escape_at(&source.as_bytes()[escape..]);
        text.push(value);
        at = escape + length;
        match source[at..].find('\\') {
            Some(next) => escape = at + next,
            None => break,
        }
    }
    text.push_str(&source[at..]);
    Cow::Owned(text)
}

/// Text without escapes; what was scanned is UTF-8.
fn plain(inner: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(inner).map_or_else(|_| String::from_utf8_lossy(inner), Cow::Borrowed)
}

fn unescape(inner: &[u8]) -> (String, Vec<usize>) {
    let source = String::from_utf8_lossy(inner);
    let mut text = String::with_capacity(source.len());
    let mut raw = Vec::with_capacity(source.len() + 1);
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        let (value, length) =
            if first == '\\' { escape_at(&source.as_bytes()[at..]) } else { (first, first.len_utf8()) };
        text.push(value);
        raw.resize(text.len(), at);
        at += length;
    }
    raw.push(at);
    (text, raw)
}

/// The character of the escape that starts `rest`, and the escape's length.
fn escape_at(rest: &[u8]) -> (char, usize) {
    let value = match rest.get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode_escape(rest),
        Some(other) => char::from(*other),
        None => return (char::REPLACEMENT_CHARACTER, 1),
    };
    (value, 2)
}

fn unicode_escape(rest: &[u8]) -> (char, usize) {
    let high = hex4(&rest[2..]);
    if (0xd800..0xdc00).contains(&high) && rest[6..].starts_with(b"\\u") {
        let low = hex4(&rest[8..]);
        if (0xdc00..0xe000).contains(&low) {
            let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
        }
    }
    (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
}

fn hex4(digits: &[u8]) -> u32 {
    hex(&digits[..4.min(digits.len())])
}

/// Undoes percent-escapes; those that make no UTF-8 are kept as sent.
fn percent_decode(source: &[u8]) -> (String, Vec<usize>) {
    let mut bytes = Vec::with_capacity(source.len());
    let mut from = Vec::with_capacity(source.len() + 1);
    let mut at = 0;
    while at < source.len() {
        let digits = source.get(at + 1..at + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let escaped = digits.filter(|_| source[at] == b'%').and_then(|digits| u8::try_from(hex(digits)).ok());
        bytes.push(escaped.unwrap_or(source[at]));
        from.push(at);
        at += if escaped.is_some() { 3 } else { 1 };
    }
    from.push(at);
    let mut text = String::with_capacity(bytes.len());
    let mut raw = Vec::with_capacity(from.len());
    let mut done = 0;
    for chunk in bytes.utf8_chunks() {
        let (valid, end) = (done + chunk.valid().len(), done + chunk.valid().len() + chunk.invalid().len());
        text.push_str(chunk.valid());
        raw.extend_from_slice(&from[done..valid]);
        text.push_str(&String::from_utf8_lossy(&source[from[valid]..from[end]]));
        raw.extend(from[valid]..from[end]);
        done = end;
    }
    raw.push(at);
    (text, raw)
}

fn hex(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |sum, byte| sum * 16 + char::from(*byte).to_digit(16).unwrap_or(0))
}

/// Appends `value` as it must stand between quotes.
pub fn escape_into(out: &mut Vec<u8>, value: &str) {
    for char in value.chars() {
        match char {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\u{0}'..='\u{1f}' => out.extend_from_slice(format!("\\u{:04x}", u32::from(char)).as_bytes()),
            _ => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// The text without the white space between tokens. The text must be JSON.
pub fn compact(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for piece in pieces(text) {
        out.extend_from_slice(piece);
    }
    out
}

/// The text laid out for reading: two-space indent, LF, short flat arrays on one line, tokens untouched.
///
/// The layout depends on the tokens alone, so that `pretty(pretty(x)) == pretty(x)`. The text must be JSON.
/// `depth` is the indentation the first line is already at.
pub fn pretty(text: &[u8], depth: usize) -> Vec<u8> {
    let pieces: Vec<&[u8]> = pieces(text).collect();
    let mut out = Vec::with_capacity(text.len() * 2);
    let mut depth = depth;
    let mut at = 0;
    while at < pieces.len() {
        match pieces[at] {
            [b'[' | b'{'] => match flat_end(&pieces, at) {
                Some(end) => {
                    write_flat(&mut out, &pieces[at..=end]);
                    at = end;
                }
                None => {
                    out.extend_from_slice(pieces[at]);
                    depth += 1;
                    new_line(&mut out, depth);
                }
            },
            [b']' | b'}'] => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.extend_from_slice(pieces[at]);
            }
            b"," => {
                out.push(b',');
                new_line(&mut out, depth);
            }
            b":" => out.extend_from_slice(b": "),
            token => out.extend_from_slice(token),
        }
        at += 1;
    }
    out
}

/// The closing piece of a container that fits one line: empty, or a short array of scalars.
fn flat_end(pieces: &[&[u8]], open: usize) -> Option<usize> {
    let close: &[u8] = if pieces[open] == b"[" { b"]" } else { b"}" };
    if pieces.get(open + 1) == Some(&close) {
        return Some(open + 1);
    }
    if pieces[open] == b"{" {
        return None;
    }
    let mut width = 0;
    for (index, piece) in pieces.iter().enumerate().skip(open + 1) {
        width += piece.len() + 1;
        match *piece {
            b"]" => return Some(index),
            b"[" | b"{" => return None,
            _ if width > FLAT_WIDTH => return None,
            _ => {}
        }
    }
    None
}

fn write_flat(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    for piece in pieces {
        out.extend_from_slice(piece);
        if *piece == b"," {
            out.push(b' ');
        }
    }
}

fn new_line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.extend(std::iter::repeat_n(b' ', depth * 2));
}

/// Tokens and punctuation, one by one.
fn pieces(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while matches!(text.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            at += 1;
        }
        let start = at;
        match text.get(at)? {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => at += 1,
            b'"' => at = string_end(text, at),
            _ => {
                let is_end = |byte: &u8| b" \t\n\r{}[],:\"".contains(byte);
                at += text[at..].iter().position(is_end).unwrap_or(text.len() - at);
            }
        }
        Some(&text[start..at])
    })
}

fn string_end(text: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while at < text.len() {
        match text[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// Arrays of scalars up to this many bytes stay on one line.
const FLAT_WIDTH: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Doc;

    #[test]
    fn escapes_map_back_to_raw_offsets() {
        let text = br#""a\u00e9b\ud83d\ude00c\"d""#;
        let doc = Doc::parse(text).unwrap();
        let value = doc.root().unescaped().unwrap();
        assert_eq!(value.text(), "aéb😀c\"d");
        let at = value.text().find('c').unwrap();
        assert_eq!(&text[value.raw_span(at..at + 1)], b"c");
        let emoji = value.text().find('😀').unwrap();
        assert_eq!(&text[value.raw_span(emoji..emoji + 4)], br"\ud83d\ude00");
        assert_eq!(value.raw_span(0..value.text().len()), 1..text.len() - 1);
    }

    proptest::proptest! {
        #[test]
        fn a_value_is_the_same_with_the_way_back_and_without(text in r#"(a|é|😀|\\n|\\"|\\\\|\\u00e9|\\ud83d\\ude00|\\ud83d|\\ude00){0,8}"#) {
            let text = format!("\"{text}\"");
            let doc = Doc::parse(text.as_bytes()).unwrap();
            let unescaped = doc.root().unescaped().unwrap();
            proptest::prop_assert_eq!(doc.root().str().unwrap(), unescaped.text());
        }
    }

    #[test]
    fn percent_escapes_that_are_no_text_hide_none_that_are() {
        let value = Unescaped::percent("%32%ff%c3%C3%A9%zz", 10);
        assert_eq!(value.text(), "2%ff%c3é%zz");
        let at = value.text().find('é').unwrap();
        assert_eq!((value.raw_span(0..1), value.raw_span(at..at + 2)), (10..13, 19..25));
        assert_eq!(value.raw_span(0..value.text().len()), 10..28);
    }

    #[test]
    fn pretty_is_stable_and_compact_undoes_it() {
        let text = br#"{"a":[1,"x"],"b":{},"c":{"d":[{"e":1.50}]},"f":[]}"#;
        let once = pretty(text, 0);
        assert_eq!(
            String::from_utf8_lossy(&once),
            "{\n  \"a\": [1, \"x\"],\n  \"b\": {},\n  \"c\": {\n    \"d\": [\n      {\n        \"e\": 1.50\n      }\n    ]\n  },\n  \"f\": []\n}"
        );
        assert_eq!(pretty(&once, 0), once);
        assert_eq!(compact(&once), text);
    }
}
