//! Every row of the discrepancies that says ACCEPT, and every line of its §5: nothing worse than a note.

use super::example::{Step, filled, steps};
use super::verdicts::judged_step;
use super::*;

const PUT: &str = "PUT /serviceconfigs/4fc10100-5f7a-4470-899b-280835760c07/sessionTemplates/MinecraftLobby/sessions/";
const ME: &str = "\"connection\":\"85b40569-7cb3-45c6-b167-48536a6e2174\",\"subscription\":{\"id\":\
                  \"845CC784-7348-4A27-BCDE-C083579DD113\",\"changeTypes\":[\"everything\"]}";

fn rows() -> Vec<(&'static str, String)> {
    documents().into_iter().chain(clients()).chain(lines()).collect()
}

/// §1: documents that contradict each other.
fn documents() -> Vec<(&'static str, String)> {
    let activity = "handle.create\n\n{\"type\":\"activity\",\"version\":1,\"sessionRef\":$ref}";
    let system = |constants: &str| format!("session.put\n\n{{\"constants\":{{\"system\":{constants}}}}}");
    vec![
        ("D01", "handle.session.put\n\n{\"members\":{\"me\":{}}}\n---\n200\n\n@session".into()),
        ("D02", format!("{activity}\n---\n201\n\n@handle")),
        ("D02", format!("{activity}\n---\n201")),
        ("D02", format!("{activity}\n---\n201\n-Location")),
        ("D03", format!("{PUT}XWIN_0a1b2c3d-0a1b-4c3d-8e9f-0a1b2c3d4e5f\n\n{{}}")),
        ("D06", "sessions.query?xuid=1&visibility=Open".into()),
        ("D06", "sessions.query?xuid=1&visibility=private&private=true".into()),
        ("D07", system("{\"capabilities\":{\"large\":true},\"maxMembersCount\":1000}")),
        ("D07", system("{\"capabilities\":{\"large\":true},\"maxMembersCount\":10000}")),
        ("D08", system("{\"inactiveRemovalTimeout\":0}")),
        ("D08", system("{\"inactiveRemovalTimeout\":7200000}")),
        ("D10", system("{\"memberInitialization\":{\"membersNeededToStart\":0}}")),
        ("D11", "session.get\nX-Xbl-Contract-Version: 104".into()),
        ("D11", "session.get\nX-Xbl-Contract-Version: 105".into()),
        ("D13", "handle.session.get\nX-Xbl-Device-Type: iOS\nUser-Agent: Mozilla/5.0".into()),
        ("D14", "templates.list\n---\n200\n\n{\"results\":[\"ServerLargeSession\",\"LobbySession\"]}".into()),
        ("D15", "handle.get\n---\n200\n\n@session".into()),
        ("D15", "handle.get\n---\n200\n\n@handle".into()),
        ("D16", "session.put\n\n{\"members\":{\"reserve_0\":{\"constants\":{\"system\":{\"xuid\":\"1\"}}}}}".into()),
        ("D17", "session.put\n\n{\"roleTypes\":{\"lfg\":{\"roles\":{\"confirmed\":{\"max\":3}}}}}".into()),
        (
            "D19",
            system("{\"timeouts\":{\"inactive\":1,\"ready\":1,\"sessionEmpty\":1}}")
                .replace("\n\n", "\nX-Xbl-Contract-Version: 105\n\n"),
        ),
        ("D23", system("{\"peerToHostRequirements\":{\"hostSelectionMetric\":\"bandwidthUp\"}}")),
        ("D24", system("{\"inviteProtocol\":\"party\"}")),
        ("D28", "session.get\n---\n204".into()),
        ("D28", "session.get\n---\n404\nContent-Type: text/plain\n\nThe requested session wasn't found.".into()),
        ("D30", "session.put\nIf-Match: \"415f6d4dd34d78c5090c0e916bfaedc3\"\n\n{}".into()),
        (
            "D35",
            "session.put\n\n{\"properties\":{\"system\":{\"joinRestriction\":\"none\",\"readRestriction\":\"none\"}}}"
                .into(),
        ),
        ("D42", "session.get\n---\n200\n\n@session {\"membersInfo\":{\"active\":null}}".into()),
    ]
}

/// §2: clients that do otherwise.
fn clients() -> Vec<(&'static str, String)> {
    let me = |system: &str| {
        format!("session.put\n\n{{\"members\":{{\"me\":{{\"properties\":{{\"system\":{{{system}}}}}}}}}}}")
    };
    let invite = |title: &str| {
        format!(
            "handle.create\n\n{{\"type\":\"invite\",\"version\":1,\"sessionRef\":$ref,\"invitedXuid\":\"3210\",\
             \"inviteAttributes\":{{\"titleId\":{title}}}}}"
        )
    };
    vec![
        ("C01", format!("GET {}", filled("/serviceconfigs/{scid}/sessionTemplates/{template}/sessions/{session}"))),
        (
            "C02",
            "session.put\n\n{\"properties\":{\"system\":{\"readRestriction\":\"followed\",\"closed\":true,\"locked\":true,\
             \"owners\":[0],\"allocateCloudCompute\":true,\"description\":{},\"scheduledTime\":\"x\",\
             \"searchHandleVisibility\":\"xboxlive\",\"somethingNew\":1}}}"
                .into(),
        ),
        ("C03", me(ME)),
        ("C03", me("\"subscriptions\":{\"961dc162-3a8c-4982-b58b-0347ed086bc9\":{\"profile\":\"party\"}}")),
        ("C04", me("\"subscription\":{\"id\":\"961dc162-3a8c-4982-b58b-0347ed086bc9\"}")),
        ("C05", format!("{PUT}9F9D4697-0311-449D-8CA3-70BAA1667066\n\n{{}}")),
        ("C05", format!("{PUT}9f9d4697-0311-449d-8ca3-70baa1667066\n\n{{}}")),
        ("C06", format!("{}\n---\n201\n\n@session", me(ME))),
        ("C07", "handle.session.put\nIf-Match: *\n\n{}".into()),
        ("C08", "session.put\n\n{\"properties\":{\"system\":{\"turn\":[]},\"custom\":{}}}\n---\n200\n\n@session".into()),
        (
            "C09",
            "session.put\n\n{\"members\":{\"me\":{\"constants\":{\"system\":{\"xuid\":\"7000000000000001\",\"initialize\":\
             true}}}}}\n---\n201\n\n@session"
                .into(),
        ),
        ("C10", "session.put\n\n{\"members\":{\"me\":{\"constants\":{\"system\":{\"xuid\":\"7000000000000009\"}}}}}\n---\n200\n\n@session".into()),
        ("C12", "session.me.delete\nContent-Type: application/json; charset=utf-8\n---\n204".into()),
        ("C14", "handles.query\n\n{\"type\":\"activity\",\"owners\":{\"people\":{\"moniker\":\"People\",\"monikerXuid\":\"1\"}}}".into()),
        ("C15", "handles.query?include=relatedInfo,customProperties\n\n{\"type\":\"activity\",\"owners\":{\"xuids\":[\"1\"]}}".into()),
        ("C16", "handle.create?include=relatedInfo,activityInfo\n\n{\"type\":\"activity\",\"version\":1,\"sessionRef\":$ref}".into()),
        ("C18", invite("\"896928775\"")),
        ("C18", invite("896928775")),
        ("C19", "session.put\n\n{\"properties\":{\"system\":{\"closed\":false}}}".into()),
        ("C20", "session.put\n\n{\"members\":{\"me\":null}}\n---\n204".into()),
        ("C20", "session.put\nIf-Match: \"415f6d4dd34d78c5090c0e916bfaedc2\"\n\n{}\n---\n412\n\n@session".into()),
        ("C21", me("\"subscription\":{\"id\":\"961dc162-3a8c-4982-b58b-0347ed086bc9\",\"changeTypes\":[\"joinability\"]}")),
        ("C23", "session.put\n\n{\"properties\":{\"custom\":{\"NetherNetId\":18446744073709551615}}}".into()),
        ("C24", "rta.connect\n-Sec-WebSocket-Protocol\n---\n101".into()),
        ("C25", "> [1, 0, \"https://privacy.xboxlive.com/users/xuid(1)/people/avoid\"]\0\0\0".into()),
        ("C25", "rta.connect\nSec-WebSocket-Protocol: rta.xboxlive.com\n---\n101".into()),
        ("C26", "< [3,0,{\"ncid\":\"17a13f76-1ba5-44a5-92c9-5c22196ddbc4\",\"shoulderTaps\":[]}]".into()),
        ("C27", "GET /serviceconfigs/4fc10100-5f7a-4470-899b-280835760c07/sessiontemplates/global(lfg)".into()),
        ("C28", "sessions.query?xuid=2814670358539055&visibility=open&private=true&inactive=true&take=10".into()),
        ("C29", "session.put\n\n{\"members\":{\"me\":{\"constants\":{\"custom\":\"Hello\"}}}}".into()),
        ("C30", "session.get\n---\n200\n\n@session {\"members\":{\"0\":{\"gamertag\":\"\",\"deviceToken\":\"\"}}}".into()),
        ("C30", "session.get\n---\n200\n\n@session {\"members\":{\"0\":{\"gamertag\":\"Ünï cödé 名前\"}}}".into()),
        ("C31", "session.get\n---\n200\n\n@session".into()),
        ("C32", format!("{0}\n---\n200\n\n@session\n===\n{0}\n---\n200\n\n@session", me(ME))),
    ]
}

/// §5: what must not be flagged, line by line, where no row above says it.
fn lines() -> Vec<(&'static str, String)> {
    let tap = |more: &str| {
        format!(
            "{{\"timestamp\":\"2026-11-01T10:00:01Z\",\"subscription\":\"845cc784-7348-4a27-bcde-c083579dd113\",\"resourceType\":\
             \"mpsd/session\",\"resource\":\"097d0100-e05c-4d37-8420-46f1169056cf~a~b\",\"branch\":\
             \"17a13f76-1ba5-44a5-92c9-5c22196ddbc4\"{more}}}"
        )
    };
    let fractions = ["", ".5", ".51", ".5180901"].map(|fraction| {
        let times = format!("{{\"startTime\":\"2026-11-01T10:00:05{fraction}Z\",\"members\":{{\"0\":{{\"joinTime\":\"2016-09-20T20:50:00{fraction}Z\"}}}}}}");
        ("5.16", format!("session.get\n---\n200\n\n@session {times}"))
    });
    let others = vec![
        ("5.1", "PUT /HANDLES/EF187FBE-3ED8-4C32-A9D6-2964EC47358D/Session\nX-XBL-CONTRACT-VERSION: 107\n\n{\"properties\":\
                 {\"system\":{\"joinRestriction\":\"Local\",\"readRestriction\":\"NONE\"}}}".into()),
        ("5.4", "session.put\nIf-Match: \"415f6d4dd34d78c5090c0e916bfaedc2\"\n\n{}\n---\n412\n\n@session\n===\nsession.put\nIf-Match: \
                 \"415f6d4dd34d78c5090c0e916bfaedc3\"\n\n{}\n---\n200\n\n@session".into()),
        ("5.5", "session.get\n---\n204".into()),
        ("5.5", "session.me.delete\n---\n204".into()),
        ("5.5", "handle.create\n\n{\"type\":\"activity\",\"version\":1,\"sessionRef\":$ref}\n---\n200\n\n@handle".into()),
        ("5.6", "session.get\n---\n200\nX-Xbl-Debug: build=1\n\n@session {\"searchHandle\":\"17a13f76-1ba5-44a5-92c9-5c22196ddbc4\",\
                 \"properties\":{\"system\":{\"matchmaking\":{}}},\"anythingNew\":[1]}".into()),
        ("5.6", "handle.get\n---\n200\n\n@handle {\"inviteProtocol\":\"game\",\"postedTime\":\"x\",\"gameTypes\":{\"uwp\":\
                 {\"titleId\":\"1\",\"boundPfns\":[]}}}".into()),
        ("5.7", "session.put\n\n{\"constants\":{\"custom\":[1]},\"properties\":{\"custom\":{\"a\":1e300,\"xuid\":9007199254740993}}}".into()),
        ("5.8", "session.get\n---\n200\n\n@session".into()),
        ("5.9", "session.get\n---\n200\n\n@session {\"members\":{\"0\":null,\"3\":{\"next\":9,\"constants\":{\"system\":{\"xuid\":\
                 \"1\",\"index\":3}}}},\"membersInfo\":{\"first\":3,\"next\":9,\"active\":0}}".into()),
        ("5.9", "session.get\n---\n200\n\n@large {\"membersInfo\":{\"first\":0,\"next\":900,\"count\":7,\"accepted\":7}}".into()),
        ("5.10", "session.get\nX-Xbl-Contract-Version: 105\n---\n200\n\n@session {\"contractVersion\":105,\"constants\":{\"system\":\
                  {\"sessionEmptyTimeout\":null,\"timeouts\":{\"inactive\":7200000}}}}".into()),
        ("5.11", "session.get\nContent-Type: application/json; charset=utf-8\nAccept-Language: en-US,en;q=0.8".into()),
        ("5.12", "session.get\n---\n200\n\n@session\n===\nsession.get\n---\n200\nETag: \"x\"\n\n@session\n===\nsession.get\n---\n\
                  200\n\n@session {\"changeNumber\":90}".into()),
        ("5.13", "> [ 1 ,0, \"https://sessiondirectory.xboxlive.com/connections/\" ]\0\0".into()),
        ("5.13", format!("< [3,0,{{\"shoulderTaps\":[{},{}]}}]", tap(",\"changeNumber\":3"), tap(""))),
        ("5.15", "session.get\n---\n401".into()),
        ("5.15", "session.get\n---\n429\nRetry-After: 5\n\n{\"version\":1,\"currentRequests\":31,\"maxRequests\":30,\
                  \"periodInSeconds\":15,\"limitType\":\"rate\"}".into()),
        ("5.15", "session.get\n---\n503\nRetry-After: 5".into()),
        ("5.17", "session.put\n-Signature\n\n{}".into()),
    ];
    others.into_iter().chain(fractions).collect()
}

#[test]
fn what_is_to_be_accepted_raises_no_alarm() {
    let grave = |step: &Step| -> Vec<String> {
        let found = judged_step(step).into_iter().filter(|finding| finding.severity != Severity::Info);
        found.map(|finding| format!("{}: {}: {}", finding.rule.id, finding.place, finding.message)).collect()
    };
    let told = |(row, text): (&str, String)| {
        steps(&text).iter().flat_map(grave).map(|alarm| format!("{row}: {alarm}")).collect::<Vec<_>>()
    };
    let alarms: Vec<String> = rows().into_iter().flat_map(told).collect();
    assert!(alarms.is_empty(), "{alarms:#?}");
}
