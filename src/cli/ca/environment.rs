//! Trust for what one shell starts: files that last, and lines that name them.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::cli::Failure;
use crate::cli::run::surroundings::{named_roots, trusting};
use crate::cli::run::trust::Trust;
use crate::intercept::Authority;
use crate::platform::{self, System};

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
    pub(super) const USUAL: &'static str = match platform::SYSTEM {
        System::Windows => "powershell",
        System::MacOs | System::Other => "posix",
    };

    fn set(self, name: &str, value: &OsStr) -> String {
        let value = value.to_string_lossy();
        match self {
            Self::Posix => format!("export {name}={}", quoted(&value)),
            Self::Powershell => format!("$env:{name} = '{}'", value.replace('\'', "''")),
        }
    }

    fn unset(self, names: &[&str]) -> String {
        match self {
            Self::Posix => format!("unset {}", names.join(" ")),
            Self::Powershell => {
                let names: Vec<String> = names.iter().map(|name| format!("Env:{name}")).collect();
                format!("Remove-Item {}", names.join(", "))
            }
        }
    }

    /// Gives variables what they held before, or nothing where they held nothing.
    fn undo(self, before: &[(&str, Option<OsString>)]) -> String {
        let new: Vec<&str> = before.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
        let unset = (!new.is_empty()).then(|| self.unset(&new));
        let set = before.iter().filter_map(|(name, value)| Some(self.set(name, value.as_ref()?)));
        let steps: Vec<String> = unset.into_iter().chain(set).collect();
        // What is evaluated as it is must not end the comment.
        format!("# undo: {}\n", steps.join("; ").replace(['\n', '\r'], "\n# "))
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
    let set: String = trusting(&trust, of).iter().map(|(name, value)| shell.set(name, value) + "\n").collect();
    let ours = trusting(&trust, |_| None);
    let before: Vec<_> = ours.iter().map(|(name, ours)| (*name, before(of(name), ours))).collect();
    Ok(format!("{set}{}", shell.undo(&before)))
}

/// What a variable held, but for what an earlier run of this command has put at its end.
fn before(now: Option<OsString>, ours: &OsStr) -> Option<OsString> {
    let now = now?.to_string_lossy().into_owned();
    let before = now.strip_suffix(&*ours.to_string_lossy()).unwrap_or(&now).trim_end();
    (!before.is_empty()).then(|| before.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word() {
        assert_eq!(quoted("/home/me/ca.pem"), "/home/me/ca.pem");
        assert_eq!(quoted("it's here"), r"'it'\''s here'");
        let undo = |shell: Shell| shell.undo(&[("A", None), ("B", Some("-x\n-y".into())), ("C", None)]);
        assert_eq!(undo(Shell::Posix), "# undo: unset A C; export B='-x\n# -y'\n");
        assert_eq!(undo(Shell::Powershell), "# undo: Remove-Item Env:A, Env:C; $env:B = '-x\n# -y'\n");
        assert_eq!(Shell::Powershell.set("A", OsStr::new("it's")), "$env:A = 'it''s'");
    }
}
