//! Servers of a title: what only they may do, and the elements of a session.

use serde_json::json;

use super::*;
use crate::emulator::intent::{Intent, Newcomer};
use crate::mpsd::bag::Delta;

#[test]
fn a_server_writes_servers_and_needs_no_membership() {
    let world = World::new();
    let target = session("lobby", "L1");
    lobby(&world);
    let body = r#"{"servers":{"x":{"constants":{"custom":{"n":1.50}},"properties":{"custom":{"a":1,"b":2}}}}}"#;
    world.call(&put(&target, 'a', body)).says(403);
    world.call(&put(&target, 'a', r#"{"servers":{}}"#)).says(403);
    let written = world.serve(&put(&target, 'z', body)).is(200);
    let bags = json!({"constants":{"system":{},"custom":{"n":1.5}},"properties":{"system":{},"custom":{"a":1,"b":2}}});
    assert_eq!(written.at("/servers/x"), bags);
    assert!(written.text().contains("1.50"));
    let merged = r#"{"servers":{"x":{"properties":{"custom":{"a":null}}}}}"#;
    assert_eq!(world.serve(&put(&target, 'z', merged)).at("/servers/x/properties/custom"), json!({"b":2}));
    world.serve(&put(&target, 'z', r#"{"servers":{"x":{"constants":{"custom":{"n":2}}}}}"#)).says(409);
    world.serve(&put(&target, 'z', r#"{"servers":{"x":{"properties":{"system":{"status":"lost"}}}}}"#)).says(400);
    world.serve(&put(&target, 'z', &joining('z'))).says(403);
    assert_eq!(world.serve(&put(&target, 'z', r#"{"servers":{"x":null}}"#)).is(200).at("/servers"), json!({}));
}

#[test]
fn servers_are_elements() {
    let world = World::new();
    let target = session("lobby", "L1");
    let server = format!("{target}/servers/arbitration");
    let body = r#"{"constants":{"system":{"startTime":"2026-01-02T03:04:05Z"}}}"#;
    world.serve(&put(&server, 'z', body)).says(404);
    lobby(&world);
    world.call(&get(&server, 'a')).bare(204);
    world.call(&put(&server, 'a', body)).says(403);
    let written = world.serve(&put(&server, 'z', body)).is(200);
    assert_eq!(written.at("/servers/arbitration/constants/system/startTime"), "2026-01-02T03:04:05Z");
    assert_eq!(world.call(&get(&server, 'a')).is(200).at("/constants/system/startTime"), "2026-01-02T03:04:05Z");
    world.call(&delete(&server, 'a')).says(403);
    let current = world.call(&get(&target, 'a')).header("etag").to_owned();
    assert_eq!(world.serve(&delete(&server, 'z').header("if-match", "\"other\"")).is(412).header("etag"), current);
    world.serve(&delete(&server, 'z').header("if-match", &current)).bare(204);
    world.serve(&delete(&server, 'z')).bare(204);
    assert_eq!(world.call(&get(&target, 'a')).at("/servers"), json!({}));
}

#[test]
fn a_server_removes_members_by_index() {
    let world = World::new();
    let target = session("lobby", "L1");
    lobby(&world);
    for user in ['b', 'c'] {
        world.call(&put(&target, user, &joining(user))).is(200);
    }
    world.call(&delete(&format!("{target}/members/1"), 'a')).says(403);
    world.call(&delete(&format!("{target}/members/x"), 'a')).says(404);
    world.serve(&delete(&format!("{target}/members/1"), 'z')).bare(204);
    let left = world.serve(&put(&target, 'z', r#"{"members":{"2":null}}"#)).is(200);
    assert_eq!(left.at("/membersInfo"), json!({"first":0,"next":3,"count":1,"accepted":1,"active":1}));
    world.serve(&delete(&format!("{target}/members/0"), 'z')).bare(204);
    world.call(&get(&target, 'a')).bare(204);
}

#[test]
fn an_element_reads_by_itself() {
    let world = World::new();
    let target = session("lobby", "L1");
    world.call(&get(&format!("{target}/properties"), 'a')).says(404);
    let whole = lobby(&world);
    for (element, pointer) in [("properties", "/properties"), ("members/me", "/members/0"), ("members/0", "/members/0")]
    {
        let got = world.call(&get(&format!("{target}/{element}"), 'a')).is(200);
        assert_eq!((got.json(), got.header("etag")), (whole.at(pointer), whole.header("etag")), "{element}");
    }
    for element in ["members/me", "members/7", "servers/x"] {
        world.call(&get(&format!("{target}/{element}"), 'b')).bare(204);
    }
    let wrong = world.call(&Ask::new("POST", &format!("{target}/members/me"), 'a')).says(405);
    assert_eq!(wrong.header("allow"), "GET, PUT, DELETE");
}

#[test]
fn a_server_starts_sessions_others_may_not() {
    let world = World::new();
    let target = session("title", "T");
    let create = r#"{"constants":{"system":{"visibility":"private","initiators":["1"]}},
        "members":{"reserve_0":{"constants":{"system":{"xuid":"9000000000000001"}}}}}"#;
    world.serve(&put(&target, 'z', create)).is(201);
    assert_eq!(world.serve(&get(&target, 'z')).is(200).at("/membersInfo/accepted"), 0);
    world.call(&get(&target, 'b')).says(403);
    world.call(&put(&target, 'a', &joining('a'))).is(200);
}

#[test]
fn services_of_the_emulator_start_and_change_sessions_too() {
    let world = World::new();
    let target = session("target", "M1");
    let reference = crate::mpsd::name::SessionRef { scid: SCID.into(), template: "target".into(), name: "M1".into() };
    let seat = |user: char| {
        let system = [("initialize", "true".to_owned())].into_iter().collect();
        let constants = Delta { system, custom: None };
        Newcomer { xuid: Some(xuid(user)), constants, ..Newcomer::default() }
    };
    let intent = Intent { reserve: vec![seat('a'), seat('b')], ..Intent::default() };
    {
        let mut store = world.emulator.store();
        world.emulator.desk(&mut store, crate::emulator::Ticket::AT_ONCE).found(&reference, &intent).unwrap();
    }
    let joined = world.call(&put(&target, 'a', &joining('a'))).is(200);
    assert_eq!((joined.at("/initializing/stage"), joined.at("/changeNumber")), (json!("joining"), json!(2)));
    world.change(&target, |_| {});
    assert_eq!(world.call(&get(&target, 'a')).at("/changeNumber"), 2);
    world.change(&target, |session| drop(session.members.remove(&1)));
    let failed = world.call(&get(&target, 'a')).is(200);
    assert_eq!((failed.at("/initializing/stage"), failed.at("/changeNumber")), (json!("failed"), json!(3)));
}
