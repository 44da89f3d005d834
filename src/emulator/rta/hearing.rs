//! Subscribing and unsubscribing.

use super::said::Said;
use super::topic::own_xuid;
use super::{Frame, Subscription, Topic};
use crate::clock::after;
use crate::emulator::Desk;
use crate::emulator::policy::{MalformedMessage, RepeatedSubscribe};
use crate::emulator::refusal::Refusal;
use crate::socket::{Message, SocketId};

/// Why a subscription is refused: the numbers of mpsd-behaviour §4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
enum Code {
    UnknownResource = 1,
    Limit = 2,
    Denied = 3,
    Throttled = 1001,
    Unavailable = 1002,
}

impl Desk<'_> {
    /// Takes a message of a connection's client.
    pub(in crate::emulator) fn hear(&mut self, socket: SocketId, message: &Message) {
        if self.store.rta.open(socket).is_none() {
            return;
        }
        match Said::read(message) {
            Said::Subscribe { seq, resource } => {
                let text = match self.subscribe(socket, &resource.unwrap_or_default()) {
                    Ok((id, data)) => format!("[1,{seq},0,{id},{data}]"),
                    Err(code) => format!("[1,{seq},{}]", code as u16),
                };
                self.send(socket, Frame::Text(text));
            }
            Said::Unsubscribe { seq, id } => {
                let code = self.unsubscribe(socket, id);
                self.send(socket, Frame::Text(format!("[2,{seq},{code}]")));
            }
            Said::Unknown => {}
            Said::Malformed => match self.settings.policies.malformed_message {
                MalformedMessage::Ignore => {}
                MalformedMessage::Close => self.end_connection(socket, NOT_UNDERSTOOD),
            },
        }
    }

    /// The new subscription's id and data.
    fn subscribe(&mut self, socket: SocketId, uri: &str) -> Result<(u64, String), Code> {
        if self.is_too_much(socket) {
            return Err(Code::Throttled);
        }
        let policies = &self.settings.policies;
        let topic = Topic::of(uri, &policies.rta_services).ok_or(Code::UnknownResource)?;
        self.identify(socket, uri, &topic)?;
        let connection = self.store.rta.open(socket).ok_or(Code::Unavailable)?;
        let is_same = |other: &Subscription| {
            other.topic == topic && (topic == Topic::Connections || other.uri.eq_ignore_ascii_case(uri))
        };
        let known = connection.subscriptions.iter().find(|(_, other)| is_same(other)).map(|(id, _)| *id);
        if let Some(id) = known.filter(|_| policies.repeated_subscribe == RepeatedSubscribe::Same) {
            return Ok((id, self.data(socket, &topic)?));
        }
        if connection.subscriptions.len() as u64 >= policies.rta_subscriptions {
            return Err(Code::Limit);
        }
        let data = self.data(socket, &topic)?;
        let connection = self.store.rta.open_mut(socket).ok_or(Code::Unavailable)?;
        let id = connection.next;
        connection.next += 1;
        connection.subscriptions.insert(id, Subscription { uri: uri.to_owned(), topic });
        Ok((id, data))
    }

    fn unsubscribe(&mut self, socket: SocketId, id: Option<u64>) -> u16 {
        let connection = self.store.rta.open_mut(socket);
        let dropped = connection.zip(id).and_then(|(connection, id)| connection.subscriptions.remove(&id));
        let Some(dropped) = dropped else {
            return self.settings.policies.unknown_unsubscribe_code;
        };
        let is_mpsd = |subscription: &Subscription| subscription.topic == Topic::Connections;
        let connection = self.store.rta.open(socket);
        let keeps_id = connection.is_some_and(|connection| connection.subscriptions.values().any(is_mpsd));
        if is_mpsd(&dropped)
            && !keeps_id
            && let Some(id) = self.store.rta.unbind(socket)
        {
            self.lose_id(id, self.settings.policies.close_grace);
        }
        0
    }

    /// Believes what a resource says about its subscriber; another user's invites are nobody's business.
    fn identify(&mut self, socket: SocketId, uri: &str, topic: &Topic) -> Result<(), Code> {
        let connection = self.store.rta.open(socket).ok_or(Code::Unavailable)?;
        let mut caller = self.store.people.recognised(connection.caller.clone(), self.dice);
        let stated = own_xuid(uri);
        let learnt = self.store.people.learn(&mut caller, stated, self.dice);
        learnt.map_err(|_: Refusal| Code::Unavailable)?;
        match topic {
            Topic::Invites(xuid) if *xuid != caller.xuid => Err(Code::Denied),
            _ => Ok(()),
        }
    }

    /// What a subscription is answered with; the first one to MPSD draws the ConnectionId.
    fn data(&mut self, socket: SocketId, topic: &Topic) -> Result<String, Code> {
        if *topic != Topic::Connections {
            return Ok("null".to_owned());
        }
        let connection = self.store.rta.open(socket).ok_or(Code::Unavailable)?;
        if let Some(id) = &connection.id {
            return Ok(shown(id));
        }
        let entity = format!("connection:{}", connection.caller.hash);
        let n = self.store.rta.draw(&entity).map_err(|_: Refusal| Code::Unavailable)?;
        let id = self.dice.guid(&entity, n);
        self.store.rta.live.insert(id.clone(), socket);
        let shown = shown(&id);
        if let Some(connection) = self.store.rta.open_mut(socket) {
            connection.id = Some(id);
        }
        Ok(shown)
    }

    /// Counts a subscription in its window.
    fn is_too_much(&mut self, socket: SocketId) -> bool {
        let (limit, now) = (self.settings.policies.rta_burst, self.now);
        let Some(connection) = self.store.rta.open_mut(socket).filter(|_| limit > 0) else {
            return false;
        };
        let (since, count) = connection.burst.filter(|(since, _)| now < after(*since, WINDOW)).unwrap_or((now, 0));
        connection.burst = Some((since, count.saturating_add(1)));
        count >= limit
    }
}

/// As the service writes it, spaces and all.
fn shown(id: &str) -> String {
    format!(r#"{{ "ConnectionId":"{id}" }}"#)
}

/// RFC 6455: a message that makes no sense.
const NOT_UNDERSTOOD: u16 = 1007;

/// The window of a burst, in ms (mpsd-behaviour §5).
const WINDOW: u64 = 15_000;
