//! HAR files: what browsers and proxies write is judged as if tapdeck had recorded it, and nothing else is.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use proptest::prelude::*;
use serde_json::{Value, json};
use tapdeck::archive::har::{self, HarError, Judged};
use tapdeck::cassette::{Cassette, Record};
use tapdeck::conduct::Judge;
use tapdeck::contract::{Contract, Severity};
use tapdeck::exchange::Outcome;
use tapdeck::message::{Body, Headers};
use tapdeck::report::{Located, Report};
use tapdeck::socket::{Message, Opcode, Sender};
use tempfile::TempDir;

use crate::support::binary::{self, Ended};
use crate::support::text;

const CHROME: &str = include_str!("har/chrome.har");
const FIREFOX: &str = include_str!("har/firefox.har");
const MITMPROXY: &str = include_str!("har/mitmproxy.har");
const SESSION: &str = "https://sessiondirectory.xboxlive.com/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/\
                       sessionTemplates/lobby/sessions/0B5D2C1A-7C6E-4C55-9D11-3F0A8F5C0001";

fn judged(bytes: &[u8]) -> (Judged, Report) {
    let mut report = Report::default();
    let judged = har::judge(bytes, "a.har", &mut Judge::new(Arc::new(Contract::new())), &mut report);
    (judged, report)
}

/// What was found, of some weight.
fn grave(report: &Report) -> Vec<&Located> {
    report.findings.iter().filter(|located| located.finding.severity != Severity::Info).collect()
}

fn rules(report: &Report) -> Vec<&'static str> {
    grave(report).into_iter().map(|located| located.finding.rule.id).collect()
}

/// A HAR file of some entries.
fn archive(entries: Value) -> Value {
    json!({"log": {"version": "1.2", "creator": {"name": "test", "version": "1"}, "entries": entries}})
}

/// An entry for a write; parts of it are replaced.
fn entry(changes: impl FnOnce(&mut Value)) -> Value {
    let mut entry = json!({
        "startedDateTime": "2026-01-02T03:04:05.000Z",
        "time": 5,
        "request": {
            "method": "PUT",
            "url": SESSION,
            "httpVersion": "HTTP/1.1",
            "headers": [
                {"name": "Authorization", "value": "XBL3.0 x=8157204361927364;token-of-nobody"},
                {"name": "X-Xbl-Contract-Version", "value": "107"},
                {"name": "Content-Type", "value": "application/json"}
            ],
            "bodySize": 2,
            "postData": {"mimeType": "application/json", "text": "{}"}
        },
        "response": {"status": 204, "headers": [], "content": {"size": 0, "text": ""}, "bodySize": 0}
    });
    changes(&mut entry);
    entry
}

fn judged_entries(entries: &[Value]) -> (Judged, Report) {
    judged(archive(json!(entries)).to_string().as_bytes())
}

#[test]
fn what_shipping_recorders_write_is_no_fault() {
    for (har, calls, unsent, withheld, elsewhere) in
        [(CHROME, 3, 2, 1, 1), (FIREFOX, 3, 0, 3, 0), (MITMPROXY, 3, 0, 1, 0)]
    {
        for text in [har.to_owned(), har.replace('\n', "\r\n"), format!("\u{feff}{har}"), minified(har)] {
            let (judged, report) = judged(text.as_bytes());
            assert!(judged.error.is_none() && judged.broken == 0, "{judged:?}");
            assert_eq!(rules(&report), Vec::<&str>::new());
            let counts = (judged.calls, judged.unsent, judged.withheld, judged.elsewhere);
            assert_eq!(counts, (calls, unsent, withheld, elsewhere), "{judged:?}");
            assert_eq!(report.exchanges, calls);
        }
    }
    assert_eq!(judged(CHROME.as_bytes()).1.messages, 2);
    assert_eq!(judged(MITMPROXY.as_bytes()).1.messages, 3);
}

fn minified(har: &str) -> String {
    serde_json::from_str::<Value>(har).unwrap().to_string()
}

#[test]
fn a_fault_is_told_with_its_entry_and_its_line() {
    let told: [(&str, &[(usize, usize)]); 3] =
        [(CHROME, &[(3, 79), (5, 133)]), (FIREFOX, &[(1, 8), (2, 43), (3, 69)]), (MITMPROXY, &[(2, 46)])];
    for (har, places) in told {
        let named = |version: &str| format!("\"x-xbl-contract-version\", \"value\": \"{version}\"");
        let (_, report) = judged(har.replace(&named("107"), &named("99")).as_bytes());
        let found: Vec<_> =
            report.findings.iter().filter(|one| one.finding.rule.id == "contract-version-too-low").collect();
        let first: Vec<_> = found.iter().map(|one| (one.exchange, one.line.unwrap())).collect();
        assert!(!first.is_empty() && first.iter().all(|place| places.contains(place)), "{first:?}");
        assert_eq!(found.iter().map(|one| one.count).sum::<usize>(), places.len());
        assert!(found.iter().all(|one| one.file.as_deref() == Some("a.har")));
    }
}

/// A committed recording, written down as one recorder or another would have done it.
fn har_of(cassette: &Cassette, dialect: &str) -> Value {
    let instant = |position: u64| format!("2026-01-02T03:{:02}:{:02}.000Z", position / 60, position % 60);
    let mut entries: Vec<(u64, Value)> = Vec::new();
    for entry in &cassette.entries {
        match &entry.record {
            Record::Http(record) => {
                let (request, response) = (record.request(), record.response());
                let is_answered = record.outcome == Outcome::Answered;
                let mut sent = json!({
                    "method": request.method,
                    "url": format!("{}://{}{}", request.scheme.as_str(), request.authority, request.target),
                    "httpVersion": if dialect == "chrome" { "http/2.0" } else { "HTTP/1.1" },
                    "headers": lines(&request.headers),
                    "bodySize": request.body.wire().len(),
                });
                if !request.body.is_empty() {
                    sent["postData"] = said(&request.body, dialect);
                }
                let answered = json!({
                    "status": if is_answered { response.status } else { 0 },
                    "headers": lines(&response.headers),
                    "content": said(&response.body, dialect),
                    "bodySize": response.body.wire().len(),
                });
                let time = (record.answered - record.asked) * 1000;
                let har = json!({"startedDateTime": instant(record.asked), "time": time, "request": sent, "response": answered});
                entries.push((record.asked, har));
            }
            Record::Frame(record) => {
                let Some(message) = record.what.message() else { continue };
                let opening = entries.iter_mut().find(|(asked, _)| *asked == record.socket).unwrap();
                let type_ = if record.from == Sender::Client { "send" } else { "receive" };
                let seconds = 1_767_322_800.0 + record.at as f64;
                let one =
                    json!({"type": type_, "time": seconds, "opcode": message.opcode.bits(), "data": data(&message)});
                match opening.1["_webSocketMessages"].as_array_mut() {
                    Some(all) => all.push(one),
                    None => opening.1["_webSocketMessages"] = json!([one]),
                }
            }
            Record::Mark(_) => {}
        }
    }
    archive(json!(entries.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>()))
}

fn lines(headers: &Headers) -> Value {
    let line = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    json!(headers.iter().map(|header| json!({"name": header.name, "value": line(&header.value)})).collect::<Vec<_>>())
}

fn said(body: &Body, dialect: &str) -> Value {
    let plain = body.decoded().cloned().unwrap_or_default();
    match (std::str::from_utf8(&plain), dialect) {
        (Ok(text), "chrome" | "mitmproxy") => {
            json!({"size": plain.len(), "mimeType": "application/json", "text": text})
        }
        _ => json!({"size": plain.len(), "text": BASE64.encode(&plain), "encoding": "base64"}),
    }
}

fn data(message: &Message) -> String {
    match message.opcode {
        Opcode::Binary => BASE64.encode(&message.payload),
        _ => String::from_utf8_lossy(&message.payload).into_owned(),
    }
}

#[test]
fn a_har_file_shows_what_a_cassette_of_the_same_traffic_shows() {
    let told = |report: &Report| {
        let of = |one: &Located| (one.finding.rule.id, one.finding.severity, one.op.clone(), one.exchange, one.count);
        let mut told: Vec<_> = report.findings.iter().map(of).collect();
        told.sort();
        told
    };
    let mut found = 0;
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("cassettes")).unwrap() {
        let path = file.unwrap().path();
        let cassette = Cassette::read(&path).unwrap();
        let mut expected = Report::default();
        expected.cassette(&mut Judge::new(Arc::new(Contract::new())), &cassette, "a.har");
        found += expected.findings.len();
        for dialect in ["chrome", "firefox", "mitmproxy"] {
            let (judged, report) = judged(har_of(&cassette, dialect).to_string().as_bytes());
            assert!(judged.error.is_none() && judged.broken + judged.withheld == 0, "{judged:?}");
            assert_eq!(told(&report), told(&expected), "{} as {dialect} writes it", path.display());
            assert_eq!((report.exchanges, report.messages), (expected.exchanges, expected.messages));
        }
    }
    assert!(found > 5, "the recordings show nothing to compare");
}

#[test]
fn only_a_body_that_is_said_to_be_empty_is_empty() {
    let post = |data: Value, size: i64| {
        entry(|entry| {
            entry["request"]["postData"] = data;
            entry["request"]["bodySize"] = json!(size);
        })
    };
    let empty = [(Value::Null, 0), (json!({"text": ""}), 0), (json!({"mimeType": "", "text": "", "params": []}), 0)];
    for (data, size) in empty {
        let (_, report) = judged_entries(&[post(data, size)]);
        assert_eq!(rules(&report), ["body-empty-on-put"]);
    }
    let withheld = [
        (Value::Null, 12),
        (Value::Null, -1),
        (json!({"text": null}), 0),
        (json!({"text": ""}), 12),
        (json!({"text": "", "comment": "left out"}), 0),
        (json!({"text": "{\"members\":{\"me\""}), 500),
        (json!({"text": "%%", "encoding": "base64"}), 2),
    ];
    for (data, size) in withheld {
        let (judged, report) = judged_entries(&[post(data.clone(), size)]);
        assert_eq!((rules(&report), judged.withheld), (Vec::new(), 1), "{data} {size}");
    }
    let wrong = [(json!({"text": "{"}), 1, "json-malformed"), (json!({"text": "e30K", "encoding": "base64"}), 3, "")];
    for (data, size, rule) in wrong {
        let (_, report) = judged_entries(&[post(data, size)]);
        assert_eq!(rules(&report).concat(), rule);
    }
}

#[test]
fn an_answer_that_was_not_captured_is_not_missing() {
    let answered = |response: Value| {
        entry(|entry| {
            entry["request"]["method"] = json!("GET");
            entry["request"]["bodySize"] = json!(0);
            entry["request"]["postData"] = Value::Null;
            entry["response"] = response;
        })
    };
    let headers = json!([{"name": "content-type", "value": "application/json"}, {"name": "etag", "value": "\"a\""}]);
    for content in [
        Value::Null,
        json!({}),
        json!({"size": 900}),
        json!({"size": -1, "mimeType": "application/json"}),
        json!({"size": 0, "text": null}),
        json!({"size": 900, "text": ""}),
        json!({"size": 900, "text": "", "comment": "left out"}),
        json!({"size": 900, "text": "{\"members\""}),
        json!({"size": 900, "text": "KLUv/Q==", "encoding": "base64"}),
    ] {
        let mut headers = headers.clone();
        if content["encoding"] == "base64" {
            headers.as_array_mut().unwrap().push(json!({"name": "content-encoding", "value": "zstd"}));
        }
        let response = json!({"status": 200, "headers": headers, "content": content, "bodySize": -1});
        let (judged, report) = judged_entries(&[answered(response)]);
        assert_eq!((rules(&report), judged.withheld), (Vec::new(), 1), "{content}");
    }
    let empty = json!({"status": 200, "headers": headers, "content": {"size": 0, "text": ""}, "bodySize": 0});
    assert_eq!(rules(&judged_entries(&[answered(empty)]).1), ["response-session-missing"]);
    let cached = json!({"status": 304, "headers": headers, "content": {"size": 2, "text": "{}"}, "bodySize": 0});
    assert!(!rules(&judged_entries(&[answered(cached)]).1).contains(&"response-204-body"));
}

#[test]
fn credentials_a_browser_leaves_out_are_not_asked_for() {
    let without = |entry: &mut Value| drop(entry["request"]["headers"].as_array_mut().unwrap().remove(0));
    let of = |creator: &str, entries: &[Value]| {
        let mut har = archive(json!(entries));
        har["log"]["creator"]["name"] = json!(creator);
        let (judged, report) = judged(har.to_string().as_bytes());
        (rules(&report), judged.unauthorized)
    };
    assert_eq!(of("WebInspector", &[entry(without), entry(without)]), (vec![], 2));
    assert_eq!(of("Firefox", &[entry(without)]), (vec!["authorization-missing"], 0));
    assert_eq!(of("WebInspector", &[entry(without), entry(|_| ())]), (vec!["authorization-missing"], 0));
    for blank in ["REDACTED", "<redacted>", "[REDACTED]", "***", "XBL3.0 x=***", "XBL3.0 x=1;REDACTED"] {
        let blanked = entry(|entry| entry["request"]["headers"][0]["value"] = json!(blank));
        assert_eq!(of("Fiddler", &[blanked]), (vec![], 0), "{blank}");
    }
    let bearer = entry(|entry| entry["request"]["headers"][0]["value"] = json!("Bearer abc"));
    assert_eq!(of("Fiddler", &[bearer]).0, ["authorization-scheme-invalid"]);
}

#[test]
fn only_services_with_a_contract_are_judged() {
    let to = |url: &str| entry(|entry| entry["request"]["url"] = json!(url));
    let path = SESSION.split_once(".com").unwrap().1;
    for (url, calls) in [
        (format!("http://127.0.0.1:8888{path}"), 1),
        (format!("http://localhost:8888{path}"), 1),
        (format!("https://[::1]{path}?nocommit=true"), 1),
        (format!("https://mpsd.example{path}"), 0),
        ("https://privacy.xboxlive.com/users/xuid(1)".to_owned(), 0),
        ("https://smartmatch.xboxlive.com/serviceconfigs/a/hoppers/b".to_owned(), 1),
    ] {
        let (judged, _) = judged_entries(&[to(&url)]);
        assert_eq!((judged.calls, judged.calls + judged.elsewhere), (calls, 1), "{url}");
    }
    let mut local = to("http://localhost:3000/app.js");
    assert_eq!(judged_entries(&[local.clone()]).0.calls, 1, "it names a contract version");
    local["request"]["headers"] = json!([]);
    assert_eq!(judged_entries(&[local]).0.elsewhere, 1);
    let mut renamed = to(&format!("https://10.0.0.9{path}"));
    renamed["request"]["headers"].as_array_mut().unwrap().push(json!({"name": "Host", "value": "rta.xboxlive.com"}));
    assert_eq!(judged_entries(&[renamed]).0.calls, 1);
}

#[test]
fn entries_are_judged_in_the_order_of_time() {
    let at = |second: u32, hash: &str| {
        entry(|entry| {
            entry["startedDateTime"] = json!(format!("2026-01-02T03:04:{second:02}.000Z"));
            entry["request"]["headers"][0]["value"] = json!(format!("XBL3.0 x={hash};t"));
            entry["request"]["headers"][1]["value"] = json!("99");
        })
    };
    let (_, report) = judged_entries(&[at(9, "2"), at(1, "1"), at(5, "2")]);
    let told: Vec<_> = report.findings.iter().map(|one| (one.lane.as_str(), one.exchange, one.count)).collect();
    assert_eq!(told, [("player2", 2, 1), ("player1", 3, 2)], "lanes by the file, judgement by the clock");
    let timeless = entry(|entry| entry["startedDateTime"] = json!("yesterday"));
    assert_eq!(judged_entries(&[timeless]).0.timeless, 1);
}

#[test]
fn a_socket_opened_with_a_nonce_is_its_fetchers() {
    let to = |url: &str, status: u16, said: &str| {
        entry(|entry| {
            entry["request"]["method"] = json!("GET");
            entry["request"]["url"] = json!(format!("https://rta.xboxlive.com/{url}"));
            entry["request"]["postData"] = Value::Null;
            entry["response"] = json!({"status": status, "headers": [], "content": {"text": said}});
        })
    };
    let mut opening = to("connect?nonce=once", 101, "");
    opening["request"]["headers"] = json!([]);
    opening["_webSocketMessages"] = json!([{"type": "send", "opcode": 1, "data": "[9]"}]);
    let (_, report) = judged_entries(&[entry(|_| ()), to("nonce", 200, "{\"nonce\":\"once\"}"), opening]);
    assert_eq!(report.messages, 1);
    assert!(report.findings.iter().all(|one| one.lane == "player1"), "{:?}", report.findings);
}

#[test]
fn one_broken_entry_is_left_out_and_told() {
    let broken = [
        entry(|entry| entry["request"]["url"] = json!(5)),
        entry(|entry| entry["request"]["headers"] = Value::Null),
        entry(|entry| entry["response"]["headers"] = json!({"a": 1})),
        entry(|entry| entry["response"]["status"] = json!("ok")),
        entry(|entry| entry["request"] = json!([])),
        json!(7),
    ];
    for broken in &broken {
        let (judged, _) = judged_entries(&[entry(|_| ()), broken.clone()]);
        assert_eq!((judged.calls, judged.broken), (1, 1), "{broken}");
        assert!(judged.error.is_none() && judged.first_broken.is_some());
        let (judged, _) = judged_entries(std::slice::from_ref(broken));
        assert!(matches!(judged.error, Some(HarError::NoEntry { entries: 1, .. })), "{judged:?}");
    }
}

#[test]
fn nobody_in_a_har_file_is_named_in_its_report() {
    let secrets = ["2814646326226712", "Zoe Leaks", "eyJhbGciOiJub25lIn0", "8157204361927364", "zoe@mail.example"];
    let [xuid, tag, token, hash, mail] = secrets;
    let leaky = entry(|entry| {
        entry["request"]["url"] = json!(format!("{SESSION}?who={xuid}&mail={mail}"));
        entry["request"]["headers"][0]["value"] = json!(format!("XBL3.0 x={hash};{token}.eyJ4IjoxfQ.c2ln"));
        entry["request"]["postData"]["text"] =
            json!(format!(r#"{{"members":{{"{xuid}":{{}},"{tag}":1}},"{mail}":"{tag}"}}"#));
        entry["response"] = json!({
            "status": 200,
            "headers": [{"name": "content-type", "value": format!("text/{tag}")}],
            "content": {"size": 1, "text": format!(r#"{{"members":{{"0":{{"gamertag":"{tag}","x":"{xuid}"}}}}}}"#)},
        });
        entry["_webSocketMessages"] =
            json!([{"type": "send", "time": 1, "opcode": 1, "data": format!("[\"{xuid} {tag}\"]")}]);
    });
    let (_, report) = judged_entries(&[leaky]);
    assert!(grave(&report).len() > 2, "{report:?}");
    let told = format!("{report:?}");
    for secret in secrets {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}

#[test]
fn the_same_file_gives_the_same_report() {
    let reports = || format!("{:?}", judged(MITMPROXY.replace("107", "99").as_bytes()).1);
    assert_eq!(reports(), reports());
}

#[test]
fn check_reads_directories_and_goes_on_after_what_it_cannot_read() {
    let home = TempDir::new().unwrap();
    let dir = home.path().join("kept");
    let cassettes = Path::new(env!("CARGO_MANIFEST_DIR")).join("cassettes");
    fs::create_dir_all(dir.join("sub")).unwrap();
    fs::create_dir_all(dir.join(".git")).unwrap();
    fs::write(dir.join("b.HAR"), FIREFOX).unwrap();
    fs::write(dir.join("sub/a.har"), CHROME).unwrap();
    fs::write(dir.join(".git/c.har"), "broken").unwrap();
    fs::write(dir.join("notes.txt"), "broken").unwrap();
    fs::copy(cassettes.join("taps.cassette.json"), dir.join("taps.cassette.json")).unwrap();
    fs::write(dir.join("taps.cassette.jsonl"), "broken").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&dir, dir.join("sub/loop")).unwrap();

    let Ended { code, stdout, talk } = binary::run(home.path(), &["check", text(&dir)]);
    assert_eq!(code, Some(0), "{talk}{stdout}");
    let noted = |part: &str| talk.lines().filter(|line| line.starts_with("note: ") && line.contains(part)).count();
    assert_eq!((noted("its sealed file stands beside it"), noted("the browser left them out")), (1, 1), "{talk}");
    assert!(!talk.contains(".git") && !talk.contains("loop"), "{talk}");

    fs::write(dir.join("torn.har"), &MITMPROXY[..MITMPROXY.len() / 2]).unwrap();
    let Ended { code, stdout, talk } = binary::run(home.path(), &["check", text(&dir), "/no/such.har"]);
    assert_eq!(code, Some(4), "{talk}");
    assert!(!stdout.is_empty() && talk.matches("error: ").count() == 2, "{talk}");
    assert!(talk.contains("torn.har:46:13: cut off"), "{talk}");
}

#[test]
fn what_is_no_recording_is_told_in_one_line_and_code_4() {
    let home = TempDir::new().unwrap();
    let conflict = MITMPROXY.replacen("        \"pages\": [],\n", "<<<<<<< ours\n        \"pages\": [],\n=======\n", 1);
    let deep = format!("{{\"log\":{{\"entries\":[{{\"a\":{}", "[".repeat(100_000));
    let keys = format!("{{\"log\":{{\"entries\":[{{{}", "\"a\":1,".repeat(1_100_000));
    let cases: [(&str, &[u8], &str); 15] = [
        ("empty", b"", "is empty"),
        ("picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is neither a cassette nor a HAR file"),
        ("saz", b"PK\x03\x04\x14\0", "zip archive"),
        ("gz", b"\x1f\x8b\x08\0", "is compressed"),
        ("wide", b"\xff\xfe{\0\"\0", "UTF-16"),
        ("words", b"hello", "is not JSON"),
        ("other", b"{\"a\": 1}", "it has no `log`"),
        ("list", b"[1, 2]", "it has no `log`"),
        ("bare", b"{\"log\": {\"version\": \"1.2\"}}", "it has no `log.entries`"),
        ("typed", b"{\"log\": {\"entries\": {}}}", "it has no `log.entries`"),
        ("malformed", b"{\"log\": {\"entries\": [\n{\"a\": tru}]}}", ":2:7: not JSON"),
        ("latin", b"{\"log\": {\"entries\": [{\"a\":\"\xe9\"}]}}", ":1:28: not JSON: expected UTF-8"),
        ("merged", conflict.as_bytes(), "conflict markers"),
        ("deep", deep.as_bytes(), "nested deeper"),
        ("keys", keys.as_bytes(), "more than 500000 parts"),
    ];
    for (name, content, told) in cases {
        let path = home.path().join(format!("{name}.har"));
        fs::write(&path, content).unwrap();
        let Ended { code, stdout, talk } = binary::run(home.path(), &["check", text(&path)]);
        assert_eq!((code, stdout.as_str()), (Some(4), ""), "{name}: {talk}");
        let errors: Vec<&str> = talk.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(errors.len() == 1 && errors[0].contains(told), "{name}: {talk}");
        assert!(talk.contains(&format!("{name}.har")) && talk.contains("\nhint: "), "{name}: {talk}");
    }
    let nothing = home.path().join("nothing");
    fs::create_dir(&nothing).unwrap();
    let Ended { code, talk, .. } = binary::run(home.path(), &["check", text(&nothing)]);
    assert!(code == Some(4) && talk.contains("holds nothing to check"), "{talk}");
}

#[test]
fn a_recording_is_known_by_its_content() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("a.cassette.json");
    fs::write(&path, CHROME).unwrap();
    assert_eq!(binary::run(home.path(), &["check", text(&path)]).code, Some(0));
    let cassette = Path::new(env!("CARGO_MANIFEST_DIR")).join("cassettes/taps.cassette.json");
    let path = home.path().join("b.har");
    fs::copy(cassette, &path).unwrap();
    assert_eq!(binary::run(home.path(), &["check", text(&path)]).code, Some(0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_damage_is_more_than_an_error(
        which in 0..3_usize,
        cut in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 0..6),
    ) {
        let mut har = [CHROME, FIREFOX, MITMPROXY][which].as_bytes().to_vec();
        let at = at.index(har.len());
        let end = (at + bytes.len()).min(har.len());
        har.splice(at..end, bytes);
        judged(&har);
        har.truncate(cut.index(har.len()));
        prop_assert!(judged(&har).0.error.is_some());
    }

    #[test]
    fn any_value_may_be_of_any_kind(
        which in 0..3_usize,
        at in any::<prop::sample::Index>(),
        kind in 0..8_usize,
    ) {
        let mut har: Value = serde_json::from_str([CHROME, FIREFOX, MITMPROXY][which]).unwrap();
        let mut pointers = Vec::new();
        every_pointer(&har["log"]["entries"], "/log/entries".to_owned(), &mut pointers);
        let other = [Value::Null, json!(true), json!(-1), json!(1e300), json!(""), json!("x"), json!([]), json!({})];
        *har.pointer_mut(&pointers[at.index(pointers.len())]).unwrap() = other[kind].clone();
        judged(har.to_string().as_bytes());
    }
}

fn every_pointer(value: &Value, pointer: String, all: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| every_pointer(item, format!("{pointer}/{at}"), all));
        }
        Value::Object(members) => {
            for (name, member) in members {
                every_pointer(member, format!("{pointer}/{}", name.replace('/', "~1")), all);
            }
        }
        _ => {}
    }
    all.push(pointer);
}
