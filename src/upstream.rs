//! The service as a source: one request out, one answer in, and a problem of our own when none comes.

pub mod dial;
mod flow;
pub mod limits;
pub mod line;
pub mod relay;
pub mod tls;
pub mod upgrade;
mod uplink;
pub mod wire;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http::uri::{Authority, Parts, Scheme as UriScheme};
use hyper_util::client::legacy::{Builder, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{AlertDescription, ClientConfig};

use crate::exchange::{Answer, Call, Outcome, Protocol};
use crate::message::{Body, Headers, Request, Response, strip_hop_by_hop};
use crate::mpsd::Service;

pub use dial::{DialError, Dialler, Route};
pub use flow::{Flow, Sent};
pub use limits::Limits;
pub use line::{Cut, Line};
pub use relay::Relay;
pub use tls::{Identity, TrustError};
pub use uplink::{Ending, Passed, Uplink, Upload};

use dial::Secured;
use uplink::Outgoing;
use wire::{Payload, ReadError, header_map, headers_of, read_whole};

/// Where requests go and whom they trust there.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The service that takes every request but a neighbour's, whatever host it named (reverse proxy).
    pub base: Option<Uri>,
    /// A PEM file of roots to trust besides the platform's.
    pub extra_roots: Option<PathBuf>,
    /// Who we are, where the service asks for a certificate.
    pub identity: Option<Identity>,
    /// Deadlines and caps.
    pub limits: Limits,
}

/// The upstream service behind pooled connections.
///
/// It speaks the HTTP version the client speaks, never sends a request twice once a byte of it left, and
/// never fails: what goes wrong is an answer with its outcome. Header names travel lower-case.
pub struct Upstream {
    service: Clients,
    /// For neighbours, who must not learn who we are.
    neighbours: Box<Clients>,
    base: Option<(UriScheme, Authority)>,
    limits: Limits,
}

/// Connections by the version that is offered on them.
struct Clients {
    h1: Client<Secured, Outgoing>,
    h2: Client<Secured, Outgoing>,
}

impl Clients {
    fn new(dialler: &Dialler, tls: &ClientConfig, limits: &Limits) -> Self {
        let offering = |versions: &[&[u8]]| {
            let mut tls = tls.clone();
            tls.alpn_protocols = versions.iter().map(|version| version.to_vec()).collect();
            client_builder(limits).build(Secured::new(dialler.clone(), tls))
        };
        Self { h1: offering(&[b"http/1.1"]), h2: offering(&[b"h2", b"http/1.1"]) }
    }

    fn of(&self, protocol: Protocol) -> &Client<Secured, Outgoing> {
        match protocol {
            Protocol::H1 => &self.h1,
            Protocol::H2 => &self.h2,
        }
    }
}

impl Upstream {
    /// An upstream over that dialler.
    pub fn new(dialler: &Dialler, options: Options) -> Result<Self, TrustError> {
        let roots = options.extra_roots.as_deref();
        let clients =
            |identity| tls::client_config(roots, identity).map(|tls| Clients::new(dialler, &tls, &options.limits));
        let base = options.base.map(Uri::into_parts);
        Ok(Self {
            service: clients(options.identity.as_ref())?,
            neighbours: Box::new(clients(None)?),
            base: base.and_then(|Parts { scheme, authority, .. }| scheme.zip(authority)),
            limits: options.limits,
        })
    }

    /// Sends a call's request over the version its client speaks and reads the answer whole.
    pub async fn send(&self, call: &Call) -> Answer {
        let Ok(outgoing) = self.outgoing(call, call.protocol) else { return untargeted() };
        let client = self.clients(call.service).of(call.protocol);
        let exchange = async {
            let (head, mut body) =
                client.request(outgoing.map(Outgoing::Whole)).await.map_err(|error| failure(&error))?.into_parts();
            let read = read_whole(&mut body, self.limits.body).await;
            Ok((head, read.map_err(|error| broken(&error))?))
        };
        match tokio::time::timeout(self.limits.answer, exchange).await {
            Ok(Ok((head, (body, trailers)))) => {
                let response = self.response(&call.request.method, &head, body);
                Answer::answered(Response { trailers, ..response })
            }
            Ok(Err(answer)) => answer,
            Err(_) => timed_out(self.limits.answer),
        }
    }

    fn clients(&self, service: Service) -> &Clients {
        if service == Service::Neighbour { &self.neighbours } else { &self.service }
    }

    fn outgoing(&self, call: &Call, protocol: Protocol) -> Result<http::Request<Payload>, http::Error> {
        let request = &call.request;
        let (scheme, authority) = match self.base.as_ref().filter(|_| call.service != Service::Neighbour) {
            Some((scheme, authority)) => (scheme.as_str(), authority.as_str()),
            None => (request.scheme.as_str(), request.authority.as_str()),
        };
        let mut received = request.headers.clone();
        strip_hop_by_hop(&mut received);
        let mut headers = Headers::new();
        if protocol == Protocol::H1 {
            // Whatever the client named, the service is told the authority it is asked at (RFC 9112 3.2.2).
            headers.push("host", authority.to_owned());
        }
        for header in received.iter().filter(|header| !["host", "content-length"].contains(&header.name.as_str())) {
            headers.push(&header.name, header.value.clone());
        }
        if !request.trailers.is_empty() && headers.text("trailer").is_none() {
            headers.push("trailer", trailer_names(request));
        }
        let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(request.target.as_str()).build()?;
        let payload = Payload::new(request.body.wire().clone(), &request.trailers);
        let mut outgoing = http::Request::builder().method(request.method.as_str()).uri(uri).body(payload)?;
        *outgoing.headers_mut() = header_map(&headers);
        Ok(outgoing)
    }

    fn response(&self, method: &str, head: &http::response::Parts, body: Bytes) -> Response {
        let mut headers = headers_of(&head.headers);
        strip_hop_by_hop(&mut headers);
        if method != "HEAD" && head.status != http::StatusCode::NOT_MODIFIED {
            headers.remove("content-length");
        }
        let body = Body::received(body, &headers, self.limits.body);
        Response { status: head.status.as_u16(), headers, body, ..Response::default() }
    }
}

/// The answer to a request that cannot be sent.
fn untargeted() -> Answer {
    ours(Outcome::Refused, 400, "bad-target", "the request names no target that HTTP can carry")
}

fn client_builder(limits: &Limits) -> Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE)
        .http1_preserve_header_case(true)
        .http1_max_headers(limits.header_lines)
        .http1_max_buf_size(limits.head_bytes.max(8192))
        .http2_keep_alive_interval(PING_EVERY)
        .http2_max_header_list_size(limits.header_list());
    builder
}

fn trailer_names(request: &Request) -> String {
    let names: Vec<&str> = request.trailers.iter().map(|header| header.name.as_str()).collect();
    names.join(", ")
}

fn failure(error: &(dyn Error + 'static)) -> Answer {
    let unopened = causes(error).find_map(|cause| cause.downcast_ref::<DialError>());
    match unopened {
        Some(error @ DialError::Loop { .. }) => ours(Outcome::Refused, 508, "upstream-loop", &error.to_string()),
        Some(error @ DialError::Timeout(_)) => ours(Outcome::Timeout, 504, "upstream-timeout", &chain(error)),
        Some(DialError::Refused(_)) | None if wants_certificate(error) => {
            let detail = format!("{}; {IDENTITY_HINT}", chain(error));
            ours(Outcome::Refused, 502, "upstream-wants-certificate", &detail)
        }
        Some(error @ DialError::Refused(_)) if is_distrust(error) => {
            let detail = format!("{}; {TRUST_HINT}", chain(error));
            ours(Outcome::Refused, 502, "upstream-untrusted", &detail)
        }
        Some(error @ DialError::Refused(_)) => ours(Outcome::Refused, 502, "upstream-unreachable", &chain(error)),
        None => ours(Outcome::Reset, 502, "upstream-broke-off", &chain(error)),
    }
}

fn is_distrust(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))))
}

/// True when the far end ended TLS for want of a certificate of ours, or of one it takes.
fn wants_certificate(error: &(dyn Error + 'static)) -> bool {
    let is_wanting = |alert: &AlertDescription| {
        matches!(
            alert,
            AlertDescription::CertificateRequired | AlertDescription::BadCertificate | AlertDescription::UnknownCA
        )
    };
    causes(error)
        .any(|cause| matches!(cause.downcast_ref(), Some(rustls::Error::AlertReceived(alert)) if is_wanting(alert)))
}

/// The answer tapdeck gives in place of a connection it could not open.
pub fn undialled(error: &DialError) -> Response {
    failure(error).response
}

fn broken(error: &ReadError) -> Answer {
    let code = match error {
        ReadError::TooLong(_) => "upstream-too-long",
        ReadError::Broken(_) => "upstream-broke-off",
    };
    ours(Outcome::Reset, 502, code, &chain(error))
}

fn timed_out(patience: Duration) -> Answer {
    let detail = format!("the service did not answer within {patience:?}");
    ours(Outcome::Timeout, 504, "upstream-timeout", &detail)
}

fn ours(outcome: Outcome, status: u16, code: &str, detail: &str) -> Answer {
    Answer { outcome, response: Response::problem(status, code, detail) }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = causes(error).map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ")
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| wrapped(error).or_else(|| error.source()))
}

/// What an I/O error was made from. It shows that as its own text, and names only what lies below as its source.
fn wrapped<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let inner = error.downcast_ref::<std::io::Error>()?.get_ref()?;
    Some(inner)
}

/// Shorter than the idle time of the services seen so far, so that a pooled connection is rarely found dead.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// Only sent while an answer is awaited: a connection that died silently would hold up every later request.
const PING_EVERY: Duration = Duration::from_secs(20);

const IDENTITY_HINT: &str = "the service takes only callers with a certificate it knows; `--upstream-cert` gives one";

const TRUST_HINT: &str = "if the service's certificates come from a company root, name its file with `--upstream-ca`";
