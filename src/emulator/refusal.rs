//! Why a call is refused, and the answer that says so.

use thiserror::Error;

use super::caps;
use super::reply;
use super::throttle::Overrun;
use crate::exchange::Outcome;
use crate::message::Response;
use crate::mpsd::system::Misfit;

/// A refusal. Reasons are ours and name fields and rules, never a caller's values.
#[derive(Debug, Error)]
pub(super) enum Refusal {
    /// 400: wrong at first sight.
    #[error("{0}")]
    Invalid(String),
    /// 401: no `XBL3.0` token.
    #[error("no token")]
    Unauthenticated,
    /// 401 with the reason in a header: a token of the documented form that says something else.
    #[error("{0}")]
    BadToken(String),
    /// 403, with the reason as text: the caller may not even read.
    #[error("{0}")]
    Forbidden(&'static str),
    /// 403, with the session: the caller may read but not do this.
    #[error("the session may be read but not written")]
    ReadOnly,
    /// 404: no such path, template, handle or element.
    #[error("{0}")]
    NotFound(&'static str),
    /// 405, with the verbs there are.
    #[error("the resource does not support the verb")]
    WrongMethod(Vec<&'static str>),
    /// 409: at odds with the session as it is.
    #[error("{0}")]
    Conflict(String),
    /// The status a policy chooses, with a reason.
    #[error("{1}")]
    Chosen(u16, &'static str),
    /// 429: more calls than the title's players may make.
    #[error("too many requests")]
    Throttled(Overrun),
    /// 412, with the session as it is: the entity tag is not the current one.
    #[error("the entity tag is not the current one")]
    Stale,
    /// 412 without a body: the session exists, or does not, against the caller's wish.
    #[error("the precondition is not met")]
    Unmet,
    /// 501, in our words: nobody has said what a service next door answers.
    #[error("{0}")]
    Uncanned(String),
    /// 503: the emulator keeps no more.
    #[error("the emulator is full")]
    Full,
}

impl Refusal {
    /// A 400 with a reason.
    pub(super) fn invalid(reason: &str) -> Self {
        Self::Invalid(reason.to_owned())
    }

    /// A 409 with a reason.
    pub(super) fn conflict(reason: &str) -> Self {
        Self::Conflict(reason.to_owned())
    }

    /// Whose word it is.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Uncanned(_) => Outcome::Refused,
            _ => Outcome::Answered,
        }
    }

    /// The answer, for refusals that do not show the session.
    pub(super) fn response(&self) -> Response {
        match self {
            Self::Invalid(reason) => reply::text(400, reason),
            Self::Unauthenticated => reply::empty(401),
            Self::BadToken(reason) => {
                let mut response = reply::empty(401);
                response.headers.push("www-authenticate", format!("XBL3.0 error=\"{reason}\""));
                response
            }
            Self::Forbidden(reason) => reply::text(403, reason),
            Self::ReadOnly => reply::text(403, &self.to_string()),
            Self::NotFound(reason) => reply::text(404, reason),
            Self::WrongMethod(verbs) => {
                let mut response = reply::text(405, &self.to_string());
                response.headers.push("allow", verbs.join(", "));
                response
            }
            Self::Conflict(reason) => reply::text(409, reason),
            Self::Chosen(status, reason) => reply::text(*status, reason),
            Self::Throttled(overrun) => overrun.response(),
            Self::Stale | Self::Unmet => reply::uncached(reply::empty(412)),
            Self::Uncanned(detail) => Response::problem(501, "no-canned-answer", detail),
            Self::Full => {
                let mut response = reply::empty(503);
                response.headers.push("retry-after", caps::FULL_RETRY_AFTER);
                response
            }
        }
    }
}

impl From<Misfit> for Refusal {
    fn from(misfit: Misfit) -> Self {
        Self::Invalid(format!("The request body is not valid: {misfit}."))
    }
}
