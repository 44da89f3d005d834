//! `tapdeck ca install` and `uninstall`: this machine's stores, what was done to them, and its exact undoing.

mod deed;
mod ledger;
mod printed;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::environment::quoted;
use super::{Failure, Home, say, there};
use crate::cli::print;
use crate::intercept::Authority;
use crate::platform;
use deed::Deed;
use ledger::Ledger;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    #[command(flatten)]
    home: Home,
    /// Print the commands and run none
    #[arg(long)]
    dry_run: bool,
    /// One kind of store only
    #[arg(long, value_name = "STORE")]
    only: Option<Kind>,
}

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// The system's, which most programs read; needs root
    System,
    /// NSS databases, which Chrome and Firefox read
    Nss,
}

/// A program with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run(Vec<String>);

impl Options {
    fn wants(&self, kind: Kind) -> bool {
        self.only.is_none_or(|only| only == kind)
    }

    /// The same command with root's rights, for the system's store alone.
    fn as_root(&self, verb: &str) -> String {
        let program = std::env::current_exe().map_or_else(|_| "tapdeck".into(), |path| path.display().to_string());
        let home = self.home.dir().map(|home| std::path::absolute(&home).unwrap_or(home));
        let home = home.map(|home| home.display().to_string()).unwrap_or_default();
        format!("sudo {} ca {verb} --only system --home {}", quoted(&program), quoted(&home))
    }
}

/// Makes the stores of this machine trust the authority.
pub(super) fn install(options: &Options) -> Result<(), Failure> {
    let authority = there(&options.home)?;
    let mut ledger = Ledger::read(&options.home.dir()?)?;
    let planned = planned(options, &authority);
    if options.wants(Kind::System) && !planned.iter().any(Deed::is_system) {
        print(&printed::commands(&authority))?;
    }
    let mut failed = None;
    for deed in planned {
        let done = if options.dry_run {
            dry(&deed.doing(authority.path()))
        } else {
            one(&deed, &mut ledger, &authority, options)
        };
        if let Err(failure) = done {
            say(&failure.to_string());
            failed = Some(deed);
        }
    }
    match failed {
        Some(deed) => Err(Failure::runtime(format!("{deed} does not trust the authority"))),
        None => Ok(()),
    }
}

fn one(deed: &Deed, ledger: &mut Ledger, authority: &Authority, options: &Options) -> Result<(), Failure> {
    let is_ours = ledger.holds(deed);
    if !is_ours && deed.is_there() {
        say(&format!("{deed} trusts it already, by somebody else's doing"));
        return Ok(());
    }
    if deed.is_system() && !platform::is_root() {
        return Err(needs_root(&options.as_root("install")));
    }
    // Taken down first: a deed that was cut short is undone as well.
    ledger.add(deed)?;
    if let Err(failure) = all(&deed.doing(authority.path())) {
        if !is_ours && !deed.is_there() {
            ledger.remove(deed)?;
        }
        return Err(failure);
    }
    say(&format!("{deed} trusts it now"));
    Ok(())
}

/// Undoes what was installed, whatever authority there is by now.
pub(super) fn uninstall(options: &Options) -> Result<(), Failure> {
    let mut ledger = Ledger::read(&options.home.dir()?)?;
    let wanted = |deed: &Deed| options.wants(if deed.is_system() { Kind::System } else { Kind::Nss });
    let deeds: Vec<Deed> = ledger.deeds().iter().filter(|deed| wanted(deed)).cloned().collect();
    if deeds.is_empty() {
        say("nothing was installed that could be undone");
    }
    let mut failed = None;
    for deed in deeds {
        let undone = if options.dry_run { dry(&deed.undoing()) } else { undo(&deed, &mut ledger, options) };
        if let Err(failure) = undone {
            say(&failure.to_string());
            failed = Some(deed);
        }
    }
    match failed {
        Some(deed) => Err(Failure::runtime(format!("{deed} still trusts the authority"))),
        None => Ok(()),
    }
}

fn undo(deed: &Deed, ledger: &mut Ledger, options: &Options) -> Result<(), Failure> {
    if deed.is_system() && !platform::is_root() {
        return Err(needs_root(&options.as_root("uninstall")));
    }
    if deed.is_somebody_elses() {
        say(&format!("{deed} holds another certificate by that name now; it is left alone"));
    } else {
        all(&deed.undoing())?;
        say(&format!("{deed} no longer trusts it"));
    }
    ledger.remove(deed)
}

/// What there is to be done on this machine.
fn planned(options: &Options, authority: &Authority) -> Vec<Deed> {
    let mut deeds = Vec::new();
    if options.wants(Kind::System) {
        deeds.extend(Deed::of_system(authority));
    }
    if options.wants(Kind::Nss) {
        let databases = databases();
        if databases.is_empty() {
            say("no NSS database of Chrome or Firefox is found in your home directory");
        }
        deeds.extend(databases.into_iter().map(|database| Deed::of_nss(authority, &database)));
    }
    deeds
}

/// The NSS databases of this user.
pub(super) fn databases() -> Vec<PathBuf> {
    let Some(home) = std::env::var_os("HOME").map(PathBuf::from) else { return Vec::new() };
    let profiles = FIREFOX.iter().filter_map(|folder| std::fs::read_dir(home.join(folder)).ok());
    let profiles = profiles.flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<PathBuf> = CHROME.iter().map(|folder| home.join(folder)).chain(profiles).collect();
    found.retain(|folder| folder.join("cert9.db").is_file());
    found.sort();
    found
}

/// Whether an NSS database holds the authority by the name that is ours; `None` when it cannot be asked.
pub(super) fn is_in(authority: &Authority, database: &std::path::Path) -> Option<bool> {
    let is_askable = Run::new(&[deed::CERTUTIL, "-H"]).is_found();
    is_askable.then(|| Deed::of_nss(authority, database).is_there())
}

fn dry(runs: &[Run]) -> Result<(), Failure> {
    print(&runs.iter().map(|run| format!("{run}\n")).collect::<String>())
}

fn all(runs: &[Run]) -> Result<(), Failure> {
    runs.iter().try_for_each(Run::run)
}

impl Run {
    fn new(words: &[&str]) -> Self {
        Self(words.iter().map(|&word| word.to_owned()).collect())
    }

    /// Runs it to its end, and gives what it printed.
    fn output(&self) -> Result<Vec<u8>, Failure> {
        let Some((program, arguments)) = self.0.split_first() else { return Ok(Vec::new()) };
        let ran = Command::new(program).args(arguments).stdin(Stdio::null()).output();
        let output = ran.map_err(|error| {
            let missing = Failure::runtime(format!("cannot run `{program}`: {error}"));
            let is_nss = program == deed::CERTUTIL;
            missing.hint(if is_nss { "it comes with the package libnss3-tools" } else { "is it in PATH?" })
        })?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let told = String::from_utf8_lossy(&output.stderr);
        let told = told.lines().last().unwrap_or_default().to_owned();
        Err(Failure::runtime(format!("`{self}` failed: {told}")))
    }

    /// True when there is such a program.
    fn is_found(&self) -> bool {
        self.0.split_first().is_some_and(|(program, arguments)| {
            Command::new(program).args(arguments).stdin(Stdio::null()).output().is_ok()
        })
    }

    fn run(&self) -> Result<(), Failure> {
        self.output().map(|_| ())
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<String> = self.0.iter().map(|word| quoted(word)).collect();
        f.write_str(&words.join(" "))
    }
}

fn needs_root(command: &str) -> Failure {
    Failure::runtime("the system's store needs root").hint(format!("`{command}`"))
}

const CHROME: [&str; 2] = [".pki/nssdb", "snap/chromium/current/.pki/nssdb"];
const FIREFOX: [&str; 3] =
    [".mozilla/firefox", "snap/firefox/common/.mozilla/firefox", ".var/app/org.mozilla.firefox/.mozilla/firefox"];

pub(super) const EXAMPLES: &str = "\
Examples:
  tapdeck ca install --dry-run          what would be run
  tapdeck ca install --only nss         Chrome and Firefox; needs no root
  sudo tapdeck ca install --only system --home \"$HOME/.local/share/tapdeck\"
  tapdeck ca uninstall                  undo exactly that";
