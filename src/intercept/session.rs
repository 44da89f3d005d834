//! One client connection from its first byte to its end, and the one place that logs how it ended.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::{Engine, Passage, Unrecorded};
use crate::exchange::{Call, LaneName, Protocol};
use crate::message::{Request, Response, Scheme};
use crate::mpsd::Service;
use crate::mpsd::host::asks_for_certificate;
use crate::upstream::Cut;

use super::access::Admission;
use super::arrivals::Event;
use super::authority::AuthorityError;
use super::fault::TlsFault;
use super::hosts::Hosts;
use super::stream::{Opening, Stream};
use super::tls::Met;
use super::{Door, greeting, hosts, http, tls, tunnel};

/// One client connection, or what is inside one of its tunnels.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) door: Arc<Door>,
    pub(super) work: Work,
    /// The connection's number, counted from 1 as connections are accepted.
    pub(super) id: u64,
    pub(super) peer: SocketAddr,
    /// The address of ours it came to.
    pub(super) here: SocketAddr,
    pub(super) admission: Admission,
    pub(super) way: Way,
    /// The player it is, where somebody said so.
    pub(super) name: Option<LaneName>,
    /// Ends the connection with a reset.
    pub(super) cut: Cut,
    /// Held by everything that goes on over the connection.
    _seat: Arc<OwnedSemaphorePermit>,
}

/// A client as it was accepted.
pub(super) struct Caller {
    pub(super) id: u64,
    pub(super) peer: SocketAddr,
    pub(super) here: SocketAddr,
    pub(super) admission: Admission,
    pub(super) seat: OwnedSemaphorePermit,
    pub(super) cut: Cut,
}

/// Tasks of one listener, and when they have to end.
#[derive(Clone)]
pub(super) struct Work {
    pub(super) tracker: TaskTracker,
    pub(super) drain: CancellationToken,
    pub(super) abort: CancellationToken,
}

/// Whom the requests of a connection are meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Our own address: each request says for itself.
    Front(Scheme),
    /// One intercepted host, named when the tunnel or the TLS connection was opened.
    Inside(Origin),
}

/// An intercepted host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) scheme: Scheme,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) service: Service,
}

impl Way {
    /// The host that is named by it.
    fn host(&self) -> Option<String> {
        match self {
            Self::Front(_) => None,
            Self::Inside(origin) => Some(origin.host.clone()),
        }
    }
}

impl Origin {
    /// Host and, unless it is the scheme's own, port.
    pub(super) fn authority(&self) -> String {
        hosts::canonical(&format!("{}:{}", self.host, self.port), self.scheme).unwrap_or_else(|| self.host.clone())
    }
}

/// Why a connection ended other than by being done.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error("no {stage} within {deadline:?}")]
    Late { stage: &'static str, deadline: Duration },
    #[error("reading the first bytes")]
    Open(#[source] io::Error),
    #[error("TLS handshake")]
    Tls { host: Option<String>, source: io::Error },
    #[error("the client left without a word after its handshake")]
    Silent(Option<String>),
    #[error("a tunnel to an intercepted host carries TLS for `{0}`, which is none")]
    NotOurs(String),
    #[error("TLS for `{0}` from a client that must send the proxy password, and there cannot")]
    KeptOut(String),
    #[error("no certificate")]
    Authority(#[from] AuthorityError),
    #[error("HTTP")]
    Http(#[source] Box<dyn Error + Send + Sync>),
    #[error("nothing moved for {0:?}")]
    Idle(Duration),
    #[error("an exchange was left unanswered")]
    Unanswered,
    #[error("opening a tunnel")]
    Upgrade(#[source] hyper::Error),
    #[error("tunnel broke off")]
    Tunnel(#[source] io::Error),
    #[error("a socket ended")]
    Socket(#[from] Unrecorded),
}

impl Session {
    pub(super) fn new(door: Arc<Door>, work: Work, caller: Caller) -> Self {
        let Caller { id, peer, here, admission, seat, cut } = caller;
        let way = Way::Front(Scheme::Http);
        Self { door, work, id, peer, here, admission, way, name: None, cut, _seat: Arc::new(seat) }
    }

    /// The address its calls come from.
    pub(super) fn client(&self) -> IpAddr {
        self.peer.ip().to_canonical()
    }

    /// A request of its client, to a service.
    pub(super) fn call(&self, protocol: Protocol, service: Service, request: Request) -> Call {
        Call { name: self.name.clone(), ..Call::new(self.client(), protocol, service, request) }
    }

    /// What answers its calls by now.
    pub(super) fn engine(&self) -> Option<Arc<Engine>> {
        self.door.answering(self.client()).engine
    }

    /// Takes down what happened to its client, and says how often the like of it has by now.
    pub(super) fn note(&self, event: Event) -> Option<u64> {
        self.door.arrivals.note(self.client(), self.admission, self.name.as_ref(), event)
    }

    /// Counts what is passed on unread.
    pub(super) fn passed_on(&self, host: &str) {
        self.note(Event::Tunnelled { host: host.to_owned() });
        self.counted(host, Passage::Tunnelled);
        if asks_for_certificate(host) {
            self.door.certified.call_once(|| tracing::warn!(host, "{CERTIFIED}"));
        }
    }

    /// Counts what is not passed on, and gives the answer for it.
    pub(super) fn refused(&self, host: &str, port: u16) -> Response {
        self.note(Event::Refused { why: format!("{host}:{port} is not passed on") });
        let (connection, peer) = (self.id, self.peer);
        if hosts::is_web(port) {
            tracing::info!(host, port, connection, %peer, "refused: other hosts are not passed on here");
        } else {
            tracing::warn!(host, port, connection, %peer, "refused: only ports 443 and 80 are reached");
        }
        self.counted(host, Passage::Refused);
        let detail = format!(
            "tapdeck passes nothing on to `{host}:{port}`: other hosts are refused here, or the port is neither 443 \
             nor 80"
        );
        Response::problem(403, "host-refused", &detail)
    }

    /// Counts what became of a host that is not looked into, where anybody counts.
    pub(super) fn counted(&self, host: &str, passage: Passage) {
        if let Some(engine) = self.engine() {
            engine.passed(host, passage);
        }
    }

    /// Which hosts are looked into for it.
    pub(super) fn hosts(&self) -> Arc<Hosts> {
        self.door.answering(self.client()).hosts
    }

    /// The same connection, of a player somebody named.
    pub(super) fn named(self, name: Option<LaneName>) -> Self {
        Self { name, ..self }
    }

    /// The same connection, meant for someone else.
    pub(super) fn meant(self, way: Way) -> Self {
        Self { way, ..self }
    }

    /// Runs a part of the connection on its own task and logs how it ended.
    pub(super) fn spawn(self, part: impl Future<Output = Result<(), ConnectionError>> + Send + 'static) {
        let tracker = self.work.tracker.clone();
        tracker.spawn(async move {
            if let Err(error) = part.await {
                self.log(&error);
            }
        });
    }

    /// Finds out what a stream carries and serves it. Boxed, because a tunnel's inside is spoken to the same way.
    pub(super) fn speak<IO>(self, io: IO) -> Pin<Box<dyn Future<Output = Result<(), ConnectionError>> + Send>>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Box::pin(async move {
            let deadline = self.door.limits.first_bytes;
            let opening = Stream::open(io);
            let Some(opened) = self.stage("first bytes", deadline, opening).await? else {
                return Ok(());
            };
            let (opening, stream) = opened.map_err(ConnectionError::Open)?;
            let pulse = stream.pulse();
            match opening {
                Opening::Nothing => Ok(()),
                Opening::H1 => http::serve(self, stream, Protocol::H1, pulse).await,
                Opening::H2 => http::serve(self, stream, Protocol::H2, pulse).await,
                Opening::Tls => self.speak_tls(stream).await,
            }
        })
    }

    async fn speak_tls<IO>(self, stream: Stream<IO>) -> Result<(), ConnectionError>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let pulse = stream.pulse();
        let deadline = self.door.limits.tls;
        let Some(accepted) = self.stage("TLS handshake", deadline, tls::accept(&self, stream)).await? else {
            return Ok(());
        };
        let (stream, way) = match accepted? {
            Met::Ours(stream, way) => (stream, way),
            Met::Others(stream, host) => return tunnel::straight(&self, stream, &host).await,
        };
        let protocol = tls::protocol(&stream);
        let greeting = greeting::first_word(stream, way.host());
        let Some(stream) = self.stage("request", self.door.limits.request_head, greeting).await? else {
            return Ok(());
        };
        let stream = stream?;
        http::serve(self.meant(way), stream, protocol, pulse).await
    }

    /// Waits for a stage before any request; `None` when it was cut short because we are to stop.
    async fn stage<T>(
        &self,
        stage: &'static str,
        deadline: Duration,
        work: impl Future<Output = T>,
    ) -> Result<Option<T>, ConnectionError> {
        tokio::select! {
            biased;
            () = self.work.drain.cancelled() => Ok(None),
            () = self.work.abort.cancelled() => Ok(None),
            done = tokio::time::timeout(deadline, work) => {
                done.map(Some).map_err(|_| ConnectionError::Late { stage, deadline })
            }
        }
    }

    fn log(&self, error: &ConnectionError) {
        let (connection, peer) = (self.id, self.peer);
        let cause = error.source().map(ToString::to_string);
        match error {
            ConnectionError::Tls { host, source } => {
                self.log_fault(TlsFault::of(source, host.as_deref()), host.as_deref(), cause);
            }
            ConnectionError::Authority(AuthorityError::OutOfBounds { host, .. }) => {
                self.log_fault(TlsFault::Constraint, Some(host), None);
            }
            ConnectionError::Silent(host) if self.door.arrivals.silent(self.client()) => {
                self.log_fault(TlsFault::Pinned, host.as_deref(), cause);
            }
            ConnectionError::NotOurs(host) => {
                self.note(Event::Failed { fault: TlsFault::WrongName, host: Some(host.clone()), page: self.page() });
                tracing::warn!(connection, %peer, cause, "{error}");
            }
            ConnectionError::Authority(_) | ConnectionError::Unanswered => {
                tracing::warn!(connection, %peer, cause, "{error}");
            }
            _ => tracing::debug!(connection, %peer, cause, "{error}"),
        }
    }

    /// Where its client finds our page, if it is on another machine: where that need not be told from TLS, if it can.
    fn page(&self) -> Option<SocketAddr> {
        let is_near = self.client().is_loopback() || self.client() == self.here.ip();
        (!is_near).then(|| self.door.beside(self.here, |port| port != 443).unwrap_or(self.here))
    }

    /// Says what is wrong between a client and our certificate: the first time, the tenth, the hundredth.
    fn log_fault(&self, fault: TlsFault, host: Option<&str>, cause: Option<String>) {
        let page = self.page();
        self.note(Event::Failed { fault, host: host.map(str::to_owned), page });
        let (connection, client, word) = (self.id, self.client(), fault.as_str());
        let times = self.door.arrivals.times(client, fault);
        if times == 0 || 10_u64.pow(times.ilog10()) != times {
            tracing::debug!(connection, %client, host, cause, times, "{client} {}", fault.told());
            return;
        }
        let advice = match (fault, host) {
            (TlsFault::Constraint, Some(host)) => {
                format!("`{}` makes one that may", self.door.authority.widened(&[host]))
            }
            _ => fault.advice_for(host, self.door.authority.path(), page),
        };
        tracing::warn!(connection, fault = word, host, cause, times, "{client} {}: {advice}", fault.told());
    }
}

const CERTIFIED: &str = "this host takes only callers with a certificate, so its calls pass unread and are not recorded; \
                         to record them give `--intercept` with this host, and `--upstream-cert`";
