//! Rules that only a sequence shows: `conduct` finds what breaks them.

use crate::contract::rule::Rule;
use crate::contract::rule::Severity::{Error, Info, Warning};
use crate::contract::rule::Side::{Client, Service};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "change-number-decreased",
        severity: Error,
        side: Service,
        title: "The session has gone back",
        requires: "Within a branch, changeNumber never falls from one answer a client gets to its next",
        fix: "Replays: keep the order of what was recorded; clients: keep the document with the highest changeNumber",
        citation: "MPSD overview; How-to: multiplayer; mpsd-wire 4.9",
        bad: concat!(
            "session.get\n---\n200\nETag: \"4\"\n\n@session {\"changeNumber\": 4}\n===\n",
            "session.get\n---\n200\n\n@session"
        ),
        good: concat!(
            "session.get\n---\n200\n\n@session\n===\n",
            "session.get\n---\n200\nETag: \"4\"\n\n@session {\"changeNumber\": 4}"
        ),
    },
    Rule {
        id: "change-without-new-etag",
        severity: Warning,
        side: Service,
        title: "Two states of the session have one ETag",
        requires: "Every change gives the session a new ETag",
        fix: "Replays: keep ETag and document together",
        citation: "MPSD overview; mpsd-wire 4.9",
        bad: "session.get\n---\n200\n\n@session\n===\nsession.get\n---\n200\n\n@session {\"changeNumber\": 4}",
        good: concat!(
            "session.get\n---\n200\n\n@session\n===\n",
            "session.get\n---\n200\nETag: \"4\"\n\n@session {\"changeNumber\": 4}"
        ),
    },
    Rule {
        id: "constants-changed-in-branch",
        severity: Error,
        side: Service,
        title: "The session's constants have changed",
        requires: "Constants are fixed as long as the session lives",
        fix: "Replays: keep what was recorded; a session made anew has a new branch",
        citation: "Session templates; MPSD status codes; mpsd-wire 4.9",
        bad: concat!(
            "session.get\n---\n200\n\n@session\n===\nsession.get\n---\n200\n\n",
            "@session {\"constants\": {\"system\": {\"visibility\": \"private\"}}}"
        ),
        good: concat!(
            "session.get\n---\n200\n\n@session\n===\nsession.get\n---\n200\nETag: \"5\"\n\n",
            "@session {\"branch\": \"5f0c8c1e-9d0b-4f0e-8a54-0f3f7a4c2b11\", ",
            "\"constants\": {\"system\": {\"visibility\": \"private\"}}}"
        ),
    },
    Rule {
        id: "correlation-changed",
        severity: Warning,
        side: Service,
        title: "The session's correlationId has changed",
        requires: "A session keeps its correlationId, even when it is emptied and made anew",
        fix: "Replays: keep what was recorded",
        citation: "MultiplayerSession (JSON); mpsd-wire 4.1",
        bad: concat!(
            "session.get\n---\n200\n\n@session\n===\nsession.get\n---\n200\n\n",
            "@session {\"correlationId\": \"00000000-412b-4d51-a29b-d55a34edfdb7\"}"
        ),
        good: "session.get\n---\n200\n\n@session\n===\nsession.get\n---\n200\n\n@session",
    },
    Rule {
        id: "etag-stale-accepted",
        severity: Error,
        side: Service,
        title: "An update is made on a session that has moved on",
        requires: "If-Match with the ETag of an older state is answered 412",
        fix: "Replays: give the 412 that was recorded",
        citation: "MPSD status codes; mpsd-wire 2.2",
        bad: concat!(
            "session.get\n---\n200\nETag: \"3\"\n\n@session\n===\n",
            "session.get\n---\n200\nETag: \"4\"\n\n@session {\"changeNumber\": 4}\n===\n",
            "session.put\nIf-Match: \"3\"\n\n{}\n---\n200\nETag: \"5\"\n\n@session {\"changeNumber\": 5}"
        ),
        good: concat!(
            "session.get\n---\n200\nETag: \"3\"\n\n@session\n===\n",
            "session.get\n---\n200\nETag: \"4\"\n\n@session {\"changeNumber\": 4}\n===\n",
            "session.put\nIf-Match: \"3\"\n\n{}\n---\n412\nETag: \"4\"\n\n@session {\"changeNumber\": 4}"
        ),
    },
    Rule {
        id: "create-conflict-accepted",
        severity: Error,
        side: Service,
        title: "A session is created that was there",
        requires: "If-None-Match: * is answered 412 when the session exists",
        fix: "Replays: give the 412 that was recorded",
        citation: "MPSD status codes; mpsd-wire 2.2",
        bad: concat!(
            "session.get\n---\n200\n\n@session\n===\n",
            "session.put\nIf-None-Match: *\n\n{}\n---\n201\nETag: \"4\"\n\n@session {\"changeNumber\": 4}"
        ),
        good: concat!(
            "session.get\n---\n204\n===\n",
            "session.put\nIf-None-Match: *\n\n{}\n---\n201\n\n@session {\"changeNumber\": 1}"
        ),
    },
    Rule {
        id: "member-constants-after-join",
        severity: Info,
        side: Client,
        title: "A member sends its constants again",
        requires: "A member's constants are set when it joins; later they are ignored, or a conflict",
        fix: "Send members.me.constants with the first write only",
        citation: "MPSD REST: PUT session; mpsd-wire 3",
        bad: concat!(
            "session.get\n---\n200\n\n@session\n===\nsession.put\n\n",
            "{\"members\": {\"me\": {\"constants\": {\"system\": {\"xuid\": \"7000000000000001\"}}}}}\n---\n200\n\n@session"
        ),
        good: concat!(
            "session.put\n\n{\"members\": {\"me\": {\"constants\": {\"system\": {\"xuid\": \"7000000000000001\"}}}}}",
            "\n---\n201\n\n@session\n===\n",
            "session.put\n\n{\"members\": {\"me\": {\"properties\": {\"custom\": {\"map\": 2}}}}}\n---\n200\n\n@session"
        ),
    },
    Rule {
        id: "initialization-succeeded-wrong-stage",
        severity: Error,
        side: Client,
        title: "The match is called initialized at the wrong time",
        requires: "initializationSucceeded is written while initializing.stage is evaluating, and at no other time",
        fix: "Wait until the session says evaluating",
        citation: "MPSD: initialization; mpsd-wire 4.3",
        bad: concat!(
            "session.get\n---\n200\n\n@session {\"initializing\": {\"stage\": \"measuring\", \"episode\": 1}}\n===\n",
            "session.put\n\n{\"properties\": {\"system\": {\"initializationSucceeded\": true}}}\n---\n",
            "200\nETag: \"4\"\n\n@session {\"changeNumber\": 4}"
        ),
        good: concat!(
            "session.get\n---\n200\n\n@session {\"initializing\": {\"stage\": \"evaluating\", \"episode\": 1}}\n===\n",
            "session.put\n\n{\"properties\": {\"system\": {\"initializationSucceeded\": true}}}\n---\n",
            "200\nETag: \"4\"\n\n@session {\"changeNumber\": 4}"
        ),
    },
    Rule {
        id: "connection-stale",
        severity: Warning,
        side: Client,
        title: "The member's connection is none it has",
        requires: "A member's connection is the ConnectionId its open socket was given",
        fix: "After a reconnect, write the new ConnectionId to every session",
        citation: "MPSD overview: reconnecting; mpsd-behaviour 4.3",
        bad: concat!(
            opening!(),
            "\n===\nsession.put\n\n{\"members\": {\"me\": {\"properties\": {\"system\": {\"active\": true, ",
            "\"connection\": \"11111111-7cb3-45c6-b167-48536a6e2174\"}}}}}\n---\n200\n\n@session"
        ),
        good: concat!(
            opening!(),
            "\n===\nsession.put\n\n{\"members\": {\"me\": {\"properties\": {\"system\": {\"active\": true, ",
            "\"connection\": \"85b40569-7cb3-45c6-b167-48536a6e2174\"}}}}}\n---\n200\n\n@session"
        ),
    },
    Rule {
        id: "rta-response-unmatched",
        severity: Warning,
        side: Service,
        title: "The reply answers nothing",
        requires: "A reply carries the sequence of a message the client sent, once",
        fix: "Replays: answer with the sequence the client sent",
        citation: "XSAPI; mpsd-wire 7",
        bad: "> [1, 1, \"https://social.xboxlive.com/users/xuid(7000000000000001)/friends\"]\n< [1, 99, 0, 0, null]",
        good: "> [1, 1, \"https://social.xboxlive.com/users/xuid(7000000000000001)/friends\"]\n< [1, 1, 0, 0, null]",
    },
    Rule {
        id: "rta-event-unknown-sub",
        severity: Warning,
        side: Service,
        title: "The event is of no subscription",
        requires: "Events carry the id of a subscription the socket has, or had",
        fix: "Clients: ignore it",
        citation: "RTA best practices; mpsd-wire 7",
        bad: "> [1, 1, \"https://social.xboxlive.com/users/xuid(7000000000000001)/friends\"]\n\
              < [1, 1, 0, 0, null]\n< [3, 9, {}]",
        good: "> [1, 1, \"https://social.xboxlive.com/users/xuid(7000000000000001)/friends\"]\n\
               < [1, 1, 0, 0, null]\n> [2, 1, 0]\n< [3, 0, {}]\n< [2, 1, 0]",
    },
    Rule {
        id: "rta-connection-id-missing",
        severity: Error,
        side: Service,
        title: "The subscription to MPSD gives no ConnectionId",
        requires: "Subscribing to MPSD is answered with {\"ConnectionId\": GUID}; members are active by it",
        fix: "Replays: keep what was recorded",
        citation: "XSAPI; mpsd-wire 7",
        bad: "> [1, 1, \"https://sessiondirectory.xboxlive.com/connections/\"]\n< [1, 1, 0, 0, {}]",
        good: opening!(),
    },
    Rule {
        id: "rta-tap-change-not-increasing",
        severity: Info,
        side: Service,
        title: "The tap tells nothing new",
        requires: "The taps of a subscription carry rising change numbers within a branch",
        fix: "Clients: ignore a tap that is not above the highest changeNumber of its branch",
        citation: "How-to: multiplayer; mpsd-behaviour 4.4",
        bad: concat!(opening!(), "\n< ", tap!("3"), "\n< ", tap!("2")),
        good: concat!(opening!(), "\n< ", tap!("3"), "\n< ", tap!("4")),
    },
];
