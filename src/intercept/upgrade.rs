//! Requests that ask for a WebSocket. What their head calls a body is never read: it may be the first frames.

use ::http::{HeaderMap, Request, StatusCode};
use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;

use crate::engine::Opened;
use crate::exchange::Protocol;
use crate::message::Response;
use crate::upstream::upgrade;

use super::calls::{Unanswered, finished, head_of, unseated};
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
    let (mut head, mut body) = request.into_parts();
    let spelling = std::mem::take(&mut head.extensions);
    let client = session.client();
    let Some(engine) = session.engine() else { return Ok(asked.last(unseated(client))) };
    let call = session.call(Protocol::H1, origin.service, head_of(&origin, &head));
    let has_body = !body.is_end_stream();
    let mut early = BytesMut::new();
    let opening = finished(&session, async move { engine.open(call, spelling).await });
    let Opened { answer, spelling, socket } = tokio::select! {
        biased;
        () = collect(&mut body, &mut early) => return Ok(asked.last(too_early())),
        opened = opening => opened?,
    };
    let Some((scribe, behind)) = socket else {
        return Ok(if has_body { asked.last(answer.response) } else { asked.reply(answer.response) });
    };
    session.clone().spawn(async move {
        let client = upgrade.await.map_err(ConnectionError::Upgrade)?;
        let client = Stream::behind(early.freeze(), TokioIo::new(client));
        socket::serve(&session, scribe, behind, client).await
    });
    Ok(asked.switch(answer.response, spelling))
}

/// Keeps the frames a client sends before its answer, while it is waited for; ends when they are too many.
///
/// hyper throws away what it takes for a body and nobody reads, so it must be read as long as there is any.
async fn collect(body: &mut Incoming, early: &mut BytesMut) {
    while let Some(Ok(frame)) = body.frame().await {
        early.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        if early.len() > MOST_EARLY {
            return;
        }
    }
    std::future::pending::<()>().await;
}

fn too_early() -> Response {
    Response::problem(413, "early-frames", "more was sent before the socket was open than is kept")
}

const MOST_EARLY: usize = 64 * 1024;

/// Passes a request for a WebSocket of somebody else's on, and then whatever is said, unread.
pub(super) async fn elsewhere(
    session: Session,
    mut request: Request<Incoming>,
    asked: Asked,
    (host, port): (&str, u16),
) -> ::http::Response<Reply> {
    let client = hyper::upgrade::on(&mut request);
    let mut answer = match session.door.relay.switch(request).await {
        Ok(answer) => answer,
        Err(problem) => {
            tunnel::unreached(&session, host, &problem);
            return asked.last(problem);
        }
    };
    session.passed_on(host, port);
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let far = hyper::upgrade::on(&mut answer);
        session.clone().spawn(async move {
            let (client, far) = tokio::try_join!(client, far).map_err(ConnectionError::Upgrade)?;
            tunnel::pass(&session, Stream::unread(TokioIo::new(client)), TokioIo::new(far)).await
        });
    }
    answer.map(Reply::Passing)
}
