//! Which recorded player is this client? Found out by what it asks.

use super::bind::Bindings;
use super::compare::Asked;
use super::cursor::{Cursor, Lookup, Step};
use super::miss::{Miss, Near, Reason};
use super::tape::Tape;
use super::{Options, Played};
use crate::exchange::{Call, LaneKey};
use crate::message::Response;

/// One live client, and the recorded lanes it may still be.
#[derive(Debug)]
pub(super) struct LiveLane {
    pub(super) key: LaneKey,
    candidates: Vec<Candidate>,
}

#[derive(Debug, Default)]
struct Candidate {
    lane: usize,
    cursor: Cursor,
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
    pub(super) fn new(key: LaneKey, lanes: &[String]) -> Self {
        let candidates = (0..lanes.len()).map(|lane| Candidate { lane, ..Candidate::default() }).collect();
        Self { key, candidates }
    }

    /// A client known to be that lane.
    pub(super) fn assigned(key: LaneKey, lane: usize) -> Self {
        Self { key, candidates: vec![Candidate { lane, ..Candidate::default() }] }
    }

    /// The recorded lane it is, once that is certain.
    pub(super) fn settled(&self) -> Option<usize> {
        match self.candidates.as_slice() {
            [only] if only.cursor.played() > 0 => Some(only.lane),
            _ => None,
        }
    }

    /// How many takes it has played.
    pub(super) fn played(&self) -> usize {
        self.candidates.first().map_or(0, |candidate| candidate.cursor.played())
    }

    /// Answers a call from the lanes that fit; those that do not are no candidates any more.
    ///
    /// `taken` are lanes other clients are certain to be. The only client there is takes the first lane that fits;
    /// with several, lanes that answer differently are a miss rather than a guess.
    pub(super) fn play(
        &mut self,
        tape: &Tape,
        options: Options,
        asked: Asked<'_>,
        bindings: &Bindings,
        taken: &[usize],
        is_only: bool,
    ) -> Result<Turn, Miss> {
        if self.settled().is_none() {
            self.candidates.retain(|candidate| !taken.contains(&candidate.lane));
        }
        let mut steps = Vec::new();
        let mut misses = Vec::new();
        for candidate in &self.candidates {
            let lookup = Lookup { tape, alike: tape.alike(candidate.lane, asked.call), options, asked };
            // What others have bound since may contradict what this candidate stands for.
            let Some(known) = bindings.with(&candidate.pending) else { continue };
            match lookup.step(&candidate.cursor, &known) {
                Ok(step) => steps.push((candidate.lane, step)),
                Err(miss) => misses.push(miss),
            }
        }
        let Some((_, first)) = steps.first() else {
            return Err(nearest_miss(misses, asked.shown));
        };
        let agree = steps.iter().all(|(_, step)| step.response == first.response);
        if !agree && !is_only {
            return Err(Miss { reason: Reason::LaneAmbiguous, ..plain_miss(asked.shown) });
        }
        if !agree {
            steps.truncate(1);
        }
        Ok(self.settle(tape, steps, bindings))
    }

    fn settle(&mut self, tape: &Tape, steps: Vec<(usize, Step)>, known: &Bindings) -> Turn {
        let (response, played) = (steps[0].1.response.clone(), steps[0].1.played.clone());
        let is_certain = steps.len() == 1;
        let bindings = is_certain.then(|| steps[0].1.bindings.clone());
        self.candidates.retain(|candidate| steps.iter().any(|(lane, _)| *lane == candidate.lane));
        for (candidate, (_, step)) in self.candidates.iter_mut().zip(steps) {
            candidate.cursor.advance(tape, &step.played);
            candidate.pending = if is_certain { Bindings::default() } else { step.bindings.beyond(known) };
        }
        Turn { response, played, bindings }
    }
}

/// Of several lanes' misses, the one whose nearest call differs least.
fn nearest_miss(misses: Vec<Miss>, shown: &Call) -> Miss {
    let distance = |miss: &Miss| miss.nearest.first().map_or(usize::MAX, Near::distance);
    misses.into_iter().min_by_key(distance).unwrap_or_else(|| plain_miss(shown))
}

fn plain_miss(shown: &Call) -> Miss {
    let request = &shown.request;
    Miss {
        reason: Reason::NoSuchCall,
        call: format!("{} {}", request.method, request.target),
        op: shown.resolution.name().to_owned(),
        nearest: Vec::new(),
    }
}
