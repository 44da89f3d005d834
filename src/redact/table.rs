//! The table from real values to aliases, and the search for values it knows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};

use super::REDACTED;
use crate::dice::Dice;
use crate::slot::alias::{AliasClass, canonical, space};
use crate::slot::{Class, shape};

/// Real values and their aliases, one to one.
#[derive(Debug)]
pub(super) struct Table {
    dice: Dice,
    aliases: BTreeMap<(AliasClass, String), String>,
    taken: BTreeSet<String>,
    secrets: BTreeSet<String>,
    known: Option<Arc<Known>>,
}

impl Table {
    pub(super) fn new(key: u64) -> Self {
        Self {
            dice: Dice::new(key),
            aliases: BTreeMap::new(),
            taken: BTreeSet::new(),
            secrets: BTreeSet::new(),
            known: None,
        }
    }

    /// The alias of a value, made on first sight.
    pub(super) fn alias(&mut self, class: Class, value: &str) -> Option<(AliasClass, String)> {
        let alias_class = AliasClass::of_value(class, value)?;
        let key = (alias_class, folded(alias_class, value));
        if let Some(alias) = self.aliases.get(&key) {
            return Some((alias_class, alias.clone()));
        }
        let alias = self.draw(alias_class, &key.1);
        self.taken.insert(alias.clone());
        self.aliases.insert(key, alias.clone());
        self.known = None;
        Some((alias_class, alias))
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

    /// Remembers a token, so that it is found wherever else it turns up.
    fn learn_secret(&mut self, secret: &str) {
        let is_telling = secret.len() >= SHORTEST_SECRET && secret != REDACTED;
        if is_telling && self.secrets.len() < MOST_SECRETS && self.secrets.insert(secret.to_owned()) {
            self.known = None;
        }
    }

    pub(super) fn is_alias(&self, class: Class, text: &str) -> bool {
        class != Class::Secret && self.taken.contains(text)
    }

    /// The search for everything known so far.
    pub(super) fn known(&mut self) -> Arc<Known> {
        let known = self.known.take().unwrap_or_else(|| Arc::new(Known::new(self.entries())));
        Arc::clone(self.known.insert(known))
    }

    fn entries(&self) -> Vec<(String, Class)> {
        let telling = self.aliases.keys().filter(|(class, value)| is_telling(*class, value));
        let mut entries: Vec<_> = telling.map(|(class, value)| (value.clone(), class.class())).collect();
        let folded = entries.iter().filter(|(_, class)| *class == Class::DeviceToken);
        let upper: Vec<_> = folded.map(|(value, class)| (value.to_ascii_uppercase(), *class)).collect();
        entries.extend(upper);
        entries.extend(self.secrets.iter().map(|secret| (secret.clone(), Class::Secret)));
        entries
    }

    /// A number from the keyed dice; the next free one where two values draw the same.
    fn draw(&self, class: AliasClass, value: &str) -> String {
        let first = self.dice.number(&format!("{}:{value}", class.name()), 0) % space(class);
        (0..)
            .map(|step| canonical(class, (first + step) % space(class) + 1))
            .find(|alias| !self.taken.contains(alias))
            .unwrap_or_default()
    }
}

/// A multi-pattern search for known values.
#[derive(Debug)]
pub(super) struct Known {
    search: Option<AhoCorasick>,
    classes: Vec<Class>,
}

impl Known {
    fn new(entries: Vec<(String, Class)>) -> Self {
        let (values, classes): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        let search = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(values);
        Self { search: search.ok().filter(|search| search.patterns_len() > 0), classes }
    }

    /// Known values in a text, where no letter or digit of their own kind touches them.
    pub(super) fn find(&self, text: &str) -> Vec<(Range<usize>, Class)> {
        let Some(search) = &self.search else {
            return Vec::new();
        };
        search
            .find_iter(text)
            .map(|found| (found.range(), self.classes[found.pattern().as_usize()]))
            .filter(|(span, class)| stands_alone(text, span, *class))
            .collect()
    }
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

/// True when a value may be looked for outside its place: long and odd enough to be nothing else by chance.
///
/// A gamertag such as `map` or `ready` would rename MPSD's own words.
fn is_telling(class: AliasClass, value: &str) -> bool {
    match class {
        AliasClass::Xuid => value.len() >= 10 || shape::is_real_xuid(value),
        AliasClass::Gamertag => value.len() >= 5 && !value.bytes().all(|byte| byte.is_ascii_lowercase()),
        AliasClass::UserHash => value.len() >= 12,
        AliasClass::Address | AliasClass::BadAddress | AliasClass::DeviceToken => value.len() >= 8,
        AliasClass::Ipv4 | AliasClass::Ipv6 | AliasClass::Email => true,
    }
}

/// Hex values compare case-insensitively; the rest letter for letter.
fn folded(class: AliasClass, value: &str) -> String {
    if class.folds_case() { value.to_ascii_lowercase() } else { value.to_owned() }
}

const SHORTEST_SECRET: usize = 6;
const MOST_SECRETS: usize = 4096;
