//! The one way to standard error: lines, and on a terminal a foot below them that is drawn again and again.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal};
use std::panic::PanicHookInfo;

use console::Term;

use super::out::Out;
use crate::platform;

/// Writes a line; what stands at the foot stays below it.
pub(in crate::cli) fn line(text: &str) {
    OUT.put(|page| page.say(text));
}

/// Writes a log line, unless the terminal takes none and too many wait for it already.
pub(in crate::cli) fn log_line(text: &str) {
    OUT.put(|page| page.log(text));
}

/// Puts a line at the foot, or several, in place of what is there. Each must be narrower than the terminal.
pub(in crate::cli) fn show(text: String) {
    OUT.put(|page| page.stand(text));
}

/// Takes away what stands at the foot.
pub(super) fn clear() {
    show(String::new());
}

/// Takes the line at the foot away, and waits until it is gone.
pub(super) fn leave() {
    clear();
    flush();
}

/// From now on nobody waits for the terminal: one that takes nothing, as while text in it is selected, holds up no call
/// and no sealing. A file or a pipe is written to at once, so that nothing of it is lost.
pub(in crate::cli) fn write_apart() {
    if io::stderr().is_terminal() {
        OUT.write_apart(io::stderr());
        std::panic::set_hook(Box::new(|panic| {
            line(&told(panic));
            flush();
        }));
    }
}

/// Waits until all is written, unless the terminal takes nothing.
pub(in crate::cli) fn flush() {
    OUT.flush();
}

/// How many characters fit into a row.
pub(in crate::cli) fn columns() -> usize {
    size().0
}

/// How many characters fit into a row, and how many rows there are.
pub(super) fn size() -> (usize, usize) {
    let size = Term::stderr().size_checked();
    size.map_or(USUAL_SIZE, |(rows, columns)| (usize::from(columns).max(1), usize::from(rows)))
}

/// True when standard error is a terminal that can draw a line again.
pub(in crate::cli) fn can_draw() -> bool {
    io::stderr().is_terminal() && !is_dumb() && platform::shows_colour()
}

/// True when colours on standard error would be seen as such.
pub(in crate::cli) fn is_coloured() -> bool {
    can_draw() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// A panic as Rust tells it: the writer may hold what Rust itself would tell it with.
fn told(panic: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    let text = format!("thread '{}' {panic}", thread.name().unwrap_or("<unnamed>"));
    let trace = Backtrace::capture();
    match trace.status() {
        BacktraceStatus::Captured => format!("{text}\n{trace}"),
        _ => text,
    }
}

static OUT: Out = Out::new();
const USUAL_SIZE: (usize, usize) = (80, 24);
