//! Every keyword of every schema is there for a case: change any one, and some example of a rule or some row of the
//! verdict table is judged differently.
//!
//! Schemas have neither alternatives nor conditions (a test above), so a document is judged differently exactly when a
//! part of it is by the subschema that part meets. So each changed subschema is tried on the parts that meet it.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::*;
use crate::contract::example::{Step, steps};
use crate::contract::finding::Finding;
use crate::contract::tests::verdicts;
use crate::contract::{Contract, rules};

#[test]
fn every_keyword_is_there_for_some_case() {
    let met = met();
    let definitions: Vec<Map<String, Value>> = SHAPES.iter().map(|source| source.definitions().unwrap()).collect();
    let mut missed = BTreeSet::new();
    let files: BTreeSet<&&str> = SHAPES.iter().flat_map(|source| source.files).collect();
    for file in files {
        let document: Value = serde_json::from_str(file).unwrap();
        let mut tell = |at: &str, flip: Flip| {
            let places = met.get(&(*file, at.to_owned())).into_iter().flatten();
            if !places.into_iter().any(|(shape, parts)| flip.is_noticed(&definitions[*shape], parts)) {
                missed.insert(format!("{}: {at}: {}", document["$comment"], flip.what));
            }
        };
        for (name, schema) in document["$defs"].as_object().unwrap() {
            flip_all(&join_pointer("/$defs", name), schema, &mut tell);
        }
    }
    let lines: Vec<String> = missed.into_iter().collect();
    assert!(lines.is_empty(), "no case notices {} changes:\n{}", lines.len(), lines.join("\n"));
}

/// The parts of all cases that meet a subschema, by its file and pointer, then by shape.
type Met = BTreeMap<(&'static str, String), BTreeMap<usize, BTreeMap<String, Value>>>;

fn met() -> Met {
    let mut met = Met::new();
    for (at, (source, given)) in SHAPES.iter().zip(given()).enumerate() {
        let definitions: BTreeMap<String, (&'static str, Value)> =
            source.files.iter().flat_map(|file| definitions_of(file)).collect();
        let mut walk = Walk { shape: at, definitions: &definitions, met: &mut met };
        given.iter().for_each(|text| walk.definition(source.root, &serde_json::from_str(text).unwrap()));
        // A request body that is no object comes no further than to its own rule; the schema says so for others.
        walk.definition(source.root, &json!([]));
    }
    met
}

/// A file's definitions by name, each with the file.
fn definitions_of(file: &'static str) -> Vec<(String, (&'static str, Value))> {
    let document: Value = serde_json::from_str(file).unwrap();
    let all = document["$defs"].as_object().unwrap();
    all.iter().map(|(name, schema)| (name.clone(), (file, schema.clone()))).collect()
}

/// Notes what meets what.
struct Walk<'w> {
    shape: usize,
    definitions: &'w BTreeMap<String, (&'static str, Value)>,
    met: &'w mut Met,
}

impl Walk<'_> {
    fn definition(&mut self, name: &str, part: &Value) {
        let definitions = self.definitions;
        let (file, schema) = &definitions[name];
        self.meets(file, join_pointer("/$defs", name), schema, part);
    }

    fn meets(&mut self, file: &'static str, at: String, schema: &Value, part: &Value) {
        let Some(keywords) = schema.as_object() else {
            return;
        };
        let parts = self.met.entry((file, at.clone())).or_default().entry(self.shape).or_default();
        if parts.insert(part.to_string(), part.clone()).is_some() {
            return;
        }
        for (keyword, value) in keywords {
            let below = join_pointer(&at, keyword);
            match (keyword.as_str(), value, part) {
                ("$ref", Value::String(target), _) => self.definition(&target["#/$defs/".len()..], part),
                ("allOf", Value::Array(all), _) => {
                    all.iter()
                        .enumerate()
                        .for_each(|(index, schema)| self.meets(file, format!("{below}/{index}"), schema, part));
                }
                ("items", _, Value::Array(items)) => {
                    items.iter().for_each(|item| self.meets(file, below.clone(), value, item));
                }
                ("prefixItems", Value::Array(all), Value::Array(items)) => {
                    let both = all.iter().zip(items).enumerate();
                    both.for_each(|(index, (schema, item))| self.meets(file, format!("{below}/{index}"), schema, item));
                }
                ("properties" | "patternProperties", Value::Object(all), Value::Object(members)) => {
                    for (name, member) in members {
                        for (key, schema) in all.iter().filter(|(key, _)| names(keyword, key, name)) {
                            self.meets(file, join_pointer(&below, key), schema, member);
                        }
                    }
                }
                ("additionalProperties", _, Value::Object(members)) => {
                    let others = members.iter().filter(|(name, _)| !is_named(keywords, name));
                    others.for_each(|(_, member)| self.meets(file, below.clone(), value, member));
                }
                _ => {}
            }
        }
    }
}

fn names(keyword: &str, key: &str, name: &str) -> bool {
    if keyword == "properties" { key == name } else { Regex::new(key).unwrap().is_match(name) }
}

fn is_named(keywords: &Map<String, Value>, name: &str) -> bool {
    ["properties", "patternProperties"].into_iter().any(|keyword| {
        let entries = keywords.get(keyword).and_then(Value::as_object);
        entries.is_some_and(|entries| entries.keys().any(|key| names(keyword, key, name)))
    })
}

/// What each shape is given to judge, as JSON texts. A contract whose every schema fails with a rule of its own shows
/// who judges what.
fn given() -> Vec<BTreeSet<String>> {
    let schemas = Schemas::default();
    for (at, schema) in schemas.0.iter().enumerate() {
        schema.set(Schema::of(json!({"not": {}, "x-rule": {"not": rules()[at].id}}))).unwrap();
    }
    let contract = Contract { schemas, ..Contract::new() };
    let examples = rules().iter().flat_map(|rule| [rule.bad, rule.good]);
    let bases = verdicts::BASES.iter().map(|(_, base)| base.trim_end());
    let rows = verdicts::rows();
    let mut given = vec![BTreeSet::new(); SHAPES.len()];
    for step in examples.chain(bases).flat_map(steps).chain(rows.iter().flat_map(verdicts::Row::cases)) {
        for finding in found(&contract, &step) {
            let shape = rules().iter().take(SHAPES.len()).position(|rule| *rule == *finding.rule);
            let part = match &finding.place {
                Place::Body(pointer) if pointer.is_empty() => "body",
                Place::AnswerBody(pointer) if pointer.is_empty() => "answer",
                Place::Message(pointer) if pointer.is_empty() => "message",
                _ => continue,
            };
            if let Some((shape, value)) = shape.zip(verdicts::document(&step, part)) {
                given[shape].insert(value.to_string());
            }
        }
    }
    given
}

fn found(contract: &Contract, step: &Step) -> Vec<Finding> {
    let Step::Exchange(example) = step else {
        let Step::Message(from, message) = step else { return Vec::new() };
        return contract.check_message(*from, message);
    };
    let answered = example.answer.iter().flat_map(|answer| contract.check_answer(&example.call, answer));
    contract.check_call(&example.call).into_iter().chain(answered).collect()
}

/// A changed keyword.
struct Flip {
    what: String,
    /// The keyword itself, or the whole subschema where it is about what is below: before and after.
    before: Value,
    after: Value,
}

impl Flip {
    fn is_noticed(&self, definitions: &Map<String, Value>, parts: &BTreeMap<String, Value>) -> bool {
        let [before, after] = [&self.before, &self.after].map(|schema| {
            let mut text = schema.clone();
            if self.before.to_string().contains("$ref") {
                text["$defs"] = definitions.clone().into();
            }
            Schema::of(text).validator
        });
        parts.values().any(|part| {
            let fails = |validator: &Validator| -> Vec<(String, String)> {
                let errors = validator.iter_errors(part);
                errors.map(|error| (error.schema_path().to_string(), error.instance_path().to_string())).collect()
            };
            before.is_valid(part) != after.is_valid(part) || (!before.is_valid(part) && fails(&before) != fails(&after))
        })
    }
}

/// Tells of every change of every keyword in a schema and below, with the pointer of the subschema.
fn flip_all(at: &str, schema: &Value, tell: &mut dyn FnMut(&str, Flip)) {
    let Some(keywords) = schema.as_object() else {
        return;
    };
    for (keyword, value) in keywords {
        for (what, changed) in changes(keyword, value) {
            let whole = keyword.ends_with("roperties")
                || matches!(keyword.as_str(), "$ref" | "allOf" | "items" | "prefixItems");
            let before: Map<String, Value> = match whole {
                true => keywords.clone(),
                false => [(keyword.clone(), value.clone())].into_iter().collect(),
            };
            let mut after = before.clone();
            match changed {
                Some(changed) => drop(after.insert(keyword.clone(), changed)),
                None => drop(after.shift_remove(keyword)),
            }
            tell(at, Flip { what: format!("{keyword}{what}"), before: before.into(), after: after.into() });
        }
        let below = join_pointer(at, keyword);
        match (keyword.as_str(), value) {
            ("properties" | "patternProperties", Value::Object(entries)) => {
                entries.iter().for_each(|(name, schema)| flip_all(&join_pointer(&below, name), schema, tell));
            }
            ("allOf" | "prefixItems", Value::Array(items)) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(index, schema)| flip_all(&format!("{below}/{index}"), schema, tell));
            }
            ("items" | "additionalProperties", _) => flip_all(&below, value, tell),
            _ => {}
        }
    }
}

/// The ways to change a keyword: what is done, and its new value, `None` when it goes.
fn changes(keyword: &str, value: &Value) -> Vec<(String, Option<Value>)> {
    let gone = || (" is gone".to_owned(), None);
    match (keyword, value) {
        ("x-rule" | "$comment", _) => Vec::new(),
        ("type" | "required", Value::Array(names)) => names.iter().map(|name| without(names, name)).collect(),
        ("allOf" | "prefixItems", Value::Array(items)) => emptied(items),
        ("properties" | "patternProperties", Value::Object(entries)) => {
            entries.keys().map(|name| (format!(" has no {name}"), Some(without_entry(entries, name)))).collect()
        }
        ("minimum" | "maximum" | "minLength" | "maxLength" | "minItems" | "maxItems", Value::Number(number)) => {
            let number = number.as_i64().unwrap();
            let is_possible = |number: &i64| *number >= 0 || matches!(keyword, "minimum" | "maximum");
            let near = [number - 1, number + 1].into_iter().filter(is_possible);
            near.map(|number| (format!(" is {number}"), Some(json!(number)))).collect()
        }
        ("pattern", Value::String(pattern)) => patterns(pattern).into_iter().chain([gone()]).collect(),
        ("not", inner) => {
            let mut all = vec![gone()];
            flip_all("", inner, &mut |at, flip| {
                // Only whole keywords are told without their neighbours.
                let mut changed = inner.clone();
                if let Some(Value::Object(keywords)) = changed.pointer_mut(at) {
                    for name in flip.before.as_object().unwrap().keys() {
                        keywords.shift_remove(name);
                    }
                    keywords.extend(flip.after.as_object().unwrap().clone());
                }
                all.push((format!("{at}: {}", flip.what), Some(changed)));
            });
            all
        }
        _ => vec![gone()],
    }
}

fn without(names: &[Value], name: &Value) -> (String, Option<Value>) {
    let rest: Vec<Value> = names.iter().filter(|other| *other != name).cloned().collect();
    (format!(" has no {name}"), (!rest.is_empty()).then_some(Value::Array(rest)))
}

fn without_entry(entries: &Map<String, Value>, name: &str) -> Value {
    entries.iter().filter(|(other, _)| *other != name).map(|(name, schema)| (name.clone(), schema.clone())).collect()
}

/// The list with each of its schemas made empty.
fn emptied(items: &[Value]) -> Vec<(String, Option<Value>)> {
    let with_hole = |hole: usize| -> Value {
        items.iter().enumerate().map(|(at, item)| if at == hole { json!({}) } else { item.clone() }).collect()
    };
    let full = (0..items.len()).filter(|at| items[*at] != json!({}));
    full.map(|at| (format!("/{at} is empty"), Some(with_hole(at)))).collect()
}

/// A pattern that minds case, and one without each of its words.
fn patterns(pattern: &str) -> Vec<(String, Option<Value>)> {
    let (case, folded) = pattern.strip_prefix("(?i)").map_or(("", pattern), |rest| ("(?i)", rest));
    let mut all = Vec::new();
    if !case.is_empty() {
        all.push((" minds case".to_owned(), Some(folded.into())));
    }
    let words = folded.strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$"));
    let words: Vec<&str> =
        words.filter(|words| !words.contains(['(', '['])).map(|words| words.split('|').collect()).unwrap_or_default();
    for word in &words {
        let rest: Vec<&str> = words.iter().filter(|other| *other != word).copied().collect();
        all.push((format!(" has no {word}"), Some(format!("{case}^(?:{})$", rest.join("|")).into())));
    }
    all
}
