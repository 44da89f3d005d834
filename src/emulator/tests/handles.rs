//! Handles from the outside: invites, activities, transfers.

use serde_json::json;

use super::*;

/// A `game` session by A, and the invite handle A made for B.
fn invited(world: &World) -> String {
    world.call(&put(&session("game", "G1"), 'a', &joining('a'))).is(201);
    let made = world.call(&post('a', &invite("G1"))).is(201);
    made.at("/id").as_str().unwrap().to_owned()
}

fn invite(name: &str) -> String {
    format!(
        r#"{{"version":1,"type":"invite","sessionRef":{},"invitedXuid":"9000000000000002","inviteAttributes":{{"titleId":"1234567890","context":"slot2"}}}}"#,
        session_ref("game", name)
    )
}

fn activity(name: &str) -> String {
    format!(r#"{{"version":1,"type":"activity","sessionRef":{}}}"#, session_ref("lobby", name))
}

fn transfer(from: &str, to: &str) -> String {
    format!(
        r#"{{"type":"transfer","version":1,"sessionRef":{},"originSessionRef":{}}}"#,
        session_ref("game", to),
        session_ref("lobby", from)
    )
}

#[test]
fn s6_an_invite_opens_a_restricted_session() {
    let world = World::new();
    let id = invited(&world);
    let target = session("game", "G1");
    let made = world.call(&get(&format!("/handles/{id}"), 'a')).is(200);
    assert_eq!((made.at("/type"), made.at("/senderXuid")), (json!("invite"), json!("9000000000000001")));
    assert_eq!(made.at("/inviteAttributes"), json!({"titleId":"1234567890","context":"slot2"}));
    assert_eq!(
        (made.at("/inviteProtocol"), made.at("/expiration")),
        (json!("game"), json!("2026-01-03T03:04:05.0000000Z"))
    );

    world.call(&put(&target, 'b', &joining('b'))).says(403);
    world.call(&get(&target, 'b')).says(403);
    let by_handle = format!("/handles/{}/session", id.to_uppercase());
    let read = world.call(&get(&by_handle, 'b')).is(200);
    assert_eq!(read.header("content-location"), target);
    let joined = world.call(&put(&by_handle, 'b', &joining('b')).header("if-match", "*")).is(200);
    assert_eq!((joined.header("content-location"), joined.at("/membersInfo/count")), (target.as_str(), json!(2)));

    world.call(&put(&target, 'a', r#"{"properties":{"system":{"closed":true}}}"#)).is(200);
    world.call(&get(&by_handle, 'c')).is(200);
    let refused = world.call(&put(&by_handle, 'c', &joining('c'))).is(403);
    assert_eq!((refused.at("/membersInfo/count"), refused.header("etag").is_empty()), (json!(2), false));
    world.advance(24 * 60 * 60 * 1_000);
    world.call(&get(&by_handle, 'c')).says(404);
}

#[test]
fn s6_ids_that_lead_nowhere() {
    let world = World::new();
    for method in ["GET", "PUT"] {
        let stale = "/handles/deadbeef-0000-4000-8000-00000000dead/session";
        world.call(&Ask::new(method, stale, 'b').body(&joining('b'))).says(404);
        for id in ["00000000-0000-0000-0000-000000000000", "handle", ""] {
            world.call(&Ask::new(method, &format!("/handles/{id}/session"), 'b').body("{}")).says(400);
        }
    }
    world.call(&Ask::new("DELETE", "/handles/deadbeef-0000-4000-8000-00000000dead", 'b')).says(404);
}

#[test]
fn s7_one_activity_a_player() {
    let world = World::new();
    lobby(&world);
    let first = world.call(&post('a', &activity("L1"))).is(201);
    let path = format!("/handles/{}", first.at("/id").as_str().unwrap());
    assert_eq!((first.header("location"), first.header("content-location")), (path.as_str(), path.as_str()));
    assert_eq!(first.header("cache-control"), "no-cache, no-store");
    assert_eq!((first.at("/ownerXuid"), first.at("/titleId")), (json!("9000000000000001"), json!("1234567890")));
    assert_eq!(
        (first.at("/createTime"), first.at("/inviteProtocol")),
        (json!("2026-01-02T03:04:05.0000000Z"), json!("game"))
    );
    assert_eq!(world.call(&get(&session("lobby", "L1"), 'a')).at("/changeNumber"), 2);

    world.call(&put(&session("lobby", "L2"), 'a', &joining('a'))).is(201);
    let second = world.call(&post('a', &activity("L2"))).is(201).header("location").to_owned();
    world.call(&get(&format!("{path}/session"), 'a')).says(404);
    let by_handle = world.call(&put(&format!("{second}/session"), 'b', &joining('b'))).is(200);
    assert_eq!(by_handle.header("content-location"), session("lobby", "L2"));

    world.call(&Ask::new("DELETE", &second, 'b')).says(403);
    world.call(&Ask::new("DELETE", &second, 'a')).bare(204);
    world.call(&get(&second, 'a')).says(404);

    let third = world.call(&post('a', &activity("L1"))).is(201).header("location").to_owned();
    assert_ne!(third, path);
    let inactive = r#"{"members":{"me":{"properties":{"system":{"active":false,"ready":false}}}}}"#;
    let idle = world.call(&put(&session("lobby", "L1"), 'a', inactive)).is(200);
    assert_eq!((idle.at("/membersInfo/active"), idle.at("/members/0/activeTitleId")), (json!(0), Value::Null));
    world.call(&get(&third, 'a')).says(404);
    world.call(&post('a', &activity("L1"))).says(403);
}

#[test]
fn creating_an_activity_makes_held_tags_stale() {
    let world = World::new();
    let etag = lobby(&world).header("etag").to_owned();
    world.call(&post('a', &activity("L1"))).is(201);
    let stale = world.call(&put(&session("lobby", "L1"), 'a', "{}").header("if-match", &etag)).is(412);
    assert_eq!(stale.at("/changeNumber"), 2);
}

#[test]
fn s15_a_transfer_handle_lets_the_lobby_into_the_game() {
    let world = World::new();
    lobby(&world);
    world.call(&put(&session("lobby", "L1"), 'b', &joining('b'))).is(200);
    world.call(&post('a', &transfer("L1", "GM1"))).says(403);
    world.call(&put(&session("game", "GM1"), 'a', &joining('a'))).is(201);
    let made = world.call(&post('a', &transfer("L1", "GM1"))).is(201);
    assert_eq!(made.at("/originSessionRef/name"), "L1");
    assert_eq!(world.call(&get(&session("game", "GM1"), 'a')).at("/changeNumber"), 2);
    let by_handle = format!("{}/session", made.header("location"));
    world.call(&put(&by_handle, 'c', &joining('c'))).says(403);
    let joined = world.call(&put(&by_handle, 'b', &joining('b')).header("if-match", "*")).is(200);
    assert_eq!(joined.header("content-location"), session("game", "GM1"));
    for user in ['a', 'b'] {
        world.call(&put(&session("game", "GM1"), user, LEAVE));
    }
    world.call(&get(&by_handle, 'b')).says(404);
}

#[test]
fn an_invite_may_come_before_its_session() {
    let world = World::new();
    let made = world.call(&post('a', &invite("later"))).is(201);
    let by_handle = format!("{}/session", made.header("location"));
    let absent = world.call(&get(&by_handle, 'b')).bare(204);
    assert_eq!(absent.header("content-location"), session("game", "later"));
    world.call(&put(&by_handle, 'b', &joining('b')).header("if-match", "*")).bare(412);
    world.call(&put(&by_handle, 'b', "")).bare(204);
    world.call(&put(&by_handle, 'b', &joining('b'))).is(201);
    world.call(&put(&by_handle, 'b', "")).is(200);
}

#[test]
fn an_activity_without_a_name_gets_one() {
    let world = World::new();
    let body = format!(r#"{{"type":"activity","version":1,"sessionRef":{{"scid":"{SCID}","templateName":"lobby"}}}}"#);
    let made = world.call(&post('a', &body)).is(201);
    assert!(crate::mpsd::name::is_guid(made.at("/sessionRef/name").as_str().unwrap()));
}

#[test]
fn s10_owners_keep_the_door() {
    let world = World::new();
    let id = invited(&world);
    let target = session("game", "G1");
    let joined = world.call(&put(&format!("/handles/{id}/session"), 'b', &joining('b'))).is(200);
    assert_eq!(joined.at("/properties/system/owners"), json!([0]));
    assert_eq!(
        (joined.at("/properties/system/joinRestriction"), joined.at("/properties/system/readRestriction")),
        (json!("local"), json!("local"))
    );
    world.call(&post('b', &invite("G1"))).says(403);
    let refused = world.call(&put(&target, 'b', r#"{"properties":{"system":{"closed":true}}}"#)).is(403);
    assert_eq!(refused.at("/properties/system/closed"), Value::Null);
    world.call(&put(&target, 'b', r#"{"properties":{"system":{"owners":[0],"turn":[],"closed":false}}}"#)).is(200);
    world.call(&put(&target, 'b', r#"{"members":{"0":null}}"#)).says(403);
    let passed = world.call(&put(&target, 'a', LEAVE)).is(200);
    assert_eq!((passed.at("/properties/system/owners"), passed.at("/membersInfo/first")), (json!([1]), json!(1)));
    let back = r#"{"members":{"reserve_0":{"constants":{"system":{"xuid":"9000000000000001"}}}}}"#;
    world.call(&put(&target, 'b', back)).is(200);
    world.call(&put(&target, 'a', &joining('a'))).is(200);
    world.call(&put(&target, 'b', r#"{"members":{"2":null}}"#)).is(200);
    world.call(&get(&target, 'a')).says(403);
}

#[test]
fn handle_requests_that_cannot_be() {
    let world = World::new();
    lobby(&world);
    let reference = session_ref("lobby", "L1");
    for body in [
        "",
        "[]",
        r#"{"type":"activity"}"#,
        &format!(r#"{{"type":"correlation","sessionRef":{reference}}}"#),
        &format!(r#"{{"type":"activity","version":2,"sessionRef":{reference}}}"#),
        &format!(r#"{{"type":"activity","type":"invite","sessionRef":{reference}}}"#),
        &format!(r#"{{"type":"activity","extra":1,"sessionRef":{reference}}}"#),
        &format!(r#"{{"type":"invite","sessionRef":{reference}}}"#),
        &format!(r#"{{"type":"invite","invitedXuid":"x","sessionRef":{reference}}}"#),
        &format!(
            r#"{{"type":"invite","invitedXuid":"1","inviteAttributes":{{"titleId":"-1"}},"sessionRef":{reference}}}"#
        ),
        &format!(
            r#"{{"type":"invite","invitedXuid":"1","inviteAttributes":{{"context":"{}"}},"sessionRef":{reference}}}"#,
            "é".repeat(50)
        ),
        &format!(r#"{{"type":"transfer","sessionRef":{reference}}}"#),
        r#"{"type":"activity","sessionRef":{"scid":"x","templateName":"lobby","name":"L1"}}"#,
        r#"{"type":"activity","sessionRef":{"scid":"00000000-0000-0000-0000-0000000c0de1","templateName":"lobby","sessionName":"L1"}}"#,
        r#"{"type":"activity","sessionRef":{"scid":"00000000-0000-0000-0000-0000000c0de1","templateName":"lobby","name":"a~b"}}"#,
    ] {
        world.call(&post('a', body)).says(400);
    }
    world
        .call(&post('a', &format!(r#"{{"type":"activity","sessionRef":{}}}"#, session_ref("unknown", "L1"))))
        .says(404);
    world.call(&post('b', &activity("L1"))).says(403);
    world.call(&post('b', &activity("L9"))).says(403);
    world.call(&post('a', &format!(r#"{{"type":"invite","invitedXuid":2,"sessionRef":{reference}}}"#))).is(201);
}

#[test]
fn a_new_handle_shows_what_is_asked_to_go_with_it() {
    let world = World::new();
    lobby(&world);
    let mut ask = post('a', &activity("L1"));
    ask.target = "/handles?include=RelatedInfo,activityInfo".into();
    let made = world.call(&ask).is(201);
    assert_eq!((made.at("/relatedInfo/membersCount"), made.at("/customProperties")), (json!(1), Value::Null));
    assert_eq!(made.at("/sessionRef/name"), "L1");
}

#[test]
fn what_the_documents_leave_open_about_handles_can_be_set() {
    let world = World::with(7, |policies| {
        policies.handle_created_status = 200;
        policies.handle_deleted_status = 200;
        policies.foreign_handle_status = 404;
        policies.activity_refused_status = 409;
        policies.handle_shows_session = true;
        policies.unknown_include_refused = true;
        policies.search_handle_replaces = false;
    });
    lobby(&world);
    let made = world.call(&post('a', &activity("L1"))).is(200);
    let path = made.header("location");
    assert_eq!(world.call(&get(path, 'a')).is(200).at("/changeNumber"), 2);
    world.call(&post('b', &activity("L1"))).says(409);
    world.call(&Ask::new("DELETE", path, 'b')).says(404);
    world.call(&Ask::new("DELETE", path, 'a')).bare(200);
    let mut ask = post('a', &activity("L1"));
    ask.target = "/handles?include=everything".into();
    world.call(&ask).says(400);
    world.call(&put(&session("game", "G1"), 'a', &joining('a'))).is(201);
    let search = format!(r#"{{"type":"search","sessionRef":{}}}"#, session_ref("game", "G1"));
    world.call(&post('a', &search)).is(200);
    world.call(&post('a', &search)).says(409);
}

#[test]
fn who_has_made_handles_before_goes_on_when_nobody_new_may() {
    let world = World::new();
    let (mut store, now) = (world.emulator.store(), world.clock.now());
    for n in 0..crate::emulator::caps::STORE as u64 {
        assert_eq!(store.handles.next(&format!("e{n}"), now), Some(0));
        assert_eq!(store.tickets.next(&format!("e{n}")), Some(0));
    }
    assert_eq!((store.handles.next("new", now), store.tickets.next("new")), (None, None));
    assert_eq!((store.handles.next("e7", now), store.tickets.next("e7")), (Some(1), Some(1)));
}
