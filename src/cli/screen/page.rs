//! What is on its way to standard error: lines in their order, and what stands below them.

use std::collections::VecDeque;

use console::measure_text_width;

/// Lines, and what stands at the foot of them.
#[derive(Debug)]
pub(super) struct Page {
    /// Lines that are to be written, each with its end.
    lines: VecDeque<String>,
    /// Their bytes.
    length: usize,
    /// Log lines for which there was no room after these.
    left_out: usize,
    /// What is to stand at the foot.
    foot: String,
    /// What stands there; the cursor is at its end.
    drawn: String,
    is_changed: bool,
}

impl Page {
    /// An empty one.
    pub(super) const fn new() -> Self {
        Self {
            lines: VecDeque::new(),
            length: 0,
            left_out: 0,
            foot: String::new(),
            drawn: String::new(),
            is_changed: false,
        }
    }

    /// Adds a line that somebody waits for.
    pub(super) fn say(&mut self, text: &str) {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let line = format!("{text}{end}");
        self.length += line.len();
        self.lines.push_back(line);
        self.is_changed = true;
    }

    /// Adds a log line, unless too many wait already: then it is counted.
    pub(super) fn log(&mut self, text: &str) {
        let has_room = self.left_out == 0 && self.length + text.len() <= MOST_BYTES;
        match has_room || self.lines.is_empty() {
            true => self.say(text),
            false => self.left_out += 1,
        }
    }

    /// Puts a line at the foot, or several, in place of what is there.
    pub(super) fn stand(&mut self, text: String) {
        if self.foot != text {
            self.foot = text;
            self.is_changed = true;
        }
    }

    /// True when there is something to write.
    pub(super) fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// What is to be written next, in one go, on a terminal so wide; `None` when all is written.
    pub(super) fn next(&mut self, columns: usize) -> Option<String> {
        if !self.is_changed {
            return None;
        }
        if self.left_out > 0 {
            let left_out = std::mem::take(&mut self.left_out);
            self.say(&format!("{left_out} log lines are left out here: the terminal took none for a while"));
        }
        let mut written = erased(&self.drawn, columns);
        while written.len() < ENOUGH
            && let Some(line) = self.lines.pop_front()
        {
            self.length -= line.len();
            written.push_str(&line);
        }
        self.drawn = if widths(&self.foot).all(|width| width < columns) { self.foot.clone() } else { String::new() };
        written.push_str(&self.drawn);
        self.is_changed = !self.lines.is_empty();
        Some(written)
    }
}

/// What takes away what stands at the foot. A terminal that was made narrower has wrapped its lines over more rows.
fn erased(drawn: &str, columns: usize) -> String {
    let rows: usize = widths(drawn).map(|width| width.div_ceil(columns).max(1)).sum();
    match rows {
        0 => String::new(),
        1 => "\r\u{1b}[K".to_owned(),
        rows => format!("\u{1b}[{}A\r\u{1b}[J", rows - 1),
    }
}

fn widths(text: &str) -> impl Iterator<Item = usize> {
    text.lines().map(measure_text_width)
}

/// Lines that wait for a terminal hold at most this much, but for what we say ourselves.
const MOST_BYTES: usize = 1 << 20;
/// So much is written in one go, and a line more.
const ENOUGH: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything there is to write.
    fn written(page: &mut Page, columns: usize) -> String {
        std::iter::from_fn(|| page.next(columns)).collect()
    }

    #[test]
    fn what_was_wrapped_is_taken_away_row_by_row() {
        let foot = "\u{1b}[33mten wide..\u{1b}[0m";
        assert_eq!((erased(foot, 80).as_str(), erased(foot, 10).as_str()), ("\r\u{1b}[K", "\r\u{1b}[K"));
        assert_eq!(
            (erased(foot, 9).as_str(), erased(foot, 3).as_str()),
            ("\u{1b}[1A\r\u{1b}[J", "\u{1b}[3A\r\u{1b}[J")
        );
        assert_eq!(erased("", 80), "");
        let two = "ten wide..\nfive.";
        assert_eq!((erased(two, 80).as_str(), erased(two, 9).as_str()), ("\u{1b}[1A\r\u{1b}[J", "\u{1b}[2A\r\u{1b}[J"));
    }

    #[test]
    fn lines_come_above_the_foot() {
        let mut page = Page::new();
        page.stand("foot".into());
        page.say("one");
        page.say("two\n");
        assert_eq!(written(&mut page, 80), "one\ntwo\nfoot");
        page.stand("foot".into());
        assert_eq!(page.next(80), None, "nothing is new");
        page.log("three");
        assert_eq!(written(&mut page, 80), "\r\u{1b}[Kthree\nfoot");
        page.stand("another".into());
        assert_eq!(written(&mut page, 80), "\r\u{1b}[Kanother");
        page.stand(String::new());
        assert_eq!(written(&mut page, 80), "\r\u{1b}[K");
    }

    #[test]
    fn a_foot_that_does_not_fit_is_not_drawn_and_so_not_taken_away() {
        let mut page = Page::new();
        page.stand("ten wide..\nfive.".into());
        assert_eq!(written(&mut page, 10), "");
        page.say("one");
        assert_eq!(written(&mut page, 11), "one\nten wide..\nfive.");
        page.say("two");
        assert_eq!(written(&mut page, 10), "\u{1b}[1A\r\u{1b}[Jtwo\n");
    }

    #[test]
    fn log_lines_beyond_the_room_are_counted_and_what_is_said_is_kept() {
        let mut page = Page::new();
        let line = "x".repeat(1023);
        for _ in 0..2000 {
            page.log(&line);
        }
        page.say("sealed");
        page.log("short");
        let text = written(&mut page, 80);
        let kept = text.lines().filter(|written| *written == line).count();
        assert!(kept * 1024 <= MOST_BYTES && kept > 1000, "{kept}");
        let told = format!("{} log lines are left out here: the terminal took none for a while", 2001 - kept);
        assert_eq!(text.lines().skip(kept).collect::<Vec<_>>(), ["sealed", &told]);
        page.log("more");
        assert_eq!(written(&mut page, 80), "more\n", "there is room again");
    }

    #[test]
    fn a_line_of_any_length_is_logged_where_none_waits() {
        let mut page = Page::new();
        page.log(&"x".repeat(2 * MOST_BYTES));
        assert_eq!(written(&mut page, 80).len(), 2 * MOST_BYTES + 1);
    }
}
