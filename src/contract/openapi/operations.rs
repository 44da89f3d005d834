//! The paths and what can be done at each.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::schemas::Components;
use super::{bodies, parameters, servers};
use crate::mpsd::route::{Carries, Principal, Reply};
use crate::mpsd::{Op, ROUTES, Route, Service};

/// Every path with its operations, in the order of the table.
pub(super) fn paths(components: &Components) -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let item = paths.entry(route.path).or_insert_with(|| item(route));
        item[route.method.to_ascii_lowercase()] = operation(route, components);
    }
    paths.into()
}

fn item(route: &Route) -> Value {
    let mut item = json!({});
    if route.service != Service::Mpsd {
        item["servers"] = servers(route.service);
    }
    let in_path = parameters::in_path(route.path);
    if !in_path.is_empty() {
        item["parameters"] = in_path.into();
    }
    item
}

fn operation(route: &Route, components: &Components) -> Value {
    let about = format!("{} {}", route.about, callers(route.principals));
    let mut operation = json!({
        "tags": [route.group],
        "summary": route.summary,
        "description": about.trim_start(),
        "operationId": route.name,
        "parameters": parameters::of(route),
    });
    if route.has_body() {
        operation["requestBody"] = bodies::asked(route.op, components);
    }
    operation["responses"] = responses(route, components);
    if route.op == Op::RtaConnect {
        // A nonce in the query may take the token's place.
        operation["security"] = json!([{ parameters::TOKEN: [] }, {}]);
        operation["x-messages"] = bodies::messages(components);
    }
    operation["x-citation"] = route.citation.into();
    operation
}

fn callers(principals: &[Principal]) -> String {
    let names: Vec<&str> = principals
        .iter()
        .map(|principal| match principal {
            Principal::User => "users",
            Principal::Server => "servers",
            Principal::OnBehalf => "services on behalf of users",
        })
        .collect();
    format!("Callers: {}.", names.join(", "))
}

fn responses(route: &Route, components: &Components) -> Value {
    let mut responses = Map::new();
    for reply in route.replies {
        responses.insert(reply.status.to_string(), response(reply, components));
    }
    for reply in route.refusals {
        let reference = json!({ "$ref": format!("#/components/responses/{}", refusal_name(reply)) });
        responses.insert(reply.status.to_string(), reference);
    }
    responses.into()
}

/// Every refusal, by the name references use.
pub(super) fn refusals(components: &Components) -> BTreeMap<String, Value> {
    let all = ROUTES.iter().flat_map(|route| route.refusals);
    all.map(|reply| (refusal_name(reply), response(reply, components))).collect()
}

fn refusal_name(reply: &Reply) -> String {
    let carries = if reply.carries.contains(&Carries::Session) { "Session" } else { "" };
    format!("Refusal{}{carries}", reply.status)
}

fn response(reply: &Reply, components: &Components) -> Value {
    let mut response = json!({ "description": format!("{}.", reply.meaning) });
    if !reply.headers.is_empty() {
        let reference = |name: &&str| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }));
        response["headers"] = reply.headers.iter().map(reference).collect();
    }
    if !reply.carries.is_empty() {
        response["content"] = bodies::answered(reply.carries, components);
    }
    response
}
