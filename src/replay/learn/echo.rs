//! What the service made in one take, and what it made in the other.
//!
//! A client says back what it was told: handles, tickets, entity tags, times. Played to the first take, the second
//! take's clients would have been told what the first one holds; so that is what they are taken to have said.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::cassette::{HttpRecord, rewrite_request};
use crate::clock::is_timestamp;
use crate::message::{Request, Response};
use crate::mpsd::name::guids;
use crate::mpsd::{Service, resolve};
use crate::slot::{self, Class, Judge, Role};

/// The first take's values for the second's.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    heard: BTreeMap<String, String>,
    /// What the second take's clients said before they were told it: it is theirs.
    own: BTreeSet<String>,
}

impl Echoes {
    /// A call of the second take as its client would have made it in the first.
    pub(super) fn request(&mut self, record: &HttpRecord) -> Request {
        let request = record.request();
        let heard = &self.heard;
        self.own.extend(asked(&request, record.service()).into_iter().filter(|text| !heard.contains_key(text)));
        let mut record = record.clone();
        let known = |text: &str, role: Role| {
            let mut found = made(text, role);
            found.retain(|(span, _)| self.heard.contains_key(&text[span.clone()].to_lowercase()));
            found
        };
        rewrite_request(&mut record.request, &known, &mut |slot| self.heard.get(&slot.text.to_lowercase()).cloned());
        for header in record.request.headers.iter_mut().filter(|header| CONDITIONS.contains(&header.name.as_str())) {
            let tag = String::from_utf8_lossy(&header.value).to_lowercase();
            if let Some(told) = self.heard.get(&tag) {
                header.value = told.clone().into();
            }
        }
        record.request()
    }

    /// Takes note of the answers to a call and to the one it is in the first take.
    pub(super) fn answers(&mut self, first: &Response, second: &Response) {
        let (told, heard) = (answered(first), answered(second));
        if told.len() != heard.len() {
            return;
        }
        let pairs = heard.into_iter().zip(told).filter(|(heard, told)| !heard.eq_ignore_ascii_case(told));
        for (heard, told) in pairs.map(|(heard, told)| (heard.to_lowercase(), told)) {
            if !self.own.contains(&heard) {
                self.heard.entry(heard).or_insert(told);
            }
        }
    }
}

/// Values of such kinds in a request, lower-case.
fn asked(request: &Request, service: Service) -> Vec<String> {
    let mut texts = Vec::new();
    let resolution = resolve(service, &request.method, &request.target);
    let judge = collector(&mut texts);
    slot::in_target(&request.target, resolution.operation(), &judge);
    slot::in_payload(request.body.decoded().map(|body| body.as_ref()).unwrap_or_default(), &judge);
    drop(judge);
    texts.into_iter().map(|text| text.to_lowercase()).collect()
}

/// Values of such kinds in an answer, in its order.
fn answered(response: &Response) -> Vec<String> {
    let mut texts: Vec<String> = response.headers.text("etag").map(str::to_owned).into_iter().collect();
    let judge = collector(&mut texts);
    for name in ["location", "content-location"] {
        slot::in_header(name, response.headers.text(name).unwrap_or_default(), &judge);
    }
    slot::in_payload(response.body.decoded().map(|body| body.as_ref()).unwrap_or_default(), &judge);
    drop(judge);
    texts
}

/// A judge that judges nothing: it notes the values it is shown.
fn collector(texts: &mut Vec<String>) -> impl Judge {
    let texts = std::cell::RefCell::new(texts);
    move |text: &str, role: Role| {
        texts.borrow_mut().extend(made(text, role).into_iter().map(|(span, _)| text[span].to_owned()));
        Vec::new()
    }
}

/// What somebody has made up for the occasion: GUIDs, names of sessions, times.
fn made(text: &str, role: Role) -> Vec<(Range<usize>, Class)> {
    match role {
        Role::Typed(Class::Session) if !text.is_empty() => vec![(0..text.len(), Class::Session)],
        _ if is_timestamp(text) => vec![(0..text.len(), Class::Guid)],
        _ => guids(text).into_iter().map(|span| (span, Class::Guid)).collect(),
    }
}

const CONDITIONS: [&str; 2] = ["if-match", "if-none-match"];
