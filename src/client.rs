//! A small HTTP client that comes in by every way a game does: one connection, kept alive. Sockets come in likewise.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::Uri;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::exchange::Protocol;
use crate::message::{Body, Headers, Response, Scheme};
use crate::upstream::limits::Limits;
use crate::upstream::tls::provider;
use crate::upstream::wire::{Payload, ReadError, header_map, headers_of, read_whole};

/// How a client reaches the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Through a proxy: `CONNECT`, then TLS that trusts this PEM root.
    Connect(String),
    /// Through a proxy: plain requests in absolute form.
    Absolute(Scheme),
    /// Plain requests to the proxy's own address.
    Reverse,
    /// TLS straight to the proxy, as if it were the service, trusting this PEM root.
    Direct(String),
}

/// Why a client got no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection could not be made, or TLS on it.
    #[error("connecting")]
    Connect(#[from] std::io::Error),
    /// The root is no certificate.
    #[error("reading the root certificate")]
    Root(#[from] rustls::pki_types::pem::Error),
    /// The root cannot be trusted, or TLS not set up.
    #[error("setting up TLS")]
    Tls(#[from] rustls::Error),
    /// The authority is no host name.
    #[error("the authority has no host")]
    Name(#[from] InvalidDnsNameError),
    /// The request cannot be put together.
    #[error("making the request")]
    Request(#[from] http::Error),
    /// The exchange broke off.
    #[error("exchanging messages")]
    Http(#[from] hyper::Error),
    /// The answer's body could not be read.
    #[error("reading the answer")]
    Body(#[from] ReadError),
    /// The proxy did not open a tunnel.
    #[error("the proxy answered CONNECT with {0}")]
    Tunnel(u16),
}

/// A byte stream to the service.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Connects to `address` by a way, for whatever is spoken over HTTP/1.1.
///
/// # Errors
/// The connection could not be made, or TLS on it.
pub async fn reach(address: SocketAddr, authority: &str, way: &Way) -> Result<Box<dyn Io>, ClientError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(match way {
        Way::Absolute(_) | Way::Reverse => Box::new(stream),
        Way::Direct(root) => Box::new(secured(stream, authority, root, Protocol::H1).await?),
        Way::Connect(root) => {
            let tunnel = tunnelled(stream, authority).await?;
            Box::new(secured(tunnel, authority, root, Protocol::H1).await?)
        }
    })
}

/// One connection to the service.
pub struct Client {
    sender: Sender,
    way: Way,
    authority: String,
    /// Ends the connection with the client.
    driver: JoinHandle<()>,
}

enum Sender {
    H1(http1::SendRequest<Payload>),
    H2(http2::SendRequest<Payload>),
}

impl Client {
    /// Connects to `address` by a way, meaning the service at `authority`.
    pub async fn connect(
        address: SocketAddr,
        authority: &str,
        way: Way,
        protocol: Protocol,
    ) -> Result<Self, ClientError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, driver) = match &way {
            Way::Absolute(_) | Way::Reverse => speak(stream, protocol).await?,
            Way::Direct(root) => speak(secured(stream, authority, root, protocol).await?, protocol).await?,
            Way::Connect(root) => {
                let tunnel = tunnelled(stream, authority).await?;
                speak(secured(tunnel, authority, root, protocol).await?, protocol).await?
            }
        };
        Ok(Self { sender, way, authority: authority.to_owned(), driver })
    }

    /// Sends a request and reads its answer whole.
    pub async fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response, ClientError> {
        let headers = headers.iter().copied().collect();
        self.send_with_trailers(method, target, headers, body, &Headers::new()).await
    }

    /// Sends a request whose body is followed by trailer fields.
    pub async fn send_with_trailers(
        &mut self,
        method: &str,
        target: &str,
        mut headers: Headers,
        body: &[u8],
        trailers: &Headers,
    ) -> Result<Response, ClientError> {
        if matches!(self.sender, Sender::H1(_)) && headers.text("host").is_none() {
            headers.push("host", self.authority.clone());
        }
        let payload = Payload::new(Bytes::copy_from_slice(body), trailers);
        let mut request = http::Request::builder().method(method).uri(self.uri(target)?).body(payload)?;
        *request.headers_mut() = header_map(&headers);
        let answer = match &mut self.sender {
            Sender::H1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::H2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        whole(answer).await
    }

    fn uri(&self, target: &str) -> Result<Uri, http::Error> {
        let scheme = match (&self.sender, &self.way) {
            (_, Way::Absolute(scheme)) => *scheme,
            (Sender::H2(_), Way::Reverse) => Scheme::Http,
            (Sender::H2(_), _) => Scheme::Https,
            (Sender::H1(_), _) => return Ok(target.parse()?),
        };
        Uri::builder().scheme(scheme.as_str()).authority(self.authority.as_str()).path_and_query(target).build()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn whole(answer: http::Response<Incoming>) -> Result<Response, ClientError> {
    let (head, mut body) = answer.into_parts();
    let cap = Limits::default().body;
    let (bytes, trailers) = read_whole(&mut body, cap).await?;
    let headers = headers_of(&head.headers);
    let body = Body::received(bytes, &headers, cap);
    Ok(Response { status: head.status.as_u16(), headers, body, trailers })
}

async fn speak<IO>(io: IO, protocol: Protocol) -> Result<(Sender, JoinHandle<()>), ClientError>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(io);
    // A broken connection shows in the request that needed it.
    Ok(match protocol {
        Protocol::H1 => {
            let (sender, connection) = http1::Builder::new().max_headers(1024).handshake(io).await?;
            (Sender::H1(sender), tokio::spawn(async move { drop(connection.await) }))
        }
        Protocol::H2 => {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            let (sender, connection) = builder.max_header_list_size(1 << 20).handshake(io).await?;
            (Sender::H2(sender), tokio::spawn(async move { drop(connection.await) }))
        }
    })
}

async fn secured<IO>(
    io: IO,
    authority: &str,
    root: &str,
    protocol: Protocol,
) -> Result<tokio_rustls::client::TlsStream<IO>, ClientError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.as_bytes())?)?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = match protocol {
        Protocol::H1 => vec![b"http/1.1".to_vec()],
        Protocol::H2 => vec![b"h2".to_vec()],
    };
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let name = ServerName::try_from(host.to_owned())?;
    Ok(TlsConnector::from(Arc::new(config)).connect(name, io).await?)
}

async fn tunnelled(stream: TcpStream, authority: &str) -> Result<TokioIo<hyper::upgrade::Upgraded>, ClientError> {
    let target = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:443") };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection.with_upgrades());
    let request = http::Request::connect(target.as_str()).header("host", target.as_str()).body(Payload::default())?;
    let answer = sender.send_request(request).await?;
    if answer.status() != http::StatusCode::OK {
        return Err(ClientError::Tunnel(answer.status().as_u16()));
    }
    Ok(TokioIo::new(hyper::upgrade::on(answer).await?))
}
