//! `CONNECT`: into an intercepted host, or a tunnel whose bytes are none of our business.

use ::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::engine::Passage;
use crate::message::{Headers, Response, Scheme};
use crate::upstream::undialled;

use super::arrivals::Event;
use super::hosts::{self, Verdict};
use super::session::{ConnectionError, Origin, Session, Way};
use super::stream::Stream;

/// Answers a `CONNECT`; what follows inside runs on its own task.
pub(super) async fn connect(session: Session, mut request: Request<Incoming>) -> Response {
    if matches!(session.way, Way::Inside(_)) {
        return Response::problem(400, "nested-connect", "a tunnel cannot be opened inside a tunnel");
    }
    let named = request.uri().authority().and_then(|authority| hosts::split(authority.as_str(), Scheme::Https));
    let Some((host, port)) = named else {
        return Response::problem(400, "bad-target", "CONNECT must name a host and a port");
    };
    match session.hosts().verdict(&host, port) {
        Verdict::Intercept(service) => {
            let way = Way::Inside(Origin { scheme: Scheme::Http, host, port, service });
            let upgrade = hyper::upgrade::on(&mut request);
            session.clone().spawn(async move {
                let inside = upgrade.await.map_err(ConnectionError::Upgrade)?;
                session.meant(way).speak(TokioIo::new(inside)).await
            });
        }
        Verdict::Tunnel => match session.door.dialler.dial(&host, port).await {
            Ok(upstream) => {
                session.passed_on(&host, port);
                let upgrade = hyper::upgrade::on(&mut request);
                session.clone().spawn(async move {
                    let client = upgrade.await.map_err(ConnectionError::Upgrade)?;
                    pass(&session, Stream::unread(TokioIo::new(client)), upstream).await
                });
            }
            Err(error) => {
                let problem = undialled(&error);
                unreached(&session, &host, &problem);
                return problem;
            }
        },
        Verdict::Refuse => return session.refused(&host, port),
    }
    Response::new(200, Headers::new(), "")
}

/// Passes TLS that came straight in on to the host it asks for, from its first byte.
pub(super) async fn straight<IO>(session: &Session, client: Stream<IO>, host: &str) -> Result<(), ConnectionError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    if session.hosts().verdict(host, TLS_PORT) != Verdict::Tunnel {
        session.refused(host, TLS_PORT);
        return Ok(());
    }
    match session.door.dialler.dial(host, TLS_PORT).await {
        Ok(upstream) => {
            session.passed_on(host, TLS_PORT);
            pass(session, client, upstream).await
        }
        Err(error) => {
            unreached(session, host, &undialled(&error));
            Ok(())
        }
    }
}

/// Tells why a host that is none of ours was not reached: once of each client and host, since clients try again.
pub(super) fn unreached(session: &Session, host: &str, problem: &Response) {
    if problem.status == LOOP {
        looped(session, problem);
        session.counted(host, Passage::Refused);
        return;
    }
    let (connection, client, why) = (session.id, session.client(), problem.told().unwrap_or_default().1);
    match session.note(Event::Unreached { host: host.to_owned(), why: why.clone() }) {
        Some(1) => tracing::warn!(connection, %client, "{host} cannot be reached: {why}"),
        times => tracing::debug!(connection, %client, times, "{host} cannot be reached: {why}"),
    }
}

/// Tells, where this is the answer, that a host leads back here: it is for somebody to put right.
pub(super) fn looped(session: &Session, problem: &Response) {
    if problem.status == LOOP {
        session.refuse(&problem.told().unwrap_or_default().1);
    }
}

/// Passes bytes on in both directions, unread.
pub(super) async fn pass(
    session: &Session,
    mut client: Stream<impl AsyncRead + AsyncWrite + Unpin>,
    mut upstream: impl AsyncRead + AsyncWrite + Unpin,
) -> Result<(), ConnectionError> {
    let idle = session.door.limits.idle;
    let pulse = client.pulse();
    // An exchange ends within the drain deadline, a tunnel whenever its two ends like: it is cut at once.
    tokio::select! {
        biased;
        () = session.work.drain.cancelled() => Ok(()),
        () = session.work.abort.cancelled() => Ok(()),
        () = pulse.stopped(idle) => Err(ConnectionError::Idle(idle)),
        ended = tokio::io::copy_bidirectional(&mut client, &mut upstream) => {
            ended.map(|_| ()).map_err(ConnectionError::Tunnel)
        }
    }
}

const TLS_PORT: u16 = 443;
/// Loop Detected (RFC 5842).
const LOOP: u16 = 508;
