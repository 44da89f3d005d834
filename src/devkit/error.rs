//! What can go wrong between us and a portal.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::Fingerprint;

/// Why a portal gave no answer, or not the one it should.
#[derive(Debug, thiserror::Error)]
pub enum PortalError {
    /// The kit's name is not known.
    #[error("there is no address for the name {host}")]
    Name {
        /// The name.
        host: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No connection.
    #[error("no connection")]
    Connect(#[source] io::Error),
    /// No connection in time.
    #[error("no connection within {} s", .0.as_secs_f64())]
    Unreachable(Duration),
    /// TLS came to nothing, for another reason than the certificate.
    #[error("no TLS on that port")]
    Tls(#[source] io::Error),
    /// The certificate is not the one that was confirmed.
    #[error("the certificate is not the one that was confirmed: SHA-256 {seen} instead of {wanted}")]
    Certificate {
        /// The confirmed one.
        wanted: Fingerprint,
        /// The one that was shown.
        seen: Fingerprint,
    },
    /// The connection broke off when the request was on its way.
    #[error("the connection broke off before the answer came")]
    Cut(#[source] Box<dyn Error + Send + Sync>),
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs_f64())]
    Silent(Duration),
    /// What answered does not speak HTTP.
    #[error("what came is no HTTP answer")]
    NotHttp(#[source] hyper::Error),
    /// The answer is longer than any of the portal's.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The answer's body is not what the documents say.
    #[error("the answer to {request} is not what the documents say: {problem}")]
    Unexpected {
        /// Method and path.
        request: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The portal refused.
    #[error("{request} was answered with {status}{}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Status {
        /// Method and path.
        request: String,
        /// The status.
        status: u16,
        /// The portal's own reason, short and on one line.
        reason: Option<String>,
    },
    /// The request cannot be put together.
    #[error("the request cannot be made")]
    Request(#[from] http::Error),
    /// TLS cannot be set up.
    #[error("setting up TLS")]
    Setup(#[from] rustls::Error),
}

impl PortalError {
    /// The status the portal refused with.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// True when the request may have been heard although no answer came.
    pub fn is_unclear(&self) -> bool {
        matches!(self, Self::Cut(_) | Self::Silent(_))
    }

    /// True for what a kit that was there says, or does not say, while it restarts. Its name may be gone with it.
    pub fn is_absence(&self) -> bool {
        let is_refusal = self.status().is_some_and(|status| status >= 500);
        let is_away = matches!(self, Self::Name { .. } | Self::Connect(_) | Self::Unreachable(_) | Self::Tls(_));
        is_refusal || is_away || self.is_unclear()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kit_that_restarts_may_lose_its_name_but_not_its_certificate() {
        let status =
            |status| PortalError::Status { request: "GET /ext/fiddler".to_owned(), status, reason: None }.is_absence();
        let (wanted, seen) = (Fingerprint::of(b"wanted"), Fingerprint::of(b"seen"));
        let unknown = io::Error::from(io::ErrorKind::NotFound);
        assert!(PortalError::Name { host: "kit-7".to_owned(), source: unknown }.is_absence());
        assert!(status(503) && PortalError::Silent(Duration::from_secs(1)).is_absence());
        assert!(!status(401) && !PortalError::Certificate { wanted, seen }.is_absence());
    }
}
