//! Who fetched which nonce: a socket opened with one is that client's.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::{Answer, Call, LaneKey};
use crate::json::Doc;
use crate::mpsd::{Op, target};

/// The newest nonces, oldest first.
#[derive(Debug, Default)]
pub struct Nonces {
    fetched: Mutex<VecDeque<Fetched>>,
}

#[derive(Debug)]
struct Fetched {
    client: IpAddr,
    nonce: String,
    by: LaneKey,
}

impl Nonces {
    /// The call as that of whoever fetched its nonce, if nothing else tells whose it is. A nonce that a cassette gives
    /// out says `redacted`, like any other of the cassette: it is the latest client's of that address.
    pub fn attributed(&self, call: Call) -> Call {
        let is_connect = call.resolution.operation().is_some_and(|operation| operation.op == Op::RtaConnect);
        let is_open = is_connect && call.request.headers.text("authorization").unwrap_or_default().is_empty();
        let Some(nonce) = nonce_of(&call).filter(|_| is_open) else {
            return call;
        };
        let fetched = self.fetched();
        let by = fetched.iter().rev().find(|fetched| fetched.client == call.client && fetched.nonce == nonce);
        let lane = by.map(|fetched| fetched.by.clone());
        Call { lane, ..call }
    }

    /// Remembers the nonce of an answer. The oldest of too many is forgotten.
    pub fn remember(&self, call: &Call, answer: &Answer) {
        let is_nonce = call.resolution.operation().is_some_and(|operation| operation.op == Op::RtaNonce);
        let Some(nonce) = nonce_in(answer).filter(|_| is_nonce && answer.response.status == 200) else {
            return;
        };
        let mut fetched = self.fetched();
        if fetched.len() == MOST {
            fetched.pop_front();
        }
        fetched.push_back(Fetched { client: call.client, nonce, by: LaneKey::of(call) });
    }

    fn fetched(&self) -> std::sync::MutexGuard<'_, VecDeque<Fetched>> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn nonce_of(call: &Call) -> Option<String> {
    let mut parameters = target::parameters(&call.request.target).into_iter();
    parameters
        .find_map(|(name, value)| value.filter(|_| name.text.eq_ignore_ascii_case("nonce")))
        .map(|value| value.text)
}

/// `{"nonce":"…"}`, a JSON string, or the bare text.
fn nonce_in(answer: &Answer) -> Option<String> {
    let plain = answer.response.body.decoded().filter(|plain| plain.len() <= LONGEST)?;
    let text = std::str::from_utf8(plain).ok()?.trim();
    let Ok(doc) = Doc::parse(text.as_bytes()) else {
        return Some(text.to_owned());
    };
    let nonce = doc.root().get("nonce").unwrap_or_else(|| doc.root());
    nonce.str().map(|nonce| nonce.to_string())
}

const MOST: usize = 1024;
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::exchange::Protocol;
    use crate::message::{Headers, Request, Response};
    use crate::mpsd::Service;

    fn call(target: &str, user: &str) -> Call {
        let mut request = Request { method: "GET".into(), target: target.into(), ..Request::default() };
        if !user.is_empty() {
            request.headers.push("authorization", format!("XBL3.0 x={user};t"));
        }
        Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Protocol::H1, Service::Rta, request)
    }

    #[test]
    fn a_socket_is_its_nonces_fetchers() {
        let nonces = Nonces::default();
        for (user, body) in [("1", r#"{"nonce":"a b"}"#), ("2", r#""c""#), ("3", "d\n"), ("4", "redacted")] {
            let answer = Answer::answered(Response::new(200, Headers::new(), body));
            nonces.remember(&call("/nonce", user), &answer);
            nonces.remember(&call("/connect", user), &answer);
        }
        let lane = |target: &str, user: &str| LaneKey::of(&nonces.attributed(call(target, user)));
        for (nonce, user) in [("a%20b", "1"), ("c", "2"), ("d", "3"), ("redacted", "4")] {
            assert_eq!(lane(&format!("/connect?nonce={nonce}"), ""), LaneKey::of(&call("/nonce", user)), "{nonce}");
        }
        assert_eq!(lane("/connect?Nonce=c", ""), LaneKey::of(&call("/nonce", "2")));
        assert_eq!(lane("/connect?nonce=e", ""), LaneKey::of(&call("/connect", "")));
        assert_eq!(lane("/connect?nonce=c", "9"), LaneKey::of(&call("/connect", "9")));
    }
}
