//! Counters in the text format of Prometheus. No label holds what a client made up, but for names of other hosts, which
//! have an end.

use std::fmt::Write;

use super::Panel;
use crate::engine::{Elsewhere, Engine, Foreign};
use crate::replay::Player;

/// What an engine, or several, came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    calls: usize,
    sockets: usize,
    tunnels: usize,
    refused: usize,
    elsewhere: Elsewhere,
    hits: usize,
    bound: usize,
    repeats: usize,
    misses: usize,
    errors: usize,
    warnings: usize,
    infos: usize,
}

impl Totals {
    /// What one engine came to so far.
    pub(super) fn of(engine: &Engine) -> Self {
        let tallied = engine.watch().tallied();
        let played = engine.player().map(Player::tally).unwrap_or_default();
        Self {
            calls: tallied.calls,
            sockets: tallied.sockets,
            tunnels: tallied.tunnels,
            refused: tallied.refused,
            elsewhere: engine.watch().elsewhere(),
            hits: played.hits,
            bound: played.bound,
            repeats: played.repeats,
            misses: played.misses,
            errors: tallied.errors,
            warnings: tallied.warnings,
            infos: tallied.infos,
        }
    }

    /// Adds what another came to.
    pub(super) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.sockets += other.sockets;
        self.tunnels += other.tunnels;
        self.refused += other.refused;
        self.elsewhere.join(&other.elsewhere);
        self.hits += other.hits;
        self.bound += other.bound;
        self.repeats += other.repeats;
        self.misses += other.misses;
        self.errors += other.errors;
        self.warnings += other.warnings;
        self.infos += other.infos;
    }
}

/// Everything that is counted.
pub(super) fn page(panel: &Panel) -> String {
    let (totals, open, opened) = match &panel.sessions {
        Some(sessions) => (sessions.totals(), sessions.open(), sessions.opened()),
        None => (panel.door.engine().map(|engine| Totals::of(&engine)).unwrap_or_default(), 0, 0),
    };
    let mut page = Page(String::new());
    let version = format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    page.family("tapdeck_build_info", "gauge", "What is running", &[(version.as_str(), 1)]);
    page.family("tapdeck_calls_total", "counter", "Calls on intercepted hosts", &[("", count(totals.calls))]);
    let outcomes = [
        ("{outcome=\"hit\"}", count(totals.hits)),
        ("{outcome=\"bound\"}", count(totals.bound)),
        ("{outcome=\"repeat\"}", count(totals.repeats)),
        ("{outcome=\"miss\"}", count(totals.misses)),
    ];
    page.family("tapdeck_outcomes_total", "counter", "Replayed calls by how they were answered", &outcomes);
    let findings = [
        ("{severity=\"error\"}", count(totals.errors)),
        ("{severity=\"warning\"}", count(totals.warnings)),
        ("{severity=\"info\"}", count(totals.infos)),
    ];
    page.family("tapdeck_findings_total", "counter", "Broken rules of the contract", &findings);
    page.family("tapdeck_sockets_total", "counter", "WebSockets opened", &[("", count(totals.sockets))]);
    page.family(
        "tapdeck_connections_total",
        "counter",
        "Connections to the deck's own port",
        &[("", panel.door.accepted())],
    );
    let tunnels = count(totals.tunnels);
    page.family("tapdeck_tunnels_total", "counter", "What was passed on to other hosts unread", &[("", tunnels)]);
    let refused = count(totals.refused);
    page.family("tapdeck_refused_total", "counter", "What was not passed on to other hosts", &[("", refused)]);
    page.elsewhere(&totals.elsewhere);
    page.family("tapdeck_sessions", "gauge", "Replay sessions that are open", &[("", count(open))]);
    page.family("tapdeck_sessions_total", "counter", "Replay sessions that were opened", &[("", opened)]);
    page.0
}

struct Page(String);

impl Page {
    fn elsewhere(&mut self, elsewhere: &Elsewhere) {
        let by_passage = |foreign: Foreign| {
            [("tunnelled", foreign.tunnels), ("refused", foreign.refused)].map(|(passage, number)| {
                (format!("{{host=\"{}\",passage=\"{passage}\"}}", foreign.host), count(number))
            })
        };
        let samples: Vec<(String, u64)> = elsewhere.hosts().into_iter().flat_map(by_passage).collect();
        let samples: Vec<(&str, u64)> = samples.iter().map(|(labels, number)| (labels.as_str(), *number)).collect();
        self.family("tapdeck_elsewhere_total", "counter", "Both by host, of which there is an end", &samples);
    }

    fn family(&mut self, name: &str, kind: &str, help: &str, samples: &[(&str, u64)]) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
