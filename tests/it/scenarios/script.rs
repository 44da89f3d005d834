//! A scenario file: its steps, the values its texts stand for, and what counts as seeing what was expected.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};
use tapdeck::clock::{http_date, mpsd_timestamp, virtual_start};
use tapdeck::dice::Dice;
use tapdeck::message::{Headers, Response};

use super::clients;
use super::world::{Ask, Player, World};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    title: String,
    #[serde(default)]
    sessions: Vec<String>,
    #[serde(default)]
    guids: Vec<String>,
    #[serde(default)]
    addresses: Vec<String>,
    /// Policies that are not at their defaults.
    #[serde(default)]
    pub(super) policies: Map<String, Value>,
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
    open: Option<String>,
    protocol: Option<String>,
    status: Option<u16>,
    see: Option<Value>,
    /// Headers of the answer.
    #[serde(default)]
    head: BTreeMap<String, String>,
    on: Option<String>,
    say: Option<Value>,
    hear: Option<Value>,
    #[serde(default)]
    quiet: bool,
    hang_up: Option<String>,
    advance: Option<u64>,
    #[expect(dead_code, reason = "for whoever reads the file")]
    note: Option<String>,
}

/// The values known so far.
struct Values {
    known: BTreeMap<String, Value>,
    now: Timestamp,
    place: String,
}

impl Script {
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Plays every step; `run` decides everything the clients make up.
    pub(super) async fn play(&self, world: &mut World, run: &str) {
        let mut values = self.values(run);
        for (at, step) in self.steps.iter().enumerate() {
            values.place = format!("{} ({run}), step {}", self.title, at + 1);
            step.play(world, &mut values).await;
        }
    }

    fn values(&self, run: &str) -> Values {
        let dice = Dice::new(7);
        let mut known = BTreeMap::new();
        let mut know = |name: String, value: String| {
            known.insert(name, Value::String(value));
        };
        know("scid".into(), SCID.into());
        know("S".into(), format!("/serviceconfigs/{SCID}/sessionTemplates"));
        for player in ["A", "B", "C", "D"] {
            let made = Player::of(player, run);
            know(format!("{player}.xuid"), made.xuid);
        }
        for name in &self.sessions {
            // A first run spells names as the documents do, others as clients do.
            let fresh = dice.guid(&format!("{run}:{name}"), 0).to_uppercase();
            know(name.clone(), if run == "first" { name.clone() } else { fresh });
        }
        for name in &self.guids {
            know(name.clone(), dice.guid(&format!("{run}:{name}"), 0));
        }
        for name in &self.addresses {
            know(name.clone(), format!("AAAAAAAA{}", dice.hex32(&format!("{run}:{name}"), 0)));
        }
        Values { known, now: virtual_start(), place: String::new() }
    }
}

impl Step {
    async fn play(&self, world: &mut World, values: &mut Values) {
        if let Some(milliseconds) = self.advance {
            world.advance(milliseconds);
            values.now += SignedDuration::from_millis(i64::try_from(milliseconds).unwrap());
        } else if let Some(call) = &self.r#do {
            self.call(call, world, values).await;
        } else if let Some(socket) = &self.open {
            let player = Player::of(self.r#as.as_ref().unwrap(), world.run());
            let host = self.host.as_deref().unwrap_or("rta");
            let headers = self.headers(values);
            let status = world.open(socket, &player, host, self.protocol.as_deref(), headers).await;
            assert_eq!(status, self.status.unwrap_or(101), "{}", values.place);
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
        for (name, expected) in &self.head {
            let found = response.headers.text(name).map(|value| Value::String(value.to_owned()));
            values.check(&Value::String(expected.clone()), found.as_ref(), &format!("{place}: header {name}"));
        }
        if let Some(expected) = &self.see {
            let found: Value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
            values.check(expected, Some(&found), &format!("{place}: {text}\n at "));
        }
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
            let heard = world.hear(socket).await;
            let text = heard.unwrap_or_else(|| panic!("{}: {socket} hears nothing", values.place));
            let found = serde_json::from_str(&text).unwrap_or(Value::String(text));
            clients::check_message(&found, &values.place);
            values.check(expected, Some(&found), &format!("{}: heard {found}\n at ", values.place));
        }
        if self.quiet {
            assert_eq!(world.unheard(socket).await, None, "{}", values.place);
        }
        if let Some(how) = &self.hang_up {
            world.hang_up(socket, how == "closed").await;
        }
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

impl Values {
    /// A text with its values in place.
    fn text(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, behind) = after.split_once('}').unwrap_or_else(|| panic!("{}: {text}", self.place));
            out.push_str(before);
            out.push_str(&self.value(name));
            rest = behind;
        }
        out + rest
    }

    fn value(&self, name: &str) -> String {
        if let Some(name) = name.strip_suffix("|lower") {
            return self.value(name).to_lowercase();
        }
        if let Some(offset) = name.strip_prefix("now") {
            return mpsd_timestamp(self.later(offset));
        }
        if let Some(offset) = name.strip_prefix("http-now") {
            return http_date(self.later(offset));
        }
        let value = self.known.get(name).unwrap_or_else(|| panic!("{}: `{name}` is not known yet", self.place));
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    fn later(&self, offset: &str) -> Timestamp {
        let milliseconds: i64 = offset.strip_prefix('+').map_or(0, |offset| offset.parse().unwrap());
        self.now + SignedDuration::from_millis(milliseconds)
    }

    /// JSON with values in its texts, keys included. `"$name"` alone is the value as it was seen.
    fn filled(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match text.strip_prefix('$').filter(|name| !name.starts_with('{')) {
                Some(name) => self.known.get(name).unwrap_or_else(|| panic!("{}: {name}", self.place)).clone(),
                None => Value::String(self.text(text)),
            },
            Value::Array(items) => items.iter().map(|item| self.filled(item)).collect(),
            Value::Object(fields) => {
                Value::Object(fields.iter().map(|(key, value)| (self.text(key), self.filled(value))).collect())
            }
            other => other.clone(),
        }
    }

    /// Demands that `found` shows at least what is expected.
    fn check(&mut self, expected: &Value, found: Option<&Value>, place: &str) {
        match (expected, found) {
            (Value::String(word), found) if word == "$absent" => {
                assert_eq!(found.filter(|found| !found.is_null()), None, "{place}");
            }
            (Value::String(word), found) if word == "$any" => assert!(found.is_some(), "{place} is missing"),
            (Value::String(word), Some(found)) if word.starts_with('$') && !word.starts_with("${") => {
                let known = self.known.entry(word[1..].to_owned()).or_insert_with(|| found.clone());
                assert_eq!(known, found, "{place}: {word}");
            }
            (Value::String(text), Some(Value::String(found))) => assert_eq!(&self.text(text), found, "{place}"),
            (Value::Object(fields), Some(Value::Object(shown))) => {
                for (key, expected) in fields {
                    let key = self.text(key);
                    self.check(expected, shown.get(&key), &format!("{place}/{key}"));
                }
            }
            (Value::Array(items), Some(Value::Array(shown))) => {
                assert_eq!(items.len(), shown.len(), "{place}: {shown:?}");
                for (at, (expected, found)) in items.iter().zip(shown).enumerate() {
                    self.check(expected, Some(found), &format!("{place}/{at}"));
                }
            }
            (expected, found) => assert_eq!(Some(expected), found, "{place}"),
        }
    }
}

const SCID: &str = "00000000-0000-0000-0000-0000000c0de1";
