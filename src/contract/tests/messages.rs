//! Messages and tickets, field by field: what each keyword of their schemas is for.

use super::*;
use crate::socket::{Message, Sender};

const MPSD: &str = "https://sessiondirectory.xboxlive.com/connections/";
const SCID: &str = "097d0100-e05c-4d37-8420-46f1169056cf";

fn heard(from: Sender, text: &str) -> Vec<(&'static str, String)> {
    let found = CONTRACT.check_message(from, &Message::text(text));
    found.iter().map(|finding| (finding.rule.id, finding.place.to_string())).collect()
}

#[test]
fn frames_of_clients() {
    let rows = [
        ("", "rta-frame-not-array", "message"),
        ("{}", "rta-frame-not-array", "message"),
        ("[]", "rta-frame-not-array", "message"),
        ("[1.5]", "rta-frame-not-array", "message"),
        ("[\"1\", 1]", "rta-frame-not-array", "message"),
        ("[1, 1, \"a\"", "rta-frame-not-array", "message"),
        ("[0]", "rta-type-unknown", "message /0"),
        ("[-1]", "rta-type-unknown", "message /0"),
        ("[5, 1]", "rta-type-unknown", "message /0"),
        ("[3, 0, {}]", "rta-type-wrong-side", "message /0"),
        ("[4]", "rta-type-wrong-side", "message /0"),
        ("[1, 1]", "rta-subscribe-shape", "message"),
        ("[1, null, \"a\"]", "rta-subscribe-shape", "message /1"),
        ("[1, -1, \"a\"]", "rta-subscribe-shape", "message /1"),
        ("[1, 1, 7]", "rta-subscribe-shape", "message /2"),
        ("[1, 1, \"\"]", "rta-subscribe-shape", "message /2"),
        ("[2, 1]", "rta-unsubscribe-shape", "message"),
        ("[2, \"1\", 0]", "rta-unsubscribe-shape", "message /1"),
        ("[2, -1, 0]", "rta-unsubscribe-shape", "message /1"),
        ("[2, 1, \"0\"]", "rta-unsubscribe-shape", "message /2"),
        ("[2, 1, -1]", "rta-unsubscribe-shape", "message /2"),
        ("[1, 1, \"https://SessionDirectory.xboxlive.com/connections\"]", "rta-resource-uri", "message /2"),
        ("[1, 1, \"https://sessiondirectory.xboxlive.com/\"]", "rta-resource-uri", "message /2"),
    ];
    for (text, rule, place) in rows {
        assert_eq!(heard(Sender::Client, text), [(rule, place.to_owned())], "{text}");
    }
    let resource = format!("[1, 0, \"{MPSD}\"]\0\0\0 \n");
    for text in [&resource, "[1,1,\"https://sessiondirectory.example/a\"]", "[2,0,0]", "[1,1,\"a\",{\"more\":1}]"] {
        assert!(heard(Sender::Client, text).is_empty(), "{text}");
    }
}

#[test]
fn frames_of_the_service() {
    let rows = [
        ("[1, 1]", "rta-reply-shape", "message"),
        ("[1, \"1\", 0, 0, null]", "rta-reply-shape", "message /1"),
        ("[2, -1, 0]", "rta-reply-shape", "message /1"),
        ("[1, 1, \"0\", 0]", "rta-reply-shape", "message /2"),
        ("[1, 1, 0]", "rta-reply-shape", "message"),
        ("[1, 1, 0, null]", "rta-reply-shape", "message"),
        ("[1, 1, 4]", "rta-status-unknown", "message /2"),
        ("[1, 1, -1]", "rta-status-unknown", "message /2"),
        ("[2, 1, 6]", "rta-status-unknown", "message /2"),
        ("[3, 0]", "rta-event-shape", "message"),
        ("[3, \"0\", {}]", "rta-event-shape", "message /1"),
        ("[3, -1, {}]", "rta-event-shape", "message /1"),
        ("[3, 0, {\"shoulderTaps\": {}}]", "rta-tap-shape", "message /2/shoulderTaps"),
        ("[3, 0, {\"shoulderTaps\": [7]}]", "rta-tap-shape", "message /2/shoulderTaps/0"),
        ("[3, 0, {\"shoulderTaps\": [{}]}]", "rta-tap-resource-invalid", "message /2/shoulderTaps/0"),
    ];
    for (text, rule, place) in rows {
        assert_eq!(heard(Sender::Service, text), [(rule, place.to_owned())], "{text}");
    }
    let silent = ["[2, 1, 5]", "[1, 1, 2]", "[1, 1, 1002, \"later\"]", "[3, 0, null]", "[3, 0, [1]]", "[4, 1, {}]"];
    for text in silent {
        assert!(heard(Sender::Service, text).is_empty(), "{text}");
    }
}

#[test]
fn taps_field_by_field() {
    let tapped = |field: &str, value: &str| {
        let mut tap: Value = serde_json::json!({"timestamp": "2026-01-02T03:04:05.1234567Z", "subscription": "x",
            "resourceType": "mpsd/session", "resource": format!("{SCID}~lobby~a"), "branch": SCID, "changeNumber": 14});
        tap[field] = serde_json::from_str(value).unwrap();
        heard(Sender::Service, &format!("[3, 0, {{\"ncid\": \"a\", \"shoulderTaps\": [{tap}]}}]"))
    };
    let rows = [
        ("timestamp", "7", "response-timestamp-invalid"),
        ("timestamp", "\"yesterday\"", "response-timestamp-invalid"),
        ("subscription", "7", "rta-tap-shape"),
        ("resourceType", "7", "rta-tap-shape"),
        ("resource", "7", "rta-tap-resource-invalid"),
        ("resource", "\"a~b\"", "rta-tap-resource-invalid"),
        ("resource", "\"a~b~c\"", "rta-tap-resource-invalid"),
        ("branch", "7", "rta-tap-shape"),
        ("branch", "\"main\"", "rta-tap-shape"),
        ("changeNumber", "\"7\"", "rta-tap-shape"),
        ("changeNumber", "-1", "rta-tap-shape"),
    ];
    for (field, value, rule) in rows {
        assert_eq!(tapped(field, value), [(rule, format!("message /2/shoulderTaps/0/{field}"))], "{field}: {value}");
    }
    for (field, value) in [("subscription", "\"\""), ("changeNumber", "0"), ("more", "{}")] {
        assert!(tapped(field, value).is_empty(), "{field}: {value}");
    }
    let four = format!("\"{SCID}~lobby~a~b\"");
    assert_eq!(tapped("resource", &four)[0].0, "rta-tap-resource-invalid");
}

/// A ticket with a field put in the place of its own; null takes it out.
fn ticket(field: &str, value: &str) -> Vec<(&'static str, String)> {
    let mut ticket = serde_json::json!({"giveUpDuration": 60, "preserveSession": "never", "ticketAttributes": {},
        "ticketSessionRef": {"scid": SCID, "templateName": "lobby", "name": "a"}});
    let (outer, inner) = field.split_once('/').unwrap_or((field, ""));
    let object = if inner.is_empty() { &mut ticket } else { &mut ticket[outer] };
    let name = if inner.is_empty() { outer } else { inner };
    match value {
        "" => drop(object.as_object_mut().unwrap().remove(name)),
        _ => object[name] = serde_json::from_str(value).unwrap(),
    }
    let found = findings(&format!("ticket.create\n\n{ticket}"));
    found.iter().map(|finding| (finding.rule.id, finding.place.to_string())).collect()
}

#[test]
fn tickets_field_by_field() {
    let session = "match-ticket-session-missing";
    let rows = [
        ("giveUpDuration", "", "match-give-up-duration-invalid", "body"),
        ("giveUpDuration", "-1", "match-give-up-duration-invalid", "body /giveUpDuration"),
        ("giveUpDuration", "2147483648", "match-give-up-duration-invalid", "body /giveUpDuration"),
        ("giveUpDuration", "1.5", "match-give-up-duration-invalid", "body /giveUpDuration"),
        ("preserveSession", "", "match-preserve-session-invalid", "body"),
        ("preserveSession", "true", "match-preserve-session-invalid", "body /preserveSession"),
        ("preserveSession", "\"maybe\"", "match-preserve-session-invalid", "body /preserveSession"),
        ("ticketSessionRef", "", session, "body"),
        ("ticketSessionRef", "\"a\"", session, "body /ticketSessionRef"),
        ("ticketSessionRef/scid", "", session, "body /ticketSessionRef"),
        ("ticketSessionRef/scid", "\"a\"", session, "body /ticketSessionRef/scid"),
        ("ticketSessionRef/scid", "7", session, "body /ticketSessionRef/scid"),
        ("ticketSessionRef/templateName", "", session, "body /ticketSessionRef"),
        ("ticketSessionRef/templateName", "7", session, "body /ticketSessionRef/templateName"),
        ("ticketSessionRef/templateName", "\"\"", session, "body /ticketSessionRef/templateName"),
        ("ticketSessionRef/name", "", session, "body /ticketSessionRef/name"),
        ("ticketSessionRef/name", "7", session, "body /ticketSessionRef/name"),
        ("ticketSessionRef/name", "\"\"", session, "body /ticketSessionRef/name"),
        ("ticketSessionRef/sessionName", "\"a\"", "session-ref-session-name", "body /ticketSessionRef/sessionName"),
        ("ticketAttributes", "[]", "match-ticket-attributes-invalid", "body /ticketAttributes"),
        ("serviceConfig", "\"a\"", "match-documented-form", "body /serviceConfig"),
        ("hopperName", "\"Ranked\"", "match-documented-form", "body /hopperName"),
        ("skill", "7", "match-field-unknown", "body /skill"),
    ];
    for (field, value, rule, place) in rows {
        assert_eq!(ticket(field, value), [(rule, place.to_owned())], "{field}: {value}");
    }
    for (field, value) in [
        ("giveUpDuration", "0"),
        ("giveUpDuration", "2147483647"),
        ("preserveSession", "\"Always\""),
        ("ticketAttributes", ""),
        ("ticketAttributes", "null"),
    ] {
        assert!(ticket(field, value).is_empty(), "{field}: {value}");
    }
}

#[test]
fn answers_of_smartmatch_field_by_field() {
    let id = format!("\"ticketId\": \"{SCID}\"");
    let rows = [
        ("ticket.create", "[]".to_owned(), "match-answer-shape"),
        ("ticket.create", "{\"waitTime\": 1}".to_owned(), "match-answer-shape"),
        ("ticket.create", "{\"ticketId\": \"7\", \"waitTime\": 1}".to_owned(), "match-answer-shape"),
        ("ticket.create", "{\"ticketId\": 7, \"waitTime\": 1}".to_owned(), "match-answer-shape"),
        ("ticket.create", format!("{{{id}}}"), "match-answer-shape"),
        ("ticket.create", format!("{{{id}, \"waitTime\": \"1\"}}"), "match-answer-shape"),
        ("ticket.get", "[]".to_owned(), "match-answer-shape"),
        ("ticket.get", "{}".to_owned(), "match-answer-shape"),
        ("ticket.get", "{\"ticketStatus\": 7}".to_owned(), "match-answer-shape"),
        ("ticket.get", "{\"ticketStatus\": \"done\"}".to_owned(), "match-ticket-status-unknown"),
        ("ticket.get", "{\"ticketStatus\": \"searching\", \"waitTime\": \"1\"}".to_owned(), "match-answer-shape"),
        ("ticket.get", "{\"ticketStatus\": \"expired\", \"players\": {}}".to_owned(), "match-answer-shape"),
        ("ticket.get", "{\"ticketStatus\": \"Found\"}".to_owned(), "match-found-without-target"),
        ("hopper.stats", "[]".to_owned(), "match-answer-shape"),
        ("hopper.stats", "{\"waitTime\": null}".to_owned(), "match-answer-shape"),
        ("hopper.stats", "{\"population\": \"7\"}".to_owned(), "match-answer-shape"),
        ("hopper.stats", "{\"population\": -7}".to_owned(), "match-answer-shape"),
    ];
    let request = |op: &str| match op {
        "ticket.create" => rule("match-documented-form").unwrap().good.to_owned(),
        op => op.to_owned(),
    };
    for (op, body, id) in rows {
        assert_eq!(broken(&format!("{}\n---\n200\n\n{body}", request(op))), [id], "{op}: {body}");
    }
    for (op, body) in [
        ("hopper.stats", "{\"hopperName\": \"a\", \"waitTime\": 0, \"population\": 0}"),
        ("hopper.stats", "{\"name\": \"a\", \"waitTime\": 0, \"population\": 0}"),
        ("ticket.get", "{\"ticketStatus\": \"Canceled\", \"players\": [], \"more\": 1}"),
    ] {
        assert!(broken(&format!("{op}\n---\n200\n\n{body}")).is_empty(), "{op}: {body}");
    }
    assert!(broken("ticket.delete\n---\n204").is_empty());
    assert_eq!(broken("ticket.delete\n---\n503"), ["response-503-no-retry-after"]);
}

#[test]
fn heads_of_smartmatch_and_sockets() {
    assert_eq!(broken("hopper.stats\n-X-Xbl-Contract-Version"), ["match-contract-version"]);
    assert_eq!(broken("hopper.stats\nX-Xbl-Contract-Version: new"), ["match-contract-version"]);
    assert!(broken("hopper.stats\nX-Xbl-Contract-Version: 107").is_empty());
    assert_eq!(broken("hopper.stats\n-Authorization"), ["authorization-missing"]);
    assert_eq!(broken("ticket.create"), ["body-missing"]);
    assert!(broken("rta.connect\nX-Xbl-Contract-Version: 1").is_empty());
    assert!(broken("rta.nonce\n-Sec-WebSocket-Protocol").is_empty());
    assert!(broken("GET /socket\nHost: rta.xboxlive.com\n-Sec-WebSocket-Protocol").is_empty());
    assert!(broken("rta.connect\nSec-WebSocket-Protocol: echo-protocol, RTA.xboxlive.com.v2").is_empty());
    assert!(broken("rta.connect\nSec-WebSocket-Protocol: rta.xboxlive.com").is_empty(), "clients of 2016");
    assert_eq!(broken("rta.connect\nSec-WebSocket-Protocol: rta.xboxlive.com.V3"), ["rta-subprotocol-missing"]);
    assert_eq!(broken("rta.connect\nAuthorization: Bearer a"), ["authorization-scheme-invalid"]);
}
