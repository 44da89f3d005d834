//! Rules of `POST /handles` and its answers.

use crate::contract::rule::Rule;
use crate::contract::rule::Severity::{Error, Info, Warning};
use crate::contract::rule::Side::{Client, Service};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "handle-type-missing",
        severity: Error,
        side: Client,
        title: "The handle has no type",
        requires: "A handle has a type",
        fix: "Say what it is: activity, invite, search or transfer",
        citation: "MPSD REST: POST handles; mpsd-wire 5.1",
        bad: "handle.create\n\n{\"version\": 1, \"sessionRef\": $ref}",
        good: "handle.create\n\n{\"version\": 1, \"type\": \"activity\", \"sessionRef\": $ref}",
    },
    Rule {
        id: "handle-type-unknown",
        severity: Error,
        side: Client,
        title: "The handle's type is unknown",
        requires: "A handle's type is activity, invite, search or transfer",
        fix: "Use one of these",
        citation: "MPSD REST: POST handles; mpsd-wire 5.1",
        bad: "handle.create\n\n{\"version\": 1, \"type\": \"activité\", \"sessionRef\": $ref}",
        good: "handle.create\n\n{\"version\": 1, \"type\": \"activity\", \"sessionRef\": $ref}",
    },
    Rule {
        id: "handle-version-missing",
        severity: Warning,
        side: Client,
        title: "The handle has no version",
        requires: "A handle has version 1; some clients work without",
        fix: "Send \"version\": 1",
        citation: "MPSD REST: POST handles; discrepancies C17",
        bad: "handle.create\n\n{\"type\": \"activity\", \"sessionRef\": $ref}",
        good: "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": $ref}",
    },
    Rule {
        id: "handle-version-not-1",
        severity: Error,
        side: Client,
        title: "The handle's version is not 1",
        requires: "The one version of handles is 1",
        fix: "Send \"version\": 1",
        citation: "MPSD REST: POST handles; XSAPI",
        bad: "handle.create\n\n{\"type\": \"activity\", \"version\": 2, \"sessionRef\": $ref}",
        good: "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": $ref}",
    },
    Rule {
        id: "handle-session-ref-missing",
        severity: Error,
        side: Client,
        title: "The handle leads to no session",
        requires: "A handle has a sessionRef object",
        fix: "Send scid, templateName and name of the session",
        citation: "MPSD REST: POST handles; mpsd-wire 5.1",
        bad: "handle.create\n\n{\"type\": \"activity\", \"version\": 1}",
        good: "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": $ref}",
    },
    Rule {
        id: "session-ref-scid-missing",
        severity: Error,
        side: Client,
        title: "The session reference has no scid, or one that is no GUID",
        requires: "A session reference has a scid, a GUID",
        fix: "Send the title's scid",
        citation: "MultiplayerSessionReference (JSON); mpsd-wire 2",
        bad: "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": {\"templateName\": \"a\"}}",
        good: "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": \
               {\"scid\": \"097d0100-e05c-4d37-8420-46f1169056cf\", \"templateName\": \"a\"}}",
    },
    Rule {
        id: "session-ref-template-missing",
        severity: Error,
        side: Client,
        title: "The session reference names no template",
        requires: "A session reference has a templateName",
        fix: "Send the template's name",
        citation: "MultiplayerSessionReference (JSON); mpsd-wire 2",
        bad: "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": \
              {\"scid\": \"097d0100-e05c-4d37-8420-46f1169056cf\"}}",
        good: "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": \
               {\"scid\": \"097d0100-e05c-4d37-8420-46f1169056cf\", \"templateName\": \"deathmatch\"}}",
    },
    Rule {
        id: "session-ref-name-missing",
        severity: Error,
        side: Client,
        title: "The session reference names no session",
        requires: "A session reference has a name; only an activity may leave it to the service",
        fix: "Send the session's name",
        citation: "MPSD REST: POST handles; mpsd-wire 5.1",
        bad: "handle.create\n\n{\"type\": \"invite\", \"version\": 1, \"invitedXuid\": \"3210\", \
              \"inviteAttributes\": {\"titleId\": \"896928775\"}, \"sessionRef\": \
              {\"scid\": \"097d0100-e05c-4d37-8420-46f1169056cf\", \"templateName\": \"deathmatch\"}}",
        good: "handle.create\n\n{\"type\": \"invite\", \"version\": 1, \"invitedXuid\": \"3210\", \
               \"inviteAttributes\": {\"titleId\": \"896928775\"}, \"sessionRef\": $ref}",
    },
    Rule {
        id: "session-ref-session-name",
        severity: Warning,
        side: Client,
        title: "The session reference calls the name sessionName",
        requires: "A session reference has scid, templateName and name",
        fix: "Rename it to name",
        citation: "MultiplayerSessionReference (JSON); discrepancies D29",
        bad: "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": \
              {\"scid\": \"097d0100-e05c-4d37-8420-46f1169056cf\", \"templateName\": \"a\", \"sessionName\": \"x\"}}",
        good: "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": $ref}",
    },
    Rule {
        id: "handle-id-in-request",
        severity: Info,
        side: Client,
        title: "The client names the handle's id",
        requires: "The service assigns handle ids",
        fix: "Leave id out; it comes with the answer",
        citation: "MPSD REST: POST handles; mpsd-wire 5.1",
        bad: "handle.create\n\n{\"id\": \"47ca0049-a5ba-4bc1-aa22-fcf834ce4c13\", \"type\": \"activity\", \
              \"version\": 1, \"sessionRef\": $ref}",
        good: "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": $ref}",
    },
    Rule {
        id: "invite-xuid-missing",
        severity: Error,
        side: Client,
        title: "The invite is for nobody",
        requires: "An invite has invitedXuid",
        fix: "Name the invited player's xuid",
        citation: "MPSD REST: POST handles; mpsd-wire 5.1",
        bad: "handle.create\n\n{\"type\": \"invite\", \"version\": 1, \"sessionRef\": $ref, \
              \"inviteAttributes\": {\"titleId\": \"896928775\"}}",
        good: "handle.create\n\n{\"type\": \"invite\", \"version\": 1, \"sessionRef\": $ref, \
               \"inviteAttributes\": {\"titleId\": \"896928775\"}, \"invitedXuid\": \"3210\"}",
    },
    Rule {
        id: "invite-xuid-invalid",
        severity: Error,
        side: Client,
        title: "The invited xuid is no xuid",
        requires: "invitedXuid is a decimal 64-bit number as a string",
        fix: "Send the xuid, not the gamertag",
        citation: "MPSD REST: POST handles; XSAPI",
        bad: "handle.create\n\n{\"type\": \"invite\", \"version\": 1, \"sessionRef\": $ref, \
              \"inviteAttributes\": {\"titleId\": \"896928775\"}, \"invitedXuid\": \"abc\"}",
        good: "handle.create\n\n{\"type\": \"invite\", \"version\": 1, \"sessionRef\": $ref, \
               \"inviteAttributes\": {\"titleId\": \"896928775\"}, \"invitedXuid\": \"3210\"}",
    },
    Rule {
        id: "invite-attributes-missing",
        severity: Warning,
        side: Client,
        title: "The invite does not say to which title",
        requires: "An invite has inviteAttributes.titleId",
        fix: "Send the id of the title to launch",
        citation: "MPSD REST: POST handles; discrepancies C17",
        bad: "handle.create\n\n{\"type\": \"invite\", \"version\": 1, \"sessionRef\": $ref, \"invitedXuid\": \"3210\"}",
        good: "handle.create\n\n{\"type\": \"invite\", \"version\": 1, \"sessionRef\": $ref, \
               \"invitedXuid\": \"3210\", \"inviteAttributes\": {\"titleId\": 896928775}}",
    },
    Rule {
        id: "invite-title-id-invalid",
        severity: Error,
        side: Client,
        title: "The title id is no title id",
        requires: "titleId is a decimal 32-bit number, as a string or a number",
        fix: "Send the title id in decimal, not in hex",
        citation: "MPSD REST: POST handles; discrepancies C18",
        bad: "handle.create\n\n{\"type\": \"invite\", \"version\": 1, \"sessionRef\": $ref, \
              \"invitedXuid\": \"3210\", \"inviteAttributes\": {\"titleId\": \"3576FE07x\"}}",
        good: "handle.create\n\n{\"type\": \"invite\", \"version\": 1, \"sessionRef\": $ref, \
               \"invitedXuid\": \"3210\", \"inviteAttributes\": {\"titleId\": \"896928775\"}}",
    },
    Rule {
        id: "invite-context-too-long",
        severity: Error,
        side: Client,
        title: "The invite's context is too long",
        requires: "context has at most 256 characters when it is URI-encoded",
        fix: "Send an id, and look the rest up after the join",
        citation: "MPSD REST: POST handles; mpsd-wire 5.1",
        bad: "handle.create\n\n{\"type\": \"invite\", \"version\": 1, \"sessionRef\": $ref, \"invitedXuid\": \"3210\", \
              \"inviteAttributes\": {\"titleId\": \"896928775\", \"context\": \"\
              ////////////////////////////////////////////////////////////////////////////////////////////\"}}",
        good: "handle.create\n\n{\"type\": \"invite\", \"version\": 1, \"sessionRef\": $ref, \
               \"invitedXuid\": \"3210\", \"inviteAttributes\": {\"titleId\": \"896928775\", \"context\": \"round-2\"}}",
    },
    Rule {
        id: "invite-context-string-prefix",
        severity: Info,
        side: Client,
        title: "The invite string's id has no ///",
        requires: "XSAPI wants contextString to start with ///",
        fix: "Write /// before the id of the custom invite string",
        citation: "XSAPI header multiplayer_c.h; mpsd-wire 5.1",
        bad: "handle.create\n\n{\"type\": \"invite\", \"version\": 1, \"sessionRef\": $ref, \
              \"invitedXuid\": \"3210\", \"inviteAttributes\": {\"titleId\": \"1\", \"contextString\": \"abc\"}}",
        good: "handle.create\n\n{\"type\": \"invite\", \"version\": 1, \"sessionRef\": $ref, \
               \"invitedXuid\": \"3210\", \"inviteAttributes\": {\"titleId\": \"1\", \"contextString\": \"///abc\"}}",
    },
    Rule {
        id: "invite-unknown-attribute",
        severity: Info,
        side: Client,
        title: "The invite has an attribute the documents do not know",
        requires: "Invite attributes are titleId, context, contextString and senderString",
        fix: "Put title data into context",
        citation: "MPSD REST: POST handles; mpsd-wire 5.1",
        bad: "handle.create\n\n{\"type\": \"invite\", \"version\": 1, \"sessionRef\": $ref, \
              \"invitedXuid\": \"3210\", \"inviteAttributes\": {\"titleId\": \"1\", \"foo\": 1}}",
        good: "handle.create\n\n{\"type\": \"invite\", \"version\": 1, \"sessionRef\": $ref, \
               \"invitedXuid\": \"3210\", \"inviteAttributes\": {\"titleId\": \"1\"}}",
    },
    Rule {
        id: "activity-unexpected-field",
        severity: Warning,
        side: Client,
        title: "The activity has a field of another type of handle",
        requires: "An activity has type, version and sessionRef",
        fix: "Leave the field out, or post an invite as well",
        citation: "MPSD REST: POST handles; XSAPI",
        bad: "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": $ref, \"invitedXuid\": \"3210\"}",
        good: "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": $ref}",
    },
    Rule {
        id: "transfer-origin-missing",
        severity: Error,
        side: Client,
        title: "The transfer comes from no session",
        requires: "A transfer has an originSessionRef object: its members may use the handle",
        fix: "Send the reference of the session players leave",
        citation: "XSAPI; mpsd-wire 5.1",
        bad: "handle.create\n\n{\"type\": \"transfer\", \"version\": 1, \"sessionRef\": $ref}",
        good: "handle.create\n\n{\"type\": \"transfer\", \"version\": 1, \"sessionRef\": $ref, \"originSessionRef\": \
               {\"scid\": \"097d0100-e05c-4d37-8420-46f1169056cf\", \"templateName\": \"a\", \"name\": \"b\"}}",
    },
    Rule {
        id: "transfer-same-session",
        severity: Warning,
        side: Client,
        title: "The transfer leads where it comes from",
        requires: "originSessionRef and sessionRef are two sessions",
        fix: "Send the reference of the session players leave",
        citation: "MPSD how-tos (inference)",
        bad: "handle.create\n\n{\"type\": \"transfer\", \"version\": 1, \"sessionRef\": $ref, \"originSessionRef\": $ref}",
        good: "handle.create\n\n{\"type\": \"transfer\", \"version\": 1, \"sessionRef\": $ref, \"originSessionRef\": \
               {\"scid\": \"097d0100-e05c-4d37-8420-46f1169056cf\", \"templateName\": \"a\", \"name\": \"b\"}}",
    },
    Rule {
        id: "search-tag-invalid",
        severity: Error,
        side: Client,
        title: "A search tag cannot work",
        requires: "Tags start with a letter, have no spaces and are shorter than 100 characters",
        fix: "Use such a tag",
        citation: "Multiplayer session browse; mpsd-wire 5.1",
        bad: "handle.create\n\n{\"type\": \"search\", \"version\": 1, \"sessionRef\": $ref, \
              \"searchAttributes\": {\"tags\": [\"my tag\"]}}",
        good: "handle.create\n\n{\"type\": \"search\", \"version\": 1, \"sessionRef\": $ref, \
               \"searchAttributes\": {\"tags\": [\"micrequired\"]}}",
    },
    Rule {
        id: "search-attribute-name-invalid",
        severity: Error,
        side: Client,
        title: "The name of a search attribute cannot work",
        requires: "Names of strings and numbers start with a letter, have no spaces and are shorter than 100 characters",
        fix: "Use such a name",
        citation: "Multiplayer session browse; mpsd-wire 5.1",
        bad: "handle.create\n\n{\"type\": \"search\", \"version\": 1, \"sessionRef\": $ref, \
              \"searchAttributes\": {\"numbers\": {\"1rank\": 1}}}",
        good: "handle.create\n\n{\"type\": \"search\", \"version\": 1, \"sessionRef\": $ref, \
               \"searchAttributes\": {\"numbers\": {\"rank\": 1}}}",
    },
    Rule {
        id: "search-number-not-number",
        severity: Error,
        side: Client,
        title: "A search attribute has the other kind's value",
        requires: "searchAttributes.numbers holds numbers, searchAttributes.strings holds strings",
        fix: "Send the value as its kind, or move it to the other object",
        citation: "Multiplayer session browse; mpsd-wire 5.1",
        bad: "handle.create\n\n{\"type\": \"search\", \"version\": 1, \"sessionRef\": $ref, \
              \"searchAttributes\": {\"numbers\": {\"rank\": \"1\"}}}",
        good: "handle.create\n\n{\"type\": \"search\", \"version\": 1, \"sessionRef\": $ref, \
               \"searchAttributes\": {\"numbers\": {\"rank\": 1}, \"strings\": {\"map\": \"dust\"}}}",
    },
    Rule {
        id: "s2s-activity-handle",
        severity: Warning,
        side: Client,
        title: "A service posts an activity",
        requires: "A user's activity is set by the user's own client",
        fix: "Post it from the game",
        citation: "MPSD service-to-service calls; mpsd-wire 5.1",
        bad: "handle.create\nX-Xbl-OnBehalfOf-Title: 896928775\nX-Xbl-OnBehalfOf-Users: 7000000000000001\n\n\
              {\"type\": \"activity\", \"version\": 1, \"sessionRef\": $ref}",
        good: "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": $ref}",
    },
    Rule {
        id: "handle-response-shape",
        severity: Error,
        side: Service,
        title: "The answered handle is none",
        requires: "The answer to POST /handles is the handle: id, type, sessionRef; or nothing, for an activity",
        fix: "Clients: do without the answer; replays: answer the handle",
        citation: "capture; mpsd-wire 5.1",
        bad: "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": $ref}\n---\n201\n\n\
              @handle {\"type\": null}",
        good: "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": $ref}\n---\n201\n\n@handle",
    },
    Rule {
        id: "handle-response-location",
        severity: Warning,
        side: Service,
        title: "A new handle's Location does not lead to it",
        requires: "201 to POST /handles has Location: /handles/{id}",
        fix: "Clients: take the id from the body; replays: keep the header",
        citation: "capture; mpsd-wire 1.4",
        bad: "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": $ref}\n---\n201\n-Location\n\n@handle",
        good: "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": $ref}\n---\n201\n\n@handle",
    },
    Rule {
        id: "handle-session-location",
        severity: Error,
        side: Service,
        title: "A session read through a handle does not say which it is",
        requires: "200 and 201 to /handles/{id}/session have Content-Location with the session's path; clients fail without",
        fix: "Replays: keep the header",
        citation: "XSAPI, go-xsapi; mpsd-wire 1.4",
        bad: "handle.session.put\n\n{}\n---\n200\n-Content-Location\n\n@session",
        good: "handle.session.put\n\n{}\n---\n200\n\n@session",
    },
];
