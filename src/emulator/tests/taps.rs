//! Taps from the outside: who hears of which change, and when.

use proptest::prelude::*;
use serde_json::json;

use super::sockets::*;
use super::*;
use crate::emulator::Policies;
use crate::socket::Lost;

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
fn a_match_taps_on_its_way() {
    let world = World::new();
    let (a, ca) = world.connect('a');
    world.join("lobby", 'a', &ca, r#"["matchmakingStatus"]"#).is(201);
    world.call(&put(&session("lobby", "L1"), 'a', &custom(1))).is(200);
    assert!(world.heard(a).is_empty());
    let body = format!(
        r#"{{"giveUpDuration":60,"preserveSession":"never","ticketSessionRef":{},"ticketAttributes":{{}}}}"#,
        session_ref("lobby", "L1")
    );
    let mut ask = Ask::new("POST", &format!("/serviceconfigs/{SCID}/hoppers/quick"), 'a').body(&body);
    ask.service = Service::SmartMatch;
    world.call(&ask.header("x-xbl-contract-version", "103")).is(201);
    assert_eq!(world.taps(a), [("sub-a".into(), json!(3))]);
    assert_eq!(world.emulator.advance(Duration::from_secs(60)), [a]);
    let heard = world.heard(a);
    assert!(heard[0].contains("T03:05:05.0000000Z"), "{heard:?}");
    let system = world.call(&get(&session("lobby", "L1"), 'a')).at("/servers/matchmaking/properties/system");
    assert_eq!(system["status"], "expired");
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
