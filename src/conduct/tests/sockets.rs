//! Sockets over time: what real ones do stays silent.

use super::super::*;
use super::examples::broken;
use crate::contract::example::{Step, steps};
use crate::socket::Opcode;

const MPSD: &str = "https://sessiondirectory.xboxlive.com/connections/";
const FIRST: &str = "85b40569-7cb3-45c6-b167-48536a6e2174";
const SECOND: &str = "d3b5c2a8-4d2f-4f6e-9b1a-0c8f5a7e1d42";

#[test]
fn real_sockets_are_silent() {
    let texts = [
        // Sequence and id 0, replies out of order, a new ConnectionId unasked, late events, a resync with more to say.
        format!(
            "> [1, 0, \"https://privacy.xboxlive.com/a\"]\n> [1,1,\"{MPSD}\"]\n\
             < [1,1,0,0,{{ \"ConnectionId\":\"{FIRST}\" }}]\n< [1,0,0,1,null]\n< [3,0,{{\"ncid\":\"a\"}}]\n\
             < [1,1,0,0,{{ \"ConnectionId\":\"{SECOND}\" }}]\n> [2,1,0]\n< [2,1,5]\n< [3,0,{{}}]\n< [4, 7]"
        ),
        // The same sequence again once it is answered, a failure with its reason.
        format!(
            "> [1,1,\"{MPSD}\"]\n< [1,1,1001,\"wait\"]\n> [1,1,\"{MPSD}\"]\n< [1,1,0,3,{{\"ConnectionId\":\"{FIRST}\"}}]"
        ),
        // An event that overtakes its reply; several taps, one of them without a number.
        format!(
            "> [1,1,\"{MPSD}\"]\n< [3,7,{{\"shoulderTaps\":[{{\"resource\":\"{FIRST}~a~b\",\"branch\":\"{SECOND}\"}},\
             {{\"resource\":\"{FIRST}~a~b\",\"branch\":\"{SECOND}\",\"changeNumber\":1}}]}}]\n\
             < [1,1,0,7,{{\"ConnectionId\":\"{FIRST}\"}}]"
        ),
        // Two members of one socket are tapped for one change.
        format!(
            "> [1,1,\"{MPSD}\"]\n< [1,1,0,0,{{\"ConnectionId\":\"{FIRST}\"}}]\n< [3,0,{{\"shoulderTaps\":[\
             {{\"resource\":\"{FIRST}~a~b\",\"subscription\":\"x\",\"branch\":\"{SECOND}\",\"changeNumber\":4}},\
             {{\"resource\":\"{FIRST}~a~b\",\"subscription\":\"y\",\"branch\":\"{SECOND}\",\"changeNumber\":4}}]}}]"
        ),
    ];
    for text in texts {
        assert!(broken(&text).is_empty(), "{text}");
    }
}

fn heard(judge: &mut Judge, from: Sender, message: &Message) -> Vec<&'static str> {
    let found = judge.message(&Heard { lane: "host", socket: 1, at: 2, from, message });
    found.iter().map(|finding| finding.rule.id).collect()
}

fn judge() -> Judge {
    let mut judge = Judge::new(Arc::default());
    judge.sockets.opened(1);
    judge
}

#[test]
fn what_cannot_be_read_proves_nothing() {
    for unread in [Message::new(Opcode::Binary, vec![1, 2]), Message { reserved: 4, ..Message::text("\u{1}") }] {
        let mut judge = judge();
        assert!(heard(&mut judge, Sender::Client, &unread).is_empty());
        assert!(heard(&mut judge, Sender::Service, &Message::text("[1,7,0,9,null]")).is_empty());
        assert!(heard(&mut judge, Sender::Service, &Message::text("[3,8,{}]")).is_empty());
    }
    let mut judge = judge();
    let bytes = Message::new(Opcode::Binary, format!("[1,1,\"{MPSD}\"]"));
    assert!(heard(&mut judge, Sender::Client, &bytes).is_empty());
    assert_eq!(heard(&mut judge, Sender::Service, &Message::text("[1,1,0,0,{}]")), ["rta-connection-id-missing"]);
    assert_eq!(heard(&mut judge, Sender::Service, &Message::text("[1,1,1]")), ["rta-response-unmatched"]);
    for control in [Message::close(1000), Message::new(Opcode::Ping, ""), Message::new(Opcode::Pong, "x")] {
        assert!(heard(&mut judge, Sender::Service, &control).is_empty());
    }
}

#[test]
fn sockets_of_other_services_are_not_judged() {
    let mut judge = Judge::new(Arc::default());
    assert!(heard(&mut judge, Sender::Client, &Message::text("hello")).is_empty());
}

#[test]
fn a_flood_is_forgotten_and_makes_no_findings() {
    let mut judge = judge();
    for sequence in 0..1000 {
        heard(&mut judge, Sender::Client, &Message::text(format!("[1,{sequence},\"https://a.test/\"]")));
    }
    for sequence in 0..1000 {
        let reply = Message::text(format!("[1,{sequence},0,{sequence},null]"));
        assert!(heard(&mut judge, Sender::Service, &reply).is_empty());
    }
    for id in 0..1000 {
        assert!(heard(&mut judge, Sender::Service, &Message::text(format!("[3,{id},{{}}]"))).is_empty());
    }
}

fn opened(id: &str) -> String {
    format!("rta.connect\n---\n101\n===\n> [1,1,\"{MPSD}\"]\n< [1,1,0,0,{{\"ConnectionId\":\"{id}\"}}]\n===\n")
}

fn active(id: &str) -> String {
    format!(
        "session.put\n\n{{\"members\": {{\"me\": {{\"properties\": {{\"system\": {{\"active\": true, \
         \"connection\": \"{id}\"}}}}}}}}}}\n---\n200\n\n@session"
    )
}

fn say(judge: &mut Judge, (socket, at): (u64, u64), from: Sender, message: &Message) {
    assert!(judge.message(&Heard { lane: "host", socket, at, from, message }).is_empty());
}

/// A judge who saw a socket of a ConnectionId end, and another given the second one.
fn reconnected() -> Judge {
    let mut judge = judge();
    let subscribe = Message::text(format!("[1,1,\"{MPSD}\"]"));
    let given = |id: &str| Message::text(format!("[1,1,0,0,{{\"ConnectionId\":\"{id}\"}}]"));
    say(&mut judge, (1, 2), Sender::Client, &subscribe);
    say(&mut judge, (1, 3), Sender::Service, &given(FIRST));
    say(&mut judge, (1, 4), Sender::Service, &Message::close(1001));
    judge.sockets.opened(5);
    say(&mut judge, (5, 6), Sender::Client, &subscribe);
    say(&mut judge, (5, 7), Sender::Service, &given(SECOND));
    judge
}

fn written(judge: &mut Judge, asked: u64, id: &str) -> Vec<&'static str> {
    let Some(Step::Exchange(example)) = steps(&active(id)).pop() else { panic!() };
    let (call, answer) = (&example.call, example.answer.as_ref().unwrap());
    let found = judge.exchange(&Exchange { lane: "host", asked, answered: asked + 1, call, answer });
    found.iter().map(|finding| finding.rule.id).collect()
}

#[test]
fn a_connection_that_was_followed_by_another_is_stale() {
    assert_eq!(written(&mut reconnected(), 8, FIRST), ["connection-stale"]);
    assert!(written(&mut reconnected(), 8, SECOND).is_empty());
    assert!(written(&mut reconnected(), 6, FIRST).is_empty(), "it was asked before the new one came");
}

#[test]
fn a_lane_has_the_connections_it_was_given() {
    let (first, second) = (opened(FIRST), opened(SECOND));
    assert!(broken(&active(SECOND)).is_empty(), "no socket was recorded");
    assert!(broken(&format!("{first}{}", active(&FIRST.to_uppercase()))).is_empty());
    assert!(broken(&format!("{first}{second}{}", active(FIRST))).is_empty(), "two at a time");
    let again = format!("> [2,2,0]\n> [1,3,\"{MPSD}\"]\n< [1,3,0,1,{{\"ConnectionId\":\"{SECOND}\"}}]\n===\n");
    assert_eq!(broken(&format!("{first}{again}{}", active(FIRST))), ["connection-stale"]);
    assert!(broken(&format!("{first}{second}{}", active(SECOND))).is_empty());
    assert_eq!(broken(&format!("{first}{}", active(SECOND))), ["connection-stale"]);
}

#[test]
fn a_connection_is_stale_only_for_a_user() {
    for hash in ["-", "*"] {
        let service = active(SECOND).replacen("\n\n", &format!("\nAuthorization: XBL3.0 x={hash};redacted\n\n"), 1);
        assert!(broken(&format!("{}{service}", opened(FIRST))).is_empty(), "{hash}");
    }
}
