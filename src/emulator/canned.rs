//! Canned answers for the services next door (presence, privacy, social, …), so that a whole client can start offline.
//!
//! They come from a small file and keep no state. A path may hold `*`, which stands for any characters but `/`; in the
//! body, `${xuid}` and `${gamertag}` are the caller's and `${1}`, `${2}`, … what the stars met. A body that names the
//! caller needs a token, any other is given without one too.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::people::Caller;
use super::refusal::Refusal;
use crate::json::escape_into;
use crate::message::{Headers, Request, Response};
use crate::mpsd::target::percent_decode;

/// Every canned answer, in the order of the file: the first that fits is given.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canned {
    #[serde(default, rename = "answer")]
    answers: Vec<Answer>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    host: String,
    /// Any verb when absent.
    method: Option<String>,
    path: String,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default = "json", rename = "content-type")]
    content_type: String,
    #[serde(default)]
    body: String,
}

impl Canned {
    /// The hosts there are answers for, lower-case.
    pub fn hosts(&self) -> BTreeSet<String> {
        self.answers.iter().map(|answer| answer.host.to_lowercase()).collect()
    }

    /// The first entry that cannot be an answer, and what is wrong with it.
    pub fn fault(&self) -> Option<String> {
        self.answers.iter().enumerate().find_map(|(at, answer)| {
            let fault = answer.fault()?;
            Some(format!("answer {} ({} {}): {fault}", at + 1, answer.host, answer.path))
        })
    }

    /// The answer to a call.
    pub(super) fn answer(&self, request: &Request, caller: Option<&Caller>) -> Result<Response, Refusal> {
        let (host, method) = (request.host(), &request.method);
        let path = request.target.split('?').next().unwrap_or_default();
        let fits = |answer: &Answer| {
            let is_meant = answer.host.eq_ignore_ascii_case(host)
                && answer.method.as_ref().is_none_or(|verb| verb.eq_ignore_ascii_case(method));
            is_meant.then(|| meet(&answer.path, path)).flatten()
        };
        match self.answers.iter().find_map(|answer| Some((answer, fits(answer)?))) {
            Some((answer, stars)) => answer.response(&stars, caller),
            None => Err(Refusal::Uncanned(format!(
                "no canned answer for this call; add one: [[answer]] host = \"{host}\" method = \"{method}\" path = …"
            ))),
        }
    }
}

impl Answer {
    fn fault(&self) -> Option<&'static str> {
        if self.host.is_empty() || self.host.contains(['/', ':']) {
            return Some("`host` is a host name and nothing else");
        }
        if !self.path.starts_with('/') || self.path.contains('?') {
            return Some("`path` starts with `/` and has no query");
        }
        if !(200..600).contains(&self.status) {
            return Some("`status` is from 200 to 599");
        }
        if !self.content_type.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Some("`content-type` is one line of ASCII");
        }
        None
    }

    fn response(&self, stars: &[String], caller: Option<&Caller>) -> Result<Response, Refusal> {
        let mut headers = Headers::new();
        if !self.body.is_empty() {
            headers.push("content-type", self.content_type.clone());
        }
        Ok(Response::new(self.status, headers, self.filled(stars, caller)?))
    }

    /// The body with its blanks filled in, once: what fills one is not looked through again.
    fn filled(&self, stars: &[String], caller: Option<&Caller>) -> Result<String, Refusal> {
        let mut filled = String::new();
        let mut rest = self.body.as_str();
        while let Some((before, blank, after)) = next_blank(rest) {
            filled.push_str(before);
            match blank {
                "xuid" => filled.push_str(&caller.ok_or(Refusal::Unauthenticated)?.xuid),
                "gamertag" => filled.push_str(&self.written(&caller.ok_or(Refusal::Unauthenticated)?.gamertag)),
                _ => match blank.parse::<usize>().ok().and_then(|number| stars.get(number.checked_sub(1)?)) {
                    Some(star) => filled.push_str(star),
                    None => filled.push_str(&format!("${{{blank}}}")),
                },
            }
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// A text as it stands inside a string of the body.
    fn written(&self, text: &str) -> String {
        match self.content_type.contains("json") {
            true => {
                let mut escaped = Vec::new();
                escape_into(&mut escaped, text);
                String::from_utf8_lossy(&escaped).into_owned()
            }
            false => text.to_owned(),
        }
    }
}

/// The next `${…}` of a body: what stands before it, its name, and what stands behind it.
fn next_blank(body: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = body.split_once("${")?;
    let (blank, after) = rest.split_once('}')?;
    Some((before, blank, after))
}

/// What the stars of a pattern meet in a path; `None` when the two differ. A star takes as little as it can.
fn meet(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut stars = Vec::new();
    let mut pieces = pattern.split('*');
    let mut rest = strip_prefix(path, pieces.next()?)?;
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        let end = match pieces.peek() {
            None => rest.len().checked_sub(piece.len()).filter(|at| same(rest.get(*at..), piece))?,
            Some(_) => find(rest, piece)?,
        };
        let met = &rest[..end];
        if met.is_empty() || met.contains('/') {
            return None;
        }
        // What a path says is put into a JSON body: anything that would need escaping there is no match.
        let met = percent_decode(met).into_owned();
        if met.contains(['"', '\\']) || met.chars().any(char::is_control) {
            return None;
        }
        stars.push(met);
        rest = &rest[end + piece.len()..];
    }
    rest.is_empty().then_some(stars)
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    same(text.get(..prefix.len()), prefix).then(|| &text[prefix.len()..])
}

fn find(text: &str, piece: &str) -> Option<usize> {
    (1..=text.len()).find(|at| same(text.get(*at..at + piece.len()), piece))
}

/// Paths of these services compare like MPSD's: in any letter case.
fn same(text: Option<&str>, piece: &str) -> bool {
    text.is_some_and(|text| text.eq_ignore_ascii_case(piece))
}

fn ok() -> u16 {
    200
}

fn json() -> String {
    "application/json".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_meet_what_stands_between_slashes() {
        let met = |pattern, path| meet(pattern, path).map(|stars| stars.join("|"));
        assert_eq!(met("/users/xuid(*)/people", "/Users/XUID(281)/people").as_deref(), Some("281"));
        assert_eq!(met("/a/*/b/*", "/a/x/b/y%20z").as_deref(), Some("x|y z"));
        assert_eq!(met("/a", "/a").as_deref(), Some(""));
        for (pattern, path) in [
            ("/a/*", "/a/"),
            ("/a/*", "/a/b/c"),
            ("/a/*/c", "/a/b"),
            ("/a", "/a/b"),
            ("/a/*", "/a/x%22y"),
            ("/users/*/é", "/users/x"),
        ] {
            assert_eq!(met(pattern, path), None, "{pattern} {path}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_meant_is_named_by_its_fault() {
        let canned = |text: &str| serde_json::from_str::<Canned>(text).unwrap();
        assert_eq!(canned(r#"{"answer":[{"host":"a.test","path":"/x"}]}"#).fault(), None);
        for (entry, part) in [
            (r#"{"host":"https://a.test","path":"/x"}"#, "`host`"),
            (r#"{"host":"a.test","path":"x"}"#, "`path`"),
            (r#"{"host":"a.test","path":"/x","status":7}"#, "`status`"),
            (r#"{"host":"a.test","path":"/x","content-type":"a\nb"}"#, "`content-type`"),
        ] {
            assert!(canned(&format!(r#"{{"answer":[{entry}]}}"#)).fault().unwrap().contains(part), "{entry}");
        }
        assert!(serde_json::from_str::<Canned>(r#"{"answer":[{"host":"a","path":"/","bdy":""}]}"#).is_err());
    }
}
