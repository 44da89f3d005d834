//! The scanner: text in, flat tokens out, no recursion.

use thiserror::Error;

use super::Facts;

/// Text that is not JSON.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("not JSON at byte {offset}: expected {expected}")]
pub struct JsonError {
    /// Offset of the offending byte; the text's length when it ended too early.
    pub offset: usize,
    /// What would have been right there.
    pub expected: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Object,
    Array,
    Key,
    String,
    Number,
    Bool,
    Null,
}

/// One value or key. `next` is the index of the token after it and everything inside it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) next: usize,
}

pub(super) fn scan(text: &[u8]) -> Result<(Vec<Token>, Facts), JsonError> {
    if let Err(error) = std::str::from_utf8(text) {
        return Err(JsonError { offset: error.valid_up_to(), expected: "UTF-8" });
    }
    let mut scanner = Scanner { text, at: 0, tokens: Vec::new(), open: Vec::new(), facts: Facts::default() };
    scanner.document()?;
    Ok((scanner.tokens, scanner.facts))
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    tokens: Vec<Token>,
    open: Vec<usize>,
    facts: Facts,
}

impl Scanner<'_> {
    fn document(&mut self) -> Result<(), JsonError> {
        self.space();
        self.value()?;
        while let Some(container) = self.open.last().copied() {
            self.space();
            self.continue_container(container)?;
        }
        self.space();
        if self.at < self.text.len() {
            return self.fail("the end of the text");
        }
        Ok(())
    }

    /// Reads what may follow inside an open container: its end, or its next entry.
    fn continue_container(&mut self, container: usize) -> Result<(), JsonError> {
        let is_object = self.tokens[container].kind == TokenKind::Object;
        let close = if is_object { b'}' } else { b']' };
        let is_empty = self.tokens.len() == container + 1;
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                self.open.pop();
                self.close(container);
                return Ok(());
            }
            Some(b',') if !is_empty => {
                self.at += 1;
                self.space();
            }
            _ if is_empty => {}
            _ => return self.fail(if is_object { "`,` or `}`" } else { "`,` or `]`" }),
        }
        if is_object {
            self.key()?;
        }
        self.value()
    }

    fn key(&mut self) -> Result<(), JsonError> {
        if self.peek() != Some(b'"') {
            return self.fail("a quoted name");
        }
        self.string(TokenKind::Key)?;
        self.space();
        if self.peek() != Some(b':') {
            return self.fail("`:`");
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    fn value(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'{') => self.open_container(TokenKind::Object),
            Some(b'[') => self.open_container(TokenKind::Array),
            Some(b'"') => return self.string(TokenKind::String),
            Some(b'-' | b'0'..=b'9') => return self.number(),
            Some(b't') => return self.word(b"true", TokenKind::Bool),
            Some(b'f') => return self.word(b"false", TokenKind::Bool),
            Some(b'n') => return self.word(b"null", TokenKind::Null),
            _ => return self.fail("a value"),
        }
        Ok(())
    }

    fn open_container(&mut self, kind: TokenKind) {
        self.open.push(self.tokens.len());
        self.facts.depth = self.facts.depth.max(self.open.len());
        self.tokens.push(Token { kind, start: self.at, end: 0, next: 0 });
        self.at += 1;
    }

    fn close(&mut self, container: usize) {
        self.tokens[container].end = self.at;
        self.tokens[container].next = self.tokens.len();
    }

    fn leaf(&mut self, kind: TokenKind, start: usize) {
        let next = self.tokens.len() + 1;
        self.tokens.push(Token { kind, start, end: self.at, next });
    }

    fn word(&mut self, word: &'static [u8], kind: TokenKind) -> Result<(), JsonError> {
        let start = self.at;
        if !self.text[start..].starts_with(word) {
            return self.fail("a value");
        }
        self.at += word.len();
        self.leaf(kind, start);
        Ok(())
    }

    fn string(&mut self, kind: TokenKind) -> Result<(), JsonError> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(0x20..) => self.at += 1,
                Some(_) => return self.fail("an escape in place of a control character"),
                None => return self.fail("a closing quote"),
            }
        }
        self.at += 1;
        self.leaf(kind, start);
        Ok(())
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                let unit = self.unit()?;
                match unit {
                    0xd800..=0xdbff if self.text[self.at..].starts_with(b"\\u") => {
                        self.at += 1;
                        let low = self.unit()?;
                        self.facts.lone_surrogate |= !(0xdc00..=0xdfff).contains(&low);
                    }
                    0xd800..=0xdfff => self.facts.lone_surrogate = true,
                    _ => {}
                }
            }
            _ => return self.fail("an escape character"),
        }
        Ok(())
    }

    /// Reads `uXXXX`.
    fn unit(&mut self) -> Result<u16, JsonError> {
        self.at += 1;
        let digits = self.text.get(self.at..self.at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
        let unit = digits
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let Some(unit) = unit else {
            return self.fail("four hex digits");
        };
        self.at += 4;
        Ok(unit)
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.skip_if(b"-");
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return self.fail("a digit"),
        }
        if self.skip_if(b".") {
            self.digits()?;
        }
        if self.skip_if(b"eE") {
            self.skip_if(b"+-");
            self.digits()?;
        }
        self.leaf(TokenKind::Number, start);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.fail("a digit");
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn skip_if(&mut self, any_of: &[u8]) -> bool {
        let found = self.peek().is_some_and(|byte| any_of.contains(&byte));
        self.at += usize::from(found);
        found
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
            self.facts.spaced = true;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn fail<T>(&self, expected: &'static str) -> Result<T, JsonError> {
        Err(JsonError { offset: self.at, expected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(text: &str) -> bool {
        scan(text.as_bytes()).is_ok()
    }

    #[test]
    fn strict_json_and_nothing_else() {
        for good in
            ["{}", "[]", "0", "-0.5e+10", "\"\\u0041\\n\"", "[1,{\"a\":[]}]", " null ", "\"\u{7f}\"", "\"\\ud800\""]
        {
            assert!(accepts(good), "{good}");
        }
        let bad = [
            "",
            "{,}",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "+1",
            "1.",
            ".5",
            "1e",
            "tru",
            "\"\t\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "{a:1}",
            "[1 2]",
            "{\"a\" 1}",
            "1 1",
            "[",
            "\"",
            "{\"a\":}",
            "// x",
            "NaN",
            "\"\\u\"",
            "[,1]",
            "]",
        ];
        for bad in bad {
            assert!(!accepts(bad), "{bad}");
        }
    }

    #[test]
    fn depth_is_no_danger() {
        let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        let (tokens, facts) = scan(deep.as_bytes()).unwrap();
        assert_eq!((tokens.len(), facts.depth), (1_000_000, 1_000_000));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_named() {
        assert_eq!(scan(b"\"a\xff\"").unwrap_err(), JsonError { offset: 2, expected: "UTF-8" });
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_serde_json(text in r#"[\[\]{}:,"\\0-9.eE+\-a-fu ntrl]{0,24}"#) {
            let ours = scan(text.as_bytes()).is_ok_and(|(_, facts)| !facts.lone_surrogate);
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            // serde_json refuses numbers that overflow a double; the text is JSON all the same.
            let overflow = theirs.as_ref().is_err_and(|error| error.to_string().contains("out of range"));
            proptest::prop_assert!(ours == theirs.is_ok() || overflow, "{text}");
        }
    }
}
