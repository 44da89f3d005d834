//! Replay through real sockets: fresh players, another interleaving, and what happens when they stray.

mod interleavings;
mod jitter;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tapdeck::cassette::Cassette;
use tapdeck::client::Client;
use tapdeck::dice::{Dice, hex};
use tapdeck::exchange::Protocol;
use tapdeck::intercept::Limits;
use tapdeck::message::{Body, Response};
use tapdeck::replay::{self, Live, Tally, difference};
use tapdeck::slot::Class;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::{HOST, Proxy, Setup, masked, sealed};

/// One performance's players, and the names they give to sessions. No two takes share a value.
struct Cast {
    take: u64,
    people: Vec<Person>,
}

/// Everything a player is or makes up.
struct Person {
    xuid: String,
    authorization: String,
    connection: String,
    subscription: String,
    address: String,
}

impl Cast {
    fn new(take: u64, people: usize) -> Self {
        let people = (0..people).map(|number| person(Dice::new(take), number)).collect();
        Self { take, people }
    }

    /// A session's name: of another length and look in every take.
    fn session(&self, place: Place, player: usize) -> String {
        let kind = if place == Place::Shared { "shared".to_owned() } else { format!("own{player}") };
        match self.take {
            1 => format!("Lobby-{kind}-A"),
            take => Dice::new(take).guid(&kind, 0).to_uppercase(),
        }
    }

    /// A text without the values that are this cast's own.
    fn without_own(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (number, person) in self.people.iter().enumerate() {
            for (value, what) in [
                (&person.xuid, "xuid"),
                (&person.connection, "connection"),
                (&person.subscription, "subscription"),
                (&person.address, "address"),
                (&self.session(Place::Own, number), "session"),
            ] {
                text = text.replace(value.as_str(), &format!("<{what} {number}>"));
            }
        }
        text.replace(&self.session(Place::Shared, 0), "<shared session>")
    }

    /// An answer without what is this cast's own, and without the service's names for people.
    fn without_people(&self, mut answer: Response) -> Response {
        let plain = String::from_utf8(answer.body.decoded().unwrap().to_vec()).unwrap();
        let plain = masked(self.without_own(&plain).as_bytes(), &[Class::Gamertag, Class::DeviceToken]);
        answer.body = Body::plain(plain);
        answer.headers.remove("content-length");
        for header in answer.headers.iter_mut() {
            header.value = self.without_own(std::str::from_utf8(&header.value).unwrap()).into();
        }
        answer
    }
}

fn person(dice: Dice, number: usize) -> Person {
    let name = format!("player{number}");
    let token = hex(&dice.draw(&name, 9));
    Person {
        xuid: (2_814_000_000_000_000 + dice.number(&name, 0) % 1_000_000_000_000).to_string(),
        authorization: format!("XBL3.0 x={};eyJ{token}", dice.number(&name, 1)),
        connection: dice.guid(&name, 2),
        subscription: dice.guid(&name, 3).to_uppercase(),
        address: dice.hex32(&name, 4) + "AAAAAAAA",
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Shared,
    Own,
}

/// What a player does next.
#[derive(Clone, Copy, Debug)]
enum Act {
    Join(Place),
    Read(Place),
    /// Only if it changed since the player last saw it.
    ReadIfChanged(Place),
    /// Whatever its version.
    Write(Place, u64),
    /// Only if it is as the player last saw it.
    WriteIfCurrent(u64),
    /// Only if it is as the player first saw it, which it is not.
    WriteIfFirst(u64),
    ShowActivity(Place),
    ReadByHandle,
    WriteByHandle(u64),
}

/// A player at the keyboard: a connection, and what the game remembers.
struct Seat {
    client: Client,
    tags: Vec<String>,
    handle: String,
}

struct Ask {
    method: &'static str,
    target: String,
    condition: Option<(&'static str, String)>,
    body: String,
}

impl Seat {
    async fn take(proxy: &Proxy, number: usize) -> Self {
        Self::speaking(proxy, if number.is_multiple_of(2) { Protocol::H2 } else { Protocol::H1 }).await
    }

    async fn speaking(proxy: &Proxy, protocol: Protocol) -> Self {
        Self { client: proxy.client(protocol).await, tags: Vec::new(), handle: String::new() }
    }

    async fn act(&mut self, cast: &Cast, number: usize, act: Act) -> Response {
        let ask = self.ask(cast, number, act);
        let answer = self.send(&cast.people[number], &ask).await;
        if matches!(act, Act::Join(Place::Shared) | Act::Read(Place::Shared) | Act::WriteIfCurrent(_)) {
            self.tags.extend(answer.headers.text("etag").map(str::to_owned));
        }
        if matches!(act, Act::ShowActivity(_)) {
            let document: serde_json::Value = serde_json::from_slice(answer.body.decoded().unwrap()).unwrap();
            self.handle = document["id"].as_str().unwrap().to_owned();
        }
        answer
    }

    async fn send(&mut self, person: &Person, ask: &Ask) -> Response {
        let mut headers = vec![
            ("authorization", person.authorization.as_str()),
            ("x-xbl-contract-version", "107"),
            ("content-type", "application/json"),
        ];
        headers.extend(ask.condition.as_ref().map(|(name, value)| (*name, value.as_str())));
        self.client.send(ask.method, &ask.target, &headers, ask.body.as_bytes()).await.unwrap()
    }

    fn ask(&self, cast: &Cast, number: usize, act: Act) -> Ask {
        let session = |place| format!("{SESSIONS}/{}", cast.session(place, number));
        let by_handle = format!("/handles/{}/session", self.handle);
        let get = |target, condition| Ask { method: "GET", target, condition, body: String::new() };
        let put = |target, condition, body| Ask { method: "PUT", target, condition, body };
        let any = || Some(("if-match", "*".to_owned()));
        let last = |name| self.tags.last().map(|tag| (name, tag.clone()));
        match act {
            Act::Join(place) => put(session(place), None, joining(&cast.people[number], number)),
            Act::Read(place) => get(session(place), None),
            Act::ReadIfChanged(place) => get(session(place), last("if-none-match")),
            Act::Write(place, value) => put(session(place), any(), custom(number, value)),
            Act::WriteIfCurrent(value) => put(session(Place::Shared), last("if-match"), custom(number, value)),
            Act::WriteIfFirst(value) => {
                put(session(Place::Shared), Some(("if-match", self.tags[0].clone())), custom(number, value))
            }
            Act::ShowActivity(place) => Ask {
                method: "POST",
                target: "/handles".to_owned(),
                condition: None,
                body: activity(&cast.session(place, number)),
            },
            Act::ReadByHandle => get(by_handle, None),
            Act::WriteByHandle(value) => put(by_handle, any(), custom(number, value)),
        }
    }
}

fn joining(person: &Person, number: usize) -> String {
    format!(
        r#"{{"properties":{{"system":{{"joinRestriction":"none","readRestriction":"none"}}}},"members":{{"me":{{"constants":{{"system":{{"xuid":"{}","initialize":true}}}},"properties":{{"system":{{"active":true,"connection":"{}","secureDeviceAddress":"{}","subscription":{{"id":"{}","changeTypes":["everything"]}}}},"custom":{{"seat":{number}}}}}}}}}}}"#,
        person.xuid, person.connection, person.address, person.subscription
    )
}

fn custom(number: usize, value: u64) -> String {
    format!(r#"{{"properties":{{"custom":{{"by{number}":{value},"ratio":1.50,"big":18446744073709551615}}}}}}"#)
}

fn activity(session: &str) -> String {
    format!(
        r#"{{"version":1,"type":"activity","sessionRef":{{"scid":"{SCID}","templateName":"lobby","name":"{session}"}}}}"#
    )
}

/// Each player's acts; the schedule says whose turn it is. Answers stand by player, in the player's order.
async fn perform(proxy: &Proxy, cast: &Cast, acts: &[Vec<Act>], schedule: &[usize]) -> Vec<Vec<Response>> {
    let mut seats = Vec::new();
    for number in 0..acts.len() {
        seats.push(Seat::take(proxy, number).await);
    }
    let mut answers = vec![Vec::new(); acts.len()];
    for number in schedule {
        let act = acts[*number][answers[*number].len()];
        answers[*number].push(seats[*number].act(cast, *number, act).await);
    }
    answers
}

/// The same, but nobody waits for the answers of others: a call is made when the schedule comes to it, as far as the
/// player's own calls before it are answered.
async fn perform_overlapping(
    proxy: &Proxy,
    cast: &Arc<Cast>,
    acts: &[Vec<Act>],
    schedule: &[usize],
) -> Vec<Vec<Response>> {
    let (mut turns, mut playing) = (Vec::new(), Vec::new());
    for (number, acts) in acts.iter().enumerate() {
        let (turn, mut its_turn) = tokio::sync::mpsc::unbounded_channel();
        let (cast, acts, mut seat) = (Arc::clone(cast), acts.clone(), Seat::take(proxy, number).await);
        turns.push(turn);
        playing.push(tokio::spawn(async move {
            let mut answers = Vec::new();
            while its_turn.recv().await.is_some() {
                answers.push(seat.act(&cast, number, acts[answers.len()]).await);
            }
            answers
        }));
    }
    for number in schedule {
        turns[*number].send(()).unwrap();
        tokio::task::yield_now().await;
    }
    drop(turns);
    let mut answers = Vec::new();
    for played in playing {
        answers.push(played.await.unwrap());
    }
    answers
}

/// Everybody acts at once, after all have arrived.
async fn perform_at_once(proxy: &Proxy, cast: &Arc<Cast>, acts: &[Vec<Act>]) -> Vec<Vec<Response>> {
    let mut playing = JoinSet::new();
    let mut seats = Vec::new();
    for (number, acts) in acts.iter().enumerate() {
        let mut seat = Seat::take(proxy, number).await;
        seats.push((vec![seat.act(cast, number, acts[0]).await], seat));
    }
    for (number, (mut answers, mut seat)) in seats.into_iter().enumerate() {
        let (cast, acts) = (Arc::clone(cast), acts[number].clone());
        playing.spawn(async move {
            for act in &acts[1..] {
                answers.push(seat.act(&cast, number, *act).await);
            }
            (number, answers)
        });
    }
    let mut answers = playing.join_all().await;
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answers)| answers).collect()
}

/// Records a performance against the emulator, through TLS, and seals it.
async fn record(directory: &Path, cast: &Cast, acts: &[Vec<Act>], schedule: &[usize]) -> (PathBuf, Vec<Vec<Response>>) {
    let journal = directory.join("take.cassette.jsonl");
    let proxy = Setup::emulating().recording(&journal).start().await;
    let answers = perform(&proxy, cast, acts, schedule).await;
    proxy.close().await;
    (sealed(&journal), answers)
}

/// Everybody's turns in an order of the seed's choosing. First all arrive: a player nobody has met has no name to show.
fn shuffled(acts: &[Vec<Act>], seed: u64) -> Vec<usize> {
    let turns: Vec<usize> = acts.iter().enumerate().flat_map(|(number, acts)| vec![number; acts.len() - 1]).collect();
    let dice = Dice::new(seed);
    let mut keyed: Vec<_> = (0_u64..).zip(turns).map(|(n, turn)| (dice.number("turn", n), turn)).collect();
    keyed.sort_unstable();
    (0..acts.len()).chain(keyed.into_iter().map(|(_, turn)| turn)).collect()
}

/// Acts drawn with every kind of call in them.
fn drawn(player: usize, count: u64) -> Vec<Act> {
    let dice = Dice::new(5);
    let opening = [Act::Join(Place::Shared), Act::Join(Place::Own), Act::ShowActivity(Place::Own)];
    let rest = (3..count).map(|n| match dice.number(&format!("act{player}"), n) % 12 {
        0 | 1 => Act::Read(Place::Shared),
        2 => Act::Read(Place::Own),
        3 => Act::ReadIfChanged(Place::Shared),
        4 | 5 => Act::WriteIfCurrent(n),
        6 => Act::WriteIfFirst(n),
        7 => Act::Write(Place::Own, n),
        8 => Act::Write(Place::Shared, n),
        9 => Act::ShowActivity(if n % 2 == 0 { Place::Shared } else { Place::Own }),
        10 => Act::ReadByHandle,
        _ => Act::WriteByHandle(n),
    });
    opening.into_iter().chain(rest).collect()
}

/// Every player comes itself. Nobody waits in vain here, so the wait may be as long as a slow machine needs.
fn all_live() -> replay::Options {
    replay::Options { live: Live::All, hold: Duration::from_secs(60), ..replay::Options::default() }
}

fn assert_equal(recorded: (&Cast, Vec<Vec<Response>>), played: (&Cast, Vec<Vec<Response>>)) {
    let lanes = recorded.1.into_iter().zip(played.1);
    for (player, (recorded_answers, played_answers)) in lanes.enumerate() {
        for (n, (then, now)) in recorded_answers.into_iter().zip(played_answers).enumerate() {
            let (then, now) = (recorded.0.without_people(then), played.0.without_people(now));
            let differs = difference(&then, &now);
            assert_eq!(differs, None, "player {player}, call {n}: {then:#?} {now:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_exchanges_replay_to_fresh_players_all_at_once() {
    let directory = TempDir::new().unwrap();
    let acts: Vec<Vec<Act>> = (0..4).map(|player| drawn(player, 250)).collect();
    let (first, second) = (Cast::new(1, 4), Arc::new(Cast::new(2, 4)));
    let (cassette, recorded) = record(directory.path(), &first, &acts, &shuffled(&acts, 1)).await;
    let mut statuses = BTreeMap::new();
    recorded.iter().flatten().for_each(|answer| *statuses.entry(answer.status).or_insert(0) += 1);
    for status in [200, 201, 304, 412] {
        assert!(statuses.get(&status).is_some_and(|count| *count >= 3), "{status} in {statuses:?}");
    }

    let proxy = Setup::replaying(&cassette, all_live()).start().await;
    let played = perform_at_once(&proxy, &second, &acts).await;
    let Tally { hits, bound, repeats, misses, unplayed, .. } = proxy.tally();
    assert_eq!((hits + bound, repeats, misses, unplayed), (1000, 0, 0, 0), "{statuses:?}");
    assert_equal((&first, recorded), (&second, played));
    proxy.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_players_did_at_once_replays_at_once() {
    let directory = TempDir::new().unwrap();
    let journal = directory.path().join("take.cassette.jsonl");
    let acts: Vec<Vec<Act>> = (0..4).map(|player| drawn(player, 60)).collect();
    let (first, second) = (Arc::new(Cast::new(1, 4)), Arc::new(Cast::new(2, 4)));
    let proxy = Setup::emulating().recording(&journal).start().await;
    let recorded = perform_at_once(&proxy, &first, &acts).await;
    proxy.close().await;
    let cassette = sealed(&journal);
    assert_eq!(replay::verify(&Cassette::read(&cassette).unwrap()), []);

    let proxy = Setup::replaying(&cassette, all_live()).start().await;
    let played = perform_at_once(&proxy, &second, &acts).await;
    let Tally { hits, bound, repeats, misses, unplayed, .. } = proxy.tally();
    assert_eq!((hits + bound, repeats, misses, unplayed), (240, 0, 0, 0));
    assert_equal((&first, recorded), (&second, played));
    proxy.close().await;
}

/// Two players, one lost race and its retry.
fn race() -> Vec<Vec<Act>> {
    use Act::{Join, Read, WriteIfCurrent};
    let shared = Place::Shared;
    vec![
        vec![Join(shared), Read(shared), WriteIfCurrent(1)],
        vec![Join(shared), Read(shared), WriteIfCurrent(2), WriteIfCurrent(2)],
    ]
}

/// Both read the same version; player 0 is faster.
const RACE: [usize; 7] = [0, 1, 0, 1, 0, 1, 1];

#[tokio::test]
async fn a_lost_race_is_lost_again_in_any_interleaving() {
    let directory = TempDir::new().unwrap();
    let cast = Cast::new(1, 2);
    let (cassette, recorded) = record(directory.path(), &cast, &race(), &RACE).await;
    let statuses = |answers: &[Response]| answers.iter().map(|answer| answer.status).collect::<Vec<_>>();
    assert_eq!(statuses(&recorded[1]), [200, 200, 412, 200]);

    for (take, schedule) in [(2, [0, 1, 1, 0, 1, 0, 1]), (3, [0, 1, 1, 1, 1, 0, 0]), (4, [1, 1, 1, 1, 0, 0, 0])] {
        let fresh = Arc::new(Cast::new(take, 2));
        let proxy = Setup::replaying(&cassette, all_live()).start().await;
        let played = perform_overlapping(&proxy, &fresh, &race(), &schedule).await;
        let (won, lost, retried) = (&played[0][2], &played[1][2], &played[1][3]);
        assert_eq!((won.status, lost.status, retried.status), (200, 412, 200), "take {take}");
        assert_eq!(lost.headers.text("etag"), won.headers.text("etag"), "the loser is told the version that won");
        let body: serde_json::Value = serde_json::from_slice(lost.body.decoded().unwrap()).unwrap();
        assert_eq!((&body["properties"]["custom"]["by0"], &body["changeNumber"]), (&1.into(), &3.into()));
        assert_eq!(body["members"]["1"]["constants"]["system"]["xuid"], fresh.people[1].xuid);
        let Tally { hits, bound, repeats, misses, unplayed, .. } = proxy.tally();
        assert_eq!((hits + bound, repeats, misses, unplayed), (7, 0, 0, 0), "take {take}");
        assert_equal((&cast, recorded.clone()), (&fresh, played));
        proxy.close().await;
    }
}

#[tokio::test]
async fn a_changed_value_is_a_miss_that_says_what_and_where() {
    let directory = TempDir::new().unwrap();
    let (cassette, _) = record(directory.path(), &Cast::new(1, 2), &race(), &RACE).await;
    let fresh = Cast::new(2, 2);
    let proxy = Setup::replaying(&cassette, replay::Options::default()).start().await;
    let mut seat = Seat::take(&proxy, 0).await;
    seat.act(&fresh, 0, Act::Join(Place::Shared)).await;
    seat.act(&fresh, 0, Act::Read(Place::Shared)).await;
    let miss = seat.act(&fresh, 0, Act::WriteIfCurrent(7)).await;
    assert_eq!((miss.status, miss.headers.text("tapdeck-outcome")), (501, Some("miss")));
    assert_eq!(miss.headers.text("content-type"), Some("application/problem+json"));

    let problem: serde_json::Value = serde_json::from_slice(miss.body.decoded().unwrap()).unwrap();
    assert_eq!((&problem["reason"], &problem["op"]), (&"different".into(), &"session.put".into()), "{problem:#}");
    let near = &problem["nearest"][0];
    assert_eq!((&near["lane"], &near["exchange"]), (&"player1".into(), &5.into()), "{problem:#}");
    let expected = serde_json::json!({"place": "body /properties/custom/by0", "recorded": "1", "live": "7"});
    assert_eq!(near["differences"], serde_json::json!([expected]), "{problem:#}");
    let text = std::fs::read_to_string(&cassette).unwrap();
    let line = usize::try_from(near["line"].as_u64().unwrap()).unwrap();
    let record: Vec<&str> = text.lines().skip(line - 1).take_while(|line| *line != "    },").collect();
    assert!(record[0] == "    {" && record.concat().contains(r#""by0": 1,"#), "the line is the record's: {record:#?}");

    // A miss changes nothing: the recorded call still plays.
    assert_eq!(seat.act(&fresh, 0, Act::WriteIfCurrent(1)).await.status, 200);
    proxy.close().await;
}

#[tokio::test]
async fn a_polling_loop_is_repeated_up_to_the_cap() {
    let directory = TempDir::new().unwrap();
    let cast = Cast::new(1, 1);
    let acts = vec![vec![Act::Join(Place::Shared), Act::Read(Place::Shared)]];
    let (cassette, recorded) = record(directory.path(), &cast, &acts, &[0, 0]).await;
    let options = replay::Options { repeat: 3, ..replay::Options::default() };
    let proxy = Setup::replaying(&cassette, options).start().await;
    let mut seat = Seat::take(&proxy, 0).await;
    seat.act(&cast, 0, Act::Join(Place::Shared)).await;
    let mut outcomes = Vec::new();
    for _ in 0..6 {
        let answer = seat.act(&cast, 0, Act::Read(Place::Shared)).await;
        outcomes.push(answer.headers.text("tapdeck-outcome").unwrap().to_owned());
        if answer.status != 501 {
            assert_equal((&cast, vec![vec![recorded[0][1].clone()]]), (&cast, vec![vec![answer]]));
        }
    }
    assert_eq!(outcomes, ["bound", "repeat", "repeat", "repeat", "miss", "miss"]);
    proxy.close().await;
}

#[tokio::test]
async fn a_client_that_skips_a_read_gets_the_newest_version() {
    use Act::{Join, Read, Write};
    let directory = TempDir::new().unwrap();
    let shared = Place::Shared;
    let acts = vec![vec![Join(shared), Read(shared), Write(shared, 1), Read(shared), Write(shared, 2), Read(shared)]];
    let (cassette, recorded) = record(directory.path(), &Cast::new(1, 1), &acts, &[0; 6]).await;
    let tag = |answer: &Response| answer.headers.text("etag").unwrap().to_owned();
    let proxy = Setup::replaying(&cassette, replay::Options::default()).start().await;
    let hasty = vec![vec![Join(shared), Write(shared, 1), Write(shared, 2), Read(shared), Read(shared)]];
    let played = perform(&proxy, &Cast::new(2, 1), &hasty, &[0; 5]).await;
    let tags: Vec<String> = played[0].iter().map(tag).collect();
    let expected: Vec<String> = [0, 2, 4, 5, 5].map(|n| tag(&recorded[0][n])).to_vec();
    assert_eq!(tags, expected);
    assert_eq!((proxy.tally().misses, proxy.tally().repeats, proxy.tally().unplayed), (0, 1, 2));
    proxy.close().await;
}

/// Whether anybody has connected to a listener; a connection made is in its queue at once.
fn was_reached(listener: &std::net::TcpListener) -> bool {
    match listener.accept() {
        Ok(_) => true,
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn replay_reaches_for_no_service() {
    let directory = TempDir::new().unwrap();
    let (cassette, _) = record(directory.path(), &Cast::new(1, 2), &race(), &RACE).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap().into_std().unwrap();
    let wired = || Setup::leading_to(listener.local_addr().unwrap()).route;

    let proxy = Setup { route: wired(), ..Setup::replaying(&cassette, replay::Options::default()) }.start().await;
    let fresh = Cast::new(2, 2);
    perform(&proxy, &fresh, &race(), &RACE).await;
    let mut seat = Seat::take(&proxy, 0).await;
    let strange = Ask { method: "GET", target: "/nowhere".into(), condition: None, body: String::new() };
    assert_eq!(seat.send(&fresh.people[0], &strange).await.status, 501);
    assert!(!was_reached(&listener), "neither hits nor misses reach for {HOST}");
    proxy.close().await;

    // The same wiring leads a forwarding proxy there.
    let limits = Limits { connect: NO_TIME, ..Limits::default() };
    let proxy = Setup { route: wired(), limits, ..Setup::default() }.start().await;
    let mut seat = Seat::take(&proxy, 0).await;
    assert!(seat.send(&fresh.people[0], &strange).await.status >= 500);
    assert!(was_reached(&listener));
}

/// What a service that never says a word gets.
const NO_TIME: Duration = Duration::from_millis(500);
const SCID: &str = "00000000-0000-0000-0000-0000000c0de1";
const SESSIONS: &str = "/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/lobby/sessions";
