//! What a certificate says of itself.

use std::time::{Duration, SystemTime};

use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Version;

use super::Bounds;

/// What an authority's certificate says of itself.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its name.
    pub subject: String,
    /// The hosts it may vouch for.
    pub bounds: Bounds,
    /// The first moment it is valid.
    pub from: SystemTime,
    /// The last one.
    pub until: SystemTime,
    /// The kind and size of its key.
    pub key: String,
    /// Why it cannot vouch for servers, if it cannot.
    pub(super) unfit: Option<&'static str>,
    /// The public key with its kind, as DER.
    pub(super) public: Vec<u8>,
}

impl Facts {
    /// Reads a certificate; `None` when it is none.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(der).ok()?;
        let constraints = certificate.name_constraints().ok()?;
        let validity = certificate.validity();
        let public = certificate.public_key();
        let key = match public.parsed().ok()? {
            PublicKey::RSA(key) => format!("RSA {}", key.key_size()),
            PublicKey::EC(point) => format!("EC {}", point.key_size()),
            _ => "of another kind".to_owned(),
        };
        rest.is_empty().then(|| Self {
            subject: certificate.subject().to_string(),
            bounds: constraints.map(|known| Bounds::of(known.value)).unwrap_or_default(),
            from: moment(validity.not_before.timestamp()),
            until: moment(validity.not_after.timestamp()),
            key,
            unfit: unfit(&certificate),
            public: public.raw.to_vec(),
        })
    }
}

fn unfit(certificate: &X509Certificate<'_>) -> Option<&'static str> {
    let usage = certificate.key_usage().ok().flatten();
    let purposes = certificate.extended_key_usage().ok().flatten();
    if certificate.version() != X509Version::V3 {
        return Some(
            "it is a version 1 certificate, which says nothing of what it may do; make it one of version 3, with \
             basicConstraints=critical,CA:TRUE",
        );
    }
    if !certificate.is_ca() {
        return Some("it is no certificate authority (basicConstraints says so, or is missing)");
    }
    if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
        return Some("its keyUsage does not allow it to sign certificates");
    }
    if purposes.is_some_and(|purposes| !purposes.value.any && !purposes.value.server_auth) {
        return Some("its extendedKeyUsage does not allow it to vouch for servers");
    }
    None
}

fn moment(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let moment = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    moment.unwrap_or(SystemTime::UNIX_EPOCH)
}
