//! A scenario file: its steps, and how each is played.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tapdeck::clock::{Clock, virtual_start};
use tapdeck::dice::Dice;
use tapdeck::emulator::{Settings, Templates};
use tapdeck::message::{Headers, Response};

use super::cast::{FIRST, PLAYERS, Player, Ties, cast};
use super::clients;
use super::values::Values;
use super::world::{Ask, World};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Script {
    pub(super) title: String,
    #[serde(default)]
    sessions: Vec<String>,
    #[serde(default)]
    guids: Vec<String>,
    #[serde(default)]
    addresses: Vec<String>,
    /// JSON that stands in many places, by name.
    #[serde(default, rename = "let")]
    fragments: BTreeMap<String, Value>,
    /// Policies that are not at their defaults.
    #[serde(default)]
    policies: Map<String, Value>,
    /// Templates beside the built-in ones.
    #[serde(default)]
    templates: Map<String, Value>,
    /// Who follows whom; without it everybody follows everybody.
    graph: Option<BTreeMap<String, Ties>>,
    /// Players no replay can tell apart by what they do, so that it must be told who is whose stand-in.
    #[serde(default)]
    look_alikes: bool,
    /// Rules of the contract that clients break here and get away with.
    #[serde(default)]
    pub(super) breaks: Vec<String>,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Step {
    r#as: Option<String>,
    r#do: Option<String>,
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, Option<String>>,
    body: Option<Value>,
    /// A body that is no JSON, or must stand as it is.
    raw: Option<String>,
    times: Option<u64>,
    #[serde(default)]
    pause: u64,
    open: Option<String>,
    listen: Option<String>,
    protocol: Option<String>,
    status: Option<u16>,
    see: Option<Value>,
    /// Headers of the answer.
    #[serde(default)]
    head: BTreeMap<String, String>,
    on: Option<String>,
    say: Option<Value>,
    hear: Option<Value>,
    tap: Option<String>,
    change: Option<u64>,
    r#for: Option<String>,
    at: Option<String>,
    #[serde(default)]
    quiet: Vec<String>,
    hang_up: Option<String>,
    #[serde(default)]
    resync: bool,
    advance: Option<u64>,
    #[expect(dead_code, reason = "for whoever reads the file")]
    note: Option<String>,
}

impl Script {
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The emulator it is played against.
    pub(super) fn settings(&self, run: &str) -> Settings {
        let mut settings = Settings::new(7, Clock::manual(virtual_start()));
        settings.policies = serde_json::from_value(Value::Object(self.policies.clone())).unwrap();
        settings.templates = Templates::read(&Value::Object(self.templates.clone()).to_string()).unwrap();
        settings.cast = cast(run, self.graph.as_ref());
        settings
    }

    /// True when the clock moves in it.
    pub(super) fn takes_time(&self) -> bool {
        self.steps.iter().any(|step| step.advance.is_some() || step.pause > 0)
    }

    /// The players to be assigned to the recorded ones, in the order these came.
    pub(super) fn assigned(&self) -> Vec<&str> {
        if self.look_alikes { self.players() } else { Vec::new() }
    }

    /// The players, in the order they came.
    pub(super) fn players(&self) -> Vec<&str> {
        let mut players: Vec<&str> = Vec::new();
        for player in self.steps.iter().filter_map(|step| step.r#as.as_deref()) {
            if !players.contains(&player) {
                players.push(player);
            }
        }
        players
    }

    /// Plays what one player does, and hears what that one is told; the others are played by a recording. What they
    /// would have told it of in other ways, `told` knows. Answers have to have their status.
    pub(super) async fn play_alone(&self, player: &str, world: &mut World, told: &Values) {
        let run = world.run().to_owned();
        let mut values = self.values(&run);
        let own = std::mem::replace(&mut values.known, told.known.clone());
        values.known.extend(own);
        values.is_alone = true;
        for (at, step) in self.steps.iter().enumerate().filter(|(_, step)| step.is_of(player)) {
            values.place = format!("{} ({player} alone), step {}", self.title, at + 1);
            step.play(world, &mut values).await;
        }
    }

    /// Plays every step; the world's run decides everything the clients make up. In the end nothing was left unheard.
    pub(super) async fn play(&self, world: &mut World) -> Values {
        let run = world.run().to_owned();
        let mut values = self.values(&run);
        for (at, step) in self.steps.iter().enumerate() {
            values.place = format!("{} ({run}), step {}", self.title, at + 1);
            step.play(world, &mut values).await;
        }
        for socket in world.sockets() {
            assert_eq!(world.unheard(&socket).await, None, "{}: {socket} at the end", self.title);
        }
        values
    }

    fn values(&self, run: &str) -> Values {
        let dice = Dice::new(7);
        let mut known = BTreeMap::new();
        let mut know = |name: String, value: String| {
            known.insert(name, Value::String(value));
        };
        know("scid".into(), SCID.into());
        know("S".into(), format!("/serviceconfigs/{SCID}/sessionTemplates"));
        let mut fragments = self.fragments.clone();
        for player in PLAYERS {
            know(format!("{player}.xuid"), Player::of(player, run).xuid);
            know(format!("{player}.sub"), dice.guid(&format!("{run}:{player}.sub"), 0));
            fragments.insert(format!("{player}.in"), member(player));
        }
        for name in &self.sessions {
            // A first run spells names as the documents do, others as clients do.
            let fresh = dice.guid(&format!("{run}:{name}"), 0).to_uppercase();
            know(name.clone(), if run == FIRST { name.clone() } else { fresh });
        }
        for name in &self.guids {
            know(name.clone(), dice.guid(&format!("{run}:{name}"), 0));
        }
        for name in &self.addresses {
            know(name.clone(), format!("AAAAAAAA{}", dice.hex32(&format!("{run}:{name}"), 0)));
        }
        Values { known, fragments, now: virtual_start(), place: String::new(), is_alone: false }
    }
}

/// What a player writes who is there, listens, and wants to know everything.
fn member(player: &str) -> Value {
    json!({
        "constants": { "system": { "xuid": format!("${{{player}.xuid}}") } },
        "properties": { "system": {
            "active": true,
            "connection": format!("${{{player}.connection}}"),
            "subscription": { "id": format!("${{{player}.sub}}"), "changeTypes": ["everything"] },
        } },
    })
}

impl Step {
    /// True for what a player does, or hears on its own socket.
    fn is_of(&self, player: &str) -> bool {
        if self.quiet.iter().any(|socket| socket[..1].to_uppercase() == player) {
            return true;
        }
        let socket = self.on.as_ref().map(|socket| socket[..1].to_uppercase());
        self.r#as.as_deref().or(socket.as_deref()) == Some(player)
    }

    async fn play(&self, world: &mut World, values: &mut Values) {
        if let Some(milliseconds) = self.advance {
            move_on(milliseconds, world, values);
        } else if let Some(call) = &self.r#do {
            let place = values.place.clone();
            for n in 1..=self.times.unwrap_or(1) {
                if n > 1 {
                    move_on(self.pause, world, values);
                    values.place = format!("{place}, time {n}");
                }
                values.known.insert("n".to_owned(), n.into());
                self.call(call, world, values).await;
            }
        } else if let Some(socket) = &self.open {
            self.open(socket, self.protocol.as_deref(), world, values).await;
        } else if let Some(socket) = &self.listen {
            self.listen(socket, world, values).await;
        } else if self.resync {
            world.resync();
        } else if !self.quiet.is_empty() {
            let open = world.sockets();
            for socket in self.quiet.iter().filter(|socket| open.contains(socket) || !values.is_alone) {
                assert_eq!(world.untimely(socket).await, None, "{}: {socket} is not quiet", values.place);
            }
        } else {
            self.talk(world, values).await;
        }
    }

    async fn call(&self, call: &str, world: &mut World, values: &mut Values) {
        let (method, target) = call.split_once(' ').unwrap();
        let body = match (&self.body, &self.raw) {
            (Some(body), None) => values.filled(body).to_string().into_bytes(),
            (None, Some(raw)) => values.text(raw).into_bytes(),
            _ => Vec::new(),
        };
        let ask = Ask {
            player: Player::of(self.r#as.as_ref().unwrap(), world.run()),
            host: self.host.clone().unwrap_or_else(|| "sessiondirectory".to_owned()),
            method: method.to_owned(),
            target: values.text(target),
            headers: self.headers(values),
            body,
        };
        let response = world.call(&ask).await;
        let place = format!("{}: {} {}", values.place, ask.method, ask.target);
        let text = String::from_utf8_lossy(response.body.decoded().unwrap()).into_owned();
        assert_eq!(Some(response.status), self.status, "{place}: {text}");
        clients::check(&ask, &response, &place);
        self.seen(&response, &text, values, &place);
    }

    fn seen(&self, response: &Response, text: &str, values: &mut Values, place: &str) {
        if let Some(expected) = &self.see {
            let found: Value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
            values.check(expected, Some(&found), &format!("{place}: {text}\n at "));
        }
        for (name, expected) in &self.head {
            let found = response.headers.text(name).map(|value| Value::String(value.to_owned()));
            values.check(&Value::String(expected.clone()), found.as_ref(), &format!("{place}: header {name}"));
        }
    }

    async fn open(&self, socket: &str, protocol: Option<&str>, world: &mut World, values: &Values) {
        let player = Player::of(self.r#as.as_ref().unwrap(), world.run());
        let host = self.host.as_deref().unwrap_or("rta");
        let headers = self.headers(values);
        let status = world.open(socket, &player, host, protocol, headers).await;
        assert_eq!(status, self.status.unwrap_or(101), "{}", values.place);
    }

    /// Opens a socket as XSAPI does, and asks for its connection id.
    async fn listen(&self, socket: &str, world: &mut World, values: &mut Values) {
        self.open(socket, Some("rta.xboxlive.com.V2"), world, values).await;
        world.say(socket, r#"[1,1,"https://sessiondirectory.xboxlive.com/connections/"]"#).await;
        let name = format!("{}.connection", self.r#as.as_ref().unwrap());
        values.known.remove(&name);
        hear(socket, &json!([1, 1, 0, 0, { "ConnectionId": format!("${name}") }]), world, values).await;
    }

    async fn talk(&self, world: &mut World, values: &mut Values) {
        let socket = self.on.as_ref().unwrap_or_else(|| panic!("{}: not a step", values.place));
        if let Some(message) = &self.say {
            let text = match message {
                Value::String(text) => values.text(text),
                message => values.filled(message).to_string(),
            };
            world.say(socket, &text).await;
        }
        if let Some(expected) = &self.hear {
            hear(socket, expected, world, values).await;
        }
        if let Some(session) = &self.tap {
            hear(socket, &self.event(session, socket), world, values).await;
        }
        if let Some(how) = &self.hang_up {
            world.hang_up(socket, how == "closed").await;
        }
    }

    /// The event that holds one tap of a session.
    fn event(&self, session: &str, socket: &str) -> Value {
        let player = socket[..1].to_uppercase();
        let (template, name) = session.split_once('/').unwrap();
        json!([3, 0, { "ncid": "$any", "shoulderTaps": [{
            "timestamp": self.at.as_deref().unwrap_or("${now}"),
            "subscription": self.r#for.clone().unwrap_or_else(|| format!("${{{player}.sub}}")),
            "resourceType": "mpsd/session",
            "resource": format!("${{scid|lower}}~{}~${{{name}|lower}}", template.to_lowercase()),
            "branch": "$any",
            "changeNumber": self.change.map_or_else(|| json!("$absent"), Value::from),
        }] }])
    }

    fn headers(&self, values: &Values) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in &self.headers {
            if let Some(value) = value {
                headers.push(name, values.text(value));
            }
        }
        let is_left_out = |name: &str| self.headers.get(name).is_some_and(Option::is_none);
        let contract = if self.host.as_deref() == Some("smartmatch") { "103" } else { "107" };
        let usual = [("x-xbl-contract-version", contract), ("content-type", "application/json; charset=utf-8")];
        let is_call = self.r#do.is_some();
        for (name, value) in usual {
            if is_call && headers.text(name).is_none() && !is_left_out(name) {
                headers.push(name, value);
            }
        }
        headers
    }
}

async fn hear(socket: &str, expected: &Value, world: &mut World, values: &mut Values) {
    let heard = world.hear(socket).await;
    let text = heard.unwrap_or_else(|| panic!("{}: {socket} hears nothing", values.place));
    let found = serde_json::from_str(&text).unwrap_or(Value::String(text));
    clients::check_message(&found, &values.place);
    values.check(expected, Some(&found), &format!("{}: {socket} heard {found}\n at ", values.place));
}

fn move_on(milliseconds: u64, world: &mut World, values: &mut Values) {
    world.advance(milliseconds);
    values.now += SignedDuration::from_millis(i64::try_from(milliseconds).unwrap());
}

const SCID: &str = "00000000-0000-0000-0000-0000000c0de1";
