//! Connections from the outside: opening, subscribing, losing, lasting.

use serde_json::json;

use super::sockets::*;
use super::*;
use crate::emulator::policy::{MalformedMessage, RepeatedSubscribe, Unbound};
use crate::socket::Lost;

#[test]
fn s12_a_broken_connection_has_its_grace() {
    let world = World::new();
    let ((a, ca), (b, cb)) = (world.connect('a'), world.connect('b'));
    world.join("slow", 'a', &ca, r#"["membersStatus"]"#);
    world.join("slow", 'b', &cb, ALL);
    let activity = format!(r#"{{"version":1,"type":"activity","sessionRef":{}}}"#, session_ref("slow", "L1"));
    let activity = world.call(&post('b', &activity)).is(201).at("/id");
    world.heard(a);
    assert_eq!(world.emulator.lose(b, Lost::Broken), []);
    world.advance(29_999);
    assert_eq!(world.call(&get(&session("slow", "L1"), 'a')).at("/membersInfo/active"), 2);
    assert_eq!(world.emulator.due(), Some(crate::clock::after(world.clock.now(), 1)));
    assert_eq!(world.emulator.advance(Duration::from_secs(5)), [a]);
    let heard = world.heard(a);
    assert!(heard[0].contains(r#""timestamp":"2026-01-02T03:04:35.0000000Z""#), "{heard:?}");
    let after = world.call(&get(&session("slow", "L1"), 'a'));
    assert_eq!(
        (after.at("/membersInfo/active"), after.at("/members/1/properties/system/active")),
        (json!(1), Value::Null)
    );
    assert_eq!(after.at("/nextTimer"), "2026-01-02T03:05:35.0000000Z");
    world.call(&get(&format!("/handles/{}", activity.as_str().unwrap()), 'a')).says(404);
}

#[test]
fn s12_who_stays_away_is_removed_at_the_next_look() {
    for (template, wait) in [("slow", 60_000), ("lobby", 0)] {
        let world = World::new();
        let ((a, ca), (b, cb)) = (world.connect('a'), world.connect('b'));
        world.join(template, 'a', &ca, ALL).is(201);
        world.advance(100_000);
        world.join(template, 'b', &cb, ALL).is(200);
        world.emulator.lose(b, Lost::Broken);
        world.advance(30_000);
        world.heard(a);
        let target = session(template, "L1");
        if wait > 0 {
            let read = world.call(&get(&target, 'a')).is(200);
            assert_eq!((read.at("/membersInfo/count"), read.at("/changeNumber")), (json!(2), json!(3)));
            assert_eq!(read.at("/nextTimer"), "2026-01-02T03:07:15.0000000Z");
        }
        world.advance(wait);
        assert!(world.heard(a).is_empty(), "a timer alone taps nobody");
        let read = world.call(&get(&target, 'a')).is(200);
        assert_eq!((read.at("/membersInfo/count"), read.at("/changeNumber")), (json!(1), json!(4)));
        assert_eq!(world.taps(a), [("sub-a".into(), json!(4))]);
    }
}

#[test]
fn coming_back_on_another_connection_ends_the_grace() {
    let world = World::new();
    let ((a, ca), (b, cb)) = (world.connect('a'), world.connect('b'));
    world.join("slow", 'a', &ca, ALL);
    world.join("slow", 'b', &cb, ALL);
    world.emulator.lose(b, Lost::Broken);
    world.advance(20_000);
    let (b, new) = world.connect('b');
    assert_ne!(new, cb);
    world.join("slow", 'b', &new, ALL).is(200);
    world.advance(20_000);
    assert_eq!(world.call(&get(&session("slow", "L1"), 'a')).at("/membersInfo/active"), 2);
    world.heard(a);
    assert_eq!(world.emulator.lose(b, Lost::Closed), [a]);
    assert_eq!(world.call(&get(&session("slow", "L1"), 'a')).at("/membersInfo/active"), 1);
    assert_eq!(world.taps(a).len(), 1);
}

#[test]
fn dropping_the_subscription_is_a_loss() {
    let world = World::new();
    let ((a, ca), (b, cb)) = (world.connect('a'), world.connect('b'));
    world.join("slow", 'a', &ca, ALL);
    world.join("slow", 'b', &cb, ALL);
    drop([world.heard(a), world.heard(b)]);
    assert_eq!(world.say(b, "[2,9,0]"), [a, b]);
    assert_eq!((world.taps(a).len(), world.heard(b)), (1, vec!["[2,9,0]".to_owned()]));
    let again = world.connection_id(b);
    assert_ne!(again, cb);
}

#[test]
fn s21_housekeeping() {
    let world = World::new();
    let a = world.open('a');
    for (said, heard) in [
        (subscribe(0, "https://example.com/x"), "[1,0,1]"),
        (subscribe(18, "https://userpresence.xboxlive.com/users/xuid(5)/devices"), "[1,18,0,0,null]"),
        (subscribe(3, &format!("https://notify.xboxlive.com/users/xuid({})/x", xuid('a'))), "[1,3,0,1,null]"),
        (subscribe(4, &format!("https://notify.xboxlive.com/users/xuid({})/x", xuid('b'))), "[1,4,3]"),
        ("[2,5,0]\0\0\0".to_owned(), "[2,5,0]"),
        ("[2,6,0]".to_owned(), "[2,6,5]"),
        ("[1,7]".to_owned(), "[1,7,1]"),
    ] {
        assert_eq!(world.say(a, &said), [a], "{said}");
        assert_eq!(world.heard(a), [heard], "{said}");
    }
    for said in ["[4]", "[77,1]", "{", ""] {
        assert_eq!(world.say(a, said), [], "{said}");
    }
    let (b, _) = world.connect('b');
    assert_eq!(world.emulator.resync(), [a, b]);
    assert_eq!((world.heard(a), world.heard(b)), (vec!["[4]".to_owned()], vec!["[4]".to_owned()]));
    assert_eq!(world.emulator.advance(Duration::from_secs(7_200)), [a, b]);
    assert_eq!(world.heard(a), ["close 1001"]);
    assert_eq!(world.say(a, &subscribe(9, MPSD)), []);
    assert_eq!(world.emulator.lose(a, Lost::Closed), []);
    assert_eq!(world.emulator.next(a), None);
}

#[test]
fn a_lifetime_ends_with_time_to_come_back() {
    let world = World::new();
    let (a, ca) = world.connect('a');
    world.join("slow", 'a', &ca, ALL);
    world.heard(a);
    world.advance(7_200_000);
    world.emulator.lose(a, Lost::Closed);
    let (a, new) = world.connect('a');
    world.advance(29_000);
    world.join("slow", 'a', &new, ALL).is(200);
    world.advance(29_000);
    assert_eq!(world.call(&get(&session("slow", "L1"), 'a')).at("/membersInfo/active"), 1);
    assert_eq!(world.taps(a).len(), 1);
}

#[test]
fn connections_are_checked_as_the_policies_say() {
    let world = World::new();
    let (_, ca) = world.connect('a');
    for n in 0..10 {
        world.call(&put(&session("lobby", &format!("N{n}")), 'a', &bound('a', &ca, ALL))).is(201);
    }
    world.call(&put(&session("lobby", "N10"), 'a', &bound('a', &ca, ALL))).says(409);
    world.call(&put(&session("lobby", "N9"), 'a', &bound('a', &ca.to_uppercase(), ALL))).is(200);
    world.call(&put(&session("lobby", "N9"), 'a', LEAVE)).is(204);
    world.call(&put(&session("lobby", "N10"), 'a', &bound('a', &ca, ALL))).is(201);

    let strict = World::set(7, |settings| {
        settings.policies.unknown_connection = Unbound::Refuse;
        settings.policies.unconnected_member = Unbound::Refuse;
    });
    strict.call(&put(&session("lobby", "L1"), 'a', &joining('a'))).says(400);
    let unbound = r#"{"members":{"me":{"properties":{"system":{"active":true}}}}}"#;
    strict.call(&put(&session("lobby", "L1"), 'a', unbound)).says(400);
    strict.call(&put(&session("priv", "L1"), 'a', unbound)).is(201);
    let (_, ca) = strict.connect('a');
    strict.join("lobby", 'a', &ca, ALL).is(201);
}

#[test]
fn without_a_connection_activity_lapses() {
    let world = World::new();
    let write = |active: bool| format!(r#"{{"members":{{"me":{{"properties":{{"system":{{"active":{active}}}}}}}}}}}"#);
    let target = session("slow", "L1");
    let active = |world: &World| world.call(&get(&target, 'a')).at("/membersInfo/active");
    world.call(&put(&target, 'a', &write(true))).is(201);
    world.advance(20_000);
    world.call(&put(&target, 'a', &write(false))).is(200);
    world.call(&put(&target, 'a', &write(true))).is(200);
    world.advance(20_000);
    assert_eq!(active(&world), 1, "counted from the last time it became active");
    world.advance(10_000);
    assert_eq!(active(&world), 0);
    let (_, ca) = world.connect('a');
    world.call(&put(&target, 'a', &write(true))).is(200);
    world.call(&put(&target, 'a', &bound('a', &ca, ALL))).is(200);
    world.advance(60_000);
    assert_eq!(active(&world), 1);
}

#[test]
fn nonces_let_in_once() {
    let world = World::new();
    let nonce = |world: &World| {
        let reply = world.reply(&get("/nonce", 'a').without("x-xbl-contract-version"), Service::Rta);
        Got { response: reply.response }.is(200).at("/nonce").as_str().unwrap().to_owned()
    };
    let with = |world: &World, nonce: &str| {
        let ask = get(&format!("/connect?nonce={nonce}"), 'a').without("authorization");
        world.emulator.open(&World::request(&ask, Service::Rta)).map_err(|refusal| refusal.status)
    };
    let (first, second) = (nonce(&world), nonce(&world));
    assert_ne!(first, second);
    let a = with(&world, &first).unwrap();
    assert_eq!(with(&world, &first).unwrap_err(), 401);
    assert_eq!(with(&world, "").unwrap_err(), 401);
    world.advance(60_000);
    assert_eq!(with(&world, &second).unwrap_err(), 401);
    let twin = World::new();
    let by_token = twin.connect('a').1;
    assert_eq!(world.connection_id(a), by_token);
}

#[test]
fn the_door_is_one_path_and_needs_somebody() {
    let world = World::new();
    let refused = |ask: &Ask, service| world.emulator.open(&World::request(ask, service)).unwrap_err().status;
    assert_eq!(refused(&get("/connect", 'a').without("authorization"), Service::Rta), 401);
    assert_eq!(refused(&get("/connect", 'a').header("authorization", "Bearer x"), Service::Rta), 401);
    assert_eq!(refused(&get("/socket", 'a'), Service::Rta), 404);
    assert_eq!(refused(&get("/connect", 'a'), Service::Mpsd), 404);
    let plain = |ask: &Ask| world.reply(ask, Service::Rta).response.status;
    assert_eq!(plain(&get("/connect", 'a')), 400);
    assert_eq!(plain(&get("/nonce", 'a').without("authorization")), 401);
    assert_eq!((plain(&get("/elsewhere", 'a')), plain(&put("/nonce", 'a', ""))), (404, 405));
}

#[test]
fn limits_have_their_codes() {
    let world = World::set(7, |settings| {
        settings.policies.rta_subscriptions = 2;
        settings.policies.rta_burst = 4;
        settings.policies.malformed_message = MalformedMessage::Close;
        settings.policies.repeated_subscribe = RepeatedSubscribe::Another;
    });
    let a = world.open('a');
    let codes = (0..5).map(|seq| {
        world.say(a, &subscribe(seq, if seq == 2 { "x" } else { MPSD }));
        world.heard(a).concat()
    });
    let codes: Vec<_> = codes.collect();
    assert!(codes[0].starts_with("[1,0,0,0,{") && codes[1].starts_with("[1,1,0,1,{"), "{codes:?}");
    assert_eq!(codes[0][10..], codes[1][10..], "one connection has one id");
    assert_eq!(codes[2..], ["[1,2,1]", "[1,3,2]", "[1,4,1001]"]);
    world.advance(15_000);
    world.say(a, &subscribe(5, MPSD));
    assert_eq!(world.heard(a), ["[1,5,2]"]);
    assert_eq!(world.say(a, "no"), [a]);
    assert_eq!(world.heard(a), ["close 1007"]);

    let world = World::new();
    let a = world.open('a');
    world.say(a, &subscribe(1, MPSD));
    world.say(a, &subscribe(2, MPSD));
    let heard = world.heard(a);
    assert_eq!(heard[0].replacen("[1,1", "[1,2", 1), heard[1], "the same again");
}

#[test]
fn graces_are_policies() {
    let world = World::set(7, |settings| {
        settings.policies.close_grace = 1_000;
        settings.policies.break_grace = 0;
        settings.policies.ended_grace = 0;
        settings.policies.unknown_connection = Unbound::Lapse;
        settings.policies.connection_lifetime = 60_000;
        settings.policies.lifetime_close_code = 1000;
    });
    let active = |name: &str| world.call(&get(&session("slow", name), 'z')).at("/membersInfo/active");
    let write = |name: &str, id: &str| world.call(&put(&session("slow", name), 'a', &bound('a', id, ALL)));
    let (closing, id) = world.connect('a');
    write("closed", &id).is(201);
    let (breaking, id) = world.connect('a');
    write("broken", &id).is(201);
    let (ending, id) = world.connect('a');
    write("ended", &id).is(201);
    world.emulator.lose(closing, Lost::Closed);
    world.emulator.lose(breaking, Lost::Broken);
    assert_eq!((active("closed"), active("broken"), active("ended")), (json!(1), json!(0), json!(1)));
    world.advance(1_000);
    assert_eq!((active("closed"), active("ended")), (json!(0), json!(1)));
    world.advance(59_000);
    assert_eq!(active("ended"), 0);
    assert_eq!(world.heard(ending).last().unwrap(), "close 1000");
    write("unknown", "5b5f0a52-0000-4000-8000-0000000000ff").is(201);
    world.advance(0);
    assert_eq!(active("unknown"), 0);
}
