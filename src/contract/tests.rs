//! The contract as a whole: every example, client-shaped traffic, hostile bodies.

mod clients;
mod hostile;

use super::example::Example;
use super::*;

/// Rule ids of both directions, sorted, each once.
fn broken(text: &str) -> Vec<&'static str> {
    let mut ids: Vec<&str> = findings(text).iter().map(|finding| finding.rule.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn findings(text: &str) -> Vec<Finding> {
    let example = Example::read(text);
    let contract = Contract::new();
    let mut found = contract.check_call(&example.call);
    if let Some(answer) = &example.answer {
        found.extend(contract.check_answer(&example.call, answer));
    }
    found
}

#[test]
fn every_bad_example_breaks_its_rule_alone() {
    for rule in rules() {
        assert_eq!(broken(rule.bad), [rule.id], "{:#?}", findings(rule.bad));
    }
}

#[test]
fn every_good_example_breaks_nothing() {
    for rule in rules() {
        assert!(findings(rule.good).is_empty(), "{}: {:#?}", rule.id, findings(rule.good));
    }
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
    call.service = Service::Rta;
    assert!(Contract::new().check_call(&call).is_empty());
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
fn secrets_stay_out_of_messages() {
    let secret = "hunter2-not-redacted";
    for text in [format!("Bearer {secret}"), format!("XBL3.0 {secret}"), secret.to_owned()] {
        let found = findings(&format!("session.get\nAuthorization: {text}\nSignature: {secret}"));
        assert_eq!(found.len(), 1);
        assert!(found.iter().all(|finding| !format!("{finding:?}").contains(secret)));
    }
}
