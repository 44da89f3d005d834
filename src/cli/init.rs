//! `tapdeck init`: what a project needs to keep cassettes, written once.

use std::path::{Path, PathBuf};

use super::{Code, Failure, say};
use crate::config;

/// Where, and how boldly.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The project's directory; it is made if need be
    #[arg(default_value = ".", value_name = "DIR")]
    dir: PathBuf,
    /// Replace files that are there already
    #[arg(long)]
    force: bool,
}

pub(super) fn run(options: &Options) -> Result<Code, Failure> {
    let dir = &options.dir;
    if dir.exists() && !dir.is_dir() {
        return Err(Failure::usage(format!("{} is no directory", dir.display())).hint("name one, there or to be made"));
    }
    for (name, text) in FILES {
        say(&whole(&dir.join(name), text, options.force)?);
    }
    for (name, lines) in LINES {
        say(&appended(&dir.join(name), lines)?);
    }
    say(NEXT);
    Ok(Code::Clean)
}

/// Writes a file, unless there is one.
fn whole(path: &Path, text: &str, force: bool) -> Result<String, Failure> {
    if path.exists() && !force {
        return Ok(format!("kept   {} (--force replaces it)", path.display()));
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
    }
    std::fs::write(path, text).map_err(|error| unwritten(path, &error))?;
    Ok(format!("wrote  {}", path.display()))
}

/// Adds the lines a file has not got yet.
fn appended(path: &Path, lines: &[&str]) -> Result<String, Failure> {
    let before = match path.exists() {
        true => {
            config::text_of(path).map_err(|error| Failure::usage(error.to_string()).hint("nothing was added to it"))?
        }
        false => String::new(),
    };
    let missing: Vec<&str> =
        lines.iter().copied().filter(|line| !before.lines().any(|had| had.trim() == *line)).collect();
    if missing.is_empty() {
        return Ok(format!("kept   {} (it has all it needs)", path.display()));
    }
    let gap = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    let text = format!("{before}{gap}{}\n", missing.join("\n"));
    std::fs::write(path, text).map_err(|error| unwritten(path, &error))?;
    Ok(format!("added  to {}: {}", path.display(), missing.join("; ")))
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::runtime(format!("cannot write {}: {error}", path.display())).hint("check the directory's permissions")
}

const FILES: [(&str, &str); 2] = [
    (config::NAME, include_str!("../../docs/tapdeck.toml")),
    (".github/workflows/tapdeck.yml", include_str!("init/tapdeck.yml")),
];

const LINES: [(&str, &[&str]); 2] = [
    // Cassettes are reviewed as text, with the same bytes everywhere.
    (".gitattributes", &["*.cassette.json text eol=lf linguist-generated=false"]),
    // A journal is what a recording leaves only while it runs, or when it was killed.
    (".gitignore", &["*.cassette.jsonl"]),
];

const NEXT: &str = "\
next:
  tapdeck config show                                      what is set, and by what
  tapdeck record --upstream emulator lobby.cassette.json   make a first recording, and commit it
  tapdeck check lobby.cassette.json                        what the workflow does on every push; other CI can do it, too";

pub(super) const EXAMPLES: &str = "\
Examples:
  tapdeck init              set this directory up
  tapdeck init --force ./game

It writes tapdeck.toml and .github/workflows/tapdeck.yml unless they are there, and adds lines to .gitattributes and
.gitignore that they have not got.";
