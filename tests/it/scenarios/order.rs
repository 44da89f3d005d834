//! No tap ever precedes its cause and none is lost, however slow anybody is.
//!
//! Four players write, read and listen in an order and with delays of 0 to 5 s that a seed decides; each answer's record
//! takes its time as well. What every one of them must hear is worked out from what was written.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};
use tapdeck::clock::{Clock, virtual_start};
use tapdeck::dice::Dice;
use tapdeck::emulator::{Emulator, Settings, Ticket};
use tapdeck::message::{Headers, Response};
use tapdeck::socket::{Message, SocketId};

use super::cast::{FIRST, Player, cast};
use super::clients;
use super::world::call;

#[test]
fn no_tap_precedes_its_cause_and_none_is_lost() {
    for seed in 0..SEEDS {
        let mut table = Table::new(seed);
        for step in 0..STEPS {
            table.step(step);
        }
        table.drained();
    }
}

/// Everybody at one session, and what is still to be heard.
struct Table {
    emulator: Emulator,
    seed: u64,
    drawn: u64,
    change: u64,
    /// The answers that are not on record yet: their tickets, and the change each made, if any.
    unrecorded: Vec<(Ticket, Option<u64>)>,
    /// By player: the connection, what it asked for, and the changes it must hear of, in order.
    listeners: BTreeMap<&'static str, Listener>,
    /// The connection of player D, who asks for no taps.
    quiet: Value,
    is_d_in: bool,
}

struct Listener {
    socket: SocketId,
    asked: &'static [&'static str],
    owed: VecDeque<u64>,
}

impl Table {
    fn new(seed: u64) -> Self {
        let mut settings = Settings::new(seed, Clock::manual(virtual_start()));
        settings.cast = cast(FIRST, None);
        let mut table = Self {
            emulator: Emulator::new(settings),
            seed,
            drawn: 0,
            change: 0,
            unrecorded: Vec::new(),
            listeners: BTreeMap::new(),
            quiet: Value::Null,
            is_d_in: false,
        };
        for (player, asked) in ASKED {
            table.sit_down(player, asked);
        }
        table.quiet = table.connect("D").1;
        table
    }

    /// A player's new connection, and its id.
    fn connect(&self, player: &str) -> (SocketId, Value) {
        let opening = call(&Player::of(player, FIRST), "rta", "GET", "/connect", &upgrade(), b"");
        let socket = self.emulator.open(&opening).unwrap();
        self.emulator.hear(socket, &Message::text(SUBSCRIBE));
        let reply: Value = serde_json::from_str(self.emulator.next(socket).unwrap().as_text().unwrap()).unwrap();
        (socket, reply[4]["ConnectionId"].clone())
    }

    fn sit_down(&mut self, player: &'static str, asked: &'static [&'static str]) {
        let (socket, connection) = self.connect(player);
        self.listeners.insert(player, Listener { socket, asked, owed: VecDeque::new() });
        let id = Dice::new(self.seed).guid(player, 0);
        let system = json!({
            "active": true, "connection": connection, "secureDeviceAddress": format!("AAAAAAA{player}"),
            "subscription": { "id": id, "changeTypes": asked },
        });
        self.write(player, &json!({ "members": { "me": { "properties": { "system": system } } } }), JOINING);
    }

    /// A number below a limit; the seed decides which.
    fn draw(&mut self, below: u64) -> u64 {
        self.drawn += 1;
        Dice::new(self.seed).number("order", self.drawn) % below
    }

    fn step(&mut self, step: u64) {
        let delay = self.draw(5_001);
        self.emulator.advance(Duration::from_millis(delay));
        let player = ["A", "B", "C"][usize::try_from(self.draw(3)).unwrap()];
        match self.draw(12) {
            0 | 1 => self.write(player, &json!({ "properties": { "custom": { "tick": step } } }), &["customProperty"]),
            2 => {
                let custom = json!({ "members": { "me": { "properties": { "custom": { "tick": step } } } } });
                self.write(player, &custom, &["membersCustomProperty"]);
            }
            3 => self.write(
                player,
                &json!({ "properties": { "system": { "closed": step.is_multiple_of(2) } } }),
                &["joinability"],
            ),
            4 => self.write(player, &json!({}), &[]),
            5 => self.come_or_go(),
            6 => self.take_host(player),
            7..9 => self.record(),
            _ => {
                let heard = self.hear(player);
                assert!(heard || self.is_held_back(player), "seed {}: {player} hears nothing", self.seed);
            }
        }
    }

    /// Player D comes, or goes again. D never listens.
    fn come_or_go(&mut self) {
        if self.is_d_in {
            self.write("D", &json!({ "members": { "me": null } }), &["membersList", "membersStatus"]);
        } else {
            self.write("A", &json!({ "properties": { "system": { "closed": false } } }), &["joinability"]);
            let system = json!({ "active": true, "connection": self.quiet });
            self.write("D", &json!({ "members": { "me": { "properties": { "system": system } } } }), JOINING);
        }
        self.is_d_in = !self.is_d_in;
    }

    fn take_host(&mut self, player: &'static str) {
        let session: Value = serde_json::from_slice(self.get(player).body.decoded().unwrap()).unwrap();
        let members = session["members"].as_object().unwrap();
        let own = Player::of(player, FIRST).xuid;
        let me = members.values().find(|member| member["constants"]["system"]["xuid"] == own.as_str()).unwrap();
        self.write(player, &json!({ "properties": { "system": { "host": me["deviceToken"] } } }), &["host"]);
    }

    /// Writes, and notes who must hear of it, if it changed anything. The record is not made yet.
    fn write(&mut self, player: &'static str, body: &Value, changed: &[&str]) {
        let reply = self.emulator.answer(&call(
            &Player::of(player, FIRST),
            "sessiondirectory",
            "PUT",
            PATH,
            &headers(),
            body.to_string().as_bytes(),
        ));
        let text = String::from_utf8_lossy(reply.response.body.decoded().unwrap()).into_owned();
        assert!(matches!(reply.response.status, 200 | 201), "seed {}: {player} {body}: {text}", self.seed);
        let session: Value = serde_json::from_str(&text).unwrap();
        let change = session["changeNumber"].as_u64().unwrap();
        let is_changed = change > self.change;
        if is_changed {
            assert_eq!(change, self.change + 1, "seed {}: one write, one change", self.seed);
            self.change = change;
            for listener in self.listeners.values_mut() {
                let covers = listener.asked.iter().any(|asked| *asked == "everything" || changed.contains(asked));
                if covers {
                    listener.owed.push_back(change);
                }
            }
        }
        self.unrecorded.push((reply.ticket, is_changed.then_some(change)));
    }

    /// An answer gets its record, not always the oldest.
    fn record(&mut self) {
        if !self.unrecorded.is_empty() {
            let at = self.draw(self.unrecorded.len() as u64);
            let (ticket, _) = self.unrecorded.remove(usize::try_from(at).unwrap());
            self.emulator.release(ticket);
        }
    }

    /// True when a player's next tap must wait: nothing is owed, or its cause is not on record.
    fn is_held_back(&self, player: &str) -> bool {
        let next = self.listeners[player].owed.front();
        next.is_none_or(|next| self.unrecorded.iter().any(|(_, change)| *change == Some(*next)))
    }

    /// The player hears its next tap, if there is one: the one that is due, after its cause.
    fn hear(&mut self, player: &'static str) -> bool {
        let Some(message) = self.emulator.next(self.listeners[player].socket) else { return false };
        let place = format!("seed {}: {player}", self.seed);
        let event: Value = serde_json::from_str(message.as_text().unwrap()).unwrap();
        clients::check_message(&event, &place);
        assert!(!self.is_held_back(player), "{place} hears {event} before its cause is on record");
        let expected = self.listeners.get_mut(player).unwrap().owed.pop_front();
        let tap = &event[2]["shoulderTaps"][0];
        assert_eq!(tap["changeNumber"].as_u64(), expected, "{place}: {event}");
        let session: Value = serde_json::from_slice(self.get(player).body.decoded().unwrap()).unwrap();
        assert!(session["changeNumber"].as_u64() >= expected, "{place}: the session is older than its tap");
        true
    }

    fn get(&self, player: &str) -> Response {
        let player = Player::of(player, FIRST);
        let reply = self.emulator.answer(&call(&player, "sessiondirectory", "GET", PATH, &headers(), b""));
        self.emulator.release(reply.ticket);
        assert_eq!(reply.response.status, 200);
        reply.response
    }

    /// When all is on record everybody hears what is left, and nothing else.
    fn drained(mut self) {
        while !self.unrecorded.is_empty() {
            self.record();
        }
        let players: BTreeSet<&'static str> = self.listeners.keys().copied().collect();
        for player in players {
            while self.hear(player) {}
            assert_eq!(self.listeners[player].owed, VecDeque::new(), "seed {}: {player} was not told", self.seed);
        }
    }
}

fn headers() -> Headers {
    [("x-xbl-contract-version", "107"), ("content-type", "application/json")].into_iter().collect()
}

fn upgrade() -> Headers {
    [("upgrade", "websocket")].into_iter().collect()
}

const PATH: &str = "/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/lobby/sessions/L1";

const SUBSCRIBE: &str = r#"[1,1,"https://sessiondirectory.xboxlive.com/connections/"]"#;

const JOINING: &[&str] = &["membersList"];

/// Who listens, and to what.
const ASKED: [(&str, &[&str]); 3] =
    [("A", &["everything"]), ("B", &["host", "membersList"]), ("C", &["customProperty", "joinability"])];

const SEEDS: u64 = 12;

const STEPS: u64 = 120;
