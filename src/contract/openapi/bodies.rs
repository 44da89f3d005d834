//! Which schemas are the bodies of which operation, and how they look filled in.

use serde_json::{Value, json};

use super::pattern::any_case;
use super::schemas::Components;
use crate::contract::schema::{HandleType, QueryType, Rendering, Shape};
use crate::mpsd::Op;
use crate::mpsd::route::Carries;

/// The content of a request.
pub(super) fn asked(op: Op, components: &Components) -> Value {
    let mut content = json!({});
    let shapes = asked_shapes(op);
    if !shapes.is_empty() {
        content["schema"] = one_of(&shapes, components);
    }
    if let Some(examples) = examples_of(op.name()) {
        content["examples"] = examples;
    }
    json!({ "required": true, "content": { "application/json": content } })
}

/// The content of an answer, by media type.
pub(super) fn answered(carries: &[Carries], components: &Components) -> Value {
    let mut content = json!({});
    if carries.contains(&Carries::Message) {
        content["text/plain"] = json!({ "schema": { "type": "string" } });
    }
    let documents: Vec<Carries> = carries.iter().copied().filter(|one| *one != Carries::Message).collect();
    let Some(first) = documents.first() else {
        return content;
    };
    let mut json = json!({});
    let shapes: Vec<Vec<Shape>> = documents.iter().map(|carries| answered_shapes(*carries)).collect();
    // One body of no known shape leaves nothing to say of the others.
    if shapes.iter().all(|shapes| !shapes.is_empty()) {
        json["schema"] = one_of(&shapes.concat(), components);
    }
    if let Some(examples) = examples_of(&format!("{first:?}")) {
        json["examples"] = examples;
    }
    content["application/json"] = json;
    content
}

/// What is said on a socket, by whom; OpenAPI has no word for it.
pub(super) fn messages(components: &Components) -> Value {
    let said = |shapes: [Shape; 2]| shapes.map(|shape| components.reference(shape));
    json!({
        "client": said([Shape::RtaSubscribe, Shape::RtaUnsubscribe]),
        "service": said([Shape::RtaReply, Shape::RtaEvent]),
    })
}

/// True for shapes that are the body of something, not just what is left when its type is unknown.
pub(super) fn is_documented(shape: Shape) -> bool {
    use Shape::{Handle, HandleQuery, HandleResults};
    !matches!(shape, Handle(HandleType::Other) | HandleQuery(QueryType::Other) | HandleResults(QueryType::Other))
}

fn asked_shapes(op: Op) -> Vec<Shape> {
    match op {
        Op::Batch | Op::TemplateBatch => vec![Shape::Batch],
        Op::TicketCreate => vec![Shape::TicketRequest],
        Op::HandleCreate | Op::HandlesQuery => {
            TYPED.iter().filter(|(of, ..)| *of == op).map(|(_, shape, _)| *shape).collect()
        }
        _ => {
            let both = [Rendering::V107, Rendering::V105];
            let mut shapes: Vec<Shape> =
                both.into_iter().filter_map(|rendering| Shape::of_request(op, rendering)).collect();
            shapes.dedup();
            shapes
        }
    }
}

fn answered_shapes(carries: Carries) -> Vec<Shape> {
    match carries {
        Carries::Session => vec![Shape::SessionDocument],
        Carries::Handle => vec![Shape::HandleDocument],
        Carries::Sessions => vec![Shape::SessionResults],
        Carries::Handles => [QueryType::Activity, QueryType::Search].map(Shape::HandleResults).to_vec(),
        Carries::TemplateNames => vec![Shape::TemplateNames],
        Carries::Template => vec![Shape::TemplateDocument],
        Carries::Limit => vec![Shape::Limit],
        Carries::NewTicket => vec![Shape::TicketAnswer],
        Carries::Ticket => vec![Shape::TicketStatus],
        Carries::HopperStats => vec![Shape::HopperStats],
        Carries::Message | Carries::Element | Carries::Nonce => Vec::new(),
    }
}

fn one_of(shapes: &[Shape], components: &Components) -> Value {
    let all: Vec<Value> = shapes.iter().map(|shape| typed(*shape, components)).collect();
    match all.as_slice() {
        [one] => one.clone(),
        all => json!({ "anyOf": all }),
    }
}

/// A body's schema; where several types share a path, with the type it is for.
fn typed(shape: Shape, components: &Components) -> Value {
    let mut schema = components.reference(shape);
    if let Some((.., word)) = TYPED.iter().find(|(_, known, _)| *known == shape) {
        schema["required"] = json!(["type"]);
        schema["properties"] = json!({ "type": { "pattern": any_case(&format!("^{word}$")) } });
    }
    schema
}

/// References to the examples of a body.
fn examples_of(body: &str) -> Option<Value> {
    let examples = examples();
    let named = examples.get(body)?.as_object()?.keys();
    let reference = |name: &String| json!({ "$ref": format!("#/components/examples/{body}.{name}") });
    Some(named.map(|name| (name.clone(), reference(name))).collect())
}

/// Every example, by the name references use.
pub(super) fn all_examples() -> Value {
    let examples = examples();
    let bodies = examples.as_object().into_iter().flatten();
    let named =
        bodies.flat_map(|(body, examples)| examples.as_object().into_iter().flatten().map(move |one| (body, one)));
    named.map(|(body, (name, example))| (format!("{body}.{name}"), example.clone())).collect()
}

/// Examples by the operation that asks with them, or by what answers carry. A test reads them in the document.
fn examples() -> Value {
    serde_json::from_str(include_str!("examples.json")).unwrap_or_default()
}

/// Bodies that say themselves which they are.
const TYPED: [(Op, Shape, &str); 6] = [
    (Op::HandleCreate, Shape::Handle(HandleType::Activity), "activity"),
    (Op::HandleCreate, Shape::Handle(HandleType::Invite), "invite"),
    (Op::HandleCreate, Shape::Handle(HandleType::Search), "search"),
    (Op::HandleCreate, Shape::Handle(HandleType::Transfer), "transfer"),
    (Op::HandlesQuery, Shape::HandleQuery(QueryType::Activity), "activity"),
    (Op::HandlesQuery, Shape::HandleQuery(QueryType::Search), "search"),
];
