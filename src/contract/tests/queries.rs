//! Queries as clients send them and the service answers them, and the edges of what a query may say.

use super::*;

/// Errors and warnings of an exchange; information is allowed.
fn alarms(text: &str) -> Vec<&'static str> {
    findings(text).iter().filter(|found| found.severity != Severity::Info).map(|found| found.rule.id).collect()
}

#[test]
fn queries_of_shipping_clients() {
    let scid = "/serviceconfigs/097d0100-e05c-4d37-8420-46f1169056cf";
    let row = "{\"results\":[{\"xuid\":\"2814670358539055\",\"startTime\":\"2016-09-20T20:50:00.5180901Z\",\"sessionRef\":\
               $ref,\"accepted\":2,\"status\":\"Active\",\"visibility\":\"full\",\"joinRestriction\":\"followed\",\
               \"myTurn\":true,\"keywords\":[\"a b\"],\"new\":{}}]}";
    let handle = "@handle {\"relatedInfo\":{\"joinRestriction\":\"none\"}}";
    for text in [
        // The 2016 capture: open sessions, private ones among them.
        &format!(
            "GET {scid}/sessiontemplates/Lobby/sessions?xuid=2814670358539055&visibility=open&private=true&inactive=true\
             &take=10\nX-Xbl-Contract-Version: 105\nContent-Type: application/json; charset=utf-8\n---\n200\n\n{row}"
        ),
        "sessions.query?keyword=a%20b&version=7\n---\n200\n\n{\"results\":[]}",
        "template.sessions.batch?keyword=a&reservations=true&inactive=TRUE&take=0\n\n\
         {\"xuids\":[\"1\",\"18446744073709551615\"]}\n---\n200\n\n{\"results\":[]}",
        // XSAPI, go-xsapi; a third party's xuid on the query of handles.
        "handles.query?include=relatedInfo,customProperties\n\n{\"type\":\"activity\",\"scid\":\
         \"4FC10100-5F7A-4470-899B-280835760C07\",\"owners\":{\"people\":{\"moniker\":\"People\",\"monikerXuid\":\
         \"7000000000000001\"}}}\n---\n200\n\n@handles 100",
        "handles.query?include=relatedinfo&xuid=7000000000000001&take=100\n\n{\"type\":\"Activity\",\"owners\":{\"xuids\":\
         [\"7000000000000001\"]},\"communicatePermissionRequired\":true,\"followed\":null}\n---\n200\n\n{\"results\":[]}",
        "handles.query?include=relatedInfo,roleInfo,customProperties\n\n{\"type\":\"search\",\"scid\":\
         \"097d0100-e05c-4d37-8420-46f1169056cf\",\"templateName\":\"Lobby\",\"global\":true,\"orderBy\":\"numbers/a Desc\",\
         \"filter\":\"tags/any(d:tolower(d) eq 'micrequired')\",\"sessionMembers\":{\"people\":{\"moniker\":\"friends\",\
         \"monikerXuid\":\"1\"}}}\n---\n200\n\n{\"results\":[{\"id\":\"ef187fbe-3ed8-4c32-a9d6-2964ec47358d\",\"type\":\
         \"search\",\"version\":1,\"sessionRef\":$ref,\"createTime\":\"2026-11-01T10:00:00Z\",\"searchAttributes\":{\"tags\":\
         [],\"strings\":{},\"numbers\":{\"a\":1.5}},\"customProperties\":{\"relatedInfo\":7},\"relatedInfo\":{\"closed\":\
         false,\"membersCount\":1,\"maxMembersCount\":8,\"visibility\":\"open\",\"sessionOwners\":[\"1\"]},\"roleInfo\":\
         {\"roleTypes\":{}}}]}",
        "templates.list\n---\n200\n\n{\"results\":[\"ServerLargeSession\",\"LobbySession\"]}",
        "template.get\n---\n200\n\n{\"constants\":{\"system\":{\"version\":1},\"custom\":{}},\"roleTypes\":{}}",
        &format!("handle.get?include=relatedInfo\n---\n200\n\n{handle}"),
        "handle.get\n---\n200\n\n@session",
        "HEAD /handles/ef187fbe-3ed8-4c32-a9d6-2964ec47358d\n---\n200",
    ] {
        assert_eq!(alarms(text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn the_edges_of_a_query() {
    let broken_by = |query: &str| broken(&format!("sessions.query?{query}"));
    assert_eq!(broken_by("xuid=0"), ["query-xuid-invalid"]);
    assert_eq!(broken_by("xuid="), ["query-xuid-invalid"]);
    assert_eq!(broken_by("keyword="), ["query-filter-missing"]);
    assert_eq!(broken_by("xuid=1&take=-1"), ["query-take-out-of-range"]);
    assert_eq!(broken_by("xuid=1&take=0"), Vec::<&str>::new());
    assert_eq!(broken_by("xuid=1&private"), ["query-bool-invalid"]);
    assert_eq!(broken_by("xuid=1&xuid=2"), ["query-xuid-multiple"]);
    assert_eq!(broken_by("xuid=1&XUID=1"), ["query-param-case", "query-param-duplicated"]);
    assert_eq!(broken_by("xuid=1&version=5"), Vec::<&str>::new());
    assert_eq!(broken_by("keyword=a&private=true"), ["query-private-without-xuid"]);
    assert_eq!(broken_by("keyword=a&private=true\nAuthorization: XBL3.0 x=-;redacted"), Vec::<&str>::new());
    let old = |version: u32| broken(&format!("sessions.query?xuid=1&version={version}\nX-Xbl-Contract-Version: 104"));
    assert_eq!((old(4), old(5)), (vec![], vec!["query-version-too-high"]));
    assert_eq!(
        broken("handles.query?take=101\n\n{\"type\":\"activity\",\"owners\":{\"xuids\":[\"1\"]}}"),
        ["query-take-out-of-range"]
    );
    assert_eq!(broken("session.get?_=1"), ["query-param-unknown"]);
    assert_eq!(broken("session.put?NoCommit=true\n\n{}"), ["query-param-case"]);
}

#[test]
fn a_batch_names_its_players_in_the_body() {
    let batch = |query: &str, body: &str| broken(&format!("sessions.batch?{query}\n\n{body}"));
    assert_eq!(batch("inactive=true", "{\"xuids\":[\"1\"]}"), Vec::<&str>::new());
    assert_eq!(batch("inactive=true", "{\"xuids\":[]}"), ["batch-xuids-missing", "query-inactive-without-xuid"]);
    assert_eq!(batch("xuid=1,x", "{\"xuids\":[\"1\"]}"), ["batch-xuid-in-query"]);
    assert_eq!(batch("", "{\"xuids\":\"1\"}"), ["batch-xuids-missing"]);
    assert_eq!(batch("", "{\"xuids\":[null,\"0\"]}"), ["batch-xuids-invalid", "batch-xuids-not-strings"]);
    assert_eq!(batch("", "{\"xuids\":[\"1\"],\"take\":5}"), ["query-field-unknown"]);
}

#[test]
fn what_one_rule_finds_in_a_query_string_is_told_at_once() {
    let found = findings("sessions.query?xuid=1&limit=5&skip=1");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].message, "`limit` is no parameter here; `skip` is no parameter here");
    let many: String = (0..500).map(|at| format!("&p{at}=1")).collect();
    let found = findings(&format!("sessions.query?xuid=1{many}"));
    assert!(found.len() == 1 && found[0].message.ends_with("and 495 more"), "{found:?}");
}

#[test]
fn a_query_of_handles_has_one_kind_of_owners() {
    let query = |body: &str| broken(&format!("handles.query\n\n{body}"));
    assert_eq!(query("{\"type\":\"invite\"}"), ["handle-query-type-missing"]);
    assert_eq!(query("{\"type\":\"activity\",\"owners\":{}}"), ["handle-query-owners-missing"]);
    assert_eq!(query("{\"type\":\"activity\",\"owners\":{\"xuids\":[]}}"), ["handle-query-owners-missing"]);
    assert_eq!(query("{\"type\":\"activity\",\"owners\":{\"xuids\":[7]}}"), ["xuid-not-string"]);
    assert_eq!(query("{\"type\":\"activity\",\"owners\":{\"xuids\":[\"x\"]}}"), ["xuid-invalid"]);
    assert_eq!(query("{\"type\":\"activity\",\"scid\":\"x\",\"owners\":{\"xuids\":[\"1\"]}}"), ["scid-not-guid"]);
}

#[test]
fn results_are_judged_one_by_one() {
    let search = "handles.query\n\n{\"type\":\"search\",\"templateName\":\"a\"}\n---\n200\n\n";
    let result = "{\"id\":\"ef187fbe-3ed8-4c32-a9d6-2964ec47358d\",\"type\":\"search\",\"sessionRef\":";
    let text =
        format!("{search}{{\"results\":[{result}{{\"scid\":\"x\"}},\"relatedInfo\":{{\"membersCount\":-1}}}}]}}");
    let places: Vec<String> =
        findings(&text).iter().map(|found| format!("{} {}", found.place.pointer().unwrap(), found.rule.id)).collect();
    assert_eq!(
        places,
        [
            "/results/0/sessionRef session-ref-name-missing",
            "/results/0/sessionRef session-ref-template-missing",
            "/results/0/sessionRef/scid session-ref-scid-missing",
            "/results/0/relatedInfo query-result-incomplete",
            "/results/0/relatedInfo/membersCount query-result-field",
        ]
    );
    assert_eq!(broken("sessions.query?keyword=a\n---\n200"), ["query-results-missing"]);
    assert_eq!(broken("sessions.query?keyword=a\n---\n204"), ["response-status-undocumented"]);
    assert_eq!(broken("sessions.query?xuid=1&reservations=true\n---\n403"), ["query-403-rights"]);
    assert_eq!(broken("sessions.query?xuid=1\n---\n403"), Vec::<&str>::new());
}
