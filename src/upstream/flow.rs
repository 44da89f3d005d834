//! Bodies that are too long, or too slow, to be had whole: they are passed on as they come, and counted.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use sha2::{Digest, Sha256};

use super::wire::{Payload, ReadError, gather};
use super::{Upstream, broken, timed_out, untargeted};
use crate::dice::hex;
use crate::exchange::{Answer, Call};
use crate::message::{Gone, Response};

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
        // How long sending takes is the client's affair.
        let patience = if uplink.is_some() { self.limits.idle } else { self.limits.answer };
        let outgoing = outgoing.map(|payload| uplink.map_or(Outgoing::Whole(payload), Outgoing::Flowing));
        let asking = self.clients(call.service).of(call.protocol).request(outgoing);
        let (head, mut rest) = match tokio::time::timeout(patience, asking).await {
            Ok(Ok(answer)) => answer.into_parts(),
            Ok(Err(error)) => return Sent::Whole(self.failure(call.service, &error)),
            Err(_) => return Sent::Whole(timed_out(&self.limits)),
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

/// What passed of a body.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    length: u64,
    digest: Sha256,
}

impl Passed {
    /// Counts some more.
    pub fn add(&mut self, data: &[u8]) {
        self.length = self.length.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
        self.digest.update(data);
    }

    /// How many bytes, and their SHA-256.
    pub fn told(self) -> Gone {
        Gone { length: self.length, sha256: hex(&self.digest.finalize()) }
    }
}

/// A request's body that is passed on as it comes.
#[derive(Debug)]
pub struct Uplink {
    first: Option<Bytes>,
    rest: Incoming,
    passed: Arc<Mutex<Passed>>,
}

impl Uplink {
    /// A body of which this came so far.
    pub fn new(first: Bytes, rest: Incoming) -> Self {
        Self { first: Some(first).filter(|first| !first.is_empty()), rest, passed: Arc::default() }
    }

    /// What passes of it, as it does.
    pub fn passed(&self) -> Arc<Mutex<Passed>> {
        Arc::clone(&self.passed)
    }

    /// Reads it to its end and keeps nothing of it: what came by. Nothing may move for so long.
    ///
    /// # Errors
    /// It broke off, or nothing moved.
    pub async fn counted(mut self, idle: Duration) -> Result<Passed, ReadError> {
        loop {
            let frame = tokio::time::timeout(idle, poll_fn(|context| self.poll(context))).await;
            match frame {
                Ok(Some(Ok(_))) => {}
                Ok(None) => return Ok(self.passed.lock().unwrap_or_else(PoisonError::into_inner).clone()),
                Ok(Some(Err(error))) => return Err(ReadError::Broken(error.into())),
                Err(_) => return Err(ReadError::Broken(io::Error::from(io::ErrorKind::TimedOut).into())),
            }
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = match self.first.take() {
            Some(first) => Some(Ok(Frame::data(first))),
            None => ready!(Pin::new(&mut self.rest).poll_frame(context)),
        };
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.passed.lock().unwrap_or_else(PoisonError::into_inner).add(data);
        }
        Poll::Ready(frame)
    }
}

/// A request's body on its way out.
#[derive(Debug)]
pub(super) enum Outgoing {
    Whole(Payload),
    Flowing(Uplink),
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Box<dyn Error + Send + Sync>>>> {
        match self.get_mut() {
            Self::Whole(payload) => Pin::new(payload).poll_frame(context).map_err(|never| match never {}),
            Self::Flowing(uplink) => uplink.poll(context).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(payload) => payload.is_end_stream(),
            Self::Flowing(uplink) => uplink.first.is_none() && uplink.rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(payload) => payload.size_hint(),
            Self::Flowing(uplink) => {
                let mut hint = uplink.rest.size_hint();
                let first = uplink.first.as_ref().map_or(0, |first| first.len() as u64);
                match hint.exact() {
                    Some(rest) => hint.set_exact(rest.saturating_add(first)),
                    None => hint.set_lower(hint.lower().saturating_add(first)),
                }
                hint
            }
        }
    }
}
