//! Answers that are too long, or too slow, to be had whole: they are passed on as they come.

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use hyper::body::Incoming;

use super::uplink::{Outgoing, Uplink, first_of};
use super::wire::gather;
use super::{Upstream, broken, untargeted};
use crate::exchange::{Answer, Call};
use crate::message::Response;

/// What came back.
pub enum Sent {
    /// An answer, whole.
    Whole(Answer),
    /// The head of one, and a body that is still coming.
    Flowing(Flow),
}

/// An answer whose body is still coming.
pub struct Flow {
    /// Its status and headers.
    pub head: Response,
    /// How long its body says it is.
    pub length: Option<Bytes>,
    /// What came so far.
    pub first: Bytes,
    /// What is to come.
    pub rest: Incoming,
}

impl Upstream {
    /// Sends a call's request as [`Self::send`] does, and reads the answer whole if it comes soon and is no longer than a
    /// body may be. `uplink` is the request's body, where that is not whole.
    pub async fn begin(&self, call: &Call, uplink: Option<Uplink>) -> Sent {
        let Ok(outgoing) = self.outgoing(call, call.protocol) else { return Sent::Whole(untargeted()) };
        let upload = uplink.as_ref().map(Uplink::upload);
        let outgoing = outgoing.map(|payload| uplink.map_or(Outgoing::Whole(payload), Outgoing::Flowing));
        let asking = self.clients(call.service).of(call.protocol).request(outgoing);
        let (head, mut rest) = match first_of(asking, upload.as_ref(), &self.limits).await {
            Ok(answer) => answer.into_parts(),
            Err(answer) => return Sent::Whole(answer),
        };
        let is_fit = rest.size_hint().lower() <= self.limits.body as u64 && !is_endless(&head.headers);
        let mut first = BytesMut::new();
        let gathered = if is_fit {
            let gathering = gather(&mut rest, self.limits.body, &mut first);
            tokio::time::timeout(self.limits.gather, gathering).await.ok()
        } else {
            None
        };
        match gathered {
            Some(Err(error)) => Sent::Whole(broken(&error)),
            Some(Ok(Some(trailers))) => {
                let response = self.response(&call.request.method, &head, first.freeze());
                Sent::Whole(Answer::answered(Response { trailers, ..response }))
            }
            Some(Ok(None)) | None => {
                let length = head.headers.get(http::header::CONTENT_LENGTH);
                let length = length.map(|length| Bytes::copy_from_slice(length.as_bytes()));
                let response = self.response(&call.request.method, &head, Bytes::new());
                Sent::Flowing(Flow { head: response, length, first: first.freeze(), rest })
            }
        }
    }
}

/// True for answers that go on for as long as both sides like.
fn is_endless(headers: &http::HeaderMap) -> bool {
    let media_type = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.to_ascii_lowercase();
    ["text/event-stream", "multipart/x-mixed-replace"].iter().any(|endless| media_type.starts_with(endless))
}
