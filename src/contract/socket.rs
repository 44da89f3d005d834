//! Rules of real-time activity: how a socket is opened, and what one message shows by itself.

use super::finding::{Finding, Findings, Place, quoted};
use super::headers;
use super::schema::{Schemas, Shape};
use super::target::has_parameter;
use super::terms::Terms;
use super::view::View;
use crate::exchange::Call;
use crate::mpsd::Op;
use crate::mpsd::rta::{EVENT, Frame, RESYNC, SUBSCRIBE, UNSUBSCRIBE, is_mpsd, trimmed};
use crate::socket::{Message, Opcode, Sender};

/// Checks a request to the real-time service. It takes no contract version, and a nonce in place of a token.
pub(super) fn check_opening(call: &Call, findings: &mut Findings) {
    let request = &call.request;
    if request.headers.text("authorization").is_some() {
        headers::authorization_form(&request.headers, findings);
    }
    if call.resolution.operation().is_none_or(|operation| operation.op != Op::RtaConnect) {
        return;
    }
    if request.headers.text("authorization").is_none() && !has_parameter(call, "nonce") {
        let message = "the request carries neither a token nor a nonce";
        findings.add("rta-auth-missing", Place::header("authorization"), message);
    }
    let offered = request.headers.all(PROTOCOLS).flat_map(|value| value.split(|byte| *byte == b','));
    let is_known = |offer: &[u8]| [V1, V2].iter().any(|known| offer.eq_ignore_ascii_case(known.as_bytes()));
    if !offered.map(<[u8]>::trim_ascii).any(is_known) {
        let message = format!("{} is not offered", quoted(V2));
        findings.add("rta-subprotocol-missing", Place::header(PROTOCOLS), message);
    }
}

/// What a message breaks by itself. Only texts are messages of the service's: control frames, bytes and what an
/// extension has compressed say nothing, and what is far too long for one is not looked at.
pub(super) fn check(schemas: &Schemas, terms: &Terms, from: Sender, message: &Message) -> Vec<Finding> {
    let mut findings = Findings::default();
    if message.opcode != Opcode::Text || message.reserved != 0 || message.payload.len() > LARGEST {
        return Vec::new();
    }
    let view = View::read(trimmed(&message.payload)).ok();
    let frame = view.as_ref().and_then(|view| Frame::of(&view.doc));
    let Some((frame, kind)) = frame.as_ref().and_then(|frame| Some((frame, frame.whole(0)?))) else {
        let shown = "it is no JSON array with a whole number in front";
        findings.add("rta-frame-not-array", Place::message(""), shown);
        return findings.finish(terms, None, None);
    };
    match (u64::try_from(kind), from) {
        (Ok(SUBSCRIBE), Sender::Client) => {
            shape(schemas, Shape::RtaSubscribe, view.as_ref(), &mut findings);
            resource(frame, &mut findings);
        }
        (Ok(UNSUBSCRIBE), Sender::Client) => shape(schemas, Shape::RtaUnsubscribe, view.as_ref(), &mut findings),
        (Ok(SUBSCRIBE | UNSUBSCRIBE), Sender::Service) => {
            shape(schemas, Shape::RtaReply, view.as_ref(), &mut findings);
            reply(frame, &mut findings);
        }
        (Ok(EVENT), Sender::Service) => shape(schemas, Shape::RtaEvent, view.as_ref(), &mut findings),
        (Ok(RESYNC), Sender::Service) => {}
        (Ok(EVENT | RESYNC), Sender::Client) => {
            let message = format!("a client sends type {kind}");
            findings.add("rta-type-wrong-side", Place::message("/0"), message);
        }
        _ => findings.add("rta-type-unknown", Place::message("/0"), format!("type {kind} is unknown")),
    }
    findings.finish(terms, view.as_ref().map(|view| &view.doc), None)
}

fn shape(schemas: &Schemas, shape: Shape, view: Option<&View<'_>>, findings: &mut Findings) {
    if let Some(value) = view.and_then(|view| view.value.as_ref()) {
        schemas.check(shape, value, Place::message, findings);
    }
}

/// The one resource of MPSD is spelt with a slash at its end.
fn resource(frame: &Frame<'_>, findings: &mut Findings) {
    let Some(uri) = frame.text(2).filter(|uri| is_mpsd(uri)) else {
        return;
    };
    if !uri.to_ascii_lowercase().ends_with(".xboxlive.com/connections/") {
        findings.add("rta-resource-uri", Place::message("/2"), format!("{} is another resource", quoted(&uri)));
    }
}

fn reply(frame: &Frame<'_>, findings: &mut Findings) {
    let Some(status) = frame.whole(2) else {
        return;
    };
    let subscribes = frame.kind() == Some(SUBSCRIBE);
    if !STATUSES.contains(&status) && (subscribes || status != UNKNOWN_SUBSCRIPTION) {
        findings.add("rta-status-unknown", Place::message("/2"), format!("status {status} is unknown"));
    }
    if subscribes && status == 0 && frame.number(3).is_none() {
        findings.add("rta-reply-shape", Place::message(""), "a subscription without its id");
    }
}

/// Longer messages are not looked at.
pub(crate) const LARGEST: usize = 1 << 20;

const PROTOCOLS: &str = "sec-websocket-protocol";
/// What clients of 2016 offer.
const V1: &str = "rta.xboxlive.com";
const V2: &str = "rta.xboxlive.com.V2";

/// Done, unknown resource, too many subscriptions, no data, throttled, unavailable.
const STATUSES: [i64; 6] = [0, 1, 2, 3, 1001, 1002];

/// What XSAPI's own stand-in answers to an unsubscribe it knows no subscription of.
const UNKNOWN_SUBSCRIPTION: i64 = 5;
