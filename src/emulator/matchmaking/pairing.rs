//! Which tickets make a match, and the session that comes of it.

use super::ticket::{Player, Preserve, Status, Ticket};
use crate::emulator::form::scan;
use crate::emulator::intent::{Intent, Newcomer};
use crate::emulator::refusal::Refusal;
use crate::emulator::session::Member;
use crate::emulator::{Desk, caps};
use crate::mpsd::bag::{Custom, Delta, same_value};
use crate::mpsd::name::SessionRef;
use crate::mpsd::system::Place;
use crate::mpsd::version::Names;

impl Desk<'_> {
    /// Matches a ticket with the oldest that fit. Where no session can come of it, all of them wait on.
    pub(super) fn pair(&mut self, ticket: &Ticket) {
        let needed = self.settings.policies.match_tickets.max(1);
        let mut group = vec![ticket.clone()];
        for other in self.store.tickets.waiting(&ticket.hopper.key()) {
            if group.len() >= needed {
                break;
            }
            let Some(other) = self.refreshed(other).filter(|other| other.id != ticket.id) else { continue };
            if self.fits(&group, &other) {
                group.push(other);
            }
        }
        if group.len() < needed {
            return;
        }
        // The oldest come first: the one just made stands at the end.
        group.rotate_left(1);
        let Ok(target) = self.bring_together(&group) else { return };
        for mut ticket in group {
            ticket.target = Some(target.clone());
            let id = ticket.id.clone();
            self.store.tickets.update(ticket);
            self.close_ticket(&id, Status::Found);
        }
    }

    /// A ticket that waits, with the players its session has now; without any it is taken back.
    pub(super) fn refreshed(&mut self, mut ticket: Ticket) -> Option<Ticket> {
        if ticket.status != Status::Searching {
            return None;
        }
        let players = self.session(&ticket.request.session.key()).as_ref().map(Player::all_of).unwrap_or_default();
        if players.is_empty() {
            self.close_ticket(&ticket.id, Status::Canceled);
            return None;
        }
        ticket.players = players;
        self.store.tickets.update(ticket.clone());
        Some(ticket)
    }

    fn fits(&mut self, group: &[Ticket], other: &Ticket) -> bool {
        let same_attributes = same_value(&group[0].request.attributes, &other.request.attributes);
        let is_in =
            |player: &Player| group.iter().flat_map(|ticket| &ticket.players).any(|known| known.xuid == player.xuid);
        let kept = group.iter().chain([other]).filter(|ticket| ticket.request.preserve == Preserve::Always).count();
        (same_attributes || !self.settings.policies.match_same_attributes)
            && !other.players.iter().any(is_in)
            && kept <= 1
            && self.has_room(group, other)
    }

    /// True when the session of the match takes everybody.
    fn has_room(&mut self, group: &[Ticket], other: &Ticket) -> bool {
        let tickets = || group.iter().chain([other]);
        let host = tickets().find(|ticket| ticket.request.preserve == Preserve::Always);
        let guests = tickets().filter(|ticket| host.is_none_or(|host| host.id != ticket.id));
        let players: usize = guests.map(|ticket| ticket.players.len()).sum();
        match host {
            Some(host) => self
                .session(&host.request.session.key())
                .is_some_and(|session| session.members.len() + players <= session.capacity()),
            None => {
                let template = self.settings.template(&self.settings.policies.match_template);
                let max = template.map(|(template, _)| template.constants.number("maxMembersCount"));
                max.is_some_and(|max| players as u64 <= max.unwrap_or(caps::MEMBERS))
            }
        }
    }

    /// Has every player of a match in one session: the one to be preserved, or a new one.
    fn bring_together(&mut self, group: &[Ticket]) -> Result<SessionRef, Refusal> {
        let Some(host) = group.iter().find(|ticket| ticket.request.preserve == Preserve::Always) else {
            return self.found_session(group);
        };
        let guests = newcomers(group.iter().filter(|ticket| ticket.id != host.id));
        let (title, now) = (self.settings.policies.title_id, self.now);
        self.change(&host.request.session.key(), |session| {
            for guest in guests {
                let mut member = Member::reserved(guest.xuid.unwrap_or_default(), title, now);
                if session.index_of(&member.xuid).is_none() {
                    member.constants.merge(&guest.constants);
                    session.add(member);
                }
            }
        })?;
        Ok(host.request.session.clone())
    }

    fn found_session(&mut self, group: &[Ticket]) -> Result<SessionRef, Refusal> {
        let oldest = &group[0];
        let reference = SessionRef {
            scid: oldest.hopper.scid.clone(),
            template: self.settings.policies.match_template.clone(),
            name: self.dice.guid(&format!("match:{}", oldest.id), 0),
        };
        let constants = self.target_constants(oldest)?;
        let intent = Intent { constants, reserve: newcomers(group.iter()), ..Intent::default() };
        self.found(&reference, &intent)?;
        Ok(reference)
    }

    /// What the players of a ticket want the constants of their match to be.
    fn target_constants(&mut self, ticket: &Ticket) -> Result<Delta, Refusal> {
        let session = self.session(&ticket.request.session.key());
        let wanted = session.map(|session| session.properties.system.inner("matchmaking"));
        let wanted = wanted.unwrap_or_default().inner("targetSessionConstants").to_json();
        let doc = scan(wanted.as_bytes())?;
        let system = doc.root().get("system").map(|node| Place::Constants(Names::New).read(node, "constants.system"));
        Ok(Delta { system: system.transpose()?.unwrap_or_default(), custom: doc.root().get("custom").map(Custom::of) })
    }
}

/// Everybody on these tickets, as they come into the match.
fn newcomers<'a>(tickets: impl Iterator<Item = &'a Ticket>) -> Vec<Newcomer> {
    let newcomer = |ticket: &Ticket, player: &Player| Newcomer {
        xuid: Some(player.xuid.clone()),
        constants: Delta {
            system: [("initialize", "true".to_owned())].into_iter().collect(),
            custom: Some(player.result(ticket)),
        },
        ..Newcomer::default()
    };
    tickets.flat_map(|ticket| ticket.players.iter().map(move |player| newcomer(ticket, player))).collect()
}
