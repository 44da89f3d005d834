//! The command that is run: its streams are ours, signals reach it, and its end ends the deck.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::ExitStatus;

use tokio::process::Command;

use crate::cli::session::{Heard, Signals, Stop};
use crate::cli::{Failure, say};

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
                    self.ended = Some(exit_code(status.map_err(lost)?));
                }
                heard = self.signals.next() => self.pass_on(heard),
            }
        }
    }

    /// Asks it to end, and waits for that.
    pub(super) async fn terminate(&mut self) -> Result<u8, Failure> {
        if self.ended.is_none() {
            say("the command is asked to end");
            self.signal(Heard::Terminate);
        }
        self.end().await
    }

    #[cfg_attr(unix, expect(clippy::needless_pass_by_ref_mut, reason = "on Windows a signal is the process's end"))]
    fn pass_on(&mut self, heard: Heard) {
        if !has_reached_it(heard) {
            self.signal(heard);
        }
    }

    #[cfg(unix)]
    fn signal(&self, heard: Heard) {
        use rustix::process::{Pid, Signal, kill_process};
        let signal = match heard {
            Heard::Interrupt => Signal::INT,
            Heard::Terminate => Signal::TERM,
        };
        let id = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id {
            // Until it is waited for, its number is nobody else's; if it has just ended, there is nobody to reach.
            let _ = kill_process(id, signal);
        }
    }

    // Windows has no such signals for one process.
    #[cfg(windows)]
    fn signal(&mut self, _heard: Heard) {
        let _ = self.process.start_kill();
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

/// True for a signal that has reached the command without us: the terminal's keys go to all that run in front.
#[cfg(unix)]
fn has_reached_it(heard: Heard) -> bool {
    use rustix::{process::getpgrp, termios::tcgetpgrp};
    let is_in_front = || {
        std::fs::File::open("/dev/tty").is_ok_and(|terminal| tcgetpgrp(terminal).is_ok_and(|front| front == getpgrp()))
    };
    heard == Heard::Interrupt && is_in_front()
}

// Ctrl-C and the end of a console reach every process of it.
#[cfg(windows)]
fn has_reached_it(_heard: Heard) -> bool {
    true
}

/// The code a shell would give.
#[cfg(unix)]
fn exit_code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// Codes that do not fit, such as those of a crash, are the largest that does.
#[cfg(windows)]
fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
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
