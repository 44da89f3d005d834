//! The one way to standard error: lines, and on a terminal one line below them that is drawn again and again.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use console::{Term, measure_text_width};

use crate::platform;

/// Writes lines; what stands at the foot stays below them.
pub(in crate::cli) fn line(text: &str) {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    put(|foot| {
        let (erased, shown) = (foot.erased(columns()), foot.shown(columns()));
        format!("{erased}{text}{end}{shown}")
    });
}

/// Puts a line at the foot, in place of the one that is there. It must be narrower than the terminal.
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

/// Takes the line at the foot away.
pub(super) fn clear() {
    put(|foot| {
        let erased = foot.erased(columns());
        foot.0.clear();
        erased
    });
}

/// How many characters fit into a row.
pub(super) fn columns() -> usize {
    Term::stderr().size_checked().map_or(USUAL_COLUMNS, |(_, columns)| usize::from(columns).max(1))
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
    /// What takes it away. A terminal that was made narrower has wrapped it over several rows.
    fn erased(&self, columns: usize) -> String {
        match measure_text_width(&self.0) {
            0 => String::new(),
            width => match (width - 1) / columns {
                0 => "\r\u{1b}[K".to_owned(),
                wrapped => format!("\u{1b}[{wrapped}A\r\u{1b}[J"),
            },
        }
    }

    /// What draws it again, where it fits.
    fn shown(&self, columns: usize) -> &str {
        if measure_text_width(&self.0) < columns { &self.0 } else { "" }
    }
}

static FOOT: Mutex<Foot> = Mutex::new(Foot(String::new()));
const USUAL_COLUMNS: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_wrapped_is_taken_away_row_by_row() {
        let foot = Foot("\u{1b}[33mten wide..\u{1b}[0m".into());
        assert_eq!((foot.erased(80).as_str(), foot.erased(10).as_str()), ("\r\u{1b}[K", "\r\u{1b}[K"));
        assert_eq!((foot.erased(9).as_str(), foot.erased(3).as_str()), ("\u{1b}[1A\r\u{1b}[J", "\u{1b}[3A\r\u{1b}[J"));
        assert_eq!((foot.shown(11), foot.shown(10)), (foot.0.as_str(), ""));
        assert_eq!(Foot(String::new()).erased(80), "");
    }
}
