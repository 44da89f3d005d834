//! Every part of every recorded call, changed: what must be the same is missed at its place, what may differ is not.
//!
//! A part is changed as the cassette's own explanation says it is compared, so that the two cannot say different things.
//! Each recording is played once as it is and once with fresh values of the clients' own; before each call, every
//! change that must be missed is tried on the very player that then plays the call: a miss consumes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::path::Path;

use tapdeck::cassette::Cassette;
use tapdeck::dice::Dice;
use tapdeck::exchange::{Call, LaneKey, Protocol};
use tapdeck::json::{Doc, Kind, Node};
use tapdeck::message::{Body, Request, Response};
use tapdeck::mpsd::name::is_guid;
use tapdeck::mpsd::target::{parameters, percent_decode, percent_encode};
use tapdeck::mpsd::{Service, resolve};
use tapdeck::replay::{
    Explanation, Field, Fields, How, Live, Options, OwnValue, Part, Played, Player, Recorded, Spot, Tape,
};
use tapdeck::slot::Class;

#[test]
fn every_part_of_the_examples_counts_as_explained() {
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("cassettes")).unwrap() {
        let cassette = Cassette::read(&entry.unwrap().path()).unwrap();
        let tried = check(&cassette);
        assert!(tried > 20, "{}: only {tried} changes", cassette.file.display());
    }
}

#[test]
fn a_title_may_let_every_field_of_its_own_differ() {
    let cassette = Path::new(env!("CARGO_MANIFEST_DIR")).join("cassettes/lobby-race.cassette.json");
    let cassette = Cassette::read(&cassette).unwrap();
    let volatile = ["/properties/custom/*", "/members/*/properties/custom"]
        .map(|pointer| Field { op: None, spot: Spot::pointer(pointer).unwrap() });
    let fields = Fields { volatile: volatile.to_vec(), ..Fields::default() };
    let trial = Trial::new(&cassette, fields, Run::Fresh);
    let volatile = |part: &&Part| part.how == How::Volatile && part.place.contains("/custom");
    assert!(trial.explained.iter().flat_map(|explained| explained.parts.iter().filter(volatile)).count() > 2);
    trial.all();
}

/// Tries every change of every call of a cassette; gives how many there were.
pub(crate) fn check(cassette: &Cassette) -> usize {
    [Run::AsRecorded, Run::Fresh].map(|run| Trial::new(cassette, Fields::default(), run).all()).iter().sum()
}

/// Whose values the clients have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    /// Those of the cassette.
    AsRecorded,
    /// Their own.
    Fresh,
}

/// Clients' own values that have been seen.
#[derive(Default)]
struct Known {
    /// In calls.
    told: BTreeSet<(Class, String)>,
    /// In answers first.
    shown: BTreeSet<(Class, String)>,
}

impl Known {
    fn add(&mut self, explained: &Explanation, run: Run) {
        let is_own = |key: &(Class, String)| run == Run::Fresh || !self.shown.contains(key);
        self.told.extend(explained.parts.iter().flat_map(own).map(key).filter(is_own));
        self.shown.extend(explained.answered.iter().map(key).filter(|key| !self.told.contains(key)));
    }
}

struct Trial {
    cassette: Cassette,
    fields: Fields,
    run: Run,
    recorded: Vec<Recorded>,
    explained: Vec<Explanation>,
}

impl Trial {
    fn new(cassette: &Cassette, fields: Fields, run: Run) -> Self {
        let tape = Tape::of_title(cassette, fields.clone());
        let explained = (1..=tape.exchanges()).map(|exchange| tape.explain(exchange).unwrap()).collect();
        Self { cassette: cassette.clone(), fields, run, recorded: Recorded::all(cassette), explained }
    }

    fn all(&self) -> usize {
        let mut tried = 0;
        let player = self.player_at(0);
        let mut known = Known::default();
        for at in 0..self.recorded.len() {
            self.covers_the_body(at);
            if self.recorded[at].response_withheld.is_none() {
                tried += self.changes(&player, at, &known);
            }
            self.plays(&player, at, &self.call(at, &self.values(at)));
            known.add(&self.explained[at], self.run);
        }
        assert_eq!(player.tally().unplayed, 0, "{}", self.named(0));
        tried
    }

    /// Tries every change of one call on a player that has come to it.
    fn changes(&self, player: &Player, at: usize, known: &Known) -> usize {
        let mut tried = 0;
        for part in self.explained[at].parts.iter().filter(|part| is_changed(part)) {
            tried += 1;
            let here = text_at(&self.recorded[at].request, &part.place);
            let changed = self.changed(at, &part.place, other(&here));
            match &part.how {
                How::Exact | How::AnyCase => self.missed(player, at, &changed, &[&part.place]),
                How::Version(_) if is_read(&self.explained[at]) => {}
                How::Version(_) => self.missed(player, at, &changed, &[&part.place]),
                How::Volatile | How::Secret => self.still_plays(at, &changed),
                How::Bound(own) => self.changes_own(player, at, part, own, known),
            }
        }
        tried
    }

    /// One occurrence of a client's own value becomes another value: that is found out where the value is known by now
    /// or stands elsewhere in the call; else it is the client's own, then.
    fn changes_own(&self, player: &Player, at: usize, part: &Part, own_values: &[OwnValue], known: &Known) {
        for own_value in own_values.iter().filter(|own_value| !self.may_be_another(at, part, own_value, known)) {
            let text = self.live_text(at, part, Some(own_value));
            let changed = self.changed(at, &part.place, text);
            let shares = |part: &&Part| own(part).iter().any(|own| key(own) == key(own_value));
            let places: Vec<&str> =
                self.explained[at].parts.iter().filter(shares).map(|part| part.place.as_str()).collect();
            let is_echo = self.run == Run::AsRecorded && known.shown.contains(&key(own_value));
            if is_echo {
                // What was shown as it is recorded may be anybody's who has not come yet.
            } else if known.told.contains(&key(own_value)) {
                self.missed(player, at, &changed, &[&part.place]);
            } else if places.len() > 1 {
                self.missed(player, at, &changed, &places);
            } else {
                self.still_plays(at, &changed);
            }
        }
    }

    /// True when a strange value makes this call another one, that comes later, of something not heard of yet.
    fn may_be_another(&self, at: usize, part: &Part, value: &OwnValue, known: &Known) -> bool {
        let here = &self.explained[at];
        let is_alike = |later: &&Explanation| later.op == here.op && later.lane == here.lane;
        let parts = self.explained[at + 1..].iter().filter(is_alike).flat_map(|later| &later.parts);
        let mut values = parts.filter(|other| other.place == part.place).flat_map(own);
        values.any(|other| key(other) != key(value) && !known.told.contains(&key(other)))
    }

    fn missed(&self, player: &Player, at: usize, call: &Call, places: &[&str]) {
        let (_, played) = self.answer(player, call, at);
        let Played::Miss(miss) = &played else {
            panic!("{} is played as {played:?} though {places:?} changed", self.named(at));
        };
        let exchange = at + 1;
        let near = miss.nearest.iter().find(|near| near.exchange == exchange);
        let found = |place: &str| near.is_some_and(|near| near.differences.iter().any(|one| is_at(&one.place, place)));
        assert!(places.iter().any(|place| found(place)), "{}: {places:?} changed, but: {miss:#?}", self.named(at));
    }

    fn still_plays(&self, at: usize, call: &Call) {
        self.plays(&self.player_at(at), at, call);
    }

    fn plays(&self, player: &Player, at: usize, call: &Call) {
        let (_, played) = self.answer(player, call, at);
        let is_played = matches!(played, Played::Hit(exchange) | Played::Bound(exchange) if exchange == at + 1);
        let is_missed = matches!(&played, Played::Miss(_)) && self.recorded[at].response_withheld.is_some();
        assert!(is_played || is_missed, "{}: {played:#?}\n{:#?}", self.named(at), call.request);
    }

    fn answer(&self, player: &Player, call: &Call, at: usize) -> (Response, Played) {
        let lane = self.lane(at);
        let key = LaneKey::of(call);
        player.assign(key.clone(), lane);
        if self.recorded[at].response.status == 101 {
            let (response, played, _) = player.open_as(key, call, call);
            (response, played)
        } else {
            player.answer_as(key, call, call)
        }
    }

    /// A player that has played everything before a call.
    fn player_at(&self, at: usize) -> Player {
        let options = Options { live: Live::All, ..Options::default() };
        let player = Player::new(Tape::of_title(&self.cassette, self.fields.clone()), options);
        for before in 0..at {
            self.plays(&player, before, &self.call(before, &self.values(before)));
        }
        player
    }

    fn lane(&self, at: usize) -> usize {
        self.cassette
            .exchanges()
            .map(|record| &record.lane)
            .fold(Vec::new(), |mut lanes: Vec<&str>, lane| {
                if !lanes.contains(&lane.as_str()) {
                    lanes.push(lane);
                }
                lanes
            })
            .iter()
            .position(|lane| *lane == self.recorded[at].lane)
            .unwrap()
    }

    /// The texts of the parts that hold a client's own values, in this run.
    fn values(&self, at: usize) -> BTreeMap<String, String> {
        let bound = self.explained[at].parts.iter().filter(|part| !own(part).is_empty() && is_changed(part));
        bound.map(|part| (part.place.clone(), self.live_text(at, part, None))).collect()
    }

    /// The text of a part in this run; with one value in it that is neither the cassette's nor the client's.
    fn live_text(&self, at: usize, part: &Part, strange: Option<&OwnValue>) -> String {
        let mut text = text_at(&self.recorded[at].request, &part.place);
        for value in own(part) {
            let live = match (self.run, strange) {
                (_, Some(strange)) if strange.value == value.value => fresh(value, "strange"),
                (Run::Fresh, _) => fresh(value, "live"),
                (Run::AsRecorded, _) => continue,
            };
            text = text.replacen(&value.value, &live, 1);
        }
        text
    }

    fn changed(&self, at: usize, place: &str, text: String) -> Call {
        let mut values = self.values(at);
        values.insert(place.to_owned(), text);
        self.call(at, &values)
    }

    fn call(&self, at: usize, values: &BTreeMap<String, String>) -> Call {
        let recorded = &self.recorded[at];
        let request = with(&recorded.request, values);
        let client = IpAddr::V4(Ipv4Addr::new(10, 0, 0, u8::try_from(self.lane(at)).unwrap()));
        Call::new(client, Protocol::H1, Service::behind(request.host()), request)
    }

    /// Each leaf of the body is explained.
    fn covers_the_body(&self, at: usize) {
        let body = self.recorded[at].request.body.decoded().cloned().unwrap_or_default();
        let Ok(body) = serde_json::from_slice::<serde_json::Value>(&body) else { return };
        let places: Vec<&str> = self.explained[at].parts.iter().map(|part| part.place.as_str()).collect();
        let mut pending = vec![(String::new(), &body)];
        while let Some((pointer, value)) = pending.pop() {
            let step = |name: &str| format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            let place = format!("body {}", if pointer.is_empty() { "/" } else { &pointer });
            match value {
                _ if places.contains(&place.as_str()) => {}
                serde_json::Value::Object(members) if !members.is_empty() => {
                    pending.extend(members.iter().map(|(name, value)| (step(name), value)));
                }
                serde_json::Value::Array(items) if !items.is_empty() => {
                    pending.extend(items.iter().enumerate().map(|(at, value)| (step(&at.to_string()), value)));
                }
                _ => panic!("{}: {place} is not explained", self.named(at)),
            }
        }
    }

    fn named(&self, at: usize) -> String {
        format!("{:?} {} exchange {}", self.run, self.cassette.file.display(), at + 1)
    }
}

/// Who calls is no text to change.
fn is_changed(part: &Part) -> bool {
    !matches!(part.place.as_str(), "header authorization" | "trailers")
}

fn is_read(explained: &Explanation) -> bool {
    explained.call.starts_with("GET ")
}

/// A difference is noted at a part's place; of a query whose names differ, as a whole.
fn is_at(noted: &str, place: &str) -> bool {
    let place = place.strip_prefix("key of ").unwrap_or(place);
    noted == place || (place.starts_with("query ") && noted == "query")
}

fn own(part: &Part) -> &[OwnValue] {
    match &part.how {
        How::Bound(own) => own,
        _ => &[],
    }
}

/// What makes two values one.
fn key(own: &OwnValue) -> (Class, String) {
    let class = if own.class == Class::Guid { Class::Session } else { own.class };
    (class, own.value.to_lowercase())
}

/// Another value of the same kind, the same for each spelling of a value.
fn fresh(own: &OwnValue, whose: &str) -> String {
    let OwnValue { class, value, .. } = own;
    let dice = Dice::new(7);
    let scope = format!("{whose} {}", if *class == Class::Address { value.clone() } else { value.to_lowercase() });
    let number = dice.number(&scope, 0);
    let text = match class {
        Class::Session | Class::Guid if is_guid(value) => dice.guid(&scope, 1),
        Class::Session => format!("fresh-{}", dice.hex32(&scope, 1)),
        Class::Guid => dice.guid(&scope, 1),
        Class::Xuid => format!("2814{:012}", number % 1_000_000_000_000),
        Class::UserHash => format!("{:018}", number % 1_000_000_000_000_000_000),
        Class::Gamertag => format!("fresh{}", number % 1_000_000),
        Class::Address => format!("{}AAAA", dice.hex32(&scope, 1)),
        Class::DeviceToken => dice.hex32(&scope, 1),
        Class::Ip => format!("10.{}.{}.{}", number % 250, (number >> 8) % 250, (number >> 16) % 250),
        Class::Email => format!("fresh{}@example.invalid", number % 1_000_000),
        Class::Secret => unreachable!("secrets are never bound"),
    };
    if value.chars().any(char::is_uppercase) && *value == value.to_uppercase() { text.to_uppercase() } else { text }
}

/// A value that nothing recorded has.
fn other(here: &str) -> String {
    match here.parse::<i64>() {
        Ok(number) => (i128::from(number) + 1_000_003).to_string(),
        Err(_) if here.parse::<f64>().is_ok() => format!("1{here}"),
        Err(_) => format!("{here}~other"),
    }
}

fn text_at(request: &Request, place: &str) -> String {
    if place == "body" {
        return String::from_utf8_lossy(&request.body.decoded().cloned().unwrap_or_default()).into_owned();
    }
    let (kind, name) = place.rsplit_once(' ').unwrap_or((place, ""));
    match kind {
        "path" if name.is_empty() => request.path().to_owned(),
        "body" | "key of body" => {
            let body = request.body.decoded().cloned().unwrap_or_default();
            let doc = Doc::parse(&body).unwrap();
            let node = node_at(doc.root(), place);
            node.str().map_or_else(|| String::from_utf8(node.raw().to_vec()).unwrap(), |text| text.into_owned())
        }
        "header" => request.headers.text(name).unwrap().to_owned(),
        _ => percent_decode(&request.target[span_at(request, place)]).into_owned(),
    }
}

fn node_at<'d>(root: Node<'d>, place: &str) -> Node<'d> {
    let pointer = place.rsplit_once(' ').unwrap().1;
    let mut at = (root, root);
    for step in pointer.split('/').skip(1).filter(|_| pointer != "/") {
        let name = step.replace("~1", "/").replace("~0", "~");
        at = match at.1.kind() {
            Kind::Object => at.1.members().find(|(key, _)| key.str().unwrap() == name).unwrap(),
            _ => (at.1, at.1.items().nth(name.parse().unwrap()).unwrap()),
        };
    }
    if place.starts_with("key of ") { at.0 } else { at.1 }
}

/// Where a part of the path or the query stands in the target.
fn span_at(request: &Request, place: &str) -> Range<usize> {
    let (kind, name) = place.split_once(' ').unwrap();
    let resolution = resolve(Service::behind(request.host()), &request.method, &request.target);
    if kind == "path" {
        let operation = resolution.operation().unwrap();
        let is_it = |known: &str| known.to_lowercase() == name;
        return operation.params().find(|(known, _)| is_it(&format!("{known:?}"))).unwrap().1.span.clone();
    }
    let all = parameters(&request.target);
    let (name, value) = all.into_iter().find(|(known, _)| known.text == name).unwrap();
    value.map_or(name.span.end..name.span.end, |value| value.span)
}

/// A request with other texts at some places.
fn with(request: &Request, values: &BTreeMap<String, String>) -> Request {
    let mut request = request.clone();
    let body = request.body.decoded().cloned().unwrap_or_default();
    let mut in_target: Vec<(Range<usize>, String)> = Vec::new();
    let mut in_body: Vec<(Range<usize>, String)> = Vec::new();
    let doc = Doc::parse(&body);
    for (place, text) in values {
        let (kind, name) = place.rsplit_once(' ').unwrap_or((place, ""));
        match kind {
            "path" if name.is_empty() => in_target.push((0..request.path().len(), text.clone())),
            "body" if name.is_empty() => in_body.push((0..body.len(), text.clone())),
            "body" | "key of body" => {
                let node = node_at(doc.as_ref().unwrap().root(), place);
                in_body.push((node.span(), json(node, text)));
            }
            "header" => request.headers.set(name, text.clone()),
            _ => in_target.push((span_at(&request, place), percent_encode(text))),
        }
    }
    request.target = String::from_utf8(spliced(request.target.as_bytes(), in_target)).unwrap();
    if !in_body.is_empty() {
        request.body = Body::plain(spliced(&body, in_body));
    }
    request
}

fn json(node: Node<'_>, text: &str) -> String {
    match node.kind() {
        Kind::String => serde_json::Value::from(text).to_string(),
        Kind::Number => text.to_owned(),
        Kind::Bool => (!node.bool().unwrap()).to_string(),
        Kind::Null => "true".to_owned(),
        Kind::Object | Kind::Array => "1".to_owned(),
    }
}

fn spliced(bytes: &[u8], mut pieces: Vec<(Range<usize>, String)>) -> Vec<u8> {
    pieces.sort_by_key(|(span, _)| span.start);
    let mut out = bytes.to_vec();
    for (span, text) in pieces.into_iter().rev() {
        out.splice(span, text.into_bytes());
    }
    out
}
