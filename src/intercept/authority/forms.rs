//! The authority's certificate in every form that somebody wants to have it in. None holds the key.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

use super::{Authority, p12};
use crate::upstream::tls::unmarked;

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
        fingerprint(&self.certificate)
    }
}

/// A certificate's SHA-256 fingerprint: `AB:CD:…`.
pub fn fingerprint(certificate: &[u8]) -> String {
    let bytes: Vec<String> = Sha256::digest(certificate).iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}

/// DER as PEM.
pub fn armoured(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for start in (0..text.len()).step_by(PEM_LINE) {
        out.push_str(&text[start..text.len().min(start + PEM_LINE)]);
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

/// The certificates of a PEM text: one at least, or `None`.
pub fn certificates_in(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(unmarked(pem)).collect::<Result<_, _>>().ok()?;
    (!found.is_empty()).then_some(found)
}

const PEM_LINE: usize = 64;
