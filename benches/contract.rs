//! What the contract costs: the check of a session PUT as a ratio to parsing its body with `serde_json`.
//!
//! Fails when the check of a valid body takes more than [`MOST`] times as long. A body with faults and the largest answer
//! of the committed cassettes are there to know, not to hold.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that fails is a panic, and its figures are its output"
)]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use criterion::Criterion;
use serde_json::Value;
use tapdeck::cassette::Cassette;
use tapdeck::contract::Contract;
use tapdeck::exchange::{Answer, Call, Protocol};
use tapdeck::message::{Body, Headers, Request};
use tapdeck::mpsd::Service;

/// How many times as long as parsing the check of a valid body may take.
const MOST: f64 = 5.0;

fn main() -> ExitCode {
    let (contract, valid) = (Contract::new(), put(BODY));
    assert_eq!(contract.check_call(&valid), [], "the typical PUT is valid");
    let mut criterion = Criterion::default().configure_from_args();
    measure(&mut criterion, &contract, &valid);
    criterion.final_summary();
    let ratio = ratio(&contract, &valid);
    println!(
        "check_call takes {ratio:.1} times as long as serde_json::from_slice of the same body; {MOST:.1} is the most"
    );
    if ratio <= MOST { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure(criterion: &mut Criterion, contract: &Contract, valid: &Call) {
    criterion.bench_function("serde_json::from_slice", |bencher| bencher.iter(|| parse(BODY.as_bytes())));
    criterion.bench_function("check_call", |bencher| bencher.iter(|| contract.check_call(black_box(valid))));
    let faulty = put(&BODY.replace("\"active\":true", "\"active\":\"yes\",\"ready\":1,\"unheard\":0"));
    assert!(!contract.check_call(&faulty).is_empty(), "the faulty PUT has faults");
    criterion.bench_function("check_call, faults", |bencher| bencher.iter(|| contract.check_call(black_box(&faulty))));
    let (call, answer) = largest();
    let body = answer.response.body.wire().to_vec();
    let named = |what: &str| format!("{what}, {} bytes of answer", body.len());
    criterion.bench_function(&named("serde_json::from_slice"), |bencher| bencher.iter(|| parse(&body)));
    criterion.bench_function(&named("check_answer"), |bencher| {
        bencher.iter(|| contract.check_answer(black_box(&call), black_box(&answer)));
    });
}

/// Both in turns, and the fastest turn of each: what else the machine does only ever adds.
fn ratio(contract: &Contract, valid: &Call) -> f64 {
    let (mut parsing, mut checking) = (Duration::MAX, Duration::MAX);
    for _ in 0..TURNS {
        parsing = parsing.min(turn(|| drop(black_box(parse(BODY.as_bytes())))));
        checking = checking.min(turn(|| drop(black_box(contract.check_call(black_box(valid))))));
    }
    checking.as_secs_f64() / parsing.as_secs_f64()
}

fn turn(work: impl Fn()) -> Duration {
    let start = Instant::now();
    (0..TIMES).for_each(|_| work());
    start.elapsed()
}

fn parse(body: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(black_box(body))
}

/// The largest session a committed cassette holds, with the call it answers.
fn largest() -> (Call, Answer) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cassettes");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let records = files.flat_map(|file| Cassette::read(&file).unwrap().entries);
    let http =
        records.filter_map(|entry| entry.record.http().cloned()).filter(|record| record.op.starts_with("session."));
    let record = http.max_by_key(|record| record.response().body.wire().len()).unwrap();
    (call(record.request()), Answer::answered(record.response()))
}

/// A session PUT of about 2 KB, as a game writes it when it makes its lobby.
fn put(body: &str) -> Call {
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
        body: Body::plain(body.to_owned()),
        ..Request::default()
    };
    call(request)
}

fn call(request: Request) -> Call {
    Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Protocol::H1, Service::Mpsd, request)
}

const BODY: &str = include_str!("session-put.json");

const TURNS: usize = 100;
const TIMES: usize = 100;
