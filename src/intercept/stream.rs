//! What a connection opens with, and whether anything still moves on it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// A TLS handshake record.
    Tls,
    /// HTTP/2 without TLS.
    H2,
    /// Anything else; HTTP/1 is the only thing left that could make sense of it.
    H1,
    /// The peer left without a byte.
    Nothing,
}

/// A stream that gives its first bytes once more and counts what passes.
#[derive(Debug)]
pub(super) struct Stream<IO> {
    first: Bytes,
    /// What was read since it is to be kept.
    kept: Option<BytesMut>,
    io: IO,
    pulse: Pulse,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Stream<IO> {
    /// Reads until the first bytes tell what this is.
    pub(super) async fn open(mut io: IO) -> io::Result<(Opening, Self)> {
        let mut first = BytesMut::with_capacity(PREFACE.len());
        let opening = loop {
            if let Some(opening) = recognise(&first) {
                break opening;
            }
            if io.read_buf(&mut first).await? == 0 {
                break if first.is_empty() { Opening::Nothing } else { Opening::H1 };
            }
        };
        Ok((opening, Self::behind(first.freeze(), io)))
    }

    /// Takes a stream whose first bytes are nobody's business.
    pub(super) fn unread(io: IO) -> Self {
        Self::behind(Bytes::new(), io)
    }

    /// Takes a stream of which the first bytes were read already.
    pub(super) fn behind(first: Bytes, io: IO) -> Self {
        Self { first, kept: None, io, pulse: Pulse::default() }
    }

    /// Keeps what is read from now on, up to a cap, so that it can be read once more.
    pub(super) fn keep(mut self) -> Self {
        self.kept = Some(BytesMut::new());
        self
    }

    /// Goes back to where keeping began.
    pub(super) fn rewind(&mut self) {
        if let Some(mut kept) = self.kept.take() {
            kept.extend_from_slice(&self.first);
            self.first = kept.freeze();
        }
    }

    /// Keeps nothing more.
    pub(super) fn forget(&mut self) {
        self.kept = None;
    }

    /// A view of this stream's traffic that outlives it.
    pub(super) fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }
}

fn recognise(first: &[u8]) -> Option<Opening> {
    match first.first()? {
        &TLS_HANDSHAKE => Some(Opening::Tls),
        _ if first.starts_with(PREFACE) => Some(Opening::H2),
        _ if PREFACE.starts_with(first) => None,
        _ => Some(Opening::H1),
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Stream<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.kept.as_ref().is_some_and(|kept| kept.len() > MOST_KEPT) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "the ClientHello does not end")));
        }
        let before = buffer.filled().len();
        let read = if self.first.is_empty() {
            let read = ready!(Pin::new(&mut self.io).poll_read(context, buffer));
            self.pulse.beat();
            read
        } else {
            let count = self.first.len().min(buffer.remaining());
            buffer.put_slice(&self.first[..count]);
            self.first.advance(count);
            Ok(())
        };
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(&buffer.filled()[before..]);
        }
        Poll::Ready(read)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Stream<IO> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(context, bytes));
        self.pulse.beat();
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(context, buffers));
        self.pulse.beat();
        Poll::Ready(written)
    }
}

/// Counts the reads and writes of one stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Pulse(Arc<AtomicU64>);

impl Pulse {
    fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends once nothing moved for `idle` (and at most twice that).
    pub(super) async fn stopped(self, idle: Duration) {
        let mut before = self.0.load(Ordering::Relaxed);
        loop {
            tokio::time::sleep(idle).await;
            let now = self.0.load(Ordering::Relaxed);
            if now == before {
                return;
            }
            before = now;
        }
    }
}

/// A ClientHello is at most 64 KiB, and a few headers of the records it comes in.
const MOST_KEPT: usize = 80 * 1024;

const TLS_HANDSHAKE: u8 = 0x16;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    async fn opened(pieces: &[&[u8]]) -> (Opening, Vec<u8>) {
        let (mut client, server) = tokio::io::duplex(4096);
        let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
        let writer = tokio::spawn(async move {
            for piece in pieces {
                client.write_all(&piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let (opening, mut stream) = Stream::open(server).await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        writer.await.unwrap();
        (opening, rest)
    }

    #[tokio::test]
    async fn openings_are_told_apart_and_no_byte_is_lost() {
        let cases: [(&[&[u8]], Opening); 6] = [
            (&[b"\x16\x03\x01"], Opening::Tls),
            (&[b"GET / HTTP/1.1\r\n"], Opening::H1),
            (&[b"P", b"UT / HTTP/1.1\r\n"], Opening::H1),
            (&[b"PRI * HT", b"TP/2.0\r\n\r\nSM\r\n\r\n", b"more"], Opening::H2),
            (&[b"PRI"], Opening::H1),
            (&[], Opening::Nothing),
        ];
        for (pieces, expected) in cases {
            assert_eq!(opened(pieces).await, (expected, pieces.concat()));
        }
    }

    #[tokio::test]
    async fn what_was_kept_is_read_once_more_and_no_more_than_there_may_be() {
        let (mut client, server) = tokio::io::duplex(256);
        client.write_all(b"cdefgh").await.unwrap();
        drop(client);
        let mut stream = Stream::behind(Bytes::from_static(b"ab"), server).keep();
        let mut first = [0; 3];
        stream.read_exact(&mut first[..1]).await.unwrap();
        stream.rewind();
        let mut stream = stream.keep();
        stream.read_exact(&mut first).await.unwrap();
        stream.rewind();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"abcdefgh");

        let endless = Stream::behind(Bytes::from(vec![0; MOST_KEPT + 1]), tokio::io::empty()).keep();
        let mut endless = endless;
        assert!(endless.read_to_end(&mut all).await.is_err());
    }
}
