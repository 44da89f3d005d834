//! Canned answers of the services next door.

use super::*;
use crate::exchange::Outcome;

fn world(body: &str, more: &str) -> World {
    let body = serde_json::to_string(body).unwrap();
    let file = format!(r#"{{"answer":[{{"host":"","path":"/*/is/*","body":{body}{more}}}]}}"#);
    World::set(7, |settings| settings.canned = serde_json::from_str(&file).unwrap())
}

fn next_door(path: &str) -> Ask {
    Ask { service: Service::Neighbour, ..get(path, 'a') }
}

#[test]
fn whatever_fills_a_body_leaves_it_well_formed() {
    let world = world(r#"{"who":"${gamertag}","1":"${1}","2":"${2}","3":"${3}","price":"${"}"#, "");
    let token = r"XBL3.0 x=a;gtg=%22Mad%22\%20${1}";
    let answer = world.call(&next_door("/${2}/is/x").header("authorization", token)).is(200);
    assert_eq!(answer.at("/who"), r#""Mad"\ ${1}"#);
    assert_eq!((answer.at("/1"), answer.at("/2")), ("${2}".into(), "x".into()));
    assert_eq!((answer.at("/3"), answer.at("/price")), ("${3}".into(), "${".into()));
}

#[test]
fn only_an_answer_that_names_the_caller_needs_a_token() {
    let anonymous = || next_door("/a/is/b").without("authorization");
    assert_eq!(world(r#"{"first":"${1}"}"#, "").call(&anonymous()).is(200).at("/first"), "a");
    for body in ["${xuid}", "${gamertag}"] {
        world(body, "").call(&anonymous()).bare(401);
    }
    world("{}", "").call(&next_door("/a/is/b").header("authorization", "XBL3.0 x=a;kind=expired")).bare(401);
}

#[test]
fn a_canned_501_is_the_services_and_a_missing_answer_is_ours() {
    let world = world("{}", r#","status":501"#);
    let outcome = |path: &str| {
        let reply = world.reply(&next_door(path), Service::Neighbour);
        (reply.response.status, reply.outcome)
    };
    assert_eq!(outcome("/a/is/b"), (501, Outcome::Answered));
    assert_eq!(outcome("/elsewhere"), (501, Outcome::Refused));
}
