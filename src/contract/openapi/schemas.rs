//! The body schemas as components of one document: definitions that differ between contracts get their version's
//! number as a suffix, and what only our validator understands is said in keywords that all do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::bodies;
use super::pattern::any_case;
use crate::contract::schema::{Definitions, Rendering, Shape, definitions};

/// Every definition, and what it is called in the document.
pub(super) struct Components {
    pub(super) sources: Vec<Definitions>,
    /// Definitions that are not the same in both contracts, or lead to one that is not.
    versioned: BTreeSet<String>,
    words: Words,
}

/// What fields are, by definition and field; the empty field is the definition itself.
pub(super) type Words = BTreeMap<String, Map<String, Value>>;

impl Components {
    pub(super) fn new() -> Self {
        let sources: Vec<Definitions> = definitions().collect();
        let mut first = BTreeMap::new();
        let mut uses = BTreeMap::<&str, Vec<String>>::new();
        let mut versioned = BTreeSet::new();
        for (name, schema) in sources.iter().flat_map(|source| &source.all) {
            references(schema, uses.entry(name).or_default());
            if *first.entry(name).or_insert(schema) != schema {
                versioned.insert(name.clone());
            }
        }
        // Each round adds the definitions one step further away.
        for _ in 0..uses.len() {
            let leads = |used: &[String]| used.iter().any(|name| versioned.contains(name));
            let more: Vec<_> =
                uses.iter().filter(|(_, used)| leads(used)).map(|(name, _)| (*name).to_owned()).collect();
            versioned.extend(more);
        }
        Self { sources, versioned, words: words() }
    }

    /// Every definition a documented body needs, by component name.
    pub(super) fn schemas(&self) -> BTreeMap<String, Value> {
        let mut schemas = BTreeMap::new();
        for Definitions { shape, root, all } in self.sources.iter().filter(|source| bodies::is_documented(source.shape))
        {
            let mut open = vec![(*root).to_owned()];
            while let Some(definition) = open.pop() {
                let name = self.name(&definition, *shape);
                if let Some(schema) = all.get(&definition).filter(|_| !schemas.contains_key(&name)) {
                    references(schema, &mut open);
                    schemas.insert(name, self.published(&definition, schema, *shape));
                }
            }
        }
        schemas
    }

    /// A definition as it stands in the document.
    pub(super) fn published(&self, definition: &str, schema: &Value, shape: Shape) -> Value {
        let mut schema = published(schema, &|other| self.name(other, shape));
        describe(&mut schema, self.words.get(definition));
        schema
    }

    /// A reference to the schema of a body.
    pub(super) fn reference(&self, shape: Shape) -> Value {
        let source = self.sources.iter().find(|source| source.shape == shape);
        let name = source.map(|source| self.name(source.root, shape)).unwrap_or_default();
        json!({ "$ref": format!("{COMPONENTS}{name}") })
    }

    pub(super) fn name(&self, definition: &str, shape: Shape) -> String {
        let (first, rest) = definition.split_at(definition.len().min(1));
        let suffix = match shape.rendering().filter(|_| self.versioned.contains(definition)) {
            Some(Rendering::V105) => "105",
            Some(Rendering::V107) => "107",
            None => "",
        };
        format!("{}{rest}{suffix}", first.to_ascii_uppercase())
    }
}

/// The words of the file: a key may name several definitions. A test reads them in the document.
pub(super) fn words() -> Words {
    let grouped: Words = serde_json::from_str(include_str!("words.json")).unwrap_or_default();
    let each = |(names, fields): (String, Map<String, Value>)| {
        names.split(' ').map(|name| (name.to_owned(), fields.clone())).collect::<Vec<_>>()
    };
    grouped.into_iter().flat_map(each).collect()
}

/// Puts words to a definition and its fields, but for fields that must not be there.
fn describe(schema: &mut Value, words: Option<&Map<String, Value>>) {
    for (field, text) in words.into_iter().flatten() {
        let place = match field.as_str() {
            "" => Some(&mut *schema),
            field => schema.get_mut("properties").and_then(|fields| fields.get_mut(field)),
        };
        let members = place.and_then(Value::as_object_mut);
        if let Some(members) = members.filter(|members| members.get("not") != Some(&json!({}))) {
            members.shift_insert(0, "description".to_owned(), text.clone());
        }
    }
}

/// The definitions a schema refers to.
pub(super) fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            let named = members.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix(DEFINITIONS));
            found.extend(named.map(str::to_owned));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

fn published(schema: &Value, name: &dyn Fn(&str) -> String) -> Value {
    match schema {
        Value::Object(members) => {
            let inner = |(keyword, value): (&String, &Value)| match keyword.as_str() {
                "x-rule" => (keyword.clone(), value.clone()),
                _ => (keyword.clone(), published(value, name)),
            };
            let mut all: Map<String, Value> = members.iter().map(inner).collect();
            move_reference(&mut all, name);
            spell_out_case(&mut all);
            explain_format(&mut all);
            all.into()
        }
        Value::Array(items) => items.iter().map(|value| published(value, name)).collect(),
        other => other.clone(),
    }
}

fn move_reference(members: &mut Map<String, Value>, name: &dyn Fn(&str) -> String) {
    if let Some(target) = text(members, "$ref").and_then(|text| text.strip_prefix(DEFINITIONS)) {
        let moved = format!("{COMPONENTS}{}", name(target));
        members.insert("$ref".to_owned(), moved.into());
    }
}

/// Flags in a pattern are not for every engine; words are shown as they are written.
fn spell_out_case(members: &mut Map<String, Value>) {
    let Some(pattern) = text(members, "pattern").and_then(|text| text.strip_prefix("(?i)")).map(str::to_owned) else {
        return;
    };
    members.insert("pattern".to_owned(), any_case(&pattern).into());
    let words = pattern.strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$")).map(|words| words.split('|'));
    if let Some(words) = words.filter(|words| words.clone().all(is_word)) {
        members.insert("examples".to_owned(), words.collect());
    }
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Adds to our own formats what every validator understands.
fn explain_format(members: &mut Map<String, Value>) {
    let Some((_, keyword, value)) = FORMATS.iter().find(|(format, ..)| text(members, "format") == Some(format)) else {
        return;
    };
    members.insert((*keyword).to_owned(), (*value).into());
    if let Some(rules) = members.get_mut("x-rule").and_then(Value::as_object_mut) {
        let rule = rules.get("format").cloned();
        rules.extend(rule.map(|rule| ((*keyword).to_owned(), rule)));
    }
}

fn text<'m>(members: &'m Map<String, Value>, keyword: &str) -> Option<&'m str> {
    members.get(keyword)?.as_str()
}

const DEFINITIONS: &str = "#/$defs/";
const COMPONENTS: &str = "#/components/schemas/";

/// Our formats, and what stands for them elsewhere.
const FORMATS: [(&str, &str, &str); 5] = [
    ("guid", "format", "uuid"),
    ("xuid", "pattern", "^[0-9]{1,20}$"),
    ("title-id", "pattern", "^[0-9]{1,10}$"),
    ("base64", "pattern", "^[A-Za-z0-9+/]*={0,2}$"),
    ("invite-context", "pattern", "^[\\s\\S]{0,256}$"),
];
