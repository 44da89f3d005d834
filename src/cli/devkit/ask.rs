//! Asking the person at the terminal, also for what nobody may see.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use crate::cli::Failure;
use crate::platform;

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
        let typed = platform::unseen(|| prompt(&format!("password of {user}: ")));
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
    let mut line = String::new();
    io::stdin().lock().take(LONGEST_LINE).read_line(&mut line)?;
    Ok(line)
}

fn unheard(error: &io::Error) -> Failure {
    Failure::usage(format!("nothing was answered: {error}")).hint(format!("set {PASSWORD}, and give --fingerprint"))
}

const PASSWORD: &str = "TAPDECK_DEVKIT_PASSWORD";
const LONGEST_LINE: u64 = 4096;
