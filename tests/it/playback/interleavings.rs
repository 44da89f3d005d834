//! Three players' thirty calls in every order that causality permits, and in some that it forbids.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tapdeck::cassette::Cassette;
use tapdeck::dice::Dice;
use tapdeck::exchange::{Call, LaneKey, Protocol};
use tapdeck::message::{Body, Response};
use tapdeck::mpsd::Service;
use tapdeck::replay::{Live, Options, Played, Player, Reason, Recorded, Tape, difference};
use tempfile::TempDir;

use super::{Cast, Place, drawn, record, shuffled};

/// How many orders are drawn.
const ORDERS: u64 = 2_500;
const PLAYERS: usize = 3;

#[tokio::test]
async fn whatever_order_causality_permits_is_played_and_no_other() {
    let directory = TempDir::new().unwrap();
    let acts: Vec<_> = (0..PLAYERS).map(|player| drawn(player, 10)).collect();
    let (cassette, _) = record(directory.path(), &Cast::new(1, PLAYERS), &acts, &shuffled(&acts, 1)).await;
    let cassette = Cassette::read(&cassette).unwrap();
    let story = Story::of(&cassette);
    assert_eq!(story.calls.len(), 30);
    let tape = Arc::new(Tape::new(&cassette.aliases, story.calls.clone(), Vec::new()));
    let (mut orders, mut forbidden) = (BTreeSet::new(), Forbidden::default());
    for seed in 0..ORDERS {
        orders.insert(story.perform(&tape, seed, &mut forbidden));
    }
    assert!(orders.len() > 2_000, "{} different orders", orders.len());
    assert!(forbidden.writes > 1_000 && forbidden.reads > 1_000, "{forbidden:?}");
}

/// Calls that were tried before what must come before them.
#[derive(Debug, Default)]
struct Forbidden {
    writes: usize,
    reads: usize,
}

/// A recording as other people would play it.
struct Story {
    calls: Vec<Recorded>,
    lanes: Vec<String>,
    /// What must come before each call, in another lane.
    before: Vec<BTreeSet<usize>>,
    fresh: Vec<(String, String)>,
}

impl Story {
    fn of(cassette: &Cassette) -> Self {
        let mut calls = Recorded::all(cassette);
        overlap(&mut calls);
        let lanes: Vec<String> =
            calls.iter().map(|call| call.lane.clone()).collect::<BTreeSet<_>>().into_iter().collect();
        let before = (0..calls.len()).map(|at| (0..at).filter(|first| is_before(&calls[*first], &calls[at])).collect());
        let before = before.collect();
        Self { before, lanes, fresh: fresh_values(cassette), calls }
    }

    /// Plays one order, and tries what it forbids on the way; gives the order.
    fn perform(&self, tape: &Arc<Tape>, seed: u64, forbidden: &mut Forbidden) -> Vec<usize> {
        let options = Options { live: Live::All, ..Options::default() };
        let player = Player::new(Arc::clone(tape), options);
        for lane in 0..PLAYERS {
            player.assign(
                self.key(lane),
                player.tape().lanes().iter().position(|name| *name == self.lanes[lane]).unwrap(),
            );
        }
        let dice = Dice::new(seed);
        let mut next: Vec<Vec<usize>> = (0..PLAYERS).map(|lane| self.of_lane(lane)).collect();
        let (mut order, refused) = (Vec::new(), forbidden.writes);
        while order.len() < self.calls.len() {
            let drawn = dice.number("lane", u64::try_from(order.len()).unwrap());
            let lane = usize::try_from(drawn).unwrap_or_default() % PLAYERS;
            let lane = (lane..lane + PLAYERS).map(|lane| lane % PLAYERS).find(|lane| {
                let Some(at) = next[*lane].first() else { return false };
                let missing: Vec<usize> =
                    self.before[*at].iter().copied().filter(|first| !order.contains(first)).collect();
                if !missing.is_empty() {
                    self.refuses(&player, *lane, *at, &missing, forbidden);
                }
                missing.is_empty()
            });
            let lane = lane.expect("somebody may go on");
            let at = next[lane].remove(0);
            let (response, played) = self.attempt(&player, lane, at).expect("all that comes before it was done");
            assert!(
                matches!(played, Played::Hit(n) | Played::Bound(n) if n == at + 1),
                "{at} of {order:?}: {played:?}"
            );
            assert_eq!(difference(&self.answered(at), &response), None, "{at} of {order:?}");
            order.push(at);
        }
        assert_eq!((player.tally().misses, player.tally().unplayed), (forbidden.writes - refused, 0));
        order
    }

    /// Tries a call too early, which changes nothing.
    fn refuses(&self, player: &Player, lane: usize, at: usize, missing: &[usize], forbidden: &mut Forbidden) {
        assert!(self.attempt(player, lane, at).is_none(), "{at} comes before {missing:?}");
        if self.calls[at].request.method == "GET" {
            forbidden.reads += 1;
            return;
        }
        let call = self.call(lane, at);
        let rehearsed = player.tally();
        let (response, played) = player.answer(&call, &call);
        let Played::Miss(miss) = played else { panic!("{at} comes before {missing:?}: {played:?}") };
        let after = miss.after.as_deref().expect("it names what must come first");
        assert_eq!((response.status, miss.reason, miss.nearest[0].exchange), (501, Reason::TooEarly, at + 1));
        assert!(missing.contains(&(after.exchange - 1)), "{at} misses {missing:?}, not {after:?}");
        assert_eq!(player.tally().hits + player.tally().bound, rehearsed.hits + rehearsed.bound);
        forbidden.writes += 1;
    }

    fn of_lane(&self, lane: usize) -> Vec<usize> {
        (0..self.calls.len()).filter(|at| self.calls[*at].lane == self.lanes[lane]).collect()
    }

    fn attempt(&self, player: &Player, lane: usize, at: usize) -> Option<(Response, Played)> {
        let call = self.call(lane, at);
        player.attempt(&call, &call)
    }

    /// A call as somebody else would make it.
    fn call(&self, lane: usize, at: usize) -> Call {
        let mut request = self.calls[at].request.clone();
        request.target = self.fresh_text(&request.target);
        request.body = Body::plain(self.fresh_text(&text(&request.body)));
        request.headers.set("authorization", format!("XBL3.0 x=51000{lane};token{at}"));
        let service = Service::of_host(request.host()).unwrap();
        Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Protocol::H1, service, request)
    }

    fn key(&self, lane: usize) -> LaneKey {
        LaneKey::of(&self.call(lane, self.of_lane(lane)[0]))
    }

    /// The answer to that: the recorded one, about other people.
    fn answered(&self, at: usize) -> Response {
        let mut response = self.calls[at].response.clone();
        let plain = self.fresh_text(&text(&response.body));
        if plain != text(&response.body) {
            response.body = Body::encoded(plain.into_bytes(), response.body.coding());
        }
        for header in response.headers.iter_mut() {
            header.value = self.fresh_text(std::str::from_utf8(&header.value).unwrap()).into();
        }
        response
    }

    fn fresh_text(&self, text: &str) -> String {
        self.fresh.iter().fold(text.to_owned(), |text, (recorded, live)| text.replace(recorded, live))
    }
}

/// What the players of a take make up or are, and what others would in their place.
fn fresh_values(cassette: &Cassette) -> Vec<(String, String)> {
    let (then, now) = (Cast::new(1, PLAYERS), Cast::new(2, PLAYERS));
    let aliases = |class: &str| cassette.aliases.get(class).cloned().unwrap_or_default();
    let mut values: Vec<(String, String)> = Vec::new();
    values.extend(aliases("xuid").into_iter().zip(now.people.iter().map(|person| person.xuid.clone())));
    values.extend(aliases("address").into_iter().zip(now.people.iter().map(|person| person.address.clone())));
    for (number, (then_person, now_person)) in then.people.iter().zip(&now.people).enumerate() {
        values.push((then_person.connection.clone(), now_person.connection.clone()));
        values.push((then_person.subscription.clone(), now_person.subscription.clone()));
        values.push((then.session(Place::Own, number), now.session(Place::Own, number)));
    }
    values.push((then.session(Place::Shared, 0), now.session(Place::Shared, 0)));
    values
}

/// Makes every third pair of neighbours overlap, so that only their versions tell which came first.
fn overlap(calls: &mut [Recorded]) {
    for at in (0..calls.len() - 1).step_by(3) {
        if calls[at].lane != calls[at + 1].lane {
            let (answered, asked) = (calls[at].answered, calls[at + 1].asked);
            (calls[at].answered, calls[at + 1].asked) = (asked, answered);
        }
    }
}

/// True when one call of another player made what a later one tells of.
fn is_before(first: &Recorded, call: &Recorded) -> bool {
    let is_write = first.request.method == "PUT" && matches!(first.response.status, 200..300);
    if first.lane == call.lane || !is_write || session(first) != session(call) {
        return false;
    }
    let is_made = call.request.method == "PUT" && matches!(call.response.status, 200..300);
    let by_version = match (change(first), change(call)) {
        (Some(made), Some(shown)) => {
            if is_made {
                made < shown
            } else {
                made <= shown
            }
        }
        _ => false,
    };
    first.answered < call.asked || by_version
}

fn session(call: &Recorded) -> String {
    let posted = serde_json::from_str::<serde_json::Value>(&text(&call.request.body)).unwrap_or_default();
    let named = posted["sessionRef"]["name"].as_str().map(str::to_owned);
    let located = call.response.headers.text("content-location").map(str::to_owned);
    let target = named.or(located).unwrap_or_else(|| call.request.target.clone());
    target.rsplit('/').next().unwrap_or_default().to_lowercase()
}

fn change(call: &Recorded) -> Option<u64> {
    serde_json::from_str::<serde_json::Value>(&text(&call.response.body)).ok()?["changeNumber"].as_u64()
}

fn text(body: &Body) -> String {
    String::from_utf8(body.decoded().unwrap().to_vec()).unwrap()
}
