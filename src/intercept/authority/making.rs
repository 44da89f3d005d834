//! How an authority comes to be: made here, or brought along by a studio that has one.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rcgen::{
    BasicConstraints, CertificateParams, IsCa, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_RSA_SHA256, RsaKeySize,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use super::bounds::Limit;
use super::facts::Facts;
use super::forms::{armoured, certificates_in};
use super::store::{self, Files};
use super::{Authority, AuthorityError, CA_DAYS, common_params, named, serial};
use crate::upstream::tls::unmarked;

/// What a new authority is to be like.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Hosts it may vouch for beside the usual ones.
    pub hosts: Vec<Limit>,
    /// The kind of its key.
    pub key: KeyKind,
    /// What happens to an authority that is there.
    pub existing: Existing,
}

/// A kind of key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyKind {
    /// Elliptic curves: small and fast.
    #[default]
    Ec,
    /// RSA, for old stacks; the certificates it signs have RSA keys too.
    Rsa,
}

/// What happens to an authority that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and no other is made.
    #[default]
    Stays,
    /// It is put aside.
    Aside,
}

/// A new authority, and where the one before it lies now.
pub struct Made {
    /// The new one.
    pub authority: Authority,
    /// The folder of the old one.
    pub before: Option<PathBuf>,
}

impl Authority {
    /// Makes a new authority under `dir`. Of several processes at once exactly one succeeds.
    pub fn create(dir: &Path) -> Result<Self, AuthorityError> {
        Self::make(dir, &Wish::default()).map(|made| made.authority)
    }

    /// Makes a new authority under `dir` as it is wished for.
    pub fn make(dir: &Path, wish: &Wish) -> Result<Made, AuthorityError> {
        store::vacant(dir, wish.existing)?;
        let key = match wish.key {
            KeyKind::Ec => KeyPair::generate()?,
            KeyKind::Rsa => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_3072)?,
        };
        let certificate = authority_params(&wish.hosts)?.self_signed(&key)?;
        let files = Files { certificate: certificate.pem(), key: key.serialize_pem() };
        let before = store::place(dir, &files, wish.existing)?;
        Ok(Made { authority: Self::load(dir)?, before })
    }

    /// Takes over somebody's own authority: its certificate, perhaps with those above it, and its key, all PEM.
    pub fn import(dir: &Path, certificate: &[u8], key: &[u8], existing: Existing) -> Result<Made, AuthorityError> {
        store::vacant(dir, existing)?;
        let refused = |why: &str| AuthorityError::Refused(why.to_owned());
        let chain = certificates_in(certificate)
            .ok_or_else(|| refused("the file of the certificate holds none in PEM form"))?;
        let key = private_key(key)?;
        let pair = KeyPair::try_from(&key)
            .map_err(|_| refused("the key is of a kind that cannot be used; EC P-256 or RSA 2048 can"))?;
        fit(&chain[0], &pair)?;
        let label = match key {
            PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
            PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
            _ => "PRIVATE KEY",
        };
        let files = Files {
            certificate: chain.iter().map(|certificate| armoured("CERTIFICATE", certificate)).collect(),
            key: armoured(label, key.secret_der()),
        };
        Self::of(&files, dir)?.try_out()?;
        let before = store::place(dir, &files, existing)?;
        Ok(Made { authority: Self::load(dir)?, before })
    }
}

/// The first private key of a text.
fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, AuthorityError> {
    PrivateKeyDer::from_pem_slice(unmarked(pem)).map_err(|_| {
        let is_locked = pem.windows(LOCKED.len()).any(|text| text == LOCKED);
        AuthorityError::Refused(match is_locked {
            true => "the key is encrypted; `openssl pkey -in KEY -out PLAIN` writes it without a password".to_owned(),
            false => "the file of the key holds no private key in PEM form".to_owned(),
        })
    })
}

/// Nothing, or why a certificate and a key are no authority together.
fn fit(certificate: &[u8], key: &KeyPair) -> Result<(), AuthorityError> {
    use rcgen::PublicKeyData;
    let refused = |why: String| Err(AuthorityError::Refused(why));
    let Some(facts) = Facts::read(certificate) else {
        return refused("the certificate cannot be read".to_owned());
    };
    let now = SystemTime::now();
    match facts.unfit {
        Some(why) => refused(why.to_owned()),
        None if facts.public != key.subject_public_key_info() => refused("the key is not the certificate's".to_owned()),
        None if now > facts.until => refused("the certificate is expired".to_owned()),
        None if now < facts.from => refused("the certificate is not valid yet".to_owned()),
        None => Ok(()),
    }
}

fn authority_params(hosts: &[Limit]) -> Result<CertificateParams, AuthorityError> {
    let mut params = common_params(CA_DAYS)?;
    let tail: String = serial()?.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    params.distinguished_name = named(&format!("tapdeck CA {tail}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let usual = super::usual();
    let limits = usual.iter().chain(hosts.iter().filter(|host| !usual.contains(host)));
    let permitted_subtrees = limits.map(Limit::subtree).collect();
    params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    Ok(params)
}

const LOCKED: &[u8] = b"ENCRYPTED";
