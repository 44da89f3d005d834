//! Judging live traffic: off the clients' path, one after the other in the order things were answered and heard.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::watch::{About, Watch};
use crate::conduct::{Exchange, Heard, Judge};
use crate::contract::{Contract, Finding};
use crate::exchange::{Answer, Call};
use crate::socket::{Message, Sender};

/// Something to be judged, as it is kept.
#[derive(Debug)]
pub(super) enum Case {
    /// An exchange, and what its call was found to break.
    Exchange { lane: String, asked: u64, answered: u64, call: Box<Call>, answer: Box<Answer>, found: Vec<Finding> },
    /// A message, with the call that opened its socket.
    Message { lane: String, opening: Arc<About>, socket: u64, at: u64, from: Sender, message: Message },
    /// The end of a socket that broke.
    Broken { socket: u64, at: u64 },
    /// Nothing: whoever put it waits until its turn has come.
    Turn(oneshot::Sender<()>),
}

/// The queue to the judge. It is bounded: traffic waits for its judge rather than grow without end.
#[derive(Debug)]
pub(super) struct Docket {
    position: AtomicU64,
    cases: Mutex<Option<mpsc::Sender<Case>>>,
    task: TaskTracker,
}

impl Docket {
    /// A judge at work; needs a runtime.
    pub(super) fn open(contract: Arc<Contract>, watch: Arc<Watch>) -> Self {
        let (cases, mut queue) = mpsc::channel(WAITING_AT_MOST);
        let task = TaskTracker::new();
        task.spawn(async move {
            let mut judge = Judge::new(contract);
            while let Some(case) = queue.recv().await {
                hear(&mut judge, &watch, case);
            }
        });
        task.close();
        Self { position: AtomicU64::new(0), cases: Mutex::new(Some(cases)), task }
    }

    /// The next position: everything answered or heard before now precedes it.
    pub(super) fn position(&self) -> u64 {
        self.position.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Hands over a case. One that comes after the docket was closed is not judged.
    pub(super) async fn put(&self, case: Case) {
        let cases = self.cases.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(cases) = cases {
            // The judge ends only when every sender is gone, and this is one.
            let _ = cases.send(case).await;
        }
    }

    /// Waits until what was handed over before has been judged, and lets more come.
    pub(super) async fn caught_up(&self) {
        let (turn, come) = oneshot::channel();
        self.put(Case::Turn(turn)).await;
        // A docket that was closed drops it: there is nothing to wait for.
        let _ = come.await;
    }

    /// Waits until everything handed over has been judged.
    pub(super) async fn close(&self) {
        drop(self.cases.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.task.wait().await;
    }
}

fn hear(judge: &mut Judge, watch: &Watch, case: Case) {
    match case {
        Case::Exchange { lane, asked, answered, call, answer, found } => {
            let exchange = Exchange { lane: &lane, asked, answered, call: &call, answer: &answer };
            let findings = judge.answered(&exchange, found);
            watch.report(&lane, &call, &findings);
            let (op, status) = (call.resolution.name(), answer.response.status);
            watch.answered(&lane, &call, status);
            let (outcome, request) = (answer.outcome.as_str(), &call.request);
            tracing::debug!(target: "tapdeck::exchange", lane, op, status, outcome, "{} {}", request.method, request.target);
        }
        Case::Message { lane, opening, socket, at, from, message } => {
            let heard = Heard { lane: &lane, socket, at, from, message: &message };
            watch.report_about(&lane, &opening, &judge.message(&heard));
        }
        Case::Broken { socket, at } => judge.broken(socket, at),
        Case::Turn(come) => {
            let _ = come.send(());
        }
    }
}

const WAITING_AT_MOST: usize = 1024;
