//! Sockets played to clients that do not do exactly as recorded.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use crate::cassette::sample::scene::{CONNECTIONS, Scene, call, session, tap};
use crate::cassette::{Cassette, Cue, FrameRecord, Record, What, seal};
use crate::exchange::{Call, Protocol};
use crate::message::{Request, Response};
use crate::mpsd::Service;
use crate::replay::{Live, Options, Played, Player, Tape, verify};
use crate::socket::{Lost, Message, Opcode, Sender, SocketId};

const HOST_ID: &str = "ca000000-0000-4000-8000-00000000000a";
const GUEST_ID: &str = "cb000000-0000-4000-8000-00000000000b";
const HOST_SUB: &str = "5a000000-0000-4000-8000-00000000000a";
const GUEST_SUB: &str = "5b000000-0000-4000-8000-00000000000b";

/// What a client writes: a number that tells the write from others, and where it wants to be told of changes.
fn write(who: &str, n: u64, connection: &str, subscription: &str) -> Request {
    let system = format!(r#"{{"connection":"{connection}","subscription":{{"id":"{subscription}"}}}}"#);
    let me = format!(r#"{{"me":{{"properties":{{"system":{system}}}}}}}"#);
    call(who, "PUT", &session("Room"), &format!(r#"{{"properties":{{"custom":{{"n":{n}}}}},"members":{me}}}"#))
}

fn host_write(who: &str, n: u64) -> Request {
    write(who, n, HOST_ID, HOST_SUB)
}

fn guest_write(who: &str, n: u64) -> Request {
    write(who, n, GUEST_ID, GUEST_SUB)
}

fn read(who: &str) -> Request {
    call(who, "GET", &session("Room"), "")
}

/// A host makes a session, a guest joins it, the host writes again, and both look.
fn lobby() -> Scene {
    let mut scene = Scene::default();
    let host = scene.open("a");
    scene.subscribes(host, 1, HOST_ID);
    scene.shows("a", &host_write("a", 1), 1);
    scene.told(host, &tap(0, "room", 1, HOST_SUB));
    let guest = scene.open("b");
    scene.subscribes(guest, 0, GUEST_ID);
    scene.shows("b", &guest_write("b", 2), 2);
    scene.told(host, &tap(0, "room", 2, HOST_SUB));
    scene.told(guest, &tap(0, "room", 2, GUEST_SUB));
    scene.shows("a", &host_write("a", 3), 3);
    scene.told(guest, &tap(0, "room", 3, GUEST_SUB));
    scene.told(host, &tap(0, "room", 3, HOST_SUB));
    scene.shows("b", &read("b"), 3);
    scene.shows("a", &read("a"), 3);
    scene
}

fn sealed(scene: Scene) -> Cassette {
    Cassette::parse(std::path::Path::new("x"), &seal::seal(&scene.cassette()).unwrap()).unwrap()
}

/// A cassette being played.
struct Deck(Player);

impl Deck {
    fn new(scene: Scene, live: Live) -> Self {
        let cassette = sealed(scene);
        assert_eq!(verify(&cassette), []);
        Self(Player::new(Tape::of(&cassette), Options { live, ..Options::default() }))
    }

    fn ask(&self, request: Request) -> (Response, Played) {
        let call = Self::call(request);
        self.0.answer(&call, &call)
    }

    fn plays(&self, request: Request) {
        let (_, played) = self.ask(request);
        assert!(!matches!(played, Played::Miss(_)), "{played:?}");
    }

    fn open(&self, who: &str) -> SocketId {
        let call = Self::call(call(who, "GET", "/connect", ""));
        let (response, played, socket) = self.0.open(&call, &call);
        assert_eq!(response.status, 101, "{played:?}");
        socket.unwrap()
    }

    fn call(request: Request) -> Call {
        let service = Service::of_host(request.host()).unwrap();
        Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Protocol::H1, service, request)
    }

    fn say(&self, socket: SocketId, text: &str) -> Vec<String> {
        let message = Message::text(text);
        self.0.hear(socket, &message, &message);
        self.heard(socket)
    }

    fn subscribe(&self, socket: SocketId, seq: u64) -> Vec<String> {
        self.say(socket, &format!(r#"[1,{seq},"{CONNECTIONS}"]"#))
    }

    fn heard(&self, socket: SocketId) -> Vec<String> {
        std::iter::from_fn(|| self.0.next(socket))
            .map(|message| message.as_text().unwrap_or_default().to_owned())
            .collect()
    }
}

fn reply(seq: u64, connection: &str) -> String {
    format!(r#"[1,{seq},0,0,{{ "ConnectionId":"{connection}" }}]"#)
}

#[test]
fn a_single_live_client_gets_the_taps_of_what_the_others_did() {
    let deck = Deck::new(lobby(), Live::One);
    let socket = deck.open("9");
    assert_eq!(deck.subscribe(socket, 7), [reply(7, HOST_ID)]);
    deck.plays(host_write("9", 1));
    assert_eq!(deck.0.released(), [socket]);
    assert_eq!(deck.heard(socket), [tap(0, "room", 1, HOST_SUB), tap(0, "room", 2, HOST_SUB)]);
    deck.plays(host_write("9", 3));
    assert_eq!(deck.heard(socket), [tap(0, "room", 3, HOST_SUB)]);
    assert_eq!(deck.0.released(), [socket]);
    deck.plays(read("9"));
    assert!(deck.heard(socket).is_empty() && deck.0.released().is_empty());
    assert_eq!((deck.0.tally().messages, deck.0.tally().misses), (4, 0));
}

#[test]
fn no_tap_precedes_its_cause_when_all_are_live() {
    let deck = Deck::new(lobby(), Live::All);
    let host = deck.open("8");
    let guest = deck.open("9");
    // Nobody knows yet who is who: each is given an id of its own.
    assert_eq!(deck.subscribe(guest, 1), [reply(1, HOST_ID)]);
    assert_eq!(deck.subscribe(host, 1), [reply(1, GUEST_ID)]);
    deck.plays(write("8", 1, GUEST_ID, HOST_SUB));
    assert_eq!(deck.heard(host), [tap(0, "room", 1, HOST_SUB)]);
    assert!(deck.heard(guest).is_empty());
    deck.plays(write("9", 2, HOST_ID, GUEST_SUB));
    assert_eq!(deck.heard(host), [tap(0, "room", 2, HOST_SUB)]);
    assert_eq!(deck.heard(guest), [tap(0, "room", 2, GUEST_SUB)]);
    deck.plays(read("9"));
    assert!(deck.heard(guest).is_empty(), "the guest looks before the host has written");
    deck.plays(write("8", 3, GUEST_ID, HOST_SUB));
    assert_eq!(deck.heard(host), [tap(0, "room", 3, HOST_SUB)]);
    assert_eq!(deck.heard(guest), [tap(0, "room", 3, GUEST_SUB)]);
    assert_eq!(deck.0.tally().misses, 0);
}

#[test]
fn the_guest_alone_is_told_of_what_the_host_does_once_it_has_joined() {
    let deck = Deck::new(lobby(), Live::Only(BTreeSet::from(["b".to_owned()])));
    let socket = deck.open("9");
    deck.0.released();
    assert_eq!(deck.subscribe(socket, 0), [reply(0, GUEST_ID)]);
    deck.plays(write("9", 2, GUEST_ID, "5b000000-0000-4000-8000-0000000000FF"));
    let own = "5b000000-0000-4000-8000-0000000000ff";
    assert_eq!(deck.heard(socket), [tap(0, "room", 2, own), tap(0, "room", 3, own)]);
}

#[test]
fn a_client_that_reconnects_early_or_late_gets_each_tap_once() {
    let deck = Deck::new(lobby(), Live::All);
    let first = deck.open("9");
    deck.subscribe(first, 1);
    deck.plays(host_write("9", 1));
    // The tap was released, and not sent before the socket was lost.
    assert!(deck.0.lose(first, Lost::Broken).is_empty());
    assert!(deck.heard(first).is_empty());
    let second = deck.open("9");
    assert!(deck.heard(second).is_empty(), "it has not subscribed yet");
    assert_eq!(deck.subscribe(second, 2), [reply(2, HOST_ID), tap(0, "room", 1, HOST_SUB)]);
    assert_eq!(deck.subscribe(second, 3), [reply(3, HOST_ID)]);
    assert_eq!(deck.0.tally().misses, 0);
}

/// A client reconnects, and subscribes to more.
fn reconnected() -> Scene {
    let mut scene = Scene::default();
    let one = scene.open("a");
    scene.says(one, "[1, 0, \"https://x/users/xuid(1)/friends\"]\0\0\0");
    scene.told(one, "[1,0,0,0,null]");
    scene.says(one, &format!(r#"[1,1,"{CONNECTIONS}"]"#));
    scene.told(one, &reply(1, HOST_ID).replace(",0,0,{", ",0,1,{"));
    scene.shows("a", &host_write("a", 1), 1);
    scene.told(one, &tap(1, "room", 1, HOST_SUB));
    scene.message(one, Sender::Client, &Message::close(1000));
    scene.message(one, Sender::Service, &Message::close(1000));
    let two = scene.open("a");
    scene.subscribes(two, 0, GUEST_ID);
    scene.shows("a", &write("a", 2, GUEST_ID, HOST_SUB), 2);
    scene.told(two, &tap(0, "room", 2, HOST_SUB));
    scene.says(two, r#"[1,9,"https://x/presence"]"#);
    scene.told(two, r#"[1,9,0,1,"online"]"#);
    scene.says(two, "[2,5,0]");
    scene.told(two, "[2,5,0]");
    scene
}

#[test]
fn a_client_may_subscribe_in_another_order_and_never_reconnect() {
    let deck = Deck::new(reconnected(), Live::One);
    let socket = deck.open("9");
    assert_eq!(deck.subscribe(socket, 0), [reply(0, HOST_ID).replace(",0,0,{", ",0,1,{")]);
    assert_eq!(deck.say(socket, "[1,1,\"https://x/users/xuid(1)/friends\"]"), ["[1,1,0,0,null]"]);
    // Each recorded socket counted for itself, and number 1 is taken on this one.
    assert_eq!(deck.say(socket, "[1, 2, \"https://x/presence\"]\n"), [r#"[1,2,0,2,"online"]"#]);
    deck.plays(host_write("9", 1));
    assert_eq!(deck.heard(socket), [tap(1, "room", 1, HOST_SUB)]);
    deck.plays(write("9", 2, GUEST_ID, HOST_SUB));
    assert_eq!(deck.heard(socket), [tap(1, "room", 2, HOST_SUB)]);
    assert_eq!(deck.say(socket, "[2,9,1]"), ["[2,9,0]"]);
    assert_eq!(deck.say(socket, "[2,10,1]"), ["[2,10,1]"]);
    assert_eq!((deck.0.missed().len(), deck.0.tally().misses), (1, 1));
}

#[test]
fn a_late_subscription_gets_what_has_waited_for_it() {
    let deck = Deck::new(lobby(), Live::One);
    let socket = deck.open("9");
    deck.plays(host_write("9", 1));
    deck.plays(host_write("9", 3));
    assert!(deck.heard(socket).is_empty());
    let told = deck.subscribe(socket, 0);
    let taps = [1, 2, 3].map(|number| tap(0, "room", number, HOST_SUB));
    assert_eq!(told, [vec![reply(0, HOST_ID)], taps.to_vec()].concat());
}

#[test]
fn fresh_names_and_ids_stand_in_taps_in_lower_case() {
    let deck = Deck::new(lobby(), Live::One);
    let socket = deck.open("9");
    deck.subscribe(socket, 0);
    let live = "5F000000-0000-4000-8000-0000000000AB";
    let mut request = write("9", 1, HOST_ID, live);
    request.target = session("Fresh-B");
    deck.plays(request);
    let own = live.to_lowercase();
    assert_eq!(deck.heard(socket), [tap(0, "fresh-b", 1, &own), tap(0, "fresh-b", 2, &own)]);
}

#[test]
fn resources_and_invitations_name_the_live_people() {
    let uri = |xuid: &str| format!("[1,0,\"https://notify.xboxlive.com/users/xuid({xuid})/titleId/1\"]");
    let invite = |xuid: &str, tag: &str| format!(r#"[3,0,{{"id":"h1","invitedXuid":"{xuid}","gamertag":"{tag}"}}]"#);
    let mut scene = Scene::default();
    let socket = scene.open("a");
    scene.says(socket, &uri("9000000000000001"));
    scene.told(socket, "[1,0,0,0,null]");
    scene.open("b");
    scene.call("b", &call("b", "POST", "/handles", "{}"), 201, r#"{"id":"h1"}"#);
    scene.told(socket, &invite("9000000000000001", "Player9001"));
    let mut cassette = scene.cassette();
    cassette.aliases.insert("xuid".into(), vec!["9000000000000001".into()]);
    cassette.aliases.insert("gamertag".into(), vec!["Player9001".into()]);
    let cassette = Cassette::parse(std::path::Path::new("x"), &seal::seal(&cassette).unwrap()).unwrap();
    assert_eq!(verify(&cassette), []);
    let deck = Deck(Player::new(Tape::of(&cassette), Options::default()));
    let socket = deck.open("9");
    let live = "2814000000000077";
    assert_eq!(deck.say(socket, &uri(live)), ["[1,0,0,0,null]".to_owned(), invite(live, "Player9001")]);
}

#[test]
fn several_taps_in_one_event_wait_for_the_latest_cause() {
    let mut scene = Scene::default();
    let socket = scene.open("a");
    scene.subscribes(socket, 0, HOST_ID);
    scene.open("b");
    scene.shows("a", &host_write("a", 1), 1);
    scene.shows("b", &guest_write("b", 2), 2);
    let both = tap(0, "room", 1, HOST_SUB);
    let second = tap(0, "room", 2, HOST_SUB);
    let second = second.split_once("Taps\":[").unwrap().1;
    let both = format!("{},{second}", both.strip_suffix("]}]").unwrap());
    scene.told(socket, &both);
    let deck = Deck::new(scene, Live::All);
    let socket = deck.open("8");
    deck.open("9");
    deck.subscribe(socket, 0);
    deck.plays(host_write("8", 1));
    assert!(deck.heard(socket).is_empty());
    deck.plays(guest_write("9", 2));
    assert_eq!(deck.heard(socket), [both]);
}

#[test]
fn what_was_never_said_is_refused_and_told() {
    let deck = Deck::new(lobby(), Live::One);
    let socket = deck.open("9");
    assert_eq!(deck.say(socket, r#"[1,3,"https://x/unknown"]"#), ["[1,3,1]"]);
    assert!(deck.say(socket, "[9,{}]").is_empty());
    assert!(deck.say(socket, "not json").is_empty());
    let misses: Vec<String> = deck.0.missed().into_iter().map(|miss| miss.call).collect();
    assert_eq!(misses, ["subscribe https://x/unknown", "a message on a socket", "a message on a socket"]);
    assert_eq!(deck.0.tally().misses, 3);
    assert_eq!(deck.subscribe(socket, 4), [reply(4, HOST_ID)]);
    let ping = Message::new(Opcode::Ping, "x");
    assert!(deck.0.hear(socket, &ping, &ping).is_empty());
    assert!(deck.0.hear(SocketId(99), &ping, &ping).is_empty() && deck.0.next(SocketId(99)).is_none());
}

#[test]
fn other_messages_are_known_in_order_and_the_service_s_end_comes_last() {
    let mut scene = Scene::default();
    let socket = scene.open("a");
    scene.says(socket, r#"{"hello":1}"#);
    scene.told(socket, r#"{"welcome":1}"#);
    scene.message(socket, Sender::Service, &Message::new(Opcode::Pong, ""));
    scene.message(socket, Sender::Client, &Message::new(Opcode::Binary, vec![0, 255]));
    scene.told(socket, "bytes");
    scene.shows("a", &host_write("a", 1), 1);
    scene.message(socket, Sender::Service, &Message::close(4000));
    let deck = Deck::new(scene, Live::One);
    let live = deck.open("9");
    deck.plays(host_write("9", 1));
    // The write comes after all that was said, and what was said comes before the end.
    let expected = [Message::text(r#"{"welcome":1}"#), Message::new(Opcode::Pong, ""), Message::text("bytes")];
    assert_eq!(expected.map(Some), [(); 3].map(|()| deck.0.next(live)));
    for message in [Message::text(r#"{"hello":1}"#), Message::new(Opcode::Binary, vec![0, 255])] {
        assert_eq!(deck.0.next(live), None);
        deck.0.hear(live, &message, &message);
    }
    assert_eq!((deck.0.next(live), deck.0.is_broken(live)), (Some(Message::close(4000)), false));
}

#[test]
fn a_thousand_sockets_are_played_in_good_time() {
    let mut scene = Scene::default();
    let sockets: Vec<u64> = (0..1000).map(|n| scene.open(&format!("u{n}"))).collect();
    for (n, socket) in sockets.iter().enumerate() {
        scene.subscribes(*socket, 0, &format!("cc000000-0000-4000-8000-{n:012}"));
    }
    for number in 1..4 {
        scene.shows("u0", &host_write("u0", number), number);
        for socket in &sockets {
            scene.told(*socket, &tap(0, "room", number, HOST_SUB));
        }
    }
    assert_eq!(verify(&sealed(scene)), []);
}

/// A message of a recording that anyone may have written.
fn hostile((socket, after, text, cue, is_service): (u64, u64, usize, Option<(u64, usize)>, bool)) -> Record {
    let tap = tap(0, "room", 1, HOST_SUB);
    let texts =
        [r#"[1,0,"x"]"#, "[1,0,0,0,null]", "[2,0,0]", "[3,0,null]", "[3,9,{}]", "x", "", "[1]", "[1,-1,{}]", &tap];
    let cue = cue.map(|(at, kind)| [Cue::Answers(at), Cue::CausedBy(at), Cue::Follows(at)][kind]);
    let from = if is_service { Sender::Service } else { Sender::Client };
    let what = match text {
        10 => What::broken(),
        11 => What::of(&Message::close(1000)),
        text => What::of(&Message::text(texts[text])),
    };
    Record::Frame(Box::new(FrameRecord { lane: "a".into(), socket, from, at: socket + after, cue, what, timing: None }))
}

proptest! {
    #[test]
    fn no_recording_of_sockets_upsets_the_player(
        frames in proptest::collection::vec(
            (1..9_u64, 1..30_u64, 0..12_usize, proptest::option::of((0..40_u64, 0..3_usize)), any::<bool>()),
            0..20,
        ),
        said in proptest::collection::vec(0..7_usize, 0..12),
    ) {
        let mut scene = Scene::default();
        scene.open("a");
        scene.open("b");
        scene.shows("b", &host_write("b", 1), 1);
        scene.open("a");
        scene.shows("a", &host_write("a", 2), 2);
        scene.records.extend(frames.into_iter().map(hostile));
        let cassette = scene.cassette();
        let _ = verify(&cassette);
        let deck = Deck(Player::new(Tape::of(&cassette), Options::default()));
        let socket = deck.open("9");
        for word in said {
            match word {
                0 => deck.plays(host_write("9", 2)),
                1 => drop(deck.0.lose(socket, Lost::Broken)),
                word => {
                    deck.say(socket, [r#"[1,0,"x"]"#, "[2,5,0]", "[2,5,9]", "x", "[1]"][word - 2]);
                }
            }
            let _ = deck.0.is_broken(socket);
        }
    }
}

#[test]
fn a_long_recording_with_taps_is_played_in_good_time() {
    let mut scene = Scene::default();
    let sockets = ["a", "b"].map(|lane| scene.open(lane));
    for (socket, id) in sockets.iter().zip([HOST_ID, GUEST_ID]) {
        scene.subscribes(*socket, 0, id);
    }
    for number in 1..1500 {
        scene.shows("a", &host_write("a", number), number);
        for (socket, sub) in sockets.iter().zip([HOST_SUB, GUEST_SUB]) {
            scene.told(*socket, &tap(0, "room", number, sub));
        }
    }
    assert_eq!(verify(&sealed(scene)), []);
}

/// A host that looks after each thing the guest writes, the first time thrice.
fn watched() -> Scene {
    let mut scene = Scene::default();
    let host = scene.open("a");
    scene.subscribes(host, 1, HOST_ID);
    scene.shows("a", &host_write("a", 1), 1);
    scene.told(host, &tap(0, "room", 1, HOST_SUB));
    for (number, looks) in [(2, 3), (3, 1), (4, 1)] {
        scene.shows("b", &guest_write("b", number), number);
        scene.told(host, &tap(0, "room", number, HOST_SUB));
        for _ in 0..looks {
            scene.shows("a", &read("a"), number);
        }
    }
    scene
}

impl Deck {
    /// The version that the host is shown when it looks.
    fn looks(&self) -> String {
        let (response, played) = self.ask(read("8"));
        assert!(!matches!(played, Played::Miss(_)), "{played:?}");
        String::from_utf8(response.body.decoded().unwrap().to_vec()).unwrap()
    }
}

#[test]
fn a_client_that_was_told_of_a_version_is_shown_none_before() {
    let deck = Deck::new(watched(), Live::All);
    let host = deck.open("8");
    deck.subscribe(host, 1);
    deck.plays(host_write("8", 1));
    deck.plays(guest_write("9", 2));
    assert_eq!(deck.heard(host), [tap(0, "room", 1, HOST_SUB), tap(0, "room", 2, HOST_SUB)]);
    // It looks once where it looked thrice.
    assert!(deck.looks().contains("\"changeNumber\":2"));
    deck.plays(guest_write("9", 3));
    assert_eq!(deck.heard(host), [tap(0, "room", 3, HOST_SUB)]);
    let shown = deck.looks();
    assert!(shown.contains("\"changeNumber\":3"), "{shown}");
    assert_eq!((deck.0.tally().misses, deck.0.tally().repeats), (0, 0));
}

#[test]
fn a_client_that_leaves_reads_out_is_waited_for_once() {
    let deck = Deck::new(watched(), Live::All);
    let host = deck.open("8");
    deck.subscribe(host, 1);
    deck.plays(host_write("8", 1));
    deck.plays(guest_write("9", 2));
    deck.heard(host);
    deck.plays(guest_write("9", 3));
    assert!(deck.heard(host).is_empty() && deck.0.awaits_a_read());
    assert_eq!(deck.0.relent(), [host]);
    assert_eq!(deck.heard(host), [tap(0, "room", 3, HOST_SUB)]);
    deck.plays(guest_write("9", 4));
    assert_eq!(deck.heard(host), [tap(0, "room", 4, HOST_SUB)]);
    assert!(!deck.0.awaits_a_read());
    let shown = deck.looks();
    assert!(shown.contains("\"changeNumber\":4"), "{shown}");
}

#[test]
fn a_client_is_held_to_the_connection_it_was_told_of() {
    let deck = Deck::new(lobby(), Live::One);
    let socket = deck.open("9");
    assert_eq!(deck.subscribe(socket, 1), [reply(1, HOST_ID)]);
    let (_, played) = deck.ask(write("9", 1, "cc000000-0000-4000-8000-00000000000c", HOST_SUB));
    let Played::Miss(miss) = played else { panic!("{played:?}") };
    let places: Vec<&str> = miss.nearest[0].differences.iter().map(|one| one.place.as_str()).collect();
    assert_eq!(places, ["body /members/me/properties/system/connection"]);
    deck.plays(host_write("9", 1));
}
