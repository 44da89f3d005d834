//! Whose a call is: names by proxy user, listener and address, and lanes that outlive tokens and sockets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tapdeck::cassette::Cassette;
use tapdeck::client::{Client, Io, Way};
use tapdeck::exchange::Protocol;
use tapdeck::message::{Headers, Response, Scheme};
use tapdeck::replay;
use tapdeck::socket::{Message, Opcode};
use tempfile::TempDir;

use crate::support::binary::{self, Deck};
use crate::support::socket::{RTA, head, masked_frame, open, receive_frame, send};
use crate::support::{HOST, Proxy, Service, Setup, raw, sealed};

const SESSION: &str = "/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/lobby/sessions/lanes";

fn basic(user: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:")))
}

/// One GET in absolute form, as a proxy user or as nobody.
async fn ask(proxy: &Proxy, user: Option<&str>) -> Response {
    let mut client = Client::connect(proxy.address, HOST, Way::Absolute(Scheme::Https), Protocol::H1).await.unwrap();
    let user = user.map(basic);
    let mut headers = vec![("authorization", "XBL3.0 x=7;t"), ("x-xbl-contract-version", "107")];
    headers.extend(user.as_ref().map(|user| ("proxy-authorization", user.as_str())));
    client.send("GET", SESSION, &headers, b"").await.unwrap()
}

/// The same inside a tunnel, over plain HTTP: the answers' heads.
async fn ask_inside(proxy: &Proxy, user: &str) -> (String, String) {
    let mut io = tokio::net::TcpStream::connect(proxy.address).await.unwrap();
    let user = basic(user);
    let connect = format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\nProxy-Authorization: {user}\r\n\r\n");
    send(&mut io, connect.as_bytes()).await;
    let opened = head(&mut io).await;
    let get = format!("GET {SESSION} HTTP/1.1\r\nHost: {HOST}\r\nProxy-Authorization: Basic not-read\r\n\r\n");
    send(&mut io, get.as_bytes()).await;
    (opened, head(&mut io).await)
}

fn lanes(journal: &Path) -> Vec<String> {
    Cassette::read(journal).unwrap().exchanges().map(|http| http.lane.clone()).collect()
}

#[tokio::test]
async fn a_client_is_its_proxy_user_or_else_its_listeners_player_or_else_its_addresss() {
    let service = Service::answering(Response::new(204, Headers::new(), "")).await;
    let home = TempDir::new().unwrap();
    let player = |name: &str| name.parse().ok();
    let clients = || BTreeMap::from([(service.address.ip(), "tablet".parse().unwrap())]);
    for (name, clients, expected) in [
        (player("console"), clients(), ["zoe", "zoe", "console"]),
        (None, clients(), ["zoe", "zoe", "tablet"]),
        (None, BTreeMap::new(), ["zoe", "zoe", "lane-1"]),
    ] {
        let journal = home.path().join(format!("{}.cassette.jsonl", expected[2]));
        let proxy = Setup { name, clients, ..Setup::before(&service) }.recording(&journal).start().await;
        assert_eq!(ask(&proxy, Some("zoe")).await.status, 204);
        let (opened, answered) = ask_inside(&proxy, "zoe").await;
        assert!(opened.starts_with("HTTP/1.1 200 ") && answered.starts_with("HTTP/1.1 "), "{opened} {answered}");
        assert_eq!(ask(&proxy, None).await.status, 204);
        proxy.close().await;
        assert_eq!(lanes(&journal), expected);
        let text = std::fs::read_to_string(&journal).unwrap().to_lowercase();
        assert!(!text.contains("proxy-authorization") && !text.contains(&basic("zoe").to_lowercase()), "{text}");
    }
    assert!(service.seen().iter().all(|seen| seen.headers.text("proxy-authorization").is_none()));
}

#[tokio::test]
async fn a_proxy_user_that_names_no_player_is_refused() {
    let proxy = Setup::emulating().start().await;
    for user in ["DOMAIN\\user", "2814000000000001", "a b", "player1", "lane-3"] {
        let refused = ask(&proxy, Some(user)).await;
        let detail = String::from_utf8(refused.body.wire().to_vec()).unwrap();
        assert!(refused.status == 400 && detail.contains("bad-player-name") && !detail.contains("2814"), "{detail}");
    }
    let connect = format!("CONNECT {HOST}:443 HTTP/1.1\r\nProxy-Authorization: {}\r\n\r\n", basic("a b"));
    assert!(raw(proxy.address, connect.as_bytes()).await.starts_with("HTTP/1.1 400 "));
    assert_eq!(ask(&proxy, Some("")).await.status, 204, "no user is no name");
    assert_eq!(proxy.engine.watch().lanes(), 1);
}

#[tokio::test]
async fn on_replay_a_named_client_is_the_player_of_its_name() {
    let home = TempDir::new().unwrap();
    let journal = home.path().join("a.cassette.jsonl");
    let proxy = Setup::emulating().recording(&journal).start().await;
    ask(&proxy, Some("host")).await;
    ask(&proxy, None).await;
    proxy.close().await;
    let cassette = sealed(&journal);
    assert_eq!(Cassette::read(&cassette).unwrap().lanes, ["host", "player1"]);
    assert_eq!(replay::verify(&Cassette::read(&cassette).unwrap()), []);

    let proxy = Setup::replaying(&cassette, replay::Options::default()).start().await;
    let unknown = ask(&proxy, Some("guest")).await;
    let problem: Value = serde_json::from_slice(unknown.body.decoded().unwrap()).unwrap();
    assert_eq!((unknown.status, &problem["reason"]), (501, &json!("no-such-player")));
    assert_eq!(problem["players"], json!(["host", "player1"]));
    for user in ["player1", "host"] {
        assert_eq!(ask(&proxy, Some(user)).await.status, 204, "{user}");
    }
    assert_eq!((proxy.tally().misses, proxy.tally().unplayed), (1, 0));
}

/// A player of the long evening: connections, and a token that is new again and again.
struct Person<'p> {
    proxy: &'p Proxy,
    hash: String,
    tokens: usize,
    http: Client,
    socket: Option<Box<dyn Io>>,
}

impl<'p> Person<'p> {
    async fn arrives(proxy: &'p Proxy, hash: &str) -> Self {
        Self { proxy, hash: hash.to_owned(), tokens: 0, http: proxy.client(Protocol::H1).await, socket: None }
    }

    fn token(&self) -> String {
        format!("XBL3.0 x={};token-{}-of-{}", self.hash, self.tokens, self.hash)
    }

    async fn call(&mut self, method: &str, target: &str, body: &str) -> Response {
        let token = self.token();
        let headers = [
            ("authorization", token.as_str()),
            ("x-xbl-contract-version", "107"),
            ("content-type", "application/json"),
        ];
        self.http.send(method, target, &headers, body.as_bytes()).await.unwrap()
    }

    /// Opens a socket by a nonce or by the token, and gives the connection's id.
    async fn listens(&mut self, by_nonce: bool) -> String {
        let way = Way::Connect(self.proxy.root.clone());
        let mut io = self.proxy.reach(RTA, &way).await;
        if by_nonce {
            let mut rta = Client::connect(self.proxy.address, RTA, way, Protocol::H1).await.unwrap();
            let token = self.token();
            let answer = rta.send("GET", "/nonce", &[("authorization", token.as_str())], b"").await.unwrap();
            let nonce: Value = serde_json::from_slice(answer.body.decoded().unwrap()).unwrap();
            open(&mut io, &format!("/connect?nonce={}", nonce["nonce"].as_str().unwrap()), "").await;
        } else {
            open(&mut io, "/connect", &format!("Authorization: {}\r\n", self.token())).await;
        }
        let subscribe = r#"[1,1,"https://sessiondirectory.xboxlive.com/connections/"]"#;
        send(&mut io, &masked_frame(&Message::text(subscribe))).await;
        let reply = receive_frame(&mut io).await;
        assert_eq!(reply.opcode, Opcode::Text);
        let reply: Value = serde_json::from_str(reply.as_text().unwrap()).unwrap();
        self.socket = Some(io);
        reply[4]["ConnectionId"].as_str().unwrap().to_owned()
    }

    async fn hangs_up(&mut self) {
        if let Some(mut io) = self.socket.take() {
            send(&mut io, &masked_frame(&Message::close(1000))).await;
            while receive_frame(&mut io).await.opcode != Opcode::Close {}
        }
    }

    async fn writes(&mut self, session: &str, connection: &str, quarter: usize) {
        let system = json!({"active": true, "connection": connection});
        let me = json!({"properties": {"system": system, "custom": {"quarter": quarter}}});
        let body = json!({"members": {"me": me}}).to_string();
        let answer = self.call("PUT", session, &body).await;
        assert!(matches!(answer.status, 200 | 201), "{}: {answer:?}", self.hash);
    }
}

/// Two hours in the same lobby. Tokens are refreshed every quarter of an hour, and so are sockets, by either way.
async fn evening(proxy: &Proxy, hashes: [&str; 3]) {
    let mut people = Vec::new();
    for hash in hashes {
        people.push(Person::arrives(proxy, hash).await);
    }
    for quarter in 0..8 {
        for (number, person) in people.iter_mut().enumerate() {
            person.tokens += 1;
            person.hangs_up().await;
            let connection = person.listens((quarter + number) % 2 == 0).await;
            let own = format!("{SESSION}-{number}");
            person.writes(&own, &connection, quarter).await;
            assert_eq!(person.call("GET", &own, "").await.status, 200);
        }
        // Two of them sit at one console: what it sends goes over one connection.
        let second = people[1].token();
        let headers = [("authorization", second.as_str()), ("x-xbl-contract-version", "107")];
        let own = format!("{SESSION}-1");
        assert_eq!(people[0].http.send("GET", &own, &headers, b"").await.unwrap().status, 200);
        if let Some(emulator) = proxy.engine.emulator() {
            proxy.engine.wake(emulator.advance(Duration::from_secs(15 * 60)));
        }
    }
    for person in &mut people {
        person.hangs_up().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hours_of_new_tokens_and_new_sockets_are_three_lanes() {
    let home = TempDir::new().unwrap();
    let journal = home.path().join("evening.cassette.jsonl");
    let proxy = Setup::emulating().recording(&journal).start().await;
    evening(&proxy, ["101", "102", "103"]).await;
    assert_eq!(proxy.engine.watch().lanes(), 3);
    proxy.close().await;
    let path = sealed(&journal);
    let cassette = Cassette::read(&path).unwrap();
    assert_eq!(cassette.lanes, ["player1", "player2", "player3"]);
    let heard: BTreeSet<&str> =
        cassette.entries.iter().filter_map(|entry| Some(entry.record.frame()?.lane.as_str())).collect();
    assert_eq!(heard.into_iter().collect::<Vec<_>>(), cassette.lanes);
    assert_eq!(replay::verify(&cassette), []);

    let all = replay::Options { live: replay::Live::All, ..replay::Options::default() };
    let proxy = Setup::replaying(&path, all).start().await;
    evening(&proxy, ["901", "902", "903"]).await;
    let tally = proxy.tally();
    assert_eq!((tally.misses, tally.unplayed, proxy.engine.watch().lanes()), (0, 0, 3));
    proxy.close().await;
}

#[test]
fn listeners_with_names_are_one_deck_and_its_summary_tells_the_names() {
    let home = TempDir::new().unwrap();
    let (cassette, ready) = (home.path().join("a.cassette.json"), home.path().join("ready.json"));
    let (cassette, ready) = (cassette.to_str().unwrap(), ready.to_str().unwrap());
    let mut command = binary::tapdeck(home.path());
    command.args(["record", "--upstream", "emulator", "--ready-file", ready, cassette]);
    command.args(["--listen", "127.0.0.1:0", "--listen", "guest=127.0.0.1:0", "--name", "127.0.0.1=host"]);
    let mut deck = Deck::of(command);
    let guest = deck.hear(" for guest ");
    let told: Value = serde_json::from_str(&std::fs::read_to_string(ready).unwrap()).unwrap();
    assert_eq!(told["proxy"], format!("http://{}", deck.address));
    let guest_url = told["players"]["guest"].as_str().unwrap();
    assert!(guest.contains(guest_url), "{guest}");
    for url in [format!("http://{}", deck.address), guest_url.to_owned()] {
        let address = url.strip_prefix("http://").unwrap();
        let ask = format!("GET {SESSION} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
        let answer = ask_plain(address, &ask);
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    }
    assert_eq!(deck.stopped().code, Some(0));
    assert_eq!(Cassette::read(Path::new(cassette)).unwrap().lanes, ["guest", "host"]);

    for (args, what) in [
        (&["--listen", "gast=127.0.0.1:0"][..], "gast is no player of this cassette\nhint: they are host, guest\n"),
        (&["--name", "127.0.0.1=gast"], "gast is no player of this cassette"),
        (&["--player", "gast=1"], "--player: gast is no player of this cassette; its players are host, guest\n"),
        (&["--player", "guest=1"], "--player: the cassette does not tell guest's xuid"),
        (&["--player", "guest=x"], "an xuid is a decimal number"),
        (&["--listen", "a b=127.0.0.1:0"], "a player's name is a letter"),
    ] {
        let ended = binary::run(home.path(), &[&["replay", cassette], args].concat());
        assert!(ended.code == Some(2) && ended.talk.contains(what), "{args:?}: {}", ended.talk);
    }
    for (args, what) in [
        (&["--listen", "player2=127.0.0.1:0"][..], "player2 is what tapdeck calls a lane without a name"),
        (&["--name", "::1=a,::1=b"], "--name: ::1 cannot be both a and b"),
        (&["--listen", "10.0.0.1:1"], "--listen 10.0.0.1:1: other machines reach that address"),
    ] {
        let ended = binary::run(home.path(), &[&["watch"], args].concat());
        assert!(ended.code == Some(2) && ended.talk.contains(what), "{args:?}: {}", ended.talk);
    }
}

fn ask_plain(address: &str, ask: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(ask.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
