//! The deck over TLS, with real sockets: in front of the emulator and recording, or with a recording behind it.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tapdeck::client::{Client, Io, Way};
use tapdeck::emulator::{Emulator, Settings};
use tapdeck::engine::Source;
use tapdeck::exchange::{LaneKey, Protocol};
use tapdeck::message::{Headers, Response};
use tapdeck::replay::{self, Live};
use tapdeck::socket::{Message, Opcode};
use tempfile::TempDir;

use super::{Ask, text_of};
use crate::scenarios::cast::Player;
use crate::support::socket::{head, masked_frame, opening, receive_frame, send};
use crate::support::{Proxy, Setup, sealed};

pub(in crate::scenarios) struct Deck {
    pub(super) run: String,
    proxy: Proxy,
    /// One connection for each player and host.
    clients: BTreeMap<(String, String), Client>,
    pub(super) sockets: BTreeMap<String, Box<dyn Io>>,
    /// What came before its time: a recording has no clock, so what the clock caused comes as soon as it can.
    early: BTreeMap<String, VecDeque<String>>,
    /// A clock has caused some of what is replayed.
    lacks_clock: bool,
    /// What is recorded, and where.
    journal: Option<(TempDir, PathBuf)>,
}

impl Deck {
    /// The deck in front of an emulator, recording.
    pub(super) async fn recording(run: &str, settings: Settings) -> Self {
        let home = TempDir::new().unwrap();
        let journal = home.path().join("scenario.cassette.jsonl");
        let source = Some(Source::Emulator(Emulator::new(settings)));
        let setup = Setup { source, ..Setup::default() }.recording(&journal);
        Self::behind(run, setup.start().await, Some((home, journal)))
    }

    /// The deck with a recording behind it.
    pub(super) async fn replaying(
        run: &str,
        cassette: &Path,
        live: Live,
        assigned: &[&str],
        lacks_clock: bool,
    ) -> Self {
        let proxy = Setup::replaying(cassette, replay::Options { live, ..Default::default() }).start().await;
        for (lane, player) in assigned.iter().enumerate() {
            let key = LaneKey::User(proxy.address.ip(), Player::of(player, run).hash);
            proxy.engine.player().unwrap().assign(key, lane);
        }
        Self { lacks_clock, ..Self::behind(run, proxy, None) }
    }

    fn behind(run: &str, proxy: Proxy, journal: Option<(TempDir, PathBuf)>) -> Self {
        let (clients, sockets, early) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { run: run.to_owned(), proxy, clients, sockets, early, lacks_clock: false, journal }
    }

    pub(super) async fn call(&mut self, ask: &Ask) -> Response {
        let key = (ask.player.name.clone(), ask.host.clone());
        if !self.clients.contains_key(&key) {
            let host = format!("{}.xboxlive.com", ask.host);
            let way = Way::Connect(self.proxy.root.clone());
            let client = Client::connect(self.proxy.address, &host, way, Protocol::H1).await.unwrap();
            self.clients.insert(key.clone(), client);
        }
        let mut headers = ask.headers.clone();
        if headers.text("authorization").is_none() {
            headers.push("authorization", ask.player.token());
        }
        let client = self.clients.get_mut(&key).unwrap();
        client.send_with_trailers(&ask.method, &ask.target, headers, &ask.body, &Headers::new()).await.unwrap()
    }

    pub(super) async fn open(&mut self, socket: &str, player: &Player, host: &str, protocol: Option<&str>) -> u16 {
        let way = Way::Connect(self.proxy.root.clone());
        let mut io = self.proxy.reach(&format!("{host}.xboxlive.com"), &way).await;
        let offered = protocol.map(|protocol| format!("Sec-WebSocket-Protocol: {protocol}\r\n")).unwrap_or_default();
        let lines = format!("Authorization: {}\r\n{offered}", player.token());
        send(&mut io, opening("/connect", &lines).as_bytes()).await;
        let answer = head(&mut io).await;
        if let Some(protocol) = protocol {
            let echo = format!("sec-websocket-protocol: {}\r\n", protocol.to_lowercase());
            assert!(answer.to_lowercase().contains(&echo), "{answer}");
        }
        self.sockets.insert(socket.to_owned(), io);
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(super) async fn say(&mut self, socket: &str, text: &str) {
        send(self.sockets.get_mut(socket).unwrap(), &masked_frame(&Message::text(text))).await;
    }

    pub(super) async fn hear(&mut self, socket: &str) -> String {
        match self.early.get_mut(socket).and_then(VecDeque::pop_front) {
            Some(text) => text,
            None => self.next(socket).await,
        }
    }

    async fn next(&mut self, socket: &str) -> String {
        let message = receive_frame(self.sockets.get_mut(socket).unwrap()).await;
        if message.opcode == Opcode::Close {
            let mut io = self.sockets.remove(socket).unwrap();
            send(&mut io, &masked_frame(&message)).await;
        }
        text_of(&message)
    }

    /// A message that came before its time. What a clock caused has no time in a recording.
    pub(super) async fn untimely(&mut self, socket: &str) -> Option<String> {
        if !self.lacks_clock {
            return self.unheard(socket).await;
        }
        self.say(socket, BARRIER).await;
        loop {
            let text = self.next(socket).await;
            if text.starts_with(BARRIER_ANSWER) {
                return None;
            }
            self.early.entry(socket.to_owned()).or_default().push_back(text);
        }
    }

    /// What comes before the answer to a question nobody else asks.
    pub(super) async fn unheard(&mut self, socket: &str) -> Option<String> {
        self.say(socket, BARRIER).await;
        Some(self.hear(socket).await).filter(|text| !text.starts_with(BARRIER_ANSWER))
    }

    pub(super) async fn hang_up(&mut self, socket: &str, properly: bool) {
        let mut io = self.sockets.remove(socket).unwrap();
        let before = self.state();
        if properly {
            send(&mut io, &masked_frame(&Message::close(1000))).await;
        }
        drop(io);
        // The clock must not move before the deck has seen it.
        while before.is_some() && self.state() == before {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn state(&self) -> Option<String> {
        self.proxy.engine.emulator().map(Emulator::dump)
    }

    pub(super) fn advance(&self, milliseconds: u64) {
        // A recording has no clock.
        if let Some(emulator) = self.proxy.engine.emulator() {
            self.proxy.engine.wake(emulator.advance(Duration::from_millis(milliseconds)));
        }
    }

    pub(super) fn resync(&self) {
        if let Some(emulator) = self.proxy.engine.emulator() {
            self.proxy.engine.wake(emulator.resync());
        }
    }

    /// Demands that everything recorded was played.
    pub(super) fn played_out(&self) {
        assert_eq!((self.proxy.tally().unplayed, self.proxy.tally().misses), (0, 0));
    }

    /// Everything that was recorded, sealed.
    pub(super) async fn sealed(self) -> (TempDir, PathBuf) {
        drop((self.clients, self.sockets));
        self.proxy.close().await;
        let (home, journal) = self.journal.unwrap();
        let sealed = sealed(&journal);
        (home, sealed)
    }
}

/// A subscription that does not exist is ended: the answer comes behind everything that was sent before.
const BARRIER: &str = "[2,4000000000,4000000000]";

const BARRIER_ANSWER: &str = "[2,4000000000,";
