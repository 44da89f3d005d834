//! A project's own terms: what rules weigh for it, and what its titles say of their custom data.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::rule::{Rule, Severity};
use super::title::Title;

/// What a project judges by, beside the documents.
#[derive(Debug, Default)]
pub struct Terms {
    weights: BTreeMap<&'static str, Weight>,
    titles: Vec<Title>,
}

/// What a project gives a rule to weigh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The rule is not judged.
    Off,
    /// As much as this, whatever its own weight.
    As(Severity),
}

impl Weight {
    /// Every weight, lightest first.
    pub const ALL: [Self; 4] =
        [Self::Off, Self::As(Severity::Info), Self::As(Severity::Warning), Self::As(Severity::Error)];

    /// The weight of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|weight| weight.as_str() == name)
    }

    /// The name a project gives it by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::As(severity) => severity.as_str(),
        }
    }
}

impl Terms {
    /// Gives a rule its weight.
    pub fn weigh(&mut self, rule: &'static Rule, weight: Weight) {
        self.weights.insert(rule.id, weight);
    }

    /// Holds a title to its own schemas.
    pub fn hold(&mut self, title: Title) {
        self.titles.push(title);
    }

    /// The titles that are held to something.
    pub(super) fn titles(&self) -> &[Title] {
        &self.titles
    }

    /// Gives findings the weight their rules have here, and drops those of rules that are off. What is lighter than
    /// its rule is a mere hint, and gets no heavier.
    pub(super) fn apply(&self, findings: &mut Vec<Finding>) {
        if self.weights.is_empty() {
            return;
        }
        findings.retain_mut(|finding| match self.weights.get(finding.rule.id) {
            None => true,
            Some(Weight::Off) => false,
            Some(Weight::As(severity)) => {
                let is_hint = finding.severity > finding.rule.severity;
                finding.severity = if is_hint { finding.severity.max(*severity) } else { *severity };
                true
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Place, rule};

    #[test]
    fn weights_are_known_by_their_names() {
        assert_eq!(Weight::ALL.map(Weight::as_str), ["off", "info", "warning", "error"]);
        assert!(Weight::ALL.iter().all(|weight| Weight::of(weight.as_str()) == Some(*weight)));
        assert_eq!(Weight::of("fatal"), None);
    }

    #[test]
    fn a_finding_weighs_what_the_project_says() {
        let found = |id: &str| Finding::new(rule(id).unwrap(), Place::Target, "");
        let mut findings = vec![found("path-unknown"), found("body-on-get"), found("json-malformed")];
        let mut terms = Terms::default();
        terms.weigh(rule("body-on-get").unwrap(), Weight::Off);
        terms.weigh(rule("json-malformed").unwrap(), Weight::As(Severity::Info));
        terms.apply(&mut findings);
        let left: Vec<_> = findings.iter().map(|finding| (finding.rule.id, finding.severity)).collect();
        let own = rule("path-unknown").unwrap().severity;
        assert_eq!(left, [("path-unknown", own), ("json-malformed", Severity::Info)]);
    }

    #[test]
    fn a_hint_gets_no_heavier() {
        let mut hint = Finding::new(rule("json-malformed").unwrap(), Place::Target, "");
        hint.severity = Severity::Info;
        let mut terms = Terms::default();
        terms.weigh(hint.rule, Weight::As(Severity::Warning));
        let mut findings = vec![hint.clone()];
        terms.apply(&mut findings);
        assert_eq!(findings, [hint]);
    }
}
