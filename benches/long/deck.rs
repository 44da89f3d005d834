//! The deck as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A deck that records.
pub(crate) struct Deck {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Deck {
    /// Starts to record what a service says.
    pub(crate) fn record(home: &Path, service: SocketAddr, args: &[&str]) -> Self {
        let mut child = tapdeck(home)
            .args(["--log-level", "error", "record", "--upstream", &format!("http://{service}")])
            .args(["--listen", "127.0.0.1:0"])
            .args(args)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = lines.find_map(|line| Some(line.split_once("listening on http://")?.1.to_owned())).unwrap();
        let address = line.split(' ').next().unwrap().parse().unwrap();
        // What it finds must not fill the pipe; what it says in the end is worth reading.
        std::thread::spawn(move || lines.filter(|line| line.contains("seal")).for_each(|line| println!("  {line}")));
        Self { child, address }
    }

    /// Bytes of memory it has.
    pub(crate) fn resident(&self) -> u64 {
        status(self.child.id(), "VmRSS:").unwrap()
    }

    /// Kills it on the spot.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ends by itself; its exit code.
    pub(crate) fn ended(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Deck {
    fn drop(&mut self) {
        // It is over already, unless something failed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end, which must be a good one: what it said, how many seconds it took, and the most memory.
pub(crate) fn measured(home: &Path, args: &[&str]) -> (String, f64, u64) {
    let began = Instant::now();
    let mut child = tapdeck(home).args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let said = std::thread::spawn(move || {
        let mut said = String::new();
        out.read_to_string(&mut said).unwrap();
        said
    });
    let talk = std::thread::spawn(move || {
        let mut talk = String::new();
        err.read_to_string(&mut talk).unwrap();
        talk
    });
    let mut peak = 0;
    let code = loop {
        peak = peak.max(status(child.id(), "VmHWM:").unwrap_or(0));
        match child.try_wait().unwrap() {
            Some(status) => break status.code(),
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    let (said, talk) = (said.join().unwrap(), talk.join().unwrap());
    assert_eq!(code, Some(0), "{args:?}: {said}{talk}");
    (said + &talk, began.elapsed().as_secs_f64(), peak)
}

/// A size in a process's status, in bytes.
fn status(pid: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// The binary with a home of its own.
fn tapdeck(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapdeck"));
    command.env("TAPDECK_HOME", home).env("TAPDECK_ADMIN", "127.0.0.1:0").current_dir(home).stdin(Stdio::null());
    command
}
