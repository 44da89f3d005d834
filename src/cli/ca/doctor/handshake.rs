//! One handshake, as a client of this machine would make it, and what came of it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::Acceptor;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{LazyConfigAcceptor, TlsConnector};

use crate::cli::Failure;
use crate::intercept::authority::{Facts, fingerprint};
use crate::intercept::{Authority, TlsFault};
use crate::upstream::tls::provider;

/// Who answers the handshakes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// A listener of our own, with the same authority.
    Own,
    /// A deck, by `CONNECT`.
    Proxy(SocketAddr),
    /// A deck, by TLS straight in.
    Straight(SocketAddr),
}

/// What came of one.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A client here gets through.
    Well,
    /// Somebody else's certificate was seen, and it is trusted.
    Passed,
    /// Somebody else's certificate was seen, and it is rejected.
    Foreign(String),
    /// A certificate of another authority of tapdeck's was seen: its fingerprint.
    Stranger(String),
    /// There was no connection.
    Unreachable(io::Error),
    /// The deck opened no tunnel.
    Refused(u16),
    /// The handshake failed.
    Faulty(TlsFault, String),
}

/// Makes handshakes one way.
pub(super) struct Examiner {
    authority: Arc<Authority>,
    way: Way,
    address: SocketAddr,
    judges: Judges,
}

impl Examiner {
    pub(super) async fn new(authority: Arc<Authority>, way: Way) -> Result<Self, Failure> {
        let judges = Judges::new(&authority).map_err(|error| {
            Failure::runtime(format!("cannot load what this machine trusts: {error}"))
                .hint("is SSL_CERT_FILE set to a file that is not there?")
        })?;
        let address = match way {
            Way::Proxy(address) | Way::Straight(address) => address,
            Way::Own => listen(Arc::clone(&authority))
                .await
                .map_err(|error| Failure::runtime(format!("cannot listen on this machine: {error}")))?,
        };
        Ok(Self { authority, way, address, judges })
    }

    pub(super) fn told(&self) -> String {
        let certificate = self.authority.path().display();
        match self.way {
            Way::Own => format!("without a deck: handshakes with a listener of this check, under {certificate}"),
            Way::Proxy(address) => format!("through the deck at http://{address}; the authority is {certificate}"),
            Way::Straight(address) => format!("straight to the deck at {address}; the authority is {certificate}"),
        }
    }

    pub(super) async fn try_host(&self, host: &str) -> Outcome {
        let is_covered = self.authority.covers(host);
        // A deck that runs may well pass on what it cannot vouch for.
        let outcome = match self.way {
            Way::Own if !is_covered => None,
            _ => tokio::time::timeout(PATIENCE, self.shake(host)).await.ok(),
        };
        match outcome {
            Some(Ok(outcome)) => outcome,
            Some(Err(Outcome::Faulty(..))) | None if !is_covered => {
                let bounds = &self.authority.facts().bounds;
                Outcome::Faulty(TlsFault::Constraint, format!("the authority may vouch only for {bounds}"))
            }
            Some(Err(outcome)) => outcome,
            None => Outcome::Unreachable(io::Error::from(io::ErrorKind::TimedOut)),
        }
    }

    async fn shake(&self, host: &str) -> Result<Outcome, Outcome> {
        let mut stream = TcpStream::connect(self.address).await.map_err(Outcome::Unreachable)?;
        if let Way::Proxy(_) = self.way {
            tunnel(&mut stream, host).await?;
        }
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Outcome::Faulty(TlsFault::WrongName, "that is no host name".to_owned()))?;
        let witness = Arc::new(Witness { judges: self.judges.clone(), chain: Mutex::default() });
        let config =
            config(Arc::clone(&witness)).map_err(|error| Outcome::Faulty(TlsFault::Protocol, error.to_string()))?;
        let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        let chain = witness.chain.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_ours = chain.contains(self.authority.cert_der());
        let stranger = chain.iter().skip(1).find(|seen| is_tapdecks(seen));
        match (shaken, stranger) {
            (_, Some(stranger)) if !is_ours => Err(Outcome::Stranger(fingerprint(stranger))),
            (Ok(mut stream), _) => {
                // A word, so that the deck does not take us for a client that leaves because it rejects it.
                let _ = stream.write_all(b"\r\n").await;
                let _ = stream.shutdown().await;
                Ok(if is_ours { Outcome::Well } else { Outcome::Passed })
            }
            (Err(error), _) if !is_ours && !chain.is_empty() => Err(Outcome::Foreign(error.to_string())),
            (Err(error), _) => Err(self.fault(&error)),
        }
    }

    fn fault(&self, error: &io::Error) -> Outcome {
        let fault = TlsFault::met(error);
        let why = match fault {
            TlsFault::Untrusted => "this machine does not know the authority".to_owned(),
            TlsFault::Dropped if matches!(self.way, Way::Straight(_)) => {
                format!("{error}; the deck may not intercept it")
            }
            _ => error.to_string(),
        };
        Outcome::Faulty(fault, why)
    }
}

/// Opens a tunnel through a proxy.
async fn tunnel(stream: &mut TcpStream, host: &str) -> Result<(), Outcome> {
    let request = format!("CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(Outcome::Unreachable)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < LONGEST_HEAD {
        // Byte by byte, for what follows is the tunnel's.
        head.push(stream.read_u8().await.map_err(Outcome::Unreachable)?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    if status == 200 { Ok(()) } else { Err(Outcome::Refused(status)) }
}

/// A listener that answers every handshake with the authority's certificates.
async fn listen(authority: Arc<Authority>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = answer(&authority, stream).await;
        }
    });
    Ok(address)
}

async fn answer(authority: &Authority, stream: TcpStream) -> io::Result<()> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let name = start.client_hello().server_name().unwrap_or("localhost").to_owned();
    let config = authority.server_config(&name).map_err(io::Error::other)?;
    let mut stream = start.into_stream(config).await?;
    stream.read_to_end(&mut Vec::new()).await.map(|_| ())
}

/// True for a certificate of an authority that tapdeck made.
fn is_tapdecks(certificate: &CertificateDer<'_>) -> bool {
    Facts::read(certificate).is_some_and(|facts| facts.subject.starts_with("CN=tapdeck CA "))
}

fn config(witness: Arc<Witness>) -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(witness)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Who judges a certificate: this machine, and one that trusts nobody but our authority.
#[derive(Clone, Debug)]
struct Judges {
    machine: Arc<Verifier>,
    ours: Arc<WebPkiServerVerifier>,
}

impl Judges {
    fn new(authority: &Authority) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.cert_der().clone())?;
        let ours = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
        let ours = ours.map_err(|error| Error::General(error.to_string()))?;
        Ok(Self { machine: Arc::new(Verifier::new(provider())?), ours })
    }
}

/// A verifier that remembers what it was shown.
#[derive(Debug)]
struct Witness {
    judges: Judges,
    chain: Mutex<Vec<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = [leaf].into_iter().chain(above).map(|certificate| certificate.clone().into_owned()).collect();
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        // What is wrong with the certificate itself is not to be hidden behind what is wrong with the machine.
        match self.judges.ours.verify_server_cert(leaf, above, name, ocsp, now) {
            Err(error @ Error::InvalidCertificate(_)) if !is_unknown(&error) => return Err(error),
            _ => {}
        }
        self.judges.machine.verify_server_cert(leaf, above, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judges.ours.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judges.ours.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judges.ours.supported_verify_schemes()
    }
}

fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::UnknownIssuer))
}

const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_HEAD: usize = 16 * 1024;
