//! Windows: access lists, files that others have open, console events.

mod keys;

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::{NamedTempFile, TempDir};
use tokio::process::Child;
use tokio::signal::windows::{self, CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown};
use tokio::time::{Instant, sleep_until};

use super::{Heard, Key};
pub(super) use keys::Keys;

pub(super) fn create_private(path: &Path) -> io::Result<File> {
    File::create_new(path)?;
    let opened = only_the_user(path, "F").and_then(|()| {
        // While nobody else has it open: who came before the list was set does not get to read on.
        let open = || OpenOptions::new().write(true).share_mode(0).open(path);
        patiently(path, (), |()| open().map_err(|error| (error, ())))
    });
    if opened.is_err() {
        let _ = fs::remove_file(path);
    }
    opened
}

pub(super) fn readable_draft(folder: &Path) -> io::Result<NamedTempFile> {
    NamedTempFile::new_in(folder)
}

pub(super) fn private_folder(prefix: &str) -> io::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix(prefix).tempdir()?;
    only_the_user(folder.path(), "(OI)(CI)F")?;
    Ok(folder)
}

/// Takes everybody but the user off the access list of a file or folder.
///
/// No crate that is kept up offers this without unsafe code of ours, so the system's own program does it.
fn only_the_user(path: &Path, rights: &str) -> io::Result<()> {
    let named = system("whoami", |command| command.args(["/user", "/fo", "csv", "/nh"]))?;
    let user = user(&named).ok_or_else(|| io::Error::other(format!("whoami names no user: {:?}", named.trim())))?;
    let grant = format!("{user}:{rights}");
    system("icacls", |command| command.arg(path).args(["/inheritance:r", "/grant:r", &grant, "/q"])).map(drop)
}

/// The user of a line `"domain\name","S-1-…"`, as icacls takes it: the id, since a name may not survive the console's
/// code page. The whoami of wine tells `domain\name` alone.
fn user(line: &str) -> Option<String> {
    let line = line.trim();
    let id = line.rsplit(',').next()?.trim_matches('"');
    let is_id = id.starts_with("S-1-") && id.chars().all(|char| char.is_ascii_alphanumeric() || char == '-');
    let is_name = line.contains('\\') && !line.contains(['"', ',', ':', '/', '*']);
    is_id.then(|| format!("*{id}")).or_else(|| is_name.then(|| line.to_owned()))
}

/// What a program of the system prints. It is called by its whole path: another of that name may stand before it.
fn system(program: &str, with: impl FnOnce(&mut Command) -> &mut Command) -> io::Result<String> {
    let root = std::env::var_os("SystemRoot").filter(|root| !root.is_empty()).unwrap_or_else(|| "C:\\Windows".into());
    let mut command = Command::new(PathBuf::from(root).join("System32").join(format!("{program}.exe")));
    let failed = |what: String| io::Error::other(format!("cannot keep it private: {program}: {what}"));
    let ended = with(&mut command).stdin(Stdio::null()).output().map_err(|error| failed(error.to_string()))?;
    if !ended.status.success() {
        let told = String::from_utf8_lossy(&ended.stderr);
        return Err(failed(told.lines().next().unwrap_or("it failed").trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

pub(super) fn unseen(ask: impl FnOnce()) -> io::Result<String> {
    let console = console::Term::stderr();
    if !console.is_term() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "standard error is no console"));
    }
    ask();
    typed(|| console.read_key())
}

/// What is typed up to the end of the line. The console's own reading of passwords knows no backspace.
fn typed(mut key: impl FnMut() -> io::Result<console::Key>) -> io::Result<String> {
    let mut line = String::new();
    loop {
        match keys::key_of(&key()?) {
            Some(Key::Enter) => return Ok(line),
            Some(Key::Letter(letter)) if line.len() < LONGEST_LINE => line.push(letter),
            Some(Key::Backspace) => drop(line.pop()),
            Some(Key::Erase) => line.clear(),
            Some(Key::Letter(_) | Key::Escape) | None => {}
        }
    }
}

pub(super) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    patiently(to, (), |()| fs::rename(from, to).map_err(|error| (error, ())))
}

pub(super) fn persist<F>(draft: NamedTempFile<F>, to: &Path) -> io::Result<()> {
    patiently(to, draft, |draft| draft.persist(to).map(drop).map_err(|error| (error.error, error.file)))
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    patiently(path, (), |()| fs::remove_file(path).map_err(|error| (error, ())))
}

/// Does something to a file again and again while somebody has it open: virus scanners and indexers do, for a moment.
fn patiently<T, R>(path: &Path, start: T, mut work: impl FnMut(T) -> Result<R, (io::Error, T)>) -> io::Result<R> {
    let mut held = start;
    for wait in WAITS {
        match work(held) {
            Err((error, back)) if is_in_use(&error) => held = back,
            ended => return ended.map_err(|(error, _)| error),
        }
        if !make_writable(path) {
            thread::sleep(wait);
        }
    }
    work(held).map_err(|(error, _)| error)
}

/// Access is denied to a file that is read-only or being deleted; the others say that it is open.
fn is_in_use(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ACCESS_DENIED | SHARING_VIOLATION | LOCK_VIOLATION))
}

/// Clears a file's read-only attribute; false when it has none.
#[expect(clippy::permissions_set_readonly_false, reason = "it is Unix where this lets everybody write")]
fn make_writable(path: &Path) -> bool {
    let Ok(mut permissions) = fs::metadata(path).map(|about| about.permissions()) else {
        return false;
    };
    let was_read_only = permissions.readonly();
    permissions.set_readonly(false);
    was_read_only && fs::set_permissions(path, permissions).is_ok()
}

pub(super) fn is_for_everybody(_path: &Path) -> bool {
    false
}

pub(super) fn data_folder(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    variable("LOCALAPPDATA").or_else(|| variable("USERPROFILE").map(|home| home.join("AppData\\Local")))
}

pub(super) fn slashed(path: &str) -> Cow<'_, str> {
    Cow::Owned(path.replace('\\', "/"))
}

pub(super) fn is_absolute(slashed: &str) -> bool {
    slashed.starts_with('/') || slashed.as_bytes().get(1) == Some(&b':')
}

pub(super) fn is_root() -> bool {
    false
}

pub(super) fn shows_colour() -> bool {
    anstyle_query::windows::enable_ansi_colors() == Some(true)
}

#[derive(Debug)]
pub(super) struct Signals {
    interrupt: CtrlC,
    interrupt_too: CtrlBreak,
    close: CtrlClose,
    logoff: CtrlLogoff,
    shutdown: CtrlShutdown,
    /// When to cut off what still runs: a little later the system ends us.
    last_call: Option<Instant>,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: windows::ctrl_c()?,
            interrupt_too: windows::ctrl_break()?,
            close: windows::ctrl_close()?,
            logoff: windows::ctrl_logoff()?,
            shutdown: windows::ctrl_shutdown()?,
            last_call: None,
        })
    }

    pub(super) async fn next(&mut self) -> Heard {
        let last_call = self.last_call;
        let is_last_call = async {
            match last_call {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => return Heard::Interrupt,
            _ = self.interrupt_too.recv() => return Heard::Interrupt,
            () = is_last_call => {
                self.last_call = None;
                return Heard::Terminate;
            }
            _ = self.close.recv() => {}
            _ = self.logoff.recv() => {}
            _ = self.shutdown.recv() => {}
        }
        self.last_call = Some(Instant::now() + GRACE);
        Heard::Terminate
    }
}

// Windows has no such signals for one process.
pub(super) fn signal(child: &mut Child, _heard: Heard) {
    let _ = child.start_kill();
}

// Ctrl-C and the end of a console reach every process of it.
pub(super) fn has_reached_children(_heard: Heard) -> bool {
    true
}

/// Codes that do not fit, such as those of a crash, are the largest that does.
pub(super) fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

const ACCESS_DENIED: i32 = 5;
const SHARING_VIOLATION: i32 = 32;
const LOCK_VIOLATION: i32 = 33;

/// Somewhat more than a second in all.
const WAITS: [Duration; 7] = [
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(40),
    Duration::from_millis(80),
    Duration::from_millis(160),
    Duration::from_millis(320),
    Duration::from_millis(640),
];

const LONGEST_LINE: usize = 4096;

/// A console that closes leaves five seconds; sealing needs its share of them.
const GRACE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_known_by_the_id() {
        assert_eq!(user("\"pc\\a, b\",\"S-1-5-21-1-2-3-1001\"\r\n").as_deref(), Some("*S-1-5-21-1-2-3-1001"));
        assert_eq!(user("PC\\a\r\n").as_deref(), Some("PC\\a"));
        for line in ["", "\"pc\\a\",\"\"", "\"pc\\a\",\"S-1-5 /grant\"", "S-2-5", "pc\\a:F /grant"] {
            assert_eq!(user(line), None, "{line}");
        }
    }

    #[test]
    fn what_is_typed_unseen_can_be_taken_back() {
        use console::Key::{ArrowLeft, Backspace, Char, Enter, Unknown};
        let line = |keys: &[console::Key]| {
            let mut keys = keys.iter().cloned();
            typed(|| keys.next().ok_or_else(|| io::ErrorKind::UnexpectedEof.into()))
        };
        let pressed = [Char('a'), Unknown, Char('ö'), Backspace, ArrowLeft, Char('b'), Enter, Char('c')];
        assert_eq!(line(&pressed).unwrap(), "ab");
        assert_eq!(line(&[Backspace, Char('a'), Char('\u{15}'), Char('b'), Enter]).unwrap(), "b");
        assert!(line(&[Char('a')]).is_err(), "nobody said that it is all");
    }

    #[test]
    fn a_file_that_is_open_for_a_moment_is_replaced_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("kept"), "old").unwrap();
        fs::write(at("new"), "new").unwrap();
        let open = OpenOptions::new().read(true).share_mode(0).open(at("kept")).unwrap();
        thread::scope(|scope| {
            let replacing = scope.spawn(|| replace(&at("new"), &at("kept")));
            drop(open);
            replacing.join().unwrap().unwrap();
        });
        assert_eq!(fs::read_to_string(at("kept")).unwrap(), "new");
    }

    #[test]
    fn data_lies_in_the_profile() {
        let profile = |name: &str| (name == "USERPROFILE").then(|| PathBuf::from("C:\\Users\\a"));
        assert_eq!(data_folder(&profile), Some("C:\\Users\\a\\AppData\\Local".into()));
    }

    #[test]
    fn paths_are_spelt_with_slashes() {
        assert_eq!(slashed("a\\b/c"), "a/b/c");
        assert!(is_absolute("C:/a") && is_absolute("//server/a") && !is_absolute("a/b"));
    }
}
