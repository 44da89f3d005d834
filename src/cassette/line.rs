//! One line of a journal: a JSON object whose first key is the CRC-32 of everything after it.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::frame::FrameRecord;
use super::record::{Alias, Began, Head, HttpRecord, Lane, Mark, json};
use crate::slot::alias::AliasClass;

/// A line before the journal has given it its position and its CRC.
#[derive(Clone, Debug)]
pub struct LineBody {
    json: Vec<u8>,
    takes: Takes,
}

/// What a line takes of a journal: an `answered` position, or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// It is an exchange.
    Position,
    /// It names something, and stands in a journal once.
    Once,
    /// It is anything else.
    Nothing,
}

impl LineBody {
    /// The line every journal starts with: when the recording began, by the wall clock, and which part of it this is.
    pub fn head(recorded: Option<Timestamp>, part: u32) -> Self {
        let (head, began) = (json(&Head::current()), json(&Began { recorded, part }));
        let both = if began == b"{}" { head } else { [&head[..head.len() - 1], b",", &began[1..]].concat() };
        Self::tagged("head", &both, Takes::Nothing)
    }

    /// A lane opens.
    pub fn lane(name: &str) -> Self {
        Self::tagged("lane", &json(&Lane { name: name.to_owned() }), Takes::Once)
    }

    /// An alias is used from here on.
    pub fn alias(class: AliasClass, text: &str) -> Self {
        Self::tagged("alias", &json(&Alias { class: class.name().to_owned(), text: text.to_owned() }), Takes::Once)
    }

    /// A human note.
    pub fn mark(mark: &Mark) -> Self {
        Self { json: json(mark), takes: Takes::Nothing }
    }

    /// An exchange. Whatever `answered` it has is left out: the journal gives it one.
    pub fn http(record: &HttpRecord) -> Self {
        let json =
            if record.answered == 0 { json(record) } else { json(&HttpRecord { answered: 0, ..record.clone() }) };
        Self { json, takes: Takes::Position }
    }

    /// A message on a socket.
    pub fn frame(record: &FrameRecord) -> Self {
        Self { json: json(record), takes: Takes::Nothing }
    }

    /// The record's own JSON object.
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// What the line takes.
    pub fn takes(&self) -> Takes {
        self.takes
    }

    /// How long the finished line can get.
    pub fn max_len(&self) -> usize {
        self.json.len() + PREFIX.len() + 8 + "\",\"answered\":18446744073709551615,\n".len()
    }

    /// Appends the finished line.
    pub fn write(&self, answered: Option<u64>, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(PREFIX);
        out.extend_from_slice(b"00000000\",");
        let covered = out.len();
        if let Some(answered) = answered {
            out.extend_from_slice(format!("\"answered\":{answered},").as_bytes());
        }
        out.extend_from_slice(&self.json[1..]);
        let crc = format!("{:08x}", crc32fast::hash(&out[covered..]));
        out[start + PREFIX.len()..start + PREFIX.len() + 8].copy_from_slice(crc.as_bytes());
        out.push(b'\n');
    }

    fn tagged(kind: &str, json: &[u8], takes: Takes) -> Self {
        let json = [format!("{{\"kind\":\"{kind}\",").as_bytes(), &json[1..]].concat();
        Self { json, takes }
    }
}

/// Why a line does not count.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LineFault {
    /// It does not start the way every line does.
    #[error("it does not start with its CRC")]
    NoCrc,
    /// Its bytes were changed.
    #[error("its CRC does not match its bytes")]
    Crc,
    /// It is longer than any line we write.
    #[error("it is {0} bytes long, more than a line can have")]
    TooLong(usize),
    /// It has no end, and is not the last line of the recording.
    #[error("it breaks off after {0} bytes, and more of the recording follows in the next part")]
    Cut(usize),
    /// It is whole, but not what its kind should be.
    #[error("{0}")]
    Shape(String),
}

/// Checks a line (without its line end) against its CRC.
pub(super) fn check(line: &[u8]) -> Result<(), LineFault> {
    if line.len() > MAX_LINE {
        return Err(LineFault::TooLong(line.len()));
    }
    let rest = line.strip_prefix(PREFIX).ok_or(LineFault::NoCrc)?;
    let (digits, rest) = rest.split_at_checked(8).ok_or(LineFault::NoCrc)?;
    let covered = rest.strip_prefix(b"\",").ok_or(LineFault::NoCrc)?;
    let expected = format!("{:08x}", crc32fast::hash(covered));
    if digits.eq_ignore_ascii_case(expected.as_bytes()) { Ok(()) } else { Err(LineFault::Crc) }
}

/// The `kind` of a record.
pub(super) fn kind(text: &[u8]) -> Result<Cow<'_, str>, LineFault> {
    #[derive(Deserialize)]
    struct Peek<'a> {
        #[serde(borrow)]
        kind: Cow<'a, str>,
    }
    serde_json::from_slice::<Peek<'_>>(text).map(|peek| peek.kind).map_err(|error| LineFault::Shape(reason(&error)))
}

/// A record of a known kind.
pub(super) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, LineFault> {
    serde_json::from_slice(text).map_err(|error| LineFault::Shape(reason(&error)))
}

/// What is wrong, without the text that is wrong: an edited file may hold what must not be shown.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    if ["missing field", "duplicate field", "not "].iter().any(|known| message.starts_with(known)) {
        return message.to_owned();
    }
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected} at column {}", error.column()),
        None => format!("not readable at column {}", error.column()),
    }
}

/// What every line of a journal starts with.
pub(super) const PREFIX: &[u8] = b"{\"crc\":\"";

/// No line is longer: a record of two bodies at their limits fits.
pub const MAX_LINE: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_carries_its_own_proof() {
        let mut out = Vec::new();
        LineBody::lane("lane-1").write(None, &mut out);
        let line = out.strip_suffix(b"\n").unwrap();
        assert_eq!(
            line,
            format!("{{\"crc\":\"{:08x}\",\"kind\":\"lane\",\"name\":\"lane-1\"}}", crc32fast::hash(&line[18..]))
                .as_bytes()
        );
        assert_eq!((check(line), kind(line).unwrap().as_ref()), (Ok(()), "lane"));
        assert_eq!(parse::<Lane>(line).unwrap(), Lane { name: "lane-1".into() });
        for at in 0..line.len() {
            let mut flipped = line.to_vec();
            flipped[at] ^= 1;
            assert!(check(&flipped).is_err(), "byte {at}");
        }
    }

    #[test]
    fn reasons_do_not_quote_the_file() {
        let error = parse::<Mark>(br#"{"at_position":"hush","text":""}"#).unwrap_err().to_string();
        assert!(error.contains("expected u64") && !error.contains("hush"), "{error}");
        assert_eq!(parse::<Mark>(b"{}").unwrap_err().to_string(), "missing field `at_position`");
    }
}
