//! The rules themselves, as `tapdeck rules` and the generated page print them.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::cassette::many;
use crate::contract::{Rule, Severity, Side};

/// One line per rule: severity, side, id, title.
pub fn rules_list(rules: &[&Rule]) -> String {
    let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or_default();
    let mut out = String::new();
    for rule in rules {
        let _ = writeln!(out, "{:<7} {:<7} {:<width$}  {}", rule.severity, rule.side, rule.id, rule.title);
    }
    out
}

/// One array, an object per rule.
pub fn rules_json(rules: &[&Rule]) -> String {
    let objects: Vec<Value> = rules.iter().map(|rule| object(rule)).collect();
    format!("{:#}\n", Value::Array(objects))
}

fn object(rule: &Rule) -> Value {
    let Rule { id, severity, side, title, requires, fix, citation, bad, good } = rule;
    json!({
        "rule": id,
        "severity": severity.as_str(),
        "side": side.as_str(),
        "title": title,
        "requires": requires,
        "fix": fix,
        "citation": citation,
        "bad": bad,
        "good": good,
    })
}

/// One page with a table of the rules, and a section for each.
pub fn rules_markdown(rules: &[&Rule]) -> String {
    let count = |severity| rules.iter().filter(|rule| rule.severity == severity).count();
    let (errors, warnings, notes) = (count(Severity::Error), count(Severity::Warning), count(Severity::Info));
    let ours = rules.iter().filter(|rule| rule.side == Side::Client).count();
    let (errors, warnings, notes) = (many(errors, "error"), many(warnings, "warning"), many(notes, "note"));
    let mut page = format!(
        "# The rules of the contract\n\n{}: {errors}, {warnings}, {notes}; {ours} are the client's duty, {} the \
         service's. {ABOUT} {NOTE} {SEQUENCE}\n\n| rule | severity | side | what is wrong |\n| --- | --- | --- | --- |\n",
        many(rules.len(), "rule"),
        rules.len() - ours,
    );
    for Rule { id, severity, side, title, .. } in rules {
        let _ = writeln!(page, "| [`{id}`](#{id}) | {severity} | {side} | {} |", cell(title));
    }
    for rule in rules {
        let _ = write!(page, "\n## {}\n\n{}", rule.id, rule_markdown(rule));
    }
    page
}

/// Everything about one rule, without its name.
pub(super) fn rule_markdown(rule: &Rule) -> String {
    let Rule { severity, side, title, requires, fix, citation, bad, good, .. } = rule;
    format!(
        "{}. ({severity}, {side})\n\n* **Documents require:** {}\n* **To fix it:** {}\n* **Source:** {}\n\n\
         Bad:\n\n```http\n{}\n```\n\nGood:\n\n```http\n{}\n```\n",
        escaped(title),
        escaped(requires),
        escaped(fix),
        escaped(citation),
        bad.trim_end(),
        good.trim_end(),
    )
}

/// Everything about one rule.
pub fn rule_page(rule: &Rule) -> String {
    let Rule { id, severity, side, title, requires, fix, citation, bad, good } = rule;
    let mut page = format!("{id}\n{severity}, {side}\n\n{title}.\n\n");
    let _ = write!(page, "Documents require: {requires}\nTo fix it: {fix}\nSource: {citation}\n");
    let _ = write!(page, "\nBad:\n\n{}\nGood:\n\n{}", indented(bad), indented(good));
    if bad.contains("$ref") || bad.contains('@') {
        let _ = write!(page, "\n{NOTE}\n");
    }
    if bad.contains("\n===\n") || bad.starts_with(['>', '<']) {
        let _ = write!(page, "\n{SEQUENCE}\n");
    }
    page
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect()
}

/// Text that Markdown shows as it is.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '\\' | '*' | '_' | '<' | '[' | ']' | '`') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

fn cell(text: &str) -> String {
    escaped(text).replace('|', "\\|")
}

const ABOUT: &str = "`tapdeck rules ID` prints one, `tapdeck rules WORD` lists those about something.\n\n\
    In the examples, an operation stands by its name or as verb and target. Headers replace good ones that every \
    request has, `-Name` takes one away and `+Name: value` adds one. After `---` comes the answer.";

const NOTE: &str = "`$ref` stands for the session's reference; `@session`, `@large`, `@handle` and `@handles` for good \
                    answers, changed as shown; `@title` for a schema of the title's own.";

const SEQUENCE: &str =
    "`===` goes on to what comes next; `>` is what the client says on a socket, `<` what the service says.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{rule, rules};

    fn all() -> Vec<&'static Rule> {
        rules().iter().collect()
    }

    #[test]
    fn the_list_has_every_rule() {
        let list = rules_list(&all());
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
        assert!(rule_page(crate::contract::rule("rta-event-shape").unwrap()).ends_with("what the service says.\n"));
    }

    #[test]
    fn json_and_markdown_have_every_rule() {
        let array: Value = serde_json::from_str(&rules_json(&all())).unwrap();
        let page = rules_markdown(&all());
        for (rule, object) in rules().iter().zip(array.as_array().unwrap()) {
            let told = (object["rule"].as_str(), object["severity"].as_str(), object["good"].as_str());
            assert_eq!(told, (Some(rule.id), Some(rule.severity.as_str()), Some(rule.good)));
            assert!(page.contains(&format!("\n## {}\n", rule.id)), "{}", rule.id);
        }
        assert!(page.lines().filter(|line| line.starts_with("| [`")).count() == rules().len());
        assert_eq!(page.matches("```").count(), rules().len() * 4, "an example breaks out of its block");
    }

    #[test]
    fn markdown_shows_text_as_it_is() {
        assert_eq!(cell("a|b *c* <d> [e](f) `g`_h"), "a\\|b \\*c\\* \\<d> \\[e\\](f) \\`g\\`\\_h");
    }
}
