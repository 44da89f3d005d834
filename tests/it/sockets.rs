//! WebSockets through the deck: every byte as it was sent, and every message on record before it goes on.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::Uri;
use sha2::{Digest, Sha256};
use tapdeck::cassette::{Cassette, FrameRecord};
use tapdeck::client::{Io, Way, reach};
use tapdeck::exchange::Outcome;
use tapdeck::intercept::Limits;
use tapdeck::message::Scheme;
use tapdeck::socket::{Message, Opcode, Sender};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::support::binary::{self, Deck};
use crate::support::socket::{
    Far, KEY, RTA, SocketService, end, frame, head, library, masked_frame, open, opening, plain, receive,
    receive_frame, send,
};
use crate::support::{Proxy, Reaction, Service, Setup, json, raw, sealed, text};

/// A recording proxy in front of a socket service.
struct Stage {
    service: SocketService,
    proxy: Proxy,
    home: TempDir,
}

impl Stage {
    async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    async fn with(limits: Limits) -> Self {
        let service = SocketService::start().await;
        let home = TempDir::new().unwrap();
        let setup = Setup { roots: Some(service.root.clone()), limits, ..Setup::leading_to(service.address) };
        let proxy = setup.recording(&home.path().join("s.cassette.jsonl")).start().await;
        Self { service, proxy, home }
    }

    /// Both ends of a new socket, come in by `CONNECT`.
    async fn open(&mut self) -> (Box<dyn Io>, Far) {
        let way = Way::Connect(self.proxy.root.clone());
        let mut client = self.proxy.reach(RTA, &way).await;
        open(&mut client, "/connect", "").await;
        (client, self.service.next().await)
    }

    /// Stops everything and reads the recording.
    async fn recorded(self) -> Cassette {
        self.proxy.close().await;
        Cassette::read(&self.home.path().join("s.cassette.jsonl")).unwrap()
    }
}

fn frames(cassette: &Cassette) -> Vec<&FrameRecord> {
    cassette.entries.iter().filter_map(|entry| entry.record.frame()).collect()
}

/// Who said what, in the order of the recording; nothing for a broken connection.
fn said(cassette: &Cassette) -> Vec<(Sender, Option<Message>)> {
    frames(cassette).into_iter().map(|frame| (frame.from, frame.what.message())).collect()
}

fn of(said: &[(Sender, Option<Message>)], from: Sender) -> Vec<Message> {
    said.iter().filter(|(sender, _)| *sender == from).filter_map(|(_, message)| message.clone()).collect()
}

fn fragmented(opcode: Opcode, pieces: &[&str]) -> Message {
    let fragments = pieces.iter().map(|piece| piece.len()).collect();
    Message { fragments, ..Message::new(opcode, pieces.concat()) }
}

#[tokio::test]
async fn a_socket_opens_by_every_way_in_and_keeps_what_was_offered() {
    for way in ["connect", "direct", "absolute", "absolute-ws", "reverse"] {
        let tls = !way.starts_with("absolute");
        let lines = "Sec-WebSocket-Protocol: rta.xboxlive.com.V2\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
        let mut service = SocketService::saying(tls, lines).await;
        let mut setup = Setup { roots: Some(service.root.clone()), ..Setup::leading_to(service.address) };
        setup.base = (way == "reverse").then(|| Uri::from_static("https://rta.xboxlive.com"));
        let proxy = setup.start().await;
        let root = proxy.root.clone();
        let (way, target) = match way {
            "connect" => (Way::Connect(root), "/connect".to_owned()),
            "direct" => (Way::Direct(root), "/connect".to_owned()),
            "absolute" => (Way::Absolute(Scheme::Http), format!("http://{RTA}/connect")),
            "absolute-ws" => (Way::Absolute(Scheme::Http), format!("ws://{RTA}/connect")),
            _ => (Way::Reverse, "/connect".to_owned()),
        };
        let mut client = proxy.reach(RTA, &way).await;
        let offered = "sec-websocket-PROTOCOL: rta.xboxlive.com.V2\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
        let answer = open(&mut client, &target, offered).await;
        let far = service.next().await;
        for kept in ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="] {
            assert!(far.head.contains(kept), "{way:?}: {}", far.head);
        }
        assert!(far.head.starts_with("GET /connect HTTP/1.1\r\n"), "{way:?}: {}", far.head);
        assert!(far.head.contains("sec-websocket-PROTOCOL: rta.xboxlive.com.V2"), "{way:?}: {}", far.head);
        assert!(answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
        assert!(answer.contains("Sec-WebSocket-Protocol: rta.xboxlive.com.V2"), "{answer}");
        assert!(!far.head.contains("xtensions") && !answer.contains("xtensions"), "{} {answer}", far.head);

        let mut client = library(client, Role::Client).await;
        let mut far = library(far.into_io(), Role::Server).await;
        client.send(tungstenite::Message::text("[1,0,\"a\"]")).await.unwrap();
        assert_eq!(far.next().await.unwrap().unwrap(), tungstenite::Message::text("[1,0,\"a\"]"));
        far.send(tungstenite::Message::binary(vec![0, 255])).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), tungstenite::Message::binary(vec![0, 255]));
        client.send(tungstenite::Message::Ping("hi".into())).await.unwrap();
        assert_eq!(far.next().await.unwrap().unwrap(), tungstenite::Message::Ping("hi".into()));
        far.flush().await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), tungstenite::Message::Pong("hi".into()));
        client.close(None).await.unwrap();
        assert!(matches!(far.next().await, Some(Ok(tungstenite::Message::Close(None)))));
        assert!(far.next().await.is_none());
        drop(far);
        assert!(matches!(client.next().await, Some(Ok(tungstenite::Message::Close(None)))));
        assert!(client.next().await.is_none_or(|end| end.is_err()));
    }
}

/// Frames of all kinds, also such as no peer should send, and the messages they carry.
fn everything(key: Option<[u8; 4]>) -> (Vec<Vec<u8>>, Vec<Message>) {
    let other_key = key.is_none().then_some(KEY);
    let frames = vec![
        frame(0x81, b"[1,0,\"https://sessiondirectory.xboxlive.com/connections/\"]", key),
        frame(0x81, b"[1,0,0,0,{ \"ConnectionId\":\"0fe81338-ee96-46e3-a3b5-2dbbd6c41c3b\" }]\r\n\0\0", key),
        frame(0x81, b"", key),
        frame(0x82, &[0, 1, 2, 253, 254, 255], key),
        frame(0x01, b"[3,", key),
        frame(0x89, b"are you there", key),
        frame(0x00, b"", key),
        frame(0x8a, b"", key),
        frame(0x80, b"0]", key),
        frame(0x83, b"reserved data", key),
        frame(0x8b, b"reserved control", key),
        frame(0xc1, b"a reserved bit", key),
        frame(0x81, b"\xff\xfe no text", key),
        frame(0x89, &[b'p'; 300], key),
        frame(0x80, b"of nothing", key),
        frame(0x81, b"masked the other way", other_key),
        frame(0x82, &[7; 70_000], key),
    ];
    let odd = |opcode, payload: &'static str| Message::new(Opcode::of(opcode), payload);
    let messages = vec![
        Message::text("[1,0,\"https://sessiondirectory.xboxlive.com/connections/\"]"),
        Message::text("[1,0,0,0,{ \"ConnectionId\":\"0fe81338-ee96-46e3-a3b5-2dbbd6c41c3b\" }]\r\n\0\0"),
        Message::text(""),
        Message::new(Opcode::Binary, vec![0, 1, 2, 253, 254, 255]),
        Message::new(Opcode::Ping, "are you there"),
        Message::new(Opcode::Pong, ""),
        fragmented(Opcode::Text, &["[3,", "", "0]"]),
        odd(3, "reserved data"),
        odd(11, "reserved control"),
        Message { reserved: 4, ..Message::text("a reserved bit") },
        Message::new(Opcode::Text, b"\xff\xfe no text".to_vec()),
        Message::new(Opcode::Ping, vec![b'p'; 300]),
        odd(0, "of nothing"),
        Message::text("masked the other way"),
        Message::new(Opcode::Binary, vec![7; 70_000]),
    ];
    (frames, messages)
}

#[tokio::test]
async fn every_frame_arrives_as_it_was_sent_and_is_on_record() {
    let mut stage = Stage::new().await;
    let (mut client, mut far) = stage.open().await;
    let ((up, asked), (down, told)) = (everything(Some(KEY)), everything(None));
    for (sent, answered) in up.iter().zip(&down) {
        send(&mut client, sent).await;
        assert_eq!(receive(&mut far.io, sent.len()).await, *sent);
        send(&mut far.io, answered).await;
        assert_eq!(receive(&mut client, answered.len()).await, *answered);
    }
    // And all at once, in pieces that end anywhere.
    for piece in up.concat().chunks(1009) {
        send(&mut client, piece).await;
    }
    assert_eq!(receive(&mut far.io, up.concat().len()).await, up.concat());
    send(&mut client, &masked_frame(&Message::close(1000))).await;
    receive_frame(&mut far.io).await;
    send(&mut far.io, &Message::close(1000).framed()).await;
    drop(far);
    assert_eq!(receive_frame(&mut client).await, Message::close(1000));
    drop(client);

    let cassette = stage.recorded().await;
    let opening = cassette.exchanges().next().unwrap();
    assert_eq!(
        (opening.op.as_str(), opening.response.status, opening.outcome),
        ("rta.connect", 101, Outcome::Answered)
    );
    assert!(frames(&cassette).iter().all(|frame| frame.socket == opening.asked && frame.lane == opening.lane));
    assert!(frames(&cassette).iter().all(|frame| frame.at > opening.answered && frame.cue.is_none()));
    let said = said(&cassette);
    let twice = [asked.clone(), asked, vec![Message::close(1000)]].concat();
    assert_eq!(of(&said, Sender::Client), twice);
    assert_eq!(of(&said, Sender::Service), [told, vec![Message::close(1000)]].concat());
    assert!(said.iter().all(|(_, message)| message.is_some()), "nothing broke");
}

#[tokio::test]
async fn messages_of_sixteen_megabytes_pass_and_longer_ones_leave_their_digest() {
    let limits = Limits { message: 20 << 20, ..Limits::default() };
    let mut stage = Stage::with(limits).await;
    let (mut client, mut far) = stage.open().await;
    let binary: Vec<u8> = (0_u32..16 << 20).map(|at| (at * 7 % 251) as u8).collect();
    let text = format!("[3,0,\"{}\"]", "n".repeat(16 << 20));
    let long = vec![9_u8; 21 << 20];
    for (first, payload, key) in
        [(0x82, &binary[..], Some(KEY)), (0x81, text.as_bytes(), None), (0x82, &long[..], Some(KEY))]
    {
        let sent = frame(first, payload, key);
        let (from, to) = if key.is_some() { (&mut client, &mut far.io) } else { (&mut far.io, &mut client) };
        let ((), got) = tokio::join!(send(from, &sent), receive(to, sent.len()));
        assert!(got == sent);
    }
    drop((client, far));
    let cassette = stage.recorded().await;
    let said = said(&cassette);
    assert!(said[0] == (Sender::Client, Some(Message::new(Opcode::Binary, binary))));
    assert!(said[1] == (Sender::Service, Some(Message::text(text))));
    let lengthy = frames(&cassette)[2].what.body.clone().unwrap();
    let withheld = lengthy.as_withheld().unwrap();
    let digest: String = Sha256::digest(&long).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((withheld.length, withheld.sha256.as_str()), (21 << 20, digest.as_str()));
}

#[tokio::test]
async fn every_close_code_passes() {
    let mut stage = Stage::new().await;
    let codes = (1000..=1014).chain([3000, 4999]).map(Some).chain([None]);
    let mut expected = Vec::new();
    for code in codes {
        let close = code.map_or_else(|| Message::new(Opcode::Close, ""), Message::close);
        let (mut client, mut far) = stage.open().await;
        send(&mut far.io, &close.framed()).await;
        assert_eq!(receive_frame(&mut client).await, close);
        send(&mut client, &masked_frame(&close)).await;
        assert_eq!(receive_frame(&mut far.io).await, close);
        drop(far);
        let _ = end(&mut client).await;
        expected.extend([(Sender::Service, Some(close.clone())), (Sender::Client, Some(close))]);
    }
    assert_eq!(said(&stage.recorded().await), expected);
}

#[tokio::test]
async fn a_connection_that_breaks_breaks_on_the_other_side_too() {
    let mut stage = Stage::new().await;
    let (mut client, far) = stage.open().await;
    far.reset();
    assert_eq!(end(&mut client).await, Err(std::io::ErrorKind::ConnectionReset));

    let (mut client, mut far) = stage.open().await;
    far.io.shutdown().await.unwrap();
    assert_eq!(end(&mut client).await, Ok(()));
    drop(client);
    let _ = end(&mut far.io).await;

    let (client, mut far) = stage.open().await;
    drop(client);
    assert!(end(&mut far.io).await.is_err_and(|kind| kind == std::io::ErrorKind::UnexpectedEof));

    let said = said(&stage.recorded().await);
    assert_eq!(said, [(Sender::Service, None), (Sender::Service, None), (Sender::Client, None)]);
}

#[tokio::test]
async fn a_client_that_resets_is_passed_on_as_that() {
    let mut service = SocketService::saying(false, "").await;
    let base = Some(Uri::try_from(format!("http://{}", service.address)).unwrap());
    let proxy = Setup { base, ..Setup::default() }.start().await;
    let mut client = plain(proxy.address).await;
    open(&mut client, "/connect", "").await;
    let mut far = service.next().await;
    client.set_zero_linger().unwrap();
    drop(client);
    assert_eq!(end(&mut far.io).await, Err(std::io::ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn what_looks_like_a_body_is_the_first_frames() {
    let mut stage = Stage::new().await;
    let first = masked_frame(&Message::text("[1,0,\"x\"]"));
    for (lines, early) in
        [("Content-Length: 7\r\n", true), ("Content-Length: 7\r\n", false), ("Content-Length: 0\r\n", true)]
    {
        let way = Way::Connect(stage.proxy.root.clone());
        let mut client = stage.proxy.reach(RTA, &way).await;
        let mut sent = opening("/connect", lines).into_bytes();
        if early {
            sent.extend_from_slice(&first);
        }
        send(&mut client, &sent).await;
        let answer = head(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        let mut far = stage.service.next().await;
        assert!(!far.head.to_lowercase().contains("content-length"), "{}", far.head);
        if !early {
            send(&mut client, &first).await;
        }
        assert_eq!(receive(&mut far.io, first.len()).await, first);
    }
}

#[tokio::test]
async fn an_answer_that_is_no_101_is_an_exchange_like_any_other() {
    let service = Service::start(|_| Reaction::Answer(json(401, "{\"why\":\"no token\"}"))).await;
    let home = TempDir::new().unwrap();
    let journal = home.path().join("s.cassette.jsonl");
    let proxy = Setup::before(&service).recording(&journal).reverse().start().await;
    let answer = raw(proxy.address, opening("/connect", "Content-Length: 3\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.ends_with("{\"why\":\"no token\"}"), "{answer}");
    proxy.close().await;
    let cassette = Cassette::read(&journal).unwrap();
    let kept: Vec<_> = cassette.exchanges().map(|http| (http.op.as_str(), http.response.status)).collect();
    assert_eq!(kept, [("rta.connect", 401)]);
    assert_eq!(cassette.exchanges().next().unwrap().response().body.wire(), "{\"why\":\"no token\"}");
}

#[tokio::test]
async fn silence_ends_no_socket_and_a_stop_closes_it() {
    let limits = Limits { idle: Duration::from_secs(1), ..Limits::default() };
    let mut stage = Stage::with(limits).await;
    let (mut client, mut far) = stage.open().await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    send(&mut far.io, &Message::text("[4]").framed()).await;
    assert_eq!(receive_frame(&mut client).await, Message::text("[4]"));
    stage.proxy.shutdown.drain.cancel();
    assert_eq!(receive_frame(&mut client).await, Message::close(1001));
    assert_eq!(receive_frame(&mut far.io).await, Message::close(1001));
    drop((client, far));
    assert_eq!(said(&stage.recorded().await), [(Sender::Service, Some(Message::text("[4]")))]);
}

#[tokio::test]
async fn a_socket_opened_with_a_nonce_is_its_fetchers() {
    let service = Service::start(|_| Reaction::Answer(json(200, "{\"nonce\":\"n-0001-nonce\"}"))).await;
    let home = TempDir::new().unwrap();
    let journal = home.path().join("s.cassette.jsonl");
    let proxy = Setup::before(&service).recording(&journal).reverse().start().await;
    let ask = |target: &str, user: &str| {
        let authorization =
            if user.is_empty() { String::new() } else { format!("Authorization: XBL3.0 x={user};t\r\n") };
        opening(target, &authorization)
    };
    let get =
        |target: &str, user: &str| ask(target, user).replace("Upgrade: websocket\r\n", "").replace("Upgrade", "close");
    raw(proxy.address, get("/connect", "7").as_bytes()).await;
    raw(proxy.address, get("/nonce", "8").as_bytes()).await;
    raw(proxy.address, ask("/connect?nonce=n-0001-nonce", "").replace(": Upgrade", ": Upgrade, close").as_bytes())
        .await;
    proxy.close().await;
    let cassette = Cassette::read(&journal).unwrap();
    let lanes: Vec<_> = cassette.exchanges().map(|http| (http.op.as_str(), http.lane.as_str())).collect();
    assert_eq!(lanes, [("rta.connect", "lane-1"), ("rta.nonce", "lane-2"), ("rta.connect", "lane-2")]);
    assert!(!std::fs::read_to_string(&journal).unwrap().contains("n-0001"), "the nonce is kept");
}

#[tokio::test]
async fn a_socket_of_somebody_else_passes_untouched() {
    let lines = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let mut service = SocketService::saying(false, lines).await;
    let proxy = Setup::relaying(service.address).start().await;
    let mut client = plain(proxy.address).await;
    let answer = open(&mut client, "http://plain.test/chat", lines).await;
    let mut far = service.next().await;
    assert!(far.head.starts_with("GET /chat HTTP/1.1\r\n"), "{}", far.head);
    assert!(answer.contains("permessage-deflate") && far.head.contains("permessage-deflate"), "{answer}{}", far.head);
    let odd = [0xff; 40];
    send(&mut client, &odd).await;
    assert_eq!(receive(&mut far.io, 40).await, odd);
    send(&mut far.io, &odd).await;
    assert_eq!(receive(&mut client, 40).await, odd);
}

#[tokio::test]
async fn over_http_2_nothing_is_upgraded() {
    let service = Service::start(|_| Reaction::Answer(json(200, "{}"))).await;
    let proxy = Setup::before(&service).start().await;
    let mut client = proxy.client(tapdeck::exchange::Protocol::H2).await;
    let version = [("sec-websocket-version", "13")];
    assert_eq!(client.send("GET", "/connect", &version, b"").await.unwrap().status, 200);
    let asked = client.send("CONNECT", "/connect", &[], b"").await;
    assert!(asked.map_or(true, |answer| answer.status >= 400));
    assert_eq!(service.seen().len(), 1);
}

const AUTHORIZED: &str = "Authorization: XBL3.0 x=77;token-of-nobody\r\nSec-WebSocket-Protocol: echo-protocol, x\r\n";
const SESSION: &str = "/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/lobby/sessions/s1";

/// A client that subscribes, writes, is tapped, pings and leaves: what it was told, but for the ids.
pub(crate) async fn a_visit(proxy: &Proxy) -> Vec<Message> {
    let way = Way::Connect(proxy.root.clone());
    let mut client = proxy.reach(RTA, &way).await;
    let answer = open(&mut client, "/connect", AUTHORIZED).await;
    assert!(answer.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{answer}");
    assert!(answer.contains("sec-websocket-protocol: echo-protocol\r\n"), "{answer}");
    let subscribe = "[1,0,\"https://sessiondirectory.xboxlive.com/connections/\"]";
    send(&mut client, &frame(0x01, &subscribe.as_bytes()[..9], Some(KEY))).await;
    send(&mut client, &frame(0x89, b"between", Some(KEY))).await;
    let mut heard = vec![receive_frame(&mut client).await];
    assert_eq!(heard[0], Message::new(Opcode::Pong, "between"));
    send(&mut client, &frame(0x80, format!("{}\r\n\0", &subscribe[9..]).as_bytes(), Some(KEY))).await;
    heard.push(receive_frame(&mut client).await);
    let told = heard[1].as_text().unwrap().to_owned();
    assert!(told.starts_with("[1,0,0,0,"), "{told}");
    let connection = told.split('"').nth(3).unwrap();
    let body = format!(
        r#"{{"members":{{"me":{{"constants":{{"system":{{"xuid":"2814000000000001","initialize":false}}}},"properties":{{"system":{{"active":true,"connection":"{connection}","subscription":{{"id":"17a13f76-1ba5-44a5-92c9-5c22196ddbc4","changeTypes":["everything"]}}}}}}}}}}}}"#
    );
    let headers = [
        ("authorization", "XBL3.0 x=77;token-of-nobody"),
        ("x-xbl-contract-version", "107"),
        ("content-type", "application/json"),
    ];
    let mut http = proxy.client(tapdeck::exchange::Protocol::H2).await;
    let written = http.send("PUT", SESSION, &headers, body.as_bytes()).await.unwrap();
    assert_eq!(written.status, 201, "{:?}", written.body);
    heard.push(receive_frame(&mut client).await);
    let tapped = heard[2].as_text().unwrap();
    assert!(tapped.starts_with("[3,0,") && tapped.contains("17a13f76-1ba5-44a5-92c9-5c22196ddbc4"), "{tapped}");
    send(&mut client, &masked_frame(&Message::close(1000))).await;
    heard.push(receive_frame(&mut client).await);
    assert_eq!(heard[3], Message::close(1000));
    assert_eq!(end(&mut client).await, Ok(()));
    heard
}

#[tokio::test]
async fn the_emulator_speaks_on_a_socket_and_its_recording_says_the_same_again() {
    let home = TempDir::new().unwrap();
    let journal = home.path().join("s.cassette.jsonl");
    let proxy = Setup::emulating().recording(&journal).start().await;
    let heard = a_visit(&proxy).await;
    proxy.close().await;
    let cassette = Cassette::read(&journal).unwrap();
    let said = said(&cassette);
    assert_eq!(of(&said, Sender::Service), heard);
    let opcodes: Vec<_> = of(&said, Sender::Client).into_iter().map(|message| message.opcode).collect();
    assert_eq!(opcodes, [Opcode::Ping, Opcode::Text, Opcode::Close]);
    let put = cassette.exchanges().find(|http| http.op == "session.put").unwrap();
    let tap = frames(&cassette).into_iter().rfind(|frame| frame.what.opcode == Some(Opcode::Text)).unwrap();
    assert!(tap.at > put.answered, "the tap comes behind its cause");

    let replaying = Setup::replaying(&sealed(&journal), tapdeck::replay::Options::default()).start().await;
    assert_eq!(a_visit(&replaying).await, heard);
}

#[tokio::test]
async fn who_does_not_keep_to_the_protocol_is_told_so() {
    let limits = Limits { message: 1000, ..Limits::default() };
    let proxy = Setup { limits, ..Setup::emulating() }.reverse().start().await;
    let cases: [(Vec<u8>, u16); 9] = [
        (frame(0x83, b"", Some(KEY)), 1002),
        (frame(0x8b, b"", Some(KEY)), 1002),
        (frame(0xc1, b"", Some(KEY)), 1002),
        (frame(0x80, b"", Some(KEY)), 1002),
        (frame(0x89, &[0; 126], Some(KEY)), 1002),
        (frame(0x88, b"\x03", Some(KEY)), 1002),
        (frame(0x88, b"\x03\xed", Some(KEY)), 1002),
        (frame(0x81, b"\xff", Some(KEY)), 1007),
        (frame(0x82, &[0; 1001], Some(KEY)), 1009),
    ];
    for (sent, code) in cases {
        let mut client = plain(proxy.address).await;
        open(&mut client, "/connect", AUTHORIZED).await;
        send(&mut client, &sent).await;
        assert_eq!(receive_frame(&mut client).await, Message::close(code));
        assert_eq!(end(&mut client).await, Ok(()));
    }
    let old = opening("/connect", AUTHORIZED).replace("Version: 13", "Version: 8");
    let answer = raw(proxy.address, old.replace(": Upgrade", ": Upgrade, close").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 426 ") && answer.contains("sec-websocket-version: 13"), "{answer}");
}

#[tokio::test]
async fn who_takes_nothing_is_let_go() {
    let limits = Limits { idle: Duration::from_millis(50), ..Limits::default() };
    let proxy = Setup { limits, ..Setup::emulating() }.reverse().start().await;
    let mut client = plain(proxy.address).await;
    open(&mut client, "/connect", AUTHORIZED).await;
    let pings = frame(0x89, &[7; 125], Some(KEY)).repeat(100);
    while client.write_all(&pings).await.is_ok() {}
}

/// A deck that records sockets of a service, with some limit of the shell's.
fn recording(home: &Path, service: &SocketService, limit: &str) -> (Deck, PathBuf) {
    let cassette = home.join("s.cassette.json");
    let mut command = Command::new("bash");
    let script = format!("{limit}exec \"$0\" \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_tapdeck"), "record", text(&cassette), "--listen", "127.0.0.1:0"]);
    command.args(["--resolve", &format!("{RTA}={}", service.address), "--upstream-ca", text(&service.root)]);
    command.args(["--log-level", "trace"]).env("TAPDECK_HOME", home);
    (Deck::of(command), cassette)
}

/// Sends numbered messages until none comes through any more; those that did.
async fn delivered(deck: &mut Deck, home: &Path, service: &mut SocketService, kill_at: usize) -> Vec<Message> {
    let root = std::fs::read_to_string(home.join("ca/cert.pem")).unwrap();
    let mut client = reach(deck.address, RTA, &Way::Connect(root)).await.unwrap();
    open(&mut client, "/connect", "").await;
    let mut far = service.next().await;
    let mut delivered = Vec::new();
    for number in 0..1000 {
        let message = Message::text(format!("[3,{number},\"{}\"]", "x".repeat(400)));
        let sent = masked_frame(&message);
        if client.write_all(&sent).await.is_err() || client.flush().await.is_err() {
            break;
        }
        let mut got = vec![0; sent.len()];
        if far.io.read_exact(&mut got).await.is_err() {
            break;
        }
        delivered.push(message);
        if delivered.len() == kill_at {
            deck.kill();
        }
    }
    delivered
}

#[tokio::test]
async fn no_delivered_message_is_lost_to_a_kill_or_a_full_disk() {
    for (limit, kill_at, code) in [("", 25, None), ("trap '' XFSZ; ulimit -f 24; ", usize::MAX, Some(3))] {
        let home = TempDir::new().unwrap();
        let mut service = SocketService::start().await;
        let (mut deck, cassette) = recording(home.path(), &service, limit);
        let delivered = delivered(&mut deck, home.path(), &mut service, kill_at).await;
        let ended = deck.ended();
        assert_eq!(ended.code, code);
        assert!(delivered.len() > 10 && delivered.len() < 1000, "{}", delivered.len());
        let fsck = binary::run(home.path(), &["cassette", "fsck", text(&cassette.with_extension("jsonl"))]);
        assert_eq!(fsck.code, Some(0), "{}", fsck.talk);
        let said = said(&Cassette::read(&cassette).unwrap());
        assert_eq!(of(&said, Sender::Client)[..delivered.len()], delivered);
    }
}

#[tokio::test]
async fn nothing_of_a_person_is_kept_of_what_sockets_say() {
    let home = TempDir::new().unwrap();
    let mut service = SocketService::start().await;
    let (deck, cassette) = recording(home.path(), &service, "");
    let root = std::fs::read_to_string(home.path().join("ca/cert.pem")).unwrap();
    let mut client = reach(deck.address, RTA, &Way::Connect(root)).await.unwrap();
    open(&mut client, "/connect?nonce=qnonce1234567", "Authorization: XBL3.0 x=8123456789012345;qtoken7654321\r\n")
        .await;
    let mut far = service.next().await;
    let canaries = [
        "2533274790395904",
        "7318530717",
        "Zoe Leaks 7",
        "zoe leaks 7",
        "eyJhbGciOiJub25lIn0",
        "8123456789012345",
        "qtoken7654321",
        "qnonce1234567",
        "81.2.33.44",
        "mia@mail.contoso.com",
    ];
    let messages = [
        Message::text("early: Zoe Leaks 7"),
        Message::text(r#"[1,0,"https://social.xboxlive.com/users/xuid(7318530717)/friends"]"#),
        Message::text("[1,1,\"https://userpresence.xboxlive.com/users/xuid(2533274790395904)/devices\"]\n\0"),
        Message::text(
            r#"[3,0,{"invitedXuid":"2533274790395904","inviteInfo":{"senderModernGamertag":"Zoe Leaks 7"}}]"#,
        ),
        Message::new(Opcode::Binary, "{\"a\":\"by zoe leaks 7 at 81.2.33.44\"}"),
        Message::new(Opcode::Ping, "XBL3.0 x=8123456789012345;qtoken7654321"),
        Message::new(Opcode::Other(3), "eyJhbGciOiJub25lIn0.abcdefgh"),
        Message::new(Opcode::Binary, b"\xff\xfe mia@mail.contoso.com".to_vec()),
        Message::new(Opcode::Close, b"\x03\xe8bye 2533274790395904".to_vec()),
    ];
    for message in &messages {
        let sent = masked_frame(message);
        send(&mut client, &sent).await;
        assert_eq!(receive(&mut far.io, sent.len()).await, sent);
    }
    let journal = std::fs::read_to_string(cassette.with_extension("jsonl")).unwrap();
    drop((client, far));
    let ended = deck.stopped();
    assert_eq!(ended.code, Some(5), "one message holds what cannot be taken out: {}", ended.talk);
    let sealed = std::fs::read_to_string(&cassette).unwrap();
    // The first message was written before anyone said that this is a name.
    let late = ["Zoe Leaks 7", "zoe leaks 7"];
    for canary in canaries {
        assert!(late.contains(&canary) || !journal.contains(canary), "{canary} in the journal");
        assert!(!sealed.contains(canary), "{canary} in the cassette");
        assert!(!ended.talk.contains(canary), "{canary} in the log");
    }
    assert_eq!(
        sealed.matches("\"kind\": \"frame\"").count().max(sealed.matches("\"kind\":\"frame\"").count()),
        messages.len()
    );
}
