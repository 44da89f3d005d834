//! SmartMatch from the outside.

use serde_json::json;

use super::*;

fn hopper(rest: &str) -> String {
    format!("/serviceconfigs/{SCID}/hoppers/quick{rest}")
}

fn ask(method: &'static str, rest: &str, user: char) -> Ask {
    let mut ask = Ask::new(method, &hopper(rest), user).header("x-xbl-contract-version", "103");
    ask.service = Service::SmartMatch;
    ask
}

fn ticket(user: char, session: &str, preserve: &str, attributes: &str) -> Ask {
    let reference = session_ref("lobby", session);
    ask("POST", "", user).body(&format!(
        r#"{{"giveUpDuration":60,"preserveSession":"{preserve}","ticketSessionRef":{reference},"ticketAttributes":{attributes}}}"#
    ))
}

fn ready(user: char) -> String {
    joining(user).replacen(
        r#""properties":{"system""#,
        &format!(r#""properties":{{"custom":{{"matchAttrs":{{"skill":1.50,"who":"{user}"}}}},"system""#),
        1,
    )
}

/// Puts players into a lobby of that name.
fn gather(world: &World, name: &str, users: &[char]) {
    for user in users {
        assert!(world.call(&put(&session("lobby", name), *user, &ready(*user))).status() < 300);
    }
}

fn status(world: &World, name: &str, user: char) -> Value {
    world.call(&get(&session("lobby", name), user)).at("/servers/matchmaking/properties/system/status")
}

#[test]
fn s14_two_tickets_make_a_session() {
    let world = World::new();
    gather(&world, "K1", &['a', 'b']);
    gather(&world, "K2", &['c']);
    let made = world.call(&ticket('a', "K1", "never", r#"{"map":"harbour"}"#)).is(201);
    assert_eq!(made.at("/waitTime"), 15);
    let id = made.at("/ticketId").as_str().unwrap().to_owned();
    let searching = world.call(&get(&session("lobby", "K1"), 'a')).is(200);
    let server = searching.at("/servers/matchmaking");
    assert_eq!(server["properties"]["system"], json!({"status":"searching","statusDetails":"","typicalWait":15}));
    assert_eq!(server["properties"]["custom"], json!({"ticketScid":SCID,"ticketHopperName":"quick","ticketId":id}));
    assert_eq!(server["constants"], json!({"system":{},"custom":{}}));
    assert_eq!(searching.at("/changeNumber"), 3);
    let waiting = world.call(&ask("GET", &format!("/tickets/{}", id.to_uppercase()), 'b')).is(200);
    assert_eq!((waiting.at("/ticketStatus"), waiting.at("/targetSessionRef")), (json!("searching"), Value::Null));
    assert_eq!(world.call(&ask("GET", "/stats", 'd')).at("/population"), 2);

    let second = world.call(&ticket('c', "K2", "never", "{}")).is(201);
    let found = world.call(&ask("GET", &format!("/tickets/{id}"), 'a')).is(200);
    assert_eq!(
        (found.at("/ticketStatus"), found.at("/preserveSession"), found.at("/ticketAttributes"), found.at("/waitTime")),
        (json!("found"), json!("never"), json!({"map":"harbour"}), json!(15))
    );
    assert_eq!(found.at("/ticketSessionRef"), json!({"scid":SCID,"templateName":"lobby","name":"K1"}));
    assert_eq!(found.at("/players/1/xuid"), xuid('b'));
    let target = found.at("/targetSessionRef");
    for (name, user) in [("K1", 'a'), ("K2", 'c')] {
        let system = world.call(&get(&session("lobby", name), user)).at("/servers/matchmaking/properties/system");
        assert_eq!((&system["status"], &system["targetSessionRef"]), (&json!("found"), &target));
    }
    assert_eq!(world.call(&ask("GET", "/stats", 'd')).at("/population"), 0);
    let path = session("target", target["name"].as_str().unwrap());
    let session = world.call(&get(&path, 'b')).is(200);
    for (index, user) in ['a', 'b', 'c'].into_iter().enumerate() {
        let member = session.at(&format!("/members/{index}"));
        assert_eq!((&member["reserved"], &member["constants"]["system"]["xuid"]), (&json!(true), &json!(xuid(user))));
        assert_eq!(member["constants"]["system"]["initialize"], true);
        let result = &member["constants"]["custom"]["matchmakingResult"];
        assert_eq!(result["playerAttrs"], json!({"skill":1.5,"who":user}));
        assert_eq!(result["ticketAttrs"]["map"], if user == 'c' { Value::Null } else { json!("harbour") });
    }
    assert!(session.text().contains(r#""skill":1.50"#), "a title's JSON stays as it was written");
    assert_eq!((session.at("/changeNumber"), session.at("/membersInfo/count")), (json!(1), json!(3)));
    for user in ['a', 'b', 'c'] {
        world.call(&put(&path, user, &joining(user))).is(200);
    }
    world.call(&put(&path, 'd', &joining('d'))).is(200);
    let again = world.call(&ask("DELETE", &format!("/tickets/{}", second.at("/ticketId").as_str().unwrap()), 'c'));
    again.bare(204);
    assert_eq!(status(&world, "K2", 'c'), "found", "a match cannot be taken back");
}

#[test]
fn s14_a_ticket_is_taken_back_or_runs_out() {
    let world = World::new();
    gather(&world, "K1", &['a']);
    let first = world.call(&ticket('a', "K1", "never", "{}")).is(201);
    let path = format!("/tickets/{}", first.at("/ticketId").as_str().unwrap());
    world.call(&ticket('a', "K1", "never", "{}")).says(409);
    world.call(&ask("GET", &path, 'b')).says(403);
    world.call(&ask("DELETE", &path, 'b')).says(403);
    world.call(&ask("DELETE", &path, 'a')).bare(204);
    assert_eq!(status(&world, "K1", 'a'), "canceled");
    assert_eq!(world.call(&ask("GET", &path, 'a')).at("/ticketStatus"), "canceled");

    let second = world.call(&ticket('a', "K1", "never", "{}")).is(201);
    assert_ne!(second.at("/ticketId"), first.at("/ticketId"));
    assert_eq!(status(&world, "K1", 'a'), "searching");
    assert_eq!(world.emulator.due().unwrap(), crate::clock::after(world.clock.now(), 60_000));
    world.advance(59_999);
    assert_eq!(status(&world, "K1", 'a'), "searching");
    world.advance(1);
    assert_eq!(status(&world, "K1", 'a'), "expired");
    assert_eq!(world.emulator.due(), None);
    gather(&world, "K2", &['b']);
    world.call(&ticket('b', "K2", "never", "{}")).is(201);
    assert_eq!(status(&world, "K2", 'b'), "searching", "what has run out matches nobody");
}

#[test]
fn a_tick_ends_what_has_run_out() {
    let world = World::new();
    gather(&world, "K1", &['a']);
    world.call(&ticket('a', "K1", "never", "{}")).is(201);
    world.emulator.advance(Duration::from_secs(60));
    assert_eq!(world.emulator.due(), None);
}

#[test]
fn a_preserved_session_takes_the_others_in() {
    let world = World::new();
    gather(&world, "K1", &['a', 'b']);
    gather(&world, "K2", &['c']);
    gather(&world, "K3", &['d']);
    world.call(&ticket('a', "K1", "Always", "{}")).is(201);
    world.call(&ticket('c', "K2", "always", "{}")).is(201);
    assert_eq!(status(&world, "K2", 'c'), "searching", "two sessions cannot both stay");
    let third = world.call(&ticket('d', "K3", "never", "{}")).is(201);
    let path = format!("/tickets/{}", third.at("/ticketId").as_str().unwrap());
    assert_eq!(world.call(&ask("GET", &path, 'd')).at("/targetSessionRef/name"), "K1");
    let kept = world.call(&get(&session("lobby", "K1"), 'a')).is(200);
    assert_eq!(
        (kept.at("/members/2/constants/system/xuid"), kept.at("/members/2/reserved")),
        (json!(xuid('d')), json!(true))
    );
    assert_eq!(status(&world, "K2", 'c'), "searching");
}

#[test]
fn who_is_matched_into_a_session_that_initializes_takes_part_at_once() {
    let world = World::new();
    let reserved = r#""reserve_0":{"constants":{"system":{"xuid":"9000000000000002","initialize":true}}},"#;
    let me = joining('a').replacen(r#""xuid""#, r#""initialize":true,"xuid""#, 1);
    let create = me.replacen(r#""me""#, &format!(r#"{reserved}"me""#), 1);
    let target = session("target", "T");
    world.call(&put(&target, 'a', &create)).is(201);
    world.call(&put(&target, 'b', &joining('b'))).is(200);
    gather(&world, "K2", &['c']);
    world.call(&ticket('c', "K2", "never", "{}")).is(201);
    let mut own = ticket('a', "T", "always", "{}");
    own.body = String::from_utf8(own.body).unwrap().replace("lobby", "target").into_bytes();
    world.call(&own).is(201);
    let matched = world.call(&get(&target, 'a')).is(200);
    assert_eq!(matched.at("/members/2/initializationEpisode"), 2);
    assert_eq!((matched.at("/initializing/stage"), matched.at("/initializing/episode")), (json!("joining"), json!(2)));
}

#[test]
fn only_tickets_that_fit_meet() {
    let world = World::with(7, |policies| policies.match_same_attributes = true);
    for (name, user) in [("K1", 'a'), ("K2", 'b'), ("K3", 'c')] {
        gather(&world, name, &[user]);
    }
    world.call(&ticket('a', "K1", "never", r#"{"map":"harbour","n":1}"#)).is(201);
    world.call(&ticket('b', "K2", "never", r#"{"map":"docks","n":1}"#)).is(201);
    world.call(&ticket('c', "K3", "never", r#"{"n":1.0,"map":"harbour"}"#)).is(201);
    assert_eq!(["K1", "K2", "K3"].map(|name| status(&world, name, 'a')), ["found", "searching", "found"]);

    let world = World::with(7, |policies| policies.match_template = "game".to_owned());
    gather(&world, "K1", &['a', 'b', 'c']);
    gather(&world, "K2", &['d', 'e']);
    gather(&world, "K3", &['f']);
    gather(&world, "K4", &['a']);
    world.call(&ticket('a', "K1", "never", "{}")).is(201);
    world.call(&ticket('d', "K2", "never", "{}")).is(201);
    world.call(&ticket('a', "K4", "never", "{}")).is(201);
    assert_eq!(status(&world, "K1", 'a'), "searching", "five do not fit into four places, nor one player twice");
    assert_eq!(["K2", "K4"].map(|name| status(&world, name, 'a')), ["found", "found"]);
    world.call(&ticket('f', "K3", "never", "{}")).is(201);
    assert_eq!(status(&world, "K1", 'a'), "found");

    let world = World::with(7, |policies| policies.match_tickets = 3);
    for (name, user) in [("K1", 'a'), ("K2", 'b'), ("K3", 'c')] {
        gather(&world, name, &[user]);
        world.call(&ticket(user, name, "never", "{}")).is(201);
    }
    assert_eq!(["K1", "K2", "K3"].map(|name| status(&world, name, 'a')), ["found", "found", "found"]);
}

#[test]
fn a_ticket_whose_session_is_gone_matches_nobody() {
    let world = World::new();
    gather(&world, "K1", &['a']);
    gather(&world, "K2", &['b']);
    let first = world.call(&ticket('a', "K1", "never", "{}")).is(201);
    world.call(&put(&session("lobby", "K1"), 'a', LEAVE)).bare(204);
    world.call(&ticket('b', "K2", "never", "{}")).is(201);
    assert_eq!(status(&world, "K2", 'b'), "searching");
    let path = format!("/tickets/{}", first.at("/ticketId").as_str().unwrap());
    assert_eq!(world.call(&ask("GET", &path, 'a')).at("/ticketStatus"), "canceled");
    let third = world.call(&ticket('b', "K2", "never", "{}").header("x-xbl-contract-version", " 103 "));
    third.says(409);
    world.call(&put(&session("lobby", "K2"), 'b', LEAVE)).bare(204);
    assert_eq!(world.call(&ask("GET", "/stats", 'b')).at("/population"), 1, "nobody has looked yet");
}

#[test]
fn tickets_that_cannot_be() {
    let world = World::new();
    gather(&world, "K1", &['a']);
    let body = String::from_utf8(ticket('a', "K1", "never", "{}").body).unwrap();
    for (from, to) in [
        ("60", "-1"),
        ("60", "1.5"),
        ("60", "4294967295"),
        ("60", "\"60\""),
        ("never", "sometimes"),
        (r#""name""#, r#""sessionName""#),
        (r#""ticketAttributes":{}"#, r#""ticketAttributes":[]"#),
        (r#""ticketAttributes":{}"#, r#""extra":{}"#),
        (r#""ticketAttributes":{}"#, r#""hopperName":"slow""#),
        (SCID, "11111111-0000-0000-0000-000000000000"),
    ] {
        assert!(body.contains(from));
        world.call(&ask("POST", "", 'a').body(&body.replacen(from, to, 1))).says(400);
    }
    world
        .call(&ask("POST", "", 'a').body(
            &body.replace(
                r#""ticketAttributes":{}"#,
                &format!(r#""ticketAttributes":{{"x":"{}"}}"#, "x".repeat(17_000)),
            ),
        ))
        .says(400);
    world.call(&ticket('a', "K1", "never", "{}").header("x-xbl-contract-version", "107")).says(400);
    world.call(&ticket('b', "K1", "never", "{}")).says(403);
    world.call(&ticket('a', "K9", "never", "{}")).says(404);
    for rest in ["/tickets/deadbeef-0000-4000-8000-00000000dead", "/nothing"] {
        world.call(&ask("GET", rest, 'a')).says(404);
    }
    world.call(&ask("PUT", "", 'a')).says(405);
    let mut missing = ask("GET", "", 'a');
    missing.target = format!("/serviceconfigs/{SCID}/hoppers/Unknown/stats");
    world.call(&missing).says(404);
    let named = body.replacen('{', r#"{"hopperName":"Quick","#, 1);
    world.call(&ask("POST", "", 'a').body(&named)).is(201);
}

#[test]
fn players_may_want_constants_for_their_match() {
    let world = World::new();
    gather(&world, "K1", &['a']);
    gather(&world, "K2", &['b']);
    let wanted = r#"{"properties":{"system":{"matchmaking":{"targetSessionConstants":
        {"system":{"inviteProtocol":"game"},"custom":{"round":1.0}}}}}}"#;
    world.call(&put(&session("lobby", "K1"), 'a', wanted)).is(200);
    world.call(&ticket('a', "K1", "never", "{}")).is(201);
    let second = world.call(&ticket('b', "K2", "never", "{}")).is(201);
    let path = format!("/tickets/{}", second.at("/ticketId").as_str().unwrap());
    let name = world.call(&ask("GET", &path, 'b')).at("/targetSessionRef/name");
    let target = world.call(&get(&session("target", name.as_str().unwrap()), 'b')).is(200);
    assert_eq!(target.at("/constants/custom"), json!({"round":1.0}));
    assert_eq!(target.at("/constants/system/inviteProtocol"), "game");
}

#[test]
fn tickets_and_handles_survive_being_written_down() {
    let world = World::new();
    gather(&world, "K1", &['a']);
    gather(&world, "K2", &['b']);
    world.call(&ticket('a', "K1", "never", r#"{"n":1.50}"#)).is(201);
    world.call(&ticket('b', "K2", "always", "{}")).is(201);
    world.call(&put(&session("game", "G1"), 'c', &joining('c'))).is(201);
    let search = r#"{"type":"search","sessionRef":REF,"searchAttributes":{"numbers":{"n":2.50}}}"#;
    world.call(&post('c', &search.replace("REF", &session_ref("game", "G1")))).is(201);
    gather(&world, "K3", &['d']);
    world.call(&ticket('d', "K3", "never", "{}")).is(201);
    let written = serde_json::to_string(&*world.emulator.store()).unwrap();
    let read: crate::emulator::store::Store = serde_json::from_str(&written).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), written);
    assert_eq!(read.tickets.due(), world.emulator.due());
}
