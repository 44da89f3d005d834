//! What operating systems do differently, in one place: private files, files that somebody has open, signals, consoles.
//!
//! Each function says what holds everywhere; how it is done stands in `platform/unix.rs` and `platform/windows.rs`.
//! Code elsewhere asks for no operating system.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::borrow::Cow;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use tempfile::{NamedTempFile, TempDir};
use tokio::process::Child;

#[cfg(unix)]
use unix as os;
#[cfg(windows)]
use windows as os;

/// Writes a new file that nobody but its owner can read; it is on the disk when this returns.
///
/// # Errors
/// The file exists, or the system cannot keep it private.
pub fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = os::create_private(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Writes a new file that everybody may read who may read the folder; it is on the disk when this returns.
///
/// # Errors
/// The file exists, or cannot be written.
pub fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A temporary file that every user may read once it is [`persist`]ed.
///
/// # Errors
/// The folder takes no file.
pub fn readable_draft(folder: &Path) -> io::Result<NamedTempFile> {
    os::readable_draft(folder)
}

/// A folder for temporary files that nobody but its owner can look into.
///
/// # Errors
/// There is no room for one, or the system cannot keep it private.
pub fn private_folder(prefix: &str) -> io::Result<TempDir> {
    os::private_folder(prefix)
}

/// Reads a line that the terminal does not show as it is typed; it is asked for once that holds. Ctrl-C ends it too, as an
/// interruption, after the terminal is as it was.
///
/// # Errors
/// There is no terminal, or nobody answers.
pub fn unseen(ask: impl FnOnce()) -> io::Result<String> {
    os::unseen(ask)
}

/// Gives a file another name, in place of what has that name: also when that is read-only, or open for a moment.
///
/// # Errors
/// The system refuses, or somebody keeps the file open.
pub fn replace(from: &Path, to: &Path) -> io::Result<()> {
    os::replace(from, to)
}

/// The same for a temporary file.
///
/// # Errors
/// As for [`replace`].
pub fn persist<F>(draft: NamedTempFile<F>, to: &Path) -> io::Result<()> {
    os::persist(draft, to)
}

/// Removes a file: also when it is read-only, or open for a moment.
///
/// # Errors
/// There is none, the system refuses, or somebody keeps it open.
pub fn remove(path: &Path) -> io::Result<()> {
    os::remove(path)
}

/// True for a file that everybody on this machine may read, as far as its mode tells; access lists are not looked into.
pub fn is_for_everybody(path: &Path) -> bool {
    os::is_for_everybody(path)
}

/// True for a file that is there and may not be written to.
pub fn is_read_only(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.is_file() && about.permissions().readonly())
}

/// The user's own place for data, as the environment names it.
pub fn data_folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    os::data_folder(&variable)
}

/// A path with slashes, as formats and web pages spell paths.
pub fn slashed(path: &str) -> Cow<'_, str> {
    os::slashed(path)
}

/// True for a path with slashes that does not depend on where we stand.
pub fn is_absolute(slashed: &str) -> bool {
    os::is_absolute(slashed)
}

/// True when what we write to a terminal is shown in colour; consoles that have to be told are told.
pub fn shows_colour() -> bool {
    os::shows_colour()
}

/// Systems whose users are told different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Windows.
    Windows,
    /// macOS.
    MacOs,
    /// Linux, and what is like it.
    Other,
}

/// The one we run on.
pub const SYSTEM: System = match () {
    () if cfg!(windows) => System::Windows,
    () if cfg!(target_os = "macos") => System::MacOs,
    () => System::Other,
};

/// True for a user who may change what belongs to the system, as far as that can be told.
pub fn is_root() -> bool {
    os::is_root()
}

/// What asks a process to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// SIGINT; Ctrl-C and Ctrl-Break on Windows.
    Interrupt,
    /// SIGTERM, a closed terminal; on Windows a closed console, the end of the user's session, shutdown.
    Terminate,
}

/// Hears what asks this process to stop, from when it is made.
#[derive(Debug)]
pub struct Signals(os::Signals);

impl Signals {
    /// Begins to listen: a signal that came earlier would have ended the process.
    ///
    /// # Errors
    /// The system has no room for another listener.
    pub fn new() -> io::Result<Self> {
        os::Signals::new().map(Self)
    }

    /// Waits for the next one. Where the system is about to end the process anyway, the last wait is cut short by one.
    pub async fn next(&mut self) -> Heard {
        self.0.next().await
    }
}

/// A key, as far as we ask for any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A letter, a digit, a space.
    Letter(char),
    /// The end of a line.
    Enter,
    /// Not after all.
    Escape,
    /// One letter back.
    Backspace,
    /// All of them back: Ctrl-U.
    Erase,
}

/// What is typed, key by key, where standard input is a terminal. The terminal is left as it was found, however this
/// ends; Ctrl-C and Ctrl-Z stay what they are.
#[derive(Debug)]
pub struct Keys(os::Keys);

impl Keys {
    /// Begins to hear keys; needs a runtime.
    pub fn open() -> Self {
        Self(os::Keys::open())
    }

    /// True when keys are heard.
    pub fn are_heard(&self) -> bool {
        self.0.are_heard()
    }

    /// True when the terminal is ours to draw on: no other job of its shell has it.
    pub fn are_in_front(&self) -> bool {
        self.0.are_in_front()
    }

    /// The keys pressed within a time; it is over sooner if there are any. Before Ctrl-Z stops us, `leave` is done.
    pub fn next(&mut self, wait: Duration, leave: impl FnOnce()) -> Vec<Key> {
        self.0.next(wait, leave)
    }
}

/// Asks another process to stop.
pub fn signal(child: &mut Child, heard: Heard) {
    os::signal(child, heard);
}

/// True for a signal that has reached our children without us: the terminal's keys go to all that run in front.
pub fn has_reached_children(heard: Heard) -> bool {
    os::has_reached_children(heard)
}

/// A process's exit code as a shell would give it.
pub fn exit_code(status: ExitStatus) -> u8 {
    os::exit_code(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_private_is_written_once() {
        let folder = private_folder("tapdeck-test-").unwrap();
        let path = folder.path().join("key.pem");
        write_private(&path, "secret").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "secret");
        assert_eq!(write_private(&path, "other").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(write_new(&path, "other").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "secret");
    }

    #[test]
    fn a_read_only_file_is_told_replaced_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let lock = |path: &Path| {
            let mut permissions = fs::metadata(path).unwrap().permissions();
            permissions.set_readonly(true);
            fs::set_permissions(path, permissions).unwrap();
        };
        assert!(!is_read_only(&at("kept")), "it is not there yet");
        for replaced in ["by name", "by draft"] {
            fs::write(at("kept"), "old").unwrap();
            lock(&at("kept"));
            assert!(is_read_only(&at("kept")));
            if replaced == "by name" {
                fs::write(at("new"), replaced).unwrap();
                replace(&at("new"), &at("kept")).unwrap();
            } else {
                let mut draft = NamedTempFile::new_in(folder.path()).unwrap();
                draft.write_all(replaced.as_bytes()).unwrap();
                persist(draft, &at("kept")).unwrap();
            }
            assert_eq!(fs::read_to_string(at("kept")).unwrap(), replaced);
            assert!(!is_read_only(&at("kept")));
            lock(&at("kept"));
            remove(&at("kept")).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
        assert_eq!(remove(&at("kept")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(replace(&at("new"), &at("kept")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_folder_is_not_replaced_by_another() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["first", "second"] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("which"), name).unwrap();
        }
        assert!(replace(&at("second"), &at("first")).is_err());
        assert_eq!(fs::read_to_string(at("first/which")).unwrap(), "first");
    }
}
