//! `tapdeck run` around programs nobody changed, certificates verified: none is told about proxy or trust.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use crate::support::binary::{self, Ended};
use crate::support::text;

/// A program that has the conversation of a cassette's first player, with ids from its environment.
pub(super) struct Program {
    pub(super) command: Vec<String>,
    /// Where it finds its libraries.
    pub(super) libraries: Option<(&'static str, String)>,
}

impl Program {
    pub(super) fn of(words: &[&str], script: &str) -> Self {
        let words = words.iter().map(|&word| word.to_owned());
        Self { command: words.chain([text(&programs().join(script)).to_owned()]).collect(), libraries: None }
    }

    /// A Python with the pinned packages.
    pub(super) fn python(script: &str) -> Self {
        let python = installed(&[".ci/python", "-c", "import sys; print(sys.executable)"]);
        Self::of(&[&python], script)
    }

    /// Node with the pinned undici.
    pub(super) fn undici() -> Self {
        let modules = installed(&[".ci/undici"]);
        Self { libraries: Some(("NODE_PATH", modules)), ..Self::of(&["node"], "by_undici.cjs") }
    }

    /// Runs it within `tapdeck run`, in a shell that does something first.
    fn run(&self, home: &Path, first: &str, args: &[&str]) -> Ended {
        let mut command = binary::tapdeck(home);
        command.envs(IDS).envs(self.libraries.iter().map(|(name, value)| (name, value)));
        command.arg("run").args(args).args(["--", "bash", "-c", &format!("{first}; exec \"$@\""), "bash"]);
        let ran = command.args(&self.command).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let Output { status, stdout, stderr } = ran;
        Ended { code: status.code(), stdout: text(stdout), talk: text(stderr) }
    }

    /// It is played a cassette, it is recorded, and it trusts nobody else.
    fn converses(&self) {
        let home = TempDir::new().unwrap();
        let played = self.run(home.path(), "true", &["--replay", INVITE]);
        let expected = "PUT 201 bound\nPOST 201 bound\nGET 200 bound mine\nPUT 204 hit\n";
        assert_eq!((played.code, played.stdout.as_str()), (Some(0), expected), "{}", played.talk);
        assert!(played.talk.contains("4 hit (3 bound), 0 repeat, 0 miss, "), "{}", played.talk);

        let cassette = home.path().join("a.cassette.json");
        let record = ["--record", text(&cassette), "--upstream", "emulator"];
        let recorded = self.run(home.path(), "true", &record);
        let expected = "PUT 201 none\nPOST 201 none\nGET 200 none mine\nPUT 204 none\n";
        assert_eq!((recorded.code, recorded.stdout.as_str()), (Some(0), expected), "{}", recorded.talk);
        assert!(recorded.talk.contains("4 exchanges in 1 lane; this recording replays"), "{}", recorded.talk);
        assert!(recorded.talk.contains("0 errors, 0 warnings"), "{}", recorded.talk);

        let other = home.path().join("other");
        assert_eq!(binary::run(&other, &["ca", "create"]).code, Some(0));
        let strange = TRUST_ANOTHER.replace("OTHER", text(&other.join("ca/cert.pem")));
        let refused = self.run(home.path(), &strange, &["--replay", INVITE]);
        assert!(refused.code != Some(0) && refused.stdout.is_empty(), "{}{}", refused.stdout, refused.talk);
        assert!(refused.talk.contains("\n0 hit (0 bound), 0 repeat, 0 miss, "), "{}", refused.talk);
    }
}

/// The last line a script of CI's prints; one installs at a time.
fn installed(words: &[&str]) -> String {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _turn = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(words[0]));
    let ran = command.args(&words[1..]).output().unwrap();
    assert!(ran.status.success(), "{}: {}", words[0], String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap().lines().last().unwrap().to_owned()
}

fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/real/programs")
}

#[test]
fn curl() {
    Program::of(&["bash"], "conversation.sh").converses();
}

#[test]
fn requests_of_python() {
    Program::python("by_requests.py").converses();
}

#[test]
fn httpx_of_python() {
    Program::python("by_httpx.py").converses();
}

#[test]
fn http_client_of_java() {
    Program::of(&["java"], "Conversation.java").converses();
}

#[test]
fn undici_of_node() {
    Program::undici().converses();
}

/// In a network of its own, in which there is only this machine, and under the eyes of strace.
#[test]
fn a_replay_reaches_for_nothing_but_this_machine() {
    let works =
        |flags: &&str| Command::new("unshare").args([flags, "true"]).output().is_ok_and(|ran| ran.status.success());
    // A system that gives nobody a network of its own cannot tell.
    let Some(flags) = ["-rn", "-n"].into_iter().find(works) else { return };
    let home = TempDir::new().unwrap();
    let trace = home.path().join("trace");
    let script = format!(
        "ip link set lo up && exec strace -f -qq -e trace=connect,sendto,sendmsg,sendmmsg -o {} {} run --replay {INVITE} \
         -- bash {}",
        text(&trace),
        env!("CARGO_BIN_EXE_tapdeck"),
        text(&programs().join("conversation.sh"))
    );
    let mut command = Command::new("unshare");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("TAPDECK_HOME", home.path()).envs(IDS);
    let Output { status, stdout, stderr } = command.args([flags, "sh", "-c", &script]).output().unwrap();
    let (stdout, talk) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{stdout}{talk}");
    assert!(talk.contains("4 hit (3 bound), 0 repeat, 0 miss, ") && talk.contains(", upstream 0, "), "{talk}");

    let trace = std::fs::read_to_string(trace).unwrap();
    let reached: Vec<&str> = trace.lines().filter(|line| line.contains("AF_INET")).collect();
    assert!(reached.iter().any(|line| line.contains("connect(")), "strace saw nobody come to the deck: {trace}");
    for line in reached {
        let is_here = line.contains(r#"inet_addr("127.0.0.1")"#) || line.contains(r#"inet_pton(AF_INET6, "::1""#);
        assert!(is_here && !line.contains("htons(53)"), "it reached for {line}");
    }
}

const INVITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cassettes/invite.cassette.json");
/// None of them is in the cassette.
pub(super) const IDS: [(&str, &str); 5] = [
    ("SESSION", "0BADCAFE-7c6e-4c55-9d11-3f0a8f5c0099"),
    ("XUID", "2814639011617876"),
    ("HASH", "4242424242"),
    ("FRIEND", "2814639011617999"),
    ("CONNECTION", "5b5f0a52-0000-4000-8000-00000000abcd"),
];
/// The proxy stays, the trust goes to another authority of our kind.
const TRUST_ANOTHER: &str = "export SSL_CERT_FILE=OTHER CURL_CA_BUNDLE=OTHER REQUESTS_CA_BUNDLE=OTHER \
    NODE_EXTRA_CA_CERTS=OTHER JAVA_TOOL_OPTIONS=\"${JAVA_TOOL_OPTIONS%% -Djavax*}\"";
