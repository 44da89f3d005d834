//! Request bodies that are too long, or too slow, to be had whole: they are passed on as they come, and counted.

use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::client::legacy::ResponseFuture;
use sha2::{Digest, Sha256};

use super::wire::Payload;
use super::{Limits, chain, failure, ours, timed_out};
use crate::dice::hex;
use crate::exchange::{Answer, Outcome};

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

    /// How many bytes, and their SHA-256 in lower-case hex.
    pub fn told(self) -> (u64, String) {
        (self.length, hex(&self.digest.finalize()))
    }
}

/// How a body came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every byte came.
    Whole,
    /// Whoever sent it broke off.
    Broken,
}

/// How far a request's body came; it is asked while that goes on.
#[derive(Clone, Debug)]
pub struct Upload(Arc<Mutex<(Passed, Option<Ending>)>>);

impl Upload {
    /// How many bytes passed, and how it ended; no ending when it has not, or nobody wanted the rest.
    pub fn so_far(&self) -> (u64, Option<Ending>) {
        let state = self.state();
        (state.0.length, state.1)
    }

    /// What passed of it.
    pub fn passed(&self) -> Passed {
        self.state().0.clone()
    }

    fn state(&self) -> MutexGuard<'_, (Passed, Option<Ending>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's body that is passed on as it comes.
#[derive(Debug)]
pub struct Uplink {
    first: Option<Bytes>,
    rest: Incoming,
    upload: Upload,
}

impl Uplink {
    /// A body of which this came so far.
    pub fn new(first: Bytes, rest: Incoming) -> Self {
        let ending = (first.is_empty() && rest.is_end_stream()).then_some(Ending::Whole);
        let upload = Upload(Arc::new(Mutex::new((Passed::default(), ending))));
        Self { first: Some(first).filter(|first| !first.is_empty()), rest, upload }
    }

    /// How far it came, whenever that is asked.
    pub fn upload(&self) -> Upload {
        self.upload.clone()
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = match self.first.take() {
            Some(first) => Some(Ok(Frame::data(first))),
            None => ready!(Pin::new(&mut self.rest).poll_frame(context)),
        };
        let mut state = self.upload.state();
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            state.0.add(data);
        }
        match &frame {
            Some(Err(_)) => state.1 = Some(Ending::Broken),
            // Where the length is known, nobody asks for more than that.
            _ if frame.is_none() || self.rest.is_end_stream() => state.1 = Some(Ending::Whole),
            _ => {}
        }
        drop(state);
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

/// The head of what is answered, or our answer in its place. As long as the request's body moves, nobody is late: how long
/// sending takes is the client's affair.
pub(super) async fn first_of(
    mut asking: ResponseFuture,
    upload: Option<&Upload>,
    limits: &Limits,
) -> Result<http::Response<Incoming>, Answer> {
    let mut seen = upload.map(Upload::so_far);
    loop {
        let is_sending = matches!(seen, Some((_, None)));
        let patience = if is_sending { limits.idle } else { limits.answer };
        let heard = tokio::time::timeout(patience, &mut asking).await;
        let now = upload.map(Upload::so_far);
        match heard {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) if matches!(now, Some((_, Some(Ending::Broken)))) => {
                return Err(ours(Outcome::Refused, 400, "request-body-broken", &chain(&error)));
            }
            Ok(Err(error)) => return Err(failure(&error)),
            Err(_) if now == seen => return Err(timed_out(patience)),
            Err(_) => seen = now,
        }
    }
}
