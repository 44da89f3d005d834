//! Conduct: what is judged, exchange after exchange and message after message, whichever way it comes.
//!
//! Live traffic, a journal, a sealed cassette, a replay and a HAR file all go through the one [`Judge`], so that all of
//! them show the same findings in the same order. It asks the contract what an exchange breaks by itself, and knows
//! from what it has seen what only the sequence shows. No clock is asked: one thing comes before another when its
//! answer was complete before the other was asked. What two clients do at once proves nothing, and what a cassette
//! repeats says nothing new.

mod memory;
mod sessions;
mod sighting;
mod sockets;

use std::sync::Arc;

use crate::contract::{Contract, Finding, Findings, Severity, Side};
use crate::exchange::{Answer, Call, Outcome, user_hash};
use crate::mpsd::Service;
use crate::socket::{Message, Sender};

use sessions::Sessions;
use sighting::Asked;
use sockets::Sockets;

/// Judges traffic in the order it is shown.
#[derive(Debug)]
pub struct Judge {
    contract: Arc<Contract>,
    sessions: Sessions,
    sockets: Sockets,
}

/// An exchange, as redacted as it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The player's lane.
    pub lane: &'a str,
    /// Position at which the call had been read.
    pub asked: u64,
    /// Position at which the answer was complete. A precedes B only if `A.answered < B.asked`.
    pub answered: u64,
    /// The call.
    pub call: &'a Call,
    /// Its answer.
    pub answer: &'a Answer,
}

/// A message on a socket, as redacted as it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// The lane whose socket it is.
    pub lane: &'a str,
    /// The socket: the position at which its opening was asked.
    pub socket: u64,
    /// Position at which the message had been read.
    pub at: u64,
    /// Who sent it.
    pub from: Sender,
    /// What it says.
    pub message: &'a Message,
}

impl Judge {
    /// A judge that has seen nothing yet.
    pub fn new(contract: Arc<Contract>) -> Self {
        Self { contract, sessions: Sessions::default(), sockets: Sockets::default() }
    }

    /// What an exchange breaks, in document order: the request's faults, then its answer's, then those that only what
    /// came before it shows.
    pub fn exchange(&mut self, exchange: &Exchange<'_>) -> Vec<Finding> {
        let asked = self.contract.check_call(exchange.call);
        self.answered(exchange, asked)
    }

    /// The same for an exchange whose call was judged already, with `asked` as the outcome.
    pub fn answered(&mut self, exchange: &Exchange<'_>, asked: Vec<Finding>) -> Vec<Finding> {
        let mut findings = asked;
        // What a request hints at, its answer may prove.
        let answered = self.contract.check_answer(exchange.call, exchange.answer);
        findings.retain(|hint| !answered.iter().any(|one| one.rule == hint.rule && one.place == hint.place));
        findings.extend(answered);
        let mut more = self.sequence(exchange);
        more.retain(|one| !findings.iter().any(|said| said.rule == one.rule && said.place == one.place));
        findings.extend(more);
        if let Some(status) = rejection(exchange.answer) {
            findings.iter_mut().filter(|finding| is_about(finding, status)).for_each(|finding| {
                finding.rejected = Some(status);
                finding.severity = Severity::Info;
            });
        }
        findings
    }

    /// What a message breaks, by itself and by what came before it. Only sockets to the real-time service that were
    /// seen to be opened are judged.
    pub fn message(&mut self, heard: &Heard<'_>) -> Vec<Finding> {
        if !self.sockets.is_known(heard.socket) {
            return Vec::new();
        }
        let mut findings = self.contract.check_message(heard.from, heard.message);
        let mut more = Findings::default();
        self.sockets.message(heard, &mut more);
        findings.extend(self.contract.finish(more));
        findings
    }

    /// Takes note that a socket broke.
    pub fn broken(&mut self, socket: u64, at: u64) {
        self.sockets.ended(socket, at);
    }

    fn sequence(&mut self, exchange: &Exchange<'_>) -> Vec<Finding> {
        let Exchange { lane, asked: position, call, answer, .. } = *exchange;
        let mut findings = Findings::default();
        match call.service {
            Service::Rta if answer.response.status == 101 => self.sockets.opened(position),
            Service::Mpsd if !is_repeat(answer) => {
                let asked = Asked::of(call);
                // Without a user's token, nobody knows whose socket it ought to be.
                if names_user(call) {
                    self.sockets.written(lane, position, &asked, &mut findings);
                }
                if let Some(document) = self.sessions.before(exchange) {
                    self.contract.check_constants(call, &document, &mut findings);
                }
                self.sessions.exchange(exchange, &asked, &mut findings);
                if let Some(document) = self.sessions.explaining(exchange) {
                    self.contract.check_rejected(call, &document, &mut findings);
                }
            }
            _ => {}
        }
        self.contract.finish(findings)
    }
}

/// The status by which the service itself rejected a request: then what is wrong with it was expected. A lost update
/// (412) and a full window (429) say nothing about the request.
fn rejection(answer: &Answer) -> Option<u16> {
    let status = answer.response.status;
    let rejects = (400..500).contains(&status) && !matches!(status, 412 | 429);
    (rejects && answer.outcome == Outcome::Answered).then_some(status)
}

/// True for a finding that such a rejection speaks of: 401 looks at the credentials, and at nothing else.
fn is_about(finding: &Finding, status: u16) -> bool {
    let is_of_credentials = ["authorization-", "rta-auth-"].iter().any(|about| finding.rule.id.starts_with(about));
    finding.rule.side == Side::Client && (status != 401 || is_of_credentials)
}

/// True for a call with a user's token, or what redaction left of one.
fn names_user(call: &Call) -> bool {
    let hash = call.request.headers.text("authorization").and_then(user_hash);
    hash.is_some_and(|hash| !matches!(hash, "" | "-" | "*"))
}

/// True for an answer of a cassette that was given before.
fn is_repeat(answer: &Answer) -> bool {
    answer.response.headers.text("tapdeck-outcome") == Some("repeat")
}

#[cfg(test)]
mod tests;
