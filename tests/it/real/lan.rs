//! The deck as other machines meet it: clients in a network of their own, beside the one the deck is in.
//!
//! Two network namespaces, a cable between them, and nothing else: what is not reached by it is not reached at all.

mod cable;

use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use super::run::Program;
use crate::support::binary::{self, Deck};
use crate::support::text;
use cable::{CLIENT, Cable, DECK, DECK_V6, STRANGER};

/// A deck on the LAN, with everything a client needs to come in.
struct Stage {
    deck: Deck,
    home: TempDir,
    cable: Cable,
}

impl Stage {
    /// An emulator that the LAN reaches, but for the stranger. `None` where nobody may make networks.
    fn set(more: &[&str], env: &[(&str, &str)]) -> Option<Self> {
        let cable = Cable::lay()?;
        let home = TempDir::new().unwrap();
        let tapdeck = binary::tapdeck(home.path());
        let mut command = cable.at_deck(env!("CARGO_BIN_EXE_tapdeck"));
        command.env_clear().envs(tapdeck.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.envs(env.iter().copied()).arg("emulate").args(["--listen", &format!("{DECK}:8888")]).args(more);
        Some(Self { deck: Deck::of(command), home, cable })
    }

    /// What every test but one listens on, and whom it lets in.
    fn open_to_the_lan() -> Option<Self> {
        let straight = format!("{DECK}:443,[{DECK_V6}]:8888");
        Self::set(&["--listen", &straight, "--allow", "10.0.0.0/26", "--allow", "fd00:77::/64"], &[])
    }

    /// Runs curl on the client's machine.
    fn curl(&self, args: &[&str]) -> Curled {
        let mut command = self.cable.at_client("curl");
        command.args(["-q", "-sS", "-i", "--noproxy", "", "--max-time", "60"]).args(args);
        Curled::of(&command.output().unwrap())
    }

    /// Fetches the certificate as a LAN client finds it, in the form of a file name.
    fn fetch(&self, name: &str) -> std::path::PathBuf {
        let path = self.home.path().join(name);
        let url = format!("http://{DECK}:8888/tapdeck/{name}");
        let fetched = self.curl(&["-f", "--no-include", "-o", text(&path), &url]);
        assert!(fetched.ok, "{}", fetched.told);
        path
    }
}

/// What curl said.
struct Curled {
    ok: bool,
    told: String,
}

impl Curled {
    fn of(output: &Output) -> Self {
        let told = String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned();
        Self { ok: output.status.success(), told }
    }

    #[track_caller]
    fn says(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.told.contains(part), "{part}: {}", self.told);
        }
    }
}

/// How the programs come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// They have a proxy.
    Connect,
    /// They call the deck in place of the service.
    Reverse,
    /// Their hosts file says that the deck is the service.
    Straight,
}

/// What a program finds in its environment: nothing but its way and whom to trust.
fn surroundings(way: Way, pem: &Path, p12: &Path) -> Vec<(&'static str, String)> {
    let pem = text(pem).to_owned();
    let trusted = ["CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"];
    let mut all: Vec<(&str, String)> = trusted.map(|name| (name, pem.clone())).to_vec();
    let mut java = format!("-Djavax.net.ssl.trustStore={} -Djavax.net.ssl.trustStorePassword=changeit", text(p12));
    match way {
        Way::Connect => {
            all.extend(["HTTPS_PROXY", "https_proxy"].map(|name| (name, format!("http://{DECK}:8888"))));
            java.push_str(&format!(" -Dhttps.proxyHost={DECK} -Dhttps.proxyPort=8888"));
        }
        Way::Reverse => all.push(("BASE", format!("http://{DECK}:8888"))),
        Way::Straight => {}
    }
    all.push(("JAVA_TOOL_OPTIONS", java));
    all
}

/// Each program, by each way: to the emulator, with verification on.
fn comes_in(program: &Program) {
    let Some(stage) = Stage::open_to_the_lan() else { return };
    let (pem, p12) = (stage.fetch("ca.pem"), stage.fetch("ca.p12"));
    for (at, way) in [Way::Connect, Way::Reverse, Way::Straight].into_iter().enumerate() {
        stage.cable.name_service(way == Way::Straight);
        let mut command = stage.cable.at_client(&program.command[0]);
        command.args(&program.command[1..]).envs(program.libraries.iter().map(|(name, value)| (name, value)));
        command.envs(super::run::IDS).env("SESSION", format!("0badcafe-7c6e-4c55-9d11-3f0a8f5c000{at}"));
        command.envs(surroundings(way, &pem, &p12));
        let ran = command.output().unwrap();
        let (stdout, stderr) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        let expected = "PUT 201 none\nPOST 201 none\nGET 200 none mine\nPUT 204 none\n";
        assert_eq!(stdout, expected, "{way:?}: {stderr}");
    }
    let ended = stage.deck.stopped();
    assert!(ended.talk.contains("12 calls from 1 client: 0 errors, 0 warnings"), "{}", ended.talk);

    // Whoever trusts nobody gets nowhere: the programs do verify.
    let Some(stage) = Stage::open_to_the_lan() else { return };
    stage.cable.name_service(true);
    let mut command = stage.cable.at_client(&program.command[0]);
    command.args(&program.command[1..]).envs(program.libraries.iter().map(|(name, value)| (name, value)));
    let ran = command.envs(super::run::IDS).output().unwrap();
    assert!(!ran.status.success() && ran.stdout.is_empty(), "{}", String::from_utf8_lossy(&ran.stdout));
    let ended = stage.deck.stopped();
    assert!(ended.talk.contains("0 calls from 0 clients"), "{}", ended.talk);
    assert!(ended.talk.contains(CLIENT), "the log says whose handshake failed: {}", ended.talk);
}

#[test]
fn curl_of_another_machine() {
    comes_in(&Program::of(&["bash"], "conversation.sh"));
}

#[test]
fn python_of_another_machine() {
    comes_in(&Program::python("by_requests.py"));
    comes_in(&Program::python("by_httpx.py"));
}

#[test]
fn java_of_another_machine() {
    comes_in(&Program::of(&["java"], "Conversation.java"));
}

#[test]
fn node_of_another_machine() {
    comes_in(&Program::undici());
}

#[test]
fn the_page_is_for_everybody_on_the_lan() {
    let Some(stage) = Stage::open_to_the_lan() else { return };
    let url = format!("http://{DECK}:8888/");
    let page = stage.curl(&[&url]);
    page.says(&["200 OK", "text/plain", "emulating MPSD and RTA", "host 10.0.0.1, port 8888", "SHA-256 ", CLIENT]);
    stage.curl(&["-H", "Accept: text/html,*/*", &url]).says(&["text/html", "<h1>tapdeck", "href=\"/tapdeck/ca.cer\""]);
    stage.curl(&["-x", &url, "http://tapdeck/"]).says(&["Who came so far"]);
    stage.curl(&["-g", &format!("http://[{DECK_V6}]:8888/")]).says(&["host fd00:77::1, port 8888"]);
    let pem = stage.fetch("ca.pem");
    let exported = binary::run(stage.home.path(), &["ca", "export"]);
    assert_eq!(std::fs::read_to_string(pem).unwrap(), exported.stdout);
    let ended = stage.deck.stopped();
    assert!(ended.talk.contains("0 calls from 0 clients"), "no page is a call: {}", ended.talk);
}

#[test]
fn who_is_not_let_in_gets_no_byte_and_is_told_of_once() {
    let Some(stage) = Stage::open_to_the_lan() else { return };
    let proxy = format!("http://{DECK}:8888");
    let stranger = ["--interface", STRANGER];
    for args in [
        vec!["-x", &proxy, "https://sessiondirectory.xboxlive.com/"],
        vec![proxy.as_str()],
        vec!["--connect-to", "::10.0.0.1:443", "-k", "https://sessiondirectory.xboxlive.com/"],
    ] {
        let refused = stage.curl(&[&stranger[..], &args].concat());
        assert!(!refused.ok && !refused.told.contains("HTTP/"), "{args:?}: {}", refused.told);
    }
    stage.curl(&[&proxy]).says(&[STRANGER, "outside --allow"]);
    let ended = stage.deck.stopped();
    assert_eq!(ended.talk.matches("turned 10.0.0.66 away").count(), 1, "{}", ended.talk);
    assert!(ended.talk.contains("`--allow 10.0.0.66` lets it in"), "{}", ended.talk);
}

#[test]
fn other_ports_and_our_own_are_not_reached() {
    let Some(mut stage) = Stage::open_to_the_lan() else { return };
    let control = stage.deck.control().port();
    let proxy = format!("http://{DECK}:8888");
    for (target, status) in [
        ("https://10.0.0.1:22/".to_owned(), 403),
        (format!("https://10.0.0.1:{control}/"), 403),
        (format!("https://127.0.0.1:{control}/"), 403),
        ("https://sessiondirectory.xboxlive.com:22/".to_owned(), 403),
        ("https://10.0.0.1/".to_owned(), 508),
        ("https://home.test/".to_owned(), 508),
    ] {
        let refused = stage.curl(&["-x", &proxy, "-k", &target]);
        assert!(!refused.ok && refused.told.contains(&format!("response {status}")), "{target}: {}", refused.told);
    }
    stage.curl(&["-x", &proxy, "http://10.0.0.1:443/"]).says(&["HTTP/1.1 508", "is tapdeck's own address"]);
    stage.curl(&["-x", &proxy, "http://home.test:443/"]).says(&["HTTP/1.1 508", "--resolve home.test=ADDRESS"]);
    stage.deck.hear("`10.0.0.1` is tapdeck's own address");
    stage.deck.hear("--resolve home.test=ADDRESS");
    let ended = stage.deck.stopped();
    let itself = format!("`127.0.0.1:{control}` is not passed on: it is tapdeck itself");
    assert_eq!(ended.talk.matches(&itself).count(), 1, "{}", ended.talk);
    assert_eq!(ended.talk.matches("only ports 443 and 80 are reached").count(), 3, "{}", ended.talk);
}

#[test]
fn a_password_opens_the_proxy_and_is_told_to_nobody() {
    let password = "opensesame";
    let straight = format!("{DECK}:443");
    let env = [("TAPDECK_PROXY_PASSWORD", password)];
    let Some(stage) = Stage::set(&["--listen", &straight], &env) else { return };
    let (proxy, host) = (format!("http://{DECK}:8888"), "https://sessiondirectory.xboxlive.com/handles/1");
    let pem = stage.home.path().join("ca/cert.pem");
    let trust = ["--cacert", text(&pem)];
    let through = |user: &str| stage.curl(&[&["-x", &proxy, "-U", user], &trust[..], &[host]].concat());
    for user in [":", "guest:wrong", "opensesame:"] {
        through(user).says(&["HTTP/1.1 407", "proxy-authenticate: Basic realm=\"tapdeck\""]);
    }
    for user in ["guest:opensesame", ":opensesame"] {
        // The emulator knows nobody without a token: its own word, so the call came through.
        through(user).says(&["HTTP/2 401", "x-xblcorrelationid"]);
    }
    stage.curl(&[&format!("{proxy}/handles/1")]).says(&["407", "proxy-password"]);
    let page = stage.curl(&[&proxy]);
    page.says(&["200 OK", "/tapdeck/ca.pem"]);
    assert!(!page.told.contains("Who came"), "{}", page.told);
    let straight = stage.curl(&[&["--connect-to", "::10.0.0.1:443"], &trust[..], &[host]].concat());
    assert!(!straight.ok, "{}", straight.told);
    let ended = stage.deck.stopped();
    assert!(ended.talk.contains("kept 10.0.0.31 out") && !ended.talk.contains(password), "{}", ended.talk);
    assert!(!ended.talk.contains("b3BlbnNlc2FtZQ"), "{}", ended.talk);
    assert!(ended.talk.contains("2 calls from "), "{}", ended.talk);
}

#[test]
fn the_control_port_wants_its_token_and_its_own_name() {
    let token = "a-token-of-mine";
    let control = format!("{DECK}:8889");
    let env = [("TAPDECK_ADMIN", control.as_str()), ("TAPDECK_ADMIN_TOKEN", token)];
    let Some(stage) = Stage::set(&["--allow", CLIENT], &env) else { return };
    let url = format!("http://{control}/v1/health");
    let bearer = format!("Authorization: Bearer {token}");
    stage.curl(&[&url]).says(&["HTTP/1.1 401", "www-authenticate: Bearer realm=\"tapdeck\"", "no-token"]);
    for wrong in
        ["Authorization: Bearer a-token-of-min", "Authorization: Bearer", "Authorization: Basic a-token-of-mine"]
    {
        stage.curl(&["-H", wrong, &url]).says(&["HTTP/1.1 401"]);
    }
    stage.curl(&["-H", &bearer, &url]).says(&["HTTP/1.1 200", "{\"status\":\"ok\"}"]);
    for foreign in ["Host: evil.test", "Host: 10.0.0.9:8889", "Origin: http://evil.test", "Origin: null"] {
        stage.curl(&["-H", &bearer, "-H", foreign, &url]).says(&["HTTP/1.1 403", "foreign-request"]);
    }
    stage.curl(&["-H", &bearer, "-H", "Origin: http://10.0.0.1:8889", &url]).says(&["HTTP/1.1 200"]);
    let ended = stage.deck.stopped();
    assert!(!ended.talk.contains(token), "{}", ended.talk);
}
