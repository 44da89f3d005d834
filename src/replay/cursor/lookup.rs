//! The choice of the take that answers a call.

use super::Cursor;
use crate::message::{Headers, Response};
use crate::mpsd::Op;
use crate::replay::bind::Bindings;
use crate::replay::compare::{Asked, Extent, compare};
use crate::replay::edges::{Around, is_newer, is_older};
use crate::replay::miss::{Before, Miss, Near, Reason};
use crate::replay::tape::{Recorded, Take, Tape, plain_tag};
use crate::replay::{Options, Played};

/// A call's answer from one lane, and what it means for the lane.
#[derive(Clone, Debug)]
pub(in crate::replay) struct Step {
    pub(in crate::replay) response: Response,
    pub(in crate::replay) played: Played,
    pub(in crate::replay) bindings: Bindings,
    /// The reads that were passed over for it.
    pub(super) passed: Vec<usize>,
}

/// Why a lane has no answer.
#[derive(Clone, Debug)]
pub(in crate::replay) enum Stop {
    /// Not yet. If what must come first does not come: the answer a read gets then, or the miss it is.
    Early(Box<Miss>, Option<Box<Step>>),
    /// It never will.
    Miss(Box<Miss>),
}

impl Stop {
    /// What a read that is too early gets when nobody waits any more.
    pub(in crate::replay) fn instead(self) -> Result<Step, Self> {
        match self {
            Self::Early(_, Some(step)) => Ok(*step),
            other => Err(other),
        }
    }
}

/// Whether a call that is too early waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::replay) enum Patience {
    Waits,
    Over,
}

/// One call being looked up in one lane.
pub(in crate::replay) struct Lookup<'a> {
    pub(in crate::replay) tape: &'a Tape,
    /// The shelf of the lane's takes that are such a call.
    pub(in crate::replay) alike: Option<usize>,
    pub(in crate::replay) options: &'a Options,
    pub(in crate::replay) asked: Asked<'a>,
    pub(in crate::replay) around: &'a Around<'a>,
}

impl Lookup<'_> {
    /// The lane's answer to the call, or why it has none.
    pub(in crate::replay) fn step(&self, cursor: &Cursor, bindings: &Bindings) -> Result<Step, Stop> {
        let Some((at, bindings)) = self.next(cursor, bindings) else {
            return self.repeat(cursor, bindings);
        };
        if let Some(before) = self.around.missing(at) {
            return Err(self.early(cursor, at, before, bindings));
        }
        match self.fresher(cursor, at, &bindings) {
            Some((fresher, bindings, passed)) => Ok(Step { passed, ..self.play(fresher, bindings)? }),
            None => self.play(at, bindings),
        }
    }

    /// The next unplayed take that is this call, with the bindings it makes. Of several that were made at the same time
    /// any will do: the one it is known to be, or else the first that need not wait.
    fn next(&self, cursor: &Cursor, bindings: &Bindings) -> Option<(usize, Bindings)> {
        let fits = |at: usize| Some((at, self.matches(at, Extent::Whole, bindings)?));
        let fresh = self.unplayed(cursor).filter(|at| !self.is_ahead(cursor, *at) && !self.is_stale(cursor, *at));
        let mut fitting = fresh.filter_map(fits);
        let first = fitting.next()?;
        let is_it = |at: usize| match self.asked.known {
            Some(known) => at == known,
            None => self.around.missing(at).is_none(),
        };
        if is_it(first.0) {
            return Some(first);
        }
        let ended = self.take(first.0).recorded.answered;
        let mut alike = fitting.take_while(|(at, _)| self.take(*at).recorded.asked < ended);
        alike.find(|(at, _)| is_it(*at)).or(Some(first))
    }

    /// What another player did before a call was not done yet. If it is not done in time, a read gets the newest state
    /// there is.
    fn early(&self, cursor: &Cursor, at: usize, before: usize, bindings: Bindings) -> Stop {
        let twin = || cursor.order.iter().rev().copied().find(|twin| self.is_twin(*twin, &bindings));
        let newest = || self.newest_shown(cursor, at).or_else(twin);
        let source = if self.take(at).is_read() { newest() } else { None };
        let miss = Box::new(self.too_early(at, before));
        match source.map(|source| self.again(cursor, at, source, bindings)) {
            Some(Ok(step)) => Stop::Early(miss, Some(Box::new(step))),
            Some(Err(stop)) => stop,
            None => Stop::Early(miss, None),
        }
    }

    /// A later read of a session, for a client that was told of a newer version than the next one shows: it has left
    /// reads out. What it does in between stays where it is.
    fn fresher(&self, cursor: &Cursor, at: usize, bindings: &Bindings) -> Option<(usize, Bindings, Vec<usize>)> {
        let take = self.take(at);
        let told = self.around.told(take.lane, take.session.as_ref()?)?;
        let is_old = |at: usize| {
            let take = self.take(at);
            is_older(take.version.as_ref(), &told.version) && take.recorded.answered <= told.at
        };
        if !take.is_read() || !is_old(at) || self.asked.known.is_some() {
            return None;
        }
        let mut passed = vec![at];
        for later in self.unplayed(cursor).filter(|later| self.take(*later).session == take.session && *later != at) {
            let is_open = !self.is_ahead(cursor, later) && self.around.missing(later).is_none();
            let is_next = is_open && !self.has_write_between(cursor, at, later);
            let bindings = self.matches(later, Extent::Whole, bindings).filter(|_| is_next)?;
            if !is_old(later) {
                return Some((later, bindings, passed));
            }
            passed.push(later);
        }
        None
    }

    /// True when a lane has something else to do with a document between two reads of it.
    fn has_write_between(&self, cursor: &Cursor, first: usize, last: usize) -> bool {
        let (from, to) = (self.take(first).recorded.asked, self.take(last).recorded.asked);
        let lane = self.take(first).lane;
        let between = self.tape.takes().iter().enumerate().filter(|(_, take)| take.lane == lane && !take.is_read());
        let mut between = between.filter(|(_, take)| take.session == self.take(first).session);
        between.any(|(at, take)| (from..to).contains(&take.recorded.asked) && !cursor.is_past(at))
    }

    /// A read again, or an idempotent write right after its twin.
    fn repeat(&self, cursor: &Cursor, bindings: &Bindings) -> Result<Step, Stop> {
        let mut past = cursor.order.iter().rev().copied();
        let Some((twin, bindings)) = past.find_map(|at| {
            let similar = self.is_similar(at);
            similar.then(|| self.matches(at, self.extent_again(at), bindings)).flatten().map(|bindings| (at, bindings))
        }) else {
            return self.read_ahead(cursor, bindings);
        };
        if self.take(twin).is_read() {
            let newest = self.newest_shown(cursor, twin).filter(|_| self.take(twin).tells_state());
            return self.again(cursor, twin, newest.unwrap_or(twin), bindings);
        }
        if self.may_write_again(cursor, twin) {
            return self.again(cursor, twin, twin, bindings);
        }
        let miss = self.miss(Reason::Exhausted, cursor, &bindings);
        let miss = if miss.nearest.is_empty() { self.miss_of(Reason::Exhausted, twin) } else { miss };
        Err(Stop::Miss(Box::new(miss)))
    }

    fn is_twin(&self, at: usize, bindings: &Bindings) -> bool {
        self.is_similar(at) && self.matches(at, self.extent_again(at), bindings).is_some()
    }

    /// A read may be of any version, but "not modified" is said of the one that was asked about.
    fn extent_again(&self, at: usize) -> Extent {
        let take = self.take(at);
        let is_free = take.is_read() && take.recorded.response.status != 304;
        if is_free { Extent::WithoutPreconditions } else { Extent::Whole }
    }

    /// A write is given its answer again while nothing was written since and the answer would still be the same: a
    /// condition on a version that the write itself replaced would fail now, and what was refused may be accepted
    /// once a read has shown what others did.
    fn may_write_again(&self, cursor: &Cursor, twin: usize) -> bool {
        let take = self.take(twin);
        let tells = |other: &Take| !other.is_read() || (!take.changes_state() && other.shows_version());
        take.may_come_twice() && (!take.tells_state() || self.newest(cursor, twin, tells) == Some(twin))
    }

    /// A read that is recorded only later: it gets the newest version there is to show.
    fn read_ahead(&self, cursor: &Cursor, bindings: &Bindings) -> Result<Step, Stop> {
        let later = self.similar().filter(|at| self.take(*at).is_read());
        let found = later.filter_map(|at| Some((at, self.matches(at, Extent::WithoutPreconditions, bindings)?))).next();
        let source = found.and_then(|(at, bindings)| Some((at, self.newest_shown(cursor, at)?, bindings)));
        match source {
            Some((at, source, bindings)) => self.again(cursor, at, source, bindings),
            None => Err(self.stop(cursor, bindings)),
        }
    }

    /// Why there is neither a take nor an answer already given.
    fn stop(&self, cursor: &Cursor, bindings: &Bindings) -> Stop {
        let recorded = self.unplayed(cursor).find(|at| self.matches(*at, Extent::Whole, bindings).is_some());
        let first = recorded.filter(|at| self.is_ahead(cursor, *at)).and_then(|at| self.next_write(cursor, at));
        match (recorded, first) {
            (Some(at), Some(before)) => Stop::Miss(Box::new(self.too_early(at, before))),
            (Some(_), None) => Stop::Miss(Box::new(self.miss(Reason::TooLate, cursor, bindings))),
            (None, _) if self.similar().next().is_some() => {
                Stop::Miss(Box::new(self.miss(Reason::Different, cursor, bindings)))
            }
            (None, _) => Stop::Miss(Box::new(self.miss(Reason::NoSuchCall, cursor, bindings))),
        }
    }

    fn again(&self, cursor: &Cursor, asked: usize, source: usize, bindings: Bindings) -> Result<Step, Stop> {
        if cursor.repeats.get(&source).is_some_and(|count| *count >= self.options.repeat) {
            return Err(Stop::Miss(Box::new(self.miss_of(Reason::RepeatedTooOften, asked))));
        }
        Ok(self.play_again(asked, source, bindings))
    }

    fn play(&self, at: usize, mut bindings: Bindings) -> Result<Step, Stop> {
        let take = self.take(at);
        if let Some(withheld) = &take.recorded.response_withheld {
            let unkept = Some(withheld.reason.clone());
            return Err(Stop::Miss(Box::new(Miss { unkept, ..self.miss_of(Reason::NotReplayable, at) })));
        }
        let (response, bound) = bindings.render_response(&take.recorded.response, &take.slots);
        let played = if bound { Played::Bound(at + 1) } else { Played::Hit(at + 1) };
        Ok(Step { response, played, bindings, passed: Vec::new() })
    }

    fn play_again(&self, asked: usize, source: usize, mut bindings: Bindings) -> Step {
        let take = self.take(source);
        let (mut response, _) = bindings.render_response(&take.recorded.response, &take.slots);
        if self.take(asked).is_read() && take.shows_version() && response.status != 204 {
            response.status = 200;
            response = self.unless_unchanged(response);
        }
        Step { response, played: Played::Repeat(source + 1), bindings, passed: Vec::new() }
    }

    /// A conditional read of the version the client already has is a 304.
    fn unless_unchanged(&self, response: Response) -> Response {
        let tag = response.headers.text("etag").map(plain_tag);
        let has = self.asked.call.request.headers.text("if-none-match").map(plain_tag);
        if tag.is_none() || tag != has {
            return response;
        }
        let kept = ["etag", "date", "cache-control", "content-location"];
        let mut headers: Headers = response.headers.clone();
        headers.retain(|header| kept.contains(&header.name.as_str()));
        Response::new(304, headers, "")
    }

    /// True when the take tells of a state after a write that this lane has not made yet.
    fn is_ahead(&self, cursor: &Cursor, at: usize) -> bool {
        let take = self.take(at);
        take.tells_state() && self.next_write(cursor, at).is_some_and(|write| self.take(write).precedes(take))
    }

    /// The lane's next write of the document a take is about.
    fn next_write(&self, cursor: &Cursor, at: usize) -> Option<usize> {
        self.take(at).document.and_then(|document| cursor.unplayed(self.tape, document).next())
    }

    /// True when the take tells of a state that a write of this lane has since replaced.
    fn is_stale(&self, cursor: &Cursor, at: usize) -> bool {
        let take = self.take(at);
        let last_write = take.document.and_then(|document| cursor.last_write.get(&document));
        !take.changes_state() && take.tells_state() && last_write.is_some_and(|asked| take.recorded.answered < *asked)
    }

    /// The take played last about the same document, or of the same call, that a predicate accepts.
    fn newest(&self, cursor: &Cursor, like: usize, accept: impl Fn(&Take) -> bool) -> Option<usize> {
        let told = match self.take(like).document {
            Some(document) => cursor.of_document.get(&document).map(Vec::as_slice).unwrap_or_default(),
            None if cursor.played.contains(&like) => &[like],
            None => &[],
        };
        told.iter().rev().copied().find(|at| accept(self.take(*at)))
    }

    /// The newest state of a document that may be shown to a lane: what it was shown itself, or else what a write of
    /// another player's made, which all who may read a session see alike.
    fn newest_shown(&self, cursor: &Cursor, like: usize) -> Option<usize> {
        let own = self.newest(cursor, like, Take::shows_version);
        let others = self.take(like).session.as_ref().and_then(|session| self.around.newest(session));
        let others = others.filter(|at| self.is_for_everybody(*at, like));
        match (own, others) {
            (Some(own), Some(other)) => Some(if is_newer(self.take(other), self.take(own)) { other } else { own }),
            (own, others) => own.or(others),
        }
    }

    /// True when what another player was shown is what the client of a read would be: the same contract, and no large
    /// session, of which each member sees its own part.
    fn is_for_everybody(&self, at: usize, like: usize) -> bool {
        let version = |take: &Take| take.recorded.request.headers.text("x-xbl-contract-version").map(str::to_owned);
        let (take, like) = (self.take(at), self.take(like));
        let is_whole = like.recorded.response.status == 200 && like.op().is_some_and(Op::answers_session);
        is_whole && take.is_for_everybody && version(take) == version(like)
    }

    fn matches(&self, at: usize, extent: Extent, bindings: &Bindings) -> Option<Bindings> {
        let mut bindings = bindings.clone();
        compare(self.tape, self.take(at), self.asked, extent, &mut bindings).is_empty().then_some(bindings)
    }

    /// A call that comes before what it must come after.
    fn too_early(&self, at: usize, before: usize) -> Miss {
        let first = &self.take(before).recorded;
        let after = Before {
            exchange: before + 1,
            line: first.line,
            lane: first.lane.clone(),
            call: format!("{} {}", first.request.method, first.request.target),
        };
        Miss { after: Some(Box::new(after)), ..self.miss_of(Reason::TooEarly, at) }
    }

    /// A miss of a call that is recorded.
    fn miss_of(&self, reason: Reason, at: usize) -> Miss {
        let Recorded { line, lane, .. } = &self.take(at).recorded;
        let near = Near { exchange: at + 1, line: *line, lane: lane.clone(), differences: Vec::new() };
        Miss { nearest: vec![near], ..Miss::plain(reason, self.asked.shown) }
    }

    /// Unplayed takes of the same operation, the one with the fewest differences first.
    fn miss(&self, reason: Reason, cursor: &Cursor, bindings: &Bindings) -> Miss {
        let mut nearest: Vec<Near> =
            self.unplayed(cursor).take(MOST_COMPARED).map(|at| self.near(at, bindings)).collect();
        if nearest.is_empty() && reason == Reason::Different {
            nearest = self.similar().take(MOST_COMPARED).map(|at| self.near(at, bindings)).collect();
        }
        nearest.sort_by_key(|near| (near.distance(), near.exchange));
        nearest.truncate(MOST_NEAR);
        Miss { nearest, ..Miss::plain(reason, self.asked.shown) }
    }

    fn near(&self, at: usize, bindings: &Bindings) -> Near {
        let take = self.take(at);
        let differences = compare(self.tape, take, self.asked, Extent::Whole, &mut bindings.clone());
        Near { exchange: at + 1, line: take.recorded.line, lane: take.recorded.lane.clone(), differences }
    }

    /// This lane's takes of the call's operation, in order.
    fn similar(&self) -> impl Iterator<Item = usize> {
        let shelf = self.alike.map(|shelf| self.tape.shelf(shelf)).unwrap_or_default();
        shelf.iter().copied().filter(|at| self.is_same_service(*at))
    }

    /// Those that are not played yet.
    fn unplayed<'c>(&'c self, cursor: &'c Cursor) -> impl Iterator<Item = usize> + 'c {
        let unplayed = self.alike.map(|shelf| cursor.unplayed(self.tape, shelf));
        unplayed.into_iter().flatten().filter(|at| self.is_same_service(*at))
    }

    fn is_similar(&self, at: usize) -> bool {
        Some(self.take(at).alike) == self.alike && self.is_same_service(at)
    }

    fn is_same_service(&self, at: usize) -> bool {
        self.take(at).is_for(self.asked.call)
    }

    fn take(&self, at: usize) -> &Take {
        &self.tape.takes()[at]
    }
}

/// How many takes a miss is compared to.
const MOST_COMPARED: usize = 50;
/// How many it names.
const MOST_NEAR: usize = 3;
