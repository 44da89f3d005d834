//! One lane's place in the tape, and the choice of the take that answers a call.

use std::collections::{BTreeMap, BTreeSet};

use super::bind::Bindings;
use super::compare::{Asked, Extent, compare};
use super::miss::{Miss, Near, Reason};
use super::tape::{Take, Tape, plain_tag};
use super::{Options, Played};
use crate::message::{Headers, Response};

/// What a lane has played.
#[derive(Clone, Debug, Default)]
pub(super) struct Cursor {
    played: BTreeSet<usize>,
    /// The takes in the order they were played.
    order: Vec<usize>,
    /// Repeats of a take since it was played.
    repeats: BTreeMap<usize, usize>,
}

/// A call's answer from one lane, and what it means for the lane.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) response: Response,
    pub(super) played: Played,
    pub(super) bindings: Bindings,
}

/// One call being looked up in one lane.
pub(super) struct Lookup<'a> {
    pub(super) tape: &'a Tape,
    pub(super) lane: usize,
    pub(super) options: Options,
    pub(super) asked: Asked<'a>,
}

impl Cursor {
    pub(super) fn played(&self) -> usize {
        self.played.len()
    }

    /// Takes note of an answer given.
    pub(super) fn advance(&mut self, played: &Played) {
        match played {
            Played::Hit(exchange) | Played::Bound(exchange) => {
                self.played.insert(exchange - 1);
                self.order.push(exchange - 1);
            }
            Played::Repeat(exchange) => *self.repeats.entry(exchange - 1).or_default() += 1,
            Played::Miss(_) => {}
        }
    }
}

impl Lookup<'_> {
    /// The lane's answer to the call, or why it has none.
    pub(super) fn step(&self, cursor: &Cursor, bindings: &Bindings) -> Result<Step, Miss> {
        match self.next(cursor, bindings) {
            Some((at, bindings)) => self.play(cursor, at, bindings),
            None => self.repeat(cursor, bindings),
        }
    }

    /// The next unplayed take that is this call, with the bindings it makes.
    fn next(&self, cursor: &Cursor, bindings: &Bindings) -> Option<(usize, Bindings)> {
        let fits = |at: usize| Some((at, self.matches(at, Extent::Whole, bindings)?));
        let mut fresh = self.similar().filter(|at| !cursor.played.contains(at) && !self.is_ahead(cursor, *at));
        fresh.by_ref().filter(|at| !self.is_stale(cursor, *at)).find_map(fits)
    }

    /// A read again, or an idempotent write right after its twin.
    fn repeat(&self, cursor: &Cursor, bindings: &Bindings) -> Result<Step, Miss> {
        let mut past = cursor.order.iter().rev().copied();
        let Some((twin, bindings)) = past.find_map(|at| {
            let similar = self.is_similar(at);
            similar.then(|| self.matches(at, self.extent_again(at), bindings)).flatten().map(|bindings| (at, bindings))
        }) else {
            return self.read_ahead(cursor, bindings);
        };
        if self.take(twin).is_read() {
            let newest = self.newest(cursor, twin, Take::shows_version).filter(|_| self.take(twin).tells_state());
            return self.again(cursor, twin, newest.unwrap_or(twin), bindings);
        }
        if self.may_write_again(cursor, twin) {
            return self.again(cursor, twin, twin, bindings);
        }
        Err(self.miss(Reason::Exhausted, cursor, &bindings))
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
        let request = &self.asked.call.request;
        let is_any = |name| request.headers.text(name).is_none_or(|value| value.trim() == "*");
        let is_lasting = is_any("if-match") && request.headers.text("if-none-match").is_none();
        let tells = |other: &Take| !other.is_read() || (!take.changes_state() && other.shows_version());
        let is_last = self.newest(cursor, twin, tells) == Some(twin);
        let is_idempotent = matches!(request.method.as_str(), "PUT" | "DELETE");
        is_idempotent && (!take.tells_state() || (is_last && (is_lasting || !take.changes_state())))
    }

    /// A read that is recorded only later: it gets the newest version this lane was shown.
    fn read_ahead(&self, cursor: &Cursor, bindings: &Bindings) -> Result<Step, Miss> {
        let later = self.similar().filter(|at| self.take(*at).is_read());
        let found = later.filter_map(|at| Some((at, self.matches(at, Extent::WithoutPreconditions, bindings)?))).next();
        let source =
            found.and_then(|(at, bindings)| Some((at, self.newest(cursor, at, Take::shows_version)?, bindings)));
        match source {
            Some((at, source, bindings)) => self.again(cursor, at, source, bindings),
            None => Err(self.miss(self.reason(cursor, bindings), cursor, bindings)),
        }
    }

    fn again(&self, cursor: &Cursor, asked: usize, source: usize, bindings: Bindings) -> Result<Step, Miss> {
        if cursor.repeats.get(&source).is_some_and(|count| *count >= self.options.repeat) {
            return Err(self.miss(Reason::RepeatedTooOften, cursor, &bindings));
        }
        Ok(self.play_again(asked, source, bindings))
    }

    fn play(&self, cursor: &Cursor, at: usize, bindings: Bindings) -> Result<Step, Miss> {
        let take = self.take(at);
        if !take.recorded.replayable {
            return Err(self.miss(Reason::NotReplayable, cursor, &bindings));
        }
        let (response, bound) = bindings.render_response(&take.recorded.response, &take.slots);
        let played = if bound { Played::Bound(at + 1) } else { Played::Hit(at + 1) };
        Ok(Step { response, played, bindings })
    }

    fn play_again(&self, asked: usize, source: usize, bindings: Bindings) -> Step {
        let take = self.take(source);
        let (mut response, _) = bindings.render_response(&take.recorded.response, &take.slots);
        if self.take(asked).is_read() && take.shows_version() && response.status != 204 {
            response.status = 200;
            response = self.unless_unchanged(response);
        }
        Step { response, played: Played::Repeat(source + 1), bindings }
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
        let blocks = |other: &usize| !cursor.played.contains(other) && self.take(*other).precedes(take);
        take.tells_state() && self.tape.writes(take).iter().any(blocks)
    }

    /// True when the take is a read of a state that a write of this lane has since replaced.
    fn is_stale(&self, cursor: &Cursor, at: usize) -> bool {
        let take = self.take(at);
        let replaced = |other: &usize| cursor.played.contains(other) && take.precedes(self.take(*other));
        take.is_read() && take.tells_state() && self.tape.writes(take).iter().rev().any(replaced)
    }

    /// The take played last about the same document, or of the same call, that a predicate accepts.
    fn newest(&self, cursor: &Cursor, like: usize, accept: impl Fn(&Take) -> bool) -> Option<usize> {
        let document = &self.take(like).document;
        let same = |at: &usize| self.take(*at).document == *document && (document.is_some() || *at == like);
        cursor.order.iter().rev().copied().filter(same).find(|at| accept(self.take(*at)))
    }

    fn matches(&self, at: usize, extent: Extent, bindings: &Bindings) -> Option<Bindings> {
        let mut bindings = bindings.clone();
        compare(self.tape, self.take(at), self.asked, extent, &mut bindings).is_empty().then_some(bindings)
    }

    fn reason(&self, cursor: &Cursor, bindings: &Bindings) -> Reason {
        let unplayed = |at: &usize| !cursor.played.contains(at);
        if self.similar().filter(unplayed).any(|at| self.matches(at, Extent::Whole, bindings).is_some()) {
            return Reason::OutOfOrder;
        }
        if self.similar().next().is_some() { Reason::Different } else { Reason::NoSuchCall }
    }

    /// Unplayed takes of the same operation, the one with the fewest differences first.
    fn miss(&self, reason: Reason, cursor: &Cursor, bindings: &Bindings) -> Miss {
        let unplayed = self.similar().filter(|at| !cursor.played.contains(at)).take(MOST_COMPARED);
        let mut nearest: Vec<Near> = unplayed.map(|at| self.near(at, bindings)).collect();
        nearest.sort_by_key(|near| (near.differences.len(), near.exchange));
        nearest.truncate(MOST_NEAR);
        let request = &self.asked.shown.request;
        Miss {
            reason,
            call: format!("{} {}", request.method, request.target),
            op: self.asked.call.resolution.name().to_owned(),
            nearest,
        }
    }

    fn near(&self, at: usize, bindings: &Bindings) -> Near {
        let take = self.take(at);
        let differences = compare(self.tape, take, self.asked, Extent::Whole, &mut bindings.clone());
        Near { exchange: at + 1, line: take.recorded.line, lane: take.recorded.lane.clone(), differences }
    }

    /// This lane's takes of the call's operation, in order.
    fn similar(&self) -> impl Iterator<Item = usize> {
        self.of_lane().filter(|at| self.is_similar(*at))
    }

    fn of_lane(&self) -> impl Iterator<Item = usize> {
        self.tape.of_lane(self.lane).iter().copied()
    }

    fn is_similar(&self, at: usize) -> bool {
        let take = self.take(at);
        let op = self.asked.call.resolution.operation().map(|operation| operation.op);
        take.op() == op
            && take.service == self.asked.call.service
            && take.recorded.request.method == self.asked.call.request.method
    }

    fn take(&self, at: usize) -> &Take {
        &self.tape.takes()[at]
    }
}

/// How many takes a miss is compared to.
const MOST_COMPARED: usize = 50;
/// How many it names.
const MOST_NEAR: usize = 3;
