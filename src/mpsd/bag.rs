//! Property bags: the `system` and `custom` halves of constants, properties and members, and how they merge.
//!
//! Values stay the text their sender wrote (without white space between tokens): integers of any size, `1.50`,
//! escapes and repeated keys inside a value come back as they went in (mpsd-behaviour §1.5).

use std::collections::{BTreeMap, BTreeSet};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::json::{Doc, Kind, Node, compact, escape_into, same_number};

/// One half of a request or of a stored document: `system` fields, and `custom` in whatever form it came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bag {
    /// Fields with a fixed schema.
    pub system: Fields,
    /// The title's own JSON.
    pub custom: Custom,
}

impl Bag {
    /// Merges a request's half into this one, field by field.
    pub fn merge(&mut self, delta: &Delta) {
        self.system.merge(&delta.system);
        if let Some(custom) = &delta.custom {
            self.custom.merge(custom);
        }
    }

    /// The same, where objects inside `custom` merge into objects too.
    pub fn merge_deep(&mut self, delta: &Delta) {
        self.system.merge(&delta.system);
        match (&self.custom, &delta.custom) {
            (_, None) => {}
            (Custom::Object(fields), Some(Custom::Object(changes))) => {
                self.custom = Custom::Object(fields.merged_deep(changes, 0));
            }
            (_, Some(Custom::Object(changes))) => {
                self.custom = Custom::Object(Fields::default().merged_deep(changes, 0));
            }
            (_, Some(other)) => self.custom.merge(other),
        }
    }

    /// How many bytes its text takes, roughly.
    pub fn weight(&self) -> usize {
        self.system.weight() + self.custom.weight()
    }
}

/// What a request asks of a bag. A field it does not name is left alone; `null` deletes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// System fields to replace.
    pub system: Fields,
    /// Custom fields to replace, or a whole new value.
    pub custom: Option<Custom>,
}

/// The title's own part of a bag: nearly always an object, but any JSON is legal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Custom {
    /// Fields that merge one by one.
    Object(Fields),
    /// Any other value, replaced as a whole.
    Other(String),
}

impl Custom {
    /// The text of a value.
    pub fn of(node: Node<'_>) -> Self {
        match node.kind() {
            Kind::Object => Self::Object(Fields::of(node)),
            _ => Self::Other(text_of(node)),
        }
    }

    /// Merges object into object; anything else takes the place of what was there, `null` empties it.
    pub fn merge(&mut self, delta: &Self) {
        match (&mut *self, delta) {
            (Self::Object(fields), Self::Object(changes)) => fields.merge(changes),
            (_, Self::Object(changes)) => {
                let mut fields = Fields::default();
                fields.merge(changes);
                *self = Self::Object(fields);
            }
            (_, Self::Other(text)) if text == "null" => *self = Self::default(),
            (_, Self::Other(text)) => *self = Self::Other(text.clone()),
        }
    }

    /// Appends the JSON text.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Object(fields) => fields.write(out),
            Self::Other(text) => out.extend_from_slice(text.as_bytes()),
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Object(fields) => fields.weight(),
            Self::Other(text) => text.len(),
        }
    }
}

impl Default for Custom {
    fn default() -> Self {
        Self::Object(Fields::default())
    }
}

/// Members of an object in order, each value as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<Field>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    name: String,
    /// The name as written, quotes and escapes included.
    spelt: String,
    value: String,
}

impl Fields {
    /// The members of an object, repeats kept; empty for anything else.
    pub fn of(node: Node<'_>) -> Self {
        let field = |(key, value): (Node<'_>, Node<'_>)| Field {
            name: key.str().unwrap_or_default().into_owned(),
            spelt: text_of(key),
            value: text_of(value),
        };
        Self(node.members().map(field).collect())
    }

    /// Replaces each field `delta` names; a field whose last mention is `null` goes.
    pub fn merge(&mut self, delta: &Self) {
        let mut named: BTreeMap<&str, Vec<&Field>> = BTreeMap::new();
        for field in &delta.0 {
            named.entry(&field.name).or_default().push(field);
        }
        let mut placed = BTreeSet::new();
        let mut merged = Vec::with_capacity(self.0.len() + delta.0.len());
        for field in std::mem::take(&mut self.0) {
            match named.get(field.name.as_str()) {
                Some(group) if placed.insert(group[0].name.as_str()) => merged.extend(kept(group)),
                Some(_) => {}
                None => merged.push(field),
            }
        }
        for field in &delta.0 {
            if placed.insert(field.name.as_str()) {
                merged.extend(kept(&named[field.name.as_str()]));
            }
        }
        self.0 = merged;
    }

    /// These fields with `changes` merged in, objects into objects down to a depth nobody needs.
    fn merged_deep(&self, changes: &Self, depth: usize) -> Self {
        let mut changes = changes.clone();
        for field in &mut changes.0 {
            let Ok(doc) = Doc::parse(field.value.as_bytes()) else { continue };
            if doc.root().kind() == Kind::Object && depth < MERGE_DEPTH {
                let merged = self.inner(&field.name).merged_deep(&Self::of(doc.root()), depth + 1);
                field.value = merged.to_json();
            }
        }
        let mut merged = self.clone();
        merged.merge(&changes);
        merged
    }

    /// Sets one field to a JSON text.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        match self.0.iter_mut().find(|field| field.name == name) {
            Some(field) => field.value = value,
            None => self.0.push(Field { name: name.to_owned(), spelt: quoted(name), value }),
        }
    }

    /// Drops a field.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|field| field.name != name);
    }

    /// Keeps the fields a predicate on name and text accepts.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        self.0.retain(|field| keep(&field.name, &field.value));
    }

    /// A field's text.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|field| field.name == name).map(|field| field.value.as_str())
    }

    /// True when a field is `true`.
    pub fn flag(&self, name: &str) -> bool {
        self.raw(name) == Some("true")
    }

    /// A field that is a string, escapes undone.
    pub fn text(&self, name: &str) -> Option<String> {
        let raw = self.raw(name)?;
        let doc = Doc::parse(raw.as_bytes()).ok()?;
        doc.root().str().map(|text| text.into_owned())
    }

    /// A field that is a whole number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.raw(name)?.parse().ok()
    }

    /// A field that is an array of whole numbers; empty when it is anything else.
    pub fn numbers(&self, name: &str) -> Vec<u32> {
        let parse = |doc: Doc<'_>| doc.root().items().filter_map(|item| item.number()?.parse().ok()).collect();
        self.raw(name).and_then(|raw| Doc::parse(raw.as_bytes()).ok()).map(parse).unwrap_or_default()
    }

    /// A field that is an array of strings; empty when it is anything else.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let parse = |doc: Doc<'_>| doc.root().items().filter_map(|item| Some(item.str()?.into_owned())).collect();
        self.raw(name).and_then(|raw| Doc::parse(raw.as_bytes()).ok()).map(parse).unwrap_or_default()
    }

    /// A field that is an object, as fields of its own; empty when it is anything else.
    pub fn inner(&self, name: &str) -> Self {
        let parse = |doc: Doc<'_>| Self::of(doc.root());
        self.raw(name).and_then(|raw| Doc::parse(raw.as_bytes()).ok()).map(parse).unwrap_or_default()
    }

    /// Names and texts, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|field| (field.name.as_str(), field.value.as_str()))
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends the object's JSON text.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (at, field) in self.0.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(field.spelt.as_bytes());
            out.push(b':');
            out.extend_from_slice(field.value.as_bytes());
        }
        out.push(b'}');
    }

    /// The object's JSON text.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        self.write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// How many bytes its text takes, roughly.
    pub fn weight(&self) -> usize {
        self.0.iter().map(|field| field.spelt.len() + field.value.len() + 2).sum()
    }
}

/// In JSON a value of ours is the JSON it holds, character for character. Other formats have no such thing.
impl Serialize for Custom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = Vec::new();
        self.write(&mut out);
        let text = String::from_utf8_lossy(&out).into_owned();
        RawValue::from_string(text).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Custom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let doc = Doc::parse(raw.get().as_bytes()).map_err(D::Error::custom)?;
        Ok(Self::of(doc.root()))
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_json()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Custom::deserialize(deserializer)? {
            Custom::Object(fields) => Ok(fields),
            Custom::Other(_) => Err(D::Error::custom("not an object")),
        }
    }
}

impl<'a> FromIterator<(&'a str, String)> for Fields {
    fn from_iter<I: IntoIterator<Item = (&'a str, String)>>(fields: I) -> Self {
        let field = |(name, value): (&str, String)| Field { name: name.to_owned(), spelt: quoted(name), value };
        Self(fields.into_iter().map(field).collect())
    }
}

/// Objects inside objects that merge one by one; deeper ones are replaced as a whole.
const MERGE_DEPTH: usize = 64;

/// What a group of mentions of one name leaves behind.
fn kept(group: &[&Field]) -> Vec<Field> {
    if group.last().is_some_and(|field| field.value == "null") {
        return Vec::new();
    }
    group.iter().filter(|field| field.value != "null").map(|field| (*field).clone()).collect()
}

/// A value's text without the white space between its tokens.
pub fn text_of(node: Node<'_>) -> String {
    String::from_utf8_lossy(&compact(node.raw())).into_owned()
}

/// A string as a JSON text.
pub fn quoted(value: &str) -> String {
    let mut out = vec![b'"'];
    escape_into(&mut out, value);
    out.push(b'"');
    String::from_utf8_lossy(&out).into_owned()
}

/// True when two JSON texts mean the same value: key order, number spelling and escapes aside.
pub fn same_value(left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    match (Doc::parse(left.as_bytes()), Doc::parse(right.as_bytes())) {
        (Ok(left), Ok(right)) => same_node(left.root(), right.root()),
        _ => false,
    }
}

/// Compares with a list of pairs still to do in place of recursion: bodies nest as deep as their sender likes.
fn same_node<'d>(left: Node<'d>, right: Node<'d>) -> bool {
    let mut pairs = vec![(left, right)];
    while let Some((left, right)) = pairs.pop() {
        let same = left.kind() == right.kind()
            && match left.kind() {
                Kind::Object => pair_up(sorted_members(left), sorted_members(right), &mut pairs),
                Kind::Array => pair_up(items(left), items(right), &mut pairs),
                Kind::String => left.str() == right.str(),
                Kind::Number => same_number(left.number().unwrap_or_default(), right.number().unwrap_or_default()),
                Kind::Bool | Kind::Null => left.raw() == right.raw(),
            };
        if !same {
            return false;
        }
    }
    true
}

fn pair_up<'d>(
    left: Vec<(String, Node<'d>)>,
    right: Vec<(String, Node<'d>)>,
    pairs: &mut Vec<(Node<'d>, Node<'d>)>,
) -> bool {
    let same_names = left.len() == right.len() && left.iter().zip(&right).all(|(left, right)| left.0 == right.0);
    pairs.extend(left.into_iter().zip(right).map(|(left, right)| (left.1, right.1)));
    same_names
}

fn sorted_members(node: Node<'_>) -> Vec<(String, Node<'_>)> {
    let mut members: Vec<_> =
        node.members().map(|(key, value)| (key.str().unwrap_or_default().into_owned(), value)).collect();
    members.sort_by(|left, right| left.0.cmp(&right.0));
    members
}

fn items(node: Node<'_>) -> Vec<(String, Node<'_>)> {
    node.items().map(|item| (String::new(), item)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::of(Doc::parse(text.as_bytes()).unwrap().root())
    }

    #[test]
    fn merging_replaces_named_fields_whole_and_null_deletes() {
        let mut stored = fields(r#"{"map":"harbour","a":1,"o":{"x":1,"y":2},"l":[1,2,3]}"#);
        stored.merge(&fields(r#"{"o":{"z":9},"a":null,"l":[7],"new":1.50}"#));
        assert_eq!(stored.to_json(), r#"{"map":"harbour","o":{"z":9},"l":[7],"new":1.50}"#);
        let before = stored.clone();
        stored.merge(&fields("{}"));
        assert_eq!(stored, before);
    }

    #[test]
    fn a_deep_merge_changes_only_what_is_named_at_any_depth() {
        let delta = |text: &str| Delta { custom: Some(Custom::Object(fields(text))), ..Delta::default() };
        let mut bag = Bag::default();
        bag.merge_deep(&delta(r#"{"o":{"x":1,"y":{"deep":1.50}},"l":[1,2]}"#));
        bag.merge_deep(&delta(r#"{"o":{"z":9,"x":null,"y":{"more":2}},"l":[7],"new":{"gone":null}}"#));
        let merged = r#"{"o":{"y":{"deep":1.50,"more":2},"z":9},"l":[7],"new":{}}"#;
        assert_eq!(bag.custom, Custom::Object(fields(merged)));
        let nested = |core: &str| format!(r#"{}{core}{}"#, r#"{"k":"#.repeat(10_000), "}".repeat(10_000));
        bag.merge_deep(&delta(&nested("1")));
        bag.merge_deep(&delta(&nested("2")));
        assert!(matches!(&bag.custom, Custom::Object(fields) if fields.raw("k").unwrap().contains(":2}")));
    }

    #[test]
    fn texts_survive_as_they_were_sent() {
        let sent = r#"{"big":123456789012345678901234567890,"u":18446744073709551615,"f":1.50,"\u0065":"\u00e9\/","d":{"k":1,"k":2},"t":1,"t":2}"#;
        let mut stored = Fields::default();
        stored.merge(&fields(sent));
        assert_eq!(stored.to_json(), sent);
        stored.merge(&fields(r#"{"t":3}"#));
        assert!(stored.to_json().ends_with(r#""t":3}"#));
        assert_eq!(stored.to_json().matches("\"t\"").count(), 1);
    }

    #[test]
    fn custom_may_be_any_json() {
        let mut custom = Custom::default();
        custom.merge(&Custom::Other("\"Hello\"".into()));
        assert_eq!(custom, Custom::Other("\"Hello\"".into()));
        custom.merge(&Custom::Object(fields(r#"{"a":1,"b":null}"#)));
        assert_eq!(custom, Custom::Object(fields(r#"{"a":1}"#)));
        custom.merge(&Custom::Other("null".into()));
        assert_eq!(custom, Custom::default());
    }

    #[test]
    fn values_compare_by_meaning_at_any_depth() {
        assert!(same_value(r#"{"a":1,"b":[1.0,"x"]}"#, r#"{ "b" : [1, "\u0078"], "a":1 }"#));
        assert!(!same_value(r#"{"a":1}"#, r#"{"a":1,"b":2}"#));
        assert!(!same_value("[1,2]", "[2,1]"));
        let deep = |core: &str| format!("{}{core}{}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(same_value(&deep("1"), &deep("1.0")));
        assert!(!same_value(&deep("1"), &deep("2")));
    }
}
