//! What two takes of one script disagree on: the fields that may differ when one of them is played.

mod echo;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use super::advice::{any_of, one_line, written};
use super::bind::Bindings;
use super::compare::{Asked, COMPARED_HEADERS, Extent, compare};
use super::fields::{Field, Fields, Spot};
use super::miss::{Difference, Near};
use super::tape::{Recorded, Tape};
use crate::cassette::{Cassette, HttpRecord};
use crate::drift;
use crate::exchange::{Call, Protocol};
use echo::Echoes;

/// What was learned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lesson {
    /// Fields that differ and may, in order.
    pub fields: Vec<Learned>,
    /// What differs and is no such field.
    pub rest: Vec<Rest>,
}

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    /// The table to paste into `tapdeck.toml`.
    pub table: String,
    /// What it was where it first differed: the line of the record, and the value; in either take.
    pub seen: [(usize, String); 2],
    /// How often it differed.
    pub times: usize,
}

/// A call of the second take that the first one could not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// The call, as `METHOD target`.
    pub call: String,
    /// Its lane.
    pub lane: String,
    /// The line of the second take it starts at.
    pub line: usize,
    /// The line of the call that comes nearest in the first take, if there is one.
    pub nearest: Option<usize>,
    /// What differs from that, in words; nothing when there is no such call.
    pub differences: Vec<String>,
}

/// Plays the second take to the first, each lane to the one it is. `fields` are known to differ already.
pub fn learn(first: &Cassette, second: &Cassette, fields: Fields) -> Lesson {
    let mut tape = Tape::of_title(first, fields);
    let lanes: BTreeMap<String, String> =
        drift::lanes(first, second).into_iter().map(|(old, new)| (new, old)).collect();
    let recorded = Recorded::all(second);
    let mut learned: BTreeMap<(String, String), Learned> = BTreeMap::new();
    // A call tells only so many differences at a time, and a field that is known brings other partners.
    for _ in 0..MOST_PASSES {
        let mut pass = Pass::new(&tape, &lanes);
        let mut lesson = Taken::default();
        second.exchanges().zip(&recorded).for_each(|(record, recorded)| pass.call(record, recorded, &mut lesson));
        if lesson.fields.is_empty() {
            return Lesson { fields: learned.into_values().collect(), rest: lesson.rest };
        }
        for (key, (field, seen)) in lesson.fields {
            learned.insert(key, seen);
            tape.let_differ(field);
        }
    }
    Lesson { fields: learned.into_values().collect(), rest: Vec::new() }
}

/// What one pass gives: fields by operation and place.
#[derive(Debug, Default)]
struct Taken {
    fields: BTreeMap<(String, String), (Field, Learned)>,
    rest: Vec<Rest>,
}

/// The second take being played once.
struct Pass<'a> {
    tape: &'a Tape,
    /// The first take's lane for each of the second's.
    lanes: &'a BTreeMap<String, String>,
    played: BTreeSet<usize>,
    bindings: Bindings,
    echoes: Echoes,
}

impl<'a> Pass<'a> {
    fn new(tape: &'a Tape, lanes: &'a BTreeMap<String, String>) -> Self {
        Self { tape, lanes, played: BTreeSet::new(), bindings: Bindings::default(), echoes: Echoes::default() }
    }

    fn call(&mut self, record: &HttpRecord, recorded: &Recorded, taken: &mut Taken) {
        let request = self.echoes.request(record);
        let call = Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Protocol::H1, recorded.service, request);
        match self.partner(recorded, &call) {
            Some((at, near, bindings)) => {
                self.played.insert(at);
                self.bindings = bindings;
                self.bindings.settle();
                self.echoes.answers(&self.tape.takes()[at].recorded.response, &recorded.response);
                self.note(&call, recorded, &near, taken);
            }
            None if self.is_repeat(recorded, &call) => {}
            None => taken.rest.push(rest(recorded, None)),
        }
    }

    /// The call of the first take that this one is: the first that is the same, or else the one that comes nearest.
    fn partner(&self, recorded: &Recorded, call: &Call) -> Option<(usize, Near, Bindings)> {
        let mut nearest: Option<(usize, Near, Bindings)> = None;
        let unplayed = self.similar(recorded, call).into_iter().filter(|at| !self.played.contains(at));
        for at in unplayed.take(MOST_COMPARED) {
            let take = &self.tape.takes()[at];
            let mut bindings = self.bindings.clone();
            let differences = compare(self.tape, take, Asked::new(call, call), Extent::Whole, &mut bindings);
            let lane = take.recorded.lane.clone();
            let near = Near { exchange: at + 1, line: take.recorded.line, lane, differences };
            let is_nearer = nearest.as_ref().is_none_or(|(_, known, _)| near.distance() < known.distance());
            let is_same = near.differences.is_empty();
            if is_nearer {
                nearest = Some((at, near, bindings));
            }
            if is_same {
                break;
            }
        }
        nearest
    }

    /// True for a read that a replay would answer once more.
    fn is_repeat(&self, recorded: &Recorded, call: &Call) -> bool {
        let asked = Asked::new(call, call);
        self.similar(recorded, call).into_iter().take(MOST_COMPARED).any(|at| {
            let take = &self.tape.takes()[at];
            let mut bindings = self.bindings.clone();
            take.is_read() && compare(self.tape, take, asked, Extent::WithoutPreconditions, &mut bindings).is_empty()
        })
    }

    /// The takes of the call's lane and operation.
    fn similar(&self, recorded: &Recorded, call: &Call) -> Vec<usize> {
        let lane = self.lanes.get(&recorded.lane).and_then(|name| self.tape.lanes().iter().position(|one| one == name));
        let shelf = lane.and_then(|lane| self.tape.alike(lane, call));
        let takes = shelf.map(|shelf| self.tape.shelf(shelf)).unwrap_or_default();
        takes.iter().copied().filter(|at| self.tape.takes()[*at].is_for(call)).collect()
    }

    fn note(&self, call: &Call, recorded: &Recorded, near: &Near, taken: &mut Taken) {
        let mut others = Vec::new();
        for difference in &near.differences {
            match self.spot(difference) {
                Some(spot) => {
                    let field = Field { op: call.op(), spot };
                    let (op, (key, value)) = (call.resolution.name(), field.spot.written());
                    let table = written(op, &field.spot);
                    let seen = [(near.line, difference.recorded.clone()), (recorded.line, difference.live.clone())];
                    let place = (op.to_owned(), format!("{key} {value}"));
                    let new = || (field, Learned { table, seen, times: 0 });
                    taken.fields.entry(place).or_insert_with(new).1.times += 1;
                }
                None => others.push(told(difference)),
            }
        }
        if !others.is_empty() {
            taken.rest.push(rest(recorded, Some((near.line, others))));
        }
    }

    /// The field a difference is in, when both takes have a plain value there.
    fn spot(&self, difference: &Difference) -> Option<Spot> {
        let is_value = |text: &str| text != "absent" && !text.starts_with(['{', '[']);
        let is_plain = is_value(&difference.recorded) && is_value(&difference.live) && !difference.conflict;
        match Spot::named(&difference.place).filter(|_| is_plain)? {
            Spot::Body(steps) => Some(Spot::Body(steps.into_iter().map(|step| self.step(step)).collect())),
            Spot::Header(name) if !COMPARED_HEADERS.contains(&name.as_str()) => None,
            spot => Some(spot),
        }
    }

    /// Which item of a list it is, or which player's, is not the same in every run.
    fn step(&self, step: String) -> String {
        let is_number = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { "*".to_owned() } else { any_of(self.tape, step) }
    }
}

fn rest(recorded: &Recorded, nearest: Option<(usize, Vec<String>)>) -> Rest {
    let (nearest, differences) = nearest.map_or((None, Vec::new()), |(line, differences)| (Some(line), differences));
    Rest {
        call: one_line(&format!("{} {}", recorded.request.method, recorded.request.target)),
        lane: one_line(&recorded.lane),
        line: recorded.line,
        nearest,
        differences,
    }
}

fn told(difference: &Difference) -> String {
    let Difference { place, recorded, live, .. } = difference;
    format!("{}: {recorded}{} there, {live} here", one_line(place), difference.remark())
}

/// How many calls of the first take one of the second is compared to.
const MOST_COMPARED: usize = 200;
/// How often the second take is played: each time it teaches fields, or it is the last.
const MOST_PASSES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cassette::sample::scene::{Scene, call, session};

    /// A take of a script: joins and looks, with values of its own.
    fn take(lane: &str, xuid: &str, values: [&str; 2], name: &str) -> Cassette {
        let mut scene = Scene::default();
        let body = format!(
            r#"{{"members":{{"me":{{"constants":{{"system":{{"xuid":"{xuid}"}}}},"properties":{{"custom":{{"ping":{},"build":"7","pings":[{},{}]}}}}}}}},"servers":{{"{xuid}":{{"at":"{}"}}}}}}"#,
            values[0], values[0], values[1], values[1]
        );
        scene.call(lane, &call("1", "PUT", &session(name), &body), 201, "{}");
        scene.call(lane, &call("1", "GET", &session(name), ""), 200, "{}");
        let mut cassette = scene.cassette();
        cassette.aliases.insert("xuid".into(), vec![xuid.into()]);
        cassette
    }

    fn first() -> Cassette {
        take("a", "9000000000000001", ["12", "3"], "s")
    }

    #[test]
    fn exactly_the_fields_that_differ_are_learned() {
        let second = take("b", "9000000000000007", ["31", "4"], "t");
        let lesson = learn(&first(), &second, Fields::default());
        assert_eq!(lesson.rest, []);
        let tables: Vec<_> = lesson.fields.iter().map(|field| field.table.as_str()).collect();
        let table = |pointer: &str| format!("[[volatile]]\nop = \"session.put\"\npointer = \"{pointer}\"");
        let custom = "/members/me/properties/custom";
        assert_eq!(
            tables,
            [table(&format!("{custom}/ping")), table(&format!("{custom}/pings/*")), table("/servers/*/at")]
        );
        assert_eq!(lesson.fields[0].seen, [(0, "12".to_owned()), (0, "31".to_owned())]);
        assert_eq!(lesson.fields[1].times, 2);
        assert_eq!(learn(&first(), &first(), Fields::default()), Lesson::default());
    }

    #[test]
    fn known_fields_are_not_learned_again() {
        let second = take("a", "9000000000000001", ["31", "3"], "s");
        let known = |pointer: &str| Field { op: None, spot: Spot::pointer(pointer).unwrap() };
        let volatile = vec![known("/members/me/properties/custom/ping")];
        let lesson = learn(&first(), &second, Fields { volatile, ..Fields::default() });
        assert_eq!(lesson.fields.len(), 1, "{lesson:?}");
        assert!(lesson.fields[0].table.contains("/pings/*"));
    }

    #[test]
    fn many_differences_are_all_learned() {
        let take = |start: u32| {
            let members: Vec<String> = (0..90).map(|at| format!("\"k{at}x\":{}", start + at)).collect();
            let mut scene = Scene::default();
            scene.call("a", &call("1", "PUT", &session("s"), &format!("{{{}}}", members.join(","))), 204, "");
            scene.cassette()
        };
        let lesson = learn(&take(0), &take(1000), Fields::default());
        assert_eq!((lesson.fields.len(), lesson.rest.len()), (90, 0));
    }

    #[test]
    fn what_no_field_covers_is_told_with_its_place() {
        let mut scene = Scene::default();
        let put = |body: &str| call("1", "PUT", &session("s"), body);
        scene.call("a", &put(r#"{"list":[1,2],"left":1}"#), 204, "");
        let old = scene.cassette();
        let mut scene = Scene::default();
        scene.call("a", &put(r#"{"list":[1]}"#), 204, "");
        scene.call("a", &put("{}"), 204, "");
        scene.call("a", &call("1", "DELETE", "/handles/h", ""), 204, "");
        let lesson = learn(&old, &scene.cassette(), Fields::default());
        assert_eq!(lesson.fields, []);
        let told: Vec<_> = lesson.rest.iter().map(|rest| (rest.nearest.is_some(), rest.differences.len())).collect();
        assert_eq!(told, [(true, 2), (false, 0), (false, 0)]);
        assert_eq!(lesson.rest[0].differences[0], "body /left: 1 there, absent here");
        assert_eq!(lesson.rest[2].call, "DELETE /handles/h");
    }

    #[test]
    fn reads_that_a_replay_repeats_are_no_difference() {
        let story = |reads: usize| {
            let mut scene = Scene::default();
            for _ in 0..reads {
                scene.call("a", &call("1", "GET", &session("s"), ""), 200, "{}");
            }
            scene.cassette()
        };
        assert_eq!(learn(&story(2), &story(5), Fields::default()), Lesson::default());
    }
}
