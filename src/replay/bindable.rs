//! What in a cassette a live client may have its own of: aliases, and what clients made up while it was recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use super::socket::RecordedFrame;
use super::tape::Recorded;
use crate::json::Doc;
use crate::message::{Request, Response};
use crate::mpsd::name::is_guid;
use crate::mpsd::rta::{Frame, trimmed};
use crate::mpsd::{ParamName, Service, resolve};
use crate::redact::REDACTED;
use crate::slot::alias::AliasClass;
use crate::slot::{self, Class, Judge, Role, settle};
use crate::socket::Sender;

/// The recorded values a live client may have its own of.
#[derive(Debug)]
pub(super) struct Bindable {
    search: Option<AhoCorasick>,
    classes: Vec<Class>,
    sessions: BTreeSet<String>,
}

impl Bindable {
    /// Of these aliases (by class name), these exchanges and these messages, in cassette order.
    pub(super) fn new(
        aliases: &BTreeMap<String, Vec<String>>,
        recorded: &[Recorded],
        frames: &[RecordedFrame],
    ) -> Self {
        let mut census = Census::default();
        let mut frames = frames.iter().peekable();
        for (before, exchange) in recorded.iter().enumerate() {
            while let Some(frame) = frames.next_if(|frame| frame.after <= before) {
                census.frame(frame);
            }
            census.request(&exchange.request);
            census.response(&exchange.response);
        }
        frames.for_each(|frame| census.frame(frame));
        let classes = aliases.iter().filter_map(|(name, texts)| Some((AliasClass::named(name)?.class(), texts)));
        let aliases = classes.flat_map(|(class, texts)| texts.iter().map(move |text| (text.clone(), class)));
        let guids = census.client_guids.into_iter().chain(census.connections).map(|guid| (guid, Class::Guid));
        let secret = (REDACTED.to_owned(), Class::Secret);
        let (texts, classes): (Vec<_>, Vec<_>) = aliases.chain(guids).chain([secret]).unzip();
        let search =
            AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).ascii_case_insensitive(true).build(texts);
        Self {
            search: search.ok().filter(|search| search.patterns_len() > 0),
            classes,
            sessions: census.client_sessions,
        }
    }

    fn by_value(&self, text: &str) -> Vec<(Range<usize>, Class)> {
        let Some(search) = &self.search else {
            return Vec::new();
        };
        let joins = |char: Option<char>| char.is_some_and(char::is_alphanumeric);
        search
            .find_iter(text)
            .filter(|found| {
                !joins(text[..found.start()].chars().next_back()) && !joins(text[found.end()..].chars().next())
            })
            .map(|found| (found.range(), self.classes[found.pattern().as_usize()]))
            .collect()
    }
}

impl Judge for Bindable {
    fn judge(&self, text: &str, role: Role) -> Vec<(Range<usize>, Class)> {
        match role {
            Role::Typed(Class::Session) if self.sessions.contains(&text.to_lowercase()) => {
                vec![(0..text.len(), Class::Session)]
            }
            Role::Typed(Class::Secret) if !text.is_empty() => vec![(0..text.len(), Class::Secret)],
            _ => settle(self.by_value(text)),
        }
    }
}

/// Who showed a value first: what the service made is echoed by clients and never bound.
#[derive(Debug, Default)]
struct Census {
    client_guids: BTreeSet<String>,
    client_sessions: BTreeSet<String>,
    service_made: BTreeSet<String>,
    /// Connection ids: made by the service, and yet a client has its own while it is not known which lane it is.
    connections: BTreeSet<String>,
}

impl Census {
    fn request(&mut self, request: &Request) {
        let resolution = resolve(Service::Mpsd, &request.method, &request.target);
        if let Some(operation) = resolution.operation() {
            // A scid is configuration, a handle is the service's: neither is a client's own, wherever it stands first.
            // A session may well have the name of its template.
            let fixed = [ParamName::Scid, ParamName::Handle, ParamName::Template];
            let fixed = fixed.iter().map(|name| operation.param(*name).to_lowercase()).filter(|text| is_guid(text));
            self.service_made.extend(fixed);
        }
        let mut found = Vec::new();
        slot::in_target(&request.target, resolution.operation(), &collector(&mut found));
        self.body(request.body.decoded().map(|body| body.as_ref()), &mut found);
        self.client_made(found);
    }

    /// A message of either side.
    fn frame(&mut self, frame: &RecordedFrame) {
        let mut found = Vec::new();
        slot::in_payload(frame.payload(), &collector(&mut found));
        if frame.from == Sender::Client {
            return self.client_made(found);
        }
        self.connections.extend(connection_id(frame.payload()));
        self.service_showed(found);
    }

    fn client_made(&mut self, found: Vec<(String, bool)>) {
        for (text, is_session) in found {
            if self.service_made.contains(&text) {
                continue;
            }
            if is_guid(&text) {
                self.client_guids.insert(text.clone());
            }
            if is_session {
                self.client_sessions.insert(text);
            }
        }
    }

    fn response(&mut self, response: &Response) {
        let mut found = Vec::new();
        for header in response.headers.iter() {
            let value = std::str::from_utf8(&header.value).unwrap_or_default();
            slot::in_header(&header.name, value, &collector(&mut found));
        }
        self.body(response.body.decoded().map(|body| body.as_ref()), &mut found);
        self.service_showed(found);
    }

    fn service_showed(&mut self, found: Vec<(String, bool)>) {
        let known = |text: &String| self.client_guids.contains(text) || self.client_sessions.contains(text);
        let fresh: Vec<String> = found.into_iter().map(|(text, _)| text).filter(|text| !known(text)).collect();
        self.service_made.extend(fresh);
    }

    fn body(&mut self, body: Option<&[u8]>, found: &mut Vec<(String, bool)>) {
        let Ok(doc) = Doc::parse(body.unwrap_or_default()) else {
            return;
        };
        if let Some(reference) = doc.root().get("sessionRef") {
            let scid = reference.get("scid").and_then(|scid| scid.str());
            self.service_made.extend(scid.map(|scid| scid.to_lowercase()));
        }
        slot::in_json(&doc, &collector(found));
    }
}

/// The connection id that a subscription is answered with (mpsd-behaviour §4.3).
pub(super) fn connection_id(payload: &[u8]) -> Option<String> {
    let doc = Doc::parse(trimmed(payload)).ok()?;
    let id = Frame::of(&doc)?.item(4)?.get("ConnectionId")?.str()?.to_lowercase();
    is_guid(&id).then_some(id)
}

/// A judge that judges nothing: it notes each GUID and each session name it is shown.
fn collector(found: &mut Vec<(String, bool)>) -> impl Judge {
    let found = std::cell::RefCell::new(found);
    move |text: &str, role: Role| {
        let is_session = role == Role::Typed(Class::Session) && !text.is_empty();
        if is_session || is_guid(text) {
            found.borrow_mut().push((text.to_lowercase(), is_session));
        }
        Vec::new()
    }
}
