//! A TCP connection that notices a dead peer, and that can be told to end with a reset.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A TCP connection, whatever is layered over it.
#[derive(Debug)]
pub struct Line {
    stream: TcpStream,
    cut: Cut,
}

/// Reaches a line from above everything that is layered over it.
#[derive(Clone, Debug, Default)]
pub struct Cut(Arc<AtomicBool>);

impl Cut {
    /// The line ends with a reset when it is dropped.
    pub fn arm(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Line {
    /// A line over an open connection.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, cut: Cut::default() }
    }

    /// A connection a listener accepted. Its peer may be silent for hours; one that is gone is found out.
    pub fn accepted(stream: TcpStream) -> Self {
        let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_EVERY);
        if let Err(error) = socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive) {
            tracing::debug!(%error, "no keepalive on a connection");
        }
        // An answer's last part must not wait for the peer's word that it has the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "small parts of a connection may be held back");
        }
        Self::new(stream)
    }

    /// The handle that can end it with a reset.
    pub fn cut(&self) -> Cut {
        self.cut.clone()
    }

    /// The connection itself.
    pub fn tcp(&self) -> &TcpStream {
        &self.stream
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.cut.0.load(Ordering::Relaxed) {
            // Where this fails, the peer sees an ordinary end.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }
}

/// How long nothing may come before the peer is asked whether it is there.
pub(super) const KEEPALIVE: Duration = Duration::from_secs(60);
/// How long it may take to say so, each time it is asked.
pub(super) const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);
