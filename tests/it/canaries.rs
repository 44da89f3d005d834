//! Canaries: distinct secrets and people, put wherever they may stand, and looked for wherever tapdeck writes.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use tapdeck::client::{Client, Way};
use tapdeck::dice::{Dice, hex};
use tapdeck::exchange::Protocol;
use tapdeck::message::{Body, Coding, Headers, Response};
use tempfile::TempDir;

use crate::support::binary::{self, Deck, Ended};
use crate::support::{HOST, Reaction, Service, text};

/// The calls with their answers; `«class name»` marks a canary, `|form` another way to write it.
const CALLS: &str = include_str!("canaries/calls.txt");

/// What a body has too much in a miss: written in escapes, and where an excerpt would be cut off.
const EXTRA: &str = r#""extra":{"odd":"«xuid extra|json»","who":{"gamertag":"«tag extra|json»","token":"«token extra|json»"},"mail":"«email extra|json»"},
"cut":"PAD «xuid cut»","cutMail":"PAD «email cut»","cutToken":{"token":"PAD «token cut»"},"cutIp":"PAD «ipv4 cut»","cutNote":"PAD «jwt cut»","cutBearer":"PAD Bearer «token bearer cut»""#;

/// One call and its scripted answer.
#[derive(Clone)]
struct Step {
    title: String,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
    /// `None`: the service breaks off.
    answer: Option<Response>,
}

/// One performance: the same calls with values of its own.
struct Take {
    steps: Vec<Step>,
    /// Every canary in it, by its mark.
    canaries: BTreeSet<(String, String)>,
}

impl Take {
    fn new(take: u64) -> Self {
        Self::of(CALLS, take)
    }

    fn of(template: &str, take: u64) -> Self {
        let (script, canaries) = filled(template, take);
        let steps = script.split("=== ").skip(1).map(step).collect();
        Self { steps, canaries }
    }

    fn value(&self, mark: &str) -> &str {
        &self.canaries.iter().find(|(known, _)| known == mark).unwrap().1
    }

    /// Canaries that stand in a text, however they are written there.
    fn found(&self, text: &str) -> Vec<&str> {
        let text = every_reading(text);
        let secret = self.canaries.iter().filter(|(mark, _)| !mark.starts_with("guid "));
        // Of what stands where an excerpt is cut off, the beginning tells enough.
        let telling = |mark: &str, value: &str| {
            if mark.ends_with(" cut") { value[..8].to_lowercase() } else { value.to_lowercase() }
        };
        secret.filter(|(mark, value)| text.contains(&telling(mark, value))).map(|(mark, _)| mark.as_str()).collect()
    }

    fn assert_none_in(&self, place: &str, text: &str) {
        self.assert_none_but(&[], place, text);
    }

    /// As above, for a replay: nobody tells it what other players are called.
    fn assert_none_of_its_own_in(&self, place: &str, text: &str) {
        self.assert_none_but(&TOLD_BY_ANSWERS, place, text);
    }

    fn assert_none_but(&self, excused: &[&str], place: &str, text: &str) {
        let found =
            |text: &str| self.found(text).into_iter().filter(|mark| !excused.contains(mark)).collect::<Vec<_>>();
        let lines: Vec<_> = text.lines().filter(|line| !found(line).is_empty()).collect();
        assert!(found(text).is_empty(), "{place} holds {:?}:\n{}", found(text), lines.join("\n"));
    }
}

/// Names without a shape that only the service's answers tell to be names. A replay gives out aliases for them, so
/// what a client writes into free text instead it cannot know.
const TOLD_BY_ANSWERS: [&str; 7] =
    ["tag host", "tag guest", "tag friend", "gamertag unique", "address guest", "device guest", "device candidate"];

/// A scripted service that gives the answers in turn, again and again.
async fn service(take: &Take) -> Service {
    let answers: Vec<Option<Response>> = take.steps.iter().map(|step| step.answer.clone()).collect();
    let at = AtomicUsize::new(0);
    let next = move || answers[at.fetch_add(1, Ordering::SeqCst) % answers.len()].clone();
    Service::start(move |_| next().map_or(Reaction::Break, Reaction::Answer)).await
}

async fn client(deck: &Deck, home: &TempDir, protocol: Protocol) -> Client {
    let root = fs::read_to_string(home.path().join("ca/cert.pem")).unwrap();
    Client::connect(deck.address, HOST, Way::Connect(root), protocol).await.unwrap()
}

/// Plays the calls through a deck and gives the answers.
async fn perform(client: &mut Client, take: &Take) -> Vec<Response> {
    let mut answers = Vec::new();
    for step in &take.steps {
        let headers: Vec<_> = step.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let sent = client.send(&step.method, &step.target, &headers, step.body.as_bytes()).await;
        answers.push(sent.unwrap_or_else(|error| panic!("{}: {error}", step.title)));
    }
    answers
}

/// A recording of the calls: what each place held, and the sealed file.
struct Recording {
    home: TempDir,
    cassette: PathBuf,
    journal: String,
    ended: Ended,
    answers: Vec<Response>,
    upstream: String,
}

async fn record(take: &Take, protocol: Protocol, format: &str) -> Recording {
    let home = TempDir::new().unwrap();
    let service = service(take).await;
    let cassette = home.path().join("canaries.cassette.json");
    let resolve = format!("{HOST}={}", service.address);
    let args = ["record", text(&cassette), "--resolve", &resolve, "--upstream-ca", text(&service.root)];
    let deck = Deck::start(home.path(), &[&args[..], &["--log-level", "trace", "--log-format", format]].concat());
    let mut client = client(&deck, &home, protocol).await;
    let answers = perform(&mut client, take).await;
    let journal = fs::read_to_string(cassette.with_extension("jsonl")).unwrap();
    drop(client);
    let ended = deck.stopped();
    let upstream = service.seen().iter().map(|seen| format!("{seen:?}")).collect();
    Recording { home, cassette, journal, ended, answers, upstream }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_canary_is_found_anywhere_and_the_recording_plays_back() {
    let take = Take::new(1);
    let distinct: BTreeSet<_> =
        take.canaries.iter().filter(|(mark, _)| !mark.starts_with("guid ")).map(|(_, value)| value).collect();
    assert!(distinct.len() >= 60, "only {} canaries", distinct.len());
    for (protocol, format) in [(Protocol::H1, "text"), (Protocol::H2, "json")] {
        let recording = record(&take, protocol, format).await;
        let Ended { code, stdout, talk: stderr } = &recording.ended;
        assert!(stderr.contains("this recording replays"), "{}", &stderr[stderr.len().saturating_sub(2000)..]);
        assert_eq!(*code, Some(0), "{}", &stderr[stderr.len().saturating_sub(2000)..]);
        let traced = if format == "text" { " trace " } else { r#""level":"TRACE""# };
        assert!(stderr.contains(traced), "the log is not at trace level");
        take.assert_none_in("the journal", &recording.journal);
        let sealed = fs::read_to_string(&recording.cassette).unwrap();
        take.assert_none_in("the cassette", &sealed);
        take.assert_none_in("standard output", stdout);
        take.assert_none_in("the log", stderr);
        let broken = String::from_utf8_lossy(recording.answers.last().unwrap().body.wire()).into_owned();
        assert!(broken.contains("upstream-broke-off"), "{broken}");
        take.assert_none_in("the problem", &broken);
        shown_and_checked(&take, &recording);
        what_is_nobodys_survives(&sealed);
        plays(&take, &recording, protocol).await;
        plays(&Take::new(2), &recording, protocol).await;
        misses_tell_nothing(&recording, protocol).await;
    }
}

/// The canaries are really sent, so that looking for them can fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_canary_passes_through() {
    let take = Take::new(3);
    let recording = record(&take, Protocol::H2, "json").await;
    let answers: String =
        recording.answers.iter().map(|answer| format!("{:?}{}", answer.headers, body(answer))).collect();
    let found = take.found(&format!("{}{answers}", recording.upstream));
    let marks: Vec<_> =
        take.canaries.iter().map(|(mark, _)| mark.as_str()).filter(|mark| !mark.starts_with("guid")).collect();
    assert_eq!(found, marks);
}

fn shown_and_checked(take: &Take, recording: &Recording) {
    let file = text(&recording.cassette);
    let shown = binary::run(recording.home.path(), &["cassette", "show", file]);
    assert_eq!(shown.code, Some(0), "{}", shown.talk);
    take.assert_none_in("`cassette show`", &shown.stdout);
    for number in 1..=take.steps.len() {
        let shown = binary::run(recording.home.path(), &["cassette", "show", file, &number.to_string()]);
        assert_eq!(shown.code, Some(0), "{}", shown.talk);
        take.assert_none_in("`cassette show N`", &shown.stdout);
    }
    for format in ["text", "json"] {
        let checked = binary::run(recording.home.path(), &["check", "--format", format, file]);
        assert!(matches!(checked.code, Some(0 | 1)), "{}", checked.talk);
        take.assert_none_in("`check`", &checked.stdout);
    }
}

fn what_is_nobodys_survives(sealed: &str) {
    for kept in [
        "1.21.50.7-rc1",
        "10.0.22.4",
        "9007199254740993",
        "18446744073709551615",
        "1.50",
        "17a13f76-1ba5-44a5-92c9-5c22196ddbc4",
        "2016-09-20T20:50:00.5180901Z",
        "4e0a5d4e6fd84d7aa6b2f7c8b1f4a001",
        "0fe81338-ee96-46e3-a3b5-2dbbd6c41c3b",
        "7492BACA-C1B4-440D-A391-B7EF364A8D40",
        "Studio/1.21.50.7 (10.0.19041.4)",
    ] {
        assert!(sealed.contains(kept), "{kept} did not survive");
    }
}

/// The cassette answers the same calls, whoever makes them, and gives the client's own values back.
async fn plays(take: &Take, recording: &Recording, protocol: Protocol) {
    let (receipt, live) =
        (recording.home.path().join("receipt.json"), recording.home.path().join("live.cassette.jsonl"));
    let kept = ["--receipt", text(&receipt), "--save-live", text(&live)];
    let args = ["replay", text(&recording.cassette), "--log-level", "trace"];
    let deck = Deck::start(recording.home.path(), &[&args[..], &kept].concat());
    let mut client = client(&deck, &recording.home, protocol).await;
    let answers = perform(&mut client, take).await;
    drop(client);
    let ended = deck.stopped();
    take.assert_none_of_its_own_in("the receipt", &fs::read_to_string(&receipt).unwrap());
    take.assert_none_of_its_own_in("what is kept of the calls", &fs::read_to_string(&live).unwrap());
    fs::remove_file(&live).unwrap();
    let count = take.steps.len();
    assert!(ended.talk.contains(" 0 repeat, 0 miss, 0 unplayed, upstream 0"), "{}", last_lines(&ended.talk));
    assert_eq!(ended.code, Some(0), "{}", last_lines(&ended.talk));
    assert_eq!(answers.len(), count);
    take.assert_none_of_its_own_in("the log of the replay", &ended.talk);
    for (recorded, played) in recording.answers.iter().zip(&answers) {
        assert_eq!((recorded.status, recorded.headers.text("etag")), (played.status, played.headers.text("etag")));
    }
    let first = body(&answers[0]);
    for mark in ["xuid host", "address host", "guid connection"] {
        assert!(first.contains(take.value(mark)), "{mark} {} is not in {first}", take.value(mark));
    }
}

/// Calls the cassette does not have, each a little off: the problems quote none of their canaries.
async fn misses_tell_nothing(recording: &Recording, protocol: Protocol) {
    let extra = EXTRA.replace("PAD", &"x".repeat(186));
    let off = CALLS.replace(":\"«", ":\"~ «").replace("\n\n{", &format!("\n\n{{{extra},"));
    let mut take = Take::of(&off, 4);
    for step in &mut take.steps {
        step.target.push_str(if step.target.contains('?') { "&extra=1" } else { "?extra=1" });
    }
    let args = ["replay", text(&recording.cassette), "--log-level", "trace", "--log-format", "json"];
    for (more, refused) in [(&[][..], 501), (&["--enforce"], 400)] {
        let receipt = recording.home.path().join("receipt.json");
        let deck = Deck::start(recording.home.path(), &[&args[..], more, &["--receipt", text(&receipt)]].concat());
        let mut client = client(&deck, &recording.home, protocol).await;
        let answers = perform(&mut client, &take).await;
        assert_eq!(answers[0].status, refused);
        for answer in answers {
            assert!(matches!(answer.status, 400 | 501), "{}", answer.status);
            take.assert_none_of_its_own_in("a refusal", &format!("{:?} {}", answer.headers, body(&answer)));
        }
        drop(client);
        let ended = deck.stopped();
        assert_eq!(ended.code, Some(1), "{}", last_lines(&ended.talk));
        take.assert_none_of_its_own_in("the log of the misses", &ended.talk);
        take.assert_none_of_its_own_in("the receipt of the misses", &fs::read_to_string(&receipt).unwrap());
    }
}

fn body(answer: &Response) -> String {
    String::from_utf8(answer.body.decoded().unwrap().to_vec()).unwrap()
}

fn last_lines(text: &str) -> &str {
    &text[text.len().saturating_sub(9000)..]
}

fn step(text: &str) -> Step {
    let (ask, answer) = text.split_once("\n---\n").unwrap();
    let (title, ask) = ask.split_once('\n').unwrap();
    let (first, ask) = ask.split_once('\n').unwrap();
    let (method, target) = first.split_once(' ').unwrap();
    let (headers, body) = message(ask);
    let answer = answer.split_once('\n').filter(|(status, _)| *status != "break").map(|(status, rest)| {
        let (headers, body) = message(rest);
        let headers: Headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let is_packed = headers.text("content-encoding").is_some();
        let mut answer = Response::new(status.parse().unwrap(), headers, body.clone());
        if is_packed {
            answer.body = Body::encoded(body, Coding::Gzip);
        }
        answer
    });
    Step { title: title.to_owned(), method: method.into(), target: target.into(), headers, body, answer }
}

fn message(text: &str) -> (Vec<(String, String)>, String) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let line = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
    (head.lines().map(line).collect(), body.trim_end().to_owned())
}

/// A template with its marks filled in, and what they were filled with.
fn filled(template: &str, take: u64) -> (String, BTreeSet<(String, String)>) {
    let mut parts = template.split('«');
    let mut text = parts.next().unwrap().to_owned();
    let mut canaries = BTreeSet::new();
    for part in parts {
        let (mark, rest) = part.split_once('»').unwrap();
        let (mark, form) = mark.split_once('|').unwrap_or((mark, ""));
        let value = canary(mark, take);
        text.push_str(&written(&value, form));
        text.push_str(rest);
        canaries.insert((mark.to_owned(), value));
    }
    (text, canaries)
}

fn written(value: &str, form: &str) -> String {
    match form {
        "json" => value.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect(),
        "percent" => value.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        "upper" => value.to_uppercase(),
        _ => value.to_owned(),
    }
}

fn canary(mark: &str, take: u64) -> String {
    let dice = Dice::new(take);
    let (class, number) = (mark.split(' ').next().unwrap(), dice.number(mark, 0));
    let letters = dice.hex32(mark, 1);
    match class {
        "xuid" => format!("{}{:014}", ["25", "28"][usize::try_from(number % 2).unwrap()], number % 100_000_000_000_000),
        "userhash" => format!("8{:018}", number % 1_000_000_000_000_000_000),
        "jwt" => format!("eyJhbGciOiJub25lIn0.eyJ{letters}.{}", hex(&dice.draw(mark, 2))),
        "gamertag" => format!("Nova{}{}", &letters[..4], number % 1000),
        "tag" => format!("Zoë {} {}", &letters[..5], number % 1000),
        "ipv4" => format!("81.{}.{}.{}", number % 256, (number >> 8) % 256, (number >> 16) % 250 + 1),
        "ipv6" => format!("2603:3023:{}:{}::{}", &letters[1..4], &letters[4..8], &letters[9..12]),
        "address" => format!("ryY{}{}==", letters, &letters[..7]),
        "device" => letters,
        "email" => format!("mia.{}@mail.contoso.com", &letters[..8]),
        "guid" => dice.guid(mark, 3),
        "signature" => format!("AAAAAQHb{letters}+/=="),
        "token" | "nonce" | "cookie" => format!("q{letters}"),
        other => panic!("no canaries of class {other}"),
    }
}

/// A text as it stands and with one to three layers of escapes undone, in lower case.
fn every_reading(text: &str) -> String {
    let mut readings = vec![text.to_owned()];
    for _ in 0..3 {
        readings.push(unescaped(readings.last().unwrap()));
    }
    readings.concat().to_lowercase()
}

fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let hex = |at: usize, digits: usize| {
        let digits = std::str::from_utf8(bytes.get(at..at + digits)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let percent = (bytes[at] == b'%').then(|| hex(at + 1, 2)).flatten();
        let unicode = bytes[at..].starts_with(b"\\u").then(|| hex(at + 2, 4)).flatten();
        match (percent, unicode.and_then(char::from_u32), bytes[at], bytes.get(at + 1)) {
            (Some(byte), ..) => out.push(u8::try_from(byte).unwrap()),
            (_, Some(char), ..) => out.extend(char.to_string().bytes()),
            (.., b'\\', Some(&next)) if b"\"\\/".contains(&next) => out.push(next),
            (.., byte, _) => out.push(byte),
        }
        at += match (percent, unicode, bytes[at], bytes.get(at + 1)) {
            (Some(_), ..) => 3,
            (_, Some(_), ..) => 6,
            (.., b'\\', Some(next)) if b"\"\\/".contains(next) => 2,
            _ => 1,
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}
