//! What to do about a miss: lines to paste if the game may differ there, or how to record anew.

use std::fmt::Write;

use super::compare::COMPARED_HEADERS;
use super::fields::Spot;
use super::miss::{Before, Difference, Miss, Near, Reason};
use super::tape::Tape;
use crate::mpsd::route::NEXT_DOOR;
use crate::slot::{Judge, Role};

impl Miss {
    /// The miss with what can be done about it.
    pub(super) fn advised(mut self, tape: &Tape) -> Self {
        if self.reason == Reason::Different && self.advice.other.is_none() {
            self.advice.paste = self.nearest.first().map(|near| paste(tape, &self.op, near)).unwrap_or_default();
        }
        self.advice.cassette = tape.file().to_owned();
        let is_there = self.advice.other.is_some();
        if self.reason.is_of_the_recording() && !is_there && !self.advice.cassette.is_empty() {
            // A journal is recorded under the name of the cassette it becomes.
            let sealed = self.advice.cassette.strip_suffix(".jsonl").map(|stem| format!("{stem}.json"));
            let file = sealed.unwrap_or_else(|| self.advice.cassette.clone());
            self.advice.command = Some(format!("tapdeck record --overwrite {}", shell_word(&file)));
        }
        self
    }

    /// All there is to tell, over several lines.
    pub fn report(&self) -> String {
        let mut out = format!("{} ({})\n  {}\n", one_line(&self.call), self.op, self.reason.sentence());
        if let Some(unkept) = &self.unkept {
            let _ = writeln!(out, "  {}", one_line(unkept));
        }
        if let Some(Before { exchange, line, lane, call }) = self.after.as_deref() {
            let (lane, place) = (one_line(lane), self.place(*line));
            let _ = writeln!(out, "  it comes after exchange {exchange} of {lane}, {place}\n    {}", one_line(call));
        }
        if let Some(near) = self.nearest.first() {
            let (exchange, lane) = (near.exchange, one_line(&near.lane));
            let _ = writeln!(out, "  {} exchange {exchange} of {lane}, {}", near.closeness(), self.place(near.line));
            for difference in &near.differences {
                let Difference { place, recorded, live, .. } = difference;
                let _ = writeln!(out, "    {}", one_line(place));
                let _ = writeln!(out, "      recorded  {recorded}{}\n      live      {live}", difference.remark());
            }
        }
        if self.advice.paste.is_empty() && self.nearest.first().is_some_and(|near| near.differences.len() > MOST_PASTED)
        {
            out.push_str("  it differs in many places: `tapdeck cassette learn` compares whole takes\n");
        }
        if !self.advice.paste.is_empty() {
            out.push_str("  if it may differ from run to run, paste into tapdeck.toml:\n");
            for line in self.advice.paste.iter().flat_map(|table| table.lines()) {
                let _ = writeln!(out, "    {line}");
            }
        }
        if let Some(Before { exchange, line, lane, .. }) = self.advice.other.as_deref() {
            let lane = one_line(lane);
            let _ = writeln!(out, "  it is exchange {exchange} of {lane}, {}", self.place(*line));
            let _ = writeln!(out, "  if the client is {lane}, say so: --live {lane}, or a name (docs/players.md)");
            return out;
        }
        let _ = writeln!(out, "  {}", self.reason.advice());
        if let Some(command) = &self.advice.command {
            let _ = writeln!(out, "    {command}");
        }
        out
    }

    /// A line of the cassette's file.
    pub(super) fn place(&self, line: usize) -> String {
        match self.advice.cassette.as_str() {
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
            Self::NotReplayable => "only another recording helps:",
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
    Some(written(op, &spot))
}

/// The table that lets a field of an operation differ.
pub(super) fn written(op: &str, spot: &Spot) -> String {
    let (key, value) = spot.written();
    let op = if [UNKNOWN, NEXT_DOOR].contains(&op) { String::new() } else { format!("op = {}\n", toml_text(op)) };
    format!("[[volatile]]\n{op}{key} = {}", toml_text(&value))
}

/// A key that is a player's own is another one in each run.
pub(super) fn any_of(tape: &Tape, step: String) -> String {
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
