//! A client's TLS handshake: the name it asks for picks the certificate, and whom its requests are meant for.

use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::exchange::Protocol;
use crate::message::Scheme;

use super::hosts::{is_loopback, plain_name};
use super::session::{ConnectionError, Origin, Session, Way};

/// Accepts TLS and says whom the requests inside are meant for.
pub(super) async fn accept<IO>(session: &Session, io: IO) -> Result<(TlsStream<IO>, Way), ConnectionError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let start = LazyConfigAcceptor::new(Acceptor::default(), io).await;
    let start = start.map_err(|source| ConnectionError::Tls { host: None, source })?;
    let name = start.client_hello().server_name().map(plain_name);
    let way = meant_for(session, name.as_deref())?;
    let host = match (&name, &way) {
        (Some(name), _) => Some(name),
        (None, Way::Inside(origin)) => Some(&origin.host),
        (None, Way::Front(_)) => None,
    };
    let config = session.door.authority.server_config(host.map_or(NAMELESS, String::as_str))?;
    let stream = start.into_stream(config).await;
    let stream = stream.map_err(|source| ConnectionError::Tls { host: host.cloned(), source })?;
    Ok((stream, way))
}

/// The HTTP version the handshake agreed on.
pub(super) fn protocol<IO>(stream: &TlsStream<IO>) -> Protocol {
    match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Protocol::H2,
        _ => Protocol::H1,
    }
}

fn meant_for(session: &Session, name: Option<&str>) -> Result<Way, ConnectionError> {
    let Some(name) = name else {
        return Ok(secured(&session.way));
    };
    match (&session.way, session.hosts().service(name)) {
        (Way::Front(_), _) if is_loopback(name) => Ok(Way::Front(Scheme::Https)),
        (Way::Inside(origin), _) if origin.host == name => Ok(secured(&session.way)),
        (Way::Inside(origin), Some(service)) => {
            Ok(Way::Inside(Origin { scheme: Scheme::Https, host: name.to_owned(), port: origin.port, service }))
        }
        (Way::Front(_), Some(service)) => {
            Ok(Way::Inside(Origin { scheme: Scheme::Https, host: name.to_owned(), port: 443, service }))
        }
        (_, None) => Err(ConnectionError::NotOurs(name.to_owned())),
    }
}

fn secured(way: &Way) -> Way {
    match way {
        Way::Front(_) => Way::Front(Scheme::Https),
        Way::Inside(origin) => Way::Inside(Origin { scheme: Scheme::Https, ..origin.clone() }),
    }
}

/// Clients that connect to an address send no name; the certificate for this one holds for every loopback address.
const NAMELESS: &str = "localhost";
