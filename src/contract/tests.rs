//! The contract as a whole: every example, client-shaped traffic, hostile bodies.

mod accepted;
mod clients;
mod growth;
mod hostile;
mod messages;
mod queries;
mod redacted;
pub(super) mod verdicts;

use std::sync::LazyLock;

use super::example::Example;
use super::*;

/// Compiled once: the examples are many.
static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::new);

/// Rule ids of both directions, sorted, each once.
fn broken(text: &str) -> Vec<&'static str> {
    let mut ids: Vec<&str> = findings(text).iter().map(|finding| finding.rule.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn findings(text: &str) -> Vec<Finding> {
    judged(&Example::read(text))
}

fn judged(example: &Example) -> Vec<Finding> {
    let contract = example.contract.as_ref().unwrap_or(&CONTRACT);
    let mut found = contract.check_call(&example.call);
    if let Some(answer) = &example.answer {
        found.extend(contract.check_answer(&example.call, answer));
    }
    found
}

#[test]
fn rules_are_named_once_and_say_everything() {
    for (at, one) in rules().iter().enumerate() {
        assert!(rules()[at + 1..].iter().all(|other| other.id != one.id), "{} is there twice", one.id);
        let texts = [one.title, one.requires, one.fix, one.citation, one.bad, one.good];
        assert!(texts.iter().all(|text| !text.is_empty()), "{}", one.id);
        assert!(!one.title.ends_with('.') && !one.requires.ends_with('.') && !one.fix.ends_with('.'), "{}", one.id);
        assert_eq!(rule(one.id), Some(one));
    }
    assert_eq!(rule("no-such-rule"), None);
}

#[test]
fn other_services_and_the_explorer_are_not_judged() {
    let mut call = Example::read("GET /nowhere\n-Authorization").call;
    assert_eq!(Contract::new().check_call(&call).len(), 2);
    for service in [Service::Neighbour, Service::MultiplayerActivity] {
        call.service = service;
        assert!(Contract::new().check_call(&call).is_empty());
    }
    assert!(findings("GET /debug\n-Authorization\n-X-Xbl-Contract-Version").is_empty());
}

#[test]
fn answers_of_our_own_are_not_the_services() {
    let example = Example::read("session.get\n---\n503");
    let mut answer = example.answer.unwrap();
    answer.outcome = Outcome::Refused;
    assert!(Contract::new().check_answer(&example.call, &answer).is_empty());
}

#[test]
fn one_finding_per_unexpected_name_in_document_order() {
    let text = "session.put\n\n{\"zebra\": 1, \"members\": {\"Me\": {}, \"0\": {}}, \"apple\": 2}";
    let places: Vec<String> = findings(text).iter().map(|finding| finding.place.to_string()).collect();
    assert_eq!(places, ["body /zebra", "body /members/Me", "body /members/0", "body /apple"]);
}

#[test]
fn a_version_that_is_missing_judges_neither_form() {
    let both = "{\"constants\": {\"system\": {\"timeouts\": {}, \"managedInitialization\": {}}}}";
    assert_eq!(broken(&format!("session.put\n-X-Xbl-Contract-Version\n\n{both}")), ["contract-version-missing"]);
}

#[test]
fn a_request_with_its_answer_shows_what_it_did_not_show_alone() {
    let request = "session.put\n\n{\"properties\": {\"system\": {\"locked\": true}}}";
    assert!(findings(request).is_empty());
    assert_eq!(broken(&format!("{request}\n---\n200\n\n@session")), ["locked-without-closed"]);
    let closed = "@session {\"properties\": {\"system\": {\"closed\": true}}}";
    assert!(findings(&format!("{request}\n---\n200\n\n{closed}")).is_empty());
}

#[test]
fn rejections_are_the_services_own_words_for_it() {
    let found = findings("session.put\n-X-Xbl-Contract-Version\n\n{\"changeNumber\": 1}");
    let version = rejection(&found).unwrap();
    assert_eq!((version.status, version.headers.text("content-type")), (406, Some("text/plain")));
    let body = rejection(&found[1..]).unwrap();
    let text = String::from_utf8_lossy(body.body.wire()).into_owned();
    assert_eq!(body.status, 400);
    assert!(text.starts_with("put-readonly-top-level: body /changeNumber: "), "{text}");
    assert!(rejection(&findings("session.put\n-Content-Type\n\n{}")).is_none());
    assert!(rejection(&findings("session.get\n---\n200\n-ETag\n\n@session")).is_none());
}

#[test]
fn only_what_the_documents_call_an_error_is_rejected() {
    let mut terms = Terms::default();
    terms.weigh(rule("body-on-get").unwrap(), Weight::As(Severity::Error));
    terms.weigh(rule("put-readonly-top-level").unwrap(), Weight::As(Severity::Warning));
    let contract = Contract::with(terms);
    for (text, id) in
        [("session.get\n\n{}", "body-on-get"), ("session.put\n\n{\"changeNumber\": 1}", "put-readonly-top-level")]
    {
        let found = contract.check_call(&Example::read(text).call);
        assert_eq!(found.iter().map(|finding| finding.rule.id).collect::<Vec<_>>(), [id]);
        assert!(rejection(&found).is_none(), "{found:?}");
    }
    let found = findings(
        "@title session-properties {\"properties\": {\"level\": {\"minimum\": 1}}}\nsession.put\n\n\
         {\"properties\": {\"custom\": {\"level\": 0}}}",
    );
    assert_eq!((found.len(), found[0].rule.id, found[0].severity), (1, "title-custom", Severity::Error));
    assert!(rejection(&found).is_none(), "MPSD knows nothing of a title's schemas");
}

#[test]
fn secrets_stay_out_of_messages() {
    let secret = "hunter2-not-redacted";
    for text in [format!("Bearer {secret}"), format!("XBL3.0 {secret}"), secret.to_owned()] {
        let found = findings(&format!("session.get\nAuthorization: {text}\nSignature: {secret}"));
        assert_eq!(found.len(), 1);
        assert!(found.iter().all(|finding| !format!("{finding:?}").contains(secret)));
    }
}

#[test]
fn one_contract_serves_every_thread() {
    fn shared<T: Send + Sync>(_: &T) {}
    let contract = Contract::new();
    shared(&contract);
    let example = Example::read("session.put\n\n{\"changeNumber\": 1}");
    let found = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| contract.check_call(&example.call))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(found.iter().all(|one| *one == found[0] && one.len() == 1));
}

#[test]
fn element_writes_are_judged_at_their_own_pointers() {
    let me = "session.me.put\n\n{\"properties\": {\"system\": {\"connection\": \"x\"}}}";
    assert_eq!(findings(me)[0].place, Place::body("/properties/system/connection"));
    assert!(findings("session.me.put\n\nnull").is_empty());
    let bag = "session.properties.put\n\n{\"system\": {\"joinRestriction\": \"none\", \"readRestriction\": \"local\"}}";
    assert_eq!(findings(bag)[0].place, Place::body("/system/readRestriction"));
    let server = "session.server.put\n\n{\"constants\": []}";
    assert_eq!(broken(server), ["bag-not-object", "servers-user-principal"]);
}

#[test]
fn a_lost_update_is_judged_by_what_the_session_is_not_by_what_it_would_be() {
    let request = "session.put\nIf-Match: \"415f6d4dd34d78c5090c0e916bfaedc2\"\n\n\
                   {\"properties\": {\"system\": {\"turn\": [7], \"host\": \"aa\", \"locked\": true, \"owners\": [0]}}}";
    assert_eq!(broken(&format!("{request}\n---\n412\n\n@session")), ["owners-without-capability"]);
}

#[test]
fn a_service_for_several_users_says_which_one_leaves() {
    let leaves = |users: &str| {
        broken(&format!(
            "session.put\nX-Xbl-OnBehalfOf-Title: 896928775\nX-Xbl-OnBehalfOf-Users: {users}\n\n{{\"members\": {{\"me\": null}}}}"
        ))
    };
    assert_eq!(leaves("7000000000000001,7000000000000002"), ["s2s-me-with-users-header"]);
    assert!(leaves("7000000000000001").is_empty());
}

#[test]
fn one_restriction_is_judged_with_the_other_that_was_there() {
    let left = |asked: &str, stored: &str| {
        broken(&format!(
            "session.put\n\n{{\"properties\": {{\"system\": {asked}}}}}\n---\n200\n\n\
             @session {{\"properties\": {{\"system\": {stored}}}}}"
        ))
    };
    let narrow = "{\"joinRestriction\": \"followed\", \"readRestriction\": \"local\"}";
    let even = "{\"joinRestriction\": \"followed\", \"readRestriction\": \"followed\"}";
    assert_eq!(left("{\"readRestriction\": \"local\"}", narrow), ["read-narrower-than-join"]);
    assert!(left("{\"readRestriction\": \"followed\"}", even).is_empty());
    assert!(left("{\"closed\": false}", narrow).is_empty(), "somebody else left them so");
}

#[test]
fn what_auto_evaluate_is_unsaid_is_not_known() {
    let asked = |stored: &str| {
        broken(&format!(
            "session.put\nX-Xbl-Contract-Version: 105\n\n{{\"constants\": {{\"system\": {{\"managedInitialization\": \
             {{\"autoEvaluate\": true}}}}}}}}\n---\n200\n\n@session {{\"contractVersion\": 105, \"constants\": {{\"system\": \
             {{\"sessionEmptyTimeout\": null, \"managedInitialization\": {stored}}}}}}}"
        ))
    };
    assert!(asked("{\"joinTimeout\": 5000}").is_empty());
    assert_eq!(asked("{\"joinTimeout\": 5000, \"autoEvaluate\": false}"), ["constants-change"]);
}

#[test]
fn what_the_request_shows_alone_is_not_said_again_with_its_answer() {
    let example = Example::read(
        "session.put\n\n{\"constants\": {\"system\": {\"capabilities\": {\"large\": true}}}, \
         \"properties\": {\"system\": {\"turn\": [0], \"locked\": true, \"closed\": false}}}\n---\n200\n\n@large",
    );
    let contract = Contract::new();
    let ids = |found: Vec<Finding>| found.iter().map(|finding| finding.rule.id).collect::<Vec<_>>();
    assert_eq!(ids(contract.check_call(&example.call)), ["large-subscription", "locked-without-closed"]);
    assert!(contract.check_answer(&example.call, &example.answer.unwrap()).is_empty());
}

#[test]
fn locations_may_be_absolute_and_of_any_case() {
    let location = "https://sessiondirectory.xboxlive.com/ServiceConfigs/a/sessiontemplates/b/sessions/c";
    assert!(findings(&format!("handle.session.get\n---\n200\nContent-Location: {location}\n\n@session")).is_empty());
    let handle = "handle.create\n\n{\"type\": \"activity\", \"version\": 1, \"sessionRef\": $ref}\n---\n201\n";
    let other = format!("{handle}Location: /handles/EF187FBE-3ED8-4C32-A9D6-2964EC47358D\n\n@handle");
    assert!(findings(&other).is_empty());
    let wrong = format!("{handle}Location: /handles/00000000-3ED8-4C32-A9D6-2964EC47358D\n\n@handle");
    assert_eq!(broken(&wrong), ["handle-response-location"]);
}

#[test]
fn limits_hold_at_their_edges() {
    let members = |count: u32, capabilities: &str| {
        broken(&format!(
            "session.get\n---\n200\n\n{capabilities} {{\"constants\": {{\"system\": {{\"maxMembersCount\": {count}}}}}}}"
        ))
    };
    assert!(members(100, "@session").is_empty() && members(1000, "@large").is_empty());
    assert_eq!(members(101, "@session"), ["max-members-range"]);
    assert_eq!(members(10_000, "@large"), ["max-members-disputed"]);
    assert_eq!(members(10_001, "@large"), ["max-members-range"]);
    let named = |length: usize| {
        let scid = "097d0100-e05c-4d37-8420-46f1169056cf";
        broken(&format!("GET /serviceconfigs/{scid}/sessiontemplates/{}", "a".repeat(length)))
    };
    assert!(named(100).is_empty());
    assert_eq!(named(101), ["template-name-too-long"]);
}
