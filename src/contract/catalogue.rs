//! The rule catalogue: one row per rule, by subject. Every rule has a check, and every example is run by a test.

/// A socket, and the subscription to MPSD on it.
macro_rules! opening {
    () => {
        "rta.connect\n---\n101\n===\n> [1, 1, \"https://sessiondirectory.xboxlive.com/connections/\"]\n\
         < [1, 1, 0, 0, {\"ConnectionId\": \"85b40569-7cb3-45c6-b167-48536a6e2174\"}]"
    };
}

/// An event with a tap of this change.
macro_rules! tap {
    ($change:literal) => {
        concat!(
            "[3, 0, {\"shoulderTaps\": [{\"subscription\": \"961dc162-3a8c-4982-b58b-0347ed086bc9\", ",
            "\"resourceType\": \"mpsd/session\", ",
            "\"resource\": \"097d0100-e05c-4d37-8420-46f1169056cf~lobbysession~9f9d4697-0311-449d-8ca3-70baa1667066\", ",
            "\"branch\": \"17a13f76-1ba5-44a5-92c9-5c22196ddbc4\", \"changeNumber\": ",
            $change,
            "}]}]"
        )
    };
}

/// A ticket done right.
macro_rules! ticket {
    () => {
        "ticket.create\n\n{\"giveUpDuration\": 60, \"preserveSession\": \"never\", \"ticketSessionRef\": $ref, \
         \"ticketAttributes\": {\"skill\": 5}}"
    };
}

mod answer;
mod constants;
mod flow;
mod handle;
mod matchmaking;
mod members;
mod properties;
mod query;
mod request;
mod rta;
mod title;

use super::rule::{Rule, Severity, Side};

/// Every rule, by subject.
pub fn rules() -> &'static [Rule] {
    RULES
}

/// The rule of that name.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// The names most like one that is none, the likest first.
pub fn similar_rules(id: &str) -> Vec<&'static str> {
    if id.len() > LONGEST_ID {
        return Vec::new();
    }
    let id = id.to_ascii_lowercase();
    let likeness = |rule: &'static Rule| (strsim::normalized_damerau_levenshtein(rule.id, &id), rule.id);
    let mut near: Vec<(f64, &str)> = RULES.iter().map(likeness).filter(|(likeness, _)| *likeness > 0.6).collect();
    near.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(other.1)));
    near.into_iter().take(3).map(|(_, id)| id).collect()
}

/// Nothing longer is the misspelt name of a rule.
const LONGEST_ID: usize = 80;

const TABLES: [&[Rule]; 11] = [
    request::RULES,
    query::RULES,
    members::RULES,
    properties::RULES,
    constants::RULES,
    handle::RULES,
    answer::RULES,
    rta::RULES,
    matchmaking::RULES,
    flow::RULES,
    title::RULES,
];

const COUNT: usize = {
    let (mut count, mut table) = (0, 0);
    while table < TABLES.len() {
        count += TABLES[table].len();
        table += 1;
    }
    count
};

static RULES: &[Rule] = &joined();

/// The tables, one after the other.
const fn joined() -> [Rule; COUNT] {
    let mut all = [NONE; COUNT];
    let (mut at, mut table) = (0, 0);
    while table < TABLES.len() {
        let mut row = 0;
        while row < TABLES[table].len() {
            all[at] = TABLES[table][row];
            at += 1;
            row += 1;
        }
        table += 1;
    }
    all
}

/// What a row is before it is filled; none is left.
const NONE: Rule = Rule {
    id: "",
    severity: Severity::Info,
    side: Side::Client,
    title: "",
    requires: "",
    fix: "",
    citation: "",
    bad: "",
    good: "",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_recognised() {
        assert_eq!(similar_rules("contract-version-mising").first(), Some(&"contract-version-missing"));
        assert_eq!(similar_rules("Active-and-redy"), ["active-and-ready"]);
        assert_eq!(similar_rules("nonsense"), Vec::<&str>::new());
        assert!(similar_rules("").is_empty() && similar_rules(&"x".repeat(100_000)).is_empty());
    }
}
