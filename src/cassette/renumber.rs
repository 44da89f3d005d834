//! Gives every alias its canonical text, in the order of first appearance.
//!
//! While recording, aliases are numbered as they come, and which comes first depends on timing. A canonical text may
//! already be the text of another alias, so all of them are replaced in one pass. They are looked for where redaction
//! puts them, by the same walk: in texts and in whole numbers, never among the digits of a larger number.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use aho_corasick::{AhoCorasick, BuildError, MatchKind};

use super::Record;
use super::rewrite::rewrite;
use crate::slot::alias::{AliasClass, CLASSES, canonical};
use crate::slot::{Class, Judge, Role};

/// How the aliases of a recording are renumbered.
pub(super) struct Renumbering {
    pool: Pool,
    numbering: Numbering,
    /// The new table of aliases.
    pub(super) table: BTreeMap<String, Vec<String>>,
}

/// Shows every record of a recording, in canonical order, to whoever asks. What that does to them goes no further.
pub(super) type Shown<'s, E> = dyn FnMut(&mut dyn FnMut(&mut Record)) -> Result<(), E> + 's;

impl Renumbering {
    /// Finds the new number of every alias that the records show.
    ///
    /// Classes this build does not know keep their texts. An alias that no record shows is left out.
    pub(super) fn of<E: From<BuildError>>(
        aliases: &BTreeMap<String, Vec<String>>,
        records: &mut Shown<'_, E>,
    ) -> Result<Self, E> {
        let (known, mut table) = by_class(aliases);
        let (pool, numbering) = settle(&known, records)?;
        let mut given: Vec<(AliasClass, u64)> = numbering.numbers.values().copied().collect();
        given.sort_unstable();
        for (class, n) in given {
            table.entry(class.name().to_owned()).or_default().push(canonical(class, n));
        }
        Ok(Self { pool, numbering, table })
    }

    /// Puts the new texts in place of the old ones.
    pub(super) fn apply(&self, record: &mut Record) {
        rewrite(record, &self.pool, &mut |slot| self.pool.canonical(&slot.text, &self.numbering));
    }
}

/// Finds the aliases to renumber, and their numbers.
///
/// A canonical text that stands in a record without being in the table (a number of the game's own, say) is no alias:
/// it stays, and nothing else is given its text. The search widens until no text given out can be such a one.
fn settle<E: From<BuildError>>(
    known: &BTreeMap<AliasClass, Vec<String>>,
    records: &mut Shown<'_, E>,
) -> Result<(Pool, Numbering), E> {
    let mut reach: BTreeMap<AliasClass, u64> = known.iter().map(|(class, texts)| (*class, length(texts))).collect();
    loop {
        let pool = Pool::new(known, &reach)?;
        let numbering = pool.number(records)?;
        let is_short = |(class, n): &&(AliasClass, u64)| *n > reach.get(class).copied().unwrap_or(0);
        let Some((class, n)) = numbering.numbers.values().filter(is_short).max().copied() else {
            return Ok((pool, numbering));
        };
        reach.insert(class, n * 2);
    }
}

/// The texts of the classes we know, and the rest of the table.
fn by_class(
    aliases: &BTreeMap<String, Vec<String>>,
) -> (BTreeMap<AliasClass, Vec<String>>, BTreeMap<String, Vec<String>>) {
    let known = CLASSES.into_iter().filter_map(|class| Some((class, aliases.get(class.name())?.clone()))).collect();
    let unknown = aliases.iter().filter(|(name, _)| AliasClass::named(name).is_none());
    (known, unknown.map(|(name, texts)| (name.clone(), texts.clone())).collect())
}

fn length(texts: &[String]) -> u64 {
    u64::try_from(texts.len()).unwrap_or(u64::MAX)
}

/// Every text to look for.
struct Pool {
    matcher: AhoCorasick,
    meanings: HashMap<String, (AliasClass, Meaning)>,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// An alias of the table.
    Alias,
    /// The canonical text of that number, and no alias.
    Stray(u64),
}

/// The number of each alias that was found.
struct Numbering {
    numbers: HashMap<String, (AliasClass, u64)>,
}

impl Pool {
    fn new(known: &BTreeMap<AliasClass, Vec<String>>, reach: &BTreeMap<AliasClass, u64>) -> Result<Self, BuildError> {
        let named = known.iter().flat_map(|(class, texts)| texts.iter().map(|text| (*class, text.clone())));
        let named = named.map(|(class, text)| (class, text, Meaning::Alias));
        let strays = reach
            .iter()
            .flat_map(|(class, reach)| (1..=*reach).map(|n| (*class, canonical(*class, n), Meaning::Stray(n))));
        let mut meanings = HashMap::new();
        for (class, text, meaning) in named.chain(strays).filter(|(_, text, _)| !text.is_empty()) {
            let key = if class.folds_case() { text.to_ascii_lowercase() } else { text };
            meanings.entry(key).or_insert((class, meaning));
        }
        let mut patterns: Vec<&str> = meanings.keys().map(String::as_str).collect();
        patterns.sort_unstable();
        let matcher = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .build(&patterns)?;
        Ok(Self { matcher, meanings })
    }

    /// What a spelling stands for: the text it is kept under, its class and its meaning.
    fn meaning(&self, spelling: &str) -> Option<(String, AliasClass, Meaning)> {
        let folded = spelling.to_ascii_lowercase();
        let folding = self.meanings.get_key_value(folded.as_str()).filter(|(_, (class, _))| class.folds_case());
        let (key, (class, meaning)) = self.meanings.get_key_value(spelling).or(folding)?;
        Some((key.clone(), *class, *meaning))
    }

    /// Numbers the aliases by first appearance, past the numbers that strays hold.
    fn number<E>(&self, records: &mut Shown<'_, E>) -> Result<Numbering, E> {
        let (mut order, mut seen, mut strays) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        records(&mut |record| {
            rewrite(record, self, &mut |slot| {
                match self.meaning(&slot.text)? {
                    (key, class, Meaning::Alias) if seen.insert(key.clone()) => order.push((key, class)),
                    (_, _, Meaning::Alias) => {}
                    (_, class, Meaning::Stray(n)) => drop(strays.insert((class, n))),
                }
                None
            });
        })?;
        let mut last: BTreeMap<AliasClass, u64> = BTreeMap::new();
        let mut numbers = HashMap::new();
        for (key, class) in order {
            let n = last.entry(class).or_default();
            *n += 1;
            while strays.contains(&(class, *n)) {
                *n += 1;
            }
            numbers.insert(key, (class, *n));
        }
        Ok(Numbering { numbers })
    }

    /// The canonical form of an alias; `None` for what is none.
    fn canonical(&self, spelling: &str, numbering: &Numbering) -> Option<String> {
        let (key, ..) = self.meaning(spelling)?;
        let (class, n) = numbering.numbers.get(&key)?;
        Some(class.spelt_like(spelling, canonical(*class, *n)))
    }
}

impl Judge for Pool {
    fn judge(&self, text: &str, _: Role) -> Vec<(Range<usize>, Class)> {
        let found = self.matcher.find_iter(text).map(|found| found.range());
        let slots = found.filter_map(|span| {
            let (_, class, _) = self.meaning(&text[span.clone()])?;
            stands_alone(text, &span, class).then_some((span, class.class()))
        });
        slots.collect()
    }
}

/// True when an alias is a token of its own and no part of a longer one, nor of a number. What may touch it is what
/// may touch a value that redaction finds.
fn stands_alone(text: &str, span: &Range<usize>, class: AliasClass) -> bool {
    let (before, after) = (&text[..span.start], &text[span.end..]);
    let joins = |neighbour: Option<char>| {
        neighbour.is_some_and(|char| match class.class() {
            Class::Address => false,
            Class::Xuid => char.is_ascii_digit(),
            _ => char.is_alphanumeric(),
        })
    };
    let begins = !joins(before.chars().next_back()) || ends_with_escape(before.as_bytes());
    let ends_in_digit = |text: &str| text.ends_with(|char: char| char.is_ascii_digit());
    let starts_with_digit = |text: &str| text.starts_with(|char: char| char.is_ascii_digit());
    let in_number = matches!(class, AliasClass::Xuid | AliasClass::UserHash)
        && (before.strip_suffix('.').is_some_and(ends_in_digit)
            || after.strip_prefix('.').is_some_and(starts_with_digit));
    begins && !joins(after.chars().next()) && !in_number
}

/// True when the letters and digits before a token belong to an escape: `%2F`, `\n`, `\u000a`.
fn ends_with_escape(before: &[u8]) -> bool {
    let is_hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    let escaped = |at: usize| before[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
    match before {
        [.., b'%', high, low] if is_hex(&[*high, *low]) => true,
        [.., b'u', a, b, c, d] if is_hex(&[*a, *b, *c, *d]) && escaped(before.len() - 5) => true,
        [.., b'b' | b'f' | b'n' | b'r' | b't'] => escaped(before.len() - 1),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cassette::Mark;

    fn table(entries: &[(AliasClass, &[&str])]) -> BTreeMap<String, Vec<String>> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        entries.iter().map(|(class, texts)| (class.name().to_owned(), owned(texts))).collect()
    }

    fn run(texts: &[&str], aliases: &BTreeMap<String, Vec<String>>) -> (Vec<String>, BTreeMap<String, Vec<String>>) {
        let mark = |text: &&str| Record::Mark(Mark { at_position: 0, text: (*text).to_owned() });
        let mut records: Vec<Record> = texts.iter().map(mark).collect();
        let mut shown = |see: &mut dyn FnMut(&mut Record)| {
            records.clone().iter_mut().for_each(see);
            Ok::<(), BuildError>(())
        };
        let renumbering = Renumbering::of(aliases, &mut shown).unwrap();
        records.iter_mut().for_each(|record| renumbering.apply(record));
        let table = renumbering.table;
        let text = |record: &Record| match record {
            Record::Mark(mark) => mark.text.clone(),
            Record::Http(_) | Record::Frame(_) => String::new(),
        };
        (records.iter().map(text).collect(), table)
    }

    #[test]
    fn texts_that_trade_places_are_replaced_at_once() {
        let aliases = table(&[(AliasClass::Xuid, &["9000000000000001", "9000000000000002"])]);
        let (texts, again) = run(&["xuid(9000000000000002)", "9000000000000001,9000000000000002"], &aliases);
        assert_eq!(texts, ["xuid(9000000000000001)", "9000000000000002,9000000000000001"]);
        assert_eq!(again, aliases);
    }

    #[test]
    fn only_whole_tokens_count_and_escapes_are_no_part_of_them() {
        let aliases = table(&[(AliasClass::Gamertag, &["Player9007"])]);
        for (text, expected) in [
            ("xPlayer9007 Player90071", "xPlayer9007 Player90071"),
            ("a%2FPlayer9007", "a%2FPlayer9001"),
            ("a\\nPlayer9007\\u000aPlayer9007", "a\\nPlayer9001\\u000aPlayer9001"),
            ("a\\\\nPlayer9007", "a\\\\nPlayer9007"),
            ("player9007 Player9007", "player9007 Player9001"),
        ] {
            assert_eq!(run(&[text], &aliases).0, [expected]);
        }
    }

    #[test]
    fn hex_tokens_keep_their_case() {
        let aliases = table(&[(AliasClass::DeviceToken, &["D0000000000000000000000000000009"])]);
        let (texts, table) = run(&["d0000000000000000000000000000009 D0000000000000000000000000000009"], &aliases);
        assert_eq!(texts, ["d0000000000000000000000000000001 D0000000000000000000000000000001"]);
        assert_eq!(table["device-token"], ["d0000000000000000000000000000001"]);
    }

    #[test]
    fn a_stray_canonical_text_is_never_given_to_another() {
        let aliases = table(&[(AliasClass::Xuid, &["9000000000000007"])]);
        let (texts, table) = run(&["9000000000000001 9000000000000002", "9000000000000007"], &aliases);
        assert_eq!(texts, ["9000000000000001 9000000000000002", "9000000000000003"]);
        assert_eq!(table["xuid"], ["9000000000000003"]);
        assert_eq!(run(&[&texts[0], &texts[1]], &table).0, texts);
    }

    #[test]
    fn digits_of_a_larger_number_are_no_alias() {
        let aliases = table(&[(AliasClass::Xuid, &["9000000000000123"])]);
        for text in ["0.9000000000000123", "9000000000000123.5", "19000000000000123"] {
            assert_eq!(run(&[text], &aliases).0, [text]);
        }
        for (text, expected) in [
            ("it is 9000000000000123.", "it is 9000000000000001."),
            ("lobby-9000000000000123", "lobby-9000000000000001"),
            ("t.9000000000000123", "t.9000000000000001"),
            ("id9000000000000123x", "id9000000000000001x"),
        ] {
            assert_eq!(run(&[text], &aliases).0, [expected]);
        }
    }

    #[test]
    fn unused_aliases_go_and_unknown_classes_stay() {
        let mut aliases = table(&[(AliasClass::Email, &["user7@example.invalid"])]);
        aliases.insert("console".into(), vec!["box-3".into()]);
        let (texts, table) = run(&["box-3"], &aliases);
        assert_eq!((texts[0].as_str(), table.len(), table["console"][0].as_str()), ("box-3", 1, "box-3"));
    }
}
