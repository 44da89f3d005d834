//! `tapdeck ca`: the certificate authority clients must trust.

use super::failure::told;
use super::{Code, Failure, Home, print, print_bytes, say};
use crate::intercept::{Authority, AuthorityError};

/// What to do with it.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make the authority now; it is made on first use anyway
    #[command(after_help = "Example:\n  tapdeck ca create --home ./studio")]
    Create(Home),
    /// Print where its certificate lies, making it when there is none
    #[command(after_help = "Example:\n  curl --cacert $(tapdeck ca path) -x http://127.0.0.1:8888 …")]
    Path(Home),
    /// Write its certificate to standard output
    #[command(
        after_help = "Examples:\n  tapdeck ca export > ca.pem && curl --cacert ca.pem -x http://127.0.0.1:8888 …\n  tapdeck ca export --format der > ca.cer"
    )]
    Export(ExportOptions),
}

#[derive(Debug, clap::Args)]
pub(super) struct ExportOptions {
    #[command(flatten)]
    home: Home,
    /// The certificate's form
    #[arg(long, default_value = "pem")]
    format: Form,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Form {
    /// Base64 text
    Pem,
    /// Binary
    Der,
    /// A PKCS#12 store that trusts it, for Java and Windows; its password is `changeit`
    P12,
}

pub(super) fn run(command: &Command) -> Result<Code, Failure> {
    match command {
        Command::Create(home) => {
            let authority = Authority::create(&home.dir()?).map_err(failure)?;
            say(&format!("made {}", authority.path().display()));
        }
        Command::Path(home) => print(&format!("{}\n", open(home)?.path().display()))?,
        Command::Export(options) => export(options)?,
    }
    Ok(Code::Clean)
}

/// The authority of a home, made when there is none.
pub(super) fn open(home: &Home) -> Result<Authority, Failure> {
    Authority::load_or_create(&home.dir()?).map_err(failure)
}

fn export(options: &ExportOptions) -> Result<(), Failure> {
    let authority = open(&options.home)?;
    match options.format {
        Form::Pem => print(authority.cert_pem()),
        Form::Der => print_bytes(authority.cert_der()),
        Form::P12 => print_bytes(&authority.cert_p12()),
    }
}

pub(super) fn failure(error: AuthorityError) -> Failure {
    Failure::runtime(told(&error)).hint("`tapdeck ca path` says where it is kept; TAPDECK_HOME moves it")
}
