//! A filter's text in pieces: words, quoted texts, parentheses and colons, each with its place.

use super::Fault;

/// One piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// The offset it begins at.
    pub(super) at: usize,
    /// What it is.
    pub(super) lexeme: Lexeme<'t>,
}

/// What a piece is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lexeme<'t> {
    /// A keyword, path, variable or number.
    Word(&'t str),
    /// A quoted text; two quotes inside stand for one.
    Quoted(String),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `:`
    Colon,
    /// Nothing more.
    End,
}

/// Takes a filter apart. The last piece is always the end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Fault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let (lexeme, length) = match first {
            _ if first.is_whitespace() => {
                at += first.len_utf8();
                continue;
            }
            '(' => (Lexeme::Open, 1),
            ')' => (Lexeme::Close, 1),
            ':' => (Lexeme::Colon, 1),
            '\'' => quoted(&text[at..]).ok_or(Fault { at, fault: "a text has no closing quote" })?,
            _ => {
                let rest = &text[at..];
                let length = rest.find(ends_word).unwrap_or(rest.len());
                (Lexeme::Word(&rest[..length]), length)
            }
        };
        tokens.push(Token { at, lexeme });
        at += length;
    }
    tokens.push(Token { at, lexeme: Lexeme::End });
    Ok(tokens)
}

/// A quoted text at the start of `rest`, and how long it is there.
fn quoted(rest: &str) -> Option<(Lexeme<'_>, usize)> {
    let mut text = String::new();
    let mut at = 1;
    loop {
        let length = rest[at..].find('\'')?;
        text.push_str(&rest[at..at + length]);
        at += length + 1;
        if !rest[at..].starts_with('\'') {
            return Some((Lexeme::Quoted(text), at));
        }
        text.push('\'');
        at += 1;
    }
}

fn ends_word(char: char) -> bool {
    char.is_whitespace() || matches!(char, '(' | ')' | ':' | '\'')
}
