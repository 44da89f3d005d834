//! The documented contract of MPSD, as data: a rule catalogue, JSON Schemas, and small functions for the rest.
//!
//! One call and one answer at a time: this module keeps no state between exchanges, and judges only what an exchange
//! itself shows. What shipping clients do against the documents stays silent or is a mere warning: a false alarm is a
//! bug as bad as a missed violation. It sees calls already redacted and says nothing about secrets but their form.

mod against;
mod answer;
mod body;
mod catalogue;
mod constants;
mod context;
mod document;
#[cfg(test)]
pub(crate) mod example;
mod filter;
mod finding;
mod format;
mod handle;
mod headers;
mod matchmaking;
mod openapi;
mod parts;
mod query;
mod results;
mod rule;
mod schema;
mod session;
mod socket;
mod target;
mod terms;
mod title;
mod view;

use serde_json::Value;

pub use catalogue::{rule, rules, similar_rules};
pub use finding::{Finding, Place, REPORTED_AT_MOST};
pub(crate) use finding::{Findings, quoted};
pub use openapi::openapi;
pub use rule::{Rule, Severity, Side};
pub(crate) use socket::LARGEST as LARGEST_MESSAGE;
pub(crate) use target::has_parameter;
pub use terms::{Terms, Weight};
pub use title::{Bag, SchemaFault, Title, TitleSchema};

use against::Written;
use parts::Parts;
use schema::{HandleType, QueryType, Rendering, Schemas, Shape};
use view::View;

use crate::exchange::{Answer, Call, Outcome};
use crate::message::{Headers, Response};
use crate::mpsd::{Op, Service};
use crate::socket::{Message, Sender};

/// The contract, ready to judge. Schemas are compiled when a body first needs them.
#[derive(Debug, Default)]
pub struct Contract {
    schemas: Schemas,
    terms: Terms,
}

impl Contract {
    /// The documented contract.
    pub fn new() -> Self {
        Self::default()
    }

    /// The documented contract on a project's own terms.
    pub fn with(terms: Terms) -> Self {
        Self { schemas: Schemas::default(), terms }
    }

    /// What a request breaks, in document order. Requests to services next door are not judged.
    ///
    /// A request the service went on to reject is judged like any other.
    pub fn check_call(&self, call: &Call) -> Vec<Finding> {
        if !is_judged(call) {
            return Vec::new();
        }
        let mut findings = Findings::default();
        match call.service {
            Service::Rta => socket::check_opening(call, &mut findings),
            Service::SmartMatch => matchmaking::check_head(call, &mut findings),
            _ => {
                headers::check(call, &mut findings);
                target::check(call, &mut findings);
            }
        }
        let view = body::read(call, &mut findings);
        let value = view.as_ref().and_then(|view| view.value.as_ref());
        if let Some(op) = call.resolution.operation().map(|operation| operation.op) {
            if call.service == Service::Mpsd {
                query::check(call, op, value, &mut findings);
            }
            if let Some(value) = value {
                self.check_body(call, op, value, &mut findings);
                title::check_call(self.terms.titles(), call, op, value, &mut findings);
            }
        }
        findings.finish(&self.terms, view.as_ref().map(|view| &view.doc), None)
    }

    /// What an answer breaks, and what the request breaks once its answer is seen, in document order.
    ///
    /// Only the service's own word is judged, not tapdeck's.
    pub fn check_answer(&self, call: &Call, answer: &Answer) -> Vec<Finding> {
        if !is_judged(call) || answer.outcome != Outcome::Answered {
            return Vec::new();
        }
        let mut findings = Findings::default();
        let response = &answer.response;
        let asked = View::of(&call.request.body);
        let view = View::of(&response.body);
        if call.service != Service::Rta {
            answer::check(&self.schemas, call, response, view.as_ref(), &mut findings);
        }
        if let Some(op) = call.resolution.operation().map(|operation| operation.op) {
            let exchange = results::Exchange { call, op, asked: asked.as_ref(), response, view: view.as_ref() };
            results::check(&self.schemas, &exchange, &mut findings);
            let carries = answer::carries_session(op, response, view.as_ref());
            let document = view.as_ref().filter(|_| carries).and_then(|view| view.value.as_ref());
            let request = asked.as_ref().and_then(|asked| asked.value.as_ref());
            if let Some((request, document)) = request.filter(|_| !op.is_read()).zip(document) {
                let written = match response.status {
                    201 => Written::Created,
                    200 => Written::Updated,
                    _ => Written::No,
                };
                against::check(call, &Parts::of(op, request), document, written, &mut findings);
            }
            let shown = view.as_ref().and_then(|view| view.value.as_ref());
            title::check_answer(self.terms.titles(), (call, op), response, (request, shown), &mut findings);
        }
        findings.finish(&self.terms, asked.as_ref().map(|view| &view.doc), view.as_ref().map(|view| &view.doc))
    }

    /// What a request that the service rejected breaks, by the session it was about.
    pub(crate) fn check_rejected(&self, call: &Call, document: &[u8], findings: &mut Findings) {
        let op = call.resolution.operation().map(|operation| operation.op).filter(|op| !op.is_read());
        let asked = View::of(&call.request.body).and_then(|view| view.value);
        let document = View::read(document).ok().and_then(|view| view.value);
        if let (Some(op), Some(asked), Some(document)) = (op, asked, document) {
            against::check(call, &Parts::of(op, &asked), &document, Written::Updated, findings);
        }
    }

    /// What the constants of a request break, by the same life of the session as it was before.
    pub(crate) fn check_constants(&self, call: &Call, document: &[u8], findings: &mut Findings) {
        let op = call.resolution.operation().map(|operation| operation.op).filter(|op| !op.is_read());
        let asked = View::of(&call.request.body).and_then(|view| view.value);
        let asked = asked.filter(|asked| asked.get("constants").is_some());
        if let Some((op, asked)) = op.zip(asked)
            && let Some(document) = View::read(document).ok().and_then(|view| view.value)
        {
            against::check_constants(&Parts::of(op, &asked), &document, findings);
        }
    }

    /// What a message on a real-time activity socket breaks by itself.
    pub fn check_message(&self, from: Sender, message: &Message) -> Vec<Finding> {
        socket::check(&self.schemas, &self.terms, from, message)
    }

    /// Findings that were made elsewhere, in order and as heavy as the terms say.
    pub(crate) fn finish(&self, findings: Findings) -> Vec<Finding> {
        findings.finish(&self.terms, None, None)
    }

    fn check_body(&self, call: &Call, op: Op, value: &Value, findings: &mut Findings) {
        let known = headers::rendering(&call.request.headers);
        if let Some(shape) = Shape::of_request(op, known.unwrap_or(Rendering::V107)) {
            self.schemas.check(shape, value, Place::body, findings);
            session::check(call, &Parts::of(op, value), findings);
            if known.is_none() {
                findings.retain(|finding| !OF_ONE_VERSION.contains(&finding.rule.id));
            }
        }
        match op {
            Op::HandleCreate => {
                self.schemas.check(Shape::Handle(HandleType::of(value)), value, Place::body, findings);
                handle::check(value, findings);
            }
            Op::Batch | Op::TemplateBatch => self.schemas.check(Shape::Batch, value, Place::body, findings),
            Op::HandlesQuery => {
                let kind = QueryType::of(Some(value));
                self.schemas.check(Shape::HandleQuery(kind), value, Place::body, findings);
                let filter = value.get("filter").and_then(Value::as_str).filter(|_| kind == QueryType::Search);
                if let Some(filter) = filter {
                    filter::check(filter, findings);
                }
            }
            Op::TicketCreate => {
                self.schemas.check(Shape::TicketRequest, value, Place::body, findings);
                matchmaking::check_ticket(value, findings);
            }
            _ => {}
        }
    }
}

/// True for requests the contract speaks of. The session explorer under `/debug` is for people, not for games.
fn is_judged(call: &Call) -> bool {
    match call.service {
        Service::Mpsd => call.request.path().split('/').nth(1) != Some("debug"),
        Service::Rta | Service::SmartMatch => true,
        Service::MultiplayerActivity | Service::Neighbour => false,
    }
}

/// What `--enforce` answers in the service's place: the first error of the client's, as MPSD would say it. A rule that
/// only the project makes an error, and a title's own schema, are nothing MPSD knows of.
pub fn rejection(findings: &[Finding]) -> Option<Response> {
    let is_grave = |found: &&Finding| {
        let weighs = [found.severity, found.rule.severity] == [Severity::Error; 2];
        weighs && found.rule.side == Side::Client && found.schema.is_none()
    };
    let found = findings.iter().find(is_grave)?;
    let status = if found.rule.id.starts_with("contract-version-") { 406 } else { 400 };
    let headers: Headers = [("content-type", "text/plain")].into_iter().collect();
    let Finding { rule, place, message, .. } = found;
    let text = format!("{}: {place}: {message}. {} (tapdeck --enforce)\n", rule.id, rule.requires);
    Some(Response::new(status, headers, text))
}

/// Rules that only hold for one contract version: not judged while the version is unknown.
const OF_ONE_VERSION: [&str; 4] =
    ["timeouts-wrong-version", "managed-init-wrong-version", "auto-evaluate-at-107", "initialization-group-name"];

#[cfg(test)]
mod tests;
