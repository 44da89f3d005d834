//! Every way in, through real sockets.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use tapdeck::client::{Client, ClientError, Way};
use tapdeck::exchange::Protocol;
use tapdeck::intercept::{Limits, Others};
use tapdeck::message::{Coding, Headers, Response, Scheme};
use tapdeck::upstream::Route;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::support::{HOST, Reaction, Service, Setup, Verbatim, closed_port, gzipped, json, problem_code, rest};

const SESSION: &str = "/serviceconfigs/A/sessionTemplates/t/sessions/s?nocommit=true";
const BOTH: [Protocol; 2] = [Protocol::H1, Protocol::H2];

fn echo() -> Reaction {
    Reaction::Answer(json(201, "{\"a\":1}"))
}

#[tokio::test]
async fn every_way_in_reaches_the_service() {
    let service = Service::start(|_| echo()).await;
    let proxy = Setup::before(&service).reverse().start().await;
    let (connect, direct) = (Way::Connect(proxy.root.clone()), Way::Direct(proxy.root.clone()));
    let ways = [
        (connect.clone(), Protocol::H1),
        (connect, Protocol::H2),
        (direct.clone(), Protocol::H1),
        (direct, Protocol::H2),
        (Way::Absolute(Scheme::Https), Protocol::H1),
        (Way::Reverse, Protocol::H1),
        (Way::Reverse, Protocol::H2),
    ];
    for (at, (way, protocol)) in ways.into_iter().enumerate() {
        let authority = if way == Way::Reverse { "localhost:8888" } else { HOST };
        let mut client = Client::connect(proxy.address, authority, way.clone(), protocol).await.unwrap();
        let answer = client.send("PUT", SESSION, &[("x-xbl-contract-version", "107")], b"{ \"b\": 2 }").await.unwrap();
        assert_eq!((answer.status, answer.body.wire().as_ref()), (201, b"{\"a\":1}".as_slice()), "{way:?}");
        let names: Vec<_> = answer.headers.iter().map(|header| header.name.as_str()).collect();
        assert_eq!(names, ["content-type", "content-length"], "{way:?}");
        let seen = service.seen().swap_remove(at);
        assert_eq!((seen.protocol, seen.method.as_str(), seen.target.as_str()), (protocol, "PUT", SESSION), "{way:?}");
        assert_eq!(seen.body, b"{ \"b\": 2 }".as_slice());
        assert_eq!(seen.headers.text("x-xbl-contract-version"), Some("107"));
        let host = seen.authority.as_deref().or_else(|| seen.headers.text("host"));
        assert_eq!(host, Some(HOST), "{way:?}");
    }
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let service = Service::start(|seen| Reaction::Answer(json(200, &format!("\"{}\"", seen.target)))).await;
    let proxy = Setup::before(&service).start().await;
    for protocol in BOTH {
        let mut client = proxy.client(protocol).await;
        for target in ["/handles/1", "/handles/2", "/handles/3"] {
            let answer = client.send("GET", target, &[], b"").await.unwrap();
            assert_eq!(answer.body.wire(), format!("\"{target}\"").as_bytes());
        }
    }
}

#[tokio::test]
async fn a_chunked_body_arrives_whole_and_once() {
    let service = Service::start(|_| echo()).await;
    let proxy = Setup::before(&service).reverse().start().await;
    let sent = "PUT /handles HTTP/1.1\r\nhost: x\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n\
                Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let answer = proxy.raw(sent.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n") && answer.ends_with("{\"a\":1}"), "{answer}");
    assert_eq!(service.seen()[0].body, b"abcde".as_slice());
    let raw = String::from_utf8(service.raw()).unwrap();
    assert!(raw.contains("content-length: 5\r\n") && !raw.contains("chunked") && !raw.contains("x-hop"), "{raw}");
}

#[tokio::test]
async fn requests_without_a_body_stay_without_one() {
    let service = Service::start(|_| Reaction::Answer(Response::new(204, Headers::new(), ""))).await;
    let proxy = Setup::before(&service).start().await;
    let mut client = proxy.client(Protocol::H1).await;
    let answer = client.send("DELETE", "/handles/1", &[], b"").await.unwrap();
    assert_eq!((answer.status, answer.body.wire().len()), (204, 0));
    let raw = String::from_utf8(service.raw()).unwrap();
    assert!(!raw.contains("chunked"), "{raw}");
}

#[tokio::test]
async fn a_client_that_expects_to_be_asked_is_asked() {
    let service = Service::start(|_| echo()).await;
    let proxy = Setup::before(&service).reverse().start().await;
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    let head =
        "PUT /handles HTTP/1.1\r\nhost: x\r\nExpect: 100-continue\r\ncontent-length: 3\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 201 "));
    let seen = service.seen().swap_remove(0);
    assert_eq!((seen.body.as_ref(), seen.headers.text("expect")), (b"abc".as_slice(), None));
}

#[tokio::test]
async fn head_tells_the_length_of_what_it_does_not_send() {
    let headers = || [("content-length", "1234"), ("etag", "\"1\"")].into_iter().collect();
    let service = Service::start(move |_| Reaction::Answer(Response::new(200, headers(), ""))).await;
    let proxy = Setup::before(&service).start().await;
    for protocol in BOTH {
        let mut client = proxy.client(protocol).await;
        for _ in 0..2 {
            let answer = client.send("HEAD", "/handles/1", &[], b"").await.unwrap();
            assert_eq!(answer.headers.text("content-length"), Some("1234"), "{protocol:?}");
            assert!(answer.body.is_empty());
        }
    }
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let trailers: Headers = [("x-sum", "1")].into_iter().collect();
    let sent_back = trailers.clone();
    let service = Service::start(move |_| {
        let mut answer = json(200, "{}");
        answer.headers.push("trailer", "x-sum");
        answer.trailers = sent_back.clone();
        Reaction::Answer(answer)
    })
    .await;
    let proxy = Setup::before(&service).start().await;
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let mut client = proxy.client(protocol).await;
        let headers = [("trailer", "x-sum")].into_iter().collect();
        let answer = client.send_with_trailers("PUT", "/handles/1", headers, b"abc", &trailers).await.unwrap();
        assert_eq!(answer.body.wire().as_ref(), b"{}");
        assert_eq!(service.seen()[at].trailers, trailers, "{protocol:?}");
        // An HTTP/1 server sends trailers only to a hop that asked for them.
        let expected = if protocol == Protocol::H2 { trailers.clone() } else { Headers::new() };
        assert_eq!(answer.trailers, expected, "{protocol:?}");
    }
}

#[tokio::test]
async fn trailers_reach_an_http1_client_that_asks() {
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n";
    let upstream = Verbatim::start(answer).await;
    let base = format!("http://{}", upstream.address).parse().ok();
    let proxy = Setup { base, ..Setup::default() }.start().await;
    let answer = proxy.raw(b"GET /x HTTP/1.1\r\nhost: x\r\nte: trailers\r\nconnection: close, te\r\n\r\n").await;
    assert!(answer.contains("trailer: x-sum\r\n") && answer.ends_with("2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_hundred_kilobytes_of_headers_pass() {
    let big = "v".repeat(10_000);
    let lines: Vec<(String, String)> = (0..10).map(|at| (format!("x-{at}"), big.clone())).collect();
    let back = lines.clone();
    let service = Service::start(move |_| {
        let headers = back.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Reaction::Answer(Response::new(200, headers, ""))
    })
    .await;
    let proxy = Setup::before(&service).start().await;
    let lines: Vec<(&str, &str)> = lines.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let answer = proxy.client(protocol).await.send("GET", "/handles/1", &lines, b"").await.unwrap();
        for (name, value) in &lines {
            assert_eq!(answer.headers.text(name), Some(*value), "{protocol:?}");
            assert_eq!(service.seen()[at].headers.text(name), Some(*value), "{protocol:?}");
        }
    }
}

#[tokio::test]
async fn repeated_headers_keep_their_order() {
    let service = Service::start(|_| {
        let headers = [("set-cookie", "a=1"), ("etag", "\"1\""), ("set-cookie", "b=2")].into_iter().collect();
        Reaction::Answer(Response::new(200, headers, ""))
    })
    .await;
    let proxy = Setup::before(&service).start().await;
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let sent = [("x-a", "1"), ("x-b", "2"), ("x-a", "3")];
        let answer = proxy.client(protocol).await.send("GET", "/handles/1", &sent, b"").await.unwrap();
        assert_eq!(answer.headers.all("set-cookie").collect::<Vec<_>>(), ["a=1", "b=2"]);
        let seen = &service.seen()[at].headers;
        assert_eq!(seen.all("x-a").collect::<Vec<_>>(), ["1", "3"]);
        let order: Vec<_> =
            seen.iter().map(|header| header.name.as_str()).filter(|name| name.starts_with('x')).collect();
        assert_eq!(order, ["x-a", "x-a", "x-b"]);
    }
}

#[tokio::test]
async fn compressed_bodies_are_not_touched() {
    let answer = gzipped(json(200, &"{\"a\":1}".repeat(100)));
    let wire = answer.body.wire().clone();
    let service = Service::answering(answer).await;
    let proxy = Setup::before(&service).start().await;
    let body = Coding::Gzip.encode(&Bytes::from("{\"b\":2}".repeat(100)));
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let sent = [("content-encoding", "gzip")];
        let answer = proxy.client(protocol).await.send("PUT", SESSION, &sent, &body).await.unwrap();
        assert_eq!(answer.body.wire(), &wire);
        assert_eq!(answer.headers.text("content-encoding"), Some("gzip"));
        assert_eq!(service.seen()[at].body, body);
    }
}

#[tokio::test]
async fn an_answer_with_both_lengths_still_arrives() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let upstream = Verbatim::start(answer).await;
    let base = format!("http://{}", upstream.address).parse().ok();
    let proxy = Setup { base, ..Setup::default() }.start().await;
    let answer = proxy.raw(b"GET /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.contains("content-length: 2\r\n") && answer.ends_with("\r\n\r\nok"), "{answer}");
}

#[tokio::test]
async fn a_slow_answer_holds_up_nobody_else() {
    let gate = Arc::new(Notify::new());
    let held = Arc::clone(&gate);
    let service = Service::start(move |seen| match seen.target.as_str() {
        "/handles/slow" => Reaction::Hold(Arc::clone(&held), json(200, "\"slow\"")),
        _ => echo(),
    })
    .await;
    let scratch = tempfile::tempdir().unwrap();
    let proxy = Setup::before(&service).recording(&scratch.path().join("slow.cassette.jsonl")).start().await;
    let mut slow = proxy.client(Protocol::H1).await;
    let waiting = tokio::spawn(async move { slow.send("GET", "/handles/slow", &[], b"").await });
    service.wait_seen(1).await;
    let mut client = proxy.client(Protocol::H1).await;
    for _ in 0..100 {
        assert_eq!(client.send("GET", "/handles/1", &[], b"").await.unwrap().status, 201);
    }
    assert!(!waiting.is_finished());
    gate.notify_one();
    assert_eq!(waiting.await.unwrap().unwrap().body.wire().as_ref(), b"\"slow\"");
}

#[tokio::test]
async fn a_service_that_is_down_gives_a_clear_answer_each_time() {
    let proxy = Setup::leading_to(closed_port().await).start().await;
    for protocol in BOTH {
        let mut client = proxy.client(protocol).await;
        for _ in 0..2 {
            let answer = client.send("GET", "/handles/1", &[], b"").await.unwrap();
            assert_eq!((answer.status, problem_code(&answer).as_str()), (502, "upstream-unreachable"));
            assert!(String::from_utf8_lossy(answer.body.wire()).contains("refused"));
        }
    }
    let outage = proxy.engine.watch().outage().unwrap();
    assert_eq!((outage.code.as_str(), outage.calls), ("upstream-unreachable", 4));
    assert!(outage.why.contains("refused"), "{outage:?}");
}

#[tokio::test]
async fn a_service_that_breaks_off_is_asked_only_once() {
    let service = Service::start(|_| Reaction::Break).await;
    let proxy = Setup::before(&service).start().await;
    for (at, protocol) in BOTH.into_iter().enumerate() {
        let answer = proxy.client(protocol).await.send("POST", "/handles", &[], b"{}").await.unwrap();
        assert_eq!((answer.status, problem_code(&answer).as_str()), (502, "upstream-broke-off"), "{protocol:?}");
        assert_eq!(service.seen().len(), at + 1);
    }
}

#[tokio::test]
async fn an_untrusted_service_is_not_spoken_to() {
    let service = Service::start(|_| echo()).await;
    let setup = Setup::before(&service);
    let other = Service::start(|_| echo()).await;
    let proxy = Setup { roots: Some(other.root.clone()), ..setup }.start().await;
    let answer = proxy.client(Protocol::H1).await.send("GET", "/handles/1", &[], b"").await.unwrap();
    assert_eq!((answer.status, problem_code(&answer).as_str()), (502, "upstream-untrusted"));
    let body = String::from_utf8_lossy(answer.body.wire());
    assert!(body.contains("certificate") && body.contains("--upstream-ca"), "{body}");
    assert!(service.seen().is_empty());
}

#[tokio::test]
async fn a_client_that_leaves_does_not_cancel_its_call() {
    let gate = Arc::new(Notify::new());
    let held = Arc::clone(&gate);
    let service = Service::start(move |seen| match seen.method.as_str() {
        "PUT" => Reaction::Hold(Arc::clone(&held), json(200, "{}")),
        _ => echo(),
    })
    .await;
    let proxy = Setup::before(&service).reverse().start().await;
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    stream.write_all(b"PUT /handles/1 HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    service.wait_seen(1).await;
    drop(stream);
    assert_eq!(proxy.client(Protocol::H1).await.send("GET", "/handles/1", &[], b"").await.unwrap().status, 201);
    gate.notify_one();
    service.wait_finished(2).await;
}

#[tokio::test]
async fn other_hosts_pass_unread() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let route = Route { resolve: vec![("login.live.com".into(), listener.local_addr().unwrap())], ..Route::default() };
    let proxy = Setup { route, ..Setup::default() }.start().await;
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    client
        .write_all(b"CONNECT login.live.com:443 HTTP/1.1\r\nhost: login.live.com:443\r\n\r\n\x16\x03\x01?")
        .await
        .unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    let mut first = [0; 4];
    server.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"\x16\x03\x01?");
    server.write_all(b"\x16\x03\x03!").await.unwrap();
    drop(server);
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\x16\x03\x03!"), "{answer}");
}

#[tokio::test]
async fn other_plain_hosts_are_relayed_as_they_are() {
    let upstream = Verbatim::start(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Odd-Case: 1\r\n\r\nok").await;
    let proxy = Setup::relaying(upstream.address).start().await;
    let sent = b"GET http://plain.test/a?b HTTP/1.1\r\nHost: x\r\nX-Odd-Case: 1\r\nProxy-Connection: y\r\n\
                 Connection: close\r\n\r\n";
    let answer = proxy.raw(sent).await;
    assert!(answer.contains("X-Odd-Case: 1\r\n") && answer.ends_with("\r\n\r\nok"), "{answer}");
    let received = upstream.received();
    assert!(received.starts_with("GET /a?b HTTP/1.1\r\nHost: x\r\nX-Odd-Case: 1\r\n"), "{received}");
    assert!(!received.to_lowercase().contains("connection"), "{received}");
}

#[tokio::test]
async fn a_length_beside_a_transfer_coding_is_not_relayed() {
    let chunked = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let upstream = Verbatim::start(chunked).await;
    let proxy = Setup::relaying(upstream.address).start().await;
    let sent = b"PUT http://plain.test/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\
                 Connection: close\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let answer = proxy.raw(sent).await.to_lowercase();
    assert!(answer.starts_with("http/1.1 200 ") && !answer.contains("content-length"), "{answer}");
    let received = upstream.received().to_lowercase();
    assert!(received.contains("transfer-encoding: chunked") && !received.contains("content-length"), "{received}");
}

#[tokio::test]
async fn the_service_is_told_its_own_name_once() {
    let service = Service::start(|_| echo()).await;
    let proxy = Setup::before(&service).start().await;
    let head = format!("GET https://{HOST}/handles/1 HTTP/1.1\r\nconnection: close\r\n");
    for hosts in ["host: elsewhere.test\r\n", "host: a\r\nhost: b\r\n", ""] {
        assert!(proxy.raw(format!("{head}{hosts}\r\n").as_bytes()).await.starts_with("HTTP/1.1 201 "));
        let seen = service.seen().pop().unwrap();
        assert_eq!(seen.headers.all("host").collect::<Vec<_>>(), [HOST], "{hosts:?}");
    }
}

#[tokio::test]
async fn what_is_not_passed_on_is_refused_clearly() {
    let proxy = Setup { others: Others::Refuse, ..Setup::default() }.start().await;
    for asked in ["CONNECT example.com:443", "GET http://example.com/"] {
        let answer = proxy.raw(format!("{asked} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("host-refused"), "{answer}");
        assert!(answer.contains("other hosts are refused here") && !answer.contains("ports 443"), "{answer}");
    }
    let proxy = Setup::default().start().await;
    let own = format!("CONNECT {}", proxy.address);
    let cases = [
        ("CONNECT example.com:25", "403", "`example.com:25` is not passed on: only ports 443 and 80 are reached\""),
        ("GET https://example.com/", "400", "use-connect"),
        ("GET /handles", "421", "no-upstream"),
        (own.as_str(), "403", "` is not passed on: it is tapdeck itself"),
        ("CONNECT 127.0.0.1:22", "403", "host-refused"),
        ("GET http://localhost:8080/", "403", "host-refused"),
    ];
    for (asked, status, code) in cases {
        let answer = proxy.raw(format!("{asked} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(code), "{asked}: {answer}");
    }
}

#[tokio::test]
async fn a_host_that_leads_back_here_is_a_loop_not_a_storm() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let proxy = Setup::leading_to(address).start_at(address).await;
    let answer = proxy.client(Protocol::H1).await.send("GET", "/handles/1", &[], b"").await.unwrap();
    assert_eq!((answer.status, problem_code(&answer).as_str()), (508, "upstream-loop"));
    let body = String::from_utf8_lossy(answer.body.wire());
    assert!(body.contains("`--resolve sessiondirectory.xboxlive.com=ADDRESS`"), "{body}");
}

#[tokio::test]
async fn a_service_behind_another_proxy_is_reached_through_it() {
    let service = Service::start(|_| echo()).await;
    // The outer proxy knows the name only as a tunnel's target: it is not intercepted there.
    let resolve = vec![("studio.localhost".to_owned(), service.address)];
    let outer = Setup { route: Route { resolve, ..Route::default() }, ..Setup::default() }.start().await;
    let proxy = Uri::try_from(format!("http://{}", outer.address)).ok();
    let route = Route { proxy, ..Route::default() };
    let base = Some(Uri::from_static("https://studio.localhost"));
    let inner = Setup { route, base, roots: Some(service.root.clone()), ..Setup::default() }.start().await;
    let answer = inner.raw(b"GET /handles/1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(service.seen()[0].headers.text("host"), Some("studio.localhost"));
}

#[tokio::test]
async fn plain_http_goes_to_another_proxy_in_absolute_form() {
    let outer = Verbatim::start(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let proxy = Uri::try_from(format!("http://{}", outer.address)).ok();
    let route = Route { proxy, ..Route::default() };
    let base = Some(Uri::from_static("http://studio.test:8080"));
    let inner = Setup { route, base, ..Setup::default() }.start().await;
    let answer = inner.raw(b"GET /handles/1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    let received = outer.received();
    let expected = "GET http://studio.test:8080/handles/1 HTTP/1.1\r\nhost: studio.test:8080\r\n";
    assert!(received.starts_with(expected), "{received}");
}

#[tokio::test]
async fn a_first_stop_lets_running_calls_end() {
    let gate = Arc::new(Notify::new());
    let held = Arc::clone(&gate);
    let service = Service::start(move |_| Reaction::Hold(Arc::clone(&held), json(200, "{}"))).await;
    let limits = Limits { drain: Duration::from_secs(3600), ..Limits::default() };
    let mut proxy = Setup { limits, ..Setup::before(&service) }.start().await;
    let idle = proxy.client(Protocol::H1).await;
    let mut client = proxy.client(Protocol::H2).await;
    let waiting = tokio::spawn(async move { client.send("GET", "/handles/1", &[], b"").await });
    service.wait_seen(1).await;
    proxy.shutdown.drain.cancel();
    gate.notify_one();
    assert_eq!(waiting.await.unwrap().unwrap().status, 200);
    proxy.ended().await;
    assert!(TcpStream::connect(proxy.address).await.is_err());
    drop(idle);
}

#[tokio::test]
async fn a_second_stop_drops_everything() {
    let service = Service::start(|_| Reaction::Hold(Arc::new(Notify::new()), json(200, "{}"))).await;
    let mut proxy = Setup::before(&service).start().await;
    let mut client = proxy.client(Protocol::H1).await;
    let waiting = tokio::spawn(async move { client.send("GET", "/handles/1", &[], b"").await });
    service.wait_seen(1).await;
    proxy.shutdown.drain.cancel();
    proxy.shutdown.abort.cancel();
    assert!(matches!(waiting.await.unwrap(), Err(ClientError::Http(_))));
    proxy.ended().await;
}
