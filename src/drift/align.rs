//! Which lane is which in the other recording, and which call is which.

use std::collections::{BTreeMap, BTreeSet};

use super::Spot;
use super::leaf::{self, Leaves, Signature};
use super::shape::Shapes;
use crate::cassette::{Cassette, FrameRecord, HttpRecord, Record};
use crate::json::Doc;
use crate::mpsd::rta::{self, Frame, trimmed};
use crate::mpsd::{Resolution, resolve};
use crate::socket::{Opcode, Sender};

/// A call or a message.
pub(super) struct Told<'c> {
    pub(super) op: String,
    pub(super) spot: Spot,
    /// True when it changes nothing: how often it is made means little.
    pub(super) is_read: bool,
    record: Shown<'c>,
}

enum Shown<'c> {
    Http(&'c HttpRecord, Resolution),
    Frame(&'c FrameRecord),
}

impl Told<'_> {
    /// What it shows.
    pub(super) fn leaves(&self, shapes: &Shapes) -> Leaves {
        match &self.record {
            Shown::Http(http, resolution) => leaf::of_exchange(http, resolution, shapes),
            Shown::Frame(frame) => leaf::of_frame(frame, shapes),
        }
    }
}

/// Every call and message of a recording, in its order.
pub(super) fn gather<'c>(cassette: &'c Cassette, shapes: &Shapes) -> Vec<Told<'c>> {
    // A journal is compared in the order it will be sealed in; its records are counted as they stand in it.
    let mut lines: Vec<usize> = cassette.entries.iter().map(|entry| entry.line).collect();
    lines.sort_unstable();
    let told = cassette.entries.iter().enumerate().filter_map(|(index, entry)| {
        let record = if entry.line == 0 { index } else { lines.partition_point(|line| *line < entry.line) } + 1;
        let spot = |lane: &str| Spot { lane: lane.to_owned(), record, line: entry.line };
        match &entry.record {
            Record::Http(http) => Some(exchange(http, spot(&http.lane), shapes)),
            Record::Frame(frame) => message(frame, spot(&frame.lane)),
            Record::Mark(_) => None,
        }
    });
    told.collect()
}

fn exchange<'c>(http: &'c HttpRecord, spot: Spot, shapes: &Shapes) -> Told<'c> {
    let request = http.request();
    let resolution = resolve(http.service(), &request.method, &request.target);
    let op = match resolution.operation() {
        Some(operation) => operation.op.name().to_owned(),
        None => format!("{} {}{}", request.method, request.host(), shapes.path(request.path())),
    };
    let is_read = match resolution.operation() {
        Some(operation) => operation.op.is_read(),
        None => matches!(request.method.as_str(), "GET" | "HEAD"),
    };
    Told { op, spot, is_read, record: Shown::Http(http, resolution) }
}

/// A message, but for those that only keep a connection alive.
fn message(frame: &FrameRecord, spot: Spot) -> Option<Told<'_>> {
    if matches!(frame.what.opcode, Some(Opcode::Ping | Opcode::Pong)) {
        return None;
    }
    let payload = frame.what.body.as_ref().map(|body| body.content().bytes()).unwrap_or_default();
    let kind = Doc::parse(trimmed(&payload)).ok().and_then(|doc| Frame::of(&doc)?.kind());
    let name = match kind.filter(|_| frame.what.opcode == Some(Opcode::Text)) {
        Some(rta::SUBSCRIBE) => "rta.subscribe",
        Some(rta::UNSUBSCRIBE) => "rta.unsubscribe",
        Some(rta::EVENT) => "rta.event",
        Some(rta::RESYNC) => "rta.resync",
        _ => "socket.message",
    };
    let op = match frame.from {
        Sender::Client => name.to_owned(),
        Sender::Service if kind == Some(rta::EVENT) => name.to_owned(),
        Sender::Service => format!("{name} (from the service)"),
    };
    // Taps are put together as the service likes.
    Some(Told { op, spot, is_read: frame.from == Sender::Service, record: Shown::Frame(frame) })
}

/// One player of a recording.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) name: String,
    /// Its calls by operation, in order.
    pub(super) calls: BTreeMap<String, Vec<usize>>,
}

impl Lane {
    /// How many calls two lanes have in common.
    fn likeness(&self, other: &Self) -> usize {
        let in_both = self.calls.iter().filter_map(|(op, calls)| Some((calls.len(), other.calls.get(op)?.len())));
        in_both.map(|(one, two)| one.min(two)).sum()
    }

    /// True for a name that somebody gave it; those of our own say only who came first.
    fn is_named(&self) -> bool {
        let number = ["player", "lane-"].iter().find_map(|start| self.name.strip_prefix(start));
        !number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

/// A lane beside the one it is in the other recording; `None` where there is none.
pub(super) type Beside = (Option<Lane>, Option<Lane>);

/// Puts lanes side by side: those of one name first, the others by what they do.
pub(super) fn lanes(old: &[Told<'_>], new: &[Told<'_>]) -> Vec<Beside> {
    let (mut old, mut new) = (split(old), split(new));
    let names: BTreeMap<&str, usize> = new.iter().enumerate().map(|(at, lane)| (lane.name.as_str(), at)).collect();
    let named = old.iter().enumerate().filter(|(_, lane)| lane.is_named());
    let mut pairs: Vec<(usize, usize)> =
        named.filter_map(|(at, lane)| Some((at, *names.get(lane.name.as_str())?))).collect();
    let mut lefts: BTreeSet<usize> = pairs.iter().map(|pair| pair.0).collect();
    let mut rights: BTreeSet<usize> = pairs.iter().map(|pair| pair.1).collect();
    for (_, _, one, two) in by_likeness(&old, &new) {
        if !lefts.contains(&one) && !rights.contains(&two) {
            lefts.insert(one);
            rights.insert(two);
            pairs.push((one, two));
        }
    }
    pairs.sort_unstable();
    let mut beside: Vec<Beside> = Vec::new();
    for (one, two) in pairs {
        beside.push((Some(std::mem::take(&mut old[one])), Some(std::mem::take(&mut new[two]))));
    }
    let rest = |lanes: Vec<Lane>, taken: &BTreeSet<usize>| -> Vec<Lane> {
        lanes.into_iter().enumerate().filter(|(at, _)| !taken.contains(at)).map(|(_, lane)| lane).collect()
    };
    beside.extend(rest(old, &lefts).into_iter().map(|lane| (Some(lane), None)));
    beside.extend(rest(new, &rights).into_iter().map(|lane| (None, Some(lane))));
    beside
}

/// Pairs of lanes that have something in common, those with the most first; lanes of one name before others.
fn by_likeness(old: &[Lane], new: &[Lane]) -> Vec<(std::cmp::Reverse<usize>, bool, usize, usize)> {
    let mut pairs = Vec::new();
    for (one, left) in old.iter().enumerate().take(MOST_LANES) {
        for (two, right) in new.iter().enumerate().take(MOST_LANES) {
            let likeness = left.likeness(right);
            if likeness > 0 {
                pairs.push((std::cmp::Reverse(likeness), left.name != right.name, one, two));
            }
        }
    }
    pairs.sort_unstable();
    pairs
}

fn split(told: &[Told<'_>]) -> Vec<Lane> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut lanes: Vec<Lane> = Vec::new();
    for (at, one) in told.iter().enumerate() {
        let place = *places.entry(&one.spot.lane).or_insert_with(|| {
            lanes.push(Lane { name: one.spot.lane.clone(), calls: BTreeMap::new() });
            lanes.len() - 1
        });
        lanes[place].calls.entry(one.op.clone()).or_default().push(at);
    }
    lanes
}

/// Puts two sequences of calls side by side, as few of them alone as can be, those most alike together.
pub(super) fn calls(old: &[Signature], new: &[Signature]) -> Vec<(usize, usize)> {
    let wide = new.len() + 1;
    if (old.len() + 1).saturating_mul(wide) > MOST_COMPARED {
        return (0..old.len().min(new.len())).map(|at| (at, at)).collect();
    }
    // What it costs to put side by side all from here on.
    let mut costs = vec![0_u32; (old.len() + 1) * wide];
    let cost = |costs: &[u32], one: usize, two: usize| costs[one * wide + two];
    for one in (0..=old.len()).rev() {
        for two in (0..=new.len()).rev() {
            let alone_left = (one < old.len()).then(|| ALONE + cost(&costs, one + 1, two));
            let alone_right = (two < new.len()).then(|| ALONE + cost(&costs, one, two + 1));
            let together = (one < old.len() && two < new.len())
                .then(|| distance(old[one], new[two]) + cost(&costs, one + 1, two + 1));
            let least = [together, alone_left, alone_right].into_iter().flatten().min();
            costs[one * wide + two] = least.unwrap_or(0);
        }
    }
    let (mut one, mut two) = (0, 0);
    let mut pairs = Vec::new();
    while one < old.len() && two < new.len() {
        let left = cost(&costs, one, two);
        if left == distance(old[one], new[two]) + cost(&costs, one + 1, two + 1) {
            pairs.push((one, two));
            (one, two) = (one + 1, two + 1);
        } else if left == ALONE + cost(&costs, one + 1, two) {
            one += 1;
        } else {
            two += 1;
        }
    }
    pairs
}

fn distance(one: Signature, two: Signature) -> u32 {
    match (one.status == two.status, one.places == two.places) {
        (true, true) => 0,
        (true, false) => 1,
        (false, _) => 2,
    }
}

/// What a call without a partner costs.
const ALONE: u32 = 2;
/// How many pairs of calls are looked at; longer sequences go side by side as they are.
const MOST_COMPARED: usize = 4_000_000;
/// How many lanes are compared by what they do.
const MOST_LANES: usize = 500;
