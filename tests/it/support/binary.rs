//! The real binary, run to its end or kept running as a deck; and the real curl.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use super::HANG;

/// How the binary ended: its exit code, or none after a signal; its data; and its talk, on standard error.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) talk: String,
}

/// The binary, with a home of its own and nothing of this machine's settings.
pub(crate) fn tapdeck(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapdeck"));
    command
        .env_clear()
        .env("TAPDECK_ADMIN", "127.0.0.1:0")
        .env("TAPDECK_HOME", home)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.stdin(Stdio::null());
    command
}

/// Runs the binary to its end.
pub(crate) fn run(home: &Path, args: &[&str]) -> Ended {
    ended(tapdeck(home).args(args))
}

/// Runs a command of one's own to its end.
pub(crate) fn ended(command: &mut Command) -> Ended {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: status.code(), stdout: text(stdout), talk: text(stderr) }
}

/// A running deck; it is killed with its owner.
pub(crate) struct Deck {
    pub(crate) address: SocketAddr,
    child: Child,
    lines: Receiver<String>,
    heard: String,
    stdout: Option<JoinHandle<String>>,
}

impl Deck {
    /// Starts a serving command on a free port and waits until it listens.
    pub(crate) fn start(home: &Path, args: &[&str]) -> Self {
        let mut command = tapdeck(home);
        command.args(args).args(["--listen", "127.0.0.1:0"]);
        Self::of(command)
    }

    /// Starts a deck by a command of one's own.
    pub(crate) fn of(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|read| read > 0)
                && sender.send(std::mem::take(&mut line)).is_ok()
            {}
        });
        let mut out = child.stdout.take().unwrap();
        let stdout = Some(std::thread::spawn(move || {
            let mut text = String::new();
            out.read_to_string(&mut text).unwrap();
            text
        }));
        let mut deck = Self { address: ([127, 0, 0, 1], 0).into(), child, lines, heard: String::new(), stdout };
        let line = deck.hear("listening on http://");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(' ').next());
        deck.address = address.unwrap().parse().unwrap();
        deck
    }

    /// Waits for a line on standard error that holds a text.
    pub(crate) fn hear(&mut self, text: &str) -> String {
        let end = Instant::now() + HANG;
        loop {
            let line = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|_| panic!("it never said {text:?}, but:\n{}", self.heard));
            self.heard.push_str(&line);
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The address of its control port.
    pub(crate) fn control(&self) -> SocketAddr {
        let line = self.heard.lines().find_map(|line| line.split_once("control port on http://"));
        line.unwrap_or_else(|| panic!("no control port: {}", self.heard)).1.parse().unwrap()
    }

    /// Its process.
    #[cfg(unix)]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its address as a proxy's URL.
    #[cfg(feature = "real-clients")]
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.child.id())).status();
        assert!(sent.unwrap().success());
    }

    /// Asks it to stop, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        self.signal("INT");
    }

    /// Kills it on the spot.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Asks it to stop and waits for its end.
    pub(crate) fn stopped(self) -> Ended {
        self.interrupt();
        self.ended()
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Ended {
        let end = Instant::now() + HANG;
        // Standard error closes when the process ends.
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => self.heard.push_str(&line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end:\n{}", self.heard),
            }
        }
        let status = self.child.wait().unwrap();
        let stdout = self.stdout.take().unwrap().join().unwrap();
        Ended { code: status.code(), stdout, talk: std::mem::take(&mut self.heard) }
    }
}

impl Drop for Deck {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
