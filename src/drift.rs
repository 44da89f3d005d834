//! Drift: what changed between two recordings of the same story.
//!
//! Calls are put side by side, lane by lane and operation by operation, in their order; then what each of them shows
//! is compared place by place. Values that are new in every recording (aliases, GUIDs, session names, timestamps,
//! entity tags) compare by what kind of value they are. Places of lists, and of objects whose keys are such values or
//! numbers, count as one: `/members/*/gamertag`.

mod align;
mod leaf;
mod render;
mod shape;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::cassette::Cassette;
use align::{Told, gather};
use leaf::{Leaf, Leaves};
use shape::Shapes;

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// How much of everything.
    pub tally: Tally,
    /// The changes, by operation and place.
    pub changes: Vec<Change>,
}

/// How much changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Changes that break whoever relied on what was.
    pub breaking: usize,
    /// Changes that somebody should look at.
    pub notable: usize,
    /// Values that differ.
    pub value: usize,
    /// Calls and messages that were compared.
    pub compared: usize,
    /// Changes that were too many to be told.
    pub untold: usize,
}

/// How grave a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Only a value differs.
    Value,
    /// Something is new, or another status of the same class.
    Notable,
    /// Something is gone, is of another type, or fails now.
    Breaking,
}

/// What a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// It was there.
    Gone,
    /// It was not there.
    New,
    /// It is of another type.
    Type,
    /// A word that this place never had.
    Word,
    /// Another value.
    Value,
    /// Calls of a lane that have no partner.
    Count,
}

/// One change, wherever it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// How grave it is.
    pub tier: Tier,
    /// The operation.
    pub op: String,
    /// Where: `status`, `response /members/*/gamertag`, `request header if-match`.
    pub place: String,
    /// What it is.
    pub what: What,
    /// What was there, where it was first seen.
    pub old: Option<String>,
    /// What is there now.
    pub new: Option<String>,
    /// How often it was seen.
    pub count: usize,
    /// Where it was first seen in the old recording.
    pub old_at: Option<Spot>,
    /// Where it was first seen in the new one.
    pub new_at: Option<Spot>,
}

/// A record of one of the files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spot {
    /// Its lane.
    pub lane: String,
    /// Its number in the file, from 1.
    pub record: usize,
    /// The line it starts at.
    pub line: usize,
}

impl Drift {
    /// Compares two recordings, each as its sealed file has it or will have it.
    pub fn between(old: &Cassette, new: &Cassette) -> Self {
        let (old, new) = (Side::of(old), Side::of(new));
        let mut drift = Comparison { old: &old, new: &new, found: BTreeMap::new(), untold: 0, compared: 0 };
        for (left, right) in align::lanes(&old.told, &new.told) {
            drift.lane(left.as_ref(), right.as_ref());
        }
        drift.operations();
        let changes: Vec<Change> = drift.found.into_values().collect();
        let count = |tier| changes.iter().filter(|change| change.tier == tier).count();
        let tally = Tally {
            breaking: count(Tier::Breaking),
            notable: count(Tier::Notable),
            value: count(Tier::Value),
            compared: drift.compared,
            untold: drift.untold,
        };
        Self { tally, changes }
    }

    /// True when something changed that is at least as grave.
    pub fn reaches(&self, least: Tier) -> bool {
        self.changes.iter().any(|change| change.tier >= least)
    }
}

/// One recording made ready to be compared.
struct Side<'c> {
    shapes: Shapes,
    told: Vec<Told<'c>>,
    /// The words each place of an operation ever had.
    words: BTreeMap<(String, String), BTreeSet<String>>,
    operations: BTreeMap<String, usize>,
}

impl<'c> Side<'c> {
    fn of(cassette: &'c Cassette) -> Self {
        let shapes = Shapes::of(cassette);
        let told = gather(cassette, &shapes);
        let mut words: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        let mut operations = BTreeMap::new();
        for one in &told {
            *operations.entry(one.op.clone()).or_default() += 1;
            for (place, leaf) in one.leaves(&shapes) {
                let known = words.entry((one.op.clone(), place)).or_default();
                let free = MOST_WORDS.saturating_sub(known.len());
                known.extend(leaf.words().take(free));
            }
        }
        Self { shapes, told, words, operations }
    }

    fn leaves(&self, at: usize) -> Leaves {
        self.told[at].leaves(&self.shapes)
    }
}

struct Comparison<'a, 'c> {
    old: &'a Side<'c>,
    new: &'a Side<'c>,
    found: BTreeMap<(String, String, What), Change>,
    untold: usize,
    compared: usize,
}

/// A place of a call, and the two records it is in.
#[derive(Clone, Copy)]
struct Pair<'a, 'c> {
    old: &'a Told<'c>,
    new: &'a Told<'c>,
}

impl Comparison<'_, '_> {
    /// Compares a lane's calls, operation by operation, in order.
    fn lane(&mut self, old: Option<&align::Lane>, new: Option<&align::Lane>) {
        let operations = |lane: Option<&align::Lane>| -> BTreeSet<String> {
            lane.map(|lane| lane.calls.keys().cloned().collect()).unwrap_or_default()
        };
        for op in operations(old).union(&operations(new)) {
            let calls =
                |lane: Option<&align::Lane>| lane.and_then(|lane| lane.calls.get(op)).cloned().unwrap_or_default();
            let (left, right) = (calls(old), calls(new));
            let signature = |side: &Side<'_>, calls: &[usize]| -> Vec<leaf::Signature> {
                calls.iter().map(|at| leaf::Signature::of(&side.leaves(*at))).collect()
            };
            let paired = if left.len() == right.len() {
                (0..left.len()).map(|at| (at, at)).collect()
            } else {
                align::calls(&signature(self.old, &left), &signature(self.new, &right))
            };
            for (one, two) in &paired {
                self.pair(left[*one], right[*two]);
            }
            self.unpaired(op, (&left, &right), &paired);
        }
    }

    fn pair(&mut self, left: usize, right: usize) {
        let (old, new) = (self.old.leaves(left), self.new.leaves(right));
        let pair = Pair { old: &self.old.told[left], new: &self.new.told[right] };
        self.compared += 1;
        let status = |leaves: &Leaves| leaves.get(leaf::STATUS).map(Leaf::shown).unwrap_or_default();
        let is_other_class = status(&old).bytes().next() != status(&new).bytes().next();
        // What is answered to a failure says nothing about what is answered to a success.
        let is_compared = |place: &&String| !is_other_class || !place.starts_with(leaf::RESPONSE);
        let places: BTreeSet<&String> = old.keys().chain(new.keys()).filter(is_compared).collect();
        for place in places {
            match (old.get(place), new.get(place)) {
                (Some(before), Some(after)) => self.both(pair, place, before, after),
                (Some(before), None) if !is_below_lost(place, &new) => {
                    let tier = if place.ends_with("/*") { Tier::Value } else { Tier::Breaking };
                    self.note(pair, place, (tier, What::Gone), (Some(before.shown()), None));
                }
                (None, Some(after)) if !is_below_lost(place, &old) => {
                    let tier = if place.ends_with("/*") { Tier::Value } else { Tier::Notable };
                    self.note(pair, place, (tier, What::New), (None, Some(after.shown())));
                }
                _ => {}
            }
        }
    }

    fn both(&mut self, pair: Pair<'_, '_>, place: &str, before: &Leaf, after: &Leaf) {
        let shown = |before: String, after: String| (Some(before), Some(after));
        if !after.kinds.is_subset(&before.kinds) {
            let texts = shown(before.types(), after.types());
            return self.note(pair, place, (Tier::Breaking, What::Type), texts);
        }
        if before.values == after.values && before.kinds == after.kinds {
            return;
        }
        let texts = shown(before.without(after), after.without(before));
        if place == leaf::STATUS {
            let is_same_class = before.shown().bytes().next() == after.shown().bytes().next();
            let tier = if is_same_class { Tier::Notable } else { Tier::Breaking };
            return self.note(pair, place, (tier, What::Value), texts);
        }
        let known = self.old.words.get(&(pair.old.op.clone(), place.to_owned()));
        let is_fresh = |word: &String| known.is_some_and(|known| !known.contains(word) && known.len() < MOST_WORDS);
        let is_word =
            !leaf::is_custom(place) && before.words().next().is_some() && after.words().any(|word| is_fresh(&word));
        let (tier, what) = if is_word { (Tier::Notable, What::Word) } else { (Tier::Value, What::Value) };
        self.note(pair, place, (tier, what), texts);
    }

    /// Calls of a lane that the other recording has no partner for.
    fn unpaired(&mut self, op: &str, (left, right): (&[usize], &[usize]), paired: &[(usize, usize)]) {
        let is_everywhere = self.old.operations.contains_key(op) && self.new.operations.contains_key(op);
        let first = |calls: &[usize], side: &Side<'_>, partner: fn(&(usize, usize)) -> usize| {
            let at = (0..calls.len()).find(|at| paired.get(*at).map(partner) != Some(*at))?;
            Some(side.told[calls[at]].spot.clone())
        };
        let old_at = first(left, self.old, |pair| pair.0);
        let new_at = first(right, self.new, |pair| pair.1);
        let Some(spot) = old_at.as_ref().or(new_at.as_ref()).filter(|_| is_everywhere) else {
            return;
        };
        let is_read =
            left.first().map(|at| &self.old.told[*at]).or_else(|| right.first().map(|at| &self.new.told[*at]));
        let tier = if is_read.is_some_and(|told| told.is_read) { Tier::Value } else { Tier::Notable };
        self.add(Change {
            tier,
            op: op.to_owned(),
            place: format!("calls of {}", spot.lane),
            what: What::Count,
            old: Some(left.len().to_string()),
            new: Some(right.len().to_string()),
            count: left.len().abs_diff(right.len()).max(1),
            old_at,
            new_at,
        });
    }

    /// Operations that only one recording has.
    fn operations(&mut self) {
        let (old, new) = (self.old, self.new);
        let lonely = |side: &Side<'_>, other: &Side<'_>| -> Vec<(String, usize, Option<Spot>)> {
            let only = side.operations.iter().filter(|(op, _)| !other.operations.contains_key(*op));
            let spot = |op: &str| side.told.iter().find(|told| told.op == op).map(|told| told.spot.clone());
            only.map(|(op, count)| (op.clone(), *count, spot(op))).collect()
        };
        for (op, count, spot) in lonely(old, new) {
            let change = Change { old_at: spot, ..operation(op, Tier::Breaking, What::Gone, count) };
            self.add(change);
        }
        for (op, count, spot) in lonely(new, old) {
            let change = Change { new_at: spot, ..operation(op, Tier::Notable, What::New, count) };
            self.add(change);
        }
    }

    fn note(
        &mut self,
        pair: Pair<'_, '_>,
        place: &str,
        (tier, what): (Tier, What),
        (old, new): (Option<String>, Option<String>),
    ) {
        self.add(Change {
            tier,
            op: pair.old.op.clone(),
            place: place.to_owned(),
            what,
            old,
            new,
            count: 1,
            old_at: Some(pair.old.spot.clone()),
            new_at: Some(pair.new.spot.clone()),
        });
    }

    /// The same change again is only counted; the first of them is told, as grave as the gravest.
    fn add(&mut self, change: Change) {
        let key = (change.op.clone(), change.place.clone(), change.what);
        let is_full = self.found.len() >= MOST_CHANGES;
        match self.found.get_mut(&key) {
            Some(known) => {
                known.count += change.count;
                known.tier = known.tier.max(change.tier);
            }
            None if is_full => self.untold += 1,
            None => drop(self.found.insert(key, change)),
        }
    }
}

fn operation(op: String, tier: Tier, what: What, count: usize) -> Change {
    let place = "operation".to_owned();
    Change { tier, op, place, what, old: None, new: None, count, old_at: None, new_at: None }
}

/// True when what holds the place is not there either: that is told, and not what was in it.
fn is_below_lost(place: &str, other: &Leaves) -> bool {
    match place.rsplit_once('/') {
        None | Some((_, "")) => false,
        Some((body, _)) if !body.contains('/') => !other.contains_key(&format!("{body}/")),
        Some((parent, _)) => !other.contains_key(parent),
    }
}

/// How many words of a place are known; one with more is no place of words.
const MOST_WORDS: usize = 64;
/// How many different changes are told.
const MOST_CHANGES: usize = 2000;

#[cfg(test)]
mod tests;
