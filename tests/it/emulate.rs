//! `tapdeck emulate` as a developer meets it: the control port, the files it takes, the services next door.

use std::path::Path;

use serde_json::{Value, json};
use tapdeck::client::{Client, Way};
use tapdeck::emulator::Policies;
use tapdeck::exchange::Protocol;
use tapdeck::message::Response;
use tempfile::TempDir;

use crate::support::binary::{self, Deck};
use crate::support::{HOST, problem_code, text};

const SCID: &str = "00000000-0000-0000-0000-0000000c0de1";
const V107: (&str, &str) = ("x-xbl-contract-version", "107");
const HOST_TOKEN: (&str, &str) = ("authorization", "XBL3.0 x=1234;token");

/// A deck, and a harness that controls it.
struct Bench {
    deck: Deck,
    home: TempDir,
}

impl Bench {
    fn start(args: &[&str]) -> Self {
        let home = TempDir::new().unwrap();
        let deck = Deck::start(home.path(), &[&["emulate"], args].concat());
        Self { deck, home }
    }

    /// Calls the service as a client that knows nothing of a proxy.
    async fn call(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let mut client = Client::connect(self.deck.address, HOST, Way::Reverse, Protocol::H1).await.unwrap();
        client.send(method, target, headers, body.as_bytes()).await.unwrap()
    }

    async fn control(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let address = self.deck.control();
        let mut client = Client::connect(address, &address.to_string(), Way::Reverse, Protocol::H1).await.unwrap();
        client.send(method, target, headers, body.as_bytes()).await.unwrap()
    }

    async fn put(&self, template: &str, body: &str) -> Response {
        self.call("PUT", &session(template), &[V107, HOST_TOKEN], body).await
    }
}

fn session(template: &str) -> String {
    format!("/serviceconfigs/{SCID}/sessionTemplates/{template}/sessions/0b5d2c1a-7c6e-4c55-9d11-3f0a8f5c0001")
}

fn body(response: &Response) -> Value {
    serde_json::from_slice(response.body.decoded().unwrap()).unwrap()
}

const ACTIVE: &str = r#"{"members":{"me":{"properties":{"system":{"active":true}}}}}"#;

#[tokio::test]
async fn the_clock_moves_when_told_and_timers_with_it() {
    let bench = Bench::start(&[]);
    let reserving = r#"{"members":{"me":{"properties":{"system":{"active":true}}},"reserve_0":{"constants":{"system":{"xuid":"2814000000000002"}}}}}"#;
    let created = bench.put("priv", reserving).await;
    assert_eq!((created.status, body(&created)["nextTimer"].as_str()), (201, Some("2026-01-02T03:04:35.0000000Z")));

    let moved = bench.control("POST", "/v1/clock:advance", &[], r#"{"by":"30s"}"#).await;
    assert_eq!(body(&moved), json!({"now": "2026-01-02T03:04:35.0000000Z"}));
    let after = bench.call("GET", &session("priv"), &[V107, HOST_TOKEN], "").await;
    assert_eq!(after.headers.text("date"), Some("Fri, 02 Jan 2026 03:04:35 GMT"));
    assert_eq!(body(&after)["membersInfo"]["count"], 1);

    for wrong in ["", r#"{"by":"soon"}"#, r#"{"by":-5}"#] {
        let refused = bench.control("POST", "/v1/clock:advance", &[], wrong).await;
        assert_eq!((refused.status, problem_code(&refused).as_str()), (400, "bad-step"));
    }
    assert_eq!(bench.deck.stopped().code, Some(0));
}

#[tokio::test]
async fn the_whole_state_can_be_kept_forgotten_and_put_back() {
    let bench = Bench::start(&[]);
    let created = bench.put("lobby", ACTIVE).await;
    let kept = bench.control("GET", "/v1/state", &[], "").await;
    let kept = String::from_utf8(kept.body.wire().to_vec()).unwrap();
    assert!(!kept.contains(";token"), "a state holds no token");

    assert_eq!(bench.control("POST", "/v1/state:reset", &[], "").await.status, 204);
    assert_eq!(bench.call("GET", &session("lobby"), &[V107, HOST_TOKEN], "").await.status, 204);
    assert_eq!(bench.control("PUT", "/v1/state", &[], &kept).await.status, 204);
    let back = bench.call("GET", &session("lobby"), &[V107, HOST_TOKEN], "").await;
    assert_eq!(body(&back), body(&created));

    let refused = bench.control("PUT", "/v1/state", &[], r#"{"sessions":7}"#).await;
    assert_eq!((refused.status, problem_code(&refused).as_str()), (400, "bad-state"));
    assert_eq!(bench.call("GET", &session("lobby"), &[V107, HOST_TOKEN], "").await.status, 200, "all or nothing");
}

#[tokio::test]
async fn a_web_page_controls_nothing() {
    let bench = Bench::start(&[]);
    for foreign in [("host", "evil.test:8889"), ("origin", "https://evil.test"), ("origin", "null")] {
        let refused = bench.control("POST", "/v1/state:reset", &[foreign], "").await;
        assert_eq!((refused.status, problem_code(&refused).as_str()), (403, "foreign-request"), "{foreign:?}");
    }
    let own = bench.control("GET", "/v1/health", &[("origin", "http://localhost:3000")], "").await;
    assert_eq!((own.status, body(&own)), (200, json!({"status": "ok"})));
    assert_eq!(bench.control("GET", "/nowhere", &[], "").await.status, 404);
    assert!(bench.control("GET", "/", &[], "").await.body.wire().starts_with(b"tapdeck's control port"));
}

#[tokio::test]
async fn a_wall_clock_is_not_moved() {
    let bench = Bench::start(&["--clock", "wall"]);
    let refused = bench.control("POST", "/v1/clock:advance", &[], r#"{"by":"30s"}"#).await;
    assert_eq!((refused.status, problem_code(&refused).as_str()), (409, "wall-clock"));
}

#[tokio::test]
async fn a_client_finds_the_services_next_door() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/neighbours.toml");
    let bench =
        Bench::start(&["--neighbours", text(&file), "--user", "1234:xuid=2814000000000001&gtg=Harbour%20Master"]);
    let root = std::fs::read_to_string(bench.home.path().join("ca/cert.pem")).unwrap();
    let ask = async |host: &str, method: &str, path: &str| {
        let way = Way::Connect(root.clone());
        let mut client = Client::connect(bench.deck.address, host, way, Protocol::H2).await.unwrap();
        client.send(method, path, &[HOST_TOKEN], b"").await.unwrap()
    };
    let profile = ask("profile.xboxlive.com", "POST", "/users/batch/profile/settings").await;
    assert_eq!(body(&profile)["profileUsers"][0]["id"], "2814000000000001");
    assert_eq!(body(&profile)["profileUsers"][0]["settings"][0]["value"], "Harbour Master");
    let presence = ask("userpresence.xboxlive.com", "GET", "/users/xuid(2814000000000009)?level=all").await;
    assert_eq!(body(&presence)["xuid"], "2814000000000009");
    let unknown = ask("social.xboxlive.com", "GET", "/users/me/summary").await;
    assert_eq!((unknown.status, problem_code(&unknown).as_str()), (501, "no-canned-answer"));
    assert!(String::from_utf8_lossy(unknown.body.wire()).contains("[[answer]]"));
}

#[tokio::test]
async fn files_say_what_sessions_start_from_and_who_is_who() {
    let dir = TempDir::new().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("t.json", r#"{"duel":{"constants":{"system":{"maxMembersCount":2,"visibility":"open"}}}}"#);
    write("p.toml", "[users.1234]\nxuid = \"2814000000000077\"\ngamertag = \"Pilot\"\n");
    let config = "[emulator]\ntemplates = \"t.json\"\npeople = \"p.toml\"\n[emulator.policies]\nfull-status = 403\n";
    write("tapdeck.toml", config);
    let bench = Bench::start(&["--config", text(&dir.path().join("tapdeck.toml"))]);
    let reserving = |count: usize| {
        let seats: Vec<String> = (0..count)
            .map(|at| format!(r#""reserve_{at}":{{"constants":{{"system":{{"xuid":"281400000000010{at}"}}}}}}"#))
            .collect();
        format!(r#"{{"members":{{"me":{{"properties":{{"system":{{"active":true}}}}}},{}}}}}"#, seats.join(","))
    };
    assert_eq!(bench.put("duel", &reserving(2)).await.status, 403, "the policy decides");
    let created = body(&bench.put("duel", &reserving(1)).await);
    assert_eq!(created["constants"]["system"]["maxMembersCount"], 2);
    assert_eq!(created["members"]["0"]["constants"]["system"]["xuid"], "2814000000000077");
    assert_eq!(created["members"]["0"]["gamertag"], "Pilot");
}

#[tokio::test]
async fn the_example_files_are_taken() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let (people, templates) = (docs.join("people.toml"), docs.join("templates.json"));
    let bench = Bench::start(&["--people", text(&people), "--templates", text(&templates)]);
    let created = body(&bench.put("duel", ACTIVE).await);
    assert_eq!(created["members"]["0"]["gamertag"], "Host");
    assert_eq!(created["constants"]["system"]["maxMembersCount"], 2);
}

#[tokio::test]
async fn the_clock_of_a_recording_is_moved_too() {
    let home = TempDir::new().unwrap();
    let cassette = home.path().join("timers.cassette.json");
    let deck = Deck::start(home.path(), &["record", "--upstream", "emulator", text(&cassette)]);
    let bench = Bench { deck, home };
    assert_eq!(bench.put("slow", ACTIVE).await.status, 201);
    assert_eq!(bench.control("POST", "/v1/clock:advance", &[], r#"{"by":"5s"}"#).await.status, 200);
    let read = bench.call("GET", &session("slow"), &[V107, HOST_TOKEN], "").await;
    assert_eq!(read.headers.text("date"), Some("Fri, 02 Jan 2026 03:04:10 GMT"));
    let ended = bench.deck.stopped();
    assert_eq!(ended.code, Some(0), "{}", ended.talk);
    assert!(ended.talk.contains("2 exchanges in 1 lane") && ended.talk.contains("replays"), "{}", ended.talk);
}

#[test]
fn files_that_cannot_be_used_are_named_with_the_place() {
    let dir = TempDir::new().unwrap();
    for (flag, name, content, told) in [
        ("--config", "c.toml", "[emulator.policies]\nfull-statuss = 1\n", "c.toml:2:1"),
        ("--config", "c.toml", "[emulatr]\n", "emulatr"),
        ("--templates", "t.json", r#"{"duel":{"constants":{"system":{"maxMembersCount":"two"}}}}"#, "duel"),
        ("--people", "p.toml", "[users.1]\nxuid = \"me\"\n", "users.1.xuid"),
        ("--neighbours", "n.toml", "[[answer]]\nhost = \"a.xboxlive.com\"\npath = \"x\"\n", "`path`"),
    ] {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        let ended = binary::run(dir.path(), &["emulate", "--listen", "127.0.0.1:0", flag, text(&path)]);
        assert_eq!(ended.code, Some(2), "{flag}: {}", ended.talk);
        assert!(ended.talk.contains(name) && ended.talk.contains(told), "{flag}: {}", ended.talk);
    }
    let ended = binary::run(dir.path(), &["emulate", "--user", "1234", "--listen", "127.0.0.1:0"]);
    assert!(ended.code == Some(2) && ended.talk.contains("HASH:"), "{}", ended.talk);
}

#[test]
fn the_policies_it_prints_are_a_file_it_takes() {
    let home = TempDir::new().unwrap();
    let printed = binary::run(home.path(), &["emulate", "--policies"]);
    assert_eq!(printed.code, Some(0), "{}", printed.talk);
    let path = home.path().join("tapdeck.toml");
    let changed = printed.stdout.replace("full-status = 409", "full-status = 403");
    std::fs::write(&path, &changed).unwrap();
    let again = binary::run(home.path(), &["emulate", "--policies", "--config", text(&path)]);
    assert!(again.stdout.contains("# unless set: 409\nfull-status = 403\n"), "{}", again.stdout);
    assert_eq!(again.stdout.matches(" = ").count(), Policies::default().listed().len());
}
