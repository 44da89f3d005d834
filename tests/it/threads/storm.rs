//! All at once: each client writes, reads, comes and goes as a seed decides, and another task of it listens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tapdeck::dice::Dice;
use tapdeck::message::Response;
use tokio::task::JoinSet;

use super::SEATS;
use super::seat::{Ear, Seat, Tap, Version, custom, joining, leaving, version};
use crate::support::Proxy;

/// What one client did and saw.
struct Player {
    seat: Seat,
    dice: Dice,
    drawn: u64,
    connection: String,
    /// The last change it was answered, by branch.
    seen: BTreeMap<String, u64>,
    /// By session in small letters: for each stay, the first change it must hear of and the first it need not.
    stays: BTreeMap<String, Vec<(u64, Option<u64>)>>,
    versions: Arc<Versions>,
    lost: usize,
}

/// Every version any answer showed.
#[derive(Default)]
struct Versions(Mutex<BTreeSet<Version>>);

/// Everybody acts at once; then all that was heard is held against all that was done. Gives the proxy back.
pub(super) async fn play(proxy: Proxy, seed: u64) -> Proxy {
    let versions = Arc::<Versions>::default();
    let (mut players, mut listening) = (JoinSet::new(), JoinSet::new());
    let mut sat = Vec::new();
    for number in 0..SEATS {
        let mut ear = Ear::open(&proxy, number).await;
        let connection = ear.subscribe().await;
        listening.spawn(listen(ear, Seat::take(&proxy, number).await, Arc::clone(&versions)));
        let mut player = Player::new(&proxy, number, seed, connection, &versions).await;
        player.join(TABLE).await;
        sat.push(player);
    }
    sat.into_iter().for_each(|player| drop(players.spawn(player.play())));
    let mut players = players.join_all().await;
    players.sort_by_key(|player| player.seat.number);
    for player in &mut players {
        // Whose socket closes must be of no interest to others.
        if player.seat.number > 0 && player.is_in() {
            player.come_or_go().await;
        }
    }
    let mut last = BTreeMap::from([(TABLE.to_lowercase(), players[0].read(TABLE).await.change)]);
    for player in &mut players {
        let own = own(player.seat.number);
        last.insert(own.to_lowercase(), player.read(&own).await.change);
        player.join(&format!("{END}{}", player.seat.number)).await;
    }
    let heard: BTreeMap<usize, Vec<Tap>> = listening.join_all().await.into_iter().collect();
    for player in &players {
        player.has_heard_all(&heard[&player.seat.number], &last);
    }
    assert!(players.iter().any(|player| player.lost > 0), "no race was lost");
    versions.are_one_to_one();
    proxy
}

/// Hears taps until that of the last session. Each names a change that is there by then.
async fn listen(mut ear: Ear, mut seat: Seat, versions: Arc<Versions>) -> (usize, Vec<Tap>) {
    let mut heard = Vec::new();
    loop {
        let tap = ear.hear().await;
        let shown = version(&seat.get(&tap.session).await);
        assert!(shown.branch == tap.branch && shown.change >= tap.change, "{tap:?} before {shown:?}");
        versions.note(shown);
        if tap.session.starts_with(&END.to_lowercase()) {
            break;
        }
        heard.push(tap);
    }
    ear.close().await;
    (seat.number, heard)
}

impl Player {
    async fn new(proxy: &Proxy, number: usize, seed: u64, connection: String, versions: &Arc<Versions>) -> Self {
        Self {
            seat: Seat::take(proxy, number).await,
            dice: Dice::new(seed),
            drawn: 0,
            connection,
            seen: BTreeMap::new(),
            stays: BTreeMap::new(),
            versions: Arc::clone(versions),
            lost: 0,
        }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.drawn += 1;
        self.dice.number(&format!("storm{}", self.seat.number), self.drawn) % below
    }

    async fn play(mut self) -> Self {
        let own = own(self.seat.number);
        self.join(&own).await;
        for act in 0..ACTS {
            match self.draw(8) {
                0 => drop(self.read(TABLE).await),
                1 => drop(self.read(&own).await),
                2 => self.write(&own, act).await,
                3 if self.seat.number > 0 => self.come_or_go().await,
                _ => self.write(TABLE, act).await,
            }
        }
        self
    }

    async fn read(&mut self, session: &str) -> Version {
        let answer = self.seat.get(session).await;
        assert_eq!(answer.status, 200);
        self.note(&answer)
    }

    /// Writes what it has read, again and again until nobody was faster.
    async fn write(&mut self, session: &str, value: u64) {
        for _ in 0..RETRIES {
            let current = self.read(session).await;
            let body = custom(&format!("by{}", self.seat.number), value);
            let answer = self.seat.put(session, Some(("if-match", &current.etag)), &body).await;
            if answer.status == 200 {
                let written = self.note(&answer);
                assert_eq!(written.change, current.change + 1, "the one change behind what was read");
                return;
            }
            assert_eq!(answer.status, 412);
            self.lost += 1;
        }
        panic!("seat {} never succeeds", self.seat.number);
    }

    async fn come_or_go(&mut self) {
        if self.is_in() {
            let answer = self.seat.put(TABLE, None, &leaving()).await;
            assert_eq!(answer.status, 200);
            let left = self.note(&answer).change;
            self.stays.get_mut(&TABLE.to_lowercase()).unwrap().last_mut().unwrap().1 = Some(left);
        } else {
            self.join(TABLE).await;
        }
    }

    fn is_in(&self) -> bool {
        self.stays[&TABLE.to_lowercase()].last().unwrap().1.is_none()
    }

    async fn join(&mut self, session: &str) {
        let answer = self.seat.put(session, None, &joining(self.seat.number, &self.connection)).await;
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        let joined = self.note(&answer).change;
        self.stays.entry(session.to_lowercase()).or_default().push((joined, None));
    }

    /// Takes note of the version an answer shows: never an older one than before, and after a write a newer one.
    fn note(&mut self, answer: &Response) -> Version {
        let version = version(answer);
        let before = self.seen.insert(version.branch.clone(), version.change);
        assert!(before.is_none_or(|before| before <= version.change), "{before:?} before {version:?}");
        self.versions.note(version.clone());
        version
    }

    /// Every change of its sessions while it was in, in order, and nothing else.
    fn has_heard_all(&self, heard: &[Tap], last: &BTreeMap<String, u64>) {
        assert!(heard.iter().all(|tap| last.contains_key(&tap.session)));
        for (session, last) in last {
            let stays = self.stays.get(session).map(Vec::as_slice).unwrap_or_default();
            let taps = heard.iter().filter(|tap| tap.session == *session).map(|tap| tap.change);
            let owed = stays.iter().flat_map(|(joined, left)| *joined..left.unwrap_or(last + 1));
            assert_eq!(taps.collect::<Vec<_>>(), owed.collect::<Vec<_>>(), "seat {}, {session}", self.seat.number);
        }
    }
}

impl Versions {
    fn note(&self, version: Version) {
        self.0.lock().unwrap().insert(version);
    }

    fn are_one_to_one(&self) {
        let versions = self.0.lock().unwrap();
        let changes: BTreeSet<_> = versions.iter().map(|version| (&version.branch, version.change)).collect();
        let etags: BTreeSet<_> = versions.iter().map(|version| &version.etag).collect();
        assert!(versions.len() > 100 && changes.len() == versions.len() && etags.len() == versions.len());
    }
}

fn own(number: usize) -> String {
    format!("Own{number}")
}

/// The session all play in.
const TABLE: &str = "Table";

/// Where the tap comes from behind which nothing follows.
const END: &str = "End";

const ACTS: u64 = 40;

/// Others win at most all their writes in the meantime.
const RETRIES: u64 = 3 * ACTS + 1;
