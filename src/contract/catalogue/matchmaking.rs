//! Rules of SmartMatch.

use crate::contract::rule::Rule;
use crate::contract::rule::Severity::{Error, Info, Warning};
use crate::contract::rule::Side::{Client, Service};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "match-contract-version",
        severity: Warning,
        side: Client,
        title: "The contract version is none of SmartMatch",
        requires: "SmartMatch wants contract version 103 or later",
        fix: "Send X-Xbl-Contract-Version: 103",
        citation: "SmartMatch REST: matchtickets; XSAPI; mpsd-wire 8",
        bad: "hopper.stats\nX-Xbl-Contract-Version: 102",
        good: "hopper.stats",
    },
    Rule {
        id: "match-wrong-host",
        severity: Info,
        side: Client,
        title: "The request goes to the host of the documents",
        requires: "The documents call the host momatch, clients and SDK smartmatch",
        fix: "Use smartmatch.xboxlive.com",
        citation: "SmartMatch REST: matchtickets; XSAPI; discrepancies D29",
        bad: "hopper.stats\nHost: momatch.xboxlive.com",
        good: "hopper.stats",
    },
    Rule {
        id: "match-hopper-name-too-long",
        severity: Warning,
        side: Client,
        title: "The hopper's name is too long",
        requires: "A hopper's name has at most 140 characters",
        fix: "Use the name from Partner Center",
        citation: "mpsd-wire 8",
        bad: "GET /serviceconfigs/097d0100-e05c-4d37-8420-46f1169056cf/hoppers/\
              Ranked-Ranked-Ranked-Ranked-Ranked-Ranked-Ranked-Ranked-Ranked-Ranked-Ranked-Ranked-Ranked-Ranked-Ranked-\
              Ranked-Ranked-Ranked-Ranked-Ranked-Ranked/stats\nHost: smartmatch.xboxlive.com",
        good: "hopper.stats",
    },
    Rule {
        id: "match-ticket-id-not-guid",
        severity: Error,
        side: Client,
        title: "The path names no ticket",
        requires: "A ticket's id is the GUID its creation answered",
        fix: "Use ticketId as it was answered",
        citation: "SmartMatch REST: DELETE ticket; mpsd-wire 8",
        bad: "DELETE /serviceconfigs/097d0100-e05c-4d37-8420-46f1169056cf/hoppers/Ranked/tickets/7\n\
              Host: smartmatch.xboxlive.com",
        good: "ticket.delete",
    },
    Rule {
        id: "match-ticket-session-missing",
        severity: Error,
        side: Client,
        title: "The ticket names no session",
        requires: "A ticket has a ticketSessionRef with scid, templateName and name",
        fix: "Send the session the players are in",
        citation: "SmartMatch REST: POST hopper; mpsd-wire 8",
        bad: "ticket.create\n\n{\"giveUpDuration\": 60, \"preserveSession\": \"never\", \"ticketAttributes\": {}}",
        good: TICKET,
    },
    Rule {
        id: "match-preserve-session-invalid",
        severity: Error,
        side: Client,
        title: "The ticket does not say what becomes of its session",
        requires: "preserveSession is always or never",
        fix: "Send never, unless others are to join this session",
        citation: "SmartMatch REST: POST hopper; mpsd-wire 8",
        bad: "ticket.create\n\n{\"giveUpDuration\": 60, \"preserveSession\": \"maybe\", \"ticketSessionRef\": $ref}",
        good: TICKET,
    },
    Rule {
        id: "match-give-up-duration-invalid",
        severity: Error,
        side: Client,
        title: "The ticket does not say when to give up",
        requires: "giveUpDuration is a number of seconds, a 32-bit integer from 0",
        fix: "Send the seconds without quotes",
        citation: "SmartMatch REST: POST hopper; mpsd-wire 8",
        bad: "ticket.create\n\n{\"giveUpDuration\": \"60\", \"preserveSession\": \"never\", \"ticketSessionRef\": $ref}",
        good: TICKET,
    },
    Rule {
        id: "match-ticket-attributes-invalid",
        severity: Warning,
        side: Client,
        title: "The ticket's attributes are no object",
        requires: "ticketAttributes is an object of names and values; a document shows an array, the SDK sends an object",
        fix: "Send {\"name\": value}",
        citation: "XSAPI; discrepancies D29",
        bad: "ticket.create\n\n{\"giveUpDuration\": 60, \"preserveSession\": \"never\", \"ticketSessionRef\": $ref, \
              \"ticketAttributes\": [{\"name\": \"skill\", \"value\": 5}]}",
        good: TICKET,
    },
    Rule {
        id: "match-documented-form",
        severity: Warning,
        side: Client,
        title: "The ticket says again what the path says",
        requires: "The path names service configuration and hopper; a document wants both in the ticket, no client sends them",
        fix: "Leave serviceConfig and hopperName out",
        citation: "MatchTicket (JSON); XSAPI; discrepancies D29",
        bad: "ticket.create\n\n{\"giveUpDuration\": 60, \"preserveSession\": \"never\", \"ticketSessionRef\": $ref, \
              \"hopperName\": \"Ranked\"}",
        good: TICKET,
    },
    Rule {
        id: "match-field-unknown",
        severity: Info,
        side: Client,
        title: "The ticket has a field nobody knows",
        requires: "A ticket has giveUpDuration, preserveSession, ticketSessionRef and ticketAttributes",
        fix: "Put a title's own values into ticketAttributes",
        citation: "SmartMatch REST: POST hopper; mpsd-wire 8",
        bad: "ticket.create\n\n{\"giveUpDuration\": 60, \"preserveSession\": \"never\", \"ticketSessionRef\": $ref, \
              \"skill\": 5}",
        good: TICKET,
    },
    Rule {
        id: "match-answer-shape",
        severity: Error,
        side: Service,
        title: "The answer of SmartMatch is incomplete",
        requires: "A new ticket is answered with ticketId and waitTime, a ticket with ticketStatus; waits and populations are \
                   whole numbers",
        fix: "Replays: keep what was recorded",
        citation: "SmartMatch REST: matchtickets; XSAPI; mpsd-wire 8",
        bad: concat!(ticket!(), "\n---\n201\n\n{\"waitTime\": 30}"),
        good: concat!(
            ticket!(),
            "\n---\n201\n\n{\"ticketId\": \"3ab3d0b8-2a85-4b1a-9a62-ff7a4ce0e4a9\", \"waitTime\": 30}"
        ),
    },
    Rule {
        id: "match-ticket-status-unknown",
        severity: Warning,
        side: Service,
        title: "The ticket's status is unknown",
        requires: "A ticket is searching, found, expired or canceled",
        fix: "Clients: ask again later",
        citation: "XSAPI; mpsd-wire 8",
        bad: "ticket.get\n---\n200\n\n{\"ticketStatus\": \"waiting\"}",
        good: "ticket.get\n---\n200\n\n{\"ticketStatus\": \"searching\", \"waitTime\": 30}",
    },
    Rule {
        id: "match-found-without-target",
        severity: Warning,
        side: Service,
        title: "A match is found, and no session",
        requires: "A ticket that is found has a targetSessionRef",
        fix: "Clients: read it from the ticket session's servers.matchmaking",
        citation: "XSAPI; mpsd-wire 8",
        bad: "ticket.get\n---\n200\n\n{\"ticketStatus\": \"found\", \"waitTime\": 0}",
        good: "ticket.get\n---\n200\n\n{\"ticketStatus\": \"found\", \"waitTime\": 0, \"targetSessionRef\": \
               {\"scid\": \"097d0100-e05c-4d37-8420-46f1169056cf\", \"templateName\": \"Match\", \
               \"name\": \"d3b5c2a8-4d2f-4f6e-9b1a-0c8f5a7e1d42\"}}",
    },
];

const TICKET: &str = ticket!();
