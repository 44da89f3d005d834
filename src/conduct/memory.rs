//! A map that forgets: when it is full, what was written longest ago goes first.

use std::borrow::Borrow;
use std::collections::BTreeMap;

/// A map with room for so many entries.
#[derive(Debug)]
pub(super) struct Memory<K, V> {
    most: usize,
    entries: BTreeMap<K, (u64, V)>,
    /// Which entry was written at which time; times are counted, not told.
    written: BTreeMap<u64, K>,
    time: u64,
    has_forgotten: bool,
}

impl<K: Ord + Clone, V> Memory<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, entries: BTreeMap::new(), written: BTreeMap::new(), time: 0, has_forgotten: false }
    }

    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key).map(|(_, value)| value)
    }

    pub(super) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.entries.get_mut(key).map(|(_, value)| value)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values().map(|(_, value)| value)
    }

    /// True once an entry had to go: from then on, what is not there may have been.
    pub(super) fn has_forgotten(&self) -> bool {
        self.has_forgotten
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        let time = self.room(&key);
        self.entries.insert(key, (time, value));
    }

    /// The entry of a key, which is now the one written last.
    pub(super) fn entry(&mut self, key: K, new: impl FnOnce() -> V) -> &mut V {
        let time = self.room(&key);
        let entry = self.entries.entry(key).or_insert_with(|| (time, new()));
        entry.0 = time;
        &mut entry.1
    }

    /// Makes room for a key that is written now.
    fn room(&mut self, key: &K) -> u64 {
        if let Some((time, _)) = self.entries.get(key) {
            self.written.remove(time);
        } else if self.entries.len() >= self.most
            && let Some((_, oldest)) = self.written.pop_first()
        {
            self.entries.remove(&oldest);
            self.has_forgotten = true;
        }
        self.time += 1;
        self.written.insert(self.time, key.clone());
        self.time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_longest_ago_goes_first() {
        let mut memory = Memory::new(2);
        memory.insert("a", 1);
        memory.insert("b", 2);
        *memory.entry("a", || 9) += 10;
        assert!(!memory.has_forgotten());
        memory.insert("c", 3);
        assert_eq!((memory.get("a"), memory.get("b"), memory.get("c")), (Some(&11), None, Some(&3)));
        assert!(memory.has_forgotten() && memory.values().count() == 2);
        assert_eq!(memory.written.len(), 2);
    }
}
