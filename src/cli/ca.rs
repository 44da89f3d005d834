//! `tapdeck ca`: the certificate authority clients must trust.

mod doctor;
mod environment;
mod install;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::destination::Destination;
use super::failure::told;
use super::options::writable;
use super::{Code, Failure, Home, print, say, session};
use crate::intercept::authority::{Existing, KeyKind, Limit, Made, Wish};
use crate::intercept::{Authority, AuthorityError};
use environment::Shell;

/// What to do with it.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make the authority now; it is made on first use anyway
    #[command(after_help = CREATE_EXAMPLES)]
    Create(CreateOptions),
    /// Take over an authority of your own instead, with its key
    #[command(after_help = "Example:\n  tapdeck ca import --cert studio-ca.pem --key studio-ca.key")]
    Import(ImportOptions),
    /// Tell what it is: name, fingerprint, limits, validity
    #[command(after_help = "Example:\n  tapdeck ca show")]
    Show(Home),
    /// Print where its certificate lies, making it when there is none
    #[command(after_help = "Example:\n  curl --cacert $(tapdeck ca path) -x http://127.0.0.1:8888 …")]
    Path(Home),
    /// Write its certificate to standard output, or to a file
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportOptions),
    /// Make this machine trust it: the system's store, and those of browsers
    #[command(after_help = install::EXAMPLES)]
    Install(install::Options),
    /// Undo what `install` did, and nothing else
    #[command(after_help = "Example:\n  tapdeck ca uninstall --dry-run      what would be run")]
    Uninstall(install::Options),
    /// Find out whether this machine's clients get through, by real handshakes
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::Options),
}

#[derive(Debug, clap::Args)]
pub(super) struct CreateOptions {
    #[command(flatten)]
    home: Home,
    /// A host name with all below it, an address or a network that it may vouch for as well (repeatable); xboxlive.com,
    /// localhost and this machine's loopback addresses it always may
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<Limit>,
    /// RSA keys, for old stacks that know no elliptic curves
    #[arg(long)]
    rsa: bool,
    #[command(flatten)]
    existing: Replace,
}

#[derive(Debug, clap::Args)]
pub(super) struct ImportOptions {
    #[command(flatten)]
    home: Home,
    /// Its certificate, PEM; those above it may follow
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    /// Its private key, PEM, without a password
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    existing: Replace,
}

#[derive(Debug, clap::Args)]
struct Replace {
    /// Put an authority that is there aside; every client then has to trust the new one
    #[arg(long, visible_alias = "force")]
    replace: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ExportOptions {
    #[command(flatten)]
    home: Home,
    /// The certificate's form
    #[arg(long, default_value = "pem")]
    format: Form,
    /// The shell that lines of `env` are for
    #[arg(long, default_value = Shell::USUAL)]
    shell: Shell,
    /// Write to this file instead, which PowerShell's `>` would spoil
    #[arg(short, long, value_name = "FILE", value_parser = writable)]
    output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    overwrite: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Form {
    /// Base64 text
    Pem,
    /// Binary
    Der,
    /// A PKCS#12 store that trusts it, for Java and Windows; its password is `changeit`
    P12,
    /// Lines for a shell that make the programs it starts trust it
    Env,
}

pub(super) fn run(command: &Command) -> Result<Code, Failure> {
    match command {
        Command::Create(options) => create(options)?,
        Command::Import(options) => import(options)?,
        Command::Show(home) => show(&there(home)?)?,
        Command::Path(home) => print(&format!("{}\n", open(home)?.path().display()))?,
        Command::Export(options) => export(options)?,
        Command::Install(options) => install::install(options)?,
        Command::Uninstall(options) => install::uninstall(options)?,
        Command::Doctor(options) => return session::block_on(doctor::run(options)),
    }
    Ok(Code::Clean)
}

/// The authority of a home, made when there is none.
pub(super) fn open(home: &Home) -> Result<Authority, Failure> {
    Authority::load_or_create(&home.dir()?).map_err(failure)
}

/// The authority of a home, which has to be there: nobody is to trust one that was made by mistake.
fn there(home: &Home) -> Result<Authority, Failure> {
    let dir = home.dir()?;
    if dir.join("ca").exists() {
        return Authority::load(&dir).map_err(failure);
    }
    let hint = "`tapdeck ca create` makes one; with sudo, say where yours is kept: `--home DIR`";
    Err(Failure::runtime(format!("there is no certificate authority in {}", dir.display())).hint(hint))
}

fn create(options: &CreateOptions) -> Result<(), Failure> {
    let key = if options.rsa { KeyKind::Rsa } else { KeyKind::Ec };
    let wish = Wish { hosts: options.hosts.clone(), key, existing: options.existing.wished() };
    let made = Authority::make(&options.home.dir()?, &wish).map_err(failure)?;
    say(&format!("made {}", made.authority.path().display()));
    tell(&made);
    Ok(())
}

fn import(options: &ImportOptions) -> Result<(), Failure> {
    let read = |path: &Path| {
        let hint = "check the path";
        fs::read(path).map_err(|error| Failure::input(format!("cannot read {}: {error}", path.display())).hint(hint))
    };
    let (certificate, key) = (read(&options.cert)?, read(&options.key)?);
    let imported = Authority::import(&options.home.dir()?, &certificate, &key, options.existing.wished());
    let made = imported.map_err(failure)?;
    say(&format!("took over {} as {}", options.cert.display(), made.authority.path().display()));
    tell(&made);
    Ok(())
}

/// What whoever made an authority has to know.
fn tell(made: &Made) {
    let bounds = &made.authority.facts().bounds;
    say(&format!("it may vouch for {bounds}"));
    for limit in bounds.everybodys() {
        let within = if limit.is_of_name() { "every name that ends in" } else { "every address in" };
        say(&format!(
            "warning: that is {within} {limit}: whoever gets hold of its key can pose as any of those before clients that \
             trust it; name the hosts themselves, with --host"
        ));
    }
    if let Some(before) = &made.before {
        say(&format!("the one before lies in {}", before.display()));
        say("clients that trust that one must be made to trust this one, and a deck that runs must be started again");
    }
}

fn show(authority: &Authority) -> Result<(), Failure> {
    let facts = authority.facts();
    let expired = if SystemTime::now() > facts.until { " (expired; `tapdeck ca create --replace`)" } else { "" };
    print(&format!(
        "certificate  {}\nsubject      {}\nsha256       {}\nmay vouch    {}\nvalid        {} to {}{expired}\nkey          {}\n",
        authority.path().display(),
        facts.subject,
        authority.fingerprint(),
        facts.bounds,
        day(facts.from),
        day(facts.until),
        facts.key,
    ))
}

fn export(options: &ExportOptions) -> Result<(), Failure> {
    let output = options.output.as_deref();
    if let Some(file) = output.filter(|file| file.is_file() && !options.overwrite) {
        let hint = "give --overwrite to replace it, or another name";
        return Err(Failure::usage(format!("{} exists", file.display())).hint(hint));
    }
    let destination = Destination::open(output.unwrap_or_else(|| Path::new("-")))?;
    let authority = open(&options.home)?;
    let bytes = match options.format {
        Form::Pem => authority.cert_pem().as_bytes().to_vec(),
        Form::Der => authority.cert_der().to_vec(),
        Form::P12 => authority.cert_p12(),
        Form::Env => environment::lines(&authority, &options.home.dir()?, options.shell)?.into_bytes(),
    };
    if let Some(file) = destination.write(&bytes)? {
        say(&format!("wrote {}", file.display()));
    }
    Ok(())
}

/// A day as it is written everywhere: `2026-11-21`.
fn day(moment: SystemTime) -> String {
    jiff::Timestamp::try_from(moment).map(|moment| moment.strftime("%F").to_string()).unwrap_or_default()
}

impl Replace {
    fn wished(&self) -> Existing {
        if self.replace { Existing::Aside } else { Existing::Stays }
    }
}

pub(super) fn failure(error: AuthorityError) -> Failure {
    match error {
        AuthorityError::Exists(_) => {
            Failure::runtime(told(&error)).hint("`--replace` puts it aside; every client then has to trust the new one")
        }
        AuthorityError::Refused(_) => Failure::input(told(&error)).hint("docs/trust.md says what an authority needs"),
        _ => Failure::runtime(told(&error)).hint("`tapdeck ca path` says where it is kept; TAPDECK_HOME moves it"),
    }
}

const CREATE_EXAMPLES: &str = "\
Examples:
  tapdeck ca create --home ./studio
  tapdeck ca create --replace --host api.example.com --host 10.0.0.0/8
                                                      for hosts of your own, and clients that use a LAN address
  tapdeck ca create --replace --rsa                   for old TLS stacks";

const EXPORT_EXAMPLES: &str = "\
Examples:
  tapdeck ca export -o ca.pem && curl --cacert ca.pem -x http://127.0.0.1:8888 …
  tapdeck ca export --format der -o ca.cer            for Windows and consoles
  tapdeck ca export --format p12 -o ca.p12            for Java
  eval \"$(tapdeck ca export --format env)\"            for what this shell starts
  tapdeck ca export --format env --shell powershell | Out-String | Invoke-Expression";
