//! A file's text with its places, so that every error and every value can say where it stands.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use super::ConfigError;

/// A place in a file, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A file being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page<'t> {
    pub(super) path: &'t Path,
    pub(super) text: &'t str,
}

impl Page<'_> {
    /// Where a span starts.
    pub(super) fn at(&self, span: Range<usize>) -> At {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        At { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }

    /// What is wrong there.
    pub(super) fn fault(&self, span: Range<usize>, reason: impl Into<String>) -> ConfigError {
        ConfigError::At { path: self.path.to_owned(), at: self.at(span), reason: reason.into() }
    }
}

/// What somebody may have meant by a name there is not: ` (did you mean …?)`, or nothing.
pub fn meant<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let scored = known.into_iter().map(|known| (strsim::jaro_winkler(name, known), known));
    let near = scored.filter(|(score, _)| *score > NEAR).max_by(|(left, _), (right, _)| left.total_cmp(right));
    near.map_or_else(String::new, |(_, known)| format!(" (did you mean `{known}`?)"))
}

const NEAR: f64 = 0.8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_lines_and_characters() {
        let page = Page { path: Path::new("a"), text: "ä = 1\nüb = 2\n" };
        assert_eq!(page.at(0..1), At { line: 1, column: 1 });
        assert_eq!(page.at(page.text.find('2').unwrap()..0).to_string(), "2:6");
        assert_eq!(page.at(999..999).line, 3);
    }

    #[test]
    fn only_a_near_name_is_offered() {
        let known = ["custom-merge", "full-status"];
        assert_eq!(meant("custom-merg", known), " (did you mean `custom-merge`?)");
        assert_eq!(meant("zebra", known), "");
    }
}
