//! The certificate authority of one install: made once, kept private, and unable to vouch for most of the world.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SerialNumber,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::platform;
use crate::upstream::tls::provider;

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
    /// The authority's certificate rules the host out.
    #[error(
        "no certificate for `{0}`: this authority is limited to xboxlive.com, localhost and loopback addresses, and \
         tapdeck cannot make one with other limits yet; address the service by one of those names"
    )]
    OutOfBounds(String),
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
    pem: String,
    path: PathBuf,
    configs: Mutex<BTreeMap<String, Arc<ServerConfig>>>,
}

impl Authority {
    /// Makes a new authority under `dir`. Of several processes at once exactly one succeeds.
    pub fn create(dir: &Path) -> Result<Self, AuthorityError> {
        let home = dir.join(FOLDER);
        if home.exists() {
            return Err(AuthorityError::Exists(home));
        }
        let key = KeyPair::generate()?;
        let certificate = authority_params()?.self_signed(&key)?;
        fs::create_dir_all(dir).map_err(|source| file_error(dir, source))?;
        let draft =
            tempfile::Builder::new().prefix(".ca-").tempdir_in(dir).map_err(|source| file_error(dir, source))?;
        let (private, public) = (draft.path().join(KEY), draft.path().join(CERTIFICATE));
        platform::write_private(&private, &key.serialize_pem()).map_err(|source| file_error(&private, source))?;
        platform::write_new(&public, &certificate.pem()).map_err(|source| file_error(&public, source))?;
        // Renaming a folder onto one that is not empty fails, so the first process wins and the pair is never torn.
        match platform::replace(draft.path(), &home) {
            Ok(()) => Self::load(dir),
            Err(_) if home.exists() => Err(AuthorityError::Exists(home)),
            Err(source) => Err(file_error(&home, source)),
        }
    }

    /// Reads the authority under `dir`.
    pub fn load(dir: &Path) -> Result<Self, AuthorityError> {
        let home = dir.join(FOLDER);
        let path = home.join(CERTIFICATE);
        let (pem, key) = (read(&path)?, read(&home.join(KEY))?);
        let unusable = || AuthorityError::Unusable(home.clone());
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| unusable())?;
        let key = KeyPair::from_pem(&key).map_err(|_| unusable())?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|_| unusable())?;
        Ok(Self { issuer, certificate, pem, path, configs: Mutex::default() })
    }

    /// Reads the authority under `dir`, or makes one when there is none.
    pub fn load_or_create(dir: &Path) -> Result<Self, AuthorityError> {
        match Self::create(dir) {
            Err(AuthorityError::Exists(_)) => Self::load(dir),
            made => made,
        }
    }

    /// The certificate clients must trust, as PEM.
    pub fn cert_pem(&self) -> &str {
        &self.pem
    }

    /// The certificate clients must trust, as DER.
    pub fn cert_der(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Where the certificate lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// True when the authority's certificate lets it vouch for that host (a name or an address, no port).
    pub fn covers(&self, host: &str) -> bool {
        match bare(host).parse::<IpAddr>() {
            Ok(address) => LOOPBACK.contains(&address),
            Err(_) => DOMAINS.iter().any(|domain| is_within(host, domain)),
        }
    }

    /// The TLS configuration that answers for a host, made on first use.
    pub fn server_config(&self, host: &str) -> Result<Arc<ServerConfig>, AuthorityError> {
        let name = bare(host).trim_end_matches('.').to_ascii_lowercase();
        if !self.covers(&name) {
            return Err(AuthorityError::OutOfBounds(name));
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
        let key = KeyPair::generate()?;
        let leaf = leaf_params(name)?.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(self.chain(&leaf), key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn chain(&self, leaf: &Certificate) -> Vec<CertificateDer<'static>> {
        vec![leaf.der().clone(), self.certificate.clone()]
    }
}

fn authority_params() -> Result<CertificateParams, AuthorityError> {
    let mut params = common_params(CA_DAYS)?;
    let tail: String = serial()?.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    params.distinguished_name = named(&format!("tapdeck CA {tail}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let domains = DOMAINS.iter().map(|domain| GeneralSubtree::DnsName((*domain).to_owned()));
    let addresses = LOOPBACK.iter().map(|address| GeneralSubtree::IpAddress(only(*address)));
    let permitted_subtrees = domains.chain(addresses).collect();
    params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    Ok(params)
}

fn leaf_params(name: &str) -> Result<CertificateParams, AuthorityError> {
    let mut params = common_params(LEAF_DAYS)?;
    let names = if HERE.contains(&name) { HERE.as_slice() } else { &[name] };
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

fn only(address: IpAddr) -> CidrSubnet {
    CidrSubnet::from_addr_prefix(address, if address.is_ipv4() { 32 } else { 128 })
}

fn is_within(host: &str, domain: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn read(path: &Path) -> Result<String, AuthorityError> {
    fs::read_to_string(path).map_err(|source| file_error(path, source))
}

fn file_error(path: &Path, source: io::Error) -> AuthorityError {
    AuthorityError::File { path: path.to_owned(), source }
}

const FOLDER: &str = "ca";
const KEY: &str = "key.pem";
const CERTIFICATE: &str = "cert.pem";

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
            assert!(matches!(error, AuthorityError::OutOfBounds(_)), "{host}: {error}");
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
    fn files_that_hold_nothing_are_named() {
        let home = tempfile::tempdir().unwrap();
        Authority::create(home.path()).unwrap();
        fs::write(home.path().join("ca/cert.pem"), "nothing").unwrap();
        assert!(matches!(Authority::load(home.path()), Err(AuthorityError::Unusable(_))));
    }
}
