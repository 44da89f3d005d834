//! What real clients do about a certificate, and real stores: what is said of it, and that it is undone.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tapdeck::intercept::Authority;
use tempfile::TempDir;

use crate::support::binary::{self, Deck};
use crate::support::{HOST, text};

/// What is told of a client's handshakes with a fresh deck.
fn told(fault: &str, client: impl Fn(&Deck, &Path) -> Command) -> String {
    let home = TempDir::new().unwrap();
    let mut deck = Deck::start(home.path(), &["emulate", "--log-format", "json"]);
    // Suspicion takes two.
    for _ in 0..2 {
        ran(client(&deck, &home.path().join("ca/cert.pem")));
    }
    deck.hear(&format!("\"fault\":\"{fault}\""))
}

fn ran(mut command: Command) -> Output {
    command.stdin(std::process::Stdio::null());
    command.output().unwrap_or_else(|error| panic!("this test needs {command:?}: {error}"))
}

/// A program that knows nothing of this machine's settings.
fn program(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).args(args);
    command
}

fn curl(deck: &Deck, args: &[&str]) -> Command {
    let mut command = program("curl", &["-q", "-sS", "--noproxy", "", "-x", &deck.url()]);
    command.args(args).arg(format!("https://{HOST}/handles"));
    command
}

/// Bytes that are no key's.
const PIN: &str = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[test]
fn curl_is_understood() {
    for version in ["1.2", "1.3"] {
        let line = told("untrusted", |deck, _| curl(deck, &["--tls-max", version]));
        assert!(line.contains(HOST) && line.contains("UnknownCA"), "{line}");
        let line =
            told("pinned", |deck, ca| curl(deck, &["--tls-max", version, "--cacert", text(ca), "--pinnedpubkey", PIN]));
        assert!(line.contains("may pin") && line.contains(HOST), "{line}");
    }
}

#[test]
fn a_clock_in_the_future_is_told() {
    let line = told("clock", |deck, ca| {
        let curl = curl(deck, &["--cacert", text(ca)]);
        let mut shifted = program("faketime", &["2 years", "curl"]);
        shifted.args(curl.get_args());
        shifted
    });
    assert!(line.contains("expired or not valid yet"), "{line}");
}

#[test]
fn openssl_with_an_old_version_is_understood() {
    let address = |deck: &Deck| deck.address.to_string();
    told("protocol", |deck, _| {
        let args = ["s_client", "-servername", HOST, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-connect"];
        program("openssl", &[&args[..], &[&address(deck)]].concat())
    });
}

#[test]
fn python_is_understood() {
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/python");
    let script = "import socket, ssl, sys\ntrust = ssl.create_default_context(cafile=sys.argv[3] or None)\n\
                  stream = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n\
                  trust.wrap_socket(stream, server_hostname=sys.argv[2])";
    let come = |deck: &Deck, host: &str, ca: &str| {
        let mut command = program(python, &["-c", script, &deck.address.port().to_string(), host, ca]);
        command.envs(std::env::var_os("HOME").map(|home| ("HOME", home)));
        command
    };
    let line = told("untrusted", |deck, _| come(deck, HOST, ""));
    assert!(line.contains("UnknownCA"), "{line}");
    // An address that our certificate is not for: no name is sent, and it is missed in the certificate.
    let line = told("wrong-name", |deck, ca| come(deck, "127.0.0.2", text(ca)));
    assert!(line.contains("by its own name"), "{line}");
}

#[test]
fn node_leaves_without_an_alert() {
    let come = |deck: &Deck, version: &str| {
        let port = deck.address.port();
        let script = format!(
            "require('tls').connect({{host: '127.0.0.1', port: {port}, servername: '{HOST}', maxVersion: '{version}'}})\
             .on('error', () => {{}})"
        );
        program("node", &["-e", &script])
    };
    let line = told("dropped", |deck, _| come(deck, "TLSv1.3"));
    assert!(line.contains("such as Node"), "{line}");
    let line = told("pinned", |deck, _| come(deck, "TLSv1.2"));
    assert!(line.contains("Node, for one, checks late"), "{line}");
}

#[test]
fn java_is_understood_and_reads_the_store() {
    let folder = TempDir::new().unwrap();
    let source = folder.path().join("Come.java");
    std::fs::write(&source, COME).unwrap();
    let compiled = ran(program("javac", &["-d", text(folder.path()), text(&source)]));
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let come = |deck: &Deck, version: &str, store: Option<&Path>| {
        let mut command = program("java", &["-cp", text(folder.path())]);
        command.args(store.map(|store| format!("-Djavax.net.ssl.trustStore={}", store.display())));
        command.args(["Come", &deck.address.port().to_string(), HOST, version]);
        command
    };
    for version in ["TLSv1.2", "TLSv1.3"] {
        let line = told("untrusted", |deck, _| come(deck, version, None));
        assert!(line.contains("CertificateUnknown"), "{line}");
    }
    let home = TempDir::new().unwrap();
    let deck = Deck::start(home.path(), &["emulate"]);
    let store = folder.path().join("ca.p12");
    std::fs::write(&store, Authority::load(home.path()).unwrap().cert_p12()).unwrap();
    let trusting = ran(come(&deck, "TLSv1.3", Some(&store)));
    assert!(trusting.status.success(), "{}", String::from_utf8_lossy(&trusting.stderr));
    let listed = ran(program("keytool", &["-list", "-keystore", text(&store), "-storepass", "changeit"]));
    assert!(String::from_utf8_lossy(&listed.stdout).contains("trustedCertEntry"), "{listed:?}");
}

const COME: &str = r#"
import javax.net.ssl.*;
public class Come {
    public static void main(String[] args) throws Exception {
        var plain = new java.net.Socket("127.0.0.1", Integer.parseInt(args[0]));
        var factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
        var socket = (SSLSocket) factory.createSocket(plain, args[1], 443, true);
        socket.setEnabledProtocols(new String[] {args[2]});
        socket.startHandshake();
    }
}
"#;

#[test]
fn gnutls_and_nss_are_understood() {
    let folder = TempDir::new().unwrap();
    let database = format!("sql:{}", folder.path().display());
    assert!(ran(program("certutil", &["-N", "--empty-password", "-d", &database])).status.success());
    let port = |deck: &Deck| deck.address.port().to_string();
    let line = told("untrusted", |deck, _| {
        program("gnutls-cli", &["-p", &port(deck), "--sni-hostname", HOST, "--verify-hostname", HOST, "127.0.0.1"])
    });
    assert!(line.contains("BadCertificate"), "{line}");
    let line = told("untrusted", |deck, _| {
        program("tstclnt", &["-h", "127.0.0.1", "-p", &port(deck), "-a", HOST, "-d", &database])
    });
    assert!(line.contains("UnknownCA"), "{line}");
}

/// Runs the binary with a home directory of its own.
fn at_home(home: &Path, args: &[&str]) -> Output {
    let mut command = binary::tapdeck(&home.join("tapdeck"));
    command.env("HOME", home).args(args);
    ran(command)
}

#[test]
fn nss_databases_trust_it_until_it_is_undone() {
    let home = TempDir::new().unwrap();
    let databases = [".pki/nssdb", ".mozilla/firefox/abc.default"].map(|folder| home.path().join(folder));
    let sql = |database: &PathBuf| format!("sql:{}", database.display());
    let listed = |database: &PathBuf| {
        let listed = ran(program("certutil", &["-L", "-d", &sql(database)]));
        String::from_utf8_lossy(&listed.stdout).into_owned()
    };
    let theirs = TempDir::new().unwrap();
    let theirs = Authority::create(theirs.path()).unwrap();
    let file = home.path().join("theirs.pem");
    std::fs::write(&file, theirs.cert_pem()).unwrap();
    for database in &databases {
        std::fs::create_dir_all(database).unwrap();
        assert!(ran(program("certutil", &["-N", "--empty-password", "-d", &sql(database)])).status.success());
        let add = ["-A", "-a", "-d", &sql(database), "-t", "C,,", "-n", "theirs", "-i", text(&file)];
        assert!(ran(program("certutil", &add)).status.success());
    }
    let before = databases.each_ref().map(listed);
    assert_eq!(at_home(home.path(), &["ca", "create"]).status.code(), Some(0));
    for _ in 0..2 {
        let installed = at_home(home.path(), &["ca", "install", "--only", "nss"]);
        assert_eq!(installed.status.code(), Some(0), "{}", String::from_utf8_lossy(&installed.stderr));
    }
    assert!(databases.iter().all(|database| listed(database).contains("tapdeck-") && listed(database).contains("C,,")));
    // Another authority by now; and one store where somebody was quicker.
    assert_eq!(at_home(home.path(), &["ca", "create", "--replace"]).status.code(), Some(0));
    for _ in 0..2 {
        let undone = at_home(home.path(), &["ca", "uninstall"]);
        assert_eq!(undone.status.code(), Some(0), "{}", String::from_utf8_lossy(&undone.stderr));
    }
    assert_eq!(databases.each_ref().map(listed), before);
    assert!(!home.path().join("tapdeck/installed.json").exists());
}

#[test]
fn without_its_tool_nss_is_left_alone_and_the_package_named() {
    let home = TempDir::new().unwrap();
    let database = home.path().join(".pki/nssdb");
    std::fs::create_dir_all(&database).unwrap();
    std::fs::write(database.join("cert9.db"), "").unwrap();
    Authority::create(&home.path().join("tapdeck")).unwrap();
    let mut command = binary::tapdeck(&home.path().join("tapdeck"));
    command.env("HOME", home.path()).env("PATH", home.path()).args(["ca", "install", "--only", "nss"]);
    let ended = ran(command);
    let talk = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(3), "{talk}");
    assert!(talk.contains("libnss3-tools"), "{talk}");
    assert!(!home.path().join("tapdeck/installed.json").exists(), "what was not done is not to be undone");
}

/// In a mount namespace, so that this machine's own stores stay as they are.
#[test]
fn the_systems_store_trusts_it_until_it_is_undone() {
    // A system that gives nobody a namespace cannot tell, and one that is not Debian's family has other stores.
    let can = Command::new("unshare").args(["-m", "true"]).output().is_ok_and(|ran| ran.status.success());
    if !can || !Path::new("/etc/debian_version").exists() {
        return;
    }
    let (home, scratch) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let deck = Deck::start(home.path(), &["emulate"]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/real/programs/install.sh");
    let mut command = program("unshare", &["-m", "bash", script]);
    command.env("TAPDECK", env!("CARGO_BIN_EXE_tapdeck")).env("TAPDECK_HOME", home.path());
    command.env("DECK", deck.url()).env("SCRATCH", scratch.path());
    let ended = ran(command);
    let told = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
    assert!(ended.status.success(), "{told}");
    assert!(told.contains("all is well here") && told.contains("no longer trusts it"), "{told}");
}
