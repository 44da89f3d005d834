//! What is refused, with which status and in which form.

use serde_json::json;

use super::*;

#[test]
fn s5_constants_conflict_and_bad_bodies() {
    let world = World::new();
    let target = session("lobby", "L1");
    let created = lobby(&world);
    world.call(&put(&target, 'a', r#"{"constants":{"system":{"maxMembersCount":16}}}"#)).says(409);
    world.call(&put(&target, 'a', r#"{"constants":{"custom":{"mode":"versus"}}}"#)).says(409);
    world.call(&put(&target, 'a', r#"{"constants":{"custom":{"added":1}}}"#)).says(409);
    let same = r#"{"constants":{"system":{"maxMembersCount":8,"visibility":"OPEN","capabilities":{"connectionRequiredForActiveMembers":true,"connectivity":true,"large":false}},"custom":{"mode":"co\u006fp"}}}"#;
    let kept = world.call(&put(&target, 'a', same)).is(200);
    assert_eq!(kept.header("etag"), created.header("etag"));
    world
        .call(&put(&target, 'a', r#"{"members":{"me":{"properties":{"system":{"active":true,"ready":true}}}}}"#))
        .says(400);
    world.call(&put(&target, 'a', r#"{"members":{"1":null}}"#)).says(403);
    world.call(&put(&target, 'a', r#"{"servers":{"x":{}}}"#)).says(403);
    for body in ["", "x", "[]", "null", r#"{"a":1}"#, r#"{"members":{}"#, "{\"properties\":{\"custom\":{\"a\":\u{1}}}}"]
    {
        world.call(&put(&target, 'a', body)).says(400);
    }
    assert_eq!(world.call(&get(&target, 'a')).text(), created.text());
    let wrong = world.call(&Ask::new("POST", &target, 'a').body("{}")).says(405);
    assert_eq!(wrong.header("allow"), "GET, PUT");
    world.call(&put(&session("unknown", "L1"), 'a', CREATE_LOBBY)).says(404);
    world.call(&get(&session("unknown", "L1"), 'a')).says(404);
}

#[test]
fn creation_is_held_to_the_template_and_the_limits() {
    let world = World::new();
    let create = |constants: &str| format!(r#"{{"constants":{{"system":{constants}}},"members":{{"me":{{}}}}}}"#);
    for (template, constants, status) in [
        ("lobby", r#"{"maxMembersCount":16}"#, 409),
        ("lobby", r#"{"maxMembersCount":null}"#, 409),
        ("lobby", r#"{"capabilities":{}}"#, 409),
        ("lobby", r#"{"inactiveRemovalTimeout":60000}"#, 201),
        ("title", r#"{"maxMembersCount":101}"#, 400),
        ("title", r#"{"maxMembersCount":0}"#, 400),
        ("title", r#"{"maxMembersCount":101,"capabilities":{"large":true}}"#, 201),
        ("title", r#"{"capabilities":{"large":true,"connectivity":true}}"#, 400),
        ("title", r#"{"initiators":["2814000000000000"]}"#, 403),
    ] {
        let name = format!("{template}-{constants}");
        let target = session(template, &crate::mpsd::target::percent_encode(&name));
        assert_eq!(world.call(&put(&target, 'a', &create(constants))).status(), status, "{template} {constants}");
    }
}

#[test]
fn every_call_needs_a_token_and_a_known_contract() {
    let world = World::new();
    lobby(&world);
    let target = session("lobby", "L1");
    world.call(&get(&target, 'a').without("authorization")).bare(401);
    world.call(&get(&target, 'a').header("authorization", "Bearer x")).bare(401);
    world.call(&get(&target, 'a').without("x-xbl-contract-version")).says(400);
    for version in ["1", "103", "106", "108", "vnext", ""] {
        world.call(&get(&target, 'a').header("x-xbl-contract-version", version)).says(400);
    }
    world.call(&get("/nowhere", 'a')).says(404);
    world.call(&get(&target.replace(SCID, "scid"), 'a')).says(404);
    world.call(&get(&session("lobby", "a~b"), 'a')).says(404);
    world.call(&get(&session("lobby", "a%0d%0ab"), 'a')).says(404);
    world.call(&get(&session("lobby", &"n".repeat(101)), 'a')).says(404);
}

#[test]
fn preconditions_exclude_each_other() {
    let world = World::new();
    let both = put(&session("lobby", "L1"), 'a', "{}").header("if-match", "*").header("if-none-match", "*");
    world.call(&both).says(400);
}

#[test]
fn visibility_and_restrictions_decide_who_reads_and_joins() {
    for (visibility, restrictions, read, join) in [
        ("open", r#"{}"#, 200, 200),
        ("open", r#"{"joinRestriction":"followed"}"#, 200, 200),
        ("open", r#"{"joinRestriction":"local"}"#, 200, 403),
        ("open", r#"{"joinRestriction":"local","readRestriction":"local"}"#, 403, 403),
        ("open", r#"{"closed":true}"#, 200, 403),
        ("visible", r#"{}"#, 200, 403),
        ("private", r#"{}"#, 403, 403),
    ] {
        let world = World::new();
        let target = session("title", "T");
        let create = format!(
            r#"{{"constants":{{"system":{{"visibility":"{visibility}"}}}},"properties":{{"system":{restrictions}}},"members":{{"me":{{"properties":{{"system":{{"active":true}}}}}}}}}}"#
        );
        world.call(&put(&target, 'a', &create)).is(201);
        assert_eq!(world.call(&get(&target, 'b')).status(), read, "read {visibility} {restrictions}");
        let refused = world.call(&put(&target, 'b', &joining('b'))).is(join);
        let form = if read == 200 { "application/json" } else { "text/plain" };
        assert_eq!(refused.header("content-type"), form, "{visibility} {restrictions}");
        let beside = Ask { user: 'a', ..put(&target, 'c', &joining('c')) };
        let is_local = restrictions.contains("local");
        assert_eq!(
            world.call(&beside).status(),
            if is_local { 200 } else { join },
            "local {visibility} {restrictions}"
        );
    }
}

#[test]
fn outsiders_write_open_sessions_without_joining() {
    let world = World::new();
    let target = session("lobby", "L1");
    lobby(&world);
    let wrote = world.call(&put(&target, 'b', r#"{"properties":{"custom":{"map":"docks"}}}"#)).is(200);
    assert_eq!((wrote.at("/properties/custom/map"), wrote.at("/membersInfo/count")), (json!("docks"), json!(1)));
    let reserve = r#"{"members":{"reserve_0":{"constants":{"system":{"xuid":"9000000000000009"}}}}}"#;
    assert_eq!(world.call(&put(&target, 'b', reserve)).is(403).at("/membersInfo/count"), 1);
    world.call(&put(&target, 'b', LEAVE)).is(200);
    world.call(&put(&target, 'a', r#"{"properties":{"system":{"closed":true}}}"#)).is(200);
    world.call(&put(&target, 'b', r#"{"properties":{"custom":{"map":"forest"}}}"#)).is(403);
}

#[test]
fn a_full_session_takes_nobody_else() {
    let world = World::new();
    let target = session("priv", "P");
    world.call(&put(&target, 'a', &joining('a'))).is(201);
    let reserve = |from: usize, count: usize| {
        let entry = |n: usize| format!(r#""reserve_{n}":{{"constants":{{"system":{{"xuid":"{}"}}}}}}"#, 100 + from + n);
        format!(r#"{{"members":{{{}}}}}"#, (0..count).map(entry).collect::<Vec<_>>().join(","))
    };
    world.call(&put(&target, 'a', &reserve(0, 4))).says(409);
    world.call(&put(&target, 'a', &reserve(0, 3))).is(200);
    world.call(&put(&target, 'a', &reserve(3, 1))).says(409);
}

#[test]
fn fields_at_odds_with_the_session_conflict() {
    let world = World::new();
    let target = session("priv", "P");
    world.call(&put(&target, 'a', &joining('a'))).is(201);
    world.call(&put(&session("game", "G"), 'a', &joining('a'))).is(201);
    for (template, body, status) in [
        ("priv", r#"{"properties":{"system":{"keywords":["a"]}}}"#, 409),
        ("priv", r#"{"properties":{"system":{"owners":[0]}}}"#, 409),
        ("priv", r#"{"properties":{"system":{"initializationSucceeded":true}}}"#, 409),
        ("priv", r#"{"properties":{"system":{"joinRestriction":"followed","readRestriction":"local"}}}"#, 400),
        ("priv", r#"{"members":{"me":{"properties":{"system":{"secureDeviceAddress":"AAAA"}}}}}"#, 409),
        ("priv", r#"{"members":{"me":{"constants":{"system":{"team":"red"}}}}}"#, 409),
        ("priv", r#"{"members":{"me":{"constants":{"system":{"xuid":"9000000000000001","initialize":false}}}}}"#, 200),
        ("game", r#"{"properties":{"system":{"readRestriction":"none"}}}"#, 409),
        ("game", r#"{"properties":{"system":{"owners":[]}}}"#, 400),
        ("game", r#"{"properties":{"system":{"joinRestriction":"followed"}}}"#, 200),
    ] {
        let name = if template == "priv" { "P" } else { "G" };
        assert_eq!(world.call(&put(&session(template, name), 'a', body)).status(), status, "{body}");
    }
    let raised = world.call(&get(&session("game", "G"), 'a'));
    assert_eq!(raised.at("/properties/system/readRestriction"), "followed");
}

#[test]
fn bodies_and_documents_have_a_limit() {
    let world = World::new();
    let target = session("lobby", "L1");
    lobby(&world);
    let fill =
        |name: &str, size: usize| format!(r#"{{"properties":{{"custom":{{"{name}":"{}"}}}}}}"#, "x".repeat(size));
    world.call(&put(&target, 'a', &fill("a", 1 << 20))).says(400);
    world.call(&put(&target, 'a', &fill("a", 600_000))).is(200);
    world.call(&put(&target, 'a', &fill("b", 600_000))).says(400);
    world.call(&put(&target, 'a', &fill("a", 10))).is(200);
    world.call(&put(&target, 'a', &fill("b", 600_000))).is(200);
}
