//! How a player chooses: lanes, versions, repeats and misses, on tapes made by hand.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

mod consistency;
mod golden;
mod players;
mod titles;
mod values;

use super::*;
use crate::cassette::StoredBody;
use crate::exchange::{Outcome, Protocol};
use crate::message::{Body, Request};
use crate::mpsd::{Op, Service};
use crate::slot::Class;

const SCID: &str = "00000000-0000-0000-0000-0000000c0de1";

fn session(name: &str) -> String {
    format!("/serviceconfigs/{SCID}/sessionTemplates/lobby/sessions/{name}")
}

fn request(who: &str, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let mut lines = vec![("authorization", format!("XBL3.0 x={who};t")), ("x-xbl-contract-version", "107".into())];
    lines.extend(headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
    Request {
        method: method.into(),
        authority: "sessiondirectory.xboxlive.com".into(),
        target: target.into(),
        headers: lines.iter().map(|(name, value)| (*name, value.as_str())).collect(),
        body: Body::plain(body.to_owned()),
        ..Request::default()
    }
}

/// A tape under construction: each exchange comes after all before it.
#[derive(Default)]
struct Script {
    aliases: BTreeMap<String, Vec<String>>,
    recorded: Vec<Recorded>,
}

impl Script {
    fn then(mut self, lane: &str, request: Request, status: u16, tag: Option<(&str, u64)>, body: &str) -> Self {
        let at = u64::try_from(self.recorded.len()).unwrap() * 2;
        let mut response =
            Response::new(status, [("content-type", "application/json")].into_iter().collect(), body.to_owned());
        if let Some((tag, change)) = tag {
            response.headers.push("etag", format!("\"{tag}\""));
            response.body = Body::plain(format!(r#"{{"branch":"b","changeNumber":{change},"x":{body}}}"#));
        }
        self.recorded.push(Recorded {
            service: Service::behind(request.host()),
            lane: lane.into(),
            line: 0,
            asked: at + 1,
            answered: at + 2,
            took: Duration::from_millis(at),
            outcome: Outcome::Answered,
            request,
            response,
            request_withheld: None,
            response_withheld: None,
        });
        self
    }

    fn player(self) -> Player {
        Player::new(Tape::new(&self.aliases, self.recorded, Vec::new()), Options { repeat: 2, ..Options::default() })
    }
}

fn play(player: &Player, request: Request) -> (Response, Played) {
    let call = Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Protocol::H1, Service::Mpsd, request);
    player.answer(&call, &call)
}

fn reason(played: &Played) -> Option<Reason> {
    match played {
        Played::Miss(miss) => Some(miss.reason),
        _ => None,
    }
}

fn put(who: &str, body: &str) -> Request {
    request(who, "PUT", &session("s"), &[], body)
}

fn get(who: &str) -> Request {
    request(who, "GET", &session("s"), &[], "")
}

#[test]
fn a_service_next_door_plays_what_it_answered() {
    let people =
        Request { authority: "social.xboxlive.com".into(), ..request("1", "GET", "/users/me/people", &[], "") };
    let player = Script::default().then("host", people.clone(), 200, None, r#"{"people":[]}"#).player();
    let call = Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Protocol::H1, Service::Neighbour, people);
    let (response, played) = player.answer(&call, &call);
    assert_eq!((response.status, reason(&played)), (200, None), "{played:?}");
}

#[test]
fn lanes_that_answer_differently_are_not_guessed() {
    let script = Script::default()
        .then("host", put("1", r#"{"a":1}"#), 201, Some(("e1", 1)), "0")
        .then("left", get("2"), 200, Some(("e1", 1)), "0")
        .then("host", put("1", r#"{"a":2}"#), 200, Some(("e2", 2)), "0")
        .then("right", get("3"), 200, Some(("e2", 2)), "0");
    let player = script.player();
    assert_eq!(play(&player, put("9", r#"{"a":1}"#)).1, Played::Hit(1));
    assert_eq!(play(&player, put("9", r#"{"a":2}"#)).1, Played::Hit(3));
    assert_eq!(reason(&play(&player, get("8")).1), Some(Reason::LaneAmbiguous));
}

#[test]
fn the_only_client_takes_the_first_lane_that_fits() {
    let script = Script::default().then("left", get("2"), 200, Some(("e1", 1)), "0").then(
        "right",
        get("3"),
        200,
        Some(("e2", 2)),
        "0",
    );
    assert_eq!(play(&script.player(), get("8")).1, Played::Hit(1));
}

#[test]
fn lanes_that_agree_are_told_apart_later() {
    let join = |who, color| put(who, &format!(r#"{{"properties":{{"custom":{{"color":"{color}"}}}}}}"#));
    let script = Script::default()
        .then("left", get("2"), 200, Some(("e1", 1)), "0")
        .then("right", get("3"), 200, Some(("e1", 1)), "0")
        .then("left", join("2", "red"), 200, Some(("e2", 2)), "0")
        .then("right", join("3", "blue"), 200, Some(("e3", 3)), "0");
    let player = script.player();
    assert_eq!(play(&player, get("8")).1, Played::Hit(1));
    assert!(matches!(play(&player, get("9")).1, Played::Hit(_)));
    assert_eq!(play(&player, join("8", "blue")).1, Played::Hit(4));
    assert_eq!(play(&player, join("9", "red")).1, Played::Hit(3));
    assert_eq!(player.tally().unplayed, 0);
}

#[test]
fn a_read_never_sees_a_version_its_lane_has_not_made_or_has_left_behind() {
    let script = Script::default()
        .then("host", put("1", r#"{"a":1}"#), 201, Some(("e1", 1)), "0")
        .then("host", get("1"), 200, Some(("e1", 1)), "0")
        .then("host", put("1", r#"{"a":2}"#), 200, Some(("e2", 2)), "0")
        .then("host", get("1"), 200, Some(("e2", 2)), "0");
    let player = script.player();
    let tag = |response: &Response| response.headers.text("etag").unwrap().to_owned();
    play(&player, put("9", r#"{"a":1}"#));
    assert_eq!(play(&player, get("9")).1, Played::Hit(2));
    let (again, played) = play(&player, get("9"));
    assert_eq!((tag(&again).as_str(), played), ("\"e1\"", Played::Repeat(2)));
    play(&player, put("9", r#"{"a":2}"#));
    let known = request("9", "GET", &session("s"), &[("if-none-match", "\"e2\"")], "");
    let (unchanged, played) = play(&player, known);
    assert_eq!((unchanged.status, played), (304, Played::Repeat(3)));
    assert!(unchanged.body.is_empty());
    assert_eq!(play(&player, get("9")).1, Played::Hit(4));
}

#[test]
fn a_skipped_read_is_not_served_after_the_write_that_replaced_it() {
    let script = Script::default()
        .then("host", put("1", r#"{"a":1}"#), 201, Some(("e1", 1)), "0")
        .then("host", get("1"), 200, Some(("e1", 1)), "0")
        .then("host", put("1", r#"{"a":2}"#), 200, Some(("e2", 2)), "0");
    let player = script.player();
    play(&player, put("9", r#"{"a":1}"#));
    play(&player, put("9", r#"{"a":2}"#));
    let (response, played) = play(&player, get("9"));
    assert_eq!((response.headers.text("etag"), played), (Some("\"e2\""), Played::Repeat(3)));
    assert_eq!(player.tally().unplayed, 1);
}

#[test]
fn polling_is_capped_and_writes_are_not_repeated_but_for_twins() {
    let script = Script::default()
        .then("host", put("1", r#"{"a":1}"#), 201, Some(("e1", 1)), "0")
        .then("host", get("1"), 200, Some(("e1", 1)), "0")
        .then("host", request("1", "POST", "/handles", &[], "{}"), 201, None, "{}");
    let player = script.player();
    play(&player, put("9", r#"{"a":1}"#));
    assert_eq!(play(&player, put("9", r#"{"a":1}"#)).1, Played::Repeat(1));
    let answers: Vec<Played> = (0..4).map(|_| play(&player, get("9")).1).collect();
    assert_eq!(answers[..3], [Played::Hit(2), Played::Repeat(2), Played::Repeat(2)]);
    assert_eq!(reason(&answers[3]), Some(Reason::RepeatedTooOften));
    let post = || request("9", "POST", "/handles", &[], "{}");
    assert_eq!(play(&player, post()).1, Played::Hit(3));
    assert_eq!(reason(&play(&player, post()).1), Some(Reason::Exhausted));
}

#[test]
fn a_precondition_is_a_version_not_a_text() {
    let change = |who, tag: &str| request(who, "PUT", &session("s"), &[("if-match", tag)], r#"{"a":2}"#);
    let script = Script::default()
        .then("host", put("1", r#"{"a":1}"#), 201, Some(("e1", 1)), "0")
        .then("host", get("1"), 200, Some(("e1-of-another-node", 1)), "0")
        .then("host", change("1", "\"e1\""), 200, Some(("e2", 2)), "0");
    let player = script.player();
    play(&player, put("9", r#"{"a":1}"#));
    let (_, played) = play(&player, change("9", "*"));
    let Played::Miss(miss) = played else { panic!("{played:?}") };
    assert_eq!(miss.nearest[0].differences[0].place, "header if-match");
    assert_eq!(play(&player, change("9", "\"e1-of-another-node\"")).1, Played::Hit(3));
}

#[test]
fn identities_bind_in_values_keys_and_texts_and_stay_one_to_one() {
    let alias = "9000000000000001";
    let body = |xuid: &str, note: &str| {
        format!(
            r#"{{"members":{{"me":{{"constants":{{"system":{{"xuid":"{xuid}"}}}}}}}},"properties":{{"custom":{{"nonces":{{"{xuid}":"n"}},"note":"by {note}"}}}}}}"#
        )
    };
    let script = Script { aliases: [("xuid".to_owned(), vec![alias.to_owned()])].into(), recorded: Vec::new() };
    let answer = format!(r#"{{"members":{{"0":{{"xuid":"{alias}"}}}},"n":1.50,"by":"{alias}!","big":{alias}0}}"#);
    let script = script.then("host", put("1", &body(alias, alias)), 201, None, &answer);
    let live = "2814000000000077";
    let player = script.player();
    let (_, played) = play(&player, put("9", &body(live, "2814000000000078")));
    let Played::Miss(miss) = played else { panic!("{played:?}") };
    assert_eq!(miss.nearest[0].differences[0].place, "body /properties/custom/note");
    let (response, played) = play(&player, put("9", &body(live, live)));
    assert_eq!(played, Played::Bound(1));
    let text = String::from_utf8(response.body.decoded().unwrap().to_vec()).unwrap();
    assert_eq!(text, answer.replace(&format!("\"{alias}"), &format!("\"{live}")));
}

#[test]
fn what_a_client_measured_may_differ_and_what_it_decided_may_not() {
    let body = |latency: &str, map: &str| {
        format!(
            r#"{{"members":{{"me":{{"properties":{{"system":{{"measurements":{{"ab":{{"latency":{latency}}}}}}}}}}}}},"properties":{{"custom":{{"map":"{map}"}}}}}}"#
        )
    };
    let script = Script::default().then("host", put("1", &body("20", "docks")), 200, None, "{}");
    let player = script.player();
    let (_, played) = play(&player, put("9", &body("31", "forest")));
    let Played::Miss(miss) = played else { panic!("{played:?}") };
    let difference = &miss.nearest[0].differences[0];
    let shown = (difference.place.as_str(), difference.recorded.as_str(), difference.live.as_str());
    assert_eq!(shown, ("body /properties/custom/map", "\"docks\"", "\"forest\""));
    assert_eq!(play(&player, put("9", &body("31", "docks"))).1, Played::Hit(1));
}

#[test]
fn what_is_measured_is_known_by_its_place() {
    let me = |body: &str| request("1", "PUT", &(session("s") + "/members/me"), &[], body);
    let whole = |body: &str| put("1", &format!(r#"{{"members":{{"me":{body}}}}}"#));
    let own = |n: u32| format!(r#"{{"properties":{{"system":{{"serverMeasurements":{{"a":{{"latency":{n}}}}}}}}}}}"#);
    let custom = |n: u32| format!(r#"{{"properties":{{"custom":{{"measurements":{{"score":{n}}}}}}}}}"#);
    let again = |recorded: Request, live: Request| {
        let script = Script::default().then("host", recorded, 200, None, "{}");
        reason(&play(&script.player(), live).1)
    };
    assert_eq!(again(me(&own(1)), me(&own(2))), None);
    assert_eq!(again(whole(&own(1)), whole(&own(2))), None);
    assert_eq!(again(put("1", &own(1)), put("9", &own(2))), Some(Reason::Different));
    assert_eq!(again(me(&custom(1)), me(&custom(2))), Some(Reason::Different));
    assert_eq!(again(whole(&custom(1)), whole(&custom(2))), Some(Reason::Different));
}

#[test]
fn headers_and_parameters_differ_in_every_line_and_sign() {
    let with = |target: &str, headers: &[(&str, &str)]| request("1", "GET", target, headers, "");
    let again = |recorded: Request, live: Request| {
        let script = Script::default().then("host", recorded, 200, None, "{}");
        reason(&play(&script.player(), live).1)
    };
    let tags = |tags: &[&str]| with("/handles/a", &tags.iter().map(|tag| ("if-match", *tag)).collect::<Vec<_>>());
    assert_eq!(again(tags(&["\"1\""]), tags(&["\"1\"", "\"2\""])), Some(Reason::Different));
    assert_eq!(again(tags(&["*"]), tags(&["\"*\""])), Some(Reason::Different));
    assert_eq!(again(with("/handles/a?b", &[]), with("/handles/a?b=", &[])), Some(Reason::Different));
    assert_eq!(again(with("/handles/a?b&c=", &[]), with("/handles/a?c=&b", &[])), None);
    let raw = |byte: u8| {
        let mut request = with("/handles/a", &[]);
        request.headers.push("x-xbl-deny-scope", vec![byte]);
        request
    };
    assert_eq!(again(raw(0xff), raw(0xfe)), Some(Reason::Different));
    let scheme = |value: &str| {
        let mut request = with("/handles/a", &[]);
        request.headers.set("authorization", value.to_owned());
        request
    };
    assert_eq!(again(scheme("XBL3.0 x=1;a"), scheme("xbl3.0 x=1;b")), None);
    assert_eq!(again(scheme("XBL3.0 x=1;a"), scheme("Bearer b")), Some(Reason::Different));
}

#[test]
fn what_was_redacted_inside_a_text_accepts_any_live_value() {
    let body = r#"{"note":"t=redacted&n=redacted!","state":"{\"token\":\"redacted\"}"}"#;
    let player = Script::default().then("host", put("1", body), 201, None, "0").player();
    let live = r#"{"note":"t=abc&n=def!","state":"{\"token\":\"xyz\"}"}"#;
    assert_eq!(reason(&play(&player, put("9", &live.replace('!', "?"))).1), Some(Reason::Different));
    assert_eq!(play(&player, put("9", live)).1, Played::Hit(1));
}

#[test]
fn paths_the_contract_does_not_know_bind_as_well() {
    let path = |user: &str, group: &str| request("1", "GET", &format!("/users/xuid({user})/{group}"), &[], "");
    let alias = "9000000000000001";
    let script = Script { aliases: [("xuid".to_owned(), vec![alias.to_owned()])].into(), recorded: Vec::new() };
    let player = script.then("host", path(alias, "groups"), 200, None, r#""9000000000000001""#).player();
    assert_eq!(reason(&play(&player, path("2814000000000001", "friends")).1), Some(Reason::Different));
    let (response, played) = play(&player, path("%32814000000000001", "groups"));
    assert_eq!((played, response.body.wire().as_ref()), (Played::Bound(1), br#""2814000000000001""#.as_slice()));
}

#[test]
fn a_miss_quotes_the_redacted_call_only() {
    let player = Script::default().then("host", put("1", r#"{"a":1,"b":"x"}"#), 201, None, "0").player();
    let call = |request| Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Protocol::H1, Service::Mpsd, request);
    let live = call(put("9", r#"{"a":"ZOE","ZOE":{"c":"ZOE"},"b":["ZOE"]}"#));
    let shown = call(put("9", r#"{"a":"Player1","Player1":{"c":"Player1"},"b":["Player1"]}"#));
    let (response, played) = player.answer(&live, &shown);
    let told = format!("{played:?}{}", String::from_utf8_lossy(response.body.wire()));
    assert!(!told.contains("ZOE") && told.contains(r#"place: "body /Player1""#), "{told}");
}

#[test]
fn what_one_client_binds_survives_another_that_is_told_apart_later() {
    let (one, two) = ("9000000000000001", "9000000000000002");
    let body = |xuid: &str| format!(r#"{{"members":{{"me":{{"constants":{{"system":{{"xuid":"{xuid}"}}}}}}}}}}"#);
    let aliases = [("xuid".to_owned(), vec![one.to_owned(), two.to_owned()])].into();
    let script = Script { aliases, recorded: Vec::new() }
        .then("left", request("1", "GET", "/handles/a", &[], ""), 200, None, "{}")
        .then("right", request("2", "GET", "/handles/a", &[], ""), 200, None, "{}")
        .then("right", put("2", &body(two)), 200, None, "{}")
        .then("left", put("1", r#"{"a":1}"#), 200, None, "{}")
        .then("right", request("2", "GET", "/handles/b", &[], ""), 200, None, &format!("{{\"x\":\"{two}\"}}"));
    let player = script.player();
    play(&player, request("8", "GET", "/handles/a", &[], ""));
    play(&player, request("9", "GET", "/handles/a", &[], ""));
    assert_eq!(play(&player, put("9", &body("2814000000000222"))).1, Played::Hit(3));
    assert_eq!(play(&player, put("8", r#"{"a":1}"#)).1, Played::Hit(4));
    let (response, played) = play(&player, request("9", "GET", "/handles/b", &[], ""));
    assert_eq!(played, Played::Bound(5));
    assert_eq!(response.body.wire().as_ref(), br#"{"x":"2814000000000222"}"#);
}

#[test]
fn a_write_that_names_nocommit_false_is_no_dry_run() {
    let write = |who| request(who, "PUT", &(session("s") + "?nocommit=false"), &[], r#"{"a":1}"#);
    let script = Script::default().then("host", write("1"), 201, Some(("e1", 1)), "0").then(
        "host",
        get("1"),
        200,
        Some(("e1", 1)),
        "0",
    );
    let player = script.player();
    assert_eq!(reason(&play(&player, get("9")).1), Some(Reason::TooEarly));
    assert_eq!(play(&player, write("9")).1, Played::Hit(1));
    assert_eq!(play(&player, get("9")).1, Played::Hit(2));
}

#[test]
fn a_dry_run_changes_nothing_a_later_read_may_see() {
    let dry = |who| request(who, "PUT", &(session("s") + "?nocommit=true"), &[], r#"{"a":9}"#);
    let script = Script::default()
        .then("host", put("1", r#"{"a":1}"#), 201, Some(("e1", 1)), "0")
        .then("host", dry("1"), 200, Some(("e2", 2)), "9")
        .then("host", get("1"), 200, Some(("e1", 1)), "0");
    let player = script.player();
    play(&player, put("9", r#"{"a":1}"#));
    assert_eq!(play(&player, get("9")).1, Played::Hit(3));
    assert_eq!(play(&player, dry("9")).1, Played::Hit(2));
    assert_eq!(play(&player, get("9")).1, Played::Repeat(3));
}

#[test]
fn a_refusal_is_not_repeated_once_the_state_has_changed() {
    let script = Script::default().then("host", put("1", r#"{"a":1}"#), 404, None, "none").then(
        "host",
        put("1", r#"{"b":1}"#),
        201,
        Some(("e1", 1)),
        "0",
    );
    let player = script.player();
    assert_eq!(play(&player, put("9", r#"{"a":1}"#)).1, Played::Hit(1));
    assert_eq!(play(&player, put("9", r#"{"a":1}"#)).1, Played::Repeat(1));
    assert_eq!(play(&player, put("9", r#"{"b":1}"#)).1, Played::Hit(2));
    assert_eq!(reason(&play(&player, put("9", r#"{"a":1}"#)).1), Some(Reason::Exhausted));
}

#[test]
fn writes_are_repeated_under_the_cap_and_not_against_their_own_condition() {
    let change = |who| request(who, "PUT", &session("s"), &[("if-match", "\"e1\"")], r#"{"a":2}"#);
    let script = Script::default().then("host", put("1", r#"{"a":1}"#), 201, Some(("e1", 1)), "0").then(
        "host",
        change("1"),
        200,
        Some(("e2", 2)),
        "0",
    );
    let player = script.player();
    let answers: Vec<Played> = (0..4).map(|_| play(&player, put("9", r#"{"a":1}"#)).1).collect();
    assert_eq!(answers[..3], [Played::Hit(1), Played::Repeat(1), Played::Repeat(1)]);
    assert_eq!(reason(&answers[3]), Some(Reason::RepeatedTooOften));
    assert_eq!(play(&player, change("9")).1, Played::Hit(2));
    assert_eq!(reason(&play(&player, change("9")).1), Some(Reason::Exhausted));
}

#[test]
fn an_unconditional_read_never_gets_not_modified() {
    let conditional = request("1", "GET", &session("s"), &[("if-none-match", "\"e0\"")], "");
    let script = Script::default().then("host", conditional.clone(), 304, None, "");
    let player = script.player();
    assert_eq!(play(&player, conditional).1, Played::Hit(1));
    assert_eq!(reason(&play(&player, get("1")).1), Some(Reason::Different));
}

#[test]
fn not_modified_is_said_of_the_version_that_was_asked_about() {
    let about = |who, tag: &str| request(who, "GET", &session("s"), &[("if-none-match", tag)], "");
    let script = Script::default().then("host", about("1", "\"e1\""), 304, None, "");
    let player = script.player();
    assert_eq!(play(&player, about("9", "\"e1\"")).1, Played::Hit(1));
    assert_eq!(play(&player, about("9", "\"e1\"")).1, Played::Repeat(1));
    assert_eq!(reason(&play(&player, about("9", "\"e0\"")).1), Some(Reason::Different));
}

#[test]
fn not_modified_does_not_hide_the_answer_before_it() {
    let template = |headers: &[(&str, &str)]| {
        request("1", "GET", &format!("/serviceconfigs/{SCID}/sessionTemplates/lobby"), headers, "")
    };
    let script = Script::default().then("host", template(&[]), 200, None, "{}").then(
        "host",
        template(&[("if-none-match", "\"t1\"")]),
        304,
        None,
        "",
    );
    let player = script.player();
    assert_eq!(play(&player, template(&[])).1, Played::Hit(1));
    assert_eq!(play(&player, template(&[("if-none-match", "\"t1\"")])).1, Played::Hit(2));
    assert_eq!(play(&player, template(&[])).1, Played::Repeat(1));
}

#[test]
fn what_is_recorded_only_later_is_never_answered_with_its_own_refusal() {
    let script = Script::default()
        .then("host", put("1", r#"{"a":1}"#), 201, Some(("e1", 1)), "0")
        .then("host", put("1", r#"{"a":2}"#), 404, None, "none")
        .then("host", request("1", "GET", &session("s"), &[("if-none-match", "\"e1\"")], ""), 429, None, "slow");
    let player = script.player();
    play(&player, put("9", r#"{"a":1}"#));
    let (response, played) = play(&player, get("9"));
    assert_eq!((response.status, played), (200, Played::Repeat(1)));
}

#[test]
fn a_skipped_refusal_is_not_served_after_the_write_that_replaced_it() {
    let script = Script::default().then("host", put("1", r#"{"a":1}"#), 404, None, "none").then(
        "host",
        put("1", r#"{"b":1}"#),
        201,
        Some(("e1", 1)),
        "0",
    );
    let player = script.player();
    assert_eq!(play(&player, put("9", r#"{"b":1}"#)).1, Played::Hit(2));
    assert_eq!(reason(&play(&player, put("9", r#"{"a":1}"#)).1), Some(Reason::TooLate));
}

#[test]
fn a_refusal_is_not_repeated_once_a_read_has_shown_another_state() {
    let script = Script::default().then("guest", put("1", r#"{"a":1}"#), 404, None, "none").then(
        "guest",
        get("1"),
        200,
        Some(("e1", 1)),
        "0",
    );
    let player = script.player();
    assert_eq!(play(&player, put("9", r#"{"a":1}"#)).1, Played::Hit(1));
    assert_eq!(play(&player, put("9", r#"{"a":1}"#)).1, Played::Repeat(1));
    assert_eq!(play(&player, get("9")).1, Played::Hit(2));
    assert_eq!(reason(&play(&player, put("9", r#"{"a":1}"#)).1), Some(Reason::Exhausted));
}

#[test]
fn who_asks_how_and_with_what_bytes_is_part_of_a_call() {
    let script = || {
        let mut request = put("1", "{}");
        request.body = Body::plain(&b"\xff\x01"[..]);
        Script::default().then("host", request, 200, None, "{}")
    };
    let live = |change: &dyn Fn(&mut Request)| {
        let mut request = put("1", "{}");
        request.body = Body::plain(&b"\xff\x01"[..]);
        change(&mut request);
        play(&script().player(), request).1
    };
    assert_eq!(live(&|_| {}), Played::Hit(1));
    let place = |played: Played| match played {
        Played::Miss(miss) => miss.nearest[0].differences[0].place.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(place(live(&|request| request.headers.remove("authorization"))), "header authorization");
    assert_eq!(place(live(&|request| request.body = Body::plain(&b"\xfe\x01"[..]))), "body");
    assert_eq!(place(live(&|request| request.trailers.push("x-sum", "1"))), "trailers");
    let zstd: crate::message::Headers = [("content-encoding", "zstd")].into_iter().collect();
    assert_eq!(place(live(&|request| request.body = Body::received("?".into(), &zstd, 9))), "body");
}

#[test]
fn wide_and_deep_bodies_are_compared_in_good_time() {
    let names = "\"name\":1,".repeat(200_000);
    let wide = |end: &str| format!("{{{names}\"end\":{end}}}");
    let deep = |end: &str| "[".repeat(200_000) + end + &"]".repeat(200_000);
    let long = "n".repeat(100_000);
    let below = |end: &str| format!("{{\"{long}\":[{}{end}]}}", "0,".repeat(100_000));
    let bodies: [&dyn Fn(&str) -> String; 3] = [&wide, &deep, &below];
    for body in bodies {
        let player = Script::default().then("host", put("1", &body("1")), 200, None, "{}").player();
        let (_, played) = play(&player, put("9", &body("2")));
        let Played::Miss(miss) = played else { panic!("{played:?}") };
        let difference = &miss.nearest[0].differences[0];
        assert_eq!((difference.recorded.as_str(), difference.live.as_str()), ("1", "2"));
        assert_eq!(play(&player, put("9", &body("1.0"))).1, Played::Hit(1));
    }
}

#[test]
fn a_body_that_was_not_kept_is_known_by_its_hash_or_not_at_all() {
    let zstd: crate::message::Headers = [("content-encoding", "zstd")].into_iter().collect();
    let live = |bytes: &'static str| {
        let mut request = put("9", "");
        request.body = Body::received(bytes.into(), &zstd, 9);
        request
    };
    let player = |hashed: &str| {
        let mut script = Script::default().then("host", put("1", ""), 200, None, "{}");
        let stored = StoredBody::withheld("not understood", hashed.as_bytes());
        script.recorded[0].request_withheld = stored.as_withheld().cloned();
        script.player()
    };
    let (_, played) = play(&player("secret"), put("9", ""));
    let Played::Miss(miss) = played else { panic!("{played:?}") };
    let difference = &miss.nearest[0].differences[0];
    assert_eq!(difference.recorded, "a body that was not kept (not understood)");
    assert!(matches!(play(&player("secret"), live("other!")).1, Played::Miss(_)));
    assert_eq!(play(&player("secret"), live("secret")).1, Played::Hit(1));
    assert!(matches!(play(&player(""), put("9", "")).1, Played::Miss(_)));
}

/// A player that keeps writing to one session, and looks at it now and then.
fn busy(takes: u64) -> Script {
    let mut script = Script::default();
    for at in 0..takes {
        let tag = format!("e{at}");
        script = match at % 4 {
            3 => script.then("host", get("1"), 200, Some((&tag, at)), "0"),
            _ => script.then("host", put("1", &format!(r#"{{"n":{at}}}"#)), 200, Some((&tag, at)), "0"),
        };
    }
    script
}

#[test]
fn a_long_recording_of_one_session_is_played_in_good_time() {
    let takes = 4000;
    let player = busy(takes).player();
    for at in 0..takes {
        let live = if at % 4 == 3 { get("9") } else { put("9", &format!(r#"{{"n":{at}}}"#)) };
        let (_, played) = play(&player, live);
        assert_eq!(played, Played::Hit(usize::try_from(at).unwrap() + 1));
    }
    assert_eq!(player.tally().unplayed, 0);
}

#[test]
fn calls_that_fit_nowhere_in_a_long_recording_are_missed_in_good_time() {
    let player = busy(4000).player();
    for _ in 0..20 {
        assert_eq!(reason(&play(&player, put("9", r#"{"n":"none"}"#)).1), Some(Reason::Different));
    }
}

#[test]
fn the_nearest_call_is_the_one_with_the_least_to_change() {
    let join = |x: u32, y: u32| format!(r#"{{"members":{{"me":{{"properties":{{"custom":{{"x":{x},"y":{y}}}}}}}}}}}"#);
    let script = Script::default().then("host", put("1", r#"{"members":{"me":null}}"#), 200, None, "{}").then(
        "host",
        put("1", &join(1, 1)),
        200,
        None,
        "{}",
    );
    let (_, played) = play(&script.player(), put("9", &join(2, 2)));
    let Played::Miss(miss) = played else { panic!("{played:?}") };
    assert_eq!((miss.nearest[0].exchange, miss.nearest[0].differences.len()), (2, 2));
}

#[test]
fn of_two_reads_made_at_once_one_that_need_not_wait_is_answered() {
    let mut script = Script::default()
        .then("host", put("1", r#"{"a":1}"#), 201, Some(("e1", 1)), "0")
        .then("guest", get("2"), 200, Some(("e2", 2)), "0")
        .then("guest", get("2"), 200, Some(("e1", 1)), "0")
        .then("host", put("1", r#"{"a":2}"#), 200, Some(("e2", 2)), "0");
    // The first read was answered last, when the host had written again.
    script.recorded[1].answered = 9;
    script.recorded[2].asked = 4;
    let options = Options { live: Live::All, ..Options::default() };
    let player = Player::new(Tape::new(&script.aliases, script.recorded, Vec::new()), options);
    let attempt = |request| {
        let call = Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Protocol::H1, Service::Mpsd, request);
        player.attempt(&call, &call).map(|(_, played)| played)
    };
    assert_eq!(attempt(put("9", r#"{"a":1}"#)), Some(Played::Hit(1)));
    assert_eq!(attempt(get("8")), Some(Played::Hit(3)));
    assert_eq!(attempt(get("8")), None);
    assert_eq!(attempt(put("9", r#"{"a":2}"#)), Some(Played::Hit(4)));
    assert_eq!(attempt(get("8")), Some(Played::Hit(2)));
}
