//! What members measure of each other, held against what the session requires.

use super::{Cause, Qos, taking_part};
use crate::emulator::session::{Member, Presence, Session};
use crate::mpsd::bag::Fields;

/// True when members are to measure each other.
pub(in crate::emulator) fn measures(session: &Session) -> bool {
    let system = &session.constants.system;
    let requires = |name: &str| system.raw(name).is_some();
    !system.inner("metrics").is_empty() || requires("peerToPeerRequirements") || requires("peerToHostRequirements")
}

/// True when a member has uploaded all it was asked for.
pub(super) fn is_done(session: &Session, index: u32) -> bool {
    let Some(member) = session.members.get(&index) else {
        return true;
    };
    let has = |name: &str| member.properties.system.raw(name).is_some();
    let of_peers = !measures(session) || has("measurements") || peers(session, index).is_empty();
    let of_servers = session.constants.system.inner("measurementServerAddresses").is_empty();
    of_peers && (of_servers || has("serverMeasurements"))
}

/// Fails the members of an episode that are late, or whose measurements do not meet the requirements.
pub(super) fn judge(draft: &mut Session, number: u32) {
    let required = Required::of(draft);
    for index in taking_part(draft, number) {
        if !is_done(draft, index) {
            set(draft, index, Qos::Failed(Cause::Timeout));
        }
    }
    let host = required.host.as_ref().and_then(|limits| find_host(draft, number, limits));
    let failures: Vec<(u32, Cause)> = taking_part(draft, number)
        .into_iter()
        .filter_map(|index| Some((index, required.failure(draft, index, host.as_deref())?)))
        .collect();
    for (index, cause) in failures {
        set(draft, index, Qos::Failed(cause));
    }
}

fn set(draft: &mut Session, index: u32, qos: Qos) {
    if let Some(member) = draft.members.get_mut(&index) {
        member.qos = qos;
    }
}

/// The host, or the best device to be one; the first episode lists them all.
fn find_host(draft: &mut Session, number: u32, limits: &Limits) -> Option<String> {
    if let Some(host) = draft.properties.system.text("host") {
        return Some(host.to_ascii_lowercase());
    }
    if number == 1 {
        draft.host_candidates = candidates(draft, number, limits);
    }
    draft.host_candidates.first().cloned()
}

/// The other members' devices.
fn peers(session: &Session, index: u32) -> Vec<String> {
    let counts = |member: &Member| {
        member.state != Presence::Reserved && matches!(member.qos, Qos::In(_) | Qos::Passed | Qos::Apart)
    };
    let others = session.members.iter().filter(|(other, member)| **other != index && counts(member));
    others.filter_map(|(_, member)| member.device_token()).collect()
}

/// Devices by how many members reach them within the limits, then by the host selection metric.
fn candidates(session: &Session, number: u32, limits: &Limits) -> Vec<String> {
    let members: Vec<(String, Fields)> = taking_part(session, number)
        .into_iter()
        .filter_map(|index| session.members.get(&index))
        .filter_map(|member| Some((member.device_token()?, member.properties.system.inner("measurements"))))
        .collect();
    let reach = |host: &String| {
        members.iter().filter(|(token, seen)| token != host && limits.failure(&seen.inner(host)).is_none()).count()
    };
    let score = |seen: &Fields| {
        let readings: Vec<f64> = seen.iter().filter_map(|(token, _)| limits.score(&seen.inner(token))).collect();
        match readings.is_empty() {
            true => f64::INFINITY,
            false => readings.iter().sum::<f64>() / readings.len() as f64,
        }
    };
    let mut ranked: Vec<(usize, f64, String)> =
        members.iter().map(|(token, seen)| (reach(token), score(seen), token.clone())).collect();
    ranked.sort_by(|left, right| right.0.cmp(&left.0).then(left.1.total_cmp(&right.1)));
    ranked.into_iter().map(|(_, _, token)| token).collect()
}

/// What the session's constants ask of its connections.
struct Required {
    peers: Option<Limits>,
    host: Option<Limits>,
}

/// The bounds of one connection; a metric nobody asked for has none.
struct Limits {
    latency: Option<u64>,
    down: Option<u64>,
    up: Option<u64>,
    /// How hosts are compared.
    metric: String,
}

impl Required {
    fn of(session: &Session) -> Self {
        let system = &session.constants.system;
        let metrics = system.inner("metrics");
        let asked = |metric: &str| metrics.is_empty() || metrics.flag(metric);
        let limits = |name: &str, [latency, down, up]: [(&str, u64); 3]| {
            system.raw(name)?;
            let set = system.inner(name);
            let bound =
                |metric: &str, (name, default): (&str, u64)| asked(metric).then(|| set.number(name).unwrap_or(default));
            Some(Limits {
                latency: bound("latency", latency),
                down: bound("bandwidthDown", down),
                up: bound("bandwidthUp", up),
                metric: set.text("hostSelectionMetric").unwrap_or_else(|| "latency".to_owned()),
            })
        };
        Self {
            peers: limits("peerToPeerRequirements", PEER_BOUNDS),
            host: limits("peerToHostRequirements", HOST_BOUNDS),
        }
    }

    /// Why a member does not meet the requirements, the gravest cause of all.
    fn failure(&self, session: &Session, index: u32, host: Option<&str>) -> Option<Cause> {
        let member = session.members.get(&index)?;
        let seen = member.properties.system.inner("measurements");
        let own = member.device_token();
        let to_peers = self.peers.iter().flat_map(|limits| {
            peers(session, index)
                .into_iter()
                .filter_map(|token| limits.failure(&seen.inner(&token)))
                .collect::<Vec<_>>()
        });
        let host = host.filter(|host| own.as_deref() != Some(host));
        let to_host = self.host.as_ref().zip(host).and_then(|(limits, host)| limits.failure(&seen.inner(host)));
        to_peers.chain(to_host).min()
    }
}

impl Limits {
    fn failure(&self, seen: &Fields) -> Option<Cause> {
        if seen.is_empty() {
            return Some(Cause::Network);
        }
        let reading = |name: &str| seen.raw(name).and_then(|text| text.parse::<f64>().ok());
        let misses = |bound: Option<u64>, name: &str, is_met: fn(f64, f64) -> bool| {
            bound.is_some_and(|bound| !reading(name).is_some_and(|read| is_met(read, bound as f64)))
        };
        if misses(self.latency, "latency", |read, bound| read <= bound) {
            Some(Cause::Latency)
        } else if misses(self.down, "bandwidthDown", |read, bound| read >= bound) {
            Some(Cause::BandwidthDown)
        } else if misses(self.up, "bandwidthUp", |read, bound| read >= bound) {
            Some(Cause::BandwidthUp)
        } else {
            None
        }
    }

    /// How good a connection is for hosting: the less, the better.
    fn score(&self, seen: &Fields) -> Option<f64> {
        let reading = |name: &str| seen.raw(name).and_then(|text| text.parse::<f64>().ok());
        match self.metric.as_str() {
            "bandwidthup" => reading("bandwidthUp").map(|read| -read),
            "bandwidthdown" => reading("bandwidthDown").map(|read| -read),
            "bandwidth" => Some(-(reading("bandwidthUp")? + reading("bandwidthDown")?)),
            _ => reading("latency"),
        }
    }
}

/// Names and defaults of latency, bandwidth down and bandwidth up between peers (mpsd-wire §4.2).
const PEER_BOUNDS: [(&str, u64); 3] =
    [("latencyMaximum", 250), ("bandwidthMinimum", 10_000), ("bandwidthMinimum", 10_000)];

/// The same to a host.
const HOST_BOUNDS: [(&str, u64); 3] =
    [("latencyMaximum", 250), ("bandwidthDownMinimum", 100_000), ("bandwidthUpMinimum", 1_000)];
