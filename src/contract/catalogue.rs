//! The rule catalogue: one row per rule, by subject. Every rule has a check, and every example is run by a test.

mod answer;
mod constants;
mod handle;
mod members;
mod properties;
mod query;
mod request;

use super::rule::{Rule, Severity, Side};

/// Every rule, by subject.
pub fn rules() -> &'static [Rule] {
    RULES
}

/// The rule of that name.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

const TABLES: [&[Rule]; 7] =
    [request::RULES, query::RULES, members::RULES, properties::RULES, constants::RULES, handle::RULES, answer::RULES];

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
