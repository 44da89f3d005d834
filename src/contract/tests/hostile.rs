//! Bodies, targets and headers of the worst kind: no panic, and bounded answers, always the same.

use proptest::prelude::*;

use super::*;
use crate::exchange::Protocol;
use crate::message::{Body, Request};

fn call(method: &str, target: &str, headers: &[(String, String)], body: Vec<u8>) -> Call {
    let mut all = Headers::new();
    for (name, value) in headers {
        all.push(name, value.clone());
    }
    let (method, target) = (method.to_owned(), target.to_owned());
    let request = Request { method, target, headers: all, body: Body::plain(body), ..Request::default() };
    Call::new([127, 0, 0, 1].into(), Protocol::H1, Service::Mpsd, request)
}

fn judge(call: &Call, status: u16, body: Vec<u8>) -> Vec<Finding> {
    let mut found = CONTRACT.check_call(call);
    found.extend(CONTRACT.check_answer(call, &Answer::answered(Response::new(status, Headers::new(), body))));
    found
}

/// JSON around the names the checks look for.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1.0e6..1.0e6_f64).prop_map(Value::from),
        "[a-zA-Z0-9~/é -]{0,12}".prop_map(Value::from),
    ];
    let name = prop::sample::select(NAMES).prop_map(str::to_owned);
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..8).prop_map(|all| Value::Object(all.into_iter().collect())),
        ]
    })
}

const NAMES: &[&str] = &[
    "constants",
    "properties",
    "members",
    "servers",
    "roleTypes",
    "roles",
    "me",
    "me_5",
    "reserve_0",
    "0",
    "system",
    "custom",
    "capabilities",
    "large",
    "hasOwners",
    "connectivity",
    "maxMembersCount",
    "membersInfo",
    "first",
    "next",
    "count",
    "turn",
    "host",
    "locked",
    "closed",
    "joinRestriction",
    "readRestriction",
    "active",
    "connection",
    "measurements",
    "initializationGroup",
    "type",
    "version",
    "sessionRef",
    "originSessionRef",
    "scid",
    "name",
    "max",
    "target",
    "memberInitialization",
    "membersNeededToStart",
    "timeouts",
    "xuid",
    "index",
    "deviceToken",
    "a/b~c",
];

const OPERATIONS: &[(&str, &str)] = &[
    ("PUT", "/serviceconfigs/x/sessiontemplates/t/sessions/n"),
    ("PUT", "/serviceconfigs/x/sessiontemplates/t/sessions/n/properties"),
    ("PUT", "/serviceconfigs/x/sessiontemplates/t/sessions/n/members/me"),
    ("PUT", "/serviceconfigs/x/sessiontemplates/t/sessions/n/servers/s"),
    ("PUT", "/handles/h/session"),
    ("POST", "/handles"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_are_judged(
        method in "[A-Z]{0,6}", target in "/?[a-z/?&=%~é]{0,40}", body: Vec<u8>, answer: Vec<u8>, status: u16,
        headers in prop::collection::vec(("[a-z-]{1,12}", "[ -~é]{0,20}"), 0..6),
    ) {
        let call = call(&method, &target, &headers, body);
        let found = judge(&call, status, answer.clone());
        prop_assert_eq!(found, judge(&call, status, answer));
    }

    #[test]
    fn any_value_is_judged(
        at in prop::sample::select(OPERATIONS), body in json(), answer in json(), version in 103..109_u32,
        status in prop::sample::select(&[200_u16, 201, 412, 429][..]),
    ) {
        let headers = [("x-xbl-contract-version".to_owned(), version.to_string())];
        let call = call(at.0, at.1, &headers, body.to_string().into_bytes());
        let found = judge(&call, status, answer.to_string().into_bytes());
        prop_assert!(found.len() <= 2 * REPORTED_AT_MOST);
        let again = judge(&call, status, answer.to_string().into_bytes());
        prop_assert_eq!(found, again);
    }
}

#[test]
fn findings_are_bounded() {
    let names: Vec<String> = (0..5000).map(|name| format!("\"n{name}\":1")).collect();
    let found = findings(&format!("session.put\n\n{{{}}}", names.join(",")));
    assert_eq!(found.len(), REPORTED_AT_MOST);
    assert_eq!(found[0].place, Place::body("/n0"));
}

#[test]
fn deep_and_large_bodies_are_judged_by_the_scanner_alone() {
    let deep = format!("{{\"zebra\":{}{}}}", "[".repeat(200), "]".repeat(200));
    assert!(findings(&format!("session.put\n\n{deep}")).is_empty());
    assert_eq!(broken(&format!("session.put\n\n{deep},")), ["json-malformed"]);
    let large = format!("{{\"zebra\":\"{}\"}}", "x".repeat(2 << 20));
    assert!(findings(&format!("session.put\n\n{large}")).is_empty());
}

#[test]
fn an_opaque_body_is_left_alone() {
    let headers: Headers = [("content-encoding", "martian")].into_iter().collect();
    let mut call = Example::read("session.put\n\n{}").call;
    call.request.body = Body::received(b"\x01\x02".as_slice().into(), &headers, 1 << 20);
    assert!(call.request.body.decoded().is_none());
    assert!(Contract::new().check_call(&call).is_empty());
    // One that was not kept is no empty one, in requests and in answers.
    call.request.body = Body::unknown();
    assert!(Contract::new().check_call(&call).is_empty());
    for text in ["session.get", "sessions.query?keyword=a", "templates.list", "template.get", "handle.get"] {
        let Example { call, answer, .. } =
            Example::read(&format!("{text}\n---\n200\nETag: \"a\"\nContent-Type: application/json"));
        let mut answer = answer.unwrap();
        assert_eq!(Contract::new().check_answer(&call, &answer).len(), 1, "{text}");
        answer.response.body = Body::unknown();
        assert!(Contract::new().check_answer(&call, &answer).is_empty(), "{text}");
    }
}

#[test]
fn a_long_name_is_not_repeated_without_end() {
    let name = "x".repeat(400_000);
    let many: Vec<String> = (0..300).map(|name| format!("\"n{name}\":1")).collect();
    let found = findings(&format!("session.put\n\n{{\"servers\":{{\"{name}\":{{{}}}}}}}", many.join(",")));
    assert_eq!(found.len(), 1 + 1);
    let size: usize = found.iter().map(|finding| finding.place.to_string().len() + finding.message.len()).sum();
    assert!(size < 10_000, "{size}");
}

#[test]
fn many_containers_below_one_name_are_looked_through() {
    let items = "[1],".repeat(100_000);
    let body = format!("{{\"custom\":{{}},\"{}\":[{items}{{\"a\":1,\"a\":2}}]}}", "x".repeat(900));
    let found = findings(&format!("session.put\n\n{body}"));
    let ids: Vec<&str> = found.iter().map(|finding| finding.rule.id).collect();
    assert!(ids.contains(&"json-duplicate-key"), "{ids:?}");
}
