//! Who may ask the control port.

use std::net::{IpAddr, SocketAddr};

use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::serve::IncomingStream;
use tokio::net::TcpListener;

use super::Fault;
use crate::intercept::Secret;
use crate::intercept::hosts::{is_loopback, is_own};

/// The address of ours a connection came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Here(Option<IpAddr>);

impl Connected<IncomingStream<'_, TcpListener>> for Here {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self(stream.io().local_addr().ok().map(|address: SocketAddr| address.ip().to_canonical()))
    }
}

/// Refuses what a web page may have sent, since those name the host they think they talk to and where they come from;
/// and whoever does not know the token.
pub(super) async fn admit(
    State(token): State<Option<Secret>>,
    ConnectInfo(here): ConnectInfo<Here>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    if !headers.contains_key(header::HOST)
        || !is_ours(headers, header::HOST, here)
        || !is_ours(headers, header::ORIGIN, here)
    {
        let detail = "the control port answers programs only that call it by its own address".to_owned();
        return Fault::new(403, "foreign-request", detail).into_response();
    }
    if token.is_none_or(|token| bearer(headers).is_some_and(|given| token.is(given))) {
        return next.run(request).await;
    }
    let mut answer = Fault::new(401, "no-token", HOW_TO_ASK.to_owned()).into_response();
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer realm="tapdeck""#));
    answer
}

/// True unless a header names somebody else.
fn is_ours(headers: &HeaderMap, name: HeaderName, here: Here) -> bool {
    let is_called = |host: &str| here.0.map_or_else(|| is_loopback(host), |here| is_own(host, here));
    headers.get_all(name).iter().all(|value| value.to_str().is_ok_and(|value| is_called(host_of(value))))
}

/// The host of an authority or an origin.
fn host_of(value: &str) -> &str {
    let authority = value.split_once("://").map_or(value, |(_, rest)| rest);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// The token somebody sends.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().as_bytes())
}

const HOW_TO_ASK: &str = "this control port has a token (--admin-token): send it as `Authorization: Bearer TOKEN`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_from_authorities_and_origins() {
        for (value, host) in [
            ("localhost:8889", "localhost"),
            ("http://evil.test", "evil.test"),
            ("[::1]:80", "[::1]"),
            ("null", "null"),
        ] {
            assert_eq!(host_of(value), host);
        }
    }

    #[test]
    fn ours_are_loopback_names_and_the_address_that_was_called() {
        let here = |address: &str| Here(Some(address.parse().unwrap()));
        for (value, address, expected) in [
            ("localhost:8889", "10.0.0.1", true),
            ("10.0.0.1:8889", "10.0.0.1", true),
            ("http://10.0.0.1:8889", "10.0.0.1", true),
            ("10.0.0.2:8889", "10.0.0.1", false),
            ("[fd00::1]:8889", "fd00::1", true),
            ("deck.lan:8889", "10.0.0.1", false),
            ("10.0.0.1", "127.0.0.1", false),
            ("null", "127.0.0.1", false),
        ] {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(value))]);
            assert_eq!(is_ours(&headers, header::HOST, here(address)), expected, "{value} at {address}");
        }
    }
}
