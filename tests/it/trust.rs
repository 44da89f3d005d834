//! The authority, how it is made and handed out, and what is told of clients that do not trust it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tapdeck::intercept::authority::{Existing, Facts, Wish, armoured, certificates_in};
use tapdeck::intercept::{Authority, AuthorityError};
use tapdeck::upstream::tls;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::support::binary::{self, Deck, tapdeck};
use crate::support::{HOST, closed_port, text};

#[test]
fn an_authority_is_as_it_was_wished_for() {
    let home = TempDir::new().unwrap();
    let hosts = ["--host", "api.example.com", "--host", "192.168.0.0/16", "--rsa"];
    let made = binary::run(home.path(), &[&["ca", "create"], &hosts[..]].concat());
    assert_eq!(made.code, Some(0), "{}", made.talk);
    let shown = binary::run(home.path(), &["ca", "show"]).stdout;
    let limits = "xboxlive.com, localhost, 127.0.0.1, ::1, api.example.com, 192.168.0.0/16";
    assert!(shown.contains(limits) && shown.contains("RSA 3072"), "{shown}");
    let authority = Authority::load(home.path()).unwrap();
    for host in ["v2.api.example.com", "192.168.7.7", HOST] {
        assert!(authority.server_config(host).is_ok(), "{host}");
    }
    let refused = authority.server_config("example.com").unwrap_err().to_string();
    let next = "`tapdeck ca create --replace --host api.example.com --host 192.168.0.0/16 --host example.com`";
    assert!(refused.contains(next), "{refused}");
}

#[tokio::test]
async fn clients_accept_what_a_widened_authority_vouches_for() {
    for rsa in [tapdeck::intercept::authority::KeyKind::Ec, tapdeck::intercept::authority::KeyKind::Rsa] {
        let home = TempDir::new().unwrap();
        let hosts = vec!["example.com".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        let made = Authority::make(home.path(), &Wish { hosts, key: rsa, existing: Existing::Stays }).unwrap();
        let authority = Arc::new(made.authority);
        for host in ["a.example.com", "10.1.2.3", HOST, "127.0.0.1"] {
            shake(&authority, host).await.unwrap_or_else(|error| panic!("{host}: {error}"));
        }
    }
}

#[test]
fn a_replaced_authority_is_put_aside() {
    let home = TempDir::new().unwrap();
    let first = Authority::create(home.path()).unwrap();
    let again = binary::run(home.path(), &["ca", "create"]);
    assert_eq!(again.code, Some(3));
    assert!(again.talk.contains("--replace"), "{}", again.talk);
    for place in ["ca-replaced-1", "ca-replaced-2"] {
        let made = binary::run(home.path(), &["ca", "create", "--replace"]);
        assert_eq!(made.code, Some(0), "{}", made.talk);
        assert!(made.talk.contains(place) && made.talk.contains("must be made to trust"), "{}", made.talk);
    }
    assert_eq!(fs::read_to_string(home.path().join("ca-replaced-1/cert.pem")).unwrap(), first.cert_pem());
    assert_ne!(Authority::load(home.path()).unwrap().fingerprint(), first.fingerprint());
}

/// A studio's authority as files.
struct Studio {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Studio {
    fn new(change: impl Fn(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Studio CA");
        params.distinguished_name.push(DnType::OrganizationName, "Studio");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        change(&mut params);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("cert.pem"), issuer.pem()).unwrap();
        fs::write(folder.path().join("key.pem"), issuer.key().serialize_pem()).unwrap();
        Self { folder, issuer }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn import(&self, home: &Path) -> binary::Ended {
        binary::run(
            home,
            &["ca", "import", "--cert", text(&self.file("cert.pem")), "--key", text(&self.file("key.pem"))],
        )
    }
}

#[tokio::test]
async fn a_studios_own_authority_is_taken_over() {
    let (home, studio) = (TempDir::new().unwrap(), Studio::new(|_| {}));
    let imported = studio.import(home.path());
    assert_eq!(imported.code, Some(0), "{}", imported.talk);
    let authority = Arc::new(Authority::load(home.path()).unwrap());
    assert_eq!(authority.cert_der(), studio.issuer.der());
    assert!(authority.facts().bounds.to_string() == "any host" && authority.covers("example.org"));
    for host in ["example.org", HOST] {
        shake(&authority, host).await.unwrap_or_else(|error| panic!("{host}: {error}"));
    }
    let again = studio.import(home.path());
    assert_eq!(again.code, Some(3));
    assert!(again.talk.contains("--replace"), "{}", again.talk);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(home.path().join("ca/key.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn what_cannot_vouch_is_not_taken_over() {
    let yesterday = || (std::time::SystemTime::now() - std::time::Duration::from_secs(86_400)).into();
    let limited = |params: &mut CertificateParams| {
        let permitted_subtrees = vec![rcgen::GeneralSubtree::DnsName("example.com".into())];
        let addresses = [rcgen::GeneralSubtree::IpAddress(rcgen::CidrSubnet::V4([10, 0, 0, 0], [255, 0, 0, 0]))];
        let permitted_subtrees = permitted_subtrees.into_iter().chain(addresses).collect();
        params.name_constraints = Some(rcgen::NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    };
    let cases: [(Studio, &str); 4] = [
        (Studio::new(|params| params.is_ca = IsCa::ExplicitNoCa), "no certificate authority"),
        (Studio::new(|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]), "keyUsage"),
        (Studio::new(|params| params.not_after = yesterday()), "expired"),
        (Studio::new(limited), "it is limited to example.com"),
    ];
    for (studio, why) in cases {
        let home = TempDir::new().unwrap();
        let refused = studio.import(home.path());
        assert_eq!(refused.code, Some(4), "{why}: {}", refused.talk);
        assert!(refused.talk.contains(why) && refused.talk.contains("\nhint: "), "{why}: {}", refused.talk);
        assert!(!home.path().join("ca").exists(), "{why}");
    }
}

#[test]
fn an_authority_of_version_1_is_told_to_be_one() {
    let studio = Studio::new(|_| {});
    let read = |name: &str| fs::read(studio.file(name)).unwrap();
    let mut old = certificates_in(&read("cert.pem")).unwrap().remove(0).to_vec();
    let version = old.windows(5).position(|bytes| bytes == b"\xa0\x03\x02\x01\x02").unwrap();
    old[version + 4] = 0;
    let home = TempDir::new().unwrap();
    let old = armoured("CERTIFICATE", &old);
    let refused = Authority::import(home.path(), old.as_bytes(), &read("key.pem"), Existing::Stays);
    let error = refused.err().unwrap().to_string();
    assert!(error.contains("version 1 certificate") && error.contains("version 3"), "{error}");
}

#[test]
fn an_authority_over_everybodys_hosts_is_warned_of() {
    let home = TempDir::new().unwrap();
    let made =
        binary::run(home.path(), &["ca", "create", "--host", "com", "--host", "0.0.0.0/0", "--host", "a.example"]);
    assert_eq!(made.code, Some(0), "{}", made.talk);
    assert!(made.talk.contains("warning: that is every name that ends in com: "), "{}", made.talk);
    assert!(made.talk.contains("warning: that is every address in 0.0.0.0/0: "), "{}", made.talk);
    assert_eq!(made.talk.matches("warning: ").count(), 2, "{}", made.talk);
    let all = binary::run(home.path(), &["ca", "create", "--replace", "--host", "*"]);
    assert!(all.code == Some(2) && all.talk.contains("write a host name such as"), "{}", all.talk);
}

#[test]
fn files_that_do_not_belong_together_are_told_apart() {
    let (studio, other) = (Studio::new(|_| {}), Studio::new(|_| {}));
    let read = |studio: &Studio, name: &str| fs::read(studio.file(name)).unwrap();
    let (certificate, key) = (read(&studio, "cert.pem"), read(&studio, "key.pem"));
    let locked = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".to_vec();
    let cases = [
        (&certificate, &read(&other, "key.pem"), "the key is not the certificate's"),
        (&key, &key, "holds none in PEM form"),
        (&certificate, &certificate, "holds no private key"),
        (&certificate, &locked, "encrypted"),
    ];
    for (certificate, key, why) in cases {
        let home = TempDir::new().unwrap();
        let refused = Authority::import(home.path(), certificate, key, Existing::Stays);
        let error = refused.err().unwrap();
        assert!(matches!(error, AuthorityError::Refused(_)) && error.to_string().contains(why), "{error}");
    }
}

#[test]
fn an_authority_is_taken_over_as_editors_of_windows_save_it() {
    let (home, studio) = (TempDir::new().unwrap(), Studio::new(|_| {}));
    for name in ["cert.pem", "key.pem"] {
        let text = fs::read_to_string(studio.file(name)).unwrap();
        fs::write(studio.file(name), format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap();
    }
    let imported = studio.import(home.path());
    assert_eq!(imported.code, Some(0), "{}", imported.talk);
    assert_eq!(Authority::load(home.path()).unwrap().cert_der(), studio.issuer.der());
}

#[test]
fn a_key_beside_the_certificate_is_not_handed_out() {
    let (home, studio) = (TempDir::new().unwrap(), Studio::new(|_| {}));
    let both = [fs::read(studio.file("key.pem")).unwrap(), fs::read(studio.file("cert.pem")).unwrap()].concat();
    Authority::import(home.path(), &both, &both, Existing::Stays).unwrap();
    let exported = binary::run(home.path(), &["ca", "export"]).stdout;
    assert!(exported.contains("BEGIN CERTIFICATE") && !exported.contains("PRIVATE"), "{exported}");
}

#[test]
fn lines_for_a_shell_name_files_that_hold_ours_and_the_systems() {
    let home = TempDir::new().unwrap();
    let lines = binary::run(home.path(), &["ca", "export", "--format", "env", "--shell", "posix"]);
    assert_eq!(lines.code, Some(0), "{}", lines.talk);
    let value = |name: &str| {
        let line = lines.stdout.lines().find_map(|line| line.strip_prefix(&format!("export {name}=")));
        line.unwrap_or_else(|| panic!("{name}: {}", lines.stdout)).to_owned()
    };
    let authority = Authority::load(home.path()).unwrap();
    let bundle = certificates_in(&fs::read(value("SSL_CERT_FILE")).unwrap()).unwrap();
    assert!(bundle.contains(authority.cert_der()));
    for name in ["CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
        assert_eq!(value(name), value("SSL_CERT_FILE"));
    }
    assert_eq!(&CertificateDer::from_pem_file(value("TAPDECK_CA")).unwrap(), authority.cert_der());
    assert!(lines.stdout.contains("\n# undo: unset SSL_CERT_FILE"), "{}", lines.stdout);
    let shell = binary::run(home.path(), &["ca", "export", "--format", "env", "--shell", "powershell"]).stdout;
    assert!(shell.contains("$env:SSL_CERT_FILE = '"), "{shell}");
}

#[test]
fn lines_for_a_shell_are_undone_to_what_was_there() {
    let home = TempDir::new().unwrap();
    let studio = Studio::new(|_| {});
    let export = ["ca", "export", "--format", "env", "--shell", "posix"];
    let roots = studio.file("cert.pem");
    let environment = [("SSL_CERT_FILE", roots.as_path()), ("JAVA_TOOL_OPTIONS", Path::new("-Xmx2g"))];
    let first = with(home.path(), &environment, &export).stdout;
    let undo = |lines: &str| lines.lines().find(|line| line.starts_with("# undo: ")).unwrap().to_owned();
    let former = format!("; export SSL_CERT_FILE={}; export JAVA_TOOL_OPTIONS=-Xmx2g", text(&roots));
    assert!(undo(&first).ends_with(&former), "{first}");
    assert!(undo(&first).starts_with("# undo: unset CURL_CA_BUNDLE REQUESTS_CA_BUNDLE "), "{first}");

    // The same shell once more, after the authority was replaced.
    let before = Authority::load(home.path()).unwrap();
    assert_eq!(binary::run(home.path(), &["ca", "create", "--replace"]).code, Some(0));
    let bundle = home.path().join("env/roots.pem");
    let line = first.lines().find_map(|line| line.strip_prefix("export JAVA_TOOL_OPTIONS='")).unwrap();
    let environment =
        [("SSL_CERT_FILE", bundle.as_path()), ("JAVA_TOOL_OPTIONS", Path::new(line.trim_end_matches('\'')))];
    let second = with(home.path(), &environment, &export).stdout;
    assert!(undo(&second).starts_with("# undo: unset SSL_CERT_FILE "), "{second}");
    assert!(undo(&second).ends_with("; export JAVA_TOOL_OPTIONS=-Xmx2g"), "{second}");
    let trusted = certificates_in(&fs::read(&bundle).unwrap()).unwrap();
    assert!(!trusted.contains(before.cert_der()), "the authority that was replaced is still trusted");
    assert!(trusted.contains(Authority::load(home.path()).unwrap().cert_der()));
    assert!(trusted.contains(studio.issuer.der()), "what was trusted beside it is lost");
}

#[test]
fn a_certificate_is_exported_to_a_file_that_is_not_written_over() {
    let home = TempDir::new().unwrap();
    let authority = Authority::create(home.path()).unwrap();
    let file = home.path().join("ca.cer");
    let export = ["ca", "export", "-o", text(&file)];
    let written = binary::run(home.path(), &[&export[..], &["--format", "der"]].concat());
    assert_eq!((written.code, written.stdout.as_str()), (Some(0), ""), "{}", written.talk);
    assert!(written.talk.contains(&format!("wrote {}", text(&file))), "{}", written.talk);
    assert_eq!(fs::read(&file).unwrap(), authority.cert_der().as_ref());
    let again = binary::run(home.path(), &export);
    assert_eq!(again.code, Some(2), "{}", again.talk);
    assert!(again.talk.contains("ca.cer exists") && again.talk.contains("--overwrite"), "{}", again.talk);
    assert_eq!(fs::read(&file).unwrap(), authority.cert_der().as_ref());
    assert_eq!(binary::run(home.path(), &[&export[..], &["--overwrite"]].concat()).code, Some(0));
    assert_eq!(fs::read_to_string(&file).unwrap(), authority.cert_pem());
}

#[test]
fn a_dry_run_prints_and_does_nothing() {
    let home = TempDir::new().unwrap();
    let nobody = binary::run(home.path(), &["ca", "install", "--dry-run"]);
    assert_eq!(nobody.code, Some(3), "{}", nobody.talk);
    assert!(nobody.talk.contains("no certificate authority") && !home.path().join("ca").exists(), "{}", nobody.talk);
    Authority::create(home.path()).unwrap();
    let printed = binary::run(home.path(), &["ca", "install", "--dry-run", "--only", "system"]);
    assert_eq!(printed.code, Some(0), "{}", printed.talk);
    assert!(printed.stdout.contains(text(&home.path().join("ca/cert.pem"))), "{}", printed.stdout);
    assert!(!home.path().join("installed.json").exists());
    let undone = binary::run(home.path(), &["ca", "uninstall"]);
    assert_eq!(undone.code, Some(0));
    assert!(undone.talk.contains("nothing was installed"), "{}", undone.talk);
}

#[test]
fn a_ledger_that_cannot_be_read_is_named() {
    let home = TempDir::new().unwrap();
    fs::write(home.path().join("installed.json"), "{\"version\":7,\"installed\":[]}").unwrap();
    let ended = binary::run(home.path(), &["ca", "uninstall"]);
    assert_eq!(ended.code, Some(4));
    assert!(ended.talk.contains("installed.json") && ended.talk.contains("version 7"), "{}", ended.talk);
}

#[test]
fn root_undoes_only_what_install_does() {
    let home = TempDir::new().unwrap();
    let name = "tapdeck-0123456789abcdef";
    let uninstalled = |deed: serde_json::Value| {
        let page = serde_json::json!({"version": 1, "installed": [deed]});
        fs::write(home.path().join("installed.json"), page.to_string()).unwrap();
        binary::run(home.path(), &["ca", "uninstall", "--dry-run"])
    };
    let system = |file: &str| serde_json::json!({"store": "system", "file": file, "sha256": "00"});
    let folder = "/usr/local/share/ca-certificates";
    for file in [
        "/etc/passwd".to_owned(),
        format!("/tmp/{name}.crt"),
        format!("{folder}/../{name}.crt"),
        format!("{folder}/x/{name}.crt"),
        format!("{folder}/{name}"),
        format!("{folder}/tapdeck-0123456789ABCDEF.crt"),
        format!("{folder}/tapdeck-0'; id >&2; '.crt"),
        format!("{folder}/studio.crt"),
    ] {
        let ended = uninstalled(system(&file));
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(4), ""), "{file}: {}", ended.talk);
        assert!(ended.talk.contains("entry 1 is nothing that `ca install` does"), "{file}: {}", ended.talk);
    }
    let other = serde_json::json!({"store": "nss", "database": text(home.path()), "name": "Studio CA", "sha256": "00"});
    assert_eq!(uninstalled(other).code, Some(4));
    let undone = uninstalled(system(&format!("{folder}/{name}.crt")));
    assert_eq!(undone.code, Some(0), "{}", undone.talk);
    let (removed, updated) = undone.stdout.trim_end().split_once('\n').unwrap();
    assert_eq!(removed, format!("rm -f {folder}/{name}.crt"));
    // The name is a word of its own, and no part of what the shell reads.
    assert!(updated.ends_with(&format!("' sh {name}.crt")) && updated.matches(name).count() == 1, "{updated}");
}

/// Runs the binary with variables of one's own.
fn with(home: &Path, environment: &[(&str, &Path)], args: &[&str]) -> binary::Ended {
    let output = tapdeck(home).args(args).envs(environment.iter().copied()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    binary::Ended { code: output.status.code(), stdout: text(output.stdout), talk: text(output.stderr) }
}

/// The doctor's report on a home, with what the environment adds.
fn doctor(home: &Path, environment: &[(&str, &Path)], args: &[&str]) -> binary::Ended {
    with(home, environment, &[&["ca", "doctor"], args].concat())
}

#[test]
fn the_doctor_tells_trust_from_the_want_of_it() {
    let home = TempDir::new().unwrap();
    let authority = Authority::create(home.path()).unwrap();
    let sick = doctor(home.path(), &[], &["--proxy", "off"]);
    assert_eq!(sick.code, Some(1), "{}", sick.stdout);
    assert_eq!(sick.stdout.matches("untrusted: ").count(), 5, "{}", sick.stdout);
    assert!(sick.stdout.contains("Next: make it trust") && sick.stdout.contains(text(authority.path())));
    let trusting = [("SSL_CERT_FILE", authority.path())];
    let well = doctor(home.path(), &trusting, &["--proxy", "off", HOST, "localhost", "127.0.0.1"]);
    assert_eq!(well.code, Some(0), "{}", well.stdout);
    assert_eq!(well.stdout.matches("  ok\n").count(), 3, "{}", well.stdout);
    let out = doctor(home.path(), &trusting, &["--proxy", "off", "example.org"]);
    assert!(out.stdout.contains("constraint: ") && out.stdout.contains("--host example.org`"), "{}", out.stdout);
    let other = TempDir::new().unwrap();
    let other = Authority::create(other.path()).unwrap().cert_pem().to_owned();
    let lacking = home.path().join("lacking.pem");
    fs::write(&lacking, other).unwrap();
    let lacking = doctor(home.path(), &[trusting[0], ("CURL_CA_BUNDLE", &lacking)], &["--proxy", "off", HOST]);
    assert_eq!(lacking.code, Some(1), "{}", lacking.stdout);
    assert!(lacking.stdout.contains("Next: CURL_CA_BUNDLE names a file without our authority"), "{}", lacking.stdout);
}

#[test]
fn the_doctor_goes_through_a_deck() {
    let (home, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut deck = Deck::start(home.path(), &["emulate", "--log-level", "debug"]);
    let authority = Authority::load(home.path()).unwrap();
    let (trusting, proxy) = ([("SSL_CERT_FILE", authority.path())], format!("http://{}", deck.address));
    let well = doctor(home.path(), &trusting, &["--proxy", &proxy]);
    assert_eq!(well.code, Some(0), "{}", well.stdout);
    let straight = doctor(home.path(), &trusting, &["--tls", &deck.address.to_string(), HOST]);
    assert_eq!(straight.code, Some(0), "{}", straight.stdout);
    Authority::create(other.path()).unwrap();
    let stranger = doctor(other.path(), &trusting, &["--proxy", &proxy, HOST]);
    assert_eq!(stranger.code, Some(1), "{}", stranger.stdout);
    assert!(stranger.stdout.contains(&format!("another authority: the deck's is {}", authority.fingerprint())));
    assert!(stranger.stdout.contains("TAPDECK_HOME"), "{}", stranger.stdout);
    let sick = doctor(home.path(), &[], &["--proxy", &proxy, HOST]);
    assert!(sick.code == Some(1) && sick.stdout.contains("untrusted: "), "{}", sick.stdout);
    deck.hear("fault=untrusted");
    let ended = deck.stopped();
    assert!(!ended.talk.contains("fault=pinned"), "the doctor is no suspect: {}", ended.talk);
}

#[test]
fn the_doctor_tries_the_hosts_a_project_names() {
    let home = TempDir::new().unwrap();
    let authority = Authority::create(home.path()).unwrap();
    let project = home.path().join("tapdeck.toml");
    fs::write(&project, "intercept = [\"api.example.com\", \"*.corp.test\"]\n").unwrap();
    let trusting = [("SSL_CERT_FILE", authority.path())];
    let args = ["--config", text(&project), "--proxy", "off"];
    let told = doctor(home.path(), &trusting, &args);
    assert_eq!(told.code, Some(1), "{}", told.stdout);
    assert_eq!(told.stdout.matches("  ok\n").count(), 5, "{}", told.stdout);
    assert!(told.stdout.contains("\napi.example.com ") && told.stdout.contains("--host api.example.com`"));
    assert!(!told.stdout.contains("corp.test"), "{}", told.stdout);
    let one = doctor(home.path(), &trusting, &[&args[..], &[HOST]].concat());
    assert_eq!(one.code, Some(0), "who names hosts is told of those: {}", one.stdout);
}

/// A proxy that tunnels to a server of its own, whatever host is asked for.
async fn tunnelling(authority: Authority) -> SocketAddr {
    let (listener, authority) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Arc::new(authority));
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let head = String::from_utf8(head).unwrap();
            let host = head.split([' ', ':']).nth(1).unwrap();
            let acceptor = tokio_rustls::TlsAcceptor::from(authority.server_config(host).unwrap());
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_takes_nothing_for_a_deck_that_passes_its_hosts_on() {
    let (home, theirs, studio) = (TempDir::new().unwrap(), TempDir::new().unwrap(), Studio::new(|_| {}));
    let ours = Authority::create(home.path()).unwrap();
    assert_eq!(studio.import(theirs.path()).code, Some(0));
    let proxy = format!("http://{}", tunnelling(Authority::load(theirs.path()).unwrap()).await);
    let both = home.path().join("both.pem");
    fs::write(&both, format!("{}{}", ours.cert_pem(), studio.issuer.pem())).unwrap();
    let ask = |roots: &Path, hosts: &[&str]| {
        let told = tokio::task::block_in_place(|| {
            doctor(home.path(), &[("SSL_CERT_FILE", roots)], &[&["--proxy", &proxy], hosts].concat())
        });
        assert!(told.stdout.contains("passes through unread"), "{}", told.stdout);
        (
            told.code,
            told.stdout.contains(&format!(
                "Next: see what listens there: it is no deck, or one that does not \
                                                   look into {}",
                hosts[hosts.len() - 1]
            )),
        )
    };
    assert_eq!(ask(&both, &[HOST]), (Some(1), true));
    assert_eq!(ask(&both, &["example.org"]), (Some(0), false), "other hosts may pass");
    assert_eq!(ask(&both, &["--intercept", "*.example.org", "www.example.org"]), (Some(1), true));
    assert_eq!(ask(ours.path(), &[HOST]), (Some(1), true), "theirs is not ours to be trusted");
}

#[tokio::test]
async fn the_doctor_names_a_deck_it_cannot_reach() {
    let home = TempDir::new().unwrap();
    Authority::create(home.path()).unwrap();
    let nobody = format!("http://{}", closed_port().await);
    let (home, nobody) = (home, nobody);
    let told =
        tokio::task::spawn_blocking(move || doctor(home.path(), &[], &["--proxy", &nobody, HOST])).await.unwrap();
    assert_eq!(told.code, Some(1), "{}", told.stdout);
    assert!(told.stdout.contains("unreachable: ") && told.stdout.contains("start the deck"), "{}", told.stdout);
}

#[test]
fn the_doctor_sees_an_authority_that_expired() {
    let home = TempDir::new().unwrap();
    let studio = Studio::new(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    fs::create_dir(home.path().join("ca")).unwrap();
    for name in ["cert.pem", "key.pem"] {
        fs::copy(studio.file(name), home.path().join("ca").join(name)).unwrap();
    }
    let told = doctor(home.path(), &[("SSL_CERT_FILE", &studio.file("cert.pem"))], &["--proxy", "off", HOST]);
    assert_eq!(told.code, Some(1), "{}", told.stdout);
    assert!(told.stdout.contains("the authority expired on 2020-01-01"), "{}", told.stdout);
}

/// A handshake with what an authority makes for a host, by a client that trusts it.
async fn shake(authority: &Arc<Authority>, host: &str) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (address, config) = (listener.local_addr()?, authority.server_config(host).unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = tokio_rustls::TlsAcceptor::from(config).accept(stream).await;
    });
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(host.to_owned()).unwrap();
    TlsConnector::from(client(Some(authority.cert_pem()), rustls::ALL_VERSIONS)).connect(name, stream).await.map(|_| ())
}

fn client(root: Option<&str>, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if let Some(root) = root {
        roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(tls::provider()).with_protocol_versions(versions).unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

/// A client that comes straight in and does one thing.
async fn come(address: SocketAddr, config: Arc<ClientConfig>, host: &str) -> bool {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    match TlsConnector::from(config).connect(name, stream).await {
        Ok(mut stream) => stream.shutdown().await.is_ok(),
        Err(_) => false,
    }
}

#[tokio::test]
async fn what_ails_a_client_is_told_in_the_shared_words() {
    let home = TempDir::new().unwrap();
    Authority::create(home.path()).unwrap();
    let root = Authority::load(home.path()).unwrap().cert_pem().to_owned();
    let start = || Deck::start(home.path(), &["emulate", "--log-format", "json"]);
    for versions in [&[&rustls::version::TLS12], &[&rustls::version::TLS13]] {
        let mut deck = start();
        for _ in 0..10 {
            assert!(!come(deck.address, client(None, versions), HOST).await);
        }
        let first = deck.hear("\"fault\":\"untrusted\"");
        assert!(first.contains("rejects our certificate; most likely it does not know our authority"), "{first}");
        assert!(first.contains("127.0.0.1") && first.contains(HOST) && first.contains("\"times\":1,"), "{first}");
        let tenth = deck.hear("\"fault\":\"untrusted\"");
        assert!(tenth.contains("\"times\":10,"), "repeats are told the tenth time: {tenth}");
        // One that trusts us and leaves without a word is suspected the second time.
        for _ in 0..2 {
            assert!(come(deck.address, client(Some(&root), versions), HOST).await);
        }
        let pinned = deck.hear("\"fault\":\"pinned\"");
        assert!(pinned.contains("hangs up once it has seen our certificate"), "{pinned}");
        let ended = deck.stopped();
        assert_eq!(ended.talk.matches("\"fault\":\"pinned\"").count(), 1, "{}", ended.talk);
    }
    let mut deck = start();
    let mut stream = TcpStream::connect(deck.address).await.unwrap();
    stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]).await.unwrap();
    drop(stream);
    deck.hear("\"fault\":\"dropped\"");
    let mut stream = TcpStream::connect(deck.address).await.unwrap();
    stream.write_all(OLD_HELLO).await.unwrap();
    let _ = stream.read(&mut [0; 64]).await;
    let line = deck.hear("\"fault\":\"protocol\"");
    assert!(line.contains("TLS 1.2 or 1.3"), "{line}");
}

#[tokio::test]
async fn a_client_that_makes_calls_is_no_suspect() {
    let home = TempDir::new().unwrap();
    let deck = Deck::start(home.path(), &["emulate"]);
    let root = Authority::load(home.path()).unwrap().cert_pem().to_owned();
    let way = tapdeck::client::Way::Direct(root.clone());
    let protocol = tapdeck::exchange::Protocol::H1;
    let mut caller = tapdeck::client::Client::connect(deck.address, HOST, way, protocol).await.unwrap();
    caller.send("GET", "/handles", &[], b"").await.unwrap();
    for _ in 0..3 {
        assert!(come(deck.address, client(Some(&root), rustls::ALL_VERSIONS), HOST).await);
    }
    drop(caller);
    let ended = tokio::task::spawn_blocking(move || deck.stopped()).await.unwrap();
    assert!(!ended.talk.contains("fault="), "{}", ended.talk);
}

#[tokio::test]
async fn a_host_out_of_bounds_is_a_constraint() {
    let (home, studio) = (
        TempDir::new().unwrap(),
        Studio::new(|params| {
            let permitted_subtrees = vec![rcgen::GeneralSubtree::DnsName(HOST.into())];
            params.name_constraints =
                Some(rcgen::NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
        }),
    );
    assert_eq!(studio.import(home.path()).code, Some(0));
    assert!(Facts::read(studio.issuer.der()).unwrap().bounds.covers(HOST));
    let mut deck = Deck::start(home.path(), &["emulate"]);
    assert!(!come(deck.address, client(Some(&studio.issuer.pem()), rustls::ALL_VERSIONS), "rta.xboxlive.com").await);
    let line = deck.hear("fault=constraint");
    assert!(line.contains("--host rta.xboxlive.com`"), "{line}");
}

/// The hello of a client that knows TLS 1.1 and no more.
const OLD_HELLO: &[u8] = &[
    22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 0, 0, 2, 0, 47, 1, 0,
];
