//! An explanation as people read it.

use std::fmt;

use super::{Again, Explanation, How, OwnValue};
use crate::replay::advice::one_line;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { exchange, line, lane, op, call, status, .. } = self;
        writeln!(f, "exchange {exchange}, line {line}: {op} of {}, answered {status}", one_line(lane))?;
        writeln!(f, "  {}", one_line(call))?;
        writeln!(f, "\nA call is this one when these parts are:")?;
        let wide = self.parts.iter().map(|part| part.place.chars().count()).max().unwrap_or_default().min(WIDEST);
        for part in &self.parts {
            writeln!(f, "  {:wide$}  {}", one_line(&part.place), told(&part.how, &part.value))?;
        }
        self.answer(f)?;
        writeln!(f, "\nIt comes after:")?;
        match self.after.as_slice() {
            [] => writeln!(f, "  nothing")?,
            after => {
                for (exchange, lane) in after {
                    writeln!(f, "  exchange {exchange} of {}", one_line(lane))?;
                }
            }
        }
        if !self.releases.is_empty() {
            writeln!(f, "\nIt releases the messages in {}", list("line", &self.releases))?;
        }
        let again = match self.again {
            Again::Read => "as often as --repeat allows, each time with the newest version",
            Again::Twin => "to the same write right behind it, before anything else is written",
            Again::Never => "never: what it does is done anew each time",
        };
        writeln!(f, "\nIts answer is given again:\n  {again}")
    }
}

impl Explanation {
    fn answer(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.answered.is_empty() {
            return writeln!(f, "\nIts answer holds nothing of a client's own.");
        }
        writeln!(f, "\nIts answer is given with the client's own values for:")?;
        self.answered.iter().try_for_each(|own| writeln!(f, "  {}", value(own)))
    }
}

fn told(how: &How, recorded: &str) -> String {
    match how {
        How::Exact => format!("exact     {recorded}"),
        How::AnyCase => format!("exact     {recorded}, in any letter case"),
        How::Secret => "whatever  it is a secret".to_owned(),
        How::Volatile => format!("volatile  {recorded}, or anything"),
        How::Version(Some((branch, change))) => {
            format!("version   {recorded}: change {change} of branch {}", one_line(branch))
        }
        How::Version(None) => format!("version   {recorded}, which no answer shows: this very tag"),
        How::Bound(own) => {
            let is_whole = matches!(own.as_slice(), [only] if only.value == recorded.trim_matches('"'));
            let rest = if is_whole { String::new() } else { format!(" in {recorded}") };
            format!("bound     {}{rest}", own.iter().map(value).collect::<Vec<_>>().join("; "))
        }
    }
}

/// `xuid 9000000000000001 (also in calls 2, 3 and answer 1)`
fn value(own: &OwnValue) -> String {
    let OwnValue { class, value, calls, answers } = own;
    let places: Vec<String> = [("call", calls), ("answer", answers)]
        .iter()
        .filter(|(_, all)| !all.is_empty())
        .map(|(name, all)| list(name, all))
        .collect();
    let also = if places.is_empty() { String::new() } else { format!(" (also in {})", places.join(" and ")) };
    format!("{} {}{also}", class.name(), one_line(value))
}

fn list(name: &str, numbers: &[usize]) -> String {
    let shown: Vec<String> = numbers.iter().take(MOST_LISTED).map(usize::to_string).collect();
    let more = if numbers.len() > MOST_LISTED { ", …" } else { "" };
    format!("{name}{} {}{more}", if numbers.len() == 1 { "" } else { "s" }, shown.join(", "))
}

/// Places wider than this leave their column.
const WIDEST: usize = 60;
const MOST_LISTED: usize = 8;
