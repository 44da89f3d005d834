//! What to do about a miss: lines to paste if the game may differ there, or how to record anew.

use std::fmt::Write;

use super::compare::COMPARED_HEADERS;
use super::fields::Spot;
use super::miss::{Difference, Miss, Near, Reason};
use super::tape::Tape;
use crate::slot::{Judge, Role};

impl Miss {
    /// The miss with what can be done about it.
    pub(super) fn advised(mut self, tape: &Tape) -> Self {
        if self.reason == Reason::Different {
            self.paste = self.nearest.first().map(|near| paste(tape, &self.op, near)).unwrap_or_default();
        }
        self.cassette = tape.file().to_owned();
        if self.reason.is_of_the_recording() && !self.cassette.is_empty() {
            // A journal is recorded under the name of the cassette it becomes.
            let sealed = self.cassette.strip_suffix(".jsonl").map(|stem| format!("{stem}.json"));
            let file = sealed.unwrap_or_else(|| self.cassette.clone());
            self.command = Some(format!("tapdeck record --overwrite {}", shell_word(&file)));
        }
        self
    }

    /// All there is to tell, over several lines.
    pub fn report(&self) -> String {
        let mut out = format!("{} ({})\n  {}\n", one_line(&self.call), self.op, self.reason.sentence());
        if let Some(near) = self.nearest.first() {
            let (exchange, lane) = (near.exchange, one_line(&near.lane));
            let _ = writeln!(out, "  nearest is exchange {exchange} of {lane}, {}", self.place(near.line));
            for difference in &near.differences {
                let Difference { place, recorded, live, .. } = difference;
                let _ = writeln!(out, "    {}", one_line(place));
                let _ = writeln!(out, "      recorded  {recorded}{}\n      live      {live}", difference.remark());
            }
        }
        if !self.paste.is_empty() {
            out.push_str("  if it may differ from run to run, paste into tapdeck.toml:\n");
            for line in self.paste.iter().flat_map(|table| table.lines()) {
                let _ = writeln!(out, "    {line}");
            }
        }
        let _ = writeln!(out, "  {}", self.reason.advice());
        if let Some(command) = &self.command {
            let _ = writeln!(out, "    {command}");
        }
        out
    }

    /// A line of the cassette's file.
    pub(super) fn place(&self, line: usize) -> String {
        match self.cassette.as_str() {
            "" => format!("line {line}"),
            file => format!("{}:{line}", one_line(file)),
        }
    }
}

impl Reason {
    /// What to do, in a few words.
    fn advice(self) -> &'static str {
        match self {
            Self::RepeatedTooOften => "if it may ask that often, raise --repeat",
            Self::LaneAmbiguous => "say which player each client is: with --name, or with a proxy user name",
            _ => "if this is how it should be, record it anew:",
        }
    }

    /// True when another recording would help.
    fn is_of_the_recording(self) -> bool {
        !matches!(self, Self::RepeatedTooOften | Self::LaneAmbiguous)
    }
}

/// The tables that let every difference of a near call be; none when it is another call rather than the same one with
/// other values.
fn paste(tape: &Tape, op: &str, near: &Near) -> Vec<String> {
    let tables: Vec<String> = near.differences.iter().filter_map(|difference| table(tape, op, difference)).collect();
    let is_same_call = tables.len() == near.differences.len() && tables.len() <= MOST_PASTED;
    if is_same_call { tables } else { Vec::new() }
}

fn table(tape: &Tape, op: &str, difference: &Difference) -> Option<String> {
    let spot = Spot::named(&difference.place).filter(|_| !difference.conflict)?;
    let spot = match spot {
        Spot::Body(steps) => Spot::Body(steps.into_iter().map(|step| any_of(tape, step)).collect()),
        Spot::Header(name) if !COMPARED_HEADERS.contains(&name.as_str()) => return None,
        spot => spot,
    };
    let (key, value) = spot.written();
    let op = if op == UNKNOWN { String::new() } else { format!("op = {}\n", toml_text(op)) };
    Some(format!("[[volatile]]\n{op}{key} = {}", toml_text(&value)))
}

/// A key that is a player's own is another one in each run.
fn any_of(tape: &Tape, step: String) -> String {
    if tape.values().judge(&step, Role::Key).is_empty() { step } else { "*".to_owned() }
}

fn toml_text(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// A word of a command line, quoted where a shell would read it otherwise.
fn shell_word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "/\\._-+:@,=".contains(letter);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", one_line(&text.replace('\'', "'\\''"))) }
}

/// Text that came from somewhere, on one line.
pub(super) fn one_line(text: &str) -> String {
    let visible = |letter: char| match letter.is_control() {
        true => letter.escape_default().collect::<String>(),
        false => letter.to_string(),
    };
    text.chars().map(visible).collect()
}

/// The name of a call that is no operation.
const UNKNOWN: &str = "unknown";
/// A call that differs in more places is another call.
const MOST_PASTED: usize = 3;
