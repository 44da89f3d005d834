//! `tapdeck rules`: the contract's rules, listed or explained.

use super::{Code, Failure, print};
use crate::contract::{self, Rule};
use crate::report;

/// Which rules.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// A rule's id, to read all about it; or words, to list the rules about them; without any, every rule is listed
    #[arg(value_name = "ID|WORD")]
    words: Vec<String>,
    /// How to print them
    #[arg(long, default_value = "text")]
    format: FormatArg,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FormatArg {
    /// Lines for people
    Text,
    /// One array of rules
    Json,
    /// A page with a table and a section for each rule
    Markdown,
}

pub(super) fn run(options: &Options) -> Result<Code, Failure> {
    let rules = chosen(&options.words)?;
    let text = match (options.format, rules.as_slice()) {
        (FormatArg::Text, [rule]) => report::rule_page(rule),
        (FormatArg::Text, rules) => report::rules_list(rules),
        (FormatArg::Json, rules) => report::rules_json(rules),
        (FormatArg::Markdown, rules) => report::rules_markdown(rules),
    };
    print(&text)?;
    Ok(Code::Clean)
}

/// The rule of that id, or every rule about all the words.
fn chosen(words: &[String]) -> Result<Vec<&'static Rule>, Failure> {
    if let [id] = words
        && let Some(rule) = contract::rule(&id.to_ascii_lowercase())
    {
        return Ok(vec![rule]);
    }
    let about: Vec<&Rule> =
        contract::rules().iter().filter(|rule| words.iter().all(|word| is_about(rule, word))).collect();
    if about.is_empty() { Err(unknown(&words.join(" "))) } else { Ok(about) }
}

fn is_about(rule: &Rule, word: &str) -> bool {
    let word = word.to_lowercase();
    let Rule { id, severity, side, title, .. } = rule;
    id.contains(&word) || severity.as_str() == word || side.as_str() == word || title.to_lowercase().contains(&word)
}

fn unknown(words: &str) -> Failure {
    let hint = match contract::similar_rules(words).as_slice() {
        [] => "`tapdeck rules` lists them".to_owned(),
        near => format!("did you mean {}?", near.join(" or ")),
    };
    Failure::usage(format!("there is no rule {words:?}, nor one about it")).hint(hint)
}

pub(super) const EXAMPLES: &str = "\
Examples:
  tapdeck rules                            every rule, a line each
  tapdeck rules timeout                    the rules about timeouts
  tapdeck rules contract-version-missing   what it requires, why, and how to fix it
  tapdeck rules --format json service | jq -r '.[].rule'";
