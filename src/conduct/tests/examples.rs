//! Every example of the catalogue, and other texts of its form, one thing after the other.

use std::sync::LazyLock;

use super::super::*;
use crate::contract::example::{Step, steps};
use crate::contract::rules;

/// Compiled once: the examples are many.
static CONTRACT: LazyLock<Arc<Contract>> = LazyLock::new(|| Arc::new(Contract::new()));

/// What an example breaks, step by step.
pub(super) fn judged(text: &str) -> Vec<Finding> {
    let mut steps = steps(text);
    let contract = match steps.first_mut() {
        Some(Step::Exchange(example)) => example.contract.take().map(Arc::new),
        _ => None,
    };
    let contract = contract.unwrap_or_else(|| Arc::clone(&CONTRACT));
    let mut judge = Judge::new(Arc::clone(&contract));
    let (mut position, mut socket) = (0, 0);
    if matches!(steps.first(), Some(Step::Message(..))) {
        judge.sockets.opened(socket);
    }
    let mut found = Vec::new();
    for step in steps {
        position += 2;
        match step {
            Step::Exchange(example) => {
                let Some(answer) = &example.answer else {
                    found.extend(contract.check_call(&example.call));
                    continue;
                };
                if answer.response.status == 101 {
                    socket = position;
                }
                let (asked, answered, call) = (position, position + 1, &example.call);
                found.extend(judge.exchange(&Exchange { lane: "host", asked, answered, call, answer }));
            }
            Step::Message(from, message) => {
                found.extend(judge.message(&Heard { lane: "host", socket, at: position, from, message: &message }));
            }
        }
    }
    found
}

/// The rules an example breaks, sorted, each once.
pub(super) fn broken(text: &str) -> Vec<&'static str> {
    let mut ids: Vec<&str> = judged(text).iter().map(|finding| finding.rule.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[test]
fn every_bad_example_breaks_its_rule_alone() {
    for rule in rules() {
        assert_eq!(broken(rule.bad), [rule.id], "{:#?}", judged(rule.bad));
    }
}

#[test]
fn every_good_example_breaks_nothing() {
    for rule in rules() {
        assert!(judged(rule.good).is_empty(), "{}: {:#?}", rule.id, judged(rule.good));
    }
}

#[test]
fn every_rule_of_a_sequence_has_a_good_start() {
    for rule in rules() {
        let start = rule.bad.rsplit_once("\n===\n").map(|(start, _)| start);
        assert!(start.is_none_or(|start| judged(start).is_empty()), "{}: its last step shows it", rule.id);
    }
}
