//! The whole way of a request, straight through: redact, check, answer, record, reply; then judge the answer.
//!
//! What is kept, logged and judged is the redacted call, so that live traffic, journal and cassette give the same
//! findings. What is sent on is the call as it came. The client's answer waits for its record and for nothing else.

mod elsewhere;
pub mod journal;
mod judging;
mod outcomes;
mod passing;
mod receipt;
mod recorder;
mod replaying;
mod sockets;
mod watch;

use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::contract::{self, Contract, Finding};
use crate::emulator::{Emulator, Reply, Ticket};
use crate::exchange::{Answer, Call, Crowd, LaneKey, Nonces, Outcome};
use crate::message::{Body, Request, Response};
use crate::redact::{Redacted, Redactor, Unkept};
use crate::replay::Player;
use crate::upstream::Upstream;

pub use elsewhere::{Elsewhere, Foreign, Passage};
use journal::JournalError;
use judging::{Case, Docket};
pub use outcomes::{Entry, MOST_ENTRIES, Outcomes, What};
pub use passing::{Passing, Piece, Said};
pub use receipt::{Binding, Exchanges, Fault, Found, Lane, Left, Receipt};
use recorder::Begun;
pub use recorder::Recorder;
use replaying::{OUTCOME, replayed};
use sockets::Sockets;
pub use sockets::{Behind, Local, Opened, Scribe, Unrecorded};
pub use watch::{Caller, LIMITS, Latest, Limit, Outage, Seen, Tallied, Watch};

/// What answers calls.
pub enum Source {
    /// The service itself, or whatever stands in for it.
    Upstream(Upstream),
    /// A cassette. It has no connector: nothing it does can reach the network.
    Replay(Player),
    /// The embedded emulator.
    Emulator(Emulator),
}

/// What happens to a request that breaks a rule of severity error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enforce {
    /// It is reported and goes its way.
    #[default]
    Report,
    /// It is answered as MPSD would, and goes nowhere.
    Reject,
}

/// Where a call belongs.
struct Place {
    lane: String,
    begun: Option<Begun>,
    /// Where it was asked, as it is judged.
    asked: u64,
}

/// Everything a call passes.
pub struct Engine {
    source: Source,
    redactor: Arc<Redactor>,
    contract: Arc<Contract>,
    watch: Arc<Watch>,
    docket: Docket,
    recorder: Option<Recorder>,
    enforce: Enforce,
    nonces: Nonces,
    crowd: Crowd,
    sockets: Sockets,
    outcomes: Outcomes,
    /// Told when a cassette has answered a call: one that was too early may be answered then.
    moved: Notify,
    failed: CancellationToken,
    /// Ends the sockets, but no call.
    retired: CancellationToken,
    /// Cancelled when nothing more will come: calls that are too early need not wait.
    hurried: CancellationToken,
    failure: OnceLock<JournalError>,
}

impl Engine {
    /// An engine; with a recorder, every exchange is recorded before it is answered. Needs a runtime.
    pub fn new(
        source: Source,
        redactor: Arc<Redactor>,
        contract: Arc<Contract>,
        recorder: Option<Recorder>,
        enforce: Enforce,
    ) -> Arc<Self> {
        let (watch, failed) = (Arc::new(Watch::default()), CancellationToken::new());
        Arc::new(Self {
            source,
            redactor,
            docket: Docket::open(Arc::clone(&contract), Arc::clone(&watch)),
            contract,
            watch,
            recorder,
            enforce,
            nonces: Nonces::default(),
            crowd: Crowd::default(),
            sockets: Sockets::default(),
            outcomes: Outcomes::default(),
            retired: failed.child_token(),
            hurried: failed.child_token(),
            failed,
            moved: Notify::new(),
            failure: OnceLock::new(),
        })
    }

    /// Answers a call. `None`: it could not be recorded, so the client must get nothing.
    ///
    /// Runs to its end on a task of its own, whatever the client does meanwhile.
    pub async fn answer(self: &Arc<Self>, call: Call) -> Option<Answer> {
        let call = self.attributed(call);
        let place = self.place(&call)?;
        let kept = self.redactor.call(&call);
        let found = self.contract.check_call(&kept.message);
        let (answer, caused) = match self.rejection(&found) {
            Some(rejection) => (rejection, Caused::Nothing),
            None => self.source(&place.lane, &call, &kept.message).await,
        };
        self.nonces.remember(&call, &answer);
        self.keep(place, &call, kept, found, &answer).await?;
        self.let_out(caused);
        if let Caused::Wait(due) = caused {
            sleep_until(due).await;
        }
        Some(self.as_recorded(answer))
    }

    /// An answer without our own word in it, where that is not wanted. The judge and the journal have it.
    fn as_recorded(&self, mut answer: Answer) -> Answer {
        if self.player().is_some_and(|player| !player.tells_outcome()) {
            answer.response.headers.remove(OUTCOME);
        }
        answer
    }

    /// Records a call that got no further than the door, with the answer it was given there. `None`: as for
    /// [`Self::answer`].
    ///
    /// `unread` says why the call has no body although one was sent; a recorded call of that kind is never replayed.
    pub async fn refuse(&self, call: Call, unread: Option<&'static str>, response: Response) -> Option<Answer> {
        let mut call = self.attributed(call);
        let place = self.place(&call)?;
        if unread.is_some() {
            call.request.body = Body::unknown();
        }
        let answer = Answer { outcome: Outcome::Refused, response };
        let withheld = unread.map(Unkept::unseen);
        let kept = Redacted { withheld, ..self.redactor.call(&call) };
        let recorded = self.record(&place, &kept, &self.redactor.answer(&call, &answer)).await;
        self.unless_failed(recorded)?;
        Some(answer)
    }

    /// Cancelled when recording became impossible.
    pub fn failed(&self) -> &CancellationToken {
        &self.failed
    }

    /// The error that made recording impossible, if one did.
    pub fn failure(&self) -> Option<&JournalError> {
        self.failure.get()
    }

    /// What was found so far.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Counts what became of a host that is not looked into.
    pub fn passed(&self, host: &str, passage: Passage) {
        self.watch.passed(&self.redactor.log_line(host), passage);
    }

    /// What was replayed so far, call by call.
    pub fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// An engine that plays the same cassette from its start, on the same terms; `None` when no cassette answers here, or
    /// what it plays is being recorded: a recording has one take.
    pub fn rewound(&self) -> Option<Arc<Self>> {
        if self.recorder.is_some() {
            return None;
        }
        let source = Source::Replay(self.player()?.rewound());
        Some(Self::new(source, Arc::clone(&self.redactor), Arc::clone(&self.contract), None, self.enforce))
    }

    /// Ends its sockets: another engine answers from now on. Calls that are under way are answered.
    pub fn retire(&self) {
        self.retired.cancel();
        self.hurry();
    }

    /// Lets no call wait any more for what other players do: nothing more will come.
    pub fn hurry(&self) {
        self.hurried.cancel();
    }

    /// Takes down a note: among the outcomes of a replay, in a recording, and in the log.
    ///
    /// # Errors
    /// The recording cannot be written any more.
    pub async fn mark(&self, note: &str) -> Result<(), JournalError> {
        let note = self.redactor.text(note);
        // A log that is off computes nothing.
        let number = self.watch.marked();
        tracing::info!(target: "tapdeck::mark", "mark {number}: {note}");
        self.outcomes.marked(&note);
        match &self.recorder {
            Some(recorder) => recorder.mark(&note).await,
            None => Ok(()),
        }
    }

    /// What keeps people out of records and logs.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// The player, when a cassette answers.
    pub fn player(&self) -> Option<&Player> {
        match &self.source {
            Source::Replay(player) => Some(player),
            _ => None,
        }
    }

    /// The emulator, when it answers.
    pub fn emulator(&self) -> Option<&Emulator> {
        match &self.source {
            Source::Emulator(emulator) => Some(emulator),
            _ => None,
        }
    }

    /// The recorder, when there is one.
    pub fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    /// Waits until every answer given so far has been judged; more may come.
    pub async fn caught_up(&self) {
        self.docket.caught_up().await;
    }

    /// Waits until every answer given has been judged.
    pub async fn settle(&self) {
        self.docket.close().await;
    }

    /// The call with whatever tells whose it is.
    fn attributed(&self, call: Call) -> Call {
        self.crowd.admitted(self.nonces.attributed(call))
    }

    /// Gives a call its lane and its place in the recording; `None` when nothing more is accepted.
    fn place(&self, call: &Call) -> Option<Place> {
        if self.failed.is_cancelled() {
            return None;
        }
        let begun = self.recorder.as_ref().map(Recorder::begin);
        Some(Place { lane: self.watch.lane(LaneKey::of(call), call.service), begun, asked: self.docket.position() })
    }

    /// The answer to a call that is not to be let through.
    fn rejection(&self, found: &[Finding]) -> Option<Answer> {
        let response = match self.enforce {
            Enforce::Reject => contract::rejection(found)?,
            Enforce::Report => return None,
        };
        Some(Answer { outcome: Outcome::Refused, response })
    }

    /// Records an exchange and has it judged; `None` when it could not be recorded.
    async fn keep(
        &self,
        place: Place,
        call: &Call,
        kept: Redacted<Call>,
        found: Vec<Finding>,
        answer: &Answer,
    ) -> Option<()> {
        let kept_answer = self.redactor.answer(call, answer);
        self.watch.tell(&place.lane, &kept, &kept_answer);
        let recorded = match self.record(&place, &kept, &kept_answer).await {
            Err(error @ JournalError::TooLarge { .. }) => {
                tracing::warn!(op = call.resolution.name(), %error, "an exchange is kept without its bodies");
                let (call, answer) = self.heads(call, answer, TOO_LARGE);
                self.record(&place, &call, &answer).await
            }
            recorded => recorded,
        };
        self.unless_failed(recorded)?;
        let Place { lane, asked, .. } = place;
        let (call, answer) = (Box::new(kept.message), Box::new(kept_answer.message));
        self.docket.put(Case::Exchange { lane, asked, answered: self.docket.position(), call, answer, found }).await;
        Some(())
    }

    async fn record(
        &self,
        place: &Place,
        call: &Redacted<Call>,
        answer: &Redacted<Answer>,
    ) -> Result<(), JournalError> {
        match (&self.recorder, place.begun) {
            (Some(recorder), Some(begun)) => recorder.record(&self.redactor, &place.lane, begun, call, answer).await,
            _ => Ok(()),
        }
    }

    /// An exchange without its bodies, and without the aliases only those show.
    fn heads(&self, call: &Call, answer: &Answer, reason: &'static str) -> (Redacted<Call>, Redacted<Answer>) {
        let withheld = |body: &Body| (!body.is_empty()).then(|| Unkept::of(reason, body.wire()));
        let left = |body: &Body| if body.is_empty() { Body::default() } else { Body::unknown() };
        let request = Request { body: left(&call.request.body), ..call.request.clone() };
        let response = Response { body: left(&answer.response.body), ..answer.response.clone() };
        let head = self.redactor.call(&Call { request, ..call.clone() });
        let answer_head = self.redactor.answer(call, &Answer { outcome: answer.outcome, response });
        (
            Redacted { withheld: withheld(&call.request.body), ..head },
            Redacted { withheld: withheld(&answer.response.body), ..answer_head },
        )
    }

    fn unless_failed(&self, recorded: Result<(), JournalError>) -> Option<()> {
        recorded.map_err(|error| self.fail(error)).ok()
    }

    /// Whoever runs the engine tells of the failure, once; calls that end with it are only its echo.
    fn fail(&self, error: JournalError) {
        tracing::debug!(%error, "recording failed; nothing more is accepted");
        // The first error is the cause.
        let _ = self.failure.set(error);
        self.failed.cancel();
    }

    async fn source(&self, client: &str, call: &Call, kept: &Call) -> (Answer, Caused) {
        match &self.source {
            Source::Upstream(upstream) => (upstream.send(call).await, Caused::Nothing),
            Source::Emulator(emulator) => {
                let Reply { outcome, response, ticket } = emulator.answer(call);
                (Answer { outcome, response }, Caused::Messages(ticket))
            }
            Source::Replay(player) => {
                let read = Instant::now();
                let (response, played) = self.play(player, call, kept).await;
                self.outcomes.answered(player, client, kept, &played);
                let due = read + player.due(&played);
                (replayed((response, played)), Caused::Wait(due))
            }
        }
    }
}

/// What an answer has caused besides, to be let out once it is on record.
#[derive(Clone, Copy, Debug)]
enum Caused {
    Nothing,
    /// What the emulator's ticket stands for.
    Messages(Ticket),
    /// The answer is not due before then.
    Wait(Instant),
}

const TOO_LARGE: &str = "the exchange is larger than a record can be";

#[cfg(test)]
mod tests;
