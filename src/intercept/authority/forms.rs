//! The authority's certificate in every form that somebody wants to have it in. None holds the key.

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};

use super::{Authority, p12};

impl Authority {
    /// The certificate clients must trust, as PEM.
    pub fn cert_pem(&self) -> &str {
        &self.pem
    }

    /// The certificate clients must trust, as DER: the bytes of a `.cer` or `.crt` file.
    pub fn cert_der(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The certificate as a PKCS#12 store that trusts it; its password is [`PASSWORD`](super::PASSWORD).
    pub fn cert_p12(&self) -> Vec<u8> {
        p12::trust_store(&self.certificate, "tapdeck")
    }

    /// The certificate's SHA-256 fingerprint, as browsers and `openssl x509 -fingerprint` show it: `AB:CD:…`.
    pub fn fingerprint(&self) -> String {
        let bytes: Vec<String> = Sha256::digest(&self.certificate).iter().map(|byte| format!("{byte:02X}")).collect();
        bytes.join(":")
    }
}
