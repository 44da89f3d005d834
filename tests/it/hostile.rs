//! Peers that mean harm or do not know better: a clean end, and never more than one request upstream.

use std::time::Duration;

use tapdeck::cassette::Cassette;
use tapdeck::client::{Client, Way};
use tapdeck::exchange::{Outcome, Protocol};
use tapdeck::intercept::Limits;
use tapdeck::message::{Headers, Response};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::support::{HOST, Proxy, Reaction, Service, Setup, Verbatim, json, problem_code, raw, rest};

/// Short for a deadline, and still long for a TLS handshake on a busy machine.
const SHORT: Duration = Duration::from_secs(1);

async fn service() -> Service {
    Service::answering(json(200, "{}")).await
}

/// The proxy still serves the next client.
async fn lives_on(proxy: &Proxy) {
    let answer = proxy.client(Protocol::H1).await.send("GET", "/handles/1", &[], b"").await.unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn noise_ends_the_connection() {
    let service = service().await;
    let proxy = Setup::before(&service).reverse().start().await;
    for seed in 0..20_u32 {
        let noise: Vec<u8> =
            (0..2000_u32).map(|at| (at.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13) as u8).collect();
        let answer = proxy.raw(&[&noise[..], b"\r\n\r\n"].concat()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    for record in [&b"\x16\x03\x01\xff\xff"[..], b"\x16\x03\x01\x00\x05hello", b"\x16\x00\x00\x00\x00"] {
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        stream.write_all(record).await.unwrap();
        stream.shutdown().await.unwrap();
        rest(&mut stream).await;
    }
    assert!(service.seen().is_empty());
    lives_on(&proxy).await;
}

#[tokio::test]
async fn a_peer_that_stalls_is_let_go() {
    let service = service().await;
    let limits =
        Limits { first_bytes: SHORT, tls: SHORT, request_head: SHORT, request_body: SHORT, ..Limits::default() };
    let proxy = Setup { limits, ..Setup::before(&service).reverse() }.start().await;
    let stalls: [(&'static [u8], &str); 6] = [
        (b"", ""),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", ""),
        (b"PRI * HTTP/2", ""),
        (b"GET /handles HTTP/1.1\r\nhost: x\r\nx-a: ", ""),
        (b"PUT /handles HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc", "HTTP/1.1 408 "),
        (b"CONNECT sessiondirectory.xboxlive.com:443 HTTP/1.1\r\nhost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n"),
    ];
    let stalled = stalls.map(|(sent, answer)| (tokio::spawn(raw(proxy.address, sent)), answer));
    for (got, answer) in stalled {
        let got = got.await.unwrap();
        assert!(got.starts_with(answer) && got.is_empty() == answer.is_empty(), "{answer:?}: {got}");
    }
    assert!(service.seen().is_empty());
    lives_on(&proxy).await;
}

#[tokio::test]
async fn a_head_that_comes_drop_by_drop_is_cut_off() {
    let service = service().await;
    let limits = Limits { request_head: SHORT, ..Limits::default() };
    let proxy = Setup { limits, ..Setup::before(&service).reverse() }.start().await;
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let dripping = async {
        for byte in b"GET /handles HTTP/1.1\r\nx-a: ".iter().chain([b'a'; 100_000].iter()) {
            if writer.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = dripping => {}
        _ = rest(&mut reader) => {}
    }
    assert!(service.seen().is_empty());
    lives_on(&proxy).await;
}

#[tokio::test]
async fn a_connection_on_which_nothing_moves_is_closed() {
    let service = service().await;
    let limits = Limits { idle: SHORT, ..Limits::default() };
    let proxy = Setup { limits, ..Setup::before(&service) }.start().await;
    let opened = proxy.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(!opened.starts_with("HTTP/1"), "{opened}");
    let quiet = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Setup { limits, ..Setup::relaying(quiet.local_addr().unwrap()) }.start().await;
    assert!(proxy.raw(b"CONNECT plain.test:443 HTTP/1.1\r\nhost: x\r\n\r\n").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_head_without_end_is_refused_early() {
    let service = service().await;
    let proxy = Setup::before(&service).reverse().start().await;
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let flooding = async {
        let chunk = vec![b'a'; 1 << 20];
        let mut sent = 0;
        let _ = writer.write_all(b"GET /handles HTTP/1.1\r\nx-a: ").await;
        while sent < 100 && writer.write_all(&chunk).await.is_ok() {
            sent += 1;
        }
        sent
    };
    let (sent, answer) = tokio::join!(flooding, rest(&mut reader));
    assert!(sent < 100, "{sent} MiB of one header were taken");
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert!(service.seen().is_empty());
    lives_on(&proxy).await;
}

#[tokio::test]
async fn too_many_header_lines_are_refused() {
    let service = service().await;
    let proxy = Setup::before(&service).reverse().start().await;
    let lines = "x-a: 1\r\n".repeat(300);
    let answer = proxy.raw(format!("GET /handles HTTP/1.1\r\nhost: x\r\n{lines}\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert!(service.seen().is_empty());
}

#[tokio::test]
async fn ambiguous_framing_reaches_the_service_at_most_once() {
    let service = service().await;
    let proxy = Setup::before(&service).reverse().start().await;
    let smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    let heads = [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: +5\r\n",
        "content-length: 5, 6\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding : chunked\r\n",
        "x-a: 1\r\n transfer-encoding: chunked\r\n",
    ];
    for head in heads {
        let before = service.seen().len();
        let sent = format!("POST /handles HTTP/1.1\r\nhost: x\r\n{head}\r\n{smuggled}");
        let answer = proxy.raw(sent.as_bytes()).await;
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{head}: {answer}");
        let seen = service.seen();
        assert!(seen.len() <= before + 1 && seen.iter().all(|seen| seen.target == "/handles"), "{head}");
    }
    lives_on(&proxy).await;
}

#[tokio::test]
async fn broken_chunks_never_reach_the_service() {
    let service = service().await;
    let proxy = Setup::before(&service).reverse().start().await;
    for body in ["zz\r\nabc\r\n0\r\n\r\n", "3\r\nabcdef\r\n0\r\n\r\n", "fffffffffffffffff\r\n", "-1\r\n", "3;\n\r\nab"]
    {
        let head = "POST /handles HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{body}: {answer}");
    }
    assert!(service.seen().is_empty());
    lives_on(&proxy).await;
}

#[tokio::test]
async fn a_body_past_the_cap_is_refused_and_not_passed_on() {
    let service = service().await;
    let limits = Limits { body: 1000, ..Limits::default() };
    let proxy = Setup { limits, ..Setup::before(&service).reverse() }.start().await;
    for protocol in [Protocol::H1, Protocol::H2] {
        let mut client = proxy.client(protocol).await;
        let answer = client.send("PUT", "/handles/1", &[], &[b'a'; 1001]).await.unwrap();
        assert_eq!((answer.status, problem_code(&answer).as_str()), (413, "request-body-too-long"), "{protocol:?}");
    }
    let chunk = format!("3e8\r\n{}\r\n", "a".repeat(1000));
    let sent = format!("PUT / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n");
    let answer = proxy.raw(sent.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("connection: close\r\n"), "{answer}");
    assert!(service.seen().is_empty());
    let mut client = proxy.client(Protocol::H1).await;
    assert_eq!(client.send("PUT", "/handles/1", &[], &[b'a'; 1000]).await.unwrap().status, 200);
}

#[tokio::test]
async fn calls_that_end_at_the_door_are_in_the_recording() {
    let service = service().await;
    let scratch = tempfile::tempdir().unwrap();
    let journal = scratch.path().join("door.cassette.jsonl");
    let limits = Limits { body: 1000, request_body: SHORT, ..Limits::default() };
    let proxy = Setup { limits, ..Setup::before(&service).reverse() }.recording(&journal).start().await;
    let sent = [
        format!("PUT /handles/1 HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\n\r\n{}", "a".repeat(1001)),
        "PUT /handles/2 HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc".to_owned(),
        "PUT /handles/3 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_owned(),
    ];
    for sent in &sent {
        proxy.raw(sent.as_bytes()).await;
    }
    proxy.close().await;
    let cassette = Cassette::read(&journal).unwrap();
    let kept: Vec<_> = cassette
        .exchanges()
        .map(|http| (http.request.target.as_str(), http.response.status, http.outcome, http.withheld().is_some()))
        .collect();
    let refused = Outcome::Refused;
    let expected =
        [("/handles/1", 413, refused, true), ("/handles/2", 408, refused, true), ("/handles/3", 400, refused, true)];
    assert_eq!(kept, expected);
    assert!(service.seen().is_empty());
}

#[tokio::test]
async fn bodies_past_the_budget_wait_for_room() {
    let gate = std::sync::Arc::new(Notify::new());
    let held = std::sync::Arc::clone(&gate);
    let service = Service::start(move |seen| match seen.target.as_str() {
        "/handles/first" => Reaction::Hold(std::sync::Arc::clone(&held), json(200, "{}")),
        _ => Reaction::Answer(json(200, "{}")),
    })
    .await;
    let limits = Limits { body: 1000, buffered: 1000, ..Limits::default() };
    let proxy = Setup { limits, ..Setup::before(&service) }.start().await;
    let put = |mut client: Client, target: &'static str| {
        tokio::spawn(async move { client.send("PUT", target, &[], &[b'a'; 600]).await.unwrap().status })
    };
    let first = put(proxy.client(Protocol::H1).await, "/handles/first");
    service.wait_seen(1).await;
    let second = put(proxy.client(Protocol::H1).await, "/handles/second");
    lives_on(&proxy).await;
    assert!(!second.is_finished());
    gate.notify_one();
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (200, 200));
    let order: Vec<_> = service.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(order, ["/handles/first", "/handles/1", "/handles/second"]);
}

#[tokio::test]
async fn a_service_without_measure_is_answered_for() {
    let service = Service::start(|seen| match seen.target.as_str() {
        "/long" => Reaction::Answer(Response::new(200, Headers::new(), vec![b'a'; 1001])),
        _ => Reaction::Hold(std::sync::Arc::new(Notify::new()), json(200, "{}")),
    })
    .await;
    let limits = Limits { body: 1000, answer: SHORT, ..Limits::default() };
    let proxy = Setup { limits, ..Setup::before(&service) }.start().await;
    for protocol in [Protocol::H1, Protocol::H2] {
        let mut client = proxy.client(protocol).await;
        let answer = client.send("GET", "/never", &[], b"").await.unwrap();
        assert_eq!((answer.status, problem_code(&answer).as_str()), (504, "upstream-timeout"), "{protocol:?}");
    }
    let limits = Limits { body: 1000, ..Limits::default() };
    let proxy = Setup { limits, ..Setup::before(&service) }.start().await;
    for protocol in [Protocol::H1, Protocol::H2] {
        let answer = proxy.client(protocol).await.send("GET", "/long", &[], b"").await.unwrap();
        assert_eq!((answer.status, problem_code(&answer).as_str()), (502, "upstream-too-long"), "{protocol:?}");
    }
}

#[tokio::test]
async fn a_service_that_talks_nonsense_is_answered_for() {
    for nonsense in [&b"\x00\x01\x02"[..], b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", b""] {
        let upstream = Verbatim::start(nonsense).await;
        let base = format!("http://{}", upstream.address).parse().ok();
        let proxy = Setup { base, ..Setup::default() }.start().await;
        let answer = proxy.raw(b"GET /handles HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("upstream-broke-off"), "{answer}");
    }
}

#[tokio::test]
async fn names_that_are_not_intercepted_get_no_certificate() {
    let service = service().await;
    let proxy = Setup::before(&service).start().await;
    for name in ["example.com", "user.auth.xboxlive.com", "client-sessiondirectory.xboxlive.com"] {
        let way = Way::Direct(proxy.root.clone());
        assert!(Client::connect(proxy.address, name, way, Protocol::H1).await.is_err(), "{name}");
    }
    assert!(Client::connect(proxy.address, "localhost", Way::Direct(proxy.root.clone()), Protocol::H1).await.is_ok());
    assert!(Client::connect(proxy.address, "127.0.0.1", Way::Direct(proxy.root.clone()), Protocol::H1).await.is_ok());
}

#[tokio::test]
async fn connections_past_the_limit_wait_their_turn() {
    let service = service().await;
    let limits = Limits { connections: 1, ..Limits::default() };
    let proxy = Setup { limits, ..Setup::before(&service) }.start().await;
    let mut first = proxy.client(Protocol::H1).await;
    let waiting = Client::connect(proxy.address, HOST, Way::Connect(proxy.root.clone()), Protocol::H1);
    let second = tokio::spawn(waiting);
    assert_eq!(first.send("GET", "/handles/1", &[], b"").await.unwrap().status, 200);
    assert!(!second.is_finished());
    drop(first);
    let mut second = second.await.unwrap().unwrap();
    assert_eq!(second.send("GET", "/handles/1", &[], b"").await.unwrap().status, 200);
}
