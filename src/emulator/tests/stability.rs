//! What never varies: number text, server-made values, the shape clients parse, survival of any body.

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn custom_values_come_back_as_they_were_sent() {
    let world = World::new();
    let target = session("lobby", "L1");
    lobby(&world);
    let custom = r#"{"beyond":9007199254740993,"price":1.50,"max":18446744073709551615,"thirty":123456789012345678901234567890,"exp":1E-7,"\u0065sc":"\u00e9\/\ud83d\ude00","twice":{"k":1,"k":2},"k":1,"k":2,"deep":[[[{"a":null}]]]}"#;
    let spaced = custom.replace(':', " : ").replace(',', " ,\n ");
    let body =
        format!(r#"{{"properties":{{"custom":{spaced}}},"members":{{"me":{{"properties":{{"custom":{spaced}}}}}}}}}"#);
    let written = world.call(&put(&target, 'a', &body)).is(200);
    let inner = &custom[1..];
    for owner in [format!(r#""custom":{{"map":"harbour",{inner}"#), format!(r#""custom":{{"ready":false,{inner}"#)] {
        assert!(written.text().contains(&owner), "{}", written.text());
    }
    assert_eq!(world.call(&get(&target, 'a')).text(), written.text());
}

#[test]
fn custom_need_not_be_an_object() {
    let world = World::new();
    let repeated = r#"{"constants":{"custom":{"k":1,"k":2}},"members":{"me":{}}}"#;
    world.call(&put(&session("slow", "L0"), 'a', repeated)).is(201);
    world.call(&put(&session("slow", "L0"), 'a', repeated)).is(200);
    let body = r#"{"constants":{"custom":"Hello"},"properties":{"custom":[1]},"members":{"me":{"constants":{"custom":"Hi"}}}}"#;
    let created = world.call(&put(&session("slow", "L1"), 'a', body)).is(201);
    assert_eq!((created.at("/constants/custom"), created.at("/properties/custom")), (json!("Hello"), json!([1])));
    assert_eq!(world.call(&put(&session("slow", "L1"), 'a', body)).is(200).header("etag"), created.header("etag"));
}

#[test]
fn the_same_calls_get_the_same_bytes() {
    let run = |seed: u64| {
        let world = World::seeded(seed);
        script().iter().map(|ask| world.call(ask).response).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn threads_may_share_one_emulator() {
    let world = World::new();
    lobby(&world);
    let write = |user: char| {
        for n in 0..20 {
            let body = format!(r#"{{"properties":{{"custom":{{"{user}{n}":{n}}}}}}}"#);
            world.call(&put(&session("lobby", "L1"), user, &body)).is(200);
        }
    };
    std::thread::scope(|scope| ['a', 'b', 'c'].map(|user| scope.spawn(move || write(user))).map(drop));
    let after = world.call(&get(&session("lobby", "L1"), 'a'));
    assert_eq!(after.at("/changeNumber"), 61);
    assert_eq!(after.at("/properties/custom").as_object().unwrap().len(), 61);
}

#[test]
fn one_session_does_not_shift_the_values_of_another() {
    let alone = World::new();
    let beside = World::new();
    let activity = format!(r#"{{"type":"activity","sessionRef":{}}}"#, session_ref("lobby", "L1"));
    for n in 0..5 {
        beside.call(&put(&session("game", &format!("noise-{n}")), 'c', &joining('c'))).is(201);
    }
    assert_eq!(lobby(&alone).text(), lobby(&beside).text());
    assert_eq!(alone.call(&post('a', &activity)).text(), beside.call(&post('a', &activity)).text());
}

#[test]
fn an_identity_is_learned_once() {
    let world = World::new();
    let target = session("lobby", "L1");
    let anonymous = r#"{"members":{"me":{"properties":{"system":{"active":true}}}}}"#;
    let created = world.call(&put(&target, 'a', anonymous)).is(201);
    let drawn = created.at("/members/0/constants/system/xuid");
    assert!(crate::mpsd::name::is_xuid(drawn.as_str().unwrap()) && drawn.as_str().unwrap().len() == 16);
    let again = world.call(&put(&target, 'a', &joining('a'))).is(200);
    assert_eq!((again.at("/membersInfo/count"), again.at("/members/0/constants/system/xuid")), (json!(1), drawn));
    world.call(&get(&target, 'b'));
    let stated = world.call(&put(&target, 'b', &joining('b'))).is(200);
    assert_eq!(stated.at("/members/1/constants/system/xuid"), xuid('b'));
}

/// What client parsers fail without (mpsd-behaviour §10).
#[test]
fn every_session_answer_has_what_clients_walk() {
    let world = World::new();
    for ask in script() {
        let got = world.call(&ask);
        assert_eq!(got.header("date"), "Fri, 02 Jan 2026 03:04:05 GMT", "{}", ask.target);
        assert_eq!(got.header("x-content-type-options"), "nosniff");
        if got.header("content-type") == "application/json" && !got.header("etag").is_empty() {
            walk(&got.json());
        }
        if ask.target.ends_with("/session") && got.status() < 300 {
            assert!(got.header("content-location").starts_with("/serviceconfigs/"));
        }
    }
}

/// Follows the member list as XSAPI does.
fn walk(document: &Value) {
    let index = |pointer: &str| document.pointer(pointer).and_then(Value::as_u64).unwrap();
    let (mut at, end) = (index("/membersInfo/first"), index("/membersInfo/next"));
    let mut steps = 0;
    while at != end {
        let member = &document["members"][at.to_string()];
        for bag in ["constants", "properties"] {
            assert!(member[bag]["system"].is_object() && !member[bag]["custom"].is_null());
        }
        assert!(member["constants"]["system"]["xuid"].is_string());
        at = member["next"].as_u64().unwrap();
        steps += 1;
    }
    assert_eq!(steps, index("/membersInfo/count"));
    for object in ["servers", "members", "constants", "properties"] {
        assert!(document[object].is_object());
    }
    for pointer in ["/correlationId", "/branch", "/startTime"] {
        assert!(document.pointer(pointer).is_some_and(Value::is_string));
    }
    assert!(index("/changeNumber") >= 1 && index("/contractVersion") == 107);
}

/// A run through most of what can happen.
fn script() -> Vec<Ask> {
    let lobby = session("lobby", "L1");
    let game = session("game", "G1");
    let activity = format!(r#"{{"version":1,"type":"activity","sessionRef":{}}}"#, session_ref("lobby", "L1"));
    let invite =
        format!(r#"{{"type":"invite","sessionRef":{},"invitedXuid":"9000000000000002"}}"#, session_ref("game", "G1"));
    vec![
        put(&lobby, 'a', CREATE_LOBBY).header("if-none-match", "*"),
        put(&lobby, 'b', &joining('b')).header("if-match", "*"),
        get(&lobby, 'a'),
        put(&lobby, 'a', "{}").header("if-match", "\"stale\""),
        post('a', &activity),
        put(&game, 'b', &joining('b')),
        put(&game, 'a', &joining('a')),
        post('b', &invite),
        put(&lobby, 'b', LEAVE),
        get(&lobby, 'c'),
        put(&lobby, 'c', &joining('c')),
        put(&lobby, 'a', LEAVE),
        put(&lobby, 'c', LEAVE),
        get(&lobby, 'c'),
        put(&lobby, 'a', CREATE_LOBBY),
        Ask::new("DELETE", &format!("{lobby}/members/me"), 'a'),
        get("/handles/deadbeef-0000-4000-8000-00000000dead/session", 'a'),
        put(&game, 'b', &joining('b')),
        post('b', &activity.replace("activity", "search").replace("lobby", "game").replace("L1", "G1")),
        Ask::new("POST", "/handles/query", 'a').body(r#"{"type":"search"}"#),
        get(&format!("/serviceconfigs/{SCID}/sessions?xuid=9000000000000002"), 'a'),
    ]
}

/// Bodies near enough to real ones to get past the first check.
fn near_bodies() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("constants"),
        Just("properties"),
        Just("members"),
        Just("me"),
        Just("system"),
        Just("custom"),
        Just("reserve_0"),
        Just("xuid"),
        Just("active"),
        Just("turn"),
        Just("owners"),
        Just("host"),
        Just("roles"),
        Just("capabilities"),
        Just("maxMembersCount"),
        Just("subscriptions"),
        Just("type"),
        Just("sessionRef"),
        Just("0"),
    ];
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("{}".to_owned()),
        Just("[]".to_owned()),
        Just("[0,99]".to_owned()),
        Just("1e999".to_owned()),
        Just(r#""\ud800""#.to_owned()),
        any::<u64>().prop_map(|n| n.to_string()),
    ];
    leaf.prop_recursive(6, 40, 4, move |inner| {
        prop::collection::vec((word.clone(), inner), 0..4).prop_map(|members| {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            format!("{{{}}}", members.join(","))
        })
    })
}

proptest! {
    #[test]
    fn garbage_never_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        near in near_bodies(),
        target in "(/[a-z0-9%~{}]{0,8}){0,7}",
        tag in "[\"*W/a-f0-9, ]{0,12}",
    ) {
        let world = World::new();
        lobby(&world);
        let by_name = session("lobby", "L1");
        for body in [bytes, near.into_bytes()] {
            for (method, target) in [("PUT", by_name.as_str()), ("POST", "/handles"), ("PUT", target.as_str())] {
                let mut ask = Ask::new(method, target, 'a').header("if-match", &tag);
                ask.body.clone_from(&body);
                let got = world.call(&ask);
                prop_assert!((200..=501).contains(&got.status()));
            }
        }
        let after = world.call(&get(&by_name, 'a')).status();
        prop_assert!(after == 200 || after == 204);
    }

    #[test]
    fn merging_twice_is_merging_once(near in near_bodies()) {
        let world = World::new();
        lobby(&world);
        let target = session("lobby", "L1");
        let body = format!(r#"{{"properties":{{"custom":{near}}}}}"#);
        let once = world.call(&put(&target, 'a', &body)).is(200);
        let twice = world.call(&put(&target, 'a', &body)).is(200);
        prop_assert_eq!(once.text(), twice.text());
        prop_assert_eq!(once.header("etag"), twice.header("etag"));
    }
}
