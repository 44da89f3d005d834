//! What is kept is redacted, and judged like what was sent: aliases have the shape of what they stand for.

use super::example::{Example, Step, steps};
use super::verdicts::{judged_step, rows};
use super::*;
use crate::redact::Redactor;

/// A step as it is kept. What a client writes of others it has read before, so the answer comes first.
fn kept(step: Step) -> Step {
    let redactor = Redactor::new(7);
    match step {
        Step::Message(from, message) => Step::Message(from, redactor.message(&message).message),
        Step::Exchange(example) => {
            let answer = example.answer.as_ref().map(|answer| redactor.answer(&example.call, answer).message);
            let call = redactor.call(&example.call).message;
            Step::Exchange(Box::new(Example { call, answer, ..*example }))
        }
    }
}

/// Rules and severities, in document order. Places are not compared: keys may be aliases, too.
fn verdict(step: &Step) -> Vec<(&'static str, Severity)> {
    judged_step(step).iter().map(|finding| (finding.rule.id, finding.severity)).collect()
}

fn differences(cases: impl Iterator<Item = (String, Step)>) -> Vec<String> {
    let differs = |(name, step): (String, Step)| {
        let sent = verdict(&step);
        let kept = verdict(&kept(step));
        (sent != kept).then(|| format!("{name}\n    sent {sent:?}\n    kept {kept:?}"))
    };
    cases.filter_map(differs).collect()
}

#[test]
fn every_example_is_judged_alike_once_it_is_redacted() {
    let texts = rules().iter().flat_map(|rule| [("bad", rule.id, rule.bad), ("good", rule.id, rule.good)]);
    let cases =
        texts.flat_map(|(kind, id, text)| steps(text).into_iter().map(move |step| (format!("{id}, {kind}"), step)));
    let wrong = differences(cases);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_row_of_the_verdict_table_is_judged_alike_once_it_is_redacted() {
    let rows = rows();
    let wrong = differences(rows.iter().flat_map(|row| row.cases().into_iter().map(|case| (row.line.clone(), case))));
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}
