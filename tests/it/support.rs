//! What the tests stand on: a scripted service, a proxy in front of it or of another source, raw sockets, and the binary.

pub(crate) mod binary;
pub(crate) mod foreign;
pub(crate) mod socket;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tapdeck::cassette::Cassette;
use tapdeck::cassette::seal::{seal, write_sealed};
use tapdeck::client::{Client, Io, Way, reach};
use tapdeck::clock::{Clock, virtual_start};
use tapdeck::emulator::{Emulator, Settings};
use tapdeck::engine::{Enforce, Engine, Recorder, Source};
use tapdeck::exchange::{LaneName, Protocol};
use tapdeck::intercept::{self, Access, Authority, Door, Limits, Listener, Neighbours, Others, Reverse, Shutdown};
use tapdeck::json::Doc;
use tapdeck::message::{Body, Headers, Response};
use tapdeck::redact::Redactor;
use tapdeck::replay::{self, Player, Tape};
use tapdeck::slot::{self, Class, Role};
use tapdeck::upstream::wire::{Payload, header_map, headers_of, read_whole};
use tapdeck::upstream::{self, Dialler, Identity, Route, Upstream, tls};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The service every test talks about.
pub(crate) const HOST: &str = "sessiondirectory.xboxlive.com";

/// A request as the scripted service got it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) protocol: Protocol,
    pub(crate) method: String,
    pub(crate) authority: Option<String>,
    pub(crate) target: String,
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
    pub(crate) trailers: Headers,
}

/// What the scripted service does with a request.
pub(crate) enum Reaction {
    Answer(Response),
    /// Answers once the gate is opened.
    Hold(Arc<Notify>, Response),
    /// Breaks off: the connection over HTTP/1, the stream over HTTP/2.
    Break,
}

/// A scripted upstream: TLS under its own root, HTTP/1.1 and HTTP/2.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) root: PathBuf,
    log: Arc<Log>,
    _home: TempDir,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Log {
    seen: Mutex<Vec<Seen>>,
    raw: Mutex<BTreeMap<u64, Vec<u8>>>,
    finished: AtomicU64,
    changed: Notify,
}

impl Service {
    /// Starts a service that reacts to each request by a script.
    pub(crate) async fn start(script: impl Fn(&Seen) -> Reaction + Send + Sync + 'static) -> Self {
        let home = TempDir::new().unwrap();
        let (config, root) = service_identity();
        let path = home.path().join("root.pem");
        std::fs::write(&path, root).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::<Log>::default();
        let serving = tokio::spawn(serve_service(listener, config, Arc::clone(&log), Arc::new(script)));
        Self { address, root: path, log, _home: home, serving }
    }

    /// A service that answers everything alike.
    pub(crate) async fn answering(response: Response) -> Self {
        Self::start(move |_| Reaction::Answer(response.clone())).await
    }

    /// The requests received so far, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.log.seen.lock().unwrap().clone()
    }

    /// Every byte received, connection after connection, without TLS.
    pub(crate) fn raw(&self) -> Vec<u8> {
        self.log.raw.lock().unwrap().values().flatten().copied().collect()
    }

    /// Waits until that many requests have come.
    pub(crate) async fn wait_seen(&self, count: usize) {
        self.wait(|log| log.seen.lock().unwrap().len() >= count).await;
    }

    /// Waits until that many requests have been answered, the script's part of it.
    pub(crate) async fn wait_finished(&self, count: u64) {
        self.wait(|log| log.finished.load(Ordering::SeqCst) >= count).await;
    }

    async fn wait(&self, is_reached: impl Fn(&Log) -> bool) {
        let waiting = async {
            while !is_reached(&self.log) {
                let _ = tokio::time::timeout(Duration::from_millis(50), self.log.changed.notified()).await;
            }
        };
        tokio::time::timeout(HANG, waiting).await.expect("the request does not come through");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve_service<F>(listener: TcpListener, config: rustls::ServerConfig, log: Arc<Log>, script: Arc<F>)
where
    F: Fn(&Seen) -> Reaction + Send + Sync + 'static,
{
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    for connection in 0.. {
        let (stream, _) = listener.accept().await.unwrap();
        let (acceptor, log, script) = (acceptor.clone(), Arc::clone(&log), Arc::clone(&script));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let stream = Tee { io: stream, connection, log: Arc::clone(&log) };
            let service = service_fn(|request| react(request, Arc::clone(&log), Arc::clone(&script)));
            let mut builder = Builder::new(TokioExecutor::new());
            builder.http1().auto_date_header(false).max_headers(1024);
            builder.http2().auto_date_header(false).max_header_list_size(1 << 20);
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn react<F>(
    request: http::Request<Incoming>,
    log: Arc<Log>,
    script: Arc<F>,
) -> Result<http::Response<Payload>, io::Error>
where
    F: Fn(&Seen) -> Reaction,
{
    let (head, mut body) = request.into_parts();
    let (body, trailers) = read_whole(&mut body, 1 << 26).await.map_err(io::Error::other)?;
    let seen = Seen {
        protocol: if head.version == http::Version::HTTP_2 { Protocol::H2 } else { Protocol::H1 },
        method: head.method.to_string(),
        authority: head.uri.authority().map(ToString::to_string),
        target: head.uri.path_and_query().unwrap().to_string(),
        headers: headers_of(&head.headers),
        body,
        trailers,
    };
    log.seen.lock().unwrap().push(seen.clone());
    log.changed.notify_waiters();
    let response = match script(&seen) {
        Reaction::Answer(response) => response,
        Reaction::Hold(gate, response) => {
            gate.notified().await;
            response
        }
        Reaction::Break => return Err(io::Error::other("scripted")),
    };
    log.finished.fetch_add(1, Ordering::SeqCst);
    log.changed.notify_waiters();
    let mut answer = http::Response::new(Payload::new(response.body.wire().clone(), &response.trailers));
    *answer.status_mut() = http::StatusCode::from_u16(response.status).unwrap();
    *answer.headers_mut() = header_map(&response.headers);
    Ok(answer)
}

struct Tee<IO> {
    io: IO,
    connection: u64,
    log: Arc<Log>,
}

impl<IO: AsyncRead + Unpin> AsyncRead for Tee<IO> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        let mut raw = self.log.raw.lock().unwrap();
        raw.entry(self.connection).or_default().extend_from_slice(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Tee<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

fn service_identity() -> (rustls::ServerConfig, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let names = [
        HOST,
        "rta.xboxlive.com",
        "smartmatch.xboxlive.com",
        "social.xboxlive.com",
        "user.auth.xboxlive.com",
        "localhost",
        "studio.localhost",
    ];
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(names.map(str::to_owned)).unwrap().signed_by(&key, &root).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = rustls::ServerConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (config, root.pem())
}

/// How a proxy under test is set up.
#[derive(Default)]
pub(crate) struct Setup {
    /// Name overrides; [`Setup::before`] leads the contract's hosts to a service.
    pub(crate) route: Route,
    /// Roots to trust upstream.
    pub(crate) roots: Option<PathBuf>,
    /// Reverse mode: the upstream's base URL.
    pub(crate) base: Option<Uri>,
    /// Who the proxy is towards the upstream.
    pub(crate) identity: Option<Identity>,
    /// Hosts that are looked into besides the contract's.
    pub(crate) neighbours: Neighbours,
    pub(crate) others: Others,
    pub(crate) access: Access,
    pub(crate) limits: Limits,
    /// What answers instead of the upstream.
    pub(crate) source: Option<Source>,
    /// The journal to record to.
    pub(crate) journal: Option<PathBuf>,
    /// The player everybody is, and the players by address.
    pub(crate) name: Option<LaneName>,
    pub(crate) clients: BTreeMap<IpAddr, LaneName>,
}

impl Setup {
    /// A proxy in front of a scripted service, by its true names.
    pub(crate) fn before(service: &Service) -> Self {
        let mut setup = Self::leading_to(service.address);
        setup.roots = Some(service.root.clone());
        setup
    }

    /// A proxy that finds the contract's hosts at an address.
    pub(crate) fn leading_to(address: SocketAddr) -> Self {
        let hosts = [HOST, "rta.xboxlive.com", "smartmatch.xboxlive.com"];
        let resolve = hosts.map(|host| (host.to_owned(), address)).to_vec();
        Self { route: Route { resolve, ..Route::default() }, ..Self::default() }
    }

    /// A proxy that finds `plain.test`, a host that is none of its business, at an address.
    pub(crate) fn relaying(address: SocketAddr) -> Self {
        let resolve = vec![("plain.test".to_owned(), address)];
        Self { route: Route { resolve, ..Route::default() }, ..Self::default() }
    }

    /// A proxy that the embedded emulator answers.
    pub(crate) fn emulating() -> Self {
        let source = Source::Emulator(Emulator::new(Settings::new(1, Clock::manual(virtual_start()))));
        Self { source: Some(source), others: Others::Refuse, ..Self::default() }
    }

    /// A proxy that a cassette answers.
    pub(crate) fn replaying(cassette: &Path, options: replay::Options) -> Self {
        let cassette = Cassette::read(cassette).unwrap();
        let source = Source::Replay(Player::new(Tape::of(&cassette), options));
        Self { source: Some(source), others: Others::Refuse, ..Self::default() }
    }

    /// Everything is recorded to a new journal.
    pub(crate) fn recording(mut self, journal: &Path) -> Self {
        self.journal = Some(journal.to_owned());
        self
    }

    /// Requests to the proxy's own address go to the session directory as well.
    pub(crate) fn reverse(mut self) -> Self {
        self.base = Some(Uri::from_static("https://sessiondirectory.xboxlive.com"));
        self
    }

    /// Starts the proxy on a free port.
    pub(crate) async fn start(self) -> Proxy {
        self.start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts the proxy on a given port.
    pub(crate) async fn start_at(self, address: SocketAddr) -> Proxy {
        let home = TempDir::new().unwrap();
        let authority = Arc::new(Authority::load_or_create(home.path()).unwrap());
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let route = Route { own: vec![address], ..self.route };
        let dialler = Dialler::new(route, self.limits.connect);
        let reverse = self.base.as_ref().and_then(Reverse::of);
        let options = upstream::Options {
            base: self.base,
            extra_roots: self.roots,
            identity: self.identity,
            limits: self.limits,
        };
        let source = self.source.unwrap_or_else(|| Source::Upstream(Upstream::new(&dialler, options).unwrap()));
        let recorder = self.journal.as_deref().map(|journal| Recorder::create(journal).unwrap());
        let engine = Engine::new(source, Arc::new(Redactor::new(1)), Arc::default(), recorder, Enforce::Report);
        let door = Door::new(intercept::Options {
            engine: Some(Arc::clone(&engine)),
            authority: Arc::clone(&authority),
            access: self.access,
            about: "testing <this>".to_owned(),
            listeners: vec![address],
            reverse,
            neighbours: self.neighbours,
            others: self.others,
            dialler,
            limits: self.limits,
        });
        let shutdown = Shutdown::default();
        let listener = Listener { socket: listener, name: self.name, clients: Arc::new(self.clients) };
        let serving = tokio::spawn(intercept::serve(listener, Arc::clone(&door), shutdown.clone()));
        Proxy { address, door, root: authority.cert_pem().to_owned(), engine, home, shutdown, serving: Some(serving) }
    }
}

/// A running proxy.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    /// The proxy's certificate authority, as PEM.
    pub(crate) root: String,
    pub(crate) engine: Arc<Engine>,
    pub(crate) door: Arc<Door>,
    #[cfg_attr(not(feature = "real-clients"), expect(dead_code, reason = "the directory lives as long as this"))]
    pub(crate) home: TempDir,
    pub(crate) shutdown: Shutdown,
    serving: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A client of the session directory, come in by `CONNECT`.
    pub(crate) async fn client(&self, protocol: Protocol) -> Client {
        Client::connect(self.address, HOST, Way::Connect(self.root.clone()), protocol).await.unwrap()
    }

    /// Where the certificate authority lies.
    #[cfg(feature = "real-clients")]
    pub(crate) fn root_path(&self) -> PathBuf {
        self.home.path().join("ca/cert.pem")
    }

    /// Stops the proxy, and ends its journal when it has one.
    pub(crate) async fn close(mut self) {
        self.shutdown.drain.cancel();
        self.ended().await;
        self.engine.settle().await;
        if let Some(recorder) = self.engine.recorder() {
            recorder.close().await.unwrap();
        }
    }

    /// What a replaying proxy has played so far.
    pub(crate) fn tally(&self) -> replay::Tally {
        self.engine.player().unwrap().tally()
    }

    /// Waits for the listener to have ended; it must not have panicked.
    pub(crate) async fn ended(&mut self) {
        let serving = self.serving.take().unwrap();
        tokio::time::timeout(HANG, serving).await.expect("the listener does not end").unwrap();
    }

    /// A byte stream to a service, by a way of one's own.
    pub(crate) async fn reach(&self, authority: &str, way: &Way) -> Box<dyn Io> {
        reach(self.address, authority, way).await.unwrap()
    }

    /// Sends raw bytes to the proxy and reads until it closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        raw(self.address, bytes).await
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shutdown.abort.cancel();
    }
}

/// A plain TCP server that answers each connection's first request with fixed bytes, then closes.
pub(crate) struct Verbatim {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<u8>>>,
    serving: JoinHandle<()>,
}

impl Verbatim {
    pub(crate) async fn start(answer: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::<Mutex<Vec<u8>>>::default();
        let kept = Arc::clone(&received);
        let serving = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.unwrap_or(0) > 0 {}
                kept.lock().unwrap().extend_from_slice(&head);
                let _ = stream.write_all(answer).await;
            }
        });
        Self { address, received, serving }
    }

    /// The request heads received so far.
    pub(crate) fn received(&self) -> String {
        String::from_utf8(self.received.lock().unwrap().clone()).unwrap()
    }
}

impl Drop for Verbatim {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Sends raw bytes to an address and reads until it closes.
pub(crate) async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The peer may close, and so reset, while we are still sending.
    let _ = stream.write_all(bytes).await;
    rest(&mut stream).await
}

/// Reads until the peer closes; a test that would wait for ever fails instead.
pub(crate) async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let reading = stream.read_to_end(&mut bytes);
    // A reset is a close as well: what came before it counts.
    let _ = tokio::time::timeout(HANG, reading).await.expect("the proxy neither answers nor closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A free port nobody listens on.
pub(crate) async fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// The `code` of one of tapdeck's own answers.
pub(crate) fn problem_code(response: &Response) -> String {
    let body: serde_json::Value = serde_json::from_slice(response.body.decoded().unwrap()).unwrap();
    body["title"].as_str().unwrap().to_owned()
}

/// An answer with a JSON body.
pub(crate) fn json(status: u16, body: &str) -> Response {
    Response::new(status, [("content-type", "application/json")].into_iter().collect(), body.to_owned())
}

/// The same answer with gzip on the wire.
pub(crate) fn gzipped(response: Response) -> Response {
    let mut response = response;
    response.headers.push("content-encoding", "gzip");
    let plain = response.body.wire().clone();
    response.body = Body::encoded(plain, tapdeck::message::Coding::Gzip);
    response
}

/// Seals a journal beside itself.
pub(crate) fn sealed(journal: &Path) -> PathBuf {
    let path = journal.with_extension("json");
    write_sealed(&path, &seal(&Cassette::read(journal).unwrap()).unwrap()).unwrap();
    path
}

/// JSON with the values that typed places of some classes hold taken out.
pub(crate) fn masked(plain: &[u8], classes: &[Class]) -> Vec<u8> {
    let Ok(doc) = Doc::parse(plain) else { return plain.to_vec() };
    let typed = |text: &str, role: Role| match role {
        Role::Typed(class) if classes.contains(&class) => vec![(0..text.len(), class)],
        _ => Vec::new(),
    };
    slot::splice(plain, &slot::in_json(&doc, &typed), |slot| Some(format!("{:?}", slot.class)))
}

/// A path as the text command lines take.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Far longer than anything here takes.
pub(crate) const HANG: Duration = Duration::from_secs(60);
