//! The real binary: run to its end, or kept running as a deck.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;

use super::HANG;

/// A running deck; it is killed with its owner.
pub(crate) struct Deck {
    pub(crate) address: SocketAddr,
    child: Child,
    /// What it said until it listened.
    opening: String,
    lines: Receiver<String>,
}

/// How a deck ended: its exit code, or none after a signal, and all it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) talk: String,
}

impl Deck {
    /// Starts a deck on a free port and waits until it listens.
    pub(crate) fn start(home: &Path, args: &[&str]) -> Self {
        let mut command = tapdeck(home);
        command.args(args).args(["--listen", "127.0.0.1:0"]);
        Self::of(command)
    }

    /// Starts a deck by a command of one's own.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (tell, lines) = mpsc::channel();
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let mut deck = Self { address: SocketAddr::from(([0; 4], 0)), child, opening: String::new(), lines };
        while deck.address.port() == 0 {
            let line = deck.line().unwrap_or_else(|| panic!("it does not listen: {}", deck.opening));
            if let Some((_, rest)) = line.split_once("listening on http://") {
                deck.address = rest.split(' ').next().unwrap().parse().unwrap();
            }
            deck.opening += &(line + "\n");
        }
        deck
    }

    /// Kills it on the spot.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Asks it to stop, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        let sent = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Ended {
        let mut talk = std::mem::take(&mut self.opening);
        while let Some(line) = self.line() {
            talk += &(line + "\n");
        }
        Ended { code: self.child.wait().unwrap().code(), talk }
    }

    /// The next line it says; `None` once it has ended.
    fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(HANG) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the deck says nothing and does not end"),
        }
    }
}

impl Drop for Deck {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary, with a home of its own.
pub(crate) fn tapdeck(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapdeck"));
    command.env("TAPDECK_HOME", home);
    command
}

/// Runs the binary to its end.
pub(crate) fn run(home: &Path, args: &[&str]) -> Ended {
    let output = tapdeck(home).args(args).output().unwrap();
    let talk = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    Ended { code: output.status.code(), talk }
}
