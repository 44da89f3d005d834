//! Answers on their way to the client.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Extensions, HeaderValue, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::mpsc;

use crate::engine::Piece;
use crate::exchange::Protocol;
use crate::message::{Headers, Response};
use crate::upstream::upgrade::ask;
use crate::upstream::wire::{Payload, header_map};

/// A body: ours to give whole, or one that passes through.
pub(super) enum Reply {
    Whole(Payload),
    Passing(Incoming),
    /// What the engine lets by, piece after piece.
    Flowing(mpsc::Receiver<Piece>),
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(payload) => Pin::new(payload).poll_frame(context).map_err(|never| match never {}),
            Self::Passing(incoming) => Pin::new(incoming).poll_frame(context).map_err(Into::into),
            Self::Flowing(pieces) => pieces.poll_recv(context).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(payload) => payload.is_end_stream(),
            Self::Passing(incoming) => incoming.is_end_stream(),
            Self::Flowing(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(payload) => payload.size_hint(),
            Self::Passing(incoming) => incoming.size_hint(),
            Self::Flowing(_) => SizeHint::default(),
        }
    }
}

/// What an answer's framing depends on: the request it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    protocol: Protocol,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Head,
    Other,
}

impl Asked {
    /// The facts of a request.
    pub(super) fn of<B>(request: &http::Request<B>, protocol: Protocol) -> Self {
        let kind = if request.method() == http::Method::HEAD { Kind::Head } else { Kind::Other };
        Self { protocol, kind }
    }

    /// Frames an answer for hyper: it computes lengths, so only answers without a body keep the one they came with.
    pub(super) fn reply(self, response: Response) -> http::Response<Reply> {
        let Response { status, mut headers, body, trailers } = response;
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        let is_bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let payload = match self.kind {
            Kind::Head => {
                if !body.is_empty() && !is_bodiless {
                    headers.set("content-length", body.wire().len().to_string());
                }
                Payload::default()
            }
            Kind::Other => {
                if status != StatusCode::NOT_MODIFIED {
                    headers.remove("content-length");
                }
                self.payload(if is_bodiless { Bytes::new() } else { body.wire().clone() }, &mut headers, &trailers)
            }
        };
        let mut reply = http::Response::new(Reply::Whole(payload));
        *reply.status_mut() = status;
        *reply.headers_mut() = header_map(&headers);
        reply
    }

    /// An answer whose body comes piece after piece; its length is what its head says.
    pub(super) fn flow(self, head: Response, pieces: mpsc::Receiver<Piece>) -> http::Response<Reply> {
        let mut reply = http::Response::new(Reply::Flowing(pieces));
        *reply.status_mut() = StatusCode::from_u16(head.status).unwrap_or(StatusCode::BAD_GATEWAY);
        *reply.headers_mut() = header_map(&head.headers);
        reply
    }

    /// An answer of our own after which the connection cannot go on.
    pub(super) fn last(self, response: Response) -> http::Response<Reply> {
        let mut reply = self.reply(response);
        if self.protocol == Protocol::H1 {
            reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        reply
    }

    /// A 101, with the header names as `spelling` has them.
    pub(super) fn switch(self, response: Response, spelling: Extensions) -> http::Response<Reply> {
        let mut reply = http::Response::new(Reply::Whole(Payload::default()));
        *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *reply.headers_mut() = header_map(&response.headers);
        ask(reply.headers_mut());
        *reply.extensions_mut() = spelling;
        reply
    }

    // HTTP/1 sends no trailer field that the head did not announce.
    fn payload(self, body: Bytes, headers: &mut Headers, trailers: &Headers) -> Payload {
        if self.protocol == Protocol::H1 && !trailers.is_empty() && headers.text("trailer").is_none() {
            let names: Vec<&str> = trailers.iter().map(|header| header.name.as_str()).collect();
            headers.push("trailer", names.join(", "));
        }
        Payload::new(body, trailers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &str) -> Asked {
        Asked::of(&http::Request::builder().method(method).body(()).unwrap(), Protocol::H1)
    }

    fn length(reply: &http::Response<Reply>) -> Option<&str> {
        reply.headers().get("content-length").map(|value| value.to_str().unwrap())
    }

    #[test]
    fn head_keeps_the_length_and_drops_the_body() {
        let headers: Headers = [("content-length", "7")].into_iter().collect();
        let reply = asked("HEAD").reply(Response::new(200, headers.clone(), ""));
        assert_eq!((length(&reply), reply.body().is_end_stream()), (Some("7"), true));
        let reply = asked("HEAD").reply(Response::new(200, Headers::new(), "abc"));
        assert_eq!((length(&reply), reply.body().is_end_stream()), (Some("3"), true));
        let reply = asked("GET").reply(Response::new(200, headers, "abc"));
        assert_eq!((length(&reply), reply.body().size_hint().exact()), (None, Some(3)));
    }

    #[test]
    fn answers_without_a_body_have_none() {
        for status in [204, 304] {
            let reply = asked("GET").reply(Response::new(status, Headers::new(), "abc"));
            assert!(reply.body().is_end_stream(), "{status}");
        }
        assert_eq!(asked("GET").reply(Response::new(7, Headers::new(), "")).status(), 502);
    }
}
