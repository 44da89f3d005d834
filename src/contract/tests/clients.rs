//! Traffic as shipping clients send it: none of it may raise an error or a warning (discrepancies §2 and §5).

use super::*;

/// Errors and warnings of an exchange; information is allowed.
fn alarms(text: &str) -> Vec<String> {
    let grave = |finding: &Finding| finding.severity != Severity::Info;
    findings(text)
        .iter()
        .filter(|finding| grave(finding))
        .map(|finding| format!("{}: {}: {}", finding.rule.id, finding.place, finding.message))
        .collect()
}

fn silent(text: &str) {
    assert_eq!(alarms(text), Vec::<String>::new(), "{text}");
}

#[test]
fn xsapi_creates_joins_and_leaves() {
    let create = r#"session.put
Content-Type: application/json; charset=utf-8
Accept-Language: en-US,en
Signature: redacted
User-Agent: XboxServicesAPI/2021.11 c

{"constants":{"system":{"version":1,"initiators":["7000000000000001"],"maxMembersCount":8},"custom":{}},
"properties":{"system":{"joinRestriction":"followed","readRestriction":"followed","turn":[]},"custom":{}},
"members":{"me":{"constants":{"system":{"xuid":"7000000000000001","initialize":true}},
"properties":{"system":{"active":true,"ready":false,"connection":"85b40569-7cb3-45c6-b167-48536a6e2174",
"subscription":{"id":"961dc162-3a8c-4982-b58b-0347ed086bc9","changeTypes":["host","initialization",
"matchmakingStatus","membersList","membersStatus","joinability","customProperty","membersCustomProperty"]},
"secureDeviceAddress":""},"custom":{}}}}}
---
201

@session {"properties":{"system":{"joinRestriction":"followed","readRestriction":"followed"}}}"#;
    silent(create);
    silent("session.put\nIf-Match: *\n\n{\"members\":{\"me\":null}}\n---\n204");
    silent(
        "session.put\nIf-Match: *\n\n{\"members\":{\"me\":{\"properties\":{\"system\":{\"active\":false,\"ready\":false}}}}}",
    );
    silent("session.get\nContent-Type: application/json; charset=utf-8\n---\n204");
    silent("session.get\n---\n404");
}

#[test]
fn the_2016_capture_at_105() {
    let document = r#"@session {"contractVersion":105,"constants":{"system":{"sessionEmptyTimeout":null,"capabilities":{
"connectivity":true,"userAuthorizationStyle":true},"timeouts":{"reserved":30000,"inactive":0,"ready":180000,
"sessionEmpty":0}}},"properties":{"system":{"matchmaking":{},"joinRestriction":"local","readRestriction":"local"}}}"#;
    silent(&format!(
        r#"session.put
X-Xbl-Contract-Version: 105

{{"members":{{"me":{{"constants":{{"system":{{"xuid":"7000000000000001","initialize":true}}}},"properties":{{"system":
{{"active":true,"connection":"85b40569-7cb3-45c6-b167-48536a6e2174","secureDeviceAddress":"ryY=","subscription":
{{"id":"81A3CA65-0A56-4D4E-9B3A-A5AC1D7F0C54","changeTypes":["everything"]}}}}}}}}}}}}
---
201

{document}"#
    ));
    let stale = "session.put\nX-Xbl-Contract-Version: 105\nIf-Match: \"415f6d4dd34d78c5090c0e916bfaedc2\"\n\n\
                 {\"properties\":{\"system\":{\"host\":\"0f795505a7f6cd8e76d89dc49c4ce278\"}}}\n---\n412\n\n";
    silent(&format!("{stale}{document}"));
    silent("session.get\nX-Xbl-Contract-Version: 105\nIf-None-Match: \n---\n304");
}

#[test]
fn activities_and_invites() {
    silent(
        "handle.create\n\n{\"type\":\"activity\",\"version\":1,\"sessionRef\":$ref}\n---\n201\n\n\
         @handle {\"inviteProtocol\":\"game\",\"gameTypes\":{\"uwp-desktop\":{\"titleId\":\"896928775\",\
         \"boundPfns\":[\"a\"]}}}",
    );
    silent("handle.create\n\n{\"type\":\"activity\",\"version\":1,\"sessionRef\":$ref}\n---\n200\n\n@handle");
    silent("handle.create\n\n{\"type\":\"activity\",\"version\":1,\"sessionRef\":$ref}\n---\n201");
    silent(
        "handle.create?include=relatedInfo\n\n{\"type\":\"invite\",\"version\":1,\"sessionRef\":$ref,\
         \"invitedXuid\":\"7000000000000002\",\"inviteAttributes\":{\"titleId\":\"896928775\",\"context\":\"a b\"}}",
    );
    silent("handle.delete\nContent-Type: application/json; charset=utf-8\n---\n204");
    silent(
        "handles.query?include=relatedInfo,customProperties\n\n{\"type\":\"activity\",\"owners\":{\"people\":\
            {\"moniker\":\"People\",\"monikerXuid\":\"7000000000000001\"}}}\n---\n200\n\n{\"results\":[]}",
    );
}

#[test]
fn go_xsapi_joins_by_handle() {
    let join = "handle.session.put\nIf-Match: *\n\n{\"properties\":{\"system\":{\"closed\":false}},\"members\":{\"me\":\
                {\"constants\":{\"system\":{\"xuid\":\"7000000000000002\",\"initialize\":true}},\"properties\":{\"system\":\
                {\"active\":true,\"connection\":\"85b40569-7cb3-45c6-b167-48536a6e2174\",\"subscription\":{\"id\":\
                \"81A3CA65-0A56-4D4E-9B3A-A5AC1D7F0C54\",\"changeTypes\":[\"everything\"]}}}}}}\n---\n200\n\n@session";
    silent(join);
    silent("session.get\nIf-None-Match: \"415f6d4dd34d78c5090c0e916bfaedc3\"\n---\n304");
}

#[test]
fn bedrock_portal_and_broadcaster_sessions() {
    let host = r#"PUT /serviceconfigs/4fc10100-5f7a-4470-899b-280835760c07/sessionTemplates/MinecraftLobby/sessions/0a1b2c3d-0a1b-4c3d-8e9f-0a1b2c3d4e5f

{"properties":{"system":{"joinRestriction":"local","readRestriction":"followed","closed":false,"turn":[]},
"custom":{"Joinability":"joinable_by_friends","hostName":"Ünïcode","NetherNetId":18446744073709551615,
"SupportedConnections":[{"ConnectionType":3,"NetherNetId":18446744073709551614}],"a":{"b":1}}},
"members":{"me":{"constants":{"system":{"xuid":"7000000000000001","initialize":true}},"properties":{"system":
{"active":true,"connection":"85b40569-7cb3-45c6-b167-48536a6e2174","subscription":
{"id":"845CC784-7348-4A27-BCDE-C083579DD113","changeTypes":["everything"]}}}}}}
---
200

@session {"constants":{"system":{"readyRemovalTimeout":240000,"reservedRemovalTimeout":240000,"sessionEmptyTimeout":0,
"inactiveRemovalTimeout":300000,"maxMembersCount":30,"capabilities":{"gameplay":true,"crossPlay":true,
"userAuthorizationStyle":true},"inviteProtocol":"game","memberInitialization":{"membersNeededToStart":1}}},
"members":{"0":{"next":6}},"membersInfo":{"next":6}}"#;
    silent(host);
    silent(
        "GET /serviceconfigs/4FC10100-5F7A-4470-899B-280835760C07/sessiontemplates/global(lfg)/sessions/\
            0a1b2c3d-0a1b-4c3d-8e9f-0a1b2c3d4e5f",
    );
    silent("GET /serviceconfigs/4fc10100-5f7a-4470-899b-280835760c07/SESSIONTEMPLATES/global%28lfg%29");
}

/// What the discrepancy page leaves as a warning on purpose: it must stay one.
#[test]
fn known_oddities_are_warnings() {
    let invite = "handle.create\n-Content-Type\n\n{\"type\":\"invite\",\"sessionRef\":$ref,\"invitedXuid\":\"3210\"}";
    assert_eq!(broken(invite), ["content-type-missing", "handle-version-missing", "invite-attributes-missing"]);
    let graver = findings(invite).into_iter().filter(|finding| finding.severity != Severity::Info);
    assert!(graver.map(|finding| finding.severity).eq([Severity::Warning; 2]));
}

/// The documents' own samples, repaired to strict JSON.
#[test]
fn document_samples_raise_no_error() {
    let activity = "handle.create\n\n{\"version\":1,\"type\":\"activity\",\"sessionRef\":{\"scid\":\
                    \"bd6c41c3-01c3-468a-a3b5-3e0fe8133862\",\"templateName\":\"deathmatch\",\"name\":\"session-49\"}}";
    silent(activity);
    let invite = "handle.create\n\n{\"id\":\"47ca0049-a5ba-4bc1-aa22-fcf834ce4c13\",\"version\":1,\"type\":\"invite\",\
                  \"sessionRef\":{\"scid\":\"bd6c41c3-01c3-468a-a3b5-3e0fe8133862\",\"templateName\":\"deathmatch\",\
                  \"name\":\"session-49\"},\"inviteAttributes\":{\"titleId\":1234,\"context\":\"c\",\"contextString\":\
                  \"///s\",\"senderString\":\"x\"},\"invitedXuid\":\"3210\"}";
    silent(invite);
    let bag = "{\"system\":{},\"custom\":{}}";
    let xuid = "{\"system\":{\"xuid\":\"5500461\"}}";
    silent(&format!(
        "session.put\nX-Xbl-OnBehalfOf-Title: 896928775\n\n{{\"constants\":{bag},\"properties\":{bag},\"members\":\
         {{\"5\":null,\"reserve_0\":{{\"constants\":{xuid}}},\"reserve_1\":{{\"constants\":{xuid}}},\
         \"me\":{{\"constants\":{bag},\"properties\":{bag}}}}},\"servers\":{{\"name\":{{\"constants\":{bag},\
         \"properties\":{bag}}}}}}}"
    ));
    // By handle, though the page says that nothing is sent.
    silent("handle.session.put\n\n{}\n---\n200\n\n@session");
    let translated = "session.put\n\n{\"propriétés\":{},\"membres\":{},\"serveurs\":{}}";
    assert_eq!(broken(translated), ["put-unknown-top-level"]);
    assert_eq!(findings(translated).len(), 3);
}

#[test]
fn custom_holds_anything() {
    let custom = "{\"a\":1,\"a\":{\"system\":5,\"xuid\":7},\"contractVersion\":[null,1e400,-0.5],\"\":\"\\ud800\"}";
    silent(&format!("session.put\n\n{{\"properties\":{{\"custom\":{custom}}}}}"));
    let plain = "[1,\"x\",{\"members\":{\"Me\":0}}]";
    silent(&format!(
        "session.put\n\n{{\"members\":{{\"me\":{{\"constants\":{{\"custom\":{plain}}},\"properties\":\
                     {{\"custom\":{plain}}}}}}},\"properties\":{{\"custom\":{plain}}}}}"
    ));
}

#[test]
fn services_for_their_users() {
    silent(
        "session.put\nX-Xbl-OnBehalfOf-Title: 896928775\nX-Xbl-OnBehalfOf-Users: 7000000000000001;priv=multiplayer, \
         7000000000000002\nX-Xbl-Deny-Scope: Multiplayer.Manage\nAuthorization: XBL3.0 x=-;redacted\n\n\
         {\"members\":{\"me_7000000000000001\":{},\"me_7000000000000002\":null}}\n---\n200\n\n@session",
    );
    silent("session.server.put\nAuthorization: XBL3.0 x=-;redacted\n\n{\"properties\":{\"custom\":{\"a\":1}}}");
}

#[test]
fn looking_for_group() {
    silent(
        "session.put\n\n{\"roleTypes\":{\"lfg\":{\"roles\":{\"confirmed\":{\"target\":3,\"max\":3}}}},\"properties\":\
         {\"system\":{\"description\":{\"text\":\"x\",\"locale\":\"en\"},\"scheduledTime\":\"2026-11-01T10:00:00Z\",\
         \"searchHandleVisibility\":\"xboxlive\"}},\"members\":{\"me\":{\"roles\":{\"lfg\":\"confirmed\"},\"properties\":\
         {\"system\":{\"subscription\":{\"id\":\"81A3CA65-0A56-4D4E-9B3A-A5AC1D7F0C54\"}}}}}}",
    );
    silent(
        "handle.create\n\n{\"type\":\"search\",\"version\":1,\"sessionRef\":$ref,\"searchAttributes\":{\"tags\":\
         [\"micrequired\"],\"strings\":{},\"numbers\":{},\"achievementIds\":[\"3\"],\"locale\":\"en-US\"}}",
    );
}

#[test]
fn answers_the_documents_do_not_foresee() {
    let members = "\"members\":{\"0\":null,\"1\":{\"next\":4,\"constants\":{\"system\":{\"xuid\":\"7000000000000003\",\
                   \"index\":1}}},\"4\":{\"next\":6,\"reserved\":true,\"joinTime\":\"2016-09-20T20:50:00.5180901Z\",\
                   \"constants\":{\"system\":{\"xuid\":\"7000000000000004\"}}}}";
    let gaps = format!(
        "{{{members},\"membersInfo\":{{\"first\":1,\"next\":6,\"count\":2,\"accepted\":1,\"active\":0}},\
                        \"news\":[1],\"hostCandidates\":[\"ab\"],\"properties\":{{\"system\":{{\"new\":{{}}}}}}}}"
    );
    silent(&format!("session.get\n---\n200\n\n@session {gaps}"));
    let empty =
        "{\"members\":{\"0\":null},\"membersInfo\":{\"first\":0,\"next\":0,\"count\":0,\"accepted\":0,\"active\":0}}";
    silent(&format!("session.get\n---\n200\n\n@session {empty}"));
    silent("session.get\n---\n200\n\n@large {\"membersInfo\":{\"first\":3,\"next\":900,\"count\":7}}");
    silent("session.me.delete\n---\n200\n\n@session");
    silent("session.me.delete\n---\n204");
    silent("session.put?nocommit=true\n\n{}\n---\n200\n-ETag\n\n@session");
    silent("session.put\nIf-Match: *\n\n{}\n---\n412");
    silent("session.put\n\n{}\n---\n403\nContent-Type: text/plain\n\nThe requested session cannot be accessed.");
}
