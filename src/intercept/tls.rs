//! A client's TLS handshake: the name it asks for picks the certificate, and whom its requests are meant for.

use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::exchange::Protocol;
use crate::message::Scheme;

use super::access::Admission;
use super::arrivals::Miss;
use super::hosts::{is_loopback, plain_name};
use super::session::{ConnectionError, Origin, Session, Way};
use super::stream::Stream;

/// What came of a ClientHello.
pub(super) enum Met<IO> {
    /// TLS with us, and whom the requests inside are meant for.
    Ours(Box<TlsStream<Stream<IO>>>, Way),
    /// TLS with somebody else, from its first byte.
    Others(Stream<IO>, String),
}

/// Accepts TLS for whoever is answered here.
pub(super) async fn accept<IO>(session: &Session, io: Stream<IO>) -> Result<Met<IO>, ConnectionError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let start = LazyConfigAcceptor::new(Acceptor::default(), io.keep()).await;
    let mut start = start.map_err(|source| ConnectionError::Tls { host: None, source })?;
    let name = start.client_hello().server_name().map(plain_name);
    let way = match meant_for(session, name.as_deref())? {
        Meant::Ours(way) => way,
        Meant::Others(host) => {
            start.io.rewind();
            return Ok(Met::Others(start.io, host));
        }
    };
    start.io.forget();
    let host = match (&name, &way) {
        (Some(name), _) => Some(name),
        (None, Way::Inside(origin)) => Some(&origin.host),
        (None, Way::Front(_)) => None,
    };
    let config = session.door.authority.server_config(host.map_or(NAMELESS, String::as_str))?;
    let stream = start.into_stream(config).await;
    let stream = stream.map_err(|source| ConnectionError::Tls { host: host.cloned(), source })?;
    Ok(Met::Ours(Box::new(stream), way))
}

/// The HTTP version the handshake agreed on.
pub(super) fn protocol<IO>(stream: &TlsStream<IO>) -> Protocol {
    match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Protocol::H2,
        _ => Protocol::H1,
    }
}

/// Whom a ClientHello is for.
enum Meant {
    Ours(Way),
    Others(String),
}

fn meant_for(session: &Session, name: Option<&str>) -> Result<Meant, ConnectionError> {
    let inside =
        |host: &str, port, service| Way::Inside(Origin { scheme: Scheme::Https, host: host.to_owned(), port, service });
    let Some(name) = name else {
        return Ok(Meant::Ours(secured(&session.way)));
    };
    let straight = match (&session.way, session.hosts().service(name)) {
        (Way::Front(_), _) if is_loopback(name) => return Ok(Meant::Ours(Way::Front(Scheme::Https))),
        (Way::Inside(origin), _) if origin.host == name => return Ok(Meant::Ours(secured(&session.way))),
        (Way::Inside(origin), Some(service)) => return Ok(Meant::Ours(inside(name, origin.port, service))),
        (Way::Inside(_), None) => return Err(ConnectionError::NotOurs(name.to_owned())),
        (Way::Front(_), Some(service)) => Meant::Ours(inside(name, 443, service)),
        (Way::Front(_), None) => Meant::Others(name.to_owned()),
    };
    // There is no place for a password in what a service is sent.
    if session.admission != Admission::Welcome {
        session.keep_out(Miss::NoPlace);
        return Err(ConnectionError::KeptOut(name.to_owned()));
    }
    Ok(straight)
}

fn secured(way: &Way) -> Way {
    match way {
        Way::Front(_) => Way::Front(Scheme::Https),
        Way::Inside(origin) => Way::Inside(Origin { scheme: Scheme::Https, ..origin.clone() }),
    }
}

/// Clients that connect to an address send no name; the certificate for this one holds for every loopback address.
const NAMELESS: &str = "localhost";
