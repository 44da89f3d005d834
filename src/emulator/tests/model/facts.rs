//! What earlier answers say about later ones: everything a client could have noted about one session name.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Document, xuid_of};

/// One session name, through all its lives.
#[derive(Debug, Default)]
pub(super) struct Facts {
    correlation: Option<String>,
    branches: BTreeSet<String>,
    life: Option<Life>,
    /// The branch and change each tag ever stood for.
    tags: BTreeMap<String, (String, u64)>,
}

/// What one life of a session has shown.
#[derive(Debug)]
struct Life {
    branch: String,
    start: String,
    change: u64,
    next: u64,
    /// Who has had each index.
    places: BTreeMap<u64, String>,
    /// Indices that were free again at the newest change.
    left: BTreeSet<u64>,
    etags: BTreeMap<u64, String>,
    /// The document of each change, by contract and, in a large session, reader.
    texts: BTreeMap<(u64, u64, Option<usize>), Vec<u8>>,
    tokens: Vec<Option<String>>,
    members: Vec<String>,
}

impl Facts {
    /// Takes in a document as it is stored, and checks it against all that was shown before.
    pub(super) fn learn(&mut self, document: &Document, etag: &str, reader: usize, text: &[u8]) {
        let place = String::from_utf8_lossy(text);
        let correlation = self.correlation.get_or_insert_with(|| document.text("correlationId").to_owned());
        assert_eq!(correlation, document.text("correlationId"), "a name keeps its correlationId: {place}");
        if self.life.as_ref().is_none_or(|life| life.branch != document.branch()) {
            assert!(self.branches.insert(document.branch().to_owned()), "a branch that was over: {place}");
            self.life = Some(Life::starting(document));
        }
        let state = (document.branch().to_owned(), document.change());
        assert_eq!(self.tags.entry(etag.to_owned()).or_insert_with(|| state.clone()), &state, "one tag, two states");
        if let Some(life) = &mut self.life {
            life.learn(document, etag, reader, text, &place);
        }
    }

    /// The newest tag known.
    pub(super) fn tag(&self) -> Option<&str> {
        let life = self.life.as_ref()?;
        life.etags.get(&life.change).map(String::as_str)
    }

    /// A tag that was once right and is not any more.
    pub(super) fn stale_tag(&self) -> Option<&str> {
        let current = self.tag();
        self.tags.keys().map(String::as_str).find(|tag| Some(*tag) != current)
    }

    /// The device tokens of the members last seen, by index.
    pub(super) fn tokens(&self) -> &[Option<String>] {
        self.life.as_ref().map_or(&[], |life| &life.tokens)
    }

    /// The members last seen.
    pub(super) fn members(&self) -> &[String] {
        self.life.as_ref().map_or(&[], |life| &life.members)
    }

    /// Takes note that there is no session.
    pub(super) fn over(&mut self) {
        self.life = None;
    }
}

impl Life {
    fn starting(document: &Document) -> Self {
        Self {
            branch: document.branch().to_owned(),
            start: document.text("startTime").to_owned(),
            change: document.change(),
            next: 0,
            places: BTreeMap::new(),
            left: BTreeSet::new(),
            etags: BTreeMap::new(),
            texts: BTreeMap::new(),
            tokens: Vec::new(),
            members: Vec::new(),
        }
    }

    fn learn(&mut self, document: &Document, etag: &str, reader: usize, text: &[u8], place: &str) {
        assert!(document.change() >= self.change, "change {} came after {}: {place}", document.change(), self.change);
        assert!(document.info("next") >= self.next, "next fell from {}: {place}", self.next);
        assert_eq!(self.start, document.text("startTime"), "{place}");
        assert_eq!(self.etags.entry(document.change()).or_insert_with(|| etag.to_owned()), etag, "one state, two tags");
        let reader = document.is_large().then_some(reader);
        let key = (document.change(), document.contract(), reader);
        let known = self.texts.entry(key).or_insert_with(|| text.to_vec());
        assert_eq!(String::from_utf8_lossy(known), place, "one change, two documents");
        self.seat(document, place);
        self.change = document.change();
        self.next = document.info("next");
    }

    /// An index belongs to one player for good, and is not taken up again.
    fn seat(&mut self, document: &Document, place: &str) {
        let members = document.members();
        for (index, member) in &members {
            let owner = self.places.entry(*index).or_insert_with(|| xuid_of(member).to_owned());
            assert_eq!(owner, xuid_of(member), "index {index} was somebody else's: {place}");
            assert!(!self.left.contains(index), "index {index} is back: {place}");
        }
        if document.is_large() {
            return;
        }
        self.left.extend(self.places.keys().filter(|index| !members.contains_key(*index)));
        self.members = members.values().map(|member| xuid_of(member).to_owned()).collect();
        let token = |index: u64| Some(members.get(&index)?["deviceToken"].as_str()?.to_owned());
        self.tokens = (0..document.info("next")).map(token).collect();
    }
}
