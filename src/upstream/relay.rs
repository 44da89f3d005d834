//! Plain HTTP for hosts that are none of our business: streamed through, kept nowhere.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, ResponseFuture};

use super::upgrade::ask;
use super::uplink::{Outgoing, Uplink, Upload, first_of};
use super::wire::headers_of;
use super::{Dialler, Limits, client_builder};
use crate::message::{Response as Problem, strip_hop_by_hop};

/// A forward proxy's client for plain `http`.
#[derive(Clone, Debug)]
pub struct Relay {
    client: Client<Dialler, Outgoing>,
    /// For requests whose body is never read.
    switching: Client<Dialler, Empty<Bytes>>,
    limits: Limits,
}

impl Relay {
    /// A relay over that dialler.
    pub fn new(dialler: Dialler, limits: Limits) -> Self {
        let builder = client_builder(&limits);
        Self { client: builder.build(dialler.clone()), switching: builder.build(dialler), limits }
    }

    /// Passes a request in absolute form on, and its answer back as it arrives; a failure is a problem.
    pub async fn pass(&self, request: Request<Incoming>) -> Result<Response<Incoming>, Problem> {
        let (head, body) = request.into_parts();
        let uplink = Uplink::new(Bytes::new(), body);
        let upload = uplink.upload();
        let mut request = Request::from_parts(head, Outgoing::Flowing(uplink));
        keep_end_to_end(request.headers_mut());
        *request.version_mut() = http::Version::HTTP_11;
        let mut answer = self.answered(self.client.request(request), Some(&upload)).await?;
        keep_end_to_end(answer.headers_mut());
        Ok(answer)
    }

    /// Passes a request for a WebSocket on, but nothing behind its head.
    pub async fn switch(&self, request: Request<Incoming>) -> Result<Response<Incoming>, Problem> {
        let mut request = request.map(|_| Empty::new());
        keep_end_to_end(request.headers_mut());
        request.headers_mut().remove(CONTENT_LENGTH);
        ask(request.headers_mut());
        let mut answer = self.answered(self.switching.request(request), None).await?;
        keep_end_to_end(answer.headers_mut());
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            ask(answer.headers_mut());
        }
        Ok(answer)
    }

    async fn answered(&self, asking: ResponseFuture, upload: Option<&Upload>) -> Result<Response<Incoming>, Problem> {
        first_of(asking, upload, &self.limits).await.map_err(|answer| answer.response)
    }
}

/// Drops what belongs to one hop. A length beside a transfer coding is not to be trusted (RFC 9112 6.3): it goes too.
fn keep_end_to_end(map: &mut HeaderMap) {
    if map.contains_key(TRANSFER_ENCODING) {
        map.remove(CONTENT_LENGTH);
    }
    let mut kept = headers_of(map);
    strip_hop_by_hop(&mut kept);
    let dropped: Vec<_> = map.keys().filter(|name| kept.all(name.as_str()).next().is_none()).cloned().collect();
    for name in dropped {
        map.remove(name);
    }
}
