//! Hosts that are none of tapdeck's: servers behind TLS of their own that say back whatever they hear, and what a client
//! sees of them through a proxy.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use tapdeck::upstream::tls::provider;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::socket::head;

/// A certificate of a name, its key, and the root behind it, as PEM.
#[derive(Clone)]
pub(crate) struct Card {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) root: String,
}

impl Card {
    /// One for a name.
    pub(crate) fn of(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Two roots of one name would be taken for the same.
        params.distinguished_name.push(DnType::CommonName, format!("the root of {name}"));
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &root).unwrap();
        Self { certificate: leaf.pem(), key: key.serialize_pem(), root: root.pem() }
    }

    /// The certificate's own bytes.
    pub(crate) fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }

    fn private(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }

    /// Those that trust its root.
    fn trusting(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.root.as_bytes()).unwrap()).unwrap();
        roots
    }
}

/// What callers must show.
pub(crate) enum Asking<'a> {
    Nothing,
    Certificate(&'a Card),
    /// Nothing either, but they are left without a word after the handshake.
    Silence,
}

/// A server of some name that says back what it hears, byte for byte.
pub(crate) struct Foreign {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) card: Card,
    connections: Arc<AtomicUsize>,
    /// What callers showed.
    shown: Arc<Mutex<Vec<CertificateDer<'static>>>>,
    serving: JoinHandle<()>,
}

impl Foreign {
    pub(crate) async fn start(name: &'static str, asking: Asking<'_>) -> Self {
        let card = Card::of(name);
        let builder = rustls::ServerConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let is_silent = matches!(asking, Asking::Silence);
        let builder = match asking {
            Asking::Nothing | Asking::Silence => builder.with_no_client_auth(),
            Asking::Certificate(callers) => {
                let roots = Arc::new(callers.trusting());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let config = builder.with_single_cert(vec![card.der()], card.private()).unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, shown) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<_>>>::default());
        let (counted, seen) = (Arc::clone(&connections), Arc::clone(&shown));
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
                    seen.lock().unwrap().extend(certificates.iter().take(1).cloned().map(CertificateDer::into_owned));
                    let mut heard = [0; 4096];
                    if is_silent {
                        let _ = stream.read(&mut heard).await;
                        return;
                    }
                    while let Ok(count) = stream.read(&mut heard).await
                        && count > 0
                        && stream.write_all(&heard[..count]).await.is_ok()
                    {}
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { name, address, card, connections, shown, serving }
    }

    /// How many connections came so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The certificates callers showed.
    pub(crate) fn shown(&self) -> Vec<CertificateDer<'static>> {
        self.shown.lock().unwrap().clone()
    }

    /// Goes there through a proxy, as a client that trusts nobody but this server's root, and says something: the
    /// certificate it was shown, and what was said back. Or the status of the proxy, when it opened no tunnel.
    pub(crate) async fn visited(
        &self,
        proxy: SocketAddr,
        said: &[u8],
        own: Option<&Card>,
    ) -> Result<(CertificateDer<'static>, Vec<u8>), u16> {
        let mut line = TcpStream::connect(proxy).await.unwrap();
        let asked = format!("CONNECT {0}:443 HTTP/1.1\r\nHost: {0}:443\r\n\r\n", self.name);
        line.write_all(asked.as_bytes()).await.unwrap();
        let answer = head(&mut line).await;
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        if status != 200 {
            return Err(status);
        }
        let config = rustls::ClientConfig::builder_with_provider(provider());
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(self.card.trusting());
        let config = match own {
            Some(own) => config.with_client_auth_cert(vec![own.der()], own.private()).unwrap(),
            None => config.with_no_client_auth(),
        };
        let name = ServerName::try_from(self.name).unwrap();
        let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, line).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut back = vec![0; said.len()];
        stream.read_exact(&mut back).await.unwrap();
        let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned();
        Ok((shown, back))
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
