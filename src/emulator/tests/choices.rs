//! Every switch switches: templates, sizes, handles, real-time activity, matchmaking and limits, each way.

use serde_json::json;

use super::sockets::{ALL, MPSD, bound, subscribe};
use super::*;

fn own(path: &str, user: char, service: Service) -> Ask {
    Ask { service, ..get(path, user) }
}

#[test]
fn what_a_template_name_stands_for_is_chosen() {
    let create = |world: &World, name: &str| world.call(&put(&session(name, "S"), 'a', &joining('a')));
    let world = World::with(7, |policies| {
        policies.missing_template = "Gone".to_owned();
        policies.default_template = "Slow".to_owned();
        policies.title_id = 42;
    });
    assert_eq!(world.emulator.settings.fault(), None);
    create(&world, "gone").says(404);
    let made = create(&world, "unknown").is(201);
    assert_eq!(made.at("/constants/system/inactiveRemovalTimeout"), 60_000);
    assert_eq!(made.at("/members/0/activeTitleId"), "42");
    let strict = World::with(7, |policies| policies.default_template = String::new());
    create(&strict, "unlisted").says(404);
    create(&strict, "lobby").is(201);
    let shown = |names: bool| {
        let world = World::with(7, |policies| policies.template_names_itself = names);
        world.call(&get(&format!("/serviceconfigs/{SCID}/sessiontemplates/LOBBY"), 'a')).is(200).at("/name")
    };
    assert_eq!((shown(true), shown(false)), (json!("lobby"), Value::Null));
}

#[test]
fn choices_that_name_nothing_are_faults() {
    let fault = |choose: fn(&mut Policies)| World::with(7, choose).emulator.settings.fault().unwrap();
    assert!(fault(|policies| policies.default_template = "nothing".to_owned()).starts_with("default-template"));
    assert!(fault(|policies| policies.match_template = "unknown".to_owned()).starts_with("match-template"));
    assert!(fault(|policies| policies.full_status = 7).starts_with("full-status"));
}

#[test]
fn how_long_an_inactive_member_stays_is_chosen_by_contract() {
    let world = World::with(7, |policies| {
        policies.inactive_default = 5;
        policies.inactive_default_old = 6;
    });
    let inactive = |name: &str, version: &str, pointer: &str| {
        let ask = put(&session("roles", name), 'a', &joining('a')).header("x-xbl-contract-version", version);
        world.call(&ask).is(201).at(pointer)
    };
    assert_eq!(inactive("N", "107", "/constants/system/inactiveRemovalTimeout"), 5);
    assert_eq!(inactive("O", "105", "/constants/system/timeouts/inactive"), 6);
}

#[test]
fn how_large_a_session_grows_is_chosen() {
    let heavy = format!(r#"{{"properties":{{"custom":{{"x":"{}"}}}},{}"#, "x".repeat(2_000), &joining('a')[1..]);
    let (lobby, big) = (session("lobby", "L1"), session("big", "B"));
    let world = World::with(7, |policies| policies.document_bytes = 2_000);
    world.call(&put(&lobby, 'a', &heavy)).says(400);
    world.call(&put(&big, 'a', &heavy)).is(201);
    let world = World::with(7, |policies| policies.large_document_bytes = 2_000);
    world.call(&put(&lobby, 'a', &heavy)).is(201);
    world.call(&put(&big, 'a', &heavy)).says(400);
    let world = World::with(7, |policies| policies.large_members = 1_999);
    world.call(&put(&big, 'a', &joining('a'))).says(400);
}

#[test]
fn how_long_an_invite_holds_is_chosen() {
    let invite = |outlives: bool| {
        let world = World::with(7, |policies| {
            policies.invite_lifetime = 1_000;
            policies.invite_outlives_session = outlives;
        });
        world.call(&put(&session("priv", "P"), 'a', &joining('a'))).is(201);
        let reference = session_ref("priv", "P");
        let body = format!(r#"{{"type":"invite","sessionRef":{reference},"invitedXuid":"{}"}}"#, xuid('b'));
        let path = world.call(&post('a', &body)).is(201).header("location").to_owned();
        (world, path)
    };
    let (world, path) = invite(true);
    world.call(&put(&session("priv", "P"), 'a', LEAVE)).bare(204);
    world.advance(999);
    world.call(&get(&path, 'b')).is(200);
    world.advance(1);
    world.call(&get(&path, 'b')).says(404);
    let (world, path) = invite(false);
    world.call(&put(&session("priv", "P"), 'a', LEAVE)).bare(204);
    world.call(&get(&path, 'b')).says(404);
}

#[test]
fn who_comes_into_a_closed_session_is_chosen() {
    let target = session("game", "G");
    let lock = r#"{"properties":{"system":{"closed":true,"locked":true}}}"#;
    for (passes, status) in [(true, 200), (false, 403)] {
        let world = World::with(7, |policies| policies.leaver_passes_restrictions = passes);
        let beside = |ask: Ask| ask.header("authorization", "XBL3.0 x=b;did=Sofa");
        world.call(&put(&target, 'a', &joining('a')).header("authorization", "XBL3.0 x=a;did=Sofa")).is(201);
        world.call(&beside(put(&target, 'b', &joining('b')))).is(200);
        world.call(&put(&target, 'a', lock)).is(200);
        world.call(&put(&target, 'b', LEAVE)).is(200);
        world.call(&put(&target, 'b', &joining('b')).header("authorization", "XBL3.0 x=b;did=Chair")).is(status);
    }
    for (shows, kind) in [(true, "application/json"), (false, "text/plain")] {
        let world = World::with(7, |policies| policies.closed_shows_session = shows);
        lobby(&world);
        world.call(&put(&session("lobby", "L1"), 'a', lock)).is(200);
        let refused = world.call(&put(&session("lobby", "L1"), 'b', &joining('b'))).is(403);
        assert_eq!(refused.header("content-type"), kind);
    }
}

#[test]
fn nonces_resources_and_bindings_are_as_chosen() {
    let world = World::with(7, |policies| {
        policies.nonce_lifetime = 10;
        policies.rta_services = vec!["example.xboxlive.com".to_owned()];
        policies.unknown_unsubscribe_code = 9;
        policies.connection_sessions = 1;
    });
    let nonce = || world.call(&own("/nonce", 'a', Service::Rta)).is(200).at("/nonce").as_str().unwrap().to_owned();
    let open = |nonce: &str| {
        let ask = get(&format!("/connect?nonce={nonce}"), 'a').without("authorization");
        world.emulator.open(&World::request(&ask, Service::Rta)).map_err(|refusal| refusal.status)
    };
    let first = nonce();
    world.advance(9);
    let socket = open(&first).unwrap();
    let second = nonce();
    world.advance(10);
    assert_eq!(open(&second), Err(401));
    for (said, heard) in [
        (subscribe(1, "https://example.xboxlive.com/x"), "[1,1,0,0,null]"),
        (subscribe(2, "https://social.xboxlive.com/x"), "[1,2,1]"),
        ("[2,3,7]".to_owned(), "[2,3,9]"),
    ] {
        world.say(socket, &said);
        assert_eq!(world.heard(socket), [heard]);
    }
    let (_, id) = world.connect('b');
    world.call(&put(&session("lobby", "L1"), 'b', &bound('b', &id, ALL))).is(201);
    world.call(&put(&session("lobby", "L2"), 'b', &bound('b', &id, ALL))).says(409);
    world.say(socket, &subscribe(4, MPSD));
}

#[test]
fn matchmaking_answers_as_chosen() {
    let world = World::with(7, |policies| {
        policies.missing_hopper = "Slow".to_owned();
        policies.ticket_created_status = 200;
        policies.ticket_again_status = 403;
        policies.match_wait = 4;
    });
    lobby(&world);
    let ask = |hopper: &str| {
        let reference = session_ref("lobby", "L1");
        let body = format!(r#"{{"giveUpDuration":60,"preserveSession":"never","ticketSessionRef":{reference}}}"#);
        let path = format!("/serviceconfigs/{SCID}/hoppers/{hopper}");
        let ask = Ask::new("POST", &path, 'a').header("x-xbl-contract-version", "103").body(&body);
        Ask { service: Service::SmartMatch, ..ask }
    };
    world.call(&ask("slow")).says(404);
    assert_eq!(world.call(&ask("unknown")).is(200).at("/waitTime"), 4);
    world.call(&ask("unknown")).says(403);
}

#[test]
fn a_search_may_count_twice() {
    for (twice, calls) in [(true, 29), (false, 30)] {
        let world = World::with(7, |policies| {
            policies.throttle = true;
            policies.search_counts_twice = twice;
        });
        world.call(&Ask::new("POST", "/handles/query", 'a').body(r#"{"type":"search"}"#)).is(200);
        for _ in 0..calls {
            world.call(&get(&session("lobby", "L1"), 'a')).bare(204);
        }
        world.call(&get(&session("lobby", "L1"), 'a')).is(429);
    }
}
