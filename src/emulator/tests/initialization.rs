//! Member initialization from the outside: episodes and their stages.

use serde_json::json;

use super::*;

fn member(user: char, key: &str, properties: &str) -> String {
    format!(r#""{key}":{{"constants":{{"system":{{"xuid":"{}","initialize":true}}}}{properties}}}"#, xuid(user))
}

/// `{"members":{…}}` of an active player who wants to be initialized, on a device of its own.
fn starting(user: char) -> String {
    let properties = format!(
        r#","properties":{{"system":{{"active":true,"secureDeviceAddress":"AAAAAAAA0000000000000000000000000000000{user}"}}}}"#
    );
    format!(r#"{{"members":{{{}}}}}"#, member(user, "me", &properties))
}

/// A session by A with places for B and C, all to be initialized.
fn create(world: &World, system: &str) -> Got {
    let places = format!(r#"{{"members":{{{},{},"#, member('b', "reserve_0", ""), member('c', "reserve_1", ""));
    let members = starting('a').replacen(r#"{"members":{"#, &places, 1);
    let body = members.replacen('{', &format!(r#"{{"constants":{{"system":{system}}},"#), 1);
    world.call(&put(&session("title", "M"), 'a', &body)).is(201)
}

fn upload(user: char, readings: &[(&str, u64)]) -> String {
    let readings: Vec<_> = readings
        .iter()
        .map(|(token, latency)| {
            format!(
                r#""{token}":{{"latency":{latency},"bandwidthDown":200000,"bandwidthUp":20000,"custom":{{"x":1}}}}"#
            )
        })
        .collect();
    let measured = format!(r#","properties":{{"system":{{"measurements":{{{}}}}}}}"#, readings.join(","));
    format!(r#"{{"members":{{{}}}}}"#, member(user, "me", &measured))
}

fn tokens(document: &Got) -> Vec<String> {
    let token = |index: usize| document.at(&format!("/members/{index}/deviceToken")).as_str().unwrap().to_owned();
    (0..3).map(token).collect()
}

const QOS: &str = r#"{"maxMembersCount":8,"capabilities":{"connectivity":true},"memberInitialization":{"membersNeededToStart":2,"joinTimeout":10000,"measurementTimeout":20000},"peerToHostRequirements":{"latencyMaximum":100},"inactiveRemovalTimeout":null}"#;

const JUDGED: &str = r#"{"capabilities":{"connectivity":true},"memberInitialization":{"externalEvaluation":true,"evaluationTimeout":5000,"membersNeededToStart":1}}"#;

#[test]
fn s14_everybody_comes_and_the_stage_is_over() {
    let world = World::new();
    let target = session("target", "M1");
    let alone = format!(r#"{{"members":{{{}}}}}"#, member('a', "me", ""));
    assert!(world.call(&put(&target, 'a', &alone)).says(400).text().contains("at least 2 members"));
    let body = format!(r#"{{"members":{{{},{}}}}}"#, member('a', "reserve_0", ""), member('b', "reserve_1", ""));
    let created = world.serve(&put(&target, 'c', &body)).is(201);
    assert_eq!(
        created.at("/initializing"),
        json!({"stage":"joining","stageStartTime":"2026-01-02T03:04:05.0000000Z","episode":1})
    );
    assert_eq!(created.at("/members/0/initializationEpisode"), 1);
    assert_eq!(created.at("/members/0/constants/system/initialize"), true);
    assert_eq!(created.at("/nextTimer"), "2026-01-02T03:04:15.0000000Z");
    let first = world.call(&put(&target, 'a', &joining('a'))).is(200);
    assert_eq!(first.at("/initializing/stage"), "joining");
    let last = world.call(&put(&target, 'b', &joining('b'))).is(200);
    assert_eq!((last.at("/initializing"), last.at("/members/0/initializationEpisode")), (Value::Null, Value::Null));
    assert_eq!(last.at("/nextTimer"), Value::Null);
}

#[test]
fn s14_who_does_not_come_in_time_is_out_and_too_few_cannot_start() {
    for (comes, stage) in [(true, Value::Null), (false, json!("failed"))] {
        let world = World::new();
        let target = session("target", "M1");
        let seats = ['a', 'b', 'c'].iter().enumerate().map(|(n, user)| member(*user, &format!("reserve_{n}"), ""));
        let body = format!(r#"{{"members":{{{}}}}}"#, seats.collect::<Vec<_>>().join(","));
        world.serve(&put(&target, 'd', &body)).is(201);
        world.call(&put(&target, 'a', &joining('a'))).is(200);
        if comes {
            world.call(&put(&target, 'b', &joining('b'))).is(200);
        }
        world.advance(9_999);
        assert_eq!(world.call(&get(&target, 'a')).at("/membersInfo/count"), 3);
        world.advance(1);
        let after = world.call(&get(&target, 'a')).is(200);
        assert_eq!(after.at("/membersInfo/count"), if comes { 2 } else { 1 });
        assert_eq!(after.at("/initializing/stage"), stage);
        let failure = if comes { Value::Null } else { json!("episode") };
        assert_eq!((after.at("/members/0/initializationFailure"), after.at("/nextTimer")), (failure, Value::Null));
    }
}

#[test]
fn measurements_decide_who_plays_and_who_may_host() {
    let world = World::new();
    let target = session("title", "M");
    let created = create(&world, QOS);
    assert_eq!(created.at("/initializing/stage"), "joining");
    world.call(&put(&target, 'b', &starting('b'))).is(200);
    world.advance(1_000);
    let joined = world.call(&put(&target, 'c', &starting('c'))).is(200);
    assert_eq!(
        joined.at("/initializing"),
        json!({"stage":"measuring","stageStartTime":"2026-01-02T03:04:06.0000000Z","episode":1})
    );
    let [a, b, c] = <[String; 3]>::try_from(tokens(&joined)).unwrap();
    world.call(&put(&target, 'a', &upload('a', &[(&a, 1)]))).says(400);
    world.call(&put(&target, 'a', &upload('a', &[(&b.to_uppercase(), 1)]))).says(400);
    world.call(&put(&target, 'a', &upload('a', &[(&b, 20), (&c, 120)]))).is(200);
    world.call(&put(&target, 'b', &upload('b', &[(&a, 20), (&c, 150)]))).is(200);
    let done = world.call(&put(&target, 'c', &upload('c', &[(&a, 120), (&b, 150)]))).is(200);
    assert_eq!(done.at("/initializing"), Value::Null);
    assert_eq!(done.at("/hostCandidates"), json!([a, b, c]));
    assert_eq!(done.at("/members/2/initializationFailure"), "latency");
    assert_eq!(done.at("/members/1/initializationFailure"), Value::Null);
    let hosted = world.call(&put(&target, 'a', &format!(r#"{{"properties":{{"system":{{"host":"{a}"}}}}}}"#)));
    assert_eq!((hosted.at("/properties/system/host"), hosted.at("/hostCandidates")), (json!(a), Value::Null));
}

#[test]
fn a_member_that_measures_nothing_is_late_and_takes_its_group_along() {
    let world = World::new();
    let target = session("title", "M");
    create(&world, &QOS.replace(r#""membersNeededToStart":2"#, r#""membersNeededToStart":1"#));
    world.call(&put(&target, 'b', &starting('b'))).is(200);
    let group = r#"{"members":{"me":{"properties":{"system":{"initializationGroup":[1]}}}}}"#;
    let joined = world.call(&put(&target, 'c', &starting('c'))).is(200);
    world.call(&put(&target, 'c', group)).is(200);
    world.call(&put(&target, 'c', &group.replace("[1]", "[3]"))).says(400);
    let tokens = tokens(&joined);
    world.call(&put(&target, 'a', &upload('a', &[(&tokens[1], 5), (&tokens[2], 5)]))).is(200);
    world.call(&put(&target, 'c', &upload('c', &[(&tokens[0], 5), (&tokens[1], 5)]))).is(200);
    world.advance(20_000);
    let over = world.call(&get(&target, 'a')).is(200);
    assert_eq!(over.at("/initializing"), Value::Null);
    assert_eq!(over.at("/members/0/initializationFailure"), Value::Null);
    assert_eq!(over.at("/members/1/initializationFailure"), "timeout");
    assert_eq!(over.at("/members/2/initializationFailure"), "group");
}

#[test]
fn a_client_judges_what_waits_for_a_verdict() {
    let verdict = |text: &str| format!(r#"{{"properties":{{"system":{{"initializationSucceeded":{text}}}}}}}"#);
    for (answer, stage) in [(Some("true"), Value::Null), (Some("false"), json!("failed")), (None, json!("failed"))] {
        let world = World::new();
        let target = session("title", "M");
        let me = starting('a').replacen('{', &format!(r#"{{"constants":{{"system":{JUDGED}}},"#), 1);
        let created = world.call(&put(&target, 'a', &me)).is(201);
        assert_eq!(created.at("/initializing/stage"), "evaluating");
        assert_eq!(created.at("/nextTimer"), "2026-01-02T03:04:10.0000000Z");
        let after = match answer {
            Some(text) => world.call(&put(&target, 'a', &verdict(text))).is(200),
            None => {
                world.advance(5_000);
                world.call(&get(&target, 'a')).is(200)
            }
        };
        assert_eq!(after.at("/initializing/stage"), stage);
        assert_eq!(after.at("/properties/system/initializationSucceeded"), Value::Null);
        world.call(&put(&target, 'a', &verdict("true"))).says(409);
    }
}

#[test]
fn newcomers_wait_for_the_next_episode_and_its_failure_is_theirs_alone() {
    let world = World::new();
    let target = session("title", "M");
    let me = starting('a').replacen('{', &format!(r#"{{"constants":{{"system":{JUDGED}}},"#), 1);
    world.call(&put(&target, 'a', &me)).is(201);
    let waiting = world.call(&put(&target, 'b', &starting('b'))).is(200);
    assert_eq!(waiting.at("/members/1/initializationEpisode"), 2);
    let passed = r#"{"properties":{"system":{"initializationSucceeded":true}}}"#;
    let second = world.call(&put(&target, 'a', passed)).is(200);
    assert_eq!(second.at("/initializing/episode"), 2);
    assert_eq!(second.at("/initializing/stage"), "evaluating");
    world.advance(5_000);
    let over = world.call(&get(&target, 'a')).is(200);
    assert_eq!((over.at("/initializing"), over.at("/members/0/initializationFailure")), (Value::Null, Value::Null));
    assert_eq!(over.at("/members/1/initializationFailure"), "episode");
}

#[test]
fn measurements_need_a_session_that_asks_for_them() {
    let world = World::new();
    lobby(&world);
    let measured = r#"{"members":{"me":{"properties":{"system":{"measurements":{"00":{"latency":1}}}}}}}"#;
    world.call(&put(&session("lobby", "L1"), 'a', measured)).says(409);
    let bad = r#"{"members":{"me":{"properties":{"system":{"serverMeasurements":{"x":{"latency":"1"}}}}}}}"#;
    world.call(&put(&session("lobby", "L1"), 'a', bad)).says(400);
}
