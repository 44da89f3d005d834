//! Rules of session properties and roles.

use crate::contract::rule::Rule;
use crate::contract::rule::Severity::{Error, Info, Warning};
use crate::contract::rule::Side::Client;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "join-restriction-invalid",
        severity: Error,
        side: Client,
        title: "A join or read restriction is unknown",
        requires: "joinRestriction and readRestriction are none, local or followed",
        fix: "Use one of these",
        citation: "MPSD white paper; mpsd-wire 4.3",
        bad: "session.put\n\n{\"properties\": {\"system\": {\"joinRestriction\": \"friends\"}}}",
        good: "session.put\n\n{\"properties\": {\"system\": {\"joinRestriction\": \"Followed\", \
               \"readRestriction\": \"followed\"}}}",
    },
    Rule {
        id: "read-narrower-than-join",
        severity: Error,
        side: Client,
        title: "Some who may join the session may not read it",
        requires: "readRestriction is at least as open as joinRestriction: local, then followed, then none",
        fix: "Open readRestriction as far as joinRestriction",
        citation: "XSAPI header multiplayer_c.h; mpsd-wire 4.3",
        bad: "session.put\n\n{\"properties\": {\"system\": {\"joinRestriction\": \"followed\", \
              \"readRestriction\": \"local\"}}}",
        good: "session.put\n\n{\"properties\": {\"system\": {\"joinRestriction\": \"local\", \
               \"readRestriction\": \"followed\"}}}",
    },
    Rule {
        id: "join-set-without-read",
        severity: Info,
        side: Client,
        title: "The session is opened to join, and to read who knows",
        requires: "joinRestriction followed or none needs a readRestriction as open",
        fix: "Write both in one request",
        citation: "XSAPI header multiplayer_c.h; mpsd-wire 4.3",
        bad: "session.put\n\n{\"properties\": {\"system\": {\"joinRestriction\": \"followed\"}}}",
        good: "session.put\n\n{\"properties\": {\"system\": {\"joinRestriction\": \"followed\", \
               \"readRestriction\": \"followed\"}}}",
    },
    Rule {
        id: "large-join-restriction",
        severity: Error,
        side: Client,
        title: "A large session is given a join restriction",
        requires: "Large sessions have joinRestriction none",
        fix: "Leave joinRestriction out",
        citation: "MPSD large sessions; mpsd-wire 4.3",
        bad: "session.put\n\n{\"properties\": {\"system\": {\"joinRestriction\": \"local\"}}}\n---\n200\n\n@large",
        good: "session.put\n\n{\"properties\": {\"system\": {\"joinRestriction\": \"none\", \
               \"readRestriction\": \"none\"}}}\n---\n200\n\n@large",
    },
    Rule {
        id: "user-auth-style-none",
        severity: Warning,
        side: Client,
        title: "A session with userAuthorizationStyle is opened to everybody",
        requires: "With userAuthorizationStyle joinRestriction is local or followed",
        fix: "Use followed",
        citation: "MPSD how-tos; discrepancies D35",
        bad: "session.put\n\n{\"properties\": {\"system\": {\"joinRestriction\": \"none\", \
              \"readRestriction\": \"none\"}}}\n---\n200\n\n\
              @session {\"constants\": {\"system\": {\"capabilities\": {\"userAuthorizationStyle\": true}}}}",
        good: "session.put\n\n{\"properties\": {\"system\": {\"joinRestriction\": \"followed\", \
               \"readRestriction\": \"followed\"}}}\n---\n200\n\n\
               @session {\"constants\": {\"system\": {\"capabilities\": {\"userAuthorizationStyle\": true}}}}",
    },
    Rule {
        id: "locked-without-closed",
        severity: Warning,
        side: Client,
        title: "The session is locked, but not closed",
        requires: "locked needs closed",
        fix: "Set closed as well",
        citation: "XSAPI header multiplayer_c.h; mpsd-wire 4.3",
        bad: "session.put\n\n{\"properties\": {\"system\": {\"locked\": true, \"closed\": false}}}",
        good: "session.put\n\n{\"properties\": {\"system\": {\"locked\": true, \"closed\": true}}}",
    },
    Rule {
        id: "keywords-on-private",
        severity: Error,
        side: Client,
        title: "A private session is given keywords",
        requires: "keywords are for sessions that can be found: not with visibility private",
        fix: "Leave keywords out, or create the session visible or open",
        citation: "MPSD white paper; mpsd-wire 4.3",
        bad: "session.put\n\n{\"constants\": {\"system\": {\"visibility\": \"private\"}}, \
              \"properties\": {\"system\": {\"keywords\": [\"easy\"]}}}",
        good: "session.put\n\n{\"constants\": {\"system\": {\"visibility\": \"open\"}}, \
               \"properties\": {\"system\": {\"keywords\": [\"easy\"]}}}",
    },
    Rule {
        id: "turn-index-range",
        severity: Error,
        side: Client,
        title: "turn names no member",
        requires: "turn lists indices of members",
        fix: "Use the members' keys in the session document",
        citation: "MPSD white paper; mpsd-wire 4.3",
        bad: "session.put\n\n{\"properties\": {\"system\": {\"turn\": [9]}}}\n---\n200\n\n@session",
        good: "session.put\n\n{\"properties\": {\"system\": {\"turn\": [0]}}}\n---\n200\n\n@session",
    },
    Rule {
        id: "host-not-member-token",
        severity: Warning,
        side: Client,
        title: "The host is no member's device",
        requires: "host is the device token of a member; any other is deleted",
        fix: "Use the deviceToken of the member that hosts",
        citation: "MPSD white paper; mpsd-wire 4.3",
        bad: "session.put\nIf-Match: \"415f6d4dd34d78c5090c0e916bfaedc3\"\n\n\
              {\"properties\": {\"system\": {\"host\": \"abc\"}}}\n---\n200\n\n@session",
        good: "session.put\nIf-Match: \"415f6d4dd34d78c5090c0e916bfaedc3\"\n\n\
               {\"properties\": {\"system\": {\"host\": \"0F795505A7F6CD8E76D89DC49C4CE278\"}}}\n---\n200\n\n@session",
    },
    Rule {
        id: "host-unsynchronised",
        severity: Info,
        side: Client,
        title: "The host changes without a look at who is host now",
        requires: "Two members may set the host at once: If-Match with the ETag lets one win",
        fix: "Send If-Match with the ETag last read, and read again on 412",
        citation: "MPSD overview, synchronised updates; mpsd-wire 4.3",
        bad: "session.put\nIf-Match: *\n\n\
              {\"properties\": {\"system\": {\"host\": \"0f795505a7f6cd8e76d89dc49c4ce278\"}}}",
        good: "session.put\nIf-Match: \"415f6d4dd34d78c5090c0e916bfaedc3\"\n\n\
               {\"properties\": {\"system\": {\"host\": \"0f795505a7f6cd8e76d89dc49c4ce278\"}}}",
    },
    Rule {
        id: "owners-without-capability",
        severity: Error,
        side: Client,
        title: "A session without hasOwners is given owners",
        requires: "owners needs the capability hasOwners",
        fix: "Turn hasOwners on in the template, or leave owners out",
        citation: "Session template constants; mpsd-wire 4.3",
        bad: "session.put\n\n{\"properties\": {\"system\": {\"owners\": [0]}}}\n---\n200\n\n@session",
        good: "session.put\n\n{\"properties\": {\"system\": {\"owners\": [0]}}}\n---\n200\n\n\
               @session {\"constants\": {\"system\": {\"capabilities\": {\"hasOwners\": true}}}}",
    },
    Rule {
        id: "role-name-invalid",
        severity: Error,
        side: Client,
        title: "The name of a role or role type cannot work",
        requires: "Role names are lower-case letters and digits, at most 100",
        fix: "Use such a name",
        citation: "Multiplayer roles; mpsd-wire 4.6",
        bad: "session.put\n\n{\"roleTypes\": {\"MyType\": {\"roles\": {}}}}",
        good: "session.put\n\n{\"roleTypes\": {\"mytype1\": {\"roles\": {}}}}",
    },
    Rule {
        id: "role-max-invalid",
        severity: Error,
        side: Client,
        title: "A role's numbers do not fit each other",
        requires: "max and target are at least 1, and target is at most max",
        fix: "Correct the numbers",
        citation: "Multiplayer roles; mpsd-wire 4.6",
        bad: "session.put\n\n{\"roleTypes\": {\"lfg\": {\"roles\": {\"confirmed\": {\"max\": 1, \"target\": 3}}}}}",
        good: "session.put\n\n{\"roleTypes\": {\"lfg\": {\"roles\": {\"confirmed\": {\"max\": 3, \"target\": 2}}}}}",
    },
    Rule {
        id: "role-mutable-invalid",
        severity: Error,
        side: Client,
        title: "A role setting cannot be mutable",
        requires: "mutableRoleSettings lists max and target",
        fix: "List one or both",
        citation: "Multiplayer roles; mpsd-wire 4.6",
        bad: "session.put\n\n{\"roleTypes\": {\"lfg\": {\"mutableRoleSettings\": [\"name\"]}}}",
        good: "session.put\n\n{\"roleTypes\": {\"lfg\": {\"mutableRoleSettings\": [\"max\", \"target\"]}}}",
    },
    Rule {
        id: "role-owner-managed-without-owners",
        severity: Error,
        side: Client,
        title: "Roles are managed by owners the session does not have",
        requires: "ownerManaged needs the capability hasOwners",
        fix: "Turn hasOwners on in the template",
        citation: "Multiplayer roles; mpsd-wire 4.6",
        bad: "session.put\n\n{\"roleTypes\": {\"lfg\": {\"ownerManaged\": true}}}\n---\n201\n\n@session",
        good: "session.put\n\n{\"constants\": {\"system\": {\"capabilities\": {\"hasOwners\": true}}}, \
               \"roleTypes\": {\"lfg\": {\"ownerManaged\": true}}}",
    },
];
