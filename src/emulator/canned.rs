//! Canned answers for the services next door (presence, privacy, social, …), so that a whole client can start offline.
//!
//! They come from a small file and keep no state. A path may hold `*`, which stands for any characters but `/`; in the
//! body, `${xuid}` and `${gamertag}` are the caller's and `${1}`, `${2}`, … what the stars met.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::people::Caller;
use crate::message::{Headers, Response};
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

    /// The answer to a call, or the problem of there being none.
    pub(super) fn answer(&self, host: &str, method: &str, target: &str, caller: &Caller) -> Response {
        let path = target.split('?').next().unwrap_or_default();
        let fits = |answer: &Answer| {
            let is_meant = answer.host.eq_ignore_ascii_case(host)
                && answer.method.as_ref().is_none_or(|verb| verb.eq_ignore_ascii_case(method));
            is_meant.then(|| meet(&answer.path, path)).flatten()
        };
        match self.answers.iter().find_map(|answer| Some((answer, fits(answer)?))) {
            Some((answer, stars)) => answer.response(&stars, caller),
            None => {
                let detail = format!(
                    "no canned answer for this call; add one: [[answer]] host = \"{host}\" method = \"{method}\" path = …"
                );
                Response::problem(501, "no-canned-answer", &detail)
            }
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
        None
    }

    fn response(&self, stars: &[String], caller: &Caller) -> Response {
        let mut headers = Headers::new();
        if !self.body.is_empty() {
            headers.push("content-type", self.content_type.clone());
        }
        let mut body = self.body.replace("${xuid}", &caller.xuid).replace("${gamertag}", &caller.gamertag);
        for (at, star) in stars.iter().enumerate() {
            body = body.replace(&format!("${{{}}}", at + 1), star);
        }
        Response::new(self.status, headers, body)
    }
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
        ] {
            assert!(canned(&format!(r#"{{"answer":[{entry}]}}"#)).fault().unwrap().contains(part), "{entry}");
        }
        assert!(serde_json::from_str::<Canned>(r#"{"answer":[{"host":"a","path":"/","bdy":""}]}"#).is_err());
    }
}
