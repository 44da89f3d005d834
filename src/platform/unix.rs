//! Unix: modes, signals, and a rename that always replaces.

mod jobs;
mod keys;

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, getpgrp, kill_process};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcgetpgrp, tcsetattr};
use tempfile::{NamedTempFile, TempDir};
use tokio::process::Child;
use tokio::signal::unix::{self, SignalKind, signal as listen};

use super::Heard;
pub(super) use keys::Keys;

pub(super) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

pub(super) fn readable_draft(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(folder)
}

pub(super) fn private_folder(prefix: &str) -> io::Result<TempDir> {
    tempfile::Builder::new().prefix(prefix).permissions(Permissions::from_mode(0o700)).tempdir()
}

pub(super) fn unseen(ask: impl FnOnce()) -> io::Result<String> {
    let stdin = io::stdin();
    let before = tcgetattr(&stdin)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
    hidden.special_codes[SpecialCodeIndex::VEOL] = CTRL_C;
    tcsetattr(&stdin, OptionalActions::Flush, &hidden)?;
    ask();
    let typed = typed();
    tcsetattr(&stdin, OptionalActions::Flush, &before)?;
    let typed = typed?;
    if typed.last() == Some(&CTRL_C) {
        return Err(io::ErrorKind::Interrupted.into());
    }
    String::from_utf8(typed).map_err(io::Error::other)
}

fn typed() -> io::Result<Vec<u8>> {
    let mut typed = Vec::new();
    for byte in io::stdin().lock().take(LONGEST_LINE).bytes() {
        let byte = byte?;
        typed.push(byte);
        if matches!(byte, b'\n' | CTRL_C) {
            break;
        }
    }
    Ok(typed)
}

pub(super) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

pub(super) fn persist<F>(draft: NamedTempFile<F>, to: &Path) -> io::Result<()> {
    draft.persist(to).map(drop).map_err(|error| error.error)
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

pub(super) fn is_for_everybody(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o004 != 0)
}

pub(super) fn data_folder(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    variable("XDG_DATA_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/share")))
}

pub(super) fn slashed(path: &str) -> Cow<'_, str> {
    Cow::Borrowed(path)
}

pub(super) fn is_absolute(slashed: &str) -> bool {
    slashed.starts_with('/')
}

pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub(super) fn shows_colour() -> bool {
    true
}

#[derive(Debug)]
pub(super) struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    hangup: unix::Signal,
    is_hung_up: bool,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        let (interrupt, terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate, hangup: listen(SignalKind::hangup())?, is_hung_up: false })
    }

    pub(super) async fn next(&mut self) -> Heard {
        tokio::select! {
            _ = self.interrupt.recv() => Heard::Interrupt,
            _ = self.terminate.recv() => Heard::Terminate,
            // Its terminal was closed: its shell and the system both say so, and that is no second wish.
            _ = self.hangup.recv(), if !self.is_hung_up => {
                self.is_hung_up = true;
                Heard::Terminate
            }
        }
    }
}

pub(super) fn signal(child: &Child, heard: Heard) {
    let signal = match heard {
        Heard::Interrupt => Signal::INT,
        Heard::Terminate => Signal::TERM,
    };
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(id) = id {
        // Until it is waited for, its number is nobody else's; if it has just ended, there is nobody to reach.
        let _ = kill_process(id, signal);
    }
}

pub(super) fn has_reached_children(heard: Heard) -> bool {
    let is_in_front =
        || File::open("/dev/tty").is_ok_and(|terminal| tcgetpgrp(terminal).is_ok_and(|front| front == getpgrp()));
    heard == Heard::Interrupt && is_in_front()
}

pub(super) fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// As the terminal sends it when it is no signal.
const CTRL_C: u8 = 3;
const LONGEST_LINE: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    #[test]
    fn what_is_private_is_the_owners_alone() {
        let folder = private_folder("tapdeck-test-").unwrap();
        let path = folder.path().join("key");
        super::super::write_private(&path, "secret").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(folder.path()), mode(&path)), (0o700, 0o600));
        assert!(!is_for_everybody(&path));
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(is_for_everybody(&path));
    }

    #[test]
    fn data_lies_where_the_environment_says() {
        let both = |name: &str| {
            [("XDG_DATA_HOME", "/x"), ("HOME", "/h")]
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, path)| path.into())
        };
        let home = |name: &str| (name == "HOME").then(|| PathBuf::from(OsString::from("/h")));
        assert_eq!(data_folder(&both), Some("/x".into()));
        assert_eq!(data_folder(&home), Some("/h/.local/share".into()));
        assert_eq!(data_folder(&|_| None), None);
    }
}
