//! Whose traffic is looked into, and whose is left alone: a client that mixes all kinds, before decks that record, replay
//! and stay offline.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tapdeck::cassette::{Cassette, HttpRecord, StoredBody};
use tapdeck::client::{Client, ClientError, Way};
use tapdeck::exchange::{Outcome, Protocol};
use tapdeck::intercept::{Limits, Neighbours, Others, Pattern};
use tapdeck::message::Response;
use tapdeck::replay::Options;
use tapdeck::upstream::{Identity, Route};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::sockets::a_visit;
use crate::support::binary::{Deck, run};
use crate::support::foreign::{Asking, Card, Foreign};
use crate::support::{
    HANG, HOST, Proxy, Reaction, Service, Setup, Verbatim, json as answer, problem_code, raw, sealed, text,
};

const SIGN_IN: &str = "user.auth.xboxlive.com";
const CERTIFIED: &str = "client-sessiondirectory.xboxlive.com";
const SOCIAL: &str = "social.xboxlive.com";
/// Neither HTTP nor text.
const SAID: &[u8] = b"\x00\xff\r\n\r\nPRI * \x16\x03\x01 opaque";

/// Hosts that are none of ours.
struct World {
    sign_in: Foreign,
    certified: Foreign,
    other: Foreign,
    caller: Card,
    plain: Verbatim,
}

impl World {
    async fn new() -> Self {
        let caller = Card::of("title.test");
        Self {
            sign_in: Foreign::start(SIGN_IN, Asking::Nothing).await,
            certified: Foreign::start(CERTIFIED, Asking::Certificate(&caller)).await,
            other: Foreign::start("cdn.example.com", Asking::Nothing).await,
            caller,
            plain: Verbatim::start(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Odd-Case: 1\r\n\r\n\x00\xffok").await,
        }
    }

    /// A deck's way to all of them, and to MPSD at an address.
    fn leading(&self, setup: Setup) -> Setup {
        let mut setup = setup;
        let hosts = [&self.sign_in, &self.certified, &self.other];
        setup.route.resolve.extend(hosts.map(|host| (host.name.to_owned(), host.address)));
        setup.route.resolve.push(("plain.test".to_owned(), self.plain.address));
        setup
    }

    fn connections(&self) -> [usize; 3] {
        [&self.sign_in, &self.certified, &self.other].map(Foreign::connections)
    }

    /// A client goes everywhere, and sees the servers as they are.
    async fn toured(&self, proxy: &Proxy) {
        let hosts = [(&self.sign_in, None), (&self.certified, Some(&self.caller)), (&self.other, None)];
        for (host, own) in hosts {
            let (shown, back) = host.visited(proxy.address, SAID, own).await.unwrap();
            assert_eq!(shown, host.card.der(), "{}: the server's own certificate", host.name);
            assert_eq!(back, SAID, "{}", host.name);
        }
        assert_eq!(self.certified.shown().last(), Some(&self.caller.der()), "the caller's own certificate");
        let sent = "PUT http://plain.test/a?b=%20c HTTP/1.1\r\nHost: plain.test\r\nX-Odd-Case: 1\r\nx-twice: 2\r\n\
                    x-twice: 1\r\nConnection: close\r\n\r\n";
        let before = self.plain.received().len();
        let answer = proxy.raw(sent.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("X-Odd-Case: 1\r\n"), "{answer}");
        let received = self.plain.received()[before..].to_owned();
        let expected =
            "PUT /a?b=%20c HTTP/1.1\r\nHost: plain.test\r\nX-Odd-Case: 1\r\nx-twice: 2\r\nx-twice: 1\r\n\r\n";
        assert_eq!(received, expected);
    }

    /// A client finds every door shut.
    async fn shut(&self, proxy: &Proxy) {
        let before = self.connections();
        for host in [&self.sign_in, &self.certified, &self.other] {
            assert_eq!(host.visited(proxy.address, SAID, None).await.unwrap_err(), 403, "{}", host.name);
        }
        let received = self.plain.received();
        let asked = b"GET http://plain.test/ HTTP/1.1\r\nHost: plain.test\r\nConnection: close\r\n\r\n";
        let answer = proxy.raw(asked).await;
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("host-refused"), "{answer}");
        assert_eq!((self.connections(), self.plain.received()), (before, received), "no connection at all");
    }
}

#[tokio::test]
async fn a_client_of_many_hosts_is_recorded_replayed_and_left_alone() {
    let (world, home) = (World::new().await, TempDir::new().unwrap());
    let emulator = Setup::emulating().start().await;
    let roots = home.path().join("emulator.pem");
    std::fs::write(&roots, &emulator.root).unwrap();
    let journal = home.path().join("mixed.cassette.jsonl");

    let setup = Setup { roots: Some(roots), ..Setup::leading_to(emulator.address) }.recording(&journal);
    let recording = world.leading(setup).start().await;
    world.toured(&recording).await;
    let told = a_visit(&recording).await;
    let passed = recording.engine.watch().elsewhere().to_string();
    let hosts = format!("{} (1), {CERTIFIED} (1), plain.test (1), {SIGN_IN} (1)", world.other.name);
    assert_eq!(passed, format!("; passed on unread: {hosts}"));
    recording.close().await;
    let cassette = sealed(&journal);
    let kept = std::fs::read_to_string(&cassette).unwrap();
    for foreign in [SIGN_IN, CERTIFIED, world.other.name, "plain.test"] {
        assert!(!kept.contains(foreign), "{foreign} is on record");
    }

    let replaying = Setup { others: Others::Tunnel, ..Setup::replaying(&cassette, Options::default()) };
    let replaying = world.leading(replaying).start().await;
    world.toured(&replaying).await;
    assert_eq!(a_visit(&replaying).await, told);
    world.toured(&replaying).await;
    let receipt = serde_json::to_value(replaying.engine.receipt().unwrap()).unwrap();
    assert_eq!((&receipt["tunnels"], &receipt["refused"]), (&json!(8), &json!(0)));
    let twice = |host: &str| json!({"host": host, "tunnels": 2, "refused": 0});
    let hosts = [world.other.name, CERTIFIED, "plain.test", SIGN_IN].map(twice);
    assert_eq!(receipt["elsewhere"], json!(hosts), "in the order of their names");
    assert_eq!((&receipt["exchanges"]["miss"], &receipt["upstream_connections"]), (&json!(0), &json!(0)));

    let offline = Setup { others: Others::Refuse, ..Setup::replaying(&cassette, Options::default()) };
    let offline = world.leading(offline).start().await;
    world.shut(&offline).await;
    assert_eq!(a_visit(&offline).await, told);
    let receipt = serde_json::to_value(offline.engine.receipt().unwrap()).unwrap();
    assert_eq!((&receipt["tunnels"], &receipt["refused"]), (&json!(0), &json!(4)));
    assert_eq!(receipt["elsewhere"][0], json!({"host": world.other.name, "tunnels": 0, "refused": 1}));
}

fn named(patterns: &[&str]) -> Neighbours {
    patterns.iter().map(|pattern| pattern.parse::<Pattern>().unwrap()).collect()
}

/// A proxy that looks into some hosts of a scripted service.
fn looking_into(service: &Service, hosts: &[&str]) -> Setup {
    let mut setup = Setup { neighbours: named(hosts), ..Setup::before(service) };
    setup.route.resolve.extend(hosts.iter().map(|&host| (host.to_owned(), service.address)));
    setup
}

async fn client(proxy: &Proxy, host: &str, protocol: Protocol) -> Client {
    Client::connect(proxy.address, host, Way::Connect(proxy.root.clone()), protocol).await.unwrap()
}

fn exchanges(journal: &Path) -> Vec<HttpRecord> {
    Cassette::read(journal).unwrap().exchanges().cloned().collect()
}

#[tokio::test]
async fn a_named_host_is_recorded_replayed_and_held_to_nothing() {
    let service = Service::start(|seen| {
        let host = seen.authority.clone().or_else(|| seen.headers.text("host").map(str::to_owned)).unwrap();
        Reaction::Answer(answer(200, &format!(r#"{{"at":"{host}{}"}}"#, seen.target)))
    })
    .await;
    let home = TempDir::new().unwrap();
    let journal = home.path().join("named.cassette.jsonl");
    let hosts = [SOCIAL, "studio.localhost"];
    let proxy = looking_into(&service, &hosts).recording(&journal).start().await;
    for host in hosts {
        let mut client = client(&proxy, host, Protocol::H2).await;
        let read = client.send("GET", "/people/me?view=all", &[], b"").await.unwrap();
        assert_eq!(read.body.wire().as_ref(), format!(r#"{{"at":"{host}/people/me?view=all"}}"#).as_bytes());
        // MPSD would have much to say about it.
        let odd = client.send("PATCH", "/serviceconfigs/x", &[("x-xbl-contract-version", "?")], b"{]").await.unwrap();
        assert_eq!(odd.status, 200);
    }
    assert_eq!(proxy.engine.watch().tallied().errors + proxy.engine.watch().tallied().warnings, 0);
    proxy.close().await;
    assert!(exchanges(&journal).iter().all(|record| record.op == "neighbour"));
    let cassette = sealed(&journal);
    let checked = run(home.path(), &["check", text(&cassette)]);
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.talk);

    // Nobody says it again: the recording knows whom it looked into.
    let recording = Cassette::read(&cassette).unwrap();
    let replaying = Setup { neighbours: Neighbours::of(&recording), ..Setup::replaying(&cassette, Options::default()) };
    let replaying = replaying.start().await;
    for host in hosts {
        let mut client = client(&replaying, host, Protocol::H1).await;
        let read = client.send("GET", "/people/me?view=all", &[], b"").await.unwrap();
        assert_eq!(read.body.wire().as_ref(), format!(r#"{{"at":"{host}/people/me?view=all"}}"#).as_bytes());
    }
    let mut client = client(&replaying, SOCIAL, Protocol::H1).await;
    let missed = client.send("GET", "/people/me?view=none", &[], b"").await.unwrap();
    assert_eq!((missed.status, problem_code(&missed).as_str()), (501, "not in the cassette"));
    let problem: serde_json::Value = serde_json::from_slice(missed.body.decoded().unwrap()).unwrap();
    assert_eq!((&problem["op"], &problem["reason"]), (&json!("neighbour"), &json!("different")));
    let differences = problem["nearest"][0]["differences"].to_string();
    assert!(differences.contains("all") && differences.contains("none"), "{differences}");
    assert_eq!(replaying.engine.watch().tallied().errors, 0);
}

#[tokio::test]
async fn sign_in_that_is_named_is_looked_into_and_not_kept() {
    let token = "eyJhbGciOi.opaque-token-of-somebody";
    let service = Service::start(move |_| {
        let headers = [("content-type", "application/json"), ("set-cookie", "session=of-somebody")];
        let body = format!(r#"{{"Token":"{token}","DisplayClaims":{{"xui":[{{"uhs":"123456789012"}}]}}}}"#);
        Reaction::Answer(Response::new(200, headers.into_iter().collect(), body))
    })
    .await;
    let home = TempDir::new().unwrap();
    let journal = home.path().join("sign-in.cassette.jsonl");
    let proxy = looking_into(&service, &[SIGN_IN]).recording(&journal).start().await;
    let mut signing_in = client(&proxy, SIGN_IN, Protocol::H1).await;
    let body = br#"{"Properties":{"RpsTicket":"d=ticket-of-somebody","Password":"hunter2"}}"#;
    let target = "/user/authenticate?refresh=of-somebody";
    let granted = signing_in.send("POST", target, &[("x-odd", "of-somebody")], body).await.unwrap();
    assert!(String::from_utf8_lossy(granted.body.wire()).contains(token), "the client gets what it came for");
    assert_eq!(service.seen()[0].body.as_ref(), body);
    proxy.close().await;
    let kept = std::fs::read_to_string(&journal).unwrap();
    for secret in ["of-somebody", "hunter2", "123456789012", "eyJhbGciOi"] {
        assert!(!kept.contains(secret), "{secret} is on record: {kept}");
    }
    let records = exchanges(&journal);
    assert_eq!((records.len(), records[0].request.target.as_str()), (1, "/user/authenticate"));
    let withheld = [&records[0].request.body, &records[0].response.body].map(|body| {
        let withheld = body.as_ref().and_then(StoredBody::as_withheld).unwrap();
        (withheld.reason.clone(), withheld.length)
    });
    assert!(withheld.iter().all(|(reason, length)| reason.contains("sign-in") && *length == 0), "{withheld:?}");
}

#[tokio::test]
async fn a_socket_of_sign_in_is_not_kept_either() {
    let home = TempDir::new().unwrap();
    let journal = home.path().join("socket.cassette.jsonl");
    let switching = "Connection: upgrade\r\nUpgrade: websocket\r\n";
    let head = "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
                Connection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    let (address, say) = dripping(head).await;
    let route = Route { resolve: vec![(SIGN_IN.to_owned(), address)], ..Route::default() };
    let setup = Setup { route, neighbours: named(&[SIGN_IN]), ..Setup::default() };
    let proxy = setup.recording(&journal).start().await;
    let mut line = TcpStream::connect(proxy.address).await.unwrap();
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    let asked = format!("GET http://{SIGN_IN}/talk HTTP/1.1\r\nHost: {SIGN_IN}\r\n{switching}{key}\r\n");
    line.write_all(asked.as_bytes()).await.unwrap();
    assert!(crate::support::socket::head(&mut line).await.starts_with("HTTP/1.1 101 "));
    say.send(Bytes::from_static(b"\x81\x07hunter2")).await.unwrap();
    let mut heard = [0; 9];
    tokio::time::timeout(HANG, line.read_exact(&mut heard)).await.unwrap().unwrap();
    assert_eq!(&heard[2..], b"hunter2", "the client gets what it came for");
    drop(line);
    proxy.close().await;
    let kept = std::fs::read_to_string(&journal).unwrap();
    assert!(kept.contains("/talk") && !kept.contains("hunter2"), "{kept}");
}

/// A server that answers one request with a head, and then says what it is told to.
async fn dripping(head: &'static str) -> (std::net::SocketAddr, tokio::sync::mpsc::Sender<Bytes>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (say, mut said) = tokio::sync::mpsc::channel::<Bytes>(1);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        crate::support::socket::head(&mut stream).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        while let Some(piece) = said.recv().await {
            if stream.write_all(&piece).await.is_err() {
                return;
            }
        }
    });
    (address, say)
}

fn small() -> Limits {
    Limits { body: 64 * 1024, ..Limits::default() }
}

/// A proxy that looks into `files.localhost`, which is plain HTTP at an address.
async fn before_files(address: std::net::SocketAddr, journal: &Path, limits: Limits) -> Proxy {
    let resolve = vec![("files.localhost".to_owned(), address)];
    let route = Route { resolve, ..Route::default() };
    let setup = Setup { route, neighbours: named(&["*.localhost"]), limits, ..Setup::default() };
    setup.recording(journal).start().await
}

const ASKED: &[u8] = b"GET http://files.localhost/big HTTP/1.1\r\nHost: files.localhost\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_download_passes_as_it_comes_and_leaves_its_digest() {
    let home = TempDir::new().unwrap();
    let journal = home.path().join("files.cassette.jsonl");
    let (address, say) = dripping("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\nContent-Type: x/y\r\n\r\n").await;
    let proxy = before_files(address, &journal, small()).await;
    let mut line = TcpStream::connect(proxy.address).await.unwrap();
    line.write_all(ASKED).await.unwrap();
    let whole: Vec<u8> = (0..300_000u32).map(|at| (at % 251) as u8).collect();
    // The first piece is here before the second is on its way.
    say.send(Bytes::copy_from_slice(&whole[..100_000])).await.unwrap();
    let head = crate::support::socket::head(&mut line).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("content-length: 300000\r\n"), "{head}");
    let mut got = vec![0; 100_000];
    tokio::time::timeout(HANG, line.read_exact(&mut got)).await.unwrap().unwrap();
    assert!(exchanges(&journal).is_empty(), "it is on record when it has ended");
    say.send(Bytes::copy_from_slice(&whole[100_000..])).await.unwrap();
    tokio::time::timeout(HANG, line.read_to_end(&mut got)).await.unwrap().unwrap();
    assert!(got == whole);
    proxy.close().await;
    let records = exchanges(&journal);
    let withheld = records[0].withheld().unwrap();
    assert!(withheld.is(&whole) && withheld.reason.contains("passed on as it came"), "{withheld:?}");
    assert_eq!(
        (records[0].outcome, records[0].response.headers.text("content-type")),
        (Outcome::Answered, Some("x/y"))
    );

    let replaying =
        Setup { neighbours: named(&["files.localhost"]), ..Setup::replaying(&sealed(&journal), Options::default()) };
    let missed = replaying.start().await.raw(ASKED).await;
    assert!(missed.starts_with("HTTP/1.1 501 ") && missed.contains("not-replayable"), "{missed}");
    assert!(missed.contains("passed on as it came"), "{missed}");
}

#[tokio::test]
async fn an_endless_answer_flows_until_somebody_leaves() {
    let home = TempDir::new().unwrap();
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n";
    let chunk = |text: &str| Bytes::from(format!("{:x}\r\n{text}\r\n", text.len()));
    for (name, leaves) in [("client", Outcome::ClientGone), ("deck", Outcome::Answered), ("service", Outcome::Reset)] {
        let journal = home.path().join(format!("{name}.cassette.jsonl"));
        let (address, say) = dripping(head).await;
        let mut proxy = Some(before_files(address, &journal, small()).await);
        let mut line = TcpStream::connect(proxy.as_ref().unwrap().address).await.unwrap();
        line.write_all(ASKED).await.unwrap();
        crate::support::socket::head(&mut line).await;
        say.send(chunk("data: 1\n\n")).await.unwrap();
        let mut first = vec![0; 14];
        tokio::time::timeout(HANG, line.read_exact(&mut first)).await.expect("it is held back").unwrap();
        assert_eq!(&first[3..12], b"data: 1\n\n", "{name}");
        match leaves {
            Outcome::ClientGone => drop(line),
            Outcome::Reset => drop(say),
            _ => {
                proxy.take().unwrap().close().await;
                let mut rest = Vec::new();
                let _ = tokio::time::timeout(HANG, line.read_to_end(&mut rest)).await.unwrap();
                assert!(!rest.ends_with(b"0\r\n\r\n"), "what was cut off does not look whole");
            }
        }
        let waiting = async {
            while exchanges(&journal).is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(HANG, waiting).await.expect("it is not recorded");
        let records = exchanges(&journal);
        assert_eq!((records[0].outcome, records[0].withheld().unwrap().length), (leaves, 9), "{name}");
    }
}

#[tokio::test]
async fn a_slow_answer_is_not_waited_for() {
    let home = TempDir::new().unwrap();
    let journal = home.path().join("slow.cassette.jsonl");
    let (address, say) = dripping("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n").await;
    let limits = Limits { gather: Duration::from_millis(50), ..Limits::default() };
    let proxy = before_files(address, &journal, limits).await;
    let mut line = TcpStream::connect(proxy.address).await.unwrap();
    line.write_all(ASKED).await.unwrap();
    say.send(Bytes::from_static(b"01234")).await.unwrap();
    // It could not come whole, and is there all the same.
    crate::support::socket::head(&mut line).await;
    let mut got = vec![0; 5];
    tokio::time::timeout(HANG, line.read_exact(&mut got)).await.expect("it is held back").unwrap();
    say.send(Bytes::from_static(b"56789")).await.unwrap();
    line.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, b"0123456789");
    proxy.close().await;
    assert_eq!(exchanges(&journal)[0].withheld().unwrap().length, 10);
}

#[tokio::test]
async fn an_upload_passes_and_leaves_its_digest() {
    let service = Service::start(|seen| Reaction::Answer(answer(201, &seen.body.len().to_string()))).await;
    let home = TempDir::new().unwrap();
    let journal = home.path().join("up.cassette.jsonl");
    let setup = Setup { limits: small(), ..looking_into(&service, &[SOCIAL]) };
    let proxy = setup.recording(&journal).start().await;
    let body = vec![7; 300_000];
    for protocol in [Protocol::H1, Protocol::H2] {
        let mut client = client(&proxy, SOCIAL, protocol).await;
        let stored = client.send("PUT", "/clip", &[], &body).await.unwrap();
        assert_eq!((stored.status, stored.body.wire().as_ref()), (201, b"300000".as_slice()), "{protocol:?}");
    }
    // MPSD's own bodies are read whole, or not at all.
    let refused = proxy.client(Protocol::H1).await.send("PUT", "/handles", &[], &body).await;
    assert!(matches!(&refused, Ok(answer) if answer.status == 413) || matches!(refused, Err(ClientError::Http(_))));
    assert!(service.seen().iter().all(|seen| seen.body == body) && service.seen().len() == 2);
    proxy.close().await;
    for record in exchanges(&journal).iter().take(2) {
        let withheld = record.request.body.as_ref().and_then(StoredBody::as_withheld).unwrap();
        assert!(withheld.is(&body), "{withheld:?}");
    }
}

const PUT: &str = "PUT http://files.localhost/big HTTP/1.1\r\nHost: files.localhost\r\nContent-Length: 300000\r\n\r\n";

/// What is on record of an upload that was not read whole.
fn went_up(journal: &Path) -> (Outcome, u16, u64, String) {
    let record = exchanges(journal).remove(0);
    let withheld = record.request.body.as_ref().and_then(StoredBody::as_withheld).unwrap();
    (record.outcome, record.response.status, withheld.length, withheld.reason.clone())
}

#[tokio::test]
async fn an_upload_may_take_longer_than_its_pauses() {
    let home = TempDir::new().unwrap();
    let patience = Duration::from_secs(2);
    let limits = Limits { idle: patience, answer: patience, ..small() };
    for (name, hosts) in [("read", &["*.localhost"][..]), ("unread", &[])] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let resolve = vec![("files.localhost".to_owned(), listener.local_addr().unwrap())];
        let route = Route { resolve, ..Route::default() };
        let setup = Setup { route, neighbours: named(hosts), limits, ..Setup::default() };
        let proxy = setup.recording(&home.path().join(format!("{name}.cassette.jsonl"))).start().await;
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            crate::support::socket::head(&mut stream).await;
            let mut body = vec![0; 300_000];
            stream.read_exact(&mut body).await.unwrap();
            stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        });
        let mut line = TcpStream::connect(proxy.address).await.unwrap();
        line.write_all(PUT.as_bytes()).await.unwrap();
        for _ in 0..10 {
            line.write_all(&[7; 30_000]).await.unwrap();
            tokio::time::sleep(patience / 8).await;
        }
        let head = tokio::time::timeout(HANG, crate::support::socket::head(&mut line)).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 201 "), "{name}: {head}");
        serving.await.unwrap();
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_mid_upload_is_not_the_services_fault() {
    let home = TempDir::new().unwrap();
    let journal = home.path().join("left.cassette.jsonl");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = before_files(listener.local_addr().unwrap(), &journal, small()).await;
    let mut line = TcpStream::connect(proxy.address).await.unwrap();
    line.write_all(PUT.as_bytes()).await.unwrap();
    line.write_all(&[7; 100_000]).await.unwrap();
    let (mut service, _) = listener.accept().await.unwrap();
    let mut part = vec![0; 90_000];
    service.read_exact(&mut part).await.unwrap();
    drop(line);
    service.read_to_end(&mut part).await.unwrap();
    proxy.close().await;
    let (outcome, status, length, reason) = went_up(&journal);
    assert_eq!((outcome, status, length), (Outcome::Refused, 400, 100_000), "{reason}");
    assert!(reason.contains("as far as it came"), "{reason}");
}

#[tokio::test]
async fn an_upload_nobody_waited_for_is_not_told_as_whole() {
    let home = TempDir::new().unwrap();
    let journal = home.path().join("early.cassette.jsonl");
    let (address, _say) = dripping("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").await;
    let proxy = before_files(address, &journal, small()).await;
    let mut line = TcpStream::connect(proxy.address).await.unwrap();
    line.write_all(PUT.as_bytes()).await.unwrap();
    line.write_all(&[7; 100_000]).await.unwrap();
    let head = tokio::time::timeout(HANG, crate::support::socket::head(&mut line)).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    drop(line);
    proxy.close().await;
    let (outcome, status, _, reason) = went_up(&journal);
    assert_eq!((outcome, status), (Outcome::Answered, 401), "{reason}");
    assert!(reason.contains("as far as it came"), "{reason}");
}

#[tokio::test]
async fn a_neighbour_is_asked_by_its_own_name_whatever_stands_in_for_mpsd() {
    let (service, stand_in) = (Service::answering(answer(200, "1")).await, Service::answering(answer(200, "2")).await);
    let setup = looking_into(&service, &[SOCIAL]).reverse();
    let setup = Setup {
        route: Route {
            resolve: vec![(SOCIAL.to_owned(), service.address), (HOST.to_owned(), stand_in.address)],
            ..Route::default()
        },
        ..setup
    };
    let proxy = setup.start().await;
    let answered = client(&proxy, SOCIAL, Protocol::H1).await.send("GET", "/a", &[], b"").await.unwrap();
    assert_eq!(answered.body.wire().as_ref(), b"1");
    assert!(stand_in.seen().is_empty());
}

/// A service that takes only callers of a card, under MPSD's other name.
fn certified(world: &World, identity: Option<Identity>, root: PathBuf) -> Setup {
    let setup = Setup { neighbours: named(&[CERTIFIED]), identity, roots: Some(root), ..Setup::default() };
    world.leading(setup)
}

#[tokio::test]
async fn a_host_that_asks_for_a_certificate_is_shown_ours() {
    let (world, home) = (World::new().await, TempDir::new().unwrap());
    let file = |name: &str, text: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let root = file("root.pem", &world.certified.card.root);
    let Card { certificate, key, .. } = &world.caller;
    let both = Identity { certificate: file("both.pem", &format!("{certificate}{key}")), key: None };
    // It answers no HTTP, but hears who calls.
    let proxy = certified(&world, Some(both), root.clone()).start().await;
    let answered = client(&proxy, CERTIFIED, Protocol::H1).await.send("GET", "/handles/1", &[], b"").await.unwrap();
    assert_eq!(answered.status, 502);
    assert_eq!(world.certified.shown(), [world.caller.der()]);
    let findings = proxy.engine.watch().tallied();
    assert!(findings.errors > 0, "it is MPSD, and held to its contract: {findings:?}");

    let nobody = certified(&world, None, root).start().await;
    let refused = client(&nobody, CERTIFIED, Protocol::H1).await.send("GET", "/handles/1", &[], b"").await.unwrap();
    assert_eq!((refused.status, problem_code(&refused).as_str()), (502, "upstream-wants-certificate"));
    assert!(String::from_utf8_lossy(refused.body.wire()).contains("--upstream-cert"));
}

#[tokio::test]
async fn a_neighbour_does_not_learn_who_we_are() {
    let (world, home) = (World::new().await, TempDir::new().unwrap());
    let curious = Foreign::start("files.localhost", Asking::Certificate(&world.caller)).await;
    let Card { certificate, key, .. } = &world.caller;
    let (file, root) = (home.path().join("both.pem"), home.path().join("root.pem"));
    std::fs::write(&file, format!("{certificate}{key}")).unwrap();
    std::fs::write(&root, &curious.card.root).unwrap();
    let route = Route { resolve: vec![(curious.name.to_owned(), curious.address)], ..Route::default() };
    let identity = Some(Identity { certificate: file, key: None });
    let setup = Setup { route, identity, neighbours: named(&[curious.name]), roots: Some(root), ..Setup::default() };
    let proxy = setup.start().await;
    let answered = client(&proxy, curious.name, Protocol::H1).await.send("GET", "/", &[], b"").await.unwrap();
    assert_eq!(answered.status, 502);
    assert!(curious.shown().is_empty());
}

#[test]
fn offline_is_a_promise_or_an_error() {
    let home = TempDir::new().unwrap();
    let cassette = home.path().join("a.cassette.json");
    for args in [
        &["record", "--offline", text(&cassette)][..],
        &["watch", "--offline", "--upstream", "https://mpsd.test"],
        &["run", "--offline", "--record", text(&cassette), "--", "true"],
    ] {
        let ended = run(home.path(), args);
        assert_eq!(ended.code, Some(2), "{args:?}");
        assert!(ended.talk.contains("--offline: the service cannot be reached"), "{}", ended.talk);
        assert!(ended.talk.contains("--upstream emulator"), "{}", ended.talk);
    }
    let deck = Deck::start(home.path(), &["emulate", "--offline"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let asked = b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\nconnection: close\r\n\r\n";
    let refused = runtime.block_on(raw(deck.address, asked));
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
    let ended = deck.stopped();
    assert!(ended.talk.contains("; refused: example.com (1)"), "{}", ended.talk);
}

#[test]
fn a_host_nobody_can_vouch_for_is_told_at_the_start() {
    let home = TempDir::new().unwrap();
    let ended = run(home.path(), &["emulate", "--listen", "127.0.0.1:0", "--intercept", "api.example.com,*.a.test"]);
    assert_eq!(ended.code, Some(2), "{}", ended.talk);
    assert!(ended.talk.contains("may not vouch for a.test, api.example.com"), "{}", ended.talk);
    assert!(ended.talk.contains("tapdeck ca create --replace --host a.test --host api.example.com"), "{}", ended.talk);
    let invite =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/invite.cassette.json")).unwrap();
    let foreign = home.path().join("foreign.cassette.json");
    let text_of = invite.replacen("\"op\": \"", "\"op\": \"neighbour\", \"was\": \"", 1);
    std::fs::write(&foreign, text_of.replacen(HOST, "cdn.example.com", 1)).unwrap();
    let ended = run(home.path(), &["replay", "--listen", "127.0.0.1:0", text(&foreign)]);
    assert_eq!(ended.code, Some(2), "{}", ended.talk);
    assert!(ended.talk.contains("may not vouch for cdn.example.com"), "{}", ended.talk);
}

#[test]
fn what_is_named_with_care_is_warned_of() {
    let home = TempDir::new().unwrap();
    let deck = Deck::start(home.path(), &["emulate", "--intercept", SIGN_IN]);
    let ended = deck.stopped();
    assert!(ended.talk.contains(&format!("warning: {SIGN_IN} is looked into: people sign in there")), "{}", ended.talk);
    let ended = run(home.path(), &["watch", "--listen", "127.0.0.1:0", "--intercept", CERTIFIED]);
    assert_eq!(ended.code, Some(2), "{}", ended.talk);
    assert!(ended.talk.contains("asks its callers for a certificate") && ended.talk.contains("--upstream-cert"));
    let Card { certificate, key, .. } = Card::of("title.test");
    let file = home.path().join("both.pem");
    std::fs::write(&file, format!("{certificate}{key}")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let deck = Deck::start(home.path(), &["watch", "--intercept", CERTIFIED, "--upstream-cert", text(&file)]);
    let ended = deck.stopped();
    #[cfg(unix)]
    assert!(ended.talk.contains("everybody on this machine can read the key in"), "{}", ended.talk);
    assert_eq!(ended.code, Some(0), "{}", ended.talk);
}

#[test]
fn a_tunnel_that_could_be_more_is_told_of_once() {
    let home = TempDir::new().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let resolve = format!("{CERTIFIED}={}", listener.local_addr().unwrap());
    let deck = Deck::start(home.path(), &["watch", "--resolve", &resolve]);
    for _ in 0..2 {
        let asked = format!("CONNECT {CERTIFIED}:443 HTTP/1.1\r\nhost: x\r\n\r\n");
        runtime.block_on(async {
            let mut line = TcpStream::connect(deck.address).await.unwrap();
            line.write_all(asked.as_bytes()).await.unwrap();
            assert!(crate::support::socket::head(&mut line).await.starts_with("HTTP/1.1 200 "));
        });
    }
    let ended = deck.stopped();
    assert_eq!(ended.talk.matches("takes only callers with a certificate").count(), 1, "{}", ended.talk);
    assert!(ended.talk.contains(&format!("passed on unread: {CERTIFIED} (2)")), "{}", ended.talk);
}
