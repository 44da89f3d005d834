//! Opening connections: name overrides, an upstream proxy, a deadline, and never to ourselves.

use std::error::Error;
use std::future::{Ready, ready};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use super::line::{KEEPALIVE, KEEPALIVE_EVERY, Line};

/// Which way connections leave the machine.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// Addresses to use for a host instead of what its name resolves to.
    pub resolve: Vec<(String, SocketAddr)>,
    /// An HTTP proxy to go through.
    pub proxy: Option<Uri>,
    /// Our own listeners, which must not be dialled.
    pub own: Vec<SocketAddr>,
}

/// Why a connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Neither refused nor accepted in time.
    #[error("no connection within {0:?}")]
    Timeout(Duration),
    /// The name leads back to one of our own ports.
    #[error("{}", looping(host, *port))]
    Loop {
        /// The name.
        host: String,
        /// The port.
        port: u16,
    },
    /// The name does not resolve, or the host or the proxy refused.
    #[error("no connection")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
}

/// Opens TCP connections along a [`Route`].
#[derive(Clone, Debug)]
pub struct Dialler {
    route: Arc<Route>,
    /// More of our own ports, opened later.
    own: Arc<RwLock<Vec<SocketAddr>>>,
    http: HttpConnector,
    deadline: Duration,
}

impl Dialler {
    /// A dialler that gives up after `deadline`.
    pub fn new(route: Route, deadline: Duration) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(KEEPALIVE));
        http.set_keepalive_interval(Some(KEEPALIVE_EVERY));
        Self { route: Arc::new(route), own: Arc::default(), http, deadline }
    }

    /// Takes down a port of our own that was opened since.
    pub fn avoid(&self, own: SocketAddr) {
        self.own.write().unwrap_or_else(PoisonError::into_inner).push(own);
    }

    /// Forgets a port that was taken down and is closed by now.
    pub fn release(&self, own: SocketAddr) {
        self.own.write().unwrap_or_else(PoisonError::into_inner).retain(|address| *address != own);
    }

    /// Opens a connection that will carry anything: through a proxy, by `CONNECT`.
    pub async fn dial(&self, host: &str, port: u16) -> Result<Line, DialError> {
        let uri = Uri::try_from(format!("https://{host}:{port}")).map_err(|error| DialError::Refused(error.into()))?;
        let leg = self.within_deadline(self.connect(uri)).await?;
        Ok(leg.stream.into_inner())
    }

    async fn connect(&self, target: Uri) -> Result<Leg, DialError> {
        let forced = self.forced(&target);
        let stream = match &self.route.proxy {
            Some(proxy) if forced.is_none() && target.scheme_str() == Some("http") => {
                let stream = self.http.clone().call(proxy.clone()).await.map_err(refused)?;
                return self.own_refused(stream, proxy).map(|stream| Leg::new(stream, Form::Absolute));
            }
            Some(proxy) if forced.is_none() => {
                let stream = self.http.clone().call(proxy.clone()).await.map_err(refused)?;
                // A proxy that is ourselves must not be asked: it would ask itself, and so on.
                let opened = Opened(Some(self.own_refused(stream, proxy)?));
                let stream = Tunnel::new(proxy.clone(), opened).call(target).await.map_err(refused)?;
                return Ok(Leg::new(stream, Form::Origin));
            }
            _ => self.http.clone().call(forced.unwrap_or_else(|| target.clone())).await.map_err(refused)?,
        };
        self.own_refused(stream, &target).map(|stream| Leg::new(stream, Form::Origin))
    }

    fn forced(&self, target: &Uri) -> Option<Uri> {
        let host = target.host()?;
        let (_, address) = self.route.resolve.iter().find(|(name, _)| name.eq_ignore_ascii_case(host))?;
        Uri::try_from(format!("http://{address}")).ok()
    }

    /// Refuses a connection on which we would talk to ourselves. What was dialled tells what to do about it.
    fn own_refused(&self, stream: TokioIo<TcpStream>, dialled: &Uri) -> Result<TokioIo<TcpStream>, DialError> {
        let peer = stream.inner().peer_addr().map_err(refused)?;
        let (peer, port) = (peer.ip().to_canonical(), peer.port());
        let here = stream.inner().local_addr().map_err(refused)?.ip().to_canonical();
        let is_near = peer.is_loopback() || peer == here;
        let is_own = |own: &SocketAddr| {
            let ip = own.ip().to_canonical();
            own.port() == port && (ip == peer || ip.is_unspecified() && is_near)
        };
        let later = self.own.read().unwrap_or_else(PoisonError::into_inner);
        if self.route.own.iter().chain(later.iter()).any(is_own) {
            let default = if dialled.scheme_str() == Some("http") { 80 } else { 443 };
            let host = dialled.host().unwrap_or_default().to_owned();
            return Err(DialError::Loop { host, port: dialled.port_u16().unwrap_or(default) });
        }
        Ok(stream)
    }

    async fn within_deadline<T>(&self, dialling: impl Future<Output = Result<T, DialError>>) -> Result<T, DialError> {
        tokio::time::timeout(self.deadline, dialling).await.unwrap_or(Err(DialError::Timeout(self.deadline)))
    }
}

impl Service<Uri> for Dialler {
    type Response = Leg;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Leg, DialError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let dialler = self.clone();
        Box::pin(async move { dialler.within_deadline(dialler.connect(target)).await })
    }
}

/// A connection that is open already, to whomever it is.
struct Opened(Option<TokioIo<TcpStream>>);

impl Service<Uri> for Opened {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Ready<io::Result<TokioIo<TcpStream>>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _target: Uri) -> Self::Future {
        ready(self.0.take().ok_or_else(|| io::ErrorKind::NotConnected.into()))
    }
}

/// A dialler that adds TLS for `https`, within the same deadline.
#[derive(Clone)]
pub(super) struct Secured {
    dialler: Dialler,
    https: HttpsConnector<Dialler>,
}

impl Secured {
    pub(super) fn new(dialler: Dialler, tls: ClientConfig) -> Self {
        Self { https: HttpsConnector::from((dialler.clone(), tls)), dialler }
    }
}

impl Service<Uri> for Secured {
    type Response = MaybeHttpsStream<Leg>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<MaybeHttpsStream<Leg>, DialError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let dialler = self.dialler.clone();
        let securing = self.https.call(target);
        let secured = async move { securing.await.map_err(unboxed) };
        Box::pin(async move { dialler.within_deadline(secured).await })
    }
}

/// One open connection, and the request form its far end expects.
#[derive(Debug)]
pub struct Leg {
    stream: TokioIo<Line>,
    form: Form,
}

impl Leg {
    fn new(stream: TokioIo<TcpStream>, form: Form) -> Self {
        Self { stream: TokioIo::new(Line::new(stream.into_inner())), form }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Origin,
    Absolute,
}

impl Connection for Leg {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.form == Form::Absolute).extra(self.stream.inner().cut())
    }
}

impl Read for Leg {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Leg {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }
}

/// Why a host is not dialled, and what to do where it is a name.
fn looping(host: &str, port: u16) -> String {
    if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return format!("`{host}` is tapdeck's own address");
    }
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    format!(
        "`{host}` leads back to tapdeck itself, by a hosts file or a DNS override that holds on this machine too; give \
         the service's real address: `--resolve {host}=ADDRESS{port}`"
    )
}

fn refused(error: impl Into<Box<dyn Error + Send + Sync>>) -> DialError {
    DialError::Refused(error.into())
}

fn unboxed(error: Box<dyn Error + Send + Sync>) -> DialError {
    error.downcast::<DialError>().map_or_else(DialError::Refused, |error| *error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn an_override_leads_elsewhere_and_never_home() {
        run(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let mut route = Route { resolve: vec![("Game.Test".into(), address)], ..Route::default() };
            let dialler = Dialler::new(route.clone(), Duration::from_secs(10));
            assert_eq!(dialler.dial("game.test", 443).await.unwrap().tcp().peer_addr().unwrap(), address);
            route.own = vec![SocketAddr::from(([0, 0, 0, 0], address.port()))];
            let dialler = Dialler::new(route, Duration::from_secs(10));
            assert!(matches!(dialler.dial("game.test", 443).await, Err(DialError::Loop { .. })));
            for here in ["127.0.0.1", "127.0.0.2", "0.0.0.0", "localhost"] {
                let looped = dialler.dial(here, address.port()).await;
                assert!(matches!(looped, Err(DialError::Loop { .. }) | Err(DialError::Refused(_))), "{here}");
            }
            let proxy = format!("http://{address}").parse().ok();
            let itself = Route { proxy, own: vec![address], ..Route::default() };
            let asked = Dialler::new(itself, Duration::from_secs(10)).dial("example.test", 443).await;
            assert!(matches!(asked, Err(DialError::Loop { .. })), "before a word is said to it");
            let told = dialler.dial("game.test", 443).await.unwrap_err().to_string();
            assert!(told.contains("`--resolve game.test=ADDRESS`"), "{told}");
        });
    }

    #[test]
    fn a_closed_port_is_refused() {
        run(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            drop(listener);
            let dialler = Dialler::new(Route::default(), Duration::from_secs(10));
            assert!(matches!(dialler.dial("127.0.0.1", port).await, Err(DialError::Refused(_))));
        });
    }
}
