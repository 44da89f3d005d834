//! Plain HTTP for hosts that are none of our business: streamed through, kept nowhere.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;

use super::wire::headers_of;
use super::{Dialler, Limits, client_builder, failure, timed_out};
use crate::message::{Response as Problem, strip_hop_by_hop};

/// A forward proxy's client for plain `http`.
#[derive(Clone, Debug)]
pub struct Relay {
    client: Client<Dialler, Incoming>,
    limits: Limits,
}

impl Relay {
    /// A relay over that dialler.
    pub fn new(dialler: Dialler, limits: Limits) -> Self {
        Self { client: client_builder(&limits).build(dialler), limits }
    }

    /// Passes a request in absolute form on, and its answer back as it arrives; a failure is a problem.
    pub async fn pass(&self, mut request: Request<Incoming>) -> Result<Response<Incoming>, Problem> {
        keep_end_to_end(request.headers_mut());
        *request.version_mut() = http::Version::HTTP_11;
        match tokio::time::timeout(self.limits.answer, self.client.request(request)).await {
            Ok(Ok(mut answer)) => {
                keep_end_to_end(answer.headers_mut());
                Ok(answer)
            }
            Ok(Err(error)) => Err(failure(&error).response),
            Err(_) => Err(timed_out(&self.limits).response),
        }
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
