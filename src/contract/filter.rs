//! Search filters: a reader of just so much OData as the documented limits need, which lets everything else pass.

use super::finding::{Findings, Place, quoted};

/// Runs the rules of the filter a search query carries.
pub(super) fn check(filter: &str, findings: &mut Findings) {
    let place = || Place::body("/filter");
    if filter.len() > LONGEST {
        return;
    }
    let Some(tokens) = tokens(filter) else {
        findings.add("search-filter-malformed", place(), "a quote is not closed");
        return;
    };
    match deepest(&tokens) {
        None => findings.add("search-filter-malformed", place(), "the parentheses do not match"),
        Some(depth) if depth > DEEPEST => {}
        Some(_) => {
            alternatives(unwrapped(&tokens), findings);
            comparisons(&tokens, findings);
        }
    }
}

/// A filter's smallest parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'f> {
    Open,
    Close,
    /// A name, a path, an operator or a number.
    Word(&'f str),
    /// A literal, without its quotes.
    Text(&'f str),
    Other,
}

impl Token<'_> {
    fn is_word(self, any_of: &[&str]) -> bool {
        matches!(self, Self::Word(word) if any_of.iter().any(|known| known.eq_ignore_ascii_case(word)))
    }
}

/// Takes a filter apart; `None` when a literal does not end.
fn tokens(filter: &str) -> Option<Vec<Token<'_>>> {
    let is_part = |letter: char| letter.is_alphanumeric() || "/_.-".contains(letter);
    let mut tokens = Vec::new();
    let mut rest = filter.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' => {
                tokens.push(if first == '(' { Token::Open } else { Token::Close });
                1
            }
            '\'' | '"' => {
                let end = closing(rest, first)?;
                tokens.push(Token::Text(&rest[1..end]));
                end + 1
            }
            _ if is_part(first) => {
                let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
                tokens.push(Token::Word(&rest[..end]));
                end
            }
            _ => {
                tokens.push(Token::Other);
                first.len_utf8()
            }
        };
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

/// Where the literal that opens a text closes. A doubled quote stands for itself.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut at = 1;
    loop {
        at += text[at..].find(quote)?;
        if !text[at + 1..].starts_with(quote) {
            return Some(at);
        }
        at += 2;
    }
}

/// How deep the parentheses go; `None` when they do not match.
fn deepest(tokens: &[Token<'_>]) -> Option<usize> {
    let (mut depth, mut deepest) = (0_usize, 0);
    for token in tokens {
        match token {
            Token::Open => depth += 1,
            Token::Close => depth = depth.checked_sub(1)?,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    (depth == 0).then_some(deepest)
}

/// The filter without parentheses around the whole of it.
fn unwrapped<'t, 'f>(mut tokens: &'t [Token<'f>]) -> &'t [Token<'f>] {
    while let [Token::Open, inner @ .., Token::Close] = tokens {
        if deepest(inner).is_none() {
            break;
        }
        tokens = inner;
    }
    tokens
}

/// One `or` at most, and at the root.
fn alternatives(tokens: &[Token<'_>], findings: &mut Findings) {
    let (mut depth, mut at_root, mut below) = (0_usize, 0, 0);
    for token in tokens {
        match token {
            Token::Open => depth += 1,
            Token::Close => depth -= 1,
            word if word.is_word(&["or"]) && depth == 0 => at_root += 1,
            word if word.is_word(&["or"]) => below += 1,
            _ => {}
        }
    }
    if at_root > 1 || below > 0 {
        let message = format!("{} `or`, {below} of them inside parentheses", at_root + below);
        findings.add("search-filter-or-count", Place::body("/filter"), message);
    }
}

/// What stands in an open pair of parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope<'f> {
    /// `tags/any(`, with the name it gives a tag.
    Tags(Option<&'f str>),
    /// `tolower(`.
    Lowered,
    Plain,
}

/// The left side of a comparison.
struct Operand<'f> {
    name: &'f str,
    /// True for tags and string attributes.
    is_text: bool,
    lowered: bool,
}

/// Tags and strings are compared in lower case.
fn comparisons(tokens: &[Token<'_>], findings: &mut Findings) {
    let mut scopes: Vec<Scope<'_>> = Vec::new();
    let mut left: Option<Operand<'_>> = None;
    let mut compares = false;
    for (at, token) in tokens.iter().enumerate() {
        match *token {
            Token::Open => scopes.push(scope(at.checked_sub(1).map(|before| tokens[before]))),
            Token::Close => {
                scopes.pop();
            }
            _ if token.is_word(&OPERATORS) => compares = true,
            Token::Word(name) => {
                if let Some(Scope::Tags(variable @ None)) = scopes.last_mut() {
                    *variable = Some(name);
                }
                left = Some(operand(name, &scopes)).filter(|_| !compares);
                compares = false;
            }
            Token::Text(literal) => {
                if let Some(left) = left.take().filter(|left| compares && left.is_text) {
                    comparison(&left, literal, findings);
                }
                compares = false;
            }
            Token::Other => {}
        }
    }
}

fn scope<'f>(before: Option<Token<'f>>) -> Scope<'f> {
    match before {
        Some(word) if word.is_word(&["tags/any"]) => Scope::Tags(None),
        Some(word) if word.is_word(&["tolower"]) => Scope::Lowered,
        _ => Scope::Plain,
    }
}

fn operand<'f>(name: &'f str, scopes: &[Scope<'_>]) -> Operand<'f> {
    let is_tag = scopes.iter().any(|scope| matches!(scope, Scope::Tags(Some(variable)) if *variable == name));
    let folded = name.to_ascii_lowercase();
    let is_string = folded.starts_with("strings/") || folded.starts_with("string/");
    Operand { name, is_text: is_tag || is_string, lowered: scopes.last() == Some(&Scope::Lowered) }
}

fn comparison(left: &Operand<'_>, literal: &str, findings: &mut Findings) {
    let message = if !left.lowered {
        format!("{} is compared without tolower", quoted(left.name))
    } else if literal.chars().any(char::is_uppercase) {
        format!("{} has upper-case letters", quoted(literal))
    } else {
        return;
    };
    findings.add("search-filter-no-tolower", Place::body("/filter"), message);
}

const OPERATORS: [&str; 6] = ["eq", "ne", "gt", "ge", "lt", "le"];

/// Longer filters are not judged.
const LONGEST: usize = 16 * 1024;

/// Filters nested deeper are not judged.
const DEEPEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Terms;

    fn broken(filter: &str) -> Vec<&'static str> {
        let mut findings = Findings::default();
        check(filter, &mut findings);
        findings.finish(&Terms::default(), None, None).iter().map(|finding| finding.rule.id).collect()
    }

    #[test]
    fn what_the_documents_and_clients_write_is_fine() {
        let fine = [
            "",
            "session/titleId eq 123 and session/roles/lfg/confirmed/needs ge 1",
            "tags/any(d:tolower(d) eq 'micrequired') and numbers/rank gt 12.5",
            "tags/any(d: tolower(d) eq 'it''s') or tolower(strings/map) eq 'harbour'",
            "((tags/any(d:tolower(d) eq 'a') and numbers/x eq 1) or (session/needs gt 0))",
            "session/memberXuids/any(d:d eq '2814646326226712') and language eq 'en-US'",
            "session/scheduledTime ge '2026-11-01T10:00:00Z'",
            "Tags/any(x:tolower(x) eq 'or') AND achievementIds/any(d:tolower(d) EQ '3')",
        ];
        for filter in fine {
            assert_eq!(broken(filter), Vec::<&str>::new(), "{filter}");
        }
    }

    #[test]
    fn one_or_at_the_root() {
        assert_eq!(broken("a eq 1 or b eq 2 or c eq 3"), ["search-filter-or-count"]);
        assert_eq!(broken("a eq 1 and (b eq 2 or c eq 3)"), ["search-filter-or-count"]);
        assert_eq!(broken("(a eq 1 or b eq 2) and (c eq 3)"), ["search-filter-or-count"]);
    }

    #[test]
    fn text_is_compared_in_lower_case() {
        for filter in [
            "tags/any(d:d eq 'a')",
            "tags/any(d:d eq \"A\")",
            "tags/any(d:tolower(d) eq 'A')",
            "strings/map ne 'harbour'",
            "tolower(string/map) eq 'Harbour'",
        ] {
            assert_eq!(broken(filter), ["search-filter-no-tolower"], "{filter}");
        }
    }

    #[test]
    fn what_does_not_close_is_told_and_what_is_endless_is_not_read() {
        assert_eq!(broken("strings/a eq 'b"), ["search-filter-malformed"]);
        assert_eq!(broken("(a eq 1"), ["search-filter-malformed"]);
        assert_eq!(broken("a eq 1)("), ["search-filter-malformed"]);
        assert!(broken(&("(".repeat(5000) + &")".repeat(5000))).is_empty());
        assert!(broken(&"tags/any(d:d eq 'a') or ".repeat(5000)).is_empty());
    }
}
