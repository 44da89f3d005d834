//! What a client was answered is in the journal, whatever becomes of the process, the file or the disk.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use tapdeck::cassette::Cassette;
use tapdeck::client::{Client, Way};
use tapdeck::exchange::Protocol;
use tapdeck::message::Response;
use tapdeck::slot::Class;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::support::binary::{self, Deck, Ended};
use crate::support::{HOST, Setup, masked, text};

/// A call a client got an answer to, told from all others by its mark.
pub(crate) struct Noted {
    pub(crate) mark: String,
    pub(crate) answer: Response,
}

/// One player who writes and reads a session of its own, and notes each answer.
pub(crate) struct Player {
    client: Client,
    name: String,
    /// What sets this player's calls apart from every other's.
    tag: String,
    calls: usize,
}

impl Player {
    pub(crate) async fn connect(deck: &Deck, root: &str, tag: String, number: usize) -> Self {
        let way = Way::Connect(root.to_owned());
        let protocol = if number.is_multiple_of(2) { Protocol::H1 } else { Protocol::H2 };
        let client = Client::connect(deck.address, HOST, way, protocol).await.unwrap();
        Self { client, name: format!("player{number}"), tag, calls: 0 }
    }

    /// The next call: every third one reads, the others write. `None` when it got no answer.
    pub(crate) async fn act(&mut self) -> Option<Noted> {
        self.calls += 1;
        let mark = format!("{}-n{}", self.tag, self.calls);
        let authorization = format!("XBL3.0 x={};token-of-nobody", self.name);
        let target = format!("{LOBBY}/{}", self.tag);
        let headers = [
            ("authorization", authorization.as_str()),
            ("x-xbl-contract-version", "107"),
            ("content-type", "application/json"),
            ("x-mark", mark.as_str()),
        ];
        let sent = match self.calls % 3 {
            0 => self.client.send("GET", &target, &headers, b"").await,
            _ => self.client.send("PUT", &target, &headers, written(&mark).as_bytes()).await,
        };
        sent.ok().map(|answer| Noted { mark, answer })
    }
}

fn written(mark: &str) -> String {
    format!(
        r#"{{"properties":{{"custom":{{"mark":"{mark}"}}}},"members":{{"me":{{"constants":{{"system":{{"xuid":"2814000000000001","initialize":true}}}},"properties":{{"system":{{"active":true}}}}}}}}}}"#
    )
}

/// Each answer a client had is in the cassette: as it was, but for the people in it.
pub(crate) fn assert_kept(cassette: &Path, noted: &[Noted]) {
    let kept = Cassette::read(cassette).unwrap();
    for Noted { mark, answer } in noted {
        let is_it = |request: &tapdeck::message::Request| request.headers.text("x-mark") == Some(mark);
        let record = kept.exchanges().find(|http| is_it(&http.request())).unwrap_or_else(|| panic!("{mark} is lost"));
        let response = record.response();
        let plain = |response: &Response| masked(response.body.decoded().unwrap(), &PEOPLE);
        assert_eq!((response.status, plain(&response)), (answer.status, plain(answer)), "{mark}");
        assert_eq!(response.headers.text("etag"), answer.headers.text("etag"), "{mark}");
    }
}

/// Records until so many answers were had, kills the deck right then, and looks what fsck saves.
async fn kill_at(home: &Path, acknowledgement: usize) -> usize {
    let directory = TempDir::new().unwrap();
    let cassette = directory.path().join("killed.cassette.json");
    let deck = Deck::start(home, &["record", "--upstream", "emulator", text(&cassette)]);
    let root = fs::read_to_string(home.join("ca/cert.pem")).unwrap();
    let clients = if acknowledgement.is_multiple_of(3) { 1 } else { 4 };
    let mut players = Vec::new();
    for number in 0..clients {
        players.push(Player::connect(&deck, &root, format!("k{acknowledgement}-c{number}"), number).await);
    }
    let (deck, had) = (Arc::new(Mutex::new(deck)), Arc::new(AtomicUsize::new(0)));
    let mut playing = JoinSet::new();
    for mut player in players {
        let (deck, had) = (Arc::clone(&deck), Arc::clone(&had));
        playing.spawn(async move {
            let mut noted = Vec::new();
            while let Some(answer) = player.act().await {
                noted.push(answer);
                if had.fetch_add(1, Ordering::SeqCst) + 1 == acknowledgement {
                    deck.lock().unwrap().kill();
                }
            }
            noted
        });
    }
    let noted: Vec<Noted> = playing.join_all().await.into_iter().flatten().collect();
    let deck = Arc::into_inner(deck).unwrap().into_inner().unwrap();
    assert_eq!(deck.ended().code, None, "it was killed");
    assert!(noted.len() >= acknowledgement);
    assert!(noted.iter().all(|noted| matches!(noted.answer.status, 200 | 201)));

    let journal = cassette.with_extension("jsonl");
    let saved = binary::run(home, &["cassette", "fsck", text(&journal)]);
    assert_eq!(saved.code, Some(0), "{}", saved.talk);
    assert_kept(&cassette, &noted);
    assert_eq!(binary::run(home, &["check", text(&cassette)]).code, Some(0));
    let shown = binary::run(home, &["cassette", "show", text(&cassette)]);
    assert!(
        shown.code == Some(0) && shown.stdout.matches("session.put").count() >= noted.len() / 3,
        "{}",
        shown.stdout
    );
    noted.len()
}

#[test]
fn a_kill_at_any_acknowledgement_loses_nothing_acknowledged() {
    let home = TempDir::new().unwrap();
    assert_eq!(binary::run(home.path(), &["ca", "create"]).code, Some(0));
    let (next, kept) = (AtomicUsize::new(1), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                loop {
                    let k = next.fetch_add(1, Ordering::SeqCst);
                    if k > KILLS {
                        return;
                    }
                    kept.fetch_add(runtime.block_on(kill_at(home.path(), k)), Ordering::SeqCst);
                }
            });
        }
    });
    assert!(kept.into_inner() >= KILLS * (KILLS + 1) / 2);
}

#[tokio::test]
async fn an_interrupted_recording_is_sealed_and_plays() {
    let home = TempDir::new().unwrap();
    let cassette = home.path().join("take.cassette.json");
    let deck = Deck::start(home.path(), &["record", "--upstream", "emulator", text(&cassette)]);
    let root = fs::read_to_string(home.path().join("ca/cert.pem")).unwrap();
    let mut noted = Vec::new();
    let mut player = Player::connect(&deck, &root, "take-c0".into(), 0).await;
    for _ in 0..7 {
        noted.push(player.act().await.unwrap());
    }
    deck.interrupt();
    let Ended { code, talk, .. } = deck.ended();
    assert!(code == Some(0) && talk.contains("7 exchanges in 1 lane;"), "{talk}");
    assert!(talk.contains("this recording replays"), "{talk}");
    assert!(!cassette.with_extension("jsonl").exists(), "the journal is sealed, and gone");
    assert_kept(&cassette, &noted);

    let deck = Deck::start(home.path(), &["replay", "--require-seal", text(&cassette)]);
    let mut player = Player::connect(&deck, &root, "take-c0".into(), 1).await;
    for Noted { mark, answer } in noted {
        let again = player.act().await.unwrap().answer;
        let plain = |response: &Response| masked(response.body.decoded().unwrap(), &PEOPLE[1..]);
        assert_eq!((again.status, plain(&again)), (answer.status, plain(&answer)), "{mark}");
    }
    deck.interrupt();
    let Ended { code, talk, .. } = deck.ended();
    assert!(code == Some(0) && talk.contains("7 hit (7 bound), 0 repeat, 0 miss, 0 unplayed, upstream 0"), "{talk}");
}

/// The bytes of a real recording, and where each of its exchanges ends.
async fn recording(directory: &Path) -> (Vec<u8>, Vec<usize>) {
    let journal = directory.join("cut.cassette.jsonl");
    let proxy = Setup::emulating().recording(&journal).start().await;
    let client = proxy.client(Protocol::H2).await;
    let mut player = Player { client, name: "player".into(), tag: "cut".into(), calls: 0 };
    for _ in 0..6 {
        assert!(player.act().await.is_some());
    }
    proxy.close().await;
    let bytes = fs::read(&journal).unwrap();
    let mut at = 0;
    let mut ends = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if line.windows(13).any(|window| window == br#""kind":"http""#) {
            ends.push(at - 1);
        }
    }
    assert_eq!(ends.len(), 6);
    (bytes, ends)
}

/// The marks of the exchanges a reader finds.
fn marks(path: &Path, bytes: &[u8]) -> Vec<String> {
    let found = Cassette::parse(path, bytes);
    let found = found.iter().flat_map(Cassette::exchanges);
    found.map(|http| http.request().headers.text("x-mark").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_journal_cut_anywhere_gives_back_every_exchange_before_the_cut() {
    let directory = TempDir::new().unwrap();
    let (bytes, ends) = recording(directory.path()).await;
    let all = marks(directory.path(), &bytes);
    assert_eq!(all.len(), 6);
    let closely = ends[3]..=bytes.len();
    for cut in (0..ends[3]).step_by(53).chain(closely) {
        let whole = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(marks(directory.path(), &bytes[..cut]), all[..whole], "cut at {cut}");
    }
}

#[tokio::test]
async fn a_byte_damaged_anywhere_costs_its_own_line_alone() {
    let directory = TempDir::new().unwrap();
    let (bytes, ends) = recording(directory.path()).await;
    let all = marks(directory.path(), &bytes);
    for at in (ends[4] + 1..ends[5]).step_by(3) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x41;
        assert_eq!(marks(directory.path(), &damaged), all[..5], "damaged at {at}");
    }
}

/// A deck whose journal may not grow beyond so many blocks of 1 KiB: the file system's refusal, without root.
fn bounded(home: &Path, cassette: &Path, blocks: usize) -> Deck {
    let binary = env!("CARGO_BIN_EXE_tapdeck");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = Command::new("bash");
    command.args(["-c", &script, binary, "record", "--upstream", "emulator", "--listen", "127.0.0.1:0"]);
    command.arg(cassette).env("TAPDECK_HOME", home);
    Deck::of(command)
}

#[tokio::test]
async fn a_journal_that_cannot_grow_ends_the_recording_with_everything_acknowledged() {
    let home = TempDir::new().unwrap();
    let cassette = home.path().join("full.cassette.json");
    let deck = bounded(home.path(), &cassette, 48);
    let address = deck.address;
    let root = fs::read_to_string(home.path().join("ca/cert.pem")).unwrap();
    let mut players = Vec::new();
    for number in 0..3 {
        players.push(Player::connect(&deck, &root, format!("full-c{number}"), number).await);
    }
    let mut noted = Vec::new();
    'full: for _ in 0..1000 {
        for player in &mut players {
            let Some(answer) = player.act().await else { break 'full };
            noted.push(answer);
        }
    }
    let Ended { code, talk, .. } = deck.ended();
    assert_eq!(code, Some(3), "{talk}");
    assert!(noted.len() > 10 && noted.len() < 1000, "{}", noted.len());
    assert_eq!(talk.matches("cannot write").count(), 1, "one failure is told once: {talk}");
    assert!(talk.contains("\nerror: cannot write ") && talk.contains("\nhint: "), "{talk}");
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");

    let journal = cassette.with_extension("jsonl");
    let saved = binary::run(home.path(), &["cassette", "fsck", text(&journal)]);
    assert_eq!(saved.code, Some(0), "{}", saved.talk);
    assert_kept(&cassette, &noted);
}

#[tokio::test]
async fn a_disk_too_full_for_the_seal_keeps_the_journal() {
    let home = TempDir::new().unwrap();
    let cassette = home.path().join("full.cassette.json");
    let journal = cassette.with_extension("jsonl");
    let deck = bounded(home.path(), &cassette, 24);
    let root = fs::read_to_string(home.path().join("ca/cert.pem")).unwrap();
    let mut player = Player::connect(&deck, &root, "full-c0".into(), 0).await;
    let mut noted = Vec::new();
    while fs::metadata(&journal).unwrap().len() < 20 << 10 {
        noted.push(player.act().await.unwrap());
    }
    deck.interrupt();
    let Ended { code, talk, .. } = deck.ended();
    assert_eq!(code, Some(3), "{talk}");
    assert!(talk.contains("\nerror: cannot seal ") && talk.contains("full.cassette.jsonl is kept"), "{talk}");
    let left = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut left: Vec<String> = fs::read_dir(home.path()).unwrap().map(left).collect();
    left.sort();
    assert_eq!(left, ["ca", "full.cassette.jsonl"], "nothing half-written is left");

    assert_eq!(binary::run(home.path(), &["cassette", "fsck", text(&journal)]).code, Some(0));
    assert_kept(&cassette, &noted);
}

/// What redaction renames.
const PEOPLE: [Class; 4] = [Class::Xuid, Class::Gamertag, Class::DeviceToken, Class::Address];
const LOBBY: &str = "/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/lobby/sessions";
const KILLS: usize = 50;
const WORKERS: usize = 3;
