//! `tapdeck completions` and `tapdeck man`: the command line as shells and manuals know it.

use std::io;
use std::path::{Path, PathBuf};

use clap_complete::Shell;

use super::{Code, Failure, layers, print_bytes, say};

/// For which shell.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The shell
    shell: Shell,
}

/// Where the manual goes.
#[derive(Debug, clap::Args)]
pub(super) struct ManOptions {
    /// The directory for the pages; it is made if need be
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Writes a shell's script to standard output.
pub(super) fn run(options: &Options) -> Result<Code, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut layers::tree(), NAME, &mut script);
    print_bytes(&script)?;
    Ok(Code::Clean)
}

/// Writes a page for each command.
pub(super) fn manual(options: &ManOptions) -> Result<Code, Failure> {
    let dir = &options.dir;
    let mut tree = layers::tree().disable_help_subcommand(true);
    tree.build();
    std::fs::create_dir_all(dir).and_then(|()| pages(&tree, dir)).map_err(|error| {
        Failure::runtime(format!("cannot write to {}: {error}", dir.display())).hint("name a directory of yours")
    })?;
    say(&format!("wrote the manual; `man -l {}` shows its first page", dir.join("tapdeck.1").display()));
    Ok(Code::Clean)
}

/// The page of a command, and those of what is below it.
fn pages(command: &clap::Command, dir: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        pages(below, dir)?;
    }
    let page = clap_mangen::Man::new(command.clone());
    let mut text = Vec::new();
    page.render(&mut text)?;
    // Examples keep their lines.
    let text = String::from_utf8_lossy(&text).replace("\n.SH EXTRA\n", "\n.SH EXAMPLES\n.nf\n");
    std::fs::write(dir.join(page.get_filename()), text)
}

const NAME: &str = "tapdeck";

pub(super) const EXAMPLES: &str = "\
Examples:
  tapdeck completions bash > ~/.local/share/bash-completion/completions/tapdeck
  tapdeck completions zsh > ~/.zfunc/_tapdeck                 (with ~/.zfunc in fpath)
  tapdeck completions fish > ~/.config/fish/completions/tapdeck.fish
  tapdeck completions powershell | Out-String | Invoke-Expression

`tapdeck man DIR` writes the manual's pages.";

pub(super) const MAN_EXAMPLES: &str = "\
Example:
  tapdeck man ~/.local/share/man/man1";
