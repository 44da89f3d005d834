//! Programs of the system against the deck: curl, openssl, compilers for `clients/`, and bash for the README's commands.
//!
//! They are not part of a Rust toolchain, so these tests are behind the feature `real-clients`; CI turns it on.

mod clients;
mod curl;
mod frozen;
mod lan;
mod openssl;
mod readme;
mod run;
mod screen;
mod shell;
mod trust;

use std::process::Command;

/// Runs a program that CI's machine has, and gives its standard output and error.
async fn run(program: &'static str, args: &[&str]) -> (bool, String) {
    let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
    let ran = tokio::task::spawn_blocking(move || Command::new(program).args(args).output());
    let output = ran.await.unwrap().unwrap_or_else(|error| panic!("this test needs `{program}`: {error}"));
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// An answer as curl printed it.
#[derive(Debug)]
pub(super) struct Curled {
    pub(super) version: String,
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Curled {
    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Runs the real curl, with no settings of this machine, and takes its answer apart; or gives what it complains of.
pub(super) fn curl(args: &[&str]) -> Result<Curled, String> {
    let mut command = Command::new("curl");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.args(["-q", "-sS", "-i", "--suppress-connect-headers", "--noproxy", "", "--max-time", "60"]).args(args);
    let output = command.output().unwrap_or_else(|error| panic!("this test needs the program `curl`: {error}"));
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    Ok(Curled {
        version: first.next().unwrap().trim_start_matches("HTTP/").to_owned(),
        status: first.next().unwrap().parse().unwrap(),
        headers: lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        body: body.to_owned(),
    })
}
