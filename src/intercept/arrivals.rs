//! Who came, and how far each got: what the landing page shows and the screen's diagnoses are made of.

mod password;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::access::Admission;
use super::fault::TlsFault;
use crate::exchange::LaneName;

pub use password::{Miss, Password};

/// Who came to one door so far, by address.
#[derive(Debug, Default)]
pub struct Arrivals(Mutex<BTreeMap<IpAddr, Guest>>);

/// A client's address, and what came from there.
#[derive(Clone, Debug)]
pub struct Guest {
    /// The player it is, where somebody said so; the last name, where there are several.
    pub name: Option<LaneName>,
    /// Connections made.
    pub connections: u64,
    /// Calls on intercepted hosts.
    pub calls: u64,
    /// Looks at our own page.
    pub visits: u64,
    /// Connections and plain-text calls passed on unread.
    pub tunnels: u64,
    /// Connections and calls that were turned away.
    pub refused: u64,
    /// Handshakes that came to nothing.
    pub failed: u64,
    /// The same by what was wrong.
    pub faults: BTreeMap<TlsFault, u64>,
    /// Handshakes after which the client left without a word.
    pub silent: u64,
    /// What last happened.
    pub last: Event,
    /// When.
    pub at: Instant,
    /// When it first came.
    pub since: Instant,
    /// The last handshake that came to nothing, unless a call has come since: the fault, and the host asked for.
    pub fault: Option<(TlsFault, Option<String>)>,
    /// Where it finds our page, if it is on another machine and had such a handshake.
    pub page: Option<SocketAddr>,
    /// Why it was last turned away.
    pub refusal: Option<String>,
    /// What became of asking it for the proxy's password.
    pub password: Password,
    /// The first few hosts it reached unread.
    pub elsewhere: Vec<String>,
    /// How often it asked for hosts that are none of ours and could not be reached.
    pub unreached: BTreeMap<String, u64>,
    /// The last of them, and why.
    pub stranded: Option<(String, String)>,
}

/// How far somebody got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A connection, and nothing on it yet.
    Connected,
    /// Our own page, read.
    Visited,
    /// A call on an intercepted host.
    Called {
        /// The host.
        host: String,
    },
    /// A host whose bytes are passed on unread.
    Tunnelled {
        /// The host.
        host: String,
    },
    /// A host that is none of ours, and cannot be reached.
    Unreached {
        /// The host.
        host: String,
        /// Why, in one line.
        why: String,
    },
    /// No further than this.
    Refused {
        /// Why, in one line.
        why: String,
    },
    /// Asked for the proxy's password, as everybody is who comes without.
    Asked,
    /// No further than this, for want of the password.
    KeptOut {
        /// How it was missed.
        miss: Miss,
    },
    /// A TLS handshake that came to nothing.
    Failed {
        /// What is wrong.
        fault: TlsFault,
        /// The host the client asked for, if it said so.
        host: Option<String>,
        /// Where it finds our page, if it is on another machine.
        page: Option<SocketAddr>,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => f.write_str("connected, and said nothing yet"),
            Self::Visited => f.write_str("read the page of this deck"),
            Self::Called { host } => write!(f, "called {host}"),
            Self::Tunnelled { host } => write!(f, "reached {host}, which is passed on unread"),
            Self::Unreached { host, .. } => write!(f, "asked for {host}, which cannot be reached"),
            Self::Refused { why } => write!(f, "was refused: {why}"),
            Self::Asked => f.write_str("was asked for the proxy password"),
            Self::KeptOut { miss } => write!(f, "was refused: {miss}"),
            Self::Failed { fault, host: Some(host), .. } => write!(f, "failed at TLS for {host}: {}", fault.as_str()),
            Self::Failed { fault, host: None, .. } => write!(f, "failed at TLS: {}", fault.as_str()),
        }
    }
}

impl Event {
    /// The same, with no text longer than a name can be: clients make them up.
    fn cut(mut self) -> Self {
        let text = match &mut self {
            Self::Unreached { host, why } => {
                cut(host);
                why
            }
            Self::Called { host } | Self::Tunnelled { host } | Self::Failed { host: Some(host), .. } => host,
            Self::Refused { why } => why,
            Self::Connected | Self::Visited | Self::Asked | Self::KeptOut { .. } | Self::Failed { host: None, .. } => {
                return self;
            }
        };
        cut(text);
        self
    }
}

fn cut(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
    }
}

impl Arrivals {
    /// Takes down what happened to a client, and says how often the like of it has by now; `None` when there is no
    /// more room for further clients. Strangers leave room for those who are let in.
    pub(super) fn note(
        &self,
        client: IpAddr,
        admission: Admission,
        name: Option<&LaneName>,
        event: Event,
    ) -> Option<u64> {
        let now = Instant::now();
        let mut guests = self.guests();
        let most = if admission == Admission::Welcome { MOST_GUESTS } else { MOST_GUESTS / 2 };
        if guests.len() >= most && !guests.contains_key(&client) {
            return None;
        }
        let guest = guests.entry(client).or_insert_with(|| Guest::new(now));
        if let Some(name) = name {
            guest.name = Some(name.clone());
        }
        Some(guest.take(event.cut(), now))
    }

    /// How often a client's handshakes came to nothing for one reason.
    pub(super) fn times(&self, client: IpAddr, fault: TlsFault) -> u64 {
        self.guests().get(&client).and_then(|guest| guest.faults.get(&fault).copied()).unwrap_or_default()
    }

    /// Takes down that a client left without a word after its handshake. True when that is suspicious: it has done so
    /// before, and never made a call. A browser does it now and then, with connections it made in advance.
    pub(super) fn silent(&self, client: IpAddr) -> bool {
        let mut guests = self.guests();
        let Some(guest) = guests.get_mut(&client) else { return false };
        guest.silent += 1;
        guest.silent > 1 && guest.calls == 0
    }

    /// True for a client that was asked for the password a while ago, and has not come with it since.
    pub(super) fn is_overdue(&self, client: IpAddr) -> bool {
        self.guests().get(&client).is_some_and(|guest| guest.password.is_overdue(Instant::now()))
    }

    /// Takes down that a client came with the password.
    pub(super) fn let_in(&self, client: IpAddr) {
        if let Some(guest) = self.guests().get_mut(&client) {
            guest.password.shown();
        }
    }

    /// Everybody by now, by address.
    pub fn all(&self) -> Vec<(IpAddr, Guest)> {
        self.guests().iter().map(|(address, guest)| (*address, guest.clone())).collect()
    }

    fn guests(&self) -> MutexGuard<'_, BTreeMap<IpAddr, Guest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// Somebody who comes now.
    pub(crate) fn new(at: Instant) -> Self {
        let last = Event::Connected;
        let (name, fault, page, refusal, elsewhere, stranded) = (None, None, None, None, Vec::new(), None);
        let password = Password::default();
        let (connections, visits, calls, tunnels, refused, failed) = (0, 0, 0, 0, 0, 0);
        let (since, faults, unreached, silent) = (at, BTreeMap::new(), BTreeMap::new(), 0);
        Self {
            name,
            connections,
            visits,
            calls,
            tunnels,
            refused,
            failed,
            faults,
            silent,
            last,
            at,
            since,
            fault,
            page,
            refusal,
            password,
            elsewhere,
            unreached,
            stranded,
        }
    }

    /// Counts what happened, and keeps of it what later events do not make untrue. How often the like of it has by now.
    pub(crate) fn take(&mut self, event: Event, at: Instant) -> u64 {
        let count = self.count(&event, at);
        match &event {
            Event::Connected | Event::Visited | Event::Asked | Event::KeptOut { .. } => {}
            Event::Called { .. } => self.fault = None,
            Event::Tunnelled { host } => {
                if self.elsewhere.len() < MOST_HOSTS && !self.elsewhere.contains(host) {
                    self.elsewhere.push(host.clone());
                }
            }
            Event::Unreached { host, why } => self.stranded = Some((host.clone(), why.clone())),
            Event::Refused { why } => self.refusal = Some(why.clone()),
            Event::Failed { fault, host, page } => {
                self.page = *page;
                *self.faults.entry(*fault).or_default() += 1;
                self.fault = Some((*fault, host.clone()));
            }
        }
        // Whoever comes once more, is asked once more, or looks at our page, has done what it did before.
        if !matches!(event, Event::Connected | Event::Visited | Event::Asked) || matches!(self.last, Event::Connected) {
            (self.last, self.at) = (event, at);
        }
        count
    }

    fn count(&mut self, event: &Event, at: Instant) -> u64 {
        let counter = match event {
            Event::Connected => &mut self.connections,
            Event::Visited => &mut self.visits,
            Event::Called { .. } => &mut self.calls,
            Event::Tunnelled { .. } => &mut self.tunnels,
            Event::Unreached { host, .. } => {
                let is_full = self.unreached.len() >= MOST_UNREACHED && !self.unreached.contains_key(host);
                self.unreached.entry(if is_full { "others".to_owned() } else { host.clone() }).or_default()
            }
            Event::Refused { .. } => &mut self.refused,
            Event::Asked => return self.password.ask(at),
            Event::KeptOut { miss } => {
                self.refused += 1;
                return self.password.miss(*miss);
            }
            Event::Failed { .. } => &mut self.failed,
        };
        *counter += 1;
        *counter
    }
}

/// Longer than any host name.
const LONGEST: usize = 400;
/// Addresses told apart; a playtest has a few.
const MOST_GUESTS: usize = 1000;
/// Hosts kept of one of them.
const MOST_HOSTS: usize = 4;
/// Hosts told apart that one of them did not reach.
const MOST_UNREACHED: usize = 100;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_never_sends_the_password_is_told_of_whatever_it_was_refused_before() {
        let (arrivals, client) = (Arrivals::default(), IpAddr::from([10, 0, 0, 31]));
        arrivals.note(
            client,
            Admission::WithPassword,
            None,
            Event::Refused { why: "example.com:443 is not passed on".to_owned() },
        );
        assert!(!arrivals.is_overdue(client));
        let asked = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        arrivals.guests().get_mut(&client).unwrap().take(Event::Asked, asked);
        assert!(arrivals.is_overdue(client));
        assert_eq!(
            arrivals.note(client, Admission::WithPassword, None, Event::KeptOut { miss: Miss::Nothing }),
            Some(1)
        );
        arrivals.let_in(client);
        assert!(!arrivals.is_overdue(client));
    }

    #[test]
    fn strangers_leave_room_for_players() {
        let client = |number: u32| IpAddr::V4(Ipv4Addr::from(number));
        for (admission, event) in [
            (Admission::Never, Event::Refused { why: "outside".to_owned() }),
            (Admission::WithPassword, Event::Connected),
        ] {
            let arrivals = Arrivals::default();
            for number in 0..10_000 {
                arrivals.note(client(number), admission, None, event.clone());
            }
            assert_eq!(arrivals.all().len(), MOST_GUESTS / 2, "{admission:?}");
            assert_eq!(arrivals.note(client(1), admission, None, event.clone()), Some(2));
            assert_eq!(arrivals.note(client(20_000), admission, None, event), None);
            assert_eq!(arrivals.note(client(20_000), Admission::Welcome, None, Event::Connected), Some(1));
        }
    }
}
