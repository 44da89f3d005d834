//! Drift as people read it.

use std::fmt::{self, Write};

use super::{Change, Drift, Spot, Tally, Tier, What};
use crate::report::plain;

impl Drift {
    /// The changes, an operation after the other, and a summary. `old` and `new` are the files' names.
    pub fn text(&self, old: &str, new: &str) -> String {
        let mut out = String::new();
        let mut op = None;
        for change in &self.changes {
            if op.replace(&change.op) != Some(&change.op) {
                let _ = writeln!(out, "{}", plain(&change.op));
            }
            let spots = [(old, &change.old_at), (new, &change.new_at)];
            let spots = spots.into_iter().filter_map(|(file, spot)| Some(at(file, spot.as_ref()?)));
            let spots = spots.collect::<Vec<_>>().join(", ");
            let _ = writeln!(out, "  {} {change} ({spots})", change.tier);
        }
        let _ = writeln!(out, "{}", self.tally);
        out
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |text: &Option<String>| text.as_deref().map(plain).unwrap_or_default();
        let (place, old, new) = (plain(&self.place), text(&self.old), text(&self.new));
        match self.what {
            What::Gone if old.is_empty() => write!(f, "{place} is gone")?,
            What::Gone => write!(f, "{place} is gone, it was {old}")?,
            What::New if new.is_empty() => write!(f, "{place} is new")?,
            What::New => write!(f, "{place} is new: {new}")?,
            What::Type => write!(f, "{place} was {old}, is {new}")?,
            What::Word => write!(f, "{place} has the new word {new}, it was {old}")?,
            What::Value => write!(f, "{place} was {old}, is {new}")?,
            What::Count => return write!(f, "{place} were {old}, are {new}"),
        }
        if self.count > 1 { write!(f, ", {} times", self.count) } else { Ok(()) }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { breaking, notable, value, compared, untold } = self;
        let calls = if *compared == 1 { "call or message" } else { "calls and messages" };
        write!(f, "{breaking} breaking, {notable} notable, {value} value in {compared} {calls} compared")?;
        if *untold > 0 { write!(f, "; {untold} more are not told") } else { Ok(()) }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Breaking => "breaking",
            Self::Notable => "notable",
            Self::Value => "value",
        })
    }
}

fn at(file: &str, spot: &Spot) -> String {
    format!("{}:{} record {} of {}", plain(file), spot.line, spot.record, plain(&spot.lane))
}
