//! Puts other values into the slots of a record: in texts and in whole numbers, wherever the walk finds them.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::Record;
use super::body::{Content, StoredBody, restore};
use super::record::{RecordedRequest, RecordedResponse};
use crate::message::Headers;
use crate::slot::{self, Judge, Slot};

/// Hands every slot of a record to `value`, always in the same order, and puts what it gives in its place.
pub(crate) fn rewrite(record: &mut Record, judge: &dyn Judge, value: &mut dyn FnMut(&Slot) -> Option<String>) {
    match record {
        Record::Http(http) => {
            rewrite_request(&mut http.request, judge, value);
            rewrite_response(&mut http.response, judge, value);
        }
        Record::Frame(frame) => {
            if let Some(new) = frame.what.body.as_ref().and_then(|body| rewritten(body.content(), judge, value)) {
                frame.what.rewrite(new);
            }
        }
        Record::Mark(mark) => {
            let slots = slot::in_text(&mark.text, judge);
            rewrite_text(&mut mark.text, &slots, value);
        }
    }
}

/// The same for what was asked alone.
pub(crate) fn rewrite_request(
    request: &mut RecordedRequest,
    judge: &dyn Judge,
    value: &mut dyn FnMut(&Slot) -> Option<String>,
) {
    let RecordedRequest { authority, target, headers, body, trailers, .. } = request;
    let slots = slot::in_text(authority, judge);
    rewrite_text(authority, &slots, value);
    let slots = slot::in_target(target, None, judge);
    rewrite_text(target, &slots, value);
    rewrite_message(headers, body.as_mut(), trailers, judge, value);
}

/// The same for what was answered alone.
pub(crate) fn rewrite_response(
    response: &mut RecordedResponse,
    judge: &dyn Judge,
    value: &mut dyn FnMut(&Slot) -> Option<String>,
) {
    let RecordedResponse { headers, body, trailers, .. } = response;
    rewrite_message(headers, body.as_mut(), trailers, judge, value);
}

fn rewrite_text(text: &mut String, slots: &[Slot], value: &mut dyn FnMut(&Slot) -> Option<String>) {
    if let Some(new) = spliced(text.as_bytes(), slots, value).and_then(|new| String::from_utf8(new).ok()) {
        *text = new;
    }
}

fn rewrite_message(
    headers: &mut Headers,
    body: Option<&mut StoredBody>,
    trailers: &mut Headers,
    judge: &dyn Judge,
    value: &mut dyn FnMut(&Slot) -> Option<String>,
) {
    rewrite_headers(headers, judge, value);
    if let Some(body) = body
        && let Some(new) = rewritten(body.content(), judge, value)
    {
        let before = restore(Some(body), headers).wire().len();
        body.rewrite(new);
        let after = restore(Some(body), headers).wire().len();
        let lengths = headers.iter_mut().filter(|header| header.name == "content-length");
        for length in lengths.filter(|length| length.value == before.to_string().as_bytes()) {
            length.value = Bytes::from(after.to_string());
        }
    }
    rewrite_headers(trailers, judge, value);
}

fn rewrite_headers(headers: &mut Headers, judge: &dyn Judge, value: &mut dyn FnMut(&Slot) -> Option<String>) {
    for header in headers.iter_mut() {
        let slots = match std::str::from_utf8(&header.value) {
            Ok(text) => slot::in_header(&header.name, text, judge),
            Err(_) => slot::in_chunks(&header.value, judge),
        };
        if let Some(new) = spliced(&header.value, &slots, value) {
            header.value = Bytes::from(new);
        }
    }
}

fn rewritten(content: &Content, judge: &dyn Judge, value: &mut dyn FnMut(&Slot) -> Option<String>) -> Option<Content> {
    let plain = content.bytes();
    let slots = slot::in_payload(&plain, judge);
    let new = spliced(&plain, &slots, value)?;
    match content {
        Content::Json(_) => RawValue::from_string(String::from_utf8(new).ok()?).ok().map(Content::Json),
        Content::Text(_) => String::from_utf8(new).ok().map(Content::Text),
        Content::Bytes(_) => Some(Content::Bytes(Bytes::from(new))),
        Content::Withheld(_) => None,
    }
}

/// The bytes with new values in their slots; `None` when that changes nothing.
fn spliced(bytes: &[u8], slots: &[Slot], value: &mut dyn FnMut(&Slot) -> Option<String>) -> Option<Vec<u8>> {
    let new = slot::splice(bytes, slots, value);
    (new != bytes).then_some(new)
}
