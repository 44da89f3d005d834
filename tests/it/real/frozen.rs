//! A terminal that takes nothing for a while, as when text in it is selected: `script` makes one, and is stopped itself.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{HANG, binary, text};

/// A terminal in which a deck records, with much logging.
struct Terminal {
    home: TempDir,
    script: Child,
    shown: Arc<Mutex<String>>,
    /// Where the deck listens.
    proxy: String,
    /// Its process.
    deck: String,
}

impl Terminal {
    fn recording() -> Self {
        let home = TempDir::new().unwrap();
        let (ready, cassette) = (home.path().join("ready.json"), cassette(home.path()));
        let deck = format!(
            "exec {} record --upstream emulator --log-level debug --listen 127.0.0.1:0 --ready-file {} {}",
            env!("CARGO_BIN_EXE_tapdeck"),
            text(&ready),
            text(&cassette)
        );
        let settings = binary::tapdeck(home.path());
        let mut command = Command::new("script");
        command.env_clear().envs(settings.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("TERM", "xterm").args(["-qefc", &deck, "/dev/null"]);
        let mut script = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (shown, mut out) = (Arc::new(Mutex::new(String::new())), script.stdout.take().unwrap());
        let seen = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut bytes) {
                seen.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        waits_for("the deck", || ready.exists());
        let told: serde_json::Value = serde_json::from_slice(&std::fs::read(&ready).unwrap()).unwrap();
        let (proxy, deck) = (told["proxy"].as_str().unwrap().to_owned(), told["pid"].to_string());
        Self { home, script, shown, proxy, deck }
    }

    /// It takes nothing from now on.
    fn freezes(&self) {
        signal("STOP", &self.script.id().to_string());
    }

    fn thaws(&self) {
        signal("CONT", &self.script.id().to_string());
    }

    /// Everything written so far.
    fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// Makes a thousand calls to sessions with such names, and each is answered.
    fn calls(&self, name: &str) {
        let target = format!("{}/serviceconfigs/{SCID}/sessionTemplates/lobby/sessions/{name}[1-1000]", self.proxy);
        let mut calls = Command::new("curl");
        calls.args(["-q", "-s", "-f", "--noproxy", "", "--max-time", "60", "-o", "/dev/null"]);
        calls.args(["-H", AUTHORIZATION, "-H", "x-xbl-contract-version: 107", &target]);
        assert!(calls.status().unwrap().success(), "a call of {name} is not answered: {}", self.shown());
    }

    /// True when the deck's process has ended; its parent may not have noticed.
    fn has_ended(&self) -> bool {
        let state = Command::new("ps").args(["-o", "stat=", "-p", &self.deck]).output().unwrap().stdout;
        state.first().is_none_or(|state| *state == b'Z')
    }

    /// Waits for its end.
    fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        waits_for("the end", || {
            status = self.script.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The deck hears of it as of any terminal that closes.
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

fn cassette(home: &Path) -> PathBuf {
    home.join("a.cassette.json")
}

fn signal(name: &str, process: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), process]).status().unwrap().success());
}

fn waits_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let end = Instant::now() + HANG;
    while !is_there() {
        assert!(Instant::now() < end, "{what} does not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_it_could_not_take_comes_later_and_in_order() {
    let mut terminal = Terminal::recording();
    terminal.freezes();
    terminal.calls("s");
    assert!(!terminal.shown().contains("/s1000 "), "it is frozen");
    terminal.thaws();
    waits_for("the last call", || terminal.shown().contains("/s1000 "));
    signal("INT", &terminal.deck);
    assert_eq!(terminal.ended().code(), Some(0));
    waits_for("the summary", || terminal.shown().contains("1000 notes\r\n"));
    let shown = terminal.shown();
    let at = |wanted: &str| shown.find(wanted).unwrap_or_else(|| panic!("no {wanted:?} in {shown}"));
    let calls: Vec<usize> = (1..=1000).map(|number| at(&format!("sessions/s{number} "))).collect();
    assert!(calls.is_sorted(), "{shown}");
    assert!(at("listening on ") < calls[0] && calls[999] < at("stopping: "), "{shown}");
    assert!(at("stopping: ") < at("sealed "), "{shown}");
}

#[test]
fn a_recording_is_sealed_on_a_frozen_terminal() {
    let mut terminal = Terminal::recording();
    terminal.freezes();
    terminal.calls("s");
    signal("INT", &terminal.deck);
    let cassette = cassette(terminal.home.path());
    waits_for("the cassette", || cassette.exists());
    waits_for("the deck's end", || terminal.has_ended());
    assert_eq!(binary::run(terminal.home.path(), &["check", text(&cassette)]).code, Some(0));
    assert!(std::fs::read_to_string(&cassette).unwrap().contains("/sessions/s1000"));
    terminal.thaws();
    assert_eq!(terminal.ended().code(), Some(0));
}

const SCID: &str = "00000000-0000-0000-0000-0000000c0de1";
const AUTHORIZATION: &str = "authorization: XBL3.0 x=8157204361927364;eyJhbGciOiJub25lIn0.eyJ4IjoxfQ.c2ln";
