//! Long recordings: in parts, within limits, killed between two parts, and cut into smaller ones.

use std::fs;
use std::path::{Path, PathBuf};

use tapdeck::client::{Client, Way};
use tapdeck::exchange::Protocol;
use tempfile::TempDir;

use crate::durable::{Noted, Player, assert_kept};
use crate::support::binary::{Deck, Ended, run};
use crate::support::text;

/// A home with an authority, and where the day is recorded.
fn home() -> (TempDir, PathBuf) {
    let home = TempDir::new().unwrap();
    assert_eq!(run(home.path(), &["ca", "create"]).code, Some(0));
    let cassette = home.path().join("day.cassette.json");
    (home, cassette)
}

fn record(home: &Path, cassette: &Path, limits: &[&str]) -> Deck {
    Deck::start(home, &[&["record", "--upstream", "emulator"], limits, &[text(cassette)]].concat())
}

async fn players(home: &Path, deck: &Deck, count: usize) -> Vec<Player> {
    let root = fs::read_to_string(home.join("ca/cert.pem")).unwrap();
    let mut players = Vec::new();
    for number in 0..count {
        players.push(Player::connect(deck, &root, format!("long-c{number}"), number).await);
    }
    players
}

/// The journals there are, sorted by name.
fn journals(home: &Path) -> Vec<String> {
    let names = fs::read_dir(home).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".cassette.jsonl")).collect();
    names.sort();
    names
}

/// Plays in turn until something is so.
async fn play_until(players: &mut [Player], mut is_over: impl FnMut(&[Noted]) -> bool) -> Vec<Noted> {
    let mut noted = Vec::new();
    loop {
        for player in players.iter_mut() {
            noted.push(player.act().await.unwrap());
            if is_over(&noted) {
                return noted;
            }
        }
    }
}

#[tokio::test]
async fn a_recording_in_parts_is_sealed_to_one_cassette() {
    let (home, cassette) = home();
    let deck = record(home.path(), &cassette, &["--part-size", "8KiB"]);
    let mut players = players(home.path(), &deck, 2).await;
    let noted = play_until(&mut players, |_| journals(home.path()).len() == 4).await;
    assert_eq!(
        journals(home.path()),
        ["day.2.cassette.jsonl", "day.3.cassette.jsonl", "day.4.cassette.jsonl", "day.cassette.jsonl"]
    );
    let Ended { code, talk, .. } = deck.stopped();
    assert!(code == Some(0) && talk.contains("this recording replays"), "{talk}");
    assert_eq!(journals(home.path()), Vec::<String>::new());
    assert_kept(&cassette, &noted);
}

/// Kills a deck when its journals are so many, or so many answers later.
async fn killed(parts: usize, later: usize) -> (TempDir, PathBuf, Vec<Noted>) {
    let (home, cassette) = home();
    let mut deck = record(home.path(), &cassette, &["--part-size", "4KiB"]);
    let mut players = players(home.path(), &deck, 2).await;
    let mut left = later;
    let noted = play_until(&mut players, |_| {
        let is_there = journals(home.path()).len() >= parts;
        left -= usize::from(is_there && left > 0);
        is_there && left == 0
    })
    .await;
    deck.kill();
    assert_eq!(deck.ended().code, None, "it was killed");
    (home, cassette, noted)
}

#[tokio::test]
async fn a_kill_between_two_parts_loses_nothing_acknowledged() {
    for (parts, later) in [(2, 0), (2, 1), (3, 0), (3, 2), (4, 3)] {
        let (home, cassette, noted) = killed(parts, later).await;
        let journal = cassette.with_extension("jsonl");
        let parts = journals(home.path()).len();
        let saved = run(home.path(), &["cassette", "fsck", text(&journal)]);
        assert_eq!(saved.code, Some(0), "{}", saved.talk);
        assert!(saved.stdout.contains(&format!("journal in {parts} parts: ")), "{}", saved.stdout);
        assert_kept(&cassette, &noted);
        assert_eq!(journals(home.path()), Vec::<String>::new());
    }
}

#[tokio::test]
async fn parts_are_read_alone_and_together() {
    let (home, cassette, noted) = killed(3, 1).await;
    let (journal, at) = (cassette.with_extension("jsonl"), |name: &str| home.path().join(name));
    let exchanges = |file: &Path| {
        let shown = run(home.path(), &["cassette", "show", text(file)]);
        assert_eq!(shown.code, Some(0), "{}", shown.talk);
        shown.stdout.matches(" session.").count()
    };
    let parts = ["day.2.cassette.jsonl", "day.3.cassette.jsonl"].map(at);
    let alone: usize = parts.iter().map(|part| exchanges(part)).sum();
    assert!(exchanges(&journal) > alone && exchanges(&journal) >= noted.len() && alone > 0);
    for file in [&journal, &parts[0], &parts[1]] {
        let checked = run(home.path(), &["check", text(file)]);
        assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.talk);
    }
    let folder = run(home.path(), &["check", text(home.path())]);
    let whole = run(home.path(), &["check", text(&journal)]);
    assert_eq!((folder.code, folder.stdout), (Some(0), whole.stdout), "no part is counted twice");

    let part = run(home.path(), &["cassette", "fsck", text(&parts[0])]);
    assert!(
        part.code == Some(0) && part.talk.contains("a part of ") && part.talk.contains("seals all of them"),
        "{}",
        part.talk
    );
    assert_eq!(journals(home.path()).len(), 3);

    let again = run(home.path(), &["record", "--upstream", "emulator", "--listen", "127.0.0.1:0", text(&cassette)]);
    assert!(again.code == Some(3) && again.talk.contains("day.cassette.jsonl exists"), "{}", again.talk);
    fs::remove_file(&journal).unwrap();
    let again = run(home.path(), &["record", "--upstream", "emulator", "--listen", "127.0.0.1:0", text(&cassette)]);
    assert!(again.code == Some(3) && again.talk.contains("day.2.cassette.jsonl exists"), "{}", again.talk);
}

#[tokio::test]
async fn a_missing_part_is_told_and_keeps_the_others() {
    let (home, cassette, _) = killed(3, 1).await;
    let journal = cassette.with_extension("jsonl");
    fs::remove_file(home.path().join("day.2.cassette.jsonl")).unwrap();
    let saved = run(home.path(), &["cassette", "fsck", text(&journal)]);
    assert!(saved.code == Some(4) && saved.stdout.contains("part 2 of the recording is missing"), "{}", saved.stdout);
    assert!(!saved.stdout.contains("whole"), "{}", saved.stdout);
    assert!(cassette.exists() && saved.talk.contains("1 part is missing, so the journal is kept"), "{}", saved.talk);
    assert_eq!(journals(home.path()), ["day.3.cassette.jsonl", "day.cassette.jsonl"]);
}

#[tokio::test]
async fn a_part_with_a_damaged_head_is_still_one() {
    for damaged in ["day.cassette.jsonl", "day.2.cassette.jsonl", "day.3.cassette.jsonl"] {
        let (home, cassette, noted) = killed(3, 1).await;
        let (journal, file) = (cassette.with_extension("jsonl"), home.path().join(damaged));
        let mut bytes = fs::read(&file).unwrap();
        bytes[20] ^= 1;
        fs::write(&file, bytes).unwrap();
        let part = run(home.path(), &["cassette", "fsck", text(&home.path().join("day.3.cassette.jsonl"))]);
        assert!(part.talk.contains("a part of ") && part.talk.contains("seals all of them"), "{}", part.talk);

        let saved = run(home.path(), &["cassette", "fsck", text(&journal)]);
        let told = format!("{damaged}, line 1: left out: its CRC does not match its bytes");
        assert!(saved.code == Some(4) && saved.stdout.contains(&told), "{}", saved.stdout);
        assert!(saved.stdout.contains("journal in 3 parts: ") && !saved.stdout.contains("missing"), "{}", saved.stdout);
        assert!(saved.talk.contains("1 line could not be read, so the journal is kept"), "{}", saved.talk);
        assert_kept(&cassette, &noted);
        assert_eq!(journals(home.path()).len(), 3);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn there_may_be_more_parts_than_files_that_may_be_open() {
    let (home, cassette, noted) = killed(40, 1).await;
    let journal = cassette.with_extension("jsonl");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -n 32 && exec \"$@\"", "sh", env!("CARGO_BIN_EXE_tapdeck"), "cassette", "fsck"]);
    let saved = crate::support::binary::ended(command.arg(&journal).env("TAPDECK_HOME", home.path()));
    assert_eq!(saved.code, Some(0), "{}", saved.talk);
    assert!(saved.stdout.contains("journal in 40 parts: "), "{}", saved.stdout);
    assert_kept(&cassette, &noted);
}

#[tokio::test]
async fn what_is_left_without_the_first_part_is_sealed_by_its_name() {
    let (home, cassette, _) = killed(3, 1).await;
    let journal = cassette.with_extension("jsonl");
    fs::remove_file(&journal).unwrap();
    let left = ["day.2.cassette.jsonl", "day.3.cassette.jsonl"];
    let pointed = format!("`tapdeck cassette fsck {}` seals what is", journal.display());
    let again = run(home.path(), &["record", "--upstream", "emulator", "--listen", "127.0.0.1:0", text(&cassette)]);
    assert!(again.code == Some(3) && again.talk.contains(&pointed), "{}", again.talk);
    let part = run(home.path(), &["cassette", "fsck", text(&home.path().join(left[0]))]);
    assert!(part.talk.contains(&pointed), "{}", part.talk);

    let saved = run(home.path(), &["cassette", "fsck", text(&journal)]);
    assert!(saved.code == Some(4) && saved.stdout.contains("part 1 of the recording is missing"), "{}", saved.stdout);
    assert!(cassette.exists() && saved.talk.contains("1 part is missing, so the journal is kept"), "{}", saved.talk);
    assert_eq!(journals(home.path()), left);
}

#[tokio::test]
async fn a_middle_part_that_breaks_off_is_damage_and_no_crash() {
    let (home, cassette, _) = killed(3, 1).await;
    let journal = cassette.with_extension("jsonl");
    let middle = home.path().join("day.2.cassette.jsonl");
    let whole = fs::read(&middle).unwrap();
    fs::write(&middle, &whole[..whole.len() - 100]).unwrap();
    let line = whole.iter().filter(|byte| **byte == b'\n').count();
    let saved = run(home.path(), &["cassette", "fsck", text(&journal)]);
    let told = format!("day.2.cassette.jsonl, line {line}: left out: it breaks off after ");
    assert!(saved.code == Some(4) && saved.stdout.contains(&told), "{}", saved.stdout);
    assert!(!saved.stdout.contains("whole"), "{}", saved.stdout);
    assert!(saved.talk.contains("1 line could not be read, so the journal is kept"), "{}", saved.talk);
    assert_eq!(journals(home.path()).len(), 3);
}

#[tokio::test]
async fn a_recording_ends_at_its_size() {
    let (home, cassette) = home();
    let deck = record(home.path(), &cassette, &["--max-size", "30kB"]);
    let mut players = players(home.path(), &deck, 2).await;
    let mut noted = Vec::new();
    'over: for _ in 0..1000 {
        for player in &mut players {
            let Some(answer) = player.act().await else { break 'over };
            noted.push(answer);
        }
    }
    let Ended { code, talk, .. } = deck.ended();
    assert!(code == Some(0) && talk.contains("stopping: the recording has the size of --max-size"), "{talk}");
    assert!(talk.contains("this recording replays"), "{talk}");
    assert!((10..1000).contains(&noted.len()), "{}", noted.len());
    assert_kept(&cassette, &noted);
}

#[tokio::test]
async fn a_recording_ends_at_its_time() {
    let (home, cassette) = home();
    let deck = record(home.path(), &cassette, &["--max-time", "2s"]);
    let noted = play_until(&mut players(home.path(), &deck, 1).await, |noted| noted.len() == 3).await;
    let Ended { code, talk, .. } = deck.ended();
    assert!(code == Some(0) && talk.contains("stopping: the recording has taken the time of --max-time"), "{talk}");
    assert_kept(&cassette, &noted);
}

/// Every lane of every example and every stretch up to half of it, cut out of it, replays.
#[test]
fn what_is_trimmed_replays() {
    let home = TempDir::new().unwrap();
    let out = home.path().join("out.cassette.json");
    let trim = |file: &Path, more: &[&str]| {
        run(home.path(), &[&["cassette", "trim", text(file), "-o", text(&out), "--overwrite"], more].concat())
    };
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("cassettes");
    for entry in fs::read_dir(examples).unwrap() {
        let file = entry.unwrap().path();
        let whole = tapdeck::cassette::Cassette::read(&file).unwrap();
        for lane in &whole.lanes {
            let trimmed = trim(&file, &["--lane", lane]);
            assert_eq!(trimmed.code, Some(0), "{} {lane}: {}", file.display(), trimmed.talk);
            assert!(trimmed.talk.contains("this recording replays"), "{}", trimmed.talk);
            let cut = tapdeck::cassette::Cassette::read(&out).unwrap();
            assert_eq!(cut.lanes.len(), 1);
            let of_lane = whole.exchanges().filter(|http| http.lane == *lane).count();
            assert_eq!(cut.exchanges().count(), of_lane);
        }
        assert_eq!(trim(&file, &[]).code, Some(0));
        assert_eq!(fs::read(&out).unwrap(), fs::read(&file).unwrap(), "nothing is cut");
    }
}

#[tokio::test]
async fn a_journal_is_trimmed_between_its_marks() {
    let (home, cassette) = home();
    let mut deck = record(home.path(), &cassette, &["--part-size", "4KiB"]);
    let control = deck.control();
    let mut players = players(home.path(), &deck, 2).await;
    for round in ["one", "two", "three"] {
        let mark = serde_json::json!({ "note": format!("round {round}") }).to_string();
        let mut client = Client::connect(control, &control.to_string(), Way::Reverse, Protocol::H1).await.unwrap();
        let set =
            client.send("POST", "/v1/marks", &[("content-type", "application/json")], mark.as_bytes()).await.unwrap();
        assert_eq!(set.status / 100, 2, "{:?}", set.body);
        play_until(&mut players, |noted| noted.len() == 12).await;
    }
    deck.kill();
    assert_eq!(deck.ended().code, None);
    let (journal, out) = (cassette.with_extension("jsonl"), home.path().join("round.cassette.json"));
    let trim =
        |more: &[&str]| run(home.path(), &[&["cassette", "trim", text(&journal), "-o", text(&out)], more].concat());
    let round = trim(&["--from-mark", "round two", "--to-mark", "3"]);
    assert!(
        round.code == Some(0) && round.talk.contains("12 exchanges, 2 lanes; this recording replays"),
        "{}",
        round.talk
    );
    assert!(journals(home.path()).len() > 2, "the journals stay");

    let again = trim(&["--lane", "player1"]);
    assert!(again.code == Some(2) && again.talk.contains("round.cassette.json exists"), "{}", again.talk);
    fs::remove_file(&out).unwrap();
    for (more, message) in [
        (["--lane", "nobody"], "no lane is called `nobody`; there are `"),
        (["--session", "nowhere"], "no session is called `nowhere`; there are `long-c0`, `long-c1`"),
        (["--from-mark", "round four"], "no mark is called `round four`; there are 1 `round one`, 2 `round two`"),
    ] {
        let told = trim(&more);
        assert!(told.code == Some(2) && told.talk.contains(message), "{}", told.talk);
        assert!(!out.exists());
    }
    let one = trim(&["--session", "long-c0"]);
    assert!(one.code == Some(0) && one.talk.contains("18 exchanges, 1 lane"), "{}", one.talk);
}
