//! Talking to a portal: one connection a request, on which nothing is said before its certificate was recognised.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::pin::Pin;
use super::request::CSRF_COOKIE;
use super::{Address, Fingerprint, PortalError, Request};
use crate::message::Headers;
use crate::upstream::tls::provider;
use crate::upstream::wire::{Payload, ReadError, read_whole};

/// Who asks.
pub struct Credentials {
    /// The user name that was set on the kit.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// How long a portal may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// To be connected to, with TLS.
    pub connect: Duration,
    /// To answer one request.
    pub answer: Duration,
}

/// A kit's portal, and what it takes to be heard there.
#[derive(Debug)]
pub struct Portal {
    address: Address,
    pin: Fingerprint,
    credentials: Option<Credentials>,
    deadlines: Deadlines,
    csrf: Option<String>,
}

/// An answer that is no refusal.
#[derive(Debug)]
pub struct Answer {
    request: String,
    body: Bytes,
}

impl Portal {
    /// The portal at an address, recognised by its certificate.
    pub fn new(address: Address, pin: Fingerprint, credentials: Option<Credentials>, deadlines: Deadlines) -> Self {
        Self { address, pin, credentials, deadlines, csrf: None }
    }

    /// Sends a request and reads the answer whole.
    ///
    /// # Errors
    /// There is no connection, not that certificate, no answer, or a refusal.
    pub async fn send(&mut self, request: &Request) -> Result<Answer, PortalError> {
        let authorization = self.credentials.as_ref().map(Credentials::basic);
        let payload = Payload::new(Bytes::from(request.body()), &Headers::new());
        let mut message = http::Request::builder().method(request.method()).uri(request.target());
        for (name, value) in request.headers(&self.address, authorization.as_deref(), self.csrf.as_deref()) {
            message = message.header(name, value);
        }
        let message = message.body(payload)?;
        let stream = secured(&self.address, Some(self.pin), self.deadlines.connect).await?;
        let answering = timeout(self.deadlines.answer, exchange(stream, message));
        let (head, body) = answering.await.unwrap_or(Err(PortalError::Silent(self.deadlines.answer)))?;
        if let Some(token) = csrf(&head.headers) {
            self.csrf = Some(token);
        }
        let (status, told) = (head.status.as_u16(), request.to_string());
        if !head.status.is_success() {
            return Err(PortalError::Status { request: told, status, reason: reason(&body) });
        }
        Ok(Answer { request: told, body })
    }

    /// Whether the kit has a proxy; `None` when its portal has no way to tell, as older ones have not.
    ///
    /// # Errors
    /// As [`Portal::send`], or the answer does not tell.
    pub async fn has_proxy(&mut self) -> Result<Option<bool>, PortalError> {
        let answer = match self.send(&Request::proxy_state()).await {
            Err(PortalError::Status { status: 404 | 405, .. }) => {
                // A change needs the token, which any answer that is no refusal sets.
                self.send(&Request::os_info()).await?;
                return Ok(None);
            }
            answer => answer?,
        };
        match answer.json()?.get("IsProxyEnabled") {
            Some(Value::Bool(told)) => Ok(Some(*told)),
            _ => Err(answer.unexpected("it does not say IsProxyEnabled")),
        }
    }
}

impl Answer {
    /// The body as the JSON it should be.
    ///
    /// # Errors
    /// It is none.
    pub fn json(&self) -> Result<Value, PortalError> {
        serde_json::from_slice(&self.body).map_err(|_| self.unexpected("it is not JSON"))
    }

    fn unexpected(&self, problem: &str) -> PortalError {
        PortalError::Unexpected { request: self.request.clone(), problem: problem.to_owned() }
    }
}

/// The certificate a portal shows. Nothing else is said to it.
///
/// # Errors
/// There is no connection, or no TLS on it.
pub async fn certificate_of(address: &Address, deadline: Duration) -> Result<Fingerprint, PortalError> {
    let pin = Arc::new(Pin::new(None, provider()));
    match shaken(address, &pin, deadline).await {
        Err(error) => pin.seen().ok_or(error),
        Ok(_) => Err(PortalError::Tls(io::ErrorKind::InvalidData.into())),
    }
}

async fn secured(
    address: &Address,
    wanted: Option<Fingerprint>,
    deadline: Duration,
) -> Result<TlsStream<TcpStream>, PortalError> {
    let pin = Arc::new(Pin::new(wanted, provider()));
    let shaken = shaken(address, &pin, deadline).await;
    match (wanted, pin.seen()) {
        (Some(wanted), Some(seen)) if wanted != seen => Err(PortalError::Certificate { wanted, seen }),
        _ => shaken,
    }
}

async fn shaken(address: &Address, pin: &Arc<Pin>, deadline: Duration) -> Result<TlsStream<TcpStream>, PortalError> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::<Pin>::clone(pin))
        .with_no_client_auth();
    let name =
        ServerName::try_from(address.host().to_owned()).map_err(|error| PortalError::Tls(io::Error::other(error)))?;
    let connecting = async {
        let stream = connected(&address.resolve().await?).await.map_err(PortalError::Connect)?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(PortalError::Tls)
    };
    timeout(deadline, connecting).await.unwrap_or(Err(PortalError::Unreachable(deadline)))
}

async fn connected(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addresses).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn exchange(
    stream: TlsStream<TcpStream>,
    message: http::Request<Payload>,
) -> Result<(http::response::Parts, Bytes), PortalError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let driver = tokio::spawn(connection);
    let exchanging = async {
        let (head, mut body) = sender.send_request(message).await.map_err(broken)?.into_parts();
        match read_whole(&mut body, LONGEST_ANSWER).await {
            Ok((body, _)) => Ok((head, body)),
            Err(ReadError::TooLong(cap)) => Err(PortalError::TooLong(cap)),
            Err(error @ ReadError::Broken(_)) => Err(PortalError::Cut(error.into())),
        }
    };
    let exchanged = exchanging.await;
    driver.abort();
    exchanged
}

fn broken(error: hyper::Error) -> PortalError {
    if error.is_parse() { PortalError::NotHttp(error) } else { PortalError::Cut(error.into()) }
}

fn csrf(headers: &http::HeaderMap) -> Option<String> {
    let cookies = headers.get_all(http::header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut tokens = cookies.filter_map(|cookie| {
        let (name, value) = cookie.split(';').next()?.split_once('=')?;
        (name.trim() == CSRF_COOKIE).then(|| value.trim().to_owned())
    });
    tokens.find(|token| (1..=LONGEST_TOKEN).contains(&token.len()))
}

/// The portal's own words for a refusal, as far as one line goes.
fn reason(body: &[u8]) -> Option<String> {
    let told: Value = serde_json::from_slice(body).ok()?;
    let reason = told.get("Reason")?.as_str()?;
    let line: String =
        reason.chars().take(LONGEST_REASON).map(|char| if char.is_control() { ' ' } else { char }).collect();
    let line = line.trim().to_owned();
    (!line.is_empty()).then_some(line)
}

const LONGEST_ANSWER: usize = 256 * 1024;
const LONGEST_TOKEN: usize = 4096;
const LONGEST_REASON: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_among_other_cookies() {
        let mut headers = http::HeaderMap::new();
        assert_eq!(csrf(&headers), None);
        headers.append("set-cookie", "WMID=1; path=/".parse().unwrap());
        headers.append("set-cookie", "CSRF-Token=; path=/".parse().unwrap());
        headers.append("set-cookie", "CSRF-Token=abc=; path=/; secure".parse().unwrap());
        assert_eq!(csrf(&headers).as_deref(), Some("abc="));
    }

    #[test]
    fn a_reason_is_one_short_line() {
        assert_eq!(reason(b"<html>"), None);
        assert_eq!(reason(br#"{"Reason": " "}"#), None);
        assert_eq!(reason(br#"{"Reason": "No\u001b[2J\nsuch thing", "Code": -1}"#).unwrap(), "No [2J such thing");
        let long = serde_json::json!({"Reason": "x".repeat(5000)}).to_string();
        assert_eq!(reason(long.as_bytes()).unwrap().len(), LONGEST_REASON);
    }
}
