//! Who is told of which change: the sockets users have open, and what each must hear of a session.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::{Document, xuid_of};
use crate::emulator::Emulator;
use crate::exchange::Call;
use crate::socket::{Lost, Message, Opcode, SocketId};

/// The open sockets, by user.
#[derive(Debug, Default)]
pub(super) struct Sockets(BTreeMap<usize, SocketId>);

impl Sockets {
    /// Opens a socket and subscribes it to the session directory.
    pub(super) fn open(&mut self, emulator: &Emulator, user: usize, call: &Call) -> Vec<SocketId> {
        let socket = emulator.open(call).unwrap();
        self.0.insert(user, socket);
        let words = r#"[1,1,"https://sessiondirectory.xboxlive.com/connections/"]"#;
        emulator.hear(socket, &Message::text(words))
    }

    pub(super) fn lose(&mut self, emulator: &Emulator, user: usize, how: Lost) -> Vec<SocketId> {
        self.0.remove(&user).map(|socket| emulator.lose(socket, how)).unwrap_or_default()
    }

    pub(super) fn has(&self, user: usize) -> bool {
        self.0.contains_key(&user)
    }

    /// Nothing goes out before its time.
    pub(super) fn check_silent(&self, emulator: &Emulator) {
        for (user, socket) in &self.0 {
            assert_eq!(emulator.next(*socket), None, "user {user} hears of an answer that is not out yet");
        }
    }

    /// Everything that may go out: to exactly those the emulator has named. A close frame ends its socket.
    pub(super) fn drain(&mut self, emulator: &Emulator, named: &[SocketId]) -> Vec<(usize, Message)> {
        let mut heard = Vec::new();
        for (user, socket) in self.0.clone() {
            let messages: Vec<Message> = std::iter::from_fn(|| emulator.next(socket)).collect();
            assert_eq!(!messages.is_empty(), named.contains(&socket), "user {user}: {messages:?}");
            heard.extend(messages.into_iter().map(|message| (user, message)));
        }
        for (user, _) in heard.iter().filter(|(_, message)| message.opcode == Opcode::Close) {
            self.lose(emulator, *user, Lost::Closed);
        }
        heard
    }
}

/// What the users' connections have told them.
#[derive(Debug, Default)]
pub(super) struct Taps {
    /// ConnectionIds, by user.
    connections: BTreeMap<usize, String>,
    /// How many connections each user has lost.
    lost: BTreeMap<usize, u32>,
    /// Taps not yet held against a document, by session key.
    heard: BTreeMap<String, Vec<Tap>>,
    seen: BTreeMap<String, Audience>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Tap {
    user: usize,
    branch: String,
    /// `None` at the session's end.
    change: Option<u64>,
}

/// Who listened to a session at one change.
#[derive(Clone, Debug)]
struct Audience {
    branch: String,
    change: u64,
    /// To everything.
    everything: BTreeSet<usize>,
    /// To the member list alone.
    list: BTreeSet<usize>,
    members: BTreeSet<u64>,
    lost: BTreeMap<usize, u32>,
}

impl Taps {
    /// The ConnectionId of a user's open socket.
    pub(super) fn connection(&self, user: usize) -> Option<&str> {
        self.connections.get(&user).map(String::as_str)
    }

    pub(super) fn hang_up(&mut self, user: usize) {
        if self.connections.remove(&user).is_some() {
            *self.lost.entry(user).or_default() += 1;
        }
    }

    /// Takes in a message.
    pub(super) fn hear(&mut self, user: usize, message: &Message) {
        if message.opcode == Opcode::Close {
            return self.hang_up(user);
        }
        let said: Value = serde_json::from_str(message.as_text().unwrap()).unwrap();
        if said[0] == 1 {
            assert_eq!((said[1].as_u64(), said[2].as_u64()), (Some(1), Some(0)), "{said}");
            self.connections.insert(user, said[4]["ConnectionId"].as_str().unwrap().to_owned());
            return;
        }
        let taps = said[2]["shoulderTaps"].as_array().unwrap_or_else(|| panic!("{said}"));
        for tap in taps {
            let text = |name: &str| tap[name].as_str().unwrap_or_else(|| panic!("{name}: {said}")).to_owned();
            assert_eq!(text("subscription"), format!("zqsub{user}"), "{said}");
            let heard = Tap { user, branch: text("branch"), change: tap["changeNumber"].as_u64() };
            self.heard.entry(text("resource")).or_default().push(heard);
        }
    }

    /// Holds what was heard of a session against its document.
    pub(super) fn learn(&mut self, key: &str, document: &Document, xuids: &[String]) {
        let now = self.audience(document, xuids);
        let last = self.seen.insert(key.to_owned(), now.clone());
        let same = last.as_ref().filter(|last| last.branch == now.branch);
        let heard = self.heard.remove(key).unwrap_or_default();
        for user in 0..xuids.len() {
            let mine: Vec<&Tap> = heard.iter().filter(|tap| tap.user == user).collect();
            let (newer, older): (Vec<&Tap>, Vec<&Tap>) = mine.iter().partition(|tap| tap.branch == now.branch);
            if !older.is_empty() {
                check_end(last.as_ref(), user, &older);
            }
            let changes: Vec<u64> = newer.iter().map(|tap| tap.change.unwrap_or(0)).collect();
            check_changes(&now, same, user, &changes, key);
        }
    }

    /// Holds what was heard of a session against its being gone.
    pub(super) fn over(&mut self, key: &str) {
        let last = self.seen.remove(key);
        for tap in self.heard.remove(key).unwrap_or_default() {
            check_end(last.as_ref(), tap.user, &[&tap]);
        }
    }

    fn audience(&self, document: &Document, xuids: &[String]) -> Audience {
        let mut audience = Audience {
            branch: document.branch().to_owned(),
            change: document.change(),
            everything: BTreeSet::new(),
            list: BTreeSet::new(),
            members: document.members().into_keys().collect(),
            lost: self.lost.clone(),
        };
        if document.is_large() || !document.needs_connection() {
            return audience;
        }
        for member in document.members().into_values() {
            let system = &member["properties"]["system"];
            let Some(user) = xuids.iter().position(|xuid| xuid == xuid_of(member)) else { continue };
            if system["active"] != true || system["connection"].as_str() != self.connection(user) {
                continue;
            }
            let types = system["subscription"]["changeTypes"].as_array();
            let has = |name: &str| types.is_some_and(|types| types.iter().any(|each| each == name));
            if has("everything") {
                audience.everything.insert(user);
            } else if has("membersList") {
                audience.list.insert(user);
            }
        }
        audience
    }
}

/// The changes one user heard of, on the way from the last document to this one.
fn check_changes(now: &Audience, last: Option<&Audience>, user: usize, heard: &[u64], key: &str) {
    let place = || format!("user {user} heard of {heard:?} of {key}, from {last:?} to {now:?}");
    let from = last.map_or(0, |last| last.change);
    assert!(heard.windows(2).all(|pair| pair[0] < pair[1]), "{}", place());
    assert!(heard.iter().all(|change| (from + 1..=now.change).contains(change)), "{}", place());
    let is_same_line = last.is_some_and(|last| last.lost.get(&user) == now.lost.get(&user));
    let was = is_same_line && last.is_some_and(|last| last.everything.contains(&user));
    let listed = is_same_line && last.is_some_and(|last| last.list.contains(&user));
    let is_step = now.change == from + 1;
    if now.everything.contains(&user) {
        let is_all = heard.iter().copied().eq(from + 1..=now.change);
        let is_newest = now.change == from || heard.last() == Some(&now.change);
        assert!(if was { is_all } else { is_newest }, "{}", place());
    } else if now.list.contains(&user) {
        let is_other = last.is_none_or(|last| last.members != now.members);
        assert!(!is_step || !(listed || is_other) || heard.is_empty() != is_other, "{}", place());
    } else {
        assert!(heard.is_empty() || !is_same_line || (was || listed) && !is_step, "{}", place());
    }
}

/// The end of a session is heard by those who listened, and is the last they hear.
fn check_end(last: Option<&Audience>, user: usize, heard: &[&Tap]) {
    let place = || format!("user {user} heard {heard:?} after {last:?}");
    let Some(last) = last else { panic!("{}", place()) };
    let is_listening = last.everything.contains(&user) || last.list.contains(&user);
    assert!(is_listening && heard.iter().all(|tap| tap.branch == last.branch), "{}", place());
    assert!(heard.iter().all(|tap| tap.change.is_none_or(|change| change > last.change)), "{}", place());
}
