//! Requests that ask for a WebSocket. What their head calls a body is never read: it may be the first frames.

use ::http::{HeaderMap, Request, StatusCode};
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;

use crate::engine::Opened;
use crate::exchange::{Call, Protocol};
use crate::upstream::upgrade;

use super::calls::{Unanswered, finished, head_of};
use super::reply::{Asked, Reply};
use super::session::{ConnectionError, Origin, Session};
use super::stream::Stream;
use super::{socket, tunnel};

/// True for a request that asks for a WebSocket.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    upgrade::is_asked(headers)
}

/// Asks the engine for a socket on an intercepted host; what follows a 101 runs on its own task.
pub(super) async fn open(
    session: Session,
    origin: Origin,
    mut request: Request<Incoming>,
    asked: Asked,
) -> Result<::http::Response<Reply>, Unanswered> {
    let upgrade = hyper::upgrade::on(&mut request);
    let (mut head, body) = request.into_parts();
    let spelling = std::mem::take(&mut head.extensions);
    let call = Call::new(session.peer.ip(), Protocol::H1, origin.service, head_of(&origin, &head));
    let engine = session.door.engine.clone();
    let opened = finished(&session, async move { engine.open(call, spelling).await }).await?;
    let Opened { answer, spelling, socket } = opened;
    let Some((scribe, behind)) = socket else {
        let is_over = body.is_end_stream();
        return Ok(if is_over { asked.reply(answer.response) } else { asked.last(answer.response) });
    };
    session.clone().spawn(async move {
        let client = upgrade.await.map_err(ConnectionError::Upgrade)?;
        drop(body);
        socket::serve(&session, scribe, behind, TokioIo::new(client)).await
    });
    Ok(asked.switch(answer.response, spelling))
}

/// Passes a request for a WebSocket of somebody else's on, and then whatever is said, unread.
pub(super) async fn elsewhere(
    session: Session,
    mut request: Request<Incoming>,
    asked: Asked,
) -> ::http::Response<Reply> {
    let client = hyper::upgrade::on(&mut request);
    let mut answer = match session.door.relay.switch(request).await {
        Ok(answer) => answer,
        Err(problem) => return asked.last(problem),
    };
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let far = hyper::upgrade::on(&mut answer);
        session.clone().spawn(async move {
            let (client, far) = tokio::try_join!(client, far).map_err(ConnectionError::Upgrade)?;
            tunnel::pass(&session, Stream::unread(TokioIo::new(client)), TokioIo::new(far)).await
        });
    }
    answer.map(Reply::Passing)
}
