//! Writing a session: precondition, draft, merge, and what is left of it (mpsd-behaviour §1.2).

use super::access::{NO_ACCESS, Visitor};
use super::birth::Birth;
use super::document::{self, document};
use super::intent::{Element, Intent, Me};
use super::merge::{Merge, Stage};
use super::people::Caller;
use super::policy::{ElementAnswer, Policies};
use super::precondition::Precondition;
use super::read::{NO_SESSION, NO_TEMPLATE, etag};
use super::refusal::Refusal;
use super::session::Session;
use super::template::{Hold, Template};
use super::timer::outcome;
use super::{Desk, Target, caps, reply};
use crate::exchange::Call;
use crate::message::Response;
use crate::mpsd::target::parameters;
use crate::mpsd::version::Contract;

/// One write, read.
#[derive(Debug)]
struct Write<'a> {
    caller: Caller,
    target: &'a Target,
    template: &'a Template,
    hold: Hold,
    key: String,
    contract: Contract,
    element: Element<'a>,
    precondition: Precondition,
    intent: Intent,
    commit: Commit,
}

/// Whether a write is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Commit {
    /// Store the outcome.
    Store,
    /// Only show it: `nocommit=true`.
    Show,
}

impl Desk<'_> {
    /// Writes a session or one of its elements.
    pub(super) fn put(
        &mut self,
        call: &Call,
        mut caller: Caller,
        target: &Target,
        contract: Contract,
        element: Element<'_>,
    ) -> Result<Response, Refusal> {
        let (template, hold) =
            self.settings.template(&target.reference.template).ok_or(Refusal::NotFound(NO_TEMPLATE))?;
        let intent = match call.request.method.as_str() {
            "DELETE" => Intent::removing(element),
            _ => Intent::read(body(call, target)?, element, contract.names(), &self.settings.policies)?,
        };
        let precondition = Precondition::of(&call.request.headers, &self.settings.policies)?;
        self.store.people.learn(&mut caller, intent.stated_xuid(), self.dice)?;
        if matches!(intent.me, Me::Here(_)) {
            self.store.people.settle(&caller)?;
        }
        let key = target.reference.key();
        let commit = commit(call);
        let write = Write { caller, target, template, hold, key, contract, element, precondition, intent, commit };
        let is_spared = self.settings.policies.writer_is_spared && write.intent.shows_up();
        let before = self.aged(&write.key, is_spared.then_some(write.caller.xuid.as_str()));
        match (self.draft(&write, before.as_ref()), before) {
            (Ok(draft), before) => self.conclude(&write, before, draft),
            (Err(refusal @ Refusal::ReadOnly), Some(session)) => Ok(self.shown(403, &write, &session, &refusal)),
            (Err(refusal @ Refusal::Stale), Some(session)) => Ok(self.shown(412, &write, &session, &refusal)),
            (Err(refusal), _) => Err(refusal),
        }
    }

    /// The session as the write would have it.
    fn draft(&self, write: &Write<'_>, before: Option<&Session>) -> Result<Session, Refusal> {
        let current = before.map(|session| etag(session, self.dice));
        if let Some(session) = before {
            let visitor =
                Visitor::new(&write.caller, write.target.way, session, &self.store.people, &self.settings.policies);
            if !visitor.may_read(session) {
                return Err(Refusal::Forbidden(NO_ACCESS));
            }
        }
        if before.is_none() && write.element != Element::Session {
            return Err(Refusal::NotFound(NO_SESSION));
        }
        write.precondition.check(current.as_deref(), &self.settings.policies)?;
        let (mut draft, stage) = match before {
            Some(session) => (session.clone(), Stage::Stored),
            None => (self.birth(write)?, Stage::New),
        };
        let merge = Merge {
            intent: &write.intent,
            visitor: Visitor::new(&write.caller, write.target.way, &draft, &self.store.people, &self.settings.policies),
            title: write.caller.title,
            gamertag: &write.caller.gamertag,
            policies: &self.settings.policies,
            now: self.now,
            stage,
        };
        merge.apply(&mut draft)?;
        self.check_connection(before, &draft, &write.caller.xuid)?;
        check_weight(&draft, &self.settings.policies)?;
        Ok(draft)
    }

    fn birth(&self, write: &Write<'_>) -> Result<Session, Refusal> {
        let birth = Birth {
            reference: &write.target.reference,
            template: write.template,
            hold: write.hold,
            policies: &self.settings.policies,
            lives: self.store.lives(&write.key),
            now: self.now,
            names: write.contract.names(),
        };
        birth.session(&write.intent.constants, self.dice)
    }

    /// Stores the draft, ends the session, or leaves things as they were, and answers.
    fn conclude(&mut self, write: &Write<'_>, before: Option<Session>, draft: Session) -> Result<Response, Refusal> {
        let status = if before.is_some() { 200 } else { 201 };
        let outcome = match write.commit {
            Commit::Store => self.store_outcome(&write.key, before.as_ref(), draft)?,
            Commit::Show => outcome(before.as_ref(), draft, self.now, &self.settings.policies),
        };
        let Some(mut session) = outcome else {
            return Ok(reply::uncached(reply::empty(204)));
        };
        if write.commit == Commit::Show && !self.settings.policies.nocommit_counts {
            session.change = before.map_or(0, |session| session.change);
        }
        let reader = &write.caller.xuid;
        let Some(element) = document::element(&session, write.element, reader, write.contract) else {
            return Ok(reply::uncached(reply::empty(self.settings.policies.element_gone_status)));
        };
        let body = match self.settings.policies.element_answer {
            ElementAnswer::Element if write.element != Element::Session => element,
            _ => document(&session, reader, write.contract, &self.settings.policies),
        };
        Ok(self.stamped(reply::json(status, body), &session))
    }

    /// A refusal that shows the session as it is.
    fn shown(&self, status: u16, write: &Write<'_>, session: &Session, refusal: &Refusal) -> Response {
        let may_read =
            Visitor::new(&write.caller, write.target.way, session, &self.store.people, &self.settings.policies)
                .may_read(session);
        if !may_read {
            return refusal.response();
        }
        let body = document(session, &write.caller.xuid, write.contract, &self.settings.policies);
        reply::uncached(self.stamped(reply::json(status, body), session))
    }
}

/// The request body, decoded and not too long. By handle an empty one is a request for nothing, as documented there.
pub(super) fn body<'a>(call: &'a Call, target: &Target) -> Result<&'a [u8], Refusal> {
    let bytes = bytes(call)?;
    Ok(if bytes.is_empty() && target.location.is_some() { b"{}" } else { bytes })
}

/// The request body, decoded and not too long.
pub(super) fn bytes(call: &Call) -> Result<&[u8], Refusal> {
    let bytes = call.request.body.decoded().ok_or_else(|| Refusal::invalid("The request body cannot be decoded."))?;
    match bytes.len() <= caps::BODY {
        true => Ok(bytes),
        false => Err(Refusal::invalid("The request body is too long.")),
    }
}

fn check_weight(draft: &Session, policies: &Policies) -> Result<(), Refusal> {
    let limit = if draft.can("large") { policies.large_document_bytes } else { policies.document_bytes };
    match draft.weight() as u64 <= limit {
        true => Ok(()),
        false => Err(Refusal::invalid("The session would be too large.")),
    }
}

fn commit(call: &Call) -> Commit {
    let is_nocommit = parameters(&call.request.target).into_iter().any(|(name, value)| {
        name.text.eq_ignore_ascii_case("nocommit") && value.is_some_and(|value| value.text.eq_ignore_ascii_case("true"))
    });
    if is_nocommit { Commit::Show } else { Commit::Store }
}
