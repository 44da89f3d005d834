//! Everybody who plays: the live clients, what is bound, and their sockets.

use super::bind::Bindings;
use super::compare::Asked;
use super::lane::LiveLane;
use super::miss::{Miss, Reason};
use super::socket::{Client, Live, Sockets, Word};
use super::tape::{Tape, UPGRADED};
use super::{Options, Played, Tally};
use crate::exchange::LaneKey;
use crate::message::Response;
use crate::socket::{Message, SocketId};

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) bindings: Bindings,
    pub(super) lanes: Vec<LiveLane>,
    pub(super) sockets: Sockets,
    pub(super) tally: Tally,
}

impl State {
    /// Answers a call; gives also which live client asked.
    pub(super) fn answer(&mut self, tape: &Tape, options: &Options, asked: Asked<'_>) -> (Response, Played, usize) {
        let key = LaneKey::of(asked.call);
        let at = match self.lanes.iter().position(|lane| lane.key == key) {
            Some(at) => at,
            None => {
                self.lanes.push(LiveLane::new(key, tape.lanes()));
                self.lanes.len() - 1
            }
        };
        let taken = self.taken();
        let is_only = self.lanes.len() == 1;
        let (response, played) = match self.lanes[at].play(tape, options, asked, &self.bindings, &taken, is_only) {
            Ok(turn) => {
                if let Some(bindings) = turn.bindings {
                    self.bindings = bindings;
                }
                (turn.response, turn.played)
            }
            Err(miss) => (miss.response(options.miss_status), Played::Miss(miss)),
        };
        match &played {
            Played::Hit(_) => self.tally.hits += 1,
            Played::Bound(_) => self.tally.bound += 1,
            Played::Repeat(_) => self.tally.repeats += 1,
            Played::Miss(_) => self.tally.misses += 1,
        }
        self.pump(tape, options);
        (response, played, at)
    }

    pub(super) fn open(
        &mut self,
        tape: &Tape,
        options: &Options,
        asked: Asked<'_>,
    ) -> (Response, Played, Option<SocketId>) {
        let (response, played, at) = self.answer(tape, options, asked);
        if matches!(played, Played::Miss(_)) || response.status != UPGRADED {
            return (response, played, None);
        }
        let socket = self.sockets.open(at);
        self.lanes[at].opened(tape, socket);
        self.pump(tape, options);
        (response, played, Some(socket))
    }

    pub(super) fn hear(
        &mut self,
        tape: &Tape,
        options: &Options,
        socket: SocketId,
        message: &Message,
        shown: &Message,
    ) -> Vec<SocketId> {
        let (Some(at), Some(word)) = (self.sockets.client(socket), Word::of(message)) else {
            return Vec::new();
        };
        let taken = self.taken();
        let others = self.lanes.iter().enumerate().filter(|(other, _)| *other != at);
        let spoken: Vec<usize> = others.filter_map(|(_, lane)| lane.voice()).collect();
        let is_only = self.lanes.len() == 1 && options.live == Live::One;
        let lane = &mut self.lanes[at];
        lane.leave_out(&taken);
        match lane.hear(tape, (socket, message, &word), &self.bindings, &spoken, is_only) {
            Some(heard) => {
                if let Some(bindings) = heard.bindings {
                    self.bindings = bindings;
                }
                if let Some(reply) = heard.reply {
                    self.sockets.say(socket, reply);
                }
            }
            None => self.miss(socket, &word, shown),
        }
        self.pump(tape, options);
        self.sockets.news()
    }

    pub(super) fn lose(&mut self, tape: &Tape, options: &Options, socket: SocketId) -> Vec<SocketId> {
        if let Some(at) = self.sockets.client(socket) {
            self.sockets.lose(socket, tape.reel());
            self.lanes[at].lost(socket);
            self.pump(tape, options);
        }
        self.sockets.news()
    }

    /// What no lane ever said is refused as the service refuses it, and told.
    fn miss(&mut self, socket: SocketId, word: &Word, shown: &Message) {
        let (op, _, refusal) = word.refused();
        let (_, call, _) = Word::of(shown).unwrap_or(Word::Other).refused();
        self.sockets.misses.push(Miss { reason: Reason::NoSuchCall, call, op: op.to_owned(), nearest: Vec::new() });
        self.tally.misses += 1;
        if let Some(refusal) = refusal {
            self.sockets.say(socket, refusal);
        }
    }

    /// Releases what may go out by now.
    fn pump(&mut self, tape: &Tape, options: &Options) {
        if tape.reel().is_empty() {
            return;
        }
        let taken = self.taken();
        self.lanes.iter_mut().for_each(|lane| lane.leave_out(&taken));
        let bindings: Vec<_> = self.lanes.iter().map(|lane| lane.bindings(&self.bindings)).collect();
        let known = self.lanes.iter().zip(&bindings);
        let clients: Vec<Client<'_>> = known.filter_map(|(lane, bindings)| lane.client(bindings.as_deref()?)).collect();
        self.sockets.pump(tape.reel(), &options.live, tape.lanes(), &clients);
    }

    /// The lanes that clients are certain to be.
    fn taken(&self) -> Vec<usize> {
        self.lanes.iter().filter_map(LiveLane::settled).collect()
    }
}
