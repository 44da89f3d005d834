//! From hyper's request to the engine's call, and back.

use std::net::IpAddr;
use std::time::Duration;

use ::http::header::HOST;
use ::http::request::Parts;
use ::http::{Method, Request, Uri};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::engine::{Piece, Said};
use crate::exchange::{Answer, Outcome, Protocol};
use crate::message::{self, Body, Headers, Response, Scheme, strip_hop_by_hop};
use crate::mpsd::Service;
use crate::upstream::Uplink;
use crate::upstream::wire::{ReadError, gather, headers_of};

use super::arrivals::Event;
use super::hosts::{self, Verdict};
use super::limits::Limits;
use super::reply::{Asked, Reply};
use super::session::{Origin, Session, Way, Work};
use super::{landing, names, scheme_of, tunnel, upgrade};

/// The engine gave no answer; the connection must end without one.
#[derive(Debug, thiserror::Error)]
#[error("left unanswered")]
pub(super) struct Unanswered;

/// Answers one request, whatever it is.
pub(super) async fn answer(
    session: Session,
    protocol: Protocol,
    request: Request<Incoming>,
) -> Result<::http::Response<Reply>, Unanswered> {
    let asked = Asked::of(&request, protocol);
    let session = match session.way {
        Way::Front(_) => {
            if session.is_locked_out(request.headers()) {
                let page = landing::answer(&session, protocol, &request, named_host(&request).as_deref(), true);
                let Some(page) = page else { return Ok(asked.reply(session.ask(request.headers()))) };
                session.note(Event::Visited);
                return Ok(asked.reply(page));
            }
            match names::as_proxy_user(session.let_in(), request.headers()) {
                Ok(session) => session,
                Err(problem) => return Ok(asked.last(*problem)),
            }
        }
        Way::Inside(_) => session,
    };
    if request.method() == Method::CONNECT {
        return Ok(asked.reply(tunnel::connect(session, request).await));
    }
    match destination(&session, protocol, &request) {
        Destination::Service(origin) => call(session, origin, protocol, request, asked).await,
        Destination::Elsewhere if upgrade::is_asked(request.headers()) => {
            session.passed_on(&named_host(&request).unwrap_or_default());
            Ok(upgrade::elsewhere(session, request, asked).await)
        }
        Destination::Elsewhere => {
            let host = named_host(&request).unwrap_or_default();
            Ok(match session.door.relay.pass(request).await {
                Ok(passing) => {
                    session.passed_on(&host);
                    passing.map(Reply::Passing)
                }
                Err(problem) => {
                    tunnel::unreached(&session, &host, &problem);
                    asked.last(problem)
                }
            })
        }
        Destination::Here(page) => Ok(asked.reply(page)),
        Destination::Nowhere(problem) => Ok(asked.last(problem)),
    }
}

enum Destination {
    /// An intercepted host: the engine answers.
    Service(Origin),
    /// A plain-text host that is none of our business.
    Elsewhere,
    /// Ourselves: this is the page.
    Here(Response),
    /// Nobody: this is the answer.
    Nowhere(Response),
}

fn destination<B>(session: &Session, protocol: Protocol, request: &Request<B>) -> Destination {
    let named = named_host(request);
    if matches!(session.way, Way::Front(_))
        && let Some(page) = landing::answer(session, protocol, request, named.as_deref(), false)
    {
        session.note(Event::Visited);
        return Destination::Here(page);
    }
    match (&session.way, protocol, scheme_of(request.uri())) {
        (Way::Inside(origin), ..) => Destination::Service(refined(session, origin, named)),
        (Way::Front(_), Protocol::H1, Some(scheme)) => absolute(session, request.uri(), scheme),
        (Way::Front(scheme), ..) => own(session, named, *scheme),
    }
}

/// The host a request names for itself, without its port.
fn named_host<B>(request: &Request<B>) -> Option<String> {
    let header = || request.headers().get(HOST)?.to_str().ok();
    let named = request.uri().authority().map(|authority| authority.as_str()).or_else(header)?;
    hosts::split(named, Scheme::Https).map(|(host, _)| host)
}

fn refined(session: &Session, origin: &Origin, named: Option<String>) -> Origin {
    match named.and_then(|host| Some((session.hosts().service(&host)?, host))) {
        Some((service, host)) => Origin { service, host, ..origin.clone() },
        None => origin.clone(),
    }
}

fn absolute(session: &Session, uri: &Uri, scheme: Scheme) -> Destination {
    let Some((host, port)) = uri.authority().and_then(|authority| hosts::split(authority.as_str(), scheme)) else {
        return nowhere(400, "bad-target", "the request names no host");
    };
    match (session.hosts().verdict(&host, port), scheme) {
        (Verdict::Intercept(service), _) => Destination::Service(Origin { scheme, host, port, service }),
        (Verdict::Tunnel, Scheme::Http) => Destination::Elsewhere,
        (Verdict::Tunnel, Scheme::Https) => {
            nowhere(400, "use-connect", "tapdeck passes https of this host on only through CONNECT")
        }
        (Verdict::Refuse, _) => Destination::Nowhere(session.refused(&host, port)),
    }
}

fn own(session: &Session, named: Option<String>, scheme: Scheme) -> Destination {
    let reverse = session.door.reverse.as_ref();
    if let Some((service, host)) = named.and_then(|host| Some((session.hosts().named(&host)?, host))) {
        let scheme = reverse.map_or(scheme, |reverse| reverse.scheme);
        let port = if scheme == Scheme::Https { 443 } else { 80 };
        return Destination::Service(Origin { scheme, host, port, service });
    }
    let Some(reverse) = reverse else {
        return nowhere(421, "no-upstream", HOW_TO_USE);
    };
    let service = session.hosts().service(&reverse.host).unwrap_or(Service::Mpsd);
    Destination::Service(Origin { scheme: reverse.scheme, host: reverse.host.clone(), port: reverse.port, service })
}

/// The answer to a client for whom nothing is played.
pub(super) fn unseated(client: IpAddr) -> Response {
    let detail = format!(
        "no replay session is for {client}: give it one with `POST /v1/sessions` on the control port, \
         {{\"cassette\": …, \"clients\": [\"{client}\"]}}, or call the proxy of a session that has its own port"
    );
    Response::problem(421, "no-session", &detail)
}

fn nowhere(status: u16, code: &str, detail: &str) -> Destination {
    Destination::Nowhere(Response::problem(status, code, detail))
}

async fn call(
    session: Session,
    origin: Origin,
    protocol: Protocol,
    request: Request<Incoming>,
    asked: Asked,
) -> Result<::http::Response<Reply>, Unanswered> {
    session.note(Event::Called { host: origin.host.clone() });
    if protocol == Protocol::H1 && request.method() == Method::GET && upgrade::is_asked(request.headers()) {
        return upgrade::open(session, origin, request, asked).await;
    }
    let (head, body) = request.into_parts();
    let head = head_of(&origin, &head);
    let client = session.client();
    let Some(engine) = session.engine() else { return Ok(asked.last(unseated(client))) };
    let call = |request| session.call(protocol, origin.service, request);
    let long = if engine.passes_on(origin.service) { Long::Passed } else { Long::Refused };
    match body_of(body, &session, long).await {
        Ok(Taken { sent, room }) => {
            let (request, uplink) = match sent {
                Sent::Whole(body, trailers) => {
                    let body = Body::received(body, &head.headers, session.door.limits.body);
                    (message::Request { body, trailers, ..head }, None)
                }
                Sent::Passing(uplink) => (message::Request { body: Body::unknown(), ..head }, Some(uplink)),
            };
            let (call, work, idle) = (call(request), session.work.clone(), session.door.limits.idle);
            let asking = async move {
                let _room = room;
                engine.exchange(call, uplink).await.map(|said| said_to(said, &work, idle))
            };
            Ok(match finished(&session, asking).await? {
                Heard::Whole(answer) => {
                    if answer.outcome == Outcome::Refused {
                        tunnel::looped(&session, &answer.response);
                    }
                    asked.reply(answer.response)
                }
                Heard::Flowing(head, pieces) => asked.flow(head, pieces),
            })
        }
        Err(problem) => {
            let call = call(head);
            let answer = finished(&session, async move { engine.refuse(call, Some(UNREAD), problem).await }).await?;
            Ok(asked.last(answer.response))
        }
    }
}

/// What a client is told.
enum Heard {
    Whole(Answer),
    Flowing(Response, mpsc::Receiver<Piece>),
}

/// What a client is told of an answer. One that still comes is passed on, and recorded, whether the client stays or not.
fn said_to(said: Said, work: &Work, idle: Duration) -> Heard {
    match said {
        Said::Whole(answer) => Heard::Whole(answer),
        Said::Passing(passing) => {
            let (to, pieces) = mpsc::channel(1);
            let (head, abort) = (passing.head(), work.abort.clone());
            let passing = passing.pass(to, idle, work.drain.clone());
            work.tracker.spawn(async move { abort.run_until_cancelled(passing).await });
            Heard::Flowing(head, pieces)
        }
    }
}

/// A request's head, without what belongs to the hop only.
pub(super) fn head_of(origin: &Origin, head: &Parts) -> message::Request {
    let mut headers = headers_of(&head.headers);
    strip_hop_by_hop(&mut headers);
    headers.remove("content-length");
    message::Request {
        method: head.method.as_str().to_owned(),
        scheme: origin.scheme,
        authority: origin.authority(),
        target: head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
        headers,
        ..message::Request::default()
    }
}

/// What becomes of a body that is too long, or too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Long {
    Refused,
    Passed,
}

/// A request's body, and the room it takes.
struct Taken {
    sent: Sent,
    room: Option<OwnedSemaphorePermit>,
}

enum Sent {
    Whole(Bytes, Headers),
    Passing(Uplink),
}

/// Reads a request's body once there is room for it, or gives the answer for one that cannot be had.
async fn body_of(mut body: Incoming, session: &Session, long: Long) -> Result<Taken, Response> {
    let limits = &session.door.limits;
    let end = tokio::time::Instant::now() + limits.request_body;
    let (mut whole, mut room) = (BytesMut::new(), None);
    let reading = async {
        room = session.door.room(&body).await;
        if body.size_hint().lower() > limits.body as u64 {
            return Ok(None);
        }
        gather(&mut body, limits.body, &mut whole).await
    };
    let read = tokio::time::timeout_at(end, reading).await;
    match read {
        Ok(Ok(Some(trailers))) => Ok(Taken { sent: Sent::Whole(whole.freeze(), trailers), room }),
        Ok(Err(error)) => Err(Response::problem(400, "request-body-broken", &error.to_string())),
        _ if long == Long::Passed => Ok(Taken { sent: Sent::Passing(Uplink::new(whole.freeze(), body)), room }),
        Ok(Ok(None)) => {
            discard(body, limits, end).await;
            let detail = ReadError::TooLong(limits.body).to_string();
            Err(Response::problem(413, "request-body-too-long", &detail))
        }
        Err(_) => Err(Response::problem(408, "request-body-late", &late(limits.request_body))),
    }
}

/// Reads on for a while, since a client that is still sending would lose the answer to a reset connection.
async fn discard(mut body: Incoming, limits: &Limits, end: tokio::time::Instant) {
    let mut left = limits.body.saturating_mul(DISCARD_FACTOR);
    let discarding = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    };
    // Whether it ended or ran out of time, the answer is the same.
    let _ = tokio::time::timeout_at(end, discarding).await;
}

fn late(deadline: Duration) -> String {
    format!("the request body did not arrive within {deadline:?}")
}

/// Waits for the engine on a task of its own: a client that leaves cancels hyper's handler, but not the exchange.
pub(super) async fn finished<T: Send + 'static>(
    session: &Session,
    asking: impl Future<Output = Option<T>> + Send + 'static,
) -> Result<T, Unanswered> {
    let abort = session.work.abort.clone();
    let asking = session.work.tracker.spawn(async move {
        tokio::select! {
            biased;
            answer = asking => answer,
            () = abort.cancelled() => None,
        }
    });
    asking.await.ok().flatten().ok_or(Unanswered)
}

/// Why a call that was refused at the door has no body.
const UNREAD: &str = "the request body was never read whole";

/// How much more than the cap is read and thrown away.
const DISCARD_FACTOR: usize = 8;

const HOW_TO_USE: &str = "this is tapdeck, a proxy: set it as the HTTP proxy of the game or console, or start it with \
                          `--upstream` to send requests to its own address on to a service";
