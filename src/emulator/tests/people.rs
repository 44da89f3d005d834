//! Who is who: token forms, the cast, and the social graph.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::emulator::{Cast, Player, Ties, TokenKind};

fn with(ask: Ask, token: &str) -> Ask {
    ask.header("authorization", token)
}

const JOIN: &str = r#"{"members":{"me":{"properties":{"system":{"active":true}}}}}"#;

#[test]
fn a_token_may_say_who_it_stands_for() {
    let world = World::new();
    let token = "XBL3.0 x=a;xuid=2814000000000001&gtg=Mad%20Hatter&tid=42&did=Sofa&prv=254,1&kind=user";
    let stated = JOIN.replace(r#""me":{"#, &format!(r#""me":{{"constants":{{"system":{{"xuid":"{}"}}}},"#, xuid('a')));
    let joined = world.call(&with(put(&session("lobby", "L1"), 'a', &stated), token)).is(201);
    let me = joined.at("/members/0");
    assert_eq!(me["constants"]["system"]["xuid"], "2814000000000001", "the token's word counts");
    assert_eq!((&me["gamertag"], &me["activeTitleId"]), (&json!("Mad Hatter"), &json!("42")));
    let again = world.call(&put(&session("lobby", "L1"), 'a', JOIN)).is(200);
    assert_eq!(again.at("/membersInfo/count"), 1, "its user hash is known by now");
    let game = session("game", "G1");
    world.call(&with(put(&game, 'a', JOIN), token)).is(201);
    world.call(&with(put(&game, 'b', JOIN), "XBL3.0 x=b;did=Sofa")).is(200);
    world.call(&with(put(&game, 'c', JOIN), "XBL3.0 x=c;did=Chair")).is(403);
}

#[test]
fn a_token_of_the_form_that_is_wrong_is_refused_with_the_reason() {
    let world = World::new();
    for (token, reason) in [
        ("xuid=1&who=me", "none of xuid"),
        ("xuid=abc", "xuid is not"),
        ("xuid=1&xuid=2", "xuid stands twice"),
        ("kind=king", "kind is not"),
        ("tid=x", "tid is not"),
        ("prv=a", "prv is not"),
        ("gtg=", "gtg is not"),
        ("did=%00", "did is not"),
        ("kind=user&", "no ="),
    ] {
        let refused = world.call(&with(get("/handles/x", 'a'), &format!("XBL3.0 x=a;{token}"))).bare(401);
        assert!(refused.header("www-authenticate").contains(reason), "{token}: {}", refused.header("www-authenticate"));
    }
    for token in ["XBL3.0 x=a;kind=expired", "XBL3.0 x=a;", "XBL3.0 x=;t", "XBL3.0 a;t", "Bearer t", ""] {
        assert_eq!(
            world.call(&with(get(&session("lobby", "L1"), 'a'), token)).bare(401).header("www-authenticate"),
            ""
        );
    }
    for token in ["XBL3.0 x=a;eyJlbmMiOiJ=&=", "xbl3.0 x=a;t", "XBL3.0 x=a;who=me"] {
        world.call(&with(get(&session("lobby", "L1"), 'a'), token)).bare(204);
    }
}

#[test]
fn the_cast_says_what_tokens_leave_open() {
    let expired = Player { kind: Some(TokenKind::Expired), ..Player::default() };
    let world = World::set(7, |settings| {
        settings.cast.users.insert("a".into(), Player::read("xuid=77&gtg=Alice&prv=").unwrap());
        settings.cast.users.insert("b".into(), expired);
    });
    let target = session("lobby", "L1");
    world.call(&put(&target, 'a', JOIN)).says(403);
    world.call(&get(&target, 'a')).bare(204);
    world.call(&put(&target, 'b', JOIN)).bare(401);
    let joined = world.call(&with(put(&target, 'a', JOIN), "XBL3.0 x=a;prv=254")).is(201);
    let me = joined.at("/members/0");
    assert_eq!((&me["constants"]["system"]["xuid"], &me["gamertag"]), (&json!("77"), &json!("Alice")));
    world.call(&with(put(&target, 'b', JOIN), "XBL3.0 x=b;kind=user")).is(200);
}

#[test]
fn the_social_graph_decides_about_followed_sessions() {
    let ties = |follows: &[char], blocked: &[char]| Ties {
        follows: follows.iter().map(|user| xuid(*user)).collect(),
        blocked: blocked.iter().map(|user| xuid(*user)).collect(),
        ..Ties::default()
    };
    let graph = BTreeMap::from([(xuid('a'), ties(&['b', 'd'], &['d']))]);
    let world = World::set(7, |settings| {
        settings.cast = Cast {
            users: ['a', 'b', 'c', 'd']
                .map(|user| (user.to_string(), Player { xuid: Some(xuid(user)), ..Player::default() }))
                .into(),
            graph: Some(graph),
        };
    });
    assert_eq!(world.emulator.settings.cast.fault(), None);
    let target = session("game", "G1");
    let create = format!(r#"{{"properties":{{"system":{{"joinRestriction":"followed"}}}},{}"#, &JOIN[1..]);
    world.call(&put(&target, 'a', &create)).is(201);
    world.call(&put(&target, 'd', JOIN)).is(403);
    world.call(&put(&target, 'c', JOIN)).is(403);
    world.call(&put(&target, 'b', JOIN)).is(200);
}

#[test]
fn a_leaver_an_owner_blocks_does_not_come_back() {
    let blocked = Ties { blocked: vec![xuid('b')], ..Ties::default() };
    let world = World::set(7, |settings| settings.cast.graph = Some(BTreeMap::from([(xuid('a'), blocked)])));
    let target = session("game", "G1");
    world.call(&put(&target, 'a', &joining('a'))).is(201);
    let place = r#"{"members":{"reserve_0":{"constants":{"system":{"xuid":"9000000000000002"}}}}}"#;
    world.call(&put(&target, 'a', place)).is(200);
    world.call(&put(&target, 'b', &joining('b'))).is(200);
    world.call(&put(&target, 'a', r#"{"properties":{"system":{"closed":true,"locked":true}}}"#)).is(200);
    world.call(&put(&target, 'b', LEAVE)).is(200);
    world.call(&put(&target, 'b', &joining('b'))).is(403);
}

#[test]
fn a_graph_answers_monikers() {
    let text = r#"{"users":{"a":{"gamertag":"A"}},"graph":{"1":{"follows":["2","3"],"favorites":["3"]},"2":{"follows":["1"]}}}"#;
    let cast: Cast = serde_json::from_str(text).unwrap();
    let world = World::set(7, |settings| settings.cast = cast);
    let store = world.emulator.store();
    let policies = &world.emulator.settings.policies;
    let follows = |moniker: &str, xuid: &str| store.people.follows(moniker, xuid, policies).unwrap();
    assert_eq!(follows("people", "1"), ["2", "3"]);
    assert_eq!(follows("Favorites", "1"), ["3"]);
    assert_eq!(follows("friends", "1"), ["2"]);
    assert!(follows("people", "9").is_empty() && follows("nobody", "1").is_empty());
    assert_eq!(World::new().emulator.store().people.follows("people", "1", policies), None);
    assert!(serde_json::from_str::<Cast>(r#"{"graph":{"1":{"follow":[]}}}"#).is_err());
    for text in [r#"{"users":{"a":{"xuid":"x"}}}"#, r#"{"graph":{"x":{}}}"#, r#"{"graph":{"1":{"blocked":["-1"]}}}"#] {
        assert!(serde_json::from_str::<Cast>(text).unwrap().fault().is_some(), "{text}");
    }
}

#[test]
fn strangers_do_not_shift_each_others_values() {
    let refused = |world: &World, user: char| {
        let got = world.call(&get(&session("lobby", "L1"), user).without("authorization")).bare(401);
        got.header("x-xblcorrelationid").to_owned()
    };
    let (alone, beside) = (World::new(), World::new());
    refused(&beside, 'b');
    assert_eq!(refused(&alone, 'a'), refused(&beside, 'a'));
    assert_ne!(refused(&alone, 'a'), refused(&alone, 'a'));
}
