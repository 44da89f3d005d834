//! `tapdeck contract`: the operations the contract knows, or all of it as one OpenAPI document.

use std::fmt::Write;

use super::{Code, Failure, print};
use crate::contract::openapi;
use crate::mpsd::ROUTES;

/// In which form.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Print the whole contract as an OpenAPI 3.1 document (JSON)
    #[arg(long)]
    openapi: bool,
}

pub(super) fn run(options: &Options) -> Result<Code, Failure> {
    let text = if options.openapi { format!("{:#}\n", openapi()) } else { operations() };
    print(&text)?;
    Ok(Code::Clean)
}

/// One line per operation, by group: the name findings and cassettes use, and what it is on the wire.
fn operations() -> String {
    let width = ROUTES.iter().map(|route| route.name.len()).max().unwrap_or_default();
    let (mut out, mut group) = (String::new(), "");
    for route in ROUTES {
        if route.group != group {
            group = route.group;
            let gap = if out.is_empty() { "" } else { "\n" };
            let host = route.service.hosts().first().copied().unwrap_or_default();
            let _ = writeln!(out, "{gap}{group} ({host})");
        }
        let _ = writeln!(out, "  {:<width$}  {:<6}  {}", route.name, route.method, route.path);
    }
    out
}

pub(super) const EXAMPLES: &str = "\
Examples:
  tapdeck contract                            every operation: its name, verb and path
  tapdeck contract --openapi > openapi.json   paths, bodies, answers and rules, for other tools";
