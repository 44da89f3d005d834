//! What the command trusts: everything this machine trusts and our authority, in the forms its libraries read.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use super::jks;
use crate::cli::{Failure, say};
use crate::intercept::Authority;
use crate::intercept::authority::{armoured, certificates_in};
use crate::platform;

/// Files with whom to trust.
#[derive(Debug)]
pub(in crate::cli) struct Trust {
    folder: PathBuf,
    /// Takes the files with it, unless they are to last.
    _held: Option<TempDir>,
}

impl Trust {
    /// Writes files that are gone when this is. `named` are files of roots that the environment names already.
    pub(super) fn new(authority: &Authority, named: &[PathBuf]) -> Result<Self, Failure> {
        let held = platform::private_folder(PREFIX).map_err(|error| unwritten(&error))?;
        let trust = Self { folder: held.path().to_owned(), _held: Some(held) };
        trust.write(authority, named, None)
    }

    /// Writes files that last, to a folder.
    pub(in crate::cli) fn lasting(authority: &Authority, named: &[PathBuf], folder: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(folder).map_err(|error| unwritten(&error))?;
        let trust = Self { folder: folder.to_owned(), _held: None };
        // The environment may name these very files: an authority that was replaced since does not stay in them.
        let pem = std::fs::read(trust.own()).ok();
        let before = pem.and_then(|pem| certificates_in(&pem)?.into_iter().next());
        trust.write(authority, named, before.as_deref())
    }

    fn write(self, authority: &Authority, named: &[PathBuf], without: Option<&[u8]>) -> Result<Self, Failure> {
        let roots = roots(authority, named, without);
        let bundle: String = roots.iter().map(|root| armoured("CERTIFICATE", root)).collect();
        let written = private(&self.bundle(), bundle.as_bytes())
            .and_then(|()| private(&self.own(), authority.cert_pem().as_bytes()))
            .and_then(|()| private(&self.java(), &jks::trust_store(roots.iter().map(Vec::as_slice))));
        written.map(|()| self).map_err(|error| unwritten(&error))
    }

    /// All roots, as PEM.
    pub(super) fn bundle(&self) -> PathBuf {
        self.folder.join("roots.pem")
    }

    /// Our authority alone, as PEM.
    pub(super) fn own(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// All roots, as Java reads them.
    pub(super) fn java(&self) -> PathBuf {
        self.folder.join("roots.jks")
    }
}

fn unwritten(error: &io::Error) -> Failure {
    Failure::runtime(format!("cannot write what is to be trusted: {error}")).hint("is there room on the disk?")
}

/// The machine's roots and those of files that are named, but for one; and ours.
fn roots(authority: &Authority, named: &[PathBuf], without: Option<&[u8]>) -> BTreeSet<Vec<u8>> {
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        say(&format!("note: a root of this machine is left out: {error}"));
    }
    let mut roots: BTreeSet<_> = native.certs.into_iter().map(|root| root.to_vec()).collect();
    for file in named {
        let read = rustls_native_certs::load_certs_from_paths(Some(file), None);
        for error in &read.errors {
            say(&format!("note: a root of {} is left out: {error}", file.display()));
        }
        roots.extend(read.certs.into_iter().map(|root| root.to_vec()));
    }
    if let Some(without) = without {
        roots.remove(without);
    }
    roots.insert(authority.cert_der().to_vec());
    roots
}

/// Writes a file that only we can read: nobody else is to say whom the command trusts.
fn private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    platform::persist(file, path)
}

const PREFIX: &str = "tapdeck-";

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    fn authority() -> (TempDir, Authority) {
        let home = tempfile::tempdir().unwrap();
        let authority = Authority::create(home.path()).unwrap();
        (home, authority)
    }

    #[test]
    fn the_bundle_holds_ours_and_what_was_trusted_before() {
        let ((_home, ours), (other_home, other)) = (authority(), authority());
        let before = rustls_native_certs::load_native_certs().certs;
        let trust = Trust::new(&ours, &[other.path().to_owned(), other_home.path().join("nowhere.pem")]).unwrap();
        let bundle: BTreeSet<_> =
            CertificateDer::pem_file_iter(trust.bundle()).unwrap().map(|root| root.unwrap().to_vec()).collect();
        let wanted = before.iter().chain([ours.cert_der(), other.cert_der()]).map(|root| root.to_vec());
        assert_eq!(bundle, wanted.collect());
        let own = CertificateDer::from_pem_file(trust.own()).unwrap();
        assert_eq!(&own, ours.cert_der());
    }

    #[test]
    #[cfg(unix)]
    fn its_files_are_ours_alone_and_go_with_it() {
        use std::os::unix::fs::PermissionsExt;
        let (_home, authority) = authority();
        let trust = Trust::new(&authority, &[]).unwrap();
        let folder = trust.folder.clone();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for file in [trust.bundle(), trust.own(), trust.java()] {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
        drop(trust);
        assert!(!folder.exists());
    }
}
