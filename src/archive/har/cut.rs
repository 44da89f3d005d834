//! One JSON value after the other out of a stream: of the whole, no more is in memory than the value at hand.
//!
//! A value is cut by its brackets and quotes alone; whoever takes it scans it, and is told where it stood.

use std::io::{self, Read};

use super::HarError;
use crate::json::Doc;

/// Reads a stream value by value.
pub(super) struct Cutter<R> {
    source: R,
    chunk: Vec<u8>,
    at: usize,
    filled: usize,
    /// How many bytes came before the chunk.
    before: usize,
    line: usize,
    /// Where the line starts in the stream.
    line_start: usize,
    depth: usize,
}

/// A place in the file, both from 1; columns count bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The byte within it.
    pub column: usize,
}

/// What is being cut.
struct Cut<'o> {
    out: &'o mut Vec<u8>,
    start: Position,
    open: usize,
    values: usize,
    within: Within,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Plain,
    /// A string that starts there in what was cut so far.
    String(usize),
    /// A string too long to be kept.
    Lengthy,
}

impl<R: Read> Cutter<R> {
    pub(super) fn new(source: R) -> Self {
        let chunk = vec![0; CHUNK];
        Self { source, chunk, at: 0, filled: 0, before: 0, line: 1, line_start: 0, depth: 0 }
    }

    /// Where the next byte stands.
    pub(super) fn position(&self) -> Position {
        Position { line: self.line, column: self.before + self.at - self.line_start + 1 }
    }

    /// Passes over a byte-order mark.
    pub(super) fn mark(&mut self) -> Result<(), HarError> {
        for byte in b"\xef\xbb\xbf" {
            if self.peek()? != Some(*byte) {
                break;
            }
            self.at += 1;
            self.line_start += 1;
        }
        Ok(())
    }

    /// Opens a container; false, and nothing is read, when something else stands here.
    pub(super) fn open(&mut self, bracket: u8) -> Result<bool, HarError> {
        let opens = self.next()? == Some(bracket);
        self.at += usize::from(opens);
        self.depth += usize::from(opens);
        Ok(opens)
    }

    /// The name of an object's next member; `None` at its end.
    pub(super) fn member(&mut self, is_first: bool, scratch: &mut Vec<u8>) -> Result<Option<String>, HarError> {
        if !self.goes_on(is_first, b'}', "`,` or `}`")? {
            return Ok(None);
        }
        if self.next()? != Some(b'"') {
            return self.fail("a quoted name");
        }
        let start = self.value(scratch)?;
        let name = parsed(scratch, start)?.root().str().map(std::borrow::Cow::into_owned);
        if self.next()? != Some(b':') {
            return self.fail("`:`");
        }
        self.at += 1;
        Ok(Some(name.unwrap_or_default()))
    }

    /// True when an array has another item; false at its end.
    pub(super) fn item(&mut self, is_first: bool) -> Result<bool, HarError> {
        self.goes_on(is_first, b']', "`,` or `]`")
    }

    /// Cuts the next value and tells where it starts.
    pub(super) fn value(&mut self, out: &mut Vec<u8>) -> Result<Position, HarError> {
        out.clear();
        self.next()?;
        let start = self.position();
        let mut cut = Cut { out, start, open: 0, values: 0, within: Within::Plain };
        loop {
            if self.at == self.filled && !self.fill()? {
                return Err(HarError::Ended { starts: start });
            }
            let is_whole = match cut.within {
                Within::Plain => self.plain(&mut cut)?,
                Within::String(_) | Within::Lengthy => self.string(&mut cut)?,
            };
            if cut.out.len() > LARGEST {
                return Err(HarError::TooLarge { at: start });
            }
            if is_whole {
                return Ok(start);
            }
        }
    }

    /// Makes sure that nothing follows.
    pub(super) fn end(&mut self) -> Result<(), HarError> {
        match self.next()? {
            None => Ok(()),
            Some(_) => self.fail("the end of the file"),
        }
    }

    fn fail<T>(&self, expected: &'static str) -> Result<T, HarError> {
        Err(HarError::NotJson { at: self.position(), expected })
    }

    fn goes_on(&mut self, is_first: bool, close: u8, expected: &'static str) -> Result<bool, HarError> {
        match self.next()? {
            Some(byte) if byte == close => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            Some(b',') if !is_first => {
                self.at += 1;
                Ok(true)
            }
            Some(_) if is_first => Ok(true),
            _ => self.fail(expected),
        }
    }

    /// Cuts up to the next string or the value's end; true at its end.
    fn plain(&mut self, cut: &mut Cut<'_>) -> Result<bool, HarError> {
        let (from, mut is_whole) = (self.at, false);
        while let Some(byte) = self.chunk[..self.filled].get(self.at).copied() {
            match byte {
                b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n' if cut.open == 0 => {
                    is_whole = true;
                    break;
                }
                b'"' => {
                    self.at += 1;
                    cut.within = Within::String(cut.out.len() + self.at - from - 1);
                    break;
                }
                b'{' | b'[' => cut.open += 1,
                b'}' | b']' => cut.open -= 1,
                b',' | b':' => cut.values += 1,
                b'\n' => self.newline(),
                _ => {}
            }
            self.at += 1;
            if matches!(byte, b'}' | b']') && cut.open == 0 {
                is_whole = true;
                break;
            }
            if self.depth + cut.open > DEEPEST {
                return Err(HarError::TooDeep { at: self.position() });
            }
        }
        cut.out.extend_from_slice(&self.chunk[from..self.at]);
        if cut.values > MOST_VALUES {
            return Err(HarError::TooMany { at: cut.start });
        }
        Ok(is_whole)
    }

    /// Cuts up to the end of a string; true when the string was the value. One too long to be kept reads as null.
    fn string(&mut self, cut: &mut Cut<'_>) -> Result<bool, HarError> {
        let from = self.at;
        let rest = &self.chunk[from..self.filled];
        let found = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
        let ends = found.is_some_and(|at| rest[at] == b'"');
        self.at = found.map_or(self.filled, |at| from + at + 1);
        self.keep(cut, from);
        if found.is_some() && !ends {
            // What follows a backslash belongs to it, even at the start of the next chunk.
            if self.peek()?.is_some() {
                self.at += 1;
                self.keep(cut, self.at - 1);
            }
            return Ok(false);
        }
        if ends {
            cut.within = Within::Plain;
        }
        Ok(ends && cut.open == 0)
    }

    fn keep(&self, cut: &mut Cut<'_>, from: usize) {
        let Within::String(start) = cut.within else { return };
        cut.out.extend_from_slice(&self.chunk[from..self.at]);
        if cut.out.len() - start > LONGEST {
            cut.out.truncate(start);
            cut.out.extend_from_slice(b"null");
            cut.within = Within::Lengthy;
        }
    }

    /// The next byte that is no white space.
    fn next(&mut self) -> Result<Option<u8>, HarError> {
        loop {
            match self.peek()? {
                Some(b'\n') => self.newline(),
                Some(b' ' | b'\t' | b'\r') => {}
                other => return Ok(other),
            }
            self.at += 1;
        }
    }

    /// The line ends with the byte at hand.
    fn newline(&mut self) {
        self.line += 1;
        self.line_start = self.before + self.at + 1;
    }

    fn peek(&mut self) -> Result<Option<u8>, HarError> {
        if self.at == self.filled && !self.fill()? {
            return Ok(None);
        }
        Ok(Some(self.chunk[self.at]))
    }

    fn fill(&mut self) -> Result<bool, HarError> {
        loop {
            match self.source.read(&mut self.chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(HarError::Io(error)),
                Ok(read) => {
                    self.before += self.filled;
                    (self.at, self.filled) = (0, read);
                    return Ok(read > 0);
                }
            }
        }
    }
}

/// Scans a value that was cut; `start` is where it stood.
pub(super) fn parsed(text: &[u8], start: Position) -> Result<Doc<'_>, HarError> {
    Doc::parse(text).map_err(|error| {
        let (before, rest) = text.split_at(error.offset.min(text.len()));
        if CONFLICT.iter().any(|marker| rest.starts_with(marker)) {
            return HarError::Conflict { line: after(start, before).line };
        }
        HarError::NotJson { at: after(start, before), expected: error.expected }
    })
}

fn after(start: Position, text: &[u8]) -> Position {
    match text.iter().rposition(|byte| *byte == b'\n') {
        None => Position { column: start.column + text.len(), ..start },
        Some(last) => {
            let lines = text.iter().filter(|byte| **byte == b'\n').count();
            Position { line: start.line + lines, column: text.len() - last }
        }
    }
}

const CONFLICT: [&[u8]; 3] = [b"<<<<<<<", b"=======", b">>>>>>>"];
const CHUNK: usize = 1 << 17;
/// Deeper nesting is nothing a recorder writes.
const DEEPEST: usize = 128;
/// Larger values are refused: an entry takes memory before anything is known of it.
const LARGEST: usize = 16 << 20;
/// So are values of more members and items: each takes memory, however few bytes it is.
const MOST_VALUES: usize = 500_000;
/// Longer strings are passed over: no body the contract speaks of is that long, but downloads are.
const LONGEST: usize = 2 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out its text in pieces of a few bytes.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len()).min(buffer.len());
            let (now, later) = self.0.split_at(length);
            buffer[..length].copy_from_slice(now);
            self.0 = later;
            Ok(length)
        }
    }

    fn items(text: &[u8], step: usize) -> Result<Vec<(String, Position)>, HarError> {
        let mut cutter = Cutter::new(Dribble(text, step));
        let (mut out, mut items) = (Vec::new(), Vec::new());
        assert!(cutter.open(b'[')?);
        while cutter.item(items.is_empty())? {
            let start = cutter.value(&mut out)?;
            parsed(&out, start)?;
            items.push((String::from_utf8(out.clone()).unwrap(), start));
        }
        cutter.end()?;
        Ok(items)
    }

    #[test]
    fn values_come_whole_however_the_bytes_come() {
        let text = b"[ {\"a\\\\\":\"]}\\\"\",\n\"b\":[1,{}]},\r\n  -1.5e3 ,\"x,\\u00e9\", true,[],null]\n";
        for step in 1..40 {
            let items = items(text, step).unwrap();
            let texts: Vec<&str> = items.iter().map(|(text, _)| text.as_str()).collect();
            assert_eq!(texts[0], "{\"a\\\\\":\"]}\\\"\",\n\"b\":[1,{}]}");
            assert_eq!(texts[1..], ["-1.5e3", "\"x,\\u00e9\"", "true", "[]", "null"], "{step}");
            let places: Vec<_> = items.iter().map(|(_, at)| (at.line, at.column)).collect();
            assert_eq!(places[..3], [(1, 3), (3, 3), (3, 11)], "{step}");
        }
    }

    #[test]
    fn faults_have_a_place() {
        for (text, place) in [
            (&b"[1,\n 2 3]"[..], (2, 4)),
            (b"[{\"a\":1,\n\"b\" 2}]", (2, 5)),
            (b"[1]\nx", (2, 1)),
            (b"[{\"a\":\"\xff\"}]", (1, 8)),
            (b"[[}]", (1, 3)),
            (b"[,]", (1, 2)),
            (b"[1,]", (1, 4)),
        ] {
            for step in [1, 100] {
                let error = items(text, step).unwrap_err();
                assert!(
                    matches!(error, HarError::NotJson { at, .. } if (at.line, at.column) == place),
                    "{error:?} {place:?}"
                );
            }
        }
        assert!(matches!(items(b"[{\"a\":[1,", 3), Err(HarError::Ended { starts }) if starts.column == 2));
        assert!(matches!(items(b"[1,\n=======\n2]", 3), Err(HarError::Conflict { line: 2 })));
    }

    #[test]
    fn bombs_are_refused_while_they_are_read() {
        let deep = "[".repeat(200);
        assert!(matches!(items(deep.as_bytes(), 50), Err(HarError::TooDeep { .. })));
        let many = format!("[[{}1]]", "1,".repeat(MOST_VALUES + 1));
        assert!(matches!(items(many.as_bytes(), CHUNK), Err(HarError::TooMany { .. })));
        let keys = format!("[{{\"a\":\"{}\"}}]", "x".repeat(LONGEST + 1));
        assert_eq!(items(keys.as_bytes(), CHUNK).unwrap()[0].0, "{\"a\":null}");
        let wide = format!("[[\"{}\"]]", vec!["x".repeat(LONGEST - 8); 10].join("\",\""));
        assert!(matches!(items(wide.as_bytes(), CHUNK), Err(HarError::TooLarge { .. })));
    }
}
