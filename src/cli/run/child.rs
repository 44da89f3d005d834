//! The command that is run: its streams are ours, signals reach it, and its end ends the deck.

use std::ffi::{OsStr, OsString};
use std::io;

use tokio::process::Command;

use crate::cli::session::{Signals, Stop};
use crate::cli::{Failure, say};
use crate::platform::{self, Heard};

/// A command that runs, or has ended.
pub(super) struct Child {
    process: tokio::process::Child,
    signals: Signals,
    ended: Option<u8>,
}

impl Child {
    /// Starts a command with some variables more than ours.
    pub(super) fn start(command: &[OsString], variables: Vec<(&'static str, OsString)>) -> Result<Self, Failure> {
        let signals = Signals::new()?;
        let Some((program, args)) = command.split_first() else {
            return Err(Failure::usage("there is no command").hint("give one after `--`"));
        };
        let started = Command::new(program).args(args).envs(variables).spawn();
        let process = started.map_err(|error| unstarted(program, &error))?;
        Ok(Self { process, signals, ended: None })
    }

    /// Waits for its end and gives its exit code; meanwhile signals are passed on.
    pub(super) async fn end(&mut self) -> Result<u8, Failure> {
        loop {
            if let Some(code) = self.ended {
                return Ok(code);
            }
            tokio::select! {
                status = self.process.wait() => {
                    let lost = |error: io::Error| Failure::runtime(format!("the command is lost: {error}"));
                    self.ended = Some(platform::exit_code(status.map_err(lost)?));
                }
                heard = self.signals.next() => self.pass_on(heard),
            }
        }
    }

    /// Asks it to end, and waits for that.
    pub(super) async fn terminate(&mut self) -> Result<u8, Failure> {
        if self.ended.is_none() {
            say("the command is asked to end");
            platform::signal(&mut self.process, Heard::Terminate);
        }
        self.end().await
    }

    fn pass_on(&mut self, heard: Heard) {
        if !platform::has_reached_children(heard) {
            platform::signal(&mut self.process, heard);
        }
    }
}

impl Stop for Child {
    /// Its end asks first; after that, signals do.
    async fn asked(&mut self) {
        match self.ended {
            // How it was lost is told by whoever asks for its exit code.
            None => drop(self.end().await),
            Some(_) => drop(self.signals.next().await),
        }
    }
}

fn unstarted(program: &OsStr, error: &io::Error) -> Failure {
    let name = program.to_string_lossy();
    let message = format!("cannot run {name:?}: {error}");
    match error.kind() {
        io::ErrorKind::NotFound => Failure::usage(message).hint("is it installed, and on the PATH?"),
        io::ErrorKind::PermissionDenied => Failure::usage(message).hint("is it a program that may be executed?"),
        _ => Failure::runtime(message).hint("run it without tapdeck to see more"),
    }
}
