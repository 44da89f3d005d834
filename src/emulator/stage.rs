//! Member initialization: episodes of joining, measuring and evaluating (mpsd-behaviour §1.11).
//!
//! A stage ends when everybody in it is done, at the write that does it, or when its time is up, at the next look.

mod measure;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::merge::Stage;
use super::refusal::Refusal;
use super::session::{Member, Presence, Session};
use crate::clock::after;

pub(super) use measure::measures;

/// An episode under way, or the first one after it failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Episode {
    /// What it is at.
    pub(super) phase: Phase,
    /// Since when.
    pub(super) since: Timestamp,
    /// Counts from 1.
    pub(super) number: u32,
}

/// What an episode is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    /// Waits for its members to come.
    Joining,
    /// Waits for their measurements.
    Measuring,
    /// Waits for a client to say whether it succeeded.
    Evaluating,
    /// Over for good; only the first episode stays like this.
    Failed,
}

impl Phase {
    /// The word on the wire.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Measuring => "measuring",
            Self::Evaluating => "evaluating",
            Self::Failed => "failed",
        }
    }
}

/// What initialization has made of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Qos {
    /// It never asked to take part.
    Apart,
    /// It takes part in the episode of that number, or waits for it.
    In(u32),
    /// It is through.
    Passed,
    /// It is not.
    Failed(Cause),
}

impl Qos {
    /// The episode it is in.
    pub(super) fn episode(self) -> Option<u32> {
        match self {
            Self::In(number) => Some(number),
            _ => None,
        }
    }
}

/// Why a member failed, by precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Cause {
    Timeout,
    Latency,
    BandwidthDown,
    BandwidthUp,
    Network,
    Group,
    Episode,
}

impl Cause {
    /// The word on the wire.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Latency => "latency",
            Self::BandwidthDown => "bandwidthdown",
            Self::BandwidthUp => "bandwidthup",
            Self::Network => "network",
            Self::Group => "group",
            Self::Episode => "episode",
        }
    }
}

/// `memberInitialization` with its defaults.
struct Rules {
    join: u64,
    measurement: u64,
    evaluation: u64,
    needed: u64,
    is_external: bool,
}

impl Rules {
    fn of(session: &Session) -> Option<Self> {
        session.constants.system.raw("memberInitialization")?;
        let set = session.constants.system.inner("memberInitialization");
        let number =
            |name: &str, old: u64, new: u64| set.number(name).unwrap_or(if session.old_defaults { old } else { new });
        Some(Self {
            join: number("joinTimeout", 5_000, 10_000),
            measurement: number("measurementTimeout", 5_000, 30_000),
            evaluation: number("evaluationTimeout", 5_000, 5_000),
            needed: number("membersNeededToStart", 2, 1),
            is_external: set.flag("externalEvaluation"),
        })
    }
}

/// Gives members that ask for it the number of the next episode. A new session must have as many as it needs.
pub(super) fn enroll(draft: &mut Session, stage: Stage) -> Result<(), Refusal> {
    let Some(rules) = Rules::of(draft) else {
        return Ok(());
    };
    if draft.episode.as_ref().is_some_and(|episode| episode.phase == Phase::Failed) {
        return Ok(());
    }
    let number = draft.episodes + 1;
    let asks = |member: &&mut Member| member.qos == Qos::Apart && member.constants.system.flag("initialize");
    for member in draft.members.values_mut().filter(asks) {
        member.qos = Qos::In(number);
    }
    if stage == Stage::Stored || draft.members.is_empty() {
        return Ok(());
    }
    let enrolled = taking_part(draft, number).len() as u64;
    if enrolled < rules.needed {
        let needed = rules.needed;
        let reason = format!("The session is configured to start with at least {needed} members to initialize.");
        return Err(Refusal::Invalid(reason));
    }
    if enrolled == 0 {
        draft.episodes = number;
    }
    Ok(())
}

/// Goes on as far as the members allow. `verdict` is what a client says of an episode that waits for one.
pub(super) fn progress(draft: &mut Session, now: Timestamp, mut verdict: Option<bool>) {
    let Some(rules) = Rules::of(draft) else {
        return;
    };
    loop {
        let Some(Episode { phase, number, .. }) = draft.episode.clone() else {
            match draft.members.values().filter_map(|member| member.qos.episode()).min() {
                Some(number) => begin(draft, number, now),
                None => return,
            }
            continue;
        };
        let all = |draft: &Session, is_done: &dyn Fn(u32) -> bool| taking_part(draft, number).into_iter().all(is_done);
        match phase {
            Phase::Joining if all(draft, &|index| has_joined(draft, index)) => end_joining(draft, &rules, number, now),
            Phase::Measuring if all(draft, &|index| measure::is_done(draft, index)) => {
                end_measuring(draft, &rules, number, now);
            }
            Phase::Evaluating => match verdict.take() {
                Some(true) => succeed(draft, number),
                Some(false) => fail(draft, number, now),
                None => return,
            },
            _ => return,
        }
    }
}

/// Ends the stage whose time is up.
pub(super) fn expire(draft: &mut Session, now: Timestamp) {
    let (Some(rules), Some(episode)) = (Rules::of(draft), draft.episode.clone()) else {
        return;
    };
    if deadline(draft).is_none_or(|at| at > now) {
        return;
    }
    let number = episode.number;
    match episode.phase {
        Phase::Joining => {
            draft.members.retain(|_, member| {
                member.qos.episode() != Some(number) || matches!(member.state, Presence::Accepted(_))
            });
            end_joining(draft, &rules, number, now);
        }
        Phase::Measuring => end_measuring(draft, &rules, number, now),
        Phase::Evaluating => fail(draft, number, now),
        Phase::Failed => {}
    }
}

/// When the stage's time is up.
pub(super) fn deadline(session: &Session) -> Option<Timestamp> {
    let episode = session.episode.as_ref()?;
    let rules = Rules::of(session)?;
    let timeout = match episode.phase {
        Phase::Joining => rules.join,
        Phase::Measuring => rules.measurement,
        Phase::Evaluating => rules.evaluation,
        Phase::Failed => return None,
    };
    Some(after(episode.since, timeout))
}

/// The members of an episode that have not failed.
fn taking_part(session: &Session, number: u32) -> Vec<u32> {
    let is_in = |member: &Member| member.qos == Qos::In(number);
    session.members.iter().filter(|(_, member)| is_in(member)).map(|(index, _)| *index).collect()
}

fn has_joined(session: &Session, index: u32) -> bool {
    session.members.get(&index).is_some_and(|member| member.state != Presence::Reserved)
}

fn begin(draft: &mut Session, number: u32, now: Timestamp) {
    draft.episodes = number;
    enter(draft, Phase::Joining, number, now);
}

fn enter(draft: &mut Session, phase: Phase, number: u32, now: Timestamp) {
    draft.episode = Some(Episode { phase, since: now, number });
}

fn end_joining(draft: &mut Session, rules: &Rules, number: u32, now: Timestamp) {
    fail_groups(draft, number);
    if is_short(draft, rules, number) {
        return fail(draft, number, now);
    }
    enter(draft, Phase::Measuring, number, now);
}

fn end_measuring(draft: &mut Session, rules: &Rules, number: u32, now: Timestamp) {
    measure::judge(draft, number);
    fail_groups(draft, number);
    let is_left = !taking_part(draft, number).is_empty();
    if is_short(draft, rules, number) {
        fail(draft, number, now);
    } else if rules.is_external && is_left {
        enter(draft, Phase::Evaluating, number, now);
    } else {
        succeed(draft, number);
    }
}

/// True when the first episode has lost more members than it may.
fn is_short(draft: &Session, rules: &Rules, number: u32) -> bool {
    number == 1 && (taking_part(draft, number).len() as u64) < rules.needed
}

/// A group stands or falls together: whoever names a member that is gone or has failed fails too.
fn fail_groups(draft: &mut Session, number: u32) {
    loop {
        let stands = |index: &u32| draft.members.get(index).is_some_and(|member| !matches!(member.qos, Qos::Failed(_)));
        let has_lost = |index: &u32| !draft.members.get(index).is_none_or(|member| group(member).iter().all(stands));
        let failing: Vec<u32> = taking_part(draft, number).into_iter().filter(has_lost).collect();
        if failing.is_empty() {
            return;
        }
        for index in failing {
            if let Some(member) = draft.members.get_mut(&index) {
                member.qos = Qos::Failed(Cause::Group);
            }
        }
    }
}

/// The members a member wants to play with; `group` is its older name.
fn group(member: &Member) -> Vec<u32> {
    let system = &member.properties.system;
    [system.numbers("initializationGroup"), system.numbers("group")].concat()
}

fn succeed(draft: &mut Session, number: u32) {
    settle_members(draft, number, Qos::Passed);
    draft.episode = None;
}

/// The first episode's failure is the session's; a later one is its members' own.
fn fail(draft: &mut Session, number: u32, now: Timestamp) {
    settle_members(draft, number, Qos::Failed(Cause::Episode));
    match number {
        1 => enter(draft, Phase::Failed, number, now),
        _ => draft.episode = None,
    }
}

fn settle_members(draft: &mut Session, number: u32, outcome: Qos) {
    for member in draft.members.values_mut().filter(|member| member.qos == Qos::In(number)) {
        member.qos = outcome;
    }
}
