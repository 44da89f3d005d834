//! The example cassettes under `cassettes/`: recorded here by the deck itself, and held to what they were.
//!
//! `TAPDECK_BLESS=1 cargo test --test it examples` writes them anew. A recording of the same script on the emulator's
//! virtual clock seals to the same bytes, wall-clock facts aside, so a difference is a change in tapdeck.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tapdeck::cassette::{Cassette, Record, Seal, seal};
use tapdeck::client::{Client, Way};
use tapdeck::conduct::Judge;
use tapdeck::exchange::Protocol;
use tapdeck::replay::verify;
use tapdeck::report::Report;
use tapdeck::socket::Message;

use crate::support::Setup;
use crate::support::socket::{self, RTA};

/// One call of a script: who, what, and the status it must get.
struct Line {
    who: usize,
    call: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    status: u16,
}

const fn line(
    who: usize,
    call: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    status: u16,
) -> Line {
    Line { who, call, headers, body, status }
}

const V107: (&str, &str) = ("x-xbl-contract-version", "107");
const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");
const PLAIN: &[(&str, &str)] = &[V107];
const BODY: &[(&str, &str)] = &[V107, JSON];
const NEW: &[(&str, &str)] = &[V107, JSON, ("if-none-match", "*")];
const ANY: &[(&str, &str)] = &[V107, JSON, ("if-match", "*")];
const SEEN: &[(&str, &str)] = &[V107, JSON, ("if-match", "{tag}")];
const UNLESS_SEEN: &[(&str, &str)] = &[V107, ("if-none-match", "{tag}")];

const HOST: &str = r#"{"properties":{"system":{"joinRestriction":"none","readRestriction":"none"},"custom":{"map":"harbour","build":9007199254740993}},"members":{"me":{"constants":{"system":{"xuid":"2814000000000101","initialize":true}},"properties":{"system":{"active":true,"connection":"5b5f0a52-0000-4000-8000-000000000001","secureDeviceAddress":"c2VjdXJlIGRldmljZSBhZGRyZXNzIG9mIGhvc3Qh","subscription":{"id":"5B5F0A52-0000-4000-8000-000000000011","changeTypes":["everything"]}}}}}}"#;
const GUEST: &str = r#"{"members":{"me":{"constants":{"system":{"xuid":"2814000000000102","initialize":true}},"properties":{"system":{"active":true,"connection":"5b5f0a52-0000-4000-8000-000000000002","subscription":{"id":"5B5F0A52-0000-4000-8000-000000000012","changeTypes":["everything"]}},"custom":{"note":"friend of 2814000000000101"}}}}}"#;
const DOCKS: &str = r#"{"properties":{"custom":{"map":"docks"}}}"#;
const FOREST: &str = r#"{"properties":{"custom":{"map":"forest"}}}"#;
const LEAVE: &str = r#"{"members":{"me":null}}"#;
const LOBBY: &str = "/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/lobby/sessions/0B5D2C1A-7C6E-4C55-9D11-3F0A8F5C0001";

const LOBBY_RACE: &[Line] = &[
    line(0, "PUT {lobby}", NEW, HOST, 201),
    line(
        0,
        "POST /handles",
        BODY,
        r#"{"version":1,"type":"activity","sessionRef":{"scid":"00000000-0000-0000-0000-0000000c0de1","templateName":"lobby","name":"0B5D2C1A-7C6E-4C55-9D11-3F0A8F5C0001"}}"#,
        201,
    ),
    line(1, "GET /handles/{handle}/session", PLAIN, "", 200),
    line(1, "PUT /handles/{handle}/session", ANY, GUEST, 200),
    line(0, "GET {lobby}", PLAIN, "", 200),
    line(0, "GET {lobby}", UNLESS_SEEN, "", 304),
    line(1, "GET {lobby}", PLAIN, "", 200),
    line(0, "PUT {lobby}", SEEN, DOCKS, 200),
    line(1, "PUT {lobby}", SEEN, FOREST, 412),
    line(1, "PUT {lobby}", SEEN, FOREST, 200),
    line(1, "PUT {lobby}", ANY, LEAVE, 200),
    line(0, "PUT {lobby}", ANY, LEAVE, 204),
    line(0, "GET {lobby}", PLAIN, "", 204),
];

const GAME: &str = "/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/game/sessions/0B5D2C1A-7C6E-4C55-9D11-3F0A8F5C0002";
const PLAYER: &str = r#"{"members":{"me":{"constants":{"system":{"xuid":"2814000000000101"}},"properties":{"system":{"active":true,"connection":"5b5f0a52-0000-4000-8000-000000000001"}}}}}"#;

const INVITE: &[Line] = &[
    line(0, "PUT {game}", NEW, PLAYER, 201),
    line(
        0,
        "POST /handles",
        BODY,
        r#"{"version":1,"type":"invite","sessionRef":{"scid":"00000000-0000-0000-0000-0000000c0de1","templateName":"game","name":"0B5D2C1A-7C6E-4C55-9D11-3F0A8F5C0002"},"invitedXuid":"2814000000000102","inviteAttributes":{"titleId":"1234567890","context":"slot2"}}"#,
        201,
    ),
    line(1, "GET /handles/{handle}/session", PLAIN, "", 200),
    line(1, "PUT /handles/{handle}/session", ANY, GUEST, 200),
    line(0, "GET {game}", PLAIN, "", 200),
    line(1, "PUT {game}", ANY, LEAVE, 200),
    line(0, "PUT {game}", ANY, LEAVE, 204),
    line(1, "GET /handles/{handle}/session", PLAIN, "", 204),
];

const SUBSCRIBE: &str = r#"[1,1,"https://sessiondirectory.xboxlive.com/connections/"]"#;
const PLAYS: &str = r#"{"members":{"me":{"constants":{"system":{"xuid":"{xuid}"}},"properties":{"system":{"active":true,"connection":"{connection}","subscription":{"id":"5b5f0a52-0000-4000-8000-00000000002{who}","changeTypes":["everything"]}}}}}}"#;

const VIOLATIONS: &[Line] = &[
    line(0, "PUT {lobby}", NEW, HOST, 201),
    line(0, "GET {lobby}", &[], "", 400),
    line(0, "GET {lobby}", &[("x-xbl-contract-version", "1")], "", 400),
    line(0, "PUT {lobby}", ANY, r#"{"propriétés":{}}"#, 400),
    line(0, "PUT {lobby}", ANY, r#"{"properties":{},}"#, 400),
    line(0, "PUT {lobby}", ANY, r#"{"changeNumber":5}"#, 400),
    line(0, "PUT {lobby}", ANY, r#"{"members":{"me":{"properties":{"system":{"active":true,"ready":true}}}}}"#, 400),
    line(
        0,
        "PUT {lobby}",
        ANY,
        r#"{"members":{"reserve_1":{"constants":{"system":{"xuid":"2814000000000103"}}}}}"#,
        400,
    ),
    line(0, "POST {lobby}", BODY, "{}", 405),
    line(0, "POST /handles", BODY, r#"{"version":1,"sessionRef":{}}"#, 400),
    line(0, "GET /handles/1234/session", PLAIN, "", 400),
    line(0, "PUT {lobby}", ANY, LEAVE, 204),
];

#[tokio::test]
async fn a_lobby_and_a_lost_race() {
    let cassette = held("lobby-race", LOBBY_RACE).await;
    assert_eq!(errors(&cassette), Vec::<&str>::new());
}

#[tokio::test]
async fn an_invitation() {
    let cassette = held("invite", INVITE).await;
    assert_eq!(errors(&cassette), Vec::<&str>::new());
}

#[tokio::test]
async fn one_of_every_common_mistake() {
    let cassette = held("violations", VIOLATIONS).await;
    let errors = errors(&cassette);
    for rule in [
        "contract-version-missing",
        "contract-version-too-low",
        "put-unknown-top-level",
        "json-malformed",
        "put-readonly-top-level",
        "active-and-ready",
        "reserve-not-from-zero",
        "http-method-not-allowed",
        "handle-type-missing",
        "handle-id-not-guid",
    ] {
        assert!(errors.contains(&rule), "{rule} is missing in {errors:?}");
    }
}

#[tokio::test]
async fn taps() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = record_taps(scratch.path()).await;
    let cassette = held_recording("taps", &journal);
    assert_eq!(errors(&cassette), Vec::<&str>::new());
    let messages = cassette.entries.iter().filter(|entry| entry.record.frame().is_some());
    // Each player subscribes, is answered, closes and is closed; the host hears all three changes, the guest its own.
    assert_eq!(messages.count(), 2 * 4 + 3 + 1);
}

#[test]
fn the_readme_names_every_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    for entry in std::fs::read_dir(root.join("cassettes")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(readme.contains(&format!("cassettes/{name}")), "{name} is not in the README");
    }
}

/// Records a script, compares it to the committed cassette, and checks that the committed one loads and replays.
async fn held(name: &str, script: &[Line]) -> Cassette {
    let scratch = tempfile::tempdir().unwrap();
    held_recording(name, &record(scratch.path(), script).await)
}

/// The same of what is recorded already.
fn held_recording(name: &str, journal: &Path) -> Cassette {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("cassettes/{name}.cassette.json"));
    let mut recorded = Cassette::read(journal).unwrap();
    assert_eq!(recorded.lost(), 0);
    forget_time(&mut recorded);
    let sealed = seal::seal(&recorded).unwrap();
    if std::env::var_os("TAPDECK_BLESS").is_some() {
        seal::write_sealed(&committed, &sealed).unwrap();
    }
    let expected = std::fs::read_to_string(&committed).unwrap().replace("\r\n", "\n");
    assert!(String::from_utf8(sealed).unwrap() == expected, "{name} is recorded differently now: see the module's doc");
    let cassette = Cassette::read(&committed).unwrap();
    assert_eq!(cassette.seal, Seal::Sealed);
    assert_eq!(verify(&cassette), []);
    cassette
}

/// The committed examples carry no wall-clock facts.
fn forget_time(cassette: &mut Cassette) {
    cassette.recorded = None;
    for entry in &mut cassette.entries {
        match &mut entry.record {
            Record::Http(record) => record.timing = None,
            Record::Frame(record) => record.timing = None,
            Record::Mark(_) => {}
        }
    }
}

async fn record(dir: &Path, script: &[Line]) -> PathBuf {
    let journal = dir.join("example.cassette.jsonl");
    let proxy = Setup::emulating().recording(&journal).start().await;
    let mut clients = [proxy.client(Protocol::H2).await, proxy.client(Protocol::H1).await];
    perform(&mut clients, script).await;
    drop(clients);
    proxy.close().await;
    journal
}

/// Two players with a real-time socket each: a lobby is made, joined and left.
async fn record_taps(dir: &Path) -> PathBuf {
    let journal = dir.join("taps.cassette.jsonl");
    let proxy = Setup::emulating().recording(&journal).start().await;
    let way = Way::Connect(proxy.root.clone());
    let (mut sockets, mut clients) = (Vec::new(), Vec::new());
    for who in 0..2 {
        let mut io = proxy.reach(RTA, &way).await;
        let lines = format!("Authorization: {}\r\nSec-WebSocket-Protocol: rta.xboxlive.com.V2\r\n", token(who));
        socket::open(&mut io, "/connect", &lines).await;
        socket::send(&mut io, &socket::masked_frame(&Message::text(SUBSCRIBE))).await;
        let reply = socket::receive_frame(&mut io).await;
        let reply: serde_json::Value = serde_json::from_slice(&reply.payload).unwrap();
        clients.push((proxy.client(Protocol::H2).await, reply[4]["ConnectionId"].as_str().unwrap().to_owned()));
        sockets.push(io);
    }
    for (who, body, heard) in [(0, PLAYS, &[0][..]), (1, PLAYS, &[0, 1]), (1, LEAVE, &[0])] {
        let (client, connection) = &mut clients[who];
        let xuid = format!("281400000000020{who}");
        let body = body.replace("{connection}", connection).replace("{xuid}", &xuid).replace("{who}", &who.to_string());
        let (authorization, (version, number), (kind, json)) = (token(who), V107, JSON);
        let headers = [("authorization", authorization.as_str()), (version, number), (kind, json)];
        let answer = client.send("PUT", LOBBY, &headers, body.as_bytes()).await.unwrap();
        assert!(matches!(answer.status, 200 | 201), "{}", answer.status);
        for socket in heard {
            let tap = socket::receive_frame(&mut sockets[*socket]).await;
            assert!(tap.as_text().is_some_and(|text| text.contains("shoulderTaps")), "{tap:?}");
        }
    }
    for mut io in sockets {
        socket::send(&mut io, &socket::masked_frame(&Message::close(1000))).await;
        assert_eq!(socket::receive_frame(&mut io).await, Message::close(1000));
    }
    drop(clients);
    proxy.close().await;
    journal
}

fn token(who: usize) -> String {
    format!("XBL3.0 x=10000000000000{who};token-of-player-{who}")
}

async fn perform(clients: &mut [Client], script: &[Line]) {
    let (mut tags, mut handle) = ([String::new(), String::new()], String::new());
    for line in script {
        let call = line.call.replace("{lobby}", LOBBY).replace("{game}", GAME).replace("{handle}", &handle);
        let (method, target) = call.split_once(' ').unwrap();
        let mut headers = vec![("authorization", token(line.who))];
        headers.extend(line.headers.iter().map(|(name, value)| (*name, value.replace("{tag}", &tags[line.who]))));
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let response = clients[line.who].send(method, target, &headers, line.body.as_bytes()).await.unwrap();
        let body = String::from_utf8_lossy(response.body.decoded().unwrap()).into_owned();
        assert_eq!(response.status, line.status, "{}: {body}", line.call);
        if let Some(tag) = response.headers.text("etag") {
            tags[line.who] = tag.to_owned();
        }
        if method == "POST" && response.status == 201 {
            let document: serde_json::Value = serde_json::from_str(&body).unwrap();
            handle = document["id"].as_str().unwrap().to_owned();
        }
    }
}

fn errors(cassette: &Cassette) -> Vec<&'static str> {
    let mut report = Report::default();
    report.cassette(&mut Judge::new(Arc::default()), cassette, "example");
    let rules = report.findings.iter().map(|located| located.finding.rule);
    rules.filter(|rule| rule.severity == tapdeck::contract::Severity::Error).map(|rule| rule.id).collect()
}
