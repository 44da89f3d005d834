//! Sign-in, where somebody asked for it to be looked into: of what is said there only that it was said is kept.

use super::pass::Pass;
use super::{Redacted, Unkept};
use crate::exchange::{Answer, Call};
use crate::message::{Body, Headers, Request, Response};
use crate::mpsd::resolve;

/// A call without anything its sender says of themselves: method, host and path are left.
pub(super) fn call(mut pass: Pass<'_>, call: &Call) -> Redacted<Call> {
    let request = &call.request;
    let (target, withheld) = (pass.target(request.path()), unkept(&request.body));
    let redacted = Request {
        method: request.method.clone(),
        scheme: request.scheme,
        authority: pass.plain(&request.authority),
        target,
        headers: kept(&request.headers),
        trailers: Headers::new(),
        body: left(&request.body),
    };
    let resolution = resolve(call.service, &redacted.method, &redacted.target);
    Redacted { withheld, ..pass.done(Call { request: redacted, resolution, ..call.clone() }) }
}

/// An answer without what it grants: its status is left.
pub(super) fn answer(pass: Pass<'_>, answer: &Answer) -> Redacted<Answer> {
    let response = &answer.response;
    let redacted = Response {
        status: response.status,
        headers: kept(&response.headers),
        body: left(&response.body),
        trailers: Headers::new(),
    };
    let withheld = unkept(&response.body);
    Redacted { withheld, ..pass.done(Answer { outcome: answer.outcome, response: redacted }) }
}

/// Nothing may be known of it, not even a digest: passwords are short.
fn unkept(body: &Body) -> Option<Unkept> {
    (!body.is_empty()).then(|| Unkept::unseen("what is said at sign-in is not kept"))
}

fn left(body: &Body) -> Body {
    if body.is_empty() { Body::default() } else { Body::unknown() }
}

fn kept(headers: &Headers) -> Headers {
    let mut kept = headers.clone();
    kept.retain(|header| KEPT.contains(&header.name.as_str()));
    kept
}

/// Headers that say nothing of anybody.
const KEPT: [&str; 2] = ["content-type", "x-xbl-contract-version"];

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use crate::exchange::{Answer, Call, Protocol};
    use crate::message::{Body, Headers, Request, Response};
    use crate::mpsd::Service;
    use crate::redact::Redactor;

    #[test]
    fn nothing_said_at_sign_in_is_left_and_its_tokens_are_known_elsewhere() {
        let token = "opaque-ticket-of-somebody";
        let request = Request {
            method: "POST".into(),
            authority: "user.auth.xboxlive.com".into(),
            target: format!("/user/authenticate?code={token}"),
            headers: [("content-type", "application/json"), ("signature", "AAAA"), ("x-odd", token)]
                .into_iter()
                .collect(),
            body: Body::plain(format!(r#"{{"Properties":{{"RpsTicket":"d={token}"}}}}"#)),
            ..Request::default()
        };
        let call = Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Protocol::H1, Service::Neighbour, request);
        let headers: Headers =
            [("location", "https://x.test/#access_token=1"), ("set-cookie", "a=b")].into_iter().collect();
        let response = Response::new(200, headers, r#"{"Token":"granted-token-of-somebody"}"#);
        let answer = Answer::answered(response);
        let redactor = Redactor::new(1);
        let kept = redactor.call(&call);
        assert_eq!(kept.message.request.target, "/user/authenticate");
        assert_eq!(kept.message.request.headers, [("content-type", "application/json")].into_iter().collect());
        let withheld = kept.withheld.unwrap();
        assert!(withheld.length == 0 && kept.message.request.body.decoded().is_none());
        let kept = redactor.answer(&call, &answer);
        assert!(kept.message.response.headers.is_empty() && kept.withheld.is_some());
        assert!(!redactor.is_clean(b"granted-token-of-somebody"));
    }
}
