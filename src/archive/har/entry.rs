//! One entry of a HAR file: a call, its answer, and what was said on the socket it opened.
//!
//! Recorders differ in what they leave out. What cannot be missed without judging wrongly makes an entry unreadable;
//! all else has a meaning when it is absent.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::url::Url;
use super::{authorization, body};
use crate::exchange::{Answer, Call, Outcome, Protocol};
use crate::json::{Doc, Kind, Node};
use crate::message::{Headers, Request, Response, strip_hop_by_hop};
use crate::mpsd::{Service, target};
use crate::socket::{Message, Opcode, Sender};

/// What an entry comes to.
pub(super) enum Read {
    /// Traffic of a service that has a contract.
    Entry(Box<Entry>),
    /// Traffic of another host.
    Elsewhere,
    /// Nothing a game sent to the service: a browser's own question, a tunnel, an answer from a cache.
    Unsent,
}

/// Traffic of a service that has a contract. Times are microseconds since 1970.
pub(super) struct Entry {
    pub(super) started: Option<i64>,
    pub(super) took: Option<i64>,
    pub(super) call: Call,
    pub(super) answer: Answer,
    pub(super) said: Vec<Said>,
    /// The request carried credentials, or what somebody put in their place.
    pub(super) is_authorized: bool,
    /// How many of its two bodies were not captured.
    pub(super) withheld: usize,
}

/// A message on the entry's socket.
pub(super) struct Said {
    pub(super) at: Option<i64>,
    pub(super) from: Sender,
    pub(super) message: Message,
}

/// Reads an entry; the error says what keeps it from being judged.
pub(super) fn read(doc: &Doc<'_>) -> Result<Read, &'static str> {
    let root = doc.root();
    if root.kind() != Kind::Object {
        return Err("it is no object");
    }
    let request = object(root, "request").ok_or("it has no `request`")?;
    let url = text(request, "url").ok_or("`request.url` is no text")?;
    let url = Url::split(&url).ok_or("`request.url` is no address of the web")?;
    let kept = headers(request);
    let Some(service) = service(&url, kept.as_ref()) else {
        return Ok(Read::Elsewhere);
    };
    let method = text(request, "method").filter(|method| !method.is_empty()).ok_or("`request.method` is no text")?;
    let headers = kept.ok_or("`request.headers` is no list")?;
    let is_preflight = method == "OPTIONS" && headers.text("access-control-request-method").is_some();
    if is_preflight || method == "CONNECT" || text(root, "_fromCache").is_some() {
        return Ok(Read::Unsent);
    }
    let is_authorized = headers.text("authorization").is_some();
    let sent = Request {
        body: body::sent(request, &method, &headers),
        method: method.into_owned(),
        scheme: url.scheme,
        authority: url.authority,
        target: url.target,
        headers: authorization::unmasked(ended(headers)),
        trailers: Headers::new(),
    };
    let answer = answer(root, &sent.method)?;
    let withheld = [&sent.body, &answer.response.body].into_iter().filter(|body| body.decoded().is_none()).count();
    let protocol = protocol(request);
    let call = Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), protocol, service, sent);
    Ok(Read::Entry(Box::new(Entry {
        started: text(root, "startedDateTime").and_then(|text| instant(&text)),
        took: number(root, "time").and_then(|time| microseconds(time, 1e3)),
        said: said(root),
        call,
        answer,
        is_authorized,
        withheld,
    })))
}

/// Status 0 stands for no answer at all.
fn answer(root: Node<'_>, method: &str) -> Result<Answer, &'static str> {
    let broken = || Answer { outcome: Outcome::Reset, response: Response::default() };
    let Some(response) = object(root, "response") else {
        return Ok(broken());
    };
    let status = match response.get("status").filter(|status| status.kind() != Kind::Null) {
        None => 0,
        Some(status) => status.number().and_then(|text| text.parse().ok()).ok_or("`response.status` is no status")?,
    };
    match status {
        0 => return Ok(broken()),
        100..1000 => {}
        _ => return Err("`response.status` is no status"),
    }
    let headers = headers(response).ok_or("`response.headers` is no list")?;
    let body = body::answered(response, method, status, &headers);
    let response = Response { status, headers: ended(headers), body, trailers: Headers::new() };
    Ok(Answer::answered(response))
}

/// The service an entry speaks to. An address or `localhost` may stand in for the session directory; what else runs
/// there speaks of other things.
fn service(url: &Url, headers: Option<&Headers>) -> Option<Service> {
    let named = headers.and_then(|headers| headers.text("host"));
    let named = named.map(|host| host.split(':').next().unwrap_or_default());
    let known = Service::of_host(&url.host).or_else(|| named.and_then(Service::of_host));
    let stands_in = || {
        let first = target::segments(&url.target).into_iter().map(|piece| piece.text).find(|text| !text.is_empty());
        let is_path = first.is_some_and(|first| OWN.iter().any(|own| own.eq_ignore_ascii_case(&first)));
        let is_versioned = headers.is_some_and(|headers| headers.text("x-xbl-contract-version").is_some());
        (url.is_nameless() && (is_path || is_versioned)).then_some(Service::Mpsd)
    };
    known.or_else(stands_in)
}

/// The header lines, without the pseudo-headers of HTTP/2; `:authority` is the host's other name.
fn headers(message: Node<'_>) -> Option<Headers> {
    let list = message.get("headers").filter(|list| list.kind() == Kind::Array)?;
    let mut headers = Headers::new();
    for line in list.items() {
        let Some(name) = text(line, "name") else { continue };
        let value = text(line, "value").unwrap_or_default();
        match name.strip_prefix(':') {
            Some("authority") => headers.push("host", value.into_owned()),
            Some(_) => {}
            None => headers.push(&name, value.into_owned()),
        }
    }
    Some(headers)
}

/// As live traffic is kept: end to end, and no length that says what the body says.
fn ended(mut headers: Headers) -> Headers {
    strip_hop_by_hop(&mut headers);
    headers.remove("content-length");
    headers
}

fn protocol(request: Node<'_>) -> Protocol {
    let version = text(request, "httpVersion").unwrap_or_default();
    if version.contains(['2', '3']) { Protocol::H2 } else { Protocol::H1 }
}

fn said(root: Node<'_>) -> Vec<Said> {
    root.get("_webSocketMessages").into_iter().flat_map(Node::items).filter_map(one_said).collect()
}

/// `None` for what is no message: an error the browser noted, or a form nobody writes.
fn one_said(node: Node<'_>) -> Option<Said> {
    let from = match text(node, "type")?.as_ref() {
        "send" => Sender::Client,
        "receive" => Sender::Service,
        _ => return None,
    };
    let data = text(node, "data");
    let opcode = number(node, "opcode").unwrap_or(1.0);
    // A text that is not there was something, nobody can say what.
    let opcode = if opcode == 1.0 && data.is_none() { 2.0 } else { opcode };
    let data = data.unwrap_or_default();
    let message = match opcode {
        1.0 => Message::text(data),
        2.0 => Message::new(Opcode::Binary, BASE64.decode(data.as_ref()).unwrap_or_else(|_| data.into_owned().into())),
        8.0 => Message::new(Opcode::Close, ""),
        9.0 => Message::new(Opcode::Ping, data.into_owned()),
        10.0 => Message::new(Opcode::Pong, data.into_owned()),
        _ => return None,
    };
    Some(Said { at: number(node, "time").and_then(|time| microseconds(time, 1e6)), from, message })
}

/// A date and time; without a zone it counts as UTC, like all the others of its file.
fn instant(text: &str) -> Option<i64> {
    let zoned = text.trim().parse::<jiff::Timestamp>().ok();
    let plain = || {
        let civil = text.trim().parse::<jiff::civil::DateTime>().ok()?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    };
    zoned.or_else(plain).map(jiff::Timestamp::as_microsecond)
}

/// A time that is there: recorders write -1 for one they do not know.
fn microseconds(time: f64, unit: f64) -> Option<i64> {
    let micros = time * unit;
    (time >= 0.0 && micros < LATEST).then_some(micros as i64)
}

pub(super) fn object<'d>(node: Node<'d>, name: &str) -> Option<Node<'d>> {
    node.get(name).filter(|value| value.kind() == Kind::Object)
}

pub(super) fn text<'d>(node: Node<'d>, name: &str) -> Option<Cow<'d, str>> {
    node.get(name)?.str()
}

pub(super) fn number(node: Node<'_>, name: &str) -> Option<f64> {
    node.get(name)?.number()?.parse().ok()
}

/// What paths of the session directory begin with.
const OWN: [&str; 2] = ["serviceconfigs", "handles"];
/// The year 9999 in microseconds, and a bit.
const LATEST: f64 = 2.6e17;
