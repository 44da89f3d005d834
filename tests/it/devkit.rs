//! `tapdeck devkit` against a stub of a kit's Device Portal: exactly the documented requests, and every way it can go wrong.

mod portal;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tapdeck::devkit::{Fingerprint, our_address};
use tapdeck::intercept::Authority;
use tempfile::TempDir;

use crate::support::binary::{Ended, tapdeck};
use portal::{BASIC, Fault, Portal};

const PASSWORD: &str = "hunter2";
/// An address no test machine has.
const PROXY: &str = "192.0.2.10:8888";

/// Somebody at a machine with an authority, and a kit.
struct Studio {
    home: TempDir,
    portal: Portal,
}

impl Studio {
    fn new() -> Self {
        Self::with(Portal::start())
    }

    fn with(portal: Portal) -> Self {
        let home = TempDir::new().unwrap();
        Authority::create(home.path()).unwrap();
        Self { home, portal }
    }

    fn address(&self) -> String {
        self.portal.address.to_string()
    }

    /// The command, with user and password, and the certificate taken as it is.
    fn command(&self, verb: &str, args: &[&str]) -> Command {
        let mut command = tapdeck(self.home.path());
        command.env("TAPDECK_DEVKIT_PASSWORD", PASSWORD).env("TAPDECK_DEVKIT_USER", "dev");
        command.args(["devkit", verb]).args(args);
        if verb == "enable" && !args.contains(&"--proxy") {
            command.args(["--proxy", PROXY]);
        }
        command
    }

    fn run(&self, verb: &str, args: &[&str]) -> Ended {
        ended(self.command(verb, &[&[self.address().as_str(), "--yes"], args].concat()))
    }

    /// As [`Studio::run`], and it must do.
    fn does(&self, verb: &str, args: &[&str]) -> Ended {
        let ended = self.run(verb, args);
        assert_eq!(ended.code, Some(0), "{verb} {args:?}: {}", ended.talk);
        ended
    }

    /// As [`Studio::run`], and it must not do, for a reason that is told once with one next step.
    fn fails(&self, verb: &str, args: &[&str], code: i32, told: &str, hint: &str) {
        failed(&self.run(verb, args), code, told, hint);
    }

    fn notes_file(&self) -> PathBuf {
        let name = format!("devkits/{}.json", self.address().replace(':', "-"));
        self.home.path().join(name)
    }

    fn notes(&self) -> Value {
        serde_json::from_slice(&fs::read(self.notes_file()).unwrap()).unwrap()
    }
}

fn ended(mut command: Command) -> Ended {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ended = Ended { code: status.code(), stdout: text(stdout), talk: text(stderr) };
    for secret in [PASSWORD, &BASIC["Basic ".len()..]] {
        assert!(!ended.talk.contains(secret) && !ended.stdout.contains(secret), "{}", ended.talk);
    }
    ended
}

fn failed(ended: &Ended, code: i32, told: &str, hint: &str) {
    let Ended { code: ended, stdout, talk } = ended;
    assert_eq!((*ended, stdout.as_str()), (Some(code), ""), "{talk}");
    let line = |start: &str| {
        let lines: Vec<&str> = talk.lines().filter(|line| line.starts_with(start)).collect();
        assert_eq!(lines.len(), 1, "{talk}");
        lines[0].to_owned()
    };
    assert!(line("error: ").contains(told), "not {told:?}: {talk}");
    assert!(line("hint: ").contains(hint), "not {hint:?}: {talk}");
}

/// The certificate in its upload, as the documents have it.
fn upload(home: &Path) -> (String, Vec<u8>) {
    let authority = Authority::load(home).unwrap();
    let print = Fingerprint::of(authority.cert_der()).to_string().replace(':', "");
    let boundary = format!("tapdeck-{}", &print[..32]);
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"FiddlerRoot.cer\"; filename=\"FiddlerRoot.cer\"\r\n\
         Content-Type: application/x-x509-ca-cert\r\n\r\n"
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    (boundary, [head.as_bytes(), authority.cert_der(), tail.as_bytes()].concat())
}

#[test]
fn the_requests_are_the_documented_ones_byte_by_byte() {
    let studio = Studio::new();
    studio.does("enable", &[]);
    studio.does("status", &[]);
    studio.does("disable", &["--restart"]);
    let host = format!("host: {}\r\nauthorization: {BASIC}\r\n", studio.address());
    let token = "cookie: CSRF-Token=token-1\r\nx-csrf-token: token-1\r\n";
    let (boundary, body) = upload(studio.home.path());
    let state = format!("GET /ext/fiddler HTTP/1.1\r\n{host}\r\n");
    let enable = format!(
        "POST /ext/fiddler?proxyAddress=192.0.2.10&proxyPort=8888&updateCert=true HTTP/1.1\r\n{host}{token}\
         content-type: multipart/form-data; boundary={boundary}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let expected = [
        state.clone().into_bytes(),
        [enable.as_bytes(), &body].concat(),
        format!("GET /api/os/info HTTP/1.1\r\n{host}\r\n").into_bytes(),
        state.clone().into_bytes(),
        state.clone().into_bytes(),
        format!("DELETE /ext/fiddler HTTP/1.1\r\n{host}{token}content-length: 0\r\n\r\n").into_bytes(),
        format!("POST /api/control/restart HTTP/1.1\r\n{host}{token}content-length: 0\r\n\r\n").into_bytes(),
        state.into_bytes(),
    ];
    for (sent, expected) in studio.portal.requests().iter().zip(&expected) {
        assert!(sent == expected, "{}\n{}", String::from_utf8_lossy(sent), String::from_utf8_lossy(expected));
    }
    assert_eq!(studio.portal.asked().len(), expected.len(), "{:?}", studio.portal.asked());
}

#[test]
fn a_kit_is_set_up_looked_at_and_left_as_it_was() {
    let studio = Studio::new();
    let enabled = studio.does("enable", &["--restart"]);
    assert!(enabled.talk.contains("it is back, and says that it has a proxy"), "{}", enabled.talk);
    assert!(enabled.talk.contains(&format!("undo: tapdeck devkit disable {}", studio.address())), "{}", enabled.talk);
    assert!(enabled.talk.contains(&format!("{PROXY} is no address of this machine")), "{}", enabled.talk);
    #[cfg(target_os = "linux")]
    assert!(enabled.talk.contains("ufw allow proto tcp from 127.0.0.1 to any port 8888"), "{}", enabled.talk);
    assert_eq!(studio.portal.proxy(), (true, true));
    let notes = studio.notes();
    let print = Fingerprint::of(Authority::load(studio.home.path()).unwrap().cert_der()).to_string();
    let set = &notes["enabled"];
    assert_eq!((&set["proxy"]["host"], &set["authority"]), (&"192.0.2.10".into(), &print.as_str().into()));
    assert_eq!((&set["accepted"], &set["had_proxy"]), (&true.into(), &false.into()));
    assert_eq!(notes["certificate"], studio.portal.fingerprint());

    let status = studio.does("status", &[]);
    for told in ["`KIT-7`, `Xbox One`, system `10.0.26100.1`", "proxy        on (", PROXY, &studio.portal.fingerprint()]
    {
        assert!(status.stdout.contains(told), "not {told}: {}", status.stdout);
    }
    assert!(!status.stdout.contains("never said") && !status.stdout.contains("another now"), "{}", status.stdout);
    fs::remove_dir_all(studio.home.path().join("ca")).unwrap();
    Authority::create(studio.home.path()).unwrap();
    let status = studio.does("status", &[]);
    assert!(status.stdout.contains("the authority here is another now"), "{}", status.stdout);

    let disabled = studio.does("disable", &["--restart"]);
    assert!(disabled.talk.contains("it is back, and says that it has no proxy"), "{}", disabled.talk);
    assert_eq!((studio.portal.proxy(), studio.notes().get("enabled")), ((false, false), None));
    let status = studio.does("status", &[]);
    assert!(status.stdout.contains("set here     nothing"), "{}", status.stdout);
}

#[test]
fn a_dry_run_shows_what_would_be_sent_and_sends_nothing() {
    let studio = Studio::new();
    let dry: Vec<(Vec<&str>, Ended)> = [vec!["status"], vec!["enable", "--restart"], vec!["disable", "--restart"]]
        .into_iter()
        .map(|words| {
            let ended = studio.does(words[0], &[&words[1..], &["--dry-run"]].concat());
            (words, ended)
        })
        .collect();
    assert_eq!(studio.portal.asked(), [""; 0]);
    assert!(!studio.home.path().join("devkits").exists());
    for (words, Ended { stdout: shown, talk, .. }) in dry {
        let before = studio.portal.requests().len();
        let done = studio.does(words[0], &words[1..]);
        assert!(done.talk.contains(&talk), "what it needs here is told beforehand: {talk}");
        assert_eq!(talk.contains("firewall"), words[0] == "enable", "{talk}");
        let sent: Vec<Vec<u8>> = studio.portal.requests().split_off(before);
        let lines: Vec<&str> = shown.lines().filter(|line| !line.starts_with(' ')).collect();
        for (line, request) in lines.iter().zip(&sent) {
            let text = String::from_utf8_lossy(request).into_owned();
            let (method, target) = line.split_once(" https://").unwrap();
            let target = target.strip_prefix(&studio.address()).unwrap();
            assert_eq!(text.lines().next().unwrap(), format!("{method} {target} HTTP/1.1"));
        }
        let names = |text: &str| -> Vec<String> {
            let lines = text.lines().filter_map(|line| line.trim_start().split_once(": "));
            lines.map(|(name, _)| name.to_ascii_lowercase()).collect()
        };
        let shown_last: Vec<&str> = shown.rsplit_once(lines[lines.len() - 1]).unwrap().1.lines().collect();
        let sent_last = String::from_utf8_lossy(&sent[lines.len() - 1]).into_owned();
        let head = sent_last.split("\r\n\r\n").next().unwrap();
        assert_eq!(names(&shown_last.join("\n")), names(head), "{shown}");
    }
    let fresh = TempDir::new().unwrap();
    let mut command = tapdeck(fresh.path());
    command.args(["devkit", "enable", "127.0.0.1", "--proxy", PROXY, "--dry-run"]);
    failed(&ended(command), 3, "certificate authority", "tapdeck ca create");
    assert_eq!(fs::read_dir(fresh.path()).unwrap().count(), 0, "a dry run made something");
}

#[test]
fn a_certificate_is_confirmed_once_and_must_stay_the_same() {
    let studio = Studio::new();
    let first = studio.portal.fingerprint();
    let unasked = |args: &[&str]| ended(studio.command("status", &[&[studio.address().as_str()], args].concat()));
    failed(&unasked(&[]), 2, "nobody has confirmed its certificate", &format!("--fingerprint {first}"));
    let other = Fingerprint::of(b"another").to_string();
    failed(
        &unasked(&["--fingerprint", &other]),
        3,
        &format!("{first} instead of {other}"),
        "somebody may be in between",
    );
    assert_eq!(studio.portal.asked(), [""; 0], "something was said to a stranger");
    assert!(!studio.notes_file().exists());

    let plain = first.replace(':', "").to_lowercase();
    assert_eq!(unasked(&["--fingerprint", &plain]).code, Some(0));
    assert_eq!(unasked(&[]).code, Some(0), "it was not remembered");
    let asked = studio.portal.asked().len();

    studio.portal.is_set_up_anew();
    let second = studio.portal.fingerprint();
    for verb in ["status", "enable", "disable"] {
        studio.fails(verb, &[], 3, &format!("{second} instead of {first}"), &format!("--fingerprint {second}"));
    }
    assert_eq!(studio.portal.asked().len(), asked, "something was said to a stranger");
    assert_eq!(unasked(&["--fingerprint", &second]).code, Some(0));
    assert_eq!(unasked(&[]).code, Some(0));
}

#[test]
fn a_refusal_is_told_with_the_next_step_and_leaves_no_trace() {
    let studio = Studio::new();
    let post = "POST /ext/fiddler";
    let reason = r#"{"Code": -2147023728, "Reason": "Element not found.\r\n", "Success": false}"#;
    let cases = [
        (post, Fault::Refuses(401, ""), "answered with 401", "TAPDECK_DEVKIT_PASSWORD"),
        (post, Fault::Refuses(403, ""), "answered with 403", "--user auto-dev"),
        (
            post,
            Fault::Refuses(404, reason),
            "POST /ext/fiddler was answered with 404: Element not found.",
            "developer mode",
        ),
        (post, Fault::Refuses(500, "<html>"), "answered with 500", "restart the kit"),
        (post, Fault::Refuses(302, ""), "answered with 302", "https://127.0.0.1"),
        ("GET /ext/fiddler", Fault::Refuses(200, "<html>"), "it is not JSON", "in a browser"),
        ("GET /ext/fiddler", Fault::Refuses(200, r#"{"IsProxyEnabled": "yes"}"#), "IsProxyEnabled", "in a browser"),
        ("GET /ext/fiddler", Fault::Babbles(b"SSH-2.0-OpenSSH\r\n\r\n"), "no HTTP answer", "check the port"),
        ("GET /ext/fiddler", Fault::Drops, "broke off", "tapdeck devkit status"),
        ("GET /ext/fiddler", Fault::Sleeps, "no answer within 2 s", "--timeout"),
    ];
    studio.does("status", &[]);
    for (start, fault, told, hint) in cases {
        studio.portal.with(start, [fault]);
        studio.fails("enable", &["--timeout", "2"], 3, told, hint);
        assert_eq!(studio.notes().get("enabled"), None, "{told}");
    }
    let long: &'static [u8] =
        format!("HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n{}", "x".repeat(300_000)).leak().as_bytes();
    studio.portal.with("GET /api/os/info", [Fault::Babbles(long)]);
    studio.fails("status", &[], 3, "longer than", "in a browser");
    assert_eq!(studio.portal.proxy(), (false, false));

    let mut command = studio.command("status", &[&studio.address()]);
    command.env_remove("TAPDECK_DEVKIT_USER");
    failed(&ended(command), 3, "answered with 401", "give --user");
    let mut command = studio.command("status", &[&studio.address()]);
    command.env("TAPDECK_DEVKIT_PASSWORD", "wrong");
    failed(&ended(command), 3, "answered with 401", "password of dev");
}

#[test]
fn a_kit_that_is_not_there_is_told_so() {
    let studio = Studio::new();
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = deaf.local_addr().unwrap().to_string();
    let plain = studio.command("status", &[&silent, "--timeout", "1"]);
    failed(&ended(plain), 3, "no connection within 1 s", "firewall");
    drop(deaf);
    failed(&ended(studio.command("status", &[&silent])), 3, "no connection", "Remote Access Settings");
    let echo = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let noise = echo.local_addr().unwrap().to_string();
    let talking = std::thread::spawn(move || {
        let (mut stream, _) = echo.accept().unwrap();
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let mut rest = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut rest);
    });
    failed(&ended(studio.command("status", &[&noise])), 3, "no TLS on that port", "11443");
    talking.join().unwrap();
}

#[test]
fn a_kit_that_breaks_off_is_asked_what_became_of_it() {
    // It did it and restarted: once is enough.
    let studio = Studio::new();
    studio.portal.with("POST /ext/fiddler", [Fault::Dies]);
    let ended = studio.does("enable", &[]);
    assert!(ended.talk.contains("looking whether it took effect") && ended.talk.contains("it did"), "{}", ended.talk);
    let posts = |studio: &Studio| studio.portal.asked().iter().filter(|line| line.starts_with("POST /ext")).count();
    assert_eq!((posts(&studio), studio.notes()["enabled"]["accepted"].clone()), (1, true.into()));

    // It did nothing: once more, with the token of the new session.
    let studio = Studio::new();
    studio.portal.with("POST /ext/fiddler", [Fault::Drops]);
    assert!(studio.does("enable", &[]).talk.contains("asking once more"));
    assert_eq!((posts(&studio), studio.portal.proxy()), (2, (false, true)));

    // It never says: the notes tell what may be, and disabling mends it.
    let studio = Studio::new();
    studio.portal.with("POST /ext/fiddler", [Fault::Drops, Fault::Drops]);
    studio.fails("enable", &[], 3, "broke off", "tapdeck devkit status");
    assert_eq!((posts(&studio), studio.notes()["enabled"]["accepted"].clone()), (2, false.into()));
    assert!(studio.does("status", &[]).stdout.contains("the kit never said it took it"));

    // It did it and could not say so, and refuses the second: what may be is still to be undone.
    let studio = Studio::new();
    studio.portal.has_proxy(true);
    studio.portal.with("POST /ext/fiddler", [Fault::Dies, Fault::Refuses(500, "")]);
    studio.fails("enable", &[], 3, "answered with 500", "restart the kit");
    assert_eq!((posts(&studio), studio.notes()["enabled"]["accepted"].clone()), (2, false.into()));

    studio.portal.with("DELETE /ext/fiddler", [Fault::Sleeps]);
    studio.does("disable", &["--timeout", "2"]);
    assert_eq!(studio.notes().get("enabled"), None);
}

#[test]
fn a_restart_is_waited_for_but_not_for_ever() {
    let studio = Studio::new();
    studio.portal.with("POST /api/control/restart", [Fault::Dies]);
    studio.does("enable", &["--restart"]);
    assert_eq!(studio.portal.proxy(), (true, true));
    studio.portal.downtime(1000);
    studio.fails("disable", &["--restart", "--wait", "3"], 3, "not back within 3 s", "--wait");
    assert_eq!(studio.notes().get("enabled"), None, "the portal took it");

    let studio = Studio::new();
    studio.portal.with("POST /api/control/restart", [Fault::Refuses(200, "")]);
    studio.fails("enable", &["--restart", "--wait", "3"], 3, "has not restarted within 3 s", "on the kit itself");

    let studio = Studio::new();
    studio.portal.with("POST /ext/fiddler", [Fault::Refuses(204, "")]);
    studio.fails("enable", &["--restart"], 1, "says that it has no proxy", "Network page");

    // While it starts, a portal may answer with an error of its own.
    let studio = Studio::new();
    studio.does("status", &[]);
    studio.portal.with("POST /api/control/restart", [Fault::Refuses(200, "")]);
    studio.portal.with("GET /ext/fiddler", [Fault::NotYet, Fault::NotYet, Fault::Refuses(503, "")]);
    studio.portal.has_proxy(true);
    studio.does("enable", &["--restart"]);
}

#[test]
fn a_kit_is_helped_without_any_notes() {
    let studio = Studio::new();
    studio.portal.has_proxy(true);
    studio.does("disable", &["--restart"]);
    assert_eq!(studio.portal.proxy(), (false, false));

    fs::write(studio.notes_file(), "{ torn").unwrap();
    studio.fails("enable", &[], 3, "holds no notes", "move the file away");
    let disabled = studio.does("disable", &[]);
    assert!(disabled.talk.contains("warning: ") && disabled.talk.contains("holds no notes"), "{}", disabled.talk);
    assert_eq!(fs::read_to_string(studio.notes_file()).unwrap(), "{ torn");
}

#[test]
fn what_was_there_before_is_not_forgotten() {
    let studio = Studio::new();
    studio.portal.has_proxy(true);
    studio.does("enable", &["--restart"]);
    studio.does("enable", &["--proxy", "192.0.2.11:8889"]);
    let notes = studio.notes();
    assert_eq!((&notes["enabled"]["had_proxy"], &notes["enabled"]["proxy"]["port"]), (&true.into(), &8889.into()));
    studio.portal.with("POST /ext/fiddler", [Fault::Refuses(500, "")]);
    studio.fails("enable", &[], 3, "500", "restart");
    assert_eq!(studio.notes(), notes, "a refusal changed the notes");
    let disabled = studio.does("disable", &[]);
    assert!(disabled.talk.contains("had another proxy before that"), "{}", disabled.talk);
}

#[test]
fn an_older_portal_cannot_tell_but_can_be_set() {
    let studio = Studio::new();
    let missing = || Fault::Refuses(405, "");
    studio.portal.with("GET /ext/fiddler", [missing(), missing(), missing()]);
    studio.does("enable", &[]);
    assert_eq!(studio.portal.proxy(), (false, true));
    // The token that a change needs came with another answer.
    assert_eq!(studio.portal.asked()[..2], ["GET /ext/fiddler", "GET /api/os/info"]);
    assert!(studio.does("status", &[]).stdout.contains("proxy        the portal does not tell"));
    studio.does("disable", &[]);
    assert_eq!((studio.portal.proxy(), studio.notes().get("enabled")), ((false, false), None));
}

#[test]
fn a_kit_is_found_however_it_is_written() {
    let studio = Studio::new();
    let port = studio.portal.address.port();
    for written in
        [format!("https://127.0.0.1:{port}/#Network"), format!("localhost:{port}"), format!("LOCALHOST:{port}")]
    {
        let ended = ended(studio.command("status", &[&written, "--yes"]));
        assert_eq!(ended.code, Some(0), "{written}: {}", ended.talk);
    }
    for (written, told) in [("http://10.0.0.5", "https only"), ("dev:pw@10.0.0.5", "--user"), ("10.0.0.256", "no host")]
    {
        failed(&ended(studio.command("status", &[written])), 2, told, "--help");
    }
    let studio = Studio::with(Portal::at("[::1]:0"));
    studio.does("enable", &["--proxy", "[2001:db8::10]:8888"]);
    assert_eq!(studio.portal.asked()[1], "POST /ext/fiddler?proxyAddress=2001:db8::10&proxyPort=8888&updateCert=true");
    let url = format!("https://{}/", studio.portal.address);
    assert_eq!(ended(studio.command("disable", &[&url, "--yes"])).code, Some(0));
}

#[test]
fn the_deck_is_where_the_kit_can_reach_it() {
    let studio = Studio::new();
    let dry = |kit: &str, args: &[&str]| {
        let mut command = tapdeck(studio.home.path());
        command.args(["devkit", "enable", kit, "--dry-run"]).args(args);
        ended(command)
    };
    failed(&dry("127.0.0.1", &[]), 2, "is this machine", "--proxy");
    failed(&dry("10.0.0.5", &["--listen", "10.0.0.2:0"]), 2, "not known beforehand", "--proxy");
    failed(&dry("10.0.0.5", &["--deck", "/no/such"]), 2, "/no/such", "--ready-file");
    let to = |host: &str, port: u16| format!("?proxyAddress={host}&proxyPort={port}&updateCert=true\n");
    let listening = dry("127.0.0.1", &["--listen", "host=127.0.0.1:9001,10.0.0.2:9000"]);
    assert!(listening.stdout.contains(&to("10.0.0.2", 9000)), "{}", listening.stdout);
    let ready = studio.home.path().join("ready.json");
    fs::write(&ready, r#"{"proxy":"http://192.0.2.7:9002","control":null}"#).unwrap();
    let running = dry("127.0.0.1", &["--deck", ready.to_str().unwrap()]);
    assert!(running.stdout.contains(&to("192.0.2.7", 9002)), "{}", running.stdout);
    fs::write(&ready, r#"{"proxy":"socks"}"#).unwrap();
    failed(&dry("127.0.0.1", &["--deck", ready.to_str().unwrap()]), 2, "names no proxy", "--ready-file");

    // A network that leads elsewhere is not everywhere; where there is one, our address there is taken.
    let routed = dry("192.0.2.1", &[]);
    match our_address("192.0.2.1:11443".parse().unwrap()) {
        Ok(ip) => assert!(routed.stdout.contains(&to(&ip.to_string(), 8888)), "{}", routed.stdout),
        Err(_) => failed(&routed, 3, "no way leads from here", "--proxy"),
    }

    let warned = studio.does("enable", &["--proxy", "127.0.0.1:8888"]);
    assert!(warned.talk.contains("warning: 127.0.0.1:8888 is this machine to itself alone"), "{}", warned.talk);
}

#[test]
fn a_password_is_piped_in_but_never_on_the_command_line() {
    let studio = Studio::new();
    let piped = |input: &str| {
        let mut command = studio.command("status", &[&studio.address(), "--yes"]);
        command.env_remove("TAPDECK_DEVKIT_PASSWORD");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: status.code(), stdout: text(stdout), talk: text(stderr) }
    };
    assert_eq!(piped("hunter2\r\nmore\n").code, Some(0));
    failed(&piped(""), 2, "no password for dev", "TAPDECK_DEVKIT_PASSWORD");
    studio.fails("status", &["--password", "hunter"], 2, "--password", "");
    studio.fails("status", &["--user", "a:b"], 2, "--user", "name alone");
}

/// Types at a terminal of its own: each text once the one before it has been shown. What the terminal showed in the end.
#[cfg(all(target_os = "linux", feature = "real-clients"))]
fn at_a_terminal(studio: &Studio, typed: &[(&str, &str)]) -> (Option<i32>, String) {
    let binary = env!("CARGO_BIN_EXE_tapdeck");
    let line =
        format!("stty -a | md5sum; {binary} devkit status {}; code=$?; stty -a | md5sum; exit $code", studio.address());
    let mut command = Command::new("script");
    command
        .args(["-qec", &line, "/dev/null"])
        .env("TAPDECK_HOME", studio.home.path())
        .env("TAPDECK_DEVKIT_USER", "dev");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut shown, mut buffer, mut typed) = (String::new(), [0; 1024], typed.iter().peekable());
    loop {
        if let Some((prompt, text)) = typed.peek()
            && shown.contains(prompt)
        {
            keyboard.write_all(text.as_bytes()).unwrap();
            typed.next();
        }
        match std::io::Read::read(&mut screen, &mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(read) => shown.push_str(&String::from_utf8_lossy(&buffer[..read])),
        }
    }
    let modes: Vec<&str> = shown.lines().filter(|line| line.ends_with("  -")).collect();
    assert!(modes.len() == 2 && modes[0] == modes[1], "the terminal is left otherwise: {shown}");
    (child.wait().unwrap().code(), shown)
}

#[test]
#[cfg(all(target_os = "linux", feature = "real-clients"))]
fn a_person_confirms_the_kit_and_types_the_password_unseen() {
    let studio = Studio::new();
    let (code, shown) = at_a_terminal(&studio, &[("[y/N] ", "n\n")]);
    assert_eq!(code, Some(2), "{shown}");
    assert!(shown.contains("nobody has confirmed") && shown.contains(&studio.portal.fingerprint()), "{shown}");
    let (code, shown) = at_a_terminal(&studio, &[("[y/N] ", "y\n"), ("password of dev: ", "hunter2\n")]);
    assert!(code == Some(0) && shown.contains("KIT-7") && !shown.contains(PASSWORD), "{shown}");
    let asked = studio.portal.asked().len();
    let (code, shown) = at_a_terminal(&studio, &[("password of dev: ", "hunt\x03")]);
    assert!(code == Some(2) && shown.contains("nothing was answered") && !shown.contains("hunt"), "{shown}");
    assert_eq!(studio.portal.asked().len(), asked);
}
