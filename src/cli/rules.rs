//! `tapdeck rules`: the contract's rules, listed or explained.

use super::{Code, Failure, print};
use crate::{contract, report};

/// Which rule.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// A rule's id; without one, every rule is listed
    #[arg(value_name = "ID")]
    id: Option<String>,
}

pub(super) fn run(options: &Options) -> Result<Code, Failure> {
    let Some(id) = &options.id else {
        print(&report::rules_list())?;
        return Ok(Code::Clean);
    };
    let rule = contract::rule(id).ok_or_else(|| unknown(id))?;
    print(&report::rule_page(rule))?;
    Ok(Code::Clean)
}

fn unknown(id: &str) -> Failure {
    let near = contract::rules().iter().map(|rule| rule.id).filter(|known| known.contains(id)).take(3);
    let near: Vec<_> = near.collect();
    let hint = match near.as_slice() {
        [] => "`tapdeck rules` lists them".to_owned(),
        near => format!("did you mean {}?", near.join(" or ")),
    };
    Failure::usage(format!("there is no rule {id:?}")).hint(hint)
}
