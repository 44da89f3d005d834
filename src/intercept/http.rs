//! HTTP over one stream, with hyper: limits, a graceful end, and an end when nothing moves.

use std::error::Error;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::exchange::Protocol;

use super::calls;
use super::limits::Limits;
use super::session::{ConnectionError, Session};
use super::stream::Pulse;

/// Serves the requests of one stream.
pub(super) async fn serve<IO>(session: Session, io: IO, protocol: Protocol, pulse: Pulse) -> Result<(), ConnectionError>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let unanswered = CancellationToken::new();
    let builder = builder(&session.door.limits, protocol);
    let service = service_fn(|request| {
        let (session, unanswered) = (session.clone(), unanswered.clone());
        async move {
            let answer = calls::answer(session, protocol, request).await;
            answer.inspect_err(|_| unanswered.cancel())
        }
    });
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(io), service);
    drive(connection, &session, &unanswered, pulse).await
}

async fn drive<C>(
    connection: C,
    session: &Session,
    unanswered: &CancellationToken,
    pulse: Pulse,
) -> Result<(), ConnectionError>
where
    C: GracefulConnection<Error = Box<dyn Error + Send + Sync>>,
{
    let idle = session.door.limits.idle;
    let mut connection = std::pin::pin!(connection);
    let mut stopped = std::pin::pin!(pulse.stopped(idle));
    let ended = tokio::select! {
        biased;
        () = unanswered.cancelled() => return Err(ConnectionError::Unanswered),
        () = session.work.abort.cancelled() => return Ok(()),
        () = &mut stopped => return Err(ConnectionError::Idle(idle)),
        () = session.work.drain.cancelled() => None,
        ended = &mut connection => Some(ended),
    };
    if let Some(ended) = ended {
        return ended.map_err(ConnectionError::Http);
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        biased;
        () = unanswered.cancelled() => Err(ConnectionError::Unanswered),
        () = session.work.abort.cancelled() => Ok(()),
        ended = connection => ended.map_err(ConnectionError::Http),
    }
}

fn builder(limits: &Limits, protocol: Protocol) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.request_head)
        .preserve_header_case(true)
        .auto_date_header(false)
        .max_headers(limits.header_lines)
        .max_buf_size(limits.head_bytes.max(8192));
    builder
        .http2()
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.header_list());
    match protocol {
        Protocol::H1 => builder.http1_only(),
        Protocol::H2 => builder.http2_only(),
    }
}
