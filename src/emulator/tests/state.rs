//! The whole state: dumped, loaded, thrown away.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::socket::{Lost, Message, SocketId};

/// A bit of everything: two connections, sessions, handles, taps that wait and taps that are held back.
fn busy() -> (World, Vec<SocketId>) {
    let world = World::set(7, |settings| settings.policies.tap_min_interval_ms = 3_000);
    let mut sockets = Vec::new();
    for user in ['a', 'b', 'c'] {
        let socket = world.emulator.open(&World::request(&get("/connect", user), Service::Rta)).unwrap();
        let said = r#"[1,1,"https://sessiondirectory.xboxlive.com/connections/"]"#;
        world.emulator.hear(socket, &Message::text(said));
        let reply = world.emulator.next(socket).unwrap();
        let reply: Value = serde_json::from_str(reply.as_text().unwrap()).unwrap();
        let id = reply[4]["ConnectionId"].as_str().unwrap();
        let join = joining(user).replace(&format!("5b5f0a52-0000-4000-8000-0000000000c{user}"), id);
        let subscription = r#""active":true,"subscription":{"id":"S","changeTypes":["everything"]}"#;
        world.call(&put(&session("slow", "S1"), user, &join.replace(r#""active":true"#, subscription)));
        sockets.push(socket);
    }
    world.emulator.lose(sockets[2], Lost::Broken);
    world.call(&put(
        &session("lobby", "L1"),
        'd',
        r#"{"members":{"me":{"properties":{"system":{"active":true},"custom":{"n":1.50,"k":1,"k":2}}}}}"#,
    ));
    let activity = format!(r#"{{"version":1,"type":"activity","sessionRef":{}}}"#, session_ref("slow", "S1"));
    world.call(&post('a', &activity)).is(201);
    let ticket = format!(
        r#"{{"giveUpDuration":600,"preserveSession":"never","ticketSessionRef":{},"ticketAttributes":{{}}}}"#,
        session_ref("lobby", "L1")
    );
    let hopper = format!("/serviceconfigs/{SCID}/hoppers/quick");
    let mut ticket = Ask::new("POST", &hopper, 'd').body(&ticket).header("x-xbl-contract-version", "103");
    ticket.service = Service::SmartMatch;
    world.call(&ticket).is(201);
    world.reply(&get("/nonce", 'a'), Service::Rta);
    world.advance(7_000);
    world.reply(&put(&session("slow", "S1"), 'a', r#"{"properties":{"custom":{"held":1}}}"#), Service::Mpsd);
    (world, sockets)
}

fn drained(world: &World, socket: SocketId) -> Vec<Message> {
    std::iter::from_fn(|| world.emulator.next(socket)).collect()
}

#[test]
fn a_dump_loads_into_what_was_dumped() {
    let (world, sockets) = busy();
    let dump = world.emulator.dump();
    let fresh = World::set(7, |settings| settings.policies.tap_min_interval_ms = 3_000);
    fresh.advance(77);
    assert_eq!(fresh.emulator.load(&dump).unwrap(), []);
    assert_eq!(fresh.emulator.dump(), dump);
    let later = |world: &World| {
        world.advance(90_000);
        let read = world.call(&get(&session("slow", "S1"), 'a'));
        (read.text().to_owned(), world.call(&put(&session("lobby", "L1"), 'd', LEAVE)).status(), world.emulator.dump())
    };
    assert_eq!(later(&world), later(&fresh));
    assert!(dump.contains(r#"{"n":1.50,"k":1,"k":2}"#) && dump.contains("\n  "));
    // The same sockets go on where the dump was made.
    drained(&world, sockets[0]);
    assert_eq!(world.emulator.load(&dump).unwrap(), sockets[..2]);
    assert_eq!(world.emulator.dump(), dump);
    assert_eq!(drained(&world, sockets[0]).len(), 3, "what an answer of another life held back is free");
}

#[test]
fn sockets_the_state_does_not_know_are_closed() {
    let (world, sockets) = busy();
    let dump = world.emulator.dump();
    let late = world.emulator.open(&World::request(&get("/connect", 'z'), Service::Rta)).unwrap();
    assert_eq!(world.emulator.load(&dump).unwrap(), [sockets[0], sockets[1], late]);
    assert_eq!(drained(&world, late), [Message::close(1012)]);
    assert_eq!(world.emulator.lose(late, Lost::Closed), []);
    let next = world.emulator.open(&World::request(&get("/connect", 'z'), Service::Rta)).unwrap();
    assert!(next > late, "an id stands for one socket");
    assert_eq!(world.emulator.reset(), [sockets[0], sockets[1], next]);
    for socket in [sockets[0], sockets[1], next] {
        assert_eq!(drained(&world, socket), [Message::close(1012)]);
    }
    // A socket of the same number that is somebody else's is not the dump's.
    let fresh = World::set(7, |settings| settings.policies.tap_min_interval_ms = 3_000);
    let stranger = fresh.emulator.open(&World::request(&get("/connect", 'z'), Service::Rta)).unwrap();
    assert_eq!((stranger, fresh.emulator.load(&dump).unwrap()), (sockets[0], vec![stranger]));
    assert_eq!(drained(&fresh, stranger), [Message::close(1012)]);
}

#[test]
fn a_clock_at_its_end_stands_still() {
    let world = World::new();
    world.clock.advance(Duration::MAX);
    let end = world.clock.now();
    let (socket, id) = world.connect('a');
    world.call(&put(&session("slow", "S1"), 'a', &sockets::bound('a', &id, "[]"))).is(201);
    world.emulator.lose(socket, Lost::Broken);
    world.advance(60_000);
    assert_eq!(world.clock.now(), end, "what falls due later never does");
    assert_eq!(world.call(&get(&session("slow", "S1"), 'a')).is(200).at("/membersInfo/active"), 1);
}

#[test]
fn a_reset_begins_again() {
    let (world, _) = busy();
    world.advance(5_000);
    world.emulator.reset();
    assert_eq!(world.clock.now(), virtual_start());
    let fresh = World::set(7, |settings| settings.policies.tap_min_interval_ms = 3_000);
    assert_eq!(world.emulator.dump(), fresh.emulator.dump());
    assert_eq!(lobby(&world).text(), lobby(&fresh).text());
}

#[test]
fn what_cannot_be_is_not_loaded() {
    let (world, _) = busy();
    let dump = world.emulator.dump();
    let text = |pointer: &str, value: Value| {
        let mut changed: Value = serde_json::from_str(&dump).unwrap();
        *changed.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        changed.to_string()
    };
    let key = format!("/store/sessions/{SCID}~0slow~0s1");
    for wrong in [
        String::new(),
        "{}".into(),
        text("/version", json!(2)),
        text("/seed", json!(8)),
        text("/clock", json!("9000-01-01T00:00:00Z")),
        text(&format!("{key}/change"), json!(0)),
        text(&format!("{key}/change"), json!(u64::MAX)),
        text(&format!("{key}/next"), json!(1)),
        text(&format!("{key}/next"), json!(u32::MAX)),
        text(&format!("{key}/episodes"), json!(u32::MAX)),
        text("/store/calls/a", json!(u64::MAX)),
        text(&format!("{key}/members/0/xuid"), json!("nobody")),
        text(&format!("{key}/members/0/xuid"), json!(xuid('b'))),
        text(&format!("{key}/reference/name"), json!("other")),
        text("/store/lives", json!({})),
        text("/store/tickets/by_id", json!({})),
        text("/store/handles/made", json!({"handle": u64::MAX})),
        text("/store/rta/connections/1/next", json!(0)),
        text("/store/rta/drawn", json!({"connection:a": u64::MAX})),
        dump.replacen("\"store\"", "\"stores\"", 1),
    ] {
        assert!(world.emulator.load(&wrong).is_err(), "{wrong}");
        assert_eq!(world.emulator.dump(), dump);
    }
}

proptest! {
    #[test]
    fn a_damaged_dump_never_panics(at in 0.0..1.0_f64, byte in prop::sample::select(&b"0 9\"{}[],:-ea"[..])) {
        let (world, sockets) = busy();
        let mut dump = world.emulator.dump().into_bytes();
        let place = ((dump.len() - 1) as f64 * at) as usize;
        dump[place] = byte;
        if world.emulator.load(&String::from_utf8_lossy(&dump)).is_ok() {
            prop_assert_eq!(world.emulator.load(&world.emulator.dump()).is_ok(), true);
        }
        for user in ['a', 'b', 'd'] {
            for name in ["slow", "lobby"] {
                world.call(&put(&session(name, if name == "slow" { "S1" } else { "L1" }), user, &joining(user)));
            }
        }
        world.advance(8_000_000);
        for socket in sockets {
            world.emulator.lose(socket, Lost::Closed);
        }
    }
}
