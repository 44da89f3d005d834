//! TLS towards the service: one crypto provider, and whose certificates are believed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
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
    /// The file of our certificate could not be read.
    #[error("reading our certificate of `{}`", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        #[source]
        source: pem::Error,
    },
    /// The file that should hold our key could not be read, or holds none that is not encrypted.
    #[error("reading our private key of `{}` (an encrypted one must be decrypted first)", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        #[source]
        source: pem::Error,
    },
    /// Our certificate and our key do not belong together, or are of no use.
    #[error("our certificate of `{}` cannot be used with its key", path.display())]
    Identity {
        /// The certificate's file.
        path: PathBuf,
        /// What was wrong with it.
        #[source]
        source: rustls::Error,
    },
    /// Our certificate is of a version that TLS libraries do not take any more.
    #[error(
        "our certificate of `{}` is a version 1 certificate, which nobody takes: make it one of version 3 \
         (`openssl x509 -req` does with -extfile)", .0.display()
    )]
    Version(PathBuf),
    /// The platform's trust store would not load.
    #[error("what this machine trusts cannot be loaded")]
    Platform(#[source] rustls::Error),
}

/// The crypto provider of every TLS leg; nothing is installed process-wide.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A certificate and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The file of the certificate and those that vouch for it.
    pub certificate: PathBuf,
    /// The file of the key; without one, the key stands beside the certificate.
    pub key: Option<PathBuf>,
}

impl Identity {
    /// The file that holds the key.
    pub fn key_file(&self) -> &Path {
        self.key.as_deref().unwrap_or(&self.certificate)
    }

    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TrustError> {
        let chain = read_certificates(&self.certificate);
        let chain = chain.map_err(|source| TrustError::Certificate { path: self.certificate.clone(), source })?;
        if chain.is_empty() {
            return Err(TrustError::NoRoots(self.certificate.clone()));
        }
        let path = self.key_file();
        let text = std::fs::read(path).map_err(pem::Error::Io);
        let key = text.and_then(|text| PrivateKeyDer::from_pem_slice(unmarked(&text)));
        Ok((chain, key.map_err(|source| TrustError::Key { path: path.to_owned(), source })?))
    }
}

/// A client configuration that trusts what the platform trusts, and the roots in `extra` as well; and that shows who we
/// are to whoever asks.
pub(super) fn client_config(extra: Option<&Path>, identity: Option<&Identity>) -> Result<ClientConfig, TrustError> {
    let roots = extra.map(read_roots).transpose()?.unwrap_or_default();
    let verifier = Verifier::new_with_extra_roots(roots, provider()).map_err(TrustError::Platform)?;
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Platform)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let Some(identity) = identity else { return Ok(config.with_no_client_auth()) };
    let (chain, key) = identity.read()?;
    config.with_client_auth_cert(chain, key).map_err(|source| unusable(identity, source))
}

fn unusable(identity: &Identity, source: rustls::Error) -> TrustError {
    let path = identity.certificate.clone();
    match &source {
        // rustls has no word of its own for it.
        rustls::Error::InvalidCertificate(why) if format!("{why:?}").contains("UnsupportedCertVersion") => {
            TrustError::Version(path)
        }
        _ => TrustError::Identity { path, source },
    }
}

fn read_roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let roots = read_certificates(path).map_err(|source| TrustError::Roots { path: path.to_owned(), source })?;
    if roots.is_empty() {
        return Err(TrustError::NoRoots(path.to_owned()));
    }
    Ok(roots)
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let text = std::fs::read(path).map_err(pem::Error::Io)?;
    CertificateDer::pem_slice_iter(unmarked(&text)).collect()
}

/// A PEM text without the mark that editors of Windows may begin it with: what stands behind it would be overlooked.
pub fn unmarked(pem: &[u8]) -> &[u8] {
    pem.strip_prefix(b"\xef\xbb\xbf").unwrap_or(pem)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    #[test]
    fn an_identity_that_is_none_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let made = |name: &str| {
            let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
            (made.cert.pem(), made.signing_key.serialize_pem())
        };
        let ((certificate, key), (_, other)) = (made("a.test"), made("b.test"));
        let at = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let both = Identity { certificate: at("both.pem", &format!("{certificate}{key}")), key: None };
        assert!(client_config(None, Some(&both)).is_ok());
        let apart = Identity { certificate: at("cert.pem", &certificate), key: Some(at("key.pem", &key)) };
        assert!(client_config(None, Some(&apart)).is_ok());
        let saved = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
        let edited = Identity {
            certificate: at("edited-cert.pem", &saved(&certificate)),
            key: Some(at("edited-key.pem", &saved(&key))),
        };
        assert!(client_config(None, Some(&edited)).is_ok(), "editors of Windows save them so");
        let fault = |identity: Identity| client_config(None, Some(&identity)).unwrap_err();
        let keyless = Identity { key: None, ..apart.clone() };
        assert!(matches!(fault(keyless), TrustError::Key { .. }));
        let swapped = Identity { key: Some(at("other.pem", &other)), ..apart.clone() };
        assert!(matches!(fault(swapped), TrustError::Identity { .. }));
        let nobody = Identity { certificate: at("empty.pem", ""), ..apart.clone() };
        assert!(matches!(fault(nobody), TrustError::NoRoots(_)));
        let mut old = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap().to_vec();
        let version = old.windows(5).position(|bytes| bytes == b"\xa0\x03\x02\x01\x02").unwrap();
        old[version + 4] = 0;
        let old = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", BASE64_STANDARD.encode(old));
        let first = Identity { certificate: at("old.pem", &old), ..apart.clone() };
        assert!(matches!(fault(first), TrustError::Version(_)));
        let missing = Identity { certificate: dir.path().join("none.pem"), ..apart };
        assert!(fault(missing).to_string().contains("none.pem"));
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = client_config(Some(file.path()), None).unwrap_err();
        assert!(error.to_string().contains(&file.path().display().to_string()), "{error}");
        assert!(matches!(client_config(Some(Path::new("/nowhere/at/all")), None), Err(TrustError::Roots { .. })));
    }

    #[test]
    fn roots_are_read_as_editors_of_windows_save_them() {
        let root = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("\u{feff}{}", root.pem().replace('\n', "\r\n"))).unwrap();
        assert_eq!(read_roots(file.path()).unwrap(), [root.der().clone()]);
    }
}
