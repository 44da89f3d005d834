//! `record`, `replay`, `watch` and `emulate`: the same deck with different sources.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::control::Control;
use super::options::{CassettePath, EmulatorOptions, EnforceOption, Reached, Service, Ways};
use super::session::{self, Ended, Signals};
use super::{Code, Failure, ca, print, say};
use crate::cassette::{Cassette, CassetteError, Notice, Record, Seal, seal};
use crate::emulator::Policies;
use crate::engine::journal::JournalError;
use crate::engine::{Engine, Recorder, Source};
use crate::exchange::Outcome;
use crate::intercept::{self, Door, Limits, Reverse};
use crate::mpsd;
use crate::redact::Redactor;
use crate::replay::{self, Live, Player, Tape};
use crate::upstream::{Dialler, Route};

/// `tapdeck record`
#[derive(Debug, clap::Args)]
pub(super) struct RecordOptions {
    /// The cassette to make; its name ends in `.cassette.json`
    cassette: CassettePath,
    /// Replace the cassette if it exists
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    service: Service,
    #[command(flatten)]
    control: Control,
    #[command(flatten)]
    enforce: EnforceOption,
    #[command(flatten)]
    ways: Ways,
}

/// `tapdeck replay`
#[derive(Debug, clap::Args)]
pub(super) struct ReplayOptions {
    /// The cassette to play
    cassette: std::path::PathBuf,
    /// How often a read past its last recorded answer may repeat it
    #[arg(long, env = "TAPDECK_REPEAT", default_value_t = 100, value_name = "N")]
    repeat: usize,
    /// The recorded players that come themselves: `one`, `all`, or names between commas; for the others the cassette
    /// does what they did
    #[arg(long, env = "TAPDECK_LIVE", default_value = "one", value_name = "PLAYERS")]
    live: String,
    /// The status of a miss
    #[arg(long, env = "TAPDECK_MISS_STATUS", default_value_t = 501, value_parser = clap::value_parser!(u16).range(400..600))]
    miss_status: u16,
    /// Refuse a cassette that was edited since it was sealed
    #[arg(long, env = "TAPDECK_REQUIRE_SEAL")]
    require_seal: bool,
    #[command(flatten)]
    enforce: EnforceOption,
    #[command(flatten)]
    ways: Ways,
}

/// `tapdeck watch`
#[derive(Debug, clap::Args)]
pub(super) struct WatchOptions {
    #[command(flatten)]
    service: Service,
    #[command(flatten)]
    enforce: EnforceOption,
    #[command(flatten)]
    ways: Ways,
}

/// `tapdeck emulate`
#[derive(Debug, clap::Args)]
pub(super) struct EmulateOptions {
    /// Print every choice the documents leave open, as a `tapdeck.toml` sets it, and end
    #[arg(long)]
    policies: bool,
    #[command(flatten)]
    emulator: EmulatorOptions,
    #[command(flatten)]
    control: Control,
    #[command(flatten)]
    enforce: EnforceOption,
    #[command(flatten)]
    ways: Ways,
}

pub(super) async fn record(options: RecordOptions, redactor: Arc<Redactor>) -> Result<Code, Failure> {
    let sealed = options.cassette.sealed();
    if sealed.exists() && !options.overwrite {
        let hint = "give --overwrite to replace it, or another name";
        return Err(Failure::usage(format!("{} exists", sealed.display())).hint(hint));
    }
    let deck = Deck::open(&options.ways).await?;
    let reached = options.service.reach(deck.address, deck.limits)?;
    // There is something to control only in an emulator.
    let control = match &reached.source {
        Source::Emulator(_) => options.control.open().await?,
        _ => None,
    };
    remove_if_empty(&options.cassette.journal());
    let recorder = Recorder::create(&options.cassette.journal()).map_err(|error| unopened(&error))?;
    say(&format!("recording {} to {}", reached.name, options.cassette.journal().display()));
    let engine = Engine::new(reached.source, redactor, Arc::default(), Some(recorder), options.enforce.into());
    let control = control.map(|port| port.serve(&engine));
    let ended = deck.run(&engine, reached.reverse, reached.neighbours, reached.dialler).await;
    if let Some(control) = control {
        control.close().await;
    }
    finish(&engine, &options.cassette, ended).await
}

pub(super) async fn replay(options: ReplayOptions, redactor: Arc<Redactor>) -> Result<Code, Failure> {
    let cassette = Cassette::read(&options.cassette).map_err(|error| unreadable(&error))?;
    trust(&cassette, &options)?;
    let deck = Deck::open(&options.ways).await?;
    let tape = Tape::of(&cassette);
    let lanes = tape.lanes().len();
    let live = options.live(tape.lanes())?;
    let play = replay::Options { repeat: options.repeat, miss_status: options.miss_status, live };
    let player = Player::new(tape, play);
    say(&format!(
        "replaying {} in {} from {}",
        many(cassette.exchanges().count(), "exchange"),
        many(lanes, "lane"),
        options.cassette.display()
    ));
    let engine = Engine::new(Source::Replay(player), redactor, Arc::default(), None, options.enforce.into());
    let (dialler, neighbours) = (deck.dialler(), neighbours_in(&cassette));
    deck.run(&engine, Some(Reverse::default()), neighbours, dialler).await;
    let tally = engine.player().map(Player::tally).unwrap_or_default();
    say(&format!(
        "{} hit ({} bound), {} repeat, {} miss, {} unplayed, upstream 0; {}",
        tally.hits + tally.bound,
        tally.bound,
        tally.repeats,
        tally.misses,
        tally.unplayed,
        found(&engine)
    ));
    Ok(if tally.misses > 0 { Code::Findings } else { Code::Clean })
}

pub(super) async fn watch(options: WatchOptions, redactor: Arc<Redactor>) -> Result<Code, Failure> {
    let deck = Deck::open(&options.ways).await?;
    let reached = options.service.reach(deck.address, deck.limits)?;
    say(&format!("watching calls to {}", reached.name));
    let engine = Engine::new(reached.source, redactor, Arc::default(), None, options.enforce.into());
    deck.run(&engine, reached.reverse, reached.neighbours, reached.dialler).await;
    say(&found(&engine));
    Ok(Code::Clean)
}

pub(super) async fn emulate(options: EmulateOptions, redactor: Arc<Redactor>) -> Result<Code, Failure> {
    let settings = options.emulator.settings()?;
    if options.policies {
        print(&policies(&settings.policies))?;
        return Ok(Code::Clean);
    }
    let deck = Deck::open(&options.ways).await?;
    let control = options.control.open().await?;
    let reached = Reached::emulating(settings, deck.dialler());
    say("emulating MPSD and RTA");
    let engine = Engine::new(reached.source, redactor, Arc::default(), None, options.enforce.into());
    let control = control.map(|port| port.serve(&engine));
    deck.run(&engine, reached.reverse, reached.neighbours, reached.dialler).await;
    if let Some(control) = control {
        control.close().await;
    }
    say(&found(&engine));
    Ok(Code::Clean)
}

/// Every policy as a file would set it.
fn policies(policies: &Policies) -> String {
    let mut out = String::from("[emulator.policies]\n");
    for policy in policies.listed() {
        out.push_str(&format!("\n# {} ({})\n", policy.explanation, policy.source));
        if policy.value != policy.default {
            out.push_str(&format!("# unless set: {}\n", policy.default));
        }
        out.push_str(&format!("{} = {}\n", policy.name, policy.value));
    }
    out
}

/// The hosts of a recording that no contract knows: they were looked into then, so they are now. Sign-in never is: a
/// cassette may come from anyone.
fn neighbours_in(cassette: &Cassette) -> BTreeSet<String> {
    let hosts = cassette.exchanges().map(|record| record.request().host().to_lowercase());
    let is_sign_in = |host: &str| host.ends_with(".auth.xboxlive.com");
    hosts.filter(|host| mpsd::Service::behind(host) == mpsd::Service::Neighbour && !is_sign_in(host)).collect()
}

/// A listener with its certificate authority, before anything answers.
struct Deck {
    listener: TcpListener,
    address: std::net::SocketAddr,
    authority: Arc<intercept::Authority>,
    others: intercept::Others,
    limits: Limits,
    signals: Signals,
}

impl Deck {
    async fn open(ways: &Ways) -> Result<Self, Failure> {
        ways.check()?;
        let signals = Signals::new()?;
        let authority = Arc::new(ca::open(&ways.home)?);
        let (listener, address) = session::listen(ways.listen, "--listen").await?;
        Ok(Self { listener, address, authority, others: ways.others(), limits: Limits::default(), signals })
    }

    /// How hosts that are none of ours are reached when there is no upstream.
    fn dialler(&self) -> Dialler {
        Dialler::new(Route { own: vec![self.address], ..Route::default() }, self.limits.connect)
    }

    async fn run(
        self,
        engine: &Arc<Engine>,
        reverse: Option<Reverse>,
        neighbours: BTreeSet<String>,
        dialler: Dialler,
    ) -> Ended {
        let authority_at = self.authority.path().display().to_string();
        let door = Door::new(intercept::Options {
            engine: Arc::clone(engine),
            authority: self.authority,
            reverse,
            neighbours,
            others: self.others,
            dialler,
            limits: self.limits,
        });
        say(&format!("listening on http://{} (clients trust {authority_at}); Ctrl-C ends it", self.address));
        session::run(self.listener, door, engine, self.signals).await
    }
}

/// Ends the journal, seals it, and tells how the recording went.
async fn finish(engine: &Engine, cassette: &CassettePath, ended: Ended) -> Result<Code, Failure> {
    let journal = cassette.journal();
    let Some(recorder) = engine.recorder() else {
        return Ok(Code::Clean);
    };
    let closed = recorder.close().await;
    if let Some(error) = engine.failure().or_else(|| closed.as_ref().err()) {
        let hint = format!("`tapdeck cassette fsck {}` seals what is in it", journal.display());
        return Err(Failure::runtime(error.to_string()).hint(hint));
    }
    if ended == Ended::Aborted {
        say(&format!("cut off; the journal stays: `tapdeck cassette fsck {}` seals it", journal.display()));
        return Ok(Code::Runtime);
    }
    let polish = |record: &Record| recorder.polished(engine.redactor(), record);
    let Some(verdict) = seal_journal(&journal, cassette.sealed(), &polish)? else {
        say("no call arrived, so nothing was sealed; is the client's proxy set, and does it trust the certificate?");
        return Ok(Code::Clean);
    };
    say(&format!("{}; {}", verdict.summary, found(engine)));
    for problem in verdict.unfaithful.iter().take(MOST_SHOWN) {
        say(&format!("  exchange {} (line {}) does not replay: {}", problem.exchange, problem.line, problem.what));
    }
    let code = if verdict.unfaithful.is_empty() { Code::Clean } else { Code::Findings };
    Ok(if recorder.secrets() > 0 { Code::Secret } else { code })
}

/// What sealing a journal came to.
pub(super) struct Sealed {
    /// One line for people.
    pub(super) summary: String,
    /// What does not replay.
    pub(super) unfaithful: Vec<replay::Unfaithful>,
}

/// Seals a journal into a file once it is known to read back whole, removes the journal, and plays the file to itself.
/// `polish` replaces records written before something in them became known. `None` when the journal holds no exchange;
/// then it is only removed.
pub(super) fn seal_journal(
    journal: &Path,
    sealed: &Path,
    polish: &dyn Fn(&Record) -> Option<Record>,
) -> Result<Option<Sealed>, Failure> {
    let mut recording = Cassette::read(journal).map_err(|error| unreadable(&error))?;
    for entry in &mut recording.entries {
        if let Some(polished) = polish(&entry.record) {
            entry.record = polished;
        }
    }
    if recording.exchanges().next().is_none() {
        let _ = std::fs::remove_file(journal);
        return Ok(None);
    }
    let unsealed = |error: &dyn std::fmt::Display| {
        let hint = format!("the journal {} is kept", journal.display());
        Failure::runtime(format!("cannot seal {}: {error}", sealed.display())).hint(hint)
    };
    let bytes = seal::seal(&recording).map_err(|error| unsealed(&error))?;
    let cassette = Cassette::parse(sealed, &bytes).map_err(|error| unsealed(&error))?;
    if cassette.seal != Seal::Sealed || cassette.exchanges().count() != recording.exchanges().count() {
        return Err(unsealed(&"it would not read back as recorded"));
    }
    seal::write_sealed(sealed, &bytes).map_err(|error| unsealed(&error))?;
    // A torn last line was answered to nobody; a damaged one may hold what somebody still wants.
    let damaged = recording.notes.iter().filter(|note| matches!(note.what, Notice::Lost(_))).count();
    if damaged == 0 {
        std::fs::remove_file(journal).map_err(|error| unsealed(&error))?;
    }
    let unfaithful = replay::verify(&cassette);
    let summary = summary(&cassette, damaged, unfaithful.len());
    let summary = format!("sealed {} ({} bytes): {summary}", sealed.display(), bytes.len());
    Ok(Some(Sealed { summary, unfaithful }))
}

/// What a sealed recording holds, in one line.
fn summary(cassette: &Cassette, lost: usize, unfaithful: usize) -> String {
    let unserved = cassette.exchanges().filter(|record| record.outcome != Outcome::Answered).count();
    let mut parts = vec![
        format!("{} in {}", many(cassette.exchanges().count(), "exchange"), many(cassette.lanes.len(), "lane")),
        match unfaithful {
            0 => "this recording replays".to_owned(),
            count => format!("{} not replay", many_do(count, "exchange")),
        },
    ];
    let (messages, sockets) = cassette.messages();
    if messages > 0 {
        parts.insert(1, format!("{} on {}", many(messages, "message"), many(sockets, "socket")));
    }
    if unserved > 0 {
        parts.push(format!("{} answered by tapdeck, not the service", many(unserved, "exchange")));
    }
    if lost > 0 {
        parts.push(format!("{} could not be read, so the journal is kept", many(lost, "line")));
    }
    parts.join("; ")
}

fn many(count: usize, name: &str) -> String {
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

fn many_do(count: usize, name: &str) -> String {
    format!("{} {}", many(count, name), if count == 1 { "does" } else { "do" })
}

impl ReplayOptions {
    /// The lanes that clients play, by the names of those there are.
    fn live(&self, lanes: &[String]) -> Result<Live, Failure> {
        let named: BTreeSet<String> = match self.live.as_str() {
            "one" => return Ok(Live::One),
            "all" => return Ok(Live::All),
            names => names.split(',').map(str::to_owned).collect(),
        };
        match named.iter().find(|name| !lanes.contains(name)) {
            None => Ok(Live::Only(named)),
            Some(unknown) => Err(Failure::usage(format!("{unknown} is no player of this cassette"))
                .hint(format!("they are {}; or give `one` or `all`", lanes.join(", ")))),
        }
    }
}

/// Says what state a cassette is in before it is played.
fn trust(cassette: &Cassette, options: &ReplayOptions) -> Result<(), Failure> {
    for note in &cassette.notes {
        say(&format!("note: {note}"));
    }
    match cassette.seal {
        Seal::Sealed => Ok(()),
        _ if options.require_seal => {
            let hint = "`tapdeck cassette fmt` seals an edited cassette, `tapdeck cassette fsck` a journal";
            Err(Failure::input(format!("{} is {}", options.cassette.display(), cassette.seal)).hint(hint))
        }
        seal => {
            say(&format!("warning: {} is {seal}", options.cassette.display()));
            Ok(())
        }
    }
}

fn found(engine: &Engine) -> String {
    let tallied = engine.watch().tallied();
    format!(
        "{} from {}: {}, {}, {}",
        many(tallied.calls, "call"),
        many(engine.watch().lanes(), "client"),
        many(tallied.errors, "error"),
        many(tallied.warnings, "warning"),
        many(tallied.infos, "note")
    )
}

/// A journal left behind with no exchange in it is in nobody's way.
fn remove_if_empty(journal: &Path) {
    let is_empty = match Cassette::read(journal) {
        Ok(cassette) => cassette.exchanges().next().is_none() && cassette.lost() == 0,
        Err(error) => matches!(error, CassetteError::Empty { .. }),
    };
    if is_empty {
        // If it cannot be removed, starting the new one says why.
        let _ = std::fs::remove_file(journal);
    }
}

/// A journal that cannot be started.
fn unopened(error: &JournalError) -> Failure {
    let hint = match error {
        JournalError::Exists { path } => format!("`tapdeck cassette fsck {}` seals what is in it", path.display()),
        _ => "choose another place".to_owned(),
    };
    Failure::runtime(error.to_string()).hint(hint)
}

/// A cassette that cannot be read.
pub(super) fn unreadable(error: &CassetteError) -> Failure {
    Failure::input(error.to_string()).hint(error.hint())
}

const MOST_SHOWN: usize = 10;

pub(super) const RECORD_EXAMPLES: &str = "\
Examples:
  tapdeck record lobby.cassette.json
      record whatever clients with the proxy 127.0.0.1:8888 say to MPSD
  tapdeck record --upstream emulator lobby.cassette.json
      record against the embedded emulator, with no Xbox Live
  tapdeck record --upstream https://mpsd.test:8443 --upstream-ca roots.pem lobby.cassette.json
      stand in front of one service: clients call http://127.0.0.1:8888

The first Ctrl-C drains and seals, the second aborts and keeps the journal.";
pub(super) const REPLAY_EXAMPLES: &str = "\
Examples:
  tapdeck replay lobby.cassette.json
  tapdeck replay --listen 127.0.0.1:0 --require-seal lobby.cassette.json

Every answer says how it came about in `tapdeck-outcome`: hit, bound, repeat or miss.
Exit code 1 when anything was missed.";
pub(super) const WATCH_EXAMPLES: &str = "\
Examples:
  tapdeck watch                                        check calls on their way to the hosts they name
  tapdeck watch --enforce --log-format json            answer violations here; findings as JSON lines";
pub(super) const EMULATE_EXAMPLES: &str = "\
Examples:
  tapdeck emulate --clock wall                      a service to develop against: timers run
  tapdeck emulate --seed 7 --user '1234:xuid=2814000000000001&gtg=Host&did=console'
      the clock stands until `curl -d '{\"by\":\"30s\"}' http://127.0.0.1:8889/v1/clock:advance`
  tapdeck emulate --policies > tapdeck.toml         every choice the documents leave open, to change

A token is `XBL3.0 x=HASH;…`. Who that is comes from --user, from --people, from the token itself when it is of the
form `XBL3.0 x=HASH;xuid=…&gtg=…&did=…&tid=…&prv=…&kind=user|server|expired`, or from the first request that says so.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cassette::line::MAX_LINE;
    use crate::cassette::{Circumstances, HttpRecord, LineBody, WireBytes};
    use crate::exchange::{Answer, Protocol};
    use crate::message::{Body, Headers, Request, Response};
    use crate::slot::alias::AliasClass;

    #[test]
    fn a_cassette_cannot_ask_for_sign_in_to_be_looked_into() {
        let text = String::from_utf8(include_bytes!("../../cassettes/invite.cassette.json").to_vec()).unwrap();
        let hosts = |host: &str| {
            let text = text.replace("sessiondirectory.xboxlive.com", host);
            neighbours_in(&Cassette::parse(Path::new("a.cassette.json"), text.as_bytes()).unwrap())
        };
        assert_eq!(hosts("social.xboxlive.com"), BTreeSet::from(["social.xboxlive.com".to_owned()]));
        assert!(hosts("user.auth.xboxlive.com").is_empty() && hosts("sessiondirectory.xboxlive.com").is_empty());
    }

    /// A journal of one exchange that just fits its line; canonical aliases are longer than the ones it has.
    fn unsealable() -> Vec<u8> {
        let about = Circumstances {
            lane: "lane-1".into(),
            op: "session.put".into(),
            asked: 1,
            protocol: Protocol::H1,
            timing: None,
            request_wire: WireBytes::Keep,
            response_wire: WireBytes::Keep,
        };
        let body = "P1 ".repeat(400) + &"x".repeat(MAX_LINE - 2000);
        let request =
            Request { method: "PUT".into(), target: "/".into(), body: Body::plain(body), ..Request::default() };
        let answer = Answer::answered(Response::new(204, Headers::new(), ""));
        let mut journal = Vec::new();
        LineBody::head().write(None, &mut journal);
        LineBody::alias(AliasClass::Gamertag, "P1").write(None, &mut journal);
        LineBody::http(&HttpRecord::new(about, &request, &answer)).write(Some(2), &mut journal);
        journal
    }

    #[test]
    fn what_cannot_be_read_back_replaces_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (journal, sealed) = (directory.path().join("a.cassette.jsonl"), directory.path().join("a.cassette.json"));
        std::fs::write(&journal, unsealable()).unwrap();
        std::fs::write(&sealed, "the last good recording").unwrap();
        let Err(failure) = seal_journal(&journal, &sealed, &|_| None) else { panic!("it cannot be read back") };
        assert!(failure.to_string().contains("more than a line can have"), "{failure}");
        assert_eq!(std::fs::read(&sealed).unwrap(), b"the last good recording");
        assert!(journal.exists());
    }
}
