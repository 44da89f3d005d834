//! The certificate authority of one install: made once, kept private, and unable to vouch for most of the world.

mod bounds;
mod facts;
mod forms;
mod making;
mod p12;
mod store;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rcgen::{
    Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, SerialNumber,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{RootCertStore, ServerConfig};

use crate::upstream::tls::{provider, unmarked};

pub use bounds::{Bounds, Limit};
pub use facts::Facts;
pub use forms::{armoured, certificates_in, fingerprint};
pub use making::{Existing, KeyKind, Made, Wish};
pub use p12::PASSWORD;
use store::Files;

/// Why there is no authority, or no certificate for a host.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// There is one already.
    #[error("a certificate authority exists already: `{}`", .0.display())]
    Exists(PathBuf),
    /// A file could not be read or written.
    #[error("cannot use the certificate authority file `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The files hold no certificate and key.
    #[error("`{}` holds no usable certificate authority; move it away and a new one is made", .0.display())]
    Unusable(PathBuf),
    /// Neither the new authority nor the one before could be put in its place.
    #[error("the certificate authority lies in `{}` and cannot be put back in its place; move it there", .0.display())]
    Astray(PathBuf, #[source] io::Error),
    /// The authority's certificate rules the host out.
    #[error("no certificate for `{host}`: this authority is limited to {bounds}; {advice}")]
    OutOfBounds {
        /// The host.
        host: String,
        /// What it may vouch for.
        bounds: Box<Bounds>,
        /// What to do.
        advice: String,
    },
    /// What somebody brought along is no authority to work with.
    #[error("no authority to work with: {0}")]
    Refused(String),
    /// Making a certificate failed.
    #[error("making a certificate")]
    Sign(#[from] rcgen::Error),
    /// rustls did not take the certificate.
    #[error("setting up TLS")]
    Tls(#[from] rustls::Error),
    /// The system gave no random bytes.
    #[error("drawing a serial number: {0}")]
    Random(getrandom::Error),
}

/// A certificate authority and the server configurations made under it.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    /// Those above it, where somebody brought them along.
    above: Vec<CertificateDer<'static>>,
    facts: Facts,
    pem: String,
    path: PathBuf,
    /// The key of every certificate it signs: one of RSA takes so long to make that handshakes would wait for it.
    leaf_key: KeyPair,
    configs: Mutex<BTreeMap<String, Arc<ServerConfig>>>,
}

impl Authority {
    /// Reads the authority under `dir`.
    pub fn load(dir: &Path) -> Result<Self, AuthorityError> {
        Self::of(&Files::read(dir)?, dir)
    }

    fn of(files: &Files, dir: &Path) -> Result<Self, AuthorityError> {
        let unusable = || AuthorityError::Unusable(store::folder(dir));
        let mut above = certificates_in(files.certificate.as_bytes()).ok_or_else(unusable)?;
        let certificate = above.remove(0);
        let facts = Facts::read(&certificate).ok_or_else(unusable)?;
        let key = PrivateKeyDer::from_pem_slice(unmarked(files.key.as_bytes())).map_err(|_| unusable())?;
        let key = KeyPair::try_from(&key).map_err(|_| unusable())?;
        // A client too old for one kind of key is given the other in all certificates.
        let is_rsa = key.algorithm() == &PKCS_RSA_SHA256;
        let leaf_key = if is_rsa { KeyPair::generate_for(&PKCS_RSA_SHA256)? } else { KeyPair::generate()? };
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|_| unusable())?;
        let (pem, path) = (files.certificate.clone(), store::certificate(dir));
        Ok(Self { issuer, certificate, above, facts, pem, path, leaf_key, configs: Mutex::default() })
    }

    /// Reads the authority under `dir`, or makes one when there is none.
    pub fn load_or_create(dir: &Path) -> Result<Self, AuthorityError> {
        match Self::create(dir) {
            Err(AuthorityError::Exists(_)) => Self::load(dir),
            made => made,
        }
    }

    /// Where the certificate lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What its certificate says.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// True when the authority's certificate lets it vouch for that host (a name or an address, no port).
    pub fn covers(&self, host: &str) -> bool {
        self.facts.bounds.covers(bare(host))
    }

    /// The command that makes an authority which vouches for these hosts as well.
    pub fn widened(&self, hosts: &[&str]) -> String {
        let usual = usual();
        let more = self.facts.bounds.beside(&usual).into_iter().map(ToString::to_string);
        let wanted = hosts.iter().map(|host| bare(host).to_owned());
        let hosts: String = more.chain(wanted).map(|host| format!(" --host {host}")).collect();
        format!("tapdeck ca create --replace{hosts}")
    }

    /// The TLS configuration that answers for a host, made on first use.
    pub fn server_config(&self, host: &str) -> Result<Arc<ServerConfig>, AuthorityError> {
        let name = bare(host).trim_end_matches('.').to_ascii_lowercase();
        if !self.covers(&name) {
            let advice =
                format!("`{}` makes one that covers it, which clients then must trust anew", self.widened(&[&name]));
            return Err(AuthorityError::OutOfBounds {
                bounds: Box::new(self.facts.bounds.clone()),
                advice,
                host: name,
            });
        }
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = configs.get(&name) {
            return Ok(Arc::clone(config));
        }
        if configs.len() >= CACHED {
            configs.clear();
        }
        let config = Arc::new(self.mint(&name)?);
        configs.insert(name, Arc::clone(&config));
        Ok(config)
    }

    fn mint(&self, name: &str) -> Result<ServerConfig, AuthorityError> {
        let leaf = self.leaf(name)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.leaf_key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(self.chain(&leaf), key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn leaf(&self, name: &str) -> Result<Certificate, AuthorityError> {
        let here = HERE.into_iter().filter(|name| self.covers(name));
        let names = if HERE.contains(&name) { here.collect() } else { vec![name] };
        Ok(leaf_params(&names)?.signed_by(&self.leaf_key, &self.issuer)?)
    }

    fn chain(&self, leaf: &Certificate) -> Vec<CertificateDer<'static>> {
        [leaf.der(), &self.certificate].into_iter().chain(&self.above).cloned().collect()
    }

    /// Signs a certificate and has it verified, as a client would.
    fn try_out(&self) -> Result<(), AuthorityError> {
        let refused = |why: String| AuthorityError::Refused(why);
        let hosts = [TRIED, "localhost", "127.0.0.1"];
        let Some(host) = hosts.into_iter().find(|host| self.covers(host)) else {
            return Err(refused(format!("it is limited to {}, and {TRIED} is not among it", self.facts.bounds)));
        };
        let failed = |error: rustls::Error| refused(format!("what it signs is not valid: {error}"));
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).map_err(failed)?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
        let verifier = verifier.map_err(|error| refused(error.to_string()))?;
        let leaf = self.leaf(host)?;
        let name = ServerName::try_from(host).map_err(|error| refused(error.to_string()))?;
        let verified = verifier.verify_server_cert(leaf.der(), &self.above, &name, &[], UnixTime::now());
        verified.map(|_| ()).map_err(failed)
    }
}

fn leaf_params(names: &[&str]) -> Result<CertificateParams, AuthorityError> {
    let mut params = common_params(LEAF_DAYS)?;
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
    // With a host here, clients that read common names would hold it against the DNS limits, addresses included.
    params.distinguished_name = named("tapdeck interception");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn common_params(days: u32) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::default();
    let now = SystemTime::now();
    params.not_before = (now - DAY).into();
    params.not_after = (now + DAY * days).into();
    params.serial_number = Some(SerialNumber::from(serial()?));
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn serial() -> Result<Vec<u8>, AuthorityError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(AuthorityError::Random)?;
    // A serial is a positive number, and a leading zero would make it shorter than the others.
    bytes[0] = (bytes[0] & 0x7f) | 0x40;
    Ok(bytes.to_vec())
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// What every authority of ours may vouch for.
fn usual() -> Vec<Limit> {
    let domains = DOMAINS.iter().map(|&domain| Limit::Name(domain.to_owned()));
    domains.chain(LOOPBACK.map(|address| Limit::network(address, if address.is_ipv4() { 32 } else { 128 }))).collect()
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// The host any authority here is about.
const TRIED: &str = "sessiondirectory.xboxlive.com";
const DOMAINS: [&str; 2] = ["xboxlive.com", "localhost"];
const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
/// This machine: one certificate for all its names, since a client that connects to an address sends none.
const HERE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const CA_DAYS: u32 = 3650;
/// Below the 200 days that current clients accept of a server certificate.
const LEAF_DAYS: u32 = 189;

/// Far more hosts than are intercepted; a client that asks for more only empties the cache.
const CACHED: usize = 256;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_was_created_is_loaded_and_not_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let made = Authority::load_or_create(home.path()).unwrap();
        let again = Authority::load_or_create(home.path()).unwrap();
        assert_eq!(made.cert_der(), again.cert_der());
        assert_eq!(fs::read_to_string(made.path()).unwrap(), made.cert_pem());
        assert!(matches!(Authority::create(home.path()), Err(AuthorityError::Exists(_))));
    }

    #[test]
    fn processes_that_race_agree_on_one() {
        let home = tempfile::tempdir().unwrap();
        let seen = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let authority = Authority::load_or_create(home.path()).unwrap();
                    seen.lock().unwrap().push(authority.cert_der().clone());
                });
            }
        });
        let seen = seen.into_inner().unwrap();
        assert!(seen.len() == 8 && seen.iter().all(|certificate| *certificate == seen[0]));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_the_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        Authority::create(home.path()).unwrap();
        let mode = fs::metadata(home.path().join("ca/key.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn hosts_out_of_bounds_are_told_so() {
        let home = tempfile::tempdir().unwrap();
        let authority = Authority::create(home.path()).unwrap();
        for host in ["RTA.xboxlive.com", "localhost", "127.0.0.1", "[::1]", "::1"] {
            assert!(authority.server_config(host).is_ok(), "{host}");
        }
        for host in ["example.com", "evilxboxlive.com", ".xboxlive.com", "10.0.0.5", "127.0.0.2", ""] {
            let error = authority.server_config(host).unwrap_err();
            assert!(matches!(error, AuthorityError::OutOfBounds { .. }), "{host}: {error}");
        }
    }

    #[test]
    fn a_host_keeps_its_configuration() {
        let home = tempfile::tempdir().unwrap();
        let authority = Authority::create(home.path()).unwrap();
        let first = authority.server_config("rta.xboxlive.com").unwrap();
        assert!(Arc::ptr_eq(&first, &authority.server_config("RTA.xboxlive.com.").unwrap()));
    }

    #[test]
    fn no_handshake_waits_for_a_key_to_be_made() {
        for (kind, shown) in [(KeyKind::Rsa, "RSA 2048"), (KeyKind::Ec, "EC 256")] {
            let home = tempfile::tempdir().unwrap();
            let wish = Wish { key: kind, ..Wish::default() };
            let authority = Authority::make(home.path(), &wish).unwrap().authority;
            let keys = ["rta.xboxlive.com", "sessiondirectory.xboxlive.com", "localhost"].map(|host| {
                let facts = Facts::read(authority.leaf(host).unwrap().der()).unwrap();
                (facts.key, facts.public)
            });
            assert!(keys[0].0 == shown && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        }
    }

    #[test]
    fn files_that_hold_nothing_are_named() {
        let home = tempfile::tempdir().unwrap();
        Authority::create(home.path()).unwrap();
        fs::write(home.path().join("ca/cert.pem"), "nothing").unwrap();
        assert!(matches!(Authority::load(home.path()), Err(AuthorityError::Unusable(_))));
    }
}
