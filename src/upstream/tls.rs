//! TLS towards the service: one crypto provider, and whose certificates are believed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls_platform_verifier::Verifier;

/// Why the service's certificates could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file of extra roots could not be read.
    #[error("reading certificates of `{}`", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        #[source]
        source: pem::Error,
    },
    /// The file of extra roots holds none.
    #[error("no certificate in `{}`", .0.display())]
    NoRoots(PathBuf),
    /// The platform's trust store would not load.
    #[error("loading the platform's trusted certificates")]
    Platform(#[source] rustls::Error),
}

/// The crypto provider of every TLS leg; nothing is installed process-wide.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A client configuration that trusts what the platform trusts, and the roots in `extra` as well.
pub(super) fn client_config(extra: Option<&Path>) -> Result<ClientConfig, TrustError> {
    let roots = extra.map(read_roots).transpose()?.unwrap_or_default();
    let verifier = Verifier::new_with_extra_roots(roots, provider()).map_err(TrustError::Platform)?;
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Platform)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

fn read_roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let read = std::fs::read(path).map_err(pem::Error::Io).and_then(|text| {
        // Editors of Windows may begin a file with a mark, and the first certificate would be overlooked behind it.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>()
    });
    let roots = read.map_err(|source| TrustError::Roots { path: path.to_owned(), source })?;
    if roots.is_empty() {
        return Err(TrustError::NoRoots(path.to_owned()));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = client_config(Some(file.path())).unwrap_err();
        assert!(error.to_string().contains(&file.path().display().to_string()), "{error}");
        assert!(matches!(client_config(Some(Path::new("/nowhere/at/all"))), Err(TrustError::Roots { .. })));
    }

    #[test]
    fn roots_are_read_as_editors_of_windows_save_them() {
        let root = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("\u{feff}{}", root.pem().replace('\n', "\r\n"))).unwrap();
        assert_eq!(read_roots(file.path()).unwrap(), [root.der().clone()]);
    }
}
