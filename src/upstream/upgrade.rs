//! Opening a socket to the service: an upgrade over HTTP/1, whatever the client speaks otherwise.

use http::header::{CONNECTION, UPGRADE};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;

use super::line::Cut;
use super::uplink::Outgoing;
use super::wire::read_whole;
use super::{Upstream, broken, failure, timed_out, untargeted};
use crate::exchange::{Answer, Call, Protocol};
use crate::message::Response;

/// An answer to an upgrade.
#[derive(Debug)]
pub struct Upgrade {
    /// The answer: 101, or why not.
    pub answer: Answer,
    /// How the service spelt its header names, for hyper.
    pub spelling: Extensions,
    /// What lies behind a 101.
    pub far: Option<Far>,
}

/// The service's end of a socket.
#[derive(Debug)]
pub struct Far {
    /// What the service sends and is sent, from behind the handshake on.
    pub io: TokioIo<Upgraded>,
    /// Ends it with a reset.
    pub cut: Cut,
}

impl Upstream {
    /// Asks for a WebSocket. `spelling` is how the client spelt its header names, for hyper.
    pub async fn upgrade(&self, call: &Call, spelling: Extensions) -> Upgrade {
        let Ok(mut outgoing) = self.outgoing(call, Protocol::H1) else {
            return Upgrade { answer: untargeted(), spelling: Extensions::new(), far: None };
        };
        without_compression(outgoing.headers_mut());
        ask(outgoing.headers_mut());
        *outgoing.extensions_mut() = spelling;
        let exchange = async {
            let answer = self
                .clients(call.service)
                .h1
                .request(outgoing.map(Outgoing::Whole))
                .await
                .map_err(|error| failure(&error))?;
            let (mut head, mut body) = answer.into_parts();
            without_compression(&mut head.headers);
            if head.status == StatusCode::SWITCHING_PROTOCOLS {
                let answer = Answer::answered(self.response(&call.request.method, &head, bytes::Bytes::new()));
                let cut = head.extensions.get::<Cut>().cloned().unwrap_or_default();
                let mut response = http::Response::from_parts(head, body);
                let upgraded = hyper::upgrade::on(&mut response);
                let spelling = std::mem::take(response.extensions_mut());
                let io = upgraded.await.map_err(|error| failure(&error))?;
                return Ok(Upgrade { answer, spelling, far: Some(Far { io: TokioIo::new(io), cut }) });
            }
            let (body, trailers) = read_whole(&mut body, self.limits.body).await.map_err(|error| broken(&error))?;
            let response = self.response(&call.request.method, &head, body);
            let answer = Answer::answered(Response { trailers, ..response });
            Ok(Upgrade { answer, spelling: head.extensions, far: None })
        };
        let failed = |answer| Upgrade { answer, spelling: Extensions::new(), far: None };
        match tokio::time::timeout(self.limits.answer, exchange).await {
            Ok(Ok(upgrade)) => upgrade,
            Ok(Err(answer)) => failed(answer),
            Err(_) => failed(timed_out(self.limits.answer)),
        }
    }
}

/// Adds what belongs to this hop: without it nothing is upgraded.
pub fn ask(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

/// True for a request that asks for a WebSocket.
pub fn is_asked(headers: &HeaderMap) -> bool {
    let mut protocols = headers.get_all(UPGRADE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    protocols.any(|protocol| protocol.trim_ascii().eq_ignore_ascii_case(b"websocket"))
}

/// Compressed messages could be neither read nor redacted, so neither side is told that the other could.
fn without_compression(headers: &mut HeaderMap) {
    headers.remove("sec-websocket-extensions");
}
