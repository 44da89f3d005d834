//! Sessions from the outside: creating, joining, merging, leaving.

use serde_json::json;

use super::*;

#[test]
fn s1_a_lobby_is_created_hosted_and_shown_as_activity() {
    let world = World::new();
    let created = lobby(&world);
    assert_eq!(created.at("/membersInfo"), json!({"first":0,"next":1,"count":1,"accepted":1,"active":1}));
    assert_eq!(created.at("/changeNumber"), 1);
    assert_eq!(created.at("/contractVersion"), 107);
    assert_eq!(created.at("/startTime"), "2026-01-02T03:04:05.0000000Z");
    assert_eq!(
        created.at("/constants"),
        json!({"system":{"readyRemovalTimeout":180000,"reservedRemovalTimeout":30000,"sessionEmptyTimeout":0,
            "inactiveRemovalTimeout":0,"version":1,"maxMembersCount":8,"visibility":"open",
            "capabilities":{"connectivity":true,"connectionRequiredForActiveMembers":true},"inviteProtocol":"game"},
            "custom":{"mode":"coop"}})
    );
    assert_eq!(created.at("/properties/system"), json!({"joinRestriction":"none","turn":[]}));
    let me = created.at("/members/0");
    assert_eq!(me["constants"], json!({"system":{"xuid":"9000000000000001","index":0},"custom":{}}));
    assert_eq!((&me["next"], &me["activeTitleId"]), (&json!(1), &json!("1234567890")));
    assert_eq!(me["properties"]["system"]["subscription"]["changeTypes"], json!(["everything"]));
    let token = me["deviceToken"].as_str().unwrap().to_owned();
    assert!(token.len() == 32 && token == token.to_lowercase());
    assert!((1..=15).contains(&me["gamertag"].as_str().unwrap().len()));
    let etag = created.header("etag").to_owned();
    assert!(etag.len() == 34 && etag.starts_with('"'), "{etag}");

    let host = format!(r#"{{"properties":{{"system":{{"host":"{}"}}}}}}"#, token.to_uppercase());
    let hosted = world.call(&put(&session("lobby", "L1"), 'a', &host).header("if-match", "*")).is(200);
    assert_eq!(
        (hosted.at("/changeNumber"), hosted.at("/properties/system/host")),
        (json!(2), json!(token.to_uppercase()))
    );
    let nobody = r#"{"properties":{"system":{"host":"00"}}}"#;
    assert_eq!(
        world.call(&put(&session("lobby", "L1"), 'a', nobody)).is(200).at("/properties/system/host"),
        Value::Null
    );

    let activity = format!(r#"{{"version":1,"type":"activity","sessionRef":{}}}"#, session_ref("lobby", "L1"));
    world.call(&post('a', &activity)).is(201);
}

#[test]
fn s2_a_second_player_joins_and_reads_are_conditional() {
    let world = World::new();
    lobby(&world);
    let joined = world.call(&put(&session("LOBBY", "l1"), 'b', &joining('b')).header("if-match", "*")).is(200);
    assert_eq!(joined.at("/changeNumber"), 2);
    assert_eq!(joined.at("/membersInfo"), json!({"first":0,"next":2,"count":2,"accepted":2,"active":2}));
    assert_eq!((joined.at("/members/0/next"), joined.at("/members/1/next")), (json!(1), json!(2)));
    let etag = joined.header("etag").to_owned();

    let target = session("lobby", "L1");
    let stale = world.call(&get(&target, 'a').header("if-none-match", "\"0123\"")).is(200);
    assert_eq!(stale.header("etag"), etag);
    assert_eq!(stale.header("cache-control"), "max-age=0, must-revalidate");
    let current = world.call(&get(&target, 'a').header("if-none-match", &etag)).bare(304);
    assert_eq!(current.header("etag"), etag);
    world.call(&get(&target, 'a').header("if-none-match", etag.trim_matches('"'))).bare(304);
    world.call(&get(&target, 'a').header("if-none-match", "")).is(200);
    let mut head = get(&target, 'a');
    head.method = "HEAD";
    world.call(&head).is(200);
}

#[test]
fn s3_the_loser_of_a_race_gets_the_session_and_retries() {
    let world = World::new();
    let target = session("lobby", "L1");
    lobby(&world);
    let joined = world.call(&put(&target, 'b', &joining('b')));
    let etag = joined.header("etag").to_owned();
    let docks = r#"{"properties":{"custom":{"map":"docks"}}}"#;
    let won = world.call(&put(&target, 'a', docks).header("if-match", &etag)).is(200);
    let forest = r#"{"properties":{"custom":{"map":"forest"}}}"#;
    let lost = world.call(&put(&target, 'b', forest).header("if-match", &etag)).is(412);
    assert_eq!(lost.at("/properties/custom/map"), "docks");
    assert_eq!((lost.header("etag"), lost.header("cache-control")), (won.header("etag"), "no-cache, no-store"));
    assert_eq!(lost.at("/changeNumber"), 3);
    let weak = format!("W/{}", lost.header("etag"));
    assert_eq!(world.call(&put(&target, 'b', forest).header("if-match", &weak)).is(200).at("/changeNumber"), 4);
    world.call(&put(&target, 'b', "{}").header("if-none-match", "*")).bare(412);
}

#[test]
fn s4_properties_merge_field_by_field() {
    let world = World::new();
    let target = session("lobby", "L1");
    lobby(&world);
    let first = r#"{"properties":{"custom":{"a":1,"o":{"x":1,"y":2},"l":[1,2,3]}}}"#;
    world.call(&put(&target, 'a', first).header("if-match", "*")).is(200);
    let second = r#"{"properties":{"custom":{"o":{"z":9},"a":null,"l":[7]}}}"#;
    let merged = world.call(&put(&target, 'a', second)).is(200);
    assert_eq!(merged.at("/properties/custom"), json!({"map":"harbour","o":{"z":9},"l":[7]}));
    let same = world.call(&put(&target, 'a', "{}")).is(200);
    assert_eq!((same.header("etag"), same.text()), (merged.header("etag"), merged.text()));
    let twin = world.call(&put(&target, 'a', second)).is(200);
    assert_eq!(twin.header("etag"), merged.header("etag"));
    assert!(
        world.call(&put(&target, 'a', r#"{"properties":{"system":{"bogus":1}}}"#)).says(400).text().contains("bogus")
    );
}

#[test]
fn nocommit_shows_what_would_be_and_keeps_nothing() {
    let world = World::new();
    let target = session("lobby", "L1");
    let dry = format!("{target}?nocommit=true");
    let shown = world.call(&put(&dry, 'a', CREATE_LOBBY)).is(201);
    world.call(&get(&target, 'a')).bare(204);
    let created = lobby(&world);
    assert_eq!((shown.text(), shown.header("etag")), (created.text(), created.header("etag")));
    let would = world.call(&put(&dry, 'b', &joining('b'))).is(200);
    assert_eq!(would.at("/changeNumber"), 2);
    assert_eq!(world.call(&get(&target, 'a')).is(200).text(), created.text());
    world.call(&put(&dry, 'a', LEAVE)).bare(204);
    world.call(&get(&target, 'a')).is(200);
}

#[test]
fn s11_the_last_leave_ends_the_session_and_its_name_starts_anew() {
    let world = World::new();
    let target = session("lobby", "L1");
    let created = lobby(&world);
    world.call(&put(&target, 'b', &joining('b')));
    let activity = format!(r#"{{"version":1,"type":"activity","sessionRef":{}}}"#, session_ref("lobby", "L1"));
    let handle = world.call(&post('a', &activity)).is(201).header("location").to_owned();
    let left = world.call(&put(&target, 'b', LEAVE).header("if-match", "*")).is(200);
    assert_eq!(left.at("/membersInfo"), json!({"first":0,"next":2,"count":1,"accepted":1,"active":1}));
    assert_eq!(left.at("/members/0/next"), 2);
    world.call(&put(&target, 'a', LEAVE)).bare(204);
    world.call(&get(&target, 'a')).bare(204);
    world.call(&put(&target, 'a', "{}").header("if-match", "*")).bare(412);
    world.call(&put(&target, 'a', "{}").header("if-match", created.header("etag"))).bare(412);
    world.call(&get(&handle, 'a')).says(404);
    world.call(&get(&format!("{handle}/session"), 'a')).says(404);
    world.advance(1_500);
    let again = lobby(&world);
    assert_eq!(again.at("/correlationId"), created.at("/correlationId"));
    assert_ne!(again.at("/branch"), created.at("/branch"));
    assert_ne!(again.header("etag"), created.header("etag"));
    assert_eq!((again.at("/changeNumber"), again.at("/startTime")), (json!(1), json!("2026-01-02T03:04:06.5000000Z")));
}

#[test]
fn s11_a_slow_session_outlives_its_members_for_a_while() {
    let world = World::new();
    let target = session("slow", "S1");
    world.call(&put(&target, 'a', &joining('a'))).is(201);
    let left = world.call(&put(&target, 'a', LEAVE)).is(200);
    assert_eq!(left.at("/members"), json!({}));
    assert_eq!((left.at("/membersInfo/first"), left.at("/membersInfo/next")), (json!(1), json!(1)));
    world.advance(29_000);
    world.call(&get(&target, 'a')).is(200);
    world.advance(2_000);
    world.call(&get(&target, 'a')).bare(204);
}

#[test]
fn indices_are_never_used_again() {
    let world = World::new();
    let target = session("lobby", "L1");
    lobby(&world);
    for _ in 0..3 {
        world.call(&put(&target, 'b', &joining('b'))).is(200);
        world.call(&put(&target, 'b', LEAVE)).is(200);
    }
    let joined = world.call(&put(&target, 'c', &joining('c'))).is(200);
    assert_eq!(joined.at("/membersInfo"), json!({"first":0,"next":5,"count":2,"accepted":2,"active":2}));
    assert_eq!(joined.at("/members/0/next"), 4);
    assert_eq!(joined.at("/members/4/constants/system/index"), 4);
}

#[test]
fn a_reservation_waits_for_its_player() {
    let world = World::new();
    let target = session("priv", "P1");
    world.call(&put(&target, 'a', &joining('a'))).is(201);
    let reserve = r#"{"members":{"reserve_0":{"constants":{"system":{"xuid":"9000000000000002"},"custom":{"team":"red"}}},
        "reserve_1":{"constants":{"system":{"xuid":"9000000000000003"}}}}}"#;
    let reserved = world.call(&put(&target, 'a', reserve)).is(200);
    assert_eq!(reserved.at("/membersInfo"), json!({"first":0,"next":3,"count":3,"accepted":1,"active":1}));
    assert_eq!((reserved.at("/members/1/reserved"), reserved.at("/members/1/gamertag")), (json!(true), Value::Null));
    assert_eq!(world.call(&put(&target, 'a', reserve)).is(200).header("etag"), reserved.header("etag"));
    world.call(&get(&target, 'd')).says(403);
    world.advance(1_000);
    let joined = world.call(&put(&target, 'b', &joining('b'))).is(200);
    assert_eq!(
        (joined.at("/members/1/reserved"), joined.at("/members/1/constants/custom/team")),
        (Value::Null, json!("red"))
    );
    assert_eq!(joined.at("/members/1/joinTime"), "2026-01-02T03:04:06.0000000Z");
    world.call(&get(&target, 'b')).is(200);
    world.call(&put(&target, 'd', &joining('d'))).says(403);
}

#[test]
fn a_session_may_start_from_reservations_alone() {
    let world = World::new();
    let body = r#"{"members":{"reserve_0":{"constants":{"system":{"xuid":"9000000000000002"}}}}}"#;
    let created = world.call(&put(&session("lobby", "R"), 'a', body)).is(201);
    assert_eq!(created.at("/membersInfo"), json!({"first":0,"next":1,"count":1,"accepted":0,"active":0}));
    world.call(&put(&session("lobby", "E"), 'a', "{}")).bare(204);
    world.call(&get(&session("lobby", "E"), 'a')).bare(204);
}

#[test]
fn elements_are_written_by_themselves() {
    let world = World::new();
    let target = session("lobby", "L1");
    let properties = format!("{target}/properties");
    world.call(&put(&properties, 'a', r#"{"custom":{"map":"docks"}}"#)).says(404);
    world.call(&Ask::new("DELETE", &format!("{target}/members/me"), 'a')).says(404);
    lobby(&world);
    let written = world.call(&put(&properties, 'a', r#"{"custom":{"map":"docks"}}"#)).is(200);
    assert_eq!((written.at("/properties/custom/map"), written.at("/changeNumber")), (json!("docks"), json!(2)));
    let me = r#"{"constants":{"system":{"xuid":"9000000000000002"}},"properties":{"system":{"active":true}}}"#;
    world.call(&put(&format!("{target}/members/me"), 'b', me)).is(200);
    let delete = |user| Ask::new("DELETE", &format!("{target}/members/me"), user);
    let current = world.call(&get(&target, 'b')).header("etag").to_owned();
    world.call(&delete('b').header("if-match", "\"other\"")).is(412);
    world.call(&delete('b').header("if-match", &current)).bare(204);
    assert_eq!(world.call(&get(&target, 'a')).at("/membersInfo/count"), 1);
    world.call(&delete('a')).bare(204);
    world.call(&get(&target, 'a')).bare(204);
}

#[test]
fn s22_old_contracts_read_and_write_old_names() {
    let world = World::new();
    let target = session("slow", "S1");
    let create = r#"{"constants":{"system":{"timeouts":{"inactive":60000}}},"members":{"me":{"constants":{"system":{"xuid":"9000000000000001"}}}}}"#;
    let old = world.call(&put(&target, 'a', create).header("x-xbl-contract-version", "105")).is(201);
    let timeouts = json!({"ready":180000,"reserved":30000,"sessionEmpty":30000,"inactive":60000});
    assert_eq!(old.at("/constants/system/timeouts"), timeouts);
    assert_eq!(
        (old.at("/contractVersion"), old.at("/constants/system/inactiveRemovalTimeout")),
        (json!(105), Value::Null)
    );
    assert_eq!(old.at("/properties/system/matchmaking"), json!({}));
    let new = world.call(&get(&target, 'a')).is(200);
    assert_eq!(
        (new.at("/contractVersion"), new.at("/constants/system/inactiveRemovalTimeout")),
        (json!(107), json!(60000))
    );
    assert_eq!((new.at("/constants/system/timeouts"), new.header("etag")), (Value::Null, old.header("etag")));
    let lobby = put(&session("lobby", "L9"), 'a', &joining('a')).header("x-xbl-contract-version", "104");
    assert_eq!(world.call(&lobby).is(201).at("/constants/system/timeouts/inactive"), 7_200_000);
}

#[test]
fn an_unlisted_template_lets_the_creator_choose() {
    let world = World::new();
    let create = r#"{"constants":{"system":{"maxMembersCount":16,"capabilities":{"gameplay":true},"sessionEmptyTimeout":null}},
        "members":{"me":{"properties":{"system":{"active":true}}}}}"#;
    let target = session("global%28lfg%29", "x%20y");
    let created = world.call(&put(&target, 'a', create)).is(201);
    assert_eq!(created.at("/constants/system/maxMembersCount"), 16);
    assert_eq!(created.at("/constants/system/capabilities"), json!({"gameplay":true}));
    assert_eq!(created.at("/constants/system/sessionEmptyTimeout"), Value::Null);
    assert!(created.at("/members/0/constants/system/xuid").as_str().unwrap().starts_with("2814"));
    world.call(&put(&target, 'a', LEAVE)).is(200);
    world.advance(1_000_000_000);
    world.call(&get(&target, 'a')).is(200);
}

#[test]
fn a_large_session_shows_a_reader_only_itself() {
    let world = World::new();
    let target = session("big", "W1");
    let join =
        r#"{"members":{"me":{"properties":{"system":{"active":true,"groups":["posse-1"],"encounters":["e-1"]}}}}}"#;
    world.call(&put(&target, 'a', join)).is(201);
    let second = world.call(&put(&target, 'b', join)).is(200);
    assert_eq!(second.at("/membersInfo"), json!({"first":0,"next":2,"count":2,"accepted":2,"active":2}));
    assert_eq!(second.at("/members").as_object().unwrap().keys().collect::<Vec<_>>(), ["me"]);
    assert_eq!(second.at("/members/me/properties/system"), json!({"active":true,"groups":["posse-1"]}));
    let outside = world.call(&get(&target, 'c')).is(200);
    assert_eq!(
        (outside.at("/members"), outside.at("/membersInfo/first")),
        (json!({}), outside.at("/membersInfo/next"))
    );
    for body in [
        r#"{"members":{"reserve_0":{"constants":{"system":{"xuid":"9000000000000009"}}}}}"#,
        r#"{"members":{"me":{"properties":{"system":{"subscription":{"id":"x"}}}}}}"#,
        r#"{"members":{"1":null}}"#,
        r#"{"properties":{"system":{"joinRestriction":"local"}}}"#,
    ] {
        world.call(&put(&target, 'a', body)).says(409);
    }
    world.call(&put(&target, 'b', LEAVE)).is(200);
}

#[test]
fn roles_are_counted_and_full_at_their_maximum() {
    let world = World::new();
    let target = session("roles", "R1");
    let with_role = |user: char, role: &str| {
        joining(user).replacen(r#""me":{"#, &format!(r#""me":{{"roles":{{"class":"{role}"}},"#), 1)
    };
    let created = world.call(&put(&target, 'a', &with_role('a', "healer"))).is(201);
    assert_eq!(
        created.at("/roleTypes/class/roles/healer"),
        json!({"max":1,"target":1,"count":1,"memberXuids":["9000000000000001"]})
    );
    world.call(&put(&target, 'b', &with_role('b', "healer"))).says(409);
    world.call(&put(&target, 'b', &with_role('b', "bard"))).says(400);
    world.call(&put(&target, 'b', &with_role('b', "tank"))).is(200);
    let raise = |setting: &str| format!(r#"{{"roleTypes":{{"class":{{"roles":{{"healer":{{"{setting}":2}}}}}}}}}}"#);
    world.call(&put(&target, 'a', &raise("target"))).says(409);
    assert_eq!(world.call(&put(&target, 'a', &raise("max"))).is(200).at("/roleTypes/class/roles/healer/max"), 2);
    let moved = world.call(&put(&target, 'b', r#"{"members":{"me":{"roles":{"class":null}}}}"#)).is(200);
    assert_eq!((moved.at("/roleTypes/class/roles/tank/count"), moved.at("/members/1/roles")), (json!(0), Value::Null));
}

#[test]
fn turn_marks_members_and_forgets_those_who_leave() {
    let world = World::new();
    let target = session("lobby", "L1");
    lobby(&world);
    world.call(&put(&target, 'b', &joining('b')));
    world.call(&put(&target, 'a', r#"{"properties":{"system":{"turn":[7]}}}"#)).says(400);
    let turned = world.call(&put(&target, 'a', r#"{"properties":{"system":{"turn":[1]}}}"#)).is(200);
    assert_eq!((turned.at("/members/1/turn"), turned.at("/members/0/turn")), (json!(true), Value::Null));
    assert_eq!(world.call(&put(&target, 'b', LEAVE)).is(200).at("/properties/system/turn"), json!([]));
}
