//! The rules as `tapdeck rules` prints them.

use std::fmt::Write;

use crate::contract::{Rule, rules};

/// One line per rule: severity, side, id, title.
pub fn rules_list() -> String {
    let width = rules().iter().map(|rule| rule.id.len()).max().unwrap_or_default();
    let mut out = String::new();
    for rule in rules() {
        let _ = writeln!(out, "{:<7} {:<7} {:<width$}  {}", rule.severity, rule.side, rule.id, rule.title);
    }
    out
}

/// Everything about one rule.
pub fn rule_page(rule: &Rule) -> String {
    let Rule { id, severity, side, title, requires, fix, citation, bad, good } = rule;
    let mut page = format!("{id}\n{severity}, {side}\n\n{title}.\n\n");
    let _ = write!(page, "Documents require: {requires}\nTo fix it: {fix}\nSource: {citation}\n");
    let _ = write!(page, "\nBad:\n\n{}\nGood:\n\n{}", indented(bad), indented(good));
    if bad.contains("$ref") || bad.contains('@') {
        page.push_str(NOTE);
    }
    page
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect()
}

const NOTE: &str = "\n`$ref` stands for the session's reference; `@session`, `@large` and `@handle` for a good answer, \
                    changed as shown; `@title` for a schema of the title's own.\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::rule;

    #[test]
    fn the_list_has_every_rule() {
        let list = rules_list();
        assert_eq!(list.lines().count(), rules().len());
        assert!(list.starts_with("error   client  contract-version-missing"));
        assert!(list.lines().all(|line| line.len() < 160));
    }

    #[test]
    fn a_page_says_it_all() {
        let rule = rule("response-etag-missing").unwrap();
        let page = rule_page(rule);
        for part in [rule.id, rule.title, rule.requires, rule.fix, rule.citation, "error, service", "    -ETag\n"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(page.contains("`@session`"));
        assert!(!rule_page(crate::contract::rule("body-on-get").unwrap()).contains("`@session`"));
    }
}
