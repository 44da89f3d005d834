//! Owners, roles, and doors: who may kick, lock, and change what.

use serde_json::json;

use super::*;

const CLOSE: &str = r#"{"properties":{"system":{"closed":true,"locked":true}}}"#;

/// A session by A that has owners, with B in it.
fn owned(world: &World, policies: &str) -> String {
    let target = session("title", "O");
    let constants = format!(
        r#"{{"constants":{{"system":{{"capabilities":{{"hasOwners":true}},"ownershipPolicies":{policies}}}}},"members""#
    );
    world.call(&put(&target, 'a', &joining('a').replacen(r#"{"members""#, &constants, 1))).is(201);
    world.call(&put(&target, 'b', &joining('b'))).is(200);
    target
}

#[test]
fn s10_an_owner_kicks_and_passes_ownership_on() {
    let world = World::new();
    let target = owned(&world, r#"{"migration":"oldest"}"#);
    world.call(&put(&target, 'b', r#"{"members":{"0":null}}"#)).says(403);
    world.call(&put(&target, 'a', r#"{"members":{"1":null}}"#)).is(200);
    assert_eq!(world.call(&put(&target, 'b', &joining('b'))).is(200).at("/membersInfo/first"), 0);
    world.call(&delete(&format!("{target}/members/2"), 'a')).bare(204);
    world.advance(1_000);
    world.call(&put(&target, 'c', &joining('c'))).is(200);
    world.advance(1_000);
    world.call(&put(&target, 'b', &joining('b'))).is(200);
    let passed = world.call(&put(&target, 'a', LEAVE)).is(200);
    assert_eq!((passed.at("/properties/system/owners"), passed.at("/membersInfo/count")), (json!([3]), json!(2)));
}

#[test]
fn s10_without_migration_everybody_goes_with_the_last_owner() {
    let world = World::new();
    let target = owned(&world, r#"{"migration":"endsession"}"#);
    let shared = r#"{"properties":{"system":{"owners":[0,1]}}}"#;
    world.call(&put(&target, 'b', shared)).is(403);
    assert_eq!(world.call(&put(&target, 'a', shared)).is(200).at("/properties/system/owners"), json!([0, 1]));
    assert_eq!(world.call(&put(&target, 'a', LEAVE)).is(200).at("/properties/system/owners"), json!([1]));
    world.call(&put(&target, 'c', &joining('c'))).is(200);
    world.call(&put(&target, 'b', LEAVE)).bare(204);
    world.call(&get(&target, 'c')).bare(204);
}

#[test]
fn an_owner_whose_time_runs_out_is_succeeded() {
    let world = World::new();
    let target = owned(&world, r#"{"migration":"oldest"}"#);
    world.change(&target, |session| session.members.get_mut(&0).unwrap().deactivate());
    let after = world.call(&get(&target, 'b')).is(200);
    assert_eq!((after.at("/membersInfo/first"), after.at("/properties/system/owners")), (json!(1), json!([1])));
}

#[test]
fn a_locked_session_lets_leavers_back_and_nobody_else() {
    let world = World::new();
    let target = session("lobby", "L1");
    lobby(&world);
    world.call(&put(&target, 'b', &joining('b'))).is(200);
    world.call(&put(&target, 'a', r#"{"properties":{"system":{"locked":true}}}"#)).says(400);
    world.call(&put(&target, 'a', CLOSE)).is(200);
    world.call(&put(&target, 'b', LEAVE)).is(200);
    world.call(&put(&target, 'c', &joining('c'))).is(403);
    world.call(&put(&target, 'b', &joining('b'))).is(200);
    world.call(&put(&target, 'b', LEAVE)).is(200);
    world.call(&put(&target, 'a', r#"{"properties":{"system":{"closed":false}}}"#)).says(400);
    world.call(&put(&target, 'a', r#"{"properties":{"system":{"locked":false}}}"#)).is(200);
    world.call(&put(&target, 'b', &joining('b'))).is(403);
    world.call(&put(&target, 'a', r#"{"members":{"reserve_0":{"constants":{"system":{"xuid":"9000000000000002"}}}}}"#));
    world.call(&put(&target, 'b', &joining('b'))).is(200);
}

#[test]
fn s20_roles_have_owners_and_limits() {
    let world = World::new();
    let target = session("title", "R");
    let create = |types: &str, capabilities: &str| {
        let head = format!(
            r#"{{"constants":{{"system":{{"capabilities":{capabilities}}}}},"roleTypes":{{"class":{types}}},"members""#
        );
        put(&target, 'a', &joining('a').replacen(r#"{"members""#, &head, 1))
    };
    let types = r#"{"ownerManaged":true,"mutableRoleSettings":["max"],"roles":{"healer":{"max":2,"target":1}}}"#;
    world.call(&create(types, "{}")).says(400);
    world.call(&create(&types.replace(r#""target":1"#, r#""target":3"#), r#"{"hasOwners":true}"#)).says(400);
    world.call(&create(&types.replace(r#"["max"]"#, r#"["name"]"#), r#"{"hasOwners":true}"#)).says(400);
    world.call(&create(types, r#"{"hasOwners":true}"#)).is(201);
    world.call(&put(&target, 'b', &joining('b'))).is(200);
    let role = r#"{"members":{"me":{"roles":{"class":"healer"}}}}"#;
    assert_eq!(world.call(&put(&target, 'b', role)).is(403).at("/members/1/roles"), Value::Null);
    assert_eq!(world.call(&put(&target, 'a', role)).is(200).at("/members/0/roles"), json!({"class":"healer"}));
    let raise = r#"{"roleTypes":{"class":{"roles":{"healer":{"max":3}}}}}"#;
    world.call(&put(&target, 'b', raise)).is(403);
    assert_eq!(world.call(&put(&target, 'a', raise)).is(200).at("/roleTypes/class/roles/healer/max"), 3);
    for body in [
        r#"{"roleTypes":{"class":{"roles":{"healer":{"target":2}}}}}"#,
        r#"{"roleTypes":{"class":{"roles":{"bard":{"max":2}}}}}"#,
        r#"{"roleTypes":{"class":{"ownerManaged":false}}}"#,
        r#"{"roleTypes":{"other":{"roles":{}}}}"#,
    ] {
        world.call(&put(&target, 'a', body)).says(409);
    }
    world.call(&put(&target, 'a', &role.replace("healer", "Healer"))).says(400);
}
