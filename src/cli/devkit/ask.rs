//! Asking the person at the terminal, also for what nobody may see.

use std::io::{self, IsTerminal, Read, Write};

use crate::cli::Failure;

/// True when there is somebody to ask.
pub(super) fn is_anybody_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question that is answered by yes or no.
pub(super) fn agrees(question: &str) -> Result<bool, Failure> {
    prompt(&format!("{question} [y/N] "));
    let answer = line().map_err(|error| unheard(&error))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// The password of a portal's user: from the environment, typed unseen, or the first line of what is piped in.
pub(super) fn password(user: &str) -> Result<String, Failure> {
    if let Some(password) = std::env::var_os(PASSWORD).filter(|value| !value.is_empty()) {
        let unreadable = |_| Failure::usage(format!("{PASSWORD} is not Unicode")).hint("set it anew");
        return password.into_string().map_err(unreadable);
    }
    let typed = if io::stdin().is_terminal() {
        let typed = unseen(&format!("password of {user}: "));
        prompt("\n");
        typed
    } else {
        line()
    };
    let password = typed.map_err(|error| unheard(&error))?.trim_end_matches(['\r', '\n']).to_owned();
    if password.is_empty() {
        return Err(Failure::usage(format!("no password for {user}"))
            .hint(format!("set {PASSWORD}, type it when asked, or pipe it in")));
    }
    Ok(password)
}

fn prompt(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

fn line() -> io::Result<String> {
    text_until(b"\n")
}

/// What is typed or piped in, up to one of these bytes, or a bounded length.
fn text_until(ends: &[u8]) -> io::Result<String> {
    let mut text = Vec::new();
    for byte in io::stdin().lock().take(LONGEST_LINE).bytes() {
        let byte = byte?;
        text.push(byte);
        if ends.contains(&byte) {
            break;
        }
    }
    String::from_utf8(text).map_err(io::Error::other)
}

/// Asks for a line that is not shown as it is typed, not even by who types at once. Ctrl-C ends it too, after the terminal shows again what is typed.
#[cfg(unix)]
fn unseen(question: &str) -> io::Result<String> {
    use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};
    let stdin = io::stdin();
    let before = tcgetattr(&stdin)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
    hidden.special_codes[SpecialCodeIndex::VEOL] = CTRL_C;
    tcsetattr(&stdin, OptionalActions::Flush, &hidden)?;
    prompt(question);
    let typed = text_until(&[b'\n', CTRL_C]);
    tcsetattr(&stdin, OptionalActions::Flush, &before)?;
    let typed = typed?;
    if typed.as_bytes().last() == Some(&CTRL_C) { Err(io::ErrorKind::Interrupted.into()) } else { Ok(typed) }
}

#[cfg(windows)]
fn unseen(question: &str) -> io::Result<String> {
    prompt(question);
    console::Term::stderr().read_secure_line()
}

fn unheard(error: &io::Error) -> Failure {
    Failure::usage(format!("nothing was answered: {error}")).hint(format!("set {PASSWORD}, and give --fingerprint"))
}

const PASSWORD: &str = "TAPDECK_DEVKIT_PASSWORD";
#[cfg(unix)]
const CTRL_C: u8 = 3;
const LONGEST_LINE: u64 = 4096;
