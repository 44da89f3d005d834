//! What keys come to: a mark with a note, a mark without one, help.

/// A key, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A letter, a digit, a space.
    Letter(char),
    /// The end of a note.
    Enter,
    /// No note after all.
    Escape,
    /// One letter back.
    Backspace,
    /// All of it back.
    Erase,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A mark with this note; empty when it has none.
    Mark(String),
    /// The keys, told.
    Help,
}

/// The note being typed, if one is.
#[derive(Clone, Debug, Default)]
pub(super) struct Prompt(Option<String>);

impl Prompt {
    /// Takes a key.
    pub(super) fn press(&mut self, key: Key) -> Option<Wish> {
        let Some(note) = &mut self.0 else { return self.choose(key) };
        match key {
            Key::Letter(letter) if note.chars().count() < LONGEST_NOTE => note.push(letter),
            Key::Letter(_) => {}
            Key::Backspace => drop(note.pop()),
            Key::Erase => note.clear(),
            Key::Escape => self.0 = None,
            Key::Enter => return self.0.take().map(|note| Wish::Mark(note.trim().to_owned())),
        }
        None
    }

    /// What is typed so far, while a note is asked for.
    pub(super) fn typed(&self) -> Option<&str> {
        self.0.as_deref()
    }

    fn choose(&mut self, key: Key) -> Option<Wish> {
        match key {
            Key::Letter('m' | 'M') => self.0 = Some(String::new()),
            Key::Letter(' ') => return Some(Wish::Mark(String::new())),
            Key::Letter('?' | 'h') => return Some(Wish::Help),
            _ => {}
        }
        None
    }
}

/// What the keys do, in one line.
pub(super) const HELP: &str =
    "keys: m sets a mark with a note, the space bar one without, ? tells the keys, Ctrl-C ends it";
const LONGEST_NOTE: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    /// Presses keys: a letter each, and `⏎`, `⎋`, `⌫`, `⌧` for those that are none.
    fn pressed(keys: &str) -> (Vec<Wish>, Prompt) {
        let mut prompt = Prompt::default();
        let key = |letter| match letter {
            '⏎' => Key::Enter,
            '⎋' => Key::Escape,
            '⌫' => Key::Backspace,
            '⌧' => Key::Erase,
            letter => Key::Letter(letter),
        };
        let wishes = keys.chars().filter_map(|letter| prompt.press(key(letter))).collect();
        (wishes, prompt)
    }

    #[test]
    fn a_mark_has_the_note_that_was_typed() {
        let mark = |note: &str| vec![Wish::Mark(note.into())];
        assert_eq!(pressed("mboss  fight ⏎").0, mark("boss  fight"));
        assert_eq!(pressed("mxy⌧böö⌫ss?⏎").0, mark("böss?"));
        assert_eq!((pressed(" ").0, pressed("m⏎").0), (mark(""), mark("")));
        assert_eq!(pressed(&format!("m{}⏎", "é".repeat(300))).0, mark(&"é".repeat(LONGEST_NOTE)));
    }

    #[test]
    fn escape_leaves_no_mark_and_other_keys_do_nothing() {
        assert_eq!(pressed("mboss⎋⏎x⌫⌧⎋").0, []);
        assert_eq!(pressed("q?").0, [Wish::Help]);
        assert_eq!((pressed("mbo").1.typed(), pressed("mbo⎋").1.typed()), (Some("bo"), None));
    }
}
