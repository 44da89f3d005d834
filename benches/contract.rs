//! What the contract costs: the check of a session PUT as a ratio to parsing its body with `serde_json`.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::Value;
use tapdeck::contract::Contract;
use tapdeck::exchange::{Call, Protocol};
use tapdeck::message::{Body, Headers, Request};
use tapdeck::mpsd::Service;

fn check(criterion: &mut Criterion) {
    let (contract, call) = (Contract::new(), put());
    assert_eq!(contract.check_call(&call), [], "the typical PUT is valid");
    let body = BODY.as_bytes();
    criterion.bench_function("serde_json::from_slice", |bencher| {
        bencher.iter(|| serde_json::from_slice::<Value>(black_box(body)));
    });
    criterion.bench_function("check_call", |bencher| bencher.iter(|| contract.check_call(black_box(&call))));
}

/// A session PUT of about 2 KB, as a game writes it when it makes its lobby.
fn put() -> Call {
    let headers: Headers = [
        ("x-xbl-contract-version", "107"),
        ("authorization", "XBL3.0 x=7000000000000001;redacted"),
        ("content-type", "application/json; charset=utf-8"),
    ]
    .into_iter()
    .collect();
    let request = Request {
        method: "PUT".into(),
        target: "/serviceconfigs/097d0100-e05c-4d37-8420-46f1169056cf/sessionTemplates/LobbySession/sessions/\
                 9F9D4697-0311-449D-8CA3-70BAA1667066"
            .into(),
        authority: "sessiondirectory.xboxlive.com".into(),
        headers,
        body: Body::plain(BODY),
        ..Request::default()
    };
    Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Protocol::H1, Service::Mpsd, request)
}

const BODY: &str = include_str!("session-put.json");

criterion_group!(benches, check);
criterion_main!(benches);
