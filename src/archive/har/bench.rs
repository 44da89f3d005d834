//! What the judge is shown of a HAR file, and what the report is told of it.

use std::collections::BTreeMap;

use super::timeline::{Pair, Shown, Told};
use crate::conduct::{Exchange, Heard, Judge};
use crate::report::{Opening, Report};

/// The judge's bench for one file.
pub(super) struct Bench<'a> {
    file: &'a str,
    judge: &'a mut Judge,
    report: &'a mut Report,
    /// Sockets that have messages to come, by their openings' numbers.
    sockets: BTreeMap<u64, Socket>,
}

struct Socket {
    lane: String,
    line: usize,
    position: u64,
    opening: Opening,
    left: usize,
}

impl<'a> Bench<'a> {
    pub(super) fn new(file: &'a str, judge: &'a mut Judge, report: &'a mut Report) -> Self {
        Self { file, judge, report, sockets: BTreeMap::new() }
    }

    /// Shows the judge what happened next.
    pub(super) fn show(&mut self, shown: Shown) {
        match shown {
            Shown::Pair(pair) => self.exchange(*pair),
            Shown::Told(told) => self.message(&told),
        }
    }

    fn exchange(&mut self, pair: Pair) {
        let Pair { number, ordinal, line, lane, asked, answered, messages, call, answer } = pair;
        let exchange = Exchange { lane: &lane, asked, answered, call: &call, answer: &answer };
        self.report.exchange(self.judge, &exchange, Some(self.file), (ordinal, line));
        if messages > 0 {
            let (op, method, target) = (call.resolution.name(), call.request.method, call.request.target);
            let opening = Opening { ordinal, op, method, target, messages: 0 };
            self.sockets.insert(number, Socket { lane, line, position: asked, opening, left: messages });
        }
    }

    fn message(&mut self, told: &Told) {
        let Some(socket) = self.sockets.get_mut(&told.opening) else { return };
        socket.opening.messages += 1;
        socket.left -= 1;
        let Socket { lane, line, position, opening, .. } = &*socket;
        let heard = Heard { lane, socket: *position, at: told.at, from: told.from, message: &told.message };
        self.report.message(self.judge, &heard, Some(self.file), opening, *line);
        if socket.left == 0 {
            self.sockets.remove(&told.opening);
        }
    }
}
