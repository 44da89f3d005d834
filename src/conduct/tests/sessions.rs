//! Sessions over time: by whatever name, whoever asks, in whatever order answers come.

use super::examples::broken;

const SESSION: &str = "session.get\n---\n200\n\n@session";
const NEXT: &str = "session.get\n---\n200\nETag: \"4\"\n\n@session {\"changeNumber\": 4}";

fn after(first: &str, then: &str) -> Vec<&'static str> {
    broken(&format!("{first}\n===\n{then}"))
}

#[test]
fn what_the_service_may_do_is_no_fault() {
    // Timers and handles raise the number between reads, by any amount; a session made anew starts over.
    assert!(after(SESSION, "session.get\n---\n200\nETag: \"9\"\n\n@session {\"changeNumber\": 9}").is_empty());
    let anew = "@session {\"changeNumber\": 1, \"branch\": \"5f0c8c1e-9d0b-4f0e-8a54-0f3f7a4c2b11\"}";
    assert!(after(NEXT, &format!("session.get\n---\n200\n\n{anew}")).is_empty());
    // Another node, another tag.
    assert!(after(SESSION, "session.get\n---\n200\nETag: \"other\"\n\n@session").is_empty());
}

#[test]
fn a_session_has_many_names() {
    let by_handle = "handle.session.get\n---\n200\n\n@session";
    assert_eq!(after(NEXT, by_handle), ["change-number-decreased"]);
    let scid = "097D0100-E05C-4D37-8420-46F1169056CF";
    let other = format!(
        "GET /ServiceConfigs/{scid}/sessiontemplates/LOBBYSESSION/sessions/9f9d4697%2D0311-449d-8ca3-70baa1667066\n\
         ---\n200\nETag: \"x\"\n\n@session"
    );
    assert_eq!(after(NEXT, &other), ["change-number-decreased"]);
    let handle = "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": $ref}\n---\n201\n\n@handle";
    let lost = "handle.session.put\nIf-Match: \"9\"\n\n{}\n---\n412\n\n@session";
    assert_eq!(after(&format!("{handle}\n===\n{NEXT}"), lost), ["change-number-decreased"]);
}

#[test]
fn what_is_not_stored_is_not_remembered() {
    let dry = "session.put?nocommit=true\n\n{}\n---\n200\n-ETag\n\n@session {\"changeNumber\": 9}";
    assert!(after(dry, SESSION).is_empty());
}

#[test]
fn contracts_write_constants_in_their_own_way() {
    let old = "session.get\nX-Xbl-Contract-Version: 105\n---\n200\n\n@session {\"contractVersion\": 105, \"constants\": \
               {\"system\": {\"sessionEmptyTimeout\": null, \"timeouts\": {\"sessionEmpty\": 0}}}}";
    assert!(after(SESSION, old).is_empty());
    assert!(after(old, SESSION).is_empty());
}

#[test]
fn a_retry_after_a_lost_update_is_none() {
    let put = "session.put\nIf-Match: \"415f6d4dd34d78c5090c0e916bfaedc3\"\n\n{}\n---\n";
    let lost = format!("{put}412\nETag: \"4\"\n\n@session {{\"changeNumber\": 4}}");
    let again = "session.put\nIf-Match: \"4\"\n\n{}\n---\n200\nETag: \"5\"\n\n@session {\"changeNumber\": 5}";
    assert!(after(&format!("{SESSION}\n===\n{lost}"), again).is_empty());
    // It changed nothing, or was made on the very state it names.
    let same = format!("{put}200\n\n@session");
    assert!(after(SESSION, &same).is_empty());
    let made = format!("{put}200\nETag: \"4\"\n\n@session {{\"changeNumber\": 4}}");
    assert!(after(NEXT, &made).is_empty());
}

#[test]
fn a_session_made_twice_may_be_two() {
    let create = "session.put\nIf-None-Match: *\n\n{}\n---\n201\nETag: \"1\"\n\n@session {\"changeNumber\": 1}";
    let anew = "session.put\nIf-None-Match: *\n\n{}\n---\n201\nETag: \"2\"\n\n@session {\"changeNumber\": 1, \
                \"branch\": \"5f0c8c1e-9d0b-4f0e-8a54-0f3f7a4c2b11\"}";
    assert!(after(create, anew).is_empty());
    let twice = create.replace("\"changeNumber\": 1", "\"changeNumber\": 2").replace("\"1\"", "\"2\"");
    assert_eq!(after(create, &twice), ["create-conflict-accepted"]);
}

#[test]
fn success_may_have_been_seen_coming_by_others() {
    let measuring = "session.get\n---\n200\n\n@session {\"initializing\": {\"stage\": \"Measuring\", \"episode\": 1}}";
    let put = "session.put\n\n{\"properties\": {\"system\": {\"initializationSucceeded\": true}}}\n---\n";
    let later = format!("{put}200\nETag: \"9\"\n\n@session {{\"changeNumber\": 9}}");
    assert!(after(measuring, &later).is_empty(), "others have written meanwhile");
    assert_eq!(after(measuring, &format!("{put}400")), ["initialization-succeeded-wrong-stage"]);
    assert_eq!(after(SESSION, &format!("{put}400")), ["initialization-succeeded-wrong-stage"]);
}

#[test]
fn who_comes_back_may_send_constants() {
    let join = "session.put\n\n{\"members\": {\"me\": {\"constants\": {\"system\": {\"xuid\": \"7000000000000001\"}}}}}\
                \n---\n200\n\n@session";
    let gone = "session.get\n---\n200\n\n@session {\"members\": {\"0\": {\"constants\": {\"system\": \
                {\"xuid\": \"7000000000000002\"}}}}}";
    assert!(after(gone, join).is_empty());
    let reserved = "session.get\n---\n200\n\n@session {\"members\": {\"0\": {\"reserved\": true, \"gamertag\": null}}}";
    assert!(after(reserved, join).is_empty());
    assert_eq!(after(SESSION, join), ["member-constants-after-join"]);
}

#[test]
fn constants_are_judged_by_the_session_shown_before_them() {
    let accepted = |branch: &str| {
        format!(
            "session.put\n\n{{\"constants\": {{\"system\": {{\"maxMembersCount\": 4}}}}}}\n---\n200\nETag: \"4\"\n\n\
             @session {{{branch}\"changeNumber\": 4, \"constants\": {{\"system\": {{\"maxMembersCount\": 4}}}}}}"
        )
    };
    assert!(broken(&accepted("")).is_empty(), "the answer alone has them so");
    assert_eq!(after(SESSION, &accepted("")), ["constants-change", "constants-changed-in-branch"]);
    let anew = accepted("\"branch\": \"5f0c8c1e-9d0b-4f0e-8a54-0f3f7a4c2b11\", ");
    assert!(after(SESSION, &anew).is_empty(), "another life may have others");
}

#[test]
fn a_rejected_request_is_judged_by_the_session_its_client_knew() {
    let constants = "session.put\n\n{\"constants\": {\"system\": {\"maxMembersCount\": 4}}}\n---\n";
    assert_eq!(after(SESSION, &format!("{constants}409")), ["constants-change"]);
    assert!(after(SESSION, &format!("{constants}503\nRetry-After: 1")).is_empty(), "the service rejected nothing");
    assert!(broken(&format!("{constants}409")).is_empty(), "nobody was shown the session");
    let turn = "session.put\n\n{\"properties\": {\"system\": {\"turn\": [7]}}}\n---\n";
    assert_eq!(after(SESSION, &format!("{turn}400")), ["turn-index-range"]);
    assert_eq!(broken(&format!("{turn}403\n\n@session")), ["turn-index-range"], "it was rejected with the session");
}
