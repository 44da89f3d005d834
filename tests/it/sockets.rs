//! WebSockets through the deck: every byte as it was sent, and every message on record before it goes on.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::Uri;
use sha2::{Digest, Sha256};
use tapdeck::cassette::{Cassette, FrameRecord};
use tapdeck::client::{Io, Way};
use tapdeck::exchange::Outcome;
use tapdeck::intercept::Limits;
use tapdeck::message::Scheme;
use tapdeck::socket::{Message, Opcode, Sender};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{self, Error};

use crate::support::socket::{
    Far, KEY, RTA, SocketService, end, frame, head, library, masked_frame, open, opening, plain, receive,
    receive_frame, send,
};
use crate::support::{Proxy, Reaction, Service, Setup, json, raw};

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
        let mut far = library(far.io, Role::Server).await;
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
        assert!(matches!(client.next().await, None | Some(Err(Error::ConnectionClosed))));
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
    for (first, payload) in [(0x82, &binary[..]), (0x81, text.as_bytes()), (0x82, &long)] {
        for key in [Some(KEY), None] {
            let sent = frame(first, payload, key);
            let (from, to) = if key.is_some() { (&mut client, &mut far.io) } else { (&mut far.io, &mut client) };
            let ((), got) = tokio::join!(send(from, &sent), receive(to, sent.len()));
            assert!(got == sent);
        }
    }
    drop((client, far));
    let cassette = stage.recorded().await;
    let said = said(&cassette);
    let (binary, text) = (Message::new(Opcode::Binary, binary), Message::text(text));
    assert!(of(&said, Sender::Client)[..2] == [binary.clone(), text.clone()]);
    assert!(of(&said, Sender::Service)[..2] == [binary, text]);
    let lengthy = frames(&cassette)[4].what.body.clone().unwrap();
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
    tokio::io::AsyncWriteExt::shutdown(&mut far.io).await.unwrap();
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
    let limits = Limits { idle: Duration::from_millis(50), ..Limits::default() };
    let mut stage = Stage::with(limits).await;
    let (mut client, mut far) = stage.open().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
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
