//! The page that our own address shows: what goes on here, how to come in, and the certificate to trust.
//!
//! It is shown for `GET /` and `GET /tapdeck/…` (and there is no `/robots.txt`), which no service behind us has, before any other way is looked at. A
//! client that has us as its proxy finds it at `http://tapdeck/` as well. Nothing of it is recorded.

mod page;

use ::http::header::ACCEPT;
use ::http::{Method, Request};
use bytes::Bytes;

use super::session::Session;
use super::{hosts, scheme_of};
use crate::exchange::Protocol;
use crate::message::{Headers, Response, Scheme};
use page::Page;

/// The answer to a request for our own pages; `None` for all others. A stranger may read them without the password: there
/// is no secret in them but who came, and that is left out. A web page that had its own name lead here is a stranger too.
pub(super) fn answer<B>(
    session: &Session,
    protocol: Protocol,
    request: &Request<B>,
    named: Option<&str>,
    is_stranger: bool,
) -> Option<Response> {
    let is_reading = [Method::GET, Method::HEAD].contains(request.method());
    if !is_reading || !is_for_us(session, protocol, request, named) {
        return None;
    }
    let authority = &session.door.authority;
    Some(match request.uri().path() {
        "/" | "/tapdeck" | "/tapdeck/" => {
            let accepted = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let is_called = named.is_some_and(|host| host == OUR_NAME || hosts::is_own(host, session.here.ip()));
            shown(&Page::of(session, is_stranger || !is_called), accepted.contains("text/html"))
        }
        // Browsers and crawlers ask for it unasked.
        "/favicon.ico" => Response::new(204, Headers::new(), ""),
        "/tapdeck/ca.pem" => file("ca.pem", "application/x-pem-file", authority.cert_pem().to_owned()),
        "/tapdeck/ca.cer" => file("ca.cer", "application/x-x509-ca-cert", authority.cert_der().to_vec()),
        "/tapdeck/ca.p12" => file("ca.p12", "application/x-pkcs12", authority.cert_p12()),
        _ => Response::problem(404, "not-found", "tapdeck has `/` and `/tapdeck/ca.pem`, `.cer` and `.p12` here"),
    })
}

fn is_for_us<B>(session: &Session, protocol: Protocol, request: &Request<B>, named: Option<&str>) -> bool {
    let path = request.uri().path();
    let is_ours = ["/", "/tapdeck", "/favicon.ico", "/robots.txt"].contains(&path) || path.starts_with("/tapdeck/");
    match (protocol, scheme_of(request.uri()), request.uri().authority()) {
        (Protocol::H1, Some(scheme), Some(authority)) => match hosts::split(authority.as_str(), scheme) {
            Some((host, 80)) if host == OUR_NAME => true,
            Some((host, port)) => is_ours && scheme == Scheme::Http && is_here(session, &host, port),
            None => false,
        },
        // A service that is called here by its own name keeps all its paths.
        _ => is_ours && named.is_none_or(|host| session.hosts().named(host).is_none()),
    }
}

/// True for the address the client came to, by number or as this machine's own name.
fn is_here(session: &Session, host: &str, port: u16) -> bool {
    let here = session.here;
    let is_named = hosts::is_address(host, here.ip()) || hosts::is_loopback(host) && here.ip().is_loopback();
    port == here.port() && is_named
}

fn shown(page: &Page, is_html: bool) -> Response {
    let (kind, text) = match is_html {
        true => ("text/html; charset=utf-8", page.html()),
        false => ("text/plain; charset=utf-8", page.text()),
    };
    let headers = [
        ("content-type", kind),
        ("cache-control", "no-store"),
        ("vary", "accept"),
        ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),
        ("x-content-type-options", "nosniff"),
    ];
    Response::new(200, headers.into_iter().collect(), text)
}

fn file(name: &str, kind: &str, content: impl Into<Bytes>) -> Response {
    let mut headers: Headers = [("content-type", kind), ("cache-control", "no-store")].into_iter().collect();
    headers.push("content-disposition", format!("attachment; filename=\"tapdeck-{name}\""));
    Response::new(200, headers, content)
}

/// What clients of the proxy may call us, wherever we are.
const OUR_NAME: &str = "tapdeck";
