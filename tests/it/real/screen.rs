//! The real binary on a real terminal: tmux draws what it writes, and types what a person would.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::curl;
use crate::support::socket::opening;
use crate::support::{HANG, HOST, binary, text};

/// A terminal with a shell in it.
struct Terminal {
    home: TempDir,
}

impl Terminal {
    fn open(columns: u16) -> Self {
        let terminal = Self { home: TempDir::new().unwrap() };
        let (columns, rows) = (columns.to_string(), "50");
        let shell = "exec bash --norc --noprofile";
        terminal.tmux(&["new-session", "-d", "-x", &columns, "-y", rows, shell]);
        terminal.types("PS1='ready> '; clear\n");
        terminal.shows("ready> ");
        terminal
    }

    /// A terminal in which a deck runs by now, and where that listens.
    fn running(columns: u16, args: &str) -> (Self, SocketAddr) {
        let terminal = Self::open(columns);
        let address = terminal.starts(args);
        (terminal, address)
    }

    fn starts(&self, args: &str) -> SocketAddr {
        let binary = env!("CARGO_BIN_EXE_tapdeck");
        self.types(&format!("{binary} {args}\n"));
        let shown = self.shows("Ctrl-C ends it");
        let address = shown.rsplit("listening on http://").next().and_then(|rest| rest.split(' ').next());
        address.unwrap().parse().unwrap()
    }

    fn tmux(&self, args: &[&str]) -> String {
        let socket = self.home.path().join("tmux");
        let mut command = Command::new("tmux");
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs([("HOME", text(self.home.path())), ("TAPDECK_HOME", text(self.home.path()))]);
        command.envs([("TAPDECK_ADMIN", "127.0.0.1:0"), ("LC_ALL", "C.UTF-8"), ("TZ", "UTC0")]);
        command.args(["-u", "-f", "/dev/null", "-S", text(&socket)]).args(args).stdin(Stdio::null());
        let output = command.output().unwrap_or_else(|error| panic!("this test needs `tmux`: {error}"));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Presses keys.
    fn types(&self, keys: &str) {
        self.tmux(&["send-keys", "-l", keys]);
    }

    /// Presses a key that has a name.
    fn presses(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// Everything written so far; lines that were wrapped are whole.
    fn page(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-J", "-S", "-"])
    }

    /// The rows of the terminal as they stand.
    fn rows(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until everything written holds a text.
    fn shows(&self, wanted: &str) -> String {
        self.comes(wanted, |page| page.contains(wanted))
    }

    /// Waits until the foot is as wanted: the status line, while a deck runs.
    fn foot(&self, wanted: &str) -> String {
        foot_of(&self.comes(wanted, |page| foot_of(page).contains(wanted)))
    }

    fn comes(&self, wanted: &str, is_it: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + 2 * HANG;
        loop {
            let page = self.page();
            if is_it(&page) {
                return page;
            }
            assert!(Instant::now() < end, "it never showed {wanted:?}, but:\n{page}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The terminal's modes, as the shell's next command finds them.
    fn modes(&self) -> String {
        let file = self.home.path().join("modes");
        let _ = std::fs::remove_file(&file);
        // What is typed while a program still ends may be thrown away with its modes.
        self.comes("the prompt", |page| page.trim_end().ends_with("ready>"));
        self.types(&format!("stty -a > {0}.draft; mv {0}.draft {0}\n", text(&file)));
        let end = Instant::now() + HANG;
        while !file.exists() {
            assert!(Instant::now() < end, "the shell does not answer:\n{}", self.page());
            std::thread::sleep(Duration::from_millis(20));
        }
        std::fs::read_to_string(file).unwrap()
    }

    /// The deck's process.
    fn deck(&self) -> String {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"]);
        let children = Command::new("ps").args(["-o", "pid=", "--ppid", shell.trim()]).output().unwrap();
        String::from_utf8(children.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

/// The last line; of a diagnosis, which begins with how long the deck has run, all its rows.
fn foot_of(page: &str) -> String {
    let lines: Vec<&str> = page.trim_end().lines().map(str::trim_end).collect();
    let is_first = |line: &&str| line.get(..8).is_some_and(is_time) && line[8..].starts_with(" · ");
    let first = lines.iter().rposition(is_first);
    lines[first.unwrap_or_else(|| lines.len().saturating_sub(1))..].join(" ")
}

/// A call to a session by the deck's own address; from there its client comes.
fn call(deck: SocketAddr, from: &str, args: &[&str]) {
    let target = format!("http://{deck}/serviceconfigs/{SCID}/sessionTemplates/lobby/sessions/{SESSION}");
    let called = curl(&[&["--interface", from, "-H", AUTHORIZATION], args, &[&target]].concat());
    called.unwrap_or_else(|error| panic!("{error}"));
}

const VERSION: [&str; 2] = ["-H", "x-xbl-contract-version: 107"];

/// A call by way of a tunnel to the service, without knowing the deck's authority.
fn call_untrusting(deck: SocketAddr, from: &str) {
    let refused = curl(&["--interface", from, "-x", &format!("http://{deck}"), &format!("https://{HOST}/")]);
    assert!(refused.unwrap_err().contains("curl: (60)"));
}

#[test]
fn a_recording_is_watched_and_marked() {
    let terminal = Terminal::open(120);
    let before = terminal.modes();
    let cassette = terminal.home.path().join("a.cassette.json");
    let record = format!("record --upstream emulator --name 127.0.0.2=guest --listen 127.0.0.1:0 {}", text(&cassette));
    let deck = terminal.starts(&record);
    assert!(terminal.foot("nobody called yet").contains("00:0"), "{}", terminal.page());
    terminal.foot("? keys");
    let mut socket = TcpStream::connect(deck).unwrap();
    socket.write_all(opening("/connect", AUTHORIZATION_LINE).as_bytes()).unwrap();
    terminal.foot(" · 1 socket · ");
    drop(socket);
    terminal.comes("no socket", |page| !page.contains("socket"));

    call(deck, "127.0.0.1", &VERSION);
    call(deck, "127.0.0.1", &VERSION);
    call(deck, "127.0.0.2", &[]);
    let foot = terminal.foot("guest 1, lane-1 3 · ");
    assert!(foot.contains(" · 2 notes · ") && foot.contains("/30 per 15 s · "), "{foot}");
    assert!(foot.contains(" · guest GET session{lobby/3f2a91c0} 400, "), "{foot}");
    let page = terminal.shows("tapdeck rules contract-version-missing");
    let line = page.lines().find(|line| line.contains("tapdeck rules contract-version-missing")).unwrap();
    assert!(is_time(&line[..8]), "{line}");
    assert!(line.contains("contract-version-missing guest GET session{lobby/3f2a91c0}: "), "{line}");
    assert!(line.contains("; documents require: Every MPSD request carries X-Xbl-Contract-Version"), "{line}");

    terminal.types("mboss fight");
    terminal.foot("mark 1: boss fight_ · Enter sets it");
    terminal.presses("Enter");
    terminal.foot("mark 1 set at 00:0");
    terminal.types(" ");
    terminal.foot("mark 2 set at 00:0");
    terminal.types("mnever mind");
    terminal.presses("Escape");
    terminal.foot("mark 2 set at 00:0");
    terminal.types("?");
    terminal.shows("keys: m sets a mark");

    terminal.presses("C-c");
    let page = terminal.shows("sealed ");
    assert!(page.contains("this recording replays; secrets: 0; 4 calls from 2 clients: "), "{page}");
    let table = page.lines().find(|line| line.contains("contract-version-missing ") && !line.contains("GET")).unwrap();
    assert!(table.trim_end().ends_with(" 1"), "{table}");
    assert_eq!(page.matches("per 15 s").count(), 0, "nothing of the line is left: {page}");
    assert_eq!(terminal.modes(), before);
    let shown = binary::run(terminal.home.path(), &["cassette", "show", text(&cassette)]);
    assert!(shown.stdout.contains("boss fight") && shown.stdout.contains("mark 2"), "{}", shown.stdout);
    assert!(!shown.stdout.contains("never mind"), "{}", shown.stdout);
}

#[test]
fn log_lines_do_not_tear_the_line() {
    let (terminal, deck) = Terminal::running(100, "emulate --log-level debug --listen 127.0.0.1:0");
    let target = format!("http://{deck}/serviceconfigs/{SCID}/sessionTemplates/lobby/sessions/s[1-300]");
    let mut calls = Command::new("curl");
    calls.args(["-q", "-s", "--noproxy", "", "-o", "/dev/null", "-H", AUTHORIZATION]).args(VERSION).arg(&target);
    assert!(calls.status().unwrap().success());
    terminal.foot("lane-1 300 · ");
    let page = terminal.page();
    let lines: Vec<&str> = page.trim_end().lines().collect();
    let begin = lines.iter().position(|line| line.contains("Ctrl-C ends it")).unwrap() + 1;
    let logged = &lines[begin..lines.len() - 1];
    assert!(logged.len() >= 300, "{page}");
    for line in logged {
        assert!(is_time(&line[..8]) && !line.contains("/30 per 15 s"), "{line:?} in {page}");
    }
    let answered = logged.iter().filter(|line| line.ends_with("204") || line.contains("status=204"));
    assert_eq!(answered.count(), 300, "{page}");
}

#[test]
fn a_terminal_may_be_narrow_and_change() {
    let (terminal, deck) = Terminal::running(40, "emulate --log-level off --listen 127.0.0.1:0");
    call(deck, "127.0.0.1", &VERSION);
    terminal.foot(" · lane-1 1 · ");
    let is_one = |rows: &str| rows.lines().filter(|line| line.starts_with("00:")).count() == 1;
    assert!(is_one(&terminal.rows()), "{}", terminal.rows());
    for columns in ["120", "40", "90", "25"] {
        terminal.tmux(&["resize-window", "-x", columns, "-y", "50"]);
        call(deck, "127.0.0.1", &VERSION);
        let width: usize = columns.parse().unwrap();
        terminal.comes("one line that fits", |_| {
            let rows = terminal.rows();
            let line = rows.lines().find(|line| line.starts_with("00:")).unwrap_or_default();
            is_one(&rows) && line.chars().count() < width && (width < 80 || line.contains("per 15 s"))
        });
    }
}

#[test]
fn what_to_do_is_told_on_a_narrow_terminal_too() {
    let (terminal, deck) = Terminal::running(40, "emulate --log-level off --listen 127.0.0.1:0");
    call_untrusting(deck, "127.0.0.2");
    let foot = terminal.foot("`tapdeck ca install` on this machine, docs/trust.md for others");
    assert!(foot.contains("127.0.0.2 connects but rejects our certificate; most likely "), "{foot}");
    call(deck, "127.0.0.2", &VERSION);
    terminal.foot(" · lane-1 1 · ");
    let rows = terminal.rows();
    assert!(!rows.contains("trust.md") && rows.matches("00:0").count() == 1, "nothing of it is left: {rows}");
}

#[test]
fn the_terminal_is_as_it_was_however_it_ends() {
    let terminal = Terminal::open(100);
    let before = terminal.modes();
    for ending in ["TERM", "HUP", "INT"] {
        terminal.types("clear\n");
        let cassette = terminal.home.path().join("a.cassette.json");
        terminal.starts(&format!("record --upstream emulator --listen 127.0.0.1:0 {}", text(&cassette)));
        terminal.foot("? keys");
        terminal.types(&format!("mkill -{ending}"));
        terminal.foot("mark 1: ");
        assert!(Command::new("kill").args([&format!("-{ending}"), &terminal.deck()]).status().unwrap().success());
        terminal.shows("no call arrived, so nothing was sealed");
        assert_eq!(terminal.modes(), before, "after {ending}");
    }
    // Twice: the second cuts off what the first waits for.
    terminal.types("clear\n");
    let deck = terminal.starts("emulate --listen 127.0.0.1:0");
    let mut waiting = TcpStream::connect(deck).unwrap();
    waiting.write_all(b"PUT /x HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{").unwrap();
    terminal.foot("? keys");
    terminal.presses("C-c");
    terminal.shows("stopping: waiting for calls");
    terminal.presses("C-c");
    terminal.shows("0 calls from 0 clients");
    assert_eq!(terminal.modes(), before, "after two interrupts");
}

#[test]
fn a_deck_may_be_stopped_and_taken_up_again() {
    let terminal = Terminal::open(100);
    let before = terminal.modes();
    terminal.starts("emulate --listen 127.0.0.1:0");
    terminal.foot("? keys");
    terminal.presses("C-z");
    terminal.shows("Stopped");
    assert_eq!(terminal.modes(), before, "while it stands still");
    terminal.types("clear; fg\n");
    terminal.foot("? keys");
    terminal.types("?");
    terminal.shows("keys: ? tells the keys");
    terminal.presses("C-c");
    terminal.shows("0 calls from 0 clients");
    assert_eq!(terminal.modes(), before);
}

#[test]
fn no_mark_is_offered_where_nothing_is_kept() {
    for deck in ["watch", "emulate"] {
        let (terminal, _) = Terminal::running(120, &format!("{deck} --listen 127.0.0.1:0"));
        terminal.foot("? keys");
        terminal.types("?");
        let page =
            terminal.shows("keys: ? tells the keys, Ctrl-C ends it; nothing is kept here, so there are no marks");
        assert!(!page.contains("sets a mark"), "{page}");
        for key in ["m", " "] {
            terminal.types(&format!("{key}?"));
            terminal.foot("no mark: nothing is kept here");
        }
        terminal.presses("C-c");
        let page = terminal.shows("0 calls from 0 clients");
        assert!(!page.contains("mark 1"), "{page}");
    }
}

#[test]
fn a_recording_outlives_its_terminal() {
    let terminal = Terminal::open(100);
    let cassette = terminal.home.path().join("a.cassette.json");
    let deck = terminal.starts(&format!("record --upstream emulator --listen 127.0.0.1:0 {}", text(&cassette)));
    call(deck, "127.0.0.1", &VERSION);
    terminal.foot("lane-1 1 · ");
    terminal.tmux(&["kill-session"]);
    let end = Instant::now() + HANG;
    while !cassette.exists() {
        assert!(Instant::now() < end, "it was not sealed");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(binary::run(terminal.home.path(), &["check", text(&cassette)]).code, Some(0));
}

/// The shell tells of it, and so does the system: that is one wish to stop, and what is under way comes to its end.
#[test]
fn a_terminal_that_closes_says_so_twice() {
    let home = TempDir::new().unwrap();
    let cassette = home.path().join("a.cassette.json");
    let mut deck = binary::Deck::start(home.path(), &["record", "--upstream", "emulator", text(&cassette)]);
    let mut client = TcpStream::connect(deck.address).unwrap();
    let target = format!("/serviceconfigs/{SCID}/sessionTemplates/lobby/sessions/{SESSION}");
    let head = format!("PUT {target} HTTP/1.1\r\nHost: {}\r\n{AUTHORIZATION_LINE}", deck.address);
    client.write_all(format!("{head}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n").as_bytes()).unwrap();
    let mut asked = [0; 12];
    client.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100", "the call is under way");
    deck.signal("HUP");
    deck.hear("stopping: ");
    deck.signal("HUP");
    client.write_all(b"{}").unwrap();
    let ended = deck.ended();
    assert!(ended.code == Some(0) && ended.talk.contains("1 exchange in 1 lane"), "{}", ended.talk);
}

#[test]
fn what_is_wrong_with_a_client_is_said() {
    let (terminal, deck) = Terminal::running(150, "emulate --others refuse --listen 127.0.0.1:0");
    call_untrusting(deck, "127.0.0.2");
    terminal
        .foot("127.0.0.2 connects but rejects our certificate; most likely it does not know our authority: make it");
    terminal.shows("warning 127.0.0.2 rejects our certificate; ");
    call(deck, "127.0.0.2", &VERSION);
    let foot = terminal.foot(" · no violations · ");
    assert!(!foot.contains("rejects"), "it is resolved: {foot}");

    let refused = curl(&["--interface", "127.0.0.4", "-x", &format!("http://{deck}"), "https://example.com/"]);
    assert!(refused.is_err());
    terminal.shows("127.0.0.4 is turned away: `example.com:443` is not passed on");
    let _silent = TcpStream::connect(deck).unwrap();
    terminal.shows("127.0.0.1 connects but asks for nothing: ");
}

#[test]
fn a_client_that_reaches_only_other_hosts() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let args = format!("watch --resolve login.live.com={} --listen 127.0.0.1:0", other.local_addr().unwrap());
    let (terminal, deck) = Terminal::running(150, &args);
    let mut client = TcpStream::connect(deck).unwrap();
    client.write_all(b"CONNECT login.live.com:443 HTTP/1.1\r\nhost: login.live.com:443\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    terminal.foot("127.0.0.1 reached login.live.com, which is passed on unread");
    terminal.foot("127.0.0.1 reaches only other hosts (login.live.com): is the game past sign-in");
}

/// The one test that waits: half a minute until nobody has come, and a minute until a client is quiet.
#[test]
fn nobody_comes_and_then_somebody_goes_quiet() {
    let args = "emulate --name 127.0.0.2=guest --name 127.0.0.3=host --listen 127.0.0.1:0";
    let (terminal, deck) = Terminal::running(150, args);
    let (home, args) = (TempDir::new().unwrap(), ["emulate", "--log-format", "json"]);
    let mut logging = binary::Deck::start(home.path(), &args);
    terminal.foot(&format!("nothing has arrived at {deck} yet: set the client's proxy to {deck}"));
    let told: serde_json::Value = serde_json::from_str(&logging.hear("nothing has arrived")).unwrap();
    assert_eq!((&told["level"], &told["diagnosis"]), (&"WARN".into(), &"nobody".into()));
    call(logging.address, "127.0.0.1", &VERSION);
    for _ in 0..3 {
        call(deck, "127.0.0.2", &VERSION);
    }
    terminal.foot("guest 3 · ");
    terminal.comes("a client gone quiet", |page| {
        call(deck, "127.0.0.3", &VERSION);
        page.contains("guest has gone quiet: its last call was 60 s ago, while others go on")
    });
    call(deck, "127.0.0.2", &VERSION);
    let foot = terminal.foot("guest 4, host ");
    assert!(!foot.contains("quiet"), "{foot}");
    let beat: serde_json::Value = serde_json::from_str(&logging.hear("running for 00:01:0")).unwrap();
    assert_eq!((&beat["calls"], &beat["clients"], &beat["errors"]), (&1.into(), &1.into(), &0.into()));
}

/// True for `12:03:11`.
fn is_time(text: &str) -> bool {
    let shape = |(at, byte): (usize, u8)| if at % 3 == 2 { byte == b':' } else { byte.is_ascii_digit() };
    text.len() == 8 && text.bytes().enumerate().all(shape)
}

/// Not a terminal, or one that can do nothing: lines and no codes.
#[test]
fn elsewhere_there_are_plain_lines() {
    let home = TempDir::new().unwrap();
    let deck = binary::Deck::start(home.path(), &["emulate"]);
    call(deck.address, "127.0.0.1", &[]);
    let ended = deck.stopped();
    assert!(ended.talk.contains(" contract-version-missing lane-1 GET session{lobby/3f2a91c0}: "), "{}", ended.talk);
    assert!(ended.talk.contains("\ninfo    contract-version-missing "), "{}", ended.talk);
    assert!(!ended.talk.contains(['\u{1b}', '\r']), "{:?}", ended.talk);

    let terminal = Terminal::open(100);
    let before = terminal.modes();
    let (binary, talk) = (Path::new(env!("CARGO_BIN_EXE_tapdeck")), terminal.home.path().join("talk"));
    terminal.types(&format!("TERM=dumb script -qec '{} emulate --listen 127.0.0.1:0' {}\n", text(binary), text(&talk)));
    terminal.shows("Ctrl-C ends it");
    terminal.presses("C-c");
    terminal.shows("0 calls from 0 clients");
    assert_eq!(terminal.modes(), before);
    let written = std::fs::read_to_string(talk).unwrap();
    assert!(!written.contains('\u{1b}'), "{written:?}");
}

const SCID: &str = "00000000-0000-0000-0000-0000000c0de1";
const SESSION: &str = "3f2a91c0-0000-4000-8000-000000000001";
const AUTHORIZATION_LINE: &str = "Authorization: XBL3.0 x=8157204361927364;eyJhbGciOiJub25lIn0.eyJ4IjoxfQ.c2ln\r\n";
const AUTHORIZATION: &str = "authorization: XBL3.0 x=8157204361927364;eyJhbGciOiJub25lIn0.eyJ4IjoxfQ.c2ln";
