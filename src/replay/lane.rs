//! Which recorded player is this client? Found out by what it asks.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::bind::Bindings;
use super::compare::Asked;
use super::cursor::{Cursor, Lookup, Patience, Step, Stop};
use super::edges::Around;
use super::miss::{Miss, Near, Reason};
use super::socket::{Client, Ear, Hearing, Live, Word, agrees};
use super::tape::{Tape, UPGRADED};
use super::{Options, Played};
use crate::exchange::{Call, LaneKey};
use crate::message::Response;
use crate::socket::{Message, SocketId};

/// One live client, and the recorded lanes it may still be.
#[derive(Debug)]
pub(super) struct LiveLane {
    candidates: Vec<Candidate>,
    /// The candidate whose replies it was given on sockets while others still fit.
    voice: Option<usize>,
    /// Why there is no candidate, when there is none.
    lack: Reason,
    /// How many of the takes it has played others know of.
    told: usize,
}

#[derive(Debug, Default)]
struct Candidate {
    lane: usize,
    cursor: Cursor,
    ear: Ear,
    /// The take it played last, unless that was a repeat.
    latest: Option<usize>,
    /// What this candidate alone has bound while others still fit.
    pending: Bindings,
}

/// A call answered.
pub(super) struct Turn {
    pub(super) response: Response,
    pub(super) played: Played,
    /// What everybody's bindings become, once it is known who asked.
    pub(super) bindings: Option<Bindings>,
}

impl LiveLane {
    /// A client that came just now. Whoever has a name is the lane of that name; whoever has none is one of those
    /// that clients play, and none that is `promised` to a name.
    pub(super) fn of(key: &LaneKey, lanes: &[String], live: &Live, promised: &BTreeSet<usize>) -> Self {
        match key {
            LaneKey::Named(name) => {
                let lane = lanes.iter().position(|lane| lane == name.as_str());
                Self {
                    lack: if lane.is_some() { Reason::PlayerTaken } else { Reason::NoSuchPlayer },
                    ..Self::one_of(lane)
                }
            }
            _ => {
                let may_be = |lane: &usize| !promised.contains(lane) && live.may_include(&lanes[*lane]);
                Self::one_of((0..lanes.len()).filter(may_be))
            }
        }
    }

    /// A client known to be that lane.
    pub(super) fn assigned(lane: usize) -> Self {
        Self::one_of([lane])
    }

    fn one_of(lanes: impl IntoIterator<Item = usize>) -> Self {
        let candidates = lanes.into_iter().map(|lane| Candidate { lane, ..Candidate::default() }).collect();
        Self { candidates, voice: None, told: 0, lack: Reason::PlayerTaken }
    }

    /// The recorded lane it is, once that is certain.
    pub(super) fn settled(&self) -> Option<usize> {
        match self.candidates.as_slice() {
            [only] if only.cursor.played() > 0 => Some(only.lane),
            _ => None,
        }
    }

    /// The lane it is or may be, among those nobody is yet, and how far that was played.
    pub(super) fn stands_for(&self, taken: &BTreeMap<usize, &Cursor>) -> Option<(usize, &Cursor)> {
        let free = self.candidates.iter().find(|candidate| !taken.contains_key(&candidate.lane))?;
        Some((free.lane, &free.cursor))
    }

    /// True for a lane it may be.
    pub(super) fn may_be(&self, lane: usize) -> bool {
        self.candidates.iter().any(|candidate| candidate.lane == lane)
    }

    /// The takes it has played since this was last asked, once it is settled.
    pub(super) fn news(&mut self) -> Vec<usize> {
        let Some(candidate) = self.candidates.first().filter(|_| self.settled().is_some()) else {
            return Vec::new();
        };
        let news = candidate.cursor.order()[self.told..].to_vec();
        self.told += news.len();
        news
    }

    /// Answers a call from the lanes that fit; those that do not are no candidates any more.
    ///
    /// `taken` are lanes other clients are certain to be. The only client there is takes the first lane that fits;
    /// with several, lanes that answer differently are a miss rather than a guess.
    pub(super) fn play(
        &mut self,
        tape: &Tape,
        options: &Options,
        asked: Asked<'_>,
        bindings: &Bindings,
        (taken, around): (&BTreeMap<usize, usize>, &Around<'_>),
        (is_only, patience): (bool, Patience),
    ) -> Result<Turn, Stop> {
        self.leave_out(taken);
        if self.candidates.is_empty() {
            let miss = Miss { players: tape.lanes().to_vec(), ..Miss::plain(self.lack, asked.shown) };
            return Err(Stop::Miss(Box::new(miss)));
        }
        let mut offers = Vec::new();
        for candidate in &self.candidates {
            let lookup = Lookup { tape, alike: tape.alike(candidate.lane, asked.call), options, asked, around };
            // What others have bound since may contradict what this candidate stands for.
            let Some(known) = bindings.with(&candidate.pending) else { continue };
            offers.push((candidate.lane, lookup.step(&candidate.cursor, &known)));
        }
        if patience == Patience::Over && offers.iter().all(|(_, offer)| offer.is_err()) {
            offers = offers.into_iter().map(|(lane, offer)| (lane, offer.or_else(Stop::instead))).collect();
        }
        let steps = agreed(offers, asked.shown, is_only)?;
        Ok(self.settle(tape, steps, bindings))
    }

    fn settle(&mut self, tape: &Tape, steps: Vec<(usize, Step)>, known: &Bindings) -> Turn {
        let (response, played) = (steps[0].1.response.clone(), steps[0].1.played.clone());
        let is_certain = steps.len() == 1;
        let bindings = is_certain.then(|| steps[0].1.bindings.clone());
        self.candidates.retain(|candidate| steps.iter().any(|(lane, _)| *lane == candidate.lane));
        for (candidate, (_, step)) in self.candidates.iter_mut().zip(steps) {
            candidate.cursor.advance(tape, &step);
            candidate.latest = match step.played {
                Played::Hit(exchange) | Played::Bound(exchange) => Some(exchange - 1),
                Played::Repeat(_) | Played::Miss(_) => None,
            };
            candidate.pending = if is_certain { Bindings::default() } else { step.bindings.beyond(known) };
        }
        Turn { response, played, bindings }
    }
}

/// What a client said, recognised or not, and what it means for everybody.
pub(super) struct Heard {
    pub(super) reply: Option<Message>,
    pub(super) bindings: Option<Bindings>,
}

/// Sockets.
impl LiveLane {
    /// The lane it is given the replies of, while it is not settled.
    pub(super) fn voice(&self) -> Option<usize> {
        self.voice.filter(|_| self.settled().is_none())
    }

    /// Lanes that others are certain to be are no candidates.
    pub(super) fn leave_out(&mut self, taken: &BTreeMap<usize, usize>) {
        if self.settled().is_none() {
            self.candidates.retain(|candidate| !taken.contains_key(&candidate.lane));
        }
    }

    /// What is known of it, once it is settled. `bindings` are everybody's, and what it alone has bound.
    pub(super) fn bindings<'a>(&self, bindings: &'a Bindings) -> Option<Cow<'a, Bindings>> {
        self.settled()?;
        let own = &self.candidates.first()?.pending;
        if own.is_empty() { Some(Cow::Borrowed(bindings)) } else { bindings.with(own).map(Cow::Owned) }
    }

    /// It as a lane's client, once it is settled.
    pub(super) fn client(&self) -> Option<Client<'_>> {
        let lane = self.settled()?;
        let candidate = self.candidates.first()?;
        Some(Client { lane, cursor: &candidate.cursor, ear: &candidate.ear })
    }

    /// A socket opens, as the call just answered.
    pub(super) fn opened(&mut self, tape: &Tape, socket: SocketId) {
        for candidate in &mut self.candidates {
            let recorded = candidate.latest.and_then(|at| tape.takes().get(at)).map(|take| take.recorded.asked);
            candidate.ear.opened(socket, recorded);
        }
    }

    /// A socket ends.
    pub(super) fn lost(&mut self, socket: SocketId) {
        self.candidates.iter_mut().for_each(|candidate| candidate.ear.lost(socket));
    }

    /// Finds what a client says among what its lane said; `None` when it never did.
    ///
    /// While several lanes fit, one of them speaks, another for each client (`spoken` are taken); what the others
    /// would have said is bound to it.
    pub(super) fn hear(
        &mut self,
        tape: &Tape,
        (socket, message, word): (SocketId, &Message, &Word),
        bindings: &Bindings,
        spoken: &[usize],
    ) -> Option<Heard> {
        let mut found: Vec<(usize, Hearing)> = Vec::new();
        for candidate in &self.candidates {
            let Some(known) = bindings.with(&candidate.pending) else { continue };
            let place = (tape.reel(), candidate.lane, tape.values());
            found.extend(
                candidate.ear.hear(place, socket, (message, word), &known).map(|heard| (candidate.lane, heard)),
            );
        }
        let is_free = |lane: &usize| !spoken.contains(lane);
        let lanes = || found.iter().map(|(lane, _)| *lane);
        let voice = lanes()
            .find(|lane| self.voice == Some(*lane))
            .or_else(|| lanes().find(is_free))
            .or_else(|| lanes().next())?;
        let reply = found.iter().find(|(lane, _)| *lane == voice).and_then(|(_, heard)| heard.reply.clone());
        found.retain_mut(|(lane, heard)| *lane == voice || agrees(heard, reply.as_ref(), tape.values()));
        if let Some((_, heard)) = found.iter_mut().find(|(lane, _)| *lane == voice) {
            heard.hold_to_connection(tape.reel());
        }
        self.voice = Some(voice);
        Some(Heard { reply, bindings: self.note(tape, socket, &found, bindings) })
    }

    /// Takes note of what was heard; gives everybody's bindings once it is certain who spoke.
    fn note(
        &mut self,
        tape: &Tape,
        socket: SocketId,
        found: &[(usize, Hearing)],
        known: &Bindings,
    ) -> Option<Bindings> {
        let is_certain = found.len() == 1;
        self.candidates.retain(|candidate| found.iter().any(|(lane, _)| *lane == candidate.lane));
        for (candidate, (_, heard)) in self.candidates.iter_mut().zip(found) {
            candidate.ear.note(tape.reel(), socket, heard);
            candidate.pending = if is_certain { Bindings::default() } else { heard.bindings.beyond(known) };
        }
        found.first().filter(|_| is_certain).map(|(_, heard)| heard.bindings.clone())
    }
}

/// What several lanes answer, if they all answer the same. One that would answer the same if it did not wait is among
/// them: its client may be who asks. The only client there is (`is_only`) is the first lane that fits.
fn agreed(
    mut offers: Vec<(usize, Result<Step, Stop>)>,
    shown: &Call,
    is_only: bool,
) -> Result<Vec<(usize, Step)>, Stop> {
    let Some(first) = offers.iter().find_map(|(_, offer)| offer.as_ref().ok()).map(|step| step.response.clone()) else {
        return Err(nearest(offers.into_iter().filter_map(|(_, offer)| offer.err()), shown));
    };
    let is_same = |other: &Response| first == *other || (first.status == UPGRADED && other.status == UPGRADED);
    let differs = |offer: &Result<Step, Stop>| offer.as_ref().is_ok_and(|step| !is_same(&step.response));
    if offers.iter().any(|(_, offer)| differs(offer)) {
        if !is_only {
            return Err(Stop::Miss(Box::new(Miss::plain(Reason::LaneAmbiguous, shown))));
        }
        let speaker = offers.iter().position(|(_, offer)| offer.is_ok()).unwrap_or_default();
        offers = vec![offers.swap_remove(speaker)];
    }
    let steps = offers.into_iter().filter_map(|(lane, offer)| Some((lane, offer.or_else(Stop::instead).ok()?)));
    Ok(steps.filter(|(_, step)| is_same(&step.response)).collect())
}

/// Of several lanes' reasons, what may still come; else the miss whose nearest call differs least.
fn nearest(stops: impl Iterator<Item = Stop>, shown: &Call) -> Stop {
    let distance = |stop: &Stop| match stop {
        Stop::Early(..) => (0, 0),
        Stop::Miss(miss) => (1, miss.nearest.first().map_or(usize::MAX, Near::distance)),
    };
    stops.min_by_key(distance).unwrap_or_else(|| Stop::Miss(Box::new(Miss::plain(Reason::NoSuchCall, shown))))
}
