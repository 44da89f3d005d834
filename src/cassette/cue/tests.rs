use super::*;
use crate::cassette::What;
use crate::cassette::sample::scene::{Scene, call, session, tap, version};
use crate::message::Request;
use crate::socket::{Message, Opcode};

/// The cues of the service's messages, in the order of the recording.
fn cues(scene: Scene) -> Vec<Cue> {
    find(&Outline::of(&scene.cassette())).into_iter().collect::<BTreeMap<_, _>>().into_values().collect()
}

fn put(who: &str, n: u64) -> Request {
    call(who, "PUT", &session("Room"), &format!(r#"{{"properties":{{"custom":{{"n":{n}}}}}}}"#))
}

fn get(who: &str) -> Request {
    call(who, "GET", &session("Room"), "")
}

#[test]
fn a_reply_answers_the_latest_open_question_of_its_type_and_seq() {
    let mut scene = Scene::default();
    let (one, two) = (scene.open("a"), scene.open("b"));
    let first = scene.says(one, r#"[1,0,"x"]"#);
    let padded = scene.says(one, "[1, 1, \"y\"]\0\0\0");
    let other = scene.says(two, r#"[1,0,"x"]"#);
    let gone = scene.says(one, "[2,0,7]");
    for (socket, text) in [(one, "[1,1,0,0,null]"), (one, "[2,0,0]"), (one, "[1,0,0,1,null]\0 \n"), (two, "[1,0,1]")] {
        scene.told(socket, text);
    }
    let unasked = scene.position;
    scene.told(one, "[1,0,0,1,null]");
    let expected = [padded, gone, first, other].map(Cue::Answers);
    let found = cues(scene);
    assert_eq!(found[..4], expected);
    assert_eq!(found[4], Cue::Follows(gone), "{unasked}");
}

#[test]
fn pongs_and_closes_answer_their_like() {
    let mut scene = Scene::default();
    let socket = scene.open("a");
    let opened = scene.position;
    let message = |opcode, payload: &'static str| Message::new(opcode, payload);
    scene.message(socket, Sender::Service, &message(Opcode::Pong, ""));
    let ping = scene.message(socket, Sender::Client, &message(Opcode::Ping, "x"));
    scene.message(socket, Sender::Service, &message(Opcode::Pong, "x"));
    scene.message(socket, Sender::Service, &message(Opcode::Ping, "x"));
    let close = scene.message(socket, Sender::Client, &Message::close(1000));
    scene.message(socket, Sender::Service, &Message::close(1000));
    let at = scene.next();
    scene.frame(socket, Sender::Service, at, What::broken());
    let follows = Cue::Follows(opened);
    assert_eq!(cues(scene), [follows, Cue::Answers(ping), follows, Cue::Answers(close), follows]);
}

#[test]
fn a_tap_is_caused_by_the_write_whose_answer_first_shows_its_version() {
    let mut scene = Scene::default();
    let socket = scene.open("a");
    let made = scene.shows("b", &put("b", 1), 1);
    scene.shows("a", &get("a"), 1);
    scene.shows("b", &put("b", 1), 1);
    let next = scene.shows("b", &put("b", 2), 2);
    scene.told(socket, &tap(0, "Room", 1, "s"));
    scene.told(socket, &tap(0, "ROOM", 2, "s"));
    scene.shows("a", &get("a"), 3);
    assert_eq!(cues(scene), [Cue::CausedBy(made), Cue::CausedBy(next)]);
}

#[test]
fn what_only_time_has_changed_is_caused_by_the_read_that_saw_it_first() {
    let mut scene = Scene::default();
    let socket = scene.open("a");
    scene.shows("b", &put("b", 1), 1);
    let seen = scene.shows("b", &get("b"), 2);
    scene.told(socket, &tap(0, "room", 2, "s"));
    scene.shows("a", &get("a"), 2);
    assert_eq!(cues(scene), [Cue::CausedBy(seen)]);
}

#[test]
fn handles_and_leaves_cause_taps_though_their_answers_show_no_version() {
    let mut scene = Scene::default();
    let socket = scene.open("a");
    scene.shows("b", &put("b", 1), 1);
    let reference = r#"{"scid":"00000000-0000-0000-0000-0000000C0DE1","templateName":"Lobby","name":"ROOM"}"#;
    let handle = call("b", "POST", "/handles", &format!(r#"{{"type":"activity","sessionRef":{reference}}}"#));
    let one = scene.call("b", &handle, 201, r#"{"id":"H1"}"#);
    let two = scene.call("a", &handle, 201, r#"{"id":"H2"}"#);
    // The reader was told of the change by its own tap: it is not what changed the session.
    scene.shows("b", &get("b"), 3);
    scene.told(socket, &tap(0, "room", 3, "s"));
    scene.told(socket, &tap(0, "room", 2, "s"));
    let left = scene.call("b", &call("b", "PUT", &session("room"), r#"{"members":{"me":null}}"#), 204, "");
    let end = tap(0, "room", 9, "s").replace(r#","changeNumber":9"#, "");
    scene.told(socket, &end);
    scene.told(socket, r#"[3,1,{"id":"h2"}]"#);
    let expected = [two, one, left, two].map(Cue::CausedBy);
    assert_eq!(cues(scene), expected);
}

#[test]
fn a_ticket_changes_sessions_it_does_not_name() {
    let mut scene = Scene::default();
    let socket = scene.open("a");
    scene.shows("a", &put("a", 1), 1);
    let ticket = |who| {
        let target = "/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/hoppers/quick";
        Request { authority: "smartmatch.xboxlive.com".into(), ..call(who, "POST", target, "{}") }
    };
    let own = scene.call("a", &ticket("a"), 201, r#"{"ticketId":"t1","waitTime":15}"#);
    scene.told(socket, &tap(0, "room", 2, "s"));
    let others = scene.call("b", &ticket("b"), 201, r#"{"ticketId":"t2","waitTime":15}"#);
    scene.told(socket, &tap(0, "room", 3, "s"));
    scene.shows("a", &get("a"), 3);
    assert_eq!(cues(scene), [Cue::CausedBy(own), Cue::CausedBy(others)]);
}

#[test]
fn several_taps_at_once_wait_for_the_latest_cause() {
    let mut scene = Scene::default();
    let socket = scene.open("a");
    let other = |n| call("b", "PUT", &session("Other"), &format!(r#"{{"n":{n}}}"#));
    let late = scene.position + 2;
    scene.shows("b", &other(1), 1);
    let last = scene.shows("b", &put("b", 1), 1);
    let (one, two) = (tap(0, "room", 1, "s"), tap(0, "other", 1, "s"));
    let others = two.split_once("Taps\":[").unwrap().1;
    let both = format!(r#"{},{{"resource":"?"}},{others}"#, one.strip_suffix("]}]").unwrap());
    scene.told(socket, &both);
    assert!(last > late);
    assert_eq!(cues(scene), [Cue::CausedBy(last)]);
}

#[test]
fn a_cause_may_be_answered_after_its_tap_was_read() {
    let mut scene = Scene::default();
    let socket = scene.open("a");
    scene.position += 3;
    let (asked, answered) = (scene.position - 2, scene.position + 2);
    scene.call_at((asked, answered), "b", &put("b", 1), 200, &version(1));
    scene.told(socket, &tap(0, "room", 1, "s"));
    assert_eq!(cues(scene), [Cue::CausedBy(answered)]);
}

#[test]
fn refusals_and_dry_runs_cause_nothing_and_the_rest_follows_its_own_lane() {
    let mut scene = Scene::default();
    let socket = scene.open("a");
    let own = scene.call("a", &get("a"), 404, "");
    scene.call("b", &put("b", 1), 412, &version(1));
    scene.call("b", &call("b", "PUT", &(session("room") + "?nocommit=true"), "{}"), 200, &version(1));
    scene.told(socket, &tap(0, "room", 1, "s"));
    scene.told(socket, "[4]");
    scene.told(socket, "not json");
    scene.message(socket, Sender::Service, &Message::new(Opcode::Binary, vec![0, 255]));
    assert_eq!(cues(scene), [Cue::Follows(own); 4]);
}

#[test]
fn a_long_recording_is_read_in_good_time() {
    let mut scene = Scene::default();
    let socket = scene.open("a");
    for n in 1..20_000 {
        scene.shows("b", &put("b", n), n / 50);
        scene.told(socket, &tap(0, "room", n / 50, "s"));
        scene.says(socket, r#"[1,0,"x"]"#);
    }
    assert_eq!(cues(scene).len(), 19_999);
}
