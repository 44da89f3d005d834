//! Time as sessions see it: lazy timers, one step at a time, and what answers say of the next one.

use serde_json::json;

use super::*;

const INACTIVE: &str = r#"{"members":{"me":{"properties":{"system":{"active":false,"ready":false}}}}}"#;

const READY: &str = r#"{"members":{"me":{"properties":{"system":{"active":false,"ready":true}}}}}"#;

#[test]
fn s9_a_reservation_runs_out_when_somebody_looks() {
    let world = World::new();
    let target = session("priv", "P1");
    world.call(&put(&target, 'a', &joining('a'))).is(201);
    let reserve = r#"{"members":{"reserve_0":{"constants":{"system":{"xuid":"9000000000000002"}}},
        "reserve_1":{"constants":{"system":{"xuid":"9000000000000003"}}}}}"#;
    let reserved = world.call(&put(&target, 'a', reserve)).is(200);
    assert_eq!(reserved.at("/nextTimer"), "2026-01-02T03:04:35.0000000Z");
    assert_eq!(reserved.header("expires"), "Fri, 02 Jan 2026 03:04:35 GMT");
    world.call(&get(&target, 'd')).says(403);
    let joined = world.call(&put(&target, 'b', &joining('b'))).is(200);
    assert_eq!(joined.at("/nextTimer"), reserved.at("/nextTimer"));
    world.advance(29_999);
    assert_eq!(world.call(&get(&target, 'a')).is(200).text(), joined.text());
    world.advance(2);
    let after = world.call(&get(&target, 'a').header("if-none-match", joined.header("etag"))).is(200);
    assert_eq!(after.at("/membersInfo"), json!({"first":0,"next":3,"count":2,"accepted":2,"active":2}));
    assert_eq!(after.at("/members/1/next"), 3);
    assert_eq!(after.at("/changeNumber"), joined.at("/changeNumber").as_u64().unwrap() + 1);
    assert_eq!((after.at("/nextTimer"), after.header("expires")), (Value::Null, ""));
    world.call(&put(&target, 'c', &joining('c'))).says(403);
}

#[test]
fn s12_an_inactive_member_has_its_time_to_come_back() {
    let world = World::new();
    let target = session("slow", "S1");
    world.call(&put(&target, 'a', &joining('a'))).is(201);
    world.call(&put(&target, 'b', &joining('b'))).is(200);
    world.change(&target, |session| session.members.get_mut(&1).unwrap().deactivate());
    let seen = world.call(&get(&target, 'a')).is(200);
    assert_eq!((seen.at("/membersInfo/active"), seen.at("/changeNumber")), (json!(1), json!(3)));
    assert_eq!(seen.at("/nextTimer"), "2026-01-02T03:05:05.0000000Z");

    world.advance(20_000);
    let back = world.call(&put(&target, 'b', &joining('b'))).is(200);
    assert_eq!((back.at("/membersInfo/active"), back.at("/nextTimer")), (json!(2), Value::Null));
    world.advance(50_000);
    world.call(&put(&target, 'b', INACTIVE)).is(200);
    world.advance(59_999);
    assert_eq!(world.call(&get(&target, 'a')).at("/membersInfo/count"), 2);
    world.advance(2);
    assert_eq!(world.call(&put(&target, 'a', "{}")).is(200).at("/membersInfo/count"), 1);
}

#[test]
fn s13_an_immediate_timer_waits_for_the_next_look() {
    let world = World::new();
    let target = session("lobby", "L1");
    lobby(&world);
    for user in ['b', 'c', 'd'] {
        world.call(&put(&target, user, &joining(user))).is(200);
    }
    world.call(&put(&target, 'c', LEAVE)).is(200);
    world.call(&put(&target, 'd', LEAVE)).is(200);
    world.change(&target, |session| session.members.get_mut(&1).unwrap().deactivate());
    let looked = world.call(&get(&target, 'a')).is(200);
    assert_eq!(looked.at("/membersInfo"), json!({"first":0,"next":4,"count":1,"accepted":1,"active":1}));
    world.call(&put(&target, 'a', LEAVE)).bare(204);
}

#[test]
fn the_write_that_makes_a_member_inactive_still_shows_it() {
    let world = World::new();
    let target = session("lobby", "L1");
    lobby(&world);
    world.call(&put(&target, 'b', &joining('b'))).is(200);
    let idle = world.call(&put(&target, 'b', INACTIVE)).is(200);
    assert_eq!(idle.at("/membersInfo"), json!({"first":0,"next":2,"count":2,"accepted":2,"active":1}));
    assert_eq!(idle.at("/nextTimer"), "2026-01-02T03:04:05.0000000Z");
    assert_eq!(world.call(&get(&target, 'a')).at("/membersInfo/count"), 1);
}

#[test]
fn a_writer_comes_back_before_its_timer_unless_told_otherwise() {
    for (is_spared, index) in [(true, json!(0)), (false, Value::Null)] {
        let world = World::with(7, |policies| policies.writer_is_spared = is_spared);
        let target = session("lobby", "L1");
        lobby(&world);
        world.call(&put(&target, 'b', &joining('b'))).is(200);
        world.call(&put(&target, 'a', INACTIVE)).is(200);
        let back = world.call(&put(&target, 'a', &joining('a'))).is(200);
        assert_eq!(back.at("/members/0/constants/system/index"), index);
        assert_eq!(back.at("/membersInfo/active"), 2);
    }
}

#[test]
fn ready_becomes_inactive_first_and_goes_at_the_next_look() {
    let world = World::new();
    let target = session("lobby", "L1");
    lobby(&world);
    world.call(&put(&target, 'b', &joining('b'))).is(200);
    let ready = world.call(&put(&target, 'b', READY)).is(200);
    assert_eq!(ready.at("/nextTimer"), "2026-01-02T03:07:05.0000000Z");
    world.advance(1_000_000);
    let idle = world.call(&get(&target, 'a')).is(200);
    assert_eq!((idle.at("/members/1/properties/system/ready"), idle.at("/membersInfo/count")), (Value::Null, json!(2)));
    assert_eq!(world.call(&get(&target, 'a')).at("/membersInfo/count"), 1);

    let world = World::with(7, |policies| policies.ready_expiry = crate::emulator::policy::ReadyExpiry::Removed);
    lobby(&world);
    world.call(&put(&target, 'b', READY)).is(200);
    world.advance(1_000_000);
    assert_eq!(world.call(&get(&target, 'a')).at("/membersInfo/count"), 1);
}

#[test]
fn a_timeout_of_null_never_comes() {
    let world = World::new();
    let target = session("title", "T");
    let create = r#"{"constants":{"system":{"inactiveRemovalTimeout":null,"reservedRemovalTimeout":null}},
        "members":{"me":{},"reserve_0":{"constants":{"system":{"xuid":"9000000000000009"}}}}}"#;
    let created = world.call(&put(&target, 'a', create)).is(201);
    assert_eq!(created.at("/nextTimer"), Value::Null);
    world.advance(10_000_000_000);
    assert_eq!(world.call(&get(&target, 'a')).is(200).text(), created.text());
}

#[test]
fn the_last_timer_ends_the_session_or_starts_its_empty_time() {
    let world = World::new();
    let (lobby, slow) = (session("lobby", "L1"), session("slow", "S1"));
    for target in [&lobby, &slow] {
        world.call(&put(target, 'a', &joining('a'))).is(201);
        world.call(&put(target, 'a', INACTIVE)).is(200);
    }
    world.call(&get(&lobby, 'b')).bare(204);
    world.advance(60_000);
    let empty = world.call(&get(&slow, 'b')).is(200);
    assert_eq!((empty.at("/members"), empty.at("/nextTimer")), (json!({}), json!("2026-01-02T03:05:35.0000000Z")));
    world.advance(30_000);
    world.call(&get(&slow, 'b')).bare(204);
}

#[test]
fn a_refused_or_uncommitted_write_ages_the_session_too() {
    let world = World::new();
    let target = session("lobby", "L1");
    lobby(&world);
    world.call(&put(&target, 'b', &joining('b'))).is(200);
    let idle = world.call(&put(&target, 'b', INACTIVE)).is(200);
    let stale = world.call(&put(&target, 'a', "{}").header("if-match", idle.header("etag"))).is(412);
    assert_eq!((stale.at("/membersInfo/count"), stale.at("/changeNumber")), (json!(1), json!(4)));
    let dry = world.call(&put(&format!("{target}?nocommit=true"), 'a', INACTIVE)).is(200);
    assert_eq!(dry.at("/nextTimer"), "2026-01-02T03:04:05.0000000Z");
    assert_eq!(world.call(&get(&target, 'a')).is(200).at("/changeNumber"), 4);
}
