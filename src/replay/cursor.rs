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
    /// The same, of each document.
    of_document: BTreeMap<usize, Vec<usize>>,
    /// How many takes at the front of a shelf were all played.
    begun: BTreeMap<usize, usize>,
    /// When the last of the writes played on a document was asked.
    last_write: BTreeMap<usize, u64>,
    /// When the last call of those played was asked.
    furthest: u64,
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
    /// The shelf of the lane's takes that are such a call.
    pub(super) alike: Option<usize>,
    pub(super) options: &'a Options,
    pub(super) asked: Asked<'a>,
}

impl Cursor {
    pub(super) fn played(&self) -> usize {
        self.played.len()
    }

    /// True when a take was played.
    pub(super) fn has_played(&self, at: usize) -> bool {
        self.played.contains(&at)
    }

    /// When the last call of those played was asked.
    pub(super) fn furthest(&self) -> u64 {
        self.furthest
    }

    /// Takes note of an answer given.
    pub(super) fn advance(&mut self, tape: &Tape, played: &Played) {
        match played {
            Played::Hit(exchange) | Played::Bound(exchange) => self.play(tape, exchange - 1),
            Played::Repeat(exchange) => *self.repeats.entry(exchange - 1).or_default() += 1,
            Played::Miss(_) => {}
        }
    }

    fn play(&mut self, tape: &Tape, at: usize) {
        let take = &tape.takes()[at];
        self.played.insert(at);
        self.order.push(at);
        self.furthest = self.furthest.max(take.recorded.asked);
        if let Some(document) = take.document {
            self.of_document.entry(document).or_default().push(at);
            if take.changes_state() {
                let last = self.last_write.entry(document).or_default();
                *last = take.recorded.asked.max(*last);
            }
        }
        for shelf in take.document.into_iter().chain([take.alike]) {
            let begun = self.begun.entry(shelf).or_default();
            while tape.shelf(shelf).get(*begun).is_some_and(|at| self.played.contains(at)) {
                *begun += 1;
            }
        }
    }

    /// What is not played yet on a shelf.
    fn unplayed<'a>(&'a self, tape: &'a Tape, shelf: usize) -> impl Iterator<Item = usize> + 'a {
        let begun = self.begun.get(&shelf).copied().unwrap_or_default();
        tape.shelf(shelf)[begun..].iter().copied().filter(|at| !self.played.contains(at))
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
        let mut fresh = self.unplayed(cursor).filter(|at| !self.is_ahead(cursor, *at) && !self.is_stale(cursor, *at));
        fresh.find_map(fits)
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

    fn play(&self, cursor: &Cursor, at: usize, mut bindings: Bindings) -> Result<Step, Miss> {
        let take = self.take(at);
        if !take.recorded.replayable {
            return Err(self.miss(Reason::NotReplayable, cursor, &bindings));
        }
        let (response, bound) = bindings.render_response(&take.recorded.response, &take.slots);
        let played = if bound { Played::Bound(at + 1) } else { Played::Hit(at + 1) };
        Ok(Step { response, played, bindings })
    }

    fn play_again(&self, asked: usize, source: usize, mut bindings: Bindings) -> Step {
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
        let next_write = take.document.and_then(|document| cursor.unplayed(self.tape, document).next());
        take.tells_state() && next_write.is_some_and(|write| self.take(write).precedes(take))
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

    fn matches(&self, at: usize, extent: Extent, bindings: &Bindings) -> Option<Bindings> {
        let mut bindings = bindings.clone();
        compare(self.tape, self.take(at), self.asked, extent, &mut bindings).is_empty().then_some(bindings)
    }

    fn reason(&self, cursor: &Cursor, bindings: &Bindings) -> Reason {
        if self.unplayed(cursor).any(|at| self.matches(at, Extent::Whole, bindings).is_some()) {
            return Reason::OutOfOrder;
        }
        if self.similar().next().is_some() { Reason::Different } else { Reason::NoSuchCall }
    }

    /// Unplayed takes of the same operation, the one with the fewest differences first.
    fn miss(&self, reason: Reason, cursor: &Cursor, bindings: &Bindings) -> Miss {
        let unplayed = self.unplayed(cursor).take(MOST_COMPARED);
        let mut nearest: Vec<Near> = unplayed.map(|at| self.near(at, bindings)).collect();
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
        self.take(at).service == self.asked.call.service
    }

    fn take(&self, at: usize) -> &Take {
        &self.tape.takes()[at]
    }
}

/// How many takes a miss is compared to.
const MOST_COMPARED: usize = 50;
/// How many it names.
const MOST_NEAR: usize = 3;
