//! What neighbours say at length: it is passed on as it comes, and only how much it was is kept.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Engine, Place, Source};
use crate::exchange::{Answer, Call, Outcome};
use crate::message::{Body, Response};
use crate::mpsd::Service;
use crate::mpsd::host::is_sign_in;
use crate::redact::{Redacted, Unkept};
use crate::upstream::{Ending, Flow, Passed, Sent, Uplink, Upload};

/// What came of a call.
pub enum Said {
    /// An answer, whole and on record.
    Whole(Answer),
    /// The head of one, and a body that is still coming.
    Passing(Box<Passing>),
}

/// An answer that passes by; it is recorded when it ends.
pub struct Passing {
    engine: Arc<Engine>,
    place: Place,
    call: Call,
    kept: Redacted<Call>,
    upload: Option<Upload>,
    flow: Flow,
}

/// A piece of a body, or why there is no more.
pub type Piece = Result<Frame<Bytes>, io::Error>;

impl Engine {
    /// True for calls whose bodies need not be had whole.
    pub fn passes_on(&self, service: Service) -> bool {
        service == Service::Neighbour && matches!(self.source, Source::Upstream(_))
    }

    /// Answers a call as [`Self::answer`] does, but what a neighbour says at length is passed on as it comes. `uplink` is
    /// the request's body, where that is not whole. `None`: as for [`Self::answer`].
    pub async fn exchange(self: &Arc<Self>, call: Call, uplink: Option<Uplink>) -> Option<Said> {
        let upstream = match &self.source {
            Source::Upstream(upstream) if call.service == Service::Neighbour => upstream,
            _ => return self.answer(call).await.map(Said::Whole),
        };
        let call = self.attributed(call);
        let place = self.place(&call)?;
        let kept = self.redactor.call(&call);
        let upload = uplink.as_ref().map(Uplink::upload).filter(|_| !is_sign_in(call.request.host()));
        match upstream.begin(&call, uplink).await {
            Sent::Whole(answer) => {
                self.keep(place, &call, with(kept, upload), Vec::new(), &answer).await?;
                Some(Said::Whole(answer))
            }
            Sent::Flowing(flow) => {
                Some(Said::Passing(Box::new(Passing { engine: Arc::clone(self), place, call, kept, upload, flow })))
            }
        }
    }
}

/// A call with what is known of a body that passed.
fn with(mut call: Redacted<Call>, upload: Option<Upload>) -> Redacted<Call> {
    if let Some(upload) = upload {
        let (length, sha256) = upload.passed().told();
        let reason = if upload.so_far().1 == Some(Ending::Whole) { PASSED } else { IN_PART };
        call.withheld = Some(Unkept { reason, length, sha256 });
    }
    call
}

/// How a body ended.
enum End {
    Whole,
    /// The far end broke off, or nothing moved any more.
    Broken(io::Error),
    /// The client left.
    Gone,
    /// We are to stop.
    Stopped,
}

impl Passing {
    /// The answer's head, with the length its body says it has.
    pub fn head(&self) -> Response {
        let mut head = self.flow.head.clone();
        if let Some(length) = &self.flow.length {
            head.headers.set("content-length", length.clone());
        }
        head
    }

    /// Passes the body on until it ends, or nothing moved for `idle`, or it is to `stop`; then the exchange is recorded.
    pub async fn pass(mut self, to: mpsc::Sender<Piece>, idle: Duration, stop: CancellationToken) {
        let (mut passed, first) = (Passed::default(), std::mem::take(&mut self.flow.first));
        let end = tokio::select! {
            biased;
            end = relay(first, &mut self.flow.rest, &to, &mut passed, idle) => end,
            () = stop.cancelled() => End::Stopped,
        };
        let (reason, outcome, fault) = match end {
            End::Whole => (PASSED, Outcome::Answered, None),
            End::Broken(error) => (PASSED, Outcome::Reset, Some(error)),
            End::Gone => (PASSED, Outcome::ClientGone, None),
            End::Stopped => (STOPPED, Outcome::Answered, Some(io::Error::other("tapdeck stops"))),
        };
        let is_recorded = self.record(passed, reason, outcome).await.is_some();
        let fault = fault.or_else(|| (!is_recorded).then(|| io::Error::other("it cannot be recorded")));
        if let Some(fault) = fault {
            // A client that has left hears nothing.
            let _ = to.send(Err(fault)).await;
        }
    }

    async fn record(self, passed: Passed, reason: &'static str, outcome: Outcome) -> Option<()> {
        let Self { engine, place, call, kept, upload, flow } = self;
        let kept = with(kept, upload);
        let answer = Answer { outcome, response: Response { body: Body::unknown(), ..flow.head } };
        let mut kept_answer = engine.redactor.answer(&call, &answer);
        if !is_sign_in(call.request.host()) {
            let (length, sha256) = passed.told();
            kept_answer.withheld = Some(Unkept { reason, length, sha256 });
        }
        engine.watch.tell_unkept(&place.lane, &kept, &kept_answer);
        engine.watch.answered(&place.lane, &kept.message, kept_answer.message.response.status);
        engine.unless_failed(engine.record(&place, &kept, &kept_answer).await)
    }
}

async fn relay(
    first: Bytes,
    rest: &mut Incoming,
    to: &mpsc::Sender<Piece>,
    passed: &mut Passed,
    idle: Duration,
) -> End {
    let mut piece = Some(Frame::data(first)).filter(|frame| frame.data_ref().is_some_and(|data| !data.is_empty()));
    loop {
        if let Some(frame) = piece.take() {
            passed.add(frame.data_ref().map_or(&[], |data| data));
            if to.send(Ok(frame)).await.is_err() {
                return End::Gone;
            }
        }
        if rest.is_end_stream() {
            return End::Whole;
        }
        let next = tokio::select! {
            biased;
            () = to.closed() => return End::Gone,
            next = tokio::time::timeout(idle, rest.frame()) => next,
        };
        piece = match next {
            Ok(None) => return End::Whole,
            Ok(Some(Ok(frame))) => Some(frame),
            Ok(Some(Err(error))) => return End::Broken(io::Error::other(error)),
            Err(_) => return End::Broken(io::ErrorKind::TimedOut.into()),
        };
    }
}

const PASSED: &str = "too long or too slow to be kept, it was passed on as it came";
const IN_PART: &str = "too long or too slow to be kept, it was passed on as far as it came";
const STOPPED: &str = "too long or too slow to be kept, it was passed on until the recording ended";
