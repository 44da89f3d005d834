//! The JSON Schema of `tapdeck.toml`, from what the command line, the policies, the rules and the titles know of it.

use std::any::TypeId;
use std::collections::BTreeMap;

use clap::{Arg, Command};
use serde_json::{Map, Value, json};

use crate::cli::layers::{self, EMULATOR_TABLE, Taker};
use crate::config::BOUND_CLASSES;
use crate::contract::{Bag, Weight, rules};
use crate::emulator::Policies;
use crate::mpsd::ROUTES;
use crate::replay::COMPARED_HEADERS;
use crate::slot::Class;

/// The schema as text.
pub(super) fn text() -> String {
    let tree = layers::tree();
    let takers = layers::takers(&tree);
    let mut properties = flags(takers.iter());
    for command in tree.get_subcommands() {
        if let Some(table) = table(command, &[command.get_name().to_owned()], &takers) {
            join(&mut properties, command.get_name(), table);
        }
    }
    properties.insert(EMULATOR_TABLE.to_owned(), emulator(&takers));
    properties.insert("rules".to_owned(), weights());
    properties.insert("title".to_owned(), titles());
    properties.insert("volatile".to_owned(), volatile());
    properties.insert("bound".to_owned(), bound());
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "tapdeck.toml",
        "description": "What a project sets once for tapdeck. Keys are the long names of flags: on the file's own level \
            for every command that has such a flag, in a table of a command's name for that command. A flag beats the \
            environment, that beats this file. Paths are relative to the file.",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    format!("{schema:#}\n")
}

/// A command's table: its flags, and the tables of what is below it.
fn table(command: &Command, path: &[String], takers: &[Taker]) -> Option<Value> {
    let mut properties = flags(takers.iter().filter(|taker| taker.path.starts_with(path)));
    if properties.is_empty() {
        return None;
    }
    for inner in command.get_subcommands() {
        let path = [path, &[inner.get_name().to_owned()]].concat();
        if let Some(table) = table(inner, &path, takers) {
            join(&mut properties, inner.get_name(), table);
        }
    }
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    Some(object(&format!("`tapdeck {}`: {about}", path.join(" ")), properties))
}

fn object(description: &str, properties: Map<String, Value>) -> Value {
    json!({
        "description": description,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

/// Adds a table, beside a flag of the same name if there is one.
fn join(properties: &mut Map<String, Value>, name: &str, table: Value) {
    let joined = match properties.shift_remove(name) {
        Some(flag) => json!({"anyOf": [flag, table]}),
        None => table,
    };
    properties.insert(name.to_owned(), joined);
}

/// Flags by name. One that several commands take must suit them all.
fn flags<'t>(takers: impl Iterator<Item = &'t Taker>) -> Map<String, Value> {
    let mut forms: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for taker in takers {
        let known = forms.entry(taker.arg.get_long().unwrap_or_default()).or_default();
        let form = flag(&taker.arg);
        if !known.contains(&form) {
            known.push(form);
        }
    }
    let one = |mut forms: Vec<Value>| if forms.len() == 1 { forms.remove(0) } else { json!({"allOf": forms}) };
    forms.into_iter().map(|(name, forms)| (name.to_owned(), one(forms))).collect()
}

fn flag(arg: &Arg) -> Value {
    let mut form = match (layers::is_switch(arg), layers::is_repeatable(arg)) {
        (true, _) => json!({"type": "boolean"}),
        (_, true) => json!({"anyOf": [value(arg), {"type": "array", "items": value(arg)}]}),
        _ => value(arg),
    };
    if let Some(help) = arg.get_help() {
        form["description"] = help.to_string().into();
    }
    form
}

fn value(arg: &Arg) -> Value {
    let names: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    if !names.is_empty() {
        return json!({"enum": names});
    }
    let kind = arg.get_value_parser().type_id();
    let is_number = |number: &TypeId| kind == *number;
    let numbers = [TypeId::of::<u16>(), TypeId::of::<u32>(), TypeId::of::<u64>(), TypeId::of::<usize>()];
    if numbers.iter().any(is_number) { json!({"type": "integer", "minimum": 0}) } else { json!({"type": "string"}) }
}

fn emulator(takers: &[Taker]) -> Value {
    let mut properties = flags(takers.iter().filter(|taker| layers::is_emulators(&taker.arg)));
    let policy = |policy: crate::emulator::Listed| {
        let default: Value = serde_json::from_str(&policy.default).unwrap_or_default();
        let mut form = match default {
            Value::Bool(_) => json!({"type": "boolean"}),
            Value::Number(_) => json!({"type": "integer", "minimum": 0}),
            Value::Array(_) => json!({"type": "array", "items": {"type": "string"}}),
            _ => json!({"type": "string"}),
        };
        form["description"] = policy.explanation.into();
        form["default"] = default;
        (policy.name, form)
    };
    let policies = Policies::default().listed().into_iter().map(policy).collect();
    properties.insert("policies".to_owned(), object("The choices the documents leave open.", policies));
    object("What the embedded emulator is made of, whichever command it runs in.", properties)
}

fn weights() -> Value {
    let names = Weight::ALL.map(Weight::as_str);
    let rule = |rule: &crate::contract::Rule| {
        let form = json!({"enum": names, "description": rule.title, "default": rule.severity.as_str()});
        (rule.id.to_owned(), form)
    };
    object("How much findings of a rule weigh here; `off` drops them.", rules().iter().map(rule).collect())
}

fn titles() -> Value {
    let text = |description: &str| json!({"type": "string", "minLength": 1, "description": description});
    let name = json!({"type": "string", "minLength": 1});
    let mut properties = Map::new();
    properties.insert("scid".to_owned(), text("The service configuration it is about; left out: every one."));
    let templates = json!({
        "anyOf": [name, {"type": "array", "items": name, "minItems": 1}],
        "description": "The session templates it is about; left out: every one.",
    });
    properties.insert("template".to_owned(), templates);
    for bag in Bag::ALL {
        let description = format!("The JSON Schema file of {}.", bag.what());
        properties.insert(bag.key().to_owned(), text(&description));
    }
    let mut title = object("A title's own schemas of its custom data.", properties);
    title["anyOf"] = Bag::ALL.iter().map(|bag| json!({"required": [bag.key()]})).collect();
    json!({"type": "array", "items": title, "description": "What titles say of their custom data."})
}

fn volatile() -> Value {
    let mut properties = field();
    let query = json!({"type": "string", "minLength": 1, "description": "The name of a query parameter."});
    properties.insert("query".to_owned(), query);
    let header = json!({"enum": COMPARED_HEADERS, "description": "The name of a header; others are never compared."});
    properties.insert("header".to_owned(), header);
    let mut table = object("A field that may differ, or be absent.", properties);
    table["oneOf"] = ["pointer", "query", "header"].iter().map(|key| json!({"required": [key]})).collect();
    json!({"type": "array", "items": table, "description": "Fields of requests that may differ from a cassette's."})
}

fn bound() -> Value {
    let mut properties = field();
    let class = json!({"enum": BOUND_CLASSES.map(Class::name), "description": "What its values are."});
    properties.insert("class".to_owned(), class);
    let mut table = object("A text that each client has its own of.", properties);
    table["required"] = json!(["pointer", "class"]);
    let description = "Fields of requests whose values clients make up: a replay puts the live ones into its answers.";
    json!({"type": "array", "items": table, "description": description})
}

/// The keys of a field's table that both kinds have.
fn field() -> Map<String, Value> {
    let names: Vec<&str> = ROUTES.iter().map(|route| route.name).collect();
    let op = json!({"enum": names, "description": "The operation; left out: every call."});
    let about = "A JSON pointer into the body; `*` as a step is any. All that is beneath belongs to it.";
    let pointer = json!({"type": "string", "pattern": "^/", "description": about});
    [("op".to_owned(), op), ("pointer".to_owned(), pointer)].into_iter().collect()
}
