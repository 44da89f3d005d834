//! Handle, session and batch queries from the outside.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn query(user: char, include: &str, body: &str) -> Ask {
    Ask::new("POST", &format!("/handles/query{include}"), user).body(body)
}

fn by_xuid(owner: char) -> String {
    format!(r#"{{"type":"activity","scid":"{SCID}","owners":{{"xuids":["{}"]}}}}"#, xuid(owner))
}

fn by_list(moniker: &str, whose: char) -> String {
    format!(r#"{{"type":"activity","owners":{{"people":{{"moniker":"{moniker}","monikerXuid":"{}"}}}}}}"#, xuid(whose))
}

fn activity(template: &str, name: &str) -> String {
    format!(r#"{{"version":1,"type":"activity","sessionRef":{}}}"#, session_ref(template, name))
}

fn sessions(user: char, parameters: &str) -> Ask {
    get(&format!("/serviceconfigs/{SCID}/sessions?{parameters}"), user)
}

fn batch(user: char, parameters: &str, xuids: &[char]) -> Ask {
    let xuids: Vec<String> = xuids.iter().map(|user| xuid(*user)).collect();
    let target = format!("/serviceconfigs/{}/Batch{parameters}", SCID.to_uppercase());
    Ask::new("POST", &target, user).body(&json!({ "xuids": xuids }).to_string())
}

fn names(got: &Got) -> Vec<String> {
    let rows = got.at("/results");
    rows.as_array().unwrap().iter().map(|row| row["sessionRef"]["name"].as_str().unwrap().to_owned()).collect()
}

/// A and B in the lobby `L1`, of which A shows an activity; its id.
fn playing(world: &World) -> String {
    lobby(world);
    world.call(&put(&session("lobby", "L1"), 'b', &joining('b'))).is(200);
    let made = world.call(&post('a', &activity("lobby", "L1"))).is(201);
    made.at("/id").as_str().unwrap().to_owned()
}

#[test]
fn s7_activities_are_found_by_player_and_by_list() {
    let world = World::new();
    let id = playing(&world);
    let include = "?include=customproperties,relatedInfo,somethingElse";
    let found = world.call(&query('b', include, &by_xuid('a'))).is(200);
    assert_eq!(found.header("cache-control"), "no-cache, no-store");
    let item = found.at("/results/0");
    assert_eq!(found.at("/results").as_array().unwrap().len(), 1);
    assert_eq!(
        (&item["id"], &item["type"], &item["version"], &item["ownerXuid"], &item["titleId"]),
        (&json!(id), &json!("activity"), &json!(1), &json!("9000000000000001"), &json!("1234567890"))
    );
    assert_eq!(item["sessionRef"], json!({"scid": SCID, "templateName": "lobby", "name": "L1"}));
    assert_eq!(item["customProperties"], json!({"map":"harbour"}));
    let info = &item["relatedInfo"];
    assert_eq!(
        *info,
        json!({"visibility":"open","joinRestriction":"none","closed":false,"maxMembersCount":8,"membersCount":2,
            "inviteProtocol":"game","postedTime":"2026-01-02T03:04:05.0000000Z"})
    );
    let bare = world.call(&query('b', "", &by_xuid('a'))).at("/results/0");
    assert!(bare["relatedInfo"].is_null() && bare["customProperties"].is_null());
    let listed = world.call(&query('b', include, &by_list("People", 'b'))).is(200);
    assert_eq!(listed.at("/results/0"), item);
    assert_eq!(
        world.call(&query('b', "", &by_list("people", 'a'))).at("/results"),
        json!([]),
        "one's own is not there"
    );
    let nobody = World::with(7, |policies| policies.everybody_follows = false);
    playing(&nobody);
    assert_eq!(nobody.call(&query('b', "", &by_list("favorites", 'b'))).at("/results"), json!([]));
}

#[test]
fn s7_activities_go_with_what_they_show() {
    let world = World::new();
    let first = playing(&world);
    world.call(&put(&session("lobby", "L2"), 'a', &joining('a'))).is(201);
    let second = world.call(&post('a', &activity("lobby", "L2"))).is(201);
    world.call(&get(&format!("/handles/{first}/session"), 'a')).says(404);
    assert_eq!(names(&world.call(&query('b', "", &by_xuid('a'))).is(200)), ["L2"]);
    world.call(&Ask::new("DELETE", second.header("location"), 'a')).bare(204);
    assert_eq!(world.call(&query('b', "", &by_xuid('a'))).text(), r#"{"results":[]}"#);
    world.call(&post('a', &activity("lobby", "L1"))).is(201);
    let idle = r#"{"members":{"me":{"properties":{"system":{"active":false}}}}}"#;
    world.call(&put(&session("lobby", "L1"), 'a', idle)).is(200);
    assert_eq!(world.call(&query('b', "", &by_xuid('a'))).text(), r#"{"results":[]}"#);
}

#[test]
fn activities_come_in_the_order_asked_and_only_where_the_caller_may_look() {
    let world = World::new();
    playing(&world);
    world.call(&post('b', &activity("lobby", "L1"))).is(201);
    world.call(&put(&session("game", "G1"), 'c', &joining('c'))).is(201);
    world.call(&post('c', &activity("game", "G1"))).is(201);
    let all = format!(
        r#"{{"type":"activity","owners":{{"xuids":["{}","{}","{}","{0}","77"]}}}}"#,
        xuid('c'),
        xuid('b'),
        xuid('a')
    );
    let owners = |user| {
        let got = world.call(&query(user, "", &all)).is(200);
        let rows = got.at("/results");
        rows.as_array().unwrap().iter().map(|row| row["ownerXuid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(owners('a'), [xuid('b'), xuid('a')], "G1 lets only its own device look");
    assert_eq!(owners('c'), [xuid('c'), xuid('b'), xuid('a')]);
    let elsewhere = all.replace(r#""owners""#, r#""scid":"11111111-0000-0000-0000-000000000000","owners""#);
    assert_eq!(world.call(&query('a', "", &elsewhere)).text(), r#"{"results":[]}"#);
    let world = World::with(7, |policies| policies.query_hides_unreadable = false);
    world.call(&put(&session("game", "G1"), 'c', &joining('c'))).is(201);
    world.call(&post('c', &activity("game", "G1"))).is(201);
    assert_eq!(names(&world.call(&query('b', "", &by_xuid('c'))).is(200)), ["G1"]);
}

#[test]
fn handle_queries_that_cannot_be() {
    let world = World::new();
    for body in [
        "",
        "[]",
        r#"{"type":"activity"}"#,
        r#"{"type":"invite","owners":{"xuids":["1"]}}"#,
        r#"{"type":"activity","owners":{}}"#,
        r#"{"type":"activity","owners":{"xuids":"1"}}"#,
        r#"{"type":"activity","owners":{"xuids":["me"]}}"#,
        r#"{"type":"activity","scid":"x","owners":{"xuids":["1"]}}"#,
        r#"{"type":"activity","bogus":1,"owners":{"xuids":["1"]}}"#,
        r#"{"type":"activity","owners":{"xuids":["1"],"people":{"moniker":"people","monikerXuid":"1"}}}"#,
        r#"{"type":"activity","owners":{"people":{"moniker":"rivals","monikerXuid":"1"}}}"#,
        r#"{"type":"activity","owners":{"people":{"moniker":"people"}}}"#,
        r#"{"type":"search","filter":7}"#,
        r#"{"type":"search","orderBy":"skill down"}"#,
        r#"{"type":"search","orderBy":"session/nothing"}"#,
    ] {
        world.call(&query('a', "", body)).says(400);
    }
    world.call(&get("/handles/query", 'a')).says(405);
}

/// B active in `L1`, reserved in `P1`, inactive in `S2`; one more session a second.
fn three_ways(world: &World) {
    world.call(&put(&session("lobby", "L1"), 'b', &joining('b'))).is(201);
    world.advance(1_000);
    let keeping = r#"{"members":{"me":{"constants":{"system":{"xuid":"9000000000000001"}},"properties":{"system":{"active":true}}},
        "reserve_0":{"constants":{"system":{"xuid":"9000000000000002"}}}}}"#;
    world.call(&put(&session("priv", "P1"), 'a', keeping)).is(201);
    world.advance(1_000);
    let idle = r#"{"members":{"me":{"constants":{"system":{"xuid":"9000000000000002"}}}}}"#;
    world.call(&put(&session("slow", "S2"), 'b', idle)).is(201);
}

#[test]
fn s19_sessions_of_a_player() {
    let world = World::new();
    three_ways(&world);
    let own = format!("xuid={}", xuid('b'));
    let by_others = world.call(&sessions('a', &own)).is(200);
    assert_eq!(names(&by_others), ["L1"]);
    assert_eq!(
        by_others.at("/results/0"),
        json!({"xuid":"9000000000000002","startTime":"2026-01-02T03:04:05.0000000Z","accepted":1,"status":"active","visibility":"open",
            "sessionRef":{"scid":SCID,"templateName":"lobby","name":"L1"}})
    );
    let all = world.call(&sessions('b', &format!("{own}&reservations=TRUE&inactive=true&private=true"))).is(200);
    assert_eq!(names(&all), ["L1", "P1", "S2"]);
    let column = |name: &str| (0..3).map(|row| all.at(&format!("/results/{row}/{name}"))).collect::<Vec<_>>();
    assert_eq!(column("status"), ["active", "reserved", "inactive"]);
    assert_eq!(
        (column("visibility"), column("accepted")),
        (vec![json!("open"), json!("private"), json!("open")], vec![json!(1), json!(1), json!(1)])
    );
    assert_eq!(names(&world.call(&sessions('a', &format!("{own}&inactive=true")))), ["L1", "S2"]);
    assert_eq!(
        names(&world.call(&sessions('b', &format!("{own}&private=true&visibility=private&reservations=true")))),
        ["P1"]
    );
    assert_eq!(
        names(&world.call(&sessions('b', &format!("{own}&private=true&visibility=open&inactive=true&take=1")))),
        ["L1"]
    );
    assert_eq!(world.call(&sessions('b', &format!("{own}&take=0"))).text(), r#"{"results":[]}"#);
    let of_template = format!("/serviceconfigs/{SCID}/sessionTemplates/SLOW/sessions?inactive=true&{own}");
    assert_eq!(names(&world.call(&get(&of_template, 'a'))), ["S2"]);
    for parameters in ["private=true", "reservations=true"] {
        world.call(&sessions('a', &format!("xuid=4&{parameters}"))).says(403);
    }
}

#[test]
fn s19_queries_that_cannot_be() {
    let world = World::new();
    for parameters in [
        "",
        "take=10",
        "visibility=open",
        "xuid=me",
        "xuid=0",
        "xuid=",
        "xuid",
        "xuid=1&xuid=1",
        "keyword=a&inactive=true",
        "keyword=a&reservations=true",
        "xuid=1&visibility=private",
        "xuid=1&visibility=closed",
        "xuid=1&inactive=yes",
        "xuid=1&take=101",
        "xuid=1&take=-1",
        "xuid=1&version=8",
        "xuid=1&version=x",
    ] {
        world.call(&sessions('a', parameters)).says(400);
    }
    world.call(&sessions('a', "xuid=1&version=5").header("x-xbl-contract-version", "104")).says(400);
    world.call(&sessions('a', "XUID=1&version=4&visibility=any").header("x-xbl-contract-version", "104")).is(200);
    world.call(&sessions('a', "keyword=a&private=true")).says(403);
    for body in ["", "[]", "{}", r#"{"xuids":[]}"#, r#"{"xuids":["x"]}"#, r#"{"xuids":["1"],"take":1}"#] {
        world.call(&batch('a', "", &[]).body(body)).says(400);
    }
    world.call(&batch('a', "?xuid=1", &['a'])).says(400);
    world.call(&batch('a', "?private=true", &['a', 'b'])).says(403);
    world.call(&get(&format!("/serviceconfigs/{SCID}/sessionTemplates/unknown/sessions?xuid=1"), 'a')).says(404);
    world.call(&get("/serviceconfigs/title/sessions?xuid=1", 'a')).says(404);
}

#[test]
fn s19_a_batch_groups_by_player_and_repeats_sessions() {
    let world = World::new();
    three_ways(&world);
    world.call(&put(&session("lobby", "L1"), 'a', &joining('a'))).is(200);
    world.advance(1_000);
    world.call(&put(&session("lobby", "L2"), 'a', &joining('a'))).is(201);
    let rows = |got: Got| {
        let xuids = got.at("/results").as_array().unwrap().iter().map(|row| row["xuid"].clone()).collect::<Vec<_>>();
        (xuids, names(&got))
    };
    let (b, a) = (json!(xuid('b')), json!(xuid('a')));
    assert_eq!(
        rows(world.call(&batch('c', "", &['b', 'a', 'b'])).is(200)),
        (vec![b.clone(), a.clone(), a], vec!["L1".into(), "L1".into(), "L2".into()])
    );
    assert_eq!(rows(world.call(&batch('c', "?take=1", &['b', 'a']))).0, [b]);
    let of_template = format!("/serviceconfigs/{SCID}/sessionTemplates/slow/batch?inactive=true");
    let slow = Ask::new("POST", &of_template, 'c').body(&json!({"xuids":[xuid('a'), xuid('b')]}).to_string());
    assert_eq!(names(&world.call(&slow).is(200)), ["S2"]);
}

#[test]
fn s19_keywords_visibility_and_turns() {
    let world = World::new();
    let body = joining('a').replacen('{', r#"{"properties":{"system":{"keywords":["Ranked","x y"],"turn":[0]}},"#, 1);
    world.call(&put(&session("lobby", "L1"), 'a', &body)).is(201);
    let constants = r#"{"constants":{"system":{"maxMembersCount":1,"version":3}},"#;
    let full = joining('b').replacen('{', constants, 1);
    let full = full.replacen(r#""members""#, r#""properties":{"system":{"keywords":["ranked"]}},"members""#, 1);
    world.call(&put(&session("own", "O1"), 'b', &full)).is(201);
    let found = world.call(&sessions('c', "keyword=RANKED")).is(200);
    assert_eq!(names(&found), ["L1", "O1"]);
    assert_eq!(found.at("/results/0/keywords"), json!(["Ranked", "x y"]));
    assert_eq!((found.at("/results/0/xuid"), found.at("/results/0/status")), (Value::Null, Value::Null));
    assert_eq!(found.at("/results/1/visibility"), "full");
    assert_eq!(names(&world.call(&sessions('c', "keyword=ranked&visibility=full"))), ["O1"]);
    assert_eq!(names(&world.call(&sessions('c', "keyword=ranked&visibility=open"))), ["L1"]);
    assert_eq!(names(&world.call(&sessions('c', "keyword=ranked&version=2"))), ["L1"]);
    assert_eq!(names(&world.call(&sessions('c', "keyword=x%20y"))), ["L1"]);
    assert_eq!(world.call(&sessions('c', &format!("xuid={}", xuid('a')))).at("/results/0/myTurn"), true);
    world.call(&put(&session("game", "G1"), 'd', &joining('d'))).is(201);
    let restricted = world.call(&sessions('c', &format!("xuid={}", xuid('d')))).is(200);
    assert_eq!(restricted.at("/results/0/joinRestriction"), "local");
}

#[test]
fn a_query_shows_a_hundred_and_no_session_that_is_over() {
    let world = World::new();
    for n in 0..120 {
        world.call(&put(&session("lobby", &format!("L{n:03}")), 'a', &joining('a'))).is(201);
    }
    world.call(&put(&session("lobby", "L000"), 'a', LEAVE)).bare(204);
    let found = names(&world.call(&sessions('b', &format!("xuid={}", xuid('a')))).is(200));
    assert_eq!((found.len(), found[0].as_str(), found[99].as_str()), (100, "L001", "L100"));
}

#[test]
fn a_query_for_everything_is_refused_as_chosen() {
    let world = World::with(7, |policies| policies.open_query_status = 403);
    world.call(&sessions('a', "take=1")).says(403);
}

/// Bodies made of what queries and tickets are made of.
fn near_bodies() -> impl Strategy<Value = String> {
    let words = [
        "type",
        "scid",
        "owners",
        "xuids",
        "people",
        "moniker",
        "filter",
        "orderBy",
        "sessionMembers",
        "giveUpDuration",
        "ticketSessionRef",
        "searchAttributes",
        "tags",
        "numbers",
        "sessionRef",
    ];
    let leaves = [
        "null",
        "1",
        "[]",
        "{}",
        r#""activity""#,
        r#""search""#,
        r#""people""#,
        r#"["1"]"#,
        r#""skill desc""#,
        r#""\ud800""#,
        r#""tags/any(d:d eq 'x')""#,
        r#""00000000-0000-0000-0000-0000000c0de1""#,
        "1e999",
    ];
    let leaf = proptest::sample::select(leaves.to_vec()).prop_map(str::to_owned);
    leaf.prop_recursive(4, 30, 5, move |inner| {
        let member = (proptest::sample::select(words.to_vec()), inner);
        proptest::collection::btree_map(member.0, member.1, 0..5).prop_map(|members| {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            format!("{{{}}}", members.join(","))
        })
    })
}

proptest! {
    #[test]
    fn no_query_or_ticket_brings_it_down(near in near_bodies(), parameters in "[a-z=&%0-9]{0,30}") {
        let world = World::new();
        playing(&world);
        for (target, service) in [
            ("/handles/query".to_owned(), Service::Mpsd),
            ("/handles".to_owned(), Service::Mpsd),
            (format!("/serviceconfigs/{SCID}/batch?{parameters}"), Service::Mpsd),
            (format!("/serviceconfigs/{SCID}/hoppers/{parameters}"), Service::SmartMatch),
        ] {
            let version = if service == Service::Mpsd { "107" } else { "103" };
            let mut ask = Ask::new("POST", &target, 'a').header("x-xbl-contract-version", version).body(&near);
            ask.service = service;
            let status = world.call(&ask).status();
            prop_assert!(matches!(status, 200 | 201 | 400 | 403 | 404 | 405 | 409), "{}: {}", target, status);
        }
        let status = world.call(&sessions('a', &parameters)).status();
        prop_assert!(matches!(status, 200 | 400 | 403), "{}", status);
    }
}
