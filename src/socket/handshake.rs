//! The opening of a socket where nobody stands behind the deck (RFC 6455 §4.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::{Digest, Sha1};

use crate::message::{Headers, Request, Response};

/// The headers of a 101, besides those of the hop; or the answer to an opening that is none.
///
/// Of the subprotocols offered the first one is taken, whatever it is called: clients of RTA offer the service's own
/// name, an old one, another's, or none.
pub fn accept(request: &Request) -> Result<Headers, Box<Response>> {
    let headers = &request.headers;
    if headers.text("sec-websocket-version").map(str::trim) != Some("13") {
        let mut problem = Response::problem(426, "websocket-version", "only version 13 of WebSocket is spoken here");
        problem.headers.push("sec-websocket-version", "13");
        return Err(Box::new(problem));
    }
    let key = headers.text("sec-websocket-key").map(str::trim).unwrap_or_default();
    if BASE64.decode(key).ok().is_none_or(|key| key.len() != 16) {
        let problem = Response::problem(400, "websocket-key", "Sec-WebSocket-Key is not 16 bytes in base64");
        return Err(Box::new(problem));
    }
    let mut accepted = Headers::new();
    accepted.push("sec-websocket-accept", answer_to(key));
    let offered = headers.text("sec-websocket-protocol").and_then(|offers| offers.split(',').next()).map(str::trim);
    if let Some(protocol) = offered.filter(|protocol| !protocol.is_empty()) {
        accepted.push("sec-websocket-protocol", protocol.to_owned());
    }
    Ok(accepted)
}

/// What proves that a key was read.
fn answer_to(key: &str) -> String {
    BASE64.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// RFC 6455 §1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(headers: &[(&str, &str)]) -> Result<Headers, u16> {
        let request = Request { headers: headers.iter().copied().collect(), ..Request::default() };
        accept(&request).map_err(|response| response.status)
    }

    #[test]
    fn the_rfcs_own_key_has_the_rfcs_own_answer() {
        let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let version = ("sec-websocket-version", "13");
        let plain = accepted(&[key, version]).unwrap();
        assert_eq!(plain.text("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!(plain.len(), 1);
        let odd = accepted(&[key, version, ("sec-websocket-protocol", "echo-protocol , x")]).unwrap();
        assert_eq!(odd.text("sec-websocket-protocol"), Some("echo-protocol"));
        assert_eq!(accepted(&[key]), Err(426));
        assert_eq!(accepted(&[key, ("sec-websocket-version", "8")]), Err(426));
        assert_eq!(accepted(&[version]), Err(400));
        assert_eq!(accepted(&[version, ("sec-websocket-key", "c2hvcnQ=")]), Err(400));
    }
}
