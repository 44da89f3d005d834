//! The layers beneath the command line: the environment, then the project's file, then the defaults.
//!
//! The file's keys are the long names of flags. Its own level is for every command that has such a flag, a table of a
//! command's name for that command, `[emulator]` for the flags under that heading. Before anything is parsed the file's
//! values become clap's defaults, so that its precedence is clap's, and its parsers judge what the file says.

use std::ffi::OsString;
use std::path::Path;

use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches, ValueHint};

use super::options::EMULATOR;
use super::{Cli, Failure};
use crate::config::{At, Given, Project, Setting, Table, meant};

/// Why nothing is run.
pub(super) enum Unparsed {
    /// Help was asked for, or the command line cannot be.
    Line(clap::Error),
    /// The project's file or the environment cannot be.
    Beneath(Failure),
}

/// Reads a command line with all that lies beneath it.
pub(super) fn parse(args: &[OsString]) -> Result<(Cli, Project), Unparsed> {
    let tree = tree();
    // What runs, and with which file, must be known before the rest can be judged.
    let early = tree.clone().ignore_errors(true).try_get_matches_from(args).map_err(Unparsed::Line)?;
    let path = words(&early);
    let named = early.try_get_one::<std::path::PathBuf>("config").ok().flatten();
    let project =
        if is_projectless(&path) { Project::default() } else { find(&tree, named).map_err(Unparsed::Beneath)? };
    let tree = settle(tree, &path, &project);
    let matches = tree.clone().try_get_matches_from(args).map_err(|error| blamed(&tree, &path, args, error))?;
    let cli = Cli::from_arg_matches(&matches).map_err(Unparsed::Line)?;
    Ok((cli, project))
}

/// Why a line was not taken: clap does not say when a value came from a variable.
pub(super) fn blamed(tree: &Command, path: &[String], args: &[OsString], error: clap::Error) -> Unparsed {
    let is_given = |long: &str| {
        // What comes after `--` is for somebody else.
        let ours = args.iter().take_while(|arg| *arg != "--");
        let mut args = ours.filter_map(|arg| arg.to_str()?.strip_prefix("--")?.split('=').next());
        args.any(|name| name == long)
    };
    let wrong = |taker: Taker| {
        let (variable, long) = (taker.arg.get_env()?.to_str()?, taker.arg.get_long()?);
        let value = std::env::var(variable).ok().filter(|_| taker.path == path && !is_given(long))?;
        let texts = value.split(|letter| taker.arg.get_value_delimiter() == Some(letter));
        let reason = texts.into_iter().find_map(|text| refused_text(&taker.arg, text))?;
        Some(Failure::usage(format!("{variable}: {reason}")).hint(format!("unset {variable}, or give --{long}")))
    };
    match takers(tree).into_iter().find_map(wrong) {
        Some(failure) if error.use_stderr() => Unparsed::Beneath(failure),
        _ => Unparsed::Line(error),
    }
}

/// `init` makes the file, so it must not need a good one; what a shell loads when it starts must not, either.
fn is_projectless(path: &[String]) -> bool {
    path.first().is_none_or(|command| ["init", "completions", "man"].contains(&command.as_str()))
}

fn find(tree: &Command, named: Option<&std::path::PathBuf>) -> Result<Project, Failure> {
    let usage = |text: String| Failure::usage(text).hint(HINT);
    let project = Project::find(named.map(std::path::PathBuf::as_path)).map_err(|error| usage(error.to_string()))?;
    match fault(tree, &project) {
        None => Ok(project),
        Some((at, reason)) => {
            let file = project.file.as_deref().unwrap_or_else(|| Path::new(crate::config::NAME));
            Err(usage(format!("{}:{at}: {reason}", file.display())))
        }
    }
}

/// The words of the command that runs.
pub(super) fn words(matches: &ArgMatches) -> Vec<String> {
    let mut words = Vec::new();
    let mut at = matches;
    while let Some((name, inner)) = at.subcommand() {
        words.push(name.to_owned());
        at = inner;
    }
    words
}

/// The command line: every flag has a variable, and every switch can be switched off again.
pub(super) fn tree() -> Command {
    dressed(Cli::command(), "TAPDECK")
}

fn dressed(command: Command, prefix: &str) -> Command {
    let command = command.mut_args(|arg| {
        let Some(long) = arg.get_long() else { return arg };
        let variable = format!("{prefix}_{long}").to_uppercase().replace('-', "_");
        let arg = if arg.get_env().is_some() { arg } else { arg.env(variable) };
        if matches!(arg.get_action(), ArgAction::SetTrue) { switch(arg) } else { arg }
    });
    command.mut_subcommands(|inner| {
        let prefix = format!("{prefix}_{}", inner.get_name());
        dressed(inner, &prefix)
    })
}

/// `--flag`, or `--flag=false` where the environment or the file says otherwise.
fn switch(arg: Arg) -> Arg {
    arg.action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .value_parser(BoolishValueParser::new())
        .value_name("BOOL")
        .default_missing_value("true")
        .default_value("false")
        .hide_default_value(true)
        .hide_possible_values(true)
}

/// True for what [`switch`] made.
pub(super) fn is_switch(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|range| range.min_values() == 0)
}

/// True when a flag may be given more than once.
pub(super) fn is_repeatable(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// True for values nobody may see.
pub(super) fn is_secret(arg: &Arg) -> bool {
    arg.is_hide_env_values_set()
}

/// A flag, and the words of a command that takes it.
pub(super) struct Taker {
    pub(super) path: Vec<String>,
    pub(super) arg: Arg,
}

/// Every flag a project may set, by command in the order of the help.
pub(super) fn takers(tree: &Command) -> Vec<Taker> {
    let is_settable = |arg: &&Arg| arg.get_long().is_some_and(|long| long != "config");
    let everywhere: Vec<&Arg> = tree.get_arguments().filter(is_settable).collect();
    let mut takers = Vec::new();
    for (path, command) in commands(tree) {
        let own = command.get_arguments().filter(is_settable);
        takers.extend(own.chain(everywhere.iter().copied()).map(|arg| Taker { path: path.clone(), arg: arg.clone() }));
    }
    takers
}

/// The commands that do something, by their words.
pub(super) fn commands(tree: &Command) -> Vec<(Vec<String>, &Command)> {
    let mut all = Vec::new();
    let mut open: Vec<(Vec<String>, &Command)> = vec![(Vec::new(), tree)];
    while let Some((path, command)) = open.pop() {
        let inner: Vec<&Command> = command.get_subcommands().collect();
        if inner.is_empty() && !is_projectless(&path) {
            all.push((path.clone(), command));
        }
        let deeper = inner.into_iter().rev();
        open.extend(deeper.map(|inner| ([path.as_slice(), &[inner.get_name().to_owned()]].concat(), inner)));
    }
    all
}

impl Taker {
    /// True when a table's values are for this flag of this command.
    fn hears(&self, table: &[String]) -> bool {
        self.path.starts_with(table) || is_emulators(&self.arg) && table == [EMULATOR_TABLE]
    }
}

pub(super) fn is_emulators(arg: &Arg) -> bool {
    arg.get_help_heading() == Some(EMULATOR)
}

/// Gives the flags of one command the file's values for their defaults.
pub(super) fn settle(tree: Command, path: &[String], project: &Project) -> Command {
    let beneath = |arg: Arg| match setting(project, path, &arg) {
        Some(setting) => {
            let values = values(&arg, &setting.given, project.folder());
            arg.default_values(values)
        }
        None => arg,
    };
    // The flags of the top are those every command has.
    inside(tree.mut_args(beneath), path, &|command| command.mut_args(beneath))
}

/// Changes one command of the tree.
pub(super) fn inside(tree: Command, path: &[String], change: &dyn Fn(Command) -> Command) -> Command {
    match path.split_first() {
        Some((first, rest)) => tree.mut_subcommand(first, |inner| inside(inner, rest, change)),
        None => change(tree),
    }
}

/// What the file says about a flag of a command: the nearest table that says anything.
pub(super) fn setting<'p>(project: &'p Project, path: &[String], arg: &Arg) -> Option<&'p Setting> {
    let long = arg.get_long()?;
    let said = |table: &[String]| {
        let table = project.tables.iter().find(|known| known.path == table)?;
        table.settings.iter().find(|setting| setting.key == long)
    };
    let emulators = || if is_emulators(arg) { said(&[EMULATOR_TABLE.to_owned()]) } else { None };
    (1..=path.len()).rev().find_map(|length| said(&path[..length])).or_else(emulators).or_else(|| said(&[]))
}

/// A value as the command line would give it; files are beside the project's own.
fn values(arg: &Arg, given: &Given, folder: &Path) -> Vec<OsString> {
    let texts = match given {
        Given::Flag(flag) => vec![flag.to_string()],
        Given::One(text) => vec![text.clone()],
        Given::Many(texts) => texts.clone(),
    };
    let is_path = matches!(arg.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath);
    let value = |text: String| if is_path && text != "-" { folder.join(text).into_os_string() } else { text.into() };
    texts.into_iter().map(value).collect()
}

/// The first thing in the file that no command knows, or that its flag does not take.
fn fault(tree: &Command, project: &Project) -> Option<(At, String)> {
    let takers = takers(tree);
    project.tables.iter().find_map(|table| {
        let hearing: Vec<&Taker> = takers.iter().filter(|taker| taker.hears(&table.path)).collect();
        if hearing.is_empty() {
            return Some((table.at, unknown_table(&takers, &table.path)));
        }
        table.settings.iter().find_map(|setting| {
            let reason = unusable(&takers, &hearing, table, setting)?;
            Some((
                setting.at,
                format!("{}: {reason}", [table.path.as_slice(), std::slice::from_ref(&setting.key)].concat().join(".")),
            ))
        })
    })
}

fn unknown_table(takers: &[Taker], path: &[String]) -> String {
    let name = path.join(".");
    let mut known: Vec<String> =
        takers.iter().flat_map(|taker| (1..=taker.path.len()).map(|length| taker.path[..length].join("."))).collect();
    known.extend(OWN_TABLES.map(str::to_owned));
    format!("there is no command for the table `{name}`{}", meant(&name, known.iter().map(String::as_str)))
}

fn unusable(takers: &[Taker], hearing: &[&Taker], table: &Table, setting: &Setting) -> Option<String> {
    let has_name = |taker: &&Taker| taker.arg.get_long() == Some(setting.key.as_str());
    let named: Vec<&&Taker> = hearing.iter().filter(|taker| has_name(taker)).collect();
    if named.is_empty() {
        if let Some(other) = takers.iter().find(has_name) {
            let other = other.path.join(" ");
            return Some(format!("`tapdeck {}` has no such flag, `tapdeck {other}` has", table.path.join(" ")));
        }
        let tables = OWN_TABLES.into_iter().filter(|_| table.path.is_empty());
        let known = hearing.iter().filter_map(|taker| taker.arg.get_long()).chain(tables);
        return Some(format!("there is no such flag{}", meant(&setting.key, known)));
    }
    named.into_iter().find_map(|taker| {
        let reason = refused(&taker.arg, &setting.given)?;
        // At the file's own level a value must suit every command.
        let suits_some = table.path.is_empty()
            && hearing
                .iter()
                .filter(|taker| has_name(taker))
                .any(|taker| refused(&taker.arg, &setting.given).is_none());
        Some(match suits_some {
            true => format!("{reason}, in `tapdeck {}`: write it under the command it is for", taker.path.join(" ")),
            false => reason,
        })
    })
}

/// Why a flag does not take a value, in the words of its own parser.
fn refused(arg: &Arg, given: &Given) -> Option<String> {
    let texts = match given {
        Given::Flag(_) if is_switch(arg) => return None,
        _ if is_switch(arg) => return Some("write true or false".into()),
        Given::Flag(_) => return Some("write a text or a number".into()),
        Given::Many(_) if !is_repeatable(arg) => return Some("it takes one value, not a list".into()),
        Given::Many(texts) => texts.clone(),
        Given::One(text) => vec![text.clone()],
    };
    texts.iter().find_map(|text| refused_text(arg, text))
}

fn refused_text(arg: &Arg, text: &str) -> Option<String> {
    let probe = Command::new("tapdeck").no_binary_name(true).disable_help_flag(true);
    let probe = probe.arg(Arg::new("value").long("value").value_parser(arg.get_value_parser().clone()));
    let error = probe.try_get_matches_from([format!("--value={text}")]).err()?;
    let shown = if is_secret(arg) { String::new() } else { format!("{text:?}: ") };
    if let Some(source) = std::error::Error::source(&error) {
        return Some(format!("{shown}{source}"));
    }
    let known = match error.get(clap::error::ContextKind::ValidValue) {
        Some(clap::error::ContextValue::Strings(known)) => known.clone(),
        _ => return Some(format!("{shown}it is no such value")),
    };
    Some(format!("{shown}it is one of {}{}", known.join(", "), meant(text, known.iter().map(String::as_str))))
}

/// The table of the flags that make the emulator.
pub(super) const EMULATOR_TABLE: &str = "emulator";
/// Tables that are no command's.
const OWN_TABLES: [&str; 5] = [EMULATOR_TABLE, "rules", "title", "volatile", "bound"];
const HINT: &str = "`tapdeck config show` tells what is set, `tapdeck config schema` what can be";

#[cfg(test)]
mod tests;
