//! The real curl against the real binary: every way in, certificates verified.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use tapdeck::exchange::Protocol;

use super::{Curled, curl, run};
use crate::support::binary::{self, Deck};
use crate::support::{HOST, Reaction, Service, Setup, json, text};

/// One way for curl to reach the deck.
struct Way {
    name: &'static str,
    /// Where curl goes, and how.
    args: Vec<String>,
    base: String,
    /// The version curl must have spoken.
    version: &'static str,
}

fn ways(deck: &Deck, root: &Path) -> Vec<Way> {
    let (url, root) = (deck.url(), text(root).to_owned());
    let way = |name, version, args: &[&str], base: &str| Way {
        name,
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        base: base.to_owned(),
        version,
    };
    let secure = "https://sessiondirectory.xboxlive.com";
    vec![
        way("connect-h1", "1.1", &["--http1.1", "-x", &url, "--cacert", &root], secure),
        way("connect-h2", "2", &["--http2", "-x", &url, "--cacert", &root], secure),
        way("absolute", "1.1", &["--http1.1", "-x", &url], "http://sessiondirectory.xboxlive.com"),
        way("reverse-h1", "1.1", &["--http1.1"], &url),
        way("reverse-h2", "2", &["--http2-prior-knowledge"], &url),
    ]
}

impl Way {
    fn try_ask(&self, more: &[&str]) -> Result<Curled, String> {
        let target = format!("{}/serviceconfigs/{SCID}/sessionTemplates/lobby/sessions/{}", self.base, self.name);
        let mut args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        args.extend(["-H", AUTHORIZATION, "-H", "x-xbl-contract-version: 107", &target]);
        args.extend(more);
        curl(&args)
    }

    fn ask(&self, more: &[&str]) -> Curled {
        let answer = self.try_ask(more).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        assert_eq!(answer.version, self.version, "{}: {answer:?}", self.name);
        answer
    }

    /// A lobby is made, read, found unchanged, and asked for by its head alone.
    fn visit(&self) {
        let name = self.name;
        let made = self.ask(&["-X", "PUT", "-H", "content-type: application/json", "-d", LOBBY]);
        assert_eq!(made.status, 201, "{name}: {made:?}");
        let read = self.ask(&[]);
        let tag = read.header("etag").unwrap_or_else(|| panic!("{name}: {read:?}")).to_owned();
        assert_eq!((read.status, made.header("etag")), (200, Some(tag.as_str())), "{name}");
        let document: serde_json::Value = serde_json::from_str(&read.body).unwrap();
        assert_eq!(document["members"]["0"]["constants"]["system"]["xuid"], XUID, "{name}");
        let unchanged = self.ask(&["-H", &format!("if-none-match: {tag}")]);
        assert_eq!((unchanged.status, unchanged.body.as_str()), (304, ""), "{name}");
        let head = self.ask(&["-I"]);
        let length = read.body.len().to_string();
        assert_eq!((head.status, head.header("content-length")), (200, Some(length.as_str())), "{name}: {head:?}");
        assert_eq!((head.header("etag"), head.body.as_str()), (Some(tag.as_str()), ""), "{name}");
    }
}

/// The certificate as the command line gives it out.
fn exported(home: &TempDir) -> std::path::PathBuf {
    let ended = binary::run(home.path(), &["ca", "export"]);
    assert_eq!((ended.code, ended.talk.as_str()), (Some(0), ""));
    let path = home.path().join("exported.pem");
    fs::write(&path, ended.stdout).unwrap();
    path
}

#[test]
fn curl_comes_in_by_every_way_and_the_recording_plays_back() {
    let home = TempDir::new().unwrap();
    let root = exported(&home);
    let cassette = home.path().join("curl.cassette.json");
    let cassette = text(&cassette);
    let sources: [&[&str]; 3] =
        [&["emulate"], &["record", "--upstream", "emulator", cassette], &["replay", "--require-seal", cassette]];
    for source in sources {
        let deck = Deck::start(home.path(), source);
        for way in ways(&deck, &root) {
            way.visit();
        }
        let ended = deck.stopped();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{source:?}: {}", ended.talk);
        let expected = match source[0] {
            "record" => "20 exchanges in 1 lane;",
            "replay" => "20 hit (15 bound), 0 repeat, 0 miss, 0 unplayed",
            _ => "20 calls from 1 client: 0 errors, 0 warnings",
        };
        assert!(ended.talk.contains(expected), "{source:?}: {}", ended.talk);
        assert!(source[0] != "record" || ended.talk.contains("this recording replays"), "{}", ended.talk);
    }
}

#[test]
fn curl_refuses_a_deck_it_was_not_told_to_trust() {
    let (home, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let deck = Deck::start(home.path(), &["emulate"]);
    let refused = ways(&deck, &exported(&other))[0].try_ask(&[]).unwrap_err();
    assert!(refused.contains("curl: (60)"), "{refused}");
    assert_eq!(ways(&deck, &exported(&home))[0].ask(&[]).status, 204);
}

#[test]
fn the_authority_is_made_once_kept_private_and_given_out() {
    let home = TempDir::new().unwrap();
    let made = binary::run(home.path(), &["ca", "create"]);
    assert_eq!((made.code, made.stdout.as_str()), (Some(0), ""), "{}", made.talk);
    let path = binary::run(home.path(), &["ca", "path"]).stdout;
    let path = Path::new(path.trim_end());
    assert_eq!(path, home.path().join("ca/cert.pem"));
    let kept = fs::read(path).unwrap();
    assert_eq!(mode(&home.path().join("ca/key.pem")), 0o600);

    let again = binary::run(home.path(), &["ca", "create"]);
    assert_eq!(again.code, Some(3));
    assert_eq!(again.talk.matches("error: ").count(), 1, "{}", again.talk);
    assert!(again.talk.contains("\nhint: "), "{}", again.talk);
    assert_eq!(fs::read(path).unwrap(), kept);

    let pem = binary::run(home.path(), &["ca", "export", "--format", "pem"]);
    assert_eq!(pem.stdout.as_bytes(), kept);
    let der = binary::tapdeck(home.path()).args(["ca", "export", "--format", "der"]).output().unwrap();
    fs::write(home.path().join("ca.cer"), der.stdout).unwrap();
    let fingerprint = |form: &str, file: &Path| {
        let args = ["x509", "-noout", "-fingerprint", "-subject", "-inform", form, "-in", text(file)];
        let ran = Command::new("openssl").args(args).output();
        let ran = ran.unwrap_or_else(|error| panic!("this test needs the program `openssl`: {error}"));
        assert!(ran.status.success(), "{form}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    };
    assert_eq!(fingerprint("der", &home.path().join("ca.cer")), fingerprint("pem", path));
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

const SCID: &str = "00000000-0000-0000-0000-0000000c0de1";
const XUID: &str = "2814639011617876";
const AUTHORIZATION: &str = "authorization: XBL3.0 x=8157204361927364;eyJhbGciOiJub25lIn0.eyJ4IjoxfQ.c2ln";
const LOBBY: &str = r#"{"constants":{"system":{"maxMembersCount":8}},"members":{"me":{"constants":{"system":{"xuid":"2814639011617876","initialize":true}},"properties":{"system":{"active":true,"connection":"5b5f0a52-0000-4000-8000-000000000001"},"custom":{"ready":false}}}}}"#;

#[tokio::test]
async fn curl_comes_in_through_the_proxy() {
    let service = Service::start(|_| Reaction::Answer(json(200, "{}"))).await;
    let proxy = Setup::before(&service).start().await;
    let address = format!("http://{}", proxy.address);
    for (flag, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let ca = proxy.root_path();
        let args = ["-sS", flag, "--noproxy", "", "--proxy", &address, "--cacert", text(&ca), "-X", "PUT", "-d", "{}"];
        let args =
            [&args[..], &["-w", "|%{http_version}|%{http_code}", "https://sessiondirectory.xboxlive.com/handles/1"]];
        let (ok, output) = run("curl", &args.concat()).await;
        assert!(ok && output == format!("{{}}|{version}|200"), "{flag}: {output}");
    }
    let seen: Vec<_> = service.seen().iter().map(|seen| seen.protocol).collect();
    assert_eq!(seen, [Protocol::H1, Protocol::H2]);
}

#[tokio::test]
async fn a_proxy_that_is_itself_reached_over_tls_works_too() {
    let service = Service::start(|_| Reaction::Answer(json(201, "{\"a\":1}"))).await;
    let proxy = Setup::before(&service).start().await;
    let args = ["-sS", "--noproxy", "", "--proxytunnel", "--http2", "-o", "-", "-w", "|%{http_code}"];
    let (address, root) = (format!("https://localhost:{}", proxy.address.port()), proxy.root_path());
    let trust = ["--proxy", &address, "--proxy-cacert", text(&root), "--cacert", text(&root)];
    let url = "https://sessiondirectory.xboxlive.com/handles/1";
    let (ok, output) = run("curl", &[&args[..], &trust, &[url]].concat()).await;
    assert!(ok && output == "{\"a\":1}|201", "{output}");
}

#[tokio::test]
async fn a_name_spelt_in_full_is_the_same_host() {
    let service = Service::start(|_| Reaction::Answer(json(201, "{\"a\":1}"))).await;
    let proxy = Setup::before(&service).start().await;
    let dotted = format!("{HOST}.");
    let args = ["-sS", "--noproxy", "", "--proxytunnel", "-o", "-", "-w", "|%{http_code}"];
    let (address, root) = (format!("http://{}", proxy.address), proxy.root_path());
    let url = format!("https://{dotted}/handles/1");
    let (ok, output) = run("curl", &[&args[..], &["--proxy", &address, "--cacert", text(&root), &url]].concat()).await;
    assert!(ok && output == "{\"a\":1}|201", "{output}");
    let seen = service.seen().swap_remove(0);
    assert_eq!(seen.authority.as_deref().or_else(|| seen.headers.text("host")), Some(HOST));
}
