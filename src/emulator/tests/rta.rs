//! Real-time activity from the outside: frames in, frames out, and what goes out when.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::emulator::Policies;
use crate::emulator::policy::{MalformedMessage, RepeatedSubscribe, Unbound};
use crate::socket::{Lost, Message, Opcode, SocketId};

impl World {
    fn open(&self, user: char) -> SocketId {
        self.emulator.open(&Self::request(&get("/connect", user), Service::Rta)).unwrap()
    }

    fn say(&self, socket: SocketId, text: &str) -> Vec<SocketId> {
        self.emulator.hear(socket, &Message::text(text))
    }

    /// Everything that may go out now.
    fn heard(&self, socket: SocketId) -> Vec<String> {
        let text = |message: Message| match message.opcode {
            Opcode::Text => message.as_text().unwrap().to_owned(),
            _ => format!("close {}", u16::from_be_bytes([message.payload[0], message.payload[1]])),
        };
        std::iter::from_fn(|| self.emulator.next(socket)).map(text).collect()
    }

    /// Taps that may go out now: (subscription, change number).
    fn taps(&self, socket: SocketId) -> Vec<(String, Value)> {
        self.heard(socket).iter().map(|text| tap(text)).collect()
    }

    /// A connection subscribed to MPSD, and its ConnectionId.
    fn connect(&self, user: char) -> (SocketId, String) {
        let socket = self.open(user);
        let id = self.connection_id(socket);
        (socket, id)
    }

    fn connection_id(&self, socket: SocketId) -> String {
        assert_eq!(self.say(socket, &subscribe(1, MPSD)), [socket]);
        let heard = self.heard(socket);
        let reply: Value = serde_json::from_str(&heard[0]).unwrap();
        assert_eq!((&reply[0], &reply[2]), (&json!(1), &json!(0)));
        reply[4]["ConnectionId"].as_str().unwrap().to_owned()
    }

    /// Joins, active and subscribed.
    fn join(&self, template: &str, user: char, id: &str, types: &str) -> Got {
        self.call(&put(&session(template, "L1"), user, &bound(user, id, types)))
    }
}

fn tap(text: &str) -> (String, Value) {
    let event: Value = serde_json::from_str(text).unwrap();
    let taps = event[2]["shoulderTaps"].as_array().unwrap_or_else(|| panic!("{text}"));
    assert_eq!((&event[0], taps.len()), (&json!(3), 1));
    assert_eq!(taps[0]["resourceType"], "mpsd/session");
    assert_eq!(taps[0]["resource"].as_str().unwrap().split('~').count(), 3);
    assert!(event[2]["ncid"].is_string());
    (taps[0]["subscription"].as_str().unwrap().to_owned(), taps[0]["changeNumber"].clone())
}

fn subscribe(seq: u32, uri: &str) -> String {
    format!(r#"[1,{seq},"{uri}"]"#)
}

fn bound(user: char, id: &str, types: &str) -> String {
    format!(
        r#"{{"members":{{"me":{{"constants":{{"system":{{"xuid":"{}"}}}},"properties":{{"system":{{"active":true,"connection":"{id}","subscription":{{"id":"Sub-{user}","changeTypes":{types}}}}}}}}}}}}}"#,
        xuid(user)
    )
}

fn custom(n: u32) -> String {
    format!(r#"{{"properties":{{"custom":{{"n":{n}}}}}}}"#)
}

const MPSD: &str = "https://sessiondirectory.xboxlive.com/connections/";

const ALL: &str = r#"["everything"]"#;

#[test]
fn s1_a_player_connects_and_hears_of_its_own_writes() {
    let world = World::new();
    let a = world.open('a');
    assert_eq!(world.say(a, &subscribe(1, MPSD)), [a]);
    let reply = world.heard(a);
    let id = reply[0].strip_prefix(r#"[1,1,0,0,{ "ConnectionId":""#).and_then(|rest| rest.strip_suffix(r#"" }]"#));
    let id = id.unwrap_or_else(|| panic!("{reply:?}"));
    assert!(crate::mpsd::name::is_guid(id));
    world.join("lobby", 'a', id, ALL).is(201);
    let heard = world.heard(a);
    let event: Value = serde_json::from_str(&heard[0]).unwrap();
    let branch = world.call(&get(&session("lobby", "L1"), 'a')).at("/branch");
    assert_eq!((heard.len(), &event[1]), (1, &json!(0)));
    assert_eq!(
        event[2]["shoulderTaps"],
        json!([{"timestamp":"2026-01-02T03:04:05.0000000Z","subscription":"sub-a","resourceType":"mpsd/session",
            "resource":format!("{SCID}~lobby~l1"),"branch":branch,"changeNumber":1}])
    );
    world.call(&put(&session("lobby", "L1"), 'a', "{}")).is(200);
    assert!(world.heard(a).is_empty());
    let activity = format!(r#"{{"version":1,"type":"activity","sessionRef":{}}}"#, session_ref("lobby", "L1"));
    world.call(&post('a', &activity)).is(201);
    assert_eq!(world.taps(a), [("sub-a".into(), json!(2))]);
}

#[test]
fn s2_taps_go_both_ways_in_member_order() {
    let world = World::new();
    let ((a, ca), (b, cb)) = (world.connect('a'), world.connect('b'));
    assert_ne!(ca, cb);
    world.join("lobby", 'a', &ca, ALL).is(201);
    world.join("lobby", 'b', &cb.to_uppercase(), ALL).is(200);
    assert_eq!(world.taps(a), [("sub-a".into(), json!(1)), ("sub-a".into(), json!(2))]);
    assert_eq!(world.taps(b), [("sub-b".into(), json!(2))]);
    world.call(&put(&session("lobby", "L1"), 'b', LEAVE)).is(200);
    assert_eq!((world.taps(a), world.heard(b).len()), (vec![("sub-a".into(), json!(3))], 0));
    world.call(&put(&session("lobby", "L1"), 'a', LEAVE)).bare(204);
    assert_eq!(world.taps(a), [("sub-a".into(), Value::Null)]);
}

#[test]
fn a_tap_waits_for_the_answer_it_follows_from() {
    let world = World::new();
    let ((a, ca), (b, cb)) = (world.connect('a'), world.connect('b'));
    world.join("lobby", 'a', &ca, ALL);
    world.join("lobby", 'b', &cb, ALL);
    drop([world.heard(a), world.heard(b)]);
    let first = world.reply(&put(&session("lobby", "L1"), 'a', &custom(1)), Service::Mpsd);
    let second = world.reply(&put(&session("lobby", "L1"), 'b', &custom(2)), Service::Mpsd);
    assert!(world.heard(a).is_empty() && world.heard(b).is_empty());
    // A later reply and a later tap both wait behind the first tap.
    assert_eq!(world.say(a, "[2,7,99]"), []);
    assert_eq!(world.emulator.release(second.ticket), []);
    assert!(world.heard(a).is_empty());
    assert_eq!(world.emulator.release(first.ticket), [a, b]);
    let heard = world.heard(a);
    assert_eq!([tap(&heard[0]).1, tap(&heard[1]).1], [json!(3), json!(4)]);
    assert_eq!(heard[2..], ["[2,7,5]"]);
    assert_eq!(world.taps(b), [("sub-b".into(), json!(3)), ("sub-b".into(), json!(4))]);
    assert_eq!(world.emulator.release(first.ticket), []);
    let nothing = world.reply(&get(&session("lobby", "L1"), 'a'), Service::Mpsd);
    assert_eq!(world.emulator.release(nothing.ticket), []);
}

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
    world.call(&get(&format!("/handles/{}", activity.as_str().unwrap()), 'a')).says(404);
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
fn s18_types_filter_and_intervals_coalesce() {
    let world = World::new();
    let ((_, ca), (b, cb)) = (world.connect('a'), world.connect('b'));
    world.join("lobby", 'a', &ca, "[]").is(201);
    let token = r#"{"members":{"me":{"properties":{"system":{"secureDeviceAddress":"AAAA"}}}}}"#;
    let token = world.call(&put(&session("lobby", "L1"), 'a', token)).at("/members/0/deviceToken");
    world.join("lobby", 'b', &cb, r#"["host","membersList"]"#);
    world.heard(b);
    for n in 0..10 {
        world.call(&put(&session("lobby", "L1"), 'a', &custom(n)));
    }
    assert!(world.heard(b).is_empty());
    world.call(&put(&session("lobby", "L1"), 'a', &format!(r#"{{"properties":{{"system":{{"host":{token}}}}}}}"#)));
    assert_eq!(world.taps(b).len(), 1);
    world.call(&put(&session("lobby", "L1"), 'c', &joining('c'))).is(200);
    assert_eq!(world.taps(b).len(), 1);

    let world = World::set(7, |settings| settings.policies.tap_min_interval_ms = 3_000);
    let (b, cb) = world.connect('b');
    world.join("lobby", 'b', &cb, ALL);
    for n in 0..10 {
        world.call(&put(&session("lobby", "L1"), 'b', &custom(n)));
    }
    assert_eq!(world.taps(b), [("sub-b".into(), json!(1))]);
    let last = world.reply(&put(&session("lobby", "L1"), 'b', &custom(99)), Service::Mpsd);
    world.advance(3_000);
    assert!(world.heard(b).is_empty(), "not before its answer, however late it is");
    assert_eq!(world.emulator.release(last.ticket), [b]);
    assert_eq!(world.taps(b), [("sub-b".into(), json!(12))]);
    world.advance(60_000);
    assert!(world.heard(b).is_empty());
    assert_eq!(world.emulator.due().map(crate::clock::mpsd_timestamp).unwrap(), "2026-01-02T05:04:05.0000000Z");
}

#[test]
fn every_change_type_fires_for_its_change() {
    for (change_type, write, fires) in [
        ("joinability", r#"{"properties":{"system":{"closed":true}}}"#, true),
        (
            "joinability",
            r#"{"properties":{"system":{"readRestriction":"followed","joinRestriction":"followed"}}}"#,
            true,
        ),
        ("joinability", r#"{"properties":{"custom":{"a":1}}}"#, false),
        ("customProperty", r#"{"properties":{"custom":{"a":1}}}"#, true),
        ("customProperty", r#"{"members":{"me":{"properties":{"custom":{"a":1}}}}}"#, false),
        ("MembersCustomProperty", r#"{"members":{"me":{"properties":{"custom":{"a":1}}}}}"#, true),
        ("membersCustomProperty", r#"{"properties":{"custom":{"a":1}}}"#, false),
        ("membersStatus", r#"{"members":{"me":{"properties":{"system":{"active":null}}}}}"#, true),
        ("membersStatus", LEAVE, true),
        ("membersStatus", r#"{"members":{"reserve_0":{"constants":{"system":{"xuid":"77"}}}}}"#, false),
        ("membersList", r#"{"members":{"reserve_0":{"constants":{"system":{"xuid":"77"}}}}}"#, true),
        ("membersList", r#"{"members":{"me":{"properties":{"system":{"active":null}}}}}"#, false),
        ("nonsense", LEAVE, false),
    ] {
        let world = World::new();
        world.call(&put(&session("lobby", "L1"), 'a', &joining('a'))).is(201);
        let (b, cb) = world.connect('b');
        world.join("lobby", 'b', &cb, &format!(r#"["{change_type}"]"#)).is(200);
        world.heard(b);
        world.call(&put(&session("lobby", "L1"), 'a', write)).is(200);
        assert_eq!(world.taps(b).len(), usize::from(fires), "{change_type} {write}");
    }
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
fn taps_follow_the_connection_each_session_is_bound_to() {
    let world = World::new();
    let ((one, c1), (two, c2)) = (world.connect('a'), world.connect('a'));
    world.call(&put(&session("lobby", "L1"), 'a', &bound('a', &c1, ALL))).is(201);
    world.call(&put(&session("lobby", "L2"), 'a', &bound('a', &c2, ALL))).is(201);
    assert!(world.heard(one)[0].contains("~l1") && world.heard(two)[0].contains("~l2"));
}

#[test]
fn who_is_not_subscribed_and_active_in_a_connected_session_is_not_tapped() {
    let world = World::new();
    let (a, ca) = world.connect('a');
    world.join("priv", 'a', &ca, ALL).is(201);
    assert!(world.heard(a).is_empty(), "the template does not require connections");
    world.join("lobby", 'a', &ca, "[]").is(201);
    let inactive = r#"{"members":{"me":{"properties":{"system":{"active":false}}}}}"#;
    world.join("lobby", 'a', &ca, ALL).is(200);
    world.call(&put(&session("lobby", "L1"), 'a', inactive)).is(200);
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
fn who_does_not_read_is_let_go() {
    let world = World::new();
    let (a, ca) = world.connect('a');
    world.join("slow", 'a', &ca, ALL);
    for n in 0..2_000 {
        world.call(&put(&session("slow", "L1"), 'a', &custom(n)));
    }
    assert_eq!(world.heard(a), ["close 1013"]);
    world.emulator.lose(a, Lost::Broken);
    world.advance(30_000);
    assert_eq!(world.call(&get(&session("slow", "L1"), 'a')).at("/membersInfo/active"), 0);
}

#[test]
fn s6_an_invite_arrives_before_it_is_used() {
    let world = World::new();
    world.call(&put(&session("game", "G1"), 'a', &joining('a'))).is(201);
    let b = world.open('b');
    let notify = format!("https://notify.xboxlive.com/users/xuid({})/deviceId/current/titleId/1", xuid('b'));
    world.say(b, &subscribe(1, &notify));
    world.heard(b);
    let body = format!(
        r#"{{"version":1,"type":"invite","sessionRef":{},"invitedXuid":"{}","inviteAttributes":{{"titleId":"1","context":"slot2"}}}}"#,
        session_ref("game", "G1"),
        xuid('b')
    );
    let reply = world.reply(&post('a', &body), Service::Mpsd);
    assert!(world.heard(b).is_empty());
    assert_eq!(world.emulator.release(reply.ticket), [b]);
    let event: Value = serde_json::from_str(&world.heard(b)[0]).unwrap();
    let made = Got { response: reply.response }.is(201);
    assert_eq!((&event[0], &event[1], &event[2]["id"]), (&json!(3), &json!(0), &made.at("/id")));
    assert_eq!(event[2]["inviteAttributes"]["context"], "slot2");
    for name in ["invitedXuid", "senderXuid", "expiration", "inviteProtocol", "sessionRef", "inviteInfo"] {
        assert!(!event[2][name].is_null(), "{name}");
    }
    // The subscription said who the socket's user is.
    let anonymous = r#"{"members":{"me":{"properties":{"system":{"active":true}}}}}"#;
    let own = world.call(&put(&session("lobby", "L1"), 'b', anonymous)).is(201);
    assert_eq!(own.at("/members/0/constants/system/xuid"), xuid('b'));
}

/// B's taps for one write of A's, in a world of its own policies.
fn tapped(
    choose: impl FnOnce(&mut Policies),
    template: &str,
    types: &str,
    before: &str,
    write: &str,
) -> Vec<(String, Value)> {
    let world = World::set(7, |settings| choose(&mut settings.policies));
    let target = session(template, "L1");
    world.call(&put(&target, 'a', &joining('a'))).is(201);
    let (b, cb) = world.connect('b');
    world.join(template, 'b', &cb, types).is(200);
    if !before.is_empty() {
        world.call(&put(&target, 'b', before)).is(200);
    }
    world.heard(b);
    world.call(&put(&target, 'a', write));
    world.taps(b)
}

#[test]
fn tap_policies_are_switches() {
    let status = r#"["membersStatus"]"#;
    assert_eq!(tapped(|_| (), "lobby", status, "", LEAVE).len(), 1);
    assert_eq!(tapped(|policies| policies.status_tap_on_removal = false, "lobby", status, "", LEAVE).len(), 0);
    let joinability = r#"["joinability"]"#;
    let read = r#"{"properties":{"system":{"readRestriction":"none"}}}"#;
    assert_eq!(tapped(|_| (), "lobby", joinability, "", read).len(), 1);
    assert_eq!(tapped(|policies| policies.joinability_tap_on_read = false, "lobby", joinability, "", read).len(), 0);
    let reserve = |n: usize| format!(r#""reserve_{n}":{{"constants":{{"system":{{"xuid":"{}"}}}}}}"#, 70 + n);
    let fill = format!(r#"{{"members":{{{}}}}}"#, (0..6).map(reserve).collect::<Vec<_>>().join(","));
    assert_eq!(tapped(|_| (), "lobby", joinability, "", &fill).len(), 1);
    assert_eq!(tapped(|policies| policies.joinability_tap_on_full = false, "lobby", joinability, "", &fill).len(), 0);
    let inactive = r#"{"members":{"me":{"properties":{"system":{"active":false}}}}}"#;
    assert_eq!(tapped(|_| (), "slow", ALL, inactive, &custom(1)).len(), 0);
    assert_eq!(tapped(|policies| policies.tap_active_only = false, "slow", ALL, inactive, &custom(1)).len(), 1);
    assert_eq!(tapped(|policies| policies.connection_capability = false, "title", ALL, "", &custom(1)).len(), 1);
    assert_eq!(tapped(|policies| policies.tap_lowercase_id = false, "lobby", ALL, "", &custom(1))[0].0, "Sub-b");
}

#[test]
fn leavers_and_endings_are_policies() {
    for (leavers, ending, taps) in
        [(false, true, vec![Value::Null]), (true, false, vec![json!(3)]), (false, false, vec![])]
    {
        let world = World::set(7, |settings| {
            settings.policies.tap_leavers = leavers;
            settings.policies.tap_session_end = ending;
        });
        let (a, ca) = world.connect('a');
        world.join("lobby", 'a', &ca, ALL).is(201);
        if leavers {
            world.call(&put(&session("lobby", "L1"), 'b', &joining('b'))).is(200);
        }
        world.heard(a);
        world.call(&put(&session("lobby", "L1"), 'a', LEAVE));
        assert_eq!(world.taps(a).into_iter().map(|tap| tap.1).collect::<Vec<_>>(), taps);
    }
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

#[test]
fn stages_and_matches_do_not_tap_for_other_changes() {
    let world = World::new();
    let (a, ca) = world.connect('a');
    world.join("lobby", 'a', &ca, r#"["matchmakingStatus","initialization"]"#).is(201);
    assert!(world.heard(a).is_empty());
    world.call(&put(&session("lobby", "L1"), 'a', &custom(1))).is(200);
    assert!(world.heard(a).is_empty());
}

proptest! {
    /// Whatever the order in which answers get on record, no tap comes before its answer, none out of turn, none is lost.
    #[test]
    fn taps_keep_their_order_and_their_cause(steps in prop::collection::vec((0..2_usize, 0..4_u8, any::<prop::sample::Index>()), 1..40)) {
        let world = World::new();
        let connected = [world.connect('a'), world.connect('b')];
        world.join("lobby", 'a', &connected[0].1, ALL);
        world.join("lobby", 'b', &connected[1].1, ALL);
        let mut seen = connected.each_ref().map(|(socket, _)| { world.heard(*socket); 2_u64 });
        let mut held = Vec::new();
        let mut change = 2;
        for (who, step, pick) in steps {
            match step {
                0 => {
                    change += 1;
                    let write = put(&session("lobby", "L1"), ['a', 'b'][who], &custom(u32::try_from(change).unwrap()));
                    held.push((change, world.reply(&write, Service::Mpsd).ticket));
                }
                1 if !held.is_empty() => {
                    let (_, ticket) = held.remove(pick.index(held.len()));
                    world.emulator.release(ticket);
                }
                2 => drop(world.say(connected[who].0, "[2,1,99]")),
                _ => {
                    for text in world.heard(connected[who].0).iter().filter(|text| text.starts_with("[3")) {
                        let number = tap(text).1.as_u64().unwrap();
                        prop_assert_eq!(number, seen[who] + 1);
                        prop_assert!(held.iter().all(|(change, _)| *change != number));
                        seen[who] = number;
                    }
                }
            }
        }
        for (_, ticket) in held {
            world.emulator.release(ticket);
        }
        for (who, (socket, _)) in connected.iter().enumerate() {
            let taps = world.heard(*socket).iter().filter(|text| text.starts_with("[3")).count() as u64;
            prop_assert_eq!(seen[who] + taps, change);
        }
    }
}
