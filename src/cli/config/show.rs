//! `tapdeck config show`: each setting with its origin.

use std::ffi::OsString;
use std::fmt::Write;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};
use serde_json::{Map, Value, json};

use super::{Format, ShowOptions};
use crate::cli::layers::{self, Unparsed};
use crate::cli::{Failure, print};
use crate::config::{At, FieldTable, Project, meant};
use crate::mpsd::Op;
use crate::slot::Class;

/// One setting as it stands.
struct Line {
    name: String,
    value: Option<String>,
    origin: String,
}

pub(super) fn show(options: &ShowOptions, project: &Project) -> Result<(), Failure> {
    let sections = sections(&options.command, project)?;
    print(&match options.format {
        Format::Text => text(&sections, project),
        Format::Json => format!("{:#}\n", json(&sections, project)),
    })
}

/// The commands asked for, each with its settings.
fn sections(asked: &[OsString], project: &Project) -> Result<Vec<(String, Vec<Line>)>, Failure> {
    let tree = layers::tree();
    let line: Vec<OsString> = std::iter::once("tapdeck".into()).chain(asked.iter().cloned()).collect();
    let early = tree.clone().ignore_errors(true).try_get_matches_from(&line).map_err(|error| refused(&error))?;
    let words = layers::words(&early);
    if let Some(unknown) = asked.first().filter(|_| words.is_empty()) {
        let unknown = unknown.to_string_lossy();
        let known = tree.get_subcommands().map(clap::Command::get_name);
        let failure = Failure::usage(format!("there is no command `{unknown}`{}", meant(&unknown, known)));
        return Err(failure.hint("`tapdeck --help` lists them; flags come after the command"));
    }
    let section = |path: Vec<String>| {
        // A group's flags are nobody's: only a command itself is given any.
        let line = if path == words { line.clone() } else { line_of(&path) };
        Ok((path.join(" "), lines(&path, &line, project)?))
    };
    let chosen = layers::commands(&tree).into_iter().filter(|(path, _)| path.starts_with(&words));
    chosen.map(|(path, _)| section(path)).collect()
}

fn line_of(path: &[String]) -> Vec<OsString> {
    std::iter::once("tapdeck").chain(path.iter().map(String::as_str)).map(OsString::from).collect()
}

fn lines(path: &[String], line: &[OsString], project: &Project) -> Result<Vec<Line>, Failure> {
    let tree = layers::settle(layers::tree(), path, project);
    let tree = layers::inside(tree, path, &undemanding);
    let mut matches =
        &tree.clone().try_get_matches_from(line).map_err(|error| match layers::blamed(&tree, path, line, error) {
            Unparsed::Line(error) => refused(&error),
            Unparsed::Beneath(failure) => failure,
        })?;
    while let Some((_, inner)) = matches.subcommand() {
        matches = inner;
    }
    let mine = layers::takers(&tree).into_iter().filter(|taker| taker.path == path);
    Ok(mine.map(|taker| setting(path, &taker.arg, matches, project)).collect())
}

/// A command that can be asked about without what it needs to run.
fn undemanding(command: clap::Command) -> clap::Command {
    let groups: Vec<clap::Id> = command.get_groups().map(|group| group.get_id().clone()).collect();
    let mut command = command.mut_args(|arg| arg.required(false));
    for group in groups {
        command = command.mut_group(group, |group| group.required(false));
    }
    command
}

fn setting(path: &[String], arg: &Arg, matches: &ArgMatches, project: &Project) -> Line {
    let id = arg.get_id().as_str();
    let origin = match matches.value_source(id) {
        Some(ValueSource::CommandLine) => "flag".to_owned(),
        Some(ValueSource::EnvVariable) => arg.get_env().map_or_else(String::new, |name| name.to_string_lossy().into()),
        _ => layers::setting(project, path, arg)
            .map_or_else(|| DEFAULT.to_owned(), |setting| origin(project, setting.at)),
    };
    let shown = |values: clap::parser::RawValues<'_>| {
        let values: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
        if layers::is_secret(arg) { "(set, not shown)".to_owned() } else { values.join(", ") }
    };
    Line { name: arg.get_long().unwrap_or_default().to_owned(), value: matches.get_raw(id).map(shown), origin }
}

fn origin(project: &Project, at: At) -> String {
    project.file.as_ref().map_or_else(String::new, |file| format!("{}:{}", file.display(), at.line))
}

fn policies(project: &Project) -> Vec<Line> {
    let line = |policy: crate::emulator::Listed| {
        let set = project.policy_lines.iter().find(|line| line.name == policy.name);
        let origin = set.map_or_else(|| DEFAULT.to_owned(), |line| origin(project, line.at));
        Line { name: policy.name, value: Some(policy.value), origin }
    };
    project.policies.listed().into_iter().map(line).collect()
}

fn rules(project: &Project) -> Vec<Line> {
    let line = |line: &crate::config::RuleLine| Line {
        name: line.rule.id.to_owned(),
        value: Some(line.weight.as_str().to_owned()),
        origin: origin(project, line.at),
    };
    project.rules.iter().map(line).collect()
}

fn text(sections: &[(String, Vec<Line>)], project: &Project) -> String {
    let mut out = match &project.file {
        Some(file) => format!("# {}\n", file.display()),
        None => "# no tapdeck.toml here; `tapdeck init` writes one\n".to_owned(),
    };
    for (command, lines) in sections {
        table(&mut out, command, lines);
    }
    let set: Vec<Line> = policies(project).into_iter().filter(|line| line.origin != DEFAULT).collect();
    table(&mut out, "emulator.policies", &set);
    table(&mut out, "rules", &rules(project));
    for title in &project.titles {
        let one = |name: &str, value: String| Line { name: name.to_owned(), value: Some(value), origin: String::new() };
        let templates = if title.templates.is_empty() { "every one".to_owned() } else { title.templates.join(", ") };
        let scid = title.scid.clone().unwrap_or_else(|| "every one".to_owned());
        let mut lines = vec![one("scid", scid), one("template", templates)];
        lines.extend(title.schemas.iter().map(|schema| Line {
            name: schema.bag.key().to_owned(),
            value: Some(schema.name.clone()),
            origin: origin(project, schema.at),
        }));
        table(&mut out, "title", &lines);
    }
    for name in ["volatile", "bound"] {
        table(&mut out, name, &fields(project, name));
    }
    out
}

/// A title's own fields, by their places.
fn fields(project: &Project, name: &str) -> Vec<Line> {
    let line = |table: &FieldTable| Line {
        name: table.field.spot.written().1,
        value: Some(match (table.field.op.map_or("every call", Op::name), table.class) {
            (op, Some(class)) => format!("{op}, {}", class.name()),
            (op, None) => op.to_owned(),
        }),
        origin: origin(project, table.at),
    };
    project.fields.iter().filter(|table| table.name() == name).map(line).collect()
}

fn table(out: &mut String, name: &str, lines: &[Line]) {
    if lines.is_empty() {
        return;
    }
    let wide = |text: &dyn Fn(&Line) -> usize| lines.iter().map(text).max().unwrap_or_default();
    let (names, values) =
        (wide(&|line| line.name.chars().count()), wide(&|line| shown(line).chars().count()).min(WIDEST));
    let _ = writeln!(out, "\n[{}]", name.replace(' ', "."));
    for line in lines {
        let row = format!("{:names$}  {:values$}  {}", line.name, shown(line), line.origin);
        let _ = writeln!(out, "{}", row.trim_end());
    }
}

fn shown(line: &Line) -> &str {
    line.value.as_deref().unwrap_or("-")
}

fn json(sections: &[(String, Vec<Line>)], project: &Project) -> Value {
    let object = |lines: &[Line]| -> Value {
        let entry = |line: &Line| (line.name.clone(), json!({"value": line.value, "origin": line.origin}));
        Value::Object(lines.iter().map(entry).collect())
    };
    let commands: Map<String, Value> = sections.iter().map(|(name, lines)| (name.clone(), object(lines))).collect();
    let titles = project.titles.iter().map(|title| {
        let schema = |schema: &crate::config::SchemaFile| {
            (schema.bag.key().to_owned(), json!({"value": schema.name, "origin": origin(project, schema.at)}))
        };
        let schemas: Map<String, Value> = title.schemas.iter().map(schema).collect();
        json!({"scid": title.scid, "template": title.templates, "schemas": schemas})
    });
    json!({
        "file": project.file.as_ref().map(|file| file.display().to_string()),
        "commands": commands,
        "policies": object(&policies(project)),
        "rules": object(&rules(project)),
        "titles": titles.collect::<Vec<_>>(),
        "fields": project.fields.iter().map(|table| field(project, table)).collect::<Vec<_>>(),
    })
}

fn field(project: &Project, table: &FieldTable) -> Value {
    let (key, place) = table.field.spot.written();
    json!({
        "table": table.name(),
        "op": table.field.op.map(Op::name),
        key: place,
        "class": table.class.map(Class::name),
        "origin": origin(project, table.at),
    })
}

/// A command line that cannot be shown because it cannot be.
fn refused(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    Failure::usage(first).hint("flags for a command come after it: `tapdeck config show COMMAND --flag`")
}

const DEFAULT: &str = "default";
/// Values wider than this leave their column.
const WIDEST: usize = 40;
