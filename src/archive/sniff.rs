//! What a file is, by its first bytes.

use crate::cassette;

/// What a file may turn out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A journal or a sealed cassette.
    Cassette,
    /// JSON that is no cassette: a HAR file, if it is anything we can read.
    Har,
    /// Nothing at all.
    Empty,
    /// A zip archive; Fiddler's SAZ files are zip archives, too.
    Zip,
    /// Compressed by gzip, zlib or zstd.
    Compressed,
    /// Text in UTF-16.
    Utf16,
    /// Text that is no JSON object.
    Text,
    /// Bytes that are no text.
    Binary,
}

/// Tells what a file is; `head` are its first bytes, or all there are of them.
pub fn sniff(head: &[u8]) -> Format {
    let known = MAGIC.iter().find(|(magic, _)| head.starts_with(magic));
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    match (known, text.first()) {
        (Some((_, format)), _) => *format,
        (None, None) => Format::Empty,
        _ if head.contains(&0) => Format::Binary,
        _ if cassette::is_journal(text) || has_conflict(head) => Format::Cassette,
        (None, Some(b'{')) if first_key(text).is_some_and(|key| CASSETTE_KEYS.contains(&key)) => Format::Cassette,
        (None, Some(b'{' | b'[')) => Format::Har,
        _ if is_text(head) => Format::Text,
        _ => Format::Binary,
    }
}

/// The text of the first key, escapes and all.
fn first_key(text: &[u8]) -> Option<&[u8]> {
    let key = text.strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"")?;
    key.split(|byte| *byte == b'"').next()
}

/// A merge leaves its markers at the start of a line; the cassette's reader knows what to say of them.
fn has_conflict(head: &[u8]) -> bool {
    head.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"<<<<<<< "))
}

/// The head may end within a character.
fn is_text(head: &[u8]) -> bool {
    std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true)
}

const CASSETTE_KEYS: [&[u8]; 7] = [b"$schema", b"head", b"aliases", b"lanes", b"records", b"timing", b"seal"];

const MAGIC: [(&[u8], Format); 7] = [
    (b"PK\x03\x04", Format::Zip),
    (b"PK\x05\x06", Format::Zip),
    (b"\x1f\x8b", Format::Compressed),
    (b"\x78\xda", Format::Compressed),
    (b"\x28\xb5\x2f\xfd", Format::Compressed),
    (b"\xff\xfe", Format::Utf16),
    (b"\xfe\xff", Format::Utf16),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        let cases: [(&[u8], Format); 16] = [
            (b"", Format::Empty),
            (b"\xef\xbb\xbf \r\n", Format::Empty),
            (b"{\"crc\":\"00000000\",\"kind\":\"head\"}\n", Format::Cassette),
            (b"\xef\xbb\xbf{\r\n  \"$schema\": \"x\"", Format::Cassette),
            (b"{\n<<<<<<< ours\n  \"$schema\": \"x\"", Format::Cassette),
            (b"{\"log\":{", Format::Har),
            (b"{\"a\":1}", Format::Har),
            (b"[]", Format::Har),
            (b"\x89PNG\r\n\x1a\n\0\0\0", Format::Binary),
            (b"\xff\xd8\xff\xe0abc", Format::Binary),
            (b"PK\x03\x04\x14", Format::Zip),
            (b"\x1f\x8b\x08", Format::Compressed),
            (b"\xff\xfe{\0", Format::Utf16),
            (b"GET / HTTP/1.1\r\n", Format::Text),
            (b"<har>", Format::Text),
            (b"caf\xc3", Format::Text),
        ];
        for (head, format) in cases {
            assert_eq!(sniff(head), format, "{}", String::from_utf8_lossy(head));
        }
    }
}
