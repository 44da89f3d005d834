//! Trust for what one shell starts: files that last, and lines that name them.

use std::ffi::OsStr;
use std::path::Path;

use crate::cli::Failure;
use crate::cli::run::surroundings::{named_roots, trusting};
use crate::cli::run::trust::Trust;
use crate::intercept::Authority;
use crate::platform;

/// Who reads the lines.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Shell {
    /// sh, bash, zsh
    Posix,
    /// PowerShell
    Powershell,
}

impl Shell {
    /// The one this system comes with.
    pub(super) fn usual() -> &'static str {
        if platform::system() == "windows" { "powershell" } else { "posix" }
    }

    fn set(self, name: &str, value: &OsStr) -> String {
        let value = value.to_string_lossy();
        match self {
            Self::Posix => format!("export {name}={}\n", quoted(&value)),
            Self::Powershell => format!("$env:{name} = '{}'\n", value.replace('\'', "''")),
        }
    }

    fn undo(self, names: &[&str]) -> String {
        match self {
            Self::Posix => format!("# undo: unset {}\n", names.join(" ")),
            Self::Powershell => {
                let names: Vec<String> = names.iter().map(|name| format!("Env:{name}")).collect();
                format!("# undo: Remove-Item {}\n", names.join(", "))
            }
        }
    }
}

/// A word as a POSIX shell reads it back.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-:=,@%+".contains(char);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The lines that make a shell's programs trust an authority, beside whom they trust now.
pub(super) fn lines(authority: &Authority, home: &Path, shell: Shell) -> Result<String, Failure> {
    let of = |name: &str| std::env::var_os(name);
    let home = std::path::absolute(home).unwrap_or_else(|_| home.to_owned());
    let trust = Trust::lasting(authority, &named_roots(of), &home.join("env"))?;
    let variables = trusting(&trust, of);
    let set: String = variables.iter().map(|(name, value)| shell.set(name, value)).collect();
    let names: Vec<&str> = variables.iter().map(|(name, _)| *name).collect();
    Ok(format!("{set}{}", shell.undo(&names)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word() {
        assert_eq!(quoted("/home/me/ca.pem"), "/home/me/ca.pem");
        assert_eq!(quoted("it's here"), r"'it'\''s here'");
        assert_eq!(Shell::Powershell.set("A", OsStr::new("it's")), "$env:A = 'it''s'\n");
    }
}
