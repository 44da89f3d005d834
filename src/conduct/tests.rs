//! Exchanges in sequence.

mod examples;
mod sessions;
mod sockets;

use super::*;
use crate::exchange::Protocol;
use crate::message::{Body, Headers, Request, Response};
use crate::mpsd::Service;

fn call(body: &str) -> Call {
    let headers: Headers = [
        ("x-xbl-contract-version", "107"),
        ("authorization", "XBL3.0 x=7000000000000001;redacted"),
        ("content-type", "application/json"),
    ]
    .into_iter()
    .collect();
    let target = "/serviceconfigs/097d0100-e05c-4d37-8420-46f1169056cf/sessionTemplates/LobbySession/sessions/\
                  9f9d4697-0311-449d-8ca3-70baa1667066";
    let request = Request {
        method: "PUT".into(),
        target: target.into(),
        headers,
        body: Body::plain(body.to_owned()),
        ..Request::default()
    };
    Call::new([127, 0, 0, 1].into(), Protocol::H1, Service::Mpsd, request)
}

fn judged(body: &str, status: u16, outcome: Outcome) -> Vec<Finding> {
    let answer = Answer { outcome, response: Response::new(status, Headers::new(), "") };
    let mut judge = Judge::new(Arc::new(Contract::new()));
    judge.exchange(&Exchange { lane: "host", asked: 1, answered: 2, call: &call(body), answer: &answer })
}

#[test]
fn what_the_service_rejects_itself_was_expected() {
    let found = judged(r#"{"changeNumber": 1}"#, 400, Outcome::Answered);
    assert_eq!((found[0].rule.id, found[0].rejected), ("put-readonly-top-level", Some(400)));
    assert_eq!((found[0].severity, found[0].rule.severity), (Severity::Info, Severity::Error));
}

#[test]
fn bad_credentials_say_nothing_about_the_rest() {
    let found = judged(r#"{"changeNumber": 1}"#, 401, Outcome::Answered);
    assert_eq!((found[0].severity, found[0].rejected), (Severity::Error, None));
}

#[test]
fn lost_updates_full_windows_and_our_own_refusals_reject_nothing() {
    for (status, outcome) in [(412, Outcome::Answered), (429, Outcome::Answered), (400, Outcome::Refused)] {
        let found = judged(r#"{"changeNumber": 1}"#, status, outcome);
        assert_eq!((found[0].severity, found[0].rejected), (Severity::Error, None), "{status}");
    }
}
