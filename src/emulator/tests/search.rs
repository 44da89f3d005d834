//! Search handles and the queries that find them, from the outside.

use serde_json::json;

use super::*;

fn advertise(name: &str, attributes: &str) -> String {
    let reference = session_ref("game", name);
    format!(r#"{{"type":"search","version":1,"sessionRef":{reference},"searchAttributes":{attributes}}}"#)
}

const HARBOUR: &str =
    r#"{"tags":["Casual","MicsRequired"],"strings":{"map":"Harbour"},"numbers":{"skill":12.50},"locale":"en"}"#;

fn search(user: char, rest: &str) -> Ask {
    let body = format!(r#"{{"type":"search","scid":"{SCID}","templateName":"game","global":true{rest}}}"#);
    Ask::new("POST", "/handles/query?include=relatedInfo,roleInfo,customProperties", user).body(&body)
}

fn filtered(user: char, filter: &str) -> Ask {
    search(user, &format!(",\"filter\":{}", json!(filter)))
}

fn names(got: &Got) -> Vec<String> {
    let rows = got.at("/results");
    rows.as_array().unwrap().iter().map(|row| row["sessionRef"]["name"].as_str().unwrap().to_owned()).collect()
}

/// A `game` session by A with a search handle; its path.
fn advertised(world: &World) -> String {
    world.call(&put(&session("game", "G1"), 'a', &joining('a'))).is(201);
    world.call(&post('a', &advertise("G1", HARBOUR))).is(201).header("location").to_owned()
}

#[test]
fn s8_a_search_handle_is_shown_found_followed_and_deleted() {
    let world = World::new();
    let path = advertised(&world);
    let id = path.strip_prefix("/handles/").unwrap();
    let made = world.call(&get(&path, 'b')).is(200);
    assert_eq!((made.at("/type"), made.at("/searchAttributes/numbers/skill")), (json!("search"), json!(12.5)));
    assert!(made.text().contains("12.50"), "numbers stay as they were written");
    let shown = world.call(&get(&session("game", "G1"), 'a')).is(200);
    assert_eq!((shown.at("/searchHandle"), shown.at("/changeNumber")), (json!(id), json!(2)));

    let filter =
        r#","filter":"tags/any(d:tolower(d) eq 'casual') eq true and numbers/skill le 20","orderBy":"skill desc""#;
    let found = world.call(&search('b', filter)).is(200);
    let item = found.at("/results/0");
    assert_eq!(found.at("/results").as_array().unwrap().len(), 1);
    assert_eq!((&item["id"], &item["type"], &item["version"]), (&json!(id), &json!("search"), &json!(1)));
    assert_eq!(item["searchAttributes"]["tags"], json!(["Casual", "MicsRequired"]));
    assert_eq!((&item["customProperties"], &item["roleInfo"]), (&json!({}), &json!({"roleTypes":{}})));
    assert_eq!(
        item["relatedInfo"],
        json!({"visibility":"open","joinRestriction":"local","closed":false,"maxMembersCount":4,"membersCount":1,
            "inviteProtocol":"game","postedTime":"2026-01-02T03:04:05.0000000Z","sessionOwners":["9000000000000001"]})
    );

    world.call(&put(&session("game", "G1"), 'b', &joining('b'))).says(403);
    let joined = world.call(&put(&format!("{path}/session"), 'b', &joining('b')).header("if-match", "*")).is(200);
    assert_eq!(
        (joined.header("content-location"), joined.at("/membersInfo/count")),
        (session("game", "G1").as_str(), json!(2))
    );

    world.call(&Ask::new("DELETE", &path, 'b')).says(403);
    let before = world.call(&get(&session("game", "G1"), 'a'));
    world.call(&Ask::new("DELETE", &path, 'a')).bare(204);
    let after = world.call(&get(&session("game", "G1"), 'a'));
    assert_eq!(after.at("/searchHandle"), Value::Null);
    assert_ne!(before.header("etag"), after.header("etag"));
    world.call(&get(&path, 'a')).says(404);
    assert_eq!(world.call(&search('b', "")).text(), r#"{"results":[]}"#);
}

#[test]
fn s8_filters() {
    let world = World::new();
    advertised(&world);
    for (filter, hits) in [
        ("tolower(strings/map) eq 'harbour'", 1),
        ("tolower(strings/map) eq 'Harbour'", 0),
        ("tags/any(d:tolower(d) ne 'casual')", 0),
        ("tags/any(d:tolower(d) ne 'ranked')", 1),
        ("session/needs le 3", 1),
        ("numbers/skill gt 50 or tolower(strings/map) eq 'harbour'", 1),
        ("session/memberXuids/any(d:d eq '9000000000000001')", 1),
        ("session/ownerXuids/any(d:d eq '9000000000000002')", 0),
        ("session/postedTime le '2026-01-02T03:04:05Z'", 1),
        ("", 1),
    ] {
        let found = world.call(&filtered('b', filter)).is(200);
        assert_eq!(names(&found).len(), hits, "{filter}");
    }
    let refused = world.call(&filtered('b', "numbers/a eq 1 or numbers/b eq 1 or numbers/c eq 1")).says(400);
    assert_eq!(refused.text(), "The filter is not valid: at byte 33, an or too many stands there.");
}

#[test]
fn s8_a_session_must_let_itself_be_found() {
    let world = World::new();
    lobby(&world);
    let lobby_handle = advertise("L1", HARBOUR).replace("\"game\"", "\"lobby\"");
    world.call(&post('a', &lobby_handle)).says(409);
    world.call(&post('a', &advertise("G1", HARBOUR))).says(403);
    advertised(&world);
    world.call(&post('b', &advertise("G1", HARBOUR))).says(403);
    let strict = World::with(7, |policies| {
        policies.not_searchable_status = 403;
        policies.search_handle_needs_owner = true;
    });
    lobby(&strict);
    strict.call(&post('a', &lobby_handle)).says(403);
    let path = advertised(&strict);
    strict.call(&put(&format!("{path}/session"), 'b', &joining('b'))).is(200);
    strict.call(&post('b', &advertise("G1", HARBOUR))).says(403);
}

#[test]
fn a_second_search_handle_takes_the_place_of_the_first() {
    let world = World::new();
    let first = advertised(&world);
    let second = world.call(&post('a', &advertise("G1", "{}"))).is(201);
    assert_eq!(second.at("/searchAttributes"), json!({"tags":[],"strings":{},"numbers":{}}));
    world.call(&get(&first, 'a')).says(404);
    assert_eq!(world.call(&search('b', "")).at("/results/0/id"), second.at("/id"));
    assert_eq!(world.call(&get(&session("game", "G1"), 'a')).at("/searchHandle"), second.at("/id"));
    world.call(&put(&session("game", "G1"), 'a', LEAVE)).bare(204);
    world.call(&get(second.header("location"), 'a')).says(404);
    let anew = world.call(&put(&session("game", "G1"), 'a', &joining('a'))).is(201);
    assert_eq!(anew.at("/searchHandle"), Value::Null);
}

#[test]
fn a_closed_session_is_found_but_not_joined() {
    let world = World::new();
    let path = advertised(&world);
    world.call(&put(&session("game", "G1"), 'a', r#"{"properties":{"system":{"closed":true}}}"#)).is(200);
    assert_eq!(world.call(&search('b', "")).at("/results/0/relatedInfo/closed"), true);
    world.call(&put(&format!("{path}/session"), 'b', &joining('b'))).is(403);
}

#[test]
fn results_stand_in_the_order_asked() {
    let world = World::new();
    for (user, name, attributes) in [
        ('a', "G1", r#"{"numbers":{"skill":3},"strings":{"map":"Yard"}}"#),
        ('b', "G2", r#"{"numbers":{"skill":20},"strings":{"map":"attic"}}"#),
        ('c', "G3", "{}"),
        ('d', "G4", r#"{"numbers":{"Skill":-1.5e1}}"#),
    ] {
        world.call(&put(&session("game", name), user, &joining(user))).is(201);
        world.call(&post(user, &advertise(name, attributes))).is(201);
        world.advance(1);
    }
    for (order, expected) in [
        ("", ["G1", "G2", "G3", "G4"]),
        ("timestamp desc", ["G4", "G3", "G2", "G1"]),
        ("skill", ["G4", "G1", "G2", "G3"]),
        ("numbers/skill DESC", ["G2", "G1", "G4", "G3"]),
        ("map asc", ["G2", "G1", "G3", "G4"]),
        ("suggestedLfg desc", ["G1", "G2", "G3", "G4"]),
    ] {
        let got = world.call(&search('e', &format!(r#","orderBy":"{order}""#))).is(200);
        assert_eq!(names(&got), expected, "{order}");
    }
    let members = format!(r#","sessionMembers":{{"xuids":["{}","{}"]}}"#, xuid('c'), xuid('a'));
    assert_eq!(names(&world.call(&search('e', &members)).is(200)), ["G1", "G3"]);
    let anywhere = Ask::new("POST", "/handles/query", 'e').body(r#"{"type":"search"}"#);
    assert_eq!(names(&world.call(&anywhere).is(200)).len(), 4);
    let other = Ask::new("POST", "/handles/query", 'e').body(r#"{"type":"search","templateName":"lobby"}"#);
    assert_eq!(world.call(&other).text(), r#"{"results":[]}"#);
}

#[test]
fn attributes_that_cannot_be() {
    let world = World::new();
    advertised(&world);
    let long = "a".repeat(100);
    let many: Vec<String> = (0..101).map(|n| format!("t{n}")).collect();
    for attributes in [
        "[]".to_owned(),
        r#"{"colour":"red"}"#.to_owned(),
        r#"{"tags":"x"}"#.to_owned(),
        r#"{"tags":["1st"]}"#.to_owned(),
        r#"{"tags":["two words"]}"#.to_owned(),
        format!(r#"{{"tags":["{long}"]}}"#),
        json!({ "tags": many }).to_string(),
        r#"{"strings":{"map":1}}"#.to_owned(),
        r#"{"strings":{"Map":"a","map":"b"}}"#.to_owned(),
        format!(r#"{{"strings":{{"{long}":"x"}}}}"#),
        r#"{"numbers":{"skill":"1"}}"#.to_owned(),
        r#"{"numbers":{"skill":1e999}}"#.to_owned(),
        r#"{"locale":1}"#.to_owned(),
        format!(r#"{{"strings":{{"map":"{}"}}}}"#, "x".repeat(17_000)),
    ] {
        world.call(&post('a', &advertise("G1", &attributes))).says(400);
    }
    world.call(&post('a', &advertise("G1", r#"{"tags":null,"strings":null}"#))).is(201);
}

/// A session with everything a filter can name: two members of eight, roles, keywords, a plan.
fn rich(world: &World) {
    let body = joining('a').replacen(
        '{',
        r#"{"constants":{"system":{"maxMembersCount":8,"capabilities":{"searchable":true}}},
        "roleTypes":{"lfg":{"roles":{"confirmed":{"max":4,"target":3},"maybe":{"max":2}}}},
        "properties":{"system":{"keywords":["Level2"],"scheduledTime":"2026-02-01T20:00:00Z"}},"#,
        1,
    );
    let body = body.replacen(r#""me":{"#, r#""me":{"roles":{"lfg":"confirmed"},"#, 1);
    world.call(&put(&session("own", "O1"), 'a', &body)).is(201);
    world.call(&put(&session("own", "O1"), 'b', &joining('b'))).is(200);
    let attributes = r#"{"tags":["Elite"],"strings":{"Clan":"Purple","any":"x"},"numbers":{"guns":16},"achievementIds":["42"],"locale":"EN"}"#;
    world.call(&post('a', &advertise("O1", attributes).replace("\"game\"", "\"own\""))).is(201);
}

#[test]
fn every_fact_can_be_filtered_by() {
    let world = World::new();
    rich(&world);
    for (filter, hit) in [
        ("strings/clan eq 'purple'", true),
        ("Strings/CLAN eq 'Purple'", false),
        ("string/clan ne 'green'", true),
        ("strings/none ne 'x'", true),
        ("strings/none eq 'x'", false),
        ("strings/none lt 'x'", false),
        ("strings/any eq 'x'", true),
        ("strings/clan gt 'pink' and strings/clan le 'purple'", true),
        ("number/guns eq 1.6e1", true),
        ("numbers/guns ne 16.0", false),
        ("numbers/guns gt 15 and numbers/guns ge 16 and numbers/guns lt 17 and numbers/guns le 16", true),
        ("numbers/none gt -1", false),
        ("language eq 'en'", true),
        ("achievementIds/any(d:d eq '42')", true),
        ("Tags/Any(t : ToLower(t) EQ 'elite') eq TRUE", true),
        ("tags/any(d:tolower(d) eq 'elite') eq false", false),
        ("tags/any(d:tolower(d) ne 'elite') eq false", true),
        ("session/keywords/any(d:tolower(d) eq 'level2')", true),
        ("MemberXuids/any(d:d eq '9000000000000002')", true),
        ("session/ownerXuids/any(d:d eq '9000000000000001')", false),
        ("session/scid eq '00000000-0000-0000-0000-0000000C0DE1'", true),
        ("session/templateName eq 'OWN'", true),
        ("session/titleId eq 1234567890", true),
        ("session/registrationState eq 'registered'", false),
        ("session/scheduledTime le '2026-02-01T21:00:00+01:00'", true),
        ("session/scheduledTime lt '2026-02-01T20:00:00.0000000Z'", false),
        ("session/postedTime gt '2026-01-01T00:00:00Z'", true),
        ("session/membersCount eq 2", true),
        ("session/maxMembersCount lt 9", true),
        ("session/targetMembersCount eq 3", true),
        ("session/targetMembersCountRemaining le 1", true),
        ("session/maxMembersCountRemaining gt 5", true),
        ("session/needs eq 1", true),
        ("session/roles/lfg/confirmed/count eq 1", true),
        ("session/roles/lfg/confirmed/target eq 3", true),
        ("session/roles/lfg/confirmed/needs eq 2", true),
        ("session/roles/lfg/maybe/target eq 2", true),
        ("session/roles/lfg/maybe/needs eq 2", true),
        ("session/roles/lfg/none/count eq 0", false),
        ("(numbers/guns eq 1 or numbers/guns eq 16) and language eq 'en'", true),
        ("numbers/guns eq 16 or numbers/guns eq 1 and language eq 'de'", true),
        ("(numbers/guns eq 16 or numbers/guns eq 1) and language eq 'de'", false),
    ] {
        let body = format!(r#"{{"type":"search","filter":{}}}"#, json!(filter));
        let found = world.call(&Ask::new("POST", "/handles/query", 'b').body(&body)).is(200);
        assert_eq!(names(&found).len(), usize::from(hit), "{filter}");
    }
}

#[test]
fn whether_something_absent_differs_is_a_policy() {
    for (differs, hits) in [(true, 1), (false, 0)] {
        let world = World::with(7, |policies| policies.filter_absent_differs = differs);
        advertised(&world);
        for filter in ["strings/none ne 'x'", "numbers/none ne 1", "session/scheduledTime ne '2026-02-01T20:00:00Z'"] {
            assert_eq!(names(&world.call(&filtered('b', filter)).is(200)).len(), hits, "{filter}");
        }
        for filter in ["strings/map ne 'x'", "tags/any(d:d ne 'x')"] {
            assert_eq!(names(&world.call(&filtered('b', filter)).is(200)).len(), 1, "{filter}");
        }
    }
}

#[test]
fn role_info_counts_holders() {
    let world = World::new();
    rich(&world);
    let body = r#"{"type":"search","templateName":"own"}"#;
    let found = world.call(&Ask::new("POST", "/handles/query?include=roleInfo", 'b').body(body)).is(200);
    assert_eq!(
        found.at("/results/0/roleInfo/roleTypes/lfg/roles/confirmed"),
        json!({"max":4,"target":3,"count":1,"memberXuids":["9000000000000001"]})
    );
}
