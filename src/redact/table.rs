//! The table from real values to aliases, and the search for values it knows.
//!
//! A long day shows more people than can be looked for in every text. Those seen longest ago are forgotten, and from then
//! on are found by place and shape alone; they get the same alias again, and nobody else gets it.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};

use super::REDACTED;
use crate::dice::Dice;
use crate::slot::alias::{AliasClass, canonical, space};
use crate::slot::{Class, settle, shape};

/// Real values and their aliases, one to one.
#[derive(Debug)]
pub(super) struct Table {
    dice: Dice,
    aliases: BTreeMap<(AliasClass, String), Alias>,
    /// Every alias there ever was, and whose it is: drawn numbers stand for both.
    taken: BTreeMap<u64, u64>,
    /// Counts what is looked up.
    time: u64,
    /// The newest tokens, oldest first.
    secrets: VecDeque<String>,
    /// The newest secrets of single requests, oldest first: looked for as they are, since an automaton of them would
    /// have to be built anew for each request.
    fleeting: VecDeque<Arc<str>>,
    /// What is looked for in every text, and what came since that was put together.
    lasting: Option<Arc<Lasting>>,
    fresh: Vec<(String, Class)>,
    newest: Option<Arc<Lasting>>,
}

#[derive(Debug)]
struct Alias {
    text: String,
    /// When it was looked up last.
    used: u64,
}

impl Table {
    pub(super) fn new(key: u64) -> Self {
        Self::drawing(Dice::new(key))
    }

    /// An empty one that draws alike.
    pub(super) fn fresh(&self) -> Self {
        Self::drawing(self.dice)
    }

    fn drawing(dice: Dice) -> Self {
        Self {
            dice,
            aliases: BTreeMap::new(),
            taken: BTreeMap::new(),
            time: 0,
            secrets: VecDeque::new(),
            fleeting: VecDeque::new(),
            lasting: None,
            fresh: Vec::new(),
            newest: None,
        }
    }

    /// The alias of a value, made on first sight.
    pub(super) fn alias(&mut self, class: Class, value: &str) -> Option<(AliasClass, String)> {
        let alias_class = AliasClass::of_value(class, value)?;
        let key = (alias_class, folded(alias_class, value));
        self.time += 1;
        if let Some(alias) = self.aliases.get_mut(&key) {
            alias.used = self.time;
            return Some((alias_class, alias.text.clone()));
        }
        if self.aliases.len() >= MOST_ALIASES {
            self.forget();
        }
        let text = self.draw(alias_class, &key.1);
        if is_telling(alias_class, &key.1) {
            self.come((key.1.clone(), alias_class.class()));
        }
        self.aliases.insert(key, Alias { text: text.clone(), used: self.time });
        Some((alias_class, text))
    }

    /// Forgets the eighth part of the values, those that were looked up longest ago.
    fn forget(&mut self) {
        let mut used: Vec<u64> = self.aliases.values().map(|alias| alias.used).collect();
        used.sort_unstable();
        let oldest = used.get(MOST_ALIASES / 8).copied().unwrap_or_default();
        self.aliases.retain(|_, alias| alias.used >= oldest);
        self.lasting = None;
    }

    /// Something more is looked for. A small search of its own finds it, until there are many such.
    fn come(&mut self, value: (String, Class)) {
        self.fresh.push(value);
        self.newest = None;
        if self.fresh.len() > MOST_FRESH {
            self.lasting = None;
        }
    }

    /// What stands in a text for a value: its alias, or the constant.
    pub(super) fn alias_or_secret(&mut self, class: Class, value: &str) -> String {
        match class {
            Class::Secret => REDACTED.to_owned(),
            _ => self.alias(class, value).map_or_else(|| REDACTED.to_owned(), |(_, alias)| alias),
        }
    }

    /// Remembers what a typed place holds.
    pub(super) fn learn(&mut self, class: Class, value: &str) {
        match class {
            Class::Secret => self.learn_secret(value),
            _ => drop(self.alias(class, value)),
        }
    }

    /// Remembers a token, so that it is found wherever else it turns up. The oldest of too many is forgotten.
    fn learn_secret(&mut self, secret: &str) {
        let is_telling = secret.len() >= SHORTEST_SECRET && secret != REDACTED;
        if !is_telling || self.secrets.iter().any(|known| known == secret) {
            return;
        }
        if self.secrets.len() == MOST_SECRETS {
            self.secrets.pop_front();
        }
        self.secrets.push_back(secret.to_owned());
        self.come((secret.to_owned(), Class::Secret));
    }

    pub(super) fn is_alias(&self, class: Class, text: &str) -> bool {
        let is_taken = |text: &str| self.taken.contains_key(&self.drawn(text));
        class != Class::Secret && (is_taken(text) || (folds_case(class) && is_taken(&text.to_ascii_lowercase())))
    }

    /// Remembers a secret that only one request carries, for a while.
    pub(super) fn learn_fleeting(&mut self, secret: &str) {
        if secret.len() < SHORTEST_SECRET || self.fleeting.iter().any(|known| **known == *secret) {
            return;
        }
        if self.fleeting.len() == MOST_FLEETING {
            self.fleeting.pop_front();
        }
        self.fleeting.push_back(secret.into());
    }

    /// True when a text is, as a whole, a gamertag known by its place.
    pub(super) fn is_gamertag(&self, text: &str) -> bool {
        let class = AliasClass::Gamertag;
        self.aliases.contains_key(&(class, folded(class, text)))
    }

    pub(super) fn aliases(&self) -> usize {
        self.taken.len()
    }

    /// The search for everything known so far.
    pub(super) fn known(&mut self) -> Known {
        let lasting = self.lasting.take().unwrap_or_else(|| {
            (self.fresh, self.newest) = (Vec::new(), None);
            Arc::new(Lasting::new(self.entries()))
        });
        let lasting = Arc::clone(self.lasting.insert(lasting));
        let newest = self.newest.take().unwrap_or_else(|| Arc::new(Lasting::new(self.fresh.clone())));
        let newest = Arc::clone(self.newest.insert(newest));
        Known { lasting: [lasting, newest], fleeting: self.fleeting.iter().cloned().collect() }
    }

    fn entries(&self) -> Vec<(String, Class)> {
        let telling = self.aliases.keys().filter(|(class, value)| is_telling(*class, value));
        let values = telling.map(|(class, value)| (value.clone(), class.class()));
        values.chain(self.secrets.iter().map(|secret| (secret.clone(), Class::Secret))).collect()
    }

    /// A number from the keyed dice; the next that is free, or its own, where two values draw the same.
    fn draw(&mut self, class: AliasClass, value: &str) -> String {
        let owner = self.dice.number(&format!("{}:{value}", class.name()), 0);
        let first = owner % space(class);
        for step in 0.. {
            let alias = canonical(class, (first + step) % space(class) + 1);
            if *self.taken.entry(self.drawn(&alias)).or_insert(owner) == owner {
                return alias;
            }
        }
        String::new()
    }

    /// A number that stands for a text.
    fn drawn(&self, text: &str) -> u64 {
        self.dice.number(text, 1)
    }
}

/// A search for known values.
#[derive(Clone, Debug)]
pub(super) struct Known {
    lasting: [Arc<Lasting>; 2],
    fleeting: Vec<Arc<str>>,
}

impl Known {
    /// Known values in a text, where no letter or digit of their own kind touches them; sorted, without overlap.
    pub(super) fn find(&self, text: &str) -> Vec<(Range<usize>, Class)> {
        let fleeting = self.fleeting.iter().flat_map(|secret| text.match_indices(&**secret));
        let fleeting = fleeting.map(|(at, found)| (at..at + found.len(), Class::Secret));
        let lasting = self.lasting.iter().flat_map(|known| known.exact.find(text).chain(known.folded.find(text)));
        settle(lasting.chain(fleeting).collect())
    }
}

/// What is looked for from one request to the next: some to the letter, some in any letter case.
#[derive(Debug)]
struct Lasting {
    exact: Search,
    folded: Search,
}

impl Lasting {
    fn new(entries: Vec<(String, Class)>) -> Self {
        let (folded, exact) = entries.into_iter().partition(|(_, class)| folds_case(*class));
        Self { exact: Search::new(exact, Case::Exact), folded: Search::new(folded, Case::Any) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Exact,
    Any,
}

#[derive(Debug)]
struct Search {
    automaton: Option<AhoCorasick>,
    classes: Vec<Class>,
}

impl Search {
    fn new(entries: Vec<(String, Class)>, case: Case) -> Self {
        let (values, classes): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::LeftmostLongest).ascii_case_insensitive(case == Case::Any);
        let automaton = builder.build(values).ok().filter(|automaton| automaton.patterns_len() > 0);
        Self { automaton, classes }
    }

    fn find(&self, text: &str) -> impl Iterator<Item = (Range<usize>, Class)> {
        let found = self.automaton.iter().flat_map(move |automaton| automaton.find_iter(text));
        found
            .map(|found| (found.range(), self.classes[found.pattern().as_usize()]))
            .filter(move |(span, class)| stands_alone(text, span, *class) && is_no_word(&text[span.clone()], *class))
    }
}

/// A gamertag such as `members` or `ready` must not rename MPSD's own words, which are small letters all through.
fn is_no_word(found: &str, class: Class) -> bool {
    class != Class::Gamertag || !found.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// Names and hex digits are the same in any letter case; the rest is compared letter for letter.
fn folds_case(class: Class) -> bool {
    matches!(class, Class::Gamertag | Class::Email | Class::DeviceToken | Class::Ip)
}

fn stands_alone(text: &str, span: &Range<usize>, class: Class) -> bool {
    let joins = |neighbour: Option<char>| {
        neighbour.is_some_and(|char| match class {
            Class::Secret | Class::Address => false,
            Class::Xuid => char.is_ascii_digit(),
            _ => char.is_alphanumeric(),
        })
    };
    !joins(text[..span.start].chars().next_back()) && !joins(text[span.end..].chars().next())
}

/// True when a value may be looked for outside its place: long enough to be nothing else by chance.
fn is_telling(class: AliasClass, value: &str) -> bool {
    match class {
        AliasClass::Xuid => value.len() >= 10 || shape::is_real_xuid(value),
        AliasClass::Gamertag => value.len() >= 5,
        AliasClass::UserHash => value.len() >= 12,
        AliasClass::Address | AliasClass::BadAddress | AliasClass::DeviceToken => value.len() >= 8,
        AliasClass::Ipv4 | AliasClass::Ipv6 | AliasClass::Email => true,
    }
}

/// The one spelling under which a value is kept.
fn folded(class: AliasClass, value: &str) -> String {
    if folds_case(class.class()) { value.to_ascii_lowercase() } else { value.to_owned() }
}

const SHORTEST_SECRET: usize = 6;
const MOST_SECRETS: usize = 512;
const MOST_FLEETING: usize = 16;
/// Values that are looked for in every text: a playtest and everybody it meets.
const MOST_ALIASES: usize = 8192;
/// Values that are looked for by a search of their own, which is put together anew for each that comes.
const MOST_FRESH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_not_seen_for_long_is_forgotten_and_keeps_its_alias() {
        let mut table = Table::new(7);
        let alias = |table: &mut Table, name: &str| table.alias(Class::Gamertag, name).unwrap().1;
        let (host, early) = (alias(&mut table, "MajorNelson"), alias(&mut table, "EarlyBird"));
        for n in 0..2 * MOST_ALIASES {
            let stranger = alias(&mut table, &format!("Stranger{n}"));
            assert!(stranger != host && stranger != early);
            assert_eq!(alias(&mut table, "MajorNelson"), host);
            assert!(table.aliases.len() <= MOST_ALIASES);
        }
        assert_eq!(table.aliases(), 2 * MOST_ALIASES + 2);
        let found = |table: &mut Table, text: &str| !table.known().find(text).is_empty();
        assert!(found(&mut table, "by MajorNelson") && found(&mut table, "by Stranger16383"));
        assert!(!found(&mut table, "by EarlyBird") && table.is_alias(Class::Gamertag, &early));
        assert_eq!(alias(&mut table, "EarlyBird"), early);
        assert!(found(&mut table, "by EarlyBird"), "it is known again");
    }

    #[test]
    fn what_came_last_is_found_beside_what_was_known() {
        let mut table = Table::new(7);
        for n in 0..3 * MOST_FRESH {
            table.alias(Class::Gamertag, &format!("Somebody{n:03}"));
            let known = table.known();
            for seen in [0, n / 2, n] {
                assert_eq!(known.find(&format!("by somebody{seen:03}")).len(), 1, "{seen} of {n}");
            }
        }
    }
}
