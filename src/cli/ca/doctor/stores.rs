//! Where programs of this machine look for whom to trust, and whether our authority is there.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::cli::ca::install;
use crate::intercept::Authority;
use crate::intercept::authority::certificates_in;

/// One place.
pub(super) struct Store {
    name: String,
    place: PathBuf,
    knows: Knows,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Knows {
    Yes,
    No,
    /// It cannot be read, or there is nothing to read it with.
    Unread,
}

/// Looks into every place there is.
pub(super) fn look(authority: &Authority) -> Vec<Store> {
    let mut stores = Vec::new();
    if let Some(bundle) = BUNDLES.iter().map(Path::new).find(|bundle| bundle.is_file()) {
        stores.push(Store::of_file("this system", bundle, authority));
    }
    for name in VARIABLES {
        if let Some(file) = std::env::var_os(name).filter(|file| !file.is_empty()) {
            stores.push(Store::of_file(name, Path::new(&file), authority));
        }
    }
    for database in install::databases() {
        let knows = match install::is_in(authority, &database) {
            Some(true) => Knows::Yes,
            Some(false) => Knows::No,
            None => Knows::Unread,
        };
        stores.push(Store { name: "NSS (browsers)".to_owned(), place: database, knows });
    }
    stores
}

impl Store {
    fn of_file(name: &str, file: &Path, authority: &Authority) -> Self {
        let knows = match std::fs::read(file) {
            // A bundle may hold what cannot be read beside what can.
            Ok(pem) => match certificates_in(&pem) {
                Some(found) if found.contains(authority.cert_der()) => Knows::Yes,
                _ => Knows::No,
            },
            Err(_) => Knows::Unread,
        };
        Self { name: name.to_owned(), place: file.to_owned(), knows }
    }

    /// What to do about it: a variable that leads programs astray counts, a browser's store does not.
    pub(super) fn advice(&self) -> Option<String> {
        let is_variable = VARIABLES.contains(&self.name.as_str());
        (is_variable && self.knows != Knows::Yes).then(|| {
            let name = &self.name;
            format!(
                "{name} names a file without our authority: `eval \"$(tapdeck ca export --format env)\"`, or unset it"
            )
        })
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let knows = match self.knows {
            Knows::Yes => "knows the authority",
            Knows::No => "does not know the authority",
            Knows::Unread => "cannot be read",
        };
        write!(f, "{:20}  {knows}: {}", self.name, self.place.display())
    }
}

/// What a variable of these names counts in place of the system's.
const VARIABLES: [&str; 4] = ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"];
/// Debian, Fedora, openSUSE, Alpine.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
