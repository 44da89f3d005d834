//! The control port as a harness meets it: sessions that know nothing of each other, what became of them, and what is
//! refused.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
use tapdeck::client::{Client, Way};
use tapdeck::exchange::Protocol;
use tapdeck::message::Response;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::support::binary::{self, Deck, tapdeck};
use crate::support::{HOST, problem_code, rest, socket, text};

const INVITE: &str = "invite.cassette.json";

/// A deck that replays, in the folder of the example cassettes, and a harness at its control port.
struct Harness {
    deck: Deck,
    home: TempDir,
}

impl Harness {
    fn start(args: &[&str]) -> Self {
        let home = TempDir::new().unwrap();
        let mut command = tapdeck(home.path());
        command.arg("replay").args(args).args(["--listen", "127.0.0.1:0"]);
        command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("cassettes"));
        Self { deck: Deck::of(command), home }
    }

    async fn ask(&self, method: &str, target: &str, body: &str) -> Response {
        ask(self.deck.control(), method, target, body).await
    }

    /// Asks for something there must be.
    async fn told(&self, method: &str, target: &str, body: &str) -> Value {
        let answer = self.ask(method, target, body).await;
        assert!((200..300).contains(&answer.status), "{method} {target}: {}", plain(&answer));
        if answer.status == 204 { Value::Null } else { serde_json::from_str(&plain(&answer)).unwrap() }
    }

    async fn open(&self, wanted: &Value) -> Value {
        self.told("POST", "/v1/sessions", &wanted.to_string()).await
    }

    async fn refused(&self, method: &str, target: &str, body: &str) -> (u16, String) {
        let answer = self.ask(method, target, body).await;
        assert_eq!(answer.headers.text("content-type"), Some("application/problem+json"), "{}", plain(&answer));
        assert!(!plain(&answer).contains("\\n"), "one line: {}", plain(&answer));
        (answer.status, problem_code(&answer))
    }
}

async fn ask(control: SocketAddr, method: &str, target: &str, body: &str) -> Response {
    let mut client = Client::connect(control, &control.to_string(), Way::Reverse, Protocol::H1).await.unwrap();
    client.send(method, target, &[], body.as_bytes()).await.unwrap()
}

fn plain(answer: &Response) -> String {
    String::from_utf8(answer.body.wire().to_vec()).unwrap()
}

/// The address in a session's `proxy`.
fn proxy(session: &Value) -> SocketAddr {
    session["proxy"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap()
}

/// The first call of the invitation, by a player of one's own: target, token and body.
fn opening(player: usize) -> (String, String, String) {
    let target =
        format!("/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/game/sessions/Game-{player}");
    let token = format!("XBL3.0 x={player};token");
    let body = json!({"members": {"me": {
        "constants": {"system": {"xuid": xuid(player)}},
        "properties": {"system": {"active": true, "connection": format!("5b5f0a52-0000-4000-8000-{player:012}")}},
    }}});
    (target, token, body.to_string())
}

fn xuid(player: usize) -> String {
    format!("28146463{player:08}")
}

/// Makes that call at a proxy that plays the service.
async fn play(proxy: SocketAddr, player: usize) -> Response {
    let mut client = Client::connect(proxy, HOST, Way::Reverse, Protocol::H1).await.unwrap();
    let (target, token, body) = opening(player);
    let headers = [
        ("authorization", token.as_str()),
        ("x-xbl-contract-version", "107"),
        ("content-type", "application/json; charset=utf-8"),
        ("if-none-match", "*"),
    ];
    client.send("PUT", &target, &headers, body.as_bytes()).await.unwrap()
}

fn outcome(answer: &Response) -> &str {
    answer.headers.text("tapdeck-outcome").unwrap_or_default()
}

#[tokio::test]
async fn a_session_reaches_other_hosts_as_its_deck_does() {
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (near, far) = (near.to_string(), other.local_addr().unwrap().to_string());
    let (home, away) = (format!("home.test={near}"), format!("studio.test={far}"));
    let harness = Harness::start(&["--listen", &near, "--resolve", &home, "--resolve", &away]);
    let address = proxy(&harness.open(&json!({"cassette": INVITE})).await);
    for (host, status) in [("studio.test", "200"), ("home.test", "508")] {
        let mut line = TcpStream::connect(address).await.unwrap();
        line.write_all(format!("CONNECT {host}:443 HTTP/1.1\r\nhost: {host}:443\r\n\r\n").as_bytes()).await.unwrap();
        let head = socket::head(&mut line).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {head}");
    }
}

#[tokio::test]
async fn sessions_know_nothing_of_each_other() {
    let harness = Harness::start(&[]);
    let wanted = json!({"cassette": INVITE, "live": "all", "name": "join by invite", "repeat": 3, "hold": 0.5});
    let answer = harness.ask("POST", "/v1/sessions", &wanted.to_string()).await;
    assert_eq!((answer.status, answer.headers.text("location")), (201, Some("/v1/sessions/s1")));
    let first: Value = serde_json::from_str(&plain(&answer)).unwrap();
    assert_eq!((&first["exchanges"], &first["lanes"]), (&json!(8), &json!(["player1", "player2"])));
    assert_eq!((&first["name"], &first["state"]), (&json!("join by invite"), &json!("playing")));
    let second = harness.open(&json!({"cassette": INVITE})).await;

    let answered = play(proxy(&first), 7).await;
    assert_eq!((answered.status, outcome(&answered)), (201, "bound"));
    assert!(plain(&answered).contains(&xuid(7)), "{}", plain(&answered));
    let answered = play(proxy(&second), 8).await;
    assert_eq!((answered.status, outcome(&answered)), (201, "bound"));
    assert!(plain(&answered).contains(&xuid(8)) && !plain(&answered).contains(&xuid(7)), "{}", plain(&answered));

    let shown = harness.told("GET", "/v1/sessions/s1", "").await;
    assert_eq!(shown["receipt"]["exchanges"], json!({"hit": 1, "bound": 1, "repeat": 0, "miss": 0, "unplayed": 7}));
    let listed = harness.told("GET", "/v1/sessions", "").await;
    let ids: Vec<&str> = listed["sessions"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["s1", "s2"]);

    let ended = harness.told("DELETE", "/v1/sessions/s1", "").await;
    assert_eq!((&ended["state"], &ended["receipt"]["exchanges"]["hit"]), (&json!("ended"), &json!(1)));
    assert!(TcpStream::connect(proxy(&first)).await.is_err(), "its port is closed");
    assert_eq!(harness.refused("GET", "/v1/sessions/s1", "").await, (404, "no-session".into()));
    assert_eq!(outcome(&play(proxy(&second), 8).await), "miss", "the other goes on, and was past its first call");
    assert_eq!(harness.deck.stopped().code, Some(0));
}

#[tokio::test]
async fn a_session_tells_what_became_of_each_call() {
    let harness = Harness::start(&[]);
    let session = harness.open(&json!({"cassette": INVITE, "miss_status": 599, "live": "all"})).await;
    harness.told("POST", "/v1/sessions/s1/marks", r#"{"note": "round one"}"#).await;
    play(proxy(&session), 7).await;
    let mut client = Client::connect(proxy(&session), HOST, Way::Reverse, Protocol::H1).await.unwrap();
    let missed = client.send("DELETE", "/nowhere", &[("authorization", "XBL3.0 x=7;token")], b"").await.unwrap();
    assert_eq!((missed.status, outcome(&missed)), (599, "miss"));

    let outcomes = harness.told("GET", "/v1/sessions/s1/outcomes", "").await;
    let told = &outcomes["outcomes"];
    assert_eq!((&outcomes["total"], &told[0]), (&json!(3), &json!({"n": 1, "kind": "mark", "note": "round one"})));
    assert_eq!(
        (&told[1]["outcome"], &told[1]["exchange"], &told[1]["lane"]),
        (&json!("bound"), &json!(1), &json!("player1"))
    );
    assert_eq!((&told[2]["outcome"], &told[2]["call"]), (&json!("miss"), &json!("DELETE /nowhere")));
    assert!(!outcomes.to_string().contains(&xuid(7)), "people are renamed: {outcomes}");

    let unmatched = harness.told("GET", "/v1/sessions/s1/unmatched", "").await;
    assert_eq!((&unmatched["total"], &unmatched["unmatched"][0]["reason"]), (&json!(1), &json!("no-such-call")));
    assert_eq!(unmatched["unmatched"][0]["call"], "DELETE /nowhere");
    let unplayed = harness.told("GET", "/v1/sessions/s1/unplayed", "").await;
    assert_eq!((&unplayed["total"], &unplayed["unplayed"][0]["exchange"]), (&json!(7), &json!(2)));
    assert_eq!(
        (&unplayed["unplayed"][0]["op"], &unplayed["unplayed"][0]["lane"]),
        (&json!("handle.create"), &json!("player1"))
    );
    let findings = harness.told("GET", "/v1/sessions/s1/findings", "").await;
    let rules: BTreeSet<&str> =
        findings["findings"].as_array().unwrap().iter().map(|found| found["rule"].as_str().unwrap()).collect();
    assert!(rules.contains("path-unknown"), "{findings}");
}

#[tokio::test]
async fn a_reset_session_starts_over_at_the_same_port() {
    let harness = Harness::start(&[]);
    let session = harness.open(&json!({"cassette": INVITE, "live": "all"})).await;
    let mut client = Client::connect(proxy(&session), HOST, Way::Reverse, Protocol::H1).await.unwrap();
    for player in [7, 8, 9] {
        // One connection for all: what answers it is decided call by call.
        let (target, token, body) = opening(player);
        let headers = [
            ("authorization", token.as_str()),
            ("x-xbl-contract-version", "107"),
            ("if-none-match", "*"),
            ("content-type", "application/json; charset=utf-8"),
        ];
        let answered = client.send("PUT", &target, &headers, body.as_bytes()).await.unwrap();
        assert_eq!(outcome(&answered), "bound");
        assert!(plain(&answered).contains(&xuid(player)), "{}", plain(&answered));
        let reset = harness.told("POST", "/v1/sessions/s1:reset", "").await;
        assert_eq!(reset["receipt"]["exchanges"], json!({"hit": 0, "bound": 0, "repeat": 0, "miss": 0, "unplayed": 8}));
        assert_eq!(reset["proxy"], session["proxy"]);
        assert_eq!(harness.told("GET", "/v1/sessions/s1/outcomes", "").await["total"], 0);
    }
    let metrics = plain(&harness.ask("GET", "/metrics", "").await);
    assert!(metrics.contains("tapdeck_outcomes_total{outcome=\"bound\"} 3\n"), "resets lose no count: {metrics}");
}

#[tokio::test]
async fn a_client_is_given_a_session_by_its_address() {
    let harness = Harness::start(&[]);
    let deck = harness.deck.address;
    assert!(play_from("127.0.0.5", deck, 5).await.contains("no-session"), "nobody plays for it yet");
    let wanted = json!({"cassette": INVITE, "clients": ["127.0.0.5", "127.0.0.6"]});
    let first = harness.open(&wanted).await;
    assert_eq!((&first["proxy"], &first["clients"]), (&Value::Null, &json!(["127.0.0.5", "127.0.0.6"])));
    harness.open(&json!({"cassette": INVITE, "clients": ["127.0.0.7"]})).await;
    for (address, player) in [("127.0.0.5", 5), ("127.0.0.7", 7)] {
        let answered = play_from(address, deck, player).await;
        assert!(answered.contains("tapdeck-outcome: bound") && answered.contains(&xuid(player)), "{answered}");
    }
    assert!(play_from("127.0.0.8", deck, 8).await.starts_with("HTTP/1.1 421"), "nobody plays for this one");
    let taken = harness
        .refused("POST", "/v1/sessions", &json!({"cassette": INVITE, "clients": ["127.0.0.7"]}).to_string())
        .await;
    assert_eq!(taken, (409, "client-taken".into()));

    harness.told("POST", "/v1/sessions/s1:reset", "").await;
    assert!(play_from("127.0.0.5", deck, 55).await.contains(&xuid(55)), "it plays from the start");
    let ended = harness.told("DELETE", "/v1/sessions/s1", "").await;
    assert_eq!(ended["receipt"]["exchanges"]["hit"], 1);
    assert!(play_from("127.0.0.5", deck, 5).await.contains("no-session"));
    assert!(play_from("127.0.0.7", deck, 7).await.contains("tapdeck-outcome: miss"), "that one is past its first call");
    harness.open(&wanted).await;
}

/// Makes the first call of the invitation from an address of this machine, and gives the answer as it came.
async fn play_from(address: &str, proxy: SocketAddr, player: usize) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
    let mut stream = socket.connect(proxy).await.unwrap();
    let (target, token, body) = opening(player);
    let request = format!(
        "PUT http://{HOST}{target} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: {token}\r\nX-Xbl-Contract-Version: 107\r\n\
         If-None-Match: *\r\nContent-Type: application/json; charset=utf-8\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

#[tokio::test]
async fn the_decks_own_replay_is_the_session_main() {
    let harness = Harness::start(&["--live", "all", INVITE]);
    assert_eq!(outcome(&play(harness.deck.address, 7).await), "bound");
    let main = harness.told("GET", "/v1/sessions/main", "").await;
    assert_eq!((&main["cassette"], &main["receipt"]["exchanges"]["hit"]), (&json!(INVITE), &json!(1)));
    assert_eq!(harness.refused("DELETE", "/v1/sessions/main", "").await, (409, "main-session".into()));
    let other = harness.open(&json!({"cassette": "taps.cassette.json"})).await;
    assert_eq!(other["id"], "s1");

    harness.told("POST", "/v1/sessions/main:reset", "").await;
    assert_eq!(outcome(&play(harness.deck.address, 8).await), "bound");
    assert_eq!(outcome(&play(harness.deck.address, 9).await), "miss");
    harness.told("POST", "/v1/marks", r#"{"note": "over"}"#).await;
    assert_eq!(harness.told("GET", "/v1/sessions/main/outcomes", "").await["total"], 3);
    let ended = harness.deck.stopped();
    assert_eq!(ended.code, Some(1), "the last take had a miss: {}", ended.talk);
    assert!(ended.talk.contains("1 hit (1 bound), 0 repeat, 1 miss, 7 unplayed"), "{}", ended.talk);
}

#[tokio::test]
async fn a_reset_closes_the_sockets_of_the_take_before() {
    let harness = Harness::start(&[]);
    let session = harness.open(&json!({"cassette": "taps.cassette.json"})).await;
    let lines = "Authorization: XBL3.0 x=7;token\r\nSec-WebSocket-Protocol: rta.xboxlive.com.V2\r\n";
    for _take in 0..2 {
        let mut io = socket::plain(proxy(&session)).await;
        let head = socket::open(&mut io, "/connect", lines).await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        harness.told("POST", "/v1/sessions/s1:reset", "").await;
        rest(&mut io).await;
    }
}

#[tokio::test]
async fn what_is_being_kept_does_not_start_over() {
    let home = TempDir::new().unwrap();
    let kept = home.path().join("live.cassette.jsonl");
    let harness = Harness::start(&["--save-live", text(&kept), INVITE]);
    assert_eq!(harness.refused("POST", "/v1/sessions/main:reset", "").await, (409, "one-take".into()));
    harness.open(&json!({"cassette": INVITE})).await;
    harness.told("POST", "/v1/sessions/s1:reset", "").await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_what_to_do() {
    let harness = Harness::start(&[]);
    std::fs::write(harness.home.path().join("out.json"), "{}").unwrap();
    let outside = json!({"cassette": text(&harness.home.path().join("out.json"))}).to_string();
    for (body, status, code) in [
        ("", 400, "bad-request"),
        ("[]", 400, "bad-request"),
        ("{}", 400, "bad-request"),
        (r#"{"cassette":"invite.cassette.json","speed":7}"#, 400, "bad-request"),
        (r#"["invite.cassette.json",null,null,null,null,null,null,null]"#, 400, "bad-request"),
        (r#"{"cassette":"../README.md"}"#, 400, "bad-cassette-name"),
        (outside.as_str(), 400, "bad-cassette-name"),
        (r#"{"cassette":"none.cassette.json"}"#, 404, "no-cassette"),
        (r#"{"cassette":"invite.cassette.json","live":"player1,player9"}"#, 400, "no-such-player"),
        (r#"{"cassette":"invite.cassette.json","hold":-1}"#, 400, "bad-session"),
        (r#"{"cassette":"invite.cassette.json","hold":1e300}"#, 400, "bad-session"),
        (r#"{"cassette":"invite.cassette.json","miss_status":200}"#, 400, "bad-session"),
        (r#"{"cassette":"invite.cassette.json","clients":[]}"#, 400, "bad-session"),
        (r#"{"cassette":"invite.cassette.json","clients":["home"]}"#, 400, "bad-request"),
        (r#"{"cassette":"invite.cassette.json","name":"a\nb"}"#, 400, "bad-session"),
    ] {
        assert_eq!(harness.refused("POST", "/v1/sessions", body).await, (status, code.into()), "{body}");
    }
    let long = format!(r#"{{"cassette":"{}"}}"#, "x".repeat(100_000));
    assert_eq!(harness.refused("POST", "/v1/sessions", &long).await.0, 413);
    for (method, target, body, status, code) in [
        ("GET", "/v1/sessions/s7", "", 404, "no-session"),
        ("GET", "/v1/sessions/s01", "", 404, "no-session"),
        ("GET", "/v1/sessions/main", "", 404, "no-session"),
        ("POST", "/v1/sessions/s7:reset", "", 404, "no-session"),
        ("POST", "/v1/sessions/s7", "", 405, "method-not-allowed"),
        ("PUT", "/v1/sessions", "", 405, "method-not-allowed"),
        ("POST", "/v1/marks", r#"{"note":"x"}"#, 409, "nothing-to-mark"),
        ("GET", "/v1/clock", "", 409, "no-emulator"),
        ("GET", "/v2", "", 404, "not-found"),
    ] {
        assert_eq!(harness.refused(method, target, body).await, (status, code.into()), "{method} {target}");
    }
    harness.open(&json!({"cassette": INVITE})).await;
    for note in [r#"{"note":""}"#, r#"{"note":"a\nb"}"#, r#"{"text":"x"}"#] {
        assert_eq!(harness.refused("POST", "/v1/sessions/s1/marks", note).await, (400, "bad-request".into()), "{note}");
    }
}

#[tokio::test]
async fn no_more_sessions_than_there_may_be() {
    let harness = Harness::start(&[]);
    let control = harness.deck.control();
    let mut client = Client::connect(control, &control.to_string(), Way::Reverse, Protocol::H1).await.unwrap();
    let wanted = json!({"cassette": INVITE}).to_string();
    for number in 1..=256 {
        let opened = client.send("POST", "/v1/sessions", &[], wanted.as_bytes()).await.unwrap();
        assert_eq!(opened.status, 201, "{number}: {}", plain(&opened));
    }
    assert_eq!(harness.refused("POST", "/v1/sessions", &wanted).await, (409, "too-many-sessions".into()));
    harness.told("DELETE", "/v1/sessions/s77", "").await;
    assert_eq!(harness.open(&json!({"cassette": INVITE})).await["id"], "s257");
    let metrics = plain(&harness.ask("GET", "/metrics", "").await);
    assert!(
        metrics.contains("tapdeck_sessions 256\n") && metrics.contains("tapdeck_sessions_total 257\n"),
        "{metrics}"
    );
    assert_eq!(harness.deck.stopped().code, Some(0));
}

#[tokio::test]
async fn an_edited_cassette_is_refused_where_seals_are_asked_for() {
    let home = TempDir::new().unwrap();
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("cassettes").join(INVITE);
    let edited = std::fs::read_to_string(original).unwrap().replace("03:04:05 GMT", "03:04:06 GMT");
    std::fs::write(home.path().join(INVITE), edited).unwrap();
    let mut command = tapdeck(home.path());
    command.args(["replay", "--require-seal", "--listen", "127.0.0.1:0"]).current_dir(home.path());
    let harness = Harness { deck: Deck::of(command), home };
    let refused = harness.refused("POST", "/v1/sessions", &json!({"cassette": INVITE}).to_string()).await;
    assert_eq!(refused, (422, "not-sealed".into()));
}

#[tokio::test]
async fn every_resource_is_documented_and_answers() {
    let harness = Harness::start(&[]);
    let document: Value = harness.told("GET", "/v1/openapi.json", "").await;
    let help = plain(&harness.ask("GET", "/", "").await);
    harness.open(&json!({"cassette": INVITE})).await;
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            documented.insert((method.to_uppercase(), path.clone()));
        }
    }
    let listed: BTreeSet<(String, String)> = help
        .lines()
        .skip(2)
        .map(|line| {
            let mut words = line.split_whitespace();
            (words.next().unwrap().to_owned(), words.next().unwrap().to_owned())
        })
        .collect();
    assert_eq!(documented, listed);
    // What ends the session comes last.
    let mut ordered: Vec<_> = documented.into_iter().collect();
    ordered.sort_by_key(|(method, _)| method == "DELETE");
    for (method, path) in ordered {
        let answer = harness.ask(&method, &path.replace("{id}", "s1"), "").await;
        assert!(!matches!(answer.status, 404 | 405 | 500..), "{method} {path}: {} {}", answer.status, plain(&answer));
    }
}

#[tokio::test]
async fn any_deck_says_that_it_is_there() {
    let home = TempDir::new().unwrap();
    let deck = Deck::start(home.path(), &["watch"]);
    let get = async |target: &str| {
        let answer = ask(deck.control(), "GET", target, "").await;
        (answer.status, plain(&answer))
    };
    assert_eq!(get("/v1/health").await, (200, r#"{"status":"ok"}"#.into()));
    assert_eq!(get("/v1/ready").await, (200, r#"{"status":"ready"}"#.into()));
    let (_, version) = get("/v1/version").await;
    assert_eq!(version, format!(r#"{{"name":"tapdeck","version":"{}","format":"1.0"}}"#, env!("CARGO_PKG_VERSION")));
    assert!(get("/metrics").await.1.contains("tapdeck_calls_total 0\n"));
    assert_eq!(get("/v1/sessions").await.0, 409, "nothing is replayed there");
    assert_eq!(deck.stopped().code, Some(0));
}

#[tokio::test]
async fn a_mark_goes_into_the_recording_and_names_nobody() {
    let home = TempDir::new().unwrap();
    let cassette = home.path().join("a.cassette.json");
    let deck = Deck::start(home.path(), &["record", "--upstream", "emulator", text(&cassette)]);
    let mark = async |note: &str| ask(deck.control(), "POST", "/v1/marks", &json!({"note": note}).to_string()).await;
    assert_eq!(mark("before").await.status, 204);
    assert_eq!(play(deck.address, 7).await.status, 201);
    assert_eq!(mark(&format!("{} is in", xuid(7))).await.status, 204);
    let ended = deck.stopped();
    assert_eq!(ended.code, Some(0), "{}", ended.talk);
    let sealed = std::fs::read_to_string(&cassette).unwrap();
    let at = |text: &str| sealed.find(text).unwrap_or_else(|| panic!("{text}: {sealed}"));
    assert!(at("\"before\"") < at("session.put") && at("session.put") < at(" is in"), "{sealed}");
    assert!(!sealed.contains(&xuid(7)), "{sealed}");
}

#[test]
fn clients_cannot_come_to_the_control_port() {
    let home = TempDir::new().unwrap();
    let both = "127.0.0.1:8889";
    let ended = binary::run(home.path(), &["replay", "--listen", both, "--admin", both]);
    let told = format!("error: --listen {both}: tapdeck's own control port is there, by --admin {both}");
    assert!(ended.code == Some(2) && ended.talk.contains(&told), "{}", ended.talk);
    assert!(ended.talk.contains("hint: ") && ended.talk.contains("`--admin 127.0.0.1:0`"), "{}", ended.talk);
}

#[tokio::test]
async fn a_second_deck_goes_without_the_usual_control_port() {
    // Whether it is ours or somebody else's: the usual port is taken.
    let _taken = std::net::TcpListener::bind("127.0.0.1:8889");
    let home = TempDir::new().unwrap();
    let deck = |args: &[&str]| {
        let mut command = tapdeck(home.path());
        command.env("TAPDECK_ADMIN", "127.0.0.1:8889").args(args).args(["--listen", "127.0.0.1:0"]);
        command
    };
    let cassette = Path::new(env!("CARGO_MANIFEST_DIR")).join("cassettes").join(INVITE);
    let replay = Deck::of(deck(&["replay", text(&cassette)]));
    assert_eq!(outcome(&play(replay.address, 7).await), "bound");
    let ended = replay.stopped();
    assert!(ended.talk.contains("no control port: "), "{}", ended.talk);
    let output = deck(&["replay"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "without a cassette it is what the deck is for");
}
