//! `tapdeck cassette learn`: the fields that two takes of one script disagree on, to paste into `tapdeck.toml`.

use std::path::Path;

use super::{Code, Failure, drift, print, say};
use crate::cassette::many;
use crate::config::Project;
use crate::replay::{Learned, Rest, learn};
use crate::report::plain;

pub(super) fn run(first: &Path, second: &Path, project: &Project) -> Result<Code, Failure> {
    let lesson = learn(&drift::read(first)?, &drift::read(second)?, project.title_fields());
    let names = [first, second].map(|path| plain(&path.to_string_lossy()));
    let tables: Vec<String> = lesson.fields.iter().map(|field| table(field, &names)).collect();
    print(&tables.join("\n"))?;
    for rest in &lesson.rest {
        say(&left(rest, &names));
    }
    say(&match (lesson.fields.len(), lesson.rest.len()) {
        (0, 0) => "the two takes agree: no field needs to be volatile".to_owned(),
        (fields, 0) => {
            format!("{} to paste into tapdeck.toml; then the first take answers the second", many(fields, "table"))
        }
        (fields, rest) => format!(
            "{} to paste into tapdeck.toml; {} left that no table covers",
            many(fields, "table"),
            many(rest, "call")
        ),
    });
    Ok(if lesson.rest.is_empty() { Code::Clean } else { Code::Findings })
}

/// A table, and where its field was first seen to differ.
fn table(field: &Learned, [first, second]: &[String; 2]) -> String {
    let [(old_line, old), (new_line, new)] = &field.seen;
    let times = if field.times > 1 { format!(", {} times", field.times) } else { String::new() };
    format!("# {first}:{old_line} has {old}, {second}:{new_line} has {new}{times}\n{}\n", field.table)
}

fn left(rest: &Rest, [first, second]: &[String; 2]) -> String {
    let Rest { call, lane, line, nearest, differences } = rest;
    let start = format!("{second}:{line}: {call} of {lane}");
    match nearest {
        None => format!("{start}: {first} has no such call left"),
        Some(near) => format!("{start}: beside {first}:{near}: {}", differences.join("; ")),
    }
}
