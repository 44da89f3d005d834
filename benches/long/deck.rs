//! The deck as a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A deck that records.
pub(crate) struct Deck {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Deck {
    /// Starts to record what a service says.
    pub(crate) fn record(home: &Path, service: SocketAddr, cassette: &Path) -> Self {
        let mut child = tapdeck(home)
            .args(["--log-level", "error", "record", "--upstream", &format!("http://{service}")])
            .args(["--listen", "127.0.0.1:0"])
            .arg(cassette)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = lines.find_map(|line| Some(line.split_once("listening on http://")?.1.to_owned())).unwrap();
        let address = line.split(' ').next().unwrap().parse().unwrap();
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// Bytes of memory it has.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Kills it on the spot.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Deck {
    fn drop(&mut self) {
        // It is over already, unless something failed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary with a home of its own.
pub(crate) fn tapdeck(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapdeck"));
    command.env("TAPDECK_HOME", home).env("TAPDECK_ADMIN", "127.0.0.1:0").current_dir(home).stdin(Stdio::null());
    command
}
