//! Ways in that lead past the service: other hosts' TLS, our own pages, our own ports.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use tapdeck::client::{Client, Way};
use tapdeck::exchange::Protocol;
use tapdeck::intercept::{Event, Others};
use tapdeck::message::{Response, Scheme};
use tapdeck::upstream::{DialError, Dialler, Route};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::support::binary::Deck;
use crate::support::{HOST, Proxy, Reaction, Service, Setup, Verbatim, json, problem_code, raw, rest};

/// A host the scripted service has a certificate for, and that nobody intercepts.
const OTHER: &str = "studio.localhost";

async fn service() -> Service {
    Service::start(|_| Reaction::Answer(json(201, "{\"a\":1}"))).await
}

fn leading(host: &str, address: SocketAddr) -> Route {
    Route { resolve: vec![(host.to_owned(), address)], ..Route::default() }
}

/// Comes straight in by TLS, as a client does whose hosts file leads here, and trusts one root only.
async fn straight(proxy: &Proxy, root: &str, protocol: Protocol) -> Option<Response> {
    let way = Way::Direct(root.to_owned());
    let mut client = Client::connect(proxy.address, OTHER, way, protocol).await.ok()?;
    client.send("GET", "/", &[], b"").await.ok()
}

fn last(proxy: &Proxy) -> Event {
    let all = proxy.door.arrivals().all();
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].1.last.clone()
}

/// Why the last connection got no further.
async fn refusal(proxy: &Proxy) -> String {
    loop {
        match last(proxy) {
            Event::Refused { why } => return why,
            _ => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test]
async fn tls_for_another_host_reaches_it_from_its_first_byte() {
    let service = service().await;
    let proxy = Setup { route: leading(OTHER, service.address), ..Setup::default() }.start().await;
    let root = fs::read_to_string(&service.root).unwrap();
    for protocol in [Protocol::H1, Protocol::H2] {
        // Only the service itself can show this certificate.
        let answer = straight(&proxy, &root, protocol).await.unwrap();
        assert_eq!(answer.status, 201, "{protocol:?}");
        assert_eq!(service.seen().pop().unwrap().protocol, protocol);
        assert_eq!(last(&proxy), Event::Tunnelled { host: OTHER.to_owned() });
    }
    assert!(straight(&proxy, &proxy.root, Protocol::H1).await.is_none(), "we never vouch for it");
    assert_eq!(proxy.engine.watch().tallied().tunnels, 3);
    assert_eq!(proxy.engine.watch().tallied().calls, 0);
}

#[tokio::test]
async fn tls_for_another_host_ends_where_others_are_refused() {
    let service = service().await;
    let route = leading(OTHER, service.address);
    let proxy = Setup { route, others: Others::Refuse, ..Setup::default() }.start().await;
    let root = fs::read_to_string(&service.root).unwrap();
    assert!(straight(&proxy, &root, Protocol::H1).await.is_none());
    let why = refusal(&proxy).await;
    assert!(why.starts_with(&format!("`{OTHER}:443` is not passed on: other hosts are refused here")), "{why}");
    assert!(service.raw().is_empty());
}

#[tokio::test]
async fn a_host_that_leads_back_here_is_refused_with_what_to_do() {
    let address = free_address().await;
    let proxy = Setup { route: leading(OTHER, address), ..Setup::default() }.start_at(address).await;
    assert!(straight(&proxy, &proxy.root, Protocol::H1).await.is_none());
    let why = refusal(&proxy).await;
    assert!(why.contains("`--resolve studio.localhost=ADDRESS`"), "{why}");
    let answer = proxy.raw(request(&format!("CONNECT {OTHER}:443")).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 508 ") && answer.contains("--resolve studio.localhost=ADDRESS"), "{answer}");
    let answer = proxy.raw(request(&format!("GET http://{OTHER}/x")).as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 508 ") && answer.contains("--resolve studio.localhost=ADDRESS:80"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_host_out_of_reach_is_taken_down() {
    let address = free_address().await;
    let proxy = Setup { route: leading(OTHER, address), ..Setup::default() }.start().await;
    for _ in 0..2 {
        let answer = proxy.raw(request(&format!("CONNECT {OTHER}:443")).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    }
    let (_, guest) = proxy.door.arrivals().all().remove(0);
    assert_eq!(guest.last.to_string(), format!("asked for {OTHER}, which cannot be reached"));
    assert_eq!((guest.unreached[OTHER], guest.tunnels), (2, 0));
}

#[tokio::test]
async fn an_upstream_that_is_our_own_port_is_a_loop() {
    let address = free_address().await;
    let base = format!("http://localhost:{}", address.port()).parse().ok();
    let proxy = Setup { base, ..Setup::default() }.start_at(address).await;
    for asked in ["GET /handles/1", &format!("GET http://localhost:{}/handles/1", address.port())] {
        let answer = proxy.raw(request(asked).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 508 ") && answer.contains("upstream-loop"), "{asked}: {answer}");
    }
    let why = refusal(&proxy).await;
    assert!(why.contains(&format!("--resolve localhost=ADDRESS:{}", address.port())), "{why}");
}

#[tokio::test]
async fn a_port_opened_later_is_not_dialled_either() {
    let control = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = control.local_addr().unwrap();
    let dialler = Dialler::new(leading(OTHER, address), Duration::from_secs(10));
    assert!(dialler.dial(OTHER, 443).await.is_ok());
    dialler.clone().avoid(address);
    assert!(matches!(dialler.dial(OTHER, 443).await, Err(DialError::Loop { .. })));
}

#[tokio::test]
async fn our_own_address_shows_a_page_and_gives_the_certificate() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = scratch.path().join("a.cassette.jsonl");
    let proxy = Setup::emulating().reverse().recording(&journal).start().await;
    let page = proxy.raw(request("GET /").as_bytes()).await;
    let parts = ["200 OK", "text/plain", "testing <this>", "SHA-256 ", "127.0.0.1", "stands for https://session"];
    for part in parts.into_iter().chain([format!("host 127.0.0.1, port {}", proxy.address.port()).as_str()]) {
        assert!(page.contains(part), "{part}: {page}");
    }
    let html = proxy.raw(request("GET /").replace("host:", "accept: text/html\r\nhost:").as_bytes()).await;
    for part in ["text/html", "testing &lt;this&gt;", "/tapdeck/ca.cer", "content-security-policy: default-src 'none'"]
    {
        assert!(html.contains(part), "{part}: {html}");
    }
    let mut client = Client::connect(proxy.address, "localhost", Way::Reverse, Protocol::H1).await.unwrap();
    let pem = client.send("GET", "/tapdeck/ca.pem", &[], b"").await.unwrap();
    assert_eq!(pem.body.wire(), proxy.root.as_bytes());
    let der = client.send("GET", "/tapdeck/ca.cer", &[], b"").await.unwrap();
    assert_eq!(der.headers.text("content-type"), Some("application/x-x509-ca-cert"));
    assert_eq!(der.body.wire(), proxy.door.authority().cert_der().as_ref());
    let p12 = client.send("HEAD", "/tapdeck/ca.p12", &[], b"").await.unwrap();
    let length = proxy.door.authority().cert_p12().len().to_string();
    assert_eq!((p12.status, p12.headers.text("content-length")), (200, Some(length.as_str())));
    let unknown = client.send("GET", "/tapdeck/key.pem", &[], b"").await.unwrap();
    assert_eq!((unknown.status, problem_code(&unknown).as_str()), (404, "not-found"));

    let icon = client.send("GET", "/favicon.ico", &[], b"").await.unwrap();
    let robots = client.send("GET", "/robots.txt", &[], b"").await.unwrap();
    assert_eq!((icon.status, robots.status), (204, 404));

    assert_eq!(proxy.engine.watch().tallied().calls, 0, "no page is a call");
    proxy.close().await;
    assert!(!fs::read_to_string(&journal).unwrap().contains("\"kind\":\"http\""));
}

#[tokio::test]
async fn a_client_of_the_proxy_finds_the_page_by_our_name_and_by_our_address() {
    let proxy = Setup::default().start().await;
    let port = proxy.address.port();
    for target in
        ["http://tapdeck/".to_owned(), format!("http://127.0.0.1:{port}/"), format!("http://localhost:{port}/tapdeck")]
    {
        let answer = proxy.raw(request(&format!("GET {target}")).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("Ways in"), "{target}: {answer}");
    }
    let file = proxy.raw(request("GET http://tapdeck/tapdeck/ca.pem").as_bytes()).await;
    assert!(file.contains("BEGIN CERTIFICATE"), "{file}");
    let missing = proxy.raw(request("GET http://tapdeck/handles").as_bytes()).await;
    assert!(missing.starts_with("HTTP/1.1 404 ") && missing.contains("not-found"), "{missing}");
    for (asked, code) in [
        ("POST /", "no-upstream"),
        ("GET /tapdeckx", "no-upstream"),
        (&format!("GET http://127.0.0.1:{port}/handles"), "it is tapdeck itself"),
        (&format!("GET http://localhost:{port}/handles"), "it is tapdeck itself"),
        ("GET http://127.0.0.1:1/", "host-refused"),
    ] {
        let answer = proxy.raw(request(asked).as_bytes()).await;
        assert!(answer.contains(code), "{asked}: {answer}");
    }
}

#[tokio::test]
async fn a_web_page_that_leads_its_own_name_here_does_not_learn_who_came() {
    let proxy = Setup::default().start().await;
    let port = proxy.address.port();
    let page = |host: String| request("GET /").replace("host: x", &format!("host: {host}"));
    for host in ["127.0.0.1", "localhost", "LocalHost", "[::1]", "tapdeck"] {
        let answer = proxy.raw(page(format!("{host}:{port}")).as_bytes()).await;
        assert!(answer.contains("Who came so far"), "{host}: {answer}");
    }
    for host in ["evil.test", "127.0.0.1.evil.test", "10.0.0.9", "x y", ""] {
        let answer = proxy.raw(page(format!("{host}:{port}")).as_bytes()).await;
        assert!(answer.contains("Ways in") && !answer.contains("Who came"), "{host}: {answer}");
    }
    let answer = proxy.raw(b"GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.contains("Ways in") && !answer.contains("Who came"), "{answer}");
}

#[tokio::test]
async fn the_page_hides_nothing_of_a_service() {
    let service = service().await;
    let proxy = Setup::before(&service).reverse().start().await;
    for (way, authority) in [(Way::Connect(proxy.root.clone()), HOST), (Way::Direct(proxy.root.clone()), HOST)] {
        let mut client = Client::connect(proxy.address, authority, way, Protocol::H2).await.unwrap();
        assert_eq!(client.send("GET", "/", &[], b"").await.unwrap().status, 201);
        assert_eq!(client.send("GET", "/tapdeck/x", &[], b"").await.unwrap().status, 201);
    }
    // By plain HTTP as well, where a hosts file leads here.
    let mut client = Client::connect(proxy.address, HOST, Way::Absolute(Scheme::Https), Protocol::H1).await.unwrap();
    assert_eq!(client.send("GET", "/", &[], b"").await.unwrap().status, 201);
    let mut client = Client::connect(proxy.address, HOST, Way::Reverse, Protocol::H1).await.unwrap();
    assert_eq!(client.send("GET", "/", &[], b"").await.unwrap().status, 201);
    assert_eq!(service.seen().len(), 6);
}

#[tokio::test]
async fn proxy_credentials_go_no_further_than_here() {
    let service = service().await;
    let scratch = tempfile::tempdir().unwrap();
    let journal = scratch.path().join("a.cassette.jsonl");
    let proxy = Setup::before(&service).recording(&journal).start().await;
    // Basic of `guest:opensesame`.
    let (encoded, plain) = ("Z3Vlc3Q6b3BlbnNlc2FtZQ==", "opensesame");
    let asked = request(&format!("GET https://{HOST}/handles/1"))
        .replace("host:", &format!("proxy-authorization: Basic {encoded}\r\nhost:"));
    let answer = proxy.raw(asked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let received = String::from_utf8(service.raw()).unwrap();
    assert!(received.contains("/handles/1") && !received.contains(encoded), "{received}");
    proxy.close().await;
    let recorded = fs::read_to_string(&journal).unwrap();
    assert!(recorded.contains("\"guest\"") && !recorded.contains(encoded) && !recorded.contains(plain), "{recorded}");
}

#[tokio::test]
async fn a_client_hello_without_end_is_cut_off() {
    let proxy = Setup::default().start().await;
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    // A handshake record that announces a ClientHello of 16 MiB, and then more of it.
    let mut record = vec![0x16, 3, 1, 0x40, 0];
    record.extend([[1, 0xff, 0xff, 0xff].as_slice(), &[0; 0x4000 - 4]].concat());
    for _ in 0..64 {
        if stream.write_all(&record).await.is_err() {
            break;
        }
    }
    rest(&mut stream).await;
    assert!(matches!(last(&proxy), Event::Failed { .. }));
}

#[test]
fn what_comes_again_is_told_the_first_time_and_the_tenth() {
    let home = tempfile::TempDir::new().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let there = runtime.block_on(Verbatim::start(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    let resolve = format!("plain.test={}", there.address);
    let deck = Deck::start(home.path(), &["watch", "--resolve", &resolve]);
    // Basic of `lane-1:`.
    let named = request("GET http://plain.test/").replace("host:", "proxy-authorization: Basic bGFuZS0xOg==\r\nhost:");
    let asked = [
        request("CONNECT example.com:22"),
        request("CONNECT example.com:23"),
        request(&format!("CONNECT {}", deck.address)),
        request("GET http://plain.test/"),
        named,
    ];
    for _ in 0..12 {
        for asked in &asked {
            runtime.block_on(raw(deck.address, asked.as_bytes()));
        }
    }
    let own = deck.address;
    let ended = deck.stopped();
    for told in [
        "refused: `example.com:22` is not passed on: only ports 443 and 80 are reached",
        "refused: `example.com:23` is not passed on: only ports 443 and 80 are reached",
        &format!("refused: `{own}` is not passed on: it is tapdeck itself"),
        "refused: its proxy user names no player",
        "passed through unread, and not recorded host=plain.test port=80",
    ] {
        let lines: Vec<&str> = ended.talk.lines().filter(|line| line.contains(told)).collect();
        assert_eq!(lines.len(), 2, "{told}: {}", ended.talk);
        assert!(lines[0].contains("times=1") && lines[1].contains("times=10"), "{lines:?}");
    }
}

#[tokio::test]
async fn a_socket_to_another_host_counts_once_it_is_reached() {
    let there = Verbatim::start(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await;
    let asked = request("GET http://plain.test/").replace("close", "upgrade\r\nupgrade: websocket");
    for (address, status, counts) in [(there.address, "403", (1, 0)), (free_address().await, "502", (0, 1))] {
        let proxy = Setup { route: leading("plain.test", address), ..Setup::default() }.start().await;
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        stream.write_all(asked.as_bytes()).await.unwrap();
        let answer = crate::support::socket::head(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let (_, guest) = proxy.door.arrivals().all().remove(0);
        let unreached = guest.unreached.get("plain.test").copied().unwrap_or_default();
        assert_eq!((guest.tunnels, unreached), counts);
        assert_eq!(proxy.engine.watch().tallied().tunnels, usize::try_from(counts.0).unwrap());
    }
}

#[tokio::test]
async fn the_page_tells_of_other_hosts() {
    let there = Verbatim::start(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let proxy = Setup { route: leading("plain.test", there.address), ..Setup::default() }.start().await;
    let asked = request("GET /").replace("host: x", "host: localhost");
    let page = proxy.raw(asked.as_bytes()).await;
    assert!(!page.contains("Other hosts"), "{page}");
    proxy.raw(request("GET http://plain.test/").as_bytes()).await;
    proxy.raw(request("CONNECT example.com:25").as_bytes()).await;
    let page = proxy.raw(asked.as_bytes()).await;
    let table = "Other hosts\n  host         unread  refused\n  example.com  0       1\n  plain.test   1       0\n";
    assert!(page.contains(table), "{page}");
    let html = proxy.raw(asked.replace("host:", "accept: text/html\r\nhost:").as_bytes()).await;
    assert!(html.contains("<tr><td>plain.test</td><td>1</td><td>0</td></tr>"), "{html}");
}

fn request(line: &str) -> String {
    format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

/// A port that is free for a listener that must know it beforehand.
async fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}
