//! One judge, four inputs: what is found live, in the journal, in the sealed cassette and in its replay is the same.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::{Value, json};
use tapdeck::cassette::Cassette;
use tapdeck::client::{Client, Io, Way};
use tapdeck::conduct::Judge;
use tapdeck::exchange::Protocol;
use tapdeck::message::Response;
use tapdeck::replay;
use tapdeck::report::{Colour, Format, Report};
use tapdeck::socket::Message;
use tempfile::TempDir;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;

use crate::support::socket::{Far, RTA, SocketService, masked_frame, open, receive_frame, send};
use crate::support::{HOST, Proxy, Reaction, Service, Setup, sealed};

/// What happens next.
enum Act {
    /// A player asks, and is answered with a status and, of the session, a change.
    Call(usize, &'static str, Option<(&'static str, &'static str)>, &'static str, u16, u64),
    /// The first player opens a socket.
    Open,
    /// The first player says something on it.
    Say(&'static str),
    /// The service does.
    Hear(&'static str),
}

use Act::{Call, Hear, Open, Say};

/// Faults of every kind: in requests and answers, in messages, and in the order of things.
const SCRIPT: &[Act] = &[
    Call(0, "GET", None, "", 200, 3),
    Call(0, "PUT", None, r#"{"zebra":1}"#, 200, 4),
    Call(0, "PUT", None, r#"{"changeNumber":1}"#, 400, 4),
    Call(1, "GET", None, "", 200, 4),
    Call(0, "PUT", Some(("if-match", "*")), r#"{"properties":{"custom":{"a":1}}}"#, 200, 5),
    Call(1, "PUT", Some(("if-match", "\"4\"")), r#"{"properties":{"custom":{"b":1}}}"#, 200, 6),
    Call(1, "GET", None, "", 503, 6),
    Call(0, "GET", None, "", 200, PRIVATE),
    Open,
    Say(r#"{"hello":1}"#),
    Say(r#"[1,1,"https://sessiondirectory.xboxlive.com/connections"]"#),
    Hear("[1,1,0,0,{}]"),
    Say(r#"[1,2,"https://sessiondirectory.xboxlive.com/connections/"]"#),
    Hear(r#"[1,2,0,1,{ "ConnectionId":"85b40569-7cb3-45c6-b167-48536a6e2174" }]"#),
    Hear("[9]"),
    Hear("[1,7,0,0,null]"),
    Call(0, "PUT", None, STALE, 200, 7),
];

/// How often a mistake is made at the end: as often as the log counts aloud.
const REPEATS: usize = 10;
const REPEATED: Act = Call(1, "GET", Some(("if-match", "*")), "", 200, 7);

const FOUND: &[(&str, &str, &str, u64)] = &[
    ("put-unknown-top-level", "error", "session.put", 1),
    ("put-readonly-top-level", "info", "session.put", 1),
    ("etag-stale-accepted", "error", "session.put", 1),
    ("response-503-no-retry-after", "warning", "session.get", 1),
    ("constants-changed-in-branch", "error", "session.get", 1),
    ("rta-subprotocol-missing", "info", "rta.connect", 1),
    ("rta-frame-not-array", "error", "rta.connect", 1),
    ("rta-resource-uri", "warning", "rta.connect", 1),
    ("rta-connection-id-missing", "error", "rta.connect", 1),
    ("rta-type-unknown", "info", "rta.connect", 1),
    ("rta-response-unmatched", "warning", "rta.connect", 1),
    ("connection-stale", "warning", "session.put", 1),
    ("if-match-on-get", "warning", "session.get", REPEATS as u64),
];

/// The change whose constants are not those of the others.
const PRIVATE: u64 = 106;
const STALE: &str =
    r#"{"members":{"me":{"properties":{"system":{"connection":"11111111-7cb3-45c6-b167-48536a6e2174"}}}}}"#;
const SESSION: &str = "/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/lobby/sessions/\
                       60f9d3f3-9d7a-4b76-8b43-2f6cf8c6a001";
const PLAYERS: [&str; 2] = ["XBL3.0 x=8157204361927364;token-one", "XBL3.0 x=8157204361927365;token-two"];

fn acts() -> impl Iterator<Item = &'static Act> {
    SCRIPT.iter().chain(std::iter::repeat_n(&REPEATED, REPEATS))
}

fn answer(status: u16, change: u64) -> Response {
    let headers = |kind| [("content-type", kind)].into_iter().collect();
    if status != 200 {
        return Response::new(status, headers("text/plain"), "no");
    }
    let change_number = if change == PRIVATE { 6 } else { change };
    let document = json!({
        "contractVersion": 107, "branch": "17a13f76-1ba5-44a5-92c9-5c22196ddbc4", "changeNumber": change_number,
        "correlationId": "8d050174-412b-4d51-a29b-d55a34edfdb7", "startTime": "2026-11-01T10:00:00.5180901Z",
        "constants": {"system": {"version": 1, "maxMembersCount": 8,
            "visibility": if change == PRIVATE { "private" } else { "open" }}, "custom": {}},
        "properties": {"system": {"turn": []}, "custom": {}},
        "members": {}, "membersInfo": {"first": 0, "next": 0, "count": 0, "accepted": 0, "active": 0}, "servers": {},
    });
    let mut response = Response::new(200, headers("application/json"), document.to_string());
    response.headers.push("etag", format!("\"{change_number}\""));
    response
}

/// The service of the script: it gives each call its answer, one after the other.
async fn service() -> Service {
    let answers: Vec<(u16, u64)> = acts()
        .filter_map(|act| if let Call(.., status, change) = act { Some((*status, *change)) } else { None })
        .collect();
    let next = AtomicUsize::new(0);
    Service::start(move |_| {
        let (status, change) = answers[next.fetch_add(1, Ordering::SeqCst)];
        Reaction::Answer(answer(status, change))
    })
    .await
}

/// Everything logged meanwhile, as `--log-format json` writes it.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        // While there is one subscriber only, a place in the code that another test's thread comes by first is silent
        // for good: it asks that thread's subscriber, and there is none.
        static OTHER: OnceLock<tracing::Dispatch> = OnceLock::new();
        OTHER.get_or_init(|| tracing::Dispatch::new(tracing_subscriber::registry()));
        let log = self.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || log.clone()).json().flatten_event(true);
        tracing::subscriber::set_default(tracing_subscriber::registry().with(LevelFilter::INFO).with(layer))
    }

    /// Each fault once, in the order it was first found, with the last count told.
    fn faults(&self) -> Vec<Value> {
        let lines = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let events = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut faults: Vec<Value> = Vec::new();
        for event in events.filter(|event| event["target"] == "tapdeck::finding") {
            let is_same = |known: &&mut Value| {
                ["rule", "severity", "lane", "op", "place"].iter().all(|name| known[*name] == event[*name])
            };
            match faults.iter_mut().find(is_same) {
                Some(known) => known["count"] = event["count"].clone(),
                None => faults.push(event),
            }
        }
        faults.iter().map(essence).collect()
    }
}

/// What a fault is wherever it is told.
fn essence(fault: &Value) -> Value {
    let names = [
        "rule", "severity", "side", "op", "method", "place", "pointer", "message", "requires", "fix", "citation",
        "count",
    ];
    let mut fields: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), fault[*name].clone())).collect();
    for name in ["rejected", "schema"] {
        fields.insert(name.to_owned(), fault.get(name).cloned().unwrap_or_default());
    }
    Value::Object(fields)
}

fn checked(file: &Path) -> Vec<Value> {
    let mut report = Report::default();
    report.cassette(&mut Judge::new(Arc::default()), &Cassette::read(file).unwrap(), "a");
    let text = report.render(Format::Json, Colour::Never).unwrap();
    serde_json::from_str::<Vec<Value>>(&text).unwrap().iter().map(essence).collect()
}

/// Plays the script to a proxy; `sockets` is the service behind its sockets, if there is one.
async fn play(proxy: &Proxy, mut sockets: Option<&mut SocketService>) {
    let mut clients = [proxy.client(Protocol::H1).await, proxy.client(Protocol::H1).await];
    let mut socket: Option<(Box<dyn Io>, Option<Far>)> = None;
    for act in acts() {
        match act {
            Call(who, method, condition, body, status, _) => {
                let answered = call(&mut clients[*who], PLAYERS[*who], method, *condition, body).await;
                assert_eq!(answered, *status, "{method} {body}");
            }
            Open => {
                let mut near = proxy.reach(RTA, &Way::Connect(proxy.root.clone())).await;
                open(&mut near, "/connect", &format!("Authorization: {}\r\n", PLAYERS[0])).await;
                let far = match &mut sockets {
                    Some(service) => Some(service.next().await),
                    None => None,
                };
                socket = Some((near, far));
            }
            Say(text) => {
                let (near, far) = socket.as_mut().unwrap();
                send(near, &masked_frame(&Message::text(*text))).await;
                if let Some(far) = far {
                    assert_eq!(receive_frame(&mut far.io).await, Message::text(*text));
                }
            }
            Hear(text) => {
                let (near, far) = socket.as_mut().unwrap();
                if let Some(far) = far {
                    send(&mut far.io, &Message::text(*text).framed()).await;
                }
                assert_eq!(receive_frame(near).await, Message::text(*text));
            }
        }
    }
}

async fn call(client: &mut Client, player: &str, method: &str, condition: Option<(&str, &str)>, body: &str) -> u16 {
    let mut headers = vec![("authorization", player), ("x-xbl-contract-version", "107")];
    headers.extend((!body.is_empty()).then_some(("content-type", "application/json")));
    headers.extend(condition);
    client.send(method, SESSION, &headers, body.as_bytes()).await.unwrap().status
}

#[tokio::test]
async fn all_four_inputs_show_the_same_findings_in_the_same_order() {
    let home = TempDir::new().unwrap();
    let journal = home.path().join("judged.cassette.jsonl");
    let (service, mut sockets) = (service().await, SocketService::start().await);
    let roots = home.path().join("roots.pem");
    let pem = [&service.root, &sockets.root].map(|root| std::fs::read_to_string(root).unwrap());
    std::fs::write(&roots, pem.concat()).unwrap();
    let mut setup = Setup { roots: Some(roots), ..Setup::leading_to(service.address) };
    setup.route.resolve = vec![(HOST.to_owned(), service.address), (RTA.to_owned(), sockets.address)];

    let live = Log::default();
    {
        let _listening = live.listen();
        let proxy = setup.recording(&journal).start().await;
        play(&proxy, Some(&mut sockets)).await;
        proxy.close().await;
    }
    let found = live.faults();
    let short =
        |fault: &Value| (fault["rule"].clone(), fault["severity"].clone(), fault["op"].clone(), fault["count"].clone());
    let expected: Vec<_> = FOUND
        .iter()
        .map(|(rule, severity, op, count)| (json!(rule), json!(severity), json!(op), json!(count)))
        .collect();
    assert_eq!(found.iter().map(short).collect::<Vec<_>>(), expected);
    assert_eq!(found[1]["rejected"], 400);

    assert_eq!(checked(&journal), found, "the journal");
    let cassette = sealed(&journal);
    assert_eq!(checked(&cassette), found, "the sealed cassette");

    let again = Log::default();
    {
        let _listening = again.listen();
        let proxy = Setup::replaying(&cassette, replay::Options::default()).start().await;
        play(&proxy, None).await;
        assert_eq!(proxy.tally().misses, 0);
        proxy.close().await;
    }
    assert_eq!(again.faults(), found, "the replay");
}
