//! One thing done to one store: how it is done, how it is undone, and whether it is there.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Run;
use crate::intercept::Authority;
use crate::intercept::authority::{certificates_in, fingerprint};

/// Trust in one certificate, put into one store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "store", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Deed {
    /// The system's store, of the Debian family.
    System {
        /// The file in it.
        file: PathBuf,
        /// The certificate's fingerprint.
        sha256: String,
    },
    /// An NSS database.
    Nss {
        /// Its folder.
        database: PathBuf,
        /// What the certificate is called in it.
        name: String,
        /// The certificate's fingerprint.
        sha256: String,
    },
}

impl Deed {
    /// What is done to this system's store, where it is one we know.
    pub(super) fn of_system(authority: &Authority) -> Option<Self> {
        let is_debian = Path::new("/etc/debian_version").is_file();
        let file = Path::new(LOCAL).join(format!("{}.crt", name(authority)));
        is_debian.then(|| Self::System { file, sha256: authority.fingerprint() })
    }

    /// What is done to an NSS database.
    pub(super) fn of_nss(authority: &Authority, database: &Path) -> Self {
        Self::Nss { database: database.to_owned(), name: name(authority), sha256: authority.fingerprint() }
    }

    /// True for what [`Deed::of_system`] and [`Deed::of_nss`] make. Root undoes what a file says that its owner may write.
    pub(super) fn is_ours(&self) -> bool {
        match self {
            Self::System { file, .. } => {
                let file = file.to_str().and_then(|file| file.strip_prefix(LOCAL)?.strip_prefix('/'));
                file.and_then(|file| file.strip_suffix(".crt")).is_some_and(is_name)
            }
            Self::Nss { name, .. } => is_name(name),
        }
    }

    pub(super) fn is_system(&self) -> bool {
        matches!(self, Self::System { .. })
    }

    /// The commands that do it, given the certificate's file.
    pub(super) fn doing(&self, certificate: &Path) -> Vec<Run> {
        let certificate = certificate.display().to_string();
        match self {
            Self::System { file, .. } => {
                let file = file.display().to_string();
                vec![Run::new(&["install", "-D", "-m", "644", &certificate, &file]), Run::new(&[UPDATE])]
            }
            Self::Nss { database, name, .. } => {
                let database = sql(database);
                vec![Run::new(&[CERTUTIL, "-A", "-a", "-d", &database, "-t", "C,,", "-n", name, "-i", &certificate])]
            }
        }
    }

    /// The commands that undo it; none where nothing is left of it.
    pub(super) fn undoing(&self) -> Vec<Run> {
        match self {
            Self::System { file, .. } => {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                vec![Run::new(&["rm", "-f", &file.display().to_string()]), Run::new(&["sh", "-c", UNLIST, "sh", &name])]
            }
            Self::Nss { database, name, .. } if database.exists() && self.could_be_there() => {
                vec![Run::new(&[CERTUTIL, "-D", "-d", &sql(database), "-n", name])]
            }
            Self::Nss { .. } => Vec::new(),
        }
    }

    /// True unless it is known to be gone: a tool that is missing says nothing.
    fn could_be_there(&self) -> bool {
        let is_answered = Run::new(&[CERTUTIL, "-H"]).is_found();
        !is_answered || self.found().is_some()
    }

    /// True when the store holds that certificate.
    pub(super) fn is_there(&self) -> bool {
        self.found().is_some_and(|found| found == self.sha256())
    }

    /// True when the place was taken by another certificate since.
    pub(super) fn is_somebody_elses(&self) -> bool {
        self.found().is_some_and(|found| found != self.sha256())
    }

    fn sha256(&self) -> &str {
        match self {
            Self::System { sha256, .. } | Self::Nss { sha256, .. } => sha256,
        }
    }

    /// The fingerprint of what is in its place now.
    fn found(&self) -> Option<String> {
        let pem = match self {
            Self::System { file, .. } => std::fs::read(file).ok()?,
            Self::Nss { database, name, .. } => {
                Run::new(&[CERTUTIL, "-L", "-a", "-d", &sql(database), "-n", name]).output().ok()?
            }
        };
        certificates_in(&pem).and_then(|found| found.first().map(|certificate| fingerprint(certificate)))
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System { .. } => f.write_str("the system's store"),
            Self::Nss { database, .. } => write!(f, "the NSS database {}", database.display()),
        }
    }
}

/// What the certificate is called in stores: no two authorities share it.
pub(super) fn name(authority: &Authority) -> String {
    let short: String =
        authority.fingerprint().to_lowercase().chars().filter(char::is_ascii_hexdigit).take(16).collect();
    format!("tapdeck-{short}")
}

/// True for what [`name`] gives.
fn is_name(text: &str) -> bool {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.strip_prefix("tapdeck-").is_some_and(|short| short.len() == 16 && short.bytes().all(is_digit))
}

fn sql(database: &Path) -> String {
    format!("sql:{}", database.display())
}

/// NSS's own tool; Windows has another by that name.
pub(super) const CERTUTIL: &str = "certutil";
const UPDATE: &str = "update-ca-certificates";
const LOCAL: &str = "/usr/local/share/ca-certificates";
/// Updates the system's store without the file of that name: only a certificate that its list rules out is taken from
/// Java's store as well, and its links go.
const UNLIST: &str = "list=$(mktemp) && { cat /etc/ca-certificates.conf; printf '!%s\\n' \"$1\"; } > \"$list\" && \
                      update-ca-certificates --certsconf \"$list\"; done=$?; rm -f \"$list\"; exit $done";
