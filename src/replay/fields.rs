//! What a title says of fields of its own: which may differ, and which hold values that its clients make up.

use crate::json::{Doc, Kind, Node, join_pointer};
use crate::mpsd::Op;
use crate::slot::{Class, Layer, Slot};

/// The fields a title speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Those that may differ, and may be left out.
    pub volatile: Vec<Field>,
    /// Those whose value is each client's own, and of which class it is. They stand in bodies.
    pub bound: Vec<(Field, Class)>,
}

/// One place in the requests of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The operation; none for every call.
    pub op: Option<Op>,
    /// The place.
    pub spot: Spot,
}

/// Where a field stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    /// In the body, and all that is beneath it: the steps to it, of which `*` is any.
    Body(Vec<String>),
    /// The query parameter of that name, in lower case.
    Query(String),
    /// The header of that name, in lower case.
    Header(String),
}

impl Spot {
    /// The spot a JSON pointer leads to; `None` for the whole body, or for what is no pointer.
    pub fn pointer(text: &str) -> Option<Self> {
        let steps = text.strip_prefix('/')?.split('/');
        Some(Self::Body(steps.map(|step| step.replace("~1", "/").replace("~0", "~")).collect()))
    }

    /// The spot of a difference's place, if a field can stand there.
    pub(super) fn named(place: &str) -> Option<Self> {
        match place.split_once(' ')? {
            ("body", "/") => None,
            ("body", pointer) => Self::pointer(pointer),
            ("query", name) => Some(Self::Query(name.to_owned())),
            ("header", name) => Some(Self::Header(name.to_owned())),
            _ => None,
        }
    }

    /// The key a project's file has for it, and the value.
    pub fn written(&self) -> (&'static str, String) {
        match self {
            Self::Body(steps) => ("pointer", steps.iter().fold(String::new(), |at, step| join_pointer(&at, step))),
            Self::Query(name) => ("query", name.clone()),
            Self::Header(name) => ("header", name.clone()),
        }
    }
}

/// What a title says of one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Volatile,
    Bound(Class),
}

/// Whose document is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    /// The service calls players by number, and not `me`.
    Service,
}

/// The fields that the steps taken into a document may still lead to.
#[derive(Clone, Debug)]
pub(super) struct Trail<'f> {
    side: Side,
    open: Vec<(&'f [String], Meaning)>,
    pub(super) here: Option<Meaning>,
}

impl Trail<'_> {
    /// The trail one step further. What is beneath a volatile field is volatile, too.
    pub(super) fn below(&self, step: &str) -> Self {
        if self.here == Some(Meaning::Volatile) {
            return self.clone();
        }
        let mut below = Self { side: self.side, open: Vec::new(), here: None };
        for (steps, meaning) in &self.open {
            let Some((_, rest)) = steps.split_first().filter(|(first, _)| self.leads(first, step)) else { continue };
            match rest {
                [] if below.here != Some(Meaning::Volatile) => below.here = Some(*meaning),
                [] => {}
                _ => below.open.push((rest, *meaning)),
            }
        }
        below
    }

    fn leads(&self, first: &str, step: &str) -> bool {
        first == step || first == "*" || (first == "me" && self.side == Side::Service)
    }
}

impl Fields {
    /// The start of the way into the body of a request.
    pub(super) fn trail(&self, op: Option<Op>) -> Trail<'_> {
        let mine = |field: &&Field| field.op.is_none() || field.op == op;
        let volatile = self.volatile.iter().filter(mine).map(|field| (field, Meaning::Volatile));
        let bound = self.bound.iter().filter(|(field, _)| mine(&field));
        let bound = bound.map(|(field, class)| (field, Meaning::Bound(*class)));
        Trail { side: Side::Client, open: volatile.chain(bound).filter_map(open).collect(), here: None }
    }

    /// True for a query parameter (lower-case name) that may differ.
    pub(super) fn is_volatile_query(&self, op: Option<Op>, name: &str) -> bool {
        self.is_volatile(op, |spot| matches!(spot, Spot::Query(known) if known == name))
    }

    /// True for a header (lower-case name) that may differ.
    pub(super) fn is_volatile_header(&self, op: Option<Op>, name: &str) -> bool {
        self.is_volatile(op, |spot| matches!(spot, Spot::Header(known) if known == name))
    }

    fn is_volatile(&self, op: Option<Op>, is_it: impl Fn(&Spot) -> bool) -> bool {
        self.volatile.iter().any(|field| (field.op.is_none() || field.op == op) && is_it(&field.spot))
    }

    /// Where an answer shows the bound values.
    pub(super) fn slots(&self, doc: &Doc<'_>) -> Vec<Slot> {
        let bound = self.bound.iter().map(|(field, class)| (field, Meaning::Bound(*class)));
        let trail = Trail { side: Side::Service, open: bound.filter_map(open).collect(), here: None };
        let mut slots = Vec::new();
        let mut pending = vec![(doc.root(), trail)];
        while let Some((node, trail)) = pending.pop() {
            if let (Some(Meaning::Bound(class)), Kind::String) = (trail.here, node.kind()) {
                slots.push(slot(node, class));
            }
            if trail.open.is_empty() {
                continue;
            }
            let members = node.members().map(|(key, value)| (value, trail.below(&key.str().unwrap_or_default())));
            let items = node.items().enumerate().map(|(at, item)| (item, trail.below(&at.to_string())));
            pending.extend(members.chain(items));
        }
        slots
    }
}

fn open((field, meaning): (&Field, Meaning)) -> Option<(&[String], Meaning)> {
    match &field.spot {
        Spot::Body(steps) => Some((steps, meaning)),
        Spot::Query(_) | Spot::Header(_) => None,
    }
}

fn slot(node: Node<'_>, class: Class) -> Slot {
    let (span, text) = (node.span(), node.str().unwrap_or_default());
    Slot { span: span.start + 1..span.end - 1, class, text: text.into_owned(), layers: vec![Layer::Json] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(pointer: &str) -> Field {
        Field { op: Some(Op::SessionPut), spot: Spot::pointer(pointer).unwrap() }
    }

    fn meaning(fields: &Fields, op: Op, steps: &[&str]) -> Option<Meaning> {
        steps.iter().fold(fields.trail(Some(op)), |trail, step| trail.below(step)).here
    }

    #[test]
    fn a_field_is_found_by_its_steps_and_what_is_beneath_a_volatile_one_is_volatile() {
        let fields = Fields {
            volatile: vec![field("/members/*/ping"), field("/a~1b")],
            bound: vec![(field("/members/me/code"), Class::Session)],
        };
        let at = |steps: &[&str]| meaning(&fields, Op::SessionPut, steps);
        assert_eq!(at(&["members", "me", "ping"]), Some(Meaning::Volatile));
        assert_eq!(at(&["members", "me", "ping", "0", "x"]), Some(Meaning::Volatile));
        assert_eq!(at(&["a/b"]), Some(Meaning::Volatile));
        assert_eq!(at(&["members", "me", "code"]), Some(Meaning::Bound(Class::Session)));
        assert_eq!(at(&["members", "me", "code", "0"]), None);
        assert_eq!(at(&["members", "me"]), None);
        assert_eq!(meaning(&fields, Op::MemberMePut, &["a/b"]), None);
    }

    #[test]
    fn an_answer_shows_players_by_number() {
        let fields = Fields { bound: vec![(field("/members/me/code"), Class::Session)], ..Fields::default() };
        let text = r#"{"members":{"0":{"code":"ABC"},"1":{"code":7,"other":"ABC"}},"code":"ABC"}"#;
        let slots = fields.slots(&Doc::parse(text.as_bytes()).unwrap());
        let found: Vec<_> = slots.iter().map(|slot| (slot.span.start, slot.text.as_str())).collect();
        assert_eq!(found, [(text.find("ABC").unwrap(), "ABC")]);
    }

    #[test]
    fn a_place_of_a_difference_is_a_spot() {
        let told = |place: &str| Spot::named(place).map(|spot| spot.written());
        assert_eq!(told("body /a~1b/0"), Some(("pointer", "/a~1b/0".to_owned())));
        assert_eq!(told("query take"), Some(("query", "take".to_owned())));
        assert_eq!((told("body /"), told("body"), told("path session")), (None, None, None));
    }
}
