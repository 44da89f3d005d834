//! The two players of the demo: everything a client makes up or is.

use crate::dice::{Dice, hex};

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Opens the lobby.
    Host,
    /// Joins it.
    Guest,
}

/// One performance's players and the session they make.
#[derive(Debug)]
pub(super) struct Cast {
    pub(super) session: String,
    host: Person,
    guest: Person,
}

/// A player, and what the player's client remembers.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) xuid: String,
    pub(super) authorization: String,
    pub(super) connection: String,
    pub(super) subscription: String,
    pub(super) address: String,
    /// The entity tag of the last document seen.
    pub(super) tag: String,
}

impl Cast {
    /// Players that no other take number has.
    pub(super) fn new(take: u64) -> Self {
        let dice = Dice::new(take);
        Self {
            session: dice.guid("session", 0).to_uppercase(),
            host: person("host", dice),
            guest: person("guest", dice),
        }
    }

    pub(super) fn of(&self, who: Who) -> &Person {
        match who {
            Who::Host => &self.host,
            Who::Guest => &self.guest,
        }
    }

    pub(super) fn of_mut(&mut self, who: Who) -> &mut Person {
        match who {
            Who::Host => &mut self.host,
            Who::Guest => &mut self.guest,
        }
    }

    /// A text with this cast's own values replaced by what they stand for.
    pub(super) fn masked(&self, text: &str) -> String {
        let mut masked = text.replace(&self.session, "{session}");
        for person in [&self.host, &self.guest] {
            for (value, what) in [
                (&person.xuid, "xuid"),
                (&person.connection, "connection"),
                (&person.subscription, "subscription"),
                (&person.address, "address"),
            ] {
                masked = masked.replace(value.as_str(), &format!("{{{} {what}}}", person.name));
            }
        }
        masked
    }
}

fn person(name: &'static str, dice: Dice) -> Person {
    let token = hex(&dice.draw(name, 9));
    Person {
        name,
        xuid: (2_814_000_000_000_000 + dice.number(name, 0) % 1_000_000_000_000).to_string(),
        authorization: format!("XBL3.0 x={};eyJ{token}", dice.number(name, 1)),
        connection: dice.guid(name, 2),
        subscription: dice.guid(name, 3).to_uppercase(),
        address: dice.hex32(name, 4) + "AAAAAAAA",
        tag: String::new(),
    }
}
