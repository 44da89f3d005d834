//! The one way to standard error: lines, and on a terminal a foot below them that is drawn again and again.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use console::{Term, measure_text_width};

use crate::platform;

/// Writes lines; what stands at the foot stays below them.
pub(in crate::cli) fn line(text: &str) {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    put(|foot| {
        let erased = foot.erased(columns());
        foot.fit(columns());
        format!("{erased}{text}{end}{}", foot.0)
    });
}

/// Puts a line at the foot, or several, in place of what is there. Each must be narrower than the terminal.
pub(super) fn show(text: String) {
    put(|foot| {
        if foot.0 == text {
            return String::new();
        }
        let erased = foot.erased(columns());
        foot.0 = text;
        format!("{erased}{}", foot.0)
    });
}

/// Takes away what stands at the foot.
pub(super) fn clear() {
    put(|foot| {
        let erased = foot.erased(columns());
        foot.0.clear();
        erased
    });
}

/// How many characters fit into a row.
pub(super) fn columns() -> usize {
    size().0
}

/// How many characters fit into a row, and how many rows there are.
pub(super) fn size() -> (usize, usize) {
    let size = Term::stderr().size_checked();
    size.map_or(USUAL_SIZE, |(rows, columns)| (usize::from(columns).max(1), usize::from(rows)))
}

/// True when standard error is a terminal that can draw a line again.
pub(super) fn can_draw() -> bool {
    io::stderr().is_terminal() && !is_dumb() && platform::shows_colour()
}

/// True when colours on standard error would be seen as such.
pub(in crate::cli) fn is_coloured() -> bool {
    can_draw() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Writes all of it at once, and nothing of anybody else's in between. There is nobody to tell that it failed.
fn put(made: impl FnOnce(&mut Foot) -> String) {
    let mut foot = FOOT.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = io::stderr().lock().write_all(made(&mut foot).as_bytes());
}

/// What stands at the foot; the cursor is at its end.
#[derive(Debug)]
struct Foot(String);

impl Foot {
    /// What takes it away. A terminal that was made narrower has wrapped its lines over more rows.
    fn erased(&self, columns: usize) -> String {
        let rows: usize = self.widths().map(|width| width.div_ceil(columns).max(1)).sum();
        match rows {
            0 => String::new(),
            1 => "\r\u{1b}[K".to_owned(),
            rows => format!("\u{1b}[{}A\r\u{1b}[J", rows - 1),
        }
    }

    /// Gives it up where it does not fit any more, until there is another.
    fn fit(&mut self, columns: usize) {
        if self.widths().any(|width| width >= columns) {
            self.0.clear();
        }
    }

    fn widths(&self) -> impl Iterator<Item = usize> {
        self.0.lines().map(measure_text_width)
    }
}

static FOOT: Mutex<Foot> = Mutex::new(Foot(String::new()));
const USUAL_SIZE: (usize, usize) = (80, 24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_wrapped_is_taken_away_row_by_row() {
        let foot = Foot("\u{1b}[33mten wide..\u{1b}[0m".into());
        assert_eq!((foot.erased(80).as_str(), foot.erased(10).as_str()), ("\r\u{1b}[K", "\r\u{1b}[K"));
        assert_eq!((foot.erased(9).as_str(), foot.erased(3).as_str()), ("\u{1b}[1A\r\u{1b}[J", "\u{1b}[3A\r\u{1b}[J"));
        assert_eq!(Foot(String::new()).erased(80), "");
        let two = Foot("ten wide..\nfive.".into());
        assert_eq!((two.erased(80).as_str(), two.erased(9).as_str()), ("\u{1b}[1A\r\u{1b}[J", "\u{1b}[2A\r\u{1b}[J"));
    }

    #[test]
    fn what_does_not_fit_any_more_is_not_drawn_again() {
        let mut foot = Foot("\u{1b}[33mten wide..\u{1b}[0m\nfive.".into());
        foot.fit(11);
        assert_eq!(foot.erased(80), "\u{1b}[1A\r\u{1b}[J");
        foot.fit(10);
        assert_eq!((foot.0.as_str(), foot.erased(80).as_str()), ("", ""));
    }
}
