//! The filter grammar, by hand (mpsd-behaviour §2.4):
//!
//! ```text
//! filter  := part { "or" part }          as many as the policies allow
//! part    := term { "and" term }
//! term    := "(" filter ")" | lambda [ "eq" ("true" | "false") ] | compare
//! lambda  := collection "/any(" v ":" ( v | "tolower(" v ")" ) op text ")"
//! compare := path op literal | "tolower(" path ")" op text
//! ```
//!
//! Depth, length and the number of comparisons are bounded before anything recurses.

use super::Fault;
use super::filter::{Case, Expression, Filter, Operator, Test};
use super::lex::{Lexeme, Token, tokens};
use super::path::{Collection, Path, TextPath};
use crate::emulator::caps;
use crate::emulator::policy::Policies;
use crate::emulator::refusal::Refusal;

impl Filter {
    /// Reads a filter.
    pub(in crate::emulator) fn parse(text: &str, policies: &Policies) -> Result<Self, Refusal> {
        Ok(Self(filter(text, policies)?))
    }
}

fn filter(text: &str, policies: &Policies) -> Result<Expression, Fault> {
    if text.len() > caps::FILTER {
        return Err(Fault { at: caps::FILTER, fault: "it is too long" });
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, terms: 0, ors: 0, policies };
    let expression = parser.filter(0)?;
    match parser.peek() {
        Lexeme::End => Ok(expression),
        _ => Err(parser.fault("and, or or the end is expected")),
    }
}

#[derive(Debug)]
struct Parser<'t> {
    tokens: Vec<Token<'t>>,
    next: usize,
    terms: usize,
    ors: u64,
    policies: &'t Policies,
}

impl<'t> Parser<'t> {
    fn filter(&mut self, depth: usize) -> Result<Expression, Fault> {
        let mut parts = vec![self.part(depth)?];
        while self.is_word("or") {
            if self.ors >= self.policies.filter_ors {
                return Err(self.fault("an or too many stands there"));
            }
            if depth > 0 && !self.policies.filter_nested_or {
                return Err(self.fault("an or stands in parentheses"));
            }
            self.ors += 1;
            self.next += 1;
            parts.push(self.part(depth)?);
        }
        Ok(joined(parts, Expression::Any))
    }

    fn part(&mut self, depth: usize) -> Result<Expression, Fault> {
        let mut terms = vec![self.term(depth)?];
        while self.is_word("and") {
            self.next += 1;
            terms.push(self.term(depth)?);
        }
        Ok(joined(terms, Expression::All))
    }

    fn term(&mut self, depth: usize) -> Result<Expression, Fault> {
        if self.peek() == &Lexeme::Open {
            if depth >= caps::FILTER_DEPTH {
                return Err(self.fault("the parentheses are too deep"));
            }
            self.next += 1;
            let inner = self.filter(depth + 1)?;
            self.expect(&Lexeme::Close, "a closing parenthesis is expected")?;
            return Ok(inner);
        }
        if self.terms >= caps::FILTER_TERMS {
            return Err(self.fault("there are too many comparisons"));
        }
        self.terms += 1;
        let at = self.at();
        let word = self.word("an attribute is expected")?;
        let test = match word.rsplit_once('/') {
            _ if word.eq_ignore_ascii_case("tolower") && self.peek() == &Lexeme::Open => self.lowered()?,
            Some((collection, any)) if any.eq_ignore_ascii_case("any") && self.peek() == &Lexeme::Open => {
                let unknown = Fault { at, fault: "the collection is not known" };
                self.lambda(Collection::read(collection).ok_or(unknown)?)?
            }
            _ => self.compare(path(word, at)?, self.plain_case())?,
        };
        Ok(Expression::Test(test))
    }

    fn lowered(&mut self) -> Result<Test, Fault> {
        self.expect(&Lexeme::Open, "an opening parenthesis is expected")?;
        let at = self.at();
        let word = self.word("an attribute is expected")?;
        let path = path(word, at)?;
        if !matches!(path, Path::Text(_)) {
            return Err(Fault { at, fault: "tolower applies to strings only" });
        }
        self.expect(&Lexeme::Close, "a closing parenthesis is expected")?;
        self.compare(path, Case::Lowered)
    }

    fn compare(&mut self, path: Path, case: Case) -> Result<Test, Fault> {
        let operator = match self.operator()? {
            Operator::Ne if !self.policies.filter_absent_differs => Operator::Differs,
            operator => operator,
        };
        match path {
            Path::Text(path) => {
                let literal = self.quoted()?;
                // The names of a session compare in any case, everywhere.
                Ok(match path {
                    TextPath::Scid | TextPath::Template => {
                        Test::Text { path, case: Case::Lowered, operator, literal: literal.to_lowercase() }
                    }
                    _ => Test::Text { path, case, operator, literal },
                })
            }
            Path::Number(path) => Ok(Test::Number { path, operator, literal: self.number()? }),
            Path::Time(path) => {
                let at = self.at();
                let literal = self.quoted()?.parse().map_err(|_| Fault { at, fault: "a point in time is expected" })?;
                Ok(Test::Time { path, operator, literal })
            }
        }
    }

    fn lambda(&mut self, collection: Collection) -> Result<Test, Fault> {
        self.expect(&Lexeme::Open, "an opening parenthesis is expected")?;
        let variable = self.word("a variable is expected")?;
        self.expect(&Lexeme::Colon, "a colon is expected")?;
        let lowers =
            self.is_word("tolower") && self.tokens.get(self.next + 1).is_some_and(|token| token.lexeme == Lexeme::Open);
        if lowers {
            self.next += 2;
        }
        self.expect(&Lexeme::Word(variable), "the variable is expected")?;
        if lowers {
            self.expect(&Lexeme::Close, "a closing parenthesis is expected")?;
        }
        let operator = self.operator()?;
        let literal = self.quoted()?;
        self.expect(&Lexeme::Close, "a closing parenthesis is expected")?;
        let case = if lowers { Case::Lowered } else { self.plain_case() };
        Ok(Test::Element { collection, case, operator, literal, wanted: self.wanted()? })
    }

    /// `eq true` or `eq false` behind a lambda; without it `true` is meant.
    fn wanted(&mut self) -> Result<bool, Fault> {
        if !self.is_word("eq") {
            return Ok(true);
        }
        self.next += 1;
        let wanted = self.is_word("true");
        if !wanted && !self.is_word("false") {
            return Err(self.fault("true or false is expected"));
        }
        self.next += 1;
        Ok(wanted)
    }

    fn operator(&mut self) -> Result<Operator, Fault> {
        let fault = self.fault("an operator is expected");
        Operator::named(self.word(fault.fault)?).ok_or(fault)
    }

    fn quoted(&mut self) -> Result<String, Fault> {
        match self.peek().clone() {
            Lexeme::Quoted(text) => {
                self.next += 1;
                Ok(text)
            }
            _ => Err(self.fault("a text in single quotes is expected")),
        }
    }

    fn number(&mut self) -> Result<f64, Fault> {
        let fault = self.fault("a number is expected");
        let word = self.word(fault.fault)?;
        let is_number =
            word.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E'));
        word.parse().ok().filter(|number: &f64| is_number && number.is_finite()).ok_or(fault)
    }

    fn word(&mut self, expected: &'static str) -> Result<&'t str, Fault> {
        match *self.peek() {
            Lexeme::Word(word) => {
                self.next += 1;
                Ok(word)
            }
            _ => Err(self.fault(expected)),
        }
    }

    fn expect(&mut self, lexeme: &Lexeme<'_>, expected: &'static str) -> Result<(), Fault> {
        if self.peek() != lexeme {
            return Err(self.fault(expected));
        }
        self.next += 1;
        Ok(())
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Lexeme::Word(next) if next.eq_ignore_ascii_case(word))
    }

    /// How a text is read that the filter does not lower itself.
    fn plain_case(&self) -> Case {
        if self.policies.filter_lowers { Case::Lowered } else { Case::Written }
    }

    fn peek(&self) -> &Lexeme<'t> {
        self.tokens.get(self.next).map_or(&Lexeme::End, |token| &token.lexeme)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).or_else(|| self.tokens.last()).map_or(0, |token| token.at)
    }

    fn fault(&self, fault: &'static str) -> Fault {
        Fault { at: self.at(), fault }
    }
}

fn path(word: &str, at: usize) -> Result<Path, Fault> {
    Path::read(word).ok_or(Fault { at, fault: "the attribute is not known" })
}

fn joined(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => join(parts),
    }
}
