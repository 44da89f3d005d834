//! What keys come to: a mark with a note, a mark without one, help.

use crate::platform::Key;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A mark with this note; empty when it has none.
    Mark(String),
    /// A mark, where none is kept.
    Unkept,
    /// The keys, told.
    Help,
}

/// The note being typed, if one is.
#[derive(Clone, Debug, Default)]
pub(super) struct Prompt(Option<String>);

impl Prompt {
    /// Takes a key; marks are offered where they are kept.
    pub(super) fn press(&mut self, key: Key, keeps_marks: bool) -> Option<Wish> {
        let Some(note) = &mut self.0 else { return self.choose(key, keeps_marks) };
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

    fn choose(&mut self, key: Key, keeps_marks: bool) -> Option<Wish> {
        match key {
            Key::Letter('m' | 'M' | ' ') if !keeps_marks => return Some(Wish::Unkept),
            Key::Letter('m' | 'M') => self.0 = Some(String::new()),
            Key::Letter(' ') => return Some(Wish::Mark(String::new())),
            Key::Letter('?' | 'h') => return Some(Wish::Help),
            _ => {}
        }
        None
    }
}

/// What the keys do, in one line.
pub(super) fn help(keeps_marks: bool) -> &'static str {
    if keeps_marks {
        "keys: m sets a mark with a note, the space bar one without, ? tells the keys, Ctrl-C ends it"
    } else {
        "keys: ? tells the keys, Ctrl-C ends it; nothing is kept here, so there are no marks"
    }
}

const LONGEST_NOTE: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    /// Presses keys: a letter each, and `⏎`, `⎋`, `⌫`, `⌧` for those that are none.
    fn pressed(keys: &str) -> (Vec<Wish>, Prompt) {
        pressed_where(true, keys)
    }

    fn pressed_where(keeps_marks: bool, keys: &str) -> (Vec<Wish>, Prompt) {
        let mut prompt = Prompt::default();
        let key = |letter| match letter {
            '⏎' => Key::Enter,
            '⎋' => Key::Escape,
            '⌫' => Key::Backspace,
            '⌧' => Key::Erase,
            letter => Key::Letter(letter),
        };
        let wishes = keys.chars().filter_map(|letter| prompt.press(key(letter), keeps_marks)).collect();
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

    #[test]
    fn where_nothing_is_kept_no_note_is_asked_for() {
        let (wishes, prompt) = pressed_where(false, "mx⏎ ?");
        assert_eq!((wishes.as_slice(), prompt.typed()), (&[Wish::Unkept, Wish::Unkept, Wish::Help][..], None));
    }
}
