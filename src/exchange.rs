//! A call, its answer, and both together.

mod nonces;

use std::net::IpAddr;

pub use nonces::Nonces;

use crate::message::{Request, Response};
use crate::mpsd::{Op, Resolution, Service, resolve};

/// The HTTP version of one leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 (or 1.0).
    #[default]
    H1,
    /// HTTP/2.
    H2,
}

impl Protocol {
    /// The name records use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::H1 => "h1",
            Self::H2 => "h2",
        }
    }
}

/// One request on its way through the deck: read once, resolved once.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who sent it.
    pub client: IpAddr,
    /// The version the client speaks.
    pub protocol: Protocol,
    /// What was sent.
    pub request: Request,
    /// What it is, on a contract host.
    pub service: Service,
    /// What it is, in the contract's words.
    pub resolution: Resolution,
    /// Whose it is, where only a nonce says so: whoever fetched that.
    pub fetched_by: Option<LaneKey>,
}

impl Call {
    /// Resolves a request that reached a contract host.
    pub fn new(client: IpAddr, protocol: Protocol, service: Service, request: Request) -> Self {
        let resolution = resolve(service, &request.method, &request.target);
        Self { client, protocol, request, service, resolution, fetched_by: None }
    }

    /// The operation it is, if it is one.
    pub fn op(&self) -> Option<Op> {
        self.resolution.operation().map(|operation| operation.op)
    }
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// The source answered.
    #[default]
    Answered,
    /// The source could not be reached, or tapdeck refused the call.
    Refused,
    /// The source broke off.
    Reset,
    /// The source did not answer in time.
    Timeout,
    /// The client left before its answer; the answer is recorded all the same.
    ClientGone,
}

impl Outcome {
    /// The name records use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::ClientGone => "client-gone",
        }
    }

    /// The outcome of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Answered, Self::Refused, Self::Reset, Self::Timeout, Self::ClientGone]
            .into_iter()
            .find(|outcome| outcome.as_str() == name)
    }
}

/// What came back, and whose word it is: the service's (`Answered`) or ours.
#[derive(Clone, Debug)]
pub struct Answer {
    /// How the exchange ended.
    pub outcome: Outcome,
    /// What the client gets.
    pub response: Response,
}

impl Answer {
    /// The service's own word.
    pub fn answered(response: Response) -> Self {
        Self { outcome: Outcome::Answered, response }
    }
}

/// What tells one client from another: the lane a call belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LaneKey {
    /// A user of an address: user hashes outlive the tokens they come in.
    User(IpAddr, String),
    /// An address with a token that names no user.
    Token(IpAddr, String),
    /// No token: the address is all there is. A client that reconnects stays the same.
    Address(IpAddr),
}

impl LaneKey {
    /// The lane of a call as its client sent it.
    pub fn of(call: &Call) -> Self {
        let authorization = call.request.headers.text("authorization").unwrap_or_default();
        match user_hash(authorization) {
            Some(hash) if !matches!(hash, "" | "-" | "*") => Self::User(call.client, hash.to_owned()),
            _ if authorization.is_empty() => call.fetched_by.clone().unwrap_or(Self::Address(call.client)),
            _ => Self::Token(call.client, authorization.to_owned()),
        }
    }
}

/// The user hash of `Authorization: XBL3.0 x=<hash>;<token>`; `None` for another scheme.
pub fn user_hash(authorization: &str) -> Option<&str> {
    let (scheme, rest) = authorization.split_once(' ')?;
    let fields = scheme.eq_ignore_ascii_case("XBL3.0").then(|| rest.trim_start())?;
    fields.strip_prefix("x=")?.split_once(';').map(|(hash, _)| hash)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn key(authorization: &str) -> LaneKey {
        let mut request = Request::default();
        if !authorization.is_empty() {
            request.headers.push("authorization", authorization.to_owned());
        }
        LaneKey::of(&Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Protocol::H1, Service::Mpsd, request))
    }

    #[test]
    fn a_client_stays_one_lane_over_tokens() {
        assert_eq!(key("XBL3.0 x=7;a"), key("XBL3.0 x=7;b"));
        assert_ne!(key("XBL3.0 x=7;a"), key("XBL3.0 x=8;a"));
        assert_ne!(key("XBL3.0 x=-;a"), key("XBL3.0 x=-;b"));
        assert_ne!(key("Bearer a"), key(""));
    }
}
