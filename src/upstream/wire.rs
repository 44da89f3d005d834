//! Between hyper's messages and ours. Both legs use it, so that both keep the same bytes.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;

use crate::message::Headers;

/// A whole body on its way out. Without trailers its length is known, so hyper frames it by length.
#[derive(Debug, Default)]
pub struct Payload {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Payload {
    /// A body of these bytes and trailer fields.
    pub fn new(data: Bytes, trailers: &Headers) -> Self {
        let trailers = (!trailers.is_empty()).then(|| header_map(trailers));
        Self { data: Some(data).filter(|data| !data.is_empty()), trailers }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.data.take().map(Frame::data);
        let frame = data.or_else(|| self.trailers.take().map(Frame::trailers));
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.trailers {
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64)),
        }
    }
}

/// Why a body could not be read whole.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It passed the cap.
    #[error("body is longer than {0} bytes")]
    TooLong(usize),
    /// The peer broke off or framed it wrongly.
    #[error("body broke off")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
}

/// Reads a body whole, up to `cap` bytes, and its trailer fields.
pub async fn read_whole<B>(body: &mut B, cap: usize) -> Result<(Bytes, Headers), ReadError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if body.size_hint().lower() > cap as u64 {
        return Err(ReadError::TooLong(cap));
    }
    let mut whole = BytesMut::new();
    match gather(body, cap, &mut whole).await? {
        Some(trailers) => Ok((whole.freeze(), trailers)),
        None => Err(ReadError::TooLong(cap)),
    }
}

/// Reads a body into `whole` up to its end, and gives its trailer fields; `None` once there is more than `cap` bytes of
/// it. Whoever stops waiting has what came so far.
pub async fn gather<B>(body: &mut B, cap: usize, whole: &mut BytesMut) -> Result<Option<Headers>, ReadError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut trailers = Headers::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ReadError::Broken(error.into()))?;
        match frame.into_data() {
            Ok(data) => whole.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().map_or(trailers, |map| headers_of(&map)),
        }
        if whole.len() > cap {
            return Ok(None);
        }
    }
    Ok(Some(trailers))
}

/// hyper's header lines as ours; repeats keep their order.
pub fn headers_of(map: &HeaderMap) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in map {
        headers.push(name.as_str(), Bytes::copy_from_slice(value.as_bytes()));
    }
    headers
}

/// Our header lines as hyper's. A line HTTP cannot carry is left out: it can only come from an edited file.
pub fn header_map(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(headers.len());
    for header in headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = HeaderValue::from_maybe_shared(header.value.clone());
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut body: Payload, cap: usize) -> Result<(Bytes, Headers), ReadError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(read_whole(&mut body, cap))
    }

    #[test]
    fn a_payload_reads_back_with_its_trailers() {
        let trailers: Headers = [("x-sum", "1"), ("x-sum", "2")].into_iter().collect();
        let payload = Payload::new(Bytes::from_static(b"abc"), &trailers);
        assert_eq!(payload.size_hint().exact(), None);
        assert_eq!(read(payload, 3).unwrap(), (Bytes::from_static(b"abc"), trailers));
    }

    #[test]
    fn the_cap_holds() {
        let body = || Payload::new(Bytes::from_static(b"abcd"), &Headers::new());
        assert_eq!(body().size_hint().exact(), Some(4));
        assert!(matches!(read(body(), 3), Err(ReadError::TooLong(3))));
        assert!(Payload::new(Bytes::new(), &Headers::new()).is_end_stream());
    }

    #[test]
    fn lines_http_cannot_carry_are_left_out() {
        let headers: Headers = [("a b", "1"), ("ok", "x\r\ny"), ("fine", "z")].into_iter().collect();
        assert_eq!(headers_of(&header_map(&headers)), [("fine", "z")].into_iter().collect());
    }
}
