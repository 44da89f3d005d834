//! Every switch switches: the choices around writing and reading sessions, each way.

use serde_json::json;

use super::*;

fn with(choose: impl FnOnce(&mut Policies)) -> World {
    let world = World::with(7, choose);
    lobby(&world);
    world
}

#[test]
fn custom_merges_as_deep_as_chosen() {
    let target = session("lobby", "L1");
    let nested = r#"{"properties":{"custom":{"o":{"x":{"a":1},"y":2}}}}"#;
    let change = r#"{"properties":{"custom":{"o":{"x":{"b":1.50},"y":null}}}}"#;
    for (depth, merged) in [
        (crate::emulator::policy::MergeDepth::Shallow, r#""o":{"x":{"b":1.50},"y":null}"#),
        (crate::emulator::policy::MergeDepth::Deep, r#""o":{"x":{"a":1,"b":1.50}}"#),
    ] {
        let world = with(|policies| policies.custom_merge = depth);
        world.call(&put(&target, 'a', nested)).is(200);
        let once = world.call(&put(&target, 'a', change)).is(200);
        assert!(once.text().contains(merged), "{}", once.text());
        assert_eq!(world.call(&put(&target, 'a', change)).header("etag"), once.header("etag"));
    }
}

#[test]
fn statuses_are_as_chosen() {
    let target = session("lobby", "L1");
    let other = session("lobby", "none");
    let world = with(|policies| {
        policies.absent_status = 404;
        policies.absent_match_status = 404;
        policies.contract_status = 406;
        policies.element_gone_status = 200;
        policies.reserve_again_status = 409;
        policies.full_status = 400;
        policies.role_full_status = 403;
        policies.large_field_status = 400;
    });
    world.call(&get(&other, 'a')).says(404);
    world.call(&put(&other, 'a', "{}").header("if-match", "*")).says(404);
    world.call(&get(&target, 'a').header("x-xbl-contract-version", "106")).says(406);
    let again = r#"{"members":{"reserve_0":{"constants":{"system":{"xuid":"9000000000000001"}}}}}"#;
    world.call(&put(&target, 'a', again)).says(409);
    let large = r#"{"members":{"me":{"properties":{"system":{"subscription":{"id":"x"}}}}}}"#;
    world.call(&put(&session("big", "B"), 'a', large)).says(400);
    world.call(&put(&session("priv", "P"), 'a', &joining('a'))).is(201);
    let seats = |n: usize| format!(r#""reserve_{n}":{{"constants":{{"system":{{"xuid":"{}"}}}}}}"#, 50 + n);
    let seats = (0..4).map(seats).collect::<Vec<_>>().join(",");
    world.call(&put(&session("priv", "P"), 'a', &format!(r#"{{"members":{{{seats}}}}}"#))).says(400);
    let role = |user| joining(user).replacen(r#""me":{"#, r#""me":{"roles":{"class":"healer"},"#, 1);
    world.call(&put(&session("roles", "R"), 'a', &role('a'))).is(201);
    world.call(&put(&session("roles", "R"), 'b', &role('b'))).says(403);
}

#[test]
fn tags_and_conditions_are_as_chosen() {
    let target = session("lobby", "L1");
    let world = with(|policies| {
        policies.no_change_keeps_etag = false;
        policies.both_conditions_refused = false;
        policies.unmet_shows_session = true;
        policies.nocommit_counts = false;
    });
    assert_eq!(world.call(&put(&target, 'a', "{}")).is(200).at("/changeNumber"), 2);
    assert_eq!(world.call(&get(&target, 'a')).is(200).at("/changeNumber"), 2);
    world.call(&put(&target, 'a', "{}").header("if-match", "*").header("if-none-match", "*")).is(200);
    assert_eq!(world.call(&put(&target, 'a', "{}").header("if-none-match", "*")).is(412).at("/changeNumber"), 3);
    let dry = world.call(&put(&format!("{target}?nocommit=true"), 'b', &joining('b'))).is(200);
    assert_eq!((dry.at("/changeNumber"), dry.at("/membersInfo/count")), (json!(3), json!(2)));
}

#[test]
fn an_element_answers_with_itself_when_chosen() {
    let world = with(|policies| policies.element_answer = crate::emulator::policy::ElementAnswer::Element);
    let target = session("lobby", "L1");
    let written = world.call(&put(&format!("{target}/properties"), 'a', r#"{"custom":{"map":"docks"}}"#)).is(200);
    assert_eq!(written.json(), json!({"system":{"joinRestriction":"none","turn":[]},"custom":{"map":"docks"}}));
    let me = r#"{"properties":{"custom":{"ready":true}}}"#;
    assert_eq!(world.call(&put(&format!("{target}/members/me"), 'a', me)).at("/properties/custom/ready"), true);
}

#[test]
fn members_are_as_chosen() {
    let target = session("lobby", "L1");
    let custom = r#"{"properties":{"custom":{"map":"docks"}}}"#;
    let world = with(|policies| policies.implicit_join = true);
    assert_eq!(world.call(&put(&target, 'b', custom)).is(200).at("/membersInfo/count"), 2);
    let world = with(|policies| policies.nonmember_write = false);
    world.call(&put(&target, 'b', custom)).is(403);
    world.call(&put(&target, 'b', "{}")).is(403);
    world.call(&put(&target, 'b', LEAVE)).is(200);
    let world = with(|policies| policies.reserve_in_sequence = false);
    let gap = r#"{"members":{"reserve_7":{"constants":{"system":{"xuid":"9000000000000009"}}}}}"#;
    assert_eq!(world.call(&put(&target, 'a', gap)).is(200).at("/membersInfo/count"), 2);
    world.call(&put(&target, 'a', &gap.replace("_7", "_x"))).says(400);
    let world = with(|policies| policies.large_outsider_sees_none = false);
    world.call(&put(&session("big", "B"), 'a', &joining('a'))).is(201);
    assert_eq!(world.call(&get(&session("big", "B"), 'b')).at("/membersInfo/first"), 0);
    let world = with(|policies| policies.owner_kick = false);
    world.call(&put(&session("game", "G"), 'a', &joining('a'))).is(201);
    world.call(&put(&session("game", "G"), 'a', r#"{"members":{"0":null}}"#)).says(403);
}

#[test]
fn every_answer_has_an_id_of_its_own() {
    let (world, twin) = (with(|_| {}), with(|_| {}));
    let target = session("lobby", "L1");
    let id = |world: &World, user: char| world.call(&get(&target, user)).header("x-xblcorrelationid").to_owned();
    let (first, second) = (id(&world, 'a'), id(&world, 'a'));
    assert!(crate::mpsd::name::is_guid(&first) && first != second);
    twin.call(&get(&target, 'b'));
    assert_eq!(id(&twin, 'a'), first);
}
